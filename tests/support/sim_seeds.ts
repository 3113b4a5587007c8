// The simulator's lines of fixtures/seeds.txt: `sim SEED MINUTES # what it found`.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface KeptSeed {
  readonly seed: number;
  readonly minutes: number;
  readonly what: string;
}

export function readSeeds(): KeptSeed[] {
  const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
  const text = readFileSync(join(root, "fixtures", "seeds.txt"), "utf8");
  const found: KeptSeed[] = [];
  for (const line of text.split("\n")) {
    const match = /^sim (\d+) ([\d.]+) # (.*)$/.exec(line);
    if (match === null) continue;
    found.push({ seed: Number(match[1]), minutes: Number(match[2]), what: match[3] });
  }
  return found;
}
