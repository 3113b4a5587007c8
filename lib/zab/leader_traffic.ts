// The broadcast half of a leader: proposals to followers, acks, commits and informs in zxid order,
// and what serving learners ask for (quorum.md 7.1 to 7.6, 7.10, 7.11).
//
// Must agree with Java's Leader.propose, processAck, commit and LearnerHandler's packet loop.

import { assert } from "../base/assert.ts";
import { COUNTER_MAX, counterOf, hex, type Sid, type Zxid } from "../base/ids.ts";
import { Input } from "../codec/input.ts";
import {
  type QuorumPacket,
  readForwardedHeader,
  readRevalidateRequest,
  readSessionTouch,
  type SessionTouch,
} from "../records/quorum.ts";
import { OpCode, packetName, PacketType } from "../txn/opcodes.ts";
import type { Txn } from "../txn/txn.ts";
import { Broadcast, type Proposal } from "./broadcast.ts";
import type { Late, LearnerLink } from "./leader_link.ts";
import type { LeaderRoom } from "./leader_room.ts";
import { LeaderSyncs } from "./leader_syncs.ts";
import {
  bare,
  commitAndActivatePacket,
  dataOf,
  informAndActivatePacket,
  txnPacket,
} from "./packets.ts";

/** A learner that is so far behind that its commits fill memory is cut off (a slow reader). */
const LATE_BYTES_MAX = 256 << 20;

export class LeaderTraffic {
  readonly #room: LeaderRoom;
  readonly #broadcast: Broadcast;
  /** Our own durable proposals have been counted up to here. */
  #selfAcked: Zxid;
  /** What clients asked with sync, ours and those of learners. */
  readonly syncs: LeaderSyncs;
  /** After a hand-over nothing is committed any more (8.6). */
  #isRetired = false;
  /** Whether this server still leads once the newest configuration is committed. */
  staysLeader = true;

  /** `base`: the zxid before the first proposal, (epoch, 0). */
  constructor(room: LeaderRoom, base: Zxid) {
    this.#room = room;
    this.#broadcast = new Broadcast(base);
    this.syncs = new LeaderSyncs(room, this.#broadcast);
    this.#selfAcked = base;
  }

  get outstanding(): Iterable<Proposal> {
    return this.#broadcast.outstanding;
  }

  get outstandingCount(): number {
    return this.#broadcast.size;
  }

  get lastProposed(): Zxid {
    return this.#broadcast.lastProposed;
  }

  /** Syncs that wait for a commit or for a quorum to answer. */
  get pendingSyncs(): number {
    return this.syncs.size;
  }

  /** Whether the next proposal must wait for another epoch (7.7). */
  get isExhausted(): boolean {
    return counterOf(this.#broadcast.lastProposed) >= this.#room.options.counterMax;
  }

  /** UPTODATE, then everything that happened since its sync was planned. */
  serve(learner: LearnerLink): void {
    const { link, isObserver } = learner;
    learner.stage = "serving";
    learner.heardAt = this.#room.now;
    // It may have waited long for others behind its ACK of NEWLEADER (7.6).
    const { now, syncMs } = this.#room;
    learner.syncedUntil = Math.max(learner.syncedUntil, now + syncMs);
    this.#room.send(link, bare(PacketType.UPTODATE, -1n));
    for (const late of learner.takeLate(-1n)) {
      if (isObserver) {
        this.#inform(learner, late);
      } else {
        this.#room.send(link, txnPacket(PacketType.PROPOSAL, late.txn));
        this.#sendCommit(learner, late);
      }
    }
    if (isObserver) {
      this.#room.observers.push(learner);
      return;
    }
    this.#room.followers.push(learner);
    for (const { txn } of this.#broadcast.outstanding) {
      this.#sendProposal(learner, txnPacket(PacketType.PROPOSAL, txn));
    }
    this.syncs.joined(learner);
  }

  propose(txn: Txn): void {
    assert(txn.header.type !== OpCode.check, "no server can read a check outside a multi (H-R9)");
    if (counterOf(txn.header.zxid) > COUNTER_MAX || this.isExhausted) {
      return this.#room.resign("the zxids of this epoch are used up"); // a new epoch has new ones (7.7)
    }
    this.#broadcast.propose(txn, this.#room.quorums);
    const packet = txnPacket(PacketType.PROPOSAL, txn);
    for (const learner of this.#room.followers) this.#sendProposal(learner, packet);
    this.#room.effects.push({ type: "log", txn });
  }

  #sendProposal(learner: LearnerLink, packet: QuorumPacket): void {
    learner.proposed(packet.zxid, this.#room.now);
    this.#room.send(learner.link, packet);
  }

  /** Our own disk is one vote. */
  flushed(upTo: Zxid): void {
    while (this.#selfAcked < upTo && this.#selfAcked < this.#broadcast.lastProposed) {
      this.#selfAcked += 1n;
      this.#broadcast.ack(this.#room.options.sid, this.#selfAcked);
    }
    this.commitReady();
  }

  /**
   * A learner is about to be brought level. What it acknowledged before and nobody has committed is
   * cut from its log now, and proposed to it again at the end: until it has that on disk once more
   * it must not count. Java goes on counting, and may commit what a quorum does not have. Its link
   * of before, which could acknowledge more, is gone (leader.ts).
   */
  restart(learner: LearnerLink): void {
    learner.stage = "catchingUp";
    if (learner.isObserver) return;
    this.#broadcast.forget(learner.sid);
  }

  ack(learner: LearnerLink, zxid: Zxid): void {
    if (counterOf(zxid) === 0n) return; // of NEWLEADER or UPTODATE
    learner.acked(zxid);
    if (learner.isObserver || this.#isRetired) return;
    if (this.#broadcast.ack(learner.sid, zxid)) return this.commitReady();
    if (zxid > this.#broadcast.lastProposed) {
      this.#room.warn(learner, `ACK of ${hex(zxid)}, which was never proposed`);
    }
  }

  commitReady(): void {
    while (!this.#isRetired) {
      const proposal = this.#broadcast.takeCommitted();
      if (proposal === null) return;
      this.#commit(proposal);
    }
  }

  #commit(proposal: Proposal): void {
    const { txn } = proposal;
    this.syncs.committing(txn.header.zxid);
    const designated = txn.header.type === OpCode.reconfig ? this.#designate(proposal) : null;
    const late: Late = { txn, designated };
    for (const learner of this.#room.followers) this.#sendCommit(learner, late);
    for (const learner of this.#room.observers) this.#inform(learner, late);
    for (const learner of this.#room.links.values()) {
      if (!learner.isCollecting) continue;
      learner.collect(txn, designated);
      if (learner.lateBytes > LATE_BYTES_MAX) {
        this.#room.drop(learner, "it is too slow to catch up");
      }
    }
    this.#room.effects.push({ type: "commit", txn, designated });
    if (designated !== null && designated !== this.#room.options.sid) this.#isRetired = true;
    this.syncs.answer();
  }

  /** Who leads after a reconfig: this server while it may, else who is furthest (8.6 step 2). */
  #designate(proposal: Proposal): Sid {
    const next = this.#room.quorums.lastSeen ?? this.#room.quorums.committed;
    if (this.staysLeader && next.isVoter(this.#room.options.sid)) return this.#room.options.sid;
    let candidates = proposal.acks.filter((sid) => next.isVoter(sid));
    for (const { acks } of this.#broadcast.outstanding) {
      const further = candidates.filter((sid) => acks.includes(sid));
      if (further.length > 0) candidates = further;
    }
    return candidates[0] ?? this.#room.options.sid;
  }

  #sendCommit(learner: LearnerLink, { txn, designated }: Late): void {
    const { zxid } = txn.header;
    const packet = designated === null
      ? bare(PacketType.COMMIT, zxid)
      : commitAndActivatePacket(zxid, designated);
    this.#room.send(learner.link, packet);
  }

  #inform(learner: LearnerLink, { txn, designated }: Late): void {
    const packet = designated === null
      ? txnPacket(PacketType.INFORM, txn)
      : informAndActivatePacket(txn, designated);
    this.#room.send(learner.link, packet);
  }

  // ---- packets of a serving learner -----------------------------------------------------------------

  packet(learner: LearnerLink, packet: QuorumPacket): void {
    learner.syncedUntil = this.#room.now + this.#room.syncMs;
    switch (packet.type) {
      case PacketType.ACK:
        return this.ack(learner, packet.zxid);
      case PacketType.PING:
        this.#touched(learner, dataOf(packet));
        return this.syncs.ponged(learner);
      case PacketType.REVALIDATE: {
        const { sessionId, timeout } = readRevalidateRequest(new Input(dataOf(packet)));
        const { link } = learner;
        this.#room.effects.push({ type: "revalidate", link, sessionId, timeoutMs: timeout });
        return;
      }
      case PacketType.REQUEST:
        return this.#request(learner, packet);
      default:
        this.#room.warn(learner, `${packetName(packet.type)} is ignored`);
    }
  }

  #touched(learner: LearnerLink, data: Uint8Array): void {
    if (data.length === 0) return;
    const input = new Input(data);
    const sessions: SessionTouch[] = [];
    while (input.left > 0) sessions.push(readSessionTouch(input));
    this.#room.effects.push({ type: "touch", link: learner.link, sessions });
  }

  #request(learner: LearnerLink, packet: QuorumPacket): void {
    const input = new Input(dataOf(packet));
    const { sessionId, cxid, type: op } = readForwardedHeader(input);
    const { link } = learner;
    if (op === OpCode.sync) return this.syncs.ask(link);
    const body = input.take(input.left).slice();
    const request = { sessionId, cxid, op, body, auth: packet.authinfo ?? [] };
    this.#room.effects.push({ type: "request", link, request });
  }
}
