// setWatches: a client that reconnects names its watches and the newest zxid it has seen; it gets the
// events it missed, and the other watches are armed again (client.md 6.4).
//
// Must agree with Java's DataTree.setWatches.

import type { Zxid } from "../base/ids.ts";
import type { Tree } from "./tree.ts";
import { EventType, NULL_PATH, type Watcher, WatchMode } from "./watches.ts";

/** The lists of setWatches as a client sent them; the last two are empty but for setWatches2. */
export interface WatchLists {
  readonly dataWatches: PathList;
  readonly existWatches: PathList;
  readonly childWatches: PathList;
  readonly persistentWatches: PathList;
  readonly persistentRecursiveWatches: PathList;
}
type PathList = readonly (string | null)[] | null;

/** The zxid of events that no transaction causes. */
const NO_ZXID = -1n;

/**
 * Events come before the reply, in the order of the lists. They pass by the access lists. False
 * when a list is null, or holds a null where nodes are looked up: nothing from there on is done.
 */
export function setWatches(
  tree: Tree,
  watcher: Watcher,
  relativeZxid: Zxid,
  lists: WatchLists,
): boolean {
  const { data, child } = tree.watches;
  if (lists.dataWatches === null) return false;
  for (const path of lists.dataWatches) {
    if (path === null) return false;
    const node = tree.get(path);
    if (node === undefined) watcher.notify(EventType.NodeDeleted, path, NO_ZXID);
    else if (tree.mzxidOf(node) > relativeZxid) {
      watcher.notify(EventType.NodeDataChanged, path, NO_ZXID);
    } else data.add(path, watcher, WatchMode.standard);
  }
  if (lists.existWatches === null) return false;
  for (const path of lists.existWatches) {
    if (path === null) return false;
    if (tree.get(path) !== undefined) watcher.notify(EventType.NodeCreated, path, NO_ZXID);
    else data.add(path, watcher, WatchMode.standard);
  }
  if (lists.childWatches === null) return false;
  for (const path of lists.childWatches) {
    if (path === null) return false;
    const node = tree.get(path);
    if (node === undefined) watcher.notify(EventType.NodeDeleted, path, NO_ZXID);
    else if (tree.pzxidOf(node) > relativeZxid) {
      watcher.notify(EventType.NodeChildrenChanged, path, NO_ZXID);
    } else child.add(path, watcher, WatchMode.standard);
  }
  if (lists.persistentWatches === null) return false;
  for (const path of lists.persistentWatches) {
    data.add(path ?? NULL_PATH, watcher, WatchMode.persistent);
    child.add(path ?? NULL_PATH, watcher, WatchMode.persistent);
  }
  if (lists.persistentRecursiveWatches === null) return false;
  for (const path of lists.persistentRecursiveWatches) {
    data.add(path ?? NULL_PATH, watcher, WatchMode.recursive);
  }
  return true;
}
