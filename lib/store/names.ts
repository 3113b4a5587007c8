// Names of the files in a `version-2` folder and what they say: which kind, which zxid, how
// compressed (storage.md 1). Must agree with Util.getZxidFromName and SnapStream of Java, which
// look at the first two parts of a name only.

import type { Zxid } from "../base/ids.ts";
import type { Disk } from "../ports.ts";

export const LOG = "log";
export const SNAPSHOT = "snapshot";
/** Ends the names of files that are being written. */
export const TEMPORARY = ".tmp";

export type Compression = "none" | "gz" | "snappy";
const ENDINGS: Readonly<Record<Compression, string>> = { none: "", gz: ".gz", snappy: ".snappy" };

export interface DataFile {
  readonly path: string;
  readonly name: string;
  readonly zxid: Zxid;
}

export const join = (dir: string, name: string): string =>
  dir.endsWith("/") ? dir + name : `${dir}/${name}`;

export const logName = (zxid: Zxid): string => `${LOG}.${hexOf(zxid)}`;
export const snapshotName = (zxid: Zxid, compression: Compression): string =>
  `${SNAPSHOT}.${hexOf(zxid)}${ENDINGS[compression]}`;

const hexOf = (zxid: Zxid): string => BigInt.asUintN(64, zxid).toString(16);

/** The zxid in a name of this kind, or −1 when the name is not of this kind. */
export function zxidOfName(name: string, prefix: string): Zxid {
  const parts = name.split(".");
  if (parts.length < 2 || parts[0] !== prefix || !/^[+-]?[0-9a-fA-F]{1,16}$/.test(parts[1])) {
    return -1n;
  }
  const sign = parts[1].startsWith("-") ? -1n : 1n;
  const zxid = sign * BigInt(`0x${parts[1].replace(/^[+-]/, "")}`);
  return zxid === BigInt.asIntN(64, zxid) ? zxid : -1n; // what overflows is no number for Java
}

/** How a file of this name is compressed: its last part says it. */
export function compressionOf(name: string): Compression {
  const ending = name.slice(name.lastIndexOf(".") + 1).toLowerCase();
  return ending === "gz" || ending === "snappy" ? ending : "none";
}

/** Files of one kind in a folder, by zxid upwards; no folder is an empty one. */
export function filesOf(disk: Disk, dir: string, prefix: string): DataFile[] {
  const files: DataFile[] = [];
  for (const name of disk.list(dir) ?? []) {
    const zxid = zxidOfName(name, prefix);
    if (zxid !== -1n) files.push({ path: join(dir, name), name, zxid });
  }
  return files.sort((a, b) => (a.zxid < b.zxid ? -1 : a.zxid > b.zxid ? 1 : 0));
}

/**
 * The files that may hold transactions from `zxid` on: all whose name is at or above it, and the
 * newest one below (storage.md 7.3). `files` are sorted by zxid.
 */
export function filesFrom(files: readonly DataFile[], zxid: Zxid): DataFile[] {
  let first = 0;
  for (let i = 0; i < files.length; i++) if (files[i].zxid <= zxid) first = i;
  return files.slice(first);
}
