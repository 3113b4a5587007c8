// All transactions after a zxid, over several log files, in order and without a hole. Only the tail
// of the last file can have been torn by a crash; a torn tail of an earlier file is what a restart
// left behind, and is believed when the next file goes on with the very next zxid. Everything else
// that does not fit is corruption: the start is refused, with file, place and what to do.
//
// Java (FileTxnLog) skips holes before 3.9.4 and bad record ends always; storage.md 7.4 and
// quorum.md H-R11 say what it does instead.

import { Fault } from "../base/errors.ts";
import { counterOf, epochOf, hex, type Zxid } from "../base/ids.ts";
import type { Disk, Trace } from "../ports.ts";
import { type LogEnd, LogReader, type LogRecord } from "./log_reader.ts";
import type { DataFile } from "./names.ts";

export interface HistoryOptions {
  /** Go on over holes and steps back as Java before 3.9.4 did, with a warning for each. */
  readonly allowGaps: boolean;
  readonly note: Trace["note"];
}

/** Where a file ends that ends oddly. */
export interface OddEnd {
  readonly file: DataFile;
  readonly end: LogEnd;
}

export class LogHistory {
  readonly #disk: Disk;
  readonly #files: readonly DataFile[];
  readonly #after: Zxid;
  readonly #options: HistoryOptions;
  #index = 0;
  #reader: LogReader | null = null;
  #last: Zxid;
  /** A torn tail that the next record must prove harmless. */
  #torn: OddEnd | null = null;
  /** How the last file ends, once everything has been read. */
  tail: OddEnd | null = null;
  /**
   * A torn tail behind which another epoch begins: nobody can tell from the zxids whether something
   * is missing between the two. The tree digests can.
   */
  suspect: OddEnd | null = null;

  /** `files` are sorted and start at or before `after` (names.ts, filesFrom). */
  constructor(
    disk: Disk,
    files: readonly DataFile[],
    after: Zxid,
    options: HistoryOptions,
  ) {
    this.#disk = disk;
    this.#files = files;
    this.#after = after;
    this.#last = after;
    this.#options = options;
  }

  /** Zxid of the last record handed out, or where it began. */
  get last(): Zxid {
    return this.#last;
  }

  get file(): DataFile | null {
    return this.#files[this.#index] ?? null;
  }

  /** The next transaction above `after`. Faults: CORRUPT, DISK. */
  next(): LogRecord | null {
    while (this.#index < this.#files.length) {
      const file = this.#files[this.#index];
      this.#reader ??= new LogReader(this.#disk, file.path);
      const record = this.#reader.next();
      if (record === null) {
        this.#fileEnded(file, this.#reader.end);
      } else if (record.zxid > this.#after || this.#last > this.#after) {
        this.#check(file, record);
        this.#last = record.zxid;
        return record;
      }
    }
    return null;
  }

  #fileEnded(file: DataFile, end: LogEnd | null): void {
    this.#reader = null;
    this.#index += 1;
    if (end === null) return;
    if (end.kind === "damaged") throw this.#corrupt(file, end);
    const isLast = this.#index === this.#files.length;
    if (isLast) this.tail = { file, end };
    if (end.kind !== "torn") return;
    if (!isLast) this.#torn = { file, end };
    this.#options.note("warn", "store", `a transaction log ends in ${end.why}`, {
      file: file.path,
      at: end.at,
      zxidBefore: hex(this.#last),
      cause: "the server was stopped while it wrote; nothing of it was acknowledged",
    });
  }

  #check(file: DataFile, record: LogRecord): void {
    const torn = this.#torn;
    this.#torn = null;
    if (follows(this.#last, record.zxid)) {
      if (torn !== null && epochOf(record.zxid) !== epochOf(this.#last)) this.suspect ??= torn;
      return;
    }
    const step = record.zxid < this.#last ? "goes back" : "leaves a hole";
    const claim = `the transaction log ${step}: ${hex(record.zxid)} comes after ${hex(this.#last)}`;
    if (this.#options.allowGaps) {
      return this.#options.note("warn", "store", claim, { file: file.path, at: record.at });
    }
    throw new Fault("CORRUPT", claim, {
      where: torn === null
        ? `${file.path}, byte ${record.at}`
        : `${file.path}, byte ${record.at}; ${torn.file.path} is cut short at byte ${torn.end.at}`,
      zxidBefore: hex(this.#last),
      hint: "transactions are missing or two histories are mixed; restore the files of this " +
        "folder, or in an ensemble move it away and let the server copy from the leader. " +
        "zookeeper.test.allowDiscontinuousProposals=true starts in spite of it",
    });
  }

  #corrupt(file: DataFile, end: LogEnd): Fault {
    const next = end.next === null ? "" : `, the next whole record is at byte ${end.next}`;
    return new Fault("CORRUPT", `the transaction log is damaged: ${end.why}${next}`, {
      where: `${file.path}, byte ${end.at}`,
      zxidBefore: hex(this.#last),
      hint: `the last good transaction before it is ${hex(this.#last)}; restore the file, or in ` +
        "an ensemble move the data folder away and let the server copy from the leader. " +
        `\`truncate -s ${end.at}\` on the file gives up what follows`,
    });
  }
}

/**
 * Whether `zxid` may come right after `last`: the next counter, the first one of a later epoch, or
 * the same again (Java 3.9 gives an undecodable request the zxid of the one before, client.md 11).
 */
export function follows(last: Zxid, zxid: Zxid): boolean {
  if (zxid === last + 1n || zxid === last) return true;
  return epochOf(zxid) > epochOf(last) && counterOf(zxid) === 1n;
}
