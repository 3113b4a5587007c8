// Reading Jute: a cursor over one Uint8Array and one DataView (client.md 1). Everything is
// big-endian. A record that ends too early is a Fault "SHORT", never a RangeError from a view; a
// length that cannot be is a Fault "LENGTH" and allocates nothing.
//
// Must agree with Java's BinaryInputArchive, and for text with its UTF-8 decoder (client.md 1.3).

import { Buffer } from "node:buffer";
import { assert } from "../base/assert.ts";
import { Fault } from "../base/errors.ts";

/**
 * Up to this many bytes a loop over characters beats a call into the runtime. Longer texts would
 * also come out as ropes, which cost again when they are looked up.
 */
const SHORT_TEXT = 12;

export class Input {
  bytes: Uint8Array;
  /** Over the whole memory that `bytes` is a view of; kept while frames of one chunk are read. */
  dataView: DataView;
  /** Where `bytes` starts in that memory. */
  #base: number;
  /** Index of the next byte. */
  at: number;
  /** Index after the last byte that may be read. */
  end: number;
  /** Longest buffer or string that is believed, in bytes (`jute.maxbuffer` and its extra). */
  limit: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length, limit = 0x7fffffff) {
    assert(end <= bytes.length, "an input ends within its bytes");
    this.bytes = bytes;
    this.dataView = new DataView(bytes.buffer);
    this.#base = bytes.byteOffset;
    this.at = start;
    this.end = end;
    this.limit = limit;
  }

  /** Turns this cursor to other bytes; the view is kept when they share a chunk. */
  reset(bytes: Uint8Array, start = 0, end = bytes.length): this {
    assert(end <= bytes.length, "an input ends within its bytes");
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.#base = bytes.byteOffset;
      if (bytes.buffer !== this.dataView.buffer) this.dataView = new DataView(bytes.buffer);
    }
    this.at = start;
    this.end = end;
    return this;
  }

  get left(): number {
    return this.end - this.at;
  }

  byte(): number {
    const at = this.at;
    if (at + 1 > this.end) this.#short(1);
    this.at = at + 1;
    return (this.bytes[at] << 24) >> 24;
  }

  /** Any non-zero byte is true. */
  boolean(): boolean {
    const at = this.at;
    if (at + 1 > this.end) this.#short(1);
    this.at = at + 1;
    return this.bytes[at] !== 0;
  }

  int(): number {
    return this.dataView.getInt32(this.run(4));
  }

  long(): bigint {
    return this.dataView.getBigInt64(this.run(8));
  }

  /** Skips a long and says whether its two signed words are these; builds no bigint. */
  longIs(hi: number, lo: number): boolean {
    const at = this.run(8);
    return this.dataView.getInt32(at) === hi && this.dataView.getInt32(at + 4) === lo;
  }

  float(): number {
    return this.dataView.getFloat32(this.run(4));
  }

  double(): number {
    return this.dataView.getFloat64(this.run(8));
  }

  /**
   * Skips fixed fields of `length` bytes together; returns where they are in {@link dataView}. For
   * generated readers: one check for a run of fields.
   */
  run(length: number): number {
    const at = this.at;
    if (at + length > this.end) this.#short(length);
    this.at = at + length;
    return at + this.#base;
  }

  /** A view into this input's bytes, not a copy: whoever keeps it copies it. */
  buffer(): Uint8Array | null {
    const length = this.#length("buffer");
    if (length < 0) return null;
    const at = this.at;
    this.at = at + length;
    return this.bytes.subarray(at, at + length);
  }

  ustring(): string | null {
    const length = this.#length("string");
    if (length < 0) return null;
    const at = this.at;
    this.at = at + length;
    return decodeText(this.bytes, at, at + length);
  }

  /** Item count of a vector: −1 for null; any other negative count reads as empty. */
  count(): number {
    const count = this.int();
    return count === -1 ? -1 : count < 0 ? 0 : count;
  }

  vector<T>(item: (input: Input) => T): T[] | null {
    const count = this.count();
    if (count < 0) return null;
    const items: T[] = []; // grows as items arrive: a hostile count allocates nothing
    for (let i = 0; i < count; i++) items.push(item(this));
    return items;
  }

  /** `length` bytes as a view, or a Fault when there are fewer. */
  take(length: number): Uint8Array {
    const at = this.at;
    if (length > this.end - at) this.#short(length);
    this.at = at + length;
    return this.bytes.subarray(at, at + length);
  }

  #length(what: string): number {
    const start = this.at;
    const length = this.int();
    if (length === -1) return -1;
    if (length < 0 || length > this.limit) {
      this.at = start;
      throw new Fault("LENGTH", `Unreasonable length = ${length} of a ${what}`, {
        where: `byte ${start}`,
        length,
        limit: this.limit,
      });
    }
    if (length > this.end - this.at) this.#short(length);
    return length;
  }

  #short(need: number): never {
    throw new Fault("SHORT", `the record ends ${need - this.left} bytes too early`, {
      where: `byte ${this.at} of ${this.end}`,
      need,
      left: this.left,
    });
  }
}

/** Text of `bytes[start..end)` as Java decodes it: UTF-8, malformed parts become U+FFFD. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= SHORT_TEXT) {
    const text = decodeShort(bytes, start, end);
    if (text !== null) return text;
  }
  const text = decodeUtf8(bytes, start, end);
  // Only malformed bytes, or U+FFFD itself, can hold what Java reads in another way.
  return text.includes("\ufffd") ? decodeWithSurrogates(bytes, start, end) : text;
}

/** ASCII, four at a time; null when it is not. */
function decodeShort(bytes: Uint8Array, start: number, end: number): string | null {
  let text = "";
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const a = bytes[at];
    const b = bytes[at + 1];
    const c = bytes[at + 2];
    const d = bytes[at + 3];
    if ((a | b | c | d) >= 0x80) return null;
    text += String.fromCharCode(a, b, c, d);
  }
  for (; at < end; at++) {
    const c = bytes[at];
    if (c >= 0x80) return null;
    text += String.fromCharCode(c);
  }
  return text;
}

/**
 * Both runtimes have this method behind Buffer's toString, and there it needs no Buffer around the
 * bytes, which would cost as much as the decoding.
 */
const slice: unknown = Reflect.get(Buffer.prototype, "utf8Slice");
const decodeUtf8 = typeof slice === "function"
  ? (bytes: Uint8Array, start: number, end: number): string => slice.call(bytes, start, end)
  : (bytes: Uint8Array, start: number, end: number): string =>
    Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8");

/**
 * An encoded surrogate (ED A0..BF, with or without its third byte) is one U+FFFD in Java and one
 * per byte in our runtimes (client.md 1.3), so such sequences are taken out before decoding.
 */
function decodeWithSurrogates(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  let from = start;
  let at = start;
  while (at < end) {
    const second = at + 1 < end ? bytes[at + 1] : 0;
    if (bytes[at] !== 0xed || second < 0xa0 || second > 0xbf) {
      at += 1;
      continue;
    }
    text += decodeUtf8(bytes, from, at) + "\ufffd";
    at += at + 2 < end && (bytes[at + 2] & 0xc0) === 0x80 ? 3 : 2;
    from = at;
  }
  return text + decodeUtf8(bytes, from, end);
}
