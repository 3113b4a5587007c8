// A client of a scenario: does what the script says at the member the script names, says what came
// back, and keeps its history for history.ts. Unlike workload.ts's clients it does nothing by itself
// but reconnect to the member it was told.

import type { Fault } from "../base/errors.ts";
import { hex } from "../base/ids.ts";
import { ClientSession, type Reply } from "../client/session.ts";
import { type LinkLoss, SessionLink } from "../client/session_link.ts";
import type { Output } from "../codec/output.ts";
import type { Millis } from "../ports.ts";
import * as records from "../records/client.ts";
import { readStat } from "../records/data.ts";
import { errorName, OpCode } from "../txn/opcodes.ts";
import { type MultiPart, partHeader, readMultiResponse, writeMultiRequest } from "../wire/multi.ts";
import { CLIENT_PORT, type Cluster, type Node } from "./cluster.ts";
import { SimNetwork } from "./network.ts";
import { beginOp, endOp, type Op } from "./op.ts";
import { Life, SimClock } from "./world.ts";

const OPEN = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const RETRY_MS = 100;
const EVENTS = new Map([
  [1, "NodeCreated"],
  [2, "NodeDeleted"],
  [3, "NodeDataChanged"],
  [4, "NodeChildrenChanged"],
]);

/** `x*1000` stands for a thousand of them. */
function longText(word: string): string {
  const found = /^(.+)\*(\d{1,6})$/.exec(word);
  return found === null ? word : found[1].repeat(Number(found[2]));
}

/** What a client is told goes here, as lines. */
export type Say = (line: string) => void;

export class ScriptClient {
  readonly name: string;
  readonly ops: Op[] = [];
  /** Events as `NodeDataChanged /path`. */
  readonly events: string[] = [];
  readonly session: ClientSession;
  readonly #number: number;
  readonly #cluster: Cluster;
  readonly #life: Life;
  readonly #clock: SimClock;
  readonly #link: SessionLink;
  readonly #say: Say;
  readonly #armed = new Set<string>();
  #node: Node;
  #isGone = false;
  #wasConnected = false;
  #syncedAt: Millis | null = null;

  constructor(
    name: string,
    number: number,
    cluster: Cluster,
    node: Node,
    timeoutMs: Millis,
    say: Say,
    broken: Say,
  ) {
    this.name = name;
    this.#number = number;
    this.#cluster = cluster;
    this.#node = node;
    this.#say = say;
    this.#life = new Life(cluster.world, name);
    this.#clock = new SimClock(this.#life, { offset: 0 });
    const network = new SimNetwork(cluster.internet, this.#life, `10.0.1.${number}`);
    this.session = new ClientSession({
      event: ({ type, path }) => {
        const text = `${EVENTS.get(type) ?? type} ${path ?? ""}`;
        this.events.push(text);
        say(`${name}: event ${text}`);
        if (!this.#armed.delete(path ?? "")) broken(`${name}: an event for ${path}, not watched`);
      },
      state: (state) => {
        const isNews = this.#wasConnected || state !== "disconnected";
        if (state === "connecting" || !isNews) return;
        this.#wasConnected = state === "connected";
        say(`${name}: ${state}${state === "connected" ? ` to ${this.#node.name}` : ""}`);
      },
      authFailed: () => {},
    }, { timeoutMs, readOnly: false, frameLimit: 1 << 24 });
    this.#link = new SessionLink({ network, clock: this.#clock }, this.session, {
      lost: (why, fault) => this.#lost(why, fault),
    });
    this.#dial();
  }

  /** Dies without a word: its session is left to expire. */
  kill(): void {
    this.#isGone = true;
    this.#link.abandon();
    this.#life.end();
  }

  /** Goes to another member with the same session. */
  move(node: Node): void {
    this.#node = node;
    this.#link.drop();
  }

  close(done: () => void): void {
    this.session.close(done, this.#clock.now());
    this.#link.flush();
  }

  get isOver(): boolean {
    return this.#isGone || this.session.state === "expired" || this.session.state === "closed";
  }

  // ---- requests -----------------------------------------------------------------------------------

  /** One request; `done` hears one line about its end. Undefined: no such request. */
  ask(words: readonly string[], done: (text: string) => void): boolean {
    const [kind = "", path = "", third = ""] = words;
    const text = longText(third);
    const data = encoder.encode(text);
    switch (kind) {
      case "create":
        return this.#create("create", path, data, 0, done);
      case "ephemeral":
        return this.#create("ephemeral", path, data, 1, done);
      case "sequence":
        return this.#create("sequence", path, data, 2, done);
      case "set":
        return this.#send("set", OpCode.setData, path, text, (out) => {
          records.writeSetDataRequest(out, { path, data, version: -1 });
        }, (op, reply) => {
          op.stat = readStat(reply.body);
          return `version ${op.stat.version}`;
        }, done);
      case "delete":
        return this.#send(
          "delete",
          OpCode.delete,
          path,
          null,
          (out) => {
            records.writeDeleteRequest(out, { path, version: -1 });
          },
          () => "",
          done,
        );
      case "get":
        return this.#get(path, third === "watch", done);
      case "sync":
        return this.#send("sync", OpCode.sync, path, null, (out) => {
          records.writeSyncRequest(out, { path });
        }, (op) => {
          this.#syncedAt = op.began;
          return "";
        }, done);
      case "multi":
        return this.#multi(words.slice(1), done);
      default:
        return false;
    }
  }

  #create(
    kind: "create" | "ephemeral" | "sequence",
    path: string,
    data: Uint8Array,
    flags: number,
    done: (text: string) => void,
  ): boolean {
    return this.#send(kind, OpCode.create, path, decoder.decode(data), (out) => {
      records.writeCreateRequest(out, { path, data, acl: OPEN, flags });
    }, (op, reply) => {
      op.made = records.readCreateResponse(reply.body).path;
      return op.made === path ? "" : op.made ?? "";
    }, done);
  }

  #get(path: string, watch: boolean, done: (text: string) => void): boolean {
    return this.#send("get", OpCode.getData, path, null, (out) => {
      records.writeGetDataRequest(out, { path, watch });
    }, (op, reply) => {
      const { data, stat } = records.readGetDataResponse(reply.body);
      op.value = decoder.decode(data ?? new Uint8Array(0));
      op.stat = stat;
      if (watch) {
        this.#armed.add(path);
        this.session.arm("data", path);
      }
      return `"${op.value}", version ${stat.version}`;
    }, done);
  }

  /** `create:/p:v`, `set:/p:v`, `delete:/p`, `check:/p:version`. */
  #multi(words: readonly string[], done: (text: string) => void): boolean {
    const parts = words.map((word): MultiPart => {
      const [kind, path, value = ""] = word.split(":");
      const data = encoder.encode(value);
      switch (kind) {
        case "create": {
          const record = { path, data, acl: OPEN, flags: 0 };
          return { kind: "create", header: partHeader(OpCode.create), record };
        }
        case "set": {
          const record = { path, data, version: -1 };
          return { kind: "setData", header: partHeader(OpCode.setData), record };
        }
        case "delete": {
          const record = { path, version: -1 };
          return { kind: "delete", header: partHeader(OpCode.delete), record };
        }
        default: {
          const record = { path, version: Number(value) };
          return { kind: "check", header: partHeader(OpCode.check), record };
        }
      }
    });
    // As an op it is what its first write is; the judge of histories looks at registers only.
    const first = words.find((word) => word.startsWith("set:"))?.split(":") ?? [];
    return this.#send("multi", OpCode.multi, first[1] ?? "", first[2] ?? null, (out) => {
      writeMultiRequest(out, parts);
    }, (op, reply) => {
      const answers = readMultiResponse(reply.body).parts;
      const set = answers.find((part) => part.kind === "setData");
      if (set?.kind === "setData") op.stat = set.record.stat;
      const isRefused = answers.some((part) => part.kind === "error");
      if (isRefused) op.outcome = "error";
      return isRefused ? "refused as a whole" : `${answers.length} parts`;
    }, done);
  }

  #send(
    kind: Op["kind"],
    code: number,
    path: string,
    value: string | null,
    write: (out: Output) => void,
    read: (op: Op, reply: Reply) => string,
    done: (text: string) => void,
  ): boolean {
    const { session } = this;
    const op = beginOp({
      client: this.#number,
      turn: this.ops.length,
      session: session.id,
      kind,
      path,
      value,
      began: this.#cluster.world.now,
      afterSync: kind === "get" ? this.#syncedAt : null,
      server: this.#node.peer?.server ?? null,
    });
    this.ops.push(op);
    if (session.state !== "connected") {
      op.outcome = "error";
      done("not connected");
      return true;
    }
    session.request(code, write, (reply) => {
      endOp(op, reply, this.#cluster.world.now);
      if (reply.lost) return done("lost");
      if (reply.err !== 0) return done(errorName(reply.err));
      const more = read(op, reply);
      done(`ok at ${hex(reply.zxid)}${more === "" ? "" : `, ${more}`}`);
    }, this.#clock.now());
    this.#link.flush();
    return true;
  }

  // ---- the link -----------------------------------------------------------------------------------

  #dial(): void {
    if (!this.isOver) this.#link.dial({ host: this.#node.host, port: CLIENT_PORT }, 2000);
  }

  #lost(why: LinkLoss, fault: Fault | null): void {
    if (why === "nonsense") throw fault;
    if (why === "silent") this.#say(`${this.name}: hears nothing`);
    this.#syncedAt = null;
    this.#life.after(RETRY_MS, () => this.#dial());
  }
}
