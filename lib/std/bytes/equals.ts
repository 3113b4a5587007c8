// equals of @std/bytes: whether two byte arrays hold the same bytes.

/** True when `a` and `b` have the same length and the same bytes. Not for secrets: it stops early. */
export function equals(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) {
    if (a[at] !== b[at]) return false;
  }
  return true;
}
