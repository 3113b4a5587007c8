// Fast leader election and its links: exact effects of single steps, and whole elections in a
// seeded world (quorum.md 1 to 3).

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Notification } from "../lib/records/election.ts";
import {
  beats,
  counts,
  Election,
  type ElectionEffect,
  type Electorate,
  ServerState,
  type Vote,
} from "../lib/zab/election.ts";
import { notificationFrame, readNotification } from "../lib/wire/election.ts";
import { Mesh, MESH_DEFAULTS } from "../lib/zab/mesh.ts";
import { ElectionWorld } from "./support/election_world.ts";

const at = (mono: number) => ({ mono, wall: mono });
const VOTERS = new Set([1n, 2n, 3n]);

const electorate = (sid: bigint, over: Partial<Electorate> = {}): Electorate => ({
  sid,
  voters: VOTERS,
  isVoter: true,
  isObserver: false,
  weightOf: () => 1n,
  isQuorum: (sids) => [...sids].filter((s) => VOTERS.has(s)).length >= 2,
  configText: "version=0",
  configVersion: 0n,
  ...over,
});

const heard = (over: Partial<Notification>): Notification => ({
  state: ServerState.looking,
  leader: 3n,
  zxid: 0x100000005n,
  electionEpoch: 1n,
  peerEpoch: 1n,
  version: 2,
  config: "version=0",
  ...over,
});

const looking = (sid: bigint, over: Partial<Electorate> = {}): Election => {
  const election = new Election(electorate(sid, over));
  election.step({ type: "look", zxid: 0x100000005n, currentEpoch: 1n }, at(0));
  return election;
};

const vote = (over: Partial<Vote>): Vote => ({
  leader: 1n,
  zxid: 5n,
  round: 1n,
  peerEpoch: 1n,
  version: 2,
  state: ServerState.following,
  ...over,
});

describe("vote order", () => {
  const rows: [string, Partial<Vote>, Partial<Vote>, boolean][] = [
    ["a higher epoch beats a higher zxid", { peerEpoch: 2n, zxid: 1n }, { zxid: 9n }, true],
    ["in one epoch the higher zxid beats the higher sid", { zxid: 6n }, { leader: 9n }, true],
    ["all else equal the higher sid wins", { leader: 2n }, { leader: 1n }, true],
    ["an equal vote does not beat", {}, {}, false],
    ["zxids compare as signed numbers", { zxid: -1n }, { zxid: 0n }, false],
  ];
  for (const [title, a, b, expected] of rows) {
    it(title, () => assert.equal(beats(vote(a), vote(b), () => 1n), expected));
  }

  it("a server of weight 0 never beats", () => {
    assert.equal(beats(vote({ peerEpoch: 9n }), vote({}), () => 0n), false);
  });

  it("established votes count together by leader and epoch, looking ones by all four", () => {
    assert.equal(counts(vote({ zxid: 1n, round: 7n }), vote({})), true);
    assert.equal(counts(vote({ peerEpoch: 2n }), vote({})), false);
    assert.equal(counts(vote({ version: 0, peerEpoch: 2n }), vote({})), true);
    const voter = { state: ServerState.looking };
    assert.equal(counts(vote({ ...voter, round: 2n }), vote(voter)), false);
    assert.equal(counts(vote({ ...voter, round: 2n }), vote({})), false);
  });
});

describe("a looking server", () => {
  it("says its own vote to every voter, itself included", () => {
    const election = new Election(electorate(1n));
    const effects = election.step({ type: "look", zxid: 7n, currentEpoch: 0n }, at(0));
    assert.deepEqual(
      effects.map((e) => e.type === "vote" && [e.to, e.notification.leader, e.notification.state]),
      [[1n, 1n, 0], [2n, 1n, 0], [3n, 1n, 0]],
    );
  });

  it("adopts a better vote and tells all", () => {
    const election = looking(1n);
    const effects = election.step({ type: "notified", from: 3n, notification: heard({}) }, at(1));
    assert.deepEqual(
      effects.map((e) => e.type === "vote" && [e.to, e.notification.leader]),
      [[1n, 3n], [2n, 3n], [3n, 3n]],
    );
  });

  it("waits 200 ms with a bare quorum, and not at all when everybody agrees", () => {
    const election = looking(3n);
    election.step({ type: "notified", from: 3n, notification: heard({}) }, at(1));
    election.step({ type: "notified", from: 1n, notification: heard({}) }, at(10));
    assert.equal(election.deadline, 200);
    assert.deepEqual(
      election.step({ type: "time" }, at(209)).filter((e) => e.type === "decided"),
      [],
    );
    const all = election.step({ type: "notified", from: 2n, notification: heard({}) }, at(209));
    assert.equal(all.find((e) => e.type === "decided")?.state, ServerState.leading);

    const alone = looking(3n);
    alone.step({ type: "notified", from: 3n, notification: heard({}) }, at(1));
    alone.step({ type: "notified", from: 1n, notification: heard({}) }, at(10));
    const decided = alone.step({ type: "time" }, at(210));
    assert.equal(decided.find((e) => e.type === "decided")?.state, ServerState.leading);
  });

  it("forgets the final wait when a better vote arrives", () => {
    const election = looking(2n);
    const mine = heard({ leader: 2n });
    election.step({ type: "notified", from: 2n, notification: mine }, at(1));
    election.step({ type: "notified", from: 1n, notification: mine }, at(2));
    election.step(
      { type: "notified", from: 3n, notification: heard({ zxid: 0x100000009n }) },
      at(100),
    );
    const effects = election.step({ type: "time" }, at(202));
    assert.equal(effects.some((e) => e.type === "decided"), false);
  });

  it("answers an older round and does not count it", () => {
    const election = looking(1n);
    election.step({ type: "look", zxid: 1n, currentEpoch: 1n }, at(0)); // round 2
    const effects = election.step({ type: "notified", from: 3n, notification: heard({}) }, at(1));
    assert.deepEqual(
      effects.map((e) => e.type === "vote" && [e.to, e.notification.electionEpoch]),
      [[3n, 2n]],
    );
  });

  it("starts a newer round from its own vote, not from what it had adopted", () => {
    const election = looking(2n);
    election.step(
      { type: "notified", from: 3n, notification: heard({ zxid: 0x900000000n }) },
      at(1),
    );
    const worse = heard({ leader: 1n, zxid: 1n, electionEpoch: 5n });
    const effects = election.step({ type: "notified", from: 1n, notification: worse }, at(2));
    const said = effects.find((e) => e.type === "vote");
    assert.equal(said?.notification.leader, 2n);
    assert.equal(said?.notification.electionEpoch, 5n);
  });

  it("joins an established ensemble only when the leader itself says so", () => {
    const election = looking(1n);
    const follows = heard({ state: ServerState.following, electionEpoch: 40n, leader: 2n });
    const first = election.step({ type: "notified", from: 3n, notification: follows }, at(1));
    assert.equal(first.some((e) => e.type === "decided"), false);
    const leads = { ...follows, state: ServerState.leading, zxid: 0n };
    const then = election.step({ type: "notified", from: 2n, notification: leads }, at(2));
    const decided = then.find((e) => e.type === "decided");
    assert.equal(decided?.state, ServerState.following);
    assert.equal(decided?.vote.leader, 2n);
    assert.equal(election.round, 40n);
  });

  it("drops votes of and for servers that are no voters", () => {
    const election = looking(1n);
    const effects = election.step(
      { type: "notified", from: 2n, notification: heard({ leader: 9n, zxid: 1n << 60n }) },
      at(1),
    );
    assert.deepEqual(effects, []);
  });

  it("takes no part while its database is not trusted", () => {
    const election = new Election(electorate(1n));
    election.step({ type: "look", zxid: -1n, currentEpoch: 0n }, at(0));
    const effects = election.step({ type: "notified", from: 3n, notification: heard({}) }, at(1));
    assert.deepEqual(effects, []);
  });

  it("reports a newer configuration", () => {
    // Before the vote that is said with it, which then decides nothing (2.3).
    const isQuorum = (sids: ReadonlySet<bigint>): boolean => sids.size === 2;
    const election = looking(1n, { voters: new Set([1n, 2n]), isQuorum });
    const own = heard({ leader: 1n });
    assert.deepEqual(election.step({ type: "notified", from: 1n, notification: own }, at(1)), []);
    const notification = heard({ leader: 1n, config: "server.1=a:1:2\nversion=10a" });
    const said = { type: "notified", from: 2n, notification } as const;
    assert.deepEqual(election.step(said, at(1)), [{ type: "newerConfig", from: 2n, notification }]);
    assert.equal(election.state, ServerState.looking);
    const refused = { ...said, isConfigRefused: true };
    assert.deepEqual(election.step(refused, at(1)).map(({ type }) => type), ["decided"]);
  });

  it("goes on behind the last of all rounds, which anybody may claim: rounds are longs (3.3)", () => {
    const last = (1n << 63n) - 1n;
    const members = new Map([...VOTERS].map((sid) => [sid, looking(sid)]));
    const notification = heard({ leader: 1n, electionEpoch: last });
    for (const election of members.values()) {
      election.step({ type: "notified", from: 3n, notification }, at(1));
      assert.equal(election.round, last);
    }
    const decided: Vote[] = [];
    const mail: { readonly from: bigint; readonly effect: ElectionEffect }[] = [];
    const look = { type: "look", zxid: 5n, currentEpoch: 1n } as const;
    for (const [from, election] of members) {
      mail.push(...election.step(look, at(2)).map((effect) => ({ from, effect })));
    }
    for (let count = 0; count < 1000; count++) {
      const next = mail.shift();
      if (next === undefined) break;
      const { from, effect } = next;
      if (effect.type === "decided") decided.push(effect.vote);
      if (effect.type !== "vote") continue;
      const frame = notificationFrame(effect.notification, 44);
      const { notification } = readNotification(frame.subarray(4));
      const effects = members.get(effect.to)?.step({ type: "notified", from, notification }, at(3));
      mail.push(...(effects ?? []).map((e) => ({ from: effect.to, effect: e })));
    }
    assert.deepEqual(decided.map(({ leader, round }) => [leader, round]), [
      [3n, -last - 1n],
      [3n, -last - 1n],
      [3n, -last - 1n],
    ]);
  });

  it("repeats itself with doubling waits up to the cap", () => {
    const election = looking(1n);
    const waits: number[] = [];
    let now = 0;
    for (let i = 0; i < 6; i++) {
      const due = election.deadline ?? 0;
      waits.push(due - now);
      now = due;
      assert.equal(election.step({ type: "time" }, at(now)).length, 3);
    }
    assert.deepEqual(waits, [200, 400, 800, 1600, 2000, 2000]);
  });
});

describe("a settled server", () => {
  const settled = (): Election => {
    const election = looking(3n);
    for (const from of [1n, 2n, 3n]) {
      election.step({ type: "notified", from, notification: heard({}) }, at(1));
    }
    assert.equal(election.state, ServerState.leading);
    return election;
  };

  it("answers a looking voter with its current vote and that vote's round", () => {
    const election = settled();
    election.step({ type: "established", epoch: 2n }, at(2));
    const notification = heard({ electionEpoch: 77n });
    const effects = election.step({ type: "notified", from: 1n, notification }, at(3));
    assert.deepEqual(effects.map((e) => e.type), ["voterLooks", "vote"]);
    const answer = effects.find((e) => e.type === "vote")?.notification;
    assert.deepEqual(
      [answer?.state, answer?.leader, answer?.electionEpoch, answer?.peerEpoch],
      [ServerState.leading, 3n, 1n, 2n],
    );
  });

  it("answers a stranger at once with its logical clock", () => {
    const election = settled();
    const effects = election.step({ type: "notified", from: 9n, notification: heard({}) }, at(3));
    assert.deepEqual(effects.map((e) => e.type === "vote" && e.to), [9n]);
  });

  it("does not answer a stranger the same again at once", () => {
    const election = settled();
    const asked = { type: "notified", from: 9n, notification: heard({}) } as const;
    assert.equal(election.step(asked, at(3)).length, 1);
    assert.equal(election.step(asked, at(4)).length, 0);
    election.step({ type: "established", epoch: 2n }, at(5));
    assert.equal(election.step(asked, at(6)).length, 1);
    assert.equal(election.step(asked, at(300)).length, 1);
  });

  it("answers a stranger that asks again too soon a little later, with what holds then", () => {
    const election = settled();
    const asked = { type: "notified", from: 9n, notification: heard({}) } as const;
    const told = (ms: number): unknown[] =>
      election.step({ type: "time" }, at(ms)).map((e) =>
        e.type === "vote" && [e.to, e.notification.peerEpoch]
      );
    assert.equal(election.step(asked, at(3)).length, 1);
    assert.equal(election.step(asked, at(4)).length, 0);
    assert.equal(election.step(asked, at(5)).length, 0);
    election.step({ type: "established", epoch: 2n }, at(6));
    assert.equal(election.deadline, 203);
    assert.deepEqual(told(202), []);
    assert.deepEqual(told(203), [[9n, 2n]]);
    assert.equal(election.deadline, null);
    assert.deepEqual(told(900), [], "once");
    const settledToo = { ...asked, notification: heard({ state: ServerState.following }) };
    assert.equal(election.step(settledToo, at(1000)).length, 1);
    assert.equal(election.step(settledToo, at(1001)).length, 0);
    assert.equal(election.deadline, null, "who has settled needs no answer");
  });

  it("remembers so many strangers and no more: whoever asked longest ago is news again", () => {
    const election = settled();
    const asks = (from: bigint): number =>
      election.step({ type: "notified", from, notification: heard({}) }, at(3)).length;
    const strangers = Array.from({ length: 64 }, (_, i) => BigInt(100 + i));
    for (const sid of strangers) assert.equal(asks(sid), 1);
    for (const sid of strangers) assert.equal(asks(sid), 0, `server ${sid} is remembered`);
    assert.equal(asks(1000n), 1);
    assert.equal(asks(101n), 0, "the second is still remembered");
    assert.equal(asks(100n), 1, "the first is not");
  });

  it("an observer does not answer voters of an older round", () => {
    const observer = new Election(electorate(9n, { isVoter: false, isObserver: true }));
    observer.step({ type: "look", zxid: 0n, currentEpoch: 0n }, at(0));
    observer.step({ type: "look", zxid: 0n, currentEpoch: 0n }, at(1));
    const effects = observer.step({ type: "notified", from: 1n, notification: heard({}) }, at(2));
    assert.deepEqual(effects, []);
  });

  it("ignores voters that do not look", () => {
    const notification = heard({ state: ServerState.following });
    assert.deepEqual(settled().step({ type: "notified", from: 1n, notification }, at(3)), []);
  });
});

describe("links", () => {
  const isMember = (sid: bigint): boolean => sid <= 5n;
  const mesh = (sid: bigint): Mesh =>
    new Mesh({ sid, helloWithinMs: 1000, ...MESH_DEFAULTS, isMember });

  it("the smaller side only nudges", () => {
    const m = mesh(1n);
    const said = m.step({ type: "say", to: 2n, notification: heard({}) }, at(0));
    assert.deepEqual(said, [{ type: "dial", sid: 2n, advertised: [] }]);
    const effects = m.step({ type: "dialled", link: 7, sid: 2n }, at(1));
    assert.deepEqual(effects.map((e) => e.type), ["introduce", "close"]);
    m.step({ type: "accepted", link: 8 }, at(2));
    const kept = m.step({ type: "introduced", link: 8, sid: 2n, addresses: [] }, at(3));
    assert.deepEqual(kept.map((e) => e.type), ["write"]);
  });

  it("a nudge is not sent into a link that works", () => {
    const m = mesh(1n);
    m.step({ type: "say", to: 2n, notification: heard({}) }, at(0));
    m.step({ type: "accepted", link: 8 }, at(1));
    m.step({ type: "introduced", link: 8, sid: 2n, addresses: [] }, at(1));
    const late = m.step({ type: "dialled", link: 7, sid: 2n }, at(2));
    assert.deepEqual(late.map((e) => e.type), ["close"]);
    assert.deepEqual(m.connected(), [2n]);
  });

  it("the larger side answers a nudge by dialling the advertised address", () => {
    const m = mesh(3n);
    m.step({ type: "accepted", link: 4 }, at(0));
    const addresses = [{ host: "10.0.0.1", port: 3888 }];
    const effects = m.step({ type: "introduced", link: 4, sid: 1n, addresses }, at(1));
    assert.deepEqual(effects.map((e) => e.type), ["close", "dial"]);
    assert.deepEqual(effects.at(-1), { type: "dial", sid: 1n, advertised: addresses });
  });

  it("whoever calls from elsewhere, while it is dialled where it was, is dialled there next", () => {
    const m = mesh(3n);
    const introduce = (link: number, host: string) => {
      m.step({ type: "accepted", link }, at(link));
      const addresses = [{ host, port: 3888 }];
      return m.step({ type: "introduced", link, sid: 1n, addresses }, at(link));
    };
    m.step({ type: "say", to: 1n, notification: heard({}) }, at(0)); // dialled where we are told
    assert.deepEqual(introduce(4, "10.0.0.8").map((e) => e.type), ["close"], "a dial is under way");
    const there = [{ host: "10.0.0.8", port: 3888 }];
    const next = m.step({ type: "dialFailed", sid: 1n }, at(5000));
    assert.deepEqual(next, [{ type: "dial", sid: 1n, advertised: there }]);
    introduce(5001, "10.0.0.8"); // says nothing new
    assert.deepEqual(m.step({ type: "dialFailed", sid: 1n }, at(10_000)), []);
    const later = m.step({ type: "time" }, at(m.deadline ?? 0));
    assert.deepEqual(later, [{ type: "dial", sid: 1n, advertised: [] }]);
  });

  it("strangers that claim ever other sids are forgotten, oldest first; members are not", () => {
    const m = mesh(3n);
    const introduce = (link: number, sid: bigint): string[] => {
      m.step({ type: "accepted", link }, at(0));
      const effects = m.step({ type: "introduced", link, sid, addresses: [] }, at(0));
      return effects.map((effect) =>
        effect.type === "close" ? `close ${effect.link}` : effect.type
      );
    };
    const { outsidersMax } = MESH_DEFAULTS;
    assert.deepEqual(introduce(1, 5n), []);
    for (let i = 0; i < outsidersMax; i++) {
      assert.deepEqual(introduce(100 + i, BigInt(100 + i)), []);
    }
    assert.equal(m.connected().length, 1 + outsidersMax);
    for (let i = 0; i < 500; i++) {
      const oldest = i < outsidersMax ? 100 + i : 10_000 + i - outsidersMax;
      assert.deepEqual(introduce(10_000 + i, BigInt(10_000 + i)), [`close ${oldest}`]);
    }
    assert.equal(m.connected().length, 1 + outsidersMax);
    assert.ok(m.connected().includes(5n));
    assert.deepEqual(introduce(2, 4n), [], "a member is let in whatever strangers there are");
  });

  it("its own sid costs the stranger its link", () => {
    const m = mesh(3n);
    m.step({ type: "accepted", link: 4 }, at(0));
    const effects = m.step({ type: "introduced", link: 4, sid: 3n, addresses: [] }, at(1));
    assert.deepEqual(effects.map((e) => e.type), ["close"]);
  });

  it("silent strangers are closed in time, and there are never too many", () => {
    const m = mesh(3n);
    for (let link = 0; link < 64; link++) {
      assert.deepEqual(m.step({ type: "accepted", link }, at(0)), []);
    }
    const one = m.step({ type: "accepted", link: 64 }, at(1));
    assert.deepEqual(one.map((e) => e.type === "close" && e.link), [0]);
    assert.equal(m.step({ type: "time" }, at(1001)).length, 64);
  });

  it("the last message is said again on a new link", () => {
    const m = mesh(3n);
    m.step({ type: "say", to: 1n, notification: heard({ leader: 3n }) }, at(0));
    m.step({ type: "dialled", link: 1, sid: 1n }, at(1));
    m.step({ type: "heard", link: 1, notification: heard({ state: 1 }) }, at(2));
    m.step({ type: "closed", link: 1 }, at(3));
    m.step({ type: "accepted", link: 2 }, at(4));
    m.step({ type: "introduced", link: 2, sid: 1n, addresses: [] }, at(5));
    const effects = m.step({ type: "dialled", link: 3, sid: 1n }, at(6));
    assert.deepEqual(effects.map((e) => e.type), ["introduce", "write"]);
  });

  it("one that takes links and closes them is dialled ever more rarely, where we are told", () => {
    const m = mesh(3n);
    const addresses = [{ host: "localhost", port: 3888 }];
    m.step({ type: "accepted", link: 1 }, at(0));
    m.step({ type: "introduced", link: 1, sid: 1n, addresses }, at(0));
    m.step({ type: "say", to: 1n, notification: heard({}) }, at(0));
    let now = 0;
    const waits: number[] = [];
    for (let link = 2; link < 10; link++) {
      m.step({ type: "dialled", link, sid: 1n }, at(now));
      m.step({ type: "closed", link }, at(now));
      assert.deepEqual(m.step({ type: "time" }, at(now)), []);
      waits.push((m.deadline ?? 0) - now);
      now = m.deadline ?? 0;
      const again = m.step({ type: "time" }, at(now));
      assert.deepEqual(again, [{ type: "dial", sid: 1n, advertised: [] }]);
    }
    assert.deepEqual(waits, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
    m.step({ type: "dialled", link: 10, sid: 1n }, at(now));
    m.step({ type: "heard", link: 10, notification: heard({ state: 1 }) }, at(now));
    m.step({ type: "closed", link: 10 }, at(now));
    const said = m.step({ type: "say", to: 1n, notification: heard({}) }, at(now));
    assert.deepEqual(said.map((e) => e.type), ["dial"], "one that spoke comes back soon");
  });

  it("a link that leaves a question unanswered is replaced", () => {
    const m = mesh(3n);
    m.step({ type: "say", to: 1n, notification: heard({}) }, at(0));
    m.step({ type: "dialled", link: 1, sid: 1n }, at(1));
    assert.equal(m.deadline, 5001);
    const effects = m.step({ type: "time" }, at(5001));
    assert.deepEqual(effects.map((e) => e.type), ["close", "dial"]);
  });
});

describe("whole elections", () => {
  it("500 seeds: three to seven servers, one best server, restarts and cuts", () => {
    let slowest = 0;
    for (let seed = 1; seed <= 500; seed++) {
      const size = 3 + (seed % 5);
      const servers = Array.from({ length: size }, (_, i) => ({
        sid: BigInt(i + 1),
        zxid: 0x100000000n + BigInt((seed * (i + 7)) % 11),
        currentEpoch: 1n,
      }));
      const world = new ElectionWorld(servers, seed);
      for (const { sid } of servers) {
        world.at((seed * Number(sid) * 37) % 400, () => world.start(sid));
      }
      for (let cut = 0; cut < seed % 6; cut++) world.at(50 + cut * 97, () => world.cutSomeLink());
      world.run(400);
      const decided = world.runUntilDecided(20_000);
      assert.ok(decided, `seed ${seed}: no decision in 20 s`);
      slowest = Math.max(slowest, world.now);
    }
    assert.ok(slowest < 10_000, `slowest election ${slowest} ms`);
  });

  it("started together, all follow the best server", () => {
    for (let seed = 1; seed <= 100; seed++) {
      const servers = [1n, 2n, 3n, 4n, 5n].map((sid) => ({
        sid,
        zxid: 0x100000000n + ((sid * BigInt(seed)) % 7n),
        currentEpoch: 1n,
      }));
      const world = new ElectionWorld(servers, seed);
      for (const { sid } of servers) world.start(sid);
      assert.ok(world.runUntilDecided(10_000));
      const best = servers.reduce((a, b) =>
        b.zxid > a.zxid || (b.zxid === a.zxid && b.sid > a.sid) ? b : a
      );
      for (const server of world.servers.values()) {
        assert.equal(server.decided?.leader, best.sid, `seed ${seed}, sid ${server.facts.sid}`);
      }
    }
  });

  it("a server and an observer that come later join the leader that is there", () => {
    const servers = [1n, 2n, 3n].map((sid) => ({ sid, zxid: 5n, currentEpoch: 0n }));
    const observer = { sid: 9n, zxid: 0n, currentEpoch: 0n, observer: true };
    for (let seed = 1; seed <= 50; seed++) {
      const world = new ElectionWorld([...servers, observer], seed);
      world.start(1n);
      world.start(2n);
      assert.ok(world.runUntilDecided(10_000));
      world.start(3n); // a larger sid, but too late
      world.start(9n);
      assert.ok(world.runUntilDecided(20_000), `seed ${seed}`);
      assert.equal(world.servers.get(3n)?.decided?.leader, 2n);
      assert.equal(world.servers.get(9n)?.decided?.leader, 2n);
      assert.equal(world.servers.get(9n)?.election.state, ServerState.observing);
    }
  });

  it("after the leader's death the rest elects another", () => {
    for (let seed = 1; seed <= 50; seed++) {
      const servers = [1n, 2n, 3n].map((sid) => ({ sid, zxid: 5n, currentEpoch: 0n }));
      const world = new ElectionWorld(servers, seed);
      for (const { sid } of servers) world.start(sid);
      assert.ok(world.runUntilDecided(10_000));
      world.stop(3n);
      world.lookAgain(1n);
      world.at(world.now + (seed * 31) % 500, () => world.lookAgain(2n));
      world.run(world.now + 600);
      assert.ok(world.runUntilDecided(20_000), `seed ${seed}`);
      assert.equal(world.servers.get(1n)?.decided?.leader, 2n);
      assert.equal(world.servers.get(2n)?.decided?.leader, 2n);
    }
  });
});
