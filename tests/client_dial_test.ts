// What our client leaves behind when it ends while nobody has answered it yet.

import assert from "node:assert/strict";
import { it } from "node:test";
import { ZkClient } from "../lib/client/client.ts";
import { HostClock } from "../lib/host/clock.ts";
import { HostNetwork } from "../lib/host/network.ts";
import type { Network } from "../lib/ports.ts";

for (const how of ["close", "abandon"] as const) {
  it(`a client that ends by ${how} dials no longer`, async () => {
    const dials = { begun: 0, closed: 0 };
    const host = new HostNetwork();
    const silent: Network = {
      listen: (...args) => host.listen(...args),
      dial: () => {
        dials.begun += 1;
        return { close: () => void (dials.closed += 1) };
      },
    };
    const servers = [{ host: "127.0.0.1", port: 1 }];
    const client = new ZkClient(silent, new HostClock(), { servers });
    await client[how]();
    assert.deepEqual(dials, { begun: 1, closed: 1 });
  });
}
