// Recordings of real servers, whole and damaged: every payload byte has a name, and what the decoder
// says agrees with what servers and clients said themselves.

import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { spansOf } from "../lib/capture/fields.ts";
import type { Message, Story } from "../lib/capture/message.ts";
import { errorName } from "../lib/txn/opcodes.ts";
import { type Damage, damage, DAMAGES, pcapFile } from "./support/capture_build.ts";
import {
  type Account,
  decodeAll,
  framesOf,
  identity,
  type Placed,
  placesOf,
  Presence,
} from "./support/capture_damage.ts";
import { captureBytes, capturedVersions, joined, loadCapture } from "./support/captures.ts";

const EVENTS = ["", "NodeCreated", "NodeDeleted", "NodeDataChanged", "NodeChildrenChanged"];

function storiesOf<T extends Story["type"]>(account: Account, type: T): (Story & { type: T })[] {
  return account.decoded.filter((one): one is Story & { type: T } => one.type === type);
}

const versions = capturedVersions();
assert.ok(versions.length >= 5, "recordings of several versions are in fixtures/captures");

for (const version of versions) {
  describe(`the recording of ${version}`, () => {
    const capture = loadCapture(version);
    const { facts } = capture;
    const account = decodeAll(captureBytes(version));
    const { messages } = account;

    it("decodes with every payload byte in a field of a message", () => {
      assert.equal(account.facts.lost + account.facts.unreadable + account.facts.leftOver, 0);
      for (const message of messages) {
        assert.equal(message.bytes.length, message.size, `#${message.n}`);
        let at = 0;
        for (const span of spansOf(message)) {
          assert.equal(span.start, at, `#${message.n} ${message.name} ${span.path}`);
          assert.ok(!/(^|\.)(rest|bytes|body)$/.test(span.path), `#${message.n} ${span.path}`);
          at = span.end;
        }
        assert.equal(at, message.size, `#${message.n} ${message.name}`);
      }
    });

    it("gives each stream's bytes in order, and knows what each connection speaks", () => {
      const kinds = { "4lw": "words", client: "client", election: "election", quorum: "quorum" };
      const byStream = new Map<string, Message[]>();
      for (const message of messages) {
        const key = `${message.from}|${message.to}`;
        byStream.set(key, [...(byStream.get(key) ?? []), message]);
      }
      const garbage = new Set(facts.garbage.map(({ addr, port }) => `${addr}:${port}`));
      const expected = new Map<string, { bytes: Buffer; allowed: string[] }>();
      for (const { client, server, up, down, kind } of capture.connections) {
        const [a, b] = [`${client.addr}:${client.port}`, `${server.addr}:${server.port}`];
        if (garbage.has(a)) continue;
        for (const [key, chunks] of [[`${a}|${b}`, up], [`${b}|${a}`, down]] as const) {
          const before = expected.get(key); // ports used again
          const bytes = Buffer.concat([before?.bytes ?? Buffer.alloc(0), joined(chunks)]);
          const allowed = [...before?.allowed ?? [], kinds[kind]];
          if (bytes.length > 0) expected.set(key, { bytes, allowed });
        }
      }
      assert.deepEqual([...byStream.keys()].sort(), [...expected.keys()].sort());
      for (const [key, { bytes, allowed }] of expected) {
        const got = byStream.get(key) ?? [];
        const ordered = [...got].sort((a, b) => a.time - b.time || a.n - b.n);
        assert.deepEqual(Buffer.concat(ordered.map((one) => one.bytes)), bytes, key);
        assert.ok(got.every((one) => allowed.includes(one.protocol)), key);
      }
      const strange = account.facts.unknown;
      assert.equal(
        strange,
        capture.connections.filter((c) => garbage.has(`${c.client.addr}:${c.client.port}`))
          .reduce((sum, c) => sum + joined(c.up).length + joined(c.down).length, 0),
      );
    });

    it("matches every request of the clients with the reply they got", () => {
      const byN = new Map(messages.map((message) => [message.n, message]));
      const answered = new Map<string, Message[]>();
      for (const message of messages) {
        if (message.kind !== "reply" || message.about === null) continue;
        const request = byN.get(message.about);
        assert.ok(request);
        const key = `${request.from} ${request.xid} ${request.name}`;
        answered.set(key, [...(answered.get(key) ?? []), message]);
        assert.equal(message.latency, message.time - request.time);
      }
      let checked = 0;
      for (const op of facts.ops) {
        if (op.op === "connect" || op.result !== "answered" || op.err === undefined) continue;
        const from = `${op.from.addr}:${op.from.port}`;
        const name = op.op === "unknown" ? `op${op.type}` : op.op;
        const replies = answered.get(`${from} ${op.xid} ${name}`) ?? [];
        const wanted = `${errorName(op.err)} ${
          BigInt.asIntN(64, BigInt(op.zxid ?? 0))
        } ${op.replyLength}`;
        const got = replies.map((reply) =>
          `${errorName(reply.error ?? 1)} ${reply.zxid} ${reply.size - 4}`
        );
        assert.ok(got.includes(wanted), `${from} ${name} xid ${op.xid}: ${wanted} among ${got}`);
        checked += 1;
      }
      assert.ok(checked > 100, `${checked} requests checked`);
    });

    it("ties watch events to the clients that saw them, and to the requests that armed them", () => {
      const events = messages.filter((message) => message.kind === "event");
      assert.deepEqual(
        events.map((event) => `${event.name} ${event.path} ${event.zxid}`).sort(),
        facts.events.map((event) =>
          `${EVENTS[event.type]} ${event.path} ${BigInt.asIntN(64, BigInt(event.zxid))}`
        ).sort(),
      );
      const byN = new Map(messages.map((message) => [message.n, message]));
      for (const event of events) {
        // What setWatches finds changed is told before the request itself is answered.
        if (event.about === null) continue;
        const armed = byN.get(event.about);
        assert.equal(armed?.connection, event.connection);
      }
      const tied = events.filter((event) => event.about !== null).length;
      assert.ok(tied * 2 > events.length, `${tied} of ${events.length} tied`);
    });

    it("follows sessions, learners, epochs and writes as their owners tell them", () => {
      const opened = new Set(storiesOf(account, "session").map((one) => one.session));
      for (const session of facts.sessions) {
        assert.ok(opened.has(BigInt.asIntN(64, BigInt(session.id))), session.id);
      }
      const syncs = storiesOf(account, "sync").map((one) => `${one.sid} ${one.kind}`);
      let from = 0;
      for (const { sid, kind } of facts.syncs) {
        const at = syncs.indexOf(`${sid} ${kind}`, from);
        assert.ok(at >= 0, `${sid} ${kind} after ${syncs.slice(0, from)} in ${syncs}`);
        from = at + 1;
      }
      for (const write of storiesOf(account, "write")) {
        const order = [write.requested, write.forwarded].filter((time) => time !== null);
        assert.deepEqual([...order].sort((a, b) => a - b), order);
        for (const hop of write.hops) {
          if (hop.proposed !== null && hop.acked !== null) assert.ok(hop.proposed < hop.acked);
        }
      }
      const leaders = facts.stated.filter((one) => /Mode: leader/.test(one.text));
      const epochs = new Map(storiesOf(account, "epoch").map((one) => [one.epoch, one.leader]));
      for (const { sid, text } of leaders) {
        const zxid = BigInt(/Zxid: (0x[0-9a-f]+)/.exec(text)?.[1] ?? 0);
        const leader = epochs.get(zxid >> 32n);
        if (leader !== null && leader !== undefined) assert.equal(leader, BigInt(sid), text);
      }
    });
  });
}

describe("damaged recordings", () => {
  const SEEDS = 10;
  /** 5 kinds of damage, 10 seeds, 2 versions: a hundred captures. */
  for (const version of [versions[0], versions[versions.length - 1]]) {
    const whole = framesOf(captureBytes(version));
    const base = decodeAll(pcapFile(whole));
    const placed = placesOf(base.messages);
    const counts = countsOf(base.messages);
    for (const kind of DAMAGES) {
      it(`${version}: ${kind}: decodes what is there, never wrongly, and says what is not`, () => {
        const sums = { decodable: 0, missed: 0 };
        for (let seed = 0; seed < SEEDS; seed++) {
          const frames = damage(whole, kind, seed);
          const account = decodeAll(pcapFile(frames));
          const presence = new Presence(frames, whole);
          checkNothingWrong(account, base, counts, `${kind} ${seed}`);
          checkAccounts(account, presence, kind, `${kind} ${seed}`);
          const { decodable, missed } = coverage(account, placed, presence);
          sums.decodable += decodable;
          sums.missed += missed;
        }
        // Where a boundary was lost, a message that follows may be beyond recognition (a path that
        // no server would take, the counts before a snapshot's nodes). Its bytes are reported.
        const least = kind === "duplicate" || kind === "reorder" ? 1 : 0.999;
        const share = 1 - sums.missed / sums.decodable;
        assert.ok(share >= least, `${sums.missed} of ${sums.decodable} missed`);
      });
    }
  }

  function countsOf(messages: readonly Message[]): Map<string, number> {
    const all = new Map<string, number>();
    for (const one of messages) all.set(identity(one), (all.get(identity(one)) ?? 0) + 1);
    return all;
  }

  /** Every whole message is one that was sent, with the same meaning and the right request. */
  function checkNothingWrong(
    account: Account,
    base: Account,
    counts: ReadonlyMap<string, number>,
    where: string,
  ): void {
    const meant = new Map(base.messages.map((one) => [identity(one), one]));
    const requests = new Map(base.messages.map((one) => [one.n, one]));
    const byN = new Map(account.messages.map((one) => [one.n, one]));
    const seen = new Map<string, number>();
    for (const one of account.messages) {
      if (one.lost > 0 || one.kind === "malformed") continue;
      const key = identity(one);
      seen.set(key, (seen.get(key) ?? 0) + 1);
      assert.ok((seen.get(key) ?? 0) <= (counts.get(key) ?? 0), `${where}: #${one.n} was sent`);
      const same = meant.get(key);
      // Equal bytes on one connection (two setWatches, two pings) cannot be told apart here.
      if (same === undefined || counts.get(key) !== 1) continue;
      assert.equal(one.kind, same.kind, where);
      const isNamed = one.name !== "(unseen request)" && one.kind !== "text" && one.kind !== "word";
      if (isNamed) assert.equal(one.name, same.name, `${where} ${one.xid}`);
      const asked = one.about === null ? null : byN.get(one.about);
      if (one.kind !== "reply" || !asked || asked.lost > 0 || same.about === null) continue;
      const truth = requests.get(same.about);
      assert.ok(truth);
      assert.equal(identity(asked), identity(truth), `${where}: the request of #${one.n}`);
    }
  }

  /** Captured bytes are all handed on; holes are all reported. */
  function checkAccounts(
    account: Account,
    presence: Presence,
    kind: Damage,
    where: string,
  ): void {
    const { present, holes } = presence.totals;
    const { payload, lost } = account.facts;
    // What was cut is given up at once, though the sender may repeat it and be captured whole.
    const least = kind === "cut" ? present * 0.999 : present;
    assert.ok(payload >= least, `${where}: ${payload} of ${present} bytes handed on`);
    if (kind === "midstart") return; // what came before the capture is no loss
    assert.ok(lost >= holes * 0.98, `${where}: ${lost} of ${holes} lost bytes reported`);
    if (kind === "duplicate" || kind === "reorder") assert.equal(lost, 0, where);
  }

  function coverage(
    account: Account,
    placed: readonly Placed[],
    presence: Presence,
  ): { decodable: number; missed: number } {
    const got = countsOf(account.messages.filter((one) => one.lost === 0));
    const need = new Map<string, number>();
    let [decodable, missed] = [0, 0];
    // Pieces of a snapshot mean something only behind the packet that says that one follows.
    const isWhole = new Map<string, boolean>();
    for (const { message, key, start, end } of placed) {
      const isThere = presence.has(key, start, end);
      if (message.name === "SNAP") isWhole.set(key, isThere);
      else if (message.kind === "snapshot" && !isThere) isWhole.set(key, false);
      if (!isThere || (message.kind === "snapshot" && isWhole.get(key) !== true)) continue;
      decodable += 1;
      const id = identity(message);
      need.set(id, (need.get(id) ?? 0) + 1);
      if ((got.get(id) ?? 0) < (need.get(id) ?? 0)) missed += 1;
    }
    return { decodable, missed };
  }
});
