// A client connection: connect records, requests and replies in step, watch events. Replies come in
// the order of requests (client.md 3.6) but for auth and SASL, which are answered on the spot; a
// reply whose request was not captured is never given to another request.

import type { SessionId } from "../base/ids.ts";
import { i32, i64 } from "./bytes.ts";
import { decodeText } from "../codec/input.ts";
import { OpCode, opName, Xid } from "../txn/opcodes.ts";
import {
  CONNECT_OP,
  eventName,
  isConnectRequest,
  isConnectResponse,
  isCutConnect,
  PATHLESS,
  WRITES,
} from "./client_ops.ts";
import { checkReply, checkRequest } from "./checks.ts";
import type { Conn, Context, Talk } from "./context.ts";
import type { Side } from "./flows.ts";
import type { Message } from "./message.ts";
import { NO_PATH } from "./paths.ts";
import { type Asked, Pending } from "./pending.ts";
import { type RecordOwner, RecordStream } from "./stream.ts";
import type { LossReason } from "./tcp.ts";
import type { Understanding } from "./understanding.ts";
import { isArming } from "./watch_requests.ts";
import { Watches } from "./watches.ts";

/** Longest frame believed in step; the servers' own limit is a setting. */
const FRAME_MAX = 1 << 28;
const SHORTEST = 4;

export class ClientTalk implements Talk, RecordOwner {
  readonly protocol = "client";
  readonly conn: Conn;
  readonly #context: Context;
  readonly #story: Understanding;
  readonly #streams: readonly [RecordStream, RecordStream];
  readonly #clientSide: Side;
  readonly pending = new Pending();
  readonly #watches = new Watches();
  /** The next record of that side is its first. */
  readonly #isFirst: [boolean, boolean] = [true, true];
  /** Requests were lost: a reply to a special xid may belong to one of them. */
  #isUncertain: boolean;
  session: SessionId | null = null;
  #connectTime = NaN;
  #connect: Message | null = null;
  #connectSession: SessionId | null = null;

  /** `inStep`: whether each side's bytes begin with a message. */
  constructor(
    conn: Conn,
    context: Context,
    story: Understanding,
    inStep: readonly [boolean, boolean],
  ) {
    this.conn = conn;
    this.#context = context;
    this.#story = story;
    this.#clientSide = conn.clientSide;
    this.#streams = [
      new RecordStream(this, 0, !inStep[0]),
      new RecordStream(this, 1, !inStep[1]),
    ];
    this.#isUncertain = !inStep[conn.clientSide];
  }

  data(side: Side, bytes: Uint8Array, start: number, end: number, time: number): void {
    this.#streams[side].data(bytes, start, end, time);
  }

  lost(side: Side, length: number, why: LossReason, time: number): void {
    this.#context.loss(this.conn, side, length, why, time);
    if (side === this.#clientSide) this.#isUncertain = true;
    else this.pending.doubt();
    this.#streams[side].lost(length, time);
  }

  close(time: number): void {
    for (const stream of this.#streams) stream.end(time);
    for (let i = 0; i < this.pending.size; i++) {
      this.#context.counter?.unanswered(this.conn, this.pending.opAt(i));
    }
    // The session may point here for hours: what is still to come of it is times and ops.
    this.pending.forgetMessages();
    this.#watches.clear();
  }

  /** Memory and watches that it still has for what is to come. */
  get kept(): number {
    const [one, other] = this.#streams;
    return one.kept + other.kept + this.#watches.size;
  }

  // ---- records out of the streams -----------------------------------------------------------------

  measure(_side: Side, bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 4) return -SHORTEST;
    const length = i32(bytes, at);
    if (length < 0 || length > FRAME_MAX) return 0;
    return end - at >= 4 + length ? 4 + length : -4 - length;
  }

  sizeOf(_side: Side, bytes: Uint8Array, length: number): number {
    if (length < 4) return 0;
    const size = i32(bytes, 0);
    return size < 0 || size > FRAME_MAX ? 0 : 4 + size;
  }

  check(side: Side, bytes: Uint8Array, at: number, end: number): number {
    if (side !== this.#clientSide) {
      return this.#isFirst[side] && isConnectResponse(bytes, at, end)
        ? 4 + i32(bytes, at)
        : checkReply(bytes, at, end);
    }
    return this.#isFirst[side] && isConnectRequest(bytes, at, end)
      ? 4 + i32(bytes, at)
      : checkRequest(bytes, at, end);
  }

  outOfStep(side: Side): void {
    if (side === this.#clientSide) this.#isUncertain = true;
  }

  inStep(): void {}

  skipped(side: Side, count: number, time: number): void {
    if (side !== this.#clientSide) this.pending.doubt();
    this.#context.loss(this.conn, side, count, "unreadable", time);
  }

  record(
    side: Side,
    bytes: Uint8Array,
    start: number,
    end: number,
    size: number,
    lost: number,
    time: number,
  ): void {
    this.#context.count(this.conn, side, size);
    const isFirst = this.#isFirst[side];
    if (isFirst) this.#isFirst[side] = false;
    if (side === this.#clientSide) {
      const isCut = lost > 0 && isCutConnect(bytes, start, end);
      if (isFirst && (isCut || isConnectRequest(bytes, start, end))) {
        this.#connecting(side, bytes, start, end, size, lost, time);
      } else if (end - start < 12) {
        this.#malformed(side, bytes, start, end, size, lost, time);
      } else this.#request(side, bytes, start, end, size, lost, time);
    } else if (isFirst && isConnectResponse(bytes, start, end)) {
      this.#connected(side, bytes, start, end, size, lost, time);
    } else if (end - start < 20) {
      this.#malformed(side, bytes, start, end, size, lost, time);
    } else if (i32(bytes, start + 4) === Xid.watchEvent) {
      this.#event(side, bytes, start, end, size, lost, time);
    } else this.#reply(side, bytes, start, end, size, lost, time);
  }

  #malformed(
    side: Side,
    bytes: Uint8Array,
    start: number,
    end: number,
    size: number,
    lost: number,
    time: number,
  ): void {
    if (!this.#context.isRich) return;
    const isCut = lost > 0;
    const name = isCut ? "(cut)" : "(malformed)";
    const note = isCut ? "its header was lost" : "too short for a header";
    const draft = { kind: "malformed" as const, name, note, layout: { of: "raw" } as const };
    this.#context.emit(this.conn, side, draft, bytes, start, end, size, lost, time);
  }

  #connecting(
    side: Side,
    bytes: Uint8Array,
    start: number,
    end: number,
    size: number,
    lost: number,
    time: number,
  ): void {
    this.#connectTime = time;
    const isCut = end - start < 28;
    this.#connectSession = isCut ? null : i64(bytes, start + 20);
    this.#isUncertain = false;
    if (!this.#context.isRich) return;
    this.#connect = this.#context.emit(
      this.conn,
      side,
      {
        kind: "connect",
        name: "connect",
        layout: { of: "connectRequest" },
        session: this.#connectSession,
        zxid: isCut ? null : i64(bytes, start + 8),
        note: isCut ? "" : `timeout ${i32(bytes, start + 16)} ms`,
      },
      bytes,
      start,
      end,
      size,
      lost,
      time,
    );
  }

  #connected(
    side: Side,
    bytes: Uint8Array,
    start: number,
    end: number,
    size: number,
    lost: number,
    time: number,
  ): void {
    const timeoutMs = i32(bytes, start + 8);
    const session = i64(bytes, start + 12);
    const latency = time - this.#connectTime;
    const isRefused = timeoutMs <= 0;
    if (!isRefused) this.session = session;
    this.#context.counter?.answered(
      this.conn,
      CONNECT_OP,
      isRefused ? -112 : 0,
      latency,
      NO_PATH,
      0,
      time,
      0,
      0,
    );
    if (this.#context.isRich) {
      this.#context.emit(
        this.conn,
        side,
        {
          kind: "connected",
          name: "connect",
          layout: { of: "connectResponse" },
          session,
          error: isRefused ? -112 : 0,
          latency: Number.isNaN(latency) ? null : latency,
          about: this.#connect?.n ?? null,
          note: isRefused ? "refused" : `timeout ${timeoutMs} ms`,
        },
        bytes,
        start,
        end,
        size,
        lost,
        time,
      );
    }
    const asked = Number.isNaN(latency) ? null : this.#connectSession;
    // A read-only server of 3.4 makes ids as a standalone one does, whoever it is.
    const isReadOnly = size === 41 && (end - start < 41 || bytes[start + 40] !== 0);
    if (asked === 0n && !isRefused && !isReadOnly) this.#story.sessions.made(this, session);
    this.#story.connected(this, asked, session, timeoutMs, time, latency);
  }

  // ---- requests and replies -----------------------------------------------------------------------

  #request(
    side: Side,
    bytes: Uint8Array,
    start: number,
    end: number,
    size: number,
    lost: number,
    time: number,
  ): void {
    const xid = i32(bytes, start + 4);
    const op = i32(bytes, start + 8);
    const path = this.#path(op, bytes, start + 12, end);
    let message: Message | null = null;
    if (this.#context.isRich) {
      message = this.#context.emit(
        this.conn,
        side,
        {
          kind: "request",
          name: opName(op),
          layout: { of: "request" },
          xid,
          session: this.session,
          path: path === NO_PATH ? null : this.#pathText(bytes, start + 12, end),
        },
        bytes,
        start,
        end,
        size,
        lost,
        time,
      );
    }
    const asked = message === null ? null : askedBy(message, op);
    const dropped = this.pending.push(xid, op, path, time, asked);
    if (dropped >= 0) this.#context.counter?.unanswered(this.conn, dropped);
    if (op === OpCode.closeSession) this.#story.closing(this, time);
  }

  #path(op: number, bytes: Uint8Array, at: number, end: number): number {
    if (PATHLESS.has(op) || end - at < 4) return NO_PATH;
    const length = i32(bytes, at);
    if (length <= 0 || length > end - at - 4) return NO_PATH;
    return this.#context.paths.numberOf(bytes, at + 4, at + 4 + length);
  }

  #pathText(bytes: Uint8Array, at: number, end: number): string {
    return decodeText(bytes, at + 4, Math.min(end, at + 4 + i32(bytes, at)));
  }

  #reply(
    side: Side,
    bytes: Uint8Array,
    start: number,
    end: number,
    size: number,
    lost: number,
    time: number,
  ): void {
    const xid = i32(bytes, start + 4);
    const error = i32(bytes, start + 16);
    const pending = this.pending;
    const at = pending.find(xid);
    const op = at < 0 ? null : pending.opAt(at);
    const sure = at >= 0 && (xid > 0 || (!this.#isUncertain && !pending.isSecond(at)));
    const latency = sure ? time - pending.timeAt(at) : NaN;
    const path = at < 0 ? NO_PATH : pending.pathAt(at);
    const high = i32(bytes, start + 8);
    const low = i32(bytes, start + 12);
    if (op !== null) {
      const { counter } = this.#context;
      counter?.answered(this.conn, op, error, latency, path, xid, time, high, low);
    }
    const request = at < 0 ? null : pending.messageAt(at);
    if (this.#context.isRich) {
      this.#context.emit(
        this.conn,
        side,
        {
          kind: "reply",
          name: op === null ? xid === Xid.ping ? "ping" : "(unseen request)" : opName(op),
          layout: { of: "reply", op },
          xid,
          session: this.session,
          zxid: i64(bytes, start + 8),
          path: request?.path ?? null,
          error,
          latency: Number.isNaN(latency) ? null : latency,
          about: request?.n ?? null,
        },
        bytes,
        start,
        end,
        size,
        lost,
        time,
      );
    }
    if (at < 0) return;
    if (op !== null && WRITES.has(op)) this.#story.replied(this, xid, high, low, at, time);
    if (request !== null) this.#watches.answered(request, op ?? 0, error, time);
    if (op === OpCode.closeSession && error === 0) this.#story.closed(this, time);
    if (xid > 0) this.#isUncertain = false;
    const skipped = pending.remove(at, op === OpCode.sasl || xid === Xid.auth);
    for (const lostOp of skipped) this.#context.counter?.unanswered(this.conn, lostOp);
  }

  #event(
    side: Side,
    bytes: Uint8Array,
    start: number,
    end: number,
    size: number,
    lost: number,
    time: number,
  ): void {
    const type = end - start >= 24 ? i32(bytes, start + 20) : 0;
    this.#context.counter?.event(this.conn, type, time);
    if (!this.#context.isRich) return;
    const path = end - start >= 32 ? this.#pathText(bytes, start + 28, end) : null;
    const armed = path === null ? null : this.#watches.fired(type, path);
    this.#context.emit(
      this.conn,
      side,
      {
        kind: "event",
        name: eventName(type),
        layout: { of: "reply", op: null },
        xid: Xid.watchEvent,
        session: this.session,
        zxid: i64(bytes, start + 8),
        path,
        latency: armed === null ? null : time - armed.time,
        about: armed?.message ?? null,
        note: armed === null ? "" : `watch of ${armed.op}`,
      },
      bytes,
      start,
      end,
      size,
      lost,
      time,
    );
  }
}

/** A request without its data: nobody may ever answer thousands of writes. */
function askedBy({ n, name, path, lost, bytes }: Message, op: number): Asked {
  return { n, name, path, lost, bytes: isArming(op) ? bytes : NOTHING };
}

const NOTHING = new Uint8Array(0);
