// Clients on real sockets that ask for much: what a fake socket cannot show is what the system and
// the runtime do with large writes.

import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { describe, it } from "node:test";
import { Output } from "../lib/codec/output.ts";
import * as records from "../lib/records/client.ts";
import { OpCode } from "../lib/txn/opcodes.ts";
import { writeConnectRequest } from "../lib/wire/client.ts";
import { FakeClient, OPEN } from "./support/fake_server.ts";
import { until } from "./support/until.ts";
import { inPlace, type Place } from "./support/zkpeer_process.ts";

const SIZE = 1_000_000;
/** Length and header, data and its length, stat. */
const REPLY_SIZE = 4 + 16 + 4 + SIZE + 68;
const BEGINNING = 41 + 28;

/** Counts what comes and does nothing else with it: it must be quicker than the server. */
class Counter {
  readonly socket: Socket;
  received = 0;
  isClosed = false;

  constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.socket.on("data", (chunk) => void (this.received += chunk.length));
    this.socket.on("close", () => void (this.isClosed = true));
    this.socket.on("error", () => {}); // "close" follows
  }

  /** A session, and a node of a megabyte that it has made. */
  async begin(timeOut: number): Promise<void> {
    const out = new Output();
    const at = out.reserve();
    const passwd = new Uint8Array(16);
    const session = { protocolVersion: 0, lastZxidSeen: 0n, timeOut, sessionId: 0n, passwd };
    writeConnectRequest(out, session, false);
    out.patchLength(at);
    out.raw(FakeClient.frame(1, OpCode.create, (body) => {
      const data = new Uint8Array(SIZE);
      records.writeCreateRequest(body, { path: "/big", data, acl: OPEN, flags: 0 });
    }));
    this.socket.write(out.take());
    await until(() => this.received === BEGINNING, "the node is made");
  }

  /** Asks for that node, so many times in one write. */
  ask(count: number): void {
    const out = new Output();
    for (let i = 0; i < count; i++) {
      out.raw(FakeClient.frame(2 + i, OpCode.getData, (body) => {
        body.ustring("/big");
        body.boolean(false);
      }));
    }
    this.socket.write(out.take());
  }
}

async function withClient(
  timeOut: number,
  work: (client: Counter, place: Place) => Promise<void>,
): Promise<void> {
  await inPlace({ maxSessionTimeout: "60000" }, async (place) => {
    await place.start().waitServing();
    const client = new Counter(place.port);
    try {
      await client.begin(timeOut);
      await work(client, place);
    } finally {
      client.socket.destroy();
    }
  });
}

describe("a client that reads all the time", () => {
  it("gets all it asks for, however much of it the system takes at once", async () => {
    await withClient(30_000, async (client) => {
      for (let round = 1; round <= 10; round++) {
        client.ask(16);
        const size = BEGINNING + round * 16 * REPLY_SIZE;
        await until(() => client.received === size, `round ${round}`);
      }
      assert.equal(client.isClosed, false);
    });
  });
});
