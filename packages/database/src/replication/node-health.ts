export type LagBounds = {
  readonly bytesMax: number;
  readonly msMax: number;
};

/** A replica's fitness to serve reads. `good` counts the looks in a row at which it was well within its bounds. */
export type LagState = { readonly lagging: boolean; readonly good: number };

export const NOT_LAGGING: LagState = { lagging: false, good: 0 };

const GOOD_LOOKS = 2;

/** Out when beyond a bound; in again when within half of both at two looks in a row, so that it does not flap. */
export function judgeLag(
  state: LagState,
  lag: { readonly bytes: number; readonly ms: number },
  bounds: LagBounds,
): LagState {
  if (lag.bytes > bounds.bytesMax || lag.ms > bounds.msMax) return { lagging: true, good: 0 };
  if (!state.lagging) return NOT_LAGGING;
  const isGood = lag.bytes <= bounds.bytesMax / 2 && lag.ms <= bounds.msMax / 2;
  const good = isGood ? state.good + 1 : 0;
  return good >= GOOD_LOOKS ? NOT_LAGGING : { lagging: true, good };
}
