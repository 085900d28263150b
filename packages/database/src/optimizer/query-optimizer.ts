import { DatabaseError } from '../errors.ts';
import type { DatabaseManager } from '../manager/database-manager.ts';
import { adviseIndexes } from './advise-indexes.ts';
import { measureComplexity } from './complexity.ts';
import { findInPlan, sequentialScans, withoutIndexedExpressions } from './find-in-plan.ts';
import { findInStatement } from './find-in-statement.ts';
import { KeptAnalyses } from './kept-analyses.ts';
import { costlyNodes } from './plan.ts';
import { Planner } from './planner.ts';
import type { Finding, QueryAnalysis, QuerySuggestions, RepeatedStatement } from './query-analysis.ts';
import { findRepeated } from './repeated-statements.ts';
import { findRewrites, type Rewriting, rewriteStatement } from './rewrite.ts';
import { type ParsedStatement, parseStatement } from './statement.ts';
import { suggestFor } from './suggest.ts';
import { loadFacts } from './table-facts.ts';

export type QueryOptimizerConfig = {
  /** Characters; a longer statement is refused with DB_QUERY_TOO_LONG. From 1, default 10 000. */
  readonly maxQueryLength?: number;
  /** Analyses are kept. Default true. */
  readonly enableCache?: boolean;
  /** How long an analysis is kept, seconds. From 1, default 3 600. */
  readonly cacheTimeout?: number;
  /** false: of a complex statement only the complexity is told. Default true. */
  readonly analyzeComplexQueries?: boolean;
  /** Asked by `explain` and `findRepeated`. */
  readonly database?: DatabaseManager;
  /** A sequential scan of fewer rows is nothing to speak of. From 0, default 10 000. */
  readonly largeTableRows?: number;
  /** Milliseconds that only grow, for the age of what is kept. */
  readonly now?: () => number;
};

type Resolved = Required<Omit<QueryOptimizerConfig, 'database'>>;

/**
 * Looks at statements before, or while, they cause trouble. `analyze`, `suggest` and `optimize` use the
 * parser alone and answer at once; `explain` asks the planner too. It runs none of the statements.
 */
export class QueryOptimizer {
  readonly #config: Resolved;
  readonly #database: DatabaseManager | null;
  readonly #analysed: KeptAnalyses<QueryAnalysis>;
  readonly #explained: KeptAnalyses<QueryAnalysis>;

  /** @throws {DatabaseError} DB_CONFIG_INVALID */
  constructor(config: QueryOptimizerConfig = {}) {
    this.#config = resolve(config);
    this.#database = config.database ?? null;
    const keepMs = this.#config.cacheTimeout * 1_000;
    this.#analysed = new KeptAnalyses(keepMs, this.#config.now);
    this.#explained = new KeptAnalyses(keepMs, this.#config.now);
  }

  /**
   * What the text shows: complexity, and what is wrong with it whatever the tables hold.
   * @throws {DatabaseError} DB_QUERY_TOO_LONG; 42601 for what is not one statement of SQL
   */
  analyze(query: string): QueryAnalysis {
    this.#refuseLong(query);
    return this.#keep(this.#analysed, query, () => this.#analyzeText(query, parseStatement(query)));
  }

  /** What to do about an analysis, of `analyze` or of `explain`. */
  suggest(analysis: QueryAnalysis): QuerySuggestions {
    return suggestFor(analysis);
  }

  /**
   * The statement as it is better written, with the same rows whatever the tables hold; as it stands where
   * there is nothing to do. It takes the same values.
   * @throws {DatabaseError} DB_QUERY_TOO_LONG; 42601
   */
  optimize(query: string): string {
    return this.rewrite(query).text;
  }

  /** As `optimize`, and says what it did. @throws {DatabaseError} DB_QUERY_TOO_LONG; 42601 */
  rewrite(query: string): Rewriting {
    this.#refuseLong(query);
    return rewriteStatement(query);
  }

  /**
   * The analysis with the planner's word: plan, costly nodes, scans of large tables, converted columns, and
   * the indexes that would help, proved by hypothetical ones where the server has hypopg. The plan of a
   * statement with parameters is the generic one. Nothing is run.
   * @throws {DatabaseError} DB_QUERY_TOO_LONG; DB_CONFIG_INVALID without a database; 42601; 42P01 and the
   * like where the server cannot plan it; those of `beginTransaction`
   */
  async explain(query: string): Promise<QueryAnalysis> {
    this.#refuseLong(query);
    const known = this.#config.enableCache ? this.#explained.get(query) : null;
    if (known !== null) return known;
    const statement = parseStatement(query);
    const analysis = this.#analyzeText(query, statement);
    if (analysis.skipped || statement.kind === 'other') return analysis;
    const explained = await this.#askPlanner(statement, analysis);
    if (this.#config.enableCache) this.#explained.set(query, explained);
    return explained;
  }

  /**
   * Lookups that run once for each row of another statement (N+1), from the server's statement history.
   * @throws {DatabaseError} DB_CONFIG_INVALID without a database; 42P01 or 55000 without pg_stat_statements
   */
  async findRepeated(): Promise<readonly RepeatedStatement[]> {
    return await findRepeated(this.#neededDatabase());
  }

  /** Forgets what is kept, as after an index was made. */
  clearCache(): void {
    this.#analysed.clear();
    this.#explained.clear();
  }

  #analyzeText(query: string, statement: ParsedStatement): QueryAnalysis {
    const complexity = measureComplexity(statement.tree);
    const skipped = complexity.level === 'complex' && !this.#config.analyzeComplexQueries;
    const { fingerprint, tables } = statement;
    const findings = skipped ? [] : [...findInStatement(statement), ...rewritable(statement)];
    return {
      query,
      fingerprint,
      statement: statement.kind,
      tables,
      complexity,
      findings,
      plan: null,
      indexes: [],
      skipped,
    };
  }

  async #askPlanner(statement: ParsedStatement, analysis: QueryAnalysis): Promise<QueryAnalysis> {
    const { largeTableRows } = this.#config;
    return await Planner.use(this.#neededDatabase(), async (planner) => {
      const plan = await planner.plan(statement);
      const facts = await loadFacts(planner, plan);
      const scans = sequentialScans(plan, facts, largeTableRows);
      const indexes = await adviseIndexes({ planner, statement, plan, facts, largeTableRows });
      const inText = withoutIndexedExpressions(analysis.findings, statement, facts);
      return {
        ...analysis,
        findings: [...inText, ...findInPlan({ statement, plan, facts, scans, indexes })],
        indexes,
        plan: {
          totalCost: plan.totalCost,
          rows: plan.rows,
          generic: statement.parameters > 0,
          costlyNodes: costlyNodes(plan),
          sequentialScans: scans,
          withoutStatistics: facts.tables.filter(({ rows }) => rows < 0).map(({ table }) => table),
        },
      };
    });
  }

  #keep(kept: KeptAnalyses<QueryAnalysis>, query: string, make: () => QueryAnalysis): QueryAnalysis {
    if (!this.#config.enableCache) return make();
    const known = kept.get(query);
    if (known !== null) return known;
    const made = make();
    kept.set(query, made);
    return made;
  }

  #refuseLong(query: string): void {
    const { maxQueryLength } = this.#config;
    if (query.length <= maxQueryLength) return;
    throw new DatabaseError('DB_QUERY_TOO_LONG', { context: { length: query.length, maxQueryLength } });
  }

  #neededDatabase(): DatabaseManager {
    if (this.#database !== null) return this.#database;
    throw new DatabaseError('DB_CONFIG_INVALID', { detail: 'the QueryOptimizer was given no `database` to ask' });
  }
}

function rewritable(statement: ParsedStatement): readonly Finding[] {
  return findRewrites(statement).map(({ rule, did }) => ({
    rule,
    severity: 'notice',
    message: `it can be written otherwise: ${did}`,
    table: null,
    columns: [],
    rewritable: true,
  }));
}

function resolve(config: QueryOptimizerConfig): Resolved {
  const resolved: Resolved = {
    maxQueryLength: config.maxQueryLength ?? 10_000,
    enableCache: config.enableCache ?? true,
    cacheTimeout: config.cacheTimeout ?? 3_600,
    analyzeComplexQueries: config.analyzeComplexQueries ?? true,
    largeTableRows: config.largeTableRows ?? 10_000,
    now: config.now ?? (() => performance.now()),
  };
  const problems = (['maxQueryLength', 'cacheTimeout', 'largeTableRows'] as const).flatMap((name) => {
    const min = name === 'largeTableRows' ? 0 : 1;
    const value = resolved[name];
    return Number.isInteger(value) && value >= min
      ? []
      : [`${name} must be a whole number from ${min}, it is ${value}`];
  });
  if (problems.length > 0) throw new DatabaseError('DB_CONFIG_INVALID', { detail: problems.join('; ') });
  return resolved;
}
