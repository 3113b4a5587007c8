// Drives one pure machine of lib/zab: events in the order they came, each effect carried out before
// the next event is stepped, and one alarm for the machine's deadline. Roles differ in what their
// effects do, not in this.

import { type Fault, isFault } from "../base/errors.ts";
import type { Clock, Instant, Millis } from "../ports.ts";

export interface Machine<Event, Effect> {
  step(event: Event, now: Instant): Iterable<Effect>;
  /** When it wants to be stepped though nothing happens; null when it does not. */
  readonly deadline: Millis | null;
}

export interface LoopEars<Effect> {
  /** Carries out an effect; what this causes may be stepped from within. */
  perform(effect: Effect): void;
  /** The machine's deadline may have come. */
  woken(): void;
  /** Something happened that a turn must end. */
  busy(): void;
  /** An effect could not be carried out: the machine believes what is not so, and must end. */
  failed(fault: Fault): void;
}

export class MachineLoop<Event, Effect> {
  readonly #machine: Machine<Event, Effect>;
  readonly #clock: Clock;
  readonly #ears: LoopEars<Effect>;
  readonly #events: Event[] = [];
  #isRunning = false;
  #isStepping = false;
  /** When the clock wakes us; null when it does not. */
  #alarm: Millis | null = null;

  constructor(machine: Machine<Event, Effect>, clock: Clock, ears: LoopEars<Effect>) {
    this.#machine = machine;
    this.#clock = clock;
    this.#ears = ears;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  start(): void {
    this.#isRunning = true;
  }

  /** From now on nothing is stepped and nothing is carried out; the clock is free. */
  stop(): void {
    this.#isRunning = false;
    this.#clock.wakeAt(null, () => {});
  }

  step(event: Event, now: Instant = this.#clock.now()): void {
    this.#events.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      this.#drain(now);
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#events.length = 0;
      this.#ears.failed(error);
    } finally {
      this.#isStepping = false;
    }
    if (!this.#isRunning) return;
    this.#arm();
    this.#ears.busy();
  }

  #drain(now: Instant): void {
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
      if (!this.#isRunning) continue;
      for (const effect of this.#machine.step(next, now)) {
        if (this.#isRunning) this.#ears.perform(effect);
      }
    }
  }

  /** Most packets put the deadline off: an alarm that comes too early is cheaper than many new ones. */
  #arm(): void {
    const { deadline } = this.#machine;
    if (deadline === null || (this.#alarm !== null && this.#alarm <= deadline)) return;
    this.#alarm = deadline;
    this.#clock.wakeAt(deadline, this.#wake);
  }

  readonly #wake = (): void => {
    this.#alarm = null;
    this.#ears.woken();
  };
}
