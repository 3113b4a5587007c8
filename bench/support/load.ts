// A load generator that costs little, so that the server is what is measured: requests are encoded
// once and sent again and again as the same bytes (no server minds that their xids repeat), replies
// are counted by their lengths and looked at no further than their error. One connection each.

import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { Input } from "../../lib/codec/input.ts";
import { Output } from "../../lib/codec/output.ts";
import { OpCode } from "../../lib/txn/opcodes.ts";
import { readConnectResponse, writeConnectRequest } from "../../lib/wire/client.ts";

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** One request: its op and what writes its record. */
export interface Ask {
  readonly op: number;
  readonly write: (out: Output) => void;
}

/** Requests that are sent together, ready to be written. */
export interface Burst {
  readonly bytes: Uint8Array;
  readonly count: number;
}

/** The xid of every request; any that is not one of the protocol's own. */
const XID = 7;
const EVENT = -1;
const HEADER = 16;

export function burstOf(asks: readonly Ask[]): Burst {
  const out = new Output();
  for (const { op, write } of asks) {
    const at = out.reserve();
    out.int(XID);
    out.int(op);
    write(out);
    out.patchLength(at);
  }
  return { bytes: out.take(), count: asks.length };
}

export class LoadConnection {
  /** Replies that carried an error. */
  errors = 0;
  events = 0;
  #sessionId = 0n;
  readonly #socket: Socket;
  readonly #parts: Uint8Array[] = [];
  #held = 0;
  #awaited = 4;
  #frame: (bytes: Uint8Array, start: number) => void = () => {};
  #broken: (error: Error) => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Uint8Array) => this.#data(chunk));
    socket.on("error", (error) => this.#broken(error));
    socket.on("close", () => this.#broken(new Error("the server closed the connection")));
  }

  /**
   * Resolves when the session is made; rejects when nobody listens or the server refuses.
   * The timeout is long because nobody pings while the load waits for its turn.
   */
  static open(target: Target, timeoutMs = 600_000): Promise<LoadConnection> {
    return new Promise((done, failed) => {
      const socket = connect(target.port, target.host);
      socket.setNoDelay(true);
      const self = new LoadConnection(socket);
      self.#broken = failed;
      socket.on("connect", () => socket.write(connectFrame(timeoutMs)));
      self.#frame = (bytes, start) => {
        self.#sessionId = readConnectResponse(new Input(bytes, start)).response.sessionId;
        self.#frame = () => {};
        self.#broken = () => {};
        done(self);
      };
    });
  }

  get sessionId(): bigint {
    return this.#sessionId;
  }

  /** Sends bursts, `depth` of them unanswered, until `total` requests are answered; gives seconds. */
  flood(bursts: readonly Burst[], total: number, depth: number): Promise<number> {
    return new Promise((done, failed) => {
      const begun = performance.now();
      let sent = 0;
      let answered = 0;
      let unanswered = 0;
      let turn = 0;
      const send = (): void => {
        const burst = bursts[turn++ % bursts.length];
        sent += burst.count;
        unanswered += burst.count;
        this.#socket.write(burst.bytes);
      };
      this.#broken = failed;
      this.#frame = (bytes, start) => {
        if (!this.#isReply(bytes, start)) return;
        answered += 1;
        unanswered -= 1;
        if (answered >= total && answered === sent) {
          this.#broken = () => {};
          done((performance.now() - begun) / 1000);
        } else if (sent < total && unanswered <= bursts[turn % bursts.length].count * (depth - 1)) {
          send();
        }
      };
      for (let i = 0; i < depth && sent < total; i++) send();
    });
  }

  /**
   * Sends a burst every `everyMs`, whether those before it are answered or not, until `isOver`;
   * then waits for the answers. Gives how many there were.
   */
  async paced(burst: Burst, everyMs: number, isOver: () => boolean): Promise<number> {
    let [sent, answered] = [0, 0];
    let allAnswered = (): void => {};
    const broken = new Promise<never>((_, failed) => {
      this.#broken = failed;
    });
    this.#frame = (bytes, start) => {
      if (!this.#isReply(bytes, start)) return;
      answered += 1;
      if (answered === sent) allAnswered();
    };
    const begun = performance.now();
    for (let turn = 1; !isOver(); turn++) {
      this.#socket.write(burst.bytes);
      sent += burst.count;
      const pause = begun + turn * everyMs - performance.now();
      await Promise.race([wait(Math.max(0, pause)), broken]);
    }
    await Promise.race([
      new Promise<void>((done) => {
        allAnswered = done;
        if (answered === sent) done();
      }),
      broken,
    ]);
    this.#broken = () => {};
    return answered;
  }

  /** One request after another; gives the latency of each in milliseconds. */
  async oneAtATime(burst: Burst, count: number): Promise<Float64Array> {
    const latencies = new Float64Array(count);
    for (let i = 0; i < count; i++) latencies[i] = await this.once(burst);
    return latencies;
  }

  /** Sends one burst; gives the milliseconds until all of it is answered. */
  once(burst: Burst): Promise<number> {
    return new Promise((done, failed) => {
      let left = burst.count;
      this.#broken = failed;
      this.#frame = (bytes, start) => {
        if (!this.#isReply(bytes, start)) return;
        left -= 1;
        if (left === 0) {
          this.#broken = () => {};
          done(performance.now() - begun);
        }
      };
      const begun = performance.now();
      this.#socket.write(burst.bytes);
    });
  }

  /** Calls `heard` at each watch event from now on. */
  listen(heard: () => void): void {
    this.#frame = (bytes, start) => {
      if (!this.#isReply(bytes, start)) heard();
    };
  }

  /** Ends the session. */
  close(): Promise<void> {
    return new Promise((done) => {
      this.#broken = () => done();
      const { bytes } = burstOf([{ op: OpCode.closeSession, write: () => {} }]);
      this.#socket.end(bytes);
    });
  }

  destroy(): void {
    this.#broken = () => {};
    this.#socket.destroy();
  }

  #isReply(bytes: Uint8Array, start: number): boolean {
    if (wordAt(bytes, start) === EVENT) {
      this.events += 1;
      return false;
    }
    if (wordAt(bytes, start + HEADER - 4) !== 0) this.errors += 1;
    return true;
  }

  /** What does not end a frame is kept as it came, and joined once. */
  #data(chunk: Uint8Array): void {
    if (this.#held + chunk.length < this.#awaited) {
      this.#parts.push(chunk);
      this.#held += chunk.length;
      return;
    }
    const bytes = this.#held === 0 ? chunk : Buffer.concat([...this.#parts.splice(0), chunk]);
    let at = 0;
    this.#awaited = 4;
    while (bytes.length - at >= 4) {
      const end = at + 4 + wordAt(bytes, at);
      if (end > bytes.length) {
        this.#awaited = end - at;
        break;
      }
      this.#frame(bytes, at + 4);
      at = end;
    }
    this.#held = bytes.length - at;
    if (this.#held > 0) this.#parts.push(bytes.subarray(at));
  }
}

function connectFrame(timeOut: number): Uint8Array {
  const out = new Output();
  const at = out.reserve();
  writeConnectRequest(out, {
    protocolVersion: 0,
    lastZxidSeen: 0n,
    timeOut,
    sessionId: 0n,
    passwd: new Uint8Array(16),
  }, false);
  out.patchLength(at);
  return out.take();
}

const wordAt = (bytes: Uint8Array, at: number): number =>
  (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
