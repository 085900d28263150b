import { type CommitOptions, DatabaseError, type Rows, type Session, type Statement } from '@tradestream/database';
import { RuntimeError, waitFor } from '@tradestream/runtime';

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
    const timeoutMs = this.#timeoutMs;
    try {
      return await waitFor(this.#session.query<Row>(statement), { timeoutMs, stage: 'statement' });
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      await this.#session.close();
      throw new DatabaseError('DB_STATEMENT_TIMEOUT', { cause: error, context: { timeoutMs } });
    }
  }

  async commit(options?: CommitOptions): Promise<void> {
    await this.#session.commit(options);
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}
