// The AdminServer's pages: from a request to what is answered (operations.md 3). No I/O: what needs
// the disk or a body (snapshot, restore, shed_connections) is decided here and handed on as an order.
//
// Must agree with Java's JettyAdminServer, Commands and CommandResponse: names, aliases, keys, their
// order and the status codes. Where Java answers with a page about a null pointer, or with an error
// code and no word why, the reason is said.

import type { AuthOptions } from "../auth/mod.ts";
import type { FourLetterWords } from "./four_letter.ts";
import { fields, type Json } from "./json.ts";
import { callerOf, refusalOf } from "./page_auth.ts";
import {
  addConnections,
  addStats,
  addZabState,
  idKey,
  observerRow,
  PathRoom,
  votersRow,
} from "./page_rows.ts";
import type { PagesView, ServingPages } from "./page_views.ts";

export interface PagesOptions {
  /** Where the commands are, as `/commands`. */
  readonly commandUrl: string;
  readonly auth: AuthOptions;
  readonly snapshotEnabled: boolean;
  readonly restoreEnabled: boolean;
  /** Without the zxid inside it, a snapshot cannot be restored. */
  readonly serializeLastZxid: boolean;
  readonly rateLimitIntervalMs: number;
  readonly useForwardedFor: boolean;
}

export interface PageRequest {
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly remote: string;
}

/** What is to be done: answered at once, or ordered from whoever has a disk. */
export type Page =
  | { readonly kind: "json"; readonly status: number; readonly body: ReadonlyMap<string, Json> }
  | { readonly kind: "text"; readonly status: number; readonly type: string; readonly text: string }
  | { readonly kind: "snapshot"; readonly streams: boolean }
  | { readonly kind: "restore" }
  | { readonly kind: "shed" };

type Fill = (page: Map<string, Json>, view: PagesView, serving: ServingPages) => void;

/** Of a command that needs no serving server, `serving` may be null. */
type FillAlways = (page: Map<string, Json>, view: PagesView) => void;

interface Command {
  readonly names: readonly string[];
  readonly method: "GET" | "POST";
  readonly isGuarded?: boolean;
  readonly always?: FillAlways;
  readonly serving?: Fill;
}

const NOT_SERVING = "This ZooKeeper instance is not currently serving requests";

export class AdminPages {
  readonly #options: PagesOptions;
  readonly #words: FourLetterWords;
  readonly #commands = new Map<string, Command>();
  readonly #index: string;
  readonly #limits: { readonly snapshot: RateLimit; readonly restore: RateLimit };

  /** The trace mask is shared with the four-letter words. `nowMono` in ms. */
  constructor(options: PagesOptions, words: FourLetterWords, nowMono: number) {
    this.#options = options;
    this.#words = words;
    const { rateLimitIntervalMs: interval } = options;
    this.#limits = {
      // Java takes this number for microseconds, so a backup every minute works with its default
      // of 300000, and must work here.
      snapshot: new RateLimit(Math.floor(interval / 1000), nowMono),
      restore: new RateLimit(interval, nowMono),
    };
    const primary: string[] = [];
    for (const command of [...COMMANDS, ...this.#traceMasks()]) {
      primary.push(command.names[0]);
      for (const name of command.names) this.#commands.set(name, command);
    }
    this.#index = primary.sort().map((name) =>
      `<a href="${options.commandUrl}/${name}">${name}</a>\n<br/>\n`
    ).join("");
  }

  answer(request: PageRequest, view: PagesView, nowMono: number): Page {
    const { method } = request;
    if (method === "OPTIONS") return text(200, "");
    if (method === "TRACE") return text(403, "TRACE is refused\n");
    const asked = parseTarget(request.target);
    if (asked === null) return text(400, "the target cannot be understood\n");
    const { commandUrl } = this.#options;
    const base = commandUrl === "/" ? "" : commandUrl;
    if (asked.path !== base && !asked.path.startsWith(`${base}/`)) {
      return text(404, `nothing is here; the commands are under ${commandUrl}\n`);
    }
    if (method !== "GET" && method !== "HEAD" && method !== "POST") {
      return text(405, "GET, HEAD and POST are known here\n");
    }
    const name = asked.path.slice(base.length + 1);
    if (name === "") {
      return { kind: "text", status: 200, type: "text/html;charset=utf-8", text: this.#index };
    }
    const isPost = method === "POST";
    return this.#run(name, isPost, asked.parameters, request, view, nowMono);
  }

  #run(
    name: string,
    isPost: boolean,
    parameters: ReadonlyMap<string, string>,
    request: PageRequest,
    view: PagesView,
    nowMono: number,
  ): Page {
    const command = this.#commands.get(name);
    if (command === undefined) return failed(200, name, `Unknown command: ${name}`);
    const { serving } = view;
    if (serving === null && command.always === undefined) return failed(200, name, NOT_SERVING);
    if (command.isGuarded === true && serving !== null) {
      const { headers, remote } = request;
      const { useForwardedFor, auth } = this.#options;
      const forwarded = useForwardedFor ? headers.get("x-forwarded-for") : undefined;
      const refusal = refusalOf(
        headers.get("authorization"),
        callerOf(remote, forwarded),
        serving.rootAcl(),
        auth,
      );
      if (refusal !== null) return failed(refusal.status, name, refusal.error);
    }
    const primary = command.names[0];
    if (isPost !== (command.method === "POST")) {
      return failed(405, primary, `${primary} is asked by ${command.method}`);
    }
    if (primary === "set_trace_mask") return this.#setTraceMask(parameters.get("traceMask"));
    if (primary === "snapshot") return this.#snapshot(parameters, view, nowMono);
    if (primary === "restore") return this.#restore(request, view, nowMono);
    if (primary === "shed_connections") return { kind: "shed" };
    const page = fields();
    if (command.always !== undefined) command.always(page, view);
    else if (serving !== null) command.serving?.(page, view, serving);
    return done(primary, page);
  }

  #snapshot(parameters: ReadonlyMap<string, string>, view: PagesView, nowMono: number): Page {
    const off = this.#isOff("snapshot", this.#options.snapshotEnabled);
    if (off !== null) return off;
    if (!this.#limits.snapshot.allows(nowMono)) {
      view.metrics.tally("snapshot_rate_limited_count").add(1);
      return limited("snapshot");
    }
    const streams = parameters.get("streaming");
    return { kind: "snapshot", streams: streams === undefined || streams.toLowerCase() === "true" };
  }

  #restore({ headers }: PageRequest, view: PagesView, nowMono: number): Page {
    const off = this.#isOff("restore", this.#options.restoreEnabled);
    if (off !== null) return off;
    if (headers.get("content-length") === "0" || !hasBody(headers)) {
      return failed(400, "restore", "the body of the request must be a snapshot");
    }
    if (!this.#limits.restore.allows(nowMono)) {
      view.metrics.tally("restore_rate_limited_count").add(1);
      return limited("restore");
    }
    return { kind: "restore" };
  }

  #isOff(name: "snapshot" | "restore", isEnabled: boolean): Page | null {
    if (!isEnabled) {
      return failed(503, name, `the command is switched off by admin.${name}.enabled=false`);
    }
    return this.#options.serializeLastZxid
      ? null
      : failed(500, name, "the command needs serializeLastProcessedZxid.enabled=true");
  }

  #traceMasks(): Command[] {
    const get: FillAlways = (page) => void page.set("tracemask", this.#words.traceMask);
    return [
      { names: ["get_trace_mask", "gtmk"], method: "GET", always: get },
      { names: ["set_trace_mask", "stmk"], method: "GET", always: () => {} },
    ];
  }

  #setTraceMask(given: string | undefined): Page {
    const needs = "setTraceMask requires long traceMask argument";
    const error = given === undefined ? needs : `${needs}, got ${given}`;
    const mask = given !== undefined && /^[+-]?\d{1,19}$/.test(given) ? BigInt(given) : null;
    if (mask === null || mask !== BigInt.asIntN(64, mask)) {
      return done("set_trace_mask", fields(["error", error]));
    }
    this.#words.traceMask = mask;
    return done("set_trace_mask", fields(["tracemask", mask]));
  }
}

/** One call per interval, counted from the start in windows, as Java's RateLimiter does. */
class RateLimit {
  readonly #intervalMs: number;
  #windowBegan: number;
  #isFree = true;

  constructor(intervalMs: number, nowMono: number) {
    this.#intervalMs = intervalMs;
    this.#windowBegan = nowMono;
  }

  allows(nowMono: number): boolean {
    if (this.#intervalMs === 0) return true;
    if (nowMono > this.#windowBegan + this.#intervalMs) {
      this.#isFree = true;
      this.#windowBegan = nowMono;
    }
    const isFree = this.#isFree;
    this.#isFree = false;
    return isFree;
  }
}

/** A page with its fields, then `command` and `error`, unless the page has its own `error`. */
export function done(command: string, page: Map<string, Json>): Page {
  page.set("command", command);
  if (!page.has("error")) page.set("error", null);
  return { kind: "json", status: 200, body: page };
}

export const failed = (status: number, command: string, error: string): Page => ({
  kind: "json",
  status,
  body: fields(["command", command], ["error", error]),
});

const limited = (command: string): Page =>
  failed(429, command, "too soon after the last one; admin.rateLimiterIntervalInMS sets how often");

const text = (status: number, words: string): Page => ({
  kind: "text",
  status,
  type: "text/plain;charset=utf-8",
  text: words,
});

const hasBody = (headers: ReadonlyMap<string, string>): boolean =>
  headers.has("content-length") || headers.has("transfer-encoding");

/** Path and parameters; the first of repeated ones counts. Null when the escapes are wrong. */
function parseTarget(
  target: string,
): { path: string; parameters: ReadonlyMap<string, string> } | null {
  const mark = target.indexOf("?");
  const query = mark < 0 ? "" : target.slice(mark + 1);
  const parameters = new Map<string, string>();
  try {
    for (const pair of query.split("&")) {
      if (pair === "") continue;
      const equals = pair.indexOf("=");
      const [key, value] = equals < 0
        ? [pair, ""]
        : [pair.slice(0, equals), pair.slice(equals + 1)];
      const name = plain(key);
      if (!parameters.has(name)) parameters.set(name, plain(value));
    }
    return { path: decodeURIComponent(mark < 0 ? target : target.slice(0, mark)), parameters };
  } catch {
    return null; // not UTF-8, or a percent sign without digits: only that is thrown here
  }
}

const plain = (escaped: string): string => decodeURIComponent(escaped.replaceAll("+", " "));

// ---- the commands -----------------------------------------------------------------------------

const get = (names: readonly string[], serving: Fill): Command => ({
  names,
  method: "GET",
  serving,
});
const getAlways = (names: readonly string[], always: FillAlways): Command => ({
  names,
  method: "GET",
  always,
});

const COMMANDS: readonly Command[] = [
  get(["connection_stat_reset", "crst"], (_page, _view, serving) => serving.resetConnections()),
  get(["configuration", "conf", "config"], (page, view) => {
    for (const [key, value] of view.configuration()) page.set(key, value);
  }),
  get(["connections", "cons"], (page, _view, serving) => addConnections(page, serving, false)),
  get(["hash"], (page, _view, serving) => {
    const row = ({ zxid, digest }: { zxid: bigint; digest: bigint }): Json =>
      fields(["zxid", zxid], ["digest", BigInt.asIntN(64, digest)], ["digest_version", 2]);
    page.set("digests", [...serving.digests()].map(row));
  }),
  get(["dirs"], (page, view) => {
    const { data, log } = view.sizes();
    page.set("datadir_size", data);
    page.set("logdir_size", log);
  }),
  get(["dump"], (page, _view, serving) => {
    const expiries = fields();
    for (const [mono, ids] of serving.expiries()) expiries.set(String(Math.floor(mono)), ids);
    const ephemerals = fields();
    const room = new PathRoom(page);
    for (const [id, paths] of serving.ephemerals()) {
      ephemerals.set(idKey(id), paths.filter((path) => room.takes(path)));
    }
    page.set("expiry_time_to_session_ids", expiries);
    page.set("session_id_to_ephemeral_paths", ephemerals);
  }),
  getAlways(["environment", "env", "envi"], (page, view) => {
    for (const [key, value] of view.environment()) page.set(key, value);
  }),
  get(["initial_configuration", "icfg"], (page, view) => {
    page.set("initial_configuration", view.initialConfiguration());
  }),
  get(["is_read_only", "isro"], (page, _view, serving) => {
    page.set("read_only", serving.mode === "read-only");
  }),
  get(["last_snapshot", "lsnp"], (page, view) => {
    const last = view.lastSnapshot();
    page.set("zxid", BigInt.asUintN(64, last?.zxid ?? -1n).toString(16));
    page.set("timestamp", last?.seconds ?? -1);
  }),
  get(["leader", "lead"], (page, { member }) => {
    if (member === null) {
      page.set("error", "server is not initialized");
      return;
    }
    page.set("is_leader", member.isLeader);
    page.set("leader_id", member.leader ?? -1);
    page.set("leader_ip", member.leaderHosts.join("|"));
  }),
  // Java needs a server for this and says so by a null pointer; what there is, is shown.
  getAlways(["monitor", "mntr"], (page, view) => {
    page.set("version", view.version);
    page.set("server_state", view.serving?.mode ?? "not serving");
    for (const [name, value] of view.gauges()) page.set(name, value);
    view.metrics.dump((name, value) => void page.set(name, value));
    if (view.serving === null) page.set("error", NOT_SERVING);
  }),
  get(["observers", "obsr"], (page, { member }) => {
    const observers = [...member?.observers() ?? []];
    page.set("synced_observers", observers.filter(({ isSynced }) => isSynced).length);
    page.set("observers", observers.filter(({ isSynced }) => isSynced).map(observerRow));
  }),
  get(["observer_connection_stat_reset", "orst"], (_page, { member }) => {
    member?.resetObservers();
  }),
  { names: ["restore", "rest"], method: "POST", isGuarded: true },
  get(["ruok"], () => {}),
  get(["server_stats", "srvr"], addStats),
  { names: ["shed_connections", "shed"], method: "POST", isGuarded: true },
  { names: ["snapshot", "snap"], method: "GET", isGuarded: true },
  get(["stats", "stat"], (page, view, serving) => {
    addStats(page, view, serving);
    addConnections(page, serving, true);
  }),
  // The word `srst` resets metrics and sizes of proposals too; this page of Java's does not.
  get(["stat_reset", "srst"], (_page, _view, serving) => serving.resetCounts()),
  getAlways(["system_properties", "sysp"], (page, view) => {
    const sorted = [...view.properties()].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    for (const [key, value] of sorted) page.set(key, value);
  }),
  get(["voting_view"], (page, { member }) => void page.set("current_config", votersRow(member))),
  get(["watches", "wchc"], (page, _view, serving) => {
    const bySession = fields();
    const room = new PathRoom(page);
    for (const [id, paths] of serving.watches()) {
      bySession.set(idKey(id), paths.filter((path) => room.takes(path)));
    }
    page.set("session_id_to_watched_paths", bySession);
  }),
  get(["watches_by_path", "wchp"], (page, _view, serving) => {
    const byPath = new Map<string, Json[]>();
    const room = new PathRoom(page);
    for (const [id, paths] of serving.watches()) {
      for (const path of paths) {
        const ids = byPath.get(path);
        if (ids !== undefined) ids.push(id);
        else if (room.takes(path)) byPath.set(path, [id]);
      }
    }
    page.set("path_to_session_ids", byPath);
  }),
  get(["watch_summary", "wchs"], (page, _view, serving) => {
    const paths = new Set<string>();
    let connections = 0;
    let total = 0;
    for (const [, watched] of serving.watches()) {
      connections += 1;
      total += watched.length;
      for (const path of watched) paths.add(path);
    }
    page.set("num_connections", connections);
    page.set("num_paths", paths.size);
    page.set("num_total_watches", total);
  }),
  getAlways(["zabstate"], (page, view) => addZabState(page, view.serving && view.member)),
];
