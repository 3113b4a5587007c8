import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Zxid } from "../lib/base/ids.ts";
import type { QuorumPacket } from "../lib/records/quorum.ts";
import { OpCode, PacketType } from "../lib/txn/opcodes.ts";
import { Learner } from "../lib/zab/learner.ts";
import type { LearnerOptions } from "../lib/zab/learner_events.ts";
import {
  bare,
  commitAndActivatePacket,
  informAndActivatePacket,
  leaderInfoPacket,
  newLeaderPacket,
  revalidatedPacket,
  txnPacket,
} from "../lib/zab/packets.ts";
import { LEARNER, LearnerBench, txnAt, zx } from "./support/zab.ts";

const P = (zxid: Zxid): QuorumPacket => txnPacket(PacketType.PROPOSAL, txnAt(zxid));
const C = (zxid: Zxid): QuorumPacket => bare(PacketType.COMMIT, zxid);
const INFORM = (zxid: Zxid): QuorumPacket => txnPacket(PacketType.INFORM, txnAt(zxid));
const DIFF = bare(PacketType.DIFF, zx(5, 7));
const NEWLEADER = newLeaderPacket(6n, "version=0");
const UPTODATE = bare(PacketType.UPTODATE, -1n);
const PING = bare(PacketType.PING, zx(6, 0));

/** A learner that has accepted epoch 6 and waits for the first packet of its sync. */
function accepted(options: Partial<LearnerOptions> = {}): LearnerBench {
  const bench = new LearnerBench(options);
  bench.step({ type: "linked" });
  bench.hear(leaderInfoPacket(6n));
  bench.settle();
  bench.lines = [];
  return bench;
}

/** A learner that serves in epoch 6 after an empty DIFF. */
function serving(options: Partial<LearnerOptions> = {}): LearnerBench {
  const bench = accepted(options);
  bench.hear(DIFF, NEWLEADER);
  bench.settle();
  bench.hear(UPTODATE);
  assert.equal(bench.learner.phase, "serving");
  bench.lines = [];
  return bench;
}

describe("learner handshake", () => {
  it("follower and observer introduce themselves with the accepted epoch", () => {
    const follower = new LearnerBench();
    assert.deepEqual(follower.step({ type: "linked" }), ["> FOLLOWERINFO 0x500000000 +20"]);
    const observer = new LearnerBench({ isObserver: true });
    assert.deepEqual(observer.step({ type: "linked" }), ["> OBSERVERINFO 0x500000000 +20"]);
  });

  it("acceptedEpoch is on disk before ACKEPOCH leaves (14.1)", () => {
    const bench = new LearnerBench({ currentEpoch: 4n });
    bench.step({ type: "linked" });
    assert.deepEqual(bench.hear(leaderInfoPacket(6n)), ["save accepted 6"]);
    assert.deepEqual(bench.answer(), ["> ACKEPOCH 0x500000007 +4"]);
  });

  it("an epoch accepted before is answered with −1 and not saved again", () => {
    const bench = new LearnerBench();
    bench.step({ type: "linked" });
    const effects = bench.learner.step(
      { type: "packet", packet: leaderInfoPacket(5n) },
      { mono: 0, wall: 0 },
    );
    assert.equal(effects.length, 1);
    const sent = effects[0];
    assert.equal(sent?.type, "packet");
    if (sent?.type !== "packet") return;
    assert.deepEqual([...(sent.packet.data ?? [])], [255, 255, 255, 255]);
  });

  it("a lower epoch, another type, short data or another protocol end it", () => {
    const other = { ...leaderInfoPacket(6n), data: new Uint8Array([0, 1, 0x10, 0]) };
    const cases: readonly [QuorumPacket, RegExp][] = [
      [leaderInfoPacket(4n), /promised itself to epoch 5/],
      [NEWLEADER, /older than Zab 1.0/],
      [DIFF, /DIFF as the first answer/],
      [{ ...leaderInfoPacket(6n), data: null }, /LEADERINFO without data/],
      [{ ...leaderInfoPacket(6n), data: new Uint8Array(3) }, /too early/],
      [other, /protocol 0x11000/],
    ];
    for (const [packet, why] of cases) {
      const bench = new LearnerBench();
      bench.step({ type: "linked" });
      const lines = bench.hear(packet);
      assert.equal(lines.length, 1);
      assert.match(lines[0] ?? "", why);
      assert.equal(bench.learner.phase, "left");
      assert.deepEqual(bench.hear(UPTODATE), [], "nothing is done any more");
    }
  });
});

describe("learner brought level by DIFF", () => {
  it("empty DIFF: currentEpoch on disk, then the ACK of NEWLEADER, then that of UPTODATE", () => {
    const bench = accepted();
    assert.deepEqual(bench.hear(DIFF, NEWLEADER), ["configSeen version=0", "save current 6"]);
    assert.deepEqual(bench.answer(), ["> ACK 0x600000000"]);
    assert.deepEqual(bench.hear(UPTODATE), [
      "serve 6",
      "> ACK 0x600000000",
      "configCommitted version=0 by null",
    ]);
  });

  it("what is committed is on disk before currentEpoch, and that before the ACK", () => {
    const bench = accepted();
    const [a, b] = [zx(5, 8), zx(6, 1)];
    assert.deepEqual(bench.hear(DIFF, P(a), C(a), P(b), C(b)), []);
    assert.deepEqual(bench.hear(NEWLEADER), [
      "configSeen version=0",
      "log 0x500000008",
      "apply 0x500000008",
      "log 0x600000001",
      "apply 0x600000001",
    ]);
    assert.deepEqual(bench.answer(), [], "half of it durable is not enough");
    assert.deepEqual(bench.answer(), ["save current 6"]);
    assert.deepEqual(bench.answer(), ["> ACK 0x600000000"]);
  });

  it("no ACK of a proposal leaves before that of NEWLEADER (H-F3, ZOOKEEPER-4646, 4685)", () => {
    const bench = accepted();
    bench.hear(DIFF, P(zx(6, 1)), C(zx(6, 1)), P(zx(6, 2)), NEWLEADER, P(zx(6, 3)));
    bench.settle();
    bench.hear(C(zx(6, 2)), UPTODATE);
    bench.settle();
    assert.deepEqual(bench.lines.filter((line) => line.startsWith("> ACK")), [
      "> ACK 0x600000000",
      "> ACK 0x600000000",
      "> ACK 0x600000002",
      "> ACK 0x600000003",
    ]);
  });

  it("an uncommitted proposal is neither applied nor lost nor logged before UPTODATE (3911)", () => {
    const bench = accepted();
    bench.hear(DIFF, P(zx(5, 8)), NEWLEADER);
    assert.deepEqual(bench.logged, []);
    bench.settle();
    assert.deepEqual(bench.hear(UPTODATE), [
      "serve 6",
      "> ACK 0x600000000",
      "log 0x500000008",
      "configCommitted version=0 by null",
    ]);
    assert.deepEqual(bench.answer(), ["> ACK 0x500000008"]);
    assert.deepEqual(bench.hear(C(zx(5, 8))), ["commit 0x500000008"]);
  });

  it("a COMMIT between NEWLEADER and UPTODATE is kept (H-L9, ZOOKEEPER-4394)", () => {
    const bench = accepted();
    bench.hear(DIFF, P(zx(5, 8)), NEWLEADER, C(zx(5, 8)), P(zx(6, 1)));
    bench.settle();
    assert.deepEqual(bench.hear(UPTODATE).slice(2, 5), [
      "log 0x500000008",
      "log 0x600000001",
      "commit 0x500000008",
    ]);
    assert.deepEqual([...bench.learner.pending].map((txn) => txn.header.zxid), [zx(6, 1)]);
  });

  it("what the log still owes from before is durable before the ACK as well", () => {
    const late = new Learner(LEARNER, zx(5, 6));
    const now = { mono: 0, wall: 0 };
    late.step({ type: "linked" }, now);
    late.step({ type: "packet", packet: leaderInfoPacket(6n) }, now);
    late.step({ type: "saved", file: "accepted", epoch: 6n }, now);
    late.step({ type: "packet", packet: DIFF }, now);
    const stored = late.step({ type: "packet", packet: NEWLEADER }, now);
    assert.deepEqual(stored.map((effect) => effect.type), ["configSeen"]);
    const durable = late.step({ type: "durable", upTo: zx(5, 7) }, now);
    assert.deepEqual(durable.map((effect) => effect.type), ["save"]);
  });

  it("gaps, repeats and strange COMMITs end the sync (H-L8, H-L10, H-R1, H-R11)", () => {
    const cases: readonly [string, QuorumPacket[]][] = [
      ["a gap at the start", [P(zx(5, 9))]],
      ["a gap", [P(zx(5, 8)), P(zx(5, 10))]],
      ["a later epoch without its beginning", [P(zx(6, 2))]],
      ["a repeat", [P(zx(5, 8)), P(zx(5, 8))]],
      ["what we had", [P(zx(5, 7))]],
      ["an older epoch", [P(zx(4, 9))]],
      ["a COMMIT of nothing", [C(zx(5, 8))]],
      ["a COMMIT out of order", [P(zx(5, 8)), P(zx(5, 9)), C(zx(5, 9))]],
      ["a second COMMIT", [P(zx(5, 8)), C(zx(5, 8)), C(zx(5, 8))]],
    ];
    for (const [name, packets] of cases) {
      const bench = accepted();
      bench.hear(DIFF, ...packets);
      assert.equal(bench.learner.phase, "left", name);
      assert.deepEqual(bench.logged, [], name);
    }
  });

  it("UPTODATE without NEWLEADER, NEWLEADER of another epoch or twice end it (H-L11, H-L12)", () => {
    for (
      const packets of [[UPTODATE], [newLeaderPacket(7n, "x")], [NEWLEADER, NEWLEADER], [
        NEWLEADER,
        UPTODATE,
      ]]
    ) {
      const bench = accepted();
      bench.hear(DIFF, ...packets);
      assert.equal(bench.learner.phase, "left");
    }
  });

  it("an undecodable or mislabelled PROPOSAL ends it, and nothing is logged (H-L17)", () => {
    const unknown = txnAt(zx(5, 8)).bytes.slice();
    new DataView(unknown.buffer).setInt32(28, 99);
    const cut = txnAt(zx(5, 8)).bytes.slice(0, 40);
    for (
      const packet of [
        { ...P(zx(5, 8)), data: unknown },
        { ...P(zx(5, 8)), data: cut },
        { ...P(zx(5, 8)), data: null },
        { ...P(zx(5, 8)), zxid: zx(5, 9) },
      ]
    ) {
      const bench = accepted();
      bench.hear(DIFF, packet);
      assert.equal(bench.learner.phase, "left");
      assert.deepEqual(bench.logged, []);
    }
  });

  it("PING is swallowed, other answers are passed over with a warning (H-L15)", () => {
    const bench = accepted();
    assert.deepEqual(bench.hear(DIFF, PING), []);
    assert.match(bench.hear(bare(PacketType.SYNC, 0n))[0] ?? "", /^warn SYNC/);
  });

  it("a 3.4 leader's NEWLEADER has no configuration", () => {
    const bench = accepted();
    assert.deepEqual(bench.hear(DIFF, bare(PacketType.NEWLEADER, zx(6, 0))), ["save current 6"]);
    bench.settle();
    assert.deepEqual(bench.hear(UPTODATE), ["serve 6", "> ACK 0x600000000"]);
  });

  it("anything but DIFF, TRUNC and SNAP first ends it: the leader is not sound (H-L5)", () => {
    for (const packet of [PING, C(zx(5, 8)), NEWLEADER, UPTODATE]) {
      const bench = accepted();
      bench.hear(packet);
      assert.equal(bench.learner.phase, "left");
    }
  });
});

describe("learner brought level by TRUNC", () => {
  it("truncates, then logs what follows", () => {
    const bench = accepted();
    assert.deepEqual(bench.hear(bare(PacketType.TRUNC, zx(5, 5))), ["truncate 0x500000005"]);
    assert.deepEqual(bench.answer(), []);
    bench.hear(P(zx(6, 1)), C(zx(6, 1)));
    assert.deepEqual(bench.hear(NEWLEADER).slice(1), ["log 0x600000001", "apply 0x600000001"]);
    assert.deepEqual(bench.answer(), ["save current 6"]);
  });

  it("a target that is not in our log ends it: we ask again from where we are (H-L6)", () => {
    const bench = accepted();
    bench.hear(bare(PacketType.TRUNC, zx(5, 5)));
    assert.match(bench.answer(zx(5, 3))[0] ?? "", /^leave .*not in our log/);
  });

  it("the beginning of our own epoch is a good target, of another it is not (H-R4)", () => {
    const same = accepted();
    same.hear(bare(PacketType.TRUNC, zx(5, 0)));
    assert.deepEqual(same.answer(zx(4, 9)), []);
    const other = accepted();
    other.hear(bare(PacketType.TRUNC, zx(4, 0)));
    assert.match(other.answer(zx(3, 9))[0] ?? "", /^leave/);
  });

  it("a target above us ends it", () => {
    const bench = accepted();
    assert.match(bench.hear(bare(PacketType.TRUNC, zx(5, 8)))[0] ?? "", /^leave TRUNC/);
  });
});

describe("learner brought level by SNAP", () => {
  const SNAP = bare(PacketType.SNAP, zx(6, 3));

  it("the tree is on disk before currentEpoch, and that before the ACK (ZOOKEEPER-2872)", () => {
    const bench = accepted();
    assert.deepEqual(bench.hear(SNAP), ["receiveSnapshot 0x600000003"]);
    assert.deepEqual(bench.answer(), []);
    assert.deepEqual(bench.hear(P(zx(6, 4)), C(zx(6, 4))), ["apply 0x600000004"]);
    assert.deepEqual(bench.hear(NEWLEADER), ["configSeen version=0", "saveSnapshot 0x600000004"]);
    assert.deepEqual(bench.answer(), ["save current 6"]);
    assert.deepEqual(bench.answer(), ["> ACK 0x600000000"]);
    assert.deepEqual(bench.logged, [], "the snapshot holds them");
  });

  it("what the SNAP holds already is passed over (6.4)", () => {
    const bench = accepted();
    bench.hear(SNAP);
    bench.answer();
    assert.deepEqual(bench.hear(P(zx(6, 2)), P(zx(6, 3)), C(zx(6, 2))), []);
    assert.deepEqual(bench.hear(C(zx(6, 3)), P(zx(6, 4)), C(zx(6, 4))), ["apply 0x600000004"]);
  });

  it("txns between NEWLEADER and UPTODATE are logged, not only applied (ZOOKEEPER-1551)", () => {
    const bench = accepted();
    bench.hear(SNAP);
    bench.answer();
    bench.hear(NEWLEADER, P(zx(6, 4)), C(zx(6, 4)));
    bench.settle();
    assert.deepEqual(bench.hear(UPTODATE).slice(2, 4), ["log 0x600000004", "commit 0x600000004"]);
  });

  it("a packet inside the stream is impossible, and none is taken as one", () => {
    const bench = accepted();
    bench.hear(SNAP);
    assert.match(bench.hear(NEWLEADER)[0] ?? "", /^leave/);
  });
});

describe("follower", () => {
  it("acknowledges only what is durable, one ACK each, in order (H-F11, H-F13)", () => {
    const bench = serving();
    assert.deepEqual(bench.hear(P(zx(6, 1)), P(zx(6, 2)), P(zx(6, 3))), [
      "log 0x600000001",
      "log 0x600000002",
      "log 0x600000003",
    ]);
    assert.deepEqual(bench.step({ type: "durable", upTo: zx(6, 2) }), [
      "> ACK 0x600000001",
      "> ACK 0x600000002",
    ]);
    assert.deepEqual(bench.step({ type: "durable", upTo: zx(6, 3) }), ["> ACK 0x600000003"]);
    assert.deepEqual(bench.step({ type: "durable", upTo: zx(6, 3) }), []);
  });

  it("a COMMIT applies the oldest pending, durable here or not", () => {
    const bench = serving();
    bench.hear(P(zx(6, 1)), P(zx(6, 2)));
    assert.deepEqual(bench.hear(C(zx(6, 1))), ["commit 0x600000001"]);
    assert.equal(bench.learner.pendingCount, 1);
  });

  it("a COMMIT that is not the oldest ends the role, not the process (H-L19)", () => {
    const bench = serving();
    bench.hear(P(zx(6, 1)), P(zx(6, 2)));
    assert.match(bench.hear(C(zx(6, 2)))[0] ?? "", /^leave COMMIT of 0x600000002 before/);
    const idle = serving();
    assert.match(idle.hear(C(zx(6, 1)))[0] ?? "", /^warn COMMIT/);
  });

  it("a gap is not logged (H-L20): Java 3.9.4 could never start from such a log", () => {
    const bench = serving();
    bench.hear(P(zx(6, 1)));
    assert.match(bench.hear(P(zx(6, 3)))[0] ?? "", /^leave transaction 0x600000003 follows/);
    assert.deepEqual(bench.logged, [zx(6, 1)]);
  });

  it("answers each PING with its zxid, also when idle (H-F7, H-F9)", () => {
    const bench = serving();
    assert.deepEqual(bench.hear(PING, PING), ["pong 0x600000000", "pong 0x600000000"]);
  });

  it("forwards a request with its session and cxid unchanged (H-F14, H-F16, H-L21)", () => {
    const bench = serving();
    const auth = [{ scheme: "digest", id: "u:h" }];
    const body = new Uint8Array([1, 2, 3]);
    const event = { type: "requested", sessionId: 0x1234n, cxid: 9, op: 5, body, auth } as const;
    const [effect] = bench.learner.step(event, { mono: 0, wall: 0 });
    assert.equal(effect?.type, "packet");
    if (effect?.type !== "packet") return;
    const { data, ...rest } = effect.packet;
    assert.deepEqual(rest, { type: PacketType.REQUEST, zxid: -1n, authinfo: auth });
    assert.deepEqual(
      [...(data ?? [])],
      [0, 0, 0, 0, 0, 0, 0x12, 0x34, 0, 0, 0, 9, 0, 0, 0, 5, 1, 2, 3],
    );
  });

  it("createSession goes without identities", () => {
    const bench = serving();
    const effects = bench.learner.step({
      type: "requested",
      sessionId: 1n,
      cxid: 0,
      op: OpCode.createSession,
      body: new Uint8Array(4),
      auth: [{ scheme: "ip", id: "::1" }],
    }, { mono: 0, wall: 0 });
    const [effect] = effects;
    assert.equal(effect?.type === "packet" ? effect.packet.authinfo : "none", null);
  });

  it("syncs are answered in order, an unasked one is passed over (H-L27)", () => {
    const bench = serving();
    const body = new Uint8Array(0);
    const sync = {
      type: "requested",
      sessionId: 1n,
      cxid: 1,
      op: OpCode.sync,
      body,
      auth: [],
    } as const;
    bench.step(sync);
    bench.step(sync);
    const SYNC = bare(PacketType.SYNC, 0n);
    assert.deepEqual(bench.hear(SYNC, SYNC), ["synced", "synced"]);
    assert.match(bench.hear(SYNC)[0] ?? "", /^warn/);
  });

  it("asks to revalidate with 12 bytes and hears the answer (H-F17, H-L25)", () => {
    const bench = serving();
    const asked = bench.step({ type: "revalidate", sessionId: 0x77n, timeoutMs: 4000 });
    assert.deepEqual(asked, ["> REVALIDATE 0xffffffffffffffff +12"]);
    assert.deepEqual(bench.hear(revalidatedPacket(0x77n, true)), ["revalidated 0x77 true"]);
    const short = { ...revalidatedPacket(0x77n, true), data: new Uint8Array(8) };
    assert.match(bench.hear(short)[0] ?? "", /^leave/);
  });

  it("what does not concern it is passed over; a late SNAP ends the role (H-L24)", () => {
    const bench = serving();
    for (
      const packet of [INFORM(zx(6, 1)), NEWLEADER, UPTODATE, DIFF, bare(PacketType.TRUNC, 1n)]
    ) {
      assert.match(bench.hear(packet)[0] ?? "", /^warn .* is ignored by a serving follower/);
    }
    assert.match(bench.hear(bare(PacketType.SNAP, zx(6, 1)))[0] ?? "", /^leave SNAP/);
  });

  it("a reconfig of the leader is seen at PROPOSAL and activated at COMMITANDACTIVATE", () => {
    const bench = serving();
    const txn = txnAt(zx(6, 1), OpCode.reconfig, "server.1=a\nversion=600000001");
    assert.deepEqual(bench.hear(txnPacket(PacketType.PROPOSAL, txn)), [
      "configSeen server.1=a\nversion=600000001",
      "log 0x600000001",
    ]);
    assert.deepEqual(bench.hear(commitAndActivatePacket(zx(6, 1), 2n)), [
      "commit 0x600000001",
      "configCommitted server.1=a\nversion=600000001 by 2",
    ]);
  });

  it("COMMITANDACTIVATE with short data or nothing pending does no harm (H-L23)", () => {
    const bench = serving();
    assert.match(bench.hear(commitAndActivatePacket(zx(6, 1), 2n))[0] ?? "", /^warn/);
    const short = { ...commitAndActivatePacket(zx(6, 1), 2n), data: new Uint8Array(7) };
    assert.match(bench.hear(short)[0] ?? "", /^leave/);
  });
});

describe("observer", () => {
  it("gets pairs in the sync and INFORM afterwards, and acknowledges neither (H-F12)", () => {
    const bench = accepted({ isObserver: true });
    bench.hear(DIFF, P(zx(5, 8)), C(zx(5, 8)), NEWLEADER);
    bench.settle();
    bench.hear(UPTODATE);
    assert.deepEqual(bench.hear(INFORM(zx(6, 1))), ["log 0x600000001", "commit 0x600000001"]);
    bench.settle();
    assert.deepEqual(bench.lines.filter((line) => line.startsWith("> ")), [
      "> ACK 0x600000000",
      "> ACK 0x600000000",
    ]);
  });

  it("keeps what comes between NEWLEADER and UPTODATE (ZOOKEEPER-1551)", () => {
    const bench = accepted({ isObserver: true });
    bench.hear(DIFF, NEWLEADER, INFORM(zx(6, 1)), P(zx(6, 2)));
    bench.settle();
    assert.deepEqual(bench.hear(UPTODATE).slice(2, 4), ["log 0x600000001", "commit 0x600000001"]);
    assert.deepEqual(
      bench.hear(INFORM(zx(6, 2))),
      ["log 0x600000002", "commit 0x600000002"],
      "a proposal without COMMIT comes again",
    );
  });

  it("with syncEnabled=false logs nothing", () => {
    const bench = accepted({ isObserver: true, logs: false });
    bench.hear(DIFF, P(zx(5, 8)), C(zx(5, 8)), NEWLEADER);
    bench.settle();
    bench.hear(UPTODATE, INFORM(zx(6, 1)));
    assert.deepEqual(bench.logged, []);
    assert.equal(bench.lines.includes("commit 0x600000001"), true);
  });

  it("passes over PROPOSAL and COMMIT once it serves (H-L24), and refuses gaps", () => {
    const bench = serving({ isObserver: true });
    assert.match(bench.hear(P(zx(6, 1)))[0] ?? "", /^warn/);
    assert.match(bench.hear(C(zx(6, 1)))[0] ?? "", /^warn/);
    bench.hear(INFORM(zx(6, 1)));
    assert.match(bench.hear(INFORM(zx(6, 3)))[0] ?? "", /^leave/);
  });

  it("follows a reconfig by INFORMANDACTIVATE", () => {
    const bench = serving({ isObserver: true });
    const txn = txnAt(zx(6, 1), OpCode.reconfig, "version=600000001");
    assert.deepEqual(bench.hear(informAndActivatePacket(txn, 2n)), [
      "log 0x600000001",
      "commit 0x600000001",
      "configCommitted version=600000001 by 2",
    ]);
  });
});

describe("learner and time", () => {
  it("waits initLimit before NEWLEADER and syncLimit afterwards (H-L16)", () => {
    const bench = accepted();
    assert.equal(bench.learner.deadline, 1000);
    bench.now = 1000;
    assert.match(bench.step({ type: "time" })[0] ?? "", /^leave the leader was silent for 1000 ms/);
    const level = serving();
    assert.equal(level.learner.deadline, 500);
    level.now = 400;
    level.hear(PING);
    assert.equal(level.learner.deadline, 900);
  });

  it("counts no silence while its own disk works", () => {
    const bench = accepted();
    bench.hear(DIFF, NEWLEADER);
    assert.equal(bench.learner.deadline, null);
    bench.now = 90_000;
    bench.settle();
    assert.equal(bench.learner.deadline, 90_500);
  });

  it("a process that stood still gives the leader one tick more, once", () => {
    const bench = serving();
    bench.now = 20_000;
    assert.deepEqual(bench.step({ type: "time" }), []);
    assert.equal(bench.learner.deadline, 20_100);
    bench.now = 20_100;
    assert.match(bench.step({ type: "time" })[0] ?? "", /^leave/);
  });
});
