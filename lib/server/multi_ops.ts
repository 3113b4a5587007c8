// What a multi or multiRead really asks for: parts whose header and flags disagree are turned into
// what they mean, and what no multi may hold refuses the whole request (client.md 4.7, 4.8).
//
// Must agree with Java's MultiOperationRecord.deserialize and the constructors of Op.

import { Fault } from "../base/errors.ts";
import type { Input } from "../codec/input.ts";
import type { ACL } from "../records/data.ts";
import { OpCode, opName } from "../txn/opcodes.ts";
import { type MultiPart, readMultiRequest } from "../wire/multi.ts";
import { isCreateMode, isTtlMode } from "./prepare_op.ts";

export type MultiOp =
  | {
    readonly kind: "create";
    /** 1, 15, 19 or 21, by the flags. */
    readonly type: number;
    readonly path: string;
    readonly data: Uint8Array | null;
    readonly acl: readonly ACL[] | null;
    readonly flags: number;
    readonly ttl: bigint;
  }
  | VersionedOp<"delete">
  | VersionedOp<"check">
  | (VersionedOp<"setData"> & { readonly data: Uint8Array | null });

interface VersionedOp<K extends string> {
  readonly kind: K;
  readonly type: number;
  readonly path: string;
  readonly version: number;
}

/** One part of a multiRead; the watch flag inside is ignored. */
export interface MultiReadOp {
  readonly type: typeof OpCode.getData | typeof OpCode.getChildren;
  readonly path: string | null;
}

const CONTAINER_FLAGS = 4;

/**
 * The ops of a multi. Faults: SHORT, LENGTH, UNKNOWN_TYPE, and PROTOCOL for parts that may not be
 * there: all of them refuse the whole request as one that cannot be decoded.
 */
export function readMultiOps(input: Input): MultiOp[] {
  return readMultiRequest(input).parts.map((part, index) => {
    const { path } = part.record;
    return path === null ? refuse(index, "no path") : asWrite(part, index, path);
  });
}

/** The parts of a multiRead, null when all of them are writes; same faults. */
export function readMultiReads(input: Input): MultiReadOp[] | null {
  const { parts } = readMultiRequest(input);
  const isRead = parts.every(({ kind }) => kind === "getData" || kind === "getChildren");
  const isWrite = (part: MultiPart, at: number): boolean => asWrite(part, at, "") !== null;
  if (!isRead && parts.every(isWrite)) return null;
  return parts.map(({ kind, header, record }, index) => {
    if (kind === "getData") return { type: OpCode.getData, path: record.path };
    if (kind === "getChildren") return { type: OpCode.getChildren, path: record.path };
    return refuse(index, `${opName(header.type)} among reads`);
  });
}

function asWrite(part: MultiPart, index: number, path: string): MultiOp {
  const { kind, record, header } = part;
  if (kind === "getData" || kind === "getChildren") {
    return refuse(index, `${opName(header.type)} among writes`);
  }
  const { type } = header;
  switch (kind) {
    case "create": {
      const { data, acl, flags } = record;
      if (acl === null) return refuse(index, "a create without an access list");
      if (!isCreateMode(flags)) return refuse(index, `create flags ${flags}`);
      if (isTtlMode(flags)) return refuse(index, `create flags ${flags} without a time to live`);
      const op = flags === CONTAINER_FLAGS ? OpCode.createContainer : type;
      return { kind, type: op, path, data, acl, flags, ttl: -1n };
    }
    case "createTTL": {
      const { data, acl, flags } = record;
      if (isTtlMode(flags)) {
        return { kind: "create", type, path, data, acl, flags, ttl: record.ttl };
      }
      // The ttl is not looked at; unknown flags fail later, as this part's own error.
      const op = flags === CONTAINER_FLAGS ? OpCode.createContainer : OpCode.create;
      return { kind: "create", type: op, path, data, acl, flags, ttl: -1n };
    }
    case "setData":
      return { kind, type, path, data: record.data, version: record.version };
    default:
      return { kind, type, path, version: record.version };
  }
}

function refuse(index: number, what: string): never {
  throw new Fault("PROTOCOL", `a multi cannot hold ${what}`, { where: `part ${index}` });
}
