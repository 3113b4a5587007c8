// Containers that are empty and TTL nodes whose time is over: on the leader or the only server, a
// round now and then posts one internal request for each, not too many a minute (client.md 4.10).
//
// Must agree with ContainerManager.

import { Output } from "../codec/output.ts";
import type { Millis } from "../ports.ts";
import type { Tree, Znode } from "../tree/tree.ts";
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
      const path = this.#found.pop() ?? "";
      // Many take their time, and what was found a while ago may be in use again.
      const node = this.#tree.get(path);
      if (node === undefined || !this.#mayGo(node, nowWall)) continue;
      requests.push(reap(path));
      this.#nextReap += apart;
    }
    return requests;
  }

  /** Paths that may go as of now. */
  candidates(nowWall: Millis): string[] {
    const tree = this.#tree;
    const paths: string[] = [];
    for (const node of tree.mortals()) {
      if (this.#mayGo(node, nowWall)) paths.push(tree.pathOf(node));
    }
    return paths;
  }

  #mayGo(node: Znode, nowWall: Millis): boolean {
    const tree = this.#tree;
    if (tree.childCount(node) > 0) return false;
    const age = nowWall - tree.mtimeOf(node);
    switch (tree.kindOf(node)) {
      case "ttl":
        return age > tree.ttlOf(node);
      case "container": {
        if (tree.createdChildren(node) > 0) return true; // it had a child once
        const limit = this.#options.neverUsedContainerMs;
        return limit !== 0 && age > limit;
      }
      default:
        return false;
    }
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
