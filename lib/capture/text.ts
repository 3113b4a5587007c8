// The lines that people read: one a message, aligned; stories between them. The client or learner
// stands left whoever speaks, the arrow says which way.

import { hex, type Sid } from "../base/ids.ts";
import { type Span, spanJson } from "../codec/dissect.ts";
import { errorName } from "../txn/opcodes.ts";
import { spansOf } from "./fields.ts";
import { isoTime } from "./json.ts";
import type { Decoded, Message, Story, SyncStory, WriteStory } from "./message.ts";

type Paint = (text: string) => string;

/** What text is painted with; every entry may be the identity. */
export interface Palette {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
  readonly blue: Paint;
  readonly magenta: Paint;
  readonly cyan: Paint;
}

export interface TextOptions {
  readonly palette: Palette;
  /** Adds a line with the fields. */
  readonly verbose: boolean;
  /** Adds every byte with its field. */
  readonly hex: boolean;
}

/** Longest value shown in a line of fields. */
const VALUE_MAX = 64;

/** 0.412 ms, 12.3 ms, 4.56 s. */
export function duration(ns: number): string {
  if (ns < 10e6) return `${(ns / 1e6).toFixed(3)} ms`;
  if (ns < 1e9) return `${(ns / 1e6).toFixed(1)} ms`;
  return `${(ns / 1e9).toFixed(2)} s`;
}

export const byteCount = (bytes: number): string =>
  bytes < 10_000
    ? `${bytes} B`
    : bytes < 10_000_000
    ? `${(bytes / 1000).toFixed(1)} kB`
    : `${(bytes / 1e6).toFixed(1)} MB`;

/** A text of the capture as one line may hold it: what would command a terminal is spelled out. */
export const printable = (text: string): string =>
  text.replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);

const clock = (origin: bigint, time: number): string =>
  isoTime(origin + BigInt(Math.round(time))).slice(11, 26);

const party = (name: string, sid: Sid | null): string => sid === null ? name : `server.${sid}`;

/** Text of a message or story, ending with a newline; empty for what is only shown when verbose. */
export function toText(decoded: Decoded, origin: bigint, options: TextOptions): string {
  return decoded.type === "message"
    ? messageText(decoded, origin, options)
    : storyText(decoded, origin, options);
}

function messageText(message: Message, origin: bigint, options: TextOptions): string {
  const { palette } = options;
  if (message.kind === "snapshot" && !options.verbose && !options.hex) return "";
  const isUp = message.direction === "up";
  const [left, right] = isUp
    ? [party(message.from, message.fromSid), party(message.to, message.toSid)]
    : [party(message.to, message.toSid), party(message.from, message.fromSid)];
  const arrow = isUp ? palette.cyan("→") : palette.green("←");
  const name = paintName(message, palette)(printable(message.name).padEnd(16));
  const head = `${palette.dim(clock(origin, message.time))}  ${left.padEnd(21)} ${arrow} ${
    right.padEnd(15)
  }  ${name}`;
  const line = `${head} ${details(message, palette)}`.trimEnd() + "\n";
  if (options.hex) return line + hexText(message, palette);
  return options.verbose ? line + fieldsText(message, palette) : line;
}

function paintName(message: Message, palette: Palette): Paint {
  switch (message.kind) {
    case "event":
      return palette.yellow;
    case "packet":
    case "snapshot":
      return palette.blue;
    case "greeting":
    case "notification":
      return palette.magenta;
    case "malformed":
      return palette.red;
    default:
      return palette.bold;
  }
}

function details(message: Message, palette: Palette): string {
  const { xid, error, latency, zxid, path, note, lost, session } = message;
  const isReply = message.kind === "reply" || message.kind === "connected";
  const parts: string[] = [];
  if (path !== null) parts.push(printable(path));
  if (message.protocol === "client" && xid !== null && xid !== -1) {
    parts.push(palette.dim(`xid ${xid}`));
  }
  if (error !== null && error !== 0) parts.push(palette.red(errorName(error)));
  else if (isReply) parts.push(palette.green("OK"));
  if (zxid !== null && message.kind !== "connect") parts.push(palette.dim(hex(zxid)));
  const isHome = message.kind === "connected" || message.kind === "connect";
  if (session !== null && (isHome || message.protocol === "quorum")) {
    parts.push(palette.dim(`session ${hex(session)}${isHome || xid === null ? "" : ` #${xid}`}`));
  }
  if (latency !== null) {
    const text = duration(latency);
    parts.push(message.kind === "event" ? palette.dim(`armed ${text} before`) : text);
  }
  if (note !== "") parts.push(printable(note));
  if (message.kind === "text" || message.size >= 1024) {
    parts.push(palette.dim(byteCount(message.size)));
  }
  if (lost > 0) parts.push(palette.red(`${lost} bytes of it lost`));
  return parts.join("  ");
}

const valueText = (span: Span): string => {
  const json = spanJson(span);
  if (span.type === "buffer" || span.type === "bytes") {
    if (span.value === null) return "null";
    const bytes = span.value as Uint8Array;
    const isText = bytes.every((byte) => byte >= 0x20 && byte < 0x7f);
    const shown = bytes.subarray(0, VALUE_MAX);
    const text = isText ? JSON.stringify(String.fromCharCode(...shown)) : toHex(shown);
    return bytes.length > VALUE_MAX ? `${text}… (${bytes.length} bytes)` : text;
  }
  const text = typeof json === "string" && !json.startsWith("0x")
    ? JSON.stringify(json)
    : String(json);
  return printable(text.length > VALUE_MAX * 2 ? `${text.slice(0, VALUE_MAX * 2)}…` : text);
};

const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

function fieldsText(message: Message, palette: Palette): string {
  const shown = spansOf(message).filter((span) => !/(^|\.)length$/.test(span.path));
  const words = shown.map((span) =>
    `${palette.dim(`${span.path.replace(/^[a-z]+\./, "")}=`)}${valueText(span)}`
  );
  return words.length === 0 ? "" : `    ${words.join(" ")}\n`;
}

/** One line a field: offset, bytes, name, value; long fields go on below. */
function hexText(message: Message, palette: Palette): string {
  const lines: string[] = [];
  for (const span of spansOf(message)) {
    for (let at = span.start; at < span.end || at === span.start; at += 16) {
      const bytes = message.bytes.subarray(at, Math.min(span.end, at + 16));
      const pairs = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
      const offset = palette.dim(at.toString(16).padStart(6, "0"));
      const label = at === span.start
        ? `${palette.cyan(span.path)} = ${valueText(span)}`
        : palette.dim(String.fromCharCode(...bytes.map((b) => b < 0x20 || b > 0x7e ? 0x2e : b)));
      lines.push(`    ${offset}  ${pairs.padEnd(47)}  ${label}`);
      if (bytes.length === 0) break;
    }
  }
  return lines.join("\n") + "\n";
}

function storyText(story: Story, origin: bigint, options: TextOptions): string {
  const { palette } = options;
  if (story.type === "connection" && !options.verbose) return "";
  const words = storyWords(story);
  const paint = story.type === "loss"
    ? palette.red
    : story.type === "connection" || story.type === "write"
    ? palette.dim
    : palette.yellow;
  return `${palette.dim(clock(origin, story.time))}  ${paint(`* ${words}`)}\n`;
}

/** A story as one sentence; also used by the report. */
export const storyWords = (story: Story): string => printable(wordsOf(story));

function wordsOf(story: Story): string {
  switch (story.type) {
    case "connection":
      return story.what === "recognised"
        ? `${story.from} → ${story.to} speaks ${story.protocol}: ${story.why}`
        : `${story.from} → ${story.to} closed (${story.why}): ${story.protocol}, ` +
          `${story.messages} messages, ${byteCount(story.bytes)}`;
    case "loss":
      return story.why === "unreadable"
        ? `${story.bytes} bytes from ${story.from} to ${story.to} belong to no whole message`
        : `${story.bytes} bytes from ${story.from} to ${story.to} ` +
          (story.why === "cut" ? "were cut off by the snap length" : "are not in the capture");
    case "session":
      return sessionWords(story);
    case "write":
      return writeWords(story);
    case "election": {
      const who = story.leader === null ? "no leader" : `server.${story.leader} leads`;
      const took = duration(story.time - story.from);
      return `election round ${story.round}: ${who} after ${took}; ${story.why}`;
    }
    case "sync":
      return syncWords(story);
    case "epoch": {
      const by = story.leader === null ? story.at : `server.${story.leader}`;
      return `epoch ${story.epoch} ${story.what} by ${by}`;
    }
    case "tls": {
      const facts = [story.version, story.cipher, story.serverName, ...story.protocols, story.note];
      const known = facts.filter((fact) => fact !== null && fact !== "").join(", ");
      return `TLS ${story.what} from ${story.from}: ${known}`;
    }
  }
}

function sessionWords(story: Story & { type: "session" }): string {
  const where = story.server === null ? "" : ` on ${party(story.server, story.sid)}`;
  const who = story.client === null ? "" : ` for ${story.client}`;
  const timeout = story.timeoutMs === null ? "" : `, timeout ${story.timeoutMs} ms`;
  const took = story.latency === null ? "" : `, in ${duration(story.latency)}`;
  const note = story.note === "" ? "" : `, ${story.note}`;
  return `session ${hex(story.session)} ${story.what}${where}${who}${timeout}${took}${note}`;
}

function writeWords(story: WriteStory): string {
  const steps: [number, string][] = [];
  const add = (time: number | null, name: string): void => {
    if (time !== null) steps.push([time, name]);
  };
  add(story.requested, "request");
  add(story.forwarded, "REQUEST");
  for (const hop of story.hops) {
    const at = hop.sid === null ? hop.to : String(hop.sid);
    add(hop.proposed, `PROPOSAL ${at}`);
    add(hop.acked, `ACK ${at}`);
    add(hop.committed, `${hop.proposed === null ? "INFORM" : "COMMIT"} ${at}`);
  }
  add(story.replied, "reply");
  steps.sort(([a], [b]) => a - b);
  const [[first] = [0]] = steps;
  const shown = steps.map(([time, name]) => `${name} +${((time - first) / 1e6).toFixed(3)}`);
  const path = story.path === null ? "" : ` ${story.path}`;
  const error = story.error === 0 ? "" : ` ${errorName(story.error)}`;
  return `write ${hex(story.zxid)} ${story.op}${path}${error}: ${shown.join(", ")} ms`;
}

function syncWords(story: SyncStory): string {
  const who = story.sid === null ? "a learner" : `server.${story.sid}`;
  const kind = story.kind ?? "no plan seen";
  const from = story.learnerZxid === null ? "" : ` from ${hex(story.learnerZxid)}`;
  const range = story.lastZxid === null || story.firstZxid === null
    ? ""
    : `, ${story.proposals} proposals ${hex(story.firstZxid)}..${hex(story.lastZxid)}`;
  const nodes = story.snapshotNodes === 0 ? "" : `, ${story.snapshotNodes} nodes`;
  const took = duration((story.upToDate ?? story.time) - story.started);
  return `${story.role} ${who} synchronised by ${kind}${from}` +
    `${story.zxid === null ? "" : ` to ${hex(story.zxid)}`}${range}${nodes}, ` +
    `${byteCount(story.bytes)}, ${story.outcome} after ${took}`;
}
