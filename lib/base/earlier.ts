// Deadlines of several parts become that of the whole; this is asked once a turn.

/** The earlier of two instants, where null (or nothing there) means never. */
export function earlier(a: number | null | undefined, b: number | null | undefined): number | null {
  if (a === null || a === undefined) return b ?? null;
  if (b === null || b === undefined) return a;
  return a < b ? a : b;
}
