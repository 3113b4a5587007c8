// Epoch files: what is found at start, and what a crash may leave of them.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isFault } from "../lib/base/errors.ts";
import type { MemoryDisk } from "./support/memory_disk.ts";
import { SeededRandom, Workload } from "./support/store_kit.ts";
import { diskWith, isCorrupt, open } from "./support/store_open.ts";

describe("epochs", () => {
  const read = (disk: MemoryDisk, name: string): string =>
    new TextDecoder().decode(disk.get(`/data/version-2/${name}`));
  const put = (disk: MemoryDisk, name: string, text: string): void =>
    disk.put(`/data/version-2/${name}`, new TextEncoder().encode(text));
  const inEpoch = (epoch: number): MemoryDisk => {
    const work = new Workload(1);
    for (let i = 0; i < epoch; i++) work.nextEpoch();
    return diskWith(work.many(3));
  };

  test("missing files are made from the last zxid", () => {
    const { disk, store } = open(inEpoch(3));
    assert.deepEqual(store.epochs(), { accepted: 3n, current: 3n });
    assert.deepEqual([read(disk, "acceptedEpoch"), read(disk, "currentEpoch")], ["3", "3"]);
  });

  test("are replaced as a whole, without a newline", () => {
    const opened = open(inEpoch(1));
    opened.store.epochs();
    const done: unknown[] = [];
    opened.store.saveEpoch("acceptedEpoch", 12n, (fault) => done.push(fault));
    assert.equal(done.length, 0);
    opened.settle();
    opened.store.saveEpoch("acceptedEpoch", 7n, (fault) => done.push(fault));
    opened.settle();
    assert.deepEqual(done, [null, null]);
    assert.equal(read(opened.disk, "acceptedEpoch"), "7");
    const again = open(opened.disk.kill());
    assert.deepEqual(again.store.epochs(), { accepted: 7n, current: 1n });
  });

  test("the current one is written behind the log that it speaks of, the promised one at once", () => {
    const opened = open(inEpoch(1));
    const { store, disk } = opened;
    store.epochs();
    const saved: string[] = [];
    const work = new Workload(1);
    work.nextEpoch();
    for (const txn of work.many(5).slice(3)) store.append(txn);
    store.saveEpoch("currentEpoch", 3n, () => saved.push("currentEpoch"));
    store.saveEpoch("acceptedEpoch", 3n, () => saved.push("acceptedEpoch"));
    opened.settle();
    assert.deepEqual(saved, ["acceptedEpoch"]);
    assert.equal(read(disk, "currentEpoch"), "1");
    store.commitTurn();
    opened.settle();
    assert.deepEqual(saved, ["acceptedEpoch", "currentEpoch"]);
    assert.equal(read(disk, "currentEpoch"), "3");
  });

  test("an epoch that cannot be stored is fatal", () => {
    const opened = open(inEpoch(1));
    opened.disk.failing = /Epoch/;
    const done: unknown[] = [];
    opened.store.saveEpoch("currentEpoch", 2n, (fault) => done.push(fault));
    opened.settle();
    assert.ok(isFault(done[0]) && opened.fatal.length === 1);
  });

  test("an accepted epoch below the current one is refused", () => {
    const disk = inEpoch(1);
    put(disk, "acceptedEpoch", "3");
    put(disk, "currentEpoch", "4");
    assert.throws(() => open(disk).store.epochs(), isCorrupt("acceptedEpoch", "0x3", "0x4"));
  });

  test("text that is no number is refused, and only the first line counts", () => {
    const disk = inEpoch(1);
    put(disk, "currentEpoch", "1\ngarbage");
    put(disk, "acceptedEpoch", " 2 \n");
    assert.deepEqual(open(disk).store.epochs(), { accepted: 2n, current: 1n });
    put(disk, "acceptedEpoch", "two");
    assert.throws(() => open(disk).store.epochs(), isCorrupt('"two" is no epoch'));
  });

  test("a current epoch behind the log is refused when nothing explains it", () => {
    const disk = inEpoch(3);
    put(disk, "currentEpoch", "2");
    put(disk, "acceptedEpoch", "2");
    assert.throws(() => open(disk).store.epochs(), isCorrupt("older than the last zxid"));
  });

  for (
    const [what, name, text] of [
      ["currentEpoch.tmp of newer Java servers", "currentEpoch.tmp", "3"],
      ["updatingEpoch of 3.4 servers", "updatingEpoch", ""],
      ["an accepted epoch that covers the log", "acceptedEpoch", "3"],
    ]
  ) {
    test(`a crash before the current epoch was stored is repaired by ${what}`, () => {
      const disk = inEpoch(3);
      put(disk, "currentEpoch", "2");
      put(disk, "acceptedEpoch", "3");
      put(disk, name, text);
      const { store } = open(disk);
      assert.deepEqual(store.epochs(), { accepted: 3n, current: 3n });
      assert.equal(read(disk, "currentEpoch"), "3");
      assert.deepEqual(
        disk.list("/data/version-2")?.filter((file) => /tmp|updating/.test(file)),
        [],
      );
    });
  }

  test("killed anywhere while an epoch is stored, the old or the new one is found", () => {
    for (let steps = 0; steps < 8; steps++) {
      for (let seed = 0; seed < 10; seed++) {
        const opened = open(inEpoch(1));
        opened.store.epochs();
        let isDone = false;
        opened.store.saveEpoch("acceptedEpoch", 10n, () => void (isDone = true));
        opened.disk.run(steps);
        const random = new SeededRandom(seed);
        const { accepted } = open(opened.disk.crash((n) => random.below(n))).store.epochs();
        assert.ok(accepted === 10n || (accepted === 1n && !isDone), `${accepted} ${isDone}`);
      }
    }
  });
});
