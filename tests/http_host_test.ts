// HTTP of the host: exchanges as the AdminServer sees them, and connections on which nothing moves.

import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { describe, it } from "node:test";
import { Fault } from "../lib/base/errors.ts";
import { HostHttp } from "../lib/host/http.ts";
import type { Address, HttpExchange } from "../lib/ports.ts";
import { http } from "./support/http.ts";
import { until } from "./support/until.ts";

/** What is cut off for its silence; long enough for a thread that comes late to what is there. */
const IDLE = 1500;
/** What must not be cut off while it is at work. */
const PATIENT = 60_000;

/** A server whose requests `asked` handles; `work` gets its port. */
async function serving(
  asked: (exchange: HttpExchange) => void,
  work: (port: number) => Promise<void>,
  idleMs = IDLE,
  host = "127.0.0.1",
): Promise<void> {
  let listener = { close() {} };
  const bound = await new Promise<Address | Fault>((done) => {
    const at = { host, port: 0 };
    listener = new HostHttp().listen(at, asked, done, { idleMs });
  });
  try {
    assert.ok(!(bound instanceof Fault));
    await work(bound.port);
  } finally {
    listener.close();
  }
}

function answer(exchange: HttpExchange, text: string): void {
  exchange.answer(200, { "content-type": "text/plain" });
  exchange.write(new TextEncoder().encode(text));
  exchange.end();
}

/** All that comes until the other side closes. */
function untilClosed(socket: Socket): Promise<string> {
  return new Promise((done) => {
    let text = "";
    socket.on("data", (data: Uint8Array) => text += new TextDecoder().decode(data));
    socket.on("error", () => {}); // a reset is a close as well
    socket.on("close", () => done(text));
  });
}

describe("an exchange", () => {
  it("has method, target, headers and the whole body, in pieces that are held when asked", async () => {
    const body = new Uint8Array(1_000_000).map((_, i) => i);
    await serving((exchange) => {
      let size = 0;
      let sum = 0;
      let isHeld = false;
      exchange.receive({
        bytes(chunk) {
          size += chunk.length;
          for (const byte of chunk) sum += byte;
          if (isHeld) return;
          isHeld = true;
          exchange.hold(true);
          setTimeout(() => exchange.hold(false), 20);
        },
        ended: () => {
          const { method, target, headers } = exchange;
          answer(exchange, [method, target, headers.get("x-one"), size, sum].join(" "));
        },
        broken: () => assert.fail("the body is whole"),
      });
    }, async (port) => {
      const headers = { "X-One": "1" };
      const { text } = await http({ port, path: "/a?b=c", method: "POST", headers, body });
      const sum = body.reduce((all, byte) => all + byte, 0);
      assert.equal(text, `POST /a?b=c 1 1000000 ${sum}`);
    }, PATIENT);
  });

  it("has its caller's IPv4 address as people write it, on any address too", async () => {
    const tell = (exchange: HttpExchange) => answer(exchange, exchange.remote.host);
    await serving(
      tell,
      async (port) => {
        assert.equal((await http({ port, path: "/" })).text, "127.0.0.1");
      },
      IDLE,
      "", // any address, of IPv6 too where there is such
    );
  });

  it("may take its time, with a body or without", async () => {
    await serving((exchange) => {
      const late = (): void => void setTimeout(() => answer(exchange, "late"), 3 * IDLE);
      if (exchange.method === "GET") return late();
      exchange.receive({ bytes() {}, ended: late, broken: () => assert.fail("it is whole") });
    }, async (port) => {
      assert.equal((await http({ port, path: "/" })).text, "late");
      const body = new Uint8Array(5);
      assert.equal((await http({ port, path: "/", method: "POST", body })).text, "late");
    });
  });

  it("whose other side stops sending is broken, and nobody waits for it", async () => {
    let heard = "";
    await serving((exchange) => {
      exchange.receive({
        bytes: (chunk) => heard += new TextDecoder().decode(chunk),
        ended: () => heard += " ended",
        broken: () => heard += " broken",
      });
    }, async (port) => {
      const socket = connect(port, "127.0.0.1");
      socket.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
      await untilClosed(socket);
      await until(() => heard !== "abc", "it is told");
      assert.equal(heard, "abc broken");
    });
  });

  it("is told when the other side goes", async () => {
    const seen: string[] = [];
    await serving((exchange) => {
      seen.push("asked");
      exchange.onGone = () => void seen.push("gone");
    }, async (port) => {
      const socket = connect(port, "127.0.0.1");
      socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
      await until(() => seen.includes("asked"), "the request comes");
      socket.destroy();
      await until(() => seen.includes("gone"), "its going is told");
    });
  });
});

describe("a connection", () => {
  it("that asks for nothing is closed", async () => {
    await serving(() => assert.fail("nothing was asked"), async (port) => {
      assert.equal(await untilClosed(connect(port, "127.0.0.1")), "");
    });
  });

  it("that speaks no HTTP is closed with 400", async () => {
    await serving(() => assert.fail("nothing was asked"), async (port) => {
      const socket = connect(port, "127.0.0.1");
      socket.write("this is no request\r\n\r\n");
      const text = await untilClosed(socket);
      assert.ok(text === "" || text.startsWith("HTTP/1.1 400"), text);
    });
  });
});
