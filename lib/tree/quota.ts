// Quotas on the side of apply (client.md 4.9): which paths have one, and the usage that every
// server writes into the stats nodes by itself. Such a rewrite is no transaction: it changes no
// stat, fires no watch and stands outside the digest. Only the deepest quota above a path counts.
//
// Must agree with Java's PathTrie and with the quota parts of DataTree, except where those halt the
// server (client.md 11): here text without sense counts as nothing used, and nothing throws.

import type { Trace } from "../ports.ts";
import type { Core } from "./core.ts";
import { Counts } from "./counts.ts";
import type { Znode } from "./nodes.ts";
import { QuotaText } from "./quota_text.ts";
import { TextMap } from "./text_map.ts";

export const QUOTA_ROOT = "/zookeeper/quota";
export const LIMITS_NAME = "zookeeper_limits";
export const STATS_NAME = "zookeeper_stats";

export const limitsPath = (path: string): string => `${QUOTA_ROOT}${path}/${LIMITS_NAME}`;
export const statsPath = (path: string): string => `${QUOTA_ROOT}${path}/${STATS_NAME}`;

export interface QuotaUsage {
  /** The path that carries the quota. */
  readonly prefix: string;
  /** Null when there is no such node or its text makes no sense: no limit. */
  readonly limits: QuotaText | null;
  /** Null when there is no such node; text without sense counts as nothing used. */
  readonly used: QuotaText | null;
}

export class Quotas {
  readonly #core: Core;
  readonly #note: Trace["note"];
  readonly #paths = new TextMap<string>();
  /** How many of them have which length: of a deep path most prefixes need no look. */
  readonly #lengths = new Counts();

  constructor(core: Core, note: Trace["note"]) {
    this.#core = core;
    this.#note = note;
  }

  /** Paths with a quota. */
  paths(): readonly string[] {
    return [...this.#paths.values()];
  }

  /** The deepest path with a quota at or above `path`; null when there is none. */
  prefixOf(path: string): string | null {
    if (this.#paths.size === 0) return null;
    for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1)) {
      const prefix = this.#lengths.has(end) ? path.slice(0, end) : "";
      if (prefix !== "" && this.#paths.has(prefix)) return prefix;
    }
    return null;
  }

  /** Limits and usage that count for `path`; null when it is under no quota. */
  usageOf(path: string): QuotaUsage | null {
    const prefix = this.prefixOf(path);
    if (prefix === null) return null;
    const limits = this.#core.find(limitsPath(prefix));
    const stats = this.#core.find(statsPath(prefix));
    return {
      prefix,
      limits: limits === 0 ? null : QuotaText.parse(this.#core.nodes.data(limits)),
      used: stats === 0 ? null : this.#parseUsage(stats, prefix),
    };
  }

  created(path: string, length: number): void {
    if (path.startsWith(QUOTA_ROOT)) this.#createdInside(path);
    this.#move(path, 1, length);
  }

  changed(path: string, lengthBefore: number, length: number): void {
    this.#move(path, 0, length - lengthBefore);
  }

  deleted(path: string, length: number): void {
    if (path.startsWith(QUOTA_ROOT)) {
      const prefix = prefixOfNode(path, LIMITS_NAME);
      if (prefix !== null) this.#remove(normal(prefix));
    }
    this.#move(path, -1, -length);
  }

  /** Finds the quotas of a tree that was loaded, and counts their usage afresh. */
  rebuild(): void {
    this.#paths.clear();
    this.#lengths.clear();
    const top = this.#core.find(QUOTA_ROOT);
    if (top === 0) return;
    const { nodes } = this.#core;
    for (const node of descendants(this.#core, top)) {
      if (nodes.first(node) !== 0 || nodes.name(node) !== LIMITS_NAME) continue;
      const prefix = prefixOfNode(nodes.path(node), LIMITS_NAME);
      if (prefix === null) continue;
      if (prefix !== "") this.#add(prefix);
      this.#recount(prefix);
    }
  }

  #add(prefix: string): void {
    const path = normal(prefix);
    if (this.#paths.has(path)) return;
    this.#paths.set(path, path);
    this.#lengths.add(path.length);
  }

  #remove(path: string): void {
    if (this.#paths.delete(path)) this.#lengths.remove(path.length);
  }

  #createdInside(path: string): void {
    const limited = prefixOfNode(path, LIMITS_NAME);
    if (limited === "") {
      this.#note("warn", "quota", "a quota on the root is not supported: it is ignored", { path });
    } else if (limited !== null) {
      this.#add(limited);
    }
    const counted = prefixOfNode(path, STATS_NAME);
    if (counted !== null) this.#recount(counted);
  }

  #recount(prefix: string): void {
    const stats = this.#core.find(statsPath(prefix));
    if (stats === 0) {
      this.#note("warn", "quota", "there is no stats node for a quota", { path: prefix });
      return;
    }
    const { nodes } = this.#core;
    const target = this.#core.find(prefix);
    let count = 0;
    let bytes = 0;
    if (target !== 0) {
      for (const node of descendants(this.#core, target)) {
        count += 1;
        bytes += nodes.dataLength(node);
      }
    }
    this.#core.setData(stats, QuotaText.usage(count, bytes).toBytes());
  }

  #move(path: string, count: number, bytes: number): void {
    const prefix = this.prefixOf(path);
    if (prefix === null) return;
    const stats = this.#core.find(statsPath(prefix));
    if (stats === 0) {
      this.#note("error", "quota", "there is no stats node for a quota", { path: prefix });
      return;
    }
    const used = this.#parseUsage(stats, prefix);
    used.count += BigInt(count);
    used.bytes += BigInt(bytes);
    this.#core.setData(stats, used.toBytes());
  }

  #parseUsage(stats: Znode, prefix: string): QuotaText {
    const used = QuotaText.parse(this.#core.nodes.data(stats));
    if (used !== null) return used;
    this.#note("warn", "quota", "the text of a stats node makes no sense: taken as 0", {
      path: statsPath(prefix),
    });
    return QuotaText.usage(0, 0);
  }
}

/** The node and all below it, in pre-order. */
function* descendants(core: Core, top: Znode): Generator<Znode> {
  const { nodes } = core;
  let node = top;
  for (;;) {
    yield node;
    let next = nodes.first(node);
    while (next === 0) {
      if (node === top) return;
      next = nodes.next(node);
      if (next === 0) node = nodes.parent(node);
    }
    node = next;
  }
}

/** What stands between `/zookeeper/quota` and a last name; null for other last names. */
function prefixOfNode(path: string, name: string): string | null {
  if (!path.endsWith(`/${name}`)) return null;
  const end = path.length - name.length - 1;
  return end < QUOTA_ROOT.length ? null : path.slice(QUOTA_ROOT.length, end);
}

/** By segments, without the blank ones: `/zookeeper/quotax/…` limits `/x/…`, as in Java. */
const normal = (prefix: string): string =>
  `/${prefix.split("/").filter((part) => part !== "").join("/")}`;
