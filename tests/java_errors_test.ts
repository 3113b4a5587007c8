// Errors of Java's log have a kind: what differs from one time to the next is not in it.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { errorKind, isJudgedByKind, isNeverFine, listedKinds } from "./support/java_errors.ts";

const AT = "2026-11-21 14:27:20,775";
/** What a selector of 3.4 says whose links are closed under it. */
const SHUT = `${AT} [NIOServerCxn.Factory:/127.1.2.3:4111] WARN  NIOServerCnxnFactory - Ignoring ` +
  'unexpected runtime exception\njava.lang.NullPointerException: Cannot invoke "x" because "sc" is ' +
  "null\n\tat org.apache.zookeeper.server.NIOServerCnxnFactory.run(NIOServerCnxnFactory.java:215)";
/** What a leader says that is asked how it does just when it leads no more. */
const ASKED = `${AT} [NIOWorkerThread-4] WARN  WorkerService - Unexpected exception\n` +
  'java.lang.NullPointerException: Cannot invoke "x.Leader.y()" because "leader" is null\n' +
  "\tat org.apache.zookeeper.server.command.StatCommand.commandRun(StatCommand.java:66)\n" +
  "\tat org.apache.zookeeper.server.NIOServerCnxn.doIO(NIOServerCnxn.java:1)";

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
    [
      "a warning that a sound server does not print",
      SHUT,
      "WARN NIOServerCnxnFactory: Ignoring unexpected runtime exception / NullPointerException",
    ],
    [
      "a fault in any request",
      ASKED,
      "WARN WorkerService: Unexpected exception / NullPointerException at StatCommand.commandRun",
    ],
  ];
  for (const [what, record, kind] of rows) {
    it(`of ${what} is ${kind}`, () => assert.equal(errorKind(record), kind));
  }

  it("is listed when Java alone prints it, and what halts a server is not", () => {
    const listed = listedKinds();
    assert.ok(listed.has(errorKind(ASKED) ?? ""));
    assert.ok(!listed.has(errorKind(ASKED.replace("StatCommand.c", "ByUs.c")) ?? ""));
    for (const kind of listed) assert.doesNotMatch(kind, /UNMATCHED|apply|digest|Committing/i);
  });

  it("is not enough where it matters who led", () => {
    const fell = `${AT} [QuorumPeer] WARN  Learner - Exception when following the leader\n` +
      "java.lang.NullPointerException\n\tat org.apache.Foo.bar(Foo.java:1)";
    assert.ok(isNeverFine(fell) && isNeverFine(SHUT));
    assert.equal(isJudgedByKind(errorKind(fell) ?? ""), false);
    assert.ok(
      !listedKinds().has(errorKind(fell) ?? ""),
      "else a leader of ours had the excuse too",
    );
    assert.equal(isJudgedByKind(errorKind(SHUT) ?? ""), true);
  });
});
