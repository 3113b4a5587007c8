// Which request armed the watch that an event comes from (client.md 6): by path, with the rules of
// each kind. Per connection, as on the server. Only kept when messages are wanted.

import { ErrorCode, OpCode } from "../txn/opcodes.ts";
import type { Asked } from "./pending.ts";
import { removedBy, watchesOf } from "./watch_requests.ts";

/** What armed a watch. */
export interface Armed {
  readonly op: string;
  readonly message: number;
  readonly time: number;
}

export type WatchKind = "data" | "exists" | "child" | "persistent" | "recursive";

const WATCHES_MAX = 100_000;
const CREATED = 1;
const DELETED = 2;
const CHILDREN = 4;

export class Watches {
  readonly #armed: Record<WatchKind, Map<string, Armed>> = {
    data: new Map(),
    exists: new Map(),
    child: new Map(),
    persistent: new Map(),
    recursive: new Map(),
  };
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Nothing is watched any more. */
  clear(): void {
    for (const armed of Object.values(this.#armed)) armed.clear();
    this.#size = 0;
  }

  /** A request was answered: whatever watch it asked for is armed now, or gone. */
  answered(request: Asked, op: number, error: number, time: number): void {
    if (op === OpCode.removeWatches) {
      if (error !== ErrorCode.OK) return;
      for (const { kind, path } of removedBy(request)) {
        if (this.#armed[kind].delete(path)) this.#size -= 1;
      }
      return;
    }
    if (error !== ErrorCode.OK && !(op === OpCode.exists && error === ErrorCode.NONODE)) return;
    for (const { kind, path } of watchesOf(request, op, error)) {
      const armed = this.#armed[kind];
      if (!armed.has(path)) {
        if (this.#size >= WATCHES_MAX) return;
        this.#size += 1;
      }
      armed.set(path, { op: request.name, message: request.n, time });
    }
  }

  /** What armed the watch behind an event; null when that was not captured. */
  fired(type: number, path: string): Armed | null {
    const kinds: WatchKind[] = type === CHILDREN
      ? ["child"]
      : type === DELETED
      ? ["data", "exists", "child"]
      : type === CREATED
      ? ["exists", "data"]
      : ["data", "exists"];
    let found: Armed | null = null;
    for (const kind of kinds) {
      const armed = this.#armed[kind].get(path);
      if (armed === undefined) continue;
      // One event uses up every standard watch it stands for.
      this.#armed[kind].delete(path);
      this.#size -= 1;
      found ??= armed;
    }
    // A recursive watch is told of each child, and not that there are others.
    const wider = type === CHILDREN ? null : this.#recursive(path);
    return found ?? this.#armed.persistent.get(path) ?? wider;
  }

  #recursive(path: string): Armed | null {
    for (let at = path; at !== "";) {
      const armed = this.#armed.recursive.get(at);
      if (armed !== undefined) return armed;
      if (at === "/") return null;
      const slash = at.lastIndexOf("/");
      at = slash <= 0 ? "/" : at.slice(0, slash);
    }
    return null;
  }
}
