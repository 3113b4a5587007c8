// Waiting in tests: for a condition, with a limit, and never for a fixed time.

import { setImmediate, setTimeout } from "node:timers";

/** Resolves when `condition` holds; rejects, naming it, when it does not within `limitMs`. */
export function until(condition: () => boolean, what = "a condition", limitMs = 20_000) {
  const stop = Date.now() + limitMs;
  return new Promise<void>((resolve, reject) => {
    let turns = 0;
    const look = () => {
      if (condition()) return resolve();
      if (Date.now() > stop) return reject(new Error(`${what} did not come about: ${condition}`));
      turns += 1;
      if (turns < 200) setImmediate(look);
      else setTimeout(look, 2);
    };
    look();
  });
}
