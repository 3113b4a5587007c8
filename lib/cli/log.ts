// Log lines on the standard error stream, made from records that the core gives as data (the port
// Trace). The human form is near that of Java's sample configuration, so that alerts on text
// fragments and `[myid:N]` go on working (operations.md 6.2); the JSON form is one object a line.

import type { Level, Trace } from "../ports.ts";
import { type Colours, coloursFor } from "./colour.ts";
import type { CliIo, Writer } from "./io.ts";

export const LEVELS = ["error", "warn", "info", "debug"] as const satisfies readonly Level[];
export type LogFormat = "text" | "json";

export interface LogLevels {
  readonly base: Level;
  /** Level of an area and of what is under it: `zab` also stands for `zab.election`. */
  readonly areas: ReadonlyMap<string, Level>;
}

/** `info`, or `warn,zab=debug,client=error`. Null when it is not of this form. */
export function parseLevels(text: string): LogLevels | null {
  let base: Level = "info";
  const areas = new Map<string, Level>();
  for (const part of text.split(",")) {
    const [, area, name] = /^\s*(?:([\w.-]+)=)?(\w+)\s*$/.exec(part) ?? [];
    const level = LEVELS.find((known) => known === name?.toLowerCase());
    if (level === undefined) return null;
    if (area === undefined) base = level;
    else areas.set(area, level);
  }
  return { base, areas };
}

export interface LogOptions {
  readonly levels: LogLevels;
  readonly format: LogFormat;
  /** For `[myid:N]`; null before it is known. */
  readonly myid: string | null;
  /** Wall clock in milliseconds. */
  readonly now: () => number;
}

type Detail = Readonly<Record<string, unknown>>;

export class Log implements Trace {
  readonly #out: Writer;
  readonly #colours: Colours;
  readonly #options: LogOptions;
  /** Verdicts per area, since the same few areas come again and again. */
  readonly #limits = new Map<string, number>();

  constructor(io: CliIo, options: LogOptions) {
    this.#out = io.stderr;
    this.#colours = coloursFor(io, "stderr");
    this.#options = options;
  }

  /** The same log with another `[myid:N]`. */
  withMyid(io: CliIo, myid: string): Log {
    return new Log(io, { ...this.#options, myid });
  }

  isOn(level: Level, area: string): boolean {
    let limit = this.#limits.get(area);
    if (limit === undefined) {
      limit = LEVELS.indexOf(this.#levelOf(area));
      this.#limits.set(area, limit);
    }
    return LEVELS.indexOf(level) <= limit;
  }

  note(level: Level, area: string, text: string, detail: Detail = {}): void {
    if (!this.isOn(level, area)) return;
    const line = this.#options.format === "json"
      ? this.#json(level, area, text, detail)
      : this.#text(level, area, text, detail);
    this.#out.write(line + "\n");
  }

  #levelOf(area: string): Level {
    const steps = area.split(".");
    for (let length = steps.length; length > 0; length--) {
      const level = this.#options.levels.areas.get(steps.slice(0, length).join("."));
      if (level !== undefined) return level;
    }
    return this.#options.levels.base;
  }

  #text(level: Level, area: string, text: string, detail: Detail): string {
    const paint = this.#paintOf(level);
    const facts = Object.entries(detail)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => ` ${key}=${worded(key, value)}`)
      .join("");
    const head = `${javaTime(this.#options.now())} [myid:${this.#options.myid ?? ""}]`;
    const name = paint(level.toUpperCase().padEnd(5));
    return `${head} - ${name} [${area}] - ${oneLine(text)}${this.#colours.dim(facts)}`;
  }

  #json(level: Level, area: string, text: string, detail: Detail): string {
    const time = new Date(this.#options.now()).toISOString();
    const { myid } = this.#options;
    const facts = Object.fromEntries(
      Object.entries(detail).map(([key, value]) => [key, plain(key, value)]),
    );
    return JSON.stringify({
      time,
      level,
      ...(myid === null ? {} : { myid }),
      area,
      text,
      ...facts,
    });
  }

  #paintOf(level: Level): (text: string) => string {
    const { red, yellow, dim } = this.#colours;
    return level === "error" ? red : level === "warn" ? yellow : level === "debug" ? dim : String;
  }
}

/** `2026-11-21 09:06:43,123` in local time, as Java's sample layouts print it. */
function javaTime(wall: number): string {
  const date = new Date(wall);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${time},${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** Control characters made visible: a client's text must not be able to forge a line. */
function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex -- control characters are what this is about
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (char) => {
    if (char === "\n") return "\\n";
    if (char === "\t") return "\\t";
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** A value as it stands behind `key=`: quoted where blanks or quotes would make it ambiguous. */
function worded(key: string, value: unknown): string {
  const simple = plain(key, value);
  if (typeof simple === "string") {
    return simple !== "" && !/[\s"=]/.test(simple) ? oneLine(simple) : oneLine(quoted(simple));
  }
  return oneLine(typeof simple === "object" ? JSON.stringify(simple) : String(simple));
}

const quoted = (text: string): string => `"${text.replaceAll('"', '\\"')}"`;

/** Ids and zxids of these names are hexadecimal, as in Java's log. */
const HEX_NAMES = /(zxid|session|sessionid|digest|owner)$/i;
const BYTES_SHOWN = 64;

/** A value that JSON can say. */
function plain(key: string, value: unknown): unknown {
  if (typeof value === "bigint") {
    return HEX_NAMES.test(key) ? `0x${BigInt.asUintN(64, value).toString(16)}` : String(value);
  }
  if (value instanceof Uint8Array) {
    const shown = Array.from(
      value.subarray(0, BYTES_SHOWN),
      (byte) => byte.toString(16).padStart(2, "0"),
    );
    return shown.join("") + (value.length > BYTES_SHOWN ? `...(${value.length} bytes)` : "");
  }
  if (value instanceof Error) return value.message;
  if (value instanceof Map) return plain(key, Object.fromEntries(value));
  if (value instanceof Set) return plain(key, [...value]);
  if (Array.isArray(value)) return value.map((item) => plain(key, item));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, plain(name, inner)]),
    );
  }
  return value;
}
