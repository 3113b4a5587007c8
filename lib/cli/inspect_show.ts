// One transaction or znode as a line of text or as a JSON object. Data are shown as text where they
// are text, else as base64.

import { Buffer } from "node:buffer";
import { hex } from "../base/ids.ts";
import type { Json } from "../codec/json.ts";
import type { ACL, StatPersisted } from "../records/data.ts";
import { errorName, opName } from "../txn/opcodes.ts";
import type { Txn, TxnBody } from "../txn/txn.ts";

type JsonObject = { readonly [key: string]: Json };

/** Longer data are cut in lines of text. */
const TEXT_MAX = 120;

const time = (millis: bigint): string => {
  const date = new Date(Number(millis));
  return Number.isNaN(date.getTime()) ? `${millis} ms` : date.toISOString();
};

export function txnText({ header, body, digest }: Txn): string {
  const sum = digest === null ? "" : ` digest ${hex(digest.treeDigest)}`;
  return `${time(header.time)} zxid ${hex(header.zxid)} session ${hex(header.clientId)} ` +
    `cxid ${header.cxid} ${opName(header.type)} ${bodyText(body)}${sum}`;
}

export function txnJson({ header, body, digest }: Txn): JsonObject {
  return {
    zxid: hex(header.zxid),
    session: hex(header.clientId),
    cxid: header.cxid,
    time: time(header.time),
    type: opName(header.type),
    ...bodyJson(body),
    digest: digest === null ? null : hex(digest.treeDigest),
  };
}

/** Paths that a transaction is about. */
export function txnPaths(body: TxnBody): readonly string[] {
  switch (body.kind) {
    case "closeSession":
      return body.paths ?? [];
    case "multi":
      return body.parts.flatMap((part) => txnPaths(part.body));
    case "createSession":
    case "error":
      return [];
    default:
      return [body.record.path ?? ""];
  }
}

function bodyText(body: TxnBody): string {
  switch (body.kind) {
    case "create":
    case "createContainer":
    case "createTTL": {
      const { path, data, acl } = body.record;
      const kind = body.kind === "create" && body.record.ephemeral ? " ephemeral" : "";
      const ttl = body.kind === "createTTL" ? ` ttl ${body.record.ttl}` : "";
      return `${path}${kind}${ttl} ${dataText(data)} ${aclText(acl)}`;
    }
    case "setData":
      return `${body.record.path} version ${body.record.version} ${dataText(body.record.data)}`;
    case "setACL":
      return `${body.record.path} version ${body.record.version} ${aclText(body.record.acl)}`;
    case "check":
      return `${body.record.path} version ${body.record.version}`;
    case "delete":
      return String(body.record.path);
    case "createSession":
      return `timeout ${body.record.timeOut}`;
    case "closeSession":
      return body.paths === null ? "" : `deletes ${body.paths.length}: ${body.paths.join(" ")}`;
    case "error":
      return errorName(body.record.err);
    case "multi":
      return body.parts.map((part) => `[${opName(part.type)} ${bodyText(part.body)}]`).join(" ");
  }
}

function bodyJson(body: TxnBody): JsonObject {
  switch (body.kind) {
    case "create":
    case "createContainer":
    case "createTTL": {
      const { path, data, acl, parentCVersion } = body.record;
      return {
        path,
        ...dataJson(data),
        acl: aclJson(acl),
        parentCVersion,
        ...(body.kind === "create" ? { ephemeral: body.record.ephemeral } : {}),
        ...(body.kind === "createTTL" ? { ttl: Number(body.record.ttl) } : {}),
      };
    }
    case "setData":
      return {
        path: body.record.path,
        ...dataJson(body.record.data),
        version: body.record.version,
      };
    case "setACL": {
      const { path, acl, version } = body.record;
      return { path, acl: aclJson(acl), version };
    }
    case "check":
      return { path: body.record.path, version: body.record.version };
    case "delete":
      return { path: body.record.path };
    case "createSession":
      return { timeout: body.record.timeOut };
    case "closeSession":
      return { paths: body.paths };
    case "error":
      return { error: errorName(body.record.err), code: body.record.err };
    case "multi":
      return {
        parts: body.parts.map((part) => ({ type: opName(part.type), ...bodyJson(part.body) })),
      };
  }
}

export function nodeText(
  path: string,
  data: Uint8Array | null,
  acl: bigint,
  stat: StatPersisted,
): string {
  const owner = stat.ephemeralOwner === 0n ? "" : ` owner ${hex(stat.ephemeralOwner)}`;
  return `${path} ${dataText(data)} czxid ${hex(stat.czxid)} mzxid ${hex(stat.mzxid)} ` +
    `pzxid ${hex(stat.pzxid)} ctime ${time(stat.ctime)} mtime ${time(stat.mtime)} ` +
    `version ${stat.version} cversion ${stat.cversion} aversion ${stat.aversion} acl ${acl}${owner}`;
}

export function nodeJson(
  path: string,
  data: Uint8Array | null,
  acl: bigint,
  stat: StatPersisted,
): JsonObject {
  return {
    kind: "node",
    path,
    ...dataJson(data),
    dataLength: data?.length ?? 0,
    acl: Number(acl),
    czxid: hex(stat.czxid),
    mzxid: hex(stat.mzxid),
    pzxid: hex(stat.pzxid),
    ctime: time(stat.ctime),
    mtime: time(stat.mtime),
    version: stat.version,
    cversion: stat.cversion,
    aversion: stat.aversion,
    ephemeralOwner: hex(stat.ephemeralOwner),
  };
}

function aclText(acl: readonly ACL[] | null): string {
  if (acl === null) return "acl none";
  return `acl ${acl.map(({ perms, id }) => `${id.scheme}:${id.id}=${perms}`).join(",")}`;
}

function aclJson(acl: readonly ACL[] | null): Json {
  if (acl === null) return null;
  return acl.map(({ perms, id }) => ({ perms, scheme: id.scheme, id: id.id }));
}

/** Text when the bytes are text that can be shown, else null. */
function asText(data: Uint8Array): string | null {
  const buffer = Buffer.from(data.buffer, data.byteOffset, data.length);
  const text = buffer.toString("utf8");
  // deno-lint-ignore no-control-regex -- control characters are what it looks for
  if (/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]/.test(text)) return null;
  return text;
}

const base64 = (data: Uint8Array): string =>
  Buffer.from(data.buffer, data.byteOffset, data.length).toString("base64");

function dataText(data: Uint8Array | null): string {
  if (data === null) return "no data";
  let end = Math.min(data.length, TEXT_MAX);
  // Not within a character: text would no longer be taken for text.
  while (end < data.length && end > TEXT_MAX - 4 && (data[end] & 0xc0) === 0x80) end -= 1;
  const shown = data.subarray(0, end);
  const more = data.length > shown.length ? `… (${data.length} bytes)` : "";
  const text = asText(shown);
  return text === null ? `base64:${base64(shown)}${more}` : JSON.stringify(text) + more;
}

function dataJson(data: Uint8Array | null): JsonObject {
  if (data === null) return { data: null };
  const text = asText(data);
  return text === null ? { dataBase64: base64(data) } : { data: text };
}
