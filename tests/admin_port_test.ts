// The AdminServer over HTTP: snapshots that stream, databases restored while clients are at work, and
// what becomes of sessions, watches, zxids and files. Next to Java: interop_admin_test.ts.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import {
  type EmbeddedServer,
  type EmbedOptions,
  startEnsemble,
  startServer,
} from "../lib/cli/embed.ts";
import { connect, ZkError } from "../mod.ts";
import { snappyChunks, snappyHeader } from "../lib/store/snappy.ts";
import { ErrorCode } from "../lib/txn/opcodes.ts";
import { Summary } from "../lib/admin/metrics.ts";
import { HostClock } from "../lib/host/clock.ts";
import { HostDisk } from "../lib/host/disk.ts";
import { HostNetwork } from "../lib/host/network.ts";
import { HostRandom } from "../lib/host/random.ts";
import { defaultConfig } from "../lib/peer/config.ts";
import { Peer } from "../lib/peer/peer.ts";
import type { Http, HttpExchange } from "../lib/ports.ts";
import { http, type HttpAnswer } from "./support/http.ts";
import { until } from "./support/until.ts";
import { inPlace } from "./support/zkpeer_process.ts";

const ADMIN = [
  "admin.enableServer=true",
  "admin.serverPort=0",
  "admin.serverAddress=127.0.0.1",
  "admin.rateLimiterIntervalInMS=0",
  "snapCount=1000000",
];
const EPHEMERAL = 1;
const AUTH = { authorization: "digest a:b" };
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

class Place {
  readonly dir = mkdtempSync(join(tmpdir(), "zkpeer-admin-"));
  readonly notes: string[] = [];
  readonly servers: EmbeddedServer[] = [];

  async start(dataDir: string, options: EmbedOptions = {}): Promise<EmbeddedServer> {
    const server = await startServer({
      dataDir: join(this.dir, dataDir),
      settings: ADMIN,
      note: (_level, _area, text) => void this.notes.push(text),
      ...options,
    });
    this.servers.push(server);
    return server;
  }

  files(dataDir: string): string[] {
    return readdirSync(join(this.dir, dataDir, "version-2")).sort();
  }
}

async function inFolder(work: (place: Place) => Promise<void>): Promise<void> {
  const place = new Place();
  try {
    await work(place);
  } finally {
    for (const server of place.servers) await server.stop();
    rmSync(place.dir, { recursive: true, force: true });
  }
}

const ask = (server: EmbeddedServer, path: string, method = "GET"): Promise<HttpAnswer> =>
  http({ port: server.adminPort ?? 0, path: `/commands${path}`, method, headers: AUTH });

const restore = (server: EmbeddedServer, body: Uint8Array): Promise<HttpAnswer> =>
  http({
    port: server.adminPort ?? 0,
    path: "/commands/restore",
    method: "POST",
    headers: AUTH,
    body,
  });

const codeOf = (error: unknown): number => error instanceof ZkError ? error.code : -9999;
const digestOf = ({ peer }: EmbeddedServer): bigint | undefined => peer.tree?.digest();

/** Nodes `/n0` to `/n<count-1>` with data large enough for several slices of a snapshot. */
async function plant(server: EmbeddedServer, count: number): Promise<void> {
  const client = connect(server.connectString);
  const data = new Uint8Array(2000).fill(0x61);
  const writes = Array.from({ length: count }, (_, i) => client.create(`/n${i}`, data));
  await Promise.all(writes);
  await client.close();
}

describe("the AdminServer", () => {
  it("answers with Java's statuses and types, and keeps its connections", async () => {
    await inFolder(async (place) => {
      const server = await place.start("a");
      const rows: [string, string, number, string | undefined][] = [
        ["GET", "/ruok", 200, "application/json"],
        ["HEAD", "/ruok", 200, "application/json"],
        ["GET", "", 200, "text/html;charset=utf-8"],
        ["GET", "/nope", 200, "application/json"],
        ["OPTIONS", "/ruok", 200, undefined],
        ["POST", "/ruok", 405, "application/json"],
        ["PUT", "/ruok", 405, undefined],
        ["GET", "/restore", 405, "application/json"],
      ];
      for (const [method, path, status, type] of rows) {
        const answer = await ask(server, path, method);
        assert.equal(answer.status, status, `${method} ${path}`);
        if (type !== undefined) assert.equal(answer.headers["content-type"], type);
        assert.equal(answer.text === "", method === "HEAD" || method === "OPTIONS");
      }
      const port = server.adminPort ?? 0;
      assert.equal((await http({ port, path: "/" })).status, 404);
      assert.equal((await http({ port, path: "/commands/snapshot" })).status, 401);
    });
  });

  it("ends a server that stands alone with 4 when its port is taken", async () => {
    const holder = createServer();
    await new Promise<void>((done) => holder.listen(0, "127.0.0.1", done));
    const at = holder.address();
    assert.ok(at !== null && typeof at === "object");
    const settings = {
      "admin.enableServer": "true",
      "admin.serverAddress": "127.0.0.1",
      "admin.serverPort": String(at.port),
    };
    try {
      await inPlace(settings, async (place) => {
        const server = place.start();
        assert.deepEqual(await server.exited, { code: 4, signal: null }, server.log());
        assert.match(server.log(), /ERROR .*the AdminServer cannot listen/);
        assert.ok(server.log().includes(`127.0.0.1:${at.port}`), server.log());
        assert.match(server.log(), /admin\.enableServer=false/);
      });
    } finally {
      await new Promise((done) => holder.close(done));
    }
  });
});

describe("the AdminServer of a member", () => {
  it("is done without when its port is taken", async () => {
    const holder = createServer();
    await new Promise<void>((done) => holder.listen(0, "127.0.0.1", done));
    const at = holder.address();
    assert.ok(at !== null && typeof at === "object");
    const notes: string[] = [];
    const ensemble = await startEnsemble({
      members: 1,
      settings: [...ADMIN, `admin.serverPort=${at.port}`],
      note: (level, _area, text) => void (level === "warn" && notes.push(text)),
    });
    try {
      assert.equal(ensemble.members[0].adminPort, null);
      assert.ok(notes.some((text) => text.includes("the AdminServer cannot listen")), notes.join());
      await plant(ensemble.members[0], 1);
    } finally {
      await ensemble.stop();
      await new Promise((done) => holder.close(done));
    }
  });
});

describe("a snapshot", () => {
  it("streams the file it has written, while writes go on", async () => {
    await inFolder(async (place) => {
      const server = await place.start("a");
      await plant(server, 600);
      const client = connect(server.connectString);
      let isOver = false;
      const writing = (async () => {
        for (let i = 0; !isOver; i++) await client.set(`/n${i % 600}`, bytesOf(`${i}`));
      })();
      const answer = await ask(server, "/snapshot");
      isOver = true;
      await writing;
      assert.equal(answer.status, 200);
      assert.equal(answer.headers["content-type"], "application/octet-stream");
      const name = `snapshot.${String(answer.headers.last_zxid).slice(2)}`;
      const file = readFileSync(join(place.dir, "a", "version-2", name));
      assert.deepEqual(answer.bytes, new Uint8Array(file));
      assert.equal(answer.headers.snapshot_size, String(file.length));
      const written = await ask(server, "/snapshot?streaming=false");
      assert.match(written.text, /"command" : "snapshot",\n {2}"error" : null/);
      const last = `snapshot.${String(written.headers.last_zxid).slice(2)}`;
      assert.ok(place.files("a").includes(last), last);
      await client.close();
    });
  });
});

describe("a snapshot that nobody waits for any more", () => {
  /** One request; what is written to it is counted, and taken at once. */
  const asking = () => {
    const exchange: HttpExchange & { pieces: number; hasEnded: boolean } = {
      method: "GET",
      target: "/commands/snapshot",
      headers: new Map(Object.entries(AUTH)),
      remote: { host: "127.0.0.1", port: 1 },
      onDrained: () => {},
      onGone: () => {},
      pieces: 0,
      hasEnded: false,
      receive() {},
      hold() {},
      answer() {},
      write: () => ++exchange.pieces > 0,
      end: () => void (exchange.hasEnded = true),
      destroy() {},
    };
    return exchange;
  };

  it("is not read from disk for them", async () => {
    const dir = mkdtempSync(join(tmpdir(), "zkpeer-admin-"));
    let asked: (exchange: HttpExchange) => void = () => {};
    const http: Http = {
      listen(_at, hear) {
        asked = hear;
        return { close() {} };
      },
    };
    const ports = { network: new HostNetwork(), disk: new HostDisk(), random: new HostRandom() };
    const peer = new Peer(
      defaultConfig({ clientPort: 0, dataDir: dir, overrides: ADMIN }),
      { ...ports, http, newClock: () => new HostClock(), note: () => {} },
      { failed: (fault) => assert.fail(fault.message) },
    );
    try {
      peer.start();
      await until(() => peer.store.lastSnapshot !== null, "the snapshot of the start");
      const [gone, patient] = [asking(), asking()];
      asked(gone);
      gone.onGone();
      const taken = peer.operator.meters.tally("snapshottime");
      assert.ok(taken instanceof Summary);
      await until(() => taken.count === 2, "the snapshot is taken all the same");
      asked(patient);
      await until(() => patient.hasEnded, "the next one is answered");
      assert.deepEqual([gone.pieces, patient.pieces], [0, 1]);
    } finally {
      await new Promise<void>((done) => peer.stop(done));
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

describe("a restore", () => {
  it("replaces the database for good: digests, sessions, zxids, files, after a restart too", async () => {
    await inFolder(async (place) => {
      const from = await place.start("from");
      await plant(from, 300);
      const owner = connect(from.connectString);
      await owner.create("/eph", bytesOf("e"), EPHEMERAL);
      const snapshot = (await ask(from, "/snapshot")).bytes;
      const digest = digestOf(from);
      const to = await place.start("to");
      await plant(to, 20);
      const client = connect(to.connectString);
      await client.create("/gone", bytesOf("x"));
      const before = to.peer.tree?.lastZxid ?? 0n;
      const answer = await restore(to, snapshot);
      assert.equal(answer.status, 200, answer.text);
      const lastZxid = BigInt(/"last_zxid" : (\d+)/.exec(answer.text)?.[1] ?? 0);
      const taken = from.peer.tree?.lastZxid ?? 0n;
      assert.equal(lastZxid, taken > before ? taken : before);
      assert.equal(digestOf(to), digest);
      // The client's session is none of the restored ones; its library says so and asks for another.
      const later = connect(to.connectString);
      assert.equal(await later.exists("/gone"), null);
      assert.equal((await later.get("/n299")).data?.length, 2000);
      assert.notEqual(await later.exists("/eph"), null);
      const { mzxid } = await later.set("/n0", bytesOf("later"));
      assert.ok(mzxid > lastZxid, `${mzxid} after ${lastZxid}`);
      await later.close();
      assert.deepEqual(
        place.files("to").filter((name) => !name.startsWith("before-restore-")),
        [`log.${(lastZxid + 1n).toString(16)}`, `snapshot.${lastZxid.toString(16)}`],
      );
      assert.ok(place.files("to").some((name) => /^before-restore-\w+\.log\.1$/.test(name)));
      const atEnd = digestOf(to);
      await to.stop();
      const again = await place.start("to");
      assert.equal(digestOf(again), atEnd);
      client.abandon();
      await owner.close();
    });
  });

  it("keeps the sessions that are in it, and their watches hear what has changed", async () => {
    await inFolder(async (place) => {
      const server = await place.start("a");
      await plant(server, 3);
      const events: string[] = [];
      const client = connect(server.connectString, {
        onEvent: ({ type, path }) => void events.push(`${type} ${path}`),
      });
      await client.create("/mine", bytesOf("1"), EPHEMERAL);
      const snapshot = (await ask(server, "/snapshot")).bytes;
      await client.create("/made-later", bytesOf("2"));
      await client.exists("/made-later", true);
      await client.exists("/n1", true);
      const id = client.session.id;
      assert.equal((await restore(server, snapshot)).status, 200);
      await until(() => events.length > 0, "the client hears");
      assert.deepEqual(events, ["2 /made-later"]);
      assert.equal(client.session.id, id);
      assert.notEqual(await client.exists("/mine"), null);
      await client.set("/n1", bytesOf("new"));
      await until(() => events.length > 1, "the watch was armed again");
      assert.deepEqual(events, ["2 /made-later", "3 /n1"]);
      await client.close();
    });
  });

  it("takes packed snapshots, and restores twice", async () => {
    await inFolder(async (place) => {
      const server = await place.start("a");
      await plant(server, 100);
      const { bytes } = await ask(server, "/snapshot");
      const digest = digestOf(server);
      const snappy = Buffer.concat([snappyHeader(), snappyChunks(bytes)]);
      for (const packed of [gzipSync(bytes), snappy]) {
        const client = connect(server.connectString);
        await client.delete("/n7").catch(() => {});
        await client.close();
        assert.notEqual(digestOf(server), digest);
        const answer = await restore(server, new Uint8Array(packed));
        assert.equal(answer.status, 200, answer.text);
        assert.equal(digestOf(server), digest);
      }
    });
  });

  it("of what is no whole snapshot is refused with 400, and nothing is touched", async () => {
    await inFolder(async (place) => {
      const server = await place.start("a");
      await plant(server, 50);
      const { bytes } = await ask(server, "/snapshot");
      const damaged = bytes.slice();
      damaged[5000] ^= 1;
      const digest = digestOf(server);
      const files = place.files("a");
      const client = connect(server.connectString);
      await client.connected();
      const bad: [string, Uint8Array, RegExp][] = [
        ["nothing", new Uint8Array(0), /must be a snapshot/],
        ["a few bytes", bytes.slice(0, 5), /no snapshot is as short/],
        ["a text", bytesOf("this is no snapshot at all"), /no header of a snapshot/],
        ["a damaged one", damaged, /checksum differs|cannot be read/],
        ["one with more behind it", new Uint8Array([...bytes, 1]), /unknown bytes/],
        ...[20, 100, 3000, bytes.length - 40, bytes.length - 1].map(
          (
            end,
          ): [string, Uint8Array, RegExp] => [`the first ${end} bytes`, bytes.slice(0, end), /./],
        ),
      ];
      for (const [what, body, why] of bad) {
        const answer = await restore(server, body);
        assert.equal(answer.status, 400, `${what}: ${answer.text}`);
        assert.match(answer.text, why, what);
        await until(() => place.files("a").length === files.length, "nothing is left behind");
        assert.equal(digestOf(server), digest);
      }
      assert.notEqual(await client.exists("/n49"), null);
      assert.equal(client.session.state, "connected");
      await client.close();
    });
  });

  it("that breaks off leaves nothing, and a second one at the same time is refused", async () => {
    await inFolder(async (place) => {
      const server = await place.start("a");
      await plant(server, 50);
      const { bytes } = await ask(server, "/snapshot");
      const files = place.files("a");
      const slow = request({
        host: "127.0.0.1",
        port: server.adminPort ?? 0,
        path: "/commands/restore",
        method: "POST",
        headers: { ...AUTH, "content-length": String(bytes.length) },
      });
      slow.on("error", () => {}); // it is broken off below
      slow.write(bytes.slice(0, 10_000));
      await until(() => place.files("a").includes("restore-upload"), "the upload begins");
      assert.equal((await restore(server, bytes)).status, 409);
      slow.destroy();
      await until(() => place.files("a").length === files.length, "the upload is gone");
      assert.equal((await restore(server, bytes)).status, 200);
    });
  });

  it("under load breaks links, and nothing of before or of the pipeline is left", async () => {
    await inFolder(async (place) => {
      const server = await place.start("a");
      await plant(server, 200);
      const { bytes } = await ask(server, "/snapshot");
      const client = connect(server.connectString);
      let isOver = false;
      let made = 0;
      const lanes = [0, 1, 2, 3].map(async (lane) => {
        for (let i = 0; !isOver; i++) {
          const code = await client.create(`/w${lane}-${i}`, bytesOf("x")).then(() => 0, codeOf);
          if (code === 0) made += 1;
          else assert.equal(code, ErrorCode.CONNECTIONLOSS);
          if (code !== 0) return;
        }
      });
      await until(() => made > 50, "writes are under way");
      assert.equal((await restore(server, bytes)).status, 200);
      isOver = true;
      await Promise.all(lanes);
      client.abandon();
      const reader = connect(server.connectString);
      assert.equal((await reader.children("/")).filter((name) => name.startsWith("w")).length, 0);
      const atEnd = digestOf(server);
      await reader.close();
      await server.stop();
      assert.equal(digestOf(await place.start("a")), atEnd);
    });
  });
});

describe("an ensemble", () => {
  it("restored member by member goes on with the one database", async () => {
    const dir = mkdtempSync(join(tmpdir(), "zkpeer-admin-"));
    const ensemble = await startEnsemble({ dataDir: dir, settings: ADMIN });
    try {
      const [first, ...others] = ensemble.members;
      await plant(first, 100);
      await until(() => others.every((m) => digestOf(m) === digestOf(first)), "all are level");
      const { bytes } = await ask(first, "/snapshot");
      const digest = digestOf(first);
      await plantMore(ensemble.connectString);
      await until(() => others.every((m) => digestOf(m) === digestOf(first)), "all have it");
      for (const member of ensemble.members) {
        await until(() => member.peer.server !== null, "the member serves");
        const answer = await restore(member, bytes);
        assert.equal(answer.status, 200, answer.text);
      }
      await until(
        () => ensemble.members.every(({ peer }) => peer.server !== null),
        "all serve again",
      );
      for (const member of ensemble.members) assert.equal(digestOf(member), digest);
      const client = connect(ensemble.connectString);
      await client.create("/afterwards", bytesOf("x"));
      assert.equal(await client.exists("/more0"), null);
      await client.close();
      await until(
        () => ensemble.members.every((m) => digestOf(m) === digestOf(first)),
        "all are level again",
      );
      const times = await Promise.all(ensemble.members.map(async (member) => {
        const { text } = await ask(member, "/monitor");
        return Number(/"cnt_unavailable_time" : (\d+)/.exec(text)?.[1]);
      }));
      assert.deepEqual(times.toSorted(), [1, 2, 2], "the followers' roles ended, the leader's not");
      const zab = await ask(first, "/zabstate");
      assert.match(zab.text, /"zabstate" : "broadcast"/);
    } finally {
      await ensemble.stop();
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

async function plantMore(connectString: string): Promise<void> {
  const client = connect(connectString);
  for (let i = 0; i < 10; i++) await client.create(`/more${i}`, bytesOf("x"));
  await client.close();
}

describe("shed_connections", () => {
  it("closes the share that is asked for, and refuses what is no share", async () => {
    await inFolder(async (place) => {
      const server = await place.start("a");
      const clients = Array.from({ length: 5 }, () => connect(server.connectString));
      await Promise.all(clients.map((client) => client.connected()));
      const shed = (text: string): Promise<HttpAnswer> =>
        http({
          port: server.adminPort ?? 0,
          path: "/commands/shed_connections",
          method: "POST",
          headers: AUTH,
          body: bytesOf(text),
        });
      for (const text of ["", "{}", "[1]", '{"percentage": 101}', '{"percentage": -1}']) {
        assert.equal((await shed(text)).status, 400, text);
      }
      assert.match((await shed('{"percentage": 0}')).text, /"connections_shed" : 0,/);
      const all = await shed('{"percentage": 100}');
      assert.match(all.text, /"connections_shed" : 5,\n {2}"percentage_requested" : 100,/);
      // Their sessions are not closed: each comes back, on another connection.
      for (const client of clients) await client.exists("/").catch(() => client.exists("/"));
      for (const client of clients) await client.close();
    });
  });
});
