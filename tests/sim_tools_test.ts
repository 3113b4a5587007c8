// The tools that say how much the simulator sees: deliberate bugs (support/sim_mutants.ts) and places
// that never ran (support/sim_branches.ts). A few bugs are really tried, each on its scenario.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { readList, unreachedIn } from "./support/sim_branches.ts";
import { build, MUTANTS, tryScript } from "./support/sim_mutants.ts";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(HERE);

describe("a deliberate bug", () => {
  const TRIED: readonly (readonly [mutant: string, script: string, what: RegExp])[] = [
    [
      "a learner accepts an older epoch than it has promised",
      "older_epoch_offered",
      /its epochs went back/,
    ],
    ["a leader counts itself before the flush", "quorum_of_disks", /only 1 of 3 have on disk/],
    [
      "a leader leaves deletions out of the digest that it proposes",
      "full_restart",
      /the tree differs from what the transaction says/,
    ],
    [
      "a snapshot is read without the data of its ephemerals",
      "writes_beside_snapshot",
      /the tree differs from the one its leader had/,
    ],
  ];
  for (const [name, script, what] of TRIED) {
    it(`is found by its scenario: ${name}`, async () => {
      const mutant = MUTANTS.find((each) => each.name === name);
      assert.ok(mutant !== undefined);
      const built = await build(mutant);
      try {
        assert.match(tryScript(built, `${script}.txt`) ?? "nothing", what);
      } finally {
        built.remove();
      }
    });
  }

  it("has its row in MUTANTS.md, and no row is of another", () => {
    const rows = readFileSync(join(HERE, "MUTANTS.md"), "utf8").split("\n")
      .filter((line) => line.startsWith("| ")).slice(1)
      .map((line) => line.slice(2, line.indexOf(" | ")));
    assert.deepEqual(rows, MUTANTS.map(({ name }) => name));
  });
});

describe("places that never ran", () => {
  it("are lines, branches and functions of a report, next to each other as one", () => {
    const source = ["a();", "if (b) return;", "function c() {", "  d();", "}", "", "e();"];
    const lcov = "SF:/x/lib/zab/a.ts\nFN:3,c\nFNDA:0,c\nBRDA:2,1,0,0\nBRDA:7,2,0,4\n" +
      "DA:1,2\nDA:2,2\nDA:4,0\nDA:5,0\nDA:7,1\nend_of_record\n";
    assert.deepEqual(unreachedIn(lcov, () => source), [
      { file: "/x/lib/zab/a.ts", line: 2, length: 3, source: "if (b) return;" },
    ]);
  });

  it("are listed with reasons", () => {
    const list = readList(readFileSync(join(ROOT, "fixtures", "unreached.txt"), "utf8"));
    assert.ok(list.size > 0);
    for (const [key, reason] of list) {
      assert.ok(existsSync(join(ROOT, key.slice(0, key.indexOf(": ")))), key);
      assert.ok(reason.length > 3, key);
    }
  });
});
