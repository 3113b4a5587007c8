// `zkpeer inspect`: what stands in transaction logs and snapshots, ours or Java's, as text or as one
// JSON object a line. Damaged files are shown up to the damage, whose place is named. Does what
// TxnLogToolkit and SnapshotFormatter of Java do, for files of any version and any length.

import { setImmediate } from "node:timers/promises";
import { isAbsolute, join } from "node:path";
import { Fault, isFault } from "../base/errors.ts";
import { hex, parseId, type Zxid } from "../base/ids.ts";
import { globToRegExp } from "../capture/filter.ts";
import { printable } from "../capture/text.ts";
import type { Json } from "../codec/json.ts";
import { HostDisk } from "../host/disk.ts";
import { LogReader } from "../store/log_reader.ts";
import { readSnapshotSteps, type SnapshotTail } from "../store/snapshot.ts";
import { decodeTxn, type Txn } from "../txn/txn.ts";
import { helpText, readArgs } from "./args.ts";
import { nodeJson, nodeText, txnJson, txnPaths, txnText } from "./inspect_show.ts";
import type { CliIo } from "./io.ts";

const spec = {
  name: "inspect",
  words: "log|snapshot FILE...",
  wordsMax: 100_000,
  summary: "show what stands in transaction logs or snapshots",
  options: [
    { name: "json", short: "j", help: "one JSON object a line" },
    { name: "zxid", value: "A..B", help: "only zxids in this range; either end may be absent" },
    { name: "session", value: "ID", many: true, help: "only this session" },
    { name: "path", value: "GLOB", many: true, help: "only paths like this: * in a segment, **" },
    { name: "quiet", short: "q", help: "only read and check: no transactions, no znodes" },
  ],
  more: `
Exit codes: 0 all files are whole (a log may end in a record that was being written when its
server stopped), 1 a file is damaged, 2 wrong usage.

  zkpeer inspect log version-2/log.* --path '/app/**'
  zkpeer inspect log --json version-2/log.1 | jq 'select(.type == "delete")'
  zkpeer inspect snapshot version-2/snapshot.1f.gz --json | jq 'select(.kind == "node") | .path'
`,
} as const;

export const help = helpText(spec);

/** From this size on progress is shown on a terminal. */
const LARGE = 16 << 20;

interface Wanted {
  readonly from: Zxid | null;
  readonly to: Zxid | null;
  readonly sessions: ReadonlySet<bigint>;
  readonly paths: readonly RegExp[];
  readonly isJson: boolean;
  readonly isQuiet: boolean;
}

export async function run(args: string[], io: CliIo): Promise<number> {
  const parsed = readArgs(spec, args);
  if (!parsed.ok) return usageError(io, parsed.error);
  if (parsed.isHelp) {
    io.stdout.write(help);
    return 0;
  }
  const [kind, ...files] = parsed.words;
  if ((kind !== "log" && kind !== "snapshot") || files.length === 0) {
    return usageError(io, `say what to inspect: zkpeer inspect ${spec.words}`);
  }
  const range = zxidRange(parsed.options.zxid);
  if (typeof range === "string") return usageError(io, range);
  const sessions = parsed.options.session.map(parseId);
  const bad = sessions.indexOf(null);
  if (bad >= 0) return usageError(io, `${parsed.options.session[bad]} is no session id`);
  const wanted: Wanted = {
    ...range,
    sessions: new Set(sessions.filter((id) => id !== null)),
    paths: parsed.options.path.map(globToRegExp),
    isJson: parsed.options.json,
    isQuiet: parsed.options.quiet,
  };
  let isWhole = true;
  for (const file of files) {
    const inspector = new Inspector(isAbsolute(file) ? file : join(io.cwd, file), file, wanted, io);
    if (!await inspector.run(kind)) isWhole = false;
    if (io.signal.aborted) return 130;
  }
  return isWhole ? 0 : 1;
}

function usageError(io: CliIo, text: string): number {
  io.stderr.write(`${text}\n`);
  return 2;
}

/** `A..B`, `A..`, `..B` or one zxid; else what is wrong. */
function zxidRange(text: string | null): { from: Zxid | null; to: Zxid | null } | string {
  if (text === null) return { from: null, to: null };
  const [first, last = first] = text.split("..");
  const from = first === "" ? null : parseId(first);
  const to = last === "" ? null : parseId(last);
  const isBad = (first !== "" && from === null) || (last !== "" && to === null) || text === "..";
  return isBad ? `--zxid ${text}: give a range like 0x100000001..0x1000000ff` : { from, to };
}

class Inspector {
  readonly #path: string;
  /** As the user wrote it. */
  readonly #name: string;
  readonly #wanted: Wanted;
  readonly #io: CliIo;
  readonly #disk = new HostDisk();
  #lines: string[] = [];
  #shown = 0;
  #total = 0;
  #percent = -1;

  constructor(path: string, name: string, wanted: Wanted, io: CliIo) {
    this.#path = path;
    this.#name = name;
    this.#wanted = wanted;
    this.#io = io;
  }

  /** False when the file is damaged or cannot be read. */
  async run(kind: "log" | "snapshot"): Promise<boolean> {
    try {
      const size = this.#disk.size(this.#path);
      if (size === null) return this.#failed("there is no such file");
      return kind === "log" ? await this.#log(size) : await this.#snapshot(size);
    } catch (error) {
      if (!isFault(error)) throw error;
      return this.#failed(error.message);
    }
  }

  async #log(size: number): Promise<boolean> {
    const reader = new LogReader(this.#disk, this.#path);
    let first: Zxid | null = null;
    let last: Zxid | null = null;
    for (let record = reader.next(); record !== null; record = reader.next()) {
      this.#total += 1;
      first ??= record.zxid;
      last = record.zxid;
      if (this.#isInRange(record.zxid)) this.#record(record.at, record.entry.slice());
      if (this.#total % 1000 === 0 && await this.#isAsked(reader.offset, size)) break;
    }
    const { end } = reader;
    const range = first === null || last === null ? "" : `, ${hex(first)} to ${hex(last)}`;
    const ending = end === null ? "" : `; ${end.why} at byte ${end.at} of ${size}`;
    this.#summary(`${this.#total} transactions${range}${ending}`);
    if (end?.kind !== "damaged") return true;
    const next = end.next === null ? "" : `; the next whole record is at byte ${end.next}`;
    return this.#failed(`damaged at byte ${end.at}: ${end.why}${next}`);
  }

  #record(at: number, entry: Uint8Array): void {
    const { sessions, paths, isJson } = this.#wanted;
    const txn = this.#decoded(at, entry);
    if (sessions.size > 0 && !sessions.has(txn.header.clientId)) return;
    if (paths.length > 0 && !txnPaths(txn.body).some((path) => this.#isPath(path))) return;
    this.#show(isJson ? { file: this.#name, at, ...txnJson(txn) } : txnText(txn));
  }

  #decoded(at: number, entry: Uint8Array): Txn {
    try {
      return decodeTxn(entry);
    } catch (error) {
      if (!isFault(error)) throw error;
      throw new Fault(
        error.code,
        `the record at byte ${at} cannot be understood: ${error.message}`,
      );
    }
  }

  async #snapshot(size: number): Promise<boolean> {
    const { sessions, paths, isJson } = this.#wanted;
    const isAll = paths.length === 0 && this.#wanted.from === null && this.#wanted.to === null;
    let sessionCount = 0;
    let aclCount = 0;
    const steps = readSnapshotSteps(this.#disk, this.#path, {
      session: (id, timeout) => {
        sessionCount += 1;
        if (!isAll || (sessions.size > 0 && !sessions.has(id))) return;
        const session = hex(id);
        const text = `session ${session} timeout ${timeout}`;
        this.#show(isJson ? { kind: "session", session, timeout } : text);
      },
      acl: (id, list) => {
        aclCount += 1;
        if (!isAll || sessions.size > 0) return;
        const acl = (list ?? []).map(({ perms, id }) => ({
          perms,
          scheme: id.scheme,
          id: id.id,
        }));
        const text = acl.map((each) => `${each.scheme}:${each.id}=${each.perms}`).join(", ");
        this.#show(isJson ? { kind: "acl", acl: Number(id), list: acl } : `acl ${id} ${text}`);
      },
      node: (path, data, acl, stat) => {
        this.#total += 1;
        if (sessions.size > 0 && !sessions.has(stat.ephemeralOwner)) return;
        if (![stat.czxid, stat.mzxid, stat.pzxid].some((zxid) => this.#isInRange(zxid))) return;
        const name = path === "" ? "/" : path;
        if (paths.length > 0 && !this.#isPath(name)) return;
        this.#show(isJson ? nodeJson(name, data, acl, stat) : nodeText(name, data, acl, stat));
      },
    });
    const tail = await this.#toTheEnd(steps, size);
    if (tail === null) {
      this.#summary(`${this.#total} znodes up to here`);
      return true;
    }
    const { digest, lastZxid } = tail;
    if (isJson && isAll && sessions.size === 0) {
      this.#show({
        kind: "end",
        digest: digest === null ? null : hex(digest.digest),
        digestZxid: digest === null ? null : hex(digest.zxid),
        lastZxid: lastZxid === null ? null : hex(lastZxid),
      });
    }
    const facts = [`${this.#total} znodes, ${sessionCount} sessions, ${aclCount} access lists`];
    if (digest !== null) facts.push(`digest ${hex(digest.digest)} at ${hex(digest.zxid)}`);
    if (lastZxid !== null) facts.push(`last zxid ${hex(lastZxid)}`);
    this.#summary(`${facts.join(", ")}; all seals are right`);
    return true;
  }

  /** Null: somebody has asked to end before. */
  async #toTheEnd(
    steps: Generator<number, SnapshotTail, void>,
    size: number,
  ): Promise<SnapshotTail | null> {
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      if (await this.#isAsked(step.value, size)) return null;
    }
  }

  /** Lets signals come in between; whether one has asked to end. */
  async #isAsked(offset: number, size: number): Promise<boolean> {
    this.#progress(offset, size);
    await setImmediate();
    return this.#io.signal.aborted;
  }

  #isInRange(zxid: Zxid): boolean {
    const { from, to } = this.#wanted;
    return (from === null || zxid >= from) && (to === null || zxid <= to);
  }

  #isPath(path: string): boolean {
    return this.#wanted.paths.some((glob) => glob.test(path));
  }

  #show(what: string | { readonly [key: string]: Json }): void {
    if (this.#wanted.isQuiet) return;
    this.#shown += 1;
    this.#lines.push(typeof what === "string" ? printable(what) : JSON.stringify(what));
    if (this.#lines.length >= 256) this.#flush();
  }

  #flush(): void {
    if (this.#lines.length > 0) this.#io.stdout.write(this.#lines.join("\n") + "\n");
    this.#lines = [];
  }

  #summary(text: string): void {
    this.#flush();
    this.#clearProgress();
    const shown = this.#shown === this.#total || this.#wanted.isQuiet
      ? ""
      : ` (${this.#shown} lines shown)`;
    this.#io.stderr.write(`${this.#name}: ${text}${shown}\n`);
  }

  #failed(text: string): false {
    this.#flush();
    this.#clearProgress();
    this.#io.stderr.write(`${this.#name}: ${text}\n`);
    return false;
  }

  /** On a terminal that shows nothing else. */
  #progress(offset: number, size: number): void {
    const { isTerminal, stderr } = this.#io;
    if (size < LARGE || !isTerminal.stderr || (isTerminal.stdout && !this.#wanted.isQuiet)) return;
    const percent = Math.min(99, Math.floor((offset / size) * 100));
    if (percent === this.#percent) return;
    this.#percent = percent;
    stderr.write(`\r${this.#name}: ${percent} %`);
  }

  #clearProgress(): void {
    if (this.#percent >= 0) this.#io.stderr.write("\r\x1b[K");
    this.#percent = -1;
  }
}
