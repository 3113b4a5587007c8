// Errors of Java's log have a kind: what differs from one time to the next is not in it.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { errorKind, listedKinds } from "./support/java_errors.ts";

const AT = "2026-11-21 14:27:20,775";

describe("the kind of a record of Java's log", () => {
  const rows: [string, string, string | null][] = [
    ["a record that is no error", `${AT} [main] INFO Leader - LEADING`, null],
    [
      "a message",
      `${AT} [LearnerHandler-/127.1.2.3:4111] ERROR LearnerHandler - Unhandled scenario for peer ` +
      "sid: 2 fall back to use snapshot",
      "ERROR LearnerHandler: Unhandled scenario for peer sid: # fall back to use snapshot",
    ],
    [
      "a link that breaks",
      `${AT} [Sender] ERROR LearnerHandler - Exception while sending\n` +
      "java.net.SocketException: Broken pipe\n\tat java.base/Foo.bar(Foo.java:1)",
      "ERROR LearnerHandler: a link is broken",
    ],
    [
      "a link that is gone",
      `${AT} [SyncThread:1] ERROR ZooKeeperCriticalThread - Severe unrecoverable error, from ` +
      "thread : SyncThread:1\njava.lang.NullPointerException\n\tat org.apache.Foo.bar(Foo.java:1)",
      "ERROR ZooKeeperCriticalThread: Severe unrecoverable error, from a thread / " +
      "NullPointerException",
    ],
    [
      "an exception of its own kind behind another",
      `${AT} [CommitProcessor:2] ERROR DataTree - Failed to apply 0x100000007\n` +
      "java.lang.RuntimeException: no\n\tat a.B.c(B.java:2)\nCaused by: java.io.IOException: x",
      "ERROR DataTree: Failed to apply # / RuntimeException, link",
    ],
  ];
  for (const [what, record, kind] of rows) {
    it(`of ${what} is ${kind}`, () => assert.equal(errorKind(record), kind));
  }

  it("is listed when Java alone prints it, and what halts a server is not", () => {
    const listed = listedKinds();
    assert.ok(listed.size > 0);
    for (const kind of listed) assert.doesNotMatch(kind, /UNMATCHED|apply|digest|Committing/i);
  });
});
