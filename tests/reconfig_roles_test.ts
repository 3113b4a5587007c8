// What a committed membership does to the role of a member: one that was taken out of it goes on
// following without a vote, one that was added votes from then on, and neither lets its clients go
// (quorum.md 8.5 and 8.6). Only whoever becomes an observer, or stops being one, begins anew.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Sid } from "../lib/base/ids.ts";
import type { Config } from "../lib/peer/config.ts";
import { Cluster, type Node } from "../lib/sim/cluster.ts";
import { World } from "../lib/sim/world.ts";

const SETTINGS = { reconfigEnabled: "true", standaloneEnabled: "false" };

/** What a newer membership makes of the one in force. */
type Change = (members: Map<Sid, Member>) => void;
type Member = Config["membership"]["members"] extends ReadonlyMap<Sid, infer M> ? M : never;

class Bench {
  readonly world = new World(5);
  readonly cluster: Cluster;
  /** Why roles of the member in question ended. */
  readonly ends: string[] = [];
  readonly #watched: Sid;

  constructor(watched: Sid, observers = 0) {
    this.#watched = watched;
    this.cluster = new Cluster(
      this.world,
      { voters: 4 - observers, observers, settings: SETTINGS },
      {
        noted: ({ sid }, { text, detail }) => {
          if (sid === watched && / is over$/.test(text)) this.ends.push(String(detail.why));
        },
      },
    );
  }

  membershipOf(sid: Sid): Config["membership"] {
    return this.cluster.configOf(this.cluster.node(sid)).membership;
  }

  /** In the eyes of `sids` there is no such member. */
  without(absent: Sid, version: bigint, ...sids: Sid[]): void {
    const configOf = this.cluster.configOf.bind(this.cluster);
    this.cluster.configOf = (node) => {
      const config = configOf(node);
      if (!sids.includes(node.sid)) return config;
      const members = new Map(config.membership.members);
      members.delete(absent);
      return { ...config, membership: { ...config.membership, version, members } };
    };
  }

  until(claim: () => boolean, what: string, within = 60_000): void {
    if (!this.world.runFor(within, claim)) {
      throw new Error(`${what}\n${this.world.tail(30).join("\n")}`);
    }
  }

  serve(): void {
    for (const node of this.cluster.nodes) node.start();
    this.served();
  }

  served(): void {
    const { nodes } = this.cluster;
    this.until(() => nodes.every(({ peer }) => peer?.server != null), "all serve");
  }

  /** All others come again, one of them leads, and have seen that membership: it is committed. */
  activate(version: bigint, change: Change): void {
    const { cluster } = this;
    const configOf = cluster.configOf.bind(cluster);
    cluster.configOf = (node) => {
      const config = configOf(node);
      const members = new Map(config.membership.members);
      change(members);
      return { ...config, nextMembership: { ...config.membership, version, members } };
    };
    const restarted = cluster.nodes.filter(({ sid }) => sid !== this.#watched);
    for (const node of restarted) node.crash();
    for (const node of restarted) node.start();
    this.until(() => cluster.nodes.every((node) => versionOf(node) === version), "it is in force");
    this.served();
    this.world.runFor(5000, () => false);
  }
}

const versionOf = ({ peer }: Node): bigint | undefined => peer?.ensemble?.membership.version;

describe("a membership is committed", () => {
  it("that leaves out a voter: it goes on following, with its clients", () => {
    const bench = new Bench(1n);
    bench.serve();
    bench.ends.length = 0;
    bench.activate(0x500000000n, (members) => void members.delete(1n));
    assert.equal(bench.ends.length, 1, bench.ends.join("; ")); // of the leader that was restarted
    assert.equal(bench.cluster.node(1n).peer?.server?.core.backend.role, "follower");
  });

  it("that names a server that follows without a vote: it goes on, with its clients", () => {
    // Whoever joins is in its own membership only, until it hears of the one that is in force.
    const bench = new Bench(1n);
    const all = new Map(bench.membershipOf(1n).members);
    bench.without(1n, 0x1n, 2n, 3n, 4n);
    bench.serve();
    const [newcomer] = bench.cluster.nodes;
    assert.equal(newcomer.peer?.ensemble?.membership.members.has(1n), false);
    bench.ends.length = 0;
    bench.activate(0x500000000n, (members) => all.forEach((m, sid) => members.set(sid, m)));
    assert.equal(bench.ends.length, 1, bench.ends.join("; "));
    assert.equal(newcomer.peer?.ensemble?.membership.members.has(1n), true);
    assert.equal(newcomer.peer?.server?.core.backend.role, "follower");
  });

  it("that leaves out an observer: it follows from now on, as a reconfig can make it a voter", () => {
    const bench = new Bench(4n, 1);
    bench.serve();
    bench.activate(0x500000000n, (members) => void members.delete(4n));
    const { peer } = bench.cluster.node(4n);
    assert.equal(peer?.server?.core.backend.role, "follower");
  });
});
