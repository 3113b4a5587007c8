// The election port: the greeting of the side that dialled, and notifications in the four forms
// that releases have written (quorum.md 1.1, 1.2, 2.1, 2.2). Frames around notifications:
// frames.ts. Decides nothing about votes or about who keeps a connection.
//
// Must agree with Java's QuorumCnxManager.InitialMessage and FastLeaderElection.

import { Fault } from "../base/errors.ts";
import { epochOf, type Sid } from "../base/ids.ts";
import { Input } from "../codec/input.ts";
import { Output } from "../codec/output.ts";
import type { Notification } from "../records/election.ts";
import type { Address } from "../ports.ts";

/** First long of the greeting when it is not a sid: one address (3.5.0+), or several (3.6.0+). */
export const GREETING_V1 = -65536n;
export const GREETING_V2 = -65535n;
/** Longest address text that Java takes, inclusive. */
export const ADDRESS_TEXT_MAX = 2048;

export interface InitialMessage {
  readonly sid: Sid;
  /** 0n: nothing but a sid, as 3.4 sends it; then there are no addresses. */
  readonly version: 0n | typeof GREETING_V1 | typeof GREETING_V2;
  readonly addresses: readonly Address[];
  /** Bytes of the message; those behind it belong to what follows. */
  readonly size: number;
}

/** Bytes still missing at the least, 0 when the greeting is whole (quorum.md 1.2, 3.6.0+). */
export function missingOfInitialMessage(bytes: Uint8Array): number {
  if (bytes.length < 8) return 8 - bytes.length;
  const input = new Input(bytes);
  const first = input.long();
  if (first >= 0n) return 0;
  if (first !== GREETING_V1 && first !== GREETING_V2) {
    throw new Fault("PROTOCOL", `there is no greeting of version ${first}`, {
      where: "election port",
    });
  }
  if (bytes.length < 20) return 20 - bytes.length;
  input.long();
  const length = input.int();
  if (length <= 0 || length > ADDRESS_TEXT_MAX) {
    throw new Fault("LENGTH", `a greeting with ${length} bytes of addresses`, {
      where: "election port",
      limit: ADDRESS_TEXT_MAX,
    });
  }
  return Math.max(0, 20 + length - bytes.length);
}

/**
 * The greeting at the start of `bytes`, or how many bytes are missing at the least.
 *
 * Faults: PROTOCOL for an unknown version or an address that cannot be, LENGTH.
 */
export function readInitialMessage(bytes: Uint8Array): number | InitialMessage {
  const missing = missingOfInitialMessage(bytes);
  if (missing > 0) return missing;
  const input = new Input(bytes);
  const first = input.long();
  if (first >= 0n) return { sid: first, version: 0n, addresses: [], size: 8 };
  const version = first === GREETING_V2 ? GREETING_V2 : GREETING_V1;
  const sid = input.long();
  const addresses = parseAddresses(input.ustring() ?? "");
  return { sid, version, addresses, size: input.at };
}

/** Writes a greeting; to be sent in one write, for Java fetches the text by a single read. */
export function writeInitialMessage(
  out: Output,
  message: Pick<InitialMessage, "sid" | "version" | "addresses">,
): void {
  if (message.version === 0n) return out.long(message.sid);
  out.long(message.version);
  out.long(message.sid);
  out.ustring(formatAddresses(message.addresses));
}

/** `host:port` joined by `|`, IPv6 literals in brackets. */
export const formatAddresses = (addresses: readonly Address[]): string =>
  addresses.map(({ host, port }) => host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`)
    .join("|");

function parseAddresses(text: string): Address[] {
  // Java drops empty parts at the end, and only those.
  return text.replace(/\|+$/, "").split("|").map((part) => parseAddress(part, text));
}

function parseAddress(part: string, text: string): Address {
  const match = /^(?:\[([^\]]*)\]|([^:[][^:]*)):([+-]?[0-9]{1,10})$/.exec(part);
  const port = Number(match?.[3] ?? NaN);
  // A port out of range ends the accept thread of a Java server (H-E17); here only this link.
  if (match === null || !(port >= 0 && port <= 65535)) {
    throw new Fault("PROTOCOL", `'${part}' is not host:port`, {
      where: `greeting '${text}'`,
      hint: "IPv6 addresses need brackets",
    });
  }
  return { host: match[1] ?? match[2] ?? "", port };
}

/**
 * What a notification has besides state, leader, zxid and round: nothing (28, up to 3.3), peerEpoch
 * (36, 3.4.0 to 3.4.5), version too (40, 3.4.6 to 3.4.14), config too (44 and its text, 3.5.0+).
 */
export type NotificationForm = 28 | 36 | 40 | 44;

/** The version that a form carries. */
const VERSIONS = { 28: 0, 36: 0, 40: 1, 44: 2 } as const;
export const notificationVersion = (form: NotificationForm): number => VERSIONS[form];

const STATE_MAX = 3;

/** Config text is plain UTF-8, unlike the strings of records. */
const encoder = new TextEncoder();

/** Form of a payload, from its length and, where there is one, its version field. */
export function notificationForm(payload: Uint8Array): NotificationForm {
  const { length } = payload;
  if (length >= 40) {
    const version = new Input(payload, 36).int();
    // Java believes the config only when more than 40 bytes came and the version is above 1.
    return length > 40 && version > 1 ? 44 : 40;
  }
  if (length === 28 || length === 36) return length;
  throw new Fault("SHORT", `a notification cannot have ${length} bytes`, {
    where: "election port",
    length,
  });
}

/**
 * Decodes a notification of any form. What a form lacks is filled in as Java does: peerEpoch from
 * the zxid, version 0; config is null when there is none. Bytes behind it are ignored.
 *
 * Faults: SHORT, LENGTH; PROTOCOL for a state that is none. The message is dropped, not the link.
 */
export function readNotification(
  payload: Uint8Array,
): { notification: Notification; form: NotificationForm } {
  const form = notificationForm(payload);
  const input = new Input(payload);
  const state = input.int();
  if (state < 0 || state > STATE_MAX) {
    throw new Fault("PROTOCOL", `there is no server state ${state}`, { where: "notification" });
  }
  const leader = input.long();
  const zxid = input.long();
  const electionEpoch = input.long();
  const peerEpoch = form === 28 ? epochOf(zxid) : input.long();
  const version = form >= 40 ? input.int() : 0;
  const config = form === 44 ? input.ustring() : null;
  if (form === 44 && config === null) {
    throw new Fault("LENGTH", "a notification with -1 bytes of config", { where: "notification" });
  }
  return {
    notification: { state, leader, zxid, electionEpoch, peerEpoch, version, config },
    form,
  };
}

/** Writes the payload of a notification. Its version field is the form's own, as Java writes it. */
export function writeNotification(
  out: Output,
  notification: Notification,
  form: NotificationForm,
): void {
  out.int(notification.state);
  out.long(notification.leader);
  out.long(notification.zxid);
  out.long(notification.electionEpoch);
  if (form >= 36) out.long(notification.peerEpoch);
  if (form >= 40) out.int(VERSIONS[form]);
  if (form === 44) out.buffer(encoder.encode(notification.config ?? ""));
}

/** A notification with its length before it, as it goes out. */
export function notificationFrame(notification: Notification, form: NotificationForm): Uint8Array {
  const out = new Output();
  const length = out.reserve();
  writeNotification(out, notification, form);
  out.patchLength(length);
  return out.take();
}

/**
 * The form to write to a server from which `heard` was last read, null when nothing was yet.
 * Everybody from 3.4.6 on reads the newest form; older ones are answered in their own
 * (quorum.md 2.2), and whoever is silent is taken for new, as Java does.
 */
export function formFor(heard: NotificationForm | null): NotificationForm {
  return heard === 28 || heard === 36 ? heard : 44;
}
