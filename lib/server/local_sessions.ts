// Sessions that only this server knows (client.md 7.4): made without a txn, gone with the server,
// upgraded to global ones when they first ask for an ephemeral, if that is allowed.
//
// Must agree with UpgradeableSessionTracker and QuorumZooKeeperServer.checkUpgradeSession.

import { isFault } from "../base/errors.ts";
import { hex } from "../base/ids.ts";
import { Output } from "../codec/output.ts";
import { readCreateRequest } from "../records/client.ts";
import { ErrorCode, OpCode } from "../txn/opcodes.ts";
import type { Connection } from "./connection.ts";
import type { Core } from "./core.ts";
import { readMultiOps } from "./multi_ops.ts";
import { isEphemeralMode } from "./prepare_op.ts";
import { LOCAL } from "./request.ts";

export class LocalSessions {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /**
   * Called for each write, its body in the core's input, before it goes on: 0 to let it pass, or
   * the refusal of an ephemeral. May upgrade the session, which goes to the backend first.
   */
  refuses(conn: Connection, op: number): number {
    if (!conn.isLocal || !this.#asksEphemeral(op)) return 0;
    if (!this.#core.options.localSessionsUpgrading) return ErrorCode.EPHEMERALONLOCALSESSION;
    this.#upgrade(conn);
    return 0;
  }

  /** The client is done with its session. */
  close(conn: Connection): void {
    this.#core.local?.remove(conn.sessionId);
  }

  /** Sessions that nobody touched in time, with their connections. */
  expire(): number {
    const { local, bySession, mono } = this.#core;
    const expired = local?.expire(mono) ?? [];
    for (const { id } of expired) {
      local?.remove(id);
      const conn = bySession.get(id);
      if (conn !== undefined) this.#core.close(conn);
    }
    return expired.length;
  }

  #asksEphemeral(op: number): boolean {
    const { input } = this.#core;
    const start = input.at;
    try {
      if (op === OpCode.create || op === OpCode.create2) {
        return isEphemeralMode(readCreateRequest(input).flags);
      }
      return op === OpCode.multi &&
        readMultiOps(input).some((part) => part.kind === "create" && isEphemeralMode(part.flags));
    } catch (fault) {
      if (!isFault(fault)) throw fault;
      return false; // whoever prepares the request says so
    } finally {
      input.at = start;
    }
  }

  #upgrade(conn: Connection): void {
    const core = this.#core;
    const { sessionId, timeoutMs } = conn;
    core.local?.remove(sessionId);
    conn.isLocal = false;
    conn.session = core.tracker?.track(sessionId, timeoutMs, core.mono) ?? null;
    if (conn.session !== null) conn.session.owner = LOCAL;
    core.note("info", "server", "a local session becomes a global one", { id: hex(sessionId) });
    const body = new Output(4);
    body.int(timeoutMs);
    core.backend.submit({
      sessionId,
      cxid: 0,
      op: OpCode.createSession,
      body: body.take(),
      auth: [],
      owner: LOCAL,
    });
  }
}
