// Scenario files (fixtures/scripts): each runs as it stands in its file, with every check of lib/sim
// looking on. UPDATE=1 rewrites the traces; the diff is then to be read.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { parseScript, runScript } from "../lib/sim/script.ts";

const FOLDER = join(dirname(dirname(fileURLToPath(import.meta.url))), "fixtures", "scripts");
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith(".txt")).sort();
const isUpdated = process.env.UPDATE === "1";

describe("a scenario", () => {
  for (const name of FILES) {
    it(`goes as it is written: ${name}`, () => {
      const path = join(FOLDER, name);
      const text = readFileSync(path, "utf8");
      const result = runScript(text);
      if (isUpdated) writeFileSync(path, result.text);
      assert.deepEqual(result.violations, []);
      assert.equal(result.text, isUpdated ? result.text : text);
      const last = parseScript(result.text).at(-1);
      assert.match(last?.trace.at(-1) ?? "", /^all is well/, "a script ends with finish");
    });
  }

  it("says which command is wrong", () => {
    const { violations } = runScript("ensemble 3\nstart s1 s9\n----\n");
    assert.deepEqual(violations, ['"start s1 s9" threw: no member s9']);
    assert.match(runScript("fly\n----\n").violations[0], /"fly" threw: no ensemble|there is no/);
  });

  it("fails when what is expected does not hold", () => {
    const script = "ensemble 1 standaloneEnabled=false\nstart all\nuntil level\nexpect s1 has /x\n";
    assert.deepEqual(runScript(script).violations, ["expected: s1 has /x"]);
    const late = "ensemble 3\nstart s1\nuntil leader within 5s\n----\n";
    assert.deepEqual(runScript(late).violations, ["not within 5000 ms: leader"]);
  });
});
