// A dump of the tree in slices, while transactions go on (storage.md 4.1 parts 2 to 4, quorum.md
// 6.6): sessions, access lists, nodes with parents before children, the path "/" as the end.
//
// What it promises, for a dump that began at zxid Z:
// - sessions and access lists are those of the beginning;
// - a node that lives from the beginning to the end stands in it exactly once, as it was when its
//   turn came; one that was deleted before its turn is absent; one made after Z is absent, so
//   that no node needs a list that is not in the table (replay from Z + 1 makes it);
// - but one that a session took along without a list, behind its parent's turn, is there as it was
//   last: replay must find it, or nothing moves the parent's pzxid (before 3.6 there were no lists);
// - a node that got another list before its turn keeps its old number here, for the same reason.
//
// Must agree with Java's SerializeUtils.serializeSnapshot and DataTree.serialize, and is stricter.

import type { SessionId, Zxid } from "../base/ids.ts";
import { Output } from "../codec/output.ts";
import { type ACL, writeACL } from "../records/data.ts";
import { OPEN_ACL_ID } from "./acl_store.ts";
import type { Core, Dumping } from "./core.ts";
import { At, ROOT, STAT_SIZE, type Znode } from "./nodes.ts";

/** What passing over a node is reckoned to cost, in bytes: slices are bounded by work. */
const STEP_COST = 16;

type Part = "sessions" | "acls" | "nodes" | "done";

export class TreeDump implements Dumping {
  /** The zxid the dump is named after: everything up to it is inside. */
  readonly zxid: Zxid;
  readonly #core: Core;
  readonly #newest: Zxid;
  readonly #sessions: readonly (readonly [SessionId, number])[];
  readonly #lists: readonly (readonly [number, readonly ACL[]])[];
  readonly #listed: ReadonlySet<number>;
  /** Numbers that nodes had at the beginning, of those that have got another. */
  readonly #oldAcl = new Map<Znode, number>();
  #part: Part = "sessions";
  /** Entries of the table at hand that are written; −1 before its count is. */
  #at = -1;
  /** The node whose turn is next; 0 when there is none left. */
  #next: Znode = ROOT;
  #written = 0;
  #path = new Uint8Array(256);
  /** A bit for each znode whose turn has come. */
  readonly #seen: Uint8Array;
  /** Nodes that follow when all have had their turn; null while there are none. */
  #late: Output | null = null;
  #lateAt = 0;

  constructor(core: Core, zxid: Zxid, sessions: ReadonlyMap<SessionId, number>) {
    this.zxid = zxid;
    this.#core = core;
    this.#newest = core.newest > zxid ? core.newest : zxid;
    this.#sessions = [...sessions];
    this.#lists = core.acls.entries();
    this.#listed = new Set(this.#lists.map(([id]) => id));
    this.#seen = new Uint8Array((core.nodes.bound >>> 3) + 1);
    core.dumping.add(this);
  }

  /** Nodes written so far. */
  get nodesWritten(): number {
    return this.#written;
  }

  /**
   * Appends the next part of the dump, about `maxBytes` of it (more when one record is longer).
   * True when the dump is complete.
   */
  fill(out: Output, maxBytes: number): boolean {
    const limit = out.size + maxBytes;
    if (this.#part === "sessions") this.#fillSessions(out, limit);
    if (this.#part === "acls") this.#fillLists(out, limit);
    if (this.#part === "nodes") this.#fillNodes(out, limit);
    return this.#part === "done";
  }

  /** Gives the dump up; needed when it is not run to its end. */
  cancel(): void {
    this.#core.dumping.delete(this);
    this.#part = "done";
  }

  #fillSessions(out: Output, limit: number): void {
    if (this.#at < 0) {
      out.int(this.#sessions.length);
      this.#at = 0;
    }
    while (this.#at < this.#sessions.length) {
      if (out.size >= limit) return;
      const [id, timeout] = this.#sessions[this.#at++];
      out.long(id);
      out.int(timeout);
    }
    this.#part = "acls";
    this.#at = -1;
  }

  #fillLists(out: Output, limit: number): void {
    if (this.#at < 0) {
      out.int(this.#lists.length);
      this.#at = 0;
    }
    while (this.#at < this.#lists.length) {
      if (out.size >= limit) return;
      const [id, list] = this.#lists[this.#at++];
      writeAclNumber(out, id);
      out.vector(list, writeACL);
    }
    this.#part = "nodes";
  }

  #fillNodes(out: Output, limit: number): void {
    let passed = 0;
    while (this.#next !== 0) {
      if (out.size + passed * STEP_COST >= limit) return;
      const node = this.#next;
      if (this.#belongs(node)) {
        this.#writeNode(out, node);
        this.#seen[node >>> 3] |= 1 << (node & 7);
        this.#next = this.#after(node, true);
      } else {
        this.#next = this.#after(node, false);
      }
      passed += 1;
    }
    if (this.#late !== null) {
      const end = Math.min(this.#late.size, this.#lateAt + Math.max(0, limit - out.size));
      out.rawRange(this.#late.bytes, this.#lateAt, end);
      this.#lateAt = end;
      if (end < this.#late.size) return;
    }
    out.ustring("/");
    this.cancel();
  }

  removing(node: Znode): void {
    this.#oldAcl.delete(node);
    // Its children, if any, have been removed before it.
    if (node === this.#next) this.#next = this.#after(node, false);
  }

  leaving(node: Znode): void {
    if (this.#hasSeen(node) || !this.#hasSeen(this.#core.nodes.parent(node))) return;
    if (this.#belongs(node)) this.#writeNode(this.#late ??= new Output(), node);
  }

  #hasSeen(node: Znode): boolean {
    return ((this.#seen[node >>> 3] ?? 0) & (1 << (node & 7))) !== 0;
  }

  changingAcl(node: Znode): void {
    if (!this.#oldAcl.has(node)) this.#oldAcl.set(node, this.#core.nodes.acl(node));
  }

  #belongs(node: Znode): boolean {
    const { nodes } = this.#core;
    if (nodes.long(node, At.czxid) > this.#newest) return false;
    const acl = this.#oldAcl.get(node) ?? nodes.acl(node);
    return acl === OPEN_ACL_ID || this.#listed.has(acl);
  }

  /** The next node in pre-order, with or without the children of this one. */
  #after(node: Znode, inside: boolean): Znode {
    const { nodes } = this.#core;
    let next = inside ? nodes.first(node) : 0;
    let at = node;
    while (next === 0 && at !== ROOT) {
      next = nodes.next(at);
      if (next === 0) at = nodes.parent(at);
    }
    return next;
  }

  #writeNode(out: Output, node: Znode): void {
    const { nodes } = this.#core;
    const length = nodes.pathLength(node);
    if (length > this.#path.length) this.#path = new Uint8Array(2 * length);
    nodes.pathInto(node, this.#path, length);
    out.int(length);
    out.rawRange(this.#path, 0, length);
    if (nodes.hasNullData(node)) {
      out.int(-1);
    } else {
      const start = nodes.dataStart(node);
      out.int(nodes.dataLength(node));
      out.rawRange(nodes.cellBytes(node), start, start + nodes.dataLength(node));
    }
    writeAclNumber(out, this.#oldAcl.get(node) ?? nodes.acl(node));
    const bytes = nodes.statBytes(node);
    const stat = nodes.statStart(node);
    out.rawRange(bytes, stat, stat + At.dataLength);
    out.rawRange(bytes, stat + At.pzxid, stat + STAT_SIZE);
    this.#written += 1;
  }
}

/** Numbers of access lists are longs; ours are small, and {@link OPEN_ACL_ID} is −1. */
const writeAclNumber = (out: Output, id: number): void => out.words(id < 0 ? -1 : 0, id);
