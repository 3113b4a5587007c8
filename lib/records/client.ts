// GENERATED from jute/client.jute by jute/compile.ts. Do not edit: deno task jute.
// The client port (client.md 2 to 6). Optional tails (readOnly in both connect records) and bodies
// chosen by op are in lib/wire/client.ts.

import type { SessionId, Zxid } from "../base/ids.ts";
import type { Input } from "../codec/input.ts";
import type { Output } from "../codec/output.ts";
import type { Codec, Shape } from "../codec/shape.ts";
import type { ACL, Stat } from "./data.ts";
import { readACL, writeACL, ACLShape, readStat, writeStat, StatShape } from "./data.ts";

export interface ConnectRequest {
  protocolVersion: number;
  lastZxidSeen: Zxid;
  timeOut: number;
  sessionId: SessionId;
  passwd: Uint8Array | null;
}
export function writeConnectRequest(out: Output, r: ConnectRequest): void {
  const at = out.run(24);
  const view = out.dataView;
  view.setInt32(at, r.protocolVersion);
  view.setBigInt64(at + 4, r.lastZxidSeen);
  view.setInt32(at + 12, r.timeOut);
  view.setBigInt64(at + 16, r.sessionId);
  out.buffer(r.passwd);
}
export function readConnectRequest(input: Input): ConnectRequest {
  const at = input.run(24);
  const view = input.dataView;
  return {
    protocolVersion: view.getInt32(at),
    lastZxidSeen: view.getBigInt64(at + 4),
    timeOut: view.getInt32(at + 12),
    sessionId: view.getBigInt64(at + 16),
    passwd: input.buffer(),
  };
}
export const ConnectRequestShape: Shape = {
  name: "ConnectRequest",
  fields: [
    ["protocolVersion", "int"],
    ["lastZxidSeen", "long", "zxid"],
    ["timeOut", "int", "duration"],
    ["sessionId", "long", "session"],
    ["passwd", "buffer", "password"],
  ],
};
export const ConnectRequestCodec: Codec<ConnectRequest> = { shape: ConnectRequestShape, read: readConnectRequest, write: writeConnectRequest };

export interface ConnectResponse {
  protocolVersion: number;
  timeOut: number;
  sessionId: SessionId;
  passwd: Uint8Array | null;
}
export function writeConnectResponse(out: Output, r: ConnectResponse): void {
  const at = out.run(16);
  const view = out.dataView;
  view.setInt32(at, r.protocolVersion);
  view.setInt32(at + 4, r.timeOut);
  view.setBigInt64(at + 8, r.sessionId);
  out.buffer(r.passwd);
}
export function readConnectResponse(input: Input): ConnectResponse {
  const at = input.run(16);
  const view = input.dataView;
  return {
    protocolVersion: view.getInt32(at),
    timeOut: view.getInt32(at + 4),
    sessionId: view.getBigInt64(at + 8),
    passwd: input.buffer(),
  };
}
export const ConnectResponseShape: Shape = {
  name: "ConnectResponse",
  fields: [
    ["protocolVersion", "int"],
    ["timeOut", "int", "duration"],
    ["sessionId", "long", "session"],
    ["passwd", "buffer", "password"],
  ],
};
export const ConnectResponseCodec: Codec<ConnectResponse> = { shape: ConnectResponseShape, read: readConnectResponse, write: writeConnectResponse };

export interface RequestHeader {
  xid: number;
  type: number;
}
export function writeRequestHeader(out: Output, r: RequestHeader): void {
  const at = out.run(8);
  const view = out.dataView;
  view.setInt32(at, r.xid);
  view.setInt32(at + 4, r.type);
}
export function readRequestHeader(input: Input): RequestHeader {
  const at = input.run(8);
  const view = input.dataView;
  return {
    xid: view.getInt32(at),
    type: view.getInt32(at + 4),
  };
}
export const RequestHeaderShape: Shape = {
  name: "RequestHeader",
  fields: [
    ["xid", "int"],
    ["type", "int", "op"],
  ],
};
export const RequestHeaderCodec: Codec<RequestHeader> = { shape: RequestHeaderShape, read: readRequestHeader, write: writeRequestHeader };

export interface ReplyHeader {
  xid: number;
  zxid: Zxid;
  err: number;
}
export function writeReplyHeader(out: Output, r: ReplyHeader): void {
  const at = out.run(16);
  const view = out.dataView;
  view.setInt32(at, r.xid);
  view.setBigInt64(at + 4, r.zxid);
  view.setInt32(at + 12, r.err);
}
export function readReplyHeader(input: Input): ReplyHeader {
  const at = input.run(16);
  const view = input.dataView;
  return {
    xid: view.getInt32(at),
    zxid: view.getBigInt64(at + 4),
    err: view.getInt32(at + 12),
  };
}
export const ReplyHeaderShape: Shape = {
  name: "ReplyHeader",
  fields: [
    ["xid", "int"],
    ["zxid", "long", "zxid"],
    ["err", "int", "error"],
  ],
};
export const ReplyHeaderCodec: Codec<ReplyHeader> = { shape: ReplyHeaderShape, read: readReplyHeader, write: writeReplyHeader };

export interface MultiHeader {
  type: number;
  done: boolean;
  err: number;
}
export function writeMultiHeader(out: Output, r: MultiHeader): void {
  const at = out.run(9);
  const view = out.dataView;
  view.setInt32(at, r.type);
  view.setInt8(at + 4, r.done ? 1 : 0);
  view.setInt32(at + 5, r.err);
}
export function readMultiHeader(input: Input): MultiHeader {
  const at = input.run(9);
  const view = input.dataView;
  return {
    type: view.getInt32(at),
    done: view.getInt8(at + 4) !== 0,
    err: view.getInt32(at + 5),
  };
}
export const MultiHeaderShape: Shape = {
  name: "MultiHeader",
  fields: [
    ["type", "int", "op"],
    ["done", "boolean"],
    ["err", "int", "error"],
  ],
};
export const MultiHeaderCodec: Codec<MultiHeader> = { shape: MultiHeaderShape, read: readMultiHeader, write: writeMultiHeader };

export interface ErrorResponse {
  err: number;
}
export function writeErrorResponse(out: Output, r: ErrorResponse): void {
  out.int(r.err);
}
export function readErrorResponse(input: Input): ErrorResponse {
  return {
    err: input.int(),
  };
}
export const ErrorResponseShape: Shape = {
  name: "ErrorResponse",
  fields: [
    ["err", "int", "error"],
  ],
};
export const ErrorResponseCodec: Codec<ErrorResponse> = { shape: ErrorResponseShape, read: readErrorResponse, write: writeErrorResponse };

export interface AuthPacket {
  type: number;
  scheme: string | null;
  auth: Uint8Array | null;
}
export function writeAuthPacket(out: Output, r: AuthPacket): void {
  out.int(r.type);
  out.ustring(r.scheme);
  out.buffer(r.auth);
}
export function readAuthPacket(input: Input): AuthPacket {
  return {
    type: input.int(),
    scheme: input.ustring(),
    auth: input.buffer(),
  };
}
export const AuthPacketShape: Shape = {
  name: "AuthPacket",
  fields: [
    ["type", "int"],
    ["scheme", "ustring"],
    ["auth", "buffer", "password"],
  ],
};
export const AuthPacketCodec: Codec<AuthPacket> = { shape: AuthPacketShape, read: readAuthPacket, write: writeAuthPacket };

export interface SaslRequest {
  token: Uint8Array | null;
}
export function writeSaslRequest(out: Output, r: SaslRequest): void {
  out.buffer(r.token);
}
export function readSaslRequest(input: Input): SaslRequest {
  return {
    token: input.buffer(),
  };
}
export const SaslRequestShape: Shape = {
  name: "SaslRequest",
  fields: [
    ["token", "buffer"],
  ],
};
export const SaslRequestCodec: Codec<SaslRequest> = { shape: SaslRequestShape, read: readSaslRequest, write: writeSaslRequest };

export interface SaslResponse {
  token: Uint8Array | null;
}
export function writeSaslResponse(out: Output, r: SaslResponse): void {
  out.buffer(r.token);
}
export function readSaslResponse(input: Input): SaslResponse {
  return {
    token: input.buffer(),
  };
}
export const SaslResponseShape: Shape = {
  name: "SaslResponse",
  fields: [
    ["token", "buffer"],
  ],
};
export const SaslResponseCodec: Codec<SaslResponse> = { shape: SaslResponseShape, read: readSaslResponse, write: writeSaslResponse };

export interface CreateRequest {
  path: string | null;
  data: Uint8Array | null;
  acl: ACL[] | null;
  flags: number;
}
export function writeCreateRequest(out: Output, r: CreateRequest): void {
  out.ustring(r.path);
  out.buffer(r.data);
  out.vector(r.acl, writeACL);
  out.int(r.flags);
}
export function readCreateRequest(input: Input): CreateRequest {
  return {
    path: input.ustring(),
    data: input.buffer(),
    acl: input.vector(readACL),
    flags: input.int(),
  };
}
export const CreateRequestShape: Shape = {
  name: "CreateRequest",
  fields: [
    ["path", "ustring", "path"],
    ["data", "buffer"],
    ["acl", { vector: ACLShape }],
    ["flags", "int", "flags"],
  ],
};
export const CreateRequestCodec: Codec<CreateRequest> = { shape: CreateRequestShape, read: readCreateRequest, write: writeCreateRequest };

export interface CreateTTLRequest {
  path: string | null;
  data: Uint8Array | null;
  acl: ACL[] | null;
  flags: number;
  ttl: bigint;
}
export function writeCreateTTLRequest(out: Output, r: CreateTTLRequest): void {
  out.ustring(r.path);
  out.buffer(r.data);
  out.vector(r.acl, writeACL);
  const at = out.run(12);
  const view = out.dataView;
  view.setInt32(at, r.flags);
  view.setBigInt64(at + 4, r.ttl);
}
export function readCreateTTLRequest(input: Input): CreateTTLRequest {
  const path = input.ustring();
  const data = input.buffer();
  const acl = input.vector(readACL);
  const at = input.run(12);
  const view = input.dataView;
  return {
    path,
    data,
    acl,
    flags: view.getInt32(at),
    ttl: view.getBigInt64(at + 4),
  };
}
export const CreateTTLRequestShape: Shape = {
  name: "CreateTTLRequest",
  fields: [
    ["path", "ustring", "path"],
    ["data", "buffer"],
    ["acl", { vector: ACLShape }],
    ["flags", "int", "flags"],
    ["ttl", "long", "duration"],
  ],
};
export const CreateTTLRequestCodec: Codec<CreateTTLRequest> = { shape: CreateTTLRequestShape, read: readCreateTTLRequest, write: writeCreateTTLRequest };

export interface CreateResponse {
  path: string | null;
}
export function writeCreateResponse(out: Output, r: CreateResponse): void {
  out.ustring(r.path);
}
export function readCreateResponse(input: Input): CreateResponse {
  return {
    path: input.ustring(),
  };
}
export const CreateResponseShape: Shape = {
  name: "CreateResponse",
  fields: [
    ["path", "ustring", "path"],
  ],
};
export const CreateResponseCodec: Codec<CreateResponse> = { shape: CreateResponseShape, read: readCreateResponse, write: writeCreateResponse };

export interface Create2Response {
  path: string | null;
  stat: Stat;
}
export function writeCreate2Response(out: Output, r: Create2Response): void {
  out.ustring(r.path);
  writeStat(out, r.stat);
}
export function readCreate2Response(input: Input): Create2Response {
  return {
    path: input.ustring(),
    stat: readStat(input),
  };
}
export const Create2ResponseShape: Shape = {
  name: "Create2Response",
  fields: [
    ["path", "ustring", "path"],
    ["stat", StatShape],
  ],
};
export const Create2ResponseCodec: Codec<Create2Response> = { shape: Create2ResponseShape, read: readCreate2Response, write: writeCreate2Response };

export interface DeleteRequest {
  path: string | null;
  version: number;
}
export function writeDeleteRequest(out: Output, r: DeleteRequest): void {
  out.ustring(r.path);
  out.int(r.version);
}
export function readDeleteRequest(input: Input): DeleteRequest {
  return {
    path: input.ustring(),
    version: input.int(),
  };
}
export const DeleteRequestShape: Shape = {
  name: "DeleteRequest",
  fields: [
    ["path", "ustring", "path"],
    ["version", "int"],
  ],
};
export const DeleteRequestCodec: Codec<DeleteRequest> = { shape: DeleteRequestShape, read: readDeleteRequest, write: writeDeleteRequest };

export interface DeleteContainerRequest {
  path: Uint8Array | null;
}
export function writeDeleteContainerRequest(out: Output, r: DeleteContainerRequest): void {
  out.buffer(r.path);
}
export function readDeleteContainerRequest(input: Input): DeleteContainerRequest {
  return {
    path: input.buffer(),
  };
}
export const DeleteContainerRequestShape: Shape = {
  name: "DeleteContainerRequest",
  fields: [
    ["path", "buffer", "text"],
  ],
};
export const DeleteContainerRequestCodec: Codec<DeleteContainerRequest> = { shape: DeleteContainerRequestShape, read: readDeleteContainerRequest, write: writeDeleteContainerRequest };

export interface ExistsRequest {
  path: string | null;
  watch: boolean;
}
export function writeExistsRequest(out: Output, r: ExistsRequest): void {
  out.ustring(r.path);
  out.boolean(r.watch);
}
export function readExistsRequest(input: Input): ExistsRequest {
  return {
    path: input.ustring(),
    watch: input.boolean(),
  };
}
export const ExistsRequestShape: Shape = {
  name: "ExistsRequest",
  fields: [
    ["path", "ustring", "path"],
    ["watch", "boolean"],
  ],
};
export const ExistsRequestCodec: Codec<ExistsRequest> = { shape: ExistsRequestShape, read: readExistsRequest, write: writeExistsRequest };

export interface ExistsResponse {
  stat: Stat;
}
export function writeExistsResponse(out: Output, r: ExistsResponse): void {
  writeStat(out, r.stat);
}
export function readExistsResponse(input: Input): ExistsResponse {
  return {
    stat: readStat(input),
  };
}
export const ExistsResponseShape: Shape = {
  name: "ExistsResponse",
  fields: [
    ["stat", StatShape],
  ],
};
export const ExistsResponseCodec: Codec<ExistsResponse> = { shape: ExistsResponseShape, read: readExistsResponse, write: writeExistsResponse };

export interface GetDataRequest {
  path: string | null;
  watch: boolean;
}
export function writeGetDataRequest(out: Output, r: GetDataRequest): void {
  out.ustring(r.path);
  out.boolean(r.watch);
}
export function readGetDataRequest(input: Input): GetDataRequest {
  return {
    path: input.ustring(),
    watch: input.boolean(),
  };
}
export const GetDataRequestShape: Shape = {
  name: "GetDataRequest",
  fields: [
    ["path", "ustring", "path"],
    ["watch", "boolean"],
  ],
};
export const GetDataRequestCodec: Codec<GetDataRequest> = { shape: GetDataRequestShape, read: readGetDataRequest, write: writeGetDataRequest };

export interface GetDataResponse {
  data: Uint8Array | null;
  stat: Stat;
}
export function writeGetDataResponse(out: Output, r: GetDataResponse): void {
  out.buffer(r.data);
  writeStat(out, r.stat);
}
export function readGetDataResponse(input: Input): GetDataResponse {
  return {
    data: input.buffer(),
    stat: readStat(input),
  };
}
export const GetDataResponseShape: Shape = {
  name: "GetDataResponse",
  fields: [
    ["data", "buffer"],
    ["stat", StatShape],
  ],
};
export const GetDataResponseCodec: Codec<GetDataResponse> = { shape: GetDataResponseShape, read: readGetDataResponse, write: writeGetDataResponse };

export interface SetDataRequest {
  path: string | null;
  data: Uint8Array | null;
  version: number;
}
export function writeSetDataRequest(out: Output, r: SetDataRequest): void {
  out.ustring(r.path);
  out.buffer(r.data);
  out.int(r.version);
}
export function readSetDataRequest(input: Input): SetDataRequest {
  return {
    path: input.ustring(),
    data: input.buffer(),
    version: input.int(),
  };
}
export const SetDataRequestShape: Shape = {
  name: "SetDataRequest",
  fields: [
    ["path", "ustring", "path"],
    ["data", "buffer"],
    ["version", "int"],
  ],
};
export const SetDataRequestCodec: Codec<SetDataRequest> = { shape: SetDataRequestShape, read: readSetDataRequest, write: writeSetDataRequest };

export interface SetDataResponse {
  stat: Stat;
}
export function writeSetDataResponse(out: Output, r: SetDataResponse): void {
  writeStat(out, r.stat);
}
export function readSetDataResponse(input: Input): SetDataResponse {
  return {
    stat: readStat(input),
  };
}
export const SetDataResponseShape: Shape = {
  name: "SetDataResponse",
  fields: [
    ["stat", StatShape],
  ],
};
export const SetDataResponseCodec: Codec<SetDataResponse> = { shape: SetDataResponseShape, read: readSetDataResponse, write: writeSetDataResponse };

export interface GetACLRequest {
  path: string | null;
}
export function writeGetACLRequest(out: Output, r: GetACLRequest): void {
  out.ustring(r.path);
}
export function readGetACLRequest(input: Input): GetACLRequest {
  return {
    path: input.ustring(),
  };
}
export const GetACLRequestShape: Shape = {
  name: "GetACLRequest",
  fields: [
    ["path", "ustring", "path"],
  ],
};
export const GetACLRequestCodec: Codec<GetACLRequest> = { shape: GetACLRequestShape, read: readGetACLRequest, write: writeGetACLRequest };

export interface GetACLResponse {
  acl: ACL[] | null;
  stat: Stat;
}
export function writeGetACLResponse(out: Output, r: GetACLResponse): void {
  out.vector(r.acl, writeACL);
  writeStat(out, r.stat);
}
export function readGetACLResponse(input: Input): GetACLResponse {
  return {
    acl: input.vector(readACL),
    stat: readStat(input),
  };
}
export const GetACLResponseShape: Shape = {
  name: "GetACLResponse",
  fields: [
    ["acl", { vector: ACLShape }],
    ["stat", StatShape],
  ],
};
export const GetACLResponseCodec: Codec<GetACLResponse> = { shape: GetACLResponseShape, read: readGetACLResponse, write: writeGetACLResponse };

export interface SetACLRequest {
  path: string | null;
  acl: ACL[] | null;
  version: number;
}
export function writeSetACLRequest(out: Output, r: SetACLRequest): void {
  out.ustring(r.path);
  out.vector(r.acl, writeACL);
  out.int(r.version);
}
export function readSetACLRequest(input: Input): SetACLRequest {
  return {
    path: input.ustring(),
    acl: input.vector(readACL),
    version: input.int(),
  };
}
export const SetACLRequestShape: Shape = {
  name: "SetACLRequest",
  fields: [
    ["path", "ustring", "path"],
    ["acl", { vector: ACLShape }],
    ["version", "int"],
  ],
};
export const SetACLRequestCodec: Codec<SetACLRequest> = { shape: SetACLRequestShape, read: readSetACLRequest, write: writeSetACLRequest };

export interface SetACLResponse {
  stat: Stat;
}
export function writeSetACLResponse(out: Output, r: SetACLResponse): void {
  writeStat(out, r.stat);
}
export function readSetACLResponse(input: Input): SetACLResponse {
  return {
    stat: readStat(input),
  };
}
export const SetACLResponseShape: Shape = {
  name: "SetACLResponse",
  fields: [
    ["stat", StatShape],
  ],
};
export const SetACLResponseCodec: Codec<SetACLResponse> = { shape: SetACLResponseShape, read: readSetACLResponse, write: writeSetACLResponse };

export interface GetChildrenRequest {
  path: string | null;
  watch: boolean;
}
export function writeGetChildrenRequest(out: Output, r: GetChildrenRequest): void {
  out.ustring(r.path);
  out.boolean(r.watch);
}
export function readGetChildrenRequest(input: Input): GetChildrenRequest {
  return {
    path: input.ustring(),
    watch: input.boolean(),
  };
}
export const GetChildrenRequestShape: Shape = {
  name: "GetChildrenRequest",
  fields: [
    ["path", "ustring", "path"],
    ["watch", "boolean"],
  ],
};
export const GetChildrenRequestCodec: Codec<GetChildrenRequest> = { shape: GetChildrenRequestShape, read: readGetChildrenRequest, write: writeGetChildrenRequest };

export interface GetChildrenResponse {
  children: (string | null)[] | null;
}
export function writeGetChildrenResponse(out: Output, r: GetChildrenResponse): void {
  out.vector(r.children, (o, v) => o.ustring(v));
}
export function readGetChildrenResponse(input: Input): GetChildrenResponse {
  return {
    children: input.vector((i) => i.ustring()),
  };
}
export const GetChildrenResponseShape: Shape = {
  name: "GetChildrenResponse",
  fields: [
    ["children", { vector: "ustring" }],
  ],
};
export const GetChildrenResponseCodec: Codec<GetChildrenResponse> = { shape: GetChildrenResponseShape, read: readGetChildrenResponse, write: writeGetChildrenResponse };

export interface GetChildren2Request {
  path: string | null;
  watch: boolean;
}
export function writeGetChildren2Request(out: Output, r: GetChildren2Request): void {
  out.ustring(r.path);
  out.boolean(r.watch);
}
export function readGetChildren2Request(input: Input): GetChildren2Request {
  return {
    path: input.ustring(),
    watch: input.boolean(),
  };
}
export const GetChildren2RequestShape: Shape = {
  name: "GetChildren2Request",
  fields: [
    ["path", "ustring", "path"],
    ["watch", "boolean"],
  ],
};
export const GetChildren2RequestCodec: Codec<GetChildren2Request> = { shape: GetChildren2RequestShape, read: readGetChildren2Request, write: writeGetChildren2Request };

export interface GetChildren2Response {
  children: (string | null)[] | null;
  stat: Stat;
}
export function writeGetChildren2Response(out: Output, r: GetChildren2Response): void {
  out.vector(r.children, (o, v) => o.ustring(v));
  writeStat(out, r.stat);
}
export function readGetChildren2Response(input: Input): GetChildren2Response {
  return {
    children: input.vector((i) => i.ustring()),
    stat: readStat(input),
  };
}
export const GetChildren2ResponseShape: Shape = {
  name: "GetChildren2Response",
  fields: [
    ["children", { vector: "ustring" }],
    ["stat", StatShape],
  ],
};
export const GetChildren2ResponseCodec: Codec<GetChildren2Response> = { shape: GetChildren2ResponseShape, read: readGetChildren2Response, write: writeGetChildren2Response };

export interface SyncRequest {
  path: string | null;
}
export function writeSyncRequest(out: Output, r: SyncRequest): void {
  out.ustring(r.path);
}
export function readSyncRequest(input: Input): SyncRequest {
  return {
    path: input.ustring(),
  };
}
export const SyncRequestShape: Shape = {
  name: "SyncRequest",
  fields: [
    ["path", "ustring", "path"],
  ],
};
export const SyncRequestCodec: Codec<SyncRequest> = { shape: SyncRequestShape, read: readSyncRequest, write: writeSyncRequest };

export interface SyncResponse {
  path: string | null;
}
export function writeSyncResponse(out: Output, r: SyncResponse): void {
  out.ustring(r.path);
}
export function readSyncResponse(input: Input): SyncResponse {
  return {
    path: input.ustring(),
  };
}
export const SyncResponseShape: Shape = {
  name: "SyncResponse",
  fields: [
    ["path", "ustring", "path"],
  ],
};
export const SyncResponseCodec: Codec<SyncResponse> = { shape: SyncResponseShape, read: readSyncResponse, write: writeSyncResponse };

export interface CheckVersionRequest {
  path: string | null;
  version: number;
}
export function writeCheckVersionRequest(out: Output, r: CheckVersionRequest): void {
  out.ustring(r.path);
  out.int(r.version);
}
export function readCheckVersionRequest(input: Input): CheckVersionRequest {
  return {
    path: input.ustring(),
    version: input.int(),
  };
}
export const CheckVersionRequestShape: Shape = {
  name: "CheckVersionRequest",
  fields: [
    ["path", "ustring", "path"],
    ["version", "int"],
  ],
};
export const CheckVersionRequestCodec: Codec<CheckVersionRequest> = { shape: CheckVersionRequestShape, read: readCheckVersionRequest, write: writeCheckVersionRequest };

export interface ReconfigRequest {
  joiningServers: string | null;
  leavingServers: string | null;
  newMembers: string | null;
  curConfigId: Zxid;
}
export function writeReconfigRequest(out: Output, r: ReconfigRequest): void {
  out.ustring(r.joiningServers);
  out.ustring(r.leavingServers);
  out.ustring(r.newMembers);
  out.long(r.curConfigId);
}
export function readReconfigRequest(input: Input): ReconfigRequest {
  return {
    joiningServers: input.ustring(),
    leavingServers: input.ustring(),
    newMembers: input.ustring(),
    curConfigId: input.long(),
  };
}
export const ReconfigRequestShape: Shape = {
  name: "ReconfigRequest",
  fields: [
    ["joiningServers", "ustring"],
    ["leavingServers", "ustring"],
    ["newMembers", "ustring"],
    ["curConfigId", "long", "zxid"],
  ],
};
export const ReconfigRequestCodec: Codec<ReconfigRequest> = { shape: ReconfigRequestShape, read: readReconfigRequest, write: writeReconfigRequest };

export interface CheckWatchesRequest {
  path: string | null;
  type: number;
}
export function writeCheckWatchesRequest(out: Output, r: CheckWatchesRequest): void {
  out.ustring(r.path);
  out.int(r.type);
}
export function readCheckWatchesRequest(input: Input): CheckWatchesRequest {
  return {
    path: input.ustring(),
    type: input.int(),
  };
}
export const CheckWatchesRequestShape: Shape = {
  name: "CheckWatchesRequest",
  fields: [
    ["path", "ustring", "path"],
    ["type", "int", "watch"],
  ],
};
export const CheckWatchesRequestCodec: Codec<CheckWatchesRequest> = { shape: CheckWatchesRequestShape, read: readCheckWatchesRequest, write: writeCheckWatchesRequest };

export interface RemoveWatchesRequest {
  path: string | null;
  type: number;
}
export function writeRemoveWatchesRequest(out: Output, r: RemoveWatchesRequest): void {
  out.ustring(r.path);
  out.int(r.type);
}
export function readRemoveWatchesRequest(input: Input): RemoveWatchesRequest {
  return {
    path: input.ustring(),
    type: input.int(),
  };
}
export const RemoveWatchesRequestShape: Shape = {
  name: "RemoveWatchesRequest",
  fields: [
    ["path", "ustring", "path"],
    ["type", "int", "watch"],
  ],
};
export const RemoveWatchesRequestCodec: Codec<RemoveWatchesRequest> = { shape: RemoveWatchesRequestShape, read: readRemoveWatchesRequest, write: writeRemoveWatchesRequest };

export interface AddWatchRequest {
  path: string | null;
  mode: number;
}
export function writeAddWatchRequest(out: Output, r: AddWatchRequest): void {
  out.ustring(r.path);
  out.int(r.mode);
}
export function readAddWatchRequest(input: Input): AddWatchRequest {
  return {
    path: input.ustring(),
    mode: input.int(),
  };
}
export const AddWatchRequestShape: Shape = {
  name: "AddWatchRequest",
  fields: [
    ["path", "ustring", "path"],
    ["mode", "int", "watch"],
  ],
};
export const AddWatchRequestCodec: Codec<AddWatchRequest> = { shape: AddWatchRequestShape, read: readAddWatchRequest, write: writeAddWatchRequest };

export interface SetWatches {
  relativeZxid: Zxid;
  dataWatches: (string | null)[] | null;
  existWatches: (string | null)[] | null;
  childWatches: (string | null)[] | null;
}
export function writeSetWatches(out: Output, r: SetWatches): void {
  out.long(r.relativeZxid);
  out.vector(r.dataWatches, (o, v) => o.ustring(v));
  out.vector(r.existWatches, (o, v) => o.ustring(v));
  out.vector(r.childWatches, (o, v) => o.ustring(v));
}
export function readSetWatches(input: Input): SetWatches {
  return {
    relativeZxid: input.long(),
    dataWatches: input.vector((i) => i.ustring()),
    existWatches: input.vector((i) => i.ustring()),
    childWatches: input.vector((i) => i.ustring()),
  };
}
export const SetWatchesShape: Shape = {
  name: "SetWatches",
  fields: [
    ["relativeZxid", "long", "zxid"],
    ["dataWatches", { vector: "ustring" }, "path"],
    ["existWatches", { vector: "ustring" }, "path"],
    ["childWatches", { vector: "ustring" }, "path"],
  ],
};
export const SetWatchesCodec: Codec<SetWatches> = { shape: SetWatchesShape, read: readSetWatches, write: writeSetWatches };

export interface SetWatches2 {
  relativeZxid: Zxid;
  dataWatches: (string | null)[] | null;
  existWatches: (string | null)[] | null;
  childWatches: (string | null)[] | null;
  persistentWatches: (string | null)[] | null;
  persistentRecursiveWatches: (string | null)[] | null;
}
export function writeSetWatches2(out: Output, r: SetWatches2): void {
  out.long(r.relativeZxid);
  out.vector(r.dataWatches, (o, v) => o.ustring(v));
  out.vector(r.existWatches, (o, v) => o.ustring(v));
  out.vector(r.childWatches, (o, v) => o.ustring(v));
  out.vector(r.persistentWatches, (o, v) => o.ustring(v));
  out.vector(r.persistentRecursiveWatches, (o, v) => o.ustring(v));
}
export function readSetWatches2(input: Input): SetWatches2 {
  return {
    relativeZxid: input.long(),
    dataWatches: input.vector((i) => i.ustring()),
    existWatches: input.vector((i) => i.ustring()),
    childWatches: input.vector((i) => i.ustring()),
    persistentWatches: input.vector((i) => i.ustring()),
    persistentRecursiveWatches: input.vector((i) => i.ustring()),
  };
}
export const SetWatches2Shape: Shape = {
  name: "SetWatches2",
  fields: [
    ["relativeZxid", "long", "zxid"],
    ["dataWatches", { vector: "ustring" }, "path"],
    ["existWatches", { vector: "ustring" }, "path"],
    ["childWatches", { vector: "ustring" }, "path"],
    ["persistentWatches", { vector: "ustring" }, "path"],
    ["persistentRecursiveWatches", { vector: "ustring" }, "path"],
  ],
};
export const SetWatches2Codec: Codec<SetWatches2> = { shape: SetWatches2Shape, read: readSetWatches2, write: writeSetWatches2 };

export interface GetEphemeralsRequest {
  prefixPath: string | null;
}
export function writeGetEphemeralsRequest(out: Output, r: GetEphemeralsRequest): void {
  out.ustring(r.prefixPath);
}
export function readGetEphemeralsRequest(input: Input): GetEphemeralsRequest {
  return {
    prefixPath: input.ustring(),
  };
}
export const GetEphemeralsRequestShape: Shape = {
  name: "GetEphemeralsRequest",
  fields: [
    ["prefixPath", "ustring", "path"],
  ],
};
export const GetEphemeralsRequestCodec: Codec<GetEphemeralsRequest> = { shape: GetEphemeralsRequestShape, read: readGetEphemeralsRequest, write: writeGetEphemeralsRequest };

export interface GetEphemeralsResponse {
  ephemerals: (string | null)[] | null;
}
export function writeGetEphemeralsResponse(out: Output, r: GetEphemeralsResponse): void {
  out.vector(r.ephemerals, (o, v) => o.ustring(v));
}
export function readGetEphemeralsResponse(input: Input): GetEphemeralsResponse {
  return {
    ephemerals: input.vector((i) => i.ustring()),
  };
}
export const GetEphemeralsResponseShape: Shape = {
  name: "GetEphemeralsResponse",
  fields: [
    ["ephemerals", { vector: "ustring" }, "path"],
  ],
};
export const GetEphemeralsResponseCodec: Codec<GetEphemeralsResponse> = { shape: GetEphemeralsResponseShape, read: readGetEphemeralsResponse, write: writeGetEphemeralsResponse };

export interface GetAllChildrenNumberRequest {
  path: string | null;
}
export function writeGetAllChildrenNumberRequest(out: Output, r: GetAllChildrenNumberRequest): void {
  out.ustring(r.path);
}
export function readGetAllChildrenNumberRequest(input: Input): GetAllChildrenNumberRequest {
  return {
    path: input.ustring(),
  };
}
export const GetAllChildrenNumberRequestShape: Shape = {
  name: "GetAllChildrenNumberRequest",
  fields: [
    ["path", "ustring", "path"],
  ],
};
export const GetAllChildrenNumberRequestCodec: Codec<GetAllChildrenNumberRequest> = { shape: GetAllChildrenNumberRequestShape, read: readGetAllChildrenNumberRequest, write: writeGetAllChildrenNumberRequest };

export interface GetAllChildrenNumberResponse {
  totalNumber: number;
}
export function writeGetAllChildrenNumberResponse(out: Output, r: GetAllChildrenNumberResponse): void {
  out.int(r.totalNumber);
}
export function readGetAllChildrenNumberResponse(input: Input): GetAllChildrenNumberResponse {
  return {
    totalNumber: input.int(),
  };
}
export const GetAllChildrenNumberResponseShape: Shape = {
  name: "GetAllChildrenNumberResponse",
  fields: [
    ["totalNumber", "int"],
  ],
};
export const GetAllChildrenNumberResponseCodec: Codec<GetAllChildrenNumberResponse> = { shape: GetAllChildrenNumberResponseShape, read: readGetAllChildrenNumberResponse, write: writeGetAllChildrenNumberResponse };

export interface ClientInfo {
  authScheme: string | null;
  user: string | null;
}
export function writeClientInfo(out: Output, r: ClientInfo): void {
  out.ustring(r.authScheme);
  out.ustring(r.user);
}
export function readClientInfo(input: Input): ClientInfo {
  return {
    authScheme: input.ustring(),
    user: input.ustring(),
  };
}
export const ClientInfoShape: Shape = {
  name: "ClientInfo",
  fields: [
    ["authScheme", "ustring"],
    ["user", "ustring"],
  ],
};
export const ClientInfoCodec: Codec<ClientInfo> = { shape: ClientInfoShape, read: readClientInfo, write: writeClientInfo };

export interface WhoAmIResponse {
  clientInfo: ClientInfo[] | null;
}
export function writeWhoAmIResponse(out: Output, r: WhoAmIResponse): void {
  out.vector(r.clientInfo, writeClientInfo);
}
export function readWhoAmIResponse(input: Input): WhoAmIResponse {
  return {
    clientInfo: input.vector(readClientInfo),
  };
}
export const WhoAmIResponseShape: Shape = {
  name: "WhoAmIResponse",
  fields: [
    ["clientInfo", { vector: ClientInfoShape }],
  ],
};
export const WhoAmIResponseCodec: Codec<WhoAmIResponse> = { shape: WhoAmIResponseShape, read: readWhoAmIResponse, write: writeWhoAmIResponse };

export interface WatcherEvent {
  type: number;
  state: number;
  path: string | null;
}
export function writeWatcherEvent(out: Output, r: WatcherEvent): void {
  const at = out.run(8);
  const view = out.dataView;
  view.setInt32(at, r.type);
  view.setInt32(at + 4, r.state);
  out.ustring(r.path);
}
export function readWatcherEvent(input: Input): WatcherEvent {
  const at = input.run(8);
  const view = input.dataView;
  return {
    type: view.getInt32(at),
    state: view.getInt32(at + 4),
    path: input.ustring(),
  };
}
export const WatcherEventShape: Shape = {
  name: "WatcherEvent",
  fields: [
    ["type", "int", "event"],
    ["state", "int"],
    ["path", "ustring", "path"],
  ],
};
export const WatcherEventCodec: Codec<WatcherEvent> = { shape: WatcherEventShape, read: readWatcherEvent, write: writeWatcherEvent };

export const clientCodecs: readonly Codec<unknown>[] = [
  ConnectRequestCodec,
  ConnectResponseCodec,
  RequestHeaderCodec,
  ReplyHeaderCodec,
  MultiHeaderCodec,
  ErrorResponseCodec,
  AuthPacketCodec,
  SaslRequestCodec,
  SaslResponseCodec,
  CreateRequestCodec,
  CreateTTLRequestCodec,
  CreateResponseCodec,
  Create2ResponseCodec,
  DeleteRequestCodec,
  DeleteContainerRequestCodec,
  ExistsRequestCodec,
  ExistsResponseCodec,
  GetDataRequestCodec,
  GetDataResponseCodec,
  SetDataRequestCodec,
  SetDataResponseCodec,
  GetACLRequestCodec,
  GetACLResponseCodec,
  SetACLRequestCodec,
  SetACLResponseCodec,
  GetChildrenRequestCodec,
  GetChildrenResponseCodec,
  GetChildren2RequestCodec,
  GetChildren2ResponseCodec,
  SyncRequestCodec,
  SyncResponseCodec,
  CheckVersionRequestCodec,
  ReconfigRequestCodec,
  CheckWatchesRequestCodec,
  RemoveWatchesRequestCodec,
  AddWatchRequestCodec,
  SetWatchesCodec,
  SetWatches2Codec,
  GetEphemeralsRequestCodec,
  GetEphemeralsResponseCodec,
  GetAllChildrenNumberRequestCodec,
  GetAllChildrenNumberResponseCodec,
  ClientInfoCodec,
  WhoAmIResponseCodec,
  WatcherEventCodec,
];
