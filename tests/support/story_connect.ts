// The chapters of a recording about getting in: every way to say hello to a server, the ways to be
// turned away, and the four-letter words.

import { fourLetter } from "./java.ts";
import { dial, granted, greet, ops, type Story } from "./story.ts";
import { cat, int } from "./story_client.ts";

/** Every way to say hello, and the ways to be turned away. */
export async function connecting(story: Story, sid: number): Promise<void> {
  for (const [name, readOnly] of [["plain", false], ["willing", true], ["old", null]] as const) {
    const client = await dial(story, name, sid);
    await client.hello({ readOnly });
    await client.ask("ping", ops.ping, undefined, { xid: -2 });
    await client.ask("closeSession", ops.closeSession);
    await client.untilClosed();
  }
  const wishes = { hasty: 1, patient: 3_600_000 };
  for (const [name, timeoutMs] of Object.entries(wishes)) {
    const { client } = await greet(story, name, sid, { timeoutMs });
    await client.ask("closeSession", ops.closeSession);
    await client.untilClosed();
  }
  const first = await greet(story, "returning", sid);
  await first.client.drop();
  const { id, password } = granted(first.session);
  const lastZxid = first.client.lastZxid;
  const again = await greet(story, "returning", sid, { id, password, lastZxid });
  await again.client.ask("closeSession", ops.closeSession);
  await again.client.untilClosed();
  await greet(story, "stale", sid, { id, password }).then(({ client }) => client.untilClosed());
  const liar = await greet(story, "honest", sid);
  await liar.client.drop();
  const wrong = { id: granted(liar.session).id, password: new Uint8Array(16).fill(7) };
  await greet(story, "thief", sid, wrong).then(({ client }) => client.untilClosed());
  await greet(story, "unknown", sid, { id: 0x1234n }).then(({ client }) => client.untilClosed());
  const ahead = { lastZxid: 0x7fff_0000_0000n };
  await greet(story, "ahead", sid, ahead).then(({ client }) => client.untilClosed());
  for (const bytes of [int(-5), int(0x7fffffff), cat(int(4), int(0))]) {
    const client = await dial(story, "garbage", sid);
    story.ledger.garbage.push(client.local);
    client.raw(bytes);
    await client.untilClosed();
  }
}

// `envi` is left out: it would put this machine's paths into the fixture.
const words = ["ruok", "srvr", "stat", "conf", "cons", "dump", "wchs", "wchc", "wchp"];
const laterWords = { mntr: "3.4.0", isro: "3.4.0", dirs: "3.5.1", gtmk: "3.5.0", hash: "3.6.0" };

/** Every four-letter word that a release knows, to every member. */
export async function fourLetterWords(story: Story): Promise<void> {
  const known = Object.entries(laterWords).filter(([, first]) => story.since(first));
  for (const member of story.ensemble.members) {
    for (const word of [...words, ...known.map(([word]) => word), "crst", "srst"]) {
      const answer = await fourLetter(member.clientPort, word, member.host);
      if (word === "srvr") await story.state(member, word);
      // `hash` has nothing to say before the first digest has been noted.
      if (answer === "" && word !== "hash") throw new Error(`story: no answer to ${word}`);
    }
  }
}
