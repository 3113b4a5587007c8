// Transactions: envelope, body by type, optional digest; what old and new releases write
// differently.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Fault } from "../lib/base/errors.ts";
import type { ACL } from "../lib/records/data.ts";
import type { TxnDigest, TxnHeader } from "../lib/records/txn.ts";
import { OpCode } from "../lib/txn/opcodes.ts";
import { decodeTxn, isRefusedMulti, makeTxn, type TxnBody, type TxnPart } from "../lib/txn/txn.ts";
import { fromHex, toHex } from "./support/golden.ts";

const acl: ACL[] = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
const digest: TxnDigest = { version: 2, treeDigest: -5n };
const data = fromHex("0102");
const header = (type: number): TxnHeader => ({
  clientId: 0x0100001c59390000n,
  cxid: 7,
  zxid: 0x500000007n,
  time: 1795252542327n,
  type,
});

const create: TxnBody = {
  kind: "create",
  record: { path: "/a", data, acl, ephemeral: false, parentCVersion: 3 },
  beforeV34: false,
};
const check: TxnBody = { kind: "check", record: { path: "/a", version: 3 } };
const setData: TxnBody = { kind: "setData", record: { path: "/a", data: null, version: 1 } };
const failed: TxnBody = { kind: "error", record: { err: -103 } };
const multi = (...parts: TxnPart[]): TxnBody => ({ kind: "multi", parts });

const bodies: readonly [type: number, body: TxnBody][] = [
  [OpCode.create, create],
  [OpCode.create2, create],
  [OpCode.createContainer, {
    kind: "createContainer",
    record: { path: "/c", data: null, acl, parentCVersion: 1 },
  }],
  [OpCode.createTTL, {
    kind: "createTTL",
    record: { path: "/t", data, acl, parentCVersion: 1, ttl: 1000n },
  }],
  [OpCode.delete, { kind: "delete", record: { path: "/a" } }],
  [OpCode.deleteContainer, { kind: "delete", record: { path: "/a" } }],
  [OpCode.setData, setData],
  [OpCode.reconfig, { kind: "setData", record: { path: "/zookeeper/config", data, version: -1 } }],
  [OpCode.setACL, { kind: "setACL", record: { path: "/a", acl, version: 2 } }],
  [OpCode.check, check],
  [OpCode.createSession, { kind: "createSession", record: { timeOut: 4000 } }],
  [OpCode.closeSession, { kind: "closeSession", paths: null }],
  [OpCode.closeSession, { kind: "closeSession", paths: [] }],
  [OpCode.closeSession, { kind: "closeSession", paths: ["/e1", "/e2"] }],
  [OpCode.error, failed],
  [OpCode.multi, multi()],
  [OpCode.multi, multi({ type: 1, body: create }, { type: 13, body: check })],
  [OpCode.multi, multi({ type: 5, body: setData }, { type: -1, body: failed })],
];

const isFault = (code: string, text = "") => (error: unknown) =>
  error instanceof Fault && error.code === code && error.message.includes(text);

describe("transactions", () => {
  it("of every type come back, with a digest and without", () => {
    for (const [type, body] of bodies) {
      for (const each of [null, digest]) {
        const made = makeTxn(header(type), body, each);
        const decoded = decodeTxn(made.bytes.slice());
        assert.deepEqual(decoded, made, `type ${type}`);
      }
    }
  });

  it("cut anywhere are a Fault or lack only what is optional", () => {
    for (const [type, body] of bodies) {
      const made = makeTxn(header(type), body, digest);
      for (let end = 0; end < made.bytes.length; end++) {
        let cut;
        try {
          cut = decodeTxn(made.bytes.slice(0, end));
        } catch (error) {
          assert.ok(error instanceof Fault, `type ${type} after ${end}: ${error}`);
          continue;
        }
        assert.deepEqual(cut.header, made.header);
        const isOld = cut.body.kind === "create" && cut.body.beforeV34;
        const isBare = type === OpCode.closeSession; // its list and its digest are optional both
        if (!isOld && !isBare) assert.deepEqual(cut.body, body, `type ${type} after ${end}`);
        // A shorter body of 12 bytes more would be a wrong digest, not a missing one.
        if (!isBare) assert.equal(cut.digest, null);
      }
    }
  });

  it("of the first log of a real server decode", () => {
    const bytes = fromHex(
      "0100001c59390000 00000000 0000000000000001 000001a1fd63c7a7 fffffff6 00000fa0 " +
        "00000002 0000000051c6d660",
    );
    const txn = decodeTxn(bytes);
    assert.deepEqual(txn.body, { kind: "createSession", record: { timeOut: 4000 } });
    assert.deepEqual(txn.digest, { version: 2, treeDigest: 1371985504n });
    assert.equal(toHex(makeTxn(txn.header, txn.body, txn.digest).bytes), toHex(bytes));
  });

  it("of releases before 3.4 lack the parent's version and keep lacking it", () => {
    const body: TxnBody = {
      kind: "create",
      record: { path: "/a", data, acl, ephemeral: true, parentCVersion: -1 },
      beforeV34: true,
    };
    const made = makeTxn(header(OpCode.create), body, null);
    const decoded = decodeTxn(made.bytes.slice());
    assert.deepEqual(decoded.body, body);
    assert.equal(toHex(makeTxn(decoded.header, decoded.body, null).bytes), toHex(made.bytes));
  });

  it("ignore bytes behind the digest", () => {
    const made = makeTxn(header(OpCode.setData), setData, digest);
    const longer = new Uint8Array(made.bytes.length + 5);
    longer.set(made.bytes);
    assert.deepEqual(decodeTxn(longer).digest, digest);
  });

  it("keep nothing of the bytes they were decoded from but the bytes given", () => {
    const made = makeTxn(header(OpCode.create), create, null);
    const given = made.bytes.slice();
    const decoded = decodeTxn(given);
    assert.equal(decoded.bytes, given);
    assert.ok(decoded.body.kind === "create");
    assert.equal(decoded.body.record.data?.buffer, given.buffer);
  });

  it("of no known type are refused by type and place", () => {
    const bytes = makeTxn(header(99), { kind: "delete", record: { path: "/a" } }, null).bytes;
    assert.throws(() => decodeTxn(bytes), isFault("UNKNOWN_TYPE", "type 99 (zxid 0x500000007)"));
    const inside = makeTxn(header(14), multi({ type: 14, body: multi() }), null).bytes;
    assert.throws(() => decodeTxn(inside), isFault("UNKNOWN_TYPE", "part 0"));
  });

  it("that were refused as a whole are told by an error part", () => {
    assert.equal(isRefusedMulti([{ type: 1, body: create }]), false);
    assert.equal(isRefusedMulti([{ type: 1, body: create }, { type: -1, body: failed }]), true);
    assert.equal(isRefusedMulti([]), false);
  });
});
