import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { DatabaseManager, QueryOptimizer } from '@tradestream/database';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { hasHypopg, startHypopgServer } from '../support/hypopg-server.ts';
import { FAULTY_STATEMENTS, FINE_STATEMENTS, fillOptimizerSchema } from '../support/optimizer-schema.ts';
import { REWRITTEN, randomRows } from '../support/rewritten-statements.ts';
import { createDatabase, type ScratchDatabase } from '../support/scratch.ts';

let database: ScratchDatabase;
let db: DatabaseManager;
let optimizer: QueryOptimizer;

beforeAll(async () => {
  database = await createDatabase(inject('endpoints'), 'toolkit-optimizer');
  db = new DatabaseManager({ database: database.url });
  await fillOptimizerSchema(db);
  optimizer = new QueryOptimizer({ database: db, enableCache: false });
});
afterAll(async () => {
  await db.close();
  await database.close();
});

const rulesOf = async (query: string) => (await optimizer.explain(query)).findings.map(({ rule }) => rule);

test.each(FINE_STATEMENTS)('nothing is found in: %s', async (query) => {
  expect(await rulesOf(query)).toEqual([]);
});

test.each(FAULTY_STATEMENTS)('%s: %s', async (query, rules) => {
  expect(await rulesOf(query)).toEqual(rules);
});

const ADVISED = FAULTY_STATEMENTS.filter(([, rules]) => rules.includes('missing-index')).map(([query]) => query);

test.each(ADVISED)('the index advised is worth it: %s', async (query) => {
  const before = await optimizer.explain(query);
  const [advice] = before.indexes;
  expect(before.indexes).toHaveLength(1);
  expect(advice).toMatchObject({ basis: 'estimate', costBefore: before.plan?.totalCost });
  await db.query(advice?.sql.replace('INDEX CONCURRENTLY ON', 'INDEX advised ON') ?? '');
  try {
    const after = await optimizer.explain(query);
    const costs = { before: before.plan?.totalCost ?? 0, after: after.plan?.totalCost ?? 0 };
    expect(costs.after).toBeLessThan(costs.before * 0.7);
    expect(after.indexes).toEqual([]);
    expect(after.findings).toEqual([]);
  } finally {
    await db.query('DROP INDEX advised');
  }
});

test('the columns of an index are in the order that serves: equality first, then the order of the rows', async () => {
  const advised = async (query: string) => (await optimizer.explain(query)).indexes.map(({ columns }) => columns);
  expect(await advised(`SELECT id FROM trades WHERE quantity = $1 ORDER BY "timestamp" DESC LIMIT 10`)).toEqual([
    ['quantity', 'timestamp DESC'],
  ]);
  expect(await advised('SELECT id FROM trades WHERE quantity = $1 AND user_id = $2')).toEqual([
    ['user_id', 'quantity'],
  ]);
  expect(await advised('SELECT id FROM trades WHERE price < 20 AND user_id = $1')).toEqual([['user_id']]);
});

test('costly nodes are named, and tables without statistics', async () => {
  const { plan } = await optimizer.explain('SELECT symbol, count(*) FROM trades GROUP BY symbol ORDER BY 2');
  expect(plan).toMatchObject({ generic: false, sequentialScans: [{ table: 'trades', tableRows: 20_000 }] });
  expect(plan?.costlyNodes[0]).toMatchObject({ node: 'Seq Scan', table: 'trades', share: expect.any(Number) });
  await db.query('CREATE TABLE never_seen (id int)');
  expect((await optimizer.explain('SELECT id FROM never_seen WHERE id = $1')).plan).toMatchObject({
    generic: true,
    withoutStatistics: ['never_seen'],
  });
});

test('explaining runs nothing', async () => {
  await optimizer.explain('DELETE FROM tiers');
  await optimizer.explain(`INSERT INTO tiers VALUES (7, 'seven')`);
  const { rows } = await db.query('SELECT count(*)::int AS n FROM tiers');
  expect(rows).toEqual([{ n: 3 }]);
  await expect(optimizer.explain('SELECT 1; DROP TABLE tiers')).rejects.toMatchObject({ code: '42601' });
  await expect(optimizer.explain('SELECT nothing FROM nowhere')).rejects.toMatchObject({ code: '42P01' });
});

describe('a statement written otherwise gives the same rows, on random tables with nulls', () => {
  beforeAll(async () => {
    await db.query('CREATE TABLE left_side (id int, a int, b int, t text)');
    await db.query('CREATE TABLE right_side (id int, a int, b int, t text)');
  });

  test.each(REWRITTEN)('%s', async (query, makeValues) => {
    const better = optimizer.optimize(query);
    expect(better).not.toBe(query);
    let found = 0;
    for (let round = 0; round < 12; round += 1) {
      for (const table of ['left_side', 'right_side']) {
        await db.query(`TRUNCATE ${table}`);
        await db.query(
          `INSERT INTO ${table} SELECT * FROM jsonb_to_recordset($1::jsonb) AS (id int, a int, b int, t text)`,
          [JSON.stringify(randomRows(round))],
        );
      }
      const values = makeValues();
      const sorted = async (text: string) =>
        (await db.query(text, values)).rows.map((row) => JSON.stringify(row)).toSorted();
      const expected = await sorted(query);
      expect(await sorted(better), `${better} ${JSON.stringify(values)}`).toEqual(expected);
      found += expected.length;
    }
    expect(found).toBeGreaterThan(0);
  });
});

test('lookups that follow the rows of another statement are found in the history, and others are not', async () => {
  await db.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
  const { rows } = await db.query<{ id: number }>('SELECT * FROM users WHERE id <= 60');
  for (const { id } of rows) await db.query('SELECT email FROM users WHERE id = $1', [id]);
  for (let time = 0; time < 70; time += 1) await db.query('SELECT name FROM tiers WHERE tier = $1', [time % 3]);
  const repeated = await eventually(
    async () => {
      const found = await optimizer.findRepeated();
      return found.length > 0 ? found : false;
    },
    { withinMs: 60_000 },
  );
  expect(repeated).toMatchObject([
    {
      query: 'SELECT email FROM users WHERE id = $1',
      calls: 60,
      rowsPerCall: 1,
      table: 'users',
      parents: ['SELECT * FROM users WHERE id <= $1'],
    },
  ]);
});

test.skipIf(!hasHypopg())(
  'with hypopg the planner itself says what an index would save, parameters or not',
  async () => {
    await using server = await startHypopgServer();
    await using hypothetical = new DatabaseManager({ database: server.url });
    await fillOptimizerSchema(hypothetical);
    const advisor = new QueryOptimizer({ database: hypothetical, enableCache: false });
    for (const query of ADVISED) {
      const [advice, ...more] = (await advisor.explain(query)).indexes;
      expect(advice, query).toMatchObject({ basis: 'hypothetical index' });
      expect(more).toEqual([]);
      await hypothetical.query(advice?.sql.replace('INDEX CONCURRENTLY ON', 'INDEX advised ON') ?? '');
      const after = await advisor.explain(query);
      // What it foretold is what the planner then says of the index.
      const saved = 1 - (after.plan?.totalCost ?? 0) / (advice?.costBefore ?? 0);
      expect(Math.abs(saved - (advice?.gain ?? 0)), query).toBeLessThan(0.05);
      expect(after.indexes).toEqual([]);
      await hypothetical.query('DROP INDEX advised');
    }
    const { rows } = await hypothetical.query('SELECT indexname FROM pg_indexes WHERE schemaname = $1', ['public']);
    expect(rows).toHaveLength(6);
  },
);

test('the parser is loaded by the first who uses it, at once, and is not compiled for hundreds of megabytes', () => {
  // What V8 would compile beside the statements it compiles before it goes on: the memory is in the figure.
  const script = join(import.meta.dirname, '..', 'support', 'first-parse.ts');
  const told = execFileSync(process.execPath, ['--wasm-sync-tier-up', script], { encoding: 'utf8' });
  const { imported, rewritten, used } = JSON.parse(told);
  expect({ before: imported.parserReads, rewritten, after: used.parserReads }).toEqual({
    before: 0,
    rewritten: 'SELECT id FROM trades WHERE id IN (1, 2, 3)',
    after: 1,
  });
  expect(used.heldMb - imported.heldMb).toBeLessThan(250);
});
