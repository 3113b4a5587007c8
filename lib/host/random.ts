// Unpredictable numbers: session passwords and ids must not be guessed, and servers must not take
// their snapshots together.

import { randomBytes, randomInt } from "node:crypto";
import { assert } from "../base/assert.ts";
import type { Random } from "../ports.ts";

/** What `randomInt` can span in one draw. */
const WIDEST = 2 ** 48 - 1;

export class HostRandom implements Random {
  below(n: number, why: string): number {
    assert(Number.isSafeInteger(n) && n > 0 && n <= WIDEST, `a draw below ${n} for ${why}`);
    return randomInt(n);
  }

  bytes(n: number, _why: string): Uint8Array {
    return new Uint8Array(randomBytes(n));
  }
}
