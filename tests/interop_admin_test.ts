// The AdminServer next to Java's: the same fields of each command in each role, and snapshots that
// either side takes and the other restores, alone and member by member in one ensemble.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { ZkClient, ZkError } from "../lib/client/client.ts";
import { HostClock } from "../lib/host/clock.ts";
import { HostDisk } from "../lib/host/disk.ts";
import { HostNetwork } from "../lib/host/network.ts";
import { readSnapshot } from "../lib/store/snapshot.ts";
import { TreeLoader } from "../lib/tree/loader.ts";
import { http, type HttpAnswer } from "./support/http.ts";
import { freePorts, javaUnavailable, prepare, standalone } from "./support/java.ts";
import type { TestServer } from "./support/java.ts";
import { Mixed, OURS } from "./support/mixed.ts";
import { standaloneZkpeer } from "./support/zkpeer.ts";

const JAVA = "3.9.5";
const skip = javaUnavailable(JAVA) ?? false;
const AUTH = { authorization: "digest a:b" };
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

const COMMANDS = [
  "configuration",
  "connection_stat_reset",
  "connections",
  "dirs",
  "dump",
  "get_trace_mask",
  "hash",
  "is_read_only",
  "last_snapshot",
  "leader",
  "observers",
  "observer_connection_stat_reset",
  "ruok",
  "server_stats",
  "set_trace_mask",
  "set_trace_mask?traceMask=306",
  "stats",
  "stat_reset",
  "voting_view",
  "watch_summary",
  "watches",
  "watches_by_path",
  "zabstate",
  "nope",
];

const settingsOf = (port: number): Record<string, string> => ({
  "admin.enableServer": "true",
  "admin.serverPort": String(port),
  "admin.serverAddress": "127.0.0.1",
  "admin.rateLimiterIntervalInMS": "0",
  extendedTypesEnabled: "true",
  // Nobody's role or session may end because the machine stands still for a while.
  initLimit: "40",
  syncLimit: "30",
  maxSessionTimeout: "120000",
});

const get = (port: number, command: string): Promise<HttpAnswer> =>
  http({ port, path: `/commands/${command}`, headers: AUTH });

const restore = (port: number, body: Uint8Array): Promise<HttpAnswer> =>
  http({ port, path: "/commands/restore", method: "POST", headers: AUTH, body });

const clientOf = ({ clientHost: host, clientPort: port }: TestServer): ZkClient =>
  new ZkClient(new HostNetwork(), new HostClock(), {
    servers: [{ host, port }],
    timeoutMs: 120_000, // what is restored ends with it, and must not while it is compared
  });

/** Fields that come from a Java object, whose order its runtime draws anew at each start. */
const DRAWN = /^(server_stats|client_response|client_response_stats|\w+_stats|\w+_address)$/;

/** Keys in their order and kinds of values; ids and times as keys are all one. */
function shapeOf(value: unknown, name = ""): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map((each) => shapeOf(each));
  if (typeof value !== "object" || value === null) return value === null ? "null" : typeof value;
  const rows = Object.entries(value);
  if (rows.some(([key]) => /^\d{4,}$/.test(key))) return { "some id or time": "[]" };
  const shapes = rows.map(([key, each]): [string, unknown] => [key, shapeOf(each, key)]);
  return DRAWN.test(name) ? shapes.sort(([a], [b]) => (a < b ? -1 : 1)) : shapes;
}

async function compare(java: number, ours: number, role: string): Promise<void> {
  for (const command of COMMANDS) {
    const theirs = await get(java, command);
    const answer = await get(ours, command);
    const what = `${command} as ${role}`;
    assert.equal(answer.status, theirs.status, what);
    assert.equal(answer.headers["content-type"], theirs.headers["content-type"], what);
    assert.deepEqual(shapeOf(JSON.parse(answer.text)), shapeOf(JSON.parse(theirs.text)), what);
    if (command === "last_snapshot" && role !== "observer") {
      // Java's observers have none on disk until they are asked for one.
      assert.doesNotMatch(answer.text, /: -1/, `${what} names a file`);
    }
    // The layout too, with numbers and texts taken out.
    const bare = (text: string): string[] =>
      [...new Set(text.replaceAll(/"[^"]*"|[\d.E-]+/g, "_").split("\n"))].sort();
    if (!DRAWN.test(command) && !/stats|dump/.test(command)) {
      assert.deepEqual(bare(answer.text), bare(theirs.text), what);
    }
  }
  const keys = async (port: number, command: string): Promise<string[]> =>
    Object.keys(JSON.parse((await get(port, command)).text));
  for (const command of ["monitor", "environment"]) {
    const own = new Set(await keys(ours, command));
    // Learners have no queue of packets here, and a membership is not counted as a write.
    const isOther = (key: string): boolean => /learner_handler_qp|zookeeper_\w+_name/.test(key);
    const missing = (await keys(java, command)).filter((key) => !own.has(key) && !isOther(key));
    assert.deepEqual(missing, [], `${command} as ${role} lacks what Java has`);
  }
}

/** A tree with one node of each kind, and enough txns for the history of digests. */
async function populate(client: ZkClient): Promise<void> {
  await client.create("/app", bytesOf("data"));
  await client.create("/app/locked", bytesOf("x"), 0, [
    { perms: 31, id: { scheme: "world", id: "anyone" } },
    { perms: 1, id: { scheme: "ip", id: "127.0.0.1" } },
  ]);
  await client.create("/container", null, 4);
  await client.create("/container/n-", bytesOf(""), 2);
  await client.create("/ephemeral", bytesOf("e"), 1);
  for (let i = 0; i < 130; i++) await client.create(`/app/${i}`, bytesOf(`value ${i}`));
  await client.exists("/app", true);
}

/**
 * The digest of what a snapshot holds. The one that is written in it is of the last txn that its
 * server applied, and Java has applied none after a restore.
 */
function digestIn(bytes: Uint8Array): bigint {
  const dir = mkdtempSync(join(tmpdir(), "zkpeer-digest-"));
  try {
    writeFileSync(join(dir, "snapshot.1"), bytes);
    const loader = new TreeLoader({
      digest: true,
      extendedTypes: true,
      emulate353Ttl: false,
      note: () => {},
    });
    readSnapshot(new HostDisk(), join(dir, "snapshot.1"), loader);
    return loader.finish().digest();
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

describe(`a server alone, and Java ${JAVA}`, { skip }, () => {
  const dir = mkdtempSync(join(tmpdir(), "zkpeer-admin-"));
  let ports: number[] = [];
  let java: TestServer;
  let ours: TestServer;
  const clients: ZkClient[] = [];

  before(async () => {
    ports = await freePorts(2);
    [java, ours] = await Promise.all([
      standalone(await prepare(JAVA), { dir: join(dir, "java"), settings: settingsOf(ports[0]) }),
      standaloneZkpeer({ dir: join(dir, "ours"), settings: settingsOf(ports[1]) }),
    ]);
    clients.push(clientOf(java), clientOf(ours));
    await Promise.all(clients.map(populate));
  });
  after(async () => {
    for (const client of clients) client.abandon();
    await Promise.all([java?.stop(), ours?.stop()]);
    rmSync(dir, { recursive: true, force: true });
  });

  it("have the same fields in each answer", async () => {
    await compare(ports[0], ports[1], "standalone");
  });

  it("refuse the same callers with the same words", async () => {
    const rows: (string | undefined)[] = [
      undefined,
      "digest",
      "digest a b",
      "nope a:b",
      "world x",
      "x509",
    ];
    for (const authorization of rows) {
      const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
      const [theirs, answer] = await Promise.all(
        ports.map((port) => http({ port, path: "/commands/snapshot", headers })),
      );
      assert.equal(answer.status, theirs.status, authorization);
      assert.equal(answer.text, theirs.text, authorization);
    }
  });

  it("restore each other's snapshots with equal digests, and go on", async () => {
    const [theirs, answer] = await Promise.all(ports.map((port) => get(port, "snapshot")));
    for (const each of [theirs, answer]) {
      assert.equal(each.status, 200);
      assert.match(String(each.headers.last_zxid), /^0x[0-9a-f]+$/);
      assert.equal(each.headers.snapshot_size, String(each.bytes.length));
    }
    const digests = [theirs, answer].map(({ bytes }) => digestIn(bytes));
    assert.notEqual(digests[0], digests[1], "times differ, and digests with them");
    for (const client of clients) await client.create("/gone", bytesOf("x"));
    const restored = await Promise.all([
      restore(ports[0], answer.bytes),
      restore(ports[1], theirs.bytes),
    ]);
    for (const each of restored) {
      assert.equal(each.status, 200, each.text);
      assert.match(each.text, /^\{\n {2}"last_zxid" : \d+,\n {2}"command" : "restore",/);
    }
    const now = await Promise.all(ports.map((port) => get(port, "snapshot")));
    assert.deepEqual(now.map(({ bytes }) => digestIn(bytes)), [digests[1], digests[0]]);
    for (const server of [java, ours]) {
      const client = clientOf(server);
      assert.equal(await client.exists("/gone"), null, server.name);
      assert.equal((await client.children("/app")).length, 131, server.name);
      await client.create("/app/after", bytesOf("x"));
      await client.close();
    }
  });
});

describe(`members of ensembles, and Java ${JAVA}'s`, { skip }, () => {
  it("have the same fields in each answer, as leader, follower and observer", async () => {
    const dir = mkdtempSync(join(tmpdir(), "zkpeer-admin-"));
    const ports = await freePorts(6);
    const sides: Mixed[] = [];
    const clients: ZkClient[] = [];
    try {
      for (const [side, version] of [JAVA, OURS].entries()) {
        const specs = [0, 1, 2].map((at) => ({
          version,
          observer: at === 2,
          settings: settingsOf(ports[3 * side + at]),
        }));
        const mixed = await Mixed.lay(specs, { dir: join(dir, String(side)) });
        sides.push(mixed);
        await mixed.start(1, 2, 3);
      }
      const roles: string[][] = [];
      for (const mixed of sides) {
        roles.push(await mixed.serving(1, 2, 3));
        clients.push(mixed.client(1));
        await populate(clients[clients.length - 1]);
        for (const sid of [1, 2, 3]) {
          const client = mixed.client(sid);
          clients.push(client);
          await client.create(`/level${sid}`); // behind its own write it sees all before
          await client.exists("/app", true);
        }
      }
      for (const role of ["leader", "follower", "observer"]) {
        const [java, ours] = roles.map((list, side) => ports[3 * side + list.indexOf(role)]);
        await compare(java, ours, role);
      }
    } finally {
      for (const client of clients) client.abandon();
      for (const mixed of sides) await mixed.stopAll();
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it("restored one by one hold one database, which a Java newcomer gets from us", async () => {
    await withRestored([JAVA, JAVA, OURS], async (mixed, ports) => {
      await mixed.stop(1);
      mixed.wipe(1);
      await mixed.start(1);
      await mixed.serving(1);
      await goOn(mixed, ports);
    });
  });

  it("restored one by one hold one database when a Java server leads ours", async () => {
    await withRestored([OURS, JAVA, JAVA], goOn);
  });
});

/** A mixed ensemble, the last of whose members leads, restored from a Java server's snapshot. */
async function withRestored(
  versions: readonly string[],
  work: (mixed: Mixed, ports: readonly number[]) => Promise<void>,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "zkpeer-admin-"));
  const ports = await freePorts(3);
  const specs = versions.map((version, at) => ({ version, settings: settingsOf(ports[at]) }));
  const mixed = await Mixed.lay(specs, { dir });
  const roles = ["follower", "follower", "leader"];
  try {
    await mixed.start(1, 3); // these two can only elect 3
    await mixed.serving(1, 3);
    await mixed.start(2);
    assert.deepEqual(await mixed.serving(1, 2, 3), roles);
    const writer = mixed.client(3);
    await populate(writer);
    await writer.close(); // with it goes its ephemeral, so that restored servers stay as they are
    await areLevel(ports);
    const { bytes } = await get(ports[1], "snapshot");
    const more = mixed.client(2);
    for (let i = 0; i < 20; i++) await more.create(`/later${i}`, bytesOf("x"));
    await more.close();
    await areLevel(ports); // or one would apply the last of them to what it was restored to
    for (const port of ports) {
      const answer = await restore(port, bytes);
      assert.equal(answer.status, 200, answer.text);
      // A Java leader that is restored goes back in its zxids: who is not level then never will be.
      await mixed.serving(1, 2, 3);
    }
    assert.deepEqual(await mixed.serving(1, 2, 3), roles, "nobody's role was lost for it");
    const digest = digestIn(bytes);
    assert.deepEqual(await digestsOf(ports), [digest, digest, digest]);
    await work(mixed, ports);
  } catch (error) {
    if (error instanceof ZkError) error.message += `\n${mixed.server(3).log().slice(-2000)}`;
    throw error;
  } finally {
    await mixed.stopAll();
    rmSync(dir, { recursive: true, force: true });
  }
}

const digestsOf = async (ports: readonly number[]): Promise<bigint[]> =>
  (await Promise.all(ports.map((port) => get(port, "snapshot")))).map(({ bytes }) =>
    digestIn(bytes)
  );

/** Waits until all members have applied the same. */
async function areLevel(ports: readonly number[]): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const texts = await Promise.all(ports.map(async (port) => (await get(port, "zabstate")).text));
    const zxids = texts.map((text) => /"last_zxid" : "(\w+)"/.exec(text)?.[1]);
    if (new Set(zxids).size === 1) return;
    assert.ok(performance.now() < deadline, `not level: ${zxids}`);
    await wait(50);
  }
}

/** Writes through each member; then all hold the same, and nothing of before the restore. */
async function goOn(mixed: Mixed, ports: readonly number[]): Promise<void> {
  for (const sid of [1, 2, 3]) {
    const client = mixed.client(sid);
    await client.create(`/by${sid}`, bytesOf("x"));
    assert.equal(await client.exists("/later0"), null, `server ${sid}`);
    await client.close();
  }
  await areLevel(ports);
  const [one, ...others] = await digestsOf(ports);
  assert.deepEqual(others, [one, one]);
}
