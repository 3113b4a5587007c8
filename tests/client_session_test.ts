// Our client's session as a machine: what is told again on the next link, how long a server that
// does not greet is waited for, how it ends. Bytes in, bytes out, no sockets.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ClientSession, SESSION_DEFAULTS, type SessionState } from "../lib/client/session.ts";
import { Input } from "../lib/codec/input.ts";
import type { Output } from "../lib/codec/output.ts";
import {
  readAuthPacket,
  readRequestHeader,
  readSetWatches,
  readSetWatches2,
  writeReplyHeader,
} from "../lib/records/client.ts";
import { ErrorCode, OpCode, Xid } from "../lib/txn/opcodes.ts";
import { readConnectRequest, writeConnectResponse } from "../lib/wire/client.ts";
import { CLIENT_FRAME_MAX, FrameSplitter } from "../lib/wire/frames.ts";
import { bytesOf } from "./support/hostile.ts";

const NOW = { mono: 1000, wall: 0 };
const frame = (write: (out: Output) => void): Uint8Array =>
  bytesOf((out) => {
    const at = out.reserve();
    write(out);
    out.patchLength(at);
  });
const reply = (xid: number, err: number): Uint8Array =>
  frame((out) => writeReplyHeader(out, { xid, zxid: 0n, err }));

class World {
  readonly states: SessionState[] = [];
  readonly session: ClientSession;

  constructor(servers = 1) {
    this.session = new ClientSession({
      event: () => {},
      state: (state) => void this.states.push(state),
      authFailed: () => {},
    }, { ...SESSION_DEFAULTS, timeoutMs: 9000, servers });
  }

  /** A link that greets; the session that was asked for. */
  link(readOnly = false): bigint {
    this.session.linked(NOW);
    const [asked] = this.said();
    const passwd = new Uint8Array(16);
    const response = { protocolVersion: 0, timeOut: 9000, sessionId: 7n, passwd };
    this.session.bytes(frame((out) => writeConnectResponse(out, response, readOnly)), NOW);
    return readConnectRequest(asked).request.sessionId;
  }

  /** Requests written since the last look. A server takes no frame above its limit. */
  said(): Input[] {
    const frames = new FrameSplitter(CLIENT_FRAME_MAX);
    frames.push(this.session.take() ?? new Uint8Array(0));
    const all: Input[] = [];
    for (let next = frames.next(); next !== null; next = frames.next()) all.push(new Input(next));
    return all;
  }
}

it("loses every request of a link on which replies come out of order", () => {
  const world = new World();
  world.link();
  const ends: [number, boolean][] = [];
  for (const turn of [1, 2]) {
    world.session.request(OpCode.ping, null, ({ lost }) => ends.push([turn, lost]), NOW);
  }
  assert.throws(() => world.session.bytes(reply(2, 0), NOW), /a reply to xid 2, but 1 is next/);
  world.session.unlinked();
  assert.deepEqual(ends, [[1, true], [2, true]]);
});

it("is known and has its watches again before whoever hears of the link can ask", () => {
  const session: ClientSession = new ClientSession({
    event: () => {},
    state: (state) => {
      if (state === "connected") session.request(OpCode.whoAmI, null, () => {}, NOW);
    },
    authFailed: () => {},
  });
  const asked: number[] = [];
  for (let turn = 0; turn < 2; turn++) {
    session.linked(NOW);
    session.take();
    const passwd = new Uint8Array(16);
    const response = { protocolVersion: 0, timeOut: 9000, sessionId: 7n, passwd };
    session.bytes(frame((out) => writeConnectResponse(out, response, false)), NOW);
    if (turn === 0) {
      session.auth("digest", new Uint8Array(1), () => {}, NOW);
      session.arm("data", "/watched");
    } else {
      const frames = new FrameSplitter(CLIENT_FRAME_MAX);
      frames.push(session.take() ?? new Uint8Array(0));
      for (let next = frames.next(); next !== null; next = frames.next()) {
        asked.push(readRequestHeader(new Input(next)).type);
      }
    }
    session.unlinked();
  }
  assert.deepEqual(asked, [OpCode.auth, OpCode.setWatches, OpCode.whoAmI]);
});

it("sends nothing of a request that cannot be written, and tells none of it again", () => {
  const world = new World();
  world.link();
  const ends: number[] = [];
  const ask = (write: (out: Output) => void): void =>
    world.session.request(OpCode.sync, write, ({ err }) => ends.push(err), NOW);
  const halfway = (out: Output): void => {
    out.ustring("/a");
    throw new TypeError("no path");
  };
  ask((out) => out.ustring("/b"));
  assert.throws(() => ask(halfway), TypeError);
  const nothing = undefined as unknown as Uint8Array; // as a program without types may say
  assert.throws(() => world.session.auth("digest", nothing, () => {}, NOW), TypeError);
  ask((out) => out.ustring("/c"));
  const said = world.said().map((input) => {
    const { xid } = readRequestHeader(input);
    world.session.bytes(reply(xid, 0), NOW);
    return input.ustring();
  });
  assert.deepEqual(said, ["/b", "/c"]);
  assert.deepEqual(ends, [0, 0]);
  world.session.unlinked();
  world.link();
  assert.equal(world.said().length, 0);
});

it("a session of a read-only server is asked for nowhere else, one of any other server is", () => {
  const world = new World();
  const asked = [true, true, false, true].map((readOnly) => {
    const id = world.link(readOnly);
    world.session.unlinked();
    return id;
  });
  assert.deepEqual(asked, [0n, 0n, 0n, 7n]);
});

describe("on its next link a session", () => {
  it("tells its auth again, but none that was refused", () => {
    const world = new World();
    world.link();
    const errors: number[] = [];
    for (const [scheme, err] of [["digest", 0], ["none", ErrorCode.AUTHFAILED]] as const) {
      world.session.auth(scheme, new Uint8Array(1), ({ err }) => errors.push(err), NOW);
      world.session.bytes(reply(Xid.auth, err), NOW);
    }
    assert.deepEqual(errors, [0, ErrorCode.AUTHFAILED]);
    world.said();
    world.session.unlinked();
    world.link();
    const schemes = world.said().map((input) => {
      assert.equal(readRequestHeader(input).type, OpCode.auth);
      return readAuthPacket(input).scheme;
    });
    assert.deepEqual(schemes, ["digest"]);
  });

  it("tells very many watches in frames that a server takes", () => {
    const world = new World();
    world.link();
    const path = (i: number) => `/${"x".repeat(60)}-${i}`;
    for (let i = 0; i < 20_000; i++) world.session.arm("exist", path(i));
    world.session.arm("data", "");
    world.session.arm("persistentRecursive", "/r");
    world.session.lastZxid = 5n;
    world.session.unlinked();
    world.link();
    const told: (string | null)[] = [];
    for (const input of world.said()) {
      const { xid, type } = readRequestHeader(input);
      assert.equal(xid, Xid.setWatches);
      const lists = type === OpCode.setWatches2
        ? readSetWatches2(input)
        : { ...readSetWatches(input), persistentWatches: [], persistentRecursiveWatches: [] };
      assert.equal(lists.relativeZxid, 5n);
      told.push(...lists.dataWatches ?? [], ...lists.existWatches ?? []);
      told.push(...lists.persistentRecursiveWatches ?? []);
      world.session.bytes(reply(xid, 0), NOW);
    }
    assert.equal(told.length, 20_002);
    assert.deepEqual([told[0], told[1], told.at(-1)], ["", path(0), "/r"]);
    assert.equal(world.session.pending, 0);
  });
});

it("a server that does not greet has its share of the session's time, no more", () => {
  for (const [servers, share] of [[1, 9000], [3, 3000]]) {
    const { session } = new World(servers);
    session.linked(NOW);
    assert.equal(session.deadline, NOW.mono + share);
    assert.equal(session.tick({ mono: NOW.mono + share - 1, wall: 0 }), true);
    assert.equal(session.tick({ mono: NOW.mono + share, wall: 0 }), false);
  }
});

it("a session whose link breaks while it is closed ends as closed", () => {
  const world = new World();
  world.link();
  let isDone = false;
  world.session.close(() => (isDone = true), NOW);
  world.session.unlinked();
  assert.equal(isDone, true);
  assert.deepEqual(world.states, ["connecting", "connected", "closed"]);
});
