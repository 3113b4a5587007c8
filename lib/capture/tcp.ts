// TCP reassembly: both byte streams of every flow, in the order in which each end had seen the
// other's. A segment that acknowledges bytes not yet handed on waits for them, so a reply never
// comes before its request even where the capture has them the other way round. A hole is given up
// when the receiver is known to have got the bytes (so the capture lost them), when it has lasted
// too long, or when too much waits behind it; what is lost is always said with its length.

import { ACK, FIN, RST, type Segment, SYN } from "./ip.ts";
import { type Flow, FlowTable, type Half, type Held, type Side, sideOf } from "./flows.ts";
import { type CloseReason, TCP_LIMITS, type TcpLimits, type TcpSink } from "./tcp_sink.ts";
import {
  beginOf,
  isForeign,
  isHolding,
  isHopeless,
  isOther,
  oldest,
  REORDER_NS,
  sideOfOldest,
} from "./patience.ts";

export {
  type CloseReason,
  type LossReason,
  TCP_LIMITS,
  type TcpLimits,
  type TcpSink,
} from "./tcp_sink.ts";

/** What is held before a flow that began before the capture is put in order. */
const SETTLE_PACKETS = 8;
const SETTLE_NS = 50e6;
/** A jump of more than this is another connection on the same ports. */
const JUMP = 1 << 28;
const SWEEP_NS = 50e6;
const FORGET_NS = 60e9;
/** What a held segment costs besides its bytes: small ones, cut ones and FINs are not free. */
const HELD_COST = 1024;

export class TcpReader {
  readonly flows = new FlowTable();
  readonly #sink: TcpSink;
  readonly #limits: TcpLimits;
  readonly #waiting = new Set<Flow>();
  #waitingBytes = 0;
  #nextSweep = Number.NEGATIVE_INFINITY;
  #nextForget = Number.NEGATIVE_INFINITY;
  #packets = 0;

  constructor(sink: TcpSink, limits: TcpLimits = TCP_LIMITS) {
    this.#sink = sink;
    this.#limits = limits;
  }

  segment(segment: Segment): void {
    const { time, flags } = segment;
    this.#packets += 1;
    if (time >= this.#nextSweep) this.#sweep(time);
    let flow = this.flows.find(segment);
    if (flow === null) flow = this.#open(segment);
    let side = sideOf(flow, segment) ?? 0;
    if ((flags & SYN) !== 0) {
      if (isOther(flow, side, segment)) {
        this.#finish(flow, "replaced", time);
        this.flows.remove(flow);
        flow = this.#open(segment);
        side = 0;
      }
      this.#start(flow, side, segment);
    }
    flow.lastTime = time;
    flow.packets += 1;
    if (flow.state !== "closed") this.#receive(flow, side, segment);
    else if (isForeign(flow, side, segment)) this.#jumped(flow, segment);
  }

  /** The capture is over: everything held is given out, with what is missing before it. */
  end(): void {
    for (const flow of [...this.flows.all()]) {
      if (flow.state !== "closed") this.#finish(flow, "end of capture", flow.lastTime);
      this.flows.remove(flow);
    }
  }

  #open(segment: Segment): Flow {
    if (this.flows.size >= this.#limits.flows) this.#evict(segment.time);
    const flow = this.flows.make(segment);
    this.#sink.opened(flow);
    return flow;
  }

  /** A SYN, with or without ACK, tells where streams begin. */
  #start(flow: Flow, side: Side, segment: Segment): void {
    const half = flow.halves[side];
    const other = flow.halves[side ^ 1];
    const isAnswer = (segment.flags & ACK) !== 0;
    if (half.isn === null) {
      half.isn = segment.seq;
      if (half.bytes === 0) half.next = (segment.seq + 1) | 0;
      half.known = true;
    }
    flow.opener ??= isAnswer ? (side ^ 1) as Side : side;
    if (isAnswer && other.isn === null) {
      other.isn = (segment.ack - 1) | 0;
      if (other.bytes === 0) other.next = segment.ack;
      other.known = true;
    }
    if (flow.state === "settling") this.#settle(flow, segment.time);
  }

  #receive(flow: Flow, side: Side, segment: Segment): void {
    const half = flow.halves[side];
    const other = flow.halves[side ^ 1];
    half.packets += 1;
    const { flags, time } = segment;
    const hasAck = (flags & ACK) !== 0;
    if ((flags & RST) !== 0) {
      flow.resetTime ??= time;
      this.#waiting.add(flow);
      return;
    }
    if (hasAck && (!other.ackKnown || ((segment.ack - other.acked) | 0) > 0)) {
      other.acked = segment.ack;
      other.ackKnown = true;
      // The first word from the opener's side tells where the other stream begins, if nothing else.
      if (!other.known && flow.opener === side) {
        const [first] = other.pending;
        const isBefore = first !== undefined && ((first.seq - segment.ack) | 0) < 0;
        other.next = isBefore ? first.seq : segment.ack;
        other.known = true;
      }
    }
    const isFin = (flags & FIN) !== 0;
    if (segment.wireLength === 0 && !isFin) {
      this.#bare(flow, half, segment);
      return;
    }
    const seq = (flags & SYN) !== 0 ? (segment.seq + 1) | 0 : segment.seq;
    if (flow.state === "settling") {
      this.#hold(flow, half, segment, seq);
      const first = Math.min(oldest(flow.halves[0]), oldest(flow.halves[1]));
      if (flow.packets >= SETTLE_PACKETS || time - first > SETTLE_NS) this.#settle(flow, time);
      return;
    }
    const isVirgin = half.bytes === 0 && half.isn === null && half.lostBytes === 0;
    if (isVirgin && (half.known ? ((seq - half.next) | 0) < 0 : flow.opener === null)) {
      half.next = seq;
      half.known = true;
    }
    const distance = half.known ? (seq - half.next) | 0 : 1;
    if (distance > JUMP || distance < -JUMP) {
      this.#jumped(flow, segment);
      return;
    }
    const waits = hasAck && other.known && ((segment.ack - other.next) | 0) > 0;
    if (distance <= 0 && half.pending.length === 0 && !waits) {
      const { bytes, start, end, wireLength } = segment;
      this.#deliver(flow, side, seq, bytes, start, end, wireLength, isFin, time);
      if (other.pending.length === 0 || flow.state !== "open") return;
    } else {
      this.#hold(flow, half, segment, seq);
    }
    this.#drain(flow);
    if (this.#waiting.has(flow)) this.#giveUp(flow, time);
  }

  /** A segment without payload: it may say where its half stands, and that a hole is a loss. */
  #bare(flow: Flow, half: Half, segment: Segment): void {
    if (!half.known && flow.state === "open") {
      half.next = segment.seq;
      half.known = true;
    }
    if (!this.#waiting.has(flow) || flow.state !== "open") return;
    this.#drain(flow);
    this.#giveUp(flow, segment.time);
  }

  /** The SYN of a new connection was not captured, but its numbers are nowhere near the old ones. */
  #jumped(flow: Flow, segment: Segment): void {
    this.#finish(flow, "replaced", segment.time);
    this.flows.remove(flow);
    const fresh = this.#open(segment);
    fresh.packets = 1;
    this.#receive(fresh, 0, segment);
  }

  #hold(flow: Flow, half: Half, segment: Segment, seq: number): void {
    const held: Held = {
      seq,
      ack: segment.ack,
      hasAck: (segment.flags & ACK) !== 0,
      fin: (segment.flags & FIN) !== 0,
      bytes: segment.bytes.slice(segment.start, segment.end),
      wireLength: segment.wireLength,
      time: segment.time,
      order: flow.packets,
      overall: this.#packets,
    };
    const { pending } = half;
    let at = pending.length;
    while (at > 0 && ((pending[at - 1].seq - seq) | 0) > 0) at -= 1;
    if (at < pending.length) half.outOfOrder += 1;
    pending.splice(at, 0, held);
    half.pendingBytes += held.bytes.length + HELD_COST;
    this.#waitingBytes += held.bytes.length + HELD_COST;
    this.#waiting.add(flow);
  }

  #take(half: Half): Held {
    const [held] = half.pending.splice(0, 1);
    half.pendingBytes -= held.bytes.length + HELD_COST;
    this.#waitingBytes -= held.bytes.length + HELD_COST;
    return held;
  }

  /** The first packets of a flow that was there before the capture: the lowest number begins it. */
  #settle(flow: Flow, time: number): void {
    flow.state = "open";
    for (const side of [0, 1] as const) {
      const half = flow.halves[side];
      if (half.isn !== null) continue;
      const begin = beginOf(half, flow.halves[side ^ 1]);
      // The SYN of the other side was captured, so this one's beginning may yet be told.
      if (begin === null || (flow.opener !== null && half.pending.length > 0)) continue;
      half.next = begin;
      half.known = true;
    }
    this.#drain(flow);
    if (this.#waiting.has(flow)) this.#giveUp(flow, time);
  }

  /** Hands on what is in order on both sides, until each waits for bytes or for the other. */
  #drain(flow: Flow): void {
    for (let moved = true; moved && flow.state === "open";) {
      moved = false;
      for (const side of [0, 1] as const) {
        const half = flow.halves[side];
        while (half.pending.length > 0 && this.#isReady(flow, side)) {
          this.#deliverHeld(flow, side);
          moved = true;
        }
      }
    }
    if (!isHolding(flow) && flow.resetTime === null) this.#waiting.delete(flow);
  }

  #isReady(flow: Flow, side: Side): boolean {
    const half = flow.halves[side];
    const other = flow.halves[side ^ 1];
    const first = half.pending[0];
    if (!half.known || ((first.seq - half.next) | 0) > 0) return false;
    return !first.hasAck || !other.known || ((first.ack - other.next) | 0) <= 0;
  }

  #deliverHeld(flow: Flow, side: Side): void {
    const held = this.#take(flow.halves[side]);
    const { seq, bytes, wireLength, fin, time } = held;
    this.#deliver(flow, side, seq, bytes, 0, bytes.length, wireLength, fin, time);
  }

  /** Hands on the part of a segment that is new; `seq` is at or before the half's `next`. */
  #deliver(
    flow: Flow,
    side: Side,
    seq: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    wireLength: number,
    isFin: boolean,
    time: number,
  ): void {
    const half = flow.halves[side];
    const known = (half.next - seq) | 0;
    if (known >= wireLength + (isFin && !half.isEnded ? 1 : 0)) {
      half.retransmitted += 1;
      return;
    }
    if (half.debt > 0 && wireLength > known) this.#lose(flow, side, 0, time);
    const from = start + known;
    if (from < end) {
      half.bytes += end - from;
      half.next = (half.next + end - from) | 0;
      this.#sink.data(flow, side, bytes, from, end, time);
    }
    const missing = wireLength - Math.max(end - start, known);
    if (missing > 0) {
      half.next = (half.next + missing) | 0;
      half.lostBytes += missing;
      this.#sink.lost(flow, side, missing, "cut", time);
    }
    if (!isFin || half.isEnded) return;
    half.next = (seq + wireLength + 1) | 0;
    half.isEnded = true;
    this.#sink.ended(flow, side, time);
    if (flow.halves[side ^ 1].isEnded) this.#finish(flow, "fin", time);
  }

  /** Reports the bytes before the half's new `next` as lost, with a debt that turned out real. */
  #lose(flow: Flow, side: Side, length: number, time: number): void {
    const half = flow.halves[side];
    const whole = length + half.debt;
    half.debt = 0;
    half.next = (half.next + length) | 0;
    half.lostBytes += whole;
    this.#sink.lost(flow, side, whole, "not captured", time);
  }

  /** Gives up holes for which nothing more can be hoped. */
  #giveUp(flow: Flow, time: number): void {
    while (isHolding(flow) && flow.state === "open") {
      const [a, b] = flow.halves;
      const isFull = a.pendingBytes + b.pendingBytes > this.#limits.flowBytes ||
        this.#waitingBytes > this.#limits.allBytes;
      if (!isFull && !isHopeless(flow, time, this.#packets)) return;
      this.#skipHole(flow, time);
      this.#drain(flow);
    }
  }

  /** Skips the hole that holds up the oldest held segment. */
  #skipHole(flow: Flow, time: number): void {
    const side = sideOfOldest(flow);
    const half = flow.halves[side];
    const first = half.pending[0];
    if (!half.known) {
      half.next = first.seq;
      half.known = true;
      return;
    }
    const hole = (first.seq - half.next) | 0;
    if (hole > 0) {
      this.#lose(flow, side, hole, time);
      return;
    }
    // In order itself, but it acknowledges bytes of the other side that never came.
    const blocking = (side ^ 1) as Side;
    const other = flow.halves[blocking];
    let missing = first.hasAck ? (first.ack - other.next) | 0 : 0;
    if (other.pending.length > 0) {
      missing = Math.min(missing, (other.pending[0].seq - other.next) | 0);
    }
    if (missing <= 0) {
      this.#deliverHeld(flow, side);
    } else if (missing === 1 && other.pending.length === 0) {
      other.debt += 1;
      other.next = (other.next + 1) | 0;
    } else {
      this.#lose(flow, blocking, missing, time);
    }
  }

  #finish(flow: Flow, reason: CloseReason, time: number): void {
    if (flow.state === "closed") return;
    const why = flow.resetTime === null ? reason : "reset";
    if (flow.state === "settling") this.#settle(flow, time);
    while (isHolding(flow) && flow.state === "open") {
      this.#skipHole(flow, time);
      this.#drain(flow);
    }
    // Draining may have come upon both FINs and closed the flow on its own.
    if ((flow.state as Flow["state"]) === "closed") return;
    flow.state = "closed";
    for (const side of [0, 1] as const) {
      const half = flow.halves[side];
      const missing = half.ackKnown && half.known ? (half.acked - half.next) | 0 : 0;
      const isOver = why !== "end of capture" || flow.halves[side ^ 1].isEnded;
      const isFin = isOver && !half.isEnded ? 1 : 0;
      if (missing > isFin && missing < JUMP) this.#lose(flow, side, missing - isFin, time);
    }
    this.#waiting.delete(flow);
    this.#sink.closed(flow, why, time);
  }

  #sweep(time: number): void {
    this.#nextSweep = time + SWEEP_NS;
    for (const flow of this.#waiting) {
      if (flow.resetTime !== null && time - flow.resetTime > REORDER_NS) {
        this.#finish(flow, "reset", time);
      } else if (flow.state === "settling") {
        const since = Math.min(oldest(flow.halves[0]), oldest(flow.halves[1]));
        if (time - since > SETTLE_NS) this.#settle(flow, time);
      } else {
        this.#giveUp(flow, time);
      }
    }
    if (time < this.#nextForget) return;
    this.#nextForget = time + FORGET_NS;
    for (const flow of this.flows.all()) {
      const silence = time - flow.lastTime;
      if (silence < FORGET_NS || (flow.state !== "closed" && silence < this.#limits.idle)) continue;
      this.#finish(flow, "idle", time);
      this.flows.remove(flow);
    }
  }

  /** Too many flows: the quarter that has been silent longest goes. */
  #evict(time: number): void {
    const flows = [...this.flows.all()].sort((a, b) => a.lastTime - b.lastTime);
    for (const flow of flows.slice(0, Math.ceil(flows.length / 4))) {
      this.#finish(flow, "idle", time);
      this.flows.remove(flow);
    }
  }
}
