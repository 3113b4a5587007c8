// Fills a tree from a snapshot file or from the stream of a leader: sessions, access lists, nodes,
// in the order they stand there. Then sets by kind, quotas and use counts are right as well.
//
// Must agree with Java's SerializeUtils.deserializeSnapshot and DataTree.deserialize. A node whose
// list is missing is kept, closed to all but a super user (storage.md 7.3); a later txn repairs it.

import { Fault } from "../base/errors.ts";
import type { SessionId } from "../base/ids.ts";
import type { ACL, StatPersisted } from "../records/data.ts";
import { OPEN_ACL_ID } from "./acl_store.ts";
import { Core } from "./core.ts";
import { ROOT } from "./nodes.ts";
import { Tree, type TreeOptions } from "./tree.ts";

export class TreeLoader {
  readonly #options: TreeOptions;
  readonly #core: Core;
  readonly #sessions: [SessionId, number][] = [];
  readonly #aclIds = new Map<bigint, number>();
  #hasRoot = false;
  #lost = 0;

  constructor(options: TreeOptions) {
    this.#options = options;
    this.#core = new Core(options);
  }

  session(id: SessionId, timeoutMs: number): void {
    this.#sessions.push([id, timeoutMs]);
  }

  /** An entry of the ACL table. A null list cannot be told from an open one. */
  acl(id: bigint, list: readonly ACL[] | null): void {
    this.#aclIds.set(id, list === null ? OPEN_ACL_ID : this.#core.acls.load(id, list));
  }

  /**
   * A node, after its parent; the root has the path "". `data` is copied. Faults: CORRUPT for a
   * node without a parent and for a path that comes twice.
   */
  node(path: string, data: Uint8Array | null, aclId: bigint, stat: StatPersisted): void {
    const core = this.#core;
    if (path === "") return this.#root(data, aclId, stat);
    core.locate(path);
    if (core.parent === 0 || !this.#hasRoot) {
      throw new Fault("CORRUPT", "a znode comes before its parent", { where: path });
    }
    if (core.node !== 0) throw new Fault("CORRUPT", "a znode comes twice", { where: path });
    core.make(path, data, this.#useAcl(aclId), stat);
  }

  /** The tree; `lastZxid` is to be set by the caller, who knows it. */
  finish(): Tree {
    if (!this.#hasRoot) throw new Fault("CORRUPT", "the snapshot has no root znode");
    this.#core.acls.purge();
    if (this.#lost > 0) {
      this.#options.note("warn", "tree", "some znodes name an access list that is missing", {
        znodes: this.#lost,
      });
    }
    const tree = new Tree(this.#options, this.#core);
    for (const [id, timeoutMs] of this.#sessions) tree.sessions.set(id, timeoutMs);
    tree.quotas.rebuild();
    tree.check.loadedFuzzy();
    return tree;
  }

  #root(data: Uint8Array | null, aclId: bigint, stat: StatPersisted): void {
    if (this.#hasRoot) throw new Fault("CORRUPT", "a znode comes twice", { where: "the root" });
    const core = this.#core;
    this.#hasRoot = true;
    core.leaveDigest(ROOT);
    core.setData(ROOT, data);
    core.nodes.setStat(ROOT, stat);
    core.nodes.setAcl(ROOT, this.#useAcl(aclId));
    core.joinDigest(ROOT);
  }

  #useAcl(id: bigint): number {
    const known = id === -1n ? OPEN_ACL_ID : this.#aclIds.get(id);
    if (known === undefined) {
      this.#lost += 1;
      return this.#core.acls.useLost();
    }
    this.#core.acls.useAgain(known);
    return known;
  }
}
