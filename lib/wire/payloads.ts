// What is in the packets of the learner port: writers of every packet type, and readers of their
// data (quorum.md 4, 5.3, 7.2, 7.10, 8.6). The stream they travel in: learner.ts. Decides nothing
// about order or meaning.
//
// Must agree with Java's Leader, Learner, LearnerHandler and Follower.

import { Fault } from "../base/errors.ts";
import type { Epoch, SessionId, Sid, Zxid } from "../base/ids.ts";
import { zxidOf } from "../base/ids.ts";
import { decodeText, Input } from "../codec/input.ts";
import type { Output } from "../codec/output.ts";
import type { Id } from "../records/data.ts";
import { writeId } from "../records/data.ts";
import {
  type ForwardedHeader,
  type LearnerInfo,
  type QuorumPacket,
  readForwardedHeader,
  readRevalidateReply,
  readRevalidateRequest,
  readSessionTouch,
  type RevalidateReply,
  type RevalidateRequest,
  type SessionTouch,
  writeForwardedHeader,
  writeQuorumAuthPacket,
} from "../records/quorum.ts";
import { PacketType } from "../txn/opcodes.ts";
import { decodeTxn, type Txn } from "../txn/txn.ts";
import { readRequestBody, type RequestBody, writeRequestBody } from "./client.ts";
import { AUTH_MAGIC } from "./learner.ts";

/** Zab 1.0, the only protocol that any release from 3.4 on speaks. */
export const PROTOCOL_VERSION = 0x10000;

/** How much of LearnerInfo is written: sid only (3.3), with protocol (3.4), with config (3.5+). */
export type LearnerInfoSize = 8 | 12 | 20;

const ZXID_NONE: Zxid = -1n;

/** Config text is plain UTF-8, unlike the strings of records. */
const encoder = new TextEncoder();

// ---- writing ------------------------------------------------------------------------------------

/** Writes a packet without data: ACK, COMMIT, DIFF, TRUNC, SNAP, a leader's PING, and so on. */
export function writeBare(out: Output, type: PacketType, zxid: Zxid): void {
  out.int(type);
  out.long(zxid);
  out.int(-1);
  out.int(-1);
}

/** The same with the zxid as its two signed words, for ACK, COMMIT and PING. */
export function writeBareWords(out: Output, type: PacketType, hi: number, lo: number): void {
  out.int(type);
  out.words(hi, lo);
  out.int(-1);
  out.int(-1);
}

/** Type, zxid and room for the length of the data; to be closed with {@link closeData}. */
function openData(out: Output, type: PacketType, zxid: Zxid): number {
  out.int(type);
  out.long(zxid);
  return out.reserve();
}

function closeData(out: Output, length: number, authinfo: readonly Id[] | null = null): void {
  out.patchLength(length);
  out.vector(authinfo, writeId);
}

/** FOLLOWERINFO or OBSERVERINFO; the epoch is the accepted one. */
export function writeLearnerHello(
  out: Output,
  type: typeof PacketType.FOLLOWERINFO | typeof PacketType.OBSERVERINFO,
  acceptedEpoch: Epoch,
  info: LearnerInfo,
  size: LearnerInfoSize = 20,
): void {
  const data = openData(out, type, zxidOf(acceptedEpoch, 0n));
  writeLearnerInfoPart(out, info, size);
  closeData(out, data);
}

function writeLearnerInfoPart(out: Output, info: LearnerInfo, size: LearnerInfoSize): void {
  out.long(info.serverid);
  if (size >= 12) out.int(info.protocolVersion);
  if (size >= 20) out.long(info.configVersion);
}

export function writeLeaderInfo(out: Output, epoch: Epoch): void {
  const data = openData(out, PacketType.LEADERINFO, zxidOf(epoch, 0n));
  out.int(PROTOCOL_VERSION);
  closeData(out, data);
}

/** `currentEpoch` is −1 when the epoch had been accepted before (quorum.md 5.4). */
export function writeAckEpoch(out: Output, lastZxid: Zxid, currentEpoch: number): void {
  const data = openData(out, PacketType.ACKEPOCH, lastZxid);
  out.int(currentEpoch);
  closeData(out, data);
}

/** `config` null for a 3.4 learner: it gets no text. */
export function writeNewLeader(out: Output, epoch: Epoch, config: string | null): void {
  if (config === null) return writeBare(out, PacketType.NEWLEADER, zxidOf(epoch, 0n));
  const data = openData(out, PacketType.NEWLEADER, zxidOf(epoch, 0n));
  out.raw(encoder.encode(config));
  closeData(out, data);
}

export const writeUptodate = (out: Output): void => writeBare(out, PacketType.UPTODATE, ZXID_NONE);

/** The answer to a forwarded sync. */
export const writeSync = (out: Output): void => writeBare(out, PacketType.SYNC, 0n);

/** PROPOSAL or INFORM of a txn's own bytes. */
export function writeTxnPacket(
  out: Output,
  type: typeof PacketType.PROPOSAL | typeof PacketType.INFORM,
  zxid: Zxid,
  txn: Uint8Array,
): void {
  out.int(type);
  out.long(zxid);
  out.buffer(txn);
  out.int(-1);
}

export function writeCommitAndActivate(out: Output, zxid: Zxid, leader: Sid): void {
  const data = openData(out, PacketType.COMMITANDACTIVATE, zxid);
  out.long(leader);
  closeData(out, data);
}

export function writeInformAndActivate(
  out: Output,
  zxid: Zxid,
  leader: Sid,
  txn: Uint8Array,
): void {
  const data = openData(out, PacketType.INFORMANDACTIVATE, zxid);
  out.long(leader);
  out.raw(txn);
  closeData(out, data);
}

/** A learner's answer to a PING whose zxid it repeats. No sessions: empty data, never null. */
export function writePingReply(
  out: Output,
  zxid: Zxid,
  touched: Iterable<readonly [SessionId, number]>,
): void {
  const data = openData(out, PacketType.PING, zxid);
  for (const [sessionId, timeoutMs] of touched) {
    out.long(sessionId);
    out.int(timeoutMs);
  }
  closeData(out, data);
}

export function writeRevalidate(out: Output, sessionId: SessionId, timeoutMs: number): void {
  const data = openData(out, PacketType.REVALIDATE, ZXID_NONE);
  out.long(sessionId);
  out.int(timeoutMs);
  closeData(out, data);
}

/** `zxid` is the request's. */
export function writeRevalidateReply(
  out: Output,
  zxid: Zxid,
  sessionId: SessionId,
  valid: boolean,
): void {
  const data = openData(out, PacketType.REVALIDATE, zxid);
  out.long(sessionId);
  out.boolean(valid);
  closeData(out, data);
}

/** A client's request on its way to the leader: `body` is the record without its header. */
export function writeForwarded(
  out: Output,
  header: ForwardedHeader,
  body: Uint8Array,
  authinfo: readonly Id[] | null,
): void {
  const data = openData(out, PacketType.REQUEST, ZXID_NONE);
  writeForwardedHeader(out, header);
  out.raw(body);
  closeData(out, data, authinfo);
}

/** A SASL packet; the mechanism's bytes are `token`. */
export function writeAuth(out: Output, status: number, token: Uint8Array): void {
  writeQuorumAuthPacket(out, { magic: AUTH_MAGIC, status, token });
}

// ---- reading ------------------------------------------------------------------------------------

/** Which side a packet came from: PING and REVALIDATE differ. */
export type Side = "leader" | "learner";

/** The data of a packet, by its type. */
export type Payload =
  /** Data is null. */
  | { readonly kind: "none" }
  | { readonly kind: "learnerInfo"; readonly info: LearnerInfo; readonly size: LearnerInfoSize }
  | { readonly kind: "leaderInfo"; readonly protocolVersion: number }
  | { readonly kind: "ackEpoch"; readonly currentEpoch: number }
  | { readonly kind: "config"; readonly text: string }
  | { readonly kind: "txn"; readonly txn: Txn }
  | { readonly kind: "activate"; readonly leader: Sid }
  | { readonly kind: "activateTxn"; readonly leader: Sid; readonly txn: Txn }
  | { readonly kind: "touched"; readonly sessions: readonly SessionTouch[] }
  | { readonly kind: "revalidate"; readonly request: RevalidateRequest }
  | { readonly kind: "revalidated"; readonly reply: RevalidateReply }
  | { readonly kind: "request"; readonly header: ForwardedHeader; readonly body: RequestBody }
  /** A type without data that has some, or a type nobody has defined. */
  | { readonly kind: "raw"; readonly bytes: Uint8Array };

/**
 * Decodes the data of any packet. Bytes behind the fields are ignored, as Java does.
 *
 * Faults: SHORT, LENGTH, UNKNOWN_TYPE. Txns are copied out of the packet; other bytes are views.
 */
export function readPayload(packet: QuorumPacket, from: Side): Payload {
  const { type, data } = packet;
  if (data === null) return { kind: "none" };
  const input = new Input(data);
  switch (type) {
    case PacketType.FOLLOWERINFO:
    case PacketType.OBSERVERINFO:
      return { kind: "learnerInfo", ...readLearnerInfo(data) };
    case PacketType.LEADERINFO:
      return { kind: "leaderInfo", protocolVersion: input.int() };
    case PacketType.ACKEPOCH:
      return { kind: "ackEpoch", currentEpoch: input.int() };
    case PacketType.NEWLEADER:
      return { kind: "config", text: readConfigText(data) };
    case PacketType.PROPOSAL:
    case PacketType.INFORM:
      return { kind: "txn", txn: decodeTxn(data.slice()) };
    case PacketType.COMMITANDACTIVATE:
      return { kind: "activate", leader: input.long() };
    case PacketType.INFORMANDACTIVATE:
      return { kind: "activateTxn", leader: input.long(), txn: decodeTxn(data.slice(8)) };
    case PacketType.PING:
      if (from === "leader") break;
      return { kind: "touched", sessions: readTouched(data) };
    case PacketType.REVALIDATE:
      return from === "learner"
        ? { kind: "revalidate", request: readRevalidateRequest(input) }
        : { kind: "revalidated", reply: readRevalidateReply(input) };
    case PacketType.REQUEST: {
      const header = readForwardedHeader(input);
      return { kind: "request", header, body: readRequestBody(input, header.type) };
    }
  }
  return { kind: "raw", bytes: data };
}

/**
 * Who a learner says it is. Parts that are missing keep Java's defaults: protocol version 1, config
 * version 0. Null or less than a sid is a Fault SHORT; a leader numbers such learners itself.
 */
export function readLearnerInfo(
  data: Uint8Array,
): { info: LearnerInfo; size: LearnerInfoSize } {
  const input = new Input(data);
  const serverid = input.long();
  const size = data.length >= 20 ? 20 : data.length >= 12 ? 12 : 8;
  const protocolVersion = size >= 12 ? input.int() : 1;
  const configVersion = size >= 20 ? input.long() : 0n;
  return { info: { serverid, protocolVersion, configVersion }, size };
}

/** Sessions in a learner's PING. A partial entry is a Fault SHORT, for which Java closes too. */
export function readTouched(data: Uint8Array): SessionTouch[] {
  const input = new Input(data);
  const sessions: SessionTouch[] = [];
  while (input.left > 0) sessions.push(readSessionTouch(input));
  return sessions;
}

/** Config text of NEWLEADER. */
export const readConfigText = (data: Uint8Array): string => decodeText(data, 0, data.length);

/** A REQUEST's header, and its body as a view. Faults: SHORT. */
export function readForwarded(
  data: Uint8Array | null,
): { header: ForwardedHeader; body: Uint8Array } {
  if (data === null) throw new Fault("SHORT", "a REQUEST without data", { where: "learner port" });
  const input = new Input(data);
  return { header: readForwardedHeader(input), body: input.take(input.left) };
}

// ---- writing back what was read -----------------------------------------------------------------

/** Writes the data of a packet from its decoded form; null and empty stay what they were. */
export function writePayload(out: Output, payload: Payload): void {
  switch (payload.kind) {
    case "none":
      return;
    case "learnerInfo":
      return writeLearnerInfoPart(out, payload.info, payload.size);
    case "leaderInfo":
      return out.int(payload.protocolVersion);
    case "ackEpoch":
      return out.int(payload.currentEpoch);
    case "config":
      return out.raw(encoder.encode(payload.text));
    case "txn":
      return out.raw(payload.txn.bytes);
    case "activate":
      return out.long(payload.leader);
    case "activateTxn":
      out.long(payload.leader);
      return out.raw(payload.txn.bytes);
    case "touched":
      for (const { sessionId, timeout } of payload.sessions) {
        out.long(sessionId);
        out.int(timeout);
      }
      return;
    case "revalidate":
      out.long(payload.request.sessionId);
      return out.int(payload.request.timeout);
    case "revalidated":
      out.long(payload.reply.sessionId);
      return out.boolean(payload.reply.valid);
    case "request":
      writeForwardedHeader(out, payload.header);
      return writeRequestBody(out, payload.body);
    case "raw":
      return out.raw(payload.bytes);
  }
}
