// Sessions across connections: opened, resumed, moved, refused, closed, expired, and by whom. Also
// where a session is at present, so that a transaction finds the request it came from. Bounded: the
// sessions untouched longest are forgotten first.

import type { SessionId } from "../base/ids.ts";
import type { Context } from "./context.ts";
import type { ClientTalk } from "./client_talk.ts";
import type { SessionStory } from "./message.ts";

const SESSIONS_MAX = 100_000;

interface Session {
  talk: ClientTalk;
  server: string;
  timeoutMs: number;
  /** The client said that it is leaving. */
  isClosing: boolean;
}

export class Sessions {
  readonly #context: Context;
  readonly #sessions = new Map<SessionId, Session>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** The connection a session is on, as far as captured. */
  talkOf(session: SessionId): ClientTalk | null {
    return this.#sessions.get(session)?.talk ?? null;
  }

  /** `asked` is the session of the connect request: 0 for a new one, null when it was not seen. */
  connected(
    talk: ClientTalk,
    asked: SessionId | null,
    session: SessionId,
    timeoutMs: number,
    time: number,
    latency: number,
  ): void {
    const { conn } = talk;
    if (timeoutMs <= 0) {
      this.#tell(talk, asked ?? 0n, "refused", time, {
        latency: Number.isNaN(latency) ? null : latency,
        note: "the server does not know the session, or the password is wrong",
      });
      return;
    }
    const before = this.#sessions.get(session);
    const isNew = asked === 0n || (asked === null && before === undefined);
    const what = isNew
      ? "opened"
      : before !== undefined && before.server === conn.server
      ? "resumed"
      : "moved";
    const from = before === undefined ? "a server not captured" : before.server;
    this.#keep(session, { talk, server: conn.server, timeoutMs, isClosing: false });
    this.#tell(talk, session, what, time, {
      timeoutMs,
      latency: Number.isNaN(latency) ? null : latency,
      note: what === "moved" ? `was on ${from}` : "",
    });
  }

  /** The server made this id, so its top byte is the server's own (client.md 2.4). */
  made(talk: ClientTalk, session: SessionId): void {
    const sid = BigInt.asUintN(8, session >> 56n);
    if (sid > 0n && sid < 0xffn) this.#context.members.listens(talk.conn.server, sid);
  }

  /** A connection found out which session it carries, by one of its transactions. */
  learnt(talk: ClientTalk, session: SessionId): void {
    talk.session = session;
    this.#keep(session, { talk, server: talk.conn.server, timeoutMs: 0, isClosing: false });
  }

  closing(talk: ClientTalk, time: number): void {
    if (talk.session === null) return;
    const known = this.#sessions.get(talk.session);
    if (known !== undefined) known.isClosing = true;
    this.#tell(talk, talk.session, "closing", time, { note: "by its client" });
  }

  closed(talk: ClientTalk, time: number): void {
    if (talk.session === null) return;
    this.#tell(talk, talk.session, "closed", time, { note: "by its client" });
    this.#sessions.delete(talk.session);
  }

  /** A closeSession transaction that no client asked for. */
  expired(session: SessionId, zxid: bigint, time: number, by: string): void {
    const known = this.#sessions.get(session);
    if (known?.isClosing === true) return;
    this.#context.tell({
      type: "session",
      time,
      session,
      what: "expired",
      client: known?.talk.conn.client ?? null,
      server: known?.server ?? null,
      sid: known === undefined
        ? null
        : this.#context.members.sidOf(known.talk.conn, known.talk.conn.serverSide),
      timeoutMs: known === undefined || known.timeoutMs === 0 ? null : known.timeoutMs,
      zxid,
      latency: null,
      note: `by the leader ${by}`,
    });
    this.#sessions.delete(session);
  }

  #keep(session: SessionId, entry: Session): void {
    this.#sessions.delete(session);
    if (this.#sessions.size >= SESSIONS_MAX) {
      const [oldest] = this.#sessions.keys();
      this.#sessions.delete(oldest);
    }
    this.#sessions.set(session, entry);
  }

  #tell(
    talk: ClientTalk,
    session: SessionId,
    what: SessionStory["what"],
    time: number,
    more: Partial<Pick<SessionStory, "timeoutMs" | "latency" | "note">>,
  ): void {
    const { conn } = talk;
    this.#context.tell({
      type: "session",
      time,
      session,
      what,
      client: conn.client,
      server: conn.server,
      sid: this.#context.members.sidOf(conn, conn.serverSide),
      timeoutMs: more.timeoutMs ?? null,
      zxid: null,
      latency: more.latency ?? null,
      note: more.note ?? "",
    });
  }
}
