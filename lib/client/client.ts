// A ZooKeeper client for people: promises over ClientSession and the Network port. Connects to one
// server of a list after another, comes back to the same session, queues nothing: while there is no
// link a call waits for one, and what was under way when a link broke fails as connection loss.

import { Fault } from "../base/errors.ts";
import type { SessionId, Zxid } from "../base/ids.ts";
import type { Output } from "../codec/output.ts";
import type { Address, Clock, Millis, Network } from "../ports.ts";
import * as records from "../records/client.ts";
import type { ACL, Stat } from "../records/data.ts";
import { readStat } from "../records/data.ts";
import { ErrorCode, errorName, OpCode } from "../txn/opcodes.ts";
import {
  type MultiPart,
  type MultiResult,
  readMultiResponse,
  writeMultiRequest,
} from "../wire/multi.ts";
import { partHeader } from "../wire/multi.ts";
import {
  ClientSession,
  type Reply,
  SESSION_DEFAULTS,
  type SessionState,
  type WatchKind,
} from "./session.ts";
import { type LinkLoss, SessionLink } from "./session_link.ts";

export const OPEN_ACL: readonly ACL[] = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];

/** An answer that is an error, or no answer: `code` is ZooKeeper's, `path` what it was about. */
export class ZkError extends Error {
  override readonly name = "ZkError";
  readonly code: number;
  readonly path: string | null;
  constructor(code: number, path: string | null) {
    super(`${errorName(code)}${path === null ? "" : ` for ${path}`}`);
    this.code = code;
    this.path = path;
  }
}

export interface ClientOptions {
  readonly servers: readonly Address[];
  readonly timeoutMs?: Millis;
  readonly readOnly?: boolean;
  /** Wait before the next server is tried; grows to twenty times as much. */
  readonly retryMs?: Millis;
  /** Watch events of every kind. */
  readonly onEvent?: (event: records.WatcherEvent, zxid: Zxid) => void;
  readonly onState?: (state: SessionState) => void;
  /** Why a link was given up, or could not be had; another is tried. */
  readonly onLost?: (why: LinkLoss, fault: Fault | null) => void;
}

export interface Written {
  readonly zxid: Zxid;
}

export class ZkClient {
  readonly session: ClientSession;
  readonly #link: SessionLink;
  readonly #clock: Clock;
  readonly #options: ClientOptions;
  #server = 0;
  #wait: Millis;
  #waiting: (() => void)[] = [];
  #isOver = false;

  /** `clock` must be this client's own: it has one alarm. */
  constructor(network: Network, clock: Clock, options: ClientOptions) {
    if (options.servers.length === 0) throw new Fault("CONFIG", "a client needs a server");
    this.#clock = clock;
    this.#options = options;
    this.#wait = options.retryMs ?? 50;
    this.session = new ClientSession({
      event: (event, zxid) => options.onEvent?.(event, zxid),
      state: (state) => this.#changed(state),
      authFailed: () => {},
    }, {
      ...SESSION_DEFAULTS,
      timeoutMs: options.timeoutMs ?? SESSION_DEFAULTS.timeoutMs,
      readOnly: options.readOnly ?? false,
      servers: options.servers.length,
    });
    this.#link = new SessionLink({ network, clock }, this.session, {
      lost: (why, fault) => {
        options.onLost?.(why, fault);
        this.#later();
      },
    });
    this.#dial();
  }

  get sessionId(): SessionId {
    return this.session.id;
  }

  /** The server connected to, or null. */
  get server(): Address | null {
    return this.session.isUsable ? this.#options.servers[this.#server] : null;
  }

  /** Resolves when connected; rejects when the session is over. */
  connected(): Promise<void> {
    return new Promise((done, failed) => {
      const look = (): void => {
        if (this.session.isUsable) return done();
        if (this.#isOver) return failed(new ZkError(ErrorCode.SESSIONEXPIRED, null));
        this.#waiting.push(look);
      };
      look();
    });
  }

  async create(
    path: string,
    data: Uint8Array | null = null,
    flags = 0,
    acl = OPEN_ACL,
  ): Promise<string> {
    const body = await this.ask(
      OpCode.create,
      path,
      (out) => records.writeCreateRequest(out, { path, data, acl: [...acl], flags }),
    );
    return records.readCreateResponse(body.body).path ?? "";
  }

  async delete(path: string, version = -1): Promise<Written> {
    return await this.ask(
      OpCode.delete,
      path,
      (out) => records.writeDeleteRequest(out, { path, version }),
    );
  }

  async set(path: string, data: Uint8Array | null, version = -1): Promise<Stat> {
    const reply = await this.ask(
      OpCode.setData,
      path,
      (out) => records.writeSetDataRequest(out, { path, data, version }),
    );
    return readStat(reply.body);
  }

  /** The data are the caller's own. */
  async get(path: string, watch = false): Promise<{ data: Uint8Array | null; stat: Stat }> {
    const reply = await this.ask(
      OpCode.getData,
      path,
      (out) => records.writeGetDataRequest(out, { path, watch }),
      this.#arming(watch, "data", path),
    );
    const { data, stat } = records.readGetDataResponse(reply.body);
    return { data: data?.slice() ?? null, stat };
  }

  /** Null when there is no such node. */
  async exists(path: string, watch = false): Promise<Stat | null> {
    try {
      const reply = await this.ask(
        OpCode.exists,
        path,
        (out) => records.writeExistsRequest(out, { path, watch }),
        ({ err }) => {
          if (!watch) return;
          if (err === 0) this.session.arm("data", path);
          else if (err === ErrorCode.NONODE) this.session.arm("exist", path);
        },
      );
      return readStat(reply.body);
    } catch (error) {
      if (!(error instanceof ZkError) || error.code !== ErrorCode.NONODE) throw error;
      return null;
    }
  }

  async children(path: string, watch = false): Promise<string[]> {
    const reply = await this.ask(
      OpCode.getChildren,
      path,
      (out) => records.writeGetChildrenRequest(out, { path, watch }),
      this.#arming(watch, "child", path),
    );
    const names = records.readGetChildrenResponse(reply.body).children ?? [];
    return names.map((name) => name ?? "");
  }

  async sync(path = "/"): Promise<Written> {
    return await this.ask(OpCode.sync, path, (out) => records.writeSyncRequest(out, { path }));
  }

  async addWatch(path: string, isRecursive: boolean): Promise<void> {
    await this.ask(
      OpCode.addWatch,
      path,
      (out) => records.writeAddWatchRequest(out, { path, mode: isRecursive ? 1 : 0 }),
      this.#arming(true, isRecursive ? "persistentRecursive" : "persistent", path),
    );
  }

  /** All or nothing. A refused multi resolves too: look at the results. */
  async multi(parts: readonly MultiPart[]): Promise<readonly MultiResult[]> {
    const reply = await this.ask(OpCode.multi, null, (out) => writeMultiRequest(out, parts));
    return readMultiResponse(reply.body).parts;
  }

  async auth(scheme: string, auth: Uint8Array): Promise<void> {
    while (!this.session.isUsable) await this.connected();
    const reply = await new Promise<Reply>((done) => {
      this.session.auth(scheme, auth, done, this.#clock.now());
      this.#link.flushSoon();
    });
    if (reply.err !== 0) throw new ZkError(reply.err, null);
  }

  /**
   * Any op: resolves to a reply without error, rejects with a {@link ZkError}. `taken` hears the
   * reply, whatever it is, before anything behind it in the same chunk is looked at.
   */
  async ask(
    op: number,
    path: string | null,
    write: ((out: Output) => void) | null,
    taken?: (reply: Reply) => void,
  ): Promise<Reply> {
    // What connected may be gone again before we hear of it, and nothing lies between look and send.
    while (!this.session.isUsable) await this.connected();
    const reply = await new Promise<Reply>((done, failed) => {
      const answered = (reply: Reply): void => {
        try {
          taken?.(reply);
          done(reply);
        } catch (error) {
          failed(error); // of a body that cannot be read: its asker's, not the link's
        }
      };
      this.session.request(op, write, answered, this.#clock.now());
      this.#link.flushSoon();
    });
    if (reply.err !== 0) throw new ZkError(reply.err, path);
    return reply;
  }

  /** Armed when the reply is taken: the event of a watch may come right behind it. */
  #arming(isAsked: boolean, kind: WatchKind, path: string): (reply: Reply) => void {
    return ({ err }) => {
      if (isAsked && err === 0) this.session.arm(kind, path);
    };
  }

  /** Ends the session at the server, then the link. */
  close(): Promise<void> {
    return new Promise((done) => {
      this.session.close(() => done(), this.#clock.now());
      this.#link.flushSoon();
    });
  }

  /** Drops the link without a word, as a dead client does. The session lives until it expires. */
  abandon(): void {
    this.#isOver = true;
    this.#link.abandon();
    this.#wake();
  }

  #changed(state: SessionState): void {
    this.#options.onState?.(state);
    if (state === "connected") this.#wait = this.#options.retryMs ?? 50;
    if (state === "expired" || state === "closed") {
      this.#isOver = true;
      this.#link.end();
    }
    if (state !== "disconnected" && state !== "connecting") this.#wake();
  }

  #wake(): void {
    for (const look of this.#waiting.splice(0)) look();
  }

  #dial(): void {
    const { servers } = this.#options;
    this.#link.dial(servers[this.#server % servers.length], this.session.patienceMs);
  }

  #later(): void {
    if (this.#isOver) return;
    this.#server = (this.#server + 1) % this.#options.servers.length;
    const wait = this.#wait;
    this.#wait = Math.min(wait * 2, 20 * (this.#options.retryMs ?? 50));
    this.#clock.wakeAt(this.#clock.now().mono + wait, () => this.#dial());
  }
}

/** Parts of a multi. */
export const part = {
  create: (path: string, data: Uint8Array | null, flags = 0, acl = OPEN_ACL): MultiPart => ({
    kind: "create",
    header: partHeader(OpCode.create),
    record: { path, data, acl: [...acl], flags },
  }),
  delete: (path: string, version = -1): MultiPart => ({
    kind: "delete",
    header: partHeader(OpCode.delete),
    record: { path, version },
  }),
  set: (path: string, data: Uint8Array | null, version = -1): MultiPart => ({
    kind: "setData",
    header: partHeader(OpCode.setData),
    record: { path, data, version },
  }),
  check: (path: string, version: number): MultiPart => ({
    kind: "check",
    header: partHeader(OpCode.check),
    record: { path, version },
  }),
};
