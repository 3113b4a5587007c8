// The face of zab/learner.ts: what a follower or observer hears and what it orders, as data. Effects
// are to be carried out in the order given.
//
// Must agree with quorum.md 4 to 7 and with Java's Learner, Follower and Observer.

import type { Epoch, SessionId, Sid, Zxid } from "../base/ids.ts";
import type { Millis } from "../ports.ts";
import type { Id } from "../records/data.ts";
import type { QuorumPacket } from "../records/quorum.ts";
import type { Txn } from "../txn/txn.ts";
import type { EpochFile } from "./leader_events.ts";

export interface LearnerOptions {
  readonly sid: Sid;
  /** True: OBSERVERINFO, INFORM, and no acks of proposals. */
  readonly isObserver: boolean;
  /** From the epoch files. */
  readonly acceptedEpoch: Epoch;
  readonly currentEpoch: Epoch;
  /** Last zxid of tree and log, which must be equal; −1: the database is not trusted (9.4). */
  readonly lastZxid: Zxid;
  /** What the leader is told instead: 0 asks for a whole snapshot. */
  readonly reportedZxid?: Zxid;
  /** Version of the committed membership; 0 for a static one. */
  readonly configVersion: Zxid;
  readonly tickMs: Millis;
  readonly initLimit: number;
  readonly syncLimit: number;
  /** False: nothing is logged. Only an observer with `syncEnabled=false` may. */
  readonly logs: boolean;
}

export type LearnerEvent =
  /** Connected to the leader's quorum port. */
  | { readonly type: "linked" }
  | { readonly type: "packet"; readonly packet: QuorumPacket }
  /** An epoch file is durable. */
  | { readonly type: "saved"; readonly file: EpochFile; readonly epoch: Epoch }
  /** The whole stream after a SNAP is in a new tree, signature included. */
  | { readonly type: "snapshotReceived" }
  /** Answer to `truncate`: the last zxid that log and tree have now. */
  | { readonly type: "truncated"; readonly lastZxid: Zxid }
  /** Answer to `saveSnapshot`: a snapshot of the tree is durable. */
  | { readonly type: "snapshotSaved" }
  /** Our log is durable up to here: the only source of acks. */
  | { readonly type: "durable"; readonly upTo: Zxid }
  /** A client of ours asks for what needs the leader: a write, or a sync (op 9). */
  | {
    readonly type: "requested";
    readonly sessionId: SessionId;
    readonly cxid: number;
    readonly op: number;
    readonly body: Uint8Array;
    readonly auth: readonly Id[];
  }
  /** A client came with a session that only the leader can judge. */
  | { readonly type: "revalidate"; readonly sessionId: SessionId; readonly timeoutMs: Millis }
  | { readonly type: "time" };

export type LearnerEffect =
  | { readonly type: "packet"; readonly packet: QuorumPacket }
  /** Make it durable, then say `saved`. */
  | { readonly type: "save"; readonly file: EpochFile; readonly epoch: Epoch }
  /** A snapshot follows on the link: read it into a new tree; `snapshotReceived` answers. */
  | { readonly type: "receiveSnapshot"; readonly zxid: Zxid }
  /** Drop everything above this zxid, in log, snapshots and tree; `truncated` answers. */
  | { readonly type: "truncate"; readonly to: Zxid }
  /** Write the tree to disk and flush it; `snapshotSaved` answers. */
  | { readonly type: "saveSnapshot"; readonly zxid: Zxid }
  /** Append to the log; `durable` answers. */
  | { readonly type: "log"; readonly txn: Txn }
  /**
   * Committed: apply it. `isServing`: through the server, so that clients see it; before, straight
   * to the tree. `compare`: the tree's digest must be the txn's, when that carries one; not while a
   * fuzzy snapshot is being levelled.
   */
  | {
    readonly type: "commit";
    readonly txn: Txn;
    readonly isServing: boolean;
    readonly compare: boolean;
  }
  /** A membership that is proposed but not committed: the last-seen one. */
  | { readonly type: "configSeen"; readonly text: string }
  /**
   * A membership is committed. `leader`: the designated one, null when it came with NEWLEADER. The
   * owner decides whether that ends the role (8.5).
   */
  | {
    readonly type: "configCommitted";
    readonly text: string;
    readonly leader: Sid | null;
    readonly zxid: Zxid;
  }
  /** Level with the leader: clients may come. The current vote speaks of this epoch now (3.6). */
  | { readonly type: "serve"; readonly epoch: Epoch }
  /** Answer a PING: same zxid, the sessions used since the last. */
  | { readonly type: "pong"; readonly zxid: Zxid }
  | { readonly type: "revalidated"; readonly sessionId: SessionId; readonly valid: boolean }
  /** The oldest unanswered sync is answered. */
  | { readonly type: "synced" }
  /** Something to tell people; the link stays. */
  | { readonly type: "warn"; readonly text: string }
  /** The role is over: close the link, look for a leader. */
  | { readonly type: "leave"; readonly why: string };
