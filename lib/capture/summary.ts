// Counting for `--format summary`: op and error mix, latencies by op and member, top paths, slowest
// requests, busiest clients, packets, and the stories that fit on a page. On the hot path: typed
// arrays and counters, no object for a message. What is printed from it: summary_text.ts.

import { opName, packetName } from "../txn/opcodes.ts";
import { CONNECT_OP, eventName } from "./client_ops.ts";
import type { Conn, Context, Counter } from "./context.ts";
import type { Filter } from "./filter.ts";
import type { Side } from "./flows.ts";
import { Histogram } from "./histogram.ts";
import type {
  ElectionStory,
  EpochStory,
  SessionStory,
  Story,
  SyncStory,
  TlsStory,
  WriteStory,
} from "./message.ts";
import { NO_PATH, type PathTable } from "./paths.ts";

const OPS = 128;
/** Op codes begin at -11 (closeSession). */
const OP_BASE = 11;
const ERRORS = 256;
const CLIENTS_MAX = 100_000;
const STORIES_MAX = 1000;
/** How many of the slowest requests are kept. */
const SLOWEST = 10;

export interface SlowRequest {
  readonly latency: number;
  readonly op: number;
  readonly path: string;
  readonly error: number;
  readonly client: string;
  readonly server: string;
  readonly time: number;
}

export interface ClientRow {
  readonly host: string;
  requests: number;
  bytes: number;
  errors: number;
}

/** What one server answered. */
export interface MemberRow {
  readonly server: string;
  readonly latency: Histogram;
  readonly byOp: (Histogram | null)[];
  conn: Conn;
}

interface ConnRow {
  readonly client: ClientRow;
  readonly member: MemberRow;
}

/** What a filter is asked where its context is known. */
type Asked<F> = F extends (context: Context, ...asked: infer Rest) => boolean
  ? (...asked: Rest) => boolean
  : never;

/** Decides what counts: answered requests, and what is known by its connection and name alone. */
export interface Wanted {
  readonly exchange: Asked<Filter["exchange"]>;
  readonly other: Asked<Filter["other"]>;
}

const slotOf = (op: number): number => {
  const slot = op + OP_BASE;
  return slot >= 0 && slot < OPS - 1 ? slot : OPS - 1;
};

/** Name of an op slot. */
export const slotName = (slot: number): string => {
  const op = slot - OP_BASE;
  return slot === OPS - 1 ? "other" : op === CONNECT_OP ? "connect" : opName(op);
};

export class Summary implements Counter {
  readonly byOp: (Histogram | null)[] = new Array<Histogram | null>(OPS).fill(null);
  readonly opErrors = new Float64Array(OPS);
  readonly opUnanswered = new Float64Array(OPS);
  /** Count by error code, negated. */
  readonly errors = new Float64Array(ERRORS);
  readonly events = new Float64Array(16);
  readonly packets = new Float64Array(32);
  readonly packetBytes = new Float64Array(32);
  notifications = 0;
  readonly members = new Map<string, MemberRow>();
  readonly clients = new Map<string, ClientRow>();
  readonly slowest: SlowRequest[] = [];
  #threshold = 0;
  #pathCounts = new Float64Array(1 << 12);

  readonly elections: ElectionStory[] = [];
  readonly syncs: SyncStory[] = [];
  readonly epochs: EpochStory[] = [];
  readonly tls: TlsStory[] = [];
  readonly sessions = new Map<SessionStory["what"], number>();
  readonly protocols = new Map<string, { connections: number; messages: number; bytes: number }>();
  readonly losses = new Map<string, { count: number; bytes: number }>();
  writes = 0;
  readonly hops = new Map<string, Histogram>();

  #paths: PathTable | null = null;
  readonly #wanted: Wanted | null;

  /** `wanted`: counts only what it accepts. */
  constructor(wanted: Wanted | null = null) {
    this.#wanted = wanted;
  }

  /** Requests answered in the whole capture; null where not all of them are counted. */
  get answeredInAll(): number | null {
    if (this.#wanted !== null) return null;
    return this.byOp.reduce((sum, one) => sum + (one?.count ?? 0) + (one?.unknown ?? 0), 0);
  }

  /** Where path numbers come from; before anything is counted. */
  usePaths(paths: PathTable): void {
    this.#paths = paths;
  }

  message(conn: Conn, side: Side, size: number): void {
    if (conn.protocol !== "client" || side !== conn.clientSide) return;
    this.#row(conn).client.bytes += size;
  }

  answered(
    conn: Conn,
    op: number,
    error: number,
    latency: number,
    path: number,
    _xid: number,
    time: number,
    zxidHigh: number,
    zxidLow: number,
  ): void {
    const wanted = this.#wanted;
    const isWanted = wanted === null ||
      wanted.exchange(conn, op, error, latency, path, time, zxidHigh, zxidLow);
    if (!isWanted) return;
    const slot = slotOf(op);
    const row = this.#row(conn);
    row.client.requests += 1;
    if (error !== 0) {
      row.client.errors += 1;
      this.opErrors[slot] += 1;
      this.errors[error < 0 && error > -ERRORS ? -error : 0] += 1;
    }
    if (path !== NO_PATH) {
      if (path >= this.#pathCounts.length) this.#widen(path);
      this.#pathCounts[path] += 1;
    }
    const all = this.byOp[slot] ?? (this.byOp[slot] = new Histogram());
    if (latency !== latency) { // NaN: the request was not surely this one
      all.unknown += 1;
      return;
    }
    all.add(latency);
    const { member } = row;
    (member.byOp[slot] ?? (member.byOp[slot] = new Histogram())).add(latency);
    if (latency > this.#threshold) this.#slow(conn, op, error, latency, path, time);
  }

  #widen(path: number): void {
    const wider = new Float64Array(Math.max(path + 1, this.#pathCounts.length * 2));
    wider.set(this.#pathCounts);
    this.#pathCounts = wider;
  }

  #row(conn: Conn): ConnRow {
    return conn.counted === null ? this.#newRow(conn) : conn.counted as ConnRow;
  }

  #newRow(conn: Conn): ConnRow {
    const host = conn.client.slice(0, conn.client.lastIndexOf(":"));
    let client = this.clients.get(host);
    if (client === undefined) {
      client = { host, requests: 0, bytes: 0, errors: 0 };
      if (this.clients.size < CLIENTS_MAX) this.clients.set(host, client);
    }
    let member = this.members.get(conn.server);
    if (member === undefined) {
      const byOp = new Array<Histogram | null>(OPS).fill(null);
      member = { server: conn.server, latency: new Histogram(), byOp, conn };
      this.members.set(conn.server, member);
    }
    member.conn = conn;
    const row: ConnRow = { client, member };
    conn.counted = row;
    return row;
  }

  #slow(
    conn: Conn,
    op: number,
    error: number,
    latency: number,
    path: number,
    time: number,
  ): void {
    const { slowest } = this;
    const text = this.#paths?.text(path) ?? "";
    const { client, server } = conn;
    slowest.push({ latency, op, path: text, error, client, server, time });
    slowest.sort((a, b) => b.latency - a.latency);
    if (slowest.length > SLOWEST) slowest.pop();
    if (slowest.length === SLOWEST) this.#threshold = slowest[SLOWEST - 1].latency;
  }

  unanswered(_conn: Conn, op: number): void {
    if (this.#wanted === null) this.opUnanswered[slotOf(op)] += 1;
  }

  event(conn: Conn, type: number, time: number): void {
    if (this.#wanted?.other(conn, eventName(type), time) === false) return;
    if (type >= -1 && type < 15) this.events[type + 1] += 1;
  }

  packet(conn: Conn, type: number, size: number, time: number): void {
    if (this.#wanted?.other(conn, packetName(type), time) === false) return;
    const slot = type > 0 && type < 31 ? type : 31;
    this.packets[slot] += 1;
    this.packetBytes[slot] += size;
  }

  notification(conn: Conn, time: number): void {
    if (this.#wanted?.other(conn, "notification", time) === false) return;
    this.notifications += 1;
  }

  /** The paths asked for most, with how often. */
  topPaths(count: number): [string, number][] {
    const paths = this.#paths;
    if (paths === null) return [];
    const numbers: number[] = [];
    for (let path = 1; path < this.#pathCounts.length; path++) {
      if (this.#pathCounts[path] > 0) numbers.push(path);
    }
    numbers.sort((a, b) => this.#pathCounts[b] - this.#pathCounts[a]);
    return numbers.slice(0, count).map((path) => [paths.text(path), this.#pathCounts[path]]);
  }

  story(story: Story): void {
    switch (story.type) {
      case "election":
        return keep(this.elections, story);
      case "sync":
        return keep(this.syncs, story);
      case "epoch":
        return keep(this.epochs, story);
      case "tls":
        return keep(this.tls, story);
      case "session":
        this.sessions.set(story.what, (this.sessions.get(story.what) ?? 0) + 1);
        return;
      case "loss": {
        const row = this.losses.get(story.why) ?? { count: 0, bytes: 0 };
        row.count += 1;
        row.bytes += story.bytes;
        this.losses.set(story.why, row);
        return;
      }
      case "connection": {
        if (story.what !== "closed") return;
        const { protocol, messages, bytes } = story;
        const row = this.protocols.get(protocol) ?? { connections: 0, messages: 0, bytes: 0 };
        row.connections += 1;
        row.messages += messages;
        row.bytes += bytes;
        this.protocols.set(protocol, row);
        return;
      }
      case "write":
        this.#write(story);
    }
  }

  /** How long each stretch of a write takes. */
  #write(story: WriteStory): void {
    this.writes += 1;
    const first = (times: (number | null)[]): number | null => {
      const known = times.filter((time): time is number => time !== null);
      return known.length === 0 ? null : Math.min(...known);
    };
    const proposed = first(story.hops.map((hop) => hop.proposed));
    const committed = first(story.hops.map((hop) => hop.committed));
    this.#hop("client → server → leader (request to REQUEST)", story.requested, story.forwarded);
    this.#hop("leader prepares (REQUEST to PROPOSAL)", story.forwarded, proposed);
    for (const hop of story.hops) {
      const who = hop.sid === null ? hop.to : `server.${hop.sid}`;
      this.#hop(`${who} logs (PROPOSAL to ACK)`, hop.proposed, hop.acked);
    }
    this.#hop("quorum agrees (PROPOSAL to COMMIT)", proposed, committed);
    this.#hop("server applies (COMMIT to reply)", committed, story.replied);
    this.#hop("all (request to reply)", story.requested, story.replied);
  }

  #hop(name: string, from: number | null, to: number | null): void {
    if (from === null || to === null) return;
    let histogram = this.hops.get(name);
    if (histogram === undefined) {
      histogram = new Histogram();
      this.hops.set(name, histogram);
    }
    histogram.add(to - from);
  }
}

function keep<T>(list: T[], story: T): void {
  if (list.length < STORIES_MAX) list.push(story);
}
