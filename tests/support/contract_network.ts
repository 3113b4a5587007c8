// What every Network must do, whoever implements it: run on the host's sockets and on the
// simulator's links.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "../../lib/base/errors.ts";
import type { Address, Closable, Link, LinkEar, Network } from "../../lib/ports.ts";

export interface NetworkUnderTest {
  readonly network: Network;
  /** A host of this network that may be listened on; port 0 asks for a free one. */
  readonly host: string;
  /** A name that resolves to `host`, and one that resolves to nothing. */
  readonly name: string;
  readonly unknownName: string;
  /** Lets time pass until the condition holds; rejects when it does not within a while. */
  until(condition: () => boolean): Promise<void>;
  close(): void;
}

/** One end of a link and all that its ear heard. */
class End {
  readonly link: Link;
  received: number[] = [];
  drained = 0;
  ended = 0;
  closed: (Fault | null)[] = [];

  constructor(link: Link, hearsEnd: boolean) {
    this.link = link;
    const ear: LinkEar = {
      bytes: (chunk) => {
        assert.equal(this.closed.length, 0, "no bytes after closed");
        assert.equal(chunk.constructor, Uint8Array, "a plain Uint8Array");
        for (const byte of chunk) this.received.push(byte);
      },
      drained: () => void (this.drained += 1),
      closed: (why) => void this.closed.push(why),
    };
    link.attach(hearsEnd ? { ...ear, ended: () => void (this.ended += 1) } : ear);
  }
}

class Bench {
  readonly under: NetworkUnderTest;
  readonly accepted: Link[] = [];
  readonly #toClose: Closable[] = [];

  constructor(under: NetworkUnderTest) {
    this.under = under;
  }

  async listen(): Promise<Address> {
    const { network, host, until } = this.under;
    const heard: (Address | Fault)[] = [];
    const listener = network.listen(
      { host, port: 0 },
      (link) => void this.accepted.push(link),
      (bound) => void heard.push(bound),
    );
    this.#toClose.push(listener);
    assert.equal(heard.length, 0, "never from within the call");
    await until(() => heard.length > 0);
    const bound = heard[0];
    if (bound instanceof Fault) throw bound;
    return bound;
  }

  async dial(to: Address, within = 30_000): Promise<Link | Fault> {
    const heard: (Link | Fault)[] = [];
    this.under.network.dial(to, within, (link) => void heard.push(link));
    assert.equal(heard.length, 0, "never from within the call");
    await this.under.until(() => heard.length > 0);
    assert.equal(heard.length, 1, "called once");
    return heard[0];
  }

  /** Two ends of a new link: who dialled, who accepted. */
  async pair(hearsEnd = false): Promise<[End, End]> {
    const at = await this.listen();
    const link = await this.dial(at);
    if (link instanceof Fault) throw link;
    await this.under.until(() => this.accepted.length > 0);
    const near = new End(link, hearsEnd);
    const far = new End(this.accepted[0], hearsEnd);
    this.#toClose.push({ close: () => near.link.destroy() }, { close: () => far.link.destroy() });
    return [near, far];
  }

  stopListening(): void {
    this.#toClose[0].close();
  }

  close(): void {
    for (const each of this.#toClose) each.close();
    this.under.close();
  }
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

const laws: Record<string, (bench: Bench) => void | Promise<void>> = {
  "bytes arrive in order on both sides": async (bench) => {
    const [near, far] = await bench.pair();
    assert.equal(near.link.write(bytes(1, 2)), true);
    near.link.write(bytes(3));
    far.link.write(bytes(9, 8));
    await bench.under.until(() => far.received.length === 3 && near.received.length === 2);
    assert.deepEqual(far.received, [1, 2, 3]);
    assert.deepEqual(near.received, [9, 8]);
  },
  "both ends name each other": async (bench) => {
    const [near, far] = await bench.pair();
    assert.deepEqual(near.link.remote, far.link.local);
    assert.deepEqual(near.link.local, far.link.remote);
    assert.equal(near.link.remote.host, bench.under.host);
  },
  "bytes that came before the ear was attached are not lost": async (bench) => {
    const at = await bench.listen();
    const link = await bench.dial(at);
    assert.ok(!(link instanceof Fault));
    link.write(bytes(4, 5));
    const other = new End(link, false);
    await bench.under.until(() => bench.accepted.length > 0);
    const far = new End(bench.accepted[0], false);
    await bench.under.until(() => far.received.length === 2);
    assert.deepEqual(far.received, [4, 5]);
    other.link.destroy();
    far.link.destroy();
  },
  "end sends the rest, then both sides hear a good close": async (bench) => {
    const [near, far] = await bench.pair();
    const large = new Uint8Array(3_000_000).map((_, i) => i * 7);
    near.link.write(large);
    near.link.end();
    await bench.under.until(() => near.closed.length > 0 && far.closed.length > 0);
    assert.equal(far.received.length, large.length);
    assert.ok(far.received.every((byte, i) => byte === large[i]));
    assert.deepEqual([near.closed, far.closed], [[null], [null]]);
  },
  "an ear that hears the end may still answer": async (bench) => {
    const [near, far] = await bench.pair(true);
    near.link.write(bytes(1));
    near.link.end();
    await bench.under.until(() => far.ended > 0);
    assert.deepEqual(far.received, [1]);
    assert.deepEqual(far.closed, [], "half open is not closed");
    far.link.write(bytes(2, 3));
    far.link.end();
    await bench.under.until(() => near.closed.length > 0 && far.closed.length > 0);
    assert.deepEqual(near.received, [2, 3]);
    assert.equal(far.ended, 1);
    assert.deepEqual([near.closed, far.closed], [[null], [null]]);
  },
  "an ear without a word for the end still answers what it was writing": async (bench) => {
    const [near, far] = await bench.pair();
    far.link.write(new Uint8Array(500_000).fill(6));
    near.link.write(bytes(1)); // Deno 2.9 closes both ways when a link ends without a byte sent
    near.link.end();
    await bench.under.until(() => near.closed.length > 0 && far.closed.length > 0);
    assert.equal(near.received.length, 500_000);
    assert.deepEqual([near.closed, far.closed], [[null], [null]]);
  },
  "destroy is not heard by its own ear, and by the other one at most as a fault": async (bench) => {
    const [near, far] = await bench.pair();
    near.link.destroy();
    await bench.under.until(() => far.closed.length > 0);
    assert.deepEqual(near.closed, []);
    assert.equal(far.closed.length, 1);
    far.link.write(bytes(1)); // to nobody, and no trouble
    near.link.write(bytes(1));
  },
  "a held link passes the pressure on until it is let go": async (bench) => {
    const [near, far] = await bench.pair();
    far.link.hold(true);
    const chunk = new Uint8Array(1 << 20).fill(1);
    let sent = 0;
    while (near.link.write(chunk)) {
      sent += chunk.length;
      assert.ok(sent < 1 << 28, "writing is held back some time");
      await bench.under.until(() => true);
    }
    sent += chunk.length;
    assert.ok(near.link.queued > 0);
    assert.equal(near.drained, 0);
    const heldAt = far.received.length;
    assert.ok(heldAt < sent);
    far.link.hold(false);
    await bench.under.until(() => near.drained > 0 && far.received.length === sent);
    assert.equal(near.drained, 1);
    assert.equal(near.link.queued, 0);
    assert.equal(near.link.write(bytes(1)), true);
  },
  "nobody listening is a fault of the link": async (bench) => {
    const at = await bench.listen();
    bench.stopListening();
    const refused = await bench.dial(at);
    assert.ok(refused instanceof Fault && refused.code === "LINK", String(refused));
    assert.ok(refused.message.includes(String(at.port)), refused.message);
  },
  "a name is resolved": async (bench) => {
    const at = await bench.listen();
    const link = await bench.dial({ host: bench.under.name, port: at.port });
    if (link instanceof Fault) throw link;
    link.destroy();
  },
  "a name without an address is a fault of the name": async (bench) => {
    const fault = await bench.dial({ host: bench.under.unknownName, port: 1 });
    assert.ok(fault instanceof Fault && fault.code === "RESOLVE", String(fault));
  },
  "a dial that was closed is not heard of": async (bench) => {
    const at = await bench.listen();
    let heard = 0;
    bench.under.network.dial(at, 5000, () => void (heard += 1)).close();
    const link = await bench.dial(at);
    assert.ok(!(link instanceof Fault));
    link.destroy();
    assert.equal(heard, 0);
  },
  "a port that is taken is named": async (bench) => {
    const at = await bench.listen();
    const heard: (Address | Fault)[] = [];
    bench.under.network.listen(at, () => {}, (bound) => void heard.push(bound));
    await bench.under.until(() => heard.length > 0);
    const fault = heard[0];
    assert.ok(fault instanceof Fault && fault.code === "PORT_IN_USE", String(fault));
    assert.ok(fault.message.includes(String(at.port)), fault.message);
  },
  "closing a listener leaves its links alone": async (bench) => {
    const [near, far] = await bench.pair();
    bench.stopListening();
    near.link.write(bytes(7));
    await bench.under.until(() => far.received.length === 1);
    assert.deepEqual(far.closed, []);
  },
  "a later ear takes over": async (bench) => {
    const [near, far] = await bench.pair();
    near.link.write(bytes(1));
    await bench.under.until(() => far.received.length === 1);
    const next = new End(far.link, false);
    near.link.write(bytes(2));
    await bench.under.until(() => next.received.length === 1);
    assert.deepEqual([far.received, next.received], [[1], [2]]);
  },
};

/** Registers one test per law; `name` says whose network it is. */
export function networkContract(name: string, make: () => NetworkUnderTest): void {
  for (const [claim, law] of Object.entries(laws)) {
    test(`${name}: ${claim}`, async () => {
      const bench = new Bench(make());
      try {
        await law(bench);
      } finally {
        bench.close();
      }
    });
  }
}
