// Makes transactions durable, many with one flush: while one flush is under way, whatever arrives
// waits and shares the next one. Here, and only here, is known which transactions are on disk.
//
// A failed write is final. It is never tried again, since after a failed flush nobody can say what
// the device holds; nothing is acknowledged any more. Must agree with SyncRequestProcessor.

import { assert } from "../base/assert.ts";
import { type Fault, isFault } from "../base/errors.ts";
import { hex, type Zxid } from "../base/ids.ts";
import type { Done, Millis } from "../ports.ts";
import type { Txn } from "../txn/txn.ts";
import type { StoreOptions, StorePorts } from "./options.ts";
import { LogWriter } from "./txn_log.ts";

/** One flush that is over, for histograms. */
export interface FlushInfo {
  readonly txns: number;
  readonly millis: Millis;
}

export interface CommitEar {
  /** The highest zxid that is on disk; what came before it is as well. */
  durable(upTo: Zxid): void;
  flushed(flush: FlushInfo): void;
  failed(fault: Fault): void;
}

export class GroupCommit {
  readonly #ports: StorePorts;
  readonly #options: StoreOptions;
  readonly #log: LogWriter;
  readonly #ear: CommitEar;
  #fault: Fault | null = null;
  #appended: Zxid;
  #durable: Zxid;
  #isFlushing = false;
  /** A flush is put off until {@link deadline}. */
  #isDelayed = false;
  #lastFlush: Millis = 0;
  #whenIdle: (() => void)[] = [];
  #whenDurable: { readonly zxid: Zxid; readonly go: () => void }[] = [];

  /** `last` is the newest zxid on disk; logs are made in `dir`. */
  constructor(ports: StorePorts, options: StoreOptions, dir: string, last: Zxid, ear: CommitEar) {
    this.#ports = ports;
    this.#options = options;
    this.#ear = ear;
    this.#appended = last;
    this.#durable = last;
    this.#log = new LogWriter(ports.disk, dir, {
      preallocate: options.preAllocSizeKb * 1024,
      sizeLimit: options.txnLogSizeLimitKb * 1024,
      flushes: options.forceSync,
    });
  }

  get appended(): Zxid {
    return this.#appended;
  }

  get durable(): Zxid {
    return this.#durable;
  }

  get fault(): Fault | null {
    return this.#fault;
  }

  get isBusy(): boolean {
    return this.#isFlushing || this.#log.buffered > 0;
  }

  /** Whether a file of the log is at hand: whoever reads or changes the files {@link close}s first. */
  get isOpen(): boolean {
    return this.isBusy || this.#log.isOpen;
  }

  /** When {@link turn} must be called though nothing happens; null when it need not. */
  get deadline(): Millis | null {
    return this.#isDelayed ? this.#lastFlush + this.#options.flushDelayMs : null;
  }

  /** Buffers a transaction; answers its bytes in the log, 0 after a failure. */
  append(txn: Txn): number {
    if (this.#fault !== null) return 0;
    const { zxid } = txn.header;
    if (zxid <= this.#appended) {
      this.#ports.note("warn", "store", "a transaction is not above the one before it", {
        zxid: hex(zxid),
        before: hex(this.#appended),
      });
    }
    try {
      const size = this.#log.append(txn);
      if (zxid > this.#appended) this.#appended = zxid;
      return size;
    } catch (error) {
      if (!isFault(error)) throw error;
      this.fail(error);
      return 0;
    }
  }

  /** The next transaction begins a new file. */
  roll(): void {
    this.#log.roll();
  }

  /** Starts a flush of what was appended, unless one is under way or it is to be put off. */
  turn(): void {
    if (this.#fault !== null || this.#isFlushing || this.#log.buffered === 0) return;
    const now = this.#ports.clock.now().mono;
    const { flushDelayMs, maxBatchSize } = this.#options;
    const isFull = maxBatchSize > 0 && this.#log.buffered >= maxBatchSize;
    this.#isDelayed = flushDelayMs > 0 && !isFull && now < this.#lastFlush + flushDelayMs;
    if (!this.#isDelayed) this.#flush(now);
  }

  /** Calls `done` when all that was appended is on disk, or with what prevents it. */
  drain(done: Done): void {
    if (this.#fault === null && !this.#isFlushing && this.#log.buffered > 0) {
      this.#flush(this.#ports.clock.now().mono);
    }
    const look = () => {
      if (this.#fault === null && this.isBusy) this.#whenIdle.push(look);
      else done(this.#fault);
    };
    if (this.#isFlushing) this.#whenIdle.push(look);
    else this.#ports.clock.soon(look);
  }

  /** Calls `go` when the log is on disk up to `zxid`, or all of it if it ends before. */
  afterDurable(zxid: Zxid, go: () => void): void {
    const awaited = zxid < this.#appended ? zxid : this.#appended;
    if (awaited <= this.#durable) return go();
    this.#whenDurable.push({ zxid: awaited, go });
  }

  /** Ends the file at hand, when nothing is to be written. */
  close(done: Done): void {
    assert(!this.isBusy, "a log is closed when it is idle");
    this.#log.close(done);
  }

  /** The disk cannot be relied on any more. */
  fail(fault: Fault): void {
    if (this.#fault !== null) return;
    this.#fault = fault;
    this.#whenDurable = [];
    this.#ear.failed(fault);
    this.#idle();
  }

  #flush(begun: Millis): void {
    const upTo = this.#appended;
    const txns = this.#log.buffered;
    this.#isFlushing = true;
    this.#isDelayed = false;
    this.#log.commit((fault) => {
      this.#isFlushing = false;
      if (fault !== null) this.fail(fault);
      if (this.#fault !== null) return this.#idle(); // an earlier one, too: somebody may wait
      const now = this.#ports.clock.now().mono;
      this.#lastFlush = now;
      this.#warnIfSlow(now - begun);
      this.#durable = upTo;
      this.#ear.flushed({ txns, millis: now - begun });
      this.#ear.durable(upTo);
      this.#tellDurable();
      this.turn();
      this.#idle();
    });
  }

  #warnIfSlow(millis: Millis): void {
    if (millis <= this.#options.fsyncWarningThresholdMs) return;
    const text = `fsync-ing the write ahead log took ${Math.round(millis)}ms`;
    this.#ports.note("warn", "store", text, {
      millis: Math.round(millis),
      file: this.#log.path,
      hint: "acknowledgements wait for it: give the log a device of its own",
    });
  }

  #tellDurable(): void {
    const ready = this.#whenDurable.filter(({ zxid }) => zxid <= this.#durable);
    if (ready.length === 0) return;
    this.#whenDurable = this.#whenDurable.filter(({ zxid }) => zxid > this.#durable);
    for (const { go } of ready) go();
  }

  #idle(): void {
    if (this.#isFlushing) return;
    const waiting = this.#whenIdle;
    this.#whenIdle = [];
    for (const look of waiting) look();
  }
}
