// From one Config to the options of each room: the only place that knows both. What a role needs
// beyond its configuration (epochs, zxids) is added where the role is made.

import type { PagesOptions } from "../admin/pages.ts";
import type { AuthOptions } from "../auth/options.ts";
import { COUNTER_MAX, type Epoch, type Sid } from "../base/ids.ts";
import type { Address } from "../ports.ts";
import type { PrepareOptions } from "../server/prepare.ts";
import type { ReconfigPlanner } from "../server/request.ts";
import type { ServerOptions } from "../server/options.ts";
import type { TreeOptions } from "../tree/tree.ts";
import type { Electorate } from "../zab/election.ts";
import { Quorums } from "../zab/quorums.ts";
import type { Config, Membership } from "./config.ts";
import { configText } from "./config.ts";
import type { ElectionPlace, ElectionPortOptions } from "./election_port.ts";
import type { LeaderPortOptions } from "./leader_port.ts";
import type { LearnerPortOptions } from "./learner_port.ts";

export function authOptions(config: Config): AuthOptions {
  const enforced = config.enforceAuthEnabled
    ? config.enforceAuthSchemes
    : config.requireClientSasl
    ? ["sasl"]
    : null;
  return {
    skipACL: config.skipAcl,
    digestEnabled: config.digestAuthEnabled,
    digestAlg: config.digestAlgorithm,
    superDigest: config.superDigest,
    saslEnabled: config.authSchemes.has("sasl"),
    letAnySaslUserDoX: config.letAnySaslUserDoX,
    saslSuperUsers: [...config.superUsers],
    x509Enabled: config.authSchemes.has("x509") || config.secureClient !== null,
    x509SuperUser: config.x509SuperUser,
    ensembleEnabled: config.authSchemes.has("ensemble"),
    ensembleAuthNames: config.ensembleNames.length > 0 ? config.ensembleNames : null,
    enforcedSchemes: enforced,
  };
}

/** This member's share of the limit on queued requests (client.md 8.7). */
function outstandingShare(config: Config): number {
  const voters = votersOf(config.membership).length;
  const limit = config.globalOutstandingLimit;
  return voters > 2 ? Math.max(1, Math.floor(limit / (voters - 1))) : limit;
}

export const votersOf = (membership: Membership): Sid[] =>
  [...membership.members.values()].filter((m) => m.role === "participant").map((m) => m.sid);

export function serverOptions(config: Config): ServerOptions {
  const auth = authOptions(config);
  return {
    tickTimeMs: config.tickTimeMs,
    minSessionTimeoutMs: config.minSessionTimeoutMs,
    maxSessionTimeoutMs: config.maxSessionTimeoutMs,
    frameLimit: config.juteMaxBuffer,
    recordLimit: recordLimit(config),
    auth,
    eagerAclCheck: config.enableEagerAclCheck,
    localSessions: config.localSessionsEnabled,
    localSessionsUpgrading: config.localSessionsUpgradingEnabled,
    sessionlessTimeoutMs: config.sessionlessCnxnTimeoutMs,
    reapIntervalMs: config.containerCheckIntervalMs,
    reapsPerMinute: config.containerMaxPerMinute,
    neverUsedContainerMs: config.containerMaxNeverUsedMs,
    throttle: {
      maxClientCnxns: config.maxClientCnxns,
      maxCnxns: config.maxCnxns,
      outstandingLimit: outstandingShare(config),
      maxRequests: config.requestThrottleMax,
      throttledOpWaitMs: config.throttledOpWaitMs,
      largeRequestThreshold: config.largeRequestThreshold,
      largeRequestMaxBytes: config.largeRequestMaxBytes,
      tokens: config.throttleTokens,
      tokenFillMs: config.throttleFillTimeMs,
      tokenFillCount: config.throttleFillCount,
      freezeMs: config.throttleFreezeTimeMs,
      dropIncrease: config.throttleDropIncrease,
      dropDecrease: config.throttleDropDecrease,
      decreaseRatio: config.throttleDecreaseRatio,
      weightsEnabled: config.throttleWeightEnabled,
      globalWeight: config.throttleGlobalWeight,
      renewWeight: config.throttleRenewWeight,
      localWeight: config.throttleLocalWeight,
    },
  };
}

/** Longest string or buffer inside a record: the frame limit and its extra (client.md 1.2). */
export const recordLimit = (config: Config): number =>
  Math.min(0x7fffffff, config.juteMaxBuffer + Math.max(1024, config.juteMaxBufferExtra));

export function prepareOptions(
  config: Config,
  reconfig: ReconfigPlanner | null,
  quotaExceeded: (path: string) => void,
  othersApply: boolean,
): PrepareOptions {
  return {
    auth: authOptions(config),
    owners: {
      extendedTypes: config.extendedTypesEnabled,
      emulate353Ttl: config.emulate353TtlNodes,
    },
    digests: config.digestEnabled,
    closeSessionPaths: config.closeSessionTxnEnabled,
    othersApply,
    enforceQuota: config.enforceQuota,
    quotaExceeded,
    reconfigEnabled: config.reconfigEnabled,
    reconfig,
    recordLimit: recordLimit(config),
  };
}

export function adminPagesOptions(config: Config): PagesOptions {
  return {
    commandUrl: config.adminCommandUrl,
    auth: authOptions(config),
    snapshotEnabled: config.adminSnapshotEnabled,
    restoreEnabled: config.adminRestoreEnabled,
    serializeLastZxid: config.serializeLastProcessedZxid,
    rateLimitIntervalMs: config.adminRateLimitIntervalMs,
    useForwardedFor: config.adminUseForwardedFor,
  };
}

export function treeOptions(config: Config, note: TreeOptions["note"]): TreeOptions {
  return {
    digest: config.digestEnabled,
    extendedTypes: config.extendedTypesEnabled,
    emulate353Ttl: config.emulate353TtlNodes,
    note,
  };
}

/** What the election must know of the memberships in force. */
export function electorateOf(
  config: Config,
  committed: Membership,
  lastSeen: Membership | null,
): Electorate {
  const quorums = new Quorums(committed, lastSeen);
  const own = committed.members.get(config.sid);
  return {
    sid: config.sid,
    voters: quorums.voters,
    isVoter: quorums.committed.isVoter(config.sid),
    isObserver: own?.role === "observer",
    weightOf: (sid) => quorums.committed.weightOf(sid),
    isQuorum: (sids) => quorums.holds(sids),
    configText: configText(committed),
    configVersion: committed.version,
  };
}

/** Election addresses of a member, for dialling. */
export function electionAddresses(membership: Membership, sid: Sid): Address[] {
  const member = membership.members.get(sid);
  return member?.addresses.map(({ host, electionPort }) => ({ host, port: electionPort })) ?? [];
}

export function quorumAddresses(membership: Membership, sid: Sid): Address[] {
  const member = membership.members.get(sid);
  return member?.addresses.map(({ host, quorumPort }) => ({ host, port: quorumPort })) ?? [];
}

/** Where to listen: the configured addresses, or their ports, each once, on all of this machine's. */
export const bindAddresses = (config: Config, addresses: readonly Address[]): Address[] =>
  config.quorumListenOnAllIPs
    ? [...new Set(addresses.map(({ port }) => port))].map((port) => ({ host: "", port }))
    : [...addresses];

/** Where this server is found by elections under that membership; nowhere when it is not in it. */
export function electionPlace(config: Config, membership: Membership): ElectionPlace {
  const own = electionAddresses(membership, config.sid);
  return { bind: bindAddresses(config, own), advertise: own };
}

export function electionPortOptions(config: Config): ElectionPortOptions {
  const syncMs = config.syncLimitTicks * config.tickTimeMs;
  return {
    sid: config.sid,
    ...electionPlace(config, config.membership),
    multiAddress: config.multiAddressEnabled,
    connectTimeoutMs: config.electionConnectTimeoutMs,
    helloWithinMs: config.quorumCnxnTimeoutMs > 0 ? config.quorumCnxnTimeoutMs : syncMs,
    bindTries: config.electionPortBindRetry,
    keepAlive: config.tcpKeepAlive,
    minNotificationMs: config.minNotificationIntervalMs,
    maxNotificationMs: config.maxNotificationIntervalMs,
    finalizeWaitMs: 200,
  };
}

export function leaderPortOptions(
  config: Config,
  committed: Membership,
  lastSeen: Membership | null,
  epochFloor: Epoch,
): LeaderPortOptions {
  return {
    sid: config.sid,
    epochFloor,
    bind: bindAddresses(config, quorumAddresses(committed, config.sid)),
    committed,
    lastSeen,
    configText: configText(lastSeen ?? committed),
    tickMs: config.tickTimeMs,
    initLimit: config.initLimitTicks,
    syncLimit: config.syncLimitTicks,
    snapSyncsMax: config.maxConcurrentSnapSyncs,
    diffSyncsMax: config.maxConcurrentDiffSyncs,
    maxTimeToWaitForEpochMs: config.maxTimeToWaitForEpochMs || -1,
    counterMax: BigInt(Math.min(config.zxidCounterMax, Number(COUNTER_MAX))),
    forceSnapshot: config.forceSnapshotSync,
    packetLimit: recordLimit(config),
    keepAlive: config.tcpKeepAlive,
    servesClients: config.leaderServes,
  };
}

export function learnerPortOptions(
  config: Config,
  committed: Membership,
  leader: Sid,
  isObserver: boolean,
): LearnerPortOptions {
  const connectTicks = config.connectToLearnerMasterLimitTicks || config.initLimitTicks;
  return {
    sid: config.sid,
    isObserver,
    leader,
    addresses: quorumAddresses(committed, leader),
    configVersion: committed.version,
    tickMs: config.tickTimeMs,
    initLimit: config.initLimitTicks,
    syncLimit: config.syncLimitTicks,
    logs: !isObserver || String(config.observerSyncEnabled ?? config.syncEnabled) === "true",
    connectWithinMs: connectTicks * config.tickTimeMs,
    connectPauseMs: config.leaderConnectDelayMs,
    packetLimit: recordLimit(config),
  };
}

/**
 * What is configured and not built yet. `refused`: to go on without it would be unsafe, or would shut
 * every client out. `missing`: the server serves, without it.
 */
export function unbuilt(config: Config): { refused: string[]; missing: string[] } {
  const refused: string[] = [];
  const missing: string[] = [];
  const { requireClientSasl, enforceAuthEnabled, enforceAuthSchemes } = config;
  if (config.sslQuorum || config.portUnification) {
    refused.push("TLS between members (sslQuorum, portUnification)");
  }
  if (config.secureClient !== null || config.clientPortUnification) {
    refused.push("TLS for clients (secureClientPort, client.portUnification)");
  }
  if (config.adminEnabled && (config.adminForceHttps || config.adminPortUnification)) {
    refused.push("TLS for the AdminServer (admin.forceHttps, admin.portUnification)");
  }
  if (config.quorumSaslEnabled) refused.push("SASL between members (quorum.auth.enableSasl)");
  if (config.jaasConfigPath !== null || requireClientSasl) {
    refused.push(
      "SASL for clients (java.security.auth.login.config, sessionRequireClientSASLAuth)",
    );
  }
  if (enforceAuthEnabled && !enforceAuthSchemes.some((s) => s === "digest" || s === "ip")) {
    refused.push(`any of the enforced schemes (${enforceAuthSchemes.join(", ")})`);
  }
  if (config.metricsProvider === "prometheus") missing.push("the Prometheus endpoint");
  if (config.readOnlyModeEnabled) missing.push("read-only mode");
  if (config.reconfigEnabled) missing.push("the reconfig operation as a leader");
  if (config.auditEnabled) missing.push("the audit log");
  return { refused, missing };
}
