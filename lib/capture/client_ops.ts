// Sets of ops the decoder treats alike, and the two messages of the client port that have no header.

import { OpCode } from "../txn/opcodes.ts";
import { i32 } from "./bytes.ts";

/** What the connect exchange is counted as; no op has this number. */
export const CONNECT_OP = 108;

/** Requests whose body does not begin with a path. */
export const PATHLESS: ReadonlySet<number> = new Set([
  OpCode.ping,
  OpCode.closeSession,
  OpCode.multi,
  OpCode.multiRead,
  OpCode.auth,
  OpCode.setWatches,
  OpCode.setWatches2,
  OpCode.sasl,
  OpCode.whoAmI,
  OpCode.reconfig,
]);

/** Ops that become transactions. */
export const WRITES: ReadonlySet<number> = new Set([
  OpCode.create,
  OpCode.create2,
  OpCode.createContainer,
  OpCode.createTTL,
  OpCode.delete,
  OpCode.deleteContainer,
  OpCode.setData,
  OpCode.setACL,
  OpCode.multi,
  OpCode.reconfig,
  OpCode.check,
  OpCode.closeSession,
]);

/**
 * A connect request: protocol version 0, a password of 16 bytes, perhaps a flag, and nothing else.
 * Some clients ask for a new session without a password; then the timeout must be one that somebody
 * would ask for, since a notification of old servers looks much the same.
 */
export function isConnectRequest(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < 32) return false;
  const length = i32(bytes, at);
  const password = i32(bytes, at + 28);
  if (password < -1 || password > 1024) return false;
  const size = 28 + Math.max(0, password);
  if (length !== size && length !== size + 1) return false;
  if (length === size + 1 && at + 4 + length <= end && bytes[at + 3 + length] > 1) return false;
  if (i32(bytes, at + 4) !== 0) return false;
  const isNew = i32(bytes, at + 20) === 0 && i32(bytes, at + 24) === 0;
  return password === 16 || (isNew && i32(bytes, at + 16) >= 100);
}

/**
 * The beginning of a connect request of which the rest was cut off: its version stands where a
 * request has its xid, and none has 0.
 */
export const isCutConnect = (bytes: Uint8Array, at: number, end: number): boolean =>
  end - at >= 8 && end - at < 32 && i32(bytes, at + 4) === 0;

/** A connect response: protocol version 0 and a password of 16 bytes, perhaps a flag. */
export function isConnectResponse(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < 24) return false;
  const length = i32(bytes, at);
  return (length === 36 || length === 37) && i32(bytes, at + 4) === 0 && i32(bytes, at + 20) === 16;
}

const EVENT_NAMES: ReadonlyMap<number, string> = new Map([
  [-1, "None"],
  [1, "NodeCreated"],
  [2, "NodeDeleted"],
  [3, "NodeDataChanged"],
  [4, "NodeChildrenChanged"],
]);

export const eventName = (type: number): string => EVENT_NAMES.get(type) ?? `event${type}`;
