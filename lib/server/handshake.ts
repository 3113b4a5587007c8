// A connect request until its session is decided (client.md 2.3 to 2.6): who may come in, as which
// session, with which timeout. Nothing more is read from the connection until then.
//
// Must agree with ZooKeeperServer.processConnectRequest and finishSessionInit; the password is
// checked before the session's other connection is closed, which Java does the other way round.

import { isFault } from "../base/errors.ts";
import { counterOf, hex, type SessionId, type Zxid } from "../base/ids.ts";
import { Output } from "../codec/output.ts";
import type { ConnectRequest } from "../records/client.ts";
import { OpCode } from "../txn/opcodes.ts";
import { readConnectRequest, writeConnectResponse } from "../wire/client.ts";
import type { Connection, Waiting } from "./connection.ts";
import type { Core } from "./core.ts";
import { isPasswordOf, PASSWORD_SIZE, passwordOf } from "./passwords.ts";
import { LOCAL } from "./request.ts";
import type { Tally } from "./stats.ts";
import type { ConnectKind } from "./throttle.ts";

/** A request in line that only marks a place. */
const NOTHING = -0x7fffffff;

export class Handshake {
  readonly #core: Core;
  /** Learners: connections whose session the leader is being asked about. */
  readonly #asked = new Map<SessionId, Connection>();
  readonly #requested: Tally;
  readonly #renewed: Tally;
  readonly #rejected: Tally;
  readonly #deficit: Tally;

  constructor(core: Core) {
    this.#core = core;
    this.#requested = core.meters.tally("connection_request_count");
    this.#renewed = core.meters.tally("connection_revalidate_count");
    this.#rejected = core.meters.tally("connection_rejected");
    this.#deficit = core.meters.tally("connection_token_deficit");
  }

  /** The first frame of a connection. */
  connect(conn: Connection, bytes: Uint8Array, start: number, end: number): void {
    const core = this.#core;
    const asked = this.#read(bytes, start, end);
    if (asked === null) return core.close(conn);
    const { request, readOnly } = asked;
    if (!core.connects.admits(this.#kind(request), core.mono)) {
      this.#rejected.add(1);
      return core.close(conn);
    }
    this.#deficit.add(core.connects.deficit);
    this.#requested.add(1);
    if (core.backend.role === "read-only" && readOnly !== true) return core.close(conn);
    if (!this.#hasAll(request.lastZxidSeen)) {
      core.note("info", "server", "a client has seen more than we have: it must try elsewhere", {
        client: conn.client.host,
        seen: hex(request.lastZxidSeen),
        ours: hex(core.tree.lastZxid),
      });
      return core.close(conn);
    }
    const { minSessionTimeoutMs, maxSessionTimeoutMs } = core.options;
    conn.readOnlyAsked = readOnly;
    conn.timeoutMs = Math.min(Math.max(request.timeOut, minSessionTimeoutMs), maxSessionTimeoutMs);
    conn.state = "deciding";
    conn.hold(true);
    if (request.sessionId === 0n) this.#begin(conn);
    else this.#resume(conn, request.sessionId, request.passwd);
  }

  /**
   * Whether this server has everything that a client has seen. The start of an epoch is no txn, and
   * whoever is level with that epoch has all before it (a Java follower refuses here).
   */
  #hasAll(seen: Zxid): boolean {
    const { tree, epochStart } = this.#core;
    return seen <= tree.lastZxid || (seen <= epochStart && counterOf(seen) === 0n);
  }

  /** The session is decided: answers, and reads on or closes. */
  finish(conn: Connection, valid: boolean): void {
    const core = this.#core;
    if (conn.state !== "deciding") return;
    const out = conn.output();
    const at = out.reserve();
    writeConnectResponse(out, {
      protocolVersion: 0,
      timeOut: valid ? conn.timeoutMs : 0,
      sessionId: valid ? conn.sessionId : 0n,
      passwd: valid ? passwordOf(conn.sessionId) : new Uint8Array(PASSWORD_SIZE),
    }, conn.readOnlyAsked === null ? null : core.backend.role === "read-only");
    out.patchLength(at);
    core.countSent(conn);
    if (!valid) return core.close(conn);
    conn.state = "open";
    if (!conn.isLocal) conn.session = core.tracker?.get(conn.sessionId) ?? null;
    core.idle.touch(conn, core.mono, conn.timeoutMs);
    conn.hold(false);
    core.wake(conn);
  }

  /** Learners: the leader's word on a session. */
  revalidated(session: SessionId, valid: boolean): void {
    const conn = this.#asked.get(session);
    if (conn === undefined) return;
    this.#asked.delete(session);
    this.finish(conn, valid);
  }

  #read(
    bytes: Uint8Array,
    start: number,
    end: number,
  ): { request: ConnectRequest; readOnly: boolean | null } | null {
    try {
      return readConnectRequest(this.#core.input.reset(bytes, start, end));
    } catch (fault) {
      if (!isFault(fault)) throw fault;
      this.#core.note("warn", "server", `a connect request cannot be read: ${fault.message}`);
      return null;
    }
  }

  #kind(request: ConnectRequest): ConnectKind {
    if (request.sessionId !== 0n) return "renew";
    return this.#core.local === null ? "global" : "local";
  }

  #begin(conn: Connection): void {
    const core = this.#core;
    const { local, tree } = core;
    let id = core.ids.next();
    while (tree.sessions.has(id) || core.bySession.has(id)) id = core.ids.next();
    this.#attach(conn, id);
    if (local !== null) {
      conn.session = local.track(id, conn.timeoutMs, core.mono);
      conn.session.owner = LOCAL;
      conn.isLocal = true;
      return this.finish(conn, true);
    }
    // A read-only server cannot make a global session. Java answers with a stray header.
    if (core.backend.role === "read-only") return core.close(conn);
    const body = new Output(4);
    body.int(conn.timeoutMs);
    const request = {
      sessionId: id,
      cxid: 0,
      op: OpCode.createSession,
      body: body.take(),
      auth: [],
      owner: LOCAL,
    };
    core.pend({
      conn,
      sessionId: id,
      xid: 0,
      op: OpCode.createSession,
      body: request.body,
      ids: conn.ids,
      arrivedMono: core.mono,
      waits: "commit",
      err: null,
      unblocks: null,
    });
    core.backend.submit(request);
  }

  #resume(conn: Connection, id: SessionId, password: Uint8Array | null): void {
    const core = this.#core;
    const { tracker, local, backend } = core;
    if (backend.role === "read-only" && core.tree.sessions.has(id)) return core.close(conn);
    this.#renewed.add(1);
    if (!isPasswordOf(id, password)) return this.finish(conn, false);
    const before = core.bySession.get(id);
    if (before !== undefined) core.close(before);
    this.#follow(conn, id);
    this.#attach(conn, id);
    const own = local?.get(id);
    if (local !== null && own !== undefined) {
      conn.session = own;
      conn.isLocal = true;
      this.finish(conn, local.touchSession(own, conn.timeoutMs, core.mono));
    } else if (tracker !== null) {
      const valid = tracker.touch(id, conn.timeoutMs, core.mono);
      if (valid) tracker.setOwner(id, LOCAL);
      this.finish(conn, valid);
    } else if (backend.role === "read-only") {
      this.finish(conn, false);
    } else {
      this.#asked.set(id, conn);
      backend.revalidate(id, conn.timeoutMs);
    }
  }

  #attach(conn: Connection, id: SessionId): void {
    conn.sessionId = id;
    this.#core.bySession.set(id, conn);
  }

  /**
   * What the new connection asks waits for the writes of its session that are under way, also when
   * the link they came over is gone: whoever lost it looks whether its write was done, and must
   * not be told no just before it is.
   */
  #follow(conn: Connection, id: SessionId): void {
    const core = this.#core;
    const last = core.orphans.get(id);
    if (last === undefined) return;
    // One that stands there already is of a connection that is gone: a session has one at a time.
    if (last.unblocks !== null) core.requests.left(0);
    const barrier: Waiting = {
      conn,
      sessionId: last.sessionId,
      xid: 0,
      op: NOTHING,
      body: new Uint8Array(0),
      ids: conn.ids,
      arrivedMono: core.mono,
      waits: "barrier",
      err: null,
      unblocks: null,
    };
    last.unblocks = barrier;
    core.requests.entered(0);
    conn.wait(barrier);
  }
}

export const isBarrier = (request: Waiting): boolean => request.op === NOTHING;
