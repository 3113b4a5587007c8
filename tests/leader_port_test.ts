// A leader and whoever dials its quorum port, in virtual time. The ensemble is made of real members;
// what breaks the rules comes from outside and must cost itself its link, and nobody anything else.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Zxid } from "../lib/base/ids.ts";
import { Output } from "../lib/codec/output.ts";
import type { Link } from "../lib/ports.ts";
import { type QuorumPacket, writeQuorumPacket } from "../lib/records/quorum.ts";
import { writeCreateRequest } from "../lib/records/client.ts";
import { LOCAL } from "../lib/server/request.ts";
import { Cluster, type Node } from "../lib/sim/cluster.ts";
import { SimNetwork } from "../lib/sim/network.ts";
import { Life, World } from "../lib/sim/world.ts";
import { OpCode, PacketType } from "../lib/txn/opcodes.ts";
import { PacketReader, type SnapshotPart } from "../lib/wire/learner.ts";
import { ackEpochPacket, bare, helloPacket, requestPacket } from "../lib/zab/packets.ts";
import { shown } from "./support/zab.ts";

const ACK = (zxid: Zxid): QuorumPacket => bare(PacketType.ACK, zxid);

const SEEN = 0x500000000n;

/** An ensemble of three that serves. */
class Bench {
  readonly world = new World(11);
  readonly cluster: Cluster;

  /** `lastSeen`: the members of a membership that server 3 has seen and nobody committed. */
  constructor(settings: Readonly<Record<string, string>> = {}, lastSeen: bigint[] | null = null) {
    this.cluster = new Cluster(this.world, { voters: 3, observers: 0, settings });
    if (lastSeen !== null) this.#hasSeen(lastSeen);
    for (const node of this.cluster.nodes) node.start();
    this.until(() => this.cluster.leader() !== null, "a leader serves");
    const serves = (node: Node): boolean => node.peer?.server !== null;
    this.until(() => this.cluster.nodes.every(serves), "all serve");
  }

  #hasSeen(lastSeen: bigint[]): void {
    const { cluster } = this;
    const configOf = cluster.configOf.bind(cluster);
    cluster.configOf = (node) => {
      const config = configOf(node);
      if (node.sid !== 3n) return config;
      const all = config.membership.members;
      const members = new Map([...all].filter(([sid]) => lastSeen.includes(sid)));
      return { ...config, nextMembership: { ...config.membership, version: SEEN, members } };
    };
  }

  until(claim: () => boolean, what: string, within = 60_000): void {
    if (!this.world.runFor(within, claim)) {
      throw new Error(`${what}: not within ${within} ms\n${this.world.tail(20).join("\n")}`);
    }
  }

  run(ms: number): void {
    this.world.runUntil(this.world.now + ms);
  }

  get leader(): Node {
    const leader = this.cluster.leader();
    if (leader === null) throw new Error("nobody leads");
    return leader;
  }

  /** One of those who do not lead. */
  get follower(): Node {
    const { leader } = this;
    const follower = this.cluster.nodes.find((node) => node !== leader);
    assert.ok(follower !== undefined);
    return follower;
  }

  get lastZxid(): Zxid {
    return this.leader.peer?.tree?.lastZxid ?? -1n;
  }

  /** One write, which must reach every member. */
  write(): Zxid {
    const body = new Uint8Array([0, 0, 0x75, 0x30]);
    this.submit(OpCode.createSession, 0x100000n + this.lastZxid, body);
    const before = this.lastZxid;
    this.until(() => this.lastZxid > before, "a write is committed");
    const zxid = this.lastZxid;
    const everywhere = (): boolean =>
      this.cluster.nodes.every((node) => (node.peer?.tree?.lastZxid ?? 0n) >= zxid);
    this.until(everywhere, "it is everywhere");
    return zxid;
  }

  /** A node with so many bytes, which must be in the leader's tree. */
  create(path: string, size: number): void {
    const body = new Output();
    const acl = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
    writeCreateRequest(body, { path, data: new Uint8Array(size), acl, flags: 0 });
    this.submit(OpCode.createSession, 0x77n, new Uint8Array([0, 0, 0x75, 0x30]));
    this.submit(OpCode.create, 0x77n, body.take());
    this.until(() => this.leader.peer?.tree?.get(path) !== undefined, `there is ${path}`);
  }

  submit(op: number, sessionId: bigint, body: Uint8Array): void {
    const server = this.leader.peer?.server;
    server?.core.backend.submit({ sessionId, cxid: 0, op, body, auth: [], owner: LOCAL });
  }

  stranger(): Stranger {
    return new Stranger(this);
  }

  /** The stranger is rid of, and the ensemble has not noticed. */
  undisturbed(stranger: Stranger, leader: Node, epoch: bigint): void {
    this.until(() => stranger.isClosed, `the link of ${stranger.name} is closed`);
    assert.equal(this.leader, leader);
    assert.equal(this.write() >> 32n, epoch, "nobody had to look for a leader");
  }
}

let count = 0;

/** Somebody on the quorum port who says what the test wants. */
class Stranger {
  readonly name = `stranger ${++count}`;
  readonly #bench: Bench;
  readonly #reader = new PacketReader();
  link: Link | null = null;
  isClosed = false;
  /** Reads once, then no more until its link is let go; and answers what it reads. */
  piecemeal = false;
  heard: string[] = [];
  parts: SnapshotPart["kind"][] = [];

  constructor(bench: Bench) {
    this.#bench = bench;
    const life = new Life(bench.world, this.name);
    const network = new SimNetwork(bench.cluster.internet, life, `10.1.0.${count % 250}`);
    network.dial({ host: bench.leader.host, port: 2888 }, 1000, (link) => {
      if (!("attach" in link)) throw link;
      this.link = link;
      link.attach({
        bytes: (chunk) => {
          if (this.piecemeal) link.hold(true);
          this.#read(chunk);
        },
        drained: () => {},
        closed: () => void (this.isClosed = true),
      });
    });
    bench.until(() => this.link !== null, "the stranger is connected");
  }

  say(...packets: QuorumPacket[]): void {
    const out = new Output();
    for (const packet of packets) writeQuorumPacket(out, packet);
    this.sayBytes(out.take());
  }

  sayBytes(bytes: Uint8Array): void {
    this.link?.write(bytes);
  }

  hears(line: RegExp): void {
    this.#bench.until(
      () => this.heard.some((other) => line.test(other)),
      `${this.name} hears ${line}; so far ${this.heard.join(", ")}`,
    );
  }

  #read(chunk: Uint8Array): void {
    this.#reader.push(chunk);
    for (;;) {
      if (this.#reader.inSnapshot) {
        const part = this.#reader.nextSnapshotPart();
        if (part === null) return;
        this.parts.push(part.kind);
        continue;
      }
      const packet = this.#reader.next();
      if (packet === null) return;
      this.heard.push(shown(packet));
      if (packet.type === PacketType.SNAP) this.#reader.expectSnapshot();
      if (!this.piecemeal) continue;
      if (packet.type === PacketType.PROPOSAL) this.say(ACK(packet.zxid));
      if (packet.type === PacketType.PING) this.say({ ...packet, data: new Uint8Array(0) });
    }
  }
}

const observer = (sid: bigint): QuorumPacket => helloPacket(true, 0n, sid, 0n);

describe("quorum port and those who break its rules", () => {
  const garbage = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);
  const hostile: readonly [string, (stranger: Stranger) => void][] = [
    ["bytes without sense", (s) => s.sayBytes(garbage(300, 0x5a))],
    ["a length beyond all limits", (s) => {
      const bytes = garbage(20, 0);
      bytes.set([0, 0, 0, 11], 0);
      bytes.set([0x7f, 0xff, 0xff, 0xff], 12);
      s.sayBytes(bytes);
    }],
    ["a packet out of place", (s) => s.say(ACK(1n))],
    ["an accepted epoch that nobody could follow", (s) => {
      s.say(helloPacket(false, 0x7fffffffn, 2n, 0n));
    }],
    ["silence", () => {}],
    ["an end before the first packet", (s) => s.link?.end()],
    [
      "another server's sid and a newer configuration",
      (s) => s.say(helloPacket(false, 0n, 2n, 9n)),
    ],
    ["nothing after its introduction", (s) => s.say(observer(77n))],
    ["an ACKEPOCH without data", (s) => {
      s.say(observer(77n));
      s.hears(/^LEADERINFO/);
      s.say(bare(PacketType.ACKEPOCH, 0n));
    }],
    ["a REQUEST too short, once served", (s) => {
      served(s);
      s.say({
        ...requestPacket({ sessionId: 1n, cxid: 1, type: 1 }, garbage(0, 0), null),
        data: null,
      });
    }],
    ["a PING answer with half an entry, once served", (s) => {
      served(s);
      s.say({ ...bare(PacketType.PING, 0n), data: garbage(7, 0) });
    }],
    ["silence, once served", (s) => served(s)],
  ];

  function served(stranger: Stranger): void {
    stranger.say(observer(77n));
    stranger.hears(/^LEADERINFO/);
    const epoch = BigInt(/0x([0-9a-f]+)00000000/.exec(stranger.heard[0] ?? "")?.[1] ?? "0");
    stranger.say(ackEpochPacket(0n, 0n));
    stranger.hears(/^NEWLEADER/);
    stranger.say(ACK(epoch << 32n));
    stranger.hears(/^UPTODATE/);
  }

  for (const [name, act] of hostile) {
    it(`${name}: the link is lost, the ensemble goes on`, () => {
      const bench = new Bench();
      const { leader } = bench;
      const epoch = bench.write() >> 32n;
      const stranger = bench.stranger();
      act(stranger);
      bench.undisturbed(stranger, leader, epoch);
    });
  }

  it("a request that comes byte by byte for longer than syncLimit: it is heard meanwhile", () => {
    const bench = new Bench();
    bench.write();
    const stranger = bench.stranger();
    served(stranger);
    const out = new Output();
    writeQuorumPacket(out, requestPacket({ sessionId: 1n, cxid: 1, type: 9 }, garbage(0, 0), null));
    for (const byte of out.take()) {
      stranger.sayBytes(Uint8Array.of(byte));
      bench.run(400);
    }
    stranger.hears(/^SYNC/);
    assert.equal(stranger.isClosed, false);
  });

  it("a flood of half-open links: the oldest stranger goes, a member gets in and stays", () => {
    const bench = new Bench();
    const { leader } = bench;
    const epoch = bench.write() >> 32n;
    const { follower } = bench;
    const before = leader.peer?.ensemble?.gauges();
    const strangers = Array.from({ length: 1999 }, () => bench.stranger());
    bench.until(() => strangers[0].isClosed, "room is made");
    assert.equal(strangers.filter(({ isClosed }) => isClosed).length < 100, true);
    assert.equal(strangers[1998].isClosed, false, "the newest are those that stay");
    follower.crash();
    follower.start();
    bench.until(() => follower.peer?.server !== null, "a member gets in", 5000);
    assert.deepEqual(leader.peer?.ensemble?.gauges()[1], before?.[1]);
    bench.undisturbed(strangers[0], leader, epoch);
  });

  it("a flood of observers with the sid of a voter does not keep that voter out", () => {
    const bench = new Bench();
    const { leader } = bench;
    const epoch = bench.write() >> 32n;
    const { follower } = bench;
    follower.crash();
    const strangers = Array.from({ length: 2000 }, () => {
      const stranger = bench.stranger();
      stranger.say(observer(follower.sid));
      return stranger;
    });
    bench.until(() => strangers[1999].heard.length > 0, "all are offered the epoch");
    follower.start();
    bench.until(() => follower.peer?.server !== null, "the voter gets in", 5000);
    bench.undisturbed(strangers[0], leader, epoch);
  });

  it("a replayed epoch, as a voter that is here already, changes nothing", () => {
    const bench = new Bench();
    const { leader } = bench;
    const epoch = bench.write() >> 32n;
    const stranger = bench.stranger();
    stranger.say(helloPacket(false, epoch, 2n, 0n), ackEpochPacket(0n, -1n), ACK(epoch << 32n));
    bench.undisturbed(stranger, leader, epoch);
    assert.deepEqual(stranger.heard, [], "the voter keeps its place");
  });

  it("a learner that reads nothing of its snapshot is cut off", () => {
    const bench = new Bench({ initLimit: "10" });
    const { leader } = bench;
    const epoch = bench.write() >> 32n;
    const stranger = bench.stranger();
    stranger.say(observer(77n));
    stranger.hears(/^LEADERINFO/);
    stranger.link?.hold(true);
    stranger.say(ackEpochPacket(0n, 0n));
    bench.run(60_000);
    stranger.link?.hold(false);
    bench.undisturbed(stranger, leader, epoch);
  });
});

describe("a learner that reads its snapshot slowly", () => {
  it("is not cut off while it reads, however long all of it takes", () => {
    const bench = new Bench();
    for (let i = 0; i < 6; i++) bench.create(`/large${i}`, 500_000);
    const stranger = bench.stranger();
    stranger.say(observer(77n));
    stranger.hears(/^LEADERINFO/);
    stranger.piecemeal = true;
    stranger.say(ackEpochPacket(1n, 0n));
    let reads = 0;
    while (!stranger.heard.some((line) => line.startsWith("NEWLEADER"))) {
      assert.ok(!stranger.isClosed && reads < 200, `it is closed after ${reads} reads`);
      bench.run(4000); // initLimit is 5 s
      stranger.link?.hold(false);
      reads += 1;
    }
    assert.ok(reads >= 5, "four times as long as a silent learner has");
  });
});

describe("a follower behind a slow link", () => {
  it("is not cut off for proposals that are still on their way to it", () => {
    const bench = new Bench();
    const epoch = bench.write() >> 32n;
    const { follower } = bench;
    follower.crash();
    const stranger = bench.stranger();
    stranger.say(helloPacket(false, 0n, follower.sid, 0n));
    stranger.hears(/^LEADERINFO/);
    stranger.say(ackEpochPacket(bench.lastZxid, 0n));
    stranger.hears(/^NEWLEADER/);
    stranger.say(ACK(epoch << 32n));
    stranger.hears(/^UPTODATE/);
    stranger.piecemeal = true;
    for (let i = 0; i < 8; i++) bench.create(`/large${i}`, 500_000);
    const last = `PROPOSAL 0x${bench.lastZxid.toString(16)}`;
    let reads = 0;
    while (!stranger.heard.includes(last)) {
      assert.ok(!stranger.isClosed && reads < 200, `it is closed after ${reads} reads`);
      bench.run(500); // syncLimit is 2.5 s
      stranger.link?.hold(false);
      reads += 1;
    }
    assert.ok(reads >= 10, "twice as long as an ACK may take");
    bench.until(() => stranger.isClosed, "it reads no more");
  });
});

describe("a leader and a membership that nobody has committed yet", () => {
  const RECONFIG = { reconfigEnabled: "true", standaloneEnabled: "false" };
  const versions = (bench: Bench): (bigint | undefined)[] =>
    bench.cluster.nodes.map(({ peer }) => peer?.ensemble?.membership.version);

  it("adopts it with its learners, and goes on leading (5.5 step 6)", () => {
    const bench = new Bench(RECONFIG, [1n, 2n, 3n]);
    assert.deepEqual([bench.leader.sid, ...versions(bench)], [3n, SEEN, SEEN, SEEN]);
    const { leader } = bench;
    const epoch = bench.write() >> 32n;
    bench.run(5000);
    assert.equal(bench.leader, leader);
    assert.equal(bench.write() >> 32n, epoch, "one election was enough");
  });

  it("that has no place for it: hands it out, then leaves to the others", () => {
    const bench = new Bench(RECONFIG, [1n, 2n]);
    bench.until(() => bench.leader.sid !== 3n, "another leads");
    bench.write();
    assert.deepEqual(versions(bench), [SEEN, SEEN, SEEN]);
  });
});

describe("quorum port and a learner that keeps them", () => {
  it("SNAP, signature, NEWLEADER, UPTODATE, then INFORM, in that order and nothing between", () => {
    const bench = new Bench();
    bench.write();
    const stranger = bench.stranger();
    stranger.say(observer(77n));
    stranger.hears(/^LEADERINFO/);
    const epoch = bench.lastZxid >> 32n;
    stranger.say(ackEpochPacket(1n, 0n));
    stranger.hears(/^NEWLEADER/);
    stranger.say(ACK(epoch << 32n));
    stranger.hears(/^UPTODATE/);
    bench.write();
    stranger.hears(/^INFORM/);
    const kinds = stranger.heard.filter((line) => !line.startsWith("PING")).map((line) =>
      line.split(" ")[0]
    );
    assert.deepEqual(kinds, ["LEADERINFO", "SNAP", "NEWLEADER", "UPTODATE", "INFORM"]);
    assert.equal(stranger.parts.at(-1), "end");
    assert.equal(stranger.parts.includes("session"), true, "sessions travel in a SNAP (H-R6)");
    stranger.hears(/^PING/);
    const index = (type: string): number => stranger.heard.findIndex((l) => l.startsWith(type));
    assert.equal(index("PING") > index("NEWLEADER"), true, "no PING before the sync (H-L5)");
  });

  it("DIFF with pairs from memory", () => {
    const bench = new Bench();
    const first = bench.write();
    bench.write();
    bench.write();
    const stranger = bench.stranger();
    stranger.say(observer(77n));
    stranger.hears(/^LEADERINFO/);
    stranger.say(ackEpochPacket(first, 0n));
    stranger.hears(/^NEWLEADER/);
    const [two, three] = [first + 1n, first + 2n].map((zxid) => `0x${zxid.toString(16)}`);
    assert.deepEqual(stranger.heard.slice(1, 6), [
      `DIFF ${three}`,
      `PROPOSAL ${two}`,
      `COMMIT ${two}`,
      `PROPOSAL ${three}`,
      `COMMIT ${three}`,
    ]);
  });

  it("an undecodable request takes a zxid of its own, and writes go on (H-R8, H-F15)", () => {
    const bench = new Bench();
    const before = bench.write();
    const backend = bench.follower.peer?.server?.core.backend;
    backend?.submit({
      sessionId: 5n,
      cxid: 1,
      op: OpCode.setData,
      body: new Uint8Array([0xff, 0xff]),
      auth: [],
      owner: LOCAL,
    });
    bench.until(() => bench.lastZxid === before + 1n, "the error is a txn");
    assert.equal(bench.write(), before + 2n);
  });
});
