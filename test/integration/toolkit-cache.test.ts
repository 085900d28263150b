import { type CacheStore, DatabaseManager, MemoryCacheStore, QueryCache, RedisCacheStore } from '@tradestream/database';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createDatabase, type ScratchDatabase, uniquePrefix } from '../support/scratch.ts';

const WITHIN = { withinMs: 60_000 } as const;
const CACHED = { cache: true } as const;
const COUNT = 'SELECT n FROM counters WHERE id = $1';

let database: ScratchDatabase;
let db: DatabaseManager;
const redis = new Redis(inject('endpoints').redisUrl, { lazyConnect: true });
const send = (command: string, ...args: string[]) => redis.call(command, ...args);

beforeAll(async () => {
  database = await createDatabase(inject('endpoints'), 'toolkit-cache');
  db = new DatabaseManager({
    replication: {
      master: { url: database.url, name: 'primary' },
      replicas: Object.entries(database.replicaUrls).map(([name, url]) => ({ url, name })),
      readPreference: 'secondary',
      readYourWrites: false,
    },
  });
  for (const statement of [
    'CREATE TABLE counters (id int PRIMARY KEY, n int NOT NULL)',
    'INSERT INTO counters SELECT i, 0 FROM generate_series(1, 50) AS i',
    'CREATE TABLE parents (id int PRIMARY KEY, name text)',
    'CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents ON DELETE CASCADE)',
    'CREATE VIEW named AS SELECT name FROM parents',
    'CREATE TABLE parts (id int) PARTITION BY RANGE (id)',
    'CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (100)',
    'CREATE TABLE watched (id int)',
    'CREATE TABLE log (id int)',
    'CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO log VALUES (1); RETURN NULL; END$$',
    'CREATE TRIGGER note AFTER INSERT ON watched FOR EACH ROW EXECUTE FUNCTION note()',
    'CREATE FUNCTION add_log() RETURNS void LANGUAGE sql AS $$INSERT INTO log VALUES (2)$$',
    'CREATE FUNCTION logged() RETURNS bigint LANGUAGE sql STABLE AS $$SELECT count(*) FROM log$$',
    'CREATE TABLE hidden (id int)',
    'ALTER TABLE hidden ENABLE ROW LEVEL SECURITY',
    'CREATE TABLE kinds (at timestamptz, bytes bytea, price numeric, data jsonb, list int[], wait interval)',
    `INSERT INTO kinds VALUES ('2021-01-01 00:00Z', '\\x00ff', 0.1, '{"a": [1, null]}', '{1,2}', '1 day')`,
  ]) {
    await db.query(statement);
  }
});
afterAll(async () => {
  redis.disconnect();
  await db.close();
  await database.close();
});

const ADAPTERS: readonly (readonly [string, () => CacheStore])[] = [
  ['memory', () => new MemoryCacheStore()],
  ['Redis', () => new RedisCacheStore({ send, prefix: uniquePrefix('cache'), timeoutMs: 20_000 })],
];

describe.each(ADAPTERS)('a cache in %s', (_name, open) => {
  test('an answer is kept only for those who ask for it, by statement and values', async () => {
    const cache = new QueryCache({ database: db, store: open() });
    const ask = async (id: number, cached = true) => (await cache.query(COUNT, [id], cached ? CACHED : {})).cached;
    expect([await ask(1, false), await ask(1), await ask(1), await ask(2), await ask(1, false)]).toEqual([
      false,
      false,
      true,
      false,
      false,
    ]);
    expect(await cache.query(COUNT, [1], CACHED)).toMatchObject({ rows: [{ n: 0 }], rowCount: 1, command: 'SELECT' });
    expect(cache.figures()).toMatchObject({ hits: 2, misses: 2, storeFailures: 0 });
  });

  test('an answer has its time', async () => {
    const cache = new QueryCache({ database: db, store: open() });
    const brief = { cache: { ttlMs: 60 } } as const;
    await cache.query(COUNT, [3], brief);
    await db.query('UPDATE counters SET n = n + 1 WHERE id = 3');
    await eventually(async () => (await cache.query<{ n: number }>(COUNT, [3], CACHED)).rows[0]?.n !== 0, WITHIN);
  });

  test.each([
    ['the table', 'SELECT count(*) FROM parents', `INSERT INTO parents VALUES (3, 'a')`, true],
    ['another table', 'SELECT count(*) FROM children', 'UPDATE counters SET n = 0 WHERE id = 9', false],
    ['a table under a view', 'SELECT count(*) FROM named', `INSERT INTO parents VALUES (2, 'b')`, true],
    ['a part of the table', 'SELECT count(*) FROM parts', 'INSERT INTO parts_low VALUES (5)', true],
    ['the whole of a part', 'SELECT count(*) FROM parts_low', 'INSERT INTO parts VALUES (6)', true],
    ['a table whose key cascades', 'SELECT count(*) FROM children', 'DELETE FROM parents WHERE id = 1', true],
    ['a table with a trigger', 'SELECT count(*) FROM log', 'INSERT INTO watched VALUES (1)', true],
    ['what a function writes', 'SELECT count(*) FROM log', 'SELECT add_log()', true],
    [
      'a write in a CTE',
      'SELECT count(*) FROM parents',
      'WITH x AS (DELETE FROM parents RETURNING *) SELECT * FROM x',
      true,
    ],
    ['TRUNCATE', 'SELECT count(*) FROM children', 'TRUNCATE children', true],
    ['a block', 'SELECT count(*) FROM parents', `DO $$BEGIN INSERT INTO parents VALUES (77, 'x'); END$$`, true],
  ])('a write to %s: %s', async (_title, read, write, ends) => {
    const store = open();
    const one = new QueryCache({ database: db, store });
    const other = new QueryCache({ database: db, store });
    await one.query(read, [], CACHED);
    expect((await other.query(read, [], CACHED)).cached).toBe(true);
    await one.query(write);
    const after = await other.query(read, [], CACHED);
    expect(after.cached).toBe(!ends);
    expect(after.rows).toEqual((await db.query(read, [], { readPreference: 'primary' })).rows);
    // What the tests after this one begin with.
    await db.query(`INSERT INTO parents VALUES (1, 'a') ON CONFLICT DO NOTHING`);
    await db.query('INSERT INTO children VALUES (1, 1) ON CONFLICT DO NOTHING');
    await db.query('DELETE FROM parents WHERE id <> 1');
  });

  test('a transaction ends what its statements touch, also those in savepoints, and nothing that it only read', async () => {
    const cache = new QueryCache({ database: db, store: open() });
    const cached = async (text: string) => (await cache.query(text, [], CACHED)).cached;
    const reads = ['SELECT count(*) FROM parts', 'SELECT sum(n) FROM counters', 'SELECT count(*) FROM children'];
    for (const read of reads) await cached(read);
    await cache.transaction(async (tx) => {
      await tx.execute('SELECT * FROM children');
      await tx.execute('UPDATE counters SET n = n WHERE id = 50');
      await tx.savepoint(async (inner) => void (await inner.execute('INSERT INTO parts VALUES (7)')));
    });
    expect([await cached(reads[0] ?? ''), await cached(reads[1] ?? ''), await cached(reads[2] ?? '')]).toEqual([
      false,
      false,
      true,
    ]);
  });

  test('many who ask at once cause one query, in one process and in two', async () => {
    await db.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
    const table = uniquePrefix('t').replaceAll('-', '_');
    await db.query(`CREATE TABLE ${table} AS SELECT 5 AS id, 1 AS n`);
    const text = `SELECT n FROM ${table} WHERE id = $1`;
    const store = open();
    const caches = [
      new QueryCache({ database: db, store, waitMs: 20_000 }),
      new QueryCache({ database: db, store, waitMs: 20_000 }),
    ];
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => caches.map((cache) => cache.query(text, [5], CACHED))).flat(),
    );
    expect(answers.filter((answer) => answer.cached === false).length).toBeLessThanOrEqual(2);
    const calls = await Promise.all(
      ['primary', ...Object.keys(database.replicaUrls)].map(async (node) => {
        await using connection = await db.getConnection({ node });
        const seen = `SELECT coalesce(sum(calls), 0)::int AS calls FROM pg_stat_statements WHERE query LIKE $1`;
        return (await connection.execute<{ calls: number }>(seen, [`SELECT n FROM ${table}%`])).rows[0]?.calls ?? 0;
      }),
    );
    // One query, which is asked again elsewhere where a replica has yet to replay the table.
    expect(Math.max(...calls)).toBe(1);
    const [first, second] = answers;
    expect(first?.rows).toEqual(second?.rows);
    expect(first?.rows).not.toBe(second?.rows);
  });

  test('with a token no answer is older than it, whoever wrote and however; without one some are', async () => {
    const cache = new QueryCache({ database: db, store: open() });
    let stale = 0;
    for (let round = 1; round <= 40; round += 1) {
      await cache.query(COUNT, [20], CACHED);
      const { token } = await db.query('UPDATE counters SET n = $1 WHERE id = 20', [round]);
      const blind = await cache.query<{ n: number }>(COUNT, [20], CACHED);
      if (blind.rows[0]?.n !== round) stale += 1;
      if (token === null) throw new Error('a write gives a token');
      const seeing = await cache.query<{ n: number }>(COUNT, [20], { ...CACHED, token });
      expect(seeing.rows[0]?.n).toBeGreaterThanOrEqual(round);
    }
    expect(stale).toBeGreaterThan(0);
  });

  test('whoever knows of a write through the cache reads it, under load, over two caches', async () => {
    const store = open();
    const caches = [new QueryCache({ database: db, store }), new QueryCache({ database: db, store })] as const;
    let acknowledged = 0;
    let reads = 0;
    let hits = 0;
    let isOver = false;
    const writer = async () => {
      for (let n = 1; n <= 40; n += 1) {
        await caches[n % 2 === 0 ? 0 : 1].query('UPDATE counters SET n = $1 WHERE id = 30', [n]);
        acknowledged = n;
        if (n % 4 === 0)
          for (let pause = 0; pause < 20; pause += 1) await new Promise((resolve) => setImmediate(resolve));
      }
      isOver = true;
    };
    const reader = async (at: 0 | 1) => {
      while (!isOver || reads < 100) {
        const known = acknowledged;
        const { rows, cached } = await caches[at].query<{ n: number }>(COUNT, [30], CACHED);
        expect(rows[0]?.n).toBeGreaterThanOrEqual(known);
        reads += 1;
        if (cached) hits += 1;
        // An answer from memory lets nothing else have its turn.
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await Promise.all([writer(), reader(0), reader(1), reader(0), reader(1)]);
    expect(hits).toBeGreaterThan(0);
  });

  test('values come back as they were, and a row that a caller changes is his own', async () => {
    const cache = new QueryCache({ database: db, store: open() });
    const text = 'SELECT at, bytes, price, data, list FROM kinds';
    const first = await cache.query<{ list: number[] }>(text, [], CACHED);
    const expected = (await db.query(text)).rows;
    first.rows[0]?.list.push(3);
    const second = await cache.query(text, [], CACHED);
    expect(second.cached).toBe(true);
    expect(second.rows).toEqual(expected);
  });
});

test.each([
  ['a function of the application', 'SELECT logged()'],
  ['row security', 'SELECT * FROM hidden'],
  ['a volatile function', 'SELECT random() FROM counters'],
  ['the catalog', 'SELECT count(*) FROM pg_class'],
  ['a lock', 'SELECT * FROM counters FOR SHARE'],
  ['objects of a class', 'SELECT wait FROM kinds'],
])('what depends on %s is not kept', async (_title, text) => {
  const cache = new QueryCache({ database: db });
  await cache.query(text, [], CACHED);
  expect((await cache.query(text, [], CACHED)).cached).toBe(false);
  expect(cache.figures().hits).toBe(0);
});

test('a store that fails is as if there were none, and nothing old is served when it is back', async () => {
  const inner = new MemoryCacheStore();
  let isAway = false;
  const through = <T>(work: () => Promise<T>) => (isAway ? Promise.reject(new Error('away')) : work());
  const store: CacheStore = {
    read: (key, tables) => through(() => inner.read(key, tables)),
    write: (key, entry, ttlMs) => through(() => inner.write(key, entry, ttlMs)),
    invalidate: (tables) => through(() => inner.invalidate(tables)),
    claim: (key, owner, ttlMs) => through(() => inner.claim(key, owner, ttlMs)),
    release: (key, owner) => through(() => inner.release(key, owner)),
  };
  const cache = new QueryCache({ database: db, store });
  const ask = async () =>
    (await cache.query<{ n: number }>(COUNT, [40], { ...CACHED, readPreference: 'primary' })).rows[0]?.n;
  expect(await ask()).toBe(0);
  isAway = true;
  await cache.query('UPDATE counters SET n = 1 WHERE id = 40');
  expect(await ask()).toBe(1);
  expect(cache.figures().storeFailures).toBeGreaterThan(0);
  isAway = false;
  expect(await ask()).toBe(1);
});

test('settings that cannot be are refused', () => {
  expect(() => new QueryCache({ database: db, ttlMs: 0 })).toThrow(
    expect.objectContaining({ code: 'DB_CONFIG_INVALID' }),
  );
});
