// Sizes of the pieces of a SNAP stream (quorum.md 6.6): counts, sessions, ACLs, nodes, and the
// signature by which both sides know that it is whole.

import { SnapshotNodeShape } from "../records/disk.ts";
import { i32 } from "./bytes.ts";
import { fills, NEED, walk } from "./checks.ts";
import type { SnapshotPartName } from "./message.ts";

const TEXT_MAX = 1 << 26;
const SIGNATURE = Uint8Array.from([0, 0, 0, 10, ...new TextEncoder().encode("BenWasHere")]);
const END_SIZE = 5;

/** Size of the piece at `at`; negative: at least so many bytes; 0: none. */
export function pieceSize(
  stage: SnapshotPartName,
  bytes: Uint8Array,
  at: number,
  end: number,
): number {
  switch (stage) {
    case "sessionCount":
    case "aclCount":
      return end - at >= 4 ? 4 : -4;
    case "session":
      return end - at >= 12 ? 12 : -12;
    case "acl":
      return aclSize(bytes, at, end);
    case "signature":
      return end - at >= SIGNATURE.length ? SIGNATURE.length : -SIGNATURE.length;
    default:
      return nodeSize(bytes, at, end);
  }
}

function aclSize(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 12) return -12;
  const count = i32(bytes, at + 8);
  let next = at + 12;
  for (let i = 0; i < count; i++) {
    next += 4;
    for (let text = 0; text < 2; text++) {
      if (end - next < 4) return -(next - at + 4);
      const length = i32(bytes, next);
      if (length < -1 || length > TEXT_MAX) return 0;
      next += 4 + Math.max(0, length);
    }
  }
  return end >= next ? next - at : -(next - at);
}

/** True when the nodes end here: the path "/", which no node has in this stream. */
export const isEnd = (bytes: Uint8Array, at: number, end: number): boolean =>
  end - at >= END_SIZE && i32(bytes, at) === 1 && bytes[at + 4] === 0x2f;

function nodeSize(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < END_SIZE) return -END_SIZE;
  if (isEnd(bytes, at, end)) return END_SIZE;
  const path = i32(bytes, at);
  if (path < 0 || path > TEXT_MAX) return 0;
  const data = at + 4 + path;
  if (end - data < 4) return -(8 + path);
  const length = i32(bytes, data);
  if (length < -1 || length > TEXT_MAX) return 0;
  const size = 8 + path + Math.max(0, length) + 68;
  return end - at >= size ? size : -size;
}

/** Size of an unfinished piece by its first `length` bytes; 0 when they do not tell. */
export function pieceSizeOf(stage: SnapshotPartName, bytes: Uint8Array, length: number): number {
  if (stage !== "node") {
    const size = pieceSize(stage, bytes, 0, length);
    return stage === "acl" ? 0 : Math.abs(size);
  }
  if (length < 8) return 0;
  const path = i32(bytes, 0);
  return path < 0 || path > length - 8 ? 0 : Math.abs(nodeSize(bytes, 0, length));
}

/** Out of step within a snapshot: a node beyond doubt, or its end with the signature. */
export function checkPiece(bytes: Uint8Array, at: number, end: number): number {
  if (isEnd(bytes, at, end)) {
    return end - at < END_SIZE + SIGNATURE.length
      ? -1
      : isSignature(bytes, at + END_SIZE, end)
      ? END_SIZE
      : 0;
  }
  if (isSignature(bytes, at, end)) return SIGNATURE.length;
  if (end - at < 8) return i32(bytes, at) === 0 || end - at < 4 ? -1 : 0;
  const path = i32(bytes, at);
  if (path < 2 || path > 1 << 16 || bytes[at + 4] !== 0x2f) return 0;
  const next = walk(SnapshotNodeShape, undefined, bytes, at, end, Number.MAX_SAFE_INTEGER);
  if (next === NEED) return -1;
  return next > 0 && fills(SnapshotNodeShape, bytes, at, end, next) ? next - at : 0;
}

export const isSignature = (bytes: Uint8Array, at: number, end: number): boolean =>
  end - at >= SIGNATURE.length && SIGNATURE.every((byte, i) => bytes[at + i] === byte);
