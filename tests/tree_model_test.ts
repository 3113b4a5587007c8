// The tree beside a naive model, step by step, and its fuzzy dumps under load: what every server
// must agree on, the digest recomputed from nothing each time.
//
// A session closed without a list (before 3.6) cannot be repeated over a fuzzy snapshot of a Java
// server: its ephemerals may be gone already, and then nothing raises their parents' pzxid. That is
// why the list came. A dump of ours still has them.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Output } from "../lib/codec/output.ts";
import { Tree } from "../lib/tree/tree.ts";
import type { Txn } from "../lib/txn/txn.ts";
import { Model, TxnSource } from "./support/tree_model.ts";
import {
  dumpWhole,
  loadDump,
  readDump,
  seeded,
  stateOf,
  treeOptions,
} from "./support/tree_txns.ts";

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];

test("the model begins as the tree does", () => {
  assert.deepEqual(stateOf(new Tree(treeOptions())), new Model().state());
});

describe("after every transaction the tree is as the model says", () => {
  for (const seed of SEEDS) {
    test(`seed ${seed}`, () => {
      const source = new TxnSource(seeded(seed), true);
      const tree = new Tree(treeOptions());
      for (let i = 0; i < 300; i++) {
        const txn = source.next();
        tree.apply(txn, false);
        assert.equal(tree.digest(), source.model.digest(), `digest at zxid ${txn.header.zxid}`);
        assert.deepEqual(stateOf(tree), source.model.state(), `zxid ${txn.header.zxid}`);
      }
      assert.ok(source.model.nodes.size > 10);
    });
  }
});

describe("a tree survives being dumped and loaded", () => {
  for (const seed of SEEDS) {
    test(`seed ${seed}`, () => {
      const { tree } = run(new Tree(treeOptions()), seed, 400);
      const loaded = loadDump(readDump(dumpWhole(tree)));
      assert.deepEqual(stateOf(loaded), stateOf(tree));
      assert.deepEqual(dumpWhole(loaded), dumpWhole(tree));
    });
  }
});

describe("a dump taken in slices under load, with the later transactions, is the tree", () => {
  for (let seed = 1; seed <= 60; seed++) {
    test(`seed ${seed}`, () => {
      const below = seeded(seed * 7919);
      const source = new TxnSource(below, true);
      const tree = new Tree(treeOptions());
      for (let i = 100 + below(400); i > 0; i--) tree.apply(source.next(), false);
      const atStart = new Map(pathsOf(tree).map((path) => [path, czxidOf(tree, path)]));

      const out = new Output();
      const dump = tree.dump();
      const zxid = tree.lastZxid;
      const later: Txn[] = [];
      while (!dump.fill(out, 1 + below(700))) {
        for (let i = below(8); i > 0; i--) later.push(applyNext(tree, source));
      }
      const atEnd = new Map(pathsOf(tree).map((path) => [path, czxidOf(tree, path)]));
      for (let i = below(50); i > 0; i--) later.push(applyNext(tree, source));
      assert.equal(dump.zxid, zxid);

      const dumped = readDump(out.take());
      const seen = new Set<string>();
      const lists = new Set(dumped.acls.map(([id]) => id));
      for (const { path, acl, stat } of dumped.nodes) {
        assert.ok(stat.czxid <= zxid, `${path} is not of later`);
        assert.ok(!seen.has(path), `${path} once`);
        assert.ok(
          path === "" || seen.has(path.slice(0, path.lastIndexOf("/"))),
          `${path} in order`,
        );
        assert.ok(acl === -1n || lists.has(acl), `${path} names a list of the table`);
        seen.add(path);
      }
      for (const [path, czxid] of atStart) {
        if (atEnd.get(path) === czxid) assert.ok(seen.has(path), `${path} lived throughout`);
      }

      const restored = loadDump(dumped);
      restored.lastZxid = zxid;
      for (const txn of later) restored.apply(txn, false);
      assert.deepEqual(stateOf(restored), stateOf(tree));
      assert.deepEqual(stateOf(restored), source.model.state());
      assert.equal(restored.lastZxid, tree.lastZxid);
      assert.deepEqual(dumpWhole(tree).length, dumpWhole(restored).length);
    });
  }
});

test("two dumps at once, begun at different times, are both whole", () => {
  const source = new TxnSource(seeded(99), false);
  const tree = new Tree(treeOptions());
  for (let i = 0; i < 300; i++) applyNext(tree, source);
  const outs = [new Output(), new Output()];
  const first = tree.dump();
  const later: Txn[] = [];
  first.fill(outs[0], 500);
  for (let i = 0; i < 60; i++) later.push(applyNext(tree, source));
  const second = tree.dump();
  let done = [false, false];
  while (!done[0] || !done[1]) {
    done = [done[0] || first.fill(outs[0], 300), done[1] || second.fill(outs[1], 200)];
    for (let i = 0; i < 5; i++) later.push(applyNext(tree, source));
  }
  for (const [i, dump] of [first, second].entries()) {
    const restored = loadDump(readDump(outs[i].take()));
    restored.lastZxid = dump.zxid;
    for (const txn of later) if (txn.header.zxid > dump.zxid) restored.apply(txn, false);
    assert.deepEqual(stateOf(restored), stateOf(tree));
  }
});

test("a dump that is given up costs later changes nothing", () => {
  const source = new TxnSource(seeded(5), false);
  const tree = new Tree(treeOptions());
  for (let i = 0; i < 100; i++) applyNext(tree, source);
  const out = new Output();
  const dump = tree.dump();
  dump.fill(out, 100);
  dump.cancel();
  const size = out.size;
  for (let i = 0; i < 100; i++) applyNext(tree, source);
  assert.equal(dump.fill(out, 1000), true);
  assert.equal(out.size, size);
});

describe("replaying a prefix again over a later tree ends in the same tree", () => {
  // What recovery does when a snapshot is newer than its name says, as those of Java servers are.
  for (const seed of SEEDS) {
    test(`seed ${seed}`, () => {
      const source = new TxnSource(seeded(seed + 1000), false);
      const tree = new Tree(treeOptions());
      const all: Txn[] = [];
      for (let i = 0; i < 250; i++) all.push(applyNext(tree, source));
      const restored = loadDump(readDump(dumpWhole(tree)));
      for (const txn of all.slice(150)) restored.apply(txn, false);
      const { nodes } = stateOf(restored) as { nodes: Record<string, unknown> };
      const expected = (stateOf(tree) as { nodes: Record<string, unknown> }).nodes;
      assert.deepEqual(Object.keys(nodes).sort(), Object.keys(expected).sort());
      assert.deepEqual(stateOf(restored), stateOf(tree));
    });
  }
});

function run(tree: Tree, seed: number, count: number): { tree: Tree; source: TxnSource } {
  const source = new TxnSource(seeded(seed), false);
  for (let i = 0; i < count; i++) applyNext(tree, source);
  return { tree, source };
}

function applyNext(tree: Tree, source: TxnSource): Txn {
  const txn = source.next();
  tree.apply(txn, false);
  return txn;
}

const pathsOf = (tree: Tree): string[] =>
  Object.keys(stateOf(tree).nodes as object).map((path) => path === "/" ? "" : path);

function czxidOf(tree: Tree, path: string): bigint {
  const node = tree.get(path);
  return node === undefined ? -1n : tree.persisted(node).czxid;
}
