// CRC-32 (IEEE 802.3, as zlib): the node digest of storage.md 5.1. Eight bytes a step from eight
// tables; a digest is computed on every change of a znode, so this is a hot path.

const TABLES: Uint32Array[] = makeTables();

function makeTables(): Uint32Array[] {
  const tables = Array.from({ length: 8 }, () => new Uint32Array(256));
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    tables[0][byte] = crc;
  }
  for (let byte = 0; byte < 256; byte++) {
    for (let k = 1; k < 8; k++) {
      const previous = tables[k - 1][byte];
      tables[k][byte] = (previous >>> 8) ^ tables[0][previous & 0xff];
    }
  }
  return tables;
}

const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES;

export const CRC32_START = 0;

/** The checksum of what `sum` covers followed by `bytes[start..end)`; an unsigned 32-bit number. */
export function crc32(sum: number, bytes: Uint8Array, start = 0, end = bytes.length): number {
  let crc = ~sum;
  let at = start;
  while (end - at >= 8) {
    crc ^= bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    crc = T7[crc & 0xff] ^ T6[(crc >>> 8) & 0xff] ^ T5[(crc >>> 16) & 0xff] ^ T4[crc >>> 24] ^
      T3[bytes[at + 4]] ^ T2[bytes[at + 5]] ^ T1[bytes[at + 6]] ^ T0[bytes[at + 7]];
    at += 8;
  }
  while (at < end) crc = (crc >>> 8) ^ T0[(crc ^ bytes[at++]) & 0xff];
  return ~crc >>> 0;
}
