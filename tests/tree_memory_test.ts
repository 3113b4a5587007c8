// The memory under the znodes: pages, cells and the index give back what they took, and never mix
// up two nodes, however many come and go.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Slab } from "../lib/tree/slab.ts";
import { Tree } from "../lib/tree/tree.ts";
import { createPart, deletePart, seeded, treeOptions, txnOf } from "./support/tree_txns.ts";

describe("a slab", () => {
  const SIZES = [1, 15, 16, 17, 255, 256, 257, 288, 289, 1000, 4097, 32767, 32768, 32769, 300_000];

  test("holds pieces of every size apart", () => {
    const slab = new Slab();
    const below = seeded(3);
    const held: { cell: number; size: number; mark: number }[] = [];
    for (let i = 0; i < 4000; i++) {
      if (held.length > 0 && below(5) < 2) {
        const { cell, size, mark } = held.splice(below(held.length), 1)[0];
        const start = slab.start(cell);
        const bytes = slab.bytes(cell).subarray(start, start + size);
        assert.ok(bytes.every((byte) => byte === mark), `${size} bytes marked ${mark}`);
        slab.give(cell);
      } else {
        const size = SIZES[below(SIZES.length)];
        const cell = slab.take(size);
        const start = slab.start(cell);
        assert.ok(start + size <= slab.bytes(cell).length);
        slab.bytes(cell).fill(i & 0xff, start, start + size);
        held.push({ cell, size, mark: i & 0xff });
      }
    }
  });

  test("a piece fits its own cell and cells cut for its class only", () => {
    const slab = new Slab();
    for (const size of SIZES) {
      const cell = slab.take(size);
      assert.equal(slab.fits(cell, size), true, `${size}`);
      assert.equal(slab.fits(cell, 2 * size + 16), false, `${size} doubled`);
    }
  });

  test("uses emptied pages for other sizes instead of taking more", () => {
    const slab = new Slab();
    const fill = (size: number): number[] =>
      Array.from({ length: 4_000_000 / size | 0 }, () => slab.take(size));
    for (const cell of fill(100)) slab.give(cell);
    const reserved = slab.reserved;
    for (const size of [200, 1000, 5000, 64]) for (const cell of fill(size)) slab.give(cell);
    assert.ok(slab.reserved <= reserved * 1.4, `${slab.reserved} of ${reserved}`);
  });
});

test("a tree that grows and shrinks again and again finds its nodes and stops taking memory", () => {
  const tree = new Tree(treeOptions());
  const below = seeded(11);
  let zxid = 0n;
  const apply = (part: ReturnType<typeof deletePart>): void => {
    zxid += 1n;
    assert.equal(tree.apply(txnOf(part, { zxid }), false).err, 0);
  };
  const fresh = tree.digest();
  let reserved = 0;
  for (let round = 0; round < 4; round++) {
    const paths: string[] = [];
    for (let i = 0; i < 20_000; i++) {
      const path = i % 100 === 0 ? `/p${i}` : `/p${i - i % 100}/${round}-node-${i}`;
      const data = new Uint8Array(below(200));
      apply(createPart(path, { data, cversion: 1 }));
      paths.push(path);
    }
    for (const path of paths) assert.equal(tree.pathOf(tree.get(path) ?? 0), path);
    assert.equal(tree.get(`/p0/${round}-node-20000`), undefined);
    if (round === 0) reserved = tree.reservedBytes;
    for (const path of paths.filter((path) => path.lastIndexOf("/") > 0)) apply(deletePart(path));
    for (const path of paths.filter((path) => path.lastIndexOf("/") === 0)) apply(deletePart(path));
    assert.equal(tree.nodeCount, 5);
    assert.ok(tree.reservedBytes <= reserved * 1.3, `round ${round}: ${tree.reservedBytes}`);
  }
  const root = tree.persisted(tree.get("/") ?? 0);
  assert.deepEqual([root.cversion, root.pzxid], [1, zxid]);
  assert.notEqual(tree.digest(), fresh); // the root's cversion and pzxid have moved
});

test("half a million znodes take less than 300 bytes each for path, stat and 100 bytes of data", () => {
  const tree = new Tree(treeOptions());
  const data = new Uint8Array(100);
  const count = 500_000;
  for (let i = 0; i < count; i++) {
    const { type, body } = createPart(`/node-${i}`, { data, cversion: i + 1 });
    const header = { clientId: 0n, cxid: 0, zxid: BigInt(i + 1), time: 0n, type };
    tree.apply({ header, body, digest: null, bytes: data }, false);
  }
  assert.equal(tree.nodeCount, count + 5);
  assert.ok(tree.reservedBytes / count < 300, `${tree.reservedBytes / count}`);
});
