// Our election port among Java servers of every release: both sides must elect the same leader.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ServerState } from "../lib/zab/election.ts";
import { javaUnavailable } from "./support/java.ts";
import { ensemble } from "./support/java_ensemble.ts";
import { electionMember } from "./support/zkpeer_election.ts";

const VERSIONS = ["3.4.14", "3.5.10", "3.6.4", "3.7.2", "3.8.6", "3.9.5"];
const skip = (await javaUnavailable()) ?? false;

const LIMIT_MS = 90_000;
/** A Java leader waits so many ticks for those who do not follow it; it must be asked by then. */
const SETTINGS = { initLimit: "400" };

/** Polls until `claim` holds; what was last seen goes into the message. */
async function until(what: string, claim: () => boolean, seen: () => string): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  while (!claim()) {
    if (performance.now() > deadline) assert.fail(`${what}: not in time\n${seen()}`);
    await new Promise((done) => setTimeout(done, 25));
  }
}

for (const version of VERSIONS) {
  describe(`election with Java ${version}`, { skip }, () => {
    it("a member of ours that comes late joins the Java leader, whatever its sid", async () => {
      const dir = mkdtempSync(join(tmpdir(), "zkpeer-election-"));
      const made = await ensemble(
        [{ version: "external" }, version, version, { version: "external" }, {
          version: "external",
        }]
          .map((spec, i) => typeof spec === "string" ? { version: spec, sid: i + 1 } : spec)
          .map((spec, i) => i === 4 ? { ...spec, observer: true } : spec),
        { dir, start: false, settings: SETTINGS },
      );
      // Four voters need three: our sid 1 votes until both Java servers have decided.
      const first = electionMember(made, 1, { zxid: 0n, currentEpoch: 0n });
      const started = [first];
      await made.start(2, { wait: false });
      await made.start(3, { wait: false });
      try {
        const decided = await first.decision(LIMIT_MS);
        assert.equal(decided.vote.leader, 3n);
        assert.equal(decided.state, ServerState.following);
        for (const [sid, role] of [[2, /FOLLOWING/], [3, /LEADING/]] as const) {
          const log = (): string => made.member(sid).server?.log() ?? "";
          await until(`sid ${sid} settles`, () => role.test(log()), () => log().slice(-2000));
        }
        const late = electionMember(made, 4, { zxid: 0n, currentEpoch: 0n });
        const observer = electionMember(made, 5, { zxid: 0n, currentEpoch: 0n, isObserver: true });
        started.push(late, observer);
        // The Java leader is LEADING as long as it waits for its followers (initLimit), and says so.
        assert.equal((await late.decision(LIMIT_MS)).vote.leader, 3n);
        const watching = await observer.decision(LIMIT_MS);
        assert.equal(watching.vote.leader, 3n);
        assert.equal(watching.state, ServerState.observing);
      } finally {
        for (const { port } of started) port.stop();
        await made.stopAll();
        rmSync(dir, { recursive: true, force: true });
      }
    });

    it("the better zxid of ours wins over a higher Java sid", async () => {
      const dir = mkdtempSync(join(tmpdir(), "zkpeer-election-"));
      const made = await ensemble([
        { version: "external" },
        { version: "external" },
        { version, sid: 3 },
      ], { dir, start: false });
      const best = electionMember(made, 2, { zxid: 0x300000007n, currentEpoch: 3n });
      await made.start(3, { wait: false });
      try {
        const decided = await best.decision(LIMIT_MS);
        assert.equal(decided.vote.leader, 2n);
        assert.equal(decided.state, ServerState.leading);
        const java = made.member(3).server;
        assert.ok(java !== null);
        await until(
          "Java follows",
          () => /FOLLOWING/.test(java.log()),
          () => java.log().slice(-2000),
        );
      } finally {
        best.port.stop();
        await made.stopAll();
        rmSync(dir, { recursive: true, force: true });
      }
    });
  });
}
