// The two stories of a data directory that changes hands; which releases take part is the tests'.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ZkClient } from "../../lib/client/client.ts";
import {
  clientOf,
  closeStore,
  comparesFrom,
  isSince,
  javaWrites,
  openStore,
  seenBy,
  seenIn,
  startJava,
  weWrite,
} from "./data_dir.ts";
import { fourLetter, type JavaDist, type JavaServer, javaTools, prepare, runJava } from "./java.ts";
import { describe as describeTree } from "./store_kit.ts";

type Packing = "" | "gz" | "snappy";

/** What must be ended however a story goes. */
class Stage {
  readonly dir = mkdtempSync(join(tmpdir(), "zkpeer-data-"));
  readonly #servers: JavaServer[] = [];
  readonly #clients: ZkClient[] = [];

  async start(dist: JavaDist, args: readonly string[] = []): Promise<JavaServer> {
    const server = await startJava(dist, this.dir, args);
    this.#servers.push(server);
    return server;
  }

  async client(server: JavaServer): Promise<ZkClient> {
    const client = await clientOf(server);
    this.#clients.push(client);
    return client;
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.abandon();
    for (const server of this.#servers) server.kill("SIGKILL");
    await Promise.all(this.#servers.map(({ exited }) => exited));
    rmSync(this.dir, { recursive: true, force: true });
  }
}

async function onStage(run: (stage: Stage) => Promise<void>): Promise<void> {
  const stage = new Stage();
  try {
    await run(stage);
  } finally {
    await stage.close();
  }
}

/**
 * A Java server writes, takes snapshots meanwhile, is killed in the middle of its life and started
 * again; what it served last is what our store reads.
 */
export function javaToUs(version: string, packing: Packing = ""): Promise<void> {
  return onStage(async (stage) => {
    const { dir } = stage;
    const dist = await prepare(version);
    const args = ["-Dzookeeper.snapCount=60", `-Dzookeeper.snapshot.compression.method=${packing}`];
    for (let round = 0; round < 3; round++) {
      const server = await stage.start(dist, args);
      const other = await stage.client(server);
      await other.create(`/closed-${round}`, null, 1);
      const client = await stage.client(server);
      await javaWrites(client, dist, round);
      await other.close();
      const seen = await seenBy(client);
      client.abandon();
      server.kill("SIGKILL");
      await server.exited;
      const { store, found, notes } = openStore(join(dir, "data"), {
        snapshotCompression: packing,
      });
      const bad = notes.filter((note) => note.startsWith("error"));
      assert.deepEqual(bad, []);
      assert.deepEqual(seenIn(found.tree), seen);
      assert.equal(found.digest.mismatches, 0, `first at ${found.digest.firstMismatch}`);
      // However long Java's snapshot took, and however much was written meanwhile.
      const least = Number(found.lastZxid - comparesFrom(found));
      if (isSince(dist, "3.6.0")) assert.ok(found.digest.compared >= least - 5);
      assert.equal(found.tree.sessions.size, round + 1, "their clients never said good-bye");
      const snapshots = readdirSync(join(dir, "data/version-2")).filter((n) => /^snap/.test(n));
      assert.ok(snapshots.length > round, snapshots.join(" "));
      if (packing !== "") assert.ok(snapshots.every((name) => name.endsWith(packing)));
      // One round ends with a snapshot of ours, which the next Java server starts from.
      if (round === 1) await new Promise((done) => store.takeSnapshot(false, done));
      await closeStore(store);
    }
  });
}

/** We write; the tools of the release read our files, its server serves them, and writes on. */
export function usToJava(version: string, packing: Packing = ""): Promise<void> {
  return onStage(async (stage) => {
    const { dir } = stage;
    const dist = await prepare(version);
    const isBasic = !isSince(dist, "3.5.5");
    const hasNulls = isBasic || isSince(dist, "3.6.0"); // the tool of 3.5 stumbles over no data
    const kinds = { isBasic, hasNulls, hasCreate2InMulti: isSince(dist, "3.7.2") };
    const settings = { snapshotCompression: packing, snapCount: 150 };
    const seed = version.length + packing.length;
    const tree = await weWrite(dir, seed, 600, kinds, settings);
    await readByTools(dist, join(dir, "data/version-2"), tree.nodeCount);
    const server = await stage.start(dist);
    const client = await stage.client(server);
    const seen = await seenBy(client);
    assert.deepEqual(seen, seenIn(tree));
    if (isSince(dist, "3.6.0")) {
      const metrics = await fourLetter(server.clientPort, "mntr", server.clientHost);
      assert.match(metrics, /zk_digest_mismatches_count\t0/);
    }
    const srvr = await fourLetter(server.clientPort, "srvr", server.clientHost);
    const zxid = BigInt(/Zxid: (0x[0-9a-f]+)/.exec(srvr)?.[1] ?? 0);
    assert.equal(zxid, tree.lastZxid + 1n, "ours, and the session of this client");
    await javaWrites(client, dist, 7);
    const later = await seenBy(client);
    client.abandon();
    await server.stop();
    const { store, found } = openStore(join(dir, "data"));
    assert.deepEqual(seenIn(found.tree), later);
    assert.equal(found.digest.mismatches, 0);
    await closeStore(store);
    const again = openStore(join(dir, "data"));
    assert.equal(describeTree(again.found.tree), describeTree(found.tree));
    await closeStore(again.store);
  });
}

/** Every file of ours through the release's own tools. */
async function readByTools(dist: JavaDist, dir: string, nodeCount: number): Promise<void> {
  const names = readdirSync(dir);
  let txns = 0;
  for (const name of names.filter((name) => name.startsWith("log."))) {
    const { code, stdout, stderr } = await runJava(dist, javaTools.txnLog, [join(dir, name)]);
    assert.equal(code, 0, stderr);
    assert.ok(!/CRC ERROR|partial/i.test(stdout + stderr), stdout.slice(-500));
    txns += Number(/EOF reached after (\d+) txns/.exec(stdout)?.[1]);
  }
  assert.ok(txns >= 600, `${txns} transactions in ${names.join(" ")}`);
  const newest = names.filter((name) => name.startsWith("snapshot."))
    .sort((a, b) => parseInt(a.slice(9), 16) - parseInt(b.slice(9), 16)).at(-1) ?? "";
  const { code, stdout, stderr } = await runJava(dist, javaTools.snapshot, [join(dir, newest)]);
  assert.equal(code, 0, stderr);
  const count = Number(/ZNode Details \(count=(\d+)\)/.exec(stdout)?.[1]);
  assert.ok(count > 50 && count <= nodeCount + 200, `${count} of ${nodeCount}`);
}
