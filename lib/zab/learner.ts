// A follower or observer as a machine: the handshake and being brought level (quorum.md 5 and 6);
// learner_traffic.ts takes over with UPTODATE. The link, the log, snapshots and the tree are
// peer/learner_port.ts's matter.
//
//   greeted → promising → accepted → receiving | truncating | syncing → storing → acked → serving
//
// Must agree with Java's Learner of 3.9.5. The order on NEWLEADER is the safe one: history on disk,
// then currentEpoch, then the acknowledgement; nothing is acknowledged before that one
// (ZOOKEEPER-3911, 4643, 4646, 4685, 4785, 4823).

import { assert, unreachable } from "../base/assert.ts";
import { Fault, isFault } from "../base/errors.ts";
import { counterOf, type Epoch, epochOf, hex, type Zxid, zxidOf } from "../base/ids.ts";
import { decodeText, Input } from "../codec/input.ts";
import type { Instant, Millis } from "../ports.ts";
import { type QuorumPacket, readActivation, readLeaderInfo } from "../records/quorum.ts";
import { packetName, PacketType } from "../txn/opcodes.ts";
import type { Txn } from "../txn/txn.ts";
import { judgeEpoch } from "./discovery.ts";
import type { LearnerEffect, LearnerEvent, LearnerOptions } from "./learner_events.ts";
import { LearnerHistory } from "./learner_history.ts";
import { LearnerTraffic } from "./learner_traffic.ts";
import {
  ackEpochPacket,
  bare,
  dataOf,
  helloPacket,
  misplaced,
  PROTOCOL_VERSION,
  txnOf,
} from "./packets.ts";

export type LearnerPhase =
  | "idle"
  | "greeted"
  | "promising"
  | "accepted"
  | "receiving"
  | "truncating"
  | "syncing"
  | "storing"
  | "acked"
  | "serving"
  | "left";

/** Nobody owes us anything, or disk work of ours is under way: silence means nothing. */
const UNTIMED: ReadonlySet<LearnerPhase> = new Set(
  ["idle", "promising", "truncating", "storing", "left"],
);

export class Learner {
  readonly #options: LearnerOptions;
  readonly #history: LearnerHistory;
  readonly #traffic: LearnerTraffic;
  #phase: LearnerPhase = "idle";
  #effects: LearnerEffect[] = [];
  #heardAt: Millis = 0;
  /** Its silence was measured by a process that stood still, once. */
  #isForgiven = false;
  /** The leader's epoch, from LEADERINFO. */
  #epoch: Epoch = -1n;
  #durable: Zxid;
  /** What the log must have on disk before NEWLEADER is acknowledged. */
  #mustBeDurable: Zxid;
  /** A SNAP came: txns go straight to the tree until a snapshot of it is on disk. */
  #isSnapshotDue = false;
  /** Our history is on disk and currentEpoch on its way there. */
  #isEpochStored = false;
  #truncateTo: Zxid = 0n;
  #way: "diff" | "trunc" | "snap" | null = null;
  /** Membership of NEWLEADER. */
  #configText: string | null = null;
  #isLeaderBefore35 = false;

  /** `durable`: how far our log was durable when the role began. */
  constructor(options: LearnerOptions, durable: Zxid = options.lastZxid) {
    assert(options.logs || options.isObserver, "a follower logs");
    this.#options = options;
    this.#history = new LearnerHistory(options.lastZxid);
    this.#traffic = new LearnerTraffic(
      options,
      this.#history,
      (effect) => void this.#effects.push(effect),
    );
    this.#durable = durable;
    this.#mustBeDurable = options.lastZxid;
  }

  get phase(): LearnerPhase {
    return this.#phase;
  }

  /** How the leader brings us level; null before it has said so. */
  get way(): "diff" | "trunc" | "snap" | null {
    return this.#way;
  }

  get epoch(): Epoch {
    return this.#epoch;
  }

  /** The leader is a 3.4: its NEWLEADER says nothing of the members (13.1). */
  get isLeaderBefore35(): boolean {
    return this.#isLeaderBefore35;
  }

  /** Proposals that are in our log without being in the tree, oldest first. */
  get pending(): Iterable<Txn> {
    return this.#traffic.pending;
  }

  get pendingCount(): number {
    return this.#traffic.pendingCount;
  }

  /** When `time` must be stepped next: the leader must have been heard by then. */
  get deadline(): Millis | null {
    return UNTIMED.has(this.#phase) ? null : this.#heardAt + this.#patience();
  }

  /** Bytes came from the leader, whatever they are. */
  heard(now: Instant): void {
    this.#heardAt = now.mono;
    this.#isForgiven = false;
  }

  step(event: LearnerEvent, now: Instant): readonly LearnerEffect[] {
    this.#effects = [];
    if (this.#phase === "left") return this.#effects;
    try {
      this.#step(event, now);
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#leave(error.message);
    }
    return this.#effects;
  }

  #step(event: LearnerEvent, now: Instant): void {
    switch (event.type) {
      case "linked":
        this.heard(now);
        return this.#linked();
      case "packet":
        this.heard(now);
        return this.#packet(event.packet);
      case "saved":
        this.heard(now);
        return this.#saved(event.file, event.epoch);
      case "snapshotReceived":
        assert(this.#phase === "receiving", "a snapshot ends only after it began");
        this.#phase = "syncing";
        return;
      case "truncated":
        this.heard(now);
        return this.#truncated(event.lastZxid);
      case "snapshotSaved":
        this.heard(now);
        return this.#snapshotSaved();
      case "durable":
        return this.#flushed(event.upTo);
      case "requested":
        return this.#traffic.requested(event);
      case "revalidate":
        return this.#traffic.revalidate(event);
      case "time":
        return this.#time(now);
      default:
        return unreachable(event);
    }
  }

  #time(now: Instant): void {
    const { deadline } = this;
    if (deadline === null || now.mono < deadline) return;
    const { tickMs } = this.#options;
    if (now.mono > deadline + tickMs && !this.#isForgiven) {
      // We come late ourselves: what the leader sent may be unread still.
      this.#isForgiven = true;
      this.#heardAt = now.mono - this.#patience() + tickMs;
      return;
    }
    this.#leave(`the leader was silent for ${this.#patience()} ms`);
  }

  // ---- handshake (5.3, 5.4) -----------------------------------------------------------------------

  #linked(): void {
    assert(this.#phase === "idle", "a learner dials once");
    const { isObserver, acceptedEpoch, sid, configVersion } = this.#options;
    this.#phase = "greeted";
    this.#send(helloPacket(isObserver, acceptedEpoch, sid, configVersion));
  }

  #packet(packet: QuorumPacket): void {
    switch (this.#phase) {
      case "greeted":
        return this.#leaderInfo(packet);
      case "accepted":
        return this.#firstPacket(packet);
      case "syncing":
      case "storing":
      case "acked":
        return this.#syncPacket(packet);
      case "serving":
        return this.#traffic.packet(packet);
      default:
        throw misplaced(packet, `while the learner is ${this.#phase}`);
    }
  }

  #leaderInfo(packet: QuorumPacket): void {
    if (packet.type === PacketType.NEWLEADER) {
      throw new Fault("UNSUPPORTED", "the leader speaks a protocol older than Zab 1.0", {
        hint: "upgrade it to 3.4 or later",
      });
    }
    if (packet.type !== PacketType.LEADERINFO) throw misplaced(packet, "as the first answer");
    const { protocolVersion } = readLeaderInfo(new Input(dataOf(packet)));
    if (protocolVersion !== PROTOCOL_VERSION) {
      const protocol = protocolVersion.toString(16);
      throw new Fault("UNSUPPORTED", `the leader speaks protocol 0x${protocol}`);
    }
    this.#epoch = epochOf(packet.zxid);
    const { acceptedEpoch, currentEpoch } = this.#options;
    const acceptance = judgeEpoch(this.#epoch, acceptedEpoch, currentEpoch);
    switch (acceptance.answer) {
      case "promise":
        this.#phase = "promising";
        this.#effects.push({ type: "save", file: "accepted", epoch: this.#epoch });
        return;
      case "repeat":
        return this.#acceptEpoch(acceptance.reported);
      case "refuse":
        throw new Fault("PROTOCOL", `the leader offers epoch ${this.#epoch}`, {
          hint: `this server has already promised itself to epoch ${acceptedEpoch}`,
        });
    }
  }

  #acceptEpoch(reported: Epoch): void {
    this.#phase = "accepted";
    const { reportedZxid, lastZxid } = this.#options;
    this.#send(ackEpochPacket(reportedZxid ?? lastZxid, reported));
  }

  #saved(file: "accepted" | "current", epoch: Epoch): void {
    assert(epoch === this.#epoch, "only the leader's epoch is saved");
    if (file === "accepted") {
      assert(this.#phase === "promising", "an epoch is promised once");
      return this.#acceptEpoch(this.#options.currentEpoch);
    }
    assert(this.#phase === "storing" && this.#isEpochStored, "currentEpoch is saved once");
    this.#phase = "acked";
    this.#send(bare(PacketType.ACK, zxidOf(this.#epoch, 0n)));
  }

  // ---- being brought level (6.7) --------------------------------------------------------------------

  #firstPacket(packet: QuorumPacket): void {
    const { zxid } = packet;
    switch (packet.type) {
      case PacketType.DIFF:
        this.#refuseEmpty();
        this.#phase = "syncing";
        this.#way = "diff";
        return;
      case PacketType.SNAP:
        this.#phase = "receiving";
        this.#way = "snap";
        this.#isSnapshotDue = true;
        this.#history.restart(zxid);
        this.#history.snapZxid = zxid;
        this.#effects.push({ type: "receiveSnapshot", zxid });
        return;
      case PacketType.TRUNC:
        if (zxid > this.#history.last) throw misplaced(packet, `to ${hex(zxid)}, beyond us`);
        this.#phase = "truncating";
        this.#way = "trunc";
        this.#truncateTo = zxid;
        this.#effects.push({ type: "truncate", to: zxid });
        return;
      default:
        throw misplaced(packet, "where DIFF, TRUNC or SNAP must come");
    }
  }

  /** Told 0 to send a snapshot, a leader that is at 0 itself takes us for level. */
  #refuseEmpty(): void {
    const { reportedZxid, lastZxid } = this.#options;
    if (reportedZxid === undefined || reportedZxid >= lastZxid) return;
    throw new Fault("PROTOCOL", `the leader has no transaction, our log goes to ${hex(lastZxid)}`, {
      hint: "members that lead have lost their data: let this one lead, or move its data away",
    });
  }

  #truncated(lastZxid: Zxid): void {
    assert(this.#phase === "truncating", "a log is truncated once");
    const before = this.#history.last;
    const to = this.#truncateTo;
    assert(lastZxid <= to, "nothing above the target is left");
    this.#history.restart(lastZxid);
    this.#mustBeDurable = lastZxid;
    this.#durable = lastZxid;
    this.#phase = "syncing";
    // A target that is no txn but the beginning of an epoch that we had joined is met exactly.
    const isEpochStart = counterOf(to) === 0n && epochOf(to) === epochOf(before);
    if (lastZxid === to || isEpochStart) return;
    // We do not have what the leader thinks we have (H-L6): ask again, from where we are now.
    this.#leave(`asked to truncate to ${hex(to)}, which is not in our log`);
  }

  #syncPacket(packet: QuorumPacket): void {
    switch (packet.type) {
      case PacketType.PROPOSAL:
        return this.#receive(txnOf(packet, 0));
      case PacketType.COMMIT:
        return void this.#decide(packet.zxid);
      case PacketType.COMMITANDACTIVATE: {
        const { designatedLeader } = readActivation(new Input(dataOf(packet)));
        const txn = this.#decide(packet.zxid);
        if (txn !== null) this.#traffic.activate(txn, designatedLeader);
        return;
      }
      case PacketType.INFORM:
        this.#receive(txnOf(packet, 0));
        return void this.#decide(packet.zxid);
      case PacketType.INFORMANDACTIVATE: {
        const { designatedLeader } = readActivation(new Input(dataOf(packet)));
        this.#receive(txnOf(packet, 8));
        const txn = this.#decide(packet.zxid);
        if (txn !== null) this.#traffic.activate(txn, designatedLeader);
        return;
      }
      case PacketType.NEWLEADER:
        return this.#newLeader(packet);
      case PacketType.UPTODATE:
        return this.#upToDate(packet);
      case PacketType.PING:
        return; // Java does not answer here either; the leader does not expect it
      default:
        this.#effects.push({
          type: "warn",
          text: `${packetName(packet.type)} is ignored while catching up`,
        });
    }
  }

  #receive(txn: Txn): void {
    if (this.#history.receive(txn)) this.#traffic.seen(txn);
  }

  #decide(zxid: Zxid): Txn | null {
    const decided = this.#history.decide(zxid);
    if (decided === null || !this.#isSnapshotDue || this.#phase !== "syncing") return decided;
    for (const txn of this.#history.takeDecided()) this.#apply(txn, false);
    return decided;
  }

  #newLeader(packet: QuorumPacket): void {
    if (this.#phase !== "syncing") throw misplaced(packet, "for the second time");
    if (epochOf(packet.zxid) !== this.#epoch) {
      throw misplaced(packet, `of ${hex(packet.zxid)} in epoch ${this.#epoch}`);
    }
    const { data } = packet;
    this.#isLeaderBefore35 = data === null;
    if (data !== null && data.length > 1) {
      this.#configText = decodeText(data, 0, data.length);
      this.#effects.push({ type: "configSeen", text: this.#configText });
    }
    this.#phase = "storing";
    if (this.#isSnapshotDue) {
      this.#effects.push({ type: "saveSnapshot", zxid: this.#history.applied });
      return;
    }
    // What is committed goes to the log and the tree; what is not stays as it is (6.7 step 3d).
    for (const txn of this.#history.takeDecided()) {
      this.#log(txn);
      this.#apply(txn, true);
    }
    this.#storeEpochWhenDurable();
  }

  #log(txn: Txn): void {
    if (!this.#options.logs) return;
    this.#mustBeDurable = txn.header.zxid;
    this.#effects.push({ type: "log", txn });
  }

  #apply(txn: Txn, compare: boolean): void {
    this.#history.applied = txn.header.zxid;
    this.#effects.push({ type: "commit", txn, isServing: false, compare });
  }

  /** The snapshot is on disk: it is our history, whatever the log was. */
  #snapshotSaved(): void {
    assert(this.#isSnapshotDue && this.#phase === "storing", "a snapshot is saved when it is due");
    this.#isSnapshotDue = false;
    this.#mustBeDurable = this.#durable;
    this.#storeEpochWhenDurable();
  }

  /** After our history is on disk, not before: currentEpoch. */
  #storeEpochWhenDurable(): void {
    if (this.#isSnapshotDue || this.#isEpochStored) return;
    if (this.#options.logs && this.#durable < this.#mustBeDurable) return;
    this.#isEpochStored = true;
    this.#effects.push({ type: "save", file: "current", epoch: this.#epoch });
  }

  #flushed(upTo: Zxid): void {
    if (upTo > this.#durable) this.#durable = upTo;
    if (this.#phase === "storing") this.#storeEpochWhenDurable();
    else if (this.#phase === "serving") this.#traffic.flushed(upTo);
  }

  #upToDate(packet: QuorumPacket): void {
    // Without NEWLEADER it would be a leader from before Zab 1.0, which the handshake has excluded.
    if (this.#phase !== "acked") throw misplaced(packet, "before NEWLEADER was acknowledged");
    this.#phase = "serving";
    this.#effects.push({ type: "serve", epoch: this.#epoch });
    this.#send(bare(PacketType.ACK, zxidOf(this.#epoch, 0n)));
    const decided = this.#history.takeDecided();
    const undecided = this.#history.takeUndecided();
    if (this.#options.isObserver) {
      for (const txn of decided) {
        this.#log(txn);
        this.#history.applied = txn.header.zxid;
        this.#effects.push({ type: "commit", txn, isServing: true, compare: true });
      }
      // An observer hears of the others again, by INFORM, when they are committed (H-L24).
      if (undecided.length > 0) this.#history.last = this.#history.applied;
    } else {
      for (const txn of decided) this.#traffic.propose(txn);
      for (const txn of undecided) this.#traffic.propose(txn);
      for (const txn of decided) this.#traffic.commit(txn.header.zxid);
    }
    if (this.#configText === null) return;
    const text = this.#configText;
    this.#effects.push({ type: "configCommitted", text, leader: null, zxid: packet.zxid });
  }

  // ---- ends -----------------------------------------------------------------------------------------

  #patience(): Millis {
    const { tickMs, initLimit, syncLimit } = this.#options;
    const isLevel = this.#phase === "acked" || this.#phase === "serving";
    return tickMs * (isLevel ? syncLimit : initLimit);
  }

  #send(packet: QuorumPacket): void {
    this.#effects.push({ type: "packet", packet });
  }

  #leave(why: string): void {
    this.#phase = "left";
    this.#effects.push({ type: "leave", why });
  }
}
