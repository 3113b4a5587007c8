// One direction of a connection as records, with losses in it. A record that lies in one segment is
// shown in place; what spans segments is gathered once. After a loss the stream goes on exactly where
// the unfinished record's own length says, or else searches for the next place from which records
// follow one another without a contradiction. Bytes that belong to no readable record are counted.

import { Carry } from "./bytes.ts";
import type { Side } from "./flows.ts";
import { Places } from "./places.ts";

/** What a protocol knows about its records; one owner serves both directions. */
export interface RecordOwner {
  /**
   * Size of the record at `at`. Negative: not all here, at least so many bytes. 0: no record.
   * Only called in step, so the owner may keep state about what comes next.
   */
  measure(side: Side, bytes: Uint8Array, at: number, end: number): number;
  /** Size of an unfinished record whose first `length` bytes are given; 0 when they do not tell. */
  sizeOf(side: Side, bytes: Uint8Array, length: number): number;
  /**
   * Out of step: size of a record at `at` that is beyond doubt, 0 when there is none, -1 when there
   * may be one that has not all arrived.
   */
  check(side: Side, bytes: Uint8Array, at: number, end: number): number;
  /**
   * A record of `size` bytes of which `bytes[start..end)` are there; `lost` of them the capture
   * lacks (the others were too many to keep). The bytes are only valid during the call.
   */
  record(
    side: Side,
    bytes: Uint8Array,
    start: number,
    end: number,
    size: number,
    lost: number,
    time: number,
  ): void;
  /** Bytes that were captured but belong to no record that could be read. */
  skipped(side: Side, count: number, time: number): void;
  /** The stream is out of step now; later `inStep`, with the bytes at which it goes on. */
  outOfStep(side: Side): void;
  inStep(side: Side, bytes: Uint8Array, at: number, end: number): void;
}

/** Longer records are shown by their first bytes only. */
export const KEEP_MAX = 4 << 20;
/** So often an unfinished record is given exactly what it asks for, then all there is. */
const ASKED_MAX = 4;
/** How much is searched at a time, and how much of a search is kept when it fails. */
const SEARCH_MAX = 1 << 20;
const SEARCH_KEEP = 1 << 18;

export class RecordStream {
  readonly #owner: RecordOwner;
  readonly #side: Side;
  readonly #carry = new Carry();
  /** Out of step: bytes are gathered until a boundary is found. */
  #isLost: boolean;
  readonly #places = new Places();
  /** Bytes of the present record still to come that are not kept; `#size` is then its size. */
  #rest = 0;
  #size = 0;
  #lostBytes = 0;

  /** `isLost`: the first byte is not known to begin a record. */
  constructor(owner: RecordOwner, side: Side, isLost: boolean) {
    this.#owner = owner;
    this.#side = side;
    this.#isLost = isLost;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** Memory that it has for records which span segments. */
  get kept(): number {
    return this.#carry.bytes.length;
  }

  data(bytes: Uint8Array, start: number, end: number, time: number): void {
    if (this.#isLost) {
      this.#carry.append(bytes, start, end);
      this.#search(time, false);
      return;
    }
    let at = start;
    if (this.#rest > 0 || this.#carry.length > 0) at = this.#continue(bytes, start, end, time);
    if (at < end) this.#records(bytes, at, end, time);
  }

  /** The next `length` bytes are missing. */
  lost(length: number, time: number): void {
    const carry = this.#carry;
    if (this.#isLost) {
      this.#search(time, true);
      this.#dropAll(time);
      if (!this.#isLost) this.#lose(time);
      return;
    }
    if (this.#rest === 0) {
      const size = carry.length === 0
        ? 0
        : this.#owner.sizeOf(this.#side, carry.bytes, carry.length);
      if (size <= carry.length) {
        this.#dropAll(time);
        this.#lose(time);
        return;
      }
      this.#size = size;
      this.#rest = size - carry.length;
    }
    const inside = Math.min(length, this.#rest);
    this.#lostBytes += inside;
    this.#rest -= inside;
    if (this.#rest > 0) return;
    this.#showCarried(time);
    if (length > inside) this.#lose(time);
  }

  /** No more bytes will come: an unfinished record is shown by what there is. */
  end(time: number): void {
    const carry = this.#carry;
    if (this.#isLost) {
      this.#search(time, true);
    } else if (this.#rest === 0 && carry.length > 0) {
      const size = this.#owner.sizeOf(this.#side, carry.bytes, carry.length);
      if (size > carry.length) {
        this.#size = size;
        this.#rest = size - carry.length;
      }
    }
    if (!this.#isLost && this.#rest > 0) {
      this.#lostBytes += this.#rest;
      this.#rest = 0;
      this.#showCarried(time);
    }
    this.#dropAll(time);
    carry.clear(0);
  }

  /** The quick way: whole records in one piece of bytes. */
  #records(bytes: Uint8Array, start: number, end: number, time: number): void {
    const owner = this.#owner;
    const side = this.#side;
    let at = start;
    while (at < end) {
      const size = owner.measure(side, bytes, at, end);
      if (size <= 0) {
        if (size === 0) this.#derail(bytes, at, end, time);
        else this.#keep(bytes, at, end, -size);
        return;
      }
      owner.record(side, bytes, at, at + size, size, 0, time);
      at += size;
    }
  }

  #keep(bytes: Uint8Array, start: number, end: number, size: number): void {
    const carry = this.#carry;
    if (size <= KEEP_MAX) {
      carry.append(bytes, start, end);
      return;
    }
    carry.append(bytes, start, Math.min(end, start + KEEP_MAX));
    this.#size = this.#owner.sizeOf(this.#side, carry.bytes, carry.length);
    this.#rest = Math.max(0, this.#size - (end - start));
  }

  /** Goes on with an unfinished record; returns the index after the bytes it took. */
  #continue(bytes: Uint8Array, start: number, end: number, time: number): number {
    const carry = this.#carry;
    const owner = this.#owner;
    let at = start;
    for (let asked = 0; at < end; asked++) {
      if (this.#rest > 0) {
        const count = Math.min(this.#rest, end - at);
        this.#rest -= count;
        at += count;
        if (this.#rest === 0) this.#showCarried(time);
        if (carry.length === 0) return at;
        continue;
      }
      const need = owner.measure(this.#side, carry.bytes, 0, carry.length);
      if (need === 0) {
        carry.append(bytes, at, end);
        this.#startSearch(time);
        return end;
      }
      if (need > 0) {
        owner.record(this.#side, carry.bytes, 0, need, need, 0, time);
        carry.drop(need);
        if (carry.length === 0) {
          carry.clear();
          return at;
        }
        continue;
      }
      const wanted = Math.max(1, Math.min(-need, KEEP_MAX) - carry.length);
      // A list says item by item how much it needs; from its start each time that would be squared.
      const more = asked < ASKED_MAX ? 0 : KEEP_MAX - carry.length;
      const count = Math.min(Math.max(wanted, more), end - at);
      carry.append(bytes, at, at + count);
      at += count;
      if (carry.length >= KEEP_MAX && -need > KEEP_MAX) {
        this.#size = owner.sizeOf(this.#side, carry.bytes, carry.length);
        this.#rest = Math.max(0, this.#size - carry.length);
        if (this.#rest === 0) {
          this.#startSearch(time);
          carry.append(bytes, at, end);
          return end;
        }
      }
    }
    this.#finishCarried(time);
    return at;
  }

  /** All bytes are in the carry now; the record may be whole. */
  #finishCarried(time: number): void {
    const carry = this.#carry;
    while (this.#rest === 0 && carry.length > 0) {
      const size = this.#owner.measure(this.#side, carry.bytes, 0, carry.length);
      if (size < 0) return;
      if (size === 0) return this.#startSearch(time);
      this.#owner.record(this.#side, carry.bytes, 0, size, size, 0, time);
      carry.drop(size);
      if (carry.length === 0) carry.clear();
    }
  }

  #showCarried(time: number): void {
    const { bytes, length } = this.#carry;
    const [size, lost] = [this.#size, this.#lostBytes];
    this.#lostBytes = 0;
    this.#owner.record(this.#side, bytes, 0, length, size, lost, time);
    this.#carry.clear();
  }

  /** In step, yet what comes is no record: what we believed about this stream was wrong. */
  #derail(bytes: Uint8Array, at: number, end: number, time: number): void {
    this.#carry.append(bytes, at, end);
    this.#startSearch(time);
  }

  #startSearch(time: number): void {
    this.#lose(time);
    // The place where it failed begins no record; look behind it.
    this.#places.reset(1);
    this.#search(time, false);
  }

  #lose(_time: number): void {
    this.#isLost = true;
    this.#places.reset(0);
    this.#rest = 0;
    this.#lostBytes = 0;
    this.#owner.outOfStep(this.#side);
  }

  #dropAll(time: number): void {
    if (this.#carry.length > 0) this.#owner.skipped(this.#side, this.#carry.length, time);
    this.#carry.clear();
    this.#places.reset(0);
  }

  /** Looks for a boundary in the carry; `isLast`: no more bytes will follow these. */
  #search(time: number, isLast: boolean): void {
    const carry = this.#carry;
    const { bytes, length } = carry;
    const at = this.#places.find(length, (place) => this.#follow(place, isLast));
    if (at >= 0) {
      if (at > 0) this.#owner.skipped(this.#side, at, time);
      this.#isLost = false;
      this.#places.reset(0);
      this.#owner.inStep(this.#side, bytes, at, length);
      carry.drop(at);
      this.#finishCarried(time);
      return;
    }
    if (length < SEARCH_MAX) return;
    this.#owner.skipped(this.#side, length - SEARCH_KEEP, time);
    carry.drop(length - SEARCH_KEEP);
    this.#places.drop(length - SEARCH_KEEP);
  }

  /** 1: records follow from `at` to the end of what is here. 0: they do not. -1: not yet known. */
  #follow(at: number, isLast: boolean): number {
    const { bytes, length } = this.#carry;
    let next = at;
    while (next < length) {
      const size = this.#owner.check(this.#side, bytes, next, length);
      if (size === 0) return 0;
      if (size < 0) return next === at && !isLast ? -1 : next === at ? 0 : 1;
      next += size;
    }
    return 1;
  }
}
