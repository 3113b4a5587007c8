// What a leader knows of one learner: how far its handshake and its sync have come, when it was
// heard, and which proposal it owes an ack for.
//
//   greeting → waiting → offered → agreeing → catchingUp → newLeader → acked → serving
//
// Must agree with Java's LearnerHandler and its SyncLimitCheck (quorum.md 5.2, 6.4, 7.6).

import type { Sid, Zxid } from "../base/ids.ts";
import type { Millis } from "../ports.ts";
import type { Txn } from "../txn/txn.ts";
import type { CatchUpPlan } from "./catch_up.ts";
import type { LinkId } from "./mesh.ts";

export type LinkStage =
  /** Nothing heard yet. */
  | "greeting"
  /** Its info is here; a quorum must show up before it hears the new epoch. */
  | "waiting"
  /** LEADERINFO is sent. */
  | "offered"
  /** ACKEPOCH is here; a quorum must have accepted before anybody is brought level. */
  | "agreeing"
  /** DIFF, TRUNC or SNAP is being sent. */
  | "catchingUp"
  /** NEWLEADER is sent. */
  | "newLeader"
  /** NEWLEADER is acknowledged; UPTODATE follows when the leader serves. */
  | "acked"
  | "serving";

/** A committed txn that a learner must get later. */
export interface Late {
  readonly txn: Txn;
  /** Of a reconfig: who leads from then on. */
  readonly designated: Sid | null;
}

export class LearnerLink {
  readonly link: LinkId;
  readonly remote: string;
  /** Negative until it has said who it is; unnamed learners keep a negative one. */
  sid: Sid = -1n;
  isObserver = false;
  stage: LinkStage = "greeting";
  /** From ACKEPOCH. */
  lastZxid: Zxid = -1n;
  heardAt: Millis;
  /** Until then it counts as synced (7.6). */
  syncedUntil: Millis;
  plan: CatchUpPlan | null = null;
  /** Committed since its sync was planned. Live traffic waits until UPTODATE is sent (6.8). */
  late: Late[] = [];
  lateBytes = 0;
  /** PINGs sent while it was served, and answers: it answers each, in order, and none before. */
  pinged = 0;
  ponged = 0;
  #owed: { readonly zxid: Zxid; readonly since: Millis } | null = null;
  #newest: { readonly zxid: Zxid; readonly since: Millis } | null = null;

  constructor(link: LinkId, remote: string, now: Millis, syncedUntil: Millis) {
    this.link = link;
    this.remote = remote;
    this.heardAt = now;
    this.syncedUntil = syncedUntil;
  }

  get isServing(): boolean {
    return this.stage === "serving";
  }

  /** From the plan of its sync to UPTODATE every commit must be kept for it. */
  get isCollecting(): boolean {
    return this.stage === "catchingUp" || this.stage === "newLeader" || this.stage === "acked";
  }

  /** PINGs may go out: never before DIFF, TRUNC or SNAP, and not inside a stream (H-L5). */
  get mayBePinged(): boolean {
    return this.stage === "newLeader" || this.stage === "acked" || this.stage === "serving";
  }

  /** We wait for bytes of this learner; else for others, or for ourselves. */
  get isAwaited(): boolean {
    return this.stage === "greeting" || this.stage === "offered" || this.stage === "newLeader" ||
      this.stage === "serving";
  }

  collect(txn: Txn, designated: Sid | null): void {
    this.late.push({ txn, designated });
    this.lateBytes += txn.bytes.length;
  }

  /** The kept commits above `zxid`, which are kept no longer. */
  takeLate(above: Zxid): Late[] {
    const late = this.late.filter(({ txn }) => txn.header.zxid > above);
    this.late = [];
    this.lateBytes = 0;
    return late;
  }

  /** A PROPOSAL went out. Only one at a time is watched: the first, then the then newest. */
  proposed(zxid: Zxid, now: Millis): void {
    if (this.#owed === null) this.#owed = { zxid, since: now };
    else this.#newest = { zxid, since: now };
  }

  acked(zxid: Zxid): void {
    if (this.#owed !== null && this.#owed.zxid === zxid) {
      this.#owed = this.#newest;
      this.#newest = null;
    } else if (this.#newest !== null && this.#newest.zxid === zxid) {
      this.#newest = null;
    }
  }

  /** The proposal that has waited too long for this learner's ack, or null. */
  overdue(now: Millis, limit: Millis): Zxid | null {
    return this.#owed !== null && now - this.#owed.since > limit ? this.#owed.zxid : null;
  }

  /** Its ack is waited for from when a proposal is sent, which is now at the earliest. */
  sentOnly(now: Millis): void {
    if (this.#owed !== null) this.#owed = { ...this.#owed, since: now };
    if (this.#newest !== null) this.#newest = { ...this.#newest, since: now };
  }

  /** The time was ours, not the learner's: this process stood still. */
  forgive(lost: Millis): void {
    this.heardAt += lost;
    this.syncedUntil += lost;
    if (this.#owed !== null) this.#owed = { ...this.#owed, since: this.#owed.since + lost };
    if (this.#newest !== null) this.#newest = { ...this.#newest, since: this.#newest.since + lost };
  }
}
