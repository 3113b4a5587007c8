// One live mixed ensemble each way round, short enough for every run of the tests: two of ours with
// one Java server, and one of ours with two. The matrix of releases is in the interop tests.

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { javaUnavailable } from "./support/java.ts";
import { MixedEnsemble, OURS } from "./support/mixed_ensemble.ts";
import { digestTrouble, equalTrees, logTrouble } from "./support/trees.ts";

const JAVA = "3.9.5";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array | null): string => new TextDecoder().decode(data ?? bytes("null"));

function story(kinds: readonly string[]): void {
  let made: MixedEnsemble;
  before(async () => {
    made = await MixedEnsemble.lay(kinds);
    await made.start(3, 1);
    await made.serving([3, 1]);
    await made.start(2); // only now, so that it cannot elect with 1 before 3 is there
  });
  after(async () => {
    await made.close();
    rmSync(made.dir, { recursive: true });
  });

  it("elects the server with the highest sid, which a late one follows too", async () => {
    assert.deepEqual(await made.serving(), ["follower", "follower", "leader"]);
  });

  it("takes a write through each member, which reads it back at once", async () => {
    for (const sid of made.sids) {
      const client = made.client([sid]);
      assert.equal(await client.create(`/from${sid}`, bytes("first")), `/from${sid}`);
      const { version, mzxid } = await client.set(`/from${sid}`, bytes("second"));
      const { data, stat } = await client.get(`/from${sid}`);
      assert.deepEqual([text(data), stat.version, stat.mzxid], ["second", version, mzxid]);
      await client.close();
    }
  });

  it("shows a write to every member behind a sync", async () => {
    const clients = made.sids.map((sid) => made.client([sid]));
    for (const [turn, writer] of clients.entries()) {
      await writer.set("/from1", bytes(`turn ${turn}`));
      for (const [i, reader] of clients.entries()) {
        await made.level(reader, made.sids[i], "/from1");
        assert.equal(text((await reader.get("/from1")).data), `turn ${turn}`);
      }
    }
    for (const client of clients) await client.close();
  });

  it("orders many writes through all members at once", async () => {
    const clients = made.sids.map((sid) => made.client([sid]));
    await Promise.all(
      clients.flatMap((client) =>
        Array.from({ length: 200 }, (_, i) => client.create("/from1/n-", bytes(`${i}`), 2))
      ),
    );
    await clients[0].sync("/");
    const names = await clients[0].children("/from1");
    assert.equal(new Set(names).size, 600);
    for (const client of clients) await client.close();
  });

  it("goes on without its leader, which comes back as a follower", async () => {
    const client = made.client(made.sids);
    await client.connected();
    await made.kill(3);
    await made.makes(client, "/withoutLeader");
    const successor = await made.leader();
    assert.notEqual(successor, 3);
    await made.start(3);
    assert.deepEqual(await made.serving([3]), ["follower"]);
    const back = made.client([3]);
    await made.makes(back, "/throughTheReturned");
    for (const one of [client, back]) await one.close();
  });

  it("ends with equal trees and digests and nothing ill in any log", async () => {
    const tree = await equalTrees(made);
    for (const sid of made.sids) assert.ok(tree.has(`/from${sid}`));
    assert.ok(tree.has("/withoutLeader") && tree.has("/throughTheReturned"));
    assert.deepEqual(await digestTrouble(made), []);
    assert.deepEqual(logTrouble(made), []);
  });
}

const skip = javaUnavailable(JAVA) ?? false;
describe(`two of ours and a Java ${JAVA} server`, { skip }, () => story([OURS, OURS, JAVA]));
describe(`two Java ${JAVA} servers and one of ours`, { skip }, () => story([JAVA, JAVA, OURS]));
