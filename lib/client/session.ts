// One client session as a machine: the handshake, xids, replies in order, pings, and what is told
// again after a reconnect (auth, watches). It knows no sockets: whoever drives it connects, hands
// over bytes and sends what is written. Used by client.ts, by the shell and by the simulator.
//
// Must agree with what servers expect of a client: client.md 2.2, 3.2, 6.4, 7.5.

import { assert } from "../base/assert.ts";
import { Fault } from "../base/errors.ts";
import type { SessionId, Zxid } from "../base/ids.ts";
import { Deque } from "../base/deque.ts";
import { Input } from "../codec/input.ts";
import { Output } from "../codec/output.ts";
import type { Instant, Millis } from "../ports.ts";
import { readReplyHeader, readWatcherEvent, type WatcherEvent } from "../records/client.ts";
import { writeAuthPacket, writeSetWatches, writeSetWatches2 } from "../records/client.ts";
import { ErrorCode, OpCode, Xid } from "../txn/opcodes.ts";
import { readConnectResponse, writeConnectRequest } from "../wire/client.ts";
import { FrameSplitter } from "../wire/frames.ts";

export interface SessionOptions {
  /** What is asked for; the server may change it. */
  readonly timeoutMs: Millis;
  readonly readOnly: boolean;
  /** Longest reply taken. */
  readonly frameLimit: number;
  /** How many servers there are to try; one that does not greet must not cost the session. */
  readonly servers?: number;
}

export const SESSION_DEFAULTS: SessionOptions = {
  timeoutMs: 30_000,
  readOnly: false,
  frameLimit: 64 * 1024 * 1024,
};

/** What came back. `lost`: the link broke first, and nobody knows whether it was done. */
export interface Reply {
  readonly err: number;
  readonly zxid: Zxid;
  /** At the first byte behind the header; views of a chunk. Empty when `lost`. */
  readonly body: Input;
  readonly lost: boolean;
}

export type SessionState = "connecting" | "connected" | "disconnected" | "expired" | "closed";

export interface SessionEars {
  event(event: WatcherEvent, zxid: Zxid): void;
  state(state: SessionState): void;
  /** An auth was refused; the server closes the link. */
  authFailed(): void;
}

/** A watch is armed only when the reply says so. */
export type WatchKind = (typeof WATCH_KINDS)[number];
const WATCH_KINDS = ["data", "exist", "child", "persistent", "persistentRecursive"] as const;
const perKind = <T>(make: () => T): Record<WatchKind, T> => ({
  data: make(),
  exist: make(),
  child: make(),
  persistent: make(),
  persistentRecursive: make(),
});
const emptyLists = (): Record<WatchKind, string[]> => perKind(() => []);

interface Auth {
  readonly scheme: string;
  readonly auth: Uint8Array;
}

interface Sent {
  readonly xid: number;
  readonly op: number;
  readonly done: (reply: Reply) => void;
}

/** Characters of paths in one setWatches: a server takes no frame above its limit. */
const REARM_MAX = 128 * 1024;

const NOTHING = new Input(new Uint8Array(0));

export class ClientSession {
  id: SessionId = 0n;
  password: Uint8Array = new Uint8Array(16);
  /** What the server granted. */
  timeoutMs: Millis;
  lastZxid: Zxid = 0n;
  state: SessionState = "disconnected";
  isReadOnly = false;
  /** The session of a read-only server: no other one knows it (client.md 2.8). */
  #local: SessionId | null = null;
  readonly #options: SessionOptions;
  readonly #ears: SessionEars;
  readonly #out = new Output(1024);
  readonly #sent = new Deque<Sent>();
  readonly #auths = new Set<Auth>();
  readonly #watches = perKind(() => new Set<string>());
  #frames: FrameSplitter | null = null;
  #xid = 0;
  #lastSent: Millis = 0;
  #lastHeard: Millis = 0;
  #pingedAt: Millis | null = null;

  constructor(ears: SessionEars, options: SessionOptions = SESSION_DEFAULTS) {
    this.#ears = ears;
    this.#options = options;
    this.timeoutMs = options.timeoutMs;
  }

  get isUsable(): boolean {
    return this.state === "connected";
  }

  get isOver(): boolean {
    return this.state === "expired" || this.state === "closed";
  }

  /** How long one server is waited for, until it has been reached and has greeted. */
  get patienceMs(): Millis {
    return this.timeoutMs / (this.#options.servers ?? 1);
  }

  /** Requests sent and not answered. */
  get pending(): number {
    return this.#sent.size;
  }

  /** When {@link tick} is due next; null while there is no link. */
  get deadline(): Millis | null {
    if (this.state === "connecting") return this.#lastHeard + this.patienceMs;
    if (this.state !== "connected") return null;
    const silent = this.#lastHeard + this.timeoutMs * 2 / 3;
    return this.#pingedAt === null ? Math.min(this.#lastSent + this.#pingEvery(), silent) : silent;
  }

  /** A link is there: writes the connect request. */
  linked(now: Instant): void {
    assert(this.state === "disconnected", "one link at a time");
    this.#frames = new FrameSplitter(this.#options.frameLimit, "replies");
    this.#out.reset();
    const at = this.#out.reserve();
    const request = {
      protocolVersion: 0,
      lastZxidSeen: this.lastZxid,
      timeOut: this.#options.timeoutMs,
      sessionId: this.id === this.#local ? 0n : this.id,
      passwd: this.password,
    };
    writeConnectRequest(this.#out, request, this.#options.readOnly);
    this.#out.patchLength(at);
    this.#lastSent = this.#lastHeard = now.mono;
    this.#pingedAt = null;
    this.#become("connecting");
  }

  /** The link is gone: what was not answered is lost. */
  unlinked(): void {
    if (this.isOver || this.state === "disconnected") return;
    this.#frames = null;
    this.#out.reset();
    this.state = "disconnected";
    this.#failAll();
    if (!this.isOver) this.#ears.state("disconnected"); // it was not about to be closed
  }

  /** Bytes of the server. Faults: FRAME_TOO_LONG, SHORT, PROTOCOL: the link is no good any more. */
  bytes(chunk: Uint8Array, now: Instant): void {
    const frames = this.#frames;
    if (frames === null) return;
    frames.push(chunk);
    this.#lastHeard = now.mono;
    for (let frame = frames.next(); frame !== null; frame = frames.next()) {
      if (this.state === "connecting") this.#greeted(frame, now);
      else if (this.state === "connected") this.#reply(frame);
      if (this.#frames !== frames) return;
    }
  }

  /** Bytes to send, given away; null when there are none. */
  take(): Uint8Array | null {
    return this.#out.size === 0 ? null : this.#out.take();
  }

  /**
   * Sends a request. `write` puts its record into the output. `done` hears the reply, or that the
   * link broke. Allowed while connected only.
   */
  request(
    op: number,
    write: ((out: Output) => void) | null,
    done: (reply: Reply) => void,
    now: Instant,
  ): void {
    assert(this.state === "connected", "requests are sent while connected");
    this.#xid = this.#xid === 0x7fffffff ? 1 : this.#xid + 1;
    this.#send(this.#xid, op, write, done, now);
  }

  /** Adds an id to this connection, and to every later one of this session unless it is refused. */
  auth(scheme: string, auth: Uint8Array, done: (reply: Reply) => void, now: Instant): void {
    assert(this.state === "connected", "ids are told while connected");
    const told = { scheme, auth };
    this.#sendAuth(told, done, now);
    this.#auths.add(told);
  }

  /** Remembers a watch, to be told again after a reconnect. */
  arm(kind: WatchKind, path: string): void {
    this.#watches[kind].add(path);
  }

  disarm(kind: WatchKind, path: string): boolean {
    return this.#watches[kind].delete(path);
  }

  /** Ends the session in good order; `done` when the server has said so, or the link broke. */
  close(done: () => void, now: Instant): void {
    if (this.state !== "connected") {
      this.#become("closed");
      return done();
    }
    this.request(OpCode.closeSession, null, () => {
      this.#become("closed");
      done();
    }, now);
  }

  /** Pings when it is time. False: the server is silent for too long, drop the link. */
  tick(now: Instant): boolean {
    if (this.state === "connecting") return now.mono < this.#lastHeard + this.patienceMs;
    if (this.state !== "connected") return true;
    if (now.mono >= this.#lastHeard + this.timeoutMs * 2 / 3) return false;
    if (this.#pingedAt === null && now.mono >= this.#lastSent + this.#pingEvery()) {
      this.#send(Xid.ping, OpCode.ping, null, () => (this.#pingedAt = null), now);
      this.#pingedAt = now.mono;
    }
    return true;
  }

  #pingEvery(): Millis {
    return Math.min(this.timeoutMs / 3, 10_000);
  }

  #become(state: SessionState): void {
    if (this.state === state) return;
    this.state = state;
    if (this.isOver) this.#failAll();
    this.#ears.state(state);
  }

  #failAll(): void {
    for (let sent = this.#sent.shift(); sent !== undefined; sent = this.#sent.shift()) {
      sent.done({ err: ErrorCode.CONNECTIONLOSS, zxid: -1n, body: NOTHING, lost: true });
    }
  }

  #greeted(frame: Uint8Array, now: Instant): void {
    const { response, readOnly } = readConnectResponse(new Input(frame));
    if (response.timeOut <= 0) {
      this.id = 0n;
      return this.#become("expired");
    }
    this.id = response.sessionId;
    this.password = response.passwd?.slice() ?? new Uint8Array(16);
    this.timeoutMs = response.timeOut;
    this.isReadOnly = readOnly === true;
    this.#local = this.isReadOnly ? this.id : null;
    for (const auth of this.#auths) this.#sendAuth(auth, () => {}, now);
    this.#rearm(now);
    this.#become("connected"); // last: who hears of it may ask at once, and is to be known by then
  }

  #rearm(now: Instant): void {
    const relativeZxid = this.lastZxid;
    let lists = emptyLists();
    let size = 0;
    for (const kind of WATCH_KINDS) {
      for (const path of this.#watches[kind]) {
        if (size > 0 && size + path.length > REARM_MAX) {
          this.#tellWatches(relativeZxid, lists, now);
          lists = emptyLists();
          size = 0;
        }
        lists[kind].push(path);
        size += 1 + path.length;
      }
    }
    if (size > 0) this.#tellWatches(relativeZxid, lists, now);
  }

  #tellWatches(relativeZxid: Zxid, lists: Record<WatchKind, string[]>, now: Instant): void {
    const { data, exist, child, persistent, persistentRecursive } = lists;
    const plain = { relativeZxid, dataWatches: data, existWatches: exist, childWatches: child };
    const isPlain = persistent.length + persistentRecursive.length === 0;
    this.#send(
      Xid.setWatches,
      isPlain ? OpCode.setWatches : OpCode.setWatches2,
      (out) => {
        if (isPlain) return writeSetWatches(out, plain);
        writeSetWatches2(out, {
          ...plain,
          persistentWatches: persistent,
          persistentRecursiveWatches: persistentRecursive,
        });
      },
      () => {},
      now,
    );
  }

  #sendAuth(told: Auth, done: (reply: Reply) => void, now: Instant): void {
    this.#send(
      Xid.auth,
      OpCode.auth,
      (out) => writeAuthPacket(out, { type: 0, ...told }),
      (reply) => {
        if (!reply.lost && reply.err !== 0) {
          this.#auths.delete(told); // the next server would close the link for it as well
          this.#ears.authFailed();
        }
        done(reply);
      },
      now,
    );
  }

  #send(
    xid: number,
    op: number,
    write: ((out: Output) => void) | null,
    done: (reply: Reply) => void,
    now: Instant,
  ): void {
    const out = this.#out;
    const at = out.reserve();
    out.int(xid);
    out.int(op);
    try {
      write?.(out);
    } catch (error) {
      out.rewind(at); // its asker's mistake: half a frame would cost everybody the link
      throw error;
    }
    out.patchLength(at);
    this.#sent.push({ xid, op, done });
    this.#lastSent = now.mono;
  }

  #reply(frame: Uint8Array): void {
    const input = new Input(frame);
    const { xid, zxid, err } = readReplyHeader(input);
    if (xid === Xid.watchEvent) {
      const event = readWatcherEvent(input);
      this.#fired(event);
      return this.#ears.event(event, zxid);
    }
    if (zxid > this.lastZxid) this.lastZxid = zxid;
    // auth is answered outside the queue, so it may overtake what was asked before it.
    const sent = xid === Xid.auth ? this.#takeAuth() : this.#takeNext(xid);
    if (sent === undefined) {
      const next = this.#sent.first()?.xid ?? "nothing";
      throw new Fault("PROTOCOL", `a reply to xid ${xid}, but ${next} is next`, {
        where: "replies",
      });
    }
    sent.done({ err, zxid, body: input, lost: false });
  }

  /** What is next, if it is that; else it stays, and is lost with the link. */
  #takeNext(xid: number): Sent | undefined {
    return this.#sent.first()?.xid === xid ? this.#sent.shift() : undefined;
  }

  #takeAuth(): Sent | undefined {
    const later: Sent[] = [];
    let found: Sent | undefined;
    for (let sent = this.#sent.shift(); sent !== undefined; sent = this.#sent.shift()) {
      if (found === undefined && sent.xid === Xid.auth) found = sent;
      else later.push(sent);
    }
    for (const sent of later) this.#sent.push(sent);
    return found;
  }

  /** One-shot watches are gone once they fire; a server never says which kind it was. */
  #fired(event: WatcherEvent): void {
    const path = event.path ?? "";
    const { data, exist, child } = this.#watches;
    if (event.type === 4) child.delete(path);
    else {
      data.delete(path);
      exist.delete(path);
      if (event.type === 2) child.delete(path);
    }
  }
}
