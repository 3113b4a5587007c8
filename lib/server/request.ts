// What flows between the client side of a server and whoever orders writes: a request on its way
// down, a txn on its way back. The role (standalone, leader, follower, observer, read-only) is
// behind Backend; Server does not know more about it.
//
// Must agree with Java's Request, ServerCnxn and the RequestProcessor chains (client.md 8.1).

import type { SessionId } from "../base/ids.ts";
import type { Id } from "../records/data.ts";

/** Identity of whoever owns a session at the leader: this server, or one learner's link. */
export interface Owner {
  /** For people: "local", or the learner's name. */
  readonly name: string;
}

/** This server's own clients. */
export const LOCAL: Owner = { name: "local" };

/** A request that needs a txn, or a learner's sync. */
export interface Request {
  readonly sessionId: SessionId;
  /** The client's xid; 0 for internal requests. */
  readonly cxid: number;
  readonly op: number;
  /** The request record without its header; owned by the request, never written to. */
  readonly body: Uint8Array;
  /** Ids of the caller at the time of the request; never changed afterwards. */
  readonly auth: readonly Id[];
  readonly owner: Owner;
}

export type RoleName = "standalone" | "leader" | "follower" | "observer" | "read-only";

/** Who orders writes; one per role, replaced with the role. */
export interface Backend {
  readonly role: RoleName;
  /**
   * Takes a request that needs a txn. It comes back through `Server.committed` in zxid order; until
   * then the client's later requests wait. Order of calls is order of proposal.
   */
  submit(request: Request): void;
  /**
   * Learners only: is this session alive, and is it ours from now on? Answered once by
   * `Server.revalidated(session, valid)`.
   */
  revalidate(session: SessionId, timeoutMs: number): void;
  /**
   * A client's sync, for the leader to answer: by `Server.synced()`, in order of the calls. A
   * standalone server answers syncs itself, as ordered reads.
   */
  sync(request: Request): void;
}

/** One client's socket, as the driver hands it to `Server.accept`. */
export interface ClientConn {
  /** Textual address of the other side, in Java's form, without a port (client.md 5.5). */
  readonly host: string;
  readonly port: number;
  /** True on the TLS port. */
  readonly secure: boolean;
  /** Ids that the transport proved: a client certificate's. */
  readonly ids: readonly Id[];
  /**
   * The bytes belong to the connection from here on. False: much is queued, and `Server.drained`
   * follows when it no longer is.
   */
  send(bytes: Uint8Array): boolean;
  /** Bytes sent that the other side has not taken yet. */
  readonly queued: number;
  /** Sends what was sent, then closes; `Server.closed` follows. */
  close(): void;
  /** True: read nothing more from the socket for now. */
  hold(on: boolean): void;
}

/** Plans a reconfig at a quorum leader, after the checks that are everybody's (quorum.md 8.3). */
export interface ReconfigPlanner {
  /**
   * The new /zookeeper/config text for a request that becomes txn `zxid`, or an error code. The
   * caller checks WRITE on the node afterwards and calls `propose` only when that holds.
   */
  plan(
    request: {
      readonly joiningServers: string | null;
      readonly leavingServers: string | null;
      readonly newMembers: string | null;
      readonly curConfigId: bigint;
    },
    zxid: bigint,
  ): { readonly config: string } | { readonly err: number };
}
