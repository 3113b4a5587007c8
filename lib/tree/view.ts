// What can be read from a tree, by znode: stats, data, children, lists, counts, digests. A Znode is
// a handle that is good until its node is deleted; views of data are good until the next change.
//
// Must agree with Java's DataTree and DataNode in every figure that a client or operator sees.

import type { SessionId, Zxid } from "../base/ids.ts";
import type { Output } from "../codec/output.ts";
import type { ACL, StatPersisted } from "../records/data.ts";
import type { Core } from "./core.ts";
import { At, ROOT, STAT_SIZE, type Znode } from "./nodes.ts";
import { type NodeKind, ttlOf } from "./owner.ts";
import { Word } from "./records.ts";

const OPEN: readonly ACL[] = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];

export class TreeView {
  protected readonly core: Core;

  constructor(core: Core) {
    this.core = core;
  }

  /** The node at a path; both "" and "/" are the root. Valid until the node is deleted. */
  get(path: string): Znode | undefined {
    const node = this.core.find(path);
    return node === 0 ? undefined : node;
  }

  /** Znodes as Java counts them: the root twice. */
  get nodeCount(): number {
    return this.core.nodes.count + 1;
  }

  get ephemeralCount(): number {
    return this.core.ephemeralCount;
  }

  /** Characters of all paths and bytes of all data. */
  get dataSize(): number {
    return this.core.dataSize;
  }

  /** Distinct access lists in use. */
  get aclCount(): number {
    return this.core.acls.size;
  }

  /** Bytes taken from the system for znodes. */
  get reservedBytes(): number {
    return this.core.nodes.reserved;
  }

  pathOf(node: Znode): string {
    return this.core.nodes.path(node);
  }

  persisted(node: Znode): StatPersisted {
    return this.core.nodes.stat(node);
  }

  mzxidOf(node: Znode): Zxid {
    return this.core.nodes.long(node, At.mzxid);
  }

  pzxidOf(node: Znode): Zxid {
    return this.core.nodes.long(node, At.pzxid);
  }

  /** Wall-clock milliseconds. */
  mtimeOf(node: Znode): number {
    return Number(this.core.nodes.long(node, At.mtime));
  }

  /** How many children the node ever had. */
  createdChildren(node: Znode): number {
    return this.core.nodes.int(node, At.cversion);
  }

  /** Writes the stat as clients see it: 68 bytes. */
  writeStat(node: Znode, out: Output): void {
    const { nodes } = this.core;
    const start = nodes.statStart(node);
    const at = out.size;
    out.rawRange(nodes.statBytes(node), start, start + STAT_SIZE);
    const created = nodes.int(node, At.cversion);
    out.patch(at + At.cversion, (2 * created - nodes.int(node, At.numChildren)) | 0);
    const kind = nodes.kind(node);
    if (kind === "container" || kind === "ttl") {
      out.patch(at + At.owner, 0);
      out.patch(at + At.owner + 4, 0);
    }
  }

  /** Writes the data as a Jute buffer. */
  writeData(node: Znode, out: Output): void {
    const { nodes } = this.core;
    if (nodes.hasNullData(node)) return out.int(-1);
    const start = nodes.dataStart(node);
    const length = nodes.dataLength(node);
    out.int(length);
    out.rawRange(nodes.cellBytes(node), start, start + length);
  }

  /** Writes the names of the children as a Jute vector. */
  writeChildren(node: Znode, out: Output): void {
    const { nodes } = this.core;
    out.int(nodes.int(node, At.numChildren));
    for (let child = nodes.first(node); child !== 0; child = nodes.next(child)) {
      const start = nodes.nameStart(child);
      const length = nodes.nameLength(child);
      out.int(length);
      out.rawRange(nodes.cellBytes(child), start, start + length);
    }
  }

  dataLength(node: Znode): number {
    return this.core.nodes.dataLength(node);
  }

  /** The data as a view that the next change may overwrite: copy it to keep it. */
  dataOf(node: Znode): Uint8Array | null {
    return this.core.nodes.data(node);
  }

  /** The access list; null when the node is open to the world. */
  acl(node: Znode): readonly ACL[] | null {
    return this.core.acls.list(this.core.nodes.acl(node));
  }

  /** The access list as getACL answers it. */
  aclShown(node: Znode): readonly ACL[] {
    return this.acl(node) ?? OPEN;
  }

  kindOf(node: Znode): NodeKind {
    return this.core.nodes.kind(node);
  }

  /** Time to live in milliseconds of a node of kind "ttl". */
  ttlOf(node: Znode): number {
    return ttlOf(this.core.nodes.long(node, At.owner));
  }

  childCount(node: Znode): number {
    return this.core.nodes.int(node, At.numChildren);
  }

  /** Calls `use` with the name of each child; the tree must not change meanwhile. */
  forEachChild(node: Znode, use: (name: string) => void): void {
    const { nodes } = this.core;
    for (let child = nodes.first(node); child !== 0; child = nodes.next(child)) {
      use(nodes.name(child));
    }
  }

  /** How many nodes are below a node, all levels. */
  descendants(node: Znode): number {
    const { nodes } = this.core;
    if (node === ROOT) return nodes.count - 1;
    let count = 0;
    let at = node;
    for (;;) {
      let next = nodes.first(at);
      while (next === 0) {
        if (at === node) return count;
        next = nodes.next(at);
        if (next === 0) at = nodes.parent(at);
      }
      at = next;
      count += 1;
    }
  }

  *ephemeralsOf(session: SessionId): IterableIterator<string> {
    const owned = this.core.ephemerals.get(session);
    if (owned !== undefined) { for (const node of owned) yield this.core.nodes.path(node); }
  }

  sessionsWithEphemerals(): IterableIterator<SessionId> {
    return this.core.ephemerals.keys();
  }

  *containers(): IterableIterator<string> {
    for (const node of this.core.containers) yield this.core.nodes.path(node);
  }

  *ttls(): IterableIterator<string> {
    for (const node of this.core.ttls) yield this.core.nodes.path(node);
  }

  /** Containers, then TTL nodes: a path each would be dear where there are millions. */
  *mortals(): IterableIterator<Znode> {
    yield* this.core.containers;
    yield* this.core.ttls;
  }

  /** The tree digest, signed; 0 when digests are off. */
  digest(): bigint {
    return this.core.options.digest ? this.core.digestSum.value : 0n;
  }

  /** A node's own digest, unsigned; 0 for nodes outside the tree digest. */
  digestOf(node: Znode): number {
    return this.core.nodes.isUncounted(node) ? 0 : this.core.nodes.digest(node);
  }

  /** The checksum over a node's path, with which the next begins. */
  pathSumOf(node: Znode): number {
    return this.core.nodes.word(node, Word.pathSum);
  }

  /** The checksum over a node's path and data, with which its digest begins. */
  contentSumOf(node: Znode): number {
    return this.core.nodes.word(node, Word.contentSum);
  }
}
