// Turns what a server sent into a form that must be equal on two servers that were asked the same:
// times are left out, session ids become numbers in order of their making, and what no server
// promises an order for (client.md 3.7, 5.2) is sorted. Everything else stays, unread bytes too.

import { Buffer } from "node:buffer";
import { isFault } from "../../lib/base/errors.ts";
import { Input } from "../../lib/codec/input.ts";
import { readReplyHeader } from "../../lib/records/client.ts";
import type { ACL } from "../../lib/records/data.ts";
import { OpCode } from "../../lib/txn/opcodes.ts";
import { parseReply, type ReplyFrame } from "../../lib/wire/client.ts";
import { plain } from "./differential_steps.ts";

/** What one server calls the sessions that were made on both. */
export class Sessions {
  readonly #names = new Map<bigint, string>();

  add(id: bigint, name: string): void {
    this.#names.set(id, name);
  }

  nameOf(id: bigint): string {
    return id === 0n ? "0" : this.#names.get(id) ?? `0x${BigInt.asUintN(64, id).toString(16)}`;
  }
}

export interface Sent {
  readonly frame: Uint8Array;
  /** Op of the request; null for an event. */
  readonly op: number | null;
}

/** Frames with the ops that they answer; `ops` are those of the requests, in order. */
export function matchReplies(frames: readonly Uint8Array[], ops: readonly number[]): Sent[] {
  let next = 0;
  return frames.map((frame) => {
    const isEvent = readReplyHeader(new Input(frame)).xid === -1 && frame.length > 16;
    return { frame, op: isEvent ? null : ops[next++] ?? null };
  });
}

/** Lines that must be equal on both servers; one a frame. */
export function canonical(
  sent: readonly Sent[],
  sessions: Sessions,
  isUnordered: (zxid: bigint) => boolean,
): string[] {
  const lines: string[] = [];
  let run: string[] = [];
  let runZxid: bigint | null = null;
  const endRun = (): void => {
    if (runZxid !== null && isUnordered(runZxid)) run.sort();
    lines.push(...run);
    run = [];
    runZxid = null;
  };
  for (const { frame, op } of sent) {
    const reply = readReply(frame, op);
    const line = JSON.stringify(reply, (key, value) => canonicalField(key, value, op, sessions));
    const zxid = reply.kind === "event" ? reply.header.zxid : null;
    if (zxid === null || zxid !== runZxid) endRun();
    if (zxid === null) lines.push(line);
    else {
      runZxid = zxid;
      run.push(line);
    }
  }
  endRun();
  return lines;
}

/** As parseReply; a frame that cannot be read is shown whole. */
export function readReply(
  frame: Uint8Array,
  op: number | null,
): ReplyFrame | { kind: "unreadable"; frame: Uint8Array; why: string } {
  try {
    return parseReply(frame, op);
  } catch (error) {
    if (!isFault(error)) throw error;
    return { kind: "unreadable", frame, why: error.message };
  }
}

/** The path that a create made, null for anything else. */
export function createdPath(reply: ReturnType<typeof readReply>): string | null {
  if (reply.kind !== "reply" || reply.body.kind !== "record") return null;
  const record = reply.body.record as { path?: unknown };
  return typeof record.path === "string" ? record.path : null;
}

function canonicalField(
  key: string,
  value: unknown,
  op: number | null,
  sessions: Sessions,
): unknown {
  if (key === "ctime" || key === "mtime") return "time";
  if (key === "codec") return undefined;
  if (key === "ephemeralOwner" && typeof value === "bigint") return sessions.nameOf(value);
  if (key === "acl" && Array.isArray(value)) return canonicalAcl(value);
  if (Array.isArray(value) && isUnorderedList(key, op)) return value.map(jsonOf).sort();
  if (value instanceof Uint8Array) return `hex ${Buffer.from(value).toString("hex")}`;
  return plain(key, value);
}

const jsonOf = (value: unknown): string => JSON.stringify(value, plain);

function isUnorderedList(key: string, op: number | null): boolean {
  return key === "children" || key === "ephemerals" ||
    (key === "clientInfo" && op === OpCode.whoAmI);
}

// `auth` becomes one entry per id of the caller, in the order of a Java set.
function canonicalAcl(acl: readonly ACL[]): string[] {
  const texts = acl.map(({ perms, id }) => `${perms} ${id.scheme}:${id.id}`);
  const isDigest = (at: number): boolean => acl[at]?.id.scheme === "digest";
  for (let start = 0; start < texts.length; start++) {
    if (!isDigest(start)) continue;
    let end = start;
    while (isDigest(end) && acl[end].perms === acl[start].perms) end++;
    texts.splice(start, end - start, ...texts.slice(start, end).sort());
    start = end - 1;
  }
  return texts;
}
