// What one process has open by one path: its calls, one after the other, and the file that they go
// to. The file stays the same while it is open, whatever has the path meanwhile, as a handle does:
// what is written into a file that was removed is seen by nobody, and nobody is told.

import type { Fault } from "../base/errors.ts";
import type { Done, Millis } from "../ports.ts";
import type { SimFile } from "./file.ts";
import type { Life } from "./world.ts";

/** Does its work at once; says how long that takes and what went wrong. */
export type Call = (open: OpenFile) => { readonly takes: Millis; readonly fault: Fault | null };

export interface CallKind {
  /** Waits while the storage holds flushes back. */
  readonly isFlush?: boolean;
  /** Also behind a call that failed. */
  readonly always?: boolean;
}

/** What a call asks the storage before it begins. */
interface Gate {
  /** Throws when the process dies here. */
  called(): void;
  /** Whether a flush must wait; then `look` is called when it need not any more. */
  isHeld(look: () => void): boolean;
}

interface Waiting extends CallKind {
  readonly call: Call;
  readonly done: Done | undefined;
}

export class OpenFile {
  /** Null: not open; the next call opens what has the path by then. */
  file: SimFile | null = null;
  readonly #life: Life;
  readonly #gate: Gate;
  readonly #waiting: Waiting[] = [];
  #isBusy = false;
  #fault: Fault | null = null;

  constructor(life: Life, gate: Gate) {
    this.#life = life;
    this.#gate = gate;
  }

  submit(call: Call, done?: Done, kind: CallKind = {}): void {
    this.#waiting.push({ call, done, ...kind });
    this.#next();
  }

  /** Closes it, behind the calls so far. */
  release(): void {
    this.submit(
      () => {
        this.#fault = null;
        this.file = null;
        return { takes: 0, fault: null };
      },
      undefined,
      { always: true },
    );
  }

  readonly #next = (): void => {
    const next = this.#waiting[0];
    if (this.#isBusy || next === undefined) return;
    if (next.isFlush && this.#gate.isHeld(this.#next)) return;
    this.#isBusy = true;
    this.#waiting.shift();
    // The work happens at the start of its time, its end is heard of later: a crash in between
    // leaves a flush done that nobody has heard of, as on a real disk.
    this.#life.after(0, () => {
      this.#gate.called();
      const { takes, fault } = next.always || this.#fault === null
        ? next.call(this)
        : { takes: 0, fault: this.#fault };
      if (fault !== null) this.#fault ??= fault;
      this.#life.after(takes, () => {
        this.#isBusy = false;
        next.done?.(fault);
        this.#next();
      });
    });
  };
}
