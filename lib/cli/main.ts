#!/usr/bin/env -S npx tsx
// The command line's entry: finds the sub-command, loads its module, runs it, and turns what it
// throws into a message and an exit code (operations.md 7). Knows no option of any sub-command.

import { realpathSync } from "node:fs";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { isFault } from "../base/errors.ts";
import { exitCodeOf } from "../host/process.ts";
import { columns, nearest } from "./args.ts";
import { type CliIo, type CommandModule, nodeIo } from "./io.ts";
import { VERSION, ZOOKEEPER_VERSION } from "./version.ts";

interface Command {
  readonly summary: string;
  /** Loaded when the command is used, so that no command pays for another. */
  readonly load: () => Promise<CommandModule>;
}

/** One line per command; the module exports `run` and `help`. */
const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ["decode", { summary: "decode a packet capture", load: () => import("./decode.ts") }],
  ["tap", { summary: "decode what passes, as a proxy", load: () => import("./tap.ts") }],
  ["ensemble", { summary: "run several members here", load: () => import("./ensemble.ts") }],
  ["inspect", { summary: "show a log or a snapshot", load: () => import("./inspect.ts") }],
  ["sim", { summary: "run ensembles in virtual time", load: () => import("./sim.ts") }],
  ["serve", { summary: "run a server", load: () => import("./serve.ts") }],
]);

function overview(): string {
  const rows: [string, string][] = [...COMMANDS].map(([name, { summary }]) => [name, summary]);
  rows.push(["version", "print the versions"], ["help [command]", "show help"]);
  return `zkpeer: a ZooKeeper server that is a peer of Apache ZooKeeper servers.

Usage: zkpeer <command> [options]

Commands:
${columns(rows, "  ")}
zkpeer <command> --help tells the rest.
`;
}

function versionText(): string {
  return `zkpeer ${VERSION} (ZooKeeper ${ZOOKEEPER_VERSION})\n`;
}

/** Runs one command line; resolves to the exit code. Never throws. */
export async function main(args: readonly string[], io: CliIo): Promise<number> {
  const [name, ...rest] = args;
  switch (name) {
    case undefined:
      io.stderr.write(overview());
      return 2;
    case "--version":
    case "-V":
    case "version":
      io.stdout.write(versionText());
      return 0;
    case "--help":
    case "-h":
      io.stdout.write(overview());
      return 0;
    case "help":
      return await help(rest, io);
  }
  const command = COMMANDS.get(name);
  if (command === undefined) return unknownCommand(name, io);
  try {
    const module = await command.load();
    return await module.run(rest, io);
  } catch (error) {
    io.stderr.write(`zkpeer ${name}: ${wordsOf(error)}\n`);
    return exitCodeOf(error);
  }
}

async function help(words: readonly string[], io: CliIo): Promise<number> {
  const [name] = words;
  if (name === undefined || name === "help" || name === "version") {
    io.stdout.write(overview());
    return 0;
  }
  const command = COMMANDS.get(name);
  if (command === undefined) return unknownCommand(name, io);
  io.stdout.write((await command.load()).help);
  return 0;
}

function unknownCommand(name: string, io: CliIo): number {
  const what = name.startsWith("-") ? "option" : "command";
  const near = nearest(name, [...COMMANDS.keys(), "version", "help", "--version", "--help"]);
  const hint = near === null ? "try zkpeer --help" : `did you mean ${near}?`;
  io.stderr.write(`unknown ${what} ${name}; ${hint}\n`);
  return 2;
}

/** A fault in one line; our own mistakes with their stack, because somebody has to find them. */
function wordsOf(error: unknown): string {
  if (isFault(error)) return error.message;
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

/** True when this file is what the runtime was started with, and not imported by a test. */
function isEntry(): boolean {
  const started = process.argv[1];
  if (started === undefined) return false;
  try {
    // Installed commands are links, and the module knows itself by the name behind them.
    return pathToFileURL(realpathSync(started)).href === import.meta.url;
  } catch {
    return false; // what was started is no file here
  }
}

/** The whole life of the process that the command line began. */
export async function start(): Promise<void> {
  const asked = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => asked.abort(signal));
  }
  process.exitCode = await main(process.argv.slice(2), nodeIo(asked.signal));
}

if (isEntry()) await start();
