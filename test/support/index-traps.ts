import type { DatabaseManager } from '@tradestream/database';

/** Indexes of which advisors say the wrong thing, each with what is right. */
export const TRAP_SCHEMA: readonly string[] = [
  'CREATE TABLE users (id int PRIMARY KEY, code int NOT NULL)',
  'CREATE UNIQUE INDEX users_code ON users (code)',
  'CREATE TABLE markets (symbol text PRIMARY KEY)',
  `CREATE TABLE orders (id int PRIMARY KEY, ref int CONSTRAINT orders_ref_key UNIQUE, user_id int REFERENCES users,
     user_code int REFERENCES users (code), symbol text REFERENCES markets, email text, status text, placed_at timestamp,
     note text, hint int NOT NULL, batch int, kept int)`,
  'INSERT INTO users SELECT i, i FROM generate_series(1, 500) AS i',
  `INSERT INTO markets SELECT 'S' || i FROM generate_series(0, 9) AS i`,
  `INSERT INTO orders SELECT i, i, 1 + i % 500, 1 + i % 500, 'S' || i % 10, 'E' || i, CASE WHEN i % 50 = 0 THEN 'open' ELSE 'done' END,
     timestamp '2021-01-01' + i * interval '1 minute', 'n' || i % 7, i, i % 40, i FROM generate_series(1, 12000) AS i`,
  'CREATE INDEX orders_status ON orders (status)',
  `CREATE INDEX orders_placed_open ON orders (placed_at) WHERE status = 'open'`,
  'CREATE INDEX orders_email_lower ON orders (lower(email))',
  'CREATE INDEX orders_email ON orders (email)',
  'CREATE INDEX orders_email_pattern ON orders (email text_pattern_ops)',
  'CREATE UNIQUE INDEX orders_id_unique ON orders (id)',
  'CREATE UNIQUE INDEX orders_ref_note ON orders (ref, note)',
  'CREATE INDEX orders_placed ON orders (placed_at)',
  'CREATE INDEX orders_placed_again ON orders (placed_at)',
  'CREATE INDEX orders_user ON orders (user_id)',
  'CREATE INDEX orders_user_placed ON orders (user_id, placed_at)',
  'CREATE INDEX orders_note ON orders (note)',
  'CREATE INDEX orders_batch_symbol ON orders (batch, symbol)',
  'CREATE INDEX orders_code_partial ON orders (user_code) WHERE batch > 3',
  'CREATE UNIQUE INDEX orders_hint ON orders (hint)',
  'ALTER TABLE orders REPLICA IDENTITY USING INDEX orders_hint',
  'CREATE TABLE fills (id int PRIMARY KEY, order_id int REFERENCES orders, user_id int)',
  'CREATE INDEX fills_order ON fills (order_id) WHERE order_id IS NOT NULL',
  'CREATE INDEX fills_user ON fills (user_id)',
  'INSERT INTO fills SELECT i, 1 + i % 12000, i % 5 FROM generate_series(1, 12000) AS i',
  'DELETE FROM fills WHERE id > 600',
  'ANALYZE',
];

/** Statements of the application at the primary, and those that only a replica sees. */
export const AT_PRIMARY: readonly string[] = [
  `SELECT id FROM orders WHERE status = 'done' AND placed_at = '2021-01-01 00:05'`,
  `SELECT count(*) FROM orders WHERE status = 'done'`,
  `SELECT id FROM orders WHERE status = 'open' AND placed_at > '2021-01-08'`,
  `SELECT id FROM orders WHERE lower(email) = 'e5'`,
  `SELECT id FROM orders WHERE email LIKE 'E12%'`,
  `SELECT id FROM orders WHERE batch = 3 AND symbol = 'S3'`,
  'SELECT id FROM orders WHERE user_code = 5 AND batch > 3',
  'SELECT count(*) FROM fills WHERE user_id = 3',
  `SELECT id FROM orders WHERE user_id = 7 AND placed_at > '2021-01-02'`,
];
export const AT_REPLICA = 'SELECT id FROM orders ORDER BY email LIMIT 3';

/** By name: what each index is for. */
export const TRAP_VERDICTS: Readonly<Record<string, string>> = {
  fills_order: 'supports',
  fills_pkey: 'enforces',
  fills_user: 'used',
  markets_pkey: 'enforces',
  orders_batch_symbol: 'used',
  orders_broken: 'invalid',
  orders_code_partial: 'used',
  orders_email: 'used',
  orders_email_lower: 'used',
  orders_email_pattern: 'used',
  orders_hint: 'enforces',
  orders_id_unique: 'duplicate',
  orders_note: 'unused',
  orders_pkey: 'enforces',
  orders_placed: 'used',
  orders_placed_again: 'duplicate',
  orders_placed_open: 'used',
  orders_ref_key: 'enforces',
  orders_ref_note: 'enforces',
  orders_status: 'used',
  orders_user: 'covered',
  orders_user_placed: 'used',
  users_code: 'enforces',
  users_pkey: 'enforces',
};

/** In order: what is to be done, and nothing else. */
export const TRAP_ADVICE: readonly (readonly [string, string | null, string])[] = [
  ['rebuild', 'fills_order', 'far more than its rows need'],
  ['rebuild', 'fills_pkey', 'far more than its rows need'],
  ['rebuild', 'orders_broken', 'a build of it failed'],
  ['drop', 'orders_id_unique', 'orders_pkey is the same'],
  ['drop', 'orders_note', 'no scan on primary, replica-1, replica-2, replica-3'],
  ['drop', 'orders_placed_again', 'orders_placed is the same'],
  ['drop', 'orders_user', 'orders_user_placed begins with the same columns'],
  ['create', null, 'foreign key orders_symbol_fkey has no index'],
  ['create', null, 'foreign key orders_user_code_fkey has no index'],
];

export async function fillTraps(db: DatabaseManager): Promise<void> {
  for (const statement of TRAP_SCHEMA) await db.query(statement);
  // What a build that failed leaves behind.
  await db.query('CREATE UNIQUE INDEX CONCURRENTLY orders_broken ON orders (batch)').catch(() => undefined);
}
