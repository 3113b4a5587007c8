// What a command knows of the terminal it runs in. Commands get it as an argument, so that tests run
// them without a process; nodeIo is the real one.

import process from "node:process";

export interface Writer {
  write(data: string | Uint8Array): void;
}

export interface CliIo {
  readonly stdout: Writer;
  readonly stderr: Writer;
  readonly isTerminal: { readonly stdout: boolean; readonly stderr: boolean };
  /** Columns of the terminal; 80 when it is none. */
  readonly columns: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborted when the process is asked to end; a command then ends in good order. */
  readonly signal: AbortSignal;
}

/** One sub-command: what `lib/cli/<name>.ts` exports. */
export interface CommandModule {
  /** Resolves to the exit code. `args` are the words after the command's name. */
  readonly run: (args: string[], io: CliIo) => Promise<number>;
  /** The whole text of `zkpeer <name> --help`, ending with a newline. */
  readonly help: string;
}

/** The terminal of this process. */
export function nodeIo(signal: AbortSignal): CliIo {
  return {
    stdout: writer(process.stdout),
    stderr: writer(process.stderr),
    isTerminal: { stdout: process.stdout.isTTY === true, stderr: process.stderr.isTTY === true },
    columns: process.stdout.columns ?? 80,
    env: process.env,
    cwd: process.cwd(),
    signal,
  };
}

function writer(stream: NodeJS.WriteStream): Writer {
  // A reader that has seen enough (`| head`) closes the pipe; that is no fault of ours.
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(0);
  });
  return {
    write(data) {
      stream.write(data);
    },
  };
}
