// Access lists that are long, looked up instead of looked through: one request may bring a list of
// tens of thousands of entries, and each request of a few bytes after it asks that list. Nothing else
// is served while we look.
//
// Must answer as `permits` does for short lists.

import type { ACL, Id } from "../records/data.ts";
import { IpRanges, parseAddress, parseRange } from "./ip.ts";
import type { AuthOptions } from "./options.ts";
import { matched } from "./schemes.ts";

/** What the listed ids of one scheme may. */
interface Names {
  all: number;
  readonly byId: Map<string, number>;
}

export class LongList {
  #world = 0;
  readonly #names = new Map<string, Names>();
  /** By the length of their addresses. */
  readonly #ranges = new Map<number, IpRanges>();
  #lastIds: readonly Id[] | null = null;
  #lastOptions: AuthOptions | null = null;
  #last = 0;

  constructor(acl: readonly ACL[]) {
    for (const { perms, id: { scheme, id } } of acl) {
      if (scheme === null || id === null) continue;
      if (scheme === "world" && id === "anyone") this.#world |= perms;
      else if (scheme === "ip") this.#addRange(id, perms);
      else this.#addName(scheme, id, perms);
    }
  }

  /** The permissions of a caller with these ids: those of all entries that mean one of them. */
  granted(ids: readonly Id[], options: AuthOptions): number {
    if (ids !== this.#lastIds || options !== this.#lastOptions) {
      this.#last = this.#world;
      for (const { scheme, id } of ids) {
        this.#last |= scheme === "ip"
          ? this.#ofAddress(id ?? "")
          : this.#ofName(scheme, id ?? "", options);
      }
      this.#lastIds = ids;
      this.#lastOptions = options;
    }
    return this.#last;
  }

  #addRange(text: string, perms: number): void {
    const range = parseRange(text);
    if (range === null) return;
    let ranges = this.#ranges.get(range.bytes.length);
    if (ranges === undefined) {
      ranges = new IpRanges();
      this.#ranges.set(range.bytes.length, ranges);
    }
    ranges.add(range, perms);
  }

  #addName(scheme: string, id: string, perms: number): void {
    let names = this.#names.get(scheme);
    if (names === undefined) {
      names = { all: 0, byId: new Map() };
      this.#names.set(scheme, names);
    }
    names.all |= perms;
    names.byId.set(id, (names.byId.get(id) ?? 0) | perms);
  }

  #ofAddress(text: string): number {
    const address = parseAddress(text);
    return address === null ? 0 : this.#ranges.get(address.length)?.granted(address) ?? 0;
  }

  #ofName(scheme: string | null, caller: string, options: AuthOptions): number {
    const names = scheme === null ? undefined : this.#names.get(scheme);
    if (scheme === null || names === undefined) return 0;
    const listed = matched(scheme, caller, options);
    if (listed === "all") return names.all;
    let granted = 0;
    for (const id of listed) granted |= names.byId.get(id) ?? 0;
    return granted;
  }
}
