// What TCP reassembly hands on, and its limits.

import type { Flow, Side } from "./flows.ts";

/** Why bytes are missing: not in the capture at all, or ended early by its snap length. */
export type LossReason = "not captured" | "cut";

export type CloseReason = "fin" | "reset" | "replaced" | "idle" | "end of capture";

export interface TcpSink {
  /** The first packet of a flow; `flow.opener` is not yet settled. */
  opened(flow: Flow): void;
  /** The next bytes of one side; a view that is only valid during the call. */
  data(flow: Flow, side: Side, bytes: Uint8Array, start: number, end: number, time: number): void;
  /** The next `length` bytes of one side are missing. */
  lost(flow: Flow, side: Side, length: number, why: LossReason, time: number): void;
  /** One side will send no more. */
  ended(flow: Flow, side: Side, time: number): void;
  closed(flow: Flow, why: CloseReason, time: number): void;
}

export interface TcpLimits {
  /** Bytes that may wait behind holes: of one flow, and of all. */
  readonly flowBytes: number;
  readonly allBytes: number;
  readonly flows: number;
  /** Silence after which an open flow is forgotten, ns. */
  readonly idle: number;
}

export const TCP_LIMITS: TcpLimits = {
  flowBytes: 8 << 20,
  allBytes: 64 << 20,
  flows: 50_000,
  idle: 2 * 3600e9,
};
