// A binary heap with stable order: of equal elements the one pushed first leaves first. The
// simulator's event queue depends on that to make one seed one trace.

export class Heap<T> {
  readonly #items: { readonly value: T; readonly order: number }[] = [];
  readonly #compare: (a: T, b: T) => number;
  #pushed = 0;

  /** `compare` as for Array.sort: negative when `a` leaves before `b`. */
  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#items.length;
  }

  peek(): T | undefined {
    return this.#items[0]?.value;
  }

  push(value: T): void {
    const items = this.#items;
    const item = { value, order: this.#pushed++ };
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(item, items[parent])) break;
      items[at] = items[parent];
      at = parent;
    }
    items[at] = item;
  }

  pop(): T | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (top === undefined || last === undefined) return undefined;
    if (items.length > 0) this.#sink(last);
    return top.value;
  }

  #sink(item: { readonly value: T; readonly order: number }): void {
    const items = this.#items;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && this.#before(items[child + 1], items[child])) child += 1;
      if (!this.#before(items[child], item)) break;
      items[at] = items[child];
      at = child;
    }
    items[at] = item;
  }

  #before(
    a: { readonly value: T; readonly order: number },
    b: { readonly value: T; readonly order: number },
  ): boolean {
    const order = this.#compare(a.value, b.value);
    return order < 0 || (order === 0 && a.order < b.order);
  }
}
