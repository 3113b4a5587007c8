// The transaction log: bytes as Java writes them, and a reader that tells a crash from damage.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Fault } from "../lib/base/errors.ts";
import { hex } from "../lib/base/ids.ts";
import { LogHistory } from "../lib/store/log_history.ts";
import { LogReader } from "../lib/store/log_reader.ts";
import { compressionOf, filesFrom, filesOf, logName, zxidOfName } from "../lib/store/names.ts";
import { LogWriter } from "../lib/store/txn_log.ts";
import { OpCode } from "../lib/txn/opcodes.ts";
import { decodeTxn, makeTxn, type Txn } from "../lib/txn/txn.ts";
import { MemoryDisk } from "./support/memory_disk.ts";
import { silent, Workload } from "./support/store_kit.ts";

const bytesOf = (hexText: string): Uint8Array =>
  Uint8Array.from(hexText.replace(/\s/g, "").match(/../g) ?? [], (pair) => parseInt(pair, 16));

/** From a 3.8.0 server: createSession of a session of 4 s (storage.md 14). */
const RECORDED = bytesOf(`
  5a4b4c47 00000002 0000000000000000
  00000000c5480b12 00000030
  0100001c59390000 00000000 0000000000000001
  000001a1fd63c7a7 fffffff6
  00000fa0
  00000002 0000000051c6d660
  42`);

const createSession = (): Txn =>
  makeTxn(
    {
      clientId: 0x0100001c59390000n,
      cxid: 0,
      zxid: 1n,
      time: 0x000001a1fd63c7a7n,
      type: OpCode.createSession,
    },
    { kind: "createSession", record: { timeOut: 4000 } },
    { version: 2, treeDigest: 1371985504n },
  );

/** A txn of a chosen zxid and entry size. */
function sized(zxid: bigint, entrySize: number): Txn {
  const empty = { path: "/n", data: new Uint8Array(0), version: 0 };
  const header = { clientId: 1n, cxid: 1, zxid, time: 5n, type: OpCode.setData };
  const bare = makeTxn(header, { kind: "setData", record: empty }, null).bytes.length;
  const record = { ...empty, data: new Uint8Array(entrySize - bare).fill(0x61) };
  return makeTxn(header, { kind: "setData", record }, null);
}

function emptyDisk(): MemoryDisk {
  const disk = new MemoryDisk();
  disk.makeDir("/log");
  return disk;
}

interface WriterSettings {
  readonly preallocate?: number;
  readonly sizeLimit?: number;
  readonly flushes?: boolean;
}

function writer(disk: MemoryDisk, settings: WriterSettings = {}): LogWriter {
  return new LogWriter(disk, "/log", { preallocate: 0, sizeLimit: 0, flushes: true, ...settings });
}

function commit(disk: MemoryDisk, log: LogWriter): void {
  let outcome: Fault | null | undefined;
  log.commit((fault) => void (outcome = fault));
  assert.equal(outcome, undefined, "durable only when the disk says so");
  disk.run();
  assert.equal(outcome, null);
}

/** A file with these transactions, one batch. */
function fileOf(txns: readonly Txn[], settings: WriterSettings = {}): Uint8Array {
  const disk = emptyDisk();
  const log = writer(disk, settings);
  for (const txn of txns) log.append(txn);
  commit(disk, log);
  return disk.get(`/log/${logName(txns[0].header.zxid)}`);
}

/** Zxids of the records that are read, and how the file ends. */
function readAll(bytes: Uint8Array) {
  const disk = emptyDisk();
  disk.put("/log/log.1", bytes);
  const reader = new LogReader(disk, "/log/log.1");
  const zxids: bigint[] = [];
  const ends: number[] = [];
  for (let record = reader.next(); record !== null; record = reader.next()) {
    zxids.push(record.zxid);
    ends.push(record.end);
  }
  assert.ok(reader.end !== null);
  return { zxids, ends, end: reader.end };
}

/** Reads several files as one history after `after`. */
function historyOf(files: Record<string, Uint8Array>, after: bigint, allowGaps = false): bigint[] {
  const disk = emptyDisk();
  for (const [name, bytes] of Object.entries(files)) disk.put(`/log/${name}`, bytes);
  const logs = filesFrom(filesOf(disk, "/log", "log"), after + 1n);
  const history = new LogHistory(disk, logs, after, { allowGaps, note: silent });
  const zxids: bigint[] = [];
  for (let record = history.next(); record !== null; record = history.next()) {
    zxids.push(record.zxid);
  }
  return zxids;
}

const range = (from: number, to: number): bigint[] =>
  Array.from({ length: to - from + 1 }, (_, i) => BigInt(from + i));
const files = (...ranges: [number, number][]): Record<string, Uint8Array> =>
  Object.fromEntries(
    ranges.map(([from, to]) => [
      logName(BigInt(from)),
      fileOf(range(from, to).map((zxid) => sized(zxid, 80)), { preallocate: 512 }),
    ]),
  );

const isCorrupt = (...parts: string[]) => (error: unknown): boolean => {
  assert.ok(error instanceof Fault && error.code === "CORRUPT", String(error));
  for (const part of parts) assert.ok(error.message.includes(part), `${part} in ${error.message}`);
  return true;
};

describe("log writer", () => {
  test("writes the bytes that a Java server wrote", () => {
    assert.deepEqual(fileOf([createSession()]), RECORDED);
  });

  test("allocates ahead in the same steps as Java", () => {
    const step = 65536;
    assert.equal(fileOf([createSession()], { preallocate: step }).length, 65552);
    const disk = emptyDisk();
    const log = writer(disk, { preallocate: step });
    log.append(sized(1n, 61_000));
    commit(disk, log);
    assert.equal(disk.size("/log/log.1"), 65552, "61029 + 4096 is still below");
    log.append(sized(2n, 1000));
    commit(disk, log);
    assert.equal(disk.size("/log/log.1"), 65552, "the place before an append decides");
    log.append(sized(3n, 100));
    commit(disk, log);
    assert.equal(disk.size("/log/log.1"), 65552 + step);
    log.append(sized(4n, 200_000));
    commit(disk, log);
    log.append(sized(5n, 100));
    commit(disk, log);
    const position = 16 + 61_013 + 1013 + 113 + 200_013;
    assert.equal(disk.size("/log/log.1"), Math.floor((position + step) / step) * step);
    assert.deepEqual(readAll(disk.get("/log/log.1")).zxids, range(1, 5));
  });

  test("gives each batch to the disk in one write and one flush", () => {
    const disk = emptyDisk();
    const log = writer(disk);
    for (const zxid of range(1, 100)) log.append(sized(zxid, 60));
    assert.equal(log.buffered, 100);
    commit(disk, log);
    assert.equal(log.buffered, 0);
    assert.deepEqual([disk.ran, disk.flushes], [2, 1]);
  });

  test("rolls to a file named by its first transaction, and trims the old one", () => {
    const disk = emptyDisk();
    const log = writer(disk, { preallocate: 4096 });
    log.append(sized(9n, 60));
    commit(disk, log);
    log.append(sized(10n, 60));
    log.roll();
    log.append(sized(0x10000000bn, 60));
    commit(disk, log);
    assert.deepEqual(disk.list("/log"), ["log.10000000b", "log.9"]);
    assert.equal(disk.size("/log/log.9"), 16 + 2 * 73);
    assert.deepEqual(readAll(disk.get("/log/log.9")).zxids, [9n, 10n]);
    assert.deepEqual(readAll(disk.get("/log/log.10000000b")).zxids, [0x10000000bn]);
  });

  test("begins a new file after a batch that passed the size limit", () => {
    const disk = emptyDisk();
    const log = writer(disk, { sizeLimit: 100 });
    for (const zxid of range(1, 3)) {
      log.append(sized(zxid, 60));
      commit(disk, log);
    }
    assert.deepEqual(disk.list("/log"), ["log.1", "log.3"]);
  });

  test("without flushes a batch is done when it is written", () => {
    const disk = emptyDisk();
    const log = writer(disk, { flushes: false });
    log.append(sized(1n, 60));
    commit(disk, log);
    assert.equal(disk.flushes, 0);
  });

  test("never writes over a log that is there", () => {
    const disk = emptyDisk();
    disk.put("/log/log.1", RECORDED);
    assert.throws(() => writer(disk).append(createSession()), isCorrupt("/log/log.1"));
  });

  test("a failed batch says so", () => {
    const disk = emptyDisk();
    const log = writer(disk);
    log.append(createSession());
    disk.capacity = 20;
    let outcome: Fault | null = null;
    log.commit((fault) => void (outcome = fault));
    disk.run();
    assert.ok((outcome as Fault | null) instanceof Fault);
  });

  test("closing leaves no padding", () => {
    const disk = emptyDisk();
    const log = writer(disk, { preallocate: 4096 });
    log.append(createSession());
    commit(disk, log);
    let isClosed = false;
    log.close((fault) => void (isClosed = fault === null));
    disk.run();
    assert.ok(isClosed);
    assert.deepEqual(disk.get("/log/log.1"), RECORDED);
  });
});

describe("log reader", () => {
  const txns = new Workload(7).many(12);
  const plain = fileOf(txns);
  const padded = fileOf(txns, { preallocate: 8192 });
  const { ends } = readAll(plain);

  test("gives back what was written, byte by byte", () => {
    const disk = emptyDisk();
    disk.put("/log/log.1", padded);
    const reader = new LogReader(disk, "/log/log.1");
    for (const txn of txns) {
      const record = reader.next();
      assert.ok(record !== null);
      assert.deepEqual(record.entry, txn.bytes);
      assert.deepEqual(decodeTxn(record.entry.slice()), txn);
    }
    assert.equal(reader.next(), null);
    assert.deepEqual(reader.end, { kind: "end", at: ends[11], why: "padding", next: null });
  });

  test("finds what was appended since it saw the end", () => {
    const disk = emptyDisk();
    disk.put("/log/log.1", padded.slice(0, ends[3]));
    const reader = new LogReader(disk, "/log/log.1");
    while (reader.next() !== null);
    disk.put("/log/log.1", padded);
    reader.again();
    assert.equal(reader.next()?.zxid, txns[4].header.zxid);
  });

  test("reads records larger than its pieces, over many pieces", () => {
    const large = [sized(1n, 700_000), sized(2n, 70), sized(3n, 900_001), sized(4n, 70)];
    assert.deepEqual(readAll(fileOf(large, { preallocate: 1 << 16 })).zxids, range(1, 4));
  });

  test("cut at any byte: the whole records, and a torn end unless cut between two", () => {
    for (let length = 0; length <= plain.length; length++) {
      const whole = ends.filter((end) => end <= length).length;
      const { zxids, end } = readAll(plain.subarray(0, length));
      assert.equal(zxids.length, whole, `cut at ${length}`);
      const last = ends[whole - 1] ?? 16;
      // The first four bytes of a record are zero, as padding is.
      const isBetween = length >= last && length <= last + 4;
      assert.equal(end.kind, isBetween ? "end" : "torn", `cut at ${length}: ${end.why}`);
      assert.equal(end.at, length < 16 ? 0 : last);
    }
  });

  test("zeros from any byte on: the whole records, and never damage", () => {
    for (let length = 0; length <= plain.length; length++) {
      const bytes = padded.slice();
      bytes.fill(0, length);
      const whole = ends.filter((end) => end <= length).length;
      const { zxids, end } = readAll(bytes);
      assert.equal(zxids.length, whole, `zeros from ${length}`);
      assert.notEqual(end.kind, "damaged", `zeros from ${length}: ${end.why}`);
    }
  });

  test("any bit flipped in a record is damage, with the records before it intact", () => {
    for (const bytes of [plain, padded]) {
      for (let at = 16; at < plain.length; at++) {
        const bad = bytes.slice();
        bad[at] ^= 1 << (at % 8);
        const before = ends.filter((end) => end <= at).length;
        const { zxids, end } = readAll(bad);
        assert.equal(zxids.length, before, `flip at ${at}`);
        assert.equal(end.kind, "damaged", `flip at ${at}: ${end.why}`);
        assert.equal(end.at, ends[before - 1] ?? 16);
        if (before < 11) assert.equal(end.next, ends[before], `flip at ${at}`);
      }
    }
  });

  test("a flipped bit in the magic is damage, in version and dbid it is not looked at", () => {
    for (let at = 0; at < 16; at++) {
      const bad = plain.slice();
      bad[at] ^= 1;
      const { zxids, end } = readAll(bad);
      assert.equal(end.kind, at < 4 ? "damaged" : "end");
      assert.equal(zxids.length, at < 4 ? 0 : 12);
    }
  });

  test("a record behind padding is damage", () => {
    const bytes = padded.slice();
    bytes.copyWithin(ends[11] + 700, ends[4], ends[5]);
    const { zxids, end } = readAll(bytes);
    assert.equal(zxids.length, 12);
    assert.deepEqual([end.kind, end.at, end.next], ["damaged", ends[11], ends[11] + 700]);
  });

  test("a file of zeros was never begun", () => {
    assert.equal(readAll(new Uint8Array(4096)).end.kind, "torn");
  });

  test("a checksum with bits above the 32nd is wrong", () => {
    const bytes = RECORDED.slice();
    bytes[19] = 1;
    assert.equal(readAll(bytes).end.kind, "damaged");
  });
});

describe("log history", () => {
  test("goes over several files and begins behind a snapshot", () => {
    const all = files([1, 5], [6, 9], [10, 14]);
    assert.deepEqual(historyOf(all, 0n), range(1, 14));
    assert.deepEqual(historyOf(all, 7n), range(8, 14));
    assert.deepEqual(historyOf(all, 9n), range(10, 14));
    assert.deepEqual(historyOf(all, 14n), []);
    assert.deepEqual(historyOf({}, 14n), []);
  });

  test("a torn tail of the last file is its end", () => {
    const all = files([1, 5], [6, 9]);
    all["log.6"] = all["log.6"].slice(0, 16 + 93 * 2 + 50);
    assert.deepEqual(historyOf(all, 0n), range(1, 7));
  });

  test("a torn tail of an earlier file is what a restart left, when the next one goes on", () => {
    const all = files([1, 5], [6, 9]);
    all["log.1"] = fileOf(range(1, 6).map((zxid) => sized(zxid, 80))).slice(0, -20);
    assert.deepEqual(historyOf(all, 0n), range(1, 9));
  });

  test("a torn tail of an earlier file that hides transactions is corruption", () => {
    const all = files([1, 5], [6, 9]);
    all["log.1"] = all["log.1"].slice(0, 16 + 93 * 3 + 20);
    assert.throws(
      () => historyOf(all, 0n),
      isCorrupt("leaves a hole", "0x6 comes after 0x3", "log.6", "log.1", "byte 295"),
    );
  });

  test("damage names file, place, the zxid before it and what to do", () => {
    const all = files([1, 5], [6, 9]);
    all["log.6"][16 + 93 + 40] ^= 4;
    assert.throws(
      () => historyOf(all, 0n),
      isCorrupt("damaged", "/log/log.6, byte 109", "0x6", "restore the file", "truncate -s 109"),
    );
  });

  test("a hole between files is refused, and gone over when told to", () => {
    const all = files([1, 5], [7, 9]);
    assert.throws(() => historyOf(all, 0n), isCorrupt("0x7 comes after 0x5", "log.7, byte 16"));
    assert.deepEqual(historyOf(all, 0n, true), [...range(1, 5), ...range(7, 9)]);
  });

  test("a hole behind the snapshot is refused", () => {
    assert.throws(() => historyOf(files([8, 9]), 6n), isCorrupt("0x8 comes after 0x6"));
    assert.deepEqual(historyOf(files([8, 9]), 7n), range(8, 9));
  });

  test("two histories in one folder are refused", () => {
    const all = { ...files([1, 9]), "log.8": files([8, 9])["log.8"] };
    assert.throws(() => historyOf(all, 0n), isCorrupt("goes back", "0x8 comes after 0x9"));
  });

  test("the same zxid twice is taken as it is", () => {
    const twice = fileOf([sized(1n, 60), sized(2n, 60), sized(2n, 61), sized(3n, 60)]);
    assert.deepEqual(historyOf({ "log.1": twice }, 0n), [1n, 2n, 2n, 3n]);
  });

  test("an epoch begins with its first counter", () => {
    const epoch = (e: number, counter: number) => BigInt(e) * 0x100000000n + BigInt(counter);
    const good = fileOf([epoch(1, 1), epoch(1, 2), epoch(3, 1)].map((zxid) => sized(zxid, 60)));
    assert.equal(historyOf({ "log.1": good }, 0n).length, 3);
    const bad = fileOf([epoch(1, 1), epoch(1, 2), epoch(3, 2)].map((zxid) => sized(zxid, 60)));
    assert.throws(() => historyOf({ "log.1": bad }, 0n), isCorrupt(hex(epoch(3, 2))));
  });
});

describe("file names", () => {
  test("are read as Java reads them", () => {
    const rows: [string, string, bigint][] = [
      ["log.1", "log", 1n],
      ["log.100000001", "log", 0x100000001n],
      ["log.FF", "log", 255n],
      ["log.foo", "log", -1n],
      ["log", "log", -1n],
      ["logs.1", "log", -1n],
      ["snapshot.5.gz", "snapshot", 5n],
      ["snapshot.5.tmp", "snapshot", 5n],
      ["snapshot.ffffffffffffffff", "snapshot", -1n],
      ["snapshot.7fffffffffffffff", "snapshot", 0x7fffffffffffffffn],
    ];
    for (const [name, prefix, zxid] of rows) assert.equal(zxidOfName(name, prefix), zxid, name);
  });

  test("say how a file is packed by their last part", () => {
    assert.deepEqual(
      ["snapshot.5", "snapshot.5.gz", "snapshot.5.SNAPPY", "snapshot.5.gz.tmp"].map(compressionOf),
      ["none", "gz", "snappy", "none"],
    );
  });
});
