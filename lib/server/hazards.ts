// Requests that Java servers take and then cannot apply: the thread that applies throws, the server
// halts, and halts again at each start, because the transaction is in its log (client.md 11). They
// are refused before they are passed on to a leader (door.ts) or become a transaction (prepare_op.ts).
//
// What is dangerous is decided by Java's DataTree, Quotas, PathTrie and StatsTrack of all releases.

import { LIMITS_NAME, QUOTA_ROOT, STATS_NAME } from "../tree/quota.ts";
import { isLegibleToAll } from "../tree/quota_text.ts";

const LIMITS = `/${LIMITS_NAME}`;
const STATS = `/${STATS_NAME}`;
const SYSTEM = "/zookeeper";

/**
 * Whether Java can neither create nor delete a znode of this path: it is taken for the limits of a
 * quota, but what it limits has no name. Deleting it is what halts most releases.
 */
export function isNamelessQuota(path: string): boolean {
  if (!path.startsWith(SYSTEM) || !path.endsWith(LIMITS)) return false;
  const parent = path.slice(0, -LIMITS.length);
  if (!parent.startsWith(SYSTEM)) return false;
  if (!parent.startsWith(`${QUOTA_ROOT}/`)) return true;
  return parent.slice(QUOTA_ROOT.length).split("/").every((part) => part.trim() === "");
}

/**
 * Whether this data, once it is in the tree, halts Java with the next change below the quota. The
 * data of a stats node that is created is not looked at: every server counts it afresh.
 */
export function isBadQuotaText(path: string, data: Uint8Array | null, isCreate: boolean): boolean {
  if (!path.startsWith(`${QUOTA_ROOT}/`)) return false;
  if (path.endsWith(LIMITS)) return !isLegibleToAll(data);
  return path.endsWith(STATS) && !isCreate && !isLegibleToAll(data);
}
