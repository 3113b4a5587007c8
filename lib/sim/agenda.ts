// What is to happen, by time: the simulator spends its life here. Of two events for the same moment
// the one asked for first comes first, which makes one seed one trace. What is due at once waits in a
// queue of its own: that is most of all, and costs no place in the heap.

import { Deque } from "../base/deque.ts";
import type { Millis } from "../ports.ts";

/** Runs tasks of its own kind: a life runs none when it is over, and keeps them while paused. */
export interface Runner {
  run(task: () => void): void;
}

/** One thing that is to happen. */
export class Due {
  readonly at: Millis;
  /** Counts what was asked for: decides between equal times. */
  readonly order: number;
  readonly runner: Runner | null;
  /** Null: taken back. */
  task: (() => void) | null;

  constructor(at: Millis, order: number, runner: Runner | null, task: () => void) {
    this.at = at;
    this.order = order;
    this.runner = runner;
    this.task = task;
  }

  cancel(): void {
    this.task = null;
  }
}

export class Agenda {
  /** A binary heap. */
  readonly #later: Due[] = [];
  readonly #atOnce = new Deque<Due>();
  #asked = 0;

  /** `now` is the time of the event at hand; `delay` from then on. */
  push(now: Millis, delay: Millis, runner: Runner | null, task: () => void): Due {
    return this.pushAt(now, now + Math.max(0, delay), runner, task);
  }

  /**
   * At an instant: `now + (at - now)` may be off by a rounding, and what must stay in order by
   * their instants would not.
   */
  pushAt(now: Millis, at: Millis, runner: Runner | null, task: () => void): Due {
    const due = new Due(Math.max(now, at), this.#asked++, runner, task);
    if (due.at > now) this.#rise(due);
    else this.#atOnce.push(due);
    return due;
  }

  /** When the next one comes; null: there is none. */
  nextAt(): Millis | null {
    const first = this.#atOnce.first();
    if (first === undefined) return this.#later.length === 0 ? null : this.#later[0].at;
    // What waits in the heap for this very moment was asked for before the moment came.
    return this.#later.length > 0 && this.#later[0].at <= first.at ? this.#later[0].at : first.at;
  }

  pop(): Due | null {
    const first = this.#atOnce.first();
    const later = this.#later;
    if (first !== undefined && (later.length === 0 || later[0].at > first.at)) {
      this.#atOnce.shift();
      return first;
    }
    const top = later[0];
    const last = later.pop();
    if (last === undefined) return null;
    if (later.length > 0) this.#sink(last);
    return top;
  }

  #rise(due: Due): void {
    const heap = this.#later;
    let at = heap.length;
    heap.push(due);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      // A newer one never goes before an older one of the same time.
      if (above.at <= due.at) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = due;
  }

  #sink(due: Due): void {
    const heap = this.#later;
    const end = heap.length;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= end) break;
      if (child + 1 < end && isBefore(heap[child + 1], heap[child])) child += 1;
      if (!isBefore(heap[child], due)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = due;
  }
}

const isBefore = (a: Due, b: Due): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
