import { randomUUID } from 'node:crypto';
import { sleep } from '@tradestream/runtime';
import { DatabaseError } from '../errors.ts';
import type { DatabaseManager } from '../manager/database-manager.ts';
import type { DatabaseResult, QueryOptions } from '../manager/query-runner.ts';
import { type StatementInput, toStatement } from '../placeholders.ts';
import { changesCatalog } from '../replication/classify-statement.ts';
import { formatToken, parseToken } from '../replication/consistency-token.ts';
import { type StatementSurvey, surveyStatement } from '../replication/parse-statement.ts';
import type { Statement } from '../session.ts';
import type { TransactionScope } from '../transaction/transaction.ts';
import type { TransactionOptions } from '../transaction/transaction-config.ts';
import type { CacheStore } from './cache-store.ts';
import { type CachedEntry, decodeEntry, encodeEntry } from './cached-entry.ts';
import { type CachedRead, isAtLeast, isFit, readOf, writesNothing } from './cached-read.ts';
import { MemoryCacheStore } from './memory-cache-store.ts';
import { noteStatements } from './noted-scope.ts';
import { EVERYTHING, TableDependencies } from './table-dependencies.ts';

export type QueryCacheConfig = {
  readonly database: DatabaseManager;
  /** Default: in memory. */
  readonly store?: CacheStore;
  /** How long an answer is kept that does not say otherwise, milliseconds. From 1, default 60 000. */
  readonly ttlMs?: number;
  /** A longer answer is not kept, characters. From 0, default 1 048 576. */
  readonly entryLengthMax?: number;
  /** How long one waits for the answer that another process is fetching, milliseconds. From 0, default 2 000. */
  readonly waitMs?: number;
};

export type CachedQueryOptions = QueryOptions & {
  /** The answer may be one kept, and is kept. Absent: neither. */
  readonly cache?: true | { readonly ttlMs?: number };
};

export type CachedResult<Row extends object = Record<string, unknown>> = DatabaseResult<Row> & {
  /** It was kept: the database was not asked. */
  readonly cached: boolean;
};

/** Since the cache was made. */
export type CacheFigures = {
  readonly hits: number;
  readonly misses: number;
  /** Found, and not served: a table was written, or the caller's token asks for more. */
  readonly outdated: number;
  /** Waited for the answer of another caller. */
  readonly joined: number;
  /** That could not be kept by their nature. */
  readonly uncacheable: number;
  readonly storeFailures: number;
};

/** `text`: as it is kept; null for what is not. */
type Fetched = { readonly entry: CachedEntry; readonly text: string | null };

const DEPENDENCIES_MS = 60_000;
const POLL_MS = 20;
const CLAIM_MS = 30_000;

/**
 * Keeps answers of reads that ask for it, until their time is over or a write through this cache, by anyone with
 * the same store, touches one of their tables. With a caller's token no answer is older than it. Many who ask for
 * the same at once cause one query. A store that fails is as if there were none.
 */
export class QueryCache {
  readonly #database: DatabaseManager;
  readonly #store: CacheStore;
  readonly #config: Required<Pick<QueryCacheConfig, 'ttlMs' | 'entryLengthMax' | 'waitMs'>>;
  readonly #flights = new Map<string, Promise<Fetched>>();
  /** Tables whose stamp could not be changed: nothing is served before it was. */
  readonly #pending = new Set<string>();
  readonly #figures = { hits: 0, misses: 0, outdated: 0, joined: 0, uncacheable: 0, storeFailures: 0 };
  #dependencies: Promise<TableDependencies> | null = null;
  #dependenciesMs = 0;

  /** @throws {DatabaseError} DB_CONFIG_INVALID */
  constructor(config: QueryCacheConfig) {
    this.#database = config.database;
    this.#store = config.store ?? new MemoryCacheStore();
    const { ttlMs = 60_000, entryLengthMax = 1_048_576, waitMs = 2_000 } = config;
    this.#config = { ttlMs, entryLengthMax, waitMs };
    if (!(ttlMs >= 1 && entryLengthMax >= 0 && waitMs >= 0)) {
      throw new DatabaseError('DB_CONFIG_INVALID', {
        detail: 'ttlMs must be from 1, entryLengthMax and waitMs from 0',
      });
    }
  }

  /**
   * As `DatabaseManager.query`. With `cache` a read's answer may be one kept; one that calls functions of the
   * application, is under row security, or is no read at all, is run as it is. A write ends what is kept of the
   * tables it touched, those behind views, partitions and cascading keys included; where triggers or functions
   * may have written anything, all of it.
   * @throws {DatabaseError} as `DatabaseManager.query`
   */
  async query<Row extends object = Record<string, unknown>>(
    input: StatementInput,
    values?: readonly unknown[],
    options: CachedQueryOptions = {},
  ): Promise<CachedResult<Row>> {
    const statement = toStatement(input, values);
    const survey = surveyStatement(statement.text);
    const read = options.cache === undefined ? null : await this.#cacheable(statement, survey, options);
    if (read === null) return { ...(await this.#run<Row>(statement, survey, options)), cached: false };
    return await this.#readThrough<Row>(read, options);
  }

  /** As `DatabaseManager.transaction`; what its statements touch is no longer served once it has ended. */
  async transaction<T>(work: (scope: TransactionScope) => Promise<T>, config: TransactionOptions = {}): Promise<T> {
    const texts = new Set<string>();
    try {
      return await this.#database.transaction((transaction) => work(noteStatements(transaction, texts)), config);
    } finally {
      const dependencies = await this.#known().catch(() => null);
      for (const survey of [...texts].map((text) => surveyStatement(text))) {
        const isRead = survey !== null && writesNothing(survey) && dependencies?.mayWrite(survey) === false;
        if (!isRead) await this.#invalidateAfter(survey);
      }
    }
  }

  /** Ends what is kept of these tables, after a write that went another way; without any, all. Never throws. */
  async invalidate(...tables: readonly string[]): Promise<void> {
    await this.#end(tables.length === 0 ? [EVERYTHING] : tables);
  }

  figures(): CacheFigures {
    return { ...this.#figures };
  }

  async #cacheable(
    statement: Statement,
    survey: StatementSurvey | null,
    { token }: CachedQueryOptions,
  ): Promise<CachedRead | null> {
    const dependencies = writesNothing(survey) ? await this.#known().catch(() => null) : null;
    const read = dependencies === null ? null : readOf(statement, survey, { dependencies, token });
    if (read === null) this.#figures.uncacheable += 1;
    return read;
  }

  async #readThrough<Row extends object>(read: CachedRead, options: CachedQueryOptions): Promise<CachedResult<Row>> {
    const reading = (await this.#flush()) ? await this.#tryStore(() => this.#store.read(read.key, read.tables)) : null;
    if (reading === null) return { ...(await this.#run<Row>(read.statement, read.survey, options)), cached: false };
    const { stamps } = reading;
    const kept = reading.entry === null ? null : decodeEntry(reading.entry);
    if (kept !== null && isFit(kept, stamps, read.floor)) {
      this.#figures.hits += 1;
      return shown<Row>(kept, true);
    }
    if (kept !== null) this.#figures.outdated += 1;
    this.#figures.misses += 1;
    // Those who have seen the same stamps may share an answer: no write that one of them knows of is between.
    const flightKey = [read.key, ...stamps].join('/');
    const under = this.#flights.get(flightKey);
    if (under !== undefined) {
      const { text } = await under;
      // Each has rows of his own.
      const shared = text === null ? null : decodeEntry(text);
      if (shared !== null && isFit(shared, stamps, read.floor)) {
        this.#figures.joined += 1;
        return shown<Row>(shared, true);
      }
      return shown<Row>((await this.#fetch(read, stamps, options)).entry, false);
    }
    const flight = this.#fetchOnce(read, stamps, options).finally(() => this.#flights.delete(flightKey));
    this.#flights.set(flightKey, flight);
    return shown<Row>((await flight).entry, false);
  }

  /** One process fetches, the others wait for what it finds, and for no longer than `waitMs`. */
  async #fetchOnce(read: CachedRead, stamps: readonly string[], options: CachedQueryOptions): Promise<Fetched> {
    const owner = randomUUID();
    const isMine = await this.#tryStore(() => this.#store.claim(read.key, owner, CLAIM_MS));
    const found = isMine === false ? await this.#awaitOther(read) : null;
    if (found !== null) return found;
    try {
      return await this.#fetch(read, stamps, options);
    } finally {
      if (isMine === true) await this.#tryStore(() => this.#store.release(read.key, owner));
    }
  }

  async #awaitOther(read: CachedRead): Promise<Fetched | null> {
    const deadlineMs = performance.now() + this.#config.waitMs;
    while (performance.now() < deadlineMs) {
      await sleep(POLL_MS);
      const reading = await this.#tryStore(() => this.#store.read(read.key, read.tables));
      if (reading === null) return null;
      const entry = reading.entry === null ? null : decodeEntry(reading.entry);
      if (entry !== null && isFit(entry, reading.stamps, read.floor)) {
        this.#figures.joined += 1;
        return { entry, text: reading.entry };
      }
    }
    return null;
  }

  /**
   * The stamps were read before; then comes the point, then the answer, which is at least as new as both. A write
   * that commits in between changes a stamp after its commit, and the entry no longer fits.
   */
  async #fetch(read: CachedRead, stamps: readonly string[], options: CachedQueryOptions): Promise<Fetched> {
    const { statement, floor } = read;
    const now = await this.#database.consistencyToken().then(parseToken, () => null);
    const isAhead = now !== null && (floor === null || isAtLeast(now, floor));
    const { rows, rowCount, command, servedBy, token } = await this.#database.query(statement, undefined, {
      ...options,
      ...(isAhead ? { token: formatToken(now) } : {}),
    });
    const point = isAhead ? now : null;
    const entry: CachedEntry = { stamps, point, servedBy, result: { rows, rowCount, command } };
    // A volatile function made it a write.
    if (token !== null) await this.#invalidateAfter(read.survey);
    const text = token === null && point !== null ? encodeEntry(entry) : null;
    if (text === null || text.length > this.#config.entryLengthMax) {
      this.#figures.uncacheable += 1;
      return { entry, text: null };
    }
    await this.#tryStore(() => this.#store.write(read.key, text, this.#ttlOf(options)));
    return { entry, text };
  }

  async #run<Row extends object>(
    statement: Statement,
    survey: StatementSurvey | null,
    options: QueryOptions,
  ): Promise<DatabaseResult<Row>> {
    if (writesNothing(survey)) {
      const result = await this.#database.query<Row>(statement, undefined, options);
      // A read that went the way of a write calls something that may have written.
      if (result.token !== null) await this.#invalidateAfter(survey);
      return result;
    }
    try {
      return await this.#database.query<Row>(statement, undefined, options);
    } finally {
      // Also after a failure: that it has failed is not always known to be so.
      await this.#invalidateAfter(survey);
    }
  }

  async #invalidateAfter(survey: StatementSurvey | null): Promise<void> {
    const dependencies = await this.#known().catch(() => null);
    const isKnown = survey !== null && dependencies !== null;
    await this.#end(isKnown ? dependencies.touchedBy(survey) : [EVERYTHING]);
    if (changesCatalog(survey)) this.#dependencies = null;
  }

  async #end(tables: readonly string[]): Promise<void> {
    for (const table of tables) this.#pending.add(table);
    await this.#flush();
  }

  /** Whether every stamp that was to change has. */
  async #flush(): Promise<boolean> {
    if (this.#pending.size === 0) return true;
    const tables = [...this.#pending];
    const done = await this.#tryStore(async () => {
      await this.#store.invalidate(tables);
      return true;
    });
    if (done === null) return false;
    for (const table of tables) this.#pending.delete(table);
    return true;
  }

  async #tryStore<T>(work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch {
      this.#figures.storeFailures += 1;
      return null;
    }
  }

  #known(): Promise<TableDependencies> {
    const nowMs = performance.now();
    if (this.#dependencies === null || nowMs - this.#dependenciesMs > DEPENDENCIES_MS) {
      this.#dependenciesMs = nowMs;
      const loading = TableDependencies.load(this.#database);
      this.#dependencies = loading;
      loading.catch(() => {
        if (this.#dependencies === loading) this.#dependencies = null;
      });
    }
    return this.#dependencies;
  }

  #ttlOf({ cache }: CachedQueryOptions): number {
    return (typeof cache === 'object' ? cache.ttlMs : undefined) ?? this.#config.ttlMs;
  }
}

function shown<Row extends object>({ result, servedBy }: CachedEntry, cached: boolean): CachedResult<Row> {
  // The rows are those of the caller's own statement.
  return { ...result, rows: result.rows as readonly Row[], servedBy, token: null, cached };
}
