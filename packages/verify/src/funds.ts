import { decodeEvent } from '@tradestream/contracts';
import { formatAmount } from '@tradestream/trading';
import { cutOf } from './base.ts';
import { expectHolds } from './contradiction.ts';
import { loadRows, readPages } from './pages.ts';
import type { Snapshot } from './snapshot.ts';
import { unitsOf } from './units.ts';

/** Per asset, what is owned equals what was deposited less what was withdrawn. @throws {Contradiction} */
export async function checkConservation(snapshot: Snapshot): Promise<void> {
  const moved = await sumFunds(snapshot);
  const rows = await loadRows<{ asset: string; owned: string }>(
    snapshot.session,
    'SELECT asset, (sum(available) + sum(held))::text AS owned FROM ledger.balances GROUP BY asset ORDER BY asset',
  );
  const owned = new Map(rows.map((row) => [row.asset, unitsOf(row.owned)]));
  for (const asset of new Set([...owned.keys(), ...moved.keys()])) {
    const has = owned.get(asset) ?? 0n;
    const should = moved.get(asset) ?? 0n;
    expectHolds(
      'conservation',
      has === should,
      () => `of ${asset} the users own ${formatAmount(has)}, and ${formatAmount(should)} was deposited less withdrawn`,
    );
  }
}

/** The database refuses a negative amount itself, as long as its constraints are there. @throws {Contradiction} */
export async function checkNoNegative({ session, positions }: Snapshot): Promise<void> {
  for (const table of positions === null ? ['ledger.balances'] : ['ledger.balances', 'views.balances']) {
    const [negative] = await loadRows<{ user_id: string; asset: string; available: string; held: string }>(
      session,
      `SELECT user_id, asset, available::text, held::text FROM ${table} WHERE available < 0 OR held < 0
       ORDER BY user_id, asset LIMIT 1`,
    );
    expectHolds('no negative', negative === undefined, () => {
      const { user_id, asset, available, held } = negative ?? {};
      return `${table}: ${user_id} ${asset} has ${available} available and ${held} held`;
    });
  }
  const [order] = await loadRows<{ order_id: string; filled: string; hold: string; quantity: string }>(
    session,
    `SELECT order_id, filled::text, hold::text, quantity::text FROM ledger.orders
     WHERE filled < 0 OR hold < 0 OR quantity < filled ORDER BY order_id LIMIT 1`,
  );
  expectHolds('no negative', order === undefined, () => {
    return `ledger.orders: ${order?.order_id} has filled ${order?.filled} of ${order?.quantity} and holds ${order?.hold}`;
  });
}

/** What the base has, and what was moved since. */
async function sumFunds({ session, base }: Snapshot): Promise<ReadonlyMap<string, bigint>> {
  const stored = await loadRows<{ asset: string; owned: string }>(
    session,
    `SELECT asset, (sum(available) + sum(held))::text AS owned FROM ledger.snapshot_balances WHERE snapshot_id = $1 GROUP BY asset`,
    [base?.id ?? null],
  );
  const sums = new Map(stored.map(({ asset, owned }) => [asset, unitsOf(owned)]));
  const text = `SELECT e.payload FROM ledger.events AS e
    LEFT JOIN unnest($1::int[], $2::bigint[]) AS cut (partition, seq) ON cut.partition = e.partition
    WHERE e.type IN ('FundsDeposited', 'FundsWithdrawn') AND e.seq > coalesce(cut.seq, 0)`;
  for await (const page of readPages<{ payload: Buffer }>(session, { text, values: cutOf(base) })) {
    for (const { payload } of page) {
      const { event } = decodeEvent(payload);
      if (event.type !== 'FundsDeposited' && event.type !== 'FundsWithdrawn') continue;
      const amount = event.type === 'FundsDeposited' ? event.amount : -event.amount;
      sums.set(event.asset, (sums.get(event.asset) ?? 0n) + amount);
    }
  }
  return sums;
}
