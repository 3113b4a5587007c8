// The leader's side of writes: which error comes first, which names sequences get, what a multi
// leaves behind, and that the digest promised in each txn is the digest the tree then has.

import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hex } from "../lib/base/ids.ts";
import { Output } from "../lib/codec/output.ts";
import * as records from "../lib/records/client.ts";
import type { ACL } from "../lib/records/data.ts";
import { LOCAL } from "../lib/server/request.ts";
import { ErrorCode as E, OpCode } from "../lib/txn/opcodes.ts";
import { makeTxn } from "../lib/txn/txn.ts";
import { partHeader, writeMultiRequest } from "../lib/wire/client.ts";
import type { MultiPart } from "../lib/wire/multi.ts";
import { isBrisk } from "./support/brisk.ts";
import { type FakeClient, FakeServer, OPEN, writeCreateFor } from "./support/fake_server.ts";

const READ_ONLY: ACL[] = [{ perms: 1, id: { scheme: "world", id: "anyone" } }];
const text = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString();

/** Every txn so far carried the digest that the tree had after it. */
function agrees(server: FakeServer): void {
  assert.equal(server.tree.check.mismatches, 0, server.notes.join("\n"));
  for (const txn of server.log) {
    assert.equal(txn.digest === null, txn.header.type === OpCode.error);
  }
}

describe("create", () => {
  const rows: [string, string | null, number, number][] = [
    ["a null path", null, 0, E.MARSHALLINGERROR],
    ["unknown flags", "/x", 7, E.BADARGUMENTS],
    ["negative flags", "/x", -1, E.BADARGUMENTS],
    ["TTL flags with extended types off", "/x", 5, E.UNIMPLEMENTED],
    ["an empty path", "", 0, E.BADARGUMENTS],
    ["a path without a slash", "x", 0, E.BADARGUMENTS],
    ["a path with U+0000", "/a\0", 0, E.BADARGUMENTS],
    ["a missing parent before a bad path", "/none//b", 0, E.NONODE],
    ["the root", "/", 0, E.NODEEXISTS],
    ["two slashes", "//", 0, E.BADARGUMENTS],
    ["a control character", "/x\u0001", 0, E.BADARGUMENTS],
    ["a relative name", "/..", 0, E.BADARGUMENTS],
    ["a node that exists", "/a", 0, E.NODEEXISTS],
    ["a child of an ephemeral", "/e/x", 0, E.NOCHILDRENFOREPHEMERALS],
    ["a parent without CREATE, node there or not", "/locked/x", 0, E.NOAUTH],
    ["a bad path below a forbidden parent", "/locked/\u0001", 0, E.NOAUTH],
    ["the quota of the root", "/zookeeper/quota/zookeeper_limits", 0, E.BADARGUMENTS],
    ["U+D7FF", "/\ud7ff", 0, E.OK],
    ["U+F900", "/\uf900", 0, E.OK],
    ["U+F8FF", "/\uf8ff", 0, E.BADARGUMENTS],
    ["a sequential name that ends in a slash", "/a/", 2, E.OK],
  ];
  for (const [what, path, flags, err] of rows) {
    it(`answers ${err} to ${what}`, () => {
      const server = new FakeServer();
      const client = server.connect();
      client.create("/a");
      client.create("/e", "", 1);
      client.create("/locked");
      client.setAcl("/locked", READ_ONLY);
      assert.equal(client.create(path, "", flags), err);
      agrees(server);
    });
  }

  it("checks the list of permissions after the path and before the parent", () => {
    const client = new FakeServer().connect();
    const bad: ACL[] = [{ perms: 31, id: { scheme: "nobody", id: "x" } }];
    assert.equal(client.create("no slash", "", 0, bad), E.BADARGUMENTS);
    assert.equal(client.create("/none/x", "", 0, bad), E.INVALIDACL);
    assert.equal(client.create("/x", "", 0, []), E.INVALIDACL);
    assert.equal(client.create("/x", "", 0, null), E.INVALIDACL);
  });

  it("with an id that is null cannot be read, unless its scheme has none", () => {
    const client = new FakeServer().connect();
    const list = (scheme: string | null): ACL[] => [{ perms: 31, id: { scheme, id: null } }];
    for (const scheme of ["world", "ip", "digest"]) {
      assert.equal(client.create("/x", "", 0, list(scheme)), E.MARSHALLINGERROR, scheme);
      assert.equal(client.setAcl("/", list(scheme)), E.MARSHALLINGERROR, scheme);
    }
    for (const scheme of [null, "nobody", "auth"]) {
      assert.equal(client.create("/x", "", 0, list(scheme)), E.INVALIDACL, String(scheme));
    }
    const [first] = list("none");
    assert.equal(client.create("/x", "", 0, [first, ...list("ip")]), E.INVALIDACL);
  });

  it("answers ops 15, 19 and 21 with the path and the stat right after", () => {
    const server = new FakeServer({ extendedTypes: true });
    const client = server.connect();
    const create = (op: number, flags: number, ttl: bigint | null) =>
      client.call(op, (out) => {
        records.writeCreateRequest(out, { path: `/n${op}`, data: null, acl: OPEN, flags });
        if (ttl !== null) out.long(ttl);
      });
    for (const [op, flags, ttl] of [[15, 0, null], [19, 4, null], [21, 5, 9n]] as const) {
      const { err, record, zxid } = create(op, flags, ttl);
      assert.equal(err, 0);
      const { path, stat } = record as records.Create2Response;
      assert.equal(path, `/n${op}`);
      assert.equal(stat.czxid, zxid);
      assert.equal(stat.ephemeralOwner, 0n, "containers and TTL nodes show no owner");
    }
    agrees(server);
  });

  it("takes flags 4 on op 1 for a plain node and any flags on op 19 for a container", () => {
    const server = new FakeServer();
    const client = server.connect();
    assert.equal(client.create("/plain", "", 4), 0);
    assert.equal(client.create("/box", "", 0, OPEN, OpCode.createContainer), 0);
    const kind = (path: string) => server.tree.kindOf(server.tree.get(path) ?? 0);
    assert.equal(kind("/plain"), "persistent");
    assert.equal(kind("/box"), "container");
    agrees(server);
  });

  it("refuses a TTL op whose flags or time to live make none", () => {
    const client = new FakeServer({ extendedTypes: true }).connect();
    assert.equal(client.createTtl("/t", 0, -1n), E.BADARGUMENTS, "halts Java servers");
    assert.equal(client.createTtl("/t", 4, -1n), E.BADARGUMENTS);
    assert.equal(client.createTtl("/t", 0, 5n), E.BADARGUMENTS);
    assert.equal(client.createTtl("/t", 5, 0n), E.BADARGUMENTS);
    assert.equal(client.createTtl("/t", 5, 0x10000000000n), E.BADARGUMENTS);
    assert.equal(client.createTtl("/t", 5, 0xffffffffffn), 0);
    assert.equal(client.create("/u", "", 5), E.BADARGUMENTS, "no ttl on op 1");
  });
});

describe("sequences", () => {
  it("count every child ever made under the parent", () => {
    const server = new FakeServer();
    const client = server.connect();
    client.create("/q");
    const next = () => {
      client.ask(
        OpCode.create,
        (out) =>
          records.writeCreateRequest(out, { path: "/q/s-", data: null, acl: OPEN, flags: 2 }),
      );
      const [reply] = client.replies();
      assert(reply.kind === "reply" && reply.body.kind === "record");
      return (reply.body.record as records.CreateResponse).path;
    };
    assert.equal(next(), "/q/s-0000000000");
    client.create("/q/other");
    client.delete("/q/other");
    assert.equal(next(), "/q/s-0000000002");
    agrees(server);
  });

  it("stay at 2147483647 when they overflow, and plain creates go on", () => {
    const server = new FakeServer();
    const client = server.connect();
    client.create("/q");
    client.create("/q/old");
    // The counter is moved by a txn such as another leader would have sent.
    const zxid = server.tree.lastZxid + 1n;
    server.server.committed(makeTxn(
      { clientId: 7n, cxid: 0, zxid, time: 1n, type: OpCode.create },
      {
        kind: "create",
        record: {
          path: "/q/far",
          data: null,
          acl: OPEN,
          ephemeral: false,
          parentCVersion: 2147483645,
        },
        beforeV34: false,
      },
      null,
    ));
    server.prepare.nextZxid = zxid + 1n;
    const names = [1, 2, 3].map(() => client.create("/q/s-", "", 2));
    assert.deepEqual(names, [0, 0, 0]);
    for (const last of ["2147483645", "2147483646", "2147483647"]) {
      assert.notEqual(server.tree.get(`/q/s-${last}`), undefined, last);
    }
    const parent = server.tree.persisted(server.tree.get("/q") ?? 0);
    assert.equal(parent.cversion, 2147483647);
    assert.equal(client.create("/q/s-", "", 2), E.NODEEXISTS);
    assert.equal(client.create("/q/plain"), 0);
    const after = server.tree.persisted(server.tree.get("/q") ?? 0);
    assert.equal(after.pzxid, parent.pzxid);
    agrees(server);
  });
});

describe("delete", () => {
  const rows: [string, string, number, number][] = [
    ["no slash", "x", -1, E.BADARGUMENTS],
    ["U+0000", "/\0", -1, E.BADARGUMENTS],
    ["the root", "/", -1, E.BADARGUMENTS],
    ["/zookeeper", "/zookeeper", -1, E.BADARGUMENTS],
    ["/zookeeper/config", "/zookeeper/config", -1, E.BADARGUMENTS],
    ["a missing parent", "/none/x", -1, E.NONODE],
    ["a parent without DELETE, node there or not", "/locked/x", -1, E.NOAUTH],
    ["a missing node", "/none", -1, E.NONODE],
    ["another version before children", "/a", 5, E.BADVERSION],
    ["children", "/a", 0, E.NOTEMPTY],
    ["nothing in the way", "/a/b", 0, E.OK],
  ];
  for (const [what, path, version, err] of rows) {
    it(`answers ${err} to ${what}`, () => {
      const server = new FakeServer();
      const client = server.connect();
      client.create("/a");
      client.create("/a/b");
      client.create("/locked");
      client.setAcl("/locked", READ_ONLY);
      assert.equal(client.delete(path, version), err);
      agrees(server);
    });
  }
});

describe("setData, setACL and check", () => {
  it("answer in the order path, node, permission, version", () => {
    const server = new FakeServer();
    const client = server.connect();
    client.create("/a");
    client.create("/ro", "", 0, READ_ONLY);
    assert.equal(client.set(null, ""), E.BADARGUMENTS);
    assert.equal(client.set("/a/", ""), E.BADARGUMENTS);
    assert.equal(client.set("/none", ""), E.NONODE);
    assert.equal(client.set("/ro", "", 9), E.NOAUTH);
    assert.equal(client.set("/a", "", 9), E.BADVERSION);
    assert.equal(client.set("/a", "", 0), 0);
    assert.equal(client.set("/a", "", 1), 0);
    assert.equal(client.setAcl("/a//", OPEN), E.BADARGUMENTS);
    assert.equal(client.setAcl("/none", []), E.INVALIDACL);
    assert.equal(client.setAcl("/none", OPEN), E.NONODE);
    assert.equal(client.setAcl("/ro", OPEN), E.NOAUTH);
    assert.equal(client.setAcl("/a", OPEN, 3), E.BADVERSION);
    assert.equal(client.setAcl("/a", OPEN, 0), 0);
    agrees(server);
  });

  it("reconfig is disabled, and unknown to a server alone", () => {
    const ask = (reconfigEnabled: boolean) =>
      new FakeServer({ prepare: { reconfigEnabled } }).connect().call(
        OpCode.reconfig,
        (out) =>
          records.writeReconfigRequest(out, {
            joiningServers: null,
            leavingServers: "1",
            newMembers: null,
            curConfigId: -1n,
          }),
      ).err;
    assert.equal(ask(false), E.RECONFIGDISABLED);
    assert.equal(ask(true), E.UNIMPLEMENTED);
  });
});

const create = (path: string | null, flags = 0, type: number = OpCode.create): MultiPart => ({
  kind: "create",
  header: partHeader(type),
  record: { path, data: Buffer.from("d"), acl: OPEN, flags },
});
const createTtl = (path: string, flags: number): MultiPart => ({
  kind: "createTTL",
  header: partHeader(OpCode.createTTL),
  record: { path, data: null, acl: OPEN, flags, ttl: 5n },
});
const remove = (path: string, version = -1): MultiPart => ({
  kind: "delete",
  header: partHeader(OpCode.delete),
  record: { path, version },
});
const set = (path: string, version = -1): MultiPart => ({
  kind: "setData",
  header: partHeader(OpCode.setData),
  record: { path, data: Buffer.from("n"), version },
});
const check = (path: string, version: number): MultiPart => ({
  kind: "check",
  header: partHeader(OpCode.check),
  record: { path, version },
});
const get = (path: string): MultiPart => ({
  kind: "getData",
  header: partHeader(OpCode.getData),
  record: { path, watch: false },
});

/** The reply to a multi: header error, and the body in hex. */
function multi(
  client: FakeClient,
  parts: MultiPart[],
  op: number = OpCode.multi,
): [number, string] {
  client.ask(op, (out) => writeMultiRequest(out, parts));
  const bytes = Buffer.from(client.take());
  return [bytes.readInt32BE(16), bytes.subarray(20).toString("hex")];
}

describe("multi", () => {
  it("answers a failed one part by part, with error 0 in the header", () => {
    const server = new FakeServer();
    const client = server.connect();
    client.create("/m2");
    const [err, body] = multi(client, [create("/mm1"), check("/m2", 7), remove("/m2")]);
    assert.equal(err, 0);
    assert.equal(
      body,
      "ffffffff0000000000" + "00000000" + "ffffffff00ffffff99ffffff99" +
        "ffffffff00fffffffefffffffe" + "ffffffff01ffffffff",
    );
    assert.equal(server.tree.get("/mm1"), undefined);
    assert.equal(server.log.at(-1)?.header.type, OpCode.multi);
    agrees(server);
  });

  it("answers an empty one", () => {
    const client = new FakeServer().connect();
    assert.deepEqual(multi(client, []), [0, "ffffffff01ffffffff"]);
  });

  it("lets each part see those before it", () => {
    const server = new FakeServer();
    const client = server.connect();
    const [err] = multi(client, [
      create("/a"),
      create("/a/s-", 2),
      create("/a/s-", 2),
      set("/a"),
      check("/a", 1),
      remove("/a/s-0000000000"),
      remove("/a/s-0000000001"),
      remove("/a", 1),
    ]);
    assert.equal(err, 0);
    assert.equal(server.tree.get("/a"), undefined);
    assert.equal(server.prepare.outstanding.size, 0);
    agrees(server);
  });

  it("leaves nothing outstanding behind when it fails among others", () => {
    const server = new FakeServer({ instant: false });
    const client = server.connect();
    client.ask(
      OpCode.create,
      (out) => records.writeCreateRequest(out, { path: "/p", data: null, acl: OPEN, flags: 0 }),
    );
    const before = server.prepare.outstanding.size;
    const digest = server.prepare.outstanding.treeDigest();
    client.ask(
      OpCode.multi,
      (out) => writeMultiRequest(out, [create("/p/s-", 2), set("/p"), check("/none", 1)]),
    );
    assert.equal(server.prepare.outstanding.size, before);
    assert.equal(server.prepare.outstanding.treeDigest(), digest);
    assert.equal(server.prepare.outstanding.find("/p")?.stat.cversion, 0);
    client.ask(
      OpCode.create,
      (out) => records.writeCreateRequest(out, { path: "/p/s-", data: null, acl: OPEN, flags: 2 }),
    );
    server.flush();
    const last = client.replies().at(-1);
    assert(last?.kind === "reply" && last.body.kind === "record");
    assert.equal((last.body.record as records.CreateResponse).path, "/p/s-0000000000");
    agrees(server);
  });

  it("turns parts into what their flags say", () => {
    const server = new FakeServer({ extendedTypes: true });
    const client = server.connect();
    const [, body] = multi(client, [create("/box", 4), createTtl("/t", 5), createTtl("/plain", 0)]);
    assert.equal(body.slice(0, 8), "0000000f", "a container is answered as create2");
    const kinds = ["/box", "/t", "/plain"].map((path) =>
      server.tree.kindOf(server.tree.get(path) ?? 0)
    );
    assert.deepEqual(kinds, ["container", "ttl", "persistent"]);
    const parts = server.log.at(-1)?.body;
    assert(parts?.kind === "multi");
    assert.deepEqual(parts.parts.map((part) => part.type), [19, 21, 1]);
    const [, unknown] = multi(client, [createTtl("/z", 9)]);
    assert.equal(unknown.slice(18, 26), "fffffff8", "that part's own −8");
    agrees(server);
  });

  const whole: [string, MultiPart[]][] = [
    ["unknown create flags", [create("/x", 9)]],
    ["TTL flags on a plain create", [create("/x", 5)]],
    ["a read among writes", [create("/x"), get("/x")]],
    ["a null path", [create("/x"), create(null)]],
  ];
  for (const [what, parts] of whole) {
    it(`refuses ${what} as a whole`, () => {
      const server = new FakeServer({ extendedTypes: true });
      const client = server.connect();
      const zxid = server.tree.lastZxid;
      assert.deepEqual(multi(client, parts), [E.MARSHALLINGERROR, ""]);
      assert.equal(server.tree.lastZxid, zxid + 1n, "it takes a fresh zxid");
      assert.equal(server.tree.get("/x"), undefined);
      agrees(server);
    });
  }
});

describe("refusals", () => {
  it("are txns with zxids of their own and no digest", () => {
    const server = new FakeServer();
    const client = server.connect();
    const { err, zxid } = client.call(OpCode.delete, (out) => {
      records.writeDeleteRequest(out, { path: "/none", version: -1 });
    });
    const txn = server.log.at(-1);
    assert.equal(err, E.NONODE);
    assert.equal(zxid, 2n);
    assert.equal(txn?.header.type, OpCode.error);
    assert.equal(txn?.digest, null);
    assert.equal(txn?.bytes.length, 36);
  });

  it("of a body that cannot be decoded take a fresh zxid", () => {
    const server = new FakeServer();
    const client = server.connect();
    assert.equal(client.call(OpCode.setData, (out) => out.int(50)).err, E.MARSHALLINGERROR);
    assert.equal(client.create("/after"), 0);
    assert.deepEqual(server.log.map((txn) => txn.header.zxid), [1n, 2n, 3n]);
  });

  for (const op of [OpCode.check, OpCode.deleteContainer, OpCode.createSession]) {
    it(`of op ${op} from another member are answered −6`, () => {
      const server = new FakeServer();
      const owner = { name: "learner 2" };
      const body = new Uint8Array(0);
      const request = { sessionId: 5n, cxid: 3, op, body, auth: [], owner };
      const txn = server.prepare.prepare(request, { mono: 0, wall: 0 });
      assert(txn.body.kind === "error");
      // A createSession without its timeout cannot be decoded.
      const expected = op === OpCode.createSession ? E.MARSHALLINGERROR : E.UNIMPLEMENTED;
      assert.equal(txn.body.record.err, expected);
    });
  }
});

describe("closeSession", () => {
  it("lists what the session owns, with what is under way", () => {
    const server = new FakeServer({ instant: false });
    const client = server.connect();
    const ask = (path: string, flags: number) =>
      client.ask(
        OpCode.create,
        (out) => records.writeCreateRequest(out, { path, data: null, acl: OPEN, flags }),
      );
    ask("/e1", 1);
    ask("/e2", 1);
    server.flush();
    client.ask(
      OpCode.delete,
      (out) => records.writeDeleteRequest(out, { path: "/e1", version: -1 }),
    );
    ask("/e3", 1);
    client.ask(OpCode.closeSession, () => {});
    ask("/e4", 1);
    const closing = server.log.find((txn) => txn.header.type === OpCode.closeSession);
    assert(closing?.body.kind === "closeSession");
    assert.deepEqual(closing.body.paths, ["/e2", "/e3"]);
    server.flush();
    assert.deepEqual([...server.tree.ephemeralsOf(client.sessionId)], []);
    assert.equal(server.tree.get("/e4"), undefined);
    assert.equal(client.isClosed, true);
    agrees(server);
  });
});

describe("closeSession of very many", () => {
  it("goes without its list when that would be longer than others read (H-L18)", () => {
    for (const [recordLimit, isListed] of [[1 << 21, true], [1000, false]] as const) {
      const server = new FakeServer({ prepare: { recordLimit } });
      const client = server.connect();
      for (let i = 0; i < 40; i++) assert.equal(client.create(`/ephemeral-${i}`, "", 1), 0);
      client.ask(OpCode.closeSession, () => {});
      const closing = server.log.at(-1);
      assert.ok(closing?.body.kind === "closeSession");
      assert.equal(closing.body.paths?.length ?? null, isListed ? 40 : null);
      assert.equal(server.tree.get("/ephemeral-39"), undefined);
      agrees(server);
    }
  });
});

describe("text that is no UTF-8", () => {
  it("is refused when the txn would be longer than others read (H-L18)", () => {
    const server = new FakeServer({ instant: false, prepare: { recordLimit: 10_000 } });
    const client = server.connect();
    client.ask(OpCode.create, (out) => writeCreateFor(out, "/short", 3000, 0xff));
    client.ask(OpCode.create, (out) => writeCreateFor(out, "/long", 3500, 0xff));
    client.ask(OpCode.multi, (out) => {
      for (const path of ["/part-1", "/part-2", "/part-3"]) {
        records.writeMultiHeader(out, { type: OpCode.create, done: false, err: -1 });
        writeCreateFor(out, path, 1200, 0xff);
      }
      records.writeMultiHeader(out, { type: -1, done: true, err: -1 });
    });
    assert.equal(server.prepare.outstanding.find("/part-1"), null);
    client.ask(
      OpCode.create,
      (out) => records.writeCreateRequest(out, { path: "/s-", data: null, acl: OPEN, flags: 2 }),
    );
    server.flush();
    const errors = client.replies().map(({ header }) => header.err);
    assert.deepEqual(errors, [0, E.BADARGUMENTS, E.BADARGUMENTS, 0]);
    assert.ok(server.log.every((txn) => txn.bytes.length <= 10_000));
    assert.notEqual(server.tree.get("/s-0000000001"), undefined);
    agrees(server);
  });
});

/** So many sessions with an ephemeral each; ends one, and gives what it leaves to be deleted. */
function sessionsOf(count: number): (i: number) => readonly string[] | null {
  const server = new FakeServer({ instant: false });
  const now = { mono: server.mono, wall: server.wall };
  const ask = (i: number, op: number, write: (out: Output) => void) => {
    const body = new Output();
    write(body);
    const sessionId = BigInt(i + 1) << 8n;
    const request = { sessionId, cxid: 0, op, body: body.take(), auth: [], owner: LOCAL };
    return server.prepare.prepare(request, now);
  };
  for (let i = 0; i < count; i++) {
    ask(i, OpCode.createSession, (out) => out.int(4000));
    const node = { path: `/e${i}`, data: null, acl: OPEN, flags: 1 };
    ask(i, OpCode.create, (out) => records.writeCreateRequest(out, node));
  }
  return (i) => {
    const { body } = ask(i, OpCode.closeSession, () => {});
    return body.kind === "closeSession" ? body.paths : null;
  };
}

describe("sessions that end in one tick", () => {
  it("take no quadratic time, however many they are", () => {
    isBrisk(2500, () => {
      const end = sessionsOf(10_000);
      return () => {
        for (let i = 0; i < 10_000; i++) assert.deepEqual(end(i), [`/e${i}`]);
      };
    });
  });

  it("own what is theirs in the end, whatever else is under way", () => {
    const server = new FakeServer({ instant: false });
    const [a, b] = [server.connect(), server.connect()];
    const make = (client: FakeClient, path: string, flags = 1) =>
      client.ask(
        OpCode.create,
        (out) => records.writeCreateRequest(out, { path, data: null, acl: OPEN, flags }),
      );
    const drop = (client: FakeClient, path: string) =>
      client.ask(
        OpCode.delete,
        (out) => records.writeDeleteRequest(out, { path, version: -1 }),
      );
    for (const path of ["/kept", "/taken", "/again", "/plain"]) make(a, path);
    server.flush();
    for (const path of ["/taken", "/again", "/plain"]) drop(a, path);
    make(b, "/taken");
    make(a, "/again");
    make(a, "/plain", 0);
    make(b, "/brief");
    drop(a, "/brief");
    make(a, "/brief");
    const failing = [create("/undone", 1), check("/none", 1)];
    a.ask(OpCode.multi, (out) => writeMultiRequest(out, failing));
    const { outstanding } = server.prepare;
    const owned = (client: FakeClient) => [...outstanding.ephemeralsOf(client.sessionId)].sort();
    assert.deepEqual([owned(a), owned(b)], [["/again", "/brief", "/kept"], ["/taken"]]);
    server.flush();
    assert.equal(outstanding.size, 0);
    assert.deepEqual([owned(a), owned(b)], [["/again", "/brief", "/kept"], ["/taken"]]);
    a.ask(OpCode.closeSession, () => {});
    server.flush();
    assert.deepEqual([owned(a), owned(b)], [[], ["/taken"]]);
    agrees(server);
  });
});

describe("lists of very many ids", () => {
  it("are refused when what stands for auth grows beyond what others read (H-L18)", () => {
    const auth: ACL[] = [{ perms: 31, id: { scheme: "auth", id: "" } }];
    const server = new FakeServer({ prepare: { recordLimit: 10_000 } });
    const client = server.connect();
    for (let i = 0; i < 4; i++) {
      const packet = { type: 0, scheme: "digest", auth: Buffer.from(`user-${i}:x`) };
      assert.equal(client.call(OpCode.auth, (o) => records.writeAuthPacket(o, packet)).err, 0);
    }
    assert.equal(client.create("/few", "", 0, auth), 0);
    const parts = (count: number): MultiPart[] =>
      Array.from({ length: count }, (_, i) => ({
        kind: "create",
        header: partHeader(OpCode.create),
        record: { path: `/n${count}-${i}`, data: null, acl: auth, flags: 0 },
      }));
    const multi = (count: number): void =>
      client.ask(OpCode.multi, (out) => writeMultiRequest(out, parts(count)));
    multi(3);
    assert.notEqual(server.tree.get("/n3-2"), undefined);
    multi(60);
    assert.equal(server.tree.get("/n60-0"), undefined);
    const refused = server.log.at(-1)?.body;
    assert.ok(refused?.kind === "multi" && refused.parts.some((p) => p.type === OpCode.error));
    for (const { bytes } of server.log) assert.ok(bytes.length < 10_000);
    agrees(server);
  });
});

describe("quotas", () => {
  function limited(limits: string): { server: FakeServer; client: FakeClient } {
    const server = new FakeServer({ prepare: { enforceQuota: true } });
    const client = server.connect();
    for (const path of ["/x", "/zookeeper/quota/x"]) assert.equal(client.create(path), 0);
    assert.equal(client.create("/zookeeper/quota/x/zookeeper_limits", limits), 0);
    assert.equal(client.create("/zookeeper/quota/x/zookeeper_stats", "count=0,bytes=0"), 0);
    return { server, client };
  }
  const usage = (server: FakeServer): string =>
    text(server.tree.dataOf(server.tree.get("/zookeeper/quota/x/zookeeper_stats") ?? 0));

  it("refuse what passes a hard limit and let pass what passes a soft one", () => {
    const { server, client } = limited("count=1,bytes=-1=;byteHardLimit=4;countHardLimit=2");
    assert.equal(client.create("/x/a", "1234"), 0);
    assert.equal(usage(server), "count=2,bytes=4");
    assert.equal(client.create("/x/b"), E.QUOTAEXCEEDED);
    assert.equal(client.set("/x/a", "12345"), E.QUOTAEXCEEDED);
    assert.equal(client.set("/x/a", "4321"), 0, "no more bytes than before");
    assert.equal(client.delete("/x/a"), 0);
    assert.equal(usage(server), "count=1,bytes=0");
    agrees(server);
  });

  it("are spoken of once a second, however often a client tries", () => {
    const { server, client } = limited("count=-1,bytes=-1=;byteHardLimit=4;countHardLimit=2");
    assert.equal(client.create("/x/a", "1234"), 0);
    const told = () => server.notes.filter((note) => note.includes("quota of /x"));
    for (let i = 0; i < 500; i++) assert.equal(client.create("/x/b"), E.QUOTAEXCEEDED);
    assert.deepEqual(told(), ["the hard count quota of /x is exceeded"]);
    assert.equal(client.set("/x/a", "12345"), E.QUOTAEXCEEDED);
    assert.equal(told().length, 2, "another limit is another matter");
    server.pass(1000);
    for (let i = 0; i < 10; i++) assert.equal(client.create("/x/b"), E.QUOTAEXCEEDED);
    assert.equal(told().length, 3);
  });

  it("let everything pass when the limits make no sense", () => {
    const { client } = limited("nonsense");
    assert.equal(client.create("/x/a", "1234"), 0);
  });
});

describe("reaping", () => {
  it("deletes what may go, and refuses what has changed since", () => {
    const server = new FakeServer({ extendedTypes: true });
    const client = server.connect(40_000);
    client.create("/box", "", 4, OPEN, OpCode.createContainer);
    client.create("/box/child");
    client.delete("/box/child");
    client.create("/fresh", "", 4, OPEN, OpCode.createContainer);
    client.createTtl("/short", 5, 1000n);
    client.createTtl("/long", 5, 1_000_000n);
    for (let i = 0; i < 61; i++) {
      server.pass(1000);
      client.ask(OpCode.ping, () => {});
    }
    const exists = ["/box", "/fresh", "/short", "/long"].map((path) =>
      server.tree.get(path) !== undefined
    );
    assert.deepEqual(exists, [false, true, false, true]);
    const body = new Output();
    body.buffer(Buffer.from("/zookeeper"));
    const request = {
      sessionId: 0n,
      cxid: 0,
      op: OpCode.deleteContainer,
      body: body.take(),
      auth: [],
      owner: LOCAL,
    };
    const txn = server.prepare.prepare(request, { mono: 0, wall: 0 });
    assert(txn.body.kind === "error", hex(txn.header.zxid));
    agrees(server);
  });

  it("spares what came into use again while it stood in line", () => {
    const server = new FakeServer({ extendedTypes: true, server: { reapsPerMinute: 2 } });
    const client = server.connect(40_000);
    const pass = (seconds: number) => {
      for (let i = 0; i < seconds; i++) {
        server.pass(1000);
        client.ask(OpCode.ping, () => {});
      }
      client.take();
    };
    for (const path of ["/first", "/renewed", "/another", "/gone"]) {
      client.createTtl(path, 5, 50_000n);
    }
    pass(61);
    assert.equal(server.tree.get("/first"), undefined); // the others follow, half a minute apart
    client.set("/renewed", "again");
    client.delete("/another");
    client.create("/another");
    pass(45);
    const left = ["/renewed", "/another", "/gone"].map((path) =>
      server.tree.get(path) !== undefined
    );
    assert.deepEqual(left, [true, true, false]);
    agrees(server);
  });
});

describe("random writes of several sessions, durable in random lumps", () => {
  /** A small generator, so that a seed is a story. */
  const drawing = (seed: number) => {
    let state = seed | 1;
    return (limit: number): number => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) % limit;
    };
  };
  const PATHS = ["/", "/a", "/a/b", "/a/b/c", "/d", "/d/e", "/zookeeper/x", "/a/s-"];

  for (const seed of [1, 2, 3, 5, 8, 13]) {
    it(`leave the digest that each txn promised (seed ${seed})`, () => {
      const draw = drawing(seed * 7919);
      const server = new FakeServer({ instant: false });
      const open = (): FakeClient => {
        const client = server.connect();
        return client;
      };
      let clients = [open(), open(), open()];
      const path = () => PATHS[draw(PATHS.length)];
      const part = (): MultiPart =>
        [
          () => create(path(), draw(4)),
          () => create(path(), 4, OpCode.createContainer),
          () => remove(path(), draw(3) - 1),
          () => set(path(), draw(4) - 1),
          () => check(path(), draw(3) - 1),
        ][draw(5)]();
      for (let step = 0; step < 600; step++) {
        const client = clients[draw(clients.length)];
        const asked = draw(100);
        if (asked < 60) {
          const { header, record, kind } = part();
          if (kind === "create") {
            client.ask(header.type, (out) => records.writeCreateRequest(out, record));
          } else if (kind === "delete") {
            client.ask(OpCode.delete, (out) => records.writeDeleteRequest(out, record));
          } else if (kind === "setData") {
            client.ask(OpCode.setData, (out) => records.writeSetDataRequest(out, record));
          }
        } else if (asked < 80) {
          const parts = Array.from({ length: draw(5) }, part);
          client.ask(OpCode.multi, (out) => writeMultiRequest(out, parts));
        } else if (asked < 85) {
          client.ask(
            OpCode.setACL,
            (out) => records.writeSetACLRequest(out, { path: path(), acl: OPEN, version: -1 }),
          );
        } else if (asked < 88) {
          client.ask(OpCode.closeSession, () => {});
          server.flush();
          clients = [...clients.filter((other) => other !== client), open()];
        } else {
          const { log } = server;
          const from = Math.max(0, log.length - 20);
          server.standalone.durable(log[from + draw(log.length - from)].header.zxid);
          server.server.flushTurn();
        }
      }
      server.flush();
      assert.equal(server.prepare.outstanding.size, 0);
      assert.equal(server.server.core.requests.inProcess, 0);
      const refused = server.log.filter(({ header }) => header.type === OpCode.error).length;
      assert(refused > 50 && refused < server.log.length - 150, "both answers are tried");
      agrees(server);
    });
  }
});
