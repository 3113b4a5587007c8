// zoo.cfg, dynamic files, myid and overrides into one frozen Config, or a list of complaints with the
// exit code each one deserves. Decides what a server is told: mode, membership, every setting. Reads
// through an argument, so it does no I/O itself; what needs the disk or DNS (do directories exist,
// does a name resolve) is the host's to check. Must agree with QuorumPeerConfig (operations.md 1),
// except that the command line wins over the file, unknown keys are warned of, and values that Java
// would silently replace by a default are refused.

import type { Sid } from "../base/ids.ts";
import {
  builtIn,
  collect,
  type Complaint,
  type Entry,
  fileEntries,
  type Override,
  readable,
  Report,
} from "./config_entries.ts";
import { METRICS_PROVIDERS } from "./config_keys.ts";
import { PLAIN, QUORUM_TLS, TLS, type Values } from "./config_keys_access.ts";
import { decideMode, membershipRules, readMembership } from "./config_membership.ts";
import {
  checkSettings,
  type Effective,
  type Leftovers,
  leftovers,
  type Plain,
  SettingReader,
  whitelist,
} from "./config_settings.ts";
import { canonicalHost, type Member, type Membership, NO_MEMBERS } from "./dynamic_config.ts";

export type { Effective } from "./config_settings.ts";
export type { Complaint, Override } from "./config_entries.ts";
export type { Member, MemberAddress, MemberRole, Membership } from "./dynamic_config.ts";
export {
  bracketed,
  dynamicFileText,
  membershipText as configText,
  parseMembership,
  sameMembership,
} from "./dynamic_config.ts";

export interface HostPort {
  /** Null: any address. */
  readonly host: string | null;
  readonly port: number;
}

/** Every honoured setting: fields and types come from the rows of config_keys*.ts. */
export type Settings = Omit<Values<typeof PLAIN>, "dataDir" | "dataLogDir">;
export type TlsSettings = Values<typeof TLS>;

export interface Config extends Settings, Leftovers {
  readonly mode: "standalone" | "quorum";
  /** This server's id; 0 in standalone without a myid. */
  readonly sid: Sid;
  readonly isObserver: boolean;
  /** Parents of `version-2`. */
  readonly dataDir: string;
  readonly dataLogDir: string;
  /** Client listeners, after the merge with this member's own line; null when there is none. */
  readonly client: HostPort | null;
  readonly secureClient: HostPort | null;
  readonly tls: TlsSettings;
  readonly quorumTls: TlsSettings;
  /** Members with the version of the configuration; empty in standalone. */
  readonly membership: Membership;
  /** The last seen, not yet committed one of `<file>.dynamic.next`. */
  readonly nextMembership: Membership | null;
  /** The file with the settings, and the one with the members when that is another. */
  readonly configPath: string | null;
  readonly dynamicConfigPath: string | null;
  readonly metricsProvider: "default" | "null" | "prometheus";
  /** The file as read, secrets and all; whoever shows it hides them. */
  readonly configFileText: string;
  readonly effective: readonly Effective[];
}

export interface ConfigInput {
  /** zoo.cfg; null for a server told everything by overrides. */
  readonly path: string | null;
  /** A whole file, decoded as ISO-8859-1; null when it cannot be read. */
  readonly readFile: (path: string) => string | null;
  /** `key=value` that stand where a file would: below everything else. */
  readonly defaults?: readonly string[];
  /** Of the command line, in order; the last of a key wins, and all win over the file. */
  readonly overrides?: readonly Override[];
  /** `ZKPEER_<KEY>`: below the command line, above the file. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** `--myid`: a number, or `hostname` for the number at the end of `hostname`. */
  readonly myid?: string | null;
  readonly hostname?: string;
}

export type ConfigResult =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly Complaint[] }
  | { readonly ok: false; readonly exitCode: number; readonly complaints: readonly Complaint[] };

/**
 * The configuration that `input` describes. Never throws on what an operator can write: all errors
 * that can be found in one go are in `complaints` (warnings among them), errors first.
 */
export function loadConfig(input: ConfigInput): ConfigResult {
  const report = new Report();
  let configFileText = "";
  let entries: readonly Entry[] = builtIn(input.defaults ?? []);
  if (input.path !== null) {
    const content = input.readFile(input.path);
    if (content === null) {
      report.error(null, input.path, `${input.path} file is missing`, "name the file to read");
      return report.failed();
    }
    configFileText = content;
    entries = [...entries, ...fileEntries(content, input.path, report)];
  }
  const effective = collect(entries, input.overrides ?? [], input.env ?? {}, report);
  const config = build(input, configFileText, effective, report);
  if (config === null || report.hasErrors) return report.failed();
  return { ok: true, config, warnings: report.complaints };
}

/** What a server without a file is told: standalone on 2181, all addresses, data beside it. */
export const WITHOUT_FILE = [
  "clientPort=2181",
  "dataDir=./zkpeer-data",
  "tickTime=2000",
  "admin.enableServer=false", // nobody who wrote no file expects a second listener
];

/** A standalone server that needs no file. */
export function defaultConfig(
  options: {
    readonly clientPort?: number;
    readonly dataDir?: string;
    readonly overrides?: readonly string[];
  } = {},
): Config {
  const result = loadConfig({
    path: null,
    readFile: () => null,
    defaults: WITHOUT_FILE,
    overrides: [
      ...(options.clientPort === undefined ? [] : [`clientPort=${options.clientPort}`]),
      ...(options.dataDir === undefined ? [] : [`dataDir=${options.dataDir}`]),
      ...options.overrides ?? [],
    ],
  });
  if (result.ok) return result.config;
  throw new TypeError(result.complaints.map(complaintText).join("; "));
}

/** The overrides that stand for the old form of arguments: `port datadir [ticktime] [maxcnxns]`. */
export function standaloneArguments(args: readonly string[]): readonly string[] | null {
  if (args.length < 2 || args.length > 4) return null;
  const [port, dataDir, tickTime, maxCnxns] = args;
  return [
    `clientPort=${port}`,
    `dataDir=${dataDir}`,
    ...(tickTime === undefined ? [] : [`tickTime=${tickTime}`]),
    `maxClientCnxns=${maxCnxns ?? "0"}`,
    "admin.enableServer=false",
  ];
}

/** A complaint in one line: severity, place, message, what to do. */
export function complaintText(complaint: Complaint): string {
  const where = complaint.where === null ? "" : ` ${complaint.where}:`;
  const hint = complaint.hint === null ? "" : `; ${complaint.hint}`;
  return `${complaint.severity}:${where} ${complaint.message}${hint}`;
}

// ---- from entries to a Config ---------------------------------------------------------------

function build(
  input: ConfigInput,
  configFileText: string,
  entries: ReadonlyMap<string, Entry>,
  report: Report,
): Config | null {
  const values = new SettingReader(entries, report);
  const plain = values.read(PLAIN);
  const tls = values.read(TLS);
  const quorumTls = values.read(QUORUM_TLS);
  values.judgeRest();
  const rest = leftovers(entries, report);
  checkSettings(plain, values, report);

  if (plain.dataDir === null) {
    report.error("dataDir", null, "dataDir is not set", "every server needs a place for its data");
    return null;
  }
  const rules = membershipRules(plain);
  const found = readMembership(input, plain, entries, rules, report);
  const mode = decideMode(input, plain, found.membership, report);
  const own = mode.sid === null ? undefined : found.membership.members.get(mode.sid);
  const client = mergedClient(plain, own, values, report);
  const secureClient = secureClientOf(plain, own, values, report);
  const tickTimeMs = plain.tickTimeMs;
  const minSessionTimeoutMs = plain.minSessionTimeoutMs === -1
    ? 2 * tickTimeMs
    : plain.minSessionTimeoutMs;
  const maxSessionTimeoutMs = plain.maxSessionTimeoutMs === -1
    ? 20 * tickTimeMs
    : plain.maxSessionTimeoutMs;
  if (minSessionTimeoutMs > maxSessionTimeoutMs) {
    report.error(
      "minSessionTimeout",
      values.where("minSessionTimeout"),
      "minSessionTimeout must not be larger than maxSessionTimeout",
      `they are ${minSessionTimeoutMs} and ${maxSessionTimeoutMs} ms`,
    );
  }
  const isObserver = own?.role === "observer";
  const config: Config = {
    ...plain,
    mode: mode.name,
    sid: mode.sid ?? 0n,
    isObserver,
    peerType: isObserver ? "observer" : "participant",
    dataDir: plain.dataDir,
    dataLogDir: plain.dataLogDir ?? plain.dataDir,
    client,
    secureClient,
    clientPort: client?.port ?? null,
    clientPortAddress: client?.host ?? null,
    secureClientPort: secureClient?.port ?? null,
    secureClientPortAddress: secureClient?.host ?? null,
    adminAddress: unbracketed(plain.adminAddress),
    minSessionTimeoutMs,
    maxSessionTimeoutMs,
    connectToLearnerMasterLimitTicks: plain.connectToLearnerMasterLimitTicks ||
      plain.initLimitTicks,
    quorumCnxnTimeoutMs: plain.quorumCnxnTimeoutMs === -1
      ? plain.syncLimitTicks * tickTimeMs
      : plain.quorumCnxnTimeoutMs,
    maxTimeToWaitForEpochMs: plain.maxTimeToWaitForEpochMs === -1
      ? plain.initLimitTicks * tickTimeMs
      : plain.maxTimeToWaitForEpochMs,
    juteMaxBufferExtra: plain.juteMaxBufferExtra === -1
      ? plain.juteMaxBuffer
      : plain.juteMaxBufferExtra,
    syncEnabled: plain.observerSyncEnabled === null
      ? plain.syncEnabled
      : plain.observerSyncEnabled === "true",
    fourLetterWords: whitelist(plain.fourLetterWords, plain.readOnlyModeEnabled),
    tls,
    quorumTls,
    membership: mode.name === "quorum" ? found.membership : NO_MEMBERS,
    nextMembership: mode.name === "quorum" ? found.next : null,
    configPath: input.path,
    dynamicConfigPath: found.dynamicPath,
    metricsProvider: METRICS_PROVIDERS.get(plain.metricsProviderClass) ?? "default",
    ...rest,
    configFileText,
    effective: values.effective(),
  };
  Object.freeze(config.effective);
  return Object.freeze(config);
}

/** The client listener: clientPort of the static file and this member's own line must agree. */
function mergedClient(
  plain: Plain,
  own: Member | undefined,
  values: SettingReader,
  report: Report,
): HostPort | null {
  if (plain.clientPort === null && plain.clientPortAddress !== null) {
    report.error(
      "clientPortAddress",
      values.where("clientPortAddress"),
      "clientPortAddress is set but clientPort is not set",
    );
    return null;
  }
  const fixed = plain.clientPort === null
    ? null
    : { host: anyIsNull(plain.clientPortAddress), port: plain.clientPort };
  if (own === undefined || own.clientPort === null) return fixed;
  const dynamic = { host: anyIsNull(own.clientHost), port: own.clientPort };
  if (fixed === null) return dynamic;
  const isSame = fixed.host === null || isSameHost(fixed.host, dynamic.host);
  if (fixed.port !== dynamic.port || isSame === false) {
    report.error(
      "clientPort",
      values.where("clientPort"),
      `client address for this server (id = ${own.sid}) in static config file is ` +
        `${readable(fixed)} is different from client address found in dynamic file: ` +
        readable(dynamic),
      "give it in one place only",
    );
  } else if (isSame === null) {
    report.warn(
      "clientPortAddress",
      values.where("clientPortAddress"),
      `${readable(fixed)} must be the same as ${readable(dynamic)} of server.${own.sid}, which ` +
        "counts",
      "give it in one place only",
    );
  }
  return dynamic;
}

/** Java compares what names resolve to; here a name may be any address: null. */
function isSameHost(a: string, b: string | null): boolean | null {
  if (b === null) return false;
  if (canonicalHost(a) === canonicalHost(b)) return true;
  return isLiteral(a) && isLiteral(b) ? false : null;
}

const isLiteral = (host: string): boolean => host.includes(":") || /^[0-9.]+$/.test(host);

function secureClientOf(
  plain: Plain,
  own: Member | undefined,
  values: SettingReader,
  report: Report,
): HostPort | null {
  if (plain.secureClientPort === null && plain.secureClientPortAddress !== null) {
    report.error(
      "secureClientPortAddress",
      values.where("secureClientPortAddress"),
      "secureClientPortAddress is set but secureClientPort is not set",
    );
    return null;
  }
  if (own !== undefined && own.secureClientPort !== null) {
    return { host: anyIsNull(own.secureClientHost), port: own.secureClientPort };
  }
  if (plain.secureClientPort === null) return null;
  return { host: anyIsNull(plain.secureClientPortAddress), port: plain.secureClientPort };
}

function anyIsNull(written: string | null): string | null {
  if (written === null || written === "") return null;
  const host = unbracketed(written);
  return ["0.0.0.0", "0:0:0:0:0:0:0:0"].includes(canonicalHost(host)) ? null : host;
}

/** An IPv6 literal may stand in brackets wherever Java looks an address up. */
function unbracketed(host: string): string {
  return /^\[.*:.*\]$/.test(host) ? host.slice(1, -1) : host;
}
