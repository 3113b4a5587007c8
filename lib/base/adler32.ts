// Adler-32 (RFC 1950), incremental: the checksum of log records and snapshot seals.

const MODULUS = 65521;
/** How many bytes may be summed before the 32-bit sums must be reduced. */
const RUN = 5552;

export const ADLER32_START = 1;

/** The checksum of what `sum` covers followed by `bytes[start..end)`; an unsigned 32-bit number. */
export function adler32(sum: number, bytes: Uint8Array, start = 0, end = bytes.length): number {
  let a = sum & 0xffff;
  let b = sum >>> 16;
  let at = start;
  while (at < end) {
    const stop = at + RUN < end ? at + RUN : end;
    while (at < stop) {
      a += bytes[at++];
      b += a;
    }
    a %= MODULUS;
    b %= MODULUS;
  }
  return ((b << 16) | a) >>> 0;
}
