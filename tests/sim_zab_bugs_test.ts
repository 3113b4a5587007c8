// Replication faults that Apache ZooKeeper once had, one test for each, by their ZOOKEEPER issues.
// A row says why the fault cannot be here, and what shows it: either tests that provoke the very
// situation by hand (they must exist under that title), or situations that the simulator's seeds
// must have met, with every check of lib/sim looking on and none complaining, or both.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { runSeed } from "../lib/sim/run.ts";

interface Row {
  readonly issues: string;
  /** What our design does instead. */
  readonly because: string;
  /** `file: title` of tests that make the situation by hand. */
  readonly tests?: readonly string[];
  /** What some seed must have met. */
  readonly met?: readonly string[];
}

const HERE = dirname(fileURLToPath(import.meta.url));
const PROFILES = ["disk", "chaos", "partition"] as const;
/** Seeds that are run in any case, and at most until every situation below was met. */
const SEEDS_MIN = 9;
const SEEDS_MAX = 90;

const ROWS: readonly Row[] = [
  {
    issues: "1154, 1156, 1489",
    because: "a rewind removes exactly what is above its target, and appends go behind it",
    tests: [
      "learner_port: drops what was never committed, in log, tree and memory (ZOOKEEPER-1154, 1489)",
      "store_rewind: to any zxid: exactly what came before it is left",
    ],
    met: ["way=trunc"],
  },
  {
    issues: "962",
    because: "what is committed while a learner catches up is kept for it and sent once",
    tests: ["leader: what the plan holds already is not sent twice"],
    met: ["way=diff", "way=snap"],
  },
  {
    issues: "1319",
    because: "a leader founds its epoch only over its own durable history",
    tests: ["leader: its own history counts only when durable"],
    met: ["fault: powerCut"],
  },
  {
    issues: "1367, 919, 1777, 2355, 4837, 4541, 5010",
    because: "a leader closes orphans by transactions; nobody deletes ephemerals alone",
    tests: ["tree_apply: are opened with their timeout and closed with all they own"],
    met: ["session expired", "fault: powerCut"],
  },
  {
    issues: "1551",
    because: "what comes between the sync and UPTODATE is logged, by observers as well",
    tests: [
      "learner: txns between NEWLEADER and UPTODATE are logged, not only applied (ZOOKEEPER-1551)",
      "learner: keeps what comes between NEWLEADER and UPTODATE (ZOOKEEPER-1551)",
    ],
  },
  {
    issues: "1549, 2845",
    because: "when a role ends the tree takes in what is in the log",
    tests: [
      "learner_port: takes into the tree what is in the log when the role ends (ZOOKEEPER-2845)",
    ],
    met: ["fault: isolate"],
  },
  {
    issues: "2325",
    because: "an empty leader that is not trusted founds no epoch",
    tests: [
      "discovery: an empty leader that is not trusted never founds an epoch (ZOOKEEPER-2325)",
      "store_recovery: with db.autocreate off an empty folder may vote only with an initialize file",
    ],
  },
  {
    issues: "2872, 3642",
    because: "a snapshot gets its name when it is whole and durable; half a tree is never used",
    tests: [
      "learner_port: half of one leaves everything as it was (ZOOKEEPER-2872, 3642)",
      "store_recovery: nothing but a damaged snapshot is no empty database",
    ],
    met: ["way=snap", "died at a disk call"],
  },
  {
    issues: "3104",
    because: "NEWLEADER is sent when the sync has been written as a whole",
    tests: [
      "leader: nothing live is sent between NEWLEADER and UPTODATE; then all of it (H-L8, H-L9, H-L28)",
    ],
  },
  {
    issues: "3911",
    because: "an uncommitted proposal never travels before UPTODATE; from Java it is kept apart",
    tests: [
      "learner: an uncommitted proposal is neither applied nor lost nor logged before UPTODATE (3911)",
    ],
  },
  {
    issues: "3023, 4646, 4643, 4394, 4685, 4785, 4823",
    because: "log, flush, currentEpoch, ACK of NEWLEADER, and only then any other ACK",
    tests: [
      "learner: what is committed is on disk before currentEpoch, and that before the ACK",
      "learner: no ACK of a proposal leaves before that of NEWLEADER (H-F3, ZOOKEEPER-4646, 4685)",
      "learner: a COMMIT between NEWLEADER and UPTODATE is kept (H-L9, ZOOKEEPER-4394)",
    ],
    met: ["torn write at a crash"],
  },
  {
    issues: "4712",
    because: "a rewind waits for what is being written, and a role is an object that ends",
    tests: ["store_rewind: waits for what is being written"],
    met: ["slow flush"],
  },
  {
    issues: "4882, 2247, 3701, 4203",
    because: "a failed write ends the process; nothing is acknowledged after it",
    tests: ["store: after a failed write nothing is acknowledged any more, and it is said once"],
    met: ["failed flush", "process ended by itself"],
  },
  {
    issues: "4925",
    because: "the memory of a leader holds no hole, and a gap in a stream ends it",
    tests: [
      "catch_up: never holds a hole: what lies before a gap is dropped (ZOOKEEPER-4925)",
      "learner: a gap is not logged (H-L20): Java 3.9.4 could never start from such a log",
    ],
  },
  {
    issues: "3644, 3056, 3781",
    because: "logs without a snapshot are refused unless trusted to be from 3.4",
    tests: ["store_recovery: logs without a snapshot are refused unless trusted to be from 3.4"],
  },
  {
    issues: "2574",
    because: "a purge keeps every log that the kept snapshots need",
    tests: ["retention: keeps the newest snapshots and every log that they need"],
    met: ["old snapshots and logs were purged"],
  },
  {
    issues: "3127, 1573, 3144, 3145, 3125",
    because: "a snapshot takes whole transactions, and replaying any of them again changes nothing",
    tests: [
      "tree_apply: applies its parts in order with one zxid, each part's stat as of then",
      "watches_requests: a delete replayed after the node's end still moves pzxid, so the event is not missed",
    ],
    met: ["the data directory was read"],
  },
  {
    issues: "3306, 4846, 4689, 2141",
    because: "numbers of access lists are never used again, and an unknown one closes its node",
    tests: [
      "acl_store: of a list that nothing uses any more are not used again",
      "acl_store: a node whose number is unknown is kept, closed, told, and repaired by a later setACL",
    ],
  },
  {
    issues: "4352",
    because: "below what the logs hold only SNAP is planned",
    tests: ["catch_up: without the log on disk, or when that begins later: SNAP (ZOOKEEPER-4352)"],
  },
  {
    issues: "1046, 4706",
    because: "the counter is part of the parent's state and counts every child ever made",
    tests: ["prepare: count every child ever made under the parent"],
    met: ["LEADING - LEADER ELECTION TOOK"],
  },
  {
    issues: "1412",
    because: "setWatches fires what was missed and arms the rest",
    tests: ["watches_requests: sends what was missed, arms the rest, in the order of the lists"],
    met: ["watch event"],
  },
  {
    issues: "917, 1732, 3109",
    because: "votes compare by epoch, zxid and sid; established leaders speak for themselves",
    tests: [
      "election: joins an established ensemble only when the leader itself says so",
      "election: forgets the final wait when a better vote arrives",
    ],
    met: ["fault: restart"],
  },
  {
    issues: "1653, 2033, 4269, 1192, 1282",
    because: "an epoch file is replaced as a whole; currentEpoch is written for NEWLEADER only",
    tests: [
      "store_epochs: killed anywhere while an epoch is stored, the old or the new one is found",
      "leader: each epoch file is on disk before what it promises leaves (14.1, H-L4)",
    ],
    met: ["died at a disk call"],
  },
  {
    issues: "3769, 4787, 3720, 3829",
    because: "a notification of any length is read or refused, and costs its link at most",
    tests: ["wire_election: of any other length, state or config length is refused"],
  },
  {
    issues: "2212, 2172",
    because: "a configuration is compared by its version, and a newcomer is a stranger until then",
    tests: [
      "election: reports a newer configuration",
      "leader: a stranger is served, and counts nowhere",
    ],
  },
  {
    issues: "4883, 1277, 2789",
    because: "a leader resigns before the counter ends; the next epoch has new zxids",
    tests: ["leader: resigns before the counter ends (7.7)"],
  },
  {
    issues: "1465, 1697, 2678, 4766",
    because: "nothing is read or written on the way to an election; the tree stays in memory",
    tests: ["learner: counts no silence while its own disk works"],
  },
  {
    issues: "4074, 4409, 4419",
    because: "a learner whose link breaks ends its role at once",
    tests: ["learner_port: a silent leader is left after syncLimit"],
    met: ["fault: breakLink"],
  },
  {
    issues: "1621, 2332, 2249",
    because: "a last log that was never begun, or is torn, ends the history and nothing else",
    tests: [
      "txn_log: a file of zeros was never begun",
      "txn_log: zeros from any byte on: the whole records, and never damage",
    ],
    met: ["fault: fullDisk"],
  },
];

function read(name: string): string {
  return readFileSync(join(HERE, `${name}_test.ts`), "utf8");
}

describe("a fault that Apache ZooKeeper once had", () => {
  const seen = new Set<string>();

  it("is looked for in seeds that no check complains of", () => {
    const wanted = ROWS.flatMap(({ met }) => met ?? []);
    const isMet = (part: string): boolean => [...seen].some((what) => what.includes(part));
    for (let i = 0; i < SEEDS_MAX && (i < SEEDS_MIN || !wanted.every(isMet)); i++) {
      const seed = 1 + Math.floor(i / PROFILES.length);
      const profile = PROFILES[i % PROFILES.length];
      const { violations, coverage } = runSeed({ seed, profile, members: null, minutes: 1 });
      assert.deepEqual(violations, [], `seed ${seed}, ${profile}`);
      for (const what of coverage.keys()) seen.add(what);
    }
  });

  for (const { issues, because, tests, met } of ROWS) {
    it(`is not here: ZOOKEEPER-${issues}: ${because}`, () => {
      for (const test of tests ?? []) {
        const [file, ...title] = test.split(": ");
        assert.ok(read(file).includes(`"${title.join(": ")}"`), `there is a test "${test}"`);
      }
      for (const part of met ?? []) {
        assert.ok([...seen].some((what) => what.includes(part)), `a seed met: ${part}`);
      }
    });
  }
});
