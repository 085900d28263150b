/** What the naive worker sends for one command, each statement awaited: the usual way to write a consumer. */
export const NAIVE_SQL = {
  begin: 'BEGIN',
  receipt: 'SELECT payload_hash FROM ledger.receipts WHERE command_id = $1',
  order: `SELECT order_id, user_id, symbol, side::text, status::text, price::text, quantity::text, filled::text, hold::text, version::text
FROM ledger.orders WHERE order_id = ANY ($1::text[]) ORDER BY order_id FOR UPDATE`,
  trade: 'SELECT 1 FROM ledger.trades WHERE symbol = $1 AND trade_id = $2',
  balance: `SELECT user_id, asset, available::text, held::text, version::text FROM ledger.balances
WHERE (user_id, asset) IN (SELECT * FROM unnest($1::text[], $2::text[])) ORDER BY user_id, asset FOR UPDATE`,
  partition: `UPDATE ledger.partitions SET next_offset = next_offset + 1, event_seq = event_seq + 1, last_hash = $2
WHERE topic = 'naive' AND partition = $1 RETURNING event_seq::text AS seq`,
  writeBalance: `INSERT INTO ledger.balances (user_id, asset, version, available, held) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (user_id, asset) DO UPDATE SET version = excluded.version, available = excluded.available, held = excluded.held`,
  addOrder: `INSERT INTO ledger.orders (order_id, user_id, symbol, side, status, price, quantity, filled, hold, version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
  writeOrder: `UPDATE ledger.orders SET status = $2, filled = $3, hold = $4, version = $5 WHERE order_id = $1`,
  addReceipt: `INSERT INTO ledger.receipts (command_id, payload_hash, outcome, reason, partition, "offset", batch, index, seq)
VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8)`,
  addTrade: 'INSERT INTO ledger.trades (symbol, trade_id, partition, seq) VALUES ($1, $2, $3, $4)',
  addEvent: `INSERT INTO ledger.events (partition, seq, timeline, batch, index, type, schema_id, key, payload, command_id, occurred_at)
VALUES ($1, $2, 1, $3, 0, $4, 1, $5, $6, $7, now())`,
  commit: 'COMMIT',
} as const;

export type NaiveStatement = keyof typeof NAIVE_SQL;
