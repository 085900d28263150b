import { errorOf } from '@tradestream/runtime';
import type { QueryResult } from '../connection.ts';
import { DatabaseError } from '../errors.ts';
import { type StatementInput, toStatement } from '../placeholders.ts';
import type { BorrowedConnection } from '../pool/borrowed-connection.ts';
import type { PoolSession } from '../session.ts';
import { StatementTrail } from './statement-trail.ts';
import type { Transaction, TransactionScope } from './transaction.ts';
import {
  beginText,
  type ResolvedTransaction,
  type TransactionOutcome,
  type UnknownCommit,
} from './transaction-config.ts';

// open -> committing -> committed | rolled back | unknown; open -> rolled back; unknown -> settled.
// Nothing leaves committed or rolled back.

const XID = `SELECT pg_current_xact_id_if_assigned()::text AS xid,
  ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int AS timeline`;
const ROLLBACK_MS = 2_000;

type Settle = (commit: UnknownCommit) => Promise<TransactionOutcome>;

export type OpenTransactionOptions = {
  readonly connection: BorrowedConnection;
  readonly config: ResolvedTransaction;
  readonly settle: Settle;
  /** Sent behind COMMIT, in the same flight. Must not throw. */
  readonly afterCommit?: ((session: PoolSession) => Promise<void>) | undefined;
  /** Called once, when the transaction no longer uses its connection. */
  readonly ended: (transaction: OpenTransaction) => void;
};

export class OpenTransaction implements Transaction {
  readonly backendPid: number;
  readonly node: string;
  readonly startedMs = performance.now();
  readonly startedAt = new Date();
  readonly label: string;
  readonly #options: OpenTransactionOptions;
  readonly #timer: NodeJS.Timeout;
  #outcome: TransactionOutcome = 'open';
  #committing = false;
  #expired = false;
  #failure: DatabaseError | null = null;
  #xid: string | null = null;
  #timeline: number | null = null;
  #savepoints = 0;
  readonly #trail = new StatementTrail();
  #idleSinceMs: number | null = performance.now();

  private constructor(options: OpenTransactionOptions) {
    this.#options = options;
    this.backendPid = options.connection.backendPid;
    this.node = options.connection.node;
    this.label = options.config.label;
    this.#timer = setTimeout(() => this.#expire(), options.config.timeout);
    this.#timer.unref();
  }

  /** Begins on the connection, and gives it back when that fails. */
  static async begin(options: OpenTransactionOptions): Promise<OpenTransaction> {
    const transaction = new OpenTransaction(options);
    try {
      await options.connection.execute(beginText(options.config), [], { timeoutMs: options.config.timeout });
      return transaction;
    } catch (error) {
      await transaction.rollback();
      throw error;
    }
  }

  get outcome(): TransactionOutcome {
    return this.#outcome;
  }

  /** The first error since which the server refuses all statements; null when it would commit. */
  get failure(): DatabaseError | null {
    return this.#failure;
  }

  /** Its last statements, without their values. */
  get statements(): StatementTrail {
    return this.#trail;
  }

  /** Since when the application has sent nothing; null while a statement runs. */
  get idleMs(): number | null {
    return this.#idleSinceMs === null ? null : performance.now() - this.#idleSinceMs;
  }

  async execute<Row extends object = Record<string, unknown>>(
    input: StatementInput,
    values?: readonly unknown[],
  ): Promise<QueryResult<Row>> {
    const statement = toStatement(input, values);
    this.#refuseWhenEnded();
    const ended = this.#trail.began(statement.text);
    this.#idleSinceMs = null;
    const { connection, config } = this.#options;
    const timeoutMs = Math.max(1, config.timeout - (performance.now() - this.startedMs));
    try {
      const running = connection.execute<Row>(statement, undefined, { timeoutMs });
      // In the same flight: were COMMIT to get lost, only this id tells what became of it.
      const asking = this.#xid === null && !config.readOnly ? this.#learnXid() : null;
      const [answer, learnt] = await Promise.allSettled([running, asking]);
      if (answer.status === 'rejected') throw answer.reason;
      // The connection went, or a cancel arrived, between the two answers: the transaction cannot go on.
      if (learnt.status === 'rejected') throw learnt.reason;
      return answer.value;
    } catch (error) {
      throw this.#failed(error);
    } finally {
      ended();
      this.#idleSinceMs = performance.now();
    }
  }

  async savepoint<T>(work: (scope: TransactionScope) => Promise<T>): Promise<T> {
    this.#savepoints += 1;
    const name = `toolkit_${this.#savepoints}`;
    await this.createSavepoint(name);
    try {
      const value = await work(this);
      await this.releaseSavepoint(name);
      return value;
    } catch (error) {
      if (this.#outcome === 'open' && !this.#options.connection.closed.aborted) {
        await this.rollbackTo(name);
        await this.releaseSavepoint(name);
      }
      throw error;
    }
  }

  async createSavepoint(name: string): Promise<void> {
    await this.execute(`SAVEPOINT ${quoteName(name)}`);
  }

  async rollbackTo(name: string): Promise<void> {
    const failure = this.#failure;
    this.#failure = null;
    try {
      await this.execute(`ROLLBACK TO SAVEPOINT ${quoteName(name)}`);
    } catch (error) {
      this.#failure = failure ?? this.#failure;
      throw error;
    }
  }

  async releaseSavepoint(name: string): Promise<void> {
    await this.execute(`RELEASE SAVEPOINT ${quoteName(name)}`);
  }

  async commit(): Promise<void> {
    this.#refuseWhenEnded();
    const { connection, config } = this.#options;
    this.#committing = true;
    clearTimeout(this.#timer);
    if (connection.closed.aborted) {
      // COMMIT was not sent: the server has rolled back.
      await this.#end('rolled back');
      throw new DatabaseError('DB_CONNECTION_LOST', { cause: connection.closed.reason, detail: 'before COMMIT' });
    }
    try {
      const { session } = connection;
      const timeoutMs = Math.max(1, config.timeout - (performance.now() - this.startedMs));
      const committing = session.commit({ timeoutMs });
      const following = this.#options.afterCommit?.(session);
      await committing;
      await following;
      await this.#end('committed');
    } catch (thrown) {
      const error =
        thrown instanceof DatabaseError ? thrown : new DatabaseError('DB_COMMIT_UNKNOWN', { cause: thrown });
      const isDoomed = this.#failure !== null && error.code === 'DB_COMMIT_UNKNOWN';
      if (error.retry === 'settle' && !isDoomed) {
        await this.#end('unknown');
        throw error;
      }
      await this.#end('rolled back');
      // A transaction in which a statement failed, or whose connection went before, cannot have been committed.
      if (isDoomed) throw new DatabaseError('DB_COMMIT_ROLLED_BACK', { cause: this.#failure });
      if (error.code === 'DB_COMMIT_ROLLED_BACK' && this.#failure !== null) {
        throw new DatabaseError('DB_COMMIT_ROLLED_BACK', { cause: this.#failure, detail: this.#failure.code });
      }
      throw error;
    }
  }

  async rollback(): Promise<void> {
    if (this.#outcome !== 'open' || this.#committing) return;
    const { connection } = this.#options;
    clearTimeout(this.#timer);
    this.#outcome = 'rolled back';
    try {
      if (!connection.closed.aborted) await connection.execute('ROLLBACK', [], { timeoutMs: ROLLBACK_MS });
    } catch (error) {
      connection.discard(errorOf(error)); // its end at the server ends the transaction
    }
    await this.#end('rolled back');
  }

  async settle(): Promise<TransactionOutcome> {
    if (this.#outcome !== 'unknown') return this.#outcome;
    const { backendPid, node } = this;
    this.#outcome = await this.#options.settle({ backendPid, node, xid: this.#xid, timeline: this.#timeline });
    return this.#outcome;
  }

  #refuseWhenEnded(): void {
    if (this.#expired) throw new DatabaseError('DB_TRANSACTION_TIMEOUT', { context: this.#figures() });
    if (this.#outcome === 'open' && !this.#committing) return;
    throw new DatabaseError('DB_TRANSACTION_ENDED', { context: { outcome: this.#outcome } });
  }

  #figures(): Readonly<Record<string, unknown>> {
    const { timeout, label } = this.#options.config;
    return { timeout, elapsedMs: Math.round(performance.now() - this.startedMs), ...(label === '' ? {} : { label }) };
  }

  async #learnXid(): Promise<void> {
    const { session } = this.#options.connection;
    const { rows } = await session.query<{ xid: string | null; timeline: number }>({ text: XID });
    this.#xid = rows[0]?.xid ?? null;
    this.#timeline = rows[0]?.timeline ?? null;
  }

  #failed(thrown: unknown): Error {
    const error = errorOf(thrown);
    const late = performance.now() - this.startedMs >= this.#options.config.timeout;
    // The server has the same deadline, and may be the first to say so.
    if (late && error instanceof DatabaseError && error.code === '57014') this.#expire();
    if (this.#expired) {
      return new DatabaseError('DB_TRANSACTION_TIMEOUT', { cause: error, context: this.#figures() });
    }
    // A statement that was never sent leaves the transaction as it was.
    if (error instanceof DatabaseError && error.code !== 'DB_STATEMENT_INVALID') this.#failure ??= error;
    return error;
  }

  #expire(): void {
    if (this.#outcome !== 'open' || this.#committing) return;
    this.#expired = true;
    clearTimeout(this.#timer);
    const error = new DatabaseError('DB_TRANSACTION_TIMEOUT', { context: this.#figures() });
    this.#outcome = 'rolled back';
    this.#options.connection.discard(error);
    this.#options.ended(this);
  }

  async #end(outcome: TransactionOutcome): Promise<void> {
    this.#outcome = outcome;
    await this.#options.connection.release();
    this.#options.ended(this);
  }
}

function quoteName(name: string): string {
  if (name === '' || name.includes('\0')) {
    throw new DatabaseError('DB_STATEMENT_INVALID', { detail: 'a savepoint needs a name without null characters' });
  }
  return `"${name.replaceAll('"', '""')}"`;
}
