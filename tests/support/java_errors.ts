// Which kinds of errors Java servers print, and which of them an ensemble of Java alone prints under
// the same faults: java_errors.json, measured by soak_java_errors_test.ts. In an ensemble with ours
// any other kind is our doing.

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type MixedEnsemble, OURS } from "./mixed_ensemble.ts";

const LISTED = fileURLToPath(new URL("java_errors.json", import.meta.url));
const ERROR = /^\S+ \S+ \[.*?\] (WARN|ERROR|FATAL) +(\S+) +- (.*)$/;
/** A broken link shows itself as any of these, by chance. */
const LINK = new Set([
  ...["SocketException", "EOFException", "SocketTimeoutException", "IOException"],
  ...["ClosedChannelException", "ConnectException", "NoRouteToHostException"],
  ...["AsynchronousCloseException", "ClosedByInterruptException", "InterruptedException"],
]);

/** Never fine in any log, whatever was done to the ensemble. */
const NEVER = [
  /NullPointerException|ClassCastException|IndexOutOfBounds|IllegalStateException/,
  /Severe (unrecoverable )?error|UNMATCHED_TXN|Digests are not matching/i,
  /digest.* (differ|mismatch)/i,
  /Exception in apply|Failed to (apply|process) txn|Unexpected exception causing exit/,
  /Committing zxid 0x\w+ but next pending txn 0x\w+/,
  /Got zxid 0x(\w+)\w{8} expected 0x\1\w{8}\b/, // a hole within an epoch
  /Exiting JVM with code 1[0-4]|exit(ing)? (with )?code 1[0-4]\b/i,
  /Unreasonable length|Invalid magic number|CRC check failed|corrupt/i,
  /AssertionError|OutOfMemoryError|assertion|must be true/i,
  /Error: KeeperErrorCode = MarshallingError|A HashSet was expected/,
  /Non-optimial configuration.*fatal/i,
];

/** Whether a record, of whatever level, tells of something that a sound server does not do. */
export const isNeverFine = (record: string): boolean =>
  NEVER.some((pattern) => pattern.test(record));

/** A log cut before each line that begins with a date; a trace belongs to the record it follows. */
export const recordsOf = (log: string): string[] => log.split(/\n(?=\d{4}-\d\d-\d\d)/);

/** A record of the log in a few words that are the same each time it is printed. */
export function errorKind(record: string): string | null {
  const [first, ...trace] = record.split("\n");
  const match = ERROR.exec(first);
  if (match === null) return null;
  const [, level, logger, message] = match;
  const text = message
    .replaceAll(/0x[0-9a-f]+/gi, "#")
    .replaceAll(/\/?\d+\.\d+\.\d+\.\d+(:\d+)?/g, "#")
    .replaceAll(/\/[\w./-]*\/[\w./-]*/g, "#")
    .replaceAll(/-?\d[\d,]*/g, "#")
    .replace(/from thread : .*/, "from a thread");
  const thrown = trace.filter((line) => /^(Caused by: )?[\w.$]+(Exception|Error)\b/.test(line))
    .map((line) =>
      /([\w$]+)(?=:|$|\s)/.exec(
        line.replace(/^Caused by: /, "").split(":")[0]
          .split(".").at(-1) ?? "",
      )?.[1] ?? ""
    );
  const kinds = [...new Set(thrown.map((name) => LINK.has(name) ? "link" : name))].sort();
  // A link may break in the middle of anything: who noticed is enough.
  if (kinds.length === 1 && kinds[0] === "link") return `${level} ${logger}: a link is broken`;
  const of = kinds.length > 0 ? ` / ${kinds.join(", ")}${placeOf(logger, trace)}` : "";
  return `${level} ${logger}: ${text.trim()}${of}`;
}

/** Where it was thrown, for what runs everything: it tells of any fault in the same words. */
function placeOf(logger: string, trace: readonly string[]): string {
  if (logger !== "WorkerService") return "";
  const [, place = ""] =
    /^\tat (?:[\w.$]+\/)?(?:[\w$]+\.)*([\w$]+\.[\w$<>]+)\(/m.exec(trace.join("\n")) ?? [];
  return ` at ${place}`;
}

/**
 * All kinds of errors in the Java members' logs, each with where it was first; of warnings those
 * that are never fine.
 */
export function javaErrorKinds(made: MixedEnsemble): Map<string, string> {
  const found = new Map<string, string>();
  for (const { sid, logs } of made.seats) {
    for (const { kind, file } of logs) {
      if (kind === OURS || !existsSync(file)) continue;
      for (const record of recordsOf(readFileSync(file, "utf8"))) {
        const error = errorKind(record);
        if (error === null || found.has(error)) continue;
        if (error.startsWith("WARN") && !isNeverFine(record)) continue;
        found.set(error, `server ${sid} (java ${kind}): ${record.slice(0, 500)}`);
      }
    }
  }
  return found;
}

/** Kinds that Java alone prints too. */
export function listedKinds(): ReadonlySet<string> {
  const { kinds }: { kinds: string[] } = JSON.parse(readFileSync(LISTED, "utf8"));
  return new Set(kinds);
}

/** Digests are judged by whose snapshot they followed (java_leaders.ts), not by their kind. */
const OF_DIGESTS = /digest/i;
/** What a learner falls over is judged by who led it (java_leaders.ts), too. */
const OF_LEADERS = /: Exception when following the leader\b/;
/** The faults break links on purpose: which thread notices first is chance. */
const OF_LINKS = /: a link is broken$/;

export const isOfLink = (kind: string): boolean => OF_LINKS.test(kind);

/** Whether an error of this kind is somebody's fault unless it is in the list. */
export const isJudgedByKind = (kind: string): boolean =>
  ![OF_DIGESTS, OF_LEADERS, OF_LINKS].some((pattern) => pattern.test(kind));

/** Errors of Java members of a kind that Java alone does not print. */
export function strangeErrors(made: MixedEnsemble): string[] {
  const listed = listedKinds();
  return [...javaErrorKinds(made)]
    .filter(([kind]) => isJudgedByKind(kind) && !listed.has(kind))
    .map(([kind, where]) => `no Java server alone prints "${kind}"; ${where}`);
}
