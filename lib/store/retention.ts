// When a snapshot is due (storage.md 6.2), and which files nobody needs any more (10).
// Must agree with SyncRequestProcessor.shouldSnapshot, PurgeTxnLog and DatadirCleanupManager, except
// that files Java would delete because it cannot read their names are left alone.

import { type Fault, isFault } from "../base/errors.ts";
import { hex } from "../base/ids.ts";
import type { Disk, Millis, Random, Trace } from "../ports.ts";
import type { DataDirs } from "./data_dirs.ts";
import { type DataFile, filesFrom, filesOf, LOG, SNAPSHOT } from "./names.ts";
import { wholeSnapshots } from "./snapshot.ts";

/** Fewer snapshots than this are never kept. */
export const SNAPSHOTS_MIN = 3;

export interface ScheduleOptions {
  /** Transactions between two snapshots, at most; half of them at least (`snapCount`). */
  readonly snapCount: number;
  /** Log bytes between two snapshots, likewise; 0 or less for no limit. */
  readonly snapSizeLimitKb: number;
}

/** Says when the next snapshot is due; drawn anew each time, so that servers do not all stop at once. */
export class SnapshotSchedule {
  readonly #random: Random;
  readonly #count: number;
  readonly #bytes: number;
  #countDue = 0;
  #bytesDue = 0;
  #logged = 0;
  #loggedBytes = 0;

  constructor(random: Random, options: ScheduleOptions) {
    this.#random = random;
    this.#count = Math.max(2, options.snapCount);
    this.#bytes = options.snapSizeLimitKb > 0 ? options.snapSizeLimitKb * 1024 : 0;
    this.#draw();
  }

  /** A transaction was logged; true when a snapshot is due with it. */
  logged(bytes: number): boolean {
    this.#logged += 1;
    this.#loggedBytes += bytes;
    const isDue = this.#logged > this.#countDue ||
      (this.#bytes > 0 && this.#loggedBytes > this.#bytesDue);
    if (isDue) this.#draw();
    return isDue;
  }

  /** A snapshot was begun for another reason: counting starts again. */
  restart(): void {
    this.#draw();
  }

  #draw(): void {
    this.#logged = 0;
    this.#loggedBytes = 0;
    this.#countDue = drawn(this.#random, this.#count, "snapshot count");
    this.#bytesDue = this.#bytes > 0 ? drawn(this.#random, this.#bytes, "snapshot size") : 0;
  }
}

/** Half the limit and up to half of it again. */
function drawn(random: Random, limit: number, why: string): number {
  const half = Math.floor(limit / 2);
  return half + (half > 1 ? random.below(half, why) : 0);
}

export interface PurgePlan {
  readonly remove: readonly DataFile[];
  readonly bytes: number;
  /** The oldest snapshot that stays; null when there is no valid one, and nothing is removed. */
  readonly oldest: DataFile | null;
}

/**
 * What may go when the newest `keep` valid snapshots stay: older snapshots, and logs of which no
 * transaction is needed behind the oldest snapshot kept. Logs go first, the oldest ahead: a
 * snapshot that a leader sent may be all that tells of transactions missing between two of them.
 */
export function planPurge(disk: Disk, dirs: DataDirs, keep: number): PurgePlan {
  const kept = wholeSnapshots(disk, dirs.snapshots, Math.max(SNAPSHOTS_MIN, keep));
  const oldest = kept.at(-1) ?? null;
  if (oldest === null) return { remove: [], bytes: 0, oldest };
  const logs = filesOf(disk, dirs.logs, LOG);
  // The newest log at or below the snapshot may hold transactions behind it (ZOOKEEPER-2574).
  const needed = new Set(filesFrom(logs, oldest.zxid).map(({ name }) => name));
  const remove = [
    ...logs.filter(({ name, zxid }) => zxid < oldest.zxid && !needed.has(name)),
    ...filesOf(disk, dirs.snapshots, SNAPSHOT).filter(({ zxid }) => zxid < oldest.zxid),
  ];
  const bytes = remove.reduce((sum, { path }) => sum + (disk.size(path) ?? 0), 0);
  return { remove, bytes, oldest };
}

export interface PurgeResult {
  readonly removed: number;
  readonly bytes: number;
  readonly fault: Fault | null;
}

/** Removes what a plan says, one file after another; stops at the first fault. */
export function purge(disk: Disk, plan: PurgePlan, done: (result: PurgeResult) => void): void {
  let removed = 0;
  const next = () => {
    const file = plan.remove[removed];
    if (file === undefined) return done({ removed, bytes: plan.bytes, fault: null });
    disk.discard(file.path, (fault) => {
      if (fault !== null) return done({ removed, bytes: plan.bytes, fault });
      removed += 1;
      next();
    });
  };
  next();
}

export interface AutopurgeOptions {
  /** Snapshots that stay (`autopurge.snapRetainCount`). */
  readonly snapRetainCount: number;
  /** Time between purges; 0 for never (`autopurge.purgeInterval`). */
  readonly purgeIntervalMs: number;
}

/** Purges at start and then every interval, when stepped at its deadline. */
export class Autopurge {
  readonly #disk: Disk;
  readonly #dirs: DataDirs;
  readonly #options: AutopurgeOptions;
  readonly #note: Trace["note"];
  #isRunning = false;
  #next: Millis | null;

  constructor(
    disk: Disk,
    dirs: DataDirs,
    options: AutopurgeOptions,
    note: Trace["note"],
    now: Millis,
  ) {
    this.#disk = disk;
    this.#dirs = dirs;
    this.#options = options;
    this.#note = note;
    this.#next = options.purgeIntervalMs > 0 ? now : null;
  }

  /** When {@link tick} must be called next; null for never. */
  get deadline(): Millis | null {
    return this.#next;
  }

  /** Space runs out: purges at the next tick, if it may at all. */
  hurry(now: Millis): void {
    if (this.#next !== null) this.#next = now;
  }

  /** Bytes that a purge would free; null when the folders cannot be read now. */
  reclaimable(): number | null {
    return this.#plan()?.bytes ?? null;
  }

  tick(now: Millis): void {
    if (this.#next === null || now < this.#next) return;
    this.#next = now + this.#options.purgeIntervalMs;
    if (this.#isRunning) return;
    const plan = this.#plan();
    if (plan === null || plan.remove.length === 0) return;
    this.#isRunning = true;
    purge(this.#disk, plan, ({ removed, bytes, fault }) => {
      this.#isRunning = false;
      if (fault !== null) return this.#failed(fault);
      this.#note("info", "store", "old snapshots and logs were purged", {
        files: removed,
        bytes,
        oldestSnapshot: plan.oldest === null ? null : hex(plan.oldest.zxid),
      });
    });
  }

  /** Null when the folders cannot be read now: old files can wait. */
  #plan(): PurgePlan | null {
    try {
      return planPurge(this.#disk, this.#dirs, this.#options.snapRetainCount);
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#failed(error);
      return null;
    }
  }

  #failed(fault: Fault): void {
    this.#note("warn", "store", "purging old files failed", { why: fault.message });
  }
}
