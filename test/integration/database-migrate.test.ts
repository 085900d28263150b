import { mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate, openSession } from '@tradestream/database';
import { createLogger, Scope } from '@tradestream/runtime';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { createDatabase, type ScratchDatabase } from '../support/scratch.ts';

type World = AsyncDisposable & {
  readonly write: (name: string, sql: string) => Promise<void>;
  readonly remove: (name: string) => Promise<void>;
  readonly migrate: () => Promise<readonly string[]>;
  readonly valueOf: (text: string) => Promise<unknown>;
};

let database: ScratchDatabase;
let worlds = 0;

beforeAll(async () => {
  database = await createDatabase(inject('endpoints'), 'migrate');
});

afterAll(async () => {
  await database.close();
});

/** A schema, which the files call `book`, and a folder of migrations of the test's own. */
async function openWorld(): Promise<World> {
  const scope = new Scope();
  const { url } = database;
  const schema = `book_${'abcdefghijklmnopqrstuvwxyz'.charAt(worlds)}`;
  worlds += 1;
  const own = (sql: string) => sql.replaceAll('book.', `${schema}.`);
  const folder = await mkdtemp(join(tmpdir(), 'tradestream-migrate-'));
  scope.defer('folder', () => rm(folder, { recursive: true }));
  const session = scope.use(await openSession({ url, applicationName: 'migrate-test', connectTimeoutMs: 30_000 }));
  const log = createLogger({ service: 'migrate-test', level: 'warn' });
  return {
    write: (name, sql) => writeFile(join(folder, name), own(sql)),
    remove: (name) => unlink(join(folder, name)),
    migrate: () => migrate({ url, folder, schema, log }),
    valueOf: async (text) => {
      const { rows } = await session.query<{ value: unknown }>({ text: `SELECT (${own(text)}) AS value` });
      return rows[0]?.value;
    },
    [Symbol.asyncDispose]: () => scope.close(),
  };
}

function refusal(detail: string): unknown {
  return expect.objectContaining({ code: 'DB_MIGRATION_REFUSED', message: expect.stringContaining(detail) });
}

test('files run once, in their order, and those added later run later', async () => {
  await using world = await openWorld();
  await world.write(
    '0002_fill.sql',
    "INSERT INTO book.page VALUES (1, 'a;b'); INSERT INTO book.page VALUES (2, $$c$$);",
  );
  await world.write('0001_make.sql', '-- made first\nCREATE TABLE book.page (n int PRIMARY KEY, t text);');
  await world.write('notes.md', 'no migration');
  expect(await world.migrate()).toEqual(['0001_make.sql', '0002_fill.sql']);
  expect(await world.migrate()).toEqual([]);
  await world.write('0003_more.sql', 'INSERT INTO book.page VALUES (3)');
  expect(await world.migrate()).toEqual(['0003_more.sql']);
  expect(await world.valueOf('SELECT count(*)::int FROM book.page')).toBe(3);
});

test('when one fails none has run; the failure names the file and is mended by mending it', async () => {
  await using world = await openWorld();
  await world.write('0001_make.sql', 'CREATE TABLE book.page (n int)');
  await world.write('0002_wrong.sql', 'CREATE TABLE book.other (n int); SELECT nonsense');
  await expect(world.migrate()).rejects.toMatchObject({
    code: '42703',
    retry: 'never',
    context: { file: '0002_wrong.sql' },
  });
  expect(await world.valueOf("to_regclass('book.page')")).toBeNull();
  await world.write('0002_wrong.sql', 'CREATE TABLE book.other (n int)');
  expect(await world.migrate()).toEqual(['0001_make.sql', '0002_wrong.sql']);
});

test('a file that was changed after it ran is refused, and nothing new runs', async () => {
  await using world = await openWorld();
  await world.write('0001_make.sql', 'CREATE TABLE book.page (n int)');
  await world.migrate();
  await world.write('0001_make.sql', 'CREATE TABLE book.page (n bigint)');
  await world.write('0002_more.sql', 'CREATE TABLE book.more (n int)');
  await expect(world.migrate()).rejects.toThrow(refusal('0001_make.sql was changed'));
  expect(await world.valueOf("to_regclass('book.more')")).toBeNull();
});

test('another way to end the lines is no change', async () => {
  await using world = await openWorld();
  await world.write('0001_make.sql', 'CREATE TABLE book.page (\n  n int\n);\n');
  await world.migrate();
  await world.write('0001_make.sql', 'CREATE TABLE book.page (\r\n  n int\r\n);\r\n');
  expect(await world.migrate()).toEqual([]);
});

test('a file that ran and is missing is refused', async () => {
  await using world = await openWorld();
  await world.write('0001_make.sql', 'CREATE TABLE book.page (n int)');
  await world.write('0002_more.sql', 'CREATE TABLE book.more (n int)');
  await world.migrate();
  await world.remove('0002_more.sql');
  await expect(world.migrate()).rejects.toThrow(refusal('0002_more.sql ran and is not in the folder'));
});

test('a new file before one that ran is refused', async () => {
  await using world = await openWorld();
  await world.write('0002_make.sql', 'CREATE TABLE book.page (n int)');
  await world.migrate();
  await world.write('0001_late.sql', 'CREATE TABLE book.late (n int)');
  await expect(world.migrate()).rejects.toThrow(refusal('0001_late.sql did not run'));
});

test('a file whose name is no place in the order, or stands twice there, is refused', async () => {
  await using world = await openWorld();
  await world.write('make.sql', 'SELECT 1');
  await expect(world.migrate()).rejects.toThrow(refusal('make.sql is not named NNNN_name.sql'));
  await world.remove('make.sql');
  await world.write('0001_a.sql', 'SELECT 1');
  await world.write('0001_b.sql', 'SELECT 1');
  await expect(world.migrate()).rejects.toThrow(refusal('0001_a.sql and 0001_b.sql have the same number'));
});

test('several at once take turns: each file runs once', async () => {
  await using world = await openWorld();
  await world.write('0001_make.sql', 'CREATE TABLE book.page (n int); SELECT pg_sleep(0.3)');
  await world.write('0002_fill.sql', 'INSERT INTO book.page VALUES (1)');
  const ran = await Promise.all([world.migrate(), world.migrate(), world.migrate()]);
  expect(ran.toSorted((a, b) => b.length - a.length)).toEqual([['0001_make.sql', '0002_fill.sql'], [], []]);
  expect(await world.valueOf('SELECT count(*)::int FROM book.page')).toBe(1);
});

test('a server that cannot be reached is told at once', async () => {
  const log = createLogger({ service: 'migrate-test', level: 'warn' });
  const migrating = migrate({ url: 'postgres://127.0.0.1:1/x', folder: 'schemas/sql/ledger', schema: 'ledger', log });
  await expect(migrating).rejects.toMatchObject({ code: 'DB_CONNECTION_FAILED' });
});
