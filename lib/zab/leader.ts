// A leader as a machine: finds its epoch, brings learners level, orders txns, and knows when it no
// longer leads (quorum.md 5 to 7). Requests become txns in server/prepare.ts; links, log, tree and
// clients are peer/leader_port.ts's matter.
//
//   gathering → promising → agreeing → founding → syncing → serving → over
//
// Must agree with Java's Leader and LearnerHandler of 3.9.5. Two things are ours: nothing live is
// sent between NEWLEADER and UPTODATE except PING (6.8: old followers lose a COMMIT there, H-L9),
// and an uncommitted proposal never travels before UPTODATE.

import { assert, unreachable } from "../base/assert.ts";
import { Fault, isFault } from "../base/errors.ts";
import {
  COUNTER_MAX,
  counterOf,
  type Epoch,
  epochOf,
  hex,
  type SessionId,
  type Sid,
  type Zxid,
  zxidOf,
} from "../base/ids.ts";
import { Input } from "../codec/input.ts";
import type { Instant, Millis } from "../ports.ts";
import {
  type QuorumPacket,
  readAckEpoch,
  readForwardedHeader,
  readLearnerInfo,
  readRevalidateRequest,
  readSessionTouch,
  type SessionTouch,
} from "../records/quorum.ts";
import { OpCode, packetName, PacketType } from "../txn/opcodes.ts";
import type { Txn } from "../txn/txn.ts";
import { Broadcast, type Proposal } from "./broadcast.ts";
import type { CatchUpPlan } from "./catch_up.ts";
import { Discovery } from "./discovery.ts";
import type { LeaderEffect, LeaderEvent, LeaderOptions, LearnerView } from "./leader_events.ts";
import { type Late, LearnerLink } from "./leader_link.ts";
import type { LinkId } from "./mesh.ts";
import {
  bare,
  commitAndActivatePacket,
  dataOf,
  informAndActivatePacket,
  leaderInfoPacket,
  misplaced,
  newLeaderPacket,
  PROTOCOL_VERSION,
  revalidatedPacket,
  txnPacket,
} from "./packets.ts";
import { Quorums } from "./quorums.ts";

export type LeaderPhase =
  | "gathering"
  | "promising"
  | "agreeing"
  | "founding"
  | "syncing"
  | "serving"
  | "over";

/** A learner that is so far behind that its commits fill memory is cut off (a slow reader). */
const LATE_BYTES_MAX = 256 << 20;

/** The last epoch whose zxids are positive. */
const EPOCH_MAX: Epoch = 0x7fffffffn;

export class Leader {
  readonly #options: LeaderOptions;
  #quorums: Quorums;
  #configText: string;
  readonly #discovery: Discovery;
  readonly #links = new Map<LinkId, LearnerLink>();
  /** Those that get PROPOSAL and COMMIT, and those that get INFORM. */
  #followers: LearnerLink[] = [];
  #observers: LearnerLink[] = [];
  #phase: LeaderPhase = "gathering";
  #effects: LeaderEffect[] = [];
  #now: Millis = 0;
  #phaseSince: Millis = 0;
  #nextBeat: Millis | null = null;
  #isFullTick = false;
  #epoch: Epoch = -1n;
  #broadcast = new Broadcast(0n);
  #durable: Zxid;
  /** Our own durable proposals have been counted up to here. */
  #selfAcked: Zxid = 0n;
  readonly #newLeaderAcks = new Set<Sid>();
  /** Syncs that are answered when the txn of that zxid is committed, in order. */
  readonly #syncs = new Map<Zxid, LinkId[]>();
  #unnamed = -1n;
  /** After a hand-over nothing is committed any more (8.6). */
  #isRetired = false;
  /** Whether this server still leads once the newest configuration is committed. */
  #staysLeader = true;

  /** `durable`: how far our log was durable when the role began. */
  constructor(options: LeaderOptions, durable: Zxid = options.lastZxid) {
    this.#options = options;
    this.#quorums = new Quorums(options.committed, options.lastSeen);
    this.#configText = options.configText;
    this.#durable = durable;
    const { currentEpoch, lastZxid } = options;
    this.#discovery = new Discovery(options.sid, this.#quorums.committed, {
      currentEpoch,
      lastZxid,
    });
  }

  get phase(): LeaderPhase {
    return this.#phase;
  }

  get epoch(): Epoch {
    return this.#epoch;
  }

  get deadline(): Millis | null {
    return this.#phase === "over" ? null : this.#nextBeat;
  }

  /** Proposals that are in our log without being committed, oldest first. */
  get outstanding(): Iterable<Proposal> {
    return this.#broadcast.outstanding;
  }

  get outstandingCount(): number {
    return this.#broadcast.size;
  }

  get lastProposed(): Zxid {
    return this.#broadcast.lastProposed;
  }

  get pendingSyncs(): number {
    let count = 0;
    for (const links of this.#syncs.values()) count += links.length;
    return count;
  }

  /** Whether the next proposal must wait for another epoch (7.7). */
  get isExhausted(): boolean {
    return counterOf(this.#broadcast.lastProposed) >= COUNTER_MAX;
  }

  /** Followers that are connected and in time, by sid: who a reconfig may count on (8.3). */
  syncedFollowers(): Set<Sid> {
    return new Set(this.#followers.filter((l) => l.syncedUntil > this.#now).map((l) => l.sid));
  }

  learners(): LearnerView[] {
    return [...this.#links.values()].map((l) => ({
      link: l.link,
      sid: l.sid,
      remote: l.remote,
      isObserver: l.isObserver,
      isSynced: l.isServing && l.syncedUntil > this.#now,
      isVoter: this.#quorums.isVoter(l.sid),
    }));
  }

  step(event: LeaderEvent, now: Instant): readonly LeaderEffect[] {
    this.#effects = [];
    this.#now = now.mono;
    if (this.#phase !== "over") this.#step(event);
    return this.#effects;
  }

  #step(event: LeaderEvent): void {
    switch (event.type) {
      case "started":
        return this.#started();
      case "linked":
        return this.#linked(event.link, event.remote);
      case "unlinked":
        return this.#forget(event.link);
      case "packet":
        return this.#guarded(event.link, (learner) => this.#packet(learner, event.packet));
      case "saved":
        return event.file === "accepted" ? this.#promised() : this.#founded();
      case "durable":
        return this.#flushed(event.upTo);
      case "proposed":
        return this.#propose(event.txn);
      case "planned":
        return this.#guarded(event.link, (learner) => this.#planned(learner, event.plan));
      case "streamed":
        return this.#guarded(event.link, (learner) => this.#streamed(learner));
      case "revalidated":
        return this.#guarded(
          event.link,
          ({ link }) => this.#send(link, revalidatedPacket(event.sessionId, event.valid)),
        );
      case "voterLooks":
        return this.#voterLooks(event.sid);
      case "reconfigured":
        this.#quorums = new Quorums(event.committed, event.lastSeen);
        this.#configText = event.configText;
        this.#staysLeader = event.staysLeader;
        return this.#commitReady();
      case "time":
        return this.#beat();
      default:
        return unreachable(event);
    }
  }

  /** What a learner does wrong costs it its link and nothing else. */
  #guarded(link: LinkId, act: (learner: LearnerLink) => void): void {
    const learner = this.#links.get(link);
    if (learner === undefined) return;
    try {
      act(learner);
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#drop(learner, error.message);
    }
  }

  // ---- epochs (5.4, 5.5) --------------------------------------------------------------------------

  #started(): void {
    this.#nextBeat = this.#now + this.#options.tickMs / 2;
    this.#phaseSince = this.#now;
    this.#arrived(this.#options.sid, this.#options.acceptedEpoch);
  }

  #enter(phase: LeaderPhase): void {
    this.#phase = phase;
    this.#phaseSince = this.#now;
  }

  #arrived(sid: Sid, acceptedEpoch: Epoch): void {
    if (!this.#discovery.connected(sid, acceptedEpoch)) return;
    this.#epoch = this.#discovery.epoch ?? this.#epoch;
    this.#enter("promising");
    this.#effects.push({ type: "save", file: "accepted", epoch: this.#epoch });
  }

  /** acceptedEpoch is on disk: only now may anybody hear of it. */
  #promised(): void {
    assert(this.#phase === "promising", "an epoch is promised once");
    this.#enter("agreeing");
    for (const learner of this.#at("waiting")) this.#offer(learner);
    this.#accepted(this.#options.sid, this.#options.currentEpoch, this.#options.lastZxid);
  }

  #offer(learner: LearnerLink): void {
    learner.stage = "offered";
    learner.heardAt = this.#now;
    this.#send(learner.link, leaderInfoPacket(this.#epoch));
  }

  #accepted(sid: Sid, currentEpoch: Epoch, lastZxid: Zxid): boolean {
    const verdict = this.#discovery.accepted(sid, { currentEpoch, lastZxid });
    if (verdict === "agreed") {
      this.#enter("founding");
      this.#effects.push({ type: "save", file: "current", epoch: this.#epoch });
    }
    return verdict !== "ahead";
  }

  /** currentEpoch is on disk: learners may be brought level. */
  #founded(): void {
    assert(this.#phase === "founding", "an epoch is founded once");
    this.#enter("syncing");
    this.#broadcast = new Broadcast(zxidOf(this.#epoch, 0n));
    this.#selfAcked = this.#broadcast.lastCommitted;
    for (const learner of this.#at("agreeing")) this.#catchUp(learner);
    this.#establish();
  }

  /** Serves once a quorum, ourselves included, has our history on disk. */
  #establish(): void {
    if (this.#phase !== "syncing") return;
    if (this.#durable >= this.#options.lastZxid) this.#newLeaderAcks.add(this.#options.sid);
    if (!this.#newLeaderAcks.has(this.#options.sid)) return;
    if (!this.#quorums.holds(this.#newLeaderAcks)) return;
    this.#enter("serving");
    this.#effects.push({ type: "established", epoch: this.#epoch });
    for (const learner of this.#at("acked")) this.#serve(learner);
  }

  #voterLooks(sid: Sid): void {
    const { maxTimeToWaitForEpochMs: limit } = this.#options;
    if (limit < 0 || this.#phase !== "gathering" || !this.#quorums.isVoter(sid)) return;
    if (this.#now - this.#phaseSince <= limit) return;
    this.#resign(`voter ${sid} looks for a leader and no quorum came within ${limit} ms`);
  }

  // ---- learners -------------------------------------------------------------------------------------

  #linked(link: LinkId, remote: string): void {
    const { tickMs, initLimit, syncLimit } = this.#options;
    const syncedUntil = this.#now + tickMs * (initLimit + syncLimit);
    this.#links.set(link, new LearnerLink(link, remote, this.#now, syncedUntil));
  }

  #at(stage: LearnerLink["stage"]): LearnerLink[] {
    return [...this.#links.values()].filter((learner) => learner.stage === stage);
  }

  #packet(learner: LearnerLink, packet: QuorumPacket): void {
    learner.heardAt = this.#now;
    switch (learner.stage) {
      case "greeting":
        return this.#hello(learner, packet);
      case "offered":
        return this.#ackEpoch(learner, packet);
      case "newLeader":
        return this.#newLeaderAnswer(learner, packet);
      case "acked":
        if (packet.type !== PacketType.ACK) throw misplaced(packet, "before UPTODATE");
        return this.#ack(learner, packet.zxid); // old followers acknowledge their diff here (6.8)
      case "serving":
        return this.#servingPacket(learner, packet);
      default:
        throw misplaced(packet, `while the learner is ${learner.stage}`);
    }
  }

  #hello(learner: LearnerLink, packet: QuorumPacket): void {
    const { type } = packet;
    if (type !== PacketType.FOLLOWERINFO && type !== PacketType.OBSERVERINFO) {
      throw misplaced(packet, "as the first packet");
    }
    const { sid, protocolVersion, configVersion } = this.#introduction(packet);
    if (protocolVersion < PROTOCOL_VERSION) {
      throw new Fault(
        "UNSUPPORTED",
        `protocol 0x${protocolVersion.toString(16)} of server ${sid}`,
        {
          hint: "only Zab 1.0 is spoken, as ZooKeeper does from 3.4 on",
        },
      );
    }
    const ours = this.#quorums.committed.membership.version;
    if (configVersion > ours) {
      throw new Fault(
        "PROTOCOL",
        `server ${sid} has configuration ${hex(configVersion)}, ours is ${hex(ours)}`,
        { hint: "it must lead, or take ours" },
      );
    }
    const acceptedEpoch = epochOf(packet.zxid);
    if (acceptedEpoch >= EPOCH_MAX) {
      throw new Fault("PROTOCOL", `server ${sid} has accepted epoch ${acceptedEpoch}`, {
        hint: "none could follow it (H-F18)",
      });
    }
    learner.sid = sid;
    learner.isObserver = type === PacketType.OBSERVERINFO;
    learner.stage = "waiting";
    if (this.#phase === "gathering") {
      // An observer does not decide the epoch, but its promise must be below it all the same.
      this.#arrived(learner.isObserver ? this.#unnamed : sid, acceptedEpoch);
    } else if (this.#phase !== "promising") {
      this.#offer(learner);
    }
  }

  /** LearnerInfo in its lengths: null or 8, 12, 20 bytes and more (5.3). */
  #introduction(
    packet: QuorumPacket,
  ): { sid: Sid; protocolVersion: number; configVersion: Zxid } {
    const { data } = packet;
    if (data === null) {
      return { sid: this.#unnamed--, protocolVersion: 1, configVersion: 0n };
    }
    if (data.length >= 20) {
      const { serverid, protocolVersion, configVersion } = readLearnerInfo(new Input(data));
      return { sid: serverid, protocolVersion, configVersion };
    }
    const input = new Input(data);
    return {
      sid: data.length >= 8 ? input.long() : 0n,
      protocolVersion: data.length >= 12 ? input.int() : 1,
      configVersion: 0n,
    };
  }

  #ackEpoch(learner: LearnerLink, packet: QuorumPacket): void {
    if (packet.type !== PacketType.ACKEPOCH) throw misplaced(packet, "in answer to LEADERINFO");
    const { currentEpoch } = readAckEpoch(new Input(dataOf(packet)));
    learner.lastZxid = packet.zxid;
    learner.stage = "agreeing";
    const voter = learner.isObserver ? this.#unnamed : learner.sid;
    if (!this.#accepted(voter, BigInt(currentEpoch), packet.zxid)) {
      throw new Fault("PROTOCOL", `server ${learner.sid} is ahead of this leader`, {
        where: `epoch ${currentEpoch}, zxid ${hex(packet.zxid)}`,
        hint: "it does not follow before it has led, or lost what is not committed",
      });
    }
    if (this.#phase === "syncing" || this.#phase === "serving") this.#catchUp(learner);
  }

  // ---- bringing level (6) ---------------------------------------------------------------------------

  #catchUp(learner: LearnerLink): void {
    learner.stage = "catchingUp";
    const { link, lastZxid } = learner;
    this.#effects.push({ type: "catchUp", link, peerLastZxid: lastZxid });
  }

  #planned(learner: LearnerLink, plan: CatchUpPlan): void {
    assert(learner.stage === "catchingUp", "a sync is planned once");
    if (learner.isObserver && !this.#hasRoomFor(plan)) {
      return this.#drop(learner, `too many learners are being brought level by ${plan.way}`);
    }
    learner.plan = plan;
    this.#effects.push({ type: "stream", link: learner.link, plan });
  }

  /** Followers are counted but never refused (6.10). */
  #hasRoomFor(plan: CatchUpPlan): boolean {
    const isSnap = plan.way === "snap";
    let running = 0;
    for (const { plan: other, stage } of this.#links.values()) {
      if (other === null || (stage !== "catchingUp" && stage !== "newLeader")) continue;
      if ((other.way === "snap") === isSnap) running += 1;
    }
    return running < (isSnap ? this.#options.snapSyncsMax : this.#options.diffSyncsMax);
  }

  /**
   * What was committed meanwhile belongs to the sync; then NEWLEADER. After a SNAP these txns make
   * exact what was written while the tree changed.
   */
  #streamed(learner: LearnerLink): void {
    assert(learner.stage === "catchingUp" && learner.plan !== null, "a sync ends after its plan");
    for (const { txn } of learner.takeLate(learner.plan.upTo)) {
      this.#send(learner.link, txnPacket(PacketType.PROPOSAL, txn));
      this.#send(learner.link, bare(PacketType.COMMIT, txn.header.zxid));
    }
    learner.stage = "newLeader";
    learner.heardAt = this.#now;
    this.#send(learner.link, newLeaderPacket(this.#epoch, this.#configText));
  }

  #newLeaderAnswer(learner: LearnerLink, packet: QuorumPacket): void {
    if (packet.type !== PacketType.ACK) throw misplaced(packet, "in answer to NEWLEADER");
    // 3.5.10 to 3.9.1 may acknowledge what they got before NEWLEADER first (ZOOKEEPER-4685).
    if (packet.zxid !== zxidOf(this.#epoch, 0n)) return this.#ack(learner, packet.zxid);
    learner.stage = "acked";
    learner.plan = null;
    learner.syncedUntil = this.#now + this.#syncMs;
    if (!learner.isObserver && this.#quorums.isVoter(learner.sid)) {
      this.#newLeaderAcks.add(learner.sid);
    }
    if (this.#phase === "serving") this.#serve(learner);
    else this.#establish();
  }

  /** UPTODATE, then everything that happened since its sync was planned. */
  #serve(learner: LearnerLink): void {
    const { link, isObserver } = learner;
    learner.stage = "serving";
    learner.heardAt = this.#now;
    this.#send(link, bare(PacketType.UPTODATE, -1n));
    for (const late of learner.takeLate(-1n)) {
      if (isObserver) {
        this.#inform(learner, late);
      } else {
        this.#send(link, txnPacket(PacketType.PROPOSAL, late.txn));
        this.#sendCommit(learner, late);
      }
    }
    if (isObserver) {
      this.#observers.push(learner);
      return;
    }
    this.#followers.push(learner);
    for (const { txn } of this.#broadcast.outstanding) this.#sendProposal(learner, txn);
  }

  // ---- broadcast (7) --------------------------------------------------------------------------------

  #propose(txn: Txn): void {
    assert(this.#phase === "serving", "only an established leader proposes");
    assert(txn.header.type !== OpCode.check, "no server can read a check outside a multi (H-R9)");
    if (counterOf(txn.header.zxid) > COUNTER_MAX || this.isExhausted) {
      return this.#resign("the zxids of this epoch are used up"); // a new epoch has new ones (7.7)
    }
    this.#broadcast.propose(txn, this.#quorums);
    for (const learner of this.#followers) this.#sendProposal(learner, txn);
    this.#effects.push({ type: "log", txn });
  }

  #sendProposal(learner: LearnerLink, txn: Txn): void {
    learner.proposed(txn.header.zxid, this.#now);
    this.#send(learner.link, txnPacket(PacketType.PROPOSAL, txn));
  }

  /** Our own disk is one vote. */
  #flushed(upTo: Zxid): void {
    if (upTo > this.#durable) this.#durable = upTo;
    if (this.#phase === "syncing") return this.#establish();
    if (this.#phase !== "serving") return;
    while (this.#selfAcked < upTo && this.#selfAcked < this.#broadcast.lastProposed) {
      this.#selfAcked += 1n;
      this.#broadcast.ack(this.#options.sid, this.#selfAcked);
    }
    this.#commitReady();
  }

  #ack(learner: LearnerLink, zxid: Zxid): void {
    if (counterOf(zxid) === 0n) return; // of NEWLEADER or UPTODATE
    learner.acked(zxid);
    if (learner.isObserver || this.#isRetired) return;
    if (this.#broadcast.ack(learner.sid, zxid)) return this.#commitReady();
    if (zxid > this.#broadcast.lastProposed) {
      this.#warn(learner, `ACK of ${hex(zxid)}, which was never proposed`);
    }
  }

  #commitReady(): void {
    while (!this.#isRetired) {
      const proposal = this.#broadcast.takeCommitted();
      if (proposal === null) return;
      this.#commit(proposal);
    }
  }

  #commit(proposal: Proposal): void {
    const { txn } = proposal;
    const { zxid } = txn.header;
    const designated = txn.header.type === OpCode.reconfig ? this.#designate(proposal) : null;
    const late: Late = { txn, designated };
    for (const learner of this.#followers) this.#sendCommit(learner, late);
    for (const learner of this.#observers) this.#inform(learner, late);
    for (const learner of this.#links.values()) {
      if (!learner.isCollecting) continue;
      learner.collect(txn, designated);
      if (learner.lateBytes > LATE_BYTES_MAX) this.#drop(learner, "it is too slow to catch up");
    }
    this.#effects.push({ type: "commit", txn, designated });
    if (designated !== null && designated !== this.#options.sid) this.#isRetired = true;
    for (const link of this.#syncs.get(zxid) ?? []) this.#answerSync(link);
    this.#syncs.delete(zxid);
  }

  /** Who leads after a reconfig: this server while it may, else who is furthest (8.6 step 2). */
  #designate(proposal: Proposal): Sid {
    const next = this.#quorums.lastSeen ?? this.#quorums.committed;
    if (this.#staysLeader && next.isVoter(this.#options.sid)) return this.#options.sid;
    let candidates = proposal.acks.filter((sid) => next.isVoter(sid));
    for (const { acks } of this.#broadcast.outstanding) {
      const further = candidates.filter((sid) => acks.includes(sid));
      if (further.length > 0) candidates = further;
    }
    return candidates[0] ?? this.#options.sid;
  }

  #sendCommit(learner: LearnerLink, { txn, designated }: Late): void {
    const { zxid } = txn.header;
    const packet = designated === null
      ? bare(PacketType.COMMIT, zxid)
      : commitAndActivatePacket(zxid, designated);
    this.#send(learner.link, packet);
  }

  #inform(learner: LearnerLink, { txn, designated }: Late): void {
    const packet = designated === null
      ? txnPacket(PacketType.INFORM, txn)
      : informAndActivatePacket(txn, designated);
    this.#send(learner.link, packet);
  }

  // ---- packets of a serving learner -----------------------------------------------------------------

  #servingPacket(learner: LearnerLink, packet: QuorumPacket): void {
    learner.syncedUntil = this.#now + this.#syncMs;
    switch (packet.type) {
      case PacketType.ACK:
        return this.#ack(learner, packet.zxid);
      case PacketType.PING:
        return this.#touched(learner, dataOf(packet));
      case PacketType.REVALIDATE: {
        const { sessionId, timeout } = readRevalidateRequest(new Input(dataOf(packet)));
        const { link } = learner;
        this.#effects.push({ type: "revalidate", link, sessionId, timeoutMs: timeout });
        return;
      }
      case PacketType.REQUEST:
        return this.#request(learner, packet);
      default:
        this.#warn(learner, `${packetName(packet.type)} is ignored`);
    }
  }

  #touched(learner: LearnerLink, data: Uint8Array): void {
    if (data.length === 0) return;
    const input = new Input(data);
    const sessions: SessionTouch[] = [];
    while (input.left > 0) sessions.push(readSessionTouch(input));
    this.#effects.push({ type: "touch", link: learner.link, sessions });
  }

  #request(learner: LearnerLink, packet: QuorumPacket): void {
    const input = new Input(dataOf(packet));
    const { sessionId, cxid, type: op } = readForwardedHeader(input);
    const { link } = learner;
    if (op === OpCode.sync) return this.#sync(link);
    const body = input.take(input.left).slice();
    const request = { sessionId: sessionId as SessionId, cxid, op, body };
    const auth = packet.authinfo ?? [];
    this.#effects.push({ type: "request", link, request: { ...request, auth } });
  }

  /** Answered when everything proposed so far is committed (7.11). */
  #sync(link: LinkId): void {
    if (this.#broadcast.size === 0) return this.#answerSync(link);
    const after = this.#broadcast.lastProposed;
    const waiting = this.#syncs.get(after);
    if (waiting === undefined) this.#syncs.set(after, [link]);
    else waiting.push(link);
  }

  #answerSync(link: LinkId): void {
    if (this.#links.has(link)) this.#send(link, bare(PacketType.SYNC, 0n));
  }

  // ---- time (7.6) -----------------------------------------------------------------------------------

  #beat(): void {
    if (this.#nextBeat === null || this.#now < this.#nextBeat) return;
    const half = this.#options.tickMs / 2;
    const lost = this.#now - this.#nextBeat;
    if (lost > half) { for (const learner of this.#links.values()) learner.forgive(lost); }
    this.#nextBeat = lost > half ? this.#now + half : this.#nextBeat + half;
    this.#isFullTick = !this.#isFullTick;
    this.#checkPhase();
    if (this.#phase === "over") return;
    for (const learner of [...this.#links.values()]) this.#checkLearner(learner);
    if (this.#phase === "serving" && this.#isFullTick && !this.#hasQuorum()) {
      return this.#resign("not enough followers are in time to make a quorum");
    }
    const ping = bare(PacketType.PING, this.#broadcast.lastProposed);
    for (const learner of this.#links.values()) {
      if (learner.mayBePinged) this.#send(learner.link, ping);
    }
  }

  /** Until it serves, a leader waits initLimit for each of its quorums (14.2). */
  #checkPhase(): void {
    const limit = this.#initMs;
    if (this.#phase === "serving" || this.#now - this.#phaseSince <= limit) return;
    this.#resign(`no quorum within ${limit} ms while ${this.#phase}`);
  }

  #checkLearner(learner: LearnerLink): void {
    const limit = learner.isServing ? this.#syncMs : this.#initMs;
    if (learner.isAwaited && this.#now - learner.heardAt > limit) {
      return this.#drop(learner, `silent for ${limit} ms`);
    }
    const overdue = learner.overdue(this.#now, this.#syncMs);
    if (overdue !== null) this.#drop(learner, `no ACK of ${hex(overdue)} in ${this.#syncMs} ms`);
  }

  #hasQuorum(): boolean {
    const inTime = new Set<Sid>([this.#options.sid]);
    for (const learner of this.#links.values()) {
      if (!learner.isObserver && learner.syncedUntil > this.#now) inTime.add(learner.sid);
    }
    return this.#quorums.holds(inTime);
  }

  get #initMs(): Millis {
    return this.#options.initLimit * this.#options.tickMs;
  }

  get #syncMs(): Millis {
    return this.#options.syncLimit * this.#options.tickMs;
  }

  // ---- ends -----------------------------------------------------------------------------------------

  #forget(link: LinkId): void {
    const learner = this.#links.get(link);
    if (learner === undefined) return;
    this.#links.delete(link);
    this.#followers = this.#followers.filter((other) => other !== learner);
    this.#observers = this.#observers.filter((other) => other !== learner);
    if (this.#phase === "gathering" && !this.#isHere(learner.sid)) {
      this.#discovery.disconnected(learner.sid);
    }
  }

  #isHere(sid: Sid): boolean {
    for (const learner of this.#links.values()) if (learner.sid === sid) return true;
    return false;
  }

  #drop(learner: LearnerLink, why: string): void {
    this.#forget(learner.link);
    this.#effects.push({ type: "drop", link: learner.link, why });
  }

  #resign(why: string): void {
    this.#phase = "over";
    this.#effects.push({ type: "resign", why });
  }

  #send(link: LinkId, packet: QuorumPacket): void {
    this.#effects.push({ type: "packet", link, packet });
  }

  #warn(learner: LearnerLink, text: string): void {
    this.#effects.push({ type: "warn", link: learner.link, text });
  }
}
