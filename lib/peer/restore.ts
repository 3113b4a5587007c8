// A database that an operator sends: written to a file as it comes, then read into a tree in steps
// between which the server goes on serving. What becomes of the tree is peer.ts's business.
//
// Must agree with Java's restore in what it accepts, a snapshot file with its zxid inside, and takes
// packed ones and those of older servers as well.

import { Fault, isFault } from "../base/errors.ts";
import type { Zxid } from "../base/ids.ts";
import type { Clock, Disk, Millis } from "../ports.ts";
import type { StatPersisted } from "../records/data.ts";
import { join } from "../store/names.ts";
import { readSnapshotSteps, type SnapshotSink, type SnapshotTail } from "../store/snapshot.ts";
import { TreeLoader } from "../tree/loader.ts";
import type { Tree, TreeOptions } from "../tree/tree.ts";

export interface Loaded {
  readonly tree: Tree;
  /** At which the snapshot was taken; at least, when an old server does not say. */
  readonly zxid: Zxid;
}

/** Neither a log's nor a snapshot's name: no server reads it. */
const NAME = "restore-upload";
/** Bytes that wait for the disk before the sender is held. */
const UNWRITTEN_MAX = 4 << 20;
/** How long one go at reading may keep others waiting. */
const SLICE: Millis = 10;
const CHECK_EVERY = 16 << 20;

export interface UploadPorts {
  readonly disk: Disk;
  readonly clock: Clock;
}

export interface UploadEars {
  hold(on: boolean): void;
  /** The last call, one of the two. */
  loaded(loaded: Loaded): void;
  failed(fault: Fault): void;
}

/** Files that an upload of a former life may have left. */
export function removeUploads(disk: Disk, dir: string): void {
  for (const ending of ["", ".gz", ".snappy"]) {
    const path = join(dir, NAME + ending);
    if (disk.size(path) !== null) disk.remove(path);
  }
}

export class Upload {
  readonly #ports: UploadPorts;
  readonly #dir: string;
  readonly #reserve: number;
  readonly #treeOptions: TreeOptions;
  readonly #ears: UploadEars;
  #head = new Uint8Array(0);
  #path: string | null = null;
  #size = 0;
  #unwritten = 0;
  #checked = 0;
  #isHeld = false;
  #isOver = false;

  /** `reserve`: bytes that must stay free on the disk of `dir`. `ports.clock` is the upload's own. */
  constructor(
    ports: UploadPorts,
    dir: string,
    reserve: number,
    treeOptions: TreeOptions,
    ears: UploadEars,
  ) {
    this.#ports = ports;
    this.#dir = dir;
    this.#reserve = reserve;
    this.#treeOptions = treeOptions;
    this.#ears = ears;
  }

  /** A piece of the snapshot; the upload's to keep. */
  bytes(chunk: Uint8Array): void {
    if (this.#isOver) return;
    if (this.#path !== null) return this.#write(chunk);
    // Eight bytes tell how it is packed, and so the name.
    const head = new Uint8Array(this.#head.length + chunk.length);
    head.set(this.#head);
    head.set(chunk, this.#head.length);
    this.#head = head;
    if (head.length >= 8) this.#begin();
  }

  /** The body is whole. */
  ended(): void {
    if (this.#isOver) return;
    if (this.#path === null) {
      return this.#fail(
        new Fault("SHORT", "no snapshot is as short as that", { length: this.#head.length }),
      );
    }
    this.#ports.disk.flush(this.#path, (fault) => {
      if (this.#isOver) return;
      if (fault !== null) this.#fail(fault);
      else this.#load();
    });
  }

  /** The sender is gone. Nothing more is heard; false when it was over already. */
  cancel(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#ports.clock.wakeAt(null, () => {});
    this.#discard();
    return true;
  }

  #begin(): void {
    const [first, second] = this.#head;
    const ending = first === 0x1f && second === 0x8b ? ".gz" : first === 0x82 ? ".snappy" : "";
    this.#path = join(this.#dir, NAME + ending);
    this.#ports.disk.resize(this.#path, 0);
    this.#write(this.#head);
    this.#head = new Uint8Array(0);
  }

  #write(chunk: Uint8Array): void {
    const { disk } = this.#ports;
    if (this.#path === null) return;
    this.#unwritten += chunk.length;
    if (!this.#isHeld && this.#unwritten > UNWRITTEN_MAX) this.#hold(true);
    disk.write(this.#path, this.#size, chunk, (fault) => {
      this.#unwritten -= chunk.length;
      if (this.#isOver) return;
      if (fault !== null) return this.#fail(fault);
      if (this.#isHeld && this.#unwritten < UNWRITTEN_MAX / 2) this.#hold(false);
    });
    this.#size += chunk.length;
    if (this.#size - this.#checked >= CHECK_EVERY) this.#checkSpace();
  }

  /** The log shares this disk: an upload must not be what fills it. */
  #checkSpace(): void {
    this.#checked = this.#size;
    const free = this.#ports.disk.free(this.#dir);
    if (free === null || free >= this.#reserve) return;
    this.#fail(
      new Fault("DISK_FULL", "the disk has no room for the database to be restored", {
        where: this.#dir,
        hint: "free space and try again; nothing was changed",
      }),
    );
  }

  #hold(on: boolean): void {
    this.#isHeld = on;
    this.#ears.hold(on);
  }

  #load(): void {
    const { disk, clock } = this.#ports;
    const sink = new Sink(this.#treeOptions);
    const steps = readSnapshotSteps(disk, this.#path ?? "", sink);
    const slice = (): void => {
      if (this.#isOver) return;
      const until = clock.now().mono + SLICE;
      try {
        do {
          const step = steps.next();
          if (step.done === true) return this.#finish(sink, step.value);
        } while (clock.now().mono < until);
      } catch (error) {
        if (!isFault(error)) throw error;
        return this.#fail(error);
      }
      clock.wakeAt(clock.now().mono, slice);
    };
    slice();
  }

  #finish(sink: Sink, tail: SnapshotTail): void {
    const tree = sink.finish();
    const { digest } = tail;
    const zxid = [tail.lastZxid, digest?.zxid ?? null, sink.newest]
      .reduce((max: Zxid, each) => (each !== null && each > max ? each : max), 0n);
    this.#isOver = true;
    this.#discard();
    // Taken while transactions were applied it may be a mixture, which is no damage (storage.md 4.1).
    if (digest !== null && digest.digest !== tree.digest() && this.#treeOptions.digest) {
      this.#treeOptions.note("warn", "admin", "the snapshot's digest is not its tree's", {
        digest: digest.digest,
        tree: tree.digest(),
        hint: "it was taken while there were writes",
      });
    }
    this.#ears.loaded({ tree, zxid });
  }

  #fail(fault: Fault): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#discard();
    this.#ears.failed(fault);
  }

  #discard(): void {
    if (this.#path === null) return;
    this.#ports.disk.release(this.#path);
    this.#ports.disk.discard(this.#path, () => {}); // if it stays, the next start removes it
  }
}

/** A loader that also notes the newest zxid among the nodes. */
class Sink implements SnapshotSink {
  newest: Zxid = 0n;
  readonly #loader: TreeLoader;

  constructor(options: TreeOptions) {
    this.#loader = new TreeLoader(options);
  }

  session(id: bigint, timeoutMs: number): void {
    this.#loader.session(id, timeoutMs);
  }

  acl(id: bigint, list: Parameters<TreeLoader["acl"]>[1]): void {
    this.#loader.acl(id, list);
  }

  node(path: string, data: Uint8Array | null, aclId: bigint, stat: StatPersisted): void {
    if (stat.mzxid > this.newest) this.newest = stat.mzxid;
    if (stat.pzxid > this.newest) this.newest = stat.pzxid;
    this.#loader.node(path, data, aclId, stat);
  }

  finish(): Tree {
    return this.#loader.finish();
  }
}
