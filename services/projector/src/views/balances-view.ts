import { arrays, type Statement } from '@tradestream/database';
import type { Balance, EventEnvelope } from '@tradestream/trading';
import { compareText, forRows, type View } from './view.ts';

/** Balances after their newest event: the higher version wins, whatever the order of arrival. */
export function balancesView(): View {
  return {
    name: 'balances',
    missing: () => null,
    take: () => undefined,
    forget: () => undefined,
    fold: (events) => {
      const newest = [...newestBalances(events)].toSorted(([a], [b]) => compareText(a, b));
      return forRows(
        newest.map(([, balance]) => balance),
        upsertBalances,
      ); // prettier-ignore
    },
  };
}

function newestBalances(events: readonly EventEnvelope[]): ReadonlyMap<string, Balance> {
  const newest = new Map<string, Balance>();
  for (const { event } of events) {
    if (event.type === 'CommandRejected') continue;
    for (const balance of event.balances) {
      const key = `${balance.userId} ${balance.asset}`;
      const known = newest.get(key);
      if (known === undefined || known.version < balance.version) newest.set(key, balance);
    }
  }
  return newest;
}

function upsertBalances(rows: readonly Balance[]): Statement {
  return {
    name: 'upsert_balances',
    text: `INSERT INTO views.balances AS b (user_id, asset, available, held, version)
           SELECT * FROM unnest($1::text[], $2::text[], $3::numeric[], $4::numeric[], $5::bigint[])
           ON CONFLICT (user_id, asset) DO UPDATE
             SET available = excluded.available, held = excluded.held, version = excluded.version
             WHERE b.version < excluded.version`,
    values: [
      arrays.text(rows.map((row) => row.userId)),
      arrays.text(rows.map((row) => row.asset)),
      arrays.numeric18(rows.map((row) => row.available)),
      arrays.numeric18(rows.map((row) => row.held)),
      arrays.int8(rows.map((row) => row.version)),
    ],
  };
}
