// SASL packets between servers, before the protocol proper on both of their ports (quorum.md 10.2).

import { AUTH_MAGIC } from "../wire/learner.ts";
import { i32 } from "./bytes.ts";

const HIGH = Number(BigInt.asIntN(32, AUTH_MAGIC >> 32n));
const LOW = Number(BigInt.asIntN(32, AUTH_MAGIC));
const TOKEN_MAX = 1 << 20;

/** True when the bytes begin with the magic. */
export const isAuth = (bytes: Uint8Array, at: number, end: number): boolean =>
  end - at >= 8 && i32(bytes, at) === HIGH && i32(bytes, at + 4) === LOW;

/** Size of the packet; negative: at least so many bytes; 0: none. */
export function authSize(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 16) return -16;
  const token = i32(bytes, at + 12);
  if (token < -1 || token > TOKEN_MAX) return 0;
  const size = 16 + Math.max(0, token);
  return end - at >= size ? size : -size;
}
