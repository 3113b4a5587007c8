// A leader and its quorum port: carries out what zab/leader.ts orders. Listens, brings learners level,
// turns requests of clients and learners into txns, logs, commits, and owns the sessions.
//
// Must agree with Java's Leader, LearnerHandler and LeaderZooKeeperServer. A learner that sends
// nonsense, or reads too slowly, costs itself its link and nothing else.

import { assert, unreachable } from "../base/assert.ts";
import type { Fault } from "../base/errors.ts";
import { type Epoch, hex, type SessionId, type Sid, type Zxid, zxidOf } from "../base/ids.ts";
import type { Clock, Closable, Instant, Link, Millis } from "../ports.ts";
import type { Prepare } from "../server/prepare.ts";
import type { Backend, Request } from "../server/request.ts";
import type { Server } from "../server/server.ts";
import type { SessionTracker } from "../server/sessions.ts";
import type { Tally } from "../server/stats.ts";
import { OpCode } from "../txn/opcodes.ts";
import type { Txn } from "../txn/txn.ts";
import { type CatchUpPlan, planCatchUp } from "../zab/catch_up.ts";
import { Leader } from "../zab/leader.ts";
import type {
  ForwardedRequest,
  LeaderEffect,
  LeaderEvent,
  LearnerView,
} from "../zab/leader_events.ts";
import type { LeaderPortOptions } from "./leader_port_options.ts";
import { listenAtAny } from "./listen_any.ts";
import { LearnerWire, leastWanted } from "./learner_wire.ts";
import { MachineLoop } from "./machine_loop.ts";
import { PacketLink } from "./packet_link.ts";
import type { Role, RoleHost } from "./role.ts";
import { Sizes } from "./sizes.ts";
import { SyncStream } from "./sync_stream.ts";
import { TreeChange } from "./tree_change.ts";

export type { LeaderPortOptions } from "./leader_port_options.ts";

/** Links at a time; each costs memory before it has said who it is. */
const LINKS_MAX = 2000;
const NOTHING = new Uint8Array(0);

/** What exists once the leader serves. */
interface Serving {
  readonly server: Server;
  readonly prepare: Prepare;
  readonly tracker: SessionTracker;
}

export class LeaderPort implements Role, Backend {
  readonly role = "leader";
  /** Bytes of the proposals. */
  readonly proposalSizes = new Sizes();
  readonly #host: RoleHost;
  readonly #options: LeaderPortOptions;
  readonly #clock: Clock;
  readonly #leader: Leader;
  readonly #wires = new Map<number, LearnerWire>();
  readonly #loop: MachineLoop<LeaderEvent, LeaderEffect>;
  /** Learners whose DIFF had a gap: SNAP next time. */
  readonly #needSnapshot = new Set<Sid>();
  #listeners: Closable[] = [];
  #nextLink = 1;
  #serving: Serving | null = null;
  #change: TreeChange | null = null;
  readonly #proposals: Tally;
  readonly #commits: Tally;
  /** The clock is asked once for all the packets of one chunk. */
  #heardAt: Instant;
  #isHandingOver = false;
  #isOver = false;

  constructor(host: RoleHost, options: LeaderPortOptions) {
    this.#host = host;
    this.#options = options;
    this.#clock = host.newClock();
    this.#heardAt = this.#clock.now();
    this.#proposals = host.tally("proposal_count");
    this.#commits = host.tally("commit_count");
    const { tree, store } = host.replica;
    const { accepted, current } = host.epochs;
    this.#leader = new Leader({
      ...options,
      acceptedEpoch: accepted,
      currentEpoch: current,
      lastZxid: tree.lastZxid,
    }, store.durable);
    this.#loop = new MachineLoop(this.#leader, this.#clock, {
      perform: (effect) => this.#do(effect),
      woken: () => {
        this.#step({ type: "time" });
        if (this.#loop.isRunning) this.#checkStreams();
      },
      busy: () => host.busy(),
      failed: (fault) => this.#failed(fault),
    });
  }

  get server(): Server | null {
    return this.#serving?.server ?? null;
  }

  /** The newest epoch that a voter is known to have promised. */
  get promised(): Epoch {
    return this.#leader.promised;
  }

  get phase(): string {
    const { phase } = this.#leader;
    if (phase === "serving" || phase === "over") return "broadcast";
    return phase === "syncing" ? "synchronization" : "discovery";
  }

  /** Syncs that wait for a commit or for a quorum to answer. */
  get pendingSyncs(): number {
    return this.#leader.traffic.pendingSyncs;
  }

  learners(): LearnerView[] {
    return this.#leader.learners();
  }

  /** The link of one of them, with its counts. */
  wireOf({ link }: LearnerView): LearnerWire | null {
    return this.#wires.get(link) ?? null;
  }

  start(): void {
    assert(!this.#loop.isRunning && !this.#isOver, "a role begins once");
    this.#loop.start();
    const { store } = this.#host.replica;
    store.onDurable = (upTo) => this.#step({ type: "durable", upTo });
    this.#step({ type: "durable", upTo: store.durable });
    const { bind, keepAlive } = this.#options;
    this.#listeners = listenAtAny(this.#host.network, bind, { keepAlive }, {
      accepted: (link) => this.#accepted(link),
      missed: ({ host, port }, { message: why }) =>
        this.#host.note("warn", "leader", "cannot listen at one of the addresses", {
          at: `${host}:${port}`,
          why,
        }),
      settled: (fault) => {
        if (fault !== null) this.stop(`the quorum port: ${fault.message}`);
        else this.#step({ type: "started" });
      },
    });
  }

  /** The election heard a voter that looks for a leader (7.8). */
  voterLooks(sid: Sid): void {
    this.#step({ type: "voterLooks", sid });
  }

  flushTurn(): void {
    for (const [link, wire] of this.#wires) {
      if (wire.stream === null) wire.packets.flush();
      else this.#stream(link, wire, wire.stream);
    }
  }

  stop(why: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#loop.stop();
    for (const listener of this.#listeners) listener.close();
    for (const wire of this.#wires.values()) {
      wire.stream?.cancel();
      wire.dump?.cancel();
      if (this.#isHandingOver && wire.stream === null) wire.packets.end();
      else wire.packets.destroy();
    }
    this.#wires.clear();
    this.#host.serve(null);
    this.#serving = null;
    const { replica } = this.#host;
    replica.store.onDurable = () => {};
    // What we logged is our history, committed or not: the next leader decides (ZOOKEEPER-2845).
    replica.catchUpWithLog([...this.#leader.traffic.outstanding].map(({ txn }) => txn));
    this.#host.ended(why);
  }

  // ---- what our own clients ask (Backend) -------------------------------------------------------

  submit(request: Request): void {
    const serving = this.#serving;
    if (serving === null || !this.#loop.isRunning) return;
    if (this.#change !== null) return this.#change.hold(request);
    const txn = serving.prepare.prepare(request, this.#now());
    this.#step({ type: "proposed", txn });
  }

  revalidate(): void {
    assert(false, "a leader knows its sessions");
  }

  sync(): void {
    this.#step({ type: "syncAsked" });
  }

  // ---- links --------------------------------------------------------------------------------------

  #accepted(accepted: Link): void {
    if (!this.#loop.isRunning) return accepted.destroy();
    if (this.#wires.size >= LINKS_MAX && !this.#makeRoom()) return accepted.destroy();
    const link = this.#nextLink++;
    const packets = new PacketLink(accepted, this.#options.packetLimit, {
      heard: () => this.#leader.heard(link, this.#heardAt = this.#now()),
      packet: (packet) => this.#step({ type: "packet", link, packet }, this.#heardAt),
      part: () => {},
      drained: () => this.#host.busy(),
      closed: (why) => this.#lost(link, why),
    });
    this.#wires.set(link, new LearnerWire(packets, this.#now().wall));
    this.#step({ type: "linked", link, remote: packets.remote });
    packets.attach();
  }

  #makeRoom(): boolean {
    const oldest = leastWanted(this.#leader.learners(), this.#options.committed);
    if (oldest === undefined) return false;
    this.#drop(oldest.link, "there are too many links");
    this.#step({ type: "unlinked", link: oldest.link });
    return true;
  }

  #lost(link: number, why: string): void {
    const wire = this.#forget(link);
    if (wire === null) return;
    this.#host.note("info", "leader", "a learner is gone", { learner: wire.packets.remote, why });
    this.#step({ type: "unlinked", link });
  }

  #forget(link: number): LearnerWire | null {
    const wire = this.#wires.get(link);
    if (wire === undefined) return null;
    this.#wires.delete(link);
    wire.stream?.cancel();
    wire.dump?.cancel();
    return wire;
  }

  #drop(link: number, why: string): void {
    const wire = this.#forget(link);
    if (wire === null) return;
    this.#host.note("warn", "leader", "a learner's link is closed", {
      learner: wire.packets.remote,
      why,
    });
    wire.packets.destroy();
  }

  // ---- the machine --------------------------------------------------------------------------------

  #step(event: LeaderEvent, now?: Instant): void {
    this.#loop.step(event, now);
  }

  #do(effect: LeaderEffect): void {
    const { replica } = this.#host;
    switch (effect.type) {
      case "packet":
        return this.#wires.get(effect.link)?.packets.send(effect.packet);
      case "log":
        this.#proposals.add(1);
        this.proposalSizes.add(effect.txn.bytes.length);
        return replica.store.append(effect.txn);
      case "commit":
        return this.#commit(effect.txn, effect.designated);
      case "synced":
        return this.#serving?.server.synced();
      case "request":
        return this.#request(effect.link, effect.request);
      case "touch":
        for (const { sessionId, timeout } of effect.sessions) {
          this.#serving?.tracker.touch(sessionId, timeout, this.#now().mono);
        }
        return;
      case "revalidate":
        return this.#revalidate(effect.link, effect.sessionId, effect.timeoutMs);
      case "save":
        return replica.store.saveEpoch(`${effect.file}Epoch`, effect.epoch, (fault) => {
          if (fault !== null) return; // the store has told the process already
          this.#host.epochSaved(effect.file, effect.epoch);
          this.#step({ type: "saved", file: effect.file, epoch: effect.epoch });
        });
      case "catchUp":
        return this.#plan(effect.link, effect.peerLastZxid);
      case "stream":
        return this.#beginStream(effect.link, effect.plan);
      case "established":
        return this.#establish(effect.epoch);
      case "activate":
        return this.#activate(effect.configText, null, zxidOf(this.#leader.epoch, 0n));
      case "drop":
        return this.#drop(effect.link, effect.why);
      case "warn":
        return this.#host.note("warn", "leader", effect.text, {
          learner: this.#wires.get(effect.link)?.packets.remote ?? null,
        });
      case "resign":
        return this.stop(effect.why);
      default:
        return unreachable(effect);
    }
  }

  /** Better another leader than one that cannot do what it has decided. */
  #failed(fault: Fault): void {
    this.#host.note("error", "leader", "it cannot go on leading", {
      why: fault.message,
      code: fault.code,
    });
    this.stop(fault.message);
  }

  // ---- serving ------------------------------------------------------------------------------------

  #establish(epoch: Epoch): void {
    const { tree } = this.#host.replica;
    this.#host.established(epoch);
    this.#host.note("info", "leader", "a quorum follows", { epoch, lastZxid: hex(tree.lastZxid) });
    this.#open(epoch, zxidOf(epoch, 1n));
  }

  #open(epoch: Epoch, nextZxid: Zxid): void {
    const host = this.#host;
    const { tree } = host.replica;
    const tracker = host.newTracker();
    tracker.load(tree.sessions, this.#now().mono);
    const prepare = host.newPrepare(tree, tracker);
    prepare.nextZxid = nextZxid;
    const server = host.newServer(tree, this, tracker);
    server.levelWith(epoch);
    this.#serving = { server, prepare, tracker };
    this.#closeOrphans();
    host.serve(server, this.#options.servesClients);
  }

  /** Has the replica's tree replaced by `change` while this server goes on leading. */
  changeTree(change: (done: () => void) => void): void {
    assert(this.#serving !== null && this.#change === null, "trees change while a leader serves");
    const { traffic } = this.#leader;
    this.#host.serve(null);
    traffic.syncs.forgetOwn();
    this.#change = new TreeChange(() => traffic.outstandingCount, this.#clock, () => {
      if (!this.#loop.isRunning) return;
      for (const [link, { stream, dump }] of this.#wires) {
        if (stream === null && dump === null) continue;
        this.#drop(link, "the database that it was getting is replaced");
        this.#step({ type: "unlinked", link });
      }
      change(() => {
        const waited = this.#change?.waiting ?? [];
        this.#change = null;
        if (!this.#loop.isRunning) return;
        this.#open(this.#leader.epoch, traffic.lastProposed + 1n);
        for (const request of waited) this.submit(request);
      });
    });
  }

  /**
   * Ephemerals whose session is gone. Java removes them on the leader alone, which makes trees
   * differ; a closeSession removes them everywhere (ZOOKEEPER-1367, 4837).
   */
  #closeOrphans(): void {
    const { tree } = this.#host.replica;
    for (const sessionId of tree.sessionsWithEphemerals()) {
      if (tree.sessions.has(sessionId)) continue;
      const op = OpCode.closeSession;
      this.submit({ sessionId, cxid: 0, op, body: NOTHING, auth: [], owner: { name: "orphans" } });
    }
  }

  #commit(txn: Txn, designated: Sid | null): void {
    const { replica } = this.#host;
    const serving = this.#serving;
    assert(serving !== null, "only a serving leader commits");
    this.#commits.add(1);
    serving.server.committed(txn);
    serving.prepare.applied(txn.header.zxid);
    replica.applied(txn, true);
    this.#change?.look();
    if (designated === null || txn.body.kind !== "setData") return;
    const text = new TextDecoder().decode(txn.body.record.data ?? NOTHING);
    this.#activate(text, designated, txn.header.zxid);
  }

  /** May end this role; what learners were sent before that must reach them (8.6). */
  #activate(text: string, designated: Sid | null, zxid: Zxid): void {
    this.#isHandingOver = true;
    this.#host.configCommitted(text, designated, zxid);
    this.#isHandingOver = false;
  }

  #request(link: number, request: ForwardedRequest): void {
    const wire = this.#wires.get(link);
    if (wire !== undefined) this.submit({ ...request, owner: wire });
  }

  /** The asker owns the session from now on, if it lives (7.10). */
  #revalidate(link: number, sessionId: SessionId, timeoutMs: Millis): void {
    const wire = this.#wires.get(link);
    const tracker = this.#serving?.tracker;
    if (wire === undefined || tracker === undefined) return;
    const valid = tracker.touch(sessionId, timeoutMs, this.#now().mono);
    if (valid) tracker.setOwner(sessionId, wire);
    this.#step({ type: "revalidated", link, sessionId, valid });
  }

  // ---- bringing level -----------------------------------------------------------------------------

  #plan(link: number, peerLastZxid: Zxid): void {
    const wire = this.#wires.get(link);
    if (wire === undefined) return;
    const { replica } = this.#host;
    const view = this.#leader.learners().find((learner) => learner.link === link);
    wire.sid = view?.sid ?? null;
    const plan = planCatchUp({
      peerLastZxid,
      lastProcessed: replica.tree.lastZxid,
      log: replica.log,
      disk: replica.diskLog(),
      forceSnapshot: this.#options.forceSnapshot ||
        (wire.sid !== null && this.#needSnapshot.delete(wire.sid)),
    });
    // The dump begins now: what is committed from here on is sent behind it.
    this.#host.tally(plan.way === "snap" ? "snap_count" : "diff_count").add(1);
    if (plan.way === "snap") wire.dump = replica.tree.dump();
    this.#host.note("info", "leader", "bringing a learner level", {
      learner: wire.packets.remote,
      sid: wire.sid,
      from: hex(peerLastZxid),
      by: plan.way,
      to: hex(plan.upTo),
    });
    this.#step({ type: "planned", link, plan });
  }

  #beginStream(link: number, plan: CatchUpPlan): void {
    const wire = this.#wires.get(link);
    if (wire === undefined) return;
    wire.stream = new SyncStream(plan, wire.packets, wire.dump, this.#now().mono);
    wire.dump = null;
    this.#host.busy();
  }

  /** One slice a turn: others must get theirs. */
  #stream(link: number, wire: LearnerWire, stream: SyncStream): void {
    if (wire.packets.isFull) return;
    switch (stream.run(this.#now().mono)) {
      case "more":
        return this.#host.busy();
      case "full":
        return; // `drained` makes the next turn
      case "gap":
        if (wire.sid !== null) this.#needSnapshot.add(wire.sid);
        this.#drop(link, "the logs have a gap; it gets a snapshot when it comes back");
        return this.#step({ type: "unlinked", link });
      case "done":
        wire.stream = null;
        return this.#step({ type: "streamed", link });
    }
  }

  /** A learner that takes nothing for as long as it may take for everything is cut off. */
  #checkStreams(): void {
    const limit = this.#options.initLimit * this.#options.tickMs;
    const now = this.#now().mono;
    for (const [link, wire] of this.#wires) {
      if (wire.isTaking(now)) this.#leader.taken(link, now);
      if (wire.stream === null || now - wire.stream.movedAt <= limit) continue;
      this.#drop(link, `it read nothing for ${limit} ms`);
      this.#step({ type: "unlinked", link });
    }
  }

  #now(): ReturnType<Clock["now"]> {
    return this.#clock.now();
  }
}
