// How fast the client side of a server is by itself: requests pipelined through Server.bytes with
// fake connections, a tree, and a log that is durable at once. No sockets, no disk.
//
//   npx tsx bench/server_core.ts [seconds]      deno run -A bench/server_core.ts [seconds]

import { Buffer } from "node:buffer";
import process from "node:process";
import { FakeClient, FakeServer } from "../tests/support/fake_server.ts";
import { writeCreateRequest, writeSetDataRequest } from "../lib/records/client.ts";
import type { Output } from "../lib/codec/output.ts";
import { OpCode } from "../lib/txn/opcodes.ts";
import { OPEN } from "../tests/support/fake_server.ts";

const SECONDS = Number(process.argv[2] ?? 2);
const CONNECTIONS = 20;
const DEPTH = 100;
const NODES = 1000;
const data = new Uint8Array(100).fill(7);

const server = new FakeServer({ kept: true });
const clients = Array.from({ length: CONNECTIONS }, () => server.connect());
clients[0].create("/bench");
for (let i = 0; i < NODES; i++) clients[0].create(`/bench/n${i}`, "x".repeat(100));
let sent = 0;
for (const client of clients) {
  client.send = (bytes) => {
    sent += bytes.length;
    return true;
  };
}

/** One chunk of DEPTH requests. */
function chunkOf(op: number, write: (out: Output, index: number) => void): Uint8Array {
  const frames = Array.from(
    { length: DEPTH },
    (_, i) => FakeClient.frame(i + 1, op, (out) => write(out, i)),
  );
  return new Uint8Array(Buffer.concat(frames));
}

function measure(name: string, chunk: (round: number) => Uint8Array): void {
  server.log.length = 0;
  let requests = 0;
  let round = 0;
  const cpu = process.cpuUsage();
  const start = performance.now();
  const end = start + SECONDS * 1000;
  while (performance.now() < end) {
    for (const client of clients) {
      if (client.conn !== null) server.server.bytes(client.conn, chunk(round++));
    }
    server.server.flushTurn();
    requests += CONNECTIONS * DEPTH;
    server.log.length = 0;
  }
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const perSecond = Math.round(requests / seconds / 1000);
  // On a busy machine the second figure is the one to compare.
  const perCpuSecond = Math.round(requests / (user + system) * 1000);
  console.log(`${name.padEnd(10)} ${perSecond} k/s, ${perCpuSecond} k per CPU second`);
}

const path = (i: number): string => `/bench/n${i % NODES}`;
const reads = [0, 1, 2, 3].map((k) =>
  chunkOf(OpCode.getData, (out, i) => {
    out.ustring(path(i * 37 + k * 250));
    out.boolean(false);
  })
);
const exists = chunkOf(OpCode.exists, (out, i) => {
  out.ustring(path(i * 37));
  out.boolean(false);
});
const pings = chunkOf(OpCode.ping, () => {});
const sets = [0, 1, 2, 3].map((k) =>
  chunkOf(
    OpCode.setData,
    (out, i) => writeSetDataRequest(out, { path: path(i * 37 + k * 250), data, version: -1 }),
  )
);
const creates = chunkOf(
  OpCode.create,
  (out) => writeCreateRequest(out, { path: "/bench/s-", data, acl: OPEN, flags: 2 }),
);

measure("ping", () => pings);
measure("getData", (round) => reads[round & 3]);
measure("exists", () => exists);
measure("setData", (round) => sets[round & 3]);
measure("create", () => creates);
console.log(`${sent} bytes of replies, ${server.tree.nodeCount} znodes`);
