// Connections by their addresses and ports: one hash chain serves both directions of a flow. Bounded
// in number; what has been closed or silent for long is forgotten first.

import type { Segment } from "./ip.ts";

/** Which end of a flow: 0 sent the first packet that was captured, 1 is the other. */
export type Side = 0 | 1;

/** A segment kept because bytes before it are still missing; its payload is a copy. */
export interface Held {
  seq: number;
  ack: number;
  hasAck: boolean;
  fin: boolean;
  bytes: Uint8Array;
  wireLength: number;
  time: number;
  /** How many packets its flow, and the whole capture, had when this one came. */
  readonly order: number;
  readonly overall: number;
}

/** What one end sends: where its stream stands and what waits. */
export interface Half {
  /** Sequence number of the next byte to hand on; meaningless until `known`. */
  next: number;
  known: boolean;
  /** Initial sequence number, if the start of the connection was seen. */
  isn: number | null;
  /** Highest acknowledgement the other end has sent for this half. */
  acked: number;
  ackKnown: boolean;
  pending: Held[];
  pendingBytes: number;
  /** A byte was acknowledged but not seen: a lost FIN if nothing follows, lost data otherwise. */
  debt: number;
  isEnded: boolean;
  /** Payload bytes handed on, and bytes the capture lacks. */
  bytes: number;
  lostBytes: number;
  packets: number;
  retransmitted: number;
  outOfOrder: number;
}

export interface Flow {
  /** Counts from 1 in order of appearance. */
  readonly id: number;
  readonly isV6: boolean;
  /** Address and port of side 0 and side 1. */
  readonly addresses: readonly [number, number];
  readonly ports: readonly [number, number];
  readonly halves: readonly [Half, Half];
  readonly firstTime: number;
  lastTime: number;
  packets: number;
  /** Who sent the SYN; null when the capture began later. */
  opener: Side | null;
  /** `settling`: the capture began in mid-connection and the first packets may be out of order. */
  state: "settling" | "open" | "closed";
  /** When it was reset; packets that were captured out of order may still follow. Null: it was not. */
  resetTime: number | null;
  chained: Flow | null;
}

function newHalf(): Half {
  return {
    next: 0,
    known: false,
    isn: null,
    acked: 0,
    ackKnown: false,
    pending: [],
    pendingBytes: 0,
    debt: 0,
    isEnded: false,
    bytes: 0,
    lostBytes: 0,
    packets: 0,
    retransmitted: 0,
    outOfOrder: 0,
  };
}

const BUCKETS = 4096;

export class FlowTable {
  readonly #buckets: (Flow | null)[] = new Array(BUCKETS).fill(null);
  #last: Flow | null = null;
  #count = 0;
  #ids = 0;

  get size(): number {
    return this.#count;
  }

  /** Flows ever made. */
  get made(): number {
    return this.#ids;
  }

  find(segment: Segment): Flow | null {
    const last = this.#last;
    if (last !== null && matches(last, segment)) return last;
    let flow = this.#buckets[bucketOf(segment)];
    while (flow !== null && !matches(flow, segment)) flow = flow.chained;
    this.#last = flow;
    return flow;
  }

  make(segment: Segment): Flow {
    const bucket = bucketOf(segment);
    const flow: Flow = {
      id: ++this.#ids,
      isV6: segment.isV6,
      addresses: [segment.source, segment.target],
      ports: [segment.sourcePort, segment.targetPort],
      halves: [newHalf(), newHalf()],
      firstTime: segment.time,
      lastTime: segment.time,
      packets: 0,
      opener: null,
      state: "settling",
      resetTime: null,
      chained: this.#buckets[bucket],
    };
    this.#buckets[bucket] = flow;
    this.#count += 1;
    this.#last = flow;
    return flow;
  }

  /** Takes a flow out; the caller has finished it. */
  remove(flow: Flow): void {
    const bucket = hash(flow.addresses[0], flow.addresses[1], flow.ports[0], flow.ports[1]);
    let before: Flow | null = null;
    for (let at = this.#buckets[bucket]; at !== null; before = at, at = at.chained) {
      if (at !== flow) continue;
      if (before === null) this.#buckets[bucket] = flow.chained;
      else before.chained = flow.chained;
      this.#count -= 1;
      break;
    }
    if (this.#last === flow) this.#last = null;
  }

  /** All flows, in no order; the table may lose the flow that was just given. */
  *all(): IterableIterator<Flow> {
    for (const head of this.#buckets) {
      for (let flow = head; flow !== null;) {
        const next: Flow | null = flow.chained;
        yield flow;
        flow = next;
      }
    }
  }
}

/** The same for both directions. */
function hash(source: number, target: number, sourcePort: number, targetPort: number): number {
  const mixed = Math.imul(source ^ target, 0x9e3779b1) ^
    Math.imul((sourcePort + targetPort) | ((sourcePort ^ targetPort) << 16), 0x85ebca6b);
  return (mixed ^ (mixed >>> 15)) & (BUCKETS - 1);
}

const bucketOf = (segment: Segment): number =>
  hash(segment.source, segment.target, segment.sourcePort, segment.targetPort);

function matches(flow: Flow, segment: Segment): boolean {
  return sideOf(flow, segment) !== null && flow.isV6 === segment.isV6;
}

/** Which end of the flow sent the segment; null when it belongs to another flow. */
export function sideOf(flow: Flow, segment: Segment): Side | null {
  const { addresses, ports } = flow;
  if (
    ports[0] === segment.sourcePort && ports[1] === segment.targetPort &&
    addresses[0] === segment.source && addresses[1] === segment.target
  ) return 0;
  if (
    ports[1] === segment.sourcePort && ports[0] === segment.targetPort &&
    addresses[1] === segment.source && addresses[0] === segment.target
  ) return 1;
  return null;
}
