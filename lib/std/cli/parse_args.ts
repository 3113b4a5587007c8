// parseArgs of @std/cli: command-line words into named values.
//
// An option is a group of names (a name and its aliases) of one kind: boolean, string, or undeclared
// (whose text becomes a number when it looks like one). The words are read left to right; the kind of
// a name decides whether the next word is its value. Results agree with the published package; the
// types say less than its own about undeclared names and nested (dotted) ones.

type Value = string | number | boolean;

interface Options<Flag extends string, Text extends string, Many extends string, Defaults> {
  /** True: words after `--` go to `"--"` instead of `_`. */
  "--"?: boolean;
  alias?: Readonly<Record<string, string | readonly string[]>>;
  /** Names that take no value; true for every `--name` without `=`. Absent ones become false. */
  boolean?: boolean | Flag | readonly Flag[];
  default?: Defaults;
  /** Everything after the first word that is no option goes to `_` as it is. */
  stopEarly?: boolean;
  /** Names whose value is never made a number; `"_"` says so of the words without a name. */
  string?: Text | readonly Text[];
  /** Names that may be given several times; their values are gathered in an array. */
  collect?: Many | readonly Many[];
  /** Names for which `--no-name` means false. */
  negatable?: string | readonly string[];
  /** Hears of every word that is not declared; false keeps it out of the result. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

type Given<Text extends string, Many extends string, Defaults> = {
  [Key in Exclude<Text, "_">]: Key extends Many ? string[]
    : Key extends keyof Defaults ? string
    : string | undefined;
};
type Flags<Flag extends string> = { [Key in Flag]: boolean };

/** What {@link parseArgs} gives: the declared names, and `_` with the words that have none. */
type Parsed<Flag extends string, Text extends string, Many extends string, Defaults> =
  & Flags<Flag>
  & Given<Text, Many, Defaults>
  & { _: (string | number)[]; "--"?: string[] };

/** Steps of a name that would reach behind the result object. */
const FORBIDDEN: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** Reads `args` as `options` say; see the published @std/cli for each option's meaning. */
export function parseArgs<
  const Flag extends string = never,
  const Text extends string = never,
  const Many extends string = never,
  const Defaults extends Readonly<Record<string, unknown>> = Record<never, never>,
>(
  args: readonly string[],
  options: Options<Flag, Text, Many, Defaults> = {},
): Parsed<Flag, Text, Many, Defaults> {
  const reader = new Reader(options as Options<string, string, string, Record<string, unknown>>);
  return reader.read(args) as Parsed<Flag, Text, Many, Defaults>;
}

type Tree = { [key: string]: unknown };

class Reader {
  readonly #options: Options<string, string, string, Record<string, unknown>>;
  readonly #group = new Map<string, readonly string[]>();
  readonly #flags: ReadonlySet<string>;
  readonly #texts: ReadonlySet<string>;
  readonly #many: ReadonlySet<string>;
  readonly #negatable: ReadonlySet<string>;
  readonly #every: boolean;
  readonly #words: (string | number)[] = [];
  readonly #result: Tree = { _: this.#words };

  constructor(options: Options<string, string, string, Record<string, unknown>>) {
    this.#options = options;
    for (const [name, aliases] of Object.entries(options.alias ?? {})) {
      if (aliases === undefined) throw new TypeError("Alias value must be defined");
      const group = [name, ...list(aliases)];
      for (const member of group) this.#group.set(member, group);
    }
    const named = (names: readonly string[]): ReadonlySet<string> =>
      new Set(names.flatMap((name) => this.#names(name)));
    this.#every = options.boolean === true;
    this.#flags = named(typeof options.boolean === "boolean" ? [] : list(options.boolean));
    this.#texts = named(list(options.string));
    this.#many = named(list(options.collect));
    this.#negatable = named(list(options.negatable));
  }

  read(args: readonly string[]): Tree {
    const end = args.indexOf("--");
    const words = end < 0 ? args : args.slice(0, end);
    const rest = end < 0 ? [] : args.slice(end + 1);
    for (let at = 0; at < words.length; at++) {
      const word = words[at];
      if (word.startsWith("-") && word !== "-") {
        const used = word.startsWith("--") && word.length > 2
          ? this.#long(word, words[at + 1])
          : this.#short(word, words[at + 1]);
        if (used) at += 1;
        continue;
      }
      if (this.#options.unknown?.(word) !== false) {
        this.#words.push(this.#texts.has("_") ? word : asNumber(word));
      }
      if (this.#options.stopEarly === true) {
        this.#words.push(...words.slice(at + 1));
        break;
      }
    }
    this.#fill();
    if (this.#options["--"] === true) this.#result["--"] = rest;
    else this.#words.push(...rest);
    return this.#result;
  }

  /** `--name`, `--name=value`, `--name value`, `--no-name`. True when `next` was its value. */
  #long(word: string, next: string | undefined): boolean {
    const equal = word.indexOf("=", 3);
    if (equal > 0) {
      const name = word.slice(2, equal);
      const text = word.slice(equal + 1);
      this.#set(name, this.#flags.has(name) ? truth(text) : text, word);
      return false;
    }
    const name = word.slice(2);
    const denied = name.startsWith("no-") ? name.slice(3) : null;
    if (denied !== null && this.#negatable.has(denied)) {
      this.#put(denied, false, word, false);
      return false;
    }
    const takes = !this.#every && !this.#flags.has(name) && next !== undefined &&
      !next.startsWith("-");
    return this.#setNext(name, word, next, takes);
  }

  /** `-abc`, `-n5`, `-n value`, `-n=value`. True when `next` was the last letter's value. */
  #short(word: string, next: string | undefined): boolean {
    const letters = word.slice(1);
    for (let at = 0; at < letters.length - 1; at++) {
      const letter = letters[at];
      const rest = letters.slice(at + 1);
      const joined = joinedValue(letter, rest);
      if (rest === "-") {
        this.#set(letter, "-", word);
        return false;
      }
      if (joined !== null) {
        this.#set(letter, joined, word);
        return false;
      }
      this.#set(letter, this.#texts.has(letter) ? "" : true, word);
    }
    const last = letters[letters.length - 1];
    if (last === "-") return false;
    const takes = !this.#flags.has(last) && next !== undefined && !/^--?[^-]/.test(next);
    return this.#setNext(last, word, next, takes);
  }

  #setNext(name: string, word: string, next: string | undefined, takes: boolean): boolean {
    // An empty word is never a value: the published package skips it, too.
    const given = next === undefined || next === "" ? undefined : next;
    if (given !== undefined && takes) {
      this.#set(name, given, word);
      return true;
    }
    if (given !== undefined && (given === "true" || given === "false")) {
      this.#set(name, truth(given), word);
      return true;
    }
    this.#set(name, this.#texts.has(name) ? "" : true, word);
    return false;
  }

  #set(name: string, value: Value, word: string): void {
    this.#put(name, value, word, this.#many.has(name));
  }

  #put(name: string, value: Value, word: string, gather: boolean): void {
    const declared = this.#flags.has(name) || this.#texts.has(name) || this.#many.has(name) ||
      this.#group.has(name) || (this.#every && word.startsWith("--") && !word.includes("="));
    if (!declared && this.#options.unknown?.(word, name, value) === false) return;
    const kept = typeof value === "string" && !this.#texts.has(name) ? asNumber(value) : value;
    for (const member of this.#names(name)) {
      const [place, key] = this.#place(member);
      const before = place[key];
      if (gather) place[key] = Array.isArray(before) ? [...before, kept] : [kept];
      else place[key] = kept;
    }
  }

  /** Gives the names that were not on the command line what they have then. */
  #fill(): void {
    const absent = (name: string): boolean => {
      const [place, key] = this.#place(name, false);
      return !Object.hasOwn(place, key);
    };
    for (const [name, value] of Object.entries(this.#options.default ?? {})) {
      if (!absent(name)) continue;
      for (const member of this.#names(name)) {
        const [place, key] = this.#place(member);
        place[key] = value;
      }
    }
    const start = (name: string, value: unknown): void => {
      if (name === "_" || !absent(name)) return;
      const [place, key] = this.#place(name);
      place[key] = value;
    };
    for (const name of this.#flags) start(name, this.#many.has(name) ? [] : false);
    for (const name of this.#texts) if (this.#many.has(name)) start(name, []);
  }

  #names(name: string): readonly string[] {
    return this.#group.get(name) ?? [name];
  }

  /** The object that holds `name` and its key there: a dot in a name leads into a nested object. */
  #place(name: string, make = true): [Tree, string] {
    const steps = name.split(".");
    if (steps.some((step) => FORBIDDEN.has(step))) return [{}, name];
    let place = this.#result;
    for (const step of steps.slice(0, -1)) {
      const inner = place[step];
      const next: Tree = typeof inner === "object" && inner !== null ? inner as Tree : {};
      if (make) place[step] = next;
      place = next;
    }
    return [place, steps[steps.length - 1]];
  }
}

/** The value written right behind a short option (`-n5`, `-n=5`, `-n/path`), or null. */
function joinedValue(letter: string, rest: string): string | null {
  if (rest.startsWith("=")) return rest.slice(1);
  if (/[A-Za-z]/.test(letter)) {
    const value = /=(.+)/.exec(rest);
    if (value !== null) return value[1];
    if (/-?[0-9]+(\.[0-9]*)?(e-?[0-9]+)?$/.test(rest)) return rest;
  }
  return /\W/.test(rest[0]) ? rest : null;
}

function list<T extends string>(names: T | readonly T[] | undefined): readonly T[] {
  return names === undefined ? [] : typeof names === "string" ? [names] : names;
}

function truth(text: string): boolean {
  return text !== "false";
}

function asNumber(text: string): string | number {
  return text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}
