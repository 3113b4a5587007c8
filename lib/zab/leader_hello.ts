// The first packet of a learner, read and judged: who it says it is, what it has promised, and
// whether it can be served at all. What its link becomes then is leader.ts's matter.
//
// Must agree with the beginning of Java's LearnerHandler.run (quorum.md 5.3).

import { Fault } from "../base/errors.ts";
import { type Epoch, epochOf, hex, type Sid, type Zxid } from "../base/ids.ts";
import { Input } from "../codec/input.ts";
import { type QuorumPacket, readLearnerInfo } from "../records/quorum.ts";
import { PacketType } from "../txn/opcodes.ts";
import type { LeaderRoom } from "./leader_room.ts";
import { misplaced, PROTOCOL_VERSION } from "./packets.ts";

/** The sid of a learner that says none, and of an observer where only voters count. */
export const UNNAMED: Sid = -1n;

/** The last epoch whose zxids are positive. */
const EPOCH_MAX: Epoch = 0x7fffffffn;
/**
 * A promise so far above all of ours is not believed: anybody may claim one, epochs are 32 bits,
 * and one packet would use them up for the whole ensemble (H-F18). Java believes it.
 */
const EPOCH_GAP_MAX: Epoch = 1n << 16n;

export interface Hello {
  readonly sid: Sid;
  readonly isObserver: boolean;
  readonly acceptedEpoch: Epoch;
}

/** Faults: PROTOCOL or UNSUPPORTED, when the learner cannot be served. */
export function readHello(packet: QuorumPacket, room: LeaderRoom): Hello {
  const { type } = packet;
  if (type !== PacketType.FOLLOWERINFO && type !== PacketType.OBSERVERINFO) {
    throw misplaced(packet, "as the first packet");
  }
  const { sid, protocolVersion, configVersion } = introduction(packet);
  if (sid === room.options.sid) {
    throw new Fault("PROTOCOL", `a learner says that it is server ${sid}, which is this one`, {
      hint: "each server needs a myid of its own; its acks would count as ours",
    });
  }
  if (protocolVersion < PROTOCOL_VERSION) {
    const protocol = protocolVersion.toString(16);
    throw new Fault("UNSUPPORTED", `protocol 0x${protocol} of server ${sid}`, {
      hint: "only Zab 1.0 is spoken, as ZooKeeper does from 3.4 on",
    });
  }
  const ours = room.quorums.committed.membership.version;
  if (configVersion > ours) {
    throw new Fault(
      "PROTOCOL",
      `server ${sid} has configuration ${hex(configVersion)}, ours is ${hex(ours)}`,
      { hint: "it must lead, or take ours" },
    );
  }
  const acceptedEpoch = epochOf(packet.zxid);
  if (acceptedEpoch >= EPOCH_MAX || acceptedEpoch > room.promised + EPOCH_GAP_MAX) {
    throw new Fault("PROTOCOL", `server ${sid} has accepted epoch ${acceptedEpoch}`, {
      hint: `a leap from ${room.promised} is not believed (H-F18)`,
    });
  }
  return { sid, isObserver: type === PacketType.OBSERVERINFO, acceptedEpoch };
}

/** LearnerInfo in its lengths: null or 8, 12, 20 bytes and more (5.3). */
function introduction(
  { data }: QuorumPacket,
): { sid: Sid; protocolVersion: number; configVersion: Zxid } {
  if (data === null) return { sid: UNNAMED, protocolVersion: 1, configVersion: 0n };
  const input = new Input(data);
  if (data.length >= 20) {
    const { serverid, protocolVersion, configVersion } = readLearnerInfo(input);
    return { sid: serverid, protocolVersion, configVersion };
  }
  return {
    sid: data.length >= 8 ? input.long() : 0n,
    protocolVersion: data.length >= 12 ? input.int() : 1,
    configVersion: 0n,
  };
}
