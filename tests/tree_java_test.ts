// Our tree beside those of real servers: the transactions of recorded ensembles are applied in
// order, and the digest that their leader put into each must come out. A snapshot that a leader
// streamed to a learner must be the tree that its transactions made.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { StatPersisted } from "../lib/records/data.ts";
import { TreeLoader } from "../lib/tree/loader.ts";
import { Tree } from "../lib/tree/tree.ts";
import { PacketType } from "../lib/txn/opcodes.ts";
import { decodeTxn, type Txn } from "../lib/txn/txn.ts";
import { PacketReader, type SnapshotPart } from "../lib/wire/learner.ts";
import { capturedVersions, joined, loadCapture } from "./support/captures.ts";
import { stateOf, treeOptions } from "./support/tree_txns.ts";

interface Story {
  /** Committed transactions by zxid. */
  readonly txns: Txn[];
  readonly snapshots: { readonly zxid: bigint; readonly tree: Tree }[];
}

function readStory(version: string): Story {
  const proposed = new Map<bigint, Txn>();
  const committed = new Set<bigint>();
  const snapshots: { zxid: bigint; tree: Tree }[] = [];
  for (const connection of loadCapture(version).connections) {
    if (connection.kind !== "quorum") continue;
    const reader = new PacketReader();
    reader.push(joined(connection.down));
    for (let packet = reader.next(); packet !== null; packet = reader.next()) {
      const { type, zxid, data } = packet;
      if (type === PacketType.PROPOSAL) proposed.set(zxid, decodeTxn((data ?? EMPTY).slice()));
      if (type === PacketType.COMMIT || type === PacketType.COMMITANDACTIVATE) committed.add(zxid);
      if (type === PacketType.INFORM) {
        proposed.set(zxid, decodeTxn((data ?? EMPTY).slice()));
        committed.add(zxid);
      }
      if (type === PacketType.SNAP) snapshots.push({ zxid, tree: readSnapshot(reader) });
    }
  }
  const txns = [...committed].sort((a, b) => a < b ? -1 : 1).map((zxid) => {
    const txn = proposed.get(zxid);
    if (txn === undefined) throw new Error(`${version}: zxid ${zxid} was never proposed`);
    return txn;
  });
  return { txns, snapshots };
}

const EMPTY = new Uint8Array(0);

function readSnapshot(reader: PacketReader): Tree {
  const loader = new TreeLoader(treeOptions({ extendedTypes: false }));
  reader.expectSnapshot();
  for (;;) {
    const part: SnapshotPart | null = reader.nextSnapshotPart();
    if (part === null) throw new Error("the snapshot is not whole");
    switch (part.kind) {
      case "session":
        loader.session(part.session.id, part.session.timeout);
        break;
      case "acl":
        loader.acl(part.entry.id, part.entry.acl);
        break;
      case "node":
        loader.node(part.node.path ?? "", part.node.data, part.node.acl, part.node.stat);
        break;
      case "end":
        return loader.finish();
    }
  }
}

/** 3.6 was the first with digests. */
const hasDigests = (version: string): boolean => !/^3\.[345]\./.test(version);

/** Before 3.4 a deletion raised cversion too, so there it and the digest cannot be compared. */
function shownOf(tree: Tree, version: string): Record<string, unknown> {
  const state = stateOf(tree);
  if (!version.startsWith("3.3.")) return state;
  const nodes = Object.entries(state.nodes as Record<string, { stat: StatPersisted }>)
    .map(([path, node]) => [path, { ...node, stat: { ...node.stat, cversion: 0 } }]);
  return { ...state, nodes: Object.fromEntries(nodes), digest: 0 };
}

for (const version of capturedVersions()) {
  describe(`the recorded ensemble of ${version}`, () => {
    const { txns, snapshots } = readStory(version);
    const notes: string[] = [];
    const tree = new Tree(treeOptions({
      extendedTypes: false,
      note: (level, _area, said) => notes.push(`${level}: ${said}`),
    }));

    test("every transaction leads to the digest its leader gave it", () => {
      assert.ok(txns.length > 50, `${txns.length} transactions`);
      let given = 0;
      for (const txn of txns) {
        tree.apply(txn, true);
        if (txn.digest !== null) given += 1;
        assert.equal(
          tree.check.firstMismatch,
          null,
          `type ${txn.header.type} at 0x${txn.header.zxid.toString(16)}`,
        );
      }
      assert.equal(tree.check.compared, given);
      assert.equal(given > 50, hasDigests(version), `${given} digests`);
      assert.deepEqual(notes, []);
    });

    test("a streamed snapshot is the tree that its transactions made", () => {
      for (const snapshot of snapshots) {
        const replayed = new Tree(treeOptions({ extendedTypes: false }));
        for (const txn of txns) if (txn.header.zxid <= snapshot.zxid) replayed.apply(txn, false);
        for (const each of [replayed, snapshot.tree]) {
          each.setConfigNode(new Uint8Array(0), 0n, 0); // each server writes its own
        }
        assert.deepEqual(shownOf(snapshot.tree, version), shownOf(replayed, version));
      }
    });
  });
}

test("there are recordings, with a snapshot in most of them", () => {
  const counts = capturedVersions().map((version) => readStory(version).snapshots.length);
  assert.ok(counts.length >= 4, `${counts.length} recordings`);
  assert.ok(counts.filter((count) => count > 0).length >= 2, `${counts}`);
});
