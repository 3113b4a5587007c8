// Watches set again, checked, removed, and gone with their connection (client.md 6.4, 6.5).

import assert from "node:assert/strict";
import { NAMES, World } from "./support/tree_watchers.ts";
import { describe, test } from "node:test";
import { type Watcher, WatcherType, WatchMode } from "../lib/tree/watches.ts";
import { bytes, deletePart, setDataPart } from "./support/tree_txns.ts";

describe("setWatches", () => {
  const none = {
    dataWatches: [],
    existWatches: [],
    childWatches: [],
    persistentWatches: [],
    persistentRecursiveWatches: [],
  };

  test("sends what was missed, arms the rest, in the order of the lists", () => {
    const world = new World();
    world.create("/old"); // 1
    world.create("/new"); // 2
    world.create("/parent"); // 3
    world.create("/quiet"); // 4
    world.apply(setDataPart("/new", bytes("1"), 1)); // 5
    world.create("/parent/c"); // 6
    const w = world.watcher("w", () => false); // the filter does not apply here
    world.tree.setWatches(w, 4n, {
      dataWatches: ["/old", "/new", "/gone"],
      existWatches: ["/old", "/missing"],
      childWatches: ["/quiet", "/parent", "/gone"],
      persistentWatches: ["/new"],
      persistentRecursiveWatches: ["/new"],
    });
    assert.deepEqual(world.taken(), [
      ["w", "NodeDataChanged", "/new", -1],
      ["w", "NodeDeleted", "/gone", -1],
      ["w", "NodeCreated", "/old", -1],
      ["w", "NodeChildrenChanged", "/parent", -1],
      ["w", "NodeDeleted", "/gone", -1],
    ]);
    const { data, child } = world.tree.watches;
    assert.deepEqual(["/old", "/missing", "/new", "/gone"].map((path) => data.modes(path, w)), [
      WatchMode.standard,
      WatchMode.standard,
      WatchMode.persistent | WatchMode.recursive,
      0,
    ]);
    assert.deepEqual(["/quiet", "/parent", "/new"].map((path) => child.modes(path, w)), [
      WatchMode.standard,
      0,
      WatchMode.persistent,
    ]);
  });

  test("mzxid and pzxid equal to what the client saw are not news", () => {
    const world = new World();
    const w = world.watcher("w");
    world.create("/a");
    world.create("/a/b");
    world.tree.setWatches(w, 1n, { ...none, dataWatches: ["/a"], childWatches: ["/a/b", "/a"] });
    assert.deepEqual(world.taken(), [
      ["w", "NodeChildrenChanged", "/a/b", -1],
      ["w", "NodeChildrenChanged", "/a", -1],
    ]);
    world.tree.setWatches(w, 2n, { ...none, dataWatches: ["/a"], childWatches: ["/a/b", "/a"] });
    assert.deepEqual(world.taken(), []);
  });

  test("a delete replayed after the node's end still moves pzxid, so the event is not missed", () => {
    const world = new World();
    world.create("/p");
    world.apply(deletePart("/p/gone"));
    world.tree.setWatches(world.watcher("w"), 1n, { ...none, childWatches: ["/p"] });
    assert.deepEqual(world.taken(), [["w", "NodeChildrenChanged", "/p", -1]]);
  });
});

describe("checkWatches and removeWatches", () => {
  const TYPES = Object.entries(WatcherType);
  const rows: [set: string, arm: (world: World, w: Watcher) => void, found: string[]][] = [
    ["a data watch", (world, w) => world.onData("/a", w), ["data", "any"]],
    ["a child watch", (world, w) => world.onChild("/a", w), ["children", "any"]],
    ["a persistent watch", (world, w) => world.persistent("/a", w), ["any", "persistent"]],
    ["a recursive watch", (world, w) => world.recursive("/a", w), ["any", "persistentRecursive"]],
    ["no watch", () => {}, []],
  ];
  for (const [set, arm, found] of rows) {
    for (const [name, type] of TYPES) {
      test(`${set} is ${found.includes(name) ? "" : "not "}found by type ${name}`, () => {
        const world = new World();
        const w = world.watcher("w");
        const other = world.watcher("other");
        arm(world, w);
        arm(world, other);
        const { watches } = world.tree;
        const expected = found.includes(name);
        assert.equal(watches.has("/a", w, type), expected);
        assert.equal(watches.has("/b", w, type), false);
        assert.equal(watches.remove("/a", w, type), expected);
        assert.equal(watches.remove("/a", w, type), false);
        assert.equal(watches.has("/a", w, WatcherType.any), found.length > 0 && !expected);
        assert.equal(watches.has("/a", other, WatcherType.any), found.length > 0);
        assert.deepEqual(world.taken(), []);
      });
    }
  }

  test("an unknown type is neither", () => {
    const { watches } = new World().tree;
    assert.equal(watches.has("/a", new World().watcher("w"), 0), null);
    assert.equal(watches.remove("/a", new World().watcher("w"), 6), null);
  });

  test("an unknown mode of addWatch is refused", () => {
    const world = new World();
    assert.equal(world.tree.watches.add("/a", world.watcher("w"), 2), false);
    assert.equal(world.tree.watches.data.size, 0);
  });

  test("removing one mode leaves the others on the path", () => {
    const world = new World();
    const w = world.watcher("w");
    world.onData("/a", w);
    world.persistent("/a", w);
    world.recursive("/a", w);
    assert.equal(world.tree.watches.remove("/a", w, WatcherType.persistent), true);
    assert.equal(
      world.tree.watches.data.modes("/a", w),
      WatchMode.standard | WatchMode.recursive,
    );
    assert.equal(world.tree.watches.remove("/a", w, WatcherType.any), true);
    world.create("/a");
    world.create("/a/b");
    assert.deepEqual(world.taken(), []);
  });
});

describe("connections", () => {
  test("one that is dropped hears nothing more, the others do", () => {
    const world = new World();
    const gone = world.watcher("gone");
    const there = world.watcher("there");
    for (const w of [gone, there]) {
      world.onData("/a", w);
      world.onChild("/", w);
      world.persistent("/a", w);
      world.recursive("/", w);
    }
    world.tree.watches.drop(gone);
    world.create("/a");
    assert.deepEqual(world.taken().map(([who, event]) => `${who} ${event}`), [
      "there NodeCreated",
      "there NodeChildrenChanged",
    ]);
    assert.deepEqual([...world.tree.watches.data.watchers()], [there]);
  });

  test("dropping one with many watches, and one that has none, leaves no trace", () => {
    const world = new World();
    const w = world.watcher("w");
    for (let i = 0; i < 1000; i++) world.onData(`/n${i}`, w);
    const { data } = world.tree.watches;
    assert.deepEqual([data.size, data.pathCount, [...data.watchers()].length], [1000, 1000, 1]);
    world.tree.watches.drop(world.watcher("stranger"));
    world.tree.watches.drop(w);
    assert.deepEqual([data.size, data.pathCount, [...data.watchers()].length], [0, 0, 0]);
  });

  test("a thousand on one path hear once each and are forgotten", () => {
    const world = new World();
    for (let i = 0; i < 1000; i++) world.onData("/a", world.watcher(`w${i}`));
    world.create("/a");
    world.apply(setDataPart("/a", null, 1));
    assert.equal(world.taken().length, 1000);
    assert.equal(world.tree.watches.data.pathCount, 0);
  });

  test("one that arms its watch again while it is told hears of the next change", () => {
    const world = new World();
    const again: Watcher = {
      notify: (type, path, zxid) => {
        world.heard.push(["again", NAMES.get(type) ?? "", path, Number(zxid)]);
        world.onData("/a", again);
      },
      canRead: () => true,
    };
    world.onData("/a", again);
    world.create("/a");
    world.apply(setDataPart("/a", null, 1));
    assert.deepEqual(world.taken().map(([, , , zxid]) => zxid), [1, 2]);
  });

  test("arming twice is one watch", () => {
    const world = new World();
    const w = world.watcher("w");
    for (let i = 0; i < 2; i++) {
      world.onData("/a", w);
      world.persistent("/a", w);
      world.recursive("/a", w);
    }
    assert.equal(world.tree.watches.data.size, 1);
    const pairs: string[] = [];
    world.tree.watches.data.forEach((path, _w, modes) => pairs.push(`${path} ${modes}`));
    assert.deepEqual(pairs, ["/a 7"]);
  });
});
