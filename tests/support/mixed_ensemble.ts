// An ensemble whose members may change their kind: each seat has its data directory and its ports
// for good, and what runs there is a server of ours or a Java server of any release. Every link
// between two members goes through doors that a test can shut, one way or both.

import { randomInt } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type ClientOptions, ZkClient, ZkError } from "../../lib/client/client.ts";
import { HostClock } from "../../lib/host/clock.ts";
import { HostNetwork } from "../../lib/host/network.ts";
import { ErrorCode } from "../../lib/txn/opcodes.ts";
import { Door, type Tap, type Target } from "./doors.ts";
import {
  compareVersions,
  fourLetter,
  freePorts,
  prepare,
  startServer,
  type TestServer,
} from "./java.ts";
import { type Ensemble, ensemble, type PeerAddress } from "./java_ensemble.ts";
import { unbroken } from "./until.ts";
import { startZkpeer } from "./zkpeer.ts";

/** A server of ours; every other kind is a release of Java's. */
export const OURS = "zkpeer";

export interface Seat extends PeerAddress {
  readonly sid: number;
  readonly dir: string;
  readonly dataDir: string;
  readonly clientPort: number;
  /** {@link OURS} or a release, e.g. `3.9.5`. */
  kind: string;
  server: TestServer | null;
  isPaused: boolean;
  /** Log files of everything that ran here, in order, with the kind that wrote them. */
  readonly logs: { readonly kind: string; readonly file: string }[];
}

export interface MixedOptions {
  readonly settings?: Readonly<Record<string, string>>;
  readonly jvmArgs?: readonly string[];
  /** Sids of observers. */
  readonly observers?: readonly number[];
  /** Links between members go through doors. */
  readonly doors?: boolean;
  /** With doors: hears each election connection that `from` makes to `to`. */
  readonly electionTap?: (from: number, to: number) => Tap;
}

/**
 * Members may stand still for seconds and still be followed. Who tests what becomes of members that
 * are not heard of gives a shorter limit.
 */
const SETTINGS = {
  tickTime: "500",
  initLimit: "30",
  syncLimit: "24",
  maxSessionTimeout: "60000",
};
const PERSIST_MS = 120_000;

export class MixedEnsemble {
  readonly dir: string;
  readonly seats: readonly Seat[];
  readonly #layout: Ensemble;
  readonly #options: MixedOptions;
  readonly #doors = new Map<string, Door>();
  /** `from>to`: bytes of `from` do not reach `to`. */
  readonly #cuts = new Set<string>();
  /** `a>b`: connections that `a` makes to `b` are refused. */
  readonly #refused = new Set<string>();
  readonly #clients = new Set<ZkClient>();

  private constructor(dir: string, layout: Ensemble, kinds: readonly string[], o: MixedOptions) {
    this.dir = dir;
    this.#layout = layout;
    this.#options = o;
    this.seats = layout.members.map((member, i) => ({
      sid: member.sid,
      host: member.host,
      quorumPort: member.quorumPort,
      electionPort: member.electionPort,
      clientPort: member.clientPort,
      dir: member.dir,
      dataDir: member.dataDir,
      kind: kinds[i] ?? OURS,
      server: null,
      isPaused: false,
      logs: [],
    }));
  }

  /** Lays the members out with sids from 1 on; nothing runs yet. */
  static async lay(kinds: readonly string[], options: MixedOptions = {}): Promise<MixedEnsemble> {
    for (const kind of new Set(kinds)) if (kind !== OURS) await prepare(kind);
    const dir = mkdtempSync(join(tmpdir(), "zkpeer-mixed-"));
    const host = await loopback();
    const specs = kinds.map((_, i) => ({
      version: "external",
      host,
      observer: options.observers?.includes(i + 1) === true,
    }));
    const seen: { made: MixedEnsemble | null } = { made: null };
    const layout = await ensemble(specs, {
      dir,
      start: false,
      settings: { ...SETTINGS, ...options.settings },
      view: (viewer, target, own) => seen.made?.viewed(viewer, target) ?? own,
    });
    const made = new MixedEnsemble(dir, layout, kinds, options);
    if (options.doors === true) await made.#hangDoors();
    seen.made = made;
    return made;
  }

  get sids(): number[] {
    return this.seats.map((seat) => seat.sid);
  }

  seat(sid: number): Seat {
    const seat = this.seats.find((one) => one.sid === sid);
    if (seat === undefined) throw new Error(`no seat ${sid}`);
    return seat;
  }

  /** How `viewer` sees `target`; null when it sees it as it is. */
  viewed(viewer: number, target: number): PeerAddress | null {
    const quorum = this.#doors.get(`${viewer}>${target} quorum`);
    const election = this.#doors.get(`${viewer}>${target} election`);
    if (quorum === undefined || election === undefined) return null;
    const { host } = this.seat(target);
    return { host, quorumPort: quorum.port, electionPort: election.port };
  }

  /** Every port by which others reach a member's quorum port. */
  quorumPortsOf(sid: number): number[] {
    const doors = this.sids.map((from) => this.#doors.get(`${from}>${sid} quorum`)?.port ?? 0);
    return [this.seat(sid).quorumPort, ...doors];
  }

  async #hangDoors(): Promise<void> {
    for (const a of this.seats) {
      for (const b of this.seats.filter((other) => other !== a)) {
        const there = `${a.sid}>${b.sid}`;
        const back = `${b.sid}>${a.sid}`;
        const gate = (port: number) => ({
          target: (): Target => ({ host: b.host, port }),
          isRefused: () => this.#refused.has(there),
          passesIn: () => !this.#cuts.has(there),
          passesOut: () => !this.#cuts.has(back),
        });
        this.#doors.set(`${there} quorum`, await Door.open(b.host, gate(b.quorumPort)));
        const { electionTap } = this.#options;
        const election = electionTap === undefined
          ? gate(b.electionPort)
          : { ...gate(b.electionPort), tap: () => electionTap(a.sid, b.sid) };
        this.#doors.set(`${there} election`, await Door.open(b.host, election));
      }
    }
  }

  /** Bytes of `from` do not reach `to` any more; they wait. */
  cut(from: number, to: number): void {
    this.#cuts.add(`${from}>${to}`);
    this.#look();
  }

  /** Every connection between the two breaks, and none comes about. */
  sever(a: number, b: number): void {
    this.#refused.add(`${a}>${b}`);
    this.#refused.add(`${b}>${a}`);
    this.#look();
  }

  /** All links are whole again. */
  heal(): void {
    this.#cuts.clear();
    this.#refused.clear();
    this.#look();
  }

  #look(): void {
    for (const door of this.#doors.values()) door.look();
  }

  /** Starts members that do not run; waits for nothing. */
  async start(...sids: number[]): Promise<void> {
    for (const sid of sids) {
      const seat = this.seat(sid);
      if (seat.server?.exit() === null) throw new Error(`server ${sid} is running`);
      const { dir, host, clientPort, kind } = seat;
      const logTo = join(dir, `${kind}.log`);
      if (!seat.logs.some((log) => log.file === logTo)) seat.logs.push({ kind, file: logTo });
      const cfg = this.#layout.cfg(sid);
      const common = { dir, cfg, clientHost: host, clientPort, myid: sid, logTo };
      const { jvmArgs = [] } = this.#options;
      seat.server = kind === OURS
        ? startZkpeer(common)
        : startServer(await prepare(kind), { ...common, jvmArgs });
      seat.isPaused = false;
    }
  }

  /** Starts all and waits until they serve. */
  async startAll(): Promise<void> {
    await this.start(...this.sids);
    await this.serving();
  }

  /** Waits until each serves; gives the roles in the same order. */
  async serving(sids: readonly number[] = this.sids, limitMs = 180_000): Promise<string[]> {
    return await Promise.all(sids.map((sid) => this.server(sid).waitServing(limitMs)));
  }

  server(sid: number): TestServer {
    const { server } = this.seat(sid);
    if (server === null) throw new Error(`server ${sid} does not run`);
    return server;
  }

  isRunning(sid: number): boolean {
    return this.seat(sid).server?.exit() === null;
  }

  async kill(...sids: number[]): Promise<void> {
    for (const sid of sids) this.server(sid).kill("SIGKILL");
    for (const sid of sids) {
      await this.server(sid).exited;
      this.seat(sid).server = null;
    }
  }

  /** Ends members in good order. */
  async stop(...sids: number[]): Promise<void> {
    await Promise.all(sids.map(async (sid) => {
      await this.server(sid).stop();
      this.seat(sid).server = null;
    }));
  }

  pause(sid: number): void {
    this.server(sid).kill("SIGSTOP");
    this.seat(sid).isPaused = true;
  }

  resume(sid: number): void {
    this.server(sid).kill("SIGCONT");
    this.seat(sid).isPaused = false;
  }

  /** Ends what runs in a seat and lets another kind take its place, on the same data. */
  async become(sid: number, kind: string): Promise<void> {
    if (this.isRunning(sid)) await this.stop(sid);
    this.seat(sid).kind = kind;
    await this.start(sid);
  }

  /** Has Java servers write what their threads do into their logs, for who looks into a failure. */
  async dumpThreads(): Promise<void> {
    const java = this.seats.filter(({ kind, sid }) => kind !== OURS && this.isRunning(sid));
    for (const { sid } of java) this.server(sid).kill("SIGQUIT");
    if (java.length > 0) await wait(1000);
  }

  /** Role of each running member that tells it in time. */
  async roles(): Promise<Map<number, string>> {
    const found = new Map<number, string>();
    await Promise.all(this.seats.map(async ({ sid, host, clientPort, isPaused }) => {
      if (isPaused || !this.isRunning(sid)) return;
      const text = await fourLetter(clientPort, "srvr", host, 5_000).catch(() => "");
      const mode = /^Mode: (\S+)/m.exec(text)?.[1];
      if (mode !== undefined) found.set(sid, mode);
    }));
    return found;
  }

  /**
   * Whether a member may be a Java leader: that answers a sync of its own client at once, maybe
   * before it has applied what it has told its followers to apply.
   */
  async isJavaLeader(sid: number): Promise<boolean> {
    if (this.seat(sid).kind === OURS) return false;
    const text = await this.word(sid, "srvr").catch(() => "");
    return !/^Mode: (follower|observer)/m.test(text);
  }

  /** Waits until a client sees at its member `sid` all that is done so far. */
  async level(client: ZkClient, sid: number, path: string): Promise<void> {
    await client.sync(path);
    if (!await this.isJavaLeader(sid)) return;
    // Behind a write of its own, even one that fails, a session reads in the order of the leader.
    await client.delete(`${path === "/" ? "" : path}/is-not-there`).catch((error: unknown) => {
      if (!(error instanceof ZkError) || error.code !== ErrorCode.NONODE) throw error;
    });
  }

  /** Polls until one leads; gives its sid. */
  async leader(limitMs = 120_000): Promise<number> {
    let found = 0;
    await this.eventually("a leader", limitMs, async () => {
      found = [...await this.roles()].find(([, role]) => role === "leader")?.[0] ?? 0;
      return found !== 0;
    });
    return found;
  }

  /** Creates a node with a client whose session must last, while links break before the answer. */
  async makes(client: ZkClient, path: string, data: Uint8Array | null = null): Promise<void> {
    await unbroken(() => client.create(path, data)).catch((error: unknown) => {
      // The try that was lost may have been done.
      if (!(error instanceof ZkError) || error.code !== ErrorCode.NODEEXISTS) throw error;
    });
  }

  /** As {@link makes}, with whatever session it takes. */
  async persist(
    sids: readonly number[],
    path: string,
    data: Uint8Array | null = null,
  ): Promise<void> {
    const deadline = performance.now() + PERSIST_MS;
    for (;;) {
      const client = this.client(sids);
      const error = await this.makes(client, path, data).then(() => null, (refused) => refused);
      if (error === null) return await client.close();
      const isOver = error instanceof ZkError && error.code === ErrorCode.SESSIONEXPIRED;
      if (!isOver || performance.now() > deadline) throw error;
    }
  }

  /** Polls a condition; rejects, naming it, after the limit. */
  async eventually(
    what: string,
    limitMs: number,
    condition: () => Promise<boolean>,
  ): Promise<void> {
    const deadline = performance.now() + limitMs;
    while (!await condition()) {
      if (performance.now() > deadline) throw new Error(`${what} did not come about`);
      await wait(50);
    }
  }

  /** A client of some members only. */
  client(sids: readonly number[], options: Partial<ClientOptions> = {}): ZkClient {
    const servers = sids.map((sid) => this.seat(sid)).map(({ host, clientPort }) => (
      { host, port: clientPort }
    ));
    return this.adopt(
      new ZkClient(new HostNetwork(), new HostClock(), { servers, timeoutMs: 20_000, ...options }),
    );
  }

  /** Counts a client among those that end with the ensemble. */
  adopt(client: ZkClient): ZkClient {
    this.#clients.add(client);
    return client;
  }

  async word(sid: number, word: string): Promise<string> {
    const { host, clientPort } = this.seat(sid);
    return await fourLetter(clientPort, word, host);
  }

  /** `mntr` of a member, as soon as it tells, as key and value. */
  async gauges(sid: number): Promise<Map<string, string>> {
    let lines: string[] = [];
    await this.eventually(`mntr of server ${sid}`, 60_000, async () => {
      const text = await this.word(sid, "mntr").catch(() => "");
      lines = text.split("\n").filter((line) => line.includes("\t"));
      return lines.length > 0;
    });
    return new Map(lines.map((line) => {
      const [key = "", value = ""] = line.split("\t");
      return [key.replace(/^zk_/, ""), value];
    }));
  }

  /** Whether a member knows digests (from 3.6 on). */
  knowsDigests(sid: number): boolean {
    const { kind } = this.seat(sid);
    return kind === OURS || compareVersions(kind, "3.6.0") >= 0;
  }

  /** Ends everything: clients, servers, doors. */
  async close(): Promise<void> {
    for (const client of this.#clients) client.abandon();
    for (const { sid } of this.seats) if (this.isRunning(sid)) this.server(sid).kill("SIGKILL");
    await Promise.all(this.seats.map((seat) => seat.server?.exited));
    await Promise.all([...this.#doors.values()].map((door) => door.close()));
  }
}

/**
 * An address of its own where the system has many: then no outgoing connection of anybody takes the
 * port of a member that is just not running.
 */
async function loopback(): Promise<string> {
  const host = `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(1, 255)}`;
  return await freePorts(1, host).then(() => host, () => "127.0.0.1");
}
