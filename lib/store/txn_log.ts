// Writes transaction logs (storage.md 2): buffers records, hands them to the disk in one write per
// batch, allocates ahead, and begins a new file when told to or when the size limit is passed.
// When a batch is due is decided in store.ts. Must agree with FileTxnLog and FilePadding of Java;
// unlike Java a file that is finished loses its padding, which no reader needs.

import { adler32, ADLER32_START } from "../base/adler32.ts";
import { assert } from "../base/assert.ts";
import { Fault } from "../base/errors.ts";
import { Output } from "../codec/output.ts";
import type { Zxid } from "../base/ids.ts";
import type { Disk, Done } from "../ports.ts";
import { writeFileHeader } from "../records/disk.ts";
import type { Txn } from "../txn/txn.ts";
import { LOG_HEADER_SIZE, LOG_MAGIC, LOG_VERSION, RECORD_END } from "./log_reader.ts";
import { join, logName } from "./names.ts";

/** Room that must be left behind the place of writing, else more is allocated. */
const ROOM = 4096;
const SCRATCH = 1 << 14;

export interface LogWriterOptions {
  /** Bytes to allocate at a time; 0 or less for none. */
  readonly preallocate: number;
  /** A file longer than this, padding included, is finished after a batch; 0 or less for none. */
  readonly sizeLimit: number;
  /** False: a batch is done when the system has taken it (`forceSync=no`). */
  readonly flushes: boolean;
}

interface Segment {
  readonly path: string;
  out: Output;
  /** Place of the first buffered byte. */
  written: number;
  /** Length that the file has been given, and the length it should have. */
  allocated: number;
  size: number;
  isFinished: boolean;
}

export class LogWriter {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #options: LogWriterOptions;
  #segments: Segment[] = [];
  /** A scratch whose batch is on disk: batches are written from two of them in turn. */
  #spare: Output | null = null;
  #isRolling = true;
  #count = 0;

  constructor(disk: Disk, dir: string, options: LogWriterOptions) {
    this.#disk = disk;
    this.#dir = dir;
    this.#options = options;
  }

  /** Records that no batch has taken yet. */
  get buffered(): number {
    return this.#count;
  }

  /** Whether a file has not been given back yet. */
  get isOpen(): boolean {
    return this.#segments.length > 0;
  }

  /** The file that the next record goes to, unless a new one begins. */
  get path(): string | null {
    return this.#isRolling ? null : this.#segments.at(-1)?.path ?? null;
  }

  /** Buffers a record; returns its size on disk. Fault CORRUPT: its new file exists already. */
  append(txn: Txn): number {
    const segment = this.#isRolling ? this.#begin(txn.header.zxid) : this.#segments.at(-1);
    assert(segment !== undefined, "an open log has a segment");
    this.#makeRoom(segment);
    const out = segment.out;
    const before = out.size;
    const { bytes } = txn;
    out.words(0, adler32(ADLER32_START, bytes) | 0);
    out.int(bytes.length);
    out.raw(bytes);
    out.byte(RECORD_END);
    this.#count += 1;
    return out.size - before;
  }

  /** The next record begins a new file. */
  roll(): void {
    this.#isRolling = true;
  }

  /**
   * Hands all that is buffered to the disk; `done` is called when it is durable. One batch at a
   * time: the next one may be started from within `done`. One file after the other: a crash between
   * two flushes must not leave a later file behind a hole in the one before it.
   */
  commit(done: Done): void {
    const segments = this.#segments;
    assert(this.#count > 0, "a batch is not empty");
    this.#count = 0;
    const parts = segments.map((segment, index) => {
      segment.isFinished = index < segments.length - 1 || this.#isRolling;
      const { out } = segment;
      segment.out = this.#spare ?? new Output(SCRATCH);
      this.#spare = null;
      return { segment, out, bytes: out.view() };
    });
    const last = segments.at(-1);
    const used = parts.at(-1)?.out ?? null;
    this.#segments = last !== undefined && !last.isFinished ? [last] : [];
    const next = (fault: Fault | null): void => {
      const part = fault === null ? parts.shift() : undefined;
      if (part !== undefined) return this.#commitSegment(part.segment, part.bytes, next);
      if (last !== undefined && this.#segments.at(-1) === last) this.#limit(last);
      // Without a flush the disk may still hold on to the bytes.
      if (fault === null && this.#options.flushes) this.#spare = used;
      used?.reset();
      done(fault);
    };
    next(null);
  }

  #limit(segment: Segment): void {
    const { sizeLimit } = this.#options;
    if (sizeLimit > 0 && segment.allocated > sizeLimit) this.roll();
  }

  /** Ends the file at hand, without padding. Nothing may be buffered. */
  close(done: Done): void {
    assert(this.#count === 0, "nothing is buffered when the log is closed");
    this.roll();
    const segment = this.#segments.pop();
    this.#segments = [];
    if (segment === undefined) return done(null);
    this.#trim(segment);
    this.#disk.flush(segment.path, done);
    this.#disk.release(segment.path);
  }

  #commitSegment(segment: Segment, bytes: Uint8Array, over: Done): void {
    if (bytes.length === 0) {
      if (segment.isFinished) {
        this.#trim(segment);
        this.#disk.release(segment.path);
      }
      return over(null);
    }
    if (segment.size > LOG_HEADER_SIZE && segment.size > segment.allocated && !segment.isFinished) {
      segment.allocated = segment.size;
      this.#disk.resize(segment.path, segment.size);
    }
    const at = segment.written;
    segment.written += bytes.length;
    segment.allocated = Math.max(segment.allocated, segment.written);
    if (this.#options.flushes) {
      this.#disk.write(segment.path, at, bytes);
      if (segment.isFinished) this.#trim(segment);
      this.#disk.flush(segment.path, over);
    } else {
      this.#disk.write(segment.path, at, bytes, over);
      if (segment.isFinished) this.#trim(segment);
    }
    if (segment.isFinished) this.#disk.release(segment.path);
  }

  #trim(segment: Segment): void {
    if (segment.allocated > segment.written) this.#disk.resize(segment.path, segment.written);
  }

  #begin(first: Zxid): Segment {
    const path = join(this.#dir, logName(first));
    // Java would cut a file of this name. Recovery has removed what may be cut, so this is none.
    if ((this.#disk.size(path) ?? 0) > 0) {
      throw new Fault("CORRUPT", "a transaction log of this name exists already", {
        where: path,
        hint: "two servers may be using this folder",
      });
    }
    const out = new Output(SCRATCH);
    writeFileHeader(out, { magic: LOG_MAGIC, version: LOG_VERSION, dbid: 0n });
    const segment: Segment = {
      path,
      out,
      written: 0,
      allocated: 0,
      size: LOG_HEADER_SIZE,
      isFinished: false,
    };
    this.#segments.push(segment);
    this.#isRolling = false;
    return segment;
  }

  /** Preallocation as in FilePadding: file sizes are those of a Java server (storage.md 2.3). */
  #makeRoom(segment: Segment): void {
    const step = this.#options.preallocate;
    if (step <= 0) return;
    const position = segment.written + segment.out.size;
    if (position + ROOM < segment.size) return;
    segment.size = position > segment.size
      ? Math.floor((position + step) / step) * step
      : segment.size + step;
  }
}
