import { type Closeable, errorOf } from '@tradestream/runtime';
import type { Connection } from '../connection.ts';
import { addressOf, type DatabaseConfig } from '../database-config.ts';
import { DatabaseError } from '../errors.ts';
import { type BorrowedConnection, borrow } from './borrowed-connection.ts';
import { type AcquireOptions, ConnectionPool, type PoolCounts } from './connection-pool.ts';
import { type PoolSettings, resolvePool } from './pool-config.ts';
import type { PoolListener } from './pool-events.ts';
import type { PoolMeter } from './pool-meter.ts';

export type ConnectionManagerConfig = {
  /** Default: `DATABASE_URL`. */
  readonly database?: DatabaseConfig;
  /** Either spelling of the guide. */
  readonly pool?: PoolSettings;
  /** Told of connections opened, closed, leaked, and brought back inside a transaction. Must not throw. */
  readonly onEvent?: PoolListener;
};

/** The state of one server as seen through a pool. */
export type HealthStatus = {
  readonly healthy: boolean;
  readonly node: string;
  /** Of a connection and one round trip, milliseconds. */
  readonly latencyMs: number;
  readonly connections: PoolCounts;
  readonly checkedAt: Date;
  readonly error?: DatabaseError;
};

/** Figures of one pool: gauges of now, counters and histograms since its start. */
export type ConnectionMetrics = PoolCounts & { readonly meter: PoolMeter };

/**
 * Connections to one server. Safe for any number of callers at once: they are served in the order of
 * asking. A connection that dies, idle or lent, never ends the process.
 */
export class ConnectionManager implements Closeable {
  readonly #pool: ConnectionPool;
  readonly #lent = new WeakMap<Connection, BorrowedConnection>();

  /** @throws {DatabaseError} DB_CONFIG_INVALID */
  constructor(config: ConnectionManagerConfig = {}) {
    const database = config.database ?? process.env['DATABASE_URL'];
    if (database === undefined || database === '') {
      throw new DatabaseError('DB_CONFIG_INVALID', {
        detail: 'neither `database` nor DATABASE_URL says where the server is',
      });
    }
    this.#pool = new ConnectionPool({
      address: addressOf(database, 'primary'),
      config: resolvePool(config.pool),
      listener: config.onEvent ?? (() => undefined),
    });
  }

  get metrics(): ConnectionMetrics {
    return { ...this.#pool.counts, meter: this.#pool.meter };
  }

  /**
   * Lends a connection. Within `acquireTimeout` it is there or an error is thrown, whatever the network does.
   * Abort leaves the queue.
   * @throws {DatabaseError} DB_POOL_TIMEOUT, DB_POOL_QUEUE_FULL, DB_POOL_CLOSED, DB_CONNECTION_FAILED
   */
  async getConnection(options: Omit<AcquireOptions, 'borrower'> = {}): Promise<Connection> {
    const connection = await borrow(this.#pool, { ...options, borrower: new Error('borrowed here') });
    this.#lent.set(connection, connection);
    return connection;
  }

  /** Takes it back; idempotent. @throws {DatabaseError} DB_CONNECTION_RELEASED when it is of another manager */
  async releaseConnection(connection: Connection): Promise<void> {
    const borrowed = this.#lent.get(connection);
    if (borrowed === undefined)
      throw new DatabaseError('DB_CONNECTION_RELEASED', { detail: 'it was lent by another pool' });
    await borrowed.release();
  }

  /** Connects and asks for a sign of life, within the health check's timeout. Never throws. */
  async healthCheck(): Promise<HealthStatus> {
    return await checkPool(this.#pool);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** One connection and one round trip. */
export async function checkPool(
  pool: ConnectionPool,
  timeoutMs = pool.config.healthCheck.timeout,
): Promise<HealthStatus> {
  const startedMs = performance.now();
  const status = (healthy: boolean) => ({
    healthy,
    node: pool.address.name,
    latencyMs: performance.now() - startedMs,
    connections: pool.counts,
    checkedAt: new Date(),
  });
  try {
    const connection = await borrow(pool, { timeoutMs });
    try {
      await connection.execute('SELECT 1', [], { timeoutMs });
    } finally {
      await connection.release();
    }
    return status(true);
  } catch (thrown) {
    const error =
      thrown instanceof DatabaseError ? thrown : new DatabaseError('DB_CONNECTION_FAILED', { cause: errorOf(thrown) });
    return { ...status(false), error };
  }
}
