// Memory for names and data: cells of a few sizes cut from pages, outside the garbage-collected
// heap. A million small Uint8Arrays would cost several times what is in them, and each full
// collection would visit them all. A page holds cells of one size; an emptied page may serve
// another. Pages never move, so a handle is page and offset.

import { assert } from "../base/assert.ts";

/** Offsets are counted in units, so that a page and an offset fit into one int32. */
const UNIT_BITS = 4;
const UNIT = 1 << UNIT_BITS;
const PAGE_BITS = 18;
const PAGE_SIZE = 1 << PAGE_BITS;
const OFFSET_BITS = PAGE_BITS - UNIT_BITS;
const OFFSET_MASK = (1 << OFFSET_BITS) - 1;
/** The first pages are short: a small tree needs one of each size, and little of each. */
const SHORT_PAGES = 16;
const SHORT_SIZE = PAGE_SIZE >> 4;
/** Larger pieces get an array of their own. */
const CELL_MAX = PAGE_SIZE >> 3;
/** Sizes up to this are multiples of a unit; above, eight sizes to each doubling. */
const FINE_MAX = 16 * UNIT;
const FINE_CLASSES = FINE_MAX / UNIT;
const NONE = -1;
/** So many fit into a positive int32 beside the offset. */
const PAGES_MAX = 1 << (31 - OFFSET_BITS);

interface Page {
  readonly bytes: Uint8Array;
  readonly ints: Int32Array;
  klass: number;
  cellSize: number;
  /** First free cell as a unit offset; its first int names the next. */
  free: number;
  /** Cells from here on were never used. */
  fresh: number;
  live: number;
  /** Whether it stands among the pages of its class that have room. */
  listed: boolean;
}

/** Names a piece of memory: page and offset, or the complement of an index of large arrays. */
export type Cell = number;

export class Slab {
  readonly #pages: Page[] = [];
  /** Per class: pages with room, the one to use last. */
  readonly #room: number[][] = [];
  readonly #empty: number[] = [];
  readonly #large: (Uint8Array | null)[] = [];
  readonly #largeFree: number[] = [];
  #largeBytes = 0;
  #pageBytes = 0;

  /** Bytes taken from the system. */
  get reserved(): number {
    return this.#pageBytes + this.#largeBytes;
  }

  /** A cell of at least `size` bytes; what is in it is arbitrary. */
  take(size: number): Cell {
    if (size > CELL_MAX) return this.#takeLarge(size);
    const klass = classOf(size);
    const room = this.#room[klass] ??= [];
    const index = room.length > 0 ? room[room.length - 1] : this.#open(klass, room);
    const page = this.#pages[index];
    let offset = page.free;
    if (offset !== NONE) {
      page.free = page.ints[offset << (UNIT_BITS - 2)];
    } else {
      offset = page.fresh;
      page.fresh += page.cellSize >> UNIT_BITS;
    }
    page.live += 1;
    if (page.free === NONE && (page.fresh << UNIT_BITS) + page.cellSize > page.bytes.length) {
      room.pop();
      page.listed = false;
    }
    return (index << OFFSET_BITS) | offset;
  }

  give(cell: Cell): void {
    if (cell < 0) return this.#giveLarge(~cell);
    const index = cell >>> OFFSET_BITS;
    const page = this.#pages[index];
    const offset = cell & OFFSET_MASK;
    page.ints[offset << (UNIT_BITS - 2)] = page.free;
    page.free = offset;
    page.live -= 1;
    assert(page.live >= 0, "a cell is given back once");
    const room = this.#room[page.klass];
    if (!page.listed) {
      page.listed = true;
      room.push(index);
    }
    const isWhole = page.bytes.length === PAGE_SIZE; // a short one stays what it is
    if (page.live === 0 && room.length > 1 && isWhole) this.#close(index, page, room);
  }

  /** The memory that holds a cell, from {@link start} on. */
  bytes(cell: Cell): Uint8Array {
    return cell < 0 ? this.#large[~cell] as Uint8Array : this.#pages[cell >>> OFFSET_BITS].bytes;
  }

  start(cell: Cell): number {
    return cell < 0 ? 0 : (cell & OFFSET_MASK) << UNIT_BITS;
  }

  /** Whether a piece of this size may stay in the cell: it is the size the cell was cut for. */
  fits(cell: Cell, size: number): boolean {
    if (cell < 0) return (this.#large[~cell] as Uint8Array).length === size;
    return size <= CELL_MAX && this.#pages[cell >>> OFFSET_BITS].klass === classOf(size);
  }

  #open(klass: number, room: number[]): number {
    let index = this.#empty.pop();
    if (index === undefined) {
      index = this.#pages.length;
      assert(index < PAGES_MAX, "names and data up to 32 KiB each take less than 32 GiB");
      const isShort = index < SHORT_PAGES && 4 * sizeOf(klass) <= SHORT_SIZE;
      const bytes = new Uint8Array(isShort ? SHORT_SIZE : PAGE_SIZE);
      this.#pageBytes += bytes.length;
      const ints = new Int32Array(bytes.buffer);
      this.#pages.push({
        bytes,
        ints,
        klass,
        cellSize: 0,
        free: NONE,
        fresh: 0,
        live: 0,
        listed: true,
      });
    }
    const page = this.#pages[index];
    page.klass = klass;
    page.cellSize = sizeOf(klass);
    page.free = NONE;
    page.fresh = 0;
    page.listed = true;
    room.push(index);
    return index;
  }

  #close(index: number, page: Page, room: number[]): void {
    room.splice(room.indexOf(index), 1);
    page.listed = false;
    this.#empty.push(index);
  }

  #takeLarge(size: number): Cell {
    const bytes = new Uint8Array(size);
    this.#largeBytes += size;
    const index = this.#largeFree.pop() ?? this.#large.length;
    this.#large[index] = bytes;
    return ~index;
  }

  #giveLarge(index: number): void {
    this.#largeBytes -= (this.#large[index] as Uint8Array).length;
    this.#large[index] = null;
    this.#largeFree.push(index);
  }
}

/** Number of the smallest cell size that holds `size` bytes. */
function classOf(size: number): number {
  if (size <= FINE_MAX) return size <= UNIT ? 0 : ((size + UNIT - 1) >> UNIT_BITS) - 1;
  const power = 31 - Math.clz32(size - 1); // 2^power < size <= 2^(power + 1)
  const step = 1 << (power - 3);
  const eighth = ((size - 1) - (1 << power)) / step | 0;
  return FINE_CLASSES + ((power - 8) << 3) + eighth;
}

function sizeOf(klass: number): number {
  if (klass < FINE_CLASSES) return (klass + 1) << UNIT_BITS;
  const power = 8 + ((klass - FINE_CLASSES) >> 3);
  return (1 << power) + (((klass - FINE_CLASSES) & 7) + 1) * (1 << (power - 3));
}
