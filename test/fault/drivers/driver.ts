import { sleep } from '@tradestream/runtime';
import type { SeededRandom } from '../../../bench/src/random.ts';
import type { Rig } from '../rig/rig.ts';

/** Does one kind of harm to a running installation and heals it. */
export type Driver = {
  readonly kind: string;
  /** What no second fault may touch meanwhile. */
  readonly holds: readonly Hold[];
  /** Dealt twice a round: it may find nobody to harm. */
  readonly mayMiss?: boolean;
  /** Takes longer than a seed: the next one begins meanwhile. */
  readonly lasts?: boolean;
  /** Absent: always. Why this machine cannot do it. */
  readonly cannot?: () => string | null;
  /** Resolves when all is whole again, with the number of times that it did harm. */
  readonly harm: (rig: Rig, random: SeededRandom) => Promise<number>;
};

export type Hold =
  | 'broker'
  | 'primary'
  | 'replicas'
  | 'registry'
  | 'redis'
  | 'gateway'
  | 'projector'
  | 'workers'
  | 'way to the database'
  | 'way to the broker';

const MEET_MS = 20_000;
const POLL_MS = 50;

/** Holds a state of harm this long, and on until somebody has met it. Whether somebody has. */
export async function holdUntilMet(forMs: number, hasMet: () => boolean): Promise<boolean> {
  await sleep(forMs);
  const deadline = performance.now() + MEET_MS;
  while (!hasMet() && performance.now() < deadline) await sleep(POLL_MS);
  return hasMet();
}
