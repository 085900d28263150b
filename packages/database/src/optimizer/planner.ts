import type { DatabaseManager } from '../manager/database-manager.ts';
import type { Transaction } from '../transaction/transaction.ts';
import { type PlanNode, readPlan } from './plan.ts';
import type { ParsedStatement } from './statement.ts';

const TIMEOUT_MS = 30_000;
const GENERIC_PLAN_SINCE = 160_000;
const PREPARED = 'toolkit_explained';

/** Asks the real planner; nothing is run and nothing is changed. */
export class Planner {
  readonly #transaction: Transaction;
  readonly #version: number;
  /** The server can plan with indexes that are not there. */
  readonly hasHypotheticalIndexes: boolean;

  private constructor(transaction: Transaction, server: { version: number; hypopg: boolean }) {
    this.#transaction = transaction;
    this.#version = server.version;
    this.hasHypotheticalIndexes = server.hypopg;
  }

  /** Works in a read-only transaction at the primary, which is rolled back. */
  static async use<T>(database: DatabaseManager, work: (planner: Planner) => Promise<T>): Promise<T> {
    const transaction = await database.beginTransaction({ readOnly: true, timeout: TIMEOUT_MS, label: 'explain' });
    try {
      // Costs of plans with and without workers cannot be compared: they hide work that is done beside.
      await transaction.execute('SET LOCAL max_parallel_workers_per_gather = 0');
      const { rows } = await transaction.execute<{ version: number; hypopg: boolean }>(
        `SELECT current_setting('server_version_num')::int AS version,
          EXISTS (SELECT FROM pg_extension WHERE extname = 'hypopg') AS hypopg`,
      );
      const [server] = rows;
      return await work(new Planner(transaction, server ?? { version: 0, hypopg: false }));
    } finally {
      await transaction.rollback();
    }
  }

  async rows<Row extends object>(text: string, values: readonly unknown[]): Promise<readonly Row[]> {
    return (await this.#transaction.execute<Row>(text, values)).rows;
  }

  /** The plan for any values of its parameters. @throws {DatabaseError} with the SQLSTATE */
  async plan(statement: ParsedStatement): Promise<PlanNode> {
    if (statement.parameters === 0) return await this.#explain(`EXPLAIN (VERBOSE, FORMAT JSON) ${statement.text}`);
    if (this.#version >= GENERIC_PLAN_SINCE) {
      return await this.#explain(`EXPLAIN (VERBOSE, GENERIC_PLAN, FORMAT JSON) ${statement.text}`);
    }
    const nulls = Array.from({ length: statement.parameters }, () => 'NULL').join(', ');
    await this.#transaction.execute('SET LOCAL plan_cache_mode = force_generic_plan');
    await this.#transaction.execute(`PREPARE ${PREPARED} AS ${statement.text}`);
    try {
      return await this.#explain(`EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE ${PREPARED}(${nulls})`);
    } finally {
      await this.#transaction.execute(`DEALLOCATE ${PREPARED}`);
    }
  }

  /** The plan as it would be with this index. */
  async planWith(statement: ParsedStatement, indexSql: string): Promise<PlanNode> {
    await this.#transaction.execute('SELECT hypopg_reset()');
    await this.#transaction.execute('SELECT hypopg_create_index($1)', [indexSql]);
    try {
      return await this.plan(statement);
    } finally {
      await this.#transaction.execute('SELECT hypopg_reset()');
    }
  }

  async #explain(text: string): Promise<PlanNode> {
    const { rows } = await this.#transaction.execute<{ 'QUERY PLAN': unknown }>(text);
    return readPlan(rows[0]?.['QUERY PLAN']);
  }
}
