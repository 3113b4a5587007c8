// `--format html`: gathers messages and stories and packs them into one self-contained page that
// works without a network. The page's own parts are report_page.ts (markup, style) and
// report_script.ts (what runs in the browser); here only the data is made for them.

import { Buffer } from "node:buffer";
import { hex } from "../base/ids.ts";
import { spanJson } from "../codec/dissect.ts";
import type { Json } from "../codec/json.ts";
import { errorName } from "../txn/opcodes.ts";
import type { CaptureFacts } from "./decoder.ts";
import { spansOf } from "./fields.ts";
import { isoTime } from "./json.ts";
import type { Decoded, Message, Protocol, Story } from "./message.ts";
import { reportPage } from "./report_page.ts";
import { byteCount, duration, storyWords } from "./text.ts";

/** Bytes of a message that the page shows. */
const BYTES_MAX = 1024;
const VALUE_MAX = 120;
const STORIES_MAX = 2000;
/** More client addresses than this are drawn as one column a host. */
const CLIENT_LANES_MAX = 8;

/** Distances in the page are milliseconds after the first packet. */
const ms = (ns: number): number => Math.round(ns) / 1e6;

export class Report {
  readonly #limit: number;
  /** With no more of their bytes than the page shows; their fields are taken before that. */
  readonly #messages: Message[] = [];
  readonly #spans: Json[] = [];
  readonly #fields = new Names();
  readonly #stories: Story[] = [];
  #left = 0;
  #leftStories = 0;

  /** `limit`: so many messages are shown at most, the first ones. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  add(decoded: Decoded): void {
    if (decoded.type === "message") {
      if (this.#messages.length < this.#limit) this.#show(decoded);
      else this.#left += 1;
    } else if (decoded.type !== "connection") {
      if (this.#stories.length < STORIES_MAX) this.#stories.push(decoded);
      else this.#leftStories += 1;
    }
  }

  #show(message: Message): void {
    this.#spans.push(spanRow(message, this.#fields));
    this.#messages.push({ ...message, bytes: message.bytes.slice(0, BYTES_MAX) });
  }

  /** What is not on the page, and what to do about it; empty when all is. */
  #more(): string {
    const parts: string[] = [];
    if (this.#left > 0) {
      const shown = this.#messages.length;
      parts.push(
        `Only the first ${shown} messages are in this report, ${this.#left} more were left out: ` +
          "narrow it down with filters, or raise --limit.",
      );
    }
    if (this.#leftStories > 0) {
      parts.push(
        `Only the first ${STORIES_MAX} stories are, ${this.#leftStories} more were left out: ` +
          "narrow it down with filters.",
      );
    }
    return parts.join(" ");
  }

  /** The page. */
  page(facts: CaptureFacts): string {
    const lanes = new Lanes(this.#messages);
    // A story's last line may come before messages that were captured earlier.
    const messages = this.#messages.map((message, i) => messageRow(message, lanes, this.#spans[i]));
    const end = Math.max(facts.end, ...this.#messages.slice(-1).map((message) => message.time));
    const data: Json = {
      start: isoTime(facts.origin),
      origin: String(facts.origin),
      end: ms(end),
      facts: factRows(facts),
      left: this.#left,
      more: this.#more(),
      lanes: lanes.list,
      messages,
      stories: this.#stories.map(storyRow),
      fields: this.#fields.list,
    };
    return reportPage(JSON.stringify(data).replaceAll("<", "\\u003c"));
  }
}

function factRows(facts: CaptureFacts): [string, string][] {
  const rows: [string, string][] = [
    ["from", isoTime(facts.origin).slice(0, 23).replace("T", " ") + " UTC"],
    ["length", duration(facts.end)],
    ["packets", `${facts.packets} (${byteCount(facts.bytes)})`],
    ["connections", String(facts.connections)],
    ["messages", String(facts.messages)],
  ];
  if (facts.lost > 0) rows.push(["not captured", byteCount(facts.lost)]);
  if (facts.unreadable > 0) rows.push(["unreadable", byteCount(facts.unreadable)]);
  if (facts.unknown > 0) rows.push(["other protocols", byteCount(facts.unknown)]);
  return rows;
}

/** Strings by number, each once. */
class Names {
  readonly list: string[] = [];
  readonly #numbers = new Map<string, number>();

  numberOf(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    this.#numbers.set(name, this.list.length);
    this.list.push(name);
    return this.list.length - 1;
  }
}

/** The columns of the sequence diagram: servers by sid, then servers by address, then clients. */
class Lanes {
  readonly list: string[];
  readonly #laneOf = new Map<string, number>();

  constructor(messages: readonly Message[]) {
    const sids = new Map<string, bigint>();
    const servers = new Set<string>();
    const clients = new Set<string>();
    for (const { from, to, fromSid, toSid, direction, protocol } of messages) {
      if (fromSid !== null) sids.set(from, fromSid);
      if (toSid !== null) sids.set(to, toSid);
      const [dialler, listener] = direction === "up" ? [from, to] : [to, from];
      servers.add(listener);
      if (protocol === "quorum" || protocol === "election") servers.add(dialler);
      else clients.add(dialler);
    }
    const isGrouped = [...clients].filter((name) => !sids.has(name)).length > CLIENT_LANES_MAX;
    const nameOf = (name: string): string => {
      const sid = sids.get(name);
      if (sid !== undefined) return `server.${sid}`;
      if (servers.has(name)) return name;
      return isGrouped ? `clients ${name.slice(0, name.lastIndexOf(":"))}` : name;
    };
    const rank = (name: string): number =>
      name.startsWith("clients ") || !/^server\./.test(name) ? 0 : Number(name.slice(7)) + 1;
    const all = [...new Set([...clients, ...servers].map(nameOf))];
    this.list = all.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
    for (const name of [...clients, ...servers]) {
      this.#laneOf.set(name, this.list.indexOf(nameOf(name)));
    }
  }

  of(name: string): number {
    return this.#laneOf.get(name) ?? 0;
  }
}

const PROTOCOLS: readonly Protocol[] = [
  "client",
  "words",
  "election",
  "quorum",
  "tls",
  "http",
  "unknown",
];

/** The fields of a message: from, to, number of the name, and value, one after another. */
function spanRow(message: Message, fields: Names): Json {
  return spansOf(message).filter((span) => span.start < BYTES_MAX).flatMap(
    (span): Json[] => {
      const json = spanJson(span);
      const bytes = span.value instanceof Uint8Array ? span.value : null;
      const isText = bytes !== null && bytes.length > 0 &&
        bytes.every((byte) => byte >= 0x20 && byte < 0x7f);
      const text = isText
        ? String.fromCharCode(...bytes.subarray(0, VALUE_MAX))
        : typeof json === "object" && json !== null
        ? JSON.stringify(json)
        : String(json);
      const cut = text.length > VALUE_MAX ? `${text.slice(0, VALUE_MAX)}…` : text;
      return [span.start, span.end, fields.numberOf(span.path), cut];
    },
  );
}

/** One message as the script wants it; the order of the fields is a contract with it. */
function messageRow(message: Message, lanes: Lanes, spans: Json): Json {
  const { session, zxid, error, latency } = message;
  return [
    message.n,
    ms(message.time),
    PROTOCOLS.indexOf(message.protocol),
    lanes.of(message.from),
    lanes.of(message.to),
    message.kind,
    message.name,
    message.from,
    message.to,
    message.connection,
    message.size,
    message.lost,
    message.xid,
    session === null ? null : hex(session),
    zxid === null ? null : hex(zxid),
    message.path,
    error,
    error === null ? null : errorName(error),
    latency === null ? null : ms(latency),
    message.about,
    message.note,
    Buffer.from(message.bytes).toString("base64"),
    spans,
  ];
}

function storyRow(story: Story): Json {
  const from = story.type === "election"
    ? story.from
    : story.type === "sync"
    ? story.started
    : story.type === "write"
    ? story.requested ?? story.time
    : story.time;
  return [ms(story.time), ms(from), story.type, storyWords(story), stepsOf(story)];
}

/** The hops of a write, for the little chart in its details. */
function stepsOf(story: Story): Json {
  if (story.type !== "write") return null;
  const steps: [string, number][] = [];
  const add = (name: string, time: number | null): void => {
    if (time !== null) steps.push([name, ms(time)]);
  };
  add("request", story.requested);
  add(story.forwardedBy === null ? "REQUEST" : `REQUEST by ${story.forwardedBy}`, story.forwarded);
  for (const hop of story.hops) {
    const who = hop.sid === null ? hop.to : `server.${hop.sid}`;
    add(`PROPOSAL → ${who}`, hop.proposed);
    add(`ACK ← ${who}`, hop.acked);
    add(`${hop.proposed === null ? "INFORM" : "COMMIT"} → ${who}`, hop.committed);
  }
  add("reply", story.replied);
  return steps.sort(([, a], [, b]) => a - b);
}
