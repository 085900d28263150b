import { AppError, type AppErrorOptions, type ErrorTable } from '@tradestream/runtime';
import type { DatabaseErrorEntry, DatabaseErrorType } from './error-entry.ts';
import { SQLSTATES, sqlstateEntry } from './sqlstates.ts';

/** Failures that have no SQLSTATE, beside those of the server. */
export const DATABASE_ERRORS = {
  DB_CONNECTION_FAILED: {
    type: 'CONNECTION_ERROR',
    retry: 'later',
    summary: 'no connection to the server could be made',
    advice: 'see that the server runs and that address, role and password are right',
  },
  DB_CONNECTION_LOST: {
    type: 'CONNECTION_ERROR',
    retry: 'later',
    summary: 'the connection ended while it was needed',
    advice: 'connect again; the work was rolled back unless its COMMIT was under way',
  },
  DB_STATEMENT_TIMEOUT: {
    type: 'CONNECTION_ERROR',
    retry: 'later',
    summary: 'the server has not answered in time; the connection was given up',
    advice: 'look for locks, load or a network that drops packets',
  },
  DB_COMMIT_ROLLED_BACK: {
    type: 'TRANSACTION_ERROR',
    retry: 'now',
    summary: 'COMMIT was answered with ROLLBACK',
    advice: 'a statement before it had failed: nothing was written',
  },
  DB_COMMIT_NOT_DURABLE: {
    type: 'REPLICATION_ERROR',
    retry: 'settle',
    summary: 'committed on the primary, perhaps on no standby',
    advice: 'do not acknowledge: find out by a transaction that waits behind this one and commits without the notice',
  },
  DB_COMMIT_UNKNOWN: {
    type: 'TRANSACTION_ERROR',
    retry: 'settle',
    summary: 'COMMIT was sent and not answered',
    advice: 'it may have happened: find out before doing the work again',
  },
  DB_OUTCOME_UNKNOWN: {
    type: 'QUERY_ERROR',
    retry: 'settle',
    summary: 'a write was sent and its answer did not come',
    advice: 'it may have happened: look for its effect before sending it again, or use a transaction, which settles it',
  },
  DB_STATEMENT_INVALID: {
    type: 'QUERY_ERROR',
    retry: 'never',
    summary: 'the statement could not be sent',
    advice:
      'a value has no form in SQL (undefined, a circular object), or a name stands for another text: see the cause',
  },
  DB_PLACEHOLDERS: {
    type: 'QUERY_ERROR',
    retry: 'never',
    summary: 'the statement and its values do not fit',
    advice: 'give one value for each `?`; write `??` for an operator that is a question mark',
  },
  DB_QUERY_INVALID: {
    type: 'QUERY_ERROR',
    retry: 'never',
    summary: 'the query cannot be built',
    advice:
      'mend the call that the message names: names are checked, values are parameters, an expression is an `sql` piece',
  },
  DB_QUERY_TOO_LONG: {
    type: 'QUERY_ERROR',
    retry: 'never',
    summary: 'the statement is longer than is analysed',
    advice: 'raise maxQueryLength of the QueryOptimizer, or send values as parameters',
  },
  DB_INDEX_REFUSED: {
    type: 'QUERY_ERROR',
    retry: 'never',
    summary: 'the index is not changed',
    advice: 'see what the message names; `force` drops an index that enforces something or is in use',
  },
  DB_TRANSACTION_CONTROL: {
    type: 'QUERY_ERROR',
    retry: 'never',
    summary: 'a transaction or a session cannot be steered by a pooled query',
    advice: 'use beginTransaction, transaction or getConnection: the next query may run on another connection',
  },
  DB_POOL_TIMEOUT: {
    type: 'CONNECTION_ERROR',
    retry: 'later',
    summary: 'no connection became free in time',
    advice: 'all are in use: look for slow statements and leaks, then raise maxSize; the server itself answers',
  },
  DB_POOL_QUEUE_FULL: {
    type: 'CONNECTION_ERROR',
    retry: 'later',
    summary: 'too many callers wait for a connection already',
    advice: 'shed load: the bound is maxWaiting',
  },
  DB_POOL_CLOSED: {
    type: 'CONNECTION_ERROR',
    retry: 'never',
    summary: 'the pool is closed',
    advice: 'do not use a manager after its close',
  },
  DB_CONNECTION_RELEASED: {
    type: 'CONNECTION_ERROR',
    retry: 'never',
    summary: 'the connection was given back already',
    advice: 'it may be in the hands of another caller: get one anew',
  },
  DB_CONFIG_INVALID: {
    type: 'CONNECTION_ERROR',
    retry: 'never',
    summary: 'the configuration is not valid',
    advice: 'mend what the message names; nothing was opened',
  },
  DB_TRANSACTION_TIMEOUT: {
    type: 'TRANSACTION_ERROR',
    retry: 'later',
    summary: 'the transaction was not done by its deadline and was rolled back',
    advice: 'look for locks and slow statements; raise `timeout` only for work known to be long',
  },
  DB_TRANSACTION_ENDED: {
    type: 'TRANSACTION_ERROR',
    retry: 'never',
    summary: 'the transaction has ended already',
    advice: 'begin another one',
  },
  DB_RETRIES_SPENT: {
    type: 'TRANSACTION_ERROR',
    retry: 'later',
    summary: 'the attempts, the time or the budget for them are spent',
    advice: 'the cause is the last failure: every attempt was rolled back',
  },
  DB_PRIMARY_UNKNOWN: {
    type: 'REPLICATION_ERROR',
    retry: 'later',
    summary: 'no node is the primary now',
    advice: 'a failover may be under way: see the state of each node',
  },
  DB_NOT_FRESH: {
    type: 'REPLICATION_ERROR',
    retry: 'later',
    summary: 'no node shows yet what the reader must see',
    advice: 'read again: replication or what fills the tables is behind; see the lag of each node',
  },
  DB_NODE_FENCED: {
    type: 'REPLICATION_ERROR',
    retry: 'later',
    summary: 'the node is no longer used',
    advice: 'another node has a newer timeline, or it belongs to another cluster',
  },
  DB_MIGRATION_REFUSED: {
    type: 'QUERY_ERROR',
    retry: 'never',
    summary: 'the migrations do not continue what ran',
    advice: 'a file that ran is never changed, renamed or removed: restore it, and add a new one with the next number',
  },
  DB_NOT_DURABLE: {
    type: 'TRANSACTION_ERROR',
    retry: 'never',
    summary: 'this session does not wait for its commits to be flushed',
    advice: 'set synchronous_commit to on, remote_write or remote_apply for the role and database',
  },
} as const satisfies Readonly<Record<string, DatabaseErrorEntry>>;

export type DatabaseErrorOptions = AppErrorOptions & {
  readonly lockDetail?: string;
  readonly lockContext?: string;
};

export type DatabaseErrorCode = keyof typeof DATABASE_ERRORS;

/** Every code with its class: our own and the server's. */
export const DATABASE_ERROR_TABLE: ErrorTable = { ...SQLSTATES, ...DATABASE_ERRORS };

/**
 * A failure of the database. `code` is the SQLSTATE, or one of ours where the server gave none.
 * Its message never carries row values: the server's `detail` is left out.
 */
export class DatabaseError extends AppError {
  readonly type: DatabaseErrorType;
  /** Of a deadlock: processes and locks, as the server names them. No row values. */
  readonly lockDetail: string | undefined;
  /** Of a deadlock: what the victim was doing, as the server says it (`while updating tuple ... in relation ...`). */
  readonly lockContext: string | undefined;

  constructor(code: string, options: DatabaseErrorOptions = {}) {
    const entry = entryOf(code);
    super({ [code]: entry }, code, options);
    this.type = entry.type;
    this.lockDetail = options.lockDetail;
    this.lockContext = options.lockContext;
  }

  /** Whether the same work may be tried again without finding out anything first. */
  get retryable(): boolean {
    return this.retry === 'now' || this.retry === 'later';
  }
}

function entryOf(code: string): DatabaseErrorEntry {
  return isOwn(code) ? DATABASE_ERRORS[code] : sqlstateEntry(code);
}

function isOwn(code: string): code is DatabaseErrorCode {
  return Object.hasOwn(DATABASE_ERRORS, code);
}

/**
 * Whether the server does not let this program in: password, role, database. No pause mends it for a program that
 * starts with it; for one that was let in before it may be a password that is being changed.
 */
export function isAccessRefused(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError && (error.code.startsWith('28') || error.code === '3D000');
}
