// `zkpeer inspect`: whole files are shown whole, damaged ones up to the damage, with its place.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setImmediate } from "node:timers";
import { run } from "../lib/cli/inspect.ts";
import { nodeText } from "../lib/cli/inspect_show.ts";
import type { CliIo } from "../lib/cli/io.ts";
import { hex } from "../lib/base/ids.ts";
import { SnapshotWriter } from "../lib/store/snapshot_writer.ts";
import { TreeLoader } from "../lib/tree/loader.ts";
import type { Txn } from "../lib/txn/txn.ts";
import { treeOptions, Workload } from "./support/store_kit.ts";
import { ZERO_STAT } from "./support/stats.ts";
import { diskWith, feed, newDisk, open } from "./support/store_open.ts";
import { acl, bytes, createPart, txnOf } from "./support/tree_txns.ts";

const dir = mkdtempSync(join(tmpdir(), "zkpeer-inspect-"));
let txns: Txn[] = [];
let nodes = 0;

before(() => {
  const work = new Workload(5);
  txns = work.many(80);
  nodes = work.tree.nodeCount - 1; // the root has two names
  const disk = diskWith(txns, { preAllocSizeKb: 8 });
  writeFileSync(join(dir, "log.1"), disk.get("/data/version-2/log.1"));
  for (const snapshotCompression of ["", "gz", "snappy"] as const) {
    const opened = open(newDisk(), { snapshotCompression });
    feed(opened, txns);
    opened.settle();
    opened.store.takeSnapshot(false, () => {});
    opened.settle();
    const name = `snapshot.50${snapshotCompression === "" ? "" : `.${snapshotCompression}`}`;
    writeFileSync(join(dir, name), opened.disk.get(`/data/version-2/${name}`));
  }
});
after(() => rmSync(dir, { recursive: true, force: true }));

async function inspect(...args: string[]) {
  return await inspectUntil(new AbortController().signal, ...args);
}

async function inspectUntil(signal: AbortSignal, ...args: string[]) {
  let [out, err] = ["", ""];
  const io: CliIo = {
    stdout: { write: (data) => void (out += data) },
    stderr: { write: (data) => void (err += data) },
    isTerminal: { stdout: false, stderr: false },
    columns: 80,
    env: {},
    cwd: dir,
    signal,
  };
  const code = await run(args, io);
  const lines = out === "" ? [] : out.trimEnd().split("\n");
  return { code, lines, err };
}

const objects = (lines: readonly string[]) =>
  lines.map((line) => JSON.parse(line) as { readonly [key: string]: unknown });

describe("inspect log", () => {
  test("shows each transaction as a line, and how the file ends", async () => {
    const { code, lines, err } = await inspect("log", "log.1");
    assert.deepEqual([code, lines.length], [0, 80]);
    txns.forEach((txn, i) => {
      assert.ok(lines[i].includes(`zxid ${hex(txn.header.zxid)} session `), lines[i]);
      assert.ok(lines[i].includes(hex(txn.digest?.treeDigest ?? 0n)));
    });
    assert.match(err, /^log\.1: 80 transactions, 0x1 to 0x50; padding at byte \d+ of 16400\n$/);
  });

  test("what a client wrote neither ends a line nor commands a terminal", async () => {
    const evil = acl(31, "digest", "x\n\x1b]0;hi\x07\x9b2J:y");
    const opened = open(newDisk(), { preAllocSizeKb: 8 });
    feed(opened, [txnOf(createPart("/e", { acl: evil }), { zxid: 1n })]);
    opened.settle();
    opened.store.takeSnapshot(false, () => {});
    opened.settle();
    for (const [kind, name] of [["log", "log.1"], ["snapshot", "snapshot.1"]] as const) {
      writeFileSync(join(dir, "evil"), opened.disk.get(`/data/version-2/${name}`));
      const { code, lines } = await inspect(kind, "evil");
      assert.equal(code, 0);
      // deno-lint-ignore no-control-regex -- control characters are what it looks for
      assert.doesNotMatch(lines.join(""), /[\x00-\x1f\x7f-\x9f]/);
      assert.equal(lines.filter((line) => line.includes("digest:x\\x0a\\x1b]0;")).length, 1);
    }
  });

  test("long text is shown as text wherever it is cut", () => {
    for (let before = 0; before < 5; before++) {
      const text = "a".repeat(before) + "\u20ac".repeat(60);
      const shown = nodeText("/a", bytes(text), 1n, ZERO_STAT);
      assert.match(shown, /^\/a "a*\u20ac{38,40}"… \(18\d bytes\) /);
    }
  });

  test("as JSON has one object a line, with its place in the file", async () => {
    const { lines } = await inspect("log", "--json", "log.1");
    const found = objects(lines);
    assert.deepEqual(found.map(({ zxid }) => zxid), txns.map(({ header }) => hex(header.zxid)));
    assert.equal(found[0].at, 16);
    assert.deepEqual([found[0].type, found[0].timeout], ["createSession", 400_001]);
    const file = readFileSync(join(dir, "log.1"));
    for (const { at, zxid } of found) {
      assert.equal(hex(file.readBigInt64BE(Number(at) + 12 + 12)), zxid);
    }
  });

  test("filters by zxid, session and path", async () => {
    const some = objects((await inspect("log", "-j", "log.1", "--zxid", "0x10..0x1f")).lines);
    assert.deepEqual(
      some.map(({ zxid }) => Number(zxid)),
      Array.from({ length: 16 }, (_, i) => 16 + i),
    );
    assert.equal((await inspect("log", "log.1", "--zxid", "0x4f..")).lines.length, 2);
    assert.equal((await inspect("log", "log.1", "--zxid", "..3")).lines.length, 3);
    const session = hex(txns[0].header.clientId);
    const own = objects((await inspect("log", "-j", "log.1", "--session", session)).lines);
    const expected = txns.filter(({ header }) => header.clientId === txns[0].header.clientId);
    assert.deepEqual(own.map(({ zxid }) => zxid), expected.map(({ header }) => hex(header.zxid)));
    const top = objects((await inspect("log", "-j", "log.1", "--path", "/*")).lines);
    assert.ok(top.length > 0);
    assert.ok(
      top.every(({ path, parts }) => parts !== undefined || /^\/[^/]+$/.test(String(path))),
    );
  });

  test("a damaged file is shown up to the damage, with its place and exit code 1", async () => {
    const bytes = readFileSync(join(dir, "log.1"));
    const places = objects((await inspect("log", "-j", "log.1")).lines).map(({ at }) => Number(at));
    bytes[places[40] + 20] ^= 1;
    writeFileSync(join(dir, "log.bad"), bytes);
    const { code, lines, err } = await inspect("log", "log.bad", "log.1");
    assert.deepEqual([code, lines.length], [1, 40 + 80]);
    assert.ok(err.includes(`damaged at byte ${places[40]}: `), err);
    assert.ok(err.includes(`the next whole record is at byte ${places[41]}`), err);
  });

  test("a torn end is said and is no damage", async () => {
    const places = objects((await inspect("log", "-j", "log.1")).lines).map(({ at }) => Number(at));
    writeFileSync(
      join(dir, "log.torn"),
      readFileSync(join(dir, "log.1")).subarray(0, places[9] + 30),
    );
    const { code, lines, err } = await inspect("log", "log.torn");
    assert.deepEqual([code, lines.length], [0, 9]);
    assert.ok(err.includes(`a record without its end at byte ${places[9]}`), err);
  });

  test("a file that is no log, or is not there, is named", async () => {
    const { code, err } = await inspect("log", "snapshot.50", "missing");
    assert.equal(code, 1);
    assert.match(err, /snapshot\.50: damaged at byte 0: no header of a transaction log/);
    assert.match(err, /missing: there is no such file/);
  });
});

describe("inspect snapshot", () => {
  for (const name of ["snapshot.50", "snapshot.50.gz", "snapshot.50.snappy"]) {
    test(`${name}: shows sessions, access lists, znodes and the end`, async () => {
      const { code, lines, err } = await inspect("snapshot", "--json", name);
      assert.equal(code, 0, err);
      const found = objects(lines);
      const kinds = (kind: string) => found.filter((each) => each.kind === kind);
      assert.equal(kinds("node").length, nodes);
      assert.equal(kinds("node")[0].path, "/");
      assert.ok(kinds("session").length > 0 && kinds("acl").length > 0);
      assert.equal(kinds("end")[0].lastZxid, "0x50");
      assert.match(err, new RegExp(`${name}: ${nodes} znodes, .*; all seals are right`));
    });
  }

  test("filters znodes and reads on to check the rest", async () => {
    const { lines, err } = await inspect("snapshot", "snapshot.50", "--path", "/zookeeper/**");
    assert.equal(lines.length, 2);
    assert.match(err, /\(2 lines shown\)/);
    assert.equal((await inspect("snapshot", "snapshot.50", "-q")).lines.length, 0);
  });

  test("a damaged file is shown up to the damage, with its place and exit code 1", async () => {
    const bytes = readFileSync(join(dir, "snapshot.50"));
    writeFileSync(join(dir, "snapshot.cut"), bytes.subarray(0, bytes.length - 200));
    const { code, lines, err } = await inspect("snapshot", "snapshot.cut");
    assert.equal(code, 1);
    assert.ok(lines.length > 5);
    assert.match(err, /snapshot\.cut.*ends inside a znode.*byte \d+/);
  });
});

describe("inspect", () => {
  test("ends when asked to in the middle of a long file, of either kind, and says so", async () => {
    const acl = { id: 1n, acl: [] };
    const loader = new TreeLoader(treeOptions());
    loader.acl(acl.id, acl.acl);
    const zero = { czxid: 1n, mzxid: 1n, ctime: 0n, mtime: 0n, version: 0, cversion: 0 };
    const stat = { ...zero, aversion: 0, ephemeralOwner: 0n, pzxid: 1n };
    loader.node("", null, acl.id, stat);
    for (let i = 0; i < 9000; i++) loader.node(`/n${i}`, null, acl.id, stat);
    const disk = newDisk();
    SnapshotWriter.writeNow(disk, "/", loader.finish(), { digest: true, lastZxid: true });
    writeFileSync(join(dir, "snapshot.0"), disk.get("/snapshot.0"));
    const record = readFileSync(join(dir, "log.1")).subarray(16, 16 + 12 + 100);
    const length = record.readInt32BE(8) + 13;
    const records = Array.from({ length: 2500 }, () => record.subarray(0, length));
    writeFileSync(
      join(dir, "log.2"),
      Buffer.concat([readFileSync(join(dir, "log.1")).subarray(0, 16), ...records]),
    );
    for (const [kind, name] of [["snapshot", "snapshot.0"], ["log", "log.2"]] as const) {
      const whole = await inspect(kind, name);
      const asked = new AbortController();
      setImmediate(() => asked.abort());
      const { code, lines } = await inspectUntil(asked.signal, kind, name);
      assert.deepEqual([whole.code, code], [0, 130], whole.err);
      assert.ok(lines.length > 0 && lines.length < whole.lines.length, `${lines.length} lines`);
    }
  });

  test("says how it is used when used wrongly", async () => {
    for (
      const [args, text] of [
        [[], "say what to inspect"],
        [["log"], "say what to inspect"],
        [["logs", "x"], "say what to inspect"],
        [["log", "x", "--zxid", "five"], "give a range"],
        [["log", "x", "--session", "me"], "me is no session id"],
        [["log", "x", "--jsno"], "unknown option"],
      ] as const
    ) {
      const { code, err } = await inspect(...args);
      assert.equal(code, 2, args.join(" "));
      assert.ok(err.includes(text), err);
    }
    const { code, lines } = await inspect("--help");
    assert.equal(code, 0);
    assert.ok(lines.some((line) => line.includes("zkpeer inspect [options] log|snapshot FILE...")));
  });
});
