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
  "from", // of an election; elsewhere an address
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
  const rest = ((ns % SECOND) + SECOND) % SECOND;
  const seconds = Number((ns - rest) / SECOND);
  const inDay = ((seconds % 86_400) + 86_400) % 86_400;
  const two = (part: number): string => String(part).padStart(2, "0");
  const [hour, minute] = [Math.floor(inDay / 3600), Math.floor(inDay / 60) % 60];
  const time = `${two(hour)}:${two(minute)}:${two(inDay % 60)}`;
  return `${dayText((seconds - inDay) / 86_400)}T${time}.${String(rest).padStart(9, "0")}Z`;
}

const SECOND = 1_000_000_000n;

/** Date of a day counted from 1970, in the Gregorian calendar; years begin in March underneath. */
function dayText(day: number): string {
  const shifted = day + 719_468;
  const era = Math.floor(shifted / 146_097);
  const ofEra = shifted - era * 146_097;
  const year = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) /
      365,
  );
  const ofYear = ofEra - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
  const march = Math.floor((5 * ofYear + 2) / 153);
  const date = ofYear - Math.floor((153 * march + 2) / 5) + 1;
  const month = march < 10 ? march + 3 : march - 9;
  const years = year + era * 400 + (month <= 2 ? 1 : 0);
  const pad = (part: number, width: number): string => String(part).padStart(width, "0");
  return `${pad(years, 4)}-${pad(month, 2)}-${pad(date, 2)}`;
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
