import { type DatabaseEvent, DatabaseManager, type DatabaseManagerConfig } from '@tradestream/database';
import { createLogger } from '@tradestream/runtime';
import { NODE_NAMES, openStack, REPLICA_NAMES, type Stack } from '@tradestream/stack';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { Lateness } from '../support/lateness.ts';

const WITHIN = { withinMs: 60_000 } as const;
const WHO = `SELECT current_setting('cluster_name') AS node`;

let stack: Stack;
/** Where each node listens, whatever its role becomes. */
let urls: Readonly<Record<string, string>>;

beforeAll(async () => {
  stack = await openStack({
    log: createLogger({ service: 'failover-test', level: 'error' }),
    mode: 'embedded',
    env: {
      ...process.env,
      DATABASE_URL: '',
      DATABASE_REPLICA_URLS: '',
      REDIS_URL: '',
      KAFKA_BROKERS: '',
      SCHEMA_REGISTRY_URL: '',
    },
    parts: [...NODE_NAMES],
    postgresSettings: { max_standby_streaming_delay: '300ms', deadlock_timeout: '200ms' },
  });
  urls = { primary: stack.endpoints.databaseUrl, ...stack.endpoints.replicaUrls };
  await using db = open({});
  await db.query('CREATE TABLE writes (id bigint PRIMARY KEY)');
  await db.query('CREATE TABLE pairs (id int PRIMARY KEY, value int NOT NULL)');
  await db.query('INSERT INTO pairs VALUES (1, 0), (2, 0)');
});
afterAll(async () => {
  await stack.close();
});

function open(
  given: Partial<DatabaseManagerConfig> & { readonly maxLagBytes?: number; readonly nodes?: readonly string[] },
) {
  const { maxLagBytes, nodes = REPLICA_NAMES, ...config } = given;
  return new DatabaseManager({
    pool: { maxSize: 6, acquireTimeout: 20_000, queryTimeout: 20_000 },
    replication: {
      master: { url: urls['primary'] ?? '', name: 'primary' },
      replicas: nodes.map((name) => ({ url: urls[name] ?? '', name })),
      syncMode: 'sync',
      readPreference: 'secondary',
      checkInterval: 200,
      ...(maxLagBytes === undefined ? {} : { maxLagBytes }),
    },
    ...config,
  });
}

/** Straight to one node, past all routing. */
async function at<Row extends object>(node: string, text: string): Promise<readonly Row[]> {
  await using db = new DatabaseManager({ database: urls[node] ?? '', pool: { maxSize: 1 } });
  await using connection = await db.getConnection({ readPreference: 'nearest' });
  return (await connection.execute<Row>(text)).rows;
}

const stateOf = (db: DatabaseManager, name: string) => db.nodes().find((node) => node.name === name);

test('a replica whose replay is paused serves no stale read, is left out by its lag, and comes back', async () => {
  await using db = open({ nodes: ['replica-3'], maxLagBytes: 20_000 });
  await eventually(async () => (await db.query(WHO)).servedBy === 'replica-3', WITHIN);
  await stack.pauseReplay('replica-3');
  await db.query('INSERT INTO writes VALUES (1)');
  const read = await db.query('SELECT id FROM writes WHERE id = 1');
  expect(read).toMatchObject({ rows: [{ id: '1' }], servedBy: 'primary' });
  await db.query('CREATE TABLE not_replayed AS SELECT 1 AS one');
  expect(await db.query('SELECT one FROM not_replayed')).toMatchObject({ rows: [{ one: 1 }], servedBy: 'primary' });
  await eventually(() => stateOf(db, 'replica-3')?.replayPaused === true, WITHIN);
  await db.query(`INSERT INTO writes SELECT * FROM generate_series(1000, 3000)`);
  await eventually(() => stateOf(db, 'replica-3')?.state === 'lagging', WITHIN);
  const lagging = stateOf(db, 'replica-3');
  expect(lagging?.lagBytes).toBeGreaterThan(20_000);
  // The first look that sees the lag cannot tell its age.
  await eventually(() => (stateOf(db, 'replica-3')?.lagSeconds ?? 0) > 0, WITHIN);
  expect((await db.query(WHO)).servedBy).toBe('primary');
  await stack.resumeReplay('replica-3');
  await eventually(async () => (await db.query(WHO)).servedBy === 'replica-3', WITHIN);
  await eventually(() => stateOf(db, 'replica-3')?.lagBytes === 0, WITHIN);
  expect(stateOf(db, 'replica-3')).toMatchObject({ lagSeconds: 0, state: 'up' });
});

test('a read that a standby gives up for its recovery is done elsewhere', async () => {
  await using db = open({ nodes: ['replica-3'] });
  await db.query('CREATE TABLE doomed AS SELECT * FROM generate_series(1, 1000) AS id');
  await eventually(async () => (await db.query('SELECT 1 FROM doomed LIMIT 1')).servedBy === 'replica-3', WITHIN);
  // Long at the standby only, where it is given up.
  await db.query(
    `CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql STABLE AS
     $$ BEGIN PERFORM pg_sleep(CASE WHEN pg_is_in_recovery() THEN 15 ELSE 0 END); RETURN 7; END $$`,
  );
  await eventually(async () => (await db.query('SELECT slow(1) WHERE false')).servedBy === 'replica-3', WITHIN);
  // Until it had replayed the table and the function, each was unknown there, which counts as a failure too.
  const failedBefore = db.figures().queriesFailed;
  const reading = db.query('SELECT slow(1) FROM doomed WHERE id = 1');
  await eventually(
    async () =>
      (await at('replica-3', `SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT slow%' AND state = 'active'`))
        .length > 0,
    WITHIN,
  );
  // Its exclusive lock reaches the standby, where the reader stands in the way. The table stays.
  await db.query('ALTER TABLE doomed ADD COLUMN more int');
  const result = await reading;
  expect(result.rows).toEqual([{ slow: 7 }]);
  expect(result.servedBy).toBe('primary');
  expect(db.figures().queriesFailed - failedBefore).toBe(1);
});

test('a deadlock is explained with both statements from the log of the server', async () => {
  await using db = open({ serverLogFile: `${stack.logFolder}/primary.log` });
  await using other = open({});
  const transfer = (manager: DatabaseManager, from: number, to: number) =>
    manager.transaction(
      async (transaction) => {
        await transaction.execute(`UPDATE pairs SET value = value - 1 WHERE id = ${from}`);
        await transaction.execute('SELECT pg_sleep(0.1)');
        await transaction.execute(`UPDATE pairs SET value = value + 1 WHERE id = ${to}`);
      },
      { retryPolicy: { maxAttempts: 50, baseDelay: 20, maxDelay: 200 } },
    );
  // Either may be the victim: until the one that reads the log was it.
  await eventually(async () => {
    await Promise.all([transfer(db, 1, 2), transfer(other, 2, 1)]);
    return db.deadlocks.length > 0;
  }, WITHIN);
  const [report] = db.deadlocks;
  expect(report).toMatchObject({ source: 'server log', node: 'primary' });
  expect(report?.parties.map((party) => party.statement).toSorted()).toEqual([
    'UPDATE pairs SET value = value + 1 WHERE id = 1',
    'UPDATE pairs SET value = value + 1 WHERE id = 2',
  ]);
  expect(await at('primary', 'SELECT sum(value)::int AS sum FROM pairs')).toEqual([{ sum: 0 }]);
});

test('a commit that no standby confirmed is not called committed until one has', async () => {
  const events: DatabaseEvent[] = [];
  await using db = open({ onEvent: (event) => events.push(event) });
  const transaction = await db.beginTransaction({ timeout: 30_000 });
  await transaction.execute('INSERT INTO writes VALUES (5)');
  for (const name of ['replica-1', 'replica-2'] as const) stack.signalPart(name, 'SIGSTOP');
  try {
    const committing = transaction.commit().catch((error: unknown) => error);
    await eventually(async () => {
      const text = `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = ${transaction.backendPid} AND wait_event = 'SyncRep'`;
      return (await at('primary', text)).length > 0;
    }, WITHIN);
    expect(await committing).toMatchObject({
      code: 'DB_COMMIT_NOT_DURABLE',
      type: 'REPLICATION_ERROR',
      retryable: false,
    });
    expect(transaction.outcome).toBe('unknown');
  } finally {
    for (const name of ['replica-1', 'replica-2'] as const) stack.signalPart(name, 'SIGCONT');
  }
  expect(await transaction.settle()).toBe('committed');
});

test('a single statement that no standby confirmed is not said to be done', async () => {
  await using db = open({});
  await db.query('SELECT 1');
  for (const name of ['replica-1', 'replica-2'] as const) stack.signalPart(name, 'SIGSTOP');
  try {
    const writing = db.query('INSERT INTO writes VALUES (6)').catch((error: unknown) => error);
    await eventually(async () => {
      const text = `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`;
      return (await at('primary', text)).length > 0;
    }, WITHIN);
    expect(await writing).toMatchObject({ code: 'DB_COMMIT_NOT_DURABLE', retryable: false });
  } finally {
    for (const name of ['replica-1', 'replica-2'] as const) stack.signalPart(name, 'SIGCONT');
  }
  expect((await db.query('INSERT INTO writes VALUES (7)')).command).toBe('INSERT');
});

test('a warning raised by a function is no doubt about the commit', async () => {
  await using db = open({});
  await db.query(`CREATE TABLE warned (id int)`);
  await db.query(
    `CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'careful'; RETURN NULL; END $$`,
  );
  await db.query(
    'CREATE CONSTRAINT TRIGGER warning AFTER INSERT ON warned DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION warn()',
  );
  const transaction = await db.beginTransaction();
  await transaction.execute('INSERT INTO warned VALUES (1)');
  await transaction.commit();
  expect(transaction.outcome).toBe('committed');
});

/** Writers that go on until they are told or their test has failed, and what was acknowledged to them. */
function writeUntilStopped(db: DatabaseManager, firstId: number) {
  const acknowledged: { readonly id: number; readonly node: string; readonly atMs: number }[] = [];
  const errors = new Set<string>();
  let running = true;
  let next = firstId;
  const writer = async (byTransaction: boolean) => {
    while (running) {
      const id = next;
      next += 1;
      try {
        const node = byTransaction
          ? await insertByTransaction(db, id)
          : (await db.query('INSERT INTO writes VALUES (?)', [id])).servedBy;
        acknowledged.push({ id, node, atMs: performance.now() });
      } catch (error) {
        errors.add(error instanceof Error && 'code' in error ? String(error.code) : String(error));
      }
    }
  };
  const writers = [writer(false), writer(false), writer(true), writer(true)];
  const stop = async () => {
    running = false;
    await Promise.all(writers);
  };
  return { acknowledged, errors, stop, [Symbol.asyncDispose]: stop };
}

async function insertByTransaction(db: DatabaseManager, id: number): Promise<string> {
  return await db.transaction(async (transaction) => {
    await transaction.execute('INSERT INTO writes VALUES (?)', [id]);
    return transaction.node;
  });
}

test('writes go on within five seconds of a promotion, and none that was acknowledged is lost', async () => {
  const events: DatabaseEvent[] = [];
  await using db = open({ onEvent: (event) => events.push(event) });
  await using load = writeUntilStopped(db, 100_000);
  await eventually(() => load.acknowledged.length > 50, WITHIN);
  using lateness = new Lateness();
  await stack.promote('replica-1');
  const promotedMs = performance.now();
  await eventually(() => load.acknowledged.some(({ node }) => node === 'replica-1'), WITHIN);
  const before = load.acknowledged.length;
  await eventually(() => load.acknowledged.length > before + 50, WITHIN);
  await load.stop();
  const first = load.acknowledged.find(({ node }) => node === 'replica-1');
  expect((first?.atMs ?? Infinity) - promotedMs).toBeLessThan(4_500 + lateness.slackMs);
  const nodes = load.acknowledged.map(({ node }) => node);
  expect(nodes.slice(nodes.indexOf('replica-1') + 8)).not.toContain('primary');
  for (const code of load.errors) expect(['DB_OUTCOME_UNKNOWN', 'DB_COMMIT_UNKNOWN']).toContain(code);
  const rows = await at<{ id: string }>('replica-1', 'SELECT id FROM writes WHERE id >= 100000');
  const kept = new Set(rows.map(({ id }) => Number(id)));
  expect(load.acknowledged.filter(({ id }) => !kept.has(id))).toEqual([]);
  expect(events).toContainEqual({ type: 'primary-changed', from: 'primary', to: 'replica-1', timeline: 2 });
  expect(await db.replicationStatus()).toMatchObject({ primary: 'replica-1', timeline: 2 });
});

test('of two nodes that claim to be primary the newer timeline is used and the other gets no more writes', async () => {
  await using db = open({});
  await eventually(async () => (await db.query('INSERT INTO writes VALUES (200000)')).servedBy === 'replica-1', WITHIN);
  await using load = writeUntilStopped(db, 300_000);
  await eventually(() => load.acknowledged.length > 20, WITHIN);
  await at('replica-2', 'SELECT pg_promote(true, 20)');
  await eventually(() => load.acknowledged.some(({ node }) => node === 'replica-2'), WITHIN);
  expect(stateOf(db, 'replica-1')).toMatchObject({ state: 'quarantined', reason: 'older timeline' });
  // What was sent to it before may still be at work there, but for the looks at it.
  const atWork = `SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
    AND query NOT LIKE '%pg_control_system%'`;
  await eventually(async () => (await at('replica-1', atWork)).length === 0, WITHIN);
  const count = 'SELECT count(*)::int AS count FROM writes';
  const atOld = await at('replica-1', count);
  const before = load.acknowledged.length;
  await eventually(() => load.acknowledged.length > before + 50, WITHIN);
  await load.stop();
  expect(await at('replica-1', count)).toEqual(atOld);
  const nodes = load.acknowledged.slice(before).map(({ node }) => node);
  expect(new Set(nodes)).toEqual(new Set(['replica-2']));
  expect((await db.query(WHO, [], { readPreference: 'primary' })).rows).toEqual([{ node: 'replica-2' }]);
});

test('a manager that starts later chooses as those that saw it happen', async () => {
  await using db = open({});
  expect((await db.query('INSERT INTO writes VALUES (900000)')).servedBy).toBe('replica-2');
  expect(stateOf(db, 'replica-1')?.state).toBe('quarantined');
  expect(stateOf(db, 'primary')?.state).toBe('down');
});
