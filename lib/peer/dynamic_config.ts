// Membership of the ensemble as data: reading and printing the text that zoo.cfg, dynamic files,
// notifications, NEWLEADER and /zookeeper/config share, and when two memberships are the same.
// Must agree with QuorumPeer.QuorumServer, QuorumMaj and QuorumHierarchical (operations.md 1.4,
// quorum.md 8.1). Which file is read or written when is config.ts's matter; who makes a quorum is
// zab/quorums.ts's.

import { Fault } from "../base/errors.ts";
import type { Sid } from "../base/ids.ts";
import { lastOfEach, parseProperties, type Property } from "./config_properties.ts";

export type MemberRole = "participant" | "observer";

export interface MemberAddress {
  /** Name as configured, or literal as Java prints it, without brackets; resolved at each use. */
  readonly host: string;
  readonly quorumPort: number;
  readonly electionPort: number;
}

export interface Member {
  readonly sid: Sid;
  /** At least one; several only with multi-address. */
  readonly addresses: readonly MemberAddress[];
  readonly role: MemberRole;
  /** The client listener as the membership text gives it; null when it does not. */
  readonly clientHost: string | null;
  readonly clientPort: number | null;
  /** The TLS listener, a third part that only 3.10 and later understand. */
  readonly secureClientHost: string | null;
  readonly secureClientPort: number | null;
}

export interface Membership {
  /** 0 for static configurations, else the zxid of the reconfig or of NEWLEADER. */
  readonly version: bigint;
  readonly members: ReadonlyMap<Sid, Member>;
  /** Group of each grouped sid; null when quorums are plain majorities. */
  readonly groups: ReadonlyMap<Sid, bigint> | null;
  /** Weight of each voter (1 unless given) and of others that have one (else 0); null without groups. */
  readonly weights: ReadonlyMap<Sid, bigint> | null;
}

export interface MembershipRules {
  /** Whether one member may have several addresses. Java's readers refuse unless switched on. */
  readonly multiAddress: boolean;
}

/** What we accept from other members: everything that can be understood. */
export const TOLERANT: MembershipRules = { multiAddress: true };

export const NO_MEMBERS: Membership = {
  version: 0n,
  members: new Map(),
  groups: null,
  weights: null,
};

/** The text `key` of a membership: `server.N`, or anything that starts with `group` or `weight`. */
export function isMembershipKey(key: string): boolean {
  return key.startsWith("server.") || key.startsWith("group") || key.startsWith("weight");
}

/**
 * Membership from a whole text, `version` included (0 when absent). Faults with CONFIG, whose
 * `detail.key` and `detail.line` say where. Java's reader of notifications dies of some of these
 * (quorum.md 2.3); a caller with text from the wire catches the Fault and goes on without it.
 */
export function parseMembership(text: string, rules: MembershipRules = TOLERANT): Membership {
  const properties = [...lastOfEach(parseProperties(text)).values()];
  for (const property of properties) {
    if (!isMembershipKey(property.key) && property.key !== "version") {
      throw complaint(property, `Unrecognised parameter: ${property.key}`, {
        hint: "a dynamic configuration has only server.N, group.N, weight.N and version lines",
      });
    }
  }
  return membershipOf(properties, rules);
}

/** Membership from the entries among `properties` that belong to one; others are passed over. */
export function membershipOf(
  properties: Iterable<Property>,
  rules: MembershipRules,
): Membership {
  const members = new Map<Sid, Member>();
  const groups = new Map<Sid, bigint>();
  const weights = new Map<Sid, bigint>();
  let isGrouped = false;
  let version = 0n;
  for (const property of properties) {
    const { key, value } = property;
    if (key.startsWith("server.")) {
      const sid = parseLong(property, key.slice("server.".length));
      members.set(sid, parseMember(sid, property, rules));
    } else if (key.startsWith("group")) {
      isGrouped = true;
      const gid = parseLong(property, key.slice(key.indexOf(".") + 1));
      for (const part of javaSplit(value, ":")) {
        const sid = parseLong(property, part);
        if (groups.has(sid)) throw complaint(property, `Server ${sid} is in multiple groups`);
        groups.set(sid, gid);
      }
    } else if (key.startsWith("weight")) {
      isGrouped = true;
      weights.set(parseLong(property, key.slice(key.indexOf(".") + 1)), parseLong(property, value));
    } else if (key === "version") {
      version = parseVersion(property);
    }
  }
  if (!isGrouped) return { version, members, groups: null, weights: null };
  for (const { sid, role } of members.values()) {
    if (role !== "participant") continue;
    if (!groups.has(sid)) {
      throw new Fault("CONFIG", `Server ${sid} is not in a group`, {
        key: `server.${sid}`,
        hint: "with group or weight lines every voter must be in exactly one group.N line",
      });
    }
    if (!weights.has(sid)) weights.set(sid, 1n);
  }
  return { version, members, groups, weights };
}

/** One `server.N` value (operations.md 1.4). `property` names the line for complaints. */
export function parseMember(sid: Sid, property: Property, rules: MembershipRules): Member {
  const [servers = "", client = "", secure = "", ...more] = javaSplit(property.value, ";");
  const form = (): Fault =>
    complaint(property, `${property.value} does not have the form host:port:port[:role]`, {
      hint: "the whole form is host:quorumPort:electionPort[:role][|...][;[host:]clientPort]" +
        "[;[host:]secureClientPort]",
    });
  if (more.length > 0) throw form();
  const parts = javaSplit(servers, "|");
  if (parts.length > 1 && !rules.multiAddress) {
    throw complaint(
      property,
      `Multiple address feature is disabled, but multiple addresses were specified for sid ${sid}`,
      { hint: "set multiAddress.enabled=true on every member (all must be 3.6 or later)" },
    );
  }
  const addresses: MemberAddress[] = [];
  let role: MemberRole | null = null;
  for (const part of parts.length === 0 ? [""] : parts) {
    const fields = hostAndRest(property, part);
    if (fields.length < 3 || fields.length > 4) throw form();
    const [hostText, quorumText, electionText, roleText] = fields;
    const host = canonicalHost(hostText);
    const quorumPort = parsePort(property, host, quorumText);
    const electionPort = parsePort(property, host, electionText);
    if (quorumPort === electionPort) {
      throw complaint(property, "Client and election port must be different", {
        hint: `quorum and election port are both ${quorumPort}`,
      });
    }
    if (roleText !== undefined) {
      const given = parseRole(property, roleText);
      if (role !== null && given !== role) {
        throw complaint(
          property,
          `Multiple addresses should have similar roles: ${role} vs ${given}`,
        );
      }
      role = given;
    }
    // Java keeps them in a set; twice the same could be bound only once.
    const isKnown = addresses.some((each) =>
      each.host === host && each.quorumPort === quorumPort && each.electionPort === electionPort
    );
    if (!isKnown) addresses.push({ host, quorumPort, electionPort });
  }
  const plain = client === "" ? null : parseClient(property, client, form);
  const tls = secure === "" ? null : parseClient(property, secure, form);
  return {
    sid,
    addresses,
    role: role ?? "participant",
    clientHost: plain?.host ?? null,
    clientPort: plain?.port ?? null,
    secureClientHost: tls?.host ?? null,
    secureClientPort: tls?.port ?? null,
  };
}

/** A role in any case; Java's spelling of the complaint. */
export function parseRole(property: Property, text: string): MemberRole {
  const role = text.trim().toLowerCase();
  if (role === "participant" || role === "observer") return role;
  throw complaint(property, `Unrecognised peertype: ${text}`, {
    hint: "allowed: participant, observer",
  });
}

function parseClient(
  property: Property,
  text: string,
  form: () => Fault,
): { host: string; port: number } {
  const fields = hostAndRest(property, text);
  if (fields.length > 2) throw form();
  const host = fields.length === 2 ? canonicalHost(fields[0]) : "0.0.0.0";
  return { host, port: parsePort(property, host, fields[fields.length - 1]) };
}

/** `[v6]:a:b` or `host:a:b` cut at its colons; the brackets of an IPv6 literal are taken off. */
function hostAndRest(property: Property, text: string): string[] {
  if (!text.startsWith("[")) return javaSplit(text, ":");
  const end = text.indexOf("]");
  if (end < 0) throw complaint(property, `${text} starts with '[' but has no matching ']'`);
  const tail = text.slice(end + 1);
  if (!tail.startsWith(":") || tail === ":") {
    throw complaint(property, `${text} doesn't have a port after colon`);
  }
  return [text.slice(1, end), ...javaSplit(tail.slice(1), ":")];
}

/** Java knows a literal by its address and prints all eight groups; no host at all is this one. */
export function canonicalHost(host: string): string {
  if (host === "") return "localhost";
  const [literal, zone] = host.split("%", 2);
  if (!literal.includes(":") || !/^[0-9a-fA-F:.]+$/.test(literal)) return host;
  const dotted = /^(.*:)([0-9]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)$/.exec(literal);
  const words = dotted === null ? literal : dotted[1] + [2, 4].map((at) => {
    return (Number(dotted[at]) * 256 + Number(dotted[at + 1])).toString(16);
  }).join(":");
  const [head, tail, ...more] = words.split("::").map((side) => side === "" ? [] : side.split(":"));
  if (more.length > 0) return host;
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 1) return host;
  const groups = [...head, ...new Array<string>(missing).fill("0"), ...tail ?? []];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return host;
  const numbers = groups.map((group) => Number.parseInt(group, 16));
  if (numbers.slice(0, 5).every((number) => number === 0) && numbers[5] === 0xffff) {
    return numbers.slice(6).map((number) => `${number >> 8}.${number & 255}`).join(".");
  }
  const text = numbers.map((number) => number.toString(16)).join(":");
  return zone === undefined ? text : `${text}%${zone}`;
}

function parsePort(property: Property, host: string, text: string): number {
  if (!/^[-+]?[0-9]{1,10}$/.test(text)) {
    throw complaint(property, `Address unresolved: ${host}:${text}`, {
      hint: "a port is a decimal number up to 65535",
    });
  }
  const port = Number(text);
  if (port < 0 || port > 65535) throw complaint(property, `port out of range:${port}`);
  return port;
}

function parseLong(property: Property, text: string): bigint {
  const value = /^[-+]?[0-9]{1,19}$/.test(text) ? BigInt(text.replace(/^\+/, "")) : null;
  if (value === null || BigInt.asIntN(64, value) !== value) {
    throw complaint(property, `For input string: "${text}"`, {
      hint: "a 64-bit decimal number belongs here",
    });
  }
  return value;
}

function parseVersion(property: Property): bigint {
  if (!/^[0-9a-fA-F]{1,16}$/.test(property.value)) {
    throw complaint(property, `For input string: "${property.value}"`, {
      hint: "a version is hexadecimal without 0x",
    });
  }
  return BigInt.asIntN(64, BigInt(`0x${property.value}`));
}

/** Like Java's String.split with a plain separator: empty pieces at the end are left out. */
function javaSplit(text: string, separator: string): string[] {
  const pieces = text.split(separator);
  while (pieces.length > 1 && pieces[pieces.length - 1] === "") pieces.pop();
  return pieces;
}

function complaint(property: Property, message: string, more: { hint?: string } = {}): Fault {
  return new Fault("CONFIG", message, {
    where: `${property.key}, line ${property.line}`,
    key: property.key,
    line: property.line,
    ...more,
  });
}

// ---- printing -------------------------------------------------------------------------------

/** The membership as Java prints it: members, groups, weights, `version=<hex>`; no final newline. */
export function membershipText(membership: Membership): string {
  const version = `version=${BigInt.asUintN(64, membership.version).toString(16)}`;
  return [...membershipLines(membership), version].join("\n");
}

/** The content of a dynamic file: sorted lines, no version (the file's name carries it). */
export function dynamicFileText(membership: Membership, keepVersion = false): string {
  const lines = keepVersion ? membershipText(membership).split("\n") : membershipLines(membership);
  return lines.sort().join("\n");
}

function membershipLines(membership: Membership): string[] {
  const lines: string[] = [];
  for (const sid of javaOrder(membership.members.keys())) {
    const member = membership.members.get(sid);
    if (member !== undefined) lines.push(`server.${sid}=${memberText(member)}`);
  }
  if (membership.groups === null || membership.weights === null) return lines;
  const groups = new Map<bigint, Sid[]>();
  for (const sid of javaOrder(membership.groups.keys())) {
    const gid = membership.groups.get(sid) ?? 0n;
    groups.set(gid, [...groups.get(gid) ?? [], sid]);
  }
  for (const gid of javaOrder(groups.keys())) {
    lines.push(`group.${gid}=${(groups.get(gid) ?? []).join(":")}`);
  }
  for (const sid of javaOrder(membership.weights.keys())) {
    lines.push(`weight.${sid}=${membership.weights.get(sid)}`);
  }
  return lines;
}

/** One member as Java prints it: `host:q:e[|...]:role[;host:port][;host:port]`. */
export function memberText(member: Member): string {
  const addresses = [...member.addresses]
    .sort((a, b) => a.host < b.host ? -1 : a.host > b.host ? 1 : 0)
    .map((address) => `${bracketed(address.host)}:${address.quorumPort}:${address.electionPort}`);
  let text = `${addresses.join("|")}:${member.role}`;
  if (member.clientHost !== null) text += `;${bracketed(member.clientHost)}:${member.clientPort}`;
  if (member.secureClientHost !== null) {
    if (member.clientHost === null) text += ";";
    text += `;${bracketed(member.secureClientHost)}:${member.secureClientPort}`;
  }
  return text;
}

/** A host as it stands before a colon: IPv6 literals in brackets. */
export function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/**
 * Ids in the order in which a Java HashMap of longs iterates: by bucket. Readers do not depend on
 * it; two servers that read the same membership should print the same bytes. (After an incremental
 * reconfig a Java leader prints from a smaller copy of its map, so 9 may come before 2 there.)
 */
export function javaOrder(ids: Iterable<bigint>): bigint[] {
  const sorted = [...ids].sort((a, b) => a < b ? -1 : a > b ? 1 : 0);
  let buckets = 16;
  while (sorted.length > buckets * 0.75) buckets *= 2;
  const bucket = (id: bigint): number => {
    const folded = Number(BigInt.asIntN(32, id ^ (BigInt.asUintN(64, id) >> 32n)));
    return (folded ^ (folded >>> 16)) & (buckets - 1);
  };
  return sorted
    .map((id) => ({ id, at: bucket(id) }))
    .sort((a, b) => a.at - b.at)
    .map(({ id }) => id);
}

// ---- comparing ------------------------------------------------------------------------------

/** Java's equality: of one kind, and the same version or the same content. */
export function sameMembership(a: Membership, b: Membership): boolean {
  if ((a.groups === null) !== (b.groups === null)) return false;
  return a.version === b.version || sameContent(a, b);
}

/** Whether two memberships say the same, whatever their versions. */
export function sameContent(a: Membership, b: Membership): boolean {
  return membershipText({ ...a, version: 0n }) === membershipText({ ...b, version: 0n });
}

export function votersOf(membership: Membership): Member[] {
  return [...membership.members.values()].filter((member) => member.role === "participant");
}

export function observersOf(membership: Membership): Member[] {
  return [...membership.members.values()].filter((member) => member.role === "observer");
}
