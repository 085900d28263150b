import type { LedgerWorld } from './ledger-world.ts';

/**
 * Whether a session of this world's database waits for a lock: of any application or of one, for any
 * kind of lock or for one (`relation`, `transactionid`, `tuple` ...).
 */
export async function waitsForLock(
  world: Pick<LedgerWorld, 'rows'>,
  { application = null, lock = null }: { readonly application?: string | null; readonly lock?: string | null } = {},
): Promise<boolean> {
  const waiting = await world.rows(
    `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
       AND ($1::text IS NULL OR application_name = $1) AND ($2::text IS NULL OR wait_event = $2)`,
    [application, lock],
  );
  return waiting.length > 0;
}
