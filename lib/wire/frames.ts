// Bytes as a socket gives them, until they are whole: a queue of chunks, and the frames of the
// client and election ports (client.md 2.1, quorum.md 1.6): an int length, then so many bytes.
//
// What arrives in one piece is handed on as a view; only what spans chunks is copied, once, when it
// is all there. A length is believed only as far as bytes have arrived: nothing is allocated by it.
// Limits must agree with Java's NIOServerCnxn.readLength and QuorumCnxManager.PACKETMAXSIZE.

import { assert, AssertionError } from "../base/assert.ts";
import { Fault } from "../base/errors.ts";

/** Longest notification that is believed, with its limit inclusive (quorum.md 1.6). */
export const NOTIFICATION_MAX = 512 * 1024;
/** `jute.maxbuffer`: longest frame that a client may send, unless configured otherwise. */
export const CLIENT_FRAME_MAX = 0xfffff;

/**
 * Chunks below this size are gathered in blocks, so that a trickle does not cost an object each.
 */
const SMALL = 512;
/** The first block is at least this large, each further one twice as large as the one before. */
const FIRST_BLOCK = 256;
const BLOCK = 8192;

/**
 * Bytes in the order of arrival. Chunks pushed belong to the queue; views handed out stay valid for
 * as long as somebody keeps them, for no byte is ever written twice.
 */
export class ByteQueue {
  #blocks: Uint8Array[] = [];
  /** Offset of the next byte in the first block. */
  #at = 0;
  #size = 0;
  /** What the last block is a view of, when it is ours to fill. */
  #tail: Uint8Array | null = null;
  #filled = 0;

  /** Bytes pushed and not yet taken. */
  get size(): number {
    return this.#size;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (this.#size > 0 && chunk.length < SMALL) return this.#gather(chunk);
    this.#tail = null;
    this.#size += chunk.length;
    this.#blocks.push(chunk);
  }

  /** The byte at `offset` from the next one; it must be there. */
  byteAt(offset: number): number {
    const at = this.#at + offset;
    const block = this.#blocks[0];
    return at < block.length ? block[at] : this.#far(at);
  }

  /** The signed int at `offset`; its four bytes must be there. */
  intAt(offset: number): number {
    const at = this.#at + offset;
    const block = this.#blocks[0];
    if (at + 4 <= block.length) {
      return (block[at] << 24) | (block[at + 1] << 16) | (block[at + 2] << 8) | block[at + 3];
    }
    return (this.#far(at) << 24) | (this.#far(at + 1) << 16) | (this.#far(at + 2) << 8) |
      this.#far(at + 3);
  }

  /**
   * The first chunk with bytes, and in {@link headAt} where they start; null when there is none.
   */
  get head(): Uint8Array | null {
    return this.#size > 0 ? this.#blocks[0] : null;
  }

  get headAt(): number {
    return this.#at;
  }

  /** Takes `length` bytes that must be there: a view of one chunk where that is possible. */
  take(length: number): Uint8Array {
    assert(length <= this.#size, "bytes are taken after they have arrived");
    if (length === 0) return new Uint8Array(0);
    const block = this.#blocks[0];
    const at = this.#at;
    if (at + length <= block.length) {
      this.skip(length);
      return block.subarray(at, at + length);
    }
    const whole = new Uint8Array(length);
    for (let filled = 0; filled < length;) {
      const from = this.#blocks[0];
      const count = Math.min(length - filled, from.length - this.#at);
      whole.set(from.subarray(this.#at, this.#at + count), filled);
      filled += count;
      this.skip(count);
    }
    return whole;
  }

  /** Drops `length` bytes that must be there. */
  skip(length: number): void {
    this.#size -= length;
    this.#at += length;
    if (this.#size > 0 && this.#at < this.#blocks[0].length) return;
    while (this.#blocks.length > 0 && this.#at >= this.#blocks[0].length) {
      this.#at -= this.#blocks[0].length;
      this.#blocks.shift();
    }
    if (this.#size === 0) this.#tail = null;
  }

  #gather(chunk: Uint8Array): void {
    const last = this.#blocks.length - 1;
    if (this.#tail !== null && this.#filled + chunk.length <= this.#tail.length) {
      this.#tail.set(chunk, this.#filled);
      this.#filled += chunk.length;
      this.#blocks[last] = this.#tail.subarray(0, this.#filled);
    } else {
      const size = this.#tail === null
        ? Math.max(FIRST_BLOCK, 2 * chunk.length)
        : Math.min(2 * this.#tail.length, BLOCK);
      this.#tail = new Uint8Array(size);
      this.#tail.set(chunk);
      this.#filled = chunk.length;
      this.#blocks.push(this.#tail.subarray(0, this.#filled));
    }
    this.#size += chunk.length;
  }

  /** The byte at `at` counted from the start of the first block, in whichever block it is. */
  #far(at: number): number {
    let left = at;
    for (const block of this.#blocks) {
      if (left < block.length) return block[left];
      left -= block.length;
    }
    throw new AssertionError("bytes are looked at after they have arrived");
  }
}

/** Length-prefixed frames out of a stream. */
export class FrameSplitter {
  readonly queue: ByteQueue;
  readonly #limit: number;
  readonly #where: string;
  readonly #min: number;

  /**
   * `limit` is the longest frame taken, inclusive; `shortest` the shortest (an election message of
   * no bytes is refused, a client's frame of no bytes is a frame). A `queue` may be handed over
   * from a greeting that came before the frames.
   */
  constructor(limit: number, where = "", queue = new ByteQueue(), shortest = 0) {
    this.#limit = limit;
    this.#where = where;
    this.queue = queue;
    this.#min = shortest;
  }

  push(chunk: Uint8Array): void {
    this.queue.push(chunk);
  }

  /**
   * Bytes that are still missing for a whole frame, 0 when there is one. While the length itself is
   * not all here, what is missing of it.
   *
   * Faults: LENGTH for a length below the shortest, FRAME_TOO_LONG above the limit.
   */
  missing(): number {
    const { size } = this.queue;
    if (size < 4) return 4 - size;
    return Math.max(0, 4 + this.#length() - size);
  }

  /** The next frame without its length, or null while it is not whole. */
  next(): Uint8Array | null {
    const { queue } = this;
    if (queue.size < 4) return null;
    const length = this.#length();
    if (queue.size < 4 + length) return null;
    queue.skip(4);
    return queue.take(length);
  }

  /** The next four bytes as text when they are lower-case letters, as four-letter words are. */
  peekWord(): string | null {
    if (this.queue.size < 4) return null;
    let word = "";
    for (let i = 0; i < 4; i++) {
      const letter = this.queue.byteAt(i);
      if (letter < 0x61 || letter > 0x7a) return null;
      word += String.fromCharCode(letter);
    }
    return word;
  }

  #length(): number {
    const length = this.queue.intAt(0);
    if (length >= this.#min && length <= this.#limit) return length;
    const where = this.#where === "" ? {} : { where: this.#where };
    if (length < this.#min) {
      throw new Fault("LENGTH", `a frame cannot have ${length} bytes`, { ...where, length });
    }
    throw new Fault("FRAME_TOO_LONG", `a frame of ${length} bytes is longer than ${this.#limit}`, {
      ...where,
      length,
      limit: this.#limit,
      hint: "raise jute.maxbuffer on every member and client if it is meant",
    });
  }
}
