// Who is alive: the tracker of a leader (all global sessions), of a standalone server, and of the
// local sessions of any server. Owners decide whether a request may come this way (client.md 7.3).
//
//   track --> alive --touch--> alive --expire or close--> closing --remove--> gone
//
// Must agree with SessionTrackerImpl, LeaderSessionTracker and ExpiryQueue.

import type { SessionId } from "../base/ids.ts";
import { ErrorCode } from "../txn/opcodes.ts";
import { type Expiring, ExpiryBuckets } from "./buckets.ts";
import type { Owner } from "./request.ts";

export interface TrackedSession extends Expiring {
  readonly id: SessionId;
  /** Milliseconds, as agreed when the session was made. */
  readonly timeoutMs: number;
  /** Null until somebody speaks for the session. */
  owner: Owner | null;
  /** A closeSession is on its way: nothing more is accepted. */
  isClosing: boolean;
  /** Removed; the object may still be held by a connection. */
  isGone: boolean;
}

/** Which sessions a server accepts although it does not track them (client.md 7.4). */
export interface LocalRule {
  /** Those of this server's own clients. */
  readonly sessions: SessionTracker;
  /** Top byte of ids made here: such a session is either known or gone. */
  readonly serverId: number;
}

export class SessionTracker {
  readonly #sessions = new Map<SessionId, TrackedSession>();
  readonly #buckets: ExpiryBuckets<TrackedSession>;
  readonly #local: LocalRule | null;

  /** `tickMs` is the width of a bucket. */
  constructor(tickMs: number, nowMono: number, local: LocalRule | null = null) {
    this.#buckets = new ExpiryBuckets(tickMs, nowMono);
    this.#local = local;
  }

  get size(): number {
    return this.#sessions.size;
  }

  get(id: SessionId): TrackedSession | undefined {
    return this.#sessions.get(id);
  }

  /** Adds a session, or touches it when it is known. */
  track(id: SessionId, timeoutMs: number, nowMono: number): TrackedSession {
    let session = this.#sessions.get(id);
    if (session === undefined) {
      session = {
        id,
        timeoutMs,
        owner: null,
        isClosing: false,
        isGone: false,
        deadline: 0,
        bucket: 0,
      };
      this.#sessions.set(id, session);
    }
    if (!session.isClosing) this.#buckets.touch(session, nowMono, timeoutMs);
    return session;
  }

  /** Tracks a whole table at full timeout: what a new leader does first. */
  load(table: Iterable<readonly [SessionId, number]>, nowMono: number): void {
    for (const [id, timeoutMs] of table) this.track(id, timeoutMs, nowMono);
  }

  /** False when the session is unknown or closing: the request that came with it is dropped. */
  touch(id: SessionId, timeoutMs: number, nowMono: number): boolean {
    const session = this.#sessions.get(id);
    return session !== undefined && this.touchSession(session, timeoutMs, nowMono);
  }

  /** As {@link touch}, for a caller that kept the session at hand. */
  touchSession(session: TrackedSession, timeoutMs: number, nowMono: number): boolean {
    if (session.isClosing || session.isGone) return false;
    this.#buckets.touch(session, nowMono, timeoutMs);
    return true;
  }

  setOwner(id: SessionId, owner: Owner): void {
    const session = this.#sessions.get(id);
    if (session !== undefined) session.owner = owner;
  }

  /** As {@link checkGlobal}, but a local session will do. */
  check(id: SessionId, owner: Owner): number {
    const local = this.#local;
    if (local === null || this.#sessions.has(id)) return this.checkGlobal(id, owner);
    if (local.sessions.get(id) !== undefined) return local.sessions.checkGlobal(id, owner);
    // Elsewhere it may be somebody's local session; ours we would know.
    return id >> 56n === BigInt(local.serverId) ? ErrorCode.SESSIONEXPIRED : 0;
  }

  /**
   * May `owner` act for this session, known to every server? 0, SESSIONEXPIRED or SESSIONMOVED. The
   * first to ask for a session without an owner becomes it.
   */
  checkGlobal(id: SessionId, owner: Owner): number {
    const session = this.#sessions.get(id);
    if (session === undefined || session.isClosing) return ErrorCode.SESSIONEXPIRED;
    if (session.owner === null) session.owner = owner;
    return session.owner === owner ? 0 : ErrorCode.SESSIONMOVED;
  }

  /** From now on nothing more is accepted for the session. */
  setClosing(id: SessionId): void {
    const session = this.#sessions.get(id);
    if (session !== undefined) session.isClosing = true;
  }

  remove(id: SessionId): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#sessions.delete(id);
    this.#buckets.remove(session);
    session.isGone = true;
  }

  /** Sessions that nobody touched in time; each is marked closing and given once. */
  expire(nowMono: number): TrackedSession[] {
    const expired = this.#buckets.expire(nowMono).filter((session) => !session.isClosing);
    for (const session of expired) session.isClosing = true;
    return expired;
  }

  get deadline(): number | null {
    return this.#buckets.deadline;
  }

  ids(): IterableIterator<SessionId> {
    return this.#sessions.keys();
  }

  /** Expiry time (monotonic ms) to sessions, soonest first. */
  dump(): Map<number, TrackedSession[]> {
    return this.#buckets.dump();
  }
}
