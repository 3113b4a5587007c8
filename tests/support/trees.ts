// The whole tree of a member as text, one line per znode, and what must be true of all members
// together: equal trees, equal digests at equal zxids, no digest that differed, and nothing in a
// log that a sound ensemble does not print.

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { type ZkClient, ZkError } from "../../lib/client/client.ts";
import type { Stat } from "../../lib/records/data.ts";
import { excusedByJavaLeader } from "./java_leaders.ts";
import { errorKind, isNeverFine, isOfLink, listedKinds, recordsOf } from "./java_errors.ts";
import { type MixedEnsemble, OURS } from "./mixed_ensemble.ts";

export interface Leaf {
  readonly path: string;
  readonly value: string;
  readonly stat: Stat;
  /** Everything that members must agree on. */
  readonly line: string;
}

/** Every znode that a member holds, by path; `/zookeeper` itself differs between releases. */
export async function readTree(client: ZkClient): Promise<Map<string, Leaf>> {
  await client.connected();
  await client.sync("/");
  const found = new Map<string, Leaf>();
  const walk = async (path: string): Promise<void> => {
    const [{ data, stat }, names] = await Promise.all([client.get(path), client.children(path)]);
    const value = data === null ? "" : new TextDecoder().decode(data);
    const sum = createHash("sha256").update(data ?? new Uint8Array(0)).digest("hex").slice(0, 16);
    const shown = Object.entries(stat).map(([key, item]) => `${key}=${item}`).join(" ");
    const line = `${path} ${data === null ? "null" : sum} ${shown}`;
    if (path !== "/zookeeper") {
      found.set(path, { path, value, stat, line });
    }
    const below = path === "/" ? "/" : `${path}/`;
    await Promise.all(
      names.map((name) => `${below}${name}`).filter((p) => p !== "/zookeeper/config").map(walk),
    );
  };
  await walk("/");
  return found;
}

const textOf = (tree: Map<string, Leaf>): string[] => [...tree.values()].map((l) => l.line).sort();

/** Where two trees differ, in at most ten lines. */
function difference(a: Map<string, Leaf>, b: Map<string, Leaf>): string[] {
  const [left, right] = [textOf(a), textOf(b)];
  const [inLeft, inRight] = [new Set(left), new Set(right)];
  return [
    ...left.filter((line) => !inRight.has(line)).map((line) => `- ${line}`),
    ...right.filter((line) => !inLeft.has(line)).map((line) => `+ ${line}`),
  ].slice(0, 10);
}

/**
 * Polls until all members show one tree, which comes about once no session is left that has yet to
 * expire; gives it. What still differs at the end is in the error.
 */
export async function equalTrees(
  made: MixedEnsemble,
  limitMs = 120_000,
): Promise<Map<string, Leaf>> {
  let tree = new Map<string, Leaf>();
  let wrong = ["no tree was read"];
  const look = async (): Promise<boolean> => {
    const clients = made.sids.map((sid) => made.client([sid]));
    try {
      const trees = await Promise.all(clients.map((client) => readTree(client)));
      await Promise.all(clients.map((client) => client.close()));
      tree = trees[0] ?? tree;
      wrong = trees.flatMap((other, i) =>
        difference(tree, other).map((line) => `server ${made.sids[i]}: ${line}`)
      );
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      wrong = [`not read to the end: ${error.message}`]; // a link broke, or a walked ephemeral went
    } finally {
      for (const client of clients) client.abandon();
    }
    return wrong.length === 0;
  };
  await made.eventually("equal trees", limitMs, look).catch(() => {
    throw new Error(`trees differ:\n${wrong.join("\n")}`);
  });
  return tree;
}

/** What is wrong with the members' digests; empty when nothing is. */
export async function digestTrouble(made: MixedEnsemble): Promise<string[]> {
  const wrong: string[] = [];
  const known = new Map<string, { sid: number; digest: string }>();
  for (const sid of made.sids.filter((one) => made.knowsDigests(one))) {
    const mismatches = (await made.gauges(sid)).get("digest_mismatches_count") ?? "none told";
    if (Number(mismatches) !== 0 && !hasExcuse(made, sid)) {
      wrong.push(`server ${sid}: ${mismatches} digest mismatches`);
    }
    for (const line of (await made.word(sid, "hash")).trim().split("\n")) {
      const [zxid = "", digest = ""] = line.split(": ");
      const other = known.get(zxid);
      if (other === undefined) known.set(zxid, { sid, digest });
      else if (other.digest !== digest) {
        wrong.push(`at ${zxid} server ${sid} has digest ${digest}, ${other.sid} ${other.digest}`);
      }
    }
  }
  return wrong;
}

/**
 * Records of the members' logs that are never fine, with where they are; but for those that a test
 * has caused on purpose.
 */
export function logTrouble(made: MixedEnsemble, caused: RegExp | null = null): string[] {
  const wrong: string[] = [];
  const listed = listedKinds(); // what Java servers print among themselves too
  for (const { sid, logs } of made.seats) {
    for (const { kind, file } of logs) {
      const who = `server ${sid} (${kind === OURS ? "ours" : `java ${kind}`})`;
      const records = recordsOf(existsSync(file) ? readFileSync(file, "utf8") : "");
      const bad = records.filter(isNeverFine);
      if (bad.length === 0) continue;
      const excused = kind === OURS ? new Set<string>() : excusedByJavaLeader(made, records);
      for (const record of bad) {
        if (caused?.test(record) === true) continue;
        const error = errorKind(record) ?? "";
        const isJavas = listed.has(error) || isOfLink(error) || excused.has(record);
        if (kind !== OURS && isJavas) continue;
        wrong.push(`${who}: ${record.slice(0, 700)}`);
      }
    }
  }
  return wrong.slice(0, 20);
}

/** Whether a Java server printed of mismatches that its Java leader's snapshot excuses. */
function hasExcuse(made: MixedEnsemble, sid: number): boolean {
  const { kind, logs } = made.seat(sid);
  const log = logs.find((one) => one.kind === kind && kind !== OURS);
  return log !== undefined &&
    excusedByJavaLeader(made, recordsOf(readFileSync(log.file, "utf8"))).size > 0;
}
