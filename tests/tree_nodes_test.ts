// Kinds of nodes, their names and counts, and repeating transactions (client.md 4.4, storage.md 7.3).

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Output } from "../lib/codec/output.ts";
import { ErrorCode, OpCode } from "../lib/txn/opcodes.ts";
import { Tree } from "../lib/tree/tree.ts";
import {
  acl,
  bytes,
  createPart,
  deletePart,
  multiPart,
  openPart,
  Script,
  setAclPart,
  setDataPart,
  stateOf,
  statOf,
  text,
  treeOptions,
} from "./support/tree_txns.ts";

describe("the kinds of nodes", () => {
  const TTL = BigInt.asIntN(64, 0xff00000000000000n) | 5000n;
  const OLD_TTL = BigInt.asIntN(64, 0x8000000000000000n) | 5000n;
  const CONTAINER = BigInt.asIntN(64, 0x8000000000000000n);

  test("a container shows no owner and is among the containers", () => {
    const script = new Script();
    script.create("/c", { type: OpCode.createContainer });
    assert.equal(script.persisted("/c").ephemeralOwner, CONTAINER);
    assert.equal(script.stat("/c").ephemeralOwner, 0n);
    assert.deepEqual([...script.tree.containers()], ["/c"]);
    script.apply({ ...deletePart("/c"), type: OpCode.deleteContainer });
    assert.deepEqual([...script.tree.containers()], []);
  });

  test("a TTL node shows no owner and knows its ttl", () => {
    const script = new Script();
    script.create("/t", { type: OpCode.createTTL, ttl: 5000n });
    assert.equal(script.persisted("/t").ephemeralOwner, TTL);
    assert.equal(script.stat("/t").ephemeralOwner, 0n);
    assert.deepEqual([...script.tree.ttls()], ["/t"]);
    assert.equal(script.tree.ttlOf(script.node("/t")), 5000);
    assert.equal(script.tree.kindOf(script.node("/t")), "ttl");
  });

  test("without extended types a TTL node is an ephemeral of a strange session", () => {
    const script = new Script({ extendedTypes: false });
    script.create("/t", { type: OpCode.createTTL, ttl: 5000n });
    assert.equal(script.tree.kindOf(script.node("/t")), "ephemeral");
    assert.deepEqual([...script.tree.ephemeralsOf(TTL)], ["/t"]);
    assert.equal(script.stat("/t").ephemeralOwner, TTL);
  });

  test("the TTL nodes of 3.5.3 are known when asked for", () => {
    for (const emulate353Ttl of [true, false]) {
      const script = new Script({ emulate353Ttl });
      script.apply(createPart("/t", { ephemeral: true }), OLD_TTL);
      script.apply(createPart("/c", { type: OpCode.createContainer }));
      assert.equal(
        script.tree.kindOf(script.node("/t")),
        emulate353Ttl ? "ttl" : "ephemeral",
      );
      assert.equal(script.tree.kindOf(script.node("/c")), "container");
    }
  });

  for (const ttl of [0n, -1n, 0x10000000000n]) {
    test(`a transaction with the impossible ttl ${ttl} makes a plain node and is told`, () => {
      const notes: string[] = [];
      const script = new Script({ note: (level, _area, said) => notes.push(`${level} ${said}`) });
      assert.equal(script.create("/t", { type: OpCode.createTTL, ttl }), 0);
      assert.equal(script.persisted("/t").ephemeralOwner, 0n);
      assert.deepEqual(notes, ["error a transaction makes a TTL node with an impossible ttl"]);
    });
  }

  test("an ephemeral belongs to the session of its transaction", () => {
    const script = new Script();
    script.apply(createPart("/e", { ephemeral: true }), -5n);
    assert.equal(script.stat("/e").ephemeralOwner, -5n);
    assert.deepEqual([...script.tree.ephemeralsOf(-5n)], ["/e"]);
    assert.deepEqual([...script.tree.sessionsWithEphemerals()], [-5n]);
    assert.equal(script.tree.ephemeralCount, 1);
    script.apply(deletePart("/e"));
    assert.equal(script.tree.ephemeralCount, 0);
    assert.deepEqual([...script.tree.sessionsWithEphemerals()], []);
  });
});

describe("names", () => {
  const names = [
    "é",
    "日本",
    "\ud7ff",
    "\uf900",
    "a b",
    "\u0001",
    "\ud800",
    "\udc00x",
    "x".repeat(3000),
  ];
  test("of every UTF-16 unit that a transaction can hold come back as they were", () => {
    const tree = new Tree(treeOptions());
    for (const [i, name] of names.entries()) {
      const { body, type } = createPart(`/${name}`);
      const header = { clientId: 0n, cxid: 0, zxid: BigInt(i + 1), time: 0n, type };
      tree.apply({ header, body, digest: null, bytes: new Uint8Array(0) }, false);
      const node = tree.get(`/${name}`);
      assert.ok(node !== undefined, JSON.stringify(name));
      assert.equal(tree.pathOf(node), `/${name}`);
    }
    const found: string[] = [];
    tree.forEachChild(tree.get("/") ?? 0, (name) => found.push(name));
    assert.deepEqual(found, ["zookeeper", ...names]);
  });

  test("that are prefixes of each other are told apart", () => {
    const script = new Script();
    for (const path of ["/a", "/ab", "/a/b", "/ab/c", "/abc"]) {
      script.create(path, { data: bytes(path) });
    }
    for (const path of ["/a", "/ab", "/a/b", "/ab/c", "/abc"]) {
      assert.equal(script.data(path), path);
    }
    assert.equal(script.tree.get("/a/bc"), undefined);
    assert.equal(script.tree.get("/ab/b"), undefined);
  });

  test("are written as a vector like any other", () => {
    const script = new Script();
    for (const name of ["/p", "/p/one", "/p/é"]) script.create(name);
    const out = new Output();
    script.tree.writeChildren(script.node("/p"), out);
    const expected = new Output();
    expected.vector(["one", "é"], (o, name) => o.ustring(name));
    assert.deepEqual(out.take(), expected.take());
  });
});

describe("replay over a fuzzy snapshot", () => {
  test("a create that is there raises the parent and takes the transaction's list", () => {
    for (const type of [OpCode.create, OpCode.create2]) {
      const script = new Script();
      script.create("/p", { cversion: 1 });
      script.create("/p/c", { data: bytes("new"), acl: acl(1), cversion: 3 });
      const node = script.persisted("/p/c");
      const part = createPart("/p/c", { data: bytes("old"), acl: acl(2), cversion: 8, type });
      assert.equal(script.apply(part).err, ErrorCode.NODEEXISTS);
      assert.deepEqual(script.persisted("/p/c"), node);
      assert.equal(script.data("/p/c"), "new");
      assert.deepEqual(script.tree.acl(script.node("/p/c")), acl(2));
      const parent = script.persisted("/p");
      assert.deepEqual([parent.cversion, parent.pzxid], [8, 3n]);
      script.apply(createPart("/p/c", { cversion: 8, type }));
      assert.equal(script.persisted("/p").pzxid, 3n);
    }
  });

  test("a multi that stops at nothing: later parts apply behind one that fails", () => {
    const script = new Script();
    script.create("/a");
    const { parts, err } = script.apply(multiPart(
      createPart("/a"),
      deletePart("/none"),
      createPart("/b"),
    ));
    assert.equal(err, ErrorCode.NODEEXISTS);
    assert.deepEqual(parts?.map((part) => part.err), [-110, -101, 0]);
    assert.deepEqual(script.children("/"), ["a", "b", "zookeeper"]);
  });

  test("the same transactions once more give the same tree", () => {
    const script = new Script();
    script.apply(openPart(1000), 5n);
    script.create("/a", { cversion: 1 });
    script.create("/a/x", { cversion: 1 });
    script.create("/e", { ephemeral: true, cversion: 2 }, 5n);
    script.apply(setDataPart("/a", bytes("v"), 1));
    script.apply(setAclPart("/a", acl(7), 1));
    script.apply(multiPart(deletePart("/a/x"), createPart("/a/y", { cversion: 2 })));
    const before = stateOf(script.tree);
    for (const txn of script.txns.slice(4)) script.tree.apply(txn, false);
    assert.deepEqual(stateOf(script.tree), before);
    assert.equal(script.tree.lastZxid, script.zxid);
  });
});

test("counts follow: nodes, data and path sizes, ephemerals, descendants", () => {
  const script = new Script();
  const start = script.tree.dataSize;
  script.create("/abc", { data: bytes("12345") });
  script.create("/abc/d");
  script.create("/abc/d/e", { data: bytes("1") });
  assert.equal(script.tree.dataSize - start, 4 + 5 + 6 + 8 + 1);
  assert.equal(script.tree.descendants(script.node("/abc")), 2);
  assert.equal(script.tree.descendants(script.node("/abc/d/e")), 0);
  assert.equal(script.tree.descendants(script.node("/")), 6);
  script.apply(setDataPart("/abc", null, 1));
  script.apply(deletePart("/abc/d/e"));
  assert.equal(script.tree.dataSize - start, 4 + 6);
  assert.equal(text(script.tree.dataOf(script.node("/abc"))), null);
});

describe("the config node", () => {
  test("is written with version −1, the configuration's zxid and the own clock", () => {
    const { tree } = new Script();
    tree.setConfigNode(bytes("version=100000000"), 0x100000000n, 1234);
    const stat = statOf(tree, "/zookeeper/config");
    assert.deepEqual([stat.version, stat.mzxid, stat.mtime], [-1, 0x100000000n, 1234n]);
    assert.equal(tree.lastZxid, 0n);
    assert.equal(tree.digest(), 1371985504n);
  });

  test("is made where it is missing", () => {
    const script = new Script();
    script.apply(deletePart("/zookeeper/config"));
    script.tree.setConfigNode(bytes("x"), 7n, 1);
    assert.deepEqual(script.tree.acl(script.node("/zookeeper/config")), acl(1));
  });
});
