import type { FillAnswer, ListAnswer, OrderAnswer, TradeAnswer } from '@tradestream/answers';
import { encodeToken, newCommandId } from '@tradestream/contracts';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type Answer, call, type GatewayWorld, openGatewayWorld, ready } from '../support/gateway-world.ts';
import { replayedEverywhere } from '../support/replayed.ts';

type Page<Item> = ListAnswer<Item>;

/** Milliseconds of the first row; each further row is a second later. */
const START_MS = Date.UTC(2026, 0, 1);
const ROWS = 25;
const PROJECTIONS = ['trades', 'fills', 'orders', 'balances', 'candles'];

let world: GatewayWorld;
let api: string;

beforeAll(async () => {
  world = await openGatewayWorld(inject('endpoints'), 'gateway-reads', 1);
  await fillViews();
  await replayedEverywhere(world.ledger.database);
  const gateway = await world.startGateway();
  api = `${gateway.url}/v1`;
  await ready(gateway);
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test('trades come newest first in the documented shape', async () => {
  const { status, headers, body } = await get<Page<TradeAnswer>>('trades?limit=2');
  expect(status).toBe(200);
  expect(headers.get('x-served-by')).toMatch(/^replica-[123]$/);
  expect(body.items[0]).toEqual({
    id: 'order-24',
    orderId: 'order-24',
    userId: 'user-0',
    symbol: 'BTC-USD',
    side: 'buy',
    price: '40000.5',
    quantity: '0.1',
    timestamp: '2026-01-01T00:00:24.000Z',
  });
  expect(body.items[1]?.timestamp).toBe('2026-01-01T00:00:23.000Z');
  expect(body.nextCursor).toEqual(expect.any(String));
});

test('fills, orders, candles and balances have their shapes', async () => {
  const fills = await get<Page<FillAnswer>>('fills?orderId=order-3');
  expect(fills.body).toEqual({
    items: [
      {
        tradeId: 'trade-3',
        orderId: 'order-3',
        userId: 'user-1',
        symbol: 'ETH-USD',
        side: 'sell',
        price: '1',
        quantity: '2',
        cost: '2',
        timestamp: '2026-01-01T00:00:03.000Z',
      },
    ],
    nextCursor: null,
  });
  const order = {
    orderId: 'order-3',
    userId: 'user-1',
    symbol: 'ETH-USD',
    side: 'sell',
    price: '1',
    quantity: '2',
    filled: '0',
    hold: '2',
    status: 'open',
    placedAt: '2026-01-01T00:00:03.000Z',
    updatedAt: '2026-01-01T00:00:04.500Z',
  };
  expect((await get('orders/order-3')).body).toEqual(order);
  expect((await get('orders?orderId=order-3')).body).toEqual({ items: [order], nextCursor: null });
  const candles = await get<Page<Record<string, unknown>>>('candles?symbol=BTC-USD&limit=1');
  expect(candles.body.items).toEqual([
    {
      symbol: 'BTC-USD',
      minute: '2026-01-01T00:00:00.000Z',
      open: '1',
      high: '3',
      low: '0.5',
      close: '2',
      volume: '10',
      quoteVolume: '15',
      count: 4,
    },
  ]);
  expect((await get('balances/user-1')).body).toEqual({
    userId: 'user-1',
    balances: [
      { asset: 'BTC', available: '0.000000000000000001', held: '0' },
      { asset: 'USD', available: '99999999999999999999.999999999999999999', held: '1' },
    ],
  });
});

test('candles come oldest first, page by page', async () => {
  const minutes: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const path: string = `candles?symbol=BTC-USD&limit=4${cursor === '' ? '' : `&cursor=${cursor}`}`;
    const { body }: Answer<Page<{ minute: string }>> = await get(path);
    minutes.push(...body.items.map(({ minute }) => minute));
    cursor = body.nextCursor;
  }
  expect(minutes).toHaveLength(10);
  expect(minutes).toEqual([...minutes].sort());
});

test.each([
  ['trades?symbol=BTC-USD', 13],
  ['trades?symbol=ETH-USD', 12],
  ['trades?userId=user-0', 13],
  ['trades?userId=user-0&symbol=ETH-USD', 0],
  ['trades?orderId=order-7', 1],
  ['trades?from=2026-01-01T00:00:10.000Z', 15],
  ['trades?to=2026-01-01T00:00:10.000Z', 10],
  ['trades?from=2026-01-01T00:00:10.000Z&to=2026-01-01T00:00:11.000Z', 1],
  ['trades?from=2026-01-01T01:00:10%2B01:00', 15],
  ['fills?symbol=ETH-USD&from=2026-01-01T00:00:20Z', 2],
  ['orders?status=open', 20],
  ['orders?status=filled', 5],
  ['orders?status=cancelled', 0],
  ['orders?userId=user-1&status=filled', 2],
  ['orders?from=2026-01-01T00:00:24Z', 1],
  ['candles?symbol=BTC-USD&from=2026-01-01T00:05:00Z&to=2026-01-01T00:07:00Z', 2],
  ['candles?symbol=NO-SUCH', 0],
  ['trades?userId=nobody', 0],
  ['orders?userId=nobody', 0],
])('%s has %i rows', async (path, count) => {
  const { status, body } = await get<Page<unknown>>(path);
  expect(status).toBe(200);
  expect(body.items).toHaveLength(count);
  expect(body.nextCursor).toBeNull();
});

test('an unknown user has no balances, a balance of zero is none, and an unknown order is 404', async () => {
  expect(await get('balances/nobody')).toMatchObject({ status: 200, body: { userId: 'nobody', balances: [] } });
  expect(await get('balances/broke')).toMatchObject({ status: 200, body: { userId: 'broke', balances: [] } });
  expect(await get('orders/no-such-order')).toMatchObject({ status: 404, body: { code: 'ORDER_NOT_FOUND' } });
});

test.each([
  ['trades?limit=0', 'limit'],
  ['trades?limit=1001', 'limit'],
  ['trades?limit=ten', 'limit'],
  ['trades?limit=1.5', 'limit'],
  ['trades?limit=-1', 'limit'],
  ['trades?limit=', 'limit'],
  ['trades?limit=1&limit=2', 'limit'],
  ['trades?status=open', 'status'],
  ['trades?usrId=x', 'usrId'],
  ['trades?__proto__=x', '__proto__'],
  ['orders?status=closed', 'status'],
  ['orders?from=yesterday', 'from'],
  ['orders?from=2026-01-01', 'from'],
  ['orders?to=2026-01-01T00:00:00', 'to'],
  ['orders?userId=a%00b', 'userId'],
  ['orders?symbol=%00', 'symbol'],
  ['orders?cursor=nonsense', 'cursor'],
  ['orders?cursor=', 'cursor'],
  ['orders?timeoutMs=0', 'timeoutMs'],
  ['candles', 'symbol'],
  ['candles?symbol=BTC-USD&userId=x', 'userId'],
  ['orders/a%00b', 'orderId'],
  ['orders/x?limit=1', 'limit'],
  ['balances/a%20b', 'userId'],
  ['balances/user-1?asset=USD', 'asset'],
])('%s is refused by its parameter', async (path, field) => {
  const { status, headers, body } = await get(path);
  expect(status).toBe(400);
  expect(headers.get('content-type')).toMatch('application/problem+json');
  expect(body).toMatchObject({ code: 'INVALID_PARAMETER', field, rule: expect.any(String) });
});

test.each([
  [{ 'x-read-preference': 'fastest' }, 'X-Read-Preference'],
  [{ 'x-consistency-token': 'no token' }, 'X-Consistency-Token'],
  [{ 'x-consistency-token': Buffer.from('{"s":{"0":-1}}').toString('base64url') }, 'X-Consistency-Token'],
])('the header %o is refused', async (headers, field) => {
  expect(await get('trades', headers)).toMatchObject({ status: 400, body: { code: 'INVALID_PARAMETER', field } });
});

test.each([
  ['of another list', ['fills', '1767225610000000', 'order-1']],
  ['with a NUL byte', ['trades', '1767225610000000', 'a\u0000b']],
  ['before all time', ['trades', '-999999999999999999', 'order-1']],
  ['with a part too few', ['trades', '1767225610000000']],
  ['with numbers for texts', ['trades', 1, 2]],
])('a cursor %s is refused', async (_name, key) => {
  const cursor = Buffer.from(JSON.stringify(key)).toString('base64url');
  expect(await get(`trades?cursor=${cursor}`)).toMatchObject({ status: 400, body: { field: 'cursor' } });
});

test.each([7, 25, 1_000])('pages of %i make the whole list, each row once and in order', async (limit) => {
  const whole = await get<Page<TradeAnswer>>('trades?limit=1000');
  expect(await allPages(limit)).toEqual(whole.body.items.map(({ id }) => id));
});

test('rows that come in between pages move no other row', async () => {
  const before = (await get<Page<TradeAnswer>>('trades?limit=1000')).body.items.map(({ id }) => id);
  const seen = await allPages(5, async (page) => {
    await insertTrade(`newer-${page}`, START_MS + 3_600_000 + page);
    // Older than the page's end, too: it is met where it belongs.
    if (page === 0) await insertTrade('older-0', START_MS - 1);
  });
  expect(seen.filter((id) => !id.startsWith('older'))).toEqual(before);
  expect(seen.at(-1)).toBe('older-0');
  await world.ledger.rows(`DELETE FROM views.trades WHERE order_id LIKE 'newer-%' OR order_id LIKE 'older-%'`);
});

test('rows of one time are told apart by their ids', async () => {
  const ids = Array.from({ length: 9 }, (_, index) => `tie-${index}`);
  for (const id of ids) await insertTrade(id, START_MS - 5_000);
  const seen = await allPages(2);
  expect(seen.filter((id) => id.startsWith('tie-'))).toEqual(ids.toReversed());
  await world.ledger.rows(`DELETE FROM views.trades WHERE order_id LIKE 'tie-%'`);
});

test('the preference decides which nodes answer', async () => {
  // Of those that may answer, each does at some time: the one that is late just now has less to do.
  const servedBy = async (preference: string, count: number) => {
    const seen = new Set<string | null>();
    await eventually(
      async () => {
        const answers = await Promise.all(
          Array.from({ length: 24 }, () => get('trades?limit=1', { 'x-read-preference': preference })),
        );
        for (const { headers } of answers) seen.add(headers.get('x-served-by'));
        return seen.size >= count;
      },
      { withinMs: 60_000 },
    );
    return seen;
  };
  expect(await servedBy('primary', 1)).toEqual(new Set(['primary']));
  expect(await servedBy('secondary', 3)).toEqual(new Set(['replica-1', 'replica-2', 'replica-3']));
  expect(await servedBy('nearest', 4)).toEqual(new Set(['primary', 'replica-1', 'replica-2', 'replica-3']));
});

test('errors by type and the connections of all nodes are in the metrics', async () => {
  await Promise.all(Array.from({ length: 8 }, () => get('trades?limit=1')));
  const { text } = await call(`${api.replace('/v1', '')}/metrics`);
  for (const type of ['CONNECTION_ERROR', 'QUERY_ERROR', 'TRANSACTION_ERROR', 'REPLICATION_ERROR']) {
    expect(text).toContain(`tradestream_database_errors_total{type="${type}",service="gateway"} 0`);
  }
  const figure = (name: string) =>
    Number(new RegExp(`^tradestream_pool_${name}\\{service="gateway"\\} (\\d+)$`, 'm').exec(text)?.[1]);
  expect(figure('connections')).toBeGreaterThanOrEqual(1);
  expect(figure('in_use')).toBeGreaterThanOrEqual(0);
  expect(figure('waiting')).toBeGreaterThanOrEqual(0);
  expect(figure('wait_seconds_count')).toBeGreaterThanOrEqual(8);
});

test('a token that no node shows is 503 NOT_YET_VISIBLE, and is answered once the views have it', async () => {
  const token = encodeToken({ seqs: { 0: 1_000 } });
  const headers = { 'x-consistency-token': token };
  const early = await get('trades?timeoutMs=300', headers);
  expect(early).toMatchObject({ status: 503, body: { code: 'NOT_YET_VISIBLE' } });
  expect(Number(early.headers.get('retry-after'))).toBeGreaterThan(0);
  const waiting = get('trades?timeoutMs=30000', headers);
  await world.ledger.rows(`UPDATE views.positions SET seq = 1000 WHERE projection = 'trades'`);
  const answer = await waiting;
  expect(answer.status).toBe(200);
  expect(answer.headers.get('x-consistency-token')).toBe(token);
  // Each projection proves its own rows only.
  expect((await get('orders?timeoutMs=300', headers)).status).toBe(503);
  // The same for a partition that nobody has projected.
  const other = { 'x-consistency-token': encodeToken({ seqs: { 7: 1 } }) };
  expect((await get('trades?timeoutMs=300', other)).status).toBe(503);
});

test('a receipt of nothing and a read of everything need no token', async () => {
  expect((await call(`${api}/receipts/${newCommandId()}`)).status).toBe(404);
  const { headers } = await get<Page<OrderAnswer>>('orders');
  expect(headers.get('x-consistency-token')).toEqual(encodeToken({ seqs: { 0: 10 } }));
});

async function get<Body = Readonly<Record<string, unknown>>>(
  path: string,
  headers: Readonly<Record<string, string>> = {},
) {
  return await call<Body>(`${api}/${path}`, { headers });
}

async function allPages(limit: number, between?: (page: number) => Promise<void>): Promise<readonly string[]> {
  const ids: string[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < 100; page += 1) {
    const headers = { 'x-read-preference': 'primary' };
    const path: string = `trades?limit=${limit}${cursor === null ? '' : `&cursor=${cursor}`}`;
    const { body }: Answer<Page<TradeAnswer>> = await get(path, headers);
    ids.push(...body.items.map(({ id }) => id));
    cursor = body.nextCursor;
    if (cursor === null) break;
    await between?.(page);
  }
  return ids;
}

async function insertTrade(id: string, atMs: number): Promise<void> {
  await world.ledger.rows(
    `INSERT INTO views.trades (order_id, user_id, symbol, side, quantity, price, timestamp, cost)
     VALUES ($1, 'late', 'BTC-USD', 'buy', 1, 1, to_timestamp($2::numeric / 1000), 1)`,
    [id, atMs],
  );
}

/** Rows as a projector would leave them: even ones buy BTC for user-0, odd ones sell ETH for user-1. */
async function fillViews(): Promise<void> {
  const { ledger } = world;
  const at = `to_timestamp(${START_MS} / 1000 + n)`;
  const owner = `'user-' || n % 2, CASE n % 2 WHEN 0 THEN 'BTC-USD' ELSE 'ETH-USD' END, CASE n % 2 WHEN 0 THEN 'buy' ELSE 'sell' END`;
  const numbers = `FROM generate_series(0, ${ROWS - 1}) AS n`;
  await ledger.rows(
    `INSERT INTO views.trades (order_id, user_id, symbol, side, quantity, price, timestamp, cost)
     SELECT 'order-' || n, ${owner}, 0.10, 40000.50, ${at}, 1 ${numbers}`,
  );
  await ledger.rows(
    `INSERT INTO views.fills (trade_id, order_id, user_id, symbol, side, price, quantity, cost, timestamp)
     SELECT 'trade-' || n, 'order-' || n, ${owner}, 1, 2, 2, ${at} ${numbers}`,
  );
  await ledger.rows(
    `INSERT INTO views.orders (id, user_id, symbol, side, price, quantity, filled, hold, status, placed_at, updated_at, version, first_version)
     SELECT 'order-' || n, ${owner}, 1, 2, 0, 2, CASE WHEN n % 5 = 0 THEN 'filled' ELSE 'open' END, ${at},
       ${at} + interval '1500 ms', 1, 1 ${numbers}`,
  );
  await ledger.rows(
    `INSERT INTO views.candles (symbol, minute, open, high, low, close, volume, quote_volume, count, opened_at, opened_partition,
       opened_seq, closed_at, closed_partition, closed_seq)
     SELECT 'BTC-USD', to_timestamp(${START_MS} / 1000 + n * 60), 1, 3, 0.5, 2.000, 10, 15, 4, now(), 0, 1, now(), 0, 1
     FROM generate_series(0, 9) AS n`,
  );
  await ledger.rows(
    `INSERT INTO views.balances (version, user_id, asset, available, held) VALUES
       (1, 'user-1', 'USD', 99999999999999999999.999999999999999999, 1), (1, 'user-1', 'BTC', 0.000000000000000001, 0),
       (1, 'user-1', 'EUR', 0, 0), (1, 'broke', 'USD', 0, 0)`,
  );
  await ledger.rows(
    `INSERT INTO views.positions (projection, version, partition, seq) SELECT unnest($1::text[]), 1, 0, 10`,
    [PROJECTIONS],
  );
}
