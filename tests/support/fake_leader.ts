// A voter whose sockets and votes are real and whose words are a test's: it is elected, listens on
// its quorum port, and says there whatever a test wants. And a real member of ours, in this process,
// that follows it.

import { createServer, type Server, type Socket } from "node:net";
import type { Fault } from "../../lib/base/errors.ts";
import { type Epoch, epochOf, type Zxid, zxidOf } from "../../lib/base/ids.ts";
import { Output } from "../../lib/codec/output.ts";
import { HostClock } from "../../lib/host/clock.ts";
import { HostDisk } from "../../lib/host/disk.ts";
import { HostNetwork } from "../../lib/host/network.ts";
import { HostRandom } from "../../lib/host/random.ts";
import { loadConfig } from "../../lib/peer/config.ts";
import { Peer } from "../../lib/peer/peer.ts";
import { type QuorumPacket, writeQuorumPacket } from "../../lib/records/quorum.ts";
import { DiskLog } from "../../lib/store/disk_log.ts";
import { PacketType } from "../../lib/txn/opcodes.ts";
import { PacketReader } from "../../lib/wire/learner.ts";
import { bare, leaderInfoPacket, newLeaderPacket } from "../../lib/zab/packets.ts";
import { type Ensemble, ensemble } from "./java_ensemble.ts";
import { until } from "./until.ts";
import { shown } from "./zab.ts";
import { type ElectionMember, electionMember } from "./zkpeer_election.ts";

/** Sids: ours, and the one that a test plays. */
export const OWN = 1;
export const FAKE = 2;
export const SETTINGS = {
  tickTime: "300",
  initLimit: "12",
  syncLimit: "10",
};
const PATIENCE_MS = 90_000;

/** Two voters on ports of their own, below `dir`; nothing runs. */
export const layPair = (dir: string): Promise<Ensemble> =>
  ensemble([{ version: "external" }, { version: "external" }], {
    dir,
    start: false,
    settings: SETTINGS,
  });

/** A member of ours in this process. */
export class OwnMember {
  readonly peer: Peer;
  readonly notes: string[] = [];
  readonly faults: Fault[] = [];

  constructor(made: Ensemble, sid: number) {
    const { dataDir } = made.member(sid);
    const overrides = made.cfg(sid).split("\n").filter((line) => line !== "");
    const loaded = loadConfig({ path: null, readFile: () => null, overrides, myid: `${sid}` });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.complaints));
    this.peer = new Peer(loaded.config, {
      newClock: () => new HostClock(),
      network: new HostNetwork(),
      disk: new HostDisk(),
      random: new HostRandom(),
      note: (_level, area, text, facts) => {
        const told = JSON.stringify(facts, (_, v) => typeof v === "bigint" ? `${v}` : v);
        this.notes.push(`${area}: ${text} ${told} (${dataDir})`);
      },
    }, { failed: (fault) => this.faults.push(fault), role: () => {}, bound: () => {} });
    this.peer.start();
  }

  /** The whole history on disk and the tree, as far as members must agree on them. */
  history(): string {
    const tree = this.peer.ensemble?.tree;
    if (tree === undefined) throw new Error("this member does not run");
    const log = DiskLog.open(new HostDisk(), this.peer.store.dirs, tree.lastZxid, 0, () => {});
    const logged = [...log ?? []].map((txn) => txn.header.zxid.toString(16));
    return `tree ${tree.digest().toString(16)} of ${tree.nodeCount}, log ${logged.join(" ")}`;
  }

  stop(): Promise<void> {
    return new Promise((done) => this.peer.stop(done));
  }
}

/** One connection to the fake leader. */
export class LearnerLink {
  readonly socket: Socket;
  readonly heard: string[] = [];
  isClosed = false;
  #passed = 0;

  constructor(socket: Socket) {
    this.socket = socket;
    const reader = new PacketReader();
    socket.on("data", (chunk: Uint8Array) => {
      reader.push(new Uint8Array(chunk));
      for (let packet = reader.next(); packet !== null; packet = reader.next()) {
        this.heard.push(shown(packet));
      }
    });
    socket.on("close", () => this.isClosed = true);
    socket.on("error", () => {
      // A reset is one of the ways in which a learner leaves; "close" follows.
    });
  }

  say(...packets: readonly QuorumPacket[]): void {
    const out = new Output();
    for (const packet of packets) writeQuorumPacket(out, packet);
    this.sayBytes(out.take());
  }

  sayBytes(bytes: Uint8Array): void {
    if (!this.isClosed) this.socket.write(bytes);
  }

  /** The zxid of the next packet of this name, behind those asked for before. */
  async hears(name: string): Promise<Zxid> {
    const find = (): number =>
      this.heard.findIndex((line, at) => at >= this.#passed && line.startsWith(`${name} `));
    await until(() => find() >= 0 || this.isClosed, `${name} from the learner`, PATIENCE_MS);
    const at = find();
    if (at < 0) throw new Error(`closed before ${name}; heard ${this.heard.join(", ")}`);
    this.#passed = at + 1;
    return BigInt(/0x[0-9a-f]+/.exec(this.heard[at])?.[0] ?? "0");
  }

  async closed(): Promise<void> {
    await until(() => this.isClosed, "the learner's leaving", PATIENCE_MS);
  }
}

export class FakeLeader {
  /** The epoch of the newest handshake; the next is above. */
  epoch: Epoch = 0n;
  readonly #election: ElectionMember;
  readonly #server: Server;
  readonly #links: LearnerLink[] = [];
  #taken = 0;

  private constructor(election: ElectionMember, server: Server) {
    this.#election = election;
    this.#server = server;
    server.on("connection", (socket: Socket) => {
      const link = new LearnerLink(socket);
      this.#links.push(link);
      // It has lost its quorum, and looks for one like any leader.
      socket.on("close", () => this.#look());
    });
  }

  /** Listens, and is elected by whoever has no more than `lastZxid`. */
  static async open(made: Ensemble, lastZxid: Zxid): Promise<FakeLeader> {
    const { host, quorumPort } = made.member(FAKE);
    const server = createServer();
    await new Promise<void>((done) => server.listen(quorumPort, host, done));
    const facts = { zxid: lastZxid + 1000n, currentEpoch: epochOf(lastZxid) };
    const fake = new FakeLeader(electionMember(made, FAKE, facts), server);
    fake.epoch = facts.currentEpoch;
    return fake;
  }

  #look(): void {
    this.#election.port.look(zxidOf(this.epoch, 1000n), this.epoch);
  }

  /** The next connection, with what it says first: its accepted epoch. */
  async meets(): Promise<{ link: LearnerLink; accepted: Epoch }> {
    await until(() => this.#links.length > this.#taken, "a learner", PATIENCE_MS);
    const link = this.#links[this.#taken++];
    const accepted = epochOf(await link.hears("FOLLOWERINFO"));
    return { link, accepted };
  }

  /** Up to ACKEPOCH; gives the last zxid that the learner claims. */
  async greets(): Promise<{ link: LearnerLink; lastZxid: Zxid }> {
    const { link, accepted } = await this.meets();
    this.epoch = accepted + 1n;
    link.say(leaderInfoPacket(this.epoch));
    return { link, lastZxid: await link.hears("ACKEPOCH") };
  }

  get newLeader(): QuorumPacket {
    return newLeaderPacket(this.epoch, "version=0");
  }

  /** What ends a sync. */
  async confirms(link: LearnerLink): Promise<void> {
    link.say(this.newLeader);
    const acked = await link.hears("ACK");
    if (acked !== zxidOf(this.epoch, 0n)) throw new Error(`it acknowledges ${acked.toString(16)}`);
    link.say(bare(PacketType.UPTODATE, -1n));
    await link.hears("ACK");
  }

  async close(): Promise<void> {
    this.#election.port.stop();
    for (const { socket } of this.#links) socket.destroy();
    await new Promise<void>((done) => this.#server.close(() => done()));
  }
}
