/**
 * The least SQL that writes the rows of a batch: plain updates by key and plain inserts from arrays,
 * without version checks, fences or reads. `$n` is filled in by the position of the column.
 */
export type RawTable = {
  readonly table: keyof RawColumns;
  readonly sql: (parameters: readonly string[]) => string;
  readonly types: readonly string[];
};

/** Columns of a batch as binary arrays, in the order of the statement's parameters. */
export type RawColumns = {
  readonly partitions: readonly Buffer[];
  readonly changed: readonly (Buffer | string)[];
  readonly balances: readonly Buffer[];
  readonly receipts: readonly Buffer[];
  readonly made: readonly Buffer[];
  readonly trades: readonly Buffer[];
  readonly events: readonly Buffer[];
};

export const RAW_TABLES: readonly RawTable[] = [
  {
    table: 'partitions',
    types: ['int[]', 'bigint[]', 'bigint[]', 'bytea[]'],
    sql: (
      p,
    ) => `UPDATE ledger.partitions AS p SET next_offset = v.next_offset, event_seq = v.event_seq, last_hash = v.last_hash
FROM unnest(${p.join(', ')}) AS v (partition, next_offset, event_seq, last_hash)
WHERE p.topic = 'raw' AND p.partition = v.partition`,
  },
  {
    table: 'changed',
    types: ['text[]', 'bigint[]', 'numeric[]', 'numeric[]', 'ledger.order_status[]'],
    sql: (p) => `UPDATE ledger.orders AS o SET version = v.version, filled = v.filled, hold = v.hold, status = v.status
FROM unnest(${p.join(', ')}) AS v (order_id, version, filled, hold, status)
WHERE o.order_id = v.order_id`,
  },
  {
    table: 'balances',
    types: ['text[]', 'text[]', 'bigint[]', 'numeric[]', 'numeric[]'],
    sql: (p) => `UPDATE ledger.balances AS b SET version = v.version, available = v.available, held = v.held
FROM unnest(${p.join(', ')}) AS v (user_id, asset, version, available, held)
WHERE b.user_id = v.user_id AND b.asset = v.asset`,
  },
  {
    table: 'receipts',
    types: ['uuid[]', 'bytea[]', 'text[]', 'text[]', 'int[]', 'bigint[]', 'bigint[]', 'int[]', 'bigint[]'],
    sql: (
      p,
    ) => `INSERT INTO ledger.receipts (command_id, payload_hash, outcome, reason, partition, "offset", batch, index, seq)
SELECT command_id, payload_hash, outcome::ledger.outcome, reason, partition, "offset", batch, index, seq
FROM unnest(${p.join(', ')}) AS v (command_id, payload_hash, outcome, reason, partition, "offset", batch, index, seq)`,
  },
  {
    table: 'made',
    types: [
      'text[]',
      'text[]',
      'text[]',
      'text[]',
      'text[]',
      'numeric[]',
      'numeric[]',
      'numeric[]',
      'numeric[]',
      'bigint[]',
    ],
    sql: (
      p,
    ) => `INSERT INTO ledger.orders (order_id, user_id, symbol, side, status, price, quantity, filled, hold, version)
SELECT order_id, user_id, symbol, side::ledger.side, status::ledger.order_status, price, quantity, filled, hold, version
FROM unnest(${p.join(', ')}) AS v (order_id, user_id, symbol, side, status, price, quantity, filled, hold, version)`,
  },
  {
    table: 'trades',
    types: ['text[]', 'text[]', 'int[]', 'bigint[]'],
    sql: (p) => `INSERT INTO ledger.trades (symbol, trade_id, partition, seq)
SELECT * FROM unnest(${p.join(', ')})`,
  },
  {
    table: 'events',
    types: [
      'int[]',
      'bigint[]',
      'int[]',
      'bigint[]',
      'int[]',
      'text[]',
      'int[]',
      'text[]',
      'bytea[]',
      'uuid[]',
      'timestamptz[]',
    ],
    sql: (
      p,
    ) => `INSERT INTO ledger.events (partition, seq, timeline, batch, index, type, schema_id, key, payload, command_id, occurred_at)
SELECT * FROM unnest(${p.join(', ')})`,
  },
];

/** One statement a table, to be sent one behind the other between BEGIN and COMMIT. */
export function pipelinedSql(): readonly { readonly table: keyof RawColumns; readonly text: string }[] {
  return RAW_TABLES.map(({ table, sql, types }) => ({ table, text: sql(parametersOf(types, 1)) }));
}

/** All tables in one statement of data-modifying parts; its own transaction. */
export function bigSql(): string {
  let next = 1;
  const parts = RAW_TABLES.map(({ table, sql, types }) => {
    const text = sql(parametersOf(types, next));
    next += types.length;
    return `_${table} AS (${text})`;
  });
  return `WITH ${parts.join(',\n')}\nSELECT 1`;
}

function parametersOf(types: readonly string[], first: number): readonly string[] {
  return types.map((type, index) => `$${first + index}::${type}`);
}
