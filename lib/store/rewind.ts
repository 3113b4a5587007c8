// Takes the disk back to an earlier zxid, as a leader's TRUNC orders (storage.md 8), or away from
// everything above a snapshot that replaced the local history. Exact, unlike Java's: nothing above
// the zxid survives, neither records nor snapshots that would bring them back. Every step leaves a
// history without holes, so a crash in between is followed by a start that can be truncated again:
// snapshots go first, then logs from the newest on, the file that holds the zxid last.

import { Fault, isFault } from "../base/errors.ts";
import { counterOf, hex, type Zxid } from "../base/ids.ts";
import type { Disk, Trace } from "../ports.ts";
import type { DataDirs } from "./data_dirs.ts";
import { LogHistory } from "./log_history.ts";
import { LOG_HEADER_SIZE, LogReader } from "./log_reader.ts";
import { type DataFile, filesFrom, filesOf, LOG, SNAPSHOT } from "./names.ts";
import { readSnapshot, type SnapshotSink, wholeSnapshots } from "./snapshot.ts";

/**
 * Removes everything above `to`. Fault CORRUPT, with the disk as it was, when what stays could not
 * be started from or would not end at `to`.
 *
 * A snapshot that was taken while the tree changed has a name at or below `to` and may all the same
 * show what is above. Java begins with it, and what was taken back is in its tree for good.
 */
export function truncateTo(disk: Disk, dirs: DataDirs, to: Zxid, note: Trace["note"]): void {
  const fuzzy: DataFile[] = [];
  const base = wholeSnapshots(disk, dirs.snapshots).find((file) => {
    if (file.zxid > to) return false;
    const isExact = reachOf(disk, file, to) <= to;
    if (!isExact) fuzzy.push(file);
    return isExact;
  });
  if (base === undefined) {
    throw impossible(to, dirs.snapshots, "there is no snapshot that shows nothing above it");
  }
  if (base.zxid < to) requireTxn(disk, dirs, base, to, fuzzy, note);
  for (const file of fuzzy) disk.remove(file.path);
  removeAbove(disk, dirs, to);
}

/** The highest zxid of which a snapshot may show effects. Fault CORRUPT: it cannot be read. */
function reachOf(disk: Disk, { path, zxid }: DataFile, to: Zxid): Zxid {
  try {
    const { digest, lastZxid } = readSnapshot(disk, path, NOBODY);
    const ends = [zxid, digest?.zxid ?? 0n, lastZxid ?? 0n];
    return ends.reduce((a, b) => (a > b ? a : b));
  } catch (error) {
    if (!isFault(error) || error.code === "DISK") throw error;
    throw impossible(to, path, `its snapshot cannot be read: ${error.message}`);
  }
}

const NOBODY: SnapshotSink = { session() {}, acl() {}, node() {} };

/**
 * Removes all records and snapshots above `to`, whatever is left then. With `newest`, the path of a
 * snapshot of `to`, also others of that zxid: packed in another way, one might be read instead.
 */
export function removeAbove(disk: Disk, dirs: DataDirs, to: Zxid, newest?: string): void {
  for (const { path, zxid } of filesOf(disk, dirs.snapshots, SNAPSHOT)) {
    const isTwin = newest !== undefined && zxid === to && path !== newest;
    if (zxid > to || isTwin) disk.remove(path);
  }
  const logs = filesOf(disk, dirs.logs, LOG);
  for (const file of logs.toReversed()) {
    if (file.zxid > to) disk.remove(file.path);
  }
  for (const file of filesFrom(logs, to).slice(0, 1)) {
    if (file.zxid <= to) cutAbove(disk, file, to);
  }
}

/** Sets the length of a log so that it ends right behind the last record up to `to`. */
function cutAbove(disk: Disk, file: DataFile, to: Zxid): void {
  const reader = new LogReader(disk, file.path);
  let end = LOG_HEADER_SIZE;
  for (let record = reader.next(); record !== null && record.zxid <= to; record = reader.next()) {
    end = record.end;
  }
  if (end < (disk.size(file.path) ?? 0)) disk.truncate(file.path, end);
}

function requireTxn(
  disk: Disk,
  dirs: DataDirs,
  base: DataFile,
  to: Zxid,
  fuzzy: readonly DataFile[],
  note: Trace["note"],
): void {
  // A snapshot may stand for transactions that the log never had, where it came from a leader.
  const missing = new Set(fuzzy.map(({ zxid }) => zxid).filter((zxid) => counterOf(zxid) > 0n));
  const files = filesFrom(filesOf(disk, dirs.logs, LOG), base.zxid + 1n);
  const history = new LogHistory(disk, files, base.zxid, { allowGaps: false, note });
  for (let record = history.next(); record !== null; record = history.next()) {
    missing.delete(record.zxid);
    if (record.zxid === to && missing.size === 0) return;
    if (record.zxid >= to) break;
  }
  throw impossible(to, dirs.logs, "the log does not have it");
}

function impossible(to: Zxid, where: string, why: string): Fault {
  return new Fault("CORRUPT", `cannot go back to ${hex(to)}: ${why}`, {
    where,
    hint: "move the data directory away and let the server copy from the leader",
  });
}
