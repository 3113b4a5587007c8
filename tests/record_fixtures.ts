// Records the conversations in fixtures/captures anew, from real servers of every release:
//
//   deno task record                 all releases (about 20 seconds each)
//   deno task record 3.9.5 3.4.14    some of them
//
// Needs root, Linux (a whole 127.0.0.0/8 on loopback), tcpdump, Java 17 and Maven. Nothing else may
// use 127.0.7.0/24 meanwhile. A failed story writes nothing, and leaves the
// servers' logs in the system's temporary folder. Each run gives other session ids, times
// and ports, so record only when the story changes, and say in the commit what changed in it.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { CaptureFacts } from "./support/captures.ts";
import { compareVersions, fourLetter, javaVersions } from "./support/java.ts";
import { type Ensemble, ensemble, type MemberSpec } from "./support/java_ensemble.ts";
import { withoutBareAcks } from "./support/pcap_writer.ts";
import { recorderUnavailable, startRecorder } from "./support/recorder.ts";
import {
  authenticating,
  creating,
  everywhere,
  greet,
  multis,
  ops,
  quotas,
  readingAndWriting,
  type Story,
} from "./support/story.ts";
import { connecting, fourLetterWords } from "./support/story_connect.ts";
import {
  alone,
  diff,
  leaderDeath,
  logOf,
  reconfiguring,
  roles,
  snap,
  trunc,
  untilLevel,
} from "./support/story_failover.ts";
import { sessions, watching, watchingAgain } from "./support/story_watches.ts";

const tickTimeMs = 500;
const network = "127.0.7";

type Writable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer I)[] ? I[] : T[K] };

async function record(version: string): Promise<void> {
  // A name without a place or a process in it: `conf` and `dirs` say it, and so the fixture does.
  const dir = join(tmpdir(), "zkpeer-story");
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir);
  const scratch = mkdtempSync(join(tmpdir(), "zkpeer-record-"));
  const pcap = join(scratch, "story.pcap");
  const laidOut = await ensemble(members(version), {
    dir,
    jvmArgs: jvmArgs(version),
    settings: { tickTime: String(tickTimeMs), ...newKeys(version) },
    start: false,
  });
  const facts = newFacts(version, laidOut);
  const recorder = await startRecorder(`${network}.0/24`, pcap);
  try {
    await tell(makeStory(version, laidOut, facts), facts);
  } finally {
    await laidOut.stopAll();
    facts.packets = await recorder.stop();
  }
  const folder = fileURLToPath(new URL("../fixtures/captures/", import.meta.url));
  mkdirSync(folder, { recursive: true });
  const packed = gzipSync(withoutBareAcks(readFileSync(pcap)), { level: 9 });
  writeFileSync(join(folder, `${version}.pcap.gz`), packed);
  writeFileSync(join(folder, `${version}.json`), `${JSON.stringify(facts, null, 1)}\n`);
  rmSync(scratch, { recursive: true });
  rmSync(dir, { recursive: true });
  console.log(`${version}: ${facts.ops.length} requests, ${packed.length} bytes packed`);
}

function members(version: string): MemberSpec[] {
  return [1, 2, 3, 4].map((sid) => ({
    version,
    sid,
    host: `${network}.${sid}`,
    observer: sid === 4,
  }));
}

function newKeys(version: string): Record<string, string> {
  return compareVersions(version, "3.5.3") >= 0 ? { reconfigEnabled: "true" } : {};
}

function jvmArgs(version: string): string[] {
  const superDigest = "super:0bX78nEegDzJM3ju0iLBEJdWzjg="; // super:pw
  const all = {
    "zookeeper.DigestAuthenticationProvider.superDigest": superDigest,
    "zookeeper.extendedTypesEnabled": "true",
    "znode.container.checkIntervalMs": "500",
    "readonlymode.enabled": "true",
    // A small tree is never worth a DIFF from disk: the learner without data gets a SNAP.
    "zookeeper.snapshotSizeFactor": "0.00001",
    "zookeeper.preAllocSize": "64",
    ...(compareVersions(version, "3.7.0") >= 0 && { "zookeeper.enforceQuota": "true" }),
  };
  return Object.entries(all).map(([key, value]) => `-D${key}=${value}`);
}

function newFacts(version: string, laidOut: Ensemble): Writable<CaptureFacts> {
  return {
    version,
    tickTimeMs,
    members: laidOut.members.map((m) => ({
      sid: m.sid,
      addr: m.host,
      role: m.isObserver ? "observer" : "voter",
      clientPort: m.clientPort,
      quorumPort: m.quorumPort,
      electionPort: m.electionPort,
    })),
    chapters: [],
    sessions: [],
    ops: [],
    stated: [],
    events: [],
    garbage: [],
    syncs: [],
    packets: { captured: 0, dropped: 0 },
  };
}

const micros = () => Date.now() * 1000;

// What a learner's log says of the sync it was given, in the words of every release since 3.3.
const syncWords = {
  DIFF: /Getting a diff from the leader/,
  TRUNC: /Truncating log to get in sync with the leader/,
  SNAP: /Getting a snapshot from (the )?leader/,
};

function makeStory(
  version: string,
  laidOut: Ensemble,
  facts: Writable<CaptureFacts>,
): Story {
  const story: Story = {
    version,
    ensemble: laidOut,
    ledger: facts,
    since: (first) => compareVersions(version, first) >= 0,
    async state(member, word) {
      const said = await fourLetter(member.clientPort, word, member.host);
      facts.stated.push({ at: micros(), sid: member.sid, word, text: said });
      return said;
    },
    synced(sid, logBefore) {
      const said = logOf(story, sid).slice(logBefore);
      for (const kind of ["DIFF", "TRUNC", "SNAP"] as const) {
        if (syncWords[kind].test(said)) facts.syncs.push({ sid, kind });
      }
      return Promise.resolve();
    },
  };
  return story;
}

async function tell(story: Story, facts: Writable<CaptureFacts>): Promise<void> {
  const chapter = async (name: string, work: () => Promise<void>) => {
    const from = micros();
    console.log(`${story.version}: ${name}`);
    await work();
    facts.chapters.push({ name, from, to: micros() });
  };
  const boot = async () => {
    for (const { sid } of story.ensemble.members) await story.ensemble.start(sid, { wait: false });
    for (const { server } of story.ensemble.members) await server?.waitServing();
  };
  await chapter("boot", boot);
  const { leader, followers: [low, high] } = await roles(story);
  await chapter("connecting", () => connecting(story, low));
  await chapter("four-letter words", () => fourLetterWords(story));
  await chapter("requests", async () => {
    const { client } = await greet(story, "main", low);
    await creating(story, client);
    await readingAndWriting(story, client);
    await authenticating(story, client, high);
    await multis(story, client);
    await quotas(story, client);
    await client.ask("closeSession", ops.closeSession);
  });
  await chapter("everywhere", () => everywhere(story));
  await chapter("watches on a follower", () => watching(story, low, leader));
  await chapter("watches set again", () => watchingAgain(story, 4, low));
  await chapter("sessions", () => sessions(story, low, 4));
  await chapter("diff", () => diff(story));
  await chapter("leader's death", () => leaderDeath(story));
  await chapter("trunc", () => trunc(story));
  await chapter("snap", () => snap(story));
  await chapter("reconfig", () => reconfiguring(story));
  await chapter("the end", async () => {
    await untilLevel(story);
    for (const member of story.ensemble.members) await story.state(member, "srvr");
  });
  await chapter("alone", () => alone(story));
}

const reason = recorderUnavailable();
if (reason !== null) throw new Error(reason);
const asked = process.argv.slice(2);
for (const version of asked.length > 0 ? asked : javaVersions) await record(version);
process.exit(0);
