// `zkpeer serve` as a supervisor sees it: signals, exit codes, what is said and where.

import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { ErrorCode } from "../lib/txn/opcodes.ts";
import { ZkError } from "../lib/client/client.ts";
import { until } from "./support/until.ts";
import { inPlace, runProgram, runZkpeer } from "./support/zkpeer_process.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("a server whose log nobody takes", () => {
  const places = [
    ["is on a full disk", () => "exec 2>/dev/full"],
    [
      "went to a reader that is gone",
      (dir: string) => `mkfifo ${dir}/log; (read line < ${dir}/log) & exec 2>${dir}/log`,
    ],
  ] as const;
  for (const [what, before] of places) {
    it(`serves all the same when it ${what}`, async () => {
      await inPlace({}, async (place) => {
        const server = place.start({ before: before(place.dir), args: ["--log-level", "debug"] });
        await server.waitServing();
        const client = await place.client();
        await client.create("/n");
        for (let i = 0; i < 3; i++) await place.client(); // each of them is worth a line
        await client.set("/n", bytes("x"));
        server.kill("SIGTERM");
        assert.deepEqual(await server.exited, { code: 143, signal: null });
      });
    });
  }
});

describe("a server that is asked to end", () => {
  for (const [signal, code] of [["SIGTERM", 143], ["SIGINT", 130], ["SIGHUP", 129]] as const) {
    it(`closes its clients, keeps what it has and exits with ${code} on ${signal}`, async () => {
      await inPlace({}, async (place) => {
        const server = place.start();
        await server.waitServing();
        const client = await place.client();
        await client.create("/kept", bytes("data"));
        // Somebody who connects, says nothing and does not listen either.
        const mute = connect({ port: place.port, host: "127.0.0.1", allowHalfOpen: true });
        await new Promise<void>((done) => mute.once("connect", () => done()));
        mute.pause();
        const begun = performance.now();
        server.kill(signal);
        assert.deepEqual(await server.exited, { code, signal: null });
        // Ten seconds is what a link lingers for, and what a silent one may last.
        assert.ok(performance.now() - begun < 9_000, "it does not wait for those who stay silent");
        mute.destroy();
        await until(() => !client.session.isUsable, "the client's link ends");
        assert.match(server.log(), new RegExp(`asked to end by ${signal}`));
        assert.match(server.log(), new RegExp(`Exiting with code ${code}`));
        const next = place.start();
        await next.waitServing();
        await client.connected();
        assert.equal(
          new TextDecoder().decode((await client.get("/kept")).data ?? bytes("")),
          "data",
        );
      });
    });
  }

  it("does so also when that comes before it has read its configuration", async () => {
    await inPlace({}, (place) => {
      const program = join(place.dir, "early.mts");
      const of = (file: string): string => JSON.stringify(join(root, "lib/cli", file));
      writeFileSync(
        program,
        `import { main } from ${of("main.ts")};\nimport { nodeIo } from ${of("io.ts")};\n` +
          `const io = nodeIo(AbortSignal.abort("SIGTERM"));\n` +
          `process.exitCode = await main(["serve", ${JSON.stringify(place.cfgFile)}], io);\n`,
      );
      const { code, stderr } = runProgram(program);
      assert.equal(code, 143, stderr);
      assert.match(stderr, /asked to end by SIGTERM/);
      assert.deepEqual(readdirSync(place.dataDir), []);
      return Promise.resolve();
    });
  });

  it("acknowledges no write that it does not have when it is back", async () => {
    await inPlace({}, async (place) => {
      const server = place.start();
      await server.waitServing();
      const client = await place.client();
      await client.create("/n");
      let acknowledged = 0;
      const write = (): void => {
        client.set("/n", bytes("x")).then(({ version }) => {
          acknowledged = version;
          write();
        }, (error: unknown) => {
          assert.ok(error instanceof ZkError && error.code === ErrorCode.CONNECTIONLOSS);
        });
      };
      for (let i = 0; i < 20; i++) write();
      await until(() => acknowledged > 100, "writes are under way");
      server.kill("SIGTERM");
      assert.equal((await server.exited).code, 143);
      const next = place.start();
      await next.waitServing();
      const version = (await (await place.client()).exists("/n"))?.version ?? -1;
      assert.ok(version >= acknowledged && version <= acknowledged + 20, `${version}`);
    });
  });
});

describe("a server that cannot start", () => {
  it("says that its port is in use and exits with 1, its files untouched", async () => {
    await inPlace({}, async (place) => {
      const other = createServer();
      await new Promise<void>((done) => other.listen(place.port, "127.0.0.1", () => done()));
      const { code, stderr } = runZkpeer("serve", place.cfgFile);
      other.close();
      assert.equal(code, 1, stderr);
      assert.match(stderr, /Address already in use/);
      assert.ok(stderr.includes(`127.0.0.1:${place.port}`), stderr);
      assert.match(stderr, /stop what holds the port, or set clientPort to another/);
      assert.deepEqual(readdirSync(place.dataDir), [], "they may be another server's");
    });
  });

  it("names line and key of a wrong setting and exits with 2", async () => {
    await inPlace({ tickTime: "soon" }, (place) => {
      const { code, stderr, stdout } = runZkpeer("serve", place.cfgFile);
      assert.equal(code, 2);
      assert.ok(stderr.includes(`${place.cfgFile}:1`), stderr);
      assert.match(stderr, /tickTime/);
      assert.match(stderr, /soon/);
      assert.equal(stdout, "");
      return Promise.resolve();
    });
  });

  it("exits with 2 when its configuration is not there, or its options are none", () => {
    const missing = runZkpeer("serve", "/nowhere/zoo.cfg");
    assert.equal(missing.code, 2);
    assert.match(missing.stderr, /\/nowhere\/zoo\.cfg/);
    const option = runZkpeer("serve", "--log-levle", "info");
    assert.equal(option.code, 2);
    assert.match(option.stderr, /did you mean --log-level/);
  });

  it("exits with 3 when its data directory cannot be one", async () => {
    await inPlace({}, (place) => {
      writeFileSync(join(place.dataDir, "version-2"), "a file where a folder must be");
      const { code, stderr } = runZkpeer("serve", place.cfgFile);
      assert.equal(code, 3, stderr);
      assert.ok(stderr.includes(join(place.dataDir, "version-2")), stderr);
      return Promise.resolve();
    });
    await inPlace({ "zookeeper.datadir.autocreate": "false" }, (place) => {
      const { code, stderr } = runZkpeer("serve", place.cfgFile);
      assert.equal(code, 3, stderr);
      assert.match(stderr, /Missing data directory/);
      assert.match(stderr, /zookeeper\.datadir\.autocreate=true/);
      assert.deepEqual(readdirSync(place.dataDir), []);
      return Promise.resolve();
    });
  });
});

describe("the command line", () => {
  it("prints help and versions to stdout with exit code 0", () => {
    const help = runZkpeer("serve", "--help");
    assert.equal(help.code, 0);
    assert.match(help.stdout, /zkpeer serve/);
    assert.match(help.stdout, /Exit codes: 0 asked to stop/);
    assert.equal(help.stderr, "");
    const version = runZkpeer("version");
    assert.equal(version.code, 0);
    assert.match(version.stdout, /^zkpeer \d+\.\d+\.\d+ \(ZooKeeper 3\.9\.\d+\)\n$/);
  });

  it("checks a configuration without starting or making anything", async () => {
    await inPlace({ snapCount: "5000" }, (place) => {
      const { code, stdout } = runZkpeer("serve", place.cfgFile, "--check-config");
      assert.equal(code, 0);
      assert.match(stdout, /snapCount=5000/);
      assert.deepEqual(readdirSync(place.dataDir), []);
      return Promise.resolve();
    });
  });
});

describe("the log of a server", () => {
  it("is one JSON object per line when asked for", async () => {
    await inPlace({ fooBar: "1" }, async (place) => {
      const server = place.start({ args: ["--log-format", "json"] });
      await server.waitServing();
      await server.stop();
      const lines = server.log().trim().split("\n").map((line) => JSON.parse(line));
      for (const line of lines) {
        assert.ok(!Number.isNaN(Date.parse(line.time)), JSON.stringify(line));
        assert.match(line.level, /^(error|warn|info|debug)$/);
        assert.equal(typeof line.area, "string");
        assert.equal(typeof line.text, "string");
      }
      const warnings = lines.filter(({ level }) => level === "warn");
      assert.ok(warnings.some(({ text }) => text.includes("fooBar")), JSON.stringify(warnings));
    });
  });

  it("has only the levels that were asked for, by area", async () => {
    await inPlace({}, async (place) => {
      const server = place.start({ args: ["--log-level", "error,store=info"] });
      await server.waitServing();
      await server.stop();
      const areas = server.log().trim().split("\n").map((line) => / \[(\w+)\] - /.exec(line)?.[1]);
      assert.ok(areas.length > 0);
      assert.deepEqual([...new Set(areas)], ["store"]);
    });
  });
});
