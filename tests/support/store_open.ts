// A store opened on a memory disk with all that it says, and disks with a past.

import assert from "node:assert/strict";
import { Fault } from "../../lib/base/errors.ts";
import { Store, type StoreOptions, type StoreRecovered } from "../../lib/store/store.ts";
import { Tree } from "../../lib/tree/tree.ts";
import type { Txn } from "../../lib/txn/txn.ts";
import { MemoryDisk } from "./memory_disk.ts";
import { type Kit, kit, storeOptions, treeOptions } from "./store_kit.ts";

export interface Opened extends Kit {
  readonly store: Store;
  readonly found: StoreRecovered;
  readonly durable: bigint[];
  readonly fatal: Fault[];
}

export function open(disk: MemoryDisk, changes: Partial<StoreOptions> = {}, seed = 1): Opened {
  const around = kit(disk, seed);
  const store = new Store(around.ports, storeOptions(changes));
  const durable: bigint[] = [];
  const fatal: Fault[] = [];
  store.onDurable = (zxid) => void durable.push(zxid);
  store.onFatal = (fault) => void fatal.push(fault);
  const found = store.recover(treeOptions(around.ports.note));
  return { ...around, store, found, durable, fatal };
}

/** Appends and applies, as a leader alone does. */
export function feed({ store, found }: Opened, txns: readonly Txn[]): void {
  for (const txn of txns) {
    store.append(txn);
    found.tree.apply(txn, false);
  }
  store.commitTurn();
}

export function newDisk(): MemoryDisk {
  const disk = new MemoryDisk();
  disk.makeDir("/");
  return disk;
}

/** A disk on which these transactions are durable, the server killed afterwards. */
export function diskWith(txns: readonly Txn[], changes: Partial<StoreOptions> = {}): MemoryDisk {
  const opened = open(newDisk(), changes);
  for (const txn of txns) {
    feed(opened, [txn]);
    opened.settle();
  }
  return opened.disk.kill();
}

export const treeAfter = (txns: readonly Txn[]): Tree => {
  const tree = new Tree(treeOptions());
  for (const txn of txns) tree.apply(txn, false);
  return tree;
};

export const isCorrupt = (...parts: string[]) => (error: unknown): boolean => {
  assert.ok(error instanceof Fault && error.code === "CORRUPT", String(error));
  for (const part of parts) assert.ok(error.message.includes(part), `${part} in ${error.message}`);
  return true;
};
