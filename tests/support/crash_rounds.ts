// A server that is killed again and again while it writes: at any time, in the middle of a snapshot,
// when it has begun a new log, while it starts. After each restart everything is compared with what
// its clients were told. Some rounds may be a Java server's, on the same folder.

import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { OPEN_ACL, ZkClient } from "../../lib/client/client.ts";
import { HostClock } from "../../lib/host/clock.ts";
import { HostDisk } from "../../lib/host/disk.ts";
import { HostNetwork } from "../../lib/host/network.ts";
import { HostRandom } from "../../lib/host/random.ts";
import { Store } from "../../lib/store/store.ts";
import { nodeDigest } from "../../lib/tree/digest.ts";
import type { Tree } from "../../lib/tree/tree.ts";
import { CrashWriter, readFolder, type SessionHabit } from "./crash_writer.ts";
import {
  commonCfg,
  fourLetter,
  freePorts,
  type JavaDist,
  startServer,
  type TestServer,
} from "./java.ts";
import { SeededRandom, silent, storeOptions, treeOptions } from "./store_kit.ts";
import { until } from "./until.ts";
import { standaloneCfg, startZkpeer } from "./zkpeer.ts";

export interface CrashPlan {
  readonly dir: string;
  readonly rounds: number;
  readonly seed: number;
  /** Serves in every fifth round. */
  readonly java?: JavaDist;
}

export interface CrashReport {
  /** Writes that were acknowledged, and those under way at a kill that had happened after all. */
  readonly acknowledged: number;
  readonly completed: number;
  /** Kills by what they were aimed at. */
  readonly kills: Readonly<Record<Aim, number>>;
  /** Snapshots that a kill left unfinished. */
  readonly cutSnapshots: number;
}

export type Aim = "time" | "snapshot" | "log" | "start";

const AIMS: readonly Aim[] = ["snapshot", "time", "log", "start", "time"];
const HABITS: readonly SessionHabit[] = ["returns", "closes", "abandons", "returns", "closes"];
const HOST = "127.0.0.1";
const JAVA_EVERY = 5;
/** Writes of each writer that are acknowledged before a kill, however slow the disk is. */
const WRITES_MIN = 25;
/** Znodes that make a snapshot take long enough to be hit. */
const BALLAST = 1500;
const SETTINGS = {
  tickTime: "500",
  maxSessionTimeout: "60000",
  snapCount: "800",
  preAllocSize: "64",
  "autopurge.purgeInterval": "1",
};

export async function crashRounds(plan: CrashPlan): Promise<CrashReport> {
  const rounds = await CrashRounds.begin(plan);
  try {
    return await rounds.run();
  } finally {
    await rounds.end();
  }
}

class CrashRounds {
  readonly #plan: CrashPlan;
  readonly #port: number;
  readonly #random: SeededRandom;
  readonly #writers: readonly CrashWriter[];
  readonly #kills: Record<Aim, number> = { time: 0, snapshot: 0, log: 0, start: 0 };
  readonly #clients = new Set<ZkClient>();
  #server: TestServer | null = null;
  #completed = 0;
  #cutSnapshots = 0;
  #starts = 0;

  private constructor(plan: CrashPlan, port: number) {
    this.#plan = plan;
    this.#port = port;
    this.#random = new SeededRandom(plan.seed);
    const at = { host: HOST, port };
    this.#writers = HABITS.map((habit, i) =>
      new CrashWriter(`${habit}-${i}`, habit, at, plan.seed * 100 + i)
    );
    mkdirSync(this.#folder, { recursive: true });
  }

  static async begin(plan: CrashPlan): Promise<CrashRounds> {
    const [port = 0] = await freePorts(1, HOST);
    return new CrashRounds(plan, port);
  }

  async run(): Promise<CrashReport> {
    await this.#start(false);
    await this.#makeBallast();
    for (const writer of this.#writers) await writer.prepare();
    for (let round = 0; round < this.#plan.rounds; round++) {
      const isJava = this.#isJava(round);
      await this.#writeAndKill(isJava ? "time" : AIMS[round % AIMS.length]);
      await this.#start(this.#isJava(round + 1));
      await this.#check();
    }
    await this.#abandonedAreGone();
    await this.#server?.stop();
    this.#checkDisk();
    return {
      acknowledged: this.#writers.reduce((sum, { acknowledged }) => sum + acknowledged, 0),
      completed: this.#completed,
      kills: this.#kills,
      cutSnapshots: this.#cutSnapshots,
    };
  }

  async end(): Promise<void> {
    for (const writer of this.#writers) writer.leave();
    for (const client of this.#clients) client.abandon();
    await this.#server?.stop();
  }

  get #folder(): string {
    return join(this.#plan.dir, "data", "version-2");
  }

  #isJava(round: number): boolean {
    return this.#plan.java !== undefined && round % JAVA_EVERY === JAVA_EVERY - 1;
  }

  async #start(isJava: boolean): Promise<void> {
    this.#server = this.#spawn(isJava);
    await this.#server.waitServing();
    if (isJava) return;
    const read = this.#server.log().split("\n").filter((line) =>
      line.includes("digestMismatches=")
    );
    assert.ok(read.length > 0, "a start tells what it read");
    for (const line of read) assert.match(line, /digestMismatches=0\b/);
  }

  #spawn(isJava: boolean): TestServer {
    const { dir, java } = this.#plan;
    this.#starts += 1;
    const logTo = join(dir, `server-${this.#starts}.log`);
    const common = { dir, clientHost: HOST, clientPort: this.#port, logTo };
    if (!isJava || java === undefined) {
      const cfg = standaloneCfg({ dir, host: HOST, port: this.#port }, SETTINGS);
      return startZkpeer({ ...common, cfg });
    }
    const cfg = commonCfg(java.version, {
      ...SETTINGS,
      dataDir: join(dir, "data"),
      clientPort: String(this.#port),
      clientPortAddress: HOST,
    });
    return startServer(java, { ...common, cfg });
  }

  async #makeBallast(): Promise<void> {
    const client = await this.#client();
    const data = new Uint8Array(1024).fill(0x62);
    await client.create("/ballast");
    await Promise.all(Array.from(
      { length: BALLAST },
      (_, i) => client.create(`/ballast/b${i}`, data, 0, OPEN_ACL),
    ));
    await client.close();
  }

  async #client(): Promise<ZkClient> {
    const client = new ZkClient(new HostNetwork(), new HostClock(), {
      servers: [{ host: HOST, port: this.#port }],
      retryMs: 20,
    });
    this.#clients.add(client);
    await client.connected();
    return client;
  }

  /** All writers write until the server is killed. */
  async #writeAndKill(aim: Aim): Promise<void> {
    const server = this.#server;
    assert.ok(server !== null, "a server runs");
    const before = new Set(readdirSync(this.#folder));
    const told = this.#writers.map(({ acknowledged }) => acknowledged);
    for (const writer of this.#writers) writer.write();
    await until(
      () =>
        this.#writers.every(({ acknowledged, hasStopped }, i) =>
          hasStopped || acknowledged >= told[i] + WRITES_MIN
        ),
      "every writer has enough acknowledged",
    );
    await this.#aimed(aim, before);
    await this.#kill(server);
    this.#kills[aim] += 1;
    await until(() => this.#writers.every(({ isCutOff }) => isCutOff), "all links break");
    for (const writer of this.#writers) writer.lost();
    const left = readdirSync(this.#folder).filter((name) => name.endsWith(".tmp"));
    this.#cutSnapshots += left.length;
    if (aim === "start") await this.#killStarting();
  }

  async #kill(server: TestServer): Promise<void> {
    server.kill("SIGKILL");
    const { signal, code } = await server.exited;
    assert.deepEqual(
      { signal, code },
      { signal: "SIGKILL", code: null },
      server.log().slice(-1000),
    );
  }

  /** Waits for the moment; one that does not come within half a minute is as good as any. */
  async #aimed(aim: Aim, before: ReadonlySet<string>): Promise<void> {
    if (aim === "time" || aim === "start") return await wait(20 + this.#random.below(250));
    const isIt = aim === "snapshot"
      ? (name: string) => name.endsWith(".tmp")
      : (name: string) => name.startsWith("log.");
    const deadline = performance.now() + 30_000;
    while (performance.now() < deadline) {
      if (readdirSync(this.#folder).some((name) => isIt(name) && !before.has(name))) return;
      await wait(1);
    }
  }

  /** A start is cut short, twice, at any place between nothing and serving. */
  async #killStarting(): Promise<void> {
    for (let i = 0; i < 2; i++) {
      const server = this.#spawn(false);
      const read = "the data directory was read";
      if (i === 0) await wait(this.#random.below(900));
      else await until(() => server.log().includes(read) || server.exit() !== null, read);
      await this.#kill(server);
    }
  }

  /** What the server has, against what it has said. */
  async #check(): Promise<void> {
    const client = await this.#client();
    for (const writer of this.#writers) {
      this.#completed += writer.compare(await readFolder(client, writer.folder));
      await writer.comeBack();
    }
    assert.equal((await client.exists("/ballast"))?.numChildren, BALLAST);
    const zxids = this.#writers.flatMap((writer) => writer.zxids);
    assert.equal(new Set(zxids).size, zxids.length, "no zxid was given to two writes");
    const newest = zxids.reduce((max, zxid) => zxid > max ? zxid : max, 0n);
    const text = await fourLetter(this.#port, "srvr", HOST);
    const zxid = BigInt(/^Zxid: (0x[0-9a-f]+)$/m.exec(text)?.[1] ?? "-1");
    assert.ok(zxid > newest, `the server is at ${zxid}, but ${newest} was acknowledged`);
    await client.close();
  }

  async #abandonedAreGone(): Promise<void> {
    const client = await this.#client();
    for (const { folder, gone } of this.#writers) {
      const deadline = performance.now() + 60_000;
      for (;;) {
        const { nodes } = await readFolder(client, folder);
        const left = [...nodes].filter(([, { owner }]) => gone.has(owner));
        if (left.length === 0) break;
        assert.ok(performance.now() < deadline, `${folder}: ${left[0][0]} outlives its session`);
        await wait(100);
      }
    }
    await client.close();
  }

  /** Reads a copy of the folder here, and adds the digest up from nothing. */
  #checkDisk(): void {
    const dataDir = join(this.#plan.dir, "copy");
    rmSync(dataDir, { recursive: true, force: true });
    cpSync(join(this.#plan.dir, "data"), dataDir, { recursive: true });
    const ports = {
      disk: new HostDisk(),
      clock: new HostClock(),
      random: new HostRandom(),
      note: silent,
    };
    const store = new Store(ports, storeOptions({ dataDir, dataLogDir: dataDir }));
    const { tree, digest } = store.recover({ ...treeOptions(), extendedTypes: false });
    assert.equal(digest.mismatches, 0);
    assert.equal(tree.digest(), digestFromNothing(tree));
  }
}

function digestFromNothing(tree: Tree): bigint {
  let sum = 0n;
  const add = (path: string): void => {
    const node = tree.get(path);
    assert.ok(node !== undefined);
    sum += nodeDigest(path, tree.dataOf(node), tree.persisted(node));
    tree.forEachChild(node, (name) => add(path === "/" ? `/${name}` : `${path}/${name}`));
  };
  add("/");
  return BigInt.asIntN(64, sum);
}
