// The client operation sync at a leader: an answer means that whoever reads now sees all that was
// done before the question came. So everything proposed before it must be committed (quorum.md
// 7.11), and this server must still lead: a quorum has answered something sent after the question.
//
// Java answers at once when nothing is outstanding; a leader that has been deposed and does not know
// it then sends its clients to a stale tree. Here the question begins a round of PINGs, which Java's
// learners answer at once; all questions that come during a round share the next one. On the wire
// nothing is new. Under a Java leader nobody can promise as much to our clients.

import { Deque } from "../base/deque.ts";
import type { Sid, Zxid } from "../base/ids.ts";
import { PacketType } from "../txn/opcodes.ts";
import type { LearnerLink } from "./leader_link.ts";
import type { LeaderRoom } from "./leader_room.ts";
import type { LinkId } from "./mesh.ts";
import { bare } from "./packets.ts";

/** The link of whoever asked and is gone. */
const NO_LINK: LinkId = -1;

interface Question {
  /** Null: a client of our own. */
  link: LinkId | null;
  /** Proposed before it. */
  readonly after: Zxid;
  /** The first round that was begun after it. */
  readonly round: number;
}

/** What the questions need to know of the proposals. */
export interface Progress {
  readonly lastProposed: Zxid;
  readonly lastCommitted: Zxid;
}

export class LeaderSyncs {
  readonly #room: LeaderRoom;
  readonly #progress: Progress;
  readonly #questions = new Deque<Question>();
  /** Rounds begun, and the last one that a quorum has answered. */
  #begun = 0;
  #confirmed = 0;
  /** Of the round under way: the PING that each follower must answer, and who has. */
  readonly #marks = new Map<LearnerLink, number>();
  readonly #heard = new Set<Sid>();

  constructor(room: LeaderRoom, progress: Progress) {
    this.#room = room;
    this.#progress = progress;
  }

  get size(): number {
    return this.#questions.size;
  }

  ask(link: LinkId | null): void {
    const isUnderWay = this.#confirmed < this.#begun;
    const round = this.#begun + 1;
    this.#questions.push({ link, after: this.#progress.lastProposed, round });
    if (!isUnderWay) this.#begin();
    this.answer();
  }

  /** Our own clients are gone: who comes next must not take their answers for its own. */
  forgetOwn(): void {
    for (const question of this.#questions) question.link ??= NO_LINK;
  }

  /** A follower begins to be served: the round under way may need it. */
  joined(learner: LearnerLink): void {
    if (this.#confirmed < this.#begun) this.#ping(learner);
  }

  /** A PING was answered. */
  ponged(learner: LearnerLink): void {
    learner.ponged += 1;
    const mark = this.#marks.get(learner);
    if (mark === undefined || learner.ponged < mark) return;
    this.#marks.delete(learner);
    this.#heard.add(learner.sid);
    this.#check();
    this.answer();
  }

  /** Answers what may be answered: in the order of the questions, behind the COMMITs they wait for. */
  answer(): void {
    const { lastCommitted } = this.#progress;
    for (let next = this.#questions.first(); next !== undefined; next = this.#questions.first()) {
      if (next.after > lastCommitted || next.round > this.#confirmed) return;
      this.#answerFirst(next);
    }
  }

  /**
   * A proposal is about to be committed: its quorum has acknowledged it after all questions that
   * came before it, so they are answered now. They must be: learners expect the answers of a
   * session in the order in which it asked.
   */
  committing(zxid: Zxid): void {
    for (let next = this.#questions.first(); next !== undefined; next = this.#questions.first()) {
      if (next.after >= zxid) return;
      this.#answerFirst(next);
    }
  }

  #answerFirst({ link }: Question): void {
    this.#questions.shift();
    if (link === null) this.#room.effects.push({ type: "synced" });
    else if (this.#room.links.has(link)) this.#room.send(link, bare(PacketType.SYNC, 0n));
  }

  #begin(): void {
    this.#begun += 1;
    this.#marks.clear();
    this.#heard.clear();
    this.#heard.add(this.#room.options.sid);
    if (this.#check()) return;
    for (const learner of this.#room.followers) this.#ping(learner);
  }

  #ping(learner: LearnerLink): void {
    learner.pinged += 1;
    this.#marks.set(learner, learner.pinged);
    this.#room.send(learner.link, bare(PacketType.PING, this.#progress.lastProposed));
  }

  /** Whether the round is over; what was asked during it begins the next one. */
  #check(): boolean {
    if (!this.#room.quorums.holds(this.#heard)) return false;
    this.#confirmed = this.#begun;
    this.#marks.clear();
    const last = this.#questions.last();
    if (last !== undefined && last.round > this.#confirmed) this.#begin();
    return true;
  }
}
