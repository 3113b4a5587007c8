// Every way of being brought level, between us and Java servers of every release, in both
// directions, for followers and observers (issue 4, "Must show" 1). What the sending side says it
// did is read from both sides' words; what came of it from every member's tree.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { compareVersions, javaUnavailable } from "./support/java.ts";
import { Mixed, OURS } from "./support/mixed.ts";

const VERSIONS = ["3.4.14", "3.5.10", "3.6.4", "3.7.2", "3.8.6", "3.9.5"];

/** 1 and 3 stay, 3 leads; 2 comes back as a follower, 4 as an observer. */
const [STAYS, FOLLOWER, LEADS, OBSERVER] = [1, 2, 3, 4];
const JOINERS = [FOLLOWER, OBSERVER];
const SETTINGS = {
  tickTime: "500",
  initLimit: "20",
  syncLimit: "40",
  maxSessionTimeout: "60000",
  snapshotSizeFactor: "0",
};
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

class Story {
  readonly mixed: Mixed;
  readonly dir: string;
  #written = 0;

  constructor(mixed: Mixed, dir: string) {
    this.mixed = mixed;
    this.dir = dir;
  }

  /** Writes through the leader, many at a time. */
  async write(count: number): Promise<void> {
    const client = this.mixed.client(LEADS);
    await client.connected();
    const first = this.#written;
    this.#written += count;
    const paths = Array.from({ length: count }, (_, i) => `/n${first + i}`);
    await Promise.all(paths.map((path) => client.create(path, bytes(`data of ${path}`))));
    await client.close();
  }

  /** Restarts the joiners with `between` in the middle; gives the ways they were brought level. */
  async rejoin(between: () => Promise<void> | void): Promise<string[]> {
    for (const sid of JOINERS) await this.mixed.stop(sid, "SIGKILL");
    await between();
    const offsets = [STAYS, FOLLOWER, LEADS, OBSERVER].map((sid) => this.mixed.printed(sid));
    await this.mixed.start(...JOINERS);
    assert.deepEqual(await this.mixed.serving(...JOINERS), ["follower", "observer"]);
    return await Promise.all(JOINERS.map((sid) => this.#way(sid, offsets[sid - 1] ?? 0)));
  }

  async #way(sid: number, offset: number): Promise<string> {
    const ours = /level with the leader .*by=(diff|trunc|snap)/;
    const java = /Getting a (diff|snap)[a-z]* from|(Trunc)ating log to get in sync/;
    const match = await this.mixed.prints(sid, this.mixed.isOurs(sid) ? ours : java, offset);
    return (match[1] ?? match[2] ?? "").toLowerCase();
  }

  /** Every member shows the same tree: names, data and stats, and nobody's digests differ. */
  async check(): Promise<void> {
    const seen: string[] = [];
    for (const sid of [STAYS, FOLLOWER, LEADS, OBSERVER]) {
      const client = this.mixed.client(sid);
      await client.connected();
      await client.sync("/");
      const names = (await client.children("/")).filter((name) => name !== "zookeeper").sort();
      assert.equal(names.length, this.#written, `server ${sid}`);
      const nodes = await Promise.all(names.map((name) => client.get(`/${name}`)));
      const lines = nodes.map(({ data, stat }, i) =>
        `${names[i]} ${new TextDecoder().decode(data ?? bytes(""))} ${stat.czxid} ${stat.mzxid}`
      );
      seen.push(lines.join("\n"));
      await client.close();
    }
    for (const tree of seen) assert.equal(tree, seen[0]);
    for (const sid of [STAYS, FOLLOWER, LEADS, OBSERVER]) await this.#checkDigests(sid);
  }

  async #checkDigests(sid: number): Promise<void> {
    const { version } = this.mixed.layout.member(sid);
    const knows = version === OURS || compareVersions(version, "3.6.0") >= 0;
    if (!knows) return;
    assert.doesNotMatch(this.mixed.server(sid).log(), /[Dd]igests? (are|is) not matching|differ/);
    const gauges = await this.mixed.gauges(sid);
    assert.equal(gauges.get("digest_mismatches_count"), "0", `server ${sid}`);
  }

  /**
   * Gives the joiners a disk with a txn at its end that no quorum ever had: proposed by the leader
   * while its follower stood still. Then all start from the history without it.
   */
  async makeTail(): Promise<void> {
    const { mixed } = this;
    const client = mixed.client(LEADS, 60_000);
    await client.connected();
    await client.set("/n0", bytes("marks the end of what is committed"));
    mixed.server(STAYS).kill("SIGSTOP");
    client.create("/tail", bytes("never committed")).catch(() => {}); // its answer never comes
    await mixed.logged(LEADS, "never committed");
    for (const sid of [LEADS, STAYS]) await mixed.stop(sid, "SIGKILL");
    client.abandon();
    for (const sid of JOINERS) mixed.copyLog(LEADS, sid); // a 3.4 server may have no snapshot yet
    mixed.copyData(STAYS, LEADS);
    await mixed.start(STAYS, LEADS);
    assert.deepEqual(await mixed.serving(STAYS, LEADS), ["follower", "leader"]);
  }
}

async function begin(stayers: string, joiners: string): Promise<Story> {
  const dir = mkdtempSync(join(tmpdir(), "zkpeer-sync-"));
  const specs = [stayers, joiners, stayers, joiners].map((version, i) => ({
    version,
    sid: i + 1,
    observer: i + 1 === OBSERVER,
  }));
  const mixed = await Mixed.lay(specs, {
    dir,
    settings: SETTINGS,
    jvmArgs: ["-Dzookeeper.snapshotSizeFactor=0"],
  });
  await mixed.start(STAYS, LEADS);
  assert.deepEqual(await mixed.serving(STAYS, LEADS), ["follower", "leader"]);
  await mixed.start(...JOINERS);
  await mixed.serving(...JOINERS);
  return new Story(mixed, dir);
}

function cells(stayers: string, joiners: string): void {
  let story: Story;
  /** Leaders before 3.5 know no sync from the log on disk. */
  const fromDisk = stayers === "3.4.14" ? "snap" : "diff";
  before(async () => {
    story = await begin(stayers, joiners);
  });
  after(async () => {
    await story.mixed.stopAll();
    rmSync(story.dir, { recursive: true });
  });

  it("empty DIFF", async () => {
    await story.write(1);
    // An observer may be killed before it has anything on disk; then only SNAP is right.
    for (const sid of JOINERS) await story.mixed.logged(sid, "data of /n0");
    assert.deepEqual(await story.rejoin(() => {}), ["diff", "diff"]);
    await story.check();
  });

  it("DIFF from memory", async () => {
    assert.deepEqual(await story.rejoin(() => story.write(7)), ["diff", "diff"]);
    await story.check();
  });

  it(fromDisk === "diff" ? "DIFF from disk" : "SNAP, for want of DIFF from disk", async () => {
    assert.deepEqual(await story.rejoin(() => story.write(600)), [fromDisk, fromDisk]);
    await story.check();
  });

  it("SNAP to empty disks", async () => {
    const wiped = async (): Promise<void> => {
      for (const sid of JOINERS) story.mixed.wipe(sid);
      await story.write(1);
    };
    assert.deepEqual(await story.rejoin(wiped), ["snap", "snap"]);
    await story.check();
  });

  it("TRUNC of a tail that was never committed", async () => {
    assert.deepEqual(await story.rejoin(() => story.makeTail()), ["trunc", "trunc"]);
    await story.check();
    await story.write(3);
    await story.check();
  });
}

for (const version of VERSIONS) {
  const skip = javaUnavailable(version) ?? false;
  describe(`we follow and observe a leader of ${version}, brought level by`, { skip }, () => {
    cells(version, OURS);
  });
  describe(`followers and observers of ${version} are brought level by us, by`, { skip }, () => {
    cells(OURS, version);
  });
}

describe("we are brought level by us, by", () => {
  cells(OURS, OURS);
});
