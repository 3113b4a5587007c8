// Starts servers as child processes, ours and Java's alike, for ensembles in one terminal and for
// tests, and sees to it that none of them outlives this process, however that ends. What a server
// prints goes to a file.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";

export interface ChildExit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A process that has been started and may have ended. */
export interface Child {
  readonly pid: number;
  /** Settles when the process has ended, for whatever cause. */
  readonly exited: Promise<ChildExit>;
  /** How it ended, or null while it runs. */
  exit(): ChildExit | null;
  /** Everything in its log file, what earlier runs printed too. */
  log(): string;
  /** Sends a signal (SIGSTOP and SIGCONT too) and returns at once. */
  kill(signal: NodeJS.Signals): void;
  /** Ends it (SIGTERM, then SIGKILL after 5 s) and waits until it is gone. */
  stop(): Promise<ChildExit>;
}

export interface ChildOptions {
  readonly logFile: string;
  readonly cwd?: string;
  /** In a session of its own: a terminal's Ctrl-C does not reach it, only we do. */
  readonly detached?: boolean;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

// The shell becomes the command, so the pid is the command's. Its helper waits on our pipe: a line
// means that the command has ended by itself, the end of the pipe means that this process has died
// without cleaning up.
const launch = "log=$1; shift; exec 3<&0; (IFS= read -r line <&3 || kill -9 $$) >/dev/null 2>&1 &" +
  ' exec "$@" >>"$log" 2>&1 </dev/null 3<&-';

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) signalTo(child, "SIGKILL");
});

// Not child.kill: Deno then takes the signal for the cause of the end, whatever that was.
function signalTo(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid !== undefined && running.has(child)) process.kill(child.pid, signal);
}

/** Counts a process among those that die with this one; gives the way to signal it. */
export function adopt(child: ChildProcess): (signal: NodeJS.Signals) => void {
  running.add(child);
  child.on("exit", () => running.delete(child));
  return (signal) => signalTo(child, signal);
}

/** Starts `command`, whose first word is looked up on the PATH. */
export function startChild(command: readonly string[], options: ChildOptions): Child {
  const { logFile, cwd, detached, env } = options;
  const child = spawn("sh", ["-c", launch, "sh", logFile, ...command], {
    stdio: ["pipe", "ignore", "ignore"],
    cwd,
    detached,
    env: { ...process.env, ...env },
  });
  child.stdin?.on("error", () => {
    // The helper is gone already: it was killed together with the command. Nothing is left to tell.
  });
  const kill = adopt(child);
  child.on("exit", () => child.stdin?.end("done\n"));
  const exited = new Promise<ChildExit>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve({ code, signal }));
  });
  let ended: ChildExit | null = null;
  exited.then((exit) => ended = exit);
  return {
    pid: child.pid ?? -1,
    exited,
    exit: () => ended,
    log: () => existsSync(logFile) ? readFileSync(logFile, "utf8") : "",
    kill,
    stop: async () => {
      kill("SIGTERM");
      kill("SIGCONT"); // a stopped process takes the other signal only when it goes on
      const hard = setTimeout(() => kill("SIGKILL"), 5_000);
      const exit = await exited;
      clearTimeout(hard);
      return exit;
    },
  };
}
