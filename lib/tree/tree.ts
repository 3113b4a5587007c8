// The replicated state: znodes, sessions, and what each transaction does to them (client.md 4).
// Deterministic: the same transactions give the same tree on every server, Java's included. apply
// never throws for what a transaction says, and may be repeated over a fuzzy snapshot (storage.md
// 7.3). Deciding whether a request becomes a transaction is lib/server/prepare.ts.
//
// Must agree with Java's DataTree.processTxn and what it calls.

import type { SessionId, Zxid } from "../base/ids.ts";
import { hex } from "../base/ids.ts";
import { Output } from "../codec/output.ts";
import type { Trace } from "../ports.ts";
import type { ACL, StatPersisted } from "../records/data.ts";
import type { TxnHeader } from "../records/txn.ts";
import { ErrorCode, OpCode } from "../txn/opcodes.ts";
import { isRefusedMulti, type Txn, type TxnBody, type TxnPart } from "../txn/txn.ts";
import { Core } from "./core.ts";
import { TreeDump } from "./dump.ts";
import { DigestCheck } from "./digest_check.ts";
import { At, ROOT, STAT_SIZE, type Znode } from "./nodes.ts";
import { CONTAINER_OWNER, ttlOwner } from "./owner.ts";
import { Quotas } from "./quota.ts";
import { setWatches, type WatchLists } from "./rearm.ts";
import { TreeView } from "./view.ts";
import { type Watcher, Watches } from "./watches.ts";

export type { Znode } from "./nodes.ts";
export type { NodeKind } from "./owner.ts";
export type { WatchLists } from "./rearm.ts";
export type { Watcher } from "./watches.ts";

export const CONFIG_PATH = "/zookeeper/config";
const READ_ONLY: readonly ACL[] = [{ perms: 1, id: { scheme: "world", id: "anyone" } }];

export interface TreeOptions {
  /** Whether the digest is kept (`zookeeper.digest.enabled`). */
  readonly digest: boolean;
  readonly extendedTypes: boolean;
  readonly emulate353Ttl: boolean;
  readonly note: Trace["note"];
}

/** What one part of a multi did; type −1 for every part of a refused one. */
export interface AppliedPart {
  readonly type: number;
  readonly err: number;
  readonly path: string | null;
  /** The stat right after this part, 68 bytes; null when not asked for or not there. */
  readonly stat: Uint8Array | null;
}

export interface Applied {
  readonly type: number;
  readonly err: number;
  /** The path of a change to one node. */
  readonly path: string | null;
  /** The node made or changed; null when deleted, missing, or not about one node. */
  readonly node: Znode | null;
  readonly parts: readonly AppliedPart[] | null;
  readonly closedSession: { readonly id: SessionId; readonly deleted: number } | null;
}

export class Tree extends TreeView {
  readonly sessions = new Map<SessionId, number>();
  readonly watches = new Watches();
  readonly quotas: Quotas;
  /** Compares the digest with what transactions and snapshots say. */
  readonly check: DigestCheck;
  readonly options: TreeOptions;
  /** Zxid of the last transaction applied; a multi counts when its last part is done. */
  lastZxid: Zxid = 0n;

  /** A fresh tree, or one that a TreeLoader has filled. */
  constructor(options: TreeOptions, loaded?: Core) {
    super(loaded ?? new Core(options));
    this.options = options;
    this.check = new DigestCheck(this.core.digestSum, options.note);
    this.quotas = new Quotas(this.core, options.note);
    if (loaded !== undefined) return;
    this.#plant("/zookeeper", null, 0);
    this.#plant("/zookeeper/quota", null, 0);
    this.#plant(CONFIG_PATH, READ_ONLY, -1);
  }

  #plant(path: string, acl: readonly ACL[] | null, aversion: number): void {
    const core = this.core;
    core.locate(path);
    core.make(path, new Uint8Array(0), core.acls.use(acl), statOf(0n, 0n, 0n, aversion));
  }

  /** A dump of the state as of now, to be taken slice by slice. */
  dump(): TreeDump {
    return new TreeDump(this.core, this.lastZxid, this.sessions);
  }

  // Changing.

  /**
   * Applies a transaction: tree, sessions, watches, digest, then {@link lastZxid}. Errors of the
   * protocol are in the answer. With `wantStats` the parts of a multi carry their stats.
   */
  apply(txn: Txn, wantStats: boolean): Applied {
    const { header, body } = txn;
    const applied = body.kind === "multi"
      ? this.#applyMulti(header, body.parts, wantStats)
      : body.kind === "closeSession"
      ? this.#closeSession(header, body.paths)
      : this.#applyOne(header, header.type, body);
    if (header.zxid > this.lastZxid) this.lastZxid = header.zxid;
    if (this.options.digest) this.check.applied(txn);
    return applied;
  }

  #applyMulti(header: TxnHeader, parts: readonly TxnPart[], wantStats: boolean): Applied {
    const results: AppliedPart[] = [];
    let err = 0;
    if (isRefusedMulti(parts)) {
      for (const { body } of parts) {
        const code = body.kind === "error"
          ? body.record.err
          : err === 0
          ? ErrorCode.OK
          : ErrorCode.RUNTIMEINCONSISTENCY;
        if (err === 0) err = code;
        results.push({ type: OpCode.error, err: code, path: null, stat: null });
      }
    } else {
      for (const { type, body } of parts) {
        const part = this.#applyOne(header, type, body);
        if (err === 0) err = part.err;
        const stat = wantStats && part.node !== null ? this.#statBytes(part.node) : null;
        results.push({ type, err: part.err, path: part.path, stat });
      }
    }
    const { type } = header;
    return { type, err, path: null, node: null, parts: results, closedSession: null };
  }

  #statBytes(node: Znode): Uint8Array {
    const out = new Output(STAT_SIZE);
    this.writeStat(node, out);
    return out.give();
  }

  #applyOne(header: TxnHeader, type: number, body: TxnBody): Applied {
    switch (body.kind) {
      case "create": {
        const { path, data, acl, ephemeral, parentCVersion } = body.record;
        const owner = ephemeral ? header.clientId : 0n;
        return this.#create(header, type, path, data, acl, owner, parentCVersion);
      }
      case "createContainer": {
        const { path, data, acl, parentCVersion } = body.record;
        return this.#create(header, type, path, data, acl, CONTAINER_OWNER, parentCVersion);
      }
      case "createTTL": {
        const { path, data, acl, parentCVersion, ttl } = body.record;
        const owner = ttlOwner(ttl);
        if (owner === null) {
          this.options.note(
            "error",
            "tree",
            "a transaction makes a TTL node with an impossible ttl",
            {
              path,
              ttl,
              zxid: hex(header.zxid),
            },
          );
        }
        return this.#create(header, type, path, data, acl, owner ?? 0n, parentCVersion);
      }
      case "delete":
        return answer(type, this.#delete(header.zxid, body.record.path ?? ""), body.record.path);
      case "setData":
        return this.#setData(header, type, body.record.path, body.record.data, body.record.version);
      case "setACL":
        return this.#setAcl(type, body.record.path, body.record.acl, body.record.version);
      case "createSession":
        this.sessions.set(header.clientId, body.record.timeOut);
        return answer(type, ErrorCode.OK, null);
      case "check":
        return answer(type, ErrorCode.OK, body.record.path);
      case "error":
        return answer(type, body.record.err, null);
      case "closeSession":
      case "multi":
        return answer(type, ErrorCode.OK, null); // the decoder lets neither into a multi
    }
  }

  #create(
    header: TxnHeader,
    type: number,
    name: string | null,
    data: Uint8Array | null,
    acl: readonly ACL[] | null,
    owner: bigint,
    parentCVersion: number,
  ): Applied {
    const core = this.core;
    const { nodes } = core;
    const path = name ?? "";
    core.locate(path);
    const { parent, node: existing } = core;
    if (parent === 0) return answer(type, ErrorCode.NONODE, path);
    if (existing === ROOT) return answer(type, ErrorCode.NODEEXISTS, path);
    const cversion = parentCVersion === -1
      ? (nodes.int(parent, At.cversion) + 1) | 0
      : parentCVersion;
    this.#raise(parent, cversion, header.zxid);
    if (existing !== 0) {
      core.setAcl(existing, acl);
      return answer(type, ErrorCode.NODEEXISTS, path);
    }
    const aclId = core.acls.use(acl);
    const node = core.make(path, data, aclId, statOf(header.zxid, header.time, owner, 0));
    this.quotas.created(path, data === null ? 0 : data.length);
    if (this.#isWatched()) {
      const above = path.slice(0, path.lastIndexOf("/")) || "/";
      this.watches.created(path, above, header.zxid, acl, this.acl(parent));
    }
    return { type, err: ErrorCode.OK, path, node, parts: null, closedSession: null };
  }

  /**
   * Moves a parent's cversion and pzxid for a new child, when that is ahead. Java does it for a
   * child that exists only when the type is create; the others miss it, and their trees then
   * differ from the ensemble's (storage.md 7.3). Raising to what the leader had is right for all.
   */
  #raise(parent: Znode, cversion: number, zxid: Zxid): void {
    const core = this.core;
    if (cversion <= core.nodes.int(parent, At.cversion)) return;
    core.leaveDigest(parent);
    core.nodes.setInt(parent, At.cversion, cversion);
    core.nodes.setLong(parent, At.pzxid, zxid);
    core.joinDigest(parent);
  }

  #delete(zxid: Zxid, path: string): number {
    const core = this.core;
    const { nodes } = core;
    core.locate(path);
    const { parent, node } = core;
    if (parent === 0 || node === ROOT) return ErrorCode.NONODE;
    if (zxid > nodes.long(parent, At.pzxid)) {
      core.leaveDigest(parent);
      nodes.setLong(parent, At.pzxid, zxid);
      core.joinDigest(parent);
    }
    if (node === 0) return ErrorCode.NONODE;
    const acl = this.acl(node);
    const length = nodes.dataLength(node);
    core.remove(node, path, this.#removedBelow);
    this.quotas.deleted(path, length);
    if (this.#isWatched()) {
      const above = path.slice(0, path.lastIndexOf("/")) || "/";
      this.watches.deleted(path, above, zxid, acl, this.acl(parent));
    }
    return ErrorCode.OK;
  }

  readonly #removedBelow = (path: string, length: number): void =>
    this.quotas.deleted(path, length);

  #setData(
    header: TxnHeader,
    type: number,
    path: string | null,
    data: Uint8Array | null,
    version: number,
  ): Applied {
    const core = this.core;
    const { nodes } = core;
    const node = path === null ? 0 : core.find(path);
    if (node === 0 || path === null) return answer(type, ErrorCode.NONODE, path);
    const before = nodes.dataLength(node);
    core.leaveDigest(node);
    core.setData(node, data);
    nodes.setLong(node, At.mtime, header.time);
    nodes.setLong(node, At.mzxid, header.zxid);
    nodes.setInt(node, At.version, version);
    core.joinDigest(node);
    this.quotas.changed(path, before, data === null ? 0 : data.length);
    if (this.watches.data.size > 0) this.watches.changed(path, header.zxid, this.acl(node));
    return { type, err: ErrorCode.OK, path, node, parts: null, closedSession: null };
  }

  #setAcl(
    type: number,
    path: string | null,
    acl: readonly ACL[] | null,
    version: number,
  ): Applied {
    const core = this.core;
    const node = path === null ? 0 : core.find(path);
    if (node === 0) return answer(type, ErrorCode.NONODE, path);
    core.leaveDigest(node);
    core.nodes.setInt(node, At.aversion, version);
    core.setAcl(node, acl);
    core.joinDigest(node);
    return { type, err: ErrorCode.OK, path, node, parts: null, closedSession: null };
  }

  #closeSession(header: TxnHeader, paths: readonly string[] | null): Applied {
    const { clientId: id, zxid, type } = header;
    this.sessions.delete(id);
    let deleted = 0;
    for (const path of paths ?? []) if (this.#delete(zxid, path) === ErrorCode.OK) deleted += 1;
    const left = [...this.ephemeralsOf(id)];
    if (paths !== null && left.length > 0) {
      this.options.note("warn", "tree", "a closing session owns nodes that its txn does not list", {
        session: hex(id),
        zxid: hex(zxid),
        paths: left,
      });
    }
    for (const path of left) {
      this.core.leaving(path);
      if (this.#delete(zxid, path) === ErrorCode.OK) deleted += 1;
    }
    return {
      type,
      err: ErrorCode.OK,
      path: null,
      node: null,
      parts: null,
      closedSession: { id, deleted },
    };
  }

  #isWatched(): boolean {
    return this.watches.data.size > 0 || this.watches.child.size > 0;
  }

  /**
   * Deletes ephemerals whose session is not in the table: done after loading, locally, without a
   * transaction (client.md 7.6). Answers their paths.
   */
  killOrphanEphemerals(): string[] {
    const orphans: string[] = [];
    for (const session of [...this.core.ephemerals.keys()]) {
      if (this.sessions.has(session)) continue;
      for (const path of [...this.ephemeralsOf(session)]) {
        this.#delete(this.lastZxid, path);
        orphans.push(path);
      }
    }
    return orphans;
  }

  /**
   * Writes `/zookeeper/config`, which each server does by itself (client.md 4.6): version −1, the
   * configuration's version as mzxid, the own clock as mtime. Makes the node where an old snapshot
   * lacks it.
   */
  setConfigNode(data: Uint8Array, version: Zxid, nowWall: number): void {
    if (this.get("/zookeeper") === undefined) this.#plant("/zookeeper", null, 0);
    if (this.get(CONFIG_PATH) === undefined) this.#plant(CONFIG_PATH, READ_ONLY, -1);
    const header = { clientId: 0n, cxid: 0, zxid: version, time: BigInt(nowWall), type: 0 };
    this.#setData(header, OpCode.setData, CONFIG_PATH, data, -1);
  }

  /**
   * Arms again what a client had before it reconnected, or tells it what it missed since
   * `relativeZxid` (client.md 6.4).
   */
  setWatches(watcher: Watcher, relativeZxid: Zxid, lists: WatchLists): boolean {
    return setWatches(this, watcher, relativeZxid, lists);
  }
}

function statOf(zxid: Zxid, time: bigint, owner: bigint, aversion: number): StatPersisted {
  return {
    czxid: zxid,
    mzxid: zxid,
    ctime: time,
    mtime: time,
    version: 0,
    cversion: 0,
    aversion,
    ephemeralOwner: owner,
    pzxid: zxid,
  };
}

const answer = (type: number, err: number, path: string | null): Applied => ({
  type,
  err,
  path,
  node: null,
  parts: null,
  closedSession: null,
});
