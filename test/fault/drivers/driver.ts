import type { SeededRandom } from '../../../bench/src/random.ts';
import type { Rig } from '../rig/rig.ts';

/** Does one kind of harm to a running installation and heals it. */
export type Driver = {
  readonly kind: string;
  /** What no second fault may touch meanwhile. */
  readonly holds: readonly Hold[];
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
