// The face of zab/leader.ts: what a leader hears and what it orders, as data. Events are things that
// happened; effects are orders, to be carried out in the order given.
//
// Must agree with quorum.md 4 to 7 and with Java's Leader and LearnerHandler.

import type { Epoch, SessionId, Sid, Zxid } from "../base/ids.ts";
import type { Millis } from "../ports.ts";
import type { Id } from "../records/data.ts";
import type { QuorumPacket, SessionTouch } from "../records/quorum.ts";
import type { Txn } from "../txn/txn.ts";
import type { CatchUpPlan } from "./catch_up.ts";
import type { LinkId } from "./mesh.ts";
import type { Membership } from "./quorums.ts";

/** The two epochs on disk (quorum.md 9). */
export type EpochFile = "accepted" | "current";

export interface LeaderOptions {
  readonly sid: Sid;
  /** From the epoch files. */
  readonly acceptedEpoch: Epoch;
  readonly currentEpoch: Epoch;
  /** What a voter had promised for whom the leader before made room: ours is above that. */
  readonly epochFloor: Epoch;
  /** Last zxid of the tree and of the log; −1: the database is not trusted (9.4). */
  readonly lastZxid: Zxid;
  readonly committed: Membership;
  /** Null, or a newer membership that a reconfig proposed. */
  readonly lastSeen: Membership | null;
  /** Text of the last-seen membership (else of the committed one), for NEWLEADER. */
  readonly configText: string;
  readonly tickMs: Millis;
  readonly initLimit: number;
  readonly syncLimit: number;
  /** `zookeeper.leader.maxConcurrentSnapSyncs` and `...maxConcurrentDiffSyncs`. */
  readonly snapSyncsMax: number;
  readonly diffSyncsMax: number;
  /** `zookeeper.leader.maxTimeToWaitForEpoch`; −1: off. */
  readonly maxTimeToWaitForEpochMs: Millis;
  /** The last counter of an epoch (7.7); less than all of them in tests of the roll-over only. */
  readonly counterMax: bigint;
}

/** A client's request that a learner forwarded. */
export interface ForwardedRequest {
  readonly sessionId: SessionId;
  readonly cxid: number;
  readonly op: number;
  /** The record without its header; not a view. */
  readonly body: Uint8Array;
  readonly auth: readonly Id[];
}

export type LeaderEvent =
  /** Once, when the quorum port listens. */
  | { readonly type: "started" }
  | { readonly type: "linked"; readonly link: LinkId; readonly remote: string }
  /** The link is gone; not after our own `drop`. */
  | { readonly type: "unlinked"; readonly link: LinkId }
  | { readonly type: "packet"; readonly link: LinkId; readonly packet: QuorumPacket }
  /** An epoch file is durable. */
  | { readonly type: "saved"; readonly file: EpochFile; readonly epoch: Epoch }
  /** Our own log is durable up to here: the leader's ack. */
  | { readonly type: "durable"; readonly upTo: Zxid }
  /** A txn with the next zxid, from Prepare. */
  | { readonly type: "proposed"; readonly txn: Txn }
  /** Answer to `catchUp`. */
  | { readonly type: "planned"; readonly link: LinkId; readonly plan: CatchUpPlan }
  /** Answer to `stream`: everything of the plan was written. */
  | { readonly type: "streamed"; readonly link: LinkId }
  /** Answer to `revalidate`. */
  | {
    readonly type: "revalidated";
    readonly link: LinkId;
    readonly sessionId: SessionId;
    readonly valid: boolean;
  }
  /** A client of our own asks for a sync; `synced` answers, in the order of the questions. */
  | { readonly type: "syncAsked" }
  /** The election heard a voter that looks for a leader (7.8). */
  | { readonly type: "voterLooks"; readonly sid: Sid }
  /**
   * A reconfig of ours is about to be proposed, or is committed: proposals from now on need these.
   * `staysLeader`: this server keeps its role and quorum address in the newest of them.
   */
  | {
    readonly type: "reconfigured";
    readonly committed: Membership;
    readonly lastSeen: Membership | null;
    readonly configText: string;
    readonly staysLeader: boolean;
  }
  | { readonly type: "time" };

export type LeaderEffect =
  | { readonly type: "packet"; readonly link: LinkId; readonly packet: QuorumPacket }
  /** Make it durable, then say `saved`. */
  | { readonly type: "save"; readonly file: EpochFile; readonly epoch: Epoch }
  /** Append to the log; `durable` answers. */
  | { readonly type: "log"; readonly txn: Txn }
  /**
   * Committed: apply it, answer our clients, remember it for later learners. `designated`: of a
   * reconfig, who leads from now on; another than us ends this leadership (8.6).
   */
  | { readonly type: "commit"; readonly txn: Txn; readonly designated: Sid | null }
  /** Plan how to bring this learner level, then say `planned` before anything else is stepped. */
  | { readonly type: "catchUp"; readonly link: LinkId; readonly peerLastZxid: Zxid }
  /** Send DIFF with its txns, TRUNC, or SNAP with the tree, with back-pressure; then `streamed`. */
  | { readonly type: "stream"; readonly link: LinkId; readonly plan: CatchUpPlan }
  /** A quorum has the history of this leader: serve. The next zxid is (epoch, 1). */
  | { readonly type: "established"; readonly epoch: Epoch }
  /** The last-seen membership is in force from now on, as it is for whoever has UPTODATE. */
  | { readonly type: "activate"; readonly configText: string }
  | { readonly type: "request"; readonly link: LinkId; readonly request: ForwardedRequest }
  /** Touch the session and make the link its owner; `revalidated` answers. */
  | {
    readonly type: "revalidate";
    readonly link: LinkId;
    readonly sessionId: SessionId;
    readonly timeoutMs: Millis;
  }
  /** Sessions used at a learner since its last answer to a PING. */
  | { readonly type: "touch"; readonly link: LinkId; readonly sessions: readonly SessionTouch[] }
  /** The oldest unanswered `syncAsked` is answered. */
  | { readonly type: "synced" }
  /** Close the link; it is forgotten already. */
  | { readonly type: "drop"; readonly link: LinkId; readonly why: string }
  /** Something to tell people; the link stays. */
  | { readonly type: "warn"; readonly link: LinkId; readonly text: string }
  /** Leadership is over: close everything, look for a leader. */
  | { readonly type: "resign"; readonly why: string };

/** What operators see of one learner. */
export interface LearnerView {
  readonly link: LinkId;
  readonly sid: Sid;
  readonly remote: string;
  readonly isObserver: boolean;
  /** It has acknowledged NEWLEADER and is heard in time. */
  readonly isSynced: boolean;
  readonly isVoter: boolean;
}
