// Rolling replacement (issue 4, "Must show" 5): a loaded ensemble of three Java servers becomes one
// of ours, member by member on the same data directories, and then one of Java's again. Clients
// write and read all the time; they see reconnects and nothing else.

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { ErrorCode } from "../lib/txn/opcodes.ts";
import { soundness } from "./support/chaos.ts";
import { furnish, LiveClient } from "./support/history_live.ts";
import { javaUnavailable } from "./support/java.ts";
import { MixedEnsemble, OURS } from "./support/mixed_ensemble.ts";

const LOAD = 3000;
const CLIENTS = 5;
/** No session may end, however long a member takes to come back and a client to find another. */
const PACE = { thinkMs: 12, sessionMs: 50_000 };
/** What the clients' own requests may be refused with: a node deleted twice, a doomed multi. */
const EXPECTED: readonly number[] = [ErrorCode.NONODE, ErrorCode.BADVERSION];

/** Followers first and the leader last, as one does it by hand. */
async function replaceAll(made: MixedEnsemble, kind: string): Promise<void> {
  const leader = await made.leader();
  for (const sid of [...made.sids.filter((one) => one !== leader), leader]) {
    await made.become(sid, kind);
    await made.serving([sid]);
    await wait(1500); // load on this very mixture
  }
}

async function preload(made: MixedEnsemble): Promise<void> {
  await made.persist(made.sids, "/load");
  const client = made.client(made.sids);
  const data = new Uint8Array(200).fill(120);
  const paths = Array.from({ length: LOAD }, (_, i) => `/load/n${i}`);
  await Promise.all(paths.map((path) => client.create(path, data)));
  await client.close();
}

async function roll(version: string, say: (line: string) => void): Promise<string> {
  const made = await MixedEnsemble.lay([version, version, version]);
  const clients: LiveClient[] = [];
  try {
    await made.startAll();
    await preload(made);
    await furnish(made);
    for (let number = 0; number < CLIENTS; number++) {
      clients.push(await LiveClient.open(number, made, 1, PACE));
    }
    for (const kind of [OURS, version]) {
      for (const client of clients) {
        await client.connected();
        client.start();
      }
      await wait(1000);
      await replaceAll(made, kind);
      for (const client of clients) await client.stop();
      const { counts } = await soundness(made, clients);
      say(`all ${kind}: operations ${JSON.stringify(counts)}`);
    }
    const errors = clients.flatMap(({ ops }) => ops).filter(({ outcome }) => outcome === "error");
    assert.deepEqual(errors.filter(({ err }) => !EXPECTED.includes(err)), []);
    assert.deepEqual(clients.map(({ expired }) => expired), clients.map(() => 0));
    return made.dir;
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\nlogs: ${made.dir}`);
  } finally {
    await made.close();
    for (const client of clients) {
      await client.stop();
      await client.close();
    }
  }
}

for (const version of ["3.9.5", "3.6.4"]) {
  describe(`a loaded ensemble of ${version}`, { skip: javaUnavailable(version) ?? false }, () => {
    it("becomes ours and then Java's again, and no write is lost", {
      timeout: 900_000,
    }, async (t) => {
      rmSync(await roll(version, (line) => t.diagnostic(line)), { recursive: true });
    });
  });
}
