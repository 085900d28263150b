/** Time as data: production takes `systemClock`, a simulation gives its own. */
export interface Clock {
  /** Milliseconds since the epoch; may jump. For stamps only, never for durations. */
  nowMs(): number;
  /** Milliseconds that never go back. For durations and deadlines. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
