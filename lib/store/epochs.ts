// The files `acceptedEpoch` and `currentEpoch` (storage.md 9, quorum.md 9): read and checked at the
// start of a quorum peer, replaced as a whole when an epoch is promised or established.
// Must agree with QuorumPeer.loadDataBase, whose leftovers of a crash are understood, all of them:
// `updatingEpoch` (3.4.6 to 3.4.14) and `currentEpoch.tmp`.

import { Fault } from "../base/errors.ts";
import { type Epoch, epochOf, hex, type Zxid } from "../base/ids.ts";
import type { Disk, Done, Trace } from "../ports.ts";
import { join, TEMPORARY } from "./names.ts";

export type EpochName = "acceptedEpoch" | "currentEpoch";
const UPDATING = "updatingEpoch";

export interface Epochs {
  readonly accepted: Epoch;
  readonly current: Epoch;
}

const encoder = new TextEncoder();

export class EpochFiles {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #note: Trace["note"];

  constructor(disk: Disk, dir: string, note: Trace["note"]) {
    this.#disk = disk;
    this.#dir = dir;
    this.#note = note;
  }

  /**
   * What this server has promised and established. Files that are missing are written, leftovers of
   * a crash are used and removed. Fault CORRUPT when the files contradict each other or the log.
   */
  recover(lastZxid: Zxid): Epochs {
    const ofLog = lastZxid < 0n ? 0n : epochOf(lastZxid);
    const accepted = this.#read("acceptedEpoch");
    const current = this.#current(ofLog, accepted, lastZxid);
    const epochs = { accepted: accepted ?? this.#fill("acceptedEpoch", ofLog), current };
    if (epochs.accepted < epochs.current) {
      throw new Fault(
        "CORRUPT",
        `the accepted epoch ${hex(epochs.accepted)} is below the current epoch ${hex(current)}`,
        { where: this.#path("acceptedEpoch"), hint: HINT },
      );
    }
    for (const name of [UPDATING, `currentEpoch${TEMPORARY}`, `acceptedEpoch${TEMPORARY}`]) {
      if (this.#disk.size(join(this.#dir, name)) !== null) this.#disk.remove(join(this.#dir, name));
    }
    return epochs;
  }

  /** Replaces a file; `done(null)`: a crash from now on finds the new epoch. */
  save(name: EpochName, epoch: Epoch, done: Done): void {
    const path = this.#path(name);
    const temporary = path + TEMPORARY;
    const bytes = encoder.encode(String(epoch));
    this.#disk.write(temporary, 0, bytes);
    this.#disk.resize(temporary, bytes.length);
    this.#disk.rename(temporary, path, done);
  }

  #current(ofLog: Epoch, accepted: Epoch | null, lastZxid: Zxid): Epoch {
    const current = this.#read("currentEpoch");
    if (current === null) return this.#fill("currentEpoch", ofLog);
    if (ofLog <= current) return current;
    const left = this.#leftover(ofLog);
    const repaired = left !== null && left >= ofLog ? left : this.#promised(ofLog, accepted);
    if (repaired === null) {
      throw new Fault(
        "CORRUPT",
        `the current epoch, ${hex(current)}, is older than the last zxid, ${hex(lastZxid)}`,
        { where: this.#path("currentEpoch"), hint: HINT },
      );
    }
    this.#note("warn", "store", "a crash came before the current epoch was stored; stored now", {
      was: hex(current),
      now: hex(repaired),
    });
    this.#disk.replaceNow(this.#path("currentEpoch"), encoder.encode(String(repaired)));
    return repaired;
  }

  /** The epoch that a server was about to store when it ended, or null. */
  #leftover(ofLog: Epoch): Epoch | null {
    if (this.#disk.size(join(this.#dir, UPDATING)) !== null) return ofLog;
    try {
      return this.#read(`currentEpoch${TEMPORARY}`);
    } catch {
      return null; // torn in the middle of writing: as good as absent
    }
  }

  /**
   * The crash came between storing a leader's history and storing its epoch. Transactions of an epoch
   * are only sent to those that promised it, behind all that came before them, so a log that holds
   * one holds the whole history that this epoch began with.
   */
  #promised(ofLog: Epoch, accepted: Epoch | null): Epoch | null {
    return accepted !== null && accepted >= ofLog ? ofLog : null;
  }

  #fill(name: EpochName, epoch: Epoch): Epoch {
    this.#note("info", "store", `${name} is missing; taken from the last zxid`, {
      epoch: hex(epoch),
    });
    this.#disk.replaceNow(this.#path(name), encoder.encode(String(epoch)));
    return epoch;
  }

  #read(name: string): Epoch | null {
    const path = this.#path(name);
    if (this.#disk.size(path) === null) return null;
    const text = new TextDecoder().decode(this.#disk.read(path, 0, 64)).split("\n", 1)[0].trim();
    if (!/^-?[0-9]{1,19}$/.test(text)) {
      throw new Fault("CORRUPT", `${JSON.stringify(text)} is no epoch`, {
        where: path,
        hint: HINT,
      });
    }
    return BigInt(text);
  }

  #path(name: string): string {
    return join(this.#dir, name);
  }
}

const HINT = "files of different times are mixed; restore the whole data directory, or move it " +
  "away and let the server copy from the leader";
