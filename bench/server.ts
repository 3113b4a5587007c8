// Our server next to Java's: the same settings, the same folder on the same disk, every write
// flushed before it is acknowledged. Prints what each does and the ratio ours/Java.
//
//   deno run -A bench/server.ts [--only NAME,...] [--quick] [--json] [--runtime deno|node]
//       [--znodes N] [--rounds N] [--java ARGS]
//
// Both servers run at the same time and are measured in turn, in short rounds; a figure is the
// median of its rounds and a ratio the median of the rounds' ratios. The load comes from one process
// with one thread, so on two cores each server has one and a half. `CPU` is the processor time that
// our server used for the same requests, Java's being 1: it holds on a machine that is busy too.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { prepare } from "../tests/support/java_dist.ts";
import { ownRuntime, type Runtime } from "../tests/support/zkpeer.ts";
import { type Measure, MEASURES } from "./support/measures.ts";
import { million, type MillionFigures } from "./support/million.ts";
import { type Row, rowOf, tableOf } from "./support/table.ts";
import {
  type Contender,
  javaContender,
  ownContender,
  processorSeconds,
  type Running,
} from "./support/servers.ts";

const JAVA = "3.9.5";
const START_UPS = 7;

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    runtime: { type: "string", default: ownRuntime },
    "runtime-args": { type: "string", default: "" },
    znodes: { type: "string", default: "1000000" },
    rounds: { type: "string" },
    java: { type: "string", default: "-Xmx1g" },
  },
});

const names = [...MEASURES.map(({ name }) => name), "start-up", "million"];
const only = values.only?.split(",") ?? names;
const unknown = only.find((name) => !names.includes(name));
if (unknown !== undefined || (values.runtime !== "deno" && values.runtime !== "node")) {
  console.error(`bench/server: ${unknown ?? values.runtime} is not one of ${names.join(", ")}`);
  process.exit(2);
}
const runtime: Runtime = values.runtime;
const words = (text: string): string[] => text.split(" ").filter((word) => word !== "");

const root = mkdtempSync(join(tmpdir(), "zkpeer-bench-"));
const tell = (text: string): void => console.error(`  ${text}`);
const java = javaContender(await prepare(JAVA), words(values.java));
const own = ownContender(runtime, words(values["runtime-args"]));
const rows: Row[] = [];
try {
  rows.push(...await serving(MEASURES.filter(({ name }) => only.includes(name))));
  if (only.includes("start-up")) rows.push(await startUp());
  if (only.includes("million")) rows.push(...await millionRows());
} finally {
  rmSync(root, { recursive: true, force: true });
}
if (values.json) {
  console.log(JSON.stringify({ java: java.label, zkpeer: own.label, rows }, null, 2));
} else {
  console.log(`${own.label.trim()}, next to ${java.label}\n`);
  console.log(tableOf(rows));
}

/** All measures of servers that serve, on one pair of them. */
async function serving(measures: readonly Measure[]): Promise<Row[]> {
  if (measures.length === 0) return [];
  const rows: Row[] = [];
  const pair: Running[] = [];
  try {
    for (const one of [own, java]) pair.push(await one.start(join(root, one.name)));
    for (const measure of measures) {
      const row = await inTurn(measure, pair);
      rows.push(row);
      tell(tableOf([row]).trimEnd().split("\n").at(-1) ?? "");
    }
  } finally {
    await Promise.all(pair.map(({ server }) => server.stop()));
  }
  return rows;
}

async function inTurn(measure: Measure, pair: readonly Running[]): Promise<Row> {
  const rounds = Number(values.rounds ?? (values.quick ? 3 : measure.rounds));
  const scenes = [];
  for (const { target } of pair) scenes.push(await measure.prepare(target, values.quick));
  // The first rounds are for the compilers and not counted.
  for (let i = 0; i < (values.quick ? 2 : 6); i++) {
    for (const scene of scenes) await scene.round();
  }
  const figures: number[][] = scenes.map(() => []);
  const used = [0, 0];
  for (let i = 0; i < rounds; i++) {
    for (const [which, scene] of scenes.entries()) {
      const { pid } = pair[which].server;
      const before = processorSeconds(pid);
      figures[which].push(await scene.round());
      used[which] += processorSeconds(pid) - before;
    }
  }
  for (const scene of scenes) await scene.end();
  return { ...rowOf(measure, figures[0], figures[1]), processorRatio: used[0] / used[1] };
}

/** From the start of the process to its first session, on an empty folder. */
async function startUp(): Promise<Row> {
  const figures = { zkpeer: [] as number[], java: [] as number[] };
  const once = async (contender: Contender, i: number): Promise<number> => {
    const running = await contender.start(join(root, `${contender.name}-${i}`));
    await running.server.stop();
    return running.startMs;
  };
  for (let i = 0; i < (values.quick ? 3 : START_UPS); i++) {
    figures.zkpeer.push(await once(own, i));
    figures.java.push(await once(java, i));
  }
  return rowOf(
    { name: "start-up", title: "start to first answer", unit: "ms", expected: { atMost: 1 } },
    figures.zkpeer,
    figures.java,
  );
}

async function millionRows(): Promise<Row[]> {
  const count = Number(values.znodes) / (values.quick ? 10 : 1);
  const ours = await million(own, join(root, "million-zkpeer"), count, tell);
  const theirs = await million(java, join(root, "million-java"), count, tell);
  const MIB = 2 ** 20;
  const row = (
    name: string,
    title: string,
    unit: string,
    expected: Row["expected"],
    figure: (of: MillionFigures) => number,
  ): Row => rowOf({ name, title, unit, expected }, [figure(ours)], [figure(theirs)]);
  return [
    row(
      "memory",
      `memory, ${count} znodes created`,
      "MiB",
      { atMost: 0.6 },
      (of) => of.memoryLoaded / MIB,
    ),
    row(
      "memory-restarted",
      "memory after a restart",
      "MiB",
      { atMost: 0.6 },
      (of) => of.memoryRestarted / MIB,
    ),
    row("load", "start to first answer with them", "ms", { atMost: 1 }, (of) => of.loadMs),
    row("pause", "longest wait during a snapshot", "ms", { value: 20 }, (of) => of.pauseMs),
    row("quiet", "longest wait without one", "ms", null, (of) => of.quietMs),
    row("snapshot", "the snapshot took", "ms", null, (of) => of.snapshotMs),
  ];
}
