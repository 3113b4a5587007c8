// An ensemble in which each member is a real Java server or a server of ours, started, killed and
// restarted alike. Built on java_ensemble.ts (layout, configuration) and zkpeer.ts (our process).

import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { ZkClient } from "../../lib/client/client.ts";
import { HostClock } from "../../lib/host/clock.ts";
import { HostNetwork } from "../../lib/host/network.ts";
import { fourLetter, type TestServer } from "./java.ts";
import { type Ensemble, ensemble, type EnsembleOptions, type MemberSpec } from "./java_ensemble.ts";
import { startZkpeer } from "./zkpeer.ts";

/** `external` names a server of ours, as in java_ensemble.ts. */
export const OURS = "external";

export class Mixed {
  readonly layout: Ensemble;
  readonly #ours = new Map<number, TestServer>();

  constructor(layout: Ensemble) {
    this.layout = layout;
  }

  /** Lays the members out; nothing runs yet. */
  static async lay(specs: readonly MemberSpec[], options: EnsembleOptions): Promise<Mixed> {
    return new Mixed(await ensemble(specs, { ...options, start: false }));
  }

  isOurs(sid: number): boolean {
    return this.layout.member(sid).version === OURS;
  }

  /** The running server; a member that is not running has none. */
  server(sid: number): TestServer {
    const server = this.#ours.get(sid) ?? this.layout.member(sid).server;
    if (server === null || server === undefined) throw new Error(`server ${sid} does not run`);
    return server;
  }

  async start(...sids: number[]): Promise<void> {
    for (const sid of sids) {
      if (!this.isOurs(sid)) {
        await this.layout.start(sid, { wait: false });
        continue;
      }
      const { dir, host, clientPort } = this.layout.member(sid);
      const cfgFile = join(dir, "zoo.cfg"); // a server changes it when it follows a reconfig
      const cfg = existsSync(cfgFile) ? readFileSync(cfgFile, "utf8") : this.layout.cfg(sid);
      const server = startZkpeer({ dir, cfg, clientHost: host, clientPort, myid: sid });
      this.#ours.set(sid, server);
    }
  }

  /** Waits until each serves; gives their roles. */
  async serving(...sids: number[]): Promise<string[]> {
    return await Promise.all(sids.map((sid) => this.server(sid).waitServing()));
  }

  async stop(sid: number, signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const server = this.#ours.get(sid);
    if (server === undefined) return await this.layout.stop(sid, signal);
    if (signal === "SIGKILL") server.kill(signal);
    else await server.stop();
    await server.exited;
    this.#ours.delete(sid);
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#ours.keys()].map((sid) => this.stop(sid)));
    await this.layout.stopAll();
  }

  client(sid: number, timeoutMs = 30_000): ZkClient {
    const { host, clientPort: port } = this.layout.member(sid);
    const servers = [{ host, port }];
    return new ZkClient(new HostNetwork(), new HostClock(), { servers, timeoutMs });
  }

  /** `mntr` of a member as key and value. */
  async gauges(sid: number): Promise<Map<string, string>> {
    const { host, clientPort } = this.layout.member(sid);
    const text = await fourLetter(clientPort, "mntr", host);
    return new Map(
      text.split("\n").filter((l) => l.includes("\t")).map((line) => {
        const [key = "", value = ""] = line.split("\t");
        return [key.replace(/^zk_/, ""), value];
      }),
    );
  }

  dataDir(sid: number): string {
    return join(this.layout.member(sid).dataDir, "version-2");
  }

  /** Forgets everything a member that does not run has on disk, but its id. */
  wipe(sid: number): void {
    rmSync(this.dataDir(sid), { recursive: true, force: true });
  }

  /** Gives `to` the disk of `from`; neither runs. */
  copyData(from: number, to: number): void {
    this.wipe(to);
    cpSync(this.dataDir(from), this.dataDir(to), { recursive: true });
  }

  /** Gives `to`, which keeps its snapshots, the log of `from`; neither runs. */
  copyLog(from: number, to: number): void {
    const [source, target] = [this.dataDir(from), this.dataDir(to)];
    const isLog = (name: string): boolean => name.startsWith("log.");
    for (const name of readdirSync(target).filter(isLog)) rmSync(join(target, name));
    for (const name of readdirSync(source).filter(isLog)) {
      cpSync(join(source, name), join(target, name));
    }
  }

  /** Polls until a text is in the log files of a member. */
  async logged(sid: number, text: string): Promise<void> {
    const dir = this.dataDir(sid);
    const deadline = performance.now() + 60_000;
    const isThere = (): boolean =>
      existsSync(dir) &&
      readdirSync(dir).some((name) =>
        name.startsWith("log.") && readFileSync(join(dir, name)).includes(text)
      );
    while (!isThere()) {
      if (performance.now() > deadline) throw new Error(`${text} is not in the log of ${sid}`);
      await wait(20);
    }
  }

  /** How much a member has printed, whether it runs or not. */
  printed(sid: number): number {
    const file = join(this.layout.member(sid).dir, "server.log");
    return existsSync(file) ? readFileSync(file, "utf8").length : 0;
  }

  /** Polls until what `sid` has printed from `offset` on matches. */
  async prints(sid: number, pattern: RegExp, offset = 0): Promise<RegExpExecArray> {
    const deadline = performance.now() + 90_000;
    for (;;) {
      const match = pattern.exec(this.server(sid).log().slice(offset));
      if (match !== null) return match;
      if (performance.now() > deadline) {
        const tail = this.server(sid).log().slice(-3000);
        throw new Error(`server ${sid} does not print ${pattern}:\n${tail}`);
      }
      await wait(25);
    }
  }
}
