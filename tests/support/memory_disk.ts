// A disk in memory for tests of the store: knows what is durable and what is only written, can lose
// power at any moment (what was not flushed survives in part, the last write torn), be full, or fail.
// Calls that are heard of later wait until the test lets them run.

import { Fault } from "../../lib/base/errors.ts";
import type { Disk, Done } from "../../lib/ports.ts";

interface Change {
  readonly at: number;
  /** Null: the length becomes `at`. */
  readonly bytes: Uint8Array | null;
}

class MemoryFile {
  bytes = new Uint8Array(0);
  /** Content that survives any crash; null when even the name would not. */
  durable: Uint8Array | null = null;
  pending: Change[] = [];

  change(change: Change): void {
    this.pending.push(change);
    this.bytes = changed(this.bytes, change);
  }

  flush(): void {
    this.durable = this.bytes;
    this.pending = [];
  }
}

function changed(bytes: Uint8Array, { at, bytes: added }: Change): Uint8Array<ArrayBuffer> {
  const length = added === null ? at : Math.max(bytes.length, at + added.length);
  const result = new Uint8Array(length);
  result.set(bytes.subarray(0, length));
  if (added !== null) result.set(added, at);
  return result;
}

interface Call {
  readonly path: string;
  /** Null: the path is released. */
  readonly run: (() => void) | null;
  readonly done: Done | undefined;
}

export class MemoryDisk implements Disk {
  readonly files = new Map<string, MemoryFile>();
  readonly dirs = new Set<string>();
  readonly #calls: Call[] = [];
  readonly #faults = new Map<string, Fault>();
  /** Files that were discarded, and may be there again after a crash. */
  readonly #ghosts = new Map<string, Uint8Array>();
  /** All files together may not be longer than this. */
  capacity = Infinity;
  freeBytes: number | null = null;
  /** Writes whose path matches fail with a fault of the disk. */
  failing: RegExp | null = null;
  isReadOnly = false;
  /** How many calls have been run, and flushes among them. */
  ran = 0;
  flushes = 0;

  /** Whole state after the power went: random parts of what was not flushed are there. */
  crash(below: (n: number) => number): MemoryDisk {
    const after = new MemoryDisk();
    for (const dir of this.dirs) after.dirs.add(dir);
    for (const [path, bytes] of this.#ghosts) {
      if (below(2) === 0) after.put(path, bytes);
    }
    for (const [path, file] of this.files) {
      if (file.durable === null && below(2) === 0) continue; // its name was never flushed
      const kept = below(file.pending.length + 1);
      let bytes = file.durable ?? new Uint8Array(0);
      for (const change of file.pending.slice(0, kept)) bytes = changed(bytes, change);
      const torn = file.pending[kept];
      if (torn !== undefined && torn.bytes !== null && torn.bytes.length > 0) {
        const length = below(torn.bytes.length + 1);
        bytes = changed(bytes, { at: torn.at, bytes: torn.bytes.subarray(0, length) });
      }
      after.put(path, bytes);
    }
    return after;
  }

  /** Whole state after the process was killed: what was written is there, flushed or not. */
  kill(): MemoryDisk {
    const after = new MemoryDisk();
    for (const dir of this.dirs) after.dirs.add(dir);
    for (const [path, file] of this.files) after.put(path, file.bytes);
    return after;
  }

  put(path: string, bytes: Uint8Array): void {
    const file = new MemoryFile();
    file.bytes = bytes.slice();
    file.flush();
    this.files.set(path, file);
    for (let dir = parent(path); dir !== ""; dir = parent(dir)) this.dirs.add(dir);
  }

  get(path: string): Uint8Array {
    const file = this.files.get(path);
    if (file === undefined) throw this.#fault("DISK", "no such file", path);
    return file.bytes;
  }

  /** Runs calls until none are left, or only `limit` of them. */
  run(limit = Infinity): number {
    let count = 0;
    for (; count < limit; count++) {
      const call = this.#calls.shift();
      if (call === undefined) break;
      this.#perform(call);
    }
    return count;
  }

  get waiting(): number {
    return this.#calls.length;
  }

  list(dir: string): string[] | null {
    if (!this.dirs.has(dir)) return null;
    const names = new Set<string>();
    for (const path of [...this.files.keys(), ...this.dirs]) {
      if (parent(path) === dir) names.add(path.slice(dir.length + 1));
    }
    return [...names].sort();
  }

  makeDir(dir: string): void {
    if (this.isReadOnly) throw this.#fault("DISK", "read-only", dir);
    for (let at = dir; at !== ""; at = parent(at)) this.dirs.add(at);
  }

  isWritable(dir: string): boolean {
    return this.dirs.has(dir) && !this.isReadOnly;
  }

  size(path: string): number | null {
    return this.files.get(path)?.bytes.length ?? null;
  }

  read(path: string, from = 0, length = Infinity): Uint8Array {
    return this.get(path).slice(from, from + length);
  }

  truncate(path: string, length: number): void {
    this.get(path);
    const file = this.files.get(path);
    file?.change({ at: length, bytes: null });
    file?.flush();
  }

  rewrite(path: string, from: number, to: number): void {
    const bytes = this.get(path).slice(from, to);
    const file = this.files.get(path);
    file?.change({ at: from, bytes });
    file?.flush();
  }

  remove(path: string): void {
    this.files.delete(path);
    this.#ghosts.delete(path);
  }

  replaceNow(path: string, bytes: Uint8Array): void {
    this.#checkFailing(path);
    this.#checkRoom(path, bytes.length);
    this.put(path, bytes);
  }

  free(_path: string): number | null {
    return this.freeBytes;
  }

  write(path: string, at: number, bytes: Uint8Array, done?: Done): void {
    this.#submit(path, done, () => {
      const file = this.#file(path);
      this.#checkRoom(path, at + bytes.length);
      file.change({ at, bytes: bytes.slice() });
    });
  }

  resize(path: string, length: number): void {
    this.#submit(path, undefined, () => this.#file(path).change({ at: length, bytes: null }));
  }

  flush(path: string, done: Done): void {
    this.#submit(path, done, () => {
      this.flushes += 1;
      this.#file(path).flush();
    });
  }

  rename(path: string, to: string, done: Done): void {
    this.#submit(path, done, () => {
      const file = this.#file(path);
      file.flush();
      this.files.delete(path);
      this.files.set(to, file);
    });
    this.release(path);
  }

  release(path: string): void {
    this.#calls.push({ path, done: undefined, run: null });
  }

  discard(path: string, done: Done): void {
    this.#submit(path, done, () => {
      const durable = this.files.get(path)?.durable ?? null;
      if (durable !== null) this.#ghosts.set(path, durable);
      this.files.delete(path);
    });
    this.release(path);
  }

  #submit(path: string, done: Done | undefined, change: () => void): void {
    this.#calls.push({
      path,
      done,
      run: () => {
        this.#checkFailing(path);
        change();
      },
    });
  }

  #perform({ path, run, done }: Call): void {
    this.ran += 1;
    if (run === null) return void this.#faults.delete(path);
    try {
      if (!this.#faults.has(path)) run();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#faults.set(path, error);
    }
    done?.(this.#faults.get(path) ?? null);
  }

  #file(path: string): MemoryFile {
    let file = this.files.get(path);
    if (file !== undefined) return file;
    if (!this.dirs.has(parent(path))) throw this.#fault("DISK", "no such folder", path);
    file = new MemoryFile();
    this.files.set(path, file);
    return file;
  }

  #checkFailing(path: string): void {
    if (this.failing?.test(path)) throw this.#fault("DISK", "the device failed", path);
  }

  #checkRoom(path: string, length: number): void {
    let used = 0;
    for (const [name, file] of this.files) if (name !== path) used += file.bytes.length;
    if (used + length > this.capacity) throw this.#fault("DISK_FULL", "no space left", path);
  }

  #fault(code: "DISK" | "DISK_FULL", text: string, where: string): Fault {
    return new Fault(code, text, { where });
  }
}

const parent = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));
