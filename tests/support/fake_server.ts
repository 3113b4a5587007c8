// A whole standalone server without sockets, disk or time: connections are arrays of bytes, the
// clock moves when a test says so, the log is durable at once or when told.

import { Buffer } from "node:buffer";
import { Input } from "../../lib/codec/input.ts";
import { Output } from "../../lib/codec/output.ts";
import { DEFAULT_AUTH, Perm } from "../../lib/auth/mod.ts";
import type { ACL, Id } from "../../lib/records/data.ts";
import * as records from "../../lib/records/client.ts";
import type { Connection } from "../../lib/server/connection.ts";
import { defaultServerOptions, type ServerOptions } from "../../lib/server/options.ts";
import { passwordOf, SessionIds } from "../../lib/server/passwords.ts";
import { Prepare, type PrepareOptions } from "../../lib/server/prepare.ts";
import type { ClientConn } from "../../lib/server/request.ts";
import { Server } from "../../lib/server/server.ts";
import { SessionTracker } from "../../lib/server/sessions.ts";
import { Standalone } from "../../lib/server/standalone.ts";
import { NO_METERS } from "../../lib/server/stats.ts";
import { Tree } from "../../lib/tree/tree.ts";
import { OpCode } from "../../lib/txn/opcodes.ts";
import { decodeTxn, type Txn } from "../../lib/txn/txn.ts";
import {
  parseReply,
  readConnectResponse,
  type ReplyFrame,
  writeConnectRequest,
} from "../../lib/wire/client.ts";

export const OPEN: ACL[] = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
export const TICK = 1000;

/** A create whose one id has so many bytes; 0xff is no UTF-8, and each goes on as three. */
export function writeCreateFor(out: Output, path: string, length: number, filler: number): void {
  const id = Buffer.alloc(length, filler);
  id.write("u:"); // two parts, as a digest has
  out.ustring(path);
  out.int(-1);
  out.int(1);
  out.int(Perm.ALL);
  out.ustring("digest");
  out.buffer(id);
  out.int(0);
}
/** With more than this queued a socket says when it has room again. */
const ROOMY = 1 << 20;

export interface FakeOptions {
  readonly server?: Partial<ServerOptions>;
  readonly prepare?: Partial<PrepareOptions>;
  /** False: txns wait for {@link FakeServer.flush}. */
  readonly instant?: boolean;
  readonly extendedTypes?: boolean;
  /** True: committed txns are the objects that were proposed, as on a leader. */
  readonly kept?: boolean;
}

export class FakeServer {
  mono = 1_000_000;
  wall = 1_700_000_000_000;
  readonly tree: Tree;
  readonly tracker: SessionTracker;
  readonly prepare: Prepare;
  readonly server: Server;
  readonly standalone: Standalone;
  readonly log: Txn[] = [];
  readonly notes: string[] = [];
  readonly #instant: boolean;

  constructor(options: FakeOptions = {}) {
    const note = (_level: string, _area: string, text: string) => void this.notes.push(text);
    const owners = { extendedTypes: options.extendedTypes ?? false, emulate353Ttl: false };
    this.#instant = options.instant ?? true;
    this.tree = new Tree({ digest: true, ...owners, note });
    this.tracker = new SessionTracker(TICK, this.mono);
    this.prepare = new Prepare(
      this.tree,
      this.tracker,
      {
        auth: DEFAULT_AUTH,
        owners,
        digests: true,
        closeSessionPaths: true,
        othersApply: false,
        enforceQuota: false,
        quotaExceeded: () => {},
        reconfigEnabled: false,
        reconfig: null,
        recordLimit: 1 << 21,
        ...options.prepare,
      },
      note,
    );
    this.standalone = new Standalone({
      prepare: this.prepare,
      append: (txn) => {
        this.log.push(txn);
        if (this.#instant) this.standalone.durable(txn.header.zxid);
      },
      // What comes back from a log is decoded afresh.
      committed: (txn) =>
        this.server.committed(options.kept === true ? txn : decodeTxn(txn.bytes.slice())),
      now: () => ({ mono: this.mono, wall: this.wall }),
    });
    this.server = new Server({
      tree: this.tree,
      backend: this.standalone,
      options: { ...defaultServerOptions(DEFAULT_AUTH, TICK), ...options.server },
      tracker: this.tracker,
      local: null,
      ids: new SessionIds(this.wall, 1),
      random: { below: () => 0, bytes: (n) => new Uint8Array(n) },
      meters: NO_METERS,
      now: () => ({ mono: this.mono, wall: this.wall }),
      note,
      word: (word, mask) => `${word}${mask === null ? "" : ` ${mask}`}\n`,
    });
  }

  /** Everything appended becomes durable. */
  flush(): void {
    const last = this.log.at(-1);
    if (last !== undefined) this.standalone.durable(last.header.zxid);
    this.server.flushTurn();
  }

  /** Time passes in steps of a tick. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= TICK) {
      this.mono += Math.min(left, TICK);
      this.wall += Math.min(left, TICK);
      this.server.tick();
      this.server.flushTurn();
    }
  }

  /** A socket that was accepted and has said nothing. */
  dial(host = "127.0.0.1"): FakeClient {
    return new FakeClient(this, host);
  }

  /** A client with a session; what is under way becomes durable for it. */
  connect(timeoutMs = 10_000): FakeClient {
    const client = this.dial();
    client.connect(timeoutMs);
    if (client.sessionId === 0n && !client.isClosed) {
      this.flush();
      client.welcome();
    }
    return client;
  }
}

export class FakeClient implements ClientConn {
  readonly host: string;
  readonly port = 40_000;
  readonly secure = false;
  readonly ids: readonly Id[] = [];
  sessionId = 0n;
  timeoutMs = 0;
  isClosed = false;
  isHeld = false;
  writes = 0;
  queued = 0;
  conn: Connection | null = null;
  readonly home: { readonly server: Server };
  readonly #received: Uint8Array[] = [];
  /** Ops asked for and not answered yet. */
  readonly #asked: { xid: number; op: number }[] = [];
  #xid = 0;

  constructor(home: { readonly server: Server }, host: string) {
    this.home = home;
    this.host = host;
    this.conn = home.server.accept(this);
    this.isClosed = this.conn === null;
  }

  // What the server sees.
  send(bytes: Uint8Array): boolean {
    this.writes += 1;
    this.#received.push(bytes);
    return this.queued <= ROOMY;
  }
  close(): void {
    this.isClosed = true;
    if (this.conn !== null) this.home.server.closed(this.conn);
  }
  hold(on: boolean): void {
    this.isHeld = on;
  }

  /** Bytes as they are; the turn ends behind them. */
  raw(bytes: Uint8Array): void {
    if (this.conn !== null) this.home.server.bytes(this.conn, bytes);
    this.home.server.flushTurn();
  }

  /** Everything received and not taken yet. */
  take(): Uint8Array {
    const all = Buffer.concat(this.#received.splice(0));
    return new Uint8Array(all);
  }

  connect(
    timeoutMs: number,
    session: {
      id?: bigint;
      password?: Uint8Array | null;
      seen?: bigint;
      readOnly?: boolean | null;
    } = {},
  ): void {
    const out = new Output();
    const at = out.reserve();
    writeConnectRequest(out, {
      protocolVersion: 0,
      lastZxidSeen: session.seen ?? 0n,
      timeOut: timeoutMs,
      sessionId: session.id ?? 0n,
      passwd: session.password === undefined ? passwordOf(session.id ?? 0n) : session.password,
    }, session.readOnly ?? null);
    out.patchLength(at);
    this.raw(out.take());
    if (!this.isClosed || this.#received.length > 0) this.welcome();
  }

  /** Takes the connect response, when it is there. */
  welcome(): boolean {
    const bytes = this.take();
    if (bytes.length === 0) return false;
    const input = new Input(bytes);
    const length = input.int();
    const end = input.at + length;
    input.end = end;
    const { response } = readConnectResponse(input);
    this.sessionId = response.sessionId;
    this.timeoutMs = response.timeOut;
    if (end < bytes.length) this.#received.push(bytes.subarray(end));
    return true;
  }

  /** A request frame; the body is whatever `write` writes. */
  static frame(xid: number, op: number, write: (out: Output) => void): Uint8Array {
    const out = new Output();
    const at = out.reserve();
    out.int(xid);
    out.int(op);
    write(out);
    out.patchLength(at);
    return out.take();
  }

  /** Asks without waiting; several in one chunk when `later`. */
  ask(op: number, write: (out: Output) => void, xid = ++this.#xid): void {
    this.#asked.push({ xid, op });
    this.raw(FakeClient.frame(xid, op, write));
  }

  /** Frames received so far, decoded; watch events among them. */
  replies(): ReplyFrame[] {
    const bytes = this.take();
    const frames: ReplyFrame[] = [];
    for (let at = 0; at < bytes.length;) {
      const length = new DataView(bytes.buffer, bytes.byteOffset).getInt32(at);
      const frame = bytes.slice(at + 4, at + 4 + length);
      at += 4 + length;
      const xid = new DataView(frame.buffer).getInt32(0);
      const op = xid === -1 ? null : this.#asked.shift()?.op ?? null;
      frames.push(parseReply(frame, op));
    }
    return frames;
  }

  /** Asks and takes the one reply: error code and body. */
  call(op: number, write: (out: Output) => void): { err: number; record: unknown; zxid: bigint } {
    this.ask(op, write);
    const replies = this.replies().filter((reply) => reply.kind === "reply");
    if (replies.length !== 1) throw new Error(`${replies.length} replies`);
    const [{ header, body }] = replies;
    const record = body?.kind === "record"
      ? body.record
      : body?.kind === "multi"
      ? body.multi.parts
      : null;
    return { err: header.err, record, zxid: header.zxid };
  }

  create(path: string | null, data = "", flags = 0, acl: ACL[] | null = OPEN, op = 1): number {
    return this.call(
      op,
      (out) => records.writeCreateRequest(out, { path, data: Buffer.from(data), acl, flags }),
    ).err;
  }
  createTtl(path: string, flags: number, ttl: bigint): number {
    return this.call(
      OpCode.createTTL,
      (out) => records.writeCreateTTLRequest(out, { path, data: null, acl: OPEN, flags, ttl }),
    ).err;
  }
  delete(path: string, version = -1): number {
    return this.call(OpCode.delete, (out) => records.writeDeleteRequest(out, { path, version }))
      .err;
  }
  set(path: string | null, data: string, version = -1): number {
    return this.call(
      OpCode.setData,
      (out) => records.writeSetDataRequest(out, { path, data: Buffer.from(data), version }),
    ).err;
  }
  setAcl(path: string, acl: ACL[] | null, version = -1): number {
    return this.call(
      OpCode.setACL,
      (out) => records.writeSetACLRequest(out, { path, acl, version }),
    ).err;
  }
  /** A read with a path and a watch flag. */
  read(op: number, path: string | null, watch = false): { err: number; record: unknown } {
    return this.call(op, (out) => {
      out.ustring(path);
      out.boolean(watch);
    });
  }
}
