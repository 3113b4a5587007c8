// A client that says exactly what it is told, byte by byte, and notes every answer. It shares no code
// with the codec that its recordings are to prove, and knows no more of the protocol than framing,
// the two headers and the watch event.

import { connect, type Socket } from "node:net";
import type { Endpoint, OpFacts, SessionFacts } from "./captures.ts";

export const cat = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

function number(size: number, write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(size);
  write(new DataView(bytes.buffer));
  return bytes;
}

export const int = (value: number): Uint8Array => number(4, (view) => view.setInt32(0, value));
export const long = (value: bigint): Uint8Array => number(8, (view) => view.setBigInt64(0, value));
export const bool = (value: boolean): Uint8Array => new Uint8Array([value ? 1 : 0]);
export const buffer = (value: Uint8Array | null): Uint8Array =>
  value === null ? int(-1) : cat(int(value.length), value);
export const utf8 = (value: string): Uint8Array => new TextEncoder().encode(value);
export const text = (value: string | null): Uint8Array =>
  buffer(value === null ? null : utf8(value));
export const list = (items: readonly Uint8Array[] | null): Uint8Array =>
  items === null ? int(-1) : cat(int(items.length), ...items);
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

export interface Reply {
  readonly xid: number;
  readonly zxid: bigint;
  readonly err: number;
  /** What follows the reply header. */
  readonly body: Uint8Array;
}

export interface StoryEvent {
  readonly client: string;
  readonly type: number;
  readonly state: number;
  readonly path: string;
  readonly zxid: string;
}

/** Where all clients of a story write down what happened. */
export interface Ledger {
  readonly ops: OpFacts[];
  readonly sessions: SessionFacts[];
  readonly events: StoryEvent[];
  /** Connections on which a client breaks the protocol on purpose. */
  readonly garbage: Endpoint[];
}

/** A session as the server granted it; `timeoutMs` 0 means refused. */
export interface Session {
  readonly id: bigint;
  readonly password: Uint8Array;
  readonly timeoutMs: number;
}

export interface Hello {
  readonly timeoutMs?: number;
  readonly lastZxid?: bigint;
  readonly id?: bigint;
  /** 16 zero bytes unless given. */
  readonly password?: Uint8Array | null;
  /** Left out of the request when null, as clients before 3.4 do. */
  readonly readOnly?: boolean | null;
}

const patienceMs = 20_000;

interface Waiter {
  readonly what: string;
  readonly resolve: (frame: Uint8Array | null) => void;
}

/** One connection to a server. Several may serve one session in turn. */
export class StoryClient {
  readonly name: string;
  readonly local: Endpoint;
  /** Events that came on this connection. */
  readonly events: StoryEvent[] = [];
  lastZxid = 0n;
  readonly #ledger: Ledger;
  readonly #socket: Socket;
  #pending = Buffer.alloc(0);
  #greeted = false;
  #closed = false;
  #nextXid = 1;
  #hello: Waiter | null = null;
  readonly #waiters = new Map<number, Waiter[]>();
  readonly #watchers: (() => void)[] = [];

  private constructor(name: string, ledger: Ledger, socket: Socket) {
    this.name = name;
    this.#ledger = ledger;
    this.#socket = socket;
    this.local = { addr: socket.localAddress ?? "", port: socket.localPort ?? 0 };
    socket.on("data", (data: Uint8Array) => this.#receive(data));
    socket.on("error", () => {
      // A server that refuses us may reset; `close` follows and tells everybody who waits.
    });
    socket.on("close", () => this.#end());
  }

  /** Dials; nothing is sent yet. */
  static dial(name: string, ledger: Ledger, to: { host: string; port: number }) {
    return new Promise<StoryClient>((resolve, reject) => {
      const socket = connect({ host: to.host, port: to.port, noDelay: true });
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new StoryClient(name, ledger, socket));
      });
    });
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Sends a connect request; null when the server closes instead of answering. */
  async hello(options: Hello = {}): Promise<Session | null> {
    const { timeoutMs = 8_000, lastZxid = 0n, id = 0n, readOnly = false } = options;
    const password = options.password === undefined ? new Uint8Array(16) : options.password;
    const tail = readOnly === null ? [] : [bool(readOnly)];
    const payload = [int(0), long(lastZxid), int(timeoutMs), long(id), buffer(password), ...tail];
    const answer = new Promise<Uint8Array | null>((resolve) => {
      this.#hello = this.#waiter("connect", resolve);
    });
    this.raw(buffer(cat(...payload)));
    const frame = await answer;
    const note = `flag ${readOnly === null ? "absent" : readOnly}`;
    const common = { client: this.name, from: this.local, op: "connect", xid: 0, type: 0, note };
    if (frame === null) {
      this.#ledger.ops.push({ ...common, result: "closed" });
      return null;
    }
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    const session = {
      timeoutMs: view.getInt32(4),
      id: view.getBigInt64(8),
      password: frame.slice(20, 20 + view.getInt32(16)),
    };
    const { timeoutMs: given } = session;
    const answered = { result: "answered", timeoutMs: given, replyLength: frame.length } as const;
    this.#ledger.ops.push({ ...common, ...answered });
    if (session.timeoutMs > 0) {
      this.#ledger.sessions.push({
        client: this.name,
        id: idText(session.id),
        password: hex(session.password),
        timeoutMs: session.timeoutMs,
      });
    }
    return session;
  }

  /** Sends one request; null when the server closes instead of answering. */
  async ask(
    op: string,
    type: number,
    body: Uint8Array = new Uint8Array(),
    options: { xid?: number; note?: string; path?: string } = {},
  ): Promise<Reply | null> {
    const xid = options.xid ?? this.#nextXid++;
    const { note, path } = options;
    const answer = new Promise<Uint8Array | null>((resolve) => {
      const waiters = this.#waiters.get(xid) ?? [];
      waiters.push(this.#waiter(`${op} ${path ?? ""}`, resolve));
      this.#waiters.set(xid, waiters);
    });
    const said = { ...(path !== undefined && { path }), ...(note !== undefined && { note }) };
    const common = { client: this.name, from: this.local, op, xid, type, ...said };
    this.raw(buffer(cat(int(xid), int(type), body)));
    const frame = await answer;
    if (frame === null) {
      this.#ledger.ops.push({ ...common, result: "closed" });
      return null;
    }
    const reply = readReply(frame);
    if (reply.zxid > this.lastZxid) this.lastZxid = reply.zxid;
    this.#ledger.ops.push({
      ...common,
      result: "answered",
      err: reply.err,
      zxid: idText(reply.zxid),
      replyLength: frame.length,
    });
    return reply;
  }

  /** Puts bytes on the socket as they are. */
  raw(bytes: Uint8Array): void {
    if (!this.#closed) this.#socket.write(bytes);
  }

  /** Waits until this connection has had `count` events in all. */
  async untilEvents(count: number): Promise<void> {
    const what = `${this.name}: ${count} events`;
    await within(what, () => this.events.length >= count, this.#watchers);
  }

  /** Waits until the server has closed the connection. */
  async untilClosed(): Promise<void> {
    await within(`${this.name}: close`, () => this.#closed, this.#watchers);
  }

  /** Closes the socket; the session stays. */
  async drop(): Promise<void> {
    this.#socket.end();
    this.#socket.destroySoon();
    await this.untilClosed();
  }

  #waiter(what: string, settle: (frame: Uint8Array | null) => void): Waiter {
    if (this.#closed) {
      settle(null);
      return { what, resolve: () => undefined };
    }
    const late = setTimeout(() => {
      console.error(`${this.name}: no answer to ${what}; closing`);
      this.#socket.destroy();
    }, patienceMs);
    return {
      what,
      resolve: (frame) => {
        clearTimeout(late);
        settle(frame);
      },
    };
  }

  #receive(data: Uint8Array): void {
    this.#pending = Buffer.concat([this.#pending, data]);
    for (;;) {
      const view = new DataView(this.#pending.buffer, this.#pending.byteOffset);
      if (this.#pending.length < 4 || this.#pending.length < 4 + view.getInt32(0)) return;
      const length = view.getInt32(0);
      this.#frame(new Uint8Array(this.#pending.subarray(4, 4 + length)));
      this.#pending = this.#pending.subarray(4 + length);
    }
  }

  #frame(frame: Uint8Array): void {
    if (!this.#greeted) {
      this.#greeted = true;
      this.#hello?.resolve(frame);
      return;
    }
    const { xid, zxid, body } = readReply(frame);
    if (xid === -1) {
      const view = new DataView(body.buffer, body.byteOffset);
      const path = new TextDecoder().decode(body.subarray(12, 12 + view.getInt32(8)));
      const [type, state] = [view.getInt32(0), view.getInt32(4)];
      const event = { client: this.name, type, state, path, zxid: idText(zxid) };
      this.events.push(event);
      this.#ledger.events.push(event);
      for (const watcher of this.#watchers.splice(0)) watcher();
      return;
    }
    const waiter = this.#waiters.get(xid)?.shift();
    if (waiter === undefined) throw new Error(`${this.name}: an answer to nothing, xid ${xid}`);
    waiter.resolve(frame);
  }

  #end(): void {
    this.#closed = true;
    this.#hello?.resolve(null);
    for (const waiters of this.#waiters.values()) {
      for (const waiter of waiters.splice(0)) waiter.resolve(null);
    }
    for (const watcher of this.#watchers.splice(0)) watcher();
  }
}

function readReply(frame: Uint8Array): Reply {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  return {
    xid: view.getInt32(0),
    zxid: view.getBigInt64(4),
    err: view.getInt32(12),
    body: frame.subarray(16),
  };
}

/** A 64-bit id as ZooKeeper prints it. */
export const idText = (id: bigint): string => `0x${BigInt.asUintN(64, id).toString(16)}`;

async function within(
  what: string,
  isTrue: () => boolean,
  watchers: (() => void)[],
): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!isTrue()) {
    const left = deadline - Date.now();
    if (left <= 0) throw new Error(`not in ${patienceMs} ms: ${what}`);
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, left);
      watchers.push(() => {
        clearTimeout(late);
        resolve();
      });
    });
  }
}
