// Every byte that real servers and their clients sent in the recorded stories: it decodes, encodes
// back to the same bytes, and is dissected into fields without gap or overlap. What a client broke
// on purpose is named by the story (captures.ts) and must be exactly what does not decode.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { fromJson, type Json, toJson } from "../lib/codec/json.ts";
import { Output } from "../lib/codec/output.ts";
import { makeTxn, type Txn } from "../lib/txn/txn.ts";
import type { Body } from "../lib/wire/client.ts";
import { dissectMessage, encodeMessage, type Message } from "../lib/wire/message.ts";
import {
  type Capture,
  type CapturedConnection,
  capturedVersions,
  type Endpoint,
  loadCapture,
} from "./support/captures.ts";
import { converse, type Decoded } from "./support/conversation.ts";

interface Count {
  connections: number;
  messages: number;
  bytes: number;
  fields: number;
  broken: number;
}

interface Event {
  readonly from: "up" | "down";
  readonly at: number;
  readonly bytes: Uint8Array;
}

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const isSame = (a: Endpoint, b: Endpoint): boolean => a.addr === b.addr && a.port === b.port;

/** Both directions in the order of time, so that requests come before their replies. */
function eventsOf(connection: CapturedConnection): Event[] {
  const up = connection.up.map((chunk): Event => ({ from: "up", ...chunk }));
  const down = connection.down.map((chunk): Event => ({ from: "down", ...chunk }));
  return [...up, ...down].sort((a, b) => a.at - b.at);
}

function decodeAll(connection: CapturedConnection, cut: (bytes: Uint8Array) => Uint8Array[]) {
  const conversation = converse(connection.kind);
  const decoded: Decoded[] = [];
  for (const { from, bytes } of eventsOf(connection)) {
    for (const chunk of cut(bytes)) decoded.push(...conversation.push(from, chunk));
  }
  return { decoded, unread: conversation.unread("up") + conversation.unread("down") };
}

const asSent = (bytes: Uint8Array): Uint8Array[] => [bytes];
const singly = (bytes: Uint8Array): Uint8Array[] =>
  Array.from(bytes, (_, i) => bytes.subarray(i, i + 1));

/** All laws for one message; returns how many fields it has. */
function checkMessage(message: Message, bytes: Uint8Array, where: string): number {
  assert.equal(toHex(encodeMessage(message)), toHex(bytes), `${where}: encodes back`);
  const spans = dissectMessage(message, bytes);
  let at = 0;
  for (const span of spans) {
    assert.equal(span.start, at, `${where}: ${span.path} starts where the one before ends`);
    assert.ok(span.end > span.start, `${where}: ${span.path} has bytes`);
    at = span.end;
  }
  assert.equal(at, bytes.length, `${where}: the last field ends with the message`);
  const names = new Set(spans.map((span) => span.path));
  assert.equal(names.size, spans.length, `${where}: no name stands for two fields`);
  const unnamed = spans.find((span) => /(^|\.)(rest|body|bytes)$/.test(span.path));
  assert.equal(unnamed, undefined, `${where}: ${unnamed?.path} is no field of the protocol`);
  checkContent(message, where);
  return spans.length;
}

function checkContent(message: Message, where: string): void {
  if (message.kind === "request") checkBody(message.request.body, where);
  if (message.kind === "reply" && message.reply.kind === "reply") {
    checkBody(message.reply.body, where);
  }
  if (message.kind !== "packet") return;
  const { payload } = message;
  if (payload.kind === "request") checkBody(payload.body, where);
  if (payload.kind === "txn" || payload.kind === "activateTxn") checkTxn(payload.txn, where);
}

/** A packet keeps its txn's bytes as they are, so the txn is made anew from what was decoded. */
function checkTxn(txn: Txn, where: string): void {
  const made = makeTxn(txn.header, txn.body, txn.digest);
  assert.equal(toHex(made.bytes), toHex(txn.bytes), `${where}: the transaction encodes back`);
}

function checkBody(body: Body<unknown>, where: string): void {
  if (body.kind !== "record") return;
  const { codec, record } = body;
  const json: Json = JSON.parse(JSON.stringify(toJson(codec.shape, record)));
  const [before, after] = [new Output(), new Output()];
  codec.write(before, record);
  codec.write(after, fromJson(codec.shape, json));
  assert.equal(toHex(after.take()), toHex(before.take()), `${where}: comes back from JSON`);
}

/** True when the story says that this client sent nonsense here. */
function isMeant(capture: Capture, connection: CapturedConnection, decoded: Decoded): boolean {
  const { facts } = capture;
  if (facts.garbage.some((end) => isSame(end, connection.client))) return true;
  const xid = new DataView(decoded.bytes.buffer, decoded.bytes.byteOffset).getInt32(4);
  return decoded.from === "up" &&
    facts.ops.some((op) =>
      isSame(op.from, connection.client) && op.xid === xid && op.note === "truncated body" &&
      op.err === -5
    );
}

function readConnection(capture: Capture, connection: CapturedConnection, count: Count): void {
  const where = `${capture.facts.version} ${connection.kind} connection ${connection.id}`;
  const isGarbage = capture.facts.garbage.some((end) => isSame(end, connection.client));
  count.connections += 1;
  let read;
  try {
    read = decodeAll(connection, asSent);
  } catch (error) {
    if (!isGarbage) throw error;
    count.broken += 1;
    return;
  }
  for (const [index, decoded] of read.decoded.entries()) {
    const { message, bytes, from } = decoded;
    const here = `${where} ${from} message ${index} ${toHex(bytes.subarray(0, 64))}`;
    if (message.kind === "undecoded") {
      assert.ok(isMeant(capture, connection, decoded), `${here}: ${message.why.message}`);
      count.broken += 1;
      continue;
    }
    count.messages += 1;
    count.bytes += bytes.length;
    count.fields += checkMessage(message, bytes, here);
  }
  assert.equal(read.unread, 0, `${where}: no byte is left over`);
}

describe("recorded servers", () => {
  it("are recorded in eight releases", () => {
    const wanted = ["3.3.6", "3.4.5", "3.4.14", "3.5.10", "3.6.4", "3.7.2", "3.8.6", "3.9.5"];
    assert.deepEqual(capturedVersions(), wanted);
  });
  for (const version of capturedVersions()) {
    it(`${version}: every byte decodes, encodes back and has one field`, () => {
      const capture = loadCapture(version);
      const counts = new Map<string, Count>();
      for (const connection of capture.connections) {
        const count = counts.get(connection.kind) ??
          { connections: 0, messages: 0, bytes: 0, fields: 0, broken: 0 };
        counts.set(connection.kind, count);
        readConnection(capture, connection, count);
      }
      for (const [kind, count] of counts) {
        const { connections, messages, bytes, fields, broken } = count;
        console.log(
          `${version} ${kind}: ${connections} connections, ${messages} messages, ${bytes} bytes, ` +
            `${fields} fields; ${broken} broken on purpose`,
        );
      }
      assert.ok((counts.get("client")?.messages ?? 0) > 100);
      assert.ok((counts.get("election")?.messages ?? 0) > 20);
      assert.ok((counts.get("quorum")?.messages ?? 0) > 100);
    });

    it(`${version}: byte by byte the streams give the same messages`, () => {
      const { connections, facts } = loadCapture(version);
      for (const connection of connections) {
        if (connection.kind === "4lw") continue; // bare text has no messages to cut
        if (facts.garbage.some((end) => isSame(end, connection.client))) continue;
        const whole = decodeAll(connection, asSent).decoded;
        const split = decodeAll(connection, singly).decoded;
        const show = ({ from, message, bytes }: Decoded) =>
          `${from} ${message.kind} ${toHex(bytes)}`;
        assert.deepEqual(split.map(show), whole.map(show), `connection ${connection.id}`);
      }
    });

    it(`${version}: replies, sessions and events are what the clients were told`, () => {
      checkFacts(loadCapture(version));
    });
  }
});

/** Compares what was decoded with what the scripted clients read for themselves. */
function checkFacts({ facts, connections }: Capture): void {
  const told = { replies: 0, sessions: 0, events: 0 };
  const sessions = new Set(facts.sessions.map(({ id, password }) => `${id} ${password}`));
  for (const connection of connections) {
    if (connection.kind !== "client") continue;
    if (facts.garbage.some((end) => isSame(end, connection.client))) continue;
    const ops = facts.ops.filter((op) => isSame(op.from, connection.client));
    for (const { message, bytes } of decodeAll(connection, asSent).decoded) {
      if (message.kind === "connectResponse" && message.response.timeOut > 0) {
        const { sessionId, passwd } = message.response;
        const id = `0x${BigInt.asUintN(64, sessionId).toString(16)}`;
        assert.ok(passwd !== null && sessions.has(`${id} ${toHex(passwd)}`), `session ${id}`);
        told.sessions += 1;
      }
      if (message.kind !== "reply") continue;
      const { header } = message.reply;
      const zxid = `0x${BigInt.asUintN(64, header.zxid).toString(16)}`;
      if (message.reply.kind === "event") {
        const { type, state, path } = message.reply.event;
        const known = facts.events.some((event) =>
          event.type === type && event.state === state && event.path === path && event.zxid === zxid
        );
        assert.ok(known, `event ${type} of ${path}`);
        told.events += 1;
        continue;
      }
      const index = ops.findIndex((op) =>
        op.op !== "connect" && op.xid === header.xid && op.err === header.err && op.zxid === zxid &&
        op.replyLength === bytes.length - 4
      );
      assert.ok(index >= 0, `connection ${connection.id}: a reply to xid ${header.xid}`);
      ops.splice(index, 1);
      told.replies += 1;
    }
  }
  const answered = facts.ops.filter((op) => op.result === "answered" && op.op !== "connect");
  assert.equal(told.replies, answered.length);
  assert.equal(told.events, facts.events.length);
  assert.ok(told.sessions >= facts.sessions.length);
}
