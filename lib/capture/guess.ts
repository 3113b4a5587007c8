// A connection that has not been recognised yet: its bytes are held back until it is, then given to
// the talk of its protocol as if they had just come. Bounded; a connection that stays a riddle is
// counted and left alone.

import { Carry, i32 } from "./bytes.ts";
import { ClientTalk } from "./client_talk.ts";
import type { Conn, Context, Talk } from "./context.ts";
import { ElectionTalk } from "./election_talk.ts";
import type { Side } from "./flows.ts";
import type { Protocol } from "./message.ts";
import { Places } from "./places.ts";
import { HttpTalk, UnknownTalk, WordsTalk } from "./plain_talks.ts";
import { QuorumTalk } from "./quorum_talk.ts";
import { recogniseMiddle, recogniseStart, type Verdict } from "./recognise.ts";
import type { LossReason } from "./tcp.ts";
import { TlsTalk } from "./tls_talk.ts";
import type { Understanding } from "./understanding.ts";

/** Held at a time and side; looked at in all before giving up. */
const HELD_MAX = 1 << 18;
const SEEN_MAX = 4 << 20;
/** What a piece costs besides its bytes. */
const PIECE_COST = 256;
const SERVICES_MAX = 10_000;

/** Ports from here on are what systems give to those who dial. */
const EPHEMERAL = 32768;
/** Found in what either side may have said. */
const ALIKE: ReadonlySet<string> = new Set(["a notification", "TLS records"]);

const ID: Verdict = {
  protocol: "election",
  role: "client",
  why: "a server id alone, on an election port",
};
const TEXT: Verdict = { protocol: "words", role: "server", why: "text, on a client port" };

interface HeldData {
  readonly side: Side;
  /** Null: bytes that are missing. */
  readonly bytes: Uint8Array | null;
  length: number;
  readonly why: LossReason;
  readonly time: number;
}

export class Guess implements Talk {
  readonly protocol = "unknown";
  readonly #conn: Conn;
  readonly #context: Context;
  readonly #story: Understanding;
  readonly #hint: Protocol | null;
  readonly #held: HeldData[] = [];
  /** The loss that each side's stream ends with at present. */
  readonly #lastLoss: [HeldData | null, HeldData | null] = [null, null];
  /** Bytes of each side since its last loss. */
  readonly #recent: readonly [Carry, Carry] = [new Carry(), new Carry()];
  readonly #places: readonly [Places, Places] = [new Places(), new Places()];
  /** That side's recent bytes are the first it ever sent. */
  readonly #isStart: [boolean, boolean];
  #heldBytes = 0;
  #seen = 0;

  /** `hint`: what the ports suggest. */
  constructor(conn: Conn, context: Context, story: Understanding, hint: Protocol | null) {
    this.#conn = conn;
    this.#context = context;
    this.#story = story;
    this.#hint = hint;
    this.#isStart = [true, true];
  }

  data(side: Side, bytes: Uint8Array, start: number, end: number, time: number): void {
    if (this.#held.length === 0 && this.#isStart[side]) {
      // The common case: the first segment says it all, and nothing has to be copied.
      const verdict = recogniseStart(bytes, start, end, this.#hint);
      if (verdict !== null && verdict !== "more" && this.#fits(verdict, side)) {
        this.#settle(verdict, side, time, true).data(side, bytes, start, end, time);
        return;
      }
    }
    const length = end - start;
    const copy = bytes.slice(start, end);
    this.#lastLoss[side] = null;
    this.#held.push({ side, bytes: copy, length, why: "not captured", time });
    this.#heldBytes += length + PIECE_COST;
    this.#seen += length;
    this.#recent[side].append(bytes, start, end);
    this.#decide(side, time);
    if (this.#conn.talk === this) this.#settleUp();
  }

  lost(side: Side, length: number, why: LossReason, time: number): void {
    const before = this.#lastLoss[side];
    if (before !== null && before.why === why) {
      // A capture of headers alone is nothing but losses: one is kept, not one for each packet.
      before.length += length;
      return;
    }
    const loss: HeldData = { side, bytes: null, length, why, time };
    this.#held.push(loss);
    this.#heldBytes += PIECE_COST;
    this.#lastLoss[side] = loss;
    this.#isStart[side] = false;
    this.#recent[side].clear();
    this.#places[side].reset(0);
    this.#settleUp();
  }

  /** Holds no more than it may. */
  #settleUp(): void {
    if (this.#heldBytes > HELD_MAX) this.#forget();
    if (this.#conn.talk !== this) return;
    const [one, other] = this.#recent;
    this.#context.backlog.holds(this, this.#heldBytes + one.length + other.length);
  }

  close(time: number, why: string): void {
    if (this.#loneId() === null && this.#loneText() === null) return this.giveUp();
    if (!this.resolve(time, why)) this.#context.riddles.push(this);
  }

  /** Tries once more what only its port tells: others may have said by now what is spoken there. */
  resolve(time: number, why: string): boolean {
    const id = this.#loneId();
    const side = id ?? this.#loneText();
    if (side === null) return false;
    const { services } = this.#context.members;
    const listener = this.#conn.names[id === null ? side : side ^ 1];
    const there = services.get(listener) ?? this.#hint;
    const verdict = id === null ? TEXT : ID;
    const isThere = id === null ? there === "client" || there === "words" : there === "election";
    if (!isThere) return false;
    this.#replay(verdict, side, time).close(time, why);
    return true;
  }

  #decide(side: Side, time: number): void {
    const recent = this.#recent[side];
    if (this.#isStart[side]) {
      const verdict = recogniseStart(recent.bytes, 0, recent.length, this.#hint);
      if (verdict === "more") return;
      if (verdict !== null && this.#fits(verdict, side)) {
        this.#replay(verdict, side, time, true);
        return;
      }
      // With the SYN captured these are the first bytes, and nothing of ours begins like this.
      if (this.#conn.flow.halves[side].isn !== null && recent.length >= 48) {
        const isOpener = this.#conn.flow.opener === side;
        if (isOpener) return this.giveUp();
      }
    }
    const verdict = recogniseMiddle(recent.bytes, recent.length, this.#places[side]);
    if (verdict !== null && this.#fits(verdict, side)) this.#replay(verdict, side, time);
  }

  /** Who dialled asks, the other answers; only electors talk alike. */
  #fits(verdict: Verdict, side: Side): boolean {
    const { opener } = this.#conn.flow;
    if (opener === null || verdict.why === "a notification") return true;
    return (opener === side) === (verdict.role === "client");
  }

  /** The side that sent eight bytes which may be a server id, and nothing else was said. */
  #loneId(): Side | null {
    if (this.#held.some((one) => one.bytes === null)) return null;
    for (const side of [0, 1] as const) {
      const { bytes, length } = this.#recent[side];
      const isDialler = (this.#conn.flow.opener ?? side) === side;
      const isId = length === 8 && i32(bytes, 0) === 0;
      if (isId && isDialler && this.#recent[side ^ 1].length === 0) return side;
    }
    return null;
  }

  /** The side that sent plain text while nothing was captured of what it answers. */
  #loneText(): Side | null {
    for (const side of [0, 1] as const) {
      const { bytes, length } = this.#recent[side];
      if (length === 0 || this.#recent[side ^ 1].length > 0 || this.#conn.flow.opener === side) {
        continue;
      }
      const isText = bytes.subarray(0, length).every((byte) =>
        byte >= 0x20 || byte === 10 ||
        byte === 13 || byte === 9
      );
      if (isText) return side;
    }
    return null;
  }

  /** Where both sides talk alike only addresses tell who dialled; null when they do not either. */
  #dialler(verdict: Verdict): Side | null {
    if (!ALIKE.has(verdict.why)) return null;
    const { names, flow: { ports } } = this.#conn;
    const { services } = this.#context.members;
    const [isFirst, isSecond] = names.map((name) => services.get(name) === verdict.protocol);
    if (isFirst !== isSecond) return isFirst ? 1 : 0;
    const [first, second] = ports.map((port) => port >= EPHEMERAL);
    return first === second ? null : first ? 0 : 1;
  }

  /** Puts the talk in place and says so. */
  #settle(verdict: Verdict, side: Side, time: number, isBegin: boolean): Talk {
    const conn = this.#conn;
    // Who dialled is the client, learner or elector; without the SYN the bytes must tell.
    const speaker = verdict.role === "client" ? side : (side ^ 1) as Side;
    conn.clientSide = conn.flow.opener ?? this.#dialler(verdict) ?? speaker;
    const talk = this.#talk(verdict, isBegin ? side : null);
    conn.talk = talk;
    const { services } = this.#context.members;
    if (services.size < SERVICES_MAX) services.set(conn.server, verdict.protocol);
    this.#context.tell({
      type: "connection",
      time,
      what: "recognised",
      connection: conn.id,
      protocol: conn.protocol,
      from: conn.client,
      to: conn.server,
      why: verdict.why,
      messages: 0,
      bytes: 0,
      lost: 0,
    });
    return talk;
  }

  /** `begins`: the side whose first bytes gave the verdict. */
  #talk(verdict: Verdict, begins: Side | null): Talk {
    const [conn, context, story] = [this.#conn, this.#context, this.#story];
    const inStep: [boolean, boolean] = [this.#isInStep(0, begins), this.#isInStep(1, begins)];
    switch (verdict.protocol) {
      case "client":
        return new ClientTalk(conn, context, story, inStep);
      case "election":
        return new ElectionTalk(conn, context, story, inStep);
      case "quorum":
        return new QuorumTalk(conn, context, story, inStep);
      case "tls":
        return new TlsTalk(conn, context, inStep);
      case "http":
        return new HttpTalk(conn, context, inStep);
      case "words":
        return new WordsTalk(conn, context);
    }
  }

  /** True when that side's stream is known from its first byte, or begins like one. */
  #isInStep(side: Side, begins: Side | null): boolean {
    if (this.#conn.flow.halves[side].isn !== null || begins === side) return true;
    const first = this.#held.find((one) => one.side === side);
    const bytes = first?.bytes;
    // Whoever answers what has just begun begins as well.
    if (first === undefined) {
      return this.#isStart[side] && (begins !== null || this.#conn.flow.opener !== null);
    }
    if (bytes === null || bytes === undefined) return false;
    return recogniseStart(bytes, 0, bytes.length, this.#hint) instanceof Object;
  }

  #replay(verdict: Verdict, side: Side, time: number, isBegin = false): Talk {
    const talk = this.#settle(verdict, side, time, isBegin);
    for (const one of this.#held) {
      if (one.bytes === null) talk.lost(one.side, one.length, one.why, one.time);
      else talk.data(one.side, one.bytes, 0, one.length, one.time);
    }
    this.#letGo();
    return talk;
  }

  #letGo(): void {
    this.#held.length = 0;
    for (const recent of this.#recent) recent.clear(0);
    this.#context.backlog.holds(this, 0);
  }

  /** Too much is held: the older half goes, and with it the connection's beginning. */
  #forget(): void {
    if (this.#seen > SEEN_MAX) return this.giveUp();
    while (this.#heldBytes > HELD_MAX / 2) {
      const gone = this.#held.shift();
      if (gone === undefined) break;
      this.#heldBytes -= PIECE_COST + (gone.bytes?.length ?? 0);
      if (gone.bytes === null && this.#lastLoss[gone.side] === gone) {
        this.#lastLoss[gone.side] = null;
      }
      this.#isStart[gone.side] = false;
    }
    for (const side of [0, 1] as const) {
      const recent = this.#recent[side];
      const gone = recent.length - HELD_MAX / 2;
      if (gone <= 0) continue;
      recent.drop(gone);
      this.#places[side].drop(gone);
    }
  }

  /** It is none of ours, as far as can be told. */
  giveUp(): void {
    for (const one of this.#held) if (one.bytes === null) this.#conn.lost += one.length;
    this.#letGo();
    this.#conn.talk = new UnknownTalk(this.#conn);
  }
}
