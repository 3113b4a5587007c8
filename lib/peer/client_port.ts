// The client listener of one process, whatever role it has at the moment: hands connections to the
// server that serves, answers four-letter words alone while nobody does, and closes everybody else.
//
// Must agree with Java's NIOServerCnxnFactory; the words with operations.md 2.1.

import { assert } from "../base/assert.ts";
import { Fault } from "../base/errors.ts";
import { Input } from "../codec/input.ts";
import type { Address, Clock, Closable, Link, Millis, Network, Trace } from "../ports.ts";
import type { Connection } from "../server/connection.ts";
import type { ClientConn } from "../server/request.ts";
import type { Server } from "../server/server.ts";
import { isFourLetterWord, STMK_MASK_BYTES } from "../wire/client.ts";
import { ByteQueue } from "../wire/frames.ts";

export interface ClientPortOptions {
  readonly at: Address;
  readonly backlog: number;
  readonly keepAlive: boolean;
  readonly secure: boolean;
  /** How long a link may say nothing while nobody serves. */
  readonly idleMs: Millis;
}

export interface ClientPortEars {
  /** The port that was bound: of interest when the system chose it. */
  bound(at: Address): void;
  fatal(fault: Fault): void;
  /** Something happened: a turn must follow. */
  busy(): void;
  /** The answer to a word while nobody serves. */
  word(word: string, mask: bigint | null): string;
}

/** Links that wait, while nobody serves, for the four bytes that decide. */
const IDLE_MAX = 1000;

export class ClientPort {
  readonly #network: Network;
  readonly #note: Trace["note"];
  readonly #clock: Clock;
  readonly #options: ClientPortOptions;
  readonly #ears: ClientPortEars;
  /** Links accepted while nobody served, in their order; with the time at which each is cut off. */
  readonly #unserved = new Map<Link, Millis>();
  /** Their other side sends no more: ended after what they asked is answered. */
  readonly #ending = new Set<Link>();
  #listener: Closable | null = null;
  #server: Server | null = null;

  constructor(
    ports: { network: Network; note: Trace["note"]; clock: Clock },
    options: ClientPortOptions,
    ears: ClientPortEars,
  ) {
    this.#network = ports.network;
    this.#note = ports.note;
    this.#clock = ports.clock;
    this.#options = options;
    this.#ears = ears;
  }

  listen(): void {
    assert(this.#listener === null, "a port listens once");
    const { at, backlog, keepAlive } = this.#options;
    const troubled = (fault: Fault): void =>
      this.#note("warn", "client", "the client listener is in trouble", { why: fault.message });
    this.#listener = this.#network.listen(at, (link) => this.#accepted(link), (bound) => {
      if (this.#listener === null) return;
      if (!(bound instanceof Fault)) return this.#ears.bound(bound);
      this.#ears.fatal(notOurs(bound, at));
    }, { keepAlive, troubled, ...(backlog > 0 ? { backlog } : {}) });
  }

  /**
   * Who serves from now on. The one before has closed its connections itself; links that came while
   * nobody served are no connections, as with Java, and are let go.
   */
  serve(server: Server | null): void {
    this.#server = server;
    if (server !== null) this.#dropUnserved();
  }

  /** After a turn: links whose other side has said its last word. */
  flushed(): void {
    for (const link of this.#ending) link.end();
    this.#ending.clear();
  }

  close(): void {
    this.#listener?.close();
    this.#listener = null;
    this.#dropUnserved();
  }

  #accepted(link: Link): void {
    const server = this.#server;
    if (server === null) return this.#refuse(link);
    const client: ClientConn = {
      host: javaHost(link.remote.host),
      port: link.remote.port,
      secure: this.#options.secure,
      ids: [],
      send: (bytes) => link.write(bytes),
      get queued() {
        return link.queued;
      },
      close: () => link.end(),
      hold: (on) => link.hold(on),
    };
    const conn: Connection | null = server.accept(client);
    if (conn === null) return link.destroy();
    link.attach({
      bytes: (chunk) => {
        server.bytes(conn, chunk);
        this.#ears.busy();
      },
      drained: () => {
        server.drained(conn);
        this.#ears.busy();
      },
      ended: () => {
        this.#ending.add(link);
        this.#ears.busy();
      },
      closed: () => {
        this.#ending.delete(link);
        server.closed(conn);
        this.#ears.busy();
      },
    });
  }

  /** Nobody serves: a four-letter word is answered, anything else is closed. */
  #refuse(link: Link): void {
    if (this.#unserved.size >= IDLE_MAX) return link.destroy();
    this.#unserved.set(link, this.#clock.now().mono + this.#options.idleMs);
    if (this.#unserved.size === 1) this.#wakeForUnserved();
    const queue = new ByteQueue();
    const finish = (): void => {
      this.#unserved.delete(link);
      link.end();
    };
    link.attach({
      bytes: (chunk) => {
        if (!this.#unserved.has(link)) return;
        queue.push(chunk);
        if (queue.size < 4) return;
        const word = String.fromCharCode(...[0, 1, 2, 3].map((i) => queue.byteAt(i)));
        if (!isFourLetterWord(word)) return finish();
        if (word === "stmk" && queue.size < 4 + STMK_MASK_BYTES) return;
        queue.skip(4);
        const mask = word === "stmk" ? new Input(queue.take(STMK_MASK_BYTES)).long() : null;
        link.write(new TextEncoder().encode(this.#ears.word(word, mask)));
        finish();
      },
      drained: () => {},
      ended: finish,
      closed: () => void this.#unserved.delete(link),
    });
  }

  #dropUnserved(): void {
    for (const link of this.#unserved.keys()) link.destroy();
    this.#unserved.clear();
    this.#clock.wakeAt(null, () => {});
  }

  #wakeForUnserved(): void {
    const [first] = this.#unserved.values();
    this.#clock.wakeAt(first ?? null, () => {
      const { mono } = this.#clock.now();
      for (const [link, until] of this.#unserved) {
        if (until > mono) break;
        this.#unserved.delete(link);
        link.destroy();
      }
      this.#wakeForUnserved();
    });
  }
}

/** Why there is no listening for clients, and what to do. */
export function notOurs(fault: Fault, at: Address): Fault {
  if (fault.code !== "PORT_IN_USE") {
    const hint = "see clientPort and clientPortAddress";
    return new Fault(fault.code, `cannot serve clients: ${fault.message}`, { cause: fault, hint });
  }
  return new Fault(fault.code, "Address already in use: cannot serve clients", {
    where: `${at.host}:${at.port}`,
    cause: fault,
    hint: "stop what holds the port, or set clientPort to another",
  });
}

/** The address as Java prints it: IPv4 in IPv6 as IPv4, IPv6 with all eight groups (client.md 5.5). */
export function javaHost(host: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1];
  if (mapped !== undefined) return mapped;
  if (!host.includes(":")) return host;
  const [address = "", zone] = host.split("%");
  const [head = "", tail] = address.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const gap = tail === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...Array.from({ length: gap }, () => "0"), ...right];
  const text = groups.map((group) => parseInt(group, 16).toString(16)).join(":");
  return zone === undefined ? text : `${text}%${zone}`;
}
