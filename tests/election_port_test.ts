// What our election port says first to others, on real sockets: in a form and with addresses that do
// them no harm (quorum.md 1.1, 1.2, 12.2).

import assert from "node:assert/strict";
import { createServer } from "node:net";
import { describe, it } from "node:test";
import { Fault } from "../lib/base/errors.ts";
import type { Sid } from "../lib/base/ids.ts";
import { HostClock } from "../lib/host/clock.ts";
import { HostNetwork } from "../lib/host/network.ts";
import { ElectionPort } from "../lib/peer/election_port.ts";
import { electorateOf } from "../lib/peer/settings.ts";
import { Output } from "../lib/codec/output.ts";
import type { Address, Closable, Link, Network } from "../lib/ports.ts";
import { Life, SimClock, World } from "../lib/sim/world.ts";
import {
  GREETING_V1,
  GREETING_V2,
  notificationFrame,
  readInitialMessage,
  writeInitialMessage,
} from "../lib/wire/election.ts";
import { NOTIFICATION_MAX } from "../lib/wire/frames.ts";
import { loadConfig, parseMembership } from "../lib/peer/config.ts";
import { FakeLink } from "./support/fake_link.ts";
import { ELECTION_DEFAULTS, type Electorate } from "../lib/zab/election.ts";
import { MESH_DEFAULTS } from "../lib/zab/mesh.ts";
import { until } from "./support/until.ts";

const HOST = "127.0.0.1";

const ELECTORATE: Electorate = {
  sid: 2n,
  voters: new Set<Sid>([1n, 2n]),
  isVoter: true,
  isObserver: false,
  weightOf: () => 1n,
  isQuorum: (sids) => new Set(sids).size === 2,
  configText: "version=0",
  configVersion: 0n,
};

/** The chunks that a member with sid 1 gets when sid 2 looks for a leader. */
async function firstChunks(
  options: { advertise: readonly Address[]; multiAddress?: boolean },
): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  const server = createServer((socket) => {
    socket.on("data", (chunk: Uint8Array) => chunks.push(new Uint8Array(chunk)));
    socket.on("error", () => {
      // The port ends as it likes.
    });
  });
  await new Promise<void>((done) => server.listen(0, HOST, done));
  const at = server.address();
  const to = { host: HOST, port: typeof at === "object" && at !== null ? at.port : 0 };
  const port = new ElectionPort(
    {
      network: new HostNetwork(),
      clock: new HostClock(),
      bindClock: new HostClock(),
      note: () => {},
    },
    ELECTORATE,
    (sid) => sid === 1n ? [to] : [],
    {
      ...ELECTION_DEFAULTS,
      sid: 2n,
      bind: [{ host: HOST, port: 0 }],
      multiAddress: false,
      connectTimeoutMs: 5000,
      helloWithinMs: 5000,
      bindTries: 3,
      keepAlive: false,
      ...options,
    },
    { decided: () => {}, voterLooks: () => {}, newerConfig: () => false, fatal: () => {} },
  );
  try {
    port.start();
    port.look(5n, 0n);
    await until(() => chunks.length > 0, "a greeting");
  } finally {
    port.stop();
    server.close();
  }
  return chunks;
}

describe("an election port greets", () => {
  const own = { host: "10.0.0.2", port: 3888 };
  const other = { host: "fe80::2", port: 3889 };

  it("in one piece, in the form of 3.5, with one address (H-E1, H-E2)", async () => {
    const [first] = await firstChunks({ advertise: [own, other] });
    const read = readInitialMessage(first);
    assert.ok(typeof read !== "number", "the first segment has the whole greeting");
    assert.deepEqual([read.version, read.sid, read.addresses], [GREETING_V1, 2n, [own]]);
  });

  it("with all addresses only when every member is said to know that form (H-E2)", async () => {
    const [first] = await firstChunks({ advertise: [own, other], multiAddress: true });
    const read = readInitialMessage(first);
    assert.ok(typeof read !== "number");
    assert.deepEqual([read.version, read.addresses], [GREETING_V2, [own, other]]);
  });

  it("never with a wildcard: with its sid alone then (H-E3)", async () => {
    for (const host of ["0.0.0.0", "::"]) {
      const [first] = await firstChunks({ advertise: [{ host, port: 3888 }] });
      const read = readInitialMessage(first);
      assert.ok(typeof read !== "number");
      assert.deepEqual([read.version, read.sid, read.addresses], [0n, 2n, []]);
    }
  });
});

describe("an election port that a reconfig moves (8.5)", () => {
  const place = (port: number) => {
    const own = [{ host: HOST, port }];
    return { bind: own, advertise: own };
  };

  /** A network that listens nowhere, and links that keep what is written. */
  class NoNetwork implements Network {
    readonly open: number[] = [];
    readonly written: Uint8Array[] = [];
    tries: ((bound: Address | Fault) => void)[] = [];

    listen(
      { port }: Address,
      _accepted: (link: Link) => void,
      bound: (at: Address | Fault) => void,
    ): Closable {
      this.open.push(port);
      this.tries.push(bound);
      return { close: () => void this.open.splice(this.open.indexOf(port), 1) };
    }

    dial(to: Address, _within: number, done: (link: Link | Fault) => void): Closable {
      const link: Link = {
        remote: to,
        local: to,
        queued: 0,
        attach() {},
        write: (bytes) => this.written.push(bytes) > 0,
        hold() {},
        end() {},
        destroy() {},
      };
      done(link);
      return { close() {} };
    }
  }

  const moving = () => {
    const network = new NoNetwork();
    const lives = new SimClock(new Life(new World(1), "member"), { offset: 0 });
    const faults: Fault[] = [];
    const port = new ElectionPort(
      { network, clock: lives, bindClock: lives, note: () => {} },
      ELECTORATE,
      (sid) => sid === 1n ? [{ host: HOST, port: 1 }] : [],
      {
        ...ELECTION_DEFAULTS,
        ...place(3888),
        sid: 2n,
        multiAddress: false,
        connectTimeoutMs: 5000,
        helloWithinMs: 5000,
        bindTries: 1,
        keepAlive: false,
      },
      {
        decided: () => {},
        voterLooks: () => {},
        newerConfig: () => false,
        fatal: (fault) => void faults.push(fault),
      },
    );
    port.start();
    return { port, network, faults };
  };

  it("listens at its new address only, and greets with it", () => {
    const { port, network, faults } = moving();
    const [late] = network.tries;
    port.reconfigure(ELECTORATE, () => [{ host: HOST, port: 1 }], place(3999));
    assert.deepEqual(network.open, [3999]);
    late(new Fault("PORT_IN_USE", "too late to matter"));
    assert.deepEqual([network.open, faults], [[3999], []]);
    port.look(5n, 0n);
    const read = readInitialMessage(network.written[0]);
    assert.ok(typeof read !== "number");
    assert.deepEqual(read.addresses, [{ host: HOST, port: 3999 }]);
    port.stop();
  });

  it("stays where it is when its address stays, or when it has none", () => {
    const { port, network } = moving();
    port.reconfigure(ELECTORATE, () => [], place(3888));
    port.reconfigure(ELECTORATE, () => [], { bind: [], advertise: [] });
    assert.deepEqual([network.open, network.tries.length], [[3888], 1]);
    port.stop();
  });
});

describe("an election port and strangers", () => {
  /** Links are accepted by hand; dials are written down and fail. */
  class Street implements Network {
    readonly dials: { readonly to: Address; readonly within: number }[] = [];
    /** Dials to this port go on until somebody gives them up. */
    readonly silentPort = 7;
    readonly pending = new Set<Address>();
    accept: (link: Link) => void = () => {};

    listen(_at: Address, accepted: (link: Link) => void): Closable {
      this.accept = accepted;
      return { close() {} };
    }

    dial(to: Address, within: number, done: (link: Link | Fault) => void): Closable {
      this.dials.push({ to, within });
      if (to.port === this.silentPort) {
        this.pending.add(to);
        return { close: () => void this.pending.delete(to) };
      }
      done(new Fault("TIMEOUT", "nobody is there"));
      return { close() {} };
    }
  }

  const standing = () => {
    const street = new Street();
    const clock = new SimClock(new Life(new World(1), "member"), { offset: 0 });
    const own = [{ host: HOST, port: 3888 }];
    const port = new ElectionPort(
      { network: street, clock, bindClock: clock, note: () => {} },
      ELECTORATE,
      (sid) => sid === 1n ? [{ host: HOST, port: 1 }] : [],
      {
        ...ELECTION_DEFAULTS,
        sid: 2n,
        bind: own,
        advertise: own,
        multiAddress: false,
        connectTimeoutMs: 5000,
        helloWithinMs: 5000,
        bindTries: 1,
        keepAlive: false,
      },
      { decided: () => {}, voterLooks: () => {}, newerConfig: () => false, fatal: () => {} },
    );
    port.start();
    const come = (): FakeLink => {
      const stranger = new FakeLink();
      street.accept(stranger);
      return stranger;
    };
    return { port, street, come };
  };

  it("goes to where the configuration says soon, however much a greeting says", () => {
    const { port, street, come } = standing();
    const addresses = Array.from({ length: 100 }, (_, i) => ({ host: `10.9.9.${i}`, port: 9 }));
    const out = new Output();
    writeInitialMessage(out, { sid: 1n, version: GREETING_V2, addresses });
    come().ear?.bytes(out.take());
    assert.equal(street.dials.length, 101);
    assert.deepEqual(street.dials[100], { to: { host: HOST, port: 1 }, within: 5000 });
    const spent = street.dials.slice(0, 100).reduce((sum, { within }) => sum + within, 0);
    assert.ok(spent <= 5000, `${spent} ms`);
    port.stop();
  });

  it("dials only so many of them at a time", () => {
    const { port, street, come } = standing();
    for (let i = 1n; i <= 500n; i++) {
      const out = new Output();
      const addresses = [{ host: HOST, port: street.silentPort }];
      writeInitialMessage(out, { sid: -i, version: GREETING_V1, addresses });
      come().ear?.bytes(out.take());
    }
    assert.equal(street.dials.length, 500);
    assert.ok(street.pending.size <= MESH_DEFAULTS.outsidersMax, `${street.pending.size} dials`);
    port.stop();
    assert.equal(street.pending.size, 0);
  });

  it("keeps no link that it refuses until the other side closes it", () => {
    const { port, come } = standing();
    const silent = Array.from({ length: 70 }, come);
    const fates = silent.map(({ state }) => state);
    assert.deepEqual(fates.slice(0, 6), new Array(6).fill("destroyed"));
    assert.deepEqual(fates.slice(6), new Array(64).fill("open"));
    const out = new Output();
    writeInitialMessage(out, { sid: 2n, version: 0n, addresses: [] });
    const impostor = come();
    impostor.ear?.bytes(out.take());
    assert.equal(impostor.state, "destroyed");
    port.stop();
  });
});

describe("an election port's notifications", () => {
  const configOf = (members: number) => {
    const lines = Array.from(
      { length: members },
      (_, i) => `server.${i + 1}=host-with-a-long-name-${i}.example.org:2888:3888`,
    );
    const overrides = ["tickTime=2000", "dataDir=/data", "initLimit=9", "syncLimit=9", ...lines];
    const loaded = loadConfig({ path: null, readFile: () => null, overrides, myid: "1" });
    if (!loaded.ok) assert.fail(JSON.stringify(loaded.complaints));
    return loaded.config;
  };

  it("carry a configuration of version 0, which others can read (H-E5, H-E6)", () => {
    const config = configOf(3);
    const { configText, configVersion } = electorateOf(config, config.membership, null);
    assert.equal(configVersion, 0n);
    assert.match(configText, /^(server\.\d+=[\w.-]+:\d+:\d+:participant\n){3}version=0$/);
    assert.deepEqual(parseMembership(configText), config.membership);
  });

  it("of the largest ensemble stay below what others take (H-E14)", () => {
    const config = configOf(254);
    const { configText } = electorateOf(config, config.membership, null);
    const frame = notificationFrame({
      state: 0,
      leader: 1n,
      zxid: 0n,
      electionEpoch: 1n,
      peerEpoch: 0n,
      version: 2,
      config: configText,
    }, 44);
    assert.ok(frame.length > 10_000 && frame.length < NOTIFICATION_MAX, `${frame.length} bytes`);
    assert.equal(NOTIFICATION_MAX, 512 * 1024);
  });
});
