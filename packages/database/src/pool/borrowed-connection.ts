import type { Connection, ExecuteOptions, QueryResult } from '../connection.ts';
import { DatabaseError } from '../errors.ts';
import { type StatementInput, toStatement } from '../placeholders.ts';
import type { PoolSession } from '../session.ts';
import { altersSession } from './alters-session.ts';
import type { AcquireOptions, ConnectionPool } from './connection-pool.ts';
import type { Lent } from './lent.ts';
import { runStatement } from './run-statement.ts';

/** Lends a connection to whoever called: his stack is kept until he gives it back. */
export async function borrow(pool: ConnectionPool, options: AcquireOptions = {}): Promise<BorrowedConnection> {
  const borrower = options.borrower ?? new Error('borrowed here');
  return new BorrowedConnection(pool, await pool.acquire({ ...options, borrower }));
}

export class BorrowedConnection implements Connection {
  readonly backendPid: number;
  readonly node: string;
  readonly #pool: ConnectionPool;
  #lent: Lent | null;

  constructor(pool: ConnectionPool, lent: Lent) {
    this.#pool = pool;
    this.#lent = lent;
    this.node = pool.address.name;
    this.backendPid = lent.session.backendPid;
  }

  get closed(): AbortSignal {
    return this.#lent?.session.closed ?? AbortSignal.abort(new DatabaseError('DB_CONNECTION_RELEASED'));
  }

  /** For the transaction that owns it: COMMIT has answers of its own. */
  get session(): PoolSession {
    if (this.#lent === null) throw new DatabaseError('DB_CONNECTION_RELEASED');
    return this.#lent.session;
  }

  async execute<Row extends object = Record<string, unknown>>(
    input: StatementInput,
    values?: readonly unknown[],
    options: ExecuteOptions = {},
  ): Promise<QueryResult<Row>> {
    const statement = toStatement(input, values);
    const lent = this.#lent;
    if (lent === null) throw new DatabaseError('DB_CONNECTION_RELEASED', { context: { backendPid: this.backendPid } });
    lent.statement = statement.text;
    lent.altered ||= altersSession(statement.text);
    const timeoutMs = options.timeoutMs ?? this.#pool.config.queryTimeout;
    return await runStatement<Row>({ session: lent.session, meter: this.#pool.meter, statement, timeoutMs });
  }

  async release(): Promise<void> {
    const lent = this.#lent;
    this.#lent = null;
    if (lent !== null) await this.#pool.release(lent);
  }

  /** For what cannot be used again: closes it instead of giving it back. */
  discard(error: Error): void {
    const lent = this.#lent;
    this.#lent = null;
    if (lent !== null) this.#pool.discard(lent, 'broken', error);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
