// Space that runs out: what is refused before the disk is full, and what is not. A real file system
// is filled in disk_full_test.ts.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isFault } from "../lib/base/errors.ts";
import { type Config, loadConfig } from "../lib/peer/config.ts";
import { Autopurge } from "../lib/store/retention.ts";
import { SpaceWatch } from "../lib/store/space_watch.ts";
import type { Output } from "../lib/codec/output.ts";
import { ErrorCode, OpCode } from "../lib/txn/opcodes.ts";
import * as records from "../lib/records/client.ts";
import { FakeServer } from "./support/fake_server.ts";
import { MemoryDisk } from "./support/memory_disk.ts";
import { silent } from "./support/store_kit.ts";
import { feed, newDisk, open } from "./support/store_open.ts";
import { Workload } from "./support/store_kit.ts";

describe("with no space left to speak of", () => {
  it("requests that add data are refused, the others are not, until there is some again", () => {
    let hasSpace = true;
    const server = new FakeServer({ prepare: { hasSpace: () => hasSpace } });
    const client = server.connect();
    for (const path of ["/a", "/b", "/d"]) assert.equal(client.create(path), 0);
    hasSpace = false;
    const last = server.tree.lastZxid;
    for (const op of [OpCode.create, OpCode.create2, OpCode.createContainer]) {
      assert.equal(
        client.create("/c", "", op === OpCode.createContainer ? 4 : 0, undefined, op),
        -1,
      );
    }
    assert.equal(client.set("/a", "x"), ErrorCode.SYSTEMERROR);
    const multi = (...ops: ((out: Output) => void)[]) =>
      client.call(OpCode.multi, (out) => {
        for (const op of ops) op(out);
        records.writeMultiHeader(out, { type: -1, done: true, err: -1 });
      }).err;
    const checkA = (out: Output): void => {
      records.writeMultiHeader(out, { type: OpCode.check, done: false, err: -1 });
      records.writeCheckVersionRequest(out, { path: "/a", version: -1 });
    };
    const setA = (out: Output): void => {
      records.writeMultiHeader(out, { type: OpCode.setData, done: false, err: -1 });
      records.writeSetDataRequest(out, { path: "/a", data: new Uint8Array(9), version: -1 });
    };
    const deleteD = (out: Output): void => {
      records.writeMultiHeader(out, { type: OpCode.delete, done: false, err: -1 });
      records.writeDeleteRequest(out, { path: "/d", version: -1 });
    };
    assert.equal(multi(deleteD, setA), ErrorCode.SYSTEMERROR, "one part that adds is enough");
    assert.equal(multi(checkA, deleteD), 0, "nothing is added");
    assert.equal(client.read(OpCode.exists, "/d").err, ErrorCode.NONODE);
    assert.equal(client.read(OpCode.getData, "/a").err, 0);
    assert.equal(client.delete("/b"), 0);
    const other = server.connect();
    assert.equal(other.delete("/none"), ErrorCode.NONODE);
    assert.ok(server.tree.lastZxid > last, "refusals are transactions too, but short ones");
    hasSpace = true;
    assert.equal(client.create("/c"), 0);
    assert.equal(client.set("/a", "x"), 0);
  });

  it("a snapshot that can wait is not begun; one of a tree that has come is", () => {
    const opened = open(newDisk(), { diskReserveKb: 1 });
    const { store, disk } = opened;
    feed(opened, new Workload(3).many(50));
    opened.settle();
    const files = disk.list("/data/version-2");
    disk.freeBytes = 1500;
    const heard: unknown[] = [];
    store.takeSnapshot(false, (result) => void heard.push(result));
    opened.settle();
    const [fault] = heard;
    assert.ok(isFault(fault, "DISK_FULL"));
    assert.equal(fault.detail.isEarly, true);
    assert.match(fault.message, /no room for a snapshot .*free \d+ bytes/);
    assert.deepEqual(disk.list("/data/version-2"), files);
    store.takeSnapshot(true, (result) => void heard.push(result));
    opened.settle();
    assert.equal(isFault(heard[1]), false);
    disk.freeBytes = 1 << 20;
    store.takeSnapshot(false, (result) => void heard.push(result));
    opened.settle();
    assert.equal(isFault(heard[2]), false);
  });
});

describe("the watch over space", () => {
  const dirs = { snapshots: "/s", logs: "/l" };

  it("knows of nothing low on a system that does not tell, or with a reserve of 0", () => {
    const disk = new MemoryDisk();
    for (const [free, reserve] of [[null, 1000], [0, 0]] as const) {
      disk.freeBytes = free;
      const watch = new SpaceWatch(disk, reserve);
      watch.tick(0, dirs, () => assert.fail("nothing has changed"));
      assert.equal(watch.isLow, false);
      assert.equal(watch.refuse(dirs, 1 << 30), null);
    }
  });

  it("keeps the reserve beside what a snapshot takes", () => {
    const disk = new MemoryDisk();
    const watch = new SpaceWatch(disk, 1000);
    disk.freeBytes = 1499;
    assert.equal(watch.refuse(dirs, 500)?.code, "DISK_FULL");
    disk.freeBytes = 1500;
    assert.equal(watch.refuse(dirs, 500), null);
  });
});

describe("purging", () => {
  const dirs = { snapshots: "/d", logs: "/d" };

  it("comes at once when space runs out, if it comes at all", () => {
    const options = { snapRetainCount: 3, purgeIntervalMs: 10_000 };
    const auto = new Autopurge(new MemoryDisk(), dirs, options, silent, 0);
    auto.tick(0);
    assert.equal(auto.deadline, 10_000);
    auto.hurry(700);
    assert.equal(auto.deadline, 700);
    const off = new Autopurge(
      new MemoryDisk(),
      dirs,
      { ...options, purgeIntervalMs: 0 },
      silent,
      0,
    );
    off.hurry(700);
    assert.equal(off.deadline, null);
  });
});

describe("the settings", () => {
  const configOf = (...lines: string[]): Config => {
    const given = ["dataDir=/d", "clientPort=1", ...lines];
    const result = loadConfig({ path: null, readFile: () => null, overrides: given });
    assert.ok(result.ok);
    assert.deepEqual(result.warnings, []);
    return result.config;
  };

  it("keep 64 MiB free unless told otherwise", () => {
    assert.equal(configOf().diskReserveKb, 65_536);
    assert.equal(configOf("diskReserveSize=0").diskReserveKb, 0);
  });

  it("have the key that the hint about a hole in the log names", () => {
    assert.equal(configOf().allowDiscontinuousProposals, false);
    const given = configOf("zookeeper.test.allowDiscontinuousProposals=true");
    assert.equal(given.allowDiscontinuousProposals, true);
  });
});
