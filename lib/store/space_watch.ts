// Watches the free space under both folders, so that writes are refused while there is still room
// to finish what has begun. Java notices a full disk by a failed write, after which nothing helps.

import { Fault } from "../base/errors.ts";
import type { Disk, Millis } from "../ports.ts";
import type { DataDirs } from "./data_dirs.ts";

const EVERY: Millis = 1000;
/** Space counts as there again when there is this much more than the reserve. */
const RELIEF = 1.25;

export class SpaceWatch {
  /** Bytes that should stay free; 0: whatever happens, nothing is refused. */
  readonly reserve: number;
  readonly #disk: Disk;
  #isLow = false;
  #next: Millis = 0;

  constructor(disk: Disk, reserve: number) {
    this.#disk = disk;
    this.reserve = reserve;
  }

  get isLow(): boolean {
    return this.#isLow;
  }

  get deadline(): Millis {
    return this.#next;
  }

  /** Looks when it is time, and says when the answer has changed. */
  tick(now: Millis, dirs: DataDirs, changed: (isLow: boolean, free: number) => void): void {
    if (now < this.#next) return;
    this.#next = now + EVERY;
    const free = this.free(dirs);
    const isLow = this.#isLow ? free < this.reserve * RELIEF : free < this.reserve;
    if (isLow === this.#isLow) return;
    this.#isLow = isLow;
    changed(isLow, free);
  }

  /** Bytes, of the fuller of the two; infinite when the system does not tell. */
  free(dirs: DataDirs): number {
    return Math.min(
      this.#disk.free(dirs.logs) ?? Infinity,
      this.#disk.free(dirs.snapshots) ?? Infinity,
    );
  }

  /** A snapshot of about `size` bytes: why it must not be begun, or null. */
  refuse(dirs: DataDirs, size: number): Fault | null {
    const free = this.#disk.free(dirs.snapshots);
    if (free === null || this.reserve === 0 || free >= size + this.reserve) return null;
    return new Fault("DISK_FULL", "there is no room for a snapshot", {
      where: dirs.snapshots,
      free,
      needed: size + this.reserve,
      isEarly: true,
      hint: `free ${size + this.reserve - free} bytes; the log goes on meanwhile`,
    });
  }
}
