// Each write from hop to hop: request, REQUEST, PROPOSAL and ACK of each member, COMMIT, reply. A
// transaction is known by its zxid; it finds the request it came from by session and cxid, and the
// reply finds it by zxid. Told when nothing more is to come, or when it has been quiet for a while.

import type { SessionId, Zxid } from "../base/ids.ts";
import { OpCode, opName } from "../txn/opcodes.ts";
import type { ClientTalk } from "./client_talk.ts";
import type { Conn, Context } from "./context.ts";
import type { WriteHop } from "./message.ts";
import { NO_PATH } from "./paths.ts";
import type { Sessions } from "./sessions.ts";

const WRITES_MAX = 1 << 16;
const FORWARDED_MAX = 1 << 14;
/** A write is told when nothing has happened to it for so long. */
const QUIET_NS = 2e9;

interface Hop {
  readonly conn: Conn;
  proposed: number;
  acked: number;
  committed: number;
}

interface Write {
  readonly high: number;
  readonly low: number;
  readonly session: SessionId;
  readonly cxid: number;
  op: number;
  path: string | null;
  error: number;
  requested: number;
  forwarded: number;
  forwardedBy: Conn | null;
  readonly hops: Hop[];
  replied: number;
  /** Where the reply will be seen; null when its connection was not captured. */
  origin: ClientTalk | null;
  last: number;
}

interface Forwarded {
  readonly session: SessionId;
  readonly op: number;
  readonly time: number;
  readonly conn: Conn;
}

/** A transaction as its PROPOSAL or INFORM shows it. */
export interface SeenTxn {
  readonly high: number;
  readonly low: number;
  readonly session: SessionId;
  readonly cxid: number;
  readonly type: number;
  /** Error code of an error transaction. */
  readonly error: number;
  readonly path: string | null;
}

export class Writes {
  readonly #context: Context;
  readonly #sessions: Sessions;
  readonly #writes = new Map<number, Write>();
  readonly #forwarded = new Map<string, Forwarded>();
  /** Transactions that make a session: the answer to the connect request names it. */
  readonly #opening = new Map<SessionId, Write>();
  /** Learner connections open at present: as many hops a write has at most. */
  learners = 0;

  constructor(context: Context, sessions: Sessions) {
    this.#context = context;
    this.#sessions = sessions;
  }

  /** A learner passed a request on to the leader. */
  forwarded(conn: Conn, session: SessionId, cxid: number, op: number, time: number): void {
    if (this.#forwarded.size >= FORWARDED_MAX) {
      const [oldest] = this.#forwarded.keys();
      this.#forwarded.delete(oldest);
    }
    this.#forwarded.set(`${session}/${cxid}`, { session, op, time, conn });
  }

  /** PROPOSAL to a follower, or INFORM to an observer (then it is the commit as well). */
  proposed(conn: Conn, txn: SeenTxn, time: number, isInform: boolean): void {
    const write = this.#get(txn.high, txn.low) ?? this.#begin(txn, time);
    write.last = time;
    const found = write.hops.find((hop) => hop.conn === conn);
    if (found !== undefined) return; // sent once more while a learner catches up
    const committed = isInform ? time : NaN;
    write.hops.push({ conn, proposed: isInform ? NaN : time, acked: NaN, committed });
  }

  acked(conn: Conn, high: number, low: number, time: number): void {
    const write = this.#get(high, low);
    const hop = write?.hops.find((one) => one.conn === conn);
    if (write === null || hop === undefined) return;
    hop.acked = time;
    write.last = time;
    this.#finishIfDone(write);
  }

  committed(conn: Conn, high: number, low: number, time: number): void {
    const write = this.#get(high, low);
    const hop = write?.hops.find((one) => one.conn === conn);
    if (write === null || hop === undefined) return;
    hop.committed = time;
    write.last = time;
    this.#finishIfDone(write);
  }

  replied(
    talk: ClientTalk,
    xid: number,
    high: number,
    low: number,
    at: number,
    time: number,
  ): void {
    const write = this.#get(high, low);
    if (write === null || write.cxid !== xid) return;
    if (talk.session === null) this.#sessions.learnt(talk, write.session);
    if (write.session !== talk.session || !Number.isNaN(write.replied)) return;
    if (Number.isNaN(write.requested)) {
      write.requested = talk.pending.timeAt(at);
      const path = talk.pending.pathAt(at);
      if (path !== NO_PATH) write.path ??= this.#context.paths.text(path);
    }
    write.replied = time;
    write.last = time;
    this.#finishIfDone(write);
  }

  /** A session is open: the reply to the transaction that made it. */
  opened(session: SessionId, requested: number, time: number): void {
    const write = this.#opening.get(session);
    if (write === undefined) return;
    write.requested = requested;
    write.replied = time;
    write.last = time;
    this.#finishIfDone(write);
  }

  /** Tells what has been quiet; call now and then. */
  tick(time: number): void {
    for (const write of this.#writes.values()) {
      if (time - write.last >= QUIET_NS) this.#finish(write);
    }
  }

  end(): void {
    for (const write of this.#writes.values()) this.#finish(write);
  }

  #get(high: number, low: number): Write | null {
    const write = this.#writes.get(keyOf(high, low));
    return write !== undefined && write.high === high && write.low === low ? write : null;
  }

  #begin(txn: SeenTxn, time: number): Write {
    const { high, low, session, cxid } = txn;
    const key = `${session}/${cxid}`;
    const forwarded = this.#forwarded.get(key);
    if (forwarded !== undefined) this.#forwarded.delete(key);
    const origin = this.#sessions.talkOf(session);
    const at = origin === null || cxid === 0 ? -1 : origin.pending.find(cxid);
    const path = at < 0 || origin === null ? NO_PATH : origin.pending.pathAt(at);
    const write: Write = {
      high,
      low,
      session,
      cxid,
      op: at >= 0 && origin !== null ? origin.pending.opAt(at) : forwarded?.op ?? txn.type,
      path: txn.path ?? (path === NO_PATH ? null : this.#context.paths.text(path)),
      error: txn.error,
      requested: at >= 0 && origin !== null ? origin.pending.timeAt(at) : NaN,
      forwarded: forwarded?.time ?? NaN,
      forwardedBy: forwarded?.conn ?? null,
      hops: [],
      replied: NaN,
      origin: at >= 0 ? origin : null,
      last: time,
    };
    if (this.#writes.size >= WRITES_MAX) {
      const [oldest] = this.#writes.values();
      this.#finish(oldest);
    }
    this.#writes.set(keyOf(high, low), write);
    if (write.op === OpCode.createSession) this.#opening.set(session, write);
    return write;
  }

  #finishIfDone(write: Write): void {
    const isAwaited = write.origin !== null || write.op === OpCode.createSession;
    if (isAwaited && Number.isNaN(write.replied)) return;
    for (const hop of write.hops) {
      if (Number.isNaN(hop.committed)) return;
      if (Number.isNaN(hop.acked) && !Number.isNaN(hop.proposed)) return;
    }
    // Another learner's proposal may still be on its way; then the write is told when it is quiet.
    if (write.hops.length >= this.learners) this.#finish(write);
  }

  #finish(write: Write): void {
    this.#writes.delete(keyOf(write.high, write.low));
    if (write.op === OpCode.createSession) this.#opening.delete(write.session);
    const zxid: Zxid = (BigInt(write.high) << 32n) | BigInt(write.low >>> 0);
    const { members } = this.#context;
    const hops: WriteHop[] = write.hops.map(({ conn, proposed, acked, committed }) => ({
      sid: members.sidOf(conn, conn.clientSide),
      to: conn.client,
      proposed: known(proposed),
      acked: known(acked),
      committed: known(committed),
    }));
    const by = write.forwardedBy;
    this.#context.tell({
      type: "write",
      time: write.last,
      zxid,
      session: write.session,
      cxid: write.cxid,
      op: opName(write.op),
      path: write.path,
      error: write.error,
      requested: known(write.requested),
      forwarded: known(write.forwarded),
      forwardedBy: by === null ? null : members.sidOf(by, by.clientSide),
      hops,
      replied: known(write.replied),
    });
  }
}

const known = (time: number): number | null => Number.isNaN(time) ? null : time;

/** Exact for epochs below 2^21; the words are compared besides. */
const keyOf = (high: number, low: number): number => (high & 0x1fffff) * 4294967296 + (low >>> 0);
