// IP fragments of one datagram until all of them are there. Bounded: so many datagrams, each as
// long as IP allows, each for so long; what is given up is counted.

const DATAGRAMS_MAX = 256;
const WAIT_NS = 30e9;
const DATAGRAM_MAX = 65535;
/** Fragments sent again along another path may overlap; more than twice is nobody's. */
const HELD_MAX = 2 * DATAGRAM_MAX;
/** A path that takes 68 bytes at a time, the least that IPv4 allows, makes fewer of a datagram. */
const PIECES_MAX = 1536;

interface Datagram {
  readonly pieces: Map<number, Uint8Array>;
  readonly since: number;
  /** Bytes held, also those that overlap. */
  held: number;
  /** Length of the whole, known from the last fragment; -1 before it. */
  length: number;
}

export class Fragments {
  readonly #datagrams = new Map<string, Datagram>();
  /** Fragments dropped because their datagram was never complete. */
  lost = 0;

  /** Copies the fragment; returns the whole payload when this was the missing piece. */
  add(
    key: string,
    piece: Uint8Array,
    offset: number,
    isLast: boolean,
    time: number,
  ): Uint8Array | null {
    const datagram = this.#datagram(key, time);
    const before = datagram.pieces.get(offset);
    const isNew = before === undefined || before.length < piece.length;
    const held = datagram.held + (isNew ? piece.length - (before?.length ?? 0) : 0);
    const isFull = before === undefined && datagram.pieces.size >= PIECES_MAX;
    if (offset + piece.length > DATAGRAM_MAX || held > HELD_MAX || isFull) {
      this.lost += 1;
      return null;
    }
    if (isNew) datagram.pieces.set(offset, piece.slice());
    datagram.held = held;
    if (isLast) datagram.length = offset + piece.length;
    const isEnough = datagram.length >= 0 && held >= datagram.length;
    const whole = isEnough ? assemble(datagram.pieces, datagram.length) : null;
    if (whole !== null) this.#datagrams.delete(key);
    return whole;
  }

  #datagram(key: string, time: number): Datagram {
    const found = this.#datagrams.get(key);
    if (found !== undefined && time - found.since < WAIT_NS) return found;
    if (found !== undefined) this.#drop(key, found);
    for (const [old, datagram] of this.#datagrams) {
      if (this.#datagrams.size < DATAGRAMS_MAX && time - datagram.since < WAIT_NS) break;
      this.#drop(old, datagram);
    }
    const made: Datagram = { pieces: new Map(), since: time, held: 0, length: -1 };
    this.#datagrams.set(key, made);
    return made;
  }

  #drop(key: string, datagram: Datagram): void {
    this.lost += datagram.pieces.size;
    this.#datagrams.delete(key);
  }
}

/** The pieces in order, later ones never overwriting earlier; null while there is a hole. */
function assemble(pieces: ReadonlyMap<number, Uint8Array>, length: number): Uint8Array | null {
  const whole = new Uint8Array(length);
  let filled = 0;
  for (const offset of [...pieces.keys()].sort((a, b) => a - b)) {
    if (offset > filled) return null;
    const piece = pieces.get(offset);
    if (piece === undefined || offset + piece.length <= filled) continue;
    const from = filled - offset;
    const to = Math.min(piece.length, length - offset);
    whole.set(piece.subarray(from, to), filled);
    filled = offset + to;
  }
  return filled === length ? whole : null;
}
