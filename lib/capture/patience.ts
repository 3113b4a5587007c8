// How long a TCP hole is waited for, and when a SYN means another connection. The figures are those
// of capture points: packets of two queues swap places within a fraction of a second, while a sender
// repeats what was really lost within seconds.

import { ACK, type Segment } from "./ip.ts";
import type { Flow, Half, Side } from "./flows.ts";

/** How long, and for how many packets of the flow, a hole known to be a loss may still be filled. */
export const REORDER_NS = 100e6;
const REORDER_PACKETS = 64;
const REORDER_OVERALL = 16;
/** How long any other hole is waited for: a sender repeats an unacknowledged segment before that. */
const HOLE_NS = 5e9;

/** When the earliest of the held segments was seen; infinite when there is none. */
export const oldest = (half: Half): number =>
  half.pending.reduce((least, held) => Math.min(least, held.time), Number.POSITIVE_INFINITY);

/** True while segments of either side are held. */
export const isHolding = (flow: Flow): boolean =>
  flow.halves[0].pending.length + flow.halves[1].pending.length > 0;

/** The side of the segment that has been held longest; one of them holds something. */
export function sideOfOldest(flow: Flow): Side {
  const [a, b] = flow.halves;
  if (a.pending.length === 0 || b.pending.length === 0) return a.pending.length > 0 ? 0 : 1;
  return oldest(a) <= oldest(b) ? 0 : 1;
}

/** True when the oldest held segment has waited long enough for what holds it up. */
export function isHopeless(flow: Flow, time: number, packets: number): boolean {
  for (const half of flow.halves) {
    const first = half.pending[0];
    if (first === undefined) continue;
    const waited = time - first.time;
    if (waited > HOLE_NS) return true;
    // Time alone is no proof: a packet out of place may carry a time far from its neighbours'.
    const isLate = waited > REORDER_NS && packets - first.overall >= REORDER_OVERALL;
    if (!isLate && flow.packets - first.order < REORDER_PACKETS) continue;
    const isHole = half.known && ((first.seq - half.next) | 0) > 0;
    if (!isHole) return true;
    if (half.ackKnown && ((half.acked - first.seq) | 0) >= 0) return true;
  }
  return false;
}

/**
 * Where a stream begins of which the SYN is not known: at the first byte held, or where the other
 * side's first acknowledgement says; null when nothing tells.
 */
export function beginOf(half: Half, other: Half): number | null {
  const [first] = half.pending;
  if (first !== undefined) return first.seq;
  if (half.known) return half.next;
  const [answer] = other.pending;
  if (answer !== undefined && answer.hasAck) return answer.ack;
  return half.ackKnown ? half.acked : null;
}

/** True when a SYN belongs to a later connection than the one the flow holds. */
export function isOther(flow: Flow, side: Side, segment: Segment): boolean {
  const half = flow.halves[side];
  if (half.isn !== null) return half.isn !== segment.seq;
  // The answer to a SYN names it.
  const { isn } = flow.halves[side ^ 1];
  if ((segment.flags & ACK) !== 0 && isn !== null) return segment.ack !== ((isn + 1) | 0);
  if (flow.packets === 0) return false;
  if (flow.state === "closed") return true;
  const first = half.pending[0];
  const begin = (segment.seq + 1) | 0;
  if (flow.state === "settling" && first !== undefined) {
    const ahead = (first.seq - begin) | 0;
    return ahead < 0 || ahead > 1 << 20;
  }
  if (flow.state === "settling") return false;
  return half.known && ((half.next - half.bytes - half.lostBytes) | 0) !== begin;
}

/** True when data on a closed flow is no repetition: its reset was none, or its ports are used again. */
export function isForeign(flow: Flow, side: Side, segment: Segment): boolean {
  const half = flow.halves[side];
  if (segment.wireLength === 0) return false;
  const distance = (segment.seq - half.next) | 0;
  return !half.known || distance >= 0 || distance < -(1 << 24);
}
