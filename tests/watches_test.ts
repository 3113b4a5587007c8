// Who hears of what, how often and in which order (client.md 6).

import assert from "node:assert/strict";
import { World } from "./support/tree_watchers.ts";
import { describe, test } from "node:test";
import type { ACL } from "../lib/records/data.ts";
import { isBrisk } from "./support/brisk.ts";
import {
  acl,
  bytes,
  closePart,
  createPart,
  deletePart,
  errorPart,
  multiPart,
  openPart,
  setAclPart,
  setDataPart,
} from "./support/tree_txns.ts";

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

  test("a change at a very deep path costs no look for each of its prefixes", () => {
    const world = new World();
    world.recursive("/", world.watcher("w"));
    world.recursive("/a/a", world.watcher("w"));
    const path = "/a".repeat(100_000);
    isBrisk(50, () => () => world.tree.watches.changed(path, 1n, null));
    assert.ok(world.taken().every(([who, event]) => `${who} ${event}` === "w NodeDataChanged"));
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
