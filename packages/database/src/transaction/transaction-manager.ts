import { type Closeable, invariant, sleep } from '@tradestream/runtime';
import type { Connection } from '../connection.ts';
import { DatabaseError } from '../errors.ts';
import { BorrowedConnection } from '../pool/borrowed-connection.ts';
import type { PoolSession } from '../session.ts';
import type { DeadlockReport } from './deadlock-report.ts';
import { decideRetry, RetryBudget } from './decide-retry.ts';
import { explainDeadlock, ownParties } from './explain-deadlock.ts';
import {
  enforce,
  judgeTransaction,
  LONG_RUNNING_INTERVAL_MS,
  type LongRunningFinding,
  type LongRunningPolicy,
  listTransactions,
  type RunningTransaction,
} from './long-running.ts';
import { OpenTransaction } from './open-transaction.ts';
import { settleByXid } from './settle-commit.ts';
import type { Transaction } from './transaction.ts';
import {
  type ResolvedTransaction,
  resolveTransaction,
  type TransactionOptions,
  type TransactionOutcome,
  type UnknownCommit,
} from './transaction-config.ts';

/** Whoever lends connections to the primary: a ConnectionManager, or a DatabaseManager. */
export interface ConnectionSource {
  getConnection(options?: { readonly timeoutMs?: number }): Promise<Connection>;
  /** Told of each COMMIT as it is sent, to ask behind it where the log stands. Must not throw. */
  afterCommit?(session: PoolSession): Promise<void>;
}

export type TransactionEvent =
  | {
      readonly type: 'retry';
      readonly code: string;
      readonly attempt: number;
      readonly pauseMs: number;
      readonly label: string;
    }
  | { readonly type: 'deadlock'; readonly report: DeadlockReport }
  | {
      readonly type: 'settled';
      readonly outcome: TransactionOutcome;
      readonly backendPid: number;
      readonly label: string;
    }
  | { readonly type: 'long-running'; readonly finding: LongRunningFinding };

export type TransactionManagerConfig = {
  /** What each transaction has that does not say otherwise. */
  readonly defaults?: TransactionOptions;
  /** Looks for long running and idle transactions, and ends them by policy. Absent: nobody looks. */
  readonly monitor?: LongRunningPolicy;
  /** The server's log on this machine: deadlocks are explained with both statements from it. */
  readonly serverLogFile?: string;
  /** Must not throw. */
  readonly onEvent?: (event: TransactionEvent) => void;
};

const DEADLOCK = '40P01';
const DEADLOCKS_KEPT = 100;
/** The survivor of a deadlock may have ended by the time its victim's error is read. */
const ENDED_KEPT = 64;

/** Begins, ends and repeats transactions. Any number may run at once, each on a connection of its own. */
export class TransactionManager implements Closeable {
  readonly #source: ConnectionSource;
  readonly #config: TransactionManagerConfig;
  readonly #active = new Map<number, OpenTransaction>();
  readonly #ended: OpenTransaction[] = [];
  readonly #budget = new RetryBudget();
  readonly #deadlocks: DeadlockReport[] = [];
  readonly #explaining = new Set<Promise<void>>();
  #monitor: NodeJS.Timeout | null = null;
  #applicationName: string | null = null;

  /** @throws {DatabaseError} DB_CONFIG_INVALID */
  constructor(source: ConnectionSource, config: TransactionManagerConfig = {}) {
    resolveTransaction(config.defaults ?? {});
    this.#source = source;
    this.#config = config;
    if (config.monitor !== undefined) {
      const look = () => void this.checkTransactions().catch(() => undefined); // the next look may see again
      this.#monitor = setInterval(look, config.monitor.interval ?? LONG_RUNNING_INTERVAL_MS);
      this.#monitor.unref();
    }
  }

  /** The last hundred deadlocks in which a transaction of this manager was the victim, oldest first. */
  get deadlocks(): readonly DeadlockReport[] {
    return [...this.#deadlocks];
  }

  /** Transactions of this manager that are open. */
  get activeCount(): number {
    return this.#active.size;
  }

  /**
   * Begins one, to be ended by `commit` or `rollback`; at the end of its time it is rolled back.
   * @throws {DatabaseError} DB_CONFIG_INVALID, and as `getConnection` does
   */
  async beginTransaction(config: TransactionOptions = {}): Promise<Transaction> {
    return await this.#begin(resolveTransaction(config, this.#config.defaults));
  }

  /** @throws {DatabaseError} as `Transaction.commit` */
  async commit(transaction: Transaction): Promise<void> {
    await transaction.commit();
  }

  async rollback(transaction: Transaction): Promise<void> {
    await transaction.rollback();
  }

  /**
   * Runs `work` in a transaction and commits it; when it fails for a reason that passes (class 40, 55P03, a
   * connection lost before COMMIT, a failover) the whole work is run again, so it must have no effects
   * outside its transaction. A commit without an answer is settled first: done, it is not done again.
   * @throws what `work` threw; DB_RETRIES_SPENT with the last failure as cause; DB_COMMIT_UNKNOWN when it
   * could not be settled; the SQLSTATE
   */
  async transaction<T>(work: (transaction: Transaction) => Promise<T>, config: TransactionOptions = {}): Promise<T> {
    const resolved = resolveTransaction(config, this.#config.defaults);
    const startedMs = performance.now();
    let lastPauseMs = 0;
    for (let attempt = 1; ; attempt += 1) {
      const result = await this.#attempt(work, resolved);
      if ('value' in result) {
        this.#budget.succeeded();
        return result.value;
      }
      const error = result.error;
      const decision = decideRetry({
        error: result.reason,
        policy: resolved.retryPolicy,
        attempt,
        elapsedMs: performance.now() - startedMs,
        lastPauseMs,
        budget: this.#budget,
        random: Math.random,
      });
      if (decision.kind === 'throw') throw error;
      if (decision.kind === 'spent') {
        if (resolved.retryPolicy.maxAttempts === 1) throw error;
        throw new DatabaseError('DB_RETRIES_SPENT', {
          cause: error,
          context: { attempts: attempt, spent: decision.why },
        });
      }
      lastPauseMs = decision.pauseMs;
      const code = result.reason instanceof DatabaseError ? result.reason.code : '';
      this.#tell({ type: 'retry', code, attempt, pauseMs: decision.pauseMs, label: resolved.label });
      await sleep(decision.pauseMs);
    }
  }

  /** Open transactions of the database, oldest first, with who runs them. Those of others are visible as far as the role may see them. */
  async listTransactions(): Promise<readonly RunningTransaction[]> {
    await using connection = await this.#acquire({});
    return await listTransactions(connection, (pid) => this.#active.get(pid)?.label ?? null);
  }

  /** One look by the policy, as the monitor takes it: reports what is long running or idle, and ends what is to be ended. */
  async checkTransactions(
    policy: LongRunningPolicy = this.#config.monitor ?? {},
  ): Promise<readonly LongRunningFinding[]> {
    await using connection = await this.#acquire({});
    this.#applicationName ??= await readApplicationName(connection);
    const ownName = this.#applicationName;
    const transactions = await listTransactions(connection, (pid) => this.#active.get(pid)?.label ?? null);
    const findings = transactions
      .map((transaction) => judgeTransaction(transaction, policy, ownName))
      .filter((finding) => finding !== null);
    await enforce(connection, findings);
    for (const finding of findings) this.#tell({ type: 'long-running', finding });
    return findings;
  }

  /** Ends the monitor, rolls back what is open, and waits for explanations under way. */
  async close(): Promise<void> {
    if (this.#monitor !== null) clearInterval(this.#monitor);
    await Promise.all([...this.#active.values()].map((transaction) => transaction.rollback()));
    await Promise.all(this.#explaining);
  }

  /** One time through the work. `error` is to be thrown, `reason` decides whether it is worth another time. */
  async #attempt<T>(
    work: (transaction: Transaction) => Promise<T>,
    config: ResolvedTransaction,
  ): Promise<{ readonly value: T } | { readonly error: unknown; readonly reason: unknown }> {
    let transaction: OpenTransaction;
    try {
      transaction = await this.#begin(config);
    } catch (error) {
      return { error, reason: error };
    }
    let value: T;
    try {
      value = await work(transaction);
    } catch (error) {
      const failure = transaction.failure ?? error;
      await transaction.rollback();
      this.#explain(failure, transaction);
      return { error, reason: failure };
    }
    try {
      if (transaction.outcome === 'open') await transaction.commit();
      return { value };
    } catch (error) {
      if (transaction.outcome === 'unknown') {
        const outcome = await transaction.settle();
        this.#tell({ type: 'settled', outcome, backendPid: transaction.backendPid, label: config.label });
        if (outcome === 'committed') return { value };
        if (outcome === 'unknown') return { error, reason: error };
        const rolledBack = new DatabaseError('DB_COMMIT_ROLLED_BACK', { cause: error });
        return { error: rolledBack, reason: rolledBack };
      }
      const failure = transaction.failure ?? error;
      this.#explain(failure, transaction);
      return { error, reason: failure };
    }
  }

  async #begin(config: ResolvedTransaction): Promise<OpenTransaction> {
    const connection = await this.#acquire({});
    const transaction = await OpenTransaction.begin({
      connection,
      config,
      settle: (commit) => this.#settle(commit, config),
      afterCommit: config.readOnly ? undefined : (session) => this.#source.afterCommit?.(session) ?? Promise.resolve(),
      ended: (ended) => {
        if (this.#active.get(ended.backendPid) === ended) this.#active.delete(ended.backendPid);
        this.#ended.push(ended);
        if (this.#ended.length > ENDED_KEPT) this.#ended.shift();
      },
    });
    this.#active.set(transaction.backendPid, transaction);
    return transaction;
  }

  async #settle(commit: UnknownCommit, config: ResolvedTransaction): Promise<TransactionOutcome> {
    if (config.settle !== undefined) return await config.settle(commit);
    return await settleByXid(commit, {
      acquire: (options) => this.#acquire(options),
      timeoutMs: config.settleTimeout,
    });
  }

  async #acquire(options: { readonly timeoutMs?: number }): Promise<BorrowedConnection> {
    const connection = await this.#source.getConnection(options);
    invariant(connection instanceof BorrowedConnection, 'connections come from the toolkit');
    return connection;
  }

  /** Beside the retry, which does not wait for it. */
  #explain(failure: unknown, transaction: OpenTransaction): void {
    if (!(failure instanceof DatabaseError) || failure.code !== DEADLOCK) return;
    const parties = ownParties(transaction, [...this.#ended, ...this.#active.values()]);
    const explaining = explainDeadlock({
      error: failure,
      node: transaction.node,
      own: (pid) => parties.get(pid) ?? null,
      acquire: () => this.#acquire({ timeoutMs: 1_000 }),
      serverLogFile: this.#config.serverLogFile,
    }).then((report) => {
      this.#deadlocks.push(report);
      if (this.#deadlocks.length > DEADLOCKS_KEPT) this.#deadlocks.shift();
      this.#tell({ type: 'deadlock', report });
    });
    this.#explaining.add(explaining);
    void explaining.finally(() => this.#explaining.delete(explaining));
  }

  #tell(event: TransactionEvent): void {
    this.#config.onEvent?.(event);
  }
}

async function readApplicationName(connection: BorrowedConnection): Promise<string> {
  const { rows } = await connection.execute<{ name: string }>(`SELECT current_setting('application_name') AS name`);
  return rows[0]?.name ?? '';
}
