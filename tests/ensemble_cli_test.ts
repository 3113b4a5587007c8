// `zkpeer ensemble` as a newcomer uses it: it says where to connect, the members serve as one, and
// whatever way it ends nothing stays behind.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { Child } from "../lib/cli/child.ts";
import { startChild } from "../lib/cli/child.ts";
import { coloursFor } from "../lib/cli/colour.ts";
import type { EnsembleMember } from "../lib/cli/ensemble_members.ts";
import { changeText, type MemberStatus, statusTable } from "../lib/cli/ensemble_status.ts";
import { main } from "../lib/cli/main.ts";
import { ZkClient, ZkError } from "../lib/client/client.ts";
import { HostClock } from "../lib/host/clock.ts";
import { HostNetwork } from "../lib/host/network.ts";
import { ErrorCode } from "../lib/txn/opcodes.ts";
import { javaUnavailable } from "./support/java.ts";
import { unbroken } from "./support/until.ts";
import { zkpeerCommand } from "./support/zkpeer.ts";

/** Polls until `claim` gives something. */
async function until<T>(what: string, claim: () => T | null, seen: () => string): Promise<T> {
  const deadline = performance.now() + 240_000;
  for (;;) {
    const found = claim();
    if (found !== null) return found;
    if (performance.now() > deadline) assert.fail(`${what}: not in time\n${seen()}`);
    await wait(25);
  }
}

const isOpen = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      done(true);
    });
    socket.on("error", () => done(false));
  });

interface Running {
  readonly child: Child;
  readonly ports: readonly number[];
  /** Waits until every member has said its role. */
  serving(): Promise<void>;
  /** Waits until nobody listens any more. */
  gone(): Promise<void>;
}

async function running(dir: string, ...args: string[]): Promise<Running> {
  const command = [...zkpeerCommand(), "ensemble", "--base-port", "0", ...args];
  const child = startChild(command, { logFile: join(dir, "ensemble.log"), cwd: process.cwd() });
  const text = await until("connect string", () => {
    assert.equal(child.exit(), null, child.log());
    return /^connect to +(\S+)$/m.exec(child.log())?.[1] ?? null;
  }, () => child.log());
  const ports = text.split(",").map((at) => Number(at.split(":")[1]));
  const roles = /^member (\d+) .*: (leader|follower), epoch \d+, zxid 0x/gm;
  return {
    child,
    ports,
    serving: async () => {
      await until("roles", () => {
        const told = new Map([...child.log().matchAll(roles)].map(([, sid, role]) => [sid, role]));
        const leaders = [...told.values()].filter((role) => role === "leader").length;
        return told.size === ports.length && leaders === 1 ? true : null;
      }, () => child.log());
    },
    gone: async () => {
      const deadline = performance.now() + 90_000;
      for (const port of ports) {
        while (await isOpen(port)) {
          if (performance.now() > deadline) assert.fail(`port ${port} is still listened on`);
          await wait(25);
        }
      }
    },
  };
}

async function inFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "zkpeer-cli-ensemble-"));
  try {
    await work(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const unless = (code: number) => (error: unknown): void => {
  if (!(error instanceof ZkError) || error.code !== code) throw error;
};
/** The try that was lost with its link may have been done. */
const isThere = unless(ErrorCode.NODEEXISTS);
const isMissing = unless(ErrorCode.NONODE);

function clientOf(port: number): ZkClient {
  const servers = [{ host: "127.0.0.1", port }];
  return new ZkClient(new HostNetwork(), new HostClock(), { servers, timeoutMs: 20_000 });
}

/** Writes by one member and reads by another, in whatever order they have taken their roles. */
async function writeAndRead(ports: readonly number[], path: string): Promise<void> {
  const [writer, reader] = [clientOf(ports[0]), clientOf(ports[1])];
  try {
    await unbroken(() => writer.create(path, new TextEncoder().encode("here"))).catch(isThere);
    const { data } = await unbroken(async () => {
      await reader.sync(path);
      // A Java leader answers a sync early; behind a write of its own a session sees all before.
      await reader.delete(`${path}-is-not-there`).catch(isMissing);
      return await reader.get(path);
    });
    assert.equal(new TextDecoder().decode(data ?? new Uint8Array(0)), "here");
  } finally {
    await writer.close();
    await reader.close();
  }
}

describe("ensemble command", () => {
  it("runs three members that serve as one, and ends them when asked to", () =>
    inFolder(async (dir) => {
      const made = await running(dir);
      try {
        assert.equal(made.ports.length, 3);
        await made.serving();
        await writeAndRead(made.ports, "/a");
        const data = /^data, logs +(\S+)/m.exec(made.child.log())?.[1] ?? "";
        assert.ok(existsSync(join(data, "member-3", "zoo.cfg")), data);
        made.child.kill("SIGINT");
        const exit = await made.child.exited;
        assert.deepEqual(exit, { code: 0, signal: null }, made.child.log());
        assert.match(made.child.log(), /ending 3 of 3 members\nall members have ended\n$/);
        await made.gone();
        assert.ok(!existsSync(data), "what was not to be kept is still there");
      } finally {
        await made.child.stop();
      }
    }));

  it("leaves no folder behind when nobody reads what it says", () =>
    inFolder(async (dir) => {
      const command = [...zkpeerCommand(), "ensemble", "--base-port", "0"];
      const child = startChild(["sh", "-c", '"$@" | head -1', "sh", ...command], {
        logFile: join(dir, "ensemble.log"),
        cwd: process.cwd(),
        env: { TMPDIR: dir },
      });
      await child.exited;
      assert.match(child.log(), /^connect to /m);
      assert.deepEqual(readdirSync(dir).filter((name) => name.startsWith("zkpeer-")), []);
    }));

  it("leaves no member behind when it is killed", () =>
    inFolder(async (dir) => {
      // A file of properties has other letters and its own use of backslashes.
      const kept = join(dir, "kept \u4e2d\\new");
      const made = await running(dir, "--dir", kept);
      try {
        await made.serving();
        assert.ok(existsSync(join(kept, "member-3", "data", "version-2")));
      } finally {
        made.child.kill("SIGKILL");
      }
      await made.child.exited;
      await made.gone();
    }));

  it("tells of a member that ends, and ends with 1 when none is left", () =>
    inFolder(async (dir) => {
      // The folder of transactions is a file: no member can start.
      const made = await running(dir, "--set", "dataLogDir=/dev/null/x");
      const exit = await made.child.exited;
      assert.equal(exit.code, 1, made.child.log());
      assert.match(made.child.log(), /member 2 .*: ended \(3\)/);
      assert.match(made.child.log(), /member 1 said last: .*3/);
    }));

  const skip = javaUnavailable("3.9.5") ?? false;
  it(
    "Java members go on with what ours wrote, and the reverse",
    { skip },
    () =>
      inFolder(async (dir) => {
        const kept = join(dir, "kept");
        for (const [count, path] of [["0", "/ours"], ["2", "/mixed"], ["0", "/ours-again"]]) {
          const made = await running(dir, "--dir", kept, "--java", count);
          try {
            await made.serving();
            await writeAndRead(made.ports, path);
            const client = clientOf(made.ports[2]);
            const earlier = path === "/ours" ? "/ours" : path === "/mixed" ? "/ours" : "/mixed";
            assert.notEqual(await client.exists(earlier), null, `${earlier} is lost`);
            await client.close();
          } finally {
            await made.child.stop();
          }
          rmSync(join(dir, "ensemble.log"));
          await made.gone();
        }
      }),
  );

  const REFUSED: [args: string[], said: RegExp][] = [
    [["--members", "1"], /--members 1 is not a number from 2 to 9/],
    [["--java", "4"], /--java 4 is not a number from 0 to 3/],
    [["--base-port", "65000"], /--base-port 65000 is not a number from 0 to/],
    [["--java-version", "new"], /--java-version new is not of the form 3.9.5/],
    [["--set", "tickTime"], /--set tickTime is not of the form KEY=VALUE/],
    [["--member", "3"], /did you mean --members/],
  ];
  for (const [args, said] of REFUSED) {
    it(`refuses ${args.join(" ")}`, async () => assert.match(await refused(args), said));
  }

  it("starts no member when the files of one cannot be made", () =>
    inFolder(async (dir) => {
      writeFileSync(join(dir, "member-2"), "");
      const said = /^zkpeer ensemble: .*member-2.*--dir\n$/;
      assert.match(await refused(["--base-port", "0", "--dir", dir]), said);
      assert.match(await refused(["--base-port", "0", "--dir", join(dir, "member-2", "x")]), said);
      assert.deepEqual(readdirSync(join(dir, "member-1")).sort(), ["data", "zoo.cfg"]);
    }));
});

describe("status of an ensemble", () => {
  const member = (sid: number): EnsembleMember => {
    const child = startlessChild();
    return { sid, kind: "zkpeer", clientPort: 2180 + sid, dir: "/nowhere", child };
  };
  const members = [member(1), member(2), member(3)];
  const serving = { epoch: 2n, zxid: 0x2_0000_000an, sessions: 4, connections: 1, znodes: 9 };
  const statuses: MemberStatus[] = [
    { role: "leader", serving },
    { role: "follower", serving: { ...serving, zxid: 0x2_0000_0007n, sessions: null } },
    { role: "looking", serving: null },
  ];
  const plain = coloursFor({ env: {}, isTerminal: { stdout: false, stderr: false } }, "stdout");
  const table = (columns: number): string[] => statusTable(members, statuses, plain, columns);

  it("is a table with the lag behind the leader", () => {
    assert.deepEqual(table(100).map((line) => line.trim().replace(/ +/g, " ")), [
      "address runs role epoch zxid lag sessions znodes",
      "1 127.0.0.1:2181 zkpeer leader 2 0x20000000a 0 4 9",
      "2 127.0.0.1:2182 zkpeer follower 2 0x200000007 3 - 9",
      "3 127.0.0.1:2183 zkpeer looking - - - - -",
    ]);
  });

  it("never wraps: columns that do not fit are left out", () => {
    for (const columns of [20, 40, 60, 80]) {
      for (const line of table(columns)) {
        assert.ok(line.length < columns, `${line.length}: ${line}`);
      }
    }
    assert.match(table(60)[0], /address +runs +role +epoch/);
  });

  it("is one line per change of a role elsewhere", () => {
    const [first] = members;
    const [leading] = statuses;
    assert.equal(changeText(first, leading, leading), null);
    assert.equal(
      changeText(first, null, leading),
      "member 1 (zkpeer, 127.0.0.1:2181): leader, epoch 2, zxid 0x20000000a, 4 sessions, 9 znodes",
    );
  });
});

/** What is said of arguments that are no good. */
async function refused(args: readonly string[]): Promise<string> {
  let text = "";
  const code = await main(["ensemble", ...args], {
    stdout: { write: () => {} },
    stderr: { write: (data) => void (text += String(data)) },
    isTerminal: { stdout: false, stderr: false },
    columns: 80,
    env: {},
    cwd: "/",
    signal: new AbortController().signal,
  });
  assert.equal(code, 2);
  return text;
}

/** A child that nobody starts: status lines ask nothing of it. */
function startlessChild(): Child {
  const fail = (): never => assert.fail("nothing is asked of the process");
  const exited = new Promise<never>(() => {});
  return { pid: -1, exited, exit: fail, log: fail, kill: fail, stop: fail };
}
