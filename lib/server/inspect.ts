// A look at a running server for operators: plain data for four-letter words, pages and gauges. It
// changes nothing but the two resets, and builds what it shows only when asked.

import type { SessionId, Zxid } from "../base/ids.ts";
import type { ACL } from "../records/data.ts";
import { ROOT } from "../tree/nodes.ts";
import type { TrackedSession } from "./sessions.ts";
import type { Connection } from "./connection.ts";
import type { Core } from "./core.ts";

/** Whoever sets quotas chooses what these rows are called, and how many there are. */
const NAME_MAX = 256;
const QUOTA_ROWS_MAX = 4000;

export class Inspection {
  readonly #core: Core;
  /** Leaders: sizes of proposals; set by the role. */
  proposalSizes: { readonly last: number; readonly min: number; readonly max: number } | null =
    null;
  /** A role that counts too starts anew with the server's counts. */
  onReset: () => void = () => {};

  constructor(core: Core) {
    this.#core = core;
  }

  get mode(): string {
    return this.#core.backend.role;
  }
  get latency(): { readonly min: number; readonly average: number; readonly max: number } {
    return this.#core.stats.latency;
  }
  get received(): number {
    return this.#core.stats.received;
  }
  get sent(): number {
    return this.#core.stats.sent;
  }
  get connectionCount(): number {
    return this.#core.connections.size;
  }
  get outstanding(): number {
    return this.#core.requests.inProcess;
  }
  get lastZxid(): Zxid {
    return this.#core.tree.lastZxid;
  }
  get nodeCount(): number {
    return this.#core.tree.nodeCount;
  }

  *connections(): IterableIterator<ReturnType<typeof lineOf>> {
    for (const conn of this.#core.connections) yield lineOf(conn);
  }

  sessions():
    | {
      kind: "tracker";
      local: Map<number, SessionId[]> | null;
      global: Map<number, SessionId[]>;
    }
    | {
      kind: "learner";
      local: Map<number, SessionId[]> | null;
      global: ReadonlyMap<SessionId, number>;
    } {
    const { tracker, local, tree } = this.#core;
    const locals = local === null ? null : this.#byWall(local.dump());
    return tracker === null
      ? { kind: "learner", local: locals, global: tree.sessions }
      : { kind: "tracker", local: locals, global: this.#byWall(tracker.dump()) };
  }

  *ephemerals(): IterableIterator<[SessionId, string[]]> {
    const { tree } = this.#core;
    for (const id of tree.sessionsWithEphemerals()) yield [id, [...tree.ephemeralsOf(id)]];
  }

  /** Data watches: each connection's session and its paths. */
  watches(): Map<SessionId, string[]> {
    const bySession = new Map<SessionId, string[]>();
    const { connections, tree } = this.#core;
    const sessions = new Map<unknown, SessionId>();
    for (const conn of connections) sessions.set(conn, conn.sessionId);
    tree.watches.data.forEach((path, watcher) => {
      const id = sessions.get(watcher);
      if (id === undefined) return;
      const paths = bySession.get(id);
      if (paths === undefined) bySession.set(id, [path]);
      else paths.push(path);
    });
    return bySession;
  }

  rootAcl(): readonly ACL[] | null {
    const { tree } = this.#core;
    return tree.acl(ROOT);
  }

  /** Sessions that this server decides over, by the monotonic time at which they end. */
  *expiries(): IterableIterator<[number, SessionId[]]> {
    for (const [mono, sessions] of this.#core.tracker?.dump() ?? []) {
      yield [mono, sessions.map(({ id }) => id)];
    }
  }

  get responseSizes(): { readonly last: number; readonly min: number; readonly max: number } {
    const { lastResponseSize, minResponseSize, maxResponseSize } = this.#core.stats;
    return { last: lastResponseSize, min: minResponseSize, max: maxResponseSize };
  }
  get uptimeMs(): number {
    return Math.floor(this.#core.mono - this.#core.stats.startedMono);
  }
  get authFailed(): number {
    return this.#core.stats.authFailed;
  }
  get nonMtlsRemote(): number {
    return this.#core.stats.nonMtlsRemote;
  }
  get nonMtlsLocal(): number {
    return this.#core.stats.nonMtlsLocal;
  }

  digests(): readonly { readonly zxid: Zxid; readonly digest: bigint }[] {
    return this.#core.tree.check.history.list();
  }

  wallOf(mono: number): number {
    return this.#core.wall + (mono - this.#core.mono);
  }

  resetServer(): void {
    this.#core.stats.reset();
    this.onReset();
  }

  resetCounts(): void {
    this.#core.stats.reset();
  }

  resetConnections(): void {
    for (const conn of this.#core.connections) conn.stats.reset();
  }

  /** The gauges of operations.md 4.2 that every server has, in Java's units. */
  gauges(): [string, number | bigint | { readonly double: number }][] {
    const { stats, tree, tracker, local, connects, mono } = this.#core;
    return [
      ["avg_latency", { double: stats.latency.average }],
      ["max_latency", stats.latency.max],
      ["min_latency", stats.latency.min],
      ["packets_received", stats.received],
      ["packets_sent", stats.sent],
      ["num_alive_connections", this.connectionCount],
      ["outstanding_requests", this.outstanding],
      ["uptime", Math.floor(mono - stats.startedMono)],
      ["znode_count", tree.nodeCount],
      ["watch_count", tree.watches.data.size + tree.watches.child.size],
      ["ephemerals_count", tree.ephemeralCount],
      ["approximate_data_size", tree.dataSize],
      ["global_sessions", tracker?.size ?? tree.sessions.size],
      ["local_sessions", local?.size ?? 0],
      ["connection_drop_probability", { double: connects.dropChance }],
      ["last_client_response_size", stats.lastResponseSize],
      ["max_client_response_size", stats.maxResponseSize],
      ["min_client_response_size", stats.minResponseSize],
      ["outstanding_tls_handshake", 0],
      ["auth_failed_count", stats.authFailed],
      ["non_mtls_remote_conn_count", stats.nonMtlsRemote],
      ["non_mtls_local_conn_count", stats.nonMtlsLocal],
      ...this.#quotaGauges(),
    ];
  }

  /** Limits and usage of the paths of one segment: a namespace (operations.md 4.2). */
  #quotaGauges(): [string, bigint][] {
    const rows: [string, bigint][] = [];
    for (const path of this.#core.tree.quotas.paths()) {
      const usage = this.#core.tree.quotas.usageOf(path);
      const key = path.slice(1);
      if (path.lastIndexOf("/") !== 0 || usage === null || key.length > NAME_MAX) continue;
      if (rows.length > QUOTA_ROWS_MAX) break;
      const { limits, used } = usage;
      if (limits !== null) {
        const count = limits.countHardLimit > -1n ? limits.countHardLimit : limits.count;
        const bytes = limits.byteHardLimit > -1n ? limits.byteHardLimit : limits.bytes;
        rows.push([`${key}_quota_count_limit_per_namespace`, count]);
        rows.push([`${key}_quota_bytes_limit_per_namespace`, bytes]);
      }
      if (used !== null) {
        rows.push([`${key}_quota_count_usage_per_namespace`, used.count]);
        rows.push([`${key}_quota_bytes_usage_per_namespace`, used.bytes]);
      }
    }
    return rows;
  }

  #byWall(byMono: Map<number, TrackedSession[]>): Map<number, SessionId[]> {
    return new Map(
      [...byMono].map(([mono, sessions]) => [this.wallOf(mono), sessions.map(({ id }) => id)]),
    );
  }
}

function lineOf(conn: Connection) {
  const { stats, client, sessionId } = conn;
  const average = stats.count === 0 ? 0 : stats.totalLatency / stats.count;
  return {
    host: conn.address,
    port: client.port,
    secure: client.secure,
    establishedWall: Math.floor(conn.establishedWall),
    interest: conn.isHeld || !conn.isOpen ? 0 : 1,
    queued: conn.unanswered,
    received: stats.received,
    sent: stats.sent,
    idleAt: conn.deadline,
    session: sessionId === 0n ? null : {
      id: sessionId,
      lastOp: stats.lastOp,
      timeoutMs: conn.timeoutMs,
      lastCxid: stats.lastCxid,
      lastZxid: stats.lastZxid,
      lastResponseMono: stats.lastResponseMono,
      lastLatency: stats.lastLatency,
      minLatency: stats.minLatency,
      averageLatency: average,
      maxLatency: stats.maxLatency,
    },
  };
}
