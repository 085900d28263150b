import { copyInto } from '@tradestream/database';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createDatabase, type ScratchDatabase } from '../support/scratch.ts';
import { openSessionWorld, valueOf } from '../support/session-world.ts';

const SOON = { withinMs: 60_000 } as const;

let database: ScratchDatabase;

beforeAll(async () => {
  database = await createDatabase(inject('endpoints'), 'pipeline');
});

afterAll(async () => {
  await database.close();
});

const openWorld = () => openSessionWorld(database.url);

test('those of a pipeline run in order and are answered in order, prepared once', async () => {
  await using world = openWorld();
  const session = await world.open();
  await session.query({ text: 'CREATE TEMPORARY TABLE piped (n int PRIMARY KEY)' });
  const insert = (n: number) => ({ text: 'INSERT INTO piped VALUES ($1) RETURNING n', values: [n], name: 'piped' });
  for (const from of [0, 50]) {
    const { rows, failure } = await session.pipeline([
      { text: 'BEGIN' },
      { text: '' },
      ...Array.from({ length: 50 }, (_, n) => insert(from + n)),
      { text: 'UPDATE piped SET n = -n WHERE n >= $1', values: [from + 48] },
    ]);
    expect(failure).toBeNull();
    expect(rows.map(({ command }) => command)).toEqual([
      'BEGIN',
      '',
      ...Array.from({ length: 50 }, () => 'INSERT'),
      'UPDATE',
    ]);
    expect(rows.slice(2, 52).map((answer) => answer.rows)).toEqual(
      Array.from({ length: 50 }, (_, n) => [{ n: from + n }]),
    );
    expect(rows.at(-1)).toEqual({ rows: [], rowCount: 2, command: 'UPDATE' });
    await session.commit();
  }
  expect(await valueOf(session, '(SELECT count(*)::int FROM piped)')).toBe(100);
  expect(await valueOf(session, "(SELECT count(*)::int FROM pg_prepared_statements WHERE name = 'piped')")).toBe(1);
});

test('behind one that fails in a pipeline the server runs nothing, and the session goes on', async () => {
  await using world = openWorld();
  const session = await world.open();
  await session.query({ text: 'CREATE TEMPORARY TABLE skipped (n int PRIMARY KEY)' });
  const insert = (n: number) => ({ text: 'INSERT INTO skipped VALUES ($1)', values: [n], name: `insert_${n}` });
  // Outside of a transaction the pipeline is one: what a refused BEGIN would leave.
  const alone = await session.pipeline([insert(1), { text: 'SELECT 1 / 0' }, insert(2), insert(3)]);
  expect(alone.rows).toHaveLength(1);
  expect(alone.failure).toMatchObject({ code: '22012', type: 'QUERY_ERROR', retry: 'never' });
  expect(await valueOf(session, '(SELECT count(*)::int FROM skipped)')).toBe(0);
  const opened = await session.pipeline([{ text: 'BEGIN' }, insert(4), insert(4), insert(2)]);
  expect(opened.rows).toHaveLength(2);
  expect(opened.failure).toMatchObject({ code: '23505', context: { table: 'skipped' } });
  await expect(session.commit()).rejects.toMatchObject({ code: 'DB_COMMIT_ROLLED_BACK' });
  // Names that were sent and left out are sent again.
  expect(await session.pipeline([insert(2), insert(3), insert(4)])).toMatchObject({ failure: null });
  expect(await valueOf(session, '(SELECT array_agg(n ORDER BY n)::text FROM skipped)')).toBe('{2,3,4}');
});

test('a pipeline with a value that cannot be sent writes nothing and costs the session', async () => {
  await using world = openWorld();
  const [session, other] = [await world.open(), await world.open()];
  await other.query({ text: 'CREATE TABLE unsent (n int)' });
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  const insert = (value: unknown) => ({ text: 'INSERT INTO unsent VALUES ($1)', values: [value] });
  const answered = session.pipeline([{ text: 'BEGIN' }, insert(1), insert(circle), insert(2)]);
  const committed = session.commit().catch((error: unknown) => error);
  expect(await answered).toMatchObject({ rows: [], failure: { code: 'DB_STATEMENT_INVALID' } });
  expect(await committed).toMatchObject({ code: 'DB_COMMIT_UNKNOWN' });
  await eventually(() => session.closed.aborted, SOON);
  expect(await valueOf(other, '(SELECT count(*)::int FROM unsent)')).toBe(0);
});

test('a name that another text has is not run as that other, and nothing before it', async () => {
  await using world = openWorld();
  const [session, other] = [await world.open(), await world.open()];
  await other.query({ text: 'CREATE TABLE renamed (n int)' });
  expect(await session.pipeline([{ name: 'one', text: 'SELECT 1' }])).toMatchObject({ failure: null });
  const insert = { text: 'INSERT INTO renamed VALUES (1)' };
  const { rows, failure } = await session.pipeline([insert, { name: 'one', text: 'SELECT 2' }]);
  expect(rows).toEqual([]);
  expect(failure).toMatchObject({ code: 'DB_STATEMENT_INVALID' });
  await eventually(() => session.closed.aborted, SOON);
  expect(await valueOf(other, '(SELECT count(*)::int FROM renamed)')).toBe(0);
});

test('a pipeline whose connection is cut says so', async () => {
  await using world = openWorld();
  const [session, other] = [await world.open(), await world.open()];
  const answered = session.pipeline([{ text: 'SELECT 1' }, { text: 'SELECT pg_sleep(60)' }, { text: 'SELECT 2' }]);
  const activity = { text: "SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND state = 'active'" };
  await eventually(async () => {
    const { rowCount } = await other.query({ ...activity, values: [session.backendPid] });
    return rowCount === 1;
  }, SOON);
  await other.query({ text: 'SELECT pg_terminate_backend($1)', values: [session.backendPid] });
  const { failure } = await answered;
  expect(failure).toMatchObject({ code: '57P01' });
  await eventually(() => session.closed.aborted, SOON);
  expect(await session.pipeline([{ text: 'SELECT 1' }])).toMatchObject({
    rows: [],
    failure: { code: 'DB_CONNECTION_LOST' },
  });
});

const DAY_MICROS = 86_400_000_000;

/** Rows of the table `copied`, which each test has for itself. */
function copyOf(table: string, rows: readonly number[]) {
  return copyInto({
    schema: 'public',
    table,
    columns: ['n', 'name', 'bytes', 'id', 'amount', 'at', 'flag', 'wide'],
    rows,
    write(to, n) {
      to.int4(n);
      to.text(n % 2 === 0 ? `ä${n}` : null);
      to.bytea(Buffer.alloc(n, n));
      to.uuid(`00000000-0000-0000-0000-${String(n).padStart(12, '0')}`);
      to.numeric18(-(10n ** 17n) * BigInt(n));
      to.timestamptzMicros(n * DAY_MICROS);
      to.bool(n > 1);
      to.int8(2 ** 40 + n);
    },
  });
}

const columnsOf = (table: string) => ({
  text: `CREATE TABLE ${table} (n int PRIMARY KEY, name text, bytes bytea, id uuid, amount numeric(38, 18), at timestamptz,
         flag bool, wide bigint)`,
});
const count = (table: string) => `(SELECT count(*)::int FROM ${table})`;

test('rows of a COPY travel in a pipeline, each type as it is', async () => {
  await using world = openWorld();
  const session = await world.open();
  await session.query(columnsOf('typed'));
  for (const rows of [[0, 1, 2], [100_000]]) {
    const { rows: answers, failure } = await session.pipeline([
      { text: 'BEGIN' },
      copyOf('typed', rows),
      { text: 'SELECT 1 AS behind' },
    ]);
    expect(failure).toBeNull();
    expect(answers.slice(1)).toEqual([
      { rows: [], rowCount: rows.length, command: 'COPY' },
      { rows: [{ behind: 1 }], rowCount: 1, command: 'SELECT' },
    ]);
    await session.commit();
  }
  const { rows } = await session.query({
    text: `SELECT n, name, length(bytes) AS bytes, right(id::text, 6) AS id, amount::text AS amount,
             extract(epoch FROM at)::float8 AS at, flag, wide::text AS wide FROM typed ORDER BY n`,
  });
  const zeros = '00000000000000000';
  expect(rows).toEqual([
    { n: 0, name: 'ä0', bytes: 0, id: '000000', amount: `0.0${zeros}`, at: 0, flag: false, wide: String(2 ** 40) },
    {
      n: 1,
      name: null,
      bytes: 1,
      id: '000001',
      amount: `-0.1${zeros}`,
      at: 86_400,
      flag: false,
      wide: String(2 ** 40 + 1),
    },
    {
      n: 2,
      name: 'ä2',
      bytes: 2,
      id: '000002',
      amount: `-0.2${zeros}`,
      at: 172_800,
      flag: true,
      wide: String(2 ** 40 + 2),
    },
    {
      n: 100_000,
      name: 'ä100000',
      bytes: 100_000,
      id: '100000',
      amount: `-10000.0${zeros}`,
      at: 86_400 * 100_000,
      flag: true,
      wide: String(2 ** 40 + 100_000),
    },
  ]);
  expect(await session.query(copyOf('typed', [3]))).toEqual({ rows: [], rowCount: 1, command: 'COPY' });
});

test('a COPY that fails, is refused or left out takes its rows with it, and the session goes on', async () => {
  await using world = openWorld();
  const session = await world.open();
  await session.query(columnsOf('failed'));
  const many = Array.from({ length: 500 }, (_, index) => index + 10);
  const twice = await session.pipeline([{ text: 'BEGIN' }, copyOf('failed', [...many, 10, 11]), copyOf('failed', [1])]);
  expect(twice.failure).toMatchObject({ code: '23505', context: { table: 'failed' } });
  expect(twice.rows).toHaveLength(1);
  await expect(session.commit()).rejects.toMatchObject({ code: 'DB_COMMIT_ROLLED_BACK' });
  const behind = await session.pipeline([{ text: 'SELECT 1 / 0' }, copyOf('failed', many)]);
  expect(behind.failure).toMatchObject({ code: '22012' });
  const refused = await session.pipeline([copyOf('nowhere', many), copyOf('failed', many)]);
  expect(refused.failure).toMatchObject({ code: '42P01' });
  const whole = copyOf('failed', [5]);
  const short = { ...whole, copy: Buffer.concat([whole.copy.subarray(0, -8), Buffer.alloc(2, 0xff)]) };
  expect((await session.pipeline([short])).failure).toMatchObject({ retry: 'never' });
  expect(await valueOf(session, count('failed'))).toBe(0);
  expect(await session.pipeline([copyOf('failed', many)])).toMatchObject({ failure: null });
  expect(await valueOf(session, count('failed'))).toBe(many.length);
});

test('a COPY without its rows writes nothing and costs the session', async () => {
  await using world = openWorld();
  const [session, other] = [await world.open(), await world.open()];
  await other.query(columnsOf('rowless'));
  const { text } = copyOf('rowless', []);
  const answered = session.pipeline([{ text: 'BEGIN' }, copyOf('rowless', [1]), { text }]);
  const committed = session.commit().catch((error: unknown) => error);
  // The server may have taken what follows for rows before the connection was given up.
  expect((await answered).failure).toMatchObject({ retry: 'later', type: 'CONNECTION_ERROR' });
  expect(await committed).toMatchObject({ code: 'DB_COMMIT_UNKNOWN' });
  await eventually(() => session.closed.aborted, SOON);
  expect(await valueOf(other, count('rowless'))).toBe(0);
});
