// What a differential test does, as data: steps for connections ("slots"), each of them a request
// or more, all of it reproducible from a seed. Knows how a request becomes bytes, and which
// requests the protocol answers outside its queue, so that they must travel alone.

import type { Output } from "../../lib/codec/output.ts";
import { writeMultiHeader, writeRequestHeader } from "../../lib/records/client.ts";
import type { ACL } from "../../lib/records/data.ts";
import { OpCode, opName } from "../../lib/txn/opcodes.ts";
import { requestCodec } from "../../lib/wire/bodies.ts";
import { MULTI_END, partHeader } from "../../lib/wire/multi.ts";

/** Fields of any request record that a generator or an exclusion looks at. */
export interface Fields {
  readonly [field: string]: unknown;
  readonly path?: string | null;
  readonly data?: Uint8Array | null;
  readonly acl?: readonly ACL[] | null;
  readonly flags?: number;
  readonly ttl?: bigint;
  readonly version?: number;
}

/** A request record or a part of a multi. */
export interface Asked {
  readonly op: number;
  readonly record: Fields;
}

/**
 * One request. Paths that begin with `@N` mean the path that the server named N sequential creates
 * ago; `relativeZxid` counts back from the last zxid seen, and 1 means zxid 0.
 */
export type Request =
  & { readonly op: number; readonly xid?: number }
  & (
    | { readonly record: Fields }
    | { readonly parts: readonly Asked[] }
    | { readonly raw: Uint8Array }
  );

export type Step =
  /** Requests that are written together; replies are awaited together. */
  | { readonly kind: "requests"; readonly slot: number; readonly requests: readonly Request[] }
  /** The connection is lost and the session comes back on another. */
  | {
    readonly kind: "reconnect";
    readonly slot: number;
    readonly seen: "last" | "zero" | "future";
    readonly password: "right" | "wrong";
    /** The old connection is still there when the new one comes. */
    readonly steals: boolean;
  }
  | { readonly kind: "close"; readonly slot: number }
  /** A connect request of its own; a session that comes of it is closed again. */
  | {
    readonly kind: "probe";
    readonly wish: number;
    readonly version: number;
    readonly password: Uint8Array | null;
    readonly readOnly: boolean | null;
    readonly sessionId: bigint;
  }
  /** A session with the shortest timeout asks for something and is heard of no more. */
  | { readonly kind: "expire"; readonly requests: readonly Request[] }
  /** Bytes that are no request; the connection must close. */
  | { readonly kind: "garbage"; readonly slot: number; readonly bytes: Uint8Array };

/** Answered on the spot or followed by a close: such a request is alone in its step. */
export function travelsAlone(request: Request): boolean {
  const { op } = request;
  return op === OpCode.auth || op === OpCode.sasl || op === OpCode.check || !isServed(op);
}

/** What follows such a request in the same write sees a moment of the server, not its state. */
export function endsBatch(request: Request): boolean {
  return request.op === OpCode.setACL; // checks after it use the old list until it is applied
}

const SERVED: ReadonlySet<number> = new Set<number>([
  ...[OpCode.create, OpCode.delete, OpCode.exists, OpCode.getData, OpCode.setData],
  ...[OpCode.getACL, OpCode.setACL, OpCode.getChildren, OpCode.sync, OpCode.ping],
  ...[OpCode.getChildren2, OpCode.multi, OpCode.create2, OpCode.reconfig],
  ...[OpCode.checkWatches, OpCode.removeWatches, OpCode.createContainer, OpCode.createTTL],
  ...[OpCode.multiRead, OpCode.setWatches, OpCode.getEphemerals],
  ...[OpCode.getAllChildrenNumber, OpCode.setWatches2, OpCode.addWatch, OpCode.whoAmI],
]);
const isServed = (op: number): boolean => SERVED.has(op);

/** What stands for symbols in a request. */
export interface Known {
  readonly recent: readonly string[];
  readonly lastZxid: bigint;
}

/** The request with its symbols replaced. */
export function resolve(request: Request, known: Known): Request {
  if ("raw" in request) return request;
  if ("record" in request) return { ...request, record: resolveRecord(request.record, known) };
  const parts = request.parts.map(({ op, record }) => ({
    op,
    record: resolveRecord(record, known),
  }));
  return { ...request, parts };
}

function resolveRecord(record: Fields, known: Known): Fields {
  const entries = Object.entries(record).map(([field, value]): [string, unknown] => {
    if (field === "relativeZxid" && typeof value === "bigint") {
      if (value > 0n) return [field, 0n];
      const zxid = known.lastZxid + value;
      return [field, zxid < 0n ? 0n : zxid];
    }
    if (/[Pp]ath$/.test(field) && typeof value === "string") {
      return [field, resolvePath(value, known)];
    }
    if (field.endsWith("Watches") && Array.isArray(value)) {
      return [field, value.map((p) => typeof p === "string" ? resolvePath(p, known) : p)];
    }
    return [field, value];
  });
  return Object.fromEntries(entries);
}

function resolvePath(path: string, { recent }: Known): string {
  const symbol = /^@(\d+)(.*)$/su.exec(path);
  if (symbol === null) return path;
  const at = recent.length - 1 - Number(symbol[1]);
  return (recent[at] ?? "/none") + symbol[2];
}

/** Appends a request as a frame. Its symbols must have been resolved. */
export function writeFrame(out: Output, request: Request, xid: number): void {
  const at = out.reserve();
  writeRequestHeader(out, { xid, type: request.op });
  if ("raw" in request) out.raw(request.raw);
  else if ("parts" in request) writeParts(out, request.parts);
  else requestCodec(request.op)?.write(out, request.record);
  out.patchLength(at);
}

/** Also parts that no multi may have, which the writer of lib/wire does not know. */
function writeParts(out: Output, parts: readonly Asked[]): void {
  for (const { op, record } of parts) {
    writeMultiHeader(out, partHeader(op));
    requestCodec(op)?.write(out, record);
  }
  writeMultiHeader(out, MULTI_END);
}

/** Everything that is asked: the record of a request, or those of its parts. */
export function askedBy(request: Request): readonly Asked[] {
  if ("record" in request) return [{ op: request.op, record: request.record }];
  return "parts" in request ? request.parts : [];
}

/** A step in one line for people. */
export function stepText(step: Step): string {
  if (step.kind === "requests" || step.kind === "expire") {
    const where = step.kind === "requests" ? `slot ${step.slot}` : "a session that expires";
    return `${where}: ${step.requests.map(requestText).join("; ")}`;
  }
  return JSON.stringify(step, plain);
}

export function requestText(request: Request): string {
  const { op, xid, ...body } = request;
  return `${opName(op)}${xid === undefined ? "" : ` xid ${xid}`} ${JSON.stringify(body, plain)}`;
}

/** For JSON.stringify: bytes as hex, bigints as text. */
export function plain(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return `${value}n`;
  if (!(value instanceof Uint8Array)) return value;
  if (value.length > 64) return `${value.length} bytes`;
  return `hex ${Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
