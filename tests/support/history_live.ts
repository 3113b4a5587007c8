// A client of a live ensemble that notes down what it asked and what it was told, with times. It
// goes from member to member through a door of its own, keeps several requests under way, and
// starts a new session when one is over. What its history must show is judged afterwards.

import { setTimeout as wait } from "node:timers/promises";
import type { SessionId, Zxid } from "../../lib/base/ids.ts";
import { OPEN_ACL, part, ZkClient, ZkError } from "../../lib/client/client.ts";
import { HostClock } from "../../lib/host/clock.ts";
import { HostNetwork } from "../../lib/host/network.ts";
import type { Reply } from "../../lib/client/session.ts";
import type { Output } from "../../lib/codec/output.ts";
import * as records from "../../lib/records/client.ts";
import { readStat } from "../../lib/records/data.ts";
import { ErrorCode, OpCode } from "../../lib/txn/opcodes.ts";
import { beginOp, type Op } from "../../lib/sim/op.ts";
import { readMultiResponse, writeMultiRequest } from "../../lib/wire/multi.ts";
import { Door } from "./doors.ts";
import { Seeded } from "./generate.ts";
import type { MixedEnsemble, Seat } from "./mixed_ensemble.ts";
import { fourTimes, within } from "./until.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const SESSION_MS = 6000;
const PENDING_MAX = 8;
/** By then a request is answered, or its link is given up. */
const STOP_MS = 120_000;
const REGISTERS = ["/r0", "/r1", "/r2"];

/** Makes what the clients write to. */
export async function furnish(made: MixedEnsemble): Promise<void> {
  for (const path of [...REGISTERS, "/n", "/q"]) {
    await made.persist(made.sids, path, encoder.encode("start"));
  }
}

/** How a client lives. */
export interface Pace {
  /** Between its requests, on the average. */
  readonly thinkMs: number;
  /** Its sessions' time-out; short unless given, so that some expire. */
  readonly sessionMs?: number;
}

export class LiveClient {
  readonly number: number;
  readonly ops: Op[] = [];
  readonly violations: string[] = [];
  /** Sessions that the servers ended of themselves. */
  expired = 0;
  /** Reads behind a sync that promised them nothing: see {@link MixedEnsemble.isJavaLeader}. */
  unpromised = 0;
  readonly #door: Door;
  /** The member that the last connection went to. */
  readonly #at: { seat: Seat };
  readonly #random: Seeded;
  readonly #pace: Pace;
  readonly #made: MixedEnsemble;
  /** Data watches armed and not fired: path and the mzxid of the node then. */
  readonly #watches = new Map<string, Zxid>();
  readonly #underWay = new Set<Promise<unknown>>();
  #client: ZkClient;
  #isStopped = true;
  #loop: Promise<void> = Promise.resolve();
  #values = 0;

  private constructor(
    number: number,
    made: MixedEnsemble,
    door: Door,
    at: { seat: Seat },
    random: Seeded,
    pace: Pace,
  ) {
    this.number = number;
    this.#made = made;
    this.#at = at;
    this.#door = door;
    this.#random = random;
    this.#pace = pace;
    this.#client = this.#connect();
  }

  static async open(
    number: number,
    made: MixedEnsemble,
    seed: number,
    pace: Pace,
  ): Promise<LiveClient> {
    const random = new Seeded(seed * 1000 + number);
    const at = { seat: made.seats[0] };
    const door = await Door.open(made.seats[0].host, {
      target: () => {
        at.seat = random.pick(made.seats);
        return { host: at.seat.host, port: at.seat.clientPort };
      },
      passesIn: () => true,
      passesOut: () => true,
    });
    return new LiveClient(number, made, door, at, random, pace);
  }

  /** The session in use; those before are over. */
  get sessionId(): SessionId {
    return this.#client.sessionId;
  }

  /** Resolves when connected; with a new session, when the servers ended the last one meanwhile. */
  async connected(): Promise<void> {
    for (let client: ZkClient | null = null; client !== this.#client;) {
      client = this.#client;
      await client.connected().catch((error: unknown) => {
        if (client === this.#client) throw error;
      });
    }
  }

  /** Operates until {@link stop}. */
  start(): void {
    this.#isStopped = false;
    this.#loop = this.#run();
  }

  /** Resolves when everything under way is answered or lost. The session stays. */
  async stop(): Promise<void> {
    this.halt();
    const rest = this.#loop.then(() => Promise.all(this.#underWay));
    await within(rest, STOP_MS, () => `the end of what ${this.#state()} asked`);
  }

  /** Asks nothing more; waits for nothing. */
  halt(): void {
    this.#isStopped = true;
  }

  #state(): string {
    const open = this.ops.filter((op) => op.outcome === "open").map((op) =>
      `${op.kind} ${op.path}`
    );
    const { state, id, pending } = this.#client.session;
    return `client ${this.number} (session 0x${id.toString(16)} ${state} at server ` +
      `${this.#at.seat.sid}, ${pending} requests pending; ${this.#underWay.size} tasks; ` +
      `operations without an end: ${open.join(", ") || "none"})`;
  }

  async close(): Promise<void> {
    this.#client.abandon();
    await this.#door.close();
  }

  /** Goes to another member, as clients may at any time. */
  move(): void {
    this.#door.break();
  }

  #connect(): ZkClient {
    this.#watches.clear();
    const client: ZkClient = new ZkClient(new HostNetwork(), new HostClock(), {
      servers: fourTimes({ host: this.#made.seats[0].host, port: this.#door.port }),
      timeoutMs: this.#pace.sessionMs ?? SESSION_MS,
      onEvent: (event) => {
        if (client !== this.#client || event.type < 0) return;
        const path = event.path ?? "";
        if (!this.#watches.delete(path)) {
          this.#wrong(`an event for ${path}, which it does not watch`);
        }
      },
      onLost: (why, fault) => {
        if (why !== "nonsense") return;
        this.#wrong(`server ${this.#at.seat.sid} says what cannot be: ${fault?.message}`);
      },
      onState: (state) => {
        if (client !== this.#client || (state !== "expired" && state !== "closed")) return;
        if (state === "expired") this.expired += 1;
        this.#client = this.#connect();
      },
    });
    return this.#made.adopt(client);
  }

  #wrong(what: string): void {
    this.violations.push(`client ${this.number}: ${what}`);
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      await wait(this.#random.below(2 * this.#pace.thinkMs));
      const { session } = this.#client;
      if (this.#isStopped || !session.isUsable || session.pending >= PENDING_MAX) continue;
      const task = this.#act().finally(() => this.#underWay.delete(task));
      this.#underWay.add(task);
    }
  }

  async #act(): Promise<void> {
    const dice = this.#random.below(1000);
    const register = this.#random.pick(REGISTERS);
    if (dice < 350) await this.#set(register);
    else if (dice < 600) await this.#get(register, null);
    else if (dice < 700) await this.#create("create", `/n/c${this.number}-${this.ops.length}`, 0);
    else if (dice < 750) {
      await this.#create("ephemeral", `/n/e${this.number}-${this.ops.length}`, 1);
    } else if (dice < 800) await this.#create("sequence", "/q/s-", 2);
    else if (dice < 860) await this.#multi(register);
    else if (dice < 900) await this.#delete();
    else if (dice < 990) await this.#sync(register);
    else if (dice < 997) this.move();
    else await this.#client.close();
  }

  #op(kind: Op["kind"], path: string, value: string | null, afterSync: number | null = null): Op {
    const op = beginOp({
      client: this.number,
      turn: this.ops.length,
      session: this.#client.sessionId,
      kind,
      path,
      value,
      began: performance.now(),
      afterSync,
      server: null,
    });
    this.ops.push(op);
    return op;
  }

  /** Asks, and notes how it ended; null unless it was answered without an error. */
  async #ask(
    op: Op,
    code: number,
    write: (out: Output) => void,
    taken?: (reply: Reply) => void,
  ): Promise<Reply | null> {
    try {
      const reply = await this.#client.ask(code, op.path, write, taken);
      op.zxid = reply.zxid;
      op.outcome = "ok";
      return reply;
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      op.err = error.code;
      op.outcome = error.code === ErrorCode.CONNECTIONLOSS ? "lost" : "error";
      return null;
    } finally {
      op.ended = performance.now();
    }
  }

  /** Unique to this client's op, of differing lengths. */
  #fresh(): string {
    return `${this.number}:${this.#values++}:${"x".repeat(this.#random.below(400))}`;
  }

  async #set(path: string): Promise<void> {
    const value = this.#fresh();
    const op = this.#op("set", path, value);
    const record = { path, data: encoder.encode(value), version: -1 };
    const reply = await this.#ask(
      op,
      OpCode.setData,
      (out) => records.writeSetDataRequest(out, record),
    );
    if (reply !== null) op.stat = readStat(reply.body);
  }

  async #create(kind: Op["kind"], path: string, flags: number): Promise<void> {
    const value = this.#fresh();
    const op = this.#op(kind, path, value);
    const record = { path, data: encoder.encode(value), acl: [...OPEN_ACL], flags };
    const reply = await this.#ask(
      op,
      OpCode.create,
      (out) => records.writeCreateRequest(out, record),
    );
    if (reply !== null) op.made = records.readCreateResponse(reply.body).path;
  }

  async #delete(): Promise<void> {
    const own = this.ops.filter((op) => op.kind === "create" && op.outcome === "ok");
    if (own.length === 0) return;
    const { path } = this.#random.pick(own);
    const op = this.#op("delete", path, null);
    await this.#ask(
      op,
      OpCode.delete,
      (out) => records.writeDeleteRequest(out, { path, version: -1 }),
    );
  }

  /** A register and a new node, or none of them. */
  async #multi(path: string): Promise<void> {
    const value = this.#fresh();
    const made = `/n/m${this.number}-${this.ops.length}`;
    const op = this.#op("multi", path, value);
    const parts = [
      part.create(made, encoder.encode(value)),
      part.set(path, encoder.encode(value)),
      part.check("/n", this.#random.below(3) === 0 ? 99 : -1),
    ];
    op.made = made;
    const reply = await this.#ask(op, OpCode.multi, (out) => writeMultiRequest(out, parts));
    if (reply === null) return;
    const set = readMultiResponse(reply.body).parts[1];
    if (set?.kind === "setData") op.stat = set.record.stat;
    else {
      op.outcome = "error";
      op.err = ErrorCode.BADVERSION;
    }
  }

  async #get(path: string, afterSync: number | null): Promise<void> {
    const op = this.#op("get", path, null, afterSync);
    const watch = this.#random.below(4) === 0;
    const client = this.#client;
    await this.#ask(
      op,
      OpCode.getData,
      (out) => records.writeGetDataRequest(out, { path, watch }),
      (reply) => {
        if (reply.lost || reply.err !== 0 || client !== this.#client) return;
        const { data, stat } = records.readGetDataResponse(reply.body);
        op.value = decoder.decode(data ?? new Uint8Array(0));
        op.stat = stat;
        this.#watched(path, stat.mzxid, watch);
      },
    );
  }

  #watched(path: string, mzxid: Zxid, isArmed: boolean): void {
    const armed = this.#watches.get(path);
    if (armed !== undefined && mzxid > armed) {
      this.#wrong(`read ${path} as of ${mzxid} before the watch armed at ${armed} fired`);
    }
    if (!isArmed) return;
    this.#watches.set(path, mzxid);
    this.#client.session.arm("data", path);
  }

  async #sync(path: string): Promise<void> {
    const { seat } = this.#at;
    const isPromise = !await this.#made.isJavaLeader(seat.sid);
    if (this.#at.seat !== seat || !this.#client.session.isUsable) return;
    const op = this.#op("sync", path, null);
    const reply = await this.#ask(
      op,
      OpCode.sync,
      (out) => records.writeSyncRequest(out, { path }),
    );
    const { session } = this.#client;
    if (reply === null || !session.isUsable || session.id !== op.session) return;
    if (!isPromise) this.unpromised += 1;
    await this.#get(path, isPromise ? op.began : null);
  }
}
