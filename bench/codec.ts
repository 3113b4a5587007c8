// What a record costs, in ns: decode and encode of the records that every request and every write
// pass through, next to the Jute code of the npm package node-zookeeper-client in the same run.
// Records that it lacks are given to its generic record class as an equal specification.
//
//   deno task bench          npx tsx bench/codec.ts

import { Buffer } from "node:buffer";
import process from "node:process";
import { Input } from "../lib/codec/input.ts";
import { Output } from "../lib/codec/output.ts";
import { type Codec, type FieldType, isShape, isVector } from "../lib/codec/shape.ts";
import { CreateRequestCodec, GetDataResponseCodec } from "../lib/records/client.ts";
import type { Stat } from "../lib/records/data.ts";
import { NotificationCodec } from "../lib/records/election.ts";
import { QuorumPacketCodec } from "../lib/records/quorum.ts";
import { TxnHeaderCodec } from "../lib/records/txn.ts";
import { PacketReader } from "../lib/wire/learner.ts";

/** The part of the other package that is used here. */
interface OtherRecord {
  serialize(buffer: Buffer, offset: number): number;
  deserialize(buffer: Buffer, offset: number): number;
}
interface OtherSpecification {
  readonly name: string;
  readonly type: string;
}
type RecordClass = (this: OtherRecord, specification: OtherSpecification[], args: []) => void;
interface OtherJute {
  readonly protocol: Readonly<
    Record<string, (new () => OtherRecord) & { readonly super_: RecordClass }>
  >;
}

const isDeno = "Deno" in globalThis;
const other: OtherJute = (await import(
  `${isDeno ? "npm:node-zookeeper-client@^1.1.3" : "node-zookeeper-client"}/lib/jute/index.js`
)).default;

/** Makes records of the other package with this shape. */
function otherFactory(name: string, codec: Codec<unknown>): () => OtherRecord {
  const known = other.protocol[name];
  if (known !== undefined) return () => new known();
  const generic = other.protocol.ReplyHeader.super_;
  const specification = codec.shape.fields.map(([field, type]) => ({
    name: field,
    type: otherType(type),
  }));
  return () => {
    const record: OtherRecord = Object.create(generic.prototype);
    generic.call(record, specification, []);
    return record;
  };
}

function otherType(type: FieldType): string {
  if (isVector(type)) return `vector<${otherType(type.vector)}>`;
  return isShape(type) ? `data.${type.name}` : type;
}

const ROUND_MS = 5;
const ROUNDS = 120;

/** Nanoseconds of one call: the best of many short rounds, so that a busy machine matters little. */
function measure(run: (times: number) => void): number {
  let times = 1000;
  for (;;) {
    const started = performance.now();
    run(times);
    const took = performance.now() - started;
    if (took > ROUND_MS) break;
    times = Math.ceil(times * Math.min(10, 1.2 * ROUND_MS / Math.max(took, 0.01)));
  }
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now();
    run(times);
    best = Math.min(best, performance.now() - started);
  }
  return best * 1e6 / times;
}

/** Keeps results from being optimised away. */
let sink: unknown = null;

const ns = (value: number): string => value.toFixed(1).padStart(9);

function compare<T>(name: string, codec: Codec<T>, record: T): void {
  const out = new Output(4096);
  codec.write(out, record);
  const bytes = out.take();
  const input = new Input(bytes);
  const buffer = Buffer.from(bytes);
  const target = Buffer.alloc(bytes.length + 64);
  const make = otherFactory(name, codec);
  const filled = make();
  filled.deserialize(buffer, 0);
  filled.serialize(target, 0);
  if (!target.subarray(0, bytes.length).equals(buffer)) throw new Error(`${name}: bytes differ`);

  const decode = measure((times) => {
    for (let i = 0; i < times; i++) sink = codec.read(input.reset(bytes));
  });
  const otherDecode = measure((times) => {
    for (let i = 0; i < times; i++) {
      const each = make();
      each.deserialize(buffer, 0);
      sink = each;
    }
  });
  const encode = measure((times) => {
    for (let i = 0; i < times; i++) {
      out.reset();
      codec.write(out, record);
    }
  });
  const otherEncode = measure((times) => {
    for (let i = 0; i < times; i++) filled.serialize(target, 0);
  });
  const times = (a: number, b: number) => `${(b / a).toFixed(1)}x`.padStart(8);
  console.log(
    `${name.padEnd(24)}${ns(decode)}${ns(otherDecode)}${times(decode, otherDecode)}` +
      `${ns(encode)}${ns(otherEncode)}${times(encode, otherEncode)}`,
  );
}

const stat: Stat = {
  czxid: 0x500000007n,
  mzxid: 0x500000009n,
  ctime: 1795252542327n,
  mtime: 1795252542399n,
  version: 2,
  cversion: 5,
  aversion: 0,
  ephemeralOwner: 0x0100001c59390000n,
  dataLength: 1024,
  numChildren: 3,
  pzxid: 0x500000008n,
};
const acl = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
const config = [1, 2, 3].map((n) => `server.${n}=10.0.0.${n}:2888:3888:participant`).join("\n");

const { v8, deno } = process.versions as Readonly<Record<string, string | undefined>>;
console.log(`${isDeno ? `Deno ${deno}` : `Node ${process.version}`}, V8 ${v8}; ns per record`);
console.log(
  `${"".padEnd(24)}   decode    other            encode    other`,
);
compare("TxnHeader", TxnHeaderCodec, {
  clientId: 0x0100001c59390000n,
  cxid: 7,
  zxid: 0x500000007n,
  time: 1795252542327n,
  type: 1,
});
compare("QuorumPacket", QuorumPacketCodec, {
  type: 2,
  zxid: 0x500000007n,
  data: new Uint8Array(120),
  authinfo: null,
});
compare("GetDataResponse", GetDataResponseCodec, { data: new Uint8Array(1024), stat });
compare("CreateRequest", CreateRequestCodec, {
  path: "/services/orders/member-",
  data: new Uint8Array(100),
  acl,
  flags: 3,
});
compare("Notification", NotificationCodec, {
  state: 0,
  leader: 3n,
  zxid: 0x500000007n,
  electionEpoch: 9n,
  peerEpoch: 5n,
  version: 2,
  config: `${config}\nversion=0`,
});

/** The stream of a busy link: how long one ACK takes, by the lane and as a record. */
function compareLane(): void {
  const chunk = new Uint8Array(20 * 1000);
  const view = new DataView(chunk.buffer);
  for (let at = 0; at < chunk.length; at += 20) {
    view.setInt32(at, 3);
    view.setBigInt64(at + 4, 0x500000000n + BigInt(at));
    view.setBigInt64(at + 12, -1n);
  }
  const run = (take: (reader: PacketReader) => unknown) =>
    measure((times) => {
      for (let i = 0; i < times; i += 1000) {
        const reader = new PacketReader();
        reader.push(chunk);
        for (let n = 0; n < 1000; n++) sink = take(reader);
      }
    });
  const bare = run((reader) => reader.bare());
  const record = run((reader) => reader.next());
  console.log(`ACK in a stream: ${bare.toFixed(1)} by its lane, ${record.toFixed(1)} as a record`);
}
compareLane();
if (sink === undefined) console.log("never");
