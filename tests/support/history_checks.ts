// What a live ensemble must show of its clients' histories beyond judge(): every acknowledged node
// there exactly once and nothing that nobody wrote, ephemerals for living sessions only, and sync
// measured as far as ZooKeeper promises it.

import { epochOf, type SessionId } from "../../lib/base/ids.ts";
import { type FinalState, judge } from "../../lib/sim/history.ts";
import type { Op } from "../../lib/sim/op.ts";
import type { Leaf } from "./trees.ts";

export interface Verdict {
  readonly wrong: readonly string[];
  /** Reads behind a sync that a leader answered which was no longer one. */
  readonly deposed: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** Judges everything that clients did, against the tree that all members hold now. */
export function verdict(
  ops: readonly Op[],
  tree: ReadonlyMap<string, Leaf>,
  living: ReadonlySet<SessionId>,
): Verdict {
  const registers = new Map<string, FinalState>();
  for (const [path, leaf] of tree) if (/^\/r\d+$/.test(path)) registers.set(path, leaf);
  const { judged, deposed } = withoutDeposed(ops);
  const wrong = [...judge(judged, registers), ...judgeNodes(ops, tree, living)];
  const counts: Record<string, number> = {};
  for (const { outcome } of ops) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return { wrong, deposed, counts };
}

/**
 * A leader that was cut off or stood still answers a sync by itself until it notices (Java's does
 * not ask its quorum first), so what a newer epoch wrote by then is no promise of that sync.
 */
function withoutDeposed(ops: readonly Op[]): { judged: Op[]; deposed: number } {
  const firsts: { at: number; epoch: bigint }[] = [];
  const writes = ops.filter((op) => op.outcome === "ok" && op.stat !== null && op.kind !== "get");
  writes.sort((a, b) => (a.ended ?? 0) - (b.ended ?? 0));
  for (const op of writes) {
    const epoch = epochOf(op.stat?.mzxid ?? 0n);
    if (epoch > (firsts.at(-1)?.epoch ?? -1n)) firsts.push({ at: op.ended ?? 0, epoch });
  }
  let deposed = 0;
  const judged = ops.map((op) => {
    const { afterSync } = op;
    if (afterSync === null || op.outcome !== "ok") return op;
    const newest = firsts.findLast(({ at }) => at < afterSync)?.epoch ?? 0n;
    if (epochOf(op.zxid) >= newest) return op;
    deposed += 1;
    return { ...op, afterSync: null };
  });
  return { judged, deposed };
}

function judgeNodes(
  ops: readonly Op[],
  tree: ReadonlyMap<string, Leaf>,
  living: ReadonlySet<SessionId>,
): string[] {
  const wrong: string[] = [];
  const held = new Map<string, string>();
  for (const { path, value } of tree.values()) {
    if (!/^\/[nq]\//.test(path)) continue;
    const other = held.get(value);
    if (other !== undefined) wrong.push(`${path} and ${other} hold the value of one write`);
    held.set(value, path);
  }
  const deletes = new Map<string, Op[]>();
  for (const op of ops.filter(({ kind }) => kind === "delete")) {
    deletes.set(op.path, [...deletes.get(op.path) ?? [], op]);
  }
  for (const op of ops) {
    if (!["create", "ephemeral", "sequence", "multi"].includes(op.kind)) continue;
    const value = op.value ?? "";
    const at = held.get(value);
    held.delete(value);
    const fault = faultOf(op, at, deletes.get(op.path) ?? [], living);
    if (fault !== null) wrong.push(`client ${op.client}'s ${op.kind} ${op.turn}: ${fault}`);
  }
  for (const path of held.values()) wrong.push(`${path} holds what nobody wrote`);
  return wrong;
}

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
