// The fixed part of a znode: 112-byte records in pages that never move, outside the garbage-collected
// heap. Int words in the order of this machine, then the stat as 68 bytes of wire.
//
//   words 0..10   links, sums, cell, list number, flags (see nodes.ts)
//   bytes 44..111 the stat as a client sees it, but with cversion and ephemeralOwner as stored
//                 (client.md 1.4): the difference is made when it is written out.

import type { StatPersisted } from "../records/data.ts";
import type { NodeKind } from "./owner.ts";

declare const handle: unique symbol;
/** A znode: valid until it is deleted. Never 0. */
export type Znode = number & { readonly [handle]?: "znode" };

const PAGE_BITS = 12;
const PAGE_NODES = 1 << PAGE_BITS;
const PAGE_MASK = PAGE_NODES - 1;
/** The first page is this short at first and grows to a whole one: most small trees need no more. */
const FIRST_NODES = 1 << 8;
const WORDS = 28;
const RECORD = WORDS * 4;
/** Where the stat starts in a record, in bytes. */
const STAT = 44;
export const STAT_SIZE = 68;

/** Words of a record. */
export const Word = {
  parent: 0,
  first: 1,
  next: 2,
  prev: 3,
  chain: 4,
  pathSum: 5,
  contentSum: 6,
  cell: 7,
  acl: 8,
  nameLength: 9,
  flags: 10,
} as const;

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
const Flag = { nullData: 4, uncounted: 8, live: 16 } as const;

export class Records {
  readonly #ints: Int32Array[] = [];
  readonly #bytes: Uint8Array[] = [];
  readonly #views: DataView[] = [];
  #fresh = 1;
  #free = 0;
  #count = 0;

  /** Records in use. */
  get count(): number {
    return this.#count;
  }

  /** Above every znode that there has been. */
  get bound(): Znode {
    return this.#fresh;
  }

  /** Bytes taken from the system. */
  get reservedRecords(): number {
    return this.#bytes.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  /** A record of zeros, with null data. */
  protected takeRecord(): Znode {
    const node = this.#free !== 0 ? this.#reuse() : this.#open();
    this.#ints[node >>> PAGE_BITS].fill(0, this.#base(node), this.#base(node) + WORDS);
    this.setWord(node, Word.flags, Flag.live | Flag.nullData);
    this.#count += 1;
    return node;
  }

  protected giveRecord(node: Znode): void {
    this.setWord(node, Word.flags, 0);
    this.setWord(node, Word.next, this.#free);
    this.#free = node;
    this.#count -= 1;
  }

  #reuse(): Znode {
    const node = this.#free;
    this.#free = this.word(node, Word.next);
    return node;
  }

  #open(): Znode {
    const node = this.#fresh++;
    const page = node >>> PAGE_BITS;
    if (page === this.#ints.length) this.#page(page, page === 0 ? FIRST_NODES : PAGE_NODES);
    else if (this.#base(node) === this.#ints[page].length) this.#page(page, 2 * (node & PAGE_MASK));
    return node;
  }

  /** Nobody keeps a page's memory over the making of a node: it may move here. */
  #page(page: number, nodes: number): void {
    const bytes = new Uint8Array(nodes * RECORD);
    if (page < this.#bytes.length) bytes.set(this.#bytes[page]);
    this.#bytes[page] = bytes;
    this.#ints[page] = new Int32Array(bytes.buffer);
    this.#views[page] = new DataView(bytes.buffer);
  }

  #base(node: Znode): number {
    return (node & PAGE_MASK) * WORDS;
  }

  word(node: Znode, field: number): number {
    return this.#ints[node >>> PAGE_BITS][(node & PAGE_MASK) * WORDS + field];
  }

  protected setWord(node: Znode, field: number, value: number): void {
    this.#ints[node >>> PAGE_BITS][(node & PAGE_MASK) * WORDS + field] = value;
  }

  // Flags and list number.

  isLive(node: Znode): boolean {
    return (this.word(node, Word.flags) & Flag.live) !== 0;
  }

  kind(node: Znode): NodeKind {
    return KINDS[this.word(node, Word.flags) & KIND_MASK];
  }

  setKind(node: Znode, kind: NodeKind): void {
    const flags = this.word(node, Word.flags) & ~KIND_MASK;
    this.setWord(node, Word.flags, flags | KINDS.indexOf(kind));
  }

  /** Whether the node is outside the tree digest. */
  isUncounted(node: Znode): boolean {
    return (this.word(node, Word.flags) & Flag.uncounted) !== 0;
  }

  setUncounted(node: Znode): void {
    this.setWord(node, Word.flags, this.word(node, Word.flags) | Flag.uncounted);
  }

  hasNullData(node: Znode): boolean {
    return (this.word(node, Word.flags) & Flag.nullData) !== 0;
  }

  protected setNullData(node: Znode, isNull: boolean): void {
    const flags = this.word(node, Word.flags) & ~Flag.nullData;
    this.setWord(node, Word.flags, isNull ? flags | Flag.nullData : flags);
  }

  acl(node: Znode): number {
    return this.word(node, Word.acl);
  }

  setAcl(node: Znode, id: number): void {
    this.setWord(node, Word.acl, id);
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

  /** The memory in which the stat is, from {@link statStart} on. */
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
}
