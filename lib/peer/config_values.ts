// Kinds of configuration values and the form of a row in the key table: how a text becomes a typed
// value (zod), what may stand there, and what we make of the key. Java parses the keys of
// QuorumPeerConfig strictly and reads system properties leniently, silently taking a default for a
// bad value (operations.md 1.1); we refuse every value that cannot be meant, naming what can be.

import { z } from "zod";

/** S: per server. A: must agree on all. L: only the leader's acts. C: clients must match, too. */
export type Scope = "S" | "A" | "L" | "AC";

/**
 * honoured: does what it says. ignored: accepted and listed, but nothing here depends on it.
 * refused: a value other than the default stops the start, since going on would break a promise.
 */
export type Verdict = "honoured" | "ignored" | "refused";

export interface Kind<T> {
  /** What may stand there, in words: "an integer from 1 to 65535". */
  readonly allowed: string;
  readonly schema: z.ZodType<T, string>;
}

export interface Key<T = unknown> {
  /** As in zoo.cfg, without the prefix `zookeeper.`. */
  readonly name: string;
  /** Java's system property; null for keys that only zoo.cfg has. */
  readonly property: string | null;
  readonly kind: Kind<T>;
  readonly fallback: T;
  /** The default in words, where it is computed from others. */
  readonly fallbackText: string | null;
  readonly scope: Scope;
  readonly verdict: Verdict;
  /** Why it is ignored or refused; for honoured keys, where we differ from Java. */
  readonly remark: string | null;
  readonly meaning: string;
  /** True: its value is shown as `***`. */
  readonly secret: boolean;
  /** A value that counts as another one, with the reason; null when it stays. */
  adjust?(value: T): { readonly value: T; readonly why: string } | null;
}

// ---- kinds ----------------------------------------------------------------------------------

const INT_MAX = 2147483647;
const INT_MIN = -2147483648;

/** zod without its own sentences: a bad value fails, and the kind's `allowed` says what is wanted. */
function kind<T>(allowed: string, read: (text: string) => T | undefined): Kind<T> {
  const schema = z.string().transform((text, context): T => {
    const value = read(text);
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: allowed });
    return z.NEVER;
  });
  return { allowed, schema };
}

/** A Java int in decimal; property readers also take 0x, # and octal forms. */
export function int(from = INT_MIN, to = INT_MAX, unit = ""): Kind<number> {
  return kind(`an integer${rangeText(from, to)}${unit === "" ? "" : ` (${unit})`}`, (text) => {
    const value = javaInteger(text);
    return value !== null && value >= from && value <= to ? value : undefined;
  });
}

/** A Java long that fits a number exactly; everything configured as a long does. */
export function long(from = Number.MIN_SAFE_INTEGER, unit = ""): Kind<number> {
  const words = `a whole number${rangeText(from, Number.MAX_SAFE_INTEGER)}`;
  return kind(`${words}${unit === "" ? "" : ` (${unit})`}`, (text) => {
    const value = javaInteger(text);
    return value !== null && Number.isSafeInteger(value) && value >= from ? value : undefined;
  });
}

function rangeText(from: number, to: number): string {
  const low = from > INT_MIN;
  const high = to < INT_MAX;
  if (low && high) return ` from ${from} to ${to}`;
  return low ? ` of at least ${from}` : "";
}

function javaInteger(text: string): number | null {
  const parts = /^([-+]?)(?:(0[xX]|#)([0-9a-fA-F]+)|([0-9]+))$/.exec(text);
  if (parts === null) return null;
  const size = parts[3] === undefined ? Number(parts[4]) : Number.parseInt(parts[3], 16);
  return parts[1] === "-" ? -size : size;
}

export const bool: Kind<boolean> = kind("true or false", (text) => {
  const lower = text.toLowerCase();
  return lower === "true" ? true : lower === "false" ? false : undefined;
});

/** `yes` or `no`; Java looks at only one of them and takes anything else for the other. */
export const yesNo: Kind<boolean> = kind("yes or no", (text) => {
  return text === "yes" ? true : text === "no" ? false : undefined;
});

export function real(from: number, to: number): Kind<number> {
  return kind(`a number from ${from} to ${to}`, (text) => {
    const value = /^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$/.test(text)
      ? Number(text)
      : NaN;
    return value >= from && value <= to ? value : undefined;
  });
}

export const text: Kind<string> = kind("text", (value) => value);

/** A path, host name or other text that must not be empty. */
export const name: Kind<string | null> = kind("text, not empty", (value) => {
  return value === "" ? undefined : value;
});

export const port: Kind<number> = int(0, 65535);

/** As {@link port}, where the absence of a port is a value. */
export const maybePort: Kind<number | null> = kind(port.allowed, (value) => {
  const parsed = port.schema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
});

export const list: Kind<readonly string[]> = kind("names separated by commas", (value) => {
  return value.split(",").map((part) => part.trim()).filter((part) => part !== "");
});

export function oneOf<const T extends string>(...choices: readonly T[]): Kind<T> {
  return kind(`one of ${choices.map((choice) => choice || "(empty)").join(", ")}`, (value) => {
    return choices.find((choice) => choice.toLowerCase() === value.toLowerCase());
  });
}

/** As {@link oneOf}, where the absence of a choice is a value. */
export function maybeOneOf<const T extends string>(...choices: readonly T[]): Kind<T | null> {
  const inner = oneOf(...choices);
  return kind(inner.allowed, (value) => {
    const parsed = inner.schema.safeParse(value);
    return parsed.success ? parsed.data : undefined;
  });
}

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Hours, or a number with one of the units of 3.10 (ms s m h d); the value is in milliseconds. */
export const hoursMs: Kind<number> = kind(
  "a number of hours, or a number with a unit: ms, s, m, h, d",
  (value) => {
    const parts = /^([-+]?[0-9]+)(ms|s|m|h|d)?$/.exec(value);
    if (parts === null) return undefined;
    const span = Number(parts[1]) * UNITS_MS[parts[2] ?? "h"];
    return Number.isSafeInteger(span) ? span : undefined;
  },
);

// ---- rows -----------------------------------------------------------------------------------

export interface More<T> {
  /** Java's property, when it is not `zookeeper.` and the name; null when there is none. */
  readonly property?: string | null;
  readonly shown?: string;
  readonly remark?: string;
  readonly secret?: boolean;
  readonly adjust?: (value: T) => { readonly value: T; readonly why: string } | null;
}

function row<T>(
  verdict: Verdict,
  name: string,
  kind: Kind<T>,
  fallback: T,
  scope: Scope,
  meaning: string,
  more: More<T>,
): Key<T> {
  return {
    name,
    property: more.property === undefined ? `zookeeper.${name}` : more.property,
    kind,
    fallback,
    fallbackText: more.shown ?? null,
    scope,
    verdict,
    remark: more.remark ?? null,
    meaning,
    secret: more.secret ?? false,
    ...(more.adjust === undefined ? {} : { adjust: more.adjust }),
  };
}

export function honoured<T>(
  name: string,
  kind: Kind<T>,
  fallback: T,
  scope: Scope,
  meaning: string,
  more: More<T> = {},
): Key<T> {
  return row("honoured", name, kind, fallback, scope, meaning, more);
}

/** A key that zoo.cfg's own parser knows: it has no system property. */
export function parsed<T>(
  name: string,
  kind: Kind<T>,
  fallback: T,
  scope: Scope,
  meaning: string,
  more: More<T> = {},
): Key<T> {
  return row("honoured", name, kind, fallback, scope, meaning, { property: null, ...more });
}

export function ignored<T>(
  name: string,
  kind: Kind<T>,
  fallback: T,
  scope: Scope,
  remark: string,
  more: More<T> = {},
): Key<T> {
  return row("ignored", name, kind, fallback, scope, "no effect here", { ...more, remark });
}

export function refused<T>(
  name: string,
  kind: Kind<T>,
  fallback: T,
  scope: Scope,
  remark: string,
  more: More<T> = {},
): Key<T> {
  return row("refused", name, kind, fallback, scope, "not offered", { ...more, remark });
}

/** The value of `key` as an operator would write it; secrets hidden. */
export function shown(key: Key, value: unknown): string {
  if (value === null || value === undefined) return "";
  if (key.secret && value !== "") return "***";
  if (Array.isArray(value)) return value.join(",");
  if (key.kind === yesNo) return value === true ? "yes" : "no";
  return String(value);
}
