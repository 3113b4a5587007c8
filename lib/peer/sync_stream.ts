// Brings one learner level over its link: DIFF with its txns, TRUNC, or SNAP with the tree, in
// slices, never more unsent than a little (quorum.md 6.4). What to send is decided already.
//
// Must agree with Java's LearnerHandler and LearnerSnapshot: the order of packets, the bytes of the
// snapshot and its signature.

import type { Millis } from "../ports.ts";
import type { TreeDump } from "../tree/dump.ts";
import { PacketType } from "../txn/opcodes.ts";
import { SNAPSHOT_SIGNATURE } from "../wire/learner.ts";
import { writeBare, writeTxnPacket } from "../wire/payloads.ts";
import type { CatchUpPlan } from "../zab/catch_up.ts";
import type { PacketLink } from "./packet_link.ts";

/** About so much is written in one go: a turn must stay short. */
export const SLICE_BYTES = 256 << 10;

export type StreamState =
  /** More is to be written, and may be at once. */
  | "more"
  /** The other side must take what was written first. */
  | "full"
  | "done"
  /** The logs do not join: the learner needs a snapshot, on another link. */
  | "gap";

export class SyncStream {
  readonly #plan: CatchUpPlan;
  readonly #wire: PacketLink;
  readonly #dump: TreeDump | null;
  #hasBegun = false;
  /** When bytes were last taken by the other side. */
  movedAt: Millis;

  /** `dump`: of the tree as it was when a SNAP was planned. */
  constructor(plan: CatchUpPlan, wire: PacketLink, dump: TreeDump | null, now: Millis) {
    this.#plan = plan;
    this.#wire = wire;
    this.#dump = dump;
    this.movedAt = now;
  }

  /** Writes the next slice. */
  run(now: Millis): StreamState {
    this.movedAt = now;
    if (!this.#hasBegun) this.#begin();
    const state = this.#slice();
    const hasRoom = this.#wire.flush();
    return state === "more" && !hasRoom ? "full" : state;
  }

  /** To be called when the stream is not run to its end. */
  cancel(): void {
    this.#dump?.cancel();
  }

  #begin(): void {
    this.#hasBegun = true;
    const { out } = this.#wire;
    const plan = this.#plan;
    switch (plan.way) {
      case "diff":
        return writeBare(out, PacketType.DIFF, plan.zxid);
      case "trunc":
        return writeBare(out, PacketType.TRUNC, plan.zxid);
      case "snap":
        return writeBare(out, PacketType.SNAP, plan.upTo);
    }
  }

  #slice(): StreamState {
    const plan = this.#plan;
    const { out } = this.#wire;
    if (plan.way === "trunc") return "done";
    if (plan.way === "snap") {
      if (this.#dump === null || !this.#dump.fill(out, SLICE_BYTES)) return "more";
      out.ustring(SNAPSHOT_SIGNATURE);
      return "done";
    }
    while (out.size < SLICE_BYTES) {
      const txn = plan.txns.next();
      if (txn === null) return "done";
      if (txn === "gap") return "gap";
      const { zxid } = txn.header;
      writeTxnPacket(out, PacketType.PROPOSAL, zxid, txn.bytes);
      writeBare(out, PacketType.COMMIT, zxid);
    }
    return "more";
  }
}
