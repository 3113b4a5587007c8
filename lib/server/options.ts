// What the operator decides about clients: plain values with Java's defaults (operations.md 1.8).
// lib/peer makes one from zoo.cfg; tests spread over the defaults.

import type { AuthOptions } from "../auth/mod.ts";
import type { ThrottleOptions } from "./throttle.ts";

export interface ServerOptions {
  readonly tickTimeMs: number;
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  /** Longest frame taken from a client (`jute.maxbuffer`). */
  readonly frameLimit: number;
  /** Longest string or buffer inside one: the frame limit and its extra. */
  readonly recordLimit: number;
  readonly auth: AuthOptions;
  /** `enableEagerACLCheck`: refuse what the applied tree already forbids, without a txn. */
  readonly eagerAclCheck: boolean;
  readonly localSessions: boolean;
  readonly localSessionsUpgrading: boolean;
  /** Closes a connection that sends no connect request; also the width of idle buckets. */
  readonly sessionlessTimeoutMs: number;
  /** `znode.container.checkIntervalMs` and the rest: client.md 4.10. */
  readonly reapIntervalMs: number;
  readonly reapsPerMinute: number;
  readonly neverUsedContainerMs: number;
  readonly throttle: ThrottleOptions;
}

const JUTE_MAX_BUFFER = 0xfffff;

/** Java's defaults for everything that has one; `tickTimeMs` decides the session timeouts. */
export function defaultServerOptions(auth: AuthOptions, tickTimeMs = 3000): ServerOptions {
  return {
    tickTimeMs,
    minSessionTimeoutMs: 2 * tickTimeMs,
    maxSessionTimeoutMs: 20 * tickTimeMs,
    frameLimit: JUTE_MAX_BUFFER,
    recordLimit: 2 * JUTE_MAX_BUFFER,
    auth,
    eagerAclCheck: false,
    localSessions: false,
    localSessionsUpgrading: false,
    sessionlessTimeoutMs: 10_000,
    reapIntervalMs: 60_000,
    reapsPerMinute: 10_000,
    neverUsedContainerMs: 0,
    throttle: {
      maxClientCnxns: 60,
      maxCnxns: 0,
      outstandingLimit: 1000,
      maxRequests: 0,
      throttledOpWaitMs: 0,
      largeRequestThreshold: -1,
      largeRequestMaxBytes: 100 * 1024 * 1024,
      tokens: 0,
      tokenFillMs: 1,
      tokenFillCount: 1,
      freezeMs: -1,
      dropIncrease: 0.02,
      dropDecrease: 0.002,
      decreaseRatio: 0,
      weightsEnabled: false,
      globalWeight: 3,
      renewWeight: 2,
      localWeight: 1,
    },
  };
}
