// A writer of the crash tests: keeps several operations under way over one session, remembers which
// were acknowledged and with which zxid, and compares afterwards with what a server still has.

import assert from "node:assert/strict";
import { OPEN_ACL, ZkClient, ZkError } from "../../lib/client/client.ts";
import type { Reply } from "../../lib/client/session.ts";
import type { Output } from "../../lib/codec/output.ts";
import { HostClock } from "../../lib/host/clock.ts";
import { HostNetwork } from "../../lib/host/network.ts";
import type { Address } from "../../lib/ports.ts";
import * as records from "../../lib/records/client.ts";
import { ErrorCode, OpCode } from "../../lib/txn/opcodes.ts";
import { readMultiResponse, writeMultiRequest } from "../../lib/wire/multi.ts";
import { type CrashOp, decoded, drawOp, encoded, partsOf, WriterState } from "./crash_model.ts";
import { fourTimes } from "./until.ts";
import { SeededRandom } from "./store_kit.ts";

/** What becomes of a writer's session when its server was killed. */
export type SessionHabit =
  /** It is taken up again, and must still be there. */
  | "returns"
  /** Like that, but closed now and then, also in mid-flight. */
  | "closes"
  /** Its client is gone; the server must end it when its time is over. */
  | "abandons";

const SENT_MAX = 12;
const TIMEOUT = { returns: 60_000, closes: 60_000, abandons: 8_000 } as const;

export class CrashWriter {
  readonly folder: string;
  readonly habit: SessionHabit;
  /** Zxids of acknowledged writes, and how many writes were acknowledged. */
  readonly zxids: bigint[] = [];
  acknowledged = 0;
  /** Sessions whose ephemerals may go at any time. */
  readonly gone = new Set<bigint>();
  readonly #at: Address;
  readonly #random: SeededRandom;
  #client: ZkClient | null = null;
  /** What acknowledged operations have made, and those under way too. */
  #acked = new WriterState();
  #sent = new WriterState();
  #underWay: CrashOp[] = [];
  #serial = 0;
  #isWriting = false;
  #isClosing = false;
  /** Nobody heard whether a close under way at the kill was done, and the nodes do not tell. */
  #mayBeClosed = false;
  #failure: Error | null = null;

  constructor(name: string, habit: SessionHabit, at: Address, seed: number) {
    this.folder = `/${name}`;
    this.habit = habit;
    this.#at = at;
    this.#random = new SeededRandom(seed);
  }

  /** Makes the folder; once. */
  async prepare(): Promise<void> {
    const client = await this.#connected();
    await client?.create(this.folder, encoded("folder"));
  }

  /** Writes until {@link stop}, or until the link breaks; a session that was closed gets a next one. */
  async write(): Promise<void> {
    this.#isWriting = true;
    try {
      while (this.#isWriting) {
        const client = await this.#connected();
        if (client !== null) await this.#writeBy(client);
      }
    } catch (error) {
      this.#failed(`no session: ${error}`);
    }
  }

  async #writeBy(client: ZkClient): Promise<void> {
    while (this.#isWriting && this.#client === client) {
      // What is asked without a link waits for one, and would be sent after the restart.
      const isRoom = (): boolean => !this.#isClosing && this.#underWay.length < SENT_MAX;
      while (this.#isWriting && client.session.isUsable && isRoom()) this.#send(client);
      await new Promise((go) => setImmediate(go));
    }
  }

  #failed(why: string): void {
    this.#failure ??= new Error(`${this.folder}: ${why}`);
    this.stop();
  }

  stop(): void {
    this.#isWriting = false;
  }

  /** Writes no more: a server that stands still for seconds costs a short session its link, too. */
  get hasStopped(): boolean {
    return !this.#isWriting;
  }

  /** No link, so nothing more can be heard of what was sent over the last one. */
  get isCutOff(): boolean {
    return this.#client === null || !this.#client.session.isUsable;
  }

  /** The server was killed: nothing more will be heard of what is under way. */
  lost(): void {
    this.stop();
    if (this.#failure !== null) throw this.#failure;
    const client = this.#client;
    if (client !== null && this.habit === "abandons") this.#drop();
  }

  /**
   * Compares with what a server has; what of the operations under way has happened is known then.
   * Gives how many of them did.
   */
  compare(found: WriterState): number {
    found.forget(this.gone);
    const reasons: string[] = [];
    for (let done = 0;; done++) {
      const why = this.#acked.differsFrom(found, this.gone);
      if (why === null) {
        this.#acked.forget(this.gone);
        this.#sent = this.#acked.copy();
        const isClosed = this.#underWay.slice(0, done).some(({ kind }) => kind === "close");
        this.#mayBeClosed = !isClosed && this.#showsNoClose(found, this.#underWay.slice(done));
        this.#underWay = [];
        this.#isClosing = false;
        if (isClosed) this.#drop();
        return done;
      }
      reasons.push(`after ${done} of those under way: ${why}`);
      const next = this.#underWay[done];
      assert.ok(
        next !== undefined,
        `${this.folder} is not what was acknowledged\n${reasons.join("\n")}\n` +
          `sessions that may be gone: ${[...this.gone].map((id) => `0x${id.toString(16)}`)}`,
      );
      this.#acked.apply(next);
    }
  }

  /** Whether the session may have been closed by `rest`: without ephemerals no node tells. */
  #showsNoClose(found: WriterState, rest: readonly CrashOp[]): boolean {
    if (!rest.some(({ kind }) => kind === "close")) return false;
    const after = this.#acked.copy();
    for (const op of rest) after.apply(op);
    return after.differsFrom(found, this.gone) === null;
  }

  /** The session that was open when the server was killed must still be one; or must not. */
  async comeBack(): Promise<void> {
    const client = this.#client;
    if (client === null) return;
    const session = client.sessionId;
    const isBack = await client.connected().then(() => true, (error: unknown) => {
      if (!this.#mayBeClosed) throw new Error(`${this.folder}: the session is gone: ${error}`);
      return false;
    });
    if (!isBack) return this.#drop();
    if (session === 0n) return; // the server was killed before it could give one
    assert.equal(client.sessionId, session, `${this.folder}: the session is not the same`);
  }

  /** Nothing is left open, whatever happened. */
  leave(): void {
    this.stop();
    this.#drop();
  }

  #drop(): void {
    this.#client?.abandon();
    this.#client = null;
  }

  /** Null when the client was given up meanwhile. */
  async #connected(): Promise<ZkClient | null> {
    const client = this.#client ??= new ZkClient(new HostNetwork(), new HostClock(), {
      servers: fourTimes(this.#at),
      timeoutMs: TIMEOUT[this.habit],
      retryMs: 20,
    });
    await client.connected().catch((error: unknown) => {
      if (this.#client === client) throw error;
    });
    return this.#client === client ? client : null;
  }

  #send(client: ZkClient): void {
    const owner = client.sessionId;
    // By the next comparison it is; a client whose session has expired does not know it any more.
    if (this.habit === "abandons") this.gone.add(owner);
    this.#serial += 1;
    const isEnd = this.habit === "closes" && this.#random.below(150) === 0;
    const op: CrashOp = isEnd
      ? { kind: "close" }
      : drawOp(this.#random, this.#sent, this.#serial, owner);
    this.#isClosing = isEnd;
    this.#sent.apply(op);
    this.#underWay.push(op);
    const { code, path, write, check } = this.#asked(op);
    const answered = (reply: Reply): void => {
      check?.(reply);
      this.#acknowledged(op, reply.zxid);
    };
    client.ask(code, path, write).then(answered).catch((error: unknown) => {
      if (error instanceof ZkError && error.code === ErrorCode.CONNECTIONLOSS) return this.stop();
      this.#failed(`${JSON.stringify(op, replacer)}: ${error}`);
    });
  }

  #acknowledged(op: CrashOp, zxid: bigint): void {
    const first = this.#underWay.shift();
    assert.equal(first, op, "replies come in the order of the requests");
    this.#acked.apply(op);
    this.acknowledged += 1;
    this.zxids.push(zxid);
    if (op.kind !== "close") return;
    this.#isClosing = false;
    this.#drop();
  }

  #asked(op: CrashOp): Asked {
    const { folder } = this;
    const path = "name" in op ? `${folder}/${op.name}` : folder;
    switch (op.kind) {
      case "create":
      case "sequential": {
        const flags = op.kind === "sequential" ? SEQUENTIAL : op.owner === 0n ? 0 : EPHEMERAL;
        const record = {
          path: flags === SEQUENTIAL ? `${folder}/s-` : path,
          data: encoded(op.data),
          acl: [...OPEN_ACL],
          flags,
        };
        return {
          code: OpCode.create,
          path,
          write: (out) => records.writeCreateRequest(out, record),
          check: ({ body }) => assert.equal(records.readCreateResponse(body).path, path),
        };
      }
      case "set": {
        const record = { path, data: encoded(op.data), version: op.version };
        const write = (out: Output): void => records.writeSetDataRequest(out, record);
        return { code: OpCode.setData, path, write };
      }
      case "delete": {
        const record = { path, version: op.version };
        const write = (out: Output): void => records.writeDeleteRequest(out, record);
        return { code: OpCode.delete, path, write };
      }
      case "multi":
      case "refused": {
        const parts = partsOf(folder, op.ops);
        return {
          code: OpCode.multi,
          path: null,
          write: (out) => writeMultiRequest(out, parts),
          check: ({ body }) => {
            const isRefused = readMultiResponse(body).parts.some(({ kind }) => kind === "error");
            assert.equal(isRefused, op.kind === "refused", "whether the multi was refused");
          },
        };
      }
      case "close":
        return { code: OpCode.closeSession, path: null, write: null };
    }
  }
}

/** A request as it goes out, and what its reply must say. */
interface Asked {
  readonly code: number;
  readonly path: string | null;
  readonly write: ((out: Output) => void) | null;
  readonly check?: (reply: Reply) => void;
}

const EPHEMERAL = 1;
const SEQUENTIAL = 2;

const replacer = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? `0x${value.toString(16)}` : value;

/** Everything below a writer's folder, as a client reads it. */
export async function readFolder(client: ZkClient, folder: string): Promise<WriterState> {
  const state = new WriterState();
  const names = await client.children(folder);
  await Promise.all(names.map(async (name) => {
    try {
      const { data, stat } = await client.get(`${folder}/${name}`);
      const { version, ephemeralOwner } = stat;
      state.nodes.set(name, { data: decoded(data), version, owner: ephemeralOwner });
    } catch (error) {
      // An ephemeral of an abandoned session may go between the two looks; others may not, and
      // will be missed.
      if (!(error instanceof ZkError) || error.code !== ErrorCode.NONODE) throw error;
    }
  }));
  const stat = await client.exists(folder);
  assert.ok(stat !== null, `${folder} is gone`);
  // A client sees creates and deletes together (client.md, Stat.cversion).
  state.creates = (stat.cversion + stat.numChildren) / 2;
  return state;
}
