// What became of each operation, looked at after a run, when all answers and the whole tree are known:
// an acknowledged write is there and was done once, a refused one left nothing, and one whose answer
// was lost was done in its place among the others of its session, or not at all. Nothing is refused
// without a reason, and what must be refused is.

import type { SessionId, Zxid } from "../base/ids.ts";
import type { Stat } from "../records/data.ts";
import { ErrorCode, errorName } from "../txn/opcodes.ts";
import { name, type Op } from "./op.ts";

/** A node of the tree at the end. */
export interface EndNode {
  readonly path: string;
  readonly value: string;
  readonly stat: Stat;
}

/** `nodes`: those that only these ops make, all of them; each op wrote a value of its own. */
export function judgeNodes(
  ops: readonly Op[],
  nodes: Iterable<EndNode>,
  living: ReadonlySet<SessionId>,
): string[] {
  const wrong: string[] = [];
  const held = new Map<string, string>();
  for (const { path, value } of nodes) {
    const other = held.get(value);
    if (other !== undefined) wrong.push(`${path} and ${other} hold the value of one write`);
    held.set(value, path);
  }
  const deletes = new Map<string, Op[]>();
  for (const op of ops) {
    if (op.kind !== "delete") continue;
    const own = deletes.get(op.path);
    if (own === undefined) deletes.set(op.path, [op]);
    else own.push(op);
  }
  for (const op of ops) {
    if (!MAKES.has(op.kind)) continue;
    const value = op.value ?? "";
    const at = held.get(value);
    held.delete(value);
    const fault = faultOf(op, at, deletes.get(op.path) ?? [], living);
    if (fault !== null) wrong.push(`client ${op.client}'s ${op.kind} ${op.turn}: ${fault}`);
  }
  for (const path of held.values()) wrong.push(`${path} holds what nobody wrote`);
  return wrong;
}

const MAKES: ReadonlySet<Op["kind"]> = new Set(["create", "ephemeral", "sequence", "multi"]);

/** What is wrong with the node that one op made, which is at `at` or nowhere; null when nothing. */
function faultOf(
  op: Op,
  at: string | undefined,
  deletes: readonly Op[],
  living: ReadonlySet<SessionId>,
): string | null {
  const made = op.kind === "ephemeral" || op.kind === "create" ? op.path : op.made;
  if (op.outcome === "error") return at === undefined ? null : `was refused, and ${at} is there`;
  if (at !== undefined && made !== null && at !== made) return `made ${made}, but it is at ${at}`;
  const isDeleted = deletes.some(({ outcome }) => outcome === "ok");
  if (isDeleted && at !== undefined) return `${at} was deleted and is there`;
  if (op.kind === "ephemeral" && !living.has(op.session)) {
    return at === undefined ? null : `${at} outlives its session`;
  }
  if (op.outcome !== "ok" || at !== undefined) return null;
  return deletes.some(({ outcome }) => outcome !== "error") ? null : `${made} is lost`;
}

/**
 * Refusals need a reason. `ops`: each client's in the order of its turns. They ask only for what can
 * be done, delete what they made themselves, and doom a multi by the version that it checks.
 */
export function judgeRefusals(ops: readonly Op[]): string[] {
  const wrong: string[] = [];
  const deleted = new Set<string>();
  for (const op of ops) {
    const isDoomed = op.isDoomed === true;
    const isRefused = op.outcome === "error";
    if (isDoomed && op.outcome === "ok") wrong.push(`${name(op)} was done, and cannot be`);
    const isGone = op.kind === "delete" && deleted.has(op.path);
    const reason = isDoomed ? ErrorCode.BADVERSION : isGone ? ErrorCode.NONODE : 0;
    if (isRefused && op.err !== reason) wrong.push(`${name(op)} was refused: ${errorName(op.err)}`);
    if (op.kind === "delete" && !isRefused) deleted.add(op.path);
  }
  return wrong;
}

/**
 * A write whose answer was lost was done behind all that its session had been told before. What the
 * session asked later is behind it: its writes wherever they went, its reads when the same server
 * took them (a server that it moved to need not know of the write yet).
 */
export function judgeLost(ops: readonly Op[], nodes: Iterable<EndNode>): string[] {
  const done = timesOf(ops, nodes);
  const wrong: string[] = [];
  const sessions = new Map<string, SessionOrder>();
  for (const op of [...ops].sort((a, b) => a.client - b.client || a.turn - b.turn)) {
    const who = `${op.client}/${op.session}`;
    let order = sessions.get(who);
    if (order === undefined) sessions.set(who, order = new SessionOrder());
    const isAnswered = op.outcome === "ok" || op.outcome === "error" && op.zxid > 0n;
    if (isAnswered) wrong.push(...order.told(op));
    if (op.outcome !== "lost" && op.outcome !== "open") continue;
    const zxid = op.value === null || !WRITES.has(op.kind) ? undefined : done.get(op.value);
    if (zxid !== undefined) wrong.push(...order.lost(op, zxid));
  }
  return wrong;
}

const WRITES: ReadonlySet<Op["kind"]> = new Set([...MAKES, "set"]);

/** When each value was written, as far as a node or a read shows it; values of one op only. */
function timesOf(ops: readonly Op[], nodes: Iterable<EndNode>): Map<string, Zxid> {
  const done = new Map<string, Zxid>();
  for (const { value, stat } of nodes) done.set(value, stat.mzxid);
  for (const { kind, outcome, value, stat } of ops) {
    if (kind === "get" && outcome === "ok" && value !== null && stat !== null) {
      done.set(value, stat.mzxid);
    }
  }
  const written = new Set<string>();
  for (const { kind, value } of ops) {
    if (value === null || !WRITES.has(kind)) continue;
    if (written.has(value)) done.delete(value);
    written.add(value);
  }
  return done;
}

/** What one session knows of its order so far. */
class SessionOrder {
  #latest: { op: Op; zxid: Zxid } | null = null;
  /** The newest lost write, and for each server that of those it took. */
  #lost: { op: Op; zxid: Zxid } | null = null;
  readonly #lostAt = new Map<object, { op: Op; zxid: Zxid }>();

  told(op: Op): string[] {
    const isWrite = WRITES.has(op.kind) || op.kind === "delete";
    const before = isWrite ? this.#lost : op.server && this.#lostAt.get(op.server);
    if (this.#latest === null || op.zxid > this.#latest.zxid) this.#latest = { op, zxid: op.zxid };
    if (!before || op.zxid >= before.zxid) return [];
    return [`${name(op)} was answered at ${op.zxid}, before ${of(before)}, whose answer was lost`];
  }

  lost(op: Op, zxid: Zxid): string[] {
    const wrong: string[] = [];
    for (const before of [this.#latest, this.#lost]) {
      if (before === null || zxid > before.zxid) continue;
      wrong.push(`${of({ op, zxid })}, whose answer was lost, is before ${of(before)}`);
    }
    if (this.#lost === null || zxid > this.#lost.zxid) this.#lost = { op, zxid };
    if (op.server !== null) this.#lostAt.set(op.server, { op, zxid });
    return wrong;
  }
}

const of = ({ op, zxid }: { op: Op; zxid: Zxid }): string => `${name(op)} of ${zxid}`;
