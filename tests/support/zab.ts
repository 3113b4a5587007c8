// Bench for the zab machines: transactions by zxid, and machines whose effects are recorded and
// whose disk answers when the test says so.

import type { Zxid } from "../../lib/base/ids.ts";
import type { Instant } from "../../lib/ports.ts";
import type { QuorumPacket } from "../../lib/records/quorum.ts";
import { OpCode, packetName } from "../../lib/txn/opcodes.ts";
import { makeTxn, type Txn } from "../../lib/txn/txn.ts";
import { CommittedLog, type DiskLog, planCatchUp } from "../../lib/zab/catch_up.ts";
import { Leader } from "../../lib/zab/leader.ts";
import type { LeaderEffect, LeaderEvent, LeaderOptions } from "../../lib/zab/leader_events.ts";
import { Learner } from "../../lib/zab/learner.ts";
import type { LearnerEffect, LearnerEvent, LearnerOptions } from "../../lib/zab/learner_events.ts";
import type { Membership } from "../../lib/zab/quorums.ts";

/** `zx(5, 9)` is 0x500000009. */
export const zx = (epoch: number, counter: number): Zxid =>
  (BigInt(epoch) << 32n) | BigInt(counter);

export function txnAt(zxid: Zxid, type: number = OpCode.setData, text = "x"): Txn {
  const header = { clientId: 0x100n, cxid: 7, zxid, time: 1n, type };
  const data = new TextEncoder().encode(text);
  const record = { path: "/a", data, version: 1 };
  return makeTxn(header, { kind: "setData", record }, null);
}

export const txnsOf = (epoch: number, from: number, to: number): Txn[] =>
  Array.from({ length: to - from + 1 }, (_, i) => txnAt(zx(epoch, from + i)));

export function logOf(...runs: Txn[][]): CommittedLog {
  const log = new CommittedLog();
  for (const txn of runs.flat()) log.push(txn);
  return log;
}

/** A log on disk that holds these txns. */
export const diskOf = (txns: readonly Txn[]): DiskLog => ({
  open(from) {
    const first = txns.findLastIndex((txn) => txn.header.zxid <= from);
    return first < 0 ? null : txns.slice(first)[Symbol.iterator]();
  },
});

export const voters = (...sids: number[]): Membership => membership(sids, []);

export function membership(participants: number[], observers: number[], version = 0n): Membership {
  const members = new Map<bigint, { readonly role: "participant" | "observer" }>();
  for (const sid of participants) members.set(BigInt(sid), { role: "participant" });
  for (const sid of observers) members.set(BigInt(sid), { role: "observer" });
  return { version, members, groups: null, weights: null };
}

export const at = (mono: number): Instant => ({ mono, wall: 1_700_000_000_000 + mono });

/** A packet in a line: `PROPOSAL 0x500000001`, with the length of its data when it has some. */
export const shown = ({ type, zxid, data }: QuorumPacket): string =>
  `${packetName(type)} 0x${BigInt.asUintN(64, zxid).toString(16)}` +
  (data === null || isTxn(type) ? "" : ` +${data.length}`);

const isTxn = (type: number): boolean => type === 2 || type === 8;

export const LEARNER: LearnerOptions = {
  sid: 3n,
  isObserver: false,
  acceptedEpoch: 5n,
  currentEpoch: 5n,
  lastZxid: zx(5, 7),
  configVersion: 0n,
  tickMs: 100,
  initLimit: 10,
  syncLimit: 5,
  logs: true,
};

export const LEADER: LeaderOptions = {
  sid: 1n,
  acceptedEpoch: 5n,
  currentEpoch: 5n,
  epochFloor: 0n,
  lastZxid: zx(5, 7),
  committed: voters(1, 2, 3),
  lastSeen: null,
  configText: "version=0",
  tickMs: 100,
  initLimit: 10,
  syncLimit: 5,
  snapSyncsMax: 10,
  diffSyncsMax: 100,
  maxTimeToWaitForEpochMs: -1,
  counterMax: 0xfffffffen,
};

/** A learner whose effects are recorded as lines; its disk answers through {@link answer}. */
export class LearnerBench {
  readonly learner: Learner;
  now = 0;
  lines: string[] = [];
  /** Effects that wait for the disk, oldest first. */
  waiting: LearnerEffect[] = [];
  logged: Zxid[] = [];

  constructor(options: Partial<LearnerOptions> = {}) {
    this.learner = new Learner({ ...LEARNER, ...options });
  }

  step(event: LearnerEvent): string[] {
    const lines = this.learner.step(event, at(this.now)).map((effect) => this.#line(effect));
    this.lines.push(...lines);
    return lines;
  }

  hear(...packets: QuorumPacket[]): string[] {
    return packets.flatMap((packet) => this.step({ type: "packet", packet }));
  }

  /** The disk finishes the oldest thing that was ordered. */
  answer(truncatedTo?: Zxid): string[] {
    const effect = this.waiting.shift();
    if (effect === undefined) throw new Error("nothing waits for the disk");
    switch (effect.type) {
      case "save":
        return this.step({ type: "saved", file: effect.file, epoch: effect.epoch });
      case "log":
        return this.step({ type: "durable", upTo: effect.txn.header.zxid });
      case "saveSnapshot":
        return this.step({ type: "snapshotSaved" });
      case "receiveSnapshot":
        return this.step({ type: "snapshotReceived" });
      case "truncate":
        return this.step({ type: "truncated", lastZxid: truncatedTo ?? effect.to });
      default:
        throw new Error(`${effect.type} needs no disk`);
    }
  }

  /** The disk finishes everything, and what follows from that. */
  settle(): string[] {
    const lines: string[] = [];
    while (this.waiting.length > 0) lines.push(...this.answer());
    return lines;
  }

  #line(effect: LearnerEffect): string {
    switch (effect.type) {
      case "packet":
        return `> ${shown(effect.packet)}`;
      case "save":
        this.waiting.push(effect);
        return `save ${effect.file} ${effect.epoch}`;
      case "log":
        this.waiting.push(effect);
        this.logged.push(effect.txn.header.zxid);
        return `log 0x${effect.txn.header.zxid.toString(16)}`;
      case "commit":
        return `${effect.isServing ? "commit" : "apply"} 0x${effect.txn.header.zxid.toString(16)}`;
      case "saveSnapshot":
      case "receiveSnapshot":
        this.waiting.push(effect);
        return `${effect.type} 0x${effect.zxid.toString(16)}`;
      case "truncate":
        this.waiting.push(effect);
        return `truncate 0x${effect.to.toString(16)}`;
      case "pong":
        return `pong 0x${effect.zxid.toString(16)}`;
      case "serve":
        return `serve ${effect.epoch}`;
      case "revalidated":
        return `revalidated 0x${effect.sessionId.toString(16)} ${effect.valid}`;
      case "configSeen":
        return `configSeen ${effect.text}`;
      case "configCommitted":
        return `configCommitted ${effect.text} by ${effect.leader}`;
      case "warn":
        return `warn ${effect.text}`;
      case "leave":
        return `leave ${effect.why}`;
      default:
        return effect.type;
    }
  }
}

/** A leader whose effects are recorded; epoch files and plans are answered at once when told so. */
export class LeaderBench {
  readonly leader: Leader;
  now = 0;
  lines: string[] = [];
  committed: Zxid[] = [];
  log = logOf(txnsOf(5, 1, 7));
  disk: DiskLog | null = null;
  lastProcessed: Zxid;
  /** Answers `save`, `catchUp` and `stream` by itself. */
  isQuick: boolean;

  constructor(options: Partial<LeaderOptions> = {}, isQuick = true) {
    this.leader = new Leader({ ...LEADER, ...options });
    this.lastProcessed = options.lastZxid ?? LEADER.lastZxid;
    this.isQuick = isQuick;
  }

  step(event: LeaderEvent): string[] {
    const lines: string[] = [];
    const effects = [...this.leader.step(event, at(this.now))];
    for (let effect = effects.shift(); effect !== undefined; effect = effects.shift()) {
      lines.push(this.#line(effect));
      const answer = this.#answer(effect);
      if (answer !== null) effects.push(...this.leader.step(answer, at(this.now)));
    }
    this.lines.push(...lines);
    return lines;
  }

  hear(link: number, ...packets: QuorumPacket[]): string[] {
    return packets.flatMap((packet) => this.step({ type: "packet", link, packet }));
  }

  propose(txn: Txn): string[] {
    return this.step({ type: "proposed", txn });
  }

  /** Lines of packets to one link, in order. */
  to(link: number): string[] {
    return this.lines.filter((line) => line.startsWith(`${link}> `)).map((l) => l.slice(3));
  }

  #answer(effect: LeaderEffect): LeaderEvent | null {
    if (effect.type === "commit") {
      this.committed.push(effect.txn.header.zxid);
      this.log.push(effect.txn);
      this.lastProcessed = effect.txn.header.zxid;
      return null;
    }
    if (!this.isQuick) return null;
    switch (effect.type) {
      case "save":
        return { type: "saved", file: effect.file, epoch: effect.epoch };
      case "catchUp": {
        const { log, disk, lastProcessed } = this;
        const { link, peerLastZxid } = effect;
        const input = { peerLastZxid, lastProcessed, log, disk, forceSnapshot: false };
        return { type: "planned", link, plan: planCatchUp(input) };
      }
      case "stream":
        return { type: "streamed", link: effect.link };
      default:
        return null;
    }
  }

  #line(effect: LeaderEffect): string {
    switch (effect.type) {
      case "packet":
        return `${effect.link}> ${shown(effect.packet)}`;
      case "save":
        return `save ${effect.file} ${effect.epoch}`;
      case "log":
      case "commit":
        return `${effect.type} 0x${effect.txn.header.zxid.toString(16)}`;
      case "stream":
        return `${effect.link}> (${effect.plan.way} to 0x${effect.plan.upTo.toString(16)})`;
      case "catchUp":
        return `catchUp ${effect.link} 0x${BigInt.asUintN(64, effect.peerLastZxid).toString(16)}`;
      case "drop":
        return `drop ${effect.link} ${effect.why}`;
      case "warn":
        return `warn ${effect.link} ${effect.text}`;
      case "resign":
        return `resign ${effect.why}`;
      case "established":
        return `established ${effect.epoch}`;
      case "activate":
        return `activate ${effect.configText}`;
      case "request":
        return `request ${effect.link} op ${effect.request.op} +${effect.request.body.length}`;
      case "revalidate":
        return `revalidate ${effect.link} 0x${effect.sessionId.toString(16)} ${effect.timeoutMs}`;
      case "synced":
        return "synced";
      case "touch":
        return `touch ${effect.link} ${effect.sessions.map((s) => s.sessionId.toString(16))}`;
    }
  }
}
