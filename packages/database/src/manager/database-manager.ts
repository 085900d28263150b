import type { Closeable } from '@tradestream/runtime';
import type { Connection } from '../connection.ts';
import { DatabaseError } from '../errors.ts';
import { type StatementInput, toStatement } from '../placeholders.ts';
import { borrow } from '../pool/borrowed-connection.ts';
import { checkPool, type HealthStatus } from '../pool/connection-manager.ts';
import type { PoolEvent } from '../pool/pool-events.ts';
import type { ReadPreference } from '../replication/choose-readers.ts';
import { Cluster } from '../replication/cluster.ts';
import type { ClusterNode, NodeStatus } from '../replication/cluster-node.ts';
import { formatToken } from '../replication/consistency-token.ts';
import { parseLsn } from '../replication/lsn.ts';
import type { ResolvedReplication } from '../replication/replication-config.ts';
import { type ReplicationStatus, replicationStatus } from '../replication/replication-status.ts';
import type { PoolSession, Statement } from '../session.ts';
import type { DeadlockReport } from '../transaction/deadlock-report.ts';
import type { RunningTransaction } from '../transaction/long-running.ts';
import type { Transaction } from '../transaction/transaction.ts';
import type { TransactionOptions } from '../transaction/transaction-config.ts';
import { type TransactionEvent, TransactionManager } from '../transaction/transaction-manager.ts';
import { type Figures, figuresOf } from './figures.ts';
import { type DatabaseEvent, type DatabaseManagerConfig, resolveManager } from './manager-config.ts';
import type { Observed } from './observed.ts';
import { noteClosed, noteOpened } from './open-managers.ts';
import { type DatabaseResult, type QueryOptions, QueryRunner } from './query-runner.ts';
import { type Snapshot, type SnapshotOptions, SnapshotReader } from './snapshot-reader.ts';

export type GetConnectionOptions = {
  /** Default `primary`: who steers a connection himself may write. */
  readonly readPreference?: ReadPreference;
  /** This node and no other, fit or not; for looking at each by itself. */
  readonly node?: string;
  /** Longest wait, milliseconds. Default: `acquireTimeout`. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
};

const SETTLED_MS = 5_000;

/**
 * A database with its replicas: reads go where they are served best, writes to whoever is primary, and
 * what fails for a reason that passes is done again where that is safe. Connections open on their own;
 * any number of callers may use it at once.
 */
export class DatabaseManager implements Observed, Closeable {
  readonly #cluster: Cluster;
  readonly #runner: QueryRunner;
  readonly #snapshots: SnapshotReader;
  readonly #transactions: TransactionManager;
  readonly #replication: ResolvedReplication;
  readonly #listeners = new Set<(event: DatabaseEvent) => void>();
  #closing: Promise<void> | null = null;

  /**
   * What the configuration leaves out comes from `DATABASE_URL` and `DATABASE_REPLICA_URLS`.
   * @throws {DatabaseError} DB_CONFIG_INVALID; that nothing can be reached is told by the first call
   */
  constructor(config: DatabaseManagerConfig = {}) {
    const { addresses, pool, replication } = resolveManager(config, process.env);
    if (config.onEvent !== undefined) this.#listeners.add(config.onEvent);
    this.#replication = replication;
    this.#cluster = new Cluster({
      addresses,
      pool,
      replication,
      poolListener: (event) => this.#onPoolEvent(event),
      listener: (event) => this.#tell(event),
    });
    this.#runner = new QueryRunner(this.#cluster, replication);
    this.#snapshots = new SnapshotReader(this.#cluster, replication.readPreference);
    this.#transactions = new TransactionManager(
      {
        getConnection: (options) => this.getConnection(options),
        afterCommit: async (session: PoolSession) => void (await this.#runner.noteWrite(session)),
      },
      {
        ...(config.transactions === undefined ? {} : { defaults: config.transactions }),
        ...(config.monitor === undefined ? {} : { monitor: config.monitor }),
        ...(config.serverLogFile === undefined ? {} : { serverLogFile: config.serverLogFile }),
        onEvent: (event) => this.#onTransactionEvent(event),
      },
    );
    noteOpened(this);
  }

  /**
   * Runs one statement with `?` or `$1` for its values: a read at a node that is fit for it and has what was
   * written here before, all else at the primary.
   * @throws {DatabaseError} the SQLSTATE; DB_PLACEHOLDERS; DB_TRANSACTION_CONTROL; DB_POOL_TIMEOUT;
   * DB_CONNECTION_FAILED; DB_PRIMARY_UNKNOWN; DB_STATEMENT_TIMEOUT; DB_OUTCOME_UNKNOWN for a write that
   * was sent and not answered
   */
  async query<Row extends object = Record<string, unknown>>(
    statement: StatementInput,
    values?: readonly unknown[],
    options: QueryOptions = {},
  ): Promise<DatabaseResult<Row>> {
    return await this.#runner.run<Row>(toStatement(statement, values), options);
  }

  /**
   * Reads with several statements on one snapshot, in one round trip: at the first node, by preference, lag and
   * load, whose answer is fresh to the caller. Placeholders are `$1`; nothing can be written.
   * @throws {DatabaseError} DB_NOT_FRESH when no node's answer was fresh in time; else what the last node
   * answered: the SQLSTATE, DB_CONNECTION_FAILED, DB_CONNECTION_LOST, DB_POOL_TIMEOUT, DB_PRIMARY_UNKNOWN;
   * {RuntimeError} RT_ABORTED
   */
  snapshot(statements: readonly Statement[], options: SnapshotOptions = {}): Promise<Snapshot> {
    return this.#snapshots.read(statements, options);
  }

  /** @throws {DatabaseError} as `getConnection` */
  async beginTransaction(config: TransactionOptions = {}): Promise<Transaction> {
    return await this.#transactions.beginTransaction(config);
  }

  /**
   * Runs `work` in a transaction, commits it, and runs the whole work again when that fails for a reason
   * that passes, a failover included: it must have no effects outside its transaction.
   * @throws what `work` threw; {DatabaseError} DB_RETRIES_SPENT, DB_COMMIT_UNKNOWN, or the SQLSTATE
   */
  async transaction<T>(work: (transaction: Transaction) => Promise<T>, config: TransactionOptions = {}): Promise<T> {
    return await this.#transactions.transaction(work, config);
  }

  /**
   * A connection for the caller alone, to be released by him.
   * @throws {DatabaseError} DB_POOL_TIMEOUT, DB_POOL_QUEUE_FULL, DB_CONNECTION_FAILED, DB_PRIMARY_UNKNOWN;
   * DB_CONFIG_INVALID for a node that is none
   */
  async getConnection(options: GetConnectionOptions = {}): Promise<Connection> {
    const borrower = new Error('borrowed here');
    const allowedMs = options.timeoutMs ?? this.#cluster.nodes[0]?.pool.config.acquireTimeout ?? 0;
    const deadlineMs = performance.now() + allowedMs;
    for (;;) {
      const leftMs = Math.max(1, deadlineMs - performance.now());
      const node = this.#named(options.node) ?? (await this.#nodeFor(options.readPreference ?? 'primary', leftMs));
      try {
        return await borrow(node.pool, {
          borrower,
          signal: options.signal,
          timeoutMs: Math.max(1, deadlineMs - performance.now()),
        });
      } catch (error) {
        // A failover under way: the next look tells who is primary now.
        const isElsewhere =
          options.node === undefined && error instanceof DatabaseError && error.code === 'DB_NODE_FENCED';
        if (!isElsewhere || performance.now() >= deadlineMs) throw error;
        this.#cluster.suspect(node);
      }
    }
  }

  /** Gives it back, as its own `release` does. */
  async releaseConnection(connection: Connection): Promise<void> {
    await connection.release();
  }

  /** Opens and asks every node within the health check's timeout. Never throws. */
  async healthCheck(timeoutMs?: number): Promise<readonly HealthStatus[]> {
    return await Promise.all(this.#cluster.nodes.map((node) => checkPool(node.pool, timeoutMs)));
  }

  /** The cluster after a fresh look at every node. */
  async replicationStatus(timeoutMs = SETTLED_MS): Promise<ReplicationStatus> {
    await this.#cluster.refresh(timeoutMs);
    const { primaryName, timeline, systemIdentifier, isConfirmed } = this.#cluster;
    const { syncMode } = this.#replication;
    return replicationStatus({ primaryName, timeline, systemIdentifier, isConfirmed, syncMode, nodes: this.nodes() });
  }

  /** The nodes as they were seen last; reads memory alone. */
  nodes(): readonly NodeStatus[] {
    return this.#cluster.status();
  }

  /** Counters and histograms of all pools; reads memory alone. */
  figures(): Figures {
    return figuresOf(this.#cluster.nodes);
  }

  /** A token for what is written up to now, by anyone: a later read that is given it sees all of that. */
  async consistencyToken(): Promise<string> {
    const connection = await this.getConnection();
    try {
      const { rows } = await connection.execute<{ lsn: string; system: string; timeline: number }>(
        `SELECT pg_current_wal_insert_lsn()::text AS lsn, (SELECT system_identifier::text FROM pg_control_system()) AS system,
          ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int AS timeline`,
      );
      const [row] = rows;
      if (row === undefined) throw new DatabaseError('DB_CONNECTION_LOST');
      return formatToken({ systemIdentifier: row.system, timeline: row.timeline, lsn: parseLsn(row.lsn) });
    } finally {
      await connection.release();
    }
  }

  /** The last hundred deadlocks that a transaction of this manager was the victim of. */
  get deadlocks(): readonly DeadlockReport[] {
    return this.#transactions.deadlocks;
  }

  /** Open transactions at the primary, oldest first. */
  async listTransactions(): Promise<readonly RunningTransaction[]> {
    return await this.#transactions.listTransactions();
  }

  /** Calls for each event from now on; what it gives back ends that. */
  subscribe(listener: (event: DatabaseEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Closes idle connections, so that the next ones are made anew, and looks at the nodes again. */
  async reconnect(): Promise<void> {
    for (const node of this.#cluster.nodes) node.pool.evictIdle();
    await this.reroute();
  }

  /** Looks at the nodes again before the next write is sent. */
  async reroute(): Promise<void> {
    const primary = this.#cluster.nodes.find((node) => node.name === this.#cluster.primaryName);
    if (primary !== undefined) this.#cluster.suspect(primary);
    await this.#cluster.refresh(SETTLED_MS);
  }

  /** Rolls back what is open, waits five seconds for connections that are lent, and closes all. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#shut();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #shut(): Promise<void> {
    noteClosed(this);
    await this.#transactions.close();
    await this.#cluster.close();
  }

  #named(name: string | undefined): ClusterNode | null {
    if (name === undefined) return null;
    const node = this.#cluster.nodes.find((each) => each.name === name);
    if (node === undefined) throw new DatabaseError('DB_CONFIG_INVALID', { detail: `no node is called ${name}` });
    return node;
  }

  async #nodeFor(preference: ReadPreference, timeoutMs: number): Promise<ClusterNode> {
    if (preference !== 'primary') {
      const [node] = await this.#cluster.readers(preference, timeoutMs);
      if (node !== undefined) return node;
    }
    return await this.#cluster.primary(timeoutMs);
  }

  #onPoolEvent(event: PoolEvent): void {
    const isLoss = event.type === 'connect-failed' || (event.type === 'closed' && event.reason === 'lost');
    const node = isLoss ? this.#cluster.nodes.find((each) => each.name === event.node) : undefined;
    if (node !== undefined) this.#cluster.suspect(node);
    this.#tell(event);
  }

  #onTransactionEvent(event: TransactionEvent): void {
    const primary = this.#cluster.nodes.find((node) => node.name === this.#cluster.primaryName);
    if (event.type === 'retry' && event.code === '25006' && primary !== undefined) this.#cluster.suspect(primary);
    this.#tell(event);
  }

  #tell(event: DatabaseEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
