// A leader whose database is replaced under way: what would propose waits, what is proposed is
// committed to the former tree first, then the change is made, then what waited goes on.
//
// Must agree with Java's ZooKeeperServer.restoreFromSnapshot in that the leader stays the leader.

import type { Clock } from "../ports.ts";
import type { Request } from "../server/request.ts";

/** Requests that wait; one more is dropped, and its client hears of it by its own timeout. */
const WAITING_MAX = 100_000;

export class TreeChange {
  readonly waiting: Request[] = [];
  readonly #outstanding: () => number;
  readonly #clock: Clock;
  readonly #begin: () => void;
  #hasBegun = false;

  /** `begin` is called once, when no proposal is outstanding, and not from within this call. */
  constructor(outstanding: () => number, clock: Clock, begin: () => void) {
    this.#outstanding = outstanding;
    this.#clock = clock;
    this.#begin = begin;
    this.look();
  }

  hold(request: Request): void {
    if (this.waiting.length < WAITING_MAX) this.waiting.push(request);
  }

  /** To be called when a proposal has been committed. */
  look(): void {
    if (this.#hasBegun || this.#outstanding() > 0) return;
    this.#hasBegun = true;
    // Commits of the same step may still be on their way to the tree.
    this.#clock.soon(this.#begin);
  }
}
