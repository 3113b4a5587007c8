import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { QuorumRule, Quorums } from "../lib/zab/quorums.ts";
import { membership, voters } from "./support/zab.ts";

const sids = (...list: number[]): bigint[] => list.map(BigInt);

/** Groups 1: 1-3, 2: 4-6, 3: 7-9, every weight one unless given. */
function grouped(weights: Record<number, number> = {}) {
  const members = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  return {
    ...voters(...members),
    groups: new Map(members.map((sid) => [BigInt(sid), BigInt(Math.ceil(sid / 3))])),
    weights: new Map(members.map((sid) => [BigInt(sid), BigInt(weights[sid] ?? 1)])),
  };
}

describe("quorums", () => {
  it("a majority is more than half, by integer division", () => {
    for (const [size, needed] of [[1, 1], [2, 2], [3, 2], [4, 3], [5, 3]] as const) {
      const rule = new QuorumRule(voters(...Array.from({ length: size }, (_, i) => i + 1)));
      const first = (n: number): bigint[] => sids(...Array.from({ length: n }, (_, i) => i + 1));
      assert.equal(rule.holds(first(needed)), true, `${needed} of ${size}`);
      assert.equal(rule.holds(first(needed - 1)), false, `${needed - 1} of ${size}`);
    }
  });

  it("observers and strangers do not count", () => {
    const rule = new QuorumRule(membership([1, 2, 3], [4, 5]));
    assert.equal(rule.holds(sids(1, 4, 5)), false);
    assert.equal(rule.holds(sids(1, 99)), false);
    assert.equal(rule.holds(sids(1, 2)), true);
    assert.equal(rule.isVoter(4n), false);
  });

  it("an empty set is never a quorum, not even of no voters", () => {
    assert.equal(new QuorumRule(voters()).holds([]), false);
    assert.equal(new QuorumRule(grouped()).holds([]), false);
  });

  it("groups need a majority of groups, each by a majority of weight", () => {
    const rule = new QuorumRule(grouped());
    assert.equal(rule.holds(sids(1, 2, 4, 5)), true);
    assert.equal(rule.holds(sids(1, 2, 3, 4, 7)), false, "five of nine, but one group only");
    assert.equal(rule.holds(sids(1, 4, 7)), false);
  });

  it("a group without weight is no group", () => {
    const rule = new QuorumRule(grouped({ 7: 0, 8: 0, 9: 0 }));
    assert.equal(rule.holds(sids(1, 2, 4, 5)), true);
    assert.equal(rule.holds(sids(1, 2, 7, 8, 9)), false, "one of two groups");
    assert.equal(rule.weightOf(7n), 0n);
    assert.equal(rule.weightOf(99n), 0n, "without an entry");
  });

  it("weights decide inside a group", () => {
    const rule = new QuorumRule(grouped({ 1: 5, 4: 5 }));
    assert.equal(rule.holds(sids(1, 4)), true);
    assert.equal(rule.holds(sids(2, 3, 5, 6)), false);
  });

  it("while a newer membership has been seen, both must hold", () => {
    const quorums = new Quorums(voters(1, 2, 3), membership([3, 4, 5], [], 9n));
    assert.equal(quorums.holds(sids(1, 2)), false);
    assert.equal(quorums.holds(sids(3, 4)), false);
    assert.equal(quorums.holds(sids(1, 3, 4)), true);
    assert.deepEqual([...quorums.voters].sort(), sids(1, 2, 3, 4, 5));
  });

  it("a last-seen membership that is not newer changes nothing", () => {
    const quorums = new Quorums(membership([1, 2, 3], [], 9n), membership([4, 5], [], 9n));
    assert.equal(quorums.lastSeen, null);
    assert.equal(quorums.holds(sids(1, 2)), true);
  });
});
