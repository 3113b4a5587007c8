// The client port: both forms of the connect records, headers, the body of every op both ways,
// watch events, four-letter words (client.md 2 to 4, 6.2). Frames around them: frames.ts; which
// record belongs to which op: bodies.ts; multi: multi.ts. Decides nothing about sessions or order.
//
// Must agree with Java's ClientCnxn and ZooKeeperServer.

import { isFault } from "../base/errors.ts";
import { Input } from "../codec/input.ts";
import type { Output } from "../codec/output.ts";
import type { Codec } from "../codec/shape.ts";
import * as records from "../records/client.ts";
import type { ConnectRequest, ConnectResponse } from "../records/client.ts";
import type { ReplyHeader, RequestHeader, WatcherEvent } from "../records/client.ts";
import { OpCode, Xid } from "../txn/opcodes.ts";
import {
  requestCodec,
  type RequestOp,
  type RequestRecords,
  REQUESTS,
  responseCodec,
  type ResponseOp,
  type ResponseRecords,
  RESPONSES,
} from "./bodies.ts";
import * as multi from "./multi.ts";

export type { RequestOp, RequestRecords, ResponseOp, ResponseRecords } from "./bodies.ts";
export {
  type MultiPart,
  type MultiRequest,
  type MultiResponse,
  type MultiResult,
  partHeader,
  readMultiRequest,
  readMultiResponse,
  writeMultiRequest,
  writeMultiResponse,
} from "./multi.ts";

// ---- connecting ---------------------------------------------------------------------------------

/**
 * Reads a connect request. `readOnly` is null when the client left the flag out, as those older
 * than 3.4 do; then the response must leave it out too. `passwd` is a view.
 */
export function readConnectRequest(
  input: Input,
): { request: ConnectRequest; readOnly: boolean | null } {
  const request = records.readConnectRequest(input);
  return { request, readOnly: input.left > 0 ? input.boolean() : null };
}

export function writeConnectRequest(
  out: Output,
  request: ConnectRequest,
  readOnly: boolean | null,
): void {
  records.writeConnectRequest(out, request);
  if (readOnly !== null) out.boolean(readOnly);
}

/** Reads a connect response; `readOnly` is null when the server left the flag out. */
export function readConnectResponse(
  input: Input,
): { response: ConnectResponse; readOnly: boolean | null } {
  const response = records.readConnectResponse(input);
  return { response, readOnly: input.left > 0 ? input.boolean() : null };
}

export function writeConnectResponse(
  out: Output,
  response: ConnectResponse,
  readOnly: boolean | null,
): void {
  records.writeConnectResponse(out, response);
  if (readOnly !== null) out.boolean(readOnly);
}

// ---- bodies -------------------------------------------------------------------------------------

/** What follows a header. Buffers in records are views of the frame. */
export type Body<M> =
  | { readonly kind: "none" }
  | { readonly kind: "record"; readonly codec: Codec<unknown>; readonly record: unknown }
  | { readonly kind: "multi"; readonly multi: M }
  /** Bytes that no record is known for: an op of nobody's, or deleteContainer before 3.9. */
  | { readonly kind: "raw"; readonly bytes: Uint8Array };
export type RequestBody = Body<multi.MultiRequest>;
export type ResponseBody = Body<multi.MultiResponse>;

const isMulti = (op: number): boolean => op === OpCode.multi || op === OpCode.multiRead;

/** The request record of an op whose type is known beforehand. */
export const readRequestRecord = <O extends RequestOp>(input: Input, op: O): RequestRecords[O] =>
  REQUESTS[op].read(input);
export const readResponseRecord = <O extends ResponseOp>(input: Input, op: O): ResponseRecords[O] =>
  RESPONSES[op].read(input);

/**
 * The body of a request, as a client sends it and as REQUEST forwards it.
 *
 * Faults: SHORT, LENGTH, UNKNOWN_TYPE (a multi with a part it may not have).
 */
export function readRequestBody(input: Input, op: number): RequestBody {
  if (isMulti(op)) return { kind: "multi", multi: multi.readMultiRequest(input) };
  const codec = requestCodec(op);
  if (codec !== null && !(op === OpCode.deleteContainer && !isTextRecord(input))) {
    return { kind: "record", codec, record: codec.read(input) };
  }
  return rest(input);
}

/** The body of a reply to `op` without an error. */
export function readResponseBody(input: Input, op: number): ResponseBody {
  if (isMulti(op)) return { kind: "multi", multi: multi.readMultiResponse(input) };
  const codec = responseCodec(op);
  if (codec !== null) return { kind: "record", codec, record: codec.read(input) };
  return rest(input);
}

/**
 * What may follow an error: the token of a refused SASL step, or the parts that a multiRead got to
 * before it failed (client.md 3.1). Clients ignore it; here it is kept, so that no byte goes
 * unnamed.
 */
function readErrorBody(input: Input, op: number): ResponseBody {
  if (input.left === 0) return { kind: "none" };
  const start = input.at;
  try {
    if (op === OpCode.sasl || isMulti(op)) return readResponseBody(input, op);
  } catch (error) {
    if (!isFault(error)) throw error;
    input.at = start;
  }
  return rest(input);
}

export function writeRequestBody(out: Output, body: RequestBody): void {
  if (body.kind === "record") body.codec.write(out, body.record);
  else if (body.kind === "multi") multi.writeMultiRequest(out, body.multi.parts, body.multi.end);
  else if (body.kind === "raw") out.raw(body.bytes);
}

export function writeResponseBody(out: Output, body: ResponseBody): void {
  if (body.kind === "record") body.codec.write(out, body.record);
  else if (body.kind === "multi") multi.writeMultiResponse(out, body.multi.parts, body.multi.end);
  else if (body.kind === "raw") out.raw(body.bytes);
}

function rest(input: Input): Body<never> {
  return input.left === 0 ? { kind: "none" } : { kind: "raw", bytes: input.take(input.left) };
}

/** Since 3.9 deleteContainer is a record; before, the path's bytes stood there bare. */
function isTextRecord(input: Input): boolean {
  if (input.left < 4) return false;
  const length = input.int();
  input.at -= 4;
  return Math.max(0, length) === input.left - 4;
}

// ---- whole frames -------------------------------------------------------------------------------

export interface RequestFrame {
  readonly header: RequestHeader;
  readonly body: RequestBody;
  /** Bytes behind the body, which every reader ignores (client.md 1.1). */
  readonly tail: Uint8Array;
}

/** What a server sends after the connect response. */
export type ReplyFrame =
  | {
    readonly kind: "event";
    readonly header: ReplyHeader;
    readonly event: WatcherEvent;
    readonly tail: Uint8Array;
  }
  | {
    readonly kind: "reply";
    readonly header: ReplyHeader;
    readonly body: ResponseBody;
    readonly tail: Uint8Array;
  };

/** Decodes a whole request frame; for decoders and tests, a server reads header and body itself. */
export function parseRequest(frame: Uint8Array): RequestFrame {
  const input = new Input(frame);
  const header = records.readRequestHeader(input);
  const body = readRequestBody(input, header.type);
  return { header, body, tail: input.take(input.left) };
}

export function writeRequest(out: Output, request: RequestFrame): void {
  records.writeRequestHeader(out, request.header);
  writeRequestBody(out, request.body);
  out.raw(request.tail);
}

/**
 * Decodes a frame from a server. `op` is that of the oldest request without an answer, null when
 * nobody saw it: then a body stays raw. Watch events and pings are known by their xid alone.
 */
export function parseReply(frame: Uint8Array, op: number | null): ReplyFrame {
  const input = new Input(frame);
  const header = records.readReplyHeader(input);
  if (header.xid === Xid.watchEvent) {
    const event = records.readWatcherEvent(input);
    return { kind: "event", header, event, tail: input.take(input.left) };
  }
  const body = header.xid === Xid.ping || op === null
    ? rest(input)
    : header.err === 0
    ? readResponseBody(input, op)
    : readErrorBody(input, op);
  return { kind: "reply", header, body, tail: input.take(input.left) };
}

export function writeReply(out: Output, reply: ReplyFrame): void {
  records.writeReplyHeader(out, reply.header);
  if (reply.kind === "event") records.writeWatcherEvent(out, reply.event);
  else writeResponseBody(out, reply.body);
  out.raw(reply.tail);
}

/** Writes header and record of a request whose type is known beforehand. */
export function writeRequestOf<O extends RequestOp>(
  out: Output,
  xid: number,
  op: O,
  record: RequestRecords[O],
): void {
  records.writeRequestHeader(out, { xid, type: op });
  REQUESTS[op].write(out, record);
}

/** SyncConnected: the only state that servers put into an event. */
export const EVENT_STATE = 3;

/** Writes a watch event; `zxid` is −1 from servers before 3.9 (client.md 3.5). */
export function writeWatchEvent(out: Output, zxid: bigint, type: number, path: string): void {
  records.writeReplyHeader(out, { xid: Xid.watchEvent, zxid, err: 0 });
  records.writeWatcherEvent(out, { type, state: EVENT_STATE, path });
}

// ---- four-letter words --------------------------------------------------------------------------

/** All that any release has known (operations.md 2.1). Answered with raw text, then closed. */
export const FOUR_LETTER_WORDS: readonly string[] = [
  ..."conf cons crst dirs dump envi gtmk hash isro mntr ruok".split(" "),
  ..."srst srvr stat stmk wchc wchp wchs".split(" "),
];
const WORDS: ReadonlySet<string> = new Set(FOUR_LETTER_WORDS);

/** True for a word of FrameSplitter.peekWord() that is a command and not a length. */
export const isFourLetterWord = (word: string | null): word is string =>
  word !== null && WORDS.has(word);

/** First int of a connection on which telnet sends its farewell; a command without an answer. */
export const TELNET_CLOSE = 0xfff4fffd | 0;
/** `stmk` is followed by so many bytes: the new trace mask. */
export const STMK_MASK_BYTES = 8;
