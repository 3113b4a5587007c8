// What a role of an ensemble member is to the member, and the member to its role: the faces between
// ensemble.ts on one side, leader_port.ts and learner_port.ts on the other.

import type { Fault } from "../base/errors.ts";
import type { Epoch, Sid, Zxid } from "../base/ids.ts";
import type { Clock, Network, Trace } from "../ports.ts";
import type { Prepare } from "../server/prepare.ts";
import type { Backend } from "../server/request.ts";
import type { Server } from "../server/server.ts";
import type { SessionTracker } from "../server/sessions.ts";
import type { Tally } from "../server/stats.ts";
import type { Epochs } from "../store/store.ts";
import type { Tree } from "../tree/tree.ts";
import type { EpochFile } from "../zab/leader_events.ts";
import type { Replica } from "./replica.ts";

/** What a role may ask of the member it is a role of. */
export interface RoleHost {
  readonly replica: Replica;
  readonly network: Network;
  readonly note: Trace["note"];
  /** The process ends: whoever comes next reads the disk. */
  readonly isStopped: boolean;
  /** A clock with an alarm of its own. */
  newClock(): Clock;
  /** A metric by its name (operations.md 4.3). */
  tally(name: string): Tally;
  /** The epochs on disk. */
  readonly epochs: Epochs;
  /** The role has made another epoch durable. */
  epochSaved(file: EpochFile, epoch: Epoch): void;
  /** A turn must follow: {@link Role.flushTurn}, then the server's, then the store's. */
  busy(): void;
  /** The clients' side over the current tree. `tracker`: of a leader, who decides over sessions. */
  newServer(tree: Tree, backend: Backend, tracker: SessionTracker | null): Server;
  /** A leader's. */
  newTracker(): SessionTracker;
  newPrepare(tree: Tree, tracker: SessionTracker): Prepare;
  /**
   * Who serves clients from now on, or nobody; the clients of the one before are closed.
   * `takesClients` false: it is to be ticked and flushed, but no client may come (leaderServes=no).
   */
  serve(server: Server | null, takesClients?: boolean): void;
  /** This server has synced, or leads: its vote speaks of that epoch from now on (3.6). */
  established(epoch: Epoch): void;
  /** The tree came from a leader or from disk: /zookeeper/config is set to our own (6.7). */
  treeReplaced(tree: Tree): void;
  /** A membership is proposed: the last-seen one (8.5). */
  configSeen(text: string): void;
  /** A membership is committed. May stop the role. */
  configCommitted(text: string, leader: Sid | null, zxid: Zxid): void;
  /** The role is over and has cleaned up behind itself. Called exactly once. */
  ended(why: string): void;
  /** The process must end; `exitCode` as Java's (operations.md). */
  fatal(fault: Fault, exitCode?: number): void;
}

/** A role that has begun: following, observing or leading. */
export interface Role {
  /** The clients' side; null while they are not served. */
  readonly server: Server | null;
  /** As operators know it: discovery, synchronization (perhaps with its way), broadcast. */
  readonly phase: string;
  start(): void;
  /** Sends what the turn has brought: one write per link. */
  flushTurn(): void;
  /** Ends the role; `ended` follows, perhaps within this call. */
  stop(why: string): void;
}
