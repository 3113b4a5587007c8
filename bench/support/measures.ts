// What is measured on a server that serves already: throughput, latency, watches. A measure sets the
// scene once and is then run in short rounds, in turn with the other server, so that whatever else
// the machine does falls on both.

import { OpCode } from "../../lib/txn/opcodes.ts";
import { writeCreateRequest, writeSetDataRequest } from "../../lib/records/client.ts";
import { type Ask, type Burst, burstOf, LoadConnection, type Target } from "./load.ts";

export interface Measure {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  /** The ratio ours/Java that is expected, and which side of it is good. */
  readonly expected: { readonly atLeast: number } | { readonly atMost: number };
  readonly rounds: number;
  /** Opens what the rounds need; the answer runs one round and gives its figure. */
  readonly prepare: (target: Target, isQuick: boolean) => Promise<Scene>;
}

export interface Scene {
  readonly round: () => Promise<number>;
  readonly end: () => Promise<void>;
}

const OPEN_ACL = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
const SEQUENTIAL = 2;
const NODES = 1000;
const data = new Uint8Array(100).fill(7);

const pathOf = (i: number): string => `/bench/n${i % NODES}`;

export const createAsk = (path: string, flags = 0): Ask => ({
  op: OpCode.create,
  write: (out) => writeCreateRequest(out, { path, data, acl: OPEN_ACL, flags }),
});

export const getAsk = (path: string, watch = false): Ask => ({
  op: OpCode.getData,
  write: (out) => {
    out.ustring(path);
    out.boolean(watch);
  },
});

export const setAsk = (path: string): Ask => ({
  op: OpCode.setData,
  write: (out) => writeSetDataRequest(out, { path, data, version: -1 }),
});

const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

const bursts = (count: number, size: number, ask: (i: number) => Ask): Burst[] =>
  times(count, (k) => burstOf(times(size, (i) => ask(k * 137 + i * 31))));

/** Makes the nodes that most measures use; an earlier measure may have made them already. */
async function nodes(target: Target): Promise<void> {
  const connection = await LoadConnection.open(target);
  await connection.once(
    burstOf([createAsk("/bench"), ...times(NODES, (i) => createAsk(pathOf(i)))]),
  );
  await connection.close();
}

/**
 * Several connections that send bursts, two of each unanswered; requests per second in all. Writes
 * stay below 1,000 unanswered, where both servers stop reading (`globalOutstandingLimit`).
 */
function flood(
  plan: { connections: number; requests: number; bursts: readonly Burst[] },
): Measure["prepare"] {
  return async (target, isQuick) => {
    await nodes(target);
    const connections = await Promise.all(
      times(plan.connections, () => LoadConnection.open(target)),
    );
    const each = Math.ceil(plan.requests / plan.connections / (isQuick ? 5 : 1));
    return {
      round: async () => {
        const begun = performance.now();
        await Promise.all(connections.map((one) => one.flood(plan.bursts, each, 2)));
        const seconds = (performance.now() - begun) / 1000;
        noErrors(connections);
        return each * plan.connections / seconds;
      },
      end: async () => void await Promise.all(connections.map((one) => one.close())),
    };
  };
}

function single(burst: Burst, count: number): Measure["prepare"] {
  return async (target, isQuick) => {
    await nodes(target);
    const connection = await LoadConnection.open(target);
    const asked = isQuick ? count / 5 : count;
    return {
      round: async () => {
        const begun = performance.now();
        await connection.oneAtATime(burst, asked);
        noErrors([connection]);
        return asked / ((performance.now() - begun) / 1000);
      },
      end: () => connection.close(),
    };
  };
}

/** Milliseconds from a write to the last of the watchers' events. */
function fanOut(watchers: number, writes: number): Measure["prepare"] {
  return async (target, isQuick) => {
    await nodes(target);
    const writer = await LoadConnection.open(target);
    const all = await Promise.all(times(watchers, () => LoadConnection.open(target, 120_000)));
    const arm = burstOf([getAsk("/bench/n0", true)]);
    const set = burstOf([setAsk("/bench/n0")]);
    const each = isQuick ? Math.ceil(writes / 5) : writes;
    return {
      round: async () => {
        let total = 0;
        for (let i = 0; i < each; i++) {
          await Promise.all(all.map((one) => one.once(arm)));
          let left = watchers;
          const heard = new Promise<void>((done) => {
            for (const one of all) {
              one.listen(() => {
                left -= 1;
                if (left === 0) done();
              });
            }
          });
          const begun = performance.now();
          await Promise.all([writer.once(set), heard]);
          total += performance.now() - begun;
        }
        noErrors([writer, ...all]);
        return total / each;
      },
      end: async () => void await Promise.all([writer, ...all].map((one) => one.close())),
    };
  };
}

function noErrors(connections: readonly LoadConnection[]): void {
  const errors = connections.reduce((sum, { errors }) => sum + errors, 0);
  if (errors > 0) throw new Error(`${errors} requests were refused: nothing was measured`);
}

const MIXED = bursts(7, 10, (i) => i % 10 === 3 ? setAsk(pathOf(i)) : getAsk(pathOf(i)));

export const MEASURES: readonly Measure[] = [
  {
    name: "get-pipelined",
    title: "getData, pipelined (8 connections)",
    unit: "/s",
    expected: { atLeast: 4 },
    rounds: 15,
    prepare: flood({
      connections: 8,
      requests: 80_000,
      bursts: bursts(7, 100, (i) => getAsk(pathOf(i))),
    }),
  },
  {
    name: "get-single",
    title: "getData, one at a time",
    unit: "/s",
    expected: { atLeast: 1.2 },
    rounds: 25,
    prepare: single(burstOf([getAsk("/bench/n1")]), 2000),
  },
  {
    name: "set-pipelined",
    title: "setData, pipelined (8 connections)",
    unit: "/s",
    expected: { atLeast: 2 },
    rounds: 15,
    prepare: flood({
      connections: 8,
      requests: 24_000,
      bursts: bursts(7, 60, (i) => setAsk(pathOf(i))),
    }),
  },
  {
    name: "set-single",
    title: "setData, one at a time",
    unit: "/s",
    expected: { atLeast: 1 },
    rounds: 31,
    prepare: single(burstOf([setAsk("/bench/n1")]), 200),
  },
  {
    name: "create-pipelined",
    title: "create, pipelined (8 connections)",
    unit: "/s",
    expected: { atLeast: 2 },
    rounds: 11,
    prepare: flood({
      connections: 8,
      requests: 16_000,
      bursts: [burstOf(times(60, () => createAsk("/bench/s-", SEQUENTIAL)))],
    }),
  },
  {
    name: "mixed",
    title: "90 % getData, 10 % setData, 50 sessions",
    unit: "/s",
    expected: { atLeast: 2 },
    rounds: 15,
    prepare: flood({ connections: 50, requests: 50_000, bursts: MIXED }),
  },
  {
    name: "fan-out",
    title: "one write to the last of 1,000 watchers",
    unit: "ms",
    expected: { atMost: 1 },
    rounds: 9,
    prepare: fanOut(1000, 6),
  },
];
