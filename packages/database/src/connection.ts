import type { StatementInput } from './placeholders.ts';
import type { Rows } from './session.ts';

export type ExecuteOptions = {
  /** Longest run, milliseconds; then the connection is given up and the server told to cancel. Default: the pool's `queryTimeout`. */
  readonly timeoutMs?: number;
};

/** Rows as the driver makes them: numeric and bigint columns are strings, so that no digit is lost. */
export type QueryResult<Row extends object = Record<string, unknown>> = Rows<Row>;

/** A connection on loan from the pool. One caller at a time; statements run in the order of the calls. */
export interface Connection {
  /** The server's process for it. */
  readonly backendPid: number;
  /** The node it leads to. */
  readonly node: string;
  /** Aborts when the connection is gone. */
  readonly closed: AbortSignal;
  /**
   * Runs one statement with `?` or `$1` for its values.
   * @throws {DatabaseError} with the SQLSTATE, DB_PLACEHOLDERS, DB_STATEMENT_TIMEOUT, DB_CONNECTION_LOST,
   * DB_STATEMENT_INVALID, DB_CONNECTION_RELEASED
   */
  execute<Row extends object = Record<string, unknown>>(
    statement: StatementInput,
    values?: readonly unknown[],
    options?: ExecuteOptions,
  ): Promise<QueryResult<Row>>;
  /** Gives the connection back. Idempotent. A transaction left open is rolled back, and reported. */
  release(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
