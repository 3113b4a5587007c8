// What tests of the store need around it: a clock and randomness that can be repeated, a stream of
// valid transactions with the tree they lead to, and a way to pump a memory disk.

import type { Zxid } from "../../lib/base/ids.ts";
import type { Clock, Instant, Random, Trace } from "../../lib/ports.ts";
import type { ACL } from "../../lib/records/data.ts";
import { storeDefaults, type StoreOptions, type StorePorts } from "../../lib/store/store.ts";
import { Tree, type TreeOptions } from "../../lib/tree/tree.ts";
import { OpCode } from "../../lib/txn/opcodes.ts";
import {
  DIGEST_VERSION,
  makeTxn,
  type Txn,
  type TxnBody,
  type TxnPart,
} from "../../lib/txn/txn.ts";
import type { MemoryDisk } from "./memory_disk.ts";

export const silent: Trace["note"] = () => {};

export const treeOptions = (note: Trace["note"] = silent): TreeOptions => ({
  digest: true,
  extendedTypes: true,
  emulate353Ttl: false,
  note,
});

/** Time that stands still until it is moved; tasks due soon run when the test says so. */
export class ManualClock implements Clock {
  mono = 0;
  wall = 1_800_000_000_000;
  readonly tasks: (() => void)[] = [];

  now(): Instant {
    return { mono: this.mono, wall: this.wall + this.mono };
  }

  wakeAt(): void {}

  soon(task: () => void): void {
    this.tasks.push(task);
  }

  run(): number {
    const tasks = this.tasks.splice(0);
    for (const task of tasks) task();
    return tasks.length;
  }
}

/** The same numbers for the same seed, on every machine (mulberry32). */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  #word(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  }

  below(n: number): number {
    return Math.floor((this.#word() / 2 ** 32) * n);
  }

  bytes(n: number): Uint8Array {
    return Uint8Array.from({ length: n }, () => this.below(256));
  }
}

export function storeOptions(changes: Partial<StoreOptions> = {}): StoreOptions {
  return {
    ...storeDefaults,
    dataDir: "/data",
    dataLogDir: "/data",
    preAllocSizeKb: 4,
    diskReserveKb: 0,
    ...changes,
  };
}

export interface Kit {
  readonly ports: StorePorts;
  readonly disk: MemoryDisk;
  readonly clock: ManualClock;
  readonly notes: { level: string; text: string; detail: unknown }[];
  /** Lets everything run until nothing is waiting. */
  settle(): void;
}

export function kit(disk: MemoryDisk, seed = 1): Kit {
  const clock = new ManualClock();
  const notes: Kit["notes"] = [];
  return {
    disk,
    clock,
    notes,
    ports: {
      disk,
      clock,
      random: new SeededRandom(seed),
      note: (level, _area, text, detail) => void notes.push({ level, text, detail }),
    },
    settle: () => {
      while (clock.run() + disk.run() > 0);
    },
  };
}

const OPEN: ACL[] = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
const READ: ACL[] = [{ perms: 1, id: { scheme: "world", id: "anyone" } }];
const DIGEST: ACL[] = [{
  perms: 31,
  id: { scheme: "digest", id: "user:x1nq8J5GOJVPY6zgzhtTtA9izLc=" },
}];

export interface WorkloadKinds {
  /** Only what a 3.4 server understands. */
  readonly isBasic?: boolean;
  /** Whether some nodes are made without data; they are unless told otherwise. */
  readonly hasNulls?: boolean;
  /** Whether a multi may hold create2; older servers then drop the rest of it (quorum.md H-R13). */
  readonly hasCreate2InMulti?: boolean;
}

/** Valid transactions one after another, each with the digest its leader would give it. */
export class Workload {
  readonly tree: Tree;
  readonly #random: SeededRandom;
  readonly #sessions: bigint[] = [];
  readonly #paths: string[] = [];
  readonly #ephemerals = new Map<string, bigint>();
  readonly #children = new Map<string, number>();
  readonly #kinds: WorkloadKinds;
  #zxid: Zxid;
  #made = 0;

  /** Sessions live for minutes. */
  constructor(seed: number, tree: Tree = new Tree(treeOptions()), kinds: WorkloadKinds = {}) {
    this.#kinds = kinds;
    this.#random = new SeededRandom(seed);
    this.tree = tree;
    this.#zxid = tree.lastZxid < 0n ? 0n : tree.lastZxid;
  }

  /** Transactions go on in the epoch after this one. */
  nextEpoch(): void {
    this.#zxid = ((this.#zxid >> 32n) + 1n) << 32n;
    this.tree.lastZxid = this.#zxid;
  }

  many(count: number): Txn[] {
    return Array.from({ length: count }, () => this.next());
  }

  next(): Txn {
    const random = this.#random;
    if (this.#sessions.length === 0 || random.below(20) === 0) return this.#createSession();
    const draw = random.below(100);
    if (draw < 45 || this.#paths.length < 3) return this.#create();
    if (draw < 75) return this.#setData();
    if (draw < 85) return this.#delete();
    if (draw < 90) return this.#multi();
    if (draw < 94) return this.#setAcl();
    if (draw < 97 && this.#sessions.length > 1) return this.#closeSession();
    return this.#make(this.#session(), OpCode.error, { kind: "error", record: { err: -101 } });
  }

  #createSession(): Txn {
    const id = 0x100000000000000n + BigInt(++this.#made);
    this.#sessions.push(id);
    const record = { timeOut: 400_000 + this.#made };
    return this.#make(id, OpCode.createSession, { kind: "createSession", record });
  }

  #create(): Txn {
    const [type, body] = this.#creation();
    return this.#make(this.#owner(body), type, body);
  }

  #owner(body: TxnBody): bigint {
    if (body.kind !== "create" || !body.record.ephemeral) return this.#session();
    return this.#ephemerals.get(body.record.path ?? "") ?? 0n;
  }

  #creation(): [number, TxnBody] {
    const random = this.#random;
    const parents = this.#paths.filter((path) => !this.#ephemerals.has(path));
    const parent = parents.length === 0 || random.below(4) === 0
      ? ""
      : parents[random.below(parents.length)];
    const path = `${parent}/n${++this.#made}${random.below(30) === 0 ? "é漢" : ""}`;
    const stat = this.tree.get(parent);
    const parentCVersion = stat === undefined ? 1 : this.tree.persisted(stat).cversion + 1;
    const hasNone = random.below(10) === 0 && this.#kinds.hasNulls !== false;
    const data = hasNone ? null : random.bytes(random.below(60));
    const acl = [OPEN, OPEN, READ, DIGEST][random.below(4)];
    this.#paths.push(path);
    this.#children.set(parent, (this.#children.get(parent) ?? 0) + 1);
    const kind = this.#kinds.isBasic ? 3 + 3 * random.below(2) : random.below(10);
    if (kind === 0) {
      return [OpCode.createContainer, {
        kind: "createContainer",
        record: { path, data, acl, parentCVersion },
      }];
    }
    if (kind === 1) {
      return [OpCode.createTTL, {
        kind: "createTTL",
        record: { path, data, acl, parentCVersion, ttl: 5000n },
      }];
    }
    const ephemeral = kind < 4;
    if (ephemeral) this.#ephemerals.set(path, this.#session());
    const record = { path, data, acl, ephemeral, parentCVersion };
    return [kind === 5 ? OpCode.create2 : OpCode.create, {
      kind: "create",
      record,
      beforeV34: false,
    }];
  }

  #setData(): Txn {
    return this.#make(this.#session(), OpCode.setData, this.#setting());
  }

  #setting(): TxnBody {
    const path = this.#paths[this.#random.below(this.#paths.length)];
    const data = this.#random.bytes(this.#random.below(200));
    const node = this.tree.get(path);
    const version = node === undefined ? 1 : this.tree.persisted(node).version + 1;
    return { kind: "setData", record: { path, data, version } };
  }

  #setAcl(): Txn {
    const path = this.#paths[this.#random.below(this.#paths.length)];
    const node = this.tree.get(path);
    const version = node === undefined ? 1 : this.tree.persisted(node).aversion + 1;
    const record = { path, acl: [READ, DIGEST, OPEN][this.#random.below(3)], version };
    return this.#make(this.#session(), OpCode.setACL, { kind: "setACL", record });
  }

  #delete(): Txn {
    const leaves = this.#paths.filter((path) => (this.#children.get(path) ?? 0) === 0);
    const path = leaves[this.#random.below(leaves.length)];
    this.#forget(path);
    return this.#make(this.#session(), OpCode.delete, { kind: "delete", record: { path } });
  }

  #forget(path: string): void {
    this.#paths.splice(this.#paths.indexOf(path), 1);
    this.#ephemerals.delete(path);
    const parent = path.slice(0, path.lastIndexOf("/"));
    this.#children.set(parent, (this.#children.get(parent) ?? 1) - 1);
  }

  #multi(): Txn {
    if (this.#random.below(3) === 0) {
      const parts: TxnPart[] = [
        { type: OpCode.error, body: { kind: "error", record: { err: 0 } } },
        { type: OpCode.error, body: { kind: "error", record: { err: -101 } } },
      ];
      return this.#make(this.#session(), OpCode.multi, { kind: "multi", parts });
    }
    let [type, body] = this.#creation();
    while (this.#isEphemeral(body)) [type, body] = this.#dropped(body);
    if (type === OpCode.create2 && this.#kinds.hasCreate2InMulti === false) type = OpCode.create;
    const parts: TxnPart[] = [{ type, body }, { type: OpCode.setData, body: this.#setting() }];
    return this.#make(this.#session(), OpCode.multi, { kind: "multi", parts });
  }

  #isEphemeral(body: TxnBody): boolean {
    return body.kind === "create" && body.record.ephemeral;
  }

  #dropped(body: TxnBody): [number, TxnBody] {
    if (body.kind === "create") this.#forget(body.record.path ?? "");
    return this.#creation();
  }

  #closeSession(): Txn {
    const id = this.#sessions.splice(this.#random.below(this.#sessions.length), 1)[0];
    const paths = [...this.#ephemerals].filter(([, owner]) => owner === id).map(([path]) => path);
    for (const path of paths) this.#forget(path);
    const isListed = this.#random.below(4) !== 0;
    return this.#make(id, OpCode.closeSession, {
      kind: "closeSession",
      paths: isListed ? paths : null,
    });
  }

  #session(): bigint {
    return this.#sessions[this.#random.below(this.#sessions.length)];
  }

  #make(clientId: bigint, type: number, body: TxnBody): Txn {
    this.#zxid += 1n;
    const time = 1_800_000_000_000n + (this.#zxid & 0xffffffffn);
    const header = { clientId, cxid: this.#made, zxid: this.#zxid, time, type };
    this.tree.apply(makeTxn(header, body, null), false);
    return makeTxn(header, body, { version: DIGEST_VERSION, treeDigest: this.tree.digest() });
  }
}

/** Everything in a tree that must be equal on all servers, as text. */
export function describe(tree: Tree): string {
  const lines: string[] = [];
  const visit = (path: string) => {
    const node = tree.get(path);
    if (node === undefined) return;
    const data = tree.dataOf(node);
    const stat = Object.values(tree.persisted(node)).join(" ");
    const acl = JSON.stringify(tree.acl(node));
    lines.push(`${path} ${data === null ? "null" : [...data].join(",")} ${stat} ${acl}`);
    const names: string[] = [];
    tree.forEachChild(node, (name) => void names.push(name));
    for (const name of names.sort()) visit(`${path}/${name}`);
  };
  visit("");
  const sessions = [...tree.sessions].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [id, timeout] of sessions) lines.push(`session ${id} ${timeout}`);
  lines.push(`digest ${tree.digest()} zxid ${tree.lastZxid}`);
  return lines.join("\n");
}
