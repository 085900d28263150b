import { spawn } from 'node:child_process';
import { newCommandId } from '@tradestream/contracts';
import { openSession, type Session } from '@tradestream/database';
import { UNIT } from '@tradestream/trading';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { SESSION_SETTINGS } from '../../services/worker/src/ownership/ledger-link.ts';
import { failBatches } from '../support/database-faults.ts';
import { eventually } from '../support/eventually.ts';
import { Launched } from '../support/launched.ts';
import { type LedgerWorld, openLedgerWorld, type Sent } from '../support/ledger-world.ts';
import { waitsForLock } from '../support/lock-waits.ts';

let world: LedgerWorld;
let other: Session;

beforeAll(async () => {
  world = await openLedgerWorld(inject('endpoints'), 'retry', 2);
  other = await openSession({ url: world.database.url, applicationName: 'other-program', connectTimeoutMs: 30_000 });
  world.startWorker();
  await world.send(['alice', 'bob'].map(deposit));
  await world.applied(60_000);
});
afterAll(async () => {
  await other.close();
  await world[Symbol.asyncDispose]();
});

test('a deadlock with another program is retried, and explained by command and statement', async () => {
  const alice = deposit('alice');
  // The other program waits longer before it looks for deadlocks, so that the worker finds it.
  await other.query({ text: `SET deadlock_timeout = '30s'` });
  await other.query({ text: 'BEGIN' });
  await other.query({ text: `SELECT FROM ledger.balances WHERE user_id = 'alice' FOR UPDATE` });
  const [place] = await world.send([alice]);
  await eventually(() => waitsForLock(world, { application: 'tradestream-worker', lock: 'transactionid' }), {
    withinMs: 60_000,
  });
  // The worker holds the partition and waits for the balance; this waits for the partition.
  await other.query({
    text: 'SELECT FROM ledger.partitions WHERE partition = $1 FOR UPDATE',
    values: [place?.partition],
  });
  await other.query({ text: 'COMMIT' });
  await world.applied(60_000);
  expect(await balanceOf('alice')).toBe('2.000000000000000000');
  const [explained] = await world.rows(
    `SELECT command_ids, lock_detail, lock_context, others FROM ledger.deadlocks WHERE sqlstate = '40P01'`,
  );
  const { backendPid: pid } = other;
  expect(explained).toMatchObject({
    command_ids: [alice.commandId],
    lock_detail: expect.stringContaining(`process ${pid}`),
    lock_context: expect.stringContaining('UPDATE ledger.balances'),
    others: expect.arrayContaining([expect.objectContaining({ pid, application: 'other-program' })]),
  });
  const json = await deadlocks('--sqlstate', '40P01', '-o', 'json');
  expect(JSON.parse(json)).toMatchObject({
    commandIds: [alice.commandId],
    relation: 'balances',
    row: expect.stringMatching(/^\(\d+,\d+\)$/),
    statement: expect.stringContaining('UPDATE ledger.balances'),
    parties: [
      { isVictim: true, blockedBy: pid, relations: expect.arrayContaining(['balances']) },
      { isVictim: false, backendPid: pid, applicationName: 'other-program' },
    ],
  });
  const table = await deadlocks();
  expect(table).toMatch(
    new RegExp(`40P01 .*${alice.commandId} .*balances \\(\\d+,\\d+\\) .*other-program \\(${pid}\\)`),
  );
});

async function deadlocks(...args: readonly string[]): Promise<string> {
  const env = { PATH: process.env['PATH'], NO_COLOR: '1', DATABASE_URL: world.database.url };
  const program = spawn(process.execPath, ['packages/cli/bin/tradestream.mjs', 'deadlocks', ...args], { env });
  await using launched = new Launched(program);
  expect(await launched.ended(), launched.err).toBe(0);
  return launched.out;
}

test.each(['40001', '40P01', '55P03'])(
  'SQLSTATE %s is retried until it ends, and each try is explained',
  async (code) => {
    const bob = deposit('bob');
    const before = Number(await balanceOf('bob'));
    await failBatches(world, { sqlstate: code, times: 4 });
    await world.send([bob]);
    await world.applied(60_000);
    expect(Number(await balanceOf('bob'))).toBe(before + 1);
    const explained = await world.rows(
      'SELECT 1 FROM ledger.deadlocks WHERE sqlstate = $1 AND $2 = ANY (command_ids)',
      [code, bob.commandId],
    );
    expect(explained).toHaveLength(4);
    const parked = await world.rows('SELECT 1 FROM ledger.parked');
    expect(parked).toHaveLength(0);
  },
);

// Locks follow the plan, not the array. Whatever is scanned first gives the order: the sorted array, or the index of the same keys.
const ORDERED = /^(?!.*(Seq Scan|Bitmap))[^]*?(Function Scan on (unnest )?(mine|named)|Index Scan using \w+_pkey)/s;
/** What a large table needs: each key of the array is looked up. */
const DRIVEN =
  /Nested Loop\n\s+->  Function Scan on (unnest )?(mine|named).*\n\s+->  Index Scan using \w+_pkey.*\n\s+Index Cond: .*(mine|named)\./;

test.each([
  { rows: 0, like: ORDERED },
  { rows: 500, like: ORDERED },
  { rows: 100_000, like: DRIVEN },
])(
  'rows of a table with $rows rows are locked in the order of their keys',
  async ({ rows, like }) => {
    await addRows(rows);
    const worker = await openSession({
      url: world.database.serviceUrls.worker,
      applicationName: 'plans',
      connectTimeoutMs: 30_000,
      settings: SESSION_SETTINGS,
    });
    try {
      for (const statement of await bodiesOf(['move_partitions', 'lock_partitions'])) {
        expect(await planOf(worker, statement)).toMatch(ORDERED);
      }
      for (const statement of [...(await bodiesOf(['write_orders', 'write_balances'])), ...LOCKING]) {
        expect(await planOf(worker, statement)).toMatch(like);
      }
    } finally {
      await worker.close();
    }
  },
  120_000,
);

/** As a batch that is loaded under locks does. */
const LOCKING: readonly string[] = [
  `SELECT b.version FROM unnest($1::text[], $2::text[]) AS named (user_id, asset)
   JOIN ledger.balances AS b ON b.user_id = named.user_id AND b.asset = named.asset FOR NO KEY UPDATE OF b`,
  `SELECT o.version FROM unnest($1::text[]) AS named (order_id)
   JOIN ledger.orders AS o ON o.order_id = named.order_id FOR NO KEY UPDATE OF o`,
];

/** Fills the tables up, not in the order of their keys, and tells the planner. */
async function addRows(rows: number): Promise<void> {
  await world.rows('DROP TRIGGER IF EXISTS fail_batch ON ledger.balances');
  await world.rows(
    `INSERT INTO ledger.balances (user_id, asset, available, held, version)
     SELECT 'plan-' || n, 'USD', 1, 0, 1 FROM generate_series(1, $1::int) AS n ON CONFLICT DO NOTHING`,
    [rows],
  );
  await world.rows(
    `INSERT INTO ledger.orders (order_id, user_id, symbol, side, status, price, quantity, filled, hold, version)
     SELECT 'plan-' || n, 'u', 'BTC-USD', 'buy', 'open', 1, 1, 0, 1, 1 FROM generate_series(1, $1::int) AS n
     ON CONFLICT DO NOTHING`,
    [rows],
  );
  await world.rows('ANALYZE ledger.balances, ledger.orders');
}

function deposit(userId: string): Sent {
  return { commandId: newCommandId(), command: { type: 'DepositFunds', userId, asset: 'USD', amount: UNIT } };
}

async function balanceOf(userId: string): Promise<string | undefined> {
  const [row] = await world.rows<{ available: string }>(
    'SELECT available::text FROM ledger.balances WHERE user_id = $1',
    [userId],
  );
  return row?.available;
}

async function planOf(session: Session, statement: string): Promise<string> {
  const { rows } = await session.query<{ 'QUERY PLAN': string }>({
    text: `EXPLAIN (GENERIC_PLAN, COSTS OFF) ${statement}`,
  });
  return rows.map((row) => row['QUERY PLAN']).join('\n');
}

/** The statements inside functions of the ledger, with parameters in the place of their arguments. */
async function bodiesOf(names: readonly string[]): Promise<readonly string[]> {
  const rows = await world.rows<{ source: string; names: string[]; types: string[] }>(
    `SELECT prosrc AS source, proargnames AS names, proargtypes::regtype[]::text[] AS types FROM pg_proc
     WHERE pronamespace = 'ledger'::regnamespace AND proname = ANY ($1)`,
    [names],
  );
  expect(rows).toHaveLength(names.length);
  return rows.map(({ source, names: args, types }) => {
    const statement = /(UPDATE ledger\.|PERFORM 1)[^;]*/.exec(source)?.[0] ?? '';
    // Only what stands alone is an argument: `mine.epoch` and `AS mine (epoch)` are columns.
    return args.reduce(
      (text, name, index) =>
        text.replaceAll(new RegExp(`(?<=unnest\\([^)]*|= )\\b${name}\\b`, 'g'), `$${index + 1}::${types[index]}`),
      statement.replace('PERFORM 1', 'SELECT 1'),
    );
  });
}
