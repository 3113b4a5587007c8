// One link of the quorum port: chunks become packets, packets become one write per turn. The same on
// both sides. What the packets mean: leader_port.ts and learner_port.ts.

import { isFault } from "../base/errors.ts";
import type { Zxid } from "../base/ids.ts";
import { Output } from "../codec/output.ts";
import type { Link } from "../ports.ts";
import type { QuorumPacket } from "../records/quorum.ts";
import { writeQuorumPacket } from "../records/quorum.ts";
import { PacketType } from "../txn/opcodes.ts";
import { PacketReader, type SnapshotPart } from "../wire/learner.ts";
import { writeBare } from "../wire/payloads.ts";

/** More than this unsent, and the other side reads too slowly to be served. */
export const UNSENT_MAX = 256 << 20;

export interface PacketEars {
  packet(packet: QuorumPacket): void;
  part(part: SnapshotPart): void;
  /** Bytes came, or are read at last: packets may follow now. */
  heard(): void;
  /** Everything written has left, after a write had to wait. */
  drained(): void;
  /** The last call: the link is gone, closed by the other side or for its bytes. */
  closed(why: string): void;
}

export class PacketLink {
  readonly remote: string;
  readonly out = new Output(4096);
  /** For operators: packets either way, requests among them, and the newest zxid sent. */
  readonly counts = { received: 0, sent: 0, requests: 0, lastZxid: 0n };
  readonly #link: Link;
  readonly #ears: PacketEars;
  readonly #reader: PacketReader;
  #isHeld = false;
  #isReading = false;
  #isClosed = false;
  #isFull = false;
  #written = 0;

  /** `limit`: longest buffer or string believed. */
  constructor(link: Link, limit: number, ears: PacketEars) {
    this.#link = link;
    this.#ears = ears;
    const { host, port } = link.remote;
    this.remote = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    this.#reader = new PacketReader(limit, this.remote);
  }

  /** Begins to read. */
  attach(): void {
    this.#link.attach({
      bytes: (chunk) => {
        if (this.#isClosed) return;
        this.#reader.push(chunk);
        this.#ears.heard();
        this.#read();
      },
      drained: () => {
        this.#isFull = false;
        if (!this.#isClosed) this.#ears.drained();
      },
      closed: (why) => this.#lost(why === null ? "closed by the other side" : why.message),
    });
  }

  /** Bytes that the other side has not taken yet. */
  get queuedBytes(): number {
    return this.out.size + this.#link.queued;
  }

  /** Of what was written: what the other side has not taken, and what it has. */
  get backlog(): number {
    return this.#link.queued;
  }

  get taken(): number {
    return this.#written - this.#link.queued;
  }

  /** What was written waits for the other side: `drained` will say so. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** The next bytes are a snapshot. */
  expectSnapshot(): void {
    this.#reader.expectSnapshot();
  }

  /** True: what comes waits, for the link as for the reader. */
  hold(on: boolean): void {
    if (this.#isHeld === on || this.#isClosed) return;
    this.#isHeld = on;
    this.#link.hold(on);
    if (on) return;
    this.#ears.heard();
    this.#read();
  }

  send(packet: QuorumPacket): void {
    this.counts.sent += 1;
    this.counts.lastZxid = packet.zxid;
    if (packet.data === null && packet.authinfo === null) {
      writeBare(this.out, packet.type as PacketType, packet.zxid);
    } else {
      writeQuorumPacket(this.out, packet);
    }
  }

  /** Sends what was written since the last time. False: better wait for `drained`. */
  flush(): boolean {
    if (this.#isClosed || this.out.size === 0) return !this.#isFull;
    this.#written += this.out.size;
    if (!this.#link.write(this.out.take())) this.#isFull = true;
    if (this.#link.queued > UNSENT_MAX) this.#lost("it reads too slowly");
    return !this.#isFull;
  }

  /** Closes at once; nothing is heard afterwards. */
  destroy(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#link.destroy();
  }

  /** Sends what is left, then closes; nothing is heard afterwards. */
  end(): void {
    if (this.#isClosed) return;
    if (this.out.size > 0) this.#link.write(this.out.take());
    this.#isClosed = true;
    this.#link.end();
  }

  #read(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      while (!this.#isHeld && !this.#isClosed && this.#next());
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#lost(error.message);
    }
    this.#isReading = false;
  }

  /** Hands on what comes next; false when it is not all here. */
  #next(): boolean {
    const reader = this.#reader;
    if (reader.inSnapshot) {
      const part = reader.nextSnapshotPart();
      if (part === null) return false;
      this.#ears.part(part);
      return true;
    }
    const type = reader.bare();
    if (type !== 0) {
      const zxid = zxidOfWords(reader.hi, reader.lo);
      this.counts.received += 1;
      this.#ears.packet({ type, zxid, data: null, authinfo: null });
      return true;
    }
    const packet = reader.next();
    if (packet === null) return false;
    this.counts.received += 1;
    if (packet.type === PacketType.REQUEST) this.counts.requests += 1;
    this.#ears.packet(packet);
    return true;
  }

  #lost(why: string): void {
    if (this.#isClosed) return;
    this.destroy();
    this.#ears.closed(why);
  }
}

const zxidOfWords = (hi: number, lo: number): Zxid => (BigInt(hi) << 32n) | BigInt(lo >>> 0);
