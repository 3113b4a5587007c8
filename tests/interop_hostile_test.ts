// Broken or hostile strangers at every port of an ensemble that serves: each costs itself its link,
// and nothing else. Nobody looks for a leader anew, clients write on, memory stays what it was.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { ZkClient } from "../lib/client/client.ts";
import {
  type Attack,
  clientAttacks,
  electionAttacks,
  quorumAttacks,
  strike,
  type Struck,
} from "./support/hostile.ts";
import { Mixed, OURS } from "./support/mixed.ts";

const SIDS = [1, 2, 3];
/** Ten seconds is the longest that any port waits for a first word. Links that may stay do so long. */
const STAY_MS = 20_000;
/** Those that must go have longer: machines may be busy. */
const PATIENCE_MS = 90_000;
/** Longest that a write may take while a stranger is at work; generous, for machines that are busy. */
const WRITE_MS = 20_000;
const MIB = 2 ** 20;
/** A heap under load breathes by a hundred or two; what strangers claim or pour in is far more. */
const GROWTH_MAX = 256 * MIB;

/** Three members and a client at each, whose sessions must outlive every attack. */
class Scene {
  readonly mixed: Mixed;
  readonly dir: string;
  leader = 0;
  #clients: ZkClient[] = [];
  #turns = 0;
  #rounds: string[] = [];
  #resident: number[] = [];

  private constructor(mixed: Mixed, dir: string) {
    this.mixed = mixed;
    this.dir = dir;
  }

  static async open(): Promise<Scene> {
    const dir = mkdtempSync(join(tmpdir(), "zkpeer-hostile-"));
    const mixed = await Mixed.lay(SIDS.map(() => ({ version: OURS })), {
      dir,
      settings: {
        tickTime: "1000",
        syncLimit: "8",
        quorumCnxnTimeoutMs: "8000",
        maxSessionTimeout: "60000",
      },
    });
    const scene = new Scene(mixed, dir);
    await mixed.start(...SIDS);
    const roles = await mixed.serving(...SIDS);
    scene.leader = SIDS[roles.indexOf("leader")];
    for (const sid of SIDS) scene.#clients.push(mixed.client(sid, 60_000));
    await scene.#clients[0].create("/big", new Uint8Array(500_000));
    await scene.#clients[0].create("/n", null);
    scene.#rounds = await scene.#lookings();
    await scene.isWell();
    scene.#resident = scene.#memory();
    return scene;
  }

  async close(): Promise<void> {
    for (const client of this.#clients) await client.close();
    await this.mixed.stopAll();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** Every member takes writes, all have the same role as ever, and nobody has looked for a leader. */
  async isWell(): Promise<void> {
    const data = new TextEncoder().encode(String(this.#turns++));
    for (const [i, client] of this.#clients.entries()) {
      const begun = performance.now();
      await client.set("/n", data);
      const took = performance.now() - begun;
      assert.ok(took < WRITE_MS, `a write at member ${SIDS[i]} took ${Math.round(took)} ms`);
    }
    const roles = await this.mixed.serving(...SIDS);
    assert.equal(SIDS[roles.indexOf("leader")], this.leader);
    assert.deepEqual(await this.#lookings(), this.#rounds, "somebody has looked for a leader");
    const gauges = await this.mixed.gauges(this.leader);
    assert.equal(gauges.get("synced_followers"), "2");
  }

  async #lookings(): Promise<string[]> {
    const all = await Promise.all(SIDS.map((sid) => this.mixed.gauges(sid)));
    return all.map((gauges) =>
      gauges.get("cnt_looking_count") ?? gauges.get("looking_count") ?? ""
    );
  }

  /** All attacks at once, then a look at the members while the links are still open, and after. */
  async endures(port: number, attacks: readonly Attack[]): Promise<void> {
    const struck: Struck[] = [];
    try {
      struck.push(
        ...await Promise.all(
          attacks.map((attack) => strike(port, attack, attack.mayStay ? STAY_MS : PATIENCE_MS)),
        ),
      );
      await this.isWell();
      const kept = attacks.filter((attack, i) => !struck[i].isClosed && attack.mayStay !== true);
      assert.deepEqual(kept.map(({ name }) => name), [], "these links are still open");
    } finally {
      for (const { end } of struck) end();
    }
    await this.isWell();
    for (const [i, size] of this.#memory().entries()) {
      const growth = Math.round((size - this.#resident[i]) / MIB);
      assert.ok(growth * MIB < GROWTH_MAX, `member ${SIDS[i]} has grown by ${growth} MiB`);
    }
  }

  #memory(): number[] {
    return SIDS.map((sid) => {
      const text = readFileSync(`/proc/${this.mixed.server(sid).pid}/status`, "latin1");
      return Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1] ?? NaN) * 1024;
    });
  }

  get follower(): number {
    return this.leader === 1 ? 2 : 1;
  }
}

describe("strangers at an ensemble of ours", () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.open();
  });
  after(() => scene.close());

  it("cost themselves their links at a follower's election port", async () => {
    const { follower, leader, mixed } = scene;
    const { electionPort } = mixed.layout.member(follower);
    await scene.endures(electionPort, electionAttacks(BigInt(follower), BigInt(leader)));
  });

  it("cost themselves their links at the leader's election port", async () => {
    const { follower, leader, mixed } = scene;
    const { electionPort } = mixed.layout.member(leader);
    await scene.endures(electionPort, electionAttacks(BigInt(leader), BigInt(follower)));
  });

  it("cost themselves their links at the leader's quorum port", async () => {
    const { follower, leader, mixed } = scene;
    const { quorumPort } = mixed.layout.member(leader);
    await scene.endures(quorumPort, quorumAttacks(BigInt(leader), BigInt(follower), 1n));
  });

  for (const role of ["follower", "leader"] as const) {
    it(`cost themselves their links at a ${role}'s client port`, async () => {
      const { clientPort } = scene.mixed.layout.member(scene[role]);
      await scene.endures(clientPort, clientAttacks("/big"));
    });
  }

  for (
    const [name, portOf] of [
      ["election", (sid: number) => scene.mixed.layout.member(sid).electionPort],
      ["quorum", (sid: number) => scene.mixed.layout.member(sid).quorumPort],
      ["client", (sid: number) => scene.mixed.layout.member(sid).clientPort],
    ] as const
  ) {
    it(`in a flood keep nobody out of the leader's ${name} port`, async () => {
      const flood = Array.from({ length: 400 }, (_, i): Attack => ({
        name: `link ${i}`,
        bytes: [],
        mayStay: name === "client", // its limits are the operator's
      }));
      await scene.endures(portOf(scene.leader), flood);
    });
  }
});
