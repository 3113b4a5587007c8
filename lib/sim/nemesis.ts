// Faults, by seed: which member crashes, which link is cut, whose disk is slow, and when. It keeps to
// what an ensemble must survive; what a run looks like is its profile. Every fault has a number, so
// that a failing run can be tried again without some of them.

import { filesOf, LOG, SNAPSHOT } from "../store/names.ts";
import { GOOD_DISK, SimDisk } from "./disk.ts";
import type { Cluster, Node } from "./cluster.ts";
import type { WeatherOptions } from "./network.ts";
import { Life, type SimRandom } from "./world.ts";

export const PROFILES = ["calm", "chaos", "disk", "partition", "longhaul"] as const;
export type Profile = (typeof PROFILES)[number];

interface ProfileRow {
  /** Mean wait between faults, in ticks. */
  readonly every: number;
  /** How often each kind is chosen. */
  readonly kinds: Readonly<Partial<Record<Kind, number>>>;
  readonly weather: WeatherOptions;
}

type Kind =
  | "crash"
  | "crashAtDisk"
  | "restart"
  | "stop"
  | "pause"
  | "cutOne"
  | "cutTwo"
  | "isolate"
  | "split"
  | "breakLink"
  | "slowDisk"
  | "failFlush"
  | "failRead"
  | "fullDisk"
  | "rot"
  | "clockJump"
  | "powerCut"
  | "heal";

const EVERYTHING: Readonly<Record<Exclude<Kind, "failRead">, number>> = {
  crash: 10,
  crashAtDisk: 8,
  restart: 10,
  stop: 2,
  pause: 5,
  cutOne: 4,
  cutTwo: 4,
  isolate: 4,
  split: 4,
  breakLink: 10,
  slowDisk: 3,
  failFlush: 1,
  fullDisk: 1,
  rot: 1,
  clockJump: 3,
  powerCut: 1,
  heal: 6,
};

const ROUGH: WeatherOptions = {
  latencyMin: 0.1,
  latencyMax: 5,
  slowOneIn: 200,
  latencySlow: 150,
  splitOneIn: 4,
};

const DISK: ProfileRow["kinds"] = {
  crash: 12,
  crashAtDisk: 12,
  powerCut: 3,
  slowDisk: 6,
  failFlush: 3,
  failRead: 3,
  fullDisk: 2,
  rot: 3,
  restart: 6,
  heal: 3,
};

const PARTITION: ProfileRow["kinds"] = {
  cutOne: 6,
  cutTwo: 6,
  isolate: 6,
  split: 6,
  breakLink: 8,
  pause: 4,
  heal: 8,
  crash: 1,
};

const ROWS: Readonly<Record<Profile, ProfileRow>> = {
  calm: { every: 8, kinds: { restart: 1, breakLink: 1, stop: 1 }, weather: ROUGH },
  chaos: { every: 2, kinds: EVERYTHING, weather: ROUGH },
  disk: { every: 1.5, kinds: DISK, weather: ROUGH },
  partition: { every: 1.5, kinds: PARTITION, weather: ROUGH },
  longhaul: { every: 16, kinds: EVERYTHING, weather: ROUGH },
};

/** Disk calls that a process lives on for, when it is to die at one of them. */
const CALLS_LEFT_MAX = 24;

export const weatherOf = (profile: Profile): WeatherOptions => ROWS[profile].weather;

export interface NemesisOptions {
  readonly profile: Profile;
  readonly tickMs: number;
  /** Faults that are left out, by number. */
  readonly skip: ReadonlySet<number>;
}

export class Nemesis {
  readonly #cluster: Cluster;
  readonly #random: SimRandom;
  readonly #row: ProfileRow;
  readonly #options: NemesisOptions;
  isStopped = false;
  /** Faults drawn so far. */
  count = 0;

  constructor(cluster: Cluster, options: NemesisOptions) {
    this.#cluster = cluster;
    this.#random = cluster.world.random("nemesis");
    this.#row = ROWS[options.profile];
    this.#options = options;
  }

  start(): void {
    const wait = this.#random.below(2 * this.#row.every * this.#options.tickMs);
    this.#cluster.world.after(wait, () => {
      if (this.isStopped) return;
      const kind = this.#pick();
      const node = this.#random.pick(this.#cluster.nodes);
      const dice = { other: this.#random.below(1 << 20), last: this.#random.below(1 << 20) };
      const number = this.count++;
      if (!this.#options.skip.has(number)) this.#strike(kind, node, dice);
      this.start();
    });
  }

  #pick(): Kind {
    const kinds = Object.entries(this.#row.kinds) as [Kind, number][];
    let dice = this.#random.below(kinds.reduce((sum, [, weight]) => sum + weight, 0));
    for (const [kind, weight] of kinds) {
      if (dice < weight) return kind;
      dice -= weight;
    }
    return "heal";
  }

  /** `dice.last` stands for how long it lasts: 0 to 2 means. */
  #strike(kind: Kind, node: Node, dice: { other: number; last: number }): void {
    const cluster = this.#cluster;
    const { world, internet, nodes } = cluster;
    const others = nodes.filter((n) => n !== node);
    const other = others[dice.other % Math.max(1, others.length)] ?? node;
    const later = (ticks: number, undo: () => void): void => {
      const wait = 2 * ticks * this.#options.tickMs * dice.last / (1 << 20);
      world.after(wait, () => this.isStopped || undo());
    };
    const start = (each: Node) => (): void => void (each.isUp || each.start());
    world.count(`fault: ${kind}`);
    switch (kind) {
      case "crash":
        node.crash();
        return later(6, start(node));
      case "crashAtDisk":
        if (node.isUp && dice.other % 2 === 0) node.crash();
        node.storage.dieAfter(1 + dice.other % CALLS_LEFT_MAX, () => {
          world.count("died at a disk call");
          node.crash();
          later(2, start(node));
        });
        return start(node)();
      case "restart":
        if (!node.isUp) return node.start();
        node.crash();
        return later(0.1, start(node));
      case "stop":
        node.stop();
        return later(4, start(node));
      case "powerCut":
        for (const each of nodes) each.crash();
        for (const each of nodes) later(3, start(each));
        return;
      case "pause":
        node.pause();
        return later(10, () => node.resume());
      case "cutOne":
        return this.#cut([[node, other]], (undo) => later(12, undo));
      case "cutTwo":
        return this.#cut([[node, other], [other, node]], (undo) => later(12, undo));
      case "isolate":
        return this.#part((each) => each === node, (undo) => later(12, undo));
      case "split":
        return this.#part((each) => (dice.other >> Number(each.sid)) % 2 === 0, (undo) => {
          later(16, undo);
        });
      case "breakLink":
        internet.breakOne();
        return;
      case "slowDisk":
        node.health = { ...GOOD_DISK, slowOneIn: 3, flushSlow: 0.8 * this.#options.tickMs };
        return later(8, () => (node.health = GOOD_DISK));
      case "failFlush":
        node.health = { ...GOOD_DISK, failOneIn: 2 };
        return later(6, () => this.#revive(node));
      case "failRead":
        node.health = { ...GOOD_DISK, readFailOneIn: 8 };
        return later(8, () => this.#revive(node));
      case "fullDisk":
        node.health = { ...GOOD_DISK, capacity: node.storage.used + 2000 };
        return later(6, () => this.#revive(node));
      case "rot":
        return this.#rot(node, others);
      case "clockJump":
        node.wall.offset += (dice.last / (1 << 20) - 0.5) * 120_000;
        return;
      case "heal":
        internet.healAll();
        return;
    }
  }

  #revive(node: Node): void {
    node.health = GOOD_DISK;
    if (!node.isUp) node.start();
  }

  /** Nothing passes between those inside and the others. */
  #part(isInside: (node: Node) => boolean, later: (undo: () => void) => void): void {
    const { nodes } = this.#cluster;
    const pairs: [Node, Node][] = [];
    for (const a of nodes) {
      for (const b of nodes) if (isInside(a) !== isInside(b)) pairs.push([a, b]);
    }
    this.#cut(pairs, later);
  }

  #cut(pairs: readonly (readonly [Node, Node])[], later: (undo: () => void) => void): void {
    const { internet } = this.#cluster;
    for (const [from, to] of pairs) internet.cut(from.host, to.host);
    later(() => {
      for (const [from, to] of pairs) internet.heal(from.host, to.host);
    });
  }

  /**
   * A bit of an old file turns. Only where all others hold everything this member may have
   * promised, its epoch too: else an ensemble may lose what it acknowledged, or two may lead one
   * epoch (seed 14977), and no server could help it. A member
   * that refuses its files gets an empty disk, as an operator would give it.
   */
  #rot(node: Node, others: readonly Node[]): void {
    const { world } = this.#cluster;
    if (node.storage.health.readFailOneIn > 0) return; // what to spoil could not be looked for
    const known = others.map(({ peer }) => peer?.server?.core.tree.lastZxid ?? -1n);
    const voters = others.filter(({ isObserver }) => !isObserver);
    if (voters.length < 2 || known.some((zxid) => zxid < node.storage.durable)) return;
    const promised = node.acceptedEpoch ?? -1n;
    if (voters.some((voter) => (voter.acceptedEpoch ?? -1n) < promised)) return;
    node.crash();
    const disk = new SimDisk(node.storage, new Life(world, node.name));
    const files = [
      ...filesOf(disk, "/data/version-2", LOG),
      ...filesOf(disk, "/data/version-2", SNAPSHOT),
    ];
    if (files.length === 0 || !node.storage.rot(this.#random.pick(files).path)) return;
    world.count("a bit turned");
    node.start();
    if (node.isUp) return;
    world.count("a rotten file was refused");
    node.storage.wipe();
    node.start();
  }
}
