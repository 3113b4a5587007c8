// What becomes of sessions, writes, elections and epochs over many connections: one place that talks
// report to.

import type { SessionId, Sid } from "../base/ids.ts";
import type { ClientTalk } from "./client_talk.ts";
import type { Conn, Context } from "./context.ts";
import { Elections } from "./elections.ts";
import type { Side } from "./flows.ts";
import { Sessions } from "./sessions.ts";
import { Writes } from "./writes.ts";

const TICK_NS = 50e6;

export class Understanding {
  readonly sessions: Sessions;
  readonly writes: Writes;
  readonly elections: Elections;
  readonly #context: Context;
  readonly #epochs = new Map<bigint, "proposed" | "established">();
  readonly #told = new Set<number>();
  #nextTick = Number.NEGATIVE_INFINITY;

  constructor(context: Context) {
    this.#context = context;
    this.sessions = new Sessions(context);
    this.writes = new Writes(context, this.sessions);
    this.elections = new Elections(context);
  }

  /** Lets time pass; cheap when nothing is due. */
  tick(time: number): void {
    if (time < this.#nextTick) return;
    this.#nextTick = time + TICK_NS;
    this.writes.tick(time);
    this.elections.tick(time);
  }

  end(time: number): void {
    this.writes.end();
    this.elections.end(time);
  }

  connected(
    talk: ClientTalk,
    asked: SessionId | null,
    session: SessionId,
    timeoutMs: number,
    time: number,
    latency: number,
  ): void {
    this.sessions.connected(talk, asked, session, timeoutMs, time, latency);
    if (asked === 0n) this.writes.opened(session, time - latency, time);
  }

  closing(talk: ClientTalk, time: number): void {
    this.sessions.closing(talk, time);
  }

  closed(talk: ClientTalk, time: number): void {
    this.sessions.closed(talk, time);
  }

  replied(
    talk: ClientTalk,
    xid: number,
    high: number,
    low: number,
    at: number,
    time: number,
  ): void {
    this.writes.replied(talk, xid, high, low, at, time);
  }

  /** True when this transaction has been asked about before: it goes to each member. */
  isToldTwice(high: number, low: number): boolean {
    const key = high * 4294967296 + (low >>> 0);
    if (this.#told.has(key)) return true;
    this.#told.add(key);
    if (this.#told.size > 4096) {
      const [oldest] = this.#told;
      this.#told.delete(oldest);
    }
    return false;
  }

  /** A leader told its epoch (LEADERINFO), or a learner that it is up to date (UPTODATE). */
  epoch(
    conn: Conn,
    leaderSide: Side,
    epoch: bigint,
    what: "proposed" | "established",
    time: number,
  ): void {
    const before = this.#epochs.get(epoch);
    if (before === what || before === "established") return;
    if (what === "proposed") this.elections.followed(time);
    this.#epochs.set(epoch, what);
    if (this.#epochs.size > 4096) {
      const [oldest] = this.#epochs.keys();
      this.#epochs.delete(oldest);
    }
    const leader = this.#leaderOf(conn, leaderSide);
    const at = conn.names[leaderSide];
    this.#context.tell({ type: "epoch", time, epoch, leader, at, what });
  }

  /** Who leads is known from its address, or else from the election just seen. */
  #leaderOf(conn: Conn, leaderSide: Side): Sid | null {
    const known = this.#context.members.sidOf(conn, leaderSide);
    if (known !== null) return known;
    const elected = this.elections.lastLeader;
    if (elected !== null) conn.sids[leaderSide] = elected;
    return elected;
  }
}
