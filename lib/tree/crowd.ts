// Znodes whose checksums meet more often than chance can explain: somebody makes names for that, and
// chains of them would cost every request a walk. They stand here instead, by their whole path, under
// a hash of the runtime's, which nobody outside can foresee. Nearly always there are none.

import { Counts } from "./counts.ts";
import type { Znode } from "./records.ts";
import { TextMap } from "./text_map.ts";

export class Crowd {
  readonly #byPath = new TextMap<Znode>();
  /** How many there are of each checksum: others need no path as text. */
  readonly #sums = new Counts();

  get size(): number {
    return this.#byPath.size;
  }

  /** Whether a node with this checksum may stand here. */
  hasSum(sum: number): boolean {
    return this.#sums.has(sum | 0);
  }

  get(path: string): Znode {
    return this.#byPath.get(path) ?? 0;
  }

  add(path: string, sum: number, node: Znode): void {
    this.#byPath.set(path, node);
    this.#sums.add(sum | 0);
  }

  /** False when it is not this node that stands here. */
  remove(path: string, sum: number, node: Znode): boolean {
    if (this.#byPath.get(path) !== node) return false;
    this.#byPath.delete(path);
    this.#sums.remove(sum | 0);
    return true;
  }
}
