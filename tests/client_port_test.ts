// The client listener without a socket: who is handed to a server, who is cut off, and when.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DEFAULT_AUTH } from "../lib/auth/mod.ts";
import { ClientPort } from "../lib/peer/client_port.ts";
import type { Clock, Link, Network } from "../lib/ports.ts";
import { defaultServerOptions } from "../lib/server/options.ts";
import { FakeLink } from "./support/fake_link.ts";
import { FakeServer } from "./support/fake_server.ts";

const IDLE = 10_000;

/** A port that listens, with the time in the test's hands. */
class World {
  mono = 1000;
  readonly port: ClientPort;
  #accept: (link: Link) => void = () => {};
  #alarm: { at: number; wake: () => void } | null = null;

  constructor() {
    const clock: Clock = {
      now: () => ({ mono: this.mono, wall: 0 }),
      wakeAt: (at, wake) => void (this.#alarm = at === null ? null : { at, wake }),
      soon: (task) => task(),
    };
    const network: Network = {
      listen: (_at, accepted) => {
        this.#accept = accepted;
        return { close: () => {} };
      },
      dial: () => ({ close: () => {} }),
    };
    this.port = new ClientPort({ network, note: () => {}, clock }, {
      at: { host: "", port: 2181 },
      backlog: -1,
      keepAlive: false,
      secure: false,
      idleMs: IDLE,
    }, {
      bound: () => {},
      fatal: () => {},
      busy: () => {},
      word: (word) => `the answer to ${word}`,
    });
    this.port.listen();
  }

  accept(): FakeLink {
    const link = new FakeLink();
    this.#accept(link);
    return link;
  }

  pass(ms: number): void {
    this.mono += ms;
    while (this.#alarm !== null && this.#alarm.at <= this.mono) {
      const { wake } = this.#alarm;
      this.#alarm = null;
      wake();
    }
  }

  get isAwaited(): boolean {
    return this.#alarm !== null;
  }
}

const ends = (links: FakeLink[]): string[] => links.map((link) => link.state);

describe("a connection beyond the limit", () => {
  it("is cut off at once: nobody waits for the other side", () => {
    const throttle = { ...defaultServerOptions(DEFAULT_AUTH).throttle, maxClientCnxns: 2 };
    const { server } = new FakeServer({ server: { throttle } });
    const world = new World();
    world.port.serve(server);
    const links = [world.accept(), world.accept(), world.accept()];
    assert.deepEqual(ends(links), ["open", "open", "destroyed"]);
    assert.equal(server.core.connections.size, 2);
  });
});

describe("a link that came while nobody served", () => {
  it("is answered a four-letter word and closed for anything else", () => {
    const world = new World();
    const [asks, other, slow] = [world.accept(), world.accept(), world.accept()];
    asks.says("ru");
    asks.says("ok");
    other.says("\0\0\0\x2d");
    slow.says("sr");
    assert.equal(asks.written, "the answer to ruok");
    assert.deepEqual(ends([asks, other, slow]), ["ended", "ended", "open"]);
  });

  it("and says nothing is cut off after a while, each at its time", () => {
    const world = new World();
    const first = world.accept();
    world.pass(IDLE / 2);
    const second = world.accept();
    const third = world.accept();
    third.says("x");
    third.ear?.closed(null);
    world.pass(IDLE / 2);
    assert.deepEqual(ends([first, second]), ["destroyed", "open"]);
    world.pass(IDLE / 2);
    assert.deepEqual(ends([first, second, third]), ["destroyed", "destroyed", "open"]);
    assert.equal(world.isAwaited, false);
    assert.equal(world.accept().state, "open");
    assert.equal(world.isAwaited, true);
  });

  it("is let go when somebody serves, and when the port closes", () => {
    const world = new World();
    const early = world.accept();
    world.port.serve(null);
    assert.equal(early.state, "open");
    world.port.serve(new FakeServer().server);
    assert.equal(early.state, "destroyed");
    assert.equal(world.isAwaited, false);
    world.port.serve(null);
    const late = world.accept();
    world.port.close();
    assert.equal(late.state, "destroyed");
    assert.equal(world.isAwaited, false);
  });
});
