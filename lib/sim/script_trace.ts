// What happens in a scenario, as lines that a change of log texts does not touch: packets between
// members as they are written, what is durable on each disk, who serves as what. PINGs and elections'
// notifications are left out, they are many and say little.

import { epochOf, hex, type Zxid } from "../base/ids.ts";
import { Input } from "../codec/input.ts";
import { type QuorumPacket, readAckEpoch, readForwardedHeader } from "../records/quorum.ts";
import { opName, packetName, PacketType } from "../txn/opcodes.ts";
import type { Txn } from "../txn/txn.ts";
import { PacketReader } from "../wire/learner.ts";
import { dataOf, txnOf } from "../zab/packets.ts";
import { type Cluster, type Node, QUORUM_PORT } from "./cluster.ts";
import type { SimLink } from "./network.ts";

/** One packet between two members. */
export interface Sent {
  readonly from: string;
  readonly to: string;
  readonly type: string;
  readonly zxid: Zxid;
}

/** What was last seen of a member. */
interface Seen {
  life: number;
  role: string;
  leader: string;
  serves: string;
  durable: Zxid;
  epochs: string;
  snapshot: Zxid;
}

const UNSEEN: Seen = {
  life: 0,
  role: "",
  leader: "",
  serves: "",
  durable: -1n,
  epochs: "",
  snapshot: -1n,
};

export class ScriptTrace {
  lines: string[] = [];
  isShown = true;
  /** Of the command at hand. */
  sent: Sent[] = [];
  readonly #cluster: Cluster;
  readonly #readers = new WeakMap<SimLink, PacketReader>();
  readonly #seen = new Map<Node, Seen>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    const { internet } = cluster;
    const before = internet.tap;
    internet.tap = (link, bytes) => {
      before?.(link, bytes);
      if (link.remote.port === QUORUM_PORT || link.local.port === QUORUM_PORT) {
        this.#wrote(link, bytes);
      }
    };
  }

  say(line: string): void {
    if (this.isShown) this.lines.push(line);
  }

  // ---- packets ------------------------------------------------------------------------------------

  #wrote(link: SimLink, bytes: Uint8Array): void {
    let reader = this.#readers.get(link);
    if (reader === undefined) this.#readers.set(link, reader = new PacketReader());
    reader.push(bytes.slice());
    for (;;) {
      if (reader.inSnapshot) {
        if (reader.nextSnapshotPart() === null) return;
        continue;
      }
      const packet = reader.next();
      if (packet === null) return;
      if (packet.type === PacketType.SNAP) reader.expectSnapshot();
      this.#packet(link, packet);
    }
  }

  #packet(link: SimLink, packet: QuorumPacket): void {
    if (packet.type === PacketType.PING) return;
    const from = nameOf(link.local.host);
    const to = nameOf(link.remote.host);
    const type = packetName(packet.type);
    this.sent.push({ from, to, type, zxid: packet.zxid });
    const zxid = packet.zxid < 0n ? "" : zxidText(packet.zxid);
    const parts = [`${from} > ${to} `, type, zxid, detailOf(packet)];
    this.say(parts.filter((part) => part !== "").join(" "));
  }

  // ---- members ------------------------------------------------------------------------------------

  /** After each step: what has changed since the last one. */
  look(): void {
    for (const node of this.#cluster.nodes) this.#look(node);
  }

  #look(node: Node): void {
    let seen = this.#seen.get(node);
    if (seen === undefined) this.#seen.set(node, seen = { ...UNSEEN });
    this.#lookAtDisk(node, seen);
    const { peer } = node;
    const ensemble = peer?.ensemble ?? null;
    if (ensemble === null) {
      seen.role = seen.leader = seen.serves = "";
      return;
    }
    const role = ensemble.roleName;
    const leader = ensemble.leader === null ? "" : `s${ensemble.leader}`;
    if (role !== seen.role || leader !== seen.leader || seen.life !== node.starts) {
      if (role !== "looking") this.say(`${node.name} elects ${leader}`);
      else if (seen.role !== "") this.say(`${node.name} looks for a leader`);
      seen.role = role;
      seen.leader = leader;
      seen.life = node.starts;
    }
    const server = peer?.server ?? null;
    const serves = server === null ? "" : `${server.core.backend.role}`;
    if (serves === seen.serves) return;
    seen.serves = serves;
    if (server === null) return;
    const zxid = zxidText(server.core.tree.lastZxid);
    this.say(
      `${node.name} serves as ${serves}${serves === "leader" ? "" : ` of ${leader}`} at ${zxid}`,
    );
  }

  #lookAtDisk(node: Node, seen: Seen): void {
    const { storage } = node;
    const { durable, newestSnapshot } = storage;
    if (newestSnapshot !== seen.snapshot) {
      seen.snapshot = newestSnapshot;
      this.say(`${node.name} disk: snapshot ${zxidText(newestSnapshot)}`);
    }
    if (durable !== seen.durable) {
      seen.durable = durable;
      this.say(`${node.name} disk: durable up to ${zxidText(durable)}`);
    }
    const { acceptedEpoch: accepted, currentEpoch: current } = node;
    const epochs = `accepted epoch ${accepted ?? "none"}, current ${current ?? "none"}`;
    if (epochs === seen.epochs) return;
    if (seen.epochs !== "" || accepted !== null) this.say(`${node.name} disk: ${epochs}`);
    seen.epochs = epochs;
  }
}

export const nameOf = (host: string): string => host.replace(/^10\.0\.0\./, "s");

export const zxidText = (zxid: Zxid): string => (zxid < 0n ? "nothing" : hex(zxid));

function detailOf(packet: QuorumPacket): string {
  switch (packet.type) {
    case PacketType.PROPOSAL:
    case PacketType.INFORM:
      return txnText(txnOf(packet, 0));
    case PacketType.INFORMANDACTIVATE:
      return txnText(txnOf(packet, 8));
    case PacketType.REQUEST:
      return opName(readForwardedHeader(new Input(dataOf(packet))).type);
    case PacketType.ACKEPOCH:
      return `current epoch ${readAckEpoch(new Input(dataOf(packet))).currentEpoch}`;
    case PacketType.FOLLOWERINFO:
    case PacketType.OBSERVERINFO:
      return `accepted epoch ${epochOf(packet.zxid)}`;
    default:
      return "";
  }
}

function txnText({ header, body }: Txn): string {
  const path = "record" in body && "path" in body.record ? ` ${body.record.path ?? ""}` : "";
  return `${opName(header.type)}${path}`;
}
