// The two `version-2` folders of a server (storage.md 1): made or missed, writable, not mixed up.
// Every fault here is DATA_DIR, for which the process exits with 3. Must agree with FileTxnSnapLog.

import { Fault, isFault } from "../base/errors.ts";
import type { Disk } from "../ports.ts";
import { join, LOG, SNAPSHOT } from "./names.ts";

const VERSION_DIR = "version-2";
const INITIALIZE = "initialize";

export interface DataDirs {
  /** Holds `version-2` with snapshots and epoch files. */
  readonly snapshots: string;
  /** Holds the transaction logs; the same folder unless `dataLogDir` is set. */
  readonly logs: string;
}

/** The `version-2` folders, existing and fit for use. */
export function openDataDirs(
  disk: Disk,
  dataDir: string,
  dataLogDir: string,
  mayCreate: boolean,
): DataDirs {
  const [snapshots, logs] = [dataDir, dataLogDir].map((dir) => join(plain(dir), VERSION_DIR));
  const dirs = { snapshots, logs };
  for (const dir of new Set([dirs.logs, dirs.snapshots])) openDir(disk, dir, mayCreate);
  if (dirs.logs !== dirs.snapshots) {
    refuseFiles(disk, dirs.logs, SNAPSHOT, "dataLogDir", "snapshot files");
    refuseFiles(disk, dirs.snapshots, LOG, "dataDir", "log files");
  }
  return dirs;
}

/** Slashes count once, as in Java's File: else one folder under two names looks like two. */
const plain = (dir: string): string => dir.replace(/\/{2,}/g, "/");

/**
 * Places of the marker that an empty database is meant to be: Java looks beside the logs, its
 * script writes beside the snapshots.
 */
export const initializeFiles = (dataDir: string, dataLogDir: string): readonly string[] => [
  ...new Set([join(dataLogDir, INITIALIZE), join(dataDir, INITIALIZE)]),
];

function openDir(disk: Disk, dir: string, mayCreate: boolean): void {
  let names: string[] | null | undefined;
  try {
    names = disk.list(dir);
    if (names === null && mayCreate) disk.makeDir(dir);
  } catch (cause) {
    if (!isFault(cause)) throw cause;
    const what = names === null && mayCreate ? "create" : "look into";
    throw new Fault("DATA_DIR", `Unable to ${what} the data directory: ${cause.message}`, {
      where: dir,
      cause,
    });
  }
  if (names === null && !mayCreate) {
    throw new Fault("DATA_DIR", "Missing data directory", {
      where: dir,
      hint: "make it, or set zookeeper.datadir.autocreate=true",
    });
  }
  if (!disk.isWritable(dir)) {
    throw new Fault("DATA_DIR", "Cannot write to the data directory", {
      where: dir,
      hint: "check its owner and whether the file system is mounted for writing",
    });
  }
}

function refuseFiles(disk: Disk, dir: string, prefix: string, key: string, what: string): void {
  const found = (disk.list(dir) ?? []).find((name) => name.startsWith(`${prefix}.`));
  if (found === undefined) return;
  throw new Fault("DATA_DIR", `${key} has ${what}`, {
    where: join(dir, found),
    hint:
      "dataDir and dataLogDir are mixed up, or were one before: move the files where they belong",
  });
}
