// Doors that stand between two processes: TCP proxies in the test process that hold bytes back, one
// way or both, break what is open, or refuse what comes. Bytes that were held back go on when the
// door opens again, as TCP's retransmissions do after a partition.

import { createServer, type Server, Socket } from "node:net";
import { setTimeout } from "node:timers";

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** How long a refusal is not believed. */
const REFUSED_MS = 1500;

/** What a door asks whenever something may have changed. */
export interface Gate {
  /** Where a connection goes; asked once for each, when it is dialled. */
  target(): Target;
  /** Whether connections are refused, and broken; none is when this is not said. */
  isRefused?(): boolean;
  /** Whether bytes of the side that dialled get through. */
  passesIn(): boolean;
  /** Whether bytes of the side that was dialled get through. */
  passesOut(): boolean;
  /** Called for each connection: who listens to it. */
  tap?(): Tap;
}

/** Hears the bytes of one connection. */
export interface Tap {
  /** From the side that dialled. */
  in(chunk: Uint8Array): void;
  out(chunk: Uint8Array): void;
}

/** One listening port and the connections that went through it. */
export class Door {
  readonly #gate: Gate;
  readonly #server: Server;
  readonly #pipes = new Set<Pipe>();
  #port = 0;
  #isClosed = false;

  private constructor(gate: Gate) {
    this.#gate = gate;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (near) => {
      if (this.#isClosed) return void near.destroy();
      const pipe: Pipe = new Pipe(near, gate, () => this.#pipes.delete(pipe));
      this.#pipes.add(pipe);
      pipe.look();
    });
  }

  static open(host: string, gate: Gate): Promise<Door> {
    const door = new Door(gate);
    return new Promise((done, failed) => {
      door.#server.on("error", failed);
      door.#server.listen(0, host, () => {
        const at = door.#server.address();
        door.#port = at !== null && typeof at === "object" ? at.port : 0;
        done(door);
      });
    });
  }

  get port(): number {
    return this.#port;
  }

  get isUsed(): boolean {
    return this.#pipes.size > 0;
  }

  /** Looks at the gate again. */
  look(): void {
    for (const pipe of [...this.#pipes]) pipe.look();
  }

  /** Breaks every connection. */
  break(): void {
    for (const pipe of [...this.#pipes]) pipe.break();
  }

  close(): Promise<void> {
    this.#isClosed = true; // one that comes just now would be waited for without end
    this.break();
    return new Promise((done) => this.#server.close(() => done()));
  }
}

/** One connection. The far side is dialled when both directions are open for the first time. */
class Pipe {
  readonly #near: Socket;
  readonly #gate: Gate;
  readonly #over: () => void;
  #far: Socket | null = null;
  #isJoined = false;
  #isOver = false;

  constructor(near: Socket, gate: Gate, over: () => void) {
    this.#near = near;
    this.#gate = gate;
    this.#over = over;
    near.setNoDelay(true);
    near.on("error", () => this.break());
    near.on("close", () => this.break());
  }

  look(): void {
    if (this.#gate.isRefused?.() === true) return this.break();
    const [passesIn, passesOut] = [this.#gate.passesIn(), this.#gate.passesOut()];
    if (this.#far === null && passesIn && passesOut) this.#dial(this.#gate.target());
    const far = this.#far;
    if (far === null || !this.#isJoined) return;
    this.#flow(this.#near, far, passesIn);
    this.#flow(far, this.#near, passesOut);
  }

  break(): void {
    this.#isOver = true;
    this.#near.destroy();
    this.#far?.destroy();
    this.#over();
  }

  /**
   * A refusal cannot be passed on to a side that has its connection already, and would be answered
   * by another try. So the door tries again itself, as long as the sides of ZooKeeper do.
   */
  #dial(target: Target, since = performance.now()): void {
    const far = new Socket({ allowHalfOpen: true });
    this.#far = far;
    let isOpen = false;
    far.on("error", () => {
      if (isOpen || this.#isOver || performance.now() - since > REFUSED_MS) return this.break();
      setTimeout(() => this.#isOver ? undefined : this.#dial(target, since), 25);
    });
    far.connect(target.port, target.host, () => {
      isOpen = true;
      far.setNoDelay(true);
      far.on("close", () => this.break());
      const tap = this.#gate.tap?.();
      this.#join(this.#near, far, () => this.#gate.passesIn(), (chunk) => tap?.in(chunk));
      this.#join(far, this.#near, () => this.#gate.passesOut(), (chunk) => tap?.out(chunk));
      this.#isJoined = true;
      this.look();
    });
  }

  #join(
    from: Socket,
    to: Socket,
    passes: () => boolean,
    hear: (chunk: Uint8Array) => void,
  ): void {
    from.on("data", (chunk: Uint8Array) => {
      hear(chunk);
      if (!to.write(chunk)) from.pause();
    });
    to.on("drain", () => this.#flow(from, to, passes()));
    from.on("end", () => to.end());
  }

  #flow(from: Socket, to: Socket, isOpen: boolean): void {
    if (isOpen && !to.writableNeedDrain) from.resume();
    else from.pause();
  }
}
