// Big-endian reads out of a packet. They are plain loads and shifts: a packet is looked at in a few
// places only, and a DataView made for each costs more than it saves. Callers check the bounds.

/** The unsigned 16-bit number at `at`. */
export const u16 = (bytes: Uint8Array, at: number): number => (bytes[at] << 8) | bytes[at + 1];

/** The signed 32-bit number at `at`. */
export const i32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];

/** The unsigned 32-bit number at `at`, little-endian when asked so. */
export function u32(bytes: Uint8Array, at: number, little: boolean): number {
  const value = little
    ? bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
    : i32(bytes, at);
  return value >>> 0;
}

/** The unsigned 16-bit number at `at`, little-endian when asked so. */
export const u16of = (bytes: Uint8Array, at: number, little: boolean): number =>
  little ? bytes[at] | (bytes[at + 1] << 8) : u16(bytes, at);

/** The signed 64-bit number at `at`. */
export const i64 = (bytes: Uint8Array, at: number): bigint =>
  (BigInt(i32(bytes, at)) << 32n) | BigInt(i32(bytes, at + 4) >>> 0);

/** Bytes put together piece by piece; the memory is kept and reused. */
export class Carry {
  bytes = new Uint8Array(0);
  length = 0;

  append(source: Uint8Array, start: number, end: number): void {
    const wanted = this.length + end - start;
    if (wanted > this.bytes.length) {
      const wider = new Uint8Array(Math.max(wanted, this.bytes.length * 2, 256));
      wider.set(this.bytes.subarray(0, this.length));
      this.bytes = wider;
    }
    if (end - start < 48) {
      let to = this.length;
      for (let at = start; at < end; at++) this.bytes[to++] = source[at];
    } else {
      this.bytes.set(source.subarray(start, end), this.length);
    }
    this.length = wanted;
  }

  /** Forgets the first `count` bytes. */
  drop(count: number): void {
    if (count < this.length) this.bytes.copyWithin(0, count, this.length);
    this.length -= count;
  }

  /** Forgets everything; memory above `keep` bytes is given back. */
  clear(keep = 65536): void {
    this.length = 0;
    if (this.bytes.length > keep) this.bytes = new Uint8Array(0);
  }
}
