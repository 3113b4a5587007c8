// Order, handshakes and endings: what one connection sees of a server in every role.

import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Output } from "../lib/codec/output.ts";
import * as records from "../lib/records/client.ts";
import { DEFAULT_AUTH, digestIdOf } from "../lib/auth/mod.ts";
import { defaultServerOptions } from "../lib/server/options.ts";
import { ErrorCode as E, OpCode } from "../lib/txn/opcodes.ts";
import { writeConnectRequest } from "../lib/wire/client.ts";
import { isBrisk } from "./support/brisk.ts";
import { FakeLearner } from "./support/fake_learner.ts";
import {
  FakeClient,
  type FakeOptions,
  FakeServer,
  OPEN,
  writeCreateFor,
} from "./support/fake_server.ts";

const writeCreate = (path: string, flags = 0) => (out: Output) =>
  records.writeCreateRequest(out, { path, data: null, acl: OPEN, flags });
const writePath = (path: string) => (out: Output) => {
  out.ustring(path);
  out.boolean(false);
};
const concat = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** Headers of everything received, as "xid err". */
const headers = (client: FakeClient): string[] => {
  const bytes = Buffer.from(client.take());
  const seen: string[] = [];
  for (let at = 0; at < bytes.length; at += 4 + bytes.readInt32BE(at)) {
    seen.push(`${bytes.readInt32BE(at + 4)} ${bytes.readInt32BE(at + 16)}`);
  }
  return seen;
};

/** A client of a server with a node of half a megabyte. */
function withBig(options: FakeOptions = {}): FakeClient {
  const client = new FakeServer(options).connect();
  client.raw(FakeClient.frame(1, OpCode.create, (out) => {
    const data = new Uint8Array(1 << 19);
    records.writeCreateRequest(out, { path: "/big", data, acl: OPEN, flags: 0 });
  }));
  client.take();
  return client;
}

/** So many questions for that node. */
const askBig = (count: number): Uint8Array =>
  concat(
    ...Array.from({ length: count }, () => FakeClient.frame(2, OpCode.getData, writePath("/big"))),
  );

describe("a connection", () => {
  it("is answered in the order of its requests, reads behind its own writes", () => {
    const server = new FakeServer({ instant: false });
    const client = server.connect();
    client.raw(concat(
      FakeClient.frame(1, OpCode.exists, writePath("/a")),
      FakeClient.frame(2, OpCode.create, writeCreate("/a")),
      FakeClient.frame(3, OpCode.exists, writePath("/a")),
      FakeClient.frame(-2, OpCode.ping, () => {}),
      FakeClient.frame(4, OpCode.create, writeCreate("/b")),
      FakeClient.frame(5, OpCode.exists, writePath("/b")),
    ));
    assert.deepEqual(headers(client), ["1 -101"]);
    const other = server.dial();
    other.connect(10_000);
    server.standalone.durable(2n); // the create of /a, not the one of /b
    server.server.flushTurn();
    assert.deepEqual(headers(client), ["2 0", "3 0", "-2 0"]);
    server.flush();
    assert.deepEqual(headers(client), ["4 0", "5 0"]);
    assert.equal(server.server.core.requests.inProcess, 0);
  });

  it("asks as who it was then, though it has more ids when its turn comes", () => {
    const server = new FakeServer({ instant: false });
    const client = server.connect();
    const acl = [{ perms: 31, id: { scheme: "digest", id: digestIdOf("u:p") } }];
    const secret = (out: Output): void =>
      records.writeCreateRequest(out, { path: "/secret", data: null, acl, flags: 0 });
    const auth = { type: 0, scheme: "digest", auth: Buffer.from("u:p") };
    client.raw(concat(
      FakeClient.frame(1, OpCode.create, secret),
      FakeClient.frame(2, OpCode.getData, writePath("/secret")),
      FakeClient.frame(-4, OpCode.auth, (out) => records.writeAuthPacket(out, auth)),
      FakeClient.frame(3, OpCode.getData, writePath("/secret")),
    ));
    server.flush();
    assert.deepEqual(headers(client), ["-4 0", "1 0", `2 ${E.NOAUTH}`, "3 0"]);
    client.raw(FakeClient.frame(4, OpCode.getData, writePath("/secret")));
    assert.deepEqual(headers(client), ["4 0"]);
  });

  it("gets one write per turn, however many replies", () => {
    const server = new FakeServer();
    const client = server.connect();
    client.writes = 0;
    const frames = [1, 2, 3, 4].map((xid) =>
      FakeClient.frame(xid, OpCode.create, writeCreate(`/n${xid}`))
    );
    client.raw(concat(...frames));
    assert.equal(client.writes, 1);
    assert.deepEqual(headers(client), ["1 0", "2 0", "3 0", "4 0"]);
  });

  it("may be cut into pieces at every byte", () => {
    const stream = concat(
      FakeClient.frame(1, OpCode.create, writeCreate("/a")),
      FakeClient.frame(2, OpCode.exists, writePath("/a")),
      FakeClient.frame(3, OpCode.exists, writePath("/b")),
    );
    for (let cut = 0; cut <= stream.length; cut++) {
      const client = new FakeServer().connect();
      client.raw(stream.slice(0, cut));
      client.raw(stream.slice(cut));
      assert.deepEqual(headers(client), ["1 0", "2 0", "3 -101"], `cut at ${cut}`);
    }
    const client = new FakeServer().connect();
    for (const byte of stream) client.raw(Uint8Array.of(byte));
    assert.deepEqual(headers(client), ["1 0", "2 0", "3 -101"]);
  });

  it("does not read what a client wrote after its bytes were handed over", () => {
    const server = new FakeServer({ instant: false });
    const client = server.connect();
    const chunk = FakeClient.frame(1, OpCode.create, writeCreate("/kept"));
    client.raw(chunk);
    server.flush();
    chunk.fill(0x2f);
    assert.notEqual(server.tree.get("/kept"), undefined);
  });

  const ends: [string, Uint8Array, string[]][] = [
    ["an unknown op", FakeClient.frame(9, 10, () => {}), ["9 -6"]],
    ["check alone", FakeClient.frame(9, OpCode.check, writePath("/a")), ["9 -6"]],
    ["deleteContainer", FakeClient.frame(9, OpCode.deleteContainer, () => {}), ["9 -6"]],
    ["createSession", FakeClient.frame(9, OpCode.createSession, (o) => o.int(5)), ["9 -6"]],
    ["op 0", FakeClient.frame(9, 0, () => {}), ["9 -6"]],
    ["a header cut short", Uint8Array.of(0, 0, 0, 3, 1, 2, 3), []],
    ["a negative length", Uint8Array.of(0xff, 0xff, 0xff, 0xff), []],
    ["a frame over the limit", Uint8Array.of(0, 0x10, 0, 0), []],
    [
      "an unknown scheme of auth",
      FakeClient.frame(
        -4,
        OpCode.auth,
        (out) => records.writeAuthPacket(out, { type: 0, scheme: "none", auth: null }),
      ),
      ["-4 -115"],
    ],
    [
      "a digest of nothing at all",
      FakeClient.frame(
        -4,
        OpCode.auth,
        (out) => records.writeAuthPacket(out, { type: 0, scheme: "digest", auth: null }),
      ),
      ["-4 -115"],
    ],
    ["an auth cut short", FakeClient.frame(-4, OpCode.auth, () => {}), []],
    ["a SASL frame without a token", FakeClient.frame(9, OpCode.sasl, () => {}), []],
    ["a SASL token that is null", FakeClient.frame(9, OpCode.sasl, (o) => o.buffer(null)), []],
  ];
  for (const [what, bytes, answers] of ends) {
    it(`ends with ${what}`, () => {
      const client = new FakeServer().connect();
      client.raw(bytes);
      assert.deepEqual(headers(client), answers);
      assert.equal(client.isClosed, true);
    });
  }

  it("is told zxid -1 with an unknown op", () => {
    const client = new FakeServer().connect();
    client.raw(FakeClient.frame(9, 10, () => {}));
    assert.equal(Buffer.from(client.take()).readBigInt64BE(8), -1n);
  });

  it("is told that SASL is not set up: no error, no token", () => {
    const client = new FakeServer().connect();
    client.raw(FakeClient.frame(7, OpCode.sasl, (out) => out.buffer(new Uint8Array(0))));
    assert.equal(
      Buffer.from(client.take()).toString("hex"),
      "00000014" + "00000007" + "0000000000000000" + "00000000" + "ffffffff",
    );
  });

  it("without an id of a required scheme may only authenticate", () => {
    const auth = { ...DEFAULT_AUTH, enforcedSchemes: ["digest"] };
    const server = new FakeServer({ server: { auth } });
    const allowed = server.connect();
    allowed.ask(
      OpCode.auth,
      (out) =>
        records.writeAuthPacket(out, { type: 0, scheme: "digest", auth: Buffer.from("u:p") }),
      -4,
    );
    assert.deepEqual(headers(allowed), ["-4 0"]);
    allowed.raw(FakeClient.frame(1, OpCode.exists, writePath("/")));
    assert.deepEqual(headers(allowed), ["1 0"]);
    const refused = server.connect();
    refused.raw(FakeClient.frame(-2, OpCode.ping, () => {}));
    assert.deepEqual(headers(refused), [`-2 ${E.SESSIONCLOSEDREQUIRESASLAUTH}`]);
    assert.equal(refused.isClosed, true);
  });

  it("that takes more ids than its requests can bring along is refused and closed", () => {
    const server = new FakeServer();
    const few = server.connect();
    const many = server.connect();
    const auth = (client: FakeClient, bytes: Uint8Array) => {
      const packet = { type: 0, scheme: "digest", auth: bytes };
      client.ask(OpCode.auth, (out) => records.writeAuthPacket(out, packet), -4);
    };
    for (let i = 0; i < 100; i++) auth(few, Buffer.from(`user-${i}:x`));
    assert.deepEqual(headers(few).at(-1), "-4 0");
    assert.equal(few.isClosed, false);
    auth(many, Buffer.alloc(900_000, 0xff)); // no UTF-8: three times as much to a leader
    assert.deepEqual(headers(many), [`-4 ${E.AUTHFAILED}`]);
    assert.equal(many.isClosed, true);
  });

  it("that is idle for too long is closed without a word", () => {
    const server = new FakeServer();
    const client = server.dial();
    server.pass(10_000);
    assert.equal(client.isClosed, false);
    server.pass(10_000);
    assert.equal(client.isClosed, true);
  });

  it("that lets its replies pile up is read no further until it has taken them", () => {
    const client = new FakeServer().connect();
    client.queued = 5 << 20;
    client.raw(FakeClient.frame(1, OpCode.exists, writePath("/")));
    assert.equal(client.isHeld, true);
    client.raw(FakeClient.frame(2, OpCode.exists, writePath("/")));
    assert.deepEqual(headers(client), ["1 0"]);
    client.queued = 0;
    if (client.conn !== null) client.home.server.drained(client.conn);
    client.home.server.flushTurn();
    assert.equal(client.isHeld, false);
    assert.deepEqual(headers(client), ["2 0"]);
  });

  it("that asks for much with little gets it in portions, each when the last one has left", () => {
    const client = withBig();
    client.queued = 2 << 20;
    client.raw(askBig(40)); // one chunk of a few hundred bytes
    let total = 0;
    for (let portions = 0; total < 40 << 19; portions++) {
      assert.ok(portions < 40, "it is stuck");
      const { length } = client.take();
      assert.ok(length > 0 && length < 6 << 20, `${length} bytes in one turn`);
      total += length;
      client.home.server.flushTurn();
      assert.equal(client.take().length, 0, "nothing has left");
      if (client.conn !== null && client.isHeld) client.home.server.drained(client.conn);
      client.home.server.flushTurn();
    }
    assert.equal(client.isHeld, false);
  });

  it("whose socket takes a portion at once gets the next one in the next turn", () => {
    const client = withBig();
    const { server } = client.home;
    const calm = server.deadline ?? 0;
    client.raw(askBig(40));
    let total = client.take().length;
    for (let turns = 0; total < 40 << 19; turns++) {
      assert.ok(turns < 40, "it is stuck");
      assert.ok((server.deadline ?? calm) < calm, "a turn is asked for: nobody else does");
      server.flushTurn();
      const { length } = client.take();
      assert.ok(length > 0 && length < 6 << 20, `${length} bytes in one turn`);
      total += length;
    }
    server.flushTurn();
    assert.equal(client.isHeld, false);
    assert.equal(server.deadline, calm);
  });

  for (
    const [what, op, flags] of [
      ["nodes", OpCode.getAllChildrenNumber, 0],
      ["ephemerals", OpCode.getEphemerals, 1],
    ] as const
  ) {
    it(`that lets very many ${what} be counted lets others have their turn between`, () => {
      const server = new FakeServer();
      const [client, other] = [server.connect(), server.connect()];
      client.raw(FakeClient.frame(1, OpCode.create, writeCreate("/a")));
      for (let i = 0; i < 5000; i++) {
        client.raw(FakeClient.frame(2, OpCode.create, writeCreate(`/a/${i}`, flags)));
      }
      client.take();
      const asked = Array.from({ length: 200 }, (_, i) => i + 1);
      const path = (out: Output): void => out.ustring(flags === 1 ? "/b" : "/a");
      client.raw(concat(...asked.map((xid) => FakeClient.frame(xid, op, path))));
      const answered = headers(client);
      assert.ok(answered.length < 150, `${answered.length} in one turn`);
      other.raw(FakeClient.frame(7, OpCode.exists, writePath("/")));
      assert.deepEqual(headers(other), ["7 0"]);
      for (let turns = 0; answered.length < 200; turns++) {
        assert.ok(turns < 200, "it is stuck");
        answered.push(...headers(client));
        server.server.flushTurn();
      }
      assert.deepEqual(answered, asked.map((xid) => `${xid} 0`));
      assert.equal(client.isHeld, false);
    });
  }

  it("is not given two portions in one turn, however often it is told of room", () => {
    const client = withBig();
    const { server } = client.home;
    client.raw(askBig(40));
    client.take();
    if (client.conn !== null) server.drained(client.conn);
    server.flushTurn();
    assert.ok(client.take().length < 6 << 20);
  });

  it("that closed while its write was under way is not answered, and the next one is", () => {
    const server = new FakeServer({ instant: false });
    const [a, b] = [server.connect(), server.connect()];
    a.raw(FakeClient.frame(1, OpCode.create, writeCreate("/a")));
    b.raw(FakeClient.frame(1, OpCode.create, writeCreate("/b")));
    a.close();
    server.flush();
    assert.deepEqual(headers(a), []);
    assert.deepEqual(headers(b), ["1 0"]);
    assert.equal(server.server.core.requests.inProcess, 0);
  });

  it("of a resumed session waits for the writes that the old one left", () => {
    const server = new FakeServer({ instant: false });
    const old = server.connect();
    old.raw(FakeClient.frame(7, OpCode.create, writeCreate("/a")));
    const now = server.dial();
    now.connect(10_000, { id: old.sessionId });
    assert.equal(now.sessionId, old.sessionId);
    now.raw(FakeClient.frame(8, OpCode.exists, writePath("/a")));
    assert.deepEqual(headers(now), []);
    server.flush();
    assert.deepEqual(headers(now), ["8 0"]);
    assert.equal(server.server.core.requests.inProcess, 0);
  });

  it("of others that are under way are not looked through by each client that comes back", () => {
    const { throttle } = defaultServerOptions(DEFAULT_AUTH);
    const server = new FakeServer({
      instant: false,
      server: { throttle: { ...throttle, maxClientCnxns: 0, outstandingLimit: 1_000_000 } },
    });
    const [busy, moving] = [server.connect(), server.connect()];
    const write = FakeClient.frame(1, OpCode.delete, (out) => {
      out.ustring("/none");
      out.int(-1);
    });
    const all = new Uint8Array(100_000 * write.length);
    for (let at = 0; at < all.length; at += write.length) all.set(write, at);
    busy.raw(all);
    isBrisk(2500, () => () => {
      for (let i = 0; i < 1000; i++) server.dial().connect(10_000, { id: moving.sessionId });
    });
  });

  it("of a session whose link broke waits for the writes that were under way, each time", () => {
    const server = new FakeServer({ instant: false });
    const first = server.connect();
    const id = first.sessionId;
    first.raw(FakeClient.frame(7, OpCode.create, writeCreate("/a")));
    first.close();
    const again = Array.from({ length: 3 }, () => {
      const client = server.dial();
      client.connect(10_000, { id });
      client.raw(FakeClient.frame(8, OpCode.exists, writePath("/a")));
      return client;
    });
    const [, broken, last] = again;
    broken.close();
    for (const client of again) assert.deepEqual(headers(client), []);
    server.flush();
    assert.deepEqual(headers(last), ["8 0"]);
    assert.equal(server.server.core.requests.inProcess, 0);
  });
});

describe("a connect request", () => {
  const frame = (write: (out: Output) => void): Uint8Array => {
    const out = new Output();
    const at = out.reserve();
    write(out);
    out.patchLength(at);
    return out.take();
  };
  const request = { protocolVersion: 0, lastZxidSeen: 0n, timeOut: 5000, sessionId: 0n };

  it("gets a readOnly flag only when it had one", () => {
    for (const [readOnly, length] of [[null, 36], [false, 37], [true, 37]] as const) {
      const client = new FakeServer().dial();
      client.raw(
        frame((out) =>
          writeConnectRequest(out, { ...request, passwd: new Uint8Array(16) }, readOnly)
        ),
      );
      const bytes = client.take();
      assert.equal(bytes.length, 4 + length);
      if (readOnly !== null) assert.equal(bytes.at(-1), 0);
    }
  });

  it("may have any password for a new session", () => {
    for (const passwd of [null, new Uint8Array(0), new Uint8Array(40)]) {
      const client = new FakeServer().dial();
      client.raw(frame((out) => writeConnectRequest(out, { ...request, passwd }, null)));
      assert.equal(client.welcome(), true);
      assert.notEqual(client.sessionId, 0n);
    }
  });

  it("that is ahead of this server is not answered", () => {
    const client = new FakeServer().dial();
    client.connect(5000, { seen: 1n });
    assert.equal(client.isClosed, true);
    assert.equal(client.sessionId, 0n);
  });

  it("that has seen only the start of an epoch is welcome to whoever is level with that", () => {
    const server = new FakeServer();
    server.server.levelWith(3n);
    const WELCOME: [seen: bigint, isWelcome: boolean][] = [
      [3n << 32n, true],
      [2n << 32n, true], // an epoch without txns
      [4n << 32n, false],
      [(2n << 32n) + 1n, false], // a txn that this server lacks
      [(3n << 32n) + 1n, false],
    ];
    for (const [seen, isWelcome] of WELCOME) {
      const client = server.dial();
      client.connect(5000, { seen });
      assert.equal(client.isClosed, !isWelcome, String(seen));
      assert.equal(client.sessionId !== 0n, isWelcome, String(seen));
    }
  });

  it("that makes no sense is not answered", () => {
    const client = new FakeServer().dial();
    client.raw(frame((out) => out.int(0)));
    assert.equal(client.isClosed, true);
    assert.equal(client.take().length, 0);
  });

  it("of an invalid session is answered with zeros", () => {
    const client = new FakeServer().dial();
    client.raw(
      frame((out) =>
        writeConnectRequest(out, { ...request, sessionId: 5n, passwd: new Uint8Array(16) }, null)
      ),
    );
    assert.equal(
      Buffer.from(client.take()).toString("hex"),
      "00000024" + "00000000" + "00000000" + "0000000000000000" + "00000010" + "00".repeat(16),
    );
    assert.equal(client.isClosed, true);
  });

  it("lets requests behind it wait until the session is there", () => {
    const server = new FakeServer({ instant: false });
    const client = server.dial();
    client.raw(concat(
      frame((out) => writeConnectRequest(out, { ...request, passwd: null }, null)),
      FakeClient.frame(1, OpCode.exists, writePath("/")),
    ));
    assert.equal(client.isHeld, true);
    assert.equal(client.take().length, 0);
    server.flush();
    assert.equal(client.isHeld, false);
    assert.equal(client.welcome(), true);
    assert.deepEqual(headers(client), ["1 0"]);
  });
});

describe("a follower's client", () => {
  it("do not pass on what a Java leader could not read from its log again", () => {
    const learner = new FakeLearner();
    const client = learner.connect();
    const create = (xid: number, path: string, filler: number) =>
      client.raw(
        FakeClient.frame(xid, OpCode.create, (out) => writeCreateFor(out, path, 900_000, filler)),
      );
    create(1, "/good", 0x61);
    assert.equal(learner.sent.length, 1);
    create(2, "/bad", 0xff);
    assert.equal(learner.sent.length, 1);
    learner.hear();
    learner.deliver();
    assert.deepEqual(headers(client), ["1 0", `2 ${E.BADARGUMENTS}`]);
  });

  it("has its writes ordered with those of others and is answered for its own", () => {
    const learner = new FakeLearner();
    const other = learner.leader.connect();
    const client = learner.connect();
    client.raw(concat(
      FakeClient.frame(1, OpCode.create, writeCreate("/mine")),
      FakeClient.frame(2, OpCode.exists, writePath("/theirs")),
    ));
    other.create("/theirs");
    learner.hear();
    learner.deliver(1);
    assert.deepEqual(headers(client), []);
    learner.deliver();
    assert.deepEqual(headers(client), ["1 0", "2 0"]);
  });

  it("waits for the leader's word on its session", () => {
    const learner = new FakeLearner();
    const old = learner.connect();
    const client = learner.dial();
    client.connect(5000, { id: old.sessionId });
    assert.equal(client.sessionId, 0n);
    learner.hear();
    client.welcome();
    assert.equal(client.sessionId, old.sessionId);
    const unknown = learner.dial();
    unknown.connect(5000, { id: 99n });
    learner.hear();
    unknown.welcome();
    assert.equal(unknown.timeoutMs, 0);
    assert.equal(unknown.isClosed, true);
  });

  it("is closed without an answer when its session has moved", () => {
    const learner = new FakeLearner();
    const client = learner.connect();
    const moved = learner.leader.dial();
    moved.connect(5000, { id: client.sessionId });
    assert.equal(moved.sessionId, client.sessionId);
    client.raw(FakeClient.frame(1, OpCode.exists, writePath("/")));
    assert.deepEqual(headers(client), ["1 0"], "reads on the old connection go on");
    client.raw(FakeClient.frame(2, OpCode.create, writeCreate("/x")));
    learner.hear();
    learner.deliver();
    assert.deepEqual(headers(client), []);
    assert.equal(client.isClosed, true);
    assert.equal(moved.create("/x"), 0);
  });

  it("is answered -5 here for a body that cannot be decoded, in its turn", () => {
    const learner = new FakeLearner();
    const client = learner.connect();
    client.raw(concat(
      FakeClient.frame(1, OpCode.create, writeCreate("/a")),
      FakeClient.frame(2, OpCode.setData, (out) => out.int(99)),
      FakeClient.frame(3, OpCode.multi, (out) => out.int(4)),
    ));
    assert.deepEqual(learner.sent.map(({ request }) => request?.cxid), [1]);
    learner.hear();
    learner.deliver();
    assert.deepEqual(headers(client), ["1 0", "2 -5", "3 -5"]);
  });

  it("is refused here what is forbidden already, with zxid 0, when that is asked for", () => {
    const learner = new FakeLearner("follower", { server: { eagerAclCheck: true } });
    const client = learner.connect();
    const locked = [{ perms: 1, id: { scheme: "world", id: "anyone" } }];
    const ask = (xid: number, op: number, write: (out: Output) => void) =>
      client.raw(FakeClient.frame(xid, op, write));
    ask(
      1,
      OpCode.create,
      (out) => records.writeCreateRequest(out, { path: "/l", data: null, acl: locked, flags: 0 }),
    );
    learner.hear();
    learner.deliver();
    headers(client);
    ask(2, OpCode.create, writeCreate("/l/x"));
    ask(
      3,
      OpCode.setData,
      (out) => records.writeSetDataRequest(out, { path: "/l", data: null, version: -1 }),
    );
    ask(
      4,
      OpCode.setACL,
      (out) => records.writeSetACLRequest(out, { path: "/", acl: [], version: -1 }),
    );
    ask(
      5,
      OpCode.delete,
      (out) => records.writeDeleteRequest(out, { path: "/l/none", version: -1 }),
    );
    assert.equal(learner.sent.length, 0);
    assert.equal(Buffer.from(client.take()).readBigInt64BE(8), 0n);
    ask(6, OpCode.delete, (out) => records.writeDeleteRequest(out, { path: "/no", version: -1 }));
    assert.equal(learner.sent.length, 1, "what cannot be told here goes to the leader");
  });

  it("gets its sync after everything the leader had committed", () => {
    const learner = new FakeLearner();
    const client = learner.connect();
    learner.leader.connect().create("/new");
    client.raw(concat(
      FakeClient.frame(1, OpCode.sync, (out) => out.ustring("/new")),
      FakeClient.frame(2, OpCode.exists, writePath("/new")),
    ));
    assert.deepEqual(headers(client), []);
    learner.hear();
    assert.deepEqual(headers(client), ["1 0", "2 0"]);
  });

  it("is among the touched sessions once per round", () => {
    const learner = new FakeLearner();
    const client = learner.connect();
    learner.server.touched();
    client.raw(FakeClient.frame(-2, OpCode.ping, () => {}));
    client.raw(FakeClient.frame(-2, OpCode.ping, () => {}));
    assert.deepEqual(learner.server.touched(), [[client.sessionId, 10_000]]);
    assert.deepEqual(learner.server.touched(), []);
  });

  it("is closed when its session expires at the leader", () => {
    const learner = new FakeLearner();
    const client = learner.connect();
    client.raw(FakeClient.frame(1, OpCode.create, writeCreate("/e", 1)));
    learner.hear();
    learner.deliver();
    headers(client);
    learner.leader.pass(12_000);
    learner.deliver();
    assert.equal(client.isClosed, true);
    assert.equal(learner.tree.get("/e"), undefined);
  });
});

describe("a local session", () => {
  it("needs no txn, may write, and may not make ephemerals", () => {
    const learner = new FakeLearner("follower", {}, true);
    const client = learner.dial();
    client.connect(5000);
    assert.notEqual(client.sessionId, 0n);
    assert.equal(learner.sent.length, 0);
    client.raw(FakeClient.frame(1, OpCode.create, writeCreate("/e", 1)));
    assert.deepEqual(headers(client), [`1 ${E.EPHEMERALONLOCALSESSION}`]);
    client.raw(FakeClient.frame(2, OpCode.closeSession, () => {}));
    assert.deepEqual(headers(client), ["2 0"]);
    assert.equal(client.isClosed, true);
    assert.equal(learner.sent.length, 0);
  });

  it("is upgraded for its first ephemeral when that is allowed", () => {
    const learner = new FakeLearner("follower", {}, true, true);
    const client = learner.dial();
    client.connect(5000);
    client.raw(FakeClient.frame(1, OpCode.create, writeCreate("/e", 1)));
    assert.deepEqual(learner.sent.map(({ request }) => request?.op), [
      OpCode.createSession,
      OpCode.create,
    ]);
    learner.hear();
    learner.deliver();
    assert.deepEqual(headers(client), ["1 0"]);
    assert.equal(learner.tree.sessions.get(client.sessionId), 5000);
  });
});

describe("a read-only server", () => {
  it("serves only clients that say they can do with it, from local sessions", () => {
    const learner = new FakeLearner("read-only", {}, true);
    for (const readOnly of [null, false]) {
      const client = learner.dial();
      client.connect(5000, { readOnly });
      assert.equal(client.isClosed, true);
      assert.equal(client.sessionId, 0n);
    }
    const client = learner.dial();
    client.connect(5000, { readOnly: true });
    client.raw(concat(
      FakeClient.frame(1, OpCode.exists, writePath("/")),
      FakeClient.frame(2, OpCode.create, writeCreate("/a")),
      FakeClient.frame(3, OpCode.sync, (out) => out.ustring("/")),
      FakeClient.frame(4, OpCode.closeSession, () => {}),
    ));
    assert.deepEqual(headers(client), ["1 0", "2 -119", "3 -119", "4 0"]);
  });

  it("closes a new session when local sessions are off", () => {
    const client = new FakeLearner("read-only").dial();
    client.connect(5000, { readOnly: true });
    assert.equal(client.isClosed, true);
    assert.equal(client.take().length, 0);
  });
});

describe("a four-letter word", () => {
  it("is answered and the connection closed, with or without a line end", () => {
    for (const text of ["ruok", "ruok\n", "ruok\r\n"]) {
      const client = new FakeServer().dial();
      client.raw(Buffer.from(text));
      assert.equal(Buffer.from(client.take()).toString(), "ruok\n");
      assert.equal(client.isClosed, true);
    }
  });

  it("may come byte by byte, and stmk brings eight bytes more", () => {
    const client = new FakeServer().dial();
    for (const byte of Buffer.from("stmk\0\0\0\0\0\0\u0001\u0032", "latin1")) {
      assert.equal(client.isClosed, false);
      client.raw(Uint8Array.of(byte));
    }
    assert.equal(Buffer.from(client.take()).toString(), "stmk 306\n");
  });

  it("that nobody knows is a length, too large", () => {
    const client = new FakeServer().dial();
    client.raw(Buffer.from("abcd"));
    assert.equal(client.isClosed, true);
    assert.equal(client.take().length, 0);
  });
});
