import type { DatabaseConfig } from '../database-config.ts';
import { DatabaseError } from '../errors.ts';
import type { ReadPreference } from './choose-readers.ts';

/** A primary and its replicas. Who is primary is asked of the servers: `master` is where the search starts. */
export interface ReplicationConfig extends ReplicationOptions {
  master: DatabaseConfig;
  replicas: DatabaseConfig[];
  /** `sync` refuses connections whose commits do not wait to be flushed, and reports a primary without a synchronous standby. */
  syncMode: 'sync' | 'async';
  /** Where reads go that do not say: the primary, a replica, or the node that answers first. */
  readPreference: ReadPreference;
}

/** Times in milliseconds. */
export type ReplicationOptions = {
  /** A replica further behind serves no reads, bytes of log. Default 16 MiB. */
  readonly maxLagBytes?: number;
  /** A replica further behind in time serves no reads. Default 10 000. */
  readonly maxLag?: number;
  /** Between two looks at the nodes. Without a primary they are looked at all the time. Default 1 000. */
  readonly checkInterval?: number;
  /** Longest look at one node; then it counts as gone. Default 1 000. */
  readonly checkTimeout?: number;
  /** A read sees what was written before through the same manager. Default true. */
  readonly readYourWrites?: boolean;
};

export type ResolvedReplication = Required<ReplicationOptions> & {
  readonly syncMode: 'sync' | 'async';
  readonly readPreference: ReadPreference;
};

const MIN = { maxLagBytes: 0, maxLag: 0, checkInterval: 10, checkTimeout: 1 } as const;
const TIMER_MAX_MS = 2_147_483_647;

/** @throws {DatabaseError} DB_CONFIG_INVALID */
export function resolveReplication(given: Partial<ReplicationConfig>, hasReplicas: boolean): ResolvedReplication {
  const resolved: ResolvedReplication = {
    syncMode: given.syncMode ?? 'async',
    readPreference: given.readPreference ?? (hasReplicas ? 'secondary' : 'primary'),
    maxLagBytes: given.maxLagBytes ?? 16 * 1_024 * 1_024,
    maxLag: given.maxLag ?? 10_000,
    checkInterval: given.checkInterval ?? 1_000,
    checkTimeout: given.checkTimeout ?? 1_000,
    readYourWrites: given.readYourWrites ?? true,
  };
  const names = ['maxLagBytes', 'maxLag', 'checkInterval', 'checkTimeout'] as const;
  const problems = names
    .filter((name) => {
      const max = name === 'maxLagBytes' ? Number.MAX_SAFE_INTEGER : TIMER_MAX_MS;
      return !Number.isInteger(resolved[name]) || resolved[name] < MIN[name] || resolved[name] > max;
    })
    .map((name) => `${name} must be a whole number from ${MIN[name]}, it is ${resolved[name]}`);
  if (!['sync', 'async'].includes(resolved.syncMode)) problems.push('syncMode must be sync or async');
  if (!['primary', 'secondary', 'nearest'].includes(resolved.readPreference)) {
    problems.push('readPreference must be primary, secondary or nearest');
  }
  if (problems.length > 0) throw new DatabaseError('DB_CONFIG_INVALID', { detail: problems.join('; ') });
  return resolved;
}
