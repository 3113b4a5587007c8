// concat of @std/bytes: several byte arrays joined into a new one.

/** A new array with the bytes of `buffers`, one after the other; the inputs are not kept. */
export function concat(buffers: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(buffers.reduce((total, piece) => total + piece.length, 0));
  let at = 0;
  for (const piece of buffers) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}
