// Who wants to hear of which change (client.md 6). Two tables, keyed by path as sent; a watch
// belongs to a connection and dies with it. Watch paths are never checked against the tree.
//
// Must agree with Java's WatchManager, WatcherMode and DataTree.setWatches in what fires, how often
// and in which order; the order among connections is free.

import type { Zxid } from "../base/ids.ts";
import type { ACL } from "../records/data.ts";
import { Counts } from "./counts.ts";
import { TextMap } from "./text_map.ts";

/** A client connection, as far as watches know it. */
export interface Watcher {
  /** `zxid` is −1 for events that setWatches makes up. */
  notify(type: number, path: string, zxid: Zxid): void;
  /** Whether this connection may READ what has this list; null is open to the world. */
  canRead(acl: readonly ACL[] | null): boolean;
}

export const EventType = {
  NodeCreated: 1,
  NodeDeleted: 2,
  NodeDataChanged: 3,
  NodeChildrenChanged: 4,
} as const;
export type EventType = (typeof EventType)[keyof typeof EventType];

/** Modes are bits: one connection may have each of them on one path. */
export const WatchMode = { standard: 1, persistent: 2, recursive: 4 } as const;
export type WatchMode = (typeof WatchMode)[keyof typeof WatchMode];

/** The modes of addWatch (client.md 6.1). */
export const AddWatchMode = { persistent: 0, persistentRecursive: 1 } as const;
/** The types of checkWatches and removeWatches (client.md 6.5). */
export const WatcherType = {
  children: 1,
  data: 2,
  any: 3,
  persistent: 4,
  persistentRecursive: 5,
} as const;

/**
 * Stands for a null path, which addWatch and setWatches2 accept as Java's do. No text that was
 * decoded holds half a surrogate pair, so this is nobody's path and never fires.
 */
export const NULL_PATH = "\ud800";

const ALL_MODES = WatchMode.standard | WatchMode.persistent | WatchMode.recursive;

/** One path of a table. Nearly all have one watcher, which then needs no map. */
interface Spot {
  readonly path: string;
  only: Watcher | null;
  modes: number;
  more: Map<Watcher, number> | null;
}

export class WatchTable {
  /** An event found so many watches. */
  onFired: (type: EventType, count: number) => void = () => {};
  readonly #spots = new TextMap<Spot>();
  readonly #ofWatcher = new Map<Watcher, Spot | Set<Spot>>();
  #watches = 0;
  /**
   * Watches in recursive mode by the length of their paths: ancestors of another length need no
   * look, and of a very deep path nearly all are that.
   */
  readonly #recursive = new Counts();

  /** Pairs of path and connection. */
  get size(): number {
    return this.#watches;
  }

  get pathCount(): number {
    return this.#spots.size;
  }

  watchers(): IterableIterator<Watcher> {
    return this.#ofWatcher.keys();
  }

  add(path: string, watcher: Watcher, mode: WatchMode): void {
    let spot = this.#spots.get(path);
    if (spot === undefined) {
      spot = { path, only: null, modes: 0, more: null };
      this.#spots.set(path, spot);
    }
    const modes = modesOf(spot, watcher);
    if ((modes & mode) !== 0) return;
    if (modes === 0) {
      this.#watches += 1;
      this.#remember(watcher, spot);
    }
    if (mode === WatchMode.recursive) this.#recursive.add(path.length);
    setModes(spot, watcher, modes | mode);
  }

  modes(path: string, watcher: Watcher): number {
    const spot = this.#spots.get(path);
    return spot === undefined ? 0 : modesOf(spot, watcher);
  }

  /** Takes modes away; false when none of them was set. */
  remove(path: string, watcher: Watcher, modes: number): boolean {
    const spot = this.#spots.get(path);
    if (spot === undefined || (modesOf(spot, watcher) & modes) === 0) return false;
    this.#take(spot, watcher, modes);
    this.#tidy(spot);
    return true;
  }

  /** Forgets a connection. */
  drop(watcher: Watcher): void {
    const known = this.#ofWatcher.get(watcher);
    if (known === undefined) return;
    for (const spot of known instanceof Set ? [...known] : [known]) {
      this.#take(spot, watcher, ALL_MODES);
      this.#tidy(spot);
    }
  }

  /**
   * Fires: each connection once, however many of its modes match. `skip` are connections that have
   * heard already. Those that match, whether told or not, are put into `heard`.
   */
  trigger(
    type: EventType,
    path: string,
    zxid: Zxid,
    acl: readonly ACL[] | null,
    heard: Set<Watcher> | null,
    skip: ReadonlySet<Watcher> | null,
  ): void {
    if (this.#watches === 0) return;
    const spot = this.#spots.get(path);
    const told = this.#recursive.isEmpty ? null : this.#above(path);
    if (spot === undefined && told === null) return;
    const matched = spot === undefined ? [] : spotWatchers(spot);
    if (told !== null) {
      for (const watcher of matched) told.delete(watcher);
      for (const watcher of told) matched.push(watcher);
    }
    if (spot !== undefined) this.#spend(spot);
    if (matched.length > 0) this.onFired(type, matched.length);
    for (const watcher of matched) {
      heard?.add(watcher);
      if (skip?.has(watcher) !== true && watcher.canRead(acl)) watcher.notify(type, path, zxid);
    }
  }

  /** Calls `use` for each pair. */
  forEach(use: (path: string, watcher: Watcher, modes: number) => void): void {
    for (const spot of this.#spots.values()) {
      for (const watcher of spotWatchers(spot)) use(spot.path, watcher, modesOf(spot, watcher));
    }
  }

  /** Connections in recursive mode on a strict ancestor of `path`. */
  #above(path: string): Set<Watcher> | null {
    let found: Set<Watcher> | null = null;
    let slash = path.length > 1 ? path.lastIndexOf("/") : -1;
    while (slash >= 0) {
      const length = slash === 0 ? 1 : slash; // the root's is its slash
      const spot = this.#recursive.has(length) ? this.#spots.get(path.slice(0, length)) : undefined;
      if (spot !== undefined) {
        for (const watcher of spotWatchers(spot)) {
          if ((modesOf(spot, watcher) & WatchMode.recursive) !== 0) {
            (found ??= new Set()).add(watcher);
          }
        }
      }
      slash = slash === 0 ? -1 : path.lastIndexOf("/", slash - 1);
    }
    return found;
  }

  /** Standard watches fire once. */
  #spend(spot: Spot): void {
    if (spot.more === null) {
      if (spot.only !== null) this.#take(spot, spot.only, WatchMode.standard);
    } else {
      for (const watcher of [...spot.more.keys()]) this.#take(spot, watcher, WatchMode.standard);
    }
    this.#tidy(spot);
  }

  #take(spot: Spot, watcher: Watcher, modes: number): void {
    const before = modesOf(spot, watcher);
    const after = before & ~modes;
    if (before === after) return;
    if ((before & ~after & WatchMode.recursive) !== 0) this.#recursive.remove(spot.path.length);
    setModes(spot, watcher, after);
    if (after === 0) {
      this.#watches -= 1;
      this.#unremember(watcher, spot);
    }
  }

  #tidy(spot: Spot): void {
    if (spot.more !== null && spot.more.size === 0) spot.more = null;
    if (spot.only === null && spot.more === null) this.#spots.delete(spot.path);
  }

  #remember(watcher: Watcher, spot: Spot): void {
    const known = this.#ofWatcher.get(watcher);
    if (known === undefined) this.#ofWatcher.set(watcher, spot);
    else if (known instanceof Set) known.add(spot);
    else this.#ofWatcher.set(watcher, new Set([known, spot]));
  }

  #unremember(watcher: Watcher, spot: Spot): void {
    const known = this.#ofWatcher.get(watcher);
    if (known instanceof Set) {
      known.delete(spot);
      if (known.size === 0) this.#ofWatcher.delete(watcher);
    } else if (known === spot) {
      this.#ofWatcher.delete(watcher);
    }
  }
}

function modesOf(spot: Spot, watcher: Watcher): number {
  if (spot.more !== null) return spot.more.get(watcher) ?? 0;
  return spot.only === watcher ? spot.modes : 0;
}

/** Sets or, with 0, removes. */
function setModes(spot: Spot, watcher: Watcher, modes: number): void {
  if (spot.more !== null) {
    if (modes === 0) spot.more.delete(watcher);
    else spot.more.set(watcher, modes);
  } else if (spot.only === watcher || spot.only === null) {
    spot.only = modes === 0 ? null : watcher;
    spot.modes = modes;
  } else if (modes !== 0) {
    spot.more = new Map([[spot.only, spot.modes], [watcher, modes]]);
    spot.only = null;
    spot.modes = 0;
  }
}

function spotWatchers(spot: Spot): Watcher[] {
  if (spot.more !== null) return [...spot.more.keys()];
  return spot.only === null ? [] : [spot.only];
}

export class Watches {
  readonly data = new WatchTable();
  readonly child = new WatchTable();

  /** Who counts the watches that events find. */
  set onFired(heard: (type: EventType, count: number) => void) {
    this.data.onFired = heard;
    this.child.onFired = heard;
  }

  /** addWatch; false when the mode is unknown. */
  add(path: string, watcher: Watcher, mode: number): boolean {
    if (mode === AddWatchMode.persistent) {
      this.data.add(path, watcher, WatchMode.persistent);
      this.child.add(path, watcher, WatchMode.persistent);
      return true;
    }
    if (mode !== AddWatchMode.persistentRecursive) return false;
    this.data.add(path, watcher, WatchMode.recursive);
    return true;
  }

  /** checkWatches: whether there is such a watch; null when the type is unknown. */
  has(path: string, watcher: Watcher, type: number): boolean | null {
    const data = this.data.modes(path, watcher);
    const child = this.child.modes(path, watcher);
    switch (type) {
      case WatcherType.children:
        return (child & WatchMode.standard) !== 0;
      case WatcherType.data:
        return (data & WatchMode.standard) !== 0;
      case WatcherType.persistent:
        return (data & WatchMode.persistent) !== 0;
      case WatcherType.persistentRecursive:
        return (data & WatchMode.recursive) !== 0;
      case WatcherType.any:
        return (data | child) !== 0;
      default:
        return null;
    }
  }

  /** removeWatches: whether there was such a watch; null when the type is unknown. */
  remove(path: string, watcher: Watcher, type: number): boolean | null {
    switch (type) {
      case WatcherType.children:
        return this.child.remove(path, watcher, WatchMode.standard);
      case WatcherType.data:
        return this.data.remove(path, watcher, WatchMode.standard);
      case WatcherType.persistent:
        return this.#removeBoth(path, watcher, WatchMode.persistent);
      case WatcherType.persistentRecursive:
        return this.data.remove(path, watcher, WatchMode.recursive);
      case WatcherType.any:
        return this.#removeBoth(path, watcher, ALL_MODES);
      default:
        return null;
    }
  }

  /** Forgets a connection: the end of it. */
  drop(watcher: Watcher): void {
    this.data.drop(watcher);
    this.child.drop(watcher);
  }

  created(path: string, parent: string, zxid: Zxid, acl: AclOrNull, parentAcl: AclOrNull): void {
    this.data.trigger(EventType.NodeCreated, path, zxid, acl, null, null);
    this.child.trigger(EventType.NodeChildrenChanged, parent, zxid, parentAcl, null, null);
  }

  deleted(path: string, parent: string, zxid: Zxid, acl: AclOrNull, parentAcl: AclOrNull): void {
    const heard = this.data.size > 0 && this.child.size > 0 ? new Set<Watcher>() : null;
    this.data.trigger(EventType.NodeDeleted, path, zxid, acl, heard, null);
    this.child.trigger(EventType.NodeDeleted, path, zxid, acl, null, heard);
    this.child.trigger(EventType.NodeChildrenChanged, parent, zxid, parentAcl, null, null);
  }

  changed(path: string, zxid: Zxid, acl: AclOrNull): void {
    this.data.trigger(EventType.NodeDataChanged, path, zxid, acl, null, null);
  }

  #removeBoth(path: string, watcher: Watcher, modes: number): boolean {
    const fromData = this.data.remove(path, watcher, modes);
    return this.child.remove(path, watcher, modes) || fromData;
  }
}

type AclOrNull = readonly ACL[] | null;
