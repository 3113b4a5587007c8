// `zkpeer decode`: captures from files or a pipe, decoded to text, JSON lines, a summary or an HTML
// report. Reads and writes; everything else is lib/capture's.

import { open } from "node:fs/promises";
import process from "node:process";
import { constants as zlib, createGunzip } from "node:zlib";
import { Fault } from "../base/errors.ts";
import { parseId } from "../base/ids.ts";
import { type CaptureFacts, Decoder } from "../capture/decoder.ts";
import { type Criteria, Filter } from "../capture/filter.ts";
import { toJsonl } from "../capture/json.ts";
import type { Decoded, Protocol } from "../capture/message.ts";
import { isGzip } from "../capture/pcap.ts";
import { Report } from "../capture/report.ts";
import { Summary, type Wanted } from "../capture/summary.ts";
import { summaryText } from "../capture/summary_text.ts";
import { toText } from "../capture/text.ts";
import { helpText, type OptionRow, type OptionValues, readArgs } from "./args.ts";
import { coloursFor } from "./colour.ts";
import type { CliIo } from "./io.ts";

/** Options that `decode` and `tap` share. */
export const OUTPUT_OPTIONS = [
  {
    name: "format",
    short: "f",
    value: "FORMAT",
    help: "text (default), jsonl, summary or html",
  },
  { name: "verbose", short: "v", help: "text: the fields of each message, and connections" },
  { name: "hex", short: "x", help: "text: every byte with its field" },
  { name: "limit", value: "N", help: "html: so many messages at most (default 5000)" },
  { name: "op", value: "NAME", many: true, help: "only this op, packet type or word" },
  { name: "path", value: "GLOB", many: true, help: "only paths like this: * within a segment, **" },
  { name: "session", value: "ID", many: true, help: "only this session" },
  { name: "sid", value: "N", many: true, help: "only to or from this server" },
  { name: "client", value: "ADDR", many: true, help: "only this address, with or without port" },
  { name: "zxid", value: "A..B", help: "only zxids in this range; either end may be absent" },
  { name: "errors", help: "only replies and writes with an error" },
  { name: "slower", value: "TIME", help: "only replies that took longer: 50ms, 1.5s, 200us" },
  { name: "since", value: "TIME", help: "from here on: HH:MM:SS, ISO 8601, or +SECONDS" },
  { name: "until", value: "TIME", help: "up to here" },
  {
    name: "port",
    value: "NAME=N",
    many: true,
    help: "port N speaks client, quorum, election or http",
  },
] as const satisfies readonly OptionRow[];

const spec = {
  name: "decode",
  words: "FILE...|-",
  wordsMax: 1000,
  summary: "decode a packet capture (pcap, pcapng, also gzip) of clients and servers",
  options: OUTPUT_OPTIONS,
  more: `
Several files are read as one capture, in the order given. "-" is standard input:

  tcpdump -U -w - 'port 2181' | zkpeer decode -
  zkpeer decode --format summary sick.pcap
  zkpeer decode --format jsonl sick.pcap | jq 'select(.latencyMs > 100)'
  zkpeer decode --format html sick.pcap > sick.html

Each line of jsonl is an object with a type. "message": n, time, at (seconds from the start),
connection, protocol, from, to, fromSid, toSid, direction, kind, name, size, lost, xid, session,
zxid, path, error, errorName, latencyMs, about (n of the request answered, or of the one that armed
the watch), note, fields. Others tell what became of something: connection, loss, session, write
(each hop of it), election, sync, epoch, tls. Absent fields are unknown or do not apply.
`,
} as const;

export const help = helpText(spec);

export type OutputOptions = OptionValues<typeof OUTPUT_OPTIONS>;

export async function run(args: string[], io: CliIo): Promise<number> {
  const parsed = readArgs(spec, args);
  if (!parsed.ok) {
    io.stderr.write(`${parsed.error}\n`);
    return 2;
  }
  if (parsed.isHelp) {
    io.stdout.write(help);
    return 0;
  }
  const { words, options } = parsed;
  if (words.length === 0) {
    io.stderr.write(`no file; usage: zkpeer decode [options] ${spec.words}\n`);
    return 2;
  }
  const session = new DecodeSession(options, io);
  for (const word of words) {
    try {
      for await (const chunk of chunksOf(word, io.signal)) session.push(chunk);
      session.endFile();
    } catch (error) {
      session.end();
      throw located(error, word);
    }
  }
  session.end();
  return 0;
}

function located(error: unknown, file: string): unknown {
  const name = file === "-" ? "standard input" : file;
  if (error instanceof Fault) {
    return new Fault(error.code, `${name}: ${error.message}`, { cause: error });
  }
  if (error instanceof Error && "code" in error && typeof error.code === "string") {
    return new Fault("DISK", `cannot read ${name}: ${error.code}`, { cause: error });
  }
  return error;
}

/** A decoder with its output: what `decode` feeds from files and `tap` from sockets. */
export class DecodeSession {
  readonly decoder: Decoder;
  readonly #io: CliIo;
  readonly #options: OutputOptions;
  readonly #summary: Summary | null;
  readonly #report: Report | null;
  readonly #print: (decoded: Decoded) => void;
  #criteria: Criteria | null = null;
  #filter: Filter | null = null;
  #text = "";
  /** Wall clock of the start where no file tells it, nanoseconds since 1970. */
  liveOrigin: bigint | null = null;

  constructor(options: OutputOptions, io: CliIo) {
    this.#options = options;
    this.#io = io;
    const format = options.format ?? "text";
    this.#print = this.#printer(format);
    // The criteria may need the capture's first time; what can be wrong with them is said now.
    criteriaOf(options, 0n);
    this.#summary = format === "summary" ? new Summary(this.#wanted()) : null;
    this.#report = format === "html" ? new Report(limitOf(options)) : null;
    const show = (decoded: Decoded): void => {
      if (this.#isWanted(decoded)) this.#print(decoded);
    };
    const listener = this.#summary === null ? { message: show, story: show } : null;
    const ports = portsOf(options.port);
    this.decoder = new Decoder(listener, this.#summary, { ports });
    const summary = this.#summary;
    if (summary === null) return;
    summary.usePaths(this.decoder.context.paths);
    this.decoder.context.onStory((story) => {
      if (this.#isWanted(story)) summary.story(story);
    });
  }

  /** Bytes of a capture file. */
  push(chunk: Uint8Array): void {
    this.decoder.push(chunk);
    this.flush(1 << 16);
  }

  endFile(): void {
    this.decoder.endFile();
  }

  end(): void {
    this.decoder.end();
    const { decoder } = this;
    if (this.#summary !== null) {
      const { members, paths } = decoder.context;
      const palette = coloursFor(this.#io, "stdout");
      this.#text += summaryText(this.#summary, this.#facts(), members, paths, palette);
    }
    if (this.#report !== null) this.#text += this.#report.page(this.#facts());
    this.flush(0);
    if (this.#summary === null && this.#report === null) this.#sayLosses();
  }

  /** Writes what has gathered once it is more than `least` characters. */
  flush(least: number): void {
    if (this.#text.length <= least) return;
    this.#io.stdout.write(this.#text);
    this.#text = "";
  }

  #facts(): CaptureFacts {
    return { ...this.decoder.facts(), origin: this.#origin };
  }

  #sayLosses(): void {
    const facts = this.#facts();
    const parts: string[] = [];
    if (facts.lost > 0) parts.push(`${facts.lost} bytes are not in the capture`);
    if (facts.unreadable > 0) parts.push(`${facts.unreadable} bytes belong to no whole message`);
    if (facts.leftOver > 0) parts.push("the file ends within a packet");
    if (parts.length > 0) this.#io.stderr.write(`zkpeer decode: ${parts.join("; ")}\n`);
  }

  #printer(format: string): (decoded: Decoded) => void {
    const { verbose, hex } = this.#options;
    switch (format) {
      case "text": {
        const options = { palette: coloursFor(this.#io, "stdout"), verbose, hex };
        return (decoded) => {
          this.#text += toText(decoded, this.#origin, options);
        };
      }
      case "jsonl":
        return (decoded) => {
          this.#text += JSON.stringify(toJsonl(decoded, this.#origin)) + "\n";
        };
      case "html":
        return (decoded) => this.#report?.add(decoded);
      case "summary":
        return () => {};
      default:
        throw new Fault("CONFIG", `there is no format ${format}`, {
          hint: "use text, jsonl, summary or html",
        });
    }
  }

  get #origin(): bigint {
    return this.liveOrigin ?? this.decoder.origin ?? 0n;
  }

  #isWanted(decoded: Decoded): boolean {
    this.#filter ??= new Filter(this.#given());
    return this.#filter.isOpen || this.#filter.accepts(decoded);
  }

  #given(): Criteria {
    this.#criteria ??= criteriaOf(this.#options, this.#origin);
    return this.#criteria;
  }

  /** The filter of the counting way, which makes no message objects: null when all counts. */
  #wanted(): Wanted | null {
    if (new Filter(criteriaOf(this.#options, 0n)).isOpen) return null;
    const filter = (): Filter => this.#filter ??= new Filter(this.#given());
    return {
      exchange: (...asked) => filter().exchange(this.decoder.context, ...asked),
      other: (...seen) => filter().other(this.decoder.context, ...seen),
    };
  }
}

const limitOf = (options: OutputOptions): number => {
  const limit = Number(options.limit ?? 5000);
  if (Number.isInteger(limit) && limit > 0) return limit;
  throw new Fault("CONFIG", `--limit ${options.limit} is no number of messages`);
};

/** Pieces of a file or of standard input, unpacked when gzip. Each is only valid until the next. */
async function* chunksOf(file: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const raw = file === "-" ? stdinChunks(signal) : fileChunks(file, signal);
  try {
    yield* unpacked(raw);
  } finally {
    await raw.return(undefined); // who stops at the first piece would leave the file open
  }
}

async function* unpacked(raw: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const first = await raw.next();
  if (first.done === true) return;
  const rest = resumed(first.value, raw);
  if (!isGzip(first.value)) return yield* rest;
  // A file that ends too early gives what is there, as one that is not packed does.
  const unpack = createGunzip({ finishFlush: zlib.Z_SYNC_FLUSH });
  const feed = (async () => {
    for await (const chunk of rest) {
      if (!unpack.write(chunk.slice())) await new Promise((done) => unpack.once("drain", done));
    }
    unpack.end();
  })();
  feed.catch((error: Error) => unpack.destroy(error));
  yield* unpack;
  await feed;
}

async function* resumed(
  first: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}

async function* fileChunks(file: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const handle = await open(file);
  const buffer = new Uint8Array(1 << 20);
  try {
    while (!signal.aborted) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

async function* stdinChunks(signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const stop = (): void => {
    process.stdin.destroy();
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    yield* process.stdin;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

// ---- criteria -----------------------------------------------------------------------------------

function criteriaOf(options: OutputOptions, origin: bigint): Criteria {
  const { op, path, session, sid, client, zxid, errors, slower, since, until } = options;
  const ids = (texts: readonly string[], what: string): ReadonlySet<bigint> =>
    new Set(texts.map((text) => idOf(text, what)));
  const range = zxid === null ? [] : rangeOf(zxid);
  return {
    ...(op.length === 0 ? {} : { ops: new Set(op.map((name) => name.toLowerCase())) }),
    ...(path.length === 0 ? {} : { paths: path }),
    ...(session.length === 0 ? {} : { sessions: ids(session, "session") }),
    ...(sid.length === 0 ? {} : { sids: ids(sid, "sid") }),
    ...(client.length === 0 ? {} : { clients: client }),
    ...(range[0] === undefined || range[0] === null ? {} : { zxidFrom: range[0] }),
    ...(range[1] === undefined || range[1] === null ? {} : { zxidTo: range[1] }),
    ...(errors ? { errors } : {}),
    ...(slower === null ? {} : { slower: durationOf(slower) }),
    ...(since === null ? {} : { since: timeOf(since, origin, "since") }),
    ...(until === null ? {} : { until: timeOf(until, origin, "until") }),
  };
}

function idOf(text: string, what: string): bigint {
  const id = parseId(text);
  if (id === null) throw new Fault("CONFIG", `--${what} ${text} is neither 0x… nor a number`);
  return id;
}

/** `A..B`, `A..`, `..B`, or one zxid. */
function rangeOf(text: string): [bigint | null, bigint | null] {
  const [from, to = from] = text.split("..");
  return [from === "" ? null : idOf(from, "zxid"), to === "" ? null : idOf(to, "zxid")];
}

const UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, "µs": 1e3, ms: 1e6, s: 1e9 };

function durationOf(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ns|us|µs|ms|s)$/.exec(text);
  if (match !== null) return Number(match[1]) * UNITS[match[2]];
  throw new Fault("CONFIG", `--slower ${text} is no time`, { hint: "write 50ms, 1.5s or 200us" });
}

const DAY = 86_400_000_000_000n;

/** Nanoseconds after the first packet. A time of day is one of the capture's first day. */
function timeOf(text: string, origin: bigint, what: string): number {
  const offset = /^\+(\d+(?:\.\d+)?)$/.exec(text);
  if (offset !== null) return Number(offset[1]) * 1e9;
  const parts = /^(?:(\d{4}-\d\d-\d\d)[T ])?(\d\d?:\d\d(?::\d\d)?)(\.\d{1,9})?Z?$/.exec(text);
  if (parts !== null) {
    const hours = parts[2].indexOf(":") === 1 ? `0${parts[2]}` : parts[2];
    const clock = Date.parse(`1970-01-01T${hours}Z`);
    const day = parts[1] === undefined ? 0 : Date.parse(parts[1]);
    if (!Number.isNaN(clock + day)) {
      // A clock may be so wrong that no Date holds its day.
      const begin = parts[1] === undefined ? origin - origin % DAY : BigInt(day) * 1_000_000n;
      const fraction = Math.round(Number(parts[3] ?? 0) * 1e9);
      return Number(begin + BigInt(clock) * 1_000_000n - origin) + fraction;
    }
  }
  throw new Fault("CONFIG", `--${what} ${text} is no time`, {
    hint: "write 12:34:56.7 or 2026-01-31T12:34:56 (UTC), or +SECONDS after the first packet",
  });
}

const PROTOCOLS = new Set(["client", "quorum", "election", "http"]);

function portsOf(texts: readonly string[]): ReadonlyMap<number, Protocol> {
  return new Map(texts.map((text): [number, Protocol] => {
    const match = /^([a-z]+)=(\d{1,5})$/.exec(text);
    if (match !== null && PROTOCOLS.has(match[1])) return [Number(match[2]), match[1] as Protocol];
    throw new Fault("CONFIG", `--port ${text} is not NAME=N`, {
      hint: `NAME is one of ${[...PROTOCOLS].join(", ")}`,
    });
  }));
}
