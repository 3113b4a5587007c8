// Traffic that is not ZooKeeper's, on ZooKeeper's ports and others, whole and from the middle: never
// reported as ZooKeeper's. TLS is named with its handshake's facts, the admin server's HTTP by name.

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { connect } from "node:tls";
import type { Message, TlsStory } from "../lib/capture/message.ts";
import {
  b16,
  b32,
  Conversation,
  HELLO,
  merged,
  pcapFile,
  put,
  seeded,
  WELCOME,
} from "./support/capture_build.ts";
import { decodeAll } from "./support/capture_damage.ts";

const say = (words: string): Uint8Array => new TextEncoder().encode(words);
type Random = (n: number) => number;
const noise = (random: Random, length: number): Uint8Array =>
  Uint8Array.from({ length }, () => random(256));
const word = (random: Random): string => ["orders", "users", "a", "events.v2", "x-y"][random(5)];
const framed = (body: Uint8Array): Uint8Array => put(b32(body.length), body);
const short = (text: string): Uint8Array => put(b16(text.length), say(text));

/** One message each way of protocols that a ZooKeeper host may well speak too. */
const STRANGERS: Record<string, (random: Random, i: number) => [Uint8Array, Uint8Array]> = {
  random: (random) => [noise(random, 20 + random(400)), noise(random, 20 + random(400))],
  zeros: (random) => [new Uint8Array(8 + random(300)), new Uint8Array(8 + random(300))],
  ones: (random) => [
    new Uint8Array(8 + random(300)).fill(255),
    new Uint8Array(8 + random(300)).fill(255),
  ],
  kafka: (random, i) => [
    framed(put(b16(random(20)), b16(random(9)), b32(i), short(word(random)), b32(1), short("t"))),
    framed(put(b32(i), b32(1), short("topic"), b32(random(9)), b16(0), noise(random, random(90)))),
  ],
  "kafka, all zero bodies": (random, i) => [
    framed(put(b16(0), b16(0), b32(i), new Uint8Array(random(64)))),
    framed(put(b32(i), new Uint8Array(random(64)))),
  ],
  postgres: (random) => [
    put(say("Q"), b32(4 + 20), say("SELECT * FROM orders"), [0]),
    put(say("T"), b32(30 + random(50)), noise(random, 26), say("Z"), b32(5), say("I")),
  ],
  mysql: (random, i) => [
    put([21, 0, 0, i & 255, 3], say("SELECT 1 FROM users;")),
    put([1, 0, 0, 1, 1], noise(random, 40)),
  ],
  mongo: (random, i) => [
    put([64, 0, 0, 0], [i, 0, 0, 0, 0, 0, 0, 0, 0xdd, 7, 0, 0], noise(random, 48)),
    put([80, 0, 0, 0], [i, 0, 0, 0, i, 0, 0, 0, 0xdd, 7, 0, 0], noise(random, 64)),
  ],
  redis: (random) => [
    say(`*2\r\n$3\r\nGET\r\n$${word(random).length}\r\n${word(random)}\r\n`),
    say(`$5\r\nhello\r\n`),
  ],
  cassandra: (random, i) => [
    put([4, 0], b16(i), [7], b32(24), say("SELECT key FROM ks.table")),
    put([0x84, 0], b16(i), [8], b32(16), noise(random, 16)),
  ],
  "http/2": (random) => [
    put(say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), [0, 0, 12, 4, 0, 0, 0, 0, 0], noise(random, 12)),
    put([0, 0, 6, 4, 0, 0, 0, 0, 0], noise(random, 6)),
  ],
  thrift: (random, i) => [
    framed(put([0x80, 1, 0, 1], b32(4), say("ping"), b32(i), [0])),
    framed(put([0x80, 1, 0, 2], b32(4), say("ping"), b32(i), noise(random, random(9)))),
  ],
  dns: (random, i) => [
    put(b16(30), b16(i), [1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3], say("www"), noise(random, 14)),
    put(b16(46), b16(i), [0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 3], say("www"), noise(random, 30)),
  ],
  ssh: (random) => [
    put(say("SSH-2.0-OpenSSH_9.2\r\n"), b32(60), [20], noise(random, 59)),
    put(say("SSH-2.0-OpenSSH_9.2\r\n"), b32(60), [20], noise(random, 59)),
  ],
  hadoop: (random) => [
    put(say("hrpc"), [9, 0, 0], framed(noise(random, 40 + random(60)))),
    framed(put([random(60)], noise(random, 30))),
  ],
  amqp: (random) => [
    put(say("AMQP"), [0, 0, 9, 1]),
    put([1, 0, 0], b32(40), noise(random, 40), [0xce]),
  ],
  text: (random) => [say("stats please\n".repeat(1 + random(4))), say("no such command\n")],
};

const OURS = new Set(["client", "election", "quorum", "words"]);
const PORTS = [2181, 2888, 3888, 9092, 5432];

describe("traffic of others", () => {
  for (const [name, make] of Object.entries(STRANGERS)) {
    it(`${name} is never taken for ZooKeeper's, from its beginning or from the middle`, () => {
      let connections = 0;
      for (let seed = 0; seed < 60; seed++) {
        const random = seeded(seed * 31 + name.length);
        const talk = new Conversation(
          ["10.1.0.1", 30_000 + seed],
          ["10.1.0.2", PORTS[seed % PORTS.length]],
          { isn: [seed * 7_000_003, 99], segmentMax: 20 + random(1400) },
        );
        if (seed % 2 === 0) talk.open();
        for (let i = 1; i < 12; i++) {
          const [up, down] = make(random, i);
          talk.send(0, up, random(2) === 0).send(1, down, random(2) === 0);
        }
        if (seed % 3 === 0) talk.close();
        const { messages, facts } = decodeAll(pcapFile(talk.frames));
        const wrong = messages.filter((one) => OURS.has(one.protocol));
        assert.deepEqual(wrong.map((one) => `${one.protocol} ${one.name}`), [], `seed ${seed}`);
        assert.equal(facts.messages, messages.length);
        connections += 1;
      }
      assert.equal(connections, 60);
    });
  }

  it("a megabyte of noise in mid-stream gives no message", () => {
    const random = seeded(4711);
    const talk = new Conversation(["10.1.0.1", 4], ["10.1.0.2", 2181]);
    for (let i = 0; i < 64; i++) talk.send(i % 2 === 0 ? 0 : 1, noise(random, 16_384), false);
    assert.deepEqual(decodeAll(pcapFile(talk.frames)).messages, []);
  });
});

/** The first bytes that a TLS client really sends. */
async function clientHello(): Promise<Uint8Array> {
  return await new Promise((done) => {
    const wire = new Duplex({
      read() {},
      write(chunk: Uint8Array, _encoding, next) {
        next();
        done(new Uint8Array(chunk));
      },
    });
    const options = { socket: wire, servername: "zk1.example.com", ALPNProtocols: ["h2"] };
    connect(options).on("error", () => {});
  });
}

function serverHello(): Uint8Array {
  const extensions = put(b16(43), b16(2), b16(0x0304));
  const body = put(
    b16(0x0303),
    new Uint8Array(32).fill(7),
    [0],
    b16(0x1302),
    [0],
    b16(extensions.length),
    extensions,
  );
  const handshake = put([2, 0], b16(body.length), body);
  return put([22, 3, 3], b16(handshake.length), handshake);
}

const record = (type: number, body: Uint8Array): Uint8Array =>
  put([type, 3, 3], b16(body.length), body);

describe("TLS and HTTP", () => {
  it("TLS on any port is named, with the facts of its handshake", async () => {
    const random = seeded(1);
    const talk = new Conversation(["10.1.0.1", 5], ["10.1.0.2", 2181]).open();
    talk.send(0, await clientHello()).send(1, serverHello());
    for (let i = 0; i < 20; i++) talk.send(i % 2 === 0 ? 0 : 1, record(23, noise(random, 200)));
    const { decoded, messages, facts } = decodeAll(pcapFile(talk.close().frames));
    assert.ok(messages.every((one) => one.protocol === "tls"));
    assert.equal(facts.unreadable + facts.lost + facts.unknown, 0);
    const [hello, answer] = decoded.filter((one): one is TlsStory => one.type === "tls");
    assert.equal(hello.what, "client hello");
    assert.equal(hello.version, "TLS 1.3");
    assert.equal(hello.serverName, "zk1.example.com");
    assert.deepEqual(hello.protocols, ["h2"]);
    assert.equal(answer.version, "TLS 1.3");
    assert.equal(answer.cipher, "TLS_AES_256_GCM_SHA384");
  });

  it("TLS from the middle of a connection is TLS, a fatal alert is told", () => {
    const random = seeded(2);
    const talk = new Conversation(["10.1.0.1", 6], ["10.1.0.2", 2281]);
    for (let i = 0; i < 8; i++) talk.send(i % 2 === 0 ? 0 : 1, record(23, noise(random, 90)));
    const { messages } = decodeAll(pcapFile(talk.frames));
    assert.ok(messages.length >= 7 && messages.every((one) => one.protocol === "tls"));
    const refused = new Conversation(["10.1.0.1", 7], ["10.1.0.2", 2281]).open();
    refused.send(0, put([22, 3, 1, 0, 8, 1, 0, 0, 4], new Uint8Array(4)));
    refused.send(1, record(21, Uint8Array.of(2, 48)));
    const { decoded } = decodeAll(pcapFile(refused.frames));
    const alert = decoded.find((one) => one.type === "tls" && one.what === "alert");
    assert.ok(alert?.type === "tls" && alert.note === "fatal: unknown CA");
  });

  it("requests to the admin server are named, bodies passed over by their length", () => {
    const talk = new Conversation(["10.1.0.1", 8], ["10.1.0.2", 8080]).open();
    for (const command of ["stat", "leader"]) {
      talk.send(0, say(`GET /commands/${command} HTTP/1.1\r\nHost: zk\r\n\r\n`));
      talk.send(1, say(`HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"error":null}`));
    }
    const { messages, facts } = decodeAll(pcapFile(talk.close().frames));
    assert.deepEqual(messages.map((one: Message) => `${one.protocol} ${one.name}`), [
      "http GET /commands/stat",
      "http 200 OK",
      "http GET /commands/leader",
      "http 200 OK",
    ]);
    assert.equal(facts.unreadable, 0);
  });

  it("strangers beside a client do not disturb it", () => {
    const random = seeded(3);
    const ping = put(b32(8), b32(-2), b32(11));
    const pong = put(b32(16), b32(-2), b32(1), b32(5), b32(0));
    const client = new Conversation(["10.1.0.1", 9], ["10.1.0.2", 2181]).open();
    client.send(0, HELLO).send(1, WELCOME).send(0, ping).send(1, pong).close();
    const others = Object.values(STRANGERS).map((make, i) => {
      const talk = new Conversation(["10.1.0.3", 100 + i], ["10.1.0.2", 2181]).open();
      const [up, down] = make(random, i);
      return talk.send(0, up).send(1, down).close();
    });
    const { messages } = decodeAll(pcapFile(merged(client, ...others)));
    assert.deepEqual(messages.filter((one) => OURS.has(one.protocol)).map((one) => one.name), [
      "connect",
      "connect",
      "ping",
      "ping",
    ]);
  });
});
