// A connection to a client port that is all bytes: writes what it is given, hands out the frames
// that come. Knows of the protocol only the frame, and that a watch event is no reply.

import { connect, type Socket } from "node:net";
import { Input } from "../../lib/codec/input.ts";
import { Output } from "../../lib/codec/output.ts";
import { FrameSplitter } from "../../lib/wire/frames.ts";
import { readConnectResponse, writeConnectRequest } from "../../lib/wire/client.ts";

/** A watch event's frame begins with this xid. */
const EVENT_XID = -1;
/** Only guards against waiting for ever: a server may stand still for seconds. */
const RECEIVE_MS = 60_000;

/** What a server answers to a connect request; null when it closed instead. */
export interface Welcome {
  readonly protocolVersion: number;
  readonly timeOut: number;
  readonly sessionId: bigint;
  readonly passwd: Uint8Array;
  readonly readOnly: boolean | null;
}

export class RawClient {
  readonly #socket: Socket;
  readonly #frames = new FrameSplitter(0x7fffffff);
  #ready: Uint8Array[] = [];
  #replies = 0;
  #isClosed = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Uint8Array) => {
      this.#frames.push(new Uint8Array(chunk)); // a copy: a Buffer prints itself otherwise
      for (let frame = this.#frames.next(); frame !== null; frame = this.#frames.next()) {
        this.#ready.push(frame);
        if (xidOf(frame) !== EVENT_XID) this.#replies += 1;
      }
      this.#wake();
    });
    socket.on("close", () => {
      this.#isClosed = true;
      this.#wake();
    });
    socket.on("error", () => {
      // A reset is one of the ways in which servers close; "close" follows.
    });
  }

  static open(port: number, host: string): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, host);
      socket.setNoDelay(true);
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new RawClient(socket));
      });
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  send(bytes: Uint8Array): void {
    if (!this.#isClosed) this.#socket.write(bytes);
  }

  /**
   * Frames up to the `count`th that is no event, or all until the server closes. Rejects when
   * neither comes in time.
   */
  async receive(count: number): Promise<Uint8Array[]> {
    const stop = Date.now() + RECEIVE_MS;
    while (this.#replies < count && !this.#isClosed) {
      const left = stop - Date.now();
      if (left <= 0) {
        throw new Error(`${this.#replies} of ${count} replies after ${RECEIVE_MS} ms`);
      }
      await this.#something(left);
    }
    const frames: Uint8Array[] = [];
    for (let replies = 0; replies < count;) {
      const frame = this.#ready.shift();
      if (frame === undefined) break;
      frames.push(frame);
      if (xidOf(frame) === EVENT_XID) continue;
      replies += 1;
      this.#replies -= 1;
    }
    return frames;
  }

  /** All frames until the server has closed. */
  async drain(): Promise<Uint8Array[]> {
    const frames = await this.receive(Infinity);
    return frames;
  }

  /** Ends the connection from this side, and waits until the server has ended it, too. */
  async leave(): Promise<void> {
    this.#socket.end();
    await this.drain();
  }

  /** Ends the connection from this side, without a word to the server. */
  destroy(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  /** The connect exchange, first thing on a connection. */
  async login(
    request: {
      lastZxidSeen: bigint;
      timeOut: number;
      sessionId: bigint;
      passwd: Uint8Array | null;
      protocolVersion?: number;
    },
    readOnly: boolean | null,
  ): Promise<Welcome | null> {
    const out = new Output();
    const at = out.reserve();
    writeConnectRequest(out, { protocolVersion: 0, ...request }, readOnly);
    out.patchLength(at);
    this.send(out.take());
    const [frame] = await this.receive(1);
    if (frame === undefined) return null;
    const input = new Input(frame);
    const { response, readOnly: answered } = readConnectResponse(input);
    if (input.left > 0) throw new Error(`${input.left} bytes behind a connect response`);
    return { ...response, passwd: response.passwd ?? new Uint8Array(0), readOnly: answered };
  }

  #something(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

const xidOf = (frame: Uint8Array): number =>
  frame.length < 4 ? 0 : (frame[0] << 24) | (frame[1] << 16) | (frame[2] << 8) | frame[3];
