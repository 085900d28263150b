import { type DatabaseEvent, DatabaseManager, type ReplicationConfig } from '@tradestream/database';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { Lateness } from '../support/lateness.ts';
import { createDatabase, type ScratchDatabase } from '../support/scratch.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const WITHIN = { withinMs: 60_000 } as const;
const WHO = `SELECT current_setting('cluster_name') AS node`;

let database: ScratchDatabase;

beforeAll(async () => {
  database = await createDatabase(inject('endpoints'), 'toolkit-manager');
  await using db = new DatabaseManager({ database: database.url });
  await db.query('CREATE SCHEMA scratch');
  await db.query('CREATE TABLE scratch.trades (symbol text, price numeric)');
  await db.query('CREATE TABLE scratch.balances (amount numeric)');
  await db.query('INSERT INTO scratch.balances VALUES (?)', [100_000]);
  await db.query('CREATE TABLE notes (id int PRIMARY KEY)');
  await db.query('CREATE SEQUENCE ids');
  await db.query('CREATE FUNCTION sneaky() RETURNS bigint LANGUAGE sql AS $$SELECT 1::bigint$$');
  await db.query('CREATE FUNCTION plain() RETURNS bigint LANGUAGE sql STABLE AS $$SELECT 1::bigint$$');
  await db.query(`CREATE VIEW calm AS SELECT 1 AS one`);
  await db.query(`CREATE VIEW hidden AS SELECT sneaky() AS id`);
  await db.query(`CREATE VIEW hidden_deeper AS SELECT id FROM hidden`);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await database.close();
});

function replicated(given: Partial<ReplicationConfig> = {}): ReplicationConfig {
  return {
    master: { url: database.url, name: 'primary' },
    replicas: Object.entries(database.replicaUrls).map(([name, url]) => ({ url, name })),
    syncMode: 'sync',
    readPreference: 'secondary',
    checkInterval: 200,
    checkTimeout: 5_000,
    ...given,
  };
}

/** With the shared machine's pauses in mind. */
const PATIENT = { maxSize: 4, acquireTimeout: 20_000 } as const;

test('the basic example of the guide runs as it stands', async () => {
  vi.stubEnv('DATABASE_URL', database.url);
  vi.stubEnv('DATABASE_REPLICA_URLS', Object.values(database.replicaUrls).join(','));
  vi.stubEnv('PGOPTIONS', '-c search_path=scratch');

  const db = new DatabaseManager({
    pool: {
      maxSize: 20,
      minSize: 5,
      idleTimeout: 30000,
    },
    replication: {
      enabled: true,
      replicas: 2,
    },
  });

  // Query execution
  const result = await db.query('SELECT * FROM trades WHERE symbol = ?', ['BTC-USD']);

  // Transaction handling
  const txn = await db.beginTransaction();
  try {
    await txn.execute('INSERT INTO trades (symbol, price) VALUES (?, ?)', ['BTC-USD', 50000]);
    await txn.execute('UPDATE balances SET amount = amount - ?', [50000]);
    await txn.commit();
  } catch (error) {
    await txn.rollback();
    throw error;
  }

  expect(result).toMatchObject({
    rows: [],
    rowCount: 0,
    command: 'SELECT',
    servedBy: expect.stringMatching(/^(replica-[12]|primary)$/),
  });
  // The first look at a busy server may come too late for it.
  await eventually(async () => /^replica-[12]$/.test((await db.query(WHO)).servedBy), WITHIN);
  expect((await db.query('SELECT * FROM trades WHERE symbol = ?', ['BTC-USD'])).rows).toEqual([
    { symbol: 'BTC-USD', price: '50000' },
  ]);

  // As in the advanced example, with its text written out.
  const connection = await db.getConnection();
  try {
    const results = await connection.execute({
      text: 'SELECT amount FROM balances WHERE amount < $1',
      values: [60000],
    });
    expect(results.rows).toEqual([{ amount: '50000' }]);
  } finally {
    await connection.release();
  }
  await db.close();
  vi.unstubAllEnvs();
});

test('reads are shared among the replicas, writes and all that may write go to the primary', async () => {
  await using db = new DatabaseManager({ pool: PATIENT, replication: replicated() });
  const served = new Set<string>();
  await eventually(async () => {
    const { rows, servedBy } = await db.query<{ node: string }>(WHO);
    expect(rows).toEqual([{ node: servedBy }]);
    served.add(servedBy);
    return served.size === 3;
  }, WITHIN);
  expect([...served].toSorted()).toEqual(['replica-1', 'replica-2', 'replica-3']);
  for (const text of [
    'INSERT INTO notes VALUES (1) RETURNING id',
    'WITH gone AS (DELETE FROM notes RETURNING *) SELECT * FROM gone',
    'SELECT * FROM notes FOR UPDATE',
    `SELECT nextval('ids')`,
    'SELECT sneaky()',
    'SELECT * FROM hidden_deeper',
    'SELECT 1 WHERE 1 = 2; SELECT 1',
  ]) {
    expect([text, (await db.query(text)).servedBy]).toEqual([text, 'primary']);
  }
  for (const text of ['SELECT plain()', 'SELECT * FROM calm', 'SELECT count(*) FROM notes', 'TABLE notes']) {
    await expectAtReplica(db, text);
  }
  expect((await db.query(WHO, [], { readPreference: 'primary' })).servedBy).toBe('primary');
  expect((await db.query('SELECT pg_is_in_recovery() AS standby', [])).rows).toEqual([{ standby: true }]);
});

/** Served by a replica, once one has replayed what was written before; until then it is answered all the same. */
async function expectAtReplica(db: DatabaseManager, text: string): Promise<void> {
  const failures: unknown[] = [];
  await eventually(async () => {
    const answer = await db.query(text).catch((error: unknown) => void failures.push(error));
    return answer === undefined || answer.servedBy.startsWith('replica');
  }, WITHIN);
  expect([text, failures]).toEqual([text, []]);
}

test('a function made a moment ago is known', async () => {
  await using db = new DatabaseManager({ pool: PATIENT, replication: replicated() });
  await db.query(WHO);
  await db.query('CREATE FUNCTION just_made() RETURNS int LANGUAGE sql STABLE AS $$SELECT 1$$');
  await expectAtReplica(db, 'SELECT just_made()');
  await db.query('CREATE OR REPLACE FUNCTION just_made() RETURNS int LANGUAGE sql VOLATILE AS $$SELECT 1$$');
  expect((await db.query('SELECT just_made()')).servedBy).toBe('primary');
});

test('the nearest node may be the primary', async () => {
  await using db = new DatabaseManager({ pool: PATIENT, replication: replicated({ readPreference: 'nearest' }) });
  const nodes = new Set<string>();
  await eventually(async () => nodes.add((await db.query(WHO)).servedBy).size > 0 && nodes.size > 1, WITHIN);
});

test('a write is read by whoever wrote it, and by whoever has its token', async () => {
  await using writer = new DatabaseManager({ pool: PATIENT, replication: replicated() });
  await using reader = new DatabaseManager({ pool: PATIENT, replication: replicated({ readYourWrites: false }) });
  for (let id = 100; id < 150; id += 1) {
    const { token, servedBy } = await writer.query('INSERT INTO notes VALUES (?)', [id]);
    expect(servedBy).toBe('primary');
    expect((await writer.query('SELECT id FROM notes WHERE id = ?', [id])).rows).toEqual([{ id }]);
    const read = await reader.query('SELECT id FROM notes WHERE id = ?', [id], { token: token ?? 'none' });
    expect(read.rows).toEqual([{ id }]);
  }
  await writer.transaction((transaction) => transaction.execute('INSERT INTO notes VALUES (150)'));
  expect((await writer.query('SELECT id FROM notes WHERE id = 150')).rows).toEqual([{ id: 150 }]);
  const late = await writer.consistencyToken();
  expect(
    (await reader.query('SELECT count(*)::int AS count FROM notes WHERE id >= 100', [], { token: late })).rows,
  ).toEqual([{ count: 51 }]);
  await expect(reader.query('SELECT 1', [], { token: 'nonsense' })).rejects.toThrow(
    expect.objectContaining({ code: 'DB_CONFIG_INVALID' }),
  );
});

test('a snapshot is one moment of one node, and its reader says by the answer whether it is fresh', async () => {
  await using db = new DatabaseManager({ pool: PATIENT, replication: replicated() });
  await db.query('INSERT INTO notes VALUES (800)');
  const one = { text: 'SELECT count(*)::int AS count FROM notes WHERE id = $1', values: [800] };
  const who = { text: WHO };
  await eventually(async () => {
    const { results, servedBy } = await db.snapshot([one, who]);
    expect(results.map(({ rows }) => rows)).toEqual([[{ count: 1 }], [{ node: servedBy }]]);
    return servedBy.startsWith('replica');
  }, WITHIN);
  // Nobody but the primary is fresh enough: it is asked when the others had their time.
  const asked = new Set<string>();
  const isPrimary = (node: unknown) => JSON.stringify(node) === '[{"node":"primary"}]';
  const { servedBy } = await db.snapshot([who], {
    preferredMs: 50,
    isFresh: ([result]) => {
      asked.add(JSON.stringify(result?.rows));
      return isPrimary(result?.rows);
    },
  });
  expect([servedBy, asked.size]).toEqual(['primary', 4]);
  expect((await db.snapshot([who], { readPreference: 'primary' })).servedBy).toBe('primary');
  const stale = db.snapshot([who], { timeoutMs: 300, isFresh: () => false });
  await expect(stale).rejects.toMatchObject({ code: 'DB_NOT_FRESH', type: 'REPLICATION_ERROR', retryable: true });
  const writing = db.snapshot([{ text: 'DELETE FROM notes' }, who], { readPreference: 'primary' });
  await expect(writing).rejects.toMatchObject({ code: '25006' });
  await expect(db.snapshot([who, { text: 'SELECT 1 / 0' }, who])).rejects.toMatchObject({ code: '22012' });
  expect((await db.snapshot([one])).results[0]?.rows).toEqual([{ count: 1 }]);
  expect(db.figures()).toMatchObject({ active: 0, waiting: 0, dirtyReturns: 0 });
});

test('transactions and sessions are not steered by single queries', async () => {
  await using db = new DatabaseManager({ pool: PATIENT, database: database.url });
  for (const text of ['BEGIN', 'SELECT 1; COMMIT', 'SAVEPOINT a', 'SET search_path = a', 'LISTEN news']) {
    await expect(db.query(text)).rejects.toThrow(expect.objectContaining({ code: 'DB_TRANSACTION_CONTROL' }));
  }
});

test('the state of replication is told for each node', async () => {
  await using db = new DatabaseManager({ pool: PATIENT, replication: replicated() });
  const status = await db.replicationStatus();
  expect(status).toMatchObject({ healthy: true, primary: 'primary', timeline: 1, problems: [] });
  expect(status.systemIdentifier).toMatch(/^\d+$/);
  expect(status.nodes.map(({ name, role, syncState, state }) => ({ name, role, syncState, state }))).toEqual([
    { name: 'primary', role: 'primary', syncState: null, state: 'up' },
    { name: 'replica-1', role: 'replica', syncState: 'quorum', state: 'up' },
    { name: 'replica-2', role: 'replica', syncState: 'quorum', state: 'up' },
    { name: 'replica-3', role: 'replica', syncState: 'async', state: 'up' },
  ]);
  const health = await db.healthCheck();
  expect(health.map(({ node, healthy }) => ({ node, healthy }))).toEqual([
    { node: 'primary', healthy: true },
    { node: 'replica-1', healthy: true },
    { node: 'replica-2', healthy: true },
    { node: 'replica-3', healthy: true },
  ]);
});

test('a replica that goes away is left out, and let in again', async () => {
  const { proxy, url } = await TcpProxy.before(database.replicaUrls['replica-1'] ?? '');
  await using _proxy = proxy;
  const events: DatabaseEvent[] = [];
  await using db = new DatabaseManager({
    pool: PATIENT,
    replication: replicated({ replicas: [{ url, name: 'replica-1' }] }),
    onEvent: (event) => events.push(event),
  });
  expect((await db.query(WHO)).servedBy).toBe('replica-1');
  proxy.mode = 'refuse';
  proxy.resetAll();
  expect((await db.query(WHO)).servedBy).toBe('primary');
  await eventually(() => events.some((event) => event.type === 'node-changed' && event.node.state === 'down'), WITHIN);
  expect(await db.replicationStatus()).toMatchObject({
    healthy: false,
    problems: [expect.stringContaining('replica-1 is down')],
  });
  proxy.mode = 'pass';
  await eventually(async () => (await db.query(WHO)).servedBy === 'replica-1', WITHIN);
});

test('a write that was sent and not answered is unknown, and is not sent again', async () => {
  const { proxy, url } = await TcpProxy.before(database.url);
  await using _proxy = proxy;
  await using db = new DatabaseManager({ database: url, pool: PATIENT });
  await db.query('SELECT 1');
  proxy.rule = (bytes) => (bytes.includes('INSERT INTO notes') ? 'cut-after' : 'pass');
  await expect(db.query('INSERT INTO notes VALUES (?)', [500])).rejects.toThrow(
    expect.objectContaining({ code: 'DB_OUTCOME_UNKNOWN', retryable: false }),
  );
  proxy.rule = () => 'pass';
  await eventually(async () => (await db.query('SELECT 1 FROM notes WHERE id = 500')).rowCount === 1, WITHIN);
});

test('a read whose connection dies is done again', async () => {
  const { proxy, url } = await TcpProxy.before(database.url);
  await using _proxy = proxy;
  await using db = new DatabaseManager({ database: url, pool: PATIENT });
  let cut = 0;
  proxy.rule = (bytes) => {
    if (!bytes.includes('SELECT 42')) return 'pass';
    cut += 1;
    return cut === 1 ? 'cut-after' : 'pass';
  };
  expect((await db.query('SELECT 42 AS answer')).rows).toEqual([{ answer: 42 }]);
  expect(cut).toBe(2);
});

test('a server that cannot be reached is told as such, by the deadline', async () => {
  using lateness = new Lateness();
  await using db = new DatabaseManager({ database: 'postgres://me@127.0.0.1:1/none', pool: { acquireTimeout: 500 } });
  const startedMs = performance.now();
  await expect(db.query('SELECT 1')).rejects.toThrow(
    expect.objectContaining({ code: 'DB_CONNECTION_FAILED', type: 'CONNECTION_ERROR', retryable: true }),
  );
  expect(performance.now() - startedMs).toBeLessThan(1_500 + lateness.slackMs);
  const wrong = new URL(database.url);
  wrong.password = 'wrong';
  await using refused = new DatabaseManager({ database: wrong.href });
  await expect(refused.query('SELECT 1')).rejects.toThrow(expect.objectContaining({ code: '28P01', retryable: false }));
});

test('a query over a network that swallows packets returns by its deadline, and finds the way back', async () => {
  const { proxy, url } = await TcpProxy.before(database.url);
  await using _proxy = proxy;
  await using db = new DatabaseManager({ database: url, pool: { ...PATIENT, queryTimeout: 30_000 } });
  await db.query('SELECT 1');
  using lateness = new Lateness();
  proxy.mode = 'drop';
  const late = async (text: string) => {
    const startedMs = performance.now();
    const error = await db.query(text, [], { timeoutMs: 1_000 }).catch((thrown: unknown) => thrown);
    expect(performance.now() - startedMs).toBeLessThan(1_100 + lateness.slackMs);
    return error;
  };
  const errors = await Promise.all([
    late('SELECT 1'),
    late('INSERT INTO notes VALUES (700)'),
    ...[1, 2, 3, 4, 5].map(() => late('SELECT 2')),
  ]);
  for (const error of errors) {
    expect(error).toMatchObject({
      // PRIMARY_UNKNOWN: whoever has spent its time before it chose a node, when others had met errors there.
      code: expect.stringMatching(
        /^DB_(STATEMENT_TIMEOUT|OUTCOME_UNKNOWN|CONNECTION_FAILED|POOL_TIMEOUT|PRIMARY_UNKNOWN)$/,
      ),
    });
  }
  proxy.resetAll();
  proxy.mode = 'pass';
  await eventually(async () => (await db.query('SELECT 3 AS three')).rowCount === 1, WITHIN);
});

test('a closed manager does nothing', async () => {
  const db = new DatabaseManager({ database: database.url });
  await db.query('SELECT 1');
  await db.close();
  await db.close();
  await expect(db.query('SELECT 1')).rejects.toThrow(expect.objectContaining({ code: 'DB_POOL_CLOSED' }));
});
