// Whether this tree is the one the leader had (storage.md 5.3 and 5.4): each transaction carries the
// digest it should lead to, and a snapshot file the digest at some zxid in its fuzzy range. A
// difference is told and counted, and nothing else happens.
//
// Must agree with Java's DataTree.compareDigest and compareSnapshotDigests, but for trees that are
// a mixture without saying how long: Java then compares at once, or never again.

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
  /** The tree may be a mixture of times, nobody said how long: until it is right once. */
  #isUnsure = false;
  #compared = 0;
  #mismatches = 0;
  #first: Zxid | null = null;

  constructor(sum: DigestSum, note: Trace["note"]) {
    this.#sum = sum;
    this.#note = note;
  }

  /** How often digests were compared in earnest. */
  get compared(): number {
    return this.#compared;
  }

  /** How often they differed. */
  get mismatches(): number {
    return this.#mismatches;
  }

  /** Where they first differed. */
  get firstMismatch(): Zxid | null {
    return this.#first;
  }

  /** The zxid up to which a loaded tree is known to be a mixture; null when it is not known. */
  get fuzzyUntil(): Zxid | null {
    return this.#awaited?.zxid ?? null;
  }

  /** The tree was loaded, and may be ahead of its zxid in places. */
  loadedFuzzy(): void {
    this.#awaited = null;
    this.#isUnsure = true;
  }

  /**
   * The snapshot of `at` that the tree was loaded from carries a digest of `zxid`. Zxid 0 stands for
   * no digest; one before the snapshot's name is of no use.
   */
  loadedWith(at: Zxid, zxid: Zxid, version: number, digest: bigint): void {
    if (zxid <= 0n || zxid < at || version !== DIGEST_VERSION) return;
    this.#isUnsure = false;
    if (zxid > at) this.#awaited = { zxid, digest };
    else this.#compare("snapshot", zxid, digest);
  }

  /** The transaction has just been applied. */
  applied(txn: Txn): void {
    const { zxid } = txn.header;
    const awaited = this.#awaited;
    if (awaited !== null) {
      if (zxid < awaited.zxid) return;
      this.#awaited = null;
      if (zxid === awaited.zxid) this.#compare("snapshot", zxid, awaited.digest);
      else this.#isUnsure = true; // passed by
    }
    const { digest } = txn;
    if (digest !== null && digest.version === DIGEST_VERSION) {
      this.#compare("transaction", zxid, digest.treeDigest);
    }
    if (!this.#isUnsure) this.history.record(zxid, this.#sum);
  }

  #compare(source: string, zxid: Zxid, expected: bigint): void {
    const isEqual = this.#sum.is(expected);
    if (this.#isUnsure && !isEqual) return;
    this.#isUnsure = false;
    this.#compared += 1;
    if (isEqual) return;
    this.#first ??= zxid;
    if (this.#mismatches++ % NOTE_INTERVAL !== 0) return;
    this.#note("error", "digest", `the tree differs from what the ${source} says`, {
      zxid: hex(zxid),
      expected: hex(expected),
      found: hex(this.#sum.value),
    });
  }
}
