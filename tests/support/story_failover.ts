// The chapters of a recording in which servers end and come back: a follower that lags a little (DIFF),
// one that holds what nobody else has (TRUNC), one with nothing (SNAP), the leader's death, changes of
// the ensemble, and a server left alone.

import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fourLetter } from "./java.ts";
import { create, dial, getData, granted, greet, ops, setData, type Story } from "./story.ts";
import { superAuth } from "./story.ts";
import { bool, cat, long, type StoryClient, text } from "./story_client.ts";

/** Polls `isTrue` every 50 ms; throws what was waited for when it does not come in `timeoutMs`. */
async function until(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!await isTrue()) {
    if (Date.now() > deadline) throw new Error(`story: not in ${timeoutMs} ms: ${what}`);
    await wait(50);
  }
}

/** The present leader and the two other voters, lower sid first. */
export async function roles(
  story: Story,
): Promise<{ leader: number; followers: [number, number] }> {
  let leader: number | null = null;
  await until("a leader", async () => (leader = await story.ensemble.leader()) !== null);
  const voters = story.ensemble.members.filter((m) => !m.isObserver && m.sid !== leader);
  const [low, high] = voters.map((m) => m.sid);
  if (leader === null || low === undefined || high === undefined) throw new Error("story: roles");
  return { leader, followers: [low, high] };
}

async function restart(story: Story, sid: number): Promise<void> {
  const before = logOf(story, sid).length;
  await story.ensemble.start(sid);
  await story.synced(sid, before);
}

export function logOf(story: Story, sid: number): string {
  return readFileSync(join(story.ensemble.member(sid).dir, "server.log"), "utf8");
}

/** A follower and the observer miss a few transactions and get just those. */
export async function diff(story: Story): Promise<void> {
  const { followers: [low, high] } = await roles(story);
  for (const sid of [low, 4]) await story.ensemble.stop(sid);
  const { client } = await greet(story, "diff", high);
  for (let i = 0; i < 3; i++) await create(client, `/diff-${i}`, `${i}`);
  for (const sid of [low, 4]) await restart(story, sid);
  await setData(client, "/diff-0", "all are here");
  await client.ask("closeSession", ops.closeSession);
}

/** The leader is killed; its clients go on elsewhere; it comes back as a follower. */
export async function leaderDeath(story: Story): Promise<void> {
  const { leader, followers: [low, high] } = await roles(story);
  const first = await greet(story, "survivor", leader);
  await create(first.client, "/survivor", "", 1);
  const lastZxid = first.client.lastZxid;
  await story.ensemble.stop(leader, "SIGKILL");
  await first.client.untilClosed();
  await untilServing(story, [low, high]);
  const { id, password } = granted(first.session);
  const next = await greet(story, "survivor", low, { id, password, lastZxid });
  await setData(next.client, "/survivor", "goes on");
  await restart(story, leader);
  await next.client.ask("closeSession", ops.closeSession);
}

/** Waits until all members have applied the same transactions. */
export async function untilLevel(story: Story): Promise<void> {
  await until("all members are level", async () => {
    const answers = await Promise.all(
      story.ensemble.members.map((m) => fourLetter(m.clientPort, "srvr", m.host).catch(() => "")),
    );
    const zxids = answers.map((answer) => /^Zxid: (.*)$/m.exec(answer)?.[1]);
    return zxids[0] !== undefined && new Set(zxids).size === 1;
  });
}

async function untilRole(story: Story, sid: number, role: string): Promise<void> {
  const member = story.ensemble.member(sid);
  await until(`server ${sid} is ${role}`, async () => {
    const answer = await fourLetter(member.clientPort, "srvr", member.host).catch(() => "");
    return answer.includes(`Mode: ${role}`);
  });
}

async function untilServing(story: Story, sids: readonly number[]): Promise<void> {
  for (const sid of sids) {
    const { host, clientPort } = story.ensemble.member(sid);
    await until(`server ${sid} serves`, async () => {
      const answer = await fourLetter(clientPort, "srvr", host).catch(() => "");
      return /^Mode: /m.test(answer);
    });
  }
}

/** A leader logs what it cannot commit, dies, and must give it up when it comes back. */
export async function trunc(story: Story): Promise<void> {
  const { leader, followers } = await roles(story);
  const { client } = await greet(story, "loser", leader);
  await create(client, "/kept");
  // Out of the way: searching voters and a searching observer answer each other without end.
  await story.ensemble.stop(4);
  for (const sid of followers) story.ensemble.member(sid).server?.kill("SIGSTOP");
  const lost = create(client, "/lost", "never committed");
  await until("the leader logs the write", () => isLogged(story, leader, "/lost"));
  for (const sid of [leader, ...followers]) await story.ensemble.stop(sid, "SIGKILL");
  await lost;
  await Promise.all(followers.map((sid) => story.ensemble.start(sid)));
  // Before the new epoch has any transaction: a later release truncates only within one epoch.
  await restart(story, leader);
  const { client: winner } = await greet(story, "winner", followers[0]);
  await create(winner, "/won");
  await story.ensemble.start(4);
  const { client: reader } = await greet(story, "reader", leader);
  await getData(reader, "/lost");
  await getData(reader, "/won");
  for (const who of [winner, reader]) await who.ask("closeSession", ops.closeSession);
}

function isLogged(story: Story, sid: number, words: string): boolean {
  const folder = join(story.ensemble.member(sid).dataDir, "version-2");
  return readdirSync(folder).filter((name) => name.startsWith("log."))
    .some((name) => readFileSync(join(folder, name)).includes(words));
}

/** A follower loses its disk and gets the whole tree. */
export async function snap(story: Story): Promise<void> {
  const { followers: [low, high] } = await roles(story);
  await story.ensemble.stop(low);
  rmSync(join(story.ensemble.member(low).dataDir, "version-2"), { recursive: true });
  const { client } = await greet(story, "snap", high);
  await create(client, "/snapped", "", 1);
  await restart(story, low);
  const { client: reader } = await greet(story, "reader", low);
  await getData(reader, "/a");
  for (const who of [client, reader]) await who.ask("closeSession", ops.closeSession);
}

/** The observer leaves and comes back, by both forms of the request, between refusals (3.5+). */
export async function reconfiguring(story: Story): Promise<void> {
  if (!story.since("3.5.0")) return;
  const { leader, followers: [low] } = await roles(story);
  const { client } = await greet(story, "admin", low);
  const ask = (
    note: string,
    joining: string | null,
    leaving: string | null,
    all: string | null,
  ) => {
    const body = cat(text(joining), text(leaving), text(all), long(-1n));
    return client.ask("reconfig", ops.reconfig, body, { note });
  };
  const path = "/zookeeper/config";
  await client.ask("getData", ops.getData, cat(text(path), bool(true)), { path });
  await ask("without permission", null, "4", null);
  await client.ask("auth", ops.auth, superAuth, { xid: -4, note: "super" });
  const stale = cat(text(null), text("4"), text(null), long(0x77n));
  await client.ask("reconfig", ops.reconfig, stale, { note: "wrong config version" });
  await ask("too few voters", null, "1,2,3", null);
  await ask("not a server line", "server.5=nonsense", null, null);
  await ask("observer leaves", null, "4", null);
  await client.untilEvents(1);
  const lines = story.ensemble.members.map((m) =>
    `server.${m.sid}=${m.host}:${m.quorumPort}:${m.electionPort}:` +
    `${m.isObserver ? "observer" : "participant"};${m.host}:${m.clientPort}`
  );
  const observer = lines.find((line) => line.startsWith("server.4=")) ?? "";
  await ask("observer joins", observer, null, null);
  await ask("the whole list", null, null, lines.join("\n"));
  await getData(client, path);
  // A follower learns of each change by an activation packet; a sync puts it behind the last one.
  await client.ask("sync", ops.sync, text("/"), { path: "/" });
  await untilServing(story, [leader, low, 4]);
  await client.ask("closeSession", ops.closeSession);
  await changeRole(story, leader, low, lines.find((l) => l.startsWith(`server.${low}=`)) ?? "");
}

/** A voter becomes an observer and then a voter again. */
async function changeRole(story: Story, leader: number, low: number, line: string): Promise<void> {
  const { client: chief } = await greet(story, "chief", leader);
  await chief.ask("auth", ops.auth, superAuth, { xid: -4, note: "super" });
  const swapped = (role: string) => {
    const body = cat(text(line.replace("participant", role)), text(null), text(null), long(-1n));
    return chief.ask("reconfig", ops.reconfig, body, { note: `a voter becomes ${role}` });
  };
  await swapped("observer");
  await untilRole(story, low, "observer");
  await swapped("participant");
  await untilRole(story, low, "follower");
  await chief.ask("closeSession", ops.closeSession);
}

/** Two voters end; the third serves reads only, to those who accept that (3.4+). */
export async function alone(story: Story): Promise<void> {
  if (!story.since("3.4.0")) return;
  const { leader, followers: [low, high] } = await roles(story);
  for (const sid of [4, low, leader]) await story.ensemble.stop(sid);
  const survivor = story.ensemble.member(high);
  await until("the survivor is read-only", async () => {
    const answer = await fourLetter(survivor.clientPort, "isro", survivor.host).catch(() => "");
    return answer === "ro";
  });
  const proud = await dial(story, "needs to write", high);
  await proud.hello({ readOnly: false });
  await proud.untilClosed();
  // From 3.7 a read-only server answers a new global session with something that is no connect
  // response (client.md 11), so there is nothing to record.
  if (story.since("3.7.0")) return;
  const { client } = await greet(story, "only reads", high, { readOnly: true });
  await refusedWrites(client);
  await client.drop();
}

async function refusedWrites(client: StoryClient): Promise<void> {
  await getData(client, "/a");
  await setData(client, "/a", "no");
  await create(client, "/a/no");
  await client.ask("sync", ops.sync, text("/"), { path: "/" });
}
