// An observer that keeps no log becomes a voter: what it has learned is made durable before its new
// role begins, so that what it logs and acknowledges there leaves no hole behind it.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Cluster, type Node } from "../lib/sim/cluster.ts";
import { World } from "../lib/sim/world.ts";
import { OpCode } from "../lib/txn/opcodes.ts";

const SEEN = 0x500000000n;

class Bench {
  readonly world = new World(3);
  readonly cluster = new Cluster(this.world, {
    voters: 3,
    observers: 1,
    settings: { reconfigEnabled: "true", standaloneEnabled: "false", syncEnabled: "false" },
  });

  until(claim: () => boolean, what: string, within = 60_000): void {
    if (!this.world.runFor(within, claim)) {
      throw new Error(`${what}\n${this.world.tail(30).join("\n")}`);
    }
  }

  served(nodes: readonly Node[]): void {
    this.until(() => nodes.every(({ peer }) => peer?.server !== null), "all serve");
  }

  write(): void {
    const server = this.cluster.leader()?.peer?.server;
    const before = server?.core.tree.lastZxid ?? 0n;
    const body = new Uint8Array([0, 0, 0x75, 0x30]);
    const owner = { name: "local" };
    const request = { sessionId: 0x100000n + before, cxid: 0, body, auth: [], owner };
    server?.core.backend.submit({ ...request, op: OpCode.createSession });
    this.until(() => (server?.core.tree.lastZxid ?? 0n) > before, "a write is committed");
  }

  /** The voters come again, and have seen a membership in which everybody votes. */
  restartWithVotesForAll(voters: readonly Node[]): void {
    const configOf = this.cluster.configOf.bind(this.cluster);
    this.cluster.configOf = (node) => {
      const config = configOf(node);
      if (node.isObserver) return config;
      const all = [...config.membership.members];
      const members = new Map(all.map(([sid, m]) => [sid, { ...m, role: "participant" as const }]));
      return { ...config, nextMembership: { ...config.membership, version: SEEN, members } };
    };
    for (const node of voters) {
      node.crash();
      node.start();
    }
  }
}

describe("an observer without a log that is made a voter", () => {
  it("has what it learned on disk before it follows, and acknowledges from there", () => {
    const bench = new Bench();
    const { nodes } = bench.cluster;
    const voters = nodes.filter(({ isObserver }) => !isObserver);
    const [observer] = nodes.filter(({ isObserver }) => isObserver);
    for (const node of nodes) node.start();
    bench.until(() => bench.cluster.leader() !== null, "a leader serves");
    bench.served(nodes);
    for (let i = 0; i < 3; i++) bench.write();
    bench.served(nodes);
    const { peer } = observer;
    const follows = (): boolean => peer?.server?.core.backend.role === "follower";
    const learned = (): bigint => peer?.tree?.lastZxid ?? 0n;
    bench.until(() => learned() === bench.cluster.leader()?.peer?.tree?.lastZxid, "it is level");
    assert.ok(learned() > (peer?.store.appended ?? 0n), "it keeps no log");
    bench.restartWithVotesForAll(voters);
    bench.until(follows, "it follows at its first try", 4000);
    assert.ok((peer?.store.durable ?? 0n) >= learned(), "its history is on disk");
    bench.write();
    observer.crash();
    observer.start();
    bench.served(nodes);
    assert.equal(observer.peer?.tree?.digest(), bench.cluster.leader()?.peer?.tree?.digest());
  });
});
