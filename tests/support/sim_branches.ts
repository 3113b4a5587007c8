// Which functions and branches of lib/zab and lib/store the simulator never ran: all scenarios of
// fixtures/scripts and some seeds under the coverage of V8, blocks and not only lines. What cannot
// be reached there is in fixtures/unreached.txt, each with its reason; what is neither reached nor
// listed makes the program end with 1. Started on Node or Deno, it measures on Deno.
//
//   npx tsx tests/support/sim_branches.ts [--seeds A..B] [--all]

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runSeed } from "../../lib/sim/run.ts";
import { runScript } from "../../lib/sim/script.ts";

const SELF = fileURLToPath(import.meta.url);
const ROOT = dirname(dirname(dirname(SELF)));
const SCRIPTS = join(ROOT, "fixtures", "scripts");
const LIST = join(ROOT, "fixtures", "unreached.txt");
const WATCHED = "lib/(zab|store)/";
const SEEDS = "1..60";

/** A place that never ran: a line, or the first of several. */
export interface Place {
  readonly file: string;
  readonly line: number;
  /** How many lines. */
  readonly length: number;
  /** The first line as it stands, without its indentation. */
  readonly source: string;
}

/** What a report in lcov's format says was never run: lines, functions, branches. */
export function unreachedIn(lcov: string, sourceOf: (path: string) => readonly string[]): Place[] {
  const places: Place[] = [];
  for (const part of lcov.split("end_of_record")) {
    const path = /^SF:(.*)$/m.exec(part)?.[1];
    if (path === undefined) continue;
    const never = new Set<number>();
    for (const [, line] of part.matchAll(/^DA:(\d+),0$/gm)) never.add(Number(line));
    for (const [, line] of part.matchAll(/^BRDA:(\d+),\d+,\d+,(?:0|-)$/gm)) never.add(Number(line));
    const names = new Map<string, number>();
    for (const [, line, name] of part.matchAll(/^FN:(\d+),(.*)$/gm)) names.set(name, Number(line));
    for (const [, name] of part.matchAll(/^FNDA:0,(.*)$/gm)) never.add(names.get(name) ?? 1);
    const source = sourceOf(path);
    const isBare = (line: number): boolean => /^[\s})\];,]*$/.test(source[line - 1] ?? "");
    const lines = [...never].filter((line) => !isBare(line)).sort((a, b) => a - b);
    for (let i = 0; i < lines.length;) {
      let end = i + 1;
      while (end < lines.length && lines[end] === lines[end - 1] + 1) end += 1;
      const text = (source[lines[i] - 1] ?? "").trim();
      places.push({ file: path, line: lines[i], length: end - i, source: text });
      i = end;
    }
  }
  return places;
}

/** What is known not to be reached: `= reason`, and behind it lines `file: first line`. */
export function readList(text: string): Map<string, string> {
  const reasons = new Map<string, string>();
  let reason = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("= ")) reason = line.slice(2);
    else if (/^lib\/\S+: /.test(line)) reasons.set(line, reason);
  }
  return reasons;
}

function measured(seeds: string): void {
  for (const name of readdirSync(SCRIPTS).filter((file) => file.endsWith(".txt"))) {
    runScript(readFileSync(join(SCRIPTS, name), "utf8"));
  }
  const [from, to] = seeds.split("..").map(Number);
  for (let seed = from; seed <= to; seed++) {
    runSeed({ seed, members: null, minutes: 1, profile: null });
  }
}

function lcovOf(seeds: string): string {
  const folder = mkdtempSync(join(tmpdir(), "zkpeer-branches-"));
  const deno = (args: string[]): string => {
    const options = { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 28 } as const;
    const result = spawnSync("npx", ["-y", "deno@2", ...args], options);
    if (result.status !== 0) throw new Error(`deno ${args[0]}: ${result.stderr}`);
    return result.stdout;
  };
  try {
    deno(["run", "-A", "--no-check", `--coverage=${folder}`, SELF, "--measured", seeds]);
    return deno(["coverage", "--lcov", `--include=${WATCHED}`, folder]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function main(args: readonly string[]): number {
  const valueOf = (name: string): string | undefined => args[args.indexOf(name) + 1];
  if (args[0] === "--measured") {
    measured(args[1]);
    return 0;
  }
  const seeds = args.includes("--seeds") ? valueOf("--seeds") ?? SEEDS : SEEDS;
  const sourceOf = (path: string): string[] => readFileSync(path, "utf8").split("\n");
  const places = unreachedIn(lcovOf(seeds), sourceOf)
    .map((place) => ({ ...place, file: place.file.slice(ROOT.length + 1) }));
  const known = readList(readFileSync(LIST, "utf8"));
  const keyOf = ({ file, source }: Place): string => `${file}: ${source}`;
  const unknown = places.filter((place) => !known.has(keyOf(place)));
  for (const place of args.includes("--all") ? places : unknown) {
    const span = place.length > 1 ? ` (${place.length} lines)` : "";
    const why = known.get(keyOf(place));
    console.log(`${place.file}:${place.line}${span}  ${place.source}`);
    if (why !== undefined) console.log(`    ${why}`);
  }
  const met = new Set(places.map(keyOf));
  const reached = [...known.keys()].filter((key) => !met.has(key));
  for (const key of reached) console.log(`reached after all: ${key}`);
  console.log(
    `seeds ${seeds} and the scenarios: ${places.length} places of lib/zab and lib/store never ran, ` +
      `${unknown.length} of them without a reason in fixtures/unreached.txt`,
  );
  return unknown.length > 0 ? 1 : 0;
}

if (process.argv[1] === SELF) process.exitCode = main(process.argv.slice(2));
