// Java servers alone under the faults of the chaos tests: every kind of error that they print stands
// in support/java_errors.json, which is what the mixed ensembles' logs are measured with. With
// JAVA_ERRORS=add a kind that is new is added to the list, with the ensemble that printed it.

import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { chaos } from "./support/chaos.ts";
import { javaUnavailable } from "./support/java.ts";
import { isJudgedByKind, javaErrorKinds, listedKinds } from "./support/java_errors.ts";
import { MixedEnsemble, type Seat } from "./support/mixed_ensemble.ts";

const SEED = Number(process.env.CHAOS_SEED ?? randomInt(1, 1_000_000));
const FOR_MS = 70_000;
const ENSEMBLES = [
  ["3.9.5", "3.9.5", "3.9.5"],
  ["3.6.4", "3.6.4", "3.6.4"],
  ["3.4.14", "3.4.14", "3.4.14"],
  ["3.8.6", "3.7.2", "3.5.10"],
];
const LIST = fileURLToPath(new URL("support/java_errors.json", import.meta.url));

function add(found: ReadonlyMap<string, string>): void {
  const list: { about: string; kinds: string[] } = JSON.parse(readFileSync(LIST, "utf8"));
  list.kinds = [...new Set([...list.kinds, ...found.keys()])].sort();
  writeFileSync(LIST, `${JSON.stringify(list, null, 2)}\n`);
}

/** Fails when a kind is not in the list; adds it first when that is what was asked for. */
function judge(found: ReadonlyMap<string, string>): void {
  if (process.env.JAVA_ERRORS === "add") add(found);
  const listed = listedKinds();
  assert.deepEqual([...found].filter(([kind]) => !listed.has(kind)), [], "not in the list");
}

const judged = (made: MixedEnsemble): Map<string, string> =>
  new Map([...javaErrorKinds(made)].filter(([kind]) => isJudgedByKind(kind)));

const SETTINGS = { initLimit: "20", syncLimit: "8" };

const othersThan = (made: MixedEnsemble, sid: number): number[] =>
  made.sids.filter((one) => one !== sid);

/** The ways in which a leader ends, or is one no more. */
const ENDS: readonly ((made: MixedEnsemble, leader: number) => Promise<void>)[] = [
  async (made, leader) => {
    await made.kill(leader);
    await wait(300);
    await made.start(leader);
  },
  async (made, leader) => {
    const others = othersThan(made, leader);
    await made.kill(...others);
    await wait(randomInt(500, 1300));
    await made.start(...others);
  },
  async (made, leader) => {
    await made.stop(leader);
    await made.start(leader);
  },
  async (made, leader) => {
    made.pause(leader);
    await wait(4500);
    made.resume(leader);
  },
  async (made, leader) => {
    for (const other of othersThan(made, leader)) made.sever(leader, other);
    await wait(randomInt(300, 1500));
    made.heal();
  },
];

/** A stranger whose links come and go; until `isOver`. */
async function comeAndGo(
  { clientPort, host }: Seat,
  word: string,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    await new Promise<void>((resolve) => {
      const link = connect(clientPort, host).on("error", () => {}).on("close", () => resolve());
      link.resume().on("connect", () => link.end(word));
      link.setTimeout(2000, () => link.destroy()); // a member that stands still answers nobody
    });
    await wait(randomInt(0, 7));
  }
}

/** A client with one server, which asks one thing after the other. */
async function ask(made: MixedEnsemble, sid: number, isOver: () => boolean): Promise<void> {
  const client = made.client([sid]);
  while (!isOver()) {
    // What is lost when a server shuts down is asked again.
    await client.exists("/zookeeper").catch(() => wait(20));
  }
  client.abandon();
}

/** Writes forty at a time: who is killed meanwhile leaves a part of a transaction. */
async function write(made: MixedEnsemble, isOver: () => boolean): Promise<void> {
  const client = made.client(made.sids);
  const data = new Uint8Array(700);
  await client.create("/much", data).catch(() => {}); // another one made it
  while (!isOver()) {
    const writes = Array.from({ length: 40 }, () => client.set("/much", data));
    const ended = await Promise.allSettled(writes);
    if (ended.some(({ status }) => status === "rejected")) await wait(20);
  }
  client.abandon();
}

describe(`Java alone in chaos with seed ${SEED}`, { skip: javaUnavailable() ?? false }, () => {
  for (const [at, kinds] of ENSEMBLES.entries()) {
    it(`${kinds.join(", ")} print listed errors only`, { timeout: 600_000 }, async (t) => {
      const found = new Map<string, string>();
      let count = 0;
      const logs = (made: Parameters<typeof javaErrorKinds>[0]): string[] => {
        count += javaErrorKinds(made).size;
        for (const [kind, where] of judged(made)) found.set(kind, where);
        return [];
      };
      const replay = `CHAOS_SEED=${SEED} deno task soak --only java_errors`;
      // What Java promises is not what is tested here; its own faults end a run, and are told.
      const run = chaos({ kinds, seed: SEED + at, forMs: FOR_MS, replay, logs }, (line) => {
        t.diagnostic(line);
      });
      await run.then(
        ({ dir }) => rmSync(dir, { recursive: true }),
        (error: unknown) => t.diagnostic(`Java alone is not sound: ${error}`),
      );
      assert.ok(count > 0, "no error at all: the logs are not read");
      judge(found);
    });
  }

  // A selector of 3.4 that comes upon a link which another thread has just closed leaves its keys as
  // they are, and then accepts what is not there: once in some sixty rounds. A leader that shuts down
  // while a session comes back registers it with nobody: of 3.9.5 once in some forty.
  for (const version of ["3.4.14", "3.6.4", "3.9.5"]) {
    it(
      `${version} shuts down while links come and much is written, 150 times`,
      { timeout: 1_800_000 },
      async (t) => {
        const settings = { ...SETTINGS, maxClientCnxns: "0", maxSessionTimeout: "10000" };
        const made = await MixedEnsemble.lay([version, version, version], {
          doors: true,
          settings,
        });
        let isOver = false;
        const around: Promise<void>[] = [];
        try {
          await made.startAll();
          for (const seat of made.seats) {
            for (const word of ["srvr", "mntr"]) around.push(comeAndGo(seat, word, () => isOver));
            for (let i = 0; i < 6; i++) around.push(ask(made, seat.sid, () => isOver));
          }
          for (let i = 0; i < 3; i++) around.push(write(made, () => isOver));
          for (let round = 1; round <= 150; round++) {
            const [leader] = [...await made.roles()].find(([, role]) => role === "leader") ?? [1];
            await ENDS[round % ENDS.length](made, leader);
            await made.serving();
            if (round % 10 === 0) t.diagnostic(`round ${round}: ${[...judged(made).keys()]}`);
          }
          judge(judged(made));
        } finally {
          isOver = true;
          await made.close();
          await Promise.all(around);
        }
        rmSync(made.dir, { recursive: true });
      },
    );
  }
});
