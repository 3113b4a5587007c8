// What one writer may find again after its server was killed. A writer owns a folder of the tree and
// sends its operations over one session, in order; a server that keeps its promises has, after any
// crash, all that were acknowledged and of those under way the first few, whole and once.

import type { MultiPart } from "../../lib/wire/multi.ts";
import { part } from "../../lib/client/client.ts";
import type { SeededRandom } from "./store_kit.ts";

export type CrashOp =
  | {
    readonly kind: "create";
    readonly name: string;
    readonly data: string;
    readonly owner: bigint;
  }
  | { readonly kind: "sequential"; readonly name: string; readonly data: string }
  | { readonly kind: "set"; readonly name: string; readonly data: string; readonly version: number }
  | { readonly kind: "delete"; readonly name: string; readonly version: number }
  | { readonly kind: "multi"; readonly ops: readonly CrashOp[] }
  /** A multi of which the last part fails: nothing of it may remain. */
  | { readonly kind: "refused"; readonly ops: readonly CrashOp[] }
  /** The session ends, and its ephemerals with it. */
  | { readonly kind: "close" };

/** A znode as a client sees it. */
export interface Seen {
  readonly data: string;
  readonly version: number;
  readonly owner: bigint;
}

const CHILDREN_MAX = 25;

export class WriterState {
  readonly nodes = new Map<string, Seen>();
  /** How many children were ever made: the next sequential one gets this number. */
  creates = 0;

  copy(): WriterState {
    const state = new WriterState();
    for (const [name, seen] of this.nodes) state.nodes.set(name, seen);
    state.creates = this.creates;
    return state;
  }

  apply(op: CrashOp): void {
    switch (op.kind) {
      case "create":
        this.nodes.set(op.name, { data: op.data, version: 0, owner: op.owner });
        this.creates += 1;
        return;
      case "sequential":
        this.nodes.set(op.name, { data: op.data, version: 0, owner: 0n });
        this.creates += 1;
        return;
      case "set":
        this.nodes.set(op.name, { data: op.data, version: op.version + 1, owner: this.#owner(op) });
        return;
      case "delete":
        this.nodes.delete(op.name);
        return;
      case "multi":
        for (const each of op.ops) this.apply(each);
        return;
      case "refused":
        return;
      case "close":
        this.#drop((owner) => owner !== 0n);
    }
  }

  /** The server may drop the ephemerals of these sessions whenever it likes. */
  forget(sessions: ReadonlySet<bigint>): void {
    this.#drop((owner) => sessions.has(owner));
  }

  /**
   * Why a folder that was read back is not this state; null when it is. Nodes of sessions that may
   * be gone do not count.
   */
  differsFrom(found: WriterState, gone: ReadonlySet<bigint>): string | null {
    for (const [name, seen] of this.nodes) {
      if (gone.has(seen.owner)) continue;
      const other = found.nodes.get(name);
      if (other === undefined) return `${name}, ${text(seen)}, is missing`;
      if (
        other.data !== seen.data || other.version !== seen.version || other.owner !== seen.owner
      ) {
        return `${name} is ${text(other)}, not ${text(seen)}`;
      }
    }
    for (const name of found.nodes.keys()) if (!this.nodes.has(name)) return `${name} is too many`;
    if (found.creates !== this.creates) {
      return `${found.creates} children were ever made, not ${this.creates}`;
    }
    return null;
  }

  #owner({ name }: { name: string }): bigint {
    return this.nodes.get(name)?.owner ?? 0n;
  }

  #drop(isDropped: (owner: bigint) => boolean): void {
    for (const [name, { owner }] of this.nodes) if (isDropped(owner)) this.nodes.delete(name);
  }
}

const text = ({ data, version, owner }: Seen): string =>
  `"${data}" version ${version} of 0x${owner.toString(16)}`;

const pick = <T>(random: SeededRandom, all: readonly T[]): T => all[random.below(all.length)];

/** Two different ones. */
function pickTwo<T>(random: SeededRandom, all: readonly T[]): [T, T] {
  const first = random.below(all.length);
  return [all[first], all[(first + 1 + random.below(all.length - 1)) % all.length]];
}

/** Draws operations that succeed when everything before them has, and such as must be refused. */
export function drawOp(
  random: SeededRandom,
  state: WriterState,
  serial: number,
  owner: bigint,
): CrashOp {
  const names = [...state.nodes.keys()];
  const isFull = names.length >= CHILDREN_MAX;
  const data = `${serial}`;
  const kind = names.length < 3 ? "create" : pick(
    random,
    ["create", "sequential", "set", "set", "set", "delete", "multi", "refused"] as const,
  );
  const set = (name: string): CrashOp => ({
    kind: "set",
    name,
    data,
    version: state.nodes.get(name)?.version ?? 0,
  });
  const remove = (name: string): CrashOp => ({
    kind: "delete",
    name,
    version: state.nodes.get(name)?.version ?? 0,
  });
  const create = (): CrashOp => ({
    kind: "create",
    name: `n${serial}`,
    data,
    owner: random.below(3) === 0 ? owner : 0n,
  });
  if (isFull && kind !== "set") return remove(pick(random, names));
  switch (kind) {
    case "create":
      return create();
    case "sequential":
      return { kind, name: `s-${String(state.creates).padStart(10, "0")}`, data };
    case "set":
      return set(pick(random, names));
    case "delete":
      return remove(pick(random, names));
    case "multi": {
      const [first, second] = pickTwo(random, names);
      return { kind, ops: [create(), set(first), remove(second)] };
    }
    case "refused": {
      const [first, second] = pickTwo(random, names);
      const wrong = { kind: "delete", name: second, version: 1_000_000 } as const;
      return { kind, ops: [create(), set(first), wrong] };
    }
  }
}

/** Parts of a multi below a folder. */
export function partsOf(folder: string, ops: readonly CrashOp[]): MultiPart[] {
  return ops.map((op) => {
    switch (op.kind) {
      case "create":
        return part.create(`${folder}/${op.name}`, encoded(op.data), op.owner === 0n ? 0 : 1);
      case "set":
        return part.set(`${folder}/${op.name}`, encoded(op.data), op.version);
      case "delete":
        return part.delete(`${folder}/${op.name}`, op.version);
      default:
        throw new Error(`a multi has no part ${op.kind}`);
    }
  });
}

export const encoded = (data: string): Uint8Array => new TextEncoder().encode(data);
export const decoded = (data: Uint8Array | null): string =>
  new TextDecoder().decode(data ?? new Uint8Array());
