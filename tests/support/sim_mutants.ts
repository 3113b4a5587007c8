// Deliberate bugs, one at a time: how strong the simulator's checks are. A mutant is a copy of lib/
// in which one place says something else; no production file knows of it. As a program it tries all
// of them, or those named, and prints after how many seeds each was found:
//
//   npx tsx tests/support/sim_mutants.ts [NAME...]

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { runSeed } from "../../lib/sim/run.ts";

export interface Mutant {
  readonly name: string;
  readonly file: string;
  /** What stands there, exactly once, and what the mutant says instead. */
  readonly changes: readonly (readonly [string, string])[];
}

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
    changes: [["if (this.#options.logs && this.#durable < this.#mustBeDurable) return;", ""]],
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
    changes: [["if (fault !== null) return this.fail(fault);", "void fault;"]],
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
];

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** A copy of lib/ with this bug in it; {@link Build.remove} it afterwards. */
export interface Build {
  readonly runSeed: typeof runSeed;
  remove(): void;
}

export async function build(mutant: Mutant | null): Promise<Build> {
  mkdirSync(join(ROOT, ".cache"), { recursive: true });
  // Inside the project, so that what is imported from outside is found.
  const dir = mkdtempSync(join(ROOT, ".cache", "mutant-"));
  cpSync(join(ROOT, "lib"), join(dir, "lib"), { recursive: true });
  if (mutant !== null) {
    const path = join(dir, "lib", mutant.file);
    let text = readFileSync(path, "utf8");
    for (const [from, to] of mutant.changes) {
      if (text.split(from).length !== 2) {
        rmSync(dir, { recursive: true });
        throw new Error(`${mutant.name}: not once in ${mutant.file}: ${from}`);
      }
      text = text.replace(from, () => to);
    }
    writeFileSync(path, text);
  }
  const module = await import(pathToFileURL(join(dir, "lib", "sim", "run.ts")).href);
  return { runSeed: module.runSeed, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

export interface Found {
  readonly seed: number;
  readonly seeds: number;
  readonly millis: number;
  readonly what: string;
}

/** Tries seeds from 1 on until one fails; null: none did within the budget. */
export async function hunt(mutant: Mutant, seedsMax: number): Promise<Found | null> {
  const { runSeed, remove } = await build(mutant);
  const began = performance.now();
  try {
    for (let seed = 1; seed <= seedsMax; seed++) {
      const found = (what: string): Found => ({
        seed,
        seeds: seed,
        millis: Math.round(performance.now() - began),
        what,
      });
      try {
        const { violations } = runSeed({ seed, members: null, minutes: 1, profile: null });
        if (violations[0] !== undefined) return found(violations[0]);
      } catch (error) {
        return found(`it threw: ${error instanceof Error ? error.message : error}`);
      }
    }
    return null;
  } finally {
    remove();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const SEEDS_MAX = Number(process.env.MUTANT_SEEDS ?? 400);
  const names = process.argv.slice(2);
  for (const mutant of MUTANTS) {
    if (names.length > 0 && !names.some((name) => mutant.name.includes(name))) continue;
    const found = await hunt(mutant, SEEDS_MAX);
    const how = found === null
      ? `SURVIVES ${SEEDS_MAX} seeds`
      : `seed ${found.seed}, ${found.millis} ms: ${found.what.slice(0, 120)}`;
    console.log(`${mutant.name}\n    ${how}`);
  }
}
