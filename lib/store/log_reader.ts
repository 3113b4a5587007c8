// Reads one transaction log file record by record, and says how it ends (storage.md 2 and 7.4).
// Java's FileTxnIterator takes a missing end byte for the end of the file wherever it is, and so
// may drop transactions in silence. Here three endings are told apart:
//
//   end      padding or nothing after a whole record
//   torn     a last record that never reached the disk as a whole: a crash, nothing acknowledged
//   damaged  bytes that were once right, or whole records behind a bad one: not a crash
//
// Which ending may be accepted where is decided over all files, in log_history.ts.

import { adler32, ADLER32_START } from "../base/adler32.ts";
import type { Zxid } from "../base/ids.ts";
import type { Disk } from "../ports.ts";
import { fileSource, Window } from "./window.ts";

export const LOG_MAGIC = 0x5a4b4c47;
export const LOG_VERSION = 2;
export const LOG_HEADER_SIZE = 16;
/** Checksum and length before an entry. */
export const RECORD_HEAD_SIZE = 12;
export const RECORD_END = 0x42;
/** A TxnHeader: no entry is shorter. */
const ENTRY_SIZE_MIN = 32;
const ZXID_IN_ENTRY = 12;
/** What a device writes as a whole: a crash leaves a sector old or new. */
const SECTOR = 512;

export interface LogRecord {
  /** Place of the record in its file, and of what follows it. */
  readonly at: number;
  readonly end: number;
  readonly zxid: Zxid;
  /** Header, body and digest: a view that stays valid, into a piece shared with other records. */
  readonly entry: Uint8Array;
}

export interface LogEnd {
  readonly kind: "end" | "torn" | "damaged";
  /** Place after the last whole record: what is here or behind is not to be read. */
  readonly at: number;
  readonly why: string;
  /** Place of a whole record behind a bad one. */
  readonly next: number | null;
}

/** Records of one file. `next` returns null at the end, and `end` then says what kind it is. */
export class LogReader {
  readonly path: string;
  readonly #disk: Disk;
  #size: number;
  #window: Window;
  #end: LogEnd | null = null;
  version = 0;
  dbid = 0n;

  constructor(disk: Disk, path: string) {
    this.path = path;
    this.#disk = disk;
    this.#size = disk.size(path) ?? 0;
    this.#window = new Window(fileSource(disk, path));
    this.#header();
  }

  get end(): LogEnd | null {
    return this.#end;
  }

  /** Place of the next byte to be read, to tell how far a long reading has come. */
  get offset(): number {
    return this.#window.offset;
  }

  get size(): number {
    return this.#size;
  }

  next(): LogRecord | null {
    if (this.#end !== null) return null;
    const window = this.#window;
    if (!window.has(RECORD_HEAD_SIZE)) return this.#shortHead();
    const length = window.int(8);
    const checksumHigh = window.int(0);
    const checksum = window.int(4) >>> 0;
    if (checksumHigh === 0 && checksum === 0 && length === 0) return this.#padding();
    const at = window.offset;
    const end = at + RECORD_HEAD_SIZE + length + 1;
    if (length <= 0) return this.#bad(`a record with length ${length}`, at + RECORD_HEAD_SIZE);
    if (!this.#isWhole(length)) return this.#bad("a record without its end", end);
    const start = window.at + RECORD_HEAD_SIZE;
    const stop = start + length;
    if (window.bytes[stop] !== RECORD_END) return this.#bad("a record without its end mark", end);
    if (checksumHigh !== 0 || adler32(ADLER32_START, window.bytes, start, stop) !== checksum) {
      return this.#bad("a record whose checksum differs", end);
    }
    if (length < ENTRY_SIZE_MIN) return this.#bad(`a record with length ${length}`, end);
    const zxid = window.long(RECORD_HEAD_SIZE + ZXID_IN_ENTRY);
    const entry = window.bytes.subarray(start, stop);
    window.at = stop + 1;
    return { at, end, zxid, entry };
  }

  /** Reading on when the file has grown since its end was seen, as a running server's does. */
  again(): void {
    if (this.#end === null) return;
    this.#size = this.#disk.size(this.path) ?? 0;
    this.#window = new Window(fileSource(this.#disk, this.path, this.#end.at), this.#end.at);
    this.#end = null;
  }

  #header(): null {
    const window = this.#window;
    const isShort = !window.has(LOG_HEADER_SIZE);
    if (isShort || window.int(0) !== LOG_MAGIC) {
      const head = window.bytes.subarray(0, LOG_HEADER_SIZE);
      const isBegun = head.every((byte, i) => byte === 0 || byte === HEADER[i]);
      const isTorn = isBegun && this.#written(0) <= LOG_HEADER_SIZE;
      const why = isShort ? "the file ends inside its header" : "no header of a transaction log";
      return this.#finish(isTorn ? "torn" : "damaged", 0, why);
    }
    this.version = window.int(4);
    this.dbid = window.long(8);
    window.at = LOG_HEADER_SIZE;
    return null;
  }

  #isWhole(length: number): boolean {
    const whole = RECORD_HEAD_SIZE + length + 1;
    // A length that is nonsense must not make us read gigabytes to find that out.
    return this.#window.offset + whole <= this.#size && this.#window.has(whole);
  }

  #shortHead(): null {
    const { bytes, at, left, offset } = this.#window;
    const isPadding = bytes.subarray(at).every((byte) => byte === 0);
    if (isPadding) return this.#finish("end", offset, left === 0 ? "end of file" : "padding");
    return this.#finish("torn", offset, "a record without its end");
  }

  /** Zeros up to the end of the file are padding; anything behind them is not. */
  #padding(): null {
    const at = this.#window.offset;
    const first = firstNonZero(this.#window);
    if (first === null) return this.#finish("end", at, "padding");
    const next = this.#findRecord(Math.max(at, first - RECORD_HEAD_SIZE));
    if (next !== null) {
      return this.#finish("damaged", at, "zeros where records must be", next);
    }
    // One sector is written as a whole: zeros and their neighbours in it were written together.
    const sameSector = Math.floor(at / SECTOR) === Math.floor(first / SECTOR);
    const why = "zeros, then bytes that are no record";
    return this.#finish(sameSector ? "damaged" : "torn", at, why);
  }

  /** A record from the window's place to `end` that cannot be right. */
  #bad(what: string, end: number): null {
    const at = this.#window.offset;
    const next = this.#findRecord(at + 1);
    if (next !== null) {
      return this.#finish("damaged", at, `${what}, with whole records behind it`, next);
    }
    const written = this.#written(at);
    if (end <= written) return this.#finish("damaged", at, what);
    if (this.#isWholeUpTo(at, written)) {
      return this.#finish("damaged", at, "a record whose length was changed");
    }
    return this.#finish("torn", at, what);
  }

  /** Whether the bytes from `at` to `end` are a whole record but for its length. */
  #isWholeUpTo(at: number, end: number): boolean {
    const size = end - at;
    if (size <= RECORD_HEAD_SIZE + ENTRY_SIZE_MIN) return false;
    const window = new Window(fileSource(this.#disk, this.path, at), at);
    if (!window.has(size) || window.bytes[size - 1] !== RECORD_END) return false;
    const sum = adler32(ADLER32_START, window.bytes, RECORD_HEAD_SIZE, size - 1);
    return sum === window.int(4) >>> 0;
  }

  /** Place after the last byte that is not zero, from `from` on. */
  #written(from: number): number {
    const source = fileSource(this.#disk, this.path, from);
    let at = from;
    let last = from;
    for (let piece = source(); piece !== null; piece = source()) {
      let i = piece.length - 1;
      while (i >= 0 && piece[i] === 0) i -= 1;
      if (i >= 0) last = at + i + 1;
      at += piece.length;
    }
    return last;
  }

  /** Place of the first whole record from `from` on. */
  #findRecord(from: number): number | null {
    const window = new Window(fileSource(this.#disk, this.path, from), from);
    while (window.has(RECORD_HEAD_SIZE + ENTRY_SIZE_MIN + 1)) {
      const length = window.int(8);
      const end = RECORD_HEAD_SIZE + length;
      const isPossible = window.int(0) === 0 && length >= ENTRY_SIZE_MIN &&
        window.offset + end < this.#size && window.has(end + 1) &&
        window.bytes[window.at + end] === RECORD_END;
      if (isPossible) {
        const start = window.at + RECORD_HEAD_SIZE;
        const sum = adler32(ADLER32_START, window.bytes, start, start + length);
        if (sum === window.int(4) >>> 0) return window.offset;
      }
      window.at += 1;
    }
    return null;
  }

  #finish(kind: LogEnd["kind"], at: number, why: string, next: number | null = null): null {
    this.#end = { kind, at, why, next };
    return null;
  }
}

const HEADER = Uint8Array.of(0x5a, 0x4b, 0x4c, 0x47, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0);

/** Place of the first byte that is not zero, from the window's place on; moves the window. */
function firstNonZero(window: Window): number | null {
  while (window.has(1)) {
    const { bytes, at } = window;
    let i = at;
    // Words first: default padding is 64 MiB, and it is looked through at every start.
    if ((bytes.byteOffset + i) % 4 === 0) {
      const words = new Int32Array(bytes.buffer, bytes.byteOffset + i, (bytes.length - i) >> 2);
      let word = 0;
      while (word < words.length && words[word] === 0) word += 1;
      i += word * 4;
    }
    while (i < bytes.length && bytes[i] === 0) i += 1;
    if (i < bytes.length) {
      const found = window.offset + i - at;
      window.at = i;
      return found;
    }
    window.at = bytes.length;
  }
  return null;
}
