// What the server counts about its clients, for four-letter words and metrics (operations.md 2.2
// and 4). Latencies are in whole milliseconds of the turn's clock, as Java's are.
//
// Must agree with Java's ServerStats, AvgMinMaxCounter and BufferStats.

/** Takes values: a counter adds them up, a summary keeps their distribution. */
export interface Tally {
  add(value: number): void;
}

/** Where values go; lib/admin has the real one. */
export interface Meters {
  tally(name: string): Tally;
  /** One of a set, by key. */
  keyed(name: string, key: string): Tally;
}

const nothing: Tally = { add: () => {} };
export const NO_METERS: Meters = { tally: () => nothing, keyed: () => nothing };

export class MinMaxAvg {
  #min = 0;
  #max = 0;
  #sum = 0;
  #count = 0;

  add(value: number): void {
    if (this.#count === 0 || value < this.#min) this.#min = value;
    if (this.#count === 0 || value > this.#max) this.#max = value;
    this.#sum += value;
    this.#count += 1;
  }

  get min(): number {
    return this.#min;
  }
  get max(): number {
    return this.#max;
  }
  get count(): number {
    return this.#count;
  }
  /** With at most four decimals. */
  get average(): number {
    return this.#count === 0 ? 0 : Math.round(this.#sum / this.#count * 10_000) / 10_000;
  }

  reset(): void {
    this.#min =
      this.#max =
      this.#sum =
      this.#count =
        0;
  }
}

export class ServerStats {
  readonly latency = new MinMaxAvg();
  received = 0;
  sent = 0;
  /** Bytes of replies; −1 before the first. */
  lastResponseSize = -1;
  minResponseSize = -1;
  maxResponseSize = -1;
  authFailed = 0;
  nonMtlsRemote = 0;
  nonMtlsLocal = 0;
  readonly startedMono: number;

  constructor(startedMono: number) {
    this.startedMono = startedMono;
  }

  responded(size: number): void {
    this.lastResponseSize = size;
    if (this.minResponseSize === -1 || size < this.minResponseSize) this.minResponseSize = size;
    if (size > this.maxResponseSize) this.maxResponseSize = size;
  }

  /** `srst`. */
  reset(): void {
    this.latency.reset();
    this.received = 0;
    this.sent = 0;
    this.lastResponseSize = this.minResponseSize = this.maxResponseSize = -1;
  }
}

/** The same for one connection. */
export class ConnectionStats {
  received = 0;
  sent = 0;
  /** Short name of the last op answered. */
  lastOp = "NA";
  lastCxid = -1;
  lastZxid: bigint = -1n;
  lastResponseMono = 0;
  lastLatency = 0;
  minLatency = 0;
  maxLatency = 0;
  count = 0;
  totalLatency = 0;

  answered(op: string, cxid: number, zxid: bigint, mono: number, latency: number): void {
    this.lastOp = op;
    if (cxid >= 0) this.lastCxid = cxid; // a ping is no operation of the client's
    this.lastZxid = zxid;
    this.lastResponseMono = mono;
    this.lastLatency = latency;
    if (this.count === 0 || latency < this.minLatency) this.minLatency = latency;
    if (latency > this.maxLatency) this.maxLatency = latency;
    this.count += 1;
    this.totalLatency += latency;
  }

  /** `crst`. */
  reset(): void {
    this.received =
      this.sent =
      this.count =
      this.totalLatency =
        0;
    this.lastOp = "NA";
    this.lastCxid = -1;
    this.lastZxid = -1n;
    this.lastResponseMono =
      this.lastLatency =
      this.minLatency =
      this.maxLatency =
        0;
  }
}
