// Whether this tree is the one the leader had (storage.md 5.3 and 5.4): each transaction carries the
// digest it should lead to, and a snapshot file the digest at some zxid in its fuzzy range. A
// difference is told and counted, and nothing else happens.
//
// Must agree with Java's DataTree.compareDigest and compareSnapshotDigests.

import type { Zxid } from "../base/ids.ts";
import { hex } from "../base/ids.ts";
import type { Trace } from "../ports.ts";
import { DIGEST_VERSION, type Txn } from "../txn/txn.ts";
import type { DigestSum } from "./digest.ts";
import { DigestHistory } from "./history.ts";

/** After the first difference, one in this many is told. */
const NOTE_INTERVAL = 1000;

export class DigestCheck {
  readonly history = new DigestHistory();
  readonly #sum: DigestSum;
  readonly #note: Trace["note"];
  /** The digest of a snapshot whose zxid has not been reached: until then nothing is compared. */
  #awaited: { readonly zxid: Zxid; readonly digest: bigint } | null = null;
  #mismatches = 0;
  #passed = 0;

  constructor(sum: DigestSum, note: Trace["note"]) {
    this.#sum = sum;
    this.#note = note;
  }

  /** How often the digests differed. */
  get mismatches(): number {
    return this.#mismatches;
  }

  /** Whether the digest of a loaded snapshot is still to be met. */
  get isSuspended(): boolean {
    return this.#awaited !== null;
  }

  /**
   * The tree was loaded from a snapshot of `at` whose own digest is of `zxid`. Zxid 0 stands for no
   * digest; one before the snapshot's name is of no use.
   */
  loaded(at: Zxid, zxid: Zxid, version: number, digest: bigint): void {
    this.#awaited = null;
    if (zxid <= 0n || zxid < at || version !== DIGEST_VERSION) return;
    this.#awaited = { zxid, digest };
    if (zxid === at) this.#meet(zxid);
  }

  /** The transaction has just been applied. */
  applied(txn: Txn): void {
    const { zxid } = txn.header;
    if (this.#awaited !== null && !this.#meet(zxid)) return;
    this.history.record(zxid, this.#sum);
    const { digest } = txn;
    if (digest === null || digest.version !== DIGEST_VERSION) return;
    if (!this.#sum.is(digest.treeDigest)) this.#differs("transaction", zxid, digest.treeDigest);
  }

  /** True when comparing goes on from here. */
  #meet(zxid: Zxid): boolean {
    const awaited = this.#awaited;
    if (awaited === null) return true;
    if (zxid < awaited.zxid) return false;
    if (zxid > awaited.zxid) {
      if (this.#passed++ % NOTE_INTERVAL === 0) {
        this.#note("warn", "digest", "the zxid of the snapshot's digest was passed by", {
          zxid: hex(zxid),
          awaited: hex(awaited.zxid),
        });
      }
      return false;
    }
    this.#awaited = null;
    if (!this.#sum.is(awaited.digest)) this.#differs("snapshot", zxid, awaited.digest);
    return true;
  }

  #differs(source: string, zxid: Zxid, expected: bigint): void {
    if (this.#mismatches++ % NOTE_INTERVAL !== 0) return;
    this.#note("error", "digest", `the tree differs from what the ${source} says`, {
      zxid: hex(zxid),
      expected,
      found: this.#sum.value,
    });
  }
}
