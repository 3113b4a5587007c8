// Durations counted in buckets of about six percent, from 100 ns to days: percentiles of any number
// of values in two kilobytes.

const UNIT = 100;
const BUCKETS = 16 * 30;

export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  count = 0;
  sum = 0;
  max = 0;
  /** Values that happened but whose duration is not known. */
  unknown = 0;

  /** `ns` below zero (clocks of two capture points) counts as zero. */
  add(ns: number): void {
    const value = ns > 0 ? ns : 0;
    this.count += 1;
    this.sum += value;
    if (value > this.max) this.max = value;
    this.#counts[bucketOf(value)] += 1;
  }

  get mean(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }

  /** The duration that a share `q` (0 to 1) of the values does not exceed, ns. */
  quantile(q: number): number {
    if (this.count === 0) return 0;
    let left = Math.max(1, Math.ceil(q * this.count));
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= this.#counts[bucket];
      if (left <= 0) return Math.min(topOf(bucket), this.max);
    }
    return this.max;
  }

  merge(other: Histogram): void {
    for (let bucket = 0; bucket < BUCKETS; bucket++) this.#counts[bucket] += other.#counts[bucket];
    this.count += other.count;
    this.sum += other.sum;
    this.max = Math.max(this.max, other.max);
  }
}

function bucketOf(ns: number): number {
  const units = ns / UNIT;
  if (units < 32) return units | 0;
  if (units >= 0x7fffffff) return BUCKETS - 1;
  const shift = 27 - Math.clz32(units | 0);
  return Math.min(BUCKETS - 1, (shift << 4) + ((units | 0) >> shift));
}

/** The highest duration of a bucket. */
function topOf(bucket: number): number {
  if (bucket < 32) return (bucket + 1) * UNIT;
  const shift = (bucket >> 4) - 1;
  return (((bucket & 15) + 17) * 2 ** shift) * UNIT;
}
