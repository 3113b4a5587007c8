// Ensembles of three next to each other: ours, Java's, and ours with one of Java, with the same
// settings on the same disk. Prints what each does and the ratios to Java's.
//
//   deno run -A bench/ensemble.ts [--only NAME,...] [--rounds N] [--znodes N] [--json]
//
// Loads come from one process and go to all three members at once; the ensembles are measured in
// turn, in short rounds, and a figure is the median of its rounds. `CPU` is the processor time that
// all members of ours used for the same requests, Java's being 1.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { BenchEnsemble, type Kind } from "./support/ensembles.ts";
import { burstOf, LoadConnection } from "./support/load.ts";
import { createAsk, MEASURES, setAsk } from "./support/measures.ts";
import { fill } from "./support/million.ts";
import { processorSeconds } from "./support/servers.ts";
import { type Expected, type Row, rowOf, tableOf } from "./support/table.ts";

const JAVA = "3.9.5";
const KINDS: readonly Kind[] = ["zkpeer", "java", "mixed"];
const LOADS = ["set-pipelined", "create-pipelined", "get-pipelined", "mixed"];
const MIB = 2 ** 20;

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    rounds: { type: "string", default: "7" },
    znodes: { type: "string", default: "500000" },
    json: { type: "boolean", default: false },
  },
});
const NAMES = [...LOADS, "latency", "fail-over", "level"];
const only = values.only?.split(",") ?? NAMES;
const unknown = only.find((name) => !NAMES.includes(name));
if (unknown !== undefined) {
  console.error(`bench/ensemble: ${unknown} is not one of ${NAMES.join(", ")}`);
  process.exit(2);
}
const rounds = Number(values.rounds);
const tell = (text: string): void => console.error(`  ${text}`);

interface Facts {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly expected: Expected;
}

/** A row of ours against Java's, and one of the mixed ensemble, of which nothing is expected. */
function rowsOf(facts: Facts, figures: ReadonlyMap<Kind, readonly number[]>): Row[] {
  const of = (kind: Kind): readonly number[] => figures.get(kind) ?? [];
  const mixed = {
    ...facts,
    name: `${facts.name}, mixed`,
    title: "  with one of Java",
    expected: null,
  };
  const rows = [rowOf(facts, of("zkpeer"), of("java")), rowOf(mixed, of("mixed"), of("java"))];
  for (const line of tableOf(rows).trimEnd().split("\n").slice(1)) tell(line);
  return rows;
}

const emptyFigures = (): Map<Kind, number[]> => new Map(KINDS.map((kind) => [kind, []]));

/** All members are asked at once; requests per second of all of them. */
async function load(ensembles: readonly BenchEnsemble[], name: string): Promise<Row[]> {
  const measure = MEASURES.find((one) => one.name === name);
  if (measure === undefined) throw new Error(`no measure ${name}`);
  const figures = emptyFigures();
  const used = new Map<Kind, number>(KINDS.map((kind) => [kind, 0]));
  const scenes = [];
  for (const { kind, targets } of ensembles) {
    // In turn: the first one makes the nodes.
    const each = [];
    for (const target of targets) each.push(await measure.prepare(target, true));
    scenes.push({ kind, each });
  }
  const seconds = (ensemble: BenchEnsemble): number =>
    ensemble.pids().reduce((sum, pid) => sum + processorSeconds(pid), 0);
  for (let round = -2; round < rounds; round++) {
    for (const [i, { kind, each }] of scenes.entries()) {
      const before = seconds(ensembles[i]);
      const done = await Promise.all(each.map((scene) => scene.round()));
      if (round < 0) continue; // for the compilers
      figures.get(kind)?.push(done.reduce((sum, figure) => sum + figure, 0));
      used.set(kind, (used.get(kind) ?? 0) + seconds(ensembles[i]) - before);
    }
  }
  for (const { each } of scenes) for (const scene of each) await scene.end();
  const expected = name === "set-pipelined" || name === "create-pipelined" ? { atLeast: 2 } : null;
  const rows = rowsOf({ name, title: measure.title, unit: measure.unit, expected }, figures);
  const java = used.get("java") ?? NaN;
  return rows.map((row, i) => ({
    ...row,
    processorRatio: (used.get(i === 0 ? "zkpeer" : "mixed") ?? NaN) / java,
  }));
}

const percentile = (sorted: Float64Array, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

/** What others write meanwhile, at two members: the same for all, and less than Java bears. */
const NOISE_COUNT = 25;
const NOISE_EVERY_MS = 20;
const NOISE_RATE = 2 * 1000 * NOISE_COUNT / NOISE_EVERY_MS;

/** One write after the other at a follower, while nothing else happens and while others write. */
async function latency(ensembles: readonly BenchEnsemble[]): Promise<Row[]> {
  const one = burstOf([setAsk("/bench/n1")]);
  const many = burstOf(Array.from({ length: NOISE_COUNT }, () => setAsk("/bench/n2")));
  const rows: Row[] = [];
  for (const isLoaded of [false, true]) {
    const figures = { rate: emptyFigures(), p50: emptyFigures(), p99: emptyFigures() };
    for (let round = -1; round < rounds; round++) {
      for (const ensemble of ensembles) {
        const { leader, followers } = await ensemble.roles();
        const connection = await LoadConnection.open(ensemble.target(followers[0]));
        const writers = await Promise.all(
          [leader, followers[1]].map((sid) => LoadConnection.open(ensemble.target(sid))),
        );
        let isOver = false;
        const noise = isLoaded
          ? writers.map((writer) => writer.paced(many, NOISE_EVERY_MS, () => isOver))
          : [];
        const begun = performance.now();
        const took = (await connection.oneAtATime(one, 200)).sort();
        const rate = 200_000 / (performance.now() - begun);
        isOver = true;
        await Promise.all(noise);
        await Promise.all([connection, ...writers].map((each) => each.close()));
        if (round < 0) continue;
        figures.rate.get(ensemble.kind)?.push(rate);
        figures.p50.get(ensemble.kind)?.push(percentile(took, 0.5));
        figures.p99.get(ensemble.kind)?.push(percentile(took, 0.99));
      }
    }
    const where = isLoaded ? `at a follower, others ${NOISE_RATE}/s` : "at a follower";
    const lower = { atMost: 1 };
    const fact = (name: string, unit: string, expected: Expected): Facts => ({
      name: isLoaded ? `${name}-loaded` : name,
      title: name === "set-single" ? `setData, one at a time, ${where}` : `${name} ${where}`,
      unit,
      expected,
    });
    rows.push(
      ...rowsOf(fact("set-single", "/s", { atLeast: 1 }), figures.rate),
      ...rowsOf(fact("p50", "ms", null), figures.p50),
      ...rowsOf(fact("p99", "ms", lower), figures.p99),
    );
  }
  return rows;
}

async function failOver(ensembles: readonly BenchEnsemble[]): Promise<Row[]> {
  const figures = emptyFigures();
  for (let round = 0; round < rounds; round++) {
    for (const ensemble of ensembles) {
      figures.get(ensemble.kind)?.push(await ensemble.failOver());
    }
  }
  const title = "kill -9 of the leader to the next write";
  return rowsOf({ name: "fail-over", title, unit: "ms", expected: { atMost: 0.5 } }, figures);
}

/** Fills the trees: what they cost in memory, and how long an empty member takes to get one. */
async function level(ensembles: readonly BenchEnsemble[]): Promise<Row[]> {
  const count = Number(values.znodes);
  const memory = emptyFigures();
  const times = emptyFigures();
  for (const ensemble of ensembles) {
    tell(`${ensemble.kind}: creating ${count} znodes`);
    const { leader } = await ensemble.roles();
    await fill(ensemble.target(leader), count);
    memory.get(ensemble.kind)?.push(ensemble.residentBytes() / MIB);
  }
  for (let round = 0; round < Math.min(3, rounds); round++) {
    for (const ensemble of ensembles) times.get(ensemble.kind)?.push(await ensemble.level());
  }
  const named = (name: string, title: string, unit: string, most: number): Facts => ({
    name,
    title,
    unit,
    expected: { atMost: most },
  });
  return [
    ...rowsOf(named("memory", `memory of all three, ${count} znodes`, "MiB", 0.5), memory),
    ...rowsOf(named("level", "an empty member gets them, from its start", "ms", 1), times),
  ];
}

const root = mkdtempSync(join(tmpdir(), "zkpeer-bench-ensemble-"));
const rows: Row[] = [];
const ensembles: BenchEnsemble[] = [];
try {
  for (const kind of KINDS) ensembles.push(await BenchEnsemble.start(kind, root, JAVA));
  for (const { targets } of ensembles) {
    const connection = await LoadConnection.open(targets[0]);
    const paths = ["/bench", "/bench/n1", "/bench/n2"];
    await connection.once(burstOf(paths.map((path) => createAsk(path))));
    await connection.close();
  }
  for (const name of LOADS) if (only.includes(name)) rows.push(...await load(ensembles, name));
  if (only.includes("latency")) rows.push(...await latency(ensembles));
  if (only.includes("fail-over")) rows.push(...await failOver(ensembles));
  if (only.includes("level")) rows.push(...await level(ensembles));
} finally {
  await Promise.all(ensembles.map((ensemble) => ensemble.stop()));
  rmSync(root, { recursive: true, force: true });
}
if (values.json) console.log(JSON.stringify({ java: JAVA, rounds, rows }, null, 2));
else {
  console.log(
    `three members of ours, next to three of Java ${JAVA}; medians of ${rounds} rounds\n`,
  );
  console.log(tableOf(rows));
}
