// Replication faults that Apache ZooKeeper once had, row by row, by their ZOOKEEPER issues: whether
// our design is immune, why, and what shows it. A scenario provokes the very situation in the
// simulator, and is run here with every check of lib/sim looking on; where the simulator's members
// cannot make the situation (a Java leader is needed, or a byte on a wire), tests by hand do. The
// rows are written to tests/ZAB_BUGS.md with UPDATE=1.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { runScript, type ScriptResult } from "../lib/sim/script.ts";
import { ROWS } from "./support/sim_zab_bugs.ts";

const HERE = dirname(fileURLToPath(import.meta.url));
const SCRIPTS = join(dirname(HERE), "fixtures", "scripts");
const TABLE = join(HERE, "ZAB_BUGS.md");

const HEAD = `# Faults that ZooKeeper once had

Written by \`UPDATE=1 npx tsx --test tests/sim_zab_bugs_test.ts\` from tests/support/sim_zab_bugs.ts.
A scenario is a file of fixtures/scripts: it makes the situation happen in the simulator, with all checks
looking on. Tests are named by file and title.

| ZOOKEEPER- | what went wrong there | here | why | what shows it | what would catch it |
|---|---|---|---|---|---|
`;

function tableOf(): string {
  const lines = ROWS.map((row) => {
    const { issues, fault, verdict, because, scripts = [], tests = [], caughtBy } = row;
    const shows = [...scripts.map((name) => `scenario ${name}`), ...tests].join("; ");
    return `| ${issues.join(", ")} | ${fault} | ${verdict} | ${because} | ${shows} | ${caughtBy} |`;
  });
  return `${HEAD}${lines.join("\n")}\n`;
}

const results = new Map<string, { readonly text: string; readonly result: ScriptResult }>();

function scenario(name: string): { readonly text: string; readonly result: ScriptResult } {
  let known = results.get(name);
  if (known === undefined) {
    const text = readFileSync(join(SCRIPTS, `${name}.txt`), "utf8");
    results.set(name, known = { text, result: runScript(text) });
  }
  return known;
}

describe("a fault that Apache ZooKeeper once had", () => {
  for (const { issues, verdict, because, scripts = [], tests = [] } of ROWS) {
    it(`${verdict}: ZOOKEEPER-${issues.join(", ")}: ${because}`, () => {
      assert.ok(scripts.length + tests.length > 0, "something shows it");
      const told: string[] = [];
      for (const name of scripts) {
        const { text, result } = scenario(name);
        assert.deepEqual(result.violations, [], name);
        told.push(...text.split("\n").filter((line) => line.startsWith("#")));
      }
      for (const test of tests) {
        const [file, ...title] = test.split(": ");
        const source = readFileSync(join(HERE, `${file}_test.ts`), "utf8");
        assert.ok(source.includes(`"${title.join(": ")}"`), `there is a test "${test}"`);
      }
      if (tests.length > 0) return;
      for (const issue of issues) {
        assert.ok(told.join(" ").includes(`${issue}`), `a scenario is about ZOOKEEPER-${issue}`);
      }
    });
  }

  it("has its row in ZAB_BUGS.md as it stands here", () => {
    if (process.env.UPDATE === "1") writeFileSync(TABLE, tableOf());
    assert.equal(readFileSync(TABLE, "utf8"), tableOf());
    const issues = ROWS.flatMap((row) => row.issues);
    assert.equal(new Set(issues).size, issues.length, "each issue has one row");
    assert.ok(issues.length >= 70, "none has been dropped");
  });
});
