// Quorum packets as the machines of this room make them: the few bytes that travel in their data
// (quorum.md 4). The stream they become is wire/learner.ts's matter.

import { Fault } from "../base/errors.ts";
import { type Epoch, hex, type SessionId, type Sid, type Zxid, zxidOf } from "../base/ids.ts";
import { decodeText } from "../codec/input.ts";
import { Output } from "../codec/output.ts";
import type { Id } from "../records/data.ts";
import {
  type QuorumPacket,
  writeAckEpoch,
  writeActivation,
  writeForwardedHeader,
  writeLeaderInfo,
  writeLearnerInfo,
  writeRevalidateReply,
  writeRevalidateRequest,
} from "../records/quorum.ts";
import { packetName, PacketType } from "../txn/opcodes.ts";
import { decodeTxn, type Txn } from "../txn/txn.ts";

/** The only protocol version there is: Zab 1.0. */
export const PROTOCOL_VERSION = 0x10000;
/** The zxid of packets that are about no txn. */
export const NO_ZXID: Zxid = -1n;

const encoder = new TextEncoder();

/** Small data is written one behind the other into blocks that are never written twice. */
const BLOCK = 16 * 1024;
let block = new Output(BLOCK);

/** A packet without data. */
export const bare = (type: PacketType, zxid: Zxid): QuorumPacket => ({
  type,
  zxid,
  data: null,
  authinfo: null,
});

function filled(type: PacketType, zxid: Zxid, write: (out: Output) => void): QuorumPacket {
  if (block.size > BLOCK / 2) block = new Output(BLOCK);
  const at = block.size;
  write(block);
  const data = block.viewFrom(at);
  if (data.length > BLOCK / 4) block = new Output(BLOCK); // a large one has its block to itself
  return { type, zxid, data, authinfo: null };
}

export const helloPacket = (
  isObserver: boolean,
  acceptedEpoch: Epoch,
  sid: Sid,
  configVersion: Zxid,
): QuorumPacket =>
  filled(
    isObserver ? PacketType.OBSERVERINFO : PacketType.FOLLOWERINFO,
    zxidOf(acceptedEpoch, 0n),
    (out) =>
      writeLearnerInfo(out, { serverid: sid, protocolVersion: PROTOCOL_VERSION, configVersion }),
  );

export const leaderInfoPacket = (epoch: Epoch): QuorumPacket =>
  filled(
    PacketType.LEADERINFO,
    zxidOf(epoch, 0n),
    (out) => writeLeaderInfo(out, { protocolVersion: PROTOCOL_VERSION }),
  );

/** `reported` −1: the epoch had been accepted before. */
export const ackEpochPacket = (lastZxid: Zxid, reported: Epoch): QuorumPacket =>
  filled(
    PacketType.ACKEPOCH,
    lastZxid,
    (out) => writeAckEpoch(out, { currentEpoch: Number(BigInt.asIntN(32, reported)) }),
  );

export const newLeaderPacket = (epoch: Epoch, configText: string): QuorumPacket => ({
  type: PacketType.NEWLEADER,
  zxid: zxidOf(epoch, 0n),
  data: encoder.encode(configText),
  authinfo: null,
});

/** PROPOSAL or INFORM; the packet shares the txn's bytes. */
export const txnPacket = (
  type: typeof PacketType.PROPOSAL | typeof PacketType.INFORM,
  txn: Txn,
): QuorumPacket => ({ type, zxid: txn.header.zxid, data: txn.bytes, authinfo: null });

export const commitAndActivatePacket = (zxid: Zxid, designatedLeader: Sid): QuorumPacket =>
  filled(
    PacketType.COMMITANDACTIVATE,
    zxid,
    (out) => writeActivation(out, { designatedLeader }),
  );

export const informAndActivatePacket = (txn: Txn, designatedLeader: Sid): QuorumPacket =>
  filled(PacketType.INFORMANDACTIVATE, txn.header.zxid, (out) => {
    writeActivation(out, { designatedLeader });
    out.raw(txn.bytes);
  });

export const revalidatePacket = (sessionId: SessionId, timeout: number): QuorumPacket =>
  filled(
    PacketType.REVALIDATE,
    NO_ZXID,
    (out) => writeRevalidateRequest(out, { sessionId, timeout }),
  );

export const revalidatedPacket = (sessionId: SessionId, valid: boolean): QuorumPacket =>
  filled(PacketType.REVALIDATE, NO_ZXID, (out) => writeRevalidateReply(out, { sessionId, valid }));

/** A client's request on its way to the leader; session id and cxid go through unchanged (H-L21). */
export const requestPacket = (
  header: { readonly sessionId: SessionId; readonly cxid: number; readonly type: number },
  body: Uint8Array,
  authinfo: readonly Id[] | null,
): QuorumPacket => ({
  ...filled(PacketType.REQUEST, NO_ZXID, (out) => {
    writeForwardedHeader(out, header);
    out.raw(body);
  }),
  authinfo: authinfo === null ? null : [...authinfo],
});

// ---- reading --------------------------------------------------------------------------------------

/** A packet that may not come here and now; `where` completes "PING ...". */
export const misplaced = (packet: QuorumPacket, where: string): Fault =>
  new Fault("PROTOCOL", `${packetName(packet.type)} ${where}`, { zxid: hex(packet.zxid) });

/** The data of a packet that must have some. */
export function dataOf(packet: QuorumPacket): Uint8Array {
  if (packet.data === null) throw misplaced(packet, "without data");
  return packet.data;
}

/** The txn in a packet's data from `offset` on; its bytes are a copy. */
export function txnOf(packet: QuorumPacket, offset: number): Txn {
  const txn = decodeTxn(dataOf(packet).slice(offset));
  if (txn.header.zxid !== packet.zxid) {
    throw misplaced(packet, `of ${hex(packet.zxid)} holds transaction ${hex(txn.header.zxid)}`);
  }
  return txn;
}

/** The membership that a reconfig txn carries. */
export function configOf(txn: Txn): string {
  if (txn.body.kind !== "setData") {
    throw new Fault("PROTOCOL", `transaction ${hex(txn.header.zxid)} activates no configuration`);
  }
  const data = txn.body.record.data ?? new Uint8Array(0);
  return decodeText(data, 0, data.length);
}
