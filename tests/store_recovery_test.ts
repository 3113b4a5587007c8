// What a start makes of a data directory: the whole history, or a refusal that names the place.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isFault } from "../lib/base/errors.ts";
import { type Zxid, zxidOf } from "../lib/base/ids.ts";
import { makeTxn, type Txn } from "../lib/txn/txn.ts";
import { describe as describeTree, Workload } from "./support/store_kit.ts";
import { diskWith, feed, isCorrupt, newDisk, open } from "./support/store_open.ts";

describe("recovery", () => {
  test("an empty folder becomes an empty database with snapshot.0", () => {
    const { disk, found } = open(newDisk());
    assert.deepEqual([found.lastZxid, found.trusted, found.recent], [0n, true, []]);
    assert.deepEqual(disk.list("/data/version-2"), ["snapshot.0"]);
    assert.equal(disk.size("/data/version-2/snapshot.0"), 478);
    assert.equal(open(disk.kill()).found.lastZxid, 0n);
  });

  test("with db.autocreate off an empty folder may vote only with an initialize file", () => {
    const settings = { dbAutocreate: false };
    const { disk, found } = open(newDisk(), settings);
    assert.deepEqual([found.lastZxid, found.trusted], [-1n, false]);
    assert.deepEqual(disk.list("/data/version-2"), []);
    for (
      const [place, changes] of [
        ["/data/initialize", settings],
        ["/logs/initialize", { ...settings, dataLogDir: "/logs" }],
        ["/data/initialize", { ...settings, dataLogDir: "/logs" }],
      ] as const
    ) {
      const marked = newDisk();
      marked.put(place, new Uint8Array(0));
      const second = open(marked, changes);
      assert.deepEqual([second.found.lastZxid, second.found.trusted], [0n, true]);
      assert.equal(marked.size(place), null, "the marker is used up");
      assert.equal(marked.size("/data/version-2/snapshot.0"), 478);
    }
  });

  test("gives back tree, sessions, zxid and the newest transactions", () => {
    const work = new Workload(1);
    const txns = work.many(700);
    const disk = diskWith(txns);
    const { found } = open(disk);
    assert.equal(describeTree(found.tree), describeTree(work.tree));
    assert.equal(found.lastZxid, 700n);
    assert.deepEqual(found.recent, txns.slice(-500));
    assert.deepEqual(found.digest, { compared: 700, mismatches: 0, firstMismatch: null });
    assert.equal(found.fuzzyUntil, null);
  });

  test("goes on in a new file after each start", () => {
    const work = new Workload(2);
    let disk = newDisk();
    for (let start = 0; start < 4; start++) {
      const opened = open(disk);
      feed(opened, work.many(10));
      opened.settle();
      disk = opened.disk.kill();
    }
    assert.deepEqual(
      disk.list("/data/version-2"),
      ["log.1", "log.15", "log.1f", "log.b", "snapshot.0"],
    );
    assert.equal(describeTree(open(disk).found.tree), describeTree(work.tree));
  });

  test("a snapshot that cannot be read is passed over for an older one", () => {
    const work = new Workload(3);
    const opened = open(newDisk());
    feed(opened, work.many(50));
    opened.settle();
    opened.store.takeSnapshot(false, () => {});
    opened.settle();
    feed(opened, work.many(20));
    opened.settle();
    const disk = opened.disk.kill();
    const path = "/data/version-2/snapshot.32";
    const bytes = disk.get(path).slice();
    bytes[200] ^= 1;
    disk.put(path, bytes);
    const { found, notes } = open(disk);
    assert.equal(found.snapshot?.name, "snapshot.0");
    assert.equal(describeTree(found.tree), describeTree(work.tree));
    assert.ok(notes.some(({ text }) => text.includes("next older one")));
  });

  test("a snapshot that cannot be read is passed over only where the logs lead over it", () => {
    const work = new Workload(3);
    const txns = work.many(20);
    const header = (index: number): Txn["header"] => {
      const zxid = index < 10 ? zxidOf(1n, BigInt(index + 1)) : zxidOf(2n, BigInt(index - 9));
      return { ...txns[index].header, zxid };
    };
    const past = txns.map((txn, i) => makeTxn(header(i), txn.body, null));
    const bytes = diskWith(past).get("/data/version-2/snapshot.0").slice();
    const damaged = bytes.slice();
    damaged[200] ^= 1;
    const start = (zxid: Zxid, found: Uint8Array, changes = {}): Zxid | null => {
      const disk = diskWith(past);
      disk.put(`/data/version-2/snapshot.${zxid.toString(16)}`, found);
      return open(disk, changes).found.lastZxid;
    };
    const last = zxidOf(2n, 10n);
    const within = zxidOf(1n, 10n);
    assert.equal(start(within, damaged), last, "it is in the log");
    for (const place of [zxidOf(1n, 11n), zxidOf(2n, 0n), zxidOf(2n, 11n)]) {
      assert.throws(
        () => start(place, damaged),
        isCorrupt("nothing leads over it", `snapshot.${place.toString(16)}`),
      );
      assert.equal(start(place, damaged, { allowDiscontinuousProposals: true }), last);
    }
    // Cut short while it was written: nobody was promised anything, but nothing may follow it.
    const half = bytes.slice(0, 300);
    assert.equal(start(zxidOf(2n, 11n), half), last);
    assert.equal(start(zxidOf(2n, 0n), half), last);
    assert.throws(() => start(zxidOf(1n, 11n), half), isCorrupt("nothing leads over it"));
  });

  test("logs without a snapshot are refused unless trusted to be from 3.4", () => {
    const work = new Workload(4);
    const disk = diskWith(work.many(30));
    disk.remove("/data/version-2/snapshot.0");
    assert.throws(
      () => open(disk),
      isCorrupt("No snapshot found, but there are log entries", "snapshot.trust.empty"),
    );
    const { found } = open(disk, { snapshotTrustEmpty: true });
    assert.equal(describeTree(found.tree), describeTree(work.tree));
  });

  test("nothing but a damaged snapshot is no empty database", () => {
    const disk = newDisk();
    disk.put("/data/version-2/snapshot.5", new Uint8Array(100));
    assert.throws(() => open(disk), isCorrupt("valid snapshots", "snapshot.5"));
    const first = newDisk();
    first.put("/data/version-2/snapshot.0", new Uint8Array(100)); // a first start that crashed
    assert.equal(open(first).found.lastZxid, 0n);
  });

  test("a transaction that cannot be understood is named by file, place and zxid", () => {
    const disk = diskWith(new Workload(5).many(3));
    const opened = open(disk);
    const bytes = new Uint8Array(40);
    bytes.fill(0x7f, 28, 32); // its type
    bytes[19] = 4; // its zxid
    const header = { clientId: 0n, cxid: 0, zxid: 4n, time: 0n, type: 0x7f7f7f7f };
    opened.store.append({
      header,
      body: { kind: "error", record: { err: 0 } },
      digest: null,
      bytes,
    });
    opened.store.commitTurn();
    opened.settle();
    assert.throws(
      () => open(opened.disk.kill()),
      isCorrupt("cannot be understood", "/data/version-2/log.4, byte 16, zxid 0x4"),
    );
  });

  test("a wrong digest in the log is reported with the zxid where it began", () => {
    const work = new Workload(6);
    const txns = work.many(20);
    const wrong = { ...txns[9], bytes: txns[9].bytes.slice() };
    wrong.bytes[wrong.bytes.length - 1] ^= 1;
    const { found, notes } = open(diskWith([...txns.slice(0, 9), wrong, ...txns.slice(10)]));
    assert.deepEqual(found.digest, { compared: 20, mismatches: 1, firstMismatch: 10n });
    assert.equal(found.lastZxid, 20n);
    assert.ok(notes.some(({ text }) => text.includes("differs from the one its leader had")));
  });

  test("a fuzzy snapshot is compared when its digest's zxid is reached", () => {
    const work = new Workload(7);
    const opened = open(newDisk());
    feed(opened, work.many(2000));
    opened.settle();
    opened.store.takeSnapshot(false, () => {});
    while (opened.store.isSnapshotting) {
      feed(opened, work.many(15));
      opened.disk.run(2);
    }
    feed(opened, work.many(10));
    opened.settle();
    const { found } = open(opened.disk.kill());
    assert.equal(found.snapshot?.zxid, 2000n);
    assert.equal(found.digest.mismatches, 0);
    assert.ok(found.digest.compared > 10);
    assert.ok(found.digest.compared < found.replayed, "not compared while it is a mixture");
    assert.equal(describeTree(found.tree), describeTree(work.tree));
  });

  test("leftovers of a crash are cleaned up", () => {
    const disk = diskWith(new Workload(8).many(5));
    disk.put("/data/version-2/snapshot.4.tmp", new Uint8Array(10));
    disk.put("/data/version-2/log.6", new Uint8Array(0));
    open(disk);
    assert.deepEqual(disk.list("/data/version-2"), ["log.1", "snapshot.0"]);
  });
});

describe("recovery while another server works in the folder", () => {
  test("removes no file that came while it was read", () => {
    const disk = diskWith(new Workload(41).many(20));
    const log = disk.get("/data/version-2/log.1").slice();
    const read = disk.read.bind(disk);
    const came = ["/data/version-2/log.15", "/data/version-2/snapshot.14.tmp"];
    disk.read = (path, from, length) => {
      if (path.endsWith("log.1")) {
        for (const name of came) disk.put(name, log.subarray(0, 16));
      }
      return read(path, from, length);
    };
    open(disk);
    for (const name of came) assert.notEqual(disk.size(name), null, name);
  });
});

describe("recovery while a purge goes on", () => {
  test("misses no old snapshot that goes while it is looked at", () => {
    const disk = newDisk();
    const opened = open(disk);
    feed(opened, new Workload(42).many(20));
    opened.settle();
    const old = "/data/version-2/snapshot.0";
    disk.put("/data/version-2/snapshot.14", disk.get(old).slice());
    const read = disk.read.bind(disk);
    disk.read = (path, from, length) => {
      if (path === old) disk.remove(path);
      return read(path, from, length);
    };
    assert.equal(open(disk).found.snapshot?.name, "snapshot.14");
    assert.equal(disk.size(old), null);
  });
});

describe("data folders", () => {
  const isDataDir = (part: string) => (error: unknown): boolean =>
    isFault(error, "DATA_DIR") && error.message.includes(part);

  test("are missed when they may not be made", () => {
    assert.throws(() => open(newDisk(), { dataDirAutocreate: false }), isDataDir("Missing"));
  });

  test("must be writable", () => {
    const disk = diskWith([]);
    disk.isReadOnly = true;
    assert.throws(() => open(disk), isDataDir("Cannot write"));
    const none = newDisk();
    none.isReadOnly = true;
    assert.throws(() => open(none), isDataDir("Unable to create"));
  });

  test("are one when only their slashes differ", () => {
    const disk = diskWith(new Workload(27).many(3));
    const { found, store } = open(disk, { dataLogDir: "//data//" });
    assert.deepEqual([found.lastZxid, store.dirs.logs], [3n, store.dirs.snapshots]);
  });

  test("must not be mixed up", () => {
    const disk = diskWith(new Workload(1).many(3));
    const swapped = { dataDir: "/other", dataLogDir: "/data" };
    assert.throws(() => open(disk, swapped), isDataDir("dataLogDir has snapshot files"));
    disk.remove("/data/version-2/snapshot.0");
    assert.throws(() => open(disk, { dataLogDir: "/logs" }), isDataDir("dataDir has log files"));
  });

  test("may be two", () => {
    const work = new Workload(9);
    const settings = { dataLogDir: "/logs" };
    const disk = diskWith(work.many(10), settings);
    assert.deepEqual(disk.list("/logs/version-2"), ["log.1"]);
    assert.deepEqual(disk.list("/data/version-2"), ["snapshot.0"]);
    assert.equal(describeTree(open(disk, settings).found.tree), describeTree(work.tree));
  });
});
