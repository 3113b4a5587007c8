// Bytes read and written by namespace, the first element of a path (operations.md 4.3). Sits on the
// hot paths: most requests are about the namespace of the one before, and then cost a comparison.
//
// Must agree with what Java's DataTree counts, sizes of lists of children aside.

import { unslicedCopy } from "../tree/text_map.ts";
import type { TxnBody } from "../txn/txn.ts";
import type { Meters, Tally } from "./stats.ts";

/** Clients choose these names: beyond so many, none is counted that is new; one that is longer never. */
const NAMESPACES_MAX = 1000;
const NAME_MAX = 256;
const SLASH = 47;

export class NamespaceMeter {
  readonly #meters: Meters;
  readonly #name: string;
  readonly #tallies = new Map<string, Tally>();
  /** The last one, with its slash in front; what is added goes to `#tally`. */
  #last = "/";
  #tally: Tally | null = null;

  /** `name` is that of a set of summaries. */
  constructor(meters: Meters, name: string) {
    this.#meters = meters;
    this.#name = name;
  }

  add(path: string, bytes: number): void {
    const last = this.#last;
    const isLast = path.startsWith(last) &&
      (path.length === last.length || path.charCodeAt(last.length) === SLASH);
    if (!isLast) this.#turnTo(path);
    this.#tally?.add(path.length + bytes);
  }

  #turnTo(path: string): void {
    const end = path.indexOf("/", 1);
    const namespace = end < 0 ? path : path.slice(0, end);
    this.#last = namespace === "" ? "/" : namespace;
    const tally = this.#tallies.get(namespace) ?? null;
    this.#tally = tally === null && this.#hasRoom(namespace) ? this.#count(namespace) : tally;
  }

  #hasRoom(namespace: string): boolean {
    const length = namespace.length - 1;
    return length > 0 && length <= NAME_MAX && this.#tallies.size < NAMESPACES_MAX;
  }

  #count(namespace: string): Tally {
    // A copy: a part of a path would keep all of it.
    const name = unslicedCopy(namespace.slice(1));
    const tally = this.#meters.keyed(this.#name, name);
    this.#tallies.set(`/${name}`, tally);
    return tally;
  }
}

/** Counts what a committed txn has written. */
export function countWrite(meter: NamespaceMeter, body: TxnBody): void {
  switch (body.kind) {
    case "create":
    case "createContainer":
    case "createTTL":
    case "setData":
      return meter.add(body.record.path ?? "", body.record.data?.length ?? 0);
    case "delete":
      return meter.add(body.record.path ?? "", 0);
    case "multi":
      for (const part of body.parts) countWrite(meter, part.body);
      return;
    default:
      return;
  }
}
