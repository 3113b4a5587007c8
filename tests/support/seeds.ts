// The seeds that failed once (fixtures/seeds.txt), by kind.

import { readFileSync } from "node:fs";

export interface KeptSeed {
  readonly seed: number;
  readonly size: number;
  /** What it was. */
  readonly story: string;
}

/** Lines of one kind. A line that cannot be read is our mistake. */
export function keptSeeds(kind: string): readonly KeptSeed[] {
  const text = readFileSync(new URL("../../fixtures/seeds.txt", import.meta.url), "utf8");
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return lines.flatMap((line) => {
    const match = /^(\S+) (\d+) (\d+) # (.+)$/.exec(line);
    if (match === null) throw new Error(`fixtures/seeds.txt: ${line}`);
    const [, name, seed, size, story] = match;
    return name === kind ? [{ seed: Number(seed), size: Number(size), story }] : [];
  });
}
