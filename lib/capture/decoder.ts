// From the bytes of a capture to messages and stories: ties reading, reassembly, recognition and the
// talks together. Pure: bytes in, calls to a listener out.

import { Conn, Context, type Counter, type Listener } from "./context.ts";
import type { Flow, Side } from "./flows.ts";
import { Guess } from "./guess.ts";
import { IpReader } from "./ip.ts";
import type { Skipped } from "./link.ts";
import type { Protocol } from "./message.ts";
import { CaptureReader, type Packet } from "./pcap.ts";
import { type CloseReason, type LossReason, TcpReader, type TcpSink } from "./tcp.ts";
import { Understanding } from "./understanding.ts";

export interface DecoderOptions {
  /** Ports to take as a hint besides the usual ones. */
  readonly ports?: ReadonlyMap<number, Protocol>;
}

const USUAL_PORTS: ReadonlyMap<number, Protocol> = new Map<number, Protocol>([
  [2181, "client"],
  [2888, "quorum"],
  [3888, "election"],
  [8080, "http"],
]);

/** More IPv6 addresses than this are not known at a time: twice what all flows may have. */
const ADDRESSES_MAX = 1 << 18;
/** Connections that are over and may still be recognised. */
const RIDDLES_MAX = 256;

/** What the capture itself was like. */
export interface CaptureFacts {
  /** Wall clock of the first packet, nanoseconds since 1970. */
  readonly origin: bigint;
  /** Time of the last packet, nanoseconds after the first. */
  readonly end: number;
  readonly packets: number;
  readonly bytes: number;
  readonly connections: number;
  readonly messages: number;
  /** Payload bytes handed to a protocol, missing, there but unreadable, of other protocols. */
  readonly payload: number;
  readonly lost: number;
  readonly unreadable: number;
  readonly unknown: number;
  readonly skipped: ReadonlyMap<Skipped, number>;
  /** Bytes of an unfinished last record of the file. */
  readonly leftOver: number;
}

export class Decoder implements TcpSink {
  readonly context: Context;
  readonly story: Understanding;
  readonly #reader: CaptureReader;
  readonly #ip = new IpReader();
  readonly #tcp: TcpReader;
  readonly #conns = new Map<Flow, Conn>();
  readonly #ports: ReadonlyMap<number, Protocol>;
  readonly #skipped = new Map<Skipped, number>();
  readonly #riddles: { conn: Conn; why: CloseReason; time: number }[] = [];
  #lastFlow: Flow | null = null;
  #lastConn: Conn | null = null;
  #connections = 0;
  #bytes = 0;
  #now = 0;
  #packets = 0;
  #payload = 0;
  #lost = 0;
  #unreadable = 0;
  #unknown = 0;
  #leftOver = 0;

  /** Without a `listener` nothing is made but counts: several times faster. */
  constructor(listener: Listener | null, counter: Counter | null, options: DecoderOptions = {}) {
    this.context = new Context(listener, counter);
    this.story = new Understanding(this.context);
    this.#tcp = new TcpReader(this);
    this.#ports = new Map([...USUAL_PORTS, ...(options.ports ?? [])]);
    this.#reader = new CaptureReader({ packet: (packet) => this.packet(packet) });
  }

  /** Wall clock of the first packet, nanoseconds since 1970; null before it. */
  get origin(): bigint | null {
    return this.#reader.origin;
  }

  get packets(): number {
    return this.#packets;
  }

  /** Decodes what ends in this piece of the capture file. Faults: BAD_MAGIC, CORRUPT. */
  push(chunk: Uint8Array): void {
    this.#reader.push(chunk);
  }

  /** One file of the capture is over; another may follow. */
  endFile(): void {
    this.#leftOver += this.#reader.end();
  }

  /** One packet, for captures that come from elsewhere than a file. */
  packet(packet: Packet): void {
    const { time } = packet;
    this.#bytes += packet.end - packet.start;
    this.#packets += 1;
    if (time > this.#now) {
      this.#now = time;
      this.story.tick(time);
    }
    const why = this.#ip.read(packet);
    if (why === null) this.#tcp.segment(this.#ip.segment);
    else this.#skipped.set(why, (this.#skipped.get(why) ?? 0) + 1);
  }

  /** The capture is over: what was held back is given out. */
  end(): void {
    this.endFile();
    this.#tcp.end();
    while (this.#riddles.length > 0) this.#answerOldest();
    this.story.end(this.#now);
  }

  facts(): CaptureFacts {
    let [lost, unreadable] = [this.#lost, this.#unreadable];
    for (const conn of this.#conns.values()) {
      lost += conn.lost;
      unreadable += conn.unreadable;
    }
    return {
      origin: this.#reader.origin ?? 0n,
      end: this.#now,
      packets: this.#packets,
      bytes: this.#bytes,
      connections: this.#connections,
      messages: this.context.messages,
      payload: this.#payload,
      lost,
      unreadable,
      unknown: this.#unknown,
      skipped: this.#skipped,
      leftOver: this.#leftOver,
    };
  }

  // ---- TcpSink ------------------------------------------------------------------------------------

  opened(flow: Flow): void {
    this.#connections += 1;
    if (this.#ip.addresses.size > ADDRESSES_MAX) this.#forgetAddresses();
    const conn = new Conn(this.#connections, flow, this.#ip.addresses);
    conn.talk = new Guess(conn, this.context, this.story, this.#hint(flow));
    this.#conns.set(flow, conn);
  }

  #forgetAddresses(): void {
    const used = new Set<number>();
    for (const { isV6, addresses } of this.#tcp.flows.all()) {
      if (isV6) used.add(addresses[0]).add(addresses[1]);
    }
    this.#ip.addresses.keep(used);
  }

  #hint(flow: Flow): Protocol | null {
    return this.#ports.get(flow.ports[1]) ?? this.#ports.get(flow.ports[0]) ?? null;
  }

  #conn(flow: Flow): Conn | null {
    if (flow !== this.#lastFlow) {
      this.#lastFlow = flow;
      this.#lastConn = this.#conns.get(flow) ?? null;
    }
    return this.#lastConn;
  }

  data(flow: Flow, side: Side, bytes: Uint8Array, start: number, end: number, time: number): void {
    const conn = this.#conn(flow);
    if (conn === null) return;
    conn.bytes += end - start;
    this.#payload += end - start;
    conn.talk?.data(side, bytes, start, end, time);
  }

  lost(flow: Flow, side: Side, length: number, why: LossReason, time: number): void {
    this.#conn(flow)?.talk?.lost(side, length, why, time);
  }

  ended(): void {}

  closed(flow: Flow, why: CloseReason, time: number): void {
    const conn = this.#conn(flow);
    if (conn === null) return;
    const riddles = this.context.riddles.length;
    conn.talk?.close(time, why);
    if (this.context.riddles.length > riddles) {
      this.#riddles.push({ conn, why, time });
      if (this.#riddles.length > RIDDLES_MAX) this.#answerOldest();
    } else this.#over(conn, why, time);
    this.#conns.delete(flow);
    this.#lastFlow = null;
    this.#lastConn = null;
  }

  /** What is known by now must do for the riddle that has waited longest. */
  #answerOldest(): void {
    const riddle = this.context.riddles.shift();
    const over = this.#riddles.shift();
    if (riddle === undefined || over === undefined) return;
    if (!riddle.resolve(over.time, over.why)) riddle.giveUp();
    this.#over(over.conn, over.why, over.time);
  }

  #over(conn: Conn, why: CloseReason, time: number): void {
    if (conn.protocol === "unknown") this.#unknown += conn.bytes;
    this.#lost += conn.lost;
    this.#unreadable += conn.unreadable;
    if (conn.bytes === 0 && conn.lost === 0) return;
    this.context.tell({
      type: "connection",
      time,
      what: "closed",
      connection: conn.id,
      protocol: conn.protocol,
      from: conn.client,
      to: conn.server,
      why,
      messages: conn.messages,
      bytes: conn.bytes,
      lost: conn.lost,
    });
  }
}
