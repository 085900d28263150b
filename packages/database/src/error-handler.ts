import { sleep } from '@tradestream/runtime';
import { DatabaseErrorType } from './error-entry.ts';

/** What an application knows of a failure; a `DatabaseError` is one. */
export type HandledError = {
  readonly type: DatabaseErrorType;
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
};

/** What was under way when it failed. */
export type ErrorContext = {
  /** Is rolled back, so that its locks and its connection are free. */
  readonly transaction?: { rollback(): Promise<void> };
  /** Is called once the recovery is done, when the error is retryable. */
  readonly retry?: () => Promise<unknown>;
};

/** What the recoveries work on; a DatabaseManager has both. */
export interface Recoverable {
  /** Closes idle connections and looks at the nodes again. */
  reconnect(): Promise<void>;
  /** Looks for the primary again before the next write. */
  reroute(): Promise<void>;
}

/** One recovery a type. Each may be replaced; it runs once for each error and may throw. */
export type Recoveries = {
  readonly onConnectionError: (error: HandledError) => Promise<void>;
  readonly onQueryError: (error: HandledError) => Promise<void>;
  readonly onTransactionError: (error: HandledError) => Promise<void>;
  readonly onReplicationError: (error: HandledError) => Promise<void>;
};

export type DatabaseErrorHandlerConfig = Partial<Recoveries> & {
  /** Absent: nothing is reconnected or rerouted by the handler itself. */
  readonly database?: Recoverable;
  /** The pause before a caller may try again, milliseconds; drawn between its half and its whole. Default 100. */
  readonly retryPause?: number;
  /** Told of each error before its recovery: for a log. */
  readonly onError?: (error: HandledError) => void;
};

const RETRY_PAUSE_MS = 100;

/**
 * Brings the database into the state in which the caller may go on: connections are made anew, the primary
 * is found again, a transaction is rolled back, a moment passes. When it resolves, a `retryable` error is worth
 * another try, which it makes itself where the caller says how.
 */
export class DatabaseErrorHandler {
  readonly #config: DatabaseErrorHandlerConfig;
  readonly #counts = new Map<string, number>();

  constructor(config: DatabaseErrorHandlerConfig = {}) {
    this.#config = config;
  }

  /** Errors handled so far, by `type code`. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** @throws what a recovery or the retry throws */
  async handleError(error: HandledError, context: ErrorContext = {}): Promise<void> {
    const key = `${error.type} ${error.code}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    this.#config.onError?.(error);
    await context.transaction?.rollback();
    await this.#recover(error);
    if (error.retryable) await context.retry?.();
  }

  async #recover(error: HandledError): Promise<void> {
    switch (error.type) {
      case DatabaseErrorType.CONNECTION_ERROR:
        return await this.handleConnectionError(error);
      case DatabaseErrorType.QUERY_ERROR:
        return await this.handleQueryError(error);
      case DatabaseErrorType.TRANSACTION_ERROR:
        return await this.handleTransactionError(error);
      case DatabaseErrorType.REPLICATION_ERROR:
        return await this.handleReplicationError(error);
    }
  }

  /** Idle connections may be as dead as this one: they are evicted, and the nodes looked at. A refusal is left as it is. */
  protected async handleConnectionError(error: HandledError): Promise<void> {
    const { onConnectionError, database } = this.#config;
    if (onConnectionError !== undefined) return await onConnectionError(error);
    if (!error.retryable) return;
    await database?.reconnect();
    await this.#pause();
  }

  /** A moment passes before another try; what cannot succeed is left to the caller at once. */
  protected async handleQueryError(error: HandledError): Promise<void> {
    const { onQueryError } = this.#config;
    if (onQueryError !== undefined) return await onQueryError(error);
    if (error.retryable) await this.#pause();
  }

  /** It is rolled back by now: those that collided part by a pause drawn at random. */
  protected async handleTransactionError(error: HandledError): Promise<void> {
    const { onTransactionError } = this.#config;
    if (onTransactionError !== undefined) return await onTransactionError(error);
    if (error.retryable) await this.#pause();
  }

  /** The primary is looked for again. */
  protected async handleReplicationError(error: HandledError): Promise<void> {
    const { onReplicationError, database } = this.#config;
    if (onReplicationError !== undefined) return await onReplicationError(error);
    await database?.reroute();
  }

  async #pause(): Promise<void> {
    const whole = this.#config.retryPause ?? RETRY_PAUSE_MS;
    await sleep(whole * (0.5 + Math.random() / 2));
  }
}
