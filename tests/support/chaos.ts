// Chaos on a live mixed ensemble: faults drawn from a seed, one after the other, while clients
// write and read; after each round all is healed, the clients stand still, and everything that
// ZooKeeper promises is checked. The same seed draws the same faults and the same operations, on
// processes that have a time of their own.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Op } from "../../lib/sim/op.ts";
import { Seeded } from "./generate.ts";
import { type Verdict, verdict } from "./history_checks.ts";
import { furnish, LiveClient } from "./history_live.ts";
import { strangeErrors } from "./java_errors.ts";
import { MixedEnsemble } from "./mixed_ensemble.ts";
import { digestTrouble, equalTrees, logTrouble } from "./trees.ts";
import { within } from "./until.ts";

export interface ChaosPlan {
  readonly kinds: readonly string[];
  readonly seed: number;
  /** How to run this plan again, for the message of a failure. */
  readonly replay: string;
  /** Faults are drawn until this much time is over. */
  readonly forMs: number;
  readonly clients?: number;
  readonly thinkMs?: number;
  readonly faultsPerRound?: number;
  /** What is wrong in the members' logs, for who does not want it judged as usual. */
  readonly logs?: (made: MixedEnsemble) => string[];
}

export interface ChaosReport {
  /** Logs and data; the caller's to remove. */
  readonly dir: string;
  readonly rounds: number;
  readonly faults: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
  /** Reads behind a sync that a leader answered which was no longer one. */
  readonly deposed: number;
  /** Reads behind a sync at a Java leader, which promises its own clients nothing. */
  readonly unpromised: number;
}

/** What a run has counted, for who watches it. */
export const told = ({ rounds, counts, deposed, unpromised }: ChaosReport): string =>
  `${rounds} rounds, operations ${JSON.stringify(counts)}, syncs not judged: ` +
  `${deposed} of deposed leaders, ${unpromised} of Java leaders`;

/** A fault that has begun; ends it. */
type Ending = () => Promise<void>;
type Fault = (made: MixedEnsemble, random: Seeded) => Promise<{ what: string; end: Ending }>;

const heals = (made: MixedEnsemble): Ending => () => Promise.resolve(made.heal());

/** A member: the leader every other time. */
async function victim(made: MixedEnsemble, random: Seeded): Promise<number> {
  const any = random.pick(made.sids);
  if (random.below(2) === 0) return any;
  return [...await made.roles()].find(([, role]) => role === "leader")?.[0] ?? any;
}

async function killOne(made: MixedEnsemble, random: Seeded) {
  const sid = await victim(made, random);
  await made.kill(sid);
  return { what: `kill -9 ${sid}`, end: () => made.start(sid) };
}

async function restartOne(made: MixedEnsemble, random: Seeded) {
  const sid = await victim(made, random);
  await made.stop(sid);
  return { what: `restart ${sid}`, end: () => made.start(sid) };
}

async function pauseOne(made: MixedEnsemble, random: Seeded) {
  const sid = await victim(made, random);
  made.pause(sid);
  return { what: `stop ${sid} for a while`, end: () => Promise.resolve(made.resume(sid)) };
}

/** More than half of the members, sometimes all, are gone at once. */
async function loseQuorum(made: MixedEnsemble, random: Seeded) {
  const least = Math.floor(made.seats.length / 2) + 1;
  const count = least + random.below(made.seats.length - least + 1);
  const first = random.below(made.seats.length);
  const gone = made.sids.map((_, i) => made.sids[(first + i) % made.sids.length]).slice(0, count);
  await made.kill(...gone);
  return { what: `kill -9 ${gone.join(" ")}`, end: () => made.start(...gone) };
}

async function isolate(made: MixedEnsemble, random: Seeded) {
  const sid = await victim(made, random);
  for (const other of made.sids.filter((one) => one !== sid)) {
    made.cut(sid, other);
    made.cut(other, sid);
  }
  return { what: `cut ${sid} off`, end: heals(made) };
}

/** One member is deaf, or dumb, to one other or to all. */
async function cutOneWay(made: MixedEnsemble, random: Seeded) {
  const sid = await victim(made, random);
  const others = made.sids.filter((one) => one !== sid);
  const hit = random.below(2) === 0 ? [random.pick(others)] : others;
  const isDeaf = random.below(2) === 0;
  for (const other of hit) {
    if (isDeaf) made.cut(other, sid);
    else made.cut(sid, other);
  }
  const what = isDeaf ? `${sid} hears nothing of` : `${sid} is not heard by`;
  return { what: `${what} ${hit.join(" ")}`, end: heals(made) };
}

/** Connections break and are refused, between one and some others. */
async function severSome(made: MixedEnsemble, random: Seeded) {
  const sid = await victim(made, random);
  const hit = made.sids.filter((one) => one !== sid && random.below(3) > 0);
  for (const other of hit) made.sever(sid, other);
  return { what: `sever ${sid} from ${hit.join(" ") || "nobody"}`, end: heals(made) };
}

const FAULTS: readonly Fault[] = [
  killOne,
  killOne,
  restartOne,
  pauseOne,
  pauseOne,
  loseQuorum,
  isolate,
  cutOneWay,
  cutOneWay,
  severSome,
];

/** Runs a plan to its end. Rejects with everything that was wrong, and how to see it again. */
export async function chaos(
  plan: ChaosPlan,
  say: (line: string) => void,
): Promise<ChaosReport> {
  // Short enough that members which are cut off or stand still are given up now and then.
  const settings = { initLimit: "20", syncLimit: "8", maxSessionTimeout: "10000" };
  const made = await MixedEnsemble.lay(plan.kinds, { doors: true, settings });
  const run = new Run(made, plan, say);
  try {
    return await run.toTheEnd();
  } catch (error) {
    await run.keep();
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      `${why}\nseed ${plan.seed} with members ${plan.kinds.join(" ")}` +
        `\nfaults: ${run.faults.join("; ")}\nlogs, data and history.json: ${made.dir}` +
        `\nto run it again: ${plan.replay}`,
    );
  } finally {
    await run.close();
  }
}

/**
 * Checks everything that ZooKeeper promises, while the clients stand still; gives what it counted.
 * Rejects with all that is wrong.
 */
export async function soundness(
  made: MixedEnsemble,
  clients: readonly LiveClient[],
  logs: (made: MixedEnsemble) => string[] = (all) => [...logTrouble(all), ...strangeErrors(all)],
): Promise<Verdict> {
  const ops = clients.flatMap((client) => client.ops);
  const look = async (): Promise<Verdict> => {
    const tree = await equalTrees(made);
    await allConnected(clients);
    // Only now: a client that is idle, too, may find that its session is over.
    return verdict(ops, tree, new Set(clients.map((client) => client.sessionId)));
  };
  await allConnected(clients);
  // Ephemerals of sessions whose end nobody saw are there until those expire.
  const deadline = performance.now() + 60_000;
  let seen = await look();
  while (seen.wrong.length > 0 && performance.now() < deadline) {
    await wait(500);
    seen = await look();
  }
  const wrong = [
    ...seen.wrong,
    ...clients.flatMap((client) => client.violations),
    ...await digestTrouble(made),
    ...logs(made),
  ];
  if (wrong.length > 0) throw new Error(`wrong:\n${wrong.slice(0, 30).join("\n")}`);
  return seen;
}

class Run {
  readonly faults: string[] = [];
  readonly #made: MixedEnsemble;
  readonly #plan: ChaosPlan;
  readonly #say: (line: string) => void;
  readonly #random: Seeded;
  readonly #clients: LiveClient[] = [];
  #deposed = 0;
  #counts: Readonly<Record<string, number>> = {};

  constructor(made: MixedEnsemble, plan: ChaosPlan, say: (line: string) => void) {
    this.#made = made;
    this.#plan = plan;
    this.#say = say;
    this.#random = new Seeded(plan.seed);
  }

  async toTheEnd(): Promise<ChaosReport> {
    const { clients = 5, thinkMs = 12, seed, forMs, faultsPerRound = 3 } = this.#plan;
    await this.#made.startAll();
    await furnish(this.#made);
    for (let number = 0; number < clients; number++) {
      this.#clients.push(await LiveClient.open(number, this.#made, seed, { thinkMs }));
    }
    const end = performance.now() + forMs; // a round that has begun is finished
    let rounds = 0;
    while (performance.now() < end) {
      await this.#round(faultsPerRound);
      rounds += 1;
      this.#say(`round ${rounds}: ${this.faults.slice(-2 * faultsPerRound).join("; ")}`);
    }
    return {
      dir: this.#made.dir,
      rounds,
      faults: this.faults,
      counts: this.#counts,
      deposed: this.#deposed,
      unpromised: this.#clients.reduce((sum, client) => sum + client.unpromised, 0),
    };
  }

  async #round(faults: number): Promise<void> {
    await allConnected(this.#clients);
    for (const client of this.#clients) client.start();
    await wait(500 + this.#random.below(500));
    for (let i = 0; i < faults; i++) {
      const { what, end } = await this.#random.pick(FAULTS)(this.#made, this.#random);
      const holdMs = 300 + this.#random.below(5000);
      this.faults.push(`${what}, ${holdMs} ms`);
      await wait(holdMs);
      await end();
      const healed = performance.now();
      await this.#made.serving();
      this.faults.push(`all serve after ${Math.round(performance.now() - healed)} ms`);
      await wait(this.#random.below(1500));
    }
    await Promise.all(this.#clients.map((client) => client.stop()));
    await this.#check();
  }

  async #check(): Promise<void> {
    const { deposed, counts } = await soundness(this.#made, this.#clients, this.#plan.logs);
    this.#deposed = deposed;
    this.#counts = counts;
  }

  /** Writes the clients' histories beside the logs, and into those what Java's threads do. */
  async keep(): Promise<void> {
    await this.#made.dumpThreads();
    const ops: readonly Op[] = this.#clients.flatMap((client) => client.ops);
    const lines = ops.map((op) =>
      JSON.stringify(op, (_, item) => typeof item === "bigint" ? `0x${item.toString(16)}` : item)
    );
    writeFileSync(join(this.#made.dir, "history.json"), `[\n${lines.join(",\n")}\n]\n`);
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.halt();
    await this.#made.close();
    for (const client of this.#clients) await client.close();
  }
}

/** All have a session that they can use; sessions may take their time when members come back. */
async function allConnected(clients: readonly LiveClient[]): Promise<void> {
  await Promise.all(
    clients.map((client) => within(client.connected(), 120_000, () => "a session")),
  );
}
