// The members of `zkpeer ensemble`: their folders, ports and configurations, and the processes that
// run them: ours on the runtime of this process, Java's where it is asked for.

import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Fault } from "../base/errors.ts";
import { diskFault } from "../host/system_errors.ts";
import { escapeValue } from "../peer/config_properties.ts";
import { type Child, startChild } from "./child.ts";
import { compareVersions, type JavaDist, JavaUnavailable, prepare } from "./java.ts";

export const HOST = "127.0.0.1";

/** Ports of a member, counted from `--base-port`: client, then quorum, then election. */
const QUORUM_AFTER = 1000;
const ELECTION_AFTER = 2000;

export interface EnsemblePlan {
  readonly count: number;
  /** Members 1 to this one are Java's. */
  readonly javaCount: number;
  readonly javaVersion: string;
  readonly dir: string;
  /** 0: any free ports. */
  readonly basePort: number;
  /** More lines of zoo.cfg, `key=value`. */
  readonly settings: readonly string[];
}

export interface EnsembleMember {
  readonly sid: number;
  readonly kind: string;
  readonly clientPort: number;
  /** Holds zoo.cfg, data and the log. */
  readonly dir: string;
  readonly child: Child;
}

interface Ports {
  readonly client: number;
  readonly quorum: number;
  readonly election: number;
}

/** Lays out all members and starts them. Faults: PORT_IN_USE, CONFIG (no Java here, no folder). */
export async function startMembers(plan: EnsemblePlan): Promise<EnsembleMember[]> {
  const dist = plan.javaCount === 0 ? null : await javaDist(plan.javaVersion);
  const ports = await portsOf(plan);
  const laidOut = ports.map((_, i) => layOut(plan, ports, i + 1, i < plan.javaCount ? dist : null));
  return laidOut.map(({ command, logFile, member }) => ({
    ...member,
    child: startChild(command, { logFile, detached: true }),
  }));
}

/** The folder of a member and what starts it: all of them before the first one runs. */
function layOut(
  plan: EnsemblePlan,
  ports: readonly Ports[],
  sid: number,
  java: JavaDist | null,
): { command: string[]; logFile: string; member: Omit<EnsembleMember, "child"> } {
  const dir = join(plan.dir, `member-${sid}`);
  const dataDir = join(dir, "data");
  const file = join(dir, "zoo.cfg");
  const clientPort = ports[sid - 1].client;
  try {
    mkdirSync(dataDir, { recursive: true });
    writeFileSync(join(dataDir, "myid"), `${sid}\n`);
    writeFileSync(file, configOf(plan, ports, clientPort, dataDir, java));
  } catch (error) {
    throw unusable(error, dir);
  }
  return {
    command: java === null ? [...ownCommand(), "serve", file] : javaCommand(java, file),
    logFile: join(dir, "server.log"),
    member: { sid, kind: java === null ? "zkpeer" : `java ${java.version}`, clientPort, dir },
  };
}

/** Why nothing can be kept there. */
export function unusable(error: unknown, dir: string): Fault {
  const { message } = diskFault(error, "making the files of a member", dir);
  return new Fault("CONFIG", message, { cause: error, hint: "choose another folder with --dir" });
}

async function javaDist(version: string): Promise<JavaDist> {
  try {
    return await prepare(version);
  } catch (error) {
    if (!(error instanceof JavaUnavailable)) throw error;
    throw new Fault("CONFIG", `no member can be Java ${version}: ${error.message}`, {
      hint: "leave out --java, or install a Java runtime and Maven",
    });
  }
}

function configOf(
  plan: EnsemblePlan,
  ports: readonly Ports[],
  clientPort: number,
  dataDir: string,
  java: JavaDist | null,
): string {
  const lines = [
    "tickTime=1000",
    "initLimit=20",
    "syncLimit=5",
    `dataDir=${escapeValue(dataDir)}`,
    `clientPort=${clientPort}`,
    `clientPortAddress=${HOST}`,
  ];
  const since = (first: string): boolean =>
    java === null || compareVersions(java.version, first) >= 0;
  // Each member is asked for its status; before 3.4.10 nothing had to be allowed.
  if (since("3.4.10")) lines.push("4lw.commands.whitelist=*");
  // All of them would want the same port.
  if (since("3.5.0")) lines.push("admin.enableServer=false");
  const servers = ports.map(({ quorum, election }, i) =>
    `server.${i + 1}=${HOST}:${quorum}:${election}`
  );
  return [...lines, ...plan.settings, ...servers, ""].join("\n");
}

/** Our own command line, on the runtime that runs this. */
function ownCommand(): string[] {
  // Without flags Node was started with zkpeer.mjs, and runs no TypeScript otherwise.
  const isBare = !("Deno" in globalThis) && process.execArgv.length === 0;
  const main = new URL(isBare ? "./zkpeer.mjs" : "./main.ts", import.meta.url);
  const script = main.protocol === "file:" ? fileURLToPath(main) : main.href;
  return "Deno" in globalThis
    ? [process.execPath, "run", "-A", "--no-check", script]
    : [process.execPath, ...process.execArgv, script];
}

const javaCommand = (dist: JavaDist, file: string): string[] => [
  "java",
  "-Xmx512m",
  "-Dzookeeper.jmx.log4j.disable=true",
  "-cp",
  dist.classpath,
  "org.apache.zookeeper.server.quorum.QuorumPeerMain",
  file,
];

async function portsOf({ count, basePort }: EnsemblePlan): Promise<Ports[]> {
  if (basePort === 0) {
    const free = await bindAll(Array.from({ length: count * 3 }, () => 0));
    return Array.from({ length: count }, (_, i) => ({
      client: free[i],
      quorum: free[count + i],
      election: free[2 * count + i],
    }));
  }
  const ports = Array.from({ length: count }, (_, i) => ({
    client: basePort + i,
    quorum: basePort + QUORUM_AFTER + i,
    election: basePort + ELECTION_AFTER + i,
  }));
  await bindAll(ports.flatMap(({ client, quorum, election }) => [client, quorum, election]));
  return ports;
}

/** Binds all ports at once and lets them go: they are free, and different where the system chose. */
async function bindAll(ports: readonly number[]): Promise<number[]> {
  const servers = ports.map(() => createServer());
  try {
    return await Promise.all(servers.map((server, i) =>
      new Promise<number>((done, failed) => {
        server.on("error", (error: NodeJS.ErrnoException) =>
          failed(
            new Fault("PORT_IN_USE", `port ${ports[i]} cannot be had: ${error.code}`, {
              where: HOST,
              hint: "choose others with --base-port, or any free ones with --base-port 0",
            }),
          ));
        server.listen(ports[i], HOST, () => {
          const address = server.address();
          done(typeof address === "object" && address !== null ? address.port : ports[i]);
        });
      })
    ));
  } finally {
    await Promise.all(servers.map((server) =>
      new Promise<void>((done) => {
        if (server.listening) server.close(() => done());
        else done();
      })
    ));
  }
}
