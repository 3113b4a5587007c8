// The verdict at the end of a scenario, when everything is whole again: equal trees, all that was
// acknowledged, no ephemerals of the dead, histories in order. As run.ts judges a seed, for clients
// that did what a script said.

import { hex } from "../base/ids.ts";
import { Input } from "../codec/input.ts";
import { Output } from "../codec/output.ts";
import { readStat } from "../records/data.ts";
import type { Node } from "./cluster.ts";
import { type FinalState, judge } from "./history.ts";
import { type EndNode, judgeLost } from "./history_effects.ts";
import type { ScriptClient } from "./script_client.ts";

const decoder = new TextDecoder();

/** What a path holds at a member; null: no such node, or no tree. */
export function valueAt(node: Node, path: string): string | null {
  const tree = node.peer?.tree ?? null;
  const found = tree?.get(path);
  if (tree === null || found === undefined) return null;
  return decoder.decode(tree.dataOf(found) ?? new Uint8Array(0));
}

function finalState(node: Node, path: string): FinalState | null {
  const tree = node.peer?.tree ?? null;
  const found = tree?.get(path);
  if (tree === null || found === undefined) return null;
  const out = new Output();
  tree.writeStat(found, out);
  return { value: valueAt(node, path) ?? "", stat: readStat(new Input(out.take())) };
}

/** What stands right below a path at a member. */
export function endNodes(node: Node, parent: string): EndNode[] {
  const tree = node.peer?.tree ?? null;
  const found = tree?.get(parent);
  const nodes: EndNode[] = [];
  if (tree === null || found === undefined) return nodes;
  tree.forEachChild(found, (name) => {
    const path = parent === "/" ? `/${name}` : `${parent}/${name}`;
    const state = finalState(node, path);
    if (state !== null) nodes.push({ path, ...state });
  });
  return nodes;
}

export function judgeEnd(nodes: readonly Node[], clients: readonly ScriptClient[]): string[] {
  const wrong: string[] = [];
  const ops = clients.flatMap((client) => client.ops);
  const [first] = nodes;
  const registers = new Map<string, FinalState>();
  for (const { kind, path } of ops) {
    if (kind !== "set" && kind !== "multi" || registers.has(path)) continue;
    const state = finalState(first, path);
    if (state !== null) registers.set(path, state);
  }
  // A value that a node was made with was written by nobody who sets; judge knows version 0.
  wrong.push(...judge(ops, registers), ...judgeLost(ops, endNodes(first, "/")));
  const digests = new Set(nodes.map((node) => node.peer?.tree?.digest()));
  if (digests.size > 1) wrong.push(`${digests.size} different trees after healing`);
  const deleted = new Set(
    ops.filter((op) => op.kind === "delete" && op.outcome !== "error").map((op) => op.path),
  );
  for (const node of nodes) {
    const tree = node.peer?.tree ?? null;
    if (tree === null) continue;
    for (const session of tree.sessionsWithEphemerals()) {
      if (tree.sessions.has(session)) continue;
      wrong.push(`${node.name}: an ephemeral of session ${hex(session)}, which is gone`);
    }
    for (const op of ops) {
      if (op.outcome !== "ok" || op.made === null || deleted.has(op.made)) continue;
      if (op.kind !== "create" && op.kind !== "sequence") continue;
      if (tree.get(op.made) === undefined) {
        wrong.push(`${node.name}: ${op.made} was acknowledged and is not there`);
      }
    }
  }
  for (const client of clients) {
    if (!client.isOver) continue;
    for (const node of nodes) {
      for (const op of client.ops) {
        if (op.kind !== "ephemeral" || op.made === null || deleted.has(op.made)) continue;
        if (node.peer?.tree?.get(op.made) === undefined) continue;
        wrong.push(`${node.name}: ${op.made} outlived its session`);
      }
    }
  }
  return wrong;
}
