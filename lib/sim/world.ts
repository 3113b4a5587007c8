// Virtual time: one heap of events, seeded randomness with a stream per concern (so that one more
// draw in one does not shift the others), and a running hash of everything that happened. The same
// seed gives the same hash on every runtime.

import type { Clock, Instant, Level, Millis, Random, Trace } from "../ports.ts";
import { Agenda, type Due } from "./agenda.ts";

/** sfc32: small, fast, and the same on every runtime. */
export class SimRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, stream: string) {
    const mixed = hashText(hashText(0x811c9dc5, `${seed}`), stream);
    this.#a = mixed;
    this.#b = Math.imul(mixed ^ 0x9e3779b9, 0x85ebca6b);
    this.#c = Math.imul(seed | 0, 0xc2b2ae35) ^ 0x27d4eb2f;
    for (let i = 0; i < 12; i++) this.#next();
  }

  below(n: number, _why = ""): number {
    return Math.floor(this.#next() / 0x100000000 * n);
  }

  bytes(n: number, why = ""): Uint8Array {
    return Uint8Array.from({ length: n }, () => this.below(256, why));
  }

  /** True once in `n` on average. */
  oneIn(n: number): boolean {
    return n > 0 && this.below(n) === 0;
  }

  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }

  #next(): number {
    const t = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t | 0;
    return t >>> 0;
  }
}

function hashText(hash: number, text: string): number {
  let h = hash;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

/** How many lines of the trace are kept for a report. */
const LINES_KEPT = 4000;

export class World {
  readonly seed: number;
  /** Virtual milliseconds since the start. */
  now: Millis = 0;
  /** Events run. */
  steps = 0;
  /** Told of every line of the trace, when set. */
  ear: ((line: string) => void) | null = null;
  /** The life that acted last. */
  actor: Life | null = null;
  /** How often each kind of thing happened. */
  readonly coverage = new Map<string, number>();
  readonly #agenda = new Agenda();
  readonly #streams = new Map<string, SimRandom>();
  readonly #lines: string[] = [];
  #hashHigh = 0x811c9dc5;
  #hashLow = 0x9e3779b9;

  constructor(seed: number) {
    this.seed = seed;
  }

  random(concern: string): SimRandom {
    let stream = this.#streams.get(concern);
    if (stream === undefined) {
      stream = new SimRandom(this.seed, concern);
      this.#streams.set(concern, stream);
    }
    return stream;
  }

  /** Runs `task` after `delay` ms, in a life when one is given. */
  after(delay: Millis, task: () => void, life: Life | null = null): Due {
    return this.#agenda.push(this.now, delay, life, task);
  }

  /** At an instant, or at once when that is past. */
  at(instant: Millis, task: () => void): Due {
    return this.#agenda.pushAt(this.now, instant, null, task);
  }

  /** Runs the next event; false when there is none. */
  step(): boolean {
    const due = this.#agenda.pop();
    if (due === null) return false;
    const { task, runner } = due;
    if (task === null) return true;
    this.now = due.at;
    this.steps += 1;
    if (runner === null) task();
    else runner.run(task);
    return true;
  }

  runUntil(time: Millis): void {
    for (;;) {
      const next = this.#agenda.nextAt();
      if (next === null || next > time) break;
      this.step();
    }
    this.now = Math.max(this.now, time);
  }

  /** Runs until `claim` holds, at most `within` ms; false when it did not. */
  runFor(within: Millis, claim: () => boolean): boolean {
    const end = this.now + within;
    while (!claim()) {
      const next = this.#agenda.nextAt();
      if (next === null || next > end) return claim();
      this.step();
    }
    return true;
  }

  count(what: string): void {
    this.coverage.set(what, (this.coverage.get(what) ?? 0) + 1);
  }

  /** Numbers that are part of the story but no line of it. */
  mix(a: number, b: number): void {
    this.#hashHigh = Math.imul(this.#hashHigh ^ a, 0x01000193);
    this.#hashLow = Math.imul(this.#hashLow ^ b ^ (this.#hashHigh >>> 15), 0x85ebca6b);
  }

  note(who: string, what: string, detail: Readonly<Record<string, unknown>> = {}): void {
    let line = `${Math.round(this.now * 1000)} ${who} ${what}`;
    for (const key in detail) line += ` ${key}=${String(detail[key])}`;
    this.#hashHigh = hashText(this.#hashHigh, line);
    this.#hashLow = hashText(this.#hashLow ^ this.#hashHigh, what);
    this.#lines.push(line);
    if (this.#lines.length > 2 * LINES_KEPT) this.#lines.splice(0, LINES_KEPT);
    this.ear?.(line);
  }

  /** The newest lines of the trace. */
  tail(count: number): string[] {
    return this.#lines.slice(-count);
  }

  /** Sixteen hex digits that stand for the whole story so far. */
  hash(): string {
    const part = (word: number): string => (word >>> 0).toString(16).padStart(8, "0");
    return part(this.#hashHigh) + part(this.#hashLow);
  }
}

/** Unwinds a process that died in the middle of a call. */
export class ProcessEnded extends Error {
  override readonly name = "ProcessEnded";
}

/**
 * One life of one server: from its start to its crash or stop. Whatever reaches it goes through
 * here, so that nothing is heard by the dead, and a paused process hears it when it goes on.
 */
export class Life {
  readonly world: World;
  readonly name: string;
  isAlive = true;
  /** Told what nobody caught, as a process is before it ends; false: it is not to be borne. */
  uncaught: (error: unknown) => boolean = () => false;
  #paused: (() => void)[] | null = null;

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
  }

  get isPaused(): boolean {
    return this.#paused !== null;
  }

  /** Runs `task` in this life after `delay`. */
  after(delay: Millis, task: () => void): Due {
    return this.world.after(delay, task, this);
  }

  run(task: () => void): void {
    if (!this.isAlive) return;
    if (this.#paused !== null) {
      this.#paused.push(task);
      return;
    }
    this.world.actor = this;
    try {
      task();
    } catch (error) {
      if (error instanceof ProcessEnded && !this.isAlive) return;
      if (!this.uncaught(error)) throw error;
    }
  }

  pause(): void {
    this.#paused ??= [];
  }

  resume(): void {
    const waiting = this.#paused ?? [];
    this.#paused = null;
    // In order, but each on its own: one of them may end this life or pause it again.
    for (const task of waiting) this.after(0, task);
  }

  end(): void {
    this.isAlive = false;
    this.#paused = null;
  }
}

/** Wall clock of one server: off by some, and it may jump. Monotonic time is the world's. */
export interface WallClock {
  offset: Millis;
}

/** 2026-01-01, so that times in traces look like times. */
const WALL_START: Millis = 1_767_225_600_000;

export class SimClock implements Clock {
  readonly #life: Life;
  readonly #wall: WallClock;
  #wanted: Millis | null = null;
  #wake: () => void = () => {};
  /** When the event that is under way comes; it may come early and be sent on. */
  #due: Due | null = null;

  constructor(life: Life, wall: WallClock) {
    this.#life = life;
    this.#wall = wall;
  }

  now(): Instant {
    const { now } = this.#life.world;
    return { mono: now, wall: Math.floor(WALL_START + now + this.#wall.offset) };
  }

  wakeAt(mono: Millis | null, wake: () => void): void {
    this.#wanted = mono;
    this.#wake = wake;
    if (mono === null) return;
    // Alarms move on all the time: the event that is there is left to find out when it comes.
    if (this.#due !== null && this.#due.at <= mono) return;
    this.#due?.cancel();
    this.#arm(Math.max(mono, this.#life.world.now));
  }

  soon(task: () => void): void {
    this.#life.after(0, task);
  }

  #arm(at: Millis): void {
    this.#due = this.#life.after(at - this.#life.world.now, this.#ring);
  }

  readonly #ring = (): void => {
    this.#due = null;
    const wanted = this.#wanted;
    if (wanted === null) return;
    if (wanted > this.#life.world.now) return this.#arm(wanted);
    this.#wanted = null;
    this.#wake();
  };
}

/** A server's own trace: its lines are part of the world's. */
export class SimTrace implements Trace {
  readonly #life: Life;
  readonly #isLogged: boolean;

  constructor(life: Life, isLogged = true) {
    this.#life = life;
    this.#isLogged = isLogged;
  }

  note(
    level: Level,
    area: string,
    text: string,
    detail: Readonly<Record<string, unknown>> = {},
  ): void {
    if (!this.#isLogged || level === "debug") return;
    this.#life.world.note(this.#life.name, `${level} ${area}: ${text}`, detail);
  }
}
