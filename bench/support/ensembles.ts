// Three-member ensembles to be measured: all Java, all ours, and ours with one of Java. Settings are
// the same for all; Java runs with its whole compiler and the collector it would choose.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { MemberSpec } from "../../tests/support/java_ensemble.ts";
import { Mixed, OURS } from "../../tests/support/mixed.ts";
import { burstOf, LoadConnection, type Target } from "./load.ts";
import { setAsk } from "./measures.ts";
import { residentBytes } from "./servers.ts";

export type Kind = "zkpeer" | "java" | "mixed";

/** The harness makes Java start fast; a benchmark wants it to run fast. */
const JVM = ["-Xmx1g", "-XX:TieredStopAtLevel=4", "-XX:-UseSerialGC"];
const SETTINGS = {
  tickTime: "2000",
  initLimit: "30",
  syncLimit: "10",
  maxSessionTimeout: "600000",
  maxClientCnxns: "0",
  snapCount: "10000000",
};
const SIDS = [1, 2, 3];

export class BenchEnsemble {
  readonly kind: Kind;
  readonly mixed: Mixed;

  private constructor(kind: Kind, mixed: Mixed) {
    this.kind = kind;
    this.mixed = mixed;
  }

  static async start(kind: Kind, root: string, java: string): Promise<BenchEnsemble> {
    const dir = join(root, kind);
    mkdirSync(dir, { recursive: true });
    const versions = {
      zkpeer: [OURS, OURS, OURS],
      java: [java, java, java],
      mixed: [java, OURS, OURS],
    };
    const specs: MemberSpec[] = versions[kind].map((version) => ({ version }));
    const mixed = await Mixed.lay(specs, { dir, settings: SETTINGS, jvmArgs: JVM });
    const made = new BenchEnsemble(kind, mixed);
    await mixed.start(...SIDS);
    await mixed.serving(...SIDS);
    return made;
  }

  stop(): Promise<void> {
    return this.mixed.stopAll();
  }

  target(sid: number): Target {
    const { host, clientPort } = this.mixed.layout.member(sid);
    return { host, port: clientPort };
  }

  get targets(): Target[] {
    return SIDS.map((sid) => this.target(sid));
  }

  pids(): number[] {
    return SIDS.map((sid) => this.mixed.server(sid).pid);
  }

  async roles(): Promise<{ leader: number; followers: number[] }> {
    for (;;) {
      const roles = await this.mixed.serving(...SIDS);
      const leader = SIDS[roles.indexOf("leader")];
      if (leader !== undefined) {
        return { leader, followers: SIDS.filter((sid) => sid !== leader) };
      }
      await wait(50); // asked in the middle of an election
    }
  }

  residentBytes(): number {
    return this.pids().reduce((sum, pid) => sum + residentBytes(pid), 0);
  }

  /** Milliseconds from kill -9 of the leader to the first acknowledged write; then all run again. */
  async failOver(): Promise<number> {
    const { leader, followers } = await this.roles();
    const burst = burstOf([setAsk("/bench/n1")]);
    const begun = performance.now();
    const gone = this.mixed.stop(leader, "SIGKILL");
    await firstWrite(followers.map((sid) => this.target(sid)), burst);
    const took = performance.now() - begun;
    await gone;
    await this.mixed.start(leader);
    await this.roles();
    return took;
  }

  /** Milliseconds from the start of a follower without any data until it serves. */
  async level(): Promise<number> {
    const { followers } = await this.roles();
    const sid = followers[followers.length - 1];
    await this.mixed.stop(sid);
    this.mixed.wipe(sid);
    const begun = performance.now();
    await this.mixed.start(sid);
    await this.mixed.server(sid).waitServing(180_000);
    return performance.now() - begun;
  }
}

/** Tries every few milliseconds, on all targets, until a write is acknowledged. */
async function firstWrite(
  targets: readonly Target[],
  burst: ReturnType<typeof burstOf>,
): Promise<void> {
  const open = new Set<LoadConnection>();
  const deadline = performance.now() + 120_000;
  await new Promise<void>((done, failed) => {
    let isOver = false;
    const once = async (target: Target): Promise<void> => {
      const connection = await LoadConnection.open(target);
      open.add(connection);
      if (isOver) return;
      await connection.once(burst);
      if (connection.errors > 0) throw new Error("the write was refused");
      isOver = true;
      done();
    };
    const refused = (): void => {
      // A member that serves nobody yet refuses, or closes what it had accepted: the next try.
    };
    const dial = setInterval(() => {
      if (isOver) return clearInterval(dial);
      if (performance.now() > deadline) failed(new Error("no write was acknowledged in 120 s"));
      for (const target of targets) once(target).catch(refused);
    }, 20);
  });
  for (const connection of open) connection.destroy();
}
