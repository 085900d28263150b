import {
  DatabaseError,
  DatabaseErrorHandler,
  DatabaseErrorType,
  DatabaseManager,
  DatabaseMetrics,
  DatabaseUsage,
  HealthChecker,
  type MetricAlert,
} from '@tradestream/database';
import { createMetrics } from '@tradestream/runtime';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createDatabase, type ScratchDatabase } from '../support/scratch.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const WITHIN = { withinMs: 60_000 } as const;
const PATIENT = { maxSize: 4, acquireTimeout: 20_000 } as const;

let database: ScratchDatabase;

beforeAll(async () => {
  database = await createDatabase(inject('endpoints'), 'toolkit-health');
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await database.close();
});

const replicas = () => Object.entries(database.replicaUrls).map(([name, url]) => ({ name, url }));

test('the monitoring examples of the guide run as they stand and see what the process has open', async () => {
  await using db = new DatabaseManager({
    database: database.url,
    pool: PATIENT,
    replication: { replicas: replicas() },
  });

  const metrics = new DatabaseMetrics({
    collectInterval: 5000,
    retentionPeriod: '7d',
    alertThresholds: {
      connectionUsage: 80,
      queryLatency: 1000,
      errorRate: 0.01,
    },
  });

  const healthCheck = new HealthChecker({
    interval: 30000,
    timeout: 5000,
    checks: ['connectivity', 'replication', 'performance'],
  });

  await db.query('SELECT 1');
  expect(metrics.connections).toMatchObject({ active: 0 });
  expect(metrics.connections.total).toBeGreaterThan(0);
  expect(metrics.queries).toMatchObject({ active: 0, failed: 0 });
  metrics.collect();
  expect(metrics.performance.queryLatency).toBeGreaterThan(0);
  expect(metrics.performance.replicationLag).toBeGreaterThanOrEqual(0);
  expect(await healthCheck.check()).toMatchObject({
    healthy: true,
    results: [
      { name: 'connectivity', healthy: true, problem: null },
      { name: 'replication', healthy: true, problem: null },
      { name: 'performance', healthy: true, problem: null },
    ],
  });
  expect(await healthCheck.checkConnectivity()).toBe(true);
  expect(await healthCheck.checkReplication()).toMatchObject({ primary: 'primary', healthy: true });
  await healthCheck.close();
  await metrics.close();
});

test('a health check without a manager makes one from DATABASE_URL, and ends it', async () => {
  await using alone = new HealthChecker({ checks: ['connectivity'], timeout: 10_000 });
  vi.stubEnv('DATABASE_URL', '');
  expect(await alone.checkConnectivity()).toBe(false);
  vi.stubEnv('DATABASE_URL', database.url);
  expect(await alone.check()).toMatchObject({ healthy: true });
  vi.unstubAllEnvs();
});

test('a node that does not answer is told by each check that sees it', async () => {
  const { proxy, url } = await TcpProxy.before(database.replicaUrls['replica-1'] ?? '');
  await using _proxy = proxy;
  await using db = new DatabaseManager({
    database: database.url,
    pool: { ...PATIENT, healthCheck: { enabled: true, interval: 1_000, timeout: 1_500 } },
    replication: { replicas: [{ url, name: 'replica-1' }], checkInterval: 200, checkTimeout: 1_000 },
  });
  await using checker = new HealthChecker({ interval: 100, timeout: 4_000 }, db);
  await eventually(() => checker.report?.healthy === true, WITHIN);
  proxy.mode = 'drop';
  await eventually(
    () => checker.report?.results[0]?.healthy === false && checker.report.results[1]?.healthy === false,
    WITHIN,
  );
  expect(checker.report?.results[1]?.problem).toContain('replica-1 is down');
  proxy.resetAll();
  proxy.mode = 'pass';
  await eventually(() => checker.report?.healthy === true, WITHIN);
});

test('an alert fires for failing statements, and ends', async () => {
  await using db = new DatabaseManager({ database: database.url, pool: PATIENT });
  await using metrics = new DatabaseMetrics(
    { collectInterval: 60_000, alertThresholds: { errorRate: 0.5, connectionUsage: 100 } },
    db,
  );
  const alerts: MetricAlert[] = [];
  metrics.onAlert((alert) => alerts.push(alert));
  await db.query('SELECT 1');
  metrics.collect();
  await Promise.allSettled([1, 2, 3].map(() => db.query('SELECT 1 / 0')));
  metrics.collect();
  expect(metrics.firing).toEqual(['errorRate']);
  expect(metrics.queries.failed).toBe(3);
  for (let round = 0; round < 2; round += 1) {
    await db.query('SELECT 1');
    metrics.collect();
  }
  const lent = await Promise.all([1, 2, 3, 4].map(() => db.getConnection()));
  metrics.collect();
  await Promise.all(lent.map((connection) => connection.release()));
  expect(alerts.map(({ metric, state }) => `${metric} ${state}`)).toEqual([
    'errorRate firing',
    'errorRate resolved',
    'connectionUsage firing',
  ]);
  expect(metrics.history('errorRate', new Date(0)).map((point) => point.max)).toContain(1);
});

test('the figures are given as Prometheus reads them', async () => {
  await using db = new DatabaseManager({
    database: database.url,
    pool: PATIENT,
    replication: { replicas: replicas() },
  });
  await using metrics = new DatabaseMetrics({}, db);
  await db.query('SELECT 1');
  const text = metrics.toPrometheus();
  for (const line of text.trimEnd().split('\n')) {
    expect(line).toMatch(/^(# (HELP|TYPE) database_\w+ .+|database_\w+(\{(node|le)="[^"]+"\})? [\d.e+-]+)$/);
  }
  expect(text).toContain('database_node_primary{node="primary"} 1');
  expect(text).toContain('database_replication_lag_bytes{node="replica-3"}');
  const count = /database_query_duration_seconds_count (\d+)/.exec(text)?.[1];
  expect(text).toContain(`database_query_duration_seconds_bucket{le="+Inf"} ${count}`);
  expect(Number(count)).toBeGreaterThan(0);
});

test('settings that cannot be are refused', () => {
  const invalid = expect.objectContaining({ code: 'DB_CONFIG_INVALID' });
  expect(() => new DatabaseMetrics({ retentionPeriod: 'for ever' })).toThrow(invalid);
  expect(() => new DatabaseMetrics({ collectInterval: 0 })).toThrow(invalid);
  expect(() => new HealthChecker({ interval: 0 })).toThrow(invalid);
});

test('an error handler brings connections that died back, rolls back, and tries again', async () => {
  await using db = new DatabaseManager({ database: database.url, pool: PATIENT });
  const handler = new DatabaseErrorHandler({ database: db, retryPause: 1 });
  const connection = await db.getConnection();
  await db.query('SELECT pg_terminate_backend(?)', [connection.backendPid]);
  const lost = await eventually(async () => {
    const error = await connection.execute('SELECT 1').catch((thrown: unknown) => thrown);
    if (error instanceof DatabaseError) return error;
    throw new Error('the connection lives on');
  }, WITHIN);
  await connection.release();
  const answers: unknown[] = [];
  const retry = async () => answers.push((await db.query('SELECT 1 AS one')).rows[0]);
  await handler.handleError(lost, { retry });
  expect(answers).toEqual([{ one: 1 }]);

  const transaction = await db.beginTransaction();
  await transaction.execute('CREATE TABLE undone (id int)');
  await handler.handleError(new DatabaseError('40P01'), { transaction, retry });
  expect(transaction.outcome).toBe('rolled back');
  await handler.handleError(new DatabaseError('25006'), { retry });
  await handler.handleError(new DatabaseError('23505'), { retry });
  expect(answers).toHaveLength(3);
  expect([...handler.counts]).toEqual([
    [`CONNECTION_ERROR ${lost.code}`, 1],
    ['TRANSACTION_ERROR 40P01', 1],
    ['REPLICATION_ERROR 25006', 1],
    ['QUERY_ERROR 23505', 1],
  ]);
});

test.each(Object.values(DatabaseErrorType))('the recovery of %s can be replaced', async (type) => {
  const seen: string[] = [];
  const note = async (error: { readonly type: string }) => void seen.push(error.type);
  const handler = new DatabaseErrorHandler({
    onConnectionError: note,
    onQueryError: note,
    onTransactionError: note,
    onReplicationError: note,
  });
  await handler.handleError({ type, code: 'X', message: 'x', retryable: true });
  expect(seen).toEqual([type]);
});

/** As the server raises them, and what a caller is told. */
const PROVOKED = [
  ['SELECT 1 / 0', '22012', 'QUERY_ERROR', false],
  [`SELECT 'x'::int`, '22P02', 'QUERY_ERROR', false],
  ['SELECT 99999999999::int', '22003', 'QUERY_ERROR', false],
  [`SELECT 'long'::varchar(2)::char(1) || repeat('x', -1) FROM nowhere`, '42P01', 'QUERY_ERROR', false],
  [`SELECT '2021-13-45'::date`, '22008', 'QUERY_ERROR', false],
  [`SELECT 'never'::date`, '22007', 'QUERY_ERROR', false],
  [`SELECT E'\\\\xZZ'::bytea`, '22023', 'QUERY_ERROR', false],
  [`SELECT (SELECT generate_series(1, 2))`, '21000', 'QUERY_ERROR', false],
  [`INSERT INTO provoked VALUES (1, 1)`, '23505', 'QUERY_ERROR', false],
  [`INSERT INTO provoked VALUES (NULL, 1)`, '23502', 'QUERY_ERROR', false],
  [`INSERT INTO provoked VALUES (2, -1)`, '23514', 'QUERY_ERROR', false],
  [`INSERT INTO children VALUES (99)`, '23503', 'QUERY_ERROR', false],
  [`INSERT INTO short VALUES ('too long')`, '22001', 'QUERY_ERROR', false],
  ['SELEC 1', '42601', 'QUERY_ERROR', false],
  ['SELECT nothing FROM provoked', '42703', 'QUERY_ERROR', false],
  ['SELECT no_function()', '42883', 'QUERY_ERROR', false],
  ['SELECT a.id FROM provoked a, provoked b WHERE id = 1', '42702', 'QUERY_ERROR', false],
  ['SELECT id, count(*) FROM provoked', '42803', 'QUERY_ERROR', false],
  [`SELECT id UNION SELECT 'x'::text FROM provoked`, '42703', 'QUERY_ERROR', false],
  [`SELECT 1 UNION SELECT 'x'::text`, '42804', 'QUERY_ERROR', false],
  ['CREATE TABLE provoked (id int)', '42P07', 'QUERY_ERROR', false],
  ['CREATE SCHEMA public', '42P06', 'QUERY_ERROR', false],
  ['DROP TYPE no_type', '42704', 'QUERY_ERROR', false],
  ['DROP TABLE provoked', '2BP01', 'QUERY_ERROR', false],
  ['INSERT INTO provoked VALUES (3, 1) ON CONFLICT (amount) DO NOTHING', '42P10', 'QUERY_ERROR', false],
  ['SELECT * FROM no_schema.provoked', '42P01', 'QUERY_ERROR', false],
  ['CREATE TABLE no_schema.t (id int)', '3F000', 'QUERY_ERROR', false],
  ['FETCH no_cursor', '34000', 'QUERY_ERROR', false],
  [`DO $$ BEGIN RAISE EXCEPTION 'mine'; END $$`, 'P0001', 'QUERY_ERROR', false],
  [`DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$`, '40001', 'TRANSACTION_ERROR', true],
  [`DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '53100'; END $$`, '53100', 'QUERY_ERROR', true],
  [
    `DO $$ BEGIN SET LOCAL transaction_read_only = on; CREATE TABLE t (id int); END $$`,
    '25006',
    'REPLICATION_ERROR',
    true,
  ],
  [
    `DO $$ BEGIN SET LOCAL lock_timeout = 1; PERFORM pg_sleep(0); RAISE lock_not_available; END $$`,
    '55P03',
    'TRANSACTION_ERROR',
    true,
  ],
  [`DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = 'ZZ999'; END $$`, 'ZZ999', 'QUERY_ERROR', true],
] as const;

test('what the server refuses has its type, and is tried again as often as it helps', async () => {
  await using db = new DatabaseManager({ database: database.url, pool: PATIENT });
  await db.query('CREATE TABLE provoked (id int PRIMARY KEY, amount int CHECK (amount > 0))');
  await db.query('CREATE TABLE children (id int REFERENCES provoked)');
  await db.query('CREATE TABLE short (text varchar(3))');
  await db.query('INSERT INTO provoked VALUES (1, 1)');
  const told: unknown[] = [];
  for (const [text] of PROVOKED) {
    let attempts = 0;
    const error = await db
      .transaction(
        async (transaction) => {
          attempts += 1;
          await transaction.execute(text);
        },
        { retryPolicy: { maxAttempts: 3, baseDelay: 1, maxDelay: 2 } },
      )
      .catch((thrown: unknown) => thrown);
    const cause = error instanceof DatabaseError && error.code === 'DB_RETRIES_SPENT' ? error.cause : error;
    told.push(
      cause instanceof DatabaseError ? [text, cause.code, cause.type, cause.retryable, attempts] : [text, cause],
    );
  }
  const again = new Set(['40001', '25006', '55P03']);
  expect(told).toEqual(
    PROVOKED.map(([text, code, type, retryable]) => [text, code, type, retryable, again.has(code) ? 3 : 1]),
  );
});

test('what a program does with its database is in its metrics: errors by type, connections, waits', async () => {
  const metrics = createMetrics({ service: 'test' });
  const usage = new DatabaseUsage(metrics);
  const pool = { maxSize: 1, acquireTimeout: 20_000, observer: usage };
  await using db = new DatabaseManager({ database: database.url, pool });
  const unwatch = usage.watch(db);
  await expect(db.query('SELECT 1 / 0')).rejects.toMatchObject({ code: '22012' });
  const lent = await db.getConnection();
  await expect(db.getConnection({ timeoutMs: 50 })).rejects.toMatchObject({ code: 'DB_POOL_TIMEOUT' });
  const session = await usage.openSession({ url: database.url, applicationName: 'test', connectTimeoutMs: 20_000 });
  await expect(session.query({ text: 'SELEC' })).rejects.toMatchObject({ code: '42601' });
  // A guess that was wrong is an answer, and no failure.
  const guess = session.query({ text: `DO $$ BEGIN RAISE EXCEPTION 'stale' USING ERRCODE = 'TS003'; END $$` });
  await expect(guess).rejects.toMatchObject({ code: 'TS003' });
  await session.query({ text: 'BEGIN' });
  await session.query({ text: 'SELECT 1 / 0' }).catch(() => undefined);
  await session.query({ text: 'SELECT 1' }).catch(() => undefined);
  await expect(session.commit()).rejects.toMatchObject({ code: 'DB_COMMIT_ROLLED_BACK' });
  await expect(
    usage.openSession({ url: 'postgres://me@127.0.0.1:1/none', applicationName: 'test', connectTimeoutMs: 20_000 }),
  ).rejects.toMatchObject({ code: 'DB_CONNECTION_FAILED' });
  const shown = async (name: string) => {
    const lines = (await metrics.text()).split('\n').filter((line) => line.startsWith(name));
    return Object.fromEntries(
      lines.map((line) => [/type="(\w+)"/.exec(line)?.[1] ?? name, Number(line.split(' ')[1])]),
    );
  };
  expect(await shown('tradestream_database_errors_total')).toEqual({
    QUERY_ERROR: 3,
    CONNECTION_ERROR: 2,
    TRANSACTION_ERROR: 1,
    REPLICATION_ERROR: 0,
  });
  const statements = 'tradestream_database_statements_total';
  const slow = 'tradestream_database_slow_statements_total';
  expect((await shown(statements))[statements]).toBeGreaterThanOrEqual(5);
  const slowBefore = (await shown(slow))[slow] ?? 0;
  expect(slowBefore).toBeLessThan((await shown(statements))[statements] ?? 0);
  await session.query({ text: 'SELECT pg_sleep(1.1)' });
  expect((await shown(slow))[slow]).toBe(slowBefore + 1);
  expect(await shown('tradestream_pool_connections')).toEqual({ tradestream_pool_connections: 2 });
  expect(await shown('tradestream_pool_in_use')).toEqual({ tradestream_pool_in_use: 1 });
  const waiting = db.getConnection();
  await eventually(async () => (await shown('tradestream_pool_waiting'))['tradestream_pool_waiting'] === 1, WITHIN);
  await lent.release();
  await (await waiting).release();
  await session.close();
  unwatch();
  expect(await shown('tradestream_pool_connections')).toEqual({ tradestream_pool_connections: 0 });
  expect((await shown('tradestream_pool_wait_seconds_count'))['tradestream_pool_wait_seconds_count']).toBeGreaterThan(
    2,
  );
});
