// The lines of `--format jsonl`: one object each, with the fields of message.ts. Ids are `0x…`, sids
// and epochs numbers, times ISO 8601 with nanoseconds (`time`) and seconds from the capture's start
// (`at`), durations milliseconds. Fields are only ever added; absent means unknown or not applicable.

import { hex } from "../base/ids.ts";
import type { Json } from "../codec/json.ts";
import { errorName } from "../txn/opcodes.ts";
import { jsonOf } from "./fields.ts";
import type { Decoded, ElectionVote, Message, Story } from "./message.ts";

/** Fields of ids that people know in hex. */
const HEX = new Set(["zxid", "session", "learnerZxid", "firstZxid", "lastZxid"]);
/** Times of stories: nanoseconds after the first packet, shown as seconds. */
const TIMES = new Set([
  "requested",
  "forwarded",
  "replied",
  "proposed",
  "acked",
  "committed",
  "started",
  "synced",
  "newLeader",
  "upToDate",
]);

/** Nanoseconds since 1970 as ISO 8601, UTC. */
export function isoTime(ns: bigint): string {
  const seconds = ns / 1_000_000_000n;
  const rest = String(ns % 1_000_000_000n).padStart(9, "0");
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${rest}Z`;
}

const seconds = (ns: number): number => Math.round(ns) / 1e9;
const millis = (ns: number): number => Math.round(ns) / 1e6;

/** `origin`: wall clock of the capture's first packet, nanoseconds since 1970. */
export function toJsonl(decoded: Decoded, origin: bigint): { [key: string]: Json } {
  return decoded.type === "message" ? messageJson(decoded, origin) : storyJson(decoded, origin);
}

function messageJson(message: Message, origin: bigint): { [key: string]: Json } {
  const { error, latency, zxid, session, fromSid, toSid } = message;
  return trimmed({
    type: "message",
    n: message.n,
    time: isoTime(origin + BigInt(Math.round(message.time))),
    at: seconds(message.time),
    connection: message.connection,
    protocol: message.protocol,
    from: message.from,
    to: message.to,
    fromSid: fromSid === null ? null : Number(fromSid),
    toSid: toSid === null ? null : Number(toSid),
    direction: message.direction,
    kind: message.kind,
    name: message.name,
    size: message.size,
    lost: message.lost === 0 ? null : message.lost,
    xid: message.xid,
    session: session === null ? null : hex(session),
    zxid: zxid === null ? null : hex(zxid),
    path: message.path,
    error,
    errorName: error === null ? null : errorName(error),
    latencyMs: latency === null ? null : millis(latency),
    about: message.about,
    note: message.note === "" ? null : message.note,
    fields: jsonOf(message),
  });
}

function storyJson(story: Story, origin: bigint): { [key: string]: Json } {
  const head = {
    type: story.type,
    time: isoTime(origin + BigInt(Math.round(story.time))),
    at: seconds(story.time),
  };
  const { type: _type, time: _time, ...rest } = story;
  return { ...head, ...trimmed(valuesOf(rest)) };
}

function valuesOf(record: Readonly<Record<string, unknown>>): { [key: string]: Json } {
  const out: { [key: string]: Json } = {};
  for (const [key, value] of Object.entries(record)) {
    if (key === "latency" && typeof value === "number") out.latencyMs = millis(value);
    else out[key] = valueOf(key, value);
  }
  return out;
}

function valueOf(key: string, value: unknown): Json {
  if (typeof value === "bigint") {
    if (HEX.has(key)) return hex(value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  }
  if (typeof value === "number") return TIMES.has(key) ? seconds(value) : value;
  if (Array.isArray(value)) {
    return value.map((item: unknown) =>
      typeof item === "object" && item !== null ? trimmed(inner(item)) : valueOf(key, item)
    );
  }
  return typeof value === "string" || typeof value === "boolean" ? value : null;
}

/** Votes and hops: their `time` is a distance too. */
function inner(item: object): { [key: string]: Json } {
  const { time, ...rest } = item as Partial<ElectionVote>;
  const values = valuesOf(rest);
  return time === undefined ? values : { at: seconds(time), ...values };
}

/** Without what is null. */
function trimmed(record: { [key: string]: Json }): { [key: string]: Json } {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== null));
}
