// The chapters of a recording about watches and sessions: each watch kind firing, watches taken away,
// watches set again after a reconnect, sessions that move, end and expire.

import { create, getData, granted, greet, ops, remove, setData, type Story } from "./story.ts";
import { bool, cat, int, list, long, type StoryClient, text } from "./story_client.ts";

const watchBody = (path: string) => cat(text(path), bool(true));

/** Watches that fire once, and how they are looked at and taken away. */
export async function watching(story: Story, sid: number, writerSid: number): Promise<void> {
  const { client: watcher } = await greet(story, "watcher", sid);
  const { client: writer } = await greet(story, "writer", writerSid);
  await create(writer, "/w");
  await level(watcher);
  await getData(watcher, "/w", true);
  await watcher.ask("exists", ops.exists, watchBody("/w/new"), { path: "/w/new" });
  await watcher.ask("getChildren", ops.getChildren, watchBody("/w"), { path: "/w" });
  await setData(writer, "/w", "changed");
  await create(writer, "/w/new");
  await watcher.untilEvents(3);
  await watcher.ask("getChildren2", ops.getChildren2, watchBody("/w/new"), { path: "/w/new" });
  await watcher.ask("exists", ops.exists, watchBody("/w/new"), { path: "/w/new" });
  await remove(writer, "/w/new");
  await watcher.untilEvents(4);
  if (story.since("3.5.0")) await removing(watcher);
  if (story.since("3.6.0")) await persistent(watcher, writer);
  for (const client of [watcher, writer]) await client.ask("closeSession", ops.closeSession);
}

/** Brings the server of a client level with the leader. */
async function level(client: StoryClient): Promise<void> {
  await client.ask("sync", ops.sync, text("/"), { path: "/" });
}

const watchKinds = { children: 1, data: 2, any: 3 } as const;

async function removing(watcher: StoryClient): Promise<void> {
  for (const [note, type] of Object.entries(watchKinds)) {
    await watcher.ask("getChildren", ops.getChildren, watchBody("/w"), { path: "/w" });
    await getData(watcher, "/w", true);
    const body = cat(text("/w"), int(type));
    await watcher.ask("checkWatches", ops.checkWatches, body, { path: "/w", note });
    await watcher.ask("removeWatches", ops.removeWatches, body, { path: "/w", note });
  }
  const none = cat(text("/unwatched"), int(watchKinds.any));
  await watcher.ask("checkWatches", ops.checkWatches, none, { note: "nothing there" });
  await watcher.ask("removeWatches", ops.removeWatches, none, { note: "nothing there" });
}

async function persistent(watcher: StoryClient, writer: StoryClient): Promise<void> {
  const add = (path: string, mode: number) =>
    watcher.ask("addWatch", ops.addWatch, cat(text(path), int(mode)), {
      path,
      note: mode === 0 ? "persistent" : "recursive",
    });
  await create(writer, "/p");
  await create(writer, "/r");
  await level(watcher);
  await add("/p", 0);
  await add("/r", 1);
  const before = watcher.events.length;
  await setData(writer, "/p", "1");
  await setData(writer, "/p", "2");
  await create(writer, "/p/child");
  await create(writer, "/r/child");
  await create(writer, "/r/child/grandchild");
  await remove(writer, "/r/child/grandchild");
  await watcher.untilEvents(before + 6);
  const body = cat(text("/p"), int(watchKinds.any));
  await watcher.ask("removeWatches", ops.removeWatches, body, { path: "/p" });
  await watcher.ask("addWatch", ops.addWatch, cat(text("/p"), int(9)), { note: "unknown mode" });
}

/** A client that was away sets its watches again and hears what it missed. */
export async function watchingAgain(story: Story, sid: number, otherSid: number): Promise<void> {
  const { client: writer } = await greet(story, "writer", otherSid);
  for (const path of ["/g", "/g/gone", "/g/kids"]) await create(writer, path);
  const first = await greet(story, "away", sid);
  await level(first.client);
  const seen = first.client.lastZxid;
  await first.client.drop();
  await setData(writer, "/g", "missed");
  await remove(writer, "/g/gone");
  await create(writer, "/g/born");
  await create(writer, "/g/kids/one");
  const { id, password } = granted(first.session);
  const back = await greet(story, "away", otherSid, { id, password, lastZxid: seen });
  const paths = (...items: string[]) => list(items.map(text));
  const data = paths("/g", "/g/gone", "/a");
  const classic = cat(long(seen), data, paths("/g/born", "/g/later"), paths("/g/kids", "/s"));
  const again = { xid: -8 };
  await back.client.ask("setWatches", ops.setWatches, classic, again);
  await back.client.untilEvents(4);
  if (story.since("3.6.0")) {
    const all = cat(classic, paths("/g"), paths("/g/kids"));
    await back.client.ask("setWatches2", ops.setWatches2, all, again);
    await back.client.untilEvents(8);
  }
  await back.client.ask("closeSession", ops.closeSession);
  await writer.ask("closeSession", ops.closeSession);
}

/** A session that moves while its old connection stays, one that is closed, and one that expires. */
export async function sessions(story: Story, fromSid: number, toSid: number): Promise<void> {
  const old = await greet(story, "mover", fromSid);
  await create(old.client, "/moved", "", 1);
  const { id, password } = granted(old.session);
  const moved = await greet(story, "mover", toSid, { id, password });
  await setData(moved.client, "/moved", "from the new place");
  await setData(old.client, "/moved", "from the old place");
  await old.client.untilClosed();
  const { client: witness } = await greet(story, "witness", toSid);
  await witness.ask("exists", ops.exists, watchBody("/moved"), { path: "/moved" });
  await moved.client.ask("closeSession", ops.closeSession);
  await witness.untilEvents(1);
  const brief = await greet(story, "brief", fromSid, { timeoutMs: 1_000 });
  await create(brief.client, "/brief", "", 1);
  await level(witness);
  await witness.ask("exists", ops.exists, watchBody("/brief"), { path: "/brief" });
  await brief.client.drop();
  await witness.untilEvents(2);
  const expired = granted(brief.session);
  const late = await greet(story, "brief", fromSid, expired);
  await late.client.untilClosed();
  await witness.ask("closeSession", ops.closeSession);
}
