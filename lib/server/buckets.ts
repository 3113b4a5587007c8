// Deadlines in buckets as wide as a tick: touching is one store, and one bucket is polled per tick
// (client.md 7.2). Used for sessions and, with another width, for idle connections (2.7).
//
// Must agree with Java's ExpiryQueue in when something expires; ours moves an item to its later
// bucket only when the earlier one is polled.

export interface Expiring {
  /** Monotonic ms, a multiple of the width: expired when a poll reaches it. Set by `touch`. */
  deadline: number;
  /** The bucket that holds the item; 0 when none does. Kept by the buckets. */
  bucket: number;
}

export class ExpiryBuckets<T extends Expiring> {
  readonly width: number;
  readonly #buckets = new Map<number, Set<T>>();
  #polled: number;
  #size = 0;

  constructor(width: number, nowMono: number) {
    this.width = width;
    this.#polled = Math.floor(nowMono / width) * width;
  }

  get size(): number {
    return this.#size;
  }

  /** The deadline becomes the end of the bucket that holds now + timeout. */
  touch(item: T, nowMono: number, timeoutMs: number): void {
    const deadline = (Math.floor((nowMono + timeoutMs) / this.width) + 1) * this.width;
    if (item.bucket === 0) {
      item.deadline = deadline;
      this.#put(item);
      this.#size += 1;
    } else if (deadline > item.deadline) {
      item.deadline = deadline;
    } else if (deadline < item.deadline) {
      this.#take(item); // a shorter timeout after a reconnect
      item.deadline = deadline;
      this.#put(item);
    }
  }

  remove(item: T): void {
    if (item.bucket === 0) return;
    this.#take(item);
    this.#size -= 1;
  }

  /** Takes out and returns everything whose deadline is at or before now. */
  expire(nowMono: number): T[] {
    const expired: T[] = [];
    while (this.#polled + this.width <= nowMono) {
      if (this.#buckets.size === 0) {
        this.#polled = Math.floor(nowMono / this.width) * this.width;
        break;
      }
      this.#polled += this.width;
      const bucket = this.#buckets.get(this.#polled);
      if (bucket === undefined) continue;
      this.#buckets.delete(this.#polled);
      for (const item of bucket) {
        item.bucket = 0;
        if (item.deadline > this.#polled) {
          this.#put(item);
        } else {
          this.#size -= 1;
          expired.push(item);
        }
      }
    }
    return expired;
  }

  /** When `expire` may next have something to give; null when nothing is held. */
  get deadline(): number | null {
    let least: number | null = null;
    for (const bucket of this.#buckets.keys()) {
      if (least === null || bucket < least) least = bucket;
    }
    return least;
  }

  /** Buckets by time, for people; items stand where they really expire. */
  dump(): Map<number, T[]> {
    const all: T[] = [];
    for (const bucket of this.#buckets.values()) for (const item of bucket) all.push(item);
    all.sort((a, b) => a.deadline - b.deadline);
    const byTime = new Map<number, T[]>();
    for (const item of all) {
      const items = byTime.get(item.deadline);
      if (items === undefined) byTime.set(item.deadline, [item]);
      else items.push(item);
    }
    return byTime;
  }

  #put(item: T): void {
    // A deadline that the polls have already passed goes into the next poll.
    const at = Math.max(item.deadline, this.#polled + this.width);
    item.bucket = at;
    const bucket = this.#buckets.get(at);
    if (bucket === undefined) this.#buckets.set(at, new Set([item]));
    else bucket.add(item);
  }

  #take(item: T): void {
    const bucket = this.#buckets.get(item.bucket);
    bucket?.delete(item);
    if (bucket?.size === 0) this.#buckets.delete(item.bucket);
    item.bucket = 0;
  }
}
