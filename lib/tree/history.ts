// Which digest the tree had at which zxid (storage.md 5.5), for the four-letter word `hash`.
//
// Must agree with Java's DataTree.logZxidDigest.

import type { Zxid } from "../base/ids.ts";
import { Deque } from "../base/deque.ts";
import type { DigestSum } from "./digest.ts";

export const HISTORY_INTERVAL = 128n;
export const HISTORY_LIMIT = 1024;

export interface ZxidDigest {
  readonly zxid: Zxid;
  readonly digest: bigint;
}

export class DigestHistory {
  readonly #kept = new Deque<ZxidDigest>();

  /** Keeps every 128th zxid, the newest 1024 of them. */
  record(zxid: Zxid, sum: DigestSum): void {
    if (zxid % HISTORY_INTERVAL !== 0n) return;
    this.#kept.push({ zxid, digest: sum.value });
    if (this.#kept.size > HISTORY_LIMIT) this.#kept.shift();
  }

  /** Oldest first. */
  list(): readonly ZxidDigest[] {
    return [...this.#kept];
  }
}
