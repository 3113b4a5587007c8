// Cursors, text, JSON, dissector and measure on their own: what no record's law shows.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Fault, type FaultCode } from "../lib/base/errors.ts";
import { dissect, type Layout } from "../lib/codec/dissect.ts";
import { decodeText, Input } from "../lib/codec/input.ts";
import { fromJson, type Json, toJson } from "../lib/codec/json.ts";
import { Gauge, stepsOf } from "../lib/codec/measure.ts";
import { Output } from "../lib/codec/output.ts";
import type { FieldType, Shape } from "../lib/codec/shape.ts";
import { ByteQueue } from "../lib/wire/frames.ts";
import { fromHex, toHex } from "./support/golden.ts";

const isFault = (code: FaultCode) => (error: unknown) =>
  error instanceof Fault && error.code === code;

const units = (text: string): string =>
  Array.from({ length: text.length }, (_, i) => text.charCodeAt(i).toString(16).padStart(4, "0"))
    .join(" ");

function written(write: (out: Output) => void): string {
  const out = new Output(1);
  write(out);
  return toHex(out.take());
}

describe("text", () => {
  // client.md 12: bytes, and the UTF-16 units that Java makes of them.
  const rows = [
    ["c0af", "fffd fffd"],
    ["e08080", "fffd fffd fffd"],
    ["e282", "fffd"],
    ["f08080", "fffd fffd fffd"],
    ["f09f98", "fffd"],
    ["f4908080", "fffd fffd fffd fffd"],
    ["eda080", "fffd"],
    ["eda0bdedb880", "fffd fffd"],
    ["eda0", "fffd"],
    ["eda041", "fffd 0041"],
    ["ed", "fffd"],
    ["ed9fbf", "d7ff"],
    ["ee8080", "e000"],
    ["f09f9880", "d83d de00"],
    ["00", "0000"],
    ["efbfbf", "ffff"],
    ["80", "fffd"],
    ["f8888080", "fffd fffd fffd fffd"],
  ];
  it("decodes as Java decodes it, well-formed or not", () => {
    for (const [hex, expected] of rows) {
      const bytes = fromHex(hex);
      assert.equal(units(decodeText(bytes, 0, bytes.length)), expected, hex);
    }
  });

  it("decodes the same whatever stands around it, however long it is", () => {
    for (const [hex, expected] of rows) {
      for (const padding of [0, 7, 23, 30, 200]) {
        const around = "2f".repeat(padding);
        const bytes = fromHex(around + hex + around);
        const slashes = Array.from({ length: padding }, () => "002f");
        const wanted = [...slashes, ...expected.split(" "), ...slashes].join(" ");
        assert.equal(units(decodeText(bytes, 0, bytes.length)), wanted, `${hex} in ${padding}`);
      }
    }
  });

  it("goes out one UTF-16 unit at a time", () => {
    const emoji = new Input(fromHex("00000004f09f9880")).ustring();
    assert.equal(written((out) => out.ustring(emoji)), "00000006eda0bdedb880");
    assert.equal(written((out) => out.ustring("\ud800")), "00000003eda080");
    assert.equal(written((out) => out.ustring("\u0000é€")), "0000000600c3a9e282ac");
    for (const unit of ["\u0080", "\u07ff", "\u0800", "\ud800", "\udfff", "\ud83d\ude00"]) {
      for (let at = 0; at <= 60; at++) {
        const text = "x".repeat(at) + unit + "x".repeat(60 - at);
        const bytes = fromHex(written((out) => out.ustring(text)));
        const alone = written((out) => out.ustring(unit)).slice(8);
        const wanted = "78".repeat(at) + alone + "78".repeat(60 - at);
        assert.equal(toHex(bytes.subarray(4)), wanted, `${units(unit)} at ${at}`);
      }
    }
    const long = "x".repeat(70) + "\ud83d\ude00";
    assert.equal(written((out) => out.ustring(long)), `0000004c${"78".repeat(70)}eda0bdedb880`);
  });

  it("is null, empty or a Fault by its length", () => {
    assert.equal(new Input(fromHex("ffffffff")).ustring(), null);
    assert.equal(new Input(fromHex("00000000")).ustring(), "");
    assert.throws(() => new Input(fromHex("fffffffe")).ustring(), isFault("LENGTH"));
    assert.throws(() => new Input(fromHex("0000000461")).ustring(), isFault("SHORT"));
    const limited = new Input(fromHex("000000056162636465"), 0, 9, 4);
    assert.throws(() => limited.ustring(), isFault("LENGTH"));
  });
});

describe("input", () => {
  it("reads any non-zero byte as true, and bytes as signed", () => {
    assert.equal(new Input(fromHex("80")).boolean(), true);
    assert.equal(new Input(fromHex("00")).boolean(), false);
    assert.equal(new Input(fromHex("80")).byte(), -128);
  });

  it("reads -1 items as null and fewer as none", () => {
    const read = (hex: string) => new Input(fromHex(hex)).vector((input) => input.int());
    assert.equal(read("ffffffff"), null);
    assert.deepEqual(read("fffffffe"), []);
    assert.deepEqual(read("80000000"), []);
    assert.deepEqual(read("0000000100000007"), [7]);
  });

  it("ends a hostile count where bytes end", () => {
    const input = new Input(fromHex("7fffffff" + "00000001"));
    assert.throws(() => input.vector((each) => each.int()), isFault("SHORT"));
  });

  it("compares a long by its words without reading it", () => {
    const input = new Input(fromHex("0000000580000007".repeat(2)));
    assert.equal(input.longIs(5, -0x7ffffff9), true);
    assert.equal(input.longIs(5, 7), false);
    assert.equal(input.left, 0);
    assert.throws(() => new Input(fromHex("00000005")).longIs(0, 0), isFault("SHORT"));
  });

  it("gives buffers as views of its bytes", () => {
    const bytes = fromHex("00000002aabb");
    const view = new Input(bytes).buffer();
    bytes[4] = 0xcc;
    assert.equal(view?.[0], 0xcc);
  });

  it("turns to other bytes and keeps to their bounds", () => {
    const input = new Input(fromHex("00000001"));
    assert.equal(input.int(), 1);
    assert.equal(input.reset(fromHex("ffff0000000200"), 2, 6).int(), 2);
    assert.throws(() => input.byte(), isFault("SHORT"));
  });
});

describe("output", () => {
  it("reserves, patches and rewinds", () => {
    const out = new Output(1);
    const length = out.reserve();
    out.int(7);
    out.patchLength(length);
    const size = out.size;
    out.long(1n);
    out.rewind(size);
    out.words(-1, 5);
    assert.equal(toHex(out.take()), "0000000400000007ffffffff00000005");
    assert.equal(out.size, 0);
  });

  it("gives its bytes away once and starts afresh", () => {
    const out = new Output();
    out.int(1);
    const given = out.give();
    out.int(2);
    assert.equal(toHex(given), "00000001");
    assert.equal(toHex(out.view()), "00000002");
  });

  it("copies ranges, short and long", () => {
    const bytes = Uint8Array.from({ length: 300 }, (_, i) => i);
    const write = (from: number, to: number) => written((out) => out.rawRange(bytes, from, to));
    assert.equal(write(3, 6), "030405");
    assert.equal(write(1, 299), toHex(bytes.subarray(1, 299)));
  });
});

describe("JSON", () => {
  const back = (type: FieldType, json: Json) => fromJson(type, json);
  it("shows ids in hex and other longs exactly", () => {
    assert.equal(toJson("long", -1n, "zxid"), "0xffffffffffffffff");
    assert.equal(toJson("long", 0x500000007n, "zxid"), "0x500000007");
    assert.equal(toJson("long", 5n, "epoch"), 5);
    assert.equal(toJson("long", 2n ** 53n), "9007199254740992");
    assert.equal(toJson("long", -(2n ** 63n)), "-9223372036854775808");
    assert.equal(back("long", "0xffffffffffffffff"), -1n);
    assert.equal(back("long", "-9223372036854775808"), -(2n ** 63n));
  });

  it("shows tagged bytes as text only while they are", () => {
    assert.deepEqual(toJson("buffer", fromHex("2f61"), "text"), { text: "/a" });
    assert.equal(toJson("buffer", fromHex("ff"), "text"), "/w==");
    assert.equal(toJson("buffer", fromHex("2f61")), "L2E=");
    assert.deepEqual(back("buffer", { text: "/a" }), fromHex("2f61"));
  });

  it("names the field that is not what it must be", () => {
    const inner: Shape = { name: "Inner", fields: [["n", "int"]] };
    const shape: Shape = {
      name: "Outer",
      fields: [["list", { vector: inner }], ["id", "long", "zxid"], ["data", "buffer"]],
    };
    const good = { list: [{ n: 1 }], id: "0x1", data: null };
    assert.deepEqual(fromJson(shape, good), { list: [{ n: 1 }], id: 1n, data: null });
    const bad: [Json, RegExp][] = [
      [{ ...good, list: [{ n: 1.5 }] }, /^\$\.list\[0\]\.n must be an integer/],
      [{ ...good, list: [{ n: 2 ** 31 }] }, /^\$\.list\[0\]\.n must be/],
      [{ ...good, list: [null] }, /^\$\.list\[0\] must be a Inner/],
      [{ ...good, list: 5 }, /^\$\.list must be a list/],
      [{ ...good, id: "0x1ffffffffffffffff" }, /^\$\.id must be/],
      [{ ...good, id: "18446744073709551616" }, /^\$\.id must be/],
      [{ ...good, id: null }, /^\$\.id must be/],
      [{ ...good, id: 2 ** 53 }, /^\$\.id must be/],
      [{ ...good, data: "L2E" }, /^\$\.data must be base64/],
      [{ ...good, more: 1 }, /^\$\.more must be no field of Outer/],
      [{ list: null, id: 1 }, /^\$\.data must be present/],
      [[], /^\$ must be a Outer/],
    ];
    for (const [json, message] of bad) {
      assert.throws(
        () => fromJson(shape, json),
        (error) => error instanceof Fault && message.test(error.message),
        JSON.stringify(json),
      );
    }
  });
});

describe("dissector", () => {
  const layout: Layout = [
    { field: "length", type: "int", tag: "count" },
    {
      group: "packet",
      layout: [{ inside: "data", layout: [{ field: "epoch", type: "int" }] }, {
        field: "ids",
        type: { vector: "ustring" },
      }],
    },
  ];
  const show = (hex: string) =>
    dissect(fromHex(hex), layout).map(({ path, start, end }) => `${path} ${start}-${end}`);

  it("names every byte once, also those that no field reaches", () => {
    assert.deepEqual(show("00000000" + "0000000600000007aabb" + "00000001" + "0000000161" + "ff"), [
      "length 0-4",
      "packet.data.length 4-8",
      "packet.data.epoch 8-12",
      "packet.data.rest 12-14",
      "packet.ids.length 14-18",
      "packet.ids[0] 18-23",
      "rest 23-24",
    ]);
  });

  it("does not read a buffer's layout past its end", () => {
    assert.throws(() => show("00000000" + "0000000200000007aabb"), isFault("SHORT"));
    assert.throws(() => show("00000000" + "7fffffff00000007"), isFault("SHORT"));
  });

  it("takes a null buffer for one field", () => {
    assert.deepEqual(show("00000000ffffffffffffffff"), [
      "length 0-4",
      "packet.data.length 4-8",
      "packet.ids.length 8-12",
    ]);
  });
});

describe("measure", () => {
  const shape: Shape = {
    name: "S",
    fields: [["a", "int"], ["b", "long"], ["v", { vector: { vector: "buffer" } }], ["z", "byte"]],
  };
  it("merges fixed fields and nests vectors", () => {
    assert.deepEqual(stepsOf(shape), [12, { items: [{ items: ["blob"] }] }, 1]);
  });

  it("refuses lengths that cannot be before their bytes arrive", () => {
    const measure = (hex: string, limit: number, total: number) => {
      const gauge = new Gauge(limit, total, "test");
      const queue = new ByteQueue();
      queue.push(fromHex(hex));
      gauge.start(stepsOf(shape));
      return gauge.missing(queue);
    };
    const head = "00".repeat(12);
    assert.equal(measure(head + "00000001" + "00000001" + "00000008", 8, 100), 8 + 1);
    assert.throws(
      () => measure(head + "00000001" + "00000001" + "00000009", 8, 100),
      isFault("LENGTH"),
    );
    assert.throws(
      () => measure(head + "00000001" + "00000001" + "fffffffe", 8, 100),
      isFault("LENGTH"),
    );
    assert.throws(
      () => measure(head + "00000001" + "00000001" + "00000008", 8, 20),
      isFault("LENGTH"),
    );
  });

  it("refuses a hostile count of fixed items without walking it", () => {
    const gauge = new Gauge(100, 1000, "test");
    const queue = new ByteQueue();
    queue.push(fromHex("7fffffff"));
    gauge.start(stepsOf({ name: "V", fields: [["v", { vector: "long" }]] }));
    assert.throws(() => gauge.missing(queue), isFault("LENGTH"));
  });
});
