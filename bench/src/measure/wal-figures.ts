import type { Session } from '@tradestream/database';

/** How much WAL was written so far: in all, and by the sessions of the projector. */
export type WalFigures = { readonly total: number; readonly projector: number };

export async function readWal(session: Session): Promise<WalFigures> {
  const { rows } = await session.query<{ total: string; projector: string }>({
    text: `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::text AS total,
                  (SELECT coalesce(sum(w.wal_bytes), 0)::text
                   FROM pg_stat_activity AS a, pg_stat_get_backend_wal(a.pid) AS w
                   WHERE a.usename = 'tradestream_projector') AS projector`,
  });
  return { total: Number(rows[0]?.total), projector: Number(rows[0]?.projector) };
}

/** WAL a command, beyond what projections write. */
export function walBytesPerCommand(before: WalFigures, after: WalFigures, commandCount: number): number {
  const projections = Math.max(0, after.projector - before.projector);
  return Math.round((after.total - before.total - projections) / commandCount);
}
