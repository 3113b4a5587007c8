// The recordings in fixtures/captures are fit to prove a codec with: complete, told in the same way by
// the packets and by the clients, and of every release and situation that they claim to show.
// Uses no codec of ours: only framing and the fixed header offsets, as the recording clients did.

import { strict as assert } from "node:assert";
import { describe, it } from "node:test";
import {
  type Capture,
  captureBytes,
  type CapturedConnection,
  capturedVersions,
  joined,
  loadCapture,
  type OpFacts,
  readSegments,
  reassemble,
  type Segment,
} from "./support/captures.ts";
import { javaVersions } from "./support/java.ts";
import { withoutBareAcks } from "./support/pcap_writer.ts";

describe("recorded conversations", () => {
  it("exist for every release that we are measured against", () => {
    assert.deepEqual(capturedVersions(), javaVersions);
  });

  it("are refused when any one segment in the middle of a stream is missing", () => {
    const all = [...readSegments(captureBytes("3.9.5"))];
    const cuts = middles(all);
    assert.ok(cuts.length > 100, `only ${cuts.length} places to cut`);
    for (const cut of cuts.filter((_, i) => i % 50 === 0)) {
      const without = all.filter((segment) => segment !== cut);
      assert.throws(() => reassemble(without), /lacks bytes/);
    }
  });

  it("are refused when a repeated segment differs from the first", () => {
    const all = [...readSegments(captureBytes("3.9.5"))];
    const [one] = middles(all);
    assert.ok(one);
    const again = { ...one, payload: one.payload.map((byte) => byte ^ 1) };
    const at = all.indexOf(one);
    const same = reassemble(all.toSpliced(at + 1, 0, one));
    assert.deepEqual(same, reassemble(all));
    assert.throws(() => reassemble(all.toSpliced(at + 1, 0, again)), /two different bytes/);
  });

  it("are packed without bare acknowledgements, and with all else", () => {
    const file = captureBytes("3.9.5");
    const first = 24; // the first packet is the SYN of a dial
    const length = new DataView(file.buffer).getUint32(first + 8, true);
    const ack = file.slice(first, first + 16 + length);
    ack[16 + 14 + 20 + 13] = 16;
    assert.deepEqual(withoutBareAcks(new Uint8Array([...file, ...ack])), file);
  });

  for (const version of capturedVersions()) {
    const capture = loadCapture(version);
    describe(version, () => checkCapture(capture));
  }
});

/** Segments with payload that are followed by more payload of the same direction. */
function middles(all: readonly Segment[]): Segment[] {
  const last = new Map<string, Segment>();
  const found: Segment[] = [];
  for (const segment of all) {
    const key = `${segment.from.addr}:${segment.from.port}>${segment.to.addr}:${segment.to.port}`;
    if (segment.syn) last.delete(key);
    if (segment.payload.length === 0) continue;
    const before = last.get(key);
    if (before !== undefined) found.push(before);
    last.set(key, segment);
  }
  return found;
}

function checkCapture({ facts, connections }: Capture): void {
  const isFirst = facts.version === "3.3.6";

  it("lost no packet and holds nothing that a stream does not need", () => {
    assert.equal(facts.packets.dropped, 0);
    const file = captureBytes(facts.version);
    const segments = [...readSegments(file)].length;
    assert.ok(segments > 1000 && segments < facts.packets.captured);
    assert.deepEqual(withoutBareAcks(file), file);
  });

  it("has every kind of connection, each to the port of a member", () => {
    const kinds = new Set(connections.map((connection) => connection.kind));
    assert.deepEqual([...kinds].sort(), ["4lw", "client", "election", "quorum"]);
    const leaders = new Set(
      connections.filter(({ kind }) => kind === "quorum").map(({ server }) => server.addr),
    );
    assert.ok(leaders.size >= 2, "the leader's death has to bring another leader");
  });

  it("carries the requests and answers that the clients wrote down, and no other", () => {
    for (const connection of connections.filter(({ kind }) => kind === "client")) {
      if (facts.garbage.some((end) => isAt(connection, end))) continue;
      const told = facts.ops.filter((op) => isAt(connection, op.from));
      checkRequests(connection, told);
      checkAnswers(connection, told);
    }
    const events = connections.flatMap(eventsOf);
    assert.equal(events.length, facts.events.length);
  });

  it("closes on a client only where the story provokes it", () => {
    const closed = facts.ops.filter((op) => op.result === "closed")
      .map((op) => `${op.client} ${op.op}`);
    const alone = isFirst ? [] : ["needs to write connect"];
    assert.deepEqual(closed, ["ahead connect", "mover setData", "loser create", ...alone]);
  });

  it("grants sessions whose ids and passwords are in the streams", () => {
    const streams = connections.filter(({ kind }) => kind === "client")
      .map(({ down }) => Buffer.from(joined(down)).toString("hex"));
    assert.ok(facts.sessions.length > 20);
    for (const { id, password, timeoutMs } of facts.sessions) {
      const words = timeoutMs.toString(16).padStart(8, "0") + id.slice(2).padStart(16, "0") +
        "00000010" + password;
      assert.ok(streams.some((stream) => stream.includes(words)), `${id} is in no stream`);
    }
  });

  it("shows a learner brought level in each way", () => {
    const kinds = new Set(facts.syncs.map((sync) => sync.kind));
    // 3.3 forgets its committed log at a restart, and so has nothing to truncate by.
    assert.deepEqual([...kinds].sort(), isFirst ? ["DIFF", "SNAP"] : ["DIFF", "SNAP", "TRUNC"]);
  });

  it("ends with one leader, two followers and an observer on one zxid", () => {
    const end = facts.chapters.find((chapter) => chapter.name === "the end");
    assert.ok(end);
    const last = facts.stated.filter(({ at }) => at >= end.from && at <= end.to);
    const find = (pattern: RegExp) => last.map(({ text }) => pattern.exec(text)?.[1]).sort();
    assert.deepEqual(find(/^Mode: (.*)$/m), ["follower", "follower", "leader", "observer"]);
    assert.equal(new Set(find(/^Zxid: (.*)$/m)).size, 1);
  });

  it("names no place of the machine that it was recorded on", () => {
    const words = Buffer.from(captureBytes(facts.version)).toString("latin1");
    for (const trace of ["/home/", "/root", ".jar", "user.dir", "host.name", ".cache"]) {
      assert.ok(!words.includes(trace), trace);
    }
  });
}

function isAt(connection: CapturedConnection, end: { addr: string; port: number }): boolean {
  return connection.client.addr === end.addr && connection.client.port === end.port;
}

/** Length-prefixed frames; the stream must end with a whole one. */
function framesOf(bytes: Uint8Array): DataView[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const frames: DataView[] = [];
  let at = 0;
  while (at < bytes.length) {
    const length = view.getInt32(at);
    frames.push(new DataView(bytes.buffer, bytes.byteOffset + at + 4, length));
    at += 4 + length;
  }
  assert.equal(at, bytes.length);
  return frames;
}

function checkRequests(connection: CapturedConnection, told: readonly OpFacts[]): void {
  const [, ...requests] = framesOf(joined(connection.up));
  const asked = requests.map((frame) => `${frame.getInt32(0)} ${frame.getInt32(4)}`).sort();
  const named = told.filter((op) => op.op !== "connect").map((op) => `${op.xid} ${op.type}`);
  assert.deepEqual(asked, named.sort(), `connection ${connection.id}`);
}

function checkAnswers(connection: CapturedConnection, told: readonly OpFacts[]): void {
  const [, ...answers] = framesOf(joined(connection.down));
  const words = (xid: number, zxid: string, err: number, length: number) =>
    `${xid} ${zxid} ${err} ${length}`;
  const given = answers.filter((frame) => frame.getInt32(0) !== -1).map((frame) =>
    words(
      frame.getInt32(0),
      `0x${frame.getBigUint64(4).toString(16)}`,
      frame.getInt32(12),
      frame.byteLength,
    )
  );
  const named = told.filter((op) => op.op !== "connect" && op.result === "answered").map((op) =>
    words(op.xid, op.zxid ?? "", op.err ?? 0, op.replyLength ?? 0)
  );
  assert.deepEqual(given.sort(), named.sort(), `connection ${connection.id}`);
}

function eventsOf(connection: CapturedConnection): DataView[] {
  if (connection.kind !== "client") return [];
  const [, ...answers] = framesOf(joined(connection.down));
  return answers.filter((frame) => frame.getInt32(0) === -1);
}
