// Deliberate bugs, one at a time: how strong the simulator's checks are. A mutant is a copy of lib/
// in which one place or a few say something else; no production file knows of it. As a program it
// tries all of them, or those named: first the scenarios of fixtures/scripts, then seeds from 1 on,
// and says what found each. `--write` puts the answers into tests/MUTANTS.md.
//
//   npx tsx tests/support/sim_mutants.ts [--write] [NAME...]

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { runSeed } from "../../lib/sim/run.ts";
import type { runScript } from "../../lib/sim/script.ts";

export interface Mutant {
  readonly name: string;
  /** Under lib/; a change may name another. */
  readonly file: string;
  /** What stands there, exactly once, and what the mutant says instead. */
  readonly changes: readonly (readonly [from: string, to: string, file?: string])[];
}

/** What waits for the log itself may forget to when its epoch waits too: both must be broken. */
const EPOCH_DOES_NOT_WAIT = [
  "else commit.afterDurable(commit.appended, save);",
  "else save();",
  "store/store.ts",
] as const;

export const MUTANTS: readonly Mutant[] = [
  {
    name: "a follower acknowledges before the flush",
    file: "zab/learner_traffic.ts",
    changes: [[
      'this.#unacked.push(txn.header.zxid);\n    this.#emit({ type: "log", txn });',
      'this.#emit({ type: "log", txn });\n' +
      '    this.#emit({ type: "packet", packet: bare(PacketType.ACK, txn.header.zxid) });',
    ]],
  },
  {
    name: "a leader counts itself before the flush",
    file: "zab/leader_traffic.ts",
    changes: [[
      'this.#room.effects.push({ type: "log", txn });',
      'this.#room.effects.push({ type: "log", txn });\n' +
      "    this.#broadcast.ack(this.#room.options.sid, txn.header.zxid);",
    ]],
  },
  {
    name: "one acknowledgement is enough to commit",
    file: "zab/broadcast.ts",
    changes: [["!proposal.quorums.holds(proposal.acks)", "proposal.acks.length === 0"]],
  },
  {
    name: "a follower applies the newest proposal instead of the oldest",
    file: "zab/learner_traffic.ts",
    changes: [
      ["const txn = this.#pending.first();", "const txn = this.#pending.last();"],
      ["if (txn.header.zxid !== zxid) {", "if (txn.header.zxid < zxid) {"],
      [
        "this.#pending.shift();\n    this.#apply(txn);",
        "this.#pending.pop();\n    this.#apply(txn);",
      ],
    ],
  },
  {
    name: "TRUNC leaves the log as it is",
    file: "store/store.ts",
    changes: [["truncateTo(this.#ports.disk, dirs, to, this.#ports.note);", ""]],
  },
  {
    name: "a learner accepts an older epoch than it has promised",
    file: "zab/discovery.ts",
    changes: [["if (proposed > accepted) return", "if (proposed !== accepted) return"]],
  },
  {
    name: "an epoch is used twice, and its zxids with it",
    file: "zab/discovery.ts",
    changes: [[
      "this.#next = acceptedEpoch + 1n",
      "this.#next = acceptedEpoch < 1n ? 1n : acceptedEpoch",
    ]],
  },
  {
    name: "setWatches forgets a watch when a session moves",
    file: "tree/rearm.ts",
    changes: [[
      "notify(EventType.NodeDataChanged, path, NO_ZXID);\n    } else data.add(path, watcher, WatchMode.standard);",
      "notify(EventType.NodeDataChanged, path, NO_ZXID);\n    }",
    ]],
  },
  {
    name: "setWatches does not tell what was missed",
    file: "tree/rearm.ts",
    changes: [["tree.mzxidOf(node) > relativeZxid", "tree.mzxidOf(node) < 0n"]],
  },
  {
    name: "NEWLEADER is acknowledged before the synced txns are durable",
    file: "zab/learner.ts",
    changes: [
      ["if (this.#options.logs && this.#durable < this.#mustBeDurable) return;", ""],
      EPOCH_DOES_NOT_WAIT,
    ],
  },
  {
    name: "NEWLEADER is acknowledged without writing currentEpoch",
    file: "zab/learner.ts",
    changes: [[
      'this.#effects.push({ type: "save", file: "current", epoch: this.#epoch });',
      'this.#phase = "acked";\n    this.#send(bare(PacketType.ACK, zxidOf(this.#epoch, 0n)));',
    ]],
  },
  {
    name: "a closeSession loses its list of ephemerals",
    file: "tree/tree.ts",
    changes: [
      ["for (const path of paths ?? []) if (", "for (const path of (paths ?? []).slice(1)) if ("],
      ["const left = [...this.ephemeralsOf(id)];", "const left: string[] = [];"],
    ],
  },
  {
    name: "what is committed while a learner catches up is not kept for it",
    file: "zab/leader_traffic.ts",
    changes: [["      learner.collect(txn, designated);\n", ""]],
  },
  {
    name: "a new follower is not told of the outstanding proposals",
    file: "zab/leader_traffic.ts",
    changes: [[
      "for (const { txn } of this.#broadcast.outstanding) {\n      this.#sendProposal(",
      "for (const { txn } of []) {\n      this.#sendProposal(",
    ]],
  },
  {
    name: "a leader answers sync without asking its quorum",
    file: "zab/leader_syncs.ts",
    changes: [[
      "next.after > lastCommitted || next.round > this.#confirmed",
      "next.after > lastCommitted",
    ]],
  },
  {
    name: "reads do not wait for the session's writes",
    file: "server/intake.ts",
    changes: [[
      "if (!conn.isWaiting) return this.#inTurn(conn, request);",
      "return this.#inTurn(conn, request);",
    ]],
  },
  {
    name: "what a role has logged is not in the tree of the next",
    file: "peer/replica.ts",
    changes: [[
      "  catchUpWithLog(logged: Iterable<Txn>): void {\n    if (this.#isStale) return;",
      "  catchUpWithLog(logged: Iterable<Txn>): void {\n    if (this !== null) return;",
    ]],
  },
  {
    name: "a failed flush is taken for a good one",
    file: "store/group_commit.ts",
    changes: [["if (fault !== null) this.fail(fault);", "void fault;"]],
  },
  {
    name: "log files of one batch are flushed all at once",
    file: "store/txn_log.ts",
    changes: [[
      "if (part !== undefined) return this.#commitSegment(part.segment, part.bytes, next);",
      "if (part !== undefined) {\n        let left = parts.length + 1;\n        const over = (f: Fault | null) => void (--left === 0 && done(f));\n" +
      "        for (const p of [part, ...parts.splice(0)]) this.#commitSegment(p.segment, p.bytes, over);\n        return;\n      }",
    ]],
  },
  {
    name: "an ACK counts for the next proposal as well",
    file: "zab/broadcast.ts",
    changes: [[
      "    if (proposal.quorums.isVoter(sid) && !proposal.acks.includes(sid)) proposal.acks.push(sid);",
      "    if (proposal.quorums.isVoter(sid) && !proposal.acks.includes(sid)) proposal.acks.push(sid);\n" +
      "    const more = this.#outstanding.at(Number(index) + 1);\n" +
      "    if (more !== undefined && !more.acks.includes(sid)) more.acks.push(sid);",
    ]],
  },
  {
    name: "COMMIT names the zxid before",
    file: "zab/leader_traffic.ts",
    changes: [["? bare(PacketType.COMMIT, zxid)", "? bare(PacketType.COMMIT, zxid - 1n)"]],
  },
  {
    name: "a follower applies what is proposed, not what is committed",
    file: "zab/learner_traffic.ts",
    changes: [
      [
        'this.#emit({ type: "log", txn });\n  }\n\n  commit(',
        'this.#emit({ type: "log", txn });\n    this.#apply(txn);\n  }\n\n  commit(',
      ],
      ["    this.#pending.shift();\n    this.#apply(txn);", "    this.#pending.shift();"],
    ],
  },
  {
    name: "a flush is believed to hold what came after its beginning",
    file: "store/group_commit.ts",
    changes: [
      ["this.#durable = upTo;", "this.#durable = this.#appended;"],
      ["this.#ear.durable(upTo);", "this.#ear.durable(this.#appended);"],
    ],
  },
  {
    name: "TRUNC leaves one transaction too many",
    file: "store/rewind.ts",
    changes: [[
      "record !== null && record.zxid <= to; record",
      "record !== null && record.zxid <= to + 1n; record",
    ]],
  },
  {
    name: "TRUNC goes one transaction too far",
    file: "zab/catch_up.ts",
    changes: [[
      '{ way: "trunc", zxid: max, upTo: max }',
      '{ way: "trunc", zxid: max - 1n, upTo: max }',
    ]],
  },
  {
    name: "after TRUNC the tree is not read again",
    file: "peer/learner_port.ts",
    changes: [[
      "if (!this.#host.isStopped) this.#reload();",
      "this.#host.replica.tree.lastZxid = to;",
    ]],
  },
  {
    name: "a SNAP leaves the uncommitted tail in the log",
    file: "store/store.ts",
    changes: [[
      "removeAbove(this.#ports.disk, dirs, result.zxid, isOnly ? result.path : undefined);",
      "void isOnly;",
    ]],
  },
  {
    name: "a SNAP that broke off leaves an empty tree",
    file: "peer/learner_port.ts",
    changes: [[
      "if (!replica.isStale || isStopped) return this.#host.ended(why);",
      "if (replica !== null) return this.#host.ended(why);",
    ]],
  },
  {
    name: "a leader serves before a quorum has its history",
    file: "zab/leader.ts",
    changes: [["if (!this.#room.quorums.holds(this.#newLeaderAcks)) return;", ""]],
  },
  {
    name: "a leader counts its own history before it is on disk",
    file: "zab/leader.ts",
    changes: [
      ["if (this.#durable >= this.#room.options.lastZxid) {", "{"],
      EPOCH_DOES_NOT_WAIT,
    ],
  },
  {
    name: "an election looks at zxids only, and a leader follows nobody that is ahead",
    file: "zab/election.ts",
    changes: [
      ["if (a.peerEpoch !== b.peerEpoch) return a.peerEpoch > b.peerEpoch;", ""],
      ['if (isAhead(history, this.#own)) return "ahead";', "", "zab/discovery.ts"],
    ],
  },
  {
    name: "an election prefers the lower zxid, and a leader takes those who are ahead",
    file: "zab/election.ts",
    changes: [
      [
        "if (a.zxid !== b.zxid) return a.zxid > b.zxid;",
        "if (a.zxid !== b.zxid) return a.zxid < b.zxid;",
      ],
      ['if (isAhead(history, this.#own)) return "ahead";', "", "zab/discovery.ts"],
    ],
  },
  {
    name: "an epoch is accepted by word before the promise is on disk",
    file: "zab/learner.ts",
    changes: [
      [
        'this.#effects.push({ type: "save", file: "accepted", epoch: this.#epoch });\n        return;',
        'this.#effects.push({ type: "save", file: "accepted", epoch: this.#epoch });\n' +
        "        return this.#acceptEpoch(acceptance.reported);",
      ],
      [
        'assert(this.#phase === "promising", "an epoch is promised once");\n' +
        "      return this.#acceptEpoch(this.#options.currentEpoch);",
        "return;",
      ],
    ],
  },
  {
    name: "what a DIFF brings is applied and not logged",
    file: "zab/learner.ts",
    changes: [[
      "      this.#log(txn);\n      this.#apply(txn, true);",
      "      this.#apply(txn, true);",
    ]],
  },
  {
    name: "a DIFF begins one transaction too late, and nobody looks for holes",
    file: "zab/catch_up.ts",
    changes: [
      [
        "const txns = log.after(peer);\n  const first = txns[0]?.header.zxid;\n" +
        "  if (first !== undefined && !mustFollow(peer, first)) return null;",
        "const txns = log.after(peer).slice(1);",
      ],
      ['if (!mustFollow(this.#previous, txn.header.zxid)) return "gap";', ""],
      [' return this.#previous === this.#end ? null : "gap";', " return null;"],
      [
        "    if (!mustFollow(this.last, zxid)) {",
        "    if (zxid <= this.last) {",
        "zab/learner_history.ts",
      ],
    ],
  },
  {
    name: "memory for learners loses every seventh transaction, and nobody looks for holes",
    file: "zab/catch_up.ts",
    changes: [
      [
        "    if (max !== null && !mustFollow(max, zxid)) this.clear();",
        "    if (zxid % 7n === 3n) return;",
      ],
      ['if (!mustFollow(this.#previous, txn.header.zxid)) return "gap";', ""],
      [
        "    if (!mustFollow(this.last, zxid)) {",
        "    if (zxid <= this.last) {",
        "zab/learner_history.ts",
      ],
    ],
  },
  {
    name: "a deposed leader never notices",
    file: "zab/leader.ts",
    changes: [["this.#isFullTick && !this.#hasQuorum()", "this.#isFullTick && false"]],
  },
  {
    name: "a new leader does not take over sessions",
    file: "peer/leader_port.ts",
    changes: [["tracker.load(tree.sessions, this.#now().mono);", ""]],
  },
  {
    name: "a session that ends goes from the table and leaves its ephemerals",
    file: "tree/tree.ts",
    changes: [
      ["for (const path of paths ?? []) if (", "for (const path of [] as string[]) if ("],
      ["const left = [...this.ephemeralsOf(id)];", "const left: string[] = [];"],
    ],
  },
  {
    name: "a snapshot is named one too high",
    file: "store/snapshot_writer.ts",
    changes: [[
      "this.#path = join(dir, snapshotName(this.zxid, options.compression));",
      "this.#path = join(dir, snapshotName(this.zxid + 1n, options.compression));",
    ]],
  },
  {
    name: "a purge takes the log that the oldest snapshot needs",
    file: "store/retention.ts",
    changes: [["filesFrom(logs, oldest.zxid).map", "filesFrom(logs, oldest.zxid).slice(1).map"]],
  },
  {
    name: "the number of a sequential node counts the children that are there",
    file: "server/prepare_op.ts",
    changes: [["sequenceSuffix(parent.stat.cversion)", "sequenceSuffix(parent.childCount)"]],
  },
  {
    name: "a watch fires again and again",
    file: "tree/watches.ts",
    changes: [["    if (spot !== undefined) this.#spend(spot);\n", ""]],
  },
  {
    name: "a torn record at the end of the log is believed",
    file: "store/log_reader.ts",
    changes: [[
      "checksumHigh !== 0 || adler32(ADLER32_START, window.bytes, start, stop) !== checksum",
      "checksumHigh !== 0",
    ], ["if (window.bytes[stop] !== RECORD_END) return", "if (stop < 0) return"]],
  },
  {
    name: "the counter of zxids runs beyond its end",
    file: "zab/leader_traffic.ts",
    changes: [[" || this.isExhausted) {", ") {"]],
  },
  {
    name: "a member that has promised a later epoch is left outside",
    file: "zab/leader.ts",
    changes: [["if (!isObserver && this.#isTooLateFor(sid, acceptedEpoch)) {", "if (sid < -1n) {"]],
  },
  {
    name: "UPTODATE forgets what was committed since the plan",
    file: "zab/leader_traffic.ts",
    changes: [[
      "for (const late of learner.takeLate(-1n)) {",
      "for (const late of learner.takeLate(1n << 62n)) {",
    ]],
  },
  {
    name: "an observer applies what it is told and does not log it",
    file: "zab/learner_traffic.ts",
    changes: [['if (this.#options.logs) this.#emit({ type: "log", txn });', ""]],
  },
  {
    name: "trusted logs get no snapshot",
    file: "peer/peer.ts",
    changes: [[
      "if (recovered.snapshot === null && recovered.lastZxid > 0n) ",
      "if (recovered.lastZxid < -1n) ",
    ]],
  },
  {
    name: "a leader refuses what adds data when its epoch is no longer young",
    file: "server/prepare.ts",
    changes: [[
      "addsData(op) && this.#options.hasSpace?.() === false",
      "addsData(op) && (this.#options.hasSpace?.() === false || (this.nextZxid & 0xffffffffn) > 31n)",
    ]],
  },
  {
    name: "what a failed flush has left is flushed at the next start, not written once more",
    file: "store/recovery.ts",
    changes: [[
      "disk.rewrite(path, Math.max(0, end - REWRITE_MAX), end);",
      "disk.truncate(path, Math.max(end, disk.size(path) ?? 0));",
    ]],
  },
  {
    name: "an effect that fails leaves its role neither running nor over",
    file: "peer/machine_loop.ts",
    changes: [
      [
        "      this.#ears.failed(error);\n    } finally {\n      this.#isStepping = false;\n    }",
        "      return;\n    }\n    this.#isStepping = false;",
      ],
      ["if (!isFault(error)) throw error;", "throw error;", "store/disk_log.ts"],
    ],
  },
  {
    name: "a learner whose leader is gone ends its server",
    file: "peer/learner_port.ts",
    changes: [[
      "if (!replica.isStale || isStopped) return this.#host.ended(why);",
      'if (!replica.isStale) return this.#host.fatal(new Fault("LINK", why), 1);',
    ]],
  },
  {
    name: "half of the groups are enough",
    file: "zab/quorums.ts",
    changes: [[
      "majorities > Math.floor(whole.size / 2)",
      "majorities >= Math.floor(whole.size / 2)",
    ]],
  },
  {
    name: "a start does not replay what a fuzzy snapshot may hold already",
    file: "store/recovery.ts",
    changes: [[
      "const after = loaded?.file.zxid ?? 0n;",
      "const after = loaded?.digest?.zxid ?? loaded?.file.zxid ?? 0n;",
    ]],
  },
  {
    name: "a leader leaves deletions out of the digest that it proposes",
    file: "server/outstanding.ts",
    changes: [["before === null ? 0 : -before.nodeDigest", "0"]],
  },
  {
    name: "a snapshot is read without the data of its ephemerals",
    file: "tree/loader.ts",
    changes: [[
      "core.make(path, data, this.#useAcl(aclId), stat);",
      "core.make(path, stat.ephemeralOwner === 0n ? data : null, this.#useAcl(aclId), stat);",
    ]],
  },
  {
    name: "TRUNC trusts the names of snapshots that were taken while the tree changed",
    file: "store/rewind.ts",
    changes: [
      ["const isExact = reachOf(disk, file, to) <= to;", "const isExact = true;"],
      [
        'this.store.cancelSnapshot("the tree goes on with what may not be committed");',
        "",
        "peer/replica.ts",
      ],
    ],
  },
  {
    name: "a session that comes back does not wait for what it asked before",
    file: "server/handshake.ts",
    changes: [[
      "    this.#follow(conn, id);\n",
      "    if (before !== undefined) this.#follow(conn, id);\n",
    ]],
  },
  {
    name: "a server that a session has left goes on writing for it",
    file: "server/sessions.ts",
    changes: [["return session.owner === owner ? 0 : ErrorCode.SESSIONMOVED;", "return 0;"]],
  },
  {
    name: "a learner does not tell its leader whose sessions are alive",
    file: "server/server.ts",
    changes: [["    return this.#intake.touched();", "    return [];"]],
  },
  {
    name: "setWatches forgets a watch of children",
    file: "tree/rearm.ts",
    changes: [["} else child.add(path, watcher, WatchMode.standard);", "}"]],
  },
  {
    name: "setWatches does not tell of a node that was made meanwhile",
    file: "tree/rearm.ts",
    changes: [[
      "if (tree.get(path) !== undefined) watcher.notify(EventType.NodeCreated, path, NO_ZXID);",
      "if (tree.get(path) !== undefined) continue;",
    ]],
  },
  {
    name: "setWatches2 forgets the watches that stay",
    file: "tree/rearm.ts",
    changes: [
      ["data.add(path ?? NULL_PATH, watcher, WatchMode.persistent);", ""],
      ["data.add(path ?? NULL_PATH, watcher, WatchMode.recursive);", ""],
    ],
  },
  {
    name: "removeWatches grants it and leaves the watch",
    file: "tree/watches.ts",
    changes: [
      ["return this.#removeBoth(path, watcher, WatchMode.persistent);", "return true;"],
      ["return this.data.remove(path, watcher, WatchMode.recursive);", "return true;"],
    ],
  },
  {
    name: "a multi does not look at what it shall check",
    file: "server/prepare_op.ts",
    changes: [[
      "if (!isVersion(node.stat.version, version)) return ErrorCode.BADVERSION;\n" +
      '    return { kind: "check"',
      'return { kind: "check"',
    ]],
  },
];

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const SCRIPTS = join(ROOT, "fixtures", "scripts");
const TABLE = join(ROOT, "tests", "MUTANTS.md");

/** The sources with this bug in them, by file under lib/. Throws when a place is not there once. */
export function sourcesOf(mutant: Mutant, root = ROOT): Map<string, string> {
  const sources = new Map<string, string>();
  for (const [from, to, file = mutant.file] of mutant.changes) {
    const text = sources.get(file) ?? readFileSync(join(root, "lib", file), "utf8");
    if (text.split(from).length !== 2) {
      throw new Error(`${mutant.name}: not once in ${file}: ${from}`);
    }
    sources.set(file, text.replace(from, () => to));
  }
  return sources;
}

/** A copy of lib/ with this bug in it; {@link Build.remove} it afterwards. */
export interface Build {
  readonly runSeed: typeof runSeed;
  readonly runScript: typeof runScript;
  remove(): void;
}

export async function build(mutant: Mutant): Promise<Build> {
  const sources = sourcesOf(mutant);
  mkdirSync(join(ROOT, ".cache"), { recursive: true });
  // Inside the project, so that what is imported from outside is found.
  const dir = mkdtempSync(join(ROOT, ".cache", "mutant-"));
  cpSync(join(ROOT, "lib"), join(dir, "lib"), { recursive: true });
  for (const [file, text] of sources) writeFileSync(join(dir, "lib", file), text);
  const load = (name: string): Promise<unknown> =>
    import(pathToFileURL(join(dir, "lib", "sim", name)).href);
  const seeds = await load("run.ts") as { runSeed: typeof runSeed };
  const scripts = await load("script.ts") as { runScript: typeof runScript };
  return {
    runSeed: seeds.runSeed,
    runScript: scripts.runScript,
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

export interface Found {
  /** A scenario's file, or a seed. */
  readonly by: string;
  readonly millis: number;
  readonly what: string;
}

const messageOf = (error: unknown): string =>
  `it threw: ${error instanceof Error ? error.message : String(error)}`;

/** What a scenario says of it; null: nothing. A check that complains is worth more than a trace. */
export function tryScript({ runScript }: Build, name: string): string | null {
  const text = readFileSync(join(SCRIPTS, name), "utf8");
  try {
    const result = runScript(text);
    if (result.violations[0] !== undefined) return result.violations[0];
    return result.text === text ? null : "another trace than in the file";
  } catch (error) {
    return messageOf(error);
  }
}

/** Milliseconds of processor time since it was made: they hold on a busy machine too. */
function stopwatch(): () => number {
  const began = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(began);
    return Math.round((user + system) / 1000);
  };
}

/** All scenarios: the first that a check complains of, else the first with another trace. */
function huntByScript(built: Build): Found | null {
  const millis = stopwatch();
  let weak: Found | null = null;
  for (const name of readdirSync(SCRIPTS).filter((file) => file.endsWith(".txt")).sort()) {
    const what = tryScript(built, name);
    if (what === null) continue;
    const found = { by: name.replace(".txt", ""), millis: millis(), what };
    if (!what.startsWith("another trace")) return found;
    weak ??= found;
  }
  return weak;
}

/** Seeds from 1 on until one fails; null: none did within the budget. */
function huntBySeed({ runSeed }: Build, seedsMax: number): Found | null {
  const millis = stopwatch();
  for (let seed = 1; seed <= seedsMax; seed++) {
    let what: string | undefined;
    try {
      what = runSeed({ seed, members: null, minutes: 1, profile: null }).violations[0];
    } catch (error) {
      what = messageOf(error);
    }
    if (what !== undefined) return { by: `${seed}`, millis: millis(), what };
  }
  return null;
}

/** What finds it: a scenario, else one of so many seeds; null: nothing does. */
export async function hunt(mutant: Mutant, seedsMax: number): Promise<Found | null> {
  const built = await build(mutant);
  try {
    return huntByScript(built) ?? huntBySeed(built, seedsMax);
  } finally {
    built.remove();
  }
}

const HEAD = `# Deliberate bugs, and what finds them

Written by \`npx tsx tests/support/sim_mutants.ts --write\`. Each mutant is a copy of lib/ with one bug
in it; the simulator runs the scenarios of fixtures/scripts on it, and seeds from 1 on, of one minute
of faults each. Times are processor time of the machine that ran it, without loading the copy.

| bug | scenario, ms | what it says | seed, ms | what it says |
|---|---|---|---|---|
`;

/** Rows of the table by mutant; those that are not tried now stay as they were. */
function rowsOfTable(): Map<string, string> {
  const rows = new Map<string, string>();
  let text = "";
  try {
    text = readFileSync(TABLE, "utf8");
  } catch {
    return rows; // the first time
  }
  for (const line of text.split("\n")) {
    const name = /^\| ([^|]+?) \| /.exec(line)?.[1];
    if (name !== undefined && MUTANTS.some((mutant) => mutant.name === name)) rows.set(name, line);
  }
  return rows;
}

function cells(found: Found | null, none: string): string {
  if (found === null) return `${none} | `;
  const what = found.what.split("\n")[0].replaceAll("|", "/").slice(0, 110);
  return `${found.by}, ${found.millis} | ${what}`;
}

async function main(args: readonly string[]): Promise<void> {
  const most = Number(process.env.MUTANT_SEEDS ?? 400);
  const names = args.filter((arg) => arg !== "--write");
  for (const mutant of MUTANTS) {
    if (names.length > 0 && !names.some((name) => mutant.name.includes(name))) continue;
    const built = await build(mutant);
    try {
      const byScript = huntByScript(built);
      // What a scenario finds need not be looked for as long.
      const seedsMax = byScript === null ? most : Math.ceil(most / 4);
      const bySeed = huntBySeed(built, seedsMax);
      const row = `| ${mutant.name} | ${cells(byScript, "none")} | ` +
        `${cells(bySeed, `none of ${seedsMax}`)} |`;
      console.log(row);
      if (!args.includes("--write")) continue;
      const rows = rowsOfTable().set(mutant.name, row);
      const lines = MUTANTS.map(({ name }) => rows.get(name)).filter((line) => line !== undefined);
      writeFileSync(TABLE, `${HEAD}${lines.join("\n")}\n`);
    } finally {
      built.remove();
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
