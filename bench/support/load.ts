// A load generator that costs little: requests are encoded once into large writes, replies are
// counted by their lengths and looked at no further than their error. One connection each.

import { connect, type Socket } from "node:net";
import { Output } from "../../lib/codec/output.ts";
import { writeConnectRequest } from "../../lib/wire/client.ts";
import { OpCode } from "../../lib/txn/opcodes.ts";
import { Input } from "../../lib/codec/input.ts";
import { readConnectResponse } from "../../lib/wire/client.ts";

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** Writes the record of request `i`, without header. */
export type MakeBody = (out: Output, i: number) => void;

export class LoadConnection {
  readonly #socket: Socket;
  #rest: Uint8Array = new Uint8Array(0);
  #onFrame: (bytes: Uint8Array, start: number, end: number) => void = () => {};
  #xid = 0;
  sessionId = 0n;
  errors = 0;
  events = 0;
  #onClosed: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Uint8Array) => this.#data(chunk));
    socket.on("error", () => this.#onClosed());
    socket.on("close", () => this.#onClosed());
  }

  static open(target: Target, timeoutMs = 30_000): Promise<LoadConnection> {
    return new Promise((done, failed) => {
      const socket = connect(target.port, target.host);
      socket.setNoDelay(true);
      const self = new LoadConnection(socket);
      self.#onClosed = () => failed(new Error("closed before the session was made"));
      socket.on("connect", () => {
        const out = new Output();
        const at = out.reserve();
        writeConnectRequest(out, {
          protocolVersion: 0,
          lastZxidSeen: 0n,
          timeOut: timeoutMs,
          sessionId: 0n,
          passwd: new Uint8Array(16),
        }, false);
        out.patchLength(at);
        socket.write(out.take());
      });
      self.#onFrame = (bytes, start, end) => {
        self.sessionId = readConnectResponse(new Input(bytes, start, end)).response.sessionId;
        self.#onFrame = () => {};
        done(self);
      };
    });
  }

  /**
   * Sends `count` requests with at most `window` unanswered. Resolves to the latencies in ms of the
   * sampled ones (every one when `window` is 1).
   */
  run(op: number, count: number, window: number, make: MakeBody): Promise<Float64Array> {
    return new Promise((done, failed) => {
      const latencies = new Float64Array(window === 1 ? count : Math.ceil(count / 64));
      const sentAt = new Float64Array(latencies.length);
      const step = window === 1 ? 1 : 64;
      let sent = 0;
      let answered = 0;
      const send = (): void => {
        const out = new Output(64 * 1024);
        const now = performance.now();
        while (sent < count && sent - answered < window) {
          if (sent % step === 0) sentAt[sent / step] = now;
          const at = out.reserve();
          out.int(++this.#xid);
          out.int(op);
          make(out, sent++);
          out.patchLength(at);
          if (out.size > 60 * 1024) this.#socket.write(out.take());
        }
        if (out.size > 0) this.#socket.write(out.take());
      };
      this.#onClosed = () => failed(new Error(`closed after ${answered} of ${count} replies`));
      this.#onFrame = (bytes, start) => {
        const xid = (bytes[start] << 24) | (bytes[start + 1] << 16) | (bytes[start + 2] << 8) |
          bytes[start + 3];
        if (xid === -1) {
          this.events += 1;
          return;
        }
        const err = bytes[start + 12] | bytes[start + 13] | bytes[start + 14] | bytes[start + 15];
        if (err !== 0) this.errors += 1;
        if (answered % step === 0) {
          latencies[answered / step] = performance.now() - sentAt[answered / step];
        }
        answered += 1;
        if (answered === count) {
          this.#onClosed = () => {};
          done(latencies);
        } else if (window === 1 || sent - answered <= window / 2) send();
      };
      send();
    });
  }

  /** Resolves when so many watch events have arrived in all. */
  untilEvents(count: number): Promise<void> {
    return new Promise((done) => {
      const look = (): void => {
        if (this.events >= count) return done();
      };
      this.#onFrame = () => {
        this.events += 1;
        look();
      };
      look();
    });
  }

  close(): Promise<void> {
    return new Promise((done) => {
      this.#onClosed = () => done();
      const out = new Output();
      const at = out.reserve();
      out.int(++this.#xid);
      out.int(OpCode.closeSession);
      out.patchLength(at);
      this.#socket.end(out.take());
    });
  }

  destroy(): void {
    this.#onClosed = () => {};
    this.#socket.destroy();
  }

  #data(chunk: Uint8Array): void {
    let bytes = chunk;
    if (this.#rest.length > 0) {
      bytes = new Uint8Array(this.#rest.length + chunk.length);
      bytes.set(this.#rest);
      bytes.set(chunk, this.#rest.length);
    }
    let at = 0;
    while (bytes.length - at >= 4) {
      const length = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) |
        bytes[at + 3];
      if (bytes.length - at - 4 < length) break;
      this.#onFrame(bytes, at + 4, at + 4 + length);
      at += 4 + length;
    }
    this.#rest = bytes.subarray(at);
  }
}

export const percentile = (sorted: Float64Array, p: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))];
