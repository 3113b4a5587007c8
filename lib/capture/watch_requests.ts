// The watches that a request asks for, or asks to be rid of.

import { isFault } from "../base/errors.ts";
import { Input } from "../codec/input.ts";
import {
  readAddWatchRequest,
  readRemoveWatchesRequest,
  readSetWatches,
  readSetWatches2,
} from "../records/client.ts";
import { ErrorCode, OpCode } from "../txn/opcodes.ts";
import type { Asked } from "./pending.ts";
import type { WatchKind } from "./watches.ts";

interface Wish {
  readonly kind: WatchKind;
  readonly path: string;
}

/** Whose last byte says whether a watch is wanted, and of which kind it is. */
const BY_FLAG: ReadonlyMap<number, WatchKind> = new Map([
  [OpCode.exists, "data"],
  [OpCode.getData, "data"],
  [OpCode.getChildren, "child"],
  [OpCode.getChildren2, "child"],
]);
/** Whose whole body says it. */
const BY_BODY: ReadonlySet<number> = new Set([
  OpCode.addWatch,
  OpCode.setWatches,
  OpCode.setWatches2,
]);

/** What removeWatches takes away, by its type (client.md 6.5). */
const BY_TYPE: ReadonlyMap<number, readonly WatchKind[]> = new Map([
  [1, ["child"]],
  [2, ["data", "exists"]],
  [3, ["data", "exists", "child", "persistent", "recursive"]],
  [4, ["persistent"]],
  [5, ["recursive"]],
]);

/** Whether a request may say something of watches: the others' bytes are not looked at. */
export const isArming = (op: number): boolean =>
  BY_FLAG.has(op) || BY_BODY.has(op) || op === OpCode.removeWatches;

/** The watches that are gone once this request is granted. */
export function removedBy({ bytes, lost }: Asked): Wish[] {
  if (lost > 0) return [];
  try {
    const { path, type } = readRemoveWatchesRequest(new Input(bytes, 12));
    return path === null ? [] : (BY_TYPE.get(type) ?? []).map((kind) => ({ kind, path }));
  } catch (error) {
    if (isFault(error)) return [];
    throw error;
  }
}

/** `error` is that of the reply: exists arms another watch on a node that is not there. */
export function watchesOf(request: Asked, op: number, error: number): Wish[] {
  const { bytes, path } = request;
  if (request.lost > 0) return [];
  if (BY_BODY.has(op)) return fromBody(bytes, op);
  const kind = BY_FLAG.get(op);
  const isAsked = bytes[bytes.length - 1] === 1;
  if (kind === undefined || !isAsked || path === null) return [];
  const isMissing = op === OpCode.exists && error === ErrorCode.NONODE;
  return [{ kind: isMissing ? "exists" : kind, path }];
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
