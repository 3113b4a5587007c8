// Files through node:fs. Plain calls are the synchronous ones of the runtime, followed by what makes
// them durable. Calls that are heard of later run one after another per path on one handle that
// stays open, in the runtime's thread pool, so that a slow device never stops the loop.
//
// What Java leaves out is done here: the folder is flushed after a file was made, renamed or
// removed (FileTxnLog and AtomicFileOutputStream flush the file only).

import * as fs from "node:fs";
import { dirname } from "node:path";
import { setImmediate } from "node:timers";
import { Fault } from "../base/errors.ts";
import type { Disk, Done } from "../ports.ts";
import { closeLater, keepHandles, openLater, withSpare } from "./handles.ts";
import { diskFault, systemCode } from "./system_errors.ts";

/** So much is read and written at a time when a file is written once more. */
const REWRITE_PIECE = 1 << 20;

/** One call on a path: calls `done` when it is over, with what went wrong. */
type Call = (file: OpenFile, done: (error: unknown, doing: string) => void) => void;

interface Waiting {
  readonly call: Call;
  readonly done: Done | undefined;
}

class OpenFile {
  readonly path: string;
  handle: number | null = null;
  /** The name of the file is not yet durable. */
  isNew = false;
  /** Changed since the last flush. */
  isDirty = false;
  isBusy = false;
  fault: Fault | null = null;
  readonly waiting: Waiting[] = [];

  constructor(path: string) {
    this.path = path;
  }
}

export class HostDisk implements Disk {
  readonly #open = new Map<string, OpenFile>();

  constructor() {
    keepHandles();
  }

  list(dir: string): string[] | null {
    try {
      return withSpare(() => fs.readdirSync(dir)).sort();
    } catch (error) {
      if (systemCode(error) === "ENOENT") return null;
      throw diskFault(error, "listing the folder", dir);
    }
  }

  makeDir(dir: string): void {
    attempt("making the folder", dir, () => {
      const first = fs.mkdirSync(dir, { recursive: true });
      if (first === undefined) return;
      for (let made = dir; made.length >= first.length; made = dirname(made)) {
        flushFolder(dirname(made));
      }
    });
  }

  isWritable(dir: string): boolean {
    try {
      fs.accessSync(dir, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
      // Deno looks at the mode only, which says nothing of a file system mounted read-only.
      const probe = `${dir}/.zkpeer-probe`;
      withSpare(() => fs.closeSync(fs.openSync(probe, "w")));
      fs.rmSync(probe);
      return true;
    } catch (error) {
      // A full disk is told when something is written; whatever else: the caller says what it
      // wanted the folder for.
      return systemCode(error) === "ENOSPC" || systemCode(error) === "EDQUOT";
    }
  }

  size(path: string): number | null {
    try {
      return fs.statSync(path).size;
    } catch (error) {
      if (systemCode(error) === "ENOENT") return null;
      throw diskFault(error, "looking at the file", path);
    }
  }

  read(path: string, from = 0, length?: number): Uint8Array {
    return attempt("reading", path, () =>
      withHandle(path, "r", (handle) => {
        const left = Math.max(0, fs.fstatSync(handle).size - from);
        const bytes = new Uint8Array(length === undefined ? left : Math.min(left, length));
        let filled = 0;
        while (filled < bytes.length) {
          const count = fs.readSync(handle, bytes, filled, bytes.length - filled, from + filled);
          if (count === 0) break;
          filled += count;
        }
        return filled === bytes.length ? bytes : bytes.slice(0, filled);
      }));
  }

  truncate(path: string, length: number): void {
    attempt("setting the length", path, () =>
      withHandle(path, "r+", (handle) => {
        fs.ftruncateSync(handle, length);
        fs.fsyncSync(handle);
      }));
  }

  remove(path: string): void {
    attempt("removing", path, () => {
      fs.rmSync(path, { force: true });
      flushFolder(dirname(path));
    });
    this.release(path); // else what is written next would go into a file without a name
  }

  rewrite(path: string, from: number, to: number): void {
    attempt("writing once more", path, () => {
      withHandle(path, "r+", (handle) => {
        const piece = new Uint8Array(Math.min(REWRITE_PIECE, to - from));
        for (let at = from; at < to;) {
          const count = fs.readSync(handle, piece, 0, Math.min(piece.length, to - at), at);
          if (count === 0) break;
          for (let put = 0; put < count;) {
            put += fs.writeSync(handle, piece, put, count - put, at + put);
          }
          at += count;
        }
        fs.fsyncSync(handle);
      });
      flushFolder(dirname(path));
    });
  }

  replaceNow(path: string, bytes: Uint8Array): void {
    attempt("replacing", path, () => {
      const temporary = `${path}.tmp`;
      withHandle(temporary, "w", (handle) => {
        for (let at = 0; at < bytes.length;) {
          at += fs.writeSync(handle, bytes, at, bytes.length - at, at);
        }
        fs.fsyncSync(handle);
      });
      fs.renameSync(temporary, path);
      flushFolder(dirname(path));
    });
  }

  free(path: string): number | null {
    try {
      const { bavail, bsize } = fs.statfsSync(path);
      return bavail * bsize;
    } catch {
      return null; // not every file system says; the caller takes null for "unknown"
    }
  }

  write(path: string, at: number, bytes: Uint8Array, done?: Done): void {
    this.#submit(path, (file, over) => {
      withOpen(file, over, (handle) => {
        file.isDirty = true;
        writeAll(handle, bytes, 0, at, over);
      });
    }, done);
  }

  resize(path: string, length: number): void {
    this.#submit(path, (file, over) => {
      withOpen(file, over, (handle) => {
        file.isDirty = true;
        fs.ftruncate(handle, length, (error) => over(error, "setting the length"));
      });
    });
  }

  flush(path: string, done: Done): void {
    this.#submit(path, flushFile, done);
  }

  rename(path: string, to: string, done: Done): void {
    this.#submit(path, (file, over) => {
      flushFile(file, (error, doing) => {
        if (error !== null) return over(error, doing);
        fs.rename(path, to, (error) => {
          if (error !== null) return over(error, `renaming to ${to}`);
          flushFolderLater(dirname(to), over);
        });
      });
    }, done);
    this.release(path);
  }

  release(path: string): void {
    if (this.#open.has(path)) this.#submit(path, close);
  }

  discard(path: string, done: Done): void {
    this.#submit(path, (_file, over) => {
      fs.rm(path, { force: true }, (error) => over(error, "removing"));
    }, done);
    this.release(path);
  }

  #submit(path: string, call: Call, done?: Done): void {
    let file = this.#open.get(path);
    if (file === undefined) {
      file = new OpenFile(path);
      this.#open.set(path, file);
    }
    file.waiting.push({ call, done });
    if (!file.isBusy) this.#run(file);
  }

  #run(file: OpenFile): void {
    const waiting = file.waiting.shift();
    if (waiting === undefined) {
      if (file.handle === null && file.fault === null) this.#open.delete(file.path);
      return;
    }
    const { call, done } = waiting;
    file.isBusy = true;
    const over = (error: unknown, doing: string) => {
      if (error !== null && error !== undefined && file.fault === null) {
        file.fault = diskFault(error, doing, file.path);
      }
      const fault = file.fault;
      if (call === close) file.fault = null; // what follows is a new beginning
      file.isBusy = false;
      this.#run(file);
      done?.(fault);
    };
    if (file.fault === null || call === close) call(file, over);
    else setImmediate(() => over(null, ""));
  }
}

const close: Call = (file, over) => {
  const handle = file.handle;
  file.handle = null;
  file.isNew = false;
  file.isDirty = false;
  if (handle === null) return void setImmediate(() => over(null, ""));
  closeLater(handle, (error) => over(error, "closing"));
};

const flushFile: Call = (file, over) => {
  withOpen(file, over, (handle) => {
    if (!file.isDirty && !file.isNew) return void setImmediate(() => over(null, ""));
    const named = () => {
      if (!file.isNew) return over(null, "");
      file.isNew = false;
      flushFolderLater(dirname(file.path), over);
    };
    if (!file.isDirty) return named();
    file.isDirty = false;
    fs.fdatasync(handle, (error) => error === null ? named() : over(error, "flushing"));
  });
};

/** Gives the handle of the file to `use`, opening or making the file first. */
function withOpen(
  file: OpenFile,
  over: (error: unknown, doing: string) => void,
  use: (handle: number) => void,
): void {
  if (file.handle !== null) return use(file.handle);
  const opened = (error: unknown, handle: number) => {
    if (error !== null) return over(error, "opening");
    file.handle = handle;
    use(handle);
  };
  openLater(file.path, "r+", (error, handle) => {
    if (error === null || systemCode(error) !== "ENOENT") return opened(error, handle);
    file.isNew = true;
    openLater(file.path, "w+", opened);
  });
}

function writeAll(
  handle: number,
  bytes: Uint8Array,
  from: number,
  at: number,
  over: (error: unknown, doing: string) => void,
): void {
  fs.write(handle, bytes, from, bytes.length - from, at, (error, count) => {
    if (error !== null || from + count === bytes.length) return over(error, "writing");
    writeAll(handle, bytes, from + count, at + count, over);
  });
}

function flushFolderLater(dir: string, over: (error: unknown, doing: string) => void): void {
  openLater(dir, "r", (error, handle) => {
    if (error !== null) return over(error, "opening the folder");
    fs.fsync(handle, (flushError) => {
      closeLater(handle, (error) => over(flushError ?? error, "flushing the folder"));
    });
  });
}

function flushFolder(dir: string): void {
  withHandle(dir, "r", (handle) => fs.fsyncSync(handle));
}

function withHandle<T>(path: string, flags: string, use: (handle: number) => T): T {
  return withSpare(() => {
    const handle = fs.openSync(path, flags);
    try {
      return use(handle);
    } finally {
      fs.closeSync(handle);
    }
  });
}

function attempt<T>(doing: string, path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw diskFault(error, doing, path);
  }
}
