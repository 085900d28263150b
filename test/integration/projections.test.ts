import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { migrate, openSession } from '@tradestream/database';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { makeFaultyLoad } from '../support/faulty-load.ts';
import { call, type GatewayWorld, openGatewayWorld, ready, type ServiceProcess } from '../support/gateway-world.ts';
import type { LedgerWorld } from '../support/ledger-world.ts';
import { waitsForLock } from '../support/lock-waits.ts';
import { MONITOR_TOKENS, type MonitorProcess } from '../support/monitor-process.ts';
import { monitorOf } from '../support/monitor-world.ts';
import { ask, ended, request, requestRow } from '../support/projection-requests.ts';
import { type CliRun, runCli } from '../support/run-cli.ts';
import { verifyWorld } from '../support/verify-world.ts';
import { expectedViews, ledgerEvents, storedViews } from '../support/view-oracle.ts';

const load = makeFaultyLoad({ seed: 23, count: 6_000, users: 60 });
const [first, second] = [load.sent.slice(0, 2_000), load.sent.slice(2_000)];
const SETTINGS = { TRADESTREAM_PROJECTOR_SESSION_TIMEOUT_MS: '6000' };
const WITHIN = { withinMs: 60_000 };
let world: GatewayWorld;
let ledger: LedgerWorld;
let gateway: ServiceProcess;
let projectors: readonly ServiceProcess[];
let monitor: MonitorProcess;

beforeAll(async () => {
  world = await openGatewayWorld(inject('endpoints'), 'projections');
  ledger = world.ledger;
  ledger.startWorker();
  // As `views.announce` leaves it: a view that nothing was ever projected into.
  await ledger.rows(`DELETE FROM views.projections WHERE projection = 'fills'`);
  await ledger.rows(`SELECT views.announce('fills')`);
  gateway = await world.startGateway();
  await ledger.send(load.setup);
  await ledger.send(first);
  await ledger.applied(60_000);
  await ready(gateway);
  await migrate({ url: ledger.database.url, folder: 'schemas/sql/monitor', schema: 'monitor', log: ledger.log });
  monitor = await monitorOf(ledger);
});
afterAll(async () => {
  await monitor.stop();
  await world[Symbol.asyncDispose]();
});

test('a projection added to a running system is not read before it is whole', async () => {
  const others = 'balances,candles,orders,trades';
  const before = await world.startProjector({ ...SETTINGS, TRADESTREAM_PROJECTOR_PROJECTIONS: others });
  await eventually(async () => expect((await call(`${gateway.url}/v1/trades`)).text).toContain('orderId'), WITHIN);
  expect((await call(`${gateway.url}/v1/fills?timeoutMs=100`)).body).toMatchObject({ code: 'NOT_YET_VISIBLE' });
  await before.close();
  projectors = [await world.startProjector(SETTINGS), await world.startProjector(SETTINGS)];
  await ledger.projected(60_000);
  await expectViewsOfEvents();
  const [asked] = await ledger.rows<{ state: string; runs: number }>('SELECT state, runs FROM views.requests');
  expect(asked).toEqual({ state: 'done', runs: 1 });
  await eventually(async () => expect((await call(`${gateway.url}/v1/fills`)).text).toContain('tradeId'), WITHIN);
}, 120_000);

test.for([
  { view: 'balances', key: `user_id || '/' || asset`, change: 'available = available + 1' },
  { view: 'candles', key: `symbol || '/' || to_char(minute, 'YYYY-MM-DD"T"HH24:MI"Z"')`, change: 'high = high * 2' },
  { view: 'fills', key: `symbol || '/' || trade_id || '/' || side`, change: `user_id = 'nobody'` },
  { view: 'orders', key: 'id', change: `status = 'cancelled', version = version + 100` },
  { view: 'trades', key: 'order_id', change: 'price = price / 3' },
])(
  'a row of $view changed by hand is named alone, and made right by the repair of its key',
  async ({ view, key, change }) => {
    const [row] = await ledger.rows<{ key: string }>(
      `SET TIME ZONE 'UTC'; UPDATE views.${view} SET ${change} WHERE ctid = (SELECT ctid FROM views.${view} LIMIT 1)
     RETURNING ${key} AS key`,
    );
    const found = await ask(ledger, 'verify', view);
    expect(found.result).toMatchObject({ count: 1, differences: [{ key: row?.key, kind: 'different' }] });
    const { done, total, result } = await ask(ledger, 'repair', view, row?.key);
    expect(result).toMatchObject({ changed: true, rows: 1 });
    expect(done).toBe(total);
    expect((await ask(ledger, 'verify', view)).result).toMatchObject({ count: 0, differences: [] });
  },
);

test('a rebuild under traffic, its projector killed in the middle, shows no reader less than was there', async () => {
  // Rows that no event makes, and one that is gone: what the rebuild puts right is said.
  await ledger.rows(`INSERT INTO views.candles SELECT 'NO-NE', minute, open, high, low, close, volume, quote_volume, count,
    opened_at, opened_partition, opened_seq, closed_at, closed_partition, closed_seq FROM views.candles LIMIT 1`);
  const readers = [watchTrades('primary'), watchTrades('secondary'), watchTrades('secondary', 'token')];
  const sending = sendAtRate(second, 500);
  // The first chunk of the new version waits for this row, and whoever writes it is killed there.
  const row = `INSERT INTO views.side_positions SELECT 'candles', 2, partition, 1, 0, 0 FROM generate_series(0, 5) AS partition`;
  const [loading, id] = await whileHeld(row, async () => {
    const asked = await request(ledger, 'rebuild', 'candles');
    await eventually(async () => {
      expect(await requestRow(ledger, asked)).toMatchObject({ phase: 'loading', runs: 1 });
      expect(await waitsForLock(ledger, { application: 'tradestream-rebuild' })).toBe(true);
    }, WITHIN);
    const killed = await busyProjector();
    killed.child.kill('SIGKILL');
    await once(killed.child, 'exit');
    return [killed, asked] as const;
  });
  // While somebody reads the old table nothing takes its place, and the rebuild tries again.
  await whileHeld('LOCK TABLE views.candles IN ACCESS SHARE MODE', async () => {
    await eventually(
      async () => expect(await requestRow(ledger, id)).toMatchObject({ phase: 'swapping', runs: 2 }),
      WITHIN,
    );
    expect(await versionOf('candles')).toEqual({ live: 1, next: 2, kept: null });
  });
  expect(await ended(ledger, id)).toMatchObject({ state: 'done', runs: 2, result: { version: 2, live: { count: 1 } } });
  expect(await versionOf('candles')).toEqual({ live: 2, next: null, kept: 1 });
  await sending;
  await ledger.applied(60_000);
  await ledger.projected(60_000);
  await expectViewsOfEvents();
  const counts = await Promise.all(readers.map(async (reader) => await reader.stop()));
  expect(counts.map(({ fewer }) => fewer)).toEqual([[], [], []]);
  expect(Math.min(...counts.map(({ reads }) => reads))).toBeGreaterThan(20);
  expect(projectors).toContain(loading);
}, 120_000);

test('the version that was replaced catches up and takes its place again, and can be dropped', async () => {
  expect(await ask(ledger, 'rollback', 'candles')).toMatchObject({
    state: 'done',
    result: { version: 1, next: { count: 1 } },
  });
  expect(await versionOf('candles')).toEqual({ live: 1, next: null, kept: 2 });
  // What was wrong with it is wrong again; everything else is as new as before.
  const verdict = await ask(ledger, 'verify', 'candles');
  expect(verdict.result?.differences).toMatchObject([{ kind: 'surplus' }]);
  expect((await ask(ledger, 'repair', 'candles', verdict.result?.differences?.[0]?.key)).state).toBe('done');
  await expectViewsOfEvents();
  expect(await ask(ledger, 'drop-kept', 'candles')).toMatchObject({ state: 'done', result: { dropped: 2 } });
  expect(await ask(ledger, 'rollback', 'candles')).toMatchObject({ state: 'failed' });
  const refused = await ask(ledger, 'repair', 'candles', 'BTC-USD/yesterday');
  expect(refused.error).toContain('KEY_INVALID');
}, 120_000);

test.for(['primary', 'secondary'] as const)(
  'a read on the %s that meets a swap is of one version, whole',
  async (node) => {
    const headers = { 'x-read-preference': node };
    const before = await call<Candles>(CANDLES(), { headers });
    expect(before.body.items.length).toBeGreaterThan(0);
    const nodes = node === 'primary' ? [ledger.database.url] : Object.values(ledger.database.replicaUrls);
    const swap = await openSession({ url: ledger.database.url, applicationName: 'swap', connectTimeoutMs: 30_000 });
    await swap.query({ text: 'BEGIN' });
    await swap.query({ text: 'LOCK TABLE views.candles IN ACCESS EXCLUSIVE MODE' });
    await eventually(async () => expect(await countLocks(nodes, 'granted')).toBe(nodes.length), WITHIN);
    const reading = call<Candles>(CANDLES(), { headers });
    await eventually(async () => expect(await countLocks(nodes, 'NOT granted')).toBeGreaterThan(0), WITHIN);
    // Rows that no snapshot taken until now can see.
    for (const text of [
      `SELECT views.begin_next('candles', gen_random_uuid())`,
      'INSERT INTO views_next.candles SELECT * FROM views.candles',
      `INSERT INTO views.side_positions (projection, version, partition, timeline, seq, next_offset)
     SELECT projection, next_version, partition, timeline, seq, next_offset
     FROM views.positions JOIN views.projections USING (projection) WHERE projection = 'candles'`,
      `SELECT views.index_next('candles')`,
      `SELECT views.swap_in('candles')`,
      'COMMIT',
    ])
      await swap.query({ text });
    expect((await reading).body).toEqual(before.body);
    await swap.close();
  },
);

test('the same verbs on the command line, as jobs of the monitor that an operator alone may start', async () => {
  const before = await describeTable('orders');
  expect(before.indexes).toHaveLength(4);
  const [row] = await ledger.rows<{ id: string }>(
    `UPDATE views.orders SET filled = filled + 1 WHERE id = (SELECT min(id) FROM views.orders) RETURNING id`,
  );
  const found = await tradestream('projections', 'verify', 'orders', '-o', 'json');
  expect(found).toMatchObject({ exitCode: 1, err: expect.stringContaining('1 differ') });
  expect(JSON.parse(found.out)).toMatchObject({ count: 1, differences: [{ key: row?.id, columns: ['filled'] }] });
  const dry = await tradestream('replay', 'projection', 'orders');
  expect(dry).toMatchObject({ exitCode: 1, out: expect.stringContaining(`${row?.id} `) });
  const repaired = await tradestream('projections', 'rebuild', 'orders', '--key', row?.id ?? '', '--why', 'a drill');
  expect(repaired).toMatchObject({ exitCode: 0, out: expect.stringMatching(/changed +true/) });
  expect((await tradestream('projections', 'verify', 'orders')).exitCode).toBe(0);
  const rebuilt = await tradestream('projections', 'rebuild', 'orders', '-o', 'json');
  expect(JSON.parse(rebuilt.out)).toMatchObject({ version: 2, replaced: 1, live: { count: 0 }, next: { count: 0 } });
  // Indexes, their names, constraints, settings and rights are those of the table that was replaced.
  expect(await describeTable('orders')).toEqual(before);
  const listed = await tradestream('projections', 'list', '-o', 'json');
  expect(listed.out.split('\n').find((line) => line.includes('"orders"'))).toContain(
    '"liveVersion":2,"nextVersion":null,"keptVersion":1',
  );
  expect(await tradestream('projections', 'rollback', 'trades')).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining('409'),
  });
  const rows = await ledger.rows(`SELECT actor, why FROM ledger.audit WHERE why = 'a drill'`);
  expect(rows).toMatchObject([{ why: 'a drill', actor: expect.stringContaining('operator') }]);
  const refused = await fetch(`${monitor.url}/v1/projections/orders/rebuild`, {
    method: 'POST',
    headers: { authorization: `Bearer ${MONITOR_TOKENS.reader}` },
  });
  expect(refused.status).toBe(403);
  expect(await verifyWorld(ledger)).toMatchObject({ ok: true, firstContradiction: null });
}, 120_000);

function tradestream(...args: readonly string[]): Promise<CliRun> {
  return runCli({ url: monitor.url, token: MONITOR_TOKENS.operator }, args);
}

type Candles = { readonly items: readonly { readonly count: number }[] };
const CANDLES = () => `${gateway.url}/v1/candles?symbol=C08-USD&limit=1000`;

test('while indexes of a new version are built, projectors can take up their positions', async () => {
  await ledger.rows(`SELECT views.begin_next('trades', gen_random_uuid())`);
  const session = await openSession({ url: ledger.database.url, applicationName: 'indexer', connectTimeoutMs: 30_000 });
  // Stands for many rows: an index waits for whoever writes to its table.
  const { indexing } = await whileHeld('LOCK TABLE views_next.trades IN ROW EXCLUSIVE MODE', async () => {
    const begun = session.query({ text: `SELECT views.index_next('trades')` });
    await eventually(async () => expect(await waitsForLock(ledger, { application: 'indexer' })).toBe(true), WITHIN);
    expect(await ledger.rows('SELECT projection FROM views.projections FOR SHARE NOWAIT')).toHaveLength(5);
    return { indexing: begun };
  });
  await indexing;
  await session.close();
  const [row] = await ledger.rows(`SELECT next_indexed FROM views.projections WHERE projection = 'trades'`);
  expect(row).toEqual({ next_indexed: true });
  await ledger.rows(`SELECT views.drop_side('trades', 'next')`);
});

type Watch = { readonly stop: () => Promise<{ readonly reads: number; readonly fewer: readonly string[] }> };

/** Reads the candles of one symbol over and over: the trades in them never become fewer on a node, nor behind a token. */
function watchTrades(preference: 'primary' | 'secondary', mode: 'node' | 'token' = 'node'): Watch {
  const highest = new Map<string, number>();
  const fewer: string[] = [];
  let isStopped = false;
  let reads = 0;
  let token: string | null = null;
  const read = async () => {
    const headers: Record<string, string> = { 'x-read-preference': preference };
    if (mode === 'token' && token !== null) headers['x-consistency-token'] = token;
    const { status, text, body, headers: answered } = await call<Candles>(CANDLES(), { headers });
    if (status !== 200) return fewer.push(text);
    const count = body.items.reduce((sum, item) => sum + item.count, 0);
    const reader = mode === 'token' ? 'token' : (answered.get('x-served-by') ?? '');
    if (count < (highest.get(reader) ?? 0)) fewer.push(`${reader}: ${count} after ${highest.get(reader)}`);
    highest.set(reader, count);
    token = answered.get('x-consistency-token');
    reads += 1;
    return reads;
  };
  const reading = (async () => {
    while (!isStopped) await read().catch((error: unknown) => (isStopped = fewer.push(String(error)) > 0));
  })();
  return {
    stop: async () => {
      isStopped = true;
      await reading;
      return { reads, fewer };
    },
  };
}

async function sendAtRate(commands: typeof load.sent, perSecond: number): Promise<void> {
  const startedMs = performance.now();
  const step = perSecond / 20;
  for (let sent = 0; sent < commands.length; sent += step) {
    await eventually(() => performance.now() - startedMs >= (sent * 1_000) / perSecond, {
      withinMs: 60_000,
      everyMs: 10,
    });
    await ledger.send(commands.slice(sent, sent + step));
  }
}

/** Does something while another transaction has run a statement and goes on. */
async function whileHeld<T>(statement: string, work: () => Promise<T>): Promise<T> {
  const session = await openSession({ url: ledger.database.url, applicationName: 'holder', connectTimeoutMs: 30_000 });
  try {
    await session.query({ text: 'BEGIN' });
    await session.query({ text: statement });
    return await work();
  } finally {
    await session.close();
  }
}

/** Exclusive locks on the candles that are held, and those of readers that wait, over the nodes. */
async function countLocks(nodes: readonly string[], state: 'granted' | 'NOT granted'): Promise<number> {
  let count = 0;
  for (const url of nodes) {
    const session = await openSession({ url, applicationName: 'looker', connectTimeoutMs: 30_000 });
    const { rowCount } = await session.query({
      text: `SELECT FROM pg_locks WHERE relation = 'views.candles'::regclass AND ${state}
             AND (mode = 'AccessExclusiveLock') = ${state === 'granted'}`,
    });
    await session.close();
    count += rowCount;
  }
  return count;
}

/** The projector that took the request up, by its log. */
async function busyProjector(): Promise<ServiceProcess> {
  for (const projector of projectors) {
    if (/"kind":"rebuild","projection":"candles".*request_taken_up/.test(await readFile(projector.logFile, 'utf8')))
      return projector;
  }
  throw new Error('no projector has taken the request up');
}

async function versionOf(projection: string) {
  const [row] = await ledger.rows(
    'SELECT live_version AS live, next_version AS next, kept_version AS kept FROM views.projections WHERE projection = $1',
    [projection],
  );
  return row;
}

async function describeTable(view: string) {
  const [row] = await ledger.rows<{ indexes: string[] }>(
    `SELECT (SELECT array_agg(indexname || ' ' || indexdef ORDER BY indexname) FROM pg_indexes
             WHERE schemaname = 'views' AND tablename = $1) AS indexes,
            (SELECT array_agg(conname || ' ' || pg_get_constraintdef(oid) ORDER BY conname) FROM pg_constraint
             WHERE conrelid = c.oid) AS constraints, c.reloptions, c.relacl::text[] AS rights
     FROM pg_class AS c WHERE c.oid = format('views.%I', $1::text)::regclass`,
    [view],
  );
  if (row === undefined) throw new Error(`no view ${view}`);
  return row;
}

async function expectViewsOfEvents(): Promise<void> {
  expect(await storedViews(ledger)).toEqual(expectedViews(await ledgerEvents(ledger)));
}
