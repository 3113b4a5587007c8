// Reads snapshot files (storage.md 4): header, sessions, access lists, nodes, seals and the optional
// sections behind them. Which sections there are is told by what is left behind the first seal, not
// by settings of ours, so a file of any version and any writer loads. Must agree with FileSnap and
// SnapStream of Java.

import { adler32, ADLER32_START } from "../base/adler32.ts";
import { Fault, isFault } from "../base/errors.ts";
import type { SessionId, Zxid } from "../base/ids.ts";
import { Input } from "../codec/input.ts";
import type { Disk } from "../ports.ts";
import { type ACL, readStatPersisted, type StatPersisted } from "../records/data.ts";
import { readAclEntry, readSnapshotDigest, type SnapshotDigest } from "../records/disk.ts";
import { gunzipSource } from "./inflate.ts";
import {
  type Compression,
  compressionOf,
  type DataFile,
  filesOf,
  SNAPSHOT,
  TEMPORARY,
} from "./names.ts";
import { SNAPPY_MAGIC, unsnappySource } from "./snappy.ts";
import { fileSource, type Source, Window } from "./window.ts";

export const SNAPSHOT_MAGIC = 0x5a4b534e;
export const SNAPSHOT_VERSION = 2;
export const SNAPSHOT_DBID = -1n;
const HEADER_SIZE = 16;
/** A seal: checksum, and "/" with its length. */
export const SEAL_SIZE = 13;
const DIGEST_SIZE = 20;
const LAST_ZXID_SIZE = 8;
const STAT_AND_ACL_SIZE = 68;
/** How many of the newest valid snapshots are tried. */
const CANDIDATES = 100;

/** What a snapshot holds, in the order of the file; a TreeLoader is one. */
export interface SnapshotSink {
  session(id: SessionId, timeoutMs: number): void;
  acl(id: bigint, list: readonly ACL[] | null): void;
  /** `data` is a view that stays valid. */
  node(path: string, data: Uint8Array | null, aclId: bigint, stat: StatPersisted): void;
}

export interface SnapshotTail {
  /** Zxid and tree digest when the dump ended; null when the file has no such section. */
  readonly digest: SnapshotDigest | null;
  readonly lastZxid: Zxid | null;
  /** Unpacked length. */
  readonly length: number;
}

/**
 * Reads a whole snapshot into `sink` and checks every seal. Faults name file and unpacked place:
 * BAD_MAGIC, SHORT, LENGTH, CHECKSUM, TRAILING, CORRUPT.
 */
export function readSnapshot(
  disk: Disk,
  path: string,
  sink: SnapshotSink,
  progress: (offset: number) => void = () => {},
): SnapshotTail {
  const steps = readSnapshotSteps(disk, path, sink);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    progress(step.value);
  }
}

/**
 * The same in steps of some thousand nodes, each with the place reached, for whoever has other
 * things to do in between.
 */
export function* readSnapshotSteps(
  disk: Disk,
  path: string,
  sink: SnapshotSink,
): Generator<number, SnapshotTail, void> {
  const reader = new SnapshotReader(unpackedSource(disk, path), disk.size(path) ?? 0, path);
  try {
    return yield* reader.read(sink);
  } catch (error) {
    if (!isFault(error) || error.detail.where?.startsWith(path)) throw error;
    throw new Fault(error.code, `the snapshot cannot be read: ${error.message}`, {
      where: `${path}, byte ${reader.offset}${reader.isPacked ? " unpacked" : ""}`,
      cause: error,
    });
  }
}

/** The bytes of a file as its name says they are packed. */
export function unpackedSource(disk: Disk, path: string): Source {
  const source = fileSource(disk, path);
  switch (compressionOf(path)) {
    case "gz":
      return gunzipSource(source);
    case "snappy":
      return lazily(() => unsnappySource(source));
    case "none":
      return source;
  }
}

function lazily(make: () => Source): Source {
  let source: Source | null = null;
  return () => (source ??= make())();
}

/** Quick test that a file was written to its end, by its first or last bytes (storage.md 4.3). */
export function looksWhole(disk: Disk, path: string): boolean {
  const size = disk.size(path) ?? 0;
  if (size < 10) return false;
  switch (compressionOf(path)) {
    case "gz": {
      const [first, second] = disk.read(path, 0, 2);
      return first === 0x1f && second === 0x8b;
    }
    case "snappy":
      return SNAPPY_MAGIC.every((byte, i) => disk.read(path, 0, 8)[i] === byte);
    case "none": {
      const mark = disk.read(path, size - 5, 5);
      return mark[0] === 0 && mark[1] === 0 && mark[2] === 0 && mark[3] === 1 && mark[4] === 0x2f;
    }
  }
}

/** Snapshots that look whole, newest first. */
export function wholeSnapshots(disk: Disk, dir: string, limit = CANDIDATES): DataFile[] {
  const whole: DataFile[] = [];
  for (const file of filesOf(disk, dir, SNAPSHOT).reverse()) {
    if (whole.length === limit) break;
    // What was never renamed was never promised to anyone.
    if (!file.name.endsWith(TEMPORARY) && isWhole(disk, file.path)) whole.push(file);
  }
  return whole;
}

/** A purge may take it away in the middle of the look. */
function isWhole(disk: Disk, path: string): boolean {
  try {
    return looksWhole(disk, path);
  } catch (error) {
    if (!isFault(error) || disk.size(path) !== null) throw error;
    return false;
  }
}

class SnapshotReader {
  readonly isPacked: boolean;
  readonly #window: Window;
  readonly #limit: number;
  readonly #path: string;
  readonly #input = new Input(new Uint8Array(0));
  #sum = ADLER32_START;

  constructor(source: Source, fileSize: number, path: string) {
    const packing: Compression = compressionOf(path);
    this.#window = new Window(source);
    this.#path = path;
    this.isPacked = packing !== "none";
    // A length that cannot be must not make us read the whole file to find that out.
    this.#limit = this.isPacked ? 0x7fffffff : fileSize;
  }

  get offset(): number {
    return this.#window.offset;
  }

  *read(sink: SnapshotSink): Generator<number, SnapshotTail, void> {
    this.#header();
    this.#sessions(sink);
    this.#lists(sink);
    let nodes = 0;
    while (this.#node(sink)) {
      nodes += 1;
      if (nodes % 4096 === 0) yield this.offset;
    }
    this.#seal();
    const digest = this.#leavesOneOf(SEAL_SIZE + DIGEST_SIZE, 54) ? this.#digest() : null;
    const lastZxid = this.#leavesOneOf(SEAL_SIZE + LAST_ZXID_SIZE) ? this.#lastZxid() : null;
    if (this.#window.has(1)) this.#fail("TRAILING", "unknown bytes behind the last seal");
    return { digest, lastZxid, length: this.offset };
  }

  #header(): void {
    this.#need(HEADER_SIZE, "its header");
    if (this.#window.int() !== SNAPSHOT_MAGIC) this.#fail("BAD_MAGIC", "no header of a snapshot");
    this.#take(HEADER_SIZE);
  }

  #sessions(sink: SnapshotSink): void {
    for (let count = this.#count("sessions"); count > 0; count--) {
      this.#need(12, "a session");
      const id = this.#window.long();
      sink.session(id, this.#window.int(8));
      this.#take(12);
    }
  }

  #lists(sink: SnapshotSink): void {
    for (let count = this.#count("access lists"); count > 0; count--) {
      const input = this.#record((input) => readAclEntry(input));
      sink.acl(input.id, input.acl);
    }
  }

  /** False at the path "/", which ends the nodes. */
  #node(sink: SnapshotSink): boolean {
    const window = this.#window;
    this.#need(4, "a path");
    const pathLength = this.#length(window.int(), "path", false);
    if (pathLength === 1) {
      this.#need(5, "a path");
      if (window.bytes[window.at + 4] === 0x2f) {
        this.#take(5);
        return false;
      }
    }
    this.#need(8 + pathLength, "a znode");
    const dataLength = this.#length(window.int(4 + pathLength), "data", true);
    const size = 8 + pathLength + Math.max(0, dataLength) + STAT_AND_ACL_SIZE;
    this.#need(size, "a znode");
    const input = this.#input.reset(window.bytes, window.at, window.at + size);
    const path = input.ustring() ?? "";
    const data = input.buffer();
    const acl = input.long();
    sink.node(path, data, acl, readStatPersisted(input));
    this.#take(size);
    return true;
  }

  #seal(): void {
    this.#need(SEAL_SIZE, "a seal");
    const { bytes, at } = this.#window;
    const isRight = this.#window.long() === BigInt(this.#sum);
    if (!isRight) this.#fail("CHECKSUM", "the seal's checksum differs");
    if (this.#window.int(8) !== 1 || bytes[at + 12] !== 0x2f) {
      this.#fail("CORRUPT", "the seal has no end mark");
    }
    this.#take(SEAL_SIZE);
  }

  #digest(): SnapshotDigest {
    const digest = this.#record((input) => readSnapshotDigest(input));
    this.#seal();
    return digest;
  }

  #lastZxid(): Zxid {
    this.#need(LAST_ZXID_SIZE, "the last zxid");
    const zxid = this.#window.long();
    this.#take(LAST_ZXID_SIZE);
    this.#seal();
    return zxid;
  }

  /** Whether exactly one of these many bytes is left. */
  #leavesOneOf(...sizes: number[]): boolean {
    this.#window.has(Math.max(...sizes) + 1);
    return sizes.includes(this.#window.left);
  }

  #count(what: string): number {
    this.#need(4, `the number of ${what}`);
    const count = this.#window.int();
    if (count < 0) this.#fail("LENGTH", `${count} ${what}`);
    this.#take(4);
    return count;
  }

  #length(length: number, what: string, isNullable: boolean): number {
    if (length >= 0 && length <= this.#limit) return length;
    if (length === -1 && isNullable) return -1;
    return this.#fail("LENGTH", `a ${what} with length ${length}`);
  }

  /** A record of which nobody says how long it is: read again with more bytes until it fits. */
  #record<T>(read: (input: Input) => T): T {
    const window = this.#window;
    for (let size = 64;; size *= 2) {
      const isAll = !window.has(size);
      const input = this.#input.reset(window.bytes, window.at, window.bytes.length);
      try {
        const record = read(input);
        this.#take(input.at - window.at);
        return record;
      } catch (error) {
        if (isAll || !isFault(error, "SHORT")) throw error;
      }
    }
  }

  #need(count: number, what: string): void {
    if (this.#window.has(count)) return;
    this.#fail("SHORT", `the file ends inside ${what}`);
  }

  #take(count: number): void {
    const { bytes, at } = this.#window;
    this.#sum = adler32(this.#sum, bytes, at, at + count);
    this.#window.at = at + count;
  }

  #fail(
    code: "SHORT" | "LENGTH" | "BAD_MAGIC" | "CHECKSUM" | "CORRUPT" | "TRAILING",
    what: string,
  ): never {
    throw new Fault(code, `the snapshot cannot be read: ${what}`, {
      where: `${this.#path}, byte ${this.offset}${this.isPacked ? " unpacked" : ""}`,
    });
  }
}
