// The znodes as memory: a record each (records.ts), name and data in a slab cell, no object and no
// string per node, so that a collection of garbage does not see them. What a change *means* is in
// tree.ts; here is how one is found, linked, named and filled.
//
// A child list is a ring through `prev`: the first child's `prev` is the last child.

import { crc32, CRC32_START } from "../base/crc32.ts";
import { Crowd } from "./crowd.ts";
import { PathIndex } from "./path_index.ts";
import { At, Records, STAT_SIZE, Word, type Znode } from "./records.ts";
import { Slab } from "./slab.ts";

export { At, STAT_SIZE, type Znode } from "./records.ts";

export const ROOT: Znode = 1;
const SLASH = 0x2f;
const NO_CELL = -0x80000000;
const EMPTY = new Uint8Array(0);

export class Nodes extends Records {
  readonly #slab = new Slab();
  readonly #index: PathIndex;
  readonly #crowd = new Crowd();

  constructor() {
    super();
    this.#index = new PathIndex({
      hashOf: (node) => this.word(node, Word.pathSum),
      chainNext: (node) => this.word(node, Word.chain),
      setChainNext: (node, next) => this.setWord(node, Word.chain, next),
    });
    this.#make(0, EMPTY, 0, 0, CRC32_START);
  }

  /** Bytes taken from the system. */
  get reserved(): number {
    return this.#slab.reserved + this.reservedRecords;
  }

  // Finding.

  /** The node whose path is `bytes[0..length)`, with this checksum; 0 when there is none. */
  find(bytes: Uint8Array, length: number, sum: number): Znode {
    if (length === 0) return ROOT;
    const word = sum | 0;
    let node = this.#index.head(sum);
    while (node !== 0) {
      if (this.word(node, Word.pathSum) === word && this.#hasPath(node, bytes, length)) return node;
      node = this.word(node, Word.chain);
    }
    return this.#crowd.size === 0 ? 0 : this.#crowded(bytes, length, sum);
  }

  /**
   * The child of `parent` with the name `bytes[start..end)`, given the checksum of its path, which is
   * all of `bytes[0..end)`.
   */
  findChild(parent: Znode, bytes: Uint8Array, start: number, end: number, sum: number): Znode {
    const word = sum | 0;
    let node = this.#index.head(sum);
    while (node !== 0) {
      if (
        this.word(node, Word.pathSum) === word && this.word(node, Word.parent) === parent &&
        this.#hasName(node, bytes, start, end)
      ) return node;
      node = this.word(node, Word.chain);
    }
    return this.#crowd.size === 0 ? 0 : this.#crowded(bytes, end, sum);
  }

  #crowded(bytes: Uint8Array, length: number, sum: number): Znode {
    return this.#crowd.hasSum(sum) ? this.#crowd.get(decodeUnits(bytes, 0, length)) : 0;
  }

  #hasPath(node: Znode, bytes: Uint8Array, length: number): boolean {
    let end = length;
    for (let at = node; at !== ROOT; at = this.parent(at)) {
      const start = end - this.nameLength(at);
      if (start < 1 || bytes[start - 1] !== SLASH || !this.#hasName(at, bytes, start, end)) {
        return false;
      }
      end = start - 1;
    }
    return end === 0;
  }

  #hasName(node: Znode, bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    if (this.word(node, Word.nameLength) !== length) return false;
    if (length === 0) return true;
    const cell = this.word(node, Word.cell);
    const name = this.#slab.bytes(cell);
    let at = this.#slab.start(cell);
    for (let i = start; i < end; i++) if (name[at++] !== bytes[i]) return false;
    return true;
  }

  // Making and unmaking.

  /**
   * A new last child of `parent` with the name `bytes[start..end)`, the checksum of its path, null
   * data, an open list and a stat of zeros. The name must be free; `bytes[0..end)` is the path.
   */
  insert(parent: Znode, bytes: Uint8Array, start: number, end: number, sum: number): Znode {
    const node = this.#make(parent, bytes, start, end, sum);
    this.#link(parent, node);
    if (this.#index.isFull(sum)) this.#crowd.add(decodeUnits(bytes, 0, end), sum, node);
    else this.#index.add(node);
    return node;
  }

  #make(parent: number, bytes: Uint8Array, start: number, end: number, sum: number): Znode {
    const node = this.takeRecord();
    let cell = NO_CELL;
    if (end > start) {
      cell = this.#slab.take(end - start);
      copy(bytes, start, end, this.#slab.bytes(cell), this.#slab.start(cell));
    }
    this.setWord(node, Word.parent, parent);
    this.setWord(node, Word.pathSum, sum);
    this.setWord(node, Word.contentSum, sum);
    this.setWord(node, Word.cell, cell);
    this.setWord(node, Word.acl, -1);
    this.setWord(node, Word.nameLength, end - start);
    return node;
  }

  /** Takes a node without children out of its parent's list and gives its memory back. */
  remove(node: Znode): void {
    if (!this.#leaveCrowd(node)) this.#index.remove(node);
    this.#unlink(node);
    const cell = this.word(node, Word.cell);
    if (cell !== NO_CELL) this.#slab.give(cell);
    this.giveRecord(node);
  }

  #leaveCrowd(node: Znode): boolean {
    if (this.#crowd.size === 0) return false;
    const sum = this.word(node, Word.pathSum);
    return this.#crowd.hasSum(sum) && this.#crowd.remove(this.path(node), sum, node);
  }

  #link(parent: Znode, node: Znode): void {
    const first = this.first(parent);
    if (first === 0) {
      this.setWord(parent, Word.first, node);
      this.setWord(node, Word.prev, node);
    } else {
      const last = this.word(first, Word.prev);
      this.setWord(last, Word.next, node);
      this.setWord(node, Word.prev, last);
      this.setWord(first, Word.prev, node);
    }
    this.setInt(parent, At.numChildren, this.int(parent, At.numChildren) + 1);
  }

  #unlink(node: Znode): void {
    const parent = this.parent(node);
    const first = this.first(parent);
    const next = this.next(node);
    const prev = this.word(node, Word.prev);
    if (node === first) this.setWord(parent, Word.first, next);
    else this.setWord(prev, Word.next, next);
    if (next !== 0) this.setWord(next, Word.prev, prev);
    else if (node !== first) this.setWord(first, Word.prev, prev);
    this.setInt(parent, At.numChildren, this.int(parent, At.numChildren) - 1);
  }

  parent(node: Znode): Znode {
    return this.word(node, Word.parent);
  }

  /** First child; 0 for none. */
  first(node: Znode): Znode {
    return this.word(node, Word.first);
  }

  /** Next child of the same parent; 0 for none. */
  next(node: Znode): Znode {
    return this.word(node, Word.next);
  }

  // Names.

  nameLength(node: Znode): number {
    return this.word(node, Word.nameLength);
  }

  name(node: Znode): string {
    const length = this.nameLength(node);
    if (length === 0) return "";
    const cell = this.word(node, Word.cell);
    const start = this.#slab.start(cell);
    return decodeUnits(this.#slab.bytes(cell), start, start + length);
  }

  /** The memory that holds the name, from {@link nameStart} on, and the data behind it. */
  cellBytes(node: Znode): Uint8Array {
    const cell = this.word(node, Word.cell);
    return cell === NO_CELL ? EMPTY : this.#slab.bytes(cell);
  }

  nameStart(node: Znode): number {
    const cell = this.word(node, Word.cell);
    return cell === NO_CELL ? 0 : this.#slab.start(cell);
  }

  /** Length in bytes of the path; the root's is empty. */
  pathLength(node: Znode): number {
    let length = 0;
    for (let at = node; at !== ROOT; at = this.parent(at)) length += 1 + this.nameLength(at);
    return length;
  }

  /** Writes the path so that it ends before `end`; returns where it starts. */
  pathInto(node: Znode, bytes: Uint8Array, end: number): number {
    let start = end;
    for (let at = node; at !== ROOT; at = this.parent(at)) {
      const length = this.nameLength(at);
      start -= length;
      if (length > 0) {
        const cell = this.word(at, Word.cell);
        const from = this.#slab.start(cell);
        copy(this.#slab.bytes(cell), from, from + length, bytes, start);
      }
      bytes[--start] = SLASH;
    }
    return start;
  }

  /** The path as text; `/` for the root. */
  path(node: Znode): string {
    if (node === ROOT) return "/";
    const length = this.pathLength(node);
    const bytes = new Uint8Array(length);
    this.pathInto(node, bytes, length);
    return decodeUnits(bytes, 0, length);
  }

  // Digest.

  /** CRC-32 of path, data and stat: the node's digest; an unsigned 32-bit number. */
  digest(node: Znode): number {
    const bytes = this.statBytes(node);
    const at = this.statStart(node);
    let sum = crc32(this.word(node, Word.contentSum), bytes, at, at + At.ctime);
    sum = crc32(sum, bytes, at + At.pzxid, at + STAT_SIZE);
    return crc32(sum, bytes, at + At.ctime, at + At.dataLength);
  }

  // Data.

  dataLength(node: Znode): number {
    return this.int(node, At.dataLength);
  }

  /** The data as a view: not to be kept beyond the next change of the tree. */
  data(node: Znode): Uint8Array | null {
    if (this.hasNullData(node)) return null;
    const cell = this.word(node, Word.cell);
    if (cell === NO_CELL) return EMPTY;
    const start = this.#slab.start(cell) + this.nameLength(node);
    return this.#slab.bytes(cell).subarray(start, start + this.dataLength(node));
  }

  /** Where the data starts in {@link cellBytes}; null data has no length there. */
  dataStart(node: Znode): number {
    return this.nameStart(node) + this.nameLength(node);
  }

  /** Copies `data` in; `summed` says whether the sum over path and data is kept. */
  setData(node: Znode, data: Uint8Array | null, summed: boolean): void {
    const length = data === null ? 0 : data.length;
    const nameLength = this.nameLength(node);
    const cell = this.#resize(this.word(node, Word.cell), nameLength, nameLength + length);
    this.setWord(node, Word.cell, cell);
    this.setNullData(node, data === null);
    this.setInt(node, At.dataLength, length);
    if (data !== null && length > 0) {
      copy(data, 0, length, this.#slab.bytes(cell), this.#slab.start(cell) + nameLength);
    }
    if (!summed) return;
    const sum = this.word(node, Word.pathSum);
    this.setWord(node, Word.contentSum, data === null ? sum : crc32(sum, data));
  }

  #resize(cell: number, keep: number, size: number): number {
    const slab = this.#slab;
    if (cell !== NO_CELL && size > 0 && slab.fits(cell, size)) return cell;
    const wider = size === 0 ? NO_CELL : slab.take(size);
    if (cell === NO_CELL) return wider;
    if (wider !== NO_CELL && keep > 0) {
      const from = slab.start(cell);
      copy(slab.bytes(cell), from, from + keep, slab.bytes(wider), slab.start(wider));
    }
    slab.give(cell);
    return wider;
  }
}

/** Short runs are faster in a loop than through a view. */
function copy(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (end - start > 64) {
    to.set(from.subarray(start, end), at);
    return;
  }
  for (let i = start; i < end; i++) to[at++] = from[i];
}

/** The reverse of encodeUnits, for bytes that it wrote: one to three bytes per UTF-16 unit. */
export function decodeUnits(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  let at = start;
  while (at < end) {
    const first = bytes[at];
    if (first < 0x80) {
      text += String.fromCharCode(first);
      at += 1;
    } else if (first < 0xe0) {
      text += String.fromCharCode(((first & 0x1f) << 6) | (bytes[at + 1] & 0x3f));
      at += 2;
    } else {
      const unit = ((first & 0x0f) << 12) | ((bytes[at + 1] & 0x3f) << 6) | (bytes[at + 2] & 0x3f);
      text += String.fromCharCode(unit);
      at += 3;
    }
  }
  return text;
}
