// Waiting in tests: for a condition, with a limit, and never for a fixed time.

import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import { setTimeout as wait } from "node:timers/promises";
import { ZkError } from "../../lib/client/client.ts";
import { ErrorCode } from "../../lib/txn/opcodes.ts";

const UNBROKEN_MS = 120_000;

/** Resolves when `condition` holds; rejects, naming it, when it does not within `limitMs`. */
export function until(condition: () => boolean, what = "a condition", limitMs = 60_000) {
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

/** Asks again for what may be asked twice, while links break before the answer. */
export async function unbroken<T>(asked: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + UNBROKEN_MS;
  for (;;) {
    try {
      return await asked();
    } catch (error) {
      const isLost = error instanceof ZkError && error.code === ErrorCode.CONNECTIONLOSS;
      if (!isLost || performance.now() > deadline) throw error;
    }
    await wait(20);
  }
}

/**
 * One address as if it were four servers: a Java server that is just starting may take a link and
 * never look at it, and a client waits for each server only for its share of the session's time.
 */
export const fourTimes = <T>(address: T): T[] => [address, address, address, address];

/** Rejects, naming what is missing, when a promise does not settle within `limitMs`. */
export function within<T>(promise: Promise<T>, limitMs: number, what: () => string): Promise<T> {
  return new Promise((done, failed) => {
    const late = () => failed(new Error(`${what()} did not come about in ${limitMs} ms`));
    const alarm = setTimeout(late, limitMs);
    promise.then(done, failed).finally(() => clearTimeout(alarm));
  });
}
