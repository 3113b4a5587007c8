// Watches the free space under both folders, so that writes are refused while there is still room
// to finish what has begun. Java notices a full disk by a failed write, after which nothing helps.

import type { Disk, Millis } from "../ports.ts";
import type { DataDirs } from "./data_dirs.ts";

const EVERY: Millis = 1000;
const RESERVE = 64 << 20;
/** Space counts as there again when there is this much more than the reserve. */
const RELIEF = 1.25;

export class SpaceWatch {
  readonly #disk: Disk;
  readonly #reserve: number;
  #isLow = false;
  #next: Millis = 0;

  constructor(disk: Disk, reserve = RESERVE) {
    this.#disk = disk;
    this.#reserve = reserve;
  }

  get deadline(): Millis {
    return this.#next;
  }

  /** Looks when it is time, and says when the answer has changed. */
  tick(now: Millis, dirs: DataDirs, changed: (isLow: boolean, free: number) => void): void {
    if (now < this.#next) return;
    this.#next = now + EVERY;
    const free = Math.min(
      this.#disk.free(dirs.logs) ?? Infinity,
      this.#disk.free(dirs.snapshots) ?? Infinity,
    );
    const isLow = this.#isLow ? free < this.#reserve * RELIEF : free < this.#reserve;
    if (isLow === this.#isLow) return;
    this.#isLow = isLow;
    changed(isLow, free);
  }
}
