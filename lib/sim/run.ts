// One seed from beginning to end: an ensemble of a size and kind drawn from the seed, clients, faults
// for a while, then healing, and the verdict. The same seed is the same run on every runtime.

import type { Node } from "./cluster.ts";
import { Cluster } from "./cluster.ts";
import { Checks } from "./checks.ts";
import { type FinalState, judge } from "./history.ts";
import { judgeLost, judgeNodes, judgeRefusals } from "./history_effects.ts";
import { Nemesis, type Profile, weatherOf } from "./nemesis.ts";
import { BALLAST_BYTES, drawShape, type Shape } from "./shape.ts";
import type { Op } from "./op.ts";
import { endNodes } from "./script_end.ts";
import { SimClient } from "./workload.ts";
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
  /** Null draws them. */
  readonly observers?: number | null;
  readonly clients?: number | null;
  /** Faults that are left out, by number: to find a smaller run that fails. */
  readonly skip?: ReadonlySet<number>;
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
  /** Of these, how long there were faults. */
  readonly faultMs: number;
  readonly faults: number;
  readonly ops: number;
  readonly acknowledged: number;
  readonly coverage: ReadonlyMap<string, number>;
  /** The newest lines of the trace. */
  readonly tail: readonly string[];
}

/** After healing, everybody must serve and a write must be done within this. */
const PROGRESS_MS = 120_000;

export function runSeed(options: RunOptions): RunResult {
  const world = new World(options.seed);
  world.ear = options.ear ?? null;
  const shape = drawShape(world.random("shape"), options);
  const { voters, observers, profile, hasGroups, settings, bytesPerMs } = shape;
  const checks = new Checks(world);
  const weather = weatherOf(profile);
  const cluster = new Cluster(
    world,
    { voters, observers, weather, settings, bytesPerMs },
    checks,
  );
  checks.watch(cluster);
  const run = new Run(world, cluster, checks, options, shape);
  run.all();
  const ops = run.clients.flatMap((client) => client.ops);
  return {
    seed: options.seed,
    profile,
    members: `${voters}${observers > 0 ? `+${observers}` : ""}${hasGroups ? " in groups" : ""}`,
    violations: checks.violations,
    hash: world.hash(),
    virtualMs: world.now,
    steps: world.steps,
    faultMs: run.faultMs,
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
  faultMs = 0;
  readonly #world: World;
  readonly #cluster: Cluster;
  readonly #checks: Checks;
  readonly #options: RunOptions;
  readonly #shape: Shape;

  constructor(
    world: World,
    cluster: Cluster,
    checks: Checks,
    options: RunOptions,
    shape: Shape,
  ) {
    this.#world = world;
    this.#cluster = cluster;
    this.#checks = checks;
    this.#options = options;
    this.#shape = shape;
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
    this.#checks.step();
    return more;
  }

  #isLevel(): boolean {
    return this.#cluster.nodes.every((node) => node.peer?.server !== null && node.isUp);
  }

  /** A flush that failed before the healing may be heard after it, and end its server then. */
  #isRestored(): boolean {
    for (const node of this.#cluster.nodes) if (!node.isUp) node.start();
    return this.#isLevel();
  }

  #client(number: number): SimClient {
    const client = new SimClient(number, this.#cluster, this.#shape.workload, this.#checks);
    this.clients.push(client);
    return client;
  }

  /** The nodes that the workload writes to. */
  #makeNodes(): boolean {
    const first = this.#client(0);
    first.stop();
    first.start();
    // First, for then a dump comes to the others last, when they have changed.
    for (let i = 0; i < this.#shape.ballast; i++) {
      const data = new Uint8Array(BALLAST_BYTES).fill(i + 1);
      if (!this.#made([first], `/b${i}`, "making ballast", data)) return false;
    }
    const paths = [
      "/n",
      "/q",
      ...Array.from({ length: this.#shape.workload.registers }, (_, i) => `/r${i}`),
    ];
    return paths.every((path) => this.#made([first], path, `making ${path}`));
  }

  /** Each of these clients makes a node, its number behind `path` when there are more of them. */
  #made(
    clients: readonly SimClient[],
    path: string,
    what: string,
    data: Uint8Array | null = null,
  ): boolean {
    let left = clients.length;
    for (const client of clients) {
      const own = clients.length > 1 ? `${path}${client.number}` : path;
      client.make(own, data, () => void (left -= 1));
    }
    return this.#within(PROGRESS_MS, () => left === 0, what);
  }

  #rage(): void {
    for (let i = 1; i <= this.#shape.workload.clients; i++) this.#client(i).start();
    const nemesis = new Nemesis(this.#cluster, {
      profile: this.#shape.profile,
      tickMs: this.#shape.tickMs,
      skip: this.#options.skip ?? new Set(),
    });
    nemesis.start();
    const began = this.#world.now;
    const end = began + this.#options.minutes * 60_000;
    while (this.#world.now < end && this.#checks.violations.length === 0) {
      if (!this.#step()) break;
    }
    nemesis.isStopped = true;
    this.faults = nemesis.count;
    this.faultMs = this.#world.now - began;
  }

  /** Healed: progress, equal trees, no ephemerals of the dead, histories in order. */
  #quiet(): void {
    for (const client of this.clients) client.stop();
    if (!this.#within(PROGRESS_MS, () => this.#isRestored(), "levelling after healing")) return;
    // What is still under way would change what is read next.
    const isIdle = (): boolean => this.clients.every((client) => client.session.pending === 0);
    if (!this.#within(PROGRESS_MS, isIdle, "the last answers after healing")) return;
    // All of them, for they are at different members.
    if (!this.#made(this.clients, "/n/probe", "a write after healing")) return;
    const last = this.clients[0];
    const registers = new Map<string, FinalState>();
    for (let i = 0; i < this.#shape.workload.registers; i++) {
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
    const living = this.clients.filter((client) => client.isConnected)
      .map((client) => ({ client, session: client.session }));
    const sessionsGone = this.#world.now + 3 * this.#shape.workload.timeoutMs + 20_000;
    while (this.#world.now < sessionsGone && this.#step());
    for (const { client, session } of living) {
      if (client.session === session) continue;
      this.#checks.violation(`client ${client.number} only pings, and its session has ended`);
    }
    const ops = this.clients.flatMap((client) => client.ops);
    for (const what of judge(ops, registers)) this.#checks.violation(what);
    this.#judgeEffects(ops);
    this.#judgeWatches();
    this.#judgeTrees();
  }

  /** What became of each op; all members hold the same tree, or else that is said too. */
  #judgeEffects(ops: readonly Op[]): void {
    const first = this.#cluster.nodes[0];
    const registers = endNodes(first, "/").filter(({ path }) => /^\/r\d/.test(path));
    const made = [...endNodes(first, "/n"), ...endNodes(first, "/q")]
      .filter(({ value }) => value !== ""); // the probes
    const living = new Set(
      this.clients.filter((client) => client.isConnected).map(({ session }) => session.id),
    );
    const wrong = judgeNodes(ops, made, living);
    wrong.push(...judgeLost(ops, [...made, ...registers]), ...judgeRefusals(ops));
    for (const what of wrong) this.#checks.violation(what);
  }

  #judgeWatches(): void {
    const first = this.#cluster.nodes[0];
    const nodes = [...endNodes(first, "/"), ...endNodes(first, "/n")];
    const stats = new Map(nodes.map(({ path, stat }) => [path, stat]));
    for (const client of this.clients) client.judgeWatches(stats);
  }

  #isEqual(): boolean {
    const zxids = new Set(this.#cluster.nodes.map((node) => node.peer?.tree?.lastZxid));
    return zxids.size === 1 && this.#isLevel();
  }

  #judgeTrees(): void {
    const digests = new Map<bigint, Node>();
    const living = new Set(this.clients.map(({ session }) => session.id));
    for (const node of this.#cluster.nodes) {
      const tree = node.peer?.tree;
      if (tree === null || tree === undefined) continue;
      digests.set(tree.digest(), node);
      for (const session of tree.sessionsWithEphemerals()) {
        if (tree.sessions.has(session)) continue;
        this.#checks.violation(
          `${node.name}: an ephemeral of session ${hex(session)}, which is gone`,
        );
      }
      for (const session of tree.sessions.keys()) {
        if (living.has(session)) continue;
        this.#checks.violation(`${node.name}: session ${hex(session)} outlives its client`);
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
