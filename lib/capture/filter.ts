// Which messages and stories are shown. Every criterion given must hold; a story is shown when it is
// about what was asked for, and when nothing it could not know of was asked for.

import type { SessionId, Sid, Zxid } from "../base/ids.ts";
import { opName } from "../txn/opcodes.ts";
import { CONNECT_OP } from "./client_ops.ts";
import type { Conn, Context } from "./context.ts";
import { spansOf } from "./fields.ts";
import type { Decoded, Message, Story } from "./message.ts";
import { NO_PATH } from "./paths.ts";

const MULTIS: ReadonlySet<string> = new Set(["multi", "multiRead"]);
const MULTIS_MAX = 1 << 16;

export interface Criteria {
  /** Op, packet or word names, lower case. */
  readonly ops?: ReadonlySet<string>;
  /** Globs: `*` within a path segment, `**` across, `?` for one character. */
  readonly paths?: readonly string[];
  readonly sessions?: ReadonlySet<SessionId>;
  readonly sids?: ReadonlySet<Sid>;
  /** `address` or `address:port`. */
  readonly clients?: readonly string[];
  readonly zxidFrom?: Zxid;
  readonly zxidTo?: Zxid;
  readonly errors?: boolean;
  /** Nanoseconds. */
  readonly slower?: number;
  /** Nanoseconds after the first packet. */
  readonly since?: number;
  readonly until?: number;
}

/** A path glob as a regular expression over the whole path. */
export function globToRegExp(glob: string): RegExp {
  const source = glob.replace(
    /\*\*|[*?]|[.+^${}()|[\]\\]/g,
    (token) =>
      token === "**" ? ".*" : token === "*" ? "[^/]*" : token === "?" ? "[^/]" : `\\${token}`,
  );
  return new RegExp(`^${source}$`, "u");
}

export class Filter {
  readonly #criteria: Criteria;
  readonly #paths: readonly RegExp[];
  /** Multis that were let through for their paths and have no answer yet. */
  readonly #multis = new Set<number>();

  constructor(criteria: Criteria) {
    this.#criteria = criteria;
    this.#paths = (criteria.paths ?? []).map(globToRegExp);
  }

  /** True when it lets everything through. */
  get isOpen(): boolean {
    return Object.values(this.#criteria).every((value) => value === undefined || value === false);
  }

  accepts(decoded: Decoded): boolean {
    if (!this.#isInTime(decoded.time)) return false;
    return decoded.type === "message" ? this.message(decoded) : this.#story(decoded);
  }

  message(message: Message): boolean {
    const { ops, sessions, errors, slower } = this.#criteria;
    if (ops !== undefined && !this.#isOp(message)) return false;
    if (this.#paths.length > 0 && !this.#isOnPath(message)) return false;
    if (sessions !== undefined && (message.session === null || !sessions.has(message.session))) {
      return false;
    }
    if (!this.#isSid([message.fromSid, message.toSid])) return false;
    if (!this.#isClient([message.from, message.to])) return false;
    if (!this.#isZxid(message.zxid)) return false;
    if (errors === true && (message.error === null || message.error === 0)) return false;
    // An event's latency is the age of its watch.
    return slower === undefined ||
      (message.kind !== "event" && message.latency !== null && message.latency >= slower);
  }

  /** The same for an answered request on the counting way, where there is no message object. */
  exchange(
    context: Context,
    conn: Conn,
    op: number,
    error: number,
    latency: number,
    path: number,
    time: number,
    zxidHigh: number,
    zxidLow: number,
  ): boolean {
    const { ops, sessions, errors, slower, zxidFrom, zxidTo, sids } = this.#criteria;
    if (!this.#isInTime(time)) return false;
    if (errors === true && error === 0) return false;
    if (slower !== undefined && !(latency >= slower)) return false;
    if (ops !== undefined && !ops.has(op === CONNECT_OP ? "connect" : opName(op).toLowerCase())) {
      return false;
    }
    if (this.#paths.length > 0) {
      const text = path === NO_PATH ? null : context.paths.text(path);
      if (!this.#isPath(text)) return false;
    }
    if (sessions !== undefined) {
      const { session = null } = conn.talk as { session?: SessionId | null };
      if (session === null || !sessions.has(session)) return false;
    }
    if (sids !== undefined && !this.#isSid([context.members.sidOf(conn, conn.serverSide)])) {
      return false;
    }
    if (!this.#isClient(conn.names)) return false;
    if (zxidFrom === undefined && zxidTo === undefined) return true;
    return this.#isZxid((BigInt(zxidHigh) << 32n) | BigInt(zxidLow >>> 0));
  }

  /** On that way too: what is known by no more than its connection, name and time. */
  other(context: Context, conn: Conn, name: string, time: number): boolean {
    const { ops, sids, sessions, errors, slower, zxidFrom, zxidTo } = this.#criteria;
    if (!this.#isInTime(time)) return false;
    if (errors === true || slower !== undefined || sessions !== undefined) return false;
    if (zxidFrom !== undefined || zxidTo !== undefined || this.#paths.length > 0) return false;
    if (ops !== undefined && !ops.has(name.toLowerCase())) return false;
    return this.#isClient(conn.names) &&
      (sids === undefined ||
        this.#isSid([context.members.sidOf(conn, 0), context.members.sidOf(conn, 1)]));
  }

  #isInTime(time: number): boolean {
    const { since, until } = this.#criteria;
    return !(since !== undefined && time < since) && !(until !== undefined && time > until);
  }

  /** A packet that carries an op (REQUEST, PROPOSAL) goes by either name. */
  #isOp(message: Message): boolean {
    const { ops } = this.#criteria;
    if (ops === undefined || ops.has(message.name.toLowerCase())) return true;
    return message.kind === "packet" && ops.has(message.note.toLowerCase());
  }

  /** A multi is on each path that one of its parts names, and its answer is where it was. */
  #isOnPath(message: Message): boolean {
    if (message.path !== null) return this.#isPath(message.path);
    const { kind, name, note, about } = message;
    if (kind === "reply") return about !== null && this.#multis.delete(about);
    const isMulti = kind === "request" ? MULTIS.has(name) : kind === "packet" && MULTIS.has(note);
    const isThere = isMulti &&
      spansOf(message).some(({ tag, value }) =>
        tag === "path" && typeof value === "string" && this.#isPath(value)
      );
    if (isThere && kind === "request") {
      if (this.#multis.size >= MULTIS_MAX) this.#multis.clear();
      this.#multis.add(message.n);
    }
    return isThere;
  }

  #isPath(path: string | null): boolean {
    return path !== null && this.#paths.some((glob) => glob.test(path));
  }

  #isSid(sids: readonly (Sid | null)[]): boolean {
    const wanted = this.#criteria.sids;
    return wanted === undefined || sids.some((sid) => sid !== null && wanted.has(sid));
  }

  #isClient(names: readonly string[]): boolean {
    const wanted = this.#criteria.clients;
    return wanted === undefined ||
      names.some((name) =>
        wanted.some((one) =>
          name === one || name.startsWith(`${one}:`) || name.startsWith(`[${one}]`)
        )
      );
  }

  #isZxid(zxid: Zxid | null): boolean {
    const { zxidFrom, zxidTo } = this.#criteria;
    if (zxidFrom === undefined && zxidTo === undefined) return true;
    return zxid !== null && (zxidFrom === undefined || zxid >= zxidFrom) &&
      (zxidTo === undefined || zxid <= zxidTo);
  }

  #story(story: Story): boolean {
    const { ops, sessions, sids, clients, errors, slower } = this.#criteria;
    const zxid = "zxid" in story ? story.zxid : null;
    if (!this.#isZxid(zxid)) return false;
    if (ops !== undefined && !("op" in story && ops.has(story.op.toLowerCase()))) return false;
    if (this.#paths.length > 0 && !("path" in story && this.#isPath(story.path))) return false;
    if (sessions !== undefined && !("session" in story && sessions.has(story.session))) {
      return false;
    }
    if (sids !== undefined && !this.#isSid(sidsOf(story))) return false;
    if (clients !== undefined && !this.#isClient(namesOf(story))) return false;
    if (errors === true && !(story.type === "write" && story.error !== 0)) return false;
    return slower === undefined || tookOf(story) >= slower;
  }
}

function sidsOf(story: Story): (Sid | null)[] {
  switch (story.type) {
    case "write":
      return [story.forwardedBy, ...story.hops.map((hop) => hop.sid)];
    case "election":
      return [story.leader, ...story.votes.map((vote) => vote.sid)];
    case "epoch":
      return [story.leader];
    case "session":
    case "sync":
      return [story.sid];
    default:
      return [];
  }
}

function namesOf(story: Story): string[] {
  if (story.type === "session") return story.client === null ? [] : [story.client];
  return "from" in story && typeof story.from === "string" && "to" in story
    ? [story.from, story.to]
    : [];
}

function tookOf(story: Story): number {
  if (story.type !== "write" || story.requested === null || story.replied === null) return -1;
  return story.replied - story.requested;
}
