// One client connection: what it is allowed, what it waits for, the bytes it has not read yet. The
// order of a session lives here: what cannot be answered at once stands in `waiting`, and all that
// is behind it waits too (client.md 3.6, 8.4).
//
//   fresh --connect request--> deciding --session--> open --> closing --> closed
//     |                           |
//     +--four-letter word---------+--refused------------------^
//
// Must agree with Java's ServerCnxn and NIOServerCnxn.

import { Deque } from "../base/deque.ts";
import type { SessionId, Zxid } from "../base/ids.ts";
import { type AuthOptions, ipIdOf, permits } from "../auth/mod.ts";
import type { Output } from "../codec/output.ts";
import type { ACL, Id } from "../records/data.ts";
import type { Watcher } from "../tree/watches.ts";
import { Xid } from "../txn/opcodes.ts";
import { EVENT_STATE } from "../wire/client.ts";
import { FrameSplitter } from "../wire/frames.ts";
import type { Expiring } from "./buckets.ts";
import type { ClientConn } from "./request.ts";
import type { TrackedSession } from "./sessions.ts";
import { ConnectionStats } from "./stats.ts";

export type ConnectionState = "fresh" | "deciding" | "open" | "closing" | "closed";

/**
 * Why a request stands in line: a write for its txn, a learner's sync for the leader's answer, a
 * barrier for an earlier write of the same session that came over another connection, anything else
 * only for those before it.
 */
export type Waits = "commit" | "sync" | "barrier" | "turn";

/** A request in line. */
export interface Waiting {
  readonly conn: Connection;
  readonly sessionId: SessionId;
  readonly xid: number;
  readonly op: number;
  /** The body, as a view of the chunk that brought it. */
  readonly body: Uint8Array;
  /** Who asks: an auth that comes later is not for what was asked before it. */
  readonly ids: readonly Id[];
  readonly arrivedMono: number;
  waits: Waits;
  /** An answer known already, whatever the op; null when there is none. */
  readonly err: number | null;
  /** A barrier on another connection that falls when this is done. */
  unblocks: Waiting | null;
}

/** What a connection needs of the server it belongs to. */
export interface ConnectionHome {
  readonly auth: AuthOptions;
  /** A scratch for replies; the connection's until the end of the turn. */
  lendOutput(conn: Connection): Output;
  countEvent(conn: Connection, size: number): void;
}

const READ = 1;

export class Connection implements Watcher, Expiring {
  readonly client: ClientConn;
  readonly stats = new ConnectionStats();
  readonly frames: FrameSplitter;
  /** Java's form of the other side's address. */
  readonly address: string;
  readonly establishedWall: number;
  state: ConnectionState = "fresh";
  /** 0 until a connect request came. */
  sessionId: SessionId = 0n;
  timeoutMs = 0;
  /** Whether the connect request had the readOnly flag, and what it said. */
  readOnlyAsked: boolean | null = null;
  /** The tracker's record, on servers that track this session. */
  session: TrackedSession | null = null;
  isLocal = false;
  /** Replaced, never changed: requests under way keep the ids they came with. */
  ids: readonly Id[];
  /** Empty for nearly all connections nearly always. */
  waiting: Deque<Waiting> | null = null;
  /** Requests with an xid above 0 among them. */
  unanswered = 0;
  /** Replies of this turn; null while there are none. */
  out: Output | null = null;
  /** Nothing is read, for one of the reasons below or because the session is being decided. */
  isHeld = false;
  /** Bytes handed to the socket. */
  handed = 0;
  /** Bytes of events since it last became clogged. */
  piled = 0;
  /** When the throttle of requests stopped this connection; 0 when it did not. */
  heldMono = 0;
  /** The round of the touch table that has this session already. */
  touchRound = -1;
  // Idle buckets.
  deadline = 0;
  bucket = 0;
  readonly #home: ConnectionHome;

  constructor(home: ConnectionHome, client: ClientConn, frameLimit: number, wall: number) {
    this.#home = home;
    this.client = client;
    this.frames = new FrameSplitter(frameLimit, `client ${client.host}:${client.port}`);
    this.establishedWall = wall;
    this.address = ipIdOf(client.host);
    this.ids = [{ scheme: "ip", id: this.address }, ...client.ids];
  }

  get isOpen(): boolean {
    return this.state === "open" || this.state === "deciding" || this.state === "fresh";
  }

  /** Bytes that the socket got rid of. */
  get taken(): number {
    return this.handed - this.client.queued;
  }

  get isWaiting(): boolean {
    return this.inLine > 0;
  }

  /** Requests in line, with any xid. */
  get inLine(): number {
    return this.waiting?.size ?? 0;
  }

  /** Where the replies of this turn go. */
  output(): Output {
    return this.out ?? this.#home.lendOutput(this);
  }

  wait(request: Waiting): void {
    (this.waiting ??= new Deque()).push(request);
    if (request.xid > 0) this.unanswered += 1;
  }

  /** Takes the head of the line. */
  next(): Waiting | undefined {
    const request = this.waiting?.shift();
    if (request !== undefined && request.xid > 0) this.unanswered -= 1;
    return request;
  }

  hold(on: boolean): void {
    if (this.isHeld === on || !this.isOpen) return;
    this.isHeld = on;
    this.client.hold(on);
  }

  notify(type: number, path: string, zxid: Zxid): void {
    if (!this.isOpen) return;
    const out = this.output();
    const at = out.reserve();
    out.int(Xid.watchEvent);
    out.long(zxid);
    out.int(0);
    out.int(type);
    out.int(EVENT_STATE);
    out.ustring(path);
    out.patchLength(at);
    this.#home.countEvent(this, out.size - at);
  }

  canRead(acl: readonly ACL[] | null): boolean {
    return acl === null || permits(acl, READ, this.ids, this.#home.auth);
  }
}
