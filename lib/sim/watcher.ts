// The watches of one simulated client: asks for those that reads do not arm, is rid of those that
// stay, and says where what it was told breaks a promise (watching.ts).

import type { Zxid } from "../base/ids.ts";
import type { ClientSession, Reply, WatchKind } from "../client/session.ts";
import type { Output } from "../codec/output.ts";
import * as records from "../records/client.ts";
import type { Stat } from "../records/data.ts";
import { ErrorCode, OpCode } from "../txn/opcodes.ts";
import { type Change, type OnceKind, Watching } from "./watching.ts";

type Ask = (op: number, write: (out: Output) => void, done: (reply: Reply) => void) => void;

/** The client that watches. */
export interface Watchful {
  readonly session: ClientSession;
  readonly isConnected: boolean;
}

/** Watches that stay: the modes of addWatch, and the types by which removeWatches calls them. */
const KINDS = {
  plain: { mode: 0, type: 4, kind: "persistent" },
  recursive: { mode: 1, type: 5, kind: "persistentRecursive" },
} as const;

export class Watcher {
  readonly #client: Watchful;
  readonly #ask: Ask;
  readonly #broken: (what: string) => void;
  readonly #watching = new Watching();
  /** Asked for, not answered: a second one of another mode there would be watched by nobody here. */
  readonly #asked = new Set<string>();

  constructor(client: Watchful, ask: Ask, broken: (what: string) => void) {
    this.#client = client;
    this.#ask = ask;
    this.#broken = broken;
  }

  #wrong(what: string | null): void {
    if (what !== null) this.#broken(what);
  }

  // ---- what the session hears ---------------------------------------------------------------------

  disconnected(): void {
    this.#watching.disconnected();
  }

  /** The session is over. */
  over(): void {
    this.#watching.clear();
  }

  heard(zxid: Zxid): void {
    this.#watching.heard(zxid);
  }

  /** A reply shows a change of this node. */
  shown(type: Change, path: string, at: Zxid): void {
    this.#wrong(this.#watching.shown(type, path, at));
  }

  event(event: records.WatcherEvent, zxid: Zxid): void {
    this.#wrong(this.#watching.event(event.type, event.path ?? "", zxid));
    const tired = this.#client.isConnected ? this.#watching.tired() : null;
    if (tired !== null) this.#unwatch(tired.path, tired.isRecursive);
  }

  /** At the end: whoever watches was told of the last change. */
  judge(nodes: ReadonlyMap<string, Stat>): void {
    for (const fault of this.#watching.judge(nodes)) this.#wrong(fault);
  }

  // ---- what it asks for ---------------------------------------------------------------------------

  /** A read of `path` has armed this watch. */
  armed(kind: OnceKind, path: string, at: Zxid): void {
    this.#watching.arm(kind, path, at);
    this.#client.session.arm(kind, path);
  }

  /** Looks for what is not there yet. */
  await(path: string): void {
    this.#ask(
      OpCode.exists,
      (out) => records.writeExistsRequest(out, { path, watch: true }),
      (reply) => {
        if (reply.lost) return;
        if (reply.err === ErrorCode.NONODE) return this.armed("exist", path, reply.zxid);
        this.#wrong(`exists of ${path}, which nobody has made: ${reply.err}`);
      },
    );
  }

  watchChildren(path: string): void {
    this.#ask(
      OpCode.getChildren,
      (out) => records.writeGetChildrenRequest(out, { path, watch: true }),
      (reply) => {
        if (reply.lost) return;
        if (reply.err === 0) return this.armed("child", path, reply.zxid);
        this.#wrong(`the children of ${path} were refused: ${reply.err}`);
      },
    );
  }

  /** Watches until it has been told enough. */
  watch(path: string, isRecursive: boolean): void {
    if (this.#watching.isStanding(path) || this.#asked.has(path)) return;
    this.#asked.add(path);
    const { mode, kind } = isRecursive ? KINDS.recursive : KINDS.plain;
    this.#ask(
      OpCode.addWatch,
      (out) => records.writeAddWatchRequest(out, { path, mode }),
      (reply) => {
        this.#asked.delete(path);
        if (reply.lost) return;
        if (reply.err !== 0) return this.#wrong(`a watch of ${path} was refused: ${reply.err}`);
        this.#watching.stand(path, isRecursive, reply.zxid);
        this.#client.session.arm(kind satisfies WatchKind, path);
      },
    );
  }

  #unwatch(path: string, isRecursive: boolean): void {
    const { type, kind } = isRecursive ? KINDS.recursive : KINDS.plain;
    this.#ask(
      OpCode.removeWatches,
      (out) => records.writeRemoveWatchesRequest(out, { path, type }),
      (reply) => {
        if (reply.lost) return;
        if (reply.err !== 0) return this.#wrong(`no watch of ${path} was found: ${reply.err}`);
        this.#watching.fall(path);
        this.#client.session.disarm(kind, path);
      },
    );
  }
}
