// Runs our own server as a child process, in the same manner as java.ts runs Java's, so that a test
// can treat both alike. Runs on the runtime of the test unless asked otherwise.

import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { startChild } from "./child.ts";
import { asServer, freePorts, type TestServer } from "./java.ts";

export type Runtime = "deno" | "node";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The runtime that this test runs on. */
export const ownRuntime: Runtime = "Deno" in globalThis ? "deno" : "node";

export interface ZkpeerOptions {
  /** Folder of this server; zoo.cfg, data and the log live in it. */
  readonly dir: string;
  /** The whole text of zoo.cfg. */
  readonly cfg: string;
  /** Where the four-letter words are asked. */
  readonly clientHost: string;
  readonly clientPort: number;
  /** Written to `myid` in the data folder when given. */
  readonly myid?: number;
  /** More arguments of `zkpeer serve`, as `["--set", "key=value"]`. */
  readonly args?: readonly string[];
  readonly runtime?: Runtime;
  /** Words for the runtime before the script's name, as `["--expose-gc"]`. */
  readonly runtimeArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** File that gets what the server prints; `server.log` in `dir` unless given. */
  readonly logTo?: string;
}

/** Starts one server from a written configuration. Does not wait for it to serve. */
export function startZkpeer(options: ZkpeerOptions): TestServer {
  const { dir, cfg, clientHost, clientPort, runtime = ownRuntime } = options;
  const dataDir = /^dataDir=(.*)$/m.exec(cfg)?.[1];
  if (dataDir === undefined) throw new Error("zkpeer: the configuration has no dataDir");
  mkdirSync(dataDir, { recursive: true });
  if (options.myid !== undefined) writeFileSync(join(dataDir, "myid"), `${options.myid}\n`);
  const cfgFile = join(dir, "zoo.cfg");
  writeFileSync(cfgFile, cfg);
  const child = startChild(
    [...zkpeerCommand(runtime, options.runtimeArgs), "serve", cfgFile, ...(options.args ?? [])],
    { logFile: options.logTo ?? join(dir, "server.log"), cwd: root, env: options.env },
  );
  return asServer(child, { name: `zkpeer on ${runtime}`, dir, clientHost, clientPort });
}

/**
 * The words that start our command line, to be run in the checkout; sub-command and arguments
 * follow. No launcher stays in between, so that a signal reaches the server itself.
 */
export function zkpeerCommand(
  runtime: Runtime = ownRuntime,
  runtimeArgs: readonly string[] = [],
): string[] {
  const main = join(root, "lib", "cli", "main.ts");
  if (runtime === "deno") return [denoPath(), "run", "-A", "--no-check", ...runtimeArgs, main];
  return [
    ownRuntime === "node" ? process.execPath : "node",
    "--import",
    "tsx",
    ...runtimeArgs,
    main,
  ];
}

let deno: string | undefined;

function denoPath(): string {
  if (ownRuntime === "deno") return process.execPath;
  deno ??= spawnSync("npx", ["-y", "deno@2", "eval", "console.log(Deno.execPath())"], {
    encoding: "utf8",
  }).stdout.trim();
  return deno;
}

/** Lines of zoo.cfg of a standalone server that listens on one address of this machine. */
export function standaloneCfg(
  at: { dir: string; host: string; port: number },
  settings: Readonly<Record<string, string>> = {},
): string {
  const all = {
    tickTime: "500",
    dataDir: join(at.dir, "data"),
    clientPort: String(at.port),
    clientPortAddress: at.host,
    "4lw.commands.whitelist": "*",
    "admin.enableServer": "false",
    ...settings,
  };
  return Object.entries(all).map(([key, value]) => `${key}=${value}\n`).join("");
}

/** A standalone server of ours that serves already; the counterpart of java.ts's `standalone`. */
export async function standaloneZkpeer(
  options:
    & { dir: string; host?: string; settings?: Readonly<Record<string, string>> }
    & Pick<ZkpeerOptions, "args" | "runtime" | "runtimeArgs" | "env">,
): Promise<TestServer> {
  const { dir, host = "127.0.0.1", settings, ...rest } = options;
  const [port = 0] = await freePorts(1, host);
  mkdirSync(dir, { recursive: true });
  const cfg = standaloneCfg({ dir, host, port }, settings);
  const server = startZkpeer({ dir, cfg, clientHost: host, clientPort: port, ...rest });
  await server.waitServing();
  return server;
}
