// `zkpeer ensemble`: several members on this machine in one terminal, each in a process of its own,
// ours or Java's, with a line of status each. Ends when all have ended, or when asked to; nothing
// that was started here stays behind.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import process from "node:process";
import { type CommandSpec, helpText, type OptionRow, readArgs } from "./args.ts";
import { coloursFor } from "./colour.ts";
import {
  type EnsembleMember,
  type EnsemblePlan,
  HOST,
  startMembers,
  unusable,
} from "./ensemble_members.ts";
import { changeText, type MemberStatus, statusOf, statusTable } from "./ensemble_status.ts";
import type { CliIo } from "./io.ts";

const MEMBERS_MAX = 9;
const BASE_PORT = 2181;
const PORTS_SPAN = 2000 + MEMBERS_MAX;
const REFRESH_MS = 500;
/** Members that are just being killed may make a last file meanwhile. */
const REMOVE = { recursive: true, force: true, maxRetries: 10, retryDelay: 50 };

const OPTIONS = [
  { name: "members", value: "N", help: `how many members, 2 to ${MEMBERS_MAX}; default 3` },
  {
    name: "java",
    value: "N",
    help: "so many of them are Java servers, from member 1 on; default 0",
  },
  {
    name: "java-version",
    value: "X.Y.Z",
    help: "which release of Apache ZooKeeper; default 3.9.5",
  },
  { name: "dir", value: "DIR", help: "keep configuration, data and logs there; default: nowhere" },
  {
    name: "base-port",
    value: "PORT",
    help: `client port of member 1; default ${BASE_PORT}. 0: any free ports`,
  },
  { name: "set", value: "KEY=VALUE", many: true, help: "a line more for every zoo.cfg" },
] as const satisfies readonly OptionRow[];

const SPEC: CommandSpec<typeof OPTIONS> = {
  name: "ensemble",
  words: "",
  wordsMax: 0,
  summary: "Run an ensemble on this machine, in one terminal. Ctrl-C ends all of it.",
  options: OPTIONS,
  more: `  zkpeer ensemble
  zkpeer ensemble --members 5 --java 2 --dir ./try

Each member is a process of its own; member N listens for clients on base port + N - 1, for its
leader's followers 1000 above that and for elections 2000 above. On a terminal its line is kept up to
date: role, epoch, zxid, how many txns it is behind the leader, sessions, znodes. Elsewhere a line
tells each change of a role.

DIR/member-N has zoo.cfg, data and server.log. What a run leaves in DIR the next one goes on with, and
a member may be ours in one and Java's in the other. Java servers need a Java runtime on the PATH, and
Maven to get their jars with.

Exit codes: 0 asked to stop, 1 a member ended by itself and no other was left, 2 arguments or no Java.`,
};

export const help = helpText(SPEC);

export async function run(args: string[], io: CliIo): Promise<number> {
  const parsed = readArgs(SPEC, args);
  if (!parsed.ok) return refuse(io, parsed.error);
  if (parsed.isHelp) {
    io.stdout.write(help);
    return 0;
  }
  const { options } = parsed;
  const isKept = options.dir !== null;
  const numbers = {
    count: numberOf(options.members, 3, 2, MEMBERS_MAX),
    javaCount: numberOf(options.java, 0, 0, MEMBERS_MAX),
    basePort: numberOf(options["base-port"], BASE_PORT, 0, 65535 - PORTS_SPAN),
  };
  if (numbers.count === null) {
    return refuse(io, `--members ${options.members} is not a number from 2 to ${MEMBERS_MAX}`);
  }
  const { count, javaCount, basePort } = numbers;
  if (javaCount === null || javaCount > count) {
    return refuse(io, `--java ${options.java} is not a number from 0 to ${count}`);
  }
  if (basePort === null) {
    const most = 65535 - PORTS_SPAN;
    return refuse(io, `--base-port ${options["base-port"]} is not a number from 0 to ${most}`);
  }
  const javaVersion = options["java-version"] ?? "3.9.5";
  if (!/^\d+\.\d+\.\d+$/.test(javaVersion)) {
    return refuse(io, `--java-version ${javaVersion} is not of the form 3.9.5`);
  }
  const bad = options.set.find((setting) => !/^[^=\s]+=/.test(setting));
  if (bad !== undefined) return refuse(io, `--set ${bad} is not of the form KEY=VALUE`);
  const dir = folderOf(options.dir, io);
  const remove = isKept ? () => {} : () => rmSync(dir, REMOVE);
  process.on("exit", remove); // it may end in the middle, when nobody reads what it says
  try {
    const plan = { count, javaCount, javaVersion, dir, basePort, settings: options.set };
    return await new Terminal(plan, isKept, io).run();
  } finally {
    process.off("exit", remove);
    remove();
  }
}

function refuse(io: CliIo, error: string): number {
  io.stderr.write(`${error}\ntry zkpeer ensemble --help\n`);
  return 2;
}

function numberOf(text: string | null, other: number, min: number, max: number): number | null {
  if (text === null) return other;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : -1;
  return value >= min && value <= max ? value : null;
}

function folderOf(dir: string | null, io: CliIo): string {
  if (dir === null) return mkdtempSync(join(tmpdir(), "zkpeer-ensemble-"));
  const folder = isAbsolute(dir) ? dir : join(io.cwd, dir);
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw unusable(error, folder);
  }
  return folder;
}

class Terminal {
  readonly #plan: EnsemblePlan;
  readonly #isKept: boolean;
  readonly #io: CliIo;
  #members: EnsembleMember[] = [];
  #statuses: (MemberStatus | null)[] = [];
  /** Lines of the table on the screen, to be written over. */
  #shown = 0;
  #wake: () => void = () => {};

  constructor(plan: EnsemblePlan, isKept: boolean, io: CliIo) {
    this.#plan = plan;
    this.#isKept = isKept;
    this.#io = io;
  }

  async run(): Promise<number> {
    const { signal, stdout } = this.#io;
    signal.addEventListener("abort", () => this.#wake(), { once: true });
    this.#members = await startMembers(this.#plan);
    this.#statuses = this.#members.map(() => null);
    try {
      this.#greet();
      while (!signal.aborted && this.#members.some(({ child }) => child.exit() === null)) {
        await this.#refresh();
        await this.#pause();
      }
      if (!signal.aborted) await this.#refresh();
    } finally {
      const running = this.#members.filter(({ child }) => child.exit() === null).length;
      if (signal.aborted) stdout.write(`\nending ${running} of ${this.#members.length} members\n`);
      await Promise.all(this.#members.map(({ child }) => child.stop()));
    }
    if (signal.aborted) {
      stdout.write("all members have ended\n");
      return 0;
    }
    this.#blame();
    return 1;
  }

  #greet(): void {
    const { stdout } = this.#io;
    const { bold, dim } = coloursFor(this.#io, "stdout");
    const connect = this.#members.map(({ clientPort }) => `${HOST}:${clientPort}`).join(",");
    stdout.write(`connect to  ${bold(connect)}\n`);
    const fate = this.#isKept ? "" : dim("  (removed at the end; --dir keeps it)");
    stdout.write(`data, logs  ${this.#plan.dir}${fate}\n`);
    stdout.write(`${dim("Ctrl-C ends all members")}\n\n`);
  }

  async #refresh(): Promise<void> {
    const before = this.#statuses;
    const now = await Promise.all(
      this.#members.map((member, i) => statusOf(member, before[i])),
    );
    this.#statuses = now;
    if (this.#io.signal.aborted) return;
    const { isTerminal, env, stdout } = this.#io;
    if (isTerminal.stdout && env.TERM !== "dumb") return this.#draw(now);
    for (const [i, member] of this.#members.entries()) {
      const text = changeText(member, before[i], now[i]);
      if (text !== null) stdout.write(`${text}\n`);
    }
  }

  /** The table over the one before. */
  #draw(statuses: readonly MemberStatus[]): void {
    const { columns } = this.#io;
    const lines = statusTable(this.#members, statuses, coloursFor(this.#io, "stdout"), columns);
    const up = this.#shown === 0 ? "" : `\x1b[${this.#shown}A`;
    this.#shown = lines.length;
    this.#io.stdout.write(up + lines.map((line) => `\r${line}\x1b[K\n`).join(""));
  }

  #pause(): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(done, REFRESH_MS);
      this.#wake = () => {
        clearTimeout(timer);
        done();
      };
      if (this.#io.signal.aborted) this.#wake();
    });
  }

  /** All have ended and nobody asked them to: what the first of them said last is why. */
  #blame(): void {
    const { stderr } = this.#io;
    for (const { sid, child } of this.#members) {
      const lines = child.log().trimEnd().split("\n");
      stderr.write(`member ${sid} said last: ${lines.at(-1) ?? ""}\n`);
    }
  }
}
