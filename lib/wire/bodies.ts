// Which record follows which op on the client port (client.md 3.3): one table for requests, one for
// replies. The server, the client, the learner port (REQUEST carries the same bodies) and the
// dissector all read these. Ops without a row have no body, or one that lib/wire/client.ts knows:
// multi and multiRead.
//
// Must agree with Java's FinalRequestProcessor and ZooKeeper (client).

import type { Codec } from "../codec/shape.ts";
import * as records from "../records/client.ts";
import { type CreateSessionTxn, CreateSessionTxnCodec } from "../records/txn.ts";
import { OpCode } from "../txn/opcodes.ts";

/** Request record by op. */
export interface RequestRecords {
  [OpCode.create]: records.CreateRequest;
  [OpCode.delete]: records.DeleteRequest;
  [OpCode.exists]: records.ExistsRequest;
  [OpCode.getData]: records.GetDataRequest;
  [OpCode.setData]: records.SetDataRequest;
  [OpCode.getACL]: records.GetACLRequest;
  [OpCode.setACL]: records.SetACLRequest;
  [OpCode.getChildren]: records.GetChildrenRequest;
  [OpCode.sync]: records.SyncRequest;
  [OpCode.getChildren2]: records.GetChildren2Request;
  [OpCode.check]: records.CheckVersionRequest;
  [OpCode.create2]: records.CreateRequest;
  [OpCode.reconfig]: records.ReconfigRequest;
  [OpCode.checkWatches]: records.CheckWatchesRequest;
  [OpCode.removeWatches]: records.RemoveWatchesRequest;
  [OpCode.createContainer]: records.CreateRequest;
  [OpCode.deleteContainer]: records.DeleteContainerRequest;
  [OpCode.createTTL]: records.CreateTTLRequest;
  [OpCode.auth]: records.AuthPacket;
  [OpCode.setWatches]: records.SetWatches;
  [OpCode.sasl]: records.SaslRequest;
  [OpCode.getEphemerals]: records.GetEphemeralsRequest;
  [OpCode.getAllChildrenNumber]: records.GetAllChildrenNumberRequest;
  [OpCode.setWatches2]: records.SetWatches2;
  [OpCode.addWatch]: records.AddWatchRequest;
  [OpCode.createSession]: CreateSessionTxn;
}

/** Response record by op, present when the header's err is 0. */
export interface ResponseRecords {
  [OpCode.create]: records.CreateResponse;
  [OpCode.exists]: records.ExistsResponse;
  [OpCode.getData]: records.GetDataResponse;
  [OpCode.setData]: records.SetDataResponse;
  [OpCode.getACL]: records.GetACLResponse;
  [OpCode.setACL]: records.SetACLResponse;
  [OpCode.getChildren]: records.GetChildrenResponse;
  [OpCode.sync]: records.SyncResponse;
  [OpCode.getChildren2]: records.GetChildren2Response;
  [OpCode.create2]: records.Create2Response;
  [OpCode.reconfig]: records.GetDataResponse;
  [OpCode.createContainer]: records.Create2Response;
  [OpCode.createTTL]: records.Create2Response;
  [OpCode.sasl]: records.SaslResponse;
  [OpCode.getEphemerals]: records.GetEphemeralsResponse;
  [OpCode.getAllChildrenNumber]: records.GetAllChildrenNumberResponse;
  [OpCode.addWatch]: records.ErrorResponse;
  [OpCode.whoAmI]: records.WhoAmIResponse;
}

export type RequestOp = keyof RequestRecords;
export type ResponseOp = keyof ResponseRecords;

export const REQUESTS: { readonly [O in RequestOp]: Codec<RequestRecords[O]> } = {
  [OpCode.create]: records.CreateRequestCodec,
  [OpCode.delete]: records.DeleteRequestCodec,
  [OpCode.exists]: records.ExistsRequestCodec,
  [OpCode.getData]: records.GetDataRequestCodec,
  [OpCode.setData]: records.SetDataRequestCodec,
  [OpCode.getACL]: records.GetACLRequestCodec,
  [OpCode.setACL]: records.SetACLRequestCodec,
  [OpCode.getChildren]: records.GetChildrenRequestCodec,
  [OpCode.sync]: records.SyncRequestCodec,
  [OpCode.getChildren2]: records.GetChildren2RequestCodec,
  [OpCode.check]: records.CheckVersionRequestCodec,
  [OpCode.create2]: records.CreateRequestCodec,
  [OpCode.reconfig]: records.ReconfigRequestCodec,
  [OpCode.checkWatches]: records.CheckWatchesRequestCodec,
  [OpCode.removeWatches]: records.RemoveWatchesRequestCodec,
  [OpCode.createContainer]: records.CreateRequestCodec,
  [OpCode.deleteContainer]: records.DeleteContainerRequestCodec,
  [OpCode.createTTL]: records.CreateTTLRequestCodec,
  [OpCode.auth]: records.AuthPacketCodec,
  [OpCode.setWatches]: records.SetWatchesCodec,
  [OpCode.sasl]: records.SaslRequestCodec,
  [OpCode.getEphemerals]: records.GetEphemeralsRequestCodec,
  [OpCode.getAllChildrenNumber]: records.GetAllChildrenNumberRequestCodec,
  [OpCode.setWatches2]: records.SetWatches2Codec,
  [OpCode.addWatch]: records.AddWatchRequestCodec,
  [OpCode.createSession]: CreateSessionTxnCodec,
};

export const RESPONSES: { readonly [O in ResponseOp]: Codec<ResponseRecords[O]> } = {
  [OpCode.create]: records.CreateResponseCodec,
  [OpCode.exists]: records.ExistsResponseCodec,
  [OpCode.getData]: records.GetDataResponseCodec,
  [OpCode.setData]: records.SetDataResponseCodec,
  [OpCode.getACL]: records.GetACLResponseCodec,
  [OpCode.setACL]: records.SetACLResponseCodec,
  [OpCode.getChildren]: records.GetChildrenResponseCodec,
  [OpCode.sync]: records.SyncResponseCodec,
  [OpCode.getChildren2]: records.GetChildren2ResponseCodec,
  [OpCode.create2]: records.Create2ResponseCodec,
  [OpCode.reconfig]: records.GetDataResponseCodec,
  [OpCode.createContainer]: records.Create2ResponseCodec,
  [OpCode.createTTL]: records.Create2ResponseCodec,
  [OpCode.sasl]: records.SaslResponseCodec,
  [OpCode.getEphemerals]: records.GetEphemeralsResponseCodec,
  [OpCode.getAllChildrenNumber]: records.GetAllChildrenNumberResponseCodec,
  [OpCode.addWatch]: records.ErrorResponseCodec,
  [OpCode.whoAmI]: records.WhoAmIResponseCodec,
};

const requestRows = new Map<number, Codec<unknown>>(rowsOf(REQUESTS));
const responseRows = new Map<number, Codec<unknown>>(rowsOf(RESPONSES));

/** Codec of an op's request record; null when the op has none, or none that is a plain record. */
export const requestCodec = (op: number): Codec<unknown> | null => requestRows.get(op) ?? null;
export const responseCodec = (op: number): Codec<unknown> | null => responseRows.get(op) ?? null;

function rowsOf(table: Readonly<Record<number, Codec<unknown>>>): [number, Codec<unknown>][] {
  return Object.entries(table).map(([op, codec]) => [Number(op), codec]);
}
