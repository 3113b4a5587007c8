// One file on a simulated disk: what a process reads, and which of its changes would not survive a
// crash. A crash leaves a prefix of those, the next one perhaps in part. After a flush that failed
// what can be read and what the device holds differ until the bytes are written once more: the
// system takes them for written (ext4 and XFS do), and no later flush brings them to the device.

import type { Zxid } from "../base/ids.ts";
import type { SimRandom } from "./world.ts";

/** What decides what is left of the undurable. */
export type Luck = Pick<SimRandom, "below" | "oneIn">;

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

/** Bytes that grow. */
class Image {
  bytes = new Uint8Array(64);
  length = 0;

  copy(): Image {
    const image = new Image();
    image.bytes = this.bytes.slice();
    image.length = this.length;
    return image;
  }

  equals(other: Image): boolean {
    if (this.length !== other.length) return false;
    for (let i = 0; i < this.length; i++) if (this.bytes[i] !== other.bytes[i]) return false;
    return true;
  }

  apply({ at, bytes, lengthAfter }: Pick<Change, "at" | "bytes" | "lengthAfter">): void {
    this.#reach(lengthAfter);
    if (lengthAfter < this.length) this.bytes.fill(0, lengthAfter, this.length);
    this.length = lengthAfter;
    if (bytes !== null) this.bytes.set(bytes, at);
  }

  takeBack(change: Change): void {
    if (this.length > change.lengthBefore) this.bytes.fill(0, change.lengthBefore, this.length);
    this.#reach(change.lengthBefore);
    this.length = change.lengthBefore;
    this.bytes.set(change.before, change.at);
  }

  #reach(length: number): void {
    if (length <= this.bytes.length) return;
    const wider = new Uint8Array(Math.max(length, this.bytes.length * 2));
    wider.set(this.bytes.subarray(0, this.length));
    this.bytes = wider;
  }
}

export class SimFile {
  /** Oldest first. */
  changes: Change[] = [];
  /** False: the name itself would not survive a crash. */
  isNamed = false;
  /** Of a log: the last transaction that the device held at a flush. */
  tail: Zxid = -1n;
  /** What can be read. */
  #seen = new Image();
  /** What the device holds without the changes; null: the same as can be read without them. */
  #device: Image | null = null;
  #scanned = LOG_HEADER;

  get length(): number {
    return this.#seen.length;
  }

  /** Everything that was changed since is durable: looks at what a log holds from now on. */
  settled(): void {
    if (this.#device !== null) {
      for (const change of this.changes) this.#device.apply(change);
      if (this.#device.equals(this.#seen)) this.#device = null;
      this.rescan();
    }
    this.changes = [];
    this.isNamed = true;
    const { bytes, length: size } = this.#device ?? this.#seen;
    const view = new DataView(bytes.buffer, 0, size);
    let at = this.#scanned;
    while (at + ENTRY_MIN <= size) {
      const length = view.getInt32(at + 8);
      if (length <= 0 || at + length + 13 > size) break;
      if (bytes[at + length + 12] !== ENTRY_END) break;
      this.tail = view.getBigInt64(at + 24);
      at += length + 13;
    }
    this.#scanned = at;
  }

  /** A flush failed: the device has what a crash now would leave, and nobody knows. */
  failed(random: Luck): void {
    if (this.changes.length === 0) return;
    const device = this.#device ?? this.#seen.copy();
    if (this.#device === null) {
      for (let i = this.changes.length - 1; i >= 0; i--) device.takeBack(this.changes[i]);
    }
    this.#applySome(device, random);
    this.changes = [];
    this.#device = device;
  }

  /** What stood here may have changed. */
  rescan(): void {
    this.tail = -1n;
    this.#scanned = LOG_HEADER;
  }

  read(from: number, to: number): Uint8Array {
    return this.#seen.bytes.slice(Math.min(from, this.length), Math.min(to, this.length));
  }

  write(at: number, bytes: Uint8Array): void {
    const end = at + bytes.length;
    const start = Math.min(at, this.length);
    this.#change({
      at: start,
      before: start === this.length ? NOTHING : this.read(start, end),
      lengthBefore: this.length,
      bytes: start === at ? bytes : concatZeros(at - start, bytes),
      lengthAfter: Math.max(end, this.length),
    });
  }

  resize(length: number): void {
    this.#change({
      at: Math.min(length, this.length),
      before: this.read(length, this.length),
      lengthBefore: this.length,
      bytes: null,
      lengthAfter: length,
    });
  }

  /** Turns one bit, on the device as well. */
  rot(at: number, bit: number): void {
    this.#seen.bytes[at] ^= 1 << bit;
    if (this.#device !== null && at < this.#device.length) this.#device.bytes[at] ^= 1 << bit;
    this.rescan();
  }

  #change(change: Change): void {
    this.changes.push(change);
    if (change.at < this.#scanned) this.rescan();
    this.#seen.apply(change);
  }

  /** Leaves what a crash leaves: a prefix of the changes, the next one perhaps in part. */
  crash(random: Luck): boolean {
    const { changes } = this;
    if (changes.length === 0 && this.#device === null) return false;
    if (this.#device !== null) this.#seen = this.#device;
    else for (let i = changes.length - 1; i >= 0; i--) this.#seen.takeBack(changes[i]);
    this.#device = null;
    const isTorn = this.#applySome(this.#seen, random);
    this.rescan();
    this.settled();
    return isTorn;
  }

  #applySome(image: Image, random: Luck): boolean {
    const { changes } = this;
    if (changes.length === 0) return false;
    const kept = random.below(changes.length + 1);
    for (let i = 0; i < kept; i++) image.apply(changes[i]);
    const torn = changes[kept]?.bytes ?? null;
    if (torn === null || torn.length <= 1 || !random.oneIn(2)) return false;
    const { at } = changes[kept];
    const bytes = torn.subarray(0, 1 + random.below(torn.length - 1));
    image.apply({ at, bytes, lengthAfter: Math.max(image.length, at + bytes.length) });
    return true;
  }
}

function concatZeros(zeros: number, bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(zeros + bytes.length);
  whole.set(bytes, zeros);
  return whole;
}
