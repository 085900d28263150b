import type { Session, Statement } from '@tradestream/database';

export const DIFFERENCE_KINDS = ['event', 'order', 'balance'] as const;
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number];

/** By how much the balances of an asset would change. */
export type AssetSum = {
  readonly asset: string;
  readonly accounts: number;
  readonly available: string;
  readonly held: string;
};

export type DryRunCounts = { readonly events: number; readonly orders: number; readonly balances: number };

/**
 * Keeps the orders and balances in which the two columns differ, sums them by asset, and drops what
 * the run needed only while it was under way. Inside the caller's transaction.
 */
export async function keepDifferences(
  session: Session,
  run: string,
): Promise<{ readonly differences: DryRunCounts; readonly assets: readonly AssetSum[] }> {
  const values = [run];
  const { rows: assets } = await session.query<AssetSum>({
    text: `SELECT asset, count(*)::int AS accounts, trim_scale(sum(again_available - told_available))::text AS available,
                  trim_scale(sum(again_held - told_held))::text AS held
           FROM dry_run.balances WHERE run = $1 AND (told_available, told_held) IS DISTINCT FROM (again_available, again_held)
           GROUP BY asset ORDER BY asset`,
    values,
  });
  await session.query({
    text: `INSERT INTO dry_run.differences (run, kind, key, told, again)
           SELECT run, 'balance', asset || ' ' || user_id,
                  jsonb_build_object('available', trim_scale(told_available)::text, 'held', trim_scale(told_held)::text),
                  jsonb_build_object('available', trim_scale(again_available)::text, 'held', trim_scale(again_held)::text)
           FROM dry_run.balances WHERE run = $1 AND (told_available, told_held) IS DISTINCT FROM (again_available, again_held)
           UNION ALL
           SELECT run, 'order', order_id, told, again FROM dry_run.orders WHERE run = $1 AND told IS DISTINCT FROM again`,
    values,
  });
  for (const table of ['balances', 'orders', 'trades', 'runs'])
    await session.query({ text: `DELETE FROM dry_run.${table} WHERE run = $1`, values });
  const { rows } = await session.query<{ kind: DifferenceKind; count: number }>({
    text: 'SELECT kind, count(*)::float8 AS count FROM dry_run.differences WHERE run = $1 GROUP BY kind',
    values,
  });
  const count = (kind: DifferenceKind) => rows.find((row) => row.kind === kind)?.count ?? 0;
  return { differences: { events: count('event'), orders: count('order'), balances: count('balance') }, assets };
}

/** A page of a run's differences of one kind, by key: rows of `key`, `told` and `again`. */
export function differencesOf(page: {
  readonly run: string;
  readonly kind: DifferenceKind;
  readonly after: string;
  readonly limit: number;
}): Statement {
  return {
    text: `SELECT key, told, again FROM dry_run.differences WHERE run = $1 AND kind = $2 AND key > $3 ORDER BY key LIMIT $4`,
    values: [page.run, page.kind, page.after, page.limit],
  };
}
