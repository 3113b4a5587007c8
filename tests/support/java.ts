// Runs real Apache ZooKeeper servers and tools as child processes, for tests that need an oracle.
// Whatever is started here dies with the test process, however that ends.
// Laying out an ensemble of several servers is in java_ensemble.ts; getting jars in java_dist.ts.

import { spawn } from "node:child_process";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { adopt, type Child, type ChildExit, startChild } from "./child.ts";
import { compareVersions, type JavaDist } from "./java_dist.ts";
import { within } from "./until.ts";

export {
  cacheRoot,
  compareVersions,
  type JavaDist,
  JavaUnavailable,
  javaUnavailable,
  javaVersions,
  prepare,
} from "./java_dist.ts";

/** Small and quick to start; a test that measures something gives its own. */
export const defaultJvmArgs: readonly string[] = [
  "-Xmx256m",
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
  "-Xshare:auto",
];

export interface ServerOptions {
  /** Folder of this server; zoo.cfg, data and the log live in it. */
  readonly dir: string;
  /** The whole text of zoo.cfg. */
  readonly cfg: string;
  /** Where the four-letter words are asked. */
  readonly clientHost: string;
  readonly clientPort: number;
  /** Written to `myid` in the data folder when given. */
  readonly myid?: number;
  /** Added to the defaults; `-D` settings go here. */
  readonly jvmArgs?: readonly string[];
  /** File that gets what the server prints; `server.log` in `dir` unless given. */
  readonly logTo?: string;
}

export type JavaExit = ChildExit;

/** A running server, whoever made it. */
export interface TestServer extends Child {
  /** What it is, in messages. */
  readonly name: string;
  readonly dir: string;
  readonly clientHost: string;
  readonly clientPort: number;
  /** Polls until `srvr` names a mode; gives `leader`, `follower`, `observer` or `standalone`. */
  waitServing(timeoutMs?: number): Promise<string>;
}

/** A running server of Java's. */
export interface JavaServer extends TestServer {
  readonly version: string;
}

/** Starts one server from a written configuration. Does not wait for it to serve. */
export function startServer(dist: JavaDist, options: ServerOptions): JavaServer {
  const { dir, clientHost, clientPort } = options;
  const dataDir = /^dataDir=(.*)$/m.exec(options.cfg)?.[1];
  if (dataDir === undefined) throw new Error("java: the configuration has no dataDir");
  mkdirSync(dataDir, { recursive: true });
  if (options.myid !== undefined) writeFileSync(join(dataDir, "myid"), `${options.myid}\n`);
  const cfgFile = join(dir, "zoo.cfg");
  writeFileSync(cfgFile, options.cfg);
  const logFile = options.logTo ?? join(dir, "server.log");
  const child = startChild([
    "java",
    ...defaultJvmArgs,
    "-Dzookeeper.jmx.log4j.disable=true",
    ...(options.jvmArgs ?? []),
    "-cp",
    dist.classpath,
    "org.apache.zookeeper.server.quorum.QuorumPeerMain",
    cfgFile,
  ], { logFile });
  const { version } = dist;
  return { version, ...asServer(child, { name: `java ${version}`, dir, clientHost, clientPort }) };
}

/** What a test needs of a server that runs as `child`. */
export function asServer(
  child: Child,
  facts: Pick<TestServer, "name" | "dir" | "clientHost" | "clientPort">,
): TestServer {
  const server: TestServer = {
    ...child,
    ...facts,
    waitServing: (timeoutMs = 180_000) => waitServing(server, timeoutMs),
  };
  return server;
}

/** A Java server that is just starting may accept a connection and never look at it. */
const ASK_AGAIN_MS = 2_000;

async function waitServing(server: TestServer, timeoutMs: number): Promise<string> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const exit = server.exit();
    if (exit !== null) {
      throw new Error(
        `${server.name} ended with ${exit.code ?? exit.signal}:\n${tail(server.log())}`,
      );
    }
    const answer = await fourLetter(server.clientPort, "srvr", server.clientHost, ASK_AGAIN_MS)
      .catch((error: unknown) => String(error));
    const mode = /^Mode: (\S+)/m.exec(answer)?.[1];
    if (mode !== undefined) return mode;
    if (Date.now() > deadline) {
      throw new Error(
        `${server.name} does not serve after ${timeoutMs} ms (${answer.trim()}):\n` +
          tail(server.log()),
      );
    }
    await wait(50);
  }
}

const tail = (text: string) => text.split("\n").slice(-30).join("\n");

/** Sends a four-letter word and gives the whole answer. Rejects when refused or not answered. */
export function fourLetter(
  port: number,
  word: string,
  host = "127.0.0.1",
  limitMs = 30_000,
): Promise<string> {
  const socket: Socket = connect(port, host);
  const answer = new Promise<string>((resolve, reject) => {
    const parts: Uint8Array[] = [];
    socket.on("connect", () => socket.write(word));
    socket.on("data", (data: Uint8Array) => parts.push(data));
    socket.on("error", reject);
    socket.on("close", () => resolve(Buffer.concat(parts).toString("utf8")));
  });
  // Not the socket's own time-out: what the runtime may forget to close would not be told of it.
  return within(answer, limitMs, () => `${word}: an answer`).finally(() => socket.destroy());
}

/** A file per port that some test was given lately: tests run side by side, in many processes. */
const CLAIMS = join(tmpdir(), `zkpeer-test-ports-${userInfo().uid}`);
/** By then whoever was given a port has listened on it, or is over. */
const CLAIM_MS = 30 * 60_000;

/** Takes a port for this test alone; false when another has it. */
function isClaimed(port: number): boolean {
  const file = join(CLAIMS, String(port));
  try {
    writeFileSync(file, "", { flag: "wx" });
    return true;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  const { mtimeMs } = statSync(file);
  if (Date.now() - mtimeMs < CLAIM_MS) return false;
  writeFileSync(file, "");
  return true;
}

/**
 * Ports that nobody listens on at `host`, all different. Drawn from below the range that the system
 * gives to outgoing connections: one of those could take a port before its server is up.
 */
export async function freePorts(count: number, host = "127.0.0.1"): Promise<number[]> {
  const held: ReturnType<typeof createServer>[] = [];
  const ports: number[] = [];
  mkdirSync(CLAIMS, { recursive: true });
  for (let tries = 0; ports.length < count; tries++) {
    if (tries > 200 * count) throw new Error(`no ${count} free ports at ${host}`);
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    if (!isClaimed(port)) continue;
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.on("error", () => resolve(false));
      server.listen(port, host, () => resolve(true));
    });
    if (!isFree) continue;
    held.push(server);
    ports.push(port);
  }
  await Promise.all(
    held.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
  );
  return ports;
}

export interface ToolResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Main classes of the tools that come with the server. */
export const javaTools = {
  cli: "org.apache.zookeeper.ZooKeeperMain",
  txnLog: "org.apache.zookeeper.server.persistence.TxnLogToolkit",
  logFormatter: "org.apache.zookeeper.server.LogFormatter",
  snapshot: "org.apache.zookeeper.server.SnapshotFormatter",
} as const;

/**
 * Runs a main class to its end. `stdin` is written and closed. Killed after `timeoutMs`.
 * The client of 3.4.13 and 3.4.14 resolves no address on a Java newer than 13; use another release's.
 */
export function runJava(
  dist: JavaDist,
  mainClass: string,
  args: readonly string[],
  options: { stdin?: string; jvmArgs?: readonly string[]; timeoutMs?: number } = {},
): Promise<ToolResult> {
  const child = spawn("java", [
    ...defaultJvmArgs,
    ...(options.jvmArgs ?? []),
    "-cp",
    dist.classpath,
    mainClass,
    ...args,
  ], { stdio: ["pipe", "pipe", "pipe"] });
  const kill = adopt(child);
  const hard = setTimeout(() => kill("SIGKILL"), options.timeoutMs ?? 240_000);
  return new Promise((resolve, reject) => {
    const out: Uint8Array[] = [];
    const err: Uint8Array[] = [];
    child.stdout.on("data", (data: Uint8Array) => out.push(data));
    child.stderr.on("data", (data: Uint8Array) => err.push(data));
    child.on("error", reject);
    child.stdin.on("error", () => {
      // A tool may end without reading its input; its exit code tells how it went.
    });
    child.stdin.end(options.stdin ?? "");
    child.on("close", (code) => {
      clearTimeout(hard);
      const text = (parts: Uint8Array[]) => Buffer.concat(parts).toString("utf8");
      resolve({ code, stdout: text(out), stderr: text(err) });
    });
  });
}

/** Lines of zoo.cfg that a release needs so that a test can talk to it. */
export function commonCfg(version: string, settings: Readonly<Record<string, string>>): string {
  const since = (first: string) => compareVersions(version, first) >= 0;
  const lines: Record<string, string> = { tickTime: "500", initLimit: "10", syncLimit: "6" };
  if (since("3.4.10")) lines["4lw.commands.whitelist"] = "*";
  if (since("3.5.0")) lines["admin.enableServer"] = "false";
  const all = { ...lines, ...settings };
  return Object.entries(all).map(([key, value]) => `${key}=${value}\n`).join("");
}

/** A standalone server that serves already. `host` is an address of this machine. */
export async function standalone(
  dist: JavaDist,
  options: {
    dir: string;
    host?: string;
    settings?: Readonly<Record<string, string>>;
    jvmArgs?: readonly string[];
  },
): Promise<JavaServer> {
  const host = options.host ?? "127.0.0.1";
  const [clientPort = 0] = await freePorts(1, host);
  const cfg = commonCfg(dist.version, {
    dataDir: join(options.dir, "data"),
    clientPort: String(clientPort),
    clientPortAddress: host,
    ...options.settings,
  });
  const { dir, jvmArgs = [] } = options;
  const server = startServer(dist, { dir, cfg, clientHost: host, clientPort, jvmArgs });
  await server.waitServing();
  return server;
}
