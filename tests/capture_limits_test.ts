// What a long, odd or hostile capture may cost: memory that stays bounded, time that grows with the
// bytes and no faster.

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { Decoder } from "../lib/capture/decoder.ts";
import type { Flow } from "../lib/capture/flows.ts";
import { Fragments } from "../lib/capture/fragments.ts";
import { IpReader } from "../lib/capture/ip.ts";
import type { Decoded, Message } from "../lib/capture/message.ts";
import { Pending } from "../lib/capture/pending.ts";
import { Report } from "../lib/capture/report.ts";
import { RecordStream } from "../lib/capture/stream.ts";
import { TcpReader } from "../lib/capture/tcp.ts";
import { Watches } from "../lib/capture/watches.ts";
import { OpCode } from "../lib/txn/opcodes.ts";
import { isBrisk } from "./support/brisk.ts";
import {
  b32,
  Conversation,
  type Frame,
  HELLO,
  pcapFile,
  put,
  seeded,
  SESSION,
  WELCOME,
} from "./support/capture_build.ts";
import { decodeAll } from "./support/capture_damage.ts";

const say = (words: string): Uint8Array => new TextEncoder().encode(words);
const framed = (...parts: Uint8Array[] | number[][]): Uint8Array => {
  const body = put(...parts);
  return put(b32(body.length), body);
};
const zeros = (length: number): Uint8Array => new Uint8Array(length);

/** A setData of /a, or a getData of it. */
const write = (xid: number, data: Uint8Array): Uint8Array =>
  framed(put(b32(xid), b32(5), b32(2), say("/a"), b32(data.length), data, b32(-1)));
const read = (xid: number): Uint8Array => framed(put(b32(xid), b32(4), b32(2), say("/a"), [1]));

const client = (): Conversation =>
  new Conversation(["10.0.0.1", 9], ["10.0.0.2", 2181]).open().send(0, HELLO).send(1, WELCOME);

/** The frames with the payload cut off by the snap length, but for those that `keep` names. */
const headersOnly = (frames: readonly Frame[], keep: (i: number) => boolean): Frame[] =>
  frames.map((frame, i) =>
    keep(i)
      ? frame
      : { ...frame, bytes: frame.bytes.subarray(0, 54), wireLength: frame.bytes.length }
  );

const lossesOf = (decoded: readonly Decoded[]): [string, number][] =>
  decoded.flatMap((one) => one.type === "loss" ? [[one.from, one.bytes]] : []);

describe("a snap length", () => {
  it("of less than a connect request leaves it one, without what was cut off", () => {
    const ping = framed(put(b32(-2), b32(11)));
    const { frames } = client().send(0, ping).send(1, framed(put(b32(-2), zeros(12))));
    for (const kept of [12, 24, 30]) {
      const cut = frames.map((frame) => {
        const bytes = frame.bytes.subarray(0, 54 + kept);
        return { ...frame, bytes, wireLength: frame.bytes.length };
      });
      const { messages } = decodeAll(pcapFile(cut));
      const [connect, , request] = messages;
      assert.deepEqual([connect.kind, connect.lost], ["connect", HELLO.length - kept], `${kept}`);
      assert.equal(connect.session, kept < 28 ? null : 0n);
      assert.deepEqual([request.name, request.xid], ["ping", -2]);
    }
  });

  it("that leaves nothing of a word leaves the answer its time", () => {
    const talk = new Conversation(["10.0.0.1", 9], ["10.0.0.2", 2181]).open()
      .send(0, say("ruok")).send(1, say("imok")).close();
    const { messages } = decodeAll(pcapFile(headersOnly(talk.frames, (i) => i !== 3)));
    assert.deepEqual(messages.map(({ kind, lost }) => [kind, lost]), [["word", 4], ["text", 0]]);
    assert.equal(messages[0].time, 30_000);
    assert.equal(messages[1].latency, talk.frames[5].time - 30_000);
  });
});

describe("time", () => {
  it("a list of texts that spans segments is not walked once for each text", () => {
    const walked: number[] = [];
    const nothing = (): void => {};
    const texts = 5000;
    const bytes = put(b32(texts), ...Array.from({ length: texts }, () => put(b32(1), [65])));
    const shown: number[] = [];
    const stream = new RecordStream(
      {
        measure(_side, _bytes, at, end) {
          walked.push(at);
          let next = at + 4;
          for (let i = 0; i < texts && end >= next; i++) next += 5;
          return next === at + 4 + texts * 5 && next <= end ? next - at : -(next - at);
        },
        sizeOf: () => 0,
        check: () => 0,
        record: (_side, _bytes, _start, _end, size) => void shown.push(size),
        skipped: nothing,
        outOfStep: nothing,
        inStep: nothing,
      },
      0,
      false,
    );
    const two = put(bytes, bytes);
    for (let at = 0; at < two.length; at += 1400) {
      stream.data(two, at, Math.min(two.length, at + 1400), 0);
    }
    assert.deepEqual(shown, [bytes.length, bytes.length]);
    assert.ok(walked.length < 8 * two.length / 1400, `${walked.length} walks`);
  });

  it("replies to requests that nobody saw are not looked for among all that wait", () => {
    isBrisk(300, () => {
      const pending = new Pending();
      for (let xid = 1; xid <= 1 << 16; xid++) pending.push(xid, OpCode.getData, 0, 0, null);
      return () => {
        for (let i = 0; i < 20_000; i++) assert.equal(pending.find(1_000_000 + i), -1);
      };
    });
  });

  it("a request is found among all that wait, pings between them, numbers begun anew or not", () => {
    const random = seeded(11);
    for (let round = 0; round < 40; round++) {
      const pending = new Pending();
      const waiting: number[] = [];
      let next = 1;
      for (let i = 0; i < 300; i++) {
        const xid = random(4) === 0 ? -2 : next;
        if (xid > 0) next += 1 + random(2);
        if (round > 20 && random(100) === 0) next = 1;
        pending.push(xid, OpCode.getData, 0, 0, null);
        waiting.push(xid);
        const wanted = random(3) === 0 ? waiting[random(waiting.length)] : random(next + 9) || 1;
        const at = waiting.indexOf(wanted);
        assert.equal(pending.find(wanted), at, `${wanted} of ${waiting.join(" ")}`);
        if (at < 0) continue;
        const isAlone = random(2) === 0;
        pending.remove(at, isAlone);
        waiting.splice(isAlone ? at : 0, isAlone ? 1 : at + 1);
      }
    }
  });

  it("a datagram in more pieces, or more bytes, than any path makes is given up", () => {
    const fragments = new Fragments();
    const piece = new Uint8Array(8);
    for (let i = 8000; i > 0; i--) fragments.add("tiny", piece, i * 8, i === 8000, 0);
    assert.equal(fragments.lost, 8000 - 1536);
    for (let i = 0; i < 5; i++) fragments.add("wide", new Uint8Array(60_000), i * 8, false, 0);
    assert.equal(fragments.lost, 8000 - 1536 + 3);
  });

  it("a datagram of the smallest fragments and with overlaps is still joined", () => {
    const fragments = new Fragments();
    const bytes = Uint8Array.from({ length: 65_480 }, (_, i) => i * 7);
    for (let at = 65_480 - 48 + 32; at > 0; at -= 48) {
      if (at % 8 !== 0) continue;
      const got = fragments.add("a", bytes.subarray(at, at + 48), at, at + 48 >= bytes.length, 0);
      assert.equal(got, null);
    }
    assert.deepEqual(fragments.add("a", bytes.subarray(0, 64), 0, false, 0), bytes);
  });
});

describe("memory", () => {
  it("a watch asked for again and again is one watch", () => {
    const watches = new Watches();
    const request = { bytes: Uint8Array.of(1), path: "/a", lost: 0, name: "getData", n: 1 };
    for (let i = 0; i < 100_000; i++) watches.answered(request, OpCode.getData, 0, i);
    watches.answered({ ...request, path: "/b" }, OpCode.getData, 0, 7);
    assert.deepEqual(watches.fired(3, "/b"), { op: "getData", message: 1, time: 7 });
  });

  it("a capture of headers alone keeps one loss a side, not one a packet", () => {
    const talk = new Conversation(["10.0.0.1", 9], ["10.0.0.2", 2181]);
    for (let i = 1; i < 100; i++) talk.send(0, read(i), false).send(1, WELCOME, false);
    talk.send(0, read(100));
    const last = talk.frames.length - 2;
    const { decoded, messages } = decodeAll(pcapFile(headersOnly(talk.frames, (i) => i >= last)));
    assert.deepEqual(messages.map(({ xid }) => xid), [100]);
    const bytes = [99 * read(1).length, 99 * WELCOME.length];
    assert.deepEqual(lossesOf(decoded), [["10.0.0.1:9", bytes[0]], ["10.0.0.2:2181", bytes[1]]]);
  });

  it("what one side lost before the other's first words is told", () => {
    const talk = new Conversation(["10.0.0.1", 9], ["10.0.0.2", 2181]).open()
      .send(1, zeros(5), false).send(0, HELLO);
    const { decoded, facts } = decodeAll(pcapFile(headersOnly(talk.frames, (i) => i !== 3)));
    assert.deepEqual(lossesOf(decoded), [["10.0.0.2:2181", 5]]);
    assert.equal(facts.lost, 5);
  });

  it("connections that may yet be recognised are bounded: the oldest are decided first", () => {
    const decoder = new Decoder(null, null);
    const banner = say("SSH-2.0-OpenSSH_9.2\r\n");
    for (let i = 0; i < 600; i++) {
      const talk = new Conversation(["10.0.0.1", 20_000 + i], ["10.0.0.2", 22], { time: i * 1e6 });
      const file = pcapFile(talk.open().send(1, banner).close().frames);
      decoder.push(i === 0 ? file : file.subarray(24));
    }
    assert.ok(decoder.context.riddles.length <= 256, `${decoder.context.riddles.length} riddles`);
    decoder.end();
    assert.equal(decoder.facts().unknown, 600 * banner.length);
  });

  it("connections that nobody knows hold so much, and so much all together", () => {
    const decoder = new Decoder(null, null);
    const random = seeded(5);
    const noise = Uint8Array.from({ length: 1448 }, () => random(256));
    const { backlog } = decoder.context;
    let most = 0;
    let sent = 0;
    let isFirst = true;
    const push = (talk: Conversation): void => {
      const file = pcapFile(talk.frames);
      decoder.push(isFirst ? file : file.subarray(24));
      isFirst = false;
      most = Math.max(most, backlog.bytes);
    };
    const stranger = (i: number): Conversation =>
      new Conversation(["10.0.0.1", 20_000 + i], ["10.0.0.2", 9092], { time: i * 1e6 });
    const ours = new Conversation(["10.0.0.1", 9], ["10.0.0.2", 2181]);
    push(ours);
    const tiny = stranger(0);
    for (let i = 0; i < 3000; i++) tiny.send(0, Uint8Array.of(random(256)), false);
    push(tiny);
    assert.ok(
      backlog.bytes < 1 << 19,
      `${backlog.bytes} bytes for one connection of tiny segments`,
    );
    for (let i = 1; i <= 200; i++) {
      const talk = stranger(i);
      for (let turn = 0; turn < 160; turn++) talk.send((turn & 1) as 0 | 1, noise, false);
      push(talk);
      sent += 160 * noise.length;
    }
    assert.ok(most > 32 << 20 && most <= 65 << 20, `${most} bytes were held`);
    ours.frames.length = 0;
    push(ours.send(0, read(7)));
    decoder.end();
    assert.equal(backlog.bytes, 0);
    assert.equal(decoder.facts().unknown, sent + 3000);
    assert.equal(decoder.facts().messages, 1);
  });

  it("writes that nobody answers keep nothing of their data, reads what says whether they watch", () => {
    const decoder = new Decoder({ message: () => {}, story: () => {} }, null);
    const talk = client().send(0, write(1, zeros(5000))).send(0, read(2));
    decoder.push(pcapFile(talk.frames));
    const pending = decoder.story.sessions.talkOf(SESSION)?.pending;
    assert.deepEqual([0, 1].map((i) => pending?.messageAt(i)?.bytes.length), [0, read(2).length]);
    assert.deepEqual([0, 1].map((i) => pending?.messageAt(i)?.path), ["/a", "/a"]);
  });

  it("a connection that is over keeps nothing of what was said, though its session is remembered", () => {
    const decoder = new Decoder({ message: () => {}, story: () => {} }, null);
    const long = framed(put(b32(1), b32(1), b32(5), b32(0), b32(40_000), zeros(40_068)));
    const talk = client().send(0, read(1)).send(1, long).send(0, read(2)).close();
    decoder.push(pcapFile(talk.frames));
    const gone = decoder.story.sessions.talkOf(SESSION);
    assert.ok(gone !== null);
    assert.equal(gone.kept, 0);
    assert.deepEqual([gone.pending.size, gone.pending.opAt(0)], [1, OpCode.getData]);
    assert.equal(gone.pending.messageAt(0), null);
  });

  it("the report keeps no more of a message than it shows", () => {
    const { messages, facts } = decodeAll(pcapFile(client().send(0, write(1, zeros(5000))).frames));
    const pages = [false, true].map((isGone) => {
      const report = new Report(10);
      for (const message of messages) {
        const bytes = message.bytes.slice();
        report.add({ ...message, bytes } satisfies Message);
        if (isGone) bytes.fill(0xff);
      }
      return report.page(facts);
    });
    assert.equal(pages[1], pages[0]);
  });

  it("what waits behind a hole is bounded in segments, however small they are", () => {
    const flows: Flow[] = [];
    const nothing = (): void => {};
    const sink = { data: nothing, lost: nothing, ended: nothing, closed: nothing };
    const tcp = new TcpReader({ ...sink, opened: (flow) => void flows.push(flow) });
    const ip = new IpReader();
    const talk = new Conversation(["10.0.0.1", 1], ["10.0.0.2", 2]).open();
    for (let i = 0; i < 20_000; i++) talk.send(0, Uint8Array.of(65), false);
    let most = 0;
    for (const [i, { bytes }] of talk.frames.entries()) {
      if (i === 3) continue; // the first byte is the hole
      const packet = { bytes, start: 0, end: bytes.length, wireLength: bytes.length, linkType: 1 };
      if (ip.read({ ...packet, time: i * 1000 }) === null) tcp.segment(ip.segment);
      most = Math.max(most, flows[0].halves[0].pending.length);
    }
    assert.ok(most > 1000 && most < 10_000, `${most} segments were held`);
    assert.equal(flows[0].halves[0].bytes, 19_999);
  });
});
