// Sessions in mixed ensembles, both ways round for each release: they move between members of
// either kind with their watches and ephemerals, expire for all members at once, outlive idle times
// and leaders (issue 4, "Must show" 3).

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { clearInterval, setInterval } from "node:timers";
import { setTimeout as wait } from "node:timers/promises";
import { ZkClient } from "../lib/client/client.ts";
import { HostClock } from "../lib/host/clock.ts";
import { HostNetwork } from "../lib/host/network.ts";
import { Door } from "./support/doors.ts";
import { javaUnavailable } from "./support/java.ts";
import { MixedEnsemble, OURS } from "./support/mixed_ensemble.ts";
import { digestTrouble, equalTrees, logTrouble } from "./support/trees.ts";
import { unbroken } from "./support/until.ts";

const VERSIONS = ["3.4.14", "3.5.10", "3.6.4", "3.7.2", "3.8.6", "3.9.5"];
/** 3 leads; 1 is of its kind, 2 of the other. */
const [ALIKE, OTHER, LEADS] = [1, 2, 3];
const EPHEMERAL = 1;
const CREATED = 1;
const CHANGED = 3;
const CHILD = 4;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A client that a test sends from member to member; its events as `type path`. */
class Wanderer {
  readonly events: string[] = [];
  readonly client: ZkClient;
  readonly #made: MixedEnsemble;
  readonly #door: Door;
  readonly #at: { sid: number | null };

  private constructor(made: MixedEnsemble, door: Door, at: { sid: number | null }) {
    this.#made = made;
    this.#door = door;
    this.#at = at;
    const servers = [{ host: made.seats[0].host, port: door.port }];
    this.client = made.adopt(
      new ZkClient(new HostNetwork(), new HostClock(), {
        servers,
        timeoutMs: 20_000,
        onEvent: ({ type, path }) => this.events.push(`${type} ${path}`),
      }),
    );
  }

  static async at(made: MixedEnsemble, sid: number): Promise<Wanderer> {
    const at: { sid: number | null } = { sid };
    const target = () => {
      const { host, clientPort: port } = made.seat(at.sid ?? sid);
      return { host, port };
    };
    const door = await Door.open(made.seats[0].host, {
      target,
      isRefused: () => at.sid === null,
      passesIn: () => true,
      passesOut: () => true,
    });
    const one = new Wanderer(made, door, at);
    await one.client.connected();
    return one;
  }

  /** Away from every member; requests wait. */
  async leave(): Promise<void> {
    this.#at.sid = null;
    this.#door.break();
    await this.#made.eventually(
      "the link's end",
      30_000,
      () => Promise.resolve(!this.client.session.isUsable),
    );
  }

  async arrive(sid: number): Promise<void> {
    this.#at.sid = sid;
    await this.client.connected();
  }

  async event(wanted: string): Promise<void> {
    await this.#made.eventually(
      `event ${wanted}`,
      60_000,
      () => Promise.resolve(this.events.includes(wanted)),
    );
  }

  async end(): Promise<void> {
    await this.client.close();
    await this.#door.close();
  }
}

/** Long enough that a machine which stands still for seconds costs no session. */
const IDLE_MS = 6000;

/** Clients that do nothing but ping. */
class Idle {
  readonly #since = performance.now();
  readonly #made: MixedEnsemble;
  readonly #sids: readonly number[];
  readonly #clients: readonly ZkClient[];
  readonly #ids: readonly bigint[];
  readonly #ticks: ReturnType<typeof setInterval>;
  /** Longest that this process has stood still, and the members maybe with it. */
  #pauseMs = 0;

  private constructor(
    made: MixedEnsemble,
    sids: readonly number[],
    clients: readonly ZkClient[],
  ) {
    this.#made = made;
    this.#sids = sids;
    this.#clients = clients;
    this.#ids = clients.map((client) => client.sessionId);
    let last = this.#since;
    this.#ticks = setInterval(() => {
      const now = performance.now();
      this.#pauseMs = Math.max(this.#pauseMs, now - last);
      last = now;
    }, 100);
    this.#ticks.unref();
  }

  static async at(made: MixedEnsemble, sids: readonly number[]): Promise<Idle> {
    const clients = sids.map((sid) => made.client([sid], { timeoutMs: IDLE_MS }));
    for (const client of clients) await client.connected();
    return new Idle(made, sids, clients);
  }

  /** More than three times what a silent session has, their sessions are what they were. */
  async endure(tries = 3): Promise<void> {
    await wait(Math.max(0, this.#since + 3.3 * IDLE_MS - performance.now()));
    clearInterval(this.#ticks);
    if (this.#pauseMs > IDLE_MS / 2 && tries > 1) {
      for (const client of this.#clients) client.abandon();
      return await (await Idle.at(this.#made, this.#sids)).endure(tries - 1);
    }
    for (const [i, client] of this.#clients.entries()) {
      await client.create(`/idle${i}`, null, EPHEMERAL);
      assert.equal(client.sessionId, this.#ids[i]);
      await client.close();
    }
  }
}

/** A session of little time that nobody uses any more, and its ephemeral that all watch. */
async function doomed(made: MixedEnsemble, sid: number, watchers: readonly ZkClient[]) {
  for (let tries = 1;; tries++) {
    const path = `/expires${sid}-${tries}`;
    const owner = made.client([sid], { timeoutMs: 3000 });
    await owner.create(path, null, EPHEMERAL);
    const { id, password } = owner.session;
    const seen = [];
    for (const [i, watcher] of watchers.entries()) {
      await made.level(watcher, made.sids[i], path);
      seen.push(await watcher.exists(path, true));
    }
    owner.abandon();
    if (!seen.includes(null)) return { path, id, password };
    assert.ok(tries < 3, "no session lasts until all watch"); // one may, where the machine stands still
  }
}

function stories(kinds: readonly string[]): void {
  let made: MixedEnsemble;
  let idle: Idle;
  before(async () => {
    made = await MixedEnsemble.lay(kinds);
    await made.start(LEADS, ALIKE);
    await made.serving([LEADS, ALIKE]);
    await made.start(OTHER);
    assert.deepEqual(await made.serving(), ["follower", "follower", "leader"]);
    idle = await Idle.at(made, [ALIKE, OTHER]); // their time passes while the others are at work
  });
  after(async () => {
    await made.close();
    rmSync(made.dir, { recursive: true });
  });

  it("writes through each follower are read by all others behind a sync", async () => {
    const clients = made.sids.map((sid) => made.client([sid]));
    for (const [i, writer] of clients.entries()) {
      await writer.create(`/by${i}`, bytes(`${i}`));
      for (const [at, reader] of clients.entries()) {
        await made.level(reader, made.sids[at], `/by${i}`);
        assert.deepEqual((await reader.get(`/by${i}`)).data, bytes(`${i}`));
      }
    }
    for (const client of clients) await client.close();
  });

  for (const [from, to] of [[ALIKE, OTHER], [OTHER, ALIKE], [OTHER, LEADS], [LEADS, OTHER]]) {
    it(`a session moves from ${from} to ${to} with ephemerals and watches`, async () => {
      const root = `/move${from}${to}`;
      const helper = made.client(made.sids);
      for (const path of [root, `${root}/w`, `${root}/later`]) await helper.create(path);
      const one = await Wanderer.at(made, from);
      const { sessionId } = one.client;
      await made.level(one.client, from, root);
      await one.client.create(`${root}/e`, null, EPHEMERAL);
      for (const name of ["w", "later"]) await one.client.get(`${root}/${name}`, true);
      assert.equal(await one.client.exists(`${root}/missing`, true), null);
      await one.client.children(root, true);
      await one.leave();
      await helper.set(`${root}/w`, bytes("while away"));
      await helper.create(`${root}/missing`);
      await one.arrive(to);
      assert.equal(one.client.sessionId, sessionId);
      await one.client.sync(root); // the new member may be behind; then the events come in order
      for (const event of [`${CHANGED} ${root}/w`, `${CREATED} ${root}/missing`]) {
        await one.event(event);
      }
      await one.event(`${CHILD} ${root}`);
      assert.equal(one.events.length, 3);
      await helper.set(`${root}/later`, bytes("now"));
      await one.event(`${CHANGED} ${root}/later`);
      for (const sid of made.sids) {
        const reader = made.client([sid]);
        await made.level(reader, sid, root);
        assert.equal((await reader.get(`${root}/e`)).stat.ephemeralOwner, sessionId);
        await reader.close();
      }
      await one.end();
      await helper.set(root, null); // its own write is behind the end, wherever it is connected
      assert.equal(await helper.exists(`${root}/e`), null);
      await helper.close();
    });
  }

  for (const sid of [ALIKE, OTHER, LEADS]) {
    it(`all members see a session of ${sid} expire, and none takes it again`, async () => {
      const gone: string[] = [];
      const watchers = made.sids.map((at) =>
        made.client([at], {
          onEvent: ({ type, path }) => type === 2 ? gone.push(`${path} ${at}`) : 0,
        })
      );
      for (const watcher of watchers) await watcher.connected();
      const { path, id, password } = await doomed(made, sid, watchers);
      await made.eventually(
        "the end of the ephemeral",
        60_000,
        () => Promise.resolve(gone.filter((one) => one.startsWith(`${path} `)).length === 3),
      );
      for (const watcher of watchers) {
        assert.equal(await watcher.exists(path), null);
        await watcher.close();
      }
      for (const at of made.sids) {
        const late = made.client([at]);
        late.session.id = id;
        late.session.password = password;
        await assert.rejects(late.connected(), /SESSIONEXPIRED|session ?expired/i, `server ${at}`);
      }
    });
  }

  it("a session that only pings its follower is not expired by the leader", async () => {
    await idle.endure();
  });

  it("sessions and their ephemerals outlive their leader", async () => {
    const owners = [ALIKE, OTHER].map((sid) => made.client([sid], { timeoutMs: 30_000 }));
    for (const [i, client] of owners.entries()) {
      await client.create(`/outlives${i}`, null, EPHEMERAL);
    }
    const ids = owners.map((client) => client.sessionId);
    await made.kill(LEADS);
    for (const [i, client] of owners.entries()) {
      // A follower may not have noticed yet; what is asked until it does is lost with the link.
      const { stat } = await unbroken(async () => {
        await client.sync("/");
        return await client.get(`/outlives${i}`);
      });
      assert.equal(stat.ephemeralOwner, ids[i]);
    }
    await made.start(LEADS);
    await made.serving([LEADS]);
    const back = made.client([LEADS]);
    await made.level(back, LEADS, "/");
    for (const i of owners.keys()) {
      assert.equal((await back.get(`/outlives${i}`)).stat.ephemeralOwner, ids[i]);
    }
    for (const client of [back, ...owners]) await client.close();
  });

  it("members end with equal trees and digests and nothing ill in their logs", async () => {
    await made.eventually("an end of all ephemerals", 120_000, async () => {
      const tree = await equalTrees(made);
      return [...tree.values()].every(({ stat }) => stat.ephemeralOwner === 0n);
    });
    assert.deepEqual(await digestTrouble(made), []);
    assert.deepEqual(logTrouble(made), []);
  });
}

for (const version of VERSIONS) {
  const skip = javaUnavailable(version) ?? false;
  describe(`${version} leads and we follow`, { skip }, () => stories([version, OURS, version]));
  describe(`we lead and ${version} follows`, { skip }, () => stories([OURS, version, OURS]));
}
