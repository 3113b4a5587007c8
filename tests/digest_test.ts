// The tree digest against values that real servers gave (storage.md 5 and 14, quorum.md 14.3).

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { StatPersisted } from "../lib/records/data.ts";
import { contentSum, DigestSum, finishDigest, nodeDigest } from "../lib/tree/digest.ts";
import type { DigestCheck } from "../lib/tree/digest_check.ts";
import { TreeLoader } from "../lib/tree/loader.ts";
import { Tree } from "../lib/tree/tree.ts";
import { makeTxn } from "../lib/txn/txn.ts";
import { ZERO_STAT } from "./support/stats.ts";
import { bytes, createPart, Script, treeOptions } from "./support/tree_txns.ts";

const FULL: StatPersisted = {
  czxid: 2n,
  mzxid: 3n,
  pzxid: 4n,
  ctime: 1000n,
  mtime: 2000n,
  version: 5,
  cversion: 6,
  aversion: 7,
  ephemeralOwner: 0x0100001c59390000n,
};
const made = (zxid: bigint, time: bigint): StatPersisted => ({
  ...ZERO_STAT,
  czxid: zxid,
  mzxid: zxid,
  pzxid: zxid,
  ctime: time,
  mtime: time,
});

describe("a node's digest", () => {
  const rows: [string, string, Uint8Array | null, StatPersisted, bigint][] = [
    ["the root of a fresh tree", "", bytes(""), ZERO_STAT, 68323592n],
    ["the root under its other name", "/", null, ZERO_STAT, 68323592n],
    ["/zookeeper of a fresh tree", "/zookeeper", bytes(""), ZERO_STAT, 1303661912n],
    ["null data", "/nulld", null, made(0x1dn, 1795252542327n), 163808853n],
    ["empty data counts as null", "/nulld", bytes(""), made(0x1dn, 1795252542327n), 163808853n],
    ["data and every field", "/a/b", bytes("data"), FULL, 3010892822n],
    ["a path outside ASCII", "/é", null, FULL, 469710058n],
    ["nothing below /zookeeper", "/zookeeper/quota", bytes("x"), FULL, 0n],
    ["but a sibling that starts like it", "/zookeeperx", null, ZERO_STAT, nodeSum("/zookeeperx")],
  ];
  for (const [title, path, data, stat, digest] of rows) {
    test(title, () => assert.equal(nodeDigest(path, data, stat), digest));
  }
});

function nodeSum(path: string): bigint {
  return BigInt(finishDigest(contentSum(path, null), ZERO_STAT));
}

test("a fresh tree has the digest of every fresh server", () => {
  assert.equal(new Tree(treeOptions()).digest(), 1371985504n);
});

test("a tree of known nodes has the digest that its leader sent", () => {
  const loader = new TreeLoader(treeOptions());
  loader.node("", bytes(""), -1n, { ...ZERO_STAT, pzxid: 0x100000008n, cversion: 4 });
  loader.node("/zookeeper", bytes(""), -1n, ZERO_STAT);
  loader.node("/t0", bytes("x0"), -1n, made(0x100000002n, 1795253085311n));
  loader.node("/t1", bytes("x1"), -1n, made(0x100000003n, 1795253085322n));
  loader.node("/t2", bytes("x2"), -1n, made(0x100000004n, 1795253085326n));
  loader.node("/u", bytes("live"), -1n, made(0x100000008n, 1795253087405n));
  assert.equal(loader.finish().digest(), 0x2c67d0c81n);
});

test("the sum wraps at 64 bits and is signed", () => {
  const sum = new DigestSum();
  sum.subtract(1);
  assert.equal(sum.value, -1n);
  assert.equal(sum.is(-1n), true);
  sum.add(1);
  assert.equal(sum.value, 0n);
  let expected = 0n;
  for (let i = 0; i < 1000; i++) {
    const digest = (i * 2654435761) >>> 0;
    sum.add(digest);
    expected = BigInt.asIntN(64, expected + BigInt(digest));
  }
  assert.equal(sum.value, expected);
  assert.equal(sum.is(expected), true);
  assert.equal(sum.is(expected ^ (1n << 63n)), false);
});

test("a tree without digests says 0 and applies all the same", () => {
  const script = new Script({ digest: false });
  assert.equal(script.create("/a", { data: bytes("x") }), 0);
  assert.equal(script.tree.digest(), 0n);
  assert.equal(script.tree.check.history.list().length, 0);
});

test("the history keeps every 128th zxid, the newest 1024 of them", () => {
  const script = new Script();
  for (let i = 0; i < 128 * 1026; i++) script.apply({ type: -1, body: errorBody });
  const kept = script.tree.check.history.list();
  assert.equal(kept.length, 1024);
  assert.equal(kept[0].zxid, 128n * 3n);
  assert.equal(kept[1023].zxid, 128n * 1026n);
  assert.equal(kept[1023].digest, script.tree.digest());
});
const errorBody = { kind: "error", record: { err: -101 } } as const;

describe("digests are compared", () => {
  const run = (digests: (bigint | null)[], prepare?: (check: DigestCheck) => void) => {
    const notes: string[] = [];
    const tree = new Tree(treeOptions({ note: (_level, _area, said) => notes.push(said) }));
    prepare?.(tree.check);
    digests.forEach((treeDigest, i) => {
      const { type, body } = createPart("/", {}); // changes nothing: the root exists
      const header = { clientId: 0n, cxid: 0, zxid: BigInt(i + 1), time: 0n, type };
      const digest = treeDigest === null ? null : { version: 2, treeDigest };
      tree.apply(makeTxn(header, body, digest), false);
    });
    return { check: tree.check, notes };
  };
  const RIGHT = 1371985504n;

  test("an equal one is silent, a missing one too", () => {
    const { check, notes } = run([RIGHT, null, RIGHT]);
    assert.deepEqual([check.mismatches, notes], [0, []]);
  });

  test("a difference is counted each time and told once", () => {
    const { check, notes } = run([1n, 2n, RIGHT, 3n]);
    assert.equal(check.mismatches, 3);
    assert.equal(notes.length, 1);
    assert.match(notes[0], /differs from what the transaction says/);
  });

  test("nothing is compared before the zxid of a snapshot's digest is met", () => {
    const { check } = run([7n, 7n, RIGHT, 7n], (c) => c.loadedWith(0n, 3n, 2, RIGHT));
    assert.deepEqual([check.fuzzyUntil, check.compared, check.mismatches], [null, 3, 1]);
    assert.equal(check.firstMismatch, 4n);
  });

  test("a snapshot's digest that differs is told when its zxid is met", () => {
    const { check, notes } = run([null, null], (c) => c.loadedWith(0n, 2n, 2, 5n));
    assert.equal(check.mismatches, 1);
    assert.match(notes[0], /what the snapshot says/);
  });

  test("a snapshot's digest at its own zxid is compared at once", () => {
    const { check } = run([], (c) => c.loadedWith(9n, 9n, 2, 5n));
    assert.deepEqual([check.fuzzyUntil, check.mismatches], [null, 1]);
  });

  test("zxid 0, an older zxid and another version are no digest", () => {
    for (const [zxid, version] of [[0n, 2], [8n, 2], [9n, 1]] as const) {
      const { check } = run([], (c) => c.loadedWith(9n, zxid, version, 5n));
      assert.deepEqual([check.fuzzyUntil, check.compared], [null, 0]);
    }
  });

  test("a mixture of unknown length is not compared until it is right once", () => {
    const { check, notes } = run([7n, 8n, RIGHT, 9n], (c) => c.loadedFuzzy());
    assert.deepEqual([check.compared, check.mismatches, check.firstMismatch], [2, 1, 4n]);
    assert.equal(notes.length, 1);
  });

  test("so is one whose digest was passed by", () => {
    const gap = { clientId: 0n, cxid: 0, zxid: 5n, time: 0n, type: -1 };
    const { check } = run([7n, 8n], (c) => {
      c.loadedWith(0n, 2n, 2, 5n);
      c.applied(makeTxn(gap, errorBody, { version: 2, treeDigest: 4n }));
    });
    assert.deepEqual([check.fuzzyUntil, check.compared], [null, 0]);
  });

  test("nothing is kept for `hash` while the tree may be a mixture", () => {
    const kept = (prepare: (check: DigestCheck) => void): bigint[] => {
      const { check } = run(new Array(256).fill(null), prepare);
      return check.history.list().map(({ zxid }) => zxid);
    };
    assert.deepEqual(kept(() => {}), [128n, 256n]);
    assert.deepEqual(kept((c) => c.loadedFuzzy()), []);
    assert.deepEqual(kept((c) => c.loadedWith(0n, 200n, 2, RIGHT)), [256n]);
  });
});
