// What the parts of the decoder share: connections, the counting of messages, who is which server,
// and where messages and stories go. Talks (one per connection) call it; it calls the listener.

import type { SessionId, Sid, Zxid } from "../base/ids.ts";
import { Backlog } from "./backlog.ts";
import type { Flow, Side } from "./flows.ts";
import { type AddressBook, v4Text } from "./ip.ts";
import { Members } from "./members.ts";
import type { Layout, Message, MessageKind, Protocol, Story } from "./message.ts";
import { PathTable } from "./paths.ts";
import type { LossReason } from "./tcp.ts";

/** Receives what the decoder says. */
export interface Listener {
  message(message: Message): void;
  story(story: Story): void;
}

/** What counting wants to know of the hot path, without an object for each message. */
export interface Counter {
  /** A message of any protocol; `name` is a table number of its own (op, packet type, ...). */
  message(conn: Conn, side: Side, size: number): void;
  /** A request has its reply. `latency` is NaN when the request's time is not to be trusted. */
  answered(
    conn: Conn,
    op: number,
    error: number,
    latency: number,
    path: number,
    xid: number,
    time: number,
    zxidHigh: number,
    zxidLow: number,
  ): void;
  unanswered(conn: Conn, op: number): void;
  event(conn: Conn, type: number, time: number): void;
  packet(conn: Conn, type: number, size: number, time: number): void;
  notification(conn: Conn, time: number): void;
}

/** One side of the talk over a connection: takes the bytes of its protocol. */
export interface Talk {
  readonly protocol: Protocol;
  data(side: Side, bytes: Uint8Array, start: number, end: number, time: number): void;
  lost(side: Side, length: number, why: LossReason, time: number): void;
  /** The flow is over, or the capture is. */
  close(time: number, why: string): void;
}

export class Conn {
  readonly id: number;
  readonly flow: Flow;
  readonly names: readonly [string, string];
  readonly sids: [Sid | null, Sid | null] = [null, null];
  /** Which side dialled, as far as known; the other is the server. */
  clientSide: Side;
  talk: Talk | null = null;
  messages = 0;
  bytes = 0;
  lost = 0;
  unreadable = 0;
  /** The counter's own, kept here to save it a lookup. */
  counted: unknown = null;

  constructor(id: number, flow: Flow, addresses: AddressBook) {
    this.id = id;
    this.flow = flow;
    this.clientSide = 0;
    const name = (side: Side): string => {
      const address = flow.addresses[side];
      return flow.isV6
        ? `[${addresses.text(address)}]:${flow.ports[side]}`
        : `${v4Text(address)}:${flow.ports[side]}`;
    };
    this.names = [name(0), name(1)];
  }

  get protocol(): Protocol {
    return this.talk?.protocol ?? "unknown";
  }

  get client(): string {
    return this.names[this.clientSide];
  }

  get server(): string {
    return this.names[this.clientSide ^ 1];
  }

  get serverSide(): Side {
    return (this.clientSide ^ 1) as Side;
  }
}

/** What may still be recognised once more is known; true when it was. */
export interface Riddle {
  resolve(time: number, why: string): boolean;
  /** Nobody will ever know. */
  giveUp(): void;
}

/** What a talk knows about one message; all else is filled in. */
export interface Draft {
  kind: MessageKind;
  name: string;
  layout: Layout;
  xid?: number | null;
  session?: SessionId | null;
  zxid?: Zxid | null;
  path?: string | null;
  error?: number | null;
  latency?: number | null;
  about?: number | null;
  note?: string;
}

export class Context {
  readonly paths = new PathTable();
  readonly members: Members;
  readonly backlog = new Backlog();
  readonly counter: Counter | null;
  readonly #listener: Listener | null;
  /** Messages so far, all protocols. */
  messages = 0;
  /** Connections that were over before they could be told. */
  readonly riddles: Riddle[] = [];

  /** Without a listener no message object is ever made: the quick way of counting. */
  constructor(listener: Listener | null, counter: Counter | null, members = new Members()) {
    this.#listener = listener;
    this.counter = counter;
    this.members = members;
  }

  /** True when message objects are wanted. */
  get isRich(): boolean {
    return this.#listener !== null;
  }

  /** Counts a message; call before {@link emit}. */
  count(conn: Conn, side: Side, size: number): void {
    this.messages += 1;
    conn.messages += 1;
    this.counter?.message(conn, side, size);
  }

  /** Makes the message object of the message counted last. Only when {@link isRich}. */
  emit(
    conn: Conn,
    side: Side,
    draft: Draft,
    bytes: Uint8Array,
    start: number,
    end: number,
    size: number,
    lost: number,
    time: number,
  ): Message {
    const message: Message = {
      type: "message",
      n: this.messages,
      time,
      connection: conn.id,
      protocol: conn.protocol,
      from: conn.names[side],
      to: conn.names[side ^ 1],
      direction: side === conn.clientSide ? "up" : "down",
      fromSid: this.members.sidOf(conn, side),
      toSid: this.members.sidOf(conn, (side ^ 1) as Side),
      kind: draft.kind,
      name: draft.name,
      size,
      lost,
      xid: draft.xid ?? null,
      session: draft.session ?? null,
      zxid: draft.zxid ?? null,
      path: draft.path ?? null,
      error: draft.error ?? null,
      latency: draft.latency ?? null,
      about: draft.about ?? null,
      note: draft.note ?? "",
      layout: draft.layout,
      bytes: bytes.slice(start, end),
    };
    this.#listener?.message(message);
    return message;
  }

  tell(story: Story): void {
    this.#stories?.(story);
    this.#listener?.story(story);
  }

  #stories: ((story: Story) => void) | null = null;

  /** Stories also go here; they are few, so the counting way wants them too. */
  onStory(take: (story: Story) => void): void {
    this.#stories = take;
  }

  loss(conn: Conn, side: Side, bytes: number, why: LossReason | "unreadable", time: number): void {
    if (why === "unreadable") conn.unreadable += bytes;
    else conn.lost += bytes;
    this.tell({
      type: "loss",
      time,
      connection: conn.id,
      protocol: conn.protocol,
      from: conn.names[side],
      to: conn.names[side ^ 1],
      why,
      bytes,
    });
  }
}
