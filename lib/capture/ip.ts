// From a captured packet to a TCP segment: IPv4 with fragments, IPv6 with extension headers. One
// Segment object is filled again and again; addresses become small numbers so that a flow is found
// by comparing integers.

import { i32, u16 } from "./bytes.ts";
import { Fragments } from "./fragments.ts";
import { networkOffset, type Skipped } from "./link.ts";
import type { Packet } from "./pcap.ts";

/** A TCP segment; valid only while its packet is. */
export interface Segment {
  /** IPv4: the address itself. IPv6: its number in the {@link AddressBook}. */
  source: number;
  target: number;
  isV6: boolean;
  sourcePort: number;
  targetPort: number;
  /** 32-bit wire values, signed. */
  seq: number;
  ack: number;
  flags: number;
  bytes: Uint8Array;
  /** The payload that was captured. */
  start: number;
  end: number;
  /** The payload that was sent; more than was captured when the packet was cut. */
  wireLength: number;
  /** Nanoseconds after the first packet. */
  time: number;
}

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const ACK = 0x10;

const TCP = 6;
const IPV6_FRAGMENT = 44;
const IPV6_AUTHENTICATION = 51;
const IPV6_ENCRYPTED = 50;
/** Hop-by-hop, routing, destination options, mobility, HIP, shim6. */
const IPV6_EXTENSIONS = new Set([0, 43, 60, 135, 139, 140]);

/** Numbers for IPv6 addresses, by open addressing over their four words. */
export class AddressBook {
  #words = new Int32Array(4 * 64);
  #slots = new Int32Array(128).fill(-1);
  #count = 0;
  /** Numbers whose addresses were forgotten. */
  #free: number[] = [];

  /** Addresses known at present. */
  get size(): number {
    return this.#count - this.#free.length;
  }

  /** Forgets all addresses but those of these numbers; the others' numbers are given again. */
  keep(numbers: ReadonlySet<number>): void {
    this.#free = [];
    this.#slots.fill(-1);
    for (let number = this.#count - 1; number >= 0; number--) {
      if (numbers.has(number)) this.#place(number, this.#slots);
      else this.#free.push(number);
    }
  }

  numberOf(bytes: Uint8Array, at: number): number {
    const a = i32(bytes, at);
    const b = i32(bytes, at + 4);
    const c = i32(bytes, at + 8);
    const d = i32(bytes, at + 12);
    const mask = this.#slots.length - 1;
    let slot = hashOf(a, b, c, d) & mask;
    for (;; slot = (slot + 1) & mask) {
      const found = this.#slots[slot];
      if (found === -1) break;
      const w = found * 4;
      const words = this.#words;
      if (words[w] === a && words[w + 1] === b && words[w + 2] === c && words[w + 3] === d) {
        return found;
      }
    }
    const number = this.#free.pop() ?? this.#count++;
    if (number * 4 === this.#words.length) this.#grow();
    this.#words.set([a, b, c, d], number * 4);
    if (this.#count * 2 > this.#slots.length) this.#rehash();
    else this.#slots[slot] = number;
    return number;
  }

  text(number: number): string {
    const groups: number[] = [];
    for (let i = 0; i < 4; i++) {
      const word = this.#words[number * 4 + i];
      groups.push(word >>> 16, word & 0xffff);
    }
    return v6Text(groups);
  }

  #grow(): void {
    const wider = new Int32Array(this.#words.length * 2);
    wider.set(this.#words);
    this.#words = wider;
  }

  /** Only when no number is free: then all are in use. */
  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2).fill(-1);
    for (let number = 0; number < this.#count; number++) this.#place(number, slots);
    this.#slots = slots;
  }

  #place(number: number, slots: Int32Array): void {
    const mask = slots.length - 1;
    const [a, b, c, d] = this.#words.subarray(number * 4, number * 4 + 4);
    let slot = hashOf(a, b, c, d) & mask;
    while (slots[slot] !== -1) slot = (slot + 1) & mask;
    slots[slot] = number;
  }
}

const hashOf = (a: number, b: number, c: number, d: number): number =>
  Math.imul(a ^ Math.imul(b, 31) ^ Math.imul(c, 961) ^ d, 0x9e3779b1) >>> 7;

/** The eight groups of an IPv6 address, longest run of zeros shortened. */
export function v6Text(groups: readonly number[]): string {
  const full = groups.map((group) => group.toString(16)).join(":");
  const runs = full.match(/(?:^|:)0(?::0)+(?=:|$)/g) ?? [];
  const longest = runs.reduce((a, b) => (b.length > a.length ? b : a), "");
  if (longest === "") return full;
  const at = full.indexOf(longest);
  const tail = full.slice(at + longest.length);
  return `${full.slice(0, at)}${tail === "" ? "::" : `:${tail}`}`;
}

/** Dotted form of an IPv4 address. */
export const v4Text = (address: number): string =>
  `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;

export class IpReader {
  readonly addresses = new AddressBook();
  readonly segment: Segment = {
    source: 0,
    target: 0,
    isV6: false,
    sourcePort: 0,
    targetPort: 0,
    seq: 0,
    ack: 0,
    flags: 0,
    bytes: new Uint8Array(0),
    start: 0,
    end: 0,
    wireLength: 0,
    time: 0,
  };
  readonly #fragments = new Fragments();

  /** Fragments that never found their fellows so far. */
  get fragmentsLost(): number {
    return this.#fragments.lost;
  }

  /** Fills {@link segment} and returns null, or says why the packet holds no segment. */
  read(packet: Packet): Skipped | null {
    const { bytes, start, end } = packet;
    const at = networkOffset(packet.linkType, bytes, start, end);
    if (typeof at !== "number") return at;
    if (end - at < 20) return "cut";
    this.segment.time = packet.time;
    const version = bytes[at] >>> 4;
    const onWire = packet.wireLength - (at - start);
    if (version === 4) return this.#v4(bytes, at, end, onWire);
    if (version === 6) return this.#v6(bytes, at, end, onWire);
    return "malformed";
  }

  #v4(bytes: Uint8Array, at: number, captureEnd: number, onWire: number): Skipped | null {
    const headerLength = (bytes[at] & 15) * 4;
    // Zero is what segmentation offload leaves in packets of more than 64 KiB.
    const total = u16(bytes, at + 2) || onWire;
    if (headerLength < 20 || total < headerLength) return "malformed";
    if (bytes[at + 9] !== TCP) return "not tcp";
    const segment = this.segment;
    segment.isV6 = false;
    segment.source = i32(bytes, at + 12);
    segment.target = i32(bytes, at + 16);
    const length = total - headerLength;
    const body = at + headerLength;
    const end = Math.min(captureEnd, at + total);
    const fragment = u16(bytes, at + 6) & 0x3fff;
    if (fragment === 0) return this.#tcp(bytes, body, end, length);
    const key = `4 ${segment.source} ${segment.target} ${u16(bytes, at + 4)}`;
    const isLast = (fragment & 0x2000) === 0;
    return this.#fragment(key, bytes, body, end, length, (fragment & 0x1fff) * 8, isLast);
  }

  #v6(bytes: Uint8Array, at: number, captureEnd: number, onWire: number): Skipped | null {
    if (captureEnd - at < 40) return "cut";
    const payload = u16(bytes, at + 4);
    const total = payload === 0 ? onWire : payload + 40;
    const end = Math.min(captureEnd, at + total);
    const segment = this.segment;
    segment.isV6 = true;
    let next = bytes[at + 6];
    let body = at + 40;
    for (;;) {
      if (next === TCP) {
        return this.#numbered(this.#tcp(bytes, body, end, at + total - body), bytes, at);
      }
      if (next === IPV6_ENCRYPTED) return "encrypted";
      const isFragment = next === IPV6_FRAGMENT;
      if (!isFragment && !IPV6_EXTENSIONS.has(next) && next !== IPV6_AUTHENTICATION) {
        return "not tcp";
      }
      if (end - body < 8) return "cut";
      if (isFragment) {
        const field = u16(bytes, body + 2);
        const isLast = (field & 1) === 0;
        if ((field & 0xfff9) !== 0) {
          if (bytes[body] !== TCP) return "not tcp";
          const key = `6 ${bytes.subarray(at + 8, at + 40).join()} ${i32(bytes, body + 4)}`;
          const length = at + total - body - 8;
          const why = this.#fragment(key, bytes, body + 8, end, length, field & 0xfff8, isLast);
          return this.#numbered(why, bytes, at);
        }
      }
      const units = isFragment
        ? 8
        : next === IPV6_AUTHENTICATION
        ? (bytes[body + 1] + 2) * 4
        : (bytes[body + 1] + 1) * 8;
      next = bytes[body];
      body += units;
    }
  }

  /** Only who speaks TCP gets a number: others come in any number. */
  #numbered(why: Skipped | null, bytes: Uint8Array, at: number): Skipped | null {
    if (why !== null) return why;
    this.segment.source = this.addresses.numberOf(bytes, at + 8);
    this.segment.target = this.addresses.numberOf(bytes, at + 24);
    return null;
  }

  #fragment(
    key: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    length: number,
    offset: number,
    isLast: boolean,
  ): Skipped | null {
    if (end - start < length) return "cut";
    const piece = bytes.subarray(start, end);
    const whole = this.#fragments.add(key, piece, offset, isLast, this.segment.time);
    return whole === null ? "fragment" : this.#tcp(whole, 0, whole.length, whole.length);
  }

  #tcp(bytes: Uint8Array, at: number, end: number, length: number): Skipped | null {
    if (end - at < 20) return length < 20 ? "malformed" : "cut";
    const headerLength = (bytes[at + 12] >>> 4) * 4;
    if (headerLength < 20 || headerLength > length) return "malformed";
    const segment = this.segment;
    segment.sourcePort = u16(bytes, at);
    segment.targetPort = u16(bytes, at + 2);
    segment.seq = i32(bytes, at + 4);
    segment.ack = i32(bytes, at + 8);
    segment.flags = bytes[at + 13];
    segment.bytes = bytes;
    segment.wireLength = length - headerLength;
    segment.start = Math.min(at + headerLength, end);
    segment.end = end;
    return null;
  }
}
