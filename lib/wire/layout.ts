// The layout of every message of the three ports: which fields its bytes are, in order. What a
// message is was decided by the readers (client.ts, election.ts, learner.ts, payloads.ts); here
// that decision is only spelt out as shapes for lib/codec/dissect.ts. All layouts are of whole
// messages; framed() puts the length in front that messages of two ports travel with.

import type { Layout, Piece } from "../codec/dissect.ts";
import type { FieldType, Shape, Tag } from "../codec/shape.ts";
import {
  ConnectRequestShape,
  ConnectResponseShape,
  MultiHeaderShape,
  ReplyHeaderShape,
  RequestHeaderShape,
  WatcherEventShape,
} from "../records/client.ts";
import { IdShape } from "../records/data.ts";
import { AclEntryShape, SnapshotNodeShape, SnapshotSessionShape } from "../records/disk.ts";
import { NotificationShape } from "../records/election.ts";
import * as quorum from "../records/quorum.ts";
import * as txns from "../records/txn.ts";
import type { Txn, TxnBody } from "../txn/txn.ts";
import type { Body, ReplyFrame, RequestFrame } from "./client.ts";
import type { InitialMessage, NotificationForm } from "./election.ts";
import type { SnapshotPart } from "./learner.ts";
import { type Multi, type MultiPart, type MultiResult, partCodec, resultCodec } from "./multi.ts";
import type { LearnerInfoSize, Payload } from "./payloads.ts";

const field = (name: string, type: FieldType, tag?: Tag): Piece =>
  tag === undefined ? { field: name, type } : { field: name, type, tag };
const fieldsOf = (shape: Shape): Piece => field("", shape);
const group = (name: string, layout: Layout): Piece => ({ group: name, layout });

/** The same message behind its length. */
export const framed = (layout: Layout): Layout => [field("length", "int", "count"), ...layout];

/** The first fields of a shape, for messages of which only those are written. */
const firstOf = (shape: Shape, count: number): Layout =>
  shape.fields.slice(0, count).map(([name, type, tag]) => field(name, type, tag));

// ---- client port --------------------------------------------------------------------------------

const readOnlyFlag = (flag: boolean | null): Layout =>
  flag === null ? [] : [field("readOnly", "boolean")];

export const connectRequestLayout = (readOnly: boolean | null): Layout => [
  group("connect", [fieldsOf(ConnectRequestShape), ...readOnlyFlag(readOnly)]),
];
export const connectResponseLayout = (readOnly: boolean | null): Layout => [
  group("connected", [fieldsOf(ConnectResponseShape), ...readOnlyFlag(readOnly)]),
];

export const requestLayout = (request: RequestFrame): Layout => [
  group("request", [
    field("header", RequestHeaderShape),
    ...bodyLayout(request.body, (multi) => multiLayout(multi, partCodec)),
  ]),
];

export function replyLayout(reply: ReplyFrame): Layout {
  if (reply.kind === "event") {
    return [group("event", [field("header", ReplyHeaderShape), fieldsOf(WatcherEventShape)])];
  }
  const body = bodyLayout(reply.body, (multi) => multiLayout(multi, resultCodec));
  return [group("reply", [field("header", ReplyHeaderShape), ...body])];
}

function bodyLayout<M>(body: Body<M>, ofMulti: (multi: M) => Layout): Layout {
  switch (body.kind) {
    case "none":
      return [];
    case "record":
      return [fieldsOf(body.codec.shape)];
    case "multi":
      return ofMulti(body.multi);
    case "raw":
      return [{ bytes: "body", size: body.bytes.length }];
  }
}

function multiLayout(
  multi: Multi<MultiPart | MultiResult>,
  codecOf: typeof partCodec,
): Layout {
  const parts = multi.parts.map(({ header }, index): Piece => {
    const codec = codecOf(header.type) ?? null;
    const body = codec === null ? [] : [fieldsOf(codec.shape)];
    return group(`parts[${index}]`, [field("header", MultiHeaderShape), ...body]);
  });
  return [...parts, field("end", MultiHeaderShape)];
}

/** A four-letter word, what follows `stmk`, and the text that answers them. */
export const textLayout = (name: "word" | "argument" | "text"): Layout => [
  { bytes: name, size: null, tag: "text" },
];

// ---- election port ------------------------------------------------------------------------------

export const initialMessageLayout = (message: InitialMessage): Layout => {
  const sid = field("sid", "long", "sid");
  if (message.version === 0n) return [group("greeting", [sid])];
  const version = field("protocolVersion", "long");
  return [group("greeting", [version, sid, field("addresses", "ustring")])];
};

const NOTIFICATION_FIELDS = { 28: 4, 36: 5, 40: 6, 44: 7 } as const;

export const notificationLayout = (form: NotificationForm): Layout => [
  group("notification", firstOf(NotificationShape, NOTIFICATION_FIELDS[form])),
];

// ---- learner port -------------------------------------------------------------------------------

export const authLayout: Layout = [group("auth", [fieldsOf(quorum.QuorumAuthPacketShape)])];

export const packetLayout = (payload: Payload): Layout => [
  group("packet", [
    field("type", "int", "packet"),
    field("zxid", "long", "zxid"),
    payload.kind === "none"
      ? field("data", "buffer")
      : { inside: "data", layout: payloadLayout(payload) },
    field("authinfo", { vector: IdShape }),
  ]),
];

const LEARNER_INFO_FIELDS: Record<LearnerInfoSize, number> = { 8: 1, 12: 2, 20: 3 };

export function payloadLayout(payload: Payload): Layout {
  switch (payload.kind) {
    case "none":
      return [];
    case "learnerInfo":
      return firstOf(quorum.LearnerInfoShape, LEARNER_INFO_FIELDS[payload.size]);
    case "leaderInfo":
      return [fieldsOf(quorum.LeaderInfoShape)];
    case "ackEpoch":
      return [fieldsOf(quorum.AckEpochShape)];
    case "config":
      return [{ bytes: "config", size: null, tag: "text" }];
    case "txn":
      return txnLayout(payload.txn);
    case "activate":
      return [fieldsOf(quorum.ActivationShape)];
    case "activateTxn":
      return [fieldsOf(quorum.ActivationShape), ...txnLayout(payload.txn)];
    case "touched":
      return payload.sessions.map((_, i) => field(`sessions[${i}]`, quorum.SessionTouchShape));
    case "revalidate":
      return [fieldsOf(quorum.RevalidateRequestShape)];
    case "revalidated":
      return [fieldsOf(quorum.RevalidateReplyShape)];
    case "request":
      return [
        field("header", quorum.ForwardedHeaderShape),
        ...bodyLayout(payload.body, (multi) => multiLayout(multi, partCodec)),
      ];
    case "raw":
      return [{ bytes: "bytes", size: null }];
  }
}

export function snapshotPartLayout(part: SnapshotPart): Layout {
  switch (part.kind) {
    case "sessionCount":
      return [field("snapshot.sessions.length", "int", "count")];
    case "session":
      return [field("snapshot.session", SnapshotSessionShape)];
    case "aclCount":
      return [field("snapshot.acls.length", "int", "count")];
    case "acl":
      return [field("snapshot.acl", AclEntryShape)];
    case "node":
      return [field("snapshot.node", SnapshotNodeShape)];
    case "end":
      return [field("snapshot.end", "ustring", "path"), field("snapshot.signature", "ustring")];
  }
}

// ---- transactions -------------------------------------------------------------------------------

/** Layout of a txn's bytes, in a packet or in a log entry. */
export const txnLayout = (txn: Txn): Layout => [
  field("header", txns.TxnHeaderShape),
  ...txnBodyLayout(txn.body),
  ...(txn.digest === null ? [] : [field("digest", txns.TxnDigestShape)]),
];

function txnBodyLayout(body: TxnBody): Layout {
  switch (body.kind) {
    case "create":
      return [fieldsOf(body.beforeV34 ? txns.CreateTxnV0Shape : txns.CreateTxnShape)];
    case "closeSession":
      return body.paths === null ? [] : [fieldsOf(txns.CloseSessionTxnShape)];
    case "multi":
      return [
        field("parts.length", "int", "count"),
        ...body.parts.map((part, i) =>
          group(`parts[${i}]`, [
            field("type", "int", "op"),
            { inside: "data", layout: txnBodyLayout(part.body) },
          ])
        ),
      ];
    default:
      return [fieldsOf(TXN_SHAPES[body.kind])];
  }
}

const TXN_SHAPES: Record<Exclude<TxnBody["kind"], "create" | "closeSession" | "multi">, Shape> = {
  createContainer: txns.CreateContainerTxnShape,
  createTTL: txns.CreateTTLTxnShape,
  delete: txns.DeleteTxnShape,
  setData: txns.SetDataTxnShape,
  setACL: txns.SetACLTxnShape,
  check: txns.CheckVersionTxnShape,
  createSession: txns.CreateSessionTxnShape,
  error: txns.ErrorTxnShape,
};
