// The tree digest (storage.md 5): how peers notice that their trees differ. A node's digest is the
// CRC-32 of path, data and stat; the tree's is the wrapping 64-bit sum. Because CRC-32 goes on where
// it stopped, a node keeps the sum over path and data, and a change of stat costs 60 bytes.
//
// Must agree with Java's DigestCalculator and AdHash.

import { crc32, CRC32_START } from "../base/crc32.ts";
import { encodeUnits } from "../codec/output.ts";
import type { StatPersisted } from "../records/data.ts";

const STAT_SIZE = 60;
const scratch = new Uint8Array(STAT_SIZE);
const scratchView = new DataView(scratch.buffer);
const pathScratch = new Uint8Array(4096);

/** CRC-32 of a path; the root has none, under either of its names. */
export function pathSum(path: string): number {
  if (path === "/") return CRC32_START;
  const size = 3 * path.length;
  const bytes = size > pathScratch.length ? new Uint8Array(size) : pathScratch;
  return crc32(CRC32_START, bytes, 0, encodeUnits(path, bytes, 0));
}

/** The sum over path and data, on which {@link finishDigest} builds. */
export function contentSum(path: string, data: Uint8Array | null): number {
  const sum = pathSum(path);
  return data === null ? sum : crc32(sum, data);
}

/** The digest of a node from its {@link contentSum} and its stat; an unsigned 32-bit number. */
export function finishDigest(sum: number, stat: StatPersisted): number {
  const view = scratchView;
  view.setBigInt64(0, stat.czxid);
  view.setBigInt64(8, stat.mzxid);
  view.setBigInt64(16, stat.pzxid);
  view.setBigInt64(24, stat.ctime);
  view.setBigInt64(32, stat.mtime);
  view.setInt32(40, stat.version);
  view.setInt32(44, stat.cversion);
  view.setInt32(48, stat.aversion);
  view.setBigInt64(52, stat.ephemeralOwner);
  return crc32(sum, scratch);
}

/** Whether a path counts in the tree digest: everything but what is below `/zookeeper`. */
export const isCounted = (path: string): boolean => !path.startsWith("/zookeeper/");

/** What one node adds to the tree digest; 0 for paths that do not count. */
export function nodeDigest(path: string, data: Uint8Array | null, stat: StatPersisted): bigint {
  return isCounted(path) ? BigInt(finishDigest(contentSum(path, data), stat)) : 0n;
}

/** A wrapping 64-bit sum of unsigned 32-bit numbers, without a bigint per step. */
export class DigestSum {
  #hi = 0; // signed
  #lo = 0; // unsigned

  add(digest: number): void {
    const lo = this.#lo + digest;
    if (lo < 0x100000000) {
      this.#lo = lo;
    } else {
      this.#lo = lo - 0x100000000;
      this.#hi = (this.#hi + 1) | 0;
    }
  }

  subtract(digest: number): void {
    const lo = this.#lo - digest;
    if (lo >= 0) {
      this.#lo = lo;
    } else {
      this.#lo = lo + 0x100000000;
      this.#hi = (this.#hi - 1) | 0;
    }
  }

  /** Whether the sum is this signed 64-bit number; builds no bigint. */
  is(value: bigint): boolean {
    scratchView.setBigInt64(0, value);
    return scratchView.getInt32(0) === this.#hi && scratchView.getUint32(4) === this.#lo;
  }

  get value(): bigint {
    return (BigInt(this.#hi) << 32n) | BigInt(this.#lo);
  }
}
