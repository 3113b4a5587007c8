// Whole messages of the three ports, as real servers and clients sent them and as the protocol
// notes give them: fields by path, the same bytes back, every prefix "so many missing" or a Fault.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Fault } from "../lib/base/errors.ts";
import { spanJson } from "../lib/codec/dissect.ts";
import { Input } from "../lib/codec/input.ts";
import type { Json } from "../lib/codec/json.ts";
import { readQuorumAuthPacket } from "../lib/records/quorum.ts";
import { OpCode } from "../lib/txn/opcodes.ts";
import { readInitialMessage } from "../lib/wire/election.ts";
import { FrameSplitter } from "../lib/wire/frames.ts";
import { PacketReader } from "../lib/wire/learner.ts";
import * as messages from "../lib/wire/message.ts";
import type { Message } from "../lib/wire/message.ts";
import { rowsOf, toHex } from "./support/golden.ts";

/** Message of a row's kind. Faults as its reader does; null while it is not all here. */
function decode(name: string, bytes: Uint8Array): Message | null {
  const [kind, detail] = name.split(":");
  switch (kind) {
    case "greeting": {
      const greeting = readInitialMessage(bytes);
      return typeof greeting === "number" ? null : { kind, greeting };
    }
    case "packet": {
      const reader = new PacketReader();
      reader.push(bytes);
      const packet = reader.next();
      const from = detail === "leader" ? "leader" : "learner";
      return packet === null ? null : messages.decodePacket(packet, from);
    }
    case "auth":
      return { kind, auth: readQuorumAuthPacket(new Input(bytes)) };
  }
  const frames = new FrameSplitter(1 << 20);
  frames.push(bytes);
  const frame = frames.next();
  if (frame === null) return null;
  switch (kind) {
    case "connectRequest":
      return messages.decodeConnectRequest(frame);
    case "connectResponse":
      return messages.decodeConnectResponse(frame);
    case "request":
      return messages.decodeRequest(frame);
    case "notification":
      return messages.decodeNotification(frame);
    case "reply": {
      const ops: Readonly<Record<string, number>> = OpCode;
      return messages.decodeReply(frame, detail === "none" ? null : ops[detail]);
    }
  }
  throw new Error(`no message is called ${name}`);
}

function fieldsOf(name: string, bytes: Uint8Array): Json {
  const message = decode(name, bytes);
  assert.ok(message !== null, `${name} is not whole`);
  const spans = messages.dissectMessage(message, bytes);
  return Object.fromEntries(spans.map((span) => [span.path, spanJson(span)]));
}

describe("messages", () => {
  const rows = rowsOf("records/messages.txt", fieldsOf);

  it("have the fields of their rows, and encode to the same bytes", () => {
    assert.ok(rows.length > 150);
    for (const { name, bytes, json, line } of rows) {
      assert.deepEqual(fieldsOf(name, bytes), json, `messages.txt:${line}`);
      const message = decode(name, bytes);
      assert.ok(message !== null);
      assert.equal(toHex(messages.encodeMessage(message)), toHex(bytes), `messages.txt:${line}`);
    }
  });

  it("are incomplete or a Fault when they are cut, never another message", () => {
    for (const { name, bytes, line } of rows) {
      for (let end = 0; end < bytes.length; end++) {
        let message: Message | null = null;
        try {
          message = decode(name, bytes.slice(0, end));
        } catch (error) {
          assert.ok(error instanceof Fault, `messages.txt:${line} after ${end}: ${error}`);
          continue;
        }
        assert.equal(message, null, `messages.txt:${line} after ${end} of ${bytes.length} bytes`);
      }
    }
  });

  it("cut inside their frame are a Fault, or a form that lacks its last field", () => {
    for (const { name, bytes, line } of rows) {
      const kind = name.split(":")[0];
      if (kind === "greeting" || kind === "packet" || kind === "auth") continue;
      const whole = fieldsOf(name, bytes);
      for (let end = 4; end < bytes.length; end++) {
        const cut = bytes.slice(0, end);
        new DataView(cut.buffer).setInt32(0, end - 4);
        let fields: Json;
        try {
          fields = fieldsOf(name, cut);
        } catch (error) {
          assert.ok(error instanceof Fault, `messages.txt:${line} after ${end}: ${error}`);
          continue;
        }
        checkShorter(fields, whole, end - 4, `messages.txt:${line} after ${end}`);
      }
    }
  });
});

/**
 * What a shorter form says must be what the longer one says: no field changes its value. Behind an
 * error there may be anything, which stays raw.
 */
function checkShorter(shorter: Json, whole: Json, length: number, where: string): void {
  assert.ok(shorter !== null && typeof shorter === "object" && !Array.isArray(shorter));
  assert.ok(whole !== null && typeof whole === "object" && !Array.isArray(whole));
  for (const [path, value] of Object.entries(shorter)) {
    if (path === "length") assert.equal(value, length, where);
    else if (path === "reply.body") assert.notEqual(shorter["reply.header.err"], 0, where);
    else if (path === "rest") assert.ok(length < 44, where); // a notification's unread bytes
    else assert.deepEqual(value, whole[path], `${where}: ${path}`);
  }
}
