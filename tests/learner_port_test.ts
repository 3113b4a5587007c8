import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Zxid } from "../lib/base/ids.ts";
import { Output } from "../lib/codec/output.ts";
import type { Txn } from "../lib/txn/txn.ts";
import { OpCode, PacketType } from "../lib/txn/opcodes.ts";
import { makeTxn } from "../lib/txn/txn.ts";
import { SNAPSHOT_SIGNATURE } from "../lib/wire/learner.ts";
import { planCatchUp } from "../lib/zab/catch_up.ts";
import { bare, leaderInfoPacket, newLeaderPacket, txnPacket } from "../lib/zab/packets.ts";
import { Bench, LEADER_AT, TestHost } from "./support/role_host.ts";
import { treeAfter } from "./support/store_open.ts";
import { zx } from "./support/zab.ts";

const encoder = new TextEncoder();
const ACL = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];

function create(zxid: Zxid, path: string): Txn {
  const header = { clientId: 1n, cxid: 1, zxid, time: 1_800_000_000_000n, type: OpCode.create };
  const record = {
    path,
    data: encoder.encode(path),
    acl: ACL,
    ephemeral: false,
    parentCVersion: -1,
  };
  return makeTxn(header, { kind: "create", record, beforeV34: false }, null);
}

const P = (txn: Txn) => txnPacket(PacketType.PROPOSAL, txn);
const C = (txn: Txn) => bare(PacketType.COMMIT, txn.header.zxid);
const NEWLEADER = (epoch: bigint) => newLeaderPacket(epoch, "version=0");
const UPTODATE = bare(PacketType.UPTODATE, -1n);

/** The stream behind a SNAP: the tree after these txns, up to `limit` bytes of it. */
function snapshotBytes(txns: readonly Txn[]): Uint8Array {
  const out = new Output();
  const dump = treeAfter(txns).dump();
  while (!dump.fill(out, 1 << 20));
  out.ustring(SNAPSHOT_SIGNATURE);
  return out.take();
}

/** A member that has met its leader in `epoch` and waits for the first packet of its sync. */
function met(bench: Bench, epoch: bigint, host = new TestHost(bench)): TestHost {
  if (bench.leader.links === 0) bench.leader.listen();
  bench.leader.reset();
  host.follow();
  bench.until(() => bench.leader.heard.some((l) => l.startsWith("FOLLOWERINFO")), "it says hello");
  bench.leader.say(leaderInfoPacket(epoch));
  bench.until(() => bench.leader.heard.some((l) => l.startsWith("ACKEPOCH")), "it accepts");
  return host;
}

/** A member that serves in epoch 1 and has `txns`, all committed. */
function serving(bench: Bench, txns: readonly Txn[] = []): TestHost {
  const host = met(bench, 1n);
  bench.leader.say(bare(PacketType.DIFF, 0n), NEWLEADER(1n));
  bench.leader.hears("ACK 0x100000000");
  bench.leader.say(UPTODATE, ...txns.flatMap((txn) => [P(txn), C(txn)]));
  bench.until(() => host.served === 1, "it serves");
  for (const txn of txns) bench.leader.hears(`ACK 0x${txn.header.zxid.toString(16)}`);
  return host;
}

const paths = (host: TestHost): string[] =>
  ["/a", "/b", "/c", "/d", "/e"].filter((path) => host.replica.tree.get(path) !== undefined);

const [a, b, c] = [create(zx(1, 1), "/a"), create(zx(1, 2), "/b"), create(zx(1, 3), "/c")];

describe("learner on its link", () => {
  it("dials again until the leader listens, and gives up when it never does", () => {
    const bench = new Bench();
    const host = new TestHost(bench);
    host.follow();
    bench.run(450);
    bench.leader.listen();
    bench.until(() => bench.leader.heard.length === 1, "it says hello");
    assert.deepEqual(bench.leader.heard, ["FOLLOWERINFO 0x0 +20"]);
    const lonely = new TestHost(new Bench());
    lonely.follow();
    lonely.bench.until(() => lonely.ends.length === 1, "it gives up");
    assert.match(lonely.ends[0] ?? "", /cannot be reached/);
  });

  it("dials one address again while another swallows what comes", () => {
    const bench = new Bench();
    const host = new TestHost(bench);
    const down = { host: "10.0.1.9", port: LEADER_AT.port };
    bench.internet.cut("10.0.0.1", down.host);
    host.follow({ addresses: [down, LEADER_AT] });
    bench.run(450);
    bench.leader.listen();
    bench.until(() => bench.leader.links === 1, "it connects", 1000);
    const nowhere = new TestHost(new Bench());
    nowhere.bench.internet.cut("10.0.0.1", down.host);
    nowhere.follow({ addresses: [down, LEADER_AT] });
    nowhere.bench.until(() => nowhere.ends.length === 1, "it gives up", 2000);
  });

  it("promises, stores and acknowledges in the order that a crash allows", () => {
    const bench = new Bench();
    const host = met(bench, 1n);
    assert.equal(host.epochs.accepted, 1n);
    bench.leader.say(bare(PacketType.DIFF, zx(1, 2)), P(a), C(a), P(b), C(b), NEWLEADER(1n));
    bench.leader.hears("ACK 0x100000000");
    // Whatever is lost now, what was acknowledged is there.
    const again = host.crash();
    assert.deepEqual(again.epochs, { accepted: 1n, current: 1n });
    assert.equal(again.replica.tree.lastZxid, zx(1, 2));
    assert.deepEqual(paths(again), ["/a", "/b"]);
  });

  it("acknowledges a proposal when its flush is over, not before (H-F13)", () => {
    const bench = new Bench();
    const host = serving(bench);
    bench.storage.health = { ...bench.storage.health, flushMin: 300, flushMax: 301 };
    const sent = bench.world.now;
    bench.leader.say(P(a));
    bench.leader.hears("ACK 0x100000001");
    assert.ok(bench.world.now - sent >= 300, "the flush takes 300 ms");
    assert.equal(host.replica.tree.lastZxid, 0n, "not committed");
    assert.deepEqual(paths(host.crash()), ["/a"], "but on disk");
  });

  it("takes into the tree what is in the log when the role ends (ZOOKEEPER-2845)", () => {
    const bench = new Bench();
    const host = serving(bench, [a]);
    bench.leader.say(P(b), P(c));
    bench.leader.hears("ACK 0x100000003");
    assert.equal(host.replica.tree.lastZxid, zx(1, 1));
    bench.leader.link?.destroy();
    bench.until(() => host.ends.length === 1, "the role ends");
    assert.equal(host.replica.tree.lastZxid, zx(1, 3));
    assert.deepEqual(paths(host), ["/a", "/b", "/c"]);
    assert.equal(host.replica.log.max, zx(1, 3));
  });

  it("knows a leader of 3.4 by what its NEWLEADER does not say", () => {
    for (const isOld of [true, false]) {
      const bench = new Bench();
      const host = met(bench, 1n);
      const hello = isOld ? bare(PacketType.NEWLEADER, zx(1, 0)) : NEWLEADER(1n);
      bench.leader.say(bare(PacketType.DIFF, 0n), hello);
      bench.leader.hears("ACK 0x100000000");
      bench.leader.say(UPTODATE);
      bench.until(() => host.served === 1, "it serves");
      assert.equal(host.role?.server?.core.isLeaderBefore35, isOld);
    }
  });

  it("answers PING with empty data, never null (H-F7)", () => {
    const bench = new Bench();
    serving(bench);
    bench.leader.say(bare(PacketType.PING, zx(1, 0)));
    bench.leader.hears("PING 0x100000000 +0");
  });

  it("bytes that are no packets end the role and nothing else", () => {
    const bench = new Bench();
    const host = serving(bench, [a]);
    const garbage = new Uint8Array(64).fill(0x7f);
    bench.leader.sayBytes(garbage);
    bench.until(() => host.ends.length === 1, "the role ends");
    assert.match(host.ends[0] ?? "", /Unreasonable length/);
    assert.deepEqual(host.faults, []);
    assert.deepEqual(paths(host), ["/a"]);
  });

  it("a silent leader is left after syncLimit", () => {
    const bench = new Bench();
    const host = serving(bench);
    const since = bench.world.now;
    bench.until(() => host.ends.length === 1, "the role ends");
    assert.match(host.ends[0] ?? "", /silent for 2500 ms/);
    assert.ok(bench.world.now - since <= 2600);
  });
});

describe("learner taking a snapshot", () => {
  const other = [create(zx(2, 1), "/d"), create(zx(2, 2), "/e")];
  const SNAP = bare(PacketType.SNAP, zx(2, 2));

  it("becomes what the leader is, on disk before the ACK", () => {
    const bench = new Bench();
    const before = serving(bench, [a, b]);
    before.role?.stop("another leader");
    const host = met(bench, 2n, before);
    bench.leader.say(SNAP);
    bench.leader.sayBytes(snapshotBytes(other));
    bench.leader.say(NEWLEADER(2n));
    bench.leader.hears("ACK 0x200000000");
    assert.deepEqual(paths(host), ["/d", "/e"]);
    const again = host.crash();
    assert.deepEqual(paths(again), ["/d", "/e"]);
    assert.deepEqual(again.epochs, { accepted: 2n, current: 2n });
  });

  it("half of one leaves everything as it was (ZOOKEEPER-2872, 3642)", () => {
    const whole = snapshotBytes(other);
    for (const length of [0, 1, 40, Math.floor(whole.length / 2), whole.length - 1]) {
      const bench = new Bench();
      const before = serving(bench, [a, b]);
      before.role?.stop("another leader");
      const host = met(bench, 2n, before);
      bench.leader.say(SNAP);
      bench.leader.sayBytes(whole.slice(0, length));
      bench.run(100);
      bench.leader.link?.end();
      bench.until(() => host.ends.length === 2, "the role ends");
      assert.equal(host.replica.isStale, false);
      assert.equal(host.replica.tree.lastZxid, zx(1, 2));
      assert.deepEqual(paths(host), ["/a", "/b"], `${length} bytes`);
      assert.equal(host.replica.log.max, zx(1, 2));
      assert.deepEqual(paths(host.crash()), ["/a", "/b"]);
    }
  });

  it("a whole one that was not acknowledged yet is not used either", () => {
    const bench = new Bench();
    const before = serving(bench, [a, b]);
    before.role?.stop("another leader");
    const host = met(bench, 2n, before);
    bench.leader.say(SNAP);
    bench.leader.sayBytes(snapshotBytes(other));
    bench.until(() => host.replica.tree.get("/e") !== undefined, "it is in memory");
    bench.leader.link?.destroy();
    bench.until(() => host.ends.length === 2, "the role ends");
    assert.deepEqual(paths(host), ["/a", "/b"]);
  });

  it("in the middle of it the process may end, and does not read its disk for that", () => {
    const bench = new Bench();
    const before = serving(bench, [a, b]);
    before.role?.stop("another leader");
    const host = met(bench, 2n, before);
    bench.leader.say(SNAP);
    bench.until(() => host.replica.isStale, "the tree of before is let go");
    const reads = (): number =>
      host.notes.filter((line) => line.includes("the data directory was read")).length;
    const read = reads();
    host.isStopped = true;
    host.role?.stop("the process ends");
    let isClosed = false;
    host.store.close((fault) => isClosed = fault === null);
    bench.until(() => isClosed, "the store is closed");
    bench.run(100);
    assert.equal(reads(), read);
    assert.equal(host.ends.length, 2);
  });

  it("its log from before leads nowhere, for others too (H-R1, H-R11)", () => {
    const bench = new Bench();
    const before = serving(bench, [a, b]);
    before.role?.stop("another leader");
    const host = met(bench, 2n, before);
    bench.leader.say(SNAP);
    bench.leader.sayBytes(snapshotBytes(other));
    bench.leader.say(NEWLEADER(2n));
    bench.leader.hears("ACK 0x200000000");
    host.role?.stop("yet another leader");
    bench.until(() => host.role === null, "the role ends");
    met(bench, 3n, host);
    const late = create(zx(3, 1), "/c");
    bench.leader.say(bare(PacketType.DIFF, zx(3, 1)), P(late), C(late), NEWLEADER(3n));
    bench.leader.hears("ACK 0x300000000");
    // On disk: 1.1, 1.2, then a snapshot of 2.2, then 3.1. A learner at 1.1 must not get 1.2, 3.1.
    const txns = host.replica.diskLog().open(zx(1, 1));
    const zxids: Zxid[] = [];
    for (let step = txns?.next(); step?.done === false; step = txns?.next()) {
      zxids.push(step.value.header.zxid);
    }
    assert.deepEqual(zxids, [zx(1, 1), zx(1, 2)]);
    const plan = planCatchUp({
      peerLastZxid: zx(1, 1),
      lastProcessed: host.replica.tree.lastZxid,
      log: host.replica.log,
      disk: host.replica.diskLog(),
      forceSnapshot: false,
    });
    assert.equal(plan.way, "diff");
    if (plan.way !== "diff") return;
    const sent: unknown[] = [];
    for (let txn = plan.txns.next(); txn !== null; txn = plan.txns.next()) {
      sent.push(txn === "gap" ? txn : txn.header.zxid);
      if (txn === "gap") break;
    }
    assert.deepEqual(sent, [zx(1, 2), "gap"]);
  });

  it("nonsense in it costs the link: signature, order, lengths", () => {
    const whole = snapshotBytes(other);
    const wrongEnd = whole.slice();
    wrongEnd[whole.length - 1] = 0x21;
    const orphan = new Output();
    orphan.int(0);
    orphan.int(0);
    orphan.ustring("/x/y");
    orphan.buffer(null);
    orphan.long(-1n);
    for (let i = 0; i < 60; i++) orphan.byte(0);
    for (const stream of [wrongEnd, orphan.take(), new Uint8Array(64).fill(0x41)]) {
      const bench = new Bench();
      const before = serving(bench, [a]);
      before.role?.stop("another leader");
      const host = met(bench, 2n, before);
      bench.leader.say(SNAP);
      bench.leader.sayBytes(stream);
      bench.leader.say(NEWLEADER(2n));
      bench.until(() => host.ends.length === 2, "the role ends");
      assert.deepEqual(paths(host), ["/a"]);
      assert.deepEqual(host.faults, []);
      assert.equal(bench.leader.heard.includes("ACK 0x200000000"), false);
    }
  });
});

describe("learner going back", () => {
  it("drops what was never committed, in log, tree and memory (ZOOKEEPER-1154, 1489)", () => {
    const bench = new Bench();
    const before = serving(bench, [a, b, c]);
    before.role?.stop("another leader");
    const host = met(bench, 2n, before);
    const d = create(zx(2, 1), "/d");
    bench.leader.say(bare(PacketType.TRUNC, zx(1, 1)), P(d), C(d), NEWLEADER(2n));
    bench.leader.hears("ACK 0x200000000");
    assert.deepEqual(paths(host), ["/a", "/d"]);
    assert.equal(host.replica.log.has(zx(1, 2)), false);
    assert.deepEqual(paths(host.crash()), ["/a", "/d"]);
  });

  it("says so of the tree it has then, though its leader went meanwhile (6.7)", () => {
    const bench = new Bench();
    const before = serving(bench, [a, b, c]);
    before.role?.stop("another leader");
    const host = met(bench, 2n, before);
    const { tree } = host.replica;
    bench.storage.health = { ...bench.storage.health, flushMin: 300, flushMax: 301 };
    bench.leader.say(bare(PacketType.TRUNC, zx(1, 1)));
    bench.run(100);
    bench.leader.link?.destroy();
    bench.until(() => host.ends.length === 2, "the role ends");
    assert.deepEqual(paths(host), ["/a"]);
    assert.notEqual(host.replica.tree, tree);
    assert.equal(host.toldOf, host.replica.tree, "whoever sets /zookeeper/config in it");
  });

  /** A member with a, b and c that a leader has sent to where it cannot go. */
  const sentTooFarBack = (): { bench: Bench; host: TestHost } => {
    const bench = new Bench();
    const before = serving(bench, [a, b, c]);
    before.role?.stop("another leader");
    const host = met(bench, 2n, before);
    bench.leader.say(bare(PacketType.TRUNC, zx(0, 9)));
    bench.until(() => host.ends.length === 2, "the role ends");
    return { bench, host };
  };

  it("what it cannot go back to makes it ask for a snapshot (H-L6)", () => {
    const { bench, host } = sentTooFarBack();
    assert.deepEqual(paths(host), ["/a", "/b", "/c"], "nothing is lost meanwhile");
    met(bench, 3n, host);
    assert.equal(bench.leader.heard.at(-1), "ACKEPOCH 0x0 +4");
  });

  it("does not serve what a leader without any transaction cannot have meant", () => {
    const { bench, host } = sentTooFarBack();
    met(bench, 3n, host); // it says 0 to get a snapshot; to a leader at 0 that means: level
    bench.leader.say(bare(PacketType.DIFF, 0n), NEWLEADER(3n));
    bench.until(() => host.ends.length === 3, "the role ends again");
    assert.equal(bench.leader.heard.includes("ACK 0x300000000"), false);
    assert.deepEqual(paths(host), ["/a", "/b", "/c"]);
  });
});
