// An election connection: the greeting of the side that dialled, SASL steps if there are any, then
// notifications both ways (quorum.md 1, 2, 10.2). After the greeting the receiver sends without one.

import { isFault } from "../base/errors.ts";
import { readInitialMessage, readNotification } from "../wire/election.ts";
import { authSize, isAuth } from "./auth_bytes.ts";
import { i32, i64 } from "./bytes.ts";
import { checkNotification } from "./checks.ts";
import type { Conn, Context, Talk } from "./context.ts";
import { STATES } from "./elections.ts";
import type { Side } from "./flows.ts";
import { type RecordOwner, RecordStream } from "./stream.ts";
import type { LossReason } from "./tcp.ts";
import type { Understanding } from "./understanding.ts";

const FRAME_MAX = 1 << 20;
const TEXT_MAX = 2048;

export class ElectionTalk implements Talk, RecordOwner {
  readonly protocol = "election";
  readonly #conn: Conn;
  readonly #context: Context;
  readonly #story: Understanding;
  readonly #streams: readonly [RecordStream, RecordStream];
  /** The dialler's greeting is still to come. */
  #wantsGreeting: boolean;

  constructor(
    conn: Conn,
    context: Context,
    story: Understanding,
    inStep: readonly [boolean, boolean],
  ) {
    this.#conn = conn;
    this.#context = context;
    this.#story = story;
    this.#wantsGreeting = inStep[conn.clientSide];
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
    this.#streams[side].lost(length, time);
  }

  close(time: number): void {
    for (const stream of this.#streams) stream.end(time);
  }

  #isGreeting(side: Side): boolean {
    return this.#wantsGreeting && side === this.#conn.clientSide;
  }

  measure(side: Side, bytes: Uint8Array, at: number, end: number): number {
    if (this.#isGreeting(side)) return greetingSize(bytes, at, end);
    if (isAuth(bytes, at, end)) return authSize(bytes, at, end);
    if (end - at < 4) return -4;
    const length = i32(bytes, at);
    if (length <= 0 || length > FRAME_MAX) return 0;
    return end - at >= 4 + length ? 4 + length : -4 - length;
  }

  sizeOf(side: Side, bytes: Uint8Array, length: number): number {
    const size = length < 4 ? 0 : Math.abs(this.measure(side, bytes, 0, length));
    return this.#isGreeting(side) && length < 20 ? 0 : size;
  }

  check(_side: Side, bytes: Uint8Array, at: number, end: number): number {
    return checkNotification(bytes, at, end);
  }

  outOfStep(side: Side): void {
    if (side === this.#conn.clientSide) this.#wantsGreeting = false;
  }

  inStep(): void {}

  skipped(side: Side, count: number, time: number): void {
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
    if (this.#isGreeting(side)) {
      this.#wantsGreeting = false;
      this.#greeting(side, bytes, start, end, size, lost, time);
    } else if (isAuth(bytes, start, end)) {
      this.#auth(side, bytes, start, end, size, lost, time);
    } else this.#notification(side, bytes, start, end, size, lost, time);
  }

  #greeting(
    side: Side,
    bytes: Uint8Array,
    start: number,
    end: number,
    size: number,
    lost: number,
    time: number,
  ): void {
    const { members } = this.#context;
    const sid = i64(bytes, start) >= 0n ? i64(bytes, start) : i64(bytes, start + 8);
    let note = "";
    if (end - start >= 8) {
      this.#conn.sids[side] = sid;
      members.lives(this.#conn.names[side], sid);
    }
    if (lost === 0) {
      try {
        const greeting = readInitialMessage(bytes.slice(start, end));
        if (typeof greeting !== "number") {
          const names = greeting.addresses.map(({ host, port }) =>
            host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`
          );
          for (const name of names) members.listens(name, sid);
          note = names.length === 0 ? `from ${sid}` : `from ${sid} at ${names.join(", ")}`;
        }
      } catch (error) {
        if (!isFault(error)) throw error;
        note = error.message;
      }
    }
    if (!this.#context.isRich) return;
    const draft = {
      kind: "greeting" as const,
      name: "greeting",
      layout: { of: "greeting" } as const,
      note,
    };
    this.#context.emit(this.#conn, side, draft, bytes, start, end, size, lost, time);
  }

  #auth(
    side: Side,
    bytes: Uint8Array,
    start: number,
    end: number,
    size: number,
    lost: number,
    time: number,
  ): void {
    if (!this.#context.isRich) return;
    const draft = { kind: "sasl" as const, name: "sasl", layout: { of: "auth" } as const };
    this.#context.emit(this.#conn, side, draft, bytes, start, end, size, lost, time);
  }

  #notification(
    side: Side,
    bytes: Uint8Array,
    start: number,
    end: number,
    size: number,
    lost: number,
    time: number,
  ): void {
    this.#context.counter?.notification(this.#conn, time);
    let name = "(malformed)";
    let note = "";
    let zxid: bigint | null = null;
    if (lost > 0) {
      name = STATES[end - start >= 8 ? i32(bytes, start + 4) : -1] ?? "(cut)";
    } else {
      try {
        const { notification } = readNotification(bytes.slice(start + 4, end));
        const { config, leader, electionEpoch, peerEpoch } = notification;
        if (config !== null) this.#context.members.config(config);
        this.#story.elections.notification(this.#conn, side, notification, time);
        name = STATES[notification.state] ?? "";
        zxid = notification.zxid;
        note = leader < 0n
          ? `asks in round ${electionEpoch}, does not vote`
          : `votes for ${leader} in round ${electionEpoch}, epoch ${peerEpoch}`;
      } catch (error) {
        if (!isFault(error)) throw error;
        note = error.message;
      }
    }
    if (!this.#context.isRich) return;
    const draft = {
      kind: "notification" as const,
      name,
      layout: { of: "notification" } as const,
      zxid,
      note,
    };
    this.#context.emit(this.#conn, side, draft, bytes, start, end, size, lost, time);
  }
}

/** Size of a greeting; negative: at least so many bytes; 0: there is none like this. */
export function greetingSize(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 8) return -8;
  if (i32(bytes, at) >= 0) return 8;
  if (i32(bytes, at) !== -1 || (i32(bytes, at + 4) & -2) !== -65536) return 0;
  if (end - at < 20) return -20;
  const length = i32(bytes, at + 16);
  if (length <= 0 || length > TEXT_MAX) return 0;
  return end - at >= 20 + length ? 20 + length : -20 - length;
}
