// What a large tree costs: memory with a million znodes, the time to load them at a restart, and how
// long a client waits at worst while a snapshot of them is written.

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { burstOf, LoadConnection, type Target } from "./load.ts";
import { createAsk, getAsk, setAsk } from "./measures.ts";
import { type Contender, residentBytes, type Running } from "./servers.ts";

export interface MillionFigures {
  /** Bytes, after the load and after a restart. */
  readonly memoryLoaded: number;
  readonly memoryRestarted: number;
  readonly loadMs: number;
  /** Longest wait of a getData, without and with a snapshot being written. */
  readonly quietMs: number;
  readonly pauseMs: number;
  readonly snapshotMs: number;
}

const PER_PARENT = 1000;
/** Transactions between two snapshots, on average; the restart before it begins counting anew. */
const SNAP_COUNT = "4000";

export async function million(
  contender: Contender,
  dir: string,
  count: number,
  tell: (text: string) => void,
): Promise<MillionFigures> {
  // No snapshot of its own while it is filled: the log alone would then be loaded. Both write one
  // at each start, so a second start makes them load a snapshot.
  let running = await contender.start(dir, { snapCount: "10000000" });
  tell(`${contender.name}: creating ${count} znodes`);
  await fill(running.target, count);
  await wait(3000);
  const memoryLoaded = residentBytes(running.server.pid);
  await running.server.stop();
  running = await contender.start(dir, { snapCount: "10000000" });
  await whenSnapshotStands(running);
  await running.server.stop();
  tell(`${contender.name}: restarting`);
  running = await contender.start(dir, { snapCount: SNAP_COUNT });
  const loadMs = running.startMs;
  await whenSnapshotStands(running);
  await wait(3000);
  const memoryRestarted = residentBytes(running.server.pid);
  tell(`${contender.name}: reading while a snapshot is written`);
  const pauses = await pausesWhileSnapshot(running);
  await running.server.stop();
  const figures = { memoryLoaded, memoryRestarted, loadMs, ...pauses };
  tell(`${contender.name}: ${JSON.stringify(figures)}`);
  return figures;
}

export async function fill(target: Target, count: number): Promise<void> {
  const connection = await LoadConnection.open(target, 120_000);
  const parents = Math.ceil(count / PER_PARENT);
  await connection.once(burstOf([createAsk("/million")]));
  await Promise.all([0, 1].map(async (lane) => {
    const connection = await LoadConnection.open(target, 120_000);
    for (let parent = lane; parent < parents; parent += 2) {
      const path = `/million/group-${parent}`;
      const children = Array.from(
        { length: PER_PARENT - 1 },
        (_, i) => createAsk(`${path}/node-${String(i).padStart(10, "0")}`),
      );
      await connection.once(burstOf([createAsk(path), ...children]));
    }
    if (connection.errors > 0) throw new Error(`${connection.errors} creates were refused`);
    await connection.close();
  }));
  await connection.close();
}

async function pausesWhileSnapshot(
  running: Running,
): Promise<Pick<MillionFigures, "quietMs" | "pauseMs" | "snapshotMs">> {
  const [reader, writer] = await Promise.all([
    LoadConnection.open(running.target, 120_000),
    LoadConnection.open(running.target, 120_000),
  ]);
  const get = burstOf([getAsk("/million/group-1/node-0000000001")]);
  const set = burstOf(Array.from({ length: 50 }, () => setAsk("/million/group-2")));
  await reader.oneAtATime(get, 2000); // warm
  let isOver = false;
  const waits: { readonly at: number; readonly ms: number }[] = [];
  const reading = (async () => {
    while (!isOver) {
      const ms = await reader.once(get);
      waits.push({ at: performance.now(), ms });
    }
  })();
  await wait(3000);
  const quietMs = longestOf(waits);
  const before = snapshotNames(running).length;
  let begun = 0;
  while (snapshotNames(running).length === before) {
    begun = performance.now();
    await writer.once(set);
  }
  const stood = await whenSnapshotStands(running);
  isOver = true;
  await reading;
  const during = waits.filter(({ at }) => at >= begun && at <= stood + 100);
  const pauseMs = longestOf(during);
  await Promise.all([reader.close(), writer.close()]);
  return { quietMs, pauseMs, snapshotMs: stood - begun };
}

const longestOf = (waits: readonly { readonly ms: number }[]): number =>
  waits.reduce((max, { ms }) => Math.max(max, ms), 0);

const folderOf = (running: Running): string => join(running.dataDir, "version-2");

const snapshotNames = (running: Running): string[] =>
  readdirSync(folderOf(running)).filter((name) => name.startsWith("snapshot."));

/** Waits until the newest snapshot has its seal and its name; gives the time when it was so. */
async function whenSnapshotStands(running: Running): Promise<number> {
  const deadline = performance.now() + 120_000;
  let lastSize = -1;
  let since = performance.now();
  while (performance.now() < deadline) {
    const names = snapshotNames(running);
    const sizes = names.map((name) => statSync(join(folderOf(running), name)).size);
    const size = sizes.reduce((sum, one) => sum + one, 0);
    const now = performance.now();
    if (size !== lastSize) {
      lastSize = size;
      since = now;
    } else if (now - since > 1500 && !names.some((name) => name.endsWith(".tmp"))) {
      return since;
    }
    await wait(20);
  }
  throw new Error(`${running.server.name} does not finish its snapshot`);
}
