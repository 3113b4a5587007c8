// The rules of the house as functions over (path, source): who may import whom, what is banned below
// the shell, sizes, and constructs that do not survive type stripping. house_test.ts runs them over
// every source file; they take text, so that the test can prove on made-up sources that they fail.

export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

// ---- who may import whom (architecture.md 1.2; txn stands between records and wire) ----------

const CODEC = ["base", "codec"];
const RECORDS = [...CODEC, "records", "txn"];
const WIRE = [...RECORDS, "wire", "auth", "tree"];
const ALL_BELOW_HOST = [...WIRE, "store", "zab", "server", "admin", "peer", "client", "capture"];

/** Folder of lib -> folders it may import besides itself. `ports` is lib/ports.ts. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  ports: ["base"],
  codec: ["base"],
  records: CODEC,
  txn: [...CODEC, "records"],
  wire: [...RECORDS, "ports"],
  auth: [...RECORDS, "ports"],
  tree: [...RECORDS, "ports"],
  store: [...RECORDS, "ports", "tree"],
  zab: WIRE,
  server: WIRE,
  admin: WIRE,
  peer: [...WIRE, "store", "zab", "server", "admin"],
  client: [...WIRE, "store", "zab", "server", "admin"],
  capture: [...WIRE, "store", "zab", "server", "admin"],
  host: ["base", "ports"],
  sim: [...ALL_BELOW_HOST, "ports"],
  std: [],
  cli: ["*"],
  conform: ["*"],
};

/** Facts of time and place, and what answers at once; the rest of ports.ts is for drivers. */
const PORT_FACTS = new Set(["Instant", "Millis", "Address", "Trace", "Random"]);

/** Files of layers 4 and 5 that turn ports into events and back. */
const DRIVERS =
  /^lib\/(peer\/(?!config|dynamic_config|settings)\w+|client\/(client|session_link))\.ts$/;

/** Packages and the places that may use them. */
const PACKAGES: readonly [specifier: RegExp, allowed: RegExp, where: string][] = [
  [/^zod$/, /^lib\/(peer\/config\w*\.ts$|cli\/)/, "lib/peer/config*.ts and lib/cli"],
  [/^@std\/(bytes|cli)(\/[\w-]+)?$/, /^lib\/|^jute\/|^tests\/|^bench\/|^mod\.ts$/, "lib"],
  [/^node:buffer$/, /^/, "anywhere"],
  [/^node:crypto$/, /^lib\/(auth|host|cli)\/|^tests\/|^bench\//, "lib/auth (hashes), lib/host"],
  [/^node:zlib$/, /^lib\/(store|capture|host|cli)\/|^tests\/|^bench\//, "lib/store, lib/capture"],
  [/^node:/, /^lib\/(host|cli)\/|^tests\/|^jute\/|^bench\//, "lib/host, lib/cli, tests, jute"],
];

interface Import {
  readonly specifier: string;
  readonly names: string;
  readonly line: number;
}

/** Static and dynamic imports and re-exports of a source. */
function importsOf(source: string, code: string): Import[] {
  const found: Import[] = [];
  const patterns = [
    /\b(?:import|export)\b([^"'`;]*?)\bfrom\s*(["'])/g,
    /\b(import)\s*\(?\s*(["'])/g,
  ];
  for (const pattern of patterns) {
    for (const match of code.matchAll(pattern)) {
      const start = match.index + match[0].length;
      const end = source.indexOf(match[2], start);
      found.push({
        specifier: source.slice(start, end),
        names: match[1],
        line: lineAt(source, match.index),
      });
    }
  }
  return found;
}

function roomOf(path: string): string | null {
  if (path === "lib/ports.ts") return "ports";
  return /^lib\/(\w+)\//.exec(path)?.[1] ?? null;
}

export function importFindings(path: string, source: string, code = blank(source)): Finding[] {
  const findings: Finding[] = [];
  const room = roomOf(path);
  for (const { specifier, names, line } of importsOf(source, code)) {
    const say = (message: string): void => void findings.push({ path, line, message });
    if (!specifier.startsWith(".")) {
      const rule = PACKAGES.find(([pattern]) => pattern.test(specifier));
      if (rule === undefined) say(`unknown package ${specifier}; a dependency needs a decision`);
      else if (!rule[1].test(path)) say(`${specifier} belongs to ${rule[2]}`);
      continue;
    }
    const target = resolve(path, specifier);
    if (!target.endsWith(".ts")) say(`${specifier} must name a .ts file`);
    if (path.startsWith("jute/") && target.startsWith("lib/")) {
      say("jute imports nothing of lib");
    }
    if (room === null) continue;
    const to = roomOf(target);
    if (to === null) {
      say(`lib imports only lib, not ${target}`);
      continue;
    }
    const allowed = MAY_IMPORT[room];
    if (allowed === undefined) say(`lib/${room} has no row in the import table`);
    else if (to === room || allowed.includes("*") || allowed.includes(to)) continue;
    else if (to === "ports" && (DRIVERS.test(path) || onlyFacts(names))) continue;
    else say(`lib/${room} may not import lib/${to} (${specifier}): ${direction(room, to)}`);
  }
  return findings;
}

function direction(room: string, to: string): string {
  if (to === "ports") {
    return "only drivers see ports; others take Instant, Millis, Address, Trace, Random";
  }
  return MAY_IMPORT[to]?.includes(room) ? "an import goes up" : "an import goes sideways";
}

function onlyFacts(names: string): boolean {
  const listed = names.replace(/\btype\b/g, "").match(/\w+/g) ?? [];
  return listed.length > 0 && listed.every((name) => PORT_FACTS.has(name));
}

function resolve(from: string, specifier: string): string {
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

// ---- bans -----------------------------------------------------------------------------------

const SHELL = /^(lib\/(host|cli)|tests|jute|bench)\//;
const PROMISES = /^(lib\/(host|cli|conform)|tests|jute|bench)\/|^lib\/client\/client\.ts$/;

/** Pattern over blanked code, where it is allowed, and what to say. */
const BANS: readonly [pattern: RegExp, allowed: RegExp | null, message: string][] = [
  [
    /(?<![.\w])(?:Date|performance|setTimeout|setInterval|setImmediate|queueMicrotask|process|Deno)\b(?!\s*[?:]?:)/g,
    SHELL,
    "no clock, timer or process below the shell; take Instant or a port",
  ],
  [/\bMath\.random\b/g, SHELL, "no randomness below the shell; take the port Random"],
  [
    /(?<![.\w])(?:async\s+(?:function|\*|\(|\w+\s*\(|\w+\s*=>)|await\s|Promise\b)/g,
    PROMISES,
    "no promise below the shell; a completion is an event",
  ],
  [
    /(?:[:<|&]\s*|=>\s*|\b(?:as|extends|is)\s+)any\b(?!\s*[.(])|(?<![.\w])any(?:\[\]|>)/g,
    null,
    "no any; unknown until parsed",
  ],
  [
    /[\w)\]]!(?=[.;,)\]}[(]|\s*$|\s+[^=\s])/gm,
    null,
    "no non-null assertion; use present() or a check",
  ],
  [/(?<![.\w])enum\s+\w+\s*\{/g, null, "no enum; an `as const` object and a type of its name"],
  [/(?<![.\w])(?:namespace|module)\s+[\w.]+\s*\{/g, null, "no namespace"],
  [/\bexport\s+default\b/g, null, "no default export"],
  [
    /\bconstructor\s*\((?:[^()]*,)?\s*(?:public|private|protected|readonly)\s+\w+\s*\??:/g,
    null,
    "no parameter property; it does not survive type stripping",
  ],
  [/\bcatch\s*(?:\([^)]*\))?\s*\{\s*\}/g, null, "no empty catch"],
];

export function banFindings(path: string, source: string, code = blank(source)): Finding[] {
  const findings: Finding[] = [];
  for (const [pattern, allowed, message] of BANS) {
    if (allowed?.test(path)) continue;
    for (const match of code.matchAll(pattern)) {
      const line = lineAt(source, match.index);
      findings.push({ path, line, message: `${message} (${match[0].trim()})` });
    }
  }
  return findings;
}

// ---- sizes ----------------------------------------------------------------------------------

/** The aim, and the length at which a file must be cut. */
export const LINES_AIM = 400;
export const LINES_MAX = 480;
export const COLUMNS_MAX = 100;

export function sizeFindings(path: string, source: string, linesMax = LINES_MAX): Finding[] {
  const lines = source.split("\n");
  const findings: Finding[] = [];
  const length = lines.length - 1;
  if (length > linesMax) {
    findings.push({ path, line: linesMax, message: `${length} lines; cut it (aim ${LINES_AIM})` });
  }
  lines.forEach((text, at) => {
    if (text.length <= COLUMNS_MAX) return;
    // The formatter cannot break a string, a pattern or a path.
    if (!/\s/.test(text.trim()) || /["'`/]/.test(text)) return;
    findings.push({
      path,
      line: at + 1,
      message: `${text.length} columns; at most ${COLUMNS_MAX}`,
    });
  });
  return findings;
}

/** A source file of ours begins by saying what it decides. */
export function headFindings(path: string, source: string): Finding[] {
  const first = source.replace(/^#!.*\n/, "");
  if (/^\s*(\/\/|\/\*)/.test(first)) return [];
  return [{ path, line: 1, message: "a file opens with what it decides, in 2 to 8 lines" }];
}

/** Hosts of package registries, in pieces so that this file does not name one. */
const HOSTS = [
  ["jsr", "io"],
  ["registry", "npmjs"],
  ["npmjs", "org"],
  ["npmjs", "com"],
  [
    "deno",
    "land/x",
  ],
  ["deno", "land/std"],
  ["esm", "sh/"],
  ["unpkg", "com"],
  ["jsdelivr", "net"],
]
  .map((parts) => parts.join("."));

export function hostFindings(path: string, text: string): Finding[] {
  return HOSTS.flatMap((host) => {
    const at = text.indexOf(host);
    return at < 0
      ? []
      : [{ path, line: lineAt(text, at), message: `names a registry's host ${host}` }];
  });
}

// ---- reading code ---------------------------------------------------------------------------

function lineAt(text: string, index: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < index; at = text.indexOf("\n", at + 1)) line++;
  return line;
}

const BEFORE_PATTERN = /(?:^|[=(,:;!&|?{}[\n>]|\breturn|\bcase|\btypeof)\s*$/;

/**
 * `source` with the insides of comments, strings, templates and patterns replaced by blanks, so
 * that what is left is code. Lengths and line ends stay; quotes stay; `${}` is code.
 */
export function blank(source: string): string {
  const out = [...source].length === source.length ? source.split("") : Array.from(source, String);
  const text = out;
  const templates: number[] = [];
  let depth = 0;
  let at = 0;
  const wipe = (from: number, to: number): void => {
    for (let i = from; i < to; i++) if (text[i] !== "\n") out[i] = " ".repeat(text[i].length);
  };
  const original = text.slice();
  const is = (what: string, where = at): boolean => {
    for (let i = 0; i < what.length; i++) if (original[where + i] !== what[i]) return false;
    return true;
  };
  /** From inside a template to its end or its next `${`; gives the place after. */
  const template = (from: number): number => {
    let i = from;
    while (i < original.length) {
      if (original[i] === "\\") i += 2;
      else if (original[i] === "`") {
        wipe(from, i);
        return i + 1;
      } else if (original[i] === "$" && original[i + 1] === "{") {
        wipe(from, i);
        templates.push(depth++);
        return i + 2;
      } else i += 1;
    }
    return i;
  };
  const until = (from: number, stops: (i: number) => boolean): number => {
    let i = from;
    while (i < original.length && !stops(i)) i += original[i] === "\\" ? 2 : 1;
    return i;
  };
  while (at < original.length) {
    const char = original[at];
    if (is("//")) {
      let end = at;
      while (end < original.length && original[end] !== "\n") end += 1;
      wipe(at, end);
      at = end;
    } else if (is("/*")) {
      let end = at + 2;
      while (end < original.length && !is("*/", end)) end += 1;
      wipe(at, end + 2);
      at = end + 2;
    } else if (char === '"' || char === "'") {
      const end = until(at + 1, (i) => original[i] === char || original[i] === "\n");
      wipe(at + 1, end);
      at = end + 1;
    } else if (char === "`") at = template(at + 1);
    else if (char === "/" && BEFORE_PATTERN.test(out.slice(Math.max(0, at - 40), at).join(""))) {
      let inClass = false;
      const end = until(at + 1, (i) => {
        if (original[i] === "[") inClass = true;
        else if (original[i] === "]") inClass = false;
        return (original[i] === "/" && !inClass) || original[i] === "\n";
      });
      wipe(at + 1, end);
      at = end + 1;
    } else if (char === "{") {
      depth += 1;
      at += 1;
    } else if (char === "}") {
      depth -= 1;
      at += 1;
      if (templates[templates.length - 1] === depth) {
        templates.pop();
        at = template(at);
      }
    } else at += 1;
  }
  return out.join("");
}
