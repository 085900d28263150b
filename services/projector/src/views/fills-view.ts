import { arrays } from '@tradestream/database';
import type { EventEnvelope, Order, TradeExecuted } from '@tradestream/trading';
import { executedSides } from './executed-sides.ts';
import { FILLS_OF_BASE } from './fills-of-base.ts';
import { sidePart, textPart } from './row-key.ts';
import { statementOf, type ViewDefinition } from './view.ts';

export type FillRow = Pick<TradeExecuted, 'tradeId' | 'symbol' | 'price' | 'quantity' | 'cost'> &
  Pick<Order, 'orderId' | 'userId' | 'side'> & { readonly timestamp: number };

/** One row per side of a trade; it never changes, so one that is there already is a contradiction. */
export const FILLS: ViewDefinition<FillRow> = {
  name: 'fills',
  reads: ['TradeExecuted'],
  values: 'orders',
  growsRows: false,
  keyParts: [textPart('symbol'), textPart('trade_id'), sidePart('side')],
  keyOf: ({ symbol, tradeId, side }) => `${symbol}/${tradeId}/${side}`,
  base: {
    ofFills: true,
    columns: 'trade_id, order_id, user_id, symbol, side, price, quantity, cost, timestamp',
    select: FILLS_OF_BASE,
  },
  add: addSides,
  upsert: statementOf('insert', (table) => insertInto(table), valuesOf),
  revises: null,
};

function addSides(rows: Map<string, FillRow>, { event }: EventEnvelope): void {
  if (event.type !== 'TradeExecuted') return;
  const { tradeId, symbol, price, quantity, cost, executedAt: timestamp } = event;
  const { buy, sell } = executedSides(event);
  for (const { orderId, userId, side } of [buy, sell]) {
    const key = `${symbol} ${tradeId} ${side}`;
    if (rows.has(key)) throw new RangeError('a trade executes once');
    rows.set(key, { tradeId, orderId, userId, symbol, side, price, quantity, cost, timestamp });
  }
}

const insertInto = (
  table: string,
) => `INSERT INTO ${table} (trade_id, order_id, user_id, symbol, side, price, quantity, cost, timestamp)
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::numeric[],
    $7::numeric[], $8::numeric[], $9::timestamptz[])`;

function valuesOf(rows: readonly FillRow[]): readonly unknown[] {
  return [
    arrays.text(rows.map((row) => row.tradeId)),
    arrays.text(rows.map((row) => row.orderId)),
    arrays.text(rows.map((row) => row.userId)),
    arrays.text(rows.map((row) => row.symbol)),
    arrays.text(rows.map((row) => row.side)),
    arrays.numeric18(rows.map((row) => row.price)),
    arrays.numeric18(rows.map((row) => row.quantity)),
    arrays.numeric18(rows.map((row) => row.cost)),
    arrays.timestamptzMicros(rows.map((row) => row.timestamp)),
  ];
}
