// Session ids, passwords, buckets, owners, and the life of sessions on a server.

import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Expiring, ExpiryBuckets } from "../lib/server/buckets.ts";
import { firstSessionId, isPasswordOf, passwordOf, SessionIds } from "../lib/server/passwords.ts";
import { LOCAL } from "../lib/server/request.ts";
import { SessionTracker } from "../lib/server/sessions.ts";
import { ErrorCode as E, OpCode } from "../lib/txn/opcodes.ts";
import { FakeLearner } from "./support/fake_learner.ts";
import { FakeClient, FakeServer, TICK } from "./support/fake_server.ts";

describe("passwords", () => {
  // client.md 12, seen on running servers.
  const rows: [bigint, string][] = [
    [0x0100001c59390000n, "4d65e0c656811f3e7321e6388fd8af21"],
    [0x0100001c59390001n, "6086dac6f6ccfe8268644d646361c4ee"],
    [0x01000024adfd0000n, "59cc5e517229962d5fdd440b0be46bb6"],
    [1n, "054cc74a37327db215e702e20c73f005"],
    [BigInt.asIntN(64, 0xff00000000000001n), "054cc74a37327db215e702e20c73f005"],
    [0x7fffffffffffffffn, "20f62cb5648dc2d771471c8a2486a9ee"],
  ];
  for (const [id, hex] of rows) {
    it(`of session 0x${BigInt.asUintN(64, id).toString(16)} is ${hex}`, () => {
      assert.equal(Buffer.from(passwordOf(id)).toString("hex"), hex);
      assert.equal(isPasswordOf(id, passwordOf(id)), true);
      assert.equal(isPasswordOf(id + 2n, passwordOf(id)), false);
      assert.equal(isPasswordOf(id, passwordOf(id).subarray(0, 15)), false);
    });
  }

  it("prove nothing for session 0", () => {
    assert.equal(isPasswordOf(0n, passwordOf(0n)), false);
    assert.equal(isPasswordOf(1n, null), false);
  });
});

describe("a client whose replies pile up", () => {
  const ask = FakeClient.frame(1, OpCode.exists, (out) => {
    out.ustring("/");
    out.boolean(false);
  });

  it("keeps its session for as long as it takes some of them, though nothing is read", () => {
    const server = new FakeServer();
    const client = server.connect(4 * TICK);
    client.queued = 20 << 20;
    client.raw(ask);
    assert.equal(client.isHeld, true);
    for (let second = 0; second < 60; second += 2) {
      client.queued -= 100_000;
      server.pass(2 * TICK);
    }
    assert.equal(server.tree.sessions.has(client.sessionId), true);
    assert.equal(client.isClosed, false);
    server.pass(6 * TICK); // it has stopped
    assert.equal(server.tree.sessions.has(client.sessionId), false);
    assert.equal(client.isClosed, true);
  });

  it("loses its session when it takes none", () => {
    const server = new FakeServer();
    const client = server.connect(4 * TICK);
    client.queued = 20 << 20;
    client.raw(ask);
    server.pass(6 * TICK);
    assert.equal(server.tree.sessions.has(client.sessionId), false);
  });

  it("of a learner is in what the leader is told, while it takes some", () => {
    const learner = new FakeLearner();
    const client = learner.connect();
    const pass = (): void => {
      learner.mono += 2 * TICK;
      learner.server.tick();
      learner.server.flushTurn();
    };
    const told = (): boolean => learner.server.touched().some(([id]) => id === client.sessionId);
    client.queued = 20 << 20;
    client.raw(ask);
    assert.deepEqual([told(), told()], [true, false]);
    client.queued -= 100_000;
    assert.deepEqual([told(), told()], [true, false]);
    for (let second = 0; second < 60; second += 2) {
      client.queued -= 100_000;
      pass();
    }
    assert.equal(client.isClosed, false, "it is not idle either");
    for (let second = 0; second < 30; second += 2) pass();
    assert.equal(client.isClosed, true);
  });
});

describe("session ids", () => {
  it("hold the server id, 40 bits of time and room for a counter", () => {
    assert.equal(firstSessionId(0x0000001234567890, 3), 0x0312345678900000n);
    assert.equal(firstSessionId(0xab12345678ff, 3), 0x0312345678ff0000n, "higher bits are cut off");
  });
  it("never start with a container's owner", () => {
    assert.equal(firstSessionId(0, 128), -0x7fffffffffffffffn);
  });
  it("count up by one", () => {
    const ids = new SessionIds(16, 255);
    const first = ids.next();
    assert.equal(ids.next(), first + 1n);
    assert.equal(BigInt.asUintN(64, first) >> 56n, 255n);
  });
});

describe("buckets", () => {
  const item = (): Expiring => ({ deadline: 0, bucket: 0 });

  it("expire more than the timeout and at most a tick after the last touch", () => {
    for (let start = 0; start < 30; start++) {
      const buckets = new ExpiryBuckets<Expiring>(10, start);
      const one = item();
      buckets.touch(one, start, 25);
      let now = start;
      while (buckets.expire(now).length === 0) now += 1;
      assert(now - start > 25 && now - start <= 35, `${start} to ${now}`);
    }
  });
  it("move with a touch, to a later and to an earlier time", () => {
    const buckets = new ExpiryBuckets<Expiring>(10, 0);
    const [a, b] = [item(), item()];
    buckets.touch(a, 0, 15);
    buckets.touch(b, 0, 95);
    buckets.touch(a, 12, 15);
    buckets.touch(b, 12, 15);
    assert.deepEqual(buckets.expire(29), []);
    assert.deepEqual(buckets.expire(30), [b, a]);
    assert.equal(buckets.size, 0);
    assert.equal(buckets.deadline, null);
  });
  it("forget what is removed", () => {
    const buckets = new ExpiryBuckets<Expiring>(10, 0);
    const one = item();
    buckets.touch(one, 0, 15);
    buckets.remove(one);
    buckets.remove(one);
    assert.equal(buckets.size, 0);
    assert.deepEqual(buckets.expire(1000), []);
  });
  it("catch up after a long silence", () => {
    const buckets = new ExpiryBuckets<Expiring>(10, 0);
    const one = item();
    buckets.touch(one, 0, 15);
    assert.deepEqual(buckets.expire(1_000_000), [one]);
  });
});

describe("the tracker", () => {
  const learner = { name: "learner 2" };

  it("shows very many sessions that end at one time, as those of a new leader do", () => {
    const tracker = new SessionTracker(TICK, 0);
    const count = 200_000;
    tracker.load(Array.from({ length: count }, (_, i) => [BigInt(i), 4000] as const), 0);
    assert.deepEqual([...tracker.dump().values()].map(({ length }) => length), [count]);
  });
  it("lets only the owner speak, and the first to ask becomes it", () => {
    const tracker = new SessionTracker(TICK, 0);
    tracker.track(5n, 4000, 0);
    assert.equal(tracker.check(5n, learner), 0);
    assert.equal(tracker.check(5n, LOCAL), E.SESSIONMOVED);
    tracker.setOwner(5n, LOCAL);
    assert.equal(tracker.check(5n, LOCAL), 0);
    assert.equal(tracker.check(5n, learner), E.SESSIONMOVED);
    assert.equal(tracker.check(6n, learner), E.SESSIONEXPIRED);
  });
  it("expires a session once and accepts nothing for it afterwards", () => {
    const tracker = new SessionTracker(TICK, 0);
    tracker.load([[5n, 4000], [6n, 9000]], 0);
    assert.deepEqual(tracker.expire(5000).map(({ id }) => id), [5n]);
    assert.deepEqual(tracker.expire(8000), []);
    assert.equal(tracker.touch(5n, 4000, 5000), false);
    assert.equal(tracker.check(5n, LOCAL), E.SESSIONEXPIRED);
    assert.equal(tracker.touch(6n, 9000, 5000), true);
    tracker.remove(5n);
    assert.equal(tracker.size, 1);
  });
  it("accepts strangers only with local sessions on and another server's id", () => {
    const local = new SessionTracker(TICK, 0);
    const tracker = new SessionTracker(TICK, 0, { sessions: local, serverId: 3 });
    const ours = 0x0300000000000001n;
    const other = 0x0400000000000001n;
    assert.equal(tracker.check(ours, LOCAL), E.SESSIONEXPIRED);
    assert.equal(tracker.check(other, learner), 0);
    assert.equal(tracker.checkGlobal(other, learner), E.SESSIONEXPIRED);
    local.track(ours, 4000, 0);
    assert.equal(tracker.check(ours, LOCAL), 0);
  });
});

describe("a session on a server", () => {
  it("dies with its ephemerals when nobody touches it, and its connection is closed", () => {
    const server = new FakeServer();
    const [a, b] = [server.connect(4000), server.connect(40_000)];
    a.create("/e", "", 1);
    b.read(OpCode.exists, "/e", true);
    server.pass(4000);
    assert.notEqual(server.tree.get("/e"), undefined);
    server.pass(2000);
    assert.equal(server.tree.get("/e"), undefined);
    assert.equal(a.isClosed, true);
    const [event] = b.replies();
    assert(event.kind === "event");
    assert.deepEqual([event.event.type, event.event.path], [2, "/e"]);
    assert.equal(server.log.at(-1)?.header.cxid, 0);
  });

  it("lives as long as something comes from it", () => {
    const server = new FakeServer();
    const client = server.connect(4000);
    for (let i = 0; i < 10; i++) {
      server.pass(3000);
      client.ask(OpCode.ping, () => {});
    }
    assert.equal(client.isClosed, false);
    assert.equal(client.replies().length, 10);
  });

  it("gets the timeout it asks for between the bounds", () => {
    const server = new FakeServer();
    const timeouts = [-1, 0, 1999, 2001, 19_999, 2 ** 31 - 1].map((wish) =>
      server.connect(wish).timeoutMs
    );
    assert.deepEqual(timeouts, [2000, 2000, 2000, 2001, 19_999, 20_000]);
  });

  it("is resumed with its password, and the old connection is closed without a word", () => {
    const server = new FakeServer();
    const client = server.connect();
    client.create("/e", "", 1);
    const again = server.dial();
    again.connect(5000, { id: client.sessionId });
    assert.equal(again.sessionId, client.sessionId);
    assert.equal(again.timeoutMs, 5000);
    assert.equal(client.isClosed, true);
    assert.equal(client.take().length, 0);
    assert.equal(again.set("/e", "x"), 0);
    assert.equal(server.tree.sessions.get(client.sessionId), 10_000, "the table keeps the first");
  });

  it("is invalid with a wrong password or an unknown id, and the right holder stays", () => {
    const server = new FakeServer();
    const client = server.connect();
    for (
      const session of [
        { id: client.sessionId, password: new Uint8Array(16) },
        { id: client.sessionId, password: null },
        { id: 77n },
      ]
    ) {
      const other = server.dial();
      other.connect(5000, session);
      assert.equal(other.sessionId, 0n);
      assert.equal(other.timeoutMs, 0);
      assert.equal(other.isClosed, true);
    }
    assert.equal(client.create("/still"), 0);
  });

  it("ends with closeSession: a reply, then the end", () => {
    const server = new FakeServer();
    const client = server.connect();
    client.create("/e", "", 1);
    client.ask(OpCode.closeSession, () => {});
    const [reply] = client.replies();
    assert(reply.kind === "reply");
    assert.equal(reply.header.err, 0);
    assert.equal(client.isClosed, true);
    assert.equal(server.tree.get("/e"), undefined);
    assert.equal(server.tracker.size, 0);
    const again = server.dial();
    again.connect(5000, { id: client.sessionId });
    assert.equal(again.timeoutMs, 0);
  });

  it("gets no answers any more once it is closing", () => {
    const server = new FakeServer({ instant: false });
    const client = server.connect(4000);
    server.pass(6000);
    client.ask(OpCode.ping, () => {});
    assert.equal(client.replies().length, 0);
    server.flush();
    assert.equal(client.isClosed, true);
  });
});
