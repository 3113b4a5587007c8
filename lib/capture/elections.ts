// Elections as rounds (quorum.md 3): who voted for whom, in which order, and why it ended. What a
// server sends is its vote; a round ends when a quorum has agreed and the 200 ms have passed in which
// a better vote could have come, or when a server joins a leader that others already follow.

import type { Sid } from "../base/ids.ts";
import type { Notification } from "../records/election.ts";
import type { Conn, Context } from "./context.ts";
import type { ElectionVote } from "./message.ts";
import type { Side } from "./flows.ts";

/** FastLeaderElection waits 200 ms; what captures add to it stays well below 100. */
const SETTLED_NS = 250e6;
/** Who says the same again so long after the last change has no quorum yet: it would be silent. */
const REPEATED_NS = 150e6;
const ABANDONED_NS = 70e9;
const VOTES_MAX = 1000;
const ROUNDS_MAX = 256;
const LOOKING = 0;

export const STATES = ["LOOKING", "FOLLOWING", "LEADING", "OBSERVING"] as const;

interface Round {
  readonly round: bigint;
  readonly from: number;
  readonly votes: ElectionVote[];
  /** Last vote of each server that looks for a leader, and of those that have one. */
  readonly looking: Map<Sid, ElectionVote>;
  readonly settled: Map<Sid, ElectionVote>;
  /** When somebody changed his mind last; whether anybody has repeated himself since. */
  last: number;
  isOpen: boolean;
}

export class Elections {
  readonly #context: Context;
  readonly #rounds = new Map<bigint, Round>();
  /** The last vote of each server, with its round. */
  readonly #said = new Map<Sid, string>();
  /** Leader of the election that ended last. */
  lastLeader: Sid | null = null;

  constructor(context: Context) {
    this.#context = context;
  }

  notification(conn: Conn, side: Side, told: Notification, time: number): void {
    const { members } = this.#context;
    const sid = members.sidOf(conn, side);
    const vote: ElectionVote = {
      sid,
      from: conn.names[side],
      state: STATES[told.state] ?? String(told.state),
      leader: told.leader,
      zxid: told.zxid,
      peerEpoch: told.peerEpoch,
      time,
    };
    // A server that has not begun to vote answers observers with round 0, which is no election.
    if (told.state === LOOKING && told.electionEpoch === 0n) return;
    // To one that does not vote a server sends its last result, with the present round (2.4 rule 1).
    const hearer = members.sidOf(conn, (side ^ 1) as Side);
    const isVoting = hearer === null || !members.observers.has(hearer);
    if (told.state === LOOKING && !isVoting) return;
    if (told.state === LOOKING) this.#looking(vote, sid, told.electionEpoch, time);
    else this.#settled(vote, sid, time);
  }

  #looking(vote: ElectionVote, sid: Sid | null, round: bigint, time: number): void {
    if (sid !== null && vote.leader < 0n) this.#context.members.observers.add(sid);
    // Every new connection repeats the last message, however old (quorum.md 1.7).
    const key = `${round} ${vote.leader} ${vote.zxid} ${vote.peerEpoch}`;
    if (sid !== null && this.#said.get(sid) === key && !this.#rounds.has(round)) return;
    if (sid !== null) this.#said.set(sid, key);
    let found = this.#rounds.get(round);
    if (found === undefined) {
      found = {
        round,
        from: time,
        votes: [],
        looking: new Map(),
        settled: new Map(),
        last: time,
        isOpen: false,
      };
      if (this.#rounds.size >= ROUNDS_MAX) {
        const [oldest] = this.#rounds.values();
        this.#finish(oldest, null, [], "given up: too many rounds at a time", time);
      }
      this.#rounds.set(round, found);
      this.lastLeader = null;
    }
    if (sid === null) return;
    const before = found.looking.get(sid);
    if (before !== undefined && isSame(before, vote)) {
      const isLate = time - found.last > REPEATED_NS;
      if (isLate && !this.#context.members.observers.has(sid)) found.isOpen = true;
      return;
    }
    found.looking.set(sid, vote);
    found.last = time;
    found.isOpen = false;
    if (found.votes.length < VOTES_MAX) found.votes.push(vote);
  }

  /** A server with a leader says so, mostly as the answer to one that looks. */
  #settled(vote: ElectionVote, sid: Sid | null, time: number): void {
    if (sid === null) return;
    for (const round of this.#rounds.values()) {
      const before = round.settled.get(sid);
      if (before === undefined || !isSame(before, vote)) {
        round.settled.set(sid, vote);
        if (round.votes.length < VOTES_MAX) round.votes.push(vote);
      }
      const same = [...round.settled].filter(([, one]) => one.leader === vote.leader);
      const isLed = round.settled.get(vote.leader)?.state === "LEADING";
      if (!isLed || !this.#isQuorum(same.map(([one]) => one))) continue;
      const joined = [...round.looking.keys()].filter((one) => !round.settled.has(one));
      const who = joined.length === 0 ? "" : `${joined.join(", ")} joined: `;
      const voices = same.map(([one]) => one).sort((a, b) => (a < b ? -1 : 1)).join(", ");
      const why = `${who}${voices} said that ${vote.leader} leads`;
      this.#finish(round, vote.leader, same.map(([one]) => one), why, time);
    }
  }

  /** Ends what has settled; call now and then. */
  tick(time: number): void {
    for (const round of this.#rounds.values()) {
      const quiet = time - round.last;
      if (quiet < SETTLED_NS) continue;
      const best = this.#isUndecided(round) ? null : this.#agreed(round);
      if (best !== null) {
        const [leader, supporters] = best;
        this.#finish(round, leader, supporters, reasonOf(round, leader, supporters), time);
      } else if (quiet > ABANDONED_NS) {
        this.#finish(round, null, [], "no quorum agreed in what was captured", time);
      }
    }
  }

  /** The learner port shows that an election is over before any notification does. */
  followed(time: number): void {
    for (const round of this.#rounds.values()) {
      const best = this.#agreed(round);
      if (best === null) continue;
      this.#finish(round, best[0], best[1], reasonOf(round, best[0], best[1]), time);
    }
  }

  end(time: number): void {
    for (const round of this.#rounds.values()) {
      if (this.#isUndecided(round)) {
        this.#finish(round, null, [], "still undecided when the capture ended", time);
      }
    }
    this.followed(time);
    for (const round of this.#rounds.values()) {
      this.#finish(round, null, [], "the capture ended before a quorum agreed", time);
    }
  }

  /** Nobody has said how many vote, and those who would be enough by what we know go on asking. */
  #isUndecided(round: Round): boolean {
    return round.isOpen && this.#context.members.voters.size === 0;
  }

  #agreed(round: Round): [Sid, Sid[]] | null {
    const byLeader = new Map<Sid, Sid[]>();
    for (const [sid, vote] of round.looking) {
      byLeader.set(vote.leader, [...(byLeader.get(vote.leader) ?? []), sid]);
    }
    const { electorate } = this.#electorate();
    for (const [leader, all] of byLeader) {
      // Who does not vote repeats what he heard, too.
      const supporters = all.filter((sid) => electorate.has(sid));
      if (this.#isQuorum(supporters)) return [leader, supporters.sort((a, b) => (a < b ? -1 : 1))];
    }
    return null;
  }

  /** Who votes, and how many they are at least. */
  #electorate(): { electorate: ReadonlySet<Sid>; size: number } {
    const { voters, known, observers } = this.#context.members;
    if (voters.size > 0) return { electorate: voters, size: voters.size };
    const electorate = new Set([...known].filter((sid) => !observers.has(sid)));
    // Whoever elects has somebody to elect with, also where we have not met him yet.
    return { electorate, size: Math.max(2, electorate.size) };
  }

  /** By majority; of groups with weights the decoder knows nothing and asks for a majority too. */
  #isQuorum(sids: readonly Sid[]): boolean {
    const { electorate, size } = this.#electorate();
    return sids.filter((sid) => electorate.has(sid)).length * 2 > size;
  }

  #finish(
    round: Round,
    leader: Sid | null,
    supporters: readonly Sid[],
    why: string,
    time: number,
  ): void {
    this.#rounds.delete(round.round);
    if (leader !== null) this.lastLeader = leader;
    this.#context.tell({
      type: "election",
      time,
      round: round.round,
      from: round.from,
      leader,
      votes: round.votes,
      supporters: [...supporters].sort((a, b) => (a < b ? -1 : 1)),
      why,
    });
  }
}

const isSame = (a: ElectionVote, b: ElectionVote): boolean =>
  a.leader === b.leader && a.zxid === b.zxid && a.peerEpoch === b.peerEpoch && a.state === b.state;

/** What the winner had over the others, by the order of votes (quorum.md 3.3). */
function reasonOf(round: Round, leader: Sid, supporters: readonly Sid[]): string {
  const quorum = `${supporters.join(", ")} voted for ${leader}`;
  const winner = round.votes.find((vote) => vote.leader === leader);
  const own = round.votes.filter((vote) => vote.sid === vote.leader && vote.leader !== leader);
  if (winner === undefined || own.length === 0) return quorum;
  const epoch = own.every((vote) => vote.peerEpoch < winner.peerEpoch);
  if (epoch) return `${quorum}: its epoch ${winner.peerEpoch} is the newest`;
  const zxid = own.every((vote) =>
    vote.peerEpoch < winner.peerEpoch ||
    (vote.peerEpoch === winner.peerEpoch && vote.zxid < winner.zxid)
  );
  if (zxid) return `${quorum}: its zxid 0x${winner.zxid.toString(16)} is the newest`;
  const isEqual = own.some((vote) =>
    vote.peerEpoch === winner.peerEpoch && vote.zxid === winner.zxid && vote.leader < leader
  );
  return isEqual ? `${quorum}: of equal histories it has the highest id` : quorum;
}
