// What a learner received while it was brought level: an unbroken run of txns behind what it had,
// of which the first ones are committed (quorum.md 6.7).
//
// Must agree with the lists of packets in Java's Learner.syncWithLeader. Java warns where a COMMIT
// does not fit; here that ends the sync, for nothing good can follow.

import { Fault } from "../base/errors.ts";
import { hex, type Zxid } from "../base/ids.ts";
import type { Txn } from "../txn/txn.ts";
import { mustFollow } from "./catch_up.ts";

export class LearnerHistory {
  /** The last zxid of our history, txns that wait for their COMMIT included. */
  last: Zxid;
  /** The last zxid in the tree. */
  applied: Zxid;
  /** Of the SNAP, if one came: what is queued behind it may be in it already (6.4). */
  snapZxid: Zxid | null = null;
  #txns: Txn[] = [];
  #decided = 0;

  constructor(lastZxid: Zxid) {
    this.last = lastZxid;
    this.applied = lastZxid;
  }

  /** Our history ends at `zxid` from now on, on disk as in the tree. */
  restart(zxid: Zxid): void {
    this.last = zxid;
    this.applied = zxid;
    this.#txns = [];
    this.#decided = 0;
  }

  /** Checks that nothing is missing between our history and `zxid` (7.9; H-L10, H-L20, H-R11). */
  follow(zxid: Zxid): void {
    if (!mustFollow(this.last, zxid)) {
      throw new Fault("PROTOCOL", `transaction ${hex(zxid)} follows ${hex(this.last)}`, {
        hint: "transactions between them are missing or repeated; catching up again",
      });
    }
    this.last = zxid;
  }

  /** Keeps a received txn. False when it is in the SNAP already. */
  receive(txn: Txn): boolean {
    const { zxid } = txn.header;
    if (this.#isInSnap(zxid)) return false;
    this.follow(zxid);
    this.#txns.push(txn);
    return true;
  }

  /** The next txn is committed: it, or null when it is in the SNAP already. */
  decide(zxid: Zxid): Txn | null {
    const txn = this.#txns[this.#decided];
    if (txn !== undefined && txn.header.zxid === zxid) {
      this.#decided += 1;
      return txn;
    }
    if (this.#isInSnap(zxid)) return null;
    throw new Fault("PROTOCOL", `COMMIT of ${hex(zxid)}`, {
      hint: txn === undefined ? "nothing waits for it" : `${hex(txn.header.zxid)} is older`,
    });
  }

  /** Takes the committed txns out. */
  takeDecided(): Txn[] {
    const txns = this.#txns.splice(0, this.#decided);
    this.#decided = 0;
    return txns;
  }

  /** Takes the txns out that wait for their COMMIT; to be called after {@link takeDecided}. */
  takeUndecided(): Txn[] {
    const txns = this.#txns;
    this.#txns = [];
    return txns;
  }

  #isInSnap(zxid: Zxid): boolean {
    return this.snapZxid !== null && zxid <= this.snapZxid;
  }
}
