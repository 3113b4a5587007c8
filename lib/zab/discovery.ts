// Discovery: how a new epoch is found and promised (quorum.md 5.4). The leader's half counts who
// has shown up and who has accepted; the learner's half is a table over three epochs. Neither sends
// anything: leader.ts and learner.ts do, after the promise is on disk (14.1).
//
// Must agree with Java's Leader.getEpochToPropose and waitForEpochAck, and with
// Learner.registerWithLeader.

import { assert } from "../base/assert.ts";
import type { Epoch, Sid, Zxid } from "../base/ids.ts";
import type { QuorumRule } from "./quorums.ts";

/** What a member had reached before this leader: the current epoch, then the last zxid. */
export interface History {
  readonly currentEpoch: Epoch;
  readonly lastZxid: Zxid;
}

/** The zxid of a database that is not trusted: it takes no part in decisions (9.4). */
export const UNTRUSTED_ZXID: Zxid = -1n;
/** In ACKEPOCH: the epoch had been accepted before, so this answer does not count (5.4). */
export const ALREADY_ACCEPTED: Epoch = -1n;

/** True when `a` is ahead of `b`: such a learner must not follow `b`. */
export const isAhead = (a: History, b: History): boolean =>
  a.currentEpoch > b.currentEpoch ||
  (a.currentEpoch === b.currentEpoch && a.lastZxid > b.lastZxid);

/** The leader's half. Only the committed configuration counts here (8.7). */
export class Discovery {
  readonly #sid: Sid;
  readonly #rule: QuorumRule;
  readonly #own: History;
  readonly #connected = new Set<Sid>();
  readonly #accepted = new Set<Sid>();
  #next: Epoch = -1n;
  #isDecided = false;
  #isAgreed = false;

  constructor(sid: Sid, rule: QuorumRule, own: History) {
    this.#sid = sid;
    this.#rule = rule;
    this.#own = own;
  }

  /** The new epoch, once a quorum that includes the leader has shown up; until then null. */
  get epoch(): Epoch | null {
    return this.#isDecided ? this.#next : null;
  }

  /** True once a quorum that includes the leader has accepted the new epoch. */
  get isAgreed(): boolean {
    return this.#isAgreed;
  }

  /**
   * Somebody has shown up, promised up to `acceptedEpoch`. True when that decides the epoch, which
   * must then be on disk before anybody hears of it. An observer does not decide it, but its
   * promise must be below it all the same; what a stranger has promised is no matter of ours (Java
   * asks it).
   */
  connected(sid: Sid, acceptedEpoch: Epoch, isObserver = false): boolean {
    if (this.#isDecided) return false;
    const isMember = this.#rule.membership.members.has(sid);
    if (isMember && acceptedEpoch >= this.#next) this.#next = acceptedEpoch + 1n;
    if (!isObserver && this.#rule.isVoter(sid)) this.#connected.add(sid);
    this.#isDecided = this.#connected.has(this.#sid) && this.#rule.holds(this.#connected);
    return this.#isDecided;
  }

  /** A learner that left before the epoch was decided no longer counts: it promised nothing yet. */
  disconnected(sid: Sid): void {
    if (!this.#isDecided && sid !== this.#sid) this.#connected.delete(sid);
  }

  /**
   * Somebody has accepted the epoch. "ahead": it has what the leader lacks and must be refused;
   * "agreed": this one completed the quorum; "noted" otherwise. Late answers are not judged.
   */
  accepted(sid: Sid, history: History): "noted" | "agreed" | "ahead" {
    assert(this.#isDecided, "an epoch is accepted only after it was proposed");
    if (this.#isAgreed) return "noted";
    if (history.currentEpoch !== ALREADY_ACCEPTED) {
      if (isAhead(history, this.#own)) return "ahead";
      if (this.#rule.isVoter(sid) && history.lastZxid !== UNTRUSTED_ZXID) this.#accepted.add(sid);
    }
    this.#isAgreed = this.#accepted.has(this.#sid) && this.#rule.holds(this.#accepted);
    return this.#isAgreed ? "agreed" : "noted";
  }
}

/** What a learner does about a proposed epoch. */
export type Acceptance =
  /** Write acceptedEpoch first, then answer with the current epoch. */
  | { readonly answer: "promise"; readonly reported: Epoch }
  /** Answer at once with −1: it does not count. */
  | { readonly answer: "repeat"; readonly reported: Epoch }
  | { readonly answer: "refuse" };

/** The learner's half: LEADERINFO with `proposed` against our epoch files (5.4). */
export function judgeEpoch(proposed: Epoch, accepted: Epoch, current: Epoch): Acceptance {
  if (proposed > accepted) return { answer: "promise", reported: current };
  if (proposed === accepted) return { answer: "repeat", reported: ALREADY_ACCEPTED };
  return { answer: "refuse" };
}
