// Any message of any port under one type, for those who meet all of them: decoders of recordings,
// tests, the fuzzer. A message can be written back to its exact bytes and laid out field by field.
// Servers and clients use the readers of their port directly.

import { dissect, type Layout, type Span } from "../codec/dissect.ts";
import { Input } from "../codec/input.ts";
import { Output } from "../codec/output.ts";
import type { ConnectRequest, ConnectResponse } from "../records/client.ts";
import type { Notification } from "../records/election.ts";
import {
  type QuorumAuthPacket,
  type QuorumPacket,
  writeQuorumAuthPacket,
  writeQuorumPacket,
} from "../records/quorum.ts";
import * as client from "./client.ts";
import * as election from "./election.ts";
import * as layouts from "./layout.ts";
import { type SnapshotPart, writeSnapshotPart } from "./learner.ts";
import { type Payload, readPayload, type Side, writePayload } from "./payloads.ts";

export type Message =
  // client port
  | {
    readonly kind: "connectRequest";
    readonly request: ConnectRequest;
    readonly readOnly: boolean | null;
  }
  | {
    readonly kind: "connectResponse";
    readonly response: ConnectResponse;
    readonly readOnly: boolean | null;
  }
  | { readonly kind: "request"; readonly request: client.RequestFrame }
  | { readonly kind: "reply"; readonly reply: client.ReplyFrame }
  | { readonly kind: "word" | "argument" | "text"; readonly bytes: Uint8Array }
  // election port
  | { readonly kind: "greeting"; readonly greeting: election.InitialMessage }
  | {
    readonly kind: "notification";
    readonly notification: Notification;
    readonly form: election.NotificationForm;
  }
  // learner port
  | { readonly kind: "auth"; readonly auth: QuorumAuthPacket }
  | { readonly kind: "packet"; readonly packet: QuorumPacket; readonly payload: Payload }
  | { readonly kind: "snapshot"; readonly part: SnapshotPart };

/** Messages with a length before them. */
const FRAMED: ReadonlySet<Message["kind"]> = new Set(
  ["connectRequest", "connectResponse", "request", "reply", "notification"],
);

/** Decoders of frames: the bytes behind the length. */
export function decodeConnectRequest(frame: Uint8Array): Message {
  return { kind: "connectRequest", ...client.readConnectRequest(new Input(frame)) };
}
export function decodeConnectResponse(frame: Uint8Array): Message {
  return { kind: "connectResponse", ...client.readConnectResponse(new Input(frame)) };
}
export const decodeRequest = (frame: Uint8Array): Message => ({
  kind: "request",
  request: client.parseRequest(frame),
});
export const decodeReply = (frame: Uint8Array, op: number | null): Message => ({
  kind: "reply",
  reply: client.parseReply(frame, op),
});
export const decodeNotification = (frame: Uint8Array): Message => ({
  kind: "notification",
  ...election.readNotification(frame),
});
export const decodePacket = (packet: QuorumPacket, from: Side): Message => ({
  kind: "packet",
  packet,
  payload: readPayload(packet, from),
});

/** The message as it travels, its length before it where it has one. */
export function encodeMessage(message: Message): Uint8Array {
  const out = new Output();
  const length = FRAMED.has(message.kind) ? out.reserve() : null;
  writeMessage(out, message);
  if (length !== null) out.patchLength(length);
  return out.take();
}

function writeMessage(out: Output, message: Message): void {
  switch (message.kind) {
    case "connectRequest":
      return client.writeConnectRequest(out, message.request, message.readOnly);
    case "connectResponse":
      return client.writeConnectResponse(out, message.response, message.readOnly);
    case "request":
      return client.writeRequest(out, message.request);
    case "reply":
      return client.writeReply(out, message.reply);
    case "word":
    case "argument":
    case "text":
      return out.raw(message.bytes);
    case "greeting":
      return election.writeInitialMessage(out, message.greeting);
    case "notification":
      return election.writeNotification(out, message.notification, message.form);
    case "auth":
      return writeQuorumAuthPacket(out, message.auth);
    case "packet":
      return writePacket(out, message.packet, message.payload);
    case "snapshot":
      return writeSnapshotPart(out, message.part);
  }
}

/** From the decoded payload, not from the packet's own data: so that both are proved. */
function writePacket(out: Output, packet: QuorumPacket, payload: Payload): void {
  if (payload.kind === "none") return writeQuorumPacket(out, { ...packet, data: null });
  const data = new Output();
  writePayload(data, payload);
  writeQuorumPacket(out, { ...packet, data: data.take() });
}

/** Layout of {@link encodeMessage}'s bytes. */
export function layoutOf(message: Message): Layout {
  const layout = layoutOfContent(message);
  return FRAMED.has(message.kind) ? layouts.framed(layout) : layout;
}

function layoutOfContent(message: Message): Layout {
  switch (message.kind) {
    case "connectRequest":
      return layouts.connectRequestLayout(message.readOnly);
    case "connectResponse":
      return layouts.connectResponseLayout(message.readOnly);
    case "request":
      return layouts.requestLayout(message.request);
    case "reply":
      return layouts.replyLayout(message.reply);
    case "word":
    case "argument":
    case "text":
      return layouts.textLayout(message.kind);
    case "greeting":
      return layouts.initialMessageLayout(message.greeting);
    case "notification":
      return layouts.notificationLayout(message.form);
    case "auth":
      return layouts.authLayout;
    case "packet":
      return layouts.packetLayout(message.payload);
    case "snapshot":
      return layouts.snapshotPartLayout(message.part);
  }
}

/** Every byte of a message as a named field; `bytes` as they travelled. */
export const dissectMessage = (message: Message, bytes: Uint8Array): Span[] =>
  dissect(bytes, layoutOf(message));
