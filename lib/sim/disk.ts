// Files in virtual time. What a process reads is its own writes; what survives a crash is what was
// flushed, and of the rest a random prefix, torn inside a write. Flushes can be slow or fail, the
// disk can be full, old bytes can rot. Runs the same contract as the host's files
// (tests/support/contract_disk.ts).

import { Fault } from "../base/errors.ts";
import type { Zxid } from "../base/ids.ts";
import { LOG, SNAPSHOT, TEMPORARY, zxidOfName } from "../store/names.ts";
import type { Disk, Done, Millis } from "../ports.ts";
import { type Luck, SimFile } from "./file.ts";
import { type Call, type CallKind, OpenFile } from "./open_file.ts";
import { type Life, ProcessEnded, type SimRandom, type World } from "./world.ts";

export interface DiskHealth {
  readonly flushMin: Millis;
  readonly flushMax: Millis;
  /** Once in so many flushes one takes `flushSlow`. 0: never. */
  readonly slowOneIn: number;
  readonly flushSlow: Millis;
  /** Once in so many flushes one fails. 0: never. */
  readonly failOneIn: number;
  /** Once in so many plain calls that look or read one fails, as for want of handles. 0: never. */
  readonly readFailOneIn: number;
  /** All files together may have so many bytes. */
  readonly capacity: number;
}

export const GOOD_DISK: DiskHealth = {
  flushMin: 0.1,
  flushMax: 2,
  slowOneIn: 0,
  flushSlow: 0,
  failOneIn: 0,
  readFailOneIn: 0,
  capacity: Infinity,
};

/** What lies on one server's disk, from life to life. */
export class SimStorage {
  readonly world: World;
  readonly name: string;
  readonly files = new Map<string, SimFile>();
  readonly folders = new Set<string>(["/"]);
  /** Files whose removal or replacement is not durable: they may come back. */
  readonly gone = new Map<string, SimFile>();
  readonly random: SimRandom;
  /** What a write takes besides its beginning. */
  bytesPerMs = Infinity;
  /** How often it was replaced by an empty one. */
  wipes = 0;
  /** The highest zxid that went with one of those: its server has had it on disk, and said so. */
  wipedUpTo: Zxid = -1n;
  #health: DiskHealth = GOOD_DISK;
  /** Since the process that uses it began. */
  #wasIll = false;
  /** A bit has turned, and nobody replaced the disk. */
  #isRotten = false;
  /** Null: something has changed since it was looked at. */
  #durable: Zxid | null = null;
  #callsLeft = 0;
  #die: (() => void) | null = null;
  /** Null: calls are carried out; else what to look at again when they are. */
  #held: (() => void)[] | null = null;

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
    this.random = world.random(`disk ${name}`);
  }

  get health(): DiskHealth {
    return this.#health;
  }

  set health(health: DiskHealth) {
    this.#health = health;
    if (health !== GOOD_DISK) this.#wasIll = true;
  }

  /** Whether the process that uses it has never had a reason to give it up. */
  get isGood(): boolean {
    return !this.#wasIll && !this.#isRotten;
  }

  /** A process begins to use it. */
  begun(): void {
    this.#wasIll = this.#health !== GOOD_DISK;
  }

  get used(): number {
    let sum = 0;
    for (const file of this.files.values()) sum += file.length;
    return sum;
  }

  /** The process died or the power went: what was not durable is lost in part or whole. */
  crash(random: Luck = this.random): void {
    this.#durable = null;
    this.release();
    for (const [path, file] of [...this.files]) {
      if (!file.isNamed && random.oneIn(2)) {
        this.files.delete(path);
        continue;
      }
      if (file.crash(random)) this.world.count("torn write at a crash");
      file.isNamed = true;
    }
    for (const [path, file] of this.gone) {
      if (!this.files.has(path) && random.oneIn(2)) this.files.set(path, file);
    }
    this.gone.clear();
  }

  /** Flushes and the calls behind them wait for {@link release}; what was not flushed is at risk. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const look of held) look();
  }

  /** Whether a flush must wait; then `look` is called when it need not any more. */
  isHeld(look: () => void): boolean {
    this.#held?.push(look);
    return this.#held !== null;
  }

  /** Flips one bit of a file; false when there is none. */
  rot(path: string): boolean {
    const file = this.files.get(path);
    if (file === undefined || file.length === 0) return false;
    this.#isRotten = true;
    const at = this.random.below(file.length);
    file.rot(at, this.random.below(8));
    this.#durable = null;
    return true;
  }

  /** A new, empty disk. */
  wipe(): void {
    if (this.durable > this.wipedUpTo) this.wipedUpTo = this.durable;
    this.#durable = null;
    this.files.clear();
    this.gone.clear();
    this.wipes += 1;
    this.#isRotten = false;
  }

  /** The process that uses this disk dies at the call after `calls` more. */
  dieAfter(calls: number, die: () => void): void {
    this.#callsLeft = calls;
    this.#die = die;
  }

  /** The process lives on. */
  spare(): void {
    this.#die = null;
  }

  /** Before each call that changes something; throws when the process died there. */
  called(): void {
    if (this.#die === null || this.#callsLeft-- > 0) return;
    const die = this.#die;
    this.#die = null;
    die();
    throw new ProcessEnded();
  }

  /** Files came, went or were replaced. */
  touched(): void {
    this.#durable = null;
  }

  /** The last transaction of a file may be another one than `before`. */
  tailMoved(path: string, before: Zxid, now: Zxid): void {
    if (before === now || !factsOf(path).isLog) return;
    if (now < before || this.#durable === null) this.#durable = null;
    else if (now > this.#durable) this.#durable = now;
  }

  /** How far this disk would bring its server after a crash. Asked for at every step. */
  get durable(): Zxid {
    if (this.#durable === null) {
      const { logTail, newestSnapshot } = this;
      this.#durable = logTail > newestSnapshot ? logTail : newestSnapshot;
    }
    return this.#durable;
  }

  /** The last transaction that a flush has made durable in the logs; −1: none. */
  get logTail(): Zxid {
    let tail: Zxid = -1n;
    for (const [path, file] of this.files) {
      if (file.tail > tail && factsOf(path).isLog) tail = file.tail;
    }
    return tail;
  }

  /** The zxid of the newest snapshot under its final name; −1: none. */
  get newestSnapshot(): Zxid {
    let newest: Zxid = -1n;
    for (const path of this.files.keys()) {
      const { snapshot } = factsOf(path);
      if (snapshot > newest) newest = snapshot;
    }
    return newest;
  }

  /** A small file as text; null when there is none. */
  text(path: string): string | null {
    const file = this.files.get(path);
    return file === undefined ? null : new TextDecoder().decode(file.read(0, file.length));
  }
}

/** One life's view of a storage. */
export class SimDisk implements Disk {
  readonly #storage: SimStorage;
  readonly #life: Life;
  readonly #open = new Map<string, OpenFile>();

  constructor(storage: SimStorage, life: Life) {
    this.#storage = storage;
    this.#life = life;
  }

  list(dir: string): string[] | null {
    this.#look(dir, "listing the folder");
    const folder = trimmed(dir);
    if (!this.#storage.folders.has(folder)) return null;
    const prefix = folder === "/" ? "/" : `${folder}/`;
    const names = new Set<string>();
    const note = (path: string): void => {
      if (!path.startsWith(prefix) || path === prefix) return;
      const end = path.indexOf("/", prefix.length);
      names.add(path.slice(prefix.length, end === -1 ? path.length : end));
    };
    for (const path of this.#storage.files.keys()) note(path);
    for (const path of this.#storage.folders) note(path);
    return [...names].sort();
  }

  makeDir(dir: string): void {
    let path = "";
    for (const part of trimmed(dir).split("/").slice(1)) {
      path += `/${part}`;
      this.#storage.folders.add(path);
    }
  }

  isWritable(dir: string): boolean {
    return this.#storage.folders.has(trimmed(dir));
  }

  size(path: string): number | null {
    this.#look(path, "looking at the file");
    return this.#storage.files.get(path)?.length ?? null;
  }

  read(path: string, from = 0, length?: number): Uint8Array {
    this.#look(path, "reading");
    const file = this.#existing(path, "reading");
    return file.read(from, length === undefined ? file.length : from + length);
  }

  truncate(path: string, length: number): void {
    const file = this.#existing(path, "setting the length");
    this.#storage.called();
    file.resize(length);
    file.rescan();
    file.settled();
    this.#storage.touched();
  }

  rewrite(path: string, from: number, to: number): void {
    const file = this.#existing(path, "writing once more");
    this.#storage.called();
    file.write(from, file.read(from, to));
    file.settled();
    this.#storage.touched();
  }

  remove(path: string): void {
    this.#storage.called();
    this.#storage.files.delete(path);
    this.#storage.gone.delete(path);
    this.#storage.touched();
    this.release(path);
  }

  replaceNow(path: string, bytes: Uint8Array): void {
    this.#storage.called();
    const fault = this.#noFolder(path) ?? this.#spaceFor(path, bytes.length);
    if (fault !== null) throw fault;
    const file = new SimFile();
    file.write(0, bytes.slice());
    file.settled();
    this.#storage.files.set(path, file);
    this.#storage.touched();
  }

  free(_path: string): number | null {
    const { capacity } = this.#storage.health;
    return capacity === Infinity ? null : Math.max(0, capacity - this.#storage.used);
  }

  write(path: string, at: number, bytes: Uint8Array, done?: Done): void {
    const takes = 0.01 + bytes.length / this.#storage.bytesPerMs;
    this.#change(path, at + bytes.length, (file) => file.write(at, bytes.slice()), takes, done);
  }

  resize(path: string, length: number): void {
    this.#change(path, length, (file) => file.resize(length), 0.01);
  }

  flush(path: string, done: Done): void {
    this.#submit(path, (open) => this.#flushed(path, open), done, { isFlush: true });
  }

  rename(path: string, to: string, done: Done): void {
    this.#submit(
      path,
      (open) => {
        const result = this.#flushed(path, open);
        const file = this.#storage.files.get(path);
        if (file === undefined) return { takes: 0, fault: missing(path, "renaming") };
        if (result.fault !== null) return result;
        this.#storage.files.delete(path);
        this.#storage.files.set(to, file);
        this.#storage.touched();
        return result;
      },
      done,
      { isFlush: true },
    );
    this.release(path);
  }

  release(path: string): void {
    this.#open.get(path)?.release();
  }

  discard(path: string, done: Done): void {
    this.#submit(path, () => {
      const file = this.#storage.files.get(path);
      this.#storage.files.delete(path);
      if (file !== undefined && file.isNamed) this.#storage.gone.set(path, file);
      this.#storage.touched();
      return { takes: 0.1, fault: null };
    }, done);
    this.release(path);
  }

  /** A change after which the file has at least so many bytes. */
  #change(
    path: string,
    reach: number,
    change: (file: SimFile) => void,
    takes: Millis,
    done?: Done,
  ): void {
    this.#submit(path, (open) => {
      const length = (open.file ?? this.#storage.files.get(path))?.length ?? 0;
      const fault = this.#noWay(path, open) ?? this.#spaceFor(path, Math.max(0, reach - length));
      if (fault === null) this.#changed(path, this.#opened(path, open), change);
      return { takes, fault };
    }, done);
  }

  #flushed(path: string, open: OpenFile): { takes: Millis; fault: Fault | null } {
    const { health, random, world } = this.#storage;
    const closed = this.#noWay(path, open);
    if (closed !== null) return { takes: 0, fault: closed };
    const span = health.flushMax - health.flushMin;
    let takes = health.flushMin + span * random.below(1000) / 1000;
    if (random.oneIn(health.slowOneIn)) {
      takes += health.flushSlow;
      world.count("slow flush");
    }
    const file = this.#opened(path, open);
    if (random.oneIn(health.failOneIn)) {
      world.count("failed flush");
      file.failed(random);
      return { takes, fault: new Fault("DISK", "flushing failed", { where: path }) };
    }
    this.#changed(path, file, () => file.settled());
    return { takes, fault: null };
  }

  #submit(path: string, call: Call, done: Done | undefined, kind: CallKind = {}): void {
    let open = this.#open.get(path);
    if (open === undefined) {
      open = new OpenFile(this.#life, this.#storage);
      this.#open.set(path, open);
    }
    open.submit(call, done, kind);
  }

  #look(path: string, doing: string): void {
    const { health, random, world } = this.#storage;
    if (!random.oneIn(health.readFailOneIn)) return;
    world.count(`failed call: ${doing}`);
    throw new Fault("DISK", `${doing} failed: too many open files`, { where: path });
  }

  #existing(path: string, doing: string): SimFile {
    const file = this.#storage.files.get(path);
    if (file === undefined) throw missing(path, doing);
    return file;
  }

  /** What is open, or has the path now, or is made. */
  #opened(path: string, open: OpenFile): SimFile {
    const { files } = this.#storage;
    const file = open.file ?? files.get(path) ?? new SimFile();
    if (open.file === null && !files.has(path)) files.set(path, file);
    open.file = file;
    return file;
  }

  #changed(path: string, file: SimFile, change: (file: SimFile) => void): void {
    const before = file.tail;
    change(file);
    if (this.#storage.files.get(path) === file) this.#storage.tailMoved(path, before, file.tail);
    else this.#storage.world.count("a file without a name was changed");
  }

  #noWay(path: string, open: OpenFile): Fault | null {
    return open.file === null ? this.#noFolder(path) : null;
  }

  #noFolder(path: string): Fault | null {
    return this.#storage.folders.has(factsOf(path).folder) ? null : missing(path, "opening");
  }

  #spaceFor(path: string, more: number): Fault | null {
    const { health } = this.#storage;
    if (health.capacity === Infinity || this.#storage.used + more <= health.capacity) return null;
    return new Fault("DISK_FULL", "no space left on the device", { where: path });
  }
}

/** What a path says. */
interface PathFacts {
  readonly folder: string;
  readonly isLog: boolean;
  /** Of a snapshot under its final name; else −1. */
  readonly snapshot: Zxid;
}

/** The same few paths are asked about at every step. */
const known = new Map<string, PathFacts>();
const KNOWN_MAX = 10_000;

function factsOf(path: string): PathFacts {
  const found = known.get(path);
  if (found !== undefined) return found;
  const slash = path.lastIndexOf("/");
  const name = path.slice(slash + 1);
  const facts: PathFacts = {
    folder: path.slice(0, slash) || "/",
    isLog: zxidOfName(name, LOG) !== -1n,
    snapshot: name.endsWith(TEMPORARY) ? -1n : zxidOfName(name, SNAPSHOT),
  };
  if (known.size >= KNOWN_MAX) known.clear();
  known.set(path, facts);
  return facts;
}

const trimmed = (dir: string): string =>
  dir.length > 1 && dir.endsWith("/") ? dir.slice(0, -1) : dir;

const missing = (path: string, doing: string): Fault =>
  new Fault("DISK", `${doing} ${path}: no such file`, { where: path });
