import { DatabaseError, type Session } from '@tradestream/database';
import { askOf } from '../ask.ts';
import { takeSnapshot } from '../snapshot/take-snapshot.ts';

const BATCH_ROWS = 5_000;
/** So many snapshots for retention are stored in the time that an event is kept: the finer, the sooner events leave. */
const SNAPSHOTS_AN_AGE = 4;
/** While something stands against removing, no more than these wait: each is a copy of all balances and orders. */
const SNAPSHOTS_MAX = 2 * SNAPSHOTS_AN_AGE;
const LOCK_NOT_AVAILABLE = '55P03';

export type RemoveOptions = {
  readonly session: Session;
  readonly topic: string;
  /** Events stay at least so long after the ledger took them, ms. */
  readonly ageMs: number;
  readonly actor: string;
  readonly why: string;
  /** Other snapshots that stay. */
  readonly keep: number;
  readonly signal: AbortSignal;
  /** Events removed, or orders of the snapshot completed, in one transaction. */
  readonly batchRows?: number;
  readonly onRemoved: (removed: number) => Promise<void>;
};

export type RemovalResult = {
  readonly removed: number;
  /** The snapshot that events left behind; null: none that is old enough has any behind which they could. */
  readonly behind: number | null;
  /** What stands against it; null when nothing does. */
  readonly blockedBy: string | null;
};

/**
 * Removes the events that a snapshot older than the age holds, a bounded batch a transaction, once they
 * are published and in every version of every projection; stores the next snapshot when that is due. All
 * rules are the database's own: see ledger.remove_events. While somebody folds events none leaves, and
 * that is answered. Stopped anywhere it goes on from there.
 * @throws {DatabaseError}
 */
export async function removeEvents(options: RemoveOptions): Promise<RemovalResult> {
  const { session, topic, ageMs, actor, why, keep } = options;
  const ask = askOf(session);
  if (await isSnapshotDue(options)) await takeSnapshot(session, { topic, actor, why, keep, forRetention: true });
  const [base] = await ask<{ id: number; blocker: string | null; partitions: readonly number[] }>({
    text: `SELECT b.id::float8 AS id, k.blocker, ARRAY(SELECT jsonb_object_keys(b.seqs)::int ORDER BY 1) AS partitions
           FROM ${OLD_ENOUGH} ORDER BY k.blocker IS NOT NULL, b.id DESC LIMIT 1`,
    values: [topic, ageMs],
  });
  if (base === undefined) return { removed: 0, behind: null, blockedBy: null };
  const { id: behind, blocker: blockedBy, partitions } = base;
  if (blockedBy !== null) return { removed: 0, behind, blockedBy };
  await completeSnapshot(options, behind);
  return await removeBehind(options, behind, partitions);
}

/** A batch a transaction: a snapshot may be of millions of orders. */
async function completeSnapshot(
  { session, ageMs, actor, why, signal, batchRows = BATCH_ROWS }: RemoveOptions,
  behind: number,
): Promise<void> {
  for (let after: string | null = ''; after !== null; ) {
    signal.throwIfAborted();
    const [step]: readonly { readonly last: string | null }[] = await askOf(session)<{ last: string | null }>({
      text: `SELECT ledger.complete_snapshot($1, $2 * interval '1 ms', $3, $4, $5, $6) AS last`,
      values: [behind, ageMs, after, batchRows, actor, why],
    });
    after = step?.last ?? null;
  }
}

async function removeBehind(
  { session, signal, batchRows = BATCH_ROWS, onRemoved }: RemoveOptions,
  behind: number,
  partitions: readonly number[],
): Promise<RemovalResult> {
  const ask = askOf(session);
  let removed = 0;
  for (const partition of partitions) {
    for (let isDone = false; !isDone; ) {
      signal.throwIfAborted();
      const step = await ask<{ removed: number; done: boolean }>({
        name: 'remove_events',
        text: 'SELECT removed::float8 AS removed, done FROM ledger.remove_events($1, $2, $3)',
        values: [partition, behind, batchRows],
      }).catch(nullIfHeld);
      if (step === null) return { removed, behind, blockedBy: 'events are being folded, or removed by another job' };
      removed += step[0]?.removed ?? 0;
      isDone = step[0]?.done ?? true;
      await onRemoved(removed);
    }
  }
  return { removed, behind, blockedBy: null };
}

/** A rebuild or a dry run may hold events for hours: a job that waited for it would look like one that stands still. */
function nullIfHeld(error: unknown): null {
  if (error instanceof DatabaseError && error.code === LOCK_NOT_AVAILABLE) return null;
  throw error;
}

async function isSnapshotDue({
  session,
  topic,
  ageMs,
}: Pick<RemoveOptions, 'session' | 'topic' | 'ageMs'>): Promise<boolean> {
  const [row] = await askOf(session)<{ due: boolean }>({
    text: `SELECT ${SNAPSHOT_DUE} AS due`,
    values: [topic, ageMs],
  });
  return row?.due === true;
}

const SNAPSHOT_DUE = `(NOT EXISTS (
    SELECT FROM ledger.snapshots WHERE topic = $1 AND for_retention
      AND taken_at > clock_timestamp() - $2 * interval '1 ms' / ${SNAPSHOTS_AN_AGE})
  AND (SELECT count(*) FROM ledger.bases WHERE topic = $1 AND for_retention) < ${SNAPSHOTS_MAX})`;

/** Snapshots of topic `$1` for retention that hold events which are there, and what stands against removing these. */
export const HOLDING_EVENTS = `ledger.bases AS b CROSS JOIN LATERAL ledger.removal_obstacle(b.id) AS k (what, blocker)
  WHERE b.topic = $1 AND b.for_retention AND EXISTS (
    SELECT FROM jsonb_each_text(b.seqs) AS s (partition, seq)
    LEFT JOIN ledger.retention AS r ON r.topic = b.topic AND r.partition = s.partition::int
    WHERE s.seq::bigint > coalesce(r.removed_seq, 0))`;

/** Those that are so old, `$2` ms, that events may leave behind them. */
export const OLD_ENOUGH = `${HOLDING_EVENTS} AND b.taken_at <= clock_timestamp() - $2 * interval '1 ms'`;

/** Whether there is something to do: a snapshot to store, or events to remove behind one. @throws {DatabaseError} */
export async function findRemovable(ask: ReturnType<typeof askOf>, topic: string, ageMs: number): Promise<boolean> {
  const [row] = await ask<{ found: boolean }>({
    text: `SELECT ${SNAPSHOT_DUE} OR EXISTS (SELECT FROM ${OLD_ENOUGH} AND k.blocker IS NULL) AS found`,
    values: [topic, ageMs],
  });
  return row?.found === true;
}
