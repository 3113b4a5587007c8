// One learner as a leader's port knows it: its link, the sync that is being sent to it, and the owner
// of the sessions that came over it.
//
// Must agree with the part of Java's LearnerHandler that is a session's owner (quorum.md 7.10).

import type { Sid } from "../base/ids.ts";
import type { Millis } from "../ports.ts";
import type { Owner } from "../server/request.ts";
import type { TreeDump } from "../tree/dump.ts";
import type { LearnerView } from "../zab/leader_events.ts";
import type { Membership } from "../zab/quorums.ts";
import type { PacketLink } from "./packet_link.ts";
import type { SyncStream } from "./sync_stream.ts";

export class LearnerWire implements Owner {
  readonly name: string;
  readonly packets: PacketLink;
  /** Wall-clock ms at which it came. */
  readonly established: number;
  stream: SyncStream | null = null;
  /** Taken when a SNAP was planned. */
  dump: TreeDump | null = null;
  sid: Sid | null = null;
  #taken = 0;
  #hadBacklog = false;

  constructor(packets: PacketLink, established: number) {
    this.packets = packets;
    this.established = established;
    this.name = `learner ${packets.remote}`;
  }

  /** Whether something of a backlog was taken since the last look: who reads slowly does not hang. */
  isTaking(now: Millis): boolean {
    const { backlog, taken } = this.packets;
    const isTaking = this.#hadBacklog && taken > this.#taken;
    this.#hadBacklog = backlog > 0;
    this.#taken = taken;
    if (isTaking && this.stream !== null) this.stream.movedAt = now;
    return isTaking;
  }
}

/**
 * Whose link goes when there are too many: the oldest of those who are not what the membership
 * says of their sid, else of the observers. So a flood of strangers keeps no voter out.
 */
export function leastWanted(
  learners: readonly LearnerView[],
  { members }: Membership,
): LearnerView | undefined {
  const roleOf = ({ isObserver }: LearnerView): string => isObserver ? "observer" : "participant";
  return learners.find((learner) => members.get(learner.sid)?.role !== roleOf(learner)) ??
    learners.find(({ isObserver }) => isObserver);
}
