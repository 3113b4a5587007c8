// One seed from beginning to end: an ensemble of a size and kind drawn from the seed, clients, faults
// for a while, then healing, and the verdict. The same seed is the same run on every runtime.

import type { Node } from "./cluster.ts";
import { Cluster } from "./cluster.ts";
import { Checks } from "./checks.ts";
import { type FinalState, judge } from "./history.ts";
import { Nemesis, type Profile, weatherOf } from "./nemesis.ts";
import { SimClient, WORKLOAD } from "./workload.ts";
import { World } from "./world.ts";
import { hex } from "../base/ids.ts";

export interface RunOptions {
  readonly seed: number;
  /** Voters; null draws 1, 3, 5 or 7. */
  readonly members: number | null;
  /** Virtual minutes of faults. */
  readonly minutes: number;
  /** Null draws one. */
  readonly profile: Profile | null;
  readonly ear?: (line: string) => void;
}

export interface RunResult {
  readonly seed: number;
  readonly profile: Profile;
  readonly members: string;
  readonly violations: readonly string[];
  readonly hash: string;
  /** Virtual milliseconds. */
  readonly virtualMs: number;
  readonly steps: number;
  readonly faults: number;
  readonly ops: number;
  readonly acknowledged: number;
  readonly coverage: ReadonlyMap<string, number>;
  /** The newest lines of the trace. */
  readonly tail: readonly string[];
}

/** After healing, everybody must serve and a write must be done within this. */
const PROGRESS_MS = 120_000;
const DRAWN: readonly Profile[] = ["chaos", "chaos", "disk", "partition", "calm"];

export function runSeed(options: RunOptions): RunResult {
  const world = new World(options.seed);
  world.ear = options.ear ?? null;
  const dice = world.random("shape");
  const profile = options.profile ?? dice.pick(DRAWN);
  const voters = options.members ?? dice.pick([1, 3, 3, 3, 5, 5, 7]);
  const observers = dice.below(3) === 0 ? dice.between(1, 2) : 0;
  const checks = new Checks(world);
  const cluster = new Cluster(world, {
    voters,
    observers,
    weather: weatherOf(profile),
    // A single voter is a quorum only when it is told so.
    settings: voters === 1 ? { standaloneEnabled: "false" } : {},
  }, checks);
  const run = new Run(world, cluster, checks, options, profile);
  run.all();
  const ops = run.clients.flatMap((client) => client.ops);
  return {
    seed: options.seed,
    profile,
    members: `${voters}${observers > 0 ? `+${observers}` : ""}`,
    violations: checks.violations,
    hash: world.hash(),
    virtualMs: world.now,
    steps: world.steps,
    faults: run.faults,
    ops: ops.length,
    acknowledged: ops.filter((op) => op.outcome === "ok").length,
    coverage: world.coverage,
    tail: world.tail(60),
  };
}

class Run {
  readonly clients: SimClient[] = [];
  faults = 0;
  readonly #world: World;
  readonly #cluster: Cluster;
  readonly #checks: Checks;
  readonly #options: RunOptions;
  readonly #profile: Profile;

  constructor(
    world: World,
    cluster: Cluster,
    checks: Checks,
    options: RunOptions,
    profile: Profile,
  ) {
    this.#world = world;
    this.#cluster = cluster;
    this.#checks = checks;
    this.#options = options;
    this.#profile = profile;
  }

  all(): void {
    for (const node of this.#cluster.nodes) node.start();
    if (!this.#within(PROGRESS_MS, () => this.#isLevel(), "the first election")) return;
    if (!this.#makeNodes()) return;
    this.#rage();
    if (this.#checks.violations.length > 0) return;
    this.#cluster.heal();
    this.#quiet();
  }

  /** Steps with the checks looking, until `claim`; too late is a violation of its own. */
  #within(ms: number, claim: () => boolean, what: string): boolean {
    const end = this.#world.now + ms;
    while (!claim()) {
      if (this.#checks.violations.length > 0) return false;
      if (this.#world.now > end || !this.#step()) {
        this.#checks.violation(`${what}: not within ${ms} ms; ${this.#cluster.status()}`);
        return false;
      }
    }
    return true;
  }

  #step(): boolean {
    const more = this.#world.step();
    this.#checks.step(this.#cluster);
    return more;
  }

  #isLevel(): boolean {
    return this.#cluster.nodes.every((node) => node.peer?.server !== null && node.isUp);
  }

  #client(number: number): SimClient {
    const client = new SimClient(number, this.#cluster, WORKLOAD, this.#checks);
    this.clients.push(client);
    return client;
  }

  /** The nodes that the workload writes to. */
  #makeNodes(): boolean {
    const first = this.#client(0);
    first.stop();
    first.start();
    const paths = ["/n", "/q", ...Array.from({ length: WORKLOAD.registers }, (_, i) => `/r${i}`)];
    for (const path of paths) {
      let done = false;
      let asked = false;
      const ok = this.#within(PROGRESS_MS, () => {
        if (first.isConnected && !asked) {
          asked = true;
          first.make(path, () => (done = true));
        }
        return done;
      }, `making ${path}`);
      if (!ok) return false;
    }
    return true;
  }

  #rage(): void {
    for (let i = 1; i <= WORKLOAD.clients; i++) this.#client(i).start();
    const nemesis = new Nemesis(this.#cluster, this.#profile);
    nemesis.start();
    const end = this.#world.now + this.#options.minutes * 60_000;
    while (this.#world.now < end && this.#checks.violations.length === 0) {
      if (!this.#step()) break;
    }
    nemesis.isStopped = true;
    this.faults = nemesis.count;
  }

  /** Healed: progress, equal trees, no ephemerals of the dead, histories in order. */
  #quiet(): void {
    for (const client of this.clients) client.stop();
    if (!this.#within(PROGRESS_MS, () => this.#isLevel(), "levelling after healing")) return;
    // What is still under way would change what is read next.
    const isIdle = (): boolean => this.clients.every((client) => client.session.pending === 0);
    if (!this.#within(PROGRESS_MS, isIdle, "the last answers after healing")) return;
    const last = this.clients[0];
    const registers = new Map<string, FinalState>();
    for (let i = 0; i < WORKLOAD.registers; i++) {
      const path = `/r${i}`;
      let asked = false;
      const ok = this.#within(PROGRESS_MS, () => {
        if (last.isConnected && !asked) {
          asked = true;
          last.syncAndRead(path, (found) => {
            if (found === null) asked = false;
            else registers.set(path, found);
          });
        }
        return registers.has(path);
      }, `reading ${path} after healing`);
      if (!ok) return;
    }
    if (!this.#within(PROGRESS_MS, () => this.#isEqual(), "equal zxids after healing")) return;
    const sessionsGone = this.#world.now + 3 * WORKLOAD.timeoutMs + 20_000;
    while (this.#world.now < sessionsGone && this.#step());
    for (const what of judge(this.clients.flatMap((client) => client.ops), registers)) {
      this.#checks.violation(what);
    }
    this.#judgeTrees();
  }

  #isEqual(): boolean {
    const zxids = new Set(this.#cluster.nodes.map((node) => node.peer?.tree?.lastZxid));
    return zxids.size === 1 && this.#isLevel();
  }

  #judgeTrees(): void {
    const digests = new Map<bigint, Node>();
    for (const node of this.#cluster.nodes) {
      const tree = node.peer?.tree;
      if (tree === null || tree === undefined) continue;
      digests.set(tree.digest(), node);
      for (const session of tree.sessionsWithEphemerals()) {
        if (tree.sessions.has(session)) continue;
        this.#checks.violation(`${node.name}: an ephemeral of session ${hex(session)}, which is gone`);
      }
      this.#judgeCreates(node);
    }
    if (digests.size > 1) this.#checks.violation(`${digests.size} different trees after healing`);
  }

  /** Acknowledged creates are there unless their client deleted them. */
  #judgeCreates(node: Node): void {
    const tree = node.peer?.tree;
    if (tree === null || tree === undefined) return;
    const ops = this.clients.flatMap((client) => client.ops);
    const gone = new Set(
      ops.filter((op) => op.kind === "delete" && op.outcome !== "error").map((op) => op.path),
    );
    const kinds = new Set(["create", "sequence", "multi"]);
    for (const op of ops) {
      if (op.outcome !== "ok" || op.made === null || !kinds.has(op.kind)) continue;
      if (gone.has(op.made) || tree.get(op.made) !== undefined) continue;
      this.#checks.violation(`${node.name}: ${op.made} was acknowledged and is not there`);
    }
  }
}
