// From where a setting comes: the file's lines, ZKPEER_* variables, and `key=value` words of the
// command line, joined into one entry per key; and the report that gathers what is wrong with them.
// The order is ours: command line, then environment, then file. In Java the file wins over -D
// (operations.md 1.1), which surprises everybody who passes -D.

import { isFault } from "../base/errors.ts";
import { keyNamed, KEYS, nearestKey } from "./config_keys_access.ts";
import { parseProperties, type Property } from "./config_properties.ts";
import { isSecret } from "./config_secrets.ts";
import { isMembershipKey } from "./dynamic_config.ts";

/** Invalid arguments or configuration; 1 and 3 stand for what Java finds out later. */
export type ExitCode = 1 | 2 | 3;

export interface Complaint {
  readonly severity: "error" | "warning";
  readonly exitCode: ExitCode;
  /** The key it is about, as in the table. */
  readonly key: string | null;
  /** `zoo.cfg:12`, `--set`, a variable's name, or a file. */
  readonly where: string | null;
  readonly message: string;
  /** What is allowed, or what to do. */
  readonly hint: string | null;
}

export interface Entry {
  /** Without `zookeeper.`. */
  readonly key: string;
  readonly value: string;
  readonly where: string;
  /** Line in its file; 0 outside of files. */
  readonly line: number;
}

export class Report {
  readonly #complaints: Complaint[] = [];

  get hasErrors(): boolean {
    return this.#complaints.some((complaint) => complaint.severity === "error");
  }

  /** All complaints, errors first, each kind in the order found. */
  get complaints(): readonly Complaint[] {
    const errors = this.#complaints.filter((complaint) => complaint.severity === "error");
    return [...errors, ...this.#complaints.filter((c) => c.severity === "warning")];
  }

  error(
    key: string | null,
    where: string | null,
    message: string,
    hint: string | null = null,
    exitCode: ExitCode = 2,
  ): void {
    this.#complaints.push({ severity: "error", exitCode, key, where, message, hint });
  }

  warn(
    key: string | null,
    where: string | null,
    message: string,
    hint: string | null = null,
  ): void {
    this.#complaints.push({ severity: "warning", exitCode: 2, key, where, message, hint });
  }

  /** Takes over a CONFIG fault of a parser; any other error is not ours to hide. */
  fault(error: unknown, where: (key: string | null, line: number | null) => string): void {
    if (!isFault(error, "CONFIG")) throw error;
    const key = typeof error.detail.key === "string" ? error.detail.key : null;
    const line = typeof error.detail.line === "number" ? error.detail.line : null;
    // The fault's message ends with its own place and hint, which are told apart here.
    const message = error.message.split(" (" + error.detail.where + ")")[0].split("; ")[0];
    this.error(key, where(key, line), message, error.detail.hint ?? null);
  }

  failed(): { ok: false; exitCode: number; complaints: readonly Complaint[] } {
    const first = this.complaints[0];
    return { ok: false, exitCode: first?.exitCode ?? 2, complaints: this.complaints };
  }
}

/** The entries of a file that count; duplicates, prefixes and unknown keys are reported. */
export function fileEntries(content: string, path: string, report: Report): readonly Entry[] {
  let properties: readonly Property[];
  try {
    properties = parseProperties(content);
  } catch (error) {
    report.fault(error, (_key, line) => `${path}:${line ?? 1}`);
    return [];
  }
  const entries = new Map<string, Entry>();
  for (const property of properties) {
    const where = `${path}:${property.line}`;
    const key = plainKey(property.key);
    if (key !== property.key) {
      report.warn(
        key,
        where,
        `${property.key} is honoured here`,
        `a Java server makes zookeeper.${property.key} of it and ignores it; write ${key}`,
      );
    }
    const before = entries.get(key);
    if (before !== undefined) {
      report.warn(
        key,
        where,
        `${key} was already set on line ${before.line}; the last one counts`,
        isSecret(key)
          ? "remove one of the two lines"
          : `remove one of ${key}=${before.value} and ${key}=${property.value}`,
      );
    }
    entries.set(key, { key, value: property.value, where, line: property.line });
  }
  for (const entry of entries.values()) warnIfUnknown(entry, report);
  return [...entries.values()];
}

/** Entries of `key=value` words of ours that stand where a file would. */
export function builtIn(words: readonly string[]): readonly Entry[] {
  return words.map((word) => {
    const cut = word.indexOf("=");
    return { key: word.slice(0, cut), value: word.slice(cut + 1), where: "built in", line: 0 };
  });
}

/** `key=value` of `--set`, or what an option of its own says of a key. */
export type Override = string | {
  readonly key: string;
  readonly value: string;
  readonly where: string;
};

/** One entry per key: overrides win over variables, and these over the file. */
export function collect(
  file: readonly Entry[],
  overrides: readonly Override[],
  env: Readonly<Record<string, string | undefined>>,
  report: Report,
): ReadonlyMap<string, Entry> {
  const all = new Map<string, Entry>();
  for (const entry of file) all.set(entry.key, entry);
  for (const entry of variables(env, report)) all.set(entry.key, entry);
  for (const word of overrides) {
    if (typeof word !== "string") {
      all.set(word.key, { ...word, line: 0 });
      continue;
    }
    const cut = word.indexOf("=");
    if (cut <= 0) {
      report.error(null, "--set", `${word} is not of the form key=value`);
      continue;
    }
    const key = plainKey(word.slice(0, cut).trim());
    const entry = { key, value: word.slice(cut + 1).trim(), where: "--set", line: 0 };
    warnIfUnknown(entry, report);
    all.set(key, entry);
  }
  return all;
}

/** Prefix of the variables that stand for keys: `ZKPEER_TICKTIME`, `ZKPEER_SERVER_1`. */
export const VARIABLE_PREFIX = "ZKPEER_";
/** Variables with that prefix that are read elsewhere. */
const OTHER_VARIABLES: ReadonlySet<string> = new Set([
  "ZKPEER_MYID",
  "ZKPEER_LOG_LEVEL",
  "ZKPEER_LOG_FORMAT",
]);

function variables(
  env: Readonly<Record<string, string | undefined>>,
  report: Report,
): readonly Entry[] {
  const keys = new Map(KEYS.map((key) => [variableOf(key.name), key.name]));
  const entries: Entry[] = [];
  for (const variable of Object.keys(env).sort()) {
    const value = env[variable];
    if (!variable.startsWith(VARIABLE_PREFIX) || value === undefined) continue;
    if (OTHER_VARIABLES.has(variable)) continue;
    const numbered = /^ZKPEER_(SERVER|GROUP|WEIGHT)_([0-9]+)$/.exec(variable);
    const key = numbered === null
      ? keys.get(variable)
      : `${numbered[1].toLowerCase()}.${numbered[2]}`;
    if (key === undefined) {
      report.warn(null, variable, `${variable} stands for no known key`, nearVariable(variable));
      continue;
    }
    entries.push({ key, value: value.trim(), where: variable, line: 0 });
  }
  return entries;
}

/** The variable of a key: upper case, everything else than letters and digits as `_`. */
export function variableOf(key: string): string {
  return VARIABLE_PREFIX + key.toUpperCase().replace(/[^A-Z0-9]/g, "_");
}

function nearVariable(variable: string): string | null {
  const near = nearestKey(variable, KEYS.map((key) => variableOf(key.name)));
  return near === null ? null : `did you mean ${near}?`;
}

/** Keys that are no rows of the table but have a meaning by how they start. */
const FAMILIES = ["metricsProvider.", "authProvider.", "superUser."];

function isFamily(key: string): boolean {
  return isMembershipKey(key) || FAMILIES.some((family) => key.startsWith(family));
}

function plainKey(written: string): string {
  const known = keyNamed(written);
  if (known !== null) return known.name;
  const bare = written.startsWith("zookeeper.") ? written.slice("zookeeper.".length) : written;
  return FAMILIES.some((family) => bare.startsWith(family)) ? bare : written;
}

function warnIfUnknown(entry: Entry, report: Report): void {
  if (keyNamed(entry.key) !== null) return;
  if (isFamily(entry.key)) {
    if (!/^(group|weight)/.test(entry.key) || /^(group|weight)\.[0-9]+$/.test(entry.key)) return;
    report.warn(
      entry.key,
      entry.where,
      `${entry.key} starts like a group or weight line, so it switches to hierarchical quorums`,
      "Java looks only at the start of the key",
    );
    return;
  }
  if (entry.key === "version" && entry.line > 0) return;
  const near = nearestKey(entry.key);
  report.warn(
    entry.key,
    entry.where,
    `unknown key ${entry.key}; it has no effect`,
    near === null ? null : `did you mean ${near}?`,
  );
}

/** A listener's address for people. */
export function readable(address: { readonly host: string | null; readonly port: number }): string {
  const host = address.host ?? "0.0.0.0";
  return `${host.includes(":") ? `[${host}]` : host}:${address.port}`;
}
