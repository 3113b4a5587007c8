// An election port of ours in the test process, as a member of an ensemble of Java servers: enough
// to see that both sides elect the same leader. It neither follows nor leads.

import type { Sid } from "../../lib/base/ids.ts";
import { HostClock } from "../../lib/host/clock.ts";
import { HostNetwork } from "../../lib/host/network.ts";
import { ElectionPort } from "../../lib/peer/election_port.ts";
import {
  ELECTION_DEFAULTS,
  type Electorate,
  type ServerState,
  type Vote,
} from "../../lib/zab/election.ts";
import type { Ensemble } from "./java_ensemble.ts";

export interface ElectionMember {
  readonly port: ElectionPort;
  /** The next decision, or one that was made and not yet asked for. */
  decision(withinMs: number): Promise<{ vote: Vote; state: ServerState }>;
  readonly notes: string[];
}

/** Our election port for member `sid` of `made`, looking from the start. */
export function electionMember(
  made: Ensemble,
  sid: number,
  facts: { zxid: bigint; currentEpoch: bigint; isObserver?: boolean },
): ElectionMember {
  const own = made.member(sid);
  const voters = new Set<Sid>(made.members.filter((m) => !m.isObserver).map((m) => BigInt(m.sid)));
  const electorate: Electorate = {
    sid: BigInt(sid),
    voters,
    isVoter: voters.has(BigInt(sid)),
    isObserver: facts.isObserver === true,
    weightOf: (other) => voters.has(other) ? 1n : 0n,
    isQuorum: (sids) => [...sids].filter((s) => voters.has(s)).length * 2 > voters.size,
    configText: `${made.serverLines(sid).trim()}\nversion=0`,
    configVersion: 0n,
  };
  const notes: string[] = [];
  const decisions: { vote: Vote; state: ServerState }[] = [];
  let waiting: (() => void) | null = null;
  const note = (_level: string, _area: string, text: string, detail?: unknown): void => {
    const json = JSON.stringify(detail, (_, v) => typeof v === "bigint" ? `${v}` : v);
    notes.push(`${text} ${json}`);
  };
  const port = new ElectionPort(
    { network: new HostNetwork(), clock: new HostClock(), bindClock: new HostClock(), note },
    electorate,
    (other) => {
      const { host, electionPort } = made.member(Number(other));
      return [{ host, port: electionPort }];
    },
    {
      ...ELECTION_DEFAULTS,
      sid: BigInt(sid),
      bind: [{ host: own.host, port: own.electionPort }],
      advertise: [{ host: own.host, port: own.electionPort }],
      multiAddress: false,
      connectTimeoutMs: 20_000,
      helloWithinMs: 20_000,
      bindTries: 3,
      keepAlive: false,
    },
    {
      decided: (vote, state) => {
        decisions.push({ vote, state });
        waiting?.();
      },
      voterLooks: () => {},
      newerConfig: () => false,
      fatal: (fault) => notes.push(fault.message),
    },
  );
  port.start();
  port.look(facts.zxid, facts.currentEpoch);
  const decision = (withinMs: number): Promise<{ vote: Vote; state: ServerState }> =>
    new Promise((done, failed) => {
      const give = (): void => {
        const next = decisions.shift();
        if (next === undefined) return;
        clearTimeout(alarm);
        waiting = null;
        done(next);
      };
      const alarm = setTimeout(() => {
        failed(new Error(`no decision in ${withinMs} ms:\n${notes.join("\n")}`));
      }, withinMs);
      waiting = give;
      give();
    });
  return { port, decision, notes };
}
