// Four-letter words: text from state (operations.md 2). Which words are answered at all is decided
// here too; how the bytes come and go is the server's matter.
//
// Must agree with Java's FourLetterCommands and the classes in its package `command`: scripts and
// monitors, kazoo and go-zookeeper parse these layouts.

import { hex, type SessionId, type Zxid } from "../base/ids.ts";
import { javaAddress, javaDate, javaDouble } from "./java_text.ts";
import { type Double, type Metrics, metricText, type MetricValue } from "./metrics.ts";

/** One connection, as `stat`, `cons` and `dump` show it. */
export interface ConnectionLine {
  readonly host: string;
  readonly port: number;
  /** Whether it came over the secure port. */
  readonly secure: boolean;
  readonly establishedWall: number;
  /** 1 while it is read from, else 0. */
  readonly interest: number;
  readonly queued: number;
  readonly received: number;
  readonly sent: number;
  /** Monotonic ms after which it is idle for too long. */
  readonly idleAt: number;
  /** Null before a session is asked for. */
  readonly session: {
    readonly id: SessionId;
    readonly lastOp: string;
    readonly timeoutMs: number;
    readonly lastCxid: number;
    readonly lastZxid: Zxid;
    readonly lastResponseMono: number;
    readonly lastLatency: number;
    readonly minLatency: number;
    readonly averageLatency: number;
    readonly maxLatency: number;
  } | null;
}

/** Sessions with the time of their expiry, or, on a learner, with their timeouts. */
export type SessionDump =
  | {
    readonly kind: "tracker";
    /** Wall-clock ms to ids, soonest first; null without local sessions. */
    readonly local: ReadonlyMap<number, readonly SessionId[]> | null;
    readonly global: ReadonlyMap<number, readonly SessionId[]>;
  }
  | {
    readonly kind: "learner";
    readonly local: ReadonlyMap<number, readonly SessionId[]> | null;
    readonly global: ReadonlyMap<SessionId, number>;
  };

/** What a serving server shows of itself. */
export interface ServingView {
  readonly mode: string;
  readonly latency: { readonly min: number; readonly average: number; readonly max: number };
  readonly received: number;
  readonly sent: number;
  readonly connectionCount: number;
  readonly outstanding: number;
  readonly lastZxid: Zxid;
  readonly nodeCount: number;
  /** Leaders: sizes of proposals, −1 before the first. */
  readonly proposalSizes:
    | { readonly last: number; readonly min: number; readonly max: number }
    | null;
  connections(): Iterable<ConnectionLine>;
  sessions(): SessionDump;
  ephemerals(): Iterable<readonly [SessionId, readonly string[]]>;
  /** Data watches only: session and its paths. */
  watches(): Iterable<readonly [SessionId, readonly string[]]>;
  digests(): Iterable<{ readonly zxid: Zxid; readonly digest: bigint }>;
  /** Wall-clock ms of a monotonic time. */
  wallOf(mono: number): number;
  resetServer(): void;
  resetConnections(): void;
}

/** What the process shows, serving or not. */
export interface AdminView {
  /** `3.9.5-…, built on MM/DD/YYYY HH:MM GMT`. */
  readonly version: string;
  /** Null while there is no role. */
  readonly serving: ServingView | null;
  readonly metrics: Metrics;
  /** Names without `zk_`; gauges and texts that belong to the role at hand. */
  gauges(): Iterable<readonly [string, MetricValue | Double]>;
  environment(): Iterable<readonly [string, string]>;
  /** The `key=value` lines of `conf`. */
  settings(): Iterable<readonly [string, string | number]>;
  /** The text behind `membership: `; null outside an ensemble and in read-only mode. */
  membership(): string | null;
  sizes(): { readonly data: number; readonly log: number };
}

/** Characters of a list; the rest is left out, and `...` says so. Strings end at 2^29 characters. */
const LIST_MAX = 64 * 1024 * 1024;

const NOT_SERVING = "This ZooKeeper instance is not currently serving requests\n";
const DEFAULT_TRACE_MASK = 306n;
const KNOWN = [
  ..."conf cons crst dirs dump envi gtmk hash isro mntr ruok".split(" "),
  ..."srst srvr stat stmk wchc wchp wchs".split(" "),
  "telnet close",
];

/** Words that may be asked: `srvr` always, `isro` with read-only mode, and those of the list. */
export function allowedWords(whitelist: string | null, readOnlyMode: boolean): ReadonlySet<string> {
  const allowed = new Set(["srvr"]);
  if (readOnlyMode) allowed.add("isro");
  for (const entry of (whitelist ?? "").split(",")) {
    const word = entry.trim();
    if (word === "*") { for (const known of KNOWN) allowed.add(known); }
    else if (word !== "") allowed.add(word);
  }
  return allowed;
}

export class FourLetterWords {
  readonly #allowed: ReadonlySet<string>;
  /** Nothing is traced by it; kept because operators set it and read it back. */
  traceMask = DEFAULT_TRACE_MASK;

  /** `whitelist` is `4lw.commands.whitelist`, null when it is not set. */
  constructor(whitelist: string | null, readOnlyMode: boolean) {
    this.#allowed = allowedWords(whitelist, readOnlyMode);
  }

  /** The answer to a word; `mask` only with `stmk`. */
  answer(word: string, mask: bigint | null, view: AdminView): string {
    if (!this.#allowed.has(word)) {
      return `${word} is not executed because it is not in the whitelist.\n`;
    }
    switch (word) {
      case "ruok":
        return "imok";
      case "gtmk":
        return String(this.traceMask);
      case "stmk":
        this.traceMask = mask ?? this.traceMask;
        return String(this.traceMask);
      case "isro":
        return view.serving === null ? "null" : view.serving.mode === "read-only" ? "ro" : "rw";
      case "envi":
        return envi(view);
      case "telnet close":
        return "";
    }
    return view.serving === null ? NOT_SERVING : answerServing(word, view, view.serving);
  }
}

function answerServing(word: string, view: AdminView, serving: ServingView): string {
  switch (word) {
    case "srvr":
      return versionLines(view, serving) + serverLines(serving);
    case "stat":
      return versionLines(view, serving) +
        `Clients:\n${lines(serving.connections(), brief)}\n${serverLines(serving)}`;
    case "mntr":
      return mntr(view, serving);
    case "conf":
      return conf(view);
    case "cons":
      return `${lines(serving.connections(), full)}\n`;
    case "crst":
      serving.resetConnections();
      return "Connection stats reset.\n";
    case "srst":
      serving.resetServer();
      view.metrics.reset();
      return "Server stats reset.\n";
    case "dump":
      return dump(serving);
    case "wchs":
      return wchs(serving);
    case "wchc":
      return lines(serving.watches(), ([id, paths]) => `${hex(id)}\n${tabbed(paths)}`) + "\n";
    case "wchp":
      return wchp(serving);
    case "dirs": {
      const { data, log } = view.sizes();
      return `datadir_size: ${data}\nlogdir_size: ${log}\n`;
    }
    case "hash":
      return lines(
        serving.digests(),
        ({ zxid, digest }) => `${hex(zxid).slice(2)}: ${digest}\n`,
      );
    default:
      return "";
  }
}

function versionLines(view: AdminView, serving: ServingView): string {
  const readOnly = serving.mode === "read-only"
    ? "READ-ONLY mode; serving only read-only clients\n"
    : "";
  return `Zookeeper version: ${view.version}\n${readOnly}`;
}

function serverLines(serving: ServingView): string {
  const { latency, proposalSizes: sizes } = serving;
  const proposals = sizes === null
    ? ""
    : `Proposal sizes last/min/max: ${sizes.last}/${sizes.min}/${sizes.max}\n`;
  return `Latency min/avg/max: ${latency.min}/${javaDouble(latency.average)}/${latency.max}
Received: ${serving.received}
Sent: ${serving.sent}
Connections: ${serving.connectionCount}
Outstanding: ${serving.outstanding}
Zxid: ${hex(serving.lastZxid)}
Mode: ${serving.mode}
Node count: ${serving.nodeCount}
${proposals}`;
}

function brief(line: ConnectionLine): string {
  return ` ${counts(line)})\n`;
}

function full(line: ConnectionLine): string {
  const { session } = line;
  if (session === null) return brief(line);
  const cxid = session.lastCxid < 0 ? "" : `,lcxid=0x${session.lastCxid.toString(16)}`;
  return ` ${counts(line)},sid=${hex(session.id)},lop=${session.lastOp}` +
    `,est=${line.establishedWall},to=${session.timeoutMs}${cxid}` +
    `,lzxid=${hex(session.lastZxid)},lresp=${Math.floor(session.lastResponseMono)}` +
    `,llat=${session.lastLatency},minlat=${session.minLatency}` +
    `,avglat=${Math.floor(session.averageLatency)},maxlat=${session.maxLatency})\n`;
}

const counts = ({ host, port, interest, queued, received, sent }: ConnectionLine): string =>
  `${javaAddress(host, port)}[${
    interest.toString(16)
  }](queued=${queued},recved=${received},sent=${sent}`;

function mntr(view: AdminView, serving: ServingView): string {
  const rows: string[] = [`zk_version\t${view.version}`, `zk_server_state\t${serving.mode}`];
  const row = (name: string, value: MetricValue | Double): void =>
    void rows.push(`zk_${name}\t${metricText(value)}`);
  for (const [name, value] of view.gauges()) row(name, value);
  view.metrics.dump(row);
  return `${rows.join("\n")}\n`;
}

function conf(view: AdminView): string {
  const settings = lines(view.settings(), ([key, value]) => `${key}=${value}\n`);
  const membership = view.membership();
  return membership === null ? settings : `${settings}membership: \n${membership}`;
}

function envi(view: AdminView): string {
  return `Environment:\n${lines(view.environment(), ([key, value]) => `${key}=${value}\n`)}`;
}

function dump(serving: ServingView): string {
  return `SessionTracker dump:\n${sessionText(serving)}ephemeral nodes dump:\n${
    ephemeralText(serving)
  }Connections dump:\n${connectionText(serving)}`;
}

function sessionText(serving: ServingView): string {
  const dumped = serving.sessions();
  const local = dumped.local === null ? "" : `Local ${expiryText("Session", dumped.local, hex)}`;
  if (dumped.kind === "tracker") {
    const mark = dumped.local === null ? "" : "Global ";
    return `${local}${mark}${expiryText("Session", dumped.global, hex)}`;
  }
  const ids = [...dumped.global.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const rows = lines(ids, (id) => `${hex(id)}\t${dumped.global.get(id)}ms\n`);
  return `${local}Global Sessions(${ids.length}):\n${rows}`;
}

function ephemeralText(serving: ServingView): string {
  const owners = [...serving.ephemerals()];
  const rows = lines(owners, ([id, paths]) => `${hex(id)}:\n${tabbed(paths)}`);
  return `Sessions with Ephemerals (${owners.length}):\n${rows}`;
}

function connectionText(serving: ServingView): string {
  const byTime = new Map<number, ConnectionLine[]>();
  const all = [...serving.connections()].sort((a, b) => a.idleAt - b.idleAt);
  for (const line of all) {
    const time = serving.wallOf(line.idleAt);
    const bucket = byTime.get(time);
    if (bucket === undefined) byTime.set(time, [line]);
    else bucket.push(line);
  }
  return expiryText(
    "Connections",
    byTime,
    ({ host, port, session }) =>
      `ip: ${javaAddress(host, port)} sessionId: ${hex(session?.id ?? 0n)}`,
  );
}

function expiryText<T>(
  what: string,
  byTime: ReadonlyMap<number, readonly T[]>,
  text: (item: T) => string,
): string {
  let total = 0;
  for (const items of byTime.values()) total += items.length;
  return `${what} Sets (${byTime.size})/(${total}):\n` +
    lines(
      byTime,
      ([wall, items]) => `${items.length} expire at ${javaDate(wall)}:\n${tabbed(items.map(text))}`,
    );
}

function wchs(serving: ServingView): string {
  const paths = new Set<string>();
  let watchers = 0;
  let total = 0;
  for (const [, watched] of serving.watches()) {
    watchers += 1;
    total += watched.length;
    for (const path of watched) paths.add(path);
  }
  return `${watchers} connections watching ${paths.size} paths\nTotal watches:${total}\n`;
}

function wchp(serving: ServingView): string {
  const byPath = new Map<string, SessionId[]>();
  for (const [id, paths] of serving.watches()) {
    for (const path of paths) {
      const ids = byPath.get(path);
      if (ids === undefined) byPath.set(path, [id]);
      else ids.push(id);
    }
  }
  return lines(byPath, ([path, ids]) => `${path}\n${tabbed(ids.map(hex))}`) + "\n";
}

const tabbed = (items: readonly string[]): string => lines(items, (item) => `\t${item}\n`);

function lines<T>(items: Iterable<T>, text: (item: T) => string): string {
  let all = "";
  for (const item of items) {
    if (all.length > LIST_MAX) return `${all}...\n`;
    all += text(item);
  }
  return all;
}
