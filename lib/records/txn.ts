// GENERATED from jute/txn.jute by jute/compile.ts. Do not edit: deno task jute.
// Transactions, as logged and as proposed (storage.md 2.2 and 3, quorum.md 7.2).

import type { SessionId, Zxid } from "../base/ids.ts";
import type { Input } from "../codec/input.ts";
import type { Output } from "../codec/output.ts";
import type { Codec, Shape } from "../codec/shape.ts";
import type { ACL } from "./data.ts";
import { readACL, writeACL, ACLShape } from "./data.ts";

export interface TxnHeader {
  clientId: SessionId;
  cxid: number;
  zxid: Zxid;
  time: bigint;
  type: number;
}
export function writeTxnHeader(out: Output, r: TxnHeader): void {
  const at = out.run(32);
  const view = out.dataView;
  view.setBigInt64(at, r.clientId);
  view.setInt32(at + 8, r.cxid);
  view.setBigInt64(at + 12, r.zxid);
  view.setBigInt64(at + 20, r.time);
  view.setInt32(at + 28, r.type);
}
export function readTxnHeader(input: Input): TxnHeader {
  const at = input.run(32);
  const view = input.dataView;
  return {
    clientId: view.getBigInt64(at),
    cxid: view.getInt32(at + 8),
    zxid: view.getBigInt64(at + 12),
    time: view.getBigInt64(at + 20),
    type: view.getInt32(at + 28),
  };
}
export const TxnHeaderShape: Shape = {
  name: "TxnHeader",
  fields: [
    ["clientId", "long", "session"],
    ["cxid", "int"],
    ["zxid", "long", "zxid"],
    ["time", "long", "millis"],
    ["type", "int", "op"],
  ],
};
export const TxnHeaderCodec: Codec<TxnHeader> = { shape: TxnHeaderShape, read: readTxnHeader, write: writeTxnHeader };

export interface TxnDigest {
  version: number;
  treeDigest: bigint;
}
export function writeTxnDigest(out: Output, r: TxnDigest): void {
  const at = out.run(12);
  const view = out.dataView;
  view.setInt32(at, r.version);
  view.setBigInt64(at + 4, r.treeDigest);
}
export function readTxnDigest(input: Input): TxnDigest {
  const at = input.run(12);
  const view = input.dataView;
  return {
    version: view.getInt32(at),
    treeDigest: view.getBigInt64(at + 4),
  };
}
export const TxnDigestShape: Shape = {
  name: "TxnDigest",
  fields: [
    ["version", "int"],
    ["treeDigest", "long", "digest"],
  ],
};
export const TxnDigestCodec: Codec<TxnDigest> = { shape: TxnDigestShape, read: readTxnDigest, write: writeTxnDigest };

export interface CreateTxn {
  path: string | null;
  data: Uint8Array | null;
  acl: ACL[] | null;
  ephemeral: boolean;
  parentCVersion: number;
}
export function writeCreateTxn(out: Output, r: CreateTxn): void {
  out.ustring(r.path);
  out.buffer(r.data);
  out.vector(r.acl, writeACL);
  const at = out.run(5);
  const view = out.dataView;
  view.setInt8(at, r.ephemeral ? 1 : 0);
  view.setInt32(at + 1, r.parentCVersion);
}
export function readCreateTxn(input: Input): CreateTxn {
  const path = input.ustring();
  const data = input.buffer();
  const acl = input.vector(readACL);
  const at = input.run(5);
  const view = input.dataView;
  return {
    path,
    data,
    acl,
    ephemeral: view.getInt8(at) !== 0,
    parentCVersion: view.getInt32(at + 1),
  };
}
export const CreateTxnShape: Shape = {
  name: "CreateTxn",
  fields: [
    ["path", "ustring", "path"],
    ["data", "buffer"],
    ["acl", { vector: ACLShape }],
    ["ephemeral", "boolean"],
    ["parentCVersion", "int"],
  ],
};
export const CreateTxnCodec: Codec<CreateTxn> = { shape: CreateTxnShape, read: readCreateTxn, write: writeCreateTxn };

/** Before 3.4. */
export interface CreateTxnV0 {
  path: string | null;
  data: Uint8Array | null;
  acl: ACL[] | null;
  ephemeral: boolean;
}
export function writeCreateTxnV0(out: Output, r: CreateTxnV0): void {
  out.ustring(r.path);
  out.buffer(r.data);
  out.vector(r.acl, writeACL);
  out.boolean(r.ephemeral);
}
export function readCreateTxnV0(input: Input): CreateTxnV0 {
  return {
    path: input.ustring(),
    data: input.buffer(),
    acl: input.vector(readACL),
    ephemeral: input.boolean(),
  };
}
export const CreateTxnV0Shape: Shape = {
  name: "CreateTxnV0",
  fields: [
    ["path", "ustring", "path"],
    ["data", "buffer"],
    ["acl", { vector: ACLShape }],
    ["ephemeral", "boolean"],
  ],
};
export const CreateTxnV0Codec: Codec<CreateTxnV0> = { shape: CreateTxnV0Shape, read: readCreateTxnV0, write: writeCreateTxnV0 };

export interface CreateContainerTxn {
  path: string | null;
  data: Uint8Array | null;
  acl: ACL[] | null;
  parentCVersion: number;
}
export function writeCreateContainerTxn(out: Output, r: CreateContainerTxn): void {
  out.ustring(r.path);
  out.buffer(r.data);
  out.vector(r.acl, writeACL);
  out.int(r.parentCVersion);
}
export function readCreateContainerTxn(input: Input): CreateContainerTxn {
  return {
    path: input.ustring(),
    data: input.buffer(),
    acl: input.vector(readACL),
    parentCVersion: input.int(),
  };
}
export const CreateContainerTxnShape: Shape = {
  name: "CreateContainerTxn",
  fields: [
    ["path", "ustring", "path"],
    ["data", "buffer"],
    ["acl", { vector: ACLShape }],
    ["parentCVersion", "int"],
  ],
};
export const CreateContainerTxnCodec: Codec<CreateContainerTxn> = { shape: CreateContainerTxnShape, read: readCreateContainerTxn, write: writeCreateContainerTxn };

export interface CreateTTLTxn {
  path: string | null;
  data: Uint8Array | null;
  acl: ACL[] | null;
  parentCVersion: number;
  ttl: bigint;
}
export function writeCreateTTLTxn(out: Output, r: CreateTTLTxn): void {
  out.ustring(r.path);
  out.buffer(r.data);
  out.vector(r.acl, writeACL);
  const at = out.run(12);
  const view = out.dataView;
  view.setInt32(at, r.parentCVersion);
  view.setBigInt64(at + 4, r.ttl);
}
export function readCreateTTLTxn(input: Input): CreateTTLTxn {
  const path = input.ustring();
  const data = input.buffer();
  const acl = input.vector(readACL);
  const at = input.run(12);
  const view = input.dataView;
  return {
    path,
    data,
    acl,
    parentCVersion: view.getInt32(at),
    ttl: view.getBigInt64(at + 4),
  };
}
export const CreateTTLTxnShape: Shape = {
  name: "CreateTTLTxn",
  fields: [
    ["path", "ustring", "path"],
    ["data", "buffer"],
    ["acl", { vector: ACLShape }],
    ["parentCVersion", "int"],
    ["ttl", "long", "duration"],
  ],
};
export const CreateTTLTxnCodec: Codec<CreateTTLTxn> = { shape: CreateTTLTxnShape, read: readCreateTTLTxn, write: writeCreateTTLTxn };

export interface DeleteTxn {
  path: string | null;
}
export function writeDeleteTxn(out: Output, r: DeleteTxn): void {
  out.ustring(r.path);
}
export function readDeleteTxn(input: Input): DeleteTxn {
  return {
    path: input.ustring(),
  };
}
export const DeleteTxnShape: Shape = {
  name: "DeleteTxn",
  fields: [
    ["path", "ustring", "path"],
  ],
};
export const DeleteTxnCodec: Codec<DeleteTxn> = { shape: DeleteTxnShape, read: readDeleteTxn, write: writeDeleteTxn };

export interface SetDataTxn {
  path: string | null;
  data: Uint8Array | null;
  version: number;
}
export function writeSetDataTxn(out: Output, r: SetDataTxn): void {
  out.ustring(r.path);
  out.buffer(r.data);
  out.int(r.version);
}
export function readSetDataTxn(input: Input): SetDataTxn {
  return {
    path: input.ustring(),
    data: input.buffer(),
    version: input.int(),
  };
}
export const SetDataTxnShape: Shape = {
  name: "SetDataTxn",
  fields: [
    ["path", "ustring", "path"],
    ["data", "buffer"],
    ["version", "int"],
  ],
};
export const SetDataTxnCodec: Codec<SetDataTxn> = { shape: SetDataTxnShape, read: readSetDataTxn, write: writeSetDataTxn };

export interface SetACLTxn {
  path: string | null;
  acl: ACL[] | null;
  version: number;
}
export function writeSetACLTxn(out: Output, r: SetACLTxn): void {
  out.ustring(r.path);
  out.vector(r.acl, writeACL);
  out.int(r.version);
}
export function readSetACLTxn(input: Input): SetACLTxn {
  return {
    path: input.ustring(),
    acl: input.vector(readACL),
    version: input.int(),
  };
}
export const SetACLTxnShape: Shape = {
  name: "SetACLTxn",
  fields: [
    ["path", "ustring", "path"],
    ["acl", { vector: ACLShape }],
    ["version", "int"],
  ],
};
export const SetACLTxnCodec: Codec<SetACLTxn> = { shape: SetACLTxnShape, read: readSetACLTxn, write: writeSetACLTxn };

export interface CheckVersionTxn {
  path: string | null;
  version: number;
}
export function writeCheckVersionTxn(out: Output, r: CheckVersionTxn): void {
  out.ustring(r.path);
  out.int(r.version);
}
export function readCheckVersionTxn(input: Input): CheckVersionTxn {
  return {
    path: input.ustring(),
    version: input.int(),
  };
}
export const CheckVersionTxnShape: Shape = {
  name: "CheckVersionTxn",
  fields: [
    ["path", "ustring", "path"],
    ["version", "int"],
  ],
};
export const CheckVersionTxnCodec: Codec<CheckVersionTxn> = { shape: CheckVersionTxnShape, read: readCheckVersionTxn, write: writeCheckVersionTxn };

export interface CreateSessionTxn {
  timeOut: number;
}
export function writeCreateSessionTxn(out: Output, r: CreateSessionTxn): void {
  out.int(r.timeOut);
}
export function readCreateSessionTxn(input: Input): CreateSessionTxn {
  return {
    timeOut: input.int(),
  };
}
export const CreateSessionTxnShape: Shape = {
  name: "CreateSessionTxn",
  fields: [
    ["timeOut", "int", "duration"],
  ],
};
export const CreateSessionTxnCodec: Codec<CreateSessionTxn> = { shape: CreateSessionTxnShape, read: readCreateSessionTxn, write: writeCreateSessionTxn };

export interface CloseSessionTxn {
  paths2Delete: (string | null)[] | null;
}
export function writeCloseSessionTxn(out: Output, r: CloseSessionTxn): void {
  out.vector(r.paths2Delete, (o, v) => o.ustring(v));
}
export function readCloseSessionTxn(input: Input): CloseSessionTxn {
  return {
    paths2Delete: input.vector((i) => i.ustring()),
  };
}
export const CloseSessionTxnShape: Shape = {
  name: "CloseSessionTxn",
  fields: [
    ["paths2Delete", { vector: "ustring" }, "path"],
  ],
};
export const CloseSessionTxnCodec: Codec<CloseSessionTxn> = { shape: CloseSessionTxnShape, read: readCloseSessionTxn, write: writeCloseSessionTxn };

export interface ErrorTxn {
  err: number;
}
export function writeErrorTxn(out: Output, r: ErrorTxn): void {
  out.int(r.err);
}
export function readErrorTxn(input: Input): ErrorTxn {
  return {
    err: input.int(),
  };
}
export const ErrorTxnShape: Shape = {
  name: "ErrorTxn",
  fields: [
    ["err", "int", "error"],
  ],
};
export const ErrorTxnCodec: Codec<ErrorTxn> = { shape: ErrorTxnShape, read: readErrorTxn, write: writeErrorTxn };

export interface SubTxn {
  type: number;
  data: Uint8Array | null;
}
export function writeSubTxn(out: Output, r: SubTxn): void {
  out.int(r.type);
  out.buffer(r.data);
}
export function readSubTxn(input: Input): SubTxn {
  return {
    type: input.int(),
    data: input.buffer(),
  };
}
export const SubTxnShape: Shape = {
  name: "SubTxn",
  fields: [
    ["type", "int", "op"],
    ["data", "buffer"],
  ],
};
export const SubTxnCodec: Codec<SubTxn> = { shape: SubTxnShape, read: readSubTxn, write: writeSubTxn };

export interface MultiTxn {
  txns: SubTxn[] | null;
}
export function writeMultiTxn(out: Output, r: MultiTxn): void {
  out.vector(r.txns, writeSubTxn);
}
export function readMultiTxn(input: Input): MultiTxn {
  return {
    txns: input.vector(readSubTxn),
  };
}
export const MultiTxnShape: Shape = {
  name: "MultiTxn",
  fields: [
    ["txns", { vector: SubTxnShape }],
  ],
};
export const MultiTxnCodec: Codec<MultiTxn> = { shape: MultiTxnShape, read: readMultiTxn, write: writeMultiTxn };

export const txnCodecs: readonly Codec<unknown>[] = [
  TxnHeaderCodec,
  TxnDigestCodec,
  CreateTxnCodec,
  CreateTxnV0Codec,
  CreateContainerTxnCodec,
  CreateTTLTxnCodec,
  DeleteTxnCodec,
  SetDataTxnCodec,
  SetACLTxnCodec,
  CheckVersionTxnCodec,
  CreateSessionTxnCodec,
  CloseSessionTxnCodec,
  ErrorTxnCodec,
  SubTxnCodec,
  MultiTxnCodec,
];
