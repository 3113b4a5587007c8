// Numbers for paths, found by their bytes: the hot path counts a million messages without building a
// string for each. Bounded: what comes after the table is full is counted under one number.

import { decodeText } from "../codec/input.ts";
import { i32 } from "./bytes.ts";

const PATHS_MAX = 1 << 18;
const ARENA_MAX = 32 << 20;

/** No path at all, and any path that found the table full. */
export const NO_PATH = 0;
export const OTHER_PATH = 1;

export class PathTable {
  #slots = new Int32Array(1 << 12);
  #hashes = new Int32Array(1 << 11);
  #starts = new Int32Array(1 << 11);
  #arena = new Uint8Array(1 << 16);
  /** Numbers given so far; the first two are taken. */
  #count = 2;
  #used = 0;

  constructor() {
    this.#slots.fill(-1);
  }

  get size(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count >= PATHS_MAX || this.#used >= ARENA_MAX;
  }

  /** The number of the path `bytes[start..end)`. */
  numberOf(bytes: Uint8Array, start: number, end: number): number {
    const hash = hashOf(bytes, start, end);
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (;; slot = (slot + 1) & mask) {
      const found = this.#slots[slot];
      if (found === -1) break;
      if (this.#hashes[found] === hash && this.#isSame(found, bytes, start, end)) return found;
    }
    if (this.isFull) return OTHER_PATH;
    return this.#add(slot, hash, bytes, start, end);
  }

  text(number: number): string {
    if (number === NO_PATH) return "";
    if (number === OTHER_PATH) return "(other paths)";
    return decodeText(this.#arena, this.#starts[number], this.#endOf(number));
  }

  #endOf(number: number): number {
    return number + 1 < this.#count ? this.#starts[number + 1] : this.#used;
  }

  #isSame(number: number, bytes: Uint8Array, start: number, end: number): boolean {
    const arena = this.#arena;
    let at = this.#starts[number];
    if (this.#endOf(number) - at !== end - start) return false;
    for (let from = start; from < end; from++) if (arena[at++] !== bytes[from]) return false;
    return true;
  }

  #add(slot: number, hash: number, bytes: Uint8Array, start: number, end: number): number {
    const number = this.#count++;
    if (number === this.#starts.length) {
      this.#starts = wider(this.#starts);
      this.#hashes = wider(this.#hashes);
    }
    while (this.#used + end - start > this.#arena.length) {
      const arena = new Uint8Array(this.#arena.length * 2);
      arena.set(this.#arena);
      this.#arena = arena;
    }
    this.#starts[number] = this.#used;
    this.#hashes[number] = hash;
    this.#arena.set(bytes.subarray(start, end), this.#used);
    this.#used += end - start;
    this.#slots[slot] = number;
    if (this.#count * 2 > this.#slots.length) this.#rehash();
    return number;
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2).fill(-1);
    const mask = slots.length - 1;
    for (let number = 2; number < this.#count; number++) {
      let slot = this.#hashes[number] & mask;
      while (slots[slot] !== -1) slot = (slot + 1) & mask;
      slots[slot] = number;
    }
    this.#slots = slots;
  }
}

function wider(array: Int32Array): Int32Array<ArrayBuffer> {
  const next = new Int32Array(array.length * 2);
  next.set(array);
  return next;
}

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    hash = Math.imul(hash ^ i32(bytes, at), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  for (; at < end; at++) hash = Math.imul(hash ^ bytes[at], 0x85ebca6b);
  return hash ^ (hash >>> 13);
}
