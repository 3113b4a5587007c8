// Transactions from the log on disk, for a learner that lags behind what memory holds (quorum.md 6.2
// case 5). Read while the log is being written: whatever does not fit is simply the end, and the
// leader then falls back to a snapshot. Must agree with ZKDatabase.getProposalsFromTxnLog.

import { isFault } from "../base/errors.ts";
import type { Zxid } from "../base/ids.ts";
import type { Disk, Trace } from "../ports.ts";
import { decodeTxn, type Txn } from "../txn/txn.ts";
import type { DataDirs } from "./data_dirs.ts";
import { LogHistory } from "./log_history.ts";
import type { LogRecord } from "./log_reader.ts";
import { filesFrom, filesOf, LOG } from "./names.ts";
import { wholeSnapshots } from "./snapshot.ts";

/**
 * How many bytes of log may be sent instead of a snapshot: a share of the newest snapshot's size.
 * 0 for no limit, null when it is switched off.
 */
export function logSizeLimit(disk: Disk, dirs: DataDirs, factor: number): number | null {
  if (factor < 0) return null;
  const newest = wholeSnapshots(disk, dirs.snapshots, 1)[0];
  const size = newest === undefined ? 0 : disk.size(newest.path) ?? 0;
  return Math.floor(size * (factor > 1 ? 0.33 : factor));
}

export class DiskLog {
  /** Length of the files that are read, padding included. */
  readonly size: number;
  readonly #history: LogHistory;
  readonly #note: Trace["note"];
  /** Read already, not decoded. */
  readonly #ahead: LogRecord[];

  /** Use {@link DiskLog.open}. */
  constructor(
    history: LogHistory,
    ahead: LogRecord[],
    size: number,
    note: Trace["note"],
  ) {
    this.#history = history;
    this.#ahead = ahead;
    this.size = size;
    this.#note = note;
  }

  /**
   * Begins with the newest transaction up to `from`; what its file holds before that, perhaps a
   * hundred thousand, is passed over. Null when `from` lies before the oldest transaction, or the
   * files are longer than `limit` bytes.
   */
  static open(
    disk: Disk,
    dirs: DataDirs,
    from: Zxid,
    limit: number,
    note: Trace["note"],
  ): DiskLog | null {
    const files = filesFrom(filesOf(disk, dirs.logs, LOG), from);
    if (files.length === 0 || files[0].zxid > from) return null;
    const size = files.reduce((sum, { path }) => sum + (disk.size(path) ?? 0), 0);
    if (limit > 0 && size > limit) return null;
    const history = new LogHistory(disk, files, files[0].zxid - 1n, {
      allowGaps: false,
      note: () => {}, // the tail that is being written looks torn
    });
    const ahead = around(() => attempt(() => history.next(), note), from);
    return ahead.length === 0 ? null : new DiskLog(history, ahead, size, note);
  }

  /** The next transaction, or null when there are no more that can be read. */
  next(): Txn | null {
    const record = this.#ahead.shift() ?? attempt(() => this.#history.next(), this.#note);
    return record === null ? null : attempt(() => decodeTxn(record.entry.slice()), this.#note);
  }

  *[Symbol.iterator](): IterableIterator<Txn> {
    for (let txn = this.next(); txn !== null; txn = this.next()) yield txn;
  }
}

/** The newest record up to `from`, and the one behind it; nothing when there is none up to it. */
function around(next: () => LogRecord | null, from: Zxid): LogRecord[] {
  let newest: LogRecord | null = null;
  for (let record = next(); record !== null; record = next()) {
    if (record.zxid > from) return newest === null ? [] : [newest, record];
    newest = record;
  }
  return newest === null ? [] : [newest];
}

/** Null, with a note, when the disk does not give what a learner needs: then it gets a SNAP. */
export function attempt<T>(read: () => T | null, note: Trace["note"]): T | null {
  try {
    return read();
  } catch (error) {
    if (!isFault(error)) throw error;
    note("warn", "store", "the log on disk cannot be read further for a learner", {
      why: error.message,
    });
    return null;
  }
}
