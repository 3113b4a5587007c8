// Clients that ask for more than they take, behind writes of their own: what waits stays within
// bounds, in its order, and sees the tree as it was when its turn came.

import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DEFAULT_AUTH } from "../lib/auth/mod.ts";
import type { Output } from "../lib/codec/output.ts";
import * as records from "../lib/records/client.ts";
import { defaultServerOptions } from "../lib/server/options.ts";
import { ErrorCode as E, OpCode } from "../lib/txn/opcodes.ts";
import { MULTI_END } from "../lib/wire/multi.ts";
import { FakeClient, type FakeOptions, FakeServer, OPEN } from "./support/fake_server.ts";

const BIG = 1 << 19;
/** More than a server writes for a client that does not read, and one more node. */
const PORTION_MAX = (4 << 20) + 2 * BIG;

const writeCreate = (path: string, data: Uint8Array | null = null) => (out: Output) =>
  records.writeCreateRequest(out, { path, data, acl: OPEN, flags: 0 });
const writePath = (path: string) => (out: Output) => {
  out.ustring(path);
  out.boolean(false);
};
const create = (xid: number, path: string): Uint8Array =>
  FakeClient.frame(xid, OpCode.create, writeCreate(path));
const getBig = (from: number, count: number): Uint8Array[] =>
  Array.from(
    { length: count },
    (_, i) => FakeClient.frame(from + i, OpCode.getData, writePath("/big")),
  );

/** A client whose writes wait for the test, and a node of half a megabyte. */
function withBig(options: FakeOptions = {}): { server: FakeServer; client: FakeClient } {
  const server = new FakeServer({ ...options, instant: false });
  const client = server.connect();
  client.raw(FakeClient.frame(1, OpCode.create, writeCreate("/big", new Uint8Array(BIG))));
  server.flush();
  client.take();
  return { server, client };
}

/** Takes what there is: bytes, and "xid err" of each reply. */
function taken(client: FakeClient): { size: number; headers: string[] } {
  const bytes = Buffer.from(client.take());
  const headers: string[] = [];
  for (let at = 0; at < bytes.length; at += 4 + bytes.readInt32BE(at)) {
    headers.push(`${bytes.readInt32BE(at + 4)} ${bytes.readInt32BE(at + 16)}`);
  }
  return { size: bytes.length, headers };
}

/** The socket says that it has room. */
function drained(client: FakeClient): void {
  if (client.conn !== null) client.home.server.drained(client.conn);
  client.home.server.flushTurn();
}

const okay = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${from + i} 0`);

describe("reads behind a write", () => {
  it("are answered in portions, each when the last one has left", () => {
    const { server, client } = withBig();
    client.queued = 2 << 20; // the socket says when it has room
    client.raw(new Uint8Array(Buffer.concat([create(2, "/a"), ...getBig(3, 60)])));
    server.flush();
    const all: string[] = [];
    for (let portions = 0; all.length < 61; portions++) {
      assert.ok(portions < 61, "it is stuck");
      const { size, headers } = taken(client);
      assert.ok(size > 0 && size < PORTION_MAX, `${size} bytes in one turn`);
      all.push(...headers);
      server.flush();
      assert.equal(taken(client).size, 0, "nothing has left");
      drained(client);
    }
    assert.deepEqual(all, okay(2, 61));
    assert.equal(client.isHeld, false);
    assert.equal(server.server.core.requests.inProcess, 0);
  });

  it("go on though the connection was stopped for what they are many", () => {
    const throttle = { ...defaultServerOptions(DEFAULT_AUTH).throttle, outstandingLimit: 5 };
    const { server, client } = withBig({ server: { throttle } });
    client.queued = 2 << 20;
    client.raw(create(2, "/a"));
    for (const frame of getBig(3, 40)) client.raw(frame);
    server.flush();
    const all: string[] = [];
    for (let turns = 0; all.length < 41; turns++) {
      assert.ok(turns < 41, "it is stuck");
      all.push(...taken(client).headers);
      drained(client);
    }
    assert.deepEqual(all, okay(2, 41));
    assert.equal(client.isHeld, false);
  });

  it("do not see the write behind them, though their client is slow", () => {
    const { server, client } = withBig();
    client.queued = 2 << 20;
    client.raw(
      new Uint8Array(Buffer.concat([
        create(2, "/a"),
        ...getBig(3, 20),
        FakeClient.frame(23, OpCode.exists, writePath("/b")),
        create(24, "/b"),
        FakeClient.frame(25, OpCode.exists, writePath("/b")),
      ])),
    );
    server.standalone.durable(server.log[server.log.length - 2].header.zxid); // only the first
    server.server.flushTurn();
    assert.equal(server.tree.get("/b"), undefined);
    const { headers } = taken(client);
    assert.ok(headers.length < 20, "the rest waits");
    server.flush();
    headers.push(...taken(client).headers);
    drained(client);
    headers.push(...taken(client).headers);
    assert.deepEqual(headers, [...okay(2, 21), `23 ${E.NONODE}`, "24 0", "25 0"]);
  });

  it("cost the connection when more than is reasonable must be answered before a write", () => {
    const { server, client } = withBig();
    client.queued = 2 << 20;
    client.raw(
      new Uint8Array(Buffer.concat([create(2, "/a"), ...getBig(3, 200), create(203, "/b")])),
    );
    server.flush();
    assert.equal(client.isClosed, true);
    assert.ok(taken(client).size < (64 << 20) + PORTION_MAX);
    assert.notEqual(server.tree.get("/b"), undefined, "it was on its way already");
    assert.equal(server.server.core.requests.inProcess, 0);
  });
});

describe("reads that walk very many nodes", () => {
  it("before a write cost the connection when they would hold up everybody", () => {
    for (const [count, isClosed] of [[500, false], [900, true]] as const) {
      const server = new FakeServer({ instant: false });
      const client = server.connect();
      client.raw(create(1, "/a"));
      for (let i = 0; i < 6000; i++) client.raw(create(2, `/a/${i}`));
      for (let i = 0; i < 20; i++) server.flush();
      client.take();
      const count6000 = FakeClient.frame(3, OpCode.getAllChildrenNumber, (o) => o.ustring("/a"));
      const counts = Array.from({ length: count }, () => count6000);
      client.raw(new Uint8Array(Buffer.concat([create(4, "/b"), ...counts, create(5, "/c")])));
      server.flush();
      assert.equal(client.isClosed, isClosed);
      assert.notEqual(server.tree.get("/c"), undefined);
      if (!isClosed) assert.equal(taken(client).headers.length, count + 2);
      assert.equal(server.server.core.requests.inProcess, 0);
    }
  });
});

describe("events", () => {
  const path = `/${"x".repeat(900_000)}`;
  /** A client that watches everything and takes nothing, and events for it of so many megabytes. */
  function withEvents(megabytes: number): FakeClient {
    const server = new FakeServer();
    const [watcher, writer] = [server.connect(), server.connect()];
    watcher.ask(
      OpCode.addWatch,
      (out) => records.writeAddWatchRequest(out, { path: "/", mode: 1 }),
    );
    watcher.queued = 500 << 20; // a very long reply may be on its way
    for (let done = 0; done < megabytes; done += 1.8) {
      writer.ask(OpCode.create, writeCreate(path));
      writer.ask(OpCode.delete, (out) => records.writeDeleteRequest(out, { path, version: -1 }));
      writer.take();
    }
    return watcher;
  }

  it("that a client does not take cost it the connection when they are very many", () => {
    assert.equal(withEvents(75).isClosed, true);
  });

  it("of some amount are sent behind a long reply, and its client stays", () => {
    const watcher = withEvents(50);
    assert.equal(watcher.isClosed, false);
    assert.ok(watcher.take().length > 45e6);
  });
});

describe("requests with an xid of 0", () => {
  it("stop their connection beyond the outstanding limit like any others", () => {
    const throttle = { ...defaultServerOptions(DEFAULT_AUTH).throttle, outstandingLimit: 2 };
    const { server, client } = withBig({ server: { throttle } });
    const before = server.log.length;
    for (let i = 0; i < 10; i++) client.raw(create(0, `/n${i}`));
    assert.equal(client.isHeld, true);
    assert.equal(server.log.length - before, 3);
    for (let i = 0; i < 5; i++) server.flush();
    assert.equal(client.isHeld, false);
    assert.notEqual(server.tree.get("/n9"), undefined);
  });
});

describe("a multiRead", () => {
  const ask = (client: FakeClient, count: number): void =>
    client.raw(FakeClient.frame(7, OpCode.multiRead, (out) => {
      for (let i = 0; i < count; i++) {
        records.writeMultiHeader(out, { type: OpCode.getData, done: false, err: -1 });
        writePath("/big")(out);
      }
      records.writeMultiHeader(out, MULTI_END);
    }));

  it("of more than an answer may hold is refused with -5 and nothing else", () => {
    const { client, server } = withBig();
    ask(client, 1000);
    assert.deepEqual(taken(client), { size: 20, headers: [`7 ${E.MARSHALLINGERROR}`] });
    assert.match(server.notes.join(), /more than one answer may hold/);
    assert.equal(client.isClosed, false);
  });

  it("of much is answered", () => {
    const { client } = withBig();
    ask(client, 100);
    const { size, headers } = taken(client);
    assert.ok(size > 100 * BIG);
    assert.deepEqual(headers, ["7 0"]);
  });
});
