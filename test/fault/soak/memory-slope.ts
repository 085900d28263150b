import { readFileSync } from 'node:fs';

export type MemorySample = { readonly atMs: number; readonly megabytes: number };

/** Resident memory of a process now; null when it has ended. */
export function sampleMemory(pid: number | undefined): MemorySample | null {
  try {
    const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return { atMs: performance.now(), megabytes: Number(kilobytes) / 1_024 };
  } catch {
    return null;
  }
}

/** Least squares over the second half of the samples, megabytes an hour: what grows at first is a cache that fills. */
export function slopePerHour(samples: readonly MemorySample[]): number {
  const half = samples.slice(Math.floor(samples.length / 2));
  const mean = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  const middleMs = mean(half.map(({ atMs }) => atMs));
  const middle = mean(half.map(({ megabytes }) => megabytes));
  let covariance = 0;
  let variance = 0;
  for (const { atMs, megabytes } of half) {
    covariance += (atMs - middleMs) * (megabytes - middle);
    variance += (atMs - middleMs) ** 2;
  }
  return variance === 0 ? 0 : Math.round((covariance / variance) * 3_600_000 * 10) / 10;
}
