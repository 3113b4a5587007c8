// A member of an ensemble as the AdminServer shows it: who leads, who votes, which observers follow.

import type { MemberView, ObserverView, VoterView } from "../admin/page_views.ts";
import type { Sid } from "../base/ids.ts";
import type { Address } from "../ports.ts";
import type { Config, Member } from "./config.ts";
import type { Ensemble } from "./ensemble.ts";
import { electionAddresses, quorumAddresses } from "./settings.ts";

export function memberView(ensemble: Ensemble, config: Config): MemberView {
  const { membership, leader } = ensemble;
  const { sid } = config;
  const own = membership.members.get(sid);
  return {
    sid,
    isLeader: ensemble.roleName === "leading",
    leader,
    leaderHosts: leader === null ? [] : quorumAddresses(membership, leader).map(({ host }) => host),
    zabState: ensemble.phase === "" ? "election" : ensemble.phase.split(" - ")[0],
    lastZxid: ensemble.tree.lastZxid,
    quorum: quorumAddresses(membership, sid),
    election: electionAddresses(membership, sid),
    client: clientOf(own, sid, config),
    isVoter: own?.role === "participant",
    voters: () => votersOf(ensemble, config),
    observers: () => observersOf(ensemble),
    resetObservers: () => resetObservers(ensemble),
  };
}

/** As the membership says; our own also when only our configuration says it. */
function clientOf(member: Member | undefined, sid: Sid, config: Config): Address | null {
  if (member !== undefined && member.clientPort !== null) {
    return { host: member.clientHost ?? "0.0.0.0", port: member.clientPort };
  }
  const own = sid === config.sid ? config.client : null;
  return own === null ? null : { host: own.host ?? "0.0.0.0", port: own.port };
}

function* votersOf({ membership }: Ensemble, config: Config): Iterable<VoterView> {
  for (const member of membership.members.values()) {
    if (member.role !== "participant") continue;
    yield {
      sid: member.sid,
      quorum: quorumAddresses(membership, member.sid),
      election: electionAddresses(membership, member.sid),
      client: clientOf(member, member.sid, config),
    };
  }
}

function* observersOf({ leaderPort }: Ensemble): Iterable<ObserverView> {
  for (const learner of leaderPort?.learners() ?? []) {
    const wire = learner.isObserver ? leaderPort?.wireOf(learner) ?? null : null;
    if (wire === null) continue;
    const { counts, queuedBytes, remote } = wire.packets;
    yield {
      sid: learner.sid,
      remote,
      isSynced: learner.isSynced,
      established: wire.established,
      queuedBytes,
      received: counts.received,
      sent: counts.sent,
      requests: counts.requests,
      lastZxid: counts.lastZxid,
    };
  }
}

function resetObservers({ leaderPort }: Ensemble): void {
  for (const learner of leaderPort?.learners() ?? []) {
    const counts = learner.isObserver ? leaderPort?.wireOf(learner)?.packets.counts : undefined;
    if (counts === undefined) continue;
    counts.received =
      counts.sent =
      counts.requests =
        0;
  }
}
