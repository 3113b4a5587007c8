// The watches that a request asks for.

import { isFault } from "../base/errors.ts";
import { Input } from "../codec/input.ts";
import { readAddWatchRequest, readSetWatches, readSetWatches2 } from "../records/client.ts";
import { ErrorCode, OpCode } from "../txn/opcodes.ts";
import type { Asked } from "./pending.ts";
import type { WatchKind } from "./watches.ts";

interface Wish {
  readonly kind: WatchKind;
  readonly path: string;
}

/** Requests that may ask for a watch: the others' bytes are not looked at. */
export const ARMING: ReadonlySet<number> = new Set([
  OpCode.exists,
  OpCode.getData,
  OpCode.getChildren,
  OpCode.getChildren2,
  OpCode.addWatch,
  OpCode.setWatches,
  OpCode.setWatches2,
]);

/** `error` is that of the reply: exists arms another watch on a node that is not there. */
export function watchesOf(request: Asked, op: number, error: number): Wish[] {
  const { bytes, path } = request;
  if (request.lost > 0) return [];
  const isAsked = bytes[bytes.length - 1] === 1;
  switch (op) {
    case OpCode.exists:
      if (!isAsked || path === null) return [];
      return [{ kind: error === ErrorCode.NONODE ? "exists" : "data", path }];
    case OpCode.getData:
      return isAsked && path !== null ? [{ kind: "data", path }] : [];
    case OpCode.getChildren:
    case OpCode.getChildren2:
      return isAsked && path !== null ? [{ kind: "child", path }] : [];
    case OpCode.addWatch:
    case OpCode.setWatches:
    case OpCode.setWatches2:
      return fromBody(bytes, op);
    default:
      return [];
  }
}

function fromBody(bytes: Uint8Array, op: number): Wish[] {
  const input = new Input(bytes, 12);
  try {
    if (op === OpCode.addWatch) {
      const { path, mode } = readAddWatchRequest(input);
      return path === null ? [] : [{ kind: mode === 1 ? "recursive" : "persistent", path }];
    }
    const lists = op === OpCode.setWatches
      ? { ...readSetWatches(input), persistentWatches: null, persistentRecursiveWatches: null }
      : readSetWatches2(input);
    const wish = (kind: WatchKind, paths: readonly (string | null)[] | null): Wish[] =>
      (paths ?? []).flatMap((path) => path === null ? [] : [{ kind, path }]);
    return [
      ...wish("data", lists.dataWatches),
      ...wish("exists", lists.existWatches),
      ...wish("child", lists.childWatches),
      ...wish("persistent", lists.persistentWatches),
      ...wish("recursive", lists.persistentRecursiveWatches),
    ];
  } catch (error) {
    if (isFault(error)) return []; // a body no server would take either
    throw error;
  }
}
