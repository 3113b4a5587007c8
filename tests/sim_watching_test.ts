// The judge of what watchers are told: what each promise forbids is found, and who is told all in
// time has nothing to complain of.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Stat } from "../lib/records/data.ts";
import { Change, Watching } from "../lib/sim/watching.ts";
import { statWith } from "./support/stat.ts";

const statOf = (czxid: bigint, mzxid: bigint, version: number, pzxid = czxid): Stat =>
  statWith({ czxid, mzxid, version, pzxid });

const made = (arm: (watching: Watching) => void): Watching => {
  const watching = new Watching();
  arm(watching);
  return watching;
};

describe("a watch that fires once", () => {
  const ROWS = [
    ["data", Change.data],
    ["exist", Change.created],
    ["child", Change.children],
  ] as const;
  for (const [kind, type] of ROWS) {
    const armed = (): Watching => made((watching) => watching.arm(kind, "/a", 5n));

    it(`of ${kind} fires before the change is seen, and once`, () => {
      const watching = armed();
      assert.equal(watching.shown(type, "/a", 5n), null);
      assert.equal(watching.shown(type, "/b", 6n), null);
      assert.match(watching.shown(type, "/a", 6n) ?? "", /before .* armed at 5 fired/);
      assert.equal(watching.event(type, "/a", 6n), null);
      assert.equal(watching.shown(type, "/a", 6n), null);
      assert.match(watching.event(type, "/a", 7n) ?? "", /does not watch/);
    });

    it(`of ${kind} does not fire for another change, and not behind its session`, () => {
      const other = type === Change.children ? Change.data : Change.children;
      assert.match(armed().event(other, "/a", 6n) ?? "", /does not watch/);
      const watching = armed();
      watching.clear();
      assert.match(watching.event(type, "/a", 6n) ?? "", /does not watch/);
    });

    it(`of ${kind} must have fired by the end`, () => {
      const nodes = new Map([["/a", statOf(6n, 7n, 1, 8n)]]);
      assert.match(armed().judge(nodes).join(), /never the .* of \/a armed at 5 fired/);
      const late = made((watching) => watching.arm(kind, "/a", 8n));
      assert.deepEqual(late.judge(nodes), []);
    });
  }

  it("is used up by the deletion, whatever it is of", () => {
    for (const [kind] of ROWS) {
      const watching = made((one) => one.arm(kind, "/a", 5n));
      assert.equal(watching.event(Change.deleted, "/a", 6n), null);
      assert.match(watching.event(Change.deleted, "/a", 7n) ?? "", /does not watch/);
    }
  });
});

describe("a watch that stays", () => {
  const plain = (): Watching => made((watching) => watching.stand("/a", false, 5n));
  const recursive = (): Watching => made((watching) => watching.stand("/a", true, 5n));

  it("is told of each change before that is seen", () => {
    const watching = plain();
    assert.equal(watching.shown(Change.data, "/a", 5n), null);
    for (const zxid of [6n, 7n]) {
      assert.match(watching.shown(Change.data, "/a", zxid) ?? "", /standing watch/);
      assert.equal(watching.event(Change.data, "/a", zxid), null);
      assert.equal(watching.shown(Change.data, "/a", zxid), null);
    }
    assert.match(watching.shown(Change.created, "/a", 7n) ?? "", /standing watch/);
  });

  it("is told of what lies below when it is recursive, and then not of children as such", () => {
    assert.equal(recursive().event(Change.created, "/a/b/c", 6n), null);
    assert.match(recursive().shown(Change.deleted, "/a/b", 6n) ?? "", /standing watch of \/a/);
    assert.match(recursive().event(Change.children, "/a", 6n) ?? "", /does not watch/);
    assert.match(recursive().event(Change.created, "/ab", 6n) ?? "", /does not watch/);
    assert.match(plain().event(Change.created, "/a/b", 6n) ?? "", /does not watch/);
    assert.equal(plain().event(Change.children, "/a", 6n), null);
  });

  it("is not told of what happened while its client was away, but of all from then on", () => {
    const watching = plain();
    watching.disconnected();
    assert.equal(watching.shown(Change.data, "/a", 9n), null);
    watching.heard(9n);
    watching.heard(12n);
    assert.equal(watching.shown(Change.data, "/a", 9n), null);
    assert.match(watching.shown(Change.data, "/a", 10n) ?? "", /standing watch/);
  });

  it("must have been told of the last change by the end", () => {
    const nodes = new Map([["/a", statOf(1n, 7n, 3)], ["/a/b", statOf(8n, 8n, 0)]]);
    assert.match(plain().judge(nodes).join(), /the change of 7 came, and never/);
    const watching = recursive();
    watching.event(Change.data, "/a", 7n);
    assert.match(watching.judge(nodes).join(), /the change of 8 came, and never/);
    watching.event(Change.created, "/a/b", 8n);
    assert.deepEqual(watching.judge(nodes), []);
  });

  it("tires its client after some events, once, and is gone when it is removed", () => {
    const watching = plain();
    for (let zxid = 6n; zxid < 8n; zxid++) watching.event(Change.data, "/a", zxid);
    assert.equal(watching.tired(), null);
    watching.event(Change.data, "/a", 8n);
    assert.equal(watching.tired()?.path, "/a");
    assert.equal(watching.tired(), null);
    watching.fall("/a");
    assert.match(watching.event(Change.data, "/a", 9n) ?? "", /does not watch/);
  });
});
