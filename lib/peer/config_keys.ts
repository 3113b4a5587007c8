// The keys that zoo.cfg's own parser knows by name (operations.md 1.3), one row each. The rows drive
// parsing, `serve --check-config` and the documentation. Property keys are in config_keys_system.ts
// and config_keys_access.ts; `server.N`, `group.N`, `weight.N` are lines of dynamic_config.ts.
// Must agree with QuorumPeerConfig.parseProperties.

import {
  bool,
  honoured,
  hoursMs,
  ignored,
  int,
  type Key,
  long,
  maybePort,
  name,
  parsed,
  port,
  refused,
  text,
} from "./config_values.ts";

const SASL_PASSWORDS_ONLY =
  "Kerberos needs native code; SASL between members works with DIGEST-MD5 passwords only";

const NO_JVM = "there is no Java machine that pauses";

/** Honoured keys of 1.3: field of Config -> row. Numbers of ticks and times say so in the field. */
export const NAMED = {
  dataDir: parsed("dataDir", name, null, "S", "snapshots, myid and epoch files", {
    shown: "required",
  }),
  dataLogDir: parsed(
    "dataLogDir",
    name,
    null,
    "S",
    "transaction logs; best on a device of its own",
    {
      shown: "= dataDir",
    },
  ),
  clientPort: parsed(
    "clientPort",
    maybePort,
    null,
    "S",
    "plain client listener; 0 = any free port",
  ),
  clientPortAddress: parsed("clientPortAddress", name, null, "S", "bind address of clientPort", {
    shown: "any address",
  }),
  secureClientPort: parsed("secureClientPort", maybePort, null, "S", "TLS client listener", {
    remark: "needs no serverCnxnFactory",
  }),
  secureClientPortAddress: parsed(
    "secureClientPortAddress",
    name,
    null,
    "S",
    "bind address of the TLS listener",
    { shown: "any address" },
  ),
  clientPortListenBacklog: parsed(
    "clientPortListenBacklog",
    int(-1),
    -1,
    "S",
    "listen backlog; -1 = the system's",
  ),
  tickTimeMs: parsed("tickTime", int(1, 2147483647, "ms"), 3000, "A", "base unit of time"),
  maxClientCnxns: parsed(
    "maxClientCnxns",
    int(),
    60,
    "S",
    "connections per client address and listener; 0 = no limit",
  ),
  minSessionTimeoutMs: parsed(
    "minSessionTimeout",
    int(-1, 2147483647, "ms"),
    -1,
    "A",
    "lower clamp of the session timeout",
    { shown: "2 * tickTime" },
  ),
  maxSessionTimeoutMs: parsed(
    "maxSessionTimeout",
    int(-1, 2147483647, "ms"),
    -1,
    "A",
    "upper clamp of the session timeout",
    { shown: "20 * tickTime" },
  ),
  initLimitTicks: parsed(
    "initLimit",
    int(0, 2147483647, "ticks"),
    0,
    "L",
    "time for a learner to connect and catch up",
    { shown: "required in an ensemble" },
  ),
  syncLimitTicks: parsed(
    "syncLimit",
    int(0, 2147483647, "ticks"),
    0,
    "A",
    "how far a learner may lag before its link is dropped",
    { shown: "required in an ensemble" },
  ),
  connectToLearnerMasterLimitTicks: parsed(
    "connectToLearnerMasterLimit",
    int(0, 2147483647, "ticks"),
    0,
    "S",
    "time for the connect to the leader alone",
    { shown: "= initLimit" },
  ),
  electionAlg: parsed("electionAlg", int(), 3, "A", "election algorithm; there is only 3"),
  quorumListenOnAllIPs: parsed(
    "quorumListenOnAllIPs",
    bool,
    false,
    "S",
    "bind quorum and election ports on the wildcard address",
  ),
  peerType: parsed(
    "peerType",
    text,
    "participant",
    "S",
    "participant or observer; the member list wins",
  ),
  syncEnabled: parsed("syncEnabled", bool, true, "S", "an observer keeps a log and snapshots"),
  dynamicConfigFile: parsed("dynamicConfigFile", name, null, "S", "file with the membership"),
  snapRetainCount: parsed(
    "autopurge.snapRetainCount",
    int(),
    3,
    "S",
    "snapshots to keep when purging",
    {
      adjust: (value) =>
        value < 3
          ? { value: 3, why: "Invalid autopurge.snapRetainCount: at least 3 are kept" }
          : null,
    },
  ),
  purgeIntervalMs: parsed(
    "autopurge.purgeInterval",
    hoursMs,
    3_600_000,
    "S",
    "time between purges of old snapshots and logs; 0 = never",
    { shown: "1", remark: "Java's default is 0: it never purges unless told to" },
  ),
  standaloneEnabled: parsed(
    "standaloneEnabled",
    bool,
    true,
    "A",
    "one voter makes a standalone server instead of a quorum of one",
  ),
  reconfigEnabled: parsed(
    "reconfigEnabled",
    bool,
    false,
    "L",
    "membership may change at run time; members move to a dynamic file",
  ),
  sslQuorum: parsed("sslQuorum", bool, false, "A", "TLS on quorum and election links"),
  portUnification: parsed(
    "portUnification",
    bool,
    false,
    "A",
    "take TLS and plain links on the quorum ports",
  ),
  sslQuorumReloadCertFiles: parsed(
    "sslQuorumReloadCertFiles",
    bool,
    false,
    "S",
    "reload the quorum key and trust files when they change",
  ),
  quorumSaslEnabled: parsed(
    "quorum.auth.enableSasl",
    bool,
    false,
    "A",
    "SASL (DIGEST-MD5) between members",
  ),
  quorumServerRequireSasl: parsed(
    "quorum.auth.serverRequireSasl",
    bool,
    false,
    "A",
    "refuse members that do not authenticate",
  ),
  quorumLearnerRequireSasl: parsed(
    "quorum.auth.learnerRequireSasl",
    bool,
    false,
    "A",
    "outgoing quorum links must authenticate",
  ),
  quorumLearnerLoginContext: parsed(
    "quorum.auth.learner.saslLoginContext",
    text,
    "QuorumLearner",
    "S",
    "JAAS section of the dialling side",
  ),
  quorumServerLoginContext: parsed(
    "quorum.auth.server.saslLoginContext",
    text,
    "QuorumServer",
    "S",
    "JAAS section of the accepting side",
  ),
  metricsProviderClass: parsed(
    "metricsProvider.className",
    text,
    "org.apache.zookeeper.metrics.impl.DefaultMetricsProvider",
    "S",
    "Default, Null or Prometheus metrics provider, by Java's class name",
  ),
  multiAddressEnabled: honoured(
    "multiAddress.enabled",
    bool,
    false,
    "A",
    "several addresses per member; changes the first election message",
    { remark: "Java also wants -Dzookeeper.multiAddress.enabled=true for the member lines" },
  ),
  localSessionsEnabled: parsed(
    "localSessionsEnabled",
    bool,
    false,
    "A",
    "sessions that live on one server until they need an ephemeral node",
  ),
  localSessionsUpgradingEnabled: parsed(
    "localSessionsUpgradingEnabled",
    bool,
    false,
    "A",
    "a local session becomes global when it creates an ephemeral node",
  ),
};

/** Keys of 1.3 without effect here, or with values that we refuse. */
export const NAMED_REST: readonly Key[] = [
  ignored("jvm.pause.monitor", bool, false, "S", NO_JVM, { property: null }),
  ignored("jvm.pause.sleep.time.ms", long(1, "ms"), 500, "S", NO_JVM, { property: null }),
  ignored("jvm.pause.info-threshold.ms", long(0, "ms"), 1000, "S", NO_JVM, { property: null }),
  ignored("jvm.pause.warn-threshold.ms", long(0, "ms"), 10000, "S", NO_JVM, { property: null }),
  ignored(
    "observerMasterPort",
    port,
    0,
    "A",
    "observers of this ensemble are served by the leader; a follower here opens no such port",
    { property: null },
  ),
  ignored(
    "multiAddress.reachabilityCheckEnabled",
    bool,
    true,
    "S",
    "the addresses of a member are dialled in turn, without a probe before",
    { property: null },
  ),
  ignored(
    "multiAddress.reachabilityCheckTimeoutMs",
    int(0, 2147483647, "ms"),
    1000,
    "S",
    "the addresses of a member are dialled in turn, without a probe before",
    { property: null },
  ),
  ignored(
    "quorum.auth.kerberos.servicePrincipal",
    text,
    "zkquorum/localhost",
    "S",
    SASL_PASSWORDS_ONLY,
    { property: null },
  ),
  ignored(
    "quorum.cnxn.threads.size",
    int(),
    20,
    "S",
    "links are set up without threads",
    { property: null },
  ),
  refused(
    "oraclePath",
    name,
    null,
    "A",
    "a two-member ensemble with an oracle is not offered; the members would disagree on quorums",
    { property: null },
  ),
];

/** What `metricsProvider.className` may say. */
export const METRICS_PROVIDERS: ReadonlyMap<string, "default" | "null" | "prometheus"> = new Map([
  ["org.apache.zookeeper.metrics.impl.DefaultMetricsProvider", "default"],
  ["org.apache.zookeeper.metrics.impl.NullMetricsProvider", "null"],
  ["org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider", "prometheus"],
]);
