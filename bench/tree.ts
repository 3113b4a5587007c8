// What a million znodes cost: memory, and the rates of apply, get, dump and loading.
//
//   npx tsx bench/tree.ts [znodes] [bytes each]      node
//   deno run -A bench/tree.ts [znodes] [bytes each]  Deno

import process from "node:process";
import { Input } from "../lib/codec/input.ts";
import { Output } from "../lib/codec/output.ts";
import { readACL, readStatPersisted } from "../lib/records/data.ts";
import { TreeLoader } from "../lib/tree/loader.ts";
import { Tree } from "../lib/tree/tree.ts";
import { OpCode } from "../lib/txn/opcodes.ts";
import { decodeTxn, makeTxn, type Txn, type TxnBody } from "../lib/txn/txn.ts";

const COUNT = Number(process.argv[2] ?? 1_000_000);
const SIZE = Number(process.argv[3] ?? 100);
const PER_PARENT = 1000;
const BATCH = 1000;
const ACL = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
const OPTIONS = { digest: true, extendedTypes: false, emulate353Ttl: false, note() {} };

let zxid = 0n;
const data = new Uint8Array(SIZE).fill(7);

function txn(type: number, body: TxnBody): Txn {
  zxid += 1n;
  const header = { clientId: 1n, cxid: 1, zxid, time: 1_700_000_000_000n + zxid, type };
  return decodeTxn(makeTxn(header, body, null).bytes);
}

const create = (path: string, parentCVersion: number): Txn =>
  txn(OpCode.create, {
    kind: "create",
    record: { path, data, acl: ACL, ephemeral: false, parentCVersion },
    beforeV34: false,
  });

const parentPath = (i: number): string => `/app/group-${Math.floor(i / PER_PARENT)}`;
const path = (i: number): string => `${parentPath(i)}/node-${String(i).padStart(10, "0")}`;

/** Applies `count` transactions made by `make` in batches; only apply is timed. */
function applyAll(tree: Tree, count: number, make: (i: number) => Txn): number {
  let spent = 0;
  for (let from = 0; from < count; from += BATCH) {
    const txns: Txn[] = [];
    for (let i = from; i < Math.min(count, from + BATCH); i++) txns.push(make(i));
    const started = performance.now();
    for (const each of txns) {
      const { err } = tree.apply(each, true);
      if (err !== 0) throw new Error(`error ${err} at zxid ${each.header.zxid}`);
    }
    spent += performance.now() - started;
  }
  return spent;
}

function report(what: string, count: number, ms: number): void {
  const rate = Math.round(count / ms * 1000).toLocaleString("en");
  console.log(`${what.padEnd(44)} ${(ms / count * 1e6).toFixed(0).padStart(7)} ns  ${rate}/s`);
}

function memory(what: string): void {
  const collect = (globalThis as { gc?: () => void }).gc;
  collect?.();
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  console.log(
    `${what.padEnd(44)} RSS ${mb(rss)}, heap ${mb(heapUsed)}, array buffers ${
      mb(arrayBuffers ?? 0)
    }`,
  );
}

function shuffled(count: number): Int32Array {
  const order = new Int32Array(count).map((_, i) => i);
  let seed = 1;
  for (let i = count - 1; i > 0; i--) {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    const j = seed % (i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** Looks up, as a request would: a path decoded from bytes, then data and stat into a reply. */
function readAll(tree: Tree, order: Int32Array, count: number): number {
  const out = new Output(4096);
  let spent = 0;
  for (let from = 0; from < count; from += BATCH) {
    const paths: string[] = [];
    for (let i = from; i < from + BATCH; i++) {
      const bytes = new Output();
      bytes.ustring(path(order[i % order.length]));
      paths.push(new Input(bytes.take()).ustring() ?? "");
    }
    const started = performance.now();
    for (const each of paths) {
      const node = tree.get(each);
      if (node === undefined) throw new Error(`${each} is missing`);
      out.reset();
      tree.writeData(node, out);
      tree.writeStat(node, out);
    }
    spent += performance.now() - started;
  }
  return spent;
}

function dumpAll(tree: Tree): { chunks: Uint8Array[]; ms: number; longest: number } {
  const chunks: Uint8Array[] = [];
  const out = new Output(1 << 19);
  let longest = 0;
  const started = performance.now();
  const dump = tree.dump();
  for (let done = false; !done;) {
    const slice = performance.now();
    out.reset();
    done = dump.fill(out, 1 << 18);
    longest = Math.max(longest, performance.now() - slice);
    chunks.push(out.view().slice());
  }
  return { chunks, ms: performance.now() - started, longest };
}

function load(bytes: Uint8Array): Tree {
  const loader = new TreeLoader(OPTIONS);
  const input = new Input(bytes);
  for (let left = input.int(); left > 0; left--) loader.session(input.long(), input.int());
  for (let left = input.int(); left > 0; left--) {
    loader.acl(input.long(), input.vector(readACL));
  }
  for (;;) {
    const at = input.ustring();
    if (at === "/" || at === null) return loader.finish();
    loader.node(at, input.buffer(), input.long(), readStatPersisted(input));
  }
}

memory("at start");
let tree = new Tree(OPTIONS);
tree.apply(create("/app", 1), false);
const parents = Math.ceil(COUNT / PER_PARENT);
for (let i = 0; i < parents; i++) tree.apply(create(parentPath(i * PER_PARENT), i + 1), false);
report("apply create", COUNT, applyAll(tree, COUNT, (i) => create(path(i), i % PER_PARENT + 1)));
memory(`${COUNT.toLocaleString("en")} znodes of ${SIZE} bytes`);
console.log(`reserved for znodes: ${(tree.reservedBytes / 1e6).toFixed(0)} MB`);

const order = shuffled(COUNT);
const few = Math.min(COUNT, 500_000);
report("get + data + stat, random", few, readAll(tree, order, few));
const hot = shuffled(Math.min(1000, COUNT));
report("get + data + stat, 1000 hot paths", few, readAll(tree, hot, few));
const setData = (i: number): Txn =>
  txn(OpCode.setData, {
    kind: "setData",
    record: { path: path(order[i]), data, version: 1 },
  });
report("apply setData, random", few, applyAll(tree, few, setData));

const { chunks, ms, longest } = dumpAll(tree);
const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
report(`dump (${(size / 1e6).toFixed(0)} MB, longest slice ${longest.toFixed(1)} ms)`, COUNT, ms);

const remove = (i: number): Txn =>
  txn(OpCode.delete, { kind: "delete", record: { path: path(order[i]) } });
const digest = tree.digest();
report("apply delete, random", few, applyAll(tree, few, remove));

const whole = new Uint8Array(size);
let at = 0;
for (const chunk of chunks) {
  whole.set(chunk, at);
  at += chunk.length;
}
chunks.length = 0;
const started = performance.now();
tree = load(whole);
report("load", COUNT, performance.now() - started);
if (tree.digest() !== digest) throw new Error("the loaded tree differs");
