// HAZARDS.md names every hazard of the protocol that a member could cause, and tests that are there.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL("./", import.meta.url));
const lines = readFileSync(`${here}HAZARDS.md`, "utf8").split("\n");
const rows = lines.filter((line) => line.startsWith("| ") && !/^\| (id|what|---) /.test(line))
  .map((line) => line.slice(2, -2).split(" | ").map((cell) => cell.trim()));

/** How many hazards of each kind there are (quorum.md 12.2 to 12.5). */
const COUNTS = { E: 17, L: 28, F: 22, R: 13 };

/** Whether a text of the file, as a title is one, begins so. */
function hasTitle(file: string, told: string): boolean {
  const path = `${here}${file}_test.ts`;
  assert.ok(existsSync(path), `there is no ${file}_test.ts`);
  const source = readFileSync(path, "utf8");
  return told !== "" && ['"', "`"].some((quote) => source.includes(quote + told));
}

describe("the list of hazards", () => {
  it("has each once, in order", () => {
    const ids = rows.map(([id]) => id).filter((id) => /^H-/.test(id));
    const all = Object.entries(COUNTS).flatMap(([kind, count]) =>
      Array.from({ length: count }, (_, i) => `H-${kind}${i + 1}`)
    );
    assert.deepEqual(ids, all);
  });

  for (const row of rows) {
    const [id] = row;
    const cell = row.at(-1) ?? "";
    if (row.includes("—") || cell.startsWith("— ")) {
      it(`says why ${id} has no test`, () => assert.ok(cell.length > 20, cell));
      continue;
    }
    for (const named of cell.split("; ")) {
      it(`${id}: ${named}`, () => {
        const [file = "", told = ""] = named.split(/: ?(.*)/s);
        assert.match(file, /^[a-z_]+$/);
        assert.ok(hasTitle(file, told), `nothing in ${file}_test.ts begins with "${told}"`);
      });
    }
  }
});
