// The broadcast half of a learner: proposals that wait for their commit and their ack, informs, and
// the leader's answers (quorum.md 7.5). It begins with UPTODATE.
//
// Must agree with Java's Follower.processPacket and Observer.processPacket. Where Java halts (a
// COMMIT that is not the oldest pending, exit code 12) our state is still sound: a new sync mends it.

import { Deque } from "../base/deque.ts";
import { Fault } from "../base/errors.ts";
import { hex, type Zxid } from "../base/ids.ts";
import { Input } from "../codec/input.ts";
import { type QuorumPacket, readActivation, readRevalidateReply } from "../records/quorum.ts";
import { OpCode, packetName, PacketType } from "../txn/opcodes.ts";
import type { Txn } from "../txn/txn.ts";
import type { LearnerEffect, LearnerEvent, LearnerOptions } from "./learner_events.ts";
import type { LearnerHistory } from "./learner_history.ts";
import {
  bare,
  configOf,
  dataOf,
  misplaced,
  requestPacket,
  revalidatePacket,
  txnOf,
} from "./packets.ts";

export class LearnerTraffic {
  readonly #options: LearnerOptions;
  readonly #history: LearnerHistory;
  readonly #emit: (effect: LearnerEffect) => void;
  /** Handed to the log, waiting for COMMIT. */
  readonly #pending = new Deque<Txn>();
  /** Handed to the log, waiting to be durable and then acknowledged, one by one. */
  readonly #unacked = new Deque<Zxid>();
  /** Syncs of our clients that the leader has not answered. */
  #syncs = 0;

  constructor(
    options: LearnerOptions,
    history: LearnerHistory,
    emit: (effect: LearnerEffect) => void,
  ) {
    this.#options = options;
    this.#history = history;
    this.#emit = emit;
  }

  /** In our log without being in the tree, oldest first. */
  get pending(): Iterable<Txn> {
    return this.#pending;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  packet(packet: QuorumPacket): void {
    const handled = this.#options.isObserver ? this.#informed(packet) : this.#proposed(packet);
    if (handled || this.#answered(packet)) return;
    const role = this.#options.isObserver ? "observer" : "follower";
    this.#warn(`${packetName(packet.type)} is ignored by a serving ${role}`);
  }

  #proposed(packet: QuorumPacket): boolean {
    switch (packet.type) {
      case PacketType.PROPOSAL: {
        const txn = txnOf(packet, 0);
        this.#history.follow(txn.header.zxid);
        this.seen(txn);
        this.propose(txn);
        return true;
      }
      case PacketType.COMMIT:
        this.commit(packet.zxid);
        return true;
      case PacketType.COMMITANDACTIVATE: {
        const { designatedLeader } = readActivation(new Input(dataOf(packet)));
        const txn = this.commit(packet.zxid);
        if (txn !== null) this.activate(txn, designatedLeader);
        return true;
      }
    }
    return false;
  }

  #informed(packet: QuorumPacket): boolean {
    switch (packet.type) {
      case PacketType.INFORM:
        this.#inform(txnOf(packet, 0));
        return true;
      case PacketType.INFORMANDACTIVATE: {
        const { designatedLeader } = readActivation(new Input(dataOf(packet)));
        const txn = txnOf(packet, 8);
        this.#inform(txn);
        this.activate(txn, designatedLeader);
        return true;
      }
    }
    return false;
  }

  #answered(packet: QuorumPacket): boolean {
    switch (packet.type) {
      case PacketType.PING:
        this.#emit({ type: "pong", zxid: packet.zxid });
        return true;
      case PacketType.REVALIDATE: {
        const { sessionId, valid } = readRevalidateReply(new Input(dataOf(packet)));
        this.#emit({ type: "revalidated", sessionId, valid });
        return true;
      }
      case PacketType.SYNC:
        if (this.#syncs > 0) this.#emit({ type: "synced" });
        else this.#warn("the leader answers a sync that nobody asked for");
        this.#syncs = Math.max(0, this.#syncs - 1);
        return true;
      case PacketType.SNAP:
        throw misplaced(packet, "after UPTODATE"); // its stream would be read as packets
    }
    return false;
  }

  /** A reconfig is proposed: its membership is the last-seen one (8.5). */
  seen(txn: Txn): void {
    if (txn.header.type === OpCode.reconfig) {
      this.#emit({ type: "configSeen", text: configOf(txn) });
    }
  }

  activate(txn: Txn, leader: bigint): void {
    const { zxid } = txn.header;
    this.#emit({ type: "configCommitted", text: configOf(txn), leader, zxid });
  }

  propose(txn: Txn): void {
    this.#pending.push(txn);
    this.#unacked.push(txn.header.zxid);
    this.#emit({ type: "log", txn });
  }

  commit(zxid: Zxid): Txn | null {
    const txn = this.#pending.first();
    if (txn === undefined) {
      this.#warn(`COMMIT of ${hex(zxid)}, which nothing waits for`);
      return null;
    }
    if (txn.header.zxid !== zxid) {
      throw new Fault("PROTOCOL", `COMMIT of ${hex(zxid)} before ${hex(txn.header.zxid)}`);
    }
    this.#pending.shift();
    this.#apply(txn);
    return txn;
  }

  #inform(txn: Txn): void {
    this.#history.follow(txn.header.zxid);
    if (this.#options.logs) this.#emit({ type: "log", txn });
    this.#apply(txn);
  }

  #apply(txn: Txn): void {
    this.#history.applied = txn.header.zxid;
    this.#emit({ type: "commit", txn, isServing: true, compare: true });
  }

  /** Our log reached the disk: one ACK for each proposal, in order; Java counts no ranges (7.4). */
  flushed(upTo: Zxid): void {
    for (let zxid = this.#unacked.first(); zxid !== undefined; zxid = this.#unacked.first()) {
      if (zxid > upTo) return;
      this.#unacked.shift();
      this.#emit({ type: "packet", packet: bare(PacketType.ACK, zxid) });
    }
  }

  requested(event: LearnerEvent & { readonly type: "requested" }): void {
    const { sessionId, cxid, op, body } = event;
    if (op === OpCode.sync) this.#syncs += 1;
    const authinfo = op === OpCode.createSession ? null : event.auth;
    const packet = requestPacket({ sessionId, cxid, type: op }, body, authinfo);
    this.#emit({ type: "packet", packet });
  }

  revalidate(event: LearnerEvent & { readonly type: "revalidate" }): void {
    this.#emit({ type: "packet", packet: revalidatePacket(event.sessionId, event.timeoutMs) });
  }

  #warn(text: string): void {
    this.#emit({ type: "warn", text });
  }
}
