export type HistoryPoint = {
  /** Start of the span, milliseconds since the epoch. */
  readonly atMs: number;
  /** Mean of the samples in the span. */
  readonly mean: number;
  readonly max: number;
  readonly samples: number;
};

/** Spans grow with age: what is older is kept coarser, so that a week costs a few thousand points. */
const TIERS = [
  { spanMs: 0, keptMs: 3_600_000 },
  { spanMs: 60_000, keptMs: 86_400_000 },
  { spanMs: 900_000, keptMs: Infinity },
] as const;

type Tier = { readonly spanMs: number; readonly keptMs: number; points: HistoryPoint[] };

/** The course of one figure over the retention period. */
export class MetricHistory {
  readonly #retentionMs: number;
  readonly #tiers: readonly Tier[] = TIERS.map((tier) => ({ ...tier, points: [] }));

  constructor(retentionMs: number) {
    this.#retentionMs = retentionMs;
  }

  /** Times must not go back. */
  add(atMs: number, value: number): void {
    for (const tier of this.#tiers) {
      const start = tier.spanMs === 0 ? atMs : Math.floor(atMs / tier.spanMs) * tier.spanMs;
      const last = tier.points.at(-1);
      if (tier.spanMs > 0 && last !== undefined && last.atMs === start) {
        const samples = last.samples + 1;
        const mean = last.mean + (value - last.mean) / samples;
        tier.points[tier.points.length - 1] = { atMs: start, mean, max: Math.max(last.max, value), samples };
      } else {
        tier.points.push({ atMs: start, mean: value, max: value, samples: 1 });
      }
      const oldestMs = atMs - Math.min(tier.keptMs, this.#retentionMs);
      const kept = tier.points.findIndex((point) => point.atMs + tier.spanMs >= oldestMs);
      if (kept > 0) tier.points.splice(0, kept);
    }
  }

  /** Oldest first, each time once: as fine as it is still kept. */
  between(fromMs: number, toMs: number): readonly HistoryPoint[] {
    const points: HistoryPoint[] = [];
    let beforeMs = Infinity;
    for (const tier of this.#tiers) {
      const older = tier.points.filter((point) => point.atMs + tier.spanMs <= beforeMs);
      points.unshift(...older);
      beforeMs = Math.min(beforeMs, tier.points[0]?.atMs ?? Infinity);
    }
    return points.filter((point) => point.atMs >= fromMs && point.atMs < toMs);
  }
}
