/** What makes a block of the guide a module, and what is said of it besides. */
export type GuideModule = {
  /** The import lines before it. */
  readonly imports?: string;
  /** The block from which this one goes on, and behind which it stands. */
  readonly after?: string;
  /**
   * What the compiler misses in a block whose bodies are comments: TS2355 a body that returns nothing,
   * TS2564 a field that is never set, TS2339 and TS2551 a method that is left out.
   */
  readonly missing?: readonly string[];
  /** Lines behind the block, in another module, by which the toolkit is what the block says. */
  readonly proof?: string;
};

const values = (names: string) => `import { ${names} } from '@tradestream/database';`;
const types = (names: string) => `import type { ${names} } from '@tradestream/database';`;
const toolkit = `import * as toolkit from '@tradestream/database';\n`;

export const GUIDE_MODULES: Readonly<Record<string, GuideModule>> = {
  'Connection Pool Configuration': {
    proof: `${toolkit}
const guide = null as unknown as ConnectionPoolConfig;
export const ours: toolkit.ConnectionPoolConfig = guide;
export const back: ConnectionPoolConfig = ours;
export const config: toolkit.DatabaseManagerConfig = { pool: guide };`,
  },
  'Connection Manager Implementation': {
    imports: types('Connection, ConnectionMetrics, ConnectionPool, HealthStatus'),
    missing: ['TS2564 pool', 'TS2564 metrics', 'TS2355 Promise<Connection>', 'TS2355 Promise<HealthStatus>'],
    proof: `${toolkit}
const ours = null as unknown as toolkit.ConnectionManager;
export const guide: Pick<ConnectionManager, keyof ConnectionManager> = ours;`,
  },
  'Transaction Manager': {
    imports: types('IsolationLevel, RetryPolicy, Transaction'),
    missing: ['TS2355 Promise<Transaction>'],
    proof: `${toolkit}
export const config: toolkit.TransactionConfig = null as unknown as TransactionConfig;
export const guideConfig: TransactionConfig = null as unknown as toolkit.TransactionConfig;
const ours = null as unknown as toolkit.TransactionManager;
export const guide: Pick<TransactionManager, keyof TransactionManager> = ours;`,
  },
  'Replication Configuration': {
    imports: types('DatabaseConfig'),
    proof: `${toolkit}
const guide = null as unknown as ReplicationConfig;
export const ours: toolkit.ReplicationConfig = guide;
export const config: toolkit.DatabaseManagerConfig = { replication: guide };`,
  },
  'Error Types': {
    proof: `${toolkit}
type Named<T extends { readonly type: string }> = Omit<T, 'type'> & { readonly type: \`\${T['type']}\` };
export const guide: Named<DatabaseError> = new toolkit.DatabaseError('40P01');
const names = JSON.stringify(Object.entries(DatabaseErrorType).toSorted());
if (names !== JSON.stringify(Object.entries(toolkit.DatabaseErrorType).toSorted())) throw new Error(names);`,
  },
  'Error Recovery': {
    imports: `${types('DatabaseError')}\n${values('DatabaseErrorType')}`,
    missing: ['TS2339 handleConnectionError', 'TS2551 handleQueryError'],
    proof: `${toolkit}
export const guide: Pick<DatabaseErrorHandler, keyof DatabaseErrorHandler> = new toolkit.DatabaseErrorHandler();
await guide.handleError(new toolkit.DatabaseError('42601'));`,
  },
  'Query Optimization': {
    imports: types('QueryAnalysis, QuerySuggestions'),
    proof: `${toolkit}
const guide: QueryOptimizer = new toolkit.QueryOptimizer();
const text = 'SELECT * FROM trades WHERE symbol = $1';
if (guide.suggest(guide.analyze(text)).suggestions.length === 0) throw new Error('nothing is suggested');
if (guide.optimize(text) !== text) throw new Error('nothing can be made of it');`,
  },
  'Index Management': {
    imports: types('IndexAnalysis'),
    proof: `${toolkit}
await using database = new toolkit.DatabaseManager();
const guide: IndexManager = new toolkit.IndexManager({ database });
await guide.createIndex('orders', ['user_id', 'id']);
const made = (analysis: IndexAnalysis) => analysis.indexes.find(({ name }) => name.includes('user_id'));
const index = made(await guide.analyzeIndexUsage());
await guide.dropIndex('orders', index?.name ?? '');
if (made(await guide.analyzeIndexUsage()) !== undefined) throw new Error('it is still there');`,
  },
  'Metrics Collection': {
    proof: `${toolkit}
export const guide: DatabaseMetrics = new toolkit.DatabaseMetrics();`,
  },
  'Health Checks': {
    imports: types('PerformanceMetrics, ReplicationStatus'),
    proof: `${toolkit}
export const guide: HealthCheck = new toolkit.HealthChecker();
if (!(await guide.checkConnectivity())) throw new Error('there is a database');`,
  },
  'Basic Usage': { imports: values('DatabaseManager') },
  'Advanced Usage': { imports: values('DatabaseManager, QueryBuilder'), after: 'Basic Usage' },
  'Connection Pool Optimization': {
    imports: types('PoolConfig'),
    proof: `${toolkit}
await using database = new toolkit.DatabaseManager({ pool: { ...poolConfig, min: 0 } });
await database.query('SELECT 1');`,
  },
  'Query Optimization 2': {
    imports: values('QueryOptimizer'),
    proof: `queryOptimizer.analyze('SELECT 1');`,
  },
  'Index Strategy': {
    proof: `${toolkit}
await using database = new toolkit.DatabaseManager();
const indexes = new toolkit.IndexManager({ database });
await indexes.applyStrategy(indexStrategy);
const left = (await indexes.planStrategy(indexStrategy)).filter(({ action }) => action === 'create');
if (left.length > 0) throw new Error('the strategy is not there');`,
  },
  'Metrics Collection 2': {
    imports: values('DatabaseMetrics'),
    proof: `metrics.collect();`,
  },
  'Health Checks 2': {
    imports: values('HealthChecker'),
    proof: `const { healthy, results } = await healthCheck.check();
if (!healthy || results.length !== 3) throw new Error(JSON.stringify(results));`,
  },
};
