// Quotas on the leader's side (client.md 4.9): may this create or setData go ahead? Measured
// against the applied tree, so that two creates of one multi can pass a limit by one, as in Java.
//
// Must agree with ZooKeeperServer.checkQuota.

import type { Millis, Trace } from "../ports.ts";
import type { Tree } from "../tree/tree.ts";

/** One limit is spoken of so often at the most: whoever stands at it may try a thousand times a second. */
const QUIET: Millis = 1000;
/** Limits that were spoken of lately; paths are the clients' to choose. */
const NOTED_MAX = 100;

export class QuotaGuard {
  /** Monotonic, of the request at hand. */
  now: Millis = 0;
  /** When each limit was spoken of last, and how often it was passed since. */
  readonly #noted = new Map<string, { readonly at: Millis; unsaid: number }>();
  readonly #tree: Tree;
  readonly #enforced: boolean;
  readonly #note: Trace["note"];
  readonly #refused: (path: string) => void;

  /** `refused` hears the path of each refusal, for the counter by namespace. */
  constructor(
    tree: Tree,
    enforced: boolean,
    note: Trace["note"],
    refused: (path: string) => void,
  ) {
    this.#tree = tree;
    this.#enforced = enforced;
    this.#note = note;
    this.#refused = refused;
  }

  refusesCreate(path: string, data: Uint8Array | null): boolean {
    return this.#enforced && this.#refuses(path, 1n, BigInt(data?.length ?? 0));
  }

  refusesSetData(path: string, lengthBefore: number, data: Uint8Array | null): boolean {
    return this.#enforced && this.#refuses(path, 0n, BigInt((data?.length ?? 0) - lengthBefore));
  }

  #refuses(path: string, count: bigint, bytes: bigint): boolean {
    const usage = this.#tree.quotas.usageOf(path);
    if (usage === null || usage.limits === null || usage.used === null) return false;
    const { limits, used, prefix } = usage;
    const over =
      this.#isOver(prefix, "count", used.count, count, limits.countHardLimit, limits.count) ||
      this.#isOver(prefix, "bytes", used.bytes, bytes, limits.byteHardLimit, limits.bytes);
    if (over) this.#refused(path);
    return over;
  }

  /** True when a hard limit is passed; a soft one only leaves a note. */
  #isOver(
    prefix: string,
    what: "count" | "bytes",
    used: bigint,
    more: bigint,
    hard: bigint,
    soft: bigint,
  ): boolean {
    const isHard = hard > -1n;
    const limit = isHard ? hard : soft;
    if (more === 0n || limit <= -1n || used + more <= limit) return false;
    const text = `the ${isHard ? "hard" : "soft"} ${what} quota of ${prefix} is exceeded`;
    this.#say(text, { path: prefix, [what]: used + more, limit });
    return isHard;
  }

  #say(text: string, facts: Parameters<Trace["note"]>[3]): void {
    const noted = this.#noted.get(text);
    if (noted !== undefined && this.now - noted.at < QUIET) {
      noted.unsaid += 1;
      return;
    }
    this.#noted.delete(text); // the newest is the last
    this.#noted.set(text, { at: this.now, unsaid: 0 });
    const [oldest] = this.#noted.keys();
    if (this.#noted.size > NOTED_MAX && oldest !== undefined) this.#noted.delete(oldest);
    const unsaid = noted?.unsaid ?? 0;
    this.#note("warn", "quota", text, unsaid === 0 ? facts : { ...facts, unsaid });
  }
}
