// Links over TCP through node:net. One write per turn is the caller's business; here Nagle's
// algorithm is off, backpressure is passed on in both directions, and half-open links work, so that
// a client may shut down its sending side and still get its answer.

import { lookup } from "node:dns";
import { createServer, isIP, type Server, Socket } from "node:net";
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import { assert } from "../base/assert.ts";
import { Deque } from "../base/deque.ts";
import { Fault } from "../base/errors.ts";
import type { Address, Closable, Link, LinkEar, ListenOptions, Millis, Network } from "../ports.ts";
import { linkFault } from "./system_errors.ts";

/** With more than this waiting to be sent, `write` says false. */
const QUEUE_BYTES = 1 << 20;
/** More than this is written piece by piece: the runtime counts a write as taken only when whole. */
const PIECE_BYTES = 256 * 1024;
/** How long the other side may take to accept the rest and close, once we have ended. */
const LINGER: Millis = 10_000;

export const addressText = ({ host, port }: Address): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

export class HostNetwork implements Network {
  listen(
    at: Address,
    accepted: (link: Link) => void,
    ready: (bound: Address | Fault) => void,
    options: ListenOptions = {},
  ): Closable {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
    let isListening = false;
    let isClosed = false;
    server.on("connection", (socket) => {
      if (isClosed) return void socket.destroy();
      if (options.keepAlive) socket.setKeepAlive(true);
      accepted(new SocketLink(socket));
    });
    server.on("error", (error) => {
      const fault = linkFault(error, "listening", addressText(at));
      if (isListening) options.troubled?.(fault);
      else if (!isClosed) ready(fault);
    });
    server.on("listening", () => {
      isListening = true;
      if (!isClosed) ready(boundAddress(server, at));
    });
    const backlog = options.backlog !== undefined && options.backlog > 0
      ? { backlog: options.backlog }
      : {};
    server.listen({ host: at.host === "" ? undefined : at.host, port: at.port, ...backlog });
    return {
      close() {
        isClosed = true;
        server.close();
      },
    };
  }

  dial(to: Address, within: Millis, done: (link: Link | Fault) => void): Closable {
    const dialing = new Dialing(to, within, done);
    dialing.start();
    return dialing;
  }
}

/** Hears what keeps us from listening there, or null when nothing does; the port is free again then. */
export function probePort(at: Address, done: (fault: Fault | null) => void): void {
  const server = createServer((socket) => void socket.destroy());
  server.on("error", (error) => done(linkFault(error, "listening", addressText(at))));
  server.listen(
    { host: at.host === "" ? undefined : at.host, port: at.port },
    () => void server.close(() => done(null)),
  );
}

function boundAddress(server: Server, asked: Address): Address {
  const bound = server.address();
  assert(bound !== null && typeof bound === "object", "a TCP listener has an address");
  return { host: asked.host, port: bound.port };
}

/** One dial: a fresh look-up, then one address after another, each with its share of the time. */
class Dialing implements Closable {
  readonly #to: Address;
  readonly #deadline: Millis;
  readonly #done: (link: Link | Fault) => void;
  readonly #alarm: ReturnType<typeof setTimeout>;
  #socket: Socket | null = null;
  #share: ReturnType<typeof setTimeout> | null = null;
  #isOver = false;

  constructor(to: Address, within: Millis, done: (link: Link | Fault) => void) {
    this.#to = to;
    this.#done = done;
    this.#deadline = Date.now() + within;
    this.#alarm = setTimeout(() => this.#finish(this.#timeout()), within);
  }

  start(): void {
    const { host } = this.#to;
    if (isIP(host) !== 0) return this.#tryNext([host], null);
    lookup(host, { all: true, verbatim: true }, (error, found) => {
      if (this.#isOver) return;
      if (error !== null) return this.#finish(linkFault(error, `resolving ${host}`, this.#where));
      this.#tryNext([...new Set(found.map(({ address }) => address))], null);
    });
  }

  close(): void {
    this.#settle();
    this.#socket?.destroy();
  }

  get #where(): string {
    return addressText(this.#to);
  }

  #tryNext(addresses: readonly string[], last: Fault | null): void {
    const [address, ...others] = addresses;
    if (address === undefined) {
      return this.#finish(last ?? new Fault("RESOLVE", "no address", { where: this.#where }));
    }
    const socket = new Socket({ allowHalfOpen: true });
    this.#socket = socket;
    const failed = (fault: Fault) => {
      socket.removeAllListeners();
      socket.on("error", () => {}); // may still come from a socket given up; nobody waits for it
      socket.destroy();
      if (this.#share !== null) clearTimeout(this.#share);
      if (!this.#isOver) this.#tryNext(others, fault);
    };
    socket.once("error", (error) => {
      failed(linkFault(error, `connecting to ${address}`, this.#where));
    });
    socket.once("connect", () => {
      socket.removeAllListeners("error");
      socket.pause();
      this.#socket = null;
      this.#finish(new SocketLink(socket));
    });
    if (others.length > 0) {
      const share = Math.max(1, (this.#deadline - Date.now()) / addresses.length);
      this.#share = setTimeout(() => failed(this.#timeout()), share);
    }
    socket.connect({ host: address, port: this.#to.port });
  }

  #timeout(): Fault {
    return new Fault("TIMEOUT", "connecting took too long", { where: this.#where });
  }

  #finish(result: Link | Fault): void {
    if (this.#isOver) {
      if (!(result instanceof Fault)) result.destroy();
      return;
    }
    this.#settle();
    this.#socket?.destroy();
    this.#done(result);
  }

  #settle(): void {
    this.#isOver = true;
    clearTimeout(this.#alarm);
    if (this.#share !== null) clearTimeout(this.#share);
    this.#socket?.on("error", () => {}); // of a socket given up; nobody waits for it
  }
}

class SocketLink implements Link {
  readonly remote: Address;
  readonly local: Address;
  readonly #socket: Socket;
  #ear: LinkEar | null = null;
  #fault: Fault | null = null;
  /** What follows the pieces that the runtime has, and how much of the first of them it has. */
  #rest: Deque<Uint8Array> | null = null;
  #restAt = 0;
  #restBytes = 0;
  /** Pieces that the runtime has not said to be written. */
  #pieces = 0;
  #isHeld = false;
  #isWaitingForDrain = false;
  #hasEnded = false;
  /** Closed, and the ear was told or must not be told. */
  #isOver = false;
  #linger: ReturnType<typeof setTimeout> | null = null;

  /** `socket` is connected and paused. */
  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    this.remote = { host: plainHost(socket.remoteAddress), port: socket.remotePort ?? 0 };
    this.local = { host: plainHost(socket.localAddress), port: socket.localPort ?? 0 };
    socket.on("data", (chunk: Uint8Array) => {
      // A plain view: slice() of the runtime's own kind of buffer would not copy.
      this.#ear?.bytes(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    });
    socket.on("drain", () => this.#tellDrained());
    socket.on("end", () => {
      if (this.#hasEnded || this.#isOver) return;
      if (this.#ear?.ended === undefined) this.end();
      else this.#ear.ended();
    });
    socket.on("error", (error) => {
      this.#fault ??= linkFault(error, "the link", addressText(this.remote));
    });
    socket.on("close", () => this.#closed());
  }

  get queued(): number {
    return this.#socket.writableLength + this.#restBytes;
  }

  attach(ear: LinkEar): void {
    const isFirst = this.#ear === null;
    this.#ear = ear;
    if (!isFirst) return;
    if (this.#socket.destroyed) setImmediate(() => this.#closed());
    else if (!this.#isHeld) this.#socket.resume();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#hasEnded || this.#isOver || this.#socket.destroyed) return true; // nobody to send to
    if (bytes.length > PIECE_BYTES || this.#restBytes > 0) {
      (this.#rest ??= new Deque()).push(bytes);
      this.#restBytes += bytes.length;
      this.#writeRest();
    } else {
      this.#socket.write(bytes);
    }
    if (this.queued <= QUEUE_BYTES) return true;
    this.#isWaitingForDrain = true;
    return false;
  }

  /** One piece after another, for as long as each is taken at once; `#wrote` goes on. */
  #writeRest(): void {
    const socket = this.#socket;
    while (this.#pieces === 0 || socket.writableLength === 0) {
      const first = this.#rest?.first();
      if (first === undefined) return;
      const piece = first.subarray(this.#restAt, this.#restAt + PIECE_BYTES);
      this.#restAt += piece.length;
      this.#restBytes -= piece.length;
      if (this.#restAt === first.length) {
        this.#rest?.shift();
        this.#restAt = 0;
      }
      this.#pieces += 1;
      socket.write(piece, this.#wrote);
    }
  }

  readonly #wrote = (): void => {
    this.#pieces -= 1;
    if (this.#isOver || this.#socket.destroyed || this.#pieces > 0) return;
    this.#writeRest();
    if (this.#hasEnded && this.#restBytes === 0) this.#socket.end();
    this.#tellDrained();
  };

  #tellDrained(): void {
    if (!this.#isWaitingForDrain || this.#restBytes > 0) return;
    // With more than its mark the runtime will say `drain`, with less it may not.
    if (this.#socket.writableLength >= this.#socket.writableHighWaterMark) return;
    this.#isWaitingForDrain = false;
    this.#ear?.drained();
  }

  hold(on: boolean): void {
    this.#isHeld = on;
    if (this.#ear === null || this.#socket.destroyed) return;
    if (on) this.#socket.pause();
    else this.#socket.resume();
  }

  end(): void {
    if (this.#hasEnded || this.#isOver) return;
    this.#hasEnded = true;
    this.#isWaitingForDrain = false;
    this.#linger = setTimeout(() => this.#socket.destroy(), LINGER);
    if (this.#restBytes === 0) this.#socket.end();
    // The close of the other side is seen by reading only; an ear that held back hears no more.
    if (this.#isHeld || this.#ear === null) {
      this.#ear ??= { bytes() {}, drained() {}, closed() {} };
      this.#isHeld = false;
      this.#socket.resume();
    }
  }

  destroy(): void {
    this.#isOver = true;
    this.#socket.destroy();
    if (this.#linger !== null) clearTimeout(this.#linger);
  }

  #closed(): void {
    if (this.#linger !== null) clearTimeout(this.#linger);
    if (this.#isOver || this.#ear === null) return; // without an ear: told when there is one
    this.#isOver = true;
    this.#ear.closed(this.#fault);
  }
}

/** IPv4 addresses that a dual-stack listener shows as `::ffff:1.2.3.4`, as people write them. */
export function plainHost(host: string | undefined): string {
  if (host === undefined) return "";
  return host.startsWith("::ffff:") && host.includes(".") ? host.slice(7) : host;
}
