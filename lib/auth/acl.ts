// Who may do what (client.md 5.3 and 5.4): making a list good before it is stored, and asking a
// stored list. Answers are values; INVALIDACL is null and NOAUTH is false.
//
// Must agree with Java's PrepRequestProcessor.fixupACL and ZooKeeperServer.checkACL.

import type { ACL, Id } from "../records/data.ts";
import { LongList } from "./long_list.ts";
import type { AuthOptions } from "./options.ts";
import { isAuthenticating, isValidId, matches } from "./schemes.ts";

/** Permissions and two lengths, and UTF-8 of text as JavaScript counts it, at the most. */
const ENTRY_BYTES = 12;
const BYTES_PER_UNIT = 4;

/** Shorter lists are looked through sooner than looked up. */
const LONG = 32;
const longLists = new WeakMap<readonly ACL[], LongList>();

export const Perm = { READ: 1, WRITE: 2, CREATE: 4, DELETE: 8, ADMIN: 16, ALL: 31 } as const;

/**
 * Whether a caller with these ids may: any bit of `needed` suffices. A list that is null or empty is
 * open.
 */
export function permits(
  acl: readonly ACL[] | null,
  needed: number,
  ids: readonly Id[],
  options: AuthOptions,
): boolean {
  if (options.skipACL || acl === null || acl.length === 0) return true;
  for (const { scheme } of ids) if (scheme === "super") return true;
  if (acl.length >= LONG) return (longListOf(acl).granted(ids, options) & needed) !== 0;
  for (const { perms, id } of acl) {
    if ((perms & needed) === 0) continue;
    const { scheme, id: listed } = id;
    if (scheme === "world" && listed === "anyone") return true;
    if (scheme === null || listed === null) continue;
    for (const caller of ids) {
      if (caller.scheme === scheme && matches(scheme, caller.id ?? "", listed, options)) {
        return true;
      }
    }
  }
  return false;
}

/** Stored lists never change, so that each is read once. */
function longListOf(acl: readonly ACL[]): LongList {
  let long = longLists.get(acl);
  if (long === undefined) {
    long = new LongList(acl);
    longLists.set(acl, long);
  }
  return long;
}

/** Bytes that these ids take in a list, at the most. */
export function idsBytes(ids: readonly Id[]): number {
  let bytes = 0;
  for (const { scheme, id } of ids) {
    bytes += ENTRY_BYTES + BYTES_PER_UNIT * ((scheme ?? "").length + (id ?? "").length);
  }
  return bytes;
}

/** How much of a record a caller's ids may take: a learner's every request brings them along. */
export const idsRoom = (recordLimit: number): number => recordLimit / 2;

/**
 * The list as it is stored: duplicates gone, `auth` replaced by the caller's own ids, every id
 * checked. Null when it is not acceptable (INVALIDACL), or when what stands for `auth` would take
 * more than `authRoom` bytes: each of very many entries may stand for each of very many ids.
 */
export function fixup(
  acl: readonly ACL[] | null,
  ids: readonly Id[],
  options: AuthOptions,
  authRoom: number,
): ACL[] | null {
  if (acl === null || acl.length === 0) return null;
  let own: Id[] | null = null;
  let ownBytes = 0;
  let room = authRoom;
  const fixed: ACL[] = [];
  const seen = acl.length > 1 ? new Set<string>() : null; // a client may send a very long list
  for (const entry of acl) {
    const { scheme, id } = entry.id;
    if (seen !== null) {
      const key = JSON.stringify([entry.perms, scheme, id]);
      if (seen.has(key)) continue;
      seen.add(key);
    }
    if (scheme === "auth") {
      if (own === null) {
        own = ids.filter((caller) => isAuthenticating(caller.scheme, options));
        ownBytes = idsBytes(own);
      }
      room -= ownBytes;
      if (own.length === 0 || room < 0) return null;
      for (const caller of own) {
        fixed.push({ perms: entry.perms, id: { scheme: caller.scheme, id: caller.id } });
      }
    } else if ((scheme === "world" && id === "anyone") || isValidId(scheme, id, options)) {
      fixed.push({ perms: entry.perms, id: { scheme, id } });
    } else {
      return null;
    }
  }
  return fixed;
}

/**
 * Whether a list that is not acceptable is so for an id that is null, where its scheme has some:
 * Java takes the whole request for one that cannot be read.
 */
export function lacksId(acl: readonly ACL[] | null, options: AuthOptions): boolean {
  const bad = acl?.find(({ id: { scheme, id } }) =>
    scheme !== "auth" && !(scheme === "world" && id === "anyone") &&
    !isValidId(scheme, id, options)
  );
  if (bad === undefined || bad.id.id !== null) return false;
  const { scheme } = bad.id;
  return scheme === "world" || scheme === "ip" || isAuthenticating(scheme, options);
}

/** A list as it is shown to a caller without ADMIN: no digest can be taken from it. */
export function maskDigest(acl: readonly ACL[]): ACL[] {
  return acl.map(({ perms, id: { scheme, id } }) => ({
    perms,
    id: { scheme, id: scheme === "digest" && id !== null ? id.replace(/:.*/g, ":x") : id },
  }));
}
