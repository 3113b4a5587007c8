// One member without elections, in virtual time: a role with its store, tree and links, and a member
// on the other side of the link that says exactly what the test tells it.

import { DEFAULT_AUTH } from "../../lib/auth/mod.ts";
import { Fault } from "../../lib/base/errors.ts";
import type { Epoch, Sid, Zxid } from "../../lib/base/ids.ts";
import { Output } from "../../lib/codec/output.ts";
import { LearnerPort, type LearnerPortOptions } from "../../lib/peer/learner_port.ts";
import { Replica } from "../../lib/peer/replica.ts";
import type { Role, RoleHost } from "../../lib/peer/role.ts";
import type { Clock, Link, Network } from "../../lib/ports.ts";
import { type QuorumPacket, writeQuorumPacket } from "../../lib/records/quorum.ts";
import { defaultServerOptions } from "../../lib/server/options.ts";
import { SessionIds } from "../../lib/server/passwords.ts";
import type { Prepare } from "../../lib/server/prepare.ts";
import type { Backend } from "../../lib/server/request.ts";
import { Server } from "../../lib/server/server.ts";
import type { SessionTracker } from "../../lib/server/sessions.ts";
import { NO_METERS } from "../../lib/server/stats.ts";
import { SimDisk, SimStorage } from "../../lib/sim/disk.ts";
import { SimInternet, SimNetwork } from "../../lib/sim/network.ts";
import { Life, SimClock, World } from "../../lib/sim/world.ts";
import { type Epochs, Store } from "../../lib/store/store.ts";
import type { Tree } from "../../lib/tree/tree.ts";
import { PacketReader } from "../../lib/wire/learner.ts";
import type { EpochFile } from "../../lib/zab/leader_events.ts";
import { storeOptions, treeOptions } from "./store_kit.ts";
import { shown } from "./zab.ts";

export const LEADER_AT = { host: "10.0.0.9", port: 2888 };

/** Ports of the world, and one disk that outlives its servers. */
export class Bench {
  readonly world = new World(7);
  readonly internet = new SimInternet(this.world);
  readonly storage: SimStorage;
  readonly leader = new ScriptedLeader(this);

  constructor() {
    this.storage = new SimStorage(this.world, "s1");
    this.storage.folders.add("/data");
  }

  /** Lets time pass until `claim` holds. */
  until(claim: () => boolean, what: string, within = 30_000): void {
    if (!this.world.runFor(within, claim)) throw new Error(`${what}: not within ${within} ms`);
  }

  run(ms: number): void {
    this.world.runUntil(this.world.now + ms);
  }
}

/** A leader that only says what it is told; what it hears is kept as lines. */
export class ScriptedLeader {
  readonly #bench: Bench;
  readonly #network: Network;
  link: Link | null = null;
  links = 0;
  heard: string[] = [];
  packets: QuorumPacket[] = [];
  /** Lines before this were waited for already. */
  #passed = 0;

  constructor(bench: Bench) {
    this.#bench = bench;
    const life = new Life(bench.world, "leader");
    this.#network = new SimNetwork(bench.internet, life, LEADER_AT.host);
  }

  listen(): void {
    this.#network.listen(LEADER_AT, (link) => {
      this.link = link;
      this.links += 1;
      const reader = new PacketReader();
      link.attach({
        bytes: (chunk) => {
          reader.push(chunk);
          for (let packet = reader.next(); packet !== null; packet = reader.next()) {
            this.heard.push(shown(packet));
            this.packets.push(packet);
          }
        },
        drained: () => {},
        closed: () => {
          if (this.link === link) this.link = null;
        },
      });
    }, () => {});
  }

  say(...packets: QuorumPacket[]): void {
    const out = new Output();
    for (const packet of packets) writeQuorumPacket(out, packet);
    this.sayBytes(out.take());
  }

  sayBytes(bytes: Uint8Array): void {
    this.link?.write(bytes);
  }

  /** Waits until this is heard, behind what was waited for before. */
  hears(line: string): void {
    const find = (): number => this.heard.indexOf(line, this.#passed);
    this.#bench.until(
      () => find() >= 0,
      `the leader hears ${line}; so far ${this.heard.join(", ")}`,
    );
    this.#passed = find() + 1;
  }

  /** Forgets what was heard. */
  reset(): void {
    this.heard = [];
    this.#passed = 0;
  }
}

/** A member in one role. */
export class TestHost implements RoleHost {
  readonly bench: Bench;
  readonly life: Life;
  readonly network: Network;
  readonly store: Store;
  readonly replica: Replica;
  epochs: Epochs;
  role: Role | null = null;
  /** Why roles ended. */
  ends: string[] = [];
  faults: Fault[] = [];
  notes: string[] = [];
  seen: string[] = [];
  /** The tree that was last said to be another one. */
  toldOf: Tree | null = null;
  served = 0;
  isStopped = false;
  established: (epoch: Epoch) => void = () => {};
  #isTurnDue = false;
  readonly #clock: Clock;

  constructor(bench: Bench) {
    this.bench = bench;
    this.life = new Life(bench.world, "member");
    this.network = new SimNetwork(bench.internet, this.life, "10.0.0.1");
    this.#clock = this.newClock();
    const disk = new SimDisk(bench.storage, this.life);
    const ports = {
      disk,
      clock: this.newClock(),
      random: bench.world.random("store"),
      note: this.note,
    };
    this.store = new Store(ports, storeOptions({ preAllocSizeKb: 8, snapshotSizeFactor: 0 }));
    this.store.onFatal = (fault) => this.fatal(fault);
    const recovered = this.store.recover(treeOptions(this.note));
    this.epochs = this.store.epochs();
    this.replica = new Replica(this.store, recovered, treeOptions(this.note), 500, disk);
  }

  follow(options: Partial<LearnerPortOptions> = {}): LearnerPort {
    const port = new LearnerPort(this, {
      sid: 1n,
      isObserver: false,
      leader: 9n,
      addresses: [LEADER_AT],
      configVersion: 0n,
      tickMs: 500,
      initLimit: 10,
      syncLimit: 5,
      logs: true,
      connectWithinMs: 5000,
      connectPauseMs: 100,
      packetLimit: 2_097_150,
      ...options,
    });
    this.role = port;
    port.start();
    return port;
  }

  /** The process dies; what was not flushed is lost. */
  crash(): TestHost {
    this.life.end();
    this.bench.internet.died(this.life);
    this.bench.storage.crash();
    return new TestHost(this.bench);
  }

  readonly note = (_level: string, _area: string, text: string): void => void this.notes.push(text);

  newClock(): Clock {
    return new SimClock(this.life, { offset: 0 });
  }

  epochSaved(file: EpochFile, epoch: Epoch): void {
    this.epochs = { ...this.epochs, [file]: epoch };
  }

  busy(): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    this.#clock.soon(() => {
      this.#isTurnDue = false;
      this.role?.flushTurn();
      this.store.commitTurn();
    });
  }

  newServer(tree: Tree, backend: Backend, tracker: SessionTracker | null): Server {
    return new Server({
      tree,
      backend,
      options: defaultServerOptions(DEFAULT_AUTH),
      tracker,
      local: null,
      ids: new SessionIds(0, 1),
      random: this.bench.world.random("server"),
      meters: NO_METERS,
      now: () => this.#clock.now(),
      note: this.note,
      word: () => "",
    });
  }

  tally(): { add(): void } {
    return { add: () => {} };
  }

  newTracker(): SessionTracker {
    throw new Error("this member only learns");
  }

  newPrepare(): Prepare {
    throw new Error("this member only learns");
  }

  serve(server: Server | null): void {
    if (server !== null) this.served += 1;
  }

  treeReplaced(tree: Tree): void {
    this.toldOf = tree;
  }

  configSeen(text: string): void {
    this.seen.push(text);
  }

  configCommitted(_text: string, _leader: Sid | null, _zxid: Zxid): void {}

  ended(why: string): void {
    this.ends.push(why);
    this.role = null;
  }

  fatal(fault: Fault): void {
    this.faults.push(fault instanceof Fault ? fault : new Fault("DISK", String(fault)));
  }
}
