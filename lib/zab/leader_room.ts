// What the halves of a leader share: its learners, the rules in force, the time of the step, and
// the effects that the step has made so far. leader.ts founds an epoch and brings learners level,
// leader_traffic.ts orders transactions.

import { isFault } from "../base/errors.ts";
import type { Epoch, Sid } from "../base/ids.ts";
import type { Millis } from "../ports.ts";
import type { QuorumPacket } from "../records/quorum.ts";
import type { LeaderEffect, LeaderOptions } from "./leader_events.ts";
import type { LearnerLink, LinkStage } from "./leader_link.ts";
import type { LinkId } from "./mesh.ts";
import { Quorums } from "./quorums.ts";

export class LeaderRoom {
  readonly options: LeaderOptions;
  quorums: Quorums;
  readonly links = new Map<LinkId, LearnerLink>();
  /** Those that get PROPOSAL and COMMIT, and those that get INFORM. */
  followers: LearnerLink[] = [];
  observers: LearnerLink[] = [];
  effects: LeaderEffect[] = [];
  now: Millis = 0;
  isOver = false;
  /** The newest epoch that this server has promised itself to, or knows that another voter has. */
  promised: Epoch;

  constructor(options: LeaderOptions) {
    this.options = options;
    const { acceptedEpoch, epochFloor } = options;
    this.promised = acceptedEpoch > epochFloor ? acceptedEpoch : epochFloor;
    this.quorums = new Quorums(options.committed, options.lastSeen);
  }

  get initMs(): Millis {
    return this.options.initLimit * this.options.tickMs;
  }

  get syncMs(): Millis {
    return this.options.syncLimit * this.options.tickMs;
  }

  at(stage: LinkStage): LearnerLink[] {
    return [...this.links.values()].filter((learner) => learner.stage === stage);
  }

  has(sid: Sid): boolean {
    for (const learner of this.links.values()) if (learner.sid === sid) return true;
    return false;
  }

  /** What a learner does wrong costs it its link and nothing else. */
  guarded(link: LinkId, act: (learner: LearnerLink) => void): void {
    const learner = this.links.get(link);
    if (learner === undefined) return;
    try {
      act(learner);
    } catch (error) {
      if (!isFault(error)) throw error;
      this.drop(learner, error.message);
    }
  }

  send(link: LinkId, packet: QuorumPacket): void {
    this.effects.push({ type: "packet", link, packet });
  }

  warn(learner: LearnerLink, text: string): void {
    this.effects.push({ type: "warn", link: learner.link, text });
  }

  forget(learner: LearnerLink): void {
    this.links.delete(learner.link);
    this.followers = this.followers.filter((other) => other !== learner);
    this.observers = this.observers.filter((other) => other !== learner);
  }

  drop(learner: LearnerLink, why: string): void {
    this.forget(learner);
    this.effects.push({ type: "drop", link: learner.link, why });
  }

  resign(why: string): void {
    this.isOver = true;
    this.effects.push({ type: "resign", why });
  }
}
