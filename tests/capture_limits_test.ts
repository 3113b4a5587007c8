// What a long, odd or hostile capture may cost: memory that stays bounded, time that grows with the
// bytes and no faster.

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { Message } from "../lib/capture/message.ts";
import { Watches } from "../lib/capture/watches.ts";
import { OpCode } from "../lib/txn/opcodes.ts";

describe("memory", () => {
  it("a watch asked for again and again is one watch", () => {
    const watches = new Watches();
    const request = (path: string): Message =>
      ({ bytes: Uint8Array.of(1), path, lost: 0, name: "getData", n: 1 }) as unknown as Message;
    for (let i = 0; i < 100_000; i++) watches.answered(request("/a"), OpCode.getData, 0, i);
    watches.answered(request("/b"), OpCode.getData, 0, 7);
    assert.deepEqual(watches.fired(3, "/b"), { op: "getData", message: 1, time: 7 });
  });
});
