// Our command line as a process of its own: run to its end, or started with what a test wants to do
// to a server's surroundings. Servers that merely serve are in zkpeer.ts.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ZkClient } from "../../lib/client/client.ts";
import { HostClock } from "../../lib/host/clock.ts";
import { HostNetwork } from "../../lib/host/network.ts";
import { startChild } from "./child.ts";
import { asServer, freePorts, type TestServer } from "./java.ts";
import { standaloneCfg, zkpeerCommand } from "./zkpeer.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const HOST = "127.0.0.1";

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `zkpeer` with these words until it ends, at most three minutes. */
export const runZkpeer = (...args: readonly string[]): Ended =>
  runToEnd(...zkpeerCommand(), ...args);

/** Runs a program of TypeScript as `zkpeer` is run, at most three minutes. */
export function runProgram(file: string): Ended {
  // Deno looks for its configuration beside the program.
  const args = "Deno" in globalThis ? ["--config", join(root, "deno.json")] : [];
  return runToEnd(...zkpeerCommand(undefined, args).slice(0, -1), file);
}

function runToEnd(...words: readonly string[]): Ended {
  const [command = "", ...rest] = words;
  const { status, stdout, stderr } = spawnSync(command, rest, {
    cwd: root,
    encoding: "utf8",
    timeout: 180_000,
    env: { ...process.env, NO_COLOR: "1" },
  });
  return { code: status, stdout, stderr };
}

/** A standalone server whose life and surroundings are the test's. */
export interface Place {
  readonly dir: string;
  readonly dataDir: string;
  readonly port: number;
  readonly cfgFile: string;
  /** All that were started here. */
  readonly servers: readonly TestServer[];
  /** Starts a server here; `before` is a line of sh that comes before it. */
  start(options?: { before?: string; args?: readonly string[] }): TestServer;
  /** A client of whatever serves here. */
  client(): Promise<ZkClient>;
}

/** Calls `work` with a folder and a port, and clears up. */
export async function inPlace(
  settings: Readonly<Record<string, string>>,
  work: (place: Place) => Promise<void>,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "zkpeer-process-"));
  const [port = 0] = await freePorts(1, HOST);
  const dataDir = join(dir, "data");
  mkdirSync(dataDir);
  const cfgFile = join(dir, "zoo.cfg");
  writeFileSync(cfgFile, standaloneCfg({ dir, host: HOST, port }, settings));
  const servers: TestServer[] = [];
  const clients: ZkClient[] = [];
  const place: Place = {
    dir,
    dataDir,
    port,
    cfgFile,
    servers,
    start({ before = ":", args = [] } = {}) {
      const child = startChild(
        ["sh", "-c", `${before}; exec "$@"`, "sh", ...zkpeerCommand(), "serve", cfgFile, ...args],
        { logFile: join(dir, `server-${servers.length}.log`), cwd: root },
      );
      const server = asServer(child, { name: "zkpeer", dir, clientHost: HOST, clientPort: port });
      servers.push(server);
      return server;
    },
    async client() {
      const client = new ZkClient(new HostNetwork(), new HostClock(), {
        servers: [{ host: HOST, port }],
        retryMs: 20,
      });
      clients.push(client);
      await client.connected();
      return client;
    },
  };
  try {
    await work(place);
  } finally {
    for (const client of clients) client.abandon();
    for (const server of servers) await server.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}
