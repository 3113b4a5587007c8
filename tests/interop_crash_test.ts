// The crash test in full: fifty kills, a Java server on the same folder in every fifth round.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { crashRounds } from "./support/crash_rounds.ts";
import { javaUnavailable, prepare } from "./support/java.ts";

const skip = javaUnavailable("3.9.5") ?? false;

it(
  "a folder that kills left goes from us to Java and back, and loses nothing",
  { skip },
  async () => {
    const dir = mkdtempSync(join(tmpdir(), "zkpeer-crash-"));
    const java = await prepare("3.9.5");
    const report = await crashRounds({ dir, rounds: 50, seed: 2, java });
    console.log(JSON.stringify(report));
    assert.ok(report.acknowledged > 5000, `${report.acknowledged} writes are too few to show it`);
    assert.ok(report.cutSnapshots > 0, "no kill has hit a snapshot");
    assert.ok(report.completed > 0, "no write was under way at a kill");
    rmSync(dir, { recursive: true });
  },
);
