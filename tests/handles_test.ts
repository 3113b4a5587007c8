// Strangers may take every handle that the system gives our process: the log goes on all the same.

import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import net from "node:net";
import { it } from "node:test";
import { until } from "./support/until.ts";
import { inPlace } from "./support/zkpeer_process.ts";

const HANDLES = 120;
const STRANGERS = 200;
const WRITES = 100;

const skip = existsSync("/proc/self/fd") ? false : "nobody tells how many handles a process has";

it("a server whose handles strangers have taken writes logs and snapshots", { skip }, async () => {
  // Long sessions: who loses its connection now finds no other.
  const settings = { snapCount: "10", maxClientCnxns: "0", tickTime: "5000" };
  await inPlace(settings, async (place) => {
    const server = place.start({ before: `ulimit -n ${HANDLES}` });
    await server.waitServing();
    const client = await place.client();
    await client.create("/counted");
    const strangers = Array.from({ length: STRANGERS }, () => {
      const stranger = net.connect(server.clientPort, server.clientHost);
      stranger.on("error", () => {}); // those that found no room
      return stranger;
    });
    try {
      const handles = `/proc/${server.pid}/fd`;
      // The last one or two are the runtime's own, for a moment each.
      await until(() => readdirSync(handles).length >= HANDLES - 2, "all handles are taken");
      for (let i = 1; i <= WRITES; i++) {
        const { version } = await client.set("/counted", new Uint8Array(i)).catch((error) =>
          assert.fail(`write ${i}: ${error}\n${server.log()}`)
        );
        assert.equal(version, i);
      }
      const names = readdirSync(`${place.dataDir}/version-2`);
      assert.ok(names.filter((name) => name.startsWith("log.")).length > 5, names.join(" "));
      assert.ok(names.filter((name) => name.startsWith("snapshot.")).length > 5, names.join(" "));
      assert.doesNotMatch(server.log(), /ERROR/);
    } finally {
      for (const stranger of strangers) stranger.destroy();
    }
  });
});
