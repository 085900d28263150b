/** fine -> firing when a sample reaches the threshold; firing -> fine after several in a row well below it. */
export type ThresholdState = { readonly firing: boolean; readonly calm: number };

export const FINE: ThresholdState = { firing: false, calm: 0 };

const CALM_SHARE = 0.8;
const CALM_SAMPLES = 2;

export function judgeThreshold(state: ThresholdState, value: number, threshold: number): ThresholdState {
  if (value >= threshold) return { firing: true, calm: 0 };
  if (!state.firing) return FINE;
  const calm = value < threshold * CALM_SHARE ? state.calm + 1 : 0;
  return calm >= CALM_SAMPLES ? FINE : { firing: true, calm };
}
