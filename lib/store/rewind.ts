// Takes the disk back to an earlier zxid, as a leader's TRUNC orders (storage.md 8), or away from
// everything above a snapshot that replaced the local history. Exact, unlike Java's: nothing above
// the zxid survives, neither records nor snapshots that would bring them back. Every step leaves a
// history without holes, so a crash in between is followed by a start that can be truncated again:
// snapshots go first, then logs from the newest on, the file that holds the zxid last.

import { Fault } from "../base/errors.ts";
import { hex, type Zxid } from "../base/ids.ts";
import type { Disk, Trace } from "../ports.ts";
import type { DataDirs } from "./data_dirs.ts";
import { LogHistory } from "./log_history.ts";
import { LOG_HEADER_SIZE, LogReader } from "./log_reader.ts";
import { type DataFile, filesFrom, filesOf, LOG, SNAPSHOT } from "./names.ts";
import { wholeSnapshots } from "./snapshot.ts";

/**
 * Removes everything above `to`. Fault CORRUPT, with the disk as it was, when what stays could not
 * be started from or would not end at `to`.
 */
export function truncateTo(disk: Disk, dirs: DataDirs, to: Zxid, note: Trace["note"]): void {
  const base = wholeSnapshots(disk, dirs.snapshots).find(({ zxid }) => zxid <= to);
  if (base === undefined) {
    throw impossible(to, dirs.snapshots, "there is no snapshot at or below it");
  }
  if (base.zxid < to) requireTxn(disk, dirs, base, to, note);
  removeAbove(disk, dirs, to);
}

/** Removes all records and snapshots above `to`, whatever is left then. */
export function removeAbove(disk: Disk, dirs: DataDirs, to: Zxid): void {
  for (const file of filesOf(disk, dirs.snapshots, SNAPSHOT)) {
    if (file.zxid > to) disk.remove(file.path);
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
  note: Trace["note"],
): void {
  const files = filesFrom(filesOf(disk, dirs.logs, LOG), base.zxid + 1n);
  const history = new LogHistory(disk, files, base.zxid, { allowGaps: false, note });
  for (let record = history.next(); record !== null; record = history.next()) {
    if (record.zxid === to) return;
    if (record.zxid > to) break;
  }
  throw impossible(to, dirs.logs, "the log does not have it");
}

function impossible(to: Zxid, where: string, why: string): Fault {
  return new Fault("CORRUPT", `cannot go back to ${hex(to)}: ${why}`, {
    where,
    hint: "move the data directory away and let the server copy from the leader",
  });
}
