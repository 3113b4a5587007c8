// Carries out the commands of a scenario: what members, links and disks suffer, what clients ask,
// what is waited for and expected. The grammar is in fixtures/scripts/README.md.

import { Fault } from "../base/errors.ts";
import { hex, type Sid } from "../base/ids.ts";
import type { Millis } from "../ports.ts";
import { Checks } from "./checks.ts";
import { Cluster, type Node } from "./cluster.ts";
import { GOOD_DISK } from "./disk.ts";
import type { Luck } from "./file.ts";
import { CALM_WEATHER } from "./network.ts";
import { damage, prepareDisk, zxidsOf } from "./script_disk.ts";
import { judgeEnd } from "./script_end.ts";
import { claimOf, memberOf, wrong } from "./script_claims.ts";
import { ScriptClient } from "./script_client.ts";
import { ScriptTrace, zxidText } from "./script_trace.ts";
import { World } from "./world.ts";

/** How long is waited for what must come, and at the end for order to return. */
const WAIT_MS = 60_000;
const PROGRESS_MS = 120_000;
const ANSWER_MS = 30_000;

/** What becomes of undurable bytes at a crash. */
const LUCKS: Readonly<Record<string, Luck>> = {
  lose: { below: () => 0, oneIn: () => false },
  keep: { below: (n) => n - 1, oneIn: () => false },
  tear: { below: (n) => n >> 1, oneIn: () => true },
};

type Words = readonly string[];

function millis(text: string): Millis {
  const found = /^(\d+)(us|ms|s)$/.exec(text);
  if (found === null) throw new Fault("CONFIG", `no time: ${text}`, { hint: "as in 200ms, 5s" });
  return Number(found[1]) * (found[2] === "s" ? 1000 : found[2] === "us" ? 0.001 : 1);
}

export class ScriptRun {
  world = new World(1);
  readonly #ear: ((line: string) => void) | null;
  #checks = new Checks(this.world);
  #cluster: Cluster | null = null;
  #trace: ScriptTrace | null = null;
  readonly #clients = new Map<string, ScriptClient>();
  /** Before there was an ensemble. */
  readonly #early: string[] = [];
  #isShown = true;
  /** Violations that the trace has shown. */
  #told = 0;
  #count = 0;

  constructor(ear: ((line: string) => void) | null) {
    this.#ear = ear;
  }

  get violations(): readonly string[] {
    return [...this.#early, ...this.#checks.violations];
  }

  violation(what: string): void {
    if (this.#cluster === null) this.#early.push(what);
    else this.#checks.violation(what);
    this.#tell();
  }

  /** The lines since the last call. */
  take(): string[] {
    this.#tell();
    const trace = this.#trace;
    if (trace === null) return this.violations.map((what) => `VIOLATION: ${what}`);
    const { lines } = trace;
    trace.lines = [];
    return lines;
  }

  command(words: Words): void {
    const [name = "", ...rest] = words;
    if (name === "ensemble") return this.#ensemble(rest);
    const client = this.#clients.get(name);
    if (client !== undefined) return this.#asks(client, rest);
    if (name === "repeat") return this.#repeat(rest);
    if (name === "show" || name === "hide") return this.#show(name === "show");
    this.#open().trace.sent = [];
    switch (name) {
      case "client":
        return this.#client(rest);
      case "disk":
        return this.#prepare(rest);
      case "file":
        return this.#file(rest);
      case "start":
      case "stop":
      case "pause":
      case "resume":
      case "hold":
      case "release":
      case "wipe":
        return this.#all(rest).forEach((node) => this.#toNode(name, node));
      case "crash":
        return this.#crash(rest);
      case "die":
        return this.#die(rest);
      case "health":
        return this.#health(rest);
      case "clock":
        this.#node(rest[0]).wall.offset += Number(rest[1]) * 1000;
        return;
      case "cut":
      case "heal":
      case "break":
        return this.#links(name, rest);
      case "run":
        return this.#run(millis(rest[0] ?? ""));
      case "until":
        return this.#until(rest);
      case "expect":
        return this.#expect(rest);
      case "finish":
        return this.#finish(rest);
      default:
        throw wrong(words, "see fixtures/scripts/README.md");
    }
  }

  /** `repeat N COMMAND`: `%` in it is the number of the turn. */
  #repeat([count, ...words]: Words): void {
    for (let i = 1; i <= Number(count); i++) {
      this.command(words.map((word) => word.replace("%", String(i))));
    }
  }

  #show(isShown: boolean): void {
    this.#isShown = isShown;
    if (this.#trace !== null) this.#trace.isShown = isShown;
  }

  // ---- members ------------------------------------------------------------------------------------

  /** `ensemble VOTERS [observers=N] [seed=N] [key=value ...]` */
  #ensemble(words: Words): void {
    if (this.#cluster !== null) throw wrong(["ensemble"], "there is one already");
    const pairs = words.slice(1).map((word) => word.split("=") as [string, string]);
    const { observers = "0", seed = "1", ...settings } = Object.fromEntries(pairs);
    this.world = new World(Number(seed));
    this.world.ear = this.#ear;
    this.#checks = new Checks(this.world);
    const cluster = new Cluster(this.world, {
      voters: Number(words[0]),
      observers: Number(observers),
      weather: CALM_WEATHER,
      settings: { "autopurge.purgeInterval": "0", ...settings },
    }, {
      noted: (node, said) => this.#checks.noted(node, said),
      // What a scenario puts on a disk may be a reason; the trace shows who ended.
      failed: (node, fault) => this.#trace?.say(`${node.name} ends by itself: ${fault.message}`),
    });
    this.#cluster = cluster;
    this.#checks.watch(cluster);
    this.#trace = new ScriptTrace(cluster);
    this.#trace.isShown = this.#isShown;
  }

  #open(): { cluster: Cluster; trace: ScriptTrace } {
    if (this.#cluster === null || this.#trace === null) {
      throw new Fault("CONFIG", "there is no ensemble", { hint: "begin with: ensemble 3" });
    }
    return { cluster: this.#cluster, trace: this.#trace };
  }

  #node(name: string | undefined): Node {
    return memberOf(this.#open().cluster, name);
  }

  #all(names: Words): readonly Node[] {
    if (names[0] === "all") return this.#open().cluster.nodes;
    return names.map((name) => this.#node(name));
  }

  #toNode(what: string, node: Node): void {
    switch (what) {
      case "start":
        return node.start();
      case "stop":
        return node.stop();
      case "pause":
        return node.pause();
      case "resume":
        return node.resume();
      case "hold":
        return node.storage.hold();
      case "release":
        return node.storage.release();
      case "wipe":
        return node.storage.wipe();
    }
  }

  /** `crash sN ... [lose|keep|tear]`: what was not flushed is lost, unless it says otherwise. */
  #crash(words: Words): void {
    const last = words.at(-1) ?? "";
    const luck = LUCKS[last];
    for (const node of this.#all(luck === undefined ? words : words.slice(0, -1))) {
      this.#open().trace.say(`${node.name} crashes`);
      node.crash(luck ?? LUCKS.lose);
    }
  }

  /** `die sN CALLS [lose|keep|tear]`: crashes at the disk call after so many more. */
  #die([name, calls, luck = "lose"]: Words): void {
    const node = this.#node(name);
    node.storage.dieAfter(Number(calls), () => {
      this.#open().trace.say(`${node.name} crashes at a disk call`);
      node.crash(LUCKS[luck]);
    });
  }

  /** `health sN good|full|failing|unreadable|slow MS` */
  #health([name, what, value]: Words): void {
    const node = this.#node(name);
    const slow = Number(value);
    if (what === "good") node.health = GOOD_DISK;
    else if (what === "full") node.health = { ...GOOD_DISK, capacity: node.storage.used };
    else if (what === "failing") node.health = { ...GOOD_DISK, failOneIn: 1 };
    else if (what === "unreadable") node.health = { ...GOOD_DISK, readFailOneIn: 1 };
    else if (what === "slow") node.health = { ...GOOD_DISK, flushMin: slow, flushMax: slow };
    else throw wrong(["health", what ?? ""], "good, full, failing, unreadable, or slow MS");
  }

  /** `disk sN [log=ZXIDS]... [snapshot=ZXID]... [accepted=E] [current=E]` */
  #prepare([name, ...words]: Words): void {
    const all = (key: string): string[] =>
      words.filter((word) => word.startsWith(`${key}=`)).map((word) => word.slice(key.length + 1));
    prepareDisk(this.#node(name).storage, {
      logs: all("log").map(zxidsOf),
      snapshots: all("snapshot").flatMap(zxidsOf),
      accepted: all("accepted")[0] ?? null,
      current: all("current")[0] ?? null,
    });
  }

  /** `file sN NAME empty|zeros|half|rot|gone` */
  #file([name, file = "", how = ""]: Words): void {
    if (damage(this.#node(name).storage, file, how)) return;
    throw new Fault("CONFIG", `cannot make ${file} of ${name ?? ""} ${how}`);
  }

  /** `sA>sB` one way, `sA-sB` both ways, `sN` from everybody; `heal` alone heals everything. */
  #links(what: string, words: Words): void {
    const { internet, nodes } = this.#open().cluster;
    if (words.length === 0 && what === "heal") return internet.healAll();
    for (const word of words) {
      const [a, mark, b] = word.split(/([>-])/);
      const near = this.#node(a);
      for (const far of b === undefined ? nodes : [this.#node(b)]) {
        if (far === near) continue;
        if (what === "break") internet.breakBetween(near.host, far.host);
        else internet[what === "cut" ? "cut" : "heal"](near.host, far.host);
        if (mark === ">" || what === "break") continue;
        internet[what === "cut" ? "cut" : "heal"](far.host, near.host);
      }
    }
  }

  // ---- clients ------------------------------------------------------------------------------------

  /** `client NAME sN [timeout]`; waits until it is let in. */
  #client([name = "", at, timeout = "8s"]: Words): void {
    const { cluster, trace } = this.#open();
    const say = (line: string): void => trace.say(line);
    this.#count += 1;
    const node = this.#node(at);
    const broken = (what: string): void => this.violation(what);
    const number = this.#count;
    const client = new ScriptClient(name, number, cluster, node, millis(timeout), say, broken);
    this.#clients.set(name, client);
    this.#wait(ANSWER_MS, () => client.session.state === "connected");
  }

  /** With `&` at the end the answer is not waited for. */
  #asks(client: ScriptClient, words: Words): void {
    const [kind = "", at] = words;
    if (kind === "kill") return client.kill();
    if (kind === "move") return client.move(this.#node(at));
    let isDone = false;
    const done = (): void => void (isDone = true);
    const isPatient = words.at(-1) !== "&";
    const request = isPatient ? words : words.slice(0, -1);
    const text = `${client.name}: ${request.join(" ")}`;
    const { trace } = this.#open();
    if (isPatient) this.#wait(ANSWER_MS, () => client.session.state === "connected");
    trace.sent = [];
    if (kind === "close") client.close(done);
    else {
      const isKnown = client.ask(request, (answer) => {
        trace.say(`${text} = ${answer}`);
        done();
      });
      if (!isKnown) {
        throw wrong(words, "create, ephemeral, sequence, set, delete, get, sync, multi");
      }
    }
    if (isPatient && !this.#wait(ANSWER_MS, () => isDone)) trace.say(`${text}: no answer`);
  }

  // ---- time and claims ----------------------------------------------------------------------------

  #step(): boolean {
    const more = this.world.step();
    this.#checks.step();
    this.#trace?.look();
    this.#tell();
    return more;
  }

  #tell(): void {
    const { violations } = this.#checks;
    for (; this.#told < violations.length; this.#told++) {
      const line = `VIOLATION: ${violations[this.#told]}`;
      this.#trace?.lines.push(line);
    }
  }

  #run(ms: Millis): void {
    let isOver = false;
    this.world.after(ms, () => void (isOver = true));
    while (!isOver && this.#step());
  }

  #wait(ms: Millis, claim: () => boolean): boolean {
    const end = this.world.now + ms;
    while (!claim()) {
      if (this.world.now > end || !this.#step()) return false;
    }
    return true;
  }

  /** `until CLAIM [, CLAIM]... [within TIME]`: time goes on until all of them hold at once. */
  #until(words: Words): void {
    const at = words.indexOf("within");
    const within = at < 0 ? WAIT_MS : millis(words[at + 1] ?? "");
    const text = (at < 0 ? words : words.slice(0, at)).join(" ");
    const claims = text.split(/\s*,\s*/).map((claim) => this.#claim(claim));
    if (this.#wait(within, () => claims.every((claim) => claim()))) return;
    this.violation(`not within ${within} ms: ${text}`);
  }

  /** `expect CLAIM [, CLAIM]...`: they hold now. */
  #expect(words: Words): void {
    for (const claim of words.join(" ").split(/\s*,\s*/)) {
      if (!this.#claim(claim)()) this.violation(`expected: ${claim}`);
    }
  }

  #claim(text: string): () => boolean {
    const { cluster, trace } = this.#open();
    return claimOf(text.split(" "), { cluster, trace, clients: this.#clients });
  }

  // ---- the end ------------------------------------------------------------------------------------

  /**
   * `finish [without sN ...]`: everything whole again; all members but those come level, hold one
   * tree with all that was acknowledged, and a write is done. Sessions of the dead are gone.
   */
  #finish(words: Words): void {
    const { cluster, trace } = this.#open();
    const without = new Set<Sid>(words.slice(1).map((name) => this.#node(name).sid));
    const nodes = cluster.nodes.filter(({ sid }) => !without.has(sid));
    trace.isShown = false;
    for (const node of nodes) node.storage.spare();
    cluster.internet.healAll();
    for (const node of nodes) {
      node.health = GOOD_DISK;
      node.storage.release();
      if (node.isStopping) node.crash();
      node.resume();
      if (!node.isUp) node.start();
    }
    const isLevel = (): boolean => nodes.every((node) => node.peer?.server ?? false);
    const isEqual = (): boolean =>
      isLevel() && new Set(nodes.map((node) => node.peer?.tree?.lastZxid)).size === 1;
    const must = (claim: () => boolean, what: string): boolean => {
      if (this.#wait(PROGRESS_MS, claim)) return true;
      this.violation(`${what}: not within ${PROGRESS_MS} ms; ${cluster.status()}`);
      return false;
    };
    if (must(isLevel, "levelling after healing")) {
      this.#run(30_000); // sessions of those who are gone expire
      const probe = nodes.find((node) => node.peer?.server ?? false);
      if (probe !== undefined && must(isLevel, "staying level")) {
        this.command(["client", "probe", probe.name]);
        this.command(["probe", "create", "/probe"]);
        const { ops } = this.#clients.get("probe") ?? { ops: [] };
        if (ops[0]?.outcome !== "ok") this.violation("a write after healing was not done");
      }
      if (must(isEqual, "equal zxids after healing")) {
        for (const what of judgeEnd(nodes, [...this.#clients.values()])) this.violation(what);
      }
    }
    const leader = nodes.find((node) => node.peer?.server?.core.backend.role === "leader");
    trace.isShown = true;
    if (this.violations.length > 0) return;
    const zxid = leader?.peer?.tree?.lastZxid ?? -1n;
    trace.say(`all is well: ${leader?.name ?? "nobody"} leads at ${zxidText(zxid)}`);
    this.world.note("world", "finished", { zxid: hex(zxid) });
  }
}
