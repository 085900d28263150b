import { DatabaseError, openSession, QueryBuilder, type Session, sql } from '@tradestream/database';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { createDatabase, type ScratchDatabase } from '../support/scratch.ts';

/** Text that was made to break out of wherever it is put. */
const hostileText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    `'; DROP TABLE kept; --`,
    `" OR 1=1 --`,
    `$1`,
    `?`,
    `??`,
    `\\'`,
    `E'\\''`,
    `/*`,
    `{}`,
    `{"a",NULL}`,
    `(,)`,
    ``,
    `NULL`,
  ),
);
const hostileName = fc.oneof(
  hostileText,
  hostileText.map((text) => `"${text.replaceAll('"', '""')}"`),
  fc.constantFrom(
    'a',
    'A',
    'select',
    '"select"',
    't.a',
    't."a"',
    'a AS b',
    'a b',
    'a, b',
    'a)',
    '*',
    't.*',
    'count(*)',
    'sum(a)',
    'a DESC',
  ),
);

let database: ScratchDatabase;
let session: Session;
beforeAll(async () => {
  database = await createDatabase(inject('endpoints'), 'builder');
  session = await openSession({ url: database.url, applicationName: 'builder', connectTimeoutMs: 10_000 });
  await session.query({ text: 'CREATE TABLE kept (id int PRIMARY KEY, a text, tags text[])' });
  await session.query({ text: `INSERT INTO kept SELECT n, 'a' || n, ARRAY['t' || n] FROM generate_series(1, 20) n` });
});
afterAll(async () => {
  await session.close();
  await database.close();
});

test('a hostile value comes back as it went in and finds only itself', async () => {
  await fc.assert(
    fc.asyncProperty(hostileText, async (text) => {
      fc.pre(!text.includes('\0') && text.isWellFormed()); // PostgreSQL has no text of this kind
      const echoed = await run<{ echo: string }>(new QueryBuilder().select(sql`${text}::text AS echo`).build());
      expect(echoed).toEqual([{ echo: text }]);
      const found = await run<{ a: string }>(
        new QueryBuilder()
          .select('a')
          .from('kept')
          .where('a = ?', text)
          .orWhere({ a: [text] })
          .build(),
      );
      expect(found.every(({ a }) => a === text)).toBe(true);
      const tagged = await run<{ tags: string[] }>(
        new QueryBuilder()
          .insertInto('kept')
          .values({ id: 1_000, a: text, tags: [text, 'x'] })
          .returning('tags')
          .build(),
      );
      expect(tagged).toEqual([{ tags: [text, 'x'] }]);
      await run(new QueryBuilder().deleteFrom('kept').where({ id: 1_000 }).build());
    }),
    { numRuns: 300 },
  );
  expect(await count()).toBe(20);
});

test('a hostile name is refused, or names a column or table and nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(hostileName, hostileName, hostileName, async (column, table, order) => {
      const query = built(() => new QueryBuilder().select(column).from(table).orderBy(order).limit(1).build());
      if (query === null) return;
      const failure = await session.query(query).then(
        () => null,
        (error: unknown) => error,
      );
      // Undefined table, column, schema, ambiguity, aggregates beside columns: the statement was understood.
      if (failure !== null) expect(UNDERSTOOD).toContain((failure as DatabaseError).code);
    }),
    { numRuns: 600 },
  );
  expect(await count()).toBe(20);
});

test('a hostile condition is refused, or compares and nothing else', async () => {
  const piece = fc.oneof(
    hostileText,
    fc.constantFrom('a', '=', '?', '(', ')', 'OR', 'AND', 'id', '<', 'IS NULL', 'NOT', ';', '--', '1'),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 6 }), async (pieces) => {
      const text = pieces.join(' ');
      const values = Array.from({ length: text.split('?').length - 1 }, () => 'x');
      const query = built(() =>
        new QueryBuilder()
          .deleteFrom('kept')
          .where('id > ?', 10_000)
          .where(text, ...values)
          .build(),
      );
      if (query !== null) await session.query(query).catch(() => undefined); // whether it is understood is the text's affair
    }),
    { numRuns: 600 },
  );
  expect(await count()).toBe(20);
});

test('every kind of statement runs on the server', async () => {
  const base = new QueryBuilder();
  const ids = async (query: { build(): { text: string; values: readonly unknown[] } }) =>
    (await run<{ id: number }>(query.build())).map(({ id }) => id);
  const kept = base.select('k.id').from('kept k').orderBy('k.id');
  expect(await ids(kept.where({ 'k.id': [1, 2, null] }))).toEqual([1, 2]);
  expect(await ids(kept.whereNotIn('k.id', [3]).whereBetween('k.id', 2, 4))).toEqual([2, 4]);
  expect(await ids(kept.where('k.tags && ?', ['t5', 't6']))).toEqual([5, 6]);
  expect(await ids(kept.whereExists(base.select('j.id').from('kept j').where('j.id = k.id AND j.id > ?', 19)))).toEqual(
    [20],
  );
  expect(await ids(base.select('k.id').from('kept k').pageBy(['k.id DESC'], [3]))).toEqual([2, 1]);
  expect(await ids(base.select('k.id').from('kept k').pageBy(['k.a DESC', 'k.id'], ['a9', 9]).limit(2))).toEqual([
    8, 7,
  ]);
  expect(await ids(base.with('few', kept.limit(2)).select('id').from('few').orderBy('id DESC'))).toEqual([2, 1]);
  const steps = base
    .select('id')
    .from('kept')
    .where({ id: 1 })
    .unionAll(base.select(sql`id + 1`).from('steps').where('id < ?', 3));
  expect(await ids(base.withRecursive('steps', steps).select('id').from('steps'))).toEqual([1, 2, 3]);
  expect(await ids(base.select('id').from('kept').except(base.select('id').from('kept').where('id > ?', 1)))).toEqual([
    1,
  ]);
  expect(
    await ids(
      base
        .select('j.id')
        .from('kept k')
        .where({ 'k.id': 4 })
        .lateralJoin(base.select('id').from('kept').where('id = k.id'), 'j'),
    ),
  ).toEqual([4]);
  const upsert = base
    .insertInto('kept')
    .values({ id: 1, a: 'new' })
    .onConflictDoUpdate(['id'], ['a'])
    .returning('id', 'a');
  expect(await run(upsert.build())).toEqual([{ id: 1, a: 'new' }]);
  expect(
    await run(
      base
        .update('kept')
        .set({ a: sql`a || ${'!'}` })
        .where({ id: 1 })
        .returning('a')
        .build(),
    ),
  ).toEqual([{ a: 'new!' }]);
  expect(await run(base.deleteFrom('kept').where({ id: 2 }).returning('id').build())).toEqual([{ id: 2 }]);
});

/** Understood by the parser, and then refused for what the names mean. */
const UNDERSTOOD = ['42P01', '42703', '3F000', '42702', '42803', '0A000', '42883', '42809', '42P10', '42846', '42804'];

async function run<Row extends object>(query: { text: string; values: readonly unknown[] }): Promise<readonly Row[]> {
  return (await session.query<Row>(query)).rows;
}

async function count(): Promise<number> {
  const [row] = await run<{ n: number }>({ text: 'SELECT count(*)::int AS n FROM kept', values: [] });
  return row?.n ?? 0;
}

/** Null for what the builder refuses, in the one way it may. */
function built<T>(build: () => T): T | null {
  try {
    return build();
  } catch (error) {
    if (error instanceof DatabaseError && error.code === 'DB_QUERY_INVALID') return null;
    throw error;
  }
}
