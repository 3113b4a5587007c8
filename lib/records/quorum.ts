// GENERATED from jute/quorum.jute by jute/compile.ts. Do not edit: deno task jute.
// The learner port (quorum.md 4 to 7): packets, and the records packed into their data field.
// LearnerInfo comes in 8, 12 and 20 bytes: lib/wire/learner.ts.

import type { SessionId, Sid, Zxid } from "../base/ids.ts";
import type { Input } from "../codec/input.ts";
import type { Output } from "../codec/output.ts";
import type { Codec, Shape } from "../codec/shape.ts";
import type { Id } from "./data.ts";
import { readId, writeId, IdShape } from "./data.ts";

export interface QuorumPacket {
  type: number;
  zxid: Zxid;
  data: Uint8Array | null;
  authinfo: Id[] | null;
}
export function writeQuorumPacket(out: Output, r: QuorumPacket): void {
  const at = out.run(12);
  const view = out.dataView;
  view.setInt32(at, r.type);
  view.setBigInt64(at + 4, r.zxid);
  out.buffer(r.data);
  out.vector(r.authinfo, writeId);
}
export function readQuorumPacket(input: Input): QuorumPacket {
  const at = input.run(12);
  const view = input.dataView;
  return {
    type: view.getInt32(at),
    zxid: view.getBigInt64(at + 4),
    data: input.buffer(),
    authinfo: input.vector(readId),
  };
}
export const QuorumPacketShape: Shape = {
  name: "QuorumPacket",
  fields: [
    ["type", "int", "packet"],
    ["zxid", "long", "zxid"],
    ["data", "buffer"],
    ["authinfo", { vector: IdShape }],
  ],
};
export const QuorumPacketCodec: Codec<QuorumPacket> = { shape: QuorumPacketShape, read: readQuorumPacket, write: writeQuorumPacket };

export interface QuorumAuthPacket {
  magic: bigint;
  status: number;
  token: Uint8Array | null;
}
export function writeQuorumAuthPacket(out: Output, r: QuorumAuthPacket): void {
  const at = out.run(12);
  const view = out.dataView;
  view.setBigInt64(at, r.magic);
  view.setInt32(at + 8, r.status);
  out.buffer(r.token);
}
export function readQuorumAuthPacket(input: Input): QuorumAuthPacket {
  const at = input.run(12);
  const view = input.dataView;
  return {
    magic: view.getBigInt64(at),
    status: view.getInt32(at + 8),
    token: input.buffer(),
  };
}
export const QuorumAuthPacketShape: Shape = {
  name: "QuorumAuthPacket",
  fields: [
    ["magic", "long", "magic"],
    ["status", "int"],
    ["token", "buffer"],
  ],
};
export const QuorumAuthPacketCodec: Codec<QuorumAuthPacket> = { shape: QuorumAuthPacketShape, read: readQuorumAuthPacket, write: writeQuorumAuthPacket };

export interface LearnerInfo {
  serverid: Sid;
  protocolVersion: number;
  configVersion: Zxid;
}
export function writeLearnerInfo(out: Output, r: LearnerInfo): void {
  const at = out.run(20);
  const view = out.dataView;
  view.setBigInt64(at, r.serverid);
  view.setInt32(at + 8, r.protocolVersion);
  view.setBigInt64(at + 12, r.configVersion);
}
export function readLearnerInfo(input: Input): LearnerInfo {
  const at = input.run(20);
  const view = input.dataView;
  return {
    serverid: view.getBigInt64(at),
    protocolVersion: view.getInt32(at + 8),
    configVersion: view.getBigInt64(at + 12),
  };
}
export const LearnerInfoShape: Shape = {
  name: "LearnerInfo",
  fields: [
    ["serverid", "long", "sid"],
    ["protocolVersion", "int"],
    ["configVersion", "long", "zxid"],
  ],
};
export const LearnerInfoCodec: Codec<LearnerInfo> = { shape: LearnerInfoShape, read: readLearnerInfo, write: writeLearnerInfo };

export interface LeaderInfo {
  protocolVersion: number;
}
export function writeLeaderInfo(out: Output, r: LeaderInfo): void {
  out.int(r.protocolVersion);
}
export function readLeaderInfo(input: Input): LeaderInfo {
  return {
    protocolVersion: input.int(),
  };
}
export const LeaderInfoShape: Shape = {
  name: "LeaderInfo",
  fields: [
    ["protocolVersion", "int"],
  ],
};
export const LeaderInfoCodec: Codec<LeaderInfo> = { shape: LeaderInfoShape, read: readLeaderInfo, write: writeLeaderInfo };

export interface AckEpoch {
  currentEpoch: number;
}
export function writeAckEpoch(out: Output, r: AckEpoch): void {
  out.int(r.currentEpoch);
}
export function readAckEpoch(input: Input): AckEpoch {
  return {
    currentEpoch: input.int(),
  };
}
export const AckEpochShape: Shape = {
  name: "AckEpoch",
  fields: [
    ["currentEpoch", "int"],
  ],
};
export const AckEpochCodec: Codec<AckEpoch> = { shape: AckEpochShape, read: readAckEpoch, write: writeAckEpoch };

/** PING replies repeat this until the end of the data. */
export interface SessionTouch {
  sessionId: SessionId;
  timeout: number;
}
export function writeSessionTouch(out: Output, r: SessionTouch): void {
  const at = out.run(12);
  const view = out.dataView;
  view.setBigInt64(at, r.sessionId);
  view.setInt32(at + 8, r.timeout);
}
export function readSessionTouch(input: Input): SessionTouch {
  const at = input.run(12);
  const view = input.dataView;
  return {
    sessionId: view.getBigInt64(at),
    timeout: view.getInt32(at + 8),
  };
}
export const SessionTouchShape: Shape = {
  name: "SessionTouch",
  fields: [
    ["sessionId", "long", "session"],
    ["timeout", "int", "duration"],
  ],
};
export const SessionTouchCodec: Codec<SessionTouch> = { shape: SessionTouchShape, read: readSessionTouch, write: writeSessionTouch };

export interface RevalidateRequest {
  sessionId: SessionId;
  timeout: number;
}
export function writeRevalidateRequest(out: Output, r: RevalidateRequest): void {
  const at = out.run(12);
  const view = out.dataView;
  view.setBigInt64(at, r.sessionId);
  view.setInt32(at + 8, r.timeout);
}
export function readRevalidateRequest(input: Input): RevalidateRequest {
  const at = input.run(12);
  const view = input.dataView;
  return {
    sessionId: view.getBigInt64(at),
    timeout: view.getInt32(at + 8),
  };
}
export const RevalidateRequestShape: Shape = {
  name: "RevalidateRequest",
  fields: [
    ["sessionId", "long", "session"],
    ["timeout", "int", "duration"],
  ],
};
export const RevalidateRequestCodec: Codec<RevalidateRequest> = { shape: RevalidateRequestShape, read: readRevalidateRequest, write: writeRevalidateRequest };

export interface RevalidateReply {
  sessionId: SessionId;
  valid: boolean;
}
export function writeRevalidateReply(out: Output, r: RevalidateReply): void {
  const at = out.run(9);
  const view = out.dataView;
  view.setBigInt64(at, r.sessionId);
  view.setInt8(at + 8, r.valid ? 1 : 0);
}
export function readRevalidateReply(input: Input): RevalidateReply {
  const at = input.run(9);
  const view = input.dataView;
  return {
    sessionId: view.getBigInt64(at),
    valid: view.getInt8(at + 8) !== 0,
  };
}
export const RevalidateReplyShape: Shape = {
  name: "RevalidateReply",
  fields: [
    ["sessionId", "long", "session"],
    ["valid", "boolean"],
  ],
};
export const RevalidateReplyCodec: Codec<RevalidateReply> = { shape: RevalidateReplyShape, read: readRevalidateReply, write: writeRevalidateReply };

/** REQUEST: the request record follows, without a length. */
export interface ForwardedHeader {
  sessionId: SessionId;
  cxid: number;
  type: number;
}
export function writeForwardedHeader(out: Output, r: ForwardedHeader): void {
  const at = out.run(16);
  const view = out.dataView;
  view.setBigInt64(at, r.sessionId);
  view.setInt32(at + 8, r.cxid);
  view.setInt32(at + 12, r.type);
}
export function readForwardedHeader(input: Input): ForwardedHeader {
  const at = input.run(16);
  const view = input.dataView;
  return {
    sessionId: view.getBigInt64(at),
    cxid: view.getInt32(at + 8),
    type: view.getInt32(at + 12),
  };
}
export const ForwardedHeaderShape: Shape = {
  name: "ForwardedHeader",
  fields: [
    ["sessionId", "long", "session"],
    ["cxid", "int"],
    ["type", "int", "op"],
  ],
};
export const ForwardedHeaderCodec: Codec<ForwardedHeader> = { shape: ForwardedHeaderShape, read: readForwardedHeader, write: writeForwardedHeader };

/** COMMITANDACTIVATE; in INFORMANDACTIVATE the txn follows. */
export interface Activation {
  designatedLeader: Sid;
}
export function writeActivation(out: Output, r: Activation): void {
  out.long(r.designatedLeader);
}
export function readActivation(input: Input): Activation {
  return {
    designatedLeader: input.long(),
  };
}
export const ActivationShape: Shape = {
  name: "Activation",
  fields: [
    ["designatedLeader", "long", "sid"],
  ],
};
export const ActivationCodec: Codec<Activation> = { shape: ActivationShape, read: readActivation, write: writeActivation };

export const quorumCodecs: readonly Codec<unknown>[] = [
  QuorumPacketCodec,
  QuorumAuthPacketCodec,
  LearnerInfoCodec,
  LeaderInfoCodec,
  AckEpochCodec,
  SessionTouchCodec,
  RevalidateRequestCodec,
  RevalidateReplyCodec,
  ForwardedHeaderCodec,
  ActivationCodec,
];
