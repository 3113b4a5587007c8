// Clients under the simulator: sessions that move from member to member, write to registers that
// all share, make nodes of every kind, watch, and note down what they asked and what they were
// told, with times. They use the same ClientSession as people's clients. What their histories must
// show is history.ts's.

import type { Fault } from "../base/errors.ts";
import type { SessionId, Zxid } from "../base/ids.ts";
import { ClientSession, type Reply, type SessionState } from "../client/session.ts";
import { type LinkLoss, SessionLink } from "../client/session_link.ts";
import type { Output } from "../codec/output.ts";
import type { Millis } from "../ports.ts";
import * as records from "../records/client.ts";
import { readStat, type Stat } from "../records/data.ts";
import { ErrorCode, OpCode } from "../txn/opcodes.ts";
import { partHeader, readMultiResponse, writeMultiRequest } from "../wire/multi.ts";
import { CLIENT_PORT, type Cluster, type Node } from "./cluster.ts";
import { SimNetwork } from "./network.ts";
import { beginOp, endOp, type Op } from "./op.ts";
import { Watcher } from "./watcher.ts";
import { Change } from "./watching.ts";
import { Life, SimClock, type SimRandom } from "./world.ts";

const OPEN = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Requests of one client that are under way at once. */
const PENDING_MAX = 8;

export interface ClientEar {
  /** A promise was broken, as one client saw it. */
  violation(what: string): void;
}

export interface WorkloadOptions {
  readonly clients: number;
  readonly registers: number;
  readonly timeoutMs: Millis;
  /** Mean wait of a client before it asks for something. */
  readonly thinkMs: Millis;
  /** Then it asks for 1 to this many things at once. */
  readonly burst: number;
}

/** One client: a session after the other, on whatever member lets it in. */
export class SimClient {
  readonly number: number;
  readonly ops: Op[] = [];
  /** Sessions this client had, in order; true: closed or expired by the servers' word. */
  readonly sessions = new Map<SessionId, boolean>();
  session: ClientSession;
  isStopped = false;
  #life: Life;
  #turn = 0;
  #value = 0;
  #syncedAt: Millis | null = null;
  #highest: Zxid = 0n;
  #node: Node | null = null;
  /** Whom it is connected to: a server that begins another role is another one. */
  #server: object | null = null;
  readonly #watcher: Watcher;
  /** Nodes that this client made and may delete. */
  readonly #created: string[] = [];
  readonly #clock: SimClock;
  readonly #link: SessionLink;
  readonly #cluster: Cluster;
  readonly #random: SimRandom;
  readonly #options: WorkloadOptions;
  readonly #ear: ClientEar;

  constructor(number: number, cluster: Cluster, options: WorkloadOptions, ear: ClientEar) {
    this.number = number;
    this.#cluster = cluster;
    this.#options = options;
    this.#ear = ear;
    this.#random = cluster.world.random(`client ${number}`);
    this.#watcher = new Watcher(
      this,
      (op, write, done) => this.#ask(op, write, done),
      (what) => ear.violation(`client ${number}: ${what}`),
    );
    this.#life = new Life(cluster.world, `c${number}`);
    this.#clock = new SimClock(this.#life, { offset: 0 });
    const network = new SimNetwork(cluster.internet, this.#life, `10.0.1.${number}`);
    this.session = this.#newSession();
    this.#link = new SessionLink({ network, clock: this.#clock }, this.session, {
      lost: (why, fault) => this.#lost(why, fault),
    });
  }

  start(): void {
    this.#dial();
    this.#next();
  }

  /** No more operations; the session stays. */
  stop(): void {
    this.isStopped = true;
  }

  get isConnected(): boolean {
    return this.session.state === "connected";
  }

  /** Goes to another member, as clients do at any time. */
  move(): void {
    this.#link.drop();
  }

  /** At the end: whoever watches was told of the last change. */
  judgeWatches(nodes: ReadonlyMap<string, Stat>): void {
    if (this.isConnected) this.#watcher.judge(nodes);
  }

  /** Makes a node, again and again until it is there. */
  make(path: string, data: Uint8Array | null, done: () => void): void {
    const again = (): void => {
      if (!this.isConnected) return void this.#life.after(50, again);
      const record = { path, data, acl: OPEN, flags: 0 };
      this.#ask(OpCode.create, (out) => records.writeCreateRequest(out, record), (reply) => {
        if (!reply.lost && (reply.err === 0 || reply.err === ErrorCode.NODEEXISTS)) return done();
        this.#life.after(50, again);
      });
    };
    again();
  }

  /** What a path holds now: behind a sync. */
  syncAndRead(path: string, done: (found: { value: string; stat: Stat } | null) => void): void {
    this.#ask(OpCode.sync, (out) => records.writeSyncRequest(out, { path }), (reply) => {
      if (reply.lost || reply.err !== 0 || !this.isConnected) return done(null);
      this.#read(path, done);
    });
  }

  #read(path: string, done: (found: { value: string; stat: Stat } | null) => void): void {
    this.#ask(
      OpCode.getData,
      (out) => records.writeGetDataRequest(out, { path, watch: false }),
      (reply) => {
        if (reply.lost || reply.err !== 0) return done(null);
        const { data, stat } = records.readGetDataResponse(reply.body);
        done({ value: decoder.decode(data ?? new Uint8Array(0)), stat });
      },
    );
  }

  #newSession(): ClientSession {
    const session: ClientSession = new ClientSession({
      event: (event, zxid) => this.#event(session, event, zxid),
      state: (state) => this.#state(session, state),
      authFailed: () => {},
    }, { timeoutMs: this.#options.timeoutMs, readOnly: false, frameLimit: 1 << 24 });
    return session;
  }

  #state(session: ClientSession, state: SessionState): void {
    if (session !== this.session) return;
    if (state === "connected") {
      this.#server = this.#node?.peer?.server ?? null;
      this.sessions.set(session.id, this.sessions.get(session.id) ?? false);
      this.#cluster.world.count("session connected");
    }
    if (state === "disconnected") this.#watcher.disconnected();
    if (state !== "expired" && state !== "closed") return;
    this.#cluster.world.count(`session ${state}`);
    for (const id of this.sessions.keys()) this.sessions.set(id, true);
    this.#watcher.over();
    this.#highest = 0n;
    this.#syncedAt = null;
    this.session = this.#newSession();
    this.#link.renew(this.session);
    this.#later();
  }

  #dial(): void {
    if (!this.#link.isIdle) return;
    this.#node = this.#random.pick(this.#cluster.nodes);
    this.#link.dial({ host: this.#node.host, port: CLIENT_PORT }, 2000);
  }

  #later(): void {
    this.#life.after(20 + this.#random.below(200), () => this.#dial());
  }

  #lost(why: LinkLoss, fault: Fault | null): void {
    if (why === "nonsense") this.#ear.violation(`client ${this.number}: ${fault?.message}`);
    this.#syncedAt = null;
    this.#later();
  }

  #next(): void {
    const wait = this.#random.below(2 * this.#options.thinkMs);
    this.#life.after(wait, () => {
      if (this.isStopped) return;
      const { burst } = this.#options;
      const count = burst === 1 ? 1 : 1 + this.#random.below(burst);
      for (let i = 0; i < count; i++) {
        if (this.isConnected && this.session.pending < PENDING_MAX) this.#act();
      }
      this.#next();
    });
  }

  #act(): void {
    const dice = this.#random.below(100);
    const register = `/r${this.#random.below(this.#options.registers)}`;
    if (dice < 35) return this.#set(register);
    if (dice < 55) return this.#get(register);
    if (dice < 62) return this.#create("create", `/n/c${this.number}-${this.#turn}`, 0);
    if (dice < 67) return this.#create("ephemeral", `/n/e${this.number}-${this.#turn}`, 1);
    if (dice < 73) return this.#create("sequence", "/q/s-", 2);
    if (dice < 79) return this.#multi(register);
    if (dice < 84) return this.#deleteOwn();
    if (dice < 93) return this.#sync(register);
    if (dice < 95) return this.#watch(register);
    if (dice < 98) return;
    if (dice < 99) return this.move();
    this.session.close(() => {}, this.#clock.now());
    this.#link.flushSoon();
  }

  #op(kind: Op["kind"], path: string, value: string | null): Op {
    const op = beginOp({
      client: this.number,
      turn: this.#turn++,
      session: this.session.id,
      kind,
      path,
      value,
      began: this.#cluster.world.now,
      afterSync: kind === "get" ? this.#syncedAt : null,
      server: this.#server,
    });
    this.ops.push(op);
    return op;
  }

  #finish(op: Op, reply: Reply): boolean {
    endOp(op, reply, this.#cluster.world.now);
    if (!reply.lost && reply.zxid < this.#highest && this.session.id === op.session) {
      this.#ear.violation(
        `client ${this.number}: zxid went back from ${this.#highest} to ${reply.zxid}`,
      );
    }
    if (!reply.lost && this.session.id === op.session && reply.zxid > this.#highest) {
      this.#highest = reply.zxid;
    }
    return op.outcome === "ok";
  }

  #ask(op: number, write: (out: Output) => void, done: (reply: Reply) => void): void {
    this.session.request(op, write, (reply) => {
      if (!reply.lost && reply.err === 0) this.#watcher.heard(reply.zxid);
      done(reply);
    }, this.#clock.now());
    this.#link.flushSoon();
  }

  /** One of the watches that reads of registers do not arm. */
  #watch(register: string): void {
    const kind = this.#random.below(4);
    if (kind === 1) return this.#watcher.watchChildren("/q");
    if (kind === 2) return this.#watcher.watch(register, false);
    if (kind === 3) return this.#watcher.watch(this.#random.oneIn(2) ? "/n" : register, true);
    const path = `/n/x${this.number}-${this.#turn}`;
    this.#watcher.await(path);
    this.#create("create", path, 0);
  }

  #fresh(): Uint8Array {
    return encoder.encode(`${this.number}:${this.#value++}`);
  }

  #set(path: string): void {
    const data = this.#fresh();
    const op = this.#op("set", path, decoder.decode(data));
    this.#ask(
      OpCode.setData,
      (out) => records.writeSetDataRequest(out, { path, data, version: -1 }),
      (reply) => {
        if (!this.#finish(op, reply)) return;
        op.stat = readStat(reply.body);
        this.#watcher.shown(Change.data, path, op.stat.mzxid);
      },
    );
  }

  #create(kind: "create" | "ephemeral" | "sequence", path: string, flags: number): void {
    const data = this.#fresh();
    const op = this.#op(kind, path, decoder.decode(data));
    this.#ask(
      OpCode.create,
      (out) => records.writeCreateRequest(out, { path, data, acl: OPEN, flags }),
      (reply) => {
        if (!this.#finish(op, reply)) return;
        op.made = records.readCreateResponse(reply.body).path;
        if (kind === "create") this.#created.push(path);
        this.#watcher.shown(Change.created, op.made ?? path, reply.zxid);
        if (kind === "sequence") {
          this.#watcher.shown(Change.children, "/q", reply.zxid);
        }
      },
    );
  }

  #deleteOwn(): void {
    if (this.#created.length === 0) return;
    const path = this.#random.pick(this.#created);
    const op = this.#op("delete", path, null);
    this.#ask(
      OpCode.delete,
      (out) => records.writeDeleteRequest(out, { path, version: -1 }),
      (reply) => {
        if (!this.#finish(op, reply)) return;
        this.#watcher.shown(Change.deleted, path, reply.zxid);
      },
    );
  }

  /** Two registers and a new node, or none of them. */
  #multi(path: string): void {
    const data = this.#fresh();
    const made = `/n/m${this.number}-${this.#turn}`;
    const op = this.#op("multi", path, decoder.decode(data));
    const isDoomed = this.#random.oneIn(3);
    op.isDoomed = isDoomed;
    this.#ask(OpCode.multi, (out) =>
      writeMultiRequest(out, [
        {
          kind: "create",
          header: partHeader(OpCode.create),
          record: { path: made, data, acl: OPEN, flags: 0 },
        },
        {
          kind: "setData",
          header: partHeader(OpCode.setData),
          record: { path, data, version: -1 },
        },
        {
          kind: "check",
          header: partHeader(OpCode.check),
          record: { path: "/n", version: isDoomed ? 99 : -1 },
        },
      ]), (reply) => {
      if (!this.#finish(op, reply)) return;
      const { parts } = readMultiResponse(reply.body);
      const [, set, check] = parts;
      if (set?.kind === "setData") {
        op.stat = set.record.stat;
        op.made = made;
        this.#watcher.shown(Change.data, path, op.stat.mzxid);
        this.#watcher.shown(Change.created, made, op.stat.mzxid);
      } else {
        op.outcome = "error";
        op.err = check?.kind === "error" ? check.record.err : ErrorCode.SYSTEMERROR;
      }
    });
  }

  #get(path: string): void {
    const op = this.#op("get", path, null);
    const watch = this.#random.oneIn(4);
    this.#ask(
      OpCode.getData,
      (out) => records.writeGetDataRequest(out, { path, watch }),
      (reply) => {
        if (!this.#finish(op, reply)) return;
        const { data, stat } = records.readGetDataResponse(reply.body);
        op.value = decoder.decode(data ?? new Uint8Array(0));
        op.stat = stat;
        this.#watcher.shown(Change.data, path, stat.version > 0 ? stat.mzxid : -1n);
        if (watch) {
          this.#watcher.armed("data", path, stat.mzxid);
        }
      },
    );
  }

  #sync(path: string): void {
    const op = this.#op("sync", path, null);
    this.#ask(OpCode.sync, (out) => records.writeSyncRequest(out, { path }), (reply) => {
      if (!this.#finish(op, reply)) return;
      this.#syncedAt = op.began;
      if (this.isConnected && !this.isStopped) this.#get(path);
      this.#syncedAt = null;
    });
  }

  #event(session: ClientSession, event: records.WatcherEvent, zxid: Zxid): void {
    if (session !== this.session) return;
    this.#cluster.world.count("watch event");
    this.#watcher.event(event, zxid);
  }
}
