// One learner as a leader's port knows it: its link, the sync that is being sent to it, and the owner
// of the sessions that came over it.
//
// Must agree with the part of Java's LearnerHandler that is a session's owner (quorum.md 7.10).

import type { Sid } from "../base/ids.ts";
import type { Owner } from "../server/request.ts";
import type { TreeDump } from "../tree/dump.ts";
import type { PacketLink } from "./packet_link.ts";
import type { SyncStream } from "./sync_stream.ts";

export class LearnerWire implements Owner {
  readonly name: string;
  readonly packets: PacketLink;
  /** Wall-clock ms at which it came. */
  readonly established: number;
  stream: SyncStream | null = null;
  /** Taken when a SNAP was planned. */
  dump: TreeDump | null = null;
  sid: Sid | null = null;

  constructor(packets: PacketLink, established: number) {
    this.packets = packets;
    this.established = established;
    this.name = `learner ${packets.remote}`;
  }
}
