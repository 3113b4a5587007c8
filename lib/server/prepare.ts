// A request becomes a txn: zxid, header, body, digest. One at a time, in order of arrival, on the
// leader or the only server. A refusal takes a zxid too: it is an error txn (client.md 3.8).
//
// Must agree with PrepRequestProcessor. Different on purpose (client.md 11): a request that cannot
// be decoded takes a fresh zxid, and what would halt other servers is never proposed.

import { isFault } from "../base/errors.ts";
import { hex, type SessionId, type Zxid } from "../base/ids.ts";
import { Input } from "../codec/input.ts";
import type { AuthOptions } from "../auth/mod.ts";
import type { Instant, Trace } from "../ports.ts";
import {
  readCreateRequest,
  readCreateTTLRequest,
  readDeleteContainerRequest,
  readDeleteRequest,
  readReconfigRequest,
  readSetACLRequest,
  readSetDataRequest,
} from "../records/client.ts";
import { readCreateSessionTxn, type TxnDigest, type TxnHeader } from "../records/txn.ts";
import { decodeText } from "../codec/input.ts";
import type { OwnerOptions } from "../tree/owner.ts";
import type { Tree } from "../tree/tree.ts";
import { ErrorCode, OpCode, opName } from "../txn/opcodes.ts";
import { DIGEST_VERSION, makeTxn, type Txn, type TxnBody, type TxnPart } from "../txn/txn.ts";
import type { PrepareFace } from "./faces.ts";
import { type MultiOp, readMultiOps } from "./multi_ops.ts";
import { Outstanding } from "./outstanding.ts";
import { type CreateAsk, OpPreparer, type Preparing, type Refused } from "./prepare_op.ts";
import { QuotaGuard } from "./quota_guard.ts";
import { LOCAL, type ReconfigPlanner, type Request } from "./request.ts";
import type { SessionTracker } from "./sessions.ts";

export interface PrepareOptions {
  readonly auth: AuthOptions;
  readonly owners: OwnerOptions;
  /** Tree digests in txns (`digest.enabled`). */
  readonly digests: boolean;
  /** `closeSessionTxn.enabled`: a closeSession lists what it deletes. */
  readonly closeSessionPaths: boolean;
  /** Other servers apply these txns too, maybe Java's: what halts those is refused. */
  readonly othersApply: boolean;
  readonly enforceQuota: boolean;
  /** False: the disk is nearly full, and what adds data is refused. */
  readonly hasSpace?: () => boolean;
  /** Hears the path of each refusal by a hard quota. */
  readonly quotaExceeded: (path: string) => void;
  readonly reconfigEnabled: boolean;
  /** Null on a standalone server. */
  readonly reconfig: ReconfigPlanner | null;
  /** Longest string or buffer that is believed inside a request. */
  readonly recordLimit: number;
}

const CONFIG_PATH = "/zookeeper/config";
const encoder = new TextEncoder();
/** Length, and UTF-8 of text as JavaScript counts it, at the most. */
const BYTES_PER_UNIT = 4;
/**
 * Requests above this share of the limit may become txns above it: text that is no UTF-8 goes on
 * with three bytes for each of its own, and what stands for `auth` may take half of the limit.
 */
const GROWTH_MAX = 8;

export class Prepare implements PrepareFace {
  nextZxid: Zxid;
  readonly outstanding: Outstanding;
  readonly #sessions: SessionTracker;
  readonly #options: PrepareOptions;
  readonly #ops: OpPreparer;
  readonly #quota: QuotaGuard;
  readonly #note: Trace["note"];
  readonly #input: Input;

  constructor(
    tree: Tree,
    sessions: SessionTracker,
    options: PrepareOptions,
    note: Trace["note"],
  ) {
    this.#sessions = sessions;
    this.#options = options;
    this.#note = note;
    this.nextZxid = tree.lastZxid + 1n;
    this.outstanding = new Outstanding(tree, options.digests);
    this.#quota = new QuotaGuard(tree, options.enforceQuota, note, options.quotaExceeded);
    this.#ops = new OpPreparer(this.outstanding, sessions, options, this.#quota);
    this.#input = new Input(new Uint8Array(0), 0, 0, options.recordLimit);
  }

  prepare(request: Request, now: Instant): Txn {
    const zxid = this.nextZxid;
    this.nextZxid = zxid + 1n;
    this.#quota.now = now.mono;
    const time = BigInt(Math.floor(now.wall));
    const txn: Preparing = {
      zxid,
      time,
      sessionId: request.sessionId,
      auth: request.auth,
      owner: request.owner,
      authBytes: 0,
    };
    const mayGrow = GROWTH_MAX * request.body.length > this.#options.recordLimit;
    if (mayGrow) this.outstanding.begin();
    const made = this.#lacksSpace(request.op)
      ? ErrorCode.SYSTEMERROR // the one code for it that every client knows
      : this.#decoded(request, txn, now);
    const { sessionId: clientId, cxid, op: type } = request;
    const header = { clientId, cxid, zxid, time, type };
    let ready = typeof made === "number"
      ? errorTxn(header, made)
      : makeTxn(header, made, this.#digest());
    if (mayGrow && ready.bytes.length > this.#options.recordLimit) {
      this.outstanding.undo();
      ready = errorTxn(header, ErrorCode.BADARGUMENTS);
    }
    this.outstanding.keep();
    return ready;
  }

  applied(zxid: Zxid): void {
    this.outstanding.applied(zxid);
  }

  #lacksSpace(op: number): boolean {
    return addsData(op) && this.#options.hasSpace?.() === false;
  }

  #digest(): TxnDigest | null {
    if (!this.#options.digests) return null;
    return { version: DIGEST_VERSION, treeDigest: this.outstanding.treeDigest() };
  }

  #decoded(request: Request, txn: Preparing, now: Instant): TxnBody | Refused {
    try {
      return this.#body(request, txn, now);
    } catch (fault) {
      if (!isFault(fault)) throw fault;
      this.#note("warn", "server", `a request cannot be decoded: ${fault.message}`, {
        session: hex(request.sessionId),
        op: opName(request.op),
        bytes: request.body.length,
      });
      return ErrorCode.MARSHALLINGERROR;
    }
  }

  #body(request: Request, txn: Preparing, now: Instant): TxnBody | Refused {
    const input = this.#input.reset(request.body);
    switch (request.op) {
      case OpCode.setData: {
        const { path, data, version } = readSetDataRequest(input);
        return this.#ops.setData(txn, path, data, version);
      }
      case OpCode.create:
      case OpCode.create2:
      case OpCode.createContainer:
        return this.#ops.create(txn, {
          op: request.op,
          ...readCreateRequest(input),
          ttl: -1n,
        });
      case OpCode.createTTL:
        return this.#ops.create(txn, { op: request.op, ...readCreateTTLRequest(input) });
      case OpCode.delete: {
        const { path, version } = readDeleteRequest(input);
        return this.#ops.delete(txn, path, version);
      }
      case OpCode.setACL: {
        const { path, acl, version } = readSetACLRequest(input);
        return this.#ops.setACL(txn, path, acl, version);
      }
      case OpCode.multi: {
        const ops = readMultiOps(input);
        if (ops.some(({ type }) => this.#lacksSpace(type))) return ErrorCode.SYSTEMERROR;
        return this.#multi(txn, ops);
      }
      case OpCode.createSession:
        return this.#createSession(request, readCreateSessionTxn(input).timeOut, now);
      case OpCode.closeSession:
        return this.#closeSession(txn);
      case OpCode.reconfig:
        return this.#reconfig(txn, input);
      case OpCode.deleteContainer:
        return this.#deleteContainer(request, txn, input);
      default:
        return ErrorCode.UNIMPLEMENTED; // check alone and everything that is not a write
    }
  }

  /** All parts share zxid and time; after the first refusal nothing of the txn remains. */
  #multi(txn: Preparing, ops: readonly MultiOp[]): TxnBody | Refused {
    const parts: TxnPart[] = [];
    let refused = false;
    this.outstanding.begin();
    for (const op of ops) {
      const made = refused ? ErrorCode.RUNTIMEINCONSISTENCY : this.#part(txn, op);
      if (typeof made !== "number") {
        parts.push({ type: op.type, body: made });
        continue;
      }
      parts.push({ type: OpCode.error, body: { kind: "error", record: { err: made } } });
      if (!refused) this.outstanding.undo();
      refused = true;
    }
    return { kind: "multi", parts };
  }

  #part(txn: Preparing, op: MultiOp): TxnBody | Refused {
    switch (op.kind) {
      case "create":
        return this.#ops.create(txn, createAsk(op));
      case "delete":
        return this.#ops.delete(txn, op.path, op.version);
      case "setData":
        return this.#ops.setData(txn, op.path, op.data, op.version);
      case "check":
        return this.#ops.check(txn, op.path, op.version);
    }
  }

  /** From now on the leader knows the session; the table of all servers gets it when applied. */
  #createSession(request: Request, timeOut: number, now: Instant): TxnBody {
    this.#sessions.track(request.sessionId, timeOut, now.mono);
    this.#sessions.setOwner(request.sessionId, request.owner);
    return { kind: "createSession", record: { timeOut } };
  }

  /** No session check: whoever asks, this is the last request of the session. */
  #closeSession(txn: Preparing): TxnBody {
    const paths = this.#ops.closeSession(txn);
    this.#sessions.setClosing(txn.sessionId);
    const { closeSessionPaths, recordLimit } = this.#options;
    // A list that nobody could read would cut every follower off (H-L18); each knows them by itself.
    const size = paths.reduce((sum, path) => sum + path.length, 0);
    const isListed = closeSessionPaths && size * BYTES_PER_UNIT <= recordLimit;
    return { kind: "closeSession", paths: isListed ? paths : null };
  }

  #reconfig(txn: Preparing, input: Input): TxnBody | Refused {
    const asked = readReconfigRequest(input);
    if (!this.#options.reconfigEnabled) return ErrorCode.RECONFIGDISABLED;
    const session = this.#ops.checkSession(txn);
    if (session !== 0) return session;
    if (this.#options.reconfig === null) return ErrorCode.UNIMPLEMENTED;
    const plan = this.#options.reconfig.plan(asked, txn.zxid);
    if ("err" in plan) return plan.err;
    return this.#ops.reconfig(txn, CONFIG_PATH, encoder.encode(plan.config));
  }

  /** Only our own reaper may ask; a client could delete anything with it (client.md 11). */
  #deleteContainer(request: Request, txn: Preparing, input: Input): TxnBody | Refused {
    if (request.owner !== LOCAL || request.sessionId !== 0n) return ErrorCode.UNIMPLEMENTED;
    const path = readDeleteContainerRequest(input).path;
    if (path === null) return ErrorCode.MARSHALLINGERROR;
    return this.#ops.deleteContainer(txn, decodeText(path, 0, path.length));
  }
}

function createAsk(op: MultiOp & { readonly kind: "create" }): CreateAsk {
  const { type, path, data, acl, flags, ttl } = op;
  return { op: type, path, data, acl, flags, ttl };
}

const errorTxn = (header: TxnHeader, err: number): Txn =>
  makeTxn({ ...header, type: OpCode.error }, { kind: "error", record: { err } }, null);

/** Sessions of requests that no client sent. */
export const NO_SESSION: SessionId = 0n;

/** Deletions may go on, of a multi too: they are how an operator gets out of it. */
function addsData(op: number): boolean {
  switch (op) {
    case OpCode.create:
    case OpCode.create2:
    case OpCode.createContainer:
    case OpCode.createTTL:
    case OpCode.setData:
    case OpCode.setACL:
    case OpCode.reconfig:
      return true;
    default:
      return false;
  }
}
