/** Upper bounds of the buckets, milliseconds: each about 1.6 times the one before. */
const BOUNDS_MS = [
  0.1, 0.16, 0.25, 0.4, 0.63, 1, 1.6, 2.5, 4, 6.3, 10, 16, 25, 40, 63, 100, 160, 250, 400, 630, 1_000, 1_600, 2_500,
  4_000, 6_300, 10_000, 16_000, 25_000, 40_000, 63_000, 100_000,
] as const;

export type HistogramCounts = {
  readonly count: number;
  readonly sumMs: number;
  /** One for each bound, and the last for all that is above. Not cumulated. */
  readonly buckets: readonly number[];
};

/** Durations counted by size. Two readings subtracted give the time between them. */
export class Histogram {
  #count = 0;
  #sumMs = 0;
  readonly #buckets: number[] = Array.from({ length: BOUNDS_MS.length + 1 }, () => 0);

  observe(ms: number): void {
    const index = bucketOf(ms);
    this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
    this.#count += 1;
    this.#sumMs += ms;
  }

  counts(): HistogramCounts {
    return { count: this.#count, sumMs: this.#sumMs, buckets: [...this.#buckets] };
  }
}

export const HISTOGRAM_BOUNDS_MS: readonly number[] = BOUNDS_MS;

export const EMPTY_COUNTS: HistogramCounts = {
  count: 0,
  sumMs: 0,
  buckets: Array.from({ length: BOUNDS_MS.length + 1 }, () => 0),
};

export function addCounts(one: HistogramCounts, other: HistogramCounts): HistogramCounts {
  return combine(one, other, 1);
}

/** What was counted after `earlier`. */
export function countsSince(later: HistogramCounts, earlier: HistogramCounts): HistogramCounts {
  return combine(later, earlier, -1);
}

/** The duration that the given share of the observations did not exceed, interpolated; 0 when there are none. */
export function quantile(counts: HistogramCounts, share: number): number {
  if (counts.count <= 0) return 0;
  const rank = share * counts.count;
  let below = 0;
  for (const [index, inBucket] of counts.buckets.entries()) {
    if (inBucket > 0 && below + inBucket >= rank) {
      const low = index === 0 ? 0 : (BOUNDS_MS[index - 1] ?? 0);
      const high = BOUNDS_MS[index] ?? low;
      return low + (high - low) * Math.min(1, Math.max(0, (rank - below) / inBucket));
    }
    below += inBucket;
  }
  return BOUNDS_MS.at(-1) ?? 0;
}

function combine(one: HistogramCounts, other: HistogramCounts, sign: 1 | -1): HistogramCounts {
  return {
    count: one.count + sign * other.count,
    sumMs: one.sumMs + sign * other.sumMs,
    buckets: one.buckets.map((value, index) => value + sign * (other.buckets[index] ?? 0)),
  };
}

function bucketOf(ms: number): number {
  let low = 0;
  let high: number = BOUNDS_MS.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ms <= (BOUNDS_MS[middle] ?? Infinity)) high = middle;
    else low = middle + 1;
  }
  return low;
}
