// A Java leader changes the members of its ensemble by reconfig; ours follow, whatever it does to
// them: others come and go, they are added, made observers, and their leader is taken away.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { fourLetter, javaTools, javaUnavailable, prepare, runJava } from "./support/java.ts";
import { Mixed, OURS } from "./support/mixed.ts";

/** Reconfig exists from 3.5 on. 1 and 3 are Java's, 3 leads; 2 and later 4 are ours. */
const VERSIONS = ["3.5.10", "3.9.5"];
const SETTINGS = {
  tickTime: "500",
  initLimit: "60",
  syncLimit: "30",
  reconfigEnabled: "true",
  skipACL: "yes",
  standaloneEnabled: "false",
};

class Story {
  readonly mixed: Mixed;
  readonly dir: string;

  constructor(mixed: Mixed, dir: string) {
    this.mixed = mixed;
    this.dir = dir;
  }

  line(sid: number, role: "participant" | "observer"): string {
    const { host, quorumPort, electionPort, clientPort } = this.mixed.layout.member(sid);
    return `server.${sid}=${host}:${quorumPort}:${electionPort}:${role};${host}:${clientPort}`;
  }

  /** Asks a member for a reconfig by Java's own command line. */
  async reconfig(at: number, ...order: string[]): Promise<void> {
    const { host, clientPort } = this.mixed.layout.member(at);
    const dist = await prepare("3.9.5");
    const args = ["-server", `${host}:${clientPort}`, "reconfig", ...order];
    const { stdout, stderr } = await runJava(dist, javaTools.cli, args);
    // A leader that takes itself away closes the link before it answers.
    assert.match(stdout + stderr, /Committed new configuration|ConnectionLoss|has closed socket/);
  }

  /** Waits until these members, each in its role, show a configuration of exactly these servers. */
  async settles(
    roles: Readonly<Record<number, string>>,
    servers: readonly number[],
  ): Promise<void> {
    const want = JSON.stringify([roles, servers]);
    const deadline = performance.now() + 180_000;
    for (;;) {
      const seen: Record<number, string> = {};
      const known = new Set<string>();
      for (const sid of Object.keys(roles).map(Number)) {
        seen[sid] = (await this.mixed.gauges(sid).catch(() => new Map())).get("server_state") ?? "";
        known.add(await this.#servers(sid).catch(String));
      }
      const got = JSON.stringify([seen, [...known].flatMap((k) => k.split(",").map(Number))]);
      if (got === want) return;
      if (performance.now() > deadline) assert.fail(`wanted ${want}, got ${got}`);
      await wait(100);
    }
  }

  /** Sids of /zookeeper/config, as a client of `sid` reads it. */
  async #servers(sid: number): Promise<string> {
    const client = this.mixed.client(sid, 10_000);
    const ask = async (): Promise<string> => {
      const { data } = await client.get("/zookeeper/config");
      await client.close(); // what would expire later is a txn at a time of its own
      return new TextDecoder().decode(data ?? undefined);
    };
    try {
      const text = await Promise.race([ask(), wait(5000, "no answer in time")]);
      return [...text.matchAll(/^server\.(\d+)=/gm)].map((match) => match[1]).sort().join(",");
    } finally {
      client.abandon();
    }
  }

  /** Waits until a leader tracks no session: none can expire any more. */
  async isIdle(sid: number): Promise<void> {
    const { host, clientPort } = this.mixed.layout.member(sid);
    const deadline = performance.now() + 120_000;
    for (;;) {
      const dump = await fourLetter(clientPort, "dump", host).catch(() => "0x1");
      if (!/^\s*0x[0-9a-f]+$/m.test(dump)) return;
      if (performance.now() > deadline) assert.fail(`sessions do not end:\n${dump}`);
      await wait(200);
    }
  }
}

for (const version of VERSIONS) {
  const skip = javaUnavailable(version) ?? javaUnavailable("3.9.5") ?? false;
  describe(`members of ours follow a reconfig of a ${version} leader`, { skip }, () => {
    let story: Story;
    before(async () => {
      const dir = mkdtempSync(join(tmpdir(), "zkpeer-reconfig-"));
      const specs = [version, OURS, version, OURS].map((kind, i) => ({
        version: kind,
        sid: i + 1,
        joinsLater: i === 3,
      }));
      const jvmArgs = ["-Dzookeeper.skipACL=yes"];
      const mixed = await Mixed.lay(specs, { dir, settings: SETTINGS, jvmArgs });
      story = new Story(mixed, dir);
      await mixed.start(1, 3); // so that the Java server with the highest sid leads
      await mixed.serving(1, 3);
      await mixed.start(2);
      assert.deepEqual(await mixed.serving(1, 2, 3), ["follower", "follower", "leader"]);
    });
    after(async () => {
      await story.mixed.stopAll();
      rmSync(story.dir, { recursive: true });
    });

    it("another member is taken away and comes back", async () => {
      await story.reconfig(3, "-remove", "1");
      await story.settles({ 2: "follower", 3: "leader" }, [2, 3]);
      await story.reconfig(3, "-add", story.line(1, "participant"));
      await story.settles({ 1: "follower", 2: "follower", 3: "leader" }, [1, 2, 3]);
    });

    it("a new one joins, is made a voter, then an observer", async () => {
      const four = (role: string) => ({ 2: "follower", 3: "leader", 4: role });
      await story.mixed.start(4);
      await story.mixed.serving(4);
      await story.reconfig(3, "-add", story.line(4, "participant"));
      await story.settles(four("follower"), [1, 2, 3, 4]);
      await story.reconfig(3, "-add", story.line(4, "observer"));
      await story.settles(four("observer"), [1, 2, 3, 4]);
    });

    it("the leader is taken away: they go straight to the one it designates (8.6)", async () => {
      await story.reconfig(2, "-remove", "3");
      await story.settles({ 1: "leader", 2: "follower", 4: "observer" }, [1, 2, 4]);
      const [, since] = story.mixed.server(2).log().split("a reconfig designated another leader");
      assert.ok(since !== undefined, "it says why it leaves its leader");
      assert.doesNotMatch(since, /New election/);
    });

    it("what is in force is in the files, and a restart begins with it", async () => {
      const { dir } = story.mixed.layout.member(2);
      const text = readFileSync(join(dir, "zoo.cfg"), "latin1");
      const [, dynamic = ""] = /^dynamicConfigFile=(.*)$/m.exec(text) ?? [];
      assert.match(
        readFileSync(dynamic, "latin1"),
        /^server\.1=.*\nserver\.2=.*\nserver\.4=.*observer/,
      );
      // What only the leader logs, when a session expires just now, would let it win again.
      await story.isIdle(1);
      await story.mixed.stop(2, "SIGKILL");
      await story.mixed.start(2);
      await story.mixed.serving(2);
      // Two voters were a quorum only together, so there was an election, which the higher sid wins.
      await story.settles({ 1: "follower", 2: "leader", 4: "observer" }, [1, 2, 4]);
    });
  });
}
