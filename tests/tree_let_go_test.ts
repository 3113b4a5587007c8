// A member that gets its database anew, with a leader's snapshot or from its disk, keeps nothing of
// the one before: two of them may be more than its memory.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Cluster, type Node } from "../lib/sim/cluster.ts";
import { World } from "../lib/sim/world.ts";
import type { Tree } from "../lib/tree/tree.ts";

/** Collects what nobody holds. */
const collect = (): void => {
  setFlagsFromString("--expose-gc");
  const gc: unknown = runInNewContext("gc");
  assert.ok(typeof gc === "function");
  gc();
};

const treeOf = ({ peer }: Node): WeakRef<Tree> => {
  const tree = peer?.tree ?? null;
  assert.ok(tree !== null, "it has a tree");
  return new WeakRef(tree);
};

const isFollower = ({ peer }: Node): boolean => peer?.server?.core.backend.role === "follower";

describe("a member that gets a snapshot", () => {
  it("lets the tree of before go", async () => {
    const world = new World(7);
    const until = (what: string, claim: () => boolean): void =>
      assert.ok(world.runFor(60_000, claim), what);
    const settings = { forceSnapshotSync: "true", "4lw.commands.whitelist": "*" };
    const { nodes } = new Cluster(world, { voters: 3, observers: 0, settings });
    const [first, , third] = nodes;
    for (const node of nodes) node.start();
    const ofStart = treeOf(first);
    until("it follows", () => isFollower(first));
    const ofRole = treeOf(first);
    assert.match(first.peer?.operator.word("mntr", null) ?? "", /zk_server_state\tfollower/);
    third.crash();
    until("its role ends", () => !isFollower(first));
    until("it follows again", () => isFollower(first));
    await new Promise((done) => setTimeout(done));
    collect();
    assert.equal(ofStart.deref(), undefined, "the tree of the start");
    assert.equal(ofRole.deref(), undefined, "the tree of the role before");
  });
});
