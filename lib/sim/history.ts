// What client histories must show, looked at after a run: writes linearizable, each acknowledged one
// there exactly once, reads in order, sync worth its name. ZooKeeper stamps every write with a zxid
// and every znode with versions, so no search is needed: the order is in the answers.

import type { Zxid } from "../base/ids.ts";
import type { Stat } from "../records/data.ts";
import { name, type Op } from "./op.ts";

/** The state of one register at the end. */
export interface FinalState {
  readonly value: string;
  readonly stat: Stat;
}

/** Everything that is wrong with the histories; empty when all promises were kept. */
export function judge(ops: readonly Op[], registers: ReadonlyMap<string, FinalState>): string[] {
  const wrong: string[] = [];
  const sets = ops.filter((op) => op.kind === "set" || op.kind === "multi");
  for (const [path, final] of registers) {
    const own = sets.filter((op) => op.path === path);
    wrong.push(...judgeVersions(path, own, final));
    wrong.push(...judgeOrder(path, own));
    wrong.push(...judgeReads(path, own, ops.filter((op) => op.kind === "get" && op.path === path)));
  }
  wrong.push(...judgeSequences(ops), ...judgeSessions(ops));
  return wrong;
}

/** Version n was written by one op, and versions have no holes but those of lost ops. */
function judgeVersions(path: string, sets: readonly Op[], final: FinalState): string[] {
  const wrong: string[] = [];
  const byVersion = new Map<number, Op>();
  for (const op of sets) {
    if (op.outcome !== "ok" || op.stat === null) continue;
    const other = byVersion.get(op.stat.version);
    if (other !== undefined) {
      wrong.push(`${path}: version ${op.stat.version} was given to ${name(other)} and ${name(op)}`);
    }
    byVersion.set(op.stat.version, op);
    if (op.stat.version > final.stat.version) {
      wrong.push(`${path}: ${name(op)} was told version ${op.stat.version}, and it is lost`);
    }
  }
  const unknown = sets.filter((op) => op.outcome === "lost" || op.outcome === "open").length;
  const holes = final.stat.version - byVersion.size;
  if (holes > unknown) {
    wrong.push(`${path}: ${holes} versions nobody asked for, with ${unknown} unknown writes`);
  }
  const last = byVersion.get(final.stat.version);
  if (last !== undefined && last.value !== final.value) {
    wrong.push(`${path}: holds ${final.value}, but ${name(last)} wrote the last version`);
  }
  if (!sets.some((op) => isPossible(op) && op.value === final.value) && final.stat.version > 0) {
    wrong.push(`${path}: holds ${final.value}, which nobody wrote`);
  }
  return wrong;
}

/** Writes are linearizable: zxid order is real-time order, and version order. */
function judgeOrder(path: string, sets: readonly Op[]): string[] {
  const wrong: string[] = [];
  const done = sets.filter((op) => op.outcome === "ok" && op.stat !== null);
  done.sort((a, b) => compare(a.stat?.mzxid ?? 0n, b.stat?.mzxid ?? 0n));
  let latestStart = { at: -Infinity, op: null as Op | null };
  let version = -1;
  for (const op of done) {
    if (latestStart.op !== null && op.ended !== null && op.ended < latestStart.at) {
      wrong.push(
        `${path}: ${name(op)} ended before ${name(latestStart.op)} began, but is after it`,
      );
    }
    if (op.began > latestStart.at) latestStart = { at: op.began, op };
    const own = op.stat?.version ?? 0;
    if (own <= version) wrong.push(`${path}: version ${own} of ${name(op)} does not grow`);
    version = own;
  }
  return wrong;
}

/** Reads see what their own session wrote; behind a sync they see all that was done before it. */
function judgeReads(path: string, sets: readonly Op[], gets: readonly Op[]): string[] {
  const wrong: string[] = [];
  const values = new Set(sets.filter(isPossible).map((op) => op.value));
  const done = sets.filter((op) => op.outcome === "ok" && op.stat !== null)
    .sort((a, b) => (a.ended ?? 0) - (b.ended ?? 0));
  const highestBy: { at: number; mzxid: Zxid; op: Op }[] = [];
  let highest: Zxid = 0n;
  for (const op of done) {
    const mzxid = op.stat?.mzxid ?? 0n;
    if (mzxid <= highest) continue;
    highest = mzxid;
    highestBy.push({ at: op.ended ?? 0, mzxid, op });
  }
  for (const get of gets) {
    if (get.outcome !== "ok" || get.stat === null) continue;
    if (get.stat.version > 0 && !values.has(get.value)) {
      wrong.push(`${path}: ${name(get)} read ${get.value}, which nobody wrote`);
    }
    if (get.afterSync === null) continue;
    const syncBegan = get.afterSync;
    const must = highestBy.findLast(({ at }) => at < syncBegan);
    if (must !== undefined && get.stat.mzxid < must.mzxid) {
      wrong.push(`${path}: ${name(get)} behind a sync missed ${name(must.op)}, done before it`);
    }
  }
  return wrong;
}

/** What was refused has left nothing. */
const isPossible = (op: Op): boolean => op.outcome !== "error";

/** A sequential name is given once. */
function judgeSequences(ops: readonly Op[]): string[] {
  const wrong: string[] = [];
  const byPath = new Map<string, Op>();
  for (const op of ops) {
    if (op.kind !== "sequence" || op.outcome !== "ok" || op.made === null) continue;
    const other = byPath.get(op.made);
    if (other !== undefined) wrong.push(`${op.made} was given to ${name(other)} and ${name(op)}`);
    byPath.set(op.made, op);
  }
  return wrong;
}

/** Within a session: writes in the order they were asked for, reads never older than before. */
function judgeSessions(ops: readonly Op[]): string[] {
  const wrong: string[] = [];
  const latest = new Map<string, Op>();
  const seen = new Map<string, { mzxid: Zxid; op: Op }>();
  for (const op of [...ops].sort((a, b) => a.client - b.client || a.turn - b.turn)) {
    if (op.outcome !== "ok") continue;
    const who = `${op.client}/${op.session}`;
    const before = latest.get(who);
    if (before !== undefined && op.zxid < before.zxid) {
      wrong.push(`${name(op)} has zxid ${op.zxid}, below ${before.zxid} of ${name(before)}`);
    }
    latest.set(who, op);
    if (op.stat === null) continue;
    const key = `${who}${op.path}`;
    const known = seen.get(key);
    if (known !== undefined && op.stat.mzxid < known.mzxid) {
      wrong.push(`${name(op)} saw ${op.path} older than ${name(known.op)} before it`);
    }
    seen.set(key, { mzxid: op.stat.mzxid, op });
  }
  return wrong;
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
