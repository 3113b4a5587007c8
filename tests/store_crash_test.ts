// What was acknowledged survives any crash, and what was not is cleanly absent.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { StoreOptions } from "../lib/store/store.ts";
import type { Txn } from "../lib/txn/txn.ts";
import { describe as describeTree, SeededRandom, Workload } from "./support/store_kit.ts";
import { feed, newDisk, open, treeAfter } from "./support/store_open.ts";

describe("crashes", () => {
  for (const mode of ["kill", "power"] as const) {
    test(`${mode}: what was acknowledged survives, the rest is cleanly absent`, () => {
      let torn = 0;
      let lost = 0;
      for (let seed = 1; seed <= 25; seed++) {
        const random = new SeededRandom(seed);
        const all: Txn[] = [];
        let disk = newDisk();
        for (let life = 0; life < 4; life++) {
          const settings: Partial<StoreOptions> = {
            snapCount: 60,
            preAllocSizeKb: random.below(2) * 4,
            snapshotCompression: (["", "gz", "snappy"] as const)[random.below(3)],
            txnLogSizeLimitKb: random.below(3) === 0 ? 2 : -1,
          };
          const opened = open(disk, settings, seed);
          const last = Number(opened.found.lastZxid);
          const expected = describeTree(treeAfter(all.slice(0, last)));
          assert.equal(describeTree(opened.found.tree), expected, `seed ${seed} life ${life}`);
          assert.equal(opened.found.digest.mismatches, 0);
          // Those that were lost are made again, differently.
          all.length = last;
          const next = new Workload(
            seed * 100 + life,
            treeAfter(all),
          );
          const turns = 5 + random.below(60);
          for (let turn = 0; turn < turns; turn++) {
            const txns = next.many(1 + random.below(4));
            all.push(...txns);
            feed(opened, txns);
            opened.disk.run(random.below(4));
          }
          const durable = opened.store.durable;
          disk = mode === "kill" ? opened.disk.kill() : opened.disk.crash((n) => random.below(n));
          const { found, notes } = open(disk.kill());
          assert.ok(found.lastZxid >= durable, `seed ${seed}: ${found.lastZxid} < ${durable}`);
          if (found.lastZxid < opened.store.appended) lost += 1;
          if (notes.some(({ text }) => text.includes("torn tail"))) torn += 1;
        }
      }
      assert.ok(lost > 20, "most crashes lose what was not acknowledged");
      assert.ok(mode === "kill" || torn > 5, `${torn} torn tails`);
    });
  }
});
