// Everything the clients of this process see, in one role: connections come and go, bytes come in,
// committed txns come back, time passes. The parts do the work; this file says which part.
//
//   bytes --> Intake --reads--> Reads --------------------> replies, at the end of the turn
//                |---writes---> Backend ... committed() --> Tree --> watches, replies, the line
//
// Must agree with Java's ZooKeeperServer, ServerCnxnFactory and CommitProcessor (client.md 8).

import { earlier } from "../base/earlier.ts";
import { type Epoch, type SessionId, zxidOf } from "../base/ids.ts";
import { assert } from "../base/assert.ts";
import type { Random } from "../ports.ts";
import { OpCode } from "../txn/opcodes.ts";
import type { Txn } from "../txn/txn.ts";
import type { Applied } from "../tree/tree.ts";
import { EventType } from "../tree/watches.ts";
import { Connection, type Waiting } from "./connection.ts";
import { Core, type ServerDeps } from "./core.ts";
import type { ServerFace } from "./faces.ts";
import { Handshake, isBarrier } from "./handshake.ts";
import { Inspection } from "./inspect.ts";
import { Intake } from "./intake.ts";
import { LocalSessions } from "./local_sessions.ts";
import { countWrite, NamespaceMeter } from "./namespaces.ts";
import { NO_OP, shortName } from "./op_kinds.ts";
import { Reads } from "./reads.ts";
import { Reaper } from "./reaper.ts";
import { errorOf, hasMoved, writeApplied } from "./replies.ts";
import { type ClientConn, LOCAL } from "./request.ts";
import type { Meters, Tally } from "./stats.ts";
import { ConnectionCount } from "./throttle.ts";

const NOTHING = new Uint8Array(0);

export class Server implements ServerFace<Connection> {
  readonly core: Core;
  /** For operators. */
  readonly inspection: Inspection;
  readonly #handshake: Handshake;
  readonly #intake: Intake;
  readonly #locals: LocalSessions;
  readonly #reaper: Reaper | null;
  /** The plain and the secure port count apart. */
  readonly #counts: { readonly plain: ConnectionCount; readonly secure: ConnectionCount };
  #isStopped = false;
  #mismatches: number;
  readonly #digestMismatches: Tally;
  readonly #rejected: Tally;
  readonly #updateLatency: Tally;
  readonly #propagation: Tally;
  readonly #sessionsExpired: Tally;
  readonly #idleExpired: Tally;
  readonly #responseBytes: Tally;
  readonly #namespaces: NamespaceMeter;

  constructor(deps: ServerDeps) {
    const core = new Core(deps);
    this.core = core;
    this.inspection = new Inspection(core);
    this.#handshake = new Handshake(core);
    this.#intake = new Intake(core, this.#handshake, new Reads(core));
    this.#locals = new LocalSessions(core);
    core.wake = (conn) => {
      this.#intake.drain(conn);
      this.#intake.pump(conn);
    };
    const decides = deps.tracker !== null;
    this.#reaper = decides ? new Reaper(deps.tree, deps.options, core.mono) : null;
    const { throttle } = deps.options;
    this.#counts = { plain: new ConnectionCount(throttle), secure: new ConnectionCount(throttle) };
    this.#mismatches = deps.tree.check.mismatches;
    this.#digestMismatches = deps.meters.tally("digest_mismatches_count");
    this.#rejected = deps.meters.tally("connection_rejected");
    this.#updateLatency = deps.meters.tally("updatelatency");
    this.#propagation = deps.meters.tally("propagation_latency");
    this.#sessionsExpired = deps.meters.tally("stale_sessions_expired");
    this.#idleExpired = deps.meters.tally("sessionless_connections_expired");
    this.#responseBytes = deps.meters.tally("response_bytes");
    this.#namespaces = new NamespaceMeter(deps.meters, "write_per_namespace");
    deps.tree.watches.onFired = firedWatches(deps.meters);
  }

  /**
   * Members of an ensemble: this server has all that was committed before `epoch`. A Java leader that
   * has just been elected shows its clients (epoch, 0), which is no txn: they are behind nobody.
   */
  levelWith(epoch: Epoch): void {
    this.core.epochStart = zxidOf(epoch, 0n);
  }

  /** Null: there are too many, and this one is to be cut off at once (client.md 9.5). */
  accept(client: ClientConn): Connection | null {
    const { core } = this;
    core.stamp();
    if (this.#isStopped || !this.#countOf(client).enter(client.host)) {
      this.#rejected.add(1);
      return null;
    }
    const conn = new Connection(core, client, core.options.frameLimit, core.wall);
    core.connections.add(conn);
    if (!client.ids.some(({ scheme }) => scheme === "x509")) {
      if (isLoopback(conn.address)) core.stats.nonMtlsLocal += 1;
      else core.stats.nonMtlsRemote += 1;
    }
    core.idle.touch(conn, core.mono, core.options.sessionlessTimeoutMs);
    return conn;
  }

  bytes(conn: Connection, chunk: Uint8Array): void {
    if (!conn.isOpen) return;
    this.core.stamp();
    this.#intake.bytes(conn, chunk);
  }

  /** The other side has taken what it was sent. */
  drained(conn: Connection): void {
    const { core } = this;
    if (!core.unclog(conn)) return;
    if (conn.state !== "open") return;
    core.stamp();
    this.#intake.drain(conn);
    if (core.clogged.has(conn) || core.throttled.has(conn)) return;
    this.#readOn(conn);
  }

  closed(conn: Connection): void {
    if (conn.state === "closed") return;
    if (conn.isOpen) this.core.detach(conn);
    conn.state = "closed";
    if (this.core.connections.delete(conn)) this.#countOf(conn.client).leave(conn.client.host);
  }

  committed(txn: Txn): void {
    const { core } = this;
    const { header } = txn;
    const head = core.writes.first();
    const isOurs = head !== undefined && answers(head, txn);
    if (isOurs) core.writes.shift();
    core.stamp();
    if (isOurs && core.clogged.has(head.conn)) this.#intake.hurry(head.conn);
    const applied = core.tree.apply(txn, isOurs);
    const { mismatches } = core.tree.check;
    if (mismatches !== this.#mismatches) {
      this.#digestMismatches.add(mismatches - this.#mismatches);
      this.#mismatches = mismatches;
    }
    const lag = core.wall - Number(header.time);
    if (lag >= 0) this.#propagation.add(lag);
    if (header.type === OpCode.createSession && txn.body.kind === "createSession") {
      core.tracker?.track(header.clientId, txn.body.record.timeOut, core.mono);
    } else if (header.type === OpCode.closeSession) {
      core.tracker?.remove(header.clientId);
    }
    countWrite(this.#namespaces, txn.body);
    if (isOurs) this.#finish(head, applied);
    if (header.type === OpCode.closeSession) this.#closeSession(header.clientId);
  }

  revalidated(session: SessionId, valid: boolean): void {
    this.core.stamp();
    this.#handshake.revalidated(session, valid);
  }

  synced(): void {
    const { core } = this;
    core.stamp();
    const request = core.syncs.shift();
    if (request === undefined) return;
    request.waits = "turn";
    if (request.conn.isOpen) this.#intake.drain(request.conn);
    else core.requests.left(request.body.length);
  }

  flushTurn(): void {
    const { core } = this;
    if (core.roomy.size > 0) { for (const conn of [...core.roomy]) this.drained(conn); }
    if (core.throttled.size > 0) this.#resume();
    core.flush();
  }

  tick(): void {
    const { core } = this;
    core.stamp();
    this.#renewMoving();
    for (const session of core.tracker?.expire(core.mono) ?? []) {
      this.#sessionsExpired.add(1);
      core.backend.submit({
        sessionId: session.id,
        cxid: 0,
        op: OpCode.closeSession,
        body: NOTHING,
        auth: [],
        owner: session.owner ?? LOCAL,
      });
    }
    this.#sessionsExpired.add(this.#locals.expire());
    for (const conn of core.idle.expire(core.mono)) {
      this.#idleExpired.add(1);
      core.close(conn);
    }
    for (const request of this.#reaper?.due(core.mono, core.wall) ?? []) {
      core.backend.submit(request);
    }
    this.#resume();
  }

  get deadline(): number | null {
    const { tracker, local, idle, roomy, mono } = this.core;
    if (roomy.size > 0) return mono;
    const sessions = earlier(tracker?.deadline, local?.deadline);
    return earlier(sessions, earlier(idle.deadline, this.#reaper?.deadline));
  }

  touched(): [SessionId, number][] {
    this.core.stamp();
    this.#renewMoving();
    return this.#intake.touched();
  }

  /** Closes a share of the connections, drawn at random; says how many. */
  shed(percentage: number, random: Random): number {
    let count = 0;
    for (const conn of this.core.connections) {
      if (conn.state === "closing" || conn.state === "closed") continue;
      if (random.below(100, "connections to shed") >= percentage) continue;
      this.core.close(conn);
      count += 1;
    }
    return count;
  }

  stop(): void {
    this.#isStopped = true;
    for (const conn of this.core.connections) this.core.close(conn);
    this.core.flush();
  }

  #countOf(client: ClientConn): ConnectionCount {
    return client.secure ? this.#counts.secure : this.#counts.plain;
  }

  /** Our own client's write is in the tree. */
  #finish(request: Waiting, applied: Applied): void {
    const { core } = this;
    const { conn, op } = request;
    core.requests.left(request.body.length);
    if (core.orphans.size > 0 && core.orphans.get(request.sessionId) === request) {
      core.orphans.delete(request.sessionId);
    }
    if (op === OpCode.createSession) {
      if (conn.isOpen) {
        this.#handshake.finish(conn, true);
        core.done(conn, shortName(op), request.xid, request.arrivedMono);
      }
      return;
    }
    if (conn.isOpen) {
      const first = conn.next();
      assert(first === request, "a session's writes are answered in their order");
      this.#answer(request, applied);
      this.#intake.drain(conn);
    }
    if (request.unblocks !== null) this.#unblock(request.unblocks);
  }

  #answer(request: Waiting, applied: Applied): void {
    const { core } = this;
    const { conn, op, xid, arrivedMono } = request;
    if (hasMoved(applied)) return core.close(conn);
    const out = conn.output();
    const at = out.reserve();
    const err = errorOf(applied);
    out.int(xid);
    out.long(core.tree.lastZxid);
    out.int(err);
    if (err === 0) writeApplied(out, core.tree, op, applied);
    out.patchLength(at);
    const size = out.size - at;
    this.#updateLatency.add(core.mono - arrivedMono);
    this.#responseBytes.add(size);
    const name = applied.type === OpCode.error ? NO_OP : shortName(op);
    core.answered(conn, name, xid, arrivedMono, size);
    if (op === OpCode.closeSession) core.close(conn);
  }

  /** The write that a session's new connection waited for is done. */
  #unblock(barrier: Waiting): void {
    assert(isBarrier(barrier), "only barriers stand behind another connection's writes");
    barrier.waits = "turn";
    if (barrier.conn.isOpen) this.#intake.drain(barrier.conn);
    else this.core.requests.left(0);
  }

  /** A session that ended without its own connection asking for it. */
  #closeSession(session: SessionId): void {
    const conn = this.core.bySession.get(session);
    if (conn !== undefined) this.core.close(conn);
  }

  /** Who takes replies is there, though its pings stand behind what is not read (client.md 7.2). */
  #renewMoving(): void {
    for (const conn of this.core.moving()) this.#intake.heard(conn);
  }

  #resume(): void {
    const { core } = this;
    for (const conn of [...core.throttled]) {
      if (core.clogged.has(conn) || core.requests.holds(conn.inLine)) continue;
      core.throttled.delete(conn);
      this.#readOn(conn);
    }
  }

  /** What was left standing first; a throttle has to do with nothing that comes after it. */
  #readOn(conn: Connection): void {
    const since = conn.heldMono;
    conn.hold(false);
    this.#intake.pump(conn);
    if (!conn.isHeld) conn.heldMono = 0;
    else if (since !== 0 && conn.frames.queue.size > 0) conn.heldMono = since; // stands since then
  }
}

/** Counts how many watches each event fired. */
function firedWatches(meters: Meters): (type: EventType, count: number) => void {
  const tallies = {
    [EventType.NodeCreated]: meters.tally("node_created_watch_count"),
    [EventType.NodeDeleted]: meters.tally("node_deleted_watch_count"),
    [EventType.NodeDataChanged]: meters.tally("node_changed_watch_count"),
    [EventType.NodeChildrenChanged]: meters.tally("node_children_watch_count"),
  };
  return (type, count) => tallies[type].add(count);
}

const isLoopback = (address: string): boolean =>
  address.startsWith("127.") || address === "0:0:0:0:0:0:0:1";

/** Is this txn the answer to our oldest write under way? Order is what identifies a request. */
function answers(request: Waiting, txn: Txn): boolean {
  const { clientId, cxid, type } = txn.header;
  return cxid === request.xid && clientId === request.sessionId &&
    (type === request.op || type === OpCode.error);
}
