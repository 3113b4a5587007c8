// A whole ensemble in one process: members made of the very code that serves in production, over
// virtual time, links and disks. Members can be started, stopped, crashed, paused and cut off; what
// they say and how they end is heard here. Which faults come when is nemesis.ts's; what must hold is
// checks.ts's.

import { assert } from "../base/assert.ts";
import { type Fault, isFault } from "../base/errors.ts";
import { type Epoch, hex, type Sid } from "../base/ids.ts";
import { type Config, loadConfig } from "../peer/config.ts";
import { Peer } from "../peer/peer.ts";
import type { Level } from "../ports.ts";
import { type DiskHealth, GOOD_DISK, SimDisk, SimStorage } from "./disk.ts";
import type { Luck } from "./file.ts";
import { SimInternet, SimNetwork, type WeatherOptions } from "./network.ts";
import { type QuorumRule, quorumRuleOf } from "./quorum.ts";
import { Life, SimClock, SimTrace, type WallClock, type World } from "./world.ts";

export interface ClusterOptions {
  readonly voters: number;
  readonly observers: number;
  /** Lines of zoo.cfg for every member, instead of the defaults below. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly weather?: WeatherOptions;
  /** How fast every disk writes. */
  readonly bytesPerMs?: number;
}

/** Small limits: every run rolls logs, takes snapshots and outgrows the memory of a leader. */
const SETTINGS: Readonly<Record<string, string>> = {
  tickTime: "500",
  initLimit: "10",
  syncLimit: "5",
  snapCount: "300",
  preAllocSize: "8",
  // Full disks are to be met here, not avoided.
  diskReserveSize: "0",
  maxClientCnxns: "0",
  extendedTypesEnabled: "true",
  "znode.container.checkIntervalMs": "5000",
  "autopurge.purgeInterval": "1",
};

export const CLIENT_PORT = 2181;
const ELECTION_PORT = 3888;
export const QUORUM_PORT = 2888;

/** A line of a member's trace, as it gave it. */
export interface Said {
  readonly level: Level;
  readonly area: string;
  readonly text: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface Ear {
  /** A member said something. */
  noted?(node: Node, said: Said): void;
  /** A member's process ended by itself. */
  failed?(node: Node, fault: Fault, exitCode: number | null): void;
}

export const ACCEPTED_EPOCH = "/data/version-2/acceptedEpoch";
export const CURRENT_EPOCH = "/data/version-2/currentEpoch";

const epochIn = (text: string | null): Epoch | null =>
  text !== null && /^\d+$/.test(text.trim()) ? BigInt(text.trim()) : null;

/** One member from life to life: its disk stays. */
export class Node {
  readonly sid: Sid;
  readonly host: string;
  readonly isObserver: boolean;
  readonly storage: SimStorage;
  readonly wall: WallClock = { offset: 0 };
  life: Life | null = null;
  peer: Peer | null = null;
  /** Lives begun. */
  starts = 0;
  isStopping = false;
  /** Why the last life ended by itself; null when it did not. */
  fault: Fault | null = null;
  readonly #cluster: Cluster;

  constructor(cluster: Cluster, sid: Sid, isObserver: boolean) {
    this.#cluster = cluster;
    this.sid = sid;
    this.isObserver = isObserver;
    this.host = `10.0.0.${sid}`;
    this.storage = new SimStorage(cluster.world, `s${sid}`);
    this.storage.folders.add("/data");
  }

  get name(): string {
    return `s${this.sid}`;
  }

  get isUp(): boolean {
    return this.life !== null;
  }

  /** What its disk says it has promised; null: no such file, or a torn one. */
  get acceptedEpoch(): Epoch | null {
    return epochIn(this.storage.text(ACCEPTED_EPOCH));
  }

  /** The epoch that its disk says it has joined, likewise. */
  get currentEpoch(): Epoch | null {
    return epochIn(this.storage.text(CURRENT_EPOCH));
  }

  /** Begins a life. A start that fails is heard like any other end. */
  start(): void {
    assert(this.life === null, "one life at a time");
    const { world, internet } = this.#cluster;
    const life = new Life(world, this.name);
    this.life = life;
    this.starts += 1;
    this.storage.begun();
    this.fault = null;
    world.note(this.name, "starts", { life: this.starts });
    const trace = new SimTrace(life);
    const random = world.random(this.name);
    this.peer = new Peer(
      this.#cluster.configOf(this),
      {
        newClock: () => new SimClock(life, this.wall),
        network: new SimNetwork(internet, life, this.host),
        disk: new SimDisk(this.storage, life),
        random,
        note: (level, area, text, detail = {}) => {
          if (!life.isAlive) return;
          trace.note(level, area, text, detail);
          this.#cluster.ear.noted?.(this, { level, area, text, detail });
        },
      },
      { failed: (fault, exitCode) => this.#failed(fault, exitCode ?? null) },
    );
    const { peer } = this;
    // The host ends a process that a fault went through, and a disk may cause one at any call.
    life.uncaught = (error) => {
      const isBorne = isFault(error) && error.code === "DISK" && this.storage.health !== GOOD_DISK;
      if (isBorne) {
        world.count("process ended by a fault that nobody caught");
        this.#failed(error, null);
      }
      return isBorne;
    };
    life.run(() => {
      try {
        peer.start();
      } catch (error) {
        if (!isFault(error)) throw error;
        this.#failed(error, null);
      }
    });
  }

  /** Kills the process: what was not flushed is lost in part or whole, as `luck` has it. */
  crash(luck?: Luck): void {
    if (this.life === null) return;
    this.#cluster.world.note(this.name, "crashes");
    this.#end();
    this.storage.crash(luck);
  }

  /** Ends in good order, as an operator ends a server. */
  stop(): void {
    const { peer, life } = this;
    if (peer === null || life === null) return;
    this.#cluster.world.note(this.name, "is stopped");
    this.isStopping = true;
    life.run(() => {
      peer.stop(() => {
        if (this.life === life) this.#end();
      });
    });
  }

  pause(): void {
    if (this.life === null || this.life.isPaused) return;
    this.#cluster.world.note(this.name, "is paused");
    this.life.pause();
  }

  resume(): void {
    if (this.life === null || !this.life.isPaused) return;
    this.#cluster.world.note(this.name, "goes on");
    this.life.resume();
  }

  #failed(fault: Fault, exitCode: number | null): void {
    if (this.life === null) return;
    this.#cluster.world.note(this.name, "ends by itself", { why: fault.message });
    this.fault = fault;
    this.#end();
    // The process ended, the machine did not: the system still writes what it was given.
    this.#cluster.ear.failed?.(this, fault, exitCode);
  }

  #end(): void {
    const { life } = this;
    if (life === null) return;
    life.end();
    this.isStopping = false;
    this.life = null;
    this.peer = null;
    this.#cluster.internet.died(life);
  }

  set health(health: DiskHealth) {
    this.storage.health = health;
  }
}

export class Cluster {
  readonly world: World;
  readonly internet: SimInternet;
  readonly nodes: readonly Node[];
  readonly ear: Ear;
  /** Whether these voters are enough to commit. */
  readonly isQuorum: QuorumRule;
  readonly #settings: Readonly<Record<string, string>>;
  readonly #configs = new Map<Node, Config>();

  constructor(world: World, options: ClusterOptions, ear: Ear = {}) {
    this.world = world;
    this.ear = ear;
    this.internet = new SimInternet(world, options.weather);
    this.#settings = { ...SETTINGS, ...options.settings };
    const count = options.voters + options.observers;
    this.nodes = Array.from(
      { length: count },
      (_, i) => new Node(this, BigInt(i + 1), i >= options.voters),
    );
    this.isQuorum = quorumRuleOf(this.#settings, this.voters.map(({ sid }) => sid));
    for (const { storage } of this.nodes) storage.bytesPerMs = options.bytesPerMs ?? Infinity;
  }

  node(sid: Sid): Node {
    const node = this.nodes.find((n) => n.sid === sid);
    assert(node !== undefined, `there is a member ${sid}`);
    return node;
  }

  get voters(): Node[] {
    return this.nodes.filter((node) => !node.isObserver);
  }

  /** The member that leads and serves, if there is one. */
  leader(): Node | null {
    return this.nodes.find((node) => node.peer?.server?.core.backend.role === "leader") ?? null;
  }

  /** Everything whole again: links, disks, processes. */
  heal(): void {
    this.world.note("world", "heals");
    this.internet.healAll();
    for (const node of this.nodes) {
      node.health = GOOD_DISK;
      node.storage.spare();
      node.storage.release();
      if (node.isStopping) node.crash();
      node.resume();
      if (!node.isUp) node.start();
    }
  }

  configOf(node: Node): Config {
    let config = this.#configs.get(node);
    if (config === undefined) {
      config = this.#readConfig(node);
      this.#configs.set(node, config);
    }
    return config;
  }

  #readConfig(node: Node): Config {
    const lines = Object.entries(this.#settings).map(([key, value]) => `${key}=${value}`);
    for (const { sid, host, isObserver } of this.nodes) {
      const role = isObserver ? ":observer" : "";
      lines.push(`server.${sid}=${host}:${QUORUM_PORT}:${ELECTION_PORT}${role}`);
    }
    lines.push("dataDir=/data", `clientPort=${CLIENT_PORT}`);
    if (node.isObserver) lines.push("peerType=observer");
    const result = loadConfig({
      path: "/zoo.cfg",
      readFile: (path) => path === "/zoo.cfg" ? lines.join("\n") : null,
      myid: String(node.sid),
    });
    // Files may not ask for so few: who is a little behind is brought level from disk.
    const { commitLogCount } = this.#settings;
    if (result.ok && commitLogCount === undefined) return result.config;
    if (result.ok) return { ...result.config, commitLogCount: Number(commitLogCount) };
    throw new TypeError(result.complaints.map((c) => c.message).join("; "));
  }

  /** One line for people: role and zxid of each member. */
  status(): string {
    return this.nodes.map(({ name, life, peer }) => {
      if (life === null || peer === null) return `${name} down`;
      const role = life.isPaused ? "paused" : peer.server?.core.backend.role ?? "looking";
      return `${name} ${role} ${hex(peer.tree?.lastZxid ?? 0n)}`;
    }).join(", ");
  }
}
