// What a scenario may wait for and expect: claims about members, disks, packets and clients. The list
// is in fixtures/scripts/README.md.

import { Fault } from "../base/errors.ts";
import type { Zxid } from "../base/ids.ts";
import { join } from "../store/names.ts";
import type { Cluster, Node } from "./cluster.ts";
import type { ScriptClient } from "./script_client.ts";
import { DATA } from "./script_disk.ts";
import { valueAt } from "./script_end.ts";
import type { ScriptTrace } from "./script_trace.ts";

type Words = readonly string[];

export interface Scene {
  readonly cluster: Cluster;
  readonly trace: ScriptTrace;
  readonly clients: ReadonlyMap<string, ScriptClient>;
}

export const wrong = (words: Words, hint: string): Fault =>
  new Fault("CONFIG", `no such command: ${words.join(" ")}`, { hint });

/** Fault: CONFIG. */
export function memberOf(cluster: Cluster, name: string | undefined): Node {
  const found = cluster.nodes.find((node) => node.name === name);
  if (found === undefined) throw new Fault("CONFIG", `no member ${name ?? ""}`);
  return found;
}

/** A claim as something that can be asked again and again. Fault: CONFIG. */
export function claimOf(words: Words, scene: Scene): () => boolean {
  const { cluster, trace, clients } = scene;
  const [subject = "", verb = "", ...rest] = words;
  if (subject === "not") {
    const claim = claimOf(words.slice(1), scene);
    return () => !claim();
  }
  if (subject === "same") return () => isSame(cluster);
  if (subject === "leader") return () => cluster.leader() !== null;
  if (subject === "level") {
    return () => cluster.nodes.every((node) => node.peer?.server ?? !node.isUp);
  }
  if (subject === "sent") return sentClaim([verb, ...rest], trace);
  const client = clients.get(subject);
  if (client !== undefined) {
    if (verb === "saw") return () => client.events.includes(rest.join(" "));
    return () => client.session.state === verb;
  }
  return nodeClaim(memberOf(cluster, subject), verb, rest, words);
}

function nodeClaim(node: Node, verb: string, rest: Words, words: Words): () => boolean {
  const [first = "", second = ""] = rest;
  switch (verb) {
    case "leads":
      return () => node.peer?.server?.core.backend.role === "leader";
    case "serves":
      return () => node.peer?.server !== null && node.peer !== null;
    case "looks":
      return () => node.peer?.ensemble?.roleName === "looking";
    case "down":
      return () => !node.isUp;
    case "at":
      return () => node.peer?.tree?.lastZxid === BigInt(first);
    case "durable":
      return () => node.storage.durable === BigInt(first);
    case "epochs":
      return () => {
        const { acceptedEpoch: accepted, currentEpoch: current } = node;
        return accepted === BigInt(first) && current === BigInt(second);
      };
    case "has":
      return () => {
        const value = valueAt(node, first);
        return value !== null && (second === "" || value === second);
      };
    case "lacks":
      return () => node.peer?.tree !== null && valueAt(node, first) === null;
    case "has-file":
      return () => node.storage.files.has(join(DATA, first));
    case "lacks-file":
      return () => !node.storage.files.has(join(DATA, first));
    case "said":
      return () => node.fault?.message.includes(rest.join(" ")) ?? false;
    default:
      throw wrong(words, "see the claims in fixtures/scripts/README.md");
  }
}

/** `sent sA>sB TYPE [ZXID]`, since this command began; `*` stands for any member. */
function sentClaim([pair = "", type, zxid]: Words, trace: ScriptTrace): () => boolean {
  const [a, b] = pair.split(">");
  const wanted: Zxid | null = zxid === undefined ? null : BigInt(zxid);
  return () =>
    trace.sent.some((sent) =>
      (a === "*" || sent.from === a) && (b === "*" || sent.to === b) && sent.type === type &&
      (wanted === null || sent.zxid === wanted)
    );
}

function isSame(cluster: Cluster): boolean {
  const trees = cluster.nodes.filter((node) => node.isUp)
    .map((node) => node.peer?.server?.core.tree ?? null);
  const [first] = trees;
  if (first === null || first === undefined) return false;
  return trees.every((tree) =>
    tree !== null && tree.lastZxid === first.lastZxid && tree.digest() === first.digest()
  );
}
