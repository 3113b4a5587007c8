// Puts third-party clients into the cache that git ignores, each at a pinned version, and says in
// words why one cannot be had here.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheRoot, type Ended, insist } from "../java_dist.ts";

/** Folder of the scripts that drive the clients. */
export const scripts = dirname(fileURLToPath(import.meta.url));

export interface Recipe {
  /** Names the folder in the cache, with the version. */
  readonly name: string;
  /** Programs that must be on the PATH, each with a word that makes it print its version. */
  readonly needs: readonly (readonly [command: string, argument: string])[];
  /** Command lines, run in the new folder one after the other; `{dir}` stands for it. */
  readonly steps: readonly (readonly string[])[];
  /** Files of ours that go into it; when one changes, it is made again. */
  readonly sources?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Where it is, or why it is not. */
export type Installed = { readonly dir: string } | { readonly why: string };

/** Makes a folder in the cache by a recipe, once per machine; the same again is found there. */
export async function install(recipe: Recipe): Promise<Installed> {
  const missing = recipe.needs.find(([command, argument]) => !runs(command, argument));
  if (missing !== undefined) return { why: `${recipe.name}: no ${missing[0]} on the PATH` };
  const dir = join(cacheRoot(), "clients", recipe.name);
  const mark = markOf(recipe);
  const ready = join(dir, "ready");
  if (existsSync(ready) && readFileSync(ready, "utf8") === mark) return { dir };
  console.error(`${recipe.name}: installing into the cache`);
  // Python's environments and Go's builds know where they are, so this one is made in its place.
  const aside = `${dir}.${process.pid}`;
  if (existsSync(dir)) renameSync(dir, aside);
  rmSync(aside, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  for (const step of recipe.steps) {
    console.error(`${recipe.name}: ${step.join(" ").slice(0, 100)}`);
    const words = step.map((word) => word.replaceAll("{dir}", dir));
    const failed = await insist(recipe.name, () => run(words, dir, recipe.env ?? {}));
    if (failed === null) continue;
    const last = failed.output.trim().split("\n").slice(-3).join(" | ");
    const what = step.slice(0, 3).join(" ");
    return { why: `${recipe.name}: ${what} ended with ${failed.code}: ${last}` };
  }
  writeFileSync(ready, mark);
  console.error(`${recipe.name}: ready`);
  return { dir };
}

function runs(command: string, argument: string): boolean {
  const { error, status } = spawnSync(command, [argument], { stdio: "ignore" });
  return error === undefined && status === 0;
}

function markOf({ steps, sources = [] }: Recipe): string {
  const hash = createHash("sha256").update(JSON.stringify(steps));
  for (const source of sources) hash.update(readFileSync(join(scripts, source)));
  return hash.digest("hex");
}

function run(
  command: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(command[0], command.slice(1), {
      cwd,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    let output = "";
    const take = (data: Uint8Array): void => {
      output += new TextDecoder().decode(data);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", (error) => resolve({ code: -1, output: error.message }));
    child.on("close", (code) => resolve({ code, output }));
  });
}
