// Scenario files: commands, `----`, and what then happened, block after block. A script makes one
// situation happen on purpose; the members are the same as under seeds, and the same checks look on.
// The grammar is in fixtures/scripts/README.md; what a command does is script_run.ts's.

import { Fault, isFault } from "../base/errors.ts";
import { ScriptRun } from "./script_run.ts";

/** One block: the lines of commands as they stand, and what happened. */
interface Block {
  readonly commands: readonly string[];
  readonly trace: readonly string[];
}

export interface ScriptResult {
  /** The file as it would be with what happened now. */
  readonly text: string;
  /** What was broken: promises that every run must keep, and what the script expected. */
  readonly violations: readonly string[];
  /** How often each kind of thing happened. */
  readonly coverage: ReadonlyMap<string, number>;
  readonly virtualMs: number;
  readonly hash: string;
}

const RULE = "----";

/** A file's blocks. A block ends with the empty line behind its trace. Fault: CONFIG. */
export function parseScript(text: string): Block[] {
  const blocks: Block[] = [];
  let commands: string[] = [];
  let trace: string[] | null = null;
  const end = (): void => {
    if (trace === null && commands.every((line) => line === "")) return;
    blocks.push({ commands, trace: trace ?? [] });
    commands = [];
    trace = null;
  };
  for (const line of text.split("\n")) {
    if (trace === null && line === RULE) trace = [];
    else if (trace === null) commands.push(line);
    else if (line === "") end();
    else if (line === RULE) {
      throw new Fault("CONFIG", "an empty line must end what happened", {
        where: `the block of "${commands[0] ?? ""}"`,
      });
    } else trace.push(line);
  }
  end();
  return blocks;
}

/** Runs a scenario. An unknown command is a fault of the script: it names the line. */
export function runScript(text: string, ear?: (line: string) => void): ScriptResult {
  const run = new ScriptRun(ear ?? null);
  const out: string[] = [];
  for (const { commands } of parseScript(text)) {
    const lines = [...commands];
    while (lines.at(-1) === "") lines.pop();
    for (const line of lines) {
      const words = line.replace(/#.*$/, "").trim().split(/\s+/).filter((word) => word !== "");
      if (words.length === 0) continue;
      try {
        run.command(words);
      } catch (error) {
        run.violation(
          isFault(error) || error instanceof Error
            ? `"${line.trim()}" threw: ${error.message}`
            : String(error),
        );
      }
    }
    out.push(...lines, RULE, ...run.take(), "");
  }
  while (out.at(-1) === "") out.pop();
  return {
    text: out.map((line) => `${line}\n`).join(""),
    violations: run.violations,
    coverage: run.world.coverage,
    virtualMs: run.world.now,
    hash: run.world.hash(),
  };
}
