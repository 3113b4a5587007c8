// A naive tree to compare the real one with, written from client.md 4 alone: plain maps, bigints,
// nothing incremental; and a seeded source of transactions such as a leader makes.

import { Buffer } from "node:buffer";
import zlib from "node:zlib";
import type { ACL, StatPersisted } from "../../lib/records/data.ts";
import { ErrorCode, OpCode } from "../../lib/txn/opcodes.ts";
import type { Txn, TxnBody, TxnPart } from "../../lib/txn/txn.ts";
import {
  acl,
  checkPart,
  closePart,
  createPart,
  deletePart,
  errorPart,
  multiPart,
  OPEN,
  openPart,
  setAclPart,
  setDataPart,
  text,
  txnOf,
} from "./tree_txns.ts";
import { ZERO_STAT } from "./stats.ts";

interface ModelNode {
  data: Uint8Array | null;
  acl: readonly ACL[] | null;
  stat: StatPersisted;
}

export class Model {
  /** By path; the root is "". */
  readonly nodes = new Map<string, ModelNode>();
  readonly sessions = new Map<bigint, number>();

  constructor() {
    const empty = new Uint8Array(0);
    for (const path of ["", "/zookeeper", "/zookeeper/quota"]) {
      this.nodes.set(path, { data: empty, acl: null, stat: { ...ZERO_STAT } });
    }
    const stat = { ...{ ...ZERO_STAT }, aversion: -1 };
    this.nodes.set("/zookeeper/config", { data: empty, acl: acl(1), stat });
  }

  apply(txn: Txn): void {
    const { body, header } = txn;
    if (body.kind === "multi") {
      if (body.parts.some((part) => part.type === -1)) return;
      for (const part of body.parts) {
        this.#one(header.clientId, header.zxid, header.time, part.body);
      }
    } else this.#one(header.clientId, header.zxid, header.time, body);
  }

  #one(session: bigint, zxid: bigint, time: bigint, body: TxnBody): void {
    switch (body.kind) {
      case "create":
        return this.#create(body.record, body.record.ephemeral ? session : 0n, zxid, time);
      case "createContainer":
        return this.#create(body.record, -(1n << 63n), zxid, time);
      case "createTTL":
        return this.#create(body.record, -(1n << 56n) + body.record.ttl, zxid, time);
      case "delete":
        return this.#delete(body.record.path ?? "", zxid);
      case "setData": {
        const node = this.nodes.get(body.record.path ?? "");
        if (node === undefined) return;
        node.data = body.record.data;
        node.stat = { ...node.stat, version: body.record.version, mzxid: zxid, mtime: time };
        return;
      }
      case "setACL": {
        const node = this.nodes.get(body.record.path ?? "");
        if (node === undefined) return;
        node.acl = body.record.acl;
        node.stat = { ...node.stat, aversion: body.record.version };
        return;
      }
      case "createSession":
        this.sessions.set(session, body.record.timeOut);
        return;
      case "closeSession":
        this.sessions.delete(session);
        for (const path of body.paths ?? []) this.#delete(path, zxid);
        for (const path of this.ephemeralsOf(session)) this.#delete(path, zxid);
    }
  }

  #create(
    record: {
      path: string | null;
      data: Uint8Array | null;
      acl: ACL[] | null;
      parentCVersion: number;
    },
    owner: bigint,
    zxid: bigint,
    time: bigint,
  ): void {
    const path = record.path ?? "";
    const parent = this.nodes.get(path.slice(0, path.lastIndexOf("/")));
    if (parent === undefined) return;
    const known = this.nodes.get(path);
    if (record.parentCVersion > parent.stat.cversion) {
      parent.stat = { ...parent.stat, cversion: record.parentCVersion, pzxid: zxid };
    }
    if (known !== undefined) {
      known.acl = record.acl;
      return;
    }
    const stat = {
      ...{ ...ZERO_STAT },
      czxid: zxid,
      mzxid: zxid,
      pzxid: zxid,
      ctime: time,
      mtime: time,
    };
    stat.ephemeralOwner = owner;
    this.nodes.set(path, { data: record.data, acl: record.acl, stat });
  }

  #delete(path: string, zxid: bigint): void {
    const parent = this.nodes.get(path.slice(0, path.lastIndexOf("/")));
    if (parent === undefined) return;
    if (zxid > parent.stat.pzxid) parent.stat = { ...parent.stat, pzxid: zxid };
    this.nodes.delete(path);
  }

  childrenOf(path: string): string[] {
    const start = `${path}/`;
    return [...this.nodes.keys()].filter((other) =>
      other.startsWith(start) && !other.slice(start.length).includes("/")
    );
  }

  ephemeralsOf(session: bigint): string[] {
    return [...this.nodes].filter(([, { stat }]) => stat.ephemeralOwner === session)
      .map(([path]) => path);
  }

  /** From nothing, with another CRC than the tree's. */
  digest(): bigint {
    let sum = 0n;
    for (const [path, { data, stat }] of this.nodes) {
      if (path.startsWith("/zookeeper/")) continue;
      const tail = Buffer.alloc(60);
      [stat.czxid, stat.mzxid, stat.pzxid, stat.ctime, stat.mtime].forEach((long, i) =>
        tail.writeBigInt64BE(long, 8 * i)
      );
      [stat.version, stat.cversion, stat.aversion].forEach((int, i) =>
        tail.writeInt32BE(int, 40 + 4 * i)
      );
      tail.writeBigInt64BE(stat.ephemeralOwner, 52);
      const whole = Buffer.concat([Buffer.from(path, "utf8"), data ?? Buffer.alloc(0), tail]);
      sum += BigInt(crcOf(whole));
    }
    return BigInt.asIntN(64, sum);
  }

  /** In the form of stateOf. */
  state(): Record<string, unknown> {
    const nodes: Record<string, unknown> = {};
    const owned = new Map<bigint, string[]>();
    const containers: string[] = [];
    const ttls: string[] = [];
    for (const [path, { data, acl, stat }] of this.nodes) {
      const owner = stat.ephemeralOwner;
      let kind = "persistent";
      if (owner === -(1n << 63n)) containers.push(path), kind = "container";
      else if (owner !== 0n && owner >> 40n === -(1n << 16n)) ttls.push(path), kind = "ttl";
      else if (owner !== 0n) {
        kind = "ephemeral";
        owned.set(owner, [...owned.get(owner) ?? [], path]);
      }
      const children = this.childrenOf(path).length;
      nodes[path === "" ? "/" : path] = { data: text(data), stat, acl, kind, children };
    }
    const lists = new Set([...this.nodes.values()].map((node) => JSON.stringify(node.acl)));
    lists.delete("null");
    return {
      nodes,
      sessions: [...this.sessions].sort(),
      ephemerals: [...owned].map(([id, paths]) => [id, paths.sort()]).sort(),
      containers: containers.sort(),
      ttls: ttls.sort(),
      quotas: [],
      nodeCount: this.nodes.size + 1,
      aclCount: lists.size,
      ephemeralCount: [...owned.values()].flat().length,
      digest: this.digest(),
    };
  }
}

/** zlib's own CRC, taken from the trailer of a gzip stream. */
function crcOf(bytes: Uint8Array): number {
  const packed = zlib.gzipSync(bytes, { level: 0 });
  return packed.readUInt32LE(packed.length - 8);
}

const NAMES = ["a", "b", "c", "dd", "é", "日本"];
const SESSIONS = [0x11n, 0x22n, -0x33n];
const LISTS: (ACL[] | null)[] = [
  OPEN,
  acl(1),
  acl(3, "digest", "u:h"),
  [...acl(1), ...acl(31, "ip", "10.0.0.0/8")],
  null,
];

/** Transactions as a leader would make them from the model's state, and some that only a log has. */
export class TxnSource {
  readonly model = new Model();
  readonly #below: (n: number) => number;
  #zxid = 0n;

  readonly #listless: boolean;

  /** `listless`: some sessions are closed without a list, as before 3.6. */
  constructor(below: (n: number) => number, listless: boolean) {
    this.#below = below;
    this.#listless = listless;
  }

  /** The next transaction, which the model has already applied. */
  next(): Txn {
    this.#zxid += 1n;
    const session = SESSIONS[this.#below(SESSIONS.length)];
    const txn = txnOf(this.#part(session), { zxid: this.#zxid, session });
    this.model.apply(txn);
    return txn;
  }

  #part(session: bigint): TxnPart {
    switch (this.#below(20)) {
      case 0:
        return openPart(1000 * (1 + this.#below(9)));
      case 1:
        if (this.#below(3) > 0) return this.#create();
        return closePart(
          this.#listless && this.#below(4) === 0 ? null : this.model.ephemeralsOf(session),
        );
      case 2:
        return errorPart(ErrorCode.NODEEXISTS);
      case 3:
        return multiPart(this.#single(), errorPart(ErrorCode.BADVERSION), this.#single());
      case 4:
      case 5:
        // The parts touch nodes of their own, so that each is what a leader would have made.
        return multiPart(this.#setData(), checkPart("/a", 1), this.#create(), this.#setAcl());
      case 6: {
        const part = this.#delete();
        return part.type === OpCode.delete && this.#below(2) === 0
          ? { ...part, type: OpCode.deleteContainer }
          : part;
      }
      default:
        return this.#single();
    }
  }

  #single(): TxnPart {
    const pick = this.#below(10);
    return pick < 5
      ? this.#create()
      : pick < 7
      ? this.#delete()
      : pick < 9
      ? this.#setData()
      : this.#setAcl();
  }

  #create(): TxnPart {
    const parents = [...this.model.nodes].filter(([path, { stat }]) =>
      !path.startsWith("/zookeeper") && path.split("/").length < 5 &&
      !SESSIONS.includes(stat.ephemeralOwner)
    );
    const [above, parent] = parents[this.#below(parents.length)];
    const path = `${above}/${NAMES[this.#below(NAMES.length)]}`;
    if (this.model.nodes.has(path)) return this.#setData();
    const type = [OpCode.create, OpCode.create2, OpCode.createContainer, OpCode.createTTL];
    return createPart(path, {
      data: this.#data(),
      acl: this.#list(),
      ephemeral: this.#below(3) === 0,
      cversion: parent.stat.cversion + 1,
      type: type[Math.max(0, this.#below(7) - 3)],
      ttl: BigInt(1 + this.#below(100)),
    });
  }

  #delete(): TxnPart {
    const leaves = [...this.model.nodes.keys()].filter((path) =>
      path !== "" && !path.startsWith("/zookeeper") && this.model.childrenOf(path).length === 0
    );
    if (leaves.length === 0) return errorPart(ErrorCode.NONODE);
    return deletePart(leaves[this.#below(leaves.length)]);
  }

  #setData(): TxnPart {
    const path = this.#known();
    const version = (this.model.nodes.get(path)?.stat.version ?? 0) + 1;
    return setDataPart(path, this.#data(), version);
  }

  #setAcl(): TxnPart {
    const path = this.#known();
    const aversion = (this.model.nodes.get(path)?.stat.aversion ?? 0) + 1;
    return setAclPart(path, this.#list(), aversion);
  }

  #data(): Uint8Array | null {
    const pick = this.#below(12);
    if (pick === 0) return null;
    const length = pick === 1 ? 40_000 : pick < 4 ? 300 + this.#below(600) : this.#below(60);
    return new Uint8Array(length).fill(65 + this.#below(26));
  }

  /** Often a list that some node has, now and then one that none has had. */
  #list(): ACL[] | null {
    const pick = this.#below(LISTS.length + 2);
    return pick < LISTS.length ? LISTS[pick] : acl(31, "ip", `10.0.0.${this.#zxid}`);
  }

  #known(): string {
    const paths = [...this.model.nodes.keys()].filter((path) => path !== "");
    return paths[this.#below(paths.length)];
  }
}
