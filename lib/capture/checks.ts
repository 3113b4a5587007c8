// Is there a message here? Asked in mid-stream, where nothing says that there is one. Each check
// demands so much agreement (64 bits at the very least: a length that fits its content exactly, known
// codes, zeros that must be zeros) that other traffic does not pass by chance; what is merely possible
// is not accepted. Sizes returned include the length prefix. 0: no. -1: perhaps, more bytes needed.

import { i32 } from "./bytes.ts";
import { type FieldType, isShape, isVector, type Shape, type Tag } from "../codec/shape.ts";
import { WatcherEventShape } from "../records/client.ts";
import { errorName, OpCode, opName, PacketType } from "../txn/opcodes.ts";
import { requestCodec, responseCodec } from "../wire/bodies.ts";
import { partCodec, resultCodec } from "../wire/multi.ts";

/** Longest message believed out of step. */
const LENGTH_MAX = 8 << 20;
/** Epochs above this are not believed out of step: they are half of a zxid's evidence. */
const EPOCH_MAX = 1 << 20;

/** Index after a value of this shape; `NEED` when the captured bytes end before it, or `NEVER`. */
export const NEED = -1;
const NEVER = -2;

/**
 * Walks a shape over `bytes[at..end)`, of a frame that ends at `stop`. Stricter than a decoder: what
 * no real program writes (a boolean of 7, a path that begins with no slash) is refused.
 */
export function walk(
  type: FieldType,
  tag: Tag | undefined,
  bytes: Uint8Array,
  at: number,
  end: number,
  stop: number,
): number {
  if (isShape(type)) {
    let next = at;
    for (const [, field, fieldTag] of type.fields) {
      next = walk(field, fieldTag, bytes, next, end, stop);
      if (next < 0) return next;
    }
    return next;
  }
  const width = typeof type === "string" ? WIDTHS[type] : 4;
  if (at + width > stop) return NEVER;
  if (at + width > end) return NEED;
  if (type === "boolean") return bytes[at] <= 1 ? at + 1 : NEVER;
  if (tag === "zxid" && (i32(bytes, at) < -1 || i32(bytes, at) > EPOCH_MAX)) return NEVER;
  if (isVector(type)) return walkItems(type.vector, tag, bytes, at, end, stop);
  if (type !== "buffer" && type !== "ustring") return at + width;
  const length = i32(bytes, at);
  if (length < -1 || length > stop - at - 4) return NEVER;
  const next = at + 4 + Math.max(0, length);
  if (tag === "path" && length === 0) return NEVER;
  if (type === "ustring" && length > 0) {
    if (tag === "path" && at + 4 < end && bytes[at + 4] !== 0x2f) return NEVER;
    if (!isText(bytes, at + 4, Math.min(next, end), tag !== "path")) return NEVER;
  }
  return next <= end ? next : NEED;
}

const WIDTHS = { byte: 1, boolean: 1, int: 4, long: 8, float: 4, double: 8, buffer: 4, ustring: 4 };

function walkItems(
  item: FieldType,
  tag: Tag | undefined,
  bytes: Uint8Array,
  at: number,
  end: number,
  stop: number,
): number {
  const count = i32(bytes, at);
  if (count < -1 || count > stop - at) return NEVER;
  let next = at + 4;
  for (let i = 0; i < count; i++) {
    // No list of ours holds empty texts: children, schemes and paths all have names.
    if (item === "ustring" && next + 4 <= end && i32(bytes, next) === 0) return NEVER;
    next = walk(item, tag, bytes, next, end, stop);
    if (next < 0) return next;
  }
  return next;
}

/** No control characters; outside paths there may be lines. */
function isText(bytes: Uint8Array, start: number, end: number, hasLines: boolean): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    const isLine = hasLines && (byte === 9 || byte === 10 || byte === 13);
    if ((byte < 0x20 && !isLine) || byte === 0x7f) return false;
  }
  return true;
}

/** True when a record of the shape fills the frame exactly, as far as its bytes are there. */
export function fills(
  shape: Shape,
  bytes: Uint8Array,
  at: number,
  end: number,
  stop: number,
): boolean {
  const next = walk(shape, undefined, bytes, at, end, stop);
  return next === NEED || next === stop;
}

const BODILESS: ReadonlySet<number> = new Set([
  OpCode.ping,
  OpCode.whoAmI,
  OpCode.closeSession,
]);
const isMulti = (op: number): boolean => op === OpCode.multi || op === OpCode.multiRead;

/** True when `op` is one that a client may send. */
export const isRequestOp = (op: number): boolean =>
  BODILESS.has(op) || isMulti(op) || (op > 0 && requestCodec(op) !== null);

const isLength = (length: number, least: number): boolean =>
  length >= least && length <= LENGTH_MAX;

/** A client's request frame. */
export function checkRequest(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 12) return end - at >= 4 && !isLength(i32(bytes, at), 8) ? 0 : -1;
  const length = i32(bytes, at);
  const op = i32(bytes, at + 8);
  const xid = i32(bytes, at + 4);
  if (!isLength(length, 8) || xid < -8 || xid === 0 || !isRequestOp(op)) return 0;
  const stop = at + 4 + length;
  const codec = requestCodec(op);
  const fits = codec !== null
    ? fills(codec.shape, bytes, at + 12, end, stop)
    : isMulti(op)
    ? partsFit(partCodec, bytes, at + 12, end, stop)
    : stop === at + 12;
  if (!fits) return 0;
  return stop <= end ? 4 + length : -1;
}

/** A server's reply or event frame. */
export function checkReply(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 20) return end - at >= 4 && !isLength(i32(bytes, at), 16) ? 0 : -1;
  const length = i32(bytes, at);
  if (!isLength(length, 16)) return 0;
  const xid = i32(bytes, at + 4);
  const high = i32(bytes, at + 8);
  const error = i32(bytes, at + 16);
  if (xid < -8 || xid === 0 || (error !== 0 && !isError(error))) return 0;
  if (high < -1 || high > EPOCH_MAX || (high === -1 && i32(bytes, at + 12) !== -1)) return 0;
  // Zeros are in every protocol; only auth and SASL are answered without a zxid (client.md 3.5).
  if (xid > 0 && high === 0 && i32(bytes, at + 12) === 0) return 0;
  const stop = at + 4 + length;
  const fits = xid === -1
    ? error === 0 && eventFits(bytes, at + 20, end, stop)
    : error !== 0
    ? length === 16 || length === 20
    : replyFits(bytes, at + 20, end, stop);
  if (!fits) return 0;
  return stop <= end ? 4 + length : -1;
}

const isError = (code: number): boolean => code < 0 && !errorName(code).startsWith("error");

function eventFits(bytes: Uint8Array, at: number, end: number, stop: number): boolean {
  if (!fills(WatcherEventShape, bytes, at, end, stop)) return false;
  return end - at < 8 ||
    (i32(bytes, at) >= -1 && i32(bytes, at) <= 7 && i32(bytes, at + 4) === 3);
}

/** The outlines of all replies, each once. */
const REPLIES: readonly Shape[] = [
  OpCode.exists,
  OpCode.create,
  OpCode.getData,
  OpCode.getChildren,
  OpCode.getChildren2,
  OpCode.create2,
  OpCode.getACL,
  OpCode.getAllChildrenNumber,
  OpCode.whoAmI,
].flatMap((op) => responseCodec(op)?.shape ?? []);

/** The body of a reply: one of those that any op has. */
function replyFits(bytes: Uint8Array, at: number, end: number, stop: number): boolean {
  if (stop === at) return true;
  return REPLIES.some((shape) => fills(shape, bytes, at, end, stop)) ||
    partsFit(resultCodec, bytes, at, end, stop);
}

/** A multi: headers with their records, the last header says done. */
function partsFit(
  codecOf: (type: number) => { readonly shape: Shape } | null | undefined,
  bytes: Uint8Array,
  at: number,
  end: number,
  stop: number,
): boolean {
  let next = at;
  while (next + 9 <= stop) {
    if (next + 9 > end) return true;
    const type = i32(bytes, next);
    if (bytes[next + 4] === 1) return type === -1 && next + 9 === stop;
    const codec = codecOf(type);
    if (codec === undefined || bytes[next + 4] !== 0) return false;
    next += 9;
    if (codec === null) continue;
    next = walk(codec.shape, undefined, bytes, next, end, stop);
    if (next < 0) return next === NEED;
  }
  return false;
}

/** A notification with its length; 28 bytes up to 3.3, 36 and 40 in 3.4, 44 and a text since. */
export function checkNotification(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 8) return -1;
  const length = i32(bytes, at);
  if (length !== 28 && length !== 36 && (length < 40 || length > 524_288)) return 0;
  const state = i32(bytes, at + 4);
  if (state < 0 || state > 3) return 0;
  if (end - at < Math.min(4 + length, 48)) return -1;
  // The leader is a server id, or the mark of an observer, which names nobody.
  const high = i32(bytes, at + 8);
  const low = i32(bytes, at + 12);
  if (!(high === 0 && low >= 0 && low < 1 << 16) && !(high === -0x80000000 && low === 0)) return 0;
  // A vote for server 0 in round 0 is what zeros look like.
  if (high === 0 && low === 0 && i32(bytes, at + 28) === 0) return 0;
  if (i32(bytes, at + 24) > 0 && i32(bytes, at + 24) !== 0x7fffffff) return 0; // the round
  if (length === 40 && i32(bytes, at + 40) !== 1) return 0;
  if (length > 40) {
    if (i32(bytes, at + 40) !== 2 || i32(bytes, at + 44) !== length - 44) return 0;
  }
  return at + 4 + length <= end ? 4 + length : -1;
}

/** Packets whose data and authinfo are always null: 20 bytes. */
const BARE = new Set<number>([
  PacketType.ACK,
  PacketType.COMMIT,
  PacketType.SYNC,
  PacketType.UPTODATE,
  PacketType.DIFF,
  PacketType.TRUNC,
  PacketType.SNAP,
]);

/** Size of a quorum packet; negative: at least so many bytes, not all here; 0: not one. */
export function packetSize(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 16) return -20;
  const type = i32(bytes, at);
  const length = i32(bytes, at + 12);
  if (type < 1 || type > 19 || length < -1 || length > 1 << 28) return 0;
  const data = Math.max(0, length);
  let next = at + 16 + data;
  if (end - next < 4) return -(20 + data);
  const count = i32(bytes, next);
  next += 4;
  if (count < -1 || count > 65536) return 0;
  for (let i = 0; i < count * 2; i++) {
    if (end - next < 4) return -(next - at + 4);
    const text = i32(bytes, next);
    if (text < -1 || text > 1 << 24) return 0;
    next += 4 + Math.max(0, text);
  }
  return next <= end ? next - at : -(next - at);
}

/** A quorum packet in the bare stream of a learner port. */
export function checkPacket(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 20) return end - at >= 4 && (bytes[at] | bytes[at + 1] | bytes[at + 2]) ? 0 : -1;
  const type = i32(bytes, at);
  if (type < 1 || type > 19) return 0;
  const length = i32(bytes, at + 12);
  if (BARE.has(type) && (length !== -1 || i32(bytes, at + 16) !== -1)) return 0;
  const high = i32(bytes, at + 4);
  if (high < -1 || high > EPOCH_MAX) return 0;
  if (!dataFits(type, length, bytes, at, end)) return 0;
  const size = packetSize(bytes, at, end);
  if (size <= 0) return size === 0 ? 0 : -1;
  // Only a REQUEST carries identities.
  if (type !== PacketType.REQUEST && i32(bytes, at + size - 4) !== -1) return 0;
  return size;
}

/** What the data of a packet must agree with: its own length, the zxid once more, known codes. */
function dataFits(
  type: number,
  length: number,
  bytes: Uint8Array,
  at: number,
  end: number,
): boolean {
  const data = at + 16;
  switch (type) {
    case PacketType.REQUEST:
      return length >= 16 && length <= LENGTH_MAX && i32(bytes, at + 4) === -1 &&
        i32(bytes, at + 8) === -1 &&
        (end - data < 16 || opName(i32(bytes, data + 12)).startsWith("op") === false);
    case PacketType.PROPOSAL:
    case PacketType.INFORM:
      return txnFits(length, bytes, at, data, end);
    case PacketType.INFORMANDACTIVATE:
      return length >= 8 && txnFits(length - 8, bytes, at, data + 8, end);
    case PacketType.COMMITANDACTIVATE:
      return length === 8;
    case PacketType.PING:
      return length === -1 || (length % 12 === 0 && length <= 12 << 20);
    case PacketType.REVALIDATE:
      return (length === 12 || length === 9) && i32(bytes, at + 4) === -1;
    case PacketType.FOLLOWERINFO:
    case PacketType.OBSERVERINFO:
      return length === 12 || length === 20 || length === 8; // up to 3.3 a sid alone
    case PacketType.LEADERINFO:
    case PacketType.ACKEPOCH:
      return length === 4 && (end - data < 8 || i32(bytes, data + 4) === -1);
    case PacketType.NEWLEADER:
      return i32(bytes, at + 8) === 0 && length <= 1 << 20;
    default:
      return length === -1;
  }
}

function txnFits(
  length: number,
  bytes: Uint8Array,
  at: number,
  txn: number,
  end: number,
): boolean {
  if (length < 32 || length > LENGTH_MAX) return false;
  if (end - txn < 32) return true;
  return i32(bytes, txn + 12) === i32(bytes, at + 4) &&
    i32(bytes, txn + 16) === i32(bytes, at + 8) &&
    opName(i32(bytes, txn + 28)).startsWith("op") === false;
}

/** A TLS record: handshake, alert, change or application data of a version that exists. */
export function checkTls(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 5) return -1;
  const type = bytes[at];
  const length = (bytes[at + 3] << 8) | bytes[at + 4];
  if (type < 20 || type > 24 || bytes[at + 1] !== 3 || bytes[at + 2] > 4) return 0;
  if (length === 0 || length > 16384 + 2048) return 0;
  return at + 5 + length <= end ? 5 + length : -1;
}
