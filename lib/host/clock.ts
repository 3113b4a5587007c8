// Time for one peer: the monotonic and the wall clock, and a single alarm. Timers of the runtime
// may fire a little early and cannot reach further than 2^31 ms; both are evened out here, so that
// a machine that asked for an instant is never stepped before it.

import { performance } from "node:perf_hooks";
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import type { Clock, Instant, Millis } from "../ports.ts";

const LONGEST_TIMER: Millis = 0x7fffffff;

export class HostClock implements Clock {
  #timer: ReturnType<typeof setTimeout> | null = null;

  now(): Instant {
    return { mono: performance.now(), wall: Date.now() };
  }

  wakeAt(mono: Millis | null, wake: () => void): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (mono === null) return;
    const wait = Math.max(0, Math.ceil(mono - performance.now()));
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (performance.now() < mono) this.wakeAt(mono, wake);
      else wake();
    }, Math.min(wait, LONGEST_TIMER));
  }

  /** Runs after everything that is ready now, so one turn serves many links with one flush. */
  soon(task: () => void): void {
    setImmediate(task);
  }
}
