// The learner port: packets out of a bare stream however it is cut, the lane of ACK, COMMIT and
// PING, the switch to a snapshot and back, SASL before the first packet, every payload both ways.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Fault } from "../lib/base/errors.ts";
import { Output } from "../lib/codec/output.ts";
import type { QuorumPacket } from "../lib/records/quorum.ts";
import type { StatPersisted } from "../lib/records/data.ts";
import { OpCode, PacketType } from "../lib/txn/opcodes.ts";
import { makeTxn } from "../lib/txn/txn.ts";
import { REQUESTS } from "../lib/wire/bodies.ts";
import { ByteQueue } from "../lib/wire/frames.ts";
import * as learner from "../lib/wire/learner.ts";
import * as payloads from "../lib/wire/payloads.ts";
import { fromHex, toHex } from "./support/golden.ts";

const isFault = (code: string, text = "") => (error: unknown) =>
  error instanceof Fault && error.code === code && error.message.includes(text);

const written = (write: (out: Output) => void): Uint8Array => {
  const out = new Output();
  write(out);
  return out.take();
};

const txn = makeTxn(
  { clientId: 5n, cxid: 1, zxid: 0x500000007n, time: 1n, type: OpCode.delete },
  { kind: "delete", record: { path: "/a" } },
  { version: 2, treeDigest: 9n },
);
const info = { serverid: 3n, protocolVersion: 0x10000, configVersion: 0x100000000n };
const authinfo = [{ scheme: "ip", id: "10.0.0.1" }, { scheme: null, id: null }];
const syncBody = written((out) => REQUESTS[OpCode.sync].write(out, { path: "/s" }));

type Row = readonly [write: (out: Output) => void, from: payloads.Side, payload: payloads.Payload];
const request = { sessionId: 5n, cxid: 7, type: OpCode.sync };
const rows: readonly Row[] = [
  [
    (out) => payloads.writeLearnerHello(out, PacketType.FOLLOWERINFO, 5n, info),
    "learner",
    { kind: "learnerInfo", info, size: 20 },
  ],
  [
    (out) => payloads.writeLearnerHello(out, PacketType.OBSERVERINFO, 5n, info, 12),
    "learner",
    { kind: "learnerInfo", info: { ...info, configVersion: 0n }, size: 12 },
  ],
  [
    (out) => payloads.writeLearnerHello(out, PacketType.FOLLOWERINFO, 5n, info, 8),
    "learner",
    {
      kind: "learnerInfo",
      info: { serverid: 3n, protocolVersion: 1, configVersion: 0n },
      size: 8,
    },
  ],
  [(out) => payloads.writeLeaderInfo(out, 6n), "leader", {
    kind: "leaderInfo",
    protocolVersion: 0x10000,
  }],
  [(out) => payloads.writeAckEpoch(out, 0x500000007n, -1), "learner", {
    kind: "ackEpoch",
    currentEpoch: -1,
  }],
  [(out) => payloads.writeNewLeader(out, 6n, "version=0\nserver.1=ü"), "leader", {
    kind: "config",
    text: "version=0\nserver.1=ü",
  }],
  [(out) => payloads.writeNewLeader(out, 6n, null), "leader", { kind: "none" }],
  [(out) => payloads.writeUptodate(out), "leader", { kind: "none" }],
  [(out) => payloads.writeSync(out), "leader", { kind: "none" }],
  [(out) => payloads.writeBare(out, PacketType.PING, 8n), "leader", { kind: "none" }],
  [
    (out) => payloads.writeTxnPacket(out, PacketType.PROPOSAL, txn.header.zxid, txn.bytes),
    "leader",
    { kind: "txn", txn },
  ],
  [
    (out) => payloads.writeTxnPacket(out, PacketType.INFORM, txn.header.zxid, txn.bytes),
    "leader",
    { kind: "txn", txn },
  ],
  [(out) => payloads.writeCommitAndActivate(out, 7n, 2n), "leader", {
    kind: "activate",
    leader: 2n,
  }],
  [(out) => payloads.writeInformAndActivate(out, 7n, 2n, txn.bytes), "leader", {
    kind: "activateTxn",
    leader: 2n,
    txn,
  }],
  [(out) => payloads.writePingReply(out, 8n, [[5n, 4000], [-6n, 1]]), "learner", {
    kind: "touched",
    sessions: [{ sessionId: 5n, timeout: 4000 }, { sessionId: -6n, timeout: 1 }],
  }],
  [(out) => payloads.writePingReply(out, 8n, []), "learner", { kind: "touched", sessions: [] }],
  [(out) => payloads.writeRevalidate(out, 5n, 4000), "learner", {
    kind: "revalidate",
    request: { sessionId: 5n, timeout: 4000 },
  }],
  [(out) => payloads.writeRevalidateReply(out, -1n, 5n, true), "leader", {
    kind: "revalidated",
    reply: { sessionId: 5n, valid: true },
  }],
  [(out) => payloads.writeForwarded(out, request, syncBody, authinfo), "learner", {
    kind: "request",
    header: request,
    body: { kind: "record", codec: REQUESTS[OpCode.sync], record: { path: "/s" } },
  }],
];

function packetOf(bytes: Uint8Array): QuorumPacket {
  const reader = new learner.PacketReader();
  reader.push(bytes);
  const packet = reader.next();
  assert.ok(packet !== null && reader.queue.size === 0);
  return packet;
}

const stat: StatPersisted = {
  czxid: 1n,
  mzxid: 2n,
  ctime: 3n,
  mtime: 4n,
  version: 5,
  cversion: 6,
  aversion: 7,
  ephemeralOwner: 8n,
  pzxid: 9n,
};
const acl = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
const parts: learner.SnapshotPart[] = [
  { kind: "sessionCount", count: 2 },
  { kind: "session", session: { id: 5n, timeout: 4000 } },
  { kind: "session", session: { id: -6n, timeout: 1 } },
  { kind: "aclCount", count: 2 },
  { kind: "acl", entry: { id: 1n, acl } },
  { kind: "acl", entry: { id: 2n, acl: null } },
  { kind: "node", node: { path: "", data: new Uint8Array(0), acl: -1n, stat } },
  { kind: "node", node: { path: "/a", data: fromHex("0102"), acl: 1n, stat } },
  { kind: "node", node: { path: "/a/b", data: null, acl: 2n, stat } },
  { kind: "end" },
];
const empty: learner.SnapshotPart[] = [
  { kind: "sessionCount", count: 0 },
  { kind: "aclCount", count: 0 },
  { kind: "end" },
];

/** Everything on a stream of packets with snapshots in it, as text; bare() first when asked. */
function readAll(stream: Uint8Array, cuts: readonly number[], bareFirst: boolean): string[] {
  const reader = new learner.PacketReader();
  const found: string[] = [];
  const one = (): string | null => {
    if (reader.inSnapshot) {
      const part = reader.nextSnapshotPart();
      if (part === null) return null;
      return `${part.kind} ${toHex(written((out) => learner.writeSnapshotPart(out, part)))}`;
    }
    const type = bareFirst ? reader.bare() : 0;
    if (type !== 0) {
      return toHex(written((out) => {
        payloads.writeBareWords(out, type as PacketType, reader.hi, reader.lo);
      }));
    }
    const packet = reader.next();
    if (packet?.type === PacketType.SNAP) reader.expectSnapshot();
    return packet === null ? null : toHex(reader.taken);
  };
  let from = 0;
  for (const to of [...cuts, stream.length]) {
    reader.push(stream.slice(from, to));
    from = to;
    for (let each = one(); each !== null; each = one()) found.push(each);
    const missing = reader.missing();
    assert.ok(missing > 0 && missing <= Math.max(5, stream.length - to + 20), `${missing}`);
  }
  assert.equal(reader.queue.size, 0);
  return found;
}

describe("packets", () => {
  it("of every type have their payload, both ways", () => {
    for (const [index, [write, from, payload]] of rows.entries()) {
      const bytes = written(write);
      const packet = packetOf(bytes);
      const read = payloads.readPayload(packet, from);
      assert.deepEqual(read, payload, `row ${index}`);
      if (packet.data === null) continue;
      assert.equal(toHex(written((out) => payloads.writePayload(out, read))), toHex(packet.data));
    }
  });

  it("carry their zxid and authinfo as Java writes them", () => {
    const zxids = rows.map(([write]) => packetOf(written(write)).zxid);
    assert.equal(zxids[0], 0x500000000n);
    assert.equal(zxids[3], 0x600000000n);
    const forwarded = packetOf(written(rows[rows.length - 1][0]));
    assert.equal(forwarded.zxid, -1n);
    assert.deepEqual(forwarded.authinfo, authinfo);
  });

  it("cut in their data are a Fault", () => {
    for (const [index, [write, from, payload]] of rows.entries()) {
      const packet = packetOf(written(write));
      if (packet.data === null || payload.kind === "config" || payload.kind === "learnerInfo") {
        continue; // any length is one, and shorter forms are forms
      }
      for (let end = 0; end < packet.data.length; end++) {
        const data = packet.data.slice(0, end);
        const isTxn = payload.kind === "txn" || payload.kind === "activateTxn";
        // Without its digest a txn is whole; a list of sessions may have one less.
        if (isTxn && end >= packet.data.length - 12) continue;
        if (payload.kind === "touched" && end % 12 === 0) continue;
        assert.throws(() => payloads.readPayload({ ...packet, data }, from), Fault, `row ${index}`);
      }
    }
    assert.throws(() => payloads.readLearnerInfo(new Uint8Array(7)), isFault("SHORT"));
    assert.throws(() => payloads.readForwarded(null), isFault("SHORT"));
  });

  it("of unknown type keep their bytes", () => {
    const packet: QuorumPacket = { type: 99, zxid: 1n, data: fromHex("aa"), authinfo: null };
    assert.deepEqual(payloads.readPayload(packet, "leader"), { kind: "raw", bytes: fromHex("aa") });
  });
});

describe("learner stream", () => {
  const bare = (type: PacketType) => (out: Output) => payloads.writeBare(out, type, 0x7_8000_0001n);
  const snapshot = (each: readonly learner.SnapshotPart[]) => (out: Output) => {
    payloads.writeBare(out, PacketType.SNAP, 7n);
    for (const part of each) learner.writeSnapshotPart(out, part);
  };
  const stream = written((out) => {
    for (const [write] of rows.slice(0, 6)) write(out);
    snapshot(parts)(out);
    for (const type of [PacketType.COMMIT, PacketType.ACK, PacketType.PING]) bare(type)(out);
    snapshot(empty)(out);
    for (const [write] of rows.slice(6)) write(out);
  });
  const whole = readAll(stream, [], false);

  it("gives all packets and parts", () => {
    assert.equal(whole.length, rows.length + 2 + parts.length + empty.length + 3);
    const shown = whole.filter((each) => /^[a-z]+[A-Z ]/.test(each)).map((each) =>
      each.split(" ")[0]
    );
    assert.deepEqual(shown, [...parts, ...empty].map((part) => part.kind));
  });

  it("gives the same when it is cut anywhere, and byte by byte", () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      assert.deepEqual(readAll(stream, [cut], cut % 2 === 0), whole, `cut at ${cut}`);
    }
    assert.deepEqual(readAll(stream, Array.from(stream.keys()), false), whole);
    assert.deepEqual(readAll(stream, Array.from(stream.keys()), true), whole);
  });

  it("takes ACK, COMMIT and PING by their words, and nothing else", () => {
    const take = (bytes: Uint8Array) => {
      const reader = new learner.PacketReader();
      reader.push(bytes);
      return [reader.bare(), reader.hi, reader.lo, reader.queue.size];
    };
    assert.deepEqual(take(written(bare(PacketType.ACK))), [PacketType.ACK, 7, -0x7fffffff, 0]);
    assert.deepEqual(take(written(bare(PacketType.PING))), [PacketType.PING, 7, -0x7fffffff, 0]);
    assert.equal(take(written(bare(PacketType.UPTODATE)))[0], 0);
    assert.equal(take(written(bare(PacketType.SNAP)))[0], 0);
    assert.equal(take(written(bare(PacketType.ACK)).slice(0, 19))[0], 0);
    assert.equal(take(written((out) => payloads.writePingReply(out, 1n, [])))[0], 0);
    assert.equal(take(written((out) => payloads.writePingReply(out, 1n, [[1n, 1]])))[0], 0);
  });

  it("refuses lengths that cannot be before their bytes arrive", () => {
    const read = (hex: string) => () => {
      const reader = new learner.PacketReader(1000, "link to 3");
      reader.push(fromHex(hex));
      return reader.next();
    };
    const head = "000000020000000000000001";
    assert.equal(read(`${head}000003e8`)(), null);
    assert.throws(read(`${head}000003e9`), isFault("LENGTH", "link to 3"));
    assert.throws(read(`${head}7fffffff`), isFault("LENGTH"));
    assert.throws(read(`${head}fffffffe`), isFault("LENGTH"));
    assert.throws(read(`${head}ffffffff0000000100000401`), isFault("LENGTH"));
    assert.equal(read(`${head}ffffffff7fffffff`)(), null);
    assert.throws(read(`${head}ffffffff7fffffff${"ff".repeat(4000)}`), isFault("LENGTH"));
  });

  it("refuses a snapshot with another signature or a node without a path", () => {
    const read = (write: (out: Output) => void) => () => {
      const reader = new learner.PacketReader();
      reader.expectSnapshot();
      reader.push(written(write));
      while (reader.nextSnapshotPart() !== null);
    };
    const counts = (out: Output) => {
      out.int(0);
      out.int(0);
    };
    assert.throws(
      read((out) => {
        counts(out);
        out.ustring("/");
        out.ustring("BenWasNotHere");
      }),
      isFault("BAD_MAGIC", "BenWasNotHere"),
    );
    assert.throws(
      read((out) => {
        counts(out);
        learner.writeSnapshotPart(out, {
          kind: "node",
          node: { path: null, data: null, acl: -1n, stat },
        });
      }),
      isFault("PROTOCOL", "without a path"),
    );
  });

  it("takes negative counts of sessions and ACLs for none", () => {
    const reader = new learner.PacketReader();
    reader.expectSnapshot();
    reader.push(fromHex(`ffffffff80000000000000012f0000000a${
      toHex(
        new TextEncoder().encode(learner.SNAPSHOT_SIGNATURE),
      )
    }`));
    const kinds = [1, 2, 3].map(() => reader.nextSnapshotPart()?.kind);
    assert.deepEqual(kinds, ["sessionCount", "aclCount", "end"]);
    assert.equal(reader.inSnapshot, false);
  });

  it("does not write into what it gave away", () => {
    const reader = new learner.PacketReader();
    const given: (Uint8Array | null)[] = [];
    const two = written((out) => {
      payloads.writePingReply(out, 1n, [[1n, 1]]);
      payloads.writePingReply(out, 1n, [[2n, 2]]);
    });
    for (const byte of two) {
      reader.push(Uint8Array.of(byte));
      const packet = reader.next();
      if (packet !== null) given.push(packet.data);
    }
    assert.deepEqual(given.map((each) => each && toHex(each)), [
      "000000000000000100000001",
      "000000000000000200000002",
    ]);
  });
});

describe("quorum SASL", () => {
  const auth = written((out) => {
    payloads.writeAuth(out, learner.AuthStatus.inProgress, new Uint8Array(0));
    payloads.writeAuth(out, learner.AuthStatus.success, fromHex("aabb"));
  });

  it("is told from packets by its magic, without consuming it", () => {
    const reader = new learner.PacketReader();
    reader.push(auth.slice(0, 7));
    assert.equal(reader.hasAuthMagic(), null);
    reader.push(auth.slice(7));
    assert.equal(reader.hasAuthMagic(), true);
    assert.deepEqual(reader.nextAuth(), {
      magic: learner.AUTH_MAGIC,
      status: 0,
      token: new Uint8Array(0),
    });
    assert.deepEqual(reader.nextAuth()?.token, fromHex("aabb"));
    assert.equal(reader.nextAuth(), null);
    reader.push(written((out) => payloads.writeUptodate(out)));
    assert.equal(reader.hasAuthMagic(), false);
    assert.equal(reader.next()?.type, PacketType.UPTODATE);
  });

  it("comes whole from a queue that others go on with", () => {
    const queue = new ByteQueue();
    const reader = new learner.AuthReader(queue, "election port", 100);
    let found = 0;
    for (const byte of auth) {
      queue.push(Uint8Array.of(byte));
      if (reader.next() !== null) found += 1;
    }
    assert.equal(found, 2);
    queue.push(fromHex("5f2435013501edcc0000000000000065"));
    assert.throws(() => reader.next(), isFault("LENGTH", "election port"));
  });
});
