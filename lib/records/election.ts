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
  const at = out.run(16);
  const view = out.dataView;
  view.setBigInt64(at, r.protocolVersion);
  view.setBigInt64(at + 8, r.sid);
  out.ustring(r.addresses);
}
export function readInitialMessage(input: Input): InitialMessage {
  const at = input.run(16);
  const view = input.dataView;
  return {
    protocolVersion: view.getBigInt64(at),
    sid: view.getBigInt64(at + 8),
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
  const at = out.run(40);
  const view = out.dataView;
  view.setInt32(at, r.state);
  view.setBigInt64(at + 4, r.leader);
  view.setBigInt64(at + 12, r.zxid);
  view.setBigInt64(at + 20, r.electionEpoch);
  view.setBigInt64(at + 28, r.peerEpoch);
  view.setInt32(at + 36, r.version);
  out.ustring(r.config);
}
export function readNotification(input: Input): Notification {
  const at = input.run(40);
  const view = input.dataView;
  return {
    state: view.getInt32(at),
    leader: view.getBigInt64(at + 4),
    zxid: view.getBigInt64(at + 12),
    electionEpoch: view.getBigInt64(at + 20),
    peerEpoch: view.getBigInt64(at + 28),
    version: view.getInt32(at + 36),
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
