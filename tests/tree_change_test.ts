// The pause of a leader while its database is replaced: when it begins, and what waits.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TreeChange } from "../lib/peer/tree_change.ts";
import type { Clock } from "../lib/ports.ts";
import { LOCAL, type Request } from "../lib/server/request.ts";

function clockOf(tasks: (() => void)[]): Clock {
  return {
    now: () => ({ mono: 0, wall: 0 }),
    wakeAt: () => assert.fail("nothing is waited for"),
    soon: (task) => void tasks.push(task),
  };
}

const requestOf = (cxid: number): Request => ({
  sessionId: 1n,
  cxid,
  op: 1,
  body: new Uint8Array(0),
  auth: [],
  owner: LOCAL,
});

describe("a change of the leader's tree", () => {
  it("begins when nothing is outstanding, after the step at hand, and once", () => {
    const tasks: (() => void)[] = [];
    let outstanding = 2;
    let begun = 0;
    const change = new TreeChange(() => outstanding, clockOf(tasks), () => begun += 1);
    assert.equal(tasks.length, 0);
    outstanding = 1;
    change.look();
    assert.equal(tasks.length, 0);
    outstanding = 0;
    change.look();
    change.look();
    assert.equal(begun, 0, "not within the step that commits the last one");
    assert.equal(tasks.length, 1);
    tasks[0]();
    assert.equal(begun, 1);
  });

  it("of a leader with nothing outstanding begins by itself", () => {
    const tasks: (() => void)[] = [];
    const change = new TreeChange(() => 0, clockOf(tasks), () => {});
    assert.equal(tasks.length, 1);
    assert.deepEqual(change.waiting, []);
  });

  it("keeps what comes meanwhile, in its order and not without end", () => {
    const change = new TreeChange(() => 1, clockOf([]), () => {});
    for (let cxid = 0; cxid < 100_010; cxid++) change.hold(requestOf(cxid));
    assert.equal(change.waiting.length, 100_000);
    assert.deepEqual(change.waiting.slice(0, 3).map(({ cxid }) => cxid), [0, 1, 2]);
  });
});
