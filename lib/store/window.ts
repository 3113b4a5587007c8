// A moving window over bytes that come in pieces: files larger than memory, unpacked streams. What
// was handed out stays valid, because a piece is never written to again.

import type { Disk } from "../ports.ts";

/** The next piece, or null at the end. Pieces are not empty and belong to the window. */
export type Source = () => Uint8Array | null;

const PIECE = 1 << 18;

/** The bytes of a file from `from` on. */
export function fileSource(disk: Disk, path: string, from = 0): Source {
  let at = from;
  return () => {
    const piece = disk.read(path, at, PIECE);
    at += piece.length;
    return piece.length === 0 ? null : piece;
  };
}

export class Window {
  bytes: Uint8Array = new Uint8Array(0);
  /** Index of the next byte in `bytes`. */
  at = 0;
  #view = new DataView(this.bytes.buffer);
  /** Place of `bytes[0]` in the whole. */
  #base: number;
  readonly #source: Source;

  constructor(source: Source, base = 0) {
    this.#source = source;
    this.#base = base;
  }

  /** Place of the next byte in the whole. */
  get offset(): number {
    return this.#base + this.at;
  }

  /** Bytes at hand without reading more. */
  get left(): number {
    return this.bytes.length - this.at;
  }

  /** Whether there are `count` bytes from `at` on; reads as many pieces as that takes. */
  has(count: number): boolean {
    let left = this.bytes.length - this.at;
    if (left >= count) return true;
    const pieces: Uint8Array[] = left === 0 ? [] : [this.bytes.subarray(this.at)];
    while (left < count) {
      const piece = this.#source();
      if (piece === null) break;
      pieces.push(piece);
      left += piece.length;
    }
    this.#base += this.at;
    this.at = 0;
    this.#show(pieces.length === 1 ? pieces[0] : joined(pieces, left));
    return left >= count;
  }

  /** The int `ahead` bytes further on; `has` must have been asked. */
  int(ahead = 0): number {
    return this.#view.getInt32(this.at + ahead);
  }

  long(ahead = 0): bigint {
    return this.#view.getBigInt64(this.at + ahead);
  }

  #show(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
