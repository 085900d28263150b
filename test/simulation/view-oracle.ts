import { type EventEnvelope, formatAmount } from '@tradestream/trading';
import { expectedViews, type ViewLines } from '../support/view-oracle.ts';
import type { ViewTables } from './database/view-tables.ts';
import type { Wiring } from './wiring.ts';

/** Every view is the fold of all events. */
export function viewContradictions({ views }: Wiring, envelopes: readonly EventEnvelope[]): readonly string[] {
  const inPlace = envelopes.toSorted((a, b) => a.partition - b.partition || a.seq - b.seq);
  const expected = expectedViews(inPlace);
  const stored = storedLines(views);
  return (['trades', 'fills', 'orders', 'balances', 'candles'] as const).flatMap((name) => {
    const [wanted, found] = [expected[name].join('\n'), stored[name].join('\n')];
    return wanted === found ? [] : [`view ${name} is\n${found}\nby the events\n${wanted}`];
  });
}

function storedLines(views: ViewTables): ViewLines {
  const amounts = (...values: bigint[]) => values.map(formatAmount).join(' ');
  return {
    trades: lines(views.trades.rows, (row) => [
      row.orderId,
      row.userId,
      row.symbol,
      row.side,
      amounts(row.price, row.quantity, row.cost),
      row.timestamp,
    ]),
    fills: lines(views.fills.rows, (row) => [
      row.tradeId,
      row.orderId,
      row.userId,
      row.symbol,
      row.side,
      amounts(row.price, row.quantity, row.cost),
      row.timestamp,
    ]),
    orders: lines(views.orders.rows, (row) => [
      row.orderId,
      row.userId,
      row.symbol,
      row.side,
      amounts(row.price, row.quantity, row.filled, row.hold),
      row.status,
      row.placedAt,
      row.updatedAt,
      row.version,
      row.firstVersion,
    ]),
    balances: lines(views.balances.rows, (row) => [
      row.userId,
      row.asset,
      amounts(row.available, row.held),
      row.version,
    ]),
    candles: lines(views.candles.rows, (row) => [
      row.symbol,
      row.minute,
      amounts(row.open, row.high, row.low, row.close, row.volume, row.quoteVolume),
      row.count,
    ]),
  };
}

function lines<Row>(
  rows: ReadonlyMap<string, Row>,
  parts: (row: Row) => readonly (string | number)[],
): readonly string[] {
  return [...rows.values()].map((row) => parts(row).join(' ')).toSorted();
}
