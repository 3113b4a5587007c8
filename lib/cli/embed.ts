// A server, or a whole ensemble, inside a program of yours: for tests that want the real thing
// without another process. Real sockets on loopback, real files in a folder of their own.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Fault } from "../base/errors.ts";
import { bracketed, complaintText, type Config, loadConfig } from "../peer/config.ts";
import { Peer } from "../peer/peer.ts";
import type { Trace } from "../ports.ts";
import { hostPorts } from "./host_ports.ts";

export interface EmbedOptions {
  /** 0, the default: a free port. */
  readonly clientPort?: number;
  /** Kept afterwards; without one a temporary folder is used and removed. */
  readonly dataDir?: string;
  /** Lines of zoo.cfg, `key=value`. */
  readonly settings?: readonly string[];
  /** Hears what happens; silent by default. */
  readonly note?: Trace["note"];
  /** Address to listen on; loopback by default. */
  readonly host?: string;
}

export interface EmbeddedServer {
  readonly host: string;
  readonly port: number;
  /** Of the AdminServer; null without `admin.enableServer=true`, or when a member found it taken. */
  readonly adminPort: number | null;
  /** `host:port`, an IPv6 address in brackets, for any client library. */
  readonly connectString: string;
  /** For those who want to look inside. */
  readonly peer: Peer;
  /** Ends in good order; everything accepted is on disk. Twice is no fault. */
  stop(): Promise<void>;
}

export interface EmbeddedEnsemble {
  readonly members: readonly EmbeddedServer[];
  readonly connectString: string;
  stop(): Promise<void>;
}

/** A standalone server. Resolves when it serves, rejects with the {@link Fault} that prevents it. */
export async function startServer(options: EmbedOptions = {}): Promise<EmbeddedServer> {
  const host = options.host ?? "127.0.0.1";
  return await inFolder(options.dataDir, async (folder) => {
    const config = configOf([
      `dataDir=${folder.path}`,
      `clientPort=${options.clientPort ?? 0}`,
      `clientPortAddress=${host}`,
      "tickTime=2000",
      "maxClientCnxns=0",
      "admin.enableServer=false",
      ...options.settings ?? [],
    ], null);
    return await start(config, host, options.note, folder.remove).serves;
  });
}

/** Every member has ports of its own, of those that are free. */
type EnsembleOptions = Omit<EmbedOptions, "clientPort"> & { readonly members?: number };

/** An ensemble of `members` voters on loopback. Resolves when every member serves. */
export async function startEnsemble(options: EnsembleOptions = {}): Promise<EmbeddedEnsemble> {
  const { members = 3 } = options;
  if (!Number.isInteger(members) || members < 1) {
    throw new TypeError(`an ensemble has a whole number of members, from 1 on, not ${members}`);
  }
  return await inFolder(options.dataDir, (folder) => startMembers(members, options, folder));
}

async function startMembers(
  count: number,
  options: EnsembleOptions,
  folder: Folder,
): Promise<EmbeddedEnsemble> {
  const host = options.host ?? "127.0.0.1";
  const ports = await freePorts(3 * count, host);
  const lines = Array.from(
    { length: count },
    (_, i) => `server.${i + 1}=${bracketed(host)}:${ports[3 * i]}:${ports[3 * i + 1]}`,
  );
  // All that can be refused is refused before the first of them runs.
  const configs = lines.map((_, i) => {
    const dataDir = join(folder.path, `s${i + 1}`);
    mkdirSync(dataDir, { recursive: true });
    return configOf([
      `dataDir=${dataDir}`,
      `clientPort=${ports[3 * i + 2]}`,
      `clientPortAddress=${host}`,
      "tickTime=500",
      "initLimit=20",
      "syncLimit=10",
      "maxClientCnxns=0",
      "admin.enableServer=false",
      // One voter is an ensemble only when it is said so.
      ...(count === 1 ? ["standaloneEnabled=false"] : []),
      ...lines,
      ...options.settings ?? [],
    ], String(i + 1));
  });
  const started: Starting[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((member) => member.stop()));
    await folder.remove();
  };
  try {
    for (const config of configs) {
      started.push(start(config, host, options.note, () => Promise.resolve()));
    }
    const members = await Promise.all(started.map(({ serves }) => serves));
    return { members, connectString: members.map((m) => m.connectString).join(","), stop };
  } catch (error) {
    await stop(); // the others may be too few to serve, and would look for each other for ever
    throw error;
  }
}

function configOf(lines: readonly string[], myid: string | null): Config {
  const result = loadConfig({ path: null, readFile: () => null, overrides: lines, myid });
  if (result.ok) return result.config;
  throw new TypeError(result.complaints.map(complaintText).join("; "));
}

/** A server that may come to serve, or fail, or be stopped before either. */
interface Starting {
  readonly serves: Promise<EmbeddedServer>;
  stop(): Promise<void>;
}

function start(
  config: Config,
  host: string,
  note: Trace["note"] = () => {},
  cleanUp: () => Promise<void>,
): Starting {
  let done: (server: EmbeddedServer) => void = () => {};
  let failed: (why: unknown) => void = () => {};
  const serves = new Promise<EmbeddedServer>((resolve, reject) => {
    done = resolve;
    failed = reject;
  });
  let port = 0; // until it is bound
  let adminPort: number | null = config.adminEnabled ? 0 : null;
  let isServing = false;
  /** Settles when it is over and cleaned up; null before it ends. */
  let ended: Promise<void> | null = null;
  const stop = (): Promise<void> =>
    ended ??= new Promise<void>((stopped) => peer.stop(stopped)).then(cleanUp);
  // A start that breaks off in the middle has listeners already.
  const fails = (why: unknown): void => {
    const told = (): void => failed(why);
    stop().then(told, told);
  };
  const look = (): void => {
    if (!isServing || port === 0 || adminPort === 0) return;
    done({ host, port, adminPort, connectString: `${bracketed(host)}:${port}`, peer, stop });
  };
  const peer = new Peer(
    config,
    hostPorts(note),
    {
      failed: (fault: Fault) => fails(fault),
      role: (role) => {
        isServing = role !== null;
        look();
      },
      bound: (bound) => {
        port = bound;
        look();
      },
      adminBound: (bound) => {
        adminPort = bound;
        look();
      },
    },
  );
  try {
    peer.start();
  } catch (error) {
    fails(error);
  }
  return { serves, stop };
}

interface Folder {
  readonly path: string;
  /** Does nothing to a folder that is to be kept. */
  readonly remove: () => Promise<void>;
}

/** What `work` makes in a folder; a start that cannot be leaves none behind. */
async function inFolder<T>(
  dataDir: string | undefined,
  work: (folder: Folder) => Promise<T>,
): Promise<T> {
  const folder = folderFor(dataDir);
  try {
    return await work(folder);
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

function folderFor(dataDir: string | undefined): Folder {
  if (dataDir !== undefined) return { path: dataDir, remove: () => Promise.resolve() };
  const path = mkdtempSync(join(tmpdir(), "zkpeer-"));
  return { path, remove: () => removeFolder(path) };
}

/** A server that ended may have a file under way still: what is made meanwhile goes at the next try. */
async function removeFolder(path: string): Promise<void> {
  for (let tries = 40;; tries--) {
    try {
      return rmSync(path, { recursive: true, force: true });
    } catch (error) {
      if (tries === 0) throw error;
    }
    await wait(50);
  }
}

/** Ports that were free a moment ago: all are held until the last is known. */
async function freePorts(count: number, host: string): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((done, failed) => {
          const server = createServer();
          server.on("error", failed);
          server.listen(0, host, () => done(server));
        }),
    ),
  );
  const ports = servers.map((server) => {
    const at = server.address();
    return typeof at === "object" && at !== null ? at.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}
