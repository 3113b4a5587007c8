// Options of a command as a table: the table parses (over @std/cli), types the result, and prints the
// help. An unknown option, a missing value or a word too many is an error that says what was meant.

import { parseArgs } from "@std/cli";
import { nearestKey } from "../peer/config_keys_access.ts";

export interface OptionRow {
  /** Long name without dashes. */
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  /** What its value is called in the help; absent for a flag. */
  readonly value?: string;
  /** True: may be given several times, and all count. Otherwise the last one does. */
  readonly many?: boolean;
  readonly help: string;
}

export interface CommandSpec<O extends readonly OptionRow[] = readonly OptionRow[]> {
  readonly name: string;
  /** Words after the name, as the usage line shows them: `[file] [...]`. */
  readonly words: string;
  readonly wordsMax: number;
  readonly summary: string;
  readonly options: O;
  /** Further paragraphs of the help. */
  readonly more?: string;
}

type ValueOf<R> = R extends { readonly value: string }
  ? R extends { readonly many: true } ? readonly string[] : string | null
  : boolean;

export type OptionValues<O extends readonly OptionRow[]> = {
  readonly [R in O[number] as R["name"]]: ValueOf<R>;
};

export type ParsedArgs<O extends readonly OptionRow[]> =
  | {
    readonly ok: true;
    readonly isHelp: boolean;
    readonly options: OptionValues<O>;
    readonly words: readonly string[];
  }
  | { readonly ok: false; readonly error: string };

const HELP: OptionRow = { name: "help", short: "h", help: "show this help" };

/**
 * Reads `args` as `spec` says. `-Dkey=value` is the same as `--set key=value` where there is a
 * `--set`, since that is how Java servers are told.
 */
export function readArgs<const O extends readonly OptionRow[]>(
  spec: CommandSpec<O>,
  args: readonly string[],
): ParsedArgs<O> {
  const rows: readonly OptionRow[] = [...spec.options, HELP];
  const hasSet = rows.some((row) => row.name === "set");
  const words = args.map((word) => hasSet && /^-D.+=/.test(word) ? `--set=${word.slice(2)}` : word);
  const problems: string[] = [];
  const parsed = parseArgs(words, {
    string: ["_", ...rows.filter((row) => row.value !== undefined).map((row) => row.name)],
    boolean: rows.filter((row) => row.value === undefined).map((row) => row.name),
    // All are gathered: of a single one the last counts, and an empty one among them is an error.
    collect: rows.filter((row) => row.value !== undefined).map((row) => row.name),
    alias: Object.fromEntries(
      rows.flatMap((row) => row.short === undefined ? [] : [[row.name, row.short]]),
    ),
    unknown: (word: string, key?: string) => {
      if (key === undefined) return true;
      problems.push(unknownOption(word, rows));
      return false;
    },
  });
  const all: Readonly<Record<string, unknown>> = parsed;
  const options: Record<string, unknown> = {};
  for (const row of rows) {
    const given = all[row.name];
    if (row.value === undefined) {
      options[row.name] = given === true;
      continue;
    }
    const values = Array.isArray(given) ? given.map(String) : [];
    if (values.includes("") && !words.includes(`--${row.name}=`)) {
      problems.push(`--${row.name} needs a value: --${row.name} ${row.value}`);
    }
    options[row.name] = row.many === true ? values : values[values.length - 1] ?? null;
  }
  const rest = parsed._.map(String);
  const isHelp = options.help === true;
  if (problems.length === 0 && rest.length > spec.wordsMax && !isHelp) {
    problems.push(`unexpected word ${rest[spec.wordsMax]}; usage: ${usage(spec)}`);
  }
  if (problems.length > 0 && !isHelp) return { ok: false, error: problems.join("\n") };
  return { ok: true, isHelp, options: options as OptionValues<O>, words: rest };
}

function unknownOption(word: string, rows: readonly OptionRow[]): string {
  const bare = word.split("=")[0];
  const near = nearest(bare.replace(/^-+/, ""), rows.map((row) => row.name));
  const shown = bare.startsWith("--") ? bare : word;
  return `unknown option ${shown}${near === null ? "" : `; did you mean --${near}?`}`;
}

/** The nearest of `known` by edit distance, or one that starts like `written`; else null. */
export function nearest(written: string, known: readonly string[]): string | null {
  const near = nearestKey(written, known);
  if (near !== null || written.length < 2) return near;
  return known.find((name) => name.startsWith(written)) ?? null;
}

export function usage(spec: CommandSpec): string {
  return `zkpeer ${spec.name} [options]${spec.words === "" ? "" : ` ${spec.words}`}`;
}

/** The text of `--help`. */
export function helpText(spec: CommandSpec): string {
  const rows = [...spec.options, HELP].map((row): [string, string] => {
    const short = row.short === undefined ? "    " : `-${row.short}, `;
    const value = row.value === undefined ? "" : ` ${row.value}`;
    return [`${short}--${row.name}${value}`, row.help + (row.many === true ? " (repeatable)" : "")];
  });
  const more = spec.more === undefined ? "" : `\n${spec.more.trim()}\n`;
  return `${spec.summary}\n\nUsage: ${usage(spec)}\n\nOptions:\n${columns(rows, "  ")}${more}`;
}

/** Two columns, the second one aligned; every line ends with a newline. */
export function columns(rows: readonly (readonly [string, string])[], indent = ""): string {
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `${indent}${left.padEnd(width)}  ${right}`.trimEnd() + "\n")
    .join("");
}
