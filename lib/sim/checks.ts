// What must hold at every step of a run. Looks at members from outside, through what they say and
// what their trees hold; it never steers them. architecture.md 1.6 numbers the checks.

import { type Epoch, epochOf, hex, type Zxid } from "../base/ids.ts";
import type { Cluster, Ear, Node } from "./cluster.ts";
import type { World } from "./world.ts";

export class Violation extends Error {
  override readonly name = "Violation";
}

interface Seen {
  zxid: Zxid;
  life: number;
  role: string | null;
}

export class Checks implements Ear {
  readonly #world: World;
  /** Who led each epoch (check 1). */
  readonly #leaders = new Map<Epoch, Node>();
  /** Tree digest of each zxid that some member served (checks 2 and 7). */
  readonly #digests = new Map<Zxid, { digest: bigint; node: Node }>();
  readonly #seen = new Map<Node, Seen>();
  readonly #violations: string[] = [];
  #oldestDigest: Zxid[] = [];

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

  noted(node: Node, text: string, detail: Readonly<Record<string, unknown>>): void {
    this.#world.count(coverageOf(text));
    if (text.startsWith("Peer state changed: leading")) {
      this.#established(node, detail.epoch as Epoch);
    } else if (text.includes("Digests are not matching")) {
      this.violation(`${node.name}: ${text}`);
    }
  }

  failed(node: Node, fault: Error, exitCode: number | null): void {
    this.#world.count(`process ended by itself (${exitCode ?? "no"} code)`);
    void node;
    void fault;
  }

  #established(node: Node, epoch: Epoch): void {
    const other = this.#leaders.get(epoch);
    if (other !== undefined && other !== node) {
      this.violation(`epoch ${epoch} has two leaders: ${other.name} and ${node.name}`);
    }
    this.#leaders.set(epoch, node);
  }

  /** After each event: members that serve and stand at the same zxid hold the same tree. */
  step(cluster: Cluster): void {
    for (const node of cluster.nodes) {
      const server = node.peer?.server ?? null;
      if (server === null) {
        this.#seen.delete(node);
        continue;
      }
      const { tree, backend } = server.core;
      const seen = this.#seen.get(node);
      const zxid = tree.lastZxid;
      if (seen === undefined || seen.life !== node.starts || seen.role !== backend.role) {
        this.#seen.set(node, { zxid, life: node.starts, role: backend.role });
      } else {
        if (seen.zxid === zxid) continue;
        if (zxid < seen.zxid) {
          this.violation(`${node.name}: applied ${hex(zxid)} after ${hex(seen.zxid)}`);
        }
        seen.zxid = zxid;
      }
      this.#compare(node, zxid, tree.digest());
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
      `at ${hex(zxid)} (epoch ${epochOf(zxid)}) the trees of ${known.node.name} and ${node.name} differ`,
    );
  }
}

/** What a line says happened, without its numbers, for the table of coverage. */
function coverageOf(text: string): string {
  return text.replace(/0x[0-9a-f]+|\d+/g, "N").slice(0, 80);
}
