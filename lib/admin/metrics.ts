// Counters and summaries, and their text for `mntr` (operations.md 4.1). Adding a value is a few
// stores; percentiles come from a uniform sample of 4096 values since the start or the last reset.
//
// Must agree with Java's DefaultMetricsProvider, AvgMinMaxCounter and AvgMinMaxPercentileCounter.

import { assert } from "../base/assert.ts";
import { javaDouble } from "./java_text.ts";
import { METRIC_KINDS, type MetricKind } from "./metric_names.ts";

export type MetricValue = number | bigint | string;
/** Numbers that are averages: printed as Java prints a double. */
export interface Double {
  readonly double: number;
}
type Visit = (name: string, value: MetricValue | Double) => void;

export class Counter {
  value = 0;

  add(by: number): void {
    this.value += by;
  }

  reset(): void {
    this.value = 0;
  }
}

export class Summary {
  count = 0;
  sum = 0;
  min = 0;
  max = 0;

  /** Whole numbers; fractions are cut off. */
  add(given: number): void {
    const value = Math.trunc(given);
    if (this.count === 0 || value < this.min) this.min = value;
    if (this.count === 0 || value > this.max) this.max = value;
    this.count += 1;
    this.sum += value;
  }

  /** With at most four decimals. */
  get average(): number {
    return this.count === 0 ? 0 : Math.round(this.sum / this.count * 10_000) / 10_000;
  }

  reset(): void {
    this.count =
      this.sum =
      this.min =
      this.max =
        0;
  }
}

const SAMPLE = 4096;
const QUANTILES = [["p50", 0.5], ["p95", 0.95], ["p99", 0.99], ["p999", 0.999]] as const;

export class PercentileSummary extends Summary {
  #sample: Float64Array | null = null;
  /** State of a small generator: a sample needs no better one, and tests need the same. */
  #random = 0x9e3779b9;

  override add(given: number): void {
    super.add(given);
    const sample = this.#sample ??= new Float64Array(SAMPLE);
    const seen = this.count;
    const at = seen <= SAMPLE ? seen - 1 : this.#below(seen);
    if (at < SAMPLE) sample[at] = Math.trunc(given);
  }

  /** Values at the given quantiles of the sample; 0 when there is none. */
  quantiles(at: readonly number[]): number[] {
    const filled = Math.min(this.count, SAMPLE);
    if (this.#sample === null || filled === 0) return at.map(() => 0);
    const sorted = this.#sample.slice(0, filled).sort();
    return at.map((quantile) => quantileOf(sorted, quantile));
  }

  override reset(): void {
    super.reset();
    this.#sample = null;
  }

  #below(limit: number): number {
    let state = this.#random;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#random = state;
    return Math.floor((state >>> 0) / 0x100000000 * limit);
  }
}

/** Between two samples the value lies on the line that joins them. */
function quantileOf(sorted: Float64Array, quantile: number): number {
  const place = quantile * (sorted.length + 1);
  const index = Math.floor(place);
  if (index < 1) return sorted[0];
  if (index >= sorted.length) return sorted[sorted.length - 1];
  const lower = sorted[index - 1];
  return Math.round(lower + (place - index) * (sorted[index] - lower));
}

export type Metric = Counter | Summary;

/** A metric with one member for each key that was ever used. */
export interface MetricSet {
  readonly kind: MetricKind;
  readonly byKey: Map<string, Metric>;
}

/** Keys of a set, and characters of one: clients choose them, and each is shown in several lines. */
const KEYS_MAX = 1000;
const KEY_MAX = 256;

const makeMetric = (kind: MetricKind): Metric => {
  switch (kind) {
    case "counter":
    case "counterSet":
      return new Counter();
    case "summary":
    case "summarySet":
      return new Summary();
    case "percentiles":
    case "percentileSet":
      return new PercentileSummary();
  }
};

export class Metrics {
  readonly #single = new Map<string, Metric>();
  readonly #sets = new Map<string, MetricSet>();

  constructor() {
    for (const [name, kind] of METRIC_KINDS) {
      if (kind.endsWith("Set")) this.#sets.set(name, { kind, byKey: new Map() });
      else this.#single.set(name, makeMetric(kind));
    }
  }

  /** The metric of a name of operations.md 4.3. */
  tally(name: string): Metric {
    const metric = this.#single.get(name);
    assert(metric !== undefined, `${name} is a metric`);
    return metric;
  }

  /** The member of a set for a key: one that nobody is shown where there is no room for the key. */
  keyed(name: string, key: string): Metric {
    const set = this.#sets.get(name);
    assert(set !== undefined, `${name} is a set of metrics`);
    let metric = set.byKey.get(key);
    if (metric === undefined) {
      metric = makeMetric(set.kind);
      if (set.byKey.size < KEYS_MAX && key.length <= KEY_MAX) set.byKey.set(key, metric);
    }
    return metric;
  }

  /** Single metrics and sets as they are, for other forms of text. */
  get single(): ReadonlyMap<string, Metric> {
    return this.#single;
  }
  get sets(): ReadonlyMap<string, MetricSet> {
    return this.#sets;
  }

  /** Every value under the name that `mntr` gives it, without the `zk_`. */
  dump(visit: Visit): void {
    for (const [name, metric] of this.#single) dumpMetric(metric, name, visit);
    for (const [name, set] of this.#sets) {
      for (const [key, metric] of set.byKey) dumpMetric(metric, `${key}_${name}`, visit);
    }
  }

  /** `srst`: gauges are not here and stay. */
  reset(): void {
    for (const metric of this.#single.values()) metric.reset();
    for (const { byKey } of this.#sets.values()) for (const one of byKey.values()) one.reset();
  }
}

function dumpMetric(metric: Metric, name: string, visit: Visit): void {
  if (metric instanceof Counter) return visit(name, metric.value);
  visit(`avg_${name}`, { double: metric.average });
  visit(`min_${name}`, metric.min);
  visit(`max_${name}`, metric.max);
  visit(`cnt_${name}`, metric.count);
  visit(`sum_${name}`, metric.sum);
  if (!(metric instanceof PercentileSummary)) return;
  const values = metric.quantiles(QUANTILES.map(([, quantile]) => quantile));
  QUANTILES.forEach(([prefix], index) => visit(`${prefix}_${name}`, values[index]));
}

/** A value as `mntr` prints it. */
export const metricText = (value: MetricValue | Double): string =>
  typeof value === "object" ? javaDouble(value.double) : String(value);
