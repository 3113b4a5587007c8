// All that a peer may know of the world: interfaces only. lib/host implements them with sockets,
// files and timers; lib/sim with virtual ones. Completions are callbacks, never promises, so that a
// whole ensemble can run in plain calls (architecture.md 1.2).

import type { Fault } from "./base/errors.ts";

export type Millis = number;

export interface Instant {
  /** Monotonic; never goes back. */
  readonly mono: Millis;
  /** Since 1970; may jump. */
  readonly wall: Millis;
}

export interface Clock {
  now(): Instant;
  /** Wakes once at or after `mono`; a later call replaces the earlier, null cancels. */
  wakeAt(mono: Millis | null, wake: () => void): void;
  /** Runs `task` after the work at hand, before anything that is waited for. */
  soon(task: () => void): void;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Closable {
  close(): void;
}

export interface LinkEar {
  /** `chunk` is the ear's to keep. */
  bytes(chunk: Uint8Array): void;
  /** After {@link Link.write} said false: write on. */
  drained(): void;
  /**
   * The other side will send no more but may still read: answer, then {@link Link.end}. An ear
   * without this method has its link ended for it.
   */
  ended?(): void;
  /** The last call. Null: the other side closed in good order. */
  closed(why: Fault | null): void;
}

export interface Link {
  readonly remote: Address;
  readonly local: Address;
  /** Nothing is read before the first call; a later one replaces the ear. */
  attach(ear: LinkEar): void;
  /** False: hold back until `drained`. The bytes belong to the link from here on. */
  write(bytes: Uint8Array): boolean;
  /** Bytes written and not yet taken by the system. */
  readonly queued: number;
  /** True: stop reading, so that the other side feels it. */
  hold(on: boolean): void;
  /**
   * Sends what was written, then closes; `closed` follows. Bytes of the other side may still come
   * until then. A side that never takes the rest is cut off after a while.
   */
  end(): void;
  /** Closes at once; `closed` is not called. */
  destroy(): void;
}

export interface ListenOptions {
  readonly backlog?: number;
  readonly keepAlive?: boolean;
  /** Trouble of a listener that goes on listening: no more file handles, say. */
  readonly troubled?: (fault: Fault) => void;
}

export interface Network {
  /**
   * `ready` hears the bound address (port 0 asks the system for one) or why it could not be; never
   * from within the call. Closing stops listening and leaves accepted links alone.
   */
  listen(
    at: Address,
    accepted: (link: Link) => void,
    ready: (bound: Address | Fault) => void,
    options?: ListenOptions,
  ): Closable;
  /**
   * Resolves the name afresh at each call and tries every address it has. `done` is called exactly
   * once and never from within the call, or not at all when the dial was closed before.
   */
  dial(to: Address, within: Millis, done: (link: Link | Fault) => void): Closable;
}

/** One request over HTTP and its answer. Head first, then bytes, then `end`. */
export interface HttpExchange {
  readonly method: string;
  /** As sent: path and query. */
  readonly target: string;
  /** Names in small letters; repeated ones joined. */
  readonly headers: ReadonlyMap<string, string>;
  readonly remote: Address;
  /**
   * Hands over the body; without this call it is thrown away. `ended` and `broken` come once and
   * never both, nor after {@link destroy}.
   */
  receive(ear: { bytes(chunk: Uint8Array): void; ended(): void; broken(): void }): void;
  /** True: read no more of the body for now. */
  hold(on: boolean): void;
  answer(status: number, headers: Readonly<Record<string, string>>): void;
  /** False: hold back until `drained`. The bytes belong to the exchange from here on. */
  write(bytes: Uint8Array): boolean;
  end(): void;
  /** Breaks the connection off: the other side sees that the answer is not whole. */
  destroy(): void;
  /** What becomes of the answer: room again, or nobody there any more. */
  onDrained: () => void;
  onGone: () => void;
}

export interface HttpOptions {
  /** A connection on which nothing moves for so long is closed; 0 for never. */
  readonly idleMs: Millis;
}

export interface Http {
  /** As {@link Network.listen}; closing breaks what is under way off. */
  listen(
    at: Address,
    asked: (exchange: HttpExchange) => void,
    ready: (bound: Address | Fault) => void,
    options: HttpOptions,
  ): Closable;
}

/** Files. Names are relative to nothing: callers give whole paths with `/`. */
export interface Disk {
  // Before and while serving: plain calls, for what is small or happens at start. They throw Fault.
  // What they change is durable when they return, names in folders too. They do not wait for calls
  // of the second kind that are under way on the same path: callers keep the two apart.
  /** Names in a folder, sorted; null when there is no such folder. */
  list(dir: string): string[] | null;
  /** Creates a folder with its parents. */
  makeDir(dir: string): void;
  /** Whether files can be made and changed in this folder. */
  isWritable(dir: string): boolean;
  /** Length in bytes; null when there is no such file. */
  size(path: string): number | null;
  /** Bytes of a file, or of a part of it: fewer than asked for at its end. The caller's to keep. */
  read(path: string, from?: number, length?: number): Uint8Array;
  truncate(path: string, length: number): void;
  /** A file that is not there is no fault. What is written to `path` afterwards is a new file. */
  remove(path: string): void;
  /**
   * Writes the bytes `[from, to)` of a file once more, as they can be read. After a flush that
   * failed the system may show bytes that the device does not have and that no other flush writes.
   */
  rewrite(path: string, from: number, to: number): void;
  /** Writes a small file so that a crash leaves the old or the new one: temp, flush, rename. */
  replaceNow(path: string, bytes: Uint8Array): void;
  /** Free bytes of the file system that holds `path`; null when unknown. */
  free(path: string): number | null;

  // While serving: submit now, hear later. Calls on one path are done in order. After one has
  // failed, everything on that path fails with the same fault until `release`.
  /**
   * Writes at an offset, making the file when there is none and extending it with zeros when the
   * offset lies beyond its end. The bytes belong to the disk until the write is done.
   */
  write(path: string, at: number, bytes: Uint8Array, done?: Done): void;
  /** Sets the length: zeros are added, or the tail is cut. */
  resize(path: string, length: number): void;
  /** All calls on `path` so far, and its name, are durable when `done(null)` is called. */
  flush(path: string, done: Done): void;
  /** Flushes, gives the file its final name, replacing what had it, and makes that durable. */
  rename(path: string, to: string, done: Done): void;
  /** No more writes to `path` for now: gives the handle back when all calls so far are done. */
  release(path: string): void;
  /** Removes a file that nobody needs: after a crash it may be there again. */
  discard(path: string, done: Done): void;
}

/** Null: done. Never called from within the call that it completes. */
export type Done = (fault: Fault | null) => void;

export interface Random {
  /** Uniform in [0, n). `why` names the draw, so that a trace can be read. */
  below(n: number, why: string): number;
  bytes(n: number, why: string): Uint8Array;
}

export type Level = "error" | "warn" | "info" | "debug";

/** What happened, as data; the shell makes lines of it. */
export interface Trace {
  note(level: Level, area: string, text: string, detail?: Readonly<Record<string, unknown>>): void;
}
