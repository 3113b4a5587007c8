// The answer to a write, from what its txn did to the tree (client.md 3.1, 4.7): written as soon as
// the txn is applied, so the stat on the wire is the one of that moment.
//
// Must agree with the writing half of FinalRequestProcessor and with MultiResponse.

import type { Output } from "../codec/output.ts";
import { writeMultiHeader } from "../records/client.ts";
import type { Applied, AppliedPart, Tree } from "../tree/tree.ts";
import { ErrorCode, OpCode } from "../txn/opcodes.ts";
import { MULTI_END } from "../wire/multi.ts";

/** The error code that a reply to this txn carries; a refused multi carries none. */
export const errorOf = (applied: Applied): number => applied.parts === null ? applied.err : 0;

/** True when the session lives elsewhere now: the connection is closed, not answered. */
export function hasMoved(applied: Applied): boolean {
  if (applied.parts === null) return applied.err === ErrorCode.SESSIONMOVED;
  return applied.parts.some((part) => part.err === ErrorCode.SESSIONMOVED);
}

/** Writes the body of a successful write of type `op`. */
export function writeApplied(out: Output, tree: Tree, op: number, applied: Applied): void {
  const { node } = applied;
  switch (op) {
    case OpCode.create:
      return out.ustring(applied.path);
    case OpCode.create2:
    case OpCode.createContainer:
    case OpCode.createTTL:
      out.ustring(applied.path);
      if (node !== null) tree.writeStat(node, out);
      return;
    case OpCode.setData:
    case OpCode.setACL:
      if (node !== null) tree.writeStat(node, out);
      return;
    case OpCode.reconfig:
      if (node === null) return;
      tree.writeData(node, out);
      tree.writeStat(node, out);
      return;
    case OpCode.multi:
      for (const part of applied.parts ?? []) writePart(out, part);
      return writeMultiHeader(out, MULTI_END);
  }
}

function writePart(out: Output, part: AppliedPart): void {
  const { type, err, path, stat } = part;
  switch (type) {
    case OpCode.create:
      writeMultiHeader(out, { type, done: false, err: 0 });
      return out.ustring(path);
    case OpCode.create2:
    case OpCode.createContainer:
    case OpCode.createTTL:
      writeMultiHeader(out, { type: OpCode.create2, done: false, err: 0 });
      out.ustring(path);
      if (stat !== null) out.raw(stat);
      return;
    case OpCode.setData:
      writeMultiHeader(out, { type, done: false, err: 0 });
      if (stat !== null) out.raw(stat);
      return;
    case OpCode.error:
      writeMultiHeader(out, { type, done: false, err });
      return out.int(err);
    default: // delete, check
      return writeMultiHeader(out, { type, done: false, err: 0 });
  }
}
