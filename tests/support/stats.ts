// Stats as the disk keeps them, for tests that make nodes themselves.

import type { StatPersisted } from "../../lib/records/data.ts";

export const ZERO_STAT: Readonly<StatPersisted> = {
  czxid: 0n,
  mzxid: 0n,
  ctime: 0n,
  mtime: 0n,
  version: 0,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: 0n,
  pzxid: 0n,
};
