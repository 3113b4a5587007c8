// What would halt or stall Java servers is refused where it comes in: a learner does not pass it on,
// a leader makes no transaction of it. The same requests go to live ensembles with Java servers in
// interop_hazards_test.ts; HAZARDS.md says which test covers which hazard of the protocol.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isBadQuotaText, isNamelessQuota } from "../lib/server/hazards.ts";
import { ErrorCode as E, OpCode } from "../lib/txn/opcodes.ts";
import { FakeLearner } from "./support/fake_learner.ts";
import { type FakeClient, FakeServer } from "./support/fake_server.ts";
import { createBody, frameOf, type Hazard, hazards, quotaSteps } from "./support/hazards.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What a client got for one request: error codes of replies, `end` when it was thrown out. */
function answers(client: FakeClient): string[] {
  const taken = client.take();
  const view = new DataView(taken.buffer, taken.byteOffset, taken.length);
  const got: string[] = [];
  for (let at = 0; at < taken.length; at += 4 + view.getInt32(at)) {
    got.push(String(view.getInt32(at + 16)));
  }
  return client.isClosed ? [...got, "end"] : got;
}

const expected = ({ answer }: Hazard): string[] =>
  answer === "closed"
    ? [String(E.UNIMPLEMENTED), "end"]
    : answer === "cut"
    ? ["end"]
    : [`${answer}`];

describe("a learner's door", () => {
  for (const role of ["follower", "observer"] as const) {
    for (const hazard of hazards) {
      it(`of an ${role === "observer" ? role : "ordinary follower"}: ${hazard.name}`, () => {
        const learner = new FakeLearner(role);
        const client = learner.connect();
        client.raw(frameOf(1, hazard.op, hazard.body));
        const isSync = hazard.op === OpCode.sync;
        assert.deepEqual(learner.sent.map(({ kind }) => kind), isSync ? ["sync"] : []);
        learner.hear();
        learner.deliver();
        assert.deepEqual(answers(client), expected(hazard));
      });
    }
  }

  it("under a leader of 3.4 refuses what that falls over, and nothing else (H-R10)", () => {
    for (const role of ["follower", "observer"] as const) {
      const learner = new FakeLearner(role);
      learner.server.core.isLeaderBefore35 = true;
      const client = learner.connect();
      const ops = [OpCode.create2, OpCode.createContainer, OpCode.createTTL, OpCode.reconfig];
      for (const [i, op] of ops.entries()) client.raw(frameOf(i + 1, op, createBody("/a")));
      assert.deepEqual(answers(client), ops.map(() => String(E.UNIMPLEMENTED)));
      assert.deepEqual(learner.sent, []);
      client.raw(frameOf(9, OpCode.create, createBody("/a")));
      assert.equal(learner.sent.length, 1);
    }
  });

  it("lets pass what only looks like a hazard", () => {
    const learner = new FakeLearner();
    const client = learner.connect();
    const harmless = quotaSteps.map(([op, body], i) => frameOf(i + 1, op, body));
    for (const frame of harmless) client.raw(frame);
    assert.equal(learner.sent.length, harmless.length);
  });
});

describe("a leader", () => {
  for (const hazard of hazards) {
    it(`makes no change of ${hazard.name}`, () => {
      const server = new FakeServer({ prepare: { othersApply: true } });
      const client = server.connect();
      for (const [i, [op, body]] of quotaSteps.entries()) client.raw(frameOf(i + 1, op, body));
      assert.deepEqual(answers(client), ["0", "0", "0", "0"]);
      const before = server.log.length;
      const paths = server.tree.nodeCount;
      client.raw(frameOf(9, hazard.op, hazard.body));
      // The parts of a multi have errors of their own, and the whole has none.
      if (hazard.op === OpCode.multi && hazard.answer === E.BADARGUMENTS) {
        assert.equal(answers(client).length, 1);
      } else {
        assert.deepEqual(answers(client), expected(hazard));
      }
      // One refused part makes every server leave out the whole multi.
      for (const { header, body } of server.log.slice(before)) {
        const isRefused = body.kind === "error" ||
          (body.kind === "multi" && body.parts.some((part) => part.type === OpCode.error));
        assert.ok(
          isRefused || header.type === OpCode.closeSession,
          `type ${header.type} is logged`,
        );
      }
      assert.equal(server.tree.nodeCount, paths);
    });
  }

  it("that is alone takes usage that makes no sense, and goes on", () => {
    const server = new FakeServer();
    const client = server.connect();
    for (const [i, [op, body]] of quotaSteps.entries()) client.raw(frameOf(i + 1, op, body));
    client.take();
    assert.equal(client.set("/zookeeper/quota/limited/zookeeper_stats", "garbage"), 0);
    assert.equal(client.create("/limited/a"), 0);
  });
});

describe("hazards by name and text", () => {
  const names: [string, boolean][] = [
    ["/zookeeper/zookeeper_limits", true],
    ["/zookeeper/quota/zookeeper_limits", true],
    ["/zookeeper/quota/ /zookeeper_limits", true],
    ["/zookeeper/quota/ /  /zookeeper_limits", true],
    ["/zookeeperX/zookeeper_limits", true],
    ["/zookeeper/quotas/zookeeper_limits", true],
    ["/zookeeper/quota/a/zookeeper_limits", false],
    ["/zookeeper/quota/ /a/zookeeper_limits", false],
    ["/zookeeper_limits", false],
    ["/a/zookeeper_limits", false],
    ["/zookeeper/quota/a/zookeeper_stats", false],
  ];
  for (const [path, is] of names) {
    it(`${path} is ${is ? "no quota that has a name" : "harmless"}`, () => {
      assert.equal(isNamelessQuota(path), is);
    });
  }

  const texts: [string | null, boolean][] = [
    [null, true],
    ["", true],
    ["garbage", true],
    ["count=1", true],
    ["count=,bytes=1", true],
    ["count=1,bytes=", true],
    ["count=3000000000,bytes=1", true],
    ["count=1,bytes=2,countHardLimit=3", true],
    ["byteHardLimit=5", true],
    ["count=1,bytes=2", false],
    ["count=-1,bytes=9000000000", false],
    ["count=1,bytes=2=;byteHardLimit=3;countHardLimit=4", false],
  ];
  for (const [text, is] of texts) {
    it(`quota text ${JSON.stringify(text)} is ${is ? "not " : ""}legible to all`, () => {
      const data = text === null ? null : bytes(text);
      const limits = "/zookeeper/quota/a/zookeeper_limits";
      const stats = "/zookeeper/quota/a/zookeeper_stats";
      assert.equal(isBadQuotaText(limits, data, true), is);
      assert.equal(isBadQuotaText(stats, data, false), is);
      assert.equal(isBadQuotaText(stats, data, true), false, "it is counted afresh");
      assert.equal(isBadQuotaText("/zookeeper_limits", data, true), false);
    });
  }
});
