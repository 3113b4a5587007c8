// A tree with connections that write down what they hear.

import type { ACL } from "../../lib/records/data.ts";
import { AddWatchMode, EventType, type Watcher, WatchMode } from "../../lib/tree/watches.ts";
import { Script } from "./tree_txns.ts";

export type Heard = [who: string, event: string, path: string, zxid: number];

export const NAMES = new Map<number, string>(
  Object.entries(EventType).map(([name, type]) => [type, name]),
);

export class World extends Script {
  readonly heard: Heard[] = [];

  watcher(who: string, canRead: (acl: readonly ACL[] | null) => boolean = () => true): Watcher {
    return {
      notify: (type, path, zxid) => {
        this.heard.push([who, NAMES.get(type) ?? `${type}`, path, Number(zxid)]);
      },
      canRead,
    };
  }

  onData(path: string, watcher: Watcher): void {
    this.tree.watches.data.add(path, watcher, WatchMode.standard);
  }

  onChild(path: string, watcher: Watcher): void {
    this.tree.watches.child.add(path, watcher, WatchMode.standard);
  }

  persistent(path: string, watcher: Watcher): void {
    this.tree.watches.add(path, watcher, AddWatchMode.persistent);
  }

  recursive(path: string, watcher: Watcher): void {
    this.tree.watches.add(path, watcher, AddWatchMode.persistentRecursive);
  }

  taken(): Heard[] {
    return this.heard.splice(0);
  }
}
