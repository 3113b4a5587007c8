// A ring queue: constant-time push at the back and shift at the front, with random access from the
// front. Array.shift is linear, and the queues of outstanding proposals grow to thousands.

export class Deque<T> {
  #ring: (T | undefined)[] = new Array(16);
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(value: T): void {
    if (this.#size === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#size) & (this.#ring.length - 1)] = value;
    this.#size += 1;
  }

  /** Puts `value` before the first element. */
  unshift(value: T): void {
    if (this.#size === this.#ring.length) this.#grow();
    this.#head = (this.#head - 1) & (this.#ring.length - 1);
    this.#ring[this.#head] = value;
    this.#size += 1;
  }

  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const value = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#size -= 1;
    return value;
  }

  pop(): T | undefined {
    if (this.#size === 0) return undefined;
    this.#size -= 1;
    const at = (this.#head + this.#size) & (this.#ring.length - 1);
    const value = this.#ring[at];
    this.#ring[at] = undefined;
    return value;
  }

  /** The element `index` places behind the front, or undefined. */
  at(index: number): T | undefined {
    if (index < 0 || index >= this.#size) return undefined;
    return this.#ring[(this.#head + index) & (this.#ring.length - 1)];
  }

  first(): T | undefined {
    return this.at(0);
  }

  last(): T | undefined {
    return this.at(this.#size - 1);
  }

  clear(): void {
    this.#ring = new Array(16);
    this.#head = 0;
    this.#size = 0;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let i = 0; i < this.#size; i++) {
      yield this.#ring[(this.#head + i) & (this.#ring.length - 1)] as T;
    }
  }

  #grow(): void {
    const wider: (T | undefined)[] = new Array(this.#ring.length * 2);
    for (let i = 0; i < this.#size; i++) {
      wider[i] = this.#ring[(this.#head + i) & (this.#ring.length - 1)];
    }
    this.#ring = wider;
    this.#head = 0;
  }
}
