// Capture files: pcap (both byte orders, micro- and nanoseconds) and pcapng (sections, several
// interfaces, any time resolution), read from chunks of any size. Decides where a packet begins and
// when it was seen; what is inside is link.ts's business. Only one unfinished record is ever kept.

import { constants as zlib, gunzipSync } from "node:zlib";
import { Fault } from "../base/errors.ts";
import { Carry, u16of, u32 } from "./bytes.ts";

/** One captured packet. The object and its bytes are only valid during the call that shows it. */
export interface Packet {
  bytes: Uint8Array;
  start: number;
  end: number;
  /** Length on the wire; more than `end - start` when the capture's snap length cut the packet. */
  wireLength: number;
  /** LINKTYPE number of the interface that saw it. */
  linkType: number;
  /** Nanoseconds after the first packet of the capture (negative if a later record is earlier). */
  time: number;
}

export interface PacketSink {
  packet(packet: Packet): void;
}

/** No record of either format is longer; a greater length means that we are not at a record. */
const RECORD_MAX = 64 * 1024 * 1024;
const MICRO = 0xa1b2c3d4;
const NANO = 0xa1b23c4d;
/** Written by some patched libpcap versions: 8 more bytes in each record header. */
const PATCHED = 0xa1b2cd34;
const SECTION = 0x0a0d0d0a;
const ORDER = 0x1a2b3c4d;
const SECOND = 1_000_000_000n;

interface Interface {
  readonly linkType: number;
  readonly snapLength: number;
  /** Time units in a second, and nanoseconds in a unit. */
  readonly perSecond: bigint;
  readonly unit: number;
  readonly offsetSeconds: bigint;
  /** The raw time of this interface's first packet and its distance to the capture's start. */
  base: { readonly high: number; readonly low: number; readonly time: number } | null;
}

type Format = "unknown" | "pcap" | "pcapng";

/** True when the bytes are gzip, whatever is inside. */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/** Unpacks a whole gzip file; one that ends too early gives what is there. */
export function gunzip(bytes: Uint8Array): Uint8Array {
  return gunzipSync(bytes, { finishFlush: zlib.Z_SYNC_FLUSH });
}

export class CaptureReader {
  readonly #sink: PacketSink;
  readonly #carry = new Carry();
  readonly #packet: Packet = {
    bytes: new Uint8Array(0),
    start: 0,
    end: 0,
    wireLength: 0,
    linkType: 0,
    time: 0,
  };
  #format: Format = "unknown";
  #little = false;
  #recordHeader = 16;
  #interfaces: Interface[] = [];
  #offset = 0;
  #origin: bigint | null = null;
  #packets = 0;

  constructor(sink: PacketSink) {
    this.#sink = sink;
  }

  /** Wall clock of the first packet, nanoseconds since 1970; null before it. */
  get origin(): bigint | null {
    return this.#origin;
  }

  get packets(): number {
    return this.#packets;
  }

  /** Bytes of the file consumed in whole records so far. */
  get offset(): number {
    return this.#offset;
  }

  /** Shows every packet that ends in `chunk`. Throws a Fault where the file is not a capture. */
  push(chunk: Uint8Array): void {
    const carry = this.#carry;
    if (carry.length === 0) {
      const used = this.#records(chunk, chunk.length);
      if (used < chunk.length) carry.append(chunk, used, chunk.length);
      return;
    }
    carry.append(chunk, 0, chunk.length);
    const used = this.#records(carry.bytes, carry.length);
    if (used === carry.length) carry.clear(4 << 20);
    else if (used > 0) carry.drop(used);
  }

  /**
   * The file is over: says how many bytes of an unfinished last record are left over, 0 for a whole
   * file. Another file may follow, as tcpdump's -C and -G write them; its times go on from the
   * first packet of the first.
   */
  end(): number {
    const left = this.#carry.length;
    const isKnown = this.#format !== "unknown";
    this.#carry.clear();
    this.#format = "unknown";
    this.#interfaces = [];
    this.#offset = 0;
    if (!isKnown && left > 0) throw this.#notCapture();
    return left;
  }

  #notCapture(): Fault {
    return new Fault("BAD_MAGIC", "this is neither pcap nor pcapng", {
      hint: "write captures with tcpdump -w or dumpcap",
    });
  }

  #records(bytes: Uint8Array, length: number): number {
    let at = 0;
    if (this.#format === "unknown") {
      at = this.#header(bytes, length);
      if (at === 0 && this.#format === "unknown") return 0;
    }
    at = this.#format === "pcap"
      ? this.#pcapRecords(bytes, at, length)
      : this.#blocks(bytes, at, length);
    this.#offset += at;
    return at;
  }

  /** Looks at the first bytes; returns the length of the file header, 0 while it is not all here. */
  #header(bytes: Uint8Array, length: number): number {
    if (length < 4) return 0;
    const magic = u32(bytes, 0, false);
    if (magic === SECTION) {
      this.#format = "pcapng";
      return 0;
    }
    const little = [MICRO, NANO, PATCHED].includes(u32(bytes, 0, true));
    const known = little ? u32(bytes, 0, true) : magic;
    if (known !== MICRO && known !== NANO && known !== PATCHED) throw this.#notCapture();
    if (length < 24) return 0;
    this.#little = little;
    this.#format = "pcap";
    this.#recordHeader = known === PATCHED ? 24 : 16;
    this.#interfaces = [{
      // The high bits say how long the frame check sequence is; IP's own length makes that moot.
      linkType: u32(bytes, 20, little) & 0x03ffffff,
      snapLength: u32(bytes, 16, little),
      perSecond: known === NANO ? SECOND : 1_000_000n,
      unit: known === NANO ? 1 : 1000,
      offsetSeconds: 0n,
      base: null,
    }];
    return 24;
  }

  #pcapRecords(bytes: Uint8Array, from: number, length: number): number {
    const little = this.#little;
    const header = this.#recordHeader;
    const one = this.#interfaces[0];
    let at = from;
    while (length - at >= header) {
      const captured = u32(bytes, at + 8, little);
      if (captured > RECORD_MAX) throw this.#broken(at, `a packet of ${captured} bytes`);
      if (length - at < header + captured) break;
      const start = at + header;
      const seconds = u32(bytes, at, little);
      const time = this.#pcapTime(one, seconds, u32(bytes, at + 4, little));
      this.#show(bytes, start, start + captured, u32(bytes, at + 12, little), one.linkType, time);
      at = start + captured;
    }
    return at;
  }

  #pcapTime(one: Interface, seconds: number, fraction: number): number {
    if (one.base === null) {
      const epoch = BigInt(seconds) * SECOND + BigInt(fraction) * BigInt(one.unit);
      this.#origin ??= epoch;
      one.base = { high: seconds, low: fraction, time: Number(epoch - this.#origin) };
    }
    const { high, low, time } = one.base;
    return time + (seconds - high) * 1e9 + (fraction - low) * one.unit;
  }

  #show(
    bytes: Uint8Array,
    start: number,
    end: number,
    wireLength: number,
    linkType: number,
    time: number,
  ): void {
    const packet = this.#packet;
    packet.bytes = bytes;
    packet.start = start;
    packet.end = end;
    packet.wireLength = Math.max(wireLength, end - start);
    packet.linkType = linkType;
    packet.time = time;
    this.#packets += 1;
    this.#sink.packet(packet);
  }

  #broken(at: number, what: string): Fault {
    return new Fault("CORRUPT", `the capture file is damaged: ${what}`, {
      where: `byte ${this.#offset + at}, after ${this.#packets} packets`,
    });
  }

  #blocks(bytes: Uint8Array, from: number, length: number): number {
    let at = from;
    while (length - at >= 12) {
      const isSection = u32(bytes, at, false) === SECTION;
      if (isSection) this.#little = this.#byteOrder(bytes, at);
      const little = this.#little;
      const size = u32(bytes, at + 4, little);
      if (size < 12 || size > RECORD_MAX || size % 4 !== 0) {
        throw this.#broken(at, `a block of ${size} bytes`);
      }
      if (length - at < size) break;
      if (u32(bytes, at + size - 4, little) !== size) {
        throw this.#broken(at, "the two lengths of a block differ");
      }
      if (isSection) this.#interfaces = [];
      else this.#block(u32(bytes, at, little), bytes, at, at + size - 4);
      at += size;
    }
    return at;
  }

  #byteOrder(bytes: Uint8Array, at: number): boolean {
    if (u32(bytes, at + 8, true) === ORDER) return true;
    if (u32(bytes, at + 8, false) === ORDER) return false;
    throw this.#broken(at, "a section without a byte order");
  }

  /** One block whose body ends at `end`; types that carry no packet are passed over. */
  #block(type: number, bytes: Uint8Array, at: number, end: number): void {
    const little = this.#little;
    switch (type) {
      case 1:
        if (end - at < 16) throw this.#broken(at, "a short interface block");
        this.#interfaces.push(readInterface(bytes, at, end, little));
        return;
      case 2: // the packet block of old writers
        return this.#enhanced(bytes, at, end, u16of(bytes, at + 8, little));
      case 3: {
        if (end - at < 12) throw this.#broken(at, "a short packet block");
        const one = this.#interface(at, 0);
        const wire = u32(bytes, at + 8, little);
        const limit = one.snapLength === 0 ? wire : Math.min(wire, one.snapLength);
        const stop = Math.min(at + 12 + limit, end);
        return this.#show(bytes, at + 12, stop, wire, one.linkType, 0);
      }
      case 6:
        return this.#enhanced(bytes, at, end, u32(bytes, at + 8, little));
      default:
    }
  }

  #interface(at: number, index: number): Interface {
    const one = this.#interfaces[index];
    if (one === undefined) {
      throw this.#broken(at, `a packet of interface ${index}, never described`);
    }
    return one;
  }

  #enhanced(bytes: Uint8Array, at: number, end: number, index: number): void {
    const little = this.#little;
    if (end - at < 28) throw this.#broken(at, "a short packet block");
    const one = this.#interface(at, index);
    const captured = u32(bytes, at + 20, little);
    if (captured > end - at - 28) throw this.#broken(at, "a packet longer than its block");
    const time = this.#unitTime(one, u32(bytes, at + 12, little), u32(bytes, at + 16, little));
    const wire = u32(bytes, at + 24, little);
    this.#show(bytes, at + 28, at + 28 + captured, wire, one.linkType, time);
  }

  /** Differences fit a double where the 64-bit times themselves do not. */
  #unitTime(one: Interface, high: number, low: number): number {
    if (one.base === null) {
      const units = (BigInt(high) << 32n) | BigInt(low);
      const epoch = units * SECOND / one.perSecond + one.offsetSeconds * SECOND;
      this.#origin ??= epoch;
      one.base = { high, low, time: Number(epoch - this.#origin) };
    }
    const units = (high - one.base.high) * 4294967296 + (low - one.base.low);
    return one.base.time + Math.round(units * one.unit);
  }
}

function readInterface(bytes: Uint8Array, at: number, end: number, little: boolean): Interface {
  let perSecond = 1_000_000n;
  let offsetSeconds = 0n;
  for (let option = at + 16; end - option >= 4;) {
    const code = u16of(bytes, option, little);
    const length = u16of(bytes, option + 2, little);
    const value = option + 4;
    if (code === 0 || value + length > end) break;
    if (code === 9 && length === 1) {
      const resolution = bytes[value];
      perSecond = (resolution & 0x80) !== 0
        ? 1n << BigInt(resolution & 0x7f)
        : 10n ** BigInt(resolution);
    }
    if (code === 14 && length === 8) {
      const [high, low] = little ? [value + 4, value] : [value, value + 4];
      offsetSeconds = BigInt.asIntN(
        64,
        (BigInt(u32(bytes, high, little)) << 32n) | BigInt(u32(bytes, low, little)),
      );
    }
    option = value + ((length + 3) & ~3);
  }
  return {
    linkType: u16of(bytes, at + 8, little),
    snapLength: u32(bytes, at + 12, little),
    perSecond,
    unit: 1e9 / Number(perSecond),
    offsetSeconds,
    base: null,
  };
}
