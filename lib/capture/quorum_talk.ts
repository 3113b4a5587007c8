// A learner's connection to its leader (or to an observer master): packets both ways without frames,
// a snapshot in between where the leader chose SNAP (quorum.md 4 to 7). The learner dialled, so the
// client side of the connection is the learner's.

import { decodeText } from "../codec/input.ts";
import { OpCode, opName, packetName, PacketType } from "../txn/opcodes.ts";
import { authSize, isAuth } from "./auth_bytes.ts";
import { i32, i64 } from "./bytes.ts";
import { checkPacket, packetSize } from "./checks.ts";
import { PATHLESS } from "./client_ops.ts";
import type { Conn, Context, Draft, Talk } from "./context.ts";
import type { Side } from "./flows.ts";
import type { SnapshotPartName } from "./message.ts";
import { checkPiece, isEnd, isSignature, pieceSize, pieceSizeOf } from "./snapshot_bytes.ts";
import { type RecordOwner, RecordStream } from "./stream.ts";
import { SyncTracker } from "./syncs.ts";
import type { LossReason } from "./tcp.ts";
import type { Understanding } from "./understanding.ts";
import type { SeenTxn } from "./writes.ts";

const TXN_HEADER = 32;

export class QuorumTalk implements Talk, RecordOwner {
  readonly protocol = "quorum";
  readonly #conn: Conn;
  readonly #context: Context;
  readonly #story: Understanding;
  readonly #streams: readonly [RecordStream, RecordStream];
  readonly #sync: SyncTracker;
  /** What the leader sends next: packets, or a piece of a snapshot. */
  #stage: "packets" | SnapshotPartName = "packets";
  /** Sessions or ACLs of the snapshot still to come. */
  #left = 0;
  /** The leader's stream was lost within a snapshot. */
  #isInSnapshot = false;

  constructor(
    conn: Conn,
    context: Context,
    story: Understanding,
    inStep: readonly [boolean, boolean],
  ) {
    this.#conn = conn;
    this.#context = context;
    this.#story = story;
    this.#sync = new SyncTracker(conn, context);
    story.writes.learners += 1;
    this.#isInSnapshot = !inStep[conn.serverSide];
    this.#streams = [
      new RecordStream(this, 0, !inStep[0]),
      new RecordStream(this, 1, !inStep[1]),
    ];
  }

  data(side: Side, bytes: Uint8Array, start: number, end: number, time: number): void {
    this.#streams[side].data(bytes, start, end, time);
  }

  lost(side: Side, length: number, why: LossReason, time: number): void {
    this.#context.loss(this.#conn, side, length, why, time);
    if (side !== this.#conn.clientSide) this.#sync.lost(length);
    this.#streams[side].lost(length, time);
  }

  close(time: number): void {
    for (const stream of this.#streams) stream.end(time);
    this.#sync.close(time);
    this.#story.writes.learners -= 1;
  }

  #stageOf(side: Side): "packets" | SnapshotPartName {
    return side === this.#conn.clientSide ? "packets" : this.#stage;
  }

  measure(side: Side, bytes: Uint8Array, at: number, end: number): number {
    const stage = this.#stageOf(side);
    if (stage !== "packets") return pieceSize(stage, bytes, at, end);
    return isAuth(bytes, at, end) ? authSize(bytes, at, end) : packetSize(bytes, at, end);
  }

  sizeOf(side: Side, bytes: Uint8Array, length: number): number {
    const stage = this.#stageOf(side);
    if (stage !== "packets") return pieceSizeOf(stage, bytes, length);
    if (isAuth(bytes, 0, length)) return length < 16 ? 0 : Math.abs(authSize(bytes, 0, length));
    // Only a REQUEST has more behind its data than four bytes that say "null".
    if (length < 16 || i32(bytes, 0) === PacketType.REQUEST) return 0;
    const size = packetSize(bytes, 0, length);
    return size === 0 ? 0 : 20 + Math.max(0, i32(bytes, 12));
  }

  check(side: Side, bytes: Uint8Array, at: number, end: number): number {
    if (side !== this.#conn.clientSide && this.#isInSnapshot) {
      const piece = checkPiece(bytes, at, end);
      if (piece !== 0) return piece;
    }
    return checkPacket(bytes, at, end);
  }

  outOfStep(side: Side): void {
    if (side === this.#conn.clientSide) return;
    // Until the learner is level a SNAP may have been among what was lost.
    this.#isInSnapshot = this.#stage !== "packets" || !this.#sync.isOver;
    this.#stage = "packets";
  }

  inStep(side: Side, bytes: Uint8Array, at: number, end: number): void {
    if (side === this.#conn.clientSide || !this.#isInSnapshot) return;
    this.#isInSnapshot = false;
    if (isSignature(bytes, at, end)) this.#stage = "signature";
    else if (isEnd(bytes, at, end) || checkPacket(bytes, at, end) <= 0) this.#stage = "node";
  }

  skipped(side: Side, count: number, time: number): void {
    if (side !== this.#conn.clientSide) this.#sync.lost(count);
    this.#context.loss(this.#conn, side, count, "unreadable", time);
  }

  record(
    side: Side,
    bytes: Uint8Array,
    start: number,
    end: number,
    size: number,
    lost: number,
    time: number,
  ): void {
    this.#context.count(this.#conn, side, size);
    const stage = this.#stageOf(side);
    const draft = stage !== "packets"
      ? this.#piece(stage, bytes, start, end, size)
      : isAuth(bytes, start, end)
      ? SASL
      : this.#packet(side, bytes, start, end, size, lost, time);
    if (!this.#context.isRich || draft === null) return;
    this.#context.emit(this.#conn, side, draft, bytes, start, end, size, lost, time);
  }

  #piece(
    stage: SnapshotPartName,
    bytes: Uint8Array,
    start: number,
    end: number,
    size: number,
  ): Draft | null {
    const isLast = stage === "node" && isEnd(bytes, start, end);
    const part: SnapshotPartName = isLast ? "end" : stage;
    this.#sync.piece(part, size);
    this.#stage = this.#after(stage, isLast, bytes, start);
    if (!this.#context.isRich) return null;
    const length = part === "node" ? i32(bytes, start) : 0;
    const path = part === "node"
      ? decodeText(bytes, start + 4, Math.min(end, start + 4 + length))
      : null;
    return { kind: "snapshot", name: part, layout: { of: "snapshot", part }, path };
  }

  #after(
    stage: SnapshotPartName,
    isLast: boolean,
    bytes: Uint8Array,
    start: number,
  ): "packets" | SnapshotPartName {
    switch (stage) {
      case "sessionCount":
        this.#left = i32(bytes, start);
        return this.#left > 0 ? "session" : "aclCount";
      case "session":
        this.#left -= 1;
        return this.#left > 0 ? "session" : "aclCount";
      case "aclCount":
        this.#left = i32(bytes, start);
        return this.#left > 0 ? "acl" : "node";
      case "acl":
        this.#left -= 1;
        return this.#left > 0 ? "acl" : "node";
      case "signature":
        return "packets";
      default:
        return isLast ? "signature" : "node";
    }
  }

  #packet(
    side: Side,
    bytes: Uint8Array,
    start: number,
    end: number,
    size: number,
    lost: number,
    time: number,
  ): Draft | null {
    if (end - start < 16) return { kind: "malformed", name: "(cut)", layout: { of: "raw" } };
    const type = i32(bytes, start);
    const high = i32(bytes, start + 4);
    const low = i32(bytes, start + 8);
    const isLearner = side === this.#conn.clientSide;
    const { counter, isRich } = this.#context;
    counter?.packet(this.#conn, type, size, time);
    if (type === PacketType.SNAP && !isLearner) this.#stage = "sessionCount";
    this.#sync.packet(isLearner, type, bytes, start, end, size, time);
    const note = this.#understand(isLearner, type, high, low, bytes, start, end, lost, time);
    if (!isRich) return null;
    return {
      kind: "packet",
      name: packetName(type),
      layout: { of: "packet", from: isLearner ? "learner" : "leader" },
      zxid: type === PacketType.REQUEST || type === PacketType.REVALIDATE
        ? null
        : i64(bytes, start + 4),
      ...note,
    };
  }

  /** Hands the packet to whoever follows its story; returns what its line shall say. */
  #understand(
    isLearner: boolean,
    type: number,
    high: number,
    low: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    lost: number,
    time: number,
  ): Partial<Draft> {
    const conn = this.#conn;
    const { writes } = this.#story;
    switch (type) {
      case PacketType.REQUEST:
        return this.#request(bytes, start + 16, end, time);
      case PacketType.PROPOSAL:
      case PacketType.INFORM:
        return this.#txn(type, high, low, bytes, start + 16, end, lost, time);
      case PacketType.INFORMANDACTIVATE:
        return this.#txn(type, high, low, bytes, start + 24, end, lost, time);
      case PacketType.ACK:
        if (isLearner && low !== 0) writes.acked(conn, high, low, time);
        return {};
      case PacketType.COMMIT:
      case PacketType.COMMITANDACTIVATE:
        writes.committed(conn, high, low, time);
        return {};
      case PacketType.LEADERINFO:
        this.#story.epoch(conn, conn.serverSide, BigInt(high), "proposed", time);
        return { note: `epoch ${high}` };
      case PacketType.FOLLOWERINFO:
      case PacketType.OBSERVERINFO:
        return { note: `sid ${this.#sync.sid ?? "?"}, accepted epoch ${high}` };
      case PacketType.NEWLEADER:
        if (lost === 0) this.#config(bytes, start, end);
        return { note: `epoch ${high}` };
      case PacketType.UPTODATE: {
        const epoch = this.#sync.epoch;
        if (epoch !== null) {
          this.#story.epoch(conn, conn.serverSide, epoch, "established", time);
        }
        return {};
      }
      default:
        return {};
    }
  }

  #config(bytes: Uint8Array, start: number, end: number): void {
    const length = i32(bytes, start + 12);
    if (length <= 0 || start + 16 + length > end) return;
    this.#context.members.config(decodeText(bytes, start + 16, start + 16 + length));
  }

  #request(bytes: Uint8Array, data: number, end: number, time: number): Partial<Draft> {
    if (end - data < 16) return {};
    const session = i64(bytes, data);
    const cxid = i32(bytes, data + 8);
    const op = i32(bytes, data + 12);
    this.#story.writes.forwarded(this.#conn, session, cxid, op, time);
    if (!this.#context.isRich) return {};
    const path = PATHLESS.has(op) || op < 0 ? null : textAt(bytes, data + 16, end);
    return { session, xid: cxid, path, note: opName(op) };
  }

  #txn(
    type: number,
    high: number,
    low: number,
    bytes: Uint8Array,
    data: number,
    end: number,
    lost: number,
    time: number,
  ): Partial<Draft> {
    if (end - data < TXN_HEADER) return {};
    const session = i64(bytes, data);
    const cxid = i32(bytes, data + 8);
    const txnType = i32(bytes, data + 28);
    const body = data + TXN_HEADER;
    const error = txnType === OpCode.error && end - body >= 4 ? i32(bytes, body) : 0;
    const path = txnType > 0 && txnType !== OpCode.multi ? textAt(bytes, body, end) : null;
    const isInform = type !== PacketType.PROPOSAL;
    const txn: SeenTxn = { high, low, session, cxid, type: txnType, error, path };
    if (!this.#sync.isReplaying) {
      this.#story.writes.proposed(this.#conn, txn, time, isInform);
      const isExpiry = txnType === OpCode.closeSession && cxid === 0 && lost === 0;
      if (isExpiry) this.#expired(session, high, low, time);
    }
    if (!this.#context.isRich) return {};
    return { session, xid: cxid, path, error: error === 0 ? null : error, note: opName(txnType) };
  }

  /** Each member gets the proposal; the story is told once. */
  #expired(session: bigint, high: number, low: number, time: number): void {
    if (this.#story.isToldTwice(high, low)) return;
    const zxid = (BigInt(high) << 32n) | BigInt(low >>> 0);
    this.#story.sessions.expired(session, zxid, time, this.#conn.server);
  }
}

const SASL: Draft = { kind: "sasl", name: "sasl", layout: { of: "auth" } };

/** The string at `at` as far as it was captured; null when there is none. */
function textAt(bytes: Uint8Array, at: number, end: number): string | null {
  if (end - at < 4) return null;
  const length = i32(bytes, at);
  if (length < 0 || length > 1 << 20) return null;
  return decodeText(bytes, at + 4, Math.min(end, at + 4 + length));
}
