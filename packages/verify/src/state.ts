import { type Balance, formatAmount, type Order } from '@tradestream/trading';
import { Contradiction, expectHolds } from './contradiction.ts';
import { balanceKey, type Market, type Told, tradeKey } from './model/market.ts';
import { differenceOf, sameOrder } from './model/replay.ts';
import { readPages } from './pages.ts';
import type { Snapshot } from './snapshot.ts';
import { unitsOf } from './units.ts';

/** Columns of both `ledger.balances` and a stored snapshot's. */
export type BalanceRow = {
  readonly user_id: string;
  readonly asset: string;
  readonly available: string;
  readonly held: string;
  readonly version: number;
};

/** A column list of both `ledger.orders` and `views.orders`, under one set of names. */
export type OrderRow = {
  readonly order_id: string;
  readonly user_id: string;
  readonly symbol: string;
  readonly side: Order['side'];
  readonly price: string;
  readonly quantity: string;
  readonly filled: string;
  readonly hold: string;
  readonly status: Order['status'];
  readonly version: number;
};

/** Balances, orders and trades are what the events come to. @throws {Contradiction} */
export async function checkState(snapshot: Snapshot, market: Market): Promise<void> {
  await checkBalances(snapshot, 'ledger.balances', market, (told) => told.now);
  await checkOrders(snapshot, market);
  await checkTrades(snapshot, market);
}

/**
 * Compares a table of balances with what `wanted` says of each. A row of zero equals none.
 * @throws {Contradiction}
 */
export async function checkBalances(
  { session }: Snapshot,
  table: 'ledger.balances' | 'views.balances',
  market: Market,
  wanted: (told: Told<Balance>) => Balance | undefined,
): Promise<void> {
  const invariant = table === 'ledger.balances' ? 'state' : 'views';
  const bit = table === 'ledger.balances' ? 1 : 2;
  const text = `SELECT user_id, asset, available::text, held::text, version::float8 AS version FROM ${table}`;
  for await (const page of readPages<BalanceRow>(session, { text })) {
    for (const row of page) {
      const told = market.balances.get(balanceKey(row.user_id, row.asset));
      const should = told === undefined ? undefined : wanted(told);
      if (told !== undefined) told.met |= bit;
      const available = unitsOf(row.available);
      const held = unitsOf(row.held);
      const fits =
        available === (should?.available ?? 0n) &&
        held === (should?.held ?? 0n) &&
        row.version === (should?.version ?? 0);
      expectHolds(invariant, fits, () => {
        const is = `${formatAmount(available)} + ${formatAmount(held)} (version ${row.version})`;
        return `${table}: ${row.user_id} ${row.asset} is ${is}, its events give ${textOf(should)}`;
      });
    }
  }
  for (const told of market.balances.values()) {
    const should = wanted(told);
    if (should === undefined || (told.met & bit) !== 0) continue;
    throw new Contradiction(
      invariant,
      `${table}: ${should.userId} ${should.asset} is missing, its events give ${textOf(should)}`,
    );
  }
}

async function checkOrders({ session }: Snapshot, market: Market): Promise<void> {
  const text = `SELECT order_id, user_id, symbol, side::text, price::text, quantity::text, filled::text, hold::text, status::text,
                       version::float8 AS version FROM ledger.orders`;
  for await (const page of readPages<OrderRow>(session, { text })) {
    for (const row of page) {
      const told = market.orders.get(row.order_id);
      const found = orderOf(row);
      if (told !== undefined) told.met |= 1;
      expectHolds('state', told !== undefined && sameOrder(found, told.now), () => {
        const how = told === undefined ? 'no event placed it' : differenceOf(found, told.now);
        return `ledger.orders: ${row.order_id}: ${how}`;
      });
    }
  }
  for (const [orderId, told] of market.orders) {
    expectHolds(
      'state',
      (told.met & 1) !== 0,
      () => `ledger.orders: ${orderId} is missing, its events give version ${told.now.version}`,
    );
  }
}

export function orderOf(row: OrderRow): Order {
  return {
    orderId: row.order_id,
    userId: row.user_id,
    symbol: row.symbol,
    side: row.side,
    price: unitsOf(row.price),
    quantity: unitsOf(row.quantity),
    filled: unitsOf(row.filled),
    hold: unitsOf(row.hold),
    status: row.status,
    version: row.version,
  };
}

async function checkTrades({ session }: Snapshot, market: Market): Promise<void> {
  const text = 'SELECT symbol, trade_id, partition, seq::float8 AS seq FROM ledger.trades';
  let count = 0;
  for await (const page of readPages<{ symbol: string; trade_id: string; partition: number; seq: number }>(session, {
    text,
  })) {
    for (const { symbol, trade_id, partition, seq } of page) {
      const place = market.trades.get(tradeKey(symbol, trade_id));
      expectHolds('state', place?.partition === partition && place.seq === seq, () => {
        const executed =
          place === undefined ? 'no event executed it' : `event ${place.partition}/${place.seq} executed it`;
        return `ledger.trades: ${trade_id} of ${symbol} names event ${partition}/${seq}, ${executed}`;
      });
    }
    count += page.length;
  }
  expectHolds(
    'state',
    count === market.trades.size,
    () => `ledger.trades has ${count} rows, the events execute ${market.trades.size} trades`,
  );
}

function textOf(balance: Balance | undefined): string {
  if (balance === undefined) return 'nothing';
  return `${formatAmount(balance.available)} + ${formatAmount(balance.held)} (version ${balance.version})`;
}
