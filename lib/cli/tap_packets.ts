// What passes a tap, as packets of a capture: raw IP with TCP around each piece, so that the decoder
// meets a live proxy exactly as it meets a file. Sequence numbers count bytes, nothing is ever lost.

import type { Packet } from "../capture/pcap.ts";

interface End {
  readonly host: string;
  readonly port: number;
}

const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;
/** A piece is cut so that its IP length fits; bytes of the headers: IPv6 40, TCP 20. */
const PIECE_MAX = 60_000;
const RAW_IP = 101;

/** How much may wait to be decoded before passing on has to wait for decoding. */
const WAITING_MAX = 64 << 20;

export class TapPackets {
  readonly #show: (packet: Packet) => void;
  /** Packets seen and not yet decoded: decoding is done when nothing passes. */
  #waiting: Packet[] = [];
  #waitingBytes = 0;
  #isDecoding = false;
  /** Wall clock of the beginning, nanoseconds since 1970. */
  readonly origin: bigint;
  readonly #start: number;

  constructor(show: (packet: Packet) => void) {
    this.#show = show;
    this.origin = BigInt(Date.now()) * 1_000_000n;
    this.#start = performance.now();
  }

  open(client: End, server: End): TapFlow {
    const now = (): number => (performance.now() - this.#start) * 1e6;
    return new TapFlow((packet) => this.#keep(packet), now, client, server);
  }

  #keep(packet: Packet): void {
    this.#waiting.push(packet);
    this.#waitingBytes += packet.end;
    if (this.#waitingBytes > WAITING_MAX) this.decode(Number.POSITIVE_INFINITY);
  }

  /**
   * Decodes what waits in slices of so many milliseconds, one at a time however often this is asked
   * for; calls `done` when nothing waits any more.
   */
  decodeSliced(sliceMs: number, done: () => void): void {
    if (this.#isDecoding) return;
    this.#isDecoding = true;
    const slice = (): void => {
      if (!this.decode(sliceMs)) {
        setImmediate(slice);
        return;
      }
      this.#isDecoding = false;
      done();
    };
    slice();
  }

  /** Decodes what waits, for so many milliseconds at most; true when nothing waits any more. */
  decode(budgetMs: number): boolean {
    const until = performance.now() + budgetMs;
    let done = 0;
    for (const packet of this.#waiting) {
      this.#show(packet);
      this.#waitingBytes -= packet.end;
      done += 1;
      if (performance.now() > until) break;
    }
    this.#waiting = done === this.#waiting.length ? [] : this.#waiting.slice(done);
    return this.#waiting.length === 0;
  }
}

export class TapFlow {
  readonly #show: (packet: Packet) => void;
  readonly #now: () => number;
  readonly #client: End;
  #server: End;
  readonly #seq: [number, number] = [0, 0];
  #isOpen = false;
  /** What the client said before the server's side was there, and whether that was all. */
  #early: Uint8Array[] = [];
  #isEarlyEnd = false;

  constructor(show: (packet: Packet) => void, now: () => number, client: End, server: End) {
    this.#show = show;
    this.#now = now;
    this.#client = client;
    this.#server = server;
  }

  /** The server's address, where a name was given. */
  serverIs(host: string): void {
    this.#server = { host, port: this.#server.port };
  }

  begin(): void {
    this.#isOpen = true;
    this.#packet(0, SYN, NOTHING);
    this.#packet(1, SYN | ACK, NOTHING);
    this.#packet(0, ACK, NOTHING);
    for (const bytes of this.#early) this.data(0, bytes);
    this.#early = [];
    if (this.#isEarlyEnd) this.end(0);
  }

  data(side: 0 | 1, bytes: Uint8Array): void {
    if (!this.#isOpen) {
      this.#early.push(bytes);
      return;
    }
    for (let at = 0; at < bytes.length; at += PIECE_MAX) {
      this.#packet(side, ACK, bytes.subarray(at, at + PIECE_MAX));
    }
  }

  end(side: 0 | 1): void {
    if (this.#isOpen) this.#packet(side, FIN | ACK, NOTHING);
    else this.#isEarlyEnd = true;
  }

  reset(): void {
    if (this.#isOpen) this.#packet(1, RST, NOTHING);
    this.#isOpen = false;
  }

  #packet(side: 0 | 1, flags: number, payload: Uint8Array): void {
    const [from, to] = side === 0 ? [this.#client, this.#server] : [this.#server, this.#client];
    const bytes = ipPacket(from, to, this.#seq[side], this.#seq[side ^ 1], flags, payload);
    const time = this.#now();
    const { length } = bytes;
    this.#show({ bytes, start: 0, end: length, wireLength: length, linkType: RAW_IP, time });
    const counted = payload.length + ((flags & (SYN | FIN)) === 0 ? 0 : 1);
    this.#seq[side] = (this.#seq[side] + counted) >>> 0;
  }
}

const NOTHING = new Uint8Array(0);

function ipPacket(
  from: End,
  to: End,
  seq: number,
  ack: number,
  flags: number,
  payload: Uint8Array,
): Uint8Array {
  const source = addressBytes(from.host);
  const target = addressBytes(to.host);
  const isV6 = source.length === 16 || target.length === 16;
  const head = isV6 ? 40 : 20;
  const bytes = new Uint8Array(head + 20 + payload.length);
  const view = new DataView(bytes.buffer);
  if (isV6) {
    view.setUint32(0, 0x60000000);
    view.setUint16(4, 20 + payload.length);
    view.setUint16(6, 0x0640);
    bytes.set(mapped(source), 8);
    bytes.set(mapped(target), 24);
  } else {
    view.setUint16(0, 0x4500);
    view.setUint16(2, bytes.length);
    view.setUint16(8, 0x4006);
    bytes.set(source, 12);
    bytes.set(target, 16);
  }
  view.setUint16(head, from.port);
  view.setUint16(head + 2, to.port);
  view.setUint32(head + 4, seq);
  view.setUint32(head + 8, (flags & ACK) === 0 ? 0 : ack);
  view.setUint16(head + 12, 0x5000 | flags);
  bytes.set(payload, head + 20);
  return bytes;
}

/** An IPv4 address as IPv6 writes it. */
function mapped(address: Uint8Array): Uint8Array {
  if (address.length === 16) return address;
  const whole = new Uint8Array(16);
  whole.set([0xff, 0xff], 10);
  whole.set(address, 12);
  return whole;
}

function addressBytes(host: string): Uint8Array {
  const v4 = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(host);
  if (v4 !== null) return Uint8Array.from(v4.slice(1).map(Number));
  const [left, right] = host.replace(/%.*/, "").split("::");
  const groups = (text: string | undefined): number[] =>
    text === undefined || text === "" ? [] : text.split(":").map((group) => parseInt(group, 16));
  const [before, after] = [groups(left), groups(right)];
  const middle = new Array<number>(Math.max(0, 8 - before.length - after.length)).fill(0);
  return Uint8Array.from(
    [...before, ...middle, ...after].flatMap((group) => [group >> 8, group & 255]),
  );
}
