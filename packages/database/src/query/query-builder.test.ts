import { describe, expect, expectTypeOf, test } from 'vitest';
import { DatabaseError } from '../errors.ts';
import { sql } from './fragment.ts';
import { QueryBuilder } from './query-builder.ts';

type Tables = {
  trades: { id: string; symbol: string; price: string; order_id: string; timestamp: Date };
  orders: { id: string; user_id: string; filled: string | null };
};

test('the query of the guide', () => {
  const query = new QueryBuilder()
    .select('t.id', 't.symbol', 't.price')
    .from('trades t')
    .join('orders o', 't.order_id = o.id')
    .where('t.symbol = ?', 'BTC-USD')
    .orderBy('t.timestamp DESC')
    .limit(10);
  expect(query.build()).toEqual({
    text: 'SELECT "t"."id", "t"."symbol", "t"."price" FROM "trades" AS "t" JOIN "orders" AS "o" ON t.order_id = o.id WHERE (t.symbol = $1) ORDER BY "t"."timestamp" DESC LIMIT $2',
    values: ['BTC-USD', 10],
  });
});

describe('what it builds', () => {
  const trades = new QueryBuilder().from('trades t');
  test.each([
    ['all columns', trades, 'SELECT * FROM "trades" AS "t"', []],
    [
      'names are folded as PostgreSQL does',
      new QueryBuilder().select('T.Id AS Key').from('App.Trades AS T'),
      'SELECT "t"."id" AS "key" FROM "app"."trades" AS "t"',
      [],
    ],
    [
      'quoted names are kept',
      new QueryBuilder().select('"Odd ""name"""').from('"My Table"'),
      'SELECT "Odd ""name""" FROM "My Table"',
      [],
    ],
    ['distinct', trades.select('t.symbol').distinct(), 'SELECT DISTINCT "t"."symbol" FROM "trades" AS "t"', []],
    ['distinct on', trades.distinct('t.symbol'), 'SELECT DISTINCT ON ("t"."symbol") * FROM "trades" AS "t"', []],
    [
      'aggregates',
      trades.select('t.symbol', 'count(*) AS n', 'sum(DISTINCT t.price)').groupBy('t.symbol').having('count(*) > ?', 3),
      'SELECT "t"."symbol", count(*) AS "n", sum(DISTINCT "t"."price") FROM "trades" AS "t" GROUP BY "t"."symbol" HAVING (count(*) > $1)',
      [3],
    ],
    [
      'each kind of join',
      trades.leftJoin('a', 'a.x = t.x').rightJoin('b', 'b.x = ?', 1).fullJoin('c', 'c.x = t.x').crossJoin('d'),
      'SELECT * FROM "trades" AS "t" LEFT JOIN "a" ON a.x = t.x RIGHT JOIN "b" ON b.x = $1 FULL JOIN "c" ON c.x = t.x CROSS JOIN "d"',
      [1],
    ],
    [
      'a lateral join',
      trades.lateralJoin(new QueryBuilder().from('fills f').where('f.id = t.id').limit(1), 'f'),
      'SELECT * FROM "trades" AS "t" LEFT JOIN LATERAL (SELECT * FROM "fills" AS "f" WHERE (f.id = t.id) LIMIT $1) AS "f" ON TRUE',
      [1],
    ],
    [
      'or stands against all before',
      trades.where('a = ?', 1).where('b = ?', 2).orWhere({ c: 3 }),
      'SELECT * FROM "trades" AS "t" WHERE (((a = $1) AND (b = $2)) OR "c" = $3)',
      [1, 2, 3],
    ],
    [
      'null, lists and values by column',
      trades.where({ a: null, b: [1, 2], c: 'x' }),
      'SELECT * FROM "trades" AS "t" WHERE "a" IS NULL AND "b" = ANY ($1) AND "c" = $2',
      [[1, 2], 'x'],
    ],
    ['an empty list finds nothing', trades.whereIn('a', []), 'SELECT * FROM "trades" AS "t" WHERE FALSE', []],
    ['an empty list excludes nothing', trades.whereNotIn('a', []), 'SELECT * FROM "trades" AS "t" WHERE TRUE', []],
    [
      'null in a list',
      trades.whereIn('a', [1, null]),
      'SELECT * FROM "trades" AS "t" WHERE ("a" = ANY ($1) OR "a" IS NULL)',
      [[1]],
    ],
    [
      'in a query',
      trades.whereIn('t.id', new QueryBuilder().select('id').from('x')),
      'SELECT * FROM "trades" AS "t" WHERE "t"."id" IN (SELECT "id" FROM "x")',
      [],
    ],
    [
      'exists',
      trades.whereNotExists(new QueryBuilder().select('id').from('x').where('x.id = t.id')),
      'SELECT * FROM "trades" AS "t" WHERE NOT EXISTS (SELECT "id" FROM "x" WHERE (x.id = t.id))',
      [],
    ],
    [
      'between and null checks',
      trades.whereBetween('a', 1, 2).whereNull('b').whereNotNull('c'),
      'SELECT * FROM "trades" AS "t" WHERE "a" BETWEEN $1 AND $2 AND "b" IS NULL AND "c" IS NOT NULL',
      [1, 2],
    ],
    [
      'a common table',
      new QueryBuilder().with('big', trades.where('t.price > ?', '5')).select('id').from('big').where('id <> ?', 'x'),
      'WITH "big" AS (SELECT * FROM "trades" AS "t" WHERE (t.price > $1)) SELECT "id" FROM "big" WHERE (id <> $2)',
      ['5', 'x'],
    ],
    [
      'sets',
      trades.select('a').unionAll(new QueryBuilder().select('b').from('x')).orderBy('a'),
      'SELECT "a" FROM "trades" AS "t" UNION ALL (SELECT "b" FROM "x") ORDER BY "a" ASC',
      [],
    ],
    ['locks', trades.forUpdate('skip locked'), 'SELECT * FROM "trades" AS "t" FOR UPDATE SKIP LOCKED', []],
    [
      'an operator that is a question mark',
      trades.where('t.data ?? ?', 'key'),
      'SELECT * FROM "trades" AS "t" WHERE (t.data ? $1)',
      ['key'],
    ],
    [
      'a first page',
      trades.pageBy(['t.timestamp DESC', 't.id DESC'], null).limit(2),
      'SELECT * FROM "trades" AS "t" ORDER BY "t"."timestamp" DESC, "t"."id" DESC LIMIT $1',
      [2],
    ],
    [
      'the next page, one way',
      trades.pageBy(['t.timestamp DESC', 't.id DESC'], ['2021-01-08', 'x']),
      'SELECT * FROM "trades" AS "t" WHERE ("t"."timestamp", "t"."id") < ($1, $2) ORDER BY "t"."timestamp" DESC, "t"."id" DESC',
      ['2021-01-08', 'x'],
    ],
    [
      'the next page, both ways',
      trades.pageBy(['a DESC', 'b'], [1, 2]),
      'SELECT * FROM "trades" AS "t" WHERE (("a" < $1) OR ("a" = $2 AND "b" > $3)) ORDER BY "a" DESC, "b" ASC',
      [1, 1, 2],
    ],
    [
      'sql pieces',
      trades.select(sql`price * ${2} AS double`).where(sql`t.tags && ${['a']}`),
      'SELECT price * $1 AS double FROM "trades" AS "t" WHERE (t.tags && $2)',
      [2, ['a']],
    ],
  ])('%s', (_, query, text, values) => {
    expect(query.build()).toEqual({ text, values });
  });

  test('changes of rows', () => {
    const builder = new QueryBuilder();
    expect(
      builder
        .insertInto('trades')
        .values([
          { a: 1, b: null },
          { b: 'x', a: 2 },
        ])
        .returning('a')
        .build(),
    ).toEqual({
      text: 'INSERT INTO "trades" ("a", "b") VALUES ($1, $2), ($3, $4) RETURNING "a"',
      values: [1, null, 2, 'x'],
    });
    expect(
      builder.insertInto('t').values({ a: 1, b: 2 }).onConflictDoUpdate(['a'], ['b'], 't.b < ?', 9).build().text,
    ).toBe(
      'INSERT INTO "t" ("a", "b") VALUES ($1, $2) ON CONFLICT ("a") DO UPDATE SET "b" = EXCLUDED."b" WHERE (t.b < $3)',
    );
    expect(builder.insertInto('t').values({ a: 1 }).onConflictDoNothing().build().text).toBe(
      'INSERT INTO "t" ("a") VALUES ($1) ON CONFLICT DO NOTHING',
    );
    expect(builder.insertInto('t').fromQuery(['a'], new QueryBuilder().select('b').from('x')).build().text).toBe(
      'INSERT INTO "t" ("a") SELECT "b" FROM "x"',
    );
    expect(
      builder
        .update('balances')
        .set({ amount: sql`amount - ${5}` })
        .where('user_id = ?', 'u')
        .build(),
    ).toEqual({
      text: 'UPDATE "balances" SET "amount" = amount - $1 WHERE (user_id = $2)',
      values: [5, 'u'],
    });
    expect(builder.deleteFrom('t').using('x').where('x.id = t.id').returning().build().text).toBe(
      'DELETE FROM "t" USING "x" WHERE (x.id = t.id) RETURNING *',
    );
  });
});

describe('what it refuses', () => {
  const from = new QueryBuilder().from('t');
  test.each([
    ['a literal', () => from.where("a = 'x'"), 'a literal'],
    ['a numbered parameter', () => from.where('a = $1', 1), 'numbered'],
    ['a second statement', () => from.where('a = ?; DROP TABLE t', 1), 'second statement'],
    ['a comment', () => from.where('a = ? -- rest', 1), 'a comment'],
    ['a block comment', () => from.where('a = ? /* rest', 1), 'a comment'],
    ['a clause behind the condition', () => from.where('a = ? UNION SELECT secret', 1), 'UNION'],
    ['a bracket that closes the condition', () => from.where('a = ?) OR (a = ?', 1, 2), 'not opened'],
    ['an open bracket', () => from.where('(a = ?', 1), 'not closed'],
    ['fewer values than marks', () => from.where('a = ? AND b = ?', 1), '2 placeholders and 1 values'],
    ['a comparison with null', () => from.where('a = ?', null), 'never true'],
    ['undefined', () => from.where({ a: undefined }), 'undefined'],
    ['an expression as a column', () => from.select('a; DROP TABLE t'), 'no column'],
    ['a function that is not known', () => from.select('pg_sleep(a)'), 'this function'],
    ['a name that PostgreSQL would cut', () => from.select('x'.repeat(64)), '63 bytes'],
    ['NUL in a name', () => from.select('"a\0b"'), 'no column'],
    ['an order that is none', () => from.orderBy('a DESC, b'), 'no column'],
    ['all columns as one', () => from.orderBy('t.*'), 'more than one column'],
    ['a limit that is none', () => from.limit(-1), 'limit'],
    ['an update of every row by accident', () => new QueryBuilder().update('t').set({ a: 1 }).build(), 'everyRow'],
    ['a delete of every row by accident', () => new QueryBuilder().deleteFrom('t').build(), 'everyRow'],
    [
      'rows of different columns',
      () => new QueryBuilder().insertInto('t').values([{ a: 1 }, { b: 1 }]),
      'same columns',
    ],
    ['a page from a null', () => from.pageBy(['a'], [null]), 'never null'],
    ['nothing', () => new QueryBuilder().build(), 'neither'],
  ])('%s', (_, build, message) => {
    expect(build).toThrow(DatabaseError);
    expect(build).toThrow(message);
  });

  test('more values than the protocol can count', () => {
    const rows = Array.from({ length: 65_536 }, (_, a) => ({ a }));
    expect(() => new QueryBuilder().insertInto('t').values(rows).build()).toThrow('65535');
  });
});

test('a builder is not changed by what is built from it', () => {
  const base = new QueryBuilder().select('a').from('t');
  const before = base.build();
  base.where('a = ?', 1).limit(1).select('b');
  expect(base.build()).toEqual(before);
});

test('a declared schema types the row', () => {
  const typed = new QueryBuilder<Tables>();
  const query = typed
    .select('t.id', 'o.filled AS done', 'count(*)')
    .from('trades t')
    .join('orders o', 't.order_id = o.id')
    .build();
  expectTypeOf<NonNullable<typeof query.row>>().toEqualTypeOf<{
    readonly id: string;
    readonly done: string | null;
    readonly count: string;
  }>();
  const all = typed.select('*').from('orders').build();
  expectTypeOf<NonNullable<typeof all.row>>().toEqualTypeOf<{
    readonly id: string;
    readonly user_id: string;
    readonly filled: string | null;
  }>();
  const untyped = new QueryBuilder().select('x').from('y').build();
  expectTypeOf<NonNullable<typeof untyped.row>>().toEqualTypeOf<Record<string, unknown>>();
  expect(query.values).toEqual([]);
});
