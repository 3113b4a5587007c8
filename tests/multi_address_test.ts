// A member with several addresses, of which one is not there now: an interface that is down is what
// they are for. It votes and leads through the others (quorum.md 1.9).

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { layPair, OWN, OwnMember } from "./support/fake_leader.ts";
import { until } from "./support/until.ts";

/** Of the documentation's network: no machine has it. */
const ABSENT = "203.0.113.1";

describe("a member with several addresses", () => {
  const begin = async (dir: string, addresses: (own: string) => string): Promise<OwnMember> => {
    const made = await layPair(dir);
    const { host, quorumPort, electionPort } = made.member(OWN);
    const cfg = made.cfg(OWN).split("\n").filter((line) => !line.startsWith("server."));
    cfg.push(
      `server.${OWN}=${
        addresses(host).split(",").map((h) => `${h}:${quorumPort}:${electionPort}`).join("|")
      }`,
      "multiAddress.enabled=true",
      "standaloneEnabled=false",
      "electionPortBindRetry=1",
    );
    made.cfg = () => cfg.join("\n");
    return new OwnMember(made, OWN);
  };

  it("votes and leads while one of them can be listened at", async () => {
    const dir = mkdtempSync(join(tmpdir(), "zkpeer-addresses-"));
    const member = await begin(dir, (own) => `${ABSENT},${own}`);
    const { peer, faults, notes } = member;
    await until(() => peer.server !== null || faults.length > 0, "it leads", 30_000);
    const isTold = (area: string): boolean =>
      notes.some((line) => line.startsWith(`${area}: cannot listen`) && line.includes(ABSENT));
    await until(() => isTold("election") && isTold("leader"), "both are told", 30_000);
    assert.equal(peer.server?.core.backend.role, "leader");
    assert.deepEqual(faults, []);
    await member.stop();
    rmSync(dir, { recursive: true });
  });

  it("ends when none can (exit code 14)", async () => {
    const dir = mkdtempSync(join(tmpdir(), "zkpeer-addresses-"));
    const member = await begin(dir, () => `${ABSENT},203.0.113.2`);
    await until(() => member.faults.length > 0, "it ends", 30_000);
    assert.deepEqual(member.faults.map(({ code }) => code), ["PORT_IN_USE"]);
    await member.stop();
    rmSync(dir, { recursive: true });
  });
});
