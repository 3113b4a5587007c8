// What each transaction does to the tree, exactly (client.md 4 and 7.6, storage.md 7.3).

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Output } from "../lib/codec/output.ts";
import { ErrorCode, OpCode } from "../lib/txn/opcodes.ts";
import {
  acl,
  bytes,
  checkPart,
  closePart,
  createPart,
  deletePart,
  errorPart,
  multiPart,
  OPEN,
  openPart,
  Script,
  setAclPart,
  setDataPart,
  stateOf,
  statOf,
  txnOf,
} from "./support/tree_txns.ts";

describe("a fresh tree", () => {
  const { tree } = new Script();

  test("has the reserved nodes and counts the root twice", () => {
    assert.equal(tree.nodeCount, 5);
    assert.equal(tree.descendants(tree.get("/") ?? 0), 3);
    assert.deepEqual(Object.keys(stateOf(tree).nodes as object).sort(), [
      "/",
      "/zookeeper",
      "/zookeeper/config",
      "/zookeeper/quota",
    ]);
  });

  test("shows the root with cversion −1 and one child, /zookeeper with −2", () => {
    const out = new Output();
    tree.writeStat(tree.get("/") ?? 0, out);
    const zeros = (count: number) => "00".repeat(count);
    const hex = [...out.take()].map((b) => b.toString(16).padStart(2, "0")).join("");
    assert.equal(hex, `${zeros(36)}ffffffff${zeros(16)}00000001${zeros(8)}`);
    assert.equal(statOf(tree, "/zookeeper").cversion, -2);
  });

  test("has open lists, but for the config node", () => {
    assert.equal(tree.acl(tree.get("/zookeeper/quota") ?? 0), null);
    assert.deepEqual(tree.acl(tree.get("/zookeeper/config") ?? 0), acl(1));
    assert.equal(statOf(tree, "/zookeeper/config").aversion, -1);
    assert.deepEqual(tree.aclShown(tree.get("/") ?? 0), OPEN);
  });

  test("knows the root by two names and nothing else by a malformed one", () => {
    assert.equal(tree.get(""), tree.get("/"));
    for (const path of ["zookeeper", "//", "/zookeeper/", "//zookeeper", "/zookeeperx", "x"]) {
      assert.equal(tree.get(path), undefined, path);
    }
  });
});

describe("create", () => {
  test("makes the node and moves the parent's cversion and pzxid, nothing else of it", () => {
    const script = new Script();
    script.create("/a", { data: bytes("one"), cversion: 1 });
    assert.deepEqual(script.persisted("/a"), {
      czxid: 1n,
      mzxid: 1n,
      pzxid: 1n,
      ctime: 1001n,
      mtime: 1001n,
      version: 0,
      cversion: 0,
      aversion: 0,
      ephemeralOwner: 0n,
    });
    assert.equal(script.data("/a"), "one");
    const root = script.persisted("/");
    assert.deepEqual([root.cversion, root.pzxid, root.mzxid, root.version], [1, 1n, 0n, 0]);
    assert.equal(script.tree.lastZxid, 1n);
  });

  test("answers the path and the node", () => {
    const script = new Script();
    const applied = script.apply(createPart("/a", { type: OpCode.create2 }));
    assert.deepEqual([applied.err, applied.path, applied.type], [0, "/a", OpCode.create2]);
    assert.equal(applied.node, script.node("/a"));
  });

  test("keeps null data apart from empty data", () => {
    const script = new Script();
    script.create("/null", { data: null });
    script.create("/empty", { data: bytes("") });
    const write = (path: string) => {
      const out = new Output();
      script.tree.writeData(script.node(path), out);
      return [...out.take()];
    };
    assert.deepEqual(write("/null"), [255, 255, 255, 255]);
    assert.deepEqual(write("/empty"), [0, 0, 0, 0]);
    assert.equal(script.stat("/null").dataLength, 0);
  });

  test("owns its data: the bytes of the transaction may be reused", () => {
    const script = new Script();
    const txn = txnOf(createPart("/a", { data: bytes("keep") }), { zxid: 1n });
    script.tree.apply(txn, false);
    txn.bytes.fill(0x58);
    assert.equal(script.data("/a"), "keep");
    assert.deepEqual(script.tree.acl(script.node("/a")), OPEN);
  });

  test("without a parent is NONODE and leaves nothing", () => {
    const script = new Script();
    const before = stateOf(script.tree);
    assert.equal(script.create("/a/b"), ErrorCode.NONODE);
    assert.equal(script.create("noslash"), ErrorCode.NONODE);
    assert.deepEqual(stateOf(script.tree), before);
  });

  test("below an ephemeral is made: apply leaves refusing to the leader", () => {
    const script = new Script();
    script.create("/e", { ephemeral: true });
    assert.equal(script.create("/e/c"), 0);
  });

  test("with a parentCVersion that is not greater leaves the parent's stat alone", () => {
    const script = new Script();
    script.create("/a", { cversion: 5 });
    script.create("/b", { cversion: 5 });
    script.create("/c", { cversion: -2147483648 });
    const root = script.persisted("/");
    assert.deepEqual([root.cversion, root.pzxid], [5, 1n]);
    assert.equal(script.stat("/").numChildren, 4);
  });

  test("of the old form counts the parent's cversion up by itself", () => {
    const script = new Script();
    script.create("/a");
    script.create("/b");
    assert.equal(script.persisted("/").cversion, 2);
  });

  test("of the root is NODEEXISTS and changes nothing", () => {
    const script = new Script();
    const before = stateOf(script.tree);
    assert.equal(script.create("/", { cversion: 9, acl: acl(1) }), ErrorCode.NODEEXISTS);
    assert.deepEqual(stateOf(script.tree), before);
  });

  test("five creates and a delete show cversion 6", () => {
    const script = new Script();
    script.create("/seq");
    for (let i = 0; i < 5; i++) script.create(`/seq/${i}`, { cversion: i + 1 });
    script.apply(deletePart("/seq/0"));
    const { cversion, numChildren } = script.stat("/seq");
    assert.deepEqual([script.persisted("/seq").cversion, numChildren, cversion], [5, 4, 6]);
  });

  test("the shown cversion wraps", () => {
    const script = new Script();
    script.create("/w");
    script.create("/w/a", { cversion: 0x7fffffff });
    assert.equal(script.stat("/w").cversion, -3);
  });
});

describe("delete", () => {
  test("moves the parent's pzxid and not its cversion", () => {
    const script = new Script();
    script.create("/a", { cversion: 1 });
    assert.equal(script.apply(deletePart("/a")).err, 0);
    const root = script.persisted("/");
    assert.deepEqual([root.cversion, root.pzxid], [1, 2n]);
    assert.equal(script.tree.get("/a"), undefined);
    assert.equal(script.tree.nodeCount, 5);
  });

  test("of a missing node is NONODE, and yet the parent's pzxid moves", () => {
    const script = new Script();
    assert.equal(script.apply(deletePart("/a")).err, ErrorCode.NONODE);
    assert.equal(script.persisted("/").pzxid, 1n);
  });

  test("with a missing parent is NONODE", () => {
    const script = new Script();
    assert.equal(script.apply(deletePart("/a/b")).err, ErrorCode.NONODE);
    assert.equal(script.apply(deletePart("/")).err, ErrorCode.NONODE);
    assert.equal(script.apply(deletePart("")).err, ErrorCode.NONODE);
    assert.equal(script.persisted("/").pzxid, 0n);
  });

  test("with an older zxid leaves the parent's pzxid", () => {
    const script = new Script();
    for (const name of ["/a", "/b"]) script.create(name);
    script.tree.apply(txnOf(deletePart("/a"), { zxid: 1n }), false);
    assert.equal(script.persisted("/").pzxid, 2n);
    assert.equal(script.tree.lastZxid, 2n);
  });

  test("of a node with children takes them along: they are of its next life", () => {
    const script = new Script();
    const before = { ...stateOf(script.tree), nodes: null };
    script.create("/p", { cversion: 1 });
    for (const name of ["/p/a", "/p/b", "/p/a/x", "/p/a/y", "/p/b/z"]) {
      script.create(name, { ephemeral: name.endsWith("y"), acl: acl(3, "digest", name) });
    }
    script.apply(deletePart("/p"));
    const after = { ...stateOf(script.tree), nodes: null };
    assert.equal(script.tree.get("/p/a/x"), undefined);
    assert.deepEqual({ ...after, digest: 0 }, { ...before, digest: 0 });
    assert.equal(script.create("/p"), 0);
    assert.deepEqual(script.children("/p"), []);
  });
});

describe("setData and setACL", () => {
  test("setData changes data, version, mtime and mzxid", () => {
    const script = new Script();
    script.create("/a", { data: bytes("one") });
    const before = script.persisted("/a");
    const applied = script.apply(setDataPart("/a", bytes("two!"), 7));
    assert.equal(applied.node, script.node("/a"));
    assert.deepEqual(script.persisted("/a"), { ...before, version: 7, mtime: 1002n, mzxid: 2n });
    assert.equal(script.data("/a"), "two!");
    assert.equal(script.stat("/a").dataLength, 4);
  });

  test("data of every size class goes in and out whole, growing and shrinking", () => {
    const script = new Script();
    script.create("/a");
    script.create("/b", { data: bytes("neighbour") });
    const sizes = [0, 1, 11, 12, 13, 28, 29, 255, 256, 257, 288, 289, 4095, 32767, 32768, 32769];
    for (const size of [...sizes, 1_000_000, 999_999, 5, 40_000, 0, 17]) {
      const data = new Uint8Array(size).map((_, i) => i * 31 + size);
      script.apply(setDataPart("/a", data, 1));
      assert.deepEqual(script.tree.dataOf(script.node("/a")), data, `${size} bytes`);
      assert.equal(script.tree.pathOf(script.node("/a")), "/a");
      assert.equal(script.data("/b"), "neighbour");
    }
  });

  test("setACL changes list and aversion only", () => {
    const script = new Script();
    script.create("/a");
    const before = script.persisted("/a");
    script.apply(setAclPart("/a", acl(3, "digest", "u:h"), 4));
    assert.deepEqual(script.persisted("/a"), { ...before, aversion: 4 });
    assert.deepEqual(script.tree.acl(script.node("/a")), acl(3, "digest", "u:h"));
  });

  test("on a missing node both are NONODE, on the root both work under its two names", () => {
    const script = new Script();
    assert.equal(script.apply(setDataPart("/a", null, 1)).err, ErrorCode.NONODE);
    assert.equal(script.apply(setAclPart("/a", OPEN, 1)).err, ErrorCode.NONODE);
    assert.equal(script.apply(setDataPart("/", bytes("r"), 1)).err, 0);
    assert.equal(script.apply(setDataPart("", bytes("s"), 2)).err, 0);
    assert.equal(script.data("/"), "s");
    assert.equal(script.apply(setAclPart("/", acl(1), 1)).err, 0);
    assert.deepEqual(script.tree.acl(script.node("/")), acl(1));
  });

  test("reconfig writes the config node with version −1", () => {
    const script = new Script();
    const part = setDataPart("/zookeeper/config", bytes("server.1=…"), -1);
    script.apply({ ...part, type: OpCode.reconfig });
    assert.equal(script.stat("/zookeeper/config").version, -1);
    assert.equal(script.data("/zookeeper/config"), "server.1=…");
  });
});

describe("multi", () => {
  test("applies its parts in order with one zxid, each part's stat as of then", () => {
    const script = new Script();
    const applied = script.apply(multiPart(
      createPart("/m", { type: OpCode.create2, cversion: 1 }),
      createPart("/m/c", { cversion: 1 }),
      setDataPart("/m", bytes("abc"), 1),
      checkPart("/m", 2),
      deletePart("/m/c"),
    ));
    assert.equal(applied.err, 0);
    assert.deepEqual(
      applied.parts?.map(({ type, err, path, stat }) => [type, err, path, stat?.length ?? null]),
      [
        [OpCode.create2, 0, "/m", 68],
        [OpCode.create, 0, "/m/c", 68],
        [OpCode.setData, 0, "/m", 68],
        [OpCode.check, 0, "/m", null],
        [OpCode.delete, 0, "/m/c", null],
      ],
    );
    const stats = applied.parts?.map(({ stat }) => stat && new DataView(stat.buffer).getInt32(56));
    assert.deepEqual(stats?.slice(0, 3), [0, 0, 1]); // numChildren of /m, /m/c, then of /m again
    assert.equal(script.tree.lastZxid, 1n);
    assert.equal(script.stat("/m").numChildren, 0);
  });

  test("with an error part changes nothing: 0 before it, −2 after it", () => {
    const script = new Script();
    const before = stateOf(script.tree);
    const applied = script.apply(multiPart(
      createPart("/m"),
      errorPart(ErrorCode.BADVERSION),
      deletePart("/zookeeper/quota"),
    ));
    assert.equal(applied.err, ErrorCode.BADVERSION);
    assert.deepEqual(applied.parts?.map(({ type, err }) => [type, err]), [
      [-1, 0],
      [-1, ErrorCode.BADVERSION],
      [-1, ErrorCode.RUNTIMEINCONSISTENCY],
    ]);
    assert.deepEqual(stateOf(script.tree), before);
    assert.equal(script.tree.lastZxid, 1n);
  });

  test("an error part of code −2 behind the failing one stays what it is", () => {
    const script = new Script();
    const { parts } = script.apply(multiPart(errorPart(-101), errorPart(-2), createPart("/x")));
    assert.deepEqual(parts?.map(({ err }) => err), [-101, -2, -2]);
  });

  test("without parts moves only the zxid", () => {
    const script = new Script();
    assert.deepEqual(script.apply(multiPart()).parts, []);
    assert.equal(script.tree.lastZxid, 1n);
  });
});

describe("sessions", () => {
  test("are opened with their timeout and closed with all they own", () => {
    const script = new Script();
    script.apply(openPart(4000), 5n);
    script.apply(openPart(9000), 6n);
    assert.deepEqual([...script.tree.sessions], [[5n, 4000], [6n, 9000]]);
    for (const path of ["/a", "/b", "/c"]) script.create(path, { ephemeral: true }, 5n);
    script.create("/other", { ephemeral: true }, 6n);
    const applied = script.apply(closePart(["/b", "/a", "/gone", "/no/parent"]), 5n);
    assert.deepEqual(applied.closedSession, { id: 5n, deleted: 3 });
    assert.deepEqual([...script.tree.sessions], [[6n, 9000]]);
    assert.deepEqual(script.children("/"), ["other", "zookeeper"]);
    assert.equal(script.persisted("/").pzxid, script.zxid);
    assert.equal(script.tree.ephemeralCount, 1);
  });

  test("nodes that a list leaves out go too, and that is told; without a list it is not", () => {
    for (const paths of [[], null]) {
      const notes: string[] = [];
      const script = new Script({ note: (_level, _area, said) => notes.push(said) });
      script.create("/a", { ephemeral: true }, 5n);
      script.apply(closePart(paths), 5n);
      assert.equal(script.tree.get("/a"), undefined);
      assert.equal(notes.length, paths === null ? 0 : 1);
    }
  });

  test("orphans are killed at load with the tree's own zxid", () => {
    const script = new Script();
    script.apply(openPart(1), 5n);
    script.create("/mine", { ephemeral: true }, 5n);
    script.create("/orphan", { ephemeral: true }, 6n);
    script.create("/after", { cversion: 9 });
    assert.deepEqual(script.tree.killOrphanEphemerals(), ["/orphan"]);
    assert.deepEqual(script.children("/"), ["after", "mine", "zookeeper"]);
    assert.equal(script.persisted("/").pzxid, 4n);
    assert.equal(script.tree.lastZxid, 4n);
  });
});

test("an error transaction only moves the zxid", () => {
  const script = new Script();
  const before = stateOf(script.tree);
  assert.equal(script.apply(errorPart(-110)).err, -110);
  assert.deepEqual(stateOf(script.tree), before);
  assert.equal(script.tree.lastZxid, 1n);
});

test("a top-level check, which old servers logged, does nothing", () => {
  const script = new Script();
  assert.equal(script.apply(checkPart("/a", 1)).err, 0);
  assert.equal(script.tree.lastZxid, 1n);
});
