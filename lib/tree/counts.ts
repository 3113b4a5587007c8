// How many there are of each number, for those who ask whether there is any: lengths of the paths that
// are watched or have quotas, checksums of crowded names.

export class Counts {
  readonly #of = new Map<number, number>();

  /** Whether there is none at all. */
  get isEmpty(): boolean {
    return this.#of.size === 0;
  }

  has(number: number): boolean {
    return this.#of.has(number);
  }

  add(number: number): void {
    this.#of.set(number, (this.#of.get(number) ?? 0) + 1);
  }

  /** One of those that were added goes. */
  remove(number: number): void {
    const left = (this.#of.get(number) ?? 1) - 1;
    if (left === 0) this.#of.delete(number);
    else this.#of.set(number, left);
  }

  clear(): void {
    this.#of.clear();
  }
}
