// Replication faults that Apache ZooKeeper once had: for each what went wrong, whether our design is
// immune and why, what shows it, and which check would catch it if it came back. The rows are run by
// tests/sim_zab_bugs_test.ts and written to tests/ZAB_BUGS.md.

export interface Row {
  /** Numbers of ZOOKEEPER issues. */
  readonly issues: readonly number[];
  readonly fault: string;
  readonly verdict: "immune" | "immune but for Java's part" | "not built";
  readonly because: string;
  /** Of fixtures/scripts, without `.txt`. */
  readonly scripts?: readonly string[];
  /** `file: title`, for what the simulator's members cannot do to each other. */
  readonly tests?: readonly string[];
  readonly caughtBy: string;
}

const TREES = "equal trees at equal zxids";
const ACKED = "everything acknowledged is there";
const DISKS = "an ACK is behind its flush; a commit is on a quorum of disks";
const PROGRESS = "all come level within a bound";
const GHOSTS = "no ephemeral without its session";

export const ROWS: readonly Row[] = [
  {
    issues: [1154, 1156, 1489],
    fault: "the server with the highest zxid is away at an election: its tail stays, or too much " +
      "goes, or later transactions land behind a gap",
    verdict: "immune",
    because: "a rewind removes exactly what is above its target, and appends go behind it",
    scripts: ["truncated_tail", "forgotten_tail", "tail_above_snapshot"],
    tests: ["store_rewind: to any zxid: exactly what came before it is left"],
    caughtBy: `${TREES}; a start that finds a hole`,
  },
  {
    issues: [962, 3104],
    fault:
      "proposals that come while a follower takes its DIFF are lost, or NEWLEADER overtakes them",
    verdict: "immune",
    because: "what is committed meanwhile is kept for it and sent once; NEWLEADER ends the stream",
    scripts: ["proposals_during_diff", "writes_during_snap"],
    caughtBy: `${TREES}; a learner leaves when a zxid is missing`,
  },
  {
    issues: [1319],
    fault: "after a restart with a new member the leader does not cover what was promised",
    verdict: "immune",
    because: "a leader founds its epoch only over its own durable history",
    scripts: ["grown_ensemble"],
    caughtBy: `${ACKED}; a new leader's history is on a quorum of disks`,
  },
  {
    issues: [1367, 919, 1777],
    fault: "after a full restart ephemerals of dead sessions stay on some servers",
    verdict: "immune",
    because: "a leader ends sessions by transactions; nobody deletes ephemerals alone",
    scripts: ["full_restart"],
    caughtBy: `${GHOSTS}; ${TREES}`,
  },
  {
    issues: [1551],
    fault: "an observer forgets what comes between its snapshot and UPTODATE",
    verdict: "immune",
    because: "what comes between is logged and applied, by observers as well",
    scripts: ["observer_during_sync"],
    caughtBy: TREES,
  },
  {
    issues: [1549, 2845],
    fault: "a role ends with transactions in the log that are not in memory, or the reverse",
    verdict: "immune",
    because:
      "when a role ends the tree takes in what is in the log, and tells the next leader of it",
    scripts: ["tail_in_memory", "tail_is_kept", "forgotten_tail"],
    caughtBy: TREES,
  },
  {
    issues: [2325],
    fault: "a server that lost its snapshots starts empty, leads, and wipes the others",
    verdict: "immune",
    because:
      "logs without a snapshot are refused; an empty database that is not trusted does not vote",
    scripts: ["no_snapshot", "empty_majority"],
    caughtBy: ACKED,
  },
  {
    issues: [2872, 3642],
    fault: "half a snapshot, from disk or in memory, is taken for a whole one",
    verdict: "immune",
    because:
      "a snapshot has its name when it is whole and durable; a broken one makes us read the disk",
    scripts: ["half_snapshot"],
    caughtBy: TREES,
  },
  {
    issues: [3911],
    fault:
      "a DIFF holds an uncommitted transaction, and a crash behind the ACK of NEWLEADER loses one",
    verdict: "immune but for Java's part",
    because:
      "our leader sends none before UPTODATE; from a Java leader it is kept apart and not lost",
    scripts: ["commit_before_uptodate", "tail_is_kept"],
    tests: [
      "learner: an uncommitted proposal is neither applied nor lost nor logged before UPTODATE (3911)",
    ],
    caughtBy: DISKS,
  },
  {
    issues: [3023, 4646, 4643, 4394, 4685, 4785, 4823],
    fault:
      "NEWLEADER is acknowledged before the history, or the epoch, is on disk; ACKs and COMMITs " +
      "around it are lost or out of order",
    verdict: "immune",
    because: "log, flush, currentEpoch, ACK of NEWLEADER, and only then any other ACK",
    scripts: ["newleader_order", "commit_before_uptodate", "proposals_during_diff"],
    tests: [
      "learner: no ACK of a proposal leaves before that of NEWLEADER (H-F3, ZOOKEEPER-4646, 4685)",
      "learner: a COMMIT between NEWLEADER and UPTODATE is kept (H-L9, ZOOKEEPER-4394)",
    ],
    caughtBy: "at the ACK of NEWLEADER the disk is level and holds the epoch",
  },
  {
    issues: [4712],
    fault: "what a follower still writes for its old role lands in the new one's history",
    verdict: "immune",
    because: "it is written and told to the next leader; a rewind waits for what is being written",
    scripts: ["slow_disk_new_role"],
    caughtBy: `${TREES}; ${DISKS}`,
  },
  {
    issues: [4882, 2247, 3701, 4203],
    fault: "after a failed write a server goes on from memory, or lingers as leader",
    verdict: "immune",
    because: "a failed write ends the process; nothing is acknowledged after it",
    scripts: ["failed_flush"],
    caughtBy: DISKS,
  },
  {
    issues: [4925],
    fault: "a hole in the memory of committed transactions is handed on to others",
    verdict: "immune but for Java's part",
    because: "memory holds no hole, a log with one is refused, a gap in a stream ends it",
    scripts: ["hole_in_log"],
    tests: [
      "catch_up: never holds a hole: what lies before a gap is dropped (ZOOKEEPER-4925)",
      "learner: a gap is not logged (H-L20): Java 3.9.4 could never start from such a log",
    ],
    caughtBy: `${TREES}; a start that finds a hole`,
  },
  {
    issues: [3644, 3056, 3781],
    fault:
      "data of a 3.4 without a snapshot cannot be started from, or only as long as it is trusted",
    verdict: "immune",
    because: "refused unless trusted; then a snapshot is written at once",
    scripts: ["trust_empty", "no_snapshot"],
    caughtBy: "the trace: a snapshot is on disk before the first election",
  },
  {
    issues: [2574],
    fault: "a purge removes the log that a kept snapshot needs",
    verdict: "immune",
    because: "the newest log at or below the oldest kept snapshot stays",
    scripts: ["purged_logs"],
    caughtBy: "a start that finds a hole",
  },
  {
    issues: [3127, 1573, 3144, 3531],
    fault:
      "a snapshot beside writes is fuzzy: half a multi, a parent that is gone, sessions; or it " +
      "stalls the ensemble",
    verdict: "immune",
    because:
      "ours shows one moment and is written in slices; replaying Java's changes nothing twice",
    scripts: ["writes_beside_snapshot"],
    tests: [
      "tree_apply: applies its parts in order with one zxid, each part's stat as of then",
    ],
    caughtBy: `${TREES}; the digests that transactions carry`,
  },
  {
    issues: [3306, 4846, 4689, 2141],
    fault: "numbers of access lists in fuzzy snapshots: unknown, used again, or leaking",
    verdict: "immune",
    because: "a number is never used again, and an unknown one closes its node",
    tests: [
      "acl_store: of a list that nothing uses any more are not used again",
      "acl_store: a node whose number is unknown is kept, closed, told, and repaired by a later setACL",
    ],
    caughtBy: TREES,
  },
  {
    issues: [4352],
    fault: "a learner below the leader's logs gets a DIFF with a hole",
    verdict: "immune",
    because: "below what the logs hold only SNAP is planned",
    scripts: ["below_the_log"],
    caughtBy: `${TREES}; a learner leaves when a zxid is missing`,
  },
  {
    issues: [2355, 4837, 4541],
    fault:
      "an ephemeral of a closed session stays where the follower died or was cut off meanwhile",
    verdict: "immune",
    because: "closing is a transaction like any other: who missed it gets it with its sync",
    scripts: ["killed_client"],
    caughtBy: `${GHOSTS}; ${TREES}`,
  },
  {
    issues: [5010],
    fault: "a leader dies with an ephemeral uncommitted; some keep it for ever",
    verdict: "immune",
    because: "one history survives for all, and the session's end removes what it made",
    scripts: ["uncommitted_ephemeral"],
    caughtBy: `${GHOSTS}; ${TREES}`,
  },
  {
    issues: [1046, 4706],
    fault: "the number of a sequential node is given again",
    verdict: "immune",
    because: "the counter is part of the parent's state and counts every child ever made",
    scripts: ["sequence_numbers"],
    caughtBy: "a sequential name is given once",
  },
  {
    issues: [1412, 3145, 3125],
    fault: "setWatches on another server misses what happened, or a replay hides it from it",
    verdict: "immune",
    because: "what was missed is told, the rest is armed; a replayed delete still moves pzxid",
    scripts: ["missed_watch"],
    tests: [
      "watches_requests: a delete replayed after the node's end still moves pzxid, so the event is " +
      "not missed",
    ],
    caughtBy: "no watch is missed, none fires twice",
  },
  {
    issues: [917],
    fault: "an election picks a server that is not the best",
    verdict: "immune",
    because: "epoch, then zxid, then sid; a leader refuses whoever is ahead of it",
    scripts: ["best_history", "epochs_before_zxids"],
    caughtBy: ACKED,
  },
  {
    issues: [1732],
    fault: "a lone server cannot join those who agreed in another round",
    verdict: "immune",
    because: "votes of established members count by leader and epoch, whatever their round",
    scripts: ["lone_server"],
    caughtBy: PROGRESS,
  },
  {
    issues: [3109],
    fault: "a voter that changes its mind in the final wait costs minutes",
    verdict: "immune",
    because: "a better vote ends the wait and begins another",
    scripts: ["late_vote"],
    tests: ["election: forgets the final wait when a better vote arrives"],
    caughtBy: PROGRESS,
  },
  {
    issues: [1653, 2033, 4269, 1192, 1282],
    fault:
      "a crash between the epoch files hinders the next start, or an epoch is taken for joined",
    verdict: "immune",
    because: "an epoch file is replaced as a whole; currentEpoch is written for NEWLEADER only",
    scripts: ["between_epochs", "epoch_behind_log", "newleader_order"],
    tests: [
      "store_epochs: killed anywhere while an epoch is stored, the old or the new one is found",
      "leader: each epoch file is on disk before what it promises leaves (14.1, H-L4)",
    ],
    caughtBy:
      "epochs on disk never go back, none is joined unpromised, none accepted by word alone",
  },
  {
    issues: [3769, 4787, 3720, 3829],
    fault: "notifications of other versions, character sets or lengths end the election's thread",
    verdict: "immune",
    because: "a notification of any length is read or refused, and costs its link at most",
    tests: ["wire_election: of any other length, state or config length is refused"],
    caughtBy: "fuzzing of the election port; strangers at every port",
  },
  {
    issues: [2212, 2172],
    fault: "a reconfig of a new member, or an old version of the configuration, ends the ensemble",
    verdict: "not built",
    because:
      "we lead no reconfig yet; as learners we compare versions, and a newcomer is a stranger",
    tests: [
      "election: reports a newer configuration",
      "leader: a stranger is served, and counts nowhere",
    ],
    caughtBy: "live ensembles under a Java leader that reconfigures (interop)",
  },
  {
    issues: [4220],
    fault: "after a change of members the same server is dialled again and again",
    verdict: "immune",
    because:
      "one link for each pair: the larger side dials, the smaller nudges, a working link stays",
    tests: [
      "election: a nudge is not sent into a link that works",
      "election: the larger side answers a nudge by dialling the advertised address",
    ],
    caughtBy: PROGRESS,
  },
  {
    issues: [2778],
    fault: "two threads take the locks of addresses and of connections in different orders",
    verdict: "immune",
    because:
      "a member is one thread of events without a lock; addresses are asked for at each dial",
    tests: ["election: the larger side answers a nudge by dialling the advertised address"],
    caughtBy: PROGRESS,
  },
  {
    issues: [4883, 1277, 2789],
    fault: "the counter of zxids runs over into the epoch",
    verdict: "immune",
    because: "a leader resigns before the counter ends; the next epoch has new zxids",
    scripts: ["roll_over"],
    tests: ["leader: resigns before the counter ends (7.7)"],
    caughtBy: "zxids grow; one leader in an epoch",
  },
  {
    issues: [1465, 1697, 2678, 4766],
    fault: "large trees: snapshots are read or written between two leaders, and initLimit passes",
    verdict: "immune",
    because: "nothing is read or written on the way to an election; the tree stays in memory",
    scripts: ["election_without_disk"],
    tests: ["learner: counts no silence while its own disk works"],
    caughtBy: PROGRESS,
  },
  {
    issues: [4074, 4409, 4419],
    fault: "a follower hangs, or all elect again, when a write to the leader fails",
    verdict: "immune",
    because: "a learner whose link breaks ends its role at once and comes back; others go on",
    scripts: ["broken_link"],
    caughtBy: PROGRESS,
  },
  {
    issues: [1621, 2332, 2249],
    fault: "an empty, headless or padded last log stops the start",
    verdict: "immune",
    because: "a last log that was never begun, or is torn, ends the history and nothing else",
    scripts: ["headless_log"],
    tests: ["txn_log: zeros from any byte on: the whole records, and never damage"],
    caughtBy: PROGRESS,
  },
  {
    issues: [2383],
    fault: "a connection is taken before the database is ready, and the request is lost in it",
    verdict: "immune",
    because: "clients are greeted when a role serves; until then their links wait or close",
    scripts: ["early_client"],
    caughtBy: "the trace: no session before a leader serves",
  },
  {
    issues: [3072, 4907],
    fault:
      "throttled or closed in mid-request: an answer goes to nobody, or counts are off for ever",
    verdict: "immune",
    because: "a connection that is gone takes its requests and its share of the limits with it",
    scripts: ["gone_client"],
    tests: ["throttle: are read on when those before them are answered"],
    caughtBy: "replies in the order of requests; others are served",
  },
];
