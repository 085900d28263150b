import { errorOf } from '@tradestream/runtime';
import type { QueryResult } from '../connection.ts';
import { DatabaseError } from '../errors.ts';
import { runStatement } from '../pool/run-statement.ts';
import type { ReadPreference } from '../replication/choose-readers.ts';
import {
  changesCatalog,
  classifyStatement,
  type NameCatalog,
  type StatementKind,
} from '../replication/classify-statement.ts';
import type { Cluster } from '../replication/cluster.ts';
import type { ClusterNode } from '../replication/cluster-node.ts';
import { type ConsistencyPoint, formatToken, laterPoint, parseToken } from '../replication/consistency-token.ts';
import { formatLsn, parseLsn } from '../replication/lsn.ts';
import { surveyStatement } from '../replication/parse-statement.ts';
import { loadCatalog } from '../replication/server-catalog.ts';
import type { PoolSession, Statement } from '../session.ts';

export type QueryOptions = {
  /** Default: the configuration's. */
  readonly readPreference?: ReadPreference;
  /** The answer is at least as new as this token of an earlier one. */
  readonly token?: string;
  /** For all of it, waiting for a connection included, milliseconds. Default: `acquireTimeout` and `queryTimeout` together. */
  readonly timeoutMs?: number;
};

export type DatabaseResult<Row extends object = Record<string, unknown>> = QueryResult<Row> & {
  /** The node that answered. */
  readonly servedBy: string;
  /** Of a write: give it to a later read, of any process, to have it see the write. Null for a read. */
  readonly token: string | null;
};

const ATTEMPTS_MAX = 5;
const CATALOG_MS = 60_000;
const DOUBT_MS = 1_000;
const KINDS_MAX = 1_000;
const INSERT_LSN = 'SELECT pg_current_wal_insert_lsn()::text AS lsn';
const IS_FRESH = 'SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= $1::pg_lsn AS fresh';

/** Nothing has run: the same may be tried at another node. */
const REROUTED: ReadonlySet<string> = new Set([
  '25006',
  '57P03',
  '53300',
  '08001',
  '08004',
  'DB_CONNECTION_FAILED',
  'DB_NODE_FENCED',
]);
/** Sent, and no answer that tells what happened. */
const UNANSWERED: ReadonlySet<string> = new Set([
  'DB_CONNECTION_LOST',
  'DB_STATEMENT_TIMEOUT',
  '57P01',
  '57P02',
  '08006',
  '57P05',
]);
const SATURATED: ReadonlySet<string> = new Set(['DB_POOL_TIMEOUT', 'DB_POOL_QUEUE_FULL']);

/** Sends each statement where it belongs: reads by preference and freshness, all else to the primary. */
export class QueryRunner {
  readonly #cluster: Cluster;
  readonly #preference: ReadPreference;
  readonly #readYourWrites: boolean;
  #catalog: Promise<NameCatalog> | null = null;
  #catalogMs = 0;
  /** Of statements of which the present catalog leaves no doubt. */
  readonly #kinds = new Map<string, StatementKind>();
  #floor: ConsistencyPoint | null = null;

  constructor(
    cluster: Cluster,
    options: { readonly readPreference: ReadPreference; readonly readYourWrites: boolean },
  ) {
    this.#cluster = cluster;
    this.#preference = options.readPreference;
    this.#readYourWrites = options.readYourWrites;
  }

  async run<Row extends object>(statement: Statement, options: QueryOptions): Promise<DatabaseResult<Row>> {
    const config = this.#cluster.nodes[0]?.pool.config;
    const allowedMs = (config?.acquireTimeout ?? 0) + (config?.queryTimeout ?? 0);
    const deadlineMs = performance.now() + (options.timeoutMs ?? allowedMs);
    const preference = options.readPreference ?? this.#preference;
    const kind = this.#knownKind(statement.text) ?? (await this.#classify(statement.text, deadlineMs));
    switch (kind) {
      case 'control':
        throw new DatabaseError('DB_TRANSACTION_CONTROL');
      case 'read':
        return await this.#read<Row>(statement, { ...options, readPreference: preference }, deadlineMs);
      case 'write':
        try {
          return await this.#write<Row>(statement, deadlineMs);
        } finally {
          if (changesCatalog(surveyStatement(statement.text))) this.#forgetCatalog();
        }
    }
  }

  /** Behind a COMMIT in the same flight: where the log stands once it is done. Never throws. */
  async noteWrite(session: PoolSession): Promise<ConsistencyPoint | null> {
    try {
      const { rows } = await session.query<{ lsn: string }>({ text: INSERT_LSN });
      const { systemIdentifier, timeline } = this.#cluster;
      const [row] = rows;
      if (row === undefined || systemIdentifier === null) return null;
      const point = { systemIdentifier, timeline, lsn: parseLsn(row.lsn) };
      this.#floor = laterPoint(this.#floor, point);
      return point;
    } catch {
      return null; // the write itself tells what is wrong
    }
  }

  #knownKind(text: string): StatementKind | undefined {
    return performance.now() - this.#catalogMs > CATALOG_MS ? undefined : this.#kinds.get(text);
  }

  async #classify(text: string, deadlineMs: number): Promise<StatementKind> {
    const survey = surveyStatement(text);
    const catalog = await this.#freshCatalog(CATALOG_MS, deadlineMs);
    const first = classifyStatement(survey, catalog);
    if (!first.doubtful) {
      if (catalog !== MISTRUSTING && this.#kinds.size < KINDS_MAX) this.#kinds.set(text, first.kind);
      return first.kind;
    }
    return classifyStatement(survey, await this.#freshCatalog(DOUBT_MS, deadlineMs)).kind;
  }

  #forgetCatalog(): void {
    this.#catalogMs = 0;
    this.#kinds.clear();
  }

  async #freshCatalog(maxAgeMs: number, deadlineMs: number): Promise<NameCatalog> {
    const nowMs = performance.now();
    if (this.#catalog === null || this.#catalogMs === 0 || nowMs - this.#catalogMs > maxAgeMs) {
      this.#catalogMs = nowMs;
      this.#kinds.clear();
      const loading = this.#loadCatalog(deadlineMs);
      this.#catalog = loading;
      loading.catch(() => {
        if (this.#catalog === loading) this.#catalog = null;
      });
    }
    // Without a catalog nothing is known to be safe: all goes to the primary, which reports what is wrong.
    return await this.#catalog.catch(() => MISTRUSTING);
  }

  /** From the primary, where nothing is missing yet; without one, from whoever is left. */
  async #loadCatalog(deadlineMs: number): Promise<NameCatalog> {
    const nodes = await this.#cluster.readers('nearest', leftMs(deadlineMs));
    const node = nodes.find(({ name }) => name === this.#cluster.primaryName) ?? nodes[0];
    if (node === undefined) throw new DatabaseError('DB_PRIMARY_UNKNOWN');
    const lent = await node.pool.acquire({ timeoutMs: Math.min(leftMs(deadlineMs), node.pool.config.acquireTimeout) });
    try {
      return await loadCatalog((statement) =>
        runStatement({ session: lent.session, meter: node.pool.meter, statement, timeoutMs: leftMs(deadlineMs) }),
      );
    } finally {
      if (!node.pool.takeBack(lent)) await node.pool.release(lent);
    }
  }

  async #read<Row extends object>(
    statement: Statement,
    options: QueryOptions,
    deadlineMs: number,
  ): Promise<DatabaseResult<Row>> {
    const asked = options.token === undefined ? null : parseToken(options.token);
    const floor = laterPoint(asked, this.#readYourWrites ? this.#floor : null);
    const preference = options.readPreference ?? this.#preference;
    const nodes = preference === 'primary' ? [] : await this.#cluster.readers(preference, leftMs(deadlineMs));
    for (const node of nodes) {
      if (node.name === this.#cluster.primaryName) break;
      if (floor !== null && !this.#canJudge(floor)) break;
      try {
        const result = await this.#readAtReplica<Row>(node, statement, { floor, deadlineMs });
        if (result !== null) return result;
      } catch (error) {
        // A conflict with recovery, a node that went away, a write in disguise: another node may do it.
        if (!isElsewherePossible(error) || leftMs(deadlineMs) <= 1) throw error;
      }
    }
    return await this.#atPrimary(deadlineMs, async (node, session) => {
      const rows = await this.#execute<Row>(node, session, { statement, deadlineMs });
      return { ...rows, servedBy: node.name, token: null };
    });
  }

  /** Null when the replica has not replayed what the reader must see. */
  async #readAtReplica<Row extends object>(
    node: ClusterNode,
    statement: Statement,
    options: { readonly floor: ConsistencyPoint | null; readonly deadlineMs: number },
  ): Promise<DatabaseResult<Row> | null> {
    const { floor, deadlineMs } = options;
    const { acquireTimeout } = node.pool.config;
    const lent = await node.pool.acquire({ timeoutMs: Math.min(leftMs(deadlineMs), acquireTimeout) });
    try {
      // In the same flight, before the read: what was replayed then is seen by it.
      const isKnown = floor === null || (node.reading !== null && node.reading.lsn >= floor.lsn);
      const fresh = isKnown
        ? Promise.resolve(true)
        : lent.session
            .query<{ fresh: boolean | null }>({ text: IS_FRESH, values: [formatLsn(floor.lsn)] })
            .then(({ rows }) => rows[0]?.fresh === true);
      const reading = this.#execute<Row>(node, lent.session, { statement, deadlineMs });
      const [freshness, answer] = await Promise.allSettled([fresh, reading]);
      if (freshness.status === 'rejected') throw freshness.reason;
      // What is not replayed yet may be the very table: then its error is as stale as an answer.
      if (!freshness.value) return null;
      if (answer.status === 'rejected') throw answer.reason;
      return { ...answer.value, servedBy: node.name, token: null };
    } finally {
      if (!node.pool.takeBack(lent)) await node.pool.release(lent);
    }
  }

  /** Places in the log can be compared on one timeline of one cluster. */
  #canJudge(floor: ConsistencyPoint): boolean {
    return floor.systemIdentifier === this.#cluster.systemIdentifier && floor.timeline === this.#cluster.timeline;
  }

  async #write<Row extends object>(statement: Statement, deadlineMs: number): Promise<DatabaseResult<Row>> {
    return await this.#atPrimary(deadlineMs, async (node, session) => {
      const running = this.#execute<Row>(node, session, { statement, deadlineMs });
      const noting = this.noteWrite(session);
      try {
        const rows = await running;
        const point = await noting;
        return { ...rows, servedBy: node.name, token: point === null ? null : formatToken(point) };
      } catch (error) {
        await noting;
        if (!(error instanceof DatabaseError) || !UNANSWERED.has(error.code)) throw error;
        this.#cluster.suspect(node);
        throw new DatabaseError('DB_OUTCOME_UNKNOWN', {
          cause: error,
          context: { node: node.name },
          detail: error.code,
        });
      }
    });
  }

  /** At whoever is primary; where that has changed and nothing has run, at the new one. */
  async #atPrimary<T>(deadlineMs: number, work: (node: ClusterNode, session: PoolSession) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const node =
        this.#cluster.confirmed ?? (await this.#cluster.primary(Math.min(leftMs(deadlineMs), this.#acquireTimeout())));
      try {
        const lent = await node.pool.acquire({
          timeoutMs: Math.min(leftMs(deadlineMs), node.pool.config.acquireTimeout),
        });
        try {
          return await work(node, lent.session);
        } finally {
          if (!node.pool.takeBack(lent)) await node.pool.release(lent);
        }
      } catch (thrown) {
        const error = errorOf(thrown);
        if (!(error instanceof DatabaseError)) throw error;
        const again = REROUTED.has(error.code) || (UNANSWERED.has(error.code) && error.code !== 'DB_STATEMENT_TIMEOUT');
        if (again) this.#cluster.suspect(node);
        if (!again || attempt >= ATTEMPTS_MAX || leftMs(deadlineMs) <= 1) throw error;
      }
    }
  }

  #execute<Row extends object>(
    node: ClusterNode,
    session: PoolSession,
    options: { readonly statement: Statement; readonly deadlineMs: number },
  ): Promise<QueryResult<Row>> {
    const { meter, config } = node.pool;
    const timeoutMs = Math.min(config.queryTimeout, leftMs(options.deadlineMs));
    return runStatement<Row>({ session, meter, statement: options.statement, timeoutMs });
  }

  #acquireTimeout(): number {
    return this.#cluster.nodes[0]?.pool.config.acquireTimeout ?? 0;
  }
}

const MISTRUSTING: NameCatalog = {
  isSafeFunction: () => false,
  isSafeOperator: () => false,
  isSafeRelation: () => false,
};

function isElsewherePossible(error: unknown): boolean {
  if (!(error instanceof DatabaseError)) return false;
  // What was cancelled there would take as long here.
  return (error.retryable && error.code !== '57014') || SATURATED.has(error.code);
}

function leftMs(deadlineMs: number): number {
  return Math.max(1, deadlineMs - performance.now());
}
