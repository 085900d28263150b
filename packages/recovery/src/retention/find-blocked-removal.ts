import type { Ask } from '../ask.ts';
import { OLD_ENOUGH } from './remove-events.ts';

export type BlockedRemoval = {
  /** Since the oldest snapshot behind which events could have left became old enough for it. */
  readonly seconds: number;
  /** What stands against it, of few words. */
  readonly by: string;
};

// Whoever folds events holds a lock against removing: see ledger.hold_events.
const BLOCKED = `
  WITH due AS MATERIALIZED (SELECT b.id, b.taken_at, k.what FROM ${OLD_ENOUGH}),
  folding AS (
    SELECT FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database AND d.datname = current_database()
    WHERE l.locktype = 'advisory' AND (l.classid, l.objid, l.objsubid) = (7453, 1, 2) AND l.mode = 'ShareLock' AND l.granted)
  SELECT extract(epoch FROM clock_timestamp() - min(taken_at) - $2 * interval '1 ms')::float8 AS seconds,
    CASE WHEN bool_and(what IS NOT NULL) THEN (array_agg(what ORDER BY id))[1]
      WHEN EXISTS (SELECT FROM folding) THEN 'a session that folds events' END AS by
  FROM due`;

/**
 * Why events are still in the ledger although a snapshot that is older than `ageMs` holds them; null: nothing stands
 * against their leaving. @throws {DatabaseError}
 */
export async function findBlockedRemoval(ask: Ask, topic: string, ageMs: number): Promise<BlockedRemoval | null> {
  const [row] = await ask<{ readonly seconds: number | null; readonly by: string | null }>({
    text: BLOCKED,
    values: [topic, ageMs],
  });
  if (row === undefined || row.seconds === null || row.by === null) return null;
  return { seconds: row.seconds, by: row.by };
}
