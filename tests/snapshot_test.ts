// Snapshots: sections and seals as Java writes them, compression both ways, and no damaged file that
// loads.

import assert from "node:assert/strict";
import { deflateRawSync, gunzipSync, gzipSync } from "node:zlib";
import { describe, test } from "node:test";
import { adler32, ADLER32_START } from "../lib/base/adler32.ts";
import { Fault, isFault } from "../lib/base/errors.ts";
import { Output } from "../lib/codec/output.ts";
import { writeACL, writeStatPersisted } from "../lib/records/data.ts";
import { gunzipSource } from "../lib/store/inflate.ts";
import { decodeBlock, snappyChunks, snappyHeader, unsnappySource } from "../lib/store/snappy.ts";
import { looksWhole, readSnapshot, wholeSnapshots } from "../lib/store/snapshot.ts";
import { SnapshotWriter } from "../lib/store/snapshot_writer.ts";
import type { Source } from "../lib/store/window.ts";
import { TreeLoader } from "../lib/tree/loader.ts";
import { Tree } from "../lib/tree/tree.ts";
import { MemoryDisk } from "./support/memory_disk.ts";
import {
  describe as describeTree,
  SeededRandom,
  treeOptions,
  Workload,
} from "./support/store_kit.ts";

type Packing = "none" | "gz" | "snappy";
const PACKINGS: readonly Packing[] = ["none", "gz", "snappy"];

interface Sections {
  readonly digest?: boolean;
  readonly lastZxid?: boolean;
}

/** The file that is written of a tree, after `during` was called between two slices. */
function written(tree: Tree, packing: Packing, sections: Sections = {}, during = () => {}) {
  const disk = new MemoryDisk();
  disk.makeDir("/data");
  const options = {
    digest: true,
    lastZxid: true,
    ...sections,
    compression: packing,
    afterDurable: (_zxid: bigint, go: () => void) => go(),
  };
  let path: string | null = null;
  const writer = new SnapshotWriter(disk, "/data", tree, options, (result) => {
    assert.ok(!isFault(result), String(result));
    path = result.path;
    assert.equal(result.size, disk.size(path));
  });
  writer.start();
  while (disk.run(1) > 0) during();
  assert.ok(path !== null, "the snapshot is finished");
  assert.equal(disk.list("/data")?.length, 1, "nothing temporary is left");
  return { disk, path: path as string, bytes: disk.get(path) };
}

function load(disk: MemoryDisk, path: string) {
  const loader = new TreeLoader(treeOptions());
  const tail = readSnapshot(disk, path, loader);
  return { tree: loader.finish(), tail };
}

function loadBytes(bytes: Uint8Array, name = "snapshot.1") {
  const disk = new MemoryDisk();
  disk.put(`/data/${name}`, bytes);
  return load(disk, `/data/${name}`);
}

function filled(seed: number, count: number): Tree {
  const work = new Workload(seed);
  work.many(count);
  return work.tree;
}

function pieces(bytes: Uint8Array, size: number): Source {
  let at = 0;
  return () => {
    if (at >= bytes.length) return null;
    at += size;
    return bytes.slice(at - size, at);
  };
}

function drain(source: Source): Uint8Array {
  const out = new Output();
  for (let piece = source(); piece !== null; piece = source()) out.raw(piece);
  return out.take();
}

describe("snapshot", () => {
  for (const packing of PACKINGS) {
    test(`${packing}: what is written is read back whole`, () => {
      const tree = filled(3, 3000);
      const { disk, path } = written(tree, packing);
      assert.equal(path, `/data/snapshot.bb8${packing === "none" ? "" : `.${packing}`}`);
      assert.ok(looksWhole(disk, path));
      const { tree: loaded, tail } = load(disk, path);
      loaded.lastZxid = tree.lastZxid;
      assert.equal(describeTree(loaded), describeTree(tree));
      assert.equal(tail.lastZxid, 3000n);
      assert.deepEqual(tail.digest, { zxid: 3000n, digestVersion: 2, digest: tree.digest() });
    });

    test(`${packing}: taken while transactions go on, it and the log give the same tree`, () => {
      const work = new Workload(11);
      const before = work.many(2500);
      const tree = new Tree(treeOptions());
      for (const txn of before) tree.apply(txn, false);
      const after = work.many(400);
      let next = 0;
      const { disk, path } = written(tree, packing, {}, () => {
        for (let i = 0; i < 20 && next < after.length; i++) tree.apply(after[next++], false);
      });
      assert.ok(next > 100, "transactions were applied meanwhile");
      const { tree: loaded, tail } = load(disk, path);
      loaded.lastZxid = 2500n;
      assert.ok(tail.digest !== null && tail.digest.zxid > 2500n);
      for (const txn of after) {
        loaded.apply(txn, false);
        if (txn.header.zxid === tail.digest.zxid) assert.equal(loaded.digest(), tail.digest.digest);
      }
      assert.equal(describeTree(loaded), describeTree(work.tree));
    });
  }

  test("a fresh tree is as long as that of a Java server", () => {
    const tree = new Tree(treeOptions());
    assert.equal(written(tree, "none", { lastZxid: false }).bytes.length, 457); // 3.8.0
    assert.equal(written(tree, "none").bytes.length, 478); // 3.10 development
  });

  test("optional sections are told by what is left, in any combination", () => {
    const tree = filled(5, 40);
    for (const digest of [true, false]) {
      for (const lastZxid of [true, false]) {
        const { disk, path } = written(tree, "none", { digest, lastZxid });
        const { tail } = load(disk, path);
        assert.equal(tail.digest !== null, digest);
        assert.equal(tail.lastZxid !== null, lastZxid);
      }
    }
  });

  test("the smallest file that real servers accept is accepted", () => {
    const out = new Output();
    for (const word of [0x5a4b534e, 2, -1, -1, 0, 1, 0, 2]) out.int(word);
    out.vector([{ perms: 31, id: { scheme: "world", id: "anyone" } }], writeACL);
    const zero = { version: 0, cversion: 0, aversion: 0, ephemeralOwner: 0n };
    const stat = { czxid: 0n, mzxid: 0n, ctime: 0n, mtime: 0n, pzxid: 0n, ...zero };
    for (const path of ["", "/zookeeper", "/zookeeper/quota", "/a"]) {
      out.ustring(path);
      out.buffer(new Uint8Array(0));
      out.long(path === "/a" ? 2n : -1n);
      writeStatPersisted(out, stat);
    }
    out.ustring("/");
    const sum = adler32(ADLER32_START, out.view());
    out.long(BigInt(sum));
    out.ustring("/");
    const { tree } = loadBytes(out.take());
    assert.equal(tree.nodeCount, 5);
    assert.equal(tree.get("/zookeeper/config"), undefined);
  });

  test("a znode of 1 MB and a list of thousands of sessions pass", () => {
    const tree = filled(9, 50);
    for (let i = 0; i < 20_000; i++) tree.sessions.set(BigInt(i), i);
    const { header, body } = new Workload(1).next();
    tree.apply({
      header: { ...header, type: 1, zxid: 51n },
      body: {
        kind: "create",
        record: {
          path: "/large",
          data: new Uint8Array(1 << 20).map((_, i) => i * 7),
          acl: null,
          ephemeral: false,
          parentCVersion: 99,
        },
        beforeV34: false,
      },
      digest: null,
      bytes: new Uint8Array(0),
    }, false);
    assert.equal(body.kind, "createSession");
    for (const packing of PACKINGS) {
      const { disk, path } = written(tree, packing);
      const { tree: loaded } = load(disk, path);
      assert.equal(loaded.sessions.size, tree.sessions.size);
      assert.equal(loaded.digest(), tree.digest());
    }
  });

  test("cut at any byte it is not whole, except right behind a seal", () => {
    const tree = filled(13, 15);
    const { bytes } = written(tree, "none");
    for (let length = 0; length < bytes.length; length++) {
      const isBehindSeal = [21, 54].includes(bytes.length - length);
      const cut = bytes.slice(0, length);
      if (isBehindSeal) loadBytes(cut);
      else assert.throws(() => loadBytes(cut), Fault, `cut at ${length}`);
    }
  });

  for (const packing of PACKINGS) {
    test(`${packing}: with any bit flipped it does not load as something else`, () => {
      const tree = filled(17, 15);
      const { bytes } = written(tree, packing);
      const name = packing === "none" ? "snapshot.1" : `snapshot.1.${packing}`;
      const expected = describeTree(loadBytes(bytes, name).tree);
      let loaded = 0;
      for (let at = 0; at < bytes.length; at++) {
        const bad = bytes.slice();
        bad[at] ^= 1 << (at % 8);
        try {
          assert.equal(describeTree(loadBytes(bad, name).tree), expected, `flip at ${at}`);
          loaded += 1; // versions and times in a header, copies from another place with equal bytes
        } catch (error) {
          assert.ok(isFault(error), `flip at ${at}: ${error}`);
        }
      }
      assert.ok(loaded <= (packing === "none" ? 0 : 40), `${loaded} flips were not noticed`);
    });
  }

  test("a fault names file and place", () => {
    const { bytes } = written(filled(19, 25), "none");
    const bad = bytes.slice();
    bad[100] ^= 1;
    assert.throws(() => loadBytes(bad), /\/data\/snapshot\.1, byte \d+/);
    assert.throws(
      () => loadBytes(bytes.slice(0, 300)),
      /ends inside a znode \(\/data\/snapshot\.1/,
    );
    assert.throws(() => loadBytes(gzipSync(bytes).subarray(0, 90), "snapshot.1.gz"), /unpacked/);
  });

  test("looks whole by its last bytes, or by its first ones when packed", () => {
    const disk = new MemoryDisk();
    const { bytes } = written(filled(23, 5), "none");
    disk.put("/data/snapshot.1", bytes);
    disk.put("/data/snapshot.2", bytes.slice(0, -1));
    disk.put("/data/snapshot.3", new Uint8Array(0));
    disk.put("/data/snapshot.4.gz", gzipSync(bytes));
    disk.put("/data/snapshot.5.gz", bytes);
    disk.put("/data/snapshot.6.snappy", snappyHeader());
    disk.put("/data/snapshot.7.tmp", bytes);
    disk.put("/data/other.8", bytes);
    assert.deepEqual(
      wholeSnapshots(disk, "/data").map(({ name }) => name),
      ["snapshot.6.snappy", "snapshot.4.gz", "snapshot.1"],
    );
    assert.equal(wholeSnapshots(disk, "/data", 1).length, 1);
  });

  test("a failing disk leaves nothing behind and says so", () => {
    const disk = new MemoryDisk();
    disk.makeDir("/data");
    disk.capacity = 100_000;
    const options = {
      digest: true,
      lastZxid: true,
      compression: "none" as const,
      afterDurable: (_: bigint, go: () => void) => go(),
    };
    const results: unknown[] = [];
    const tree = filled(29, 3000);
    new SnapshotWriter(disk, "/data", tree, options, (result) => results.push(result)).start();
    disk.run();
    assert.ok(isFault(results[0], "DISK_FULL") && results.length === 1, String(results));
    assert.deepEqual(disk.list("/data"), []);
  });

  test("its name waits until the log is durable up to what it shows", () => {
    const disk = new MemoryDisk();
    disk.makeDir("/data");
    const waiting: [bigint, () => void][] = [];
    const options = {
      digest: true,
      lastZxid: true,
      compression: "none" as const,
      afterDurable: (zxid: bigint, go: () => void) => void waiting.push([zxid, go]),
    };
    new SnapshotWriter(disk, "/data", filled(31, 30), options, () => {}).start();
    disk.run();
    assert.deepEqual(disk.list("/data"), ["snapshot.1e.tmp"]);
    assert.equal(waiting[0][0], 30n);
    waiting[0][1]();
    disk.run();
    assert.deepEqual(disk.list("/data"), ["snapshot.1e"]);
  });
});

describe("gzip", () => {
  const random = new SeededRandom(42);
  const noise = random.bytes(100_000);
  const text = new TextEncoder().encode(
    Array.from({ length: 20_000 }, (_, i) => `/node-${i % 977} value ${random.below(50)}\n`).join(
      "",
    ),
  );

  test("unpacks what the runtime packs, at every level and in any pieces", () => {
    for (const bytes of [new Uint8Array(0), text, noise, new Uint8Array(300_000)]) {
      for (const level of [0, 1, 4, 6, 9]) {
        for (const strategy of [0, 2, 4]) { // default, huffman only, fixed codes
          const packed = gzipSync(bytes, { level, strategy });
          for (const size of [packed.length, 1000, 7]) {
            if (size === 7 && packed.length > 60_000) continue;
            const unpacked = drain(gunzipSource(pieces(packed, size)));
            assert.ok(bytes.length === unpacked.length && bytes.every((b, i) => b === unpacked[i]));
          }
        }
      }
    }
  });

  test("several members are one stream", () => {
    const out = new Output();
    for (const part of [text, noise, text]) out.raw(gzipSync(part));
    assert.equal(
      drain(gunzipSource(pieces(out.take(), 999))).length,
      2 * text.length + noise.length,
    );
  });

  test("names, comments and extra fields in the header are passed over", () => {
    const body = deflateRawSync(new Uint8Array([7, 8]));
    const trailer = gzipSync(new Uint8Array([7, 8])).subarray(-8);
    const head = [0x1f, 0x8b, 8, 4 + 8 + 16 + 2, 0, 0, 0, 0, 0, 3];
    const extra = [2, 0, 99, 99, 0x61, 0, 0x62, 0, 1, 2];
    const packed = Uint8Array.from([...head, ...extra, ...body, ...trailer]);
    assert.deepEqual(drain(gunzipSource(pieces(packed, 3))), Uint8Array.from([7, 8]));
  });

  test("what snapshots write is one plain member that the runtime unpacks too", () => {
    const tree = filled(37, 3000);
    const plain = written(tree, "none").bytes;
    const packed = written(tree, "gz").bytes;
    assert.ok(packed.length < plain.length);
    assert.deepEqual(new Uint8Array(gunzipSync(packed)), plain);
  });

  test("cut or damaged it is a fault, never other bytes", () => {
    const packed = gzipSync(text.subarray(0, 2000));
    for (let length = 1; length < packed.length; length++) {
      assert.throws(() => drain(gunzipSource(pieces(packed.subarray(0, length), 100))), Fault);
    }
    for (let at = 10; at < packed.length; at++) {
      const bad = Uint8Array.from(packed);
      bad[at] ^= 0x10;
      try {
        const unpacked = drain(gunzipSource(pieces(bad, 100)));
        assert.deepEqual(unpacked, text.slice(0, 2000), `flip at ${at}`); // bits nobody reads
      } catch (error) {
        assert.ok(isFault(error), `flip at ${at}: ${error}`);
      }
    }
  });
});

describe("snappy", () => {
  const random = new SeededRandom(43);

  test("unpacks what it packs, of any length and kind", () => {
    for (let length = 0; length < 300; length++) {
      for (const alphabet of [1, 2, 5, 256]) {
        const bytes = Uint8Array.from({ length }, () => random.below(alphabet));
        const unpacked = drain(unsnappySource(pieces(stream(bytes), 11)));
        assert.deepEqual(unpacked, bytes, `${length} bytes of ${alphabet}`);
      }
    }
    for (const length of [32767, 32768, 32769, 100_000]) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i % 91) * (i % 7));
      assert.deepEqual(drain(unsnappySource(pieces(stream(bytes), 1000))), bytes);
      assert.ok(stream(bytes).length < length / 4);
    }
  });

  test("every element of the format is understood", () => {
    // length 21; literal "ab"; copies with one, two and four bytes of offset; long literal lengths
    const block = Uint8Array.from([
      ...[21, 1 << 2, 0x61, 0x62],
      ...[1 | (0 << 2), 2], // 4 bytes from 2 back
      ...[2 | (3 << 2), 1, 0], // 4 bytes from 1 back
      ...[3 | (2 << 2), 4, 0, 0, 0], // 3 bytes from 4 back
      ...[60 << 2, 2, 0x78, 0x79, 0x7a],
      ...[61 << 2, 1, 0, 0x30, 0x31],
      ...[62 << 2, 0, 0, 0, 0x40],
      ...[63 << 2, 1, 0, 0, 0, 0x41, 0x42],
    ]);
    const text = new TextDecoder().decode(decodeBlock(block, 0, block.length));
    assert.equal(text, "ababab" + "bbbb" + "bbb" + "xyz" + "01" + "@" + "AB");
  });

  test("joined streams, headers included, are one", () => {
    const bytes = random.bytes(50);
    const twice = Uint8Array.from([...stream(bytes), ...stream(bytes)]);
    assert.equal(drain(unsnappySource(pieces(twice, 9))).length, 100);
  });

  test("damaged blocks are faults", () => {
    const rows: [string, number[]][] = [
      ["no length", []],
      ["an endless length", [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
      ["a length that cannot be", [0xff, 0xff, 0xff, 0x7f, 0, 1]],
      ["a literal longer than the block", [5, 4 << 2, 1, 2]],
      ["a literal longer than promised", [1, 1 << 2, 1, 2]],
      ["a copy from before the beginning", [8, 0, 1, 1, 5]],
      ["a copy from nowhere", [8, 0, 1, 1, 0]],
      ["too few bytes", [9, 0, 1]],
      ["an offset cut short", [9, 0, 1, 2]],
    ];
    for (const [why, block] of rows) {
      assert.throws(() => decodeBlock(Uint8Array.from(block), 0, block.length), Fault, why);
    }
    const whole = stream(random.bytes(40));
    for (let length = 0; length < whole.length; length++) {
      if (length === 16) continue; // a header alone is an empty stream
      assert.throws(() => drain(unsnappySource(pieces(whole.slice(0, length), 50))), Fault);
    }
  });

  function stream(bytes: Uint8Array): Uint8Array {
    return Uint8Array.from([...snappyHeader(), ...snappyChunks(bytes)]);
  }
});
