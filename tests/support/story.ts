// What the scripted clients ask in a recording: every operation that a release has, with each kind of
// answer and refusal. One function per chapter; more chapters are in story_connect.ts (hello and
// four-letter words), story_watches.ts and story_failover.ts. Requests that would wedge a release (client.md 11, quorum.md H-R8) are
// left out for it: a truncated write, a bare check, a create2 inside an old multi.

import type { Ensemble, Member } from "./java_ensemble.ts";
import {
  bool,
  buffer,
  cat,
  type Hello,
  int,
  type Ledger,
  list,
  long,
  type Reply,
  type Session,
  StoryClient,
  text,
  utf8,
} from "./story_client.ts";

/** What every chapter works with. */
export interface Story {
  readonly version: string;
  readonly ensemble: Ensemble;
  readonly ledger: Ledger;
  /** True when the release is at least `first`. */
  since(first: string): boolean;
  /** Notes a server's answer to a four-letter word. */
  state(member: Member, word: string): Promise<string>;
  /** Notes how a restarted member came level, as its log says. */
  synced(sid: number, logBefore: number): Promise<void>;
}

export const ops = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getAcl: 6,
  setAcl: 7,
  getChildren: 8,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  check: 13,
  multi: 14,
  create2: 15,
  reconfig: 16,
  checkWatches: 17,
  removeWatches: 18,
  createContainer: 19,
  createTtl: 21,
  multiRead: 22,
  auth: 100,
  setWatches: 101,
  sasl: 102,
  getEphemerals: 103,
  getAllChildrenNumber: 104,
  setWatches2: 105,
  addWatch: 106,
  whoAmI: 107,
  closeSession: -11,
} as const;

const acl = (perms: number, scheme: string, id: string) => cat(int(perms), text(scheme), text(id));
export const open = [acl(31, "world", "anyone")];

export const createBody = (path: string, data: string | null, flags = 0, acls = open) =>
  cat(text(path), buffer(data === null ? null : utf8(data)), list(acls), int(flags));
export const setBody = (path: string, data: string | null, version = -1) =>
  cat(text(path), buffer(data === null ? null : utf8(data)), int(version));
const deleteBody = (path: string, version = -1) => cat(text(path), int(version));
const watchBody = (path: string, watch = false) => cat(text(path), bool(watch));

export function create(client: StoryClient, path: string, data: string | null = "d", flags = 0) {
  return client.ask("create", ops.create, createBody(path, data, flags), { path });
}

export function setData(client: StoryClient, path: string, data: string | null, version = -1) {
  return client.ask("setData", ops.setData, setBody(path, data, version), { path });
}

export function remove(client: StoryClient, path: string, version = -1) {
  return client.ask("delete", ops.delete, deleteBody(path, version), { path });
}

export function getData(client: StoryClient, path: string, watch = false) {
  return client.ask("getData", ops.getData, watchBody(path, watch), { path });
}

/** Dials a member and greets it. */
export async function greet(
  story: Story,
  name: string,
  sid: number,
  hello: Hello = {},
): Promise<{ client: StoryClient; session: Session | null }> {
  const client = await dial(story, name, sid);
  const old = !story.since("3.4.0");
  const session = await client.hello({ ...hello, ...(old && { readOnly: null }) });
  return { client, session };
}

export function dial(story: Story, name: string, sid: number): Promise<StoryClient> {
  const { host, clientPort } = story.ensemble.member(sid);
  return StoryClient.dial(name, story.ledger, { host, port: clientPort });
}

export function granted(session: Session | null): Session {
  if (session === null || session.timeoutMs <= 0) throw new Error("story: no session was granted");
  return session;
}

/** Every kind of create and every refusal of one. */
export async function creating(story: Story, client: StoryClient): Promise<void> {
  await create(client, "/a");
  await create(client, "/a/null", null);
  await create(client, "/a/empty", "");
  await create(client, "/a/ünï\u{ffe0}", "späť");
  await create(client, "/s", "parent");
  for (const flags of [0, 1, 2, 3]) await create(client, `/s/one-${flags}-`, "1", flags);
  if (story.since("3.5.0")) {
    for (const flags of [0, 1, 2, 3]) {
      const path = `/s/two-${flags}-`;
      await client.ask("create2", ops.create2, createBody(path, "2", flags), { path });
    }
  }
  if (story.since("3.5.3")) await lastingNodes(story, client);
  const refusals: [string, string, number][] = [
    ["exists", "/a", 0],
    ["no parent", "/none/x", 0],
    ["no slash", "a", 0],
    ["double slash", "/a//b", 0],
    ["trailing slash", "/s/", 0],
    ["control character", "/a\u0001", 0],
    ["child of an ephemeral", "/s/one-1-/x", 0],
  ];
  if (story.since("3.4.0")) refusals.push(["unknown flags", "/a/flags", 99]);
  for (const [note, path, flags] of refusals) {
    await client.ask("create", ops.create, createBody(path, "", flags), { path, note });
  }
  const bad: [string, Uint8Array[]][] = [
    ["no acl", []],
    ["unknown scheme", [acl(31, "nobody", "x")]],
    ["bad ip", [acl(31, "ip", "not-an-address")]],
    ["auth without an identity", [acl(31, "auth", "")]],
  ];
  for (const [note, acls] of bad) {
    const path = "/badacl";
    await client.ask("create", ops.create, createBody(path, "", 0, acls), { path, note });
  }
}

async function lastingNodes(story: Story, client: StoryClient): Promise<void> {
  const container = { path: "/container" };
  const body = createBody(container.path, "c", 4);
  await client.ask("createContainer", ops.createContainer, body, container);
  await create(client, "/container/x");
  await remove(client, "/container/x"); // now a container that the leader will delete
  if (!story.since("3.5.4")) return;
  const mortal = ["/container"];
  for (const [flags, ttl] of [[5, 3_600_000n], [6, 1n], [5, 0n]] as const) {
    const path = `/ttl-${flags}-${ttl}`;
    const note = `ttl ${ttl}`;
    const withTtl = cat(createBody(path, "t", flags), long(ttl));
    const reply = await client.ask("createTTL", ops.createTtl, withTtl, { path, note });
    if (ttl === 1n) mortal.push(pathOf(reply));
  }
  for (;;) {
    const answers = mortal.map((path) =>
      client.ask("exists", ops.exists, watchBody(path), { path, note: "until it is gone" })
    );
    if ((await Promise.all(answers)).every((answer) => answer?.err === -101)) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** The path at the start of an answer to a create. */
function pathOf(reply: Reply | null): string {
  if (reply === null || reply.err !== 0) throw new Error("story: nothing was created");
  const length = new DataView(reply.body.buffer, reply.body.byteOffset).getInt32(0);
  return new TextDecoder().decode(reply.body.subarray(4, 4 + length));
}

/** Reads, and writes to what is there, with each refusal. */
export async function readingAndWriting(story: Story, client: StoryClient): Promise<void> {
  for (const path of ["/a", "/a/null", "/a/empty", "/", "/none", ""]) {
    await client.ask("exists", ops.exists, watchBody(path), { path });
    await getData(client, path);
    await client.ask("getChildren", ops.getChildren, watchBody(path), { path });
    await client.ask("getChildren2", ops.getChildren2, watchBody(path), { path });
    await client.ask("getACL", ops.getAcl, text(path), { path });
    await client.ask("sync", ops.sync, text(path), { path });
    if (story.since("3.6.0")) {
      const number = ops.getAllChildrenNumber;
      await client.ask("getAllChildrenNumber", number, text(path), { path });
    }
  }
  await setData(client, "/a", "new");
  await setData(client, "/a", "newer", 1);
  await setData(client, "/a", "wrong version", 7);
  await setData(client, "/a", null);
  await setData(client, "/none", "");
  await setData(client, "//", "");
  const acls: [string, number, Uint8Array[]][] = [
    ["right version", 0, open],
    ["wrong version", 9, open],
    ["one address", -1, [acl(31, "world", "anyone"), acl(1, "ip", "127.0.0.1")]],
    ["a range of addresses", -1, [acl(31, "world", "anyone"), acl(1, "ip", "127.0.0.0/8")]],
  ];
  for (const [note, version, items] of acls) {
    const body = cat(text("/a"), list(items), int(version));
    await client.ask("setACL", ops.setAcl, body, { path: "/a", note });
  }
  await create(client, "/a/b");
  await remove(client, "/a");
  await remove(client, "/a/b", 5);
  await remove(client, "/a/b", 0);
  await remove(client, "/a/b");
  await remove(client, "/");
  const cut = { path: "/a", note: "truncated body" };
  await client.ask("getData", ops.getData, text("/a"), cut);
  const pings = [client.ask("ping", ops.ping, undefined, { xid: -2 })];
  // Sent without waiting: the answers must come in this order.
  for (let i = 0; i < 5; i++) {
    pings.push(setData(client, "/a", `pipelined ${i}`), getData(client, "/a"));
  }
  await Promise.all(pings);
  if (story.since("3.6.0")) {
    for (const path of ["/s", "/", "/none"]) {
      await client.ask("getEphemerals", ops.getEphemerals, text(path), { path });
    }
  }
}

/** Identities, what they open, and the ends of those who lie. */
export async function authenticating(
  story: Story,
  client: StoryClient,
  sid: number,
): Promise<void> {
  const auth = (who: StoryClient, scheme: string, secret: string) =>
    who.ask("auth", ops.auth, cat(int(0), text(scheme), buffer(utf8(secret))), {
      xid: -4,
      note: scheme,
    });
  await auth(client, "digest", "u:p");
  const path = "/mine";
  const mine = [acl(31, "auth", "")];
  await client.ask("create", ops.create, createBody(path, "secret", 0, mine), { path });
  await client.ask("getACL", ops.getAcl, text(path), { path });
  const { client: other } = await greet(story, "stranger", sid);
  for (const scheme of ["getData", "getChildren", "getACL", "exists"] as const) {
    const type = { getData: 4, getChildren: 8, getACL: 6, exists: 3 }[scheme];
    const body = type === 6 ? text(path) : watchBody(path);
    await other.ask(scheme, type, body, { path, note: "without permission" });
  }
  await setData(other, path, "stolen");
  await create(other, `${path}/x`);
  const opened = [acl(31, "digest", "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ="), acl(1, "world", "anyone")];
  const body = cat(text(path), list(opened), int(-1));
  await client.ask("setACL", ops.setAcl, body, { path });
  await other.ask("getACL", ops.getAcl, text(path), { path, note: "masked" });
  if (story.since("3.7.0")) {
    for (const who of [client, other]) await who.ask("whoAmI", ops.whoAmI);
  }
  if (story.since("3.4.0")) await other.ask("sasl", ops.sasl, buffer(utf8("token")));
  await auth(other, "nonsense", "x");
  await other.untilClosed();
  if (!story.since("3.4.14")) return; // 3.4.5 never answers an unknown op
  const { client: odd } = await greet(story, "odd", sid);
  await odd.ask("unknown", 99, undefined, { note: "op 99" });
  await odd.drop();
}

/** The same few requests to each member, whatever its role. */
export async function everywhere(story: Story): Promise<void> {
  for (const { sid, isObserver } of story.ensemble.members) {
    const { client } = await greet(story, `at ${sid}`, sid);
    // Longer than a Java stream's buffer of 8 KiB, so that its packets come in several writes.
    await create(client, `/at-${sid}`, "long ".repeat(isObserver ? 2_000 : 1), 1);
    await setData(client, `/at-${sid}`, "short");
    await client.ask("sync", ops.sync, text(`/at-${sid}`), { path: `/at-${sid}` });
    await getData(client, `/at-${sid}`);
    await client.ask("ping", ops.ping, undefined, { xid: -2 });
    await client.ask("closeSession", ops.closeSession);
  }
}

export const superAuth = cat(int(0), text("digest"), buffer(utf8("super:pw")));

const part = (type: number, body: Uint8Array) => cat(int(type), bool(false), int(-1), body);
const multiEnd = cat(int(-1), bool(true), int(-1));
const multi = (...parts: Uint8Array[]) => cat(...parts, multiEnd);

/** Several operations as one (3.4 and later). */
export async function multis(story: Story, client: StoryClient): Promise<void> {
  if (!story.since("3.4.0")) return;
  const all = [
    part(ops.create, createBody("/m", "m")),
    part(ops.create, createBody("/m/seq-", null, 2)),
    part(ops.check, cat(text("/m"), int(0))),
    part(ops.setData, setBody("/m", "n", 0)),
    part(ops.create, createBody("/m/short", "")),
    part(ops.delete, deleteBody("/m/short")),
  ];
  await client.ask("multi", ops.multi, multi(...all), { note: "all well" });
  const fails: [string, Uint8Array[]][] = [
    ["check fails", [
      part(ops.create, createBody("/m/x", "")),
      part(ops.check, cat(text("/m"), int(7))),
      part(ops.delete, deleteBody("/m")),
    ]],
    ["delete fails", [part(ops.delete, deleteBody("/none"))]],
    ["empty", []],
  ];
  for (const [note, parts] of fails) {
    await client.ask("multi", ops.multi, multi(...parts), { note });
  }
  const kinds = story.since("3.8.2") || story.version === "3.7.2";
  if (kinds) {
    const ttl = cat(createBody("/m/ttl", "", 5), long(3_600_000n));
    const later = [
      part(ops.create2, createBody("/m/two", "2")),
      part(ops.createContainer, createBody("/m/box", "", 4)),
      part(ops.createTtl, ttl),
    ];
    await client.ask("multi", ops.multi, multi(...later), { note: "newer kinds" });
  }
  if (story.since("3.6.0")) {
    const reads = [
      part(ops.getData, watchBody("/m")),
      part(ops.getChildren, watchBody("/m")),
      part(ops.getData, watchBody("/none")),
    ];
    await client.ask("multiRead", ops.multiRead, multi(...reads));
  }
}

/** Quotas: their nodes, their counting, and from 3.7 their refusal. */
export async function quotas(story: Story, client: StoryClient): Promise<void> {
  await create(client, "/q");
  await create(client, "/zookeeper/quota/q", "");
  const limits = story.since("3.7.0")
    ? "count=2,bytes=-1=;byteHardLimit=-1;countHardLimit=2"
    : "count=2,bytes=-1";
  await create(client, "/zookeeper/quota/q/zookeeper_limits", limits);
  await create(client, "/zookeeper/quota/q/zookeeper_stats", "count=0,bytes=0");
  await create(client, "/q/one");
  await create(client, "/q/two"); // one too many where limits are enforced
  await getData(client, "/zookeeper/quota/q/zookeeper_stats");
}
