// Runs steps against two servers in lock step and compares all that they send. One connection is at
// work at a time, and a step is over when all of its replies have come, so both servers see the same
// order of requests and every connection of either must receive the same frames in the same order.

import { Buffer } from "node:buffer";
import { Input } from "../../lib/codec/input.ts";
import { Output } from "../../lib/codec/output.ts";
import { readReplyHeader } from "../../lib/records/client.ts";
import { OpCode } from "../../lib/txn/opcodes.ts";
import { exclusionOf } from "./differential_known.ts";
import {
  canonical,
  createdPath,
  matchReplies,
  readReply,
  Sessions,
} from "./differential_replies.ts";
import {
  endsBatch,
  type Request,
  requestText,
  resolve,
  type Step,
  travelsAlone,
  writeFrame,
} from "./differential_steps.ts";
import { RawClient, type Welcome } from "./raw_client.ts";

export interface Address {
  readonly clientHost: string;
  readonly clientPort: number;
}

/** The two servers sent different things. */
export class Difference extends Error {
  override name = "Difference";
  /** Number of the step, set by {@link Pair.run}. */
  step = -1;
}

export interface PairOptions {
  /** Both servers were started with enforceQuota. */
  readonly enforcesQuota: boolean;
  /** Called with each request that is sent, for those who count. */
  readonly sent?: (request: Request) => void;
}

/** Names of exclusions and how often each was met. */
export type Excluded = Map<string, number>;

/** Paths that servers named, kept for symbols. */
const RECENT_MAX = 64;
/** A wish that no other test waits for; sessions of slots must not expire by themselves. */
const LONG_MS = 600_000;
/** A session of less may expire while a server stands still. */
const SHORT_MS = 30_000;
const EXPIRY_POLL_MS = 10;
const EXPIRY_MAX_MS = 60_000;
/** Slot whose session may do everything. */
export const SUPER_SLOT = 0;
/** Slot that watches others expire, apart from those that a program uses. */
const KEEPER_SLOT = -1;

interface Slot {
  readonly clients: RawClient[];
  readonly welcomes: Welcome[];
  /** Auth requests that were accepted; repeated on each new connection, as clients do. */
  readonly auths: Request[];
  xid: number;
}

export class Pair {
  readonly excluded: Excluded = new Map();
  readonly #addresses: readonly Address[];
  readonly #options: PairOptions;
  readonly #slots = new Map<number, Slot>();
  readonly #sessions = [new Sessions(), new Sessions()];
  readonly #superAuth: Request;
  readonly #recent: string[] = [];
  /** Of transactions that delete a session's ephemerals, in an order that is nobody's promise. */
  readonly #unordered = new Set<bigint>();
  #sessionCount = 0;
  #lastZxid = 0n;

  /** `addresses`: the server to compare with, then ours. `superAuth`: makes a slot all-powerful. */
  constructor(addresses: readonly Address[], superAuth: Request, options: PairOptions) {
    this.#addresses = addresses;
    this.#options = options;
    this.#superAuth = superAuth;
  }

  get lastZxid(): bigint {
    return this.#lastZxid;
  }

  get sessions(): readonly Sessions[] {
    return this.#sessions;
  }

  /** Runs all steps. Faults: Difference, with the step's number. */
  async run(steps: readonly Step[]): Promise<void> {
    for (let at = 0; at < steps.length; at++) {
      try {
        await this.#step(steps[at]);
      } catch (error) {
        if (error instanceof Difference) error.step = at;
        throw error;
      }
    }
    // What a step left in the way of events, on connections that asked for nothing since.
    for (const slot of this.#slots.values()) {
      await this.#exchange(slot, [{ op: OpCode.ping, raw: NONE }]);
    }
  }

  /** One exchange as the super user on both servers; gives the frames, compared already. */
  async ask(requests: readonly Request[]): Promise<Uint8Array[][]> {
    return await this.#exchange(await this.#ensure(SUPER_SLOT), requests);
  }

  close(): void {
    for (const { clients } of this.#slots.values()) for (const client of clients) client.destroy();
  }

  async #step(step: Step): Promise<void> {
    switch (step.kind) {
      case "requests":
        return await this.#requests(step.slot, step.requests);
      case "reconnect":
        return await this.#reconnect(step);
      case "close":
        return await this.#close(step.slot);
      case "probe":
        return await this.#probe(step);
      case "expire":
        return await this.#expire(step.requests);
      case "garbage":
        return await this.#garbage(step.slot, step.bytes);
    }
  }

  // ---- requests ---------------------------------------------------------------------------------

  async #requests(at: number, requests: readonly Request[]): Promise<void> {
    let slot = await this.#ensure(at);
    let batch: Request[] = [];
    const flush = async (): Promise<void> => {
      if (batch.length === 0) return;
      const frames = await this.#exchange(slot, batch);
      const isClosed = batch.some(travelsAlone) && isRefusal(frames[0]);
      batch = [];
      if (!isClosed) return;
      // No ping asks whether it is: one that comes early enough is still answered by Java.
      await this.#closedBy(slot.clients);
      await this.#restore(at, slot);
      slot = await this.#ensure(at);
    };
    for (const symbolic of requests) {
      const request = resolve(symbolic, { recent: this.#recent, lastZxid: this.#lastZxid });
      const name = exclusionOf(request, this.#options);
      if (name !== null) {
        this.excluded.set(name, (this.excluded.get(name) ?? 0) + 1);
        continue;
      }
      this.#options.sent?.(request);
      const isAlone = travelsAlone(request);
      if (isAlone) await flush();
      batch.push(request);
      // The quota is measured on the applied tree, so what waits before a request must be applied.
      if (isAlone || endsBatch(request) || this.#options.enforcesQuota) await flush();
    }
    await flush();
  }

  /** Sends, receives as many replies, compares. */
  async #exchange(slot: Slot, requests: readonly Request[]): Promise<Uint8Array[][]> {
    const out = new Output();
    for (const request of requests) writeFrame(out, request, request.xid ?? (slot.xid += 1));
    const bytes = out.take();
    for (const client of slot.clients) client.send(bytes);
    const frames = await Promise.all(
      slot.clients.map((client, side) =>
        client.receive(requests.length).catch((error: Error) => {
          throw new Difference(`${this.#nameOf(side)}: ${error.message}\n${textOf(requests)}`);
        })
      ),
    );
    this.#compare(frames, requests);
    return frames;
  }

  #compare(frames: readonly Uint8Array[][], requests: readonly Request[]): void {
    const ops = requests.map((request) => request.op);
    const sent = frames.map((side) => matchReplies(side, ops));
    for (const { frame, op } of sent[0]) this.#learn(frame, op);
    if (this.#recent.length > RECENT_MAX) this.#recent.splice(0, this.#recent.length - RECENT_MAX);
    if (areEqual(frames[0], frames[1])) return;
    const isUnordered = (zxid: bigint): boolean => this.#unordered.has(zxid);
    const lines = sent.map((side, at) => canonical(side, this.#sessions[at], isUnordered));
    this.#same(lines, requests);
  }

  /** Keeps what later steps stand on: the last zxid, paths that a server named. */
  #learn(frame: Uint8Array, op: number | null): void {
    if (op === null || frame.length < REPLY_HEADER_SIZE) return;
    const { zxid, err } = readReplyHeader(new Input(frame));
    if (zxid > this.#lastZxid) this.#lastZxid = zxid;
    if (err !== 0) return;
    if (op === OpCode.closeSession) this.#unordered.add(zxid);
    if (op !== OpCode.create && op !== OpCode.create2 && op !== OpCode.createTTL) return;
    const path = createdPath(readReply(frame, op));
    if (path !== null && /\d{10}$/.test(path)) this.#recent.push(path);
  }

  #same(lines: readonly string[][], requests: readonly Request[]): void {
    const [theirs, ours] = lines;
    const length = Math.max(theirs.length, ours.length);
    for (let at = 0; at < length; at++) {
      if (theirs[at] === ours[at]) continue;
      const replies = theirs.slice(0, at).filter((line) => !line.startsWith('{"kind":"event"'));
      const asked = requests[replies.length];
      throw new Difference(
        `${asked === undefined ? "after the last request" : requestText(asked)}\n` +
          `${this.#nameOf(0)}: ${theirs[at] ?? "nothing"}\n` +
          `${this.#nameOf(1)}: ${ours[at] ?? "nothing"}\n` +
          `in the exchange of\n${textOf(requests)}`,
      );
    }
  }

  #nameOf = (side: number): string => side === 0 ? "theirs" : "ours";

  #equal(what: string, values: readonly unknown[]): void {
    if (JSON.stringify(values[0], hexed) === JSON.stringify(values[1], hexed)) return;
    const texts = values.map((value, at) => `${this.#nameOf(at)} ${JSON.stringify(value, hexed)}`);
    throw new Difference(`${what}: ${texts.join(", ")}`);
  }

  // ---- sessions ---------------------------------------------------------------------------------

  async #open(): Promise<RawClient[]> {
    return await Promise.all(
      this.#addresses.map((at) => RawClient.open(at.clientPort, at.clientHost)),
    );
  }

  async #ensure(at: number): Promise<Slot> {
    const slot = this.#slots.get(at);
    if (slot !== undefined) return slot;
    const made = await this.#begin(LONG_MS);
    this.#slots.set(at, made);
    if (at === SUPER_SLOT) {
      await this.#exchange(made, [this.#superAuth]);
      made.auths.push(this.#superAuth);
    }
    return made;
  }

  /** A new session on both; its zxid is known afterwards. */
  async #begin(wish: number): Promise<Slot> {
    const clients = await this.#open();
    const request = { lastZxidSeen: 0n, timeOut: wish, sessionId: 0n, passwd: new Uint8Array(16) };
    const welcomes = await this.#login(clients, request, false);
    if (welcomes === null) throw new Difference("a new session was refused by both");
    this.#name(welcomes);
    const slot = { clients, welcomes, auths: [], xid: 0 };
    await this.#exchange(slot, [{ op: OpCode.ping, raw: NONE }]);
    return slot;
  }

  #name(welcomes: readonly Welcome[]): void {
    this.#sessionCount += 1;
    welcomes.forEach(({ sessionId }, side) =>
      this.#sessions[side].add(sessionId, `session ${this.#sessionCount}`)
    );
  }

  /** Compares what can be compared of the answers; null when both closed. */
  async #login(
    clients: readonly RawClient[],
    request: Parameters<RawClient["login"]>[0] | readonly Parameters<RawClient["login"]>[0][],
    readOnly: boolean | null,
  ): Promise<Welcome[] | null> {
    const welcomes = await Promise.all(
      clients.map((client, side) =>
        client.login("length" in request ? request[side] : request, readOnly)
      ),
    );
    this.#equal(
      "answer to a connect request",
      welcomes.map((welcome) => welcome && { ...welcome, sessionId: 0, passwd: "" }),
    );
    this.#equal(
      "is the session named zero, and the password with it",
      welcomes.map((w) =>
        w && [w.sessionId === 0n, w.passwd.length, w.passwd.every((b) => b === 0)]
      ),
    );
    const all = welcomes.filter((welcome) => welcome !== null);
    return all.length === welcomes.length ? all : null;
  }

  /** The slot's session on new connections, with all that its client would send again. */
  async #restore(at: number, slot: Slot): Promise<void> {
    await leave(slot.clients);
    const clients = await this.#open();
    const welcomes = await this.#login(clients, this.#comeBack(slot, this.#lastZxid), false);
    this.#slots.delete(at);
    if (welcomes === null || welcomes[0].sessionId === 0n) {
      throw new Difference(`slot ${at}: the session is gone on both servers`);
    }
    const restored = { ...slot, clients };
    this.#slots.set(at, restored);
    for (const auth of restored.auths) await this.#exchange(restored, [auth]);
  }

  #comeBack = (slot: Slot, lastZxidSeen: bigint, timeOut = LONG_MS) =>
    slot.welcomes.map(({ sessionId, passwd }) => ({ lastZxidSeen, timeOut, sessionId, passwd }));

  async #reconnect(step: Extract<Step, { kind: "reconnect" }>): Promise<void> {
    const slot = await this.#ensure(step.slot);
    if (!step.steals) await leave(slot.clients);
    if (step.seen === "future" || step.password === "wrong") {
      const clients = await this.#open();
      const seen = step.seen === "future" ? this.#lastZxid + 1000n : 0n;
      const requests = this.#comeBack(slot, seen).map((request) => ({
        ...request,
        passwd: step.password === "wrong" ? new Uint8Array(16) : request.passwd,
      }));
      await this.#login(clients, requests, false);
      await this.#closedBy(clients);
    } else if (step.seen === "zero" || step.steals) {
      const clients = await this.#open();
      const seen = step.seen === "zero" ? 0n : this.#lastZxid;
      await this.#login(clients, this.#comeBack(slot, seen), null);
      if (step.steals) await this.#closedBy(slot.clients, true);
      await leave(clients);
    }
    await this.#restore(step.slot, slot);
  }

  async #close(at: number): Promise<void> {
    const slot = await this.#ensure(at);
    await this.#exchange(slot, [{ op: OpCode.closeSession, raw: NONE }]);
    await this.#closedBy(slot.clients);
    this.#slots.delete(at);
  }

  /**
   * Waits until both servers have closed; what they sent before must be equal, too. `isAtOnce`: Java
   * closes a connection whose session has gone elsewhere, or that sends what is no request, with
   * events that no thread had come to write yet; ours are written by then.
   */
  async #closedBy(clients: readonly RawClient[], isAtOnce = false): Promise<void> {
    const frames = await Promise.all(clients.map((client, side) =>
      client.drain().catch(() => {
        throw new Difference(`${this.#nameOf(side)}: the connection stays open`);
      })
    ));
    const [theirs, ours] = frames;
    const isLost = (frame: Uint8Array, at: number): boolean =>
      isAtOnce && at >= theirs.length && new Input(frame).int() === EVENT_XID;
    this.#compare([theirs, ours.filter((frame, at) => !isLost(frame, at))], []);
  }

  async #probe(step: Extract<Step, { kind: "probe" }>): Promise<void> {
    const keeper = await this.#ensure(KEEPER_SLOT);
    await this.#exchange(keeper, [{ op: OpCode.ping, raw: NONE }]);
    const clients = await this.#open();
    const { wish, password, sessionId, version } = step;
    const request = {
      protocolVersion: version,
      lastZxidSeen: 0n,
      timeOut: wish,
      sessionId,
      passwd: password,
    };
    const welcomes = await this.#login(clients, request, step.readOnly);
    if (welcomes === null || welcomes[0].sessionId === 0n) return await this.#closedBy(clients);
    this.#name(welcomes);
    if (welcomes[0].timeOut < SHORT_MS) {
      // Asked to close it, one that stands still for half a second would have two ends of it.
      for (const client of clients) client.destroy();
      return await this.#expired(keeper, this.#lastZxid + 2n);
    }
    const slot = { clients, welcomes, auths: [], xid: 0 };
    await this.#exchange(slot, [{ op: OpCode.closeSession, raw: NONE }]);
    await this.#closedBy(clients);
  }

  async #expire(requests: readonly Request[]): Promise<void> {
    const keeper = await this.#ensure(KEEPER_SLOT);
    const slot = await this.#begin(LONG_MS);
    this.#slots.set(-2, slot);
    await this.#requests(-2, requests.filter((request) => !travelsAlone(request)));
    this.#slots.delete(-2);
    for (const client of slot.clients) client.destroy();
    // Its time is short only now: a server that stands still meanwhile would end it too early.
    const hasty = await this.#open();
    await this.#login(hasty, this.#comeBack(slot, this.#lastZxid, 1), false);
    for (const client of hasty) client.destroy();
    await this.#expired(keeper, this.#lastZxid + 1n);
  }

  /** Waits until both servers have ended a session, by this transaction, as nobody uses it. */
  async #expired(keeper: Slot, zxid: bigint): Promise<void> {
    this.#unordered.add(zxid);
    await Promise.all(keeper.clients.map((client, side) => this.#passes(client, side, zxid)));
    await this.#exchange(keeper, [{ op: OpCode.ping, raw: NONE }]);
  }

  /** Pings until the server has applied `zxid`. The keeper has no watches, so no event is lost. */
  async #passes(client: RawClient, side: number, zxid: bigint): Promise<void> {
    const out = new Output();
    writeFrame(out, { op: OpCode.ping, raw: NONE }, -2);
    const ping = out.take();
    const stop = Date.now() + EXPIRY_MAX_MS;
    for (;;) {
      client.send(ping);
      const [frame] = await client.receive(1);
      const reply = readReply(frame, OpCode.ping);
      if (reply.kind === "reply" && reply.header.zxid >= zxid) return;
      if (Date.now() > stop) {
        throw new Difference(`${this.#nameOf(side)}: no session expired in ${EXPIRY_MAX_MS} ms`);
      }
      await new Promise((resolve) => setTimeout(resolve, EXPIRY_POLL_MS));
    }
  }

  async #garbage(at: number, bytes: Uint8Array): Promise<void> {
    const slot = await this.#ensure(at);
    for (const client of slot.clients) client.send(bytes);
    await this.#closedBy(slot.clients, true);
    await this.#restore(at, slot);
  }
}

/**
 * Ends connections whose session comes back on others. Java's must have noticed by then: it strikes
 * out a session's connection by the session's id, the new one instead of the old if that has come
 * meanwhile, and does not close that when it is stolen later (once in a thousand times).
 */
async function leave([theirs, ours]: readonly RawClient[]): Promise<void> {
  ours.destroy();
  await theirs.leave();
}

const NONE = new Uint8Array(0);
const REPLY_HEADER_SIZE = 16;
const EVENT_XID = -1;

/** A request that travels alone has been refused, with or without words: a close follows. */
const isRefusal = (frames: readonly Uint8Array[]): boolean => {
  const replies = frames.map((frame) => readReplyHeader(new Input(frame)));
  return replies.every(({ xid, err }) => xid === EVENT_XID || err !== 0);
};

const areEqual = (theirs: readonly Uint8Array[], ours: readonly Uint8Array[]): boolean =>
  theirs.length === ours.length &&
  theirs.every((frame, at) => Buffer.compare(frame, ours[at]) === 0);

const textOf = (requests: readonly Request[]): string =>
  requests.map((request) => `  ${requestText(request)}`).join("\n");

const hexed = (_: string, value: unknown): unknown =>
  typeof value === "bigint" ? `${value}` : value;
