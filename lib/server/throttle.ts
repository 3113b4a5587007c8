// Who has to wait and who is turned away: connections per address and in all, connect requests by a
// token bucket with random early drop, requests in process, large requests (client.md 8.7, 9.5).
//
// Must agree with NIOServerCnxnFactory's limits, BlueThrottle, RequestThrottler and
// ZooKeeperServer.shouldThrottle.

import type { Random } from "../ports.ts";

export interface ThrottleOptions {
  /** Connections of one address; 0: no limit. */
  readonly maxClientCnxns: number;
  /** Connections in all; 0: no limit. */
  readonly maxCnxns: number;
  /** This member's share of `globalOutstandingLimit`. */
  readonly outstandingLimit: number;
  /** `request_throttle_max_requests`; 0: off. */
  readonly maxRequests: number;
  /** `throttled_op_wait_time`; 0: off. */
  readonly throttledOpWaitMs: number;
  /** A request of more bytes is large; −1: none is. */
  readonly largeRequestThreshold: number;
  readonly largeRequestMaxBytes: number;
  /** `connection_throttle_tokens` and the rest; 0: off. */
  readonly tokens: number;
  readonly tokenFillMs: number;
  readonly tokenFillCount: number;
  /** −1: no random early drop. */
  readonly freezeMs: number;
  readonly dropIncrease: number;
  readonly dropDecrease: number;
  readonly decreaseRatio: number;
  readonly weightsEnabled: boolean;
  readonly globalWeight: number;
  readonly renewWeight: number;
  readonly localWeight: number;
}

export type ConnectKind = "global" | "local" | "renew";

/** Connections by address. */
export class ConnectionCount {
  readonly #options: ThrottleOptions;
  readonly #byHost = new Map<string, number>();
  #total = 0;

  constructor(options: ThrottleOptions) {
    this.#options = options;
  }

  get total(): number {
    return this.#total;
  }

  /** False when a limit forbids one more. */
  enter(host: string): boolean {
    const { maxClientCnxns, maxCnxns } = this.#options;
    const here = this.#byHost.get(host) ?? 0;
    if (maxCnxns > 0 && this.#total >= maxCnxns) return false;
    if (maxClientCnxns > 0 && here >= maxClientCnxns) return false;
    this.#byHost.set(host, here + 1);
    this.#total += 1;
    return true;
  }

  leave(host: string): void {
    const here = this.#byHost.get(host) ?? 0;
    if (here <= 1) this.#byHost.delete(host);
    else this.#byHost.set(host, here - 1);
    this.#total -= 1;
  }
}

/** Tokens for connect requests: refilled with time, spent by weight, dropped early at random. */
export class ConnectThrottle {
  readonly #options: ThrottleOptions;
  readonly #random: Random;
  readonly #size: number;
  readonly #fillCount: number;
  #tokens: number;
  #filledAt: number;
  #frozenAt: number;
  #drop = 0;

  constructor(options: ThrottleOptions, random: Random, nowMono: number) {
    this.#options = options;
    this.#random = random;
    const weight = options.weightsEnabled ? globalWeight(options) : 1;
    this.#size = options.tokens * weight; // settings are in global sessions
    this.#fillCount = options.tokenFillCount * weight;
    this.#tokens = this.#size;
    this.#filledAt = nowMono;
    this.#frozenAt = nowMono;
  }

  /** 0 to 1. */
  get dropChance(): number {
    return this.#drop;
  }

  /** Tokens missing from a full bucket. */
  get deficit(): number {
    return this.#size - this.#tokens;
  }

  /** False: close the connection without a response. */
  admits(kind: ConnectKind, nowMono: number): boolean {
    if (this.#size === 0) return true;
    this.#fill(nowMono);
    if (this.#options.freezeMs !== -1 && this.#dropsEarly(nowMono)) return false;
    const need = this.#need(kind);
    if (this.#tokens < need) return false;
    this.#tokens -= need;
    return true;
  }

  #need(kind: ConnectKind): number {
    const { weightsEnabled, localWeight, renewWeight } = this.#options;
    if (!weightsEnabled) return 1;
    if (kind === "local") return localWeight;
    return kind === "renew" ? Math.max(renewWeight, localWeight) : globalWeight(this.#options);
  }

  #fill(nowMono: number): void {
    const { tokenFillMs } = this.#options;
    const passed = nowMono - this.#filledAt;
    if (passed <= tokenFillMs) return;
    const refill = Math.floor(passed * this.#fillCount / tokenFillMs);
    this.#tokens = Math.min(this.#tokens + refill, this.#size);
    this.#filledAt = nowMono;
  }

  /** The chance of a drop grows while the bucket is empty and falls while it is full enough. */
  #dropsEarly(nowMono: number): boolean {
    const { freezeMs, dropIncrease, dropDecrease, decreaseRatio } = this.#options;
    if (nowMono - this.#frozenAt > freezeMs) {
      if (this.#tokens === 0 && this.#drop < 1) {
        this.#drop = Math.min(this.#drop + dropIncrease, 1);
      } else if (this.deficit <= Math.round(this.#size * decreaseRatio) && this.#drop > 0) {
        this.#drop = Math.max(this.#drop - dropDecrease, 0);
      }
      this.#frozenAt = nowMono;
    }
    if (this.#drop === 0) return false;
    return this.#random.below(1_000_000, "connect throttle") < this.#drop * 1_000_000;
  }
}

const globalWeight = (options: ThrottleOptions): number =>
  Math.max(options.globalWeight, options.localWeight);

/** Requests that wait for something, and the bytes of the large ones among them. */
export class RequestThrottle {
  readonly #options: ThrottleOptions;
  /** Requests that were taken and not answered yet. */
  inProcess = 0;
  #largeBytes = 0;

  constructor(options: ThrottleOptions) {
    this.#options = options;
  }

  /**
   * Should a connection with so many requests in line be read no further for now? Java does not
   * count those with an xid of 0 or less, and lets a client that sends no other fill its memory.
   */
  holds(inLine: number): boolean {
    return this.isFull || (this.inProcess > this.#options.outstandingLimit && inLine > 0);
  }

  /** Only who waits for this is in Java's throttler: what `outstandingLimit` stops is not read yet. */
  get isFull(): boolean {
    const { maxRequests } = this.#options;
    return maxRequests > 0 && this.inProcess >= maxRequests;
  }

  isLarge(length: number): boolean {
    const { largeRequestThreshold } = this.#options;
    return largeRequestThreshold > 0 && length > largeRequestThreshold;
  }

  /** False when this request is one large request too many: it costs its connection. */
  fits(length: number): boolean {
    return !this.isLarge(length) ||
      this.#largeBytes + length <= this.#options.largeRequestMaxBytes;
  }

  entered(length: number): void {
    this.inProcess += 1;
    if (this.isLarge(length)) this.#largeBytes += length;
  }

  left(length: number): void {
    this.inProcess -= 1;
    if (this.isLarge(length)) this.#largeBytes -= length;
  }

  /** Did a request wait so long that it is answered THROTTLEDOP? */
  isStale(waitedMs: number): boolean {
    const { throttledOpWaitMs } = this.#options;
    return throttledOpWaitMs > 0 && waitedMs > throttledOpWaitMs;
  }
}
