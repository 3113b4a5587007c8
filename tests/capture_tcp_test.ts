// Packets to streams: file formats, link types, IP, and TCP reassembly under damage.

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { IpReader } from "../lib/capture/ip.ts";
import { CaptureReader, gunzip, isGzip } from "../lib/capture/pcap.ts";
import { type LossReason, TCP_LIMITS, TcpReader } from "../lib/capture/tcp.ts";
import type { Flow, Side } from "../lib/capture/flows.ts";
import {
  b16,
  b32,
  Conversation,
  damage,
  DAMAGES,
  ethernet,
  type Frame,
  ipBytes,
  ipFragments,
  ipPacket,
  pcapFile,
  pcapngFile,
  put,
  seeded,
  TCP_FLAGS,
} from "./support/capture_build.ts";

interface Piece {
  bytes: Uint8Array | null;
  length: number;
  why: LossReason | null;
}

/** What came out of one flow: pieces per side, and how it closed. */
interface Got {
  flow: Flow;
  sides: [Piece[], Piece[]];
  closed: string | null;
  /** `data 0 5` and the like, in order of arrival. */
  order: string[];
}

function reassemble(frames: Iterable<Uint8Array> | Uint8Array, limits = TCP_LIMITS) {
  const flows = new Map<Flow, Got>();
  const of = (flow: Flow): Got => {
    const found = flows.get(flow);
    assert.ok(found);
    return found;
  };
  const tcp = new TcpReader({
    opened: (flow) => flows.set(flow, { flow, sides: [[], []], closed: null, order: [] }),
    data(flow, side, bytes, start, end) {
      of(flow).sides[side].push({ bytes: bytes.slice(start, end), length: end - start, why: null });
      of(flow).order.push(`data ${side} ${end - start}`);
    },
    lost(flow, side, length, why) {
      of(flow).sides[side].push({ bytes: null, length, why });
      of(flow).order.push(`lost ${side} ${length}`);
    },
    ended: (flow, side) => of(flow).order.push(`end ${side}`),
    closed: (flow, why) => of(flow).closed = why,
  }, limits);
  const ip = new IpReader();
  const skipped: string[] = [];
  const times: number[] = [];
  const reader = new CaptureReader({
    packet(packet) {
      times.push(packet.time);
      const why = ip.read(packet);
      if (why === null) tcp.segment(ip.segment);
      else skipped.push(why);
    },
  });
  for (const chunk of frames instanceof Uint8Array ? [frames] : frames) reader.push(chunk);
  const rest = reader.end();
  tcp.end();
  return { flows: [...flows.values()], skipped, times, origin: reader.origin, rest, ip };
}

const text = (side: readonly Piece[]): string =>
  side.map((p) => p.bytes === null ? `[${p.length} ${p.why}]` : new TextDecoder().decode(p.bytes))
    .join("");

const say = (words: string): Uint8Array => new TextEncoder().encode(words);

const hello = (): Conversation =>
  new Conversation(["10.0.0.1", 40000], ["10.0.0.2", 2181])
    .open().send(0, say("hello ")).send(1, say("HELLO ")).send(0, say("world"))
    .send(1, say("WORLD")).close();

describe("capture files", () => {
  const frames = hello().frames;
  const forms: [string, Uint8Array][] = [
    ["pcap little-endian µs", pcapFile(frames)],
    ["pcap big-endian µs", pcapFile(frames, { big: true })],
    ["pcap little-endian ns", pcapFile(frames, { nano: true })],
    ["pcap big-endian ns", pcapFile(frames, { big: true, nano: true })],
    ["pcapng little-endian", pcapngFile(frames)],
    [
      "pcapng big-endian, two interfaces",
      pcapngFile(frames, {
        big: true,
        interfaces: [{ linkType: 1, resolution: 9 }, { linkType: 1, resolution: 6 }],
      }),
    ],
  ];
  for (const [name, bytes] of forms) {
    it(`${name} gives every packet with its time`, () => {
      const got = reassemble(bytes);
      assert.equal(got.origin, 1_700_000_000_000_000_000n);
      assert.deepEqual(got.times, frames.map((frame) => frame.time));
      assert.equal(got.rest, 0);
      assert.deepEqual(got.flows.map((f) => f.sides.map(text)), [["hello world", "HELLO WORLD"]]);
    });
    it(`${name} reads the same byte by byte`, () => {
      const single = reassemble([...bytes].map((byte) => Uint8Array.of(byte)));
      assert.deepEqual(
        single.flows.map((f) => f.order),
        reassemble(bytes).flows.map((f) => f.order),
      );
    });
    it(`${name} cut off in the last record says how much is left over`, () => {
      assert.ok(reassemble(bytes.subarray(0, bytes.length - 3)).rest > 0);
    });
  }

  it("gzip is recognised and unpacked, also when it ends early", () => {
    const packed = gzipSync(pcapFile(frames));
    assert.ok(isGzip(packed) && !isGzip(pcapFile(frames)));
    assert.deepEqual(new Uint8Array(gunzip(packed)), pcapFile(frames));
    assert.ok(gunzip(packed.subarray(0, packed.length - 20)).length > 24);
  });

  it("what is no capture is refused with what and where", () => {
    assert.throws(() => reassemble(say("GET / HTTP/1.1\r\n\r\n...........")), /BAD_MAGIC|neither/);
    const broken = pcapFile(frames);
    broken.set([0xff, 0xff, 0xff, 0x7f], 24 + 8);
    assert.throws(() => reassemble(broken), /damaged: a packet of .* \(byte 24, after 0 packets\)/);
    const ng = pcapngFile(frames);
    ng.set([3, 0, 0, 0], 28 + 4);
    assert.throws(() => reassemble(ng), /damaged: a block of 3 bytes/);
  });

  it("a section with an interface that was never described is refused", () => {
    const ng = pcapngFile(frames);
    const at = ng.length - 4;
    const size = new DataView(ng.buffer).getUint32(at, true);
    ng.set([7, 0, 0, 0], ng.length - size + 8);
    assert.throws(() => reassemble(ng), /interface 7, never described/);
  });
});

describe("link types", () => {
  const ip = (): Uint8Array[] => {
    const raw = new Conversation(["10.0.0.1", 4], ["10.0.0.2", 5], { wrap: (bytes) => bytes });
    return raw.open().send(0, say("over any link")).frames.map((frame) => frame.bytes);
  };
  const cooked1 = (p: Uint8Array) => put([0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0], b16(0x800), p);
  const cooked2 = (p: Uint8Array) =>
    put(b16(0x800), [0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0], p);
  const rows: [string, number, (p: Uint8Array) => Uint8Array][] = [
    ["Ethernet", 1, ethernet],
    ["Ethernet with VLAN", 1, (p) => ethernet(p, [[0x8100, 7]])],
    ["Ethernet with QinQ", 1, (p) => ethernet(p, [[0x88a8, 7], [0x8100, 8]])],
    ["Linux cooked v1", 113, cooked1],
    ["Linux cooked v2", 276, cooked2],
    ["BSD loopback, little-endian", 0, (p) => put([2, 0, 0, 0], p)],
    ["BSD loopback, big-endian", 0, (p) => put([0, 0, 0, 2], p)],
    ["OpenBSD loopback", 108, (p) => put([0, 0, 0, 2], p)],
    ["raw IP", 101, (p) => p],
    ["raw IPv4", 228, (p) => p],
  ];
  for (const [name, linkType, wrap] of rows) {
    it(`${name} leads to the stream`, () => {
      const frames = ip().map((bytes, i) => ({ time: i * 1000, bytes: wrap(bytes) }));
      const got = reassemble(pcapFile(frames, { linkType }));
      assert.deepEqual(got.skipped, []);
      assert.equal(text(got.flows[0].sides[0]), "over any link");
    });
  }
  it("other link types, protocols and ARP are counted, not guessed", () => {
    const frame = ethernet(ipPacket({
      from: "10.0.0.1",
      to: "10.0.0.2",
      fromPort: 1,
      toPort: 2,
      seq: 0,
      ack: 0,
      flags: 2,
    }));
    const udp = ethernet(ipBytes("10.0.0.1", "10.0.0.2", 17, say("12345678")));
    const arp = put(frame.subarray(0, 12), b16(0x0806), new Uint8Array(28));
    assert.deepEqual(reassemble(pcapFile([{ time: 0, bytes: udp }])).skipped, ["not tcp"]);
    assert.deepEqual(reassemble(pcapFile([{ time: 0, bytes: arp }])).skipped, ["not ip"]);
    const wifi = pcapFile([{ time: 0, bytes: frame }], { linkType: 105 });
    assert.deepEqual(reassemble(wifi).skipped, ["link type"]);
    const cut = pcapFile([{ time: 0, bytes: frame.subarray(0, 40), wireLength: frame.length }]);
    assert.deepEqual(reassemble(cut).skipped, ["cut"]);
  });
});

describe("IP", () => {
  const segment = (payload: Uint8Array) => ({
    from: "10.0.0.1",
    to: "10.0.0.2",
    fromPort: 1,
    toPort: 2,
    seq: 1,
    ack: 0,
    flags: TCP_FLAGS.ack,
    payload,
  });
  it("fragments in any order make one segment", () => {
    const pieces = ipFragments(segment(say("in fragments, as it were, or so")), 16, 77);
    assert.equal(pieces.length, 4);
    for (const order of [[0, 1, 2, 3], [3, 1, 0, 2], [2, 2, 3, 0, 1]]) {
      const frames = order.map((i, n) => ({ time: n, bytes: ethernet(pieces[i]) }));
      const got = reassemble(pcapFile(frames));
      assert.equal(text(got.flows[0].sides[0]), "in fragments, as it were, or so");
    }
  });
  it("a datagram with a lost fragment is counted and forgotten", () => {
    const pieces = ipFragments(segment(say("in fragments, as it were, or so")), 16, 77);
    const frames = pieces.slice(1).map((bytes, n) => ({ time: n, bytes: ethernet(bytes) }));
    const later = ipFragments(segment(say("later")), 16, 78);
    frames.push({ time: 40e9, bytes: ethernet(later[0]) });
    const got = reassemble(pcapFile(frames));
    assert.equal(got.ip.fragmentsLost, 3);
    assert.equal(got.flows.length, 0);
  });
  it("IPv6 extension headers are passed over, IPv6 fragments joined", () => {
    const from = "2001:db8:0:0:0:0:0:1";
    const to = "fe80:0:0:0:1:0:0:2";
    const tcp = ipPacket({ ...segment(say("six")), from, to }).subarray(40);
    const hop = put([60, 0, 1, 4, 0, 0, 0, 0], [6, 1, 1, 12], new Uint8Array(12), tcp);
    const half = 16;
    const fragment = (at: number, more: number, body: Uint8Array) =>
      ethernet(ipBytes(from, to, 44, put([6, 0], b16(at | more), b32(9), body)));
    const frames: Frame[] = [
      { time: 0, bytes: ethernet(ipBytes(from, to, 0, hop)) },
      { time: 1, bytes: fragment(half, 0, tcp.subarray(half)) },
      { time: 2, bytes: fragment(0, 1, tcp.subarray(0, half)) },
    ];
    const got = reassemble(pcapFile(frames));
    assert.equal(text(got.flows[0].sides[0]), "six");
    assert.equal(got.flows[0].flow.halves[0].retransmitted, 1);
    assert.deepEqual(got.flows[0].flow.addresses.map((n) => got.ip.addresses.text(n)), [
      "2001:db8::1",
      "fe80::1:0:0:2",
    ]);
  });
  it("thousands of IPv6 addresses keep their numbers", () => {
    const { addresses } = new IpReader();
    const address = (i: number) => put(b32(0x20010db8), b32(i), b32(0), b32(i * 7));
    const first = Array.from({ length: 3000 }, (_, i) => addresses.numberOf(address(i), 0));
    const again = Array.from({ length: 3000 }, (_, i) => addresses.numberOf(address(i), 0));
    assert.deepEqual(first, again);
    assert.equal(new Set(first).size, 3000);
  });
  it("an IPv6 address that nobody uses any more is forgotten, the others keep their numbers", () => {
    const { addresses } = new IpReader();
    const address = (i: number) => put(b32(0x20010db8), b32(i), b32(0), b32(i * 7));
    const numberOf = (i: number) => addresses.numberOf(address(i), 0);
    for (let round = 0; round < 5; round++) {
      const all = Array.from({ length: 1000 }, (_, i) => numberOf(round * 300 + i));
      const kept = all.map((number, i) => ({ number, i, said: addresses.text(number) }))
        .filter(({ i }) => i % 3 === 0);
      addresses.keep(new Set(kept.map(({ number }) => number)));
      assert.equal(addresses.size, kept.length);
      for (const { number, i, said } of kept) {
        assert.deepEqual([numberOf(round * 300 + i), addresses.text(number)], [number, said]);
      }
    }
    assert.ok(Math.max(...Array.from({ length: 500 }, (_, i) => numberOf(9000 + i))) < 1400);
  });
  it("IPv6 packets of other protocols leave no address behind", () => {
    const frames = Array.from({ length: 100 }, (_, i) => ({
      time: i,
      bytes: ethernet(
        ipBytes(`fe80:0:0:0:0:0:0:${i.toString(16)}`, "fe80:0:0:0:0:0:1:0", 17, say("x")),
      ),
    }));
    assert.equal(reassemble(pcapFile(frames)).ip.addresses.size, 0);
  });
  it("a packet of length 0 by offload keeps its payload, Ethernet padding is no payload", () => {
    const offloaded = ipPacket(segment(say("large")));
    offloaded.set([0, 0], 2);
    const padded = put(ethernet(ipPacket({ ...segment(say("x")), seq: 6 })), new Uint8Array(6));
    const frames = [{ time: 0, bytes: ethernet(offloaded) }, { time: 1, bytes: padded }];
    assert.equal(text(reassemble(pcapFile(frames)).flows[0].sides[0]), "largex");
  });
});

describe("TCP", () => {
  const cut = (frames: readonly Frame[], ...without: number[]): Uint8Array =>
    pcapFile(frames.filter((_, i) => !without.includes(i)));

  it("a segment lost by the capture is said with its length, in its place", () => {
    const { frames } = hello();
    const got = reassemble(cut(frames, 3)).flows[0];
    assert.deepEqual(got.sides.map(text), ["[6 not captured]world", "HELLO WORLD"]);
    assert.deepEqual(got.order.slice(0, 3), ["lost 0 6", "data 1 6", "data 0 5"]);
    assert.equal(got.closed, "fin");
  });
  it("a reply captured before its request is handed on after it", () => {
    const { frames } = hello();
    const swapped = [...frames];
    [swapped[3], swapped[5]] = [swapped[5], swapped[3]];
    const got = reassemble(pcapFile(swapped)).flows[0];
    assert.deepEqual(got.order, reassemble(pcapFile(frames)).flows[0].order);
  });
  it("retransmissions, overlaps and keep-alives add nothing", () => {
    const base = { from: "10.0.0.1", to: "10.0.0.2", fromPort: 1, toPort: 2, ack: 1, flags: 16 };
    const sent: [number, string][] = [
      [100, "abc"],
      [100, "abc"],
      [102, "cde"],
      [104, ""],
      [104, "e"],
      [99, "z"],
      [108, "ij"],
      [103, "defgh"],
      [101, "bcdefghijkl"],
    ];
    const frames = sent.map(([seq, words], i) => ({
      time: i * 1e8,
      bytes: ethernet(ipPacket({ ...base, seq, payload: say(words) })),
    })).slice(0, 5).concat(
      sent.slice(6).map(([seq, words], i) => ({
        time: 1e9 + i * 1e6,
        bytes: ethernet(ipPacket({ ...base, seq, payload: say(words) })),
      })),
    );
    assert.equal(text(reassemble(pcapFile(frames)).flows[0].sides[0]), "abcdefghijkl");
  });
  it("a hole that nobody acknowledged is waited for, and filled by the retransmission", () => {
    const { frames } = hello();
    const late = { ...frames[3], time: frames[3].time + 200e6 };
    const rest = frames.slice(4).map((f) => ({ ...f, time: f.time + 300e6 }));
    const got = reassemble(pcapFile([...frames.slice(0, 3), late, ...rest])).flows[0];
    assert.deepEqual(got.sides.map(text), ["hello world", "HELLO WORLD"]);
  });
  it("numbers wrap", () => {
    const got = reassemble(pcapFile(
      new Conversation(["10.0.0.1", 1], ["10.0.0.2", 2], { isn: [0xfffffffd, 0x7ffffffe] })
        .open().send(0, say("across the end")).send(1, say("so too")).close().frames,
    )).flows[0];
    assert.deepEqual(got.sides.map(text), ["across the end", "so too"]);
  });
  it("ports used again make another connection, with and without the SYN", () => {
    const again = (isn: [number, number], time: number) =>
      new Conversation(["10.0.0.1", 1], ["10.0.0.2", 2], { isn, time });
    const one = again([5000, 6000], 0).open().send(0, say("one"));
    const two = again([900_000_000, 800_000_000], 1e9).open().send(0, say("two"));
    const whole = reassemble(pcapFile([...one.frames, ...two.frames]));
    assert.deepEqual(whole.flows.map((f) => [text(f.sides[0]), f.closed]), [
      ["one", "replaced"],
      ["two", "end of capture"],
    ]);
    const blind = reassemble(pcapFile([...one.frames, ...two.frames.slice(3)]));
    assert.deepEqual(blind.flows.map((f) => text(f.sides[0])), ["one", "two"]);
  });
  it("what is sent on after a reset is not passed over", () => {
    const talk = new Conversation(["10.0.0.1", 1], ["10.0.0.2", 2]).open().send(0, say("one"));
    const reset = talk.frames.length;
    // A reset that was for nobody: numbers go on as if it had not been.
    talk.reset(1).wait(1e9).send(0, say("two")).send(0, say("three"));
    assert.equal(talk.frames[reset].bytes[47] & 4, 4);
    const { flows } = reassemble(pcapFile(talk.frames));
    assert.deepEqual(flows.map((f) => text(f.sides[0])), ["one", "twothree"]);
  });
  it("a snap length is said as cut bytes, never as other bytes", () => {
    const frames = hello().frames.map((f) => ({
      ...f,
      bytes: f.bytes.subarray(0, 57),
      wireLength: f.bytes.length,
    }));
    const got = reassemble(pcapFile(frames)).flows[0];
    assert.deepEqual(got.sides.map(text), ["hel[3 cut]wor[2 cut]", "HEL[3 cut]WOR[2 cut]"]);
  });
  it("what waits behind a hole is bounded", () => {
    const far = new Conversation(["10.0.0.1", 1], ["10.0.0.2", 2]).open();
    for (let i = 0; i < 100; i++) far.send(0, new Uint8Array(1000).fill(65), false);
    const limits = { ...TCP_LIMITS, flowBytes: 20_000 };
    const got = reassemble(cut(far.frames, 3), limits).flows[0];
    assert.deepEqual(got.order.slice(0, 2), ["lost 0 1000", "data 0 1000"]);
    assert.equal(got.flow.halves[0].bytes, 99_000);
  });
  it("flows are bounded: the longest silent go first", () => {
    const frames = Array.from(
      { length: 50 },
      (_, i) =>
        new Conversation(["10.0.0.1", 1000 + i], ["10.0.0.2", 2], { time: i * 1e6 }).open().frames,
    );
    const got = reassemble(pcapFile(frames.flat()), { ...TCP_LIMITS, flows: 20 });
    assert.equal(got.flows.length, 50);
    assert.equal(got.flows[0].closed, "idle");
    assert.equal(got.flows[49].closed, "end of capture");
  });

  /** The bytes both ends sent: long pseudo-random streams in uneven messages. */
  function story(seed: number): { frames: Frame[]; streams: [Uint8Array, Uint8Array] } {
    const random = seeded(seed);
    const talk = new Conversation(["10.0.0.1", 1], ["10.0.0.2", 2], {
      isn: [0xffffff00, random(1e9)],
      segmentMax: 100,
    }).open();
    const parts: Uint8Array[][] = [[], []];
    for (let i = 0; i < 60; i++) {
      const side: 0 | 1 = i % 2 === 0 ? 0 : 1;
      const bytes = Uint8Array.from({ length: 1 + random(300) }, () => random(256));
      parts[side].push(bytes);
      talk.send(side, bytes, random(3) > 0).wait(random(3) * 1e6);
    }
    return { frames: talk.close().frames, streams: [put(...parts[0]), put(...parts[1])] };
  }

  for (const kind of DAMAGES) {
    it(`every byte is right or said to be missing after: ${kind} (100 seeds)`, () => {
      for (let seed = 0; seed < 100; seed++) {
        const { frames, streams } = story(seed);
        const got = reassemble(pcapFile(damage(frames, kind, seed))).flows;
        for (const side of [0, 1] as Side[]) checkSide(got, side, streams, kind, seed);
      }
    });
  }

  function checkSide(
    flows: Got[],
    side: Side,
    streams: [Uint8Array, Uint8Array],
    kind: string,
    seed: number,
  ): void {
    const where = `${kind} seed ${seed} side ${side}`;
    for (const got of flows) {
      const isMirror = got.flow.ports[0] === 2;
      const stream = streams[isMirror ? side ^ 1 : side];
      const pieces = got.sides[side];
      const covered = pieces.reduce((sum, piece) => sum + piece.length, 0);
      // Only a capture that begins later may lack bytes without saying so: those before it.
      const before = kind === "midstart" ? stream.length - covered : 0;
      assert.ok(before >= 0 && (before > 0 || covered === stream.length), `${where}: ${covered}`);
      let at = before;
      for (const piece of pieces) {
        if (piece.bytes !== null) {
          assert.deepEqual(piece.bytes, stream.subarray(at, at + piece.length), where);
        }
        at += piece.length;
      }
      if (kind === "duplicate" || kind === "reorder" || kind === "midstart") {
        assert.ok(pieces.every((piece) => piece.why === null), `${where}: nothing was lost`);
      }
    }
  }
});
