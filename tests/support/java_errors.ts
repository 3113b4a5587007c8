// Which kinds of errors Java servers print, and which of them an ensemble of Java alone prints under
// the same faults: java_errors.json, measured by soak_java_errors_test.ts. In an ensemble with ours
// any other kind is our doing.

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type MixedEnsemble, OURS } from "./mixed_ensemble.ts";

const LISTED = fileURLToPath(new URL("java_errors.json", import.meta.url));
const ERROR = /^\S+ \S+ \[.*?\] (ERROR|FATAL) +(\S+) +- (.*)$/;
/** A broken link shows itself as any of these, by chance. */
const LINK = new Set([
  ...["SocketException", "EOFException", "SocketTimeoutException", "IOException"],
  ...["ClosedChannelException", "ConnectException", "NoRouteToHostException"],
  ...["AsynchronousCloseException", "ClosedByInterruptException", "InterruptedException"],
]);

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
  return `${level} ${logger}: ${text.trim()}${kinds.length > 0 ? ` / ${kinds.join(", ")}` : ""}`;
}

/** All kinds of errors in the Java members' logs, each with where it was first. */
export function javaErrorKinds(made: MixedEnsemble): Map<string, string> {
  const found = new Map<string, string>();
  for (const { sid, logs } of made.seats) {
    for (const { kind, file } of logs) {
      if (kind === OURS || !existsSync(file)) continue;
      for (const record of readFileSync(file, "utf8").split(/\n(?=\d{4}-\d\d-\d\d)/)) {
        const error = errorKind(record);
        if (error === null || found.has(error)) continue;
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
/** The faults break links on purpose: which thread notices first is chance. */
const OF_LINKS = /: a link is broken$/;

export const isOfLink = (kind: string): boolean => OF_LINKS.test(kind);

/** Whether an error of this kind is somebody's fault unless it is in the list. */
export const isJudgedByKind = (kind: string): boolean => !OF_DIGESTS.test(kind) && !isOfLink(kind);

/** Errors of Java members of a kind that Java alone does not print. */
export function strangeErrors(made: MixedEnsemble): string[] {
  const listed = listedKinds();
  return [...javaErrorKinds(made)]
    .filter(([kind]) => isJudgedByKind(kind) && !listed.has(kind))
    .map(([kind, where]) => `no Java server alone prints "${kind}"; ${where}`);
}
