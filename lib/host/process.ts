// The process as its supervisor sees it: signals that ask it to end, and the exit codes by which it
// says why it did. The codes are Java's (ExitCode, operations.md 7), so that units and charts made
// for it keep working; unlike Java we never exit 0 after a failed log write.

import process from "node:process";
import { setTimeout } from "node:timers";
import { type Fault, isFault } from "../base/errors.ts";

export const ExitCode = {
  done: 0,
  unexpected: 1,
  invocation: 2,
  dataDir: 3,
  admin: 4,
  disk: 10,
  commitMismatch: 12,
  quorumPacket: 13,
  electionPort: 14,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** The code that tells a supervisor what kind of fault ended the process. */
export function exitCodeOf(error: unknown): ExitCode {
  return isFault(error) ? codeOfFault(error) : ExitCode.unexpected;
}

function codeOfFault(fault: Fault): ExitCode {
  switch (fault.code) {
    case "CONFIG":
      return ExitCode.invocation;
    case "DATA_DIR":
      return ExitCode.dataDir;
    case "DISK":
    case "DISK_FULL":
      return ExitCode.disk;
    default:
      return ExitCode.unexpected;
  }
}

const ENDING = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
export type EndingSignal = (typeof ENDING)[number];

/** How a process that was ended by a signal is expected to exit: 128 and the signal's number. */
export const exitCodeOfSignal = (signal: EndingSignal): number =>
  128 + { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }[signal];

/**
 * Calls `asked` at the first signal that asks the process to end; a second one ends it at once.
 * Returns how to stop listening.
 */
export function onEndingSignal(asked: (signal: EndingSignal) => void): () => void {
  let count = 0;
  const heard = (signal: EndingSignal) => {
    count += 1;
    if (count === 1) asked(signal);
    else process.exit(exitCodeOfSignal(signal));
  };
  const ears = ENDING.map((signal) => ({ signal, ear: () => heard(signal) }));
  for (const { signal, ear } of ears) process.on(signal, ear);
  return () => {
    for (const { signal, ear } of ears) process.off(signal, ear);
  };
}

/** Calls `failed` with what nobody caught: a mistake of ours, after which nothing can be trusted. */
export function onUncaught(failed: (error: unknown) => void): () => void {
  process.on("uncaughtException", failed);
  process.on("unhandledRejection", failed);
  return () => {
    process.off("uncaughtException", failed);
    process.off("unhandledRejection", failed);
  };
}

/** Ends the process now. */
export function exit(code: number): never {
  process.exit(code);
}

/**
 * Lets the process end by itself, which links may hold up whose other side does not close, but ends
 * it after `graceMs` all the same.
 */
export function exitWithin(graceMs: number, code: number): void {
  setTimeout(() => process.exit(code), graceMs).unref();
}

export interface MemoryUse {
  /** What the system counts for the process, in bytes. */
  readonly resident: number;
  readonly heapUsed: number;
  readonly heapTotal: number;
  /** Buffers outside the heap. */
  readonly external: number;
}

export function memoryUse(): MemoryUse {
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
  return { resident: rss, heapUsed, heapTotal, external };
}
