// How a learner is brought level: by DIFF, TRUNC or SNAP, a function of its last zxid, of ours and
// of the two logs (quorum.md 6.1 to 6.3). Sending it is peer/leader_port.ts's matter.
//
// Must agree with Java's LearnerHandler.syncFollower, except where that is not safe: whatever is
// not surely a prefix of our history becomes SNAP (H-L6, H-R1, H-R4, ZOOKEEPER-4352, 4925).

import { assert } from "../base/assert.ts";
import { Deque } from "../base/deque.ts";
import { counterOf, epochOf, type Zxid } from "../base/ids.ts";
import type { Txn } from "../txn/txn.ts";

/**
 * True when nothing is missing between `previous` and `zxid` in a log: the next one, or the first
 * of a later epoch (7.1). Java lets that begin anywhere (7.9); what is missing then is lost.
 */
export const mustFollow = (previous: Zxid, zxid: Zxid): boolean =>
  zxid === previous + 1n || (epochOf(zxid) > epochOf(previous) && counterOf(zxid) === 1n);

/** A zxid of no transaction: the member had synced with that epoch and logged nothing since. */
export const isNewEpochZxid = (zxid: Zxid): boolean => zxid > 0n && counterOf(zxid) === 0n;

export const COMMITTED_LOG_DEFAULTS = {
  /** `zookeeper.commitLogCount`; a configuration that says fewer means so many. */
  count: 500,
  /** Java has no such limit; 500 transactions of a megabyte would be half our memory. */
  bytes: 128 << 20,
} as const;

/** The newest committed transactions in memory, without a hole between the first and the last. */
export class CommittedLog {
  readonly #count: number;
  readonly #bytesMax: number;
  readonly #txns = new Deque<Txn>();
  #bytes = 0;

  constructor(
    count: number = COMMITTED_LOG_DEFAULTS.count,
    bytesMax: number = COMMITTED_LOG_DEFAULTS.bytes,
  ) {
    this.#count = count;
    this.#bytesMax = bytesMax;
  }

  get size(): number {
    return this.#txns.size;
  }

  /** The first kept zxid; null when empty. */
  get min(): Zxid | null {
    return this.#txns.first()?.header.zxid ?? null;
  }

  /** The last kept zxid; null when empty. */
  get max(): Zxid | null {
    return this.#txns.last()?.header.zxid ?? null;
  }

  /** Adds a committed txn. One already there is passed over; a gap drops what lies before it. */
  push(txn: Txn): void {
    const max = this.max;
    const zxid = txn.header.zxid;
    if (max !== null && zxid <= max) return;
    if (max !== null && !mustFollow(max, zxid)) this.clear();
    this.#txns.push(txn);
    this.#bytes += txn.bytes.length;
    while (
      this.#txns.size > this.#count || (this.#bytes > this.#bytesMax && this.#txns.size > 1)
    ) {
      this.#bytes -= this.#txns.shift()?.bytes.length ?? 0;
    }
  }

  /** Forgets what lies above `zxid`. */
  truncate(zxid: Zxid): void {
    for (let max = this.max; max !== null && max > zxid; max = this.max) {
      this.#bytes -= this.#txns.pop()?.bytes.length ?? 0;
    }
  }

  clear(): void {
    this.#txns.clear();
    this.#bytes = 0;
  }

  /** The kept txns above `zxid`, in order. */
  after(zxid: Zxid): Txn[] {
    const found: Txn[] = [];
    for (let i = this.#txns.size - 1; i >= 0; i--) {
      const txn = this.#txns.at(i);
      if (txn === undefined || txn.header.zxid <= zxid) break;
      found.push(txn);
    }
    return found.reverse();
  }

  has(zxid: Zxid): boolean {
    for (let i = this.#txns.size - 1; i >= 0; i--) {
      const at = this.#txns.at(i)?.header.zxid;
      if (at === undefined || at < zxid) return false;
      if (at === zxid) return true;
    }
    return false;
  }
}

/** The log on disk, as far as catching up needs it. */
export interface DiskLog {
  /**
   * Reads from the newest txn at or below `from` on. Null when there is none, or when what follows
   * is larger than a snapshot sync is worth (`snapshotSizeFactor`).
   */
  open(from: Zxid): Iterator<Txn> | null;
}

export interface CatchUpInput {
  /** From ACKEPOCH. */
  readonly peerLastZxid: Zxid;
  /** Of our tree. */
  readonly lastProcessed: Zxid;
  readonly log: CommittedLog;
  /** Null: sync from the log on disk is switched off. */
  readonly disk: DiskLog | null;
  /** `zookeeper.forceSnapshotSync`. */
  readonly forceSnapshot: boolean;
}

export type CatchUpPlan =
  | {
    readonly way: "diff";
    /** What the DIFF packet says: up to where the difference goes. */
    readonly zxid: Zxid;
    readonly txns: DiffSource;
    /** The last zxid the learner has afterwards. */
    readonly upTo: Zxid;
  }
  | { readonly way: "trunc"; readonly zxid: Zxid; readonly upTo: Zxid }
  | { readonly way: "snap"; readonly upTo: Zxid };

/** The transactions of a DIFF: first what is only on disk, then what was in memory. */
export class DiffSource {
  readonly fromDisk: boolean;
  #disk: Iterator<Txn> | null;
  #first: Txn | null;
  readonly #memory: readonly Txn[];
  #at = 0;
  #previous: Zxid;
  readonly #end: Zxid;

  /** From `previous`, which the learner has, up to `end`. `disk` stands behind `first`. */
  constructor(
    previous: Zxid,
    end: Zxid,
    memory: readonly Txn[],
    disk: Iterator<Txn> | null = null,
    first: Txn | null = null,
  ) {
    this.#previous = previous;
    this.#end = end;
    this.#memory = memory;
    this.#disk = disk;
    this.#first = first;
    this.fromDisk = disk !== null;
  }

  /** The next txn; null after the last; "gap" when the logs do not join: only SNAP helps then. */
  next(): Txn | null | "gap" {
    const found = this.#nextOnDisk();
    if (found === "gap") return found;
    const txn = found ?? this.#memory[this.#at++];
    if (txn === undefined) return this.#previous === this.#end ? null : "gap";
    if (!mustFollow(this.#previous, txn.header.zxid)) return "gap";
    this.#previous = txn.header.zxid;
    return txn;
  }

  /**
   * Null once memory goes on. The disk must reach what memory begins with: where an epoch begins,
   * zxids alone do not tell that nothing is missing.
   */
  #nextOnDisk(): Txn | null | "gap" {
    if (this.#disk === null) return null;
    let txn = this.#first;
    this.#first = null;
    if (txn === null) {
      const step = this.#disk.next();
      txn = step.done === true ? null : step.value;
    }
    const joins = this.#memory[0]?.header.zxid ?? null;
    if (txn !== null && txn.header.zxid < (joins ?? this.#end + 1n)) return txn;
    this.#disk.return?.();
    this.#disk = null;
    return joins === null || txn?.header.zxid === joins ? null : "gap";
  }
}

/** The first rule of quorum.md 6.2 that fits. */
export function planCatchUp(input: CatchUpInput): CatchUpPlan {
  const { peerLastZxid: peer, lastProcessed, log } = input;
  const snap: CatchUpPlan = { way: "snap", upTo: lastProcessed };
  const min = log.min ?? lastProcessed;
  const max = log.max ?? lastProcessed;
  assert(max <= lastProcessed, "what is in the committed log has been applied");
  if (input.forceSnapshot || peer < 0n) return snap;
  if (peer === lastProcessed) return diff(peer, new DiffSource(peer, peer, []));
  // A log that does not end where the tree does is no description of the tree.
  const isWhole = log.size > 0
    ? max === lastProcessed || isNewEpochZxid(lastProcessed)
    : !isNewEpochZxid(lastProcessed);
  if (!isWhole) return snap;
  if (peer > max) {
    // Java looks at no epoch here, and a Java learner truncates to the next zxid its log has; so
    // the target must be a txn that this learner surely logged: one of the same epoch (H-L6).
    const isSure = !isNewEpochZxid(peer) && log.has(max) && epochOf(peer) === epochOf(max);
    return isSure ? { way: "trunc", zxid: max, upTo: max } : snap;
  }
  if (peer >= min) return fromMemory(peer, max, log) ?? snap;
  return input.disk === null ? snap : fromDisk(peer, max, log, input.disk) ?? snap;
}

const diff = (upTo: Zxid, txns: DiffSource): CatchUpPlan => ({
  way: "diff",
  zxid: upTo,
  txns,
  upTo,
});

/** The walk of 6.3 over memory; null when the learner has something we do not know. */
function fromMemory(peer: Zxid, max: Zxid, log: CommittedLog): CatchUpPlan | null {
  if (!log.has(peer) && !isNewEpochZxid(peer)) return null;
  const txns = log.after(peer);
  const first = txns[0]?.header.zxid;
  if (first !== undefined && !mustFollow(peer, first)) return null;
  return diff(max, new DiffSource(peer, max, txns));
}

/** The walk of 6.3 over the disk up to the committed log, then over that. */
function fromDisk(peer: Zxid, max: Zxid, log: CommittedLog, disk: DiskLog): CatchUpPlan | null {
  const txns = disk.open(peer);
  if (txns === null) return null;
  const memory = log.after(peer);
  let isBelow = false;
  for (let step = txns.next(); step.done !== true; step = txns.next()) {
    const zxid = step.value.header.zxid;
    if (zxid < peer) {
      isBelow = true;
      continue;
    }
    if (zxid === peer) return diff(max, new DiffSource(peer, max, memory, txns));
    // Above it without having met it: known only if the learner had logged nothing in this epoch.
    if (!isBelow || !isNewEpochZxid(peer) || !mustFollow(peer, zxid)) break;
    return diff(max, new DiffSource(peer, max, memory, txns, step.value));
  }
  txns.return?.();
  return null;
}
