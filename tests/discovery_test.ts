import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Discovery, isAhead, judgeEpoch, UNTRUSTED_ZXID } from "../lib/zab/discovery.ts";
import { QuorumRule } from "../lib/zab/quorums.ts";
import { membership, zx } from "./support/zab.ts";

const OWN = { currentEpoch: 5n, lastZxid: zx(5, 7) };
const RULE = new QuorumRule(membership([1, 2, 3, 4, 5], [6]));
const discovery = (): Discovery => new Discovery(1n, RULE, OWN);

describe("discovery, the leader's half", () => {
  it("the epoch is one above all that were promised to a quorum", () => {
    const d = discovery();
    assert.equal(d.connected(1n, 5n), false);
    assert.equal(d.connected(2n, 9n), false);
    assert.equal(d.epoch, null);
    assert.equal(d.connected(3n, 4n), true);
    assert.equal(d.epoch, 10n);
    assert.equal(d.connected(4n, 20n), false, "who comes late does not move it");
    assert.equal(d.epoch, 10n);
  });

  it("nothing is decided without the leader itself", () => {
    const d = discovery();
    for (const sid of [2n, 3n, 4n, 5n]) assert.equal(d.connected(sid, 5n), false);
    assert.equal(d.connected(1n, 5n), true);
  });

  it("observers raise the epoch but do not decide it; strangers do neither (H-F18)", () => {
    const d = discovery();
    d.connected(1n, 5n);
    assert.equal(d.connected(6n, 11n), false);
    assert.equal(d.connected(99n, 700n), false);
    assert.equal(d.connected(4n, 5n, true), false, "a voter that came as an observer");
    assert.equal(d.connected(2n, 5n), false);
    assert.equal(d.connected(3n, 5n), true);
    assert.equal(d.epoch, 12n);
  });

  it("who left before the decision does not count", () => {
    const d = discovery();
    d.connected(1n, 5n);
    d.connected(2n, 5n);
    d.disconnected(2n);
    assert.equal(d.connected(3n, 5n), false);
    assert.equal(d.connected(2n, 5n), true);
  });

  const decided = (): Discovery => {
    const d = discovery();
    for (const sid of [1n, 2n, 3n]) d.connected(sid, 5n);
    return d;
  };

  it("a quorum of answers agrees", () => {
    const d = decided();
    assert.equal(d.accepted(1n, OWN), "noted");
    assert.equal(d.accepted(2n, OWN), "noted");
    assert.equal(d.accepted(2n, OWN), "noted", "nobody counts twice");
    assert.equal(d.accepted(3n, { currentEpoch: 4n, lastZxid: zx(4, 99) }), "agreed");
    assert.equal(d.isAgreed, true);
  });

  it("a learner with a newer history is refused, until a quorum has agreed (H-F6)", () => {
    const d = decided();
    assert.equal(d.accepted(2n, { currentEpoch: 6n, lastZxid: 0n }), "ahead");
    assert.equal(d.accepted(2n, { currentEpoch: 5n, lastZxid: zx(5, 8) }), "ahead");
    for (const sid of [1n, 2n, 3n]) d.accepted(sid, OWN);
    assert.equal(d.accepted(4n, { currentEpoch: 6n, lastZxid: zx(6, 1) }), "noted");
  });

  it("an answer of −1 does not count, nor does a database that is not trusted", () => {
    const d = decided();
    d.accepted(1n, OWN);
    assert.equal(d.accepted(2n, { currentEpoch: -1n, lastZxid: zx(5, 7) }), "noted");
    assert.equal(d.accepted(3n, { currentEpoch: 5n, lastZxid: UNTRUSTED_ZXID }), "noted");
    assert.equal(d.accepted(4n, OWN), "noted");
    assert.equal(d.accepted(5n, OWN), "agreed");
  });

  it("an empty leader that is not trusted never founds an epoch (ZOOKEEPER-2325)", () => {
    const d = new Discovery(1n, RULE, { currentEpoch: 0n, lastZxid: UNTRUSTED_ZXID });
    for (const sid of [1n, 2n, 3n]) d.connected(sid, 0n);
    const empty = { currentEpoch: 0n, lastZxid: UNTRUSTED_ZXID };
    for (const sid of [1n, 2n, 3n, 4n, 5n]) assert.equal(d.accepted(sid, empty), "noted");
  });

  it("histories compare by epoch, then by zxid", () => {
    assert.equal(isAhead({ currentEpoch: 5n, lastZxid: zx(5, 7) }, OWN), false);
    assert.equal(isAhead({ currentEpoch: 4n, lastZxid: zx(9, 9) }, OWN), false);
    assert.equal(isAhead({ currentEpoch: 6n, lastZxid: 0n }, OWN), true);
  });
});

describe("discovery, the learner's half", () => {
  it("a higher epoch is promised, the same one repeated, a lower one refused (H-L3)", () => {
    assert.deepEqual(judgeEpoch(6n, 5n, 4n), { answer: "promise", reported: 4n });
    assert.deepEqual(judgeEpoch(5n, 5n, 4n), { answer: "repeat", reported: -1n });
    assert.deepEqual(judgeEpoch(4n, 5n, 4n), { answer: "refuse" });
  });
});
