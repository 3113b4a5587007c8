// The public surface of zkpeer: a server or an ensemble to embed, a client, and the wire and disk
// formats of ZooKeeper as types, codecs, JSON and dissections. Everything else is our own business.

export {
  type EmbeddedEnsemble,
  type EmbeddedServer,
  type EmbedOptions,
  startEnsemble,
  startServer,
} from "./lib/cli/embed.ts";
export { connect } from "./lib/cli/connect.ts";
export { type ClientOptions, OPEN_ACL, part, ZkClient, ZkError } from "./lib/client/client.ts";
export type { SessionState } from "./lib/client/session.ts";
export type { LinkLoss } from "./lib/client/session_link.ts";
export { AssertionError } from "./lib/base/assert.ts";
export { Fault, type FaultCode, isFault } from "./lib/base/errors.ts";
export {
  counterOf,
  type Epoch,
  epochOf,
  type SessionId,
  type Sid,
  type Zxid,
} from "./lib/base/ids.ts";
export { Input } from "./lib/codec/input.ts";
export { Output } from "./lib/codec/output.ts";
export type { Shape } from "./lib/codec/shape.ts";
export * as data from "./lib/records/data.ts";
export * as client from "./lib/records/client.ts";
export * as quorum from "./lib/records/quorum.ts";
export * as election from "./lib/records/election.ts";
export * as txn from "./lib/records/txn.ts";
export * as disk from "./lib/records/disk.ts";
export { ErrorCode, errorName, OpCode, opName, packetName, PacketType } from "./lib/txn/opcodes.ts";
export { decodeTxn, makeTxn, type Txn, type TxnBody } from "./lib/txn/txn.ts";
export { dissectMessage, encodeMessage, type Message } from "./lib/wire/message.ts";
export {
  decodeConnectRequest,
  decodeConnectResponse,
  decodeNotification,
  decodePacket,
  decodeReply,
  decodeRequest,
} from "./lib/wire/message.ts";
export { PacketReader } from "./lib/wire/learner.ts";
export { FrameSplitter } from "./lib/wire/frames.ts";
export { decodeCapture } from "./lib/capture/iterate.ts";
export { type CaptureFacts, Decoder, type DecoderOptions } from "./lib/capture/decoder.ts";
export type { Decoded, Message as CapturedMessage, Story } from "./lib/capture/message.ts";
export { jsonOf, spansOf } from "./lib/capture/fields.ts";
export { toJsonl } from "./lib/capture/json.ts";
export { toText } from "./lib/capture/text.ts";
export { Filter } from "./lib/capture/filter.ts";
export { Summary } from "./lib/capture/summary.ts";
export { summaryText } from "./lib/capture/summary_text.ts";
export { Report } from "./lib/capture/report.ts";
