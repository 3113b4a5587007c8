// Data directories that change hands between Java's servers and our store: each writes, the other
// reads, and what they see is compared node by node, stat by stat.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Zxid } from "../../lib/base/ids.ts";
import { ZkClient, ZkError } from "../../lib/client/client.ts";
import { part } from "../../lib/client/client.ts";
import { Output } from "../../lib/codec/output.ts";
import { HostClock } from "../../lib/host/clock.ts";
import { HostDisk } from "../../lib/host/disk.ts";
import { HostNetwork } from "../../lib/host/network.ts";
import { HostRandom } from "../../lib/host/random.ts";
import {
  writeCreateRequest,
  writeCreateTTLRequest,
  writeSetACLRequest,
} from "../../lib/records/client.ts";
import { type ACL, type Stat, writeStat } from "../../lib/records/data.ts";
import {
  Store,
  storeDefaults,
  type StoreOptions,
  type StoreRecovered,
} from "../../lib/store/store.ts";
import { readSnapshot } from "../../lib/store/snapshot.ts";
import { TreeLoader } from "../../lib/tree/loader.ts";
import type { Tree } from "../../lib/tree/tree.ts";
import { OpCode } from "../../lib/txn/opcodes.ts";
import { compareVersions, type JavaDist, type JavaServer, standalone } from "./java.ts";
import { SeededRandom, treeOptions, Workload, type WorkloadKinds } from "./store_kit.ts";
import { until } from "./until.ts";

const SUPER = "super:secret";
const DIGEST = createHash("sha1").update(SUPER).digest("base64");

/** Every node that a client can see: data, and the stat as its 68 bytes, both as text. */
export type Seen = Map<string, string>;

export const isSince = (dist: JavaDist, first: string): boolean =>
  compareVersions(dist.version, first) >= 0;

export async function startJava(
  dist: JavaDist,
  dir: string,
  jvmArgs: readonly string[] = [],
): Promise<JavaServer> {
  return await standalone(dist, {
    dir,
    jvmArgs: [
      `-Dzookeeper.DigestAuthenticationProvider.superDigest=super:${DIGEST}`,
      "-Dzookeeper.extendedTypesEnabled=true",
      ...jvmArgs,
    ],
    settings: { maxSessionTimeout: "600000" },
  });
}

export async function clientOf(server: JavaServer): Promise<ZkClient> {
  const client = new ZkClient(new HostNetwork(), new HostClock(), {
    servers: [{ host: server.clientHost, port: server.clientPort }],
    timeoutMs: 100_000,
  });
  await client.auth("digest", new TextEncoder().encode(SUPER));
  return client;
}

/** Walks the whole tree of a server. */
export async function seenBy(client: ZkClient): Promise<Seen> {
  const seen: Seen = new Map();
  const visit = async (path: string): Promise<void> => {
    const { data, stat } = await client.get(path);
    seen.set(path, line(data, stat));
    const names = await client.children(path);
    for (const name of names.sort()) await visit(path === "/" ? `/${name}` : `${path}/${name}`);
  };
  await visit("/");
  return seen;
}

function line(data: Uint8Array | null, stat: Stat): string {
  const out = new Output();
  writeStat(out, stat);
  return `${hex(out.view())} ${data === null ? "null" : hex(data)}`;
}

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** The same of a tree of ours. */
export function seenIn(tree: Tree): Seen {
  const seen: Seen = new Map();
  const visit = (path: string): void => {
    const node = tree.get(path);
    assert.ok(node !== undefined);
    const out = new Output();
    tree.writeStat(node, out);
    const data = tree.dataOf(node);
    seen.set(path, `${hex(out.view())} ${data === null ? "null" : hex(data)}`);
    const names: string[] = [];
    tree.forEachChild(node, (name) => void names.push(name));
    for (const name of names.sort()) visit(path === "/" ? `/${name}` : `${path}/${name}`);
  };
  visit("/");
  return seen;
}

export interface HostStore {
  readonly store: Store;
  readonly found: StoreRecovered;
  readonly notes: string[];
}

/** Our store on real files. */
export function openStore(dataDir: string, changes: Partial<StoreOptions> = {}): HostStore {
  const notes: string[] = [];
  const note = (level: string, _area: string, text: string) => void notes.push(`${level} ${text}`);
  const ports = { disk: new HostDisk(), clock: new HostClock(), random: new HostRandom(), note };
  const options = { ...storeDefaults, dataDir, dataLogDir: dataDir, ...changes };
  const store = new Store(ports, options);
  return { store, found: store.recover(treeOptions(note)), notes };
}

/** From which transaction on a recovery compares digests: before, the snapshot is a mixture. */
export function comparesFrom({ snapshot }: StoreRecovered): Zxid {
  assert.ok(snapshot !== null);
  const { digest } = readSnapshot(new HostDisk(), snapshot.path, new TreeLoader(treeOptions()));
  return digest !== null && digest.zxid > snapshot.zxid ? digest.zxid : snapshot.zxid;
}

export function closeStore(store: Store): Promise<void> {
  return new Promise((done, failed) =>
    store.close((fault) => fault === null ? done() : failed(fault))
  );
}

/**
 * Lets our store write a history with snapshots in between, into `dir/data` as a server would.
 * Returns the tree it leads to.
 */
export async function weWrite(
  dir: string,
  seed: number,
  count: number,
  kinds: WorkloadKinds,
  changes: Partial<StoreOptions> = {},
): Promise<Tree> {
  const dataDir = join(dir, "data");
  let { store, found } = openStore(dataDir, changes);
  const work = new Workload(seed, undefined, kinds);
  const random = new SeededRandom(seed);
  for (let made = 0; made < count;) {
    for (const txn of work.many(1 + random.below(20))) {
      store.append(txn);
      found.tree.apply(txn, false);
      made += 1;
    }
    store.commitTurn();
    if (random.below(4) === 0) await until(() => store.durable === store.appended);
    if (random.below(12) === 0) store.takeSnapshot(false, () => {});
    if (random.below(25) === 0) {
      await until(() => !store.isSnapshotting);
      await closeStore(store);
      ({ store, found } = openStore(dataDir, changes));
    }
  }
  await until(() => !store.isSnapshotting && store.durable === store.appended);
  await closeStore(store);
  return work.tree;
}

const USER: ACL[] = [{
  perms: 31,
  id: { scheme: "digest", id: "user:x1nq8J5GOJVPY6zgzhtTtA9izLc=" },
}];
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Has a Java server make one of everything it can make, several times over. */
export async function javaWrites(client: ZkClient, dist: JavaDist, round: number): Promise<void> {
  const top = `/round-${round}`;
  await client.create(top, bytes("top"));
  for (let i = 0; i < 30; i++) {
    await client.create(`${top}/n${i}`, i % 7 === 0 ? null : bytes(`é${i}`));
  }
  for (let i = 0; i < 20; i++) await client.set(`${top}/n${i}`, bytes(`changed ${i}`));
  for (let i = 25; i < 30; i++) await client.delete(`${top}/n${i}`);
  for (let i = 0; i < 5; i++) await client.create(`${top}/seq-`, bytes("s"), 2);
  for (let i = 0; i < 5; i++) await client.create(`${top}/e${i}`, bytes("ephemeral"), 1);
  await client.create(`${top}/secret`, bytes("hidden"), 0, USER);
  await client.ask(
    OpCode.setACL,
    top,
    (out) => writeSetACLRequest(out, { path: `${top}/n1`, acl: USER, version: -1 }),
  );
  await client.multi([
    part.create(`${top}/m`, bytes("multi")),
    part.set(`${top}/m`, bytes("again")),
    part.create(`${top}/m/child`, null),
    part.check(`${top}/n2`, 1),
    part.delete(`${top}/n3`),
  ]);
  await client.multi([part.create(`${top}/never`, null), part.check(`${top}/n2`, 77)])
    .catch((error: unknown) => assert.ok(error instanceof ZkError));
  await assert.rejects(client.set(`${top}/n4`, null, 99), ZkError);
  await assert.rejects(client.create(`${top}/n4`, null), ZkError);
  if (isSince(dist, "3.5.3")) {
    await client.ask(
      OpCode.createContainer,
      top,
      (out) => writeCreateRequest(out, { path: `${top}/box`, data: null, acl: USER, flags: 4 }),
    );
    await client.create(`${top}/box/inside`, null);
  }
  if (isSince(dist, "3.5.4")) {
    await client.ask(
      OpCode.createTTL,
      top,
      (out) =>
        writeCreateTTLRequest(out, {
          path: `${top}/ttl`,
          data: bytes("t"),
          acl: USER,
          flags: 5,
          ttl: 600_000n,
        }),
    );
  }
}
