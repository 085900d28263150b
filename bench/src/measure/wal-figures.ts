import type { Session } from '@tradestream/database';

/** How much WAL was written so far: in all, and by the sessions of projector and monitor. */
export type WalFigures = { readonly total: number; readonly beside: number };

export async function readWal(session: Session): Promise<WalFigures> {
  const { rows } = await session.query<{ total: string; beside: string }>({
    text: `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::text AS total,
                  (SELECT coalesce(sum(w.wal_bytes), 0)::text
                   FROM pg_stat_activity AS a, pg_stat_get_backend_wal(a.pid) AS w
                   WHERE a.usename IN ('tradestream_projector', 'tradestream_monitor')) AS beside`,
  });
  return { total: Number(rows[0]?.total), beside: Number(rows[0]?.beside) };
}

/** WAL a command, beyond what projections write, and the monitor for its history: that goes by time. */
export function walBytesPerCommand(before: WalFigures, after: WalFigures, commandCount: number): number {
  const beside = Math.max(0, after.beside - before.beside);
  return Math.round((after.total - before.total - beside) / commandCount);
}
