// What two servers must agree on when a differential test is over: the tree as a client sees it, the
// tree's digest by their own word, and, once they have ended, what they wrote to disk, transaction by
// transaction. The data folders of both are read by our store, which checks each digest in a log.

import { Buffer } from "node:buffer";
import { join } from "node:path";
import { Input } from "../../lib/codec/input.ts";
import { HostDisk } from "../../lib/host/disk.ts";
import { readGetChildren2Response } from "../../lib/records/client.ts";
import { LogReader } from "../../lib/store/log_reader.ts";
import { filesOf, LOG } from "../../lib/store/names.ts";
import { recover, type Recovered } from "../../lib/store/recovery.ts";
import { OpCode } from "../../lib/txn/opcodes.ts";
import { decodeTxn, type Txn } from "../../lib/txn/txn.ts";
import { Difference, type Pair } from "./differential.ts";
import type { Sessions } from "./differential_replies.ts";
import { plain, type Request } from "./differential_steps.ts";
import { fourLetter, type TestServer } from "./java.ts";

const REPLY_HEADER_SIZE = 16;
/** The word `hash` tells the digest at every so many transactions (storage.md 5.5). */
const DIGEST_EVERY = 128n;
/** Nodes asked about in one exchange. */
const WALK_BATCH = 50;

/** Compares the live trees, then brings both to a zxid whose digest is told. Faults: Difference. */
export async function compareLive(
  pair: Pair,
  both: readonly TestServer[],
): Promise<{ nodes: number; zxid: bigint; digests: readonly string[] }> {
  const nodes = await walk(pair);
  const touch: Request = {
    op: OpCode.setData,
    record: { path: "/", data: new Uint8Array(0), version: -1 },
  };
  while (pair.lastZxid % DIGEST_EVERY !== 0n) await pair.ask([touch]);
  const zxid = pair.lastZxid;
  const words = await Promise.all(
    both.map(({ clientPort, clientHost }) => fourLetter(clientPort, "hash", clientHost)),
  );
  const digests = words.map((word, side) => {
    const line = new RegExp(`^${zxid.toString(16)}: (-?\\d+)$`, "m").exec(word);
    if (line === null) {
      throw new Difference(`server ${side}: hash does not tell ${zxid}: ${word.slice(-60)}`);
    }
    return line[1];
  });
  return { nodes, zxid, digests };
}

/** Data, lists, children and stats of every node, as the super user sees them; gives the count. */
async function walk(pair: Pair): Promise<number> {
  let count = 0;
  for (const paths = ["/"]; paths.length > 0;) {
    const batch = paths.splice(0, WALK_BATCH);
    const [frames] = await pair.ask(batch.flatMap((path): Request[] => [
      { op: OpCode.getData, record: { path, watch: false } },
      { op: OpCode.getACL, record: { path } },
      { op: OpCode.getChildren2, record: { path, watch: false } },
    ]));
    // The super user may still have watches from before; events are among the frames.
    const replies = frames.filter((frame) => new Input(frame).int() !== -1);
    batch.forEach((path, at) => {
      const { children } = readGetChildren2Response(
        new Input(replies[3 * at + 2], REPLY_HEADER_SIZE),
      );
      for (const name of children ?? []) paths.push(path === "/" ? `/${name}` : `${path}/${name}`);
    });
    count += batch.length;
  }
  return count;
}

/**
 * Compares what both wrote, after both have ended. `isSpoiled`: digests that Java put into its log
 * may be wrong, by a defect with a name. Faults: Difference.
 */
export function compareDisks(
  both: readonly TestServer[],
  sessions: readonly Sessions[],
  live: { readonly zxid: bigint; readonly digests: readonly string[] },
  isSpoiled: boolean,
): { txns: number } {
  const disks = both.map(({ dir }) => join(dir, "data", "version-2"));
  const logs = disks.map((dir) => [...readLogs(dir)]);
  const length = Math.max(logs[0].length, logs[1].length);
  for (let at = 0; at < length; at++) {
    const [theirs, ours] = logs.map((log, side) => txnLine(log[at], sessions[side]));
    if (theirs !== ours) {
      throw new Difference(`logged transaction ${at}:\ntheirs: ${theirs}\nours: ${ours}`);
    }
  }
  disks.forEach((dir, side) => {
    const { tree, lastZxid, digest } = recoverFrom(dir);
    const name = side === 0 ? "theirs" : "ours";
    const told = live.digests[side];
    if (lastZxid === live.zxid && String(tree.digest()) !== told) {
      throw new Difference(`${name}: told digest ${told}, the disk gives ${tree.digest()}`);
    }
    if (digest.mismatches > 0 && (side === 1 || !isSpoiled)) {
      throw new Difference(`${name}: ${digest.mismatches} digests in the log do not fit the tree`);
    }
  });
  return { txns: logs[0].length };
}

function recoverFrom(dir: string): Recovered {
  const options = {
    commitLogCount: 0,
    snapshotTrustEmpty: false,
    allowDiscontinuousProposals: false,
  };
  const treeOptions = { digest: true, extendedTypes: true, emulate353Ttl: false, note: () => {} };
  return recover(new HostDisk(), { snapshots: dir, logs: dir }, treeOptions, options);
}

function* readLogs(dir: string): Generator<Txn> {
  const disk = new HostDisk();
  for (const { path } of filesOf(disk, dir, LOG)) {
    const reader = new LogReader(disk, path);
    for (let record = reader.next(); record !== null; record = reader.next()) {
      yield decodeTxn(record.entry.slice());
    }
  }
}

/** A transaction without its time and digest, sessions by their numbers, free orders sorted. */
function txnLine(txn: Txn | undefined, sessions: Sessions): string {
  if (txn === undefined) return "nothing";
  const { clientId, cxid, zxid, type } = txn.header;
  const body = JSON.stringify(txn.body, (key, value) => {
    if (key === "paths" && Array.isArray(value)) return [...value].sort();
    if (key === "acl" && Array.isArray(value)) {
      return value.map((entry) => JSON.stringify(entry, plain)).sort();
    }
    return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : plain(key, value);
  });
  return `${sessions.nameOf(clientId)} ${cxid} ${zxid} ${type} ${body}`;
}
