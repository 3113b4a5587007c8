// What the parts of a server share: the tree, the clock of the turn, the connections, the lines of
// requests that wait, the scratches that replies are written into. One write per connection leaves
// at the end of a turn (architecture.md 2).

import { Deque } from "../base/deque.ts";
import { hex, type SessionId, type Zxid } from "../base/ids.ts";
import type { AuthOptions } from "../auth/mod.ts";
import { Input } from "../codec/input.ts";
import { Output } from "../codec/output.ts";
import type { Instant, Random, Trace } from "../ports.ts";
import type { Tree } from "../tree/tree.ts";
import { ExpiryBuckets } from "./buckets.ts";
import type { Connection, ConnectionHome, Waiting } from "./connection.ts";
import type { ServerOptions } from "./options.ts";
import type { SessionIds } from "./passwords.ts";
import type { Backend } from "./request.ts";
import type { SessionTracker } from "./sessions.ts";
import { type Meters, ServerStats, type Tally } from "./stats.ts";
import { ConnectThrottle, RequestThrottle } from "./throttle.ts";

export interface ServerDeps {
  readonly tree: Tree;
  readonly backend: Backend;
  readonly options: ServerOptions;
  /** Global sessions, where this server decides over them: leader and standalone. Else null. */
  readonly tracker: SessionTracker | null;
  /** Sessions of this server alone; null when they are off. */
  readonly local: SessionTracker | null;
  readonly ids: SessionIds;
  readonly random: Random;
  readonly meters: Meters;
  readonly now: () => Instant;
  readonly note: Trace["note"];
  /** The answer to a four-letter word; `mask` only with `stmk`. */
  readonly word: (word: string, mask: bigint | null) => string;
}

/** Scratches kept for the next turn. */
const POOL_MAX = 64;
/** Bytes handed to sockets up to this size are cut from a block: an array each is dear. */
const PACKED_MAX = 4096;
const BLOCK = 64 * 1024;
/** Replies that a client may leave unread. */
const UNREAD_MAX = 4 * 1024 * 1024;
/** What a client that takes nothing may cost beyond that: its own replies, or events of others' writes. */
export const PILED_MAX = 64 * 1024 * 1024;
/** Znodes that reads may walk in one turn, all connections together: some ten milliseconds. */
const WALKED_MAX = 500_000;
/** A scratch that grew beyond this is not kept. */
const SCRATCH_MAX = 256 * 1024;

export class Core implements ConnectionHome {
  readonly tree: Tree;
  readonly backend: Backend;
  readonly options: ServerOptions;
  readonly tracker: SessionTracker | null;
  readonly local: SessionTracker | null;
  readonly ids: SessionIds;
  readonly meters: Meters;
  readonly note: Trace["note"];
  readonly word: ServerDeps["word"];
  readonly stats: ServerStats;
  readonly connects: ConnectThrottle;
  readonly requests: RequestThrottle;
  readonly connections = new Set<Connection>();
  readonly bySession = new Map<SessionId, Connection>();
  /** Writes of our clients, in the order in which they were submitted. */
  readonly writes = new Deque<Waiting>();
  /** Of sessions whose connection is gone: the last of their writes that are under way. */
  readonly orphans = new Map<SessionId, Waiting>();
  /** Forwarded syncs, likewise. */
  readonly syncs = new Deque<Waiting>();
  /**
   * Connections that are not read, for the other side does not take its replies; with what it had
   * taken when somebody last looked.
   */
  readonly clogged = new Map<Connection, number>();
  /** Clogged connections whose socket took everything at once: they go on in the next turn. */
  readonly roomy = new Set<Connection>();
  /** Znodes that reads have walked in this turn. */
  walked = 0;
  /** Connections that a throttle stopped. */
  readonly throttled = new Set<Connection>();
  readonly idle: ExpiryBuckets<Connection>;
  /** One cursor for all requests: nothing reads two at a time. */
  readonly input: Input;
  /** Goes on with a connection that may be read again. */
  wake: (conn: Connection) => void = () => {};
  /** (epoch, 0) of the epoch this server is level with: see Server.levelWith. */
  epochStart: Zxid = 0n;
  /** Learners: the leader knows no op that came with 3.5. */
  isLeaderBefore35 = false;
  /** The clock of this turn. */
  mono = 0;
  wall = 0;
  readonly #now: () => Instant;
  readonly #dirty: Connection[] = [];
  readonly #pool: Output[] = [];
  #block = new Output(BLOCK);
  readonly #watchBytes: Tally;
  readonly #connectionDrops: Tally;

  constructor(deps: ServerDeps) {
    this.tree = deps.tree;
    this.backend = deps.backend;
    this.options = deps.options;
    this.tracker = deps.tracker;
    this.local = deps.local;
    this.ids = deps.ids;
    this.meters = deps.meters;
    this.note = deps.note;
    this.word = deps.word;
    this.#now = deps.now;
    this.stamp();
    this.stats = new ServerStats(this.mono);
    this.connects = new ConnectThrottle(deps.options.throttle, deps.random, this.mono);
    this.requests = new RequestThrottle(deps.options.throttle);
    this.idle = new ExpiryBuckets(deps.options.sessionlessTimeoutMs, this.mono);
    this.input = new Input(new Uint8Array(0), 0, 0, deps.options.recordLimit);
    this.#watchBytes = deps.meters.tally("watch_bytes");
    this.#connectionDrops = deps.meters.tally("connection_drop_count");
  }

  get auth(): AuthOptions {
    return this.options.auth;
  }

  /** Reads the clock: once per event, not once per request. */
  stamp(): void {
    const { mono, wall } = this.#now();
    this.mono = mono;
    this.wall = wall;
  }

  lendOutput(conn: Connection): Output {
    const out = this.#pool.pop() ?? new Output(4096);
    conn.out = out;
    this.#dirty.push(conn);
    return out;
  }

  countEvent(conn: Connection, size: number): void {
    this.countSent(conn);
    this.#watchBytes.add(size);
    if (this.clogged.size > 0 && this.clogged.has(conn)) conn.piled += size;
  }

  countSent(conn: Connection): void {
    this.stats.sent += 1;
    conn.stats.sent += 1;
  }

  /** A reply without a body. */
  reply(conn: Connection, xid: number, zxid: bigint, err: number): void {
    const out = conn.output();
    const at = out.reserve();
    out.int(xid);
    out.long(zxid);
    out.int(err);
    out.patchLength(at);
  }

  /** The same, with the zxid of an ordinary answer. */
  refuse(conn: Connection, xid: number, err: number): void {
    this.reply(conn, xid, this.tree.lastZxid, err);
  }

  /** Accounts for a reply that was written from `at` on. */
  answered(conn: Connection, name: string, xid: number, arrivedMono: number, size: number): void {
    this.countSent(conn);
    this.stats.responded(size);
    this.done(conn, name, xid, arrivedMono);
  }

  /** The same for what is answered with something else than a reply. */
  done(conn: Connection, name: string, xid: number, arrivedMono: number): void {
    const latency = Math.floor(this.mono - arrivedMono);
    this.stats.latency.add(latency);
    conn.stats.answered(name, xid, this.tree.lastZxid, this.mono, latency);
  }

  /** A write of our own client is on its way to be ordered. */
  pend(request: Waiting): void {
    this.requests.entered(request.body.length);
    this.writes.push(request);
  }

  /** Reads no more from a connection until there is room. */
  throttle(conn: Connection): void {
    if (!conn.isOpen) return;
    conn.hold(true);
    conn.heldMono = this.requests.isFull ? this.mono : 0;
    this.throttled.add(conn);
  }

  /** Sends what was written and closes. Everything the connection had is let go at once. */
  close(conn: Connection): void {
    if (!conn.isOpen) return;
    this.detach(conn);
    conn.state = "closing";
    if (conn.out === null) this.#dirty.push(conn);
  }

  /** Lets go of a connection that is closing or whose socket is gone. */
  detach(conn: Connection): void {
    this.tree.watches.drop(conn);
    if (this.bySession.get(conn.sessionId) === conn) this.bySession.delete(conn.sessionId);
    this.throttled.delete(conn);
    this.unclog(conn);
    this.idle.remove(conn);
    this.#connectionDrops.add(1);
    this.#forgetLine(conn);
  }

  /** One write per connection; then those that are done for are closed. */
  flush(): void {
    const dirty = this.#dirty;
    this.walked = 0;
    for (let i = 0; i < dirty.length; i++) {
      const conn = dirty[i];
      const { out } = conn;
      if (out !== null) {
        conn.out = null;
        if (conn.state !== "closed" && out.size > 0) this.#send(conn, this.#packed(out));
        out.reset();
        if (this.#pool.length < POOL_MAX && out.capacity <= SCRATCH_MAX) this.#pool.push(out);
      }
      if (conn.state === "closing") conn.client.close();
    }
    dirty.length = 0;
  }

  /**
   * Short requests with long answers: no more of them in this turn than a client may leave unread,
   * nor than others can wait for. `#send` knows when it goes on.
   */
  restrain(conn: Connection): void {
    if (conn.out === null) return;
    if (conn.out.size > UNREAD_MAX || this.walked > WALKED_MAX) this.#clog(conn);
  }

  /** Clogged connections whose clients have taken something since the last call: they live. */
  moving(): Connection[] {
    const moving: Connection[] = [];
    for (const [conn, before] of this.clogged) {
      const { taken } = conn;
      if (taken === before) continue;
      this.clogged.set(conn, taken);
      moving.push(conn);
    }
    return moving;
  }

  /** False when it was not clogged. */
  unclog(conn: Connection): boolean {
    this.roomy.delete(conn);
    return this.clogged.delete(conn);
  }

  #clog(conn: Connection): void {
    if (!conn.isOpen || this.clogged.has(conn)) return;
    this.clogged.set(conn, conn.taken);
    conn.piled = 0;
    conn.hold(true);
  }

  /**
   * A client that asks on but does not read what it is answered is read no further until `drained`.
   * A socket that has taken all of it says no such word: others have their turn, then it goes on.
   */
  #send(conn: Connection, bytes: Uint8Array): void {
    conn.handed += bytes.length;
    const isRoomy = conn.client.send(bytes);
    if (isRoomy && this.clogged.has(conn)) this.roomy.add(conn);
    else if (!isRoomy && conn.client.queued > UNREAD_MAX) this.#clog(conn);
    if (conn.piled > PILED_MAX && conn.client.queued > PILED_MAX) {
      this.letGo(conn, "does not take its events");
    }
  }

  /** A client has become too much for us. */
  letGo(conn: Connection, why: string): void {
    if (!conn.isOpen) return;
    this.note("warn", "server", `a client ${why}: it is let go`, {
      session: hex(conn.sessionId),
      client: conn.client.host,
      unsent: conn.client.queued + (conn.out?.size ?? 0),
    });
    this.close(conn);
  }

  /** The bytes of a scratch for a socket to keep: short ones share a block. */
  #packed(out: Output): Uint8Array {
    if (out.size > PACKED_MAX) return out.take();
    if (this.#block.size + out.size > BLOCK) this.#block = new Output(BLOCK);
    const at = this.#block.size;
    this.#block.raw(out.view());
    return this.#block.viewFrom(at);
  }

  /** What only waited for its turn will not have one; writes and syncs still come back. */
  #forgetLine(conn: Connection): void {
    if (conn.waiting === null) return;
    let last: Waiting | null = null;
    for (const request of conn.waiting) {
      if (request.waits === "turn") this.requests.left(request.body.length);
      else if (request.waits === "commit") last = request;
    }
    if (last !== null) this.orphans.set(conn.sessionId, last);
  }
}
