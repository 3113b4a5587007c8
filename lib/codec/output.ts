// Writing Jute: a growing scratch that is filled, handed out once and used again. One scratch per
// connection, one write per step (architecture.md 2): reserve four bytes, write the body, patch.
//
// Must agree with Java's BinaryOutputArchive: text goes out one UTF-16 unit at a time, so a
// character outside the basic plane becomes two three-byte groups (client.md 1.3).

import { Buffer } from "node:buffer";

const START_SIZE = 256;
/** Longer text goes through the runtime's encoder first, which does well while it is ASCII. */
const LONG_TEXT = 48;
/** A scratch that had to hold something huge does not stay huge. */
const KEEP_SIZE = 1 << 20;

/** Writes text as UTF-8 into at most `room` bytes, whole characters only; returns how many bytes. */
type WriteUtf8 = (bytes: Uint8Array, text: string, at: number, room: number) => number;

/** As with reading: the method behind Buffer's write needs no view of the target. */
const write: unknown = Reflect.get(Buffer.prototype, "utf8Write");
const encoder = new TextEncoder();
const writeUtf8: WriteUtf8 = typeof write === "function"
  ? (bytes, text, at, room) => write.call(bytes, text, at, room)
  : (bytes, text, at, room) => encoder.encodeInto(text, bytes.subarray(at, at + room)).written;

export class Output {
  /** What is written to, longer than what was written; for generated writers. */
  bytes: Uint8Array;
  dataView: DataView;
  #size = 0;

  constructor(startSize = START_SIZE) {
    this.bytes = new Uint8Array(startSize);
    this.dataView = new DataView(this.bytes.buffer);
  }

  /** Bytes written since the last reset. */
  get size(): number {
    return this.#size;
  }

  /** Bytes that can be written without growing. */
  get capacity(): number {
    return this.bytes.length;
  }

  byte(value: number): void {
    const at = this.run(1);
    this.bytes[at] = value;
  }

  boolean(value: boolean): void {
    const at = this.run(1);
    this.bytes[at] = value ? 1 : 0;
  }

  int(value: number): void {
    const at = this.run(4);
    this.dataView.setInt32(at, value);
  }

  long(value: bigint): void {
    const at = this.run(8);
    this.dataView.setBigInt64(at, value);
  }

  /** A long given as its two signed words. */
  words(hi: number, lo: number): void {
    const at = this.run(8);
    this.dataView.setInt32(at, hi);
    this.dataView.setInt32(at + 4, lo);
  }

  float(value: number): void {
    const at = this.run(4);
    this.dataView.setFloat32(at, value);
  }

  double(value: number): void {
    const at = this.run(8);
    this.dataView.setFloat64(at, value);
  }

  buffer(value: Uint8Array | null): void {
    if (value === null) return this.int(-1);
    const at = this.run(4 + value.length);
    this.dataView.setInt32(at, value.length);
    this.bytes.set(value, at + 4);
  }

  ustring(value: string | null): void {
    if (value === null) return this.int(-1);
    const length = value.length;
    if (length > LONG_TEXT) {
      // Any unit that is not ASCII takes more bytes than one, and four more are given to show it.
      const at = this.run(4 + length + 4);
      if (writeUtf8(this.bytes, value, at + 4, length + 4) === length) {
        this.dataView.setInt32(at, length);
        this.#size = at + 4 + length;
        return;
      }
      this.#size = at;
    }
    const at = this.run(4 + 3 * length);
    const stop = encodeUnits(value, this.bytes, at + 4);
    this.dataView.setInt32(at, stop - at - 4);
    this.#size = stop;
  }

  vector<T>(items: readonly T[] | null, item: (out: Output, value: T) => void): void {
    if (items === null) return this.int(-1);
    this.int(items.length);
    for (let i = 0; i < items.length; i++) item(this, items[i]);
  }

  /** Bytes as they are, without a length. */
  raw(bytes: Uint8Array): void {
    const at = this.run(bytes.length);
    this.bytes.set(bytes, at);
  }

  /** `bytes[start..end)` as they are, without a length and without a view of their own. */
  rawRange(bytes: Uint8Array, start: number, end: number): void {
    let at = this.run(end - start);
    if (end - start > 128) {
      this.bytes.set(bytes.subarray(start, end), at);
      return;
    }
    const target = this.bytes;
    for (let from = start; from < end; from++) target[at++] = bytes[from];
  }

  /** Leaves room for an int to be patched later; returns its place. */
  reserve(): number {
    return this.run(4);
  }

  /** Writes an int at a place given by {@link reserve}. */
  patch(at: number, value: number): void {
    this.dataView.setInt32(at, value);
  }

  /** Writes at `at` how many bytes have followed it: the length of a frame. */
  patchLength(at: number): void {
    this.dataView.setInt32(at, this.#size - at - 4);
  }

  /** Forgets everything written after `size`. */
  rewind(size: number): void {
    this.#size = size;
  }

  /** What was written, valid until the next write or reset. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.#size);
  }

  /**
   * What was written from `at` on, as a view that stays good for as long as nothing before it is
   * taken back and the scratch is not reset: what follows is written behind it.
   */
  viewFrom(at: number): Uint8Array {
    return this.bytes.subarray(at, this.#size);
  }

  /** A copy of what was written; the scratch starts afresh. */
  take(): Uint8Array {
    const copy = this.bytes.slice(0, this.#size);
    this.reset();
    return copy;
  }

  /**
   * What was written, given away without a copy; the scratch starts afresh with new memory. For
   * bytes that a socket keeps until they are sent.
   */
  give(): Uint8Array {
    const bytes = this.bytes.subarray(0, this.#size);
    this.#allocate(START_SIZE);
    this.#size = 0;
    return bytes;
  }

  reset(): void {
    this.#size = 0;
    if (this.bytes.length > KEEP_SIZE) this.#allocate(START_SIZE);
  }

  /**
   * Makes room for `count` bytes and returns where they are; the caller writes all of them. For
   * generated writers: one check for a run of fields.
   */
  run(count: number): number {
    const at = this.#size;
    const size = at + count;
    if (size > this.bytes.length) this.#grow(size);
    this.#size = size;
    return at;
  }

  #grow(size: number): void {
    const old = this.bytes;
    this.#allocate(Math.max(size, old.length * 2));
    this.bytes.set(old.subarray(0, this.#size));
  }

  #allocate(size: number): void {
    this.bytes = new Uint8Array(size);
    this.dataView = new DataView(this.bytes.buffer);
  }
}

/** Writes text one UTF-16 unit at a time from `at` on; returns the index after the last byte. */
export function encodeUnits(text: string, bytes: Uint8Array, at: number): number {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) {
      bytes[at++] = unit;
    } else if (unit < 0x800) {
      bytes[at++] = 0xc0 | (unit >> 6);
      bytes[at++] = 0x80 | (unit & 0x3f);
    } else {
      bytes[at++] = 0xe0 | (unit >> 12);
      bytes[at++] = 0x80 | ((unit >> 6) & 0x3f);
      bytes[at++] = 0x80 | (unit & 0x3f);
    }
  }
  return at;
}
