// One write, leader-side: the checks of client.md 3.7 in their order, then the body of the txn and
// the outstanding changes it will make. Used alone and as a part of a multi. A refusal is a number:
// the error code of the answer.
//
// Must agree with PrepRequestProcessor.pRequest2Txn; what would halt apply is refused (section 11).

import type { Zxid } from "../base/ids.ts";
import { type AuthOptions, fixup, idsBytes, idsRoom, lacksId, Perm, permits } from "../auth/mod.ts";
import type { ACL, Id, StatPersisted } from "../records/data.ts";
import {
  CONTAINER_OWNER,
  kindOfOwner,
  type NodeKind,
  type OwnerOptions,
  ttlOwner,
} from "../tree/owner.ts";
import { sequenceSuffix, validatePartialPath, validatePath } from "../tree/paths.ts";
import { ErrorCode, OpCode } from "../txn/opcodes.ts";
import type { TxnBody } from "../txn/txn.ts";
import { isBadQuotaText, isNamelessQuota } from "./hazards.ts";
import type { Found, Outstanding } from "./outstanding.ts";
import type { QuotaGuard } from "./quota_guard.ts";
import type { Owner } from "./request.ts";
import type { SessionTracker } from "./sessions.ts";

/** What a path check or a lookup may give instead of a result. */
export type Refused = number;

/** Everything one txn is made from; the same for all parts of a multi. */
export interface Preparing {
  readonly zxid: Zxid;
  readonly time: bigint;
  readonly sessionId: bigint;
  readonly auth: readonly Id[];
  readonly owner: Owner;
  /** Bytes that stand in lists of the txn for `auth` so far. */
  authBytes: number;
}

export interface PrepareRules {
  readonly auth: AuthOptions;
  readonly owners: OwnerOptions;
  readonly digests: boolean;
  /** Other servers apply these txns too, maybe Java's. */
  readonly othersApply: boolean;
  /** Longest string or buffer that anybody believes; a txn must stay below (H-L18). */
  readonly recordLimit: number;
}

export interface CreateAsk {
  /** 1, 15, 19 or 21: the header type of the txn. */
  readonly op: number;
  readonly path: string | null;
  readonly data: Uint8Array | null;
  readonly acl: readonly ACL[] | null;
  readonly flags: number;
  /** −1 for ops without the field. */
  readonly ttl: bigint;
}

/** Bits of the create flags, as far as they are regular: 0 to 3 and 6 (client.md 4.3). */
export const isSequentialMode = (flags: number): boolean =>
  flags === 2 || flags === 3 || flags === 6;
export const isEphemeralMode = (flags: number): boolean => flags === 1 || flags === 3;
export const isTtlMode = (flags: number): boolean => flags === 5 || flags === 6;
export const isCreateMode = (flags: number): boolean => flags >= 0 && flags <= 6;

const RESERVED = new Set(["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"]);

export class OpPreparer {
  readonly #outstanding: Outstanding;
  readonly #rules: PrepareRules;
  readonly #quota: QuotaGuard;
  readonly #sessions: SessionTracker;

  constructor(
    outstanding: Outstanding,
    sessions: SessionTracker,
    rules: PrepareRules,
    quota: QuotaGuard,
  ) {
    this.#outstanding = outstanding;
    this.#sessions = sessions;
    this.#rules = rules;
    this.#quota = quota;
  }

  /** 0, SESSIONEXPIRED or SESSIONMOVED. */
  checkSession(txn: Preparing): number {
    return this.#sessions.check(txn.sessionId, txn.owner);
  }

  create(txn: Preparing, ask: CreateAsk): TxnBody | Refused {
    const mode = this.#checkMode(txn, ask);
    if (mode !== 0) return mode;
    if (ask.path === null) return ErrorCode.MARSHALLINGERROR;
    if (validatePartialPath(ask.path) !== null) return ErrorCode.BADARGUMENTS;
    const acl = this.#acl(txn, ask.acl);
    if (typeof acl === "number") return acl;
    const parent = this.#outstanding.find(parentOf(ask.path));
    if (parent === null) return ErrorCode.NONODE;
    if (!this.#may(parent, Perm.CREATE, txn)) return ErrorCode.NOAUTH;
    const path = isSequentialMode(ask.flags)
      ? ask.path + sequenceSuffix(parent.stat.cversion)
      : ask.path;
    if (validatePath(path) !== null || isNamelessQuota(path)) return ErrorCode.BADARGUMENTS;
    if (this.#halts(path, ask.data, true)) return ErrorCode.BADARGUMENTS;
    if (this.#outstanding.find(path) !== null) return ErrorCode.NODEEXISTS;
    if (this.#kind(parent.stat) === "ephemeral") return ErrorCode.NOCHILDRENFOREPHEMERALS;
    if (this.#quota.refusesCreate(path, ask.data)) return ErrorCode.QUOTAEXCEEDED;
    return this.#created(txn, ask, path, acl, parent);
  }

  delete(txn: Preparing, path: string | null, version: number): TxnBody | Refused {
    const session = this.checkSession(txn);
    if (session !== 0) return session;
    if (path === null) return ErrorCode.MARSHALLINGERROR;
    if (!isDeletable(path)) return ErrorCode.BADARGUMENTS;
    const parent = this.#outstanding.find(parentOf(path));
    if (parent === null) return ErrorCode.NONODE;
    if (!this.#may(parent, Perm.DELETE, txn)) return ErrorCode.NOAUTH;
    const node = this.#outstanding.find(path);
    if (node === null) return ErrorCode.NONODE;
    if (!isVersion(node.stat.version, version)) return ErrorCode.BADVERSION;
    if (node.childCount > 0) return ErrorCode.NOTEMPTY;
    if (isNamelessQuota(path)) return ErrorCode.BADARGUMENTS;
    return this.#deleted(txn, path, parent, node);
  }

  /** The reaper's request: no session, no ACL, no version (client.md 4.10). */
  deleteContainer(txn: Preparing, path: string): TxnBody | Refused {
    if (!isDeletable(path)) return ErrorCode.BADARGUMENTS;
    const node = this.#outstanding.find(path);
    if (node === null) return ErrorCode.NONODE;
    if (node.childCount > 0) return ErrorCode.NOTEMPTY;
    if (this.#kind(node.stat) === "ephemeral") return ErrorCode.BADVERSION;
    if (isNamelessQuota(path)) return ErrorCode.BADARGUMENTS;
    const parent = this.#outstanding.find(parentOf(path));
    if (parent === null) return ErrorCode.NONODE;
    return this.#deleted(txn, path, parent, node);
  }

  setData(
    txn: Preparing,
    path: string | null,
    data: Uint8Array | null,
    version: number,
  ): TxnBody | Refused {
    const session = this.checkSession(txn);
    if (session !== 0) return session;
    if (path === null || validatePath(path) !== null) return ErrorCode.BADARGUMENTS;
    const node = this.#outstanding.find(path);
    if (node === null) return ErrorCode.NONODE;
    if (!this.#may(node, Perm.WRITE, txn)) return ErrorCode.NOAUTH;
    if (this.#halts(path, data, false)) return ErrorCode.BADARGUMENTS;
    if (this.#quota.refusesSetData(path, node.dataLength, data)) return ErrorCode.QUOTAEXCEEDED;
    if (!isVersion(node.stat.version, version)) return ErrorCode.BADVERSION;
    const next = (node.stat.version + 1) | 0;
    this.#outstanding.update(txn.zxid, node, {
      stat: { ...node.stat, version: next, mtime: txn.time, mzxid: txn.zxid },
      data,
    });
    return { kind: "setData", record: { path, data, version: next } };
  }

  setACL(
    txn: Preparing,
    path: string | null,
    asked: readonly ACL[] | null,
    version: number,
  ): TxnBody | Refused {
    const session = this.checkSession(txn);
    if (session !== 0) return session;
    if (path === null || validatePath(path) !== null) return ErrorCode.BADARGUMENTS;
    const acl = this.#acl(txn, asked);
    if (typeof acl === "number") return acl;
    const node = this.#outstanding.find(path);
    if (node === null) return ErrorCode.NONODE;
    if (!this.#may(node, Perm.ADMIN, txn)) return ErrorCode.NOAUTH;
    if (!isVersion(node.stat.aversion, version)) return ErrorCode.BADVERSION;
    const next = (node.stat.aversion + 1) | 0;
    this.#outstanding.update(txn.zxid, node, { stat: { ...node.stat, aversion: next }, acl });
    return { kind: "setACL", record: { path, acl, version: next } };
  }

  /** Only as a part of a multi. */
  check(txn: Preparing, path: string | null, version: number): TxnBody | Refused {
    const session = this.checkSession(txn);
    if (session !== 0) return session;
    if (path === null || validatePath(path) !== null) return ErrorCode.BADARGUMENTS;
    const node = this.#outstanding.find(path);
    if (node === null) return ErrorCode.NONODE;
    if (!this.#may(node, Perm.READ, txn)) return ErrorCode.NOAUTH;
    if (!isVersion(node.stat.version, version)) return ErrorCode.BADVERSION;
    return { kind: "check", record: { path, version: (node.stat.version + 1) | 0 } };
  }

  /** The new text of /zookeeper/config; who may plan one has been decided. */
  reconfig(txn: Preparing, path: string, config: Uint8Array): TxnBody | Refused {
    const node = this.#outstanding.find(path);
    if (node === null) return ErrorCode.NONODE;
    if (!this.#may(node, Perm.WRITE, txn)) return ErrorCode.NOAUTH;
    this.#outstanding.update(txn.zxid, node, {
      stat: { ...node.stat, version: -1, mtime: txn.time, mzxid: txn.zxid },
      data: config,
    });
    return { kind: "setData", record: { path, data: config, version: -1 } };
  }

  /** Every ephemeral of a session goes with it. */
  closeSession(txn: Preparing): string[] {
    const paths = this.#outstanding.ephemeralsOf(txn.sessionId);
    for (const path of paths) {
      const parent = this.#outstanding.find(parentOf(path));
      if (parent !== null && this.#rules.digests) {
        // The child count stays: only the digest needs this record (client.md 8.3).
        this.#outstanding.update(txn.zxid, parent, { stat: movedBy(txn.zxid, parent.stat) });
      }
      this.#outstanding.remove(txn.zxid, path, this.#outstanding.find(path));
    }
    return paths;
  }

  /** Checks 2 to 5 of create: flags, ttl, session. */
  #checkMode(txn: Preparing, ask: CreateAsk): number {
    const { flags, op, ttl } = ask;
    if (!isCreateMode(flags)) return ErrorCode.BADARGUMENTS;
    if (isTtlMode(flags)) {
      if (!this.#rules.owners.extendedTypes) return ErrorCode.UNIMPLEMENTED;
      if (ttlOwner(ttl) === null) return ErrorCode.BADARGUMENTS;
    } else if (ttl >= 0n || op === OpCode.createTTL) {
      return ErrorCode.BADARGUMENTS; // a TTL txn without a TTL halts Java servers (client.md 11)
    }
    // An ephemeral needs a session that every server knows.
    return isEphemeralMode(flags)
      ? this.#sessions.checkGlobal(txn.sessionId, txn.owner)
      : this.checkSession(txn);
  }

  #created(
    txn: Preparing,
    ask: CreateAsk,
    path: string,
    acl: ACL[],
    parent: Found,
  ): TxnBody {
    const { op, data } = ask;
    const { zxid, time } = txn;
    const parentCVersion = (parent.stat.cversion + 1) | 0;
    const ephemeral = isEphemeralMode(ask.flags);
    // Apply moves the parent only to a greater cversion: after 2147483647 it stays (client.md 4.3).
    const stat = parentCVersion > parent.stat.cversion
      ? { ...parent.stat, cversion: parentCVersion, pzxid: zxid }
      : parent.stat;
    this.#outstanding.update(zxid, parent, { stat, childCount: parent.childCount + 1 });
    const owner = op === OpCode.createContainer
      ? CONTAINER_OWNER
      : op === OpCode.createTTL
      ? ttlOwner(ask.ttl) ?? 0n
      : ephemeral
      ? txn.sessionId
      : 0n;
    this.#outstanding.create(zxid, path, freshStat(zxid, time, owner), acl, data);
    switch (op) {
      case OpCode.createContainer:
        return { kind: "createContainer", record: { path, data, acl, parentCVersion } };
      case OpCode.createTTL:
        return { kind: "createTTL", record: { path, data, acl, parentCVersion, ttl: ask.ttl } };
      default:
        return {
          kind: "create",
          record: { path, data, acl, ephemeral, parentCVersion },
          beforeV34: false,
        };
    }
  }

  #deleted(txn: Preparing, path: string, parent: Found, node: Found): TxnBody {
    this.#outstanding.update(txn.zxid, parent, {
      stat: movedBy(txn.zxid, parent.stat),
      childCount: parent.childCount - 1,
    });
    this.#outstanding.remove(txn.zxid, path, node);
    return { kind: "delete", record: { path } };
  }

  /**
   * The list as it is stored, or why not. A client can have very many ids, and ask for all of them
   * in each part of a multi: what grows beyond what others read is refused.
   */
  #acl(txn: Preparing, asked: readonly ACL[] | null): ACL[] | Refused {
    const { auth, recordLimit } = this.#rules;
    const limit = idsRoom(recordLimit);
    const acl = fixup(asked, txn.auth, auth, limit - txn.authBytes);
    if (acl === null) {
      return lacksId(asked, auth) ? ErrorCode.MARSHALLINGERROR : ErrorCode.INVALIDACL;
    }
    if (asked?.some(({ id }) => id.scheme === "auth") !== true) return acl;
    txn.authBytes += idsBytes(acl.map(({ id }) => id));
    return txn.authBytes > limit ? ErrorCode.INVALIDACL : acl;
  }

  /** Alone we may take what only others cannot read (client.md 11). */
  #halts(path: string, data: Uint8Array | null, isCreate: boolean): boolean {
    return this.#rules.othersApply && isBadQuotaText(path, data, isCreate);
  }

  #may(node: Found, permission: number, txn: Preparing): boolean {
    return permits(node.acl, permission, txn.auth, this.#rules.auth);
  }

  #kind(stat: StatPersisted): NodeKind {
    return kindOfOwner(stat.ephemeralOwner, this.#rules.owners);
  }
}

/** Text before the last `/`; `""` is the root. */
const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));

/** −1 asks for any version. */
const isVersion = (current: number, asked: number): boolean => asked === -1 || asked === current;

/** The partial check of delete: no other validation (client.md 3.7). */
function isDeletable(path: string): boolean {
  return validatePartialPath(path) === null && !RESERVED.has(path);
}

/** A parent after a child was removed; apply never moves pzxid back. */
function movedBy(zxid: Zxid, stat: StatPersisted): StatPersisted {
  return zxid > stat.pzxid ? { ...stat, pzxid: zxid } : stat;
}

function freshStat(zxid: Zxid, time: bigint, ephemeralOwner: bigint): StatPersisted {
  return {
    czxid: zxid,
    mzxid: zxid,
    ctime: time,
    mtime: time,
    version: 0,
    cversion: 0,
    aversion: 0,
    ephemeralOwner,
    pzxid: zxid,
  };
}
