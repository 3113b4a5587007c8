// The tree without transactions: znodes with everything that must move along when one of them
// changes (digest, list counts, sets by kind, sizes, running dumps). What a transaction does is in
// tree.ts, which alone calls the changing methods, apart from the loader.

import { crc32, CRC32_START } from "../base/crc32.ts";
import type { SessionId, Zxid } from "../base/ids.ts";
import { encodeUnits } from "../codec/output.ts";
import type { ACL, StatPersisted } from "../records/data.ts";
import { AclStore } from "./acl_store.ts";
import { DigestSum } from "./digest.ts";
import { At, Nodes, ROOT, type Znode } from "./nodes.ts";
import { kindOfOwner, type OwnerOptions } from "./owner.ts";

const SLASH = 0x2f;
/** A scratch that had to hold a huge path does not stay huge. */
const SCRATCH_KEEP = 1 << 16;

/** A dump under way hears of the changes that would disturb it. */
export interface Dumping {
  removing(node: Znode): void;
  /** The node is about to be removed by a transaction that does not name it. */
  leaving(node: Znode): void;
  /** The node is about to get another list. */
  changingAcl(node: Znode): void;
}

export interface CoreOptions extends OwnerOptions {
  /** Whether the tree digest is kept. */
  readonly digest: boolean;
}

export class Core {
  readonly nodes = new Nodes();
  readonly acls = new AclStore();
  readonly options: CoreOptions;
  readonly ephemerals = new Map<SessionId, Set<Znode>>();
  readonly containers = new Set<Znode>();
  readonly ttls = new Set<Znode>();
  readonly dumping = new Set<Dumping>();
  readonly digestSum = new DigestSum();
  ephemeralCount = 0;
  /** Characters of all paths and bytes of all data. */
  dataSize = 0;
  /** `/zookeeper`; 0 until there is one. */
  zookeeper: Znode = 0;
  /** The highest zxid that any node was made with. */
  newest: Zxid = 0n;

  /** Where {@link locate} left off: parent and node are 0 when there is none. */
  parent: Znode = 0;
  node: Znode = 0;
  #nameStart = 0;
  #end = 0;
  #sum = 0;
  #scratch = new Uint8Array(1024);

  constructor(options: CoreOptions) {
    this.options = options;
    this.nodes.setData(ROOT, new Uint8Array(0), true);
    if (options.digest) this.digestSum.add(this.nodes.digest(ROOT));
  }

  /** The node at a path; 0 when there is none. Both "" and "/" are the root. */
  find(path: string): Znode {
    if (path.length <= 1 && (path === "" || path === "/")) return ROOT;
    const end = this.#encode(path);
    return this.nodes.find(this.#scratch, end, crc32(CRC32_START, this.#scratch, 0, end));
  }

  /** Sets {@link parent} and {@link node} to what stands at a path and above it. */
  locate(path: string): void {
    const end = this.#encode(path);
    const bytes = this.#scratch;
    let slash = end - 1;
    while (slash >= 0 && bytes[slash] !== SLASH) slash -= 1;
    this.parent = 0;
    this.node = 0;
    if (slash < 0) return;
    const above = crc32(CRC32_START, bytes, 0, slash);
    this.parent = this.nodes.find(bytes, slash, above);
    this.#nameStart = slash + 1;
    this.#end = end;
    this.#sum = crc32(above, bytes, slash, end);
    if (this.parent === 0) return;
    this.node = end === 1
      ? ROOT
      : this.nodes.findChild(this.parent, bytes, slash + 1, end, this.#sum);
  }

  #encode(path: string): number {
    if (3 * path.length > this.#scratch.length) {
      this.#scratch = new Uint8Array(3 * path.length);
    } else if (this.#scratch.length > SCRATCH_KEEP && path.length < 1024) {
      this.#scratch = new Uint8Array(4096);
    }
    return encodeUnits(path, this.#scratch, 0);
  }

  /**
   * Makes the node that {@link locate} looked for and did not find. `acl` is a number that has been
   * counted for it. The parent's stat, apart from its number of children, is the caller's matter.
   */
  make(path: string, data: Uint8Array | null, acl: number, stat: StatPersisted): Znode {
    const { nodes, parent } = this;
    const node = nodes.insert(parent, this.#scratch, this.#nameStart, this.#end, this.#sum);
    nodes.setData(node, data, this.options.digest);
    nodes.setAcl(node, acl);
    nodes.setStat(node, stat);
    if (parent === this.zookeeper || nodes.isUncounted(parent)) nodes.setUncounted(node);
    else if (parent === ROOT && path === "/zookeeper") this.zookeeper = node;
    this.#enlist(node, stat.ephemeralOwner);
    if (stat.czxid > this.newest) this.newest = stat.czxid;
    this.dataSize += path.length + (data === null ? 0 : data.length);
    this.joinDigest(node);
    return node;
  }

  #enlist(node: Znode, owner: bigint): void {
    if (owner === 0n) return;
    const kind = kindOfOwner(owner, this.options);
    this.nodes.setKind(node, kind);
    if (kind === "container") {
      this.containers.add(node);
    } else if (kind === "ttl") {
      this.ttls.add(node);
    } else if (kind === "ephemeral") {
      const owned = this.ephemerals.get(owner);
      if (owned === undefined) this.ephemerals.set(owner, new Set([node]));
      else owned.add(node);
      this.ephemeralCount += 1;
    }
  }

  /**
   * Removes a node with everything below it. A node with children is deleted only in a replay over
   * a fuzzy snapshot: the children are of a later life of the parent and will be made again.
   * `below` hears of each of them, by its path and the length of its data.
   */
  remove(node: Znode, path: string, below: (path: string, length: number) => void): void {
    const { nodes } = this;
    let at = nodes.first(node);
    while (at !== 0) { // leaves first
      while (nodes.first(at) !== 0) at = nodes.first(at);
      const above = nodes.parent(at);
      const sibling = nodes.next(at);
      const leaf = nodes.path(at);
      const length = nodes.dataLength(at);
      this.#removeLeaf(at, leaf.length);
      below(leaf, length);
      at = sibling !== 0 ? sibling : above === node ? 0 : above;
    }
    this.#removeLeaf(node, path.length);
  }

  /** To be called before a node is removed that the transaction does not name. */
  leaving(path: string): void {
    if (this.dumping.size === 0) return;
    const node = this.find(path);
    if (node !== 0) { for (const dump of this.dumping) dump.leaving(node); }
  }

  #removeLeaf(node: Znode, pathLength: number): void {
    const { nodes } = this;
    for (const dump of this.dumping) dump.removing(node);
    this.leaveDigest(node);
    this.acls.drop(nodes.acl(node));
    this.dataSize -= pathLength + nodes.dataLength(node);
    this.#delist(node);
    if (node === this.zookeeper) this.zookeeper = 0;
    nodes.remove(node);
  }

  #delist(node: Znode): void {
    switch (this.nodes.kind(node)) {
      case "persistent":
        return;
      case "container":
        this.containers.delete(node);
        return;
      case "ttl":
        this.ttls.delete(node);
        return;
      case "ephemeral": {
        const owner = this.nodes.long(node, At.owner);
        const owned = this.ephemerals.get(owner);
        if (owned?.delete(node) === true) this.ephemeralCount -= 1;
        if (owned?.size === 0) this.ephemerals.delete(owner);
      }
    }
  }

  /** Replaces data. The stat, apart from the length, is the caller's matter, and so is the digest. */
  setData(node: Znode, data: Uint8Array | null): void {
    this.dataSize += (data === null ? 0 : data.length) - this.nodes.dataLength(node);
    this.nodes.setData(node, data, this.options.digest);
  }

  /** Points a node at another list. */
  setAcl(node: Znode, list: readonly ACL[] | null): void {
    const id = this.acls.use(list);
    const old = this.nodes.acl(node);
    if (id !== old) { for (const dump of this.dumping) dump.changingAcl(node); }
    this.nodes.setAcl(node, id);
    this.acls.drop(old);
  }

  /** To be called before a counted field of a node changes. */
  leaveDigest(node: Znode): void {
    if (this.options.digest && !this.nodes.isUncounted(node)) {
      this.digestSum.subtract(this.nodes.digest(node));
    }
  }

  /** To be called after it has changed. */
  joinDigest(node: Znode): void {
    if (this.options.digest && !this.nodes.isUncounted(node)) {
      this.digestSum.add(this.nodes.digest(node));
    }
  }
}
