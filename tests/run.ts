// Runs a set of the tests on one runtime, shows their progress, names what was skipped and ends
// with one line `N passed, N failed, N skipped`. Exits 1 when a test failed; with CI=true also when
// one was skipped, because there everything a test needs can be had.
//
//   tests/run.ts [--runtime deno|node] [--set fast|interop|soak] [--only TEXT]
//
// fast: every tests/*_test.ts but those below.  interop: tests/interop_*_test.ts, the full matrix
// of Java versions and clients.  soak: tests/soak_*_test.ts, long chaos and simulator runs.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

interface Totals {
  passed: number;
  failed: number;
  skipped: number;
  readonly skippedNames: string[];
}

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(HERE);
const LOGS = join(ROOT, ".cache", "test-logs");
const SETS = ["fast", "interop", "soak"];

/** Removes colour and cursor codes. */
// deno-lint-ignore no-control-regex -- escape sequences are control characters
const plain = (line: string): string => line.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, "");

function setOf(file: string): string {
  return SETS.find((name) => file.startsWith(`${name}_`)) ?? "fast";
}

function filesOf(set: string, only: string | null): string[] {
  return readdirSync(HERE)
    .filter((file) => file.endsWith("_test.ts") && setOf(file) === set)
    .filter((file) => only === null || file.includes(only))
    .sort().map((file) => join("tests", file));
}

/** The command for a few files at a time; interop tests run alone, they start whole ensembles. */
function commandFor(runtime: string, set: string, files: readonly string[]): string[] {
  const jobs = set === "fast" ? Math.min(availableParallelism(), 4) : 1;
  if (runtime === "deno") {
    const deno = "Deno" in globalThis ? [process.execPath] : ["npx", "-y", "deno@2"];
    return [...deno, "test", "-A", "--no-check", ...(jobs > 1 ? ["--parallel"] : []), ...files];
  }
  const flags = ["--import", "tsx", "--test", `--test-concurrency=${jobs}`];
  return ["node", ...flags, "--test-reporter=spec", ...files];
}

/** Reads the closing counts of `deno test` or of node's spec reporter, and the names of skips. */
export function readTotals(runtime: string, text: string): Totals | null {
  const totals: Totals = { passed: 0, failed: 0, skipped: 0, skippedNames: [] };
  const lines = text.split("\n").map(plain);
  const number = (found: string | undefined): number => Number(found ?? 0);
  let closed = false;
  for (const line of lines) {
    if (runtime === "deno") {
      const skip = /^\s*(.*) \.\.\. ignored \(.*\)$/.exec(line);
      if (skip?.[1] !== undefined) totals.skippedNames.push(skip[1]);
      const end =
        /^(?:ok|FAILED) \| (\d+) passed(?: \((\d+) steps?\))? \| (\d+) failed(?: \((\d+) steps?\))?(?: \| (\d+) ignored(?: \((\d+) steps?\))?)?/
          .exec(line);
      if (end === null) continue;
      closed = true;
      totals.passed = number(end[1]) + number(end[2]);
      totals.failed = number(end[3]) + number(end[4]);
      totals.skipped = number(end[5]) + number(end[6]);
    } else {
      const skip = /^\s*﹣ (.*?)(?: \([\d.]+ms\))?(?: # (.*))?$/.exec(line);
      if (skip?.[1] !== undefined) {
        totals.skippedNames.push(skip[1] + (skip[2] ? `: ${skip[2]}` : ""));
      }
      const end = /^ℹ (pass|fail|cancelled|skipped|todo) (\d+)$/.exec(line);
      if (end === null) continue;
      closed = true;
      if (end[1] === "pass") totals.passed = number(end[2]);
      if (end[1] === "fail" || end[1] === "cancelled") totals.failed += number(end[2]);
      if (end[1] === "skipped" || end[1] === "todo") totals.skipped += number(end[2]);
    }
  }
  return closed ? totals : null;
}

function run(command: readonly string[], log: string): Promise<{ code: number; text: string }> {
  return new Promise((done) => {
    const child = spawn(command[0], command.slice(1), {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, npm_config_loglevel: "error" },
    });
    let text = "";
    const take = (chunk: Uint8Array): void => {
      const part = new TextDecoder().decode(chunk);
      text += part;
      process.stdout.write(part);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", (error) => done({ code: 1, text: `${text}\n${error.message}` }));
    child.on("close", (code) => {
      writeFileSync(log, text);
      done({ code: code ?? 1, text });
    });
  });
}

const USAGE = "usage: run.ts [--runtime deno|node] [--set fast|interop|soak] [--only TEXT]";

/** What the command line asks for; null when it cannot be. */
function wanted(args: string[]): { runtime: string; set: string; only: string | null } | null {
  const text = { type: "string" } as const;
  try {
    const { values } = parseArgs({ args, options: { runtime: text, set: text, only: text } });
    const { runtime = "Deno" in globalThis ? "deno" : "node", set = "fast", only = null } = values;
    return ["deno", "node"].includes(runtime) && SETS.includes(set) ? { runtime, set, only } : null;
  } catch {
    return null;
  }
}

/** Some tests run the same file on the other runtime: that takes what package.json names. */
function setUp(): void {
  if (existsSync(join(ROOT, "node_modules", "tsx"))) return;
  console.log("npm install, once");
  const words = ["install", "--no-audit", "--no-fund"];
  spawnSync("npm", words, { cwd: ROOT, stdio: "inherit" });
}

async function main(args: string[]): Promise<number> {
  const asked = wanted(args);
  if (asked === null) {
    console.error(USAGE);
    return 2;
  }
  const { runtime, set, only } = asked;
  mkdirSync(LOGS, { recursive: true });
  setUp();
  const files = filesOf(set, only);
  if (files.length === 0) {
    console.error(`no test file of set ${set} matches`);
    return 2;
  }
  console.log(`${set} tests on ${runtime}: ${files.length} files`);
  const { code, text } = await run(
    commandFor(runtime, set, files),
    join(LOGS, `${set}-${runtime}.log`),
  );
  const totals = readTotals(runtime, text);
  if (totals === null) {
    console.error(`the test runner ended with code ${code} and without counts`);
    return 1;
  }
  if (totals.skippedNames.length > 0) console.log("\nskipped:");
  for (const name of totals.skippedNames) console.log(`  ${name}`);
  if (code !== 0 && totals.failed === 0) totals.failed = 1; // a file that could not even be loaded
  const { passed, failed, skipped } = totals;
  writeFileSync(join(LOGS, `${set}-${runtime}.json`), JSON.stringify({ passed, failed, skipped }));
  console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
  const strict = process.env.CI === "true" && skipped > 0;
  if (strict) console.error("with CI=true nothing may be skipped");
  return failed > 0 || strict ? 1 : 0;
}

process.exit(await main(process.argv.slice(2)));
