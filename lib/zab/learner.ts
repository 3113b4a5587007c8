// A follower or observer as a machine: handshake, being brought level, and the stream of proposals
// afterwards (quorum.md 5 to 7). Reading and writing the link, the log, snapshots and the tree are
// peer/learner_port.ts's matter.
//
//   greeted → promising → accepted → receiving | truncating | syncing → storing → acked → serving
//
// Must agree with Java's Learner, Follower and Observer of 3.9.5. The order on NEWLEADER is the
// safe one: history on disk, then currentEpoch, then the acknowledgement; nothing else is
// acknowledged before (ZOOKEEPER-3911, 4643, 4646, 4685, 4785, 4823).

import { assert, unreachable } from "../base/assert.ts";
import { Deque } from "../base/deque.ts";
import { Fault, isFault } from "../base/errors.ts";
import { counterOf, type Epoch, epochOf, hex, type Zxid, zxidOf } from "../base/ids.ts";
import { decodeText, Input } from "../codec/input.ts";
import type { Instant, Millis } from "../ports.ts";
import {
  type QuorumPacket,
  readActivation,
  readLeaderInfo,
  readRevalidateReply,
} from "../records/quorum.ts";
import { OpCode, packetName, PacketType } from "../txn/opcodes.ts";
import type { Txn } from "../txn/txn.ts";
import { mayFollow } from "./catch_up.ts";
import { judgeEpoch } from "./discovery.ts";
import type { LearnerEffect, LearnerEvent, LearnerOptions } from "./learner_events.ts";
import {
  ackEpochPacket,
  bare,
  configOf,
  dataOf,
  helloPacket,
  misplaced,
  PROTOCOL_VERSION,
  requestPacket,
  revalidatePacket,
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

/** Disk work of ours is under way: the leader's silence means nothing. */
const BUSY: ReadonlySet<LearnerPhase> = new Set(["idle", "promising", "truncating", "storing"]);

export class Learner {
  readonly #options: LearnerOptions;
  #phase: LearnerPhase = "idle";
  #effects: LearnerEffect[] = [];
  #heardAt: Millis = 0;
  /** Its silence was measured by a process that stood still, once. */
  #isForgiven = false;
  /** The leader's epoch, from LEADERINFO. */
  #epoch: Epoch = -1n;
  /** The last zxid of our history, proposals that wait for their COMMIT included. */
  #last: Zxid;
  /** The last zxid in the tree. */
  #applied: Zxid;
  /** Received and not logged yet; only before `serving`. The first {@link #decided} are committed. */
  #unlogged: Txn[] = [];
  #decided = 0;
  /** Logged or handed to the log, waiting for COMMIT. */
  readonly #pending = new Deque<Txn>();
  /** Handed to the log, waiting to be durable and then acknowledged, one by one. */
  readonly #unacked = new Deque<Zxid>();
  #durable: Zxid;
  /** What the log must have on disk before NEWLEADER is acknowledged. */
  #mustBeDurable: Zxid;
  /** A SNAP came: txns go straight to the tree until a snapshot of it is on disk. */
  #isSnapshotDue = false;
  #snapZxid: Zxid | null = null;
  /** Our history is on disk and currentEpoch on its way there. */
  #isEpochStored = false;
  #truncateTo: Zxid = 0n;
  /** Membership of NEWLEADER. */
  #configText: string | null = null;
  /** Syncs of our clients that the leader has not answered. */
  #syncs = 0;

  /** `durable`: how far our log was durable when the role began. */
  constructor(options: LearnerOptions, durable: Zxid = options.lastZxid) {
    this.#options = options;
    this.#last = options.lastZxid;
    this.#applied = options.lastZxid;
    this.#durable = durable;
    this.#mustBeDurable = options.lastZxid;
  }

  get phase(): LearnerPhase {
    return this.#phase;
  }

  get epoch(): Epoch {
    return this.#epoch;
  }

  /** Proposals that are in our log without being in the tree, oldest first. */
  get pending(): Iterable<Txn> {
    return this.#pending;
  }

  /** When `time` must be stepped next: the leader must have been heard by then. */
  get deadline(): Millis | null {
    if (BUSY.has(this.#phase) || this.#phase === "left") return null;
    return this.#heardAt + this.#patience();
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
      this.#leave(error.message, true);
    }
    return this.#effects;
  }

  #step(event: LearnerEvent, now: Instant): void {
    switch (event.type) {
      case "linked":
        return this.#linked(now);
      case "packet":
        this.heard(now);
        return this.#packet(event.packet);
      case "saved":
        return this.#saved(event.file, event.epoch, now);
      case "snapshotReceived":
        assert(this.#phase === "receiving", "a snapshot ends only after it began");
        this.#heardAt = now.mono;
        this.#phase = "syncing";
        return;
      case "truncated":
        return this.#truncated(event.lastZxid, now);
      case "snapshotSaved":
        assert(this.#isSnapshotDue, "a snapshot is saved only when one is due");
        this.#isSnapshotDue = false;
        return this.#storeEpoch(now);
      case "durable":
        return this.#flushed(event.upTo, now);
      case "requested": {
        if (event.op === OpCode.sync) this.#syncs += 1;
        const { sessionId, cxid, op, body } = event;
        const authinfo = op === OpCode.createSession ? null : event.auth;
        return this.#send(requestPacket({ sessionId, cxid, type: op }, body, authinfo));
      }
      case "revalidate":
        return this.#send(revalidatePacket(event.sessionId, event.timeoutMs));
      case "time":
        if (this.deadline === null || now.mono < this.deadline) return;
        if (now.mono > this.deadline + this.#options.tickMs && !this.#isForgiven) {
          // We come late ourselves: what the leader sent is still unread.
          this.#isForgiven = true;
          this.#heardAt = now.mono - this.#patience() + this.#options.tickMs;
          return;
        }
        return this.#leave(`the leader was silent for ${this.#patience()} ms`, true);
      default:
        return unreachable(event);
    }
  }

  // ---- handshake (5.3, 5.4) -----------------------------------------------------------------------

  #linked(now: Instant): void {
    assert(this.#phase === "idle", "a learner dials once");
    const { isObserver, acceptedEpoch, sid, configVersion } = this.#options;
    this.#heardAt = now.mono;
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
        return this.#servingPacket(packet);
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
      throw new Fault(
        "UNSUPPORTED",
        `the leader speaks protocol 0x${protocolVersion.toString(16)}`,
      );
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
    this.#send(ackEpochPacket(this.#options.lastZxid, reported));
  }

  #saved(file: "accepted" | "current", epoch: Epoch, now: Instant): void {
    assert(epoch === this.#epoch, "only the leader's epoch is saved");
    this.#heardAt = now.mono;
    if (file === "accepted") {
      assert(this.#phase === "promising", "an epoch is promised once");
      return this.#acceptEpoch(this.#options.currentEpoch);
    }
    assert(this.#phase === "storing", "currentEpoch is saved once");
    this.#phase = "acked";
    this.#send(bare(PacketType.ACK, zxidOf(this.#epoch, 0n)));
  }

  // ---- being brought level (6.7) --------------------------------------------------------------------

  #firstPacket(packet: QuorumPacket): void {
    switch (packet.type) {
      case PacketType.DIFF:
        this.#phase = "syncing";
        return;
      case PacketType.SNAP:
        this.#phase = "receiving";
        this.#isSnapshotDue = true;
        this.#snapZxid = packet.zxid;
        this.#last = packet.zxid;
        this.#applied = packet.zxid;
        this.#effects.push({ type: "receiveSnapshot", zxid: packet.zxid });
        return;
      case PacketType.TRUNC:
        if (packet.zxid > this.#last) throw misplaced(packet, `to ${hex(packet.zxid)}, beyond us`);
        this.#phase = "truncating";
        this.#truncateTo = packet.zxid;
        this.#effects.push({ type: "truncate", to: packet.zxid });
        return;
      default:
        throw misplaced(packet, "where DIFF, TRUNC or SNAP must come");
    }
  }

  #truncated(lastZxid: Zxid, now: Instant): void {
    assert(this.#phase === "truncating", "a log is truncated once");
    assert(lastZxid <= this.#last, "truncating removes");
    const before = this.#last;
    this.#heardAt = now.mono;
    this.#last = lastZxid;
    this.#applied = lastZxid;
    this.#mustBeDurable = lastZxid;
    this.#durable = lastZxid;
    this.#phase = "syncing";
    const to = this.#truncateTo;
    // A target that is no txn but the beginning of an epoch that we had joined is met exactly.
    const isEpochStart = counterOf(to) === 0n && epochOf(to) === epochOf(before);
    if (lastZxid === to || (isEpochStart && lastZxid < to)) return;
    // We do not have what the leader thinks we have (H-L6): ask again, from where we are now.
    this.#leave(`asked to truncate to ${hex(to)}, which is not in our log`, true);
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
        if (txn !== null) this.#configCommitted(txn, designatedLeader);
        return;
      }
      case PacketType.INFORM: {
        const txn = txnOf(packet, 0);
        this.#receive(txn);
        this.#decide(txn.header.zxid);
        return;
      }
      case PacketType.INFORMANDACTIVATE: {
        const { designatedLeader } = readActivation(new Input(dataOf(packet)));
        const txn = txnOf(packet, 8);
        this.#receive(txn);
        if (this.#decide(txn.header.zxid) !== null) this.#configCommitted(txn, designatedLeader);
        return;
      }
      case PacketType.NEWLEADER:
        return this.#newLeader(packet);
      case PacketType.UPTODATE:
        return this.#upToDate(packet);
      case PacketType.PING:
        return; // Java does not answer here either; the leader does not expect it
      default:
        return this.#warn(`${packetName(packet.type)} is ignored while catching up`);
    }
  }

  /** A proposal of the sync, or of the live traffic before UPTODATE. */
  #receive(txn: Txn): void {
    const { zxid } = txn.header;
    // What is queued behind a SNAP may be in it already (6.4).
    if (this.#snapZxid !== null && zxid <= this.#snapZxid) return;
    this.#follow(zxid);
    if (txn.header.type === OpCode.reconfig) {
      this.#effects.push({ type: "configSeen", text: configOf(txn) });
    }
    this.#unlogged.push(txn);
  }

  /** Checks that nothing is missing between our history and `zxid` (7.9, H-L10, H-L20, H-R11). */
  #follow(zxid: Zxid): void {
    if (!mayFollow(this.#last, zxid)) {
      throw new Fault("PROTOCOL", `transaction ${hex(zxid)} follows ${hex(this.#last)}`, {
        hint: "transactions between them are missing or repeated; catching up again",
      });
    }
    this.#last = zxid;
  }

  /** The next txn of the sync is committed; null when it was known already. */
  #decide(zxid: Zxid): Txn | null {
    const txn = this.#unlogged[this.#decided];
    if (txn === undefined || txn.header.zxid !== zxid) {
      if (this.#snapZxid !== null && zxid <= this.#snapZxid) return null;
      throw new Fault("PROTOCOL", `COMMIT of ${hex(zxid)}`, {
        hint: txn === undefined ? "nothing waits for it" : `${hex(txn.header.zxid)} is older`,
      });
    }
    if (this.#isSnapshotDue && this.#phase === "syncing") {
      this.#unlogged.shift(); // nothing is decided and kept while txns go straight to the tree
      this.#apply(txn, false, false);
    } else {
      this.#decided += 1;
    }
    return txn;
  }

  #newLeader(packet: QuorumPacket): void {
    if (this.#phase !== "syncing") throw misplaced(packet, "for the second time");
    if (epochOf(packet.zxid) !== this.#epoch) {
      throw misplaced(packet, `of ${hex(packet.zxid)} in epoch ${this.#epoch}`);
    }
    const { data } = packet;
    if (data !== null && data.length > 1) {
      this.#configText = decodeText(data, 0, data.length);
      this.#effects.push({ type: "configSeen", text: this.#configText });
    }
    this.#phase = "storing";
    if (this.#isSnapshotDue) {
      this.#effects.push({ type: "saveSnapshot", zxid: this.#applied });
      return;
    }
    this.#logDecided();
    this.#storeEpochWhenDurable();
  }

  /** Logs and applies what is committed; what is not stays as it is. */
  #logDecided(): void {
    const txns = this.#unlogged.splice(0, this.#decided);
    this.#decided = 0;
    for (const txn of txns) {
      this.#log(txn);
      this.#apply(txn, this.#phase === "serving", true);
    }
  }

  #log(txn: Txn): void {
    if (this.#options.isObserver && !this.#options.logs) return;
    this.#mustBeDurable = txn.header.zxid;
    this.#effects.push({ type: "log", txn });
  }

  #apply(txn: Txn, isServing: boolean, compare: boolean): void {
    this.#applied = txn.header.zxid;
    this.#effects.push({ type: "commit", txn, isServing, compare });
  }

  /** After our history is on disk, not before: currentEpoch. */
  #storeEpochWhenDurable(): void {
    const logs = !this.#options.isObserver || this.#options.logs;
    if (this.#phase !== "storing" || this.#isSnapshotDue || this.#isEpochStored) return;
    if (logs && this.#durable < this.#mustBeDurable) return;
    this.#isEpochStored = true;
    this.#effects.push({ type: "save", file: "current", epoch: this.#epoch });
  }

  /** The snapshot is on disk: it is our history, whatever the log was. */
  #storeEpoch(now: Instant): void {
    this.#heardAt = now.mono;
    this.#mustBeDurable = this.#durable;
    this.#storeEpochWhenDurable();
  }

  #upToDate(packet: QuorumPacket): void {
    // Without NEWLEADER it would be a leader from before Zab 1.0, which the handshake has excluded.
    if (this.#phase !== "acked") throw misplaced(packet, "before NEWLEADER was acknowledged");
    this.#phase = "serving";
    this.#effects.push({ type: "serve", epoch: this.#epoch });
    this.#send(bare(PacketType.ACK, zxidOf(this.#epoch, 0n)));
    const uncommitted = this.#unlogged.slice(this.#decided);
    if (this.#options.isObserver) {
      this.#logDecided();
      this.#dropUncommitted(uncommitted);
    } else {
      const decided = this.#unlogged.slice(0, this.#decided);
      this.#unlogged = [];
      this.#decided = 0;
      for (const txn of [...decided, ...uncommitted]) this.#propose(txn);
      for (const txn of decided) this.#commit(txn.header.zxid);
    }
    if (this.#configText !== null) {
      const text = this.#configText;
      this.#effects.push({ type: "configCommitted", text, leader: null, zxid: packet.zxid });
    }
  }

  /** An observer hears of a txn again, by INFORM, when it is committed (H-L24). */
  #dropUncommitted(txns: readonly Txn[]): void {
    this.#unlogged = [];
    if (txns.length === 0) return;
    this.#last = this.#applied;
    this.#warn(`${txns.length} proposals without COMMIT were sent to an observer`);
  }

  // ---- broadcast (7.5) ------------------------------------------------------------------------------

  #servingPacket(packet: QuorumPacket): void {
    const { isObserver } = this.#options;
    switch (packet.type) {
      case PacketType.PING:
        this.#effects.push({ type: "pong", zxid: packet.zxid });
        return;
      case PacketType.PROPOSAL:
        if (isObserver) break;
        return this.#proposal(txnOf(packet, 0));
      case PacketType.COMMIT:
        if (isObserver) break;
        return void this.#commit(packet.zxid);
      case PacketType.COMMITANDACTIVATE: {
        if (isObserver) break;
        const { designatedLeader } = readActivation(new Input(dataOf(packet)));
        const txn = this.#commit(packet.zxid);
        if (txn !== null) this.#configCommitted(txn, designatedLeader);
        return;
      }
      case PacketType.INFORM:
        if (!isObserver) break;
        return this.#inform(txnOf(packet, 0));
      case PacketType.INFORMANDACTIVATE: {
        if (!isObserver) break;
        const { designatedLeader } = readActivation(new Input(dataOf(packet)));
        const txn = txnOf(packet, 8);
        this.#inform(txn);
        return this.#configCommitted(txn, designatedLeader);
      }
      case PacketType.REVALIDATE: {
        const { sessionId, valid } = readRevalidateReply(new Input(dataOf(packet)));
        this.#effects.push({ type: "revalidated", sessionId, valid });
        return;
      }
      case PacketType.SYNC:
        if (this.#syncs === 0) return this.#warn("the leader answers a sync that nobody asked for");
        this.#syncs -= 1;
        this.#effects.push({ type: "synced" });
        return;
      case PacketType.SNAP:
        throw misplaced(packet, "after UPTODATE"); // its stream would be read as packets
    }
    if (packet.type === PacketType.PING) return;
    this.#warn(`${packetName(packet.type)} is ignored by a serving ${this.#role()}`);
  }

  #proposal(txn: Txn): void {
    this.#follow(txn.header.zxid);
    if (txn.header.type === OpCode.reconfig) {
      this.#effects.push({ type: "configSeen", text: configOf(txn) });
    }
    this.#propose(txn);
  }

  #propose(txn: Txn): void {
    this.#pending.push(txn);
    this.#unacked.push(txn.header.zxid);
    this.#log(txn);
  }

  #commit(zxid: Zxid): Txn | null {
    const txn = this.#pending.first();
    if (txn === undefined) {
      this.#warn(`COMMIT of ${hex(zxid)}, which nothing waits for`);
      return null;
    }
    if (txn.header.zxid !== zxid) {
      // Java halts here (exit code 12); our state is still sound, so a new sync is enough.
      throw new Fault("PROTOCOL", `COMMIT of ${hex(zxid)} before ${hex(txn.header.zxid)}`);
    }
    this.#pending.shift();
    this.#apply(txn, true, true);
    return txn;
  }

  #inform(txn: Txn): void {
    this.#follow(txn.header.zxid);
    this.#log(txn);
    this.#apply(txn, true, true);
  }

  /** Our log reached the disk: one ACK for each proposal, in order; Java counts no ranges (7.4). */
  #flushed(upTo: Zxid, now: Instant): void {
    if (upTo > this.#durable) this.#durable = upTo;
    if (this.#phase === "storing") {
      this.#heardAt = now.mono;
      return this.#storeEpochWhenDurable();
    }
    if (this.#phase !== "serving") return;
    for (let zxid = this.#unacked.first(); zxid !== undefined; zxid = this.#unacked.first()) {
      if (zxid > upTo) return;
      this.#unacked.shift();
      if (!this.#options.isObserver) this.#send(bare(PacketType.ACK, zxid));
    }
  }

  #configCommitted(txn: Txn, leader: bigint): void {
    const { zxid } = txn.header;
    this.#effects.push({ type: "configCommitted", text: configOf(txn), leader, zxid });
  }

  // ---- ends -----------------------------------------------------------------------------------------

  #patience(): Millis {
    const { tickMs, initLimit, syncLimit } = this.#options;
    const isLevel = this.#phase === "acked" || this.#phase === "serving";
    return tickMs * (isLevel ? syncLimit : initLimit);
  }

  #role(): string {
    return this.#options.isObserver ? "observer" : "follower";
  }

  #send(packet: QuorumPacket): void {
    this.#effects.push({ type: "packet", packet });
  }

  #warn(text: string): void {
    this.#effects.push({ type: "warn", text });
  }

  #leave(why: string, isFault: boolean): void {
    this.#phase = "left";
    this.#effects.push({ type: "leave", why, isFault });
  }
}
