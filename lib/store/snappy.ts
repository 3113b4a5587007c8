// Snappy as snappy-java streams it: a 16-byte header, then chunks of a length and a raw block of up
// to 32 KiB unpacked (storage.md 4.3). Both directions are written here after the format's public
// description. Must agree with SnappyInputStream and SnappyOutputStream.

import { Fault } from "../base/errors.ts";
import { type Source, Window } from "./window.ts";

export const SNAPPY_MAGIC = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00);
const HEADER_SIZE = 16;
/** First word of the header, which may come again where streams were joined. */
const MAGIC_WORD = 0x82534e41 | 0;
const BLOCK = 1 << 15;
const HASH_BITS = 12;
const SHORTEST_COPY = 4;

/** The header of a stream that a version 1 reader understands. */
export function snappyHeader(): Uint8Array {
  const header = new Uint8Array(HEADER_SIZE);
  header.set(SNAPPY_MAGIC);
  header[11] = 1;
  header[15] = 1;
  return header;
}

/** A source of the unpacked bytes. Faults: CORRUPT with what is wrong. */
export function unsnappySource(packed: Source): Source {
  const window = new Window(packed);
  if (!window.has(HEADER_SIZE)) throw damaged("the stream ends inside its header");
  if (SNAPPY_MAGIC.some((byte, i) => byte !== window.bytes[i])) throw damaged("no stream header");
  if (window.int(12) > 1) throw damaged(`a stream for version ${window.int(12)} and later`);
  window.at += HEADER_SIZE;
  return () => {
    while (window.has(4)) {
      const length = window.int();
      if (length === MAGIC_WORD) {
        if (!window.has(HEADER_SIZE)) throw damaged("the stream ends inside its header");
        window.at += HEADER_SIZE;
        continue;
      }
      if (length < 0) throw damaged(`a chunk with length ${length}`);
      window.at += 4;
      if (!window.has(length)) throw damaged("the stream ends inside a chunk");
      const block = decodeBlock(window.bytes, window.at, window.at + length);
      window.at += length;
      if (block.length > 0) return block;
    }
    if (window.left > 0) throw damaged("the stream ends inside a chunk");
    return null;
  };
}

/** Packs bytes as chunks, without the stream's header; pieces may be joined one after another. */
export function snappyChunks(bytes: Uint8Array): Uint8Array {
  const packed = new Uint8Array(longestOf(bytes.length));
  const view = new DataView(packed.buffer);
  const table = new Int32Array(1 << HASH_BITS);
  let at = 0;
  for (let start = 0; start < bytes.length; start += BLOCK) {
    const stop = encodeBlock(
      bytes,
      start,
      Math.min(start + BLOCK, bytes.length),
      packed,
      at + 4,
      table,
    );
    view.setInt32(at, stop - at - 4);
    at = stop;
  }
  return packed.subarray(0, at);
}

const longestOf = (length: number): number =>
  length + Math.ceil(length / 6) + 40 * (1 + Math.ceil(length / BLOCK));

/** Unpacks one raw block. */
export function decodeBlock(bytes: Uint8Array, from: number, end: number): Uint8Array {
  let at = from;
  let size = 0;
  for (let shift = 0;; shift += 7) {
    if (at >= end || shift > 28) throw damaged("a block without its length");
    const byte = bytes[at++];
    size += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  // A byte of a copy gives 64 at most, so a length that cannot be reached allocates nothing.
  if (size > (end - at) * 64) throw damaged("a block whose length cannot be");
  const out = new Uint8Array(size);
  let to = 0;
  while (at < end) {
    const tag = bytes[at++];
    if ((tag & 3) === 0) {
      let length = tag >> 2;
      if (length >= 60) {
        const count = length - 59;
        length = littleEndian(bytes, at, count, end);
        at += count;
      }
      length += 1;
      if (length > end - at || length > size - to) throw damaged("a literal that is too long");
      if (length > 32) out.set(bytes.subarray(at, at + length), to);
      else for (let i = 0; i < length; i++) out[to + i] = bytes[at + i];
      at += length;
      to += length;
      continue;
    }
    const kind = tag & 3;
    const length = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const offsetSize = kind === 3 ? 4 : kind;
    const low = littleEndian(bytes, at, offsetSize, end);
    const offset = kind === 1 ? ((tag >> 5) << 8) | low : low;
    at += offsetSize;
    if (offset === 0 || offset > to || length > size - to) throw damaged("a copy from nowhere");
    for (let i = 0; i < length; i++, to++) out[to] = out[to - offset];
  }
  if (to !== size) throw damaged("a block that ends too early");
  return out;
}

function littleEndian(bytes: Uint8Array, at: number, count: number, end: number): number {
  if (at + count > end) throw damaged("a block that ends too early");
  let value = 0;
  for (let i = count - 1; i >= 0; i--) value = value * 256 + bytes[at + i];
  return value;
}

/** Packs `bytes[start..end)`, at most 32 KiB, as one raw block; returns the place after it. */
function encodeBlock(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  to: number,
  table: Int32Array,
): number {
  to = writeVarint(out, to, end - start);
  table.fill(-1);
  let literal = start;
  let at = start;
  let misses = 32; // bytes that do not repeat are skipped faster and faster
  while (at + SHORTEST_COPY <= end) {
    const word = wordAt(bytes, at);
    const slot = Math.imul(word, 0x1e35a7bd) >>> (32 - HASH_BITS);
    const candidate = table[slot];
    table[slot] = at;
    if (candidate < start || wordAt(bytes, candidate) !== word) {
      at += misses++ >> 5;
      continue;
    }
    let length = SHORTEST_COPY;
    while (at + length < end && bytes[candidate + length] === bytes[at + length]) length += 1;
    to = writeLiteral(bytes, literal, at, out, to);
    to = writeCopy(out, to, at - candidate, length);
    at += length;
    literal = at;
    misses = 32;
  }
  return writeLiteral(bytes, literal, end, out, to);
}

const wordAt = (bytes: Uint8Array, at: number): number =>
  bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);

function writeVarint(out: Uint8Array, to: number, value: number): number {
  while (value >= 0x80) {
    out[to++] = (value & 0x7f) | 0x80;
    value >>>= 7;
  }
  out[to++] = value;
  return to;
}

function writeLiteral(bytes: Uint8Array, from: number, end: number, out: Uint8Array, to: number) {
  const length = end - from;
  if (length === 0) return to;
  const rest = length - 1;
  if (rest < 60) {
    out[to++] = rest << 2;
  } else if (rest < 256) {
    out[to++] = 60 << 2;
    out[to++] = rest;
  } else {
    out[to++] = 61 << 2;
    out[to++] = rest & 0xff;
    out[to++] = rest >> 8;
  }
  out.set(bytes.subarray(from, end), to);
  return to + length;
}

/** Offsets stay below 32 KiB, so two bytes hold them. */
function writeCopy(out: Uint8Array, to: number, offset: number, length: number): number {
  while (length > 0) {
    // What would leave a rest of 1 to 3 bytes is shared out: a copy with one offset byte has 4.
    const part = length <= 64 ? length : length < 68 ? 60 : 64;
    if (part >= 4 && part <= 11 && offset < 2048) {
      out[to++] = 1 | ((part - 4) << 2) | ((offset >> 8) << 5);
      out[to++] = offset & 0xff;
    } else {
      out[to++] = 2 | ((part - 1) << 2);
      out[to++] = offset & 0xff;
      out[to++] = offset >> 8;
    }
    length -= part;
  }
  return to;
}

const damaged = (what: string): Fault => new Fault("CORRUPT", `damaged snappy stream: ${what}`);
