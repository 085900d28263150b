import type { QueryResult } from '../connection.ts';
import type { StatementInput } from '../placeholders.ts';
import type { TransactionOutcome } from './transaction-config.ts';

/** What may be done inside a transaction. For one caller at a time; statements run in the order of the calls. */
export interface TransactionScope {
  readonly backendPid: number;
  readonly node: string;
  /**
   * @throws {DatabaseError} with the SQLSTATE, DB_PLACEHOLDERS, DB_CONNECTION_LOST, DB_TRANSACTION_TIMEOUT,
   * DB_TRANSACTION_ENDED
   */
  execute<Row extends object = Record<string, unknown>>(
    statement: StatementInput,
    values?: readonly unknown[],
  ): Promise<QueryResult<Row>>;
  /** Runs `work` inside a savepoint: when it throws, what it did is undone and the transaction goes on. May be nested. */
  savepoint<T>(work: (scope: TransactionScope) => Promise<T>): Promise<T>;
  /** Sets a savepoint by name, for `rollbackTo` and `releaseSavepoint`. */
  createSavepoint(name: string): Promise<void>;
  /** Undoes what was done since; the savepoint stays. @throws {DatabaseError} 3B001 */
  rollbackTo(name: string): Promise<void>;
  /** Forgets the savepoint and keeps what was done. @throws {DatabaseError} 3B001 */
  releaseSavepoint(name: string): Promise<void>;
}

/**
 * A transaction on a connection of its own, which goes back to the pool at the end. When its time is
 * over it is rolled back, whatever the application does.
 */
export interface Transaction extends TransactionScope {
  /** `unknown`: COMMIT was sent, and its answer did not come or did not promise that it lasts. */
  readonly outcome: TransactionOutcome;
  /**
   * @throws {DatabaseError} DB_COMMIT_ROLLED_BACK (nothing was written), DB_COMMIT_UNKNOWN (no answer in
   * time; `settle` finds out), DB_COMMIT_NOT_DURABLE (written, perhaps on no standby; `settle` proves it),
   * DB_TRANSACTION_TIMEOUT, DB_TRANSACTION_ENDED, or the SQLSTATE of a deferred constraint (rolled back)
   */
  commit(): Promise<void>;
  /** Idempotent, and nothing after the end. Never throws: a connection that cannot say so ends the transaction too. */
  rollback(): Promise<void>;
  /** Finds out an `unknown` outcome within `settleTimeout`; any other one is given as it is. */
  settle(): Promise<TransactionOutcome>;
}
