// Lays out an ensemble whose members are real servers of any releases, or servers of ours that a
// test starts itself (`external`), writes each its configuration, and starts and restarts them.
// Each member can be given its own view of the others' addresses, so that a proxy fits between.

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  commonCfg,
  compareVersions,
  fourLetter,
  freePorts,
  type JavaDist,
  type JavaServer,
  prepare,
  startServer,
} from "./java.ts";

/** Where one member is reached by the others. */
export interface PeerAddress {
  readonly host: string;
  readonly quorumPort: number;
  readonly electionPort: number;
}

/** What a test asks for; everything but the release has a default. */
export interface MemberSpec {
  /** Release, e.g. `3.9.5`; or `external` for a member that the test runs itself. */
  readonly version: string;
  /** Position + 1 unless given. */
  readonly sid?: number;
  readonly host?: string;
  readonly observer?: boolean;
  /** Extra lines of zoo.cfg for this member. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly jvmArgs?: readonly string[];
  /** Not in the first list of servers; it is started later, to be added by reconfig. */
  readonly joinsLater?: boolean;
}

export interface EnsembleOptions {
  /** Folder that gets one folder per member, `s1`, `s2`, … */
  readonly dir: string;
  /** Extra lines of zoo.cfg for every member. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly jvmArgs?: readonly string[];
  /** How `viewer` sees `target`; the default is the target's own address. */
  readonly view?: (viewer: number, target: number, own: PeerAddress) => PeerAddress;
  /** False to lay out and configure only. */
  readonly start?: boolean;
}

export interface Member extends PeerAddress {
  readonly sid: number;
  readonly version: string;
  readonly isObserver: boolean;
  readonly clientPort: number;
  readonly dir: string;
  readonly dataDir: string;
  readonly spec: MemberSpec;
  /** The running server, or null before the first start, after an end, and for external members. */
  server: JavaServer | null;
}

export interface Ensemble {
  readonly members: readonly Member[];
  /** `host:port,…` of all members, for clients. */
  readonly connectString: string;
  member(sid: number): Member;
  /** Lines `server.N=…` as member `viewer` sees them. */
  serverLines(viewer: number): string;
  /** The whole zoo.cfg of a member; external members can be configured from it too. */
  cfg(sid: number): string;
  /**
   * Starts a member that is not running; waits for service unless told not to. A restart keeps the
   * zoo.cfg that is there, since from 3.5 a server changes it itself, unless told to write it anew.
   */
  start(sid: number, options?: { wait?: boolean; rewrite?: boolean }): Promise<JavaServer>;
  /** Ends a member and waits until it is gone. */
  stop(sid: number, signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** Sid of the member whose `srvr` says leader, or null. */
  leader(): Promise<number | null>;
  stopAll(): Promise<void>;
}

/** Lays out the members in the given order and, unless told not to, starts them and waits. */
export async function ensemble(
  specs: readonly (string | MemberSpec)[],
  options: EnsembleOptions,
): Promise<Ensemble> {
  const plans = specs.map((spec) => typeof spec === "string" ? { version: spec } : spec);
  const wanted = plans.map((plan) => plan.version).filter((version) => version !== "external");
  const dists = new Map<string, JavaDist>();
  for (const version of new Set(wanted)) dists.set(version, await prepare(version));
  const members: Member[] = [];
  for (const [position, spec] of plans.entries()) {
    members.push(await layOut(spec, spec.sid ?? position + 1, options.dir));
  }
  const made = new JavaEnsemble(members, dists, options);
  if (options.start !== false) await startAll(made);
  return made;
}

async function startAll(made: JavaEnsemble): Promise<void> {
  const first = made.members.filter((m) => m.version !== "external" && !m.spec.joinsLater);
  try {
    for (const member of first) await made.start(member.sid, { wait: false });
    await Promise.all(first.map((member) => member.server?.waitServing()));
  } catch (error) {
    await made.stopAll();
    throw error;
  }
}

async function layOut(spec: MemberSpec, sid: number, root: string): Promise<Member> {
  const host = spec.host ?? "127.0.0.1";
  const [clientPort = 0, quorumPort = 0, electionPort = 0] = await freePorts(3, host);
  const dir = join(root, `s${sid}`);
  const dataDir = join(dir, "data");
  mkdirSync(dataDir, { recursive: true });
  return {
    sid,
    version: spec.version,
    isObserver: spec.observer === true,
    host,
    clientPort,
    quorumPort,
    electionPort,
    dir,
    dataDir,
    spec,
    server: null,
  };
}

class JavaEnsemble implements Ensemble {
  readonly members: readonly Member[];
  readonly connectString: string;
  readonly #dists: ReadonlyMap<string, JavaDist>;
  readonly #options: EnsembleOptions;

  constructor(
    members: readonly Member[],
    dists: ReadonlyMap<string, JavaDist>,
    options: EnsembleOptions,
  ) {
    this.members = members;
    this.connectString = members.map((m) => `${m.host}:${m.clientPort}`).join(",");
    this.#dists = dists;
    this.#options = options;
  }

  member(sid: number): Member {
    const found = this.members.find((member) => member.sid === sid);
    if (found === undefined) throw new Error(`no member has sid ${sid}`);
    return found;
  }

  serverLines(viewer: number): string {
    return this.members.filter((m) => !m.spec.joinsLater || m.sid === viewer)
      .map((m) => `server.${m.sid}=${this.#addressText(viewer, m)}\n`).join("");
  }

  #addressText(viewer: number, target: Member): string {
    const seen = viewer === target.sid
      ? target
      : this.#options.view?.(viewer, target.sid, target) ?? target;
    const role = target.isObserver ? ":observer" : "";
    return `${seen.host}:${seen.quorumPort}:${seen.electionPort}${role}`;
  }

  cfg(sid: number): string {
    const member = this.member(sid);
    // Our own servers read every key that the newest release knows.
    const version = member.version === "external" ? "3.9.5" : member.version;
    const settings: Record<string, string> = {
      dataDir: member.dataDir,
      clientPort: String(member.clientPort),
      clientPortAddress: member.host,
      ...this.#options.settings,
      ...member.spec.settings,
    };
    // Before 3.5 the role in the server's line is for the others; it must be told its own.
    if (member.isObserver) settings.peerType = "observer";
    return commonCfg(version, settings) + this.serverLines(sid);
  }

  async start(
    sid: number,
    options: { wait?: boolean; rewrite?: boolean } = {},
  ): Promise<JavaServer> {
    const member = this.member(sid);
    const dist = this.#dists.get(member.version);
    if (dist === undefined) {
      throw new Error(`server ${sid} is ${member.version}: not ours to start`);
    }
    if (member.server?.exit() === null) throw new Error(`server ${sid} is running`);
    const { dir, host, clientPort } = member;
    const jvmArgs = [...(this.#options.jvmArgs ?? []), ...(member.spec.jvmArgs ?? [])];
    const cfgFile = join(dir, "zoo.cfg");
    const keeps = existsSync(cfgFile) && options.rewrite !== true;
    const server = startServer(dist, {
      dir,
      cfg: keeps ? readFileSync(cfgFile, "utf8") : this.cfg(sid),
      clientHost: host,
      clientPort,
      myid: sid,
      jvmArgs,
    });
    member.server = server;
    if (options.wait !== false) await server.waitServing();
    return server;
  }

  async stop(sid: number, signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const { server } = this.member(sid);
    if (server === null) return;
    if (signal === "SIGKILL") server.kill(signal);
    else await server.stop();
    await server.exited;
    this.member(sid).server = null;
  }

  async leader(): Promise<number | null> {
    for (const { sid, host, clientPort } of this.members) {
      const answer = await fourLetter(clientPort, "srvr", host).catch(() => "");
      if (/^Mode: leader/m.test(answer)) return sid;
    }
    return null;
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.members.map((member) => this.stop(member.sid)));
  }
}

/** True when the release is at least `first`; external members count as the newest. */
export function isSince(version: string, first: string): boolean {
  return version === "external" || compareVersions(version, first) >= 0;
}
