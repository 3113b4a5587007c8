// The disk of one server: what is on it at start, which transactions are durable (`onDurable`, the
// one source of acknowledgements), snapshots beside them, epochs, going back, catching others up.
// Each of these is a file of its own; here is what they have to do with each other.
//
// Any failure to write the log or an epoch is final: `onFatal` is called once, nothing is
// acknowledged afterwards, and the process must end with a code other than 0 (Java's ends with 0,
// or goes on from memory). Must agree with FileTxnSnapLog and ZKDatabase in what stands on disk.

import { assert } from "../base/assert.ts";
import { type Fault, isFault } from "../base/errors.ts";
import { type Epoch, hex, type Zxid } from "../base/ids.ts";
import type { Done, Millis } from "../ports.ts";
import type { Tree, TreeOptions } from "../tree/tree.ts";
import type { Txn } from "../txn/txn.ts";
import { type DataDirs, initializeFiles, openDataDirs } from "./data_dirs.ts";
import { DiskLog, logSizeLimit } from "./disk_log.ts";
import { EpochFiles, type EpochName, type Epochs } from "./epochs.ts";
import { type FlushInfo, GroupCommit } from "./group_commit.ts";
import { join, LOG, SNAPSHOT } from "./names.ts";
import type { StoreOptions, StorePorts } from "./options.ts";
import { recover, type Recovered } from "./recovery.ts";
import { SnapshotSchedule } from "./retention.ts";
import { removeAbove, truncateTo } from "./rewind.ts";
import { setAside } from "./set_aside.ts";
import { wholeSnapshots } from "./snapshot.ts";
import { type SnapshotInfo, SnapshotWriter } from "./snapshot_writer.ts";
import { type SnapshotDone, Snapshots } from "./snapshots.ts";
import { SpaceWatch } from "./space_watch.ts";

export type { DiskLog } from "./disk_log.ts";
export type { EpochName, Epochs } from "./epochs.ts";
export type { FlushInfo } from "./group_commit.ts";
export { storeDefaults, type StoreOptions, type StorePorts } from "./options.ts";
export type { SnapshotInfo } from "./snapshot_writer.ts";

export interface StoreRecovered extends Omit<Recovered, "lastZxid"> {
  /** −1 when the database is empty and nobody said it may be: the server must not vote. */
  readonly lastZxid: Zxid;
  readonly trusted: boolean;
}

/** Free space that is kept: what is written between two looks, and then some. */
const RESERVE_KB = 64 << 10;
/** What a znode costs in a snapshot beside its path and data. */
const NODE_BYTES = 80;

/** What exists between recover and close. */
interface Opened {
  readonly dirs: DataDirs;
  readonly epochs: EpochFiles;
  readonly lastZxid: Zxid;
  commit: GroupCommit;
}

export class Store {
  /** The highest zxid that is on disk; what came before it is as well. */
  onDurable: (upTo: Zxid) => void = () => {};
  /** The disk failed or is full: acknowledge nothing more, end the process. */
  onFatal: (fault: Fault) => void = () => {};
  /** Space runs out (true) or is there again (false): refuse writes early, keep serving reads. */
  onSpace: (isLow: boolean, free: number) => void = () => {};
  onFlush: (flush: FlushInfo) => void = () => {};
  /** A snapshot was written; it took so long. */
  onSnapshot: (millis: Millis) => void = () => {};

  readonly #ports: StorePorts;
  readonly #options: StoreOptions;
  readonly #schedule: SnapshotSchedule;
  readonly #space: SpaceWatch;
  readonly #snapshots: Snapshots;
  #opened: Opened | null = null;
  #fault: Fault | null = null;
  /** Transactions that came while the history was being replaced. */
  #held: Txn[] | null = null;

  constructor(ports: StorePorts, options: StoreOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#schedule = new SnapshotSchedule(ports.random, options);
    this.#space = new SpaceWatch(ports.disk, 1024 * (options.diskReserveKb ?? RESERVE_KB));
    this.#snapshots = new Snapshots(ports, options);
    this.#snapshots.onTaken = (millis) => this.onSnapshot(millis);
  }

  /**
   * Opens the folders and reads all that is on them; the tree is attached. May be called again when
   * no file is in use: after {@link truncate} or {@link settle}.
   * Faults: DATA_DIR, CORRUPT, DISK.
   */
  recover(treeOptions: TreeOptions): StoreRecovered {
    assert(this.#opened?.commit.isOpen !== true, "recovery happens while no log is in use");
    this.#snapshots.cancel("the disk is read again");
    const { disk, clock, note } = this.#ports;
    const { dataDir, dataLogDir } = this.#options;
    const begun = clock.now().mono;
    const dirs = openDataDirs(disk, dataDir, dataLogDir, this.#options.dataDirAutocreate);
    const found = recover(disk, dirs, treeOptions, {
      commitLogCount: this.#options.commitLogCount,
      snapshotTrustEmpty: this.#options.snapshotTrustEmpty,
      allowDiscontinuousProposals: this.#options.allowDiscontinuousProposals ?? false,
    });
    const recovered = found.lastZxid === null
      ? this.#startEmpty(dirs, found)
      : { ...found, lastZxid: found.lastZxid, trusted: true };
    for (const path of initializeFiles(dataDir, dataLogDir)) {
      if (disk.size(path) !== null) disk.remove(path);
    }
    const { lastZxid } = recovered;
    const epochs = new EpochFiles(disk, dirs.snapshots, note);
    this.#opened = { dirs, epochs, lastZxid, commit: this.#commitFrom(dirs, lastZxid) };
    this.#snapshots.tree = recovered.tree;
    this.#snapshots.last = this.#firstSnapshot(dirs, recovered);
    note("info", "store", "the data directory was read", {
      lastZxid: hex(lastZxid),
      snapshot: recovered.snapshot?.name ?? null,
      replayed: recovered.replayed,
      znodes: recovered.tree.nodeCount,
      digestsCompared: recovered.digest.compared,
      digestMismatches: recovered.digest.mismatches,
      millis: Math.round(clock.now().mono - begun),
    });
    return recovered;
  }

  /** Which tree snapshots are taken of, from now on. */
  attach(tree: Tree): void {
    this.#snapshots.tree = tree;
  }

  get dirs(): DataDirs {
    return this.#open().dirs;
  }

  /** Highest zxid handed over, and highest one on disk. */
  get appended(): Zxid {
    return this.#open().commit.appended;
  }

  get durable(): Zxid {
    return this.#open().commit.durable;
  }

  get fault(): Fault | null {
    return this.#fault;
  }

  get lastSnapshot(): SnapshotInfo | null {
    return this.#snapshots.last;
  }

  /** Whether space has run out, as {@link onSpace} has said. */
  get isSpaceLow(): boolean {
    return this.#space.isLow;
  }

  /** Bytes free where the files are; null when the system does not tell. */
  get freeBytes(): number | null {
    const free = this.#space.free(this.dirs);
    return free === Infinity ? null : free;
  }

  /** Bytes that are to stay free. */
  get reserveBytes(): number {
    return this.#space.reserve;
  }

  get isSnapshotting(): boolean {
    return this.#snapshots.isRunning;
  }

  /** When {@link tick} must be called next; null when it need not. */
  get deadline(): Millis | null {
    if (this.#fault !== null || this.#opened === null) return null;
    return Math.min(this.#space.deadline, this.#opened.commit.deadline ?? Infinity);
  }

  tick(now: Millis): void {
    if (this.#fault !== null || this.#opened === null) return;
    this.#space.tick(now, this.#opened.dirs, (isLow, free) => this.onSpace(isLow, free));
    this.#opened.commit.turn();
  }

  /** Takes a transaction; it is durable when `onDurable` has said so. In order of zxid. */
  append(txn: Txn): void {
    if (this.#held !== null) return void this.#held.push(txn);
    const { commit } = this.#open();
    const size = commit.append(txn);
    if (size > 0 && this.#schedule.logged(size)) this.#snapshotIsDue(commit);
  }

  /** To be called once per turn: starts writing what was appended, unless a flush is under way. */
  commitTurn(): void {
    this.#opened?.commit.turn();
  }

  /**
   * Ends the log file at hand when all that was appended is on disk, or calls `done` with the fault
   * that prevents it. What is appended afterwards begins a new file.
   */
  settle(done: Done): void {
    this.#whenStill(done, ({ commit }) => commit.appended);
  }

  /** Gives up the snapshot that is being written: its tree shows what may be taken back. */
  cancelSnapshot(why: string): void {
    this.#snapshots.cancel(why);
  }

  /**
   * The transactions on disk from the newest one up to `from` on, for a learner that is behind what
   * memory holds. Null when they are not there or more than `snapshotSizeFactor` allows.
   */
  readLog(from: Zxid): DiskLog | null {
    const { disk, note } = this.#ports;
    const limit = logSizeLimit(disk, this.dirs, this.#options.snapshotSizeFactor);
    return limit === null ? null : DiskLog.open(disk, this.dirs, from, limit, note);
  }

  /**
   * Removes everything above `to` from the disk, after what is being written. Fault CORRUPT, with
   * the disk as it was: `to` cannot be reached, a snapshot of the leader is needed. Afterwards
   * {@link recover} reads what is left.
   */
  truncate(to: Zxid, done: Done): void {
    this.#whenStill(done, ({ dirs }) => {
      truncateTo(this.#ports.disk, dirs, to, this.#ports.note);
      return to;
    });
  }

  /**
   * Writes a snapshot of the attached tree as it is now, while it goes on changing; durable when
   * `done` hears of it. `isUrgent` is for a tree that has just come: a snapshot of the former one
   * that is still being written is given up for it. Fault DISK_FULL with `isEarly`: one that can
   * wait was not begun, because it would take the room that the log needs.
   */
  takeSnapshot(isUrgent: boolean, done: SnapshotDone): void {
    const { dirs, commit } = this.#open();
    const { tree } = this.#snapshots;
    if (isUrgent) this.#snapshots.cancel("another tree has come");
    else if (tree !== null) {
      const refused = this.#space.refuse(dirs, tree.dataSize + NODE_BYTES * tree.nodeCount);
      if (refused !== null) return this.#ports.clock.soon(() => done(refused));
    }
    this.#snapshots.take(dirs.snapshots, (zxid, go) => commit.afterDurable(zxid, go), done);
  }

  /**
   * Makes the attached tree, which came from a leader, the history of this server: its snapshot is
   * made durable, then all records and snapshots above it are removed. Transactions appended
   * meanwhile are written behind it.
   */
  installSnapshot(done: Done): void {
    this.#install((_taken, over) => over(null), done, true);
  }

  /**
   * The same for a tree that an operator gave back: what was on disk before is set aside under
   * other names, since it leads to another database. No zxid on disk may be above the tree's.
   */
  installRestored(done: Done): void {
    this.#install(({ path, zxid }, over) => {
      const { disk, note } = this.#ports;
      const failed: Done = (fault) => {
        if (fault !== null) this.#fail(fault);
        over(fault);
      };
      const moved = (count: number): void => {
        note("warn", "store", "files of before the restore stay under other names", {
          files: `before-restore-*, ${count} of them`,
          in: this.dirs.snapshots,
          hint: "remove them when nobody wants the former database back",
        });
        over(null);
      };
      setAside(disk, this.dirs, path, zxid, moved, failed);
    }, done);
  }

  /**
   * `finish` comes when the snapshot is the history, before the log goes on. `isOnly`: no other of
   * its zxid is to stay.
   */
  #install(
    finish: (taken: SnapshotInfo, over: Done) => void,
    done: Done,
    isOnly = false,
  ): void {
    assert(this.#held === null, "one history is installed at a time");
    this.#held = [];
    const over: Done = (fault) => {
      const held = this.#held ?? [];
      this.#held = null;
      if (fault === null) { for (const txn of held) this.append(txn); }
      done(fault);
    };
    this.takeSnapshot(true, (result) => {
      if (isFault(result)) return over(result);
      this.#whenStill(
        (fault) => fault === null ? finish(result, over) : over(fault),
        ({ dirs }) => {
          removeAbove(this.#ports.disk, dirs, result.zxid, isOnly ? result.path : undefined);
          return result.zxid;
        },
      );
    });
  }

  /** The epochs of this server, checked against the log; after {@link recover}. Fault CORRUPT. */
  epochs(): Epochs {
    const { epochs, lastZxid } = this.#open();
    return epochs.recover(lastZxid);
  }

  /**
   * `currentEpoch` waits for the log: with it goes the claim to hold all that this server named in
   * the election, and a server that lost a part of that at a crash would win with it the next time.
   */
  saveEpoch(which: EpochName, epoch: Epoch, done: Done): void {
    const { epochs, commit } = this.#open();
    const save = () =>
      epochs.save(which, epoch, (fault) => {
        if (fault !== null) this.#fail(fault);
        done(fault);
      });
    if (which === "acceptedEpoch") save();
    else commit.afterDurable(commit.appended, save);
  }

  /** Bytes of the files in both folders; as in Java 0 of one that cannot be looked into now. */
  dirSizes(): { readonly snapshots: number; readonly logs: number } {
    const { dirs } = this.#open();
    return {
      snapshots: this.#sizeOf(dirs.snapshots, SNAPSHOT),
      logs: this.#sizeOf(dirs.logs, LOG),
    };
  }

  /** Ends in good order: what was appended is on disk when `done(null)` is called. */
  close(done: Done): void {
    const opened = this.#opened;
    if (opened === null) return this.#ports.clock.soon(() => done(null));
    this.#snapshots.cancel("the server ends");
    opened.commit.drain((fault) => {
      this.#opened = null;
      if (fault !== null) done(fault);
      else opened.commit.close(done);
    });
  }

  /** The one that a start begins with, or has just written. */
  #firstSnapshot(dirs: DataDirs, { snapshot, tree }: StoreRecovered): SnapshotInfo | null {
    const { disk } = this.#ports;
    const file = snapshot ?? wholeSnapshots(disk, dirs.snapshots, 1).at(0);
    if (file === undefined) return null;
    const { path, zxid } = file;
    return { path, zxid, size: disk.size(path) ?? 0, nodes: tree.nodeCount };
  }

  #open(): Opened {
    assert(this.#opened !== null, "the store is open between recover and close");
    return this.#opened;
  }

  #commitFrom(dirs: DataDirs, last: Zxid): GroupCommit {
    return new GroupCommit(this.#ports, this.#options, dirs.logs, last, {
      durable: (upTo) => this.onDurable(upTo),
      flushed: (flush) => this.onFlush(flush),
      failed: (fault) => this.#fail(fault),
    });
  }

  #snapshotIsDue(commit: GroupCommit): void {
    commit.roll();
    if (this.#snapshots.isRunning) {
      return this.#ports.note("warn", "store", "Too busy to snap, skipping");
    }
    this.takeSnapshot(false, (result) => {
      if (!isFault(result) || result.code === "PROTOCOL") return;
      // The log is whole and goes on, so nothing is lost; the next one is due soon enough.
      const why = result.message;
      this.#ports.note("error", "store", "a snapshot could not be written", { why });
    });
  }

  /**
   * A data directory without anything (storage.md 7.5). Where it may be empty, `snapshot.0` says so
   * before the `initialize` file goes, so that a crash in between changes nothing.
   */
  #startEmpty(dirs: DataDirs, found: Recovered): StoreRecovered {
    const { disk } = this.#ports;
    const { dataDir, dataLogDir, dbAutocreate } = this.#options;
    const isMeant = initializeFiles(dataDir, dataLogDir).some((path) => disk.size(path) !== null);
    if (!dbAutocreate && !isMeant) {
      found.tree.lastZxid = -1n;
      return { ...found, lastZxid: -1n, trusted: false };
    }
    SnapshotWriter.writeNow(disk, dirs.snapshots, found.tree, {
      digest: this.#options.digestEnabled,
      lastZxid: this.#options.serializeLastProcessedZxid,
    });
    return { ...found, lastZxid: 0n, trusted: true };
  }

  /**
   * Changes the files when nothing is being written; the log goes on behind the zxid that `change`
   * answers. Its faults leave the files as they were, except those of the disk, which are final.
   */
  #whenStill(done: Done, change: (opened: Opened) => Zxid): void {
    const opened = this.#open();
    opened.commit.drain((fault) => {
      if (fault !== null) return done(fault);
      this.#snapshots.cancel("the history is replaced");
      opened.commit.close((fault) => {
        if (fault !== null) {
          this.#fail(fault);
          return done(fault);
        }
        try {
          opened.commit = this.#commitFrom(opened.dirs, change(opened));
        } catch (error) {
          if (!isFault(error)) throw error;
          if (error.code !== "CORRUPT") this.#fail(error);
          return done(error);
        }
        done(null);
      });
    });
  }

  #sizeOf(dir: string, prefix: string): number {
    const { disk } = this.#ports;
    try {
      const names = (disk.list(dir) ?? []).filter((name) => name.startsWith(`${prefix}.`));
      return names.reduce((sum, name) => sum + (disk.size(join(dir, name)) ?? 0), 0);
    } catch (error) {
      if (!isFault(error)) throw error;
      return 0; // for want of handles, say: whoever asks for a size must not end the server
    }
  }

  #fail(fault: Fault): void {
    if (this.#fault !== null) return;
    this.#fault = fault;
    this.#opened?.commit.fail(fault);
    this.#snapshots.cancel("the disk has failed");
    this.onFatal(fault);
  }
}
