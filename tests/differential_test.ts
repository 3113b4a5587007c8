// Our server and Java's are asked the same and must answer the same: requests that once showed a
// difference, a short random trial, and every seed that failed once. The long form, with hundreds of
// thousands of requests, is interop_differential_test.ts.

import { strict as assert } from "node:assert";
import { describe, it } from "node:test";
import { OpCode } from "../lib/txn/opcodes.ts";
import { exclusions } from "./support/differential_known.ts";
import { generateSteps } from "./support/differential_generate.ts";
import { JAVA_VERSION } from "./support/differential_servers.ts";
import type { Fields, Request, Step } from "./support/differential_steps.ts";
import { attempt, planOf, trial } from "./support/differential_trial.ts";
import { javaUnavailable } from "./support/java.ts";
import { keptSeeds } from "./support/seeds.ts";

const skip = javaUnavailable(JAVA_VERSION) ?? false;
const QUICK_SEED = 20;
const QUICK_REQUESTS = 1_500;

const open = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
const ask = (op: number, record: Fields): Request => ({ op, record });
const create = (path: string | null, flags = 0): Request =>
  ask(OpCode.create, { path, data: null, acl: open, flags });
const lists = {
  relativeZxid: 0n,
  dataWatches: [],
  existWatches: [],
  childWatches: [],
  persistentWatches: [],
  persistentRecursiveWatches: [],
};
const part = (op: number, record: Fields) => ({ op, record });

/** What differed once, in words, and the requests that showed it. */
const mended: readonly (readonly [string, readonly Request[]])[] = [
  ["a multiRead of writes answers with an empty result behind its error", [
    {
      op: OpCode.multiRead,
      parts: [part(OpCode.delete, { path: "/a", version: -1 })],
    },
    {
      op: OpCode.multiRead,
      parts: [part(OpCode.delete, { path: null, version: -1 })],
    },
    {
      op: OpCode.multiRead,
      parts: [
        part(OpCode.getData, { path: "/", watch: false }),
        part(OpCode.getData, { path: null, watch: false }),
      ],
    },
  ]],
  ["setWatches works its lists in order and stops at a null", [
    create("/a"),
    ask(OpCode.setWatches2, {
      ...lists,
      dataWatches: ["/none", "/a"],
      existWatches: ["/a", null, "/a"],
    }),
    ask(OpCode.setWatches2, { ...lists, dataWatches: ["/none"], childWatches: null }),
    ask(OpCode.setWatches2, { ...lists, persistentWatches: [null] }),
  ]],
  ["a watch on a null path is accepted, found and removed", [
    ask(OpCode.addWatch, { path: null, mode: 0 }),
    ask(OpCode.checkWatches, { path: null, type: 4 }),
    ask(OpCode.removeWatches, { path: null, type: 3 }),
    ask(OpCode.checkWatches, { path: null, type: 4 }),
  ]],
  ["the root counts itself under its empty name", [
    ask(OpCode.getAllChildrenNumber, { path: "" }),
    ask(OpCode.getAllChildrenNumber, { path: "/" }),
  ]],
  ["flags of a create are looked at before its path", [create(null, 6), create(null, 0)]],
];

describe("differential test", () => {
  it("makes the same steps from the same seed", () => {
    const plan = planOf(500);
    assert.deepEqual(generateSteps(5, plan), generateSteps(5, plan));
    assert.notDeepEqual(generateSteps(5, plan), generateSteps(6, plan));
  });

  it("leaves out only what meets a defect of Java's by name", () => {
    const where = { enforcesQuota: true };
    const met = (request: Request) =>
      exclusions.filter(({ meets }) => meets(request, where)).map(({ name }) => name);
    assert.deepEqual(met(create("/a")), []);
    assert.deepEqual(met({ op: OpCode.deleteContainer, raw: new Uint8Array(0) }), [
      "clients cannot delete containers",
      "an unreadable write reuses a zxid",
    ]);
    assert.deepEqual(met(create("/zookeeper/quota/zookeeper_limits")), [
      "a quota on the root halts",
      "limits that are no limits refuse every create",
    ]);
  });

  it("answers as Java does where it once did not", { skip }, async () => {
    const steps = mended.map(([, requests]): Step => ({ kind: "requests", slot: 1, requests }));
    const report = await attempt(0, steps);
    assert.equal(report.requests, mended.flatMap(([, requests]) => requests).length);
  });

  it(`answers ${QUICK_REQUESTS} random requests as Java does`, { skip }, async () => {
    const report = await trial(QUICK_SEED, QUICK_REQUESTS);
    assert.ok(report.requests > QUICK_REQUESTS * 0.9 && report.txns > 0);
  });

  for (const { seed, size, story } of keptSeeds("differential")) {
    it(`answers seed ${seed} as Java does: ${story}`, { skip }, async () => {
      assert.ok((await trial(seed, size)).requests > 0);
    });
  }
});
