// What one seed's ensemble, clients and faults look like, before anything happens: all of it drawn
// from the seed, so that a seed alone is a run, and each part can be overridden to make a failing
// run smaller.

import type { Millis } from "../ports.ts";
import type { Profile } from "./nemesis.ts";
import type { SimRandom } from "./world.ts";
import type { WorkloadOptions } from "./workload.ts";

/** What a caller fixes; the seed draws the rest. */
export interface ShapeWishes {
  /** Voters. */
  readonly members?: number | null;
  readonly observers?: number | null;
  readonly profile?: Profile | null;
  readonly clients?: number | null;
}

export interface Shape {
  readonly profile: Profile;
  readonly voters: number;
  readonly observers: number;
  /** Whether votes are weighted in groups instead of counted. */
  readonly hasGroups: boolean;
  readonly tickMs: Millis;
  readonly workload: WorkloadOptions;
  /** Nodes of {@link BALLAST_BYTES} that make a tree more than one slice of a snapshot. */
  readonly ballast: number;
  readonly bytesPerMs: number;
  /** Lines of zoo.cfg. */
  readonly settings: Readonly<Record<string, string>>;
}

const DRAWN: readonly Profile[] = ["chaos", "chaos", "chaos", "disk", "disk", "partition", "calm"];
const VOTERS: readonly number[] = [1, 2, 3, 3, 3, 3, 3, 4, 5, 5, 6, 7];
const TICKS: readonly Millis[] = [500, 1000, 2000, 2000];
interface Pace {
  /** Mean wait before a client asks for something. */
  readonly thinkMs: Millis;
  /** Then it asks for 1 to this many things at once. */
  readonly burst: number;
}

const steady = (thinkMs: Millis): Pace => ({ thinkMs, burst: 1 });
const bursts = (thinkMs: Millis): Pace => ({ thinkMs, burst: 6 });
/** A few seeds are busy all the time, most have quiet in which faults are alone. */
const PACES: readonly Pace[] = [
  ...[steady(40), bursts(1000), steady(150), bursts(2000)],
  ...[bursts(1500), bursts(2500), bursts(2000), bursts(4000)],
  ...[steady(400), bursts(1500), bursts(2500), bursts(3000)],
  ...[steady(800), bursts(2000), steady(800), bursts(4000)],
];
/** Next to a whole slice of a snapshot file, and a quarter of one of a SNAP. */
export const BALLAST_BYTES = 60_000;
/** A long haul is long for its faults and its quiet, not for its requests. */
const LONGHAUL_PACE = 8;
/** Groups by number of voters: only whole ones make a quorum system. */
const GROUPS: ReadonlyMap<number, readonly string[]> = new Map([
  [3, ["1", "2", "3"]],
  [5, ["1:2:3", "4", "5"]],
  [6, ["1:2", "3:4", "5:6"]],
  [7, ["1:2:3", "4:5", "6:7"]],
]);

/** Draws the shape of a seed. The number of draws does not depend on the wishes. */
export function drawShape(dice: SimRandom, wishes: ShapeWishes): Shape {
  const drawn = {
    profile: dice.pick(DRAWN),
    voters: dice.pick(VOTERS),
    observers: dice.oneIn(3) ? dice.between(1, 2) : 0,
    tickMs: dice.pick(TICKS),
    pace: dice.pick(PACES),
    clients: dice.between(2, 5),
    hasGroups: dice.oneIn(6),
    snapCount: dice.pick([20, 60, 300]),
    sizeFactor: dice.pick(["0.33", "0.33", "2", "0"]),
    timeoutTicks: dice.between(4, 14),
    purge: dice.oneIn(2),
    rollsOverAt: dice.oneIn(8) ? dice.between(20, 150) : null,
    memory: dice.pick(["500", "500", "40", "8"]),
    ballast: dice.pick([0, 0, 1, 2, 6, 6]),
    // From a disk that is no hindrance to one that writes two megabytes in a second.
    bytesPerMs: dice.pick([Infinity, Infinity, 64 << 10, 8 << 10, 2 << 10]),
  };
  const profile = wishes.profile ?? drawn.profile;
  const voters = wishes.members ?? drawn.voters;
  const groups = drawn.hasGroups ? GROUPS.get(voters) ?? null : null;
  const settings: Record<string, string> = {
    tickTime: String(drawn.tickMs),
    snapCount: String(drawn.snapCount),
    snapshotSizeFactor: drawn.sizeFactor,
    commitLogCount: drawn.memory,
  };
  if (drawn.purge) settings["autopurge.purgeInterval"] = "1";
  if (drawn.rollsOverAt !== null) {
    settings["testingonly.zxidCounterMax"] = String(drawn.rollsOverAt);
  }
  // A single voter is a quorum only when it is told so.
  if (voters === 1) settings.standaloneEnabled = "false";
  groups?.forEach((members, i) => (settings[`group.${i + 1}`] = members));
  if (groups !== null) settings["weight.1"] = voters === 3 ? "1" : "2";
  return {
    profile,
    voters,
    observers: wishes.observers ?? drawn.observers,
    hasGroups: groups !== null,
    tickMs: drawn.tickMs,
    workload: {
      clients: wishes.clients ?? drawn.clients,
      registers: 3,
      timeoutMs: drawn.timeoutTicks * drawn.tickMs,
      burst: drawn.pace.burst,
      thinkMs: drawn.pace.thinkMs * (profile === "longhaul" ? LONGHAUL_PACE : 1),
    },
    ballast: drawn.ballast,
    bytesPerMs: drawn.bytesPerMs,
    settings,
  };
}
