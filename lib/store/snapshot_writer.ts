// Writes a snapshot of a tree that goes on changing (storage.md 4.1 and 4.2): in slices, each begun
// when the disk has taken the one before, so that no slice and no queue grows with the tree. The
// file has its final name only when all of it is durable: a crash leaves none or a whole one, which
// Java's plain variant does not promise.

import { constants, deflateRawSync } from "node:zlib";
import { adler32, ADLER32_START } from "../base/adler32.ts";
import { crc32, CRC32_START } from "../base/crc32.ts";
import type { Fault } from "../base/errors.ts";
import type { Zxid } from "../base/ids.ts";
import { Output } from "../codec/output.ts";
import type { Disk } from "../ports.ts";
import {
  writeFileHeader,
  writeSeal,
  writeSnapshotDigest,
  writeSnapshotLastZxid,
} from "../records/disk.ts";
import type { Tree } from "../tree/tree.ts";
import { DIGEST_VERSION } from "../txn/txn.ts";
import { type Compression, join, snapshotName, TEMPORARY } from "./names.ts";
import { SNAPSHOT_DBID, SNAPSHOT_MAGIC, SNAPSHOT_VERSION } from "./snapshot.ts";
import { snappyChunks, snappyHeader } from "./snappy.ts";

/** Unpacked bytes of a slice: below a millisecond of work, some more when packed. */
const SLICE = 1 << 16;
/** After so many bytes they are flushed, so that a log's flush never waits behind a flood. */
const FLUSH_EVERY = 1 << 23;

/** Which optional sections are written. */
export interface SnapshotSections {
  readonly digest: boolean;
  /** `serializeLastProcessedZxid.enabled`. */
  readonly lastZxid: boolean;
}

export interface SnapshotOptions extends SnapshotSections {
  readonly compression: Compression;
  /** Calls `go` when the log is durable up to a zxid, at once if it is. */
  afterDurable(zxid: Zxid, go: () => void): void;
}

export interface SnapshotInfo {
  readonly path: string;
  readonly zxid: Zxid;
  /** Length of the file. */
  readonly size: number;
  readonly nodes: number;
}

type SnapshotDone = (result: SnapshotInfo | Fault) => void;

export class SnapshotWriter {
  readonly zxid: Zxid;
  readonly #disk: Disk;
  readonly #tree: Tree;
  readonly #dump: ReturnType<Tree["dump"]>;
  readonly #options: SnapshotOptions;
  readonly #path: string;
  readonly #temporary: string;
  readonly #done: SnapshotDone;
  readonly #packer: Packer;
  readonly #out = new Output(SLICE + 4096);
  #sum = ADLER32_START;
  #size = 0;
  #unflushed = 0;
  #isOver = false;

  /** Takes the tree as it is now; nothing is written before {@link start}. */
  constructor(disk: Disk, dir: string, tree: Tree, options: SnapshotOptions, done: SnapshotDone) {
    this.#disk = disk;
    this.#tree = tree;
    this.#dump = tree.dump();
    this.zxid = this.#dump.zxid;
    this.#options = options;
    this.#path = join(dir, snapshotName(this.zxid, options.compression));
    this.#temporary = this.#path + TEMPORARY;
    this.#done = done;
    this.#packer = packerOf(options.compression);
  }

  start(): void {
    this.#disk.resize(this.#temporary, 0); // what an earlier attempt may have left
    writeHead(this.#out);
    this.#next();
  }

  /** The whole snapshot at once, uncompressed: for a tree that is next to empty. */
  static writeNow(disk: Disk, dir: string, tree: Tree, sections: SnapshotSections): void {
    const out = new Output();
    const dump = tree.dump();
    writeHead(out);
    while (!dump.fill(out, SLICE));
    writeTail(out, ADLER32_START, tree, sections);
    disk.replaceNow(join(dir, snapshotName(dump.zxid, "none")), out.view());
  }

  /** Gives up; `done` is not called any more. */
  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#dump.cancel();
    this.#disk.discard(this.#temporary, () => {});
  }

  #next(): void {
    const out = this.#out;
    const isLast = this.#dump.fill(out, SLICE);
    if (isLast) writeTail(out, this.#sum, this.#tree, this.#options);
    else this.#sum = adler32(this.#sum, out.view());
    const bytes = this.#packer(out.view(), isLast);
    const at = this.#size;
    this.#size += bytes.length;
    this.#unflushed += bytes.length;
    this.#disk.write(this.#temporary, at, bytes, (fault) => {
      if (this.#isOver) return;
      if (fault !== null) return this.#failed(fault);
      if (isLast) return this.#finish();
      out.reset(); // the bytes were the disk's until now
      if (this.#unflushed < FLUSH_EVERY) return this.#next();
      this.#unflushed = 0;
      this.#disk.flush(this.#temporary, (fault) => {
        if (this.#isOver) return;
        if (fault !== null) this.#failed(fault);
        else this.#next();
      });
    });
  }

  /** Effects of a transaction must not outlive it: the log is durable first. */
  #finish(): void {
    this.#options.afterDurable(this.#tree.lastZxid, () => {
      if (!this.#isOver) this.#rename();
    });
  }

  #rename(): void {
    this.#disk.rename(this.#temporary, this.#path, (fault) => {
      if (this.#isOver) return;
      if (fault !== null) return this.#failed(fault);
      this.#isOver = true;
      this.#done({
        path: this.#path,
        zxid: this.zxid,
        size: this.#size,
        nodes: this.#dump.nodesWritten,
      });
    });
  }

  #failed(fault: Fault): void {
    this.#disk.release(this.#temporary);
    this.cancel();
    this.#done(fault);
  }
}

function writeHead(out: Output): void {
  writeFileHeader(out, { magic: SNAPSHOT_MAGIC, version: SNAPSHOT_VERSION, dbid: SNAPSHOT_DBID });
}

/** Seals and sections behind the nodes. `sum` covers what was written before `out` was begun. */
function writeTail(out: Output, sum: number, tree: Tree, sections: SnapshotSections): void {
  let summed = 0;
  const seal = () => {
    sum = adler32(sum, out.view(), summed);
    summed = out.size;
    writeSeal(out, { checksum: BigInt(sum), mark: "/" });
  };
  seal();
  if (sections.digest) {
    writeSnapshotDigest(out, {
      zxid: tree.lastZxid,
      digestVersion: DIGEST_VERSION,
      digest: tree.digest(),
    });
    seal();
  }
  if (sections.lastZxid) {
    writeSnapshotLastZxid(out, { zxid: tree.lastZxid });
    seal();
  }
}

/** Bytes as they go into the file: the ones it was given, or its own. */
type Packer = (bytes: Uint8Array, isLast: boolean) => Uint8Array;

function packerOf(compression: Compression): Packer {
  switch (compression) {
    case "none":
      return (bytes) => bytes;
    case "gz":
      return gzipPacker();
    case "snappy":
      return snappyPacker();
  }
}

/**
 * One gzip member. Each slice is packed on its own and ends on a byte (a sync flush), so that
 * slices can be joined and no packer with a state of its own is needed.
 */
function gzipPacker(): Packer {
  const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff);
  let isFirst = true;
  let sum = CRC32_START;
  let size = 0;
  return (bytes, isLast) => {
    const packed = deflateRawSync(bytes, {
      level: 4,
      finishFlush: isLast ? constants.Z_FINISH : constants.Z_SYNC_FLUSH,
    });
    sum = crc32(sum, bytes);
    size = (size + bytes.length) >>> 0;
    const before = isFirst ? header.length : 0;
    const whole = new Uint8Array(before + packed.length + (isLast ? 8 : 0));
    if (isFirst) whole.set(header);
    isFirst = false;
    whole.set(packed, before);
    if (isLast) {
      const view = new DataView(whole.buffer);
      view.setUint32(whole.length - 8, sum, true);
      view.setUint32(whole.length - 4, size, true);
    }
    return whole;
  };
}

function snappyPacker(): Packer {
  let isFirst = true;
  return (bytes) => {
    const chunks = snappyChunks(bytes);
    if (!isFirst) return chunks;
    isFirst = false;
    const header = snappyHeader();
    const whole = new Uint8Array(header.length + chunks.length);
    whole.set(header);
    whole.set(chunks, header.length);
    return whole;
  };
}
