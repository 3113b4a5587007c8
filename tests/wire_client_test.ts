// The client port: both connect forms, the body of every op both ways, multi, watch events, what
// may follow an error, four-letter words.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Fault } from "../lib/base/errors.ts";
import { Input } from "../lib/codec/input.ts";
import { Output } from "../lib/codec/output.ts";
import { OpCode, opName } from "../lib/txn/opcodes.ts";
import * as bodies from "../lib/wire/bodies.ts";
import * as client from "../lib/wire/client.ts";
import { generate, Seeded } from "./support/generate.ts";
import { fromHex, toHex } from "./support/golden.ts";

const isFault = (code: string, text = "") => (error: unknown) =>
  error instanceof Fault && error.code === code && error.message.includes(text);

const written = (write: (out: Output) => void): Uint8Array => {
  const out = new Output();
  write(out);
  return out.take();
};

const passwd = new Uint8Array(16);

describe("connect records", () => {
  const request = { protocolVersion: 0, lastZxidSeen: 0n, timeOut: 8000, sessionId: 0n, passwd };
  const response = { protocolVersion: 0, timeOut: 8000, sessionId: 5n, passwd };

  it("have 44 and 36 bytes without the flag, one more with it", () => {
    for (const readOnly of [null, true, false]) {
      const asked = written((out) => client.writeConnectRequest(out, request, readOnly));
      const told = written((out) => client.writeConnectResponse(out, response, readOnly));
      assert.equal(asked.length, readOnly === null ? 44 : 45);
      assert.equal(told.length, readOnly === null ? 36 : 37);
      assert.deepEqual(client.readConnectRequest(new Input(asked)), { request, readOnly });
      assert.deepEqual(client.readConnectResponse(new Input(told)), { response, readOnly });
    }
  });

  it("take any password of a new session, null and empty too", () => {
    for (const each of [null, new Uint8Array(0), new Uint8Array(3)]) {
      const asked = { ...request, passwd: each };
      const bytes = written((out) => client.writeConnectRequest(out, asked, true));
      assert.deepEqual(client.readConnectRequest(new Input(bytes)).request.passwd, each);
    }
  });
});

describe("bodies", () => {
  it("of every op come back, as requests and as replies", () => {
    const random = new Seeded(3);
    for (
      const [table, isRequest] of [[bodies.REQUESTS, true], [bodies.RESPONSES, false]] as const
    ) {
      for (const op of Object.keys(table).map(Number)) {
        const codec = isRequest ? bodies.requestCodec(op) : bodies.responseCodec(op);
        assert.ok(codec !== null);
        for (let round = 0; round < 20; round++) {
          const record = generate(codec.shape, random);
          const bytes = written((out) => {
            out.int(1);
            if (isRequest) out.int(op);
            else {
              out.long(9n);
              out.int(0);
            }
            codec.write(out, record);
          });
          const body = isRequest ? client.parseRequest(bytes).body : bodyOf(bytes, op);
          assert.deepEqual(body, { kind: "record", codec, record }, opName(op));
          const again = written((out) =>
            isRequest
              ? client.writeRequest(out, client.parseRequest(bytes))
              : client.writeReply(out, client.parseReply(bytes, op))
          );
          assert.equal(toHex(again), toHex(bytes));
        }
      }
    }
  });

  it("are absent where an op has none", () => {
    const none = (op: number) =>
      client.parseRequest(written((out) => {
        out.int(1);
        out.int(op);
      })).body;
    for (const op of [OpCode.ping, OpCode.closeSession, OpCode.whoAmI]) {
      assert.deepEqual(none(op), { kind: "none" });
    }
    const reply = fromHex("00000001000000000000006400000000");
    for (const op of [OpCode.delete, OpCode.ping, OpCode.setWatches, OpCode.removeWatches, 99]) {
      assert.deepEqual(bodyOf(reply, op), { kind: "none" });
    }
  });

  it("of an unknown op keep their bytes", () => {
    const request = client.parseRequest(fromHex("00000001 00000063 aabb"));
    assert.deepEqual(request.body, { kind: "raw", bytes: fromHex("aabb") });
  });

  it("of deleteContainer are a record since 3.9 and bare text before", () => {
    const body = (hex: string) => client.readRequestBody(new Input(fromHex(hex)), 20);
    assert.equal(body("000000022f63").kind, "record");
    assert.deepEqual(body("2f636f6e"), { kind: "raw", bytes: fromHex("2f636f6e") });
    assert.deepEqual(body("2f63"), { kind: "raw", bytes: fromHex("2f63") });
  });

  it("leave bytes behind them aside, for every reader ignores them", () => {
    const request = client.parseRequest(fromHex("00000001 00000009 00000002 2f61 aabb"));
    assert.equal(toHex(request.tail), "aabb");
    assert.equal(
      toHex(written((out) => client.writeRequest(out, request))),
      "0000000100000009000000022f61aabb",
    );
  });

  it("are written by op with the record its type asks for", () => {
    const bytes = written((out) =>
      client.writeRequestOf(out, 7, OpCode.exists, { path: "/a", watch: true })
    );
    assert.equal(toHex(bytes), "0000000700000003000000022f6101");
    assert.deepEqual(client.readRequestRecord(new Input(bytes, 8), OpCode.exists), {
      path: "/a",
      watch: true,
    });
  });

  it("behind an error are the refused token, parts of a multiRead, or raw", () => {
    const body = (op: number, hex: string) =>
      bodyOf(fromHex(`00000001 0000000000000064 ffffff8d ${hex}`), op);
    assert.equal(body(OpCode.sasl, "ffffffff").kind, "record");
    assert.equal(body(OpCode.multiRead, "ffffffff01ffffffff").kind, "multi");
    assert.deepEqual(body(OpCode.multiRead, "ff"), { kind: "raw", bytes: fromHex("ff") });
    assert.deepEqual(body(OpCode.getData, "ff"), { kind: "raw", bytes: fromHex("ff") });
    assert.deepEqual(body(OpCode.getData, ""), { kind: "none" });
  });
});

function bodyOf(frame: Uint8Array, op: number): client.ResponseBody {
  const reply = client.parseReply(frame, op);
  assert.ok(reply.kind === "reply");
  return reply.body;
}

describe("multi", () => {
  const create = { path: "/a", data: fromHex("01"), acl: null, flags: 0 };
  const request: client.MultiPart[] = [
    { kind: "create", header: client.partHeader(1), record: create },
    { kind: "create", header: client.partHeader(15), record: create },
    { kind: "create", header: client.partHeader(19), record: create },
    { kind: "createTTL", header: client.partHeader(21), record: { ...create, ttl: 5n } },
    { kind: "delete", header: client.partHeader(2), record: { path: "/a", version: -1 } },
    {
      kind: "setData",
      header: client.partHeader(5),
      record: { path: "/a", data: null, version: 1 },
    },
    { kind: "check", header: client.partHeader(13), record: { path: "/a", version: 1 } },
    { kind: "getData", header: client.partHeader(4), record: { path: "/a", watch: false } },
    { kind: "getChildren", header: client.partHeader(8), record: { path: "/a", watch: true } },
  ];

  it("asks with every kind of part", () => {
    for (const parts of [request, []]) {
      const bytes = written((out) => client.writeMultiRequest(out, parts));
      const read = client.readMultiRequest(new Input(bytes));
      assert.deepEqual(read, { parts, end: { type: -1, done: true, err: -1 } });
      for (let end = 0; end < bytes.length; end++) {
        const cut = new Input(bytes, 0, end);
        assert.throws(() => client.readMultiRequest(cut), isFault("SHORT"), `after ${end}`);
      }
    }
  });

  it("is refused whole for a part that it may not have", () => {
    for (const type of [0, 3, 7, 14, 20, -1, -11, 99]) {
      const bytes = written((out) => {
        client.writeMultiRequest(out, request.slice(0, 1), client.partHeader(type));
        client.writeMultiRequest(out, []);
      });
      assert.throws(
        () => client.readMultiRequest(new Input(bytes)),
        isFault("UNKNOWN_TYPE", `${opName(type)} (multi request, part 1)`),
      );
    }
  });

  it("answers a refused one with an error per part", () => {
    const failed = (err: number): client.MultiResult => ({
      kind: "error",
      header: { type: -1, done: false, err },
      record: { err },
    });
    const results = [failed(0), failed(-103), failed(-2)];
    assert.equal(
      toHex(written((out) => client.writeMultiResponse(out, results))),
      "ffffffff000000000000000000ffffffff00ffffff99ffffff99ffffffff00fffffffefffffffe" +
        "ffffffff01ffffffff",
    );
    const bytes = written((out) => client.writeMultiResponse(out, results));
    assert.deepEqual(client.readMultiResponse(new Input(bytes)).parts, results);
  });

  it("answers with every kind of result", () => {
    const random = new Seeded(4);
    const kinds = [
      [1, "create"],
      [15, "create2"],
      [2, "delete"],
      [5, "setData"],
      [13, "check"],
      [
        4,
        "getData",
      ],
      [8, "getChildren"],
      [-1, "error"],
    ] as const;
    const bytes = written((out) => {
      for (const [type] of kinds) {
        out.int(type);
        out.boolean(false);
        out.int(0);
        const name = type === -1 ? OpCode.addWatch : type; // its record is an error code too
        const codec = type === 2 || type === 13 ? null : bodies.responseCodec(name);
        codec?.write(out, generate(codec.shape, random));
      }
      client.writeMultiResponse(out, []);
    });
    const { parts } = client.readMultiResponse(new Input(bytes));
    assert.deepEqual(parts.map((part) => part.kind), kinds.map(([, kind]) => kind));
    assert.equal(toHex(written((out) => client.writeMultiResponse(out, parts))), toHex(bytes));
  });
});

describe("events and words", () => {
  it("tell a watch event by its xid, whatever was asked", () => {
    const bytes = written((out) => client.writeWatchEvent(out, 0x64n, 3, "/w"));
    assert.equal(toHex(bytes), "ffffffff00000000000000640000000000000003000000030000000" + "22f77");
    const reply = client.parseReply(bytes, OpCode.getData);
    assert.ok(reply.kind === "event");
    assert.deepEqual(reply.event, { type: 3, state: 3, path: "/w" });
  });

  it("know every word of every release, and no name of an admin page", () => {
    assert.equal(client.FOUR_LETTER_WORDS.length, 18);
    for (const word of ["ruok", "stmk", "hash", "dirs"]) {
      assert.equal(client.isFourLetterWord(word), true);
    }
    for (const word of ["lead", "icfg", "sync", "abcd", null]) {
      assert.equal(client.isFourLetterWord(word), false);
    }
  });
});
