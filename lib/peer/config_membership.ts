// Which members there are and which of them this server is: member lines of the static file or of the
// dynamic file, its `.next` sibling, myid, and the mode that follows. Must agree with
// QuorumPeerConfig's parseDynamicConfig, setupMyId and checkValidity (operations.md 1.2, 1.5, 1.7).

import type { Sid } from "../base/ids.ts";
import type { Entry, Report } from "./config_entries.ts";
import { keyNamed } from "./config_keys_access.ts";
import { lastOfEach, parseProperties, type Property } from "./config_properties.ts";
import { nextFileOf } from "./config_rewrite.ts";
import {
  isMembershipKey,
  type Membership,
  membershipOf,
  type MembershipRules,
  NO_MEMBERS,
  observersOf,
  parseMembership,
  votersOf,
} from "./dynamic_config.ts";

/** What of the settings decides about members. */
export interface MembershipSettings {
  readonly dataDir: string | null;
  readonly dynamicConfigFile: string | null;
  readonly multiAddressEnabled: boolean;
  readonly standaloneEnabled: boolean;
  readonly initLimitTicks: number;
  readonly syncLimitTicks: number;
  readonly peerType: string;
  readonly extendedTypesEnabled: boolean;
  readonly emulate353TtlNodes: boolean;
}

export interface MembershipInput {
  readonly path: string | null;
  readonly readFile: (path: string) => string | null;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly myid?: string | null;
  readonly hostname?: string;
}

export interface FoundMembership {
  readonly membership: Membership;
  readonly next: Membership | null;
  readonly dynamicPath: string | null;
}

export function membershipRules(settings: MembershipSettings): MembershipRules {
  return { multiAddress: settings.multiAddressEnabled };
}

/** The members that the files name; none when there are none, or when they cannot be read. */
export function readMembership(
  input: MembershipInput,
  settings: MembershipSettings,
  entries: ReadonlyMap<string, Entry>,
  rules: MembershipRules,
  report: Report,
): FoundMembership {
  const path = settings.dynamicConfigFile;
  // `server.realm` and `server.principal` are settings of SASL, no members.
  const own = [...entries.values()].filter(({ key }) =>
    isMembershipKey(key) && keyNamed(key) === null
  );
  if (path === null) {
    try {
      // Java takes the version of a membership from the static file as well.
      const version = entries.get("version");
      const membership = membershipOf(version === undefined ? own : [...own, version], rules);
      return { membership, next: null, dynamicPath: null };
    } catch (error) {
      report.fault(error, (key) => entries.get(key ?? "")?.where ?? input.path ?? "--set");
      return { membership: NO_MEMBERS, next: null, dynamicPath: null };
    }
  }
  for (const entry of own) {
    report.error(
      entry.key,
      entry.where,
      `parameter: ${entry.key} must be in a separate dynamic config file`,
      `move it to ${path}, or remove dynamicConfigFile`,
    );
  }
  const where = entries.get("dynamicConfigFile")?.where ?? null;
  const membership = dynamicMembership(input, path, where, rules, report);
  return { membership, next: nextMembership(input, rules, report), dynamicPath: path };
}

function dynamicMembership(
  input: MembershipInput,
  path: string,
  where: string | null,
  rules: MembershipRules,
  report: Report,
): Membership {
  const content = input.readFile(path);
  if (content === null) {
    report.error(
      "dynamicConfigFile",
      where,
      `Error processing ${path} (No such file or directory)`,
      "restore the file, or put the member lines back and remove dynamicConfigFile",
    );
    return NO_MEMBERS;
  }
  try {
    const properties = [...lastOfEach(parseProperties(content)).values()];
    warnOfDuplicates(parseProperties(content), path, report);
    if (properties.some((property) => property.key === "version")) {
      report.error(
        "version",
        path,
        "dynamic file shouldn't have version inside",
        "the version is the end of the file's name",
      );
      return NO_MEMBERS;
    }
    return { ...parseMembership(content, rules), version: versionOfFileName(path) };
  } catch (error) {
    report.fault(error, (_key, line) => line === null ? path : `${path}:${line}`);
    return NO_MEMBERS;
  }
}

function warnOfDuplicates(properties: readonly Property[], path: string, report: Report): void {
  const seen = new Map<string, number>();
  for (const { key, line } of properties) {
    const before = seen.get(key);
    if (before !== undefined) {
      report.warn(key, `${path}:${line}`, `${key} was already set on line ${before}`);
    }
    seen.set(key, line);
  }
}

/** The hexadecimal version after the last dot of a dynamic file's name; 0 when there is none. */
export function versionOfFileName(path: string): bigint {
  const suffix = /\.([0-9a-fA-F]{1,16})$/.exec(path);
  return suffix === null ? 0n : BigInt.asIntN(64, BigInt(`0x${suffix[1]}`));
}

function nextMembership(
  input: MembershipInput,
  rules: MembershipRules,
  report: Report,
): Membership | null {
  if (input.path === null) return null;
  const path = nextFileOf(input.path);
  const content = input.readFile(path);
  if (content === null) return null;
  try {
    return parseMembership(content, rules);
  } catch (error) {
    report.fault(error, (_key, line) => line === null ? path : `${path}:${line}`);
    return null;
  }
}

// ---- mode and myid --------------------------------------------------------------------------

export interface Mode {
  readonly name: "standalone" | "quorum";
  readonly sid: Sid | null;
}

/** The mode of operations.md 1.2 and this server's id, with the complaints that belong to it. */
export function decideMode(
  input: MembershipInput,
  settings: MembershipSettings,
  membership: Membership,
  report: Report,
): Mode {
  const voters = votersOf(membership).length;
  const observers = observersOf(membership).length;
  checkCounts(voters, observers, settings.standaloneEnabled, report);
  const isQuorum = voters > 1 || (voters > 0 && !settings.standaloneEnabled);
  const sid = ownSid(input, settings, report);
  if (!isQuorum) return { name: "standalone", sid };
  if (settings.initLimitTicks <= 0) {
    report.error("initLimit", null, "initLimit is not set", "an ensemble needs it, in ticks");
  }
  if (settings.syncLimitTicks <= 0) {
    report.error("syncLimit", null, "syncLimit is not set", "an ensemble needs it, in ticks");
  }
  if (sid === null) {
    if (!report.hasErrors) {
      report.error(
        "myid",
        myidFile(settings),
        "myid file is missing",
        "write this server's number N of server.N into it, or start with --myid N",
      );
    }
    return { name: "quorum", sid };
  }
  checkOwnSid(sid, settings, membership, report);
  return { name: "quorum", sid };
}

function checkCounts(
  voters: number,
  observers: number,
  standaloneEnabled: boolean,
  report: Report,
): void {
  if (voters === 0) {
    if (!standaloneEnabled) {
      report.error(
        "standaloneEnabled",
        null,
        "standaloneEnabled = false then number of participants should be >0",
      );
    }
    if (observers > 0) {
      report.error(null, null, "Observers w/o participants is an invalid configuration");
    }
  } else if (voters === 1 && standaloneEnabled) {
    if (observers > 0) {
      report.error(null, null, "Observers w/o quorum is an invalid configuration");
    } else {
      report.warn(
        null,
        null,
        "Invalid configuration, only one server specified (ignoring)",
        "this server runs standalone; standaloneEnabled=false makes a quorum of one",
      );
    }
  } else if (voters <= 2) {
    report.warn(
      null,
      null,
      "No server failure will be tolerated. You need at least 3 servers.",
    );
  } else if (voters % 2 === 0) {
    report.warn(null, null, "Non-optimal configuration, consider an odd number of servers.");
  }
}

function myidFile(settings: MembershipSettings): string {
  return `${settings.dataDir ?? ""}/myid`;
}

/** The id from `--myid`, ZKPEER_MYID, or the file, in that order; null when there is none. */
function ownSid(input: MembershipInput, settings: MembershipSettings, report: Report): Sid | null {
  const inFile = settings.dataDir === null ? null : input.readFile(myidFile(settings));
  // A trailing blank is fatal in Java (operations.md 9, trap 15).
  const line = inFile === null ? null : inFile.split(/\r\n|\r|\n/)[0].trim();
  const told = input.myid ?? input.env?.ZKPEER_MYID ?? null;
  if (told === null) return line === null ? null : parseSid(line, myidFile(settings), report);
  const where = input.myid === undefined || input.myid === null ? "ZKPEER_MYID" : "--myid";
  let text = told.trim();
  if (text === "hostname") {
    const ordinal = /([0-9]+)$/.exec((input.hostname ?? "").split(".")[0]);
    if (ordinal === null) {
      report.error(
        "myid",
        where,
        `the host name ${input.hostname ?? "(none)"} does not end with a number`,
        "name the number instead of hostname",
      );
      return null;
    }
    // Pods of a stateful set count from 0, ids from 1.
    text = String(BigInt(ordinal[1]) + 1n);
  }
  if (line !== null && line !== text) {
    report.warn("myid", where, `${where} ${text} wins over ${line} in ${myidFile(settings)}`);
  }
  return parseSid(text, where, report);
}

function parseSid(text: string, where: string, report: Report): Sid | null {
  const value = /^[-+]?[0-9]{1,19}$/.test(text) ? BigInt(text.replace("+", "")) : null;
  if (value !== null && BigInt.asIntN(64, value) === value) return value;
  report.error("myid", where, `serverid ${text || "null"} is not a number`, "allowed: 1 to 255");
  return null;
}

function checkOwnSid(
  sid: Sid,
  settings: MembershipSettings,
  membership: Membership,
  report: Report,
): void {
  const own = membership.members.get(sid);
  if (own === undefined) {
    const sids = [...membership.members.keys()].join(", ");
    report.error(
      "myid",
      myidFile(settings),
      `My id ${sid} is not in the peer list`,
      `the members are ${sids}; add a server.${sid} line or correct myid`,
      1,
    );
    return;
  }
  const most = settings.emulate353TtlNodes ? 127n : settings.extendedTypesEnabled ? 254n : 255n;
  if (sid > most && most < 255n) {
    report.error(
      "myid",
      myidFile(settings),
      `server id ${sid} is too large`,
      `with these kinds of nodes ids go up to ${most}`,
      1,
    );
  } else if (sid > most || sid < 0n) {
    report.warn(
      "myid",
      myidFile(settings),
      `session ids carry only the low 8 bits of server id ${sid}`,
      "keep ids from 1 to 255, different in their low 8 bits",
    );
  }
  if (own.role !== settings.peerType.toLowerCase()) {
    report.warn(
      "peerType",
      null,
      `Peer type from servers list (${own.role.toUpperCase()}) doesn't match peerType ` +
        `(${settings.peerType.toUpperCase()}). Defaulting to servers list.`,
      own.role === "observer" ? "add peerType=observer" : null,
    );
  }
}
