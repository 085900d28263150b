import { DatabaseError } from '../errors.ts';

/** What a transaction sees of others; PostgreSQL gives READ UNCOMMITTED the guarantees of READ COMMITTED. */
export const IsolationLevel = {
  READ_UNCOMMITTED: 'READ UNCOMMITTED',
  READ_COMMITTED: 'READ COMMITTED',
  REPEATABLE_READ: 'REPEATABLE READ',
  SERIALIZABLE: 'SERIALIZABLE',
} as const;
export type IsolationLevel = (typeof IsolationLevel)[keyof typeof IsolationLevel];

/** When the whole work is run again: class 40, a lock not free in time, a connection lost before COMMIT was sent. */
export interface RetryPolicy {
  /** The first included; 1 never retries. */
  readonly maxAttempts: number;
  /** The first pause at most, milliseconds; each is drawn at random, the next may be three times as long. */
  readonly baseDelay: number;
  /** The longest pause, milliseconds. */
  readonly maxDelay: number;
  /** No attempt starts later than this after the first, milliseconds. Absent: no such limit. */
  readonly budget?: number;
}

export type TransactionOutcome = 'open' | 'committed' | 'rolled back' | 'unknown';

/** A COMMIT whose answer did not come, or did not say that a standby has it. */
export type UnknownCommit = {
  readonly backendPid: number;
  /** The transaction's id at the server; null when it had written nothing. */
  readonly xid: string | null;
  /** Of the server when the transaction wrote; an id means nothing on another one. */
  readonly timeline: number | null;
  readonly node: string;
};

/** Finds out what became of a commit, for instance by a key that the work itself wrote. */
export type SettleHook = (commit: UnknownCommit) => Promise<Exclude<TransactionOutcome, 'open'>>;

export interface TransactionConfig {
  isolation: IsolationLevel;
  /**
   * The time for all of it, COMMIT included, milliseconds: statements, waits for locks and pauses of
   * the application. Then it is rolled back. With retries: of each attempt.
   */
  timeout: number;
  retryPolicy: RetryPolicy;
  /** Default false. */
  readOnly?: boolean;
  /** With SERIALIZABLE and readOnly: waits for a snapshot that cannot fail. Default false. */
  deferrable?: boolean;
  /** Longest wait for one lock, milliseconds; then 55P03. Default: as the server has it. */
  lockTimeout?: number;
  /** Shown in lists and events, to find the place in the application. */
  label?: string;
  /** Instead of the toolkit's own way, which asks the server by the transaction's id. */
  settle?: SettleHook;
  /** Time to settle an unknown commit, milliseconds. Default 10 000. */
  settleTimeout?: number;
}

export type TransactionOptions = Partial<TransactionConfig>;

export type ResolvedTransaction = Required<Omit<TransactionConfig, 'settle' | 'lockTimeout'>> &
  Pick<TransactionConfig, 'settle' | 'lockTimeout'>;

const RETRY: RetryPolicy = { maxAttempts: 10, baseDelay: 10, maxDelay: 1_000, budget: 30_000 };
const LEVELS: readonly string[] = Object.values(IsolationLevel);

/** @throws {DatabaseError} DB_CONFIG_INVALID */
export function resolveTransaction(given: TransactionOptions, defaults: TransactionOptions = {}): ResolvedTransaction {
  const merged = { ...defaults, ...given };
  const resolved: ResolvedTransaction = {
    isolation: merged.isolation ?? 'READ COMMITTED',
    timeout: merged.timeout ?? 30_000,
    retryPolicy: { ...RETRY, ...defaults.retryPolicy, ...given.retryPolicy },
    readOnly: merged.readOnly ?? false,
    deferrable: merged.deferrable ?? false,
    label: merged.label ?? '',
    settleTimeout: merged.settleTimeout ?? 10_000,
    ...(merged.lockTimeout === undefined ? {} : { lockTimeout: merged.lockTimeout }),
    ...(merged.settle === undefined ? {} : { settle: merged.settle }),
  };
  const { isolation, timeout, retryPolicy, lockTimeout } = resolved;
  const problems: string[] = [];
  if (!LEVELS.includes(isolation)) problems.push(`isolation must be one of ${LEVELS.join(', ')}`);
  if (!Number.isInteger(timeout) || timeout < 1)
    problems.push(`timeout must be a whole number from 1, it is ${timeout}`);
  if (lockTimeout !== undefined && (!Number.isInteger(lockTimeout) || lockTimeout < 1)) {
    problems.push(`lockTimeout must be a whole number from 1, it is ${lockTimeout}`);
  }
  if (!(retryPolicy.maxAttempts >= 1)) problems.push('retryPolicy.maxAttempts must be at least 1');
  if (!(retryPolicy.baseDelay >= 0 && retryPolicy.maxDelay >= retryPolicy.baseDelay)) {
    problems.push('retryPolicy.baseDelay must be from 0 to maxDelay');
  }
  if (problems.length > 0) throw new DatabaseError('DB_CONFIG_INVALID', { detail: problems.join('; ') });
  return resolved;
}

/** One text: it goes and comes in one round trip. The timeouts end at the server what a vanished client leaves there. */
export function beginText(config: ResolvedTransaction): string {
  const { isolation, readOnly, deferrable, timeout, lockTimeout } = config;
  const mode = readOnly ? 'READ ONLY' : 'READ WRITE';
  return [
    `BEGIN ISOLATION LEVEL ${isolation} ${mode}${deferrable ? ' DEFERRABLE' : ''}`,
    `SET LOCAL statement_timeout = ${timeout}`,
    `SET LOCAL idle_in_transaction_session_timeout = ${timeout}`,
    ...(lockTimeout === undefined ? [] : [`SET LOCAL lock_timeout = ${lockTimeout}`]),
  ].join('; ');
}
