// Frames and the queue below them: the same frames however a stream is cut, lengths believed only
// as far as their limit, bytes handed on without a copy where they lie in one chunk.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Fault } from "../lib/base/errors.ts";
import { ByteQueue, FrameSplitter } from "../lib/wire/frames.ts";
import { Seeded } from "./support/generate.ts";
import { fromHex, toHex } from "./support/golden.ts";

const frame = (bytes: Uint8Array): Uint8Array => {
  const whole = new Uint8Array(4 + bytes.length);
  new DataView(whole.buffer).setInt32(0, bytes.length);
  whole.set(bytes, 4);
  return whole;
};

function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Frames of `stream` fed in pieces that end at `cuts`. */
function split(stream: Uint8Array, cuts: readonly number[]): string[] {
  const frames = new FrameSplitter(1 << 20);
  const found: string[] = [];
  let from = 0;
  for (const to of [...cuts, stream.length]) {
    frames.push(stream.slice(from, to));
    from = to;
    for (let next = frames.next(); next !== null; next = frames.next()) found.push(toHex(next));
  }
  assert.equal(frames.queue.size, 0);
  return found;
}

describe("frame splitter", () => {
  const random = new Seeded(1);
  const bodies = [0, 1, 3, 4, 5, 17, 60].map((length) => random.bytes(length));
  const stream = join(bodies.map(frame));
  const expected = bodies.map(toHex);

  it("gives the same frames for every two cuts, and byte by byte", () => {
    for (let a = 0; a <= stream.length; a++) {
      for (let b = a; b <= stream.length; b++) assert.deepEqual(split(stream, [a, b]), expected);
    }
    assert.deepEqual(split(stream, Array.from(stream.keys())), expected);
  });

  it("gives the same frames when large chunks and trickles alternate", () => {
    const large = [5000, 700, 511, 512, 513, 20000, 3].map((length) => random.bytes(length));
    const long = join(large.map(frame));
    for (let round = 0; round < 50; round++) {
      const cuts: number[] = [];
      for (let at = 0; at < long.length;) {
        at += 1 + random.below(random.pick([2, 40, 600, 9000]));
        if (at < long.length) cuts.push(at);
      }
      assert.deepEqual(split(long, cuts), large.map(toHex));
    }
  });

  it("says how many bytes are missing", () => {
    const frames = new FrameSplitter(100);
    assert.equal(frames.missing(), 4);
    frames.push(fromHex("000000"));
    assert.equal(frames.missing(), 1);
    frames.push(fromHex("05aabb"));
    assert.equal(frames.missing(), 3);
    assert.equal(frames.next(), null);
    frames.push(fromHex("ccddeeff"));
    assert.equal(frames.missing(), 0);
    assert.equal(toHex(frames.next() ?? new Uint8Array(0)), "aabbccddee");
    assert.equal(frames.missing(), 3);
  });

  it("hands a frame on as a view of its chunk", () => {
    const frames = new FrameSplitter(100);
    const chunk = join([frame(fromHex("aabb")), frame(fromHex("ccdd"))]);
    frames.push(chunk);
    const first = frames.next();
    const second = frames.next();
    assert.equal(first?.buffer, chunk.buffer);
    assert.equal(second?.buffer, chunk.buffer);
  });

  it("never writes into a frame that it gave away", () => {
    const frames = new FrameSplitter(100);
    const given: Uint8Array[] = [];
    for (const byte of join([frame(fromHex("010203")), frame(fromHex("040506"))])) {
      frames.push(Uint8Array.of(byte));
      const next = frames.next();
      if (next !== null) given.push(next);
    }
    assert.deepEqual(given.map(toHex), ["010203", "040506"]);
  });

  it("refuses lengths beyond its limits at once, inclusive", () => {
    const length = (hex: string, limit: number, shortest = 0) => {
      const frames = new FrameSplitter(limit, "client 1", new ByteQueue(), shortest);
      frames.push(fromHex(hex));
      return frames.next();
    };
    const code = (wanted: string) => (error: unknown) =>
      error instanceof Fault && error.code === wanted && error.message.includes("client 1");
    assert.equal(length("00000005", 5), null);
    assert.throws(() => length("00000006", 5), code("FRAME_TOO_LONG"));
    assert.throws(() => length("7fffffff", 5), code("FRAME_TOO_LONG"));
    assert.throws(() => length("ffffffff", 5), code("LENGTH"));
    assert.throws(() => length("00000000", 5, 1), code("LENGTH"));
    assert.equal(length("00000000", 5)?.length, 0);
  });

  it("tells a four-letter word from a length", () => {
    const word = (text: string) => {
      const frames = new FrameSplitter(100);
      for (const byte of new TextEncoder().encode(text)) frames.push(Uint8Array.of(byte));
      return frames.peekWord();
    };
    assert.equal(word("ruok"), "ruok");
    assert.equal(word("ruo"), null);
    assert.equal(word("\0\0\0,"), null);
    assert.equal(word("RUOK"), null);
    assert.equal(word("mntr\r\n"), "mntr");
  });
});

describe("byte queue", () => {
  it("looks ahead across chunks", () => {
    const queue = new ByteQueue();
    const big = new Uint8Array(600).fill(1);
    queue.push(big);
    queue.push(fromHex("0203"));
    queue.push(new Uint8Array(600).fill(4));
    assert.equal(queue.intAt(598), 0x01010203);
    assert.equal(queue.intAt(599), 0x01020304);
    assert.equal(queue.byteAt(601), 3);
    assert.equal(queue.byteAt(602), 4);
    queue.skip(600);
    assert.equal(queue.intAt(0), 0x02030404);
    assert.equal(toHex(queue.take(3)), "020304");
    assert.equal(queue.size, 599);
  });

  it("keeps a trickle in few blocks, and lets go of what was read", () => {
    const queue = new ByteQueue();
    const random = new Seeded(2);
    const sent = random.bytes(40000);
    const got: Uint8Array[] = [];
    let from = 0;
    for (let at = 0; at < sent.length; at++) {
      queue.push(sent.subarray(at, at + 1));
      if (random.below(500) === 0) {
        const count = random.below(queue.size + 1);
        got.push(queue.take(count));
        from += count;
      }
    }
    got.push(queue.take(queue.size));
    assert.equal(toHex(join(got)), toHex(sent));
    assert.ok(from > 0);
  });
});
