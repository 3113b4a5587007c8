// Quotas as every server keeps them (client.md 4.9), and the inputs that halt real servers (11).

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { QuotaText } from "../lib/tree/quota_text.ts";
import type { TreeOptions } from "../lib/tree/tree.ts";
import { isBrisk } from "./support/brisk.ts";
import {
  bytes,
  deletePart,
  dumpWhole,
  loadDump,
  readDump,
  Script,
  setDataPart,
} from "./support/tree_txns.ts";

const parsed = (text: string): string | null => QuotaText.parse(bytes(text))?.toString() ?? null;

describe("the text of a quota", () => {
  const rows: [text: string, written: string | null][] = [
    ["", "count=-1,bytes=-1"],
    ["count=3,bytes=40", "count=3,bytes=40"],
    ["bytes=40,count=3", "count=3,bytes=40"],
    ["bytes=40", "count=-1,bytes=40"],
    [
      "count=3,bytes=40=;countHardLimit=7;byteHardLimit=9",
      "count=3,bytes=40=;byteHardLimit=9;countHardLimit=7",
    ],
    ["count=3;,;bytes=4;;;z=1,a=2", "count=3,bytes=4=;a=2;z=1"],
    ["count=+3,bytes=-40,", "count=3,bytes=-40"],
    ["count==3,bytes=9223372036854775807", "count=-1,bytes=9223372036854775807"],
    ["count=9223372036854775808", null],
    ["count=", null],
    ["count", null],
    [",count=3", null],
    ["count=three", null],
    ["count= 3", null],
    ["count=3.5", null],
    ["not a quota", null],
  ];
  for (const [text, written] of rows) {
    test(`"${text}" reads as ${written}`, () => assert.equal(parsed(text), written));
  }

  test("null data is no text", () => assert.equal(QuotaText.parse(null), null));

  test("limits are read by their names", () => {
    const limits = QuotaText.parse(bytes("count=1,bytes=2=;byteHardLimit=3;countHardLimit=4"));
    assert.deepEqual(
      [limits?.count, limits?.bytes, limits?.byteHardLimit, limits?.countHardLimit],
      [1n, 2n, 3n, 4n],
    );
    const none = QuotaText.parse(bytes(""));
    assert.deepEqual([none?.byteHardLimit, none?.countHardLimit], [-1n, -1n]);
  });
});

class Quota extends Script {
  readonly notes: string[];

  constructor(options: Partial<TreeOptions> = {}) {
    const notes: string[] = [];
    super({ note: (level, _area, said) => notes.push(`${level}: ${said}`), ...options });
    this.notes = notes;
  }

  /** As the client tool does: the nodes above, then limits, then stats. */
  limit(path: string, text = "count=9,bytes=-1"): void {
    let above = "/zookeeper/quota";
    for (const name of path.split("/").slice(1)) this.create(above = `${above}/${name}`);
    this.create(`${above}/zookeeper_limits`, { data: bytes(text) });
    this.create(`${above}/zookeeper_stats`, { data: bytes("count=0,bytes=0") });
  }

  used(path: string): string | null {
    return this.data(`/zookeeper/quota${path}/zookeeper_stats`);
  }
}

describe("usage", () => {
  test("is counted when the stats node is made, the limited node included", () => {
    const quota = new Quota();
    quota.create("/q", { data: bytes("12") });
    quota.create("/q/a", { data: bytes("345") });
    quota.create("/q/a/b", { data: null });
    quota.limit("/q");
    assert.equal(quota.used("/q"), "count=3,bytes=5");
  });

  test("of a node that is missing is nothing, and it begins with the node", () => {
    const quota = new Quota();
    quota.limit("/later");
    assert.equal(quota.used("/later"), "count=0,bytes=0");
    quota.create("/later", { data: bytes("abc") });
    assert.equal(quota.used("/later"), "count=1,bytes=3");
  });

  test("follows create, setData and delete", () => {
    const quota = new Quota();
    quota.create("/q");
    quota.limit("/q");
    quota.create("/q/a", { data: bytes("1234") });
    assert.equal(quota.used("/q"), "count=2,bytes=4");
    quota.apply(setDataPart("/q/a", bytes("12"), 1));
    assert.equal(quota.used("/q"), "count=2,bytes=2");
    quota.apply(setDataPart("/q", bytes("123"), 1));
    assert.equal(quota.used("/q"), "count=2,bytes=5");
    quota.apply(deletePart("/q/a"));
    assert.equal(quota.used("/q"), "count=1,bytes=3");
    quota.create("/qq", { data: bytes("beside") });
    assert.equal(quota.used("/q"), "count=1,bytes=3");
  });

  test("a very deep path costs no look for each of its prefixes", () => {
    const quota = new Quota();
    quota.limit("/q");
    const path = "/a".repeat(100_000);
    isBrisk(50, () => () => assert.equal(quota.tree.quotas.prefixOf(path), null));
    quota.limit(`/${"x".repeat(path.length)}`); // one that is longer still
    isBrisk(50, () => () => assert.equal(quota.tree.quotas.prefixOf(path), null));
    assert.equal(quota.tree.quotas.prefixOf(`/q${path}`), "/q");
  });

  test("lets go what a repeated deletion takes along of the node's next life", () => {
    const quota = new Quota();
    quota.create("/q", { data: bytes("1") });
    quota.limit("/q");
    quota.create("/q/a");
    quota.create("/q/a/b", { data: bytes("23") });
    quota.create("/q/a/b/c", { data: bytes("456") });
    quota.limit("/q/a/b");
    quota.apply(deletePart("/zookeeper/quota/q/a"));
    quota.apply(deletePart("/q/a"));
    assert.deepEqual([quota.used("/q"), quota.tree.quotas.paths()], ["count=1,bytes=1", ["/q"]]);
  });

  test("counts for the deepest quota only", () => {
    const quota = new Quota();
    quota.create("/q");
    quota.create("/q/in");
    quota.limit("/q");
    quota.limit("/q/in");
    quota.create("/q/in/x", { data: bytes("1") });
    quota.create("/q/y");
    assert.deepEqual([quota.used("/q"), quota.used("/q/in")], [
      "count=3,bytes=0",
      "count=2,bytes=1",
    ]);
    assert.equal(quota.tree.quotas.prefixOf("/q/in/x/deep"), "/q/in");
    assert.equal(quota.tree.quotas.prefixOf("/q/inx"), "/q");
    assert.equal(quota.tree.quotas.prefixOf("/other"), null);
  });

  test("ends with the limits node, and the outer quota counts again", () => {
    const quota = new Quota();
    quota.create("/q");
    quota.create("/q/in");
    quota.limit("/q");
    quota.limit("/q/in");
    quota.apply(deletePart("/zookeeper/quota/q/in/zookeeper_limits"));
    quota.create("/q/in/x");
    assert.deepEqual([quota.used("/q"), quota.used("/q/in")], [
      "count=3,bytes=0",
      "count=1,bytes=0",
    ]);
  });

  test("rewrites data only: no stat, no digest", () => {
    const quota = new Quota();
    quota.create("/q");
    quota.limit("/q");
    const before = quota.persisted("/zookeeper/quota/q/zookeeper_stats");
    quota.create("/q/a", { cversion: 1 });
    assert.deepEqual(quota.persisted("/zookeeper/quota/q/zookeeper_stats"), before);
    assert.equal(quota.stat("/zookeeper/quota/q/zookeeper_stats").dataLength, 15);
    const afresh = loadDump(readDump(dumpWhole(quota.tree)));
    assert.equal(quota.tree.digest(), afresh.digest());
  });

  test("keeps other keys of the stats text", () => {
    const quota = new Quota();
    quota.create("/q");
    quota.limit("/q");
    const path = "/zookeeper/quota/q/zookeeper_stats";
    quota.apply(setDataPart(path, bytes("count=1,bytes=0=;x=5"), 1));
    quota.create("/q/a");
    assert.equal(quota.used("/q"), "count=2,bytes=0=;x=5");
  });

  test("goes below zero rather than fail", () => {
    const quota = new Quota();
    quota.create("/q");
    quota.create("/q/a", { data: bytes("123") });
    quota.limit("/q");
    quota.apply(setDataPart("/zookeeper/quota/q/zookeeper_stats", bytes("count=0,bytes=0"), 1));
    quota.apply(deletePart("/q/a"));
    assert.equal(quota.used("/q"), "count=-1,bytes=-3");
  });

  test("text without values begins at −1, as real servers count", () => {
    const quota = new Quota();
    quota.create("/q");
    quota.limit("/q");
    quota.apply(setDataPart("/zookeeper/quota/q/zookeeper_stats", bytes(""), 1));
    quota.create("/q/a", { data: bytes("123") });
    assert.equal(quota.used("/q"), "count=0,bytes=2");
  });

  test("answers limits and usage together", () => {
    const quota = new Quota();
    quota.create("/q");
    quota.limit("/q", "count=5,bytes=10=;countHardLimit=6");
    const usage = quota.tree.quotas.usageOf("/q/a");
    assert.equal(usage?.prefix, "/q");
    assert.equal(usage?.limits?.countHardLimit, 6n);
    assert.equal(usage?.used?.count, 1n);
    assert.equal(quota.tree.quotas.usageOf("/other"), null);
    quota.apply(setDataPart("/zookeeper/quota/q/zookeeper_limits", bytes("garbage"), 1));
    assert.equal(quota.tree.quotas.usageOf("/q/a")?.limits, null);
  });
});

describe("what halts a real server", () => {
  for (const data of [bytes("garbage"), null, bytes("count=1")]) {
    const shown = data === null ? "null" : `"${new TextDecoder().decode(data)}"`;
    test(`stats of ${shown}: the change under the quota is made`, () => {
      const quota = new Quota();
      quota.create("/q");
      quota.limit("/q");
      quota.apply(setDataPart("/zookeeper/quota/q/zookeeper_stats", data, 1));
      assert.equal(quota.create("/q/a", { data: bytes("12") }), 0);
      const expected = data?.length === 7 && data[0] === 99 ? "count=2,bytes=1" : "count=1,bytes=2";
      assert.equal(quota.used("/q"), expected);
    });
  }

  test("a quota on the root is made and ignored, also when loaded", () => {
    const quota = new Quota();
    assert.equal(quota.create("/zookeeper/quota/zookeeper_limits", { data: bytes("count=1") }), 0);
    assert.equal(quota.create("/zookeeper/quota/zookeeper_stats"), 0);
    assert.equal(quota.used(""), "count=6,bytes=7");
    assert.equal(quota.create("/a"), 0);
    assert.equal(quota.used(""), "count=6,bytes=7");
    assert.deepEqual(quota.notes, ["warn: a quota on the root is not supported: it is ignored"]);
    const loaded = loadDump(readDump(dumpWhole(quota.tree)));
    assert.deepEqual(loaded.quotas.paths(), []);
    assert.equal(quota.apply(deletePart("/zookeeper/quota/zookeeper_limits")).err, 0);
  });

  test("a limits node right below /zookeeper is made and deleted without effect", () => {
    const quota = new Quota();
    quota.limit("/q");
    assert.equal(quota.create("/zookeeper/zookeeper_limits"), 0);
    assert.equal(quota.apply(deletePart("/zookeeper/zookeeper_limits")).err, 0);
    assert.deepEqual(quota.tree.quotas.paths(), ["/q"]);
  });

  test("a quota without a stats node is told, and the change is made", () => {
    const quota = new Quota();
    quota.create("/zookeeper/quota/q");
    quota.create("/zookeeper/quota/q/zookeeper_limits", { data: bytes("count=1") });
    assert.equal(quota.create("/q"), 0);
    assert.deepEqual(quota.notes, ["error: there is no stats node for a quota"]);
  });
});

describe("loading", () => {
  test("finds the quotas and counts afresh", () => {
    const quota = new Quota();
    quota.create("/q", { data: bytes("12345") });
    quota.create("/q/a");
    quota.limit("/q");
    quota.limit("/x/y");
    quota.apply(setDataPart("/zookeeper/quota/q/zookeeper_stats", bytes("garbage"), 1));
    const loaded = loadDump(readDump(dumpWhole(quota.tree)));
    assert.deepEqual([...loaded.quotas.paths()].sort(), ["/q", "/x/y"]);
    assert.equal(loaded.quotas.usageOf("/q/z")?.used?.toString(), "count=2,bytes=5");
  });

  test("takes a limits node with children for no quota", () => {
    const quota = new Quota();
    quota.limit("/q");
    quota.create("/zookeeper/quota/q/zookeeper_limits/child");
    assert.deepEqual(loadDump(readDump(dumpWhole(quota.tree))).quotas.paths(), []);
  });
});
