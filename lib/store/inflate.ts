// Unpacks gzip and raw deflate (RFC 1951, 1952) a piece at a time and synchronously. The runtime
// offers either streams with callbacks or whole buffers; a snapshot may be larger than memory, and
// recovery is a plain call, so it is done here. Several members in a row are one stream, as for
// Java's GZIPInputStream.

import { crc32, CRC32_START } from "../base/crc32.ts";
import { Fault } from "../base/errors.ts";
import type { Source } from "./window.ts";

const WINDOW = 1 << 15;
/** Unpacked bytes per piece; the window of the last 32 KiB stays in front of them. */
const PIECE = 1 << 17;
const LONGEST_COPY = 258;

/** Bits looked up at once; longer codes are walked bit by bit. */
const FAST_BITS = 10;

/** Canonical Huffman code: a table for short codes, counts and symbols for all. */
interface Code {
  /** By the next FAST_BITS bits: symbol << 4 | length, or 0 when the code is longer. */
  readonly fast: Uint16Array;
  readonly counts: Uint16Array;
  readonly symbols: Uint16Array;
}

const LENGTH_BASE = [
  ...[3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31],
  ...[35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258],
];
const LENGTH_EXTRA = [
  ...[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2],
  ...[3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0],
];
const DISTANCE_BASE = [
  ...[1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193],
  ...[257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577],
];
const DISTANCE_EXTRA = [
  ...[0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6],
  ...[7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13],
];
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

const FIXED_LITERALS = makeCode(
  Uint8Array.from({ length: 288 }, (_, i) => i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8),
);
const FIXED_DISTANCES = makeCode(new Uint8Array(30).fill(5));

/** A source of the unpacked bytes of a gzip stream. Faults: CORRUPT with what is wrong. */
export function gunzipSource(packed: Source): Source {
  const inflate = new Gunzip(packed);
  return () => inflate.piece();
}

class Gunzip {
  readonly #source: Source;
  #input: Uint8Array = new Uint8Array(0);
  #at = 0;
  #bits = 0;
  #bitCount = 0;
  #output = new Uint8Array(WINDOW + PIECE + LONGEST_COPY);
  /** Place of writing, and where the bytes begin that were not handed out. */
  #end = 0;
  #start = 0;
  #crc = CRC32_START;
  #size = 0;
  #state: "header" | "block" | "stored" | "codes" | "end" = "header";
  #isLastBlock = false;
  #stored = 0;
  #literals = FIXED_LITERALS;
  #distances = FIXED_DISTANCES;

  constructor(source: Source) {
    this.#source = source;
  }

  piece(): Uint8Array | null {
    while (this.#state !== "end" && this.#end - this.#start < PIECE) this.#step();
    if (this.#end === this.#start) return null;
    const piece = this.#output.slice(this.#start, this.#end);
    this.#sum();
    const kept = Math.min(this.#end, WINDOW);
    this.#output.copyWithin(0, this.#end - kept, this.#end);
    this.#end = kept;
    this.#start = kept;
    this.#summed = kept;
    return piece;
  }

  #summed = 0;

  #sum(): void {
    this.#crc = crc32(this.#crc, this.#output, this.#summed, this.#end);
    this.#size = (this.#size + this.#end - this.#summed) >>> 0;
    this.#summed = this.#end;
  }

  #step(): void {
    switch (this.#state) {
      case "header":
        return this.#header();
      case "block":
        return this.#isLastBlock ? this.#trailer() : this.#block();
      case "stored":
        return this.#copyStored();
      case "codes":
        return this.#codes();
      case "end":
        return;
    }
  }

  #header(): void {
    if (this.#byte() !== 0x1f || this.#byte() !== 0x8b) throw damaged("no gzip header");
    if (this.#byte() !== 8) throw damaged("an unknown method of packing");
    const flags = this.#byte();
    for (let i = 0; i < 6; i++) this.#byte();
    if (flags & 4) {
      for (let left = this.#byte() | (this.#byte() << 8); left > 0; left--) this.#byte();
    }
    if (flags & 8) { while (this.#byte() !== 0); }
    if (flags & 16) { while (this.#byte() !== 0); }
    if (flags & 2) { for (let i = 0; i < 2; i++) this.#byte(); }
    this.#state = "block";
    this.#isLastBlock = false;
    this.#crc = CRC32_START;
    this.#size = 0;
    this.#summed = this.#end;
  }

  #trailer(): void {
    this.#sum();
    this.#dropBits();
    const crc = (this.#byte() | (this.#byte() << 8) | (this.#byte() << 16) |
      (this.#byte() << 24)) >>> 0;
    const size = (this.#byte() | (this.#byte() << 8) | (this.#byte() << 16) |
      (this.#byte() << 24)) >>> 0;
    if (crc !== this.#crc) throw damaged("a gzip checksum that differs");
    if (size !== this.#size) throw damaged("a gzip length that differs");
    this.#state = this.#isAtEnd() ? "end" : "header";
  }

  #block(): void {
    this.#isLastBlock = this.#take(1) === 1;
    switch (this.#take(2)) {
      case 0: {
        this.#dropBits();
        const length = this.#byte() | (this.#byte() << 8);
        const check = this.#byte() | (this.#byte() << 8);
        if ((length ^ check) !== 0xffff) throw damaged("a stored block whose length differs");
        this.#stored = length;
        this.#state = "stored";
        return;
      }
      case 1:
        this.#literals = FIXED_LITERALS;
        this.#distances = FIXED_DISTANCES;
        this.#state = "codes";
        return;
      case 2:
        this.#readCodes();
        this.#state = "codes";
        return;
      default:
        throw damaged("an unknown kind of block");
    }
  }

  #copyStored(): void {
    const room = this.#output.length - this.#end;
    if (this.#stored > 0 && this.#at === this.#input.length) this.#refill();
    const count = Math.min(this.#stored, room, this.#input.length - this.#at);
    this.#output.set(this.#input.subarray(this.#at, this.#at + count), this.#end);
    this.#at += count;
    this.#end += count;
    this.#stored -= count;
    if (this.#stored === 0) this.#state = "block";
  }

  #codes(): void {
    const output = this.#output;
    const limit = this.#start + PIECE;
    while (this.#end < limit) {
      const symbol = this.#symbol(this.#literals);
      if (symbol < 256) {
        output[this.#end++] = symbol;
        continue;
      }
      if (symbol === 256) {
        this.#state = "block";
        return;
      }
      const index = symbol - 257;
      if (index >= LENGTH_BASE.length) throw damaged("an unknown length code");
      const length = LENGTH_BASE[index] + this.#take(LENGTH_EXTRA[index]);
      const far = this.#symbol(this.#distances);
      if (far >= DISTANCE_BASE.length) throw damaged("an unknown distance code");
      const distance = DISTANCE_BASE[far] + this.#take(DISTANCE_EXTRA[far]);
      let from = this.#end - distance;
      if (from < 0) throw damaged("a distance before the beginning");
      const stop = from + length;
      let to = this.#end;
      while (from < stop) output[to++] = output[from++];
      this.#end = to;
    }
  }

  #readCodes(): void {
    const literalCount = this.#take(5) + 257;
    const distanceCount = this.#take(5) + 1;
    const orderCount = this.#take(4) + 4;
    const orderLengths = new Uint8Array(19);
    for (let i = 0; i < orderCount; i++) orderLengths[ORDER[i]] = this.#take(3);
    const code = makeCode(orderLengths);
    const lengths = new Uint8Array(literalCount + distanceCount);
    for (let at = 0; at < lengths.length;) {
      const symbol = this.#symbol(code);
      if (symbol < 16) {
        lengths[at++] = symbol;
        continue;
      }
      if (symbol === 16 && at === 0) throw damaged("a repeated length before the first");
      const value = symbol === 16 ? lengths[at - 1] : 0;
      const times = symbol === 16
        ? 3 + this.#take(2)
        : symbol === 17
        ? 3 + this.#take(3)
        : 11 + this.#take(7);
      if (at + times > lengths.length) throw damaged("too many code lengths");
      lengths.fill(value, at, at + times);
      at += times;
    }
    this.#literals = makeCode(lengths.subarray(0, literalCount));
    this.#distances = makeCode(lengths.subarray(literalCount));
  }

  #symbol(code: Code): number {
    while (this.#bitCount < 15) {
      if (this.#at === this.#input.length && !this.#refillOrZero()) break;
      this.#bits |= this.#input[this.#at++] << this.#bitCount;
      this.#bitCount += 8;
    }
    const found = code.fast[this.#bits & ((1 << FAST_BITS) - 1)];
    if (found !== 0) {
      const length = found & 15;
      if (length > this.#bitCount) throw damaged("the packed bytes end too early");
      this.#bits >>>= length;
      this.#bitCount -= length;
      return found >>> 4;
    }
    return this.#longSymbol(code);
  }

  #longSymbol(code: Code): number {
    let value = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length < 16; length++) {
      value |= this.#take(1);
      const count = code.counts[length];
      if (value - first < count) return code.symbols[index + value - first];
      index += count;
      first = (first + count) << 1;
      value <<= 1;
    }
    throw damaged("a code that nothing stands for");
  }

  #take(count: number): number {
    while (this.#bitCount < count) {
      this.#bits |= this.#inputByte() << this.#bitCount;
      this.#bitCount += 8;
    }
    const value = this.#bits & ((1 << count) - 1);
    this.#bits >>>= count;
    this.#bitCount -= count;
    return value;
  }

  /** The rest of a byte is skipped; whole bytes read ahead are given back. */
  #dropBits(): void {
    const rest = this.#bitCount & 7;
    this.#bits >>>= rest;
    this.#bitCount -= rest;
    this.#unread();
  }

  /** Bytes that are in the bit buffer go back in front of the input. */
  #unread(): void {
    const count = this.#bitCount >> 3;
    if (count === 0) return;
    const ahead = new Uint8Array(count + this.#input.length - this.#at);
    for (let i = 0; i < count; i++) ahead[i] = (this.#bits >>> (8 * i)) & 0xff;
    ahead.set(this.#input.subarray(this.#at), count);
    this.#input = ahead;
    this.#at = 0;
    this.#bits = 0;
    this.#bitCount = 0;
  }

  #byte(): number {
    return this.#bitCount >= 8 ? this.#take(8) : this.#inputByte();
  }

  #inputByte(): number {
    if (this.#at === this.#input.length) this.#refill();
    return this.#input[this.#at++];
  }

  #refill(): void {
    if (!this.#refillOrZero()) throw damaged("the packed bytes end too early");
  }

  #refillOrZero(): boolean {
    const piece = this.#source();
    if (piece === null) return false;
    this.#input = piece;
    this.#at = 0;
    return true;
  }

  #isAtEnd(): boolean {
    return this.#at === this.#input.length && !this.#refillOrZero();
  }
}

function makeCode(lengths: Uint8Array): Code {
  const counts = new Uint16Array(16);
  for (const length of lengths) counts[length] += 1;
  counts[0] = 0;
  const offsets = new Uint16Array(16);
  const next = new Uint16Array(16);
  let left = 1;
  for (let length = 1; length < 16; length++) {
    left = left * 2 - counts[length];
    if (left < 0) throw damaged("code lengths that cannot be");
    if (length < 15) offsets[length + 1] = offsets[length] + counts[length];
    next[length] = length === 1 ? 0 : (next[length - 1] + counts[length - 1]) << 1;
  }
  const symbols = new Uint16Array(lengths.length);
  const fast = new Uint16Array(1 << FAST_BITS);
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    const length = lengths[symbol];
    if (length === 0) continue;
    symbols[offsets[length]++] = symbol;
    const value = next[length]++;
    if (length > FAST_BITS) continue;
    // Codes are packed from their highest bit on, everything else from its lowest.
    let reversed = 0;
    for (let bit = 0; bit < length; bit++) reversed |= ((value >> bit) & 1) << (length - 1 - bit);
    for (let i = reversed; i < fast.length; i += 1 << length) fast[i] = (symbol << 4) | length;
  }
  return { fast, counts, symbols };
}

const damaged = (what: string): Fault => new Fault("CORRUPT", `damaged gzip stream: ${what}`);
