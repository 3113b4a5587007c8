// One snapshot at a time of the tree that is attached: who waits for whom, and what becomes of one
// whose tree is replaced. How a snapshot is written is in snapshot_writer.ts.

import { assert } from "../base/assert.ts";
import { Fault, isFault } from "../base/errors.ts";
import { hex, type Zxid } from "../base/ids.ts";
import type { Millis } from "../ports.ts";
import type { Tree } from "../tree/tree.ts";
import type { StoreOptions, StorePorts } from "./options.ts";
import { type SnapshotInfo, SnapshotWriter } from "./snapshot_writer.ts";

export type SnapshotDone = (result: SnapshotInfo | Fault) => void;

export class Snapshots {
  tree: Tree | null = null;
  last: SnapshotInfo | null = null;
  /** One was written, and how long that took. */
  onTaken: (millis: Millis) => void = () => {};
  readonly #ports: StorePorts;
  readonly #options: StoreOptions;
  #running: { readonly writer: SnapshotWriter; readonly done: SnapshotDone } | null = null;
  #waiting: SnapshotDone[] = [];

  constructor(ports: StorePorts, options: StoreOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#running !== null;
  }

  /** Takes one now, or after the one that is running. */
  take(dir: string, afterDurable: (zxid: Zxid, go: () => void) => void, done: SnapshotDone): void {
    if (this.#running !== null) {
      this.#waiting.push((result) =>
        isFault(result) ? done(result) : this.take(dir, afterDurable, done)
      );
      return;
    }
    const { tree } = this;
    assert(tree !== null, "snapshots are taken of an attached tree");
    const { disk, clock, note } = this.#ports;
    const begun = clock.now().mono;
    const options = {
      compression: this.#options.snapshotCompression || "none",
      digest: this.#options.digestEnabled,
      lastZxid: this.#options.serializeLastProcessedZxid,
      afterDurable,
    } as const;
    const writer = new SnapshotWriter(disk, dir, tree, options, (result) => {
      this.#running = null;
      if (!isFault(result)) {
        this.last = result;
        const millis = Math.round(clock.now().mono - begun);
        this.onTaken(millis);
        note("info", "store", "snapshot taken", {
          file: result.path,
          bytes: result.size,
          znodes: result.nodes,
          millis,
        });
      }
      const waiting = this.#waiting;
      this.#waiting = [];
      done(result);
      for (const next of waiting) next(result);
    });
    this.#running = { writer, done };
    writer.start();
  }

  /** Gives up the one that is running, and those that wait: their tree is no longer ours. */
  cancel(why: string): void {
    const running = this.#running;
    if (running === null) return;
    running.writer.cancel();
    this.#running = null;
    const fault = new Fault("PROTOCOL", `the snapshot was given up: ${why}`, {
      where: hex(running.writer.zxid),
    });
    const waiting = this.#waiting;
    this.#waiting = [];
    running.done(fault);
    for (const each of waiting) each(fault);
  }
}
