// What a command knows of the terminal it runs in. Commands get it as an argument, so that tests run
// them without a process; nodeIo is the real one.

import { writeSync } from "node:fs";
import process from "node:process";

const encoder = new TextEncoder();

export interface Writer {
  write(data: string | Uint8Array): void;
}

export interface CliIo {
  readonly stdout: Writer;
  readonly stderr: Writer;
  readonly isTerminal: { readonly stdout: boolean; readonly stderr: boolean };
  /** Columns that the terminal has now; 80 when it is none. */
  readonly columns: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborted when the process is asked to end, by this signal; a command then ends in good order. */
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
    stderr: lastingWriter(process.stderr, 2),
    isTerminal: { stdout: process.stdout.isTTY === true, stderr: process.stderr.isTTY === true },
    get columns() {
      return process.stdout.columns ?? 80; // people make their windows narrower meanwhile
    },
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

/**
 * What is only said of the work must not end it: when the reader is gone or the disk is full, lines
 * are lost. On Node a stream keeps what comes after an error, so later lines go around it.
 */
function lastingWriter(stream: NodeJS.WriteStream, handle: number): Writer {
  let isBroken = false;
  stream.on("error", () => void (isBroken = true));
  return {
    write(data) {
      try {
        if (!isBroken) stream.write(data);
        else writeSync(handle, typeof data === "string" ? encoder.encode(data) : data);
      } catch {
        return; // nobody is left who could be told
      }
    },
  };
}
