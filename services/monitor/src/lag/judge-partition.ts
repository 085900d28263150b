import type { LagState } from '@tradestream/answers';

/** One reading of a partition, as far as the verdict needs it. */
export type Standing = {
  readonly committed: number | null;
  readonly lag: number | null;
  /** False: nobody reads; null: not known. */
  readonly hasReader: boolean | null;
};

const WORST_FIRST: readonly LagState[] = ['STOP', 'STALL', 'REWIND', 'WARN', 'OK'];

/**
 * The verdict over a window of readings, oldest first, without a threshold:
 *
 *   REWIND  the offset went back
 *   OK      everything was consumed at some reading, or lag has shrunk at some step
 *   STOP    unread records, the offset stands still, and nobody reads
 *   STALL   unread records, the offset stands still, though somebody reads
 *   WARN    the offset moves, and lag has grown at every step
 *
 * Until the window is full the verdict is OK: one late record is no incident.
 */
export function judgePartition(window: readonly Standing[], windowSamples: number): LagState {
  const steps = window.slice(1).map((now, index) => ({ before: window[index] ?? now, now }));
  if (steps.some(({ before, now }) => isLess(now.committed, before.committed))) return 'REWIND';
  if (window.length < windowSamples) return 'OK';
  if (window.some(({ committed, lag }) => committed === null || lag === null || lag === 0)) return 'OK';
  const hasMoved = steps.some(({ before, now }) => now.committed !== before.committed);
  if (!hasMoved) return window.at(-1)?.hasReader === false ? 'STOP' : 'STALL';
  return steps.every(({ before, now }) => isLess(before.lag, now.lag)) ? 'WARN' : 'OK';
}

/** The state of a whole: that of its worst part. */
export function worstOf(states: readonly LagState[]): LagState {
  return WORST_FIRST.find((state) => states.includes(state)) ?? 'OK';
}

function isLess(left: number | null, right: number | null): boolean {
  return left !== null && right !== null && left < right;
}
