// The two servers that are compared, each as its makers would run it: Java's with the whole compiler
// and its own choice of collector, ours on one of its runtimes. Settings are the same for both.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startChild } from "../../tests/support/child.ts";
import { asServer, freePorts, type TestServer } from "../../tests/support/java.ts";
import type { JavaDist } from "../../tests/support/java_dist.ts";
import { type Runtime, startZkpeer } from "../../tests/support/zkpeer.ts";
import { LoadConnection, type Target } from "./load.ts";

const HOST = "127.0.0.1";

/** How to start one of the two on a folder of its own. */
export interface Contender {
  readonly name: "java" | "zkpeer";
  readonly label: string;
  start(dir: string, settings?: Readonly<Record<string, string>>): Promise<Running>;
}

export interface Running {
  readonly server: TestServer;
  readonly target: Target;
  readonly dataDir: string;
  /** From the start of the process to the answer to its first session, in milliseconds. */
  readonly startMs: number;
}

export function javaContender(dist: JavaDist, jvmArgs: readonly string[]): Contender {
  return {
    name: "java",
    label: `Java ${dist.version} ${jvmArgs.join(" ")}`,
    start: (dir, settings) =>
      started(dir, settings, ({ cfg, port }) => {
        const cfgFile = join(dir, "zoo.cfg");
        writeFileSync(cfgFile, cfg);
        const child = startChild([
          "java",
          ...jvmArgs,
          "-Dzookeeper.jmx.log4j.disable=true",
          "-cp",
          dist.classpath,
          "org.apache.zookeeper.server.quorum.QuorumPeerMain",
          cfgFile,
        ], { logFile: join(dir, "server.log") });
        return asServer(child, { name: "java", dir, clientHost: HOST, clientPort: port });
      }),
  };
}

export function ownContender(runtime: Runtime, runtimeArgs: readonly string[]): Contender {
  return {
    name: "zkpeer",
    label: `zkpeer on ${runtime === "node" ? "node with tsx" : "deno"} ${runtimeArgs.join(" ")}`,
    start: (dir, settings) =>
      started(
        dir,
        settings,
        ({ cfg, port }) =>
          startZkpeer({ dir, cfg, clientHost: HOST, clientPort: port, runtime, runtimeArgs }),
      ),
  };
}

async function started(
  dir: string,
  settings: Readonly<Record<string, string>> | undefined,
  start: (at: { cfg: string; port: number }) => TestServer,
): Promise<Running> {
  const [port = 0] = await freePorts(1, HOST);
  const dataDir = join(dir, "data");
  mkdirSync(dataDir, { recursive: true });
  const all = {
    tickTime: "2000",
    maxSessionTimeout: "600000",
    dataDir,
    clientPort: String(port),
    clientPortAddress: HOST,
    maxClientCnxns: "0",
    "4lw.commands.whitelist": "*",
    "admin.enableServer": "false",
    ...settings,
  };
  const cfg = Object.entries(all).map(([key, value]) => `${key}=${value}\n`).join("");
  const begun = performance.now();
  const server = start({ cfg, port });
  const target = { host: HOST, port };
  try {
    const client = await firstSession(server, target);
    const startMs = performance.now() - begun;
    await client.close();
    return { server, target, dataDir, startMs };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/**
 * Dials every few milliseconds until somebody answers. Earlier dials are not given up: a Java
 * server that accepts a connection while it starts may never answer it; a slow one answers late.
 */
function firstSession(server: TestServer, target: Target): Promise<LoadConnection> {
  return new Promise((done, failed) => {
    const deadline = performance.now() + 180_000;
    let isOver = false;
    const dial = setInterval(() => {
      LoadConnection.open(target).then((connection) => {
        if (isOver) return void connection.close();
        isOver = true;
        clearInterval(dial);
        done(connection);
      }, () => {
        if (isOver || (server.exit() === null && performance.now() < deadline)) return;
        isOver = true;
        clearInterval(dial);
        failed(new Error(`${server.name} does not serve:\n${server.log().slice(-2000)}`));
      });
    }, 10);
  });
}

/** What the system counts for a process, in bytes. */
export function residentBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib ?? NaN) * 1024;
}

/** Processor time of a process and its threads so far. */
export function processorSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const TICKS_PER_SECOND = 100;
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
