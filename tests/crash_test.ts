// The quick form of the crash test: a few kills of each kind. tests/interop_crash_test.ts has more.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { crashRounds } from "./support/crash_rounds.ts";

test("a killed server has all that it acknowledged, once, and nothing else", async () => {
  const dir = mkdtempSync(join(tmpdir(), "zkpeer-crash-"));
  const report = await crashRounds({ dir, rounds: 5, seed: 1 });
  assert.ok(report.acknowledged > 100, `${report.acknowledged} writes are too few to show it`);
  assert.deepEqual(report.kills, { time: 2, snapshot: 1, log: 1, start: 1 });
  rmSync(dir, { recursive: true });
});
