import type { Connection } from '../connection.ts';
import { DatabaseError } from '../errors.ts';
import { quoteIdentifier, quotePath } from '../query/identifiers.ts';
import { buildIndex, pathOf, runAgain } from './build-index.ts';
import type { IndexAnalysis } from './index-analysis.ts';
import { type CatalogIndex, loadForeignKeys, loadIndexes, loadUsage, type NodeUsage } from './index-catalog.ts';
import { serves } from './index-columns.ts';
import { type IndexManagerConfig, type IndexSettings, resolveIndexes } from './index-settings.ts';
import { createSql, type IndexStrategy, planTable, readWish, type StrategyStep } from './index-strategy.ts';
import { adviceFor, judgeIndexes, missingFor } from './judge-indexes.ts';
import { usageOver } from './usage-window.ts';

export type CreateIndexOptions = {
  readonly unique?: boolean;
  /** Default: made of the table and the columns. */
  readonly name?: string;
};

export type DropIndexOptions = {
  /** Also one that keeps its columns unique, is in use, or backs a constraint, which goes with it. */
  readonly force?: boolean;
};

export type ApplyStrategyOptions = {
  /** Only tells what would be done. Default false. */
  readonly dryRun?: boolean;
  /** Drops what the strategy does not name; what may not go is left. Default false. */
  readonly drop?: boolean;
};

export type AnalyzeOptions = {
  /**
   * An earlier analysis: only scans since then count. The server counts from its own beginning on and does not say
   * when an index was made: this tells one that nobody needs from one that is new.
   */
  readonly since?: Pick<IndexAnalysis, 'takenAt' | 'indexes'>;
};

type FoundTable = { readonly oid: string; readonly schema: string; readonly name: string };

const DUPLICATE_TABLE = '42P07';

/**
 * Makes, drops and judges indexes beside the traffic. Nothing here holds a lock that stops reads or writes,
 * but a constraint that is dropped by force. Two at work on one index do not disturb each other: the second
 * is refused.
 */
export class IndexManager {
  readonly #settings: IndexSettings;

  /** @throws {DatabaseError} DB_CONFIG_INVALID */
  constructor(config: IndexManagerConfig) {
    this.#settings = resolveIndexes(config);
  }

  /**
   * Builds an index CONCURRENTLY, unless there is one like it; what a failed build has left is removed first,
   * and after a failure. Columns as `symbol`, `timestamp DESC`, `price DESC NULLS LAST`; names are checked.
   * @throws {DatabaseError} DB_QUERY_INVALID; DB_INDEX_REFUSED when the name is another index's or it is being
   * built now; 42P01; 42703; 23505 for rows that are not unique; 55P03 when no attempt got its lock; 57014
   */
  async createIndex(table: string, columns: readonly string[], options: CreateIndexOptions = {}): Promise<void> {
    const wish = readWish(table, { columns, ...options });
    if (columns.length === 0)
      throw new DatabaseError('DB_QUERY_INVALID', { detail: 'an index has at least one column' });
    const { found, indexes } = await this.#look(table);
    const place = { schema: found.schema, table: found.name, index: wish.index };
    const named = indexes.find(({ name }) => name === wish.index);
    if (named?.building === true) throw refused(`${named.name} is being built by another`);
    if (named?.valid === true && !serves(named, wish.columns, wish.unique)) {
      throw refused(`${named.name} is there already, and is another index`);
    }
    const like = indexes.find((index) => index.valid && serves(index, wish.columns, wish.unique));
    if (like !== undefined && (options.name === undefined || like.name === options.name)) return;
    if (like !== undefined) throw refused(`${like.name} is the same under another name`);
    try {
      await buildIndex(this.#settings, place, createSql(wish));
    } catch (error) {
      if (!(error instanceof DatabaseError && error.code === DUPLICATE_TABLE)) throw error;
      const now = await this.#look(table);
      if (!now.indexes.some(({ name }) => name === wish.index)) throw error; // something else bears the name
      // Another has built one of this name since: it is judged as one that was there.
      await this.createIndex(table, columns, options);
    }
  }

  /**
   * Drops an index CONCURRENTLY. By force also one that enforces something; a constraint goes with its index,
   * by a short exclusive lock.
   * @throws {DatabaseError} DB_INDEX_REFUSED; 42704 when the table has no such index; 42P01; 2BP01 when a foreign
   * key relies on it; 55P03
   */
  async dropIndex(table: string, indexName: string, options: DropIndexOptions = {}): Promise<void> {
    const { found, indexes } = await this.#look(table);
    const index = indexes.find(({ name }) => name === indexName);
    if (index === undefined) throw new DatabaseError('42704', { context: { table: found.name, index: indexName } });
    const reason = options.force === true ? null : whyKeep(index);
    if (reason !== null) throw refused(`${index.name} stays: ${reason}`);
    const { schema } = found;
    const path = pathOf(schema, index.name);
    const sql =
      index.constraint === null
        ? `DROP INDEX CONCURRENTLY IF EXISTS ${path}`
        : `ALTER TABLE ${pathOf(schema, found.name)} DROP CONSTRAINT ${quoteIdentifier(index.constraint)}`;
    await runAgain(this.#settings, sql);
  }

  /**
   * What each index is for, over the primary and all replicas: used, unused, duplicate, covered, invalid,
   * enforcing; foreign keys without one; and what to do about it. Changes nothing. An index is called unused only
   * when every node was asked, has counted for `unusedAfter`, and none has scanned it.
   * @throws {DatabaseError} as `getConnection`, of the primary alone
   */
  async analyzeIndexUsage(options: AnalyzeOptions = {}): Promise<IndexAnalysis> {
    const takenAt = new Date();
    const { indexes, keys } = await this.#atPrimary(async (connection) => ({
      indexes: await loadIndexes(connection, null),
      keys: await loadForeignKeys(connection),
    }));
    const nodes = await this.#usages();
    const usage = usageOver(nodes, { ...options, indexes, takenAt, enoughMs: this.#settings.unusedAfter });
    const reports = judgeIndexes(indexes, keys, { usage, bloatBytesMin: this.#settings.bloatBytesMin });
    const missing = missingFor(keys, indexes);
    return {
      takenAt,
      nodes: nodes.map(({ node, usage: seen }) => ({ node, since: seen?.since ?? null })),
      observedMs: usage.observedMs,
      indexes: reports,
      missing,
      advice: adviceFor(reports, missing),
    };
  }

  /** The difference between a strategy and what is there. @throws {DatabaseError} DB_QUERY_INVALID; 42P01 */
  async planStrategy(strategy: IndexStrategy): Promise<readonly StrategyStep[]> {
    const steps: StrategyStep[] = [];
    for (const [table, wanted] of Object.entries(strategy)) {
      const { found, indexes } = await this.#look(table);
      steps.push(...planTable({ table, schema: found.schema, wanted, indexes }));
    }
    return steps;
  }

  /**
   * Makes the indexes that a strategy names and that are not there, one after the other; pressed again it does
   * nothing. With `drop` also removes those it does not name, but for those that enforce something.
   * @throws {DatabaseError} as `createIndex` and `dropIndex`: the steps before have been done
   */
  async applyStrategy(strategy: IndexStrategy, options: ApplyStrategyOptions = {}): Promise<readonly StrategyStep[]> {
    const steps = await this.planStrategy(strategy);
    if (options.dryRun === true) return steps;
    for (const [table, wanted] of Object.entries(strategy)) {
      for (const { columns, unique, name } of wanted) {
        await this.createIndex(table, columns, {
          ...(unique === undefined ? {} : { unique }),
          ...(name === undefined ? {} : { name }),
        });
      }
    }
    if (options.drop !== true) return steps;
    for (const { table, index } of steps.filter(({ action }) => action === 'extra')) {
      const { indexes } = await this.#look(table);
      const present = indexes.find(({ name }) => name === index);
      if (present !== undefined && whyKeep(present) === null) await this.dropIndex(table, index);
    }
    return steps;
  }

  async #look(table: string): Promise<{ readonly found: FoundTable; readonly indexes: readonly CatalogIndex[] }> {
    return await this.#atPrimary(async (connection) => {
      const { rows } = await connection.execute<FoundTable>(
        `SELECT c.oid::text AS oid, nspname AS schema, relname AS name FROM pg_class c
          JOIN pg_namespace n ON n.oid = relnamespace WHERE c.oid = to_regclass($1)`,
        [quotePath(table)],
      );
      const [found] = rows;
      if (found === undefined) throw new DatabaseError('42P01', { context: { table } });
      return { found, indexes: await loadIndexes(connection, found.oid) };
    });
  }

  async #usages(): Promise<readonly { readonly node: string; readonly usage: NodeUsage | null }[]> {
    const { database } = this.#settings;
    return await Promise.all(
      database.nodes().map(async ({ name: node }) => {
        try {
          await using connection = await database.getConnection({ node });
          return { node, usage: await loadUsage(connection) };
        } catch (error) {
          // What a node has used is not known then, and nothing is called unused.
          if (error instanceof DatabaseError) return { node, usage: null };
          throw error;
        }
      }),
    );
  }

  async #atPrimary<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    await using connection = await this.#settings.database.getConnection();
    return await work(connection);
  }
}

/** What would be lost with it; null when nothing would. */
function whyKeep(index: CatalogIndex): string | null {
  if (index.constraint !== null) return `constraint ${index.constraint} stands on it`;
  if (index.replicaIdentity) return 'it is the replica identity of its table';
  if (index.referenced) return 'a foreign key of another table relies on it';
  if (index.attached) return 'it is a part of a partitioned index';
  return index.unique && index.valid ? 'it keeps its columns unique' : null;
}

function refused(detail: string): DatabaseError {
  return new DatabaseError('DB_INDEX_REFUSED', { detail });
}
