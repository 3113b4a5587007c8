// Ensembles of five in which hardly two members are of one release, Java and ours side by side: who
// is elected by sid, by zxid and by epoch, who joins late, and what each says to the others on the
// election port, heard on the wire (issue 4, "Must show" 2).

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { GREETING_V1 } from "../lib/wire/election.ts";
import { ElectionTaps } from "./support/election_tap.ts";
import { javaUnavailable } from "./support/java.ts";
import { MixedEnsemble, OURS } from "./support/mixed_ensemble.ts";
import { digestTrouble, equalTrees, logTrouble } from "./support/trees.ts";

const ALL = [1, 2, 3, 4, 5];
const OLD = "3.4.14";

function stories(kinds: readonly string[]): void {
  const taps = new ElectionTaps();
  let made: MixedEnsemble;
  before(async () => {
    made = await MixedEnsemble.lay(kinds, { doors: true, electionTap: taps.tap });
  });
  after(async () => {
    await made.close();
    rmSync(made.dir, { recursive: true });
  });
  const write = (path: string, ...sids: number[]): Promise<void> => made.persist(sids, path);
  const rolesOf = async (...sids: number[]): Promise<Record<number, string>> => {
    const roles = await made.serving(sids);
    return Object.fromEntries(sids.map((sid, i) => [sid, roles[i]]));
  };

  it("three that know nothing elect the highest sid; two that come later follow it", async () => {
    await made.start(5, 1, 2);
    assert.deepEqual(await rolesOf(1, 2, 5), { 1: "follower", 2: "follower", 5: "leader" });
    await made.start(3, 4);
    assert.deepEqual(await rolesOf(3, 4), { 3: "follower", 4: "follower" });
    for (const sid of ALL) await write(`/through-${sid}`, sid);
  });

  it("four elect another when the leader dies; it comes back and follows", async () => {
    await made.kill(5);
    await write("/without-5", 1, 2, 3, 4);
    const next = await made.leader();
    assert.notEqual(next, 5);
    await made.start(5);
    assert.deepEqual(await rolesOf(5), { 5: "follower" });
    assert.equal(await made.leader(), next, "a higher sid that is level deposes nobody");
    for (const sid of ALL) await write(`/again-through-${sid}`, sid);
  });

  it("the newest history wins over higher sids", async () => {
    await made.kill(4, 5);
    await write("/without-4-and-5", 1, 2, 3);
    await made.kill(1, 2, 3);
    await made.start(1, 4, 5);
    assert.deepEqual(await rolesOf(1, 4, 5), { 1: "leader", 4: "follower", 5: "follower" });
    await made.start(2, 3);
    assert.deepEqual(await rolesOf(2, 3), { 2: "follower", 3: "follower" });
    for (const sid of ALL) await write(`/third-through-${sid}`, sid);
  });

  it("each greets and votes in the form of its release, and ours in that of the newest", () => {
    assert.deepEqual(taps.strange, []);
    for (const sid of ALL) {
      const isOld = kinds[sid - 1] === OLD;
      const greetings = taps.greetings.filter(({ from }) => from === sid);
      assert.ok(greetings.length > 0, `server ${sid} has greeted nobody`);
      for (const { message } of greetings) {
        assert.equal(message.sid, BigInt(sid));
        assert.equal(message.version, isOld ? 0n : GREETING_V1);
        const { host, electionPort } = made.seat(sid);
        const address = { host, port: electionPort };
        assert.deepEqual(message.addresses, isOld ? [] : [address]);
      }
      const said = taps.notifications.filter(({ from }) => from === sid);
      assert.ok(said.length > 0, `server ${sid} has said nothing`);
      for (const { form, notification: n, size } of said) {
        assert.deepEqual([form, n.version], isOld ? [40, 1] : [44, 2], `server ${sid}`);
        if (isOld) continue;
        assert.equal(size, 44 + (n.config ?? "").length, "nothing stands behind the configuration");
        assert.equal(shapeOf(n.config), SHAPE, `server ${sid}`);
      }
    }
    // Who talks to whom is the election's choice; each kind of pair is among it.
    const isPair = (from: boolean, to: boolean): boolean =>
      taps.notifications.some((one) =>
        (kinds[one.from - 1] === OURS) === from && (kinds[one.to - 1] === OURS) === to
      );
    assert.ok(isPair(true, false) && isPair(false, true) && isPair(false, false));
  });

  it("all end with equal trees and digests and nothing ill in any log", async () => {
    const tree = await equalTrees(made);
    for (const sid of ALL) {
      assert.ok(tree.has(`/through-${sid}`) && tree.has(`/third-through-${sid}`));
    }
    assert.deepEqual(await digestTrouble(made), []);
    assert.deepEqual(logTrouble(made), []);
  });
}

/** A configuration without what differs from member to member: each sees others behind doors. */
const shapeOf = (config: string | null): string =>
  (config ?? "").replaceAll(/=[\d.]+:\d+:\d+:/g, "=ADDRESS:");
const SHAPE = [...ALL.map((sid) => `server.${sid}=ADDRESS:participant`), "version=0"].join("\n");

const ENSEMBLES = [
  ["3.5.10", "3.6.4", OURS, "3.7.2", "3.8.6"],
  [OLD, OURS, "3.5.10", "3.9.5", OURS],
];
for (const kinds of ENSEMBLES) {
  const missing = kinds.filter((kind) => kind !== OURS)
    .map((kind) => javaUnavailable(kind)).find((why) => typeof why === "string");
  describe(`of ${kinds.join(", ")}`, { skip: missing ?? false }, () => stories(kinds));
}
