// How one learner was brought level: what it had, what the leader chose, how much was sent, how long
// each step took (quorum.md 5 and 6). One story for each connection of a learner.

import { PacketType } from "../txn/opcodes.ts";
import { i32, i64 } from "./bytes.ts";
import type { Conn, Context } from "./context.ts";
import type { SnapshotPartName, SyncStory } from "./message.ts";

export class SyncTracker {
  readonly #conn: Conn;
  readonly #context: Context;
  #started = NaN;
  #role: "follower" | "observer" = "follower";
  #kind: SyncStory["kind"] = null;
  #learnerZxid: bigint | null = null;
  #zxid: bigint | null = null;
  #first: bigint | null = null;
  #last: bigint | null = null;
  #proposals = 0;
  #bytes = 0;
  #nodes = 0;
  #sessions = 0;
  #lost = 0;
  #synced = NaN;
  #newLeader = NaN;
  #acked = NaN;
  #isOver = false;
  /** The learner is level, or the connection is over. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** What the leader proposes now is the past; unknown, and so false, once bytes of it are lost. */
  get isReplaying(): boolean {
    return this.#isBegun && !this.#isOver && Number.isNaN(this.#newLeader) && this.#lost === 0;
  }

  get #isBegun(): boolean {
    return !Number.isNaN(this.#started) || this.#kind !== null;
  }

  sid: bigint | null = null;
  /** The epoch that this leader works in. */
  epoch: bigint | null = null;

  constructor(conn: Conn, context: Context) {
    this.#conn = conn;
    this.#context = context;
  }

  lost(bytes: number): void {
    if (!this.#isOver) this.#lost += bytes;
  }

  piece(part: SnapshotPartName, size: number): void {
    this.#bytes += size;
    if (part === "node") this.#nodes += 1;
    if (part === "session") this.#sessions += 1;
  }

  packet(
    isLearner: boolean,
    type: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    size: number,
    time: number,
  ): void {
    if (this.#isOver) return;
    switch (type) {
      case PacketType.FOLLOWERINFO:
      case PacketType.OBSERVERINFO:
        this.#started = time;
        this.#role = type === PacketType.OBSERVERINFO ? "observer" : "follower";
        if (end - start < 24 || i32(bytes, start + 12) < 8) return;
        this.sid = i64(bytes, start + 16);
        this.#conn.sids[this.#conn.clientSide] = this.sid;
        this.#context.members.lives(this.#conn.client, this.sid);
        if (this.#role === "observer") this.#context.members.observers.add(this.sid);
        return;
      case PacketType.LEADERINFO:
        this.epoch = BigInt(i32(bytes, start + 4));
        return;
      case PacketType.ACKEPOCH:
        this.#learnerZxid = i64(bytes, start + 4);
        return;
      case PacketType.DIFF:
      case PacketType.TRUNC:
      case PacketType.SNAP:
        this.#kind = type === PacketType.DIFF
          ? "DIFF"
          : type === PacketType.TRUNC
          ? "TRUNC"
          : "SNAP";
        this.#zxid = i64(bytes, start + 4);
        this.#synced = time;
        this.#bytes += size;
        return;
      case PacketType.PROPOSAL:
        if (!Number.isNaN(this.#newLeader)) return;
        this.#proposals += 1;
        this.#bytes += size;
        this.#last = i64(bytes, start + 4);
        this.#first ??= this.#last;
        return;
      case PacketType.COMMIT:
        if (Number.isNaN(this.#newLeader)) this.#bytes += size;
        return;
      case PacketType.NEWLEADER:
        this.#newLeader = time;
        this.epoch = BigInt(i32(bytes, start + 4));
        return;
      case PacketType.ACK:
        if (isLearner && Number.isNaN(this.#acked) && !Number.isNaN(this.#newLeader)) {
          this.#acked = time;
        }
        return;
      case PacketType.UPTODATE:
        this.#tell(time, time, "complete");
    }
  }

  close(time: number): void {
    if (!this.#isOver && this.#isBegun) this.#tell(time, null, "broken off");
  }

  #tell(time: number, upToDate: number | null, outcome: SyncStory["outcome"]): void {
    this.#isOver = true;
    const seen = (at: number): number | null => Number.isNaN(at) ? null : at;
    this.#context.tell({
      type: "sync",
      time,
      connection: this.#conn.id,
      sid: this.sid ?? this.#context.members.sidOf(this.#conn, this.#conn.clientSide),
      role: this.#role,
      leader: this.#conn.server,
      kind: this.#kind,
      learnerZxid: this.#learnerZxid,
      zxid: this.#zxid,
      epoch: this.epoch,
      proposals: this.#proposals,
      firstZxid: this.#first,
      lastZxid: this.#last,
      bytes: this.#bytes,
      snapshotNodes: this.#nodes,
      snapshotSessions: this.#sessions,
      lost: this.#lost,
      started: seen(this.#started) ?? seen(this.#synced) ?? time,
      synced: seen(this.#synced),
      newLeader: seen(this.#newLeader),
      acked: seen(this.#acked),
      upToDate,
      outcome,
    });
  }
}
