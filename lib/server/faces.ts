// The two faces that roles build on: Prepare turns requests into txns (standalone, leader), Server
// is everything the clients of this process see (every role). lib/peer composes them; see
// standalone.ts for the shortest composition there is.

import type { Instant } from "../ports.ts";
import type { SessionId, Zxid } from "../base/ids.ts";
import type { Txn } from "../txn/txn.ts";
import type { ClientConn, Request } from "./request.ts";

/** Leader-side half of a write: checks against applied and outstanding state (client.md 8.3). */
export interface PrepareFace {
  /** The zxid that the next call of {@link prepare} hands out. A new leader sets it. */
  nextZxid: Zxid;
  /**
   * The txn of a request: always one, with the next zxid; refusals are error txns. `now.wall`
   * becomes the time of the txn, `now.mono` starts a new session's clock.
   */
  prepare(request: Request, now: Instant): Txn;
  /** After the txn with this zxid is in the tree: forgets outstanding changes up to it. */
  applied(zxid: Zxid): void;
}

/** `C` is the server's own object for a connection, given back by {@link accept}. */
export interface ServerFace<C> {
  /** A new client connection; null when a limit refuses it (it is closed already). */
  accept(client: ClientConn): C | null;
  /** Bytes from the client; the chunk is the server's to keep. */
  bytes(conn: C, chunk: Uint8Array): void;
  /** The other side has taken everything it was sent, after it had let replies pile up. */
  drained(conn: C): void;
  /** The socket is gone. Called once, also after the server closed it itself. */
  closed(conn: C): void;
  /** The next committed txn, in zxid order: applied, watches fired, our client answered. */
  committed(txn: Txn): void;
  /** Learners: the leader's answer to a revalidation. */
  revalidated(session: SessionId, valid: boolean): void;
  /** Learners: the leader's answer to the oldest unanswered `Backend.sync`. */
  synced(): void;
  /** Once at the end of each turn of the driver: one write per connection that has replies. */
  flushTurn(): void;
  /** Expiry, idle connections, throttles, reapers. */
  tick(): void;
  /** Monotonic ms when {@link tick} is due; null when never. */
  readonly deadline: number | null;
  /** Learners: sessions used since the last call, with timeouts, for the answer to a PING. */
  touched(): [SessionId, number][];
  /** Closes every client connection; nothing is accepted any more. */
  stop(): void;
}
