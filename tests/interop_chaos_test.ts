// Chaos under load on mixed ensembles of three and five, about two minutes of it (issue 4, "Must
// show" 4). The long run is soak_chaos_test.ts. CHAOS_SEED=N draws the faults of an earlier run.

import { rmSync } from "node:fs";
import { randomInt } from "node:crypto";
import { describe, it } from "node:test";
import { chaos, told } from "./support/chaos.ts";
import { javaUnavailable } from "./support/java.ts";
import { OURS } from "./support/mixed_ensemble.ts";

const SEED = Number(process.env.CHAOS_SEED ?? randomInt(1, 1_000_000));
const FOR_MS = 24_000;
const ENSEMBLES = [
  [OURS, OURS, "3.9.5"],
  [OURS, OURS, "3.6.4"], // two of 3.6.4 may break each other (ZOOKEEPER-4394)
  ["3.4.14", OURS, "3.4.14"],
  [OURS, OURS, OURS],
  [OURS, "3.9.5", OURS, "3.9.5", OURS],
];

describe(`chaos with seed ${SEED}`, { skip: javaUnavailable() ?? false }, () => {
  for (const [at, kinds] of ENSEMBLES.entries()) {
    it(`leaves ${kinds.join(", ")} sound`, { timeout: 900_000 }, async (t) => {
      const replay = `CHAOS_SEED=${SEED} deno task interop --only chaos`;
      const plan = { kinds, seed: SEED + at, forMs: FOR_MS, replay };
      const report = await chaos(plan, (line) => t.diagnostic(line));
      t.diagnostic(told(report));
      rmSync(report.dir, { recursive: true });
    });
  }
});
