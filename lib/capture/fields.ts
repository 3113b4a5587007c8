// The fields of a message, from its bytes and layout: spans for the hex dissection, JSON for `jsonl`
// and the HTML report. What a message is comes from lib/wire; here only what a capture adds, that is
// messages of which the end is missing: as many fields as are there, and the rest as bytes.

import { isFault } from "../base/errors.ts";
import {
  dissect,
  type Layout as Fields,
  type Piece,
  type Span,
  spanJson,
} from "../codec/dissect.ts";
import { Input } from "../codec/input.ts";
import type { Json } from "../codec/json.ts";
import { isShape } from "../codec/shape.ts";
import {
  ConnectRequestShape,
  ConnectResponseShape,
  ReplyHeaderShape,
  RequestHeaderShape,
} from "../records/client.ts";
import { AclEntryShape, SnapshotNodeShape, SnapshotSessionShape } from "../records/disk.ts";
import { NotificationShape } from "../records/election.ts";
import { ForwardedHeaderShape, readQuorumPacket } from "../records/quorum.ts";
import { TxnHeaderShape } from "../records/txn.ts";
import { PacketType } from "../txn/opcodes.ts";
import { requestCodec, responseCodec } from "../wire/bodies.ts";
import { readInitialMessage } from "../wire/election.ts";
import { authLayout, framed, initialMessageLayout, textLayout } from "../wire/layout.ts";
import * as wire from "../wire/message.ts";
import { i32 } from "./bytes.ts";
import type { Layout, Message, SnapshotPartName } from "./message.ts";

/** Every byte of the message as a named field, in order and without gaps. */
export function spansOf(message: Pick<Message, "layout" | "bytes" | "lost" | "size">): Span[] {
  const { bytes, layout } = message;
  if (bytes.length === message.size) {
    try {
      return dissect(bytes, fieldsOf(layout, bytes));
    } catch (error) {
      if (!isFault(error)) throw error;
    }
  }
  return dissectPart(bytes, outlineOf(layout, bytes));
}

/** The same as nested JSON, as `spanJson` gives each value. */
export function jsonOf(message: Pick<Message, "layout" | "bytes" | "lost" | "size">): Json {
  const root: { [key: string]: Json } = {};
  for (const span of spansOf(message)) {
    if (/\.length$|^length$/.test(span.path)) {
      if (span.value === 0) place(root, span.path.slice(0, -7), []);
      if (span.value === -1) place(root, span.path.slice(0, -7), null);
      continue;
    }
    place(root, span.path, spanJson(span));
  }
  const keys = Object.keys(root);
  const [only] = keys;
  const inner = keys.length === 1 ? root[only] : null;
  return inner !== null && typeof inner === "object" && !Array.isArray(inner) ? inner : root;
}

/** Puts a value at `a.b[2].c`. */
function place(root: { [key: string]: Json }, path: string, value: Json): void {
  if (path === "") return;
  const steps = path.split(/\.|\[|\]\.?/).filter((step) => step !== "");
  const isIndex = (step: string): boolean => /^\d+$/.test(step);
  let at: { [key: string]: Json } = root;
  for (const [i, step] of steps.entries()) {
    if (i === steps.length - 1) {
      at[step] = value;
      return;
    }
    const next = at[step];
    if (next === undefined || next === null || typeof next !== "object") {
      at[step] = isIndex(steps[i + 1]) ? [] : {};
    }
    // An array takes numeric keys as well as an object does.
    at = at[step] as { [key: string]: Json };
  }
}

/** The layout of a whole message. Faults: SHORT and the like when the bytes are not one. */
function fieldsOf(layout: Layout, bytes: Uint8Array): Fields {
  const frame = bytes.subarray(4);
  switch (layout.of) {
    case "connectRequest":
      return wire.layoutOf(wire.decodeConnectRequest(frame));
    case "connectResponse":
      return wire.layoutOf(wire.decodeConnectResponse(frame));
    case "request":
      return wire.layoutOf(wire.decodeRequest(frame));
    case "reply":
      return wire.layoutOf(wire.decodeReply(frame, layout.op));
    case "greeting": {
      const greeting = readInitialMessage(bytes);
      return typeof greeting === "number" ? RAW : initialMessageLayout(greeting);
    }
    case "notification":
      return wire.layoutOf(wire.decodeNotification(frame));
    case "packet":
      return wire.layoutOf(wire.decodePacket(readQuorumPacket(new Input(bytes)), layout.from));
    case "auth":
      return authLayout;
    case "snapshot":
      return SNAPSHOT[layout.part];
    case "text":
      return textLayout("text");
    default:
      return RAW;
  }
}

const RAW: Fields = [{ bytes: "bytes", size: null }];

const SNAPSHOT: Record<SnapshotPartName, Fields> = {
  sessionCount: [{ field: "sessions", type: "int", tag: "count" }],
  session: [{ field: "session", type: SnapshotSessionShape }],
  aclCount: [{ field: "acls", type: "int", tag: "count" }],
  acl: [{ field: "acl", type: AclEntryShape }],
  node: [{ field: "node", type: SnapshotNodeShape }],
  end: [{ field: "end", type: "ustring" }],
  signature: [{ field: "signature", type: "ustring" }],
};

/** What the beginning of a message of this layout looks like, for those that are not whole. */
function outlineOf(layout: Layout, bytes: Uint8Array): Fields {
  switch (layout.of) {
    case "connectRequest":
      return framed([{ field: "connect", type: ConnectRequestShape }]);
    case "connectResponse":
      return framed([{ field: "connected", type: ConnectResponseShape }]);
    case "request": {
      const codec = bytes.length >= 12 ? requestCodec(i32(bytes, 8)) : null;
      const body: Fields = codec === null ? [] : [{ field: "request", type: codec.shape }];
      return framed([{ field: "request.header", type: RequestHeaderShape }, ...body]);
    }
    case "reply": {
      const isOk = bytes.length >= 20 && i32(bytes, 16) === 0;
      const codec = layout.op === null || !isOk ? null : responseCodec(layout.op);
      const body: Fields = codec === null ? [] : [{ field: "reply", type: codec.shape }];
      return framed([{ field: "reply.header", type: ReplyHeaderShape }, ...body]);
    }
    case "notification":
      return framed([{ field: "notification", type: NotificationShape }]);
    case "packet":
      return packetOutline(bytes);
    default:
      return layout.of === "snapshot" ? SNAPSHOT[layout.part] : RAW;
  }
}

function packetOutline(bytes: Uint8Array): Fields {
  const head: Fields = [
    { field: "packet.type", type: "int", tag: "packet" },
    { field: "packet.zxid", type: "long", tag: "zxid" },
    { field: "packet.data.length", type: "int", tag: "count" },
  ];
  const type = bytes.length >= 4 ? i32(bytes, 0) : 0;
  if (type === PacketType.PROPOSAL || type === PacketType.INFORM) {
    return [...head, { field: "packet.data.header", type: TxnHeaderShape }];
  }
  if (type === PacketType.REQUEST) {
    return [...head, { field: "packet.data.header", type: ForwardedHeaderShape }];
  }
  return head;
}

/** As many fields of the outline as the bytes hold. */
function dissectPart(bytes: Uint8Array, outline: Fields): Span[] {
  const pieces = outline.flatMap(flatten);
  for (let count = pieces.length; count > 0; count--) {
    try {
      return dissect(bytes, pieces.slice(0, count));
    } catch (error) {
      if (!isFault(error)) throw error;
    }
  }
  return dissect(bytes, RAW);
}

/** A record's fields one by one, so that the last one to fit can be found. */
function flatten(piece: Piece): Fields {
  if (!("field" in piece) || !isShape(piece.type)) return [piece];
  return piece.type.fields.flatMap(([name, type, tag]): Fields =>
    flatten({ field: `${piece.field}.${name}`, type, ...(tag === undefined ? {} : { tag }) })
  );
}
