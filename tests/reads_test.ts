// What a server answers from its own tree, which watches that arms, and what they fire.

import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as records from "../lib/records/client.ts";
import type { ACL } from "../lib/records/data.ts";
import { ErrorCode as E, OpCode } from "../lib/txn/opcodes.ts";
import { digestIdOf } from "../lib/auth/mod.ts";
import { partHeader, writeMultiRequest } from "../lib/wire/client.ts";
import { type FakeClient, FakeServer, OPEN } from "./support/fake_server.ts";

const WRITE_ONLY: ACL[] = [{ perms: 30, id: { scheme: "world", id: "anyone" } }];
const ADMIN_ONLY: ACL[] = [{ perms: 16, id: { scheme: "world", id: "anyone" } }];

/** Watch events received so far, as "type path". */
const events = (client: FakeClient): string[] =>
  client.replies().flatMap((reply) =>
    reply.kind === "event" ? [`${reply.event.type} ${reply.event.path}`] : []
  );

function world(): { server: FakeServer; client: FakeClient } {
  const server = new FakeServer();
  const client = server.connect();
  client.create("/a", "data");
  client.create("/a/b");
  client.create("/dark", "", 0, WRITE_ONLY);
  return { server, client };
}

describe("reads", () => {
  const { exists, getData, getChildren, getChildren2, getACL, getAllChildrenNumber } = OpCode;
  const rows: [string, number, string | null, number][] = [
    ["exists of a node", exists, "/a", 0],
    ["exists of nothing", exists, "/none", E.NONODE],
    ["exists of a bad path", exists, "/a//", E.NONODE],
    ["exists with U+0000", exists, "/a\0", E.BADARGUMENTS],
    ["exists without READ", exists, "/dark", E.NOAUTH],
    ["exists of null", exists, null, E.MARSHALLINGERROR],
    ["getData of a node", getData, "/a", 0],
    ["getData of the empty path", getData, "", 0],
    ["getData of nothing", getData, "/none", E.NONODE],
    ["getData without READ", getData, "/dark", E.NOAUTH],
    ["getData of null", getData, null, E.MARSHALLINGERROR],
    ["getChildren of nothing", getChildren, "x", E.NONODE],
    ["getChildren without READ", getChildren, "/dark", E.NOAUTH],
    ["getChildren2 of null", getChildren2, null, E.MARSHALLINGERROR],
    ["getACL of nothing", getACL, "/none", E.NONODE],
    ["getACL with ADMIN", getACL, "/dark", 0],
    ["getAllChildrenNumber of nothing", getAllChildrenNumber, "/none", E.NONODE],
    ["getAllChildrenNumber without READ", getAllChildrenNumber, "/dark", E.NOAUTH],
  ];
  for (const [what, op, path, err] of rows) {
    it(`answer ${err} to ${what}`, () => {
      const { server, client } = world();
      const answer = client.read(op, path);
      assert.equal(answer.err, err);
      assert.equal(server.tree.watches.data.size, 0);
    });
  }

  it("give data, stat and children as they are", () => {
    const { client } = world();
    const { data, stat } = client.read(OpCode.getData, "/a").record as records.GetDataResponse;
    assert.equal(Buffer.from(data ?? []).toString(), "data");
    assert.deepEqual([stat.dataLength, stat.numChildren, stat.cversion], [4, 1, 1]);
    const all = client.read(OpCode.getChildren, "/").record as records.GetChildrenResponse;
    assert.deepEqual([...all.children ?? []].sort(), ["a", "dark", "zookeeper"]);
    const root = client.read(OpCode.getData, "/").record as records.GetDataResponse;
    assert.equal(root.stat.cversion, 1, "2 x 2 creations - 3 children");
    const none = client.read(OpCode.getChildren2, "/a/b").record as records.GetChildren2Response;
    assert.deepEqual(none.children, []);
  });

  it("count all nodes below, and all but the root for the root", () => {
    const { client } = world();
    const count = (path: string) =>
      client.read(OpCode.getAllChildrenNumber, path).record as records.GetAllChildrenNumberResponse;
    assert.equal(count("/a").totalNumber, 1);
    assert.equal(count("/").totalNumber, 6);
  });

  it("name the session's own ephemerals by plain prefix", () => {
    const { server, client } = world();
    const other = server.connect();
    for (const path of ["/a/e1", "/a/e2", "/e3"]) client.create(path, "", 1);
    other.create("/a/e4", "", 1);
    const list = (prefix: string | null) => {
      const { record } = client.call(OpCode.getEphemerals, (out) => out.ustring(prefix));
      return [...(record as records.GetEphemeralsResponse).ephemerals ?? []].sort();
    };
    assert.deepEqual(list("/a/e"), ["/a/e1", "/a/e2"]);
    for (const all of [null, "", " ", "/", " / "]) {
      assert.deepEqual(list(all), ["/a/e1", "/a/e2", "/e3"]);
    }
    assert.deepEqual(list("/none"), []);
  });

  it("echo the path of a sync, null too", () => {
    const { client } = world();
    for (const path of ["/a", "no path", null]) {
      const { err, record } = client.call(OpCode.sync, (out) => out.ustring(path));
      assert.equal(err, 0);
      assert.deepEqual(record, { path });
    }
    assert.equal(client.call(OpCode.sync, () => {}).err, E.MARSHALLINGERROR);
  });

  it("mask digests for those without ADMIN, and tell who one is", () => {
    const { server, client } = world();
    const id = digestIdOf("u:p");
    client.create("/mine", "", 0, [
      { perms: 1, id: { scheme: "world", id: "anyone" } },
      { perms: 31, id: { scheme: "digest", id } },
    ]);
    const ids = () => {
      const { acl } = client.read(OpCode.getACL, "/mine").record as records.GetACLResponse;
      return acl?.map((entry) => entry.id.id);
    };
    const me = () =>
      (client.call(OpCode.whoAmI, () => {}).record as records.WhoAmIResponse).clientInfo?.map(
        (info) => `${info.authScheme}:${info.user}`,
      );
    assert.deepEqual(ids(), ["anyone", "u:x"]);
    assert.deepEqual(me(), ["ip:127.0.0.1"]);
    assert.equal(client.set("/mine", ""), E.NOAUTH);
    client.ask(
      OpCode.auth,
      (out) =>
        records.writeAuthPacket(out, { type: 0, scheme: "digest", auth: Buffer.from("u:p") }),
      -4,
    );
    const [auth] = client.replies();
    assert.deepEqual(auth.header, { xid: -4, zxid: 0n, err: 0 });
    assert.deepEqual(ids(), ["anyone", id]);
    assert.deepEqual(me(), ["ip:127.0.0.1", "digest:u"]);
    assert.equal(client.set("/mine", ""), 0);
    assert.equal(client.create("/auth", "", 0, [{ perms: 31, id: { scheme: "auth", id: "" } }]), 0);
    const node = server.tree.get("/auth") ?? 0;
    assert.deepEqual(server.tree.acl(node), [{ perms: 31, id: { scheme: "digest", id } }]);
  });

  it("are refused without READ but allowed by ADMIN where that is enough", () => {
    const { client } = world();
    client.create("/adm", "", 0, ADMIN_ONLY);
    assert.equal(client.read(OpCode.getACL, "/adm").err, 0);
    assert.equal(client.read(OpCode.getData, "/adm").err, E.NOAUTH);
  });

  it("in a multiRead fail one by one", () => {
    const { client } = world();
    const read = (path: string) => ({
      kind: "getData" as const,
      header: partHeader(OpCode.getData),
      record: { path, watch: true },
    });
    const children = {
      kind: "getChildren" as const,
      header: partHeader(OpCode.getChildren),
      record: { path: "/a", watch: false },
    };
    const parts = [read("/a"), read("/none"), read("/dark"), children];
    const { err, record } = client.call(OpCode.multiRead, (out) => writeMultiRequest(out, parts));
    assert.equal(err, 0);
    const results = record as { kind: string; header: { err: number } }[];
    assert.deepEqual(results.map(({ kind, header }) => [kind, header.err]), [
      ["getData", 0],
      ["error", E.NONODE],
      ["error", E.NOAUTH],
      ["getChildren", 0],
    ]);
    client.set("/a", "new");
    assert.deepEqual(events(client), [], "its watch flags are ignored");
    const removal = {
      kind: "delete" as const,
      header: partHeader(OpCode.delete),
      record: { path: "/a/b", version: -1 },
    };
    assert.equal(
      client.call(OpCode.multiRead, (out) => writeMultiRequest(out, [removal])).err,
      E.MARSHALLINGERROR,
    );
  });
});

describe("watches", () => {
  it("on a missing node are armed by exists alone", () => {
    const { server, client } = world();
    client.read(OpCode.exists, "/new", true);
    client.read(OpCode.getData, "/other", true);
    client.read(OpCode.exists, "/dark", true);
    const other = server.connect();
    other.create("/new");
    other.create("/other");
    other.set("/dark", "x");
    assert.deepEqual(events(client), ["1 /new"]);
  });

  it("fire in the order node, node's children, parent's children, before the reply", () => {
    const { client } = world();
    client.read(OpCode.getData, "/a/b", true);
    client.read(OpCode.getChildren, "/a/b", true);
    client.read(OpCode.getChildren, "/a", true);
    client.ask(
      OpCode.delete,
      (out) => records.writeDeleteRequest(out, { path: "/a/b", version: -1 }),
    );
    const seen = client.replies().map((reply) =>
      reply.kind === "event"
        ? `${reply.event.type} ${reply.event.path}`
        : `reply ${reply.header.err}`
    );
    assert.deepEqual(seen, ["2 /a/b", "4 /a", "reply 0"]);
  });

  it("carry the zxid of their txn", () => {
    const { server, client } = world();
    client.read(OpCode.getData, "/a", true);
    const { zxid } = server.connect().call(
      OpCode.setData,
      (out) => records.writeSetDataRequest(out, { path: "/a", data: null, version: -1 }),
    );
    const [event] = client.replies();
    assert.deepEqual(event.header, { xid: -1, zxid, err: 0 });
  });

  it("are the bytes that clients know", () => {
    const server = new FakeServer();
    const client = server.connect();
    client.create("/w");
    client.read(OpCode.getData, "/w", true);
    // The next txn is 0x64.
    server.prepare.nextZxid = 0x64n;
    client.ask(
      OpCode.setData,
      (out) => records.writeSetDataRequest(out, { path: "/w", data: null, version: -1 }),
    );
    assert.equal(
      Buffer.from(client.take().subarray(0, 34)).toString("hex"),
      "0000001e" + "ffffffff0000000000000064000000000000000300000003000000022f77",
    );
  });

  it("are dropped for those who may not read, and consumed", () => {
    const { server, client } = world();
    client.read(OpCode.getData, "/a", true);
    const other = server.connect();
    other.setAcl("/a", WRITE_ONLY);
    other.set("/a", "1");
    other.setAcl("/a", OPEN);
    other.set("/a", "2");
    assert.deepEqual(events(client), []);
  });

  it("persistent ones stay, recursive ones see all below but no children events", () => {
    const { server, client } = world();
    const add = (path: string, mode: number) =>
      client.call(OpCode.addWatch, (out) => records.writeAddWatchRequest(out, { path, mode })).err;
    assert.equal(add("/a", 0), 0);
    assert.equal(add("/a", 0), 0);
    assert.equal(add("/a", 2), E.MARSHALLINGERROR);
    const other = server.connect();
    other.set("/a", "1");
    other.set("/a", "2");
    other.create("/a/c");
    assert.deepEqual(events(client), ["3 /a", "3 /a", "4 /a"]);
    assert.equal(add("/", 1), 0);
    other.create("/a/c/d");
    other.delete("/a/c/d");
    assert.deepEqual(events(client), ["1 /a/c/d", "2 /a/c/d"]);
  });

  it("are checked and removed by type", () => {
    const { client } = world();
    const ask = (op: number, path: string, type: number) =>
      client.call(op, (out) => records.writeCheckWatchesRequest(out, { path, type })).err;
    const { checkWatches, removeWatches } = OpCode;
    client.read(OpCode.getData, "/a", true);
    assert.equal(ask(checkWatches, "/a", 2), 0);
    assert.equal(ask(checkWatches, "/a", 1), E.NOWATCHER);
    assert.equal(ask(checkWatches, "/a", 9), E.MARSHALLINGERROR);
    assert.equal(ask(removeWatches, "/a", 1), E.NOWATCHER);
    assert.equal(ask(removeWatches, "/a", 3), 0);
    assert.equal(ask(removeWatches, "/a", 3), E.NOWATCHER);
    client.set("/a", "");
    assert.deepEqual(events(client), []);
  });

  it("die with their connection", () => {
    const { server, client } = world();
    client.read(OpCode.getData, "/a", true);
    assert.equal(server.tree.watches.data.size, 1);
    client.close();
    assert.equal(server.tree.watches.data.size, 0);
  });
});

describe("setWatches", () => {
  const lists = (zxid: bigint, data: string[], exist: string[], child: string[]) => ({
    relativeZxid: zxid,
    dataWatches: data,
    existWatches: exist,
    childWatches: child,
  });

  it("sends what was missed before its reply, with zxid -1, and arms the rest", () => {
    const { server, client } = world();
    const seen = server.tree.lastZxid;
    const other = server.connect();
    other.set("/a", "new");
    other.create("/a/c");
    other.create("/made");
    client.ask(OpCode.setWatches, (out) =>
      records.writeSetWatches(
        out,
        lists(seen, ["/a", "/gone", "/a/b"], ["/made", "/later"], ["/a", "/nix", "/a/b"]),
      ), -8);
    const got = client.replies().map((reply) =>
      reply.kind === "event"
        ? `${reply.event.type} ${reply.event.path} ${reply.header.zxid}`
        : `reply ${reply.header.xid} ${reply.header.err}`
    );
    assert.deepEqual(got, [
      "3 /a -1",
      "2 /gone -1",
      "1 /made -1",
      "4 /a -1",
      "2 /nix -1",
      "reply -8 0",
    ]);
    other.set("/a", "not armed");
    other.set("/a/b", "armed");
    other.create("/later");
    other.create("/a/b/c");
    assert.deepEqual(events(client), ["3 /a/b", "1 /later", "4 /a/b"]);
  });

  it("takes persistent watches without any event", () => {
    const { server, client } = world();
    const request = {
      ...lists(0n, [], [], []),
      persistentWatches: ["/a"],
      persistentRecursiveWatches: ["/a/b"],
    };
    assert.equal(
      client.call(OpCode.setWatches2, (out) => records.writeSetWatches2(out, request)).err,
      0,
    );
    const other = server.connect();
    other.set("/a", "1");
    other.create("/a/b/c");
    other.create("/a/d");
    assert.deepEqual(events(client), ["3 /a", "1 /a/b/c", "4 /a"]);
  });

  it("refuses a null list", () => {
    const { client } = world();
    const request = { ...lists(0n, ["/none"], [], []), childWatches: null };
    const { err } = client.call(OpCode.setWatches, (out) => records.writeSetWatches(out, request));
    assert.equal(err, E.MARSHALLINGERROR);
  });
});
