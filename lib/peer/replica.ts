// What every role of this server works on, and what outlives a role: the tree, the newest committed
// txns, the disk. While a leader's snapshot is coming in, the tree is not what is on disk.
//
// Must agree with Java's ZKDatabase. Unlike there nothing is ever applied that is neither in the log
// nor in a snapshot when a role ends (ZOOKEEPER-2845, 3642).

import { type Epoch, epochOf, type Zxid, zxidOf } from "../base/ids.ts";
import type { Disk, Done } from "../ports.ts";
import { attempt } from "../store/disk_log.ts";
import { filesOf, SNAPSHOT } from "../store/names.ts";
import type { Store, StoreRecovered } from "../store/store.ts";
import { Tree, type TreeOptions } from "../tree/tree.ts";
import type { Txn } from "../txn/txn.ts";
import { CommittedLog, type DiskLog } from "../zab/catch_up.ts";

/** A snapshot of a Java leader shows effects of later txns: at most so many until it is level. */
const FUZZY_TXNS_MAX = 10_000;

export class Replica {
  readonly store: Store;
  readonly log: CommittedLog;
  readonly #disk: Disk;
  readonly #treeOptions: TreeOptions;
  #tree: Tree;
  #isStale = false;
  /** Txns of a fuzzy snapshot that may still differ from the tree; 0 when it is exact. */
  #fuzzyLeft = 0;
  /** Our log cannot be taken back to where the leader is: only a snapshot of its helps. */
  needsSnapshot = false;

  constructor(
    store: Store,
    recovered: StoreRecovered,
    treeOptions: TreeOptions,
    commitLogCount: number,
    disk: Disk,
  ) {
    this.store = store;
    this.#disk = disk;
    this.#treeOptions = treeOptions;
    this.#tree = recovered.tree;
    this.log = new CommittedLog(commitLogCount);
    for (const txn of recovered.recent) this.log.push(txn);
  }

  get tree(): Tree {
    return this.#tree;
  }

  get treeOptions(): TreeOptions {
    return this.#treeOptions;
  }

  /** The tree is another's, and not on disk yet: {@link reload} before it is used for anything. */
  get isStale(): boolean {
    return this.#isStale;
  }

  /**
   * The txn as the tree shall see it: without its digest while a fuzzy snapshot is being levelled,
   * for then it does not fit, and that is no error. `compare` false: not even looked at.
   */
  comparable(txn: Txn, compare: boolean): Txn {
    if (txn.digest === null) return txn;
    return compare && this.#fuzzyLeft === 0 ? txn : { ...txn, digest: null };
  }

  /** After a txn has been applied: remembers it, and notices when a fuzzy tree has become exact. */
  applied(txn: Txn, compare: boolean): void {
    this.log.push(txn);
    if (this.#fuzzyLeft === 0 || !compare || txn.digest === null) return;
    const isExact = this.#tree.digest() === txn.digest.treeDigest;
    this.#fuzzyLeft = isExact ? 0 : this.#fuzzyLeft - 1;
  }

  /** Applies a txn straight to the tree, with nobody looking. */
  apply(txn: Txn, compare: boolean): void {
    this.#tree.apply(this.comparable(txn, compare), false);
    this.applied(txn, compare);
  }

  /** A leader's snapshot is coming: the tree of before is let go, so that there is room. */
  discard(): void {
    this.#isStale = true;
    this.log.clear();
    this.#tree = new Tree(this.#treeOptions);
  }

  /** The tree of a leader, complete up to `zxid`; not on disk yet. */
  adopt(tree: Tree, zxid: Zxid): void {
    tree.lastZxid = zxid;
    this.#tree = tree;
    this.#fuzzyLeft = FUZZY_TXNS_MAX;
    this.store.attach(tree);
  }

  /**
   * Calls back when our history is on disk. It is not when an observer that keeps no log becomes a
   * voter: what it acknowledges and logs from then on must stand on what it has.
   */
  whenStored(done: Done): void {
    if (this.store.appended >= this.#tree.lastZxid) return done(null);
    this.#treeOptions.note("info", "store", "what was learned without a log is made durable");
    this.install(done);
  }

  /** Makes the adopted tree our history, on disk. */
  install(done: Done): void {
    this.store.installSnapshot((fault) => {
      if (fault === null) {
        this.#isStale = false;
        this.needsSnapshot = false;
      }
      done(fault);
    });
  }

  /**
   * An operator's tree takes the place of ours, at the zxid where we stand: what comes next goes on
   * from there. No role may be at work. Afterwards nobody is brought level by what came before.
   */
  restore(tree: Tree, currentEpoch: Epoch, done: Done): void {
    const at = this.#tree.lastZxid > this.store.appended
      ? this.#tree.lastZxid
      : this.store.appended;
    // A member without a txn stands where an empty newcomer stands, who would be told it is level.
    tree.lastZxid = at > 0n ? at : zxidOf(currentEpoch, 0n);
    this.#tree = tree;
    this.#fuzzyLeft = 0;
    this.log.clear();
    this.store.attach(tree);
    this.store.installRestored((fault) => {
      if (fault === null) this.needsSnapshot = false;
      done(fault);
    });
  }

  /** Reads the disk again. Nothing may be being written. Faults: as Store.recover. */
  reload(): void {
    const recovered = this.store.recover(this.#treeOptions);
    this.#tree = recovered.tree;
    this.#isStale = false;
    this.#fuzzyLeft = 0;
    this.log.clear();
    for (const txn of recovered.recent) this.log.push(txn);
  }

  /**
   * At the end of a role: the txns of `logged` that are in the log go into the tree, so that both
   * say the same to the next leader.
   */
  catchUpWithLog(logged: Iterable<Txn>): void {
    if (this.#isStale) return;
    for (const txn of logged) {
      const { zxid } = txn.header;
      if (zxid <= this.#tree.lastZxid || zxid > this.store.appended) continue;
      // A TRUNC takes it back by the name of a snapshot, which would not tell that it is in there.
      this.store.cancelSnapshot("the tree goes on with what may not be committed");
      this.apply(txn, true);
    }
  }

  /** The log on disk for {@link planCatchUp}, with a stop where a snapshot had replaced history. */
  diskLog(): DiskLog {
    return { open: (from) => this.#openLog(from) };
  }

  #openLog(from: Zxid): Iterator<Txn> | null {
    return attempt(() => {
      const log = this.store.readLog(from);
      if (log === null) return null;
      const snapshots = filesOf(this.#disk, this.store.dirs.snapshots, SNAPSHOT);
      return unbroken(log, snapshots.map(({ zxid }) => zxid));
    }, this.#treeOptions.note);
  }
}

/**
 * Ends where one epoch follows another with a snapshot between the two: a leader's, taken in place
 * of transactions that this log does not have, so that what stands before it leads nowhere.
 */
function* unbroken(txns: Iterable<Txn>, snapshots: readonly Zxid[]): Generator<Txn, void> {
  let previous: Zxid | null = null;
  for (const txn of txns) {
    const { zxid } = txn.header;
    if (previous !== null && epochOf(zxid) !== epochOf(previous)) {
      const last = previous;
      if (snapshots.some((snapshot) => snapshot > last && snapshot < zxid)) return;
    }
    previous = zxid;
    yield txn;
  }
}
