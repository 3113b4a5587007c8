// A leader, played by the test, commits a reconfig: what a member of ours has of it afterwards.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { zxidOf } from "../lib/base/ids.ts";
import { OpCode, PacketType } from "../lib/txn/opcodes.ts";
import { makeTxn } from "../lib/txn/txn.ts";
import { bare, commitAndActivatePacket, txnPacket } from "../lib/zab/packets.ts";
import { FAKE, FakeLeader, layPair, OWN, OwnMember } from "./support/fake_leader.ts";
import { statOf } from "./support/tree_txns.ts";
import { until } from "./support/until.ts";

const CONFIG = "/zookeeper/config";

describe("a reconfig that is committed", () => {
  const dir = mkdtempSync(join(tmpdir(), "zkpeer-commit-"));
  let member: OwnMember;
  let fake: FakeLeader;
  let lines: string[] = [];
  before(async () => {
    const made = await layPair(dir);
    lines = made.serverLines(OWN).trim().split("\n");
    const cfg = made.cfg.bind(made);
    made.cfg = (sid) => `${cfg(sid)}\nreconfigEnabled=true\nstandaloneEnabled=false\n`;
    member = new OwnMember(made, OWN);
    fake = await FakeLeader.open(made, 0n);
  });
  after(async () => {
    await fake.close();
    await member.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it("leaves /zookeeper/config as the transaction makes it, the same on every member", async () => {
    const { ensemble } = member.peer;
    assert.ok(ensemble !== null);
    const { link, lastZxid } = await fake.greets();
    link.say(bare(PacketType.DIFF, lastZxid));
    await fake.confirms(link);
    const zxid = zxidOf(fake.epoch, 1n);
    // Lines in an order that is not ours, a time that is long ago.
    const text = [...lines.reverse(), `version=${zxid.toString(16)}`].join("\n");
    const header = { clientId: 1n, cxid: 1, zxid, time: 1_000_000n, type: OpCode.reconfig };
    const record = { path: CONFIG, data: new TextEncoder().encode(text), version: -1 };
    const txn = makeTxn(header, { kind: "setData", record }, null);
    link.say(txnPacket(PacketType.PROPOSAL, txn));
    await link.hears("ACK");
    link.say(commitAndActivatePacket(zxid, BigInt(FAKE)));
    await until(() => ensemble.membership.version === zxid, "it is in force", 20_000);
    const { mzxid, mtime, version } = statOf(ensemble.tree, CONFIG);
    assert.deepEqual({ mzxid, mtime, version }, { mzxid: zxid, mtime: 1_000_000n, version: -1 });
    const node = ensemble.tree.get(CONFIG);
    assert.ok(node !== undefined);
    assert.equal(new TextDecoder().decode(ensemble.tree.dataOf(node) ?? undefined), text);
  });
});
