// What a client asked and was told, one operation at a time: the history that history.ts judges. Made
// by the clients of seeds (workload.ts), of scenarios (script_client.ts) and of live ensembles.

import type { SessionId, Zxid } from "../base/ids.ts";
import type { Reply } from "../client/session.ts";
import type { Millis } from "../ports.ts";
import type { Stat } from "../records/data.ts";

/** One operation from its start to its end, as a client saw it. */
export interface Op {
  readonly client: number;
  /** The session's number of this op, growing. */
  readonly turn: number;
  readonly session: SessionId;
  readonly kind: "set" | "create" | "ephemeral" | "sequence" | "delete" | "multi" | "get" | "sync";
  readonly path: string;
  /** What was written, unique to this op; for reads what was read. */
  value: string | null;
  readonly began: Millis;
  ended: Millis | null;
  /** `ok`, `error` (certainly not done), `lost` (nobody knows). */
  outcome: "open" | "ok" | "error" | "lost";
  err: number;
  /** The zxid in the reply's header. */
  zxid: Zxid;
  stat: Stat | null;
  /** For `get`: whether a sync of the same session was answered just before. */
  readonly afterSync: Millis | null;
  /** The path that was really made. */
  made: string | null;
  /** Which server was asked, in the role it had then; null: not known. */
  readonly server: object | null;
  /** Of a multi: a part of it cannot be done. */
  isDoomed?: boolean;
}

type Asked = Pick<
  Op,
  "client" | "turn" | "session" | "kind" | "path" | "value" | "began" | "afterSync" | "server"
>;

/** An operation that was asked for and has no answer yet. */
export const beginOp = (asked: Asked): Op => ({
  ...asked,
  ended: null,
  outcome: "open",
  err: 0,
  zxid: 0n,
  stat: null,
  made: null,
});

export function endOp(op: Op, reply: Reply, now: Millis): void {
  op.ended = now;
  op.err = reply.err;
  op.zxid = reply.zxid;
  op.outcome = reply.lost ? "lost" : reply.err === 0 ? "ok" : "error";
}

export const name = (op: Op): string =>
  `client ${op.client}'s ${op.kind} ${op.turn} (${op.value ?? ""})`;
