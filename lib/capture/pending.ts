// Requests of one connection that wait for their replies: a ring of numbers, so that the quick way
// of counting makes no object. Bounded; the oldest go first when nobody ever answers.

import type { Message } from "./message.ts";

/** What the reply wants of its request; `bytes` only where a watch is read from them. */
export type Asked = Pick<Message, "n" | "name" | "path" | "lost" | "bytes">;

const PENDING_MAX = 1 << 16;
const NONE: readonly number[] = [];

export class Pending {
  #xids = new Int32Array(8);
  #ops = new Int32Array(8);
  #paths = new Int32Array(8);
  #times = new Float64Array(8);
  #messages: (Asked | null)[] = [];
  #head = 0;
  /** So many of the oldest may have been answered in bytes that the capture lacks. */
  #doubtful = 0;
  /** Every client counts its own xids up; of one that does not, each must be looked at. */
  #isAscending = true;
  #highest = 0;
  size = 0;

  /** Returns the op of a request that had to make room, or -1. */
  push(xid: number, op: number, path: number, time: number, message: Asked | null): number {
    let dropped = -1;
    if (this.size === this.#xids.length) {
      if (this.size >= PENDING_MAX) {
        dropped = this.opAt(0);
        this.#shift();
      } else this.#grow();
    }
    const at = (this.#head + this.size) & (this.#xids.length - 1);
    if (this.size === 0) {
      this.#isAscending = true;
      this.#highest = 0;
    }
    if (xid > this.#highest) this.#highest = xid;
    else if (xid > 0) this.#isAscending = false;
    this.#xids[at] = xid;
    this.#ops[at] = op;
    this.#paths[at] = path;
    this.#times[at] = time;
    if (message !== null) this.#messages[at] = message;
    this.size += 1;
    return dropped;
  }

  /** Replies were lost: whatever waits now may have had its own. */
  doubt(): void {
    this.#doubtful = this.size;
  }

  /**
   * Place of the request with this xid, counted from the oldest; -1 when there is none. Special
   * xids repeat: then it is the oldest of those that cannot have been answered yet.
   */
  find(xid: number): number {
    const first = xid > 0 && this.#isAscending ? this.#search(xid) : this.#from(0, xid);
    if (first >= 0 && first < this.#doubtful && xid <= 0) {
      const later = this.#from(this.#doubtful, xid);
      return later < 0 ? first : later;
    }
    if (first >= 0) return first;
    // A ping is answered with its own xid whatever xid it came with.
    return xid === -2 && this.size > 0 && this.opAt(0) === 11 ? 0 : -1;
  }

  /** True when an older request with the same xid waits too. */
  isSecond(i: number): boolean {
    return i > 0 && this.#from(0, this.xidAt(i)) < i;
  }

  #from(start: number, xid: number): number {
    const mask = this.#xids.length - 1;
    for (let i = start; i < this.size; i++) {
      if (this.#xids[(this.#head + i) & mask] === xid) return i;
    }
    return -1;
  }

  /** The same among xids that ascend, but for special ones between them. */
  #search(xid: number): number {
    if (this.size > 0 && this.xidAt(0) === xid) return 0;
    let [low, high] = [0, this.size];
    while (low < high) {
      const middle = (low + high) >> 1;
      let at = middle;
      while (at < high && this.xidAt(at) <= 0) at += 1;
      if (at === high) high = middle;
      else if (this.xidAt(at) === xid) return at;
      else if (this.xidAt(at) < xid) low = at + 1;
      else high = middle;
    }
    return -1;
  }

  #place(i: number): number {
    return (this.#head + i) & (this.#xids.length - 1);
  }

  xidAt(i: number): number {
    return this.#xids[this.#place(i)];
  }

  opAt(i: number): number {
    return this.#ops[this.#place(i)];
  }

  pathAt(i: number): number {
    return this.#paths[this.#place(i)];
  }

  timeAt(i: number): number {
    return this.#times[this.#place(i)];
  }

  messageAt(i: number): Asked | null {
    return this.#messages[this.#place(i)] ?? null;
  }

  /** No reply will ask for them any more. */
  forgetMessages(): void {
    this.#messages = [];
  }

  /**
   * Takes out request `i`. Those before it will get no reply any more, unless `alone`: then they
   * stay. Returns the ops of those given up.
   */
  remove(i: number, alone: boolean): readonly number[] {
    if (i === 0) {
      this.#shift();
      return NONE;
    }
    if (!alone) {
      const ops: number[] = [];
      for (let k = 0; k < i; k++) {
        ops.push(this.opAt(0));
        this.#shift();
      }
      this.#shift();
      return ops;
    }
    for (let k = i; k > 0; k--) this.#move(k - 1, k);
    if (i >= this.#doubtful) this.#doubtful += 1;
    this.#shift();
    return NONE;
  }

  #move(from: number, to: number): void {
    const [a, b] = [this.#place(from), this.#place(to)];
    this.#xids[b] = this.#xids[a];
    this.#ops[b] = this.#ops[a];
    this.#paths[b] = this.#paths[a];
    this.#times[b] = this.#times[a];
    if (this.#messages.length > 0) this.#messages[b] = this.#messages[a];
  }

  #shift(): void {
    if (this.#messages.length > 0) this.#messages[this.#head] = null;
    this.#head = (this.#head + 1) & (this.#xids.length - 1);
    this.size -= 1;
    if (this.#doubtful > 0) this.#doubtful -= 1;
  }

  #grow(): void {
    const length = this.#xids.length;
    const order = Array.from({ length }, (_, i) => this.#place(i));
    const xids = new Int32Array(length * 2);
    const ops = new Int32Array(length * 2);
    const paths = new Int32Array(length * 2);
    const times = new Float64Array(length * 2);
    for (let i = 0; i < length; i++) {
      const from = order[i];
      xids[i] = this.#xids[from];
      ops[i] = this.#ops[from];
      paths[i] = this.#paths[from];
      times[i] = this.#times[from];
    }
    if (this.#messages.length > 0) {
      this.#messages = order.map((from) => this.#messages[from] ?? null);
    }
    [this.#xids, this.#ops, this.#paths, this.#times] = [xids, ops, paths, times];
    this.#head = 0;
  }
}
