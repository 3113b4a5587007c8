// The arguments of `zkpeer serve`: which configuration, from where, and how to log. Takes the forms
// of Java's launcher (operations.md 1.1): one word is a configuration file; two to four words are
// port, data directory, tick time and connections; none is a standalone server on port 2181.

import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { Fault } from "../base/errors.ts";
import { diskFault, systemCode } from "../host/system_errors.ts";
import {
  type Complaint,
  complaintText,
  type Config,
  loadConfig,
  type Override,
  standaloneArguments,
  WITHOUT_FILE,
} from "../peer/config.ts";
import { type CommandSpec, helpText, type OptionRow, readArgs } from "./args.ts";
import { coloursFor } from "./colour.ts";
import type { CliIo } from "./io.ts";
import { type LogFormat, type LogLevels, parseLevels } from "./log.ts";

const OPTIONS = [
  { name: "client-port", value: "P", help: "the port for clients (clientPort)" },
  { name: "data-dir", value: "D", help: "the folder of the data (dataDir)" },
  {
    name: "set",
    value: "KEY=VALUE",
    many: true,
    help: "set a key as in zoo.cfg; wins over the file. -DKEY=VALUE is the same",
  },
  {
    name: "myid",
    value: "N",
    help: "this server's id; wins over the file myid. hostname: the number at its end, plus 1",
  },
  {
    name: "check-config",
    help: "print what would be in force, and from where, then exit 0, or 1, 2 or 3 on errors",
  },
  { name: "all", help: "with --check-config: all keys, with meaning and default" },
  { name: "json", help: "with --check-config: as JSON" },
  {
    name: "log-level",
    value: "LEVELS",
    help: "error, warn, info or debug; per area: info,zab=debug,client=warn",
  },
  { name: "log-format", value: "FORMAT", help: "text (the default) or json" },
] as const satisfies readonly OptionRow[];

export const SERVE: CommandSpec<typeof OPTIONS> = {
  name: "serve",
  words: "[zoo.cfg | port dataDir [tickTime [maxClientCnxns]]]",
  wordsMax: 4,
  summary: "Run a ZooKeeper server: a member of an ensemble, or one that stands alone.",
  options: OPTIONS,
  more: `Without words: a standalone server on port 2181 with its data in ./zkpeer-data. Without a
file there is no AdminServer unless asked for: --set admin.enableServer=true.

Settings come from these options, then from variables ZKPEER_<KEY> (ZKPEER_TICKTIME,
ZKPEER_SERVER_1), then from the file, then from the defaults. ZKPEER_MYID, ZKPEER_LOG_LEVEL and
ZKPEER_LOG_FORMAT stand for the options of these names. The keys are those of Apache ZooKeeper's
zoo.cfg; --check-config --all lists them. (A Java server lets the file win over -D.)

Exit codes: 0 asked to stop, 1 unexpected, 2 arguments or configuration, 3 data directory,
4 AdminServer port, 10 disk, 12 and 13 protocol, 14 election port, 128+N ended by signal N.`,
};

export const SERVE_HELP = helpText(SERVE);

export interface ServeOrder {
  readonly config: Config;
  readonly warnings: readonly Complaint[];
  readonly levels: LogLevels;
  readonly format: LogFormat;
  readonly isCheck: boolean;
  readonly isAll: boolean;
  readonly isJson: boolean;
}

const said = (where: string, key: string, value: string | null): readonly Override[] =>
  value === null ? [] : [{ key, value, where }];

/** What `args` order, or the exit code after help or complaints have been printed. */
export function readServe(args: readonly string[], io: CliIo): ServeOrder | number {
  const parsed = readArgs(SERVE, args);
  if (!parsed.ok) return refuse(io, parsed.error);
  if (parsed.isHelp) {
    io.stdout.write(SERVE_HELP);
    return 0;
  }
  const { options, words } = parsed;
  const levelText = options["log-level"] ?? io.env.ZKPEER_LOG_LEVEL ?? "info";
  const levels = parseLevels(levelText);
  if (levels === null) {
    return refuse(io, `--log-level ${levelText} is not of the form LEVEL or LEVEL,AREA=LEVEL`);
  }
  const format = options["log-format"] ?? io.env.ZKPEER_LOG_FORMAT ?? "text";
  if (format !== "text" && format !== "json") {
    return refuse(io, `--log-format ${format} is not known; allowed: text, json`);
  }
  const path = words.length === 1 ? words[0] : null;
  const result = loadConfig({
    path,
    readFile: (file) => readLatin1(io, file),
    defaults: words.length === 0 ? WITHOUT_FILE : standaloneArguments(words) ?? [],
    overrides: [
      ...options.set,
      ...said("--client-port", "clientPort", options["client-port"]),
      ...said("--data-dir", "dataDir", options["data-dir"]),
    ],
    env: io.env,
    myid: options.myid,
    hostname: hostname(),
  });
  if (!result.ok) {
    if (options["check-config"] && options.json) {
      io.stdout.write(JSON.stringify({ ok: false, complaints: result.complaints }, null, 2) + "\n");
    } else printComplaints(io, result.complaints);
    return result.exitCode;
  }
  // A reconfig writes names beside this one into the file, which the next start must find from any
  // working directory (operations.md 1.5).
  const configPath = path === null ? null : resolve(io.cwd, path);
  return {
    config: { ...result.config, configPath },
    warnings: result.warnings,
    levels,
    format,
    isCheck: options["check-config"],
    isAll: options.all,
    isJson: options.json,
  };
}

export function printComplaints(io: CliIo, complaints: readonly Complaint[]): void {
  const { red, yellow } = coloursFor(io, "stderr");
  for (const complaint of complaints) {
    const paint = complaint.severity === "error" ? red : yellow;
    const text = complaintText(complaint);
    io.stderr.write(paint(complaint.severity) + text.slice(complaint.severity.length) + "\n");
  }
}

function refuse(io: CliIo, error: string): number {
  io.stderr.write(`${error}\ntry zkpeer serve --help\n`);
  return 2;
}

/** A file as Java's Properties reads it; null when there is none. Fault CONFIG: it is kept from us. */
function readLatin1(io: CliIo, path: string): string | null {
  try {
    return readFileSync(resolve(io.cwd, path), "latin1");
  } catch (error) {
    // The reader names what is missing and says what it was for.
    if (["ENOENT", "ENOTDIR", "EISDIR"].includes(systemCode(error) ?? "")) return null;
    const { message } = diskFault(error, "reading", path);
    throw new Fault("CONFIG", `Error processing ${path}: ${message}`, { cause: error });
  }
}
