// Java servers alone under the faults of the chaos tests: every kind of error that they print stands
// in support/java_errors.json, which is what the mixed ensembles' logs are measured with. With
// JAVA_ERRORS=add a kind that is new is added to the list, with the ensemble that printed it.

import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { chaos } from "./support/chaos.ts";
import { javaUnavailable } from "./support/java.ts";
import { isJudgedByKind, javaErrorKinds, listedKinds } from "./support/java_errors.ts";

const SEED = Number(process.env.CHAOS_SEED ?? randomInt(1, 1_000_000));
const FOR_MS = 70_000;
const ENSEMBLES = [
  ["3.9.5", "3.9.5", "3.9.5"],
  ["3.6.4", "3.6.4", "3.6.4"],
  ["3.4.14", "3.4.14", "3.4.14"],
  ["3.8.6", "3.7.2", "3.5.10"],
];
const LIST = fileURLToPath(new URL("support/java_errors.json", import.meta.url));

function add(found: ReadonlyMap<string, string>): void {
  const list: { about: string; kinds: string[] } = JSON.parse(readFileSync(LIST, "utf8"));
  list.kinds = [...new Set([...list.kinds, ...found.keys()])].sort();
  writeFileSync(LIST, `${JSON.stringify(list, null, 2)}\n`);
}

describe(`Java alone in chaos with seed ${SEED}`, { skip: javaUnavailable() ?? false }, () => {
  for (const [at, kinds] of ENSEMBLES.entries()) {
    it(`${kinds.join(", ")} print listed errors only`, { timeout: 600_000 }, async (t) => {
      const found = new Map<string, string>();
      let count = 0;
      const logs = (made: Parameters<typeof javaErrorKinds>[0]): string[] => {
        for (const [kind, where] of javaErrorKinds(made)) {
          count += 1;
          if (isJudgedByKind(kind)) found.set(kind, where);
        }
        return [];
      };
      const replay = `CHAOS_SEED=${SEED} deno task soak --only java_errors`;
      // What Java promises is not what is tested here; its own faults end a run, and are told.
      const run = chaos({ kinds, seed: SEED + at, forMs: FOR_MS, replay, logs }, (line) => {
        t.diagnostic(line);
      });
      await run.then(
        ({ dir }) => rmSync(dir, { recursive: true }),
        (error: unknown) => t.diagnostic(`Java alone is not sound: ${error}`),
      );
      assert.ok(count > 0, "no error at all: the logs are not read");
      if (process.env.JAVA_ERRORS === "add") add(found);
      const listed = listedKinds();
      const strange = [...found].filter(([kind]) => !listed.has(kind));
      assert.deepEqual(strange, [], "not in the list");
    });
  }
});
