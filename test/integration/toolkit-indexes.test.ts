import {
  DatabaseManager,
  type IndexAnalysis,
  IndexManager,
  type IndexProgress,
  QueryOptimizer,
} from '@tradestream/database';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { AT_PRIMARY, AT_REPLICA, fillTraps, TRAP_ADVICE, TRAP_VERDICTS } from '../support/index-traps.ts';
import { createDatabase, type ScratchDatabase } from '../support/scratch.ts';

const WITHIN = { withinMs: 40_000, everyMs: 300 } as const;

let database: ScratchDatabase;
let db: DatabaseManager;
/** Looks at the primary, where nothing is late. */
let primary: DatabaseManager;
let indexes: IndexManager;

beforeAll(async () => {
  database = await createDatabase(inject('endpoints'), 'toolkit-indexes');
  db = new DatabaseManager({ replication: replicated() });
  primary = new DatabaseManager({ database: database.url });
  indexes = new IndexManager({ database: db, unusedAfter: 0, bloatBytesMin: 100_000, lockTimeout: 300, attempts: 2 });
});
afterAll(async () => {
  await db.close();
  await primary.close();
  await database.close();
});

function replicated() {
  return {
    master: { url: database.url, name: 'primary' },
    replicas: Object.entries(database.replicaUrls).map(([name, url]) => ({ url, name })),
  };
}

/** Runs it there with whatever index fits. */
async function runAt(node: string, statements: readonly string[]): Promise<void> {
  await using connection = await db.getConnection({ node });
  await connection.execute('SET enable_seqscan = off');
  for (const statement of statements) await connection.execute(statement);
  await connection.execute('RESET enable_seqscan');
}

const verdicts = (analysis: IndexAnalysis) =>
  Object.fromEntries(analysis.indexes.map(({ name, verdict }) => [name, verdict]));
const namesOf = async () =>
  (
    await primary.query<{ name: string }>(
      `SELECT indexname AS name FROM pg_indexes WHERE tablename = 'built' ORDER BY 1`,
    )
  ).rows.map(({ name }) => name);

describe('a schema full of traps', () => {
  beforeAll(async () => {
    await db.query('CREATE SCHEMA IF NOT EXISTS public');
    await fillTraps(db);
    await runAt('primary', AT_PRIMARY);
    await eventually(async () => {
      await runAt('replica-2', [AT_REPLICA]);
    }, WITHIN);
  });

  test('each index is judged rightly, and nothing else is advised', async () => {
    const analysis = await eventually(async () => {
      const seen = await indexes.analyzeIndexUsage();
      expect(verdicts(seen)).toEqual(TRAP_VERDICTS);
      return seen;
    }, WITHIN);
    expect(analysis.advice.map(({ action, index, reason }) => [action, index, reason])).toEqual(
      TRAP_ADVICE.map(([action, index, reason]) => [action, index, expect.stringContaining(reason)]),
    );
    expect(analysis.nodes.map(({ node }) => node)).toEqual(['primary', 'replica-1', 'replica-2', 'replica-3']);
    const email = analysis.indexes.find(({ name }) => name === 'orders_email');
    expect(email?.scans).toMatchObject({ primary: 0, 'replica-2': expect.any(Number) });
    expect(email?.scans['replica-2']).toBeGreaterThan(0);
  });

  test('as long as a node has not been seen for long enough, or at all, nothing is called unused', async () => {
    const cautious = new IndexManager({ database: db, unusedAfter: 2_000_000_000 });
    expect(verdicts(await cautious.analyzeIndexUsage())).toEqual({ ...TRAP_VERDICTS, orders_note: 'unknown' });
    const { master, replicas } = replicated();
    await using half = new DatabaseManager({
      pool: { acquireTimeout: 1_000 },
      replication: { master, replicas: [...replicas, { url: 'postgres://nobody@127.0.0.1:9/none', name: 'gone' }] },
    });
    const analysis = await new IndexManager({ database: half, unusedAfter: 0 }).analyzeIndexUsage();
    expect(verdicts(analysis)['orders_note']).toBe('unknown');
    expect(analysis.nodes.at(-1)).toEqual({ node: 'gone', since: null });
    expect(analysis.observedMs).toBe(0);
  });

  test('of two analyses the later one counts what was used in between', async () => {
    const earlier = await indexes.analyzeIndexUsage();
    await db.query('CREATE INDEX fresh ON orders (kept)');
    expect(verdicts(await indexes.analyzeIndexUsage())).toMatchObject({ fresh: 'unused', orders_status: 'used' });
    const since = verdicts(await indexes.analyzeIndexUsage({ since: earlier }));
    expect(since).toMatchObject({
      fresh: 'unknown',
      orders_status: 'unused',
      orders_note: 'unused',
      orders_pkey: 'enforces',
    });
    await db.query('DROP INDEX fresh');
  });

  test('following the advice makes the plans cheaper and leaves none', async () => {
    const optimizer = new QueryOptimizer({ database: db, enableCache: false });
    const cost = async (text: string) => (await optimizer.explain(text)).plan?.totalCost ?? 0;
    const lookups = ['SELECT id FROM orders WHERE user_code = $1', 'SELECT id FROM fills WHERE order_id = $1'];
    const before = await Promise.all(lookups.map(cost));
    const { advice } = await indexes.analyzeIndexUsage();
    // Some rows of the broken one are the same: it can only go.
    await db.query('DROP INDEX orders_broken');
    for (const { sql, index } of advice) if (index !== 'orders_broken') await db.query(sql);
    const after = await Promise.all(lookups.map(cost));
    expect(after[0]).toBeLessThan((before[0] ?? 0) * 0.5);
    expect(after[1]).toBeLessThanOrEqual(before[1] ?? 0);
    // The application goes on, with what has stayed.
    await runAt('primary', AT_PRIMARY);
    const again = await eventually(async () => {
      const seen = await indexes.analyzeIndexUsage();
      expect(seen.advice).toEqual([]);
      return seen;
    }, WITHIN);
    expect(again.missing).toEqual([]);
    expect(verdicts(again)).toMatchObject({ orders_symbol_idx: 'supports', orders_user_code_idx: 'supports' });
  });
});

describe('what is built and dropped', () => {
  beforeAll(async () => {
    await db.query(
      'CREATE TABLE built (id int PRIMARY KEY, symbol text, "Odd ""name" int, price numeric, at timestamp)',
    );
    await db.query(`INSERT INTO built SELECT i, 'S' || i % 9, i, i, now() FROM generate_series(1, 3000) AS i`);
  });

  test('an index is built once, named by its columns, in the order wanted', async () => {
    const seen: IndexProgress[] = [];
    const watched = new IndexManager({ database: db, onProgress: (progress) => seen.push(progress) });
    await watched.createIndex('built', ['symbol', 'at']);
    await watched.createIndex('public.built', ['SYMBOL', 'AT']);
    await watched.createIndex('built', ['price DESC NULLS LAST', '"Odd ""name"'], { unique: true, name: 'by_price' });
    expect(await namesOf()).toEqual(['built_pkey', 'built_symbol_at_idx', 'by_price']);
    const { rows } = await primary.query(`SELECT pg_get_indexdef('by_price'::regclass) AS text`);
    expect(rows).toEqual([
      { text: 'CREATE UNIQUE INDEX by_price ON public.built USING btree (price DESC NULLS LAST, "Odd ""name")' },
    ]);
    for (const progress of seen) expect(progress).toMatchObject({ table: 'built', phase: expect.any(String) });
  });

  test.each([
    ['built', ['id; DROP TABLE built']],
    ['built', ['lower(symbol)']],
    ['built; DROP TABLE built', ['id']],
    ['built', ['id) WHERE (true']],
    ['built', []],
  ])('%s %s is refused before the server sees it', async (table, columns) => {
    await expect(indexes.createIndex(table, columns)).rejects.toMatchObject({ code: 'DB_QUERY_INVALID' });
  });

  test('what cannot be found, is taken, or is there already under another name is refused', async () => {
    await expect(indexes.createIndex('nowhere', ['id'])).rejects.toMatchObject({ code: '42P01' });
    await expect(indexes.createIndex('built', ['nothing'])).rejects.toMatchObject({ code: '42703' });
    await expect(indexes.createIndex('built', ['at'], { name: 'by_price' })).rejects.toMatchObject({
      code: 'DB_INDEX_REFUSED',
    });
    await expect(indexes.createIndex('built', ['symbol', 'at'], { name: 'twice' })).rejects.toMatchObject({
      code: 'DB_INDEX_REFUSED',
      message: expect.stringContaining('built_symbol_at_idx'),
    });
    await expect(indexes.dropIndex('built', 'orders_email')).rejects.toMatchObject({ code: '42704' });
    expect(() => new IndexManager({ database: db, attempts: 0 })).toThrow(
      expect.objectContaining({ code: 'DB_CONFIG_INVALID' }),
    );
  });

  test('rows that are not unique fail the build, and nothing is left of it', async () => {
    await expect(indexes.createIndex('built', ['symbol'], { unique: true })).rejects.toMatchObject({ code: '23505' });
    expect(await namesOf()).not.toContain('built_symbol_key');
  });

  test('what an earlier build has left is removed and built anew', async () => {
    await db.query('CREATE UNIQUE INDEX CONCURRENTLY built_symbol_idx ON built (symbol)').catch(() => undefined);
    expect(await namesOf()).toContain('built_symbol_idx');
    await indexes.createIndex('built', ['symbol']);
    const { rows } = await primary.query(
      `SELECT indisvalid, indisunique FROM pg_index WHERE indexrelid = 'built_symbol_idx'::regclass`,
    );
    expect(rows).toEqual([{ indisvalid: true, indisunique: false }]);
  });

  test('a lock that is not free in time ends the call; once it is free the next one is built, without leftovers', async () => {
    const writer = await db.beginTransaction({ timeout: 60_000 });
    await writer.execute('UPDATE built SET price = price WHERE id = 1');
    await expect(indexes.createIndex('built', ['price'])).rejects.toMatchObject({ code: '55P03' });
    await writer.rollback();
    await indexes.createIndex('built', ['price']);
    const { rows } = await primary.query(
      `SELECT count(*)::int AS n FROM pg_index WHERE indrelid = 'built'::regclass AND NOT indisvalid`,
    );
    expect(rows).toEqual([{ n: 0 }]);
    expect(await namesOf()).toContain('built_price_idx');
    const timeouts = await primary.query(`SELECT current_setting('lock_timeout') AS lock`);
    expect(timeouts.rows).toEqual([{ lock: '0' }]);
  });

  test('of two who build the same index one does, and the other is refused or finds it done', async () => {
    const answers = await Promise.allSettled([
      indexes.createIndex('built', ['at DESC']),
      indexes.createIndex('built', ['at DESC']),
    ]);
    expect(answers.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0);
    for (const answer of answers) {
      if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ code: 'DB_INDEX_REFUSED' });
    }
    const { rows } = await primary.query(
      `SELECT indisvalid FROM pg_index WHERE indexrelid = 'built_at_desc_idx'::regclass`,
    );
    expect(rows).toEqual([{ indisvalid: true }]);
  });

  test('what enforces something stays, unless by force', async () => {
    for (const name of ['built_pkey', 'by_price']) {
      await expect(indexes.dropIndex('built', name)).rejects.toMatchObject({ code: 'DB_INDEX_REFUSED' });
    }
    await indexes.dropIndex('built', 'built_symbol_idx');
    await indexes.dropIndex('built', 'by_price', { force: true });
    await indexes.dropIndex('built', 'built_pkey', { force: true });
    const left = await namesOf();
    for (const name of ['built_symbol_idx', 'by_price', 'built_pkey']) expect(left).not.toContain(name);
  });
});

test('the index strategy of the guide is told as a difference, applied, and then is none', async () => {
  await db.query(
    'CREATE TABLE trades (id int PRIMARY KEY, symbol text, order_id int, user_id int, "timestamp" timestamptz)',
  );
  await db.query('CREATE INDEX stray ON trades (user_id, symbol)');
  await db.query('ALTER TABLE trades ADD CONSTRAINT one_order UNIQUE (order_id)');
  const indexStrategy = {
    trades: [
      { columns: ['symbol', 'timestamp'], unique: false },
      { columns: ['order_id'], unique: true },
      { columns: ['user_id', 'timestamp'], unique: false },
    ],
  };
  const told = await indexes.applyStrategy(indexStrategy, { dryRun: true });
  expect(told.map(({ action, index }) => [action, index])).toEqual([
    ['create', 'trades_symbol_timestamp_idx'],
    ['keep', 'one_order'],
    ['create', 'trades_user_id_timestamp_idx'],
    ['extra', 'stray'],
  ]);
  expect(told[0]?.sql).toBe(
    'CREATE INDEX CONCURRENTLY "trades_symbol_timestamp_idx" ON "trades" ("symbol", "timestamp")',
  );
  const present = async () =>
    (
      await primary.query<{ name: string }>(
        `SELECT indexname AS name FROM pg_indexes WHERE tablename = 'trades' ORDER BY 1`,
      )
    ).rows.map(({ name }) => name);
  expect(await present()).toEqual(['one_order', 'stray', 'trades_pkey']);
  await indexes.applyStrategy(indexStrategy);
  const all = ['one_order', 'stray', 'trades_pkey', 'trades_symbol_timestamp_idx', 'trades_user_id_timestamp_idx'];
  expect(await present()).toEqual(all);
  await indexes.applyStrategy(indexStrategy, { drop: true });
  expect(await present()).toEqual(all.filter((name) => name !== 'stray'));
  expect((await indexes.planStrategy(indexStrategy)).map(({ action }) => action)).toEqual(['keep', 'keep', 'keep']);
});
