import { type Base, cutOf } from './base.ts';
import { Contradiction, expectHolds } from './contradiction.ts';
import { balanceKey, type Market, tradeKey } from './model/market.ts';
import { loadRows, micros, readPages } from './pages.ts';
import type { Snapshot } from './snapshot.ts';
import { type BalanceRow, type OrderRow, orderOf } from './state.ts';
import { productDown, unitsOf } from './units.ts';
import type { ViewFold } from './view-fold.ts';

type FillRow = {
  readonly symbol: string;
  readonly trade_id: string;
  readonly partition: number;
  readonly seq: number;
  readonly side: string | null;
  readonly order_id: string;
  readonly user_id: string;
  readonly price: string;
  readonly quantity: string;
  readonly cost: string;
  readonly timestamp: number;
};

const OF_BASE = `JOIN unnest($1::int[], $2::bigint[]) AS cut (partition, seq) ON cut.partition = t.partition AND t.seq <= cut.seq`;

/** Trades in the order of their ids, each with its two fills side by side. */
const FILLS = `
  SELECT t.symbol, t.trade_id, t.partition, t.seq::float8 AS seq, f.side, f.order_id, f.user_id, f.price::text, f.quantity::text,
         f.cost::text, ${micros('f.timestamp')} AS timestamp
  FROM ledger.trades AS t ${OF_BASE}
  LEFT JOIN views.fills AS f ON f.symbol = t.symbol AND f.trade_id = t.trade_id
  ORDER BY t.symbol, t.trade_id, f.side`;

/**
 * Starts the fold from a stored snapshot: balances and orders as it has them, trades as `ledger.trades`
 * names their events. Fills from before it are no longer in any event: they are held against each other
 * and against the orders of the snapshot, and trades and candles are made of them.
 * @returns the trades that were executed before it @throws {Contradiction}
 */
export async function startFromBase(snapshot: Snapshot, market: Market, views: ViewFold): Promise<number> {
  const { session, base, positions } = snapshot;
  if (base === null) return 0;
  await loadState(snapshot, base, market);
  await expectTradesOfEvents(snapshot, base);
  if (positions === null) {
    const text = `SELECT t.symbol, t.trade_id, t.partition, t.seq::float8 AS seq FROM ledger.trades AS t ${OF_BASE}`;
    for await (const page of readPages<FillRow>(session, { text, values: cutOf(base) }))
      for (const row of page) addTrade(market, row);
    return market.trades.size;
  }
  let buy: FillRow | null = null;
  for await (const page of readPages<FillRow>(session, { text: FILLS, values: cutOf(base) })) {
    for (const row of page) {
      addTrade(market, row);
      if (buy === null) {
        expectHolds('views', row.side === 'buy', () => `${nameOf(row)} has no buying side, and its event was removed`);
        buy = row;
      } else {
        expectPair(buy, row);
        for (const fill of [buy, row]) takeFill(views, fill);
        buy = null;
      }
    }
  }
  expectHolds('views', buy === null, () => `${nameOf(buy)} has no selling side, and its event was removed`);
  expectFilled(base, market, views);
  return market.trades.size;
}

async function loadState({ session }: Snapshot, { id }: Base, market: Market): Promise<void> {
  const balances = `SELECT user_id, asset, available::text, held::text, version::float8 AS version
    FROM ledger.snapshot_balances WHERE snapshot_id = $1`;
  const unknown = { firstVersion: 1, firstAt: null, lastAt: null };
  for await (const page of readPages<BalanceRow>(session, { text: balances, values: [id] })) {
    for (const { user_id: userId, asset, available, held, version } of page) {
      const now = { userId, asset, available: unitsOf(available), held: unitsOf(held), version };
      market.balances.set(balanceKey(userId, asset), { now, shown: { ...unknown, value: now }, met: 0 });
    }
  }
  type Row = OrderRow & { readonly placed_at: number | null; readonly updated_at: number | null };
  const orders = `SELECT order_id, user_id, symbol, side::text, price::text, quantity::text, filled::text, hold::text, status::text,
      version::float8 AS version, ${micros('placed_at')} AS placed_at, ${micros('updated_at')} AS updated_at
    FROM ledger.snapshot_orders WHERE snapshot_id = $1`;
  for await (const page of readPages<Row>(session, { text: orders, values: [id] })) {
    for (const row of page) {
      const now = orderOf(row);
      const shown = { value: now, firstVersion: 1, firstAt: row.placed_at, lastAt: row.updated_at };
      market.orders.set(now.orderId, { now, shown, met: 0 });
    }
  }
}

/** Each trade from before the base names an event that executed one, and each such event has its trade. */
async function expectTradesOfEvents({ session }: Snapshot, base: Base): Promise<void> {
  const [odd] = await loadRows<{ trade_id: string | null; partition: number; seq: number }>(
    session,
    `SELECT t.trade_id, coalesce(t.partition, e.partition) AS partition, coalesce(t.seq, e.seq)::float8 AS seq
     FROM (SELECT t.* FROM ledger.trades AS t ${OF_BASE}) AS t
     FULL JOIN (SELECT t.* FROM ledger.every_event AS t ${OF_BASE} WHERE t.type = 'TradeExecuted') AS e
       ON e.partition = t.partition AND e.seq = t.seq
     WHERE t.trade_id IS NULL OR e.type IS NULL ORDER BY 2, 3 LIMIT 1`,
    cutOf(base),
  );
  expectHolds('state', odd === undefined, () => {
    const place = `event ${odd?.partition}/${odd?.seq}`;
    return odd?.trade_id === null
      ? `ledger.trades lacks the trade that ${place} executed`
      : `ledger.trades: ${odd?.trade_id} names ${place}, which executed none`;
  });
}

function addTrade(market: Market, { symbol, trade_id, partition, seq }: FillRow): void {
  market.trades.set(tradeKey(symbol, trade_id), { partition, seq });
}

function expectPair(buy: FillRow, sell: FillRow): void {
  const isPair = sell.symbol === buy.symbol && sell.trade_id === buy.trade_id && sell.side === 'sell';
  expectHolds('views', isPair, () => `${nameOf(buy)} has no selling side, and its event was removed`);
  const fits =
    unitsOf(buy.price) === unitsOf(sell.price) &&
    unitsOf(buy.quantity) === unitsOf(sell.quantity) &&
    unitsOf(buy.cost) === unitsOf(sell.cost) &&
    buy.timestamp === sell.timestamp &&
    unitsOf(buy.cost) === productDown(unitsOf(buy.price), unitsOf(buy.quantity));
  expectHolds('views', fits, () => `${nameOf(buy)}: its two sides do not agree, or its cost is not price by quantity`);
}

function takeFill(views: ViewFold, fill: FillRow): void {
  views.takeFill({
    orderId: fill.order_id,
    userId: fill.user_id,
    symbol: fill.symbol,
    side: fill.side ?? '',
    price: unitsOf(fill.price),
    quantity: unitsOf(fill.quantity),
    cost: unitsOf(fill.cost),
    place: { executedAt: fill.timestamp, partition: fill.partition, seq: fill.seq },
  });
}

/** What the fills of an order add up to is what the snapshot has of it. */
function expectFilled({ id }: Base, market: Market, { executed }: ViewFold): void {
  for (const [orderId, { quantity, userId, symbol, side }] of executed) {
    const order = market.order(orderId);
    const fits =
      order?.filled === quantity && order.userId === userId && order.symbol === symbol && order.side === side;
    if (!fits)
      throw new Contradiction('views', `views.fills: order ${orderId} has other fills than snapshot ${id} has filled`);
  }
  for (const { now } of market.orders.values()) {
    expectHolds(
      'views',
      now.filled === 0n || executed.has(now.orderId),
      () => `views.fills: order ${now.orderId} has no fills, and snapshot ${id} has filled it`,
    );
  }
}

function nameOf(fill: FillRow | null): string {
  return `views.fills: trade ${fill?.trade_id} of ${fill?.symbol} (event ${fill?.partition}/${fill?.seq})`;
}
