import {
  type CommitOptions,
  DatabaseError,
  type PipelineAnswer,
  type Rows,
  type Session,
  type Statement,
} from '@tradestream/database';
import { errorOf, RuntimeError, waitFor } from '@tradestream/runtime';

/**
 * A session whose statements end even when the network swallows what the server says: one that is
 * not answered in time costs the connection. The server's own timeout comes first where it can.
 */
export class BoundedSession implements Session {
  readonly #session: Session;
  readonly #timeoutMs: number;

  constructor(session: Session, timeoutMs: number) {
    this.#session = session;
    this.#timeoutMs = timeoutMs;
  }

  get backendPid(): number {
    return this.#session.backendPid;
  }

  get closed(): AbortSignal {
    return this.#session.closed;
  }

  async query<Row extends object>(statement: Statement): Promise<Rows<Row>> {
    try {
      return await waitFor(this.#session.query<Row>(statement), { timeoutMs: this.#timeoutMs, stage: 'statement' });
    } catch (error) {
      throw error instanceof RuntimeError ? await this.#unanswered(error) : error;
    }
  }

  async pipeline(statements: readonly Statement[]): Promise<PipelineAnswer> {
    try {
      return await waitFor(this.#session.pipeline(statements), { timeoutMs: this.#timeoutMs, stage: 'statements' });
    } catch (error) {
      return { rows: [], failure: await this.#unanswered(errorOf(error)) };
    }
  }

  async commit(options?: CommitOptions): Promise<void> {
    await this.#session.commit(options);
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  async #unanswered(cause: Error): Promise<DatabaseError> {
    await this.#session.close();
    return new DatabaseError('DB_STATEMENT_TIMEOUT', { cause, context: { timeoutMs: this.#timeoutMs } });
  }
}
