// One file on a simulated disk: what a process reads, and which of its changes would not survive a
// crash. A crash leaves a prefix of those, the next one perhaps in part.

import type { SimRandom } from "./world.ts";
import type { Zxid } from "../base/ids.ts";
/** A change that is not durable yet, and how to take it back. */
interface Change {
  readonly at: number;
  /** What stood at `at` before; shorter than the new bytes when the file grew. */
  readonly before: Uint8Array;
  readonly lengthBefore: number;
  /** Null: a change of length only. */
  readonly bytes: Uint8Array | null;
  readonly lengthAfter: number;
}

/** Bytes before the first entry of a log; checksum, length, and a transaction's header up to its zxid. */
const LOG_HEADER = 16;
const ENTRY_MIN = 32;
const ENTRY_END = 0x42;
const NOTHING = new Uint8Array(0);

export class SimFile {
  bytes = new Uint8Array(64);
  length = 0;
  /** Oldest first. */
  changes: Change[] = [];
  /** False: the name itself would not survive a crash. */
  isNamed = false;
  /** Of a log: the last transaction that was there at a flush. */
  tail: Zxid = -1n;
  #scanned = LOG_HEADER;

  /** Everything is durable: looks at what a log holds from now on. */
  settled(): void {
    this.changes = [];
    this.isNamed = true;
    const view = new DataView(this.bytes.buffer, 0, this.length);
    let at = this.#scanned;
    while (at + ENTRY_MIN <= this.length) {
      const length = view.getInt32(at + 8);
      if (length <= 0 || at + length + 13 > this.length) break;
      if (this.bytes[at + length + 12] !== ENTRY_END) break;
      this.tail = view.getBigInt64(at + 24);
      at += length + 13;
    }
    this.#scanned = at;
  }

  /** What stood here may have changed. */
  rescan(): void {
    this.tail = -1n;
    this.#scanned = LOG_HEADER;
  }

  read(from: number, to: number): Uint8Array {
    return this.bytes.slice(Math.min(from, this.length), Math.min(to, this.length));
  }

  write(at: number, bytes: Uint8Array): void {
    const end = at + bytes.length;
    const start = Math.min(at, this.length);
    const change: Change = {
      at: start,
      before: start === this.length ? NOTHING : this.bytes.slice(start, Math.min(end, this.length)),
      lengthBefore: this.length,
      bytes: start === at ? bytes : concatZeros(at - start, bytes),
      lengthAfter: Math.max(end, this.length),
    };
    this.changes.push(change);
    this.#apply(change);
  }

  resize(length: number): void {
    const change: Change = {
      at: Math.min(length, this.length),
      before: this.bytes.slice(Math.min(length, this.length), this.length),
      lengthBefore: this.length,
      bytes: null,
      lengthAfter: length,
    };
    this.changes.push(change);
    this.#apply(change);
  }

  #apply(change: Change): void {
    this.#reach(change.lengthAfter);
    if (change.at < this.#scanned) this.rescan();
    if (change.lengthAfter < this.length) this.bytes.fill(0, change.lengthAfter, this.length);
    this.length = change.lengthAfter;
    if (change.bytes !== null) this.bytes.set(change.bytes, change.at);
  }

  #takeBack(change: Change): void {
    if (change.at < this.#scanned) this.rescan();
    if (this.length > change.lengthBefore) this.bytes.fill(0, change.lengthBefore, this.length);
    this.#reach(change.lengthBefore);
    this.length = change.lengthBefore;
    this.bytes.set(change.before, change.at);
  }

  /** Leaves what a crash leaves: a prefix of the changes, the next one perhaps in part. */
  crash(random: Pick<SimRandom, "below" | "oneIn">): boolean {
    const { changes } = this;
    if (changes.length === 0) return false;
    for (let i = changes.length - 1; i >= 0; i--) this.#takeBack(changes[i]);
    const kept = random.below(changes.length + 1);
    for (let i = 0; i < kept; i++) this.#apply(changes[i]);
    const torn = changes[kept]?.bytes ?? null;
    let isTorn = false;
    if (torn !== null && torn.length > 1 && random.oneIn(2)) {
      const part = torn.subarray(0, 1 + random.below(torn.length - 1));
      const at = changes[kept].at;
      this.#apply({
        at,
        before: part,
        lengthBefore: this.length,
        bytes: part,
        lengthAfter: Math.max(this.length, at + part.length),
      });
      isTorn = true;
    }
    this.rescan();
    this.settled();
    return isTorn;
  }

  #reach(length: number): void {
    if (length <= this.bytes.length) return;
    const wider = new Uint8Array(Math.max(length, this.bytes.length * 2));
    wider.set(this.bytes.subarray(0, this.length));
    this.bytes = wider;
  }
}

function concatZeros(zeros: number, bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(zeros + bytes.length);
  whole.set(bytes, zeros);
  return whole;
}
