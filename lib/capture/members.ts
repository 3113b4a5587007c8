// Which address is which server. Servers say it themselves: in the election greeting (sid and
// address), in LearnerInfo (sid), in the configuration text that notifications and NEWLEADER carry
// (every sid with its ports), and in the top byte of the session ids they make. A capture on one host
// has one address for all, so an answer needs the port unless the address is some member's alone.

import type { Sid } from "../base/ids.ts";
import type { Side } from "./flows.ts";
import type { Conn } from "./context.ts";
import { v6Text } from "./ip.ts";
import type { Protocol } from "./message.ts";

const LINE = /^server\.(\d+)=(.+)$/;

export class Members {
  /** `address:port` of a listening socket → sid. */
  readonly #listeners = new Map<string, Sid>();
  /** Address without port → sids seen on it. */
  readonly #hosts = new Map<string, Set<Sid>>();
  readonly #voters = new Set<Sid>();
  #lastConfig = "";

  /** `address:port` of a listening socket → what is spoken there, once that is known. */
  readonly services = new Map<string, Protocol>();

  /** Every sid that any text or greeting named. */
  readonly known = new Set<Sid>();
  /** Those that said that they do not vote. */
  readonly observers = new Set<Sid>();

  /** Voters of the last configuration seen; empty before one was. */
  get voters(): ReadonlySet<Sid> {
    return this.#voters;
  }

  /** `sid` listens at `name` (`address:port`). */
  listens(name: string, sid: Sid): void {
    if (sid < 0n) return;
    this.known.add(sid);
    this.#listeners.set(asSeen(name), sid);
    this.lives(name, sid);
  }

  /** `sid` has something to do with this `address:port`, whose port may be any. */
  lives(name: string, sid: Sid): void {
    if (sid < 0n) return;
    const host = hostOf(asSeen(name));
    const sids = this.#hosts.get(host) ?? new Set();
    this.#hosts.set(host, sids.add(sid));
    this.known.add(sid);
  }

  /** Reads a configuration text: `server.1=host:2888:3888:participant;host:2181`. */
  config(text: string): void {
    if (text === this.#lastConfig) return;
    this.#lastConfig = text;
    const voters: Sid[] = [];
    for (const line of text.split("\n")) {
      const match = LINE.exec(line.trim());
      if (match === null) continue;
      const sid = BigInt(match[1]);
      if (!match[2].includes(":observer")) voters.push(sid);
      this.#memberLine(sid, match[2]);
    }
    if (voters.length === 0) return;
    this.#voters.clear();
    for (const sid of voters) this.#voters.add(sid);
  }

  #memberLine(sid: Sid, line: string): void {
    const [servers, client = ""] = line.split(";");
    let host = "";
    for (const one of servers.split("|")) {
      const match = /^(\[[^\]]+\]|[^:]+):(\d+):(\d+)/.exec(one);
      if (match === null) continue;
      host = match[1];
      this.listens(`${host}:${match[2]}`, sid);
      this.listens(`${host}:${match[3]}`, sid);
      this.services.set(asSeen(`${host}:${match[2]}`), "quorum");
      this.services.set(asSeen(`${host}:${match[3]}`), "election");
    }
    const port = /(?:^|:)(\d+)$/.exec(client)?.[1];
    if (port === undefined || host === "") return;
    const at = client.slice(0, -port.length - 1);
    const isAny = at === "" || at === "0.0.0.0" || asSeen(`${at}:0`) === "[::]:0";
    this.listens(`${isAny ? host : at}:${port}`, sid);
  }

  /** The sid of one end of a connection: told by itself, or known from its address. */
  sidOf(conn: Conn, side: Side): Sid | null {
    const told = conn.sids[side];
    if (told !== null) return told;
    const name = conn.names[side];
    const exact = this.#listeners.get(name);
    if (exact !== undefined) return exact;
    const isServer = conn.protocol !== "client" && conn.protocol !== "words" &&
      conn.protocol !== "tls" && conn.protocol !== "unknown" && conn.protocol !== "http";
    if (side === conn.clientSide && !isServer) return null;
    const sids = this.#hosts.get(hostOf(name));
    return sids?.size === 1 ? [...sids][0] : null;
  }
}

/** An IPv6 address as packets give it: servers write all eight groups, people as they like. */
function asSeen(name: string): string {
  const match = /^\[([0-9a-fA-F:]+)(?:%[^\]]*)?\](:\d+)$/.exec(name);
  if (match === null) return name;
  const [left, right] = match[1].split("::").map((text) => text === "" ? [] : text.split(":"));
  const between = right === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...new Array<string>(between).fill("0"), ...(right ?? [])];
  return `[${v6Text(groups.map((group) => parseInt(group, 16)))}]${match[2]}`;
}

const hostOf = (name: string): string => name.slice(0, name.lastIndexOf(":"));
