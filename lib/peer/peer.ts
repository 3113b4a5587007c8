// One server: what is on disk, the role it has at the moment, and the turns in which everything
// leaves together. Standalone it orders its own writes; in an ensemble it looks for a leader, leads,
// follows or observes, and looks again. A role is an object: changing role replaces it, and nothing
// of the old one survives by accident.
//
// Must agree with QuorumPeer's main loop (quorum.md 0.5) and ZooKeeperServerMain.

import { earlier } from "../base/earlier.ts";
import { Fault } from "../base/errors.ts";
import { hex, type Zxid } from "../base/ids.ts";
import type { Clock, Disk, Http, Millis, Network, Random, Trace } from "../ports.ts";
import type { Backend } from "../server/request.ts";
import { SessionIds } from "../server/passwords.ts";
import { Prepare } from "../server/prepare.ts";
import { Server } from "../server/server.ts";
import { SessionTracker } from "../server/sessions.ts";
import { Standalone } from "../server/standalone.ts";
import { Autopurge } from "../store/retention.ts";
import { Store } from "../store/store.ts";
import type { Tree } from "../tree/tree.ts";
import { AdminPort } from "./admin_port.ts";
import { ClientPort } from "./client_port.ts";
import type { Config } from "./config.ts";
import { Ensemble } from "./ensemble.ts";
import { type HostFacts, Operator } from "./operator.ts";
import { prepareOptions, serverOptions, treeOptions, unbuilt } from "./settings.ts";

export interface PeerPorts {
  /** A clock with an alarm of its own, each time. */
  newClock(): Clock;
  readonly network: Network;
  readonly disk: Disk;
  readonly random: Random;
  readonly note: Trace["note"];
  /** Of the machine, for operators. */
  readonly facts?: HostFacts;
  /** Where the AdminServer listens; without it there is none. */
  readonly http?: Http;
}

export interface PeerEars {
  /** The server cannot go on; everything is closed already. The process must end. */
  failed(fault: Fault, exitCode?: number): void;
  /** A role serves clients, or none does any more (null). For status lines and tests. */
  role?(name: string | null): void;
  /** The client port that was bound. */
  bound?(port: number): void;
  /** The AdminServer's; null when it could not be had, and the server goes on without. */
  adminBound?(port: number | null): void;
}

export class Peer {
  readonly config: Config;
  readonly store: Store;
  readonly operator: Operator;
  readonly #ports: PeerPorts;
  readonly #ears: PeerEars;
  /** Alarm of the server and the store. */
  readonly #clock: Clock;
  readonly #clientPort: ClientPort | null;
  readonly #ids: SessionIds;
  /** Sessions of this server alone; null when they are off (client.md 7.4). */
  readonly #local: SessionTracker | null;
  #admin: AdminPort | null = null;
  #ensemble: Ensemble | null = null;
  #purge: Autopurge | null = null;
  #server: Server | null = null;
  /** Of a server that stands alone; a member's is its ensemble's, and may be replaced there. */
  #tree: Tree | null = null;
  #isTurnDue = false;
  /** When the clock wakes us; null when it does not. */
  #alarm: Millis | null = null;
  #isStopped = false;

  constructor(config: Config, ports: PeerPorts, ears: PeerEars) {
    this.config = config;
    this.#ports = ports;
    this.#ears = ears;
    this.#clock = ports.newClock();
    const storeClock = ports.newClock();
    const { disk, random, note } = ports;
    this.store = new Store({ disk, random, note, clock: storeClock }, config);
    this.store.onFatal = (fault) => this.fail(fault);
    this.operator = new Operator(this, ports.facts ?? null);
    // Standalone servers call themselves 1, as Java's do (client.md 2.4).
    const serverId = config.mode === "standalone" ? 1 : Number(config.sid);
    this.#ids = new SessionIds(this.#clock.now().wall, serverId);
    // A server that stands alone knows no others but its own (operations.md 1.2).
    this.#local = config.localSessionsEnabled && config.mode === "quorum"
      ? new SessionTracker(config.tickTimeMs, this.#clock.now().mono)
      : null;
    this.#clientPort = config.client === null ? null : this.#makeClientPort(config.client);
  }

  /** Reads the disk and begins. Faults: DATA_DIR, CORRUPT, DISK. */
  start(): void {
    const { config, store } = this;
    this.#refuseUnbuilt();
    const began = this.#clock.now().mono;
    const recovered = store.recover(treeOptions(config, this.#ports.note));
    this.operator.meters.tally("dbinittime").add(this.#clock.now().mono - began);
    this.operator.meters.tally("startup_txns_loaded").add(recovered.replayed);
    this.store.onFlush = (flush) => this.operator.flushed(flush);
    const snapshots = this.operator.meters.tally("snapshottime");
    this.store.onSnapshot = (millis) => snapshots.add(millis);
    this.store.onSpace = (isLow, free) => this.#spaceChanged(isLow, free);
    const now = this.#clock.now().mono;
    this.#purge = new Autopurge(this.#ports.disk, store.dirs, config, this.#ports.note, now);
    this.#listenForOperators();
    this.#clientPort?.listen();
    if (config.mode === "standalone") {
      this.#tree = recovered.tree;
      return this.#serveAlone(recovered.tree, false);
    }
    // Logs of a 3.4 that were trusted: the next start must not need to be told so (ZOOKEEPER-3781).
    if (recovered.snapshot === null && recovered.lastZxid > 0n) this.#takeFirstSnapshot();
    this.#ensemble = new Ensemble(this, this.#ports, recovered);
    this.#ensemble.start();
    this.#schedule();
  }

  /** A busy port ends a server that stands alone; a member goes on without pages, as Java's do. */
  #listenForOperators(): void {
    const { newClock, http, disk, note } = this.#ports;
    const { config } = this;
    if (!config.adminEnabled || http === undefined) return;
    this.#admin = new AdminPort({ http, disk, note, newClock }, this, {
      bound: ({ host, port }) => {
        const at = `${host.includes(":") ? `[${host}]` : host}:${port}`;
        note("info", "admin", "operators are welcome", {
          at: `http://${at}${config.adminCommandUrl}`,
        });
        this.#ears.adminBound?.(port);
      },
      failed: (fault) => {
        if (config.mode === "standalone") return this.fail(fault, 4);
        note("warn", "admin", fault.message);
        this.#ears.adminBound?.(null);
      },
    });
    this.#admin.listen();
  }

  /** Closes a share of the clients' connections, in per cent; says how many. */
  shed(percentage: number): number {
    const count = this.#server?.shed(percentage, this.#ports.random) ?? 0;
    this.busy();
    return count;
  }

  #takeFirstSnapshot(): void {
    this.store.takeSnapshot(false, (result) => {
      if (!(result instanceof Fault)) return;
      this.#ports.note("warn", "store", "there is no snapshot still", { why: result.message });
    });
  }

  #refuseUnbuilt(): void {
    const { refused, missing } = unbuilt(this.config);
    if (refused.length > 0) {
      throw new Fault("CONFIG", `this version has no ${refused.join(", and no ")}`, {
        hint: "take the setting out, or keep a Java server for it: to serve without what was " +
          "asked for would be less safe than not to serve",
      });
    }
    for (const what of missing) {
      this.#ports.note("warn", "config", `this version does not have ${what}; it serves without`);
    }
    if (this.config.localSessionsEnabled && this.config.mode === "standalone") {
      const text = "localSessionsEnabled has no effect on a server that stands alone";
      this.#ports.note("warn", "config", text);
    }
  }

  /** Ends in good order: clients are told by closed links, what was accepted is on disk. */
  stop(done: () => void): void {
    if (this.#isStopped) return done();
    this.#halt();
    this.store.close(() => done());
  }

  /** Something happened that a turn must end: replies, packets and log writes leave together. */
  readonly busy = (): void => {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    this.#clock.soon(this.#turn);
  };

  get server(): Server | null {
    return this.#server;
  }

  get tree(): Tree | null {
    return this.#server?.core.tree ?? this.#ensemble?.tree ?? this.#tree;
  }

  get ensemble(): Ensemble | null {
    return this.#ensemble;
  }

  get ids(): SessionIds {
    return this.#ids;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /**
   * Puts another database in place of this server's (operations.md 3.3): clients are disconnected,
   * what is in the pipeline is logged and not answered, the tree is made durable, then serving
   * begins anew. Alone, zxids go on from the higher of ours and `zxid`, the tree's own; in an ensemble from
   * ours. `done` hears the zxid at which the tree stands, or why it is not in place. `tree` is ours.
   */
  restore(tree: Tree, zxid: Zxid, done: (result: Zxid | Fault) => void): void {
    const { store } = this;
    if (this.#server === null || this.#isStopped) {
      return done(new Fault("PROTOCOL", "this server does not serve at the moment"));
    }
    const over = (fault: Fault | null): void => done(fault ?? tree.lastZxid);
    if (this.#ensemble !== null) return this.#ensemble.restore(tree, over);
    this.serve(null);
    store.onDurable = () => {};
    store.settle((fault) => {
      if (fault !== null || this.#isStopped) {
        return done(fault ?? new Fault("PROTOCOL", "the server was asked to end"));
      }
      const { appended } = store;
      tree.lastZxid = zxid > appended ? zxid : appended;
      this.#tree = tree;
      store.attach(tree);
      store.installRestored((fault) => {
        over(fault);
        if (fault !== null) this.fail(fault, 10);
        else if (!this.#isStopped) this.#serveAlone(tree, true);
      });
    });
  }

  /**
   * Whoever serves clients from now on; null: nobody. Clients of the one before are closed.
   * `takesClients` false: it has its turns, but no client may come (`leaderServes=no`).
   */
  serve(server: Server | null, takesClients = true): void {
    if (this.#server !== null && this.#server !== server) this.#server.stop();
    this.#server = server;
    this.#clientPort?.serve(takesClients ? server : null);
    this.#ears.role?.(server?.core.backend.role ?? null);
    this.#schedule();
  }

  /** The end of this server: nothing more is acknowledged to anybody. */
  fail(fault: Fault, exitCode?: number): void {
    if (this.#isStopped) return;
    this.#ports.note("error", "peer", "Severe unrecoverable error", { why: fault.message });
    this.#halt();
    this.#ears.failed(fault, exitCode);
  }

  #halt(): void {
    this.#isStopped = true;
    this.#ensemble?.stop();
    this.#server?.stop();
    this.#server = null;
    this.#clientPort?.close();
    this.#admin?.close();
    this.#clock.wakeAt(null, () => {});
  }

  #makeClientPort(at: { host: string | null; port: number }): ClientPort {
    const { config } = this;
    const { network, note, newClock } = this.#ports;
    return new ClientPort(
      { network, note, clock: newClock() },
      {
        at: { host: at.host ?? "", port: at.port },
        backlog: config.clientPortListenBacklog,
        keepAlive: config.clientTcpKeepAlive,
        secure: false,
        idleMs: config.sessionlessCnxnTimeoutMs,
      },
      {
        bound: (bound) => {
          this.#ports.note("info", "client", "clients are welcome", {
            at: `${bound.host === "" ? "*" : bound.host}:${bound.port}`,
          });
          this.#ears.bound?.(bound.port);
        },
        fatal: (fault) => this.fail(fault, 1),
        busy: this.busy,
        word: (word, mask) => this.operator.word(word, mask),
      },
    );
  }

  /**
   * A disk that is full is fatal, for nobody may be acknowledged any more. Before it comes to that
   * whoever orders writes refuses those that add data, and this server purges what it may.
   */
  #spaceChanged(isLow: boolean, free: number): void {
    const { note } = this.#ports;
    if (!isLow) return note("info", "store", "there is room on the disk again", { free });
    const { dirs, reserveBytes } = this.store;
    const { purgeIntervalMs } = this.config;
    note("error", "store", "the disk is nearly full: writes that add data are refused", {
      free,
      reserve: reserveBytes,
      in: dirs.logs === dirs.snapshots ? dirs.logs : `${dirs.logs} or ${dirs.snapshots}`,
      reclaimable: this.#purge?.reclaimable() ?? null,
      hint: purgeIntervalMs > 0
        ? "old snapshots and logs are purged now; else free space or make the disk larger"
        : "free space, make the disk larger, or let autopurge.purgeInterval remove old files",
    });
    this.#purge?.hurry(this.#clock.now().mono);
  }

  // ---- standalone -------------------------------------------------------------------------------

  #serveAlone(tree: Tree, isOnDisk: boolean): void {
    const { config, store } = this;
    const { note } = this.#ports;
    const orphans = tree.killOrphanEphemerals();
    if (orphans.length > 0) {
      note("info", "peer", "ephemerals of sessions that are gone were removed", {
        count: orphans.length,
      });
    }
    if (tree.lastZxid < 0n) tree.lastZxid = 0n; // alone, nobody else can have the data (7.5)
    const tracker = this.newTracker();
    tracker.load(tree.sessions, this.#clock.now().mono);
    const quotaExceeded = (path: string): void => this.operator.quotaExceeded(path);
    const options = {
      ...prepareOptions(config, null, quotaExceeded, false),
      hasSpace: () => !store.isSpaceLow,
    };
    const prepare = new Prepare(tree, tracker, options, note);
    const standalone = new Standalone({
      prepare,
      append: (txn) => store.append(txn),
      committed: (txn) => this.#server?.committed(txn),
      now: () => this.#clock.now(),
    });
    store.onDurable = (upTo) => {
      standalone.durable(upTo);
      this.busy();
    };
    // Java writes a snapshot at each start of a standalone server (storage.md 6.3).
    if (!isOnDisk) {
      store.takeSnapshot(false, (result) => {
        if (!(result instanceof Fault) || result.code === "PROTOCOL") return;
        if (result.detail.isEarly !== true) return this.fail(result, 10);
        note("warn", "store", "the snapshot of the start is left out", { why: result.message });
      });
    }
    this.serve(this.newServer(tree, standalone, tracker));
    note("info", "peer", "serving alone", { zxid: hex(tree.lastZxid), znodes: tree.nodeCount });
  }

  /** A tracker of global sessions, for whoever decides over them. */
  newTracker(): SessionTracker {
    const { config } = this;
    const rule = this.#local === null
      ? null
      : { sessions: this.#local, serverId: Number(BigInt.asUintN(8, config.sid)) };
    return new SessionTracker(config.tickTimeMs, this.#clock.now().mono, rule);
  }

  /** A server over a tree for the role that `backend` is. */
  newServer(tree: Tree, backend: Backend, tracker: SessionTracker | null): Server {
    return new Server({
      tree,
      backend,
      options: serverOptions(this.config),
      tracker,
      local: this.#local,
      ids: this.#ids,
      random: this.#ports.random,
      meters: this.operator.meters,
      now: () => this.#clock.now(),
      note: this.#ports.note,
      word: (word, mask) => this.operator.word(word, mask),
    });
  }

  // ---- turns and time ---------------------------------------------------------------------------

  readonly #turn = (): void => {
    this.#isTurnDue = false;
    if (this.#isStopped) return;
    this.#ensemble?.flushTurn();
    this.#server?.flushTurn();
    this.#clientPort?.flushed();
    this.store.commitTurn();
    this.#schedule();
  };

  #schedule(): void {
    if (this.#isStopped) return;
    const disk = earlier(this.store.deadline, this.#purge?.deadline);
    const next = earlier(this.#server?.deadline, disk);
    // Most turns put it off: an alarm that comes too early is cheaper than many new ones.
    if (next === null || (this.#alarm !== null && this.#alarm <= next)) return;
    this.#alarm = next;
    this.#clock.wakeAt(next, this.#tick);
  }

  readonly #tick = (): void => {
    this.#alarm = null;
    if (this.#isStopped) return;
    const now = this.#clock.now().mono;
    const due = (time: number | null | undefined): boolean =>
      time !== null && time !== undefined && time <= now;
    if (due(this.#server?.deadline)) this.#server?.tick();
    if (due(this.store.deadline)) this.store.tick(now);
    if (due(this.#purge?.deadline)) this.#purge?.tick(now);
    this.busy();
    this.#schedule();
  };
}
