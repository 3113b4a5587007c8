// Stats of nodes for tests that look at a few of their fields.

import type { Stat } from "../../lib/records/data.ts";

/** A stat of nothing but zeros, these fields aside. */
export const statWith = (fields: Partial<Stat>): Stat => ({
  czxid: 0n,
  mzxid: 0n,
  ctime: 0n,
  mtime: 0n,
  version: 0,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: 0n,
  dataLength: 0,
  numChildren: 0,
  pzxid: 0n,
  ...fields,
});
