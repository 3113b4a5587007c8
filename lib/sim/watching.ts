// What one simulated client watches, and what it must have been told of by then: a change is told
// before any reply that shows it, to whoever watches it in whichever way, and nobody is told of what
// he does not watch (client.md 6). Decides nothing of what is watched: workload.ts does.

import { hex, type Zxid } from "../base/ids.ts";
import type { Stat } from "../records/data.ts";

/** Types of events, as on the wire. */
export const Change = { created: 1, deleted: 2, data: 3, children: 4 } as const;
export type Change = (typeof Change)[keyof typeof Change];

/** Watches that one event uses up. */
export type OnceKind = "data" | "exist" | "child";

/** One that stays: armed again after a reconnect, but what happened meanwhile is not told. */
interface Standing {
  readonly path: string;
  readonly isRecursive: boolean;
  /** From here on all is told; null: since a moment after the reconnect that no reply has shown. */
  since: Zxid | null;
  /** The last event of each type and path of this connection. */
  readonly told: Map<string, Zxid>;
  events: number;
}

/** After so many events a client is tired of a watch that stays. */
const EVENTS_ENOUGH = 3;

export class Watching {
  /** Where each stood when it was armed: a change above it must fire it. */
  readonly #once: Readonly<Record<OnceKind, Map<string, Zxid>>> = {
    data: new Map(),
    exist: new Map(),
    child: new Map(),
  };
  readonly #standing = new Map<string, Standing>();

  arm(kind: OnceKind, path: string, at: Zxid): void {
    this.#once[kind].set(path, at);
  }

  stand(path: string, isRecursive: boolean, at: Zxid): void {
    this.#standing.set(path, { path, isRecursive, since: at, told: new Map(), events: 0 });
  }

  isStanding(path: string): boolean {
    return this.#standing.has(path);
  }

  /** It was removed: nothing more is told. */
  fall(path: string): void {
    this.#standing.delete(path);
  }

  /** The session is over. */
  clear(): void {
    for (const armed of Object.values(this.#once)) armed.clear();
    this.#standing.clear();
  }

  disconnected(): void {
    for (const standing of this.#standing.values()) {
      standing.since = null;
      standing.told.clear();
    }
  }

  /** A reply of this connection, which has its watches by then. */
  heard(zxid: Zxid): void {
    for (const standing of this.#standing.values()) standing.since ??= zxid;
  }

  /** An event; says what is wrong with it. */
  event(type: number, path: string, zxid: Zxid): string | null {
    let isWatched = false;
    for (const kind of ONCE_OF.get(type) ?? []) {
      if (this.#once[kind].delete(path)) isWatched = true;
    }
    for (const standing of this.#standing.values()) {
      if (!covers(standing, type, path)) continue;
      isWatched = true;
      standing.events += 1;
      standing.told.set(`${type}${path}`, zxid);
    }
    return isWatched ? null : `an event for ${path}, which it does not watch`;
  }

  /** The watch that was told enough, once; null: there is none. */
  tired(): Readonly<Standing> | null {
    for (const standing of this.#standing.values()) {
      if (standing.events < EVENTS_ENOUGH) continue;
      standing.events = -Infinity;
      return standing;
    }
    return null;
  }

  /** A reply shows a change made at `at`: whoever watches it has been told. Says what is wrong. */
  shown(type: Change, path: string, at: Zxid): string | null {
    return this.#untold(type, path, at, `read ${path} as of ${at} before`);
  }

  /** Of the end: the last change of each kind that there is was told. */
  judge(nodes: ReadonlyMap<string, Stat>): string[] {
    const wrong: string[] = [];
    for (const [path, stat] of nodes) {
      const last: readonly (readonly [Change, Zxid])[] = [
        [Change.data, stat.version > 0 ? stat.mzxid : -1n],
        [Change.created, stat.czxid],
        [Change.children, stat.pzxid > stat.czxid ? stat.pzxid : -1n],
      ];
      for (const [type, at] of last) {
        const fault = this.#untold(type, path, at, `the change of ${at} came, and never`);
        if (fault !== null) wrong.push(fault);
      }
    }
    return wrong;
  }

  #untold(type: Change, path: string, at: Zxid, what: string): string | null {
    const kind = OF_CHANGE[type];
    const armed = kind === null ? undefined : this.#once[kind].get(path);
    if (armed !== undefined && at > armed) {
      return `${what} the ${kind} watch of ${path} armed at ${armed} fired`;
    }
    for (const standing of this.#standing.values()) {
      const { since, told } = standing;
      if (since === null || at <= since || !covers(standing, type, path)) continue;
      if ((told.get(`${type}${path}`) ?? -1n) >= at) continue;
      return `${what} the standing watch of ${standing.path} told of it, since ${hex(since)}`;
    }
    return null;
  }
}

/** What each change of a node uses up; a deletion is not told twice. */
const ONCE_OF: ReadonlyMap<number, readonly OnceKind[]> = new Map([
  [Change.created, ["exist"]],
  [Change.deleted, ["data", "exist", "child"]],
  [Change.data, ["data", "exist"]],
  [Change.children, ["child"]],
]);

const OF_CHANGE: Readonly<Record<Change, OnceKind | null>> = {
  [Change.created]: "exist",
  [Change.deleted]: null,
  [Change.data]: "data",
  [Change.children]: "child",
};

function covers({ path, isRecursive }: Standing, type: number, at: string): boolean {
  if (at === path) return !isRecursive || type !== Change.children;
  return isRecursive && type !== Change.children && at.startsWith(`${path}/`);
}
