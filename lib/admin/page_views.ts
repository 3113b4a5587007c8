// What the AdminServer's pages are made from, beyond what four-letter words show: faces only, so that
// pages stay pure text makers over state.

import type { SessionId, Sid, Zxid } from "../base/ids.ts";
import type { Address } from "../ports.ts";
import type { ACL } from "../records/data.ts";
import type { AdminView, ServingView } from "./four_letter.ts";

/** What a serving server shows of itself on pages. */
export interface ServingPages extends ServingView {
  /** Of `/`: whoever has all of its permissions may take and restore snapshots. */
  rootAcl(): readonly ACL[] | null;
  /** Monotonic ms to the sessions that end then; empty where sessions are not decided over. */
  expiries(): Iterable<readonly [number, readonly SessionId[]]>;
  readonly responseSizes: { readonly last: number; readonly min: number; readonly max: number };
  readonly uptimeMs: number;
  readonly authFailed: number;
  readonly nonMtlsRemote: number;
  readonly nonMtlsLocal: number;
  /** Latencies, packets and sizes of answers start anew. */
  resetCounts(): void;
}

export interface VoterView {
  readonly sid: Sid;
  readonly quorum: readonly Address[];
  readonly election: readonly Address[];
  readonly client: Address | null;
}

/** An observer, as its leader knows it. */
export interface ObserverView {
  readonly sid: Sid;
  readonly remote: string;
  readonly isSynced: boolean;
  /** Wall-clock ms. */
  readonly established: number;
  /** Bytes not yet taken by its link. */
  readonly queuedBytes: number;
  readonly received: number;
  readonly sent: number;
  readonly requests: number;
  /** Of the newest packet sent to it. */
  readonly lastZxid: Zxid;
}

export interface MemberView {
  readonly sid: Sid;
  readonly isLeader: boolean;
  /** Null while it looks for one. */
  readonly leader: Sid | null;
  readonly leaderHosts: readonly string[];
  /** election, discovery, synchronization or broadcast. */
  readonly zabState: string;
  readonly lastZxid: Zxid;
  readonly quorum: readonly Address[];
  readonly election: readonly Address[];
  readonly client: Address | null;
  readonly isVoter: boolean;
  voters(): Iterable<VoterView>;
  observers(): Iterable<ObserverView>;
  resetObservers(): void;
}

export interface PagesView extends AdminView {
  readonly serving: ServingPages | null;
  /** Null for a server that stands alone. */
  readonly member: MemberView | null;
  /** Rows of `configuration`, under the names of its page. */
  configuration(): Iterable<readonly [string, string | number]>;
  /** The file as read at start, without its secrets; null when there was none. */
  initialConfiguration(): string | null;
  /** Settings in force under their property names, and facts of the process; without secrets. */
  properties(): Iterable<readonly [string, string]>;
  lastSnapshot(): { readonly zxid: Zxid; readonly seconds: number } | null;
  /** Log flushes that took longer than `fsync.warningthresholdms`. */
  readonly slowFlushes: number;
}
