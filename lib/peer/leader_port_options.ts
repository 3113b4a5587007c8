// What a leader's port is told: its members, its limits, where it listens. From a Config: settings.ts.

import type { Epoch, Sid } from "../base/ids.ts";
import type { Address, Millis } from "../ports.ts";
import type { Membership } from "../zab/quorums.ts";

export interface LeaderPortOptions {
  readonly sid: Sid;
  /** What a voter had promised for whom the leader before made room. */
  readonly epochFloor: Epoch;
  /** Where to listen for learners. */
  readonly bind: readonly Address[];
  readonly committed: Membership;
  readonly lastSeen: Membership | null;
  /** Text of the newest of the two. */
  readonly configText: string;
  readonly tickMs: Millis;
  readonly initLimit: number;
  readonly syncLimit: number;
  readonly snapSyncsMax: number;
  readonly diffSyncsMax: number;
  readonly maxTimeToWaitForEpochMs: Millis;
  /** The last counter of an epoch. */
  readonly counterMax: bigint;
  readonly forceSnapshot: boolean;
  /** Longest buffer believed in a packet. */
  readonly packetLimit: number;
  readonly keepAlive: boolean;
  /** `leaderServes`: false leaves the clients to the others. */
  readonly servesClients: boolean;
}
