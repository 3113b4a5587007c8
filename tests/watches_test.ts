// Who hears of what, how often and in which order (client.md 6).

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ACL } from "../lib/records/data.ts";
import {
  AddWatchMode,
  EventType,
  type Watcher,
  WatcherType,
  WatchMode,
} from "../lib/tree/watches.ts";
import {
  acl,
  bytes,
  closePart,
  createPart,
  deletePart,
  errorPart,
  multiPart,
  openPart,
  Script,
  setAclPart,
  setDataPart,
} from "./support/tree_txns.ts";

type Heard = [who: string, event: string, path: string, zxid: number];

const NAMES = new Map<number, string>(
  Object.entries(EventType).map(([name, type]) => [type, name]),
);

class World extends Script {
  readonly heard: Heard[] = [];

  watcher(who: string, canRead: (acl: readonly ACL[] | null) => boolean = () => true): Watcher {
    return {
      notify: (type, path, zxid) => {
        this.heard.push([who, NAMES.get(type) ?? `${type}`, path, Number(zxid)]);
      },
      canRead,
    };
  }

  onData(path: string, watcher: Watcher): void {
    this.tree.watches.data.add(path, watcher, WatchMode.standard);
  }

  onChild(path: string, watcher: Watcher): void {
    this.tree.watches.child.add(path, watcher, WatchMode.standard);
  }

  persistent(path: string, watcher: Watcher): void {
    this.tree.watches.add(path, watcher, AddWatchMode.persistent);
  }

  recursive(path: string, watcher: Watcher): void {
    this.tree.watches.add(path, watcher, AddWatchMode.persistentRecursive);
  }

  taken(): Heard[] {
    return this.heard.splice(0);
  }
}

describe("a standard watch", () => {
  test("on data hears of creation, change and deletion, once each", () => {
    const world = new World();
    const w = world.watcher("w");
    world.onData("/a", w);
    world.create("/a");
    world.apply(setDataPart("/a", bytes("x"), 1));
    assert.deepEqual(world.taken(), [["w", "NodeCreated", "/a", 1]]);
    world.onData("/a", w);
    world.apply(setDataPart("/a", bytes("y"), 2));
    world.apply(setDataPart("/a", bytes("z"), 3));
    assert.deepEqual(world.taken(), [["w", "NodeDataChanged", "/a", 3]]);
    world.onData("/a", w);
    world.apply(deletePart("/a"));
    assert.deepEqual(world.taken(), [["w", "NodeDeleted", "/a", 5]]);
    assert.equal(world.tree.watches.data.size, 0);
  });

  test("on children hears of children coming and going and of the node's end", () => {
    const world = new World();
    const w = world.watcher("w");
    world.create("/p");
    world.onChild("/p", w);
    world.create("/p/c");
    world.create("/p/d");
    assert.deepEqual(world.taken(), [["w", "NodeChildrenChanged", "/p", 2]]);
    world.onChild("/p", w);
    world.apply(deletePart("/p/c"));
    assert.deepEqual(world.taken(), [["w", "NodeChildrenChanged", "/p", 4]]);
    world.apply(deletePart("/p/d"));
    world.onChild("/p", w);
    world.apply(deletePart("/p"));
    assert.deepEqual(world.taken(), [["w", "NodeDeleted", "/p", 6]]);
  });

  test("on the root is under /, not under the empty path", () => {
    const world = new World();
    world.onChild("/", world.watcher("slash"));
    world.onChild("", world.watcher("empty"));
    world.create("/a");
    assert.deepEqual(world.taken(), [["slash", "NodeChildrenChanged", "/", 1]]);
  });

  test("in both tables: a deletion is heard once", () => {
    const world = new World();
    const w = world.watcher("w");
    world.create("/a");
    world.onData("/a", w);
    world.onChild("/a", w);
    world.onChild("/", w);
    world.apply(deletePart("/a"));
    assert.deepEqual(world.taken(), [
      ["w", "NodeDeleted", "/a", 2],
      ["w", "NodeChildrenChanged", "/", 2],
    ]);
    assert.equal(world.tree.watches.child.size, 0);
  });
});

describe("the order of events", () => {
  test("of a creation: the node's watchers, then the parent's", () => {
    const world = new World();
    world.onChild("/", world.watcher("parent"));
    world.onData("/a", world.watcher("node"));
    world.create("/a");
    assert.deepEqual(world.taken().map(([who]) => who), ["node", "parent"]);
  });

  test("of a deletion: data watchers, the node's child watchers, the parent's", () => {
    const world = new World();
    world.create("/a");
    world.onChild("/", world.watcher("parent"));
    world.onChild("/a", world.watcher("children"));
    world.onData("/a", world.watcher("node"));
    world.apply(deletePart("/a"));
    assert.deepEqual(world.taken().map(([who, event]) => [who, event]), [
      ["node", "NodeDeleted"],
      ["children", "NodeDeleted"],
      ["parent", "NodeChildrenChanged"],
    ]);
  });

  test("of a multi: part by part, a standard watch at the first that fits", () => {
    const world = new World();
    const w = world.watcher("w");
    world.onData("/a", w);
    world.onData("/b", w);
    world.onChild("/", w);
    world.apply(multiPart(
      createPart("/b"),
      createPart("/a"),
      setDataPart("/b", bytes("x"), 1),
      deletePart("/a"),
    ));
    assert.deepEqual(world.taken(), [
      ["w", "NodeCreated", "/b", 1],
      ["w", "NodeChildrenChanged", "/", 1],
      ["w", "NodeCreated", "/a", 1],
    ]);
  });

  test("of a closed session: its nodes in the order of the list", () => {
    const world = new World();
    world.apply(openPart(1000), 5n);
    for (const path of ["/a", "/b", "/c"]) world.create(path, { ephemeral: true }, 5n);
    for (const path of ["/a", "/b", "/c"]) world.onData(path, world.watcher("w"));
    world.apply(closePart(["/c", "/a", "/b"]), 5n);
    assert.deepEqual(world.taken().map(([, event, path]) => `${event} ${path}`), [
      "NodeDeleted /c",
      "NodeDeleted /a",
      "NodeDeleted /b",
    ]);
  });
});

test("setACL, failed multis, errors, refused changes and stats rewrites are silent", () => {
  const world = new World();
  const w = world.watcher("w");
  for (const path of ["/zookeeper/quota/q/zookeeper_stats", "/q", "/"]) world.persistent(path, w);
  world.create("/q");
  for (const path of ["/zookeeper/quota/q", "/zookeeper/quota/q/zookeeper_limits"]) {
    world.create(path, { data: bytes("count=5,bytes=-1") });
  }
  world.create("/zookeeper/quota/q/zookeeper_stats", { data: bytes("count=0,bytes=0") });
  world.taken();
  world.apply(setAclPart("/q", acl(1), 1));
  world.apply(multiPart(deletePart("/q"), errorPart(-101)));
  world.apply(errorPart(-1));
  world.apply(createPart("/none/x"));
  world.apply(setDataPart("/none", null, 1));
  world.create("/q/under"); // rewrites the stats
  assert.deepEqual(world.taken(), [["w", "NodeChildrenChanged", "/q", Number(world.zxid)]]);
});

describe("a persistent watch", () => {
  test("hears all four events of exactly its path, again and again", () => {
    const world = new World();
    world.persistent("/a", world.watcher("w"));
    world.create("/a");
    world.apply(setDataPart("/a", bytes("1"), 1));
    world.create("/a/b");
    world.apply(setDataPart("/a/b", bytes("1"), 1));
    world.apply(deletePart("/a/b"));
    world.apply(deletePart("/a"));
    world.create("/a");
    assert.deepEqual(world.taken().map(([, event, path]) => `${event} ${path}`), [
      "NodeCreated /a",
      "NodeDataChanged /a",
      "NodeChildrenChanged /a",
      "NodeChildrenChanged /a",
      "NodeDeleted /a",
      "NodeCreated /a",
    ]);
  });

  test("stays when a standard watch on the same path has fired", () => {
    const world = new World();
    const w = world.watcher("w");
    world.persistent("/a", w);
    world.onData("/a", w);
    world.create("/a");
    world.apply(setDataPart("/a", bytes("1"), 1));
    assert.deepEqual(world.taken().map(([, event]) => event), ["NodeCreated", "NodeDataChanged"]);
  });
});

describe("a recursive watch", () => {
  test("hears of its node and all below it, and never of children changed", () => {
    const world = new World();
    world.recursive("/a", world.watcher("w"));
    world.create("/a");
    world.create("/a/b");
    world.create("/a/b/c");
    world.create("/ab");
    world.apply(setDataPart("/a/b/c", bytes("1"), 1));
    world.apply(deletePart("/a/b/c"));
    assert.deepEqual(world.taken().map(([, event, path]) => `${event} ${path}`), [
      "NodeCreated /a",
      "NodeCreated /a/b",
      "NodeCreated /a/b/c",
      "NodeDataChanged /a/b/c",
      "NodeDeleted /a/b/c",
    ]);
  });

  test("on the root hears of everything", () => {
    const world = new World();
    world.recursive("/", world.watcher("w"));
    world.create("/a");
    world.create("/a/b");
    assert.deepEqual(world.taken().map(([, , path]) => path), ["/a", "/a/b"]);
  });

  test("a connection hears once though its path and two ancestors match", () => {
    const world = new World();
    const w = world.watcher("w");
    const other = world.watcher("other");
    world.create("/a");
    world.create("/a/b");
    world.recursive("/", w);
    world.recursive("/a", w);
    world.recursive("/a", other);
    world.onData("/a/b", w);
    world.apply(setDataPart("/a/b", bytes("1"), 1));
    assert.deepEqual(world.taken().map(([who]) => who).sort(), ["other", "w"]);
    world.apply(setDataPart("/a/b", bytes("2"), 2));
    assert.deepEqual(world.taken().map(([who]) => who).sort(), ["other", "w"]);
  });

  test("below a plain watch on an ancestor: that one stays silent", () => {
    const world = new World();
    world.onData("/a", world.watcher("plain"));
    world.persistent("/a", world.watcher("persistent"));
    world.recursive("/a", world.watcher("recursive"));
    world.tree.watches.child.remove("/a", world.watcher("nobody"), 7);
    world.create("/a");
    world.taken();
    world.create("/a/b");
    assert.deepEqual(world.taken().map(([who, event]) => `${who} ${event}`), [
      "recursive NodeCreated",
      "persistent NodeChildrenChanged",
    ]);
  });
});

describe("the filter by access list", () => {
  const reads = (id: string) => (list: readonly ACL[] | null): boolean =>
    list === null || list.some((entry) => entry.id.id === id);

  test("a creation asks the new node's list, its parent's watchers the parent's", () => {
    const world = new World();
    world.create("/p", { acl: acl(31, "digest", "parent") });
    for (const who of ["parent", "child"]) {
      world.onData("/p/c", world.watcher(who, reads(who)));
      world.onChild("/p", world.watcher(who, reads(who)));
    }
    world.create("/p/c", { acl: acl(31, "digest", "child") });
    assert.deepEqual(world.taken().map(([who, event]) => `${who} ${event}`), [
      "child NodeCreated",
      "parent NodeChildrenChanged",
    ]);
  });

  test("a change and a deletion ask the node's list", () => {
    const world = new World();
    world.create("/a", { acl: acl(31, "digest", "me") });
    for (const who of ["me", "you"]) world.persistent("/a", world.watcher(who, reads(who)));
    world.apply(setDataPart("/a", bytes("1"), 1));
    world.apply(deletePart("/a"));
    assert.deepEqual(world.taken().map(([who, event]) => `${who} ${event}`), [
      "me NodeDataChanged",
      "me NodeDeleted",
    ]);
  });

  test("a standard watch is used up by an event that is not sent", () => {
    const world = new World();
    world.create("/a");
    world.onData("/a", world.watcher("blind", () => false));
    world.apply(setDataPart("/a", bytes("1"), 1));
    assert.deepEqual([world.taken(), world.tree.watches.data.size], [[], 0]);
  });
});

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
