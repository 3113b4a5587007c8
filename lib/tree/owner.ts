// What a stored ephemeralOwner means: nothing, a session, a container, or a time to live
// (client.md 4.4). The answer depends on settings that must be equal on all servers.
//
// Must agree with Java's EphemeralType and EphemeralTypeEmulate353.

import type { SessionId } from "../base/ids.ts";

export type NodeKind = "persistent" | "ephemeral" | "container" | "ttl";

export interface OwnerOptions {
  /** `zookeeper.extendedTypesEnabled`: without it a TTL node is an ephemeral of session 0xff…. */
  readonly extendedTypes: boolean;
  /** `zookeeper.emulate353TTLNodes`: reads the TTL nodes of 3.5.3; only with extended types. */
  readonly emulate353Ttl: boolean;
}

export const CONTAINER_OWNER = -0x8000000000000000n;
/** Longest time to live, in milliseconds. */
export const TTL_MAX = 0xffffffffffn;
const TTL_MARK = -0x0100000000000000n; // top byte 0xff, feature 0
const FEATURE_MASK = 0x00ffff00; // of the high word: bits 55 to 40

/** The owner field of a TTL node; null when the time to live is out of range. */
export function ttlOwner(ttl: bigint): bigint | null {
  return ttl < 1n || ttl > TTL_MAX ? null : TTL_MARK | ttl;
}

/** Time to live in milliseconds of an owner whose kind is "ttl". */
export const ttlOf = (owner: bigint): number => Number(owner & TTL_MAX);

/** Kind by the two signed words of the owner. */
export function kindOfWords(hi: number, lo: number, options: OwnerOptions): NodeKind {
  if ((hi | lo) === 0) return "persistent";
  if (hi >= 0) return "ephemeral";
  const isContainer = hi === -0x80000000 && lo === 0;
  if (options.extendedTypes) {
    if (options.emulate353Ttl && !isContainer) return "ttl";
    // Another feature number is refused by Java when it is read; to us it is some session's node.
    if (hi >>> 24 === 0xff && (hi & FEATURE_MASK) === 0) return "ttl";
  }
  return isContainer ? "container" : "ephemeral";
}

export function kindOfOwner(owner: SessionId, options: OwnerOptions): NodeKind {
  return kindOfWords(
    Number(BigInt.asIntN(32, owner >> 32n)),
    Number(BigInt.asIntN(32, owner)),
    options,
  );
}
