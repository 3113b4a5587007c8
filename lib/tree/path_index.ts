// From the checksum of a path to the znodes that have it: a hash table that grows one bucket at a
// time (linear hashing), so that no insertion ever pays for a rebuild of millions of entries. It
// holds only heads; the chain runs through a word of each node's record.

const PAGE_BITS = 14;
const PAGE_SIZE = 1 << PAGE_BITS;
const PAGE_MASK = PAGE_SIZE - 1;
const START_BITS = 10;
/** With one entry per bucket on average, a longer chain is no accident (about 1 in 10^36). */
const CHAIN_MAX = 32;

/** The two words of a node that the index uses. */
export interface Chained {
  hashOf(node: number): number;
  chainNext(node: number): number;
  setChainNext(node: number, next: number): void;
}

export class PathIndex {
  readonly #nodes: Chained;
  readonly #pages: Int32Array[] = [new Int32Array(PAGE_SIZE)];
  #mask = (1 << START_BITS) - 1;
  /** Buckets below this one have been split in the present round. */
  #split = 0;
  #size = 0;

  constructor(nodes: Chained) {
    this.#nodes = nodes;
  }

  get size(): number {
    return this.#size;
  }

  /** First node of the chain in which a node with this hash stands; 0 for none. */
  head(hash: number): number {
    const bucket = this.#bucket(hash);
    return this.#pages[bucket >>> PAGE_BITS][bucket & PAGE_MASK];
  }

  /** Whether the chain for this hash is longer than chance makes any: no node may be added to it. */
  isFull(hash: number): boolean {
    let node = this.head(hash);
    for (let length = 1; node !== 0; length++) {
      if (length === CHAIN_MAX) return true;
      node = this.#nodes.chainNext(node);
    }
    return false;
  }

  add(node: number): void {
    const bucket = this.#bucket(this.#nodes.hashOf(node));
    this.#push(bucket, node);
    this.#size += 1;
    if (this.#size > this.#mask + 1 + this.#split) this.#grow();
  }

  remove(node: number): void {
    const nodes = this.#nodes;
    const bucket = this.#bucket(nodes.hashOf(node));
    const page = this.#pages[bucket >>> PAGE_BITS];
    this.#size -= 1;
    let at = page[bucket & PAGE_MASK];
    if (at === node) {
      page[bucket & PAGE_MASK] = nodes.chainNext(node);
      return;
    }
    for (;;) {
      const next = nodes.chainNext(at);
      if (next === node) break;
      at = next;
    }
    nodes.setChainNext(at, nodes.chainNext(node));
  }

  #bucket(hash: number): number {
    // The checksum is linear: numbered names differ in few bits of it, and a product spreads them.
    const spread = Math.imul(hash, 0x9e3779b1);
    const mixed = spread ^ (spread >>> 15);
    const bucket = mixed & this.#mask;
    return bucket < this.#split ? mixed & (2 * this.#mask + 1) : bucket;
  }

  #push(bucket: number, node: number): void {
    const page = this.#pages[bucket >>> PAGE_BITS];
    this.#nodes.setChainNext(node, page[bucket & PAGE_MASK]);
    page[bucket & PAGE_MASK] = node;
  }

  #grow(): void {
    const from = this.#split;
    const buckets = this.#mask + 1 + from;
    if (buckets >>> PAGE_BITS === this.#pages.length) this.#pages.push(new Int32Array(PAGE_SIZE));
    const page = this.#pages[from >>> PAGE_BITS];
    let node = page[from & PAGE_MASK];
    page[from & PAGE_MASK] = 0;
    this.#split += 1;
    while (node !== 0) {
      const next = this.#nodes.chainNext(node);
      this.#push(this.#bucket(this.#nodes.hashOf(node)), node);
      node = next;
    }
    if (this.#split === this.#mask + 1) {
      this.#mask = 2 * this.#mask + 1;
      this.#split = 0;
    }
  }
}
