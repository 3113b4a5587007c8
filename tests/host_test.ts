// The host's clock, randomness, exit codes and what only real sockets show.

import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { Fault } from "../lib/base/errors.ts";
import { HostClock } from "../lib/host/clock.ts";
import { HostNetwork } from "../lib/host/network.ts";
import { ExitCode, exitCodeOf } from "../lib/host/process.ts";
import { HostRandom } from "../lib/host/random.ts";
import { diskFault } from "../lib/host/system_errors.ts";
import type { Link } from "../lib/ports.ts";
import { until } from "./support/until.ts";

test("clock never wakes before its instant", async () => {
  const clock = new HostClock();
  for (let i = 0; i < 20; i++) {
    const at = clock.now().mono + 1 + i / 7;
    let woken = 0;
    clock.wakeAt(at, () => void (woken = clock.now().mono));
    await until(() => woken > 0);
    assert.ok(woken >= at, `${woken} is before ${at}`);
  }
});

test("clock keeps one alarm: a later one replaces the earlier, null cancels", async () => {
  const clock = new HostClock();
  const woken: string[] = [];
  const now = clock.now().mono;
  clock.wakeAt(now, () => void woken.push("first"));
  clock.wakeAt(now + 5, () => void woken.push("second"));
  await until(() => woken.length > 0);
  clock.wakeAt(clock.now().mono, () => void woken.push("third"));
  clock.wakeAt(null, () => {});
  await wait(10); // time must pass for a wrong alarm to show
  assert.deepEqual(woken, ["second"]);
});

test("clock runs what is due soon after the work at hand and before any alarm", async () => {
  const clock = new HostClock();
  const order: string[] = [];
  // Far enough that it is not due when this thread comes to it late.
  clock.wakeAt(clock.now().mono + 1000, () => void order.push("alarm"));
  clock.soon(() => void order.push("soon"));
  order.push("now");
  await until(() => order.length === 3);
  assert.deepEqual(order, ["now", "soon", "alarm"]);
});

test("random draws stay below their bound and reach all of it", () => {
  const random = new HostRandom();
  const seen = new Set<number>();
  for (let i = 0; i < 500; i++) seen.add(random.below(4, "test"));
  assert.deepEqual([...seen].sort(), [0, 1, 2, 3]);
  assert.equal(random.below(1, "test"), 0);
  assert.notDeepEqual(random.bytes(16, "test"), random.bytes(16, "test"));
});

test("faults of the system keep their kind, their place and a hint", () => {
  const full = diskFault({ code: "ENOSPC", message: "ENOSPC" }, "flushing", "/data/log.1");
  assert.equal(full.code, "DISK_FULL");
  assert.match(full.message, /flushing failed: no space left \(\/data\/log\.1\); free space/);
  assert.equal(diskFault({ code: "EDQUOT" }, "writing", "/f").code, "DISK_FULL");
  assert.equal(diskFault({ code: "EIO" }, "writing", "/f").code, "DISK");
  assert.equal(diskFault(new Error("odd"), "writing", "/f").code, "DISK");
});

test("exit codes say what ended the process, and a disk fault is never 0", () => {
  const code = (name: "CONFIG" | "DATA_DIR" | "DISK" | "DISK_FULL" | "CORRUPT" | "PORT_IN_USE") =>
    exitCodeOf(new Fault(name, "x"));
  assert.deepEqual(
    [code("CONFIG"), code("DATA_DIR"), code("DISK"), code("DISK_FULL"), code("CORRUPT")],
    [ExitCode.invocation, ExitCode.dataDir, ExitCode.disk, ExitCode.disk, ExitCode.unexpected],
  );
  assert.equal(code("PORT_IN_USE"), 1);
  assert.equal(exitCodeOf(new Error("x")), 1);
});

/** Both ends of a new link on this machine, and what to close. */
async function linked(): Promise<{ near: Link; far: Link; close: () => void }> {
  const network = new HostNetwork();
  const accepted: Link[] = [];
  const dialled: Link[] = [];
  const at = { host: "127.0.0.1", port: 0 };
  const listener = network.listen(at, (link) => void accepted.push(link), (bound) => {
    assert.ok(!(bound instanceof Fault));
    network.dial(bound, 5000, (link) => {
      assert.ok(!(link instanceof Fault));
      dialled.push(link);
    });
  });
  await until(() => accepted.length > 0 && dialled.length > 0);
  const [near, far] = [dialled[0], accepted[0]];
  const close = (): void => {
    near.destroy();
    far.destroy();
    listener.close();
  };
  return { near, far, close };
}

test("what a link has queued falls bit by bit while the other side takes it", async () => {
  const { near, far, close } = await linked();
  const SIZE = 32 << 20;
  let received = 0;
  let drained = 0;
  const seen = new Set<number>();
  near.attach({ bytes: () => {}, drained: () => void (drained += 1), closed: () => {} });
  far.attach({
    bytes: (chunk) => {
      received += chunk.length;
      seen.add(near.queued);
    },
    drained: () => {},
    closed: () => {},
  });
  assert.equal(near.write(new Uint8Array(SIZE)), false);
  await until(() => received === SIZE && drained > 0).finally(close);
  assert.ok(seen.size > 4, `${seen.size} different lengths of the queue`);
  assert.deepEqual([drained, near.queued], [1, 0]);
});

test("small and large writes of a link keep their order, whatever is under way", async () => {
  const { near, far, close } = await linked();
  const sizes = Array.from({ length: 400 }, (_, i) => i % 7 === 0 ? 600_000 + i : 1 + i % 90);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  let [received, wrong, isOver] = [0, 0, false];
  let [current, left] = [0, sizes[0]];
  near.attach({ bytes: () => {}, drained: () => {}, closed: () => {} });
  far.attach({
    bytes: (chunk) => {
      received += chunk.length;
      for (const byte of chunk) {
        if (byte !== current % 251) wrong += 1;
        left -= 1;
        if (left === 0) left = sizes[current += 1];
      }
    },
    drained: () => {},
    closed: () => void (isOver = true),
  });
  sizes.forEach((size, i) => near.write(new Uint8Array(size).fill(i % 251)));
  near.end();
  await until(() => isOver).finally(close);
  assert.deepEqual([received, wrong], [total, 0]);
});

test("a dial gives up after the time it was given", async () => {
  // A listener whose queue is full answers no further handshake, and nothing leaves this machine.
  const network = new HostNetwork();
  const server = createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 });
  await until(() => server.listening);
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const heard: (Link | Fault)[] = [];
  const unroutable = { host: "192.0.2.1", port: address.port };
  const before = Date.now();
  network.dial(unroutable, 150, (link) => void heard.push(link));
  await until(() => heard.length > 0);
  server.close();
  const fault = heard[0];
  assert.ok(fault instanceof Fault, "192.0.2.1 is for documentation only");
  // Either nothing answers, or this machine knows at once that there is no way there.
  if (fault.code === "TIMEOUT") assert.ok(Date.now() - before >= 149);
  else assert.equal(fault.code, "LINK");
});
