import { arrays } from '@tradestream/database';
import type { Balance, EventEnvelope } from '@tradestream/trading';
import { type RowJoin, reviseText, upsertText } from './row-join.ts';
import { textPart } from './row-key.ts';
import { ACCEPTED, statementOf, type ViewDefinition } from './view.ts';

/** Its texts are those of the first event: what goes on living beside the rows is then only their amounts. */
export type BalanceRow = { -readonly [Part in keyof Balance]: Balance[Part] };

/** Balances after their newest event: the higher version wins, whatever the order of arrival. */
export const BALANCES: ViewDefinition<BalanceRow> = {
  name: 'balances',
  reads: ACCEPTED,
  values: 'balances',
  growsRows: true,
  keyParts: [textPart('user_id'), textPart('asset')],
  keyOf: ({ userId, asset }) => `${userId}/${asset}`,
  base: {
    ofFills: false,
    columns: 'user_id, asset, available, held, version',
    select: `SELECT user_id, asset, available, held, version FROM ledger.snapshot_balances
      WHERE snapshot_id = $1::bigint AND ($2::int[], $3::bigint[]) IS NOT NULL`,
  },
  add: addNewest,
  upsert: statementOf('upsert', (table) => upsertText(JOIN, table), valuesOf),
  revises: {
    isLikely: ({ version }) => version > 1,
    statement: statementOf('revise', (table) => reviseText(JOIN, table), valuesOf),
  },
};

function addNewest(rows: Map<string, BalanceRow>, { event }: EventEnvelope): void {
  if (event.type === 'CommandRejected') return;
  for (const balance of event.balances) {
    const key = `${balance.userId} ${balance.asset}`;
    const known = rows.get(key);
    if (known === undefined) {
      rows.set(key, { ...balance }); // other views read the same event
    } else if (known.version < balance.version) {
      known.available = balance.available;
      known.held = balance.held;
      known.version = balance.version;
    }
  }
}

const JOIN: RowJoin = {
  alias: 'b',
  columns: ['user_id', 'asset', 'available', 'held', 'version'],
  key: ['user_id', 'asset'],
  rows: 'unnest($1::text[], $2::text[], $3::numeric[], $4::numeric[], $5::bigint[])',
  set: 'available = excluded.available, held = excluded.held, version = excluded.version',
  where: 'b.version < excluded.version',
};

function valuesOf(rows: readonly BalanceRow[]): readonly unknown[] {
  return [
    arrays.text(rows.map((row) => row.userId)),
    arrays.text(rows.map((row) => row.asset)),
    arrays.numeric18(rows.map((row) => row.available)),
    arrays.numeric18(rows.map((row) => row.held)),
    arrays.int8(rows.map((row) => row.version)),
  ];
}
