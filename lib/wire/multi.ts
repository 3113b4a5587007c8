// multi and multiRead (client.md 4.7 and 4.8): parts behind headers of their own, ended by a header
// that says done. Requests and replies use the same envelope.
//
// Must agree with Java's MultiOperationRecord and MultiResponse.

import { Fault } from "../base/errors.ts";
import type { Input } from "../codec/input.ts";
import type { Output } from "../codec/output.ts";
import type { Codec } from "../codec/shape.ts";
import * as records from "../records/client.ts";
import { type MultiHeader, readMultiHeader, writeMultiHeader } from "../records/client.ts";
import { OpCode, opName } from "../txn/opcodes.ts";

/** One operation asked for. `kind` is the record's; the header's type says which op exactly. */
export type MultiPart =
  | Part<"create", records.CreateRequest> // 1, 15, 19
  | Part<"createTTL", records.CreateTTLRequest>
  | Part<"delete", records.DeleteRequest>
  | Part<"setData", records.SetDataRequest>
  | Part<"check", records.CheckVersionRequest>
  | Part<"getData", records.GetDataRequest>
  | Part<"getChildren", records.GetChildrenRequest>;

/** One result. */
export type MultiResult =
  | Part<"create", records.CreateResponse>
  | Part<"create2", records.Create2Response> // also of createContainer and createTTL
  | Part<"delete", null>
  | Part<"setData", records.SetDataResponse>
  | Part<"check", null>
  | Part<"getData", records.GetDataResponse>
  | Part<"getChildren", records.GetChildrenResponse>
  | Part<"error", records.ErrorResponse>;

interface Part<K extends string, R> {
  readonly kind: K;
  readonly header: MultiHeader;
  readonly record: R;
}

export interface Multi<P> {
  readonly parts: readonly P[];
  /** The last header: type −1, done, err −1. */
  readonly end: MultiHeader;
}
export type MultiRequest = Multi<MultiPart>;
export type MultiResponse = Multi<MultiResult>;

interface Row {
  readonly kind: string;
  /** Null: a part without a record. */
  readonly codec: Codec<unknown> | null;
}

const PARTS = new Map<number, Row>([
  [OpCode.create, { kind: "create", codec: records.CreateRequestCodec }],
  [OpCode.create2, { kind: "create", codec: records.CreateRequestCodec }],
  [OpCode.createContainer, { kind: "create", codec: records.CreateRequestCodec }],
  [OpCode.createTTL, { kind: "createTTL", codec: records.CreateTTLRequestCodec }],
  [OpCode.delete, { kind: "delete", codec: records.DeleteRequestCodec }],
  [OpCode.setData, { kind: "setData", codec: records.SetDataRequestCodec }],
  [OpCode.check, { kind: "check", codec: records.CheckVersionRequestCodec }],
  [OpCode.getData, { kind: "getData", codec: records.GetDataRequestCodec }],
  [OpCode.getChildren, { kind: "getChildren", codec: records.GetChildrenRequestCodec }],
]);

const RESULTS = new Map<number, Row>([
  [OpCode.create, { kind: "create", codec: records.CreateResponseCodec }],
  [OpCode.create2, { kind: "create2", codec: records.Create2ResponseCodec }],
  [OpCode.delete, { kind: "delete", codec: null }],
  [OpCode.setData, { kind: "setData", codec: records.SetDataResponseCodec }],
  [OpCode.check, { kind: "check", codec: null }],
  [OpCode.getData, { kind: "getData", codec: records.GetDataResponseCodec }],
  [OpCode.getChildren, { kind: "getChildren", codec: records.GetChildrenResponseCodec }],
  [OpCode.error, { kind: "error", codec: records.ErrorResponseCodec }],
]);

/** The last header of every multi, both ways. */
export const MULTI_END: MultiHeader = { type: -1, done: true, err: -1 };
/** The header before a part of a request. */
export const partHeader = (type: number): MultiHeader => ({ type, done: false, err: -1 });

/** Faults: SHORT, LENGTH, UNKNOWN_TYPE for a part that no multi may have. */
export const readMultiRequest = (input: Input): MultiRequest =>
  readMulti<MultiPart>(input, PARTS, "multi request");
export const readMultiResponse = (input: Input): MultiResponse =>
  readMulti<MultiResult>(input, RESULTS, "multi response");

export const writeMultiRequest = (out: Output, parts: readonly MultiPart[], end = MULTI_END) =>
  writeMulti(out, parts, end, PARTS);
export const writeMultiResponse = (out: Output, parts: readonly MultiResult[], end = MULTI_END) =>
  writeMulti(out, parts, end, RESULTS);

/** Record codec of a part's header type; null: none. Undefined: no such part. */
export const partCodec = (type: number): Codec<unknown> | null | undefined =>
  PARTS.get(type)?.codec;
export const resultCodec = (type: number): Codec<unknown> | null | undefined =>
  RESULTS.get(type)?.codec;

function readMulti<P>(input: Input, rows: ReadonlyMap<number, Row>, where: string): Multi<P> {
  const parts: P[] = [];
  for (let header = readMultiHeader(input);; header = readMultiHeader(input)) {
    if (header.done) return { parts, end: header };
    const row = rows.get(header.type);
    if (row === undefined) {
      throw new Fault("UNKNOWN_TYPE", `a multi cannot hold ${opName(header.type)}`, {
        where: `${where}, part ${parts.length}`,
        type: header.type,
      });
    }
    // The row ties kind and record together, which the compiler cannot follow.
    const record = row.codec === null ? null : row.codec.read(input);
    parts.push({ kind: row.kind, header, record } as P);
  }
}

function writeMulti(
  out: Output,
  parts: readonly (MultiPart | MultiResult)[],
  end: MultiHeader,
  rows: ReadonlyMap<number, Row>,
): void {
  for (const { header, record } of parts) {
    writeMultiHeader(out, header);
    rows.get(header.type)?.codec?.write(out, record);
  }
  writeMultiHeader(out, end);
}
