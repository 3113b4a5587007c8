// GENERATED from jute/election.jute by jute/compile.ts. Do not edit: deno task jute.
// The election port (quorum.md 1 and 2). Not Jute in Java, but the same primitives: an int length
// and bytes are a ustring. The shorter notifications are cut after zxid-and-round (28 bytes),
// peerEpoch (36) and version (40): lib/wire/election.ts.

import type { Epoch, Sid, Zxid } from "../base/ids.ts";
import type { Input } from "../codec/input.ts";
import type { Output } from "../codec/output.ts";
import type { Codec, Shape } from "../codec/shape.ts";

export interface InitialMessage {
  protocolVersion: bigint;
  sid: Sid;
  addresses: string | null;
}
export function writeInitialMessage(out: Output, r: InitialMessage): void {
  out.long(r.protocolVersion);
  out.long(r.sid);
  out.ustring(r.addresses);
}
export function readInitialMessage(input: Input): InitialMessage {
  return {
    protocolVersion: input.long(),
    sid: input.long(),
    addresses: input.ustring(),
  };
}
export const InitialMessageShape: Shape = {
  name: "InitialMessage",
  fields: [
    ["protocolVersion", "long"],
    ["sid", "long", "sid"],
    ["addresses", "ustring"],
  ],
};
export const InitialMessageCodec: Codec<InitialMessage> = { shape: InitialMessageShape, read: readInitialMessage, write: writeInitialMessage };

export interface Notification {
  state: number;
  leader: Sid;
  zxid: Zxid;
  electionEpoch: Epoch;
  peerEpoch: Epoch;
  version: number;
  config: string | null;
}
export function writeNotification(out: Output, r: Notification): void {
  out.int(r.state);
  out.long(r.leader);
  out.long(r.zxid);
  out.long(r.electionEpoch);
  out.long(r.peerEpoch);
  out.int(r.version);
  out.ustring(r.config);
}
export function readNotification(input: Input): Notification {
  return {
    state: input.int(),
    leader: input.long(),
    zxid: input.long(),
    electionEpoch: input.long(),
    peerEpoch: input.long(),
    version: input.int(),
    config: input.ustring(),
  };
}
export const NotificationShape: Shape = {
  name: "Notification",
  fields: [
    ["state", "int", "state"],
    ["leader", "long", "sid"],
    ["zxid", "long", "zxid"],
    ["electionEpoch", "long", "epoch"],
    ["peerEpoch", "long", "epoch"],
    ["version", "int"],
    ["config", "ustring"],
  ],
};
export const NotificationCodec: Codec<Notification> = { shape: NotificationShape, read: readNotification, write: writeNotification };

export const electionCodecs: readonly Codec<unknown>[] = [
  InitialMessageCodec,
  NotificationCodec,
];
