import type { Session } from '@tradestream/database';
import { type KeyPart, keyText } from '../views/row-key.ts';

/** A row that is not what the events make it. */
export type RowDifference = {
  readonly key: string;
  /** `missing`: the events make a row that is not there; `surplus`: they make none. */
  readonly kind: 'missing' | 'surplus' | 'different';
  /** Columns whose values differ. */
  readonly columns: readonly string[];
};

export type Differences = {
  /** Rows compared. */
  readonly rows: number;
  readonly count: number;
  /** The first of them by key. */
  readonly differences: readonly RowDifference[];
};

const NAMED_MAX = 200;

/** Compares a table with one that has the same columns, row by row, by value. */
export async function compareRows(
  session: Session,
  tables: { readonly shown: string; readonly folded: string },
  keyParts: readonly KeyPart[],
): Promise<Differences> {
  const on = keyParts.map(({ column }) => `l.${column} = f.${column}`).join(' AND ');
  const [first] = keyParts;
  const differing = `
    SELECT l, f, CASE WHEN l.${first?.column} IS NULL THEN ${keyText(keyParts, 'f')} ELSE ${keyText(keyParts, 'l')} END AS key,
      CASE WHEN l.${first?.column} IS NULL THEN 'missing' WHEN f.${first?.column} IS NULL THEN 'surplus' ELSE 'different' END
        AS kind
    FROM ${tables.shown} AS l FULL JOIN ${tables.folded} AS f ON ${on}
    WHERE ROW(l.*) IS DISTINCT FROM ROW(f.*)`;
  const { rows } = await session.query<RowDifference & { readonly total: number }>({
    text: `SELECT key, kind, total::float8 AS total,
             CASE kind WHEN 'different' THEN ARRAY(
               SELECT name FROM jsonb_each(to_jsonb(l)) AS s (name, value) WHERE value IS DISTINCT FROM to_jsonb(f) -> name ORDER BY name)
             ELSE '{}' END AS columns
           FROM (SELECT *, count(*) OVER () AS total FROM (${differing}) AS d ORDER BY key LIMIT ${NAMED_MAX}) AS named
           ORDER BY key`,
  });
  const counted = await session.query<{ rows: number }>({
    text: `SELECT count(*)::float8 AS rows FROM ${tables.shown}`,
  });
  return {
    rows: counted.rows[0]?.rows ?? 0,
    count: rows[0]?.total ?? 0,
    differences: rows.map(({ key, kind, columns }) => ({ key, kind, columns })),
  };
}
