// Makes the steps of a differential test from a seed: everything a client may ask, valid and not, on
// so few paths that requests meet each other's nodes, watches and versions all the time.

import { createHash } from "node:crypto";
import type { ACL } from "../../lib/records/data.ts";
import { OpCode } from "../../lib/txn/opcodes.ts";
import type { Asked, Fields, Request, Step } from "./differential_steps.ts";
import { Seeded } from "./generate.ts";

export interface Plan {
  /** About so many requests. */
  readonly requests: number;
  /** Connections that are at work in turns, the all-powerful one among them. */
  readonly slots: number;
  /** Sessions that are left to expire; each costs most of a second. */
  readonly expiries: number;
}

/** The password of the super user, and what the servers are configured with. */
export const SUPER_AUTH = "super:secret";
export const digestOf = (auth: string): string =>
  `${auth.split(":")[0]}:${createHash("sha1").update(auth).digest("base64")}`;

export const superAuth: Request = authRequest("digest", SUPER_AUTH);

function authRequest(scheme: string | null, auth: string | null): Request {
  const bytes = auth === null ? null : new TextEncoder().encode(auth);
  return { op: OpCode.auth, xid: -4, record: { type: 0, scheme, auth: bytes } };
}

/** Steps that are the same for the same seed and plan, on every runtime. */
export function generateSteps(seed: number, plan: Plan): Step[] {
  const maker = new Maker(new Seeded(seed), plan);
  return maker.steps();
}

const NAMES = ["a", "b", "c"];
const ODD_PATHS: readonly (string | null)[] = [
  ...[null, "", "/", "//", "a", "/a/", "/a//b", "/a/./b", "/a/../b", "/.", "/..a", "/a.", "/..."],
  ...["/a\u0000", "/\u0001", "/\u001f", "/\u0020", "/\u007f", "/\u009f", "/\u00a0", "/\ud7ff"],
  ...["/\uf900", "/\uffef", "/\ufff0", "/\u{1f600}", "/größe", "/漢字", `/${"x".repeat(300)}`],
  ...["/a/zookeeper_stats", "/none/b", "/none", "zookeeper", "/a/b/c/a/b/c/a"],
];
const RESERVED = [
  ...["/zookeeper", "/zookeeper/quota", "/zookeeper/config", "/zookeeper/a", "/zookeeper/quota/a"],
  ...["/zookeeper/quota/a/b", "/zookeeper/quota/c", "/zookeeper/quota/zookeeper_limits"],
];
const USERS = ["ann:1", "bob:2", "carl:3"];
const LIMITS = [
  ...["count=3,bytes=-1", "count=-1,bytes=50", "count=4,bytes=40=;byteHardLimit=60"],
  ...["count=-1,bytes=-1=;byteHardLimit=30;countHardLimit=5", "count=1000,bytes=100000"],
  ...["count=2,bytes=2=;byteHardLimit=-1;countHardLimit=4", "nonsense"],
];
const UNKNOWN_OPS = [0, 10, 13, 20, 23, 99, 108, 1000, -1, -2, -10, 0x7fffffff, -0x80000000];
const WORLD: ACL = { perms: 31, id: { scheme: "world", id: "anyone" } };

type Row = readonly [weight: number, make: () => Request];

class Maker {
  readonly #random: Seeded;
  readonly #plan: Plan;
  readonly #rows: readonly Row[];
  readonly #weight: number;

  constructor(random: Seeded, plan: Plan) {
    this.#random = random;
    this.#plan = plan;
    this.#rows = this.#table();
    this.#weight = this.#rows.reduce((sum, [weight]) => sum + weight, 0);
  }

  steps(): Step[] {
    const steps: Step[] = [];
    const { requests, expiries } = this.#plan;
    let made = 0;
    let expired = 0;
    while (made < requests) {
      const step = expired * requests < made * expiries ? this.#expiry(expired += 1) : this.#step();
      steps.push(step);
      made += "requests" in step ? step.requests.length : 1;
    }
    return steps;
  }

  #below = (n: number): number => this.#random.below(n);
  #pick = <T>(items: readonly T[]): T => this.#random.pick(items);
  #chance = (percent: number): boolean => this.#random.below(1000) < percent * 10;

  #expiry(_: number): Step {
    const requests = Array.from({ length: 1 + this.#below(6) }, () => this.#ephemeral());
    return { kind: "expire", requests };
  }

  #step(): Step {
    const slot = this.#below(this.#plan.slots);
    const dice = this.#below(1000);
    if (dice < 6) return { kind: "close", slot };
    if (dice < 18) return this.#reconnect(slot);
    if (dice < 22) return this.#probe();
    if (dice < 25) return { kind: "garbage", slot, bytes: this.#garbage() };
    if (dice < 40) return { kind: "requests", slot: 0, requests: this.#opening() };
    if (dice < 50) return { kind: "requests", slot: 0, requests: this.#quota() };
    const length = this.#chance(30) ? 1 : 1 + this.#below(60);
    return { kind: "requests", slot, requests: Array.from({ length }, () => this.#request()) };
  }

  #reconnect(slot: number): Step {
    return {
      kind: "reconnect",
      slot,
      seen: this.#pick(["last", "last", "zero", "future"]),
      password: this.#chance(15) ? "wrong" : "right",
      steals: this.#chance(40),
    };
  }

  #probe(): Step {
    const password = this.#pick([new Uint8Array(16), new Uint8Array(0), null, new Uint8Array(3)]);
    return {
      kind: "probe",
      wish: this.#pick([0, -5, 1, 400, 49_999, 200_000, 0x7fffffff, -0x80000000]),
      version: this.#pick([0, 0, 1, -1]),
      password,
      readOnly: this.#pick([null, false, true]),
      sessionId: this.#chance(30) ? 0x1234n + BigInt(this.#below(5)) : 0n,
    };
  }

  /** Bytes that every server closes on: no length is negative or near 2 GiB. */
  #garbage(): Uint8Array {
    return this.#pick([
      Uint8Array.of(0x80, 0, 0, 0, 1, 2, 3),
      Uint8Array.of(0x7f, 0xff, 0xff, 0xff),
      Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0),
      Uint8Array.of(0x00, 0x10, 0x00, 0x00),
      Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 7),
      Uint8Array.of(0, 0, 0, 0),
    ]);
  }

  // ---- paths, data, lists -------------------------------------------------------------------------

  #path(): string | null {
    const dice = this.#below(100);
    if (dice < 10) return `@${this.#below(40)}`;
    if (dice < 13) return this.#pick(ODD_PATHS);
    if (dice < 15) return this.#pick(RESERVED);
    const depth = 1 + this.#below(4);
    return Array.from({ length: depth }, () => `/${this.#pick(NAMES)}`).join("");
  }

  #data(): Uint8Array | null {
    const dice = this.#below(100);
    if (dice < 10) return null;
    if (dice < 20) return new Uint8Array(0);
    return this.#random.bytes(dice === 99 ? 5000 : this.#below(30));
  }

  #version = (): number =>
    this.#chance(60) ? -1 : this.#pick([0, 1, 2, 3, 4, -2, 0x7fffffff, -0x80000000]);

  #acl(): readonly ACL[] | null {
    const dice = this.#below(100);
    if (dice < 75) return [WORLD];
    if (dice < 77) return null;
    if (dice < 79) return [];
    return Array.from({ length: 1 + this.#below(3) }, () => this.#entry());
  }

  #entry(): ACL {
    const perms = this.#chance(60) ? 31 : this.#pick([0, 1, 2, 4, 8, 16, 5, 15, 30, 64, -1]);
    const [scheme, id] = this.#pick([
      ["world", "anyone"],
      ...USERS.map((user) => ["digest", digestOf(user)]),
      ...[["auth", ""], ["ip", "127.0.0.1"], ["ip", "127.0.0.0/8"], ["ip", "10.1.2.3"]],
      ...(this.#chance(25) ? INVALID_IDS : [["world", "anyone"]]),
    ]);
    return { perms, id: { scheme, id } };
  }

  // ---- requests -----------------------------------------------------------------------------------

  #request(): Request {
    let dice = this.#below(this.#weight);
    for (const [weight, make] of this.#rows) {
      if (dice < weight) {
        const request = make();
        return this.#chance(1) ? { xid: this.#pick([0, -4, -8, -77, 7]), ...request } : request;
      }
      dice -= weight;
    }
    throw new Error("the weights of the table do not add up");
  }

  #table(): readonly Row[] {
    const row = (weight: number, op: number, record: () => Fields): Row => [
      weight,
      () => ({ op, record: record() }),
    ];
    const watched = () => ({ path: this.#path(), watch: this.#chance(35) });
    const path = () => ({ path: this.#path() });
    return [
      [200, () => this.#create()],
      row(90, OpCode.delete, () => this.#delete()),
      row(100, OpCode.setData, () => this.#setData()),
      row(60, OpCode.getData, watched),
      row(60, OpCode.exists, watched),
      row(40, OpCode.getChildren, watched),
      row(40, OpCode.getChildren2, watched),
      row(20, OpCode.getACL, path),
      row(25, OpCode.setACL, () => ({ ...path(), acl: this.#acl(), version: this.#version() })),
      [70, () => this.#multi()],
      [25, () => this.#multiRead()],
      row(40, OpCode.addWatch, () => ({ ...path(), mode: this.#pick([0, 0, 1, 1, 2, -1]) })),
      row(15, OpCode.checkWatches, () => ({ ...path(), type: this.#watchType() })),
      row(25, OpCode.removeWatches, () => ({ ...path(), type: this.#watchType() })),
      [12, () => this.#setWatches()],
      row(10, OpCode.getEphemerals, () => ({ prefixPath: this.#path() })),
      row(15, OpCode.getAllChildrenNumber, path),
      row(15, OpCode.sync, path),
      [8, () => ({ op: OpCode.whoAmI, raw: NONE })],
      [10, () => ({ op: OpCode.ping, xid: this.#pick([-2, -2, 5]), raw: NONE })],
      [8, () => this.#auth()],
      [2, () => this.#odd()],
      [6, () => this.#malformed()],
      row(2, OpCode.reconfig, () => this.#reconfig()),
    ];
  }

  #create(): Request {
    const { op, record } = this.#createPart();
    return { op, record };
  }

  #createPart(): Asked {
    const base = { path: this.#path(), data: this.#data(), acl: this.#acl() };
    const op = this.#pick([
      ...[OpCode.create, OpCode.create, OpCode.create2, OpCode.create2],
      ...[OpCode.createContainer, OpCode.createTTL],
    ]);
    const isOdd = this.#chance(4);
    const odd = (): number => this.#pick([0, 1, 2, 3, 4, 5, 6, 7, -1, 100]);
    if (op === OpCode.createTTL) {
      const ttls = [1_000_000n, 0xffffffffffn, 600_000n];
      const ttl = this.#chance(8) ? this.#pick([0n, -1n, 0x10000000000n, -5n]) : this.#pick(ttls);
      return { op, record: { ...base, flags: isOdd ? odd() : this.#pick([5, 6]), ttl } };
    }
    if (op === OpCode.createContainer) return { op, record: { ...base, flags: isOdd ? odd() : 4 } };
    return { op, record: { ...base, flags: isOdd ? odd() : this.#pick([0, 0, 0, 1, 2, 3]) } };
  }

  #ephemeral(): Request {
    const record = {
      path: this.#path(),
      data: this.#data(),
      acl: [WORLD],
      flags: this.#pick([1, 3]),
    };
    return { op: OpCode.create, record };
  }

  #delete = (): Fields => ({ path: this.#path(), version: this.#version() });
  #setData = (): Fields => ({
    path: this.#path(),
    data: this.#data(),
    version: this.#version(),
  });
  #watchType = (): number => this.#pick([1, 2, 3, 3, 4, 5, 0, 6, -1]);

  #multi(): Request {
    const op = this.#chance(3) ? OpCode.multiRead : OpCode.multi;
    const parts = Array.from({ length: this.#below(6) }, () => this.#part());
    if (this.#chance(3)) parts.push(this.#oddPart());
    return { op, parts };
  }

  #part(): Asked {
    const dice = this.#below(100);
    if (dice < 45) return this.#createPart();
    if (dice < 65) return { op: OpCode.setData, record: this.#setData() };
    if (dice < 85) return { op: OpCode.delete, record: this.#delete() };
    return { op: OpCode.check, record: this.#delete() };
  }

  #oddPart(): Asked {
    const op = this.#pick([...[OpCode.setACL, OpCode.getData, OpCode.exists, OpCode.sync, 77, 0]]);
    const record = { path: this.#path(), watch: false, acl: [WORLD], version: -1 };
    return { op, record };
  }

  #multiRead(): Request {
    const parts = Array.from({ length: this.#below(5) }, (): Asked => ({
      op: this.#pick([OpCode.getData, OpCode.getChildren]),
      record: { path: this.#path(), watch: this.#chance(20) },
    }));
    if (this.#chance(3)) parts.push(this.#part());
    return { op: this.#chance(2) ? OpCode.multi : OpCode.multiRead, parts };
  }

  #paths(): (string | null)[] | null {
    if (this.#chance(1)) return null;
    return Array.from({ length: this.#below(5) }, () => this.#path());
  }

  #setWatches(): Request {
    const op = this.#pick([OpCode.setWatches, OpCode.setWatches2]);
    const relativeZxid = this.#chance(20) ? 1n : -BigInt(this.#below(30));
    const record = {
      relativeZxid,
      dataWatches: this.#paths(),
      existWatches: this.#paths(),
      childWatches: this.#paths(),
      persistentWatches: this.#paths(),
      persistentRecursiveWatches: this.#paths(),
    };
    return { op, xid: -8, record };
  }

  #auth(): Request {
    if (this.#chance(80)) return authRequest("digest", this.#pick(USERS));
    return this.#pick([
      authRequest("digest", "nocolon"),
      authRequest("ip", "1.2.3.4"),
      authRequest("world", "anyone"),
      authRequest("nosuch", "x"),
      authRequest("sasl", "x"),
      authRequest("digest", ""),
      { op: OpCode.sasl, record: { token: new Uint8Array(0) } },
      { op: OpCode.sasl, record: { token: Uint8Array.of(1, 2, 3) } },
    ]);
  }

  #odd = (): Request => ({ op: this.#pick(UNKNOWN_OPS), raw: NONE });

  /** Bodies of the right op that cannot be read. */
  #malformed(): Request {
    const op = this.#pick([
      ...[OpCode.exists, OpCode.getData, OpCode.getACL, OpCode.getChildren, OpCode.sync],
      ...[OpCode.getChildren2, OpCode.multi, OpCode.checkWatches, OpCode.removeWatches],
      ...[OpCode.multiRead, OpCode.setWatches, OpCode.setWatches2, OpCode.getEphemerals],
      ...[OpCode.getAllChildrenNumber, OpCode.addWatch, OpCode.create, OpCode.setData],
    ]);
    const raw = this.#pick([
      NONE,
      Uint8Array.of(0, 0),
      Uint8Array.of(0, 0, 0, 200, 0x2f),
      Uint8Array.of(0xff, 0xff, 0xff, 0xfe, 1),
      Uint8Array.of(0, 0, 0, 2, 0x2f, 0x61),
      Uint8Array.of(0x7f, 0xff, 0xff, 0xff, 0),
    ]);
    return { op, raw };
  }

  #reconfig = (): Fields => ({
    joiningServers: this.#pick([null, "server.2=localhost:1:2"]),
    leavingServers: null,
    newMembers: null,
    curConfigId: -1n,
  });

  // ---- stories ------------------------------------------------------------------------------------

  /** The all-powerful session takes access lists back, so that not everything ends forbidden. */
  #opening(): Request[] {
    return Array.from({ length: 6 }, () => ({
      op: OpCode.setACL,
      record: { path: this.#path(), acl: [WORLD], version: -1 },
    }));
  }

  #quota(): Request[] {
    const path = Array.from({ length: 1 + this.#below(2) }, () => `/${this.#pick(NAMES)}`);
    const base = `/zookeeper/quota${path.join("")}`;
    const create = (at: string, text: string | null): Request => ({
      op: OpCode.create,
      record: { path: at, data: text === null ? null : bytesOf(text), acl: [WORLD], flags: 0 },
    });
    const usage = this.#chance(5) ? "nonsense" : "count=0,bytes=0";
    const limits = create(`${base}/zookeeper_limits`, this.#pick(LIMITS));
    const both = [limits, create(`${base}/zookeeper_stats`, usage)];
    if (this.#chance(20)) both.reverse();
    if (this.#chance(30)) {
      return both.map(({ ...r }) => ({
        op: OpCode.delete,
        record: { path: "record" in r ? r.record.path : null, version: -1 },
      }));
    }
    return [create(`/zookeeper/quota${path[0]}`, null), create(base, null), ...both];
  }
}

const NONE = new Uint8Array(0);
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

const INVALID_IDS = [
  ...[["world", "someone"], ["nosuch", "x"], ["digest", "nocolon"], ["digest", "a:b:c"]],
  ...[["ip", "300.1.1.1"], ["ip", "127.0.0.1/33"], ["ip", "::1"], ["ip", "localhost"]],
  ...[["super", ""], ["", ""], ["x509", "CN=x"], ["sasl", "ann"], ["ip", "1::2/64"]],
];
