// Thousands of seeds, and the proof that the checks are worth something: each deliberate bug of
// tests/support/sim_mutants.ts is found. SIM_SEEDS=A..B chooses the seeds.

import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { tryRun } from "../lib/sim/shrink.ts";
import { hunt, MUTANTS } from "./support/sim_mutants.ts";

const SEEDS_OF_A_MUTANT = 400;

describe("many ensembles under seeds", () => {
  it("keep every promise", () => {
    const [from = "1", to = "5000"] = (process.env.SIM_SEEDS ?? "1..5000").split("..");
    const failed: string[] = [];
    for (let seed = Number(from); seed <= Number(to); seed++) {
      const { violations } = tryRun({ seed, members: null, minutes: 1, profile: null });
      if (violations.length > 0) failed.push(`seed ${seed}: ${violations[0]}`);
    }
    assert.deepEqual(failed, []);
  });

  for (const mutant of MUTANTS) {
    it(`do not when ${mutant.name}`, async () => {
      assert.notEqual(await hunt(mutant, SEEDS_OF_A_MUTANT), null);
    });
  }
});
