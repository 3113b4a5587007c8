// What stood on disk before an operator restored another database: no longer the history of this
// server, but not ours to throw away. It gets names that no server reads, Java's included.

import type { Zxid } from "../base/ids.ts";
import type { Disk, Done } from "../ports.ts";
import type { DataDirs } from "./data_dirs.ts";
import { filesOf, join, LOG, SNAPSHOT } from "./names.ts";

/** Renames logs and snapshots, all but `keep`, one after another; `done` hears how many. */
export function setAside(
  disk: Disk,
  dirs: DataDirs,
  keep: string,
  zxid: Zxid,
  done: (count: number) => void,
  failed: Done,
): void {
  const prefix = `before-restore-${BigInt.asUintN(64, zxid).toString(16)}`;
  const old = [
    ...filesOf(disk, dirs.logs, LOG).map(({ path, name }) => ({ path, name, dir: dirs.logs })),
    ...filesOf(disk, dirs.snapshots, SNAPSHOT).filter(({ path }) => path !== keep)
      .map(({ path, name }) => ({ path, name, dir: dirs.snapshots })),
  ];
  let at = 0;
  const next = (): void => {
    const file = old[at];
    if (file === undefined) return done(old.length);
    at += 1;
    disk.rename(file.path, join(file.dir, `${prefix}.${file.name}`), (fault) => {
      disk.release(file.path);
      if (fault !== null) failed(fault);
      else next();
    });
  };
  next();
}
