// Proposals that wait for their quorum: who has acknowledged what, and which may be committed now.
// Always in zxid order, however the acks come: a proposal that has its quorum before an older one
// waits, and is looked at again when that one is committed (quorum.md 7.4; H-F11 is what becomes of
// a leader that does otherwise). Sending is leader.ts's matter.
//
// Must agree with Java's Leader.processAck and tryToCommit.

import { assert } from "../base/assert.ts";
import { Deque } from "../base/deque.ts";
import type { Sid, Zxid } from "../base/ids.ts";
import type { Txn } from "../txn/txn.ts";
import type { Quorums } from "./quorums.ts";

export interface Proposal {
  readonly txn: Txn;
  /** The rules in force when it was proposed: all of them must agree (7.4). */
  readonly quorums: Quorums;
  /** Voters that have it on disk; nobody twice. */
  readonly acks: Sid[];
}

export class Broadcast {
  readonly #outstanding = new Deque<Proposal>();
  #lastProposed: Zxid;
  #lastCommitted: Zxid;

  /** `base`: the zxid before the first proposal, (epoch, 0). */
  constructor(base: Zxid) {
    this.#lastProposed = base;
    this.#lastCommitted = base;
  }

  get lastProposed(): Zxid {
    return this.#lastProposed;
  }

  get lastCommitted(): Zxid {
    return this.#lastCommitted;
  }

  get size(): number {
    return this.#outstanding.size;
  }

  /** Proposed and not committed, oldest first. */
  get outstanding(): Iterable<Proposal> {
    return this.#outstanding;
  }

  propose(txn: Txn, quorums: Quorums): void {
    const { zxid } = txn.header;
    assert(zxid === this.#lastProposed + 1n, "zxids of proposals follow one another");
    this.#lastProposed = zxid;
    this.#outstanding.push({ txn, quorums, acks: [] });
  }

  /** One server has this one txn on disk. False: nothing outstanding has that zxid. */
  ack(sid: Sid, zxid: Zxid): boolean {
    const index = zxid - this.#lastCommitted - 1n;
    if (index < 0n || index >= BigInt(this.#outstanding.size)) return false;
    const proposal = this.#outstanding.at(Number(index));
    if (proposal === undefined) return false;
    if (proposal.quorums.isVoter(sid) && !proposal.acks.includes(sid)) proposal.acks.push(sid);
    return true;
  }

  /** What this server has acknowledged so far does not count any more. */
  forget(sid: Sid): void {
    for (const { acks } of this.#outstanding) {
      const at = acks.indexOf(sid);
      if (at !== -1) acks.splice(at, 1);
    }
  }

  /** Takes the oldest proposal if it has its quorum, else null. */
  takeCommitted(): Proposal | null {
    const proposal = this.#outstanding.first();
    if (proposal === undefined || !proposal.quorums.holds(proposal.acks)) return null;
    this.#outstanding.shift();
    this.#lastCommitted = proposal.txn.header.zxid;
    return proposal;
  }
}
