// The loop around a pure machine: order, alarms, and what becomes of an effect that fails.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Fault } from "../lib/base/errors.ts";
import { type LoopEars, MachineLoop } from "../lib/peer/machine_loop.ts";
import { ManualClock } from "./support/store_kit.ts";

/** Answers each event with itself as an effect, or with what it is told to. */
class Echo {
  deadline: number | null = null;
  step(event: string): string[] {
    return event.split(" ");
  }
}

function loopOf(perform: (effect: string) => void): {
  loop: MachineLoop<string, string>;
  faults: string[];
  clock: ManualClock;
} {
  const faults: string[] = [];
  const clock = new ManualClock();
  const ears: LoopEars<string> = {
    perform,
    woken() {},
    busy() {},
    failed: (fault) => void faults.push(fault.message),
  };
  const loop = new MachineLoop<string, string>(new Echo(), clock, ears);
  loop.start();
  return { loop, faults, clock };
}

describe("the loop of a machine", () => {
  it("carries out all of one event before the next is stepped", () => {
    const done: string[] = [];
    const { loop } = loopOf((effect) => {
      done.push(effect);
      if (effect === "a") loop.step("c d");
    });
    loop.step("a b");
    assert.deepEqual(done, ["a", "b", "c", "d"]);
  });

  it("says what failed, forgets what waited, and can still be stepped and stopped", () => {
    const done: string[] = [];
    const { loop, faults } = loopOf((effect) => {
      if (effect === "first") loop.step("queued");
      if (effect === "bad") throw new Fault("DISK", "no more handles");
      done.push(effect);
    });
    loop.step("first bad never");
    assert.deepEqual([done, faults], [["first"], ["no more handles"]]);
    loop.step("later");
    assert.deepEqual(done, ["first", "later"]);
    loop.stop();
    loop.step("too late");
    assert.deepEqual(done, ["first", "later"]);
  });

  it("lets through what is nobody's fault but ours", () => {
    const { loop, faults } = loopOf(() => {
      throw new TypeError("a mistake");
    });
    assert.throws(() => loop.step("x"), TypeError);
    assert.deepEqual(faults, []);
  });
});
