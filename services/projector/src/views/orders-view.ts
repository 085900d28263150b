import { arrays } from '@tradestream/database';
import type { EventEnvelope, Order } from '@tradestream/trading';
import { type RowJoin, reviseText, upsertText } from './row-join.ts';
import { textPart } from './row-key.ts';
import { ACCEPTED, statementOf, type ViewDefinition } from './view.ts';

/** Id, user, symbol and side are those of the first event: they never change. */
export type OrderRow = { -readonly [Part in keyof Order]: Order[Part] } & {
  updatedAt: number;
  placedAt: number;
  /** The lowest version seen: `placedAt` is its time. */
  firstVersion: number;
};

/** Orders after their newest event, with the times of their first and newest, by version. */
export const ORDERS: ViewDefinition<OrderRow> = {
  name: 'orders',
  reads: ACCEPTED,
  values: 'orders',
  growsRows: true,
  keyParts: [textPart('id')],
  keyOf: ({ orderId }) => orderId,
  base: {
    ofFills: false,
    columns:
      'id, user_id, symbol, side, price, quantity, filled, hold, status, placed_at, updated_at, version, first_version',
    // Without a time of its newest event it has a newer one, which brings its own.
    select: `SELECT order_id AS id, user_id, symbol, side::text, price, quantity, filled, hold, status::text, placed_at,
        coalesce(updated_at, placed_at) AS updated_at, version, 1::bigint AS first_version
      FROM ledger.snapshot_orders WHERE snapshot_id = $1::bigint AND ($2::int[], $3::bigint[]) IS NOT NULL`,
  },
  add: addNewest,
  upsert: statementOf('upsert', (table) => upsertText(JOIN, table), valuesOf),
  // The events of an order are spread over partitions, so that a later one may come first.
  revises: {
    isLikely: ({ firstVersion }) => firstVersion > 1,
    statement: statementOf('revise', (table) => reviseText(JOIN, table), valuesOf),
  },
};

function addNewest(rows: Map<string, OrderRow>, { event, occurredAt }: EventEnvelope): void {
  if (event.type === 'CommandRejected') return;
  for (const order of event.orders) {
    const known = rows.get(order.orderId);
    if (known === undefined) {
      const times = { updatedAt: occurredAt, placedAt: occurredAt, firstVersion: order.version };
      rows.set(order.orderId, { ...order, ...times });
      continue;
    }
    if (known.version < order.version) {
      known.price = order.price;
      known.quantity = order.quantity;
      known.filled = order.filled;
      known.hold = order.hold;
      known.status = order.status;
      known.version = order.version;
      known.updatedAt = occurredAt;
    }
    if (order.version < known.firstVersion) {
      known.firstVersion = order.version;
      known.placedAt = occurredAt;
    }
  }
}

/** The same join in SQL. Symbol, side and user of an order never change. */
const JOIN: RowJoin = {
  alias: 'o',
  columns: [
    'id',
    'user_id',
    'symbol',
    'side',
    'price',
    'quantity',
    'filled',
    'hold',
    'status',
    'placed_at',
    'updated_at',
    'version',
    'first_version',
  ],
  key: ['id'],
  rows: `unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::numeric[], $6::numeric[], $7::numeric[],
    $8::numeric[], $9::text[], $10::timestamptz[], $11::timestamptz[], $12::bigint[], $13::bigint[])`,
  set: `
    price = CASE WHEN excluded.version > o.version THEN excluded.price ELSE o.price END,
    quantity = CASE WHEN excluded.version > o.version THEN excluded.quantity ELSE o.quantity END,
    filled = CASE WHEN excluded.version > o.version THEN excluded.filled ELSE o.filled END,
    hold = CASE WHEN excluded.version > o.version THEN excluded.hold ELSE o.hold END,
    status = CASE WHEN excluded.version > o.version THEN excluded.status ELSE o.status END,
    updated_at = CASE WHEN excluded.version > o.version THEN excluded.updated_at ELSE o.updated_at END,
    placed_at = CASE WHEN excluded.first_version < o.first_version THEN excluded.placed_at ELSE o.placed_at END,
    version = greatest(excluded.version, o.version),
    first_version = least(excluded.first_version, o.first_version)`,
  where: 'o.version < excluded.version OR excluded.first_version < o.first_version',
};

function valuesOf(rows: readonly OrderRow[]): readonly unknown[] {
  return [
    arrays.text(rows.map((row) => row.orderId)),
    arrays.text(rows.map((row) => row.userId)),
    arrays.text(rows.map((row) => row.symbol)),
    arrays.text(rows.map((row) => row.side)),
    arrays.numeric18(rows.map((row) => row.price)),
    arrays.numeric18(rows.map((row) => row.quantity)),
    arrays.numeric18(rows.map((row) => row.filled)),
    arrays.numeric18(rows.map((row) => row.hold)),
    arrays.text(rows.map((row) => row.status)),
    arrays.timestamptzMicros(rows.map((row) => row.placedAt)),
    arrays.timestamptzMicros(rows.map((row) => row.updatedAt)),
    arrays.int8(rows.map((row) => row.version)),
    arrays.int8(rows.map((row) => row.firstVersion)),
  ];
}
