// Our client against a real Java server: requests, errors, watches, a lost link, an ended session.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { part, ZkClient, ZkError } from "../lib/client/client.ts";
import { HostClock } from "../lib/host/clock.ts";
import { HostNetwork } from "../lib/host/network.ts";
import type { Link, Network } from "../lib/ports.ts";
import { ErrorCode } from "../lib/txn/opcodes.ts";
import { type JavaServer, javaUnavailable, prepare, standalone } from "./support/java.ts";
import { until } from "./support/until.ts";

const skip = (await javaUnavailable()) ?? false;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A network whose links a test can break. */
class BreakableNetwork implements Network {
  readonly #real = new HostNetwork();
  readonly links: Link[] = [];
  listen: Network["listen"] = (...args) => this.#real.listen(...args);
  dial: Network["dial"] = (to, within, done) =>
    this.#real.dial(to, within, (link) => {
      if ("write" in link) this.links.push(link);
      done(link);
    });
}

describe("our client with a Java server", { skip }, () => {
  const dir = mkdtempSync(join(tmpdir(), "zkpeer-client-"));
  let server: JavaServer;
  before(async () => {
    server = await standalone(await prepare("3.9.5"), { dir });
  });
  after(async () => {
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const client = (onEvent: (text: string) => void = () => {}) => {
    const network = new BreakableNetwork();
    const zk = new ZkClient(network, new HostClock(), {
      servers: [{ host: server.clientHost, port: server.clientPort }],
      timeoutMs: 10_000,
      onEvent: (event) => onEvent(`${event.type} ${event.path}`),
    });
    return { zk, network };
  };

  it("creates, reads, changes and deletes, and names its errors", async () => {
    const { zk } = client();
    assert.equal(await zk.create("/a", bytes("one")), "/a");
    const { data, stat } = await zk.get("/a");
    assert.deepEqual(data, bytes("one"));
    assert.equal((await zk.set("/a", bytes("two"), stat.version)).version, 1);
    await assert.rejects(
      zk.set("/a", null, 7),
      (e: unknown) =>
        e instanceof ZkError && e.code === ErrorCode.BADVERSION &&
        e.message === "BADVERSION for /a",
    );
    assert.match(await zk.create("/a/s-", null, 3), /^\/a\/s-\d{10}$/);
    assert.equal((await zk.children("/a")).length, 1);
    assert.equal(await zk.exists("/none"), null);
    await zk.close();
  });

  it("a multi is done whole or not at all", async () => {
    const { zk } = client();
    const done = await zk.multi([part.create("/m", bytes("x")), part.set("/m", bytes("y"))]);
    assert.deepEqual(done.map((r) => r.kind), ["create", "setData"]);
    const refused = await zk.multi([part.delete("/m"), part.check("/none", 0)]);
    assert.deepEqual(refused.map((r) => r.kind), ["error", "error"]);
    assert.notEqual(await zk.exists("/m"), null);
    await zk.close();
  });

  it("after a broken link the session goes on and missed watches fire", async () => {
    const events: string[] = [];
    const { zk, network } = client((event) => events.push(event));
    const other = client().zk;
    await zk.create("/w", null);
    await zk.get("/w", true);
    await zk.exists("/w2", true);
    await zk.addWatch("/r", true);
    const id = zk.sessionId;
    network.links[0].end();
    await until(() => zk.session.state === "disconnected");
    await other.set("/w", bytes("changed"));
    await other.create("/w2", null);
    await zk.connected();
    await other.create("/r/below", null).catch(() => other.create("/r", null));
    await until(() => events.length >= 3);
    assert.equal(zk.sessionId, id);
    assert.deepEqual(events.sort(), ["1 /r", "1 /w2", "3 /w"]);
    await other.close();
    await zk.close();
  });

  it("a closed session takes its ephemerals along", async () => {
    const { zk } = client();
    await zk.create("/e", null, 1);
    await zk.close();
    const { zk: other } = client();
    assert.equal(await other.exists("/e"), null);
    await other.close();
    await until(() => other.session.state === "closed");
  });
});
