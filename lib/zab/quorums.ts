// Who makes a quorum: plain majorities, and weights in groups; under one configuration, or under
// the committed and the last-seen one together while a reconfig is under way (quorum.md 3.5, 8.7).
// What a membership says is peer/config.ts's matter; here it only votes.
//
// Must agree with Java's QuorumMaj, QuorumHierarchical and SyncedLearnerTracker.

import type { Sid, Zxid } from "../base/ids.ts";

/** What the machines need of a configuration; peer's own type has more. */
export interface Membership {
  /** 0 for a static one, else the zxid of the reconfig or of NEWLEADER. */
  readonly version: Zxid;
  readonly members: ReadonlyMap<Sid, { readonly role: "participant" | "observer" }>;
  /** Group of each grouped sid; null when quorums are plain majorities. */
  readonly groups: ReadonlyMap<Sid, bigint> | null;
  /** Weights of sids in groups; null without groups. */
  readonly weights: ReadonlyMap<Sid, bigint> | null;
}

/** The quorum rule of one membership. */
export class QuorumRule {
  readonly membership: Membership;
  readonly voters: ReadonlySet<Sid>;
  /** Weight of each group, weightless groups left out; null for majorities. */
  readonly #groupWeights: ReadonlyMap<bigint, bigint> | null;

  constructor(membership: Membership) {
    this.membership = membership;
    const voters = new Set<Sid>();
    for (const [sid, { role }] of membership.members) {
      if (role === "participant") voters.add(sid);
    }
    this.voters = voters;
    this.#groupWeights = membership.groups === null
      ? null
      : groupWeights(membership.groups, membership);
  }

  isVoter(sid: Sid): boolean {
    return this.voters.has(sid);
  }

  /** 1 under majorities; in groups what is configured, 0 for a sid without an entry (3.3). */
  weightOf(sid: Sid): bigint {
    if (this.#groupWeights === null) return 1n;
    return this.membership.weights?.get(sid) ?? 0n;
  }

  /** True when the voters among `sids` decide. `sids` names nobody twice. */
  holds(sids: Iterable<Sid>): boolean {
    if (this.#groupWeights !== null) return this.#holdsByGroups(sids, this.#groupWeights);
    let count = 0;
    for (const sid of sids) if (this.voters.has(sid)) count += 1;
    return count > Math.floor(this.voters.size / 2);
  }

  #holdsByGroups(sids: Iterable<Sid>, whole: ReadonlyMap<bigint, bigint>): boolean {
    const sums = new Map<bigint, bigint>();
    for (const sid of sids) {
      const group = this.membership.groups?.get(sid);
      if (group === undefined || !this.voters.has(sid)) continue;
      sums.set(group, (sums.get(group) ?? 0n) + this.weightOf(sid));
    }
    let majorities = 0;
    for (const [group, sum] of sums) {
      const weight = whole.get(group);
      if (weight !== undefined && sum > weight / 2n) majorities += 1;
    }
    return majorities > Math.floor(whole.size / 2);
  }
}

function groupWeights(
  groups: ReadonlyMap<Sid, bigint>,
  membership: Membership,
): ReadonlyMap<bigint, bigint> {
  const sums = new Map<bigint, bigint>();
  for (const [sid, group] of groups) {
    sums.set(group, (sums.get(group) ?? 0n) + (membership.weights?.get(sid) ?? 0n));
  }
  for (const [group, weight] of sums) if (weight === 0n) sums.delete(group);
  return sums;
}

/** The rules in force: the committed one, and the last-seen one when it is newer. */
export class Quorums {
  readonly committed: QuorumRule;
  /** Null unless a newer configuration than the committed one has been seen. */
  readonly lastSeen: QuorumRule | null;
  /** Voters of both. */
  readonly voters: ReadonlySet<Sid>;

  constructor(committed: Membership, lastSeen: Membership | null = null) {
    this.committed = new QuorumRule(committed);
    const newer = lastSeen !== null && lastSeen.version > committed.version;
    this.lastSeen = newer ? new QuorumRule(lastSeen) : null;
    this.voters = this.lastSeen === null
      ? this.committed.voters
      : new Set([...this.committed.voters, ...this.lastSeen.voters]);
  }

  /** A voter of either configuration. */
  isVoter(sid: Sid): boolean {
    return this.voters.has(sid);
  }

  /** True when `sids` decide under every rule in force. */
  holds(sids: Iterable<Sid>): boolean {
    return this.committed.holds(sids) && (this.lastSeen === null || this.lastSeen.holds(sids));
  }
}
