// What halts or stalls Java servers goes from a raw client to every kind of member of ours in
// ensembles with Java: followers and observers of a Java leader, a leader of Java followers. Each is
// refused, and every member goes on. On Java alone the same requests do what they are feared for.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { ZkClient } from "../lib/client/client.ts";
import { ErrorCode as E, OpCode } from "../lib/txn/opcodes.ts";
import { createBody, frameOf, type Hazard, hazards, quotaSteps } from "./support/hazards.ts";
import { fourLetter, javaUnavailable, prepare, standalone } from "./support/java.ts";
import { MixedEnsemble, OURS } from "./support/mixed_ensemble.ts";
import { RawClient } from "./support/raw_client.ts";
import { digestTrouble, equalTrees, logTrouble } from "./support/trees.ts";

const NEWEST = "3.9.5";
const OLDER = "3.6.4";
/** What members say of requests that they cannot decode. */
const UNDECODABLE = /a request cannot be decoded|FinalRequestProcessor.* - Failed to process/;
/** A write that takes so much longer than others is not answered at all. */
const STALL_MS = 5000;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const view = (frame: Uint8Array): DataView =>
  new DataView(frame.buffer, frame.byteOffset, frame.length);

async function login(port: number, host: string): Promise<RawClient> {
  const client = await RawClient.open(port, host);
  const session = { lastZxidSeen: 0n, timeOut: 60_000, sessionId: 0n, passwd: new Uint8Array(16) };
  assert.ok(await client.login(session, false) !== null, "no session");
  return client;
}

/** Error codes of the replies, `end` where the server closed. */
async function ask(
  at: { clientPort: number; host: string },
  { op, body }: Pick<Hazard, "op" | "body">,
): Promise<string[]> {
  const client = await login(at.clientPort, at.host);
  try {
    client.send(frameOf(1, op, body));
    // A request of its own kind behind it: the session goes on, or is over.
    client.send(frameOf(2, OpCode.exists, bytes("\0\0\0\x01/\0")));
    const replies = await client.receive(2);
    const codes = replies.map((frame) => `${view(frame).getInt32(12)}`);
    return client.isClosed ? [...codes, "end"] : codes;
  } finally {
    client.destroy();
  }
}

const expected = ({ answer }: Hazard): string[] =>
  answer === "closed"
    ? [`${E.UNIMPLEMENTED}`, "end"]
    : answer === "cut"
    ? ["end"]
    : [`${answer}`, "0"];

/** An ensemble with its clients, which must be served whatever strangers ask. */
class Scene {
  readonly made: MixedEnsemble;
  #clients: ZkClient[] = [];
  #looked: (string | undefined)[] = [];
  #roles: string[] = [];
  #turn = 0;

  private constructor(made: MixedEnsemble) {
    this.made = made;
  }

  /** `first` elect among themselves; the others find a leader. */
  static async open(
    kinds: readonly string[],
    observers: readonly number[],
    first: readonly number[],
  ): Promise<Scene> {
    const settings = { tickTime: "1000" };
    const scene = new Scene(await MixedEnsemble.lay(kinds, { observers, settings }));
    const { made } = scene;
    await made.start(...first);
    await made.serving(first);
    await made.start(...made.sids.filter((sid) => !first.includes(sid)));
    await made.serving();
    scene.#clients = made.sids.map((sid) => made.client([sid], { timeoutMs: 60_000 }));
    await scene.#clients[0].create("/turn", bytes(""));
    const [seat] = made.seats;
    for (const [op, body] of quotaSteps) {
      assert.deepEqual(await ask(seat, { op, body }), ["0", "0"]);
    }
    scene.#roles = await made.serving();
    scene.#looked = await scene.#lookings();
    return scene;
  }

  /** Every member takes a write and shows the others', in the role it had from the start. */
  async goesOn(): Promise<void> {
    for (const [i, client] of this.#clients.entries()) {
      const data = bytes(`turn ${this.#turn++}`);
      await client.set("/turn", data);
      const at = (i + 1) % this.#clients.length;
      const reader = this.#clients[at];
      await this.made.level(reader, this.made.sids[at], "/turn");
      assert.deepEqual((await reader.get("/turn")).data, data);
      await client.create("/limited/n-", null, 2); // counted by the quota's text
    }
    assert.deepEqual(await this.made.serving(), this.#roles);
    assert.deepEqual(await this.#lookings(), this.#looked, "somebody has looked for a leader");
    for (const sid of this.made.sids) {
      assert.ok(this.made.isRunning(sid), `server ${sid} has ended`);
    }
  }

  /** How often each has looked for a leader; servers before 3.6 do not count. */
  async #lookings(): Promise<(string | undefined)[]> {
    return await Promise.all(this.made.sids.map(async (sid) => {
      const gauges = await this.made.gauges(sid);
      return gauges.get("cnt_looking_count") ?? gauges.get("looking_count");
    }));
  }

  async close(): Promise<void> {
    await this.made.close();
    rmSync(this.made.dir, { recursive: true });
  }
}

/** All hazards at one member; `answered` false where it is Java's door that they come to. */
function endures(scene: () => Scene, sid: number, what: string, answered = true): void {
  for (const hazard of hazards) {
    it(`${what}: ${hazard.name}`, async () => {
      const { made } = scene();
      if (answered) {
        const got = await ask(made.seat(sid), hazard);
        // A leader answers a multi as a whole without an error; its parts have theirs.
        const isMulti = hazard.op === OpCode.multi && hazard.answer === E.BADARGUMENTS;
        if (!isMulti || got[0] !== "0") assert.deepEqual(got, expected(hazard));
      } else {
        await ask(made.seat(sid), hazard);
      }
      await scene().goesOn();
    });
  }

  it(`${what}: then all trees and logs are sound`, async () => {
    const { made } = scene();
    const tree = await equalTrees(made);
    for (const path of tree.keys()) assert.doesNotMatch(path, /undecodable|ttl|zookeeper1|before/);
    assert.deepEqual(await digestTrouble(made), []);
    assert.deepEqual(logTrouble(made, UNDECODABLE), []);
  });
}

const skip = javaUnavailable(NEWEST) ?? javaUnavailable(OLDER) ?? false;

describe(`below a leader of ${NEWEST}, hazards`, { skip }, () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.open([OURS, OURS, NEWEST, NEWEST], [2], [3, 4]);
    assert.deepEqual(await scene.made.serving(), ["follower", "observer", "follower", "leader"]);
  });
  after(() => scene?.close());
  endures(() => scene, 1, "at a follower of ours");
  endures(() => scene, 2, "at an observer of ours");
});

describe(`above followers of ${NEWEST} and ${OLDER}, hazards`, { skip }, () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.open([NEWEST, OLDER, OURS], [], [3, 1]);
    assert.deepEqual(await scene.made.serving(), ["follower", "follower", "leader"]);
  });
  after(() => scene?.close());
  endures(() => scene, 3, "at a leader of ours");
  endures(() => scene, 1, `passed on by a follower of ${NEWEST}`, false);
  endures(() => scene, 2, `passed on by a follower of ${OLDER}`, false);
});

describe(`Java ${NEWEST} alone`, { skip }, () => {
  for (const hazard of hazards.filter(({ javaDoes }) => javaDoes === "halts")) {
    it(`halts on ${hazard.name}`, async () => {
      const dir = mkdtempSync(join(tmpdir(), "zkpeer-hazard-"));
      const java = await standalone(await prepare(NEWEST), { dir });
      try {
        const at = { clientPort: java.clientPort, host: java.clientHost };
        for (const [op, body] of quotaSteps) {
          assert.deepEqual(await ask(at, { op, body }), ["0", "0"]);
        }
        const client = await login(at.clientPort, at.host);
        client.send(frameOf(1, hazard.op, hazard.body));
        const deadline = performance.now() + 90_000;
        const serves = (): Promise<boolean> =>
          fourLetter(at.clientPort, "srvr", at.host).then(
            (text) => /^Mode/m.test(text),
            () => false,
          );
        while (await serves()) {
          assert.ok(performance.now() < deadline, "it still serves");
          await wait(50);
        }
        client.destroy();
        assert.match(
          java.log(),
          /Severe unrecoverable error/,
          "it is silent, but for no such cause",
        );
      } finally {
        await java.stop();
        rmSync(dir, { recursive: true });
      }
    });
  }

  it("takes no write any more behind what its leader cannot decode", async () => {
    const made = await MixedEnsemble.lay([NEWEST, NEWEST]);
    try {
      await made.startAll();
      const { clientPort, host } = made.seat(1);
      const [bad, good] = [await login(clientPort, host), await login(clientPort, host)];
      good.send(frameOf(1, OpCode.create, createBody("/before")));
      await good.receive(1);
      bad.send(frameOf(1, OpCode.create, new Uint8Array(2)));
      await made.eventually("the leader's error", 40_000, () => {
        const logs = made.sids.map((sid) => made.server(sid).log());
        return Promise.resolve(logs.some((log) => /Failed to process/.test(log)));
      });
      good.send(frameOf(2, OpCode.create, createBody("/never")));
      const answer = good.receive(1).then(() => "an answer", () => "none");
      assert.equal(await Promise.race([answer, wait(STALL_MS, "none")]), "none");
      for (const client of [bad, good]) client.destroy();
      await answer;
    } finally {
      await made.close();
      rmSync(made.dir, { recursive: true });
    }
  });
});
