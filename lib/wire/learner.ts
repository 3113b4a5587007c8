// The learner port as a stream (quorum.md 4 and 6.6): quorum packets without any length before
// them, a SNAP that turns the stream into the bytes of a snapshot and its signature that turns it
// back, and the SASL packets that may come first (quorum.md 10.2). What is in a packet:
// payloads.ts.
//
// ACK, COMMIT and PING are the traffic of every write. They have a lane of their own that builds
// neither record nor bigint: bare(), hi, lo. Must agree with Java's QuorumPacket and
// SerializeUtils.

import { Fault } from "../base/errors.ts";
import { Input } from "../codec/input.ts";
import { Gauge, type Step, stepsOf } from "../codec/measure.ts";
import type { Output } from "../codec/output.ts";
import {
  AclEntryShape,
  readAclEntry,
  readSnapshotNode,
  readSnapshotSession,
  type SnapshotNode,
  SnapshotNodeShape,
  type SnapshotSession,
  SnapshotSessionShape,
  writeAclEntry,
  writeSnapshotNode,
  writeSnapshotSession,
} from "../records/disk.ts";
import type { AclEntry } from "../records/disk.ts";
import {
  type QuorumAuthPacket,
  QuorumAuthPacketShape,
  type QuorumPacket,
  QuorumPacketShape,
  readQuorumAuthPacket,
  readQuorumPacket,
} from "../records/quorum.ts";
import { PacketType } from "../txn/opcodes.ts";
import { ByteQueue } from "./frames.ts";

/** Longest single buffer or string of a packet with default settings (quorum.md 0.1, 3.5.7+). */
export const PACKET_BUFFER_MAX = 2_097_150;

/** First long of a SASL packet, as its two words. */
export const AUTH_MAGIC = 0x5f2435013501edccn;
const AUTH_MAGIC_HI = Number(AUTH_MAGIC >> 32n);
const AUTH_MAGIC_LO = Number(BigInt.asIntN(32, AUTH_MAGIC));
export const AuthStatus = { inProgress: 0, success: 1, error: -1 } as const;

/** The text behind a snapshot's last node, by which both sides know that it is whole. */
export const SNAPSHOT_SIGNATURE = "BenWasHere";
/** The path that ends the nodes. The root itself goes out as the empty path. */
const SNAPSHOT_END = "/";

/** A piece of a snapshot stream. Buffers are views: a tree that keeps them copies them. */
export type SnapshotPart =
  | { readonly kind: "sessionCount"; readonly count: number }
  | { readonly kind: "session"; readonly session: SnapshotSession }
  | { readonly kind: "aclCount"; readonly count: number }
  | { readonly kind: "acl"; readonly entry: AclEntry }
  | { readonly kind: "node"; readonly node: SnapshotNode }
  /** The nodes ended and the signature was right; packets follow again. */
  | { readonly kind: "end" };

const PACKET = stepsOf(QuorumPacketShape);
const AUTH = stepsOf(QuorumAuthPacketShape);
const INT: readonly Step[] = [4];
const SESSION = stepsOf(SnapshotSessionShape);
const ACL_ENTRY = stepsOf(AclEntryShape);
const NODE = stepsOf(SnapshotNodeShape);
/** The mark after the last node, and the signature. */
const END: readonly Step[] = ["blob", "blob"];

/** Bytes of a packet without data and authinfo, and the offsets of their lengths. */
const BARE_SIZE = 20;
const DATA_AT = 12;
const AUTHINFO_AT = 16;

type Stage = "packets" | "sessionCount" | "sessions" | "aclCount" | "acls" | "nodes";

export class PacketReader {
  readonly queue: ByteQueue;
  readonly #gauge: Gauge;
  readonly #where: string;
  readonly #input = new Input(new Uint8Array(0));
  /** What the gauge has begun with; null: nothing. */
  #measured: readonly Step[] | null = null;
  #stage: Stage = "packets";
  /** Sessions or ACLs of a snapshot that are still to come. */
  #left = 0;

  /** The bytes of what next(), nextAuth() or nextSnapshotPart() gave last: a view. */
  taken: Uint8Array = new Uint8Array(0);
  /** Words of the zxid of the packet that {@link bare} took last; signed. */
  hi = 0;
  lo = 0;

  /** `limit`: longest buffer or string believed. `where` names the link in faults. */
  constructor(limit = PACKET_BUFFER_MAX, where = "learner port", queue = new ByteQueue()) {
    this.queue = queue;
    this.#where = where;
    this.#input.limit = limit;
    this.#gauge = new Gauge(limit, 2 * limit + 1024, where);
  }

  /** The chunk belongs to the reader from here on. */
  push(chunk: Uint8Array): void {
    this.queue.push(chunk);
  }

  /**
   * Takes the next packet if it is a whole ACK, COMMIT or PING without data: returns its type and
   * leaves its zxid in {@link hi} and {@link lo}. 0: none of these, or not all in one chunk; ask
   * next().
   */
  bare(): number {
    const { queue } = this;
    if (queue.size < BARE_SIZE || this.#stage !== "packets") return 0;
    const { head, headAt } = queue;
    if (head === null || headAt + BARE_SIZE > head.length) return 0; // next() joins chunks
    const type = intOf(head, headAt);
    if (type < PacketType.ACK || type > PacketType.PING) return 0;
    if (intOf(head, headAt + DATA_AT) !== -1 || intOf(head, headAt + AUTHINFO_AT) !== -1) return 0;
    this.hi = intOf(head, headAt + 4);
    this.lo = intOf(head, headAt + 8);
    queue.skip(BARE_SIZE);
    this.#measured = null;
    return type;
  }

  /**
   * The next whole packet, or null while it is not all here. Its data is a view. After a SNAP the
   * caller says {@link expectSnapshot} before it asks again, for nothing in the bytes does.
   *
   * Faults: LENGTH.
   */
  next(): QuorumPacket | null {
    if (this.#stage !== "packets") return null;
    const bytes = this.#plain() ?? this.#whole(PACKET);
    return bytes === null ? null : readQuorumPacket(this.#input.reset(bytes));
  }

  /** Bytes missing at the least for the next packet or part; 0 when it is whole. */
  missing(): number {
    return this.#missing(this.#steps());
  }

  // ---- SASL before the first packet -------------------------------------------------------------

  /** Whether SASL packets come: null while fewer than eight bytes are here. Consumes nothing. */
  hasAuthMagic(): boolean | null {
    return hasAuthMagic(this.queue);
  }

  nextAuth(): QuorumAuthPacket | null {
    const bytes = this.#whole(AUTH);
    return bytes === null ? null : readQuorumAuthPacket(this.#input.reset(bytes));
  }

  // ---- snapshot stream --------------------------------------------------------------------------

  /** The next bytes are a snapshot: to be said after a SNAP packet was taken. */
  expectSnapshot(): void {
    this.#stage = "sessionCount";
    this.#measured = null;
  }

  /** True from {@link expectSnapshot} until the part "end" was taken. */
  get inSnapshot(): boolean {
    return this.#stage !== "packets";
  }

  /**
   * The next part of the snapshot, or null while it is not all here. After "end" packets follow.
   *
   * Faults: LENGTH; BAD_MAGIC for another signature; PROTOCOL for a node without a path.
   */
  nextSnapshotPart(): SnapshotPart | null {
    if (this.#stage === "packets") return null;
    const steps = this.#steps();
    const bytes = this.#whole(steps);
    if (bytes === null) return null;
    const input = this.#input.reset(bytes);
    switch (this.#stage) {
      case "sessionCount":
        return { kind: "sessionCount", count: this.#begin(input, "sessions", "aclCount") };
      case "sessions":
        this.#countDown("aclCount");
        return { kind: "session", session: readSnapshotSession(input) };
      case "aclCount":
        return { kind: "aclCount", count: this.#begin(input, "acls", "nodes") };
      case "acls":
        this.#countDown("nodes");
        return { kind: "acl", entry: readAclEntry(input) };
      case "nodes":
        return steps === END ? this.#signature(input) : this.#node(input);
    }
  }

  /** Steps of what comes next. A node that is only a path ends the nodes. */
  #steps(): readonly Step[] {
    switch (this.#stage) {
      case "packets":
        return PACKET;
      case "sessionCount":
      case "aclCount":
        return INT;
      case "sessions":
        return SESSION;
      case "acls":
        return ACL_ENTRY;
      case "nodes":
        // Java reads a path, and stops at "/" before it reads the rest of a node.
        if (this.#measured !== null) return this.#measured;
        if (this.queue.size < 5) return NODE_START;
        return this.queue.intAt(0) === 1 && this.queue.byteAt(4) === 0x2f ? END : NODE;
    }
  }

  #begin(input: Input, items: Stage, behind: Stage): number {
    const count = input.int();
    this.#left = Math.max(0, count);
    this.#stage = this.#left > 0 ? items : behind;
    return count;
  }

  #countDown(behind: Stage): void {
    this.#left -= 1;
    if (this.#left === 0) this.#stage = behind;
  }

  #node(input: Input): SnapshotPart {
    const node = readSnapshotNode(input);
    if (node.path === null) {
      throw new Fault("PROTOCOL", "a snapshot holds a node without a path", { where: this.#where });
    }
    return { kind: "node", node };
  }

  #signature(input: Input): SnapshotPart {
    input.ustring(); // SNAPSHOT_END, by which it was told from a node
    const text = input.ustring();
    if (text !== SNAPSHOT_SIGNATURE) {
      throw new Fault("BAD_MAGIC", `a snapshot ends with '${text?.slice(0, 40)}'`, {
        where: this.#where,
        hint: `its signature is '${SNAPSHOT_SIGNATURE}'`,
      });
    }
    this.#stage = "packets";
    return { kind: "end" };
  }

  // ---- measuring --------------------------------------------------------------------------------

  /** A whole packet without authinfo, as nearly all are: no need to measure step by step. */
  #plain(): Uint8Array | null {
    const { queue } = this;
    if (queue.size < BARE_SIZE) return null;
    const length = queue.intAt(DATA_AT);
    if (length < -1 || length > this.#input.limit) return null;
    const size = BARE_SIZE + Math.max(0, length);
    if (queue.size < size || queue.intAt(size - 4) !== -1) return null;
    this.#measured = null;
    this.taken = queue.take(size);
    return this.taken;
  }

  #missing(steps: readonly Step[]): number {
    if (steps === NODE_START) return 5 - this.queue.size;
    if (this.#measured !== steps) {
      this.#gauge.start(steps);
      this.#measured = steps;
    }
    return this.#gauge.missing(this.queue);
  }

  #whole(steps: readonly Step[]): Uint8Array | null {
    if (this.#missing(steps) > 0) return null;
    this.#measured = null;
    this.taken = this.queue.take(this.#gauge.at);
    return this.taken;
  }
}

const intOf = (bytes: Uint8Array, at: number): number =>
  (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];

/** Too little is here to tell a node from the end of the nodes. */
const NODE_START: readonly Step[] = [5];

/** Whether the next bytes are a SASL packet's: null while fewer than eight are here. */
export function hasAuthMagic(queue: ByteQueue): boolean | null {
  if (queue.size < 8) return null;
  return queue.intAt(0) === AUTH_MAGIC_HI && queue.intAt(4) === AUTH_MAGIC_LO;
}

/** SASL packets out of a queue that other readers share, as on the election port. */
export class AuthReader {
  readonly #queue: ByteQueue;
  readonly #gauge: Gauge;
  readonly #input = new Input(new Uint8Array(0));
  /** The bytes of the packet that {@link next} gave last: a view. */
  taken: Uint8Array = new Uint8Array(0);

  constructor(queue: ByteQueue, where: string, limit = PACKET_BUFFER_MAX) {
    this.#queue = queue;
    this.#input.limit = limit;
    this.#gauge = new Gauge(limit, limit + 16, where);
    this.#gauge.start(AUTH);
  }

  next(): QuorumAuthPacket | null {
    if (this.#gauge.missing(this.#queue) > 0) return null;
    this.taken = this.#queue.take(this.#gauge.at);
    this.#gauge.start(AUTH);
    return readQuorumAuthPacket(this.#input.reset(this.taken));
  }
}

/**
 * Writes one part of a snapshot stream. "end" writes the mark after the nodes and the signature.
 */
export function writeSnapshotPart(out: Output, part: SnapshotPart): void {
  switch (part.kind) {
    case "sessionCount":
    case "aclCount":
      return out.int(part.count);
    case "session":
      return writeSnapshotSession(out, part.session);
    case "acl":
      return writeAclEntry(out, part.entry);
    case "node":
      return writeSnapshotNode(out, part.node);
    case "end":
      out.ustring(SNAPSHOT_END);
      out.ustring(SNAPSHOT_SIGNATURE);
  }
}
