// Access lists by number (client.md 5.6): each distinct list once, with a count of the nodes that
// use it. Numbers are local to a server and are never used again for another list in one process,
// so that a fuzzy snapshot cannot confuse two lists.
//
// Must agree with Java's ReferenceCountedACLCache in what is stored, not in the numbers.

import { assert } from "../base/assert.ts";
import type { ACL } from "../records/data.ts";
import { TextMap } from "./text_map.ts";

/** The number of "no list": open to the world. */
export const OPEN_ACL_ID = -1;
const ID_MAX = 0x7ffffffe;

/** What a node has whose list is lost: only a super user may do anything with it. */
const LOST: readonly ACL[] = [{ perms: 0, id: { scheme: "world", id: "anyone" } }];

interface Entry {
  readonly id: number;
  readonly list: readonly ACL[];
  readonly key: string;
  uses: number;
}

export class AclStore {
  readonly #byId = new Map<number, Entry>();
  readonly #byKey = new TextMap<Entry>();
  #last: Entry | null = null;
  #highest = 0;

  /** Distinct lists in use. */
  get size(): number {
    return this.#byId.size;
  }

  /** The number of a list, with one more use. A null list is open to the world. */
  use(list: readonly ACL[] | null): number {
    if (list === null) return OPEN_ACL_ID;
    const last = this.#last;
    if (last !== null && last.uses > 0 && isSame(last.list, list)) {
      last.uses += 1;
      return last.id;
    }
    const key = keyOf(list);
    const entry = this.#byKey.get(key) ?? this.#add(this.#highest + 1, list, key);
    entry.uses += 1;
    this.#last = entry;
    return entry.id;
  }

  /** One more use of a number that is known. */
  useAgain(id: number): void {
    if (id === OPEN_ACL_ID) return;
    const entry = this.#byId.get(id);
    assert(entry !== undefined, "the list of a used number is known");
    entry.uses += 1;
  }

  /** One use less; a list without uses is forgotten. */
  drop(id: number): void {
    if (id === OPEN_ACL_ID) return;
    const entry = this.#byId.get(id);
    assert(entry !== undefined && entry.uses > 0, "a list is dropped as often as it was used");
    entry.uses -= 1;
    if (entry.uses === 0) this.#forget(entry);
  }

  /** The list behind a number; null when it is open to the world. */
  list(id: number): readonly ACL[] | null {
    if (id === OPEN_ACL_ID) return null;
    const entry = this.#byId.get(id);
    assert(entry !== undefined, "the list of a used number is known");
    return entry.list;
  }

  has(id: number): boolean {
    return id === OPEN_ACL_ID || this.#byId.has(id);
  }

  entries(): [number, readonly ACL[]][] {
    return [...this.#byId.values()].map((entry) => [entry.id, entry.list]);
  }

  /**
   * Takes a list from a snapshot, without uses; answers the number it has here. Two numbers for one
   * list become one, and numbers that are no positive int32 are replaced.
   */
  load(id: bigint, list: readonly ACL[]): number {
    const key = keyOf(list);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known.id;
    const wanted = id > 0n && id < BigInt(ID_MAX) ? Number(id) : this.#highest + 1;
    return this.#add(this.#byId.has(wanted) ? this.#highest + 1 : wanted, list, key).id;
  }

  /** The number that stands for a list that is missing from a snapshot, with one more use. */
  useLost(): number {
    return this.use(LOST);
  }

  /** Forgets lists that nothing uses: the end of loading. */
  purge(): void {
    for (const entry of [...this.#byId.values()]) if (entry.uses === 0) this.#forget(entry);
  }

  #add(id: number, list: readonly ACL[], key: string): Entry {
    assert(id <= ID_MAX, "there are fewer than 2^31 access lists");
    const entry: Entry = { id, list: list.map(copyOf), key, uses: 0 };
    this.#byId.set(id, entry);
    this.#byKey.set(key, entry);
    if (id > this.#highest) this.#highest = id;
    return entry;
  }

  #forget(entry: Entry): void {
    this.#byId.delete(entry.id);
    this.#byKey.delete(entry.key);
    if (this.#last === entry) this.#last = null;
  }
}

const copyOf = (acl: ACL): ACL => ({
  perms: acl.perms,
  id: { scheme: acl.id.scheme, id: acl.id.id },
});

function isSame(a: readonly ACL[], b: readonly ACL[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    const x = a[i];
    const y = b[i];
    if (x.perms !== y.perms || x.id.id !== y.id.id || x.id.scheme !== y.id.scheme) return false;
  }
  return true;
}

/** One text per list: lengths keep the parts apart, and null from empty. */
function keyOf(list: readonly ACL[]): string {
  let key = "";
  for (const { perms, id } of list) {
    key += `${perms}:${id.scheme?.length ?? -1}:${id.scheme ?? ""}:${id.id?.length ?? -1}:${
      id.id ?? ""
    };`;
  }
  return key;
}
