// Access lists by number (client.md 5.6) and what loading makes of them (storage.md 4.4).

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isFault } from "../lib/base/errors.ts";
import type { ACL } from "../lib/records/data.ts";
import { AclStore } from "../lib/tree/acl_store.ts";
import { TreeLoader } from "../lib/tree/loader.ts";
import {
  acl,
  createPart,
  deletePart,
  dumpWhole,
  loadDump,
  OPEN,
  readDump,
  Script,
  setAclPart,
  treeOptions,
  txnOf,
} from "./support/tree_txns.ts";

describe("numbers", () => {
  test("begin at 1, one per distinct list, order and null parts tell lists apart", () => {
    const store = new AclStore();
    const a = acl(1, "ip", "a");
    const b = acl(1, "ip", "b");
    const lists: (ACL[] | null)[] = [
      OPEN,
      acl(1),
      [...a, ...b],
      [...b, ...a],
      [],
      null,
      [{ perms: 1, id: { scheme: null, id: null } }],
      [{ perms: 1, id: { scheme: "", id: "" } }],
      [{ perms: 1, id: { scheme: "ip:1", id: "x" } }],
      [{ perms: 1, id: { scheme: "ip", id: "1:x" } }],
    ];
    const ids = lists.map((list) => store.use(list));
    assert.deepEqual(ids, [1, 2, 3, 4, 5, -1, 6, 7, 8, 9]);
    assert.deepEqual(lists.map((list) => store.use(list)), ids);
    assert.deepEqual(ids.map((id) => store.list(id)), lists);
  });

  test("of a list that nothing uses any more are not used again", () => {
    const store = new AclStore();
    assert.equal(store.use(OPEN), 1);
    assert.equal(store.use(OPEN), 1);
    store.drop(1);
    assert.equal(store.has(1), true);
    store.drop(1);
    assert.deepEqual([store.has(1), store.size], [false, 0]);
    assert.equal(store.use(OPEN), 2);
  });

  test("a list is kept as it was, whatever its giver does to it", () => {
    const store = new AclStore();
    const list = acl(1);
    const id = store.use(list);
    list[0].id.id = "changed";
    list[0].perms = 31;
    assert.deepEqual(store.list(id), acl(1));
  });
});

test("the lists of a tree are exactly those of its nodes", () => {
  const script = new Script(); // /zookeeper/config has one
  assert.equal(script.tree.aclCount, 1);
  script.create("/a", { acl: acl(3, "ip", "x") });
  script.create("/b", { acl: acl(3, "ip", "x") });
  assert.equal(script.tree.aclCount, 2);
  script.apply(setAclPart("/a", acl(4, "ip", "y"), 1));
  assert.equal(script.tree.aclCount, 3);
  script.apply(deletePart("/b"));
  assert.equal(script.tree.aclCount, 2);
  script.apply(createPart("/a", { acl: acl(5, "ip", "z") })); // exists: takes the list all the same
  assert.equal(script.tree.aclCount, 2);
  script.apply(createPart("/none/x", { acl: acl(6, "ip", "z") }));
  assert.equal(script.tree.aclCount, 2);
  script.apply(setAclPart("/a", null, 2));
  assert.equal(script.tree.aclCount, 1);
});

describe("loading", () => {
  const zero = new Script().persisted("/");
  const load = (
    table: [bigint, ACL[] | null][],
    nodes: [string, bigint][],
    notes: string[] = [],
  ) => {
    const loader = new TreeLoader(treeOptions({ note: (_l, _a, said) => notes.push(said) }));
    for (const [id, list] of table) loader.acl(id, list);
    loader.node("", null, -1n, zero);
    for (const [path, id] of nodes) loader.node(path, null, id, zero);
    return loader.finish();
  };

  test("keeps numbers, drops unused lists, and goes on above the highest", () => {
    const tree = load([[2n, OPEN], [7n, acl(1)], [9n, acl(2)]], [["/a", 7n], ["/b", 2n]]);
    assert.equal(tree.aclCount, 2);
    const { acls } = readDump(dumpWhole(tree));
    assert.deepEqual(acls, [[2n, OPEN], [7n, acl(1)]]);
    tree.apply(txnOf(createPart("/c", { acl: acl(2) }), { zxid: 1n }), false);
    assert.deepEqual(readDump(dumpWhole(tree)).acls[2], [10n, acl(2)]);
  });

  test("two numbers for one list become one, and numbers of any size are taken", () => {
    const tree = load(
      [[1n, OPEN], [2n, OPEN], [1n << 40n, acl(1)], [-7n, acl(2)], [3n, null]],
      [["/a", 1n], ["/b", 2n], ["/c", 1n << 40n], ["/d", -7n], ["/e", 3n]],
    );
    assert.equal(tree.aclCount, 3);
    const lists = ["/a", "/b", "/c", "/d", "/e"].map((path) => tree.acl(tree.get(path) ?? 0));
    assert.deepEqual(lists, [OPEN, OPEN, acl(1), acl(2), null]);
  });

  test("a node whose number is unknown is kept, closed, told, and repaired by a later setACL", () => {
    const notes: string[] = [];
    const tree = load([[1n, OPEN]], [["/a", 5n], ["/b", 6n], ["/c", 1n]], notes);
    assert.deepEqual(tree.acl(tree.get("/a") ?? 0), acl(0));
    assert.deepEqual(tree.acl(tree.get("/b") ?? 0), acl(0));
    assert.deepEqual(notes, ["some znodes name an access list that is missing"]);
    const again = loadDump(readDump(dumpWhole(tree)));
    assert.deepEqual(again.acl(again.get("/a") ?? 0), acl(0));
    again.apply(txnOf(setAclPart("/a", OPEN, 1), { zxid: 1n }), false);
    assert.deepEqual(again.acl(again.get("/a") ?? 0), OPEN);
  });

  test("faults on a child before its parent, a node that comes twice, and a tree without root", () => {
    const corrupt = (claim: RegExp) => (e: unknown) =>
      isFault(e, "CORRUPT") && claim.test(e.message);
    assert.throws(() => load([], [["/a/b", -1n]]), corrupt(/before its parent \(\/a\/b\)/));
    assert.throws(() => load([], [["a", -1n]]), corrupt(/before its parent/));
    assert.throws(() => load([], [["/a", -1n], ["/a", -1n]]), corrupt(/twice \(\/a\)/));
    assert.throws(() => load([], [["", -1n]]), corrupt(/twice/));
    assert.throws(() => new TreeLoader(treeOptions()).finish(), corrupt(/no root/));
    const orphan = new TreeLoader(treeOptions());
    assert.throws(() => orphan.node("/a", null, -1n, zero), corrupt(/before its parent/));
  });

  test("a snapshot of 3.4, without the config node, loads", () => {
    const tree = load([], [["/zookeeper", -1n], ["/zookeeper/quota", -1n]]);
    assert.equal(tree.get("/zookeeper/config"), undefined);
    assert.equal(tree.nodeCount, 4);
  });
});
