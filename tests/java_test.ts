// The harness that runs real servers for other tests: what it writes for each release, and, where
// there is a Java, that a server it starts serves, ends and tells how.

import { strict as assert } from "node:assert";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  commonCfg,
  compareVersions,
  fourLetter,
  freePorts,
  javaTools,
  javaUnavailable,
  javaVersions,
  prepare,
  runJava,
  standalone,
} from "./support/java.ts";
import { insist } from "./support/java_dist.ts";
import { ensemble } from "./support/java_ensemble.ts";

const scratch = () => mkdtempSync(join(tmpdir(), "zkpeer-java-"));
const newest = "3.9.5";

describe("harness for real servers", () => {
  for (
    const [what, codes, kept] of [
      ["at once", [0], null],
      ["at the third try", [1, 1, 0], null],
      ["never, and tells the last end", [1, 1, 7], 7],
    ] as const
  ) {
    it(`downloads what comes ${what}`, async () => {
      const ends = [...codes];
      const download = () => Promise.resolve({ code: ends.shift() ?? 99, output: "" });
      const ended = await insist("x", download, [0, 1]);
      assert.equal(ended?.code ?? null, kept);
      assert.deepEqual(ends, []);
    });
  }

  it("orders releases by number, not by text", () => {
    assert.deepEqual(["3.10.0", "3.4.14", "3.4.5", "3.9.5"].sort(compareVersions), [
      "3.4.5",
      "3.4.14",
      "3.9.5",
      "3.10.0",
    ]);
    assert.deepEqual([...javaVersions].sort(compareVersions), javaVersions);
  });

  it("writes only keys that a release knows, and lets a test override them", () => {
    const base = "tickTime=500\ninitLimit=10\nsyncLimit=6\n";
    const words = "4lw.commands.whitelist=*\n";
    assert.equal(commonCfg("3.3.6", {}), base);
    assert.equal(commonCfg("3.4.14", {}), base + words);
    assert.equal(commonCfg("3.9.5", {}), `${base}${words}admin.enableServer=false\n`);
    assert.match(commonCfg("3.3.6", { tickTime: "7" }), /^tickTime=7\n/);
  });

  it("finds ports that differ and can be bound", async () => {
    const ports = await freePorts(20);
    assert.equal(new Set(ports).size, 20);
    assert.ok(ports.every((port) => port > 0));
  });

  it("shows each member itself as it is and the others as the test wants them seen", async () => {
    const dir = scratch();
    const laidOut = await ensemble(
      [{ version: "external" }, { version: "external", sid: 7, observer: true }],
      {
        dir,
        start: false,
        view: (viewer, target) => ({ host: "proxy", quorumPort: viewer, electionPort: target }),
      },
    );
    const [one, seven] = laidOut.members;
    assert.ok(one && seven);
    assert.equal(
      laidOut.serverLines(1),
      `server.1=127.0.0.1:${one.quorumPort}:${one.electionPort}\nserver.7=proxy:1:7:observer\n`,
    );
    assert.match(laidOut.cfg(7), /^peerType=observer$/m);
    assert.doesNotMatch(laidOut.cfg(1), /peerType/);
    await assert.rejects(laidOut.start(1), /not ours to start/);
    rmSync(dir, { recursive: true });
  });

  it("runs a server that serves, answers a tool, and dies of the signal it is sent", {
    skip: javaUnavailable(newest) ?? false,
  }, async () => {
    const dir = scratch();
    const dist = await prepare(newest);
    const server = await standalone(dist, { dir });
    assert.match(await fourLetter(server.clientPort, "srvr"), /^Mode: standalone$/m);
    const at = `127.0.0.1:${server.clientPort}`;
    const said = await runJava(dist, javaTools.cli, ["-server", at, "ls", "/"]);
    assert.match(said.stdout, /^\[zookeeper\]$/m);
    assert.equal(server.exit(), null);
    server.kill("SIGKILL");
    assert.deepEqual(await server.exited, { code: null, signal: "SIGKILL" });
    assert.match(server.log(), /binding to port/);
    rmSync(dir, { recursive: true });
  });

  it("tells a server's last words when it cannot start", {
    skip: javaUnavailable(newest) ?? false,
  }, async () => {
    const dir = scratch();
    const dist = await prepare(newest);
    const started = standalone(dist, { dir, settings: { tickTime: "nonsense" } });
    await assert.rejects(started, /ended with 2:[^]*nonsense/);
    rmSync(dir, { recursive: true });
  });
});
