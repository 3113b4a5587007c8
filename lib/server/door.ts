// A learner's door: which writes of its clients it does not pass on, because a Java leader would stall
// or halt on them, and its followers with it (client.md 11, quorum.md H-R8).
//
// Must agree with what PrepRequestProcessor can decode; what halts is in hazards.ts.

import type { Input } from "../codec/input.ts";
import { ErrorCode, OpCode } from "../txn/opcodes.ts";
import { readRequestBody, readRequestRecord } from "../wire/client.ts";
import { isBadQuotaText, isNamelessQuota } from "./hazards.ts";
import { readMultiOps } from "./multi_ops.ts";
import { isSequentialMode, isTtlMode } from "./prepare_op.ts";

/**
 * 0 to let a write pass, BADARGUMENTS when Java halts on it. Faults: those of decoding, on which a
 * leader of 3.9 stalls.
 */
export function doorRefusal(input: Input, op: number): number {
  return isHazard(input, op) ? ErrorCode.BADARGUMENTS : 0;
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
