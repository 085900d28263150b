import { formatTime } from '@tradestream/contracts';
import type { ListView, TextRow } from './list-view.ts';

/** Microseconds since the epoch as text. */
const micros = (column: string, name: string) => `(extract(epoch FROM ${column}) * 1000000)::bigint::text AS ${name}`;
/** A canonical decimal as text. */
const decimal = (column: string) => `trim_scale(${column})::text AS ${column}`;

const RANGE = { from: 'timestamp >= $', to: 'timestamp < $' };
const OWNED = { symbol: 'symbol = $', userId: 'user_id = $', orderId: 'order_id = $' };

/** One row per order that has executed. */
export const TRADES: ListView = {
  name: 'trades',
  projection: 'trades',
  select: `SELECT order_id, user_id, symbol, side, ${decimal('price')}, ${decimal('quantity')},
    ${micros('timestamp', 'time')} FROM views.trades`,
  filters: { ...OWNED, ...RANGE },
  key: [
    { expression: 'timestamp', type: 'time', column: 'time' },
    { expression: 'order_id', type: 'text', column: 'order_id' },
  ],
  direction: 'DESC',
  toItem: (row) => ({
    id: row['order_id'],
    ...owned(row),
    price: row['price'],
    quantity: row['quantity'],
    timestamp: timeOf(row, 'time'),
  }),
};

/** Both sides of each trade; an order may have several fills at one time, so the trade's id ends the key. */
export const FILLS: ListView = {
  name: 'fills',
  projection: 'fills',
  select: `SELECT trade_id, order_id, user_id, symbol, side, ${decimal('price')}, ${decimal('quantity')},
    ${decimal('cost')}, ${micros('timestamp', 'time')} FROM views.fills`,
  filters: { ...OWNED, ...RANGE },
  key: [...TRADES.key, { expression: 'trade_id', type: 'text', column: 'trade_id' }],
  direction: 'DESC',
  toItem: (row) => ({
    tradeId: row['trade_id'],
    ...owned(row),
    price: row['price'],
    quantity: row['quantity'],
    cost: row['cost'],
    timestamp: timeOf(row, 'time'),
  }),
};

export const ORDERS: ListView = {
  name: 'orders',
  projection: 'orders',
  select: `SELECT id AS order_id, user_id, symbol, side, status,
    ${['price', 'quantity', 'filled', 'hold'].map(decimal).join(', ')},
    ${micros('placed_at', 'placed')}, ${micros('updated_at', 'updated')} FROM views.orders`,
  filters: { ...OWNED, orderId: 'id = $', status: 'status = $', from: 'placed_at >= $', to: 'placed_at < $' },
  key: [
    { expression: 'placed_at', type: 'time', column: 'placed' },
    { expression: 'id', type: 'text', column: 'order_id' },
  ],
  direction: 'DESC',
  toItem: (row) => ({
    ...owned(row),
    price: row['price'],
    quantity: row['quantity'],
    filled: row['filled'],
    hold: row['hold'],
    status: row['status'],
    placedAt: timeOf(row, 'placed'),
    updatedAt: timeOf(row, 'updated'),
  }),
};

export const CANDLES: ListView = {
  name: 'candles',
  projection: 'candles',
  select: `SELECT symbol, ${micros('minute', 'time')}, count::text AS count,
    ${['open', 'high', 'low', 'close', 'volume', 'quote_volume'].map(decimal).join(', ')} FROM views.candles`,
  filters: { symbol: 'symbol = $', from: 'minute >= $', to: 'minute < $' },
  key: [{ expression: 'minute', type: 'time', column: 'time' }],
  direction: 'ASC',
  toItem: (row) => ({
    symbol: row['symbol'],
    minute: timeOf(row, 'time'),
    open: row['open'],
    high: row['high'],
    low: row['low'],
    close: row['close'],
    volume: row['volume'],
    quoteVolume: row['quote_volume'],
    count: Number(row['count']),
  }),
};

/** A balance of zero is none. */
export const BALANCES = {
  projection: 'balances',
  text: `SELECT asset, ${decimal('available')}, ${decimal('held')} FROM views.balances
    WHERE user_id = $1 AND (available <> 0 OR held <> 0) ORDER BY asset`,
} as const;

/** Every projection that is read here. */
export const PROJECTIONS: readonly string[] = [TRADES, FILLS, ORDERS, CANDLES, BALANCES].map(
  ({ projection }) => projection,
);

function owned(row: TextRow): Readonly<Record<string, unknown>> {
  return { orderId: row['order_id'], userId: row['user_id'], symbol: row['symbol'], side: row['side'] };
}

function timeOf(row: TextRow, column: string): string {
  return formatTime(Number(row[column]));
}
