// What lies on a member's disk before a scenario begins: a history of transactions in log files, as
// any server would have written it, a snapshot, epochs; and damage to single files.

import { adler32, ADLER32_START } from "../base/adler32.ts";
import { counterOf, epochOf, hex, type Zxid, zxidOf } from "../base/ids.ts";
import { Output } from "../codec/output.ts";
import { writeFileHeader } from "../records/disk.ts";
import { LOG_MAGIC, LOG_VERSION, RECORD_END } from "../store/log_reader.ts";
import { join, logName } from "../store/names.ts";
import { SnapshotWriter } from "../store/snapshot_writer.ts";
import { Tree } from "../tree/tree.ts";
import { OpCode } from "../txn/opcodes.ts";
import { makeTxn, type Txn } from "../txn/txn.ts";
import { SimDisk, type SimStorage } from "./disk.ts";
import { Life } from "./world.ts";

export const DATA = "/data/version-2";

export interface DiskState {
  /** Transactions of each log file, oldest first. */
  readonly logs: readonly (readonly Zxid[])[];
  /** Snapshots are taken at these. */
  readonly snapshots: readonly Zxid[];
  readonly accepted: string | null;
  readonly current: string | null;
}

const encoder = new TextEncoder();
const TREE = { digest: true, extendedTypes: true, emulate353Ttl: false, note: () => {} };

/** The transaction of a zxid: sets the data of the root to its zxid, the same on every member. */
function txnOf(zxid: Zxid): Txn {
  const header = { clientId: 0n, cxid: 0, zxid, time: 1_767_225_600_000n, type: OpCode.setData };
  const record = { path: "/", data: encoder.encode(hex(zxid)), version: Number(counterOf(zxid)) };
  return makeTxn(header, { kind: "setData", record }, null);
}

/** `0x100000001-0x100000005` or single zxids, with `,` between; parts of one epoch each. */
export function zxidsOf(text: string): Zxid[] {
  return text.split(",").flatMap((part) => {
    const [from, to = from] = part.split("-").map((word) => BigInt(word));
    const count = Number(to - from) + 1;
    return Array.from(
      { length: count },
      (_, i) => zxidOf(epochOf(from), counterOf(from)) + BigInt(i),
    );
  });
}

export function prepareDisk(storage: SimStorage, state: DiskState): void {
  const disk = new SimDisk(storage, new Life(storage.world, storage.name));
  disk.makeDir(DATA);
  const tree = new Tree(TREE);
  const snapshots = new Set(state.snapshots);
  const save = (): void => {
    if (snapshots.has(tree.lastZxid)) {
      SnapshotWriter.writeNow(disk, DATA, tree, { digest: true, lastZxid: true });
    }
  };
  save();
  for (const zxids of state.logs) {
    const out = new Output();
    writeFileHeader(out, { magic: LOG_MAGIC, version: LOG_VERSION, dbid: 0n });
    for (const zxid of zxids) {
      const txn = txnOf(zxid);
      out.words(0, adler32(ADLER32_START, txn.bytes) | 0);
      out.int(txn.bytes.length);
      out.raw(txn.bytes);
      out.byte(RECORD_END);
      tree.apply(txn, false);
      save();
    }
    if (zxids.length > 0) disk.replaceNow(join(DATA, logName(zxids[0])), out.take());
  }
  for (const [name, text] of [["acceptedEpoch", state.accepted], ["currentEpoch", state.current]]) {
    if (text !== null) disk.replaceNow(join(DATA, name ?? ""), encoder.encode(text));
  }
}

/** What can be done to one file; false: there is no such thing to do, or no such file. */
export function damage(storage: SimStorage, name: string, how: string): boolean {
  const disk = new SimDisk(storage, new Life(storage.world, storage.name));
  const path = name.startsWith("/") ? name : join(DATA, name);
  const size = disk.size(path);
  if (how === "empty" || how === "zeros") {
    disk.replaceNow(path, new Uint8Array(how === "empty" ? 0 : 4096));
    return true;
  }
  if (size === null) return false;
  if (how === "gone") disk.remove(path);
  else if (how === "half") disk.truncate(path, size >> 1);
  else if (how === "rot") storage.rot(path);
  else return false;
  return true;
}
