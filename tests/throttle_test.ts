// Who waits and who is turned away: limits by themselves and on a server.

import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DEFAULT_AUTH } from "../lib/auth/mod.ts";
import type { Output } from "../lib/codec/output.ts";
import * as records from "../lib/records/client.ts";
import { defaultServerOptions } from "../lib/server/options.ts";
import {
  ConnectionCount,
  ConnectThrottle,
  RequestThrottle,
  type ThrottleOptions,
} from "../lib/server/throttle.ts";
import { ErrorCode as E, OpCode } from "../lib/txn/opcodes.ts";
import { FakeClient, FakeServer, OPEN } from "./support/fake_server.ts";

const DEFAULTS = defaultServerOptions(DEFAULT_AUTH).throttle;
const options = (some: Partial<ThrottleOptions>): ThrottleOptions => ({ ...DEFAULTS, ...some });
/** Draws that a test decides. */
const drawing = (draws: number[]) => ({
  below: (limit: number) => Math.floor((draws.shift() ?? 0) * limit),
  bytes: (size: number) => new Uint8Array(size),
});

describe("connections", () => {
  it("are counted by address and in all", () => {
    const count = new ConnectionCount(options({ maxClientCnxns: 2, maxCnxns: 3 }));
    assert.deepEqual(["a", "a", "a", "b", "c"].map((host) => count.enter(host)), [
      true,
      true,
      false,
      true,
      false,
    ]);
    count.leave("a");
    assert.equal(count.enter("c"), true);
    assert.equal(count.total, 3);
  });

  it("beyond the limit are closed at once, and one that ends makes room", () => {
    const server = new FakeServer({ server: { throttle: options({ maxClientCnxns: 2 }) } });
    const [a, b, c] = [server.dial(), server.dial(), server.dial()];
    assert.deepEqual([a, b, c].map((client) => client.isClosed), [false, false, true]);
    assert.equal(server.dial("10.0.0.9").isClosed, false);
    a.close();
    assert.equal(server.dial().isClosed, false);
  });
});

describe("the token bucket", () => {
  it("lets everybody in when it is off", () => {
    const throttle = new ConnectThrottle(DEFAULTS, drawing([]), 0);
    for (let i = 0; i < 100; i++) assert.equal(throttle.admits("global", 0), true);
  });

  it("runs dry and fills with time, never above its size", () => {
    const throttle = new ConnectThrottle(
      options({ tokens: 2, tokenFillMs: 10, tokenFillCount: 1 }),
      drawing([]),
      0,
    );
    const at = (now: number) => throttle.admits("global", now);
    assert.deepEqual([at(0), at(0), at(0)], [true, true, false]);
    assert.equal(throttle.deficit, 2);
    assert.deepEqual([at(10), at(11), at(11)], [false, true, false]);
    assert.deepEqual([at(1000), at(1000), at(1000)], [true, true, false]);
  });

  it("weighs sessions by kind", () => {
    const throttle = new ConnectThrottle(
      options({ tokens: 2, weightsEnabled: true }),
      drawing([]),
      0,
    );
    const kinds = ["global", "renew", "local", "local"] as const;
    assert.deepEqual(kinds.map((kind) => throttle.admits(kind, 0)), [true, true, true, false]);
  });

  it("drops early with a chance that grows while it is dry and falls when it is full", () => {
    const throttle = new ConnectThrottle(
      options({
        tokens: 1,
        tokenFillMs: 1_000_000,
        freezeMs: 10,
        dropIncrease: 0.5,
        dropDecrease: 0.25,
      }),
      drawing([0.4, 0.2, 0.6]),
      0,
    );
    assert.equal(throttle.admits("global", 0), true);
    assert.equal(throttle.admits("global", 11), false);
    assert.equal(throttle.dropChance, 0.5);
    assert.equal(throttle.admits("global", 3_000_000), false, "dropped though there is a token");
    assert.equal(throttle.dropChance, 0.25);
    assert.equal(throttle.admits("global", 3_000_001), true, "drawn above the chance");
  });

  it("closes a connect request without a response", () => {
    const throttle = options({ tokens: 1, tokenFillMs: 1000 });
    const server = new FakeServer({ server: { throttle } });
    const [a, b] = [server.connect(), server.dial()];
    b.connect(5000);
    assert.equal(a.isClosed, false);
    assert.equal(b.isClosed, true);
    assert.equal(b.sessionId, 0n);
    server.mono += 2000;
    assert.notEqual(server.connect().sessionId, 0n);
  });
});

describe("requests", () => {
  const writeCreate = (path: string) => (out: Output) =>
    records.writeCreateRequest(out, { path, data: null, acl: OPEN, flags: 0 });

  it("beyond the outstanding limit stop connections that have some unanswered", () => {
    const throttle = new RequestThrottle(options({ outstandingLimit: 2 }));
    for (let i = 0; i < 3; i++) throttle.entered(10);
    assert.equal(throttle.holds(0), false);
    assert.equal(throttle.holds(1), true);
    throttle.left(10);
    assert.equal(throttle.holds(1), false);
  });

  it("are read on when those before them are answered", () => {
    const server = new FakeServer({
      instant: false,
      server: { throttle: options({ outstandingLimit: 2 }) },
    });
    const client = server.connect();
    for (let i = 1; i <= 10; i++) {
      client.raw(FakeClient.frame(i, OpCode.create, writeCreate(`/n${i}`)));
    }
    assert.equal(client.isHeld, true);
    assert.equal(server.log.filter(({ header }) => header.type === OpCode.create).length, 3);
    for (let i = 0; i < 5; i++) server.flush();
    assert.equal(client.isHeld, false);
    assert.equal(server.tree.get("/n10") !== undefined, true);
    assert.equal(server.server.core.requests.inProcess, 0);
  });

  it("that waited too long in the throttle are answered -127 and not done", () => {
    const server = new FakeServer({
      instant: false,
      server: { throttle: options({ maxRequests: 1, throttledOpWaitMs: 100 }) },
    });
    const client = server.connect();
    client.ask(OpCode.create, writeCreate("/a"));
    client.ask(OpCode.create, writeCreate("/late"));
    client.ask(OpCode.ping, () => {}, -2);
    assert.equal(client.isHeld, true);
    server.mono += 500;
    server.flush();
    const errors = client.replies().map((reply) => reply.header.err);
    assert.deepEqual(errors, [0, E.THROTTLEDOP, 0]);
    assert.equal(server.tree.get("/late"), undefined);
  });

  it("wait in the throttle from when they came, however often others are let through", () => {
    const server = new FakeServer({
      instant: false,
      server: { throttle: options({ maxRequests: 1, throttledOpWaitMs: 100 }) },
    });
    const client = server.connect();
    const frames = ["/a", "/b", "/c", "/d"].map((path, i) =>
      FakeClient.frame(1 + i, OpCode.create, writeCreate(path))
    );
    client.raw(new Uint8Array(Buffer.concat(frames)));
    for (let i = 0; i < 4; i++) {
      server.mono += 60;
      server.flush();
    }
    const made = ["/a", "/b", "/c", "/d"].map((path) => server.tree.get(path) !== undefined);
    assert.deepEqual(made, [true, true, false, false]);
    client.raw(FakeClient.frame(9, OpCode.create, writeCreate("/e")));
    server.flush();
    assert.notEqual(server.tree.get("/e"), undefined, "what comes later has not waited");
  });

  it("that the limit of outstanding ones kept unread were in no throttle", () => {
    const server = new FakeServer({
      instant: false,
      server: { throttle: options({ outstandingLimit: 1, throttledOpWaitMs: 100 }) },
    });
    const client = server.connect();
    for (const path of ["/a", "/b", "/c"]) client.ask(OpCode.create, writeCreate(path));
    assert.equal(client.isHeld, true);
    server.mono += 500;
    for (let i = 0; i < 3; i++) server.flush();
    assert.deepEqual(client.replies().map((reply) => reply.header.err), [0, 0, 0]);
  });

  it("that come long after a throttle are done, though its client then took no replies", () => {
    const server = new FakeServer({
      instant: false,
      server: { throttle: options({ maxRequests: 1, throttledOpWaitMs: 2000 }) },
    });
    const client = server.connect();
    const data = new Uint8Array(900_000);
    client.ask(
      OpCode.create,
      (out) => records.writeCreateRequest(out, { path: "/big", data, acl: OPEN, flags: 0 }),
    );
    assert.equal(client.isHeld, true);
    const reads = Array.from(
      { length: 10 },
      (_, i) =>
        FakeClient.frame(100 + i, OpCode.getData, (out) => {
          out.ustring("/big");
          out.boolean(false);
        }),
    );
    client.raw(new Uint8Array(Buffer.concat(reads))); // nine megabytes of replies: it is clogged
    for (let i = 0; i < 4; i++) server.flush();
    assert.equal(client.isHeld, false);
    client.take();
    server.pass(5000);
    client.raw(FakeClient.frame(200, OpCode.create, writeCreate("/after")));
    server.flush();
    assert.notEqual(server.tree.get("/after"), undefined);
  });

  it("that are large share a budget, and one too many costs its connection", () => {
    const server = new FakeServer({
      instant: false,
      server: { throttle: options({ largeRequestThreshold: 1000, largeRequestMaxBytes: 5000 }) },
    });
    const client = server.connect();
    const large = (xid: number, path: string) =>
      FakeClient.frame(xid, OpCode.create, (out) =>
        records.writeCreateRequest(out, {
          path,
          data: new Uint8Array(3000),
          acl: OPEN,
          flags: 0,
        }));
    client.raw(large(1, "/a"));
    server.flush();
    client.raw(large(2, "/b"));
    assert.equal(client.isClosed, false);
    client.raw(large(3, "/c"));
    assert.equal(client.isClosed, true);
    server.flush();
    assert.notEqual(server.tree.get("/b"), undefined);
    assert.equal(server.tree.get("/c"), undefined);
    assert.equal(server.server.core.requests.inProcess, 0);
  });
});
