// A server and an ensemble inside the test's own process, as mod.ts offers them.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { connect, type EmbeddedServer, startEnsemble, startServer, ZkError } from "../mod.ts";
import { until } from "./support/until.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

it("an embedded server keeps its data from one start to the next", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "zkpeer-embed-"));
  try {
    const first = await startServer({ dataDir });
    const zk = connect(first.connectString);
    await zk.create("/kept", bytes("yes"));
    await zk.close();
    await first.stop();
    const second = await startServer({ dataDir });
    const again = connect(second.connectString);
    assert.deepEqual((await again.get("/kept")).data, bytes("yes"));
    await again.close();
    await second.stop();
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});

it("a program has what the README imports, under the name that it has there", () => {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const [line] = /^import \{.*\} from "zkpeer.*";$/m.exec(readme) ?? assert.fail("no import");
  const place = mkdtempSync(join(tmpdir(), "zkpeer-embed-"));
  try {
    mkdirSync(join(place, "node_modules"));
    symlinkSync(root, join(place, "node_modules", "zkpeer"));
    const program =
      `${line}\nconsole.log(typeof startServer, typeof startEnsemble, typeof connect);`;
    writeFileSync(join(place, "program.mts"), program);
    const tsx = join(root, "node_modules", ".bin", "tsx");
    const said = execFileSync(tsx, ["program.mts"], { cwd: place, encoding: "utf8" });
    assert.equal(said, "function function function\n");
  } finally {
    rmSync(place, { recursive: true });
  }
});

it("an embedded server removes its temporary folder when it stops", async () => {
  const server: EmbeddedServer = await startServer();
  const folder = server.peer.config.dataDir;
  assert.equal(existsSync(folder), true);
  const stopping = server.stop();
  await server.stop();
  assert.equal(existsSync(folder), false);
  await stopping;
});

it("a temporary folder goes with what is still being written into it", async () => {
  const server = await startServer();
  const folder = server.peer.config.dataDir;
  const loop = 'i=0; while [ $i -lt 2000 ] && : > "$0/$i"; do i=$((i+1)); done';
  const writer = spawn("sh", ["-c", loop, folder], { stdio: "ignore" });
  const over = new Promise((done) => writer.on("exit", done));
  await until(() => existsSync(join(folder, "0")), "the writer's first file");
  await server.stop();
  assert.equal(existsSync(folder), false);
  await over;
});

it("a start that cannot be says why", async () => {
  const holder = await startServer();
  await assert.rejects(startServer({ clientPort: holder.port }), /in use/);
  await assert.rejects(startServer({ settings: ["tickTime=soon"] }), /tickTime/);
  await holder.stop();
});

it("a start that cannot be leaves no folder behind", async () => {
  const before = process.env.TMPDIR;
  const place = mkdtempSync(join(tmpdir(), "zkpeer-embed-"));
  process.env.TMPDIR = place;
  try {
    const settings = ["tickTime=soon"];
    await assert.rejects(startServer({ settings }), /tickTime/);
    await assert.rejects(startEnsemble({ settings }), /tickTime/);
    assert.deepEqual(readdirSync(place), []);
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    rmSync(place, { recursive: true });
  }
});

it("a start that cannot be leaves nobody listening", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "zkpeer-embed-"));
  try {
    const free = await startServer();
    await free.stop();
    mkdirSync(join(dataDir, "s1", "version-2"), { recursive: true });
    writeFileSync(join(dataDir, "s1", "version-2", "acceptedEpoch"), "rubbish");
    const settings = [`clientPort=${free.port}`];
    await assert.rejects(startEnsemble({ members: 1, dataDir, settings }), /no epoch/);
    const next = await startServer({ clientPort: free.port });
    await next.stop();
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});

it("no member of an ensemble starts when one of them cannot", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "zkpeer-embed-"));
  try {
    writeFileSync(join(dataDir, "s2"), "");
    await assert.rejects(startEnsemble({ members: 2, dataDir }), /s2/);
    assert.deepEqual(readdirSync(join(dataDir, "s1")), []);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});

it("an ensemble of no members is none", async () => {
  for (const members of [0, -1, 1.5, NaN]) {
    await assert.rejects(startEnsemble({ members }), { name: "TypeError", message: /members/ });
  }
});

it("an ensemble that will never have a quorum says which member cannot start", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "zkpeer-embed-"));
  try {
    mkdirSync(join(dataDir, "s2", "version-2"), { recursive: true });
    writeFileSync(join(dataDir, "s2", "version-2", "acceptedEpoch"), "rubbish");
    await assert.rejects(startEnsemble({ members: 2, dataDir }), /s2.*acceptedEpoch/);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});

const hasIpv6 = Object.values(networkInterfaces()).flat().some((each) => each?.address === "::1");

it("an IPv6 address is in the connect string, or named where there is none", async () => {
  if (!hasIpv6) return await assert.rejects(startServer({ host: "::1" }), /::1/);
  const ensemble = await startEnsemble({ host: "::1", members: 1 });
  const alone = await startServer({ host: "::1" });
  for (const { connectString } of [ensemble, alone]) {
    const zk = connect(connectString);
    assert.equal(await zk.create("/a", bytes("")), "/a");
    await zk.close();
  }
  await alone.stop();
  await ensemble.stop();
});

it("a server that stands alone has no local sessions, whatever its file says", async () => {
  const notes: string[] = [];
  const server = await startServer({
    settings: ["localSessionsEnabled=true"],
    note: (_level, _area, text) => void notes.push(text),
  });
  const zk = connect(server.connectString);
  assert.equal(await zk.create("/e", bytes(""), 1), "/e");
  assert.match(notes.join(), /localSessionsEnabled has no effect/);
  await zk.close();
  await server.stop();
});

it("an embedded ensemble elects, replicates and survives its leader", async () => {
  const ensemble = await startEnsemble({ members: 3 });
  try {
    const zk = connect(ensemble.connectString);
    await zk.create("/a", bytes("1"));
    const leader = ensemble.members.find((m) => m.peer.ensemble?.roleName === "leading");
    assert.ok(leader !== undefined);
    await leader.stop();
    let stat = null;
    const deadline = performance.now() + 120_000;
    while (stat === null && performance.now() < deadline) {
      stat = await zk.set("/a", bytes("2")).catch((error: unknown) => {
        // Whatever was under way when the leader went is lost, and says so.
        assert.ok(error instanceof ZkError, String(error));
        return null;
      });
    }
    assert.ok(stat !== null, "no write in time after the leader's end");
    for (const member of ensemble.members.filter((m) => m !== leader)) {
      const reader = connect(member.connectString);
      await reader.sync();
      assert.deepEqual((await reader.get("/a")).data, bytes("2"));
      await reader.close();
    }
    await zk.close();
  } finally {
    await ensemble.stop();
  }
});

it("what is configured and not built yet is refused, never left out in silence", async () => {
  const rows = [
    ["sslQuorum=true", /no TLS between members/],
    ["client.portUnification=true", /no TLS for clients/],
    ["sessionRequireClientSASLAuth=true", /no SASL for clients/],
  ] as const;
  for (const [setting, says] of rows) {
    await assert.rejects(startServer({ settings: [setting] }), says, setting);
  }
});
