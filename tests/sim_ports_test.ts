// The simulator's disk and network keep the contracts of the host's, and do at a crash what real
// ones do.

import assert from "node:assert/strict";
import { it } from "node:test";
import type { Fault } from "../lib/base/errors.ts";
import type { Link } from "../lib/ports.ts";
import { GOOD_DISK, SimDisk, SimStorage } from "../lib/sim/disk.ts";
import { SimInternet, SimNetwork } from "../lib/sim/network.ts";
import { Life, SimRandom, World } from "../lib/sim/world.ts";
import { diskContract } from "./support/contract_disk.ts";
import { networkContract } from "./support/contract_network.ts";

const untilIn = (world: World) => (condition: () => boolean): Promise<void> =>
  world.runFor(60_000, condition)
    ? Promise.resolve()
    : Promise.reject(new Error("not within a virtual minute"));

diskContract("simulated disk", () => {
  const world = new World(1);
  const storage = new SimStorage(world, "a");
  storage.folders.add("/d");
  return {
    disk: new SimDisk(storage, new Life(world, "a")),
    dir: "/d",
    until: untilIn(world),
    close: () => {},
  };
});

networkContract("simulated network", () => {
  const world = new World(1);
  const internet = new SimInternet(world);
  internet.name("one.example", "10.0.0.1");
  return {
    network: new SimNetwork(internet, new Life(world, "a"), "10.0.0.1"),
    host: "10.0.0.1",
    name: "one.example",
    unknownName: "none.example",
    until: untilIn(world),
    close: () => {},
  };
});

it("a seeded generator gives the same numbers everywhere", () => {
  const random = new SimRandom(42, "test");
  const drawn = Array.from({ length: 5 }, () => random.below(1000));
  const again = new SimRandom(42, "test");
  assert.deepEqual(drawn, Array.from({ length: 5 }, () => again.below(1000)));
  const other = new SimRandom(42, "other");
  assert.notDeepEqual(drawn, Array.from({ length: 5 }, () => other.below(1000)));
  const buckets = new Array(10).fill(0);
  for (let i = 0; i < 10_000; i++) buckets[random.below(10)] += 1;
  assert.ok(Math.min(...buckets) > 850 && Math.max(...buckets) < 1150, buckets.join());
});

it("a crash keeps what was flushed and a prefix of the rest", () => {
  const ends = new Set<number>();
  for (let seed = 1; seed <= 200; seed++) {
    const world = new World(seed);
    const storage = new SimStorage(world, "a");
    const life = new Life(world, "a");
    const disk = new SimDisk(storage, life);
    storage.folders.add("/");
    let isFlushed = false;
    disk.write("/f", 0, Uint8Array.of(1, 2, 3, 4));
    disk.flush("/f", () => (isFlushed = true));
    assert.ok(world.runFor(1000, () => isFlushed));
    disk.write("/f", 4, Uint8Array.of(5, 6, 7, 8));
    disk.write("/f", 8, Uint8Array.of(9, 10, 11, 12));
    world.runUntil(world.now + 1);
    life.end();
    storage.crash();
    const left = [...new SimDisk(storage, new Life(world, "b")).read("/f")];
    assert.deepEqual(left, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].slice(0, left.length));
    assert.ok(left.length >= 4, `seed ${seed}: flushed bytes are lost`);
    ends.add(left.length);
  }
  assert.ok(ends.size >= 6, `only lengths ${[...ends].join()}`);
});

it("what a failed flush held can be read, and is lost at a crash unless written once more", () => {
  const lengths = { again: new Set<number>(), rewritten: new Set<number>() };
  for (let seed = 1; seed <= 200; seed++) {
    const world = new World(seed);
    const storage = new SimStorage(world, "a");
    storage.folders.add("/");
    const flushed = (disk: SimDisk, isBad: boolean): void => {
      let fault: Fault | null | undefined;
      storage.health = isBad ? { ...GOOD_DISK, failOneIn: 1 } : GOOD_DISK;
      disk.flush("/f", (found) => (fault = found));
      assert.ok(world.runFor(1000, () => fault !== undefined));
      assert.equal(fault !== null, isBad);
    };
    const first = new SimDisk(storage, new Life(world, "a"));
    first.write("/f", 0, Uint8Array.of(1, 2));
    flushed(first, false);
    first.write("/f", 2, Uint8Array.of(3, 4, 5));
    flushed(first, true);
    const second = new SimDisk(storage, new Life(world, "b"));
    assert.deepEqual([...second.read("/f")], [1, 2, 3, 4, 5]);
    if (seed % 2 === 0) second.rewrite("/f", 0, 5);
    second.write("/f", 5, Uint8Array.of(6));
    flushed(second, false);
    assert.deepEqual([...second.read("/f")], [1, 2, 3, 4, 5, 6]);
    storage.crash();
    const left = new SimDisk(storage, new Life(world, "c")).read("/f");
    assert.deepEqual([...left.subarray(0, 2)], [1, 2]);
    assert.equal(left[5], 6, "a good flush is a good flush");
    const kept = left.subarray(2, 5).findIndex((byte, i) => byte !== 3 + i);
    lengths[seed % 2 === 0 ? "rewritten" : "again"].add(kept);
  }
  assert.deepEqual([...lengths.rewritten], [-1], "all of it");
  assert.deepEqual([...lengths.again].sort(), [-1, 0, 1, 2], "none, some or all of it");
});

it("an open file goes on without its name until it is released", () => {
  const world = new World(1);
  const storage = new SimStorage(world, "a");
  const disk = new SimDisk(storage, new Life(world, "a"));
  storage.folders.add("/");
  const settle = (path: string): void => {
    let isFlushed = false;
    disk.flush(path, (fault) => (isFlushed = fault === null));
    assert.ok(world.runFor(1000, () => isFlushed));
  };
  disk.write("/f", 0, Uint8Array.of(1, 2));
  settle("/f");
  disk.write("/f", 2, Uint8Array.of(3));
  disk.remove("/f");
  settle("/f"); // closed by the removal, and opened again
  assert.deepEqual([...disk.read("/f")], [], "what was under way went into the old one");
  disk.write("/f", 0, Uint8Array.of(4));
  settle("/f");
  disk.replaceNow("/f", Uint8Array.of(5));
  disk.write("/f", 0, Uint8Array.of(6, 7));
  settle("/f");
  assert.deepEqual([...disk.read("/f")], [5], "still open: written, flushed and seen by nobody");
  disk.release("/f");
  disk.write("/f", 1, Uint8Array.of(8));
  settle("/f");
  assert.deepEqual([...disk.read("/f")], [5, 8]);
});

it("bytes wait for a cut to heal, in order, and one direction is no other", () => {
  const world = new World(3);
  const internet = new SimInternet(world);
  const [here, there] = ["10.0.0.1", "10.0.0.2"];
  const near = new SimNetwork(internet, new Life(world, "a"), here);
  const far = new SimNetwork(internet, new Life(world, "b"), there);
  const heard: { near: number[]; far: number[] } = { near: [], far: [] };
  const links: Link[] = [];
  const listen = (link: Link, into: number[]): void => {
    links.push(link);
    link.attach({ bytes: (c) => into.push(...c), drained: () => {}, closed: () => {} });
  };
  far.listen({ host: there, port: 9 }, (link) => listen(link, heard.far), () => {});
  world.runUntil(1);
  near.dial({ host: there, port: 9 }, 1000, (link) => listen(link as Link, heard.near));
  assert.ok(world.runFor(1000, () => links.length === 2));
  const dialled = links.find((link) => link.local.host === here);
  const accepted = links.find((link) => link.local.host === there);
  internet.cut(here, there);
  dialled?.write(Uint8Array.of(1));
  dialled?.write(Uint8Array.of(2, 3));
  accepted?.write(Uint8Array.of(9));
  world.runUntil(world.now + 1000);
  assert.deepEqual(heard, { near: [9], far: [] });
  internet.heal(here, there);
  dialled?.write(Uint8Array.of(4));
  world.runUntil(world.now + 1000);
  assert.deepEqual(heard.far, [1, 2, 3, 4]);
});
