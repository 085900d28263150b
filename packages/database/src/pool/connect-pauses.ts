const FIRST_MS = 50;
const LONGEST_MS = 1_000;
const DOUBLINGS_MAX = 10;

/**
 * The pause before the next attempt to connect: doubled with each failure, at most a second, and
 * drawn between its half and its whole so that many processes do not come back at once.
 */
export function pauseAfter(failures: number, random: () => number): number {
  if (failures <= 0) return 0;
  const whole = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, DOUBLINGS_MAX));
  return whole * (0.5 + random() / 2);
}

/** How many connections to open now. After a failure one attempt at a time, as a probe. */
export function openingsWanted(state: {
  readonly waiting: number;
  readonly minSize: number;
  readonly maxSize: number;
  readonly live: number;
  readonly opening: number;
  readonly failures: number;
}): number {
  const { waiting, minSize, maxSize, live, opening, failures } = state;
  const wanted = Math.max(waiting, minSize - live);
  const bound = failures > 0 ? 1 : maxSize - live;
  return Math.max(0, Math.min(wanted, bound, maxSize - live) - opening);
}
