import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Zxid } from "../lib/base/ids.ts";
import type { Txn } from "../lib/txn/txn.ts";
import {
  type CatchUpInput,
  CommittedLog,
  type DiffSource,
  mustFollow,
  planCatchUp,
} from "../lib/zab/catch_up.ts";
import { diskOf, logOf, txnAt, txnsOf, zx } from "./support/zab.ts";

const hex = (zxid: Zxid): string => `0x${zxid.toString(16)}`;

function drained(source: DiffSource): string[] {
  const zxids: string[] = [];
  for (let txn = source.next(); txn !== null; txn = source.next()) {
    if (txn === "gap") return [...zxids, "gap"];
    zxids.push(hex(txn.header.zxid));
  }
  return zxids;
}

/** A plan in a line. */
function plan(peerLastZxid: Zxid, input: Partial<CatchUpInput> & { log: CommittedLog }): string {
  const made = planCatchUp({
    peerLastZxid,
    lastProcessed: input.log.max ?? 0n,
    disk: null,
    forceSnapshot: false,
    ...input,
  });
  if (made.way === "snap") return `SNAP ${hex(made.upTo)}`;
  if (made.way === "trunc") return `TRUNC ${hex(made.zxid)}`;
  return ["DIFF", hex(made.zxid), ...drained(made.txns)].join(" ");
}

const LOG = logOf(txnsOf(5, 3, 7));
const OLDER = [...txnsOf(4, 8, 9), ...txnsOf(5, 1, 7)];

describe("catching up", () => {
  it("level already: an empty DIFF that names the learner's zxid", () => {
    assert.equal(plan(zx(5, 7), { log: LOG }), "DIFF 0x500000007");
    assert.equal(plan(0n, { log: logOf(), lastProcessed: 0n }), "DIFF 0x0");
  });

  it("inside the committed log: DIFF from memory", () => {
    assert.equal(plan(zx(5, 5), { log: LOG }), "DIFF 0x500000007 0x500000006 0x500000007");
    assert.equal(
      plan(zx(5, 3), { log: LOG }),
      "DIFF 0x500000007 0x500000004 0x500000005 0x500000006 0x500000007",
    );
  });

  it("below the committed log: DIFF from disk up to it, then from memory", () => {
    const disk = diskOf(OLDER);
    assert.equal(
      plan(zx(5, 1), { log: LOG, disk }),
      "DIFF 0x500000007 0x500000002 0x500000003 0x500000004 0x500000005 0x500000006 0x500000007",
    );
    assert.equal(plan(zx(4, 9), { log: LOG, disk }).slice(0, 28), "DIFF 0x500000007 0x500000001");
  });

  it("from disk alone, when nothing is in memory", () => {
    const input = { log: logOf(), lastProcessed: zx(5, 7), disk: diskOf(OLDER) };
    assert.equal(plan(zx(5, 6), input), "DIFF 0x500000007 0x500000007");
    assert.equal(plan(zx(5, 6), { ...input, lastProcessed: zx(5, 8) }).endsWith("gap"), true);
  });

  it("without the log on disk, or when that begins later: SNAP (ZOOKEEPER-4352)", () => {
    assert.equal(plan(zx(5, 1), { log: LOG }), "SNAP 0x500000007");
    assert.equal(plan(zx(5, 1), { log: LOG, disk: diskOf(txnsOf(5, 2, 7)) }), "SNAP 0x500000007");
    assert.equal(plan(0n, { log: LOG, disk: diskOf(OLDER) }), "SNAP 0x500000007");
    assert.equal(plan(-1n, { log: LOG, disk: diskOf(OLDER) }), "SNAP 0x500000007");
  });

  it("a learner that is ahead within its epoch: TRUNC to the last committed", () => {
    assert.equal(plan(zx(5, 9), { log: LOG }), "TRUNC 0x500000007");
  });

  it("never TRUNC across epochs, nor to what is no transaction (H-L6)", () => {
    assert.equal(plan(zx(6, 1), { log: LOG }), "SNAP 0x500000007");
    const idle = { log: logOf(), lastProcessed: zx(5, 0) };
    assert.equal(plan(zx(5, 1), idle), "SNAP 0x500000000");
    assert.equal(plan(zx(5, 9), { log: logOf(), lastProcessed: zx(5, 7) }), "SNAP 0x500000007");
  });

  it("a learner with a tail of another epoch inside our log: SNAP", () => {
    const log = logOf(txnsOf(5, 5, 7), txnsOf(6, 1, 2));
    assert.equal(plan(zx(5, 9), { log }), "SNAP 0x600000002");
    const disk = diskOf([...txnsOf(5, 1, 7), ...txnsOf(6, 1, 9)]);
    const later = logOf(txnsOf(6, 5, 9));
    assert.equal(plan(zx(5, 9), { log: later, disk }), "SNAP 0x600000009");
  });

  it("a learner that logged nothing in its epoch is known all the same (H-R4)", () => {
    const log = logOf(txnsOf(5, 6, 7), txnsOf(6, 1, 2));
    assert.equal(plan(zx(6, 0), { log }), "DIFF 0x600000002 0x600000001 0x600000002");
    const disk = diskOf([...txnsOf(5, 1, 7), ...txnsOf(6, 1, 3)]);
    const later = logOf(txnsOf(6, 3, 3));
    assert.equal(
      plan(zx(6, 0), { log: later, disk }),
      "DIFF 0x600000003 0x600000001 0x600000002 0x600000003",
    );
    assert.equal(plan(zx(7, 0), { log }), "SNAP 0x600000002", "not of an epoch we know");
  });

  it("a gap between disk and memory ends the DIFF with a gap, not with a hole (H-R1, H-R11)", () => {
    const disk = diskOf([...txnsOf(5, 1, 2), ...txnsOf(5, 4, 7)]);
    assert.equal(
      plan(zx(5, 1), { log: logOf(txnsOf(5, 6, 7)), disk }),
      "DIFF 0x500000007 0x500000002 gap",
    );
    const short = diskOf(txnsOf(5, 1, 3));
    assert.equal(
      plan(zx(5, 2), { log: logOf(txnsOf(5, 6, 7)), disk: short }),
      "DIFF 0x500000007 0x500000003 gap",
    );
  });

  it("forceSnapshotSync is obeyed even by who is level", () => {
    assert.equal(plan(zx(5, 7), { log: LOG, forceSnapshot: true }), "SNAP 0x500000007");
  });

  it("a tree that is ahead of the committed log is sent whole", () => {
    assert.equal(plan(zx(5, 5), { log: LOG, lastProcessed: zx(6, 3) }), "SNAP 0x600000003");
    const founded = plan(zx(5, 5), { log: LOG, lastProcessed: zx(6, 0) });
    assert.equal(founded, "DIFF 0x500000007 0x500000006 0x500000007", "an epoch began, no more");
  });
});

describe("committed log", () => {
  it("keeps 500 and drops the oldest", () => {
    const log = new CommittedLog();
    for (const txn of txnsOf(5, 1, 600)) log.push(txn);
    assert.equal(log.size, 500);
    assert.equal(log.min, zx(5, 101));
    assert.equal(log.max, zx(5, 600));
  });

  it("keeps no more bytes than it may, but always the newest", () => {
    const size = txnAt(zx(5, 1)).bytes.length;
    const log = new CommittedLog(500, 10 * size);
    for (const txn of txnsOf(5, 1, 30)) log.push(txn);
    assert.equal(log.size, 10);
    const tiny = new CommittedLog(500, 1);
    for (const txn of txnsOf(5, 1, 3)) tiny.push(txn);
    assert.equal(tiny.size, 1);
  });

  it("never holds a hole: what lies before a gap is dropped (ZOOKEEPER-4925)", () => {
    const log = logOf(txnsOf(5, 1, 4), txnsOf(5, 6, 7));
    assert.equal(log.min, zx(5, 6));
    const epochs = logOf(txnsOf(5, 1, 4), txnsOf(6, 2, 3));
    assert.equal(epochs.min, zx(6, 2));
  });

  it("passes over what it has, and truncates", () => {
    const log = logOf(txnsOf(5, 1, 4), txnsOf(5, 2, 5));
    assert.equal(log.size, 5);
    log.truncate(zx(5, 3));
    assert.equal(log.max, zx(5, 3));
    assert.equal(log.has(zx(5, 4)), false);
    assert.equal(log.has(zx(5, 2)), true);
    assert.deepEqual(log.after(zx(5, 1)).map((t: Txn) => t.header.zxid), [zx(5, 2), zx(5, 3)]);
  });
});

describe("order of zxids", () => {
  it("the next one may follow, or the first one of a later epoch", () => {
    assert.equal(mustFollow(zx(5, 7), zx(5, 8)), true);
    assert.equal(mustFollow(zx(5, 7), zx(5, 9)), false);
    assert.equal(mustFollow(zx(5, 7), zx(5, 7)), false);
    assert.equal(mustFollow(zx(5, 7), zx(4, 8)), false);
    assert.equal(mustFollow(zx(5, 7), zx(7, 1)), true);
    assert.equal(mustFollow(zx(5, 7), zx(7, 3)), false);
  });
});
