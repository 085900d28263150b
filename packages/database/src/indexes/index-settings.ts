import { DatabaseError } from '../errors.ts';
import type { DatabaseManager } from '../manager/database-manager.ts';

export type IndexManagerConfig = {
  readonly database: DatabaseManager;
  /** Longest wait for one lock, milliseconds; then another attempt. From 1, default 5 000. */
  readonly lockTimeout?: number;
  /** Longest build or removal, milliseconds. From 1, default an hour. */
  readonly statementTimeout?: number;
  /** Attempts when a lock is not free in time. From 1, default 5. */
  readonly attempts?: number;
  /** An index without a scan is called unused after this, milliseconds. From 0, default seven days. */
  readonly unusedAfter?: number;
  /** A smaller index is never called bloated, bytes. From 0, default 10 MiB. */
  readonly bloatBytesMin?: number;
  /** Told how far a build is. Must not throw. */
  readonly onProgress?: (progress: IndexProgress) => void;
};

export type IndexProgress = {
  readonly table: string;
  readonly index: string;
  /** As the server calls it: `building index: scanning table`. */
  readonly phase: string;
  readonly blocksDone: number;
  readonly blocksTotal: number;
  readonly tuplesDone: number;
  readonly tuplesTotal: number;
};

export type IndexSettings = Required<Omit<IndexManagerConfig, 'onProgress'>> & Pick<IndexManagerConfig, 'onProgress'>;

/** @throws {DatabaseError} DB_CONFIG_INVALID */
export function resolveIndexes(config: IndexManagerConfig): IndexSettings {
  const settings: IndexSettings = {
    lockTimeout: 5_000,
    statementTimeout: 3_600_000,
    attempts: 5,
    unusedAfter: 7 * 24 * 3_600_000,
    bloatBytesMin: 10_485_760,
    ...config,
  };
  const min = { lockTimeout: 1, statementTimeout: 1, attempts: 1, unusedAfter: 0, bloatBytesMin: 0 } as const;
  const names = ['lockTimeout', 'statementTimeout', 'attempts', 'unusedAfter', 'bloatBytesMin'] as const;
  const problems = names
    .filter((name) => !Number.isInteger(settings[name]) || settings[name] < min[name] || settings[name] > 2 ** 31 - 1)
    .map((name) => `${name} must be a whole number from ${min[name]}, it is ${settings[name]}`);
  if (problems.length > 0) throw new DatabaseError('DB_CONFIG_INVALID', { detail: problems.join('; ') });
  return settings;
}
