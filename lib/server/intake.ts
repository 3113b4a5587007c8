// Requests as they come in: which are answered at once, which stand in line, which go to whoever
// orders writes, and which cost the connection (client.md 2.7, 3.2, 3.3, 3.6). Bytes are walked in
// the chunk that brought them; only what spans chunks is gathered.
//
// Must agree with ZooKeeperServer.processPacket and submitRequestNow, and with what the first
// processor of each role lets through.

import { Buffer } from "node:buffer";
import { isFault } from "../base/errors.ts";
import { hex } from "../base/ids.ts";
import type { Input } from "../codec/input.ts";
import { authenticate, idsBytes, idsRoom, isEnough } from "../auth/mod.ts";
import { readAuthPacket, readSaslRequest } from "../records/client.ts";
import { ErrorCode, OpCode, opName } from "../txn/opcodes.ts";
import type { Connection, Waiting } from "./connection.ts";
import { type Core, PILED_MAX } from "./core.ts";
import { doorRefusal, isUnknownBefore35 } from "./door.ts";
import { eagerRefusal } from "./eager_acl.ts";
import type { Handshake } from "./handshake.ts";
import { LocalSessions } from "./local_sessions.ts";
import { kindOf, NO_OP, shortName } from "./op_kinds.ts";
import type { Reads } from "./reads.ts";
import { LOCAL } from "./request.ts";
import type { Tally } from "./stats.ts";
import { wordOf } from "./words.ts";

const HEADER_SIZE = 8;
/** Znodes that are walked for one client in one go, when a write of its own cannot wait. */
const HURRIED_WALK = 4_000_000;

export class Intake {
  readonly #core: Core;
  readonly #handshake: Handshake;
  readonly #reads: Reads;
  readonly #locals: LocalSessions;
  readonly #isLearner: boolean;
  /** Somebody else's word is needed before a sync is answered. */
  readonly #isOrdered: boolean;
  readonly #isReadOnly: boolean;
  readonly #isEager: boolean;
  /** Sessions used since the last answer to a PING of the leader. */
  touches: Connection[] = [];
  #touchRound = 0;
  readonly #bytesReceived: Tally;
  readonly #readLatency: Tally;
  readonly #throttledOps: Tally;
  readonly #largeRejected: Tally;

  constructor(core: Core, handshake: Handshake, reads: Reads) {
    this.#core = core;
    this.#handshake = handshake;
    this.#reads = reads;
    this.#locals = new LocalSessions(core);
    const { role } = core.backend;
    this.#isLearner = role === "follower" || role === "observer";
    this.#isOrdered = this.#isLearner || role === "leader";
    this.#isReadOnly = role === "read-only";
    this.#isEager = core.options.eagerAclCheck && (this.#isLearner || role === "leader");
    this.#bytesReceived = core.meters.tally("bytes_received_count");
    this.#readLatency = core.meters.tally("readlatency");
    this.#throttledOps = core.meters.tally("throttled_ops");
    this.#largeRejected = core.meters.tally("large_requests_rejected");
  }

  bytes(conn: Connection, chunk: Uint8Array): void {
    this.#bytesReceived.add(chunk.length);
    this.#stir(conn);
    if (conn.state === "open" && !conn.isHeld && conn.frames.queue.size === 0) {
      return this.#walk(conn, chunk);
    }
    conn.frames.push(chunk);
    this.pump(conn);
  }

  /** The client is there, though nothing is read from it. */
  heard(conn: Connection): void {
    this.#stir(conn);
    this.#touch(conn);
  }

  #stir(conn: Connection): void {
    const core = this.#core;
    const { sessionlessTimeoutMs } = core.options;
    core.idle.touch(conn, core.mono, conn.state === "open" ? conn.timeoutMs : sessionlessTimeoutMs);
  }

  /** Goes on with bytes that were left standing. */
  pump(conn: Connection): void {
    const { queue } = conn.frames;
    while (queue.size > 0) {
      if (conn.state === "fresh") {
        if (this.#isWord(conn)) return;
      } else if (conn.state !== "open" || conn.isHeld) {
        return;
      }
      const frame = this.#nextFrame(conn);
      if (frame === null) return;
      this.#frame(conn, frame, 0, frame.length);
      this.#core.restrain(conn);
      // What follows a spanning frame mostly lies in one chunk.
      if (conn.state === "open" && !conn.isHeld && queue.size > 0) {
        return this.#walk(conn, queue.take(queue.size));
      }
    }
  }

  /** Everything in line whose turn has come, as far as the client takes it. */
  drain(conn: Connection): void {
    const core = this.#core;
    while (conn.isOpen && !core.clogged.has(conn) && this.#next(conn)) core.restrain(conn);
  }

  /**
   * A write that stands in line is about to be applied. What a clogged client asked before it is
   * answered now, for it must not see the write; a client that lets too much pile up is let go.
   */
  hurry(conn: Connection): void {
    const core = this.#core;
    const { walked } = core;
    while (conn.isOpen && this.#next(conn)) {
      const unsent = conn.client.queued + (conn.out?.size ?? 0);
      if (unsent > PILED_MAX) core.letGo(conn, "does not take its replies");
      else if (core.walked - walked > HURRIED_WALK) {
        core.letGo(conn, "asks too much before a write");
      }
    }
  }

  /** Sessions used since the last call, with timeouts. */
  touched(): [bigint, number][] {
    const touched = this.touches.map((conn): [bigint, number] => [conn.sessionId, conn.timeoutMs]);
    this.touches = [];
    this.#touchRound += 1;
    return touched;
  }

  #walk(conn: Connection, chunk: Uint8Array): void {
    const limit = this.#core.options.frameLimit;
    let at = 0;
    while (chunk.length - at >= 4) {
      const length = (chunk[at] << 24) | (chunk[at + 1] << 16) | (chunk[at + 2] << 8) |
        chunk[at + 3];
      if (length < 0 || length > limit) break; // the splitter says what is wrong with it
      const end = at + 4 + length;
      if (end > chunk.length) break;
      this.#frame(conn, chunk, at + 4, end);
      at = end;
      this.#core.restrain(conn);
      if (conn.isHeld || conn.state !== "open") break;
    }
    if (at === chunk.length || !conn.isOpen) return;
    conn.frames.push(at === 0 ? chunk : chunk.subarray(at));
    if (!conn.isHeld) this.#checkLength(conn);
  }

  #nextFrame(conn: Connection): Uint8Array | null {
    try {
      return conn.frames.next();
    } catch (fault) {
      this.#badLength(conn, fault);
      return null;
    }
  }

  #checkLength(conn: Connection): void {
    try {
      conn.frames.missing();
    } catch (fault) {
      this.#badLength(conn, fault);
    }
  }

  #badLength(conn: Connection, fault: unknown): void {
    if (!isFault(fault)) throw fault;
    this.#core.note("warn", "server", fault.message, { session: hex(conn.sessionId) });
    this.#core.close(conn);
  }

  /** True when the connection is for a four-letter word, or it is too early to tell. */
  #isWord(conn: Connection): boolean {
    const core = this.#core;
    const asked = wordOf(conn.frames);
    if (asked === null) return false;
    if (asked === undefined) return true;
    core.stats.received += 1;
    conn.stats.received += 1;
    conn.hold(true);
    conn.output().raw(Buffer.from(core.word(asked.word, asked.mask), "utf8"));
    core.stats.sent += 1;
    core.close(conn);
    return true;
  }

  #frame(conn: Connection, bytes: Uint8Array, start: number, end: number): void {
    const core = this.#core;
    core.stats.received += 1;
    conn.stats.received += 1;
    if (conn.state === "fresh") return this.#handshake.connect(conn, bytes, start, end);
    if (end - start < HEADER_SIZE) return core.close(conn);
    if (!core.requests.fits(end - start)) {
      this.#largeRejected.add(1);
      return core.close(conn);
    }
    const input = core.input.reset(bytes, start, end);
    const xid = input.int();
    const op = input.int();
    if (op === OpCode.auth) return this.#auth(conn, xid, input);
    if (op === OpCode.sasl) return this.#sasl(conn, xid, input);
    if (!isEnough(conn.ids, core.auth)) {
      core.reply(conn, xid, 0n, ErrorCode.SESSIONCLOSEDREQUIRESASLAUTH);
      core.countSent(conn);
      return core.close(conn);
    }
    if (!this.#touch(conn)) return; // dropped: the session is closing
    this.#request(conn, xid, op, bytes, end);
  }

  #request(conn: Connection, xid: number, op: number, bytes: Uint8Array, end: number): void {
    const core = this.#core;
    const kind = kindOf(op);
    if (kind === "read" && !conn.isWaiting && !this.#isStale(conn, op)) {
      return this.#read(conn, xid, op, core.mono);
    }
    if (kind === null) {
      core.reply(conn, xid, -1n, ErrorCode.UNIMPLEMENTED);
      core.countSent(conn);
      return core.close(conn);
    }
    const request: Waiting = {
      conn,
      sessionId: conn.sessionId,
      xid,
      op,
      body: bytes.subarray(core.input.at, end),
      ids: conn.ids,
      arrivedMono: core.mono,
      waits: "turn",
      err: this.#isStale(conn, op) ? ErrorCode.THROTTLEDOP : this.#refused(conn, kind, op),
      unblocks: null,
    };
    if (request.err === ErrorCode.THROTTLEDOP) this.#throttledOps.add(1);
    if (request.err !== null || kind === "read" || this.#isOwn(conn, op)) this.#line(conn, request);
    else if (kind === "sync") this.#sync(conn, request);
    else this.#submit(conn, request);
    if (core.requests.holds(conn.inLine)) core.throttle(conn);
  }

  /** Answers the first in line; false when there is none whose turn it is. */
  #next(conn: Connection): boolean {
    const request = conn.waiting?.first();
    if (request === undefined || request.waits !== "turn") return false;
    conn.next();
    this.#core.requests.left(request.body.length);
    this.#inTurn(conn, request);
    return true;
  }

  /** Answers now, or stands behind what is under way. */
  #line(conn: Connection, request: Waiting): void {
    if (!conn.isWaiting) return this.#inTurn(conn, request);
    this.#core.requests.entered(request.body.length);
    conn.wait(request);
  }

  #sync(conn: Connection, request: Waiting): void {
    if (!this.#isOrdered) return this.#line(conn, request);
    request.waits = "sync";
    const core = this.#core;
    core.requests.entered(request.body.length);
    conn.wait(request);
    core.syncs.push(request);
    core.backend.sync(this.#forward(conn, request));
  }

  #submit(conn: Connection, request: Waiting): void {
    request.waits = "commit";
    conn.wait(request);
    this.#core.pend(request);
    this.#core.backend.submit(this.#forward(conn, request));
  }

  #forward(conn: Connection, request: Waiting): Parameters<Core["backend"]["submit"]>[0] {
    const { sessionId, xid, op, body } = request;
    return { sessionId, cxid: xid, op, body, auth: conn.ids, owner: LOCAL };
  }

  /** A request whose turn it is and that needs nobody else. */
  #inTurn(conn: Connection, request: Waiting): void {
    const core = this.#core;
    const { xid, op, err, body, arrivedMono } = request;
    if (err !== null) {
      // An eager refusal has no zxid: these two codes come from nowhere else here.
      const isEager = err === ErrorCode.NOAUTH || err === ErrorCode.INVALIDACL;
      core.reply(conn, xid, isEager ? 0n : core.tree.lastZxid, err);
      core.answered(conn, NO_OP, xid, arrivedMono, HEADER_SIZE);
    } else if (op === OpCode.closeSession) {
      this.#locals.close(conn);
      core.refuse(conn, xid, 0);
      core.countSent(conn);
      core.close(conn);
    } else if (kindOf(op) === "read" || op === OpCode.sync) {
      core.input.reset(body);
      const { ids } = conn;
      conn.ids = request.ids;
      this.#read(conn, xid, op, arrivedMono);
      conn.ids = ids;
    }
  }

  #read(conn: Connection, xid: number, op: number, arrivedMono: number): void {
    const core = this.#core;
    const { session } = conn;
    if (session !== null && session.owner !== LOCAL) {
      if (session.owner !== null) return core.close(conn); // moved to another server
      session.owner = LOCAL;
    }
    const out = conn.output();
    const at = out.size;
    this.#reads.answer(conn, xid, op, core.input);
    core.answered(conn, shortName(op), xid, arrivedMono, out.size - at);
    this.#readLatency.add(core.mono - arrivedMono);
  }

  /** A refusal that needs nobody else, or null. */
  #refused(conn: Connection, kind: string, op: number): number | null {
    if (this.#isReadOnly && kind !== "read" && !this.#isOwn(conn, op)) {
      return ErrorCode.NOTREADONLY;
    }
    if (kind !== "write") return null;
    const atDoor = this.#isLearner ? this.#refusedAtDoor(op) : 0;
    if (atDoor !== 0) return atDoor;
    const { input } = this.#core;
    const eager = this.#isEager ? eagerRefusal(this.#core, conn, op, input) : 0;
    const err = eager === 0 ? this.#locals.refuses(conn, op) : eager;
    return err === 0 ? null : err;
  }

  /** What would stall or halt Java servers is not passed on. */
  #refusedAtDoor(op: number): number {
    const { input, isLeaderBefore35 } = this.#core;
    if (isLeaderBefore35 && isUnknownBefore35(op)) return ErrorCode.UNIMPLEMENTED;
    const start = input.at;
    try {
      return doorRefusal(input, op, this.#core.options.recordLimit);
    } catch (fault) {
      if (!isFault(fault)) throw fault;
      this.#core.note("warn", "server", `a request cannot be decoded: ${fault.message}`, {
        op: opName(op),
      });
      return ErrorCode.MARSHALLINGERROR;
    } finally {
      input.at = start;
    }
  }

  /** closeSession of a session that only this server knows. */
  #isOwn(conn: Connection, op: number): boolean {
    return op === OpCode.closeSession && conn.isLocal;
  }

  #isStale(conn: Connection, op: number): boolean {
    if (conn.heldMono === 0 || op === OpCode.ping || op === OpCode.closeSession) return false;
    return this.#core.requests.isStale(this.#core.mono - conn.heldMono);
  }

  /** False: the session is closing or gone, and the request with it. */
  #touch(conn: Connection): boolean {
    const core = this.#core;
    const { session } = conn;
    if (session !== null) {
      const tracker = conn.isLocal ? core.local : core.tracker;
      return tracker !== null && tracker.touchSession(session, conn.timeoutMs, core.mono);
    }
    if (core.tracker !== null) return false;
    if (conn.touchRound !== this.#touchRound) {
      conn.touchRound = this.#touchRound;
      this.touches.push(conn);
    }
    return true;
  }

  /** Answered on the spot, before anything that waits. */
  #auth(conn: Connection, xid: number, input: Input): void {
    const core = this.#core;
    let ok = false;
    try {
      const { scheme, auth } = readAuthPacket(input);
      const result = authenticate(scheme, auth, conn.ids, core.auth);
      // What a leader does not read costs a learner its leader.
      ok = result.ok && idsBytes(result.ids) <= idsRoom(core.options.recordLimit);
      if (ok) conn.ids = result.ids;
    } catch (fault) {
      if (!isFault(fault)) throw fault;
      return core.close(conn);
    }
    core.reply(conn, xid, 0n, ok ? 0 : ErrorCode.AUTHFAILED);
    core.countSent(conn);
    if (ok) return;
    core.stats.authFailed += 1;
    core.close(conn);
  }

  /** SASL is not set up on this server: no error, no token (client.md 9.2). */
  #sasl(conn: Connection, xid: number, input: Input): void {
    try {
      if (readSaslRequest(input).token === null) return this.#core.close(conn);
    } catch (fault) {
      if (!isFault(fault)) throw fault;
      return this.#core.close(conn);
    }
    const out = conn.output();
    const at = out.reserve();
    out.int(xid);
    out.long(0n);
    out.int(0);
    out.int(-1);
    out.patchLength(at);
    this.#core.countSent(conn);
  }
}
