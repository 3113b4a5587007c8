// What connections hold back that have not been recognised yet, all of them together: of a capture
// that began in the middle of thousands of strangers' connections each would keep its own quarter of
// a megabyte. Who has held something longest is given up first; it is least likely one of ours.

/** A mebibyte for each of 64 that nobody knows. */
const ALL_MAX = 64 << 20;

export interface Holder {
  /** Gives back all that it holds, and says so here. */
  giveUp(): void;
}

export class Backlog {
  /** Oldest first. */
  readonly #holders = new Map<Holder, number>();
  #bytes = 0;

  /** What is held in all. */
  get bytes(): number {
    return this.#bytes;
  }

  /** `holder`, which may be given up by this, holds so many bytes now. */
  holds(holder: Holder, bytes: number): void {
    this.#bytes += bytes - (this.#holders.get(holder) ?? 0);
    if (bytes === 0) this.#holders.delete(holder);
    else this.#holders.set(holder, bytes);
    while (this.#bytes > ALL_MAX) {
      const [oldest] = this.#holders.keys();
      oldest.giveUp();
    }
  }
}
