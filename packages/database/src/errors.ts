import { AppError, type AppErrorOptions, type ErrorEntry, type ErrorTable } from '@tradestream/runtime';
import { SQLSTATES, sqlstateEntry } from './sqlstates.ts';

/** The kinds of failure that an application tells apart. */
export const DatabaseErrorType = {
  CONNECTION_ERROR: 'CONNECTION_ERROR',
  QUERY_ERROR: 'QUERY_ERROR',
  TRANSACTION_ERROR: 'TRANSACTION_ERROR',
  REPLICATION_ERROR: 'REPLICATION_ERROR',
} as const;
export type DatabaseErrorType = (typeof DatabaseErrorType)[keyof typeof DatabaseErrorType];

export type DatabaseErrorEntry = ErrorEntry & { readonly type: DatabaseErrorType };

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
  DB_MIGRATION_BUSY: {
    type: 'QUERY_ERROR',
    retry: 'later',
    summary: 'the migration could not run now',
    advice: 'another process migrates, or a file is not a migration: see the cause',
  },
  DB_NOT_DURABLE: {
    type: 'TRANSACTION_ERROR',
    retry: 'never',
    summary: 'this session does not wait for its commits to be flushed',
    advice: 'set synchronous_commit to on, remote_write or remote_apply for the role and database',
  },
} as const satisfies Readonly<Record<string, DatabaseErrorEntry>>;

export type DatabaseErrorCode = keyof typeof DATABASE_ERRORS;

/** Every code with its class: our own and the server's. */
export const DATABASE_ERROR_TABLE: ErrorTable = { ...SQLSTATES, ...DATABASE_ERRORS };

/**
 * A failure of the database. `code` is the SQLSTATE, or one of ours where the server gave none.
 * Its message never carries row values: the server's `detail` is left out.
 */
export class DatabaseError extends AppError {
  readonly type: DatabaseErrorType;

  constructor(code: string, options: AppErrorOptions = {}) {
    const entry = entryOf(code);
    super({ [code]: entry }, code, options);
    this.type = entry.type;
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
