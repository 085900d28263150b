import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseManager } from '@tradestream/database';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { Launched } from '../support/launched.ts';
import { createDatabase, type ScratchDatabase } from '../support/scratch.ts';

const PROGRAM = resolve('packages/cli/bin/tradestream.mjs');

let database: ScratchDatabase;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tradestream-cli-'));
  database = await createDatabase(inject('endpoints'), 'cli-database');
  await using db = new DatabaseManager({ database: database.url });
  await db.query('CREATE TABLE trades (id int PRIMARY KEY, symbol text, price numeric, user_id int)');
  await db.query(`INSERT INTO trades SELECT i, 'S' || i % 400, i / 10.0, i % 977 FROM generate_series(1, 12000) AS i`);
  await db.query('CREATE INDEX trades_user ON trades (user_id)');
  await db.query('CREATE INDEX trades_user_symbol ON trades (user_id, symbol)');
  await db.query('CREATE FUNCTION sneaky() RETURNS int LANGUAGE sql AS $$DELETE FROM trades RETURNING id$$');
  await db.query('ANALYZE');
});
afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

async function run(...args: readonly string[]) {
  const env = {
    PATH: process.env['PATH'],
    NO_COLOR: '1',
    DATABASE_URL: database.url,
    DATABASE_REPLICA_URLS: Object.values(database.replicaUrls).join(','),
  };
  await using launched = new Launched(spawn(process.execPath, [PROGRAM, ...args], { cwd: folder, env }));
  const exit = await launched.ended();
  return { exit, out: launched.out, err: launched.err };
}

test('sql reads at a replica, with parameters, as a table and as JSON lines', async () => {
  const table = await run('sql', 'SELECT id, price FROM trades WHERE symbol = ? AND id < ? ORDER BY id', 'S7', '500');
  expect(table).toMatchObject({ exit: 0, err: expect.stringMatching(/^2 rows, served by replica-\d\n$/) });
  expect(table.out).toMatch(/^id +price\n7 +0\.7\d*\n407 +40\.7\d*\n$/);
  const json = await run(
    'sql',
    '-o',
    'json',
    'SELECT id FROM trades WHERE id < 3 ORDER BY id',
    '--preference',
    'primary',
  );
  expect(json).toMatchObject({ exit: 0, out: '{"id":1}\n{"id":2}\n', err: '2 rows, served by primary\n' });
  expect(await run('sql', '-o', 'json', 'SELECT id FROM trades WHERE id < 0')).toMatchObject({ exit: 0, out: '' });
});

test('sql changes nothing, whatever it is given', async () => {
  const refused = ['DELETE FROM trades', 'DO $$BEGIN DELETE FROM trades; END$$', 'SET work_mem = 1', 'BEGIN'];
  const hidden = [
    'SELECT sneaky()',
    'EXPLAIN ANALYZE DELETE FROM trades',
    'WITH x AS (DELETE FROM trades RETURNING 1) SELECT 1',
  ];
  const unreadable = ['SELECT 1; DELETE FROM trades', 'SELEC 1'];
  const runs = (texts: readonly string[]) => Promise.all(texts.map((text) => run('sql', text)));
  for (const answer of await runs(refused)) expect(answer).toMatchObject({ exit: 2, out: '' });
  for (const answer of await runs(hidden)) {
    expect(answer).toMatchObject({ exit: 1, out: '', err: expect.stringContaining('25006') });
  }
  for (const answer of await runs(unreadable)) {
    expect(answer).toMatchObject({ exit: 1, err: expect.stringContaining('42601') });
  }
  expect((await run('sql', 'SELECT count(*)::int AS n FROM trades', '-o', 'json')).out).toBe('{"n":12000}\n');
});

test('optimize says what is wrong and what would help', async () => {
  const { exit, out, err } = await run('optimize', 'SELECT * FROM trades WHERE symbol = ?');
  expect(exit).toBe(0);
  for (const word of ['select-star', 'sequential-scan', 'missing-index', 'estimate']) expect(out).toContain(word);
  expect(out).toContain('CREATE INDEX CONCURRENTLY ON "public"."trades" ("symbol")');
  expect(err).toMatch(/complexity \d+ \(simple\), cost \d+/);
  const json = await run('optimize', '-o', 'json', '--offline', 'SELECT 1 FROM t WHERE a = 1 OR a = 2 OR a = 3');
  expect(JSON.parse(json.out)).toMatchObject({
    plan: null,
    findings: [{ rule: 'or-chain' }],
    rewritten: 'SELECT 1 FROM t WHERE a IN (1, 2, 3)',
  });
  expect(await run('optimize', '--offline', 'SELECT id FROM t')).toMatchObject({
    exit: 0,
    out: '',
    err: expect.stringContaining('nothing to be said against it'),
  });
  expect(await run('optimize')).toMatchObject({ exit: 2 });
});

test('indexes are analysed, created, applied as a difference, and dropped', async () => {
  const analysis = await run('indexes', 'analyze', '-o', 'json', '--unused-after-hours', '0');
  expect(JSON.parse(analysis.out)).toMatchObject({
    advice: [
      { action: 'drop', index: 'trades_user' },
      { action: 'drop', index: 'trades_user_symbol' },
    ],
  });
  const file = join(folder, 'analysis.json');
  writeFileSync(file, analysis.out);
  const since = await run('indexes', 'analyze', '--since', file, '--all');
  expect(since).toMatchObject({ exit: 0, err: expect.stringContaining('3 indexes') });
  expect(since.out).toMatch(/trades_user +covered/);
  expect(await run('indexes', 'create', 'trades', 'symbol', 'price DESC')).toMatchObject({ exit: 0 });
  expect(await run('indexes', 'create', 'trades', 'price; DROP TABLE trades')).toMatchObject({
    exit: 1,
    err: expect.stringContaining('DB_QUERY_INVALID'),
  });
  expect(await run('indexes', 'drop', 'trades', 'trades_pkey')).toMatchObject({
    exit: 1,
    err: expect.stringContaining('DB_INDEX_REFUSED'),
  });
  expect(await run('indexes', 'drop', 'trades', 'trades_user')).toMatchObject({ exit: 0 });

  const strategy = join(folder, 'strategy.json');
  const wanted = { trades: [{ columns: ['symbol', 'price DESC'] }, { columns: ['user_id', 'id'], unique: true }] };
  writeFileSync(strategy, JSON.stringify(wanted));
  const told = await run('indexes', 'apply', strategy);
  expect(told.err).toContain('1 to create, 1 there, 1 not named, left; --yes does it');
  const done = await run('indexes', 'apply', strategy, '--yes', '--drop', '-o', 'json');
  expect(
    done.out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { action: string }).action),
  ).toEqual(['keep', 'create', 'extra']);
  const again = await run('indexes', 'apply', strategy);
  expect(again.err).toContain('0 to create, 2 there, 0 not named');
});

test('files that are not what they should be are refused', async () => {
  const file = join(folder, 'wrong.json');
  for (const content of [
    '{',
    '[]',
    '{"trades": [{"columns": []}]}',
    '{"trades": [{"columns": ["id"], "uniqe": true}]}',
  ]) {
    writeFileSync(file, content);
    const answers = await Promise.all([run('indexes', 'apply', file), run('indexes', 'analyze', '--since', file)]);
    for (const answer of answers) expect(answer, content).toMatchObject({ exit: 2 });
  }
});
