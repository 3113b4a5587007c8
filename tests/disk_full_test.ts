// A disk that is full, fails or holds the wrong things: the server stops acknowledging, says why and
// where, exits with a code of its own, and has lost nothing that it acknowledged.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { type ZkClient, ZkError } from "../lib/client/client.ts";
import { ErrorCode } from "../lib/txn/opcodes.ts";
import { http } from "./support/http.ts";
import { fourLetter, freePorts, type TestServer } from "./support/java.ts";
import { until } from "./support/until.ts";
import { inPlace, type Place } from "./support/zkpeer_process.ts";

/** Exit codes of operations.md 7. */
const UNEXPECTED = 1;
const DATA_DIR = 3;
const DISK = 10;

const PIECE = new Uint8Array(2000).fill(0x70);

/** Takes from a process of root what lets root ignore owners and rights. */
const UNPRIVILEGED = "setpriv --bounding-set -dac_override,-dac_read_search,-fowner --";

/** Why no small file system can be mounted here; false when one can. */
const noMount = mountProblem();

/** Creates nodes, several under way, until the server is gone; gives the names acknowledged. */
async function fill(client: ZkClient, prefix: string): Promise<string[]> {
  const acknowledged: string[] = [];
  let isOver = false;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (!isOver) {
      const path = `/${prefix}${next++}`;
      try {
        await client.create(path, PIECE);
        acknowledged.push(path);
      } catch (error) {
        if (!(error instanceof ZkError) || error.code !== ErrorCode.CONNECTIONLOSS) throw error;
        isOver = true;
      }
    }
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  return acknowledged;
}

async function hasAll(client: ZkClient, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    assert.deepEqual(Array.from((await client.get(path)).data ?? []), Array.from(PIECE), path);
  }
}

/** Fills a server's disk and gives what it acknowledged before it went. */
async function fillUp(place: Place, server: TestServer, prefix: string): Promise<string[]> {
  await server.waitServing();
  const acknowledged = await fill(await place.client(), prefix);
  await until(() => server.exit() !== null, "the server ends");
  assert.ok(acknowledged.length > 10, `${acknowledged.length} writes are too few to show it`);
  return acknowledged;
}

describe("a disk that is full", () => {
  it("ends the server with 10 at a file size limit, and nothing acknowledged is lost", async () => {
    await inPlace({ preAllocSize: "64" }, async (place) => {
      // 512-byte blocks. The shell ignores the signal that comes with the limit, as Node does itself.
      const server = place.start({ before: "trap '' XFSZ; ulimit -f 600" });
      const acknowledged = await fillUp(place, server, "a");
      assert.deepEqual(server.exit(), { code: DISK, signal: null }, server.log());
      assert.match(server.log(), /ERROR .*the file would be too large/);
      assert.match(server.log(), /raise the size limit/);
      assert.ok(server.log().includes(join(place.dataDir, "version-2", "log.1")), server.log());
      const next = place.start();
      await next.waitServing();
      const client = await place.client();
      await hasAll(client, acknowledged);
      await client.create("/goes-on");
    });
  });

  it("ends the server with 10 when no space is left; with space it starts again", {
    skip: noMount,
  }, async () => {
    const settings = { preAllocSize: "64", snapCount: "100000", diskReserveSize: "0" };
    await inPlace(settings, async (place) => {
      await onSmallDisk(place, "768k", async (resize) => {
        const acknowledged = await fillUp(place, place.start(), "a");
        const [first] = place.servers;
        assert.deepEqual(first.exit(), { code: DISK, signal: null }, first.log());
        assert.match(first.log(), /ERROR .*no space left/);
        assert.match(first.log(), /free space on this file system/);
        assert.ok(first.log().includes(join(place.dataDir, "version-2", "log.1")), first.log());
        // Still full: it says so instead of serving what it could not keep.
        const second = place.start();
        await until(() => second.exit() !== null, "the second start ends");
        assert.deepEqual(second.exit(), { code: DISK, signal: null }, second.log());
        assert.match(second.log(), /no space left/);
        resize("32m");
        const third = place.start();
        await third.waitServing();
        const client = await place.client();
        await hasAll(client, acknowledged);
        await client.create("/goes-on");
      });
    });
  });

  it("keeps a server serving that has room for its log, but for no snapshot", {
    skip: noMount,
  }, async () => {
    const settings = { preAllocSize: "64", snapCount: "100", diskReserveSize: "0" };
    await inPlace(settings, async (place) => {
      appendFileSync(place.cfgFile, `dataLogDir=${join(place.dir, "logs")}\n`);
      await onSmallDisk(place, "200k", async () => {
        const server = place.start();
        await server.waitServing();
        const client = await place.client();
        const acknowledged: string[] = [];
        const why = "a snapshot could not be written";
        while (!server.log().includes(why)) {
          const path = `/n${acknowledged.length}`;
          await client.create(path, PIECE);
          acknowledged.push(path);
          assert.ok(acknowledged.length < 2000, "the snapshots fit, though they cannot");
        }
        assert.match(server.log(), /ERROR .*a snapshot could not be written .*no space left/);
        await client.create("/goes-on", PIECE);
        const folder = readdirSync(join(place.dataDir, "version-2"));
        assert.deepEqual(folder.filter((name) => name.endsWith(".tmp")), []);
        server.kill("SIGKILL");
        await server.exited;
        // The log has it all: with room for a snapshot again, nothing is missed.
        mount("-o", "remount,size=32m", place.dataDir);
        await place.start().waitServing();
        await hasAll(client, [...acknowledged, "/goes-on"]);
      });
    });
  });
});

describe("a disk that is nearly full", () => {
  it("has writes that add data refused; reads, deletions and sessions go on", {
    skip: noMount,
  }, async () => {
    const [admin = 0] = await freePorts(1);
    const settings = {
      preAllocSize: "64",
      diskReserveSize: "4096",
      "admin.enableServer": "true",
      "admin.serverPort": String(admin),
      "admin.serverAddress": "127.0.0.1",
      "admin.rateLimiterIntervalInMS": "0",
    };
    await inPlace(settings, async (place) => {
      await onSmallDisk(place, "8m", async (resize) => {
        const server = place.start();
        await server.waitServing();
        const client = await place.client();
        const isRefused = (code: number) => code === ErrorCode.SYSTEMERROR;
        const acknowledged: string[] = [];
        const large = new Uint8Array(100_000).fill(0x70);
        for (let code = 0; !isRefused(code);) {
          const path = `/n${acknowledged.length}`;
          code = await client.create(path, large).then(() => 0, codeOf);
          if (code === 0) acknowledged.push(path);
          else assert.ok(isRefused(code), `error ${code}`);
          assert.ok(acknowledged.length < 80, "the disk should be full by now");
          await wait(code === 0 ? 50 : 0); // it is looked at once a second
        }
        assert.match(
          server.log(),
          /ERROR .*nearly full: writes that add data are refused free=\d+/,
        );
        assert.match(await fourLetter(place.port, "mntr"), /zk_disk_space_low\t1/);
        assert.equal(await client.set("/n0", large).then(() => 0, codeOf), ErrorCode.SYSTEMERROR);
        assert.equal((await client.get("/n0")).data?.length, large.length);
        await client.delete("/n0");
        await (await place.client()).get("/n1");
        const asked = await http({
          port: admin,
          path: "/commands/snapshot",
          headers: { authorization: "digest a:b" },
        });
        assert.equal(asked.status, 507);
        assert.match(asked.text, /no room for a snapshot .*free \d+ bytes/);
        assert.equal(server.exit(), null);
        resize("32m");
        await until(() => server.log().includes("room on the disk again"), "space is seen");
        await client.set("/n1", large);
        const names = readdirSync(join(place.dataDir, "version-2"));
        assert.deepEqual(names.filter((name) => name.endsWith(".tmp")), []);
      });
    });
  });
});

const codeOf = (error: unknown): number => {
  if (error instanceof ZkError) return error.code;
  throw error;
};

describe("a data directory", () => {
  it("of another user is refused with 3, and named", { skip: noOtherUser() }, async () => {
    await inPlace({}, async (place) => {
      const folder = join(place.dataDir, "version-2");
      mkdirSync(folder);
      chownSync(folder, 65_534, 65_534);
      chmodSync(folder, 0o755);
      // Root may do everything by its capabilities; without them it is a user like others.
      const server = place.start({ before: `set -- ${UNPRIVILEGED} "$@"` });
      assert.deepEqual(await server.exited, { code: DATA_DIR, signal: null }, server.log());
      assert.match(server.log(), /ERROR .*Cannot write to the data directory/);
      assert.ok(server.log().includes(folder), server.log());
      assert.match(server.log(), /check its owner/);
    });
  });

  it("that cannot even be looked into is refused with 3, and named", {
    skip: noOtherUser(),
  }, async () => {
    await inPlace({}, async (place) => {
      const folder = join(place.dataDir, "version-2");
      mkdirSync(folder);
      chownSync(folder, 65_534, 65_534);
      chmodSync(folder, 0o700);
      const server = place.start({ before: `set -- ${UNPRIVILEGED} "$@"` });
      assert.deepEqual(await server.exited, { code: DATA_DIR, signal: null }, server.log());
      assert.ok(server.log().includes(folder), server.log());
      assert.match(server.log(), /permission denied|check the owner/);
    });
  });

  it("that is read-only is refused with 3, and named", { skip: noMount }, async () => {
    await inPlace({}, async (place) => {
      await onSmallDisk(place, "1m", async (_resize, remount) => {
        mkdirSync(join(place.dataDir, "version-2"));
        remount("ro");
        const server = place.start();
        assert.deepEqual(await server.exited, { code: DATA_DIR, signal: null }, server.log());
        assert.match(server.log(), /Cannot write to the data directory/);
        assert.ok(server.log().includes(join(place.dataDir, "version-2")), server.log());
        assert.match(server.log(), /mounted for writing/);
      });
    });
  });

  it("that holds files of others is left as it is, and starts", async () => {
    await inPlace({}, async (place) => {
      const folder = join(place.dataDir, "version-2");
      mkdirSync(folder);
      const names = ["log.xyz", "snapshot.zz", "core", "lost+found", ".hidden", "log", "snapshot."];
      for (const name of names) writeFileSync(join(folder, name), "nothing of ours");
      const server = place.start();
      await server.waitServing();
      await (await place.client()).create("/n");
      await server.stop();
      for (const name of names) {
        assert.equal(readFileSync(join(folder, name), "utf8"), "nothing of ours");
      }
    });
  });

  it("with a log that is none is refused with 1, naming the file", async () => {
    await withHistory(async (place, log) => {
      writeFileSync(log, "this is a text and no transaction log, however long it may be");
      await refused(place, [log, "byte 0"]);
    });
  });

  it("with a damaged record in the middle is refused with 1, naming file and place", async () => {
    await withHistory(async (place, log) => {
      const middle = 4000;
      flip(log, middle);
      const text = await refused(place, [
        log,
        "the transaction log is damaged",
        "restore the file",
      ]);
      const at = Number(/log\.1, byte (\d+)/.exec(text)?.[1]);
      assert.ok(at <= middle && at > middle - 200, `byte ${at} is not the record around ${middle}`);
      assert.ok(text.includes(`truncate -s ${at}`), text);
      // What the message says can be done is done, and helps.
      truncateSync(log, at);
      const server = place.start();
      await server.waitServing();
    });
  });

  it("with no snapshot that can be read is refused with 1, naming one", async () => {
    await withHistory(async (place, _log, folder) => {
      const last = place.start();
      await last.waitServing();
      await until(() => last.log().includes("snapshot taken"), "a snapshot is taken");
      await last.stop();
      const names = readdirSync(folder).filter((name) => name.startsWith("snapshot."));
      for (const name of names) truncateSync(join(folder, name), 60);
      const newest = names.toSorted((a, b) => numberOf(a) - numberOf(b)).at(-1) ?? "";
      await refused(place, [join(folder, newest), "Not able to find valid snapshots", "restore"]);
    });
  });
});

const numberOf = (name: string): number => parseInt(name.split(".")[1], 16);

/** A folder whose log holds a few hundred transactions that no snapshot has. */
async function withHistory(
  work: (place: Place, log: string, folder: string) => Promise<void>,
): Promise<void> {
  await inPlace({ preAllocSize: "64" }, async (place) => {
    const server = place.start();
    await server.waitServing();
    const client = await place.client();
    await client.create("/n");
    for (let i = 0; i < 100; i++) await client.set("/n", new TextEncoder().encode(`value ${i}`));
    server.kill("SIGKILL");
    await server.exited;
    client.abandon();
    const folder = join(place.dataDir, "version-2");
    await work(place, join(folder, "log.1"), folder);
  });
}

async function refused(place: Place, words: readonly string[]): Promise<string> {
  const server = place.start();
  await until(() => server.exit() !== null, "the start is refused");
  const text = server.log();
  assert.deepEqual(server.exit(), { code: UNEXPECTED, signal: null }, text);
  const line = text.split("\n").find((line) => line.includes("ERROR")) ?? "";
  for (const word of words) assert.ok(line.includes(word), `${word} is not in: ${line}`);
  return line;
}

function flip(path: string, at: number): void {
  const byte = readFileSync(path)[at];
  writeSync(openSync(path, "r+"), Uint8Array.of(byte ^ 0x10), 0, 1, at);
}

/** Puts a file system of this size in the place of the data directory. */
async function onSmallDisk(
  place: Place,
  size: string,
  work: (resize: (size: string) => void, remount: (how: string) => void) => Promise<void>,
): Promise<void> {
  const { dataDir } = place;
  mount("-t", "tmpfs", "-o", `size=${size}`, "tmpfs", dataDir);
  try {
    await work(
      (size) => mount("-o", `remount,size=${size}`, dataDir),
      (how) => mount("-o", `remount,${how}`, dataDir),
    );
  } finally {
    for (const server of place.servers) await server.stop();
    const { status, stderr } = spawnSync("umount", [dataDir], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
  }
}

function mount(...args: string[]): void {
  const { status, stderr } = spawnSync("mount", args, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
}

function noOtherUser(): string | false {
  if (process.getuid?.() !== 0) return "giving a folder to another user needs root";
  const { status } = spawnSync("sh", ["-c", `${UNPRIVILEGED} true`]);
  return status === 0 ? false : "setpriv cannot take capabilities away here";
}

function mountProblem(): string | false {
  if (process.getuid?.() !== 0) return "mounting a small file system needs root";
  const { status, stderr } = spawnSync("unshare", ["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], {
    encoding: "utf8",
  });
  return status === 0 ? false : `no file system can be mounted: ${String(stderr).trim()}`;
}
