export type Percentiles = { readonly p50: number; readonly p99: number; readonly p999: number };

/** By the nearest rank; to a tenth of a unit. */
export function percentilesOf(values: readonly number[]): Percentiles {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => {
    const value = sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
    return Math.round(value * 10) / 10;
  };
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999) };
}
