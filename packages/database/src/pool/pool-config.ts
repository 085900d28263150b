import { DatabaseError } from '../errors.ts';
import type { UsageObserver } from '../metrics/usage-observer.ts';

/** What both spellings of the configuration may add. All times in milliseconds. */
export type PoolOptions = {
  /** A connection is replaced at this age, give or take a tenth so that not all go at once. 0: never. Default 30 minutes. */
  readonly maxLifetime?: number;
  /** Callers that may wait at once; the next gets DB_POOL_QUEUE_FULL. 0: nobody waits. Default ten times the connections. */
  readonly maxWaiting?: number;
  /** A connection out for longer is reported with its borrower's stack. 0: never. Default 60 000. */
  readonly leakDetectionThreshold?: number;
  /** Longest run of one statement: the server cancels it, and when nothing answers the connection is given up. Default 30 000. */
  readonly queryTimeout?: number;
  /** Shown by the server in pg_stat_activity. Default `database-toolkit`. */
  readonly applicationName?: string;
  /** Settings of the server for each connection, by name: `{ lock_timeout: '5s' }`. Default none. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Told of each error and each wait, for metrics. Default nobody. */
  readonly observer?: UsageObserver;
  /** Refuses connections whose COMMITs are not flushed before they are answered. Default false. */
  readonly requireDurable?: boolean;
};

/** A pool of connections to one server. All times in milliseconds. */
export interface ConnectionPoolConfig extends PoolOptions {
  /** Connections at most. */
  maxSize: number;
  /** Connections kept open and ready, also while nobody asks. */
  minSize: number;
  /** A connection idle for longer is closed, down to `minSize`. 0: never. */
  idleTimeout: number;
  /** Within this a caller has a connection or a typed error, whatever the network does. */
  acquireTimeout: number;
  /** Idle connections are asked for a sign of life every `interval`; one that is silent for `timeout` is closed. */
  healthCheck: {
    enabled: boolean;
    interval: number;
    timeout: number;
  };
}

/** The same in the other spelling. All times in milliseconds. */
export interface PoolConfig extends PoolOptions {
  min: number;
  max: number;
  acquireTimeout: number;
  idleTimeout: number;
  /** How often idle, old and leaked connections are looked for. */
  evictionRunInterval: number;
  healthCheck?: ConnectionPoolConfig['healthCheck'];
}

/** Either spelling, any part of it; what is absent has its default. */
export type PoolSettings = Partial<ConnectionPoolConfig> & Partial<PoolConfig>;

export type ResolvedPool = Required<
  Pick<
    ConnectionPoolConfig & PoolConfig,
    | 'maxSize'
    | 'minSize'
    | 'idleTimeout'
    | 'acquireTimeout'
    | 'evictionRunInterval'
    | 'healthCheck'
    | 'maxLifetime'
    | 'maxWaiting'
    | 'leakDetectionThreshold'
    | 'queryTimeout'
    | 'applicationName'
    | 'settings'
    | 'observer'
    | 'requireDurable'
  >
>;

const UNOBSERVED: UsageObserver = { failed: () => undefined, answered: () => undefined, waited: () => undefined };
const MAX_SIZE = 10;
const HEALTH_CHECK = { enabled: true, interval: 30_000, timeout: 2_000 } as const;
const WAITING_PER_CONNECTION = 10;
const TIMER_MAX_MS = 2_147_483_647;

/**
 * @throws {DatabaseError} DB_CONFIG_INVALID with every problem at once
 */
export function resolvePool(given: PoolSettings = {}): ResolvedPool {
  const maxSize = given.maxSize ?? given.max ?? MAX_SIZE;
  const resolved: ResolvedPool = {
    maxSize,
    minSize: given.minSize ?? given.min ?? 0,
    idleTimeout: given.idleTimeout ?? 30_000,
    acquireTimeout: given.acquireTimeout ?? 10_000,
    evictionRunInterval: given.evictionRunInterval ?? 5_000,
    healthCheck: { ...HEALTH_CHECK, ...given.healthCheck },
    maxLifetime: given.maxLifetime ?? 1_800_000,
    maxWaiting: given.maxWaiting ?? maxSize * WAITING_PER_CONNECTION,
    leakDetectionThreshold: given.leakDetectionThreshold ?? 60_000,
    queryTimeout: given.queryTimeout ?? 30_000,
    applicationName: given.applicationName ?? 'database-toolkit',
    settings: given.settings ?? {},
    observer: given.observer ?? UNOBSERVED,
    requireDurable: given.requireDurable ?? false,
  };
  const problems = problemsOf(given, resolved);
  if (problems.length > 0) throw new DatabaseError('DB_CONFIG_INVALID', { detail: problems.join('; ') });
  return resolved;
}

function problemsOf(given: PoolSettings, pool: ResolvedPool): readonly string[] {
  const problems: string[] = [];
  const within = (name: string, value: number, min: number, max: number = TIMER_MAX_MS) => {
    if (!Number.isInteger(value) || value < min || value > max) {
      problems.push(`${name} must be a whole number from ${min} to ${max}, it is ${value}`);
    }
  };
  const both = (one: unknown, other: unknown) => one !== undefined && other !== undefined && one !== other;
  if (both(given.maxSize, given.max)) problems.push('maxSize and max name the same thing and differ');
  if (both(given.minSize, given.min)) problems.push('minSize and min name the same thing and differ');
  within('maxSize', pool.maxSize, 1, 10_000);
  within('minSize', pool.minSize, 0, 10_000);
  if (pool.minSize > pool.maxSize) problems.push(`minSize ${pool.minSize} is more than maxSize ${pool.maxSize}`);
  within('idleTimeout', pool.idleTimeout, 0);
  within('acquireTimeout', pool.acquireTimeout, 1);
  within('evictionRunInterval', pool.evictionRunInterval, 10);
  within('healthCheck.interval', pool.healthCheck.interval, 10);
  within('healthCheck.timeout', pool.healthCheck.timeout, 1);
  within('maxLifetime', pool.maxLifetime, 0);
  within('maxWaiting', pool.maxWaiting, 0, 1_000_000);
  within('leakDetectionThreshold', pool.leakDetectionThreshold, 0);
  within('queryTimeout', pool.queryTimeout, 1);
  return problems;
}
