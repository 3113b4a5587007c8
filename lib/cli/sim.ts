// `zkpeer sim`: whole ensembles in virtual time, one after the other, each drawn from its seed. What
// breaks is named, made smaller, and given as a command that shows it again. lib/sim does the work.

import { readFileSync } from "node:fs";
import process from "node:process";
import { setImmediate } from "node:timers/promises";
import { type Profile, PROFILES } from "../sim/nemesis.ts";
import type { RunOptions, RunResult } from "../sim/run.ts";
import { runScript } from "../sim/script.ts";
import { shrink, tryRun } from "../sim/shrink.ts";
import { helpText, readArgs } from "./args.ts";
import type { CliIo } from "./io.ts";

const spec = {
  name: "sim",
  words: "",
  wordsMax: 0,
  summary: "run ensembles under a seed, with faults",
  options: [
    { name: "seeds", value: "A..B", help: "these seeds (1..100)" },
    { name: "seed", value: "N", help: "only this one" },
    { name: "members", value: "N", help: "voters; else each seed draws its own number" },
    { name: "observers", value: "N", help: "observers; else drawn" },
    { name: "clients", value: "N", help: "clients; else drawn" },
    { name: "minutes", value: "M", help: "virtual minutes of faults (1)" },
    { name: "profile", value: "NAME", help: `${PROFILES.join(", ")}; else drawn` },
    {
      name: "script",
      value: "FILE",
      help: "run a scenario file (fixtures/scripts) instead of seeds",
    },
    { name: "skip", value: "A,B,...", help: "leave these faults out, by number" },
    { name: "trace", help: "show what happens" },
    { name: "coverage", help: "show at the end how often each kind of thing happened" },
    { name: "keep-going", help: "go on after a seed that fails" },
  ],
  more: `
The same seed is the same run, on every runtime. A seed that fails is tried again with less of
everything, for a minute at most, and shown as the command for the smallest run that still fails in
the same way. With --trace the run is shown and not tried again.
Exit codes: 0 nothing broke, 1 a seed failed, 2 wrong usage.

  zkpeer sim --seeds 1..1000 --profile chaos
  zkpeer sim --seed 40 --trace
  zkpeer sim --script fixtures/scripts/first_election.txt
`,
} as const;

export const help = helpText(spec);

/** Runs spent on making a failing seed smaller. */
const SHRINK_TRIES = 200;
const SHRINK_MS = 60_000;
const MINUTES_MAX = 100_000;

interface Wanted {
  readonly from: number;
  readonly to: number;
  readonly options: Omit<RunOptions, "seed">;
}

/** What the runs so far add up to. */
class Totals {
  seeds = 0;
  failed = 0;
  virtualMs = 0;
  ops = 0;
  readonly coverage = new Map<string, number>();
  readonly #began = performance.now();
  readonly #usedBefore = process.cpuUsage();

  add(result: RunResult): void {
    this.seeds += 1;
    this.virtualMs += result.virtualMs;
    this.ops += result.acknowledged;
    if (result.violations.length > 0) this.failed += 1;
    for (const [what, count] of result.coverage) {
      this.coverage.set(what, (this.coverage.get(what) ?? 0) + count);
    }
  }

  /** How often things happened whose name holds `part`. */
  #count(part: string): number {
    let sum = 0;
    for (const [what, count] of this.coverage) if (what.includes(part)) sum += count;
    return sum;
  }

  line(): string {
    const hours = this.virtualMs / 3_600_000;
    const rate = (ms: number): number => Math.round(this.virtualMs / Math.max(1, ms));
    const { user, system } = process.cpuUsage(this.#usedBefore);
    const parts = [
      `${this.#count("LEADING - LEADER")} elections won`,
      `${this.#count("way=diff")} DIFF`,
      `${this.#count("way=trunc")} TRUNC`,
      `${this.#count("way=snap")} SNAP`,
      `${this.#count("torn write")} torn tails`,
      `${this.#count("fuzzy snapshot")} fuzzy snapshots`,
      `${this.#count("fault: ")} faults`,
    ];
    // The second is what one core does when nothing else wants it.
    const rates = `${rate(performance.now() - this.#began)}x real time, ` +
      `${rate((user + system) / 1000)}x processor time`;
    return `${this.seeds} seeds, ${hours.toFixed(1)} h simulated (${rates}), ` +
      `${this.ops} writes and reads, ${parts.join(", ")}; ${this.failed} failed`;
  }
}

export async function run(args: string[], io: CliIo): Promise<number> {
  const parsed = readArgs(spec, args);
  if (!parsed.ok) {
    io.stderr.write(`zkpeer sim: ${parsed.error}\n`);
    return 2;
  }
  if (parsed.isHelp) {
    io.stdout.write(help);
    return 0;
  }
  if (parsed.options.script !== null) {
    return runScenario(io, parsed.options.script, parsed.options.trace);
  }
  const wanted = wishesOf(parsed.options);
  if (typeof wanted === "string") {
    io.stderr.write(`zkpeer sim: ${wanted}\n`);
    return 2;
  }
  const ear = parsed.options.trace ? (line: string) => io.stdout.write(`${line}\n`) : undefined;
  const totals = new Totals();
  let shown = performance.now();
  for (let seed = wanted.from; seed <= wanted.to; seed++) {
    const options: RunOptions = { ...wanted.options, seed };
    const result = tryRun({ ...options, ear });
    totals.add(result);
    if (result.violations.length > 0) {
      tell(io, options, result, !parsed.options.trace);
      if (!parsed.options["keep-going"]) break;
    }
    if (performance.now() - shown > 2000) {
      shown = performance.now();
      if (io.isTerminal.stderr) {
        io.stderr.write(`\r\x1b[K${totals.line().slice(0, io.columns - 1)}`);
      } else io.stderr.write(`${totals.line()}\n`);
    }
    await setImmediate(); // signals are heard between two seeds
    if (io.signal.aborted) break;
  }
  if (io.isTerminal.stderr) io.stderr.write("\r\x1b[K");
  if (parsed.options.coverage) {
    const rows = [...totals.coverage].sort((a, b) => b[1] - a[1]);
    for (const [what, count] of rows) io.stdout.write(`${String(count).padStart(10)} ${what}\n`);
  }
  io.stdout.write(`${totals.line()}\n`);
  return totals.failed > 0 ? 1 : 0;
}

/** Shows the scenario with what happened now; the file stays as it is. */
function runScenario(io: CliIo, path: string, isTraced: boolean): number {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    io.stderr.write(`zkpeer sim: ${error instanceof Error ? error.message : error}\n`);
    return 2;
  }
  const ear = isTraced ? (line: string) => io.stdout.write(`${line}\n`) : undefined;
  const result = runScript(text, ear);
  if (!isTraced) io.stdout.write(result.text);
  for (const what of result.violations) io.stderr.write(`zkpeer sim: ${path}: ${what}\n`);
  if (result.text !== text) {
    io.stderr.write(`zkpeer sim: ${path}: another trace than in the file\n`);
  }
  return result.violations.length > 0 || result.text !== text ? 1 : 0;
}

function tell(io: CliIo, options: RunOptions, result: RunResult, mayShrink: boolean): void {
  const { seed, profile, members } = result;
  io.stdout.write(`\nseed ${seed} (${profile}, ${members} members) broke:\n`);
  for (const what of result.violations.slice(0, 10)) io.stdout.write(`  ${what}\n`);
  if (!mayShrink) return;
  const began = performance.now();
  const isEnough = (): boolean => performance.now() - began > SHRINK_MS;
  const smallest = shrink(options, result, SHRINK_TRIES, isEnough);
  io.stdout.write(`the smallest run that still fails, after ${smallest.tries} tries:\n`);
  for (const what of smallest.result.violations.slice(0, 3)) io.stdout.write(`  ${what}\n`);
  io.stdout.write(`  ${commandOf(smallest.options)}\n`);
}

/** The command line that does this run again. */
export function commandOf(options: RunOptions): string {
  const words = ["zkpeer sim", `--seed ${options.seed}`];
  const { members, observers, clients, minutes, profile, skip } = options;
  for (const [name, value] of Object.entries({ members, observers, clients, minutes, profile })) {
    if (value !== null && value !== undefined) words.push(`--${name} ${value}`);
  }
  if (skip !== undefined && skip.size > 0) {
    words.push(`--skip ${[...skip].sort((a, b) => a - b).join(",")}`);
  }
  return `${words.join(" ")} --trace`;
}

type Given = Extract<ReturnType<typeof readArgs<typeof spec.options>>, { ok: true }>["options"];

function wishesOf(given: Given): Wanted | string {
  const range = /^(\d{1,9})(?:\.\.(\d{1,9}))?$/.exec(given.seed ?? given.seeds ?? "1..100");
  const [from, to] = [Number(range?.[1]), Number(range?.[2] ?? range?.[1])];
  if (!(from <= to)) return "--seeds wants numbers, the lower one first, as in 1..100";
  const profile = PROFILES.find((name): name is Profile => name === given.profile) ?? null;
  if (given.profile !== null && profile === null) {
    return `no profile ${given.profile}; there are ${PROFILES.join(", ")}`;
  }
  const minutes = Number(given.minutes ?? 1);
  if (!(minutes > 0 && minutes <= MINUTES_MAX)) return "--minutes wants a number above 0";
  const members = small(given.members, 1, 9);
  const observers = small(given.observers, 0, 9);
  const clients = small(given.clients, 0, 100);
  if (members === undefined) return "--members wants a number from 1 to 9";
  if (observers === undefined) return "--observers wants a number from 0 to 9";
  if (clients === undefined) return "--clients wants a number from 0 to 100";
  const skip = new Set((given.skip ?? "").split(",").filter((word) => word !== "").map(Number));
  if ([...skip].some(Number.isNaN)) return "--skip wants numbers, as in 3,17";
  return {
    from,
    to,
    options: { members, observers, clients, minutes, profile, skip },
  };
}

/** Null: not given. Undefined: not such a number. */
function small(text: string | null, low: number, high: number): number | null | undefined {
  if (text === null) return null;
  const value = Number(text);
  return Number.isInteger(value) && value >= low && value <= high ? value : undefined;
}
