// A follower or observer on its link to the leader: carries out what zab/learner.ts orders. Dials,
// reads a snapshot stream into a new tree, logs, applies, and hands clients' requests to the leader.
//
// Must agree with Java's Learner, Follower and Observer. A snapshot counts only when it is whole, on
// disk and flushed; a half one leaves nothing behind (ZOOKEEPER-2872, 3642).

import { assert, unreachable } from "../base/assert.ts";
import { Fault, isFault } from "../base/errors.ts";
import { hex, type SessionId, type Sid, type Zxid } from "../base/ids.ts";
import type { Address, Clock, Closable, Instant, Link, Millis } from "../ports.ts";
import type { Backend, Request } from "../server/request.ts";
import type { Server } from "../server/server.ts";
import type { Tally } from "../server/stats.ts";
import { TreeLoader } from "../tree/loader.ts";
import type { Txn } from "../txn/txn.ts";
import type { SnapshotPart } from "../wire/learner.ts";
import { writePingReply } from "../wire/payloads.ts";
import { Learner } from "../zab/learner.ts";
import type { LearnerEffect, LearnerEvent } from "../zab/learner_events.ts";
import { MachineLoop } from "./machine_loop.ts";
import { PacketLink } from "./packet_link.ts";
import type { Role, RoleHost } from "./role.ts";

export interface LearnerPortOptions {
  readonly sid: Sid;
  readonly isObserver: boolean;
  /** Whom to follow, and where it listens: all its addresses. */
  readonly leader: Sid;
  readonly addresses: readonly Address[];
  /** Version of the committed membership. */
  readonly configVersion: Zxid;
  readonly tickMs: Millis;
  readonly initLimit: number;
  readonly syncLimit: number;
  /** An observer with `syncEnabled=false` keeps no log. */
  readonly logs: boolean;
  /** How long dialling may take in all, and the pause behind a try that failed (5.1). */
  readonly connectWithinMs: Millis;
  readonly connectPauseMs: Millis;
  /** Longest buffer believed in a packet. */
  readonly packetLimit: number;
}

/** Java gives up after 5 tries 100 ms apart; our elections may end before its leader listens. */
const DIAL_TRIES = 10;

/** One of the leader's addresses. */
interface Way {
  readonly address: Address;
  tries: number;
}

export class LearnerPort implements Role, Backend {
  readonly role: "follower" | "observer";
  readonly #host: RoleHost;
  readonly #options: LearnerPortOptions;
  readonly #clock: Clock;
  readonly #learner: Learner;
  readonly #loop: MachineLoop<LearnerEvent, LearnerEffect>;
  readonly #proposals: Tally;
  readonly #commits: Tally;
  #server: Server | null = null;
  #wire: PacketLink | null = null;
  readonly #dials = new Set<Closable>();
  /** Addresses that wait for their next try. */
  readonly #again: Way[] = [];
  #linkedAt: Millis = 0;
  #dialUntil: Millis = 0;
  /** The clock is asked once for all the packets of one chunk. */
  #heardAt: Instant;
  #loader: TreeLoader | null = null;
  #snapZxid: Zxid = 0n;
  /** The disk is replacing our history: the role cannot end before that is over. */
  #isReplacing = false;
  #endedWhy: string | null = null;
  #isEnded = false;

  constructor(host: RoleHost, options: LearnerPortOptions) {
    this.#host = host;
    this.#options = options;
    this.#clock = host.newClock();
    this.#heardAt = this.#clock.now();
    this.role = options.isObserver ? "observer" : "follower";
    this.#proposals = host.tally("learner_proposal_received_count");
    this.#commits = host.tally("learner_commit_received_count");
    const { store, tree, needsSnapshot } = host.replica;
    const { accepted, current } = host.epochs;
    this.#learner = new Learner({
      ...options,
      acceptedEpoch: accepted,
      currentEpoch: current,
      lastZxid: tree.lastZxid,
      // A leader that is told of nothing sends everything.
      ...(needsSnapshot ? { reportedZxid: 0n } : {}),
    }, options.logs ? store.durable : tree.lastZxid);
    this.#loop = new MachineLoop(this.#learner, this.#clock, {
      perform: (effect) => this.#do(effect),
      woken: () => this.#step({ type: "time" }),
      busy: () => host.busy(),
      failed: (fault) => this.stop(fault.message),
    });
  }

  get server(): Server | null {
    return this.#server;
  }

  /** Proposals that wait for their COMMIT. */
  get pendingCount(): number {
    return this.#learner.pendingCount;
  }

  get phase(): string {
    const { phase, way } = this.#learner;
    if (phase === "serving" || phase === "left") return "broadcast";
    return way === null ? "discovery" : `synchronization - ${way}`;
  }

  start(): void {
    assert(!this.#loop.isRunning && !this.#isEnded, "a role begins once");
    this.#loop.start();
    const { store } = this.#host.replica;
    store.onDurable = (upTo) => this.#step({ type: "durable", upTo });
    this.#step({ type: "durable", upTo: store.durable });
    this.#dialUntil = this.#now().mono + this.#options.connectWithinMs;
    const { addresses } = this.#options;
    assert(addresses.length > 0, "a leader has an address");
    for (const address of addresses) this.#dial({ address, tries: 0 });
  }

  flushTurn(): void {
    this.#wire?.flush();
  }

  stop(why: string): void {
    if (this.#endedWhy !== null) return;
    this.#endedWhy = why;
    this.#loop.stop();
    for (const dial of this.#dials) dial.close();
    this.#dials.clear();
    this.#wire?.destroy();
    this.#host.serve(null);
    this.#server = null;
    this.#loader = null;
    if (!this.#isReplacing) this.#cleanUp();
  }

  // ---- what the server asks (Backend) -----------------------------------------------------------

  submit(request: Request): void {
    const { sessionId, cxid, op, body, auth } = request;
    this.#step({ type: "requested", sessionId, cxid, op, body, auth });
  }

  revalidate(sessionId: SessionId, timeoutMs: number): void {
    this.#step({ type: "revalidate", sessionId, timeoutMs });
  }

  sync(request: Request): void {
    this.submit(request);
  }

  // ---- the link -----------------------------------------------------------------------------------

  /** One more try at one of the addresses; the first that connects wins (5.1). */
  #dial(way: Way): void {
    if (!this.#loop.isRunning) return;
    const within = this.#dialUntil - this.#now().mono;
    way.tries += 1;
    // What refuses so often speaks for the others: nobody listens there.
    if (within <= 0 || way.tries > DIAL_TRIES) {
      return this.stop(`server ${this.#options.leader} cannot be reached`);
    }
    const dial = this.#host.network.dial(way.address, within, (link) => {
      this.#dials.delete(dial);
      if (link instanceof Fault) {
        this.#dialLater(way, link);
      } else if (this.#wire !== null || !this.#loop.isRunning) {
        link.destroy();
      } else {
        this.#linked(link);
      }
    });
    this.#dials.add(dial);
  }

  #dialLater(way: Way, fault: Fault): void {
    if (!this.#loop.isRunning || this.#wire !== null) return;
    this.#host.note("debug", this.role, "the leader does not answer yet", { why: fault.message });
    this.#again.push(way);
    if (this.#again.length > 1) return;
    const at = this.#now().mono + this.#options.connectPauseMs;
    this.#clock.wakeAt(at, () => { // nothing else is waited for before a link is there
      for (const next of this.#again.splice(0)) this.#dial(next);
    });
  }

  #linked(link: Link): void {
    for (const dial of this.#dials) dial.close();
    this.#dials.clear();
    this.#again.length = 0;
    const wire = new PacketLink(link, this.#options.packetLimit, {
      heard: () => {
        this.#heardAt = this.#now();
        this.#learner.heard(this.#heardAt);
      },
      packet: (packet) => this.#step({ type: "packet", packet }, this.#heardAt),
      part: (part) => this.#part(part),
      drained: () => {},
      closed: (why) => this.stop(`the link to server ${this.#options.leader} is gone: ${why}`),
    });
    this.#wire = wire;
    this.#linkedAt = this.#now().mono;
    this.#host.note("info", this.role, "connected to the leader", {
      leader: this.#options.leader,
      at: wire.remote,
    });
    this.#step({ type: "linked" });
    wire.attach();
  }

  // ---- the machine --------------------------------------------------------------------------------

  #step(event: LearnerEvent, now?: Instant): void {
    this.#loop.step(event, now);
  }

  #do(effect: LearnerEffect): void {
    const { replica } = this.#host;
    switch (effect.type) {
      case "packet":
        return this.#wire?.send(effect.packet);
      case "log":
        this.#proposals.add(1);
        return replica.store.append(effect.txn);
      case "commit":
        return this.#commit(effect.txn, effect.isServing, effect.compare);
      case "pong":
        if (this.#wire === null) return;
        return writePingReply(this.#wire.out, effect.zxid, this.#server?.touched() ?? []);
      case "synced":
        return this.#server?.synced();
      case "revalidated":
        return this.#server?.revalidated(effect.sessionId, effect.valid);
      case "save":
        return replica.store.saveEpoch(`${effect.file}Epoch`, effect.epoch, (fault) => {
          if (fault !== null) return; // the store has told the process already
          this.#host.epochSaved(effect.file, effect.epoch);
          this.#step({ type: "saved", file: effect.file, epoch: effect.epoch });
        });
      case "receiveSnapshot":
        return this.#receive(effect.zxid);
      case "saveSnapshot":
        return this.#install();
      case "truncate":
        return this.#truncate(effect.to);
      case "configSeen":
        return this.#host.configSeen(effect.text);
      case "configCommitted":
        return this.#host.configCommitted(effect.text, effect.leader, effect.zxid);
      case "serve":
        return this.#serve(effect.epoch);
      case "warn":
        return this.#host.note("warn", this.role, effect.text);
      case "leave":
        return this.stop(effect.why);
      default:
        return unreachable(effect);
    }
  }

  #commit(txn: Txn, isServing: boolean, compare: boolean): void {
    const { replica } = this.#host;
    this.#commits.add(1);
    if (!isServing || this.#server === null) return replica.apply(txn, compare);
    this.#server.committed(replica.comparable(txn, compare));
    replica.applied(txn, compare);
  }

  #serve(epoch: bigint): void {
    const { tree } = this.#host.replica;
    this.#host.tally(`${this.role}_sync_time`).add(this.#now().mono - this.#linkedAt);
    this.#host.established(epoch);
    this.#server = this.#host.newServer(tree, this, null);
    this.#server.levelWith(epoch);
    this.#server.core.isLeaderBefore35 = this.#learner.isLeaderBefore35;
    this.#host.note("info", this.role, "level with the leader", {
      leader: this.#options.leader,
      by: this.#learner.way,
      epoch,
      lastZxid: hex(tree.lastZxid),
    });
    this.#host.serve(this.#server);
  }

  // ---- being brought level ------------------------------------------------------------------------

  #receive(zxid: Zxid): void {
    this.#snapZxid = zxid;
    this.#host.replica.discard();
    this.#loader = new TreeLoader(this.#host.replica.treeOptions);
    this.#wire?.expectSnapshot();
  }

  /** Faults here end the link: they are caught where its bytes are read. */
  #part(part: SnapshotPart): void {
    const loader = this.#loader;
    if (loader === null) return;
    switch (part.kind) {
      case "session":
        return loader.session(part.session.id, part.session.timeout);
      case "acl":
        return loader.acl(part.entry.id, part.entry.acl);
      case "node": {
        const { path, data, acl, stat } = part.node;
        return loader.node(path ?? "", data, acl, stat);
      }
      case "end": {
        const tree = loader.finish();
        this.#loader = null;
        this.#host.replica.adopt(tree, this.#snapZxid);
        this.#host.treeReplaced(tree);
        return this.#step({ type: "snapshotReceived" });
      }
    }
  }

  #install(): void {
    this.#isReplacing = true;
    this.#host.replica.install((fault) => {
      this.#isReplacing = false;
      if (fault !== null) {
        if (fault.code !== "PROTOCOL") this.#host.fatal(fault, 10);
        else this.stop(fault.message);
      }
      if (this.#endedWhy !== null) return this.#cleanUp();
      this.#step({ type: "snapshotSaved" });
    });
  }

  #truncate(to: Zxid): void {
    const { replica } = this.#host;
    this.#wire?.hold(true);
    this.#isReplacing = true;
    replica.store.truncate(to, (fault) => {
      this.#isReplacing = false;
      if (fault === null) {
        if (!this.#host.isStopped) this.#reload();
      } else {
        replica.needsSnapshot = true;
        if (fault.code !== "CORRUPT") return this.#host.fatal(fault, 13);
        if (this.#endedWhy === null) this.stop(fault.message);
      }
      if (this.#endedWhy !== null) return this.#cleanUp();
      this.#step({ type: "truncated", lastZxid: replica.tree.lastZxid });
      this.#wire?.hold(false);
    });
  }

  #reload(): void {
    const { replica } = this.#host;
    try {
      replica.reload();
      this.#host.treeReplaced(replica.tree);
    } catch (fault) {
      if (!isFault(fault)) throw fault;
      this.#host.fatal(fault, 13);
    }
  }

  // ---- the end ------------------------------------------------------------------------------------

  /** Log and tree say the same again; only then may anybody look for a leader. */
  #cleanUp(): void {
    if (this.#isEnded) return;
    const { replica, isStopped } = this.#host;
    const why = this.#endedWhy ?? "";
    this.#isEnded = true;
    replica.store.onDurable = () => {};
    replica.catchUpWithLog(this.#learner.pending);
    if (!replica.isStale || isStopped) return this.#host.ended(why);
    replica.store.settle((fault) => {
      if (fault !== null) return; // the store has told the process already
      if (this.#host.isStopped) return this.#host.ended(why);
      this.#reload();
      this.#host.ended(why);
    });
  }

  #now(): ReturnType<Clock["now"]> {
    return this.#clock.now();
  }
}
