// Leaders that mean no good, or are broken, on real sockets: whatever they say to a member of ours,
// it costs them the link. Its log and tree stay what they were, it looks for a leader again, follows
// one that is sound, and finds its history whole after a restart.

import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { type Zxid, zxidOf } from "../lib/base/ids.ts";
import { ZkClient } from "../lib/client/client.ts";
import { Output } from "../lib/codec/output.ts";
import { HostClock } from "../lib/host/clock.ts";
import { HostNetwork } from "../lib/host/network.ts";
import type { QuorumPacket } from "../lib/records/quorum.ts";
import { PacketType } from "../lib/txn/opcodes.ts";
import { SNAPSHOT_SIGNATURE } from "../lib/wire/learner.ts";
import { bare, leaderInfoPacket, txnPacket } from "../lib/zab/packets.ts";
import {
  FAKE,
  FakeLeader,
  layPair,
  type LearnerLink,
  OWN,
  OwnMember,
} from "./support/fake_leader.ts";
import { bytesOf, garbage, HUGE } from "./support/hostile.ts";
import { until } from "./support/until.ts";
import { txnAt } from "./support/zab.ts";

/** What a test knows of the member before the leader goes wrong. */
interface Scene {
  readonly fake: FakeLeader;
  readonly lastZxid: Zxid;
  /** The whole tree, as in a SNAP, without its signature. */
  readonly dump: Uint8Array;
}

/** A leader that goes wrong at some point; ends when its part is said. */
interface Wrong {
  readonly name: string;
  readonly act: (scene: Scene) => Promise<LearnerLink>;
}

const NOTHING = -1n;
const diff = ({ lastZxid }: Scene): QuorumPacket => bare(PacketType.DIFF, lastZxid);
const snap = ({ lastZxid }: Scene): QuorumPacket => bare(PacketType.SNAP, lastZxid);
const uptodate = bare(PacketType.UPTODATE, NOTHING);
const proposal = (zxid: Zxid): QuorumPacket => txnPacket(PacketType.PROPOSAL, txnAt(zxid));
const commit = (zxid: Zxid): QuorumPacket => bare(PacketType.COMMIT, zxid);
const head = (type: number, length: number): Uint8Array =>
  bytesOf((out) => {
    out.int(type);
    out.long(0n);
    out.int(length);
  });

/** Instead of LEADERINFO. */
const atFirst = (name: string, say: (link: LearnerLink, accepted: bigint) => void): Wrong => ({
  name: `${name} instead of LEADERINFO`,
  act: async ({ fake }) => {
    const { link, accepted } = await fake.meets();
    say(link, accepted);
    return link;
  },
});

/** Behind ACKEPOCH. */
const inSync = (name: string, say: (link: LearnerLink, scene: Scene) => unknown): Wrong => ({
  name,
  act: async (scene) => {
    const { link } = await scene.fake.greets();
    await say(link, scene);
    return link;
  },
});

/** To a member that serves. */
const whenServed = (name: string, say: (link: LearnerLink, next: bigint) => unknown): Wrong => ({
  name: `${name} to a member that serves`,
  act: async (scene) => {
    const { link } = await scene.fake.greets();
    link.say(diff(scene));
    await scene.fake.confirms(link);
    await say(link, zxidOf(scene.fake.epoch, 0n));
    return link;
  },
});

/** SNAP and a stream made from the right one. */
const snapOf = (name: string, spoil: (right: Uint8Array) => Uint8Array, cut = false): Wrong =>
  inSync(`SNAP: ${name}`, (link, scene) => {
    link.say(snap(scene));
    link.sayBytes(spoil(concat(scene.dump, signature(SNAPSHOT_SIGNATURE))));
    if (cut) return link.socket.end();
    link.say(scene.fake.newLeader, uptodate);
  });

const signature = (text: string): Uint8Array => bytesOf((out) => out.ustring(text));
const concat = (...parts: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(Buffer.concat(parts));
const orphan = bytesOf((out) => {
  out.int(0); // no session
  out.int(0); // no ACL
  out.ustring("/parent/child");
  out.buffer(null);
  out.long(-1n);
  for (let i = 0; i < 60; i++) out.byte(0);
  out.ustring("/");
});

const wrongs: readonly Wrong[] = [
  atFirst("garbage", (link) => link.sayBytes(garbage(300, 1))),
  atFirst("a packet of 2 GiB", (link) => link.sayBytes(head(PacketType.LEADERINFO, HUGE))),
  atFirst("a negative length", (link) => link.sayBytes(head(PacketType.LEADERINFO, -7))),
  atFirst("NEWLEADER", (link) => link.say(bare(PacketType.NEWLEADER, zxidOf(9n, 0n)))),
  atFirst("a LEADERINFO without data", (link) => link.say(bare(PacketType.LEADERINFO, 1n << 32n))),
  atFirst("a LEADERINFO of an older epoch", (link, accepted) => {
    link.say(leaderInfoPacket(accepted - 1n));
  }),
  atFirst("silence", () => {}),
  atFirst("half a packet and silence", (link) => link.sayBytes(Uint8Array.of(0, 0, 0, 17, 0))),
  atFirst("an end", (link) => void link.socket.end()),
  {
    name: "garbage, one byte at a time, instead of LEADERINFO",
    act: async ({ fake }) => {
      const { link } = await fake.meets();
      for (const byte of garbage(400, 5)) {
        if (link.isClosed) break;
        link.sayBytes(Uint8Array.of(byte));
        await wait(5); // a slow sender is what this is about
      }
      return link;
    },
  },
  inSync("PING before DIFF", (link) => link.say(bare(PacketType.PING, NOTHING))),
  inSync("COMMIT before DIFF", (link, { lastZxid }) => link.say(commit(lastZxid))),
  inSync("NEWLEADER before DIFF", (link, { fake }) => link.say(fake.newLeader, uptodate)),
  inSync("UPTODATE before NEWLEADER", (link, scene) => link.say(diff(scene), uptodate)),
  inSync("NEWLEADER of another epoch", (link, scene) => {
    link.say(diff(scene), { ...scene.fake.newLeader, zxid: zxidOf(scene.fake.epoch + 5n, 0n) });
  }),
  inSync("NEWLEADER of an older epoch", (link, scene) => {
    link.say(diff(scene), { ...scene.fake.newLeader, zxid: zxidOf(scene.fake.epoch - 1n, 0n) });
  }),
  inSync("NEWLEADER twice", (link, scene) => {
    link.say(diff(scene), scene.fake.newLeader, scene.fake.newLeader);
  }),
  inSync("COMMIT of what nobody proposed, in the sync", (link, scene) => {
    link.say(diff(scene), commit(scene.lastZxid + 7n), scene.fake.newLeader);
  }),
  inSync("a gap between the proposals of the sync", (link, scene) => {
    const { lastZxid } = scene;
    const [next, later] = [lastZxid + 2n, lastZxid + 4n];
    link.say(bare(PacketType.DIFF, later), proposal(next), commit(next), proposal(later));
  }),
  inSync("a proposal that cannot be decoded", (link, scene) => {
    const data = garbage(60, 6);
    link.say(diff(scene), {
      type: PacketType.PROPOSAL,
      zxid: scene.lastZxid + 1n,
      data,
      authinfo: null,
    });
  }),
  inSync("a proposal with another zxid inside", (link, scene) => {
    link.say(diff(scene), { ...proposal(scene.lastZxid + 3n), zxid: scene.lastZxid + 1n });
  }),
  inSync("a proposal of 2 GiB", (link, scene) => {
    link.say(diff(scene));
    link.sayBytes(head(PacketType.PROPOSAL, HUGE));
  }),
  inSync("silence behind ACKEPOCH", () => {}),
  inSync("silence behind DIFF", (link, scene) => link.say(diff(scene))),
  inSync("no UPTODATE", (link, scene) => link.say(diff(scene), scene.fake.newLeader)),
  inSync("TRUNC to where its log has never been", (link, scene) => {
    link.say(bare(PacketType.TRUNC, 9n), scene.fake.newLeader, uptodate);
  }),
  snapOf("cut in the middle", (right) => right.subarray(0, right.length >> 1), true),
  snapOf("cut at the signature", (right) => right.subarray(0, right.length - 3), true),
  snapOf("another signature", (right) => concat(right.subarray(0, -4), signature("none"))),
  snapOf("a node before its parent", () => concat(orphan, signature(SNAPSHOT_SIGNATURE))),
  snapOf("garbage", () => garbage(2000, 7)),
  snapOf("a path of 2 GiB", () =>
    bytesOf((out) => {
      out.int(0);
      out.int(0);
      out.int(HUGE);
    })),
  snapOf("two billion sessions", () => bytesOf((out) => out.int(HUGE)), true),
  inSync("SNAP: silence in the middle", (link, scene) => {
    link.say(snap(scene));
    link.sayBytes(scene.dump.subarray(0, scene.dump.length >> 1));
  }),
  inSync("SNAP: whole, and no NEWLEADER", (link, scene) => {
    link.say(snap(scene));
    link.sayBytes(concat(scene.dump, signature(SNAPSHOT_SIGNATURE)));
  }),
  whenServed("garbage", (link) => link.sayBytes(garbage(300, 8))),
  whenServed("silence", () => {}),
  whenServed("a gap between proposals", (link, start) => link.say(proposal(start + 2n))),
  whenServed("a proposal of an epoch that is over", (link, start) => {
    link.say(proposal(start - (1n << 32n) + 900n));
  }),
  whenServed("COMMIT of another proposal than the oldest", async (link, start) => {
    link.say(proposal(start + 1n), proposal(start + 2n));
    for (const counter of [1n, 2n]) assert.equal(await link.hears("ACK"), start + counter);
    link.say(commit(start + 2n));
  }),
  whenServed("a late SNAP", (link, start) => link.say(bare(PacketType.SNAP, start))),
  whenServed("COMMITANDACTIVATE of nothing, then garbage", (link, start) => {
    link.say(bare(PacketType.COMMITANDACTIVATE, start + 1n));
    link.sayBytes(garbage(100, 9));
  }),
];

/** A member with a history, and the data of it that every case starts from. */
async function makeHistory(dir: string): Promise<void> {
  const made = await layPair(dir);
  const members = [new OwnMember(made, OWN), new OwnMember(made, FAKE)];
  const { host, clientPort: port } = made.member(OWN);
  const client = new ZkClient(new HostNetwork(), new HostClock(), {
    servers: [{ host, port }],
    timeoutMs: 10_000,
  });
  for (const path of ["/a", "/a/b", "/a/b/c", "/d"]) {
    await client.create(path, new TextEncoder().encode(`data of ${path}`));
  }
  await client.close();
  for (const member of members) await member.stop();
}

/** Plays one case to its end; what is wrong is thrown. */
async function play(wrong: Wrong, dir: string, history: string): Promise<void> {
  const made = await layPair(dir);
  const { dataDir } = made.member(OWN);
  mkdirSync(dirname(dataDir), { recursive: true });
  cpSync(history, dataDir, { recursive: true });
  const member = new OwnMember(made, OWN);
  const { ensemble } = member.peer;
  assert.ok(ensemble !== null);
  const { lastZxid } = ensemble.tree;
  const fake = await FakeLeader.open(made, lastZxid);
  try {
    const whole = member.history();
    const out = new Output();
    const dumping = ensemble.tree.dump();
    while (!dumping.fill(out, 1 << 20));
    const scene: Scene = { fake, lastZxid, dump: out.take() };
    const link = await wrong.act(scene);
    await link.closed();
    await welcome(scene, member);
    await until(() => ensemble.roleName === "following" && member.peer.server !== null, "service");
    assert.equal(member.history(), whole);
    assert.deepEqual(member.faults, []);
  } catch (error) {
    throw new Error(`${error}\n${member.notes.slice(-12).join("\n")}`);
  } finally {
    await fake.close();
    await member.stop();
  }
  const again = new OwnMember(made, OWN);
  const kept = again.peer.ensemble?.tree;
  await again.stop();
  assert.equal(kept?.digest(), ensemble.tree.digest());
}

/** A sound leader that has nothing but the history of before. */
async function welcome(scene: Scene, member: OwnMember): Promise<void> {
  const { fake, lastZxid } = scene;
  for (let tries = 1;; tries++) {
    const { link, lastZxid: claimed } = await fake.greets();
    // An epoch begun and ended without a txn is known by its first zxid, which is in no log (H-R4).
    const hasAll = claimed === lastZxid || (claimed & 0xffff_ffffn) === 0n && claimed > lastZxid;
    if (claimed === 0n) {
      link.say(bare(PacketType.SNAP, lastZxid));
      link.sayBytes(concat(scene.dump, signature(SNAPSHOT_SIGNATURE)));
    } else if (hasAll) {
      link.say(bare(PacketType.DIFF, claimed));
    } else {
      assert.ok(claimed > lastZxid, `it has lost ${claimed.toString(16)}`);
      link.say(bare(PacketType.TRUNC, lastZxid));
    }
    const error = await fake.confirms(link).then(() => null, (gone: unknown) => gone);
    if (error === null) return;
    if (tries === 3) throw error; // a SNAP or a TRUNC may have to be asked for first
    await link.closed();
    assert.deepEqual(member.faults, []);
  }
}

describe("a leader that says what it must not loses a link, and nobody anything:", () => {
  const dir = mkdtempSync(join(tmpdir(), "zkpeer-leaders-"));
  const played = new Map<string, Promise<unknown>>();
  before(async () => {
    await makeHistory(join(dir, "history"));
    const history = join(dir, "history", `s${OWN}`, "data");
    // Each waits most of its time; together they take no longer than the slowest.
    for (const [i, wrong] of wrongs.entries()) {
      const result = play(wrong, join(dir, `${i}`), history).then(() => null, (error) => error);
      played.set(wrong.name, result);
    }
    await Promise.all(played.values());
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  for (const { name } of wrongs) {
    it(name, async () => {
      const error = await played.get(name);
      if (error !== null) throw error;
    });
  }
});
