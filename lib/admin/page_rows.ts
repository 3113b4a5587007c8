// The objects that pages share: connections, observers, statistics, addresses. Names and order of the
// fields are Java's, odd ones included, since dashboards read them (operations.md 3.4).

import { epochOf, hex, type SessionId } from "../base/ids.ts";
import type { Address } from "../ports.ts";
import type { ConnectionLine } from "./four_letter.ts";
import { fields, type Json } from "./json.ts";
import type { MemberView, ObserverView, PagesView, ServingPages } from "./page_views.ts";

const at = ({ host, port }: Address): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

export function connectionRow(line: ConnectionLine, isBrief: boolean): Json {
  const row = fields(
    ["remote_socket_address", at(line)],
    ["interest_ops", line.interest],
    ["outstanding_requests", line.queued],
    ["packets_received", line.received],
    ["packets_sent", line.sent],
  );
  if (isBrief) return row;
  const { session } = line;
  row.set("session_id", session?.id ?? 0);
  row.set("last_operation", session?.lastOp ?? "NA");
  row.set("established", line.establishedWall);
  row.set("session_timeout", session?.timeoutMs ?? 0);
  row.set("last_cxid", session?.lastCxid ?? -1);
  row.set("last_zxid", session?.lastZxid ?? -1);
  row.set("last_response_time", Math.floor(session?.lastResponseMono ?? 0));
  row.set("last_latency", session?.lastLatency ?? 0);
  row.set("min_latency", session?.minLatency ?? 0);
  row.set("avg_latency", Math.floor(session?.averageLatency ?? 0));
  row.set("max_latency", session?.maxLatency ?? 0);
  return row;
}

/** Adds the two lists of connections: of the plain port and of the secure one. */
export function addConnections(
  page: Map<string, Json>,
  serving: ServingPages,
  isBrief: boolean,
): void {
  const plain: Json[] = [];
  const secure: Json[] = [];
  for (const line of serving.connections()) {
    (line.secure ? secure : plain).push(connectionRow(line, isBrief));
  }
  page.set("connections", plain);
  page.set("secure_connections", secure);
}

const sizesRow = ({ last, min, max }: { last: number; min: number; max: number }): Json =>
  fields(["last_buffer_size", last], ["min_buffer_size", min], ["max_buffer_size", max]);

/** The rows of `server_stats`. */
export function addStats(page: Map<string, Json>, view: PagesView, serving: ServingPages): void {
  const { data, log } = view.sizes();
  const { latency } = serving;
  page.set("version", view.version);
  page.set("read_only", serving.mode === "read-only");
  page.set(
    "server_stats",
    fields(
      ["packets_sent", serving.sent],
      ["packets_received", serving.received],
      ["fsync_threshold_exceed_count", view.slowFlushes],
      ["client_response_stats", sizesRow(serving.responseSizes)],
      ["provider_null", false],
      ["server_state", serving.mode],
      ["outstanding_requests", serving.outstanding],
      ["min_latency", latency.min],
      ["avg_latency", { double: latency.average }],
      ["max_latency", latency.max],
      ["data_dir_size", data],
      ["log_dir_size", log],
      ["last_processed_zxid", serving.lastZxid],
      ["num_alive_client_connections", serving.connectionCount],
      ["uptime", serving.uptimeMs],
      ["auth_failed_count", serving.authFailed],
      ["non_mtlsremote_conn_count", serving.nonMtlsRemote],
      ["non_mtlslocal_conn_count", serving.nonMtlsLocal],
    ),
  );
  page.set("client_response", sizesRow(serving.responseSizes));
  if (serving.proposalSizes !== null) page.set("proposal_stats", sizesRow(serving.proposalSizes));
  page.set("node_count", serving.nodeCount);
}

/** Characters of paths on one page: strings end at 2^29, and each may be escaped by six. */
const PATHS_MAX = 64 * 1024 * 1024;

/** Of the paths for a page, those that it has room for; its error says when some are left out. */
export class PathRoom {
  #left = PATHS_MAX;
  readonly #page: Map<string, Json>;

  constructor(page: Map<string, Json>) {
    this.#page = page;
  }

  takes(path: string): boolean {
    this.#left -= path.length;
    if (this.#left >= 0) return true;
    this.#page.set("error", "there are more than one page can show");
    return false;
  }
}

/** An id of a session as a key. */
export const idKey = (id: SessionId): string => String(id);

export function observerRow(observer: ObserverView): Json {
  return fields(
    ["remote_socket_address", `/${observer.remote}`],
    ["sid", observer.sid],
    ["established", observer.established],
    // Packets share a buffer here, so only its bytes can be told.
    ["queued_packets", observer.queuedBytes > 0 ? 1 : 0],
    ["queued_packets_size", observer.queuedBytes],
    ["packets_received", observer.received],
    ["packets_sent", observer.sent],
    ["requests", observer.requests],
    ["last_zxid", observer.lastZxid],
  );
}

/** Java shows its address object, which looks each address up; we do not dial for a page. */
function addressesRow(addresses: readonly Address[]): Json {
  const all = addresses.map(at);
  const one = all[0] ?? null;
  return fields(
    ["empty", all.length === 0],
    ["all_addresses", all],
    ["wildcard_addresses", addresses.map(({ port }) => `0.0.0.0:${port}`)],
    ["all_ports", addresses.map(({ port }) => port)],
    ["all_host_strings", addresses.map(({ host }) => host)],
    ["reachable_address", one],
    ["all_reachable_addresses", all],
    ["all_reachable_addresses_or_all", all],
    ["reachable_or_one", one],
    ["one", one],
  );
}

/** The rows of `zabstate`. */
export function addZabState(page: Map<string, Json>, member: MemberView | null): void {
  if (member === null) {
    page.set("voting", false);
    page.set("zabstate", "");
    return;
  }
  page.set("myid", member.sid);
  page.set("is_leader", member.isLeader);
  page.set("quorum_address", addressesRow(member.quorum));
  page.set("election_address", addressesRow(member.election));
  page.set("client_address", member.client === null ? null : at(member.client));
  page.set("voting", member.isVoter);
  page.set("last_zxid", hex(member.lastZxid));
  page.set("zab_epoch", epochOf(member.lastZxid));
  page.set("zab_counter", member.lastZxid & 0xffffffffn);
  page.set("zabstate", member.zabState);
}

/** The rows of `voting_view`. */
export function votersRow(member: MemberView | null): Json {
  const rows = fields();
  for (const voter of member?.voters() ?? []) {
    rows.set(
      String(voter.sid),
      fields(
        ["server_addresses", voter.quorum.map(at)],
        ["election_addresses", voter.election.map(at)],
        ["client_address", voter.client === null ? "" : at(voter.client)],
        ["learner_type", "participant"],
      ),
    );
  }
  return rows;
}
