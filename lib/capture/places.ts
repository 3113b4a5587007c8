// Where in a growing run of bytes something may begin. A place that was refused is never looked at
// again; one that cannot be told yet is asked again when more bytes have come. So a search costs each
// byte once, however small the pieces are in which bytes arrive.

/** More open places than this are not kept: the oldest are given up. */
const OPEN_MAX = 256;

export class Places {
  #open: number[] = [];
  #next = 0;

  /** Begins anew; the bytes before `from` are not looked at. */
  reset(from: number): void {
    this.#open = [];
    this.#next = from;
  }

  /** The first `count` bytes are gone. */
  drop(count: number): void {
    this.#open = this.#open.filter((place) => place >= count).map((place) => place - count);
    this.#next = Math.max(0, this.#next - count);
  }

  /**
   * The first place before `length` for which `judge` says 1; -1 when there is none. It says 0 where
   * nothing begins and -1 where more bytes are needed.
   */
  find(length: number, judge: (place: number) => number): number {
    const still: number[] = [];
    for (const place of this.#open) {
      const verdict = judge(place);
      if (verdict > 0) return place;
      if (verdict < 0) still.push(place);
    }
    for (let place = this.#next; place < length; place++) {
      const verdict = judge(place);
      if (verdict > 0) return place;
      if (verdict < 0) still.push(place);
    }
    this.#next = Math.max(this.#next, length);
    this.#open = still.length > OPEN_MAX ? still.slice(still.length - OPEN_MAX) : still;
    return -1;
  }
}
