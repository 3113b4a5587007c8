// Names made to meet in the index of paths: they cost no more than others, and nothing about them is
// different.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { crc32, CRC32_START } from "../lib/base/crc32.ts";
import { Core } from "../lib/tree/core.ts";
import { PathIndex } from "../lib/tree/path_index.ts";
import { collidingNames } from "./support/colliding.ts";
import { ZERO_STAT } from "./support/stats.ts";

const STAT = { ...ZERO_STAT, czxid: 1n, mzxid: 1n, pzxid: 1n };
const NO_DATA = new Uint8Array(0);
const COUNT = 2000;

function newCore(): Core {
  return new Core({ digest: true, extendedTypes: false, emulate353Ttl: false });
}

function make(core: Core, path: string): void {
  core.locate(path);
  assert.equal(core.node, 0, `${path} is not there yet`);
  core.make(path, NO_DATA, core.acls.use(null), STAT);
}

const unmake = (core: Core, path: string): void => core.remove(core.find(path), path, () => {});

describe("colliding names", () => {
  it("collide", () => {
    const sums = collidingNames(100, "sum").map((name) =>
      crc32(CRC32_START, new TextEncoder().encode(`/${name}`))
    );
    assert.equal(new Set(sums).size, 1);
    assert.equal(new Set(collidingNames(COUNT, "sum")).size, COUNT);
    assert.equal(new Set(collidingNames(COUNT, "bucket")).size, COUNT);
  });

  for (const how of ["sum", "bucket"] as const) {
    it(`are found, deleted and made again like others (one ${how})`, () => {
      const core = newCore();
      const names = collidingNames(COUNT, how);
      for (const name of names) make(core, `/${name}`);
      const digest = core.digestSum.value;
      const nodes = names.map((name) => core.find(`/${name}`));
      assert.equal(new Set(nodes).size, COUNT);
      names.forEach((name, i) => assert.equal(core.nodes.path(nodes[i]), `/${name}`));
      // Below them, too, and beside them.
      make(core, `/${names[COUNT - 1]}/child`);
      assert.notEqual(core.find(`/${names[COUNT - 1]}/child`), 0);
      assert.equal(core.find(`/${names[0]}x`), 0);
      unmake(core, `/${names[COUNT - 1]}/child`);
      const gone = names.filter((_, i) => i % 3 !== 1);
      for (const name of gone) unmake(core, `/${name}`);
      names.forEach((name, i) => {
        assert.equal(core.find(`/${name}`) !== 0, i % 3 === 1, name);
      });
      for (const name of gone.toReversed()) make(core, `/${name}`);
      for (const name of names) assert.notEqual(core.find(`/${name}`), 0);
      assert.equal(core.digestSum.value, digest);
    });

    it(`fill no chain beyond its limit (one ${how})`, () => {
      const sums = collidingNames(COUNT, how).map((name) =>
        crc32(CRC32_START, new TextEncoder().encode(`/${name}`))
      );
      const next: number[] = [];
      const index = new PathIndex({
        hashOf: (node) => sums[node - 1],
        chainNext: (node) => next[node] ?? 0,
        setChainNext: (node, to) => void (next[node] = to),
      });
      let refused = 0;
      sums.forEach((sum, i) => {
        if (index.isFull(sum)) refused += 1;
        else index.add(i + 1);
      });
      assert.equal(index.size, 32);
      assert.equal(refused, COUNT - 32);
    });
  }
});
