// Programmer errors. A failed assertion is our own mistake: it is never caught below the shell, and
// the driver halts the peer rather than go on with a state nobody has thought about.

export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Throws {@link AssertionError} unless `condition` holds; `claim` says what must be true. */
export function assert(condition: unknown, claim: string): asserts condition {
  if (!condition) throw new AssertionError(claim);
}

/** For the default branch of an exhaustive switch: a new case does not compile until handled. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}

/** The value, or an {@link AssertionError} naming it when it is absent. */
export function present<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new AssertionError(`${what} must be present`);
  return value;
}
