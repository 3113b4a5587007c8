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
import { Fault } from "../base/errors.ts";
import { type Epoch, hex, type Sid, type Zxid, zxidOf } from "../base/ids.ts";
import { Input } from "../codec/input.ts";
import type { Instant, Millis } from "../ports.ts";
import { type QuorumPacket, readAckEpoch } from "../records/quorum.ts";
import { PacketType } from "../txn/opcodes.ts";
import { makeTxn } from "../txn/txn.ts";
import type { CatchUpPlan } from "./catch_up.ts";
import { Discovery } from "./discovery.ts";
import type { LeaderEffect, LeaderEvent, LeaderOptions, LearnerView } from "./leader_events.ts";
import { readHello, UNNAMED } from "./leader_hello.ts";
import { LearnerLink } from "./leader_link.ts";
import { LeaderRoom } from "./leader_room.ts";
import { LeaderTraffic } from "./leader_traffic.ts";
import type { LinkId } from "./mesh.ts";
import {
  bare,
  dataOf,
  leaderInfoPacket,
  misplaced,
  newLeaderPacket,
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

export class Leader {
  readonly #room: LeaderRoom;
  readonly #discovery: Discovery;
  #configText: string;
  #traffic: LeaderTraffic;
  #phase: Exclude<LeaderPhase, "over"> = "gathering";
  #phaseSince: Millis = 0;
  #nextBeat: Millis | null = null;
  #isFullTick = true;
  #epoch: Epoch = -1n;
  #durable: Zxid;
  readonly #newLeaderAcks = new Set<Sid>();

  /** `durable`: how far our log was durable when the role began. */
  constructor(options: LeaderOptions, durable: Zxid = options.lastZxid) {
    this.#room = new LeaderRoom(options);
    this.#configText = options.configText;
    this.#durable = durable;
    const { sid, currentEpoch, lastZxid } = options;
    const own = { currentEpoch, lastZxid };
    this.#discovery = new Discovery(sid, this.#room.quorums.committed, own);
    this.#traffic = new LeaderTraffic(this.#room, 0n);
  }

  get phase(): LeaderPhase {
    return this.#room.isOver ? "over" : this.#phase;
  }

  get epoch(): Epoch {
    return this.#epoch;
  }

  /** The newest epoch that a voter is known to have promised: the next leader's must be above it. */
  get promised(): Epoch {
    return this.#room.promised;
  }

  get deadline(): Millis | null {
    return this.#room.isOver ? null : this.#nextBeat;
  }

  /** What is proposed: outstanding, last zxid, syncs that wait. */
  get traffic(): LeaderTraffic {
    return this.#traffic;
  }

  /** Followers that are connected and in time, by sid: who a reconfig may count on (8.3). */
  syncedFollowers(): Set<Sid> {
    const { followers, now } = this.#room;
    return new Set(followers.filter((l) => l.syncedUntil > now).map((l) => l.sid));
  }

  learners(): LearnerView[] {
    return [...this.#room.links.values()].map((l) => ({
      link: l.link,
      sid: l.sid,
      remote: l.remote,
      isObserver: l.isObserver,
      isSynced: l.isServing && l.syncedUntil > this.#room.now,
      isVoter: this.#room.quorums.isVoter(l.sid),
    }));
  }

  /** Bytes came on a link: whoever is served may be in the middle of a long packet (5.2, 7.6). */
  heard(link: LinkId, now: Instant): void {
    const learner = this.#room.links.get(link);
    if (learner?.isServing) learner.heardAt = now.mono;
  }

  /** A backlog moves on a link: what is to be answered may stand at its end (5.2, 7.6). */
  taken(link: LinkId, now: Millis): void {
    const learner = this.#room.links.get(link);
    if (learner?.stage === "newLeader") learner.heardAt = now;
    else if (learner?.isServing) learner.sentOnly(now);
  }

  step(event: LeaderEvent, now: Instant): readonly LeaderEffect[] {
    this.#room.effects = [];
    this.#room.now = now.mono;
    if (!this.#room.isOver) this.#step(event);
    return this.#room.effects;
  }

  #step(event: LeaderEvent): void {
    switch (event.type) {
      case "started":
        return this.#started();
      case "linked":
        return this.#linked(event.link, event.remote);
      case "unlinked":
        return this.#unlinked(event.link);
      case "packet":
        return this.#room.guarded(event.link, (learner) => this.#packet(learner, event.packet));
      case "saved":
        return event.file === "accepted" ? this.#promised() : this.#founded();
      case "durable":
        return this.#flushed(event.upTo);
      case "proposed":
        assert(this.#phase === "serving", "only an established leader proposes");
        return this.#traffic.propose(event.txn);
      case "planned":
        return this.#room.guarded(event.link, (learner) => this.#planned(learner, event.plan));
      case "streamed":
        return this.#room.guarded(event.link, (learner) => this.#streamed(learner));
      case "revalidated":
        return this.#room.guarded(
          event.link,
          ({ link }) => this.#room.send(link, revalidatedPacket(event.sessionId, event.valid)),
        );
      case "syncAsked":
        return this.#traffic.syncs.ask(null);
      case "voterLooks":
        return this.#voterLooks(event.sid);
      case "reconfigured":
        this.#room.quorums = new Quorums(event.committed, event.lastSeen);
        this.#configText = event.configText;
        this.#traffic.staysLeader = event.staysLeader;
        return this.#traffic.commitReady();
      case "time":
        return this.#beat();
      default:
        return unreachable(event);
    }
  }

  // ---- epochs (5.4, 5.5) --------------------------------------------------------------------------

  #started(): void {
    this.#nextBeat = this.#room.now + this.#room.options.tickMs / 2;
    this.#phaseSince = this.#room.now;
    this.#arrived(this.#room.options.sid, this.#room.promised, false);
  }

  #enter(phase: Exclude<LeaderPhase, "over">): void {
    this.#phase = phase;
    this.#phaseSince = this.#room.now;
  }

  #arrived(sid: Sid, acceptedEpoch: Epoch, isObserver: boolean): void {
    if (!this.#discovery.connected(sid, acceptedEpoch, isObserver)) return;
    this.#epoch = this.#discovery.epoch ?? this.#epoch;
    this.#room.promised = this.#epoch;
    this.#enter("promising");
    this.#room.effects.push({ type: "save", file: "accepted", epoch: this.#epoch });
  }

  /** acceptedEpoch is on disk: only now may anybody hear of it. */
  #promised(): void {
    assert(this.#phase === "promising", "an epoch is promised once");
    this.#enter("agreeing");
    for (const learner of this.#room.at("waiting")) this.#offer(learner);
    this.#accepted(
      this.#room.options.sid,
      this.#room.options.currentEpoch,
      this.#room.options.lastZxid,
    );
  }

  #offer(learner: LearnerLink): void {
    learner.stage = "offered";
    learner.heardAt = this.#room.now;
    this.#room.send(learner.link, leaderInfoPacket(this.#epoch));
  }

  #accepted(sid: Sid, currentEpoch: Epoch, lastZxid: Zxid): boolean {
    const verdict = this.#discovery.accepted(sid, { currentEpoch, lastZxid });
    if (verdict === "agreed") {
      this.#enter("founding");
      this.#room.effects.push({ type: "save", file: "current", epoch: this.#epoch });
    }
    return verdict !== "ahead";
  }

  /** currentEpoch is on disk: learners may be brought level. */
  #founded(): void {
    assert(this.#phase === "founding", "an epoch is founded once");
    this.#enter("syncing");
    this.#traffic = new LeaderTraffic(this.#room, zxidOf(this.#epoch, 0n));
    for (const learner of this.#room.at("agreeing")) this.#catchUp(learner);
    this.#establish();
  }

  /** Serves once a quorum, ourselves included, has our history on disk. */
  #establish(): void {
    if (this.#phase !== "syncing") return;
    if (this.#durable >= this.#room.options.lastZxid) {
      this.#newLeaderAcks.add(this.#room.options.sid);
    }
    if (!this.#newLeaderAcks.has(this.#room.options.sid)) return;
    if (!this.#room.quorums.holds(this.#newLeaderAcks)) return;
    this.#enter("serving");
    this.#room.effects.push({ type: "established", epoch: this.#epoch });
    for (const learner of this.#room.at("acked")) this.#traffic.serve(learner);
    this.#activate();
  }

  /**
   * A quorum of the last-seen membership, too, has acknowledged NEWLEADER, which carries it:
   * learners adopt it with UPTODATE, so this server must, or could not have them back (5.5 step 6,
   * 5.3 rule 4).
   */
  #activate(): void {
    const { lastSeen } = this.#room.quorums;
    if (lastSeen === null) return;
    this.#room.quorums = new Quorums(lastSeen.membership);
    this.#room.effects.push({ type: "activate", configText: this.#configText });
  }

  #flushed(upTo: Zxid): void {
    if (upTo > this.#durable) this.#durable = upTo;
    if (this.#phase === "syncing") return this.#establish();
    if (this.#phase === "serving") this.#traffic.flushed(upTo);
  }

  #voterLooks(sid: Sid): void {
    const { maxTimeToWaitForEpochMs: limit } = this.#room.options;
    if (limit < 0 || this.#phase !== "gathering" || !this.#room.quorums.isVoter(sid)) return;
    if (this.#room.now - this.#phaseSince <= limit) return;
    this.#room.resign(`voter ${sid} looks for a leader and no quorum came within ${limit} ms`);
  }

  // ---- learners -------------------------------------------------------------------------------------

  #linked(link: LinkId, remote: string): void {
    const { tickMs, initLimit, syncLimit } = this.#room.options;
    const syncedUntil = this.#room.now + tickMs * (initLimit + syncLimit);
    this.#room.links.set(link, new LearnerLink(link, remote, this.#room.now, syncedUntil));
  }

  #packet(learner: LearnerLink, packet: QuorumPacket): void {
    learner.heardAt = this.#room.now;
    switch (learner.stage) {
      case "greeting":
        return this.#hello(learner, packet);
      case "offered":
        return this.#ackEpoch(learner, packet);
      case "newLeader":
        return this.#newLeaderAnswer(learner, packet);
      case "acked":
        if (packet.type !== PacketType.ACK) throw misplaced(packet, "before UPTODATE");
        return this.#traffic.ack(learner, packet.zxid); // old followers acknowledge their diff here (6.8)
      case "serving":
        return this.#traffic.packet(learner, packet);
      default:
        throw misplaced(packet, `while the learner is ${learner.stage}`);
    }
  }

  #hello(learner: LearnerLink, packet: QuorumPacket): void {
    const { sid, isObserver, acceptedEpoch } = readHello(packet, this.#room);
    if (!isObserver) this.#makeWayFor(sid);
    if (!isObserver && this.#isTooLateFor(sid, acceptedEpoch)) {
      this.#room.promised = acceptedEpoch;
      return this.#room.resign(
        `server ${sid} has promised epoch ${acceptedEpoch}, later than ours`,
      );
    }
    learner.sid = sid;
    learner.isObserver = isObserver;
    learner.stage = "waiting";
    if (this.#phase === "gathering") this.#arrived(sid, acceptedEpoch, isObserver);
    else if (this.#phase !== "promising") this.#offer(learner);
  }

  /**
   * A follower has one link, so that what it acknowledges is what it has, and is proposed to it
   * again when it comes anew (H-F19; Java keeps both). One that is served and speaks keeps its
   * link: nobody takes it away by naming its sid. Whoever comes anew while the old link is not
   * known to be gone gets in with a later try: the old one answers no PING.
   */
  #makeWayFor(sid: Sid): void {
    const { links, now, options } = this.#room;
    for (const other of [...links.values()]) {
      if (other.sid !== sid || other.isObserver || other.stage === "greeting") continue;
      if (other.isServing && now - other.heardAt <= options.tickMs) {
        throw new Fault("PROTOCOL", `server ${sid} follows already, from ${other.remote}`, {
          hint: "each server needs a myid of its own",
        });
      }
      this.#room.drop(other, `server ${sid} has come on another link`);
    }
  }

  /**
   * A voter that has promised a later epoch, to leaders who came to nothing, can never follow this
   * one: only another election, with an epoch above all, brings it back. Java leaves it outside, as
   * we do others: they are offered our epoch and refuse by themselves (5.4).
   */
  #isTooLateFor(sid: Sid, acceptedEpoch: Epoch): boolean {
    const isOpen = this.#phase === "gathering" || this.#phase === "promising";
    return !isOpen && acceptedEpoch > this.#epoch && this.#room.quorums.committed.isVoter(sid);
  }

  #ackEpoch(learner: LearnerLink, packet: QuorumPacket): void {
    if (packet.type !== PacketType.ACKEPOCH) throw misplaced(packet, "in answer to LEADERINFO");
    const { currentEpoch } = readAckEpoch(new Input(dataOf(packet)));
    learner.lastZxid = packet.zxid;
    learner.stage = "agreeing";
    const voter = learner.isObserver ? UNNAMED : learner.sid;
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
    this.#traffic.restart(learner);
    const { link, lastZxid } = learner;
    this.#room.effects.push({ type: "catchUp", link, peerLastZxid: lastZxid });
  }

  #planned(learner: LearnerLink, plan: CatchUpPlan): void {
    assert(learner.stage === "catchingUp", "a sync is planned once");
    if (learner.isObserver && !this.#hasRoomFor(plan)) {
      return this.#room.drop(learner, `too many learners are being brought level by ${plan.way}`);
    }
    learner.plan = plan;
    this.#room.effects.push({ type: "stream", link: learner.link, plan });
  }

  /** Followers are counted but never refused (6.10). */
  #hasRoomFor(plan: CatchUpPlan): boolean {
    const isSnap = plan.way === "snap";
    let running = 0;
    for (const { plan: other, stage } of this.#room.links.values()) {
      if (other === null || (stage !== "catchingUp" && stage !== "newLeader")) continue;
      if ((other.way === "snap") === isSnap) running += 1;
    }
    return running < (isSnap ? this.#room.options.snapSyncsMax : this.#room.options.diffSyncsMax);
  }

  /**
   * What was committed meanwhile belongs to the sync; then NEWLEADER. After a SNAP these txns make
   * exact what was written while the tree changed; until the last of them no digest fits, so they
   * go without (H-L26; 3.9.5 compares them here).
   */
  #streamed(learner: LearnerLink): void {
    assert(learner.stage === "catchingUp" && learner.plan !== null, "a sync ends after its plan");
    const isFuzzy = learner.plan.way === "snap";
    for (const late of learner.takeLate(learner.plan.upTo)) {
      const txn = isFuzzy ? makeTxn(late.txn.header, late.txn.body, null) : late.txn;
      this.#room.send(learner.link, txnPacket(PacketType.PROPOSAL, txn));
      this.#room.send(learner.link, bare(PacketType.COMMIT, txn.header.zxid));
    }
    learner.stage = "newLeader";
    learner.heardAt = this.#room.now;
    this.#room.send(learner.link, newLeaderPacket(this.#epoch, this.#configText));
  }

  #newLeaderAnswer(learner: LearnerLink, packet: QuorumPacket): void {
    if (packet.type !== PacketType.ACK) throw misplaced(packet, "in answer to NEWLEADER");
    // 3.5.10 to 3.9.1 may acknowledge what they got before NEWLEADER first (ZOOKEEPER-4685).
    if (packet.zxid !== zxidOf(this.#epoch, 0n)) return this.#traffic.ack(learner, packet.zxid);
    learner.stage = "acked";
    learner.plan = null;
    learner.syncedUntil = this.#room.now + this.#room.syncMs;
    if (!learner.isObserver && this.#room.quorums.isVoter(learner.sid)) {
      this.#newLeaderAcks.add(learner.sid);
    }
    if (this.#phase === "serving") this.#traffic.serve(learner);
    else this.#establish();
  }

  // ---- time (7.6) -----------------------------------------------------------------------------------

  #beat(): void {
    if (this.#nextBeat === null || this.#room.now < this.#nextBeat) return;
    const half = this.#room.options.tickMs / 2;
    const lost = this.#room.now - this.#nextBeat;
    if (lost > half) { for (const learner of this.#room.links.values()) learner.forgive(lost); }
    this.#nextBeat = lost > half ? this.#room.now + half : this.#nextBeat + half;
    this.#isFullTick = !this.#isFullTick;
    this.#checkPhase();
    if (this.#room.isOver) return;
    for (const learner of [...this.#room.links.values()]) this.#checkLearner(learner);
    if (this.#phase === "serving" && this.#isFullTick && !this.#hasQuorum()) {
      return this.#room.resign("not enough followers are in time to make a quorum");
    }
    const ping = bare(PacketType.PING, this.#traffic.lastProposed);
    for (const learner of this.#room.links.values()) {
      if (!learner.mayBePinged) continue;
      if (learner.isServing) learner.pinged += 1;
      this.#room.send(learner.link, ping);
    }
  }

  /** Until it serves, a leader waits initLimit for each of its quorums (14.2). */
  #checkPhase(): void {
    const limit = this.#room.initMs;
    if (this.#phase === "serving" || this.#room.now - this.#phaseSince <= limit) return;
    this.#room.resign(`no quorum within ${limit} ms while ${this.#phase}`);
  }

  #checkLearner(learner: LearnerLink): void {
    const limit = learner.isServing ? this.#room.syncMs : this.#room.initMs;
    if (learner.isAwaited && this.#room.now - learner.heardAt > limit) {
      return this.#room.drop(learner, `silent for ${limit} ms`);
    }
    const overdue = learner.overdue(this.#room.now, this.#room.syncMs);
    if (overdue !== null) {
      this.#room.drop(learner, `no ACK of ${hex(overdue)} in ${this.#room.syncMs} ms`);
    }
  }

  #hasQuorum(): boolean {
    const inTime = new Set<Sid>([this.#room.options.sid]);
    for (const learner of this.#room.links.values()) {
      if (!learner.isObserver && learner.syncedUntil > this.#room.now) inTime.add(learner.sid);
    }
    return this.#room.quorums.holds(inTime);
  }

  #unlinked(link: LinkId): void {
    const learner = this.#room.links.get(link);
    if (learner === undefined) return;
    this.#room.forget(learner);
    if (this.#phase === "gathering" && !this.#room.has(learner.sid)) {
      this.#discovery.disconnected(learner.sid);
    }
  }
}
