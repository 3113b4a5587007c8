// A learner's door: which writes of its clients it does not pass on, because a Java leader would stall
// or halt on them, and its followers with it (client.md 11, quorum.md H-R8).
//
// Must agree with what PrepRequestProcessor can decode; what halts is in hazards.ts.

import type { Input } from "../codec/input.ts";
import type { ACL } from "../records/data.ts";
import { ErrorCode, OpCode } from "../txn/opcodes.ts";
import { readRequestBody, readRequestRecord } from "../wire/client.ts";
import { isBadQuotaText, isNamelessQuota } from "./hazards.ts";
import { readMultiOps } from "./multi_ops.ts";
import { isSequentialMode, isTtlMode } from "./prepare_op.ts";

const REPLACEMENT = 0xfffd;
/** A list with text that is no UTF-8 becomes three times as long on its way. */
const GROWTH_MAX = 3;

/**
 * 0 to let a write pass, BADARGUMENTS when Java halts on it, at once or when it next reads its log:
 * `recordLimit` is the longest record that is read. Faults: those of decoding, on which a leader of
 * 3.9 stalls.
 */
export function doorRefusal(input: Input, op: number, recordLimit: number): number {
  const start = input.at;
  const length = input.end - start;
  if (isHazard(input, op)) return ErrorCode.BADARGUMENTS;
  if (GROWTH_MAX * length <= recordLimit) return 0;
  input.at = start;
  let grown = length;
  for (const acl of listsOf(input, op)) grown += growthOf(acl);
  return grown > recordLimit ? ErrorCode.BADARGUMENTS : 0;
}

/**
 * A leader of 3.4 falls over a forwarded op that it does not know, and lets the learner go with all
 * its clients, each time that somebody asks (H-R10). Within a multi it only refuses.
 */
export function isUnknownBefore35(op: number): boolean {
  return op === OpCode.create2 || op === OpCode.createContainer || op === OpCode.createTTL ||
    op === OpCode.reconfig;
}

/** The access lists that a write brings. */
function listsOf(input: Input, op: number): (readonly ACL[] | null)[] {
  switch (op) {
    case OpCode.create:
    case OpCode.create2:
    case OpCode.createContainer:
    case OpCode.createTTL:
    case OpCode.setACL:
      return [readRequestRecord(input, op).acl];
    case OpCode.multi:
      return readMultiOps(input).map((part) => part.kind === "create" ? part.acl : null);
    default:
      return [];
  }
}

/** Bytes by which ids get longer: paths hold no such characters, and data stays as it is. */
function growthOf(acl: readonly ACL[] | null): number {
  let growth = 0;
  for (const { id } of acl ?? []) {
    for (const text of [id.scheme ?? "", id.id ?? ""]) {
      for (let i = 0; i < text.length; i++) {
        const unit = text.charCodeAt(i);
        if (unit === REPLACEMENT) growth += 2; // three bytes for one
        else if (unit >= 0xd800 && unit <= 0xdfff) growth += 1; // six bytes for four
      }
    }
  }
  return growth;
}

function isHazard(input: Input, op: number): boolean {
  switch (op) {
    case OpCode.create:
    case OpCode.create2:
    case OpCode.createContainer:
      return isBadCreate(readRequestRecord(input, op));
    case OpCode.createTTL: {
      const asked = readRequestRecord(input, op);
      return isBadCreate(asked) || (!isTtlMode(asked.flags) && asked.ttl < 0n);
    }
    case OpCode.delete:
      return isNamelessQuota(readRequestRecord(input, op).path ?? "");
    case OpCode.setData: {
      const { path, data } = readRequestRecord(input, op);
      return isBadQuotaText(path ?? "", data, false);
    }
    case OpCode.multi:
      return isBadMulti(input);
    default:
      readRequestBody(input, op);
      return false;
  }
}

function isBadMulti(input: Input): boolean {
  return readMultiOps(input).some((part) => {
    switch (part.kind) {
      case "create":
        return isBadCreate(part);
      case "delete":
        return isNamelessQuota(part.path);
      case "setData":
        return isBadQuotaText(part.path, part.data, false);
      default:
        return false;
    }
  });
}

function isBadCreate(
  { path, data, flags }: { path: string | null; data: Uint8Array | null; flags: number },
): boolean {
  if (path === null || isSequentialMode(flags)) return false;
  return isNamelessQuota(path) || isBadQuotaText(path, data, true);
}
