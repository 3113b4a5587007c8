// The election port: greetings and notifications, accepted and refused as Java does (quorum.md 1,
// 2).

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Fault } from "../lib/base/errors.ts";
import { Output } from "../lib/codec/output.ts";
import type { Notification } from "../lib/records/election.ts";
import * as election from "../lib/wire/election.ts";
import { fromHex, toHex } from "./support/golden.ts";

const isFault = (code: string, text = "") => (error: unknown) =>
  error instanceof Fault && error.code === code && error.message.includes(text);

const written = (write: (out: Output) => void): Uint8Array => {
  const out = new Output();
  write(out);
  return out.take();
};

const greetingOf = (text: string, version = "ffffffffffff0000") => {
  const bytes = new TextEncoder().encode(text);
  const length = bytes.length.toString(16).padStart(8, "0");
  return fromHex(`${version}0000000000000003${length}${toHex(bytes)}`);
};

describe("greeting", () => {
  it("comes back in every form", () => {
    const forms = [
      { sid: 3n, version: 0n, addresses: [] },
      { sid: 0n, version: 0n, addresses: [] },
      {
        sid: 3n,
        version: election.GREETING_V1,
        addresses: [{ host: "zk-1.example", port: 3888 }],
      },
      {
        sid: 254n,
        version: election.GREETING_V2,
        addresses: [{ host: "::1", port: 0 }, { host: "10.0.0.1", port: 65535 }],
      },
    ] as const;
    for (const form of forms) {
      const bytes = written((out) => election.writeInitialMessage(out, form));
      assert.deepEqual(election.readInitialMessage(bytes), { ...form, size: bytes.length });
    }
  });

  it("has IPv6 in brackets and addresses joined by a bar", () => {
    const addresses = [{ host: "::1", port: 3888 }, { host: "h", port: 1 }];
    assert.equal(election.formatAddresses(addresses), "[::1]:3888|h:1");
  });

  it("says how many bytes are missing, and leaves those behind it", () => {
    const whole = greetingOf("h:1");
    const missing = (end: number) => election.readInitialMessage(whole.slice(0, end));
    assert.deepEqual([0, 1, 7].map(missing), [8, 7, 1]);
    assert.deepEqual([8, 19].map(missing), [12, 1]);
    assert.deepEqual([20, 22].map(missing), [3, 1]);
    const more = new Uint8Array(whole.length + 5);
    more.set(whole);
    const greeting = election.readInitialMessage(more);
    assert.ok(typeof greeting !== "number");
    assert.equal(greeting.size, whole.length);
  });

  it("of another version, without text or with too much is refused", () => {
    const read = (bytes: Uint8Array) => () => election.readInitialMessage(bytes);
    assert.throws(read(fromHex("ffffffffffffffff")), isFault("PROTOCOL", "version -1"));
    assert.throws(read(fromHex("fffffffffffefffe")), isFault("PROTOCOL"));
    assert.throws(read(greetingOf("")), isFault("LENGTH"));
    assert.throws(read(fromHex("ffffffffffff0000000000000000000300000801")), isFault("LENGTH"));
    assert.throws(read(fromHex("ffffffffffff00000000000000000003ffffffff")), isFault("LENGTH"));
    const longest = `${"h".repeat(2043)}:3888`;
    assert.notEqual(typeof election.readInitialMessage(greetingOf(longest)), "number");
  });

  it("with an address that is none is refused by it", () => {
    const bad = ["::1:40203", "h", "h:", ":1", "h:x", "h:1:2", "h:65536", "h:-1", "[::1]", "|h:1"];
    for (const text of bad) {
      assert.throws(
        () => election.readInitialMessage(greetingOf(text)),
        isFault("PROTOCOL", `greeting '${text}'`),
        text,
      );
    }
    for (const text of ["[::1]:40203", "h:1|", "a:1|b:2"]) {
      assert.notEqual(typeof election.readInitialMessage(greetingOf(text)), "number", text);
    }
  });
});

const vote: Notification = {
  state: 2,
  leader: 3n,
  zxid: 0x500000007n,
  electionEpoch: 9n,
  peerEpoch: 6n,
  version: 2,
  config: "server.1=h:1:2:participant\nversion=0",
};

describe("notification", () => {
  it("comes back in every form, with what a form lacks filled in as Java does", () => {
    const read = (form: election.NotificationForm) => {
      const bytes = written((out) => election.writeNotification(out, vote, form));
      return { size: bytes.length, ...election.readNotification(bytes) };
    };
    const config = vote.config ?? "";
    assert.deepEqual(read(44), { size: 44 + config.length, form: 44, notification: vote });
    const old = { ...vote, config: null };
    assert.deepEqual(read(40), { size: 40, form: 40, notification: { ...old, version: 1 } });
    assert.deepEqual(read(36), { size: 36, form: 36, notification: { ...old, version: 0 } });
    const oldest = { ...old, version: 0, peerEpoch: 5n }; // of the zxid
    assert.deepEqual(read(28), { size: 28, form: 28, notification: oldest });
  });

  it("takes the peer epoch of the oldest form from a marker zxid with its sign", () => {
    const bytes = written((out) => election.writeNotification(out, { ...vote, zxid: -1n }, 28));
    assert.equal(election.readNotification(bytes).notification.peerEpoch, -1n);
  });

  it("of any other length, state or config length is refused", () => {
    const whole = written((out) => election.writeNotification(out, vote, 44));
    for (let length = 0; length < whole.length; length++) {
      if (length === 28 || length === 36 || length === 40) continue;
      assert.throws(() => election.readNotification(whole.slice(0, length)), Fault, `${length}`);
    }
    const broken = (at: number, value: number) => {
      const bytes = whole.slice();
      new DataView(bytes.buffer).setInt32(at, value);
      return () => election.readNotification(bytes);
    };
    assert.throws(broken(0, 4), isFault("PROTOCOL", "state 4"));
    assert.throws(broken(0, -1), isFault("PROTOCOL"));
    assert.throws(broken(40, -1), isFault("LENGTH"));
    assert.throws(broken(40, 0x7fffffff), isFault("SHORT"));
  });

  it("of version 1 has no config, whatever follows", () => {
    const bytes = written((out) => election.writeNotification(out, vote, 44));
    new DataView(bytes.buffer).setInt32(36, 1);
    const { form, notification } = election.readNotification(bytes);
    assert.equal(form, 40);
    assert.equal(notification.config, null);
  });

  it("is written in the form that the receiver reads", () => {
    assert.equal(election.formFor(null), 44);
    assert.equal(election.formFor(44), 44);
    assert.equal(election.formFor(40), 44);
    assert.equal(election.formFor(36), 36);
    assert.equal(election.formFor(28), 28);
  });

  it("travels behind its length", () => {
    const bytes = election.notificationFrame(vote, 28);
    assert.equal(bytes.length, 32);
    assert.equal(toHex(bytes.subarray(0, 8)), "0000001c00000002");
  });
});
