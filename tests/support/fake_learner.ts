// A learner's server in front of a leader that is only its Prepare: what clients of a follower see,
// with the test deciding when the leader hears and when its commits arrive.

import { type FakeOptions, FakeServer } from "./fake_server.ts";
import { DEFAULT_AUTH } from "../../lib/auth/mod.ts";
import { defaultServerOptions } from "../../lib/server/options.ts";
import { SessionIds } from "../../lib/server/passwords.ts";
import type { Backend, Request, RoleName } from "../../lib/server/request.ts";
import { Server } from "../../lib/server/server.ts";
import { SessionTracker } from "../../lib/server/sessions.ts";
import { NO_METERS } from "../../lib/server/stats.ts";
import { Tree } from "../../lib/tree/tree.ts";
import { decodeTxn } from "../../lib/txn/txn.ts";
import { FakeClient, TICK } from "./fake_server.ts";

export class FakeLearner {
  /** The leader: its clients are other members' clients to us. */
  readonly leader: FakeServer;
  readonly tree: Tree;
  readonly server: Server;
  readonly owner = { name: "learner 2" };
  /** Requests, syncs and revalidations that the leader has not heard of. */
  readonly sent: {
    kind: "request" | "sync" | "revalidate";
    request: Request | null;
    id: bigint;
  }[] = [];
  /** Txns of the leader's log that have been delivered here. */
  delivered = 0;
  mono = 1_000_000;
  wall = 1_700_000_000_000;

  constructor(
    role: RoleName = "follower",
    options: FakeOptions = {},
    localSessions = false,
    upgrading = false,
  ) {
    this.leader = new FakeServer(options);
    const note = () => {};
    this.tree = new Tree({ digest: true, extendedTypes: false, emulate353Ttl: false, note });
    const backend: Backend = {
      role,
      submit: (request) => void this.sent.push({ kind: "request", request, id: request.sessionId }),
      sync: (request) => void this.sent.push({ kind: "sync", request, id: request.sessionId }),
      revalidate: (id) => void this.sent.push({ kind: "revalidate", request: null, id }),
    };
    const now = () => ({ mono: this.mono, wall: this.wall });
    this.server = new Server({
      tree: this.tree,
      backend,
      options: {
        ...defaultServerOptions(DEFAULT_AUTH, TICK),
        ...options.server,
        localSessions,
        localSessionsUpgrading: upgrading,
      },
      tracker: null,
      local: localSessions ? new SessionTracker(TICK, this.mono) : null,
      ids: new SessionIds(this.wall, 2),
      random: { below: () => 0, bytes: (n) => new Uint8Array(n) },
      meters: NO_METERS,
      now,
      note,
      word: (word) => word,
    });
  }

  /** The leader hears everything sent so far. */
  hear(): void {
    for (const { kind, request, id } of this.sent.splice(0)) {
      if (kind === "request" && request !== null) {
        this.leader.standalone.submit({ ...request, owner: this.owner });
      } else if (kind === "sync") {
        this.deliver();
        this.server.synced();
      } else {
        const { tracker } = this.leader;
        const valid = tracker.touch(id, 10_000, this.leader.mono);
        if (valid) tracker.setOwner(id, this.owner);
        this.server.revalidated(id, valid);
      }
    }
    this.server.flushTurn();
  }

  /** Commits arrive: all of them, or the next so many. */
  deliver(count = Infinity): void {
    const { log } = this.leader;
    for (let i = 0; i < count && this.delivered < log.length; i++) {
      this.server.committed(decodeTxn(log[this.delivered++].bytes.slice()));
    }
    this.server.flushTurn();
  }

  dial(): FakeClient {
    return new FakeClient(this, "10.0.0.1");
  }

  connect(): FakeClient {
    const client = this.dial();
    client.connect(10_000);
    this.hear();
    this.deliver();
    client.welcome();
    return client;
  }
}
