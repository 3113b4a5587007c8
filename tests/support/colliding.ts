// Names of znodes under the root that are made to meet in a hash table of CRC-32 sums, as a hostile
// client can make them: the checksum is linear, so equations over bits say which letters to take.

import { crc32, CRC32_START } from "../../lib/base/crc32.ts";

/** Letters that differ in one bit; each place of a name holds one of the two. */
const ZERO = 0x60; // `
const ONE = 0x61; // a
const PLACES = 60;
const WORD = 32;

const sumOf = (name: Uint8Array): number => crc32(CRC32_START, name);

/** `/` and a name with the letter ONE where `bits` has one. */
function nameOf(bits: readonly boolean[]): Uint8Array {
  return Uint8Array.from([0x2f, ...bits.map((bit) => bit ? ONE : ZERO)]);
}

/**
 * `count` different names whose paths have one and the same checksum (`sum`), or checksums that fall
 * into one bucket of any table up to 2^17 buckets (`bucket`).
 */
export function collidingNames(count: number, how: "sum" | "bucket"): string[] {
  const base = sumOf(nameOf(new Array(PLACES).fill(false)));
  // What each place adds to the checksum.
  const adds = Array.from({ length: PLACES }, (_, at) => {
    const bits = new Array(PLACES).fill(false);
    bits[at] = true;
    return (sumOf(nameOf(bits)) ^ base) >>> 0;
  });
  const solve = solver(adds);
  const free = PLACES - WORD;
  const names: string[] = [];
  for (let n = 0; names.length < count; n++) {
    const wanted = how === "sum" ? 0 : sumFor(n);
    const choice = Array.from({ length: free }, (_, i) => ((n >>> i) & 1) === 1);
    const bits = solve(wanted ^ base, choice);
    names.push(new TextDecoder().decode(nameOf(bits)).slice(1));
  }
  return names;
}

/** The n-th sum that the index of paths mixes into a number with seventeen zeros at its end. */
function sumFor(n: number): number {
  let mixed = (n << 17) >>> 0;
  mixed = (mixed ^ (mixed >>> 15) ^ (mixed >>> 30)) >>> 0; // takes back x ^ (x >>> 15)
  return Math.imul(mixed, INVERSE) >>> 0;
}

/** Of the odd number the index multiplies by, modulo 2^32. */
const INVERSE = ((): number => {
  let inverse = 1;
  for (let i = 0; i < 5; i++) {
    inverse = Math.imul(inverse, 2 - Math.imul(0x9e3779b1, inverse));
  }
  return inverse;
})();

/** Solves for the first 32 places; the others are chosen freely. */
function solver(adds: readonly number[]): (wanted: number, free: readonly boolean[]) => boolean[] {
  // Gauss over bits: rows[b] is a sum with bit b as its pivot, and which places it is made of.
  const rows: { sum: number; places: bigint }[] = [];
  for (let at = 0; at < WORD; at++) {
    let sum = adds[at];
    let places = 1n << BigInt(at);
    for (let bit = 0; bit < WORD; bit++) {
      if (((sum >>> bit) & 1) === 0) continue;
      if (rows[bit] === undefined) {
        rows[bit] = { sum, places };
        break;
      }
      sum = (sum ^ rows[bit].sum) >>> 0;
      places ^= rows[bit].places;
    }
  }
  return (wanted, free) => {
    let rest = wanted >>> 0;
    free.forEach((bit, i) => {
      if (bit) rest = (rest ^ adds[WORD + i]) >>> 0;
    });
    let places = 0n;
    for (let bit = 0; bit < WORD; bit++) {
      if (((rest >>> bit) & 1) === 0) continue;
      const row = rows[bit];
      if (row === undefined) throw new Error("the places do not span all checksums");
      rest = (rest ^ row.sum) >>> 0;
      places ^= row.places;
    }
    const solved = Array.from({ length: WORD }, (_, at) => ((places >> BigInt(at)) & 1n) === 1n);
    return [...solved, ...free];
  };
}
