// A map by text of which clients choose the words. The runtimes' own hashes text of up to 16383
// characters under a secret; of longer text it takes the length alone, and a few thousand paths or
// lists of one length would cost each look a walk over them all. Here long text is looked up piece
// by piece, and no piece is so long.

import { Buffer } from "node:buffer";

const PIECE = 1 << 13;

/** What long text that begins alike has in common. */
class Branch<V> {
  value: V | undefined = undefined;
  readonly more = new Map<string, Branch<V>>();
}

/** Values are not undefined. */
export class TextMap<V> {
  readonly #short = new Map<string, V>();
  readonly #long = new Branch<V>();
  #longCount = 0;

  get size(): number {
    return this.#short.size + this.#longCount;
  }

  get(text: string): V | undefined {
    return text.length <= PIECE ? this.#short.get(text) : this.#find(text)?.value;
  }

  has(text: string): boolean {
    return this.get(text) !== undefined;
  }

  set(text: string, value: V): void {
    if (text.length <= PIECE) return void this.#short.set(text, value);
    let branch = this.#long;
    for (let at = 0; at < text.length; at += PIECE) {
      const piece = text.slice(at, at + PIECE);
      let next = branch.more.get(piece);
      if (next === undefined) branch.more.set(unslicedCopy(piece), next = new Branch());
      branch = next;
    }
    if (branch.value === undefined) this.#longCount += 1;
    branch.value = value;
  }

  delete(text: string): boolean {
    if (text.length <= PIECE) return this.#short.delete(text);
    const branches: Branch<V>[] = [];
    let branch: Branch<V> | undefined = this.#long;
    for (let at = 0; at < text.length; at += PIECE) {
      branches.push(branch);
      branch = branch.more.get(text.slice(at, at + PIECE));
      if (branch === undefined) return false;
    }
    if (branch.value === undefined) return false;
    branch.value = undefined;
    this.#longCount -= 1;
    for (let i = branches.length - 1; i >= 0 && isBare(branch); i--) {
      branch = branches[i];
      branch.more.delete(text.slice(i * PIECE, (i + 1) * PIECE));
    }
    return true;
  }

  clear(): void {
    this.#short.clear();
    this.#long.more.clear();
    this.#longCount = 0;
  }

  *values(): IterableIterator<V> {
    yield* this.#short.values();
    const left: Branch<V>[] = [this.#long];
    for (let branch = left.pop(); branch !== undefined; branch = left.pop()) {
      if (branch.value !== undefined) yield branch.value;
      for (const next of branch.more.values()) left.push(next);
    }
  }

  #find(text: string): Branch<V> | undefined {
    let branch: Branch<V> | undefined = this.#long;
    for (let at = 0; at < text.length && branch !== undefined; at += PIECE) {
      branch = branch.more.get(text.slice(at, at + PIECE));
    }
    return branch;
  }
}

const isBare = <V>(branch: Branch<V>): boolean =>
  branch.value === undefined && branch.more.size === 0;

/** A slice keeps the whole text in memory that it was cut from; its copy does not. */
export function unslicedCopy(piece: string): string {
  const coding = /[\u0100-\uffff]/.test(piece) ? "utf16le" : "latin1"; // two bytes each, or one
  return Buffer.from(piece, coding).toString(coding);
}
