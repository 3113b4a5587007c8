// What must hold at every step of a run. Looks at members from outside, through what they say and
// what their trees hold; it never steers them. architecture.md 1.6 numbers the checks.

import { counterOf, type Epoch, epochOf, hex, type Zxid } from "../base/ids.ts";
import { SLICE_BYTES } from "../peer/sync_stream.ts";
import { PacketReader } from "../wire/learner.ts";
import { SNAPSHOT, zxidOfName } from "../store/names.ts";
import { PacketType } from "../txn/opcodes.ts";
import {
  ACCEPTED_EPOCH,
  type Cluster,
  CURRENT_EPOCH,
  type Ear,
  type Node,
  QUORUM_PORT,
  type Said,
} from "./cluster.ts";
import type { SimFile } from "./file.ts";
import type { SimLink } from "./network.ts";
import type { Life, World } from "./world.ts";

interface Seen {
  zxid: Zxid;
  life: number;
  role: string | null;
}

/** The files as they were looked at: each is replaced as a whole. */
interface EpochsSeen {
  readonly files: readonly (SimFile | undefined)[];
  readonly accepted: Epoch | null;
  readonly current: Epoch | null;
  readonly wipes: number;
}

export class Checks implements Ear {
  readonly #world: World;
  /** Who led each epoch (check 1). */
  readonly #leaders = new Map<Epoch, Node>();
  /** Tree digest of each zxid that some member served (checks 2 and 7). */
  readonly #digests = new Map<Zxid, { digest: bigint; node: Node }>();
  readonly #seen = new Map<Node, Seen>();
  readonly #epochFiles = new Map<Node, EpochsSeen>();
  readonly #violations: string[] = [];
  #oldestDigest: Zxid[] = [];
  /** Who said that its tree is not its leader's; excused if it refuses to go on at once. */
  readonly #doubts = new Map<Node, { readonly life: number; readonly text: string }>();
  #cluster: Cluster | null = null;
  /** Links on which NEWLEADER has been acknowledged. */
  readonly #greeted = new WeakSet<SimLink>();
  /** The epoch that a learner was offered on its link. */
  readonly #offered = new WeakMap<SimLink, Epoch>();
  readonly #readers = new WeakMap<SimLink, PacketReader>();

  constructor(world: World) {
    this.#world = world;
  }

  get violations(): readonly string[] {
    return this.#violations;
  }

  violation(what: string): void {
    this.#world.note("check", "VIOLATION", { what });
    this.#violations.push(what);
  }

  noted(node: Node, said: Said): void {
    const { text, detail } = said;
    this.#world.count(coverageOf(text));
    if (text === "bringing a learner level") {
      this.#world.count(`way=${String(detail.by)}`);
      const bytes = detail.by === "snap" ? node.peer?.tree?.dataSize ?? 0 : 0;
      if (bytes > SLICE_BYTES) this.#world.count("SNAP of more than one slice");
    }
    if (text === "snapshot taken" && isFuzzy(node, String(detail.file))) {
      this.#world.count("fuzzy snapshot");
    }
    if (text.startsWith("Peer state changed: leading")) {
      this.#established(node, detail.epoch as Epoch);
    }
    if (saysTreeDiffers(said)) this.#doubts.set(node, { life: node.starts, text });
  }

  /** A server may give up a disk that fails it, and nothing else. */
  failed(node: Node, fault: Error, exitCode: number | null): void {
    this.#world.count(`process ended by itself (${exitCode ?? "no"} code)`);
    if (node.storage.isGood) this.violation(`${node.name} ends by itself: ${fault.message}`);
  }

  #established(node: Node, epoch: Epoch): void {
    const other = this.#leaders.get(epoch);
    if (other !== undefined && other !== node) {
      this.violation(`epoch ${epoch} has two leaders: ${other.name} and ${node.name}`);
    }
    this.#leaders.set(epoch, node);
    const tree = node.peer?.tree ?? null;
    if (tree !== null && tree.lastZxid > 0n) this.#committed(node, tree.lastZxid);
  }

  /** Begins to listen to what members say to each other. */
  watch(cluster: Cluster): void {
    this.#cluster = cluster;
    cluster.internet.tap = (link, bytes) => {
      if (link.remote.port === QUORUM_PORT) this.#said(link, bytes);
      else if (link.local.port === QUORUM_PORT) this.#offers(link, bytes);
    };
  }

  /** After each event: members that serve and stand at the same zxid hold the same tree. */
  step(): void {
    const { actor } = this.#world;
    if (actor === null || this.#cluster === null) return;
    this.#world.actor = null;
    const node = this.#nodeOf(actor);
    if (node !== null) this.#look(node);
  }

  #nodeOf(life: Life): Node | null {
    const nodes = this.#cluster?.nodes ?? [];
    for (let i = 0; i < nodes.length; i++) if (nodes[i].life === life) return nodes[i];
    return null;
  }

  /** What a member has promised and joined only grows, and it joins nothing it has not promised. */
  #epochs(node: Node): void {
    const { storage } = node;
    let seen = this.#epochFiles.get(node);
    const files = [storage.files.get(ACCEPTED_EPOCH), storage.files.get(CURRENT_EPOCH)];
    if (seen !== undefined && files[0] === seen.files[0] && files[1] === seen.files[1]) return;
    const { acceptedEpoch: accepted, currentEpoch: current } = node;
    this.#epochFiles.set(node, { files, accepted, current, wipes: storage.wipes });
    if (seen?.wipes !== storage.wipes) seen = undefined; // another disk
    if (accepted === null || current === null) return;
    if (accepted < (seen?.accepted ?? 0n) || current < (seen?.current ?? 0n)) {
      this.violation(
        `${node.name}: its epochs went back from ${seen?.accepted} and ${seen?.current} ` +
          `to ${accepted} and ${current}`,
      );
    }
    if (current > accepted) {
      this.violation(`${node.name} is in epoch ${current}, and has promised only ${accepted}`);
    }
  }

  #look(node: Node): void {
    this.#epochs(node);
    const doubt = this.#doubts.get(node);
    if (doubt?.life === node.starts) this.violation(`${node.name}: ${doubt.text}`);
    const server = node.peer?.server ?? null;
    if (server === null) {
      this.#seen.delete(node);
      return;
    }
    const { tree, backend } = server.core;
    const seen = this.#seen.get(node);
    const zxid = tree.lastZxid;
    if (seen === undefined || seen.life !== node.starts || seen.role !== backend.role) {
      this.#seen.set(node, { zxid, life: node.starts, role: backend.role });
    } else {
      if (seen.zxid === zxid) return;
      if (zxid < seen.zxid) {
        this.violation(`${node.name}: applied ${hex(zxid)} after ${hex(seen.zxid)}`);
      }
      seen.zxid = zxid;
      if (backend.role === "leader") this.#committed(node, zxid);
    }
    this.#compare(node, zxid, tree.digest());
  }

  /** What a leader applies is on the disks of a quorum (check 4). */
  #committed(leader: Node, zxid: Zxid): void {
    const cluster = this.#cluster;
    if (cluster === null) return;
    const { voters } = cluster;
    // What an operator took away was there, and counts as it did when it was acknowledged.
    const holders = voters.filter(({ storage }) =>
      storage.durable >= zxid || storage.wipedUpTo >= zxid
    );
    if (cluster.isQuorum(holders.map(({ sid }) => sid))) return;
    this.violation(
      `${leader.name} committed ${
        hex(zxid)
      }, which only ${holders.length} of ${voters.length} have on disk`,
    );
  }

  /** No ACK leaves for what its sender's disk would not have after a crash (check 3). */
  #said(link: SimLink, bytes: Uint8Array): void {
    const node = this.#nodeOf(link.life);
    if (node === null) return;
    let reader = this.#readers.get(link);
    if (reader === undefined) this.#readers.set(link, reader = new PacketReader());
    reader.push(bytes);
    for (;;) {
      const type = reader.bare();
      if (type === PacketType.ACK) {
        this.#acked(node, link, (BigInt(reader.hi) << 32n) | BigInt(reader.lo >>> 0));
      }
      if (type !== 0) continue;
      const packet = reader.next();
      if (packet === null) return;
      if (packet.type === PacketType.ACK) this.#acked(node, link, packet.zxid);
      else if (packet.type === PacketType.ACKEPOCH) this.#accepts(node, link);
    }
  }

  /** The first packet of a leader offers an epoch. */
  #offers(link: SimLink, bytes: Uint8Array): void {
    if (this.#offered.has(link.other)) return;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const isOffer = bytes.length >= 12 && view.getInt32(0) === PacketType.LEADERINFO;
    this.#offered.set(link.other, isOffer ? epochOf(view.getBigInt64(4)) : -1n);
  }

  /** No epoch is accepted by word before the promise is on disk. */
  #accepts(node: Node, link: SimLink): void {
    const offered = this.#offered.get(link) ?? -1n;
    const accepted = node.acceptedEpoch;
    if (accepted !== null && accepted >= offered) return;
    this.violation(`${node.name} accepts epoch ${offered}, but its disk says ${accepted}`);
  }

  #acked(node: Node, link: SimLink, zxid: Zxid): void {
    const durable = node.storage.durable;
    if (counterOf(zxid) !== 0n) {
      if (node.isObserver || durable >= zxid) return;
      this.violation(
        `${node.name} acknowledges ${hex(zxid)}, but its disk ends at ${hex(durable)}`,
      );
      return;
    }
    const epoch = node.currentEpoch ?? -1n;
    if (epoch !== epochOf(zxid)) {
      this.violation(
        `${node.name} acknowledges epoch ${epochOf(zxid)}, but its disk says ${epoch}`,
      );
    }
    if (this.#greeted.has(link)) return; // the ACK of UPTODATE
    this.#greeted.add(link);
    const level = node.peer?.tree?.lastZxid ?? -1n;
    if (durable < level) {
      this.violation(
        `${node.name} is level with its leader at ${hex(level)}, on disk at ${hex(durable)}`,
      );
    }
  }

  #compare(node: Node, zxid: Zxid, digest: bigint): void {
    const known = this.#digests.get(zxid);
    if (known === undefined) {
      this.#digests.set(zxid, { digest, node });
      this.#oldestDigest.push(zxid);
      if (this.#oldestDigest.length > 20_000) {
        const drop = this.#oldestDigest.splice(0, 10_000);
        for (const old of drop) this.#digests.delete(old);
      }
      return;
    }
    if (known.digest === digest) return;
    this.violation(
      `at ${hex(zxid)} (epoch ${
        epochOf(zxid)
      }) the trees of ${known.node.name} and ${node.name} differ`,
    );
  }
}

/** Whether a snapshot shows more than its name says: its last section tells up to where. */
function isFuzzy({ storage }: Node, path: string): boolean {
  const file = storage.files.get(path);
  if (file === undefined) return false;
  const last = file.read(file.length - SEALED_ZXID, file.length);
  const zxid = new DataView(last.buffer, last.byteOffset).getBigInt64(0);
  return zxid !== zxidOfName(path.slice(path.lastIndexOf("/") + 1), SNAPSHOT);
}

/** The zxid, and behind it its seal: a checksum and a string of one letter. */
const SEALED_ZXID = 8 + 8 + 4 + 1;

/** A tree is not what a leader or a snapshot says: at an application, or at a start. */
const saysTreeDiffers = ({ level, area, text }: Said): boolean =>
  level === "error" && (area === "digest" || text.startsWith("the tree differs"));

/** What a line says happened, without its numbers, for the table of coverage. */
function coverageOf(text: string): string {
  return text.replace(/0x[0-9a-f]+|\d+/g, "N").slice(0, 80);
}
