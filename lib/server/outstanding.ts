// What the tree will be once everything proposed so far is applied: one record per znode touched by
// a txn that is not applied yet, and the tree digest after it (client.md 8.3, storage.md 5.3).
//
// Must agree with ZooKeeperServer.ChangeRecord and the outstandingChanges of PrepRequestProcessor,
// except that the root has one key and that records say what apply will do, not what was asked.

import { crc32 } from "../base/crc32.ts";
import { Deque } from "../base/deque.ts";
import type { Zxid } from "../base/ids.ts";
import type { ACL, StatPersisted } from "../records/data.ts";
import { finishDigest, isCounted, pathSum } from "../tree/digest.ts";
import { TextMap } from "../tree/text_map.ts";
import type { Tree } from "../tree/tree.ts";

/** A znode as the next txn will find it. Never changed once made. */
export interface Found {
  /** `""` for the root. */
  readonly path: string;
  readonly stat: StatPersisted;
  readonly childCount: number;
  readonly acl: readonly ACL[] | null;
  readonly dataLength: number;
  /** Checksum of the path, with which the next begins; 0 with digests off. */
  readonly pathSum: number;
  /** Checksum of path and data, with which its digest begins; 0 with digests off. */
  readonly contentSum: number;
  /** Unsigned 32-bit; 0 outside the digest. */
  readonly nodeDigest: number;
}

/** What txn `zxid` does to one znode. */
interface Change {
  readonly zxid: Zxid;
  readonly path: string;
  /** Null: deleted. */
  readonly node: Found | null;
  /** Digest of the whole tree after this change. */
  readonly treeDigest: bigint;
}

/** What a change makes of a znode; the rest stays. */
export interface Edit {
  readonly stat: StatPersisted;
  readonly childCount?: number;
  readonly acl?: readonly ACL[] | null;
  /** Given when the data changes. */
  readonly data?: Uint8Array | null;
}

/** The key of a path: the root is `""` as a parent and `/` by name, but one znode. */
export const keyOf = (path: string): string => path === "/" ? "" : path;

export class Outstanding {
  readonly #tree: Tree;
  readonly #digests: boolean;
  readonly #queue = new Deque<Change>();
  readonly #latest = new TextMap<Change>();
  /** Paths by the owner that their latest change leaves them: many sessions may end in one tick. */
  readonly #owned = new Map<bigint, TextMap<string>>();
  /** While a multi is prepared: what its changes have hidden, newest last. */
  #hidden: { readonly path: string; readonly change: Change | undefined }[] | null = null;
  added = 0;
  removed = 0;

  constructor(tree: Tree, digests: boolean) {
    this.#tree = tree;
    this.#digests = digests;
  }

  get size(): number {
    return this.#queue.size;
  }

  /** The znode as the next txn will find it, or null when it will not be there. */
  find(path: string): Found | null {
    const key = keyOf(path);
    const change = this.#latest.get(key);
    if (change !== undefined) return change.node;
    const node = this.#tree.get(key);
    if (node === undefined) return null;
    return {
      path: key,
      stat: this.#tree.persisted(node),
      childCount: this.#tree.childCount(node),
      acl: this.#tree.acl(node),
      dataLength: this.#tree.dataLength(node),
      pathSum: this.#digests ? this.#tree.pathSumOf(node) : 0,
      contentSum: this.#digests ? this.#tree.contentSumOf(node) : 0,
      nodeDigest: this.#digests ? this.#tree.digestOf(node) : 0,
    };
  }

  /** Tree digest after everything outstanding. */
  treeDigest(): bigint {
    if (!this.#digests) return 0n;
    return this.#queue.last()?.treeDigest ?? this.#tree.digest();
  }

  /** Records that txn `zxid` changes a znode found here before. */
  update(zxid: Zxid, before: Found, edit: Edit): void {
    const { path } = before;
    const contentSum = edit.data === undefined
      ? before.contentSum
      : this.#contentSum(before.pathSum, edit.data);
    const nodeDigest = this.#nodeDigest(path, contentSum, edit.stat);
    const node: Found = {
      path,
      stat: edit.stat,
      childCount: edit.childCount ?? before.childCount,
      acl: edit.acl === undefined ? before.acl : edit.acl,
      dataLength: edit.data === undefined ? before.dataLength : edit.data?.length ?? 0,
      pathSum: before.pathSum,
      contentSum,
      nodeDigest,
    };
    this.#add(zxid, path, node, nodeDigest - before.nodeDigest);
  }

  /** Records that txn `zxid` makes a znode. */
  create(
    zxid: Zxid,
    path: string,
    stat: StatPersisted,
    acl: readonly ACL[],
    data: Uint8Array | null,
  ): void {
    const sum = this.#digests ? pathSum(path) : 0;
    const contentSum = this.#contentSum(sum, data);
    const nodeDigest = this.#nodeDigest(path, contentSum, stat);
    const dataLength = data?.length ?? 0;
    const sums = { pathSum: sum, contentSum, nodeDigest };
    const node = { path, stat, childCount: 0, acl, dataLength, ...sums };
    this.#add(zxid, path, node, nodeDigest);
  }

  /** Records that txn `zxid` removes a znode; `before` is null when it is not there any more. */
  remove(zxid: Zxid, path: string, before: Found | null): void {
    this.#add(zxid, path, null, before === null ? 0 : -before.nodeDigest);
  }

  /** From here until {@link keep} or {@link undo}, changes can be taken back. */
  begin(): void {
    this.#hidden = [];
  }

  keep(): void {
    this.#hidden = null;
  }

  /** Takes back every change since {@link begin}: a multi has failed. */
  undo(): void {
    const hidden = this.#hidden ?? [];
    for (let i = hidden.length - 1; i >= 0; i--) {
      const { path, change } = hidden[i];
      this.#queue.pop();
      this.#turn(path, change);
    }
    this.#hidden = [];
  }

  /** Forgets what is in the tree now. */
  applied(zxid: Zxid): void {
    for (;;) {
      const first = this.#queue.first();
      if (first === undefined || first.zxid > zxid) return;
      this.#queue.shift();
      this.removed += 1;
      if (this.#latest.get(first.path) === first) this.#turn(first.path, undefined);
    }
  }

  /**
   * Every ephemeral that will belong to a session: those in the tree and those proposed, without
   * those proposed for deletion.
   */
  ephemeralsOf(session: bigint): string[] {
    const paths: string[] = [];
    for (const path of this.#tree.ephemeralsOf(session)) {
      if (!this.#latest.has(path)) paths.push(path);
    }
    for (const path of this.#owned.get(session)?.values() ?? []) paths.push(path);
    return paths;
  }

  #contentSum(pathSum: number, data: Uint8Array | null): number {
    return this.#digests && data !== null ? crc32(pathSum, data) : pathSum;
  }

  #nodeDigest(path: string, sum: number, stat: StatPersisted): number {
    return this.#digests && isCounted(path) ? finishDigest(sum, stat) : 0;
  }

  /** `digestBy`: by how much the tree digest moves. */
  #add(zxid: Zxid, path: string, node: Found | null, digestBy: number): void {
    const before = this.treeDigest();
    const change: Change = {
      zxid,
      path,
      node,
      treeDigest: digestBy === 0 ? before : BigInt.asIntN(64, before + BigInt(digestBy)),
    };
    if (this.#hidden !== null) this.#hidden.push({ path, change: this.#latest.get(path) });
    this.#queue.push(change);
    this.#turn(path, change);
    this.added += 1;
  }

  /** From now on this is the latest change of a path; undefined: the tree has the last word. */
  #turn(path: string, change: Change | undefined): void {
    const before = ownerOf(this.#latest.get(path));
    const after = ownerOf(change);
    if (change === undefined) this.#latest.delete(path);
    else this.#latest.set(path, change);
    if (before === after) return;
    const left = this.#owned.get(before);
    if (left?.delete(path) === true && left.size === 0) this.#owned.delete(before);
    if (after === 0n) return;
    const owned = this.#owned.get(after);
    if (owned !== undefined) return void owned.set(path, path);
    const first = new TextMap<string>();
    first.set(path, path);
    this.#owned.set(after, first);
  }
}

const ownerOf = (change: Change | undefined): bigint => change?.node?.stat.ephemeralOwner ?? 0n;
