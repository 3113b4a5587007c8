// What may be purged, and when snapshots are due.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isFault } from "../lib/base/errors.ts";
import {
  Autopurge,
  planPurge,
  purge,
  type PurgeResult,
  SnapshotSchedule,
} from "../lib/store/retention.ts";
import { MemoryDisk } from "./support/memory_disk.ts";
import { SeededRandom, silent } from "./support/store_kit.ts";

const DIRS = { snapshots: "/d", logs: "/d" };
const WHOLE = Uint8Array.of(1, 2, 3, 4, 5, 6, 0, 0, 0, 1, 0x2f);
const BROKEN = new Uint8Array(20);

/** A folder of these names; snapshots whose name ends in `!` are broken. */
function folder(...names: string[]): MemoryDisk {
  const disk = new MemoryDisk();
  for (const name of names) {
    const isBroken = name.endsWith("!");
    disk.put(`/d/${isBroken ? name.slice(0, -1) : name}`, isBroken ? BROKEN : WHOLE);
  }
  return disk;
}

const removed = (disk: MemoryDisk, keep: number): string[] =>
  planPurge(disk, DIRS, keep).remove.map(({ name }) => name).sort();

describe("purging", () => {
  test("keeps the newest snapshots and every log that they need", () => {
    const disk = folder(
      ...["snapshot.0", "snapshot.10", "snapshot.20", "snapshot.30", "snapshot.40"],
      ...["log.1", "log.11", "log.18", "log.21", "log.31", "log.41"],
    );
    // log.18 begins below the oldest kept snapshot and may hold what comes behind it.
    assert.deepEqual(removed(disk, 3), ["log.1", "log.11", "snapshot.0", "snapshot.10"]);
    assert.deepEqual(removed(disk, 4), ["snapshot.0"]);
    assert.deepEqual(removed(disk, 9), []);
  });

  test("a log named like the oldest snapshot is needed, the one before it is not", () => {
    const disk = folder("snapshot.20", "snapshot.30", "snapshot.40", "log.1", "log.20", "log.31");
    assert.deepEqual(removed(disk, 3), ["log.1"]);
  });

  test("broken snapshots do not count, and go when they are old", () => {
    const disk = folder(
      ...["snapshot.10!", "snapshot.20", "snapshot.30!", "snapshot.40", "snapshot.50"],
      ...["snapshot.60!", "log.1", "log.21"],
    );
    assert.deepEqual(removed(disk, 3), ["snapshot.10"]);
  });

  test("without a valid snapshot nothing is removed", () => {
    const disk = folder("snapshot.10!", "snapshot.20!", "log.1", "log.11");
    const plan = planPurge(disk, DIRS, 3);
    assert.deepEqual([plan.remove, plan.oldest, plan.bytes], [[], null, 0]);
  });

  test("fewer than three are never kept", () => {
    const disk = folder("snapshot.1", "snapshot.2", "snapshot.3", "snapshot.4");
    assert.deepEqual(removed(disk, 1), ["snapshot.1"]);
  });

  test("files with other names are left alone", () => {
    const disk = folder(
      ...["snapshot.x", "log.foo", "myid", "acceptedEpoch", "snapshot.1", "snapshot.2"],
      ...["snapshot.3", "snapshot.4.gz!"],
    );
    assert.deepEqual(removed(disk, 3), []);
  });

  test("logs go before snapshots, so that none is left which a snapshot gave up (H-R1)", () => {
    // The leader's snapshot.20 stands for what is missing between log.1 and log.21.
    const disk = folder(
      ...["snapshot.0", "snapshot.20", "snapshot.30", "snapshot.40", "snapshot.50"],
      ...["log.1", "log.11", "log.21", "log.31"],
    );
    const names = planPurge(disk, DIRS, 3).remove.map(({ name }) => name);
    assert.deepEqual(names, ["log.1", "log.11", "snapshot.0", "snapshot.20"]);
  });

  test("removes what was planned and says how much that was", () => {
    const disk = folder("snapshot.1", "snapshot.2", "snapshot.3", "snapshot.4", "log.1");
    const results: PurgeResult[] = [];
    purge(disk, planPurge(disk, DIRS, 3), (result) => void results.push(result));
    assert.equal(results.length, 0);
    disk.run();
    assert.deepEqual(results, [{ removed: 1, bytes: WHOLE.length, fault: null }]);
    assert.equal(disk.size("/d/snapshot.1"), null);
  });

  test("stops at the first fault", () => {
    const disk = folder("log.1", "log.2", "log.3", "snapshot.7", "snapshot.8", "snapshot.9");
    disk.failing = /log\.2/;
    const results: PurgeResult[] = [];
    purge(disk, planPurge(disk, DIRS, 3), (result) => void results.push(result));
    disk.run();
    assert.ok(isFault(results[0].fault, "DISK"));
    assert.deepEqual([results[0].removed, disk.size("/d/log.1")], [1, null]);
  });

  test("runs at start and then every interval, never twice at once", () => {
    const disk = folder("snapshot.1", "snapshot.2", "snapshot.3", "snapshot.4");
    const options = { snapRetainCount: 3, purgeIntervalMs: 1000 };
    const auto = new Autopurge(disk, DIRS, options, silent, 500);
    assert.equal(auto.deadline, 500);
    auto.tick(499);
    assert.equal(disk.waiting, 0);
    auto.tick(500);
    assert.equal(auto.deadline, 1500);
    const waiting = disk.waiting;
    assert.ok(waiting > 0);
    auto.tick(1500);
    assert.equal(disk.waiting, waiting, "the first is not over");
    disk.run();
    assert.deepEqual(disk.list("/d"), ["snapshot.2", "snapshot.3", "snapshot.4"]);
    disk.put("/d/snapshot.5", WHOLE);
    auto.tick(2500);
    disk.run();
    assert.deepEqual(disk.list("/d"), ["snapshot.3", "snapshot.4", "snapshot.5"]);
  });

  test("never runs with an interval of 0", () => {
    const options = { snapRetainCount: 3, purgeIntervalMs: 0 };
    assert.equal(new Autopurge(folder(), DIRS, options, silent, 5).deadline, null);
  });
});

describe("snapshot schedule", () => {
  const dueAfter = (schedule: SnapshotSchedule, bytes: number): number => {
    let count = 1;
    while (!schedule.logged(bytes)) count += 1;
    return count;
  };

  test("is due after half to all of snapCount, at another count each time", () => {
    const schedule = new SnapshotSchedule(new SeededRandom(1), {
      snapCount: 1000,
      snapSizeLimitKb: 0,
    });
    const counts = Array.from({ length: 200 }, () => dueAfter(schedule, 1_000_000));
    assert.ok(Math.min(...counts) > 500 && Math.max(...counts) <= 1000, counts.join(" "));
    assert.ok(new Set(counts).size > 100);
  });

  test("is due after half to all of the size limit", () => {
    const limits = { snapCount: 1_000_000, snapSizeLimitKb: 100 };
    const schedule = new SnapshotSchedule(new SeededRandom(2), limits);
    const sizes = Array.from({ length: 200 }, () => dueAfter(schedule, 100) * 100);
    assert.ok(Math.min(...sizes) > 51_200 && Math.max(...sizes) <= 102_500, sizes.join(" "));
  });

  test("takes a snapCount below 2 for 2, and no size limit for none", () => {
    for (const snapSizeLimitKb of [0, -1]) {
      const schedule = new SnapshotSchedule(new SeededRandom(3), { snapCount: 0, snapSizeLimitKb });
      assert.equal(dueAfter(schedule, 1e12), 2);
    }
  });
});
