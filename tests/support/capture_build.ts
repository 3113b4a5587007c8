// Builds capture files from scripted TCP conversations, and damages them by seed: the ground truth
// for the decoder's tests. Deterministic: the same script and seed give the same bytes.

/** One packet before it gets its file's record header; `time` in ns. */
export interface Frame {
  time: number;
  bytes: Uint8Array;
  /** Length on the wire, when the capture cut it. */
  wireLength?: number;
}

/** A small seeded generator (mulberry32): numbers in [0, n). */
export function seeded(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * n);
  };
}

export const TCP_FLAGS = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

export interface Tcp {
  /** `10.0.0.1` or eight hex groups of IPv6. */
  from: string;
  to: string;
  fromPort: number;
  toPort: number;
  seq: number;
  ack: number;
  flags: number;
  payload?: Uint8Array;
}

export function put(...parts: (number[] | Uint8Array)[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export const b16 = (n: number): number[] => [(n >>> 8) & 255, n & 255];
export const b32 = (n: number): number[] => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
export const l16 = (n: number): number[] => b16(n).reverse();
export const l32 = (n: number): number[] => b32(n).reverse();

/** A connect request without a session, and the answer that gives it {@link SESSION}. */
export const HELLO = put(
  b32(45),
  b32(0),
  new Uint8Array(8),
  b32(30_000),
  new Uint8Array(8),
  b32(16),
  new Uint8Array(17),
);
export const WELCOME = put(
  b32(37),
  b32(0),
  b32(30_000),
  b32(0x01000000),
  b32(1),
  b32(16),
  new Uint8Array(17),
);
export const SESSION = 0x0100_0000_0000_0001n;

function tcpBytes(tcp: Tcp): Uint8Array {
  const { fromPort, toPort, seq, ack, flags, payload = new Uint8Array(0) } = tcp;
  return put(
    b16(fromPort),
    b16(toPort),
    b32(seq),
    b32(ack),
    [0x50, flags, 0xff, 0xff, 0, 0, 0, 0],
    payload,
  );
}

const v4 = (text: string): number[] => text.split(".").map(Number);
const v6 = (text: string): number[] => text.split(":").flatMap((group) => b16(parseInt(group, 16)));

/** An IPv4 or IPv6 packet around any payload. */
export function ipBytes(from: string, to: string, protocol: number, body: Uint8Array): Uint8Array {
  if (from.includes(":")) {
    return put([0x60, 0, 0, 0], b16(body.length), [protocol, 64], v6(from), v6(to), body);
  }
  const head = [0x45, 0, ...b16(body.length + 20), 0, 0, 0x40, 0, 64, protocol, 0, 0];
  return put(head, v4(from), v4(to), body);
}

export const ipPacket = (tcp: Tcp): Uint8Array => ipBytes(tcp.from, tcp.to, 6, tcpBytes(tcp));

/** An IPv4 packet as fragments of at most `size` payload bytes (a multiple of 8). */
export function ipFragments(tcp: Tcp, size: number, id: number): Uint8Array[] {
  const body = tcpBytes(tcp);
  const fragments: Uint8Array[] = [];
  for (let at = 0; at < body.length; at += size) {
    const piece = body.subarray(at, at + size);
    const more = at + size < body.length ? 0x2000 : 0;
    const head = [0x45, 0, ...b16(piece.length + 20), ...b16(id), ...b16(more | (at / 8))];
    fragments.push(put(head, [64, 6, 0, 0], v4(tcp.from), v4(tcp.to), piece));
  }
  return fragments;
}

/** Ethernet around an IP packet, with any VLAN tags ([0x8100, id] pairs). */
export function ethernet(ip: Uint8Array, tags: [number, number][] = []): Uint8Array {
  const type = ip[0] >> 4 === 6 ? 0x86dd : 0x0800;
  const tagged = tags.flatMap(([tag, id]) => [...b16(tag), ...b16(id)]);
  return put([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2], tagged, b16(type), ip);
}

export interface PcapOptions {
  linkType?: number;
  big?: boolean;
  nano?: boolean;
  /** Seconds since 1970 at which frame time 0 lies. */
  epoch?: number;
}

/** A classic capture file. */
export function pcapFile(frames: readonly Frame[], options: PcapOptions = {}): Uint8Array {
  const { linkType = 1, big = false, nano = false, epoch = 1_700_000_000 } = options;
  const w16 = big ? b16 : l16;
  const w32 = big ? b32 : l32;
  const magic = nano ? 0xa1b23c4d : 0xa1b2c3d4;
  const head = [w32(magic), w16(2), w16(4), w32(0), w32(0), w32(262144), w32(linkType)];
  const records = frames.flatMap(({ time, bytes, wireLength }) => {
    const seconds = Math.floor(time / 1e9);
    const rest = time - seconds * 1e9;
    const fraction = nano ? rest : Math.floor(rest / 1000);
    const lengths = [w32(bytes.length), w32(wireLength ?? bytes.length)];
    return [[...w32(epoch + seconds), ...w32(fraction), ...lengths.flat()], bytes];
  });
  return put(...head, ...records);
}

export interface PcapngOptions {
  big?: boolean;
  /** One entry per interface: link type, and time resolution as in the file (6 = µs, 9 = ns). */
  interfaces?: { linkType: number; resolution: number }[];
  epoch?: number;
}

/** A pcapng file; frame i goes to interface i modulo their number. */
export function pcapngFile(frames: readonly Frame[], options: PcapngOptions = {}): Uint8Array {
  const { big = false, interfaces = [{ linkType: 1, resolution: 6 }], epoch = 1_700_000_000 } =
    options;
  const w16 = big ? b16 : l16;
  const w32 = big ? b32 : l32;
  const block = (type: number[], body: Uint8Array): Uint8Array => {
    const padded = (body.length + 3) & ~3;
    const size = w32(padded + 12);
    return put(type, size, body, new Uint8Array(padded - body.length), size);
  };
  const section = block(
    b32(0x0a0d0d0a),
    put(w32(0x1a2b3c4d), w16(1), w16(0), b32(0xffffffff), b32(0xffffffff)),
  );
  const described = interfaces.map(({ linkType, resolution }) =>
    block(
      w32(1),
      put(w16(linkType), w16(0), w32(262144), w16(9), w16(1), [resolution, 0, 0, 0], w32(0)),
    )
  );
  const unknown = block(w32(0x0bad), put([1, 2, 3]));
  const packets = frames.map(({ time, bytes, wireLength }, index) => {
    const which = index % interfaces.length;
    const perSecond = 10n ** BigInt(interfaces[which].resolution);
    const ns = BigInt(epoch) * 1_000_000_000n + BigInt(time);
    const units = ns * perSecond / 1_000_000_000n;
    const [high, low] = [Number(units >> 32n), Number(units & 0xffffffffn)];
    const lengths = [...w32(bytes.length), ...w32(wireLength ?? bytes.length)];
    return block(w32(6), put(w32(which), w32(high), w32(low), lengths, bytes));
  });
  return put(section, ...described, unknown, ...packets);
}

/** One TCP conversation being written: says what each end sends, keeps the numbers right. */
export class Conversation {
  readonly frames: Frame[] = [];
  readonly ends: readonly [string, number][];
  readonly #next: number[];
  readonly #wrap: (ip: Uint8Array) => Uint8Array;
  readonly #segmentMax: number;
  time: number;

  constructor(
    client: [string, number],
    server: [string, number],
    options: {
      time?: number;
      isn?: [number, number];
      segmentMax?: number;
      wrap?: (ip: Uint8Array) => Uint8Array;
    } = {},
  ) {
    this.ends = [client, server];
    this.#next = [...(options.isn ?? [1000, 900_000])];
    this.#wrap = options.wrap ?? ethernet;
    this.#segmentMax = options.segmentMax ?? 1448;
    this.time = options.time ?? 0;
  }

  #packet(side: 0 | 1, flags: number, payload?: Uint8Array): void {
    const [from, to] = side === 0 ? this.ends : [this.ends[1], this.ends[0]];
    const ip = ipPacket({
      from: from[0],
      to: to[0],
      fromPort: from[1],
      toPort: to[1],
      seq: this.#next[side],
      ack: (flags & TCP_FLAGS.ack) === 0 ? 0 : this.#next[side ^ 1],
      flags,
      payload,
    });
    this.frames.push({ time: this.time, bytes: this.#wrap(ip) });
    this.time += 10_000;
    const length = (payload?.length ?? 0) + ((flags & 3) === 0 ? 0 : 1);
    this.#next[side] = (this.#next[side] + length) >>> 0;
  }

  open(): this {
    this.#packet(0, TCP_FLAGS.syn);
    this.#packet(1, TCP_FLAGS.syn | TCP_FLAGS.ack);
    this.#packet(0, TCP_FLAGS.ack);
    return this;
  }

  /** Sends bytes in segments of at most `segmentMax`; the other end acknowledges the last. */
  send(side: 0 | 1, bytes: Uint8Array, acked = true): this {
    for (let at = 0; at < bytes.length; at += this.#segmentMax) {
      const piece = bytes.subarray(at, at + this.#segmentMax);
      this.#packet(side, TCP_FLAGS.psh | TCP_FLAGS.ack, piece);
    }
    if (acked) this.#packet((side ^ 1) as 0 | 1, TCP_FLAGS.ack);
    return this;
  }

  wait(ns: number): this {
    this.time += ns;
    return this;
  }

  close(): this {
    this.#packet(0, TCP_FLAGS.fin | TCP_FLAGS.ack);
    this.#packet(1, TCP_FLAGS.fin | TCP_FLAGS.ack);
    this.#packet(0, TCP_FLAGS.ack);
    return this;
  }

  reset(side: 0 | 1): this {
    this.#packet(side, TCP_FLAGS.rst | TCP_FLAGS.ack);
    return this;
  }
}

/** The frames of several conversations in order of time. */
export const merged = (...conversations: Conversation[]): Frame[] =>
  conversations.flatMap((one) => one.frames).sort((a, b) => a.time - b.time);

export type Damage = "lose" | "duplicate" | "reorder" | "cut" | "midstart";
export const DAMAGES: readonly Damage[] = ["lose", "duplicate", "reorder", "cut", "midstart"];

/** The frames as a worse capture point would have had them. */
export function damage(frames: readonly Frame[], kind: Damage, seed: number): Frame[] {
  const random = seeded(seed * 7919 + 17);
  const out: Frame[] = [];
  const from = kind === "midstart" ? 1 + random(Math.max(1, frames.length - 1)) : 0;
  for (const frame of frames.slice(from)) {
    const hit = random(20) === 0;
    if (!hit) out.push(frame);
    else if (kind === "duplicate") out.push(frame, frame);
    else if (kind === "cut") {
      const keep = 54 + random(Math.max(1, frame.bytes.length - 54));
      const wireLength = frame.wireLength ?? frame.bytes.length;
      out.push({ ...frame, bytes: frame.bytes.subarray(0, keep), wireLength });
    } else if (kind === "reorder") {
      out.splice(Math.max(0, out.length - 1 - random(4)), 0, frame);
    } else if (kind !== "lose") out.push(frame);
  }
  return out;
}
