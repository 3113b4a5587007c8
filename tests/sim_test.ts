// Whole ensembles under seeds: a few always, and each one that ever failed (fixtures/seeds.txt). The
// same seed is the same run on both runtimes.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { tryRun } from "../lib/sim/shrink.ts";
import { readSeeds } from "./support/sim_seeds.ts";
import { MUTANTS, sourcesOf } from "./support/sim_mutants.ts";

const HERE = dirname(fileURLToPath(import.meta.url));
const ALWAYS = [1, 3, 5, 7, 10, 12];

describe("an ensemble under a seed", () => {
  for (const seed of ALWAYS) {
    it(`keeps every promise (seed ${seed})`, () => {
      const result = tryRun({ seed, members: null, minutes: 0.5, profile: null });
      assert.deepEqual(result.violations, [], result.tail.join("\n"));
      assert.ok(result.acknowledged > 0, "clients were served");
    });
  }

  for (const { seed, minutes, what } of readSeeds()) {
    it(`keeps every promise where it once did not (seed ${seed}: ${what})`, () => {
      const result = tryRun({ seed, members: null, minutes, profile: null });
      assert.deepEqual(result.violations, [], result.tail.join("\n"));
    });
  }

  it("runs the same on Deno and on Node", () => {
    const seeds = ["2", "6"];
    const script = join(HERE, "support", "sim_hash.ts");
    const options = {
      cwd: dirname(HERE),
      encoding: "utf8",
      maxBuffer: 1 << 20,
    } as const;
    const node = execFileSync("node", ["--import", "tsx", script, ...seeds], options);
    const words = ["-y", "deno@2", "run", "-A", "--no-check", script, ...seeds];
    const deno = execFileSync("npx", words, options);
    assert.equal(deno, node);
    assert.equal(node.trim().split("\n").length, seeds.length);
  });

  it("has mutants to be tried on: each still finds its place in the sources", () => {
    assert.ok(MUTANTS.length >= 15);
    for (const mutant of MUTANTS) assert.ok(sourcesOf(mutant).size > 0, mutant.name);
  });
});
