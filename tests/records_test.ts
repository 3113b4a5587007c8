// The laws of every record: what is written is read again, by reader and by JSON; cut anywhere it
// is "so many bytes missing" or a Fault, never a wrong value; every byte has one field. On seeded
// random values, and on the rows of fixtures/records, whose bytes came from real servers and
// clients.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Fault } from "../lib/base/errors.ts";
import { dissect } from "../lib/codec/dissect.ts";
import { Input } from "../lib/codec/input.ts";
import { fromJson, type Json, toJson } from "../lib/codec/json.ts";
import { Gauge, stepsOf } from "../lib/codec/measure.ts";
import { Output } from "../lib/codec/output.ts";
import type { Codec } from "../lib/codec/shape.ts";
import { clientCodecs } from "../lib/records/client.ts";
import { dataCodecs } from "../lib/records/data.ts";
import { diskCodecs } from "../lib/records/disk.ts";
import { electionCodecs } from "../lib/records/election.ts";
import { quorumCodecs } from "../lib/records/quorum.ts";
import { txnCodecs } from "../lib/records/txn.ts";
import { ByteQueue } from "../lib/wire/frames.ts";
import { generate, Seeded } from "./support/generate.ts";
import { rowsOf, toHex } from "./support/golden.ts";

const MODULES: Readonly<Record<string, readonly Codec<unknown>[]>> = {
  client: clientCodecs,
  data: dataCodecs,
  disk: diskCodecs,
  election: electionCodecs,
  quorum: quorumCodecs,
  txn: txnCodecs,
};
const CODECS = new Map(
  Object.values(MODULES).flat().map((codec) => [codec.shape.name, codec]),
);
const ROUNDS = 20;
const SEED = 20260727;

function encode(codec: Codec<unknown>, record: unknown): Uint8Array {
  const out = new Output();
  codec.write(out, record);
  return out.take();
}

function codecOf(name: string): Codec<unknown> {
  const codec = CODECS.get(name);
  assert.ok(codec !== undefined, `there is no record ${name}`);
  return codec;
}

const throughText = (json: Json): Json => JSON.parse(JSON.stringify(json));

function checkLaws(codec: Codec<unknown>, record: unknown, bytes: Uint8Array): void {
  const { shape } = codec;
  const input = new Input(bytes);
  assert.deepEqual(codec.read(input), record, `${shape.name} reads what was written`);
  assert.equal(input.left, 0, `${shape.name} reads to the end`);
  assert.equal(toHex(encode(codec, record)), toHex(bytes), `${shape.name} writes the same bytes`);
  assert.deepEqual(fromJson(shape, throughText(toJson(shape, record))), record, "JSON");
  checkInside(codec, record, bytes);
  checkCuts(codec, bytes);
  checkSpans(codec, record, bytes);
}

/** In the middle of a chunk, with other bytes around. */
function checkInside(codec: Codec<unknown>, record: unknown, bytes: Uint8Array): void {
  const chunk = new Uint8Array(bytes.length + 7).fill(0xff);
  chunk.set(bytes, 3);
  const inner = chunk.subarray(1);
  const input = new Input(inner, 2);
  assert.deepEqual(codec.read(input), record);
  assert.equal(input.left, 4, "what follows stays unread");
}

/** Code of the Fault that `run` ends with; null when it ends well. */
function codeOf(run: () => unknown): string | null {
  try {
    run();
    return null;
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
}

function checkCuts(codec: Codec<unknown>, bytes: Uint8Array): void {
  const gauge = new Gauge(1 << 20, 1 << 24, "test");
  const steps = stepsOf(codec.shape);
  const queue = new ByteQueue();
  gauge.start(steps);
  for (let end = 0; end < bytes.length; end++) {
    const code = codeOf(() => codec.read(new Input(bytes, 0, end)));
    assert.equal(code, "SHORT", `${codec.shape.name} cut after ${end} of ${bytes.length} bytes`);
    const missing = gauge.missing(queue);
    assert.ok(missing > 0 && missing <= bytes.length - end, `${missing} missing after ${end}`);
    queue.push(bytes.subarray(end, end + 1));
  }
  assert.equal(gauge.missing(queue), 0);
  assert.equal(gauge.at, bytes.length);
}

function checkSpans(codec: Codec<unknown>, record: unknown, bytes: Uint8Array): void {
  const spans = dissect(bytes, [{ field: "", type: codec.shape }]);
  let at = 0;
  for (const span of spans) {
    assert.equal(span.start, at);
    at = span.end;
  }
  assert.equal(at, bytes.length);
  assert.equal(new Set(spans.map((span) => span.path)).size, spans.length);
  for (const [name, type] of codec.shape.fields) {
    if (typeof type !== "string") continue;
    const span = spans.find((each) => each.path === name);
    assert.deepEqual(span?.value, (record as Record<string, unknown>)[name]);
  }
}

describe("records", () => {
  for (const [module, codecs] of Object.entries(MODULES)) {
    it(`of ${module} keep every law on random values`, () => {
      for (const codec of codecs) {
        const random = new Seeded(SEED);
        for (let round = 0; round < ROUNDS; round++) {
          const record = generate(codec.shape, random);
          checkLaws(codec, record, encode(codec, record));
        }
      }
    });
  }

  it("refuse every length that cannot be, wherever it stands", () => {
    const random = new Seeded(SEED);
    for (const codec of CODECS.values()) {
      const record = generate(codec.shape, random);
      const bytes = encode(codec, record);
      for (let at = 0; at + 4 <= bytes.length; at++) {
        for (const length of [-2, -0x80000000, 0x7fffffff, bytes.length]) {
          const broken = bytes.slice();
          new DataView(broken.buffer).setInt32(at, length);
          const code = codeOf(() => codec.read(new Input(broken)));
          assert.ok(code === null || code === "SHORT" || code === "LENGTH", `${code} at ${at}`);
        }
      }
    }
  });

  it("keep text that holds surrogates exact in JSON", () => {
    const { shape } = codecOf("Id");
    const record = { scheme: "\ud83d\ude00", id: "\ud83d x \ude00" };
    assert.deepEqual(fromJson(shape, throughText(toJson(shape, record))), record);
  });
});

describe("fixture rows", () => {
  const files = readdirSync(fileURLToPath(new URL("../fixtures/records/", import.meta.url)))
    .filter((file) => file.endsWith(".txt")).map((file) => file.slice(0, -".txt".length))
    .filter((file) => file !== "messages").sort();
  const decode = (name: string, bytes: Uint8Array): Json =>
    toJson(codecOf(name).shape, codecOf(name).read(new Input(bytes)));
  const seen = new Set<string>();
  for (const file of files) {
    it(`of ${file} decode to their JSON and keep every law`, () => {
      const rows = rowsOf(`records/${file}.txt`, decode);
      assert.ok(rows.length > 0);
      for (const { name, bytes, json, line } of rows) {
        const codec = codecOf(name);
        assert.ok(MODULES[file].includes(codec), `${file}.txt:${line}: ${name} is elsewhere`);
        const record = codec.read(new Input(bytes));
        assert.deepEqual(toJson(codec.shape, record), json, `${file}.txt:${line}`);
        assert.deepEqual(fromJson(codec.shape, json), record, `${file}.txt:${line}`);
        checkLaws(codec, record, bytes);
        seen.add(name);
      }
    });
  }

  it("name every record at least once", () => {
    assert.deepEqual([...CODECS.keys()].filter((name) => !seen.has(name)), []);
  });
});
