// Rows of the property keys for client connections, throttles and the request pipeline (operations.md
// 1.8), and of the properties that have no effect here.

import { bool, honoured, ignored, int, type Key, list, long, real, text } from "./config_values.ts";

const ms = (from = 0) => int(from, 2147483647, "ms");
const bytes = (from = 0) => int(from, 2147483647, "bytes");

/** Honoured keys of client connections and the pipeline: field of Config -> row. */
export const CLIENTS = {
  maxCnxns: honoured("maxCnxns", int(0), 0, "S", "connections per listener; 0 = no limit"),
  clientTcpKeepAlive: honoured("clientTcpKeepAlive", bool, false, "S", "keep-alive to clients"),
  sessionlessCnxnTimeoutMs: honoured(
    "nio.sessionlessCnxnTimeout",
    ms(),
    10000,
    "S",
    "close connections that never send a connect request",
  ),
  clientPortUnification: honoured(
    "client.portUnification",
    bool,
    false,
    "S",
    "take TLS on the plain client port, too",
  ),
  clientCertReload: honoured("client.certReload", bool, false, "S", "reload client-side stores"),
  outstandingHandshakeLimit: honoured(
    "netty.server.outstandingHandshake.limit",
    int(-1),
    -1,
    "S",
    "TLS handshakes in flight; -1 = no limit",
  ),
  enableEagerAclCheck: honoured(
    "enableEagerACLCheck",
    bool,
    false,
    "S",
    "check the ACLs of writes here first, before they are forwarded",
  ),
  globalOutstandingLimit: honoured(
    "globalOutstandingLimit",
    int(1),
    1000,
    "A",
    "queued requests, divided by (voters - 1) when voters > 2",
  ),
  largeRequestThreshold: honoured(
    "largeRequestThreshold",
    int(-1, 2147483647, "bytes"),
    -1,
    "S",
    "what counts as a large request; -1 = nothing",
  ),
  largeRequestMaxBytes: honoured(
    "largeRequestMaxBytes",
    bytes(1),
    104857600,
    "S",
    "large requests in flight; beyond it a connection is closed",
  ),
  fourLetterWords: honoured(
    "4lw.commands.whitelist",
    list,
    ["srvr"],
    "S",
    "four-letter words that are answered; * = all",
  ),
  throttleTokens: honoured(
    "connection_throttle_tokens",
    int(0),
    0,
    "S",
    "token bucket for new connections; 0 = off",
  ),
  throttleFillTimeMs: honoured("connection_throttle_fill_time", ms(1), 1, "S", "refill period"),
  throttleFillCount: honoured("connection_throttle_fill_count", int(1), 1, "S", "tokens a refill"),
  throttleFreezeTimeMs: honoured(
    "connection_throttle_freeze_time",
    ms(-1),
    -1,
    "S",
    "how often the drop probability changes; -1 = never",
  ),
  throttleDropIncrease: honoured(
    "connection_throttle_drop_increase",
    real(0, 1),
    0.02,
    "S",
    "step up when the bucket is empty",
  ),
  throttleDropDecrease: honoured(
    "connection_throttle_drop_decrease",
    real(0, 1),
    0.002,
    "S",
    "step down",
  ),
  throttleDecreaseRatio: honoured(
    "connection_throttle_decrease_ratio",
    real(0, 1),
    0,
    "S",
    "step down while more than this share of the bucket is full",
  ),
  throttleWeightEnabled: honoured(
    "connection_throttle_weight_enabled",
    bool,
    false,
    "S",
    "weigh sessions by kind",
  ),
  throttleGlobalWeight: honoured(
    "connection_throttle_global_session_weight",
    int(1),
    3,
    "S",
    "tokens per new global session",
  ),
  throttleRenewWeight: honoured(
    "connection_throttle_renew_session_weight",
    int(1),
    2,
    "S",
    "tokens per reconnect",
  ),
  throttleLocalWeight: honoured(
    "connection_throttle_local_session_weight",
    int(1),
    1,
    "S",
    "tokens per local session",
  ),
  requestThrottleMax: honoured(
    "request_throttle_max_requests",
    int(0),
    0,
    "S",
    "requests in the pipeline before connections are held; 0 = off",
  ),
  throttledOpWaitMs: honoured(
    "throttled_op_wait_time",
    ms(0),
    0,
    "S",
    "answer requests older than this ThrottledOp (-127); 0 = off",
  ),
};

const NO_THREADS = "this server has no such threads";
const NO_NETTY = "connections are not Netty's";
const ONE_STORE = "watches are kept in one store";
const ONE_COMMIT = "reads and commits are ordered without a batch";
const NO_CACHE = "replies are written from the tree";
const NO_DELAY = "the packets of a turn leave together, and never wait for others";
const NO_TRACKER = "`zkpeer tap` and `zkpeer decode` show the packets of a link";
const UNREAD = "what is not read yet of a closed or expired connection is never done";

/** Property keys without effect here. */
export const SYSTEM_REST: readonly Key[] = [
  ignored("maxResponseCacheSize", int(), 400, "S", NO_CACHE),
  ignored("maxGetChildrenResponseCacheSize", int(), 400, "S", NO_CACHE),
  ignored(
    "request_throttle_stall_time",
    ms(),
    100,
    "S",
    "a connection that is held goes on with the turn that makes room",
  ),
  ignored("request_throttle_drop_stale", bool, true, "S", UNREAD),
  ignored("request_stale_connection_check", bool, true, "S", UNREAD),
  ignored("request_stale_latency_check", bool, false, "S", UNREAD),
  ignored(
    "maxWriteQueuePollTime",
    long(-1, "ms"),
    -1,
    "S",
    "flushDelay alone says how long a flush waits",
    {
      shown: "flushDelay / 3",
    },
  ),
  ignored("leader.nodelay", bool, true, "S", NO_DELAY, { property: "leader.nodelay" }),
  ignored("follower.nodelay", bool, true, "S", NO_DELAY, { property: "follower.nodelay" }),
  ignored(
    "observer.reconnectDelayMs",
    long(0, "ms"),
    0,
    "S",
    "observers come back spread over observer.election.DelayMs",
  ),
  ignored("messageTracker.Enabled", bool, false, "S", NO_TRACKER),
  ignored("messageTracker.BufferSize", int(1), 10, "S", NO_TRACKER),
  ignored("intBufferStartingSizeBytes", int(), 1024, "S", "buffers grow by themselves"),
  ignored("serverCnxnFactory", text, "", "S", "one connection layer serves plain and TLS"),
  ignored("nio.numSelectorThreads", int(), 1, "S", NO_THREADS),
  ignored("nio.numWorkerThreads", int(), 0, "S", NO_THREADS),
  ignored("nio.directBufferBytes", int(), 65536, "S", "buffers are not Java's"),
  ignored("nio.shutdownTimeout", long(), 5000, "S", NO_THREADS),
  ignored("netty.advancedFlowControl.enabled", bool, false, "S", "flow control is always on"),
  ignored("netty.server.earlyDropSecureConnectionHandshakes", bool, false, "S", NO_NETTY),
  ignored("request_throttler.shutdownTimeout", int(), 10000, "S", NO_THREADS),
  ignored("commitProcessor.numWorkerThreads", int(), 0, "S", NO_THREADS),
  ignored("commitProcessor.maxReadBatchSize", int(), -1, "S", ONE_COMMIT),
  ignored("commitProcessor.maxCommitBatchSize", int(), 1, "S", ONE_COMMIT),
  ignored("commitProcessor.shutdownTimeout", long(), 5000, "S", NO_THREADS),
  ignored(
    "forward_learner_requests_to_commit_processor_disabled",
    bool,
    false,
    "S",
    "learner requests are never queued twice",
  ),
  ignored(
    "follower.skipLearnerRequestToNextProcessor",
    bool,
    false,
    "S",
    "learner requests are never queued twice",
  ),
  ignored("leader.ackLoggingFrequency", int(), 1000, "L", "every ack counts in the metrics"),
  ignored("learner.asyncSending", bool, false, "S", "sending never blocks"),
  ignored("learner.closeSocketAsync", bool, false, "S", "closing never blocks"),
  ignored("leader.closeSocketAsync", bool, false, "S", "closing never blocks"),
  ignored("observerMaster.sizeLimit", int(), 33554432, "S", "followers serve no observers here"),
  ignored("watchManagerName", text, "WatchManager", "S", ONE_STORE),
  ignored("watcherCleanThreshold", int(), 1000, "S", ONE_STORE),
  ignored("watcherCleanIntervalInSeconds", int(), 600, "S", ONE_STORE),
  ignored("watcherCleanThreadsNum", int(), 2, "S", ONE_STORE),
  ignored("maxInProcessingDeadWatchers", int(), -1, "S", ONE_STORE),
  ignored("bitHashCacheSize", int(), 10, "S", ONE_STORE),
  ...[
    ["enabled", "false"],
    ["slotCapacity", "60"],
    ["slotDuration", "15"],
    ["maxDepth", "6"],
    ["sampleRate", "0.1"],
    ["initialDelay", "5"],
    ["delay", "5"],
    ["topPathMax", "20"],
  ].map(([part, value]) => ignored(`pathStats.${part}`, text, value, "S", "paths are not sampled")),
  ignored("jmx.log4j.disable", bool, false, "S", "there is no JMX"),
  ignored("jmx.log4j.mbean", text, "log4j:hierarchy=default", "S", "there is no JMX"),
  ignored("audit.impl.class", text, "Slf4jAuditLogger", "S", "audit lines go to the log"),
  ignored("testingonly.initialZxid", text, "", "L", "for Java's own tests"),
  ignored("controllerPort", int(), 0, "S", "for Java's own tests"),
  ignored("leader.maxConcurrentSnapshots", int(), 10, "L", "a key of 3.5 only"),
  ignored("leader.maxConcurrentSnapshotTimeout", int(), 5, "L", "a key of 3.5 only"),
  ignored("ipReachableTimeout", int(), 0, "S", "a key of 3.4 only"),
  ignored("log.dir", text, "", "S", "the log goes to the standard error stream"),
  ignored("log.file", text, "", "S", "the log goes to the standard error stream"),
  ignored("root.logger", text, "", "S", "the log goes to the standard error stream"),
];
