// Faults, by seed: which member crashes, which link is cut, whose disk is slow, and when. It keeps to
// what an ensemble must survive; what a run looks like is its profile.

import { GOOD_DISK } from "./disk.ts";
import type { Cluster, Node } from "./cluster.ts";
import type { WeatherOptions } from "./network.ts";
import type { SimRandom } from "./world.ts";

export const PROFILES = ["calm", "chaos", "disk", "partition", "longhaul"] as const;
export type Profile = (typeof PROFILES)[number];

interface ProfileRow {
  /** Mean wait between faults, ms. */
  readonly every: number;
  /** How often each kind is chosen. */
  readonly kinds: Readonly<Partial<Record<Kind, number>>>;
  readonly weather: WeatherOptions;
}

type Kind =
  | "crash"
  | "restart"
  | "pause"
  | "cutOne"
  | "cutTwo"
  | "isolate"
  | "breakLink"
  | "slowDisk"
  | "failFlush"
  | "fullDisk"
  | "clockJump"
  | "powerCut"
  | "heal";

const EVERYTHING: Readonly<Record<Kind, number>> = {
  crash: 10,
  restart: 10,
  pause: 5,
  cutOne: 4,
  cutTwo: 4,
  isolate: 4,
  breakLink: 10,
  slowDisk: 3,
  failFlush: 1,
  fullDisk: 1,
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

const ROWS: Readonly<Record<Profile, ProfileRow>> = {
  calm: { every: 4000, kinds: { restart: 1, breakLink: 1 }, weather: ROUGH },
  chaos: { every: 700, kinds: EVERYTHING, weather: ROUGH },
  disk: {
    every: 600,
    kinds: { crash: 12, powerCut: 3, slowDisk: 6, failFlush: 3, fullDisk: 2, restart: 6, heal: 3 },
    weather: ROUGH,
  },
  partition: {
    every: 500,
    kinds: { cutOne: 6, cutTwo: 6, isolate: 6, breakLink: 8, pause: 4, heal: 8, crash: 1 },
    weather: ROUGH,
  },
  longhaul: { every: 8000, kinds: EVERYTHING, weather: ROUGH },
};

export const weatherOf = (profile: Profile): WeatherOptions => ROWS[profile].weather;

export class Nemesis {
  readonly #cluster: Cluster;
  readonly #random: SimRandom;
  readonly #row: ProfileRow;
  isStopped = false;
  /** Faults done. */
  count = 0;

  constructor(cluster: Cluster, profile: Profile) {
    this.#cluster = cluster;
    this.#random = cluster.world.random("nemesis");
    this.#row = ROWS[profile];
  }

  start(): void {
    const wait = this.#random.below(2 * this.#row.every);
    this.#cluster.world.after(wait, () => {
      if (this.isStopped) return;
      this.#strike(this.#pick());
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

  #strike(kind: Kind): void {
    const cluster = this.#cluster;
    const { world, internet, nodes } = cluster;
    const node = this.#random.pick(nodes);
    const others = nodes.filter((n) => n !== node);
    const other = others.length === 0 ? node : this.#random.pick(others);
    this.count += 1;
    world.count(`fault: ${kind}`);
    switch (kind) {
      case "crash":
        node.crash();
        return this.#later(node, 3000, () => node.isUp || node.start());
      case "restart":
        if (!node.isUp) return node.start();
        node.crash();
        return this.#later(node, 50, () => node.isUp || node.start());
      case "powerCut":
        for (const each of nodes) each.crash();
        for (const each of nodes) this.#later(each, 1500, () => each.isUp || each.start());
        return;
      case "pause":
        node.pause();
        return this.#later(node, 5000, () => node.resume());
      case "cutOne":
        internet.cut(node.host, other.host);
        return this.#later(node, 6000, () => internet.heal(node.host, other.host));
      case "cutTwo":
        internet.cut(node.host, other.host);
        internet.cut(other.host, node.host);
        return this.#later(node, 6000, () => {
          internet.heal(node.host, other.host);
          internet.heal(other.host, node.host);
        });
      case "isolate":
        return this.#isolate(node);
      case "breakLink":
        internet.breakOne();
        return;
      case "slowDisk":
        node.health = { ...GOOD_DISK, slowOneIn: 3, flushSlow: 400 };
        return this.#later(node, 4000, () => (node.health = GOOD_DISK));
      case "failFlush":
        node.health = { ...GOOD_DISK, failOneIn: 2 };
        return this.#later(node, 3000, () => this.#revive(node));
      case "fullDisk":
        node.health = { ...GOOD_DISK, capacity: node.storage.used + 2000 };
        return this.#later(node, 3000, () => this.#revive(node));
      case "clockJump":
        node.wall.offset += this.#random.between(-60_000, 60_000);
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

  #isolate(node: Node): void {
    const { internet, nodes } = this.#cluster;
    for (const other of nodes) {
      if (other === node) continue;
      internet.cut(node.host, other.host);
      internet.cut(other.host, node.host);
    }
    this.#later(node, 6000, () => {
      for (const other of nodes) {
        internet.heal(node.host, other.host);
        internet.heal(other.host, node.host);
      }
    });
  }

  #later(_node: Node, mean: number, undo: () => void): void {
    this.#cluster.world.after(this.#random.below(2 * mean), () => {
      if (!this.isStopped) undo();
    });
  }
}
