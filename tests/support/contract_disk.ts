// What every Disk must do, whoever implements it: run on the host's files and on the simulator's.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "../../lib/base/errors.ts";
import type { Disk } from "../../lib/ports.ts";

export interface DiskUnderTest {
  readonly disk: Disk;
  /** A folder that exists and is empty; whole paths are made with `/`. */
  readonly dir: string;
  /** Lets time pass until the condition holds; rejects when it does not within a while. */
  until(condition: () => boolean): Promise<void>;
  close(): void;
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

type Step = (under: DiskUnderTest) => void | Promise<void>;

/** A `done` that remembers, and a way to wait for it. */
function outcome(under: DiskUnderTest) {
  const heard: (Fault | null)[] = [];
  return {
    heard,
    done: (fault: Fault | null) => void heard.push(fault),
    over: async () => {
      await under.until(() => heard.length > 0);
      assert.equal(heard.length, 1, "called once");
      return heard[0];
    },
  };
}

const laws: Record<string, Step> = {
  "a folder that is not there lists as null, an empty one as nothing": ({ disk, dir }) => {
    assert.equal(disk.list(`${dir}/none`), null);
    assert.deepEqual(disk.list(dir), []);
  },
  "folders are made with their parents, twice without complaint": ({ disk, dir }) => {
    disk.makeDir(`${dir}/a/b/c`);
    disk.makeDir(`${dir}/a/b/c`);
    assert.deepEqual(disk.list(`${dir}/a/b`), ["c"]);
    assert.equal(disk.isWritable(`${dir}/a/b/c`), true);
    assert.equal(disk.isWritable(`${dir}/none`), false);
  },
  "a missing file has no size and cannot be read": ({ disk, dir }) => {
    assert.equal(disk.size(`${dir}/f`), null);
    assert.throws(
      () => disk.read(`${dir}/f`),
      (error) => error instanceof Fault && error.code === "DISK" && error.message.includes("/f"),
    );
  },
  "replaceNow gives a file its bytes and leaves no other": ({ disk, dir }) => {
    disk.replaceNow(`${dir}/f`, text("one"));
    disk.replaceNow(`${dir}/f`, text("second"));
    assert.deepEqual(disk.read(`${dir}/f`), text("second"));
    assert.deepEqual(disk.list(dir), ["f"]);
    assert.equal(disk.size(`${dir}/f`), 6);
  },
  "parts of a file are read up to its end": ({ disk, dir }) => {
    disk.replaceNow(`${dir}/f`, bytes(0, 1, 2, 3, 4));
    assert.deepEqual(disk.read(`${dir}/f`, 1, 3), bytes(1, 2, 3));
    assert.deepEqual(disk.read(`${dir}/f`, 3, 10), bytes(3, 4));
    assert.deepEqual(disk.read(`${dir}/f`, 5, 10), bytes());
    assert.deepEqual(disk.read(`${dir}/f`, 9), bytes());
    assert.deepEqual(disk.read(`${dir}/f`, 2), bytes(2, 3, 4));
  },
  "bytes that were read are the reader's own": ({ disk, dir }) => {
    disk.replaceNow(`${dir}/f`, bytes(1, 2));
    disk.read(`${dir}/f`).fill(9);
    assert.deepEqual(disk.read(`${dir}/f`), bytes(1, 2));
  },
  "what is written after a removal is a new file": async (under) => {
    const { disk, dir } = under;
    const path = `${dir}/f`;
    const [first, second] = [outcome(under), outcome(under)];
    disk.write(path, 0, text("the old one"));
    disk.flush(path, first.done);
    assert.equal(await first.over(), null);
    disk.remove(path);
    assert.equal(disk.size(path), null);
    disk.write(path, 0, text("new"));
    disk.flush(path, second.done);
    assert.equal(await second.over(), null);
    assert.deepEqual(disk.read(path), text("new"));
  },
  "bytes that are written once more stay as they are": ({ disk, dir }) => {
    disk.replaceNow(`${dir}/f`, bytes(1, 2, 3, 4, 5));
    disk.rewrite(`${dir}/f`, 1, 4);
    disk.rewrite(`${dir}/f`, 5, 5);
    assert.deepEqual(disk.read(`${dir}/f`), bytes(1, 2, 3, 4, 5));
  },
  "truncate cuts and lengthens with zeros": ({ disk, dir }) => {
    disk.replaceNow(`${dir}/f`, bytes(1, 2, 3));
    disk.truncate(`${dir}/f`, 2);
    disk.truncate(`${dir}/f`, 4);
    assert.deepEqual(disk.read(`${dir}/f`), bytes(1, 2, 0, 0));
  },
  "remove takes a file away, twice without complaint": ({ disk, dir }) => {
    disk.replaceNow(`${dir}/f`, bytes(1));
    disk.remove(`${dir}/f`);
    disk.remove(`${dir}/f`);
    assert.deepEqual(disk.list(dir), []);
  },
  "a list is sorted": ({ disk, dir }) => {
    for (const name of ["b", "a", "c"]) disk.replaceNow(`${dir}/${name}`, bytes(1));
    assert.deepEqual(disk.list(dir), ["a", "b", "c"]);
  },
  "writes make a file and are there after the flush": async (under) => {
    const { disk, dir } = under;
    const { done, heard, over } = outcome(under);
    disk.write(`${dir}/f`, 0, bytes(1, 2));
    disk.write(`${dir}/f`, 2, bytes(3));
    disk.flush(`${dir}/f`, done);
    assert.equal(heard.length, 0, "never from within the call");
    assert.equal(await over(), null);
    assert.deepEqual(disk.read(`${dir}/f`), bytes(1, 2, 3));
  },
  "a write beyond the end leaves zeros before it": async (under) => {
    const { disk, dir } = under;
    const { done, over } = outcome(under);
    disk.write(`${dir}/f`, 3, bytes(7));
    disk.flush(`${dir}/f`, done);
    assert.equal(await over(), null);
    assert.deepEqual(disk.read(`${dir}/f`), bytes(0, 0, 0, 7));
  },
  "a write hears when it is done": async (under) => {
    const { disk, dir } = under;
    const { done, heard, over } = outcome(under);
    disk.write(`${dir}/f`, 0, bytes(5), done);
    assert.equal(heard.length, 0, "never from within the call");
    assert.equal(await over(), null);
    assert.deepEqual(disk.read(`${dir}/f`), bytes(5));
  },
  "calls on a path are done in the order they were made": async (under) => {
    const { disk, dir } = under;
    const order: string[] = [];
    const { done, over } = outcome(under);
    disk.write(`${dir}/f`, 0, bytes(1, 1, 1, 1), () => order.push("first"));
    disk.resize(`${dir}/f`, 8);
    disk.write(`${dir}/f`, 1, bytes(2), () => order.push("second"));
    disk.resize(`${dir}/f`, 3);
    disk.flush(`${dir}/f`, () => order.push("flush"));
    disk.write(`${dir}/f`, 2, bytes(4), () => order.push("third"));
    disk.flush(`${dir}/f`, done);
    assert.equal(await over(), null);
    assert.deepEqual(order, ["first", "second", "flush", "third"]);
    assert.deepEqual(disk.read(`${dir}/f`), bytes(1, 2, 4));
  },
  "an existing file is written into, not cut": async (under) => {
    const { disk, dir } = under;
    disk.replaceNow(`${dir}/f`, bytes(1, 2, 3));
    const { done, over } = outcome(under);
    disk.write(`${dir}/f`, 1, bytes(9));
    disk.flush(`${dir}/f`, done);
    assert.equal(await over(), null);
    assert.deepEqual(disk.read(`${dir}/f`), bytes(1, 9, 3));
  },
  "a released path can be written again at once": async (under) => {
    const { disk, dir } = under;
    disk.write(`${dir}/f`, 0, bytes(1, 2));
    disk.release(`${dir}/f`);
    disk.release(`${dir}/f`);
    disk.write(`${dir}/f`, 1, bytes(3));
    const { done, over } = outcome(under);
    disk.flush(`${dir}/f`, done);
    assert.equal(await over(), null);
    assert.deepEqual(disk.read(`${dir}/f`), bytes(1, 3));
    disk.release(`${dir}/f`);
  },
  "rename replaces what had the name": async (under) => {
    const { disk, dir } = under;
    disk.replaceNow(`${dir}/final`, text("old"));
    const { done, over } = outcome(under);
    disk.write(`${dir}/part`, 0, text("new one"));
    disk.rename(`${dir}/part`, `${dir}/final`, done);
    assert.equal(await over(), null);
    assert.deepEqual(disk.list(dir), ["final"]);
    assert.deepEqual(disk.read(`${dir}/final`), text("new one"));
  },
  "after a rename the old name is a new file": async (under) => {
    const { disk, dir } = under;
    const { done, over } = outcome(under);
    disk.write(`${dir}/a`, 0, bytes(1));
    disk.rename(`${dir}/a`, `${dir}/b`, () => {});
    disk.write(`${dir}/a`, 0, bytes(2));
    disk.flush(`${dir}/a`, done);
    assert.equal(await over(), null);
    assert.deepEqual(disk.read(`${dir}/b`), bytes(1));
    assert.deepEqual(disk.read(`${dir}/a`), bytes(2));
  },
  "discard removes, also what is not there": async (under) => {
    const { disk, dir } = under;
    disk.replaceNow(`${dir}/f`, bytes(1));
    const first = outcome(under);
    disk.discard(`${dir}/f`, first.done);
    assert.equal(await first.over(), null);
    assert.deepEqual(disk.list(dir), []);
    const second = outcome(under);
    disk.discard(`${dir}/f`, second.done);
    assert.equal(await second.over(), null);
  },
  "after a failure everything on that path fails until it is released": async (under) => {
    const { disk, dir } = under;
    const [write, flush, other] = [outcome(under), outcome(under), outcome(under)];
    disk.write(`${dir}/none/f`, 0, bytes(1), write.done);
    disk.flush(`${dir}/none/f`, flush.done);
    disk.write(`${dir}/g`, 0, bytes(1));
    disk.flush(`${dir}/g`, other.done);
    const fault = await write.over();
    assert.ok(fault instanceof Fault && fault.code === "DISK", String(fault));
    assert.equal(await flush.over(), fault);
    assert.equal(await other.over(), null, "another path is not touched");
    const late = outcome(under);
    disk.write(`${dir}/none/f`, 0, bytes(1), late.done);
    assert.equal(late.heard.length, 0, "never from within the call");
    assert.equal(await late.over(), fault);
    disk.release(`${dir}/none/f`);
    disk.makeDir(`${dir}/none`);
    const again = outcome(under);
    disk.write(`${dir}/none/f`, 0, bytes(6));
    disk.flush(`${dir}/none/f`, again.done);
    assert.equal(await again.over(), null);
    assert.deepEqual(disk.read(`${dir}/none/f`), bytes(6));
  },
  "flushing what was never written makes an empty file": async (under) => {
    const { disk, dir } = under;
    const { done, over } = outcome(under);
    disk.resize(`${dir}/f`, 0);
    disk.flush(`${dir}/f`, done);
    assert.equal(await over(), null);
    assert.equal(disk.size(`${dir}/f`), 0);
  },
  "a large write arrives whole": async (under) => {
    const { disk, dir } = under;
    const large = new Uint8Array(5_000_000).map((_, i) => i * 31);
    const { done, over } = outcome(under);
    disk.write(`${dir}/f`, 10, large);
    disk.flush(`${dir}/f`, done);
    assert.equal(await over(), null);
    assert.equal(disk.size(`${dir}/f`), 5_000_010);
    assert.ok(Uint8Array.from(disk.read(`${dir}/f`, 10)).every((b, i) => b === large[i]));
  },
  "free says how much, or that it does not know": ({ disk, dir }) => {
    const free = disk.free(dir);
    assert.ok(free === null || free >= 0);
  },
};

/** Registers one test per law; `name` says whose disk it is. */
export function diskContract(name: string, make: () => DiskUnderTest): void {
  for (const [claim, law] of Object.entries(laws)) {
    test(`${name}: ${claim}`, async () => {
      const under = make();
      try {
        await law(under);
      } finally {
        under.close();
      }
    });
  }
}
