// GENERATED from jute/disk.jute by jute/compile.ts. Do not edit: deno task jute.
// Files of the data directory (storage.md 2 and 4), and the snapshot stream of the learner port.

import type { SessionId, Zxid } from "../base/ids.ts";
import type { Input } from "../codec/input.ts";
import type { Output } from "../codec/output.ts";
import type { Codec, Shape } from "../codec/shape.ts";
import type { ACL, StatPersisted } from "./data.ts";
import { readACL, writeACL, ACLShape, readStatPersisted, writeStatPersisted, StatPersistedShape } from "./data.ts";

export interface FileHeader {
  magic: number;
  version: number;
  dbid: bigint;
}
export function writeFileHeader(out: Output, r: FileHeader): void {
  const at = out.run(16);
  const view = out.dataView;
  view.setInt32(at, r.magic);
  view.setInt32(at + 4, r.version);
  view.setBigInt64(at + 8, r.dbid);
}
export function readFileHeader(input: Input): FileHeader {
  const at = input.run(16);
  const view = input.dataView;
  return {
    magic: view.getInt32(at),
    version: view.getInt32(at + 4),
    dbid: view.getBigInt64(at + 8),
  };
}
export const FileHeaderShape: Shape = {
  name: "FileHeader",
  fields: [
    ["magic", "int", "magic"],
    ["version", "int"],
    ["dbid", "long"],
  ],
};
export const FileHeaderCodec: Codec<FileHeader> = { shape: FileHeaderShape, read: readFileHeader, write: writeFileHeader };

/** A log record: this, `length` bytes of entry, and the byte 'B'. */
export interface LogRecordHead {
  checksum: bigint;
  length: number;
}
export function writeLogRecordHead(out: Output, r: LogRecordHead): void {
  const at = out.run(12);
  const view = out.dataView;
  view.setBigInt64(at, r.checksum);
  view.setInt32(at + 8, r.length);
}
export function readLogRecordHead(input: Input): LogRecordHead {
  const at = input.run(12);
  const view = input.dataView;
  return {
    checksum: view.getBigInt64(at),
    length: view.getInt32(at + 8),
  };
}
export const LogRecordHeadShape: Shape = {
  name: "LogRecordHead",
  fields: [
    ["checksum", "long", "checksum"],
    ["length", "int"],
  ],
};
export const LogRecordHeadCodec: Codec<LogRecordHead> = { shape: LogRecordHeadShape, read: readLogRecordHead, write: writeLogRecordHead };

export interface SnapshotSession {
  id: SessionId;
  timeout: number;
}
export function writeSnapshotSession(out: Output, r: SnapshotSession): void {
  const at = out.run(12);
  const view = out.dataView;
  view.setBigInt64(at, r.id);
  view.setInt32(at + 8, r.timeout);
}
export function readSnapshotSession(input: Input): SnapshotSession {
  const at = input.run(12);
  const view = input.dataView;
  return {
    id: view.getBigInt64(at),
    timeout: view.getInt32(at + 8),
  };
}
export const SnapshotSessionShape: Shape = {
  name: "SnapshotSession",
  fields: [
    ["id", "long", "session"],
    ["timeout", "int", "duration"],
  ],
};
export const SnapshotSessionCodec: Codec<SnapshotSession> = { shape: SnapshotSessionShape, read: readSnapshotSession, write: writeSnapshotSession };

export interface AclEntry {
  id: bigint;
  acl: ACL[] | null;
}
export function writeAclEntry(out: Output, r: AclEntry): void {
  out.long(r.id);
  out.vector(r.acl, writeACL);
}
export function readAclEntry(input: Input): AclEntry {
  return {
    id: input.long(),
    acl: input.vector(readACL),
  };
}
export const AclEntryShape: Shape = {
  name: "AclEntry",
  fields: [
    ["id", "long"],
    ["acl", { vector: ACLShape }],
  ],
};
export const AclEntryCodec: Codec<AclEntry> = { shape: AclEntryShape, read: readAclEntry, write: writeAclEntry };

export interface SnapshotNode {
  path: string | null;
  data: Uint8Array | null;
  acl: bigint;
  stat: StatPersisted;
}
export function writeSnapshotNode(out: Output, r: SnapshotNode): void {
  out.ustring(r.path);
  out.buffer(r.data);
  out.long(r.acl);
  writeStatPersisted(out, r.stat);
}
export function readSnapshotNode(input: Input): SnapshotNode {
  return {
    path: input.ustring(),
    data: input.buffer(),
    acl: input.long(),
    stat: readStatPersisted(input),
  };
}
export const SnapshotNodeShape: Shape = {
  name: "SnapshotNode",
  fields: [
    ["path", "ustring", "path"],
    ["data", "buffer"],
    ["acl", "long"],
    ["stat", StatPersistedShape],
  ],
};
export const SnapshotNodeCodec: Codec<SnapshotNode> = { shape: SnapshotNodeShape, read: readSnapshotNode, write: writeSnapshotNode };

export interface Seal {
  checksum: bigint;
  mark: string | null;
}
export function writeSeal(out: Output, r: Seal): void {
  out.long(r.checksum);
  out.ustring(r.mark);
}
export function readSeal(input: Input): Seal {
  return {
    checksum: input.long(),
    mark: input.ustring(),
  };
}
export const SealShape: Shape = {
  name: "Seal",
  fields: [
    ["checksum", "long", "checksum"],
    ["mark", "ustring"],
  ],
};
export const SealCodec: Codec<Seal> = { shape: SealShape, read: readSeal, write: writeSeal };

export interface SnapshotDigest {
  zxid: Zxid;
  digestVersion: number;
  digest: bigint;
}
export function writeSnapshotDigest(out: Output, r: SnapshotDigest): void {
  const at = out.run(20);
  const view = out.dataView;
  view.setBigInt64(at, r.zxid);
  view.setInt32(at + 8, r.digestVersion);
  view.setBigInt64(at + 12, r.digest);
}
export function readSnapshotDigest(input: Input): SnapshotDigest {
  const at = input.run(20);
  const view = input.dataView;
  return {
    zxid: view.getBigInt64(at),
    digestVersion: view.getInt32(at + 8),
    digest: view.getBigInt64(at + 12),
  };
}
export const SnapshotDigestShape: Shape = {
  name: "SnapshotDigest",
  fields: [
    ["zxid", "long", "zxid"],
    ["digestVersion", "int"],
    ["digest", "long", "digest"],
  ],
};
export const SnapshotDigestCodec: Codec<SnapshotDigest> = { shape: SnapshotDigestShape, read: readSnapshotDigest, write: writeSnapshotDigest };

export interface SnapshotLastZxid {
  zxid: Zxid;
}
export function writeSnapshotLastZxid(out: Output, r: SnapshotLastZxid): void {
  out.long(r.zxid);
}
export function readSnapshotLastZxid(input: Input): SnapshotLastZxid {
  return {
    zxid: input.long(),
  };
}
export const SnapshotLastZxidShape: Shape = {
  name: "SnapshotLastZxid",
  fields: [
    ["zxid", "long", "zxid"],
  ],
};
export const SnapshotLastZxidCodec: Codec<SnapshotLastZxid> = { shape: SnapshotLastZxidShape, read: readSnapshotLastZxid, write: writeSnapshotLastZxid };

export const diskCodecs: readonly Codec<unknown>[] = [
  FileHeaderCodec,
  LogRecordHeadCodec,
  SnapshotSessionCodec,
  AclEntryCodec,
  SnapshotNodeCodec,
  SealCodec,
  SnapshotDigestCodec,
  SnapshotLastZxidCodec,
];
