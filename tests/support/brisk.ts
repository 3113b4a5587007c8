// Whether something takes no more time than it should, on a machine that may stand still meanwhile:
// what others do costs one trial its time, and hardly each of several.

import assert from "node:assert/strict";

const TRIALS = 4;

/**
 * Rejects what takes longer than `limitMs` however often it is tried. A trial sets itself up and
 * gives what is to be timed.
 */
export function isBrisk(limitMs: number, trial: () => () => void): void {
  let least = Infinity;
  for (let i = 0; i < TRIALS && least >= limitMs; i++) {
    const work = trial();
    const started = performance.now();
    work();
    least = Math.min(least, performance.now() - started);
  }
  assert.ok(
    least < limitMs,
    `took ${Math.round(least)} ms each time, at most ${limitMs} are enough`,
  );
}
