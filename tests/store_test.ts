// The store while it runs: what is durable when, snapshots beside it, the log for learners.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Fault, isFault } from "../lib/base/errors.ts";
import { describe as describeTree, Workload } from "./support/store_kit.ts";
import { feed, newDisk, open, type Opened, treeAfter } from "./support/store_open.ts";

describe("group commit", () => {
  test("nothing is durable before its flush, and one flush covers what came meanwhile", () => {
    const opened = open(newDisk());
    const { store, disk, durable } = opened;
    const work = new Workload(1);
    feed(opened, work.many(1));
    assert.deepEqual(durable, []);
    feed(opened, work.many(98)); // while the first flush is under way
    disk.run(3);
    assert.deepEqual(durable, [1n]);
    assert.equal(store.durable, 1n);
    opened.settle();
    assert.deepEqual(durable, [1n, 99n]);
    assert.equal(disk.flushes, 2);
  });

  test("an idle turn starts nothing", () => {
    const { store, disk } = open(newDisk());
    store.commitTurn();
    assert.equal(disk.waiting, 0);
  });

  test("flushDelay puts a flush off until its time or a full batch", () => {
    const opened = open(newDisk(), { flushDelayMs: 10, maxBatchSize: 5 });
    const { store, clock, durable } = opened;
    const work = new Workload(2);
    clock.mono = 100;
    store.tick(100);
    feed(opened, work.many(1));
    opened.settle();
    assert.deepEqual(durable, [1n], "the last flush was long ago");
    clock.mono = 103;
    feed(opened, work.many(2));
    opened.settle();
    assert.deepEqual(durable, [1n]);
    assert.equal(store.deadline, 110);
    feed(opened, work.many(2));
    opened.settle();
    assert.deepEqual(durable, [1n]);
    feed(opened, work.many(1));
    opened.settle();
    assert.deepEqual(durable, [1n, 6n], "five are a batch");
    feed(opened, work.many(1));
    clock.mono = 113;
    store.tick(113);
    opened.settle();
    assert.deepEqual(durable, [1n, 6n, 7n]);
  });

  test("forceSync=no acknowledges what was written", () => {
    const opened = open(newDisk(), { forceSync: false });
    feed(opened, new Workload(3).many(3));
    opened.settle();
    assert.deepEqual([opened.durable, opened.disk.flushes], [[3n], 0]);
  });

  test("a slow flush is warned of", () => {
    const opened = open(newDisk(), { fsyncWarningThresholdMs: 20 });
    feed(opened, new Workload(3).many(3));
    opened.clock.mono += 21;
    opened.settle();
    assert.ok(
      opened.notes.some(({ text }) => /fsync-ing the write ahead log took 21ms/.test(text)),
    );
  });

  test("after a failed write nothing is acknowledged any more, and it is said once", () => {
    const opened = open(newDisk());
    const { store, disk, durable, fatal } = opened;
    const work = new Workload(4);
    feed(opened, work.many(3));
    opened.settle();
    disk.capacity = 700;
    feed(opened, work.many(10));
    opened.settle();
    disk.capacity = Infinity;
    feed(opened, work.many(10));
    opened.settle();
    assert.deepEqual(durable, [3n]);
    assert.deepEqual(fatal.map(({ code }) => code), ["DISK_FULL"]);
    assert.equal(store.fault, fatal[0]);
    let closed: Fault | null = null;
    store.close((fault) => void (closed = fault));
    opened.settle();
    assert.equal(closed, fatal[0]);
    assert.equal(open(disk.kill()).found.lastZxid, 3n);
  });

  test("who waits for the end hears of it when a second fault follows the first", () => {
    const opened = open(newDisk());
    const { store, disk, fatal } = opened;
    let closed: Fault | null = null;
    store.onFatal = (fault) => {
      fatal.push(fault);
      store.close((fault) => void (closed = fault));
    };
    disk.failing = /./;
    store.saveEpoch("currentEpoch", 3n, () => {});
    feed(opened, new Workload(4).many(3));
    opened.settle();
    assert.equal(fatal.length, 1);
    assert.equal(closed, fatal[0]);
  });

  test("space that runs out is said early, and when it is there again", () => {
    const opened = open(newDisk(), { diskReserveKb: 1 });
    const { store, disk } = opened;
    const heard: [boolean, number][] = [];
    store.onSpace = (isLow, free) => void heard.push([isLow, free]);
    const steps: [number, number][] = [[0, 5000], [1000, 900], [1500, 9], [2000, 1100], [
      3000,
      1300,
    ]];
    for (const [now, free] of steps) {
      disk.freeBytes = free;
      store.tick(now);
    }
    assert.deepEqual(heard, [[true, 900], [false, 1300]]);
  });

  test("close makes all that was appended durable and leaves no padding", () => {
    const opened = open(newDisk());
    feed(opened, new Workload(5).many(4));
    opened.store.append(new Workload(5, opened.found.tree).next());
    let closed = false;
    opened.store.close((fault) => void (closed = fault === null));
    opened.settle();
    assert.ok(closed);
    const last = opened.disk.get("/data/version-2/log.1").at(-1);
    assert.equal(last, 0x42);
    assert.equal(open(opened.disk.kill()).found.lastZxid, 5n);
  });
});

describe("snapshots of a running store", () => {
  test("are due at a drawn count, roll the log and do not stop it", () => {
    const opened = open(newDisk(), { snapCount: 100 });
    const work = new Workload(6);
    for (let i = 0; i < 500; i++) {
      feed(opened, [work.next()]);
      opened.settle();
    }
    const names = opened.disk.list("/data/version-2") ?? [];
    const logs = names.filter((name) => name.startsWith("log."));
    const snapshots = names.filter((name) => name.startsWith("snapshot."));
    assert.equal(snapshots.length, logs.length, names.join(" "));
    assert.ok(logs.length >= 5 && logs.length <= 10, names.join(" "));
    assert.equal(describeTree(open(opened.disk.kill()).found.tree), describeTree(work.tree));
  });

  test("are due by size as well", () => {
    const opened = open(newDisk(), { snapSizeLimitKb: 8 });
    const work = new Workload(7);
    for (let i = 0; i < 300; i++) {
      feed(opened, [work.next()]);
      opened.settle();
    }
    const names = opened.disk.list("/data/version-2") ?? [];
    assert.ok(names.filter((name) => name.startsWith("snapshot.")).length > 3, names.join(" "));
  });

  test("one that fails is reported and the log goes on", () => {
    const opened = open(newDisk());
    const { store, disk, fatal, durable } = opened;
    feed(opened, new Workload(8).many(5));
    opened.settle();
    disk.failing = /snapshot/;
    const results: unknown[] = [];
    store.takeSnapshot(false, (result) => results.push(result));
    opened.settle();
    assert.ok(isFault(results[0], "DISK"));
    assert.deepEqual([fatal.length, durable], [0, [5n]]);
  });

  test("wait for one another; an urgent one does not", () => {
    const opened = open(newDisk());
    feed(opened, new Workload(9).many(5));
    opened.settle();
    const heard: string[] = [];
    const hear = (name: string) => (result: unknown) =>
      void heard.push(`${name} ${isFault(result) ? "given up" : "taken"}`);
    opened.store.takeSnapshot(false, hear("first"));
    opened.store.takeSnapshot(false, hear("second"));
    opened.settle();
    opened.store.takeSnapshot(false, hear("third"));
    opened.store.takeSnapshot(true, hear("urgent"));
    opened.settle();
    assert.deepEqual(heard, ["first taken", "second taken", "third given up", "urgent taken"]);
    assert.deepEqual(opened.disk.list("/data/version-2"), ["log.1", "snapshot.0", "snapshot.5"]);
  });
});

describe("log for learners", () => {
  const work = new Workload(31);
  const txns = work.many(90);
  const make = (factor: number): Opened => {
    let disk = newDisk();
    for (let at = 0; at < 90; at += 30) {
      const opened = open(disk);
      feed(opened, txns.slice(at, at + 30));
      opened.settle();
      disk = opened.disk.kill();
    }
    return open(disk, { snapshotSizeFactor: factor });
  };

  test("begins with the newest up to the zxid and ends with the newest of all", () => {
    const { store } = make(0);
    for (const [from, first] of [[1n, 1], [30n, 30], [31n, 31], [75n, 75], [95n, 90]] as const) {
      const log = store.readLog(from);
      assert.ok(log !== null);
      assert.deepEqual(
        [...log].map((txn) => txn.header.zxid),
        txns.slice(first - 1).map((txn) => txn.header.zxid),
      );
    }
    assert.deepEqual([...store.readLog(70n) ?? []][5], txns[74]);
  });

  test("is not offered when off, too long, or when it begins later", () => {
    assert.equal(make(-1).store.readLog(50n), null);
    assert.equal(make(0.33).store.readLog(50n), null, "the snapshot is tiny");
    assert.equal(make(0).store.readLog(0n), null);
  });

  test("ends in silence where it cannot be read further", () => {
    const opened = make(0);
    const bytes = opened.disk.get("/data/version-2/log.1f").slice();
    bytes[300] ^= 1;
    opened.disk.put("/data/version-2/log.1f", bytes);
    const read = [...opened.store.readLog(5n) ?? []];
    assert.ok(read.length >= 26 && read.length < 56);
  });

  test("can be read while it is being written", () => {
    const opened = make(0);
    const more = new Workload(77, treeAfter(txns)).many(50);
    for (const txn of more) {
      opened.store.append(txn);
      opened.store.commitTurn();
      opened.disk.run(1);
      const read = [...opened.store.readLog(61n) ?? []];
      assert.ok(read.length >= 30);
      assert.ok(BigInt(60 + read.length) <= opened.store.appended);
    }
  });
});

describe("sizes of the folders", () => {
  test("are those of the files; asking for them while handles are short ends nothing", () => {
    const opened = open(newDisk());
    feed(opened, new Workload(9).many(3));
    opened.settle();
    const { snapshots, logs } = opened.store.dirSizes();
    assert.ok(snapshots > 0 && logs > 0);
    opened.disk.list = () => {
      throw new Fault("DISK", "listing the folder failed: too many open files");
    };
    assert.deepEqual(opened.store.dirSizes(), { snapshots: 0, logs: 0 });
  });
});
