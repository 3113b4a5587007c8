// The status lines of `zkpeer ensemble`: what each member says of itself by `srvr` and `mntr`, as one
// row of a table. Java's members and ours are asked the same.

import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { Colours, Paint } from "./colour.ts";
import type { EnsembleMember } from "./ensemble_members.ts";

export interface MemberStatus {
  /** `leader`, `follower`, `looking`…; `starting` before the first answer, `ended` at the last. */
  readonly role: string;
  /** Null while the member serves nobody. */
  readonly serving: {
    /** The epoch it has joined; a zxid tells it only after the first write. */
    readonly epoch: bigint;
    readonly zxid: bigint;
    readonly sessions: number | null;
    readonly connections: number;
    readonly znodes: number;
  } | null;
}

const ANSWER_MS = 1000;

/** Asks a member. A member that does not answer has the role `starting` until it once did. */
export async function statusOf(
  member: EnsembleMember,
  before: MemberStatus | null,
): Promise<MemberStatus> {
  const exit = member.child.exit();
  if (exit !== null) return { role: `ended (${exit.signal ?? exit.code})`, serving: null };
  const silent = before === null || before.role === "starting" ? "starting" : "silent";
  const srvr = await ask(member.clientPort, "srvr");
  if (srvr === null) return { role: silent, serving: null };
  const role = /^Mode: (\S+)/m.exec(srvr)?.[1];
  const zxid = /^Zxid: (0x[0-9a-f]+)/m.exec(srvr)?.[1];
  if (role === undefined || zxid === undefined) return { role: "looking", serving: null };
  const mntr = await ask(member.clientPort, "mntr");
  const gauge = (name: string): number | null => {
    const text = new RegExp(`^zk_${name}\t(\\d+)`, "m").exec(mntr ?? "")?.[1];
    return text === undefined ? null : Number(text);
  };
  return {
    role,
    serving: {
      epoch: epochOf(member.dir) ?? BigInt(zxid) >> 32n,
      zxid: BigInt(zxid),
      sessions: gauge("global_sessions"),
      connections: gauge("num_alive_connections") ?? 0,
      znodes: Number(/^Node count: (\d+)/m.exec(srvr)?.[1] ?? 0),
    },
  };
}

/** The epoch a member has on disk; null before there is one (and in releases before 3.4). */
function epochOf(dir: string): bigint | null {
  try {
    return BigInt(readFileSync(join(dir, "data", "version-2", "currentEpoch"), "latin1").trim());
  } catch {
    return null; // not there yet, or being replaced: asked again soon
  }
}

/** The answer to a four-letter word; null when there is none in time. */
function ask(port: number, word: string): Promise<string | null> {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(word));
    let text = "";
    socket.setEncoding("latin1");
    socket.setTimeout(ANSWER_MS, () => socket.destroy());
    socket.on("data", (part) => text += part);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => done(text === "" ? null : text));
  });
}

const HEADS = ["", "address", "runs", "role", "epoch", "zxid", "lag", "sessions", "znodes"];

/**
 * The table's lines: a head, then one per member. `lag`: txns behind the leader. Columns that do not
 * fit into `columnsMax` are left out from the right: a line that wraps cannot be written over.
 */
export function statusTable(
  members: readonly EnsembleMember[],
  statuses: readonly MemberStatus[],
  colours: Colours,
  columnsMax: number,
): string[] {
  const leader = statuses.find(({ role }) => role === "leader")?.serving ?? null;
  const rows = members.map((member, i) => {
    const { role, serving } = statuses[i];
    const head = [String(member.sid), `127.0.0.1:${member.clientPort}`, member.kind, role];
    if (serving === null) return [...head, "-", "-", "-", "-", "-"];
    const { epoch, zxid, sessions, znodes } = serving;
    return [
      ...head,
      String(epoch),
      `0x${zxid.toString(16)}`,
      leader === null ? "-" : lagText(leader.zxid, zxid),
      sessions === null ? "-" : String(sessions),
      String(znodes),
    ];
  });
  const widths = HEADS.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => row[column].length))
  );
  let width = 0;
  const shown = widths.filter((each) => (width += each + 2) < columnsMax).length;
  const line = (row: readonly string[], paintOf: (column: number) => Paint): string =>
    row.slice(0, shown).map((text, i) => "  " + paintOf(i)(text.padEnd(widths[i]))).join("");
  return [
    line(HEADS, () => colours.dim),
    ...rows.map((row) => line(row, (column) => column === 3 ? paintOf(row[3], colours) : String)),
  ];
}

/** Asked one after the other, a follower may well be ahead of what its leader said. */
function lagText(leader: bigint, zxid: bigint): string {
  if (leader >> 32n !== zxid >> 32n) return leader > zxid ? "an epoch" : "0";
  return leader > zxid ? String(leader - zxid) : "0";
}

function paintOf(role: string, colours: Colours): Paint {
  if (role === "leader") return (text) => colours.bold(colours.green(text));
  if (role === "follower" || role === "observer") return colours.green;
  return role.startsWith("ended") ? colours.red : colours.yellow;
}

/** What has changed worth a line of its own where nothing can be refreshed in place. */
export function changeText(
  member: EnsembleMember,
  before: MemberStatus | null,
  now: MemberStatus,
): string | null {
  if (before !== null && before.role === now.role) return null;
  const of = `member ${member.sid} (${member.kind}, 127.0.0.1:${member.clientPort})`;
  const { serving } = now;
  if (serving === null) return `${of}: ${now.role}`;
  const { epoch, zxid, sessions, znodes } = serving;
  return `${of}: ${now.role}, epoch ${epoch}, zxid 0x${zxid.toString(16)}, ` +
    `${sessions ?? "-"} sessions, ${znodes} znodes`;
}
