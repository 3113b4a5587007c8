// Reads the disk at start (storage.md 7): the newest snapshot that can be read, then every
// transaction behind it. Verifies as it goes: seals, checksums, order without holes, and the tree
// digest that leaders put into their transactions (5.4). What does not fit is a Fault that names
// file, place and what to do; only what a crash can leave behind is repaired in silence.
//
// Must agree with FileTxnSnapLog.restore and ZKDatabase.loadDataBase. Ephemerals of sessions that
// are gone are the caller's (client.md 7.6).

import { Deque } from "../base/deque.ts";
import { Fault, isFault } from "../base/errors.ts";
import { counterOf, hex, type Zxid } from "../base/ids.ts";
import type { Disk, Trace } from "../ports.ts";
import type { SnapshotDigest } from "../records/disk.ts";
import { TreeLoader } from "../tree/loader.ts";
import { Tree, type TreeOptions } from "../tree/tree.ts";
import { decodeTxn, DIGEST_VERSION, type Txn } from "../txn/txn.ts";
import type { DataDirs } from "./data_dirs.ts";
import { LogHistory } from "./log_history.ts";
import { LOG_HEADER_SIZE, type LogRecord } from "./log_reader.ts";
import { type DataFile, filesFrom, filesOf, LOG, SNAPSHOT, TEMPORARY } from "./names.ts";
import { readSnapshot, wholeSnapshots } from "./snapshot.ts";

export interface RecoveryOptions {
  /** Newest transactions kept for learners (`commitLogCount`). */
  readonly commitLogCount: number;
  /** Replay logs without a snapshot (`snapshot.trust.empty`). */
  readonly snapshotTrustEmpty: boolean;
  readonly allowDiscontinuousProposals: boolean;
}

export interface DigestReport {
  readonly compared: number;
  readonly mismatches: number;
  /** The first transaction after which our tree differed from the leader's. */
  readonly firstMismatch: Zxid | null;
}

export interface Recovered {
  readonly tree: Tree;
  /** Of the last transaction on disk; null when the disk holds nothing at all. */
  readonly lastZxid: Zxid | null;
  /** The newest transactions, oldest first. */
  readonly recent: Txn[];
  readonly replayed: number;
  /** The snapshot it began with. */
  readonly snapshot: DataFile | null;
  readonly digest: DigestReport;
  /**
   * The snapshot shows effects of transactions up to this zxid that the log does not have. Null:
   * the tree is exact. A leader that sends the missing ones makes it so again.
   */
  readonly fuzzyUntil: Zxid | null;
}

/** More than any batch of one flush: what came before the last batch of a log was flushed well. */
const REWRITE_MAX = 64 << 20;

interface Loaded {
  readonly tree: Tree;
  readonly file: DataFile;
  readonly digest: SnapshotDigest | null;
  /** Newer ones that are whole and cannot be read. */
  readonly unreadable: readonly DataFile[];
}

/** Everything that is on disk. Faults: CORRUPT, DISK. */
export function recover(
  disk: Disk,
  dirs: DataDirs,
  treeOptions: TreeOptions,
  options: RecoveryOptions,
): Recovered {
  const { note } = treeOptions;
  const loaded = loadSnapshot(disk, dirs.snapshots, treeOptions);
  const after = loaded?.file.zxid ?? 0n;
  const tree = loaded?.tree ?? new Tree(treeOptions);
  tree.lastZxid = after;
  const logs = filesOf(disk, dirs.logs, LOG);
  const unfinished = filesOf(disk, dirs.snapshots, SNAPSHOT)
    .filter(({ name }) => name.endsWith(TEMPORARY));
  const files = loaded === null ? logs : filesFrom(logs, after + 1n);
  const history = new LogHistory(disk, files, after, {
    allowGaps: options.allowDiscontinuousProposals,
    note,
  });
  const check = new DigestCheck(tree, after, loaded?.digest ?? null, loaded !== null, note);
  const bridge = new Bridge(
    disk,
    dirs.snapshots,
    options.allowDiscontinuousProposals ? null : loaded,
  );
  const recent = new Deque<Txn>();
  let replayed = 0;
  let newest: DataFile | null = null;
  let end = 0;
  for (let record = history.next(); record !== null; record = history.next()) {
    if (loaded === null && replayed === 0 && !options.snapshotTrustEmpty) {
      throw new Fault("CORRUPT", "No snapshot found, but there are log entries", {
        where: dirs.snapshots,
        hint: "restore the snapshots; for data of a 3.4 server that never had one, " +
          "set zookeeper.snapshot.trust.empty=true for the first start",
      });
    }
    const txn = decode(record, history.file);
    newest = history.file;
    end = record.end;
    tree.apply(txn, false);
    check.applied(txn);
    bridge.passes(record.zxid);
    recent.push(txn);
    if (recent.size > options.commitLogCount) recent.shift();
    replayed += 1;
  }
  refuseHole(history, check.report());
  bridge.finish(tree.lastZxid);
  const beyond = logs.filter(({ zxid }) => zxid > tree.lastZxid);
  cleanUp(disk, history, [...beyond, ...unfinished], note);
  if (newest !== null) makeDurable(disk, newest.path, end);
  const isEmpty = loaded === null && replayed === 0;
  return {
    tree,
    lastZxid: isEmpty ? null : tree.lastZxid,
    recent: [...recent],
    replayed,
    snapshot: loaded?.file ?? null,
    digest: check.report(),
    fuzzyUntil: check.finish(),
  };
}

/**
 * Beginning with an older snapshot, because a newer one cannot be read, is right only when the logs
 * lead over the newer one. They do not when a leader sent that one: then what it held is nowhere
 * else, and between two epochs no zxid shows the hole. Java starts with the hole.
 */
class Bridge {
  /** Whole once, unreadable now: what they held was promised. */
  readonly #unreadable: ReadonlySet<string>;
  /** Those, and others that may have been cut short while they were written. */
  readonly #awaited: DataFile[];

  constructor(disk: Disk, dir: string, loaded: Loaded | null) {
    this.#unreadable = new Set((loaded?.unreadable ?? []).map(({ path }) => path));
    this.#awaited = loaded === null
      ? []
      : filesOf(disk, dir, SNAPSHOT).filter(({ name, zxid }) =>
        zxid > loaded.file.zxid && !name.endsWith(TEMPORARY)
      );
  }

  passes(zxid: Zxid): void {
    while (this.#awaited.length > 0 && this.#awaited[0].zxid <= zxid) {
      const file = this.#awaited[0];
      // The start of an epoch is the zxid of no transaction.
      const isProven = file.zxid === zxid ||
        (counterOf(file.zxid) === 0n && !this.#unreadable.has(file.path));
      if (!isProven) throw this.#hole(file, `the logs skip ${hex(file.zxid)}`);
      this.#awaited.shift();
    }
  }

  finish(last: Zxid): void {
    const file = this.#awaited.find(({ path }) => this.#unreadable.has(path));
    if (file !== undefined) throw this.#hole(file, `the logs end at ${hex(last)}`);
  }

  #hole(file: DataFile, why: string): Fault {
    return new Fault("CORRUPT", `a snapshot cannot be read, and nothing leads over it: ${why}`, {
      where: file.path,
      hint: "in an ensemble move the data folder away and let the server copy from the leader; " +
        "alone, restore the file",
    });
  }
}

/** Two epochs with a torn tail between them, and a tree that is not the leader's: a hole. */
function refuseHole(history: LogHistory, digest: DigestReport): void {
  const { suspect } = history;
  if (suspect === null || digest.mismatches === 0) return;
  throw new Fault("CORRUPT", "transactions are missing: the tree is not the one its leaders had", {
    where: `${suspect.file.path} is cut short at byte ${suspect.end.at}`,
    firstMismatch: digest.firstMismatch === null ? null : hex(digest.firstMismatch),
    hint: "in an ensemble move the data folder away and let the server copy from the leader; " +
      "alone, restore the file",
  });
}

/**
 * A process that died with its machine still up left bytes that can be read and are not durable; if
 * it was a flush that failed, another flush does not change that. What is built upon them from now
 * on must not be lost with them when the machine goes.
 */
function makeDurable(disk: Disk, path: string, end: number): void {
  disk.rewrite(path, Math.max(0, end - REWRITE_MAX), end);
}

function loadSnapshot(disk: Disk, dir: string, treeOptions: TreeOptions): Loaded | null {
  const { note } = treeOptions;
  const candidates = wholeSnapshots(disk, dir);
  const unreadable: DataFile[] = [];
  let last: unknown = null;
  for (const file of candidates) {
    try {
      const loader = new TreeLoader(treeOptions);
      const { digest } = readSnapshot(disk, file.path, loader);
      return { tree: loader.finish(), file, digest, unreadable };
    } catch (error) {
      if (!isFault(error) || error.code === "DISK") throw error;
      last = error;
      unreadable.push(file);
      note("warn", "store", "a snapshot cannot be read; the next older one is tried", {
        file: file.path,
        why: error.message,
      });
    }
  }
  // A first start that crashed leaves a piece of snapshot.0, of which nothing is missed. Anything
  // newer held data: starting empty, as Java does, would throw it away.
  const lost = filesOf(disk, dir, SNAPSHOT).filter(({ name, zxid }) =>
    zxid > 0n && !name.endsWith(TEMPORARY)
  );
  if (lost.length === 0 && candidates.length === 0) return null;
  throw new Fault("CORRUPT", "Not able to find valid snapshots", {
    where: lost.at(-1)?.path ?? dir,
    hint: "restore a snapshot, or in an ensemble move the data directory away and let the server " +
      "copy from the leader",
    ...(last === null ? {} : { cause: last }),
  });
}

function decode(record: LogRecord, file: DataFile | null): Txn {
  try {
    return decodeTxn(record.entry.slice());
  } catch (cause) {
    if (!isFault(cause)) throw cause;
    throw new Fault("CORRUPT", `a transaction cannot be understood: ${cause.message}`, {
      where: `${file?.path}, byte ${record.at}, zxid ${hex(record.zxid)}`,
      cause,
      hint: "it may have been written by a newer version; its checksum is right",
    });
  }
}

/**
 * Takes away what a crash has left: the torn tail of the last file, and `leftovers`, which are files
 * without a record whose name the next transactions will want, and snapshots that were never
 * finished. None that came while we read: then another server works in this folder.
 */
function cleanUp(
  disk: Disk,
  history: LogHistory,
  leftovers: readonly DataFile[],
  note: Trace["note"],
): void {
  const { tail } = history;
  if (tail !== null && tail.end.kind === "torn" && tail.end.at > LOG_HEADER_SIZE) {
    note("info", "store", "the torn tail of the last log is cut off", {
      file: tail.file.path,
      at: tail.end.at,
    });
    disk.truncate(tail.file.path, tail.end.at);
  }
  for (const { path } of leftovers) disk.remove(path);
}

/**
 * Compares the tree with what leaders and the snapshot say it must be (storage.md 5.4). A snapshot
 * taken while transactions were applied is a mixture at first, and a Java server may even give it
 * the digest of the transaction before the one that it was applying. So differences count only once
 * the tree has been right, or when it never is.
 */
class DigestCheck {
  readonly #tree: Tree;
  readonly #note: Trace["note"];
  /** The zxid that the snapshot's digest is for; nothing is compared before it. */
  #waitsFor: SnapshotDigest | null = null;
  #isSure: boolean;
  #compared = 0;
  #mismatches = 0;
  #first: Zxid | null = null;

  constructor(
    tree: Tree,
    after: Zxid,
    digest: SnapshotDigest | null,
    isFromSnapshot: boolean,
    note: Trace["note"],
  ) {
    this.#tree = tree;
    this.#note = note;
    this.#isSure = !isFromSnapshot;
    if (digest === null || digest.zxid < after || digest.zxid <= 0n) return;
    if (digest.digestVersion !== DIGEST_VERSION) return;
    if (digest.zxid > after) this.#waitsFor = digest;
    else this.#compare(digest.zxid, digest.digest);
  }

  applied(txn: Txn): void {
    const { zxid } = txn.header;
    const awaited = this.#waitsFor;
    if (awaited !== null) {
      if (zxid < awaited.zxid) return;
      this.#waitsFor = null;
      if (zxid === awaited.zxid) this.#compare(zxid, awaited.digest);
    }
    if (txn.digest !== null && txn.digest.version === DIGEST_VERSION) {
      this.#compare(zxid, txn.digest.treeDigest);
    }
  }

  /** The zxid up to which effects without their transactions are in the tree, or null. */
  finish(): Zxid | null {
    if (this.#first !== null) {
      this.#note("error", "store", "the tree differs from the one its leader had", {
        since: hex(this.#first),
        comparisons: this.#compared,
        mismatches: this.#mismatches,
      });
    }
    if (this.#waitsFor === null) return null;
    this.#note("warn", "store", "the log ends before the snapshot's digest", {
      lastZxid: hex(this.#tree.lastZxid),
      digestZxid: hex(this.#waitsFor.zxid),
    });
    return this.#waitsFor.zxid;
  }

  report(): DigestReport {
    return { compared: this.#compared, mismatches: this.#mismatches, firstMismatch: this.#first };
  }

  #compare(zxid: Zxid, expected: bigint): void {
    if (!this.#tree.options.digest) return;
    this.#compared += 1;
    if (this.#tree.digest() !== expected) {
      this.#mismatches += 1;
      this.#first ??= zxid;
    } else if (!this.#isSure) {
      this.#isSure = true;
      this.#mismatches = 0;
      this.#first = null;
    }
  }
}
