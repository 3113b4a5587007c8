// setWatches: a client that reconnects names its watches and the newest zxid it has seen; it gets the
// events it missed, and the other watches are armed again (client.md 6.4).
//
// Must agree with Java's DataTree.setWatches.

import type { Zxid } from "../base/ids.ts";
import type { Tree } from "./tree.ts";
import { EventType, type Watcher, WatchMode } from "./watches.ts";

/** The lists of setWatches; the last two are empty but for setWatches2. */
export interface WatchLists {
  readonly dataWatches: readonly string[];
  readonly existWatches: readonly string[];
  readonly childWatches: readonly string[];
  readonly persistentWatches: readonly string[];
  readonly persistentRecursiveWatches: readonly string[];
}

/** The zxid of events that no transaction causes. */
const NO_ZXID = -1n;

/** Events come before the reply, in the order of the lists. They pass by the access lists. */
export function setWatches(
  tree: Tree,
  watcher: Watcher,
  relativeZxid: Zxid,
  lists: WatchLists,
): void {
  const { data, child } = tree.watches;
  for (const path of lists.dataWatches) {
    const node = tree.get(path);
    if (node === undefined) watcher.notify(EventType.NodeDeleted, path, NO_ZXID);
    else if (tree.mzxidOf(node) > relativeZxid) {
      watcher.notify(EventType.NodeDataChanged, path, NO_ZXID);
    } else data.add(path, watcher, WatchMode.standard);
  }
  for (const path of lists.existWatches) {
    if (tree.get(path) !== undefined) watcher.notify(EventType.NodeCreated, path, NO_ZXID);
    else data.add(path, watcher, WatchMode.standard);
  }
  for (const path of lists.childWatches) {
    const node = tree.get(path);
    if (node === undefined) watcher.notify(EventType.NodeDeleted, path, NO_ZXID);
    else if (tree.pzxidOf(node) > relativeZxid) {
      watcher.notify(EventType.NodeChildrenChanged, path, NO_ZXID);
    } else child.add(path, watcher, WatchMode.standard);
  }
  for (const path of lists.persistentWatches) {
    data.add(path, watcher, WatchMode.persistent);
    child.add(path, watcher, WatchMode.persistent);
  }
  for (const path of lists.persistentRecursiveWatches) {
    data.add(path, watcher, WatchMode.recursive);
  }
}
