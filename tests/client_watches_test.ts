// Which watches our client tells a server again after a reconnect, when the event of one comes in
// the same chunk as the reply that armed it. The server here is a few lines that say what a test
// wants.

import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { it } from "node:test";
import { ZkClient } from "../lib/client/client.ts";
import { Input } from "../lib/codec/input.ts";
import type { Output } from "../lib/codec/output.ts";
import { HostClock } from "../lib/host/clock.ts";
import { HostNetwork } from "../lib/host/network.ts";
import { readRequestHeader, readSetWatches, writeReplyHeader } from "../lib/records/client.ts";
import { ErrorCode, OpCode } from "../lib/txn/opcodes.ts";
import { readConnectRequest, writeConnectResponse, writeWatchEvent } from "../lib/wire/client.ts";
import { FrameSplitter } from "../lib/wire/frames.ts";
import { bytesOf } from "./support/hostile.ts";
import { until } from "./support/until.ts";

const DATA_CHANGED = 3;
const frame = (write: (out: Output) => void): Uint8Array =>
  bytesOf((out) => {
    const at = out.reserve();
    write(out);
    out.patchLength(at);
  });
const welcome = (): Uint8Array =>
  frame((out) =>
    writeConnectResponse(out, {
      protocolVersion: 0,
      timeOut: 10_000,
      sessionId: 7n,
      passwd: new Uint8Array(16),
    }, false)
  );
/** The data of a znode, with a stat of zeros. */
const dataReply = (xid: number): Uint8Array =>
  frame((out) => {
    writeReplyHeader(out, { xid, zxid: 5n, err: 0 });
    out.buffer(new Uint8Array(1));
    for (let i = 0; i < 68; i++) out.byte(0);
  });

/** Serves one connection after the other; `answer` gives what goes out as one chunk. */
async function serve(
  answer: (xid: number, op: number, body: Input) => Uint8Array | null,
): Promise<{ port: number; sockets: Socket[]; close: () => void }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    const frames = new FrameSplitter(1 << 20);
    let isWelcome = false;
    socket.on("error", () => {
      // The client ends as it likes.
    });
    socket.on("data", (chunk: Uint8Array) => {
      frames.push(new Uint8Array(chunk));
      for (let next = frames.next(); next !== null; next = frames.next()) {
        const input = new Input(next);
        if (!isWelcome) {
          readConnectRequest(input);
          socket.write(welcome());
          isWelcome = true;
          continue;
        }
        const { xid, type } = readRequestHeader(input);
        const said = answer(xid, type, input);
        if (said !== null) socket.write(said);
      }
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const at = server.address();
  const port = typeof at === "object" && at !== null ? at.port : 0;
  return { port, sockets, close: () => server.close() };
}

it("a watch that fires in the chunk of its reply is not told again, others are", async () => {
  const rearmed: string[] = [];
  const events: string[] = [];
  const server = await serve((xid, op, body) => {
    if (op === OpCode.setWatches) {
      rearmed.push(...readSetWatches(body).dataWatches?.map((path) => path ?? "") ?? []);
      return frame((out) => writeReplyHeader(out, { xid, zxid: 5n, err: 0 }));
    }
    if (op !== OpCode.getData) return null;
    const fires = body.ustring() === "/fires";
    const event = frame((out) => writeWatchEvent(out, 6n, DATA_CHANGED, "/fires"));
    return fires ? new Uint8Array([...dataReply(xid), ...event]) : dataReply(xid);
  });
  const client = new ZkClient(new HostNetwork(), new HostClock(), {
    servers: [{ host: "127.0.0.1", port: server.port }],
    timeoutMs: 10_000,
    retryMs: 10,
    onEvent: ({ path }) => events.push(path ?? ""),
  });
  try {
    await client.get("/waits", true);
    await client.get("/fires", true);
    await until(() => events.length === 1, "the event");
    for (const socket of server.sockets) socket.destroy();
    await until(() => rearmed.length > 0, "watches that are told again");
    assert.deepEqual(rearmed, ["/waits"]);
    assert.deepEqual(events, ["/fires"]);
  } finally {
    client.abandon();
    server.close();
  }
});

for (
  const [what, ask] of [
    ["an auth", (client: ZkClient) => client.auth("digest", new Uint8Array(3))],
    ["a request", (client: ZkClient) => client.get("/")],
  ] as const
) {
  it(`${what} of a client that is abandoned in the same breath ends as lost`, async () => {
    const server = await serve(() => null);
    const client = new ZkClient(new HostNetwork(), new HostClock(), {
      servers: [{ host: "127.0.0.1", port: server.port }],
    });
    try {
      await client.connected();
      const asked = ask(client);
      client.abandon();
      await assert.rejects(asked, { code: ErrorCode.CONNECTIONLOSS });
      await assert.rejects(ask(client), { code: ErrorCode.SESSIONEXPIRED });
    } finally {
      server.close();
      for (const socket of server.sockets) socket.destroy();
    }
  });
}
