// What the decoder says must be true: names of servers, latencies, who is meant by a filter. Each test
// is a capture of which a person would have been told something wrong.

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { Message, SessionStory } from "../lib/capture/message.ts";
import { b32, Conversation, HELLO, pcapFile, put, WELCOME } from "./support/capture_build.ts";
import { decodeAll } from "./support/capture_damage.ts";

const framed = (...parts: (Uint8Array | number[])[]): Uint8Array => {
  const body = put(...parts);
  return put(b32(body.length), body);
};
const zeros = (length: number): Uint8Array => new Uint8Array(length);
const talk = (): Conversation => new Conversation(["10.0.0.1", 9], ["10.0.0.2", 2181]);
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
