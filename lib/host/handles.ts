// Handles of files. A few are kept back: strangers can take all that the system gives a process by
// dialling it, and a log that cannot begin its next file then would end the server. What is given
// out of these is taken again with the next file that is closed, in one go with its closing, so that
// no caller comes in between.

import * as fs from "node:fs";
import { devNull } from "node:os";
import { setImmediate } from "node:timers";
import { systemCode } from "./system_errors.ts";

/** A new log, the one before it, a snapshot and their folders, and then some. */
const KEPT = 8;

type Opened = (error: unknown, handle: number) => void;

const kept: number[] = [];

/** Takes back what is missing, as far as there is any. */
export function keepHandles(): void {
  try {
    while (kept.length < KEPT) kept.push(fs.openSync(devNull, "r"));
  } catch {
    return; // none left: they are tried for again with the next file that is closed
  }
}

function isShortage(error: unknown): boolean {
  const code = systemCode(error);
  return code === "EMFILE" || code === "ENFILE";
}

/** Whether there is a handle more since `error`, which was for want of one. */
function giveOne(error: unknown): boolean {
  const handle = isShortage(error) ? kept.pop() : undefined;
  if (handle === undefined) return false;
  fs.closeSync(handle);
  return true;
}

/** What `use` gives; it opens something, and closes it again before it is done. */
export function withSpare<T>(use: () => T): T {
  try {
    return use();
  } catch (error) {
    if (!giveOne(error)) throw error;
    try {
      return use();
    } finally {
      keepHandles();
    }
  }
}

/** As `fs.open`. */
export function openLater(path: string, flags: string, opened: Opened): void {
  fs.open(path, flags, (error, handle) => {
    if (error === null || !giveOne(error)) return opened(error, handle);
    try {
      handle = fs.openSync(path, flags); // at once: nobody else gets it
    } catch (again) {
      return opened(again, handle);
    }
    opened(null, handle);
  });
}

/** As `fs.close`. */
export function closeLater(handle: number, closed: (error: unknown) => void): void {
  if (kept.length === KEPT) return fs.close(handle, closed);
  let trouble: unknown = null;
  try {
    fs.closeSync(handle);
  } catch (error) {
    trouble = error;
  }
  keepHandles();
  setImmediate(() => closed(trouble));
}
