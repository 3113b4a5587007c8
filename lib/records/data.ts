// GENERATED from jute/data.jute by jute/compile.ts. Do not edit: deno task jute.
// Records that others are made of (client.md 1.4).

import type { Zxid } from "../base/ids.ts";
import type { Input } from "../codec/input.ts";
import type { Output } from "../codec/output.ts";
import type { Codec, Shape } from "../codec/shape.ts";

export interface Id {
  scheme: string | null;
  id: string | null;
}
export function writeId(out: Output, r: Id): void {
  out.ustring(r.scheme);
  out.ustring(r.id);
}
export function readId(input: Input): Id {
  return {
    scheme: input.ustring(),
    id: input.ustring(),
  };
}
export const IdShape: Shape = {
  name: "Id",
  fields: [
    ["scheme", "ustring"],
    ["id", "ustring"],
  ],
};
export const IdCodec: Codec<Id> = { shape: IdShape, read: readId, write: writeId };

export interface ACL {
  perms: number;
  id: Id;
}
export function writeACL(out: Output, r: ACL): void {
  out.int(r.perms);
  writeId(out, r.id);
}
export function readACL(input: Input): ACL {
  return {
    perms: input.int(),
    id: readId(input),
  };
}
export const ACLShape: Shape = {
  name: "ACL",
  fields: [
    ["perms", "int", "perms"],
    ["id", IdShape],
  ],
};
export const ACLCodec: Codec<ACL> = { shape: ACLShape, read: readACL, write: writeACL };

/** A znode's stat as clients see it: 68 bytes. */
export interface Stat {
  czxid: Zxid;
  mzxid: Zxid;
  ctime: bigint;
  mtime: bigint;
  version: number;
  cversion: number;
  aversion: number;
  ephemeralOwner: bigint;
  dataLength: number;
  numChildren: number;
  pzxid: Zxid;
}
export function writeStat(out: Output, r: Stat): void {
  const at = out.run(68);
  const view = out.dataView;
  view.setBigInt64(at, r.czxid);
  view.setBigInt64(at + 8, r.mzxid);
  view.setBigInt64(at + 16, r.ctime);
  view.setBigInt64(at + 24, r.mtime);
  view.setInt32(at + 32, r.version);
  view.setInt32(at + 36, r.cversion);
  view.setInt32(at + 40, r.aversion);
  view.setBigInt64(at + 44, r.ephemeralOwner);
  view.setInt32(at + 52, r.dataLength);
  view.setInt32(at + 56, r.numChildren);
  view.setBigInt64(at + 60, r.pzxid);
}
export function readStat(input: Input): Stat {
  const at = input.run(68);
  const view = input.dataView;
  return {
    czxid: view.getBigInt64(at),
    mzxid: view.getBigInt64(at + 8),
    ctime: view.getBigInt64(at + 16),
    mtime: view.getBigInt64(at + 24),
    version: view.getInt32(at + 32),
    cversion: view.getInt32(at + 36),
    aversion: view.getInt32(at + 40),
    ephemeralOwner: view.getBigInt64(at + 44),
    dataLength: view.getInt32(at + 52),
    numChildren: view.getInt32(at + 56),
    pzxid: view.getBigInt64(at + 60),
  };
}
export const StatShape: Shape = {
  name: "Stat",
  fields: [
    ["czxid", "long", "zxid"],
    ["mzxid", "long", "zxid"],
    ["ctime", "long", "millis"],
    ["mtime", "long", "millis"],
    ["version", "int"],
    ["cversion", "int"],
    ["aversion", "int"],
    ["ephemeralOwner", "long", "owner"],
    ["dataLength", "int"],
    ["numChildren", "int"],
    ["pzxid", "long", "zxid"],
  ],
};
export const StatCodec: Codec<Stat> = { shape: StatShape, read: readStat, write: writeStat };

/** A znode's stat as it is stored and replicated: 60 bytes. cversion counts creations only. */
export interface StatPersisted {
  czxid: Zxid;
  mzxid: Zxid;
  ctime: bigint;
  mtime: bigint;
  version: number;
  cversion: number;
  aversion: number;
  ephemeralOwner: bigint;
  pzxid: Zxid;
}
export function writeStatPersisted(out: Output, r: StatPersisted): void {
  const at = out.run(60);
  const view = out.dataView;
  view.setBigInt64(at, r.czxid);
  view.setBigInt64(at + 8, r.mzxid);
  view.setBigInt64(at + 16, r.ctime);
  view.setBigInt64(at + 24, r.mtime);
  view.setInt32(at + 32, r.version);
  view.setInt32(at + 36, r.cversion);
  view.setInt32(at + 40, r.aversion);
  view.setBigInt64(at + 44, r.ephemeralOwner);
  view.setBigInt64(at + 52, r.pzxid);
}
export function readStatPersisted(input: Input): StatPersisted {
  const at = input.run(60);
  const view = input.dataView;
  return {
    czxid: view.getBigInt64(at),
    mzxid: view.getBigInt64(at + 8),
    ctime: view.getBigInt64(at + 16),
    mtime: view.getBigInt64(at + 24),
    version: view.getInt32(at + 32),
    cversion: view.getInt32(at + 36),
    aversion: view.getInt32(at + 40),
    ephemeralOwner: view.getBigInt64(at + 44),
    pzxid: view.getBigInt64(at + 52),
  };
}
export const StatPersistedShape: Shape = {
  name: "StatPersisted",
  fields: [
    ["czxid", "long", "zxid"],
    ["mzxid", "long", "zxid"],
    ["ctime", "long", "millis"],
    ["mtime", "long", "millis"],
    ["version", "int"],
    ["cversion", "int"],
    ["aversion", "int"],
    ["ephemeralOwner", "long", "owner"],
    ["pzxid", "long", "zxid"],
  ],
};
export const StatPersistedCodec: Codec<StatPersisted> = { shape: StatPersistedShape, read: readStatPersisted, write: writeStatPersisted };

export const dataCodecs: readonly Codec<unknown>[] = [
  IdCodec,
  ACLCodec,
  StatCodec,
  StatPersistedCodec,
];
