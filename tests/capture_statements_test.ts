// What the decoder says must be true: names of servers, latencies, who is meant by a filter. Each test
// is a capture of which a person would have been told something wrong.

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { toJsonl } from "../lib/capture/json.ts";
import type { Message, SessionStory } from "../lib/capture/message.ts";
import { OpCode } from "../lib/txn/opcodes.ts";
import {
  b32,
  Conversation,
  HELLO,
  merged,
  pcapFile,
  put,
  WELCOME,
} from "./support/capture_build.ts";
import { decodeAll } from "./support/capture_damage.ts";

const framed = (...parts: (Uint8Array | number[])[]): Uint8Array => {
  const body = put(...parts);
  return put(b32(body.length), body);
};
const zeros = (length: number): Uint8Array => new Uint8Array(length);
const talk = (): Conversation => new Conversation(["10.0.0.1", 9], ["10.0.0.2", 2181]);
const b32Bytes = (value: number): Uint8Array => put(b32(value));
const PING = framed(b32(-2), b32(11));
const PONG = framed(b32(-2), zeros(8), b32(0));

const replies = (messages: readonly Message[], name: string): Message[] =>
  messages.filter((one) => one.kind === "reply" && one.name === name);

describe("the name of a server", () => {
  const sidsOf = (conversation: Conversation): (bigint | null)[] =>
    decodeAll(pcapFile(conversation.frames)).decoded.flatMap((one) =>
      one.type === "session" ? [(one as SessionStory).sid] : []
    );

  it("is in the ids of the sessions that it opens", () => {
    assert.deepEqual(sidsOf(talk().open().send(0, HELLO).send(1, WELCOME)), [1n]);
  });

  it("is in them also where the highest bit is its own", () => {
    for (const sid of [1, 127, 128, 254]) {
      const welcome = put(WELCOME.subarray(0, 12), [sid], WELCOME.subarray(13));
      const sids = sidsOf(talk().open().send(0, HELLO).send(1, welcome));
      assert.deepEqual(sids, [BigInt(sid)]);
    }
  });

  it("is not in those of a read-only server: old ones take 1 for all of them", () => {
    const readOnly = put(WELCOME.subarray(0, -1), [1]);
    assert.deepEqual(sidsOf(talk().open().send(0, HELLO).send(1, readOnly)), [null]);
  });

  it("is not in that of a session which may have been opened elsewhere", () => {
    const conversation = talk().open().send(0, HELLO).send(1, WELCOME);
    conversation.frames.splice(3, 1); // the connect request
    assert.deepEqual(sidsOf(conversation), [null]);
  });
});

describe("the request behind an event", () => {
  const watch = (path: string, mode: number) => ({ op: OpCode.addWatch, path, more: b32(mode) });
  const unwatch = (path: string, type: number) => ({
    op: OpCode.removeWatches,
    path,
    more: b32(type),
  });
  const children = (path: string) => ({ op: OpCode.getChildren, path, more: [1] });
  type Step = ReturnType<typeof watch> | { op: number; path: string; more: number[] };

  /** Says for an event which of the requests before it armed its watch; the last answers may fail. */
  const armedBy = (steps: Step[], type: number, path: string, lastError = 0): number | null => {
    const text = (words: string): Uint8Array =>
      put(b32(words.length), new TextEncoder().encode(words));
    const conversation = talk().open().send(0, HELLO).send(1, WELCOME);
    steps.forEach(({ op, path, more }, i) => {
      const error = i === steps.length - 1 ? lastError : 0;
      conversation.send(0, framed(b32(i + 1), b32(op), text(path), more))
        .send(1, framed(b32(i + 1), b32(1), b32(9), b32(error)));
    });
    conversation.send(1, framed(b32(-1), zeros(8), b32(0), b32(type), b32(3), text(path)));
    const { messages } = decodeAll(pcapFile(conversation.frames));
    const event = messages[messages.length - 1];
    assert.equal(event.kind, "event");
    const requests = messages.filter((one) => one.kind === "request").map((one) => one.n);
    return event.about === null ? null : requests.indexOf(event.about);
  };
  const [CHANGED, CHILDREN] = [3, 4];
  const [PERSISTENT, RECURSIVE] = [0, 1];

  it("is none whose watch was removed", () => {
    const both = [watch("/a", PERSISTENT), watch("/", RECURSIVE)];
    assert.equal(armedBy(both, CHANGED, "/a"), 0);
    for (const type of [3, 4]) {
      assert.equal(armedBy([...both, unwatch("/a", type)], CHANGED, "/a"), 1, `type ${type}`);
    }
    assert.equal(armedBy([...both, unwatch("/a", 4)], CHANGED, "/a", -121), 0);
    assert.equal(armedBy([...both, unwatch("/a", 5)], CHANGED, "/a"), 0);
    assert.equal(armedBy([both[1], unwatch("/", 5)], CHANGED, "/a"), null);
    assert.equal(armedBy([children("/a"), unwatch("/a", 1)], CHILDREN, "/a"), null);
    assert.equal(armedBy([children("/a"), unwatch("/a", 2)], CHILDREN, "/a"), 0);
  });

  it("is no recursive watch where children are spoken of", () => {
    assert.equal(armedBy([watch("/", RECURSIVE)], CHILDREN, "/a"), null);
    assert.equal(armedBy([watch("/a", PERSISTENT)], CHILDREN, "/a"), 0);
  });
});

describe("an IPv6 address", () => {
  it("is the same in a greeting and in a packet, however it is written", () => {
    const host = "2001:db8:0:0:0:0:0:1";
    const greeting = (sid: number, text: string): Uint8Array => {
      const bytes = new TextEncoder().encode(text);
      return put(b32(-1), b32(-65536), b32(0), b32(sid), b32(bytes.length), bytes);
    };
    const vote = (leader: number): Uint8Array => {
      const head = put(b32(0), b32(0), b32(leader), zeros(8), zeros(4), b32(1), zeros(8), b32(2));
      return framed(head, b32(0));
    };
    for (const text of [`[${host}]:3881`, "[2001:DB8::1]:3881", "[2001:db8::1%eth0]:3881"]) {
      const wrap = (ip: Uint8Array): Uint8Array => put(zeros(12), [0x86, 0xdd], ip);
      const first = new Conversation([host, 8], [host, 3882], { wrap }).open()
        .send(0, greeting(1, text)).send(0, vote(1));
      const second = new Conversation([host, 9], [host, 3881], { wrap, time: 1e9 }).open()
        .send(0, greeting(2, `[${host}]:3882`)).send(0, vote(2)).send(1, vote(1));
      const { messages } = decodeAll(pcapFile([...first.frames, ...second.frames]));
      const { from, fromSid, toSid } = messages[messages.length - 1];
      assert.deepEqual([from, fromSid, toSid], ["[2001:db8::1]:3881", 1n, 2n], text);
    }
  });
});

describe("a connection that was there before the capture", () => {
  const vote = (leader: number, round: number): Uint8Array => {
    const head = put(b32(0), b32(0), b32(leader), zeros(8), zeros(4), b32(round), zeros(8), b32(2));
    return framed(head, b32(0));
  };
  const secret = (length: number): Uint8Array => put([23, 3, 3, 0, length], zeros(length));
  const first = (from: [string, number], to: [string, number], said: Uint8Array[]) => {
    const conversation = new Conversation(from, to);
    for (const bytes of said) conversation.send(0, bytes);
    const [message] = decodeAll(pcapFile(conversation.frames)).messages;
    return [message.protocol, message.direction];
  };

  it("has the listener where its port says, whoever speaks first", () => {
    const [dialler, listener]: [string, number][] = [["10.0.0.1", 45_000], ["10.0.0.2", 3888]];
    const votes = [vote(1, 1), vote(2, 1), vote(3, 1)];
    assert.deepEqual(first(dialler, listener, votes), ["election", "up"]);
    assert.deepEqual(first(listener, dialler, votes), ["election", "down"]);
    const records = [secret(80), secret(90), secret(100)];
    const [browser, secure]: [string, number][] = [["10.0.0.1", 45_000], ["10.0.0.2", 2281]];
    assert.deepEqual(first(browser, secure, records), ["tls", "up"]);
    assert.deepEqual(first(secure, browser, records), ["tls", "down"]);
  });

  it("has the leader where a session is said to be valid", () => {
    const valid = put(b32(6), zeros(0), b32(-1), b32(-1), b32(9), zeros(8), [1], b32(-1));
    assert.deepEqual(first(["10.0.0.3", 2888], ["10.0.0.1", 45_000], [valid]), ["quorum", "down"]);
  });
});

describe("an election", () => {
  it("is not won by the first two of five, who go on asking", () => {
    const vote = (leader: number): Uint8Array =>
      framed(b32(0), b32(0), b32(leader), zeros(8), zeros(4), b32(1), zeros(8), b32(1));
    const id = (sid: number): Uint8Array => put(b32(0), b32(sid));
    const hosts = (i: number): [string, number] => [`10.0.0.${i}`, 3888];
    // The lower id dials just to be dialled back.
    const lower = new Conversation(["10.0.0.1", 8], hosts(2)).open().send(0, id(1)).close();
    const early = new Conversation(["10.0.0.2", 9], hosts(1), { time: 1e6 }).open()
      .send(0, id(2)).send(0, vote(2)).send(1, vote(1)).send(1, vote(2));
    for (const wait of [200e6, 400e6, 800e6]) early.wait(wait).send(0, vote(2)).send(1, vote(2));
    const third = new Conversation(["10.0.0.3", 9], hosts(1), { time: 3e9 }).open()
      .send(0, id(3)).send(0, vote(3)).send(1, vote(3));
    const other = new Conversation(["10.0.0.3", 10], hosts(2), { time: 3e9 + 1e6 }).open()
      .send(0, id(3)).send(0, vote(3)).send(1, vote(3)).wait(1e9).send(0, zeros(0)).close();
    const { decoded } = decodeAll(pcapFile(merged(lower, early, third, other)));
    const elections = decoded.flatMap((one) => one.type === "election" ? [one] : []);
    assert.deepEqual(elections.map((one) => [one.leader, one.supporters]), [[3n, [1n, 2n, 3n]]]);
  });

  it("has no support of those who do not vote, though they say what they heard", () => {
    const vote = (high: number, low: number): Uint8Array =>
      framed(b32(0), b32(high), b32(low), zeros(8), zeros(4), b32(1), zeros(8), b32(1));
    const id = (sid: number): Uint8Array => put(b32(0), b32(sid));
    const leader: [string, number] = ["10.0.0.2", 3888];
    const lower = new Conversation(["10.0.0.2", 8], ["10.0.0.3", 3888]).open().send(0, id(2))
      .close();
    const voter = new Conversation(["10.0.0.3", 9], leader, { time: 1e6 }).open()
      .send(0, id(3)).send(0, vote(0, 3)).send(1, vote(0, 2)).send(1, vote(0, 3));
    const observer = new Conversation(["10.0.0.4", 9], leader, { time: 2e6 }).open()
      .send(0, id(4)).send(0, vote(0x80000000, 0)).send(0, vote(0, 3));
    const { decoded } = decodeAll(pcapFile(merged(lower, voter, observer)));
    const elections = decoded.flatMap((one) => one.type === "election" ? [one] : []);
    assert.deepEqual(elections.map((one) => [one.leader, one.supporters]), [[3n, [2n, 3n]]]);
    assert.match(elections[0].why, /^2, 3 voted for 3/);
  });

  it("began at a time in seconds, as all times of a line", () => {
    const vote = framed(b32(0), b32(0), b32(2), zeros(8), zeros(4), b32(1), zeros(8), b32(1));
    const conversation = new Conversation(["10.0.0.2", 9], ["10.0.0.1", 3888]).open()
      .wait(2e9).send(0, put(b32(0), b32(2))).send(0, vote);
    const { decoded } = decodeAll(pcapFile(conversation.frames));
    const [election] = decoded.filter((one) => one.type === "election").map((one) =>
      toJsonl(one, 0n)
    );
    assert.equal(election.from, 2.00005);
  });

  it("is not won by one server's own vote where nobody knows how many vote", () => {
    // As 3.4 has it: a bare id greets, notifications carry no configuration.
    const vote = framed(b32(0), b32(0), b32(2), zeros(8), zeros(4), b32(1), zeros(8), b32(1));
    const conversation = new Conversation(["10.0.0.2", 9], ["10.0.0.1", 3888]).open()
      .send(0, put(b32(0), b32(2))).send(0, vote).wait(5e9).send(0, vote);
    const { decoded, messages } = decodeAll(pcapFile(conversation.frames));
    assert.deepEqual(messages.map((one) => one.kind), [
      "greeting",
      "notification",
      "notification",
    ]);
    const leaders = decoded.flatMap((one) => one.type === "election" ? [one.leader] : []);
    assert.deepEqual(leaders, [null]);
  });
});

describe("a learner that catches up", () => {
  const packet = (type: number, high: number, low: number, data: Uint8Array | null): Uint8Array =>
    put(b32(type), b32(high), b32(low), b32(data?.length ?? -1), data ?? [], b32(-1));
  /** The end of a session that no client asked for. */
  const expiry = (low: number): Uint8Array =>
    packet(2, 1, low, put(b32(0x01000000), b32(low), b32(0), b32(1), b32(low), zeros(8), b32(-11)));
  const [DIFF, UPTODATE, NEWLEADER] = [13, 12, 10];
  const sid2 = put(zeros(4), b32(2), b32(0x10000), zeros(8));

  it("is known by what it says itself, in every version", () => {
    const config = put(sid2.subarray(0, 12), zeros(8));
    for (const info of [sid2.subarray(0, 8), sid2.subarray(0, 12), config]) {
      const conversation = new Conversation(["10.0.0.2", 9], ["10.0.0.3", 4000]).open()
        .send(0, packet(11, 1, 0, info), false).send(0, packet(3, 1, 1, null), false)
        .send(0, packet(3, 1, 2, null), false);
      const { messages } = decodeAll(pcapFile(conversation.frames));
      const names = messages.map(({ name, fromSid }) => `${name} of ${fromSid}`);
      assert.deepEqual(names, ["FOLLOWERINFO of 2", "ACK of 2", "ACK of 2"]);
    }
  });

  it("is sent the past: no session expires and nothing is written by that", () => {
    const conversation = new Conversation(["10.0.0.2", 9], ["10.0.0.3", 2888]).open()
      .send(0, packet(11, 1, 0, sid2)).send(1, packet(17, 2, 0, b32Bytes(0x10000)))
      .send(0, packet(18, 1, 1, b32Bytes(1))).send(1, packet(DIFF, 1, 2, null))
      .send(1, expiry(2)).send(1, packet(4, 1, 2, null))
      .send(1, packet(NEWLEADER, 2, 0, null)).send(0, packet(3, 2, 0, null))
      .send(1, packet(UPTODATE, 2, 0, null))
      .send(1, expiry(3)).send(0, packet(3, 1, 3, null)).send(1, packet(4, 1, 3, null));
    const { decoded } = decodeAll(pcapFile(conversation.frames));
    const told = decoded.flatMap((one) =>
      one.type === "write" || one.type === "session" ? [[one.type, one.zxid]] : []
    );
    assert.deepEqual(told, [["session", 0x100000003n], ["write", 0x100000003n]]);
    const [sync] = decoded.filter((one) => one.type === "sync");
    assert.deepEqual([sync?.proposals, sync?.outcome], [1, "complete"]);
  });
});

describe("the latency of a reply", () => {
  it("is that of its own ping when the reply to an earlier one was not captured", () => {
    const conversation = talk().open().send(0, HELLO).send(1, WELCOME).send(0, PING);
    const before = conversation.frames.length;
    conversation.send(1, PONG).wait(10e9);
    conversation.frames.splice(before, 1);
    for (let i = 0; i < 3; i++) conversation.send(0, PING).send(1, PONG).wait(10e9);
    const { messages } = decodeAll(pcapFile(conversation.frames));
    const pings = messages.filter((one) => one.kind === "request");
    const pongs = replies(messages, "ping");
    assert.deepEqual(pongs.map((one) => one.about), pings.slice(1).map((one) => one.n));
    // The first might be the late answer to the ping before it.
    assert.deepEqual(pongs.map((one) => one.latency), [null, 20_000, 20_000]);
  });

  it("is still known where what was lost is no reply", () => {
    const event = framed(b32(-1), zeros(8), b32(0), b32(1), b32(3), b32(2), [47, 97]);
    const conversation = talk().open().send(0, HELLO).send(1, WELCOME).send(0, PING);
    const before = conversation.frames.length;
    conversation.send(1, event).send(1, PONG);
    conversation.frames.splice(before, 1);
    const { messages } = decodeAll(pcapFile(conversation.frames));
    assert.deepEqual(replies(messages, "ping").map((one) => one.latency), [40_000]);
  });
});

describe("the answer to a word", () => {
  const say = (text: string): Uint8Array => new TextEncoder().encode(text);
  const asked = (): Conversation => talk().open().send(0, say("srvr\n")).send(1, say("Zookeeper"));

  it("came when it came, however and however late its connection ends", () => {
    const later = new Conversation(["10.0.0.1", 10], ["10.0.0.2", 2181], { time: 20e9 }).open();
    for (const end of [asked().wait(3e9).close(), asked().wait(3e9).reset(1), asked()]) {
      const { messages } = decodeAll(pcapFile([...end.frames, ...later.frames]));
      const [word, text] = messages;
      assert.deepEqual([word.kind, text.kind], ["word", "text"]);
      assert.deepEqual([text.time, text.latency], [50_000, 20_000]);
    }
  });
});

describe("what comes behind a body of the admin server", () => {
  const lines = (...texts: string[]): Uint8Array =>
    new TextEncoder().encode(texts.map((text) => `${text}\r\n`).join(""));
  const chunked = lines(
    "HTTP/1.1 200 OK",
    "Transfer-Encoding: chunked",
    "",
    "5;why=not",
    "hello",
    "1c",
    "0\r\n\r\nHTTP/1.1 500 Not a head",
    "0",
    "Trailer: yes",
    "",
  );

  const namesOf = (conversation: Conversation): string[] =>
    decodeAll(pcapFile(conversation.close().frames)).messages.map(({ name }) => name);
  const admin = (segmentMax: number): Conversation =>
    new Conversation(["10.1.0.1", 8], ["10.1.0.2", 8080], { segmentMax }).open();

  it("is seen where the body comes in chunks, wherever segments end", () => {
    for (let segmentMax = 1; segmentMax < 60; segmentMax += 7) {
      const conversation = admin(segmentMax);
      for (const path of ["/a", "/b"]) {
        conversation.send(0, lines(`GET ${path} HTTP/1.1`, "")).send(1, chunked);
      }
      assert.deepEqual(namesOf(conversation), ["GET /a", "200 OK", "GET /b", "200 OK"]);
    }
  });

  it("is seen where a length is said and no body follows", () => {
    const ok = (length: number, body: string): Uint8Array =>
      put(
        lines("HTTP/1.1 200 OK", `Content-Length: ${length}`, ""),
        new TextEncoder().encode(body),
      );
    const conversation = admin(1448)
      .send(0, lines("HEAD /a HTTP/1.1", "")).send(1, ok(500, ""))
      .send(0, lines("GET /b HTTP/1.1", "")).send(1, lines("HTTP/1.1 100 Continue", ""))
      .send(1, lines("HTTP/1.1 304 Not Modified", "Content-Length: 9", ""))
      .send(0, lines("GET /c HTTP/1.1", "")).send(1, ok(3, "abc"))
      .send(0, lines("GET /d HTTP/1.1", "")).send(1, ok(0, ""));
    const answers = namesOf(conversation).filter((name) => /^\d/.test(name));
    assert.deepEqual(answers, ["200 OK", "100 Continue", "304 Not Modified", "200 OK", "200 OK"]);
  });
});
