// What a live ensemble must show of its clients' histories beyond judge(): every acknowledged node
// there exactly once and nothing that nobody wrote, ephemerals for living sessions only, and sync
// measured as far as ZooKeeper promises it.

import { epochOf, type SessionId } from "../../lib/base/ids.ts";
import { type FinalState, judge } from "../../lib/sim/history.ts";
import { judgeNodes } from "../../lib/sim/history_effects.ts";
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
  const made = [...tree.values()].filter(({ path }) => /^\/[nq]\//.test(path));
  const wrong = [...judge(judged, registers), ...judgeNodes(ops, made, living)];
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
