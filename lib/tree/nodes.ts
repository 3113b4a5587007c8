// The znodes as memory: fixed records of 112 bytes in pages, name and data in slab cells, no object
// and no string per node, so that a collection of garbage does not see them. What a change *means*
// is in tree.ts; here is where it is kept.
//
//   record: 11 int32 words (links, sums, cell, list number, flags), then 68 bytes of stat laid out
//   as a client sees it, but with cversion and ephemeralOwner as stored (client.md 1.4).
//
// A child list is a ring through `prev`: the first child's `prev` is the last child.

import { crc32, CRC32_START } from "../base/crc32.ts";
import type { StatPersisted } from "../records/data.ts";
import type { NodeKind } from "./owner.ts";
import { PathIndex } from "./path_index.ts";
import { Slab } from "./slab.ts";

declare const handle: unique symbol;
/** A znode: valid until it is deleted. Never 0. */
export type Znode = number & { readonly [handle]?: "znode" };

export const ROOT: Znode = 1;

const PAGE_BITS = 12;
const PAGE_NODES = 1 << PAGE_BITS;
const PAGE_MASK = PAGE_NODES - 1;
const WORDS = 28;
const RECORD = WORDS * 4;

const PARENT = 0;
const FIRST = 1;
const NEXT = 2;
const PREV = 3;
const CHAIN = 4;
const PATH_SUM = 5;
const CONTENT_SUM = 6;
const CELL = 7;
const ACL = 8;
const NAME_LENGTH = 9;
const FLAGS = 10;
/** Where the stat starts in a record, in bytes. */
const STAT = 44;
export const STAT_SIZE = 68;

/** Offsets of fields in the stat. */
export const At = {
  czxid: 0,
  mzxid: 8,
  ctime: 16,
  mtime: 24,
  version: 32,
  cversion: 36,
  aversion: 40,
  owner: 44,
  dataLength: 52,
  numChildren: 56,
  pzxid: 60,
} as const;

const KINDS: readonly NodeKind[] = ["persistent", "ephemeral", "container", "ttl"];
const KIND_MASK = 3;
const NULL_DATA = 4;
const UNCOUNTED = 8;
const LIVE = 16;
const NO_CELL = -0x80000000;

export class Nodes {
  readonly slab = new Slab();
  readonly #ints: Int32Array[] = [];
  readonly #bytes: Uint8Array[] = [];
  readonly #views: DataView[] = [];
  readonly #index: PathIndex;
  #fresh = ROOT;
  #free = 0;
  #count = 0;

  constructor() {
    this.#index = new PathIndex({
      hashOf: (node) => this.pathSum(node),
      chainNext: (node) => this.#ints[node >>> PAGE_BITS][(node & PAGE_MASK) * WORDS + CHAIN],
      setChainNext: (node, next) => {
        this.#ints[node >>> PAGE_BITS][(node & PAGE_MASK) * WORDS + CHAIN] = next;
      },
    });
    this.#make(0, new Uint8Array(0), 0, 0, CRC32_START, true);
  }

  /** Znodes, the root included. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of pages, cells and records. */
  get reserved(): number {
    return this.slab.reserved + this.#bytes.length * PAGE_NODES * RECORD;
  }

  // Finding.

  /** The node whose path is `bytes[0..length)`, with this checksum; 0 when there is none. */
  find(bytes: Uint8Array, length: number, sum: number): Znode {
    if (length === 0) return ROOT;
    let node = this.#index.head(sum);
    const word = sum | 0;
    while (node !== 0) {
      const ints = this.#ints[node >>> PAGE_BITS];
      const base = (node & PAGE_MASK) * WORDS;
      if (ints[base + PATH_SUM] === word && this.#hasPath(node, bytes, length)) return node;
      node = ints[base + CHAIN];
    }
    return 0;
  }

  /** The child of `parent` with the name `bytes[start..end)`, given the checksum of its path. */
  findChild(parent: Znode, bytes: Uint8Array, start: number, end: number, sum: number): Znode {
    let node = this.#index.head(sum);
    const word = sum | 0;
    while (node !== 0) {
      const ints = this.#ints[node >>> PAGE_BITS];
      const base = (node & PAGE_MASK) * WORDS;
      if (
        ints[base + PATH_SUM] === word && ints[base + PARENT] === parent &&
        this.#hasName(node, bytes, start, end)
      ) return node;
      node = ints[base + CHAIN];
    }
    return 0;
  }

  #hasPath(node: Znode, bytes: Uint8Array, length: number): boolean {
    let end = length;
    for (let at = node; at !== ROOT; at = this.parent(at)) {
      const start = end - this.nameLength(at);
      if (start < 1 || bytes[start - 1] !== 0x2f || !this.#hasName(at, bytes, start, end)) {
        return false;
      }
      end = start - 1;
    }
    return end === 0;
  }

  #hasName(node: Znode, bytes: Uint8Array, start: number, end: number): boolean {
    const ints = this.#ints[node >>> PAGE_BITS];
    const base = (node & PAGE_MASK) * WORDS;
    const length = end - start;
    if (ints[base + NAME_LENGTH] !== length) return false;
    if (length === 0) return true;
    const cell = ints[base + CELL];
    const name = this.slab.bytes(cell);
    let at = this.slab.start(cell);
    for (let i = start; i < end; i++) if (name[at++] !== bytes[i]) return false;
    return true;
  }

  // Making and unmaking.

  /**
   * A new last child of `parent` with the name `bytes[start..end)`, the checksum of its path, no
   * data and a stat of zeros. The name must be free.
   */
  insert(parent: Znode, bytes: Uint8Array, start: number, end: number, sum: number): Znode {
    const node = this.#make(parent, bytes, start, end, sum, false);
    this.#link(parent, node);
    this.#index.add(node);
    return node;
  }

  #make(
    parent: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    sum: number,
    isRoot: boolean,
  ): Znode {
    const node = this.#takeRecord();
    const page = node >>> PAGE_BITS;
    const ints = this.#ints[page];
    const base = (node & PAGE_MASK) * WORDS;
    ints.fill(0, base, base + WORDS);
    ints[base + PARENT] = parent;
    ints[base + PATH_SUM] = sum;
    ints[base + CONTENT_SUM] = sum;
    ints[base + ACL] = -1;
    ints[base + NAME_LENGTH] = end - start;
    ints[base + CELL] = NO_CELL;
    ints[base + FLAGS] = LIVE | NULL_DATA;
    if (!isRoot && end > start) {
      const cell = this.slab.take(end - start);
      copy(bytes, start, end, this.slab.bytes(cell), this.slab.start(cell));
      ints[base + CELL] = cell;
    }
    this.#count += 1;
    return node;
  }

  #takeRecord(): number {
    const free = this.#free;
    if (free !== 0) {
      this.#free = this.#ints[free >>> PAGE_BITS][(free & PAGE_MASK) * WORDS + NEXT];
      return free;
    }
    const node = this.#fresh;
    this.#fresh += 1;
    if (node >>> PAGE_BITS === this.#ints.length) {
      const buffer = new ArrayBuffer(PAGE_NODES * RECORD);
      this.#ints.push(new Int32Array(buffer));
      this.#bytes.push(new Uint8Array(buffer));
      this.#views.push(new DataView(buffer));
    }
    return node;
  }

  /** Takes a node without children out of its parent's list and gives its memory back. */
  remove(node: Znode): void {
    this.#index.remove(node);
    this.#unlink(node);
    const ints = this.#ints[node >>> PAGE_BITS];
    const base = (node & PAGE_MASK) * WORDS;
    if (ints[base + CELL] !== NO_CELL) this.slab.give(ints[base + CELL]);
    ints[base + FLAGS] = 0;
    ints[base + NEXT] = this.#free;
    this.#free = node;
    this.#count -= 1;
  }

  #link(parent: Znode, node: Znode): void {
    const first = this.first(parent);
    if (first === 0) {
      this.#setWord(parent, FIRST, node);
      this.#setWord(node, PREV, node);
    } else {
      const last = this.#word(first, PREV);
      this.#setWord(last, NEXT, node);
      this.#setWord(node, PREV, last);
      this.#setWord(first, PREV, node);
    }
    this.setInt(parent, At.numChildren, this.int(parent, At.numChildren) + 1);
  }

  #unlink(node: Znode): void {
    const parent = this.parent(node);
    const first = this.first(parent);
    const next = this.next(node);
    const prev = this.#word(node, PREV);
    if (node === first) this.#setWord(parent, FIRST, next);
    else this.#setWord(prev, NEXT, next);
    if (next !== 0) this.#setWord(next, PREV, prev);
    else if (node !== first) this.#setWord(first, PREV, prev);
    this.setInt(parent, At.numChildren, this.int(parent, At.numChildren) - 1);
  }

  // Links.

  parent(node: Znode): Znode {
    return this.#ints[node >>> PAGE_BITS][(node & PAGE_MASK) * WORDS + PARENT];
  }

  first(node: Znode): Znode {
    return this.#ints[node >>> PAGE_BITS][(node & PAGE_MASK) * WORDS + FIRST];
  }

  next(node: Znode): Znode {
    return this.#ints[node >>> PAGE_BITS][(node & PAGE_MASK) * WORDS + NEXT];
  }

  isLive(node: Znode): boolean {
    return (this.#word(node, FLAGS) & LIVE) !== 0;
  }

  // Names.

  nameLength(node: Znode): number {
    return this.#ints[node >>> PAGE_BITS][(node & PAGE_MASK) * WORDS + NAME_LENGTH];
  }

  name(node: Znode): string {
    const length = this.nameLength(node);
    if (length === 0) return "";
    const cell = this.#word(node, CELL);
    const start = this.slab.start(cell);
    return decodeUnits(this.slab.bytes(cell), start, start + length);
  }

  /** Calls `use` with the memory and the range of the name. */
  withName(node: Znode, use: (bytes: Uint8Array, start: number, end: number) => void): void {
    const length = this.nameLength(node);
    const cell = this.#word(node, CELL);
    if (cell === NO_CELL) return use(this.#bytes[0], 0, 0);
    const start = this.slab.start(cell);
    use(this.slab.bytes(cell), start, start + length);
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
        const cell = this.#word(at, CELL);
        const from = this.slab.start(cell);
        copy(this.slab.bytes(cell), from, from + length, bytes, start);
      }
      bytes[--start] = 0x2f;
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

  // Sums, list number, flags.

  /** CRC-32 of the path. */
  pathSum(node: Znode): number {
    return this.#ints[node >>> PAGE_BITS][(node & PAGE_MASK) * WORDS + PATH_SUM];
  }

  /** CRC-32 of path and data. */
  contentSum(node: Znode): number {
    return this.#word(node, CONTENT_SUM);
  }

  /** The digest of a node by what is stored; an unsigned 32-bit number. */
  digest(node: Znode): number {
    const page = node >>> PAGE_BITS;
    const slot = node & PAGE_MASK;
    const bytes = this.#bytes[page];
    const at = slot * RECORD + STAT;
    let sum = crc32(this.#ints[page][slot * WORDS + CONTENT_SUM], bytes, at, at + At.ctime);
    sum = crc32(sum, bytes, at + At.pzxid, at + STAT_SIZE);
    return crc32(sum, bytes, at + At.ctime, at + At.dataLength);
  }

  acl(node: Znode): number {
    return this.#word(node, ACL);
  }

  setAcl(node: Znode, id: number): void {
    this.#setWord(node, ACL, id);
  }

  kind(node: Znode): NodeKind {
    return KINDS[this.#word(node, FLAGS) & KIND_MASK];
  }

  setKind(node: Znode, kind: NodeKind): void {
    const flags = this.#word(node, FLAGS) & ~KIND_MASK;
    this.#setWord(node, FLAGS, flags | KINDS.indexOf(kind));
  }

  /** Whether the node is outside the tree digest. */
  isUncounted(node: Znode): boolean {
    return (this.#word(node, FLAGS) & UNCOUNTED) !== 0;
  }

  setUncounted(node: Znode): void {
    this.#setWord(node, FLAGS, this.#word(node, FLAGS) | UNCOUNTED);
  }

  // Data.

  dataLength(node: Znode): number {
    return this.int(node, At.dataLength);
  }

  /** The data as a view: not to be kept beyond the next change of the tree. */
  data(node: Znode): Uint8Array | null {
    if ((this.#word(node, FLAGS) & NULL_DATA) !== 0) return null;
    const cell = this.#word(node, CELL);
    const length = this.dataLength(node);
    if (cell === NO_CELL) return new Uint8Array(0);
    const start = this.slab.start(cell) + this.nameLength(node);
    return this.slab.bytes(cell).subarray(start, start + length);
  }

  /** Calls `use` with the memory and the range of the data; with null when the data is null. */
  withData(
    node: Znode,
    use: (bytes: Uint8Array | null, start: number, end: number) => void,
  ): void {
    if ((this.#word(node, FLAGS) & NULL_DATA) !== 0) return use(null, 0, 0);
    const cell = this.#word(node, CELL);
    if (cell === NO_CELL) return use(this.#bytes[0], 0, 0);
    const start = this.slab.start(cell) + this.nameLength(node);
    use(this.slab.bytes(cell), start, start + this.dataLength(node));
  }

  /** Copies `data` in; `summed` says whether the content sum is to be kept. */
  setData(node: Znode, data: Uint8Array | null, summed: boolean): void {
    const ints = this.#ints[node >>> PAGE_BITS];
    const base = (node & PAGE_MASK) * WORDS;
    const length = data === null ? 0 : data.length;
    const nameLength = ints[base + NAME_LENGTH];
    const cell = this.#resize(ints[base + CELL], nameLength, nameLength + length);
    ints[base + CELL] = cell;
    ints[base + FLAGS] = data === null
      ? ints[base + FLAGS] | NULL_DATA
      : ints[base + FLAGS] & ~NULL_DATA;
    this.setInt(node, At.dataLength, length);
    if (data !== null && length > 0) {
      copy(data, 0, length, this.slab.bytes(cell), this.slab.start(cell) + nameLength);
    }
    if (summed) {
      const sum = ints[base + PATH_SUM];
      ints[base + CONTENT_SUM] = length === 0 ? sum : crc32(sum, data as Uint8Array);
    }
  }

  #resize(cell: number, keep: number, size: number): number {
    const slab = this.slab;
    if (cell !== NO_CELL && size > 0 && slab.fits(cell, size)) return cell;
    const wider = size === 0 ? NO_CELL : slab.take(size);
    if (cell !== NO_CELL) {
      if (wider !== NO_CELL && keep > 0) {
        const from = slab.start(cell);
        copy(slab.bytes(cell), from, from + keep, slab.bytes(wider), slab.start(wider));
      }
      slab.give(cell);
    }
    return wider;
  }

  // Stat.

  int(node: Znode, at: number): number {
    return this.#views[node >>> PAGE_BITS].getInt32((node & PAGE_MASK) * RECORD + STAT + at);
  }

  setInt(node: Znode, at: number, value: number): void {
    this.#views[node >>> PAGE_BITS].setInt32((node & PAGE_MASK) * RECORD + STAT + at, value);
  }

  long(node: Znode, at: number): bigint {
    return this.#views[node >>> PAGE_BITS].getBigInt64((node & PAGE_MASK) * RECORD + STAT + at);
  }

  setLong(node: Znode, at: number, value: bigint): void {
    this.#views[node >>> PAGE_BITS].setBigInt64((node & PAGE_MASK) * RECORD + STAT + at, value);
  }

  /** Memory page of the record, with {@link statStart} for whole copies. */
  statBytes(node: Znode): Uint8Array {
    return this.#bytes[node >>> PAGE_BITS];
  }

  statStart(node: Znode): number {
    return (node & PAGE_MASK) * RECORD + STAT;
  }

  stat(node: Znode): StatPersisted {
    return {
      czxid: this.long(node, At.czxid),
      mzxid: this.long(node, At.mzxid),
      ctime: this.long(node, At.ctime),
      mtime: this.long(node, At.mtime),
      version: this.int(node, At.version),
      cversion: this.int(node, At.cversion),
      aversion: this.int(node, At.aversion),
      ephemeralOwner: this.long(node, At.owner),
      pzxid: this.long(node, At.pzxid),
    };
  }

  setStat(node: Znode, stat: StatPersisted): void {
    this.setLong(node, At.czxid, stat.czxid);
    this.setLong(node, At.mzxid, stat.mzxid);
    this.setLong(node, At.ctime, stat.ctime);
    this.setLong(node, At.mtime, stat.mtime);
    this.setInt(node, At.version, stat.version);
    this.setInt(node, At.cversion, stat.cversion);
    this.setInt(node, At.aversion, stat.aversion);
    this.setLong(node, At.owner, stat.ephemeralOwner);
    this.setLong(node, At.pzxid, stat.pzxid);
  }

  #word(node: Znode, field: number): number {
    return this.#ints[node >>> PAGE_BITS][(node & PAGE_MASK) * WORDS + field];
  }

  #setWord(node: Znode, field: number, value: number): void {
    this.#ints[node >>> PAGE_BITS][(node & PAGE_MASK) * WORDS + field] = value;
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
