// Fast leader election as a machine: who leads, decided from notifications (quorum.md 2.4 and 3).
// It lives as long as the peer: while the peer looks it votes, afterwards it answers those who do.
// Links, greetings and re-dialling are mesh.ts; bytes are wire/election.ts.
//
// Must agree with Java's FastLeaderElection. One thing is ours: when every voter's vote agrees
// nothing can change it, so there is no final wait; Java waits 200 ms all the same.

import { assert, unreachable } from "../base/assert.ts";
import { earlier } from "../base/earlier.ts";
import type { Epoch, Sid, Zxid } from "../base/ids.ts";
import type { Instant, Millis } from "../ports.ts";
import type { Notification } from "../records/election.ts";

export const ServerState = { looking: 0, following: 1, leading: 2, observing: 3 } as const;
export type ServerState = (typeof ServerState)[keyof typeof ServerState];

/** What a voter stands for; `version` and `state` decide how two votes are compared (3.4). */
export interface Vote {
  readonly leader: Sid;
  readonly zxid: Zxid;
  /** The round, Java's electionEpoch. */
  readonly round: bigint;
  readonly peerEpoch: Epoch;
  readonly version: number;
  readonly state: ServerState;
}

/** The configuration(s) as the election needs them: committed, and last-seen when newer (3.5). */
export interface Electorate {
  readonly sid: Sid;
  /** Voters of both configurations. */
  readonly voters: ReadonlySet<Sid>;
  /** True when this server is a voter of the committed configuration. */
  readonly isVoter: boolean;
  /** True when this server is configured as an observer. */
  readonly isObserver: boolean;
  weightOf(sid: Sid): bigint;
  isQuorum(sids: ReadonlySet<Sid>): boolean;
  /** Text and version of the committed configuration. */
  readonly configText: string;
  readonly configVersion: bigint;
}

export interface ElectionOptions {
  readonly minNotificationMs: Millis;
  readonly maxNotificationMs: Millis;
  readonly finalizeWaitMs: Millis;
}

export const ELECTION_DEFAULTS: ElectionOptions = {
  minNotificationMs: 200,
  // Java waits up to a minute; a vote repeated too often is harmless, a late one is an outage.
  maxNotificationMs: 2000,
  finalizeWaitMs: 200,
};

export type ElectionEvent =
  /** The peer has no leader: a new round. `zxid` −1 when the database is not trusted (9.4). */
  | { readonly type: "look"; readonly zxid: Zxid; readonly currentEpoch: Epoch }
  | {
    readonly type: "notified";
    readonly from: Sid;
    readonly notification: Notification;
    /** Its configuration is not adopted: the rest counts as ever. */
    readonly isConfigRefused?: boolean;
  }
  /** The new epoch is established: the current vote speaks of it from now on (3.6 step 3). */
  | { readonly type: "established"; readonly epoch: Epoch }
  /** A committed reconfig names the next leader: no election (8.5 step 4d). */
  | {
    readonly type: "designated";
    readonly leader: Sid;
    readonly zxid: Zxid;
    readonly state: ServerState;
  }
  | { readonly type: "time" };

export type ElectionEffect =
  | { readonly type: "vote"; readonly to: Sid; readonly notification: Notification }
  | { readonly type: "decided"; readonly vote: Vote; readonly state: ServerState }
  /** A voter looks for a leader while this server leads (7.8). */
  | { readonly type: "voterLooks"; readonly sid: Sid }
  /**
   * While looking, somebody spoke of a newer configuration. Whoever adopts it drops the rest of the
   * message and looks anew (2.3); else the message is to be stepped again with its config refused.
   */
  | { readonly type: "newerConfig"; readonly from: Sid; readonly notification: Notification };

interface Told {
  readonly vote: Vote;
  readonly state: ServerState;
  readonly at: Millis;
  isOwed: boolean;
}

/** Strangers whose last answer is remembered; any link may claim any sid. */
const TOLD_MAX = 64;
const NOBODY = -(1n << 63n);
const UNTRUSTED: Zxid = -1n;
/** The version this server writes into its notifications. */
export const NOTIFICATION_VERSION = 2;

const isState = (value: number): value is ServerState => value >= 0 && value <= 3;

/** True when `a` beats `b`: epoch, then zxid, then sid; a weightless server never leads (3.3). */
export function beats(a: Vote, b: Vote, weightOf: (sid: Sid) => bigint): boolean {
  if (weightOf(a.leader) === 0n) return false;
  if (a.peerEpoch !== b.peerEpoch) return a.peerEpoch > b.peerEpoch;
  if (a.zxid !== b.zxid) return a.zxid > b.zxid;
  return a.leader > b.leader;
}

/** Which votes count together (3.4, the rule of 3.4.6+, 3.5.5+ and 3.6+). */
export function counts(a: Vote, b: Vote): boolean {
  if (a.state === ServerState.looking || b.state === ServerState.looking) {
    return a.leader === b.leader && a.zxid === b.zxid && a.round === b.round &&
      a.peerEpoch === b.peerEpoch;
  }
  if (a.version > 0 !== b.version > 0) return a.leader === b.leader;
  return a.leader === b.leader && a.peerEpoch === b.peerEpoch;
}

/** Version of a configuration text, or null when it has no readable one. */
export function versionOf(configText: string): bigint | null {
  const version = /^version=([0-9a-fA-F]{1,16})$/m.exec(configText)?.[1];
  return version === undefined ? null : BigInt(`0x${version}`);
}

export class Election {
  #electorate: Electorate;
  readonly #options: ElectionOptions;
  #state: ServerState = ServerState.looking;
  #looking = false;
  #round = 0n;
  /** What this server starts a round with. */
  #own: Vote;
  #proposal: Vote;
  /** What this server answers with when it does not look. */
  #current: Vote;
  #received = new Map<Sid, Vote>();
  /** Votes of servers that follow or lead. */
  #established = new Map<Sid, Vote>();
  /** What strangers were told last, and whether they have asked again since. */
  readonly #told = new Map<Sid, Told>();
  /** When the first of these is to be told again. */
  #owedAt: Millis | null = null;
  #resendAt: Millis | null = null;
  #resendWait: Millis = 0;
  #finalizeAt: Millis | null = null;

  constructor(electorate: Electorate, options: ElectionOptions = ELECTION_DEFAULTS) {
    this.#electorate = electorate;
    this.#options = options;
    this.#own = this.#initialVote(0n, 0n);
    this.#proposal = this.#own;
    this.#current = { ...this.#own, leader: electorate.sid, round: -1n };
  }

  /** When `time` must be stepped next. */
  get deadline(): Millis | null {
    return earlier(earlier(this.#resendAt, this.#finalizeAt), this.#owedAt);
  }

  get state(): ServerState {
    return this.#state;
  }

  get round(): bigint {
    return this.#round;
  }

  get currentVote(): Vote {
    return this.#current;
  }

  /** Another configuration holds from now on; a round under way goes on with it. */
  reconfigure(electorate: Electorate): void {
    this.#electorate = electorate;
  }

  step(event: ElectionEvent, now: Instant): readonly ElectionEffect[] {
    switch (event.type) {
      case "look":
        return this.#look(event.zxid, event.currentEpoch, now);
      case "notified":
        if (event.isConfigRefused !== true && this.#isNewerConfig(event.notification)) {
          return [{ type: "newerConfig", from: event.from, notification: event.notification }];
        }
        return this.#notified(event.from, event.notification, now);
      case "established":
        this.#current = { ...this.#current, peerEpoch: event.epoch };
        return [];
      case "designated":
        return this.#designated(event.leader, event.zxid, event.state);
      case "time":
        return this.#time(now);
      default:
        return unreachable(event);
    }
  }

  // ---- a round ------------------------------------------------------------------------------

  #look(zxid: Zxid, currentEpoch: Epoch, now: Instant): readonly ElectionEffect[] {
    this.#own = this.#initialVote(zxid, currentEpoch);
    if (this.#round === 0n) {
      // What a server says of itself before its first election (quorum.md 2.4, end).
      this.#current = { ...this.#own, leader: this.#electorate.sid, round: -1n };
    }
    this.#looking = true;
    this.#state = ServerState.looking;
    // A long, as on the wire (3.3): whoever claims the last round of all ends no later election.
    this.#round = BigInt.asIntN(64, this.#round + 1n);
    this.#received.clear();
    this.#established.clear();
    this.#finalizeAt = null;
    this.#resendWait = this.#options.minNotificationMs;
    this.#resendAt = now.mono + this.#resendWait;
    this.#proposal = { ...this.#own, round: this.#round };
    return this.#tellAll();
  }

  #designated(leader: Sid, zxid: Zxid, state: ServerState): readonly ElectionEffect[] {
    this.#current = { leader, zxid, round: -1n, peerEpoch: -1n, version: 0, state };
    this.#settle(state);
    return [{ type: "decided", vote: this.#current, state }];
  }

  #time(now: Instant): readonly ElectionEffect[] {
    return [...this.#tellStrangers(now), ...this.#voteInTime(now)];
  }

  #voteInTime(now: Instant): readonly ElectionEffect[] {
    if (!this.#looking) return [];
    if (this.#finalizeAt !== null && now.mono >= this.#finalizeAt) {
      return this.#decide(this.#proposal);
    }
    if (this.#resendAt === null || now.mono < this.#resendAt) return [];
    this.#resendWait = Math.min(this.#resendWait * 2, this.#options.maxNotificationMs);
    this.#resendAt = now.mono + this.#resendWait;
    return this.#tellAll();
  }

  #isNewerConfig(n: Notification): boolean {
    if (!this.#looking || !isState(n.state)) return false;
    const version = versionOf(n.config ?? "");
    return version !== null && version > this.#electorate.configVersion;
  }

  #notified(from: Sid, n: Notification, now: Instant): readonly ElectionEffect[] {
    if (!isState(n.state)) return [];
    const effects: ElectionEffect[] = [];
    if (!this.#electorate.voters.has(from)) {
      const vote = this.#looking ? this.#proposal : this.#current;
      const isAsking = n.state === ServerState.looking;
      if (!this.#isRepeated(from, vote, now, isAsking)) {
        effects.push(this.#answer(from, vote, this.#round));
      }
      return effects;
    }
    if (!this.#looking) {
      if (n.state !== ServerState.looking) return effects;
      if (this.#state === ServerState.leading) effects.push({ type: "voterLooks", sid: from });
      effects.push(this.#answer(from, this.#current, this.#current.round));
      return effects;
    }
    const vote = voteOf(n);
    if (vote.state === ServerState.looking && vote.round < this.#round) {
      // Whoever has no vote of its own has nothing to set right (see #isRepeated).
      if (this.#electorate.isVoter) effects.push(this.#answer(from, this.#proposal, this.#round));
      return effects;
    }
    if (!this.#electorate.voters.has(vote.leader)) return effects;
    if (vote.state === ServerState.looking) effects.push(...this.#heardLooking(from, vote, now));
    else if (vote.state !== ServerState.observing) effects.push(...this.#heardSettled(from, vote));
    return effects;
  }

  /**
   * Strangers are answered at once, but not the same again and again: a looking observer answers a
   * looking voter at once too, and two Java servers go on with that for as long as the election
   * takes, hundreds of times a second. Who looks and asks too soon is answered a little later all
   * the same: it may not ask again for a minute (3.1).
   */
  #isRepeated(to: Sid, vote: Vote, now: Instant, isAsking: boolean): boolean {
    const told = this.#told.get(to);
    const again = told === undefined ? now.mono : told.at + this.#options.minNotificationMs;
    if (told?.vote === vote && told.state === this.#state && now.mono < again) {
      told.isOwed ||= isAsking;
      if (told.isOwed) this.#owedAt = Math.min(this.#owedAt ?? again, again);
      return true;
    }
    this.#told.delete(to); // the newest is the last
    this.#told.set(to, { vote, state: this.#state, at: now.mono, isOwed: false });
    const [oldest] = this.#told.keys();
    if (this.#told.size > TOLD_MAX && oldest !== undefined) this.#told.delete(oldest);
    return false;
  }

  #tellStrangers(now: Instant): readonly ElectionEffect[] {
    if (this.#owedAt === null || now.mono < this.#owedAt) return [];
    this.#owedAt = null;
    const effects: ElectionEffect[] = [];
    const vote = this.#looking ? this.#proposal : this.#current;
    for (const [sid, told] of [...this.#told]) {
      if (!told.isOwed || this.#electorate.voters.has(sid)) continue;
      if (this.#isRepeated(sid, vote, now, true)) continue;
      effects.push(this.#answer(sid, vote, this.#round));
    }
    return effects;
  }

  #heardLooking(from: Sid, vote: Vote, now: Instant): readonly ElectionEffect[] {
    if (this.#own.zxid === UNTRUSTED || vote.zxid === UNTRUSTED) return [];
    const effects: ElectionEffect[] = [];
    const { weightOf } = this.#electorate;
    if (vote.round > this.#round) {
      this.#round = vote.round;
      this.#received.clear();
      this.#finalizeAt = null;
      const best = beats(vote, this.#own, weightOf) ? vote : this.#own;
      this.#proposal = { ...best, round: this.#round };
      effects.push(...this.#tellAll());
    } else if (beats(vote, this.#proposal, weightOf)) {
      this.#proposal = { ...vote, round: this.#round };
      this.#finalizeAt = null;
      effects.push(...this.#tellAll());
    }
    this.#received.set(from, { ...vote, version: 0 });
    effects.push(...this.#tryToDecide(now));
    return effects;
  }

  /** A quorum for the proposal: decide at once when nobody is left to change it, else wait. */
  #tryToDecide(now: Instant): readonly ElectionEffect[] {
    const proposal = { ...this.#proposal, version: 0, state: ServerState.looking };
    const supporters = supportersOf(this.#received, proposal);
    if (!this.#electorate.isQuorum(supporters)) {
      this.#finalizeAt = null;
      return [];
    }
    let everyone = true;
    for (const voter of this.#electorate.voters) everyone &&= supporters.has(voter);
    if (everyone) return this.#decide(this.#proposal);
    this.#finalizeAt ??= now.mono + this.#options.finalizeWaitMs;
    return [];
  }

  #heardSettled(from: Sid, vote: Vote): readonly ElectionEffect[] {
    if (vote.round === this.#round) {
      this.#received.set(from, { ...vote, version: 0 });
      const supporters = supportersOf(this.#received, vote);
      if (this.#electorate.isQuorum(supporters) && this.#leaderConfirms(this.#received, vote)) {
        return this.#decide(vote);
      }
    }
    this.#established.set(from, vote);
    const supporters = supportersOf(this.#established, vote);
    if (this.#electorate.isQuorum(supporters) && this.#leaderConfirms(this.#established, vote)) {
      this.#round = vote.round;
      return this.#decide(vote);
    }
    return [];
  }

  /** Nobody is elected on hearsay: the leader itself must say that it leads (3.2, checkLeader). */
  #leaderConfirms(votes: ReadonlyMap<Sid, Vote>, vote: Vote): boolean {
    if (vote.leader === this.#electorate.sid) return vote.round === this.#round;
    return votes.get(vote.leader)?.state === ServerState.leading;
  }

  #decide(vote: Vote): readonly ElectionEffect[] {
    const { sid, isObserver } = this.#electorate;
    const state = vote.leader === sid
      ? ServerState.leading
      : isObserver
      ? ServerState.observing
      : ServerState.following;
    this.#current = { ...vote, state };
    this.#settle(state);
    return [{ type: "decided", vote: this.#current, state }];
  }

  #settle(state: ServerState): void {
    assert(state !== ServerState.looking, "an election ends in a role");
    this.#looking = false;
    this.#state = state;
    this.#resendAt = null;
    this.#finalizeAt = null;
    this.#received.clear();
    this.#established.clear();
  }

  // ---- what is said --------------------------------------------------------------------------

  #initialVote(zxid: Zxid, currentEpoch: Epoch): Vote {
    const { sid, isVoter, isObserver } = this.#electorate;
    return {
      leader: isVoter ? sid : NOBODY,
      zxid: isObserver ? NOBODY : zxid,
      peerEpoch: isObserver ? NOBODY : currentEpoch,
      round: this.#round,
      version: 0,
      state: ServerState.looking,
    };
  }

  #tellAll(): ElectionEffect[] {
    const effects: ElectionEffect[] = [];
    for (const to of this.#electorate.voters) {
      effects.push(this.#answer(to, this.#proposal, this.#round));
    }
    return effects;
  }

  #answer(to: Sid, vote: Vote, round: bigint): ElectionEffect {
    return {
      type: "vote",
      to,
      notification: {
        state: this.#state,
        leader: vote.leader,
        zxid: vote.zxid,
        electionEpoch: round,
        peerEpoch: vote.peerEpoch,
        version: NOTIFICATION_VERSION,
        config: this.#electorate.configText,
      },
    };
  }
}

function voteOf(n: Notification): Vote {
  assert(isState(n.state), "the state was checked");
  return {
    leader: n.leader,
    zxid: n.zxid,
    round: n.electionEpoch,
    peerEpoch: n.peerEpoch,
    version: n.version,
    state: n.state,
  };
}

function supportersOf(votes: ReadonlyMap<Sid, Vote>, vote: Vote): Set<Sid> {
  const supporters = new Set<Sid>();
  for (const [sid, other] of votes) if (counts(other, vote)) supporters.add(sid);
  return supporters;
}
