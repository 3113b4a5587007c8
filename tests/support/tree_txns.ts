// Transactions in short form, for tests of the tree: each is made, encoded and decoded, so that
// what is applied is what a log or a peer would give.

import { Input } from "../../lib/codec/input.ts";
import { Output } from "../../lib/codec/output.ts";
import {
  type ACL,
  readACL,
  readStat,
  readStatPersisted,
  type Stat,
  type StatPersisted,
} from "../../lib/records/data.ts";
import { TreeLoader } from "../../lib/tree/loader.ts";
import { Tree, type TreeOptions, type Znode } from "../../lib/tree/tree.ts";
import { OpCode } from "../../lib/txn/opcodes.ts";
import { decodeTxn, makeTxn, type Txn, type TxnBody, type TxnPart } from "../../lib/txn/txn.ts";

export const OPEN: ACL[] = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
export const acl = (perms: number, scheme = "world", id = "anyone"): ACL[] => [
  { perms, id: { scheme, id } },
];
export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (data: Uint8Array | null): string | null =>
  data === null ? null : new TextDecoder().decode(data);

export const treeOptions = (more: Partial<TreeOptions> = {}): TreeOptions => ({
  digest: true,
  extendedTypes: true,
  emulate353Ttl: false,
  note: () => {},
  ...more,
});

export interface CreateOptions {
  data?: Uint8Array | null;
  acl?: ACL[] | null;
  ephemeral?: boolean;
  cversion?: number;
  /** 1 create, 15 create2, 19 createContainer, 21 createTTL. */
  type?: number;
  ttl?: bigint;
}

/** The part of a multi, or the body of a transaction, that creates a node. */
export function createPart(path: string, options: CreateOptions = {}): TxnPart {
  const type = options.type ?? OpCode.create;
  const record = {
    path,
    data: options.data === undefined ? bytes("") : options.data,
    acl: options.acl === undefined ? OPEN : options.acl,
    parentCVersion: options.cversion ?? -1,
  };
  if (type === OpCode.createContainer) return { type, body: { kind: "createContainer", record } };
  if (type === OpCode.createTTL) {
    return { type, body: { kind: "createTTL", record: { ...record, ttl: options.ttl ?? 1000n } } };
  }
  const ephemeral = options.ephemeral ?? false;
  return { type, body: { kind: "create", record: { ...record, ephemeral }, beforeV34: false } };
}

export const deletePart = (path: string): TxnPart => ({
  type: OpCode.delete,
  body: { kind: "delete", record: { path } },
});
export const setDataPart = (path: string, data: Uint8Array | null, version: number): TxnPart => ({
  type: OpCode.setData,
  body: { kind: "setData", record: { path, data, version } },
});
export const setAclPart = (path: string, list: ACL[] | null, version: number): TxnPart => ({
  type: OpCode.setACL,
  body: { kind: "setACL", record: { path, acl: list, version } },
});
export const checkPart = (path: string, version: number): TxnPart => ({
  type: OpCode.check,
  body: { kind: "check", record: { path, version } },
});
export const errorPart = (err: number): TxnPart => ({
  type: OpCode.error,
  body: { kind: "error", record: { err } },
});
export const multiPart = (...parts: TxnPart[]): TxnPart => ({
  type: OpCode.multi,
  body: { kind: "multi", parts },
});
export const openPart = (timeOut: number): TxnPart => ({
  type: OpCode.createSession,
  body: { kind: "createSession", record: { timeOut } },
});
export const closePart = (paths: string[] | null): TxnPart => ({
  type: OpCode.closeSession,
  body: { kind: "closeSession", paths },
});

export interface At {
  zxid: bigint;
  time?: bigint;
  session?: bigint;
}

export function txnOf(part: TxnPart, at: At): Txn {
  const { zxid, time = 1000n + zxid, session = 0x77n } = at;
  const header = { clientId: session, cxid: Number(zxid), zxid, time, type: part.type };
  return decodeTxn(makeTxn(header, part.body as TxnBody, null).bytes);
}

/** A tree with a counter: each call is the next transaction. */
export class Script {
  readonly tree: Tree;
  readonly txns: Txn[] = [];
  zxid = 0n;

  constructor(options: Partial<TreeOptions> = {}) {
    this.tree = new Tree(treeOptions(options));
  }

  apply(part: TxnPart, session?: bigint): ReturnType<Tree["apply"]> {
    this.zxid += 1n;
    const txn = txnOf(part, { zxid: this.zxid, session });
    this.txns.push(txn);
    return this.tree.apply(txn, true);
  }

  create(path: string, options: CreateOptions = {}, session?: bigint): number {
    return this.apply(createPart(path, options), session).err;
  }

  node(path: string): Znode {
    const node = this.tree.get(path);
    if (node === undefined) throw new Error(`there is no ${path}`);
    return node;
  }

  persisted(path: string): StatPersisted {
    return this.tree.persisted(this.node(path));
  }

  stat(path: string): Stat {
    return statOf(this.tree, path);
  }

  data(path: string): string | null {
    return text(this.tree.dataOf(this.node(path)));
  }

  children(path: string): string[] {
    return childrenOf(this.tree, path);
  }
}

export function statOf(tree: Tree, path: string): Stat {
  const node = tree.get(path);
  if (node === undefined) throw new Error(`there is no ${path}`);
  const out = new Output();
  tree.writeStat(node, out);
  return readStat(new Input(out.take()));
}

export function childrenOf(tree: Tree, path: string): string[] {
  const node = tree.get(path);
  if (node === undefined) throw new Error(`there is no ${path}`);
  const names: string[] = [];
  tree.forEachChild(node, (name) => names.push(name));
  return names.sort();
}

/** All that must be equal on two servers (client.md 4.12), but for the quota statistics. */
export function stateOf(tree: Tree): Record<string, unknown> {
  const nodes: Record<string, unknown> = {};
  const visit = (path: string): void => {
    const node = tree.get(path);
    if (node === undefined) throw new Error(`there is no ${path}`);
    nodes[path === "" ? "/" : path] = {
      data: path.endsWith("/zookeeper_stats") ? "" : text(tree.dataOf(node)),
      stat: tree.persisted(node),
      acl: tree.acl(node),
      kind: tree.kindOf(node),
      children: tree.childCount(node),
    };
    tree.forEachChild(node, (name) => visit(`${path}/${name}`));
  };
  visit("");
  const ephemerals = [...tree.sessionsWithEphemerals()].map((
    id,
  ) => [id, [...tree.ephemeralsOf(id)].sort()]);
  return {
    nodes,
    sessions: [...tree.sessions].sort(),
    ephemerals: ephemerals.sort(),
    containers: [...tree.containers()].sort(),
    ttls: [...tree.ttls()].sort(),
    quotas: [...tree.quotas.paths()].sort(),
    nodeCount: tree.nodeCount,
    aclCount: tree.aclCount,
    ephemeralCount: tree.ephemeralCount,
    digest: tree.digest(),
  };
}

export interface Dumped {
  sessions: [bigint, number][];
  acls: [bigint, ACL[] | null][];
  nodes: { path: string; data: Uint8Array | null; acl: bigint; stat: StatPersisted }[];
}

/** Reads a dump as a snapshot's reader would. */
export function readDump(dump: Uint8Array): Dumped {
  const input = new Input(dump);
  const dumped: Dumped = { sessions: [], acls: [], nodes: [] };
  for (let left = input.int(); left > 0; left--) dumped.sessions.push([input.long(), input.int()]);
  for (let left = input.int(); left > 0; left--) {
    dumped.acls.push([input.long(), input.vector(readACL)]);
  }
  for (;;) {
    const path = input.ustring();
    if (path === "/" || path === null) break;
    const data = input.buffer();
    dumped.nodes.push({ path, data, acl: input.long(), stat: readStatPersisted(input) });
  }
  if (input.left !== 0) throw new Error(`${input.left} bytes follow the dump`);
  return dumped;
}

export function loadDump(dumped: Dumped, options: TreeOptions = treeOptions()): Tree {
  const loader = new TreeLoader(options);
  for (const [id, timeout] of dumped.sessions) loader.session(id, timeout);
  for (const [id, list] of dumped.acls) loader.acl(id, list);
  for (const { path, data, acl, stat } of dumped.nodes) loader.node(path, data, acl, stat);
  return loader.finish();
}

export function dumpWhole(tree: Tree): Uint8Array {
  const out = new Output();
  const dump = tree.dump();
  while (!dump.fill(out, 1 << 16));
  return out.take();
}

/** A small seeded generator, so that a failing run can be repeated. */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}
