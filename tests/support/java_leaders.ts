// What Java servers do to each other. A Java leader sends its tree while it changes, so what a learner
// applies again right behind such a snapshot may show a digest that no txn promised, until the first
// txn that the snapshot did not hold. A learner of 3.6 falls over a COMMIT that its Java leader sends
// before UPTODATE (ZOOKEEPER-4394), and its log holds transactions twice from then on, with digests
// that do not fit. Behind a leader of ours there is no such excuse.

import { readFileSync } from "node:fs";
import { type MixedEnsemble, OURS, type Seat } from "./mixed_ensemble.ts";

const STAMP = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}/;

/** Which of a Java server's records `records` are the doing of the Java leader that it followed. */
export function excusedByJavaLeader(made: MixedEnsemble, records: readonly string[]): Set<string> {
  const excused = new Set<string>();
  let leaderPort = 0;
  let isFuzzy = false;
  let isSpoilt = false;
  const isLedByJava = (record: string): boolean => {
    const leader = made.seats.find((seat) => made.quorumPortsOf(seat.sid).includes(leaderPort));
    return leader !== undefined && leadingKind(leader, record) !== OURS;
  };
  for (const record of records) {
    const port = /Successfully connected to leader, using address: \S+:(\d+)/.exec(record)?.[1];
    if (port !== undefined) {
      leaderPort = Number(port);
      isFuzzy = false;
    }
    if (/Getting a snapshot from leader/.test(record)) isFuzzy = isLedByJava(record);
    if (/ Learner - Exception when following the leader/.test(record) && isLedByJava(record)) {
      excused.add(record);
      isSpoilt ||= /NullPointerException/.test(record);
    }
    if (/Learner received (UPTODATE|NEWLEADER)/.test(record)) isFuzzy = false;
    if ((isFuzzy || isSpoilt) && /Digests are not matching|First digest mismatch/.test(record)) {
      excused.add(record);
    }
  }
  return excused;
}

/** The kind that led from a seat when `record` was printed. */
function leadingKind(seat: Seat, record: string): string {
  const until = STAMP.exec(record)?.[0] ?? "";
  let [latest, found] = ["", seat.kind];
  for (const { kind, file } of seat.logs) {
    for (const line of readFileSync(file, "utf8").split("\n")) {
      const at = / LEADING\b/.test(line) ? STAMP.exec(line)?.[0] ?? "" : "";
      if (at > latest && at <= until) [latest, found] = [at, kind];
    }
  }
  return found;
}
