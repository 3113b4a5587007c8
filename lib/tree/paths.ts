// What a path may look like, and how one is taken apart (client.md 4.1 and 4.3). Only the leader's
// side validates: apply takes whatever a transaction says, since older servers allowed more.
//
// Must agree with Java's PathUtils and with the checks of PrepRequestProcessor.

/** Why `path` may not be used in create, setData, setACL or check; null when it may. */
export function validatePath(path: string | null): string | null {
  if (path === null) return "the path is null";
  if (path.length === 0) return "the path is empty";
  if (path.charCodeAt(0) !== SLASH) return "the path does not start with /";
  if (path.length === 1) return null;
  if (path.charCodeAt(path.length - 1) === SLASH) return "the path ends with /";
  let segment = 1;
  for (let i = 1; i <= path.length; i++) {
    const unit = i < path.length ? path.charCodeAt(i) : SLASH;
    if (unit !== SLASH) {
      if (isRefused(unit)) return `the character U+${hex4(unit)} at ${i} is not allowed`;
      continue;
    }
    if (i === segment) return `there is an empty name at ${i}`;
    if (isDots(path, segment, i)) return `a name at ${segment} is relative`;
    segment = i + 1;
  }
  return null;
}

/** The weaker check of create (before its parent is looked up) and delete. */
export function validatePartialPath(path: string | null): string | null {
  if (path === null || path.indexOf("/") < 0) return "the path holds no /";
  return path.indexOf("\0") < 0 ? null : "the path holds U+0000";
}

/** Text before the last `/`: the root is `""` here. Null when there is no `/`. */
export function parentOf(path: string): string | null {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? null : path.slice(0, slash);
}

/** Text after the last `/`. */
export const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/**
 * What a sequential create appends: the parent's stored cversion before it, printed like C's
 * `%010d` (client.md 4.3).
 */
export function sequenceSuffix(cversion: number): string {
  const digits = String(Math.abs(cversion));
  return cversion < 0 ? `-${digits.padStart(9, "0")}` : digits.padStart(10, "0");
}

const SLASH = 0x2f;
const DOT = 0x2e;

function isRefused(unit: number): boolean {
  return unit <= 0x1f || (unit >= 0x7f && unit <= 0x9f) || (unit >= 0xd800 && unit <= 0xf8ff) ||
    unit >= 0xfff0;
}

function isDots(path: string, start: number, end: number): boolean {
  const length = end - start;
  return path.charCodeAt(start) === DOT &&
    (length === 1 || (length === 2 && path.charCodeAt(start + 1) === DOT));
}

const hex4 = (unit: number): string => unit.toString(16).toUpperCase().padStart(4, "0");
