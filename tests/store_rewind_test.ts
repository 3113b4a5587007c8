// Going back to an earlier zxid, exactly, and taking over a leader's snapshot.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Fault, isFault } from "../lib/base/errors.ts";
import type { Txn } from "../lib/txn/txn.ts";
import type { MemoryDisk } from "./support/memory_disk.ts";
import { describe as describeTree, treeOptions, Workload } from "./support/store_kit.ts";
import { feed, newDisk, open, treeAfter } from "./support/store_open.ts";

describe("going back", () => {
  /** Files of several sizes, snapshots in between. */
  function history(): { disk: MemoryDisk; txns: Txn[] } {
    const work = new Workload(21);
    const txns = work.many(120);
    let disk = newDisk();
    for (let at = 0; at < txns.length; at += 30) {
      const opened = open(disk);
      feed(opened, txns.slice(at, at + 20));
      opened.settle();
      opened.store.takeSnapshot(false, () => {});
      opened.settle();
      feed(opened, txns.slice(at + 20, at + 30));
      opened.settle();
      disk = opened.disk.kill();
    }
    return { disk, txns };
  }
  const { disk: original, txns } = history();

  test("to any zxid: exactly what came before it is left", () => {
    for (let to = 1; to <= 120; to++) {
      const opened = open(original.kill());
      let outcome: Fault | null | undefined;
      opened.store.truncate(BigInt(to), (fault) => void (outcome = fault));
      opened.settle();
      assert.equal(outcome, null, String(outcome));
      const again = opened.store.recover(treeOptions());
      assert.equal(again.lastZxid, BigInt(to));
      const expected = describeTree(treeAfter(txns.slice(0, to)));
      assert.equal(describeTree(again.tree), expected);
      // And what follows lands behind it, also for the next start.
      for (const txn of txns.slice(to, to + 3)) opened.store.append(txn);
      opened.store.commitTurn();
      opened.settle();
      const last = BigInt(Math.min(120, to + 3));
      assert.equal(open(opened.disk.kill()).found.lastZxid, last);
    }
  });

  test("killed at any step, the start finds a history that can be truncated again", () => {
    for (const to of [5, 25, 45, 77, 110]) {
      for (let steps = 0;; steps++) {
        const disk = original.kill();
        const opened = open(disk);
        let count = 0;
        const [remove, truncate] = [disk.remove.bind(disk), disk.truncate.bind(disk)];
        class Killed extends Error {}
        disk.remove = (path) => {
          if (count++ === steps) throw new Killed();
          remove(path);
        };
        disk.truncate = (path, length) => {
          if (count++ === steps) throw new Killed();
          truncate(path, length);
        };
        let isDone = false;
        opened.store.truncate(BigInt(to), () => void (isDone = true));
        try {
          opened.settle();
        } catch (error) {
          assert.ok(error instanceof Killed, String(error));
        }
        if (isDone) break;
        const again = open(disk.kill());
        assert.ok(again.found.lastZxid >= BigInt(to));
        again.store.truncate(BigInt(to), () => {});
        again.settle();
        assert.equal(open(again.disk.kill()).found.lastZxid, BigInt(to));
      }
    }
  });

  test("to a zxid that is not there changes nothing and says so", () => {
    const opened = open(original.kill());
    const before = [...opened.disk.files].map(([path, { bytes }]) => `${path} ${bytes.length}`);
    for (const to of [0x100000005n, 121n, -1n]) {
      let outcome: Fault | null = null;
      opened.store.truncate(to, (fault) => void (outcome = fault));
      opened.settle();
      assert.ok(isFault(outcome, "CORRUPT"), String(outcome));
    }
    const after = [...opened.disk.files].map(([path, { bytes }]) => `${path} ${bytes.length}`);
    assert.deepEqual(after, before);
    assert.equal(opened.fatal.length, 0);
  });

  test("not on a snapshot that shows what is taken back, whatever its name says", () => {
    const work = new Workload(21);
    const all = work.many(4000); // more than a slice of a snapshot
    const [before, kept, taken] = [all.slice(0, 3000), all.slice(3000, 3900), all.slice(3900)];
    const first = open(newDisk());
    feed(first, before);
    first.settle();
    first.store.takeSnapshot(false, () => {});
    first.settle();
    feed(first, kept);
    first.settle();
    let name = "";
    first.store.takeSnapshot(false, (taken) => void (name = isFault(taken) ? "" : taken.path));
    feed(first, taken); // applied while the snapshot is written: its digest says up to where
    first.settle();
    assert.match(name, /snapshot\.f3c$/);
    let outcome: Fault | null | undefined;
    first.store.truncate(3950n, (fault) => void (outcome = fault));
    first.settle();
    assert.equal(outcome, null, String(outcome));
    const again = first.store.recover(treeOptions());
    assert.equal(again.lastZxid, 3950n);
    assert.equal(again.snapshot?.zxid, 3000n);
    assert.equal(describeTree(again.tree), describeTree(treeAfter(all.slice(0, 3950))));
  });

  test("after a settled log the next transaction begins a new file", () => {
    const opened = open(newDisk());
    const all = new Workload(21).many(20);
    feed(opened, all.slice(0, 10));
    let outcome: Fault | null | undefined;
    opened.store.settle((fault) => void (outcome = fault));
    opened.settle();
    assert.equal(outcome, null);
    const again = opened.store.recover(treeOptions());
    assert.equal(again.lastZxid, 10n);
    for (const txn of all.slice(10)) opened.store.append(txn);
    opened.store.commitTurn();
    opened.settle();
    const logs = [...opened.disk.files.keys()].filter((path) => path.includes("log."));
    assert.deepEqual(logs.map((path) => path.replace(/.*\//, "")), ["log.1", "log.b"]);
    assert.equal(open(opened.disk.kill()).found.lastZxid, 20n);
  });

  test("waits for what is being written", () => {
    const opened = open(original.kill());
    const work = new Workload(21, treeAfter(txns));
    feed(opened, work.many(5));
    let isDone = false;
    opened.store.truncate(100n, () => void (isDone = true));
    assert.ok(!isDone);
    opened.settle();
    assert.ok(isDone);
    assert.equal(open(opened.disk.kill()).found.lastZxid, 100n);
  });

  test("a leader's snapshot replaces a longer history", () => {
    for (const to of [3, 20, 55, 120]) {
      const opened = open(original.kill());
      const tree = treeAfter(txns.slice(0, to));
      opened.store.attach(tree);
      let outcome: Fault | null | undefined;
      opened.store.installSnapshot((fault) => void (outcome = fault));
      const next = new Workload(99, tree).many(4); // they come while it is being written
      for (const txn of next) opened.store.append(txn);
      opened.settle();
      opened.store.commitTurn();
      opened.settle();
      assert.equal(outcome, null);
      assert.deepEqual(opened.durable, [BigInt(to) + 4n]);
      const { found } = open(opened.disk.kill());
      assert.equal(found.lastZxid, BigInt(to) + 4n);
      assert.equal(found.tree.digest(), tree.digest());
    }
  });

  test("a leader's snapshot replaces one of the same zxid that was packed in another way", () => {
    const first = open(newDisk(), { snapshotCompression: "gz" });
    feed(first, txns.slice(0, 20));
    first.settle();
    first.store.takeSnapshot(false, () => {});
    first.settle();
    const second = open(first.disk.kill());
    const tree = treeAfter(txns.slice(0, 10)); // as if ours had been wrong all the time
    tree.lastZxid = 20n;
    second.store.attach(tree);
    second.store.installSnapshot(() => {});
    second.settle();
    const { found } = open(second.disk.kill());
    assert.equal(found.lastZxid, 20n);
    assert.equal(found.tree.digest(), tree.digest());
  });
});
