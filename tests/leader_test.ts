import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Zxid } from "../lib/base/ids.ts";
import type { QuorumPacket } from "../lib/records/quorum.ts";
import { OpCode, PacketType } from "../lib/txn/opcodes.ts";
import { makeTxn } from "../lib/txn/txn.ts";
import { DiffSource } from "../lib/zab/catch_up.ts";
import { Leader } from "../lib/zab/leader.ts";
import { LeaderRoom } from "../lib/zab/leader_room.ts";
import { LeaderTraffic } from "../lib/zab/leader_traffic.ts";
import type { LeaderOptions } from "../lib/zab/leader_events.ts";
import {
  ackEpochPacket,
  bare,
  helloPacket,
  requestPacket,
  revalidatePacket,
} from "../lib/zab/packets.ts";
import {
  LEADER,
  LeaderBench,
  logOf,
  membership,
  txnAt,
  txnsOf,
  voters,
  zx,
} from "./support/zab.ts";

const ACK = (zxid: Zxid): QuorumPacket => bare(PacketType.ACK, zxid);
const HELLO = (sid: number, accepted = 5): QuorumPacket =>
  helloPacket(false, BigInt(accepted), BigInt(sid), 0n);
const OBSERVER = (sid: number): QuorumPacket => helloPacket(true, 5n, BigInt(sid), 0n);
const EPOCH = (zxid: Zxid = zx(5, 7), current = 5): QuorumPacket =>
  ackEpochPacket(zxid, BigInt(current));

function started(options: Partial<LeaderOptions> = {}, isQuick = true): LeaderBench {
  const bench = new LeaderBench(options, isQuick);
  bench.step({ type: "started" });
  return bench;
}

/** Brings a learner up to its NEWLEADER ACK. */
function join(bench: LeaderBench, link: number, hello: QuorumPacket, zxid = zx(5, 7)): string[] {
  const lines = bench.step({ type: "linked", link, remote: `learner ${link}` });
  lines.push(...bench.hear(link, hello, EPOCH(zxid)));
  lines.push(...bench.hear(link, ACK(zx(6, 0))));
  return lines;
}

/** A leader of 1, 2, 3 that serves in epoch 6 with server 2 on link 2. */
function serving(options: Partial<LeaderOptions> = {}): LeaderBench {
  const bench = started(options);
  join(bench, 2, HELLO(2));
  assert.equal(bench.leader.phase, "serving");
  bench.lines = [];
  return bench;
}

const durable = (bench: LeaderBench, upTo: Zxid): string[] => bench.step({ type: "durable", upTo });

describe("leader founding an epoch", () => {
  it("each epoch file is on disk before what it promises leaves (14.1, H-L4)", () => {
    const bench = started({}, false);
    bench.step({ type: "linked", link: 2, remote: "b" });
    assert.deepEqual(bench.hear(2, HELLO(2)), ["save accepted 6"]);
    assert.deepEqual(
      bench.step({ type: "saved", file: "accepted", epoch: 6n }),
      ["2> LEADERINFO 0x600000000 +4"],
    );
    assert.deepEqual(bench.hear(2, EPOCH()), ["save current 6"]);
    assert.deepEqual(
      bench.step({ type: "saved", file: "current", epoch: 6n }),
      ["catchUp 2 0x500000007"],
    );
  });

  it("serves when a quorum, itself included, acknowledged NEWLEADER; then UPTODATE", () => {
    const bench = started();
    bench.step({ type: "linked", link: 2, remote: "b" });
    bench.hear(2, HELLO(2), EPOCH());
    assert.deepEqual(bench.to(2), [
      "LEADERINFO 0x600000000 +4",
      "(diff to 0x500000007)",
      "NEWLEADER 0x600000000 +9",
    ]);
    assert.deepEqual(bench.hear(2, ACK(zx(6, 0))), [
      "established 6",
      "2> UPTODATE 0xffffffffffffffff",
    ]);
  });

  it("alone it serves at once, when it is the only voter", () => {
    const bench = new LeaderBench({ committed: membership([1], [2]) });
    assert.deepEqual(bench.step({ type: "started" }), [
      "save accepted 6",
      "save current 6",
      "established 6",
    ]);
  });

  it("its own history counts only when durable", () => {
    const late = new Leader({ ...LEADER, committed: voters(1) }, zx(5, 6));
    const now = { mono: 0, wall: 0 };
    late.step({ type: "started" }, now);
    late.step({ type: "saved", file: "accepted", epoch: 6n }, now);
    late.step({ type: "saved", file: "current", epoch: 6n }, now);
    assert.equal(late.phase, "syncing");
    late.step({ type: "durable", upTo: zx(5, 7) }, now);
    assert.equal(late.phase, "serving");
  });

  it("the epoch is above all that were promised (H-L3); observers do not make the quorum", () => {
    const bench = started({ committed: membership([1, 2, 3], [4]) });
    bench.step({ type: "linked", link: 4, remote: "o" });
    assert.deepEqual(bench.hear(4, OBSERVER(4)), []);
    bench.step({ type: "linked", link: 2, remote: "b" });
    assert.equal(bench.hear(2, HELLO(2, 8))[0], "save accepted 9");
  });

  it("a learner that is ahead is refused, the leader goes on (H-F6)", () => {
    const bench = started();
    bench.step({ type: "linked", link: 2, remote: "b" });
    assert.match(bench.hear(2, HELLO(2), EPOCH(zx(5, 8))).at(-1) ?? "", /^drop 2 .*ahead/);
    join(bench, 3, HELLO(3));
    assert.equal(bench.leader.phase, "serving");
  });

  it("resigns for a voter that has promised a later epoch, for a stranger or a double not", () => {
    const bench = serving();
    bench.step({ type: "linked", link: 9, remote: "stranger" });
    assert.deepEqual(bench.hear(9, HELLO(99, 7)), ["9> LEADERINFO 0x600000000 +4"]);
    bench.step({ type: "linked", link: 4, remote: "double" });
    assert.match(bench.hear(4, HELLO(2, 7))[0] ?? "", /^drop 4 server 2 follows already/);
    bench.step({ type: "linked", link: 6, remote: "an observer, or c as one" });
    assert.deepEqual(bench.hear(6, helloPacket(true, 180n, 3n, 0n)), [
      "6> LEADERINFO 0x600000000 +4",
    ], "it refuses by itself");
    bench.step({ type: "linked", link: 5, remote: "c" });
    assert.deepEqual(bench.hear(5, HELLO(3, 6)), ["5> LEADERINFO 0x600000000 +4"]);
    bench.step({ type: "unlinked", link: 5 });
    bench.step({ type: "linked", link: 3, remote: "c" });
    assert.deepEqual(bench.hear(3, HELLO(3, 7)), [
      "resign server 3 has promised epoch 7, later than ours",
    ]);
  });

  it("makes room for a late voter once: the next epoch is above its promise, come it or not", () => {
    const bench = serving();
    bench.step({ type: "linked", link: 3, remote: "c" });
    assert.match(bench.hear(3, HELLO(3, 500))[0] ?? "", /^resign/);
    assert.equal(bench.leader.promised, 500n);
    const next = started({
      acceptedEpoch: 6n,
      currentEpoch: 6n,
      epochFloor: bench.leader.promised,
    });
    next.step({ type: "linked", link: 2, remote: "b" });
    assert.equal(next.hear(2, HELLO(2, 6))[0], "save accepted 501");
  });

  it("a promise far above its own costs the link, at any time, whoever makes it (H-F18)", () => {
    const far = 5 + 0x10000 + 1;
    for (const sid of [3, 99]) {
      const gathering = started();
      gathering.step({ type: "linked", link: 3, remote: "c" });
      assert.match(gathering.hear(3, HELLO(sid, far))[0] ?? "", /^drop 3 .* accepted epoch 65542/);
      const leads = serving();
      leads.step({ type: "linked", link: 3, remote: "c" });
      assert.match(leads.hear(3, HELLO(sid, far + 1))[0] ?? "", /^drop 3/);
      assert.equal(leads.leader.phase, "serving");
    }
    const near = started();
    near.step({ type: "linked", link: 3, remote: "c" });
    assert.equal(near.hear(3, HELLO(3, far - 1))[0], `save accepted ${far}`);
  });

  it("gives up when a quorum does not come within initLimit, at each of the three waits", () => {
    const steps: readonly [string, QuorumPacket[]][] = [
      ["gathering", []],
      ["agreeing", [HELLO(2)]],
      ["syncing", [HELLO(2), EPOCH()]],
    ];
    for (const [phase, packets] of steps) {
      const bench = started();
      bench.step({ type: "linked", link: 2, remote: "b" });
      bench.hear(2, ...packets);
      assert.equal(bench.leader.phase, phase);
      for (bench.now = 50; bench.now <= 1050; bench.now += 50) bench.step({ type: "time" });
      assert.equal(bench.leader.phase, "over", phase);
    }
  });

  it("goes back early when a voter looks and maxTimeToWaitForEpoch has passed (7.8)", () => {
    const bench = started({ maxTimeToWaitForEpochMs: 300 });
    bench.now = 300;
    assert.deepEqual(bench.step({ type: "voterLooks", sid: 2n }), []);
    bench.now = 301;
    assert.deepEqual(bench.step({ type: "voterLooks", sid: 9n }), [], "no voter");
    assert.match(bench.step({ type: "voterLooks", sid: 2n })[0] ?? "", /^resign/);
    const patient = started();
    patient.now = 900;
    assert.deepEqual(patient.step({ type: "voterLooks", sid: 2n }), []);
  });

  it("a learner that comes back before the decision counts once", () => {
    const bench = started({ committed: voters(1, 2, 3, 4, 5) });
    for (const link of [2, 3]) {
      bench.step({ type: "linked", link, remote: "b" });
      bench.hear(link, HELLO(2));
    }
    bench.step({ type: "unlinked", link: 2 });
    assert.equal(bench.leader.phase, "gathering");
    bench.step({ type: "linked", link: 4, remote: "c" });
    bench.hear(4, HELLO(3));
    assert.equal(bench.leader.phase, "agreeing", "servers 1, 2 and 3");
  });
});

describe("leader and who introduces itself", () => {
  const refused = (packet: QuorumPacket): string => {
    const bench = started();
    bench.step({ type: "linked", link: 2, remote: "b" });
    return bench.hear(2, packet).at(-1) ?? "";
  };

  it("another first packet, an old protocol, a newer configuration cost the link (H-F1, H-F2)", () => {
    assert.match(refused(ACK(0n)), /^drop 2 ACK as the first packet/);
    assert.match(
      refused(requestPacket({ sessionId: 1n, cxid: 1, type: 1 }, new Uint8Array(0), null)),
      /^drop 2/,
    );
    assert.match(
      refused({ ...HELLO(2), data: HELLO(2).data?.slice(0, 8) ?? null }),
      /^drop 2 protocol 0x1/,
    );
    assert.match(refused({ ...HELLO(2), data: null }), /^drop 2 protocol 0x1/);
    assert.match(refused(helloPacket(false, 5n, 2n, 1n)), /^drop 2 server 2 has configuration 0x1/);
  });

  it("the leader's own sid costs the link: its acks would count as the leader's", () => {
    for (const hello of [HELLO(1), OBSERVER(1)]) {
      const bench = started();
      bench.step({ type: "linked", link: 2, remote: "impostor" });
      const lines = bench.hear(2, hello);
      assert.equal(lines.length, 1);
      assert.match(lines[0], /^drop 2 .*which is this one/);
      assert.equal(bench.leader.phase, "gathering", "it makes no quorum");
    }
  });

  it("an accepted epoch at the end of all epochs costs the link, not the ensemble (H-F18)", () => {
    assert.match(refused(helloPacket(false, 0x7fffffffn, 2n, 0n)), /^drop 2/);
  });

  it("a LearnerInfo of 12 bytes, as 3.4 sends it, is served", () => {
    const bench = started();
    join(bench, 2, { ...HELLO(2), data: HELLO(2).data?.slice(0, 12) ?? null });
    assert.equal(bench.leader.phase, "serving");
  });

  it("a stranger is served, and counts nowhere", () => {
    const bench = started();
    join(bench, 9, HELLO(9));
    assert.equal(bench.leader.phase, "gathering");
    join(bench, 2, HELLO(2));
    assert.equal(bench.leader.phase, "serving");
    bench.hear(9, EPOCH(), ACK(zx(6, 0)));
    bench.propose(txnAt(zx(6, 1)));
    bench.hear(9, ACK(zx(6, 1)));
    assert.deepEqual(bench.committed, []);
  });

  it("ACKEPOCH must come, with its data (H-F5)", () => {
    for (
      const packet of [ACK(0n), bare(PacketType.ACKEPOCH, 0n), {
        ...EPOCH(),
        data: new Uint8Array(3),
      }]
    ) {
      const bench = started();
      bench.step({ type: "linked", link: 2, remote: "b" });
      assert.match(bench.hear(2, HELLO(2), packet).at(-1) ?? "", /^drop 2/);
    }
  });

  it("anything but an ACK after NEWLEADER costs the link (H-F4)", () => {
    const bench = serving();
    bench.step({ type: "linked", link: 3, remote: "c" });
    bench.hear(3, HELLO(3), EPOCH());
    assert.match(bench.hear(3, EPOCH()).at(-1) ?? "", /^drop 3 ACKEPOCH in answer to NEWLEADER/);
  });
});

describe("leader bringing a learner level", () => {
  it("no PING before DIFF, TRUNC or SNAP, nor inside the stream (H-L5)", () => {
    const bench = started({}, false);
    bench.step({ type: "linked", link: 2, remote: "b" });
    const beat = (): string[] => {
      bench.now += 50;
      return bench.step({ type: "time" }).filter((line) => line.includes("PING"));
    };
    assert.deepEqual(beat(), []);
    bench.hear(2, HELLO(2));
    bench.step({ type: "saved", file: "accepted", epoch: 6n });
    assert.deepEqual(beat(), []);
    bench.hear(2, EPOCH());
    assert.deepEqual(beat(), []);
    bench.step({ type: "saved", file: "current", epoch: 6n });
    bench.step({ type: "planned", link: 2, plan: { way: "snap", upTo: zx(5, 7) } });
    assert.deepEqual(beat(), []);
    bench.step({ type: "streamed", link: 2 });
    assert.deepEqual(beat(), ["2> PING 0x600000000"], "keeps a follower that waits for others");
  });

  it("nothing live is sent between NEWLEADER and UPTODATE; then all of it (H-L8, H-L9, H-L28)", () => {
    const bench = serving();
    bench.isQuick = false;
    bench.propose(txnAt(zx(6, 1)));
    bench.step({ type: "linked", link: 3, remote: "c" });
    bench.hear(3, HELLO(3));
    assert.deepEqual(bench.hear(3, EPOCH()), ["catchUp 3 0x500000007"]);
    bench.isQuick = true;
    bench.propose(txnAt(zx(6, 2)));
    const plan = { way: "snap", upTo: zx(5, 7) } as const;
    bench.isQuick = false;
    bench.step({ type: "planned", link: 3, plan });
    durable(bench, zx(6, 1));
    bench.hear(2, ACK(zx(6, 1)));
    assert.deepEqual(bench.to(3), ["LEADERINFO 0x600000000 +4", "(snap to 0x500000007)"]);
    bench.lines = [];
    assert.deepEqual(bench.step({ type: "streamed", link: 3 }), [
      "3> PROPOSAL 0x600000001",
      "3> COMMIT 0x600000001",
      "3> NEWLEADER 0x600000000 +9",
    ]);
    bench.lines = [];
    durable(bench, zx(6, 2));
    bench.hear(2, ACK(zx(6, 2)));
    bench.propose(txnAt(zx(6, 3)));
    assert.deepEqual(bench.to(3), []);
    assert.deepEqual(bench.hear(3, ACK(zx(6, 0))), [
      "3> UPTODATE 0xffffffffffffffff",
      "3> PROPOSAL 0x600000002",
      "3> COMMIT 0x600000002",
      "3> PROPOSAL 0x600000003",
    ]);
    assert.deepEqual(durable(bench, zx(6, 3)), []);
    assert.equal(bench.hear(3, ACK(zx(6, 3))).includes("3> COMMIT 0x600000003"), true);
  });

  it("what levels a fuzzy snapshot goes without digests, what follows a DIFF with them (H-L26)", () => {
    for (const way of ["snap", "diff"] as const) {
      const bench = serving();
      bench.isQuick = false;
      bench.step({ type: "linked", link: 3, remote: "c" });
      bench.hear(3, HELLO(3), EPOCH());
      const plan = way === "snap"
        ? { way, upTo: zx(5, 7) }
        : { way, zxid: zx(5, 7), upTo: zx(5, 7), txns: new DiffSource(zx(5, 7), zx(5, 7), []) };
      bench.step({ type: "planned", link: 3, plan });
      const { header, body } = txnAt(zx(6, 1));
      const txn = makeTxn(header, body, { version: 2, treeDigest: 5n });
      bench.propose(txn);
      durable(bench, zx(6, 1));
      bench.hear(2, ACK(zx(6, 1)));
      const [first] = bench.leader.step({ type: "streamed", link: 3 }, { mono: 0, wall: 0 });
      const data = first?.type === "packet" ? first.packet.data : null;
      assert.equal(data?.length, txn.bytes.length - (way === "snap" ? 12 : 0));
    }
  });

  it("what the plan holds already is not sent twice", () => {
    const bench = serving();
    bench.propose(txnAt(zx(6, 1)));
    durable(bench, zx(6, 1));
    bench.hear(2, ACK(zx(6, 1)));
    bench.lines = [];
    join(bench, 3, HELLO(3));
    assert.deepEqual(bench.to(3), [
      "LEADERINFO 0x600000000 +4",
      "(diff to 0x600000001)",
      "NEWLEADER 0x600000000 +9",
      "UPTODATE 0xffffffffffffffff",
    ]);
  });

  it("an observer gets pairs before NEWLEADER and INFORM after UPTODATE, no bare PROPOSAL", () => {
    const bench = serving({ committed: membership([1, 2, 3], [4]) });
    bench.isQuick = false;
    bench.step({ type: "linked", link: 4, remote: "o" });
    bench.hear(4, OBSERVER(4), EPOCH());
    bench.propose(txnAt(zx(6, 1)));
    bench.propose(txnAt(zx(6, 2)));
    bench.propose(txnAt(zx(6, 3)));
    bench.step({ type: "planned", link: 4, plan: { way: "snap", upTo: zx(5, 7) } });
    durable(bench, zx(6, 3));
    bench.hear(2, ACK(zx(6, 1)));
    bench.step({ type: "streamed", link: 4 });
    bench.hear(2, ACK(zx(6, 2)));
    bench.hear(4, ACK(zx(6, 0)));
    bench.hear(2, ACK(zx(6, 3)));
    assert.deepEqual(bench.to(4).slice(2), [
      "PROPOSAL 0x600000001",
      "COMMIT 0x600000001",
      "NEWLEADER 0x600000000 +9",
      "UPTODATE 0xffffffffffffffff",
      "INFORM 0x600000002",
      "INFORM 0x600000003",
    ]);
  });

  it("an early ACK of a proposal is not taken for that of NEWLEADER (6.8, ZOOKEEPER-4685)", () => {
    const bench = started();
    bench.step({ type: "linked", link: 2, remote: "b" });
    bench.hear(2, HELLO(2), EPOCH());
    assert.deepEqual(bench.hear(2, ACK(zx(5, 7))), []);
    assert.equal(bench.leader.phase, "syncing");
    assert.equal(bench.hear(2, ACK(zx(6, 0)))[0], "established 6");
  });

  it("syncs of observers are throttled, those of followers are not (6.10)", () => {
    const bench = serving({ committed: membership([1, 2, 3], [4, 5, 6]), diffSyncsMax: 1 });
    bench.step({ type: "linked", link: 4, remote: "o" });
    bench.hear(4, OBSERVER(4), EPOCH());
    bench.step({ type: "linked", link: 5, remote: "o" });
    assert.match(bench.hear(5, OBSERVER(5), EPOCH()).at(-1) ?? "", /^drop 5 too many/);
    bench.step({ type: "linked", link: 3, remote: "c" });
    assert.match(bench.hear(3, HELLO(3), EPOCH()).at(-1) ?? "", /NEWLEADER/);
    bench.hear(4, ACK(zx(6, 0)));
    bench.hear(3, ACK(zx(6, 0)));
    bench.step({ type: "linked", link: 6, remote: "o" });
    assert.match(bench.hear(6, OBSERVER(6), EPOCH()).at(-1) ?? "", /NEWLEADER/);
  });
});

describe("leader broadcasting", () => {
  it("proposes in order to the serving followers and logs; commits on a quorum", () => {
    const bench = serving();
    assert.deepEqual(bench.propose(txnAt(zx(6, 1))), [
      "2> PROPOSAL 0x600000001",
      "log 0x600000001",
    ]);
    assert.deepEqual(bench.hear(2, ACK(zx(6, 1))), [], "our own log is not durable yet");
    assert.deepEqual(durable(bench, zx(6, 1)), ["2> COMMIT 0x600000001", "commit 0x600000001"]);
    assert.deepEqual(bench.hear(2, ACK(zx(6, 1))), [], "late acks are passed over");
  });

  it("commits in zxid order when acks come reversed, and forgets none (H-F11)", () => {
    const bench = serving();
    for (const txn of txnsOf(6, 1, 3)) bench.propose(txn);
    durable(bench, zx(6, 3));
    assert.deepEqual(bench.hear(2, ACK(zx(6, 3)), ACK(zx(6, 2))), []);
    assert.deepEqual(bench.hear(2, ACK(zx(6, 1))).filter((line) => line.startsWith("2>")), [
      "2> COMMIT 0x600000001",
      "2> COMMIT 0x600000002",
      "2> COMMIT 0x600000003",
    ]);
    assert.deepEqual(bench.committed, [zx(6, 1), zx(6, 2), zx(6, 3)]);
  });

  it("an ack is for that zxid alone, not for those below", () => {
    const bench = serving();
    for (const txn of txnsOf(6, 1, 2)) bench.propose(txn);
    durable(bench, zx(6, 2));
    bench.hear(2, ACK(zx(6, 2)));
    assert.deepEqual(bench.committed, []);
  });

  it("without its own disk two followers of three decide", () => {
    const bench = serving();
    join(bench, 3, HELLO(3));
    bench.propose(txnAt(zx(6, 1)));
    bench.hear(2, ACK(zx(6, 1)));
    assert.equal(bench.hear(3, ACK(zx(6, 1))).at(-1), "commit 0x600000001");
  });

  it("acks of observers, of strangers and of nothing do not count (H-F12, H-F20)", () => {
    const bench = serving({ committed: membership([1, 2, 3], [4]) });
    join(bench, 4, OBSERVER(4));
    join(bench, 9, HELLO(9));
    join(bench, 7, OBSERVER(3)); // a voter that came as an observer (H-F22)
    bench.propose(txnAt(zx(6, 1)));
    durable(bench, zx(6, 1));
    for (const link of [4, 9, 7]) bench.hear(link, ACK(zx(6, 1)));
    assert.deepEqual(bench.committed, []);
    assert.match(bench.hear(2, ACK(zx(6, 9)))[0] ?? "", /^warn 2 ACK of 0x600000009/);
    assert.deepEqual(bench.hear(2, ACK(zx(6, 0))), [], "the ACK of UPTODATE");
  });

  it("a served follower that speaks keeps its link: nobody takes it by its sid (H-F19)", () => {
    const bench = serving();
    bench.step({ type: "linked", link: 9, remote: "stray" });
    assert.match(bench.hear(9, HELLO(2, 0))[0] ?? "", /^drop 9 server 2 follows already/);
    bench.propose(txnAt(zx(6, 1)));
    durable(bench, zx(6, 1));
    bench.hear(2, ACK(zx(6, 1)));
    assert.deepEqual(bench.committed, [zx(6, 1)]);
  });

  it("a follower that comes anew takes the place of its link that is silent", () => {
    const bench = serving();
    bench.propose(txnAt(zx(6, 1)));
    durable(bench, zx(6, 1));
    bench.now = 101;
    const lines = join(bench, 7, HELLO(2));
    assert.equal(lines.includes("drop 2 server 2 has come on another link"), true);
    assert.equal(lines.includes("7> PROPOSAL 0x600000001"), true);
    bench.hear(2, ACK(zx(6, 1)));
    assert.deepEqual(bench.committed, [], "its old link is gone");
    bench.hear(7, ACK(zx(6, 1)));
    assert.deepEqual(bench.committed, [zx(6, 1)]);
  });

  it("a follower that came anew before the epoch was founded is brought level on that link", () => {
    const bench = started({ committed: voters(1, 2, 3, 4, 5) });
    for (const link of [2, 3]) {
      bench.step({ type: "linked", link, remote: "b" });
      bench.hear(link, HELLO(link));
    }
    bench.hear(2, EPOCH());
    bench.step({ type: "linked", link: 7, remote: "b again" });
    const repeated = ackEpochPacket(zx(5, 7), -1n);
    const again = bench.hear(7, HELLO(2, 6), repeated);
    assert.equal(again.includes("drop 2 server 2 has come on another link"), true);
    bench.hear(3, EPOCH());
    for (const link of [7, 3]) bench.hear(link, ACK(zx(6, 0)));
    assert.equal(bench.leader.phase, "serving");
    bench.propose(txnAt(zx(6, 1)));
    durable(bench, zx(6, 1));
    for (const link of [3, 7]) bench.hear(link, ACK(zx(6, 1)));
    assert.deepEqual(bench.committed, [zx(6, 1)]);
  });

  it("what was acknowledged before another sync does not count behind it: it was cut off", () => {
    const bench = started({ committed: voters(1, 2, 3, 4) });
    for (const link of [2, 3]) {
      bench.step({ type: "linked", link, remote: "b" });
      bench.hear(link, HELLO(link));
    }
    for (const link of [2, 3]) bench.hear(link, EPOCH());
    for (const link of [2, 3]) bench.hear(link, ACK(zx(6, 0)));
    const [first, second] = txnsOf(6, 1, 2);
    bench.propose(first);
    bench.propose(second);
    bench.hear(2, ACK(zx(6, 1)));
    bench.step({ type: "unlinked", link: 2 });
    join(bench, 7, HELLO(2), zx(6, 1)); // with TRUNC, for nothing of this epoch is committed
    durable(bench, zx(6, 2));
    bench.hear(3, ACK(zx(6, 1)), ACK(zx(6, 2)));
    assert.deepEqual(bench.committed, []);
    bench.hear(7, ACK(zx(6, 1)));
    assert.deepEqual(bench.committed, [zx(6, 1)]);
    bench.hear(7, ACK(zx(6, 2)));
    assert.deepEqual(bench.committed, [zx(6, 1), zx(6, 2)]);
  });

  it("an observer's COMMIT is the INFORM; a follower never gets one (H-L24)", () => {
    const bench = serving({ committed: membership([1, 2, 3], [4]) });
    join(bench, 4, OBSERVER(4));
    bench.lines = [];
    bench.propose(txnAt(zx(6, 1)));
    durable(bench, zx(6, 1));
    bench.hear(2, ACK(zx(6, 1)));
    assert.deepEqual(bench.to(4), ["INFORM 0x600000001"]);
    assert.deepEqual(bench.to(2), ["PROPOSAL 0x600000001", "COMMIT 0x600000001"]);
  });

  it("never skips or repeats a zxid, never proposes a bare check (H-L20, H-R9, H-R11)", () => {
    const bench = serving();
    assert.throws(() => bench.propose(txnAt(zx(6, 2))), /follow one another/);
    bench.propose(txnAt(zx(6, 1)));
    assert.throws(() => bench.propose(txnAt(zx(6, 1))), /follow one another/);
    assert.throws(() => bench.propose(txnAt(zx(6, 2), OpCode.check)), /H-R9/);
  });

  it("resigns before the counter ends (7.7)", () => {
    const bench = serving();
    const traffic = new LeaderTraffic(new LeaderRoom(LEADER), zx(6, 0xfffffffd));
    traffic.propose(txnAt(zx(6, 0xfffffffe)));
    assert.equal(traffic.isExhausted, true);
    assert.equal(bench.leader.traffic.isExhausted, false);
    const room = new LeaderRoom(LEADER);
    new LeaderTraffic(room, zx(6, 0xfffffffe)).propose(txnAt(zx(6, 0xffffffff)));
    assert.deepEqual(room.effects.map((effect) => effect.type), ["resign"]);
  });
});

describe("leader serving learners", () => {
  it("hands on a REQUEST as it came; short ones cost the link (H-F14)", () => {
    const bench = serving();
    const auth = [{ scheme: "ip", id: "::1" }];
    const body = new Uint8Array([1, 2, 3]);
    const packet = requestPacket({ sessionId: 0x99n, cxid: 4, type: 1 }, body, auth);
    const effects = bench.leader.step({ type: "packet", link: 2, packet }, { mono: 0, wall: 0 });
    assert.deepEqual(effects, [{
      type: "request",
      link: 2,
      request: { sessionId: 0x99n, cxid: 4, op: 1, body, auth },
    }]);
    assert.match(bench.hear(2, { ...packet, data: new Uint8Array(15) })[0] ?? "", /^drop 2/);
    const other = serving();
    assert.match(other.hear(2, { ...packet, data: null })[0] ?? "", /^drop 2/);
  });

  const SYNC = requestPacket(
    { sessionId: 1n, cxid: 1, type: OpCode.sync },
    new Uint8Array(0),
    null,
  );
  const PONG: QuorumPacket = {
    type: PacketType.PING,
    zxid: zx(6, 0),
    data: new Uint8Array(0),
    authinfo: null,
  };

  it("answers a sync when a quorum has answered a PING sent after it (7.11)", () => {
    const bench = serving();
    assert.equal(bench.hear(2, SYNC).includes("2> PING 0x600000000"), true);
    assert.equal(bench.leader.traffic.pendingSyncs, 1);
    assert.deepEqual(bench.hear(2, SYNC), [], "it shares the next round");
    const first = bench.hear(2, PONG);
    assert.deepEqual(first.filter((line) => line.startsWith("2>")), [
      "2> PING 0x600000000",
      "2> SYNC 0x0",
    ]);
    assert.deepEqual(bench.hear(2, PONG), ["2> SYNC 0x0"]);
    assert.equal(bench.leader.traffic.pendingSyncs, 0);
  });

  it("an answer to a PING from before a sync does not answer the sync (7.11)", () => {
    const bench = serving();
    bench.now += 60;
    assert.deepEqual(bench.step({ type: "time" }), ["2> PING 0x600000000"], "a beat");
    bench.hear(2, SYNC);
    assert.deepEqual(bench.hear(2, PONG), [], "of the beat");
    assert.deepEqual(bench.hear(2, PONG), ["2> SYNC 0x0"]);
  });

  it("a sync of our own clients, who are gone, is not answered to those who come next", () => {
    const bench = serving();
    bench.step({ type: "syncAsked" });
    bench.hear(2, SYNC);
    bench.leader.traffic.syncs.forgetOwn(); // another database: they are disconnected
    bench.step({ type: "syncAsked" });
    const first = bench.hear(2, PONG);
    assert.equal(first.includes("synced"), false, first.join());
    assert.deepEqual(bench.hear(2, PONG), ["2> SYNC 0x0", "synced"]);
    assert.equal(bench.leader.traffic.pendingSyncs, 0);
  });

  it("answers a sync before the COMMIT of what was proposed after it: its acks are proof", () => {
    const bench = serving();
    bench.hear(2, SYNC);
    bench.propose(txnAt(zx(6, 1)));
    durable(bench, zx(6, 1));
    bench.lines = [];
    bench.hear(2, ACK(zx(6, 1)));
    assert.deepEqual(bench.to(2), ["SYNC 0x0", "COMMIT 0x600000001"]);
    assert.deepEqual(bench.hear(2, PONG), []);
  });

  it("answers a sync behind the last COMMIT that it waits for (7.11)", () => {
    const bench = serving();
    for (const txn of txnsOf(6, 1, 2)) bench.propose(txn);
    bench.hear(2, SYNC, SYNC);
    bench.hear(2, PONG, PONG);
    assert.equal(bench.leader.traffic.pendingSyncs, 2);
    bench.propose(txnAt(zx(6, 3)));
    durable(bench, zx(6, 3));
    bench.lines = [];
    bench.hear(2, ACK(zx(6, 1)), ACK(zx(6, 2)), ACK(zx(6, 3)));
    assert.deepEqual(bench.to(2), [
      "COMMIT 0x600000001",
      "COMMIT 0x600000002",
      "SYNC 0x0",
      "SYNC 0x0",
      "COMMIT 0x600000003",
    ]);
  });

  it("REVALIDATE goes out with its session and comes back as nine bytes (H-F17, H-L25)", () => {
    const bench = serving();
    assert.deepEqual(bench.hear(2, revalidatePacket(0x77n, 4000)), ["revalidate 2 0x77 4000"]);
    const answer = { type: "revalidated", link: 2, sessionId: 0x77n, valid: true } as const;
    assert.deepEqual(bench.step(answer), ["2> REVALIDATE 0xffffffffffffffff +9"]);
    const short = { ...revalidatePacket(1n, 1), data: new Uint8Array(8) };
    assert.match(bench.hear(2, short)[0] ?? "", /^drop 2/);
  });

  it("PING answers touch sessions; null or partial ones cost the link (H-F7, H-F8)", () => {
    const PONG = (data: Uint8Array | null): QuorumPacket => ({
      ...bare(PacketType.PING, 0n),
      data,
    });
    const bench = serving();
    assert.deepEqual(bench.hear(2, PONG(new Uint8Array(0))), []);
    assert.deepEqual(bench.hear(2, PONG(new Uint8Array(12))), ["touch 2 0"]);
    assert.match(bench.hear(2, PONG(new Uint8Array(13)))[0] ?? "", /^drop 2/);
    assert.match(serving().hear(2, PONG(null))[0] ?? "", /^drop 2 PING without data/);
  });

  it("unknown types are passed over with a warning (H-F20)", () => {
    const bench = serving();
    for (const type of [PacketType.PROPOSAL, PacketType.DIFF, 99 as PacketType]) {
      assert.match(bench.hear(2, bare(type, 0n))[0] ?? "", /^warn 2/);
    }
  });
});

describe("leader and time", () => {
  const run = (bench: LeaderBench, until: number, each: () => void = () => {}): void => {
    while (bench.now < until && bench.leader.phase !== "over") {
      bench.now += 50;
      bench.step({ type: "time" });
      each();
    }
  };
  const PONG = { ...bare(PacketType.PING, 0n), data: new Uint8Array(0) };

  it("pings every half tick, also when idle (H-L16)", () => {
    const bench = serving();
    run(bench, 200, () => void bench.hear(2, PONG));
    assert.deepEqual(bench.to(2), Array(4).fill("PING 0x600000000"));
  });

  it("a silent learner loses its link after syncLimit, then the quorum its leader (H-F9)", () => {
    const bench = serving();
    run(bench, 500);
    assert.equal(bench.leader.phase, "over");
    assert.match(bench.lines.at(-1) ?? "", /^resign not enough followers/);
    const three = serving();
    join(three, 3, HELLO(3));
    run(three, 1000, () => void three.hear(3, PONG));
    assert.equal(three.leader.phase, "serving");
    assert.equal(three.lines.some((line) => line.startsWith("drop 2 silent")), true);
  });

  it("who acknowledged early and waited long for others is in time when it is served", () => {
    const bench = started({ committed: voters(1, 2, 3, 4, 5) });
    for (const link of [2, 3]) {
      bench.step({ type: "linked", link, remote: "b" });
      bench.hear(link, HELLO(link));
    }
    for (const link of [2, 3]) bench.hear(link, EPOCH());
    bench.hear(2, ACK(zx(6, 0)));
    run(bench, 650);
    assert.equal(bench.hear(3, ACK(zx(6, 0)))[0], "established 6");
    run(bench, 1150, () => void bench.hear(3, PONG));
    assert.equal(bench.leader.phase, "serving");
    run(bench, 1250, () => void bench.hear(3, PONG));
    assert.equal(bench.leader.phase, "over", "link 2 was silent for syncLimit");
  });

  it("a lost link is noticed at the next full tick", () => {
    const bench = serving();
    bench.step({ type: "unlinked", link: 2 });
    assert.equal(bench.leader.phase, "serving");
    run(bench, 100);
    assert.equal(bench.leader.phase, "over");
  });

  it("a proposal that is not acknowledged for syncLimit costs the link, PINGs or not (H-F10)", () => {
    const bench = serving();
    join(bench, 3, HELLO(3));
    bench.propose(txnAt(zx(6, 1)));
    bench.hear(3, ACK(zx(6, 1)));
    run(bench, 600, () => {
      bench.hear(2, PONG);
      bench.hear(3, PONG);
    });
    assert.equal(bench.lines.some((l) => l.startsWith("drop 2 no ACK of 0x600000001")), true);
    assert.equal(bench.lines.some((l) => l.startsWith("drop 3")), false);
  });

  it("a process that stood still blames nobody for it", () => {
    const bench = serving();
    bench.now = 60_000;
    bench.step({ type: "time" });
    assert.equal(bench.leader.phase, "serving");
    run(bench, 61_000);
    assert.equal(bench.leader.phase, "over");
  });

  it("a silent connection costs itself its link, others go on (H-E9)", () => {
    const bench = serving();
    bench.step({ type: "linked", link: 8, remote: "quiet" });
    run(bench, 1200, () => void bench.hear(2, PONG));
    assert.equal(bench.lines.some((line) => line.startsWith("drop 8 silent")), true);
    assert.equal(bench.leader.phase, "serving");
  });
});

describe("leader of a reconfig", () => {
  const configs = (bench: LeaderBench, staysLeader: boolean): void => {
    bench.step({
      type: "reconfigured",
      committed: voters(1, 2, 3),
      lastSeen: membership([2, 3, 4], [], zx(6, 1)),
      configText: "version=600000001",
      staysLeader,
    });
  };

  it("needs both quorums, says who leads, and commits nothing after a hand-over (8.6)", () => {
    const bench = serving();
    join(bench, 3, HELLO(3));
    configs(bench, false);
    bench.propose(txnAt(zx(6, 1), OpCode.reconfig, "version=600000001"));
    bench.propose(txnAt(zx(6, 2)));
    durable(bench, zx(6, 2));
    bench.hear(2, ACK(zx(6, 1)));
    assert.deepEqual(bench.committed, [], "only one of the new voters has it");
    bench.hear(3, ACK(zx(6, 1)));
    assert.deepEqual(bench.committed, [zx(6, 1)]);
    assert.equal(bench.lines.includes("2> COMMITANDACTIVATE 0x600000001 +8"), true);
    bench.hear(2, ACK(zx(6, 2)));
    bench.hear(3, ACK(zx(6, 2)));
    assert.deepEqual(bench.committed, [zx(6, 1)]);
  });

  it("prefers as next leader who has most of what follows", () => {
    const bench = serving();
    join(bench, 3, HELLO(3));
    configs(bench, false);
    bench.propose(txnAt(zx(6, 1), OpCode.reconfig, "version=600000001"));
    bench.propose(txnAt(zx(6, 2)));
    bench.hear(3, ACK(zx(6, 2)));
    bench.hear(2, ACK(zx(6, 1)));
    const event = { type: "packet", link: 3, packet: ACK(zx(6, 1)) } as const;
    const commit = bench.leader.step(event, { mono: 0, wall: 0 }).find((e) => e.type === "commit");
    assert.equal(commit?.type === "commit" ? commit.designated : null, 3n);
  });

  it("adopts the membership it has last seen when it serves, as its learners do (5.5)", () => {
    const version = zx(5, 0);
    const bench = started({
      lastSeen: membership([1, 2, 3, 4], [], version),
      configText: "version=500000000",
    });
    join(bench, 2, HELLO(2));
    assert.equal(bench.leader.phase, "syncing", "two of the four of the last-seen one");
    const lines = join(bench, 3, HELLO(3));
    assert.deepEqual(lines.slice(-4), [
      "established 6",
      "2> UPTODATE 0xffffffffffffffff",
      "3> UPTODATE 0xffffffffffffffff",
      "activate version=500000000",
    ]);
    bench.step({ type: "unlinked", link: 2 });
    bench.step({ type: "linked", link: 12, remote: "b" });
    const again = bench.hear(12, helloPacket(false, 6n, 2n, version));
    assert.deepEqual(again, ["12> LEADERINFO 0x600000000 +4"]);
  });

  it("stays leader while it may, and informs observers (H-L22)", () => {
    const bench = serving({ committed: membership([1, 2, 3], [4]) });
    join(bench, 4, OBSERVER(4));
    configs(bench, true);
    bench.step({
      type: "reconfigured",
      committed: voters(1, 2, 3),
      lastSeen: membership([1, 2], [], zx(6, 1)),
      configText: "version=600000001",
      staysLeader: true,
    });
    bench.propose(txnAt(zx(6, 1), OpCode.reconfig, "version=600000001"));
    durable(bench, zx(6, 1));
    bench.hear(2, ACK(zx(6, 1)));
    assert.equal(bench.to(4).at(-1)?.startsWith("INFORMANDACTIVATE 0x600000001"), true);
    bench.propose(txnAt(zx(6, 2)));
    durable(bench, zx(6, 2));
    bench.hear(2, ACK(zx(6, 2)));
    assert.deepEqual(bench.committed, [zx(6, 1), zx(6, 2)]);
  });
});

describe("a log of its own", () => {
  it("what was committed is at hand for the next learner", () => {
    const bench = serving();
    bench.log = logOf(txnsOf(5, 1, 7));
    for (const txn of txnsOf(6, 1, 3)) bench.propose(txn);
    durable(bench, zx(6, 3));
    bench.hear(2, ACK(zx(6, 1)), ACK(zx(6, 2)), ACK(zx(6, 3)));
    const lines = join(bench, 3, HELLO(3), zx(5, 5));
    assert.equal(lines.includes("3> (diff to 0x600000003)"), true);
  });
});
