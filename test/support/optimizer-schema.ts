import type { DatabaseManager } from '@tradestream/database';

/** Tables large enough for an index to matter, with the indexes that a careful hand has made. */
export const OPTIMIZER_SCHEMA: readonly string[] = [
  `CREATE TABLE trades (id bigint PRIMARY KEY, symbol varchar(20) NOT NULL, price numeric NOT NULL, quantity int NOT NULL,
     order_id bigint NOT NULL, user_id int NOT NULL, note text, "timestamp" timestamptz NOT NULL)`,
  `INSERT INTO trades SELECT i, 'S' || i % 200, i % 977, i % 50, (i * 7919) % 20011, (i * 31) % 2000, 'n' || i % 3000,
     '2021-01-01Z'::timestamptz + i * interval '1 minute' FROM generate_series(1, 20000) AS i`,
  'CREATE INDEX trades_symbol_timestamp ON trades (symbol, "timestamp")',
  `CREATE TABLE orders (id bigint PRIMARY KEY, user_id int NOT NULL, status text NOT NULL, placed_at timestamp NOT NULL)`,
  `INSERT INTO orders SELECT i, i % 2000, CASE WHEN i % 40 = 0 THEN 'open' ELSE 'filled' END,
     timestamp '2021-01-01' + i * interval '1 minute' FROM generate_series(1, 20000) AS i`,
  `CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL, tier int NOT NULL)`,
  `INSERT INTO users SELECT i, 'u' || i || '@example.org', i % 3 FROM generate_series(1, 2000) AS i`,
  'CREATE INDEX users_email ON users (lower(email))',
  'CREATE TABLE tiers (tier int PRIMARY KEY, name text)',
  `INSERT INTO tiers VALUES (0, 'a'), (1, 'b'), (2, 'c')`,
];

export async function fillOptimizerSchema(db: DatabaseManager): Promise<void> {
  for (const statement of OPTIMIZER_SCHEMA) await db.query(statement);
  await db.query('ANALYZE');
}

/** With nothing to say about them. */
export const FINE_STATEMENTS: readonly string[] = [
  'SELECT id, price FROM trades WHERE id = $1',
  'SELECT id, price FROM trades WHERE symbol = $1 ORDER BY "timestamp" DESC LIMIT 10',
  'SELECT id, price FROM trades WHERE symbol = ? AND "timestamp" >= ? AND "timestamp" < ?',
  `SELECT id FROM trades WHERE symbol = 'S1' AND "timestamp" > now() - interval '1 day'`,
  `SELECT id FROM trades WHERE (symbol, "timestamp") > ('S1', '2021-01-02') ORDER BY symbol, "timestamp" LIMIT 20`,
  'SELECT count(*) FROM trades',
  'SELECT symbol, sum(price * quantity) FROM trades GROUP BY symbol',
  'SELECT t.id, o.status FROM trades t JOIN orders o ON o.id = t.order_id WHERE t.id = $1',
  'SELECT id FROM users WHERE lower(email) = lower($1)',
  'SELECT u.id, s.name FROM users u JOIN tiers s ON s.tier = u.tier',
  'SELECT id FROM orders WHERE id IN (1, 2, 3)',
  'SELECT id FROM orders WHERE id = ANY($1)',
  'SELECT id FROM users u WHERE EXISTS (SELECT * FROM orders o WHERE o.id = u.id)',
  'SELECT id FROM users u WHERE NOT EXISTS (SELECT FROM orders o WHERE o.id = u.id)',
  'WITH recent AS (SELECT id, symbol FROM trades ORDER BY id DESC LIMIT 5) SELECT * FROM recent',
  `INSERT INTO tiers (tier, name) VALUES ($1, $2) ON CONFLICT (tier) DO UPDATE SET name = excluded.name`,
  'UPDATE trades SET note = $1 WHERE id = $2',
  'DELETE FROM orders WHERE id = $1',
  'SELECT id FROM orders ORDER BY id LIMIT 50 OFFSET 100',
  'SELECT s.name FROM tiers s WHERE s.tier = 1 OR s.tier = 2',
];

/** With what is to be found, in order. */
export const FAULTY_STATEMENTS: readonly (readonly [string, readonly string[]])[] = [
  ['SELECT * FROM trades WHERE id = $1', ['select-star']],
  ['SELECT t.* FROM trades t JOIN orders o ON o.id = t.order_id WHERE t.id = 5', ['select-star']],
  ['SELECT id FROM trades ORDER BY id LIMIT 20 OFFSET 10000', ['offset-pagination']],
  ['SELECT id FROM orders ORDER BY id LIMIT $1 OFFSET $2', ['offset-pagination']],
  ['SELECT id, price FROM trades WHERE order_id = $1', ['sequential-scan', 'missing-index']],
  ['SELECT id FROM trades WHERE user_id = $1 ORDER BY "timestamp" DESC LIMIT 10', ['sequential-scan', 'missing-index']],
  [`SELECT id FROM orders WHERE status = 'open' AND user_id = 40`, ['sequential-scan', 'missing-index']],
  [`SELECT id FROM orders WHERE placed_at < '2021-01-01 02:00'`, ['sequential-scan', 'missing-index']],
  ['SELECT id FROM orders ORDER BY placed_at DESC LIMIT 10', ['missing-index']],
  [
    'SELECT u.id, o.id FROM users u JOIN orders o ON o.user_id = u.id WHERE u.id = 7',
    ['sequential-scan', 'missing-index'],
  ],
  [`SELECT id FROM trades WHERE upper(symbol) = 'S1'`, ['non-sargable', 'sequential-scan']],
  [`SELECT id FROM orders WHERE placed_at::date = '2021-01-02'`, ['non-sargable', 'sequential-scan']],
  ['SELECT id FROM trades WHERE order_id + 1 = $1', ['non-sargable', 'sequential-scan']],
  ['SELECT id FROM trades WHERE id = 17.0', ['implicit-cast', 'sequential-scan']],
  [`SELECT id FROM trades WHERE note LIKE '%99'`, ['leading-wildcard', 'sequential-scan']],
  ['SELECT name FROM tiers WHERE tier NOT IN (SELECT tier FROM users)', ['not-in-subquery']],
  ['SELECT price FROM trades WHERE id = 1 OR id = 2 OR id = 3', ['or-chain']],
  ['SELECT name FROM tiers t WHERE (SELECT count(*) FROM users u WHERE u.tier = t.tier) > 0', ['count-to-exists']],
  ['SELECT id FROM users ORDER BY random() LIMIT 1', ['random-order']],
  ['UPDATE orders SET status = $1', ['unbounded-write']],
];
