import { decodeEvent } from '@tradestream/contracts';
import { openSession, type Session } from '@tradestream/database';
import type { Endpoints } from '@tradestream/stack';
import { formatAmount } from '@tradestream/trading';

/** What became of the checks; the first contradiction names what does not agree, with ids. */
export type Verification = {
  readonly ok: boolean;
  readonly conservation: boolean;
  readonly firstContradiction: string | null;
};

const CONNECT_TIMEOUT_MS = 5_000;
const EVENTS_A_READ = 5_000;

/** Checks the invariants on one snapshot of the primary. */
export async function verifyInstallation(
  endpoints: Endpoints,
  options: { readonly signal: AbortSignal },
): Promise<Verification> {
  const session = await openSession({
    url: endpoints.databaseUrl,
    applicationName: 'tradestream-verify',
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    settings: { default_transaction_read_only: 'on' },
    signal: options.signal,
  });
  try {
    await session.query({ text: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' });
    const conservation = await findLostFunds(session);
    const contradiction = conservation ?? (await findGap(session));
    return { ok: contradiction === null, conservation: conservation === null, firstContradiction: contradiction };
  } finally {
    await session.close();
  }
}

/** Per asset, what is owned equals what was deposited less what was withdrawn. */
async function findLostFunds(session: Session): Promise<string | null> {
  const moved = await sumFunds(session);
  const { rows } = await session.query<{ asset: string; owned: string }>({
    text: `SELECT asset, ((sum(available) + sum(held)) * 1000000000000000000)::numeric(60, 0)::text AS owned
           FROM ledger.balances GROUP BY asset`,
  });
  const owned = new Map(rows.map((row) => [row.asset, BigInt(row.owned)]));
  for (const asset of new Set([...moved.keys(), ...owned.keys()])) {
    const [has, should] = [owned.get(asset) ?? 0n, moved.get(asset) ?? 0n];
    if (has !== should)
      return `conservation: ${asset}: ${formatAmount(has)} owned, ${formatAmount(should)} deposited less withdrawn`;
  }
  return null;
}

async function sumFunds(session: Session): Promise<Map<string, bigint>> {
  const sums = new Map<string, bigint>();
  for (let after = { partition: -1, seq: '0' }; ; ) {
    const { rows } = await session.query<{ partition: number; seq: string; payload: Buffer }>({
      text: `SELECT partition, seq::text, payload FROM ledger.events
             WHERE type IN ('FundsDeposited', 'FundsWithdrawn') AND (partition, seq) > ($1, $2::bigint)
             ORDER BY partition, seq LIMIT ${EVENTS_A_READ}`,
      values: [after.partition, after.seq],
    });
    for (const { payload } of rows) {
      const { event } = decodeEvent(payload);
      if (event.type !== 'FundsDeposited' && event.type !== 'FundsWithdrawn') continue;
      const amount = event.type === 'FundsDeposited' ? event.amount : -event.amount;
      sums.set(event.asset, (sums.get(event.asset) ?? 0n) + amount);
    }
    const last = rows.at(-1);
    if (last === undefined) return sums;
    after = { partition: last.partition, seq: last.seq };
  }
}

/** Sequences have no gap: a partition has as many events as its sequence says. */
async function findGap(session: Session): Promise<string | null> {
  const { rows } = await session.query<{ partition: number; event_seq: string; count: string }>({
    text: `SELECT p.partition, p.event_seq::text, count(e.seq)::text AS count
           FROM ledger.partitions AS p LEFT JOIN ledger.events AS e USING (partition)
           GROUP BY p.partition, p.event_seq HAVING count(e.seq) <> p.event_seq LIMIT 1`,
  });
  const [gap] = rows;
  return gap === undefined
    ? null
    : `events: partition ${gap.partition} has ${gap.count} events and stands at seq ${gap.event_seq}`;
}
