import { arrays } from '@tradestream/database';
import { type Amount, divideHalfUp18, type EventEnvelope, type Order } from '@tradestream/trading';
import { executedSides } from './executed-sides.ts';
import { FILLS_OF_BASE } from './fills-of-base.ts';
import { textPart } from './row-key.ts';
import { statementOf, sumsColumn, type ViewDefinition } from './view.ts';

/** What the fills of one order add up to. */
export type TradeRow = Pick<Order, 'orderId' | 'userId' | 'symbol' | 'side'> & {
  quantity: Amount;
  cost: Amount;
  /** Greatest executedAt. */
  timestamp: number;
};

/** One row per order that has executed. */
export const TRADES: ViewDefinition<TradeRow> = {
  name: 'trades',
  reads: ['TradeExecuted'],
  values: 'orders',
  growsRows: true,
  keyParts: [textPart('order_id')],
  keyOf: ({ orderId }) => orderId,
  base: {
    ofFills: true,
    columns: 'order_id, user_id, symbol, side, timestamp, price, quantity, cost',
    select: `SELECT order_id, user_id, symbol, side, timestamp, quantity, cost,
        div(2000000000000000000 * cost + quantity, 2 * quantity) * 0.000000000000000001 AS price
      FROM (SELECT order_id, user_id, symbol, side, max(timestamp) AS timestamp, sum(quantity) AS quantity, sum(cost) AS cost
            FROM (${FILLS_OF_BASE}) AS fills GROUP BY order_id, user_id, symbol, side) AS summed`,
  },
  add: addFills,
  upsert: statementOf('upsert', (table) => upsertInto(table), valuesOf),
  revises: null,
};

function addFills(rows: Map<string, TradeRow>, { event }: EventEnvelope): void {
  if (event.type !== 'TradeExecuted') return;
  const { buy, sell } = executedSides(event);
  for (const { orderId, userId, symbol, side } of [buy, sell]) {
    const row = rows.get(orderId);
    if (row === undefined) {
      const { quantity, cost, executedAt: timestamp } = event;
      rows.set(orderId, { orderId, userId, symbol, side, quantity, cost, timestamp });
    } else {
      row.quantity += event.quantity;
      row.cost += event.cost;
      if (event.executedAt > row.timestamp) row.timestamp = event.executedAt;
    }
  }
}

/** `div` is the exact whole quotient, so the price is rounded once, half up, as `divideHalfUp18` does it. */
const upsertInto = (table: string) => `
  INSERT INTO ${table} AS t (order_id, user_id, symbol, side, timestamp, price, quantity, cost)
  SELECT id, user_id, symbol, side, time, price, quantity::numeric, cost::numeric
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::numeric[], $7::text[], $8::text[])
    AS made (id, user_id, symbol, side, time, price, quantity, cost)
  ON CONFLICT (order_id) DO UPDATE SET
    quantity = t.quantity + excluded.quantity,
    cost = t.cost + excluded.cost,
    price = div(2000000000000000000 * (t.cost + excluded.cost) + (t.quantity + excluded.quantity),
                2 * (t.quantity + excluded.quantity)) * 0.000000000000000001,
    timestamp = greatest(t.timestamp, excluded.timestamp)`;

function valuesOf(rows: readonly TradeRow[]): readonly unknown[] {
  return [
    arrays.text(rows.map((row) => row.orderId)),
    arrays.text(rows.map((row) => row.userId)),
    arrays.text(rows.map((row) => row.symbol)),
    arrays.text(rows.map((row) => row.side)),
    arrays.timestamptzMicros(rows.map((row) => row.timestamp)),
    arrays.numeric18(rows.map((row) => divideHalfUp18(row.cost, row.quantity))),
    sumsColumn(rows.map((row) => row.quantity)),
    sumsColumn(rows.map((row) => row.cost)),
  ];
}
