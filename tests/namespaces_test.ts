// Bytes by namespace: the first element of a path, whoever asks in which order.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Metrics } from "../lib/admin/metrics.ts";
import { countWrite, NamespaceMeter } from "../lib/server/namespaces.ts";
import type { TxnBody } from "../lib/txn/txn.ts";
import { FakeServer } from "./support/fake_server.ts";

function values(metrics: Metrics): Map<string, unknown> {
  const found = new Map<string, unknown>();
  metrics.dump((name, value) => {
    const key = /^(cnt|sum)_(.*)_read_per_namespace$/.exec(name);
    if (key !== null) found.set(`${key[1]} ${key[2]}`, value);
  });
  return found;
}

describe("bytes by namespace", () => {
  it("are counted with the path, under its first element alone", () => {
    const metrics = new Metrics();
    const meter = new NamespaceMeter(metrics, "read_per_namespace");
    for (const path of ["/app", "/app/a", "/app2", "/app/b/c", "/ap", "/app"]) meter.add(path, 10);
    assert.deepEqual([...values(metrics)].sort(), [
      ["cnt ap", 1],
      ["cnt app", 4],
      ["cnt app2", 1],
      ["sum ap", 13],
      ["sum app", 4 * 10 + 4 + 6 + 8 + 4],
      ["sum app2", 15],
    ]);
  });

  it("of the root, and of what is no path, are nobody's", () => {
    const metrics = new Metrics();
    const meter = new NamespaceMeter(metrics, "read_per_namespace");
    for (const path of ["/", "", "/", "/a", "/", ""]) meter.add(path, 1);
    assert.deepEqual([...values(metrics).keys()], ["cnt a", "sum a"]);
    assert.equal(values(metrics).get("cnt a"), 1);
  });

  it("of more names than fit are counted for the first thousand", () => {
    const metrics = new Metrics();
    const meter = new NamespaceMeter(metrics, "read_per_namespace");
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 1500; i++) meter.add(`/n${i}`, 0);
    }
    const found = values(metrics);
    assert.equal(found.size, 2 * 1000);
    assert.equal(found.get("cnt n999"), 2);
    assert.equal(found.has("cnt n1000"), false);
  });

  it("of names that are very long, or of very many roles, do not pile up", () => {
    const metrics = new Metrics();
    const long = "n".repeat(300);
    for (let role = 0; role < 3; role++) {
      const meter = new NamespaceMeter(metrics, "read_per_namespace");
      for (let i = 0; i < 900; i++) meter.add(`/${role}n${i}`, 0);
      for (const path of [`/${long}`, `/${long}/a`, "/last/a"]) meter.add(path, 0);
    }
    metrics.keyed("quota_exceeded_error_per_namespace", long).add(1);
    const found = [...values(metrics).keys()];
    assert.equal(found.length, 2 * 1000);
    assert.ok(found.includes("cnt last"), "what has room is counted");
    let longest = 0;
    metrics.dump((name) => void (longest = Math.max(longest, name.length)));
    assert.ok(longest < 300, `${longest}`);
  });

  it("have quotas that are shown, but not under very long names", () => {
    const server = new FakeServer();
    const client = server.connect();
    for (const name of ["app", "n".repeat(300)]) {
      for (const path of ["", "/zookeeper_limits", "/zookeeper_stats"]) {
        const text = path === "" ? "" : "count=1,bytes=2";
        assert.equal(client.create(`/zookeeper/quota/${name}${path}`, text), 0);
      }
    }
    const shown = server.server.inspection.gauges().map(([name]) => name);
    assert.equal(shown.filter((name) => name.startsWith("app_quota_")).length, 4);
    assert.equal(shown.filter((name) => name.length > 200).length, 0);
  });

  it("of writes are those of each part of a multi", () => {
    const metrics = new Metrics();
    const meter = new NamespaceMeter(metrics, "read_per_namespace");
    const set: TxnBody = {
      kind: "setData",
      record: { path: "/a/x", data: new Uint8Array(5), version: 1 },
    };
    const gone: TxnBody = { kind: "delete", record: { path: "/b" } };
    countWrite(meter, { kind: "multi", parts: [{ type: 5, body: set }, { type: 2, body: gone }] });
    countWrite(meter, { kind: "error", record: { err: -101 } });
    assert.deepEqual([...values(metrics)].sort(), [
      ["cnt a", 1],
      ["cnt b", 1],
      ["sum a", 9],
      ["sum b", 2],
    ]);
  });
});
