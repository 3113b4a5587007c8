// A small fixed run of the fuzzer (tests/fuzz.ts runs it for as long as wanted), and proof that it
// would notice what it looks for.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Fault } from "../lib/base/errors.ts";
import { Fuzzer, FuzzFailure } from "./support/fuzzer.ts";

const INPUTS = 1500;

describe("fuzzer", () => {
  it("finds nothing but faults in damaged streams", () => {
    const fuzzer = new Fuzzer(1);
    for (let number = 0; number < INPUTS; number++) fuzzer.run(number);
    const { inputs, messages, faults } = fuzzer.report;
    console.log(
      `${inputs} inputs, ${messages} messages, ${[...faults.values()].length} kinds of fault`,
    );
    assert.equal(inputs, INPUTS);
    assert.ok(messages > INPUTS);
    for (const code of ["SHORT", "LENGTH", "FRAME_TOO_LONG", "UNKNOWN_TYPE", "PROTOCOL"]) {
      assert.ok((faults.get(code) ?? 0) > 0, `${code} was never met`);
    }
  });

  it("notices other errors, hostile allocations and slowness, and names the input", () => {
    const run = (extra: (window: Uint8Array) => unknown) => () => {
      const fuzzer = new Fuzzer(7, extra);
      for (let number = 0; number < 50; number++) fuzzer.run(number);
    };
    const refuses = (text: RegExp) => (error: unknown) =>
      error instanceof FuzzFailure && text.test(error.message) &&
      /^seed 7 input [0-9]+ /.test(error.message);
    assert.throws(
      run((window) => new DataView(window.buffer).getInt32(300)),
      refuses(/RangeError/),
    );
    assert.throws(run(() => new Uint8Array(1 << 20)), refuses(/1048576 bytes are allocated/));
    const slowly = () => {
      const end = performance.now() + 2100;
      while (performance.now() < end);
    };
    assert.throws(run(slowly), refuses(/took [0-9]+ ms/));
    run(() => {
      throw new Fault("SHORT", "as it should");
    })();
  });
});
