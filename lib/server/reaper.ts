// Containers that are empty and TTL nodes whose time is over: on the leader or the only server, a
// round now and then posts one internal request for each, not too many a minute (client.md 4.10).
//
// Must agree with ContainerManager.

import { Output } from "../codec/output.ts";
import type { Millis } from "../ports.ts";
import type { Tree } from "../tree/tree.ts";
import { OpCode } from "../txn/opcodes.ts";
import { Buffer } from "node:buffer";
import { LOCAL, type Request } from "./request.ts";

export interface ReaperOptions {
  readonly reapIntervalMs: number;
  readonly reapsPerMinute: number;
  /** A container that never had a child goes after so long; 0: never. */
  readonly neverUsedContainerMs: number;
}

export class Reaper {
  readonly #tree: Tree;
  readonly #options: ReaperOptions;
  #nextRound: Millis;
  /** Candidates of this round, last first. */
  #found: string[] = [];
  #nextReap: Millis = 0;

  constructor(tree: Tree, options: ReaperOptions, nowMono: Millis) {
    this.#tree = tree;
    this.#options = options;
    this.#nextRound = nowMono + options.reapIntervalMs;
  }

  get deadline(): Millis {
    return this.#found.length > 0 ? this.#nextReap : this.#nextRound;
  }

  /** The requests that are due. */
  due(nowMono: Millis, nowWall: Millis): Request[] {
    if (this.#found.length === 0 && nowMono >= this.#nextRound) {
      this.#nextRound = nowMono + this.#options.reapIntervalMs;
      this.#found = this.candidates(nowWall).reverse();
      this.#nextReap = nowMono;
    }
    const apart = Math.max(60_000 / this.#options.reapsPerMinute, 1);
    const requests: Request[] = [];
    while (this.#found.length > 0 && nowMono >= this.#nextReap) {
      const path = this.#found.pop();
      if (path !== undefined) requests.push(reap(path));
      this.#nextReap += apart;
    }
    return requests;
  }

  /** Paths that may go as of now. */
  candidates(nowWall: Millis): string[] {
    const paths: string[] = [];
    for (const path of this.#tree.containers()) if (this.#isUnused(path, nowWall)) paths.push(path);
    for (const path of this.#tree.ttls()) if (this.#isOver(path, nowWall)) paths.push(path);
    return paths;
  }

  #isUnused(path: string, nowWall: Millis): boolean {
    const node = this.#tree.get(path);
    if (node === undefined || this.#tree.childCount(node) > 0) return false;
    const { cversion, mtime } = this.#tree.persisted(node);
    if (cversion > 0) return true; // it had a child once
    const limit = this.#options.neverUsedContainerMs;
    return limit !== 0 && nowWall - Number(mtime) > limit;
  }

  #isOver(path: string, nowWall: Millis): boolean {
    const node = this.#tree.get(path);
    if (node === undefined || this.#tree.childCount(node) > 0) return false;
    return nowWall - Number(this.#tree.persisted(node).mtime) > this.#tree.ttlOf(node);
  }
}

function reap(path: string): Request {
  const body = new Output();
  body.buffer(Buffer.from(path, "utf8"));
  return {
    sessionId: 0n,
    cxid: 0,
    op: OpCode.deleteContainer,
    body: body.take(),
    auth: [],
    owner: LOCAL,
  };
}
