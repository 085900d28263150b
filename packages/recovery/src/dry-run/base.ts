import type { Ask } from '../ask.ts';
import { RecoveryError } from '../errors.ts';
import { type Cut, chooseBatch, type DryRunOrigin } from './cut.ts';
import type { Base } from './dry-state.ts';

/**
 * Refuses before anything is begun what `dryRunCommands` could only refuse, as far as it can be known now.
 * @throws {RecoveryError} REPLAY_UNKNOWN_COMMAND, REPLAY_NO_PARTITION, EVENTS_REMOVED @throws {DatabaseError}
 */
export async function expectDryRun(
  ask: Ask,
  { topic, origin }: { readonly topic: string; readonly origin: DryRunOrigin },
): Promise<void> {
  const end = await endOf(ask, topic);
  const batch = await chooseBatch(ask, origin, end);
  const { snapshotId } = await baseBefore(ask, { topic, batch, end });
  await expectBase(ask, { topic, fromBatch: batch === Infinity ? null : batch, snapshotId });
}

/** The last sequence of each partition. */
export async function endOf(ask: Ask, topic: string): Promise<Cut> {
  const rows = await ask<{ partition: number; seq: number }>({
    text: 'SELECT partition, event_seq::float8 AS seq FROM ledger.partitions WHERE topic = $1 ORDER BY partition',
    values: [topic],
  });
  return new Map(rows.map(({ partition, seq }) => [partition, seq]));
}

/** The newest snapshot all of whose events are of earlier batches, or the beginning. */
export async function baseBefore(
  ask: Ask,
  { topic, batch, end }: { readonly topic: string; readonly batch: number; readonly end: Cut },
): Promise<Base> {
  const [found] = await ask<{ id: number; seqs: Readonly<Record<string, number>> }>({
    text: `SELECT id::float8 AS id, seqs FROM ledger.bases WHERE topic = $1 AND batch < $2::float8 ORDER BY bases.id DESC LIMIT 1`,
    values: [topic, Math.min(batch, Number.MAX_SAFE_INTEGER)],
  });
  const cut = new Map([...end.keys()].map((partition) => [partition, found?.seqs[String(partition)] ?? 0]));
  return { snapshotId: found?.id ?? null, cut };
}

/**
 * What the state is made from must be there, with every event behind it.
 * @throws {RecoveryError} EVENTS_REMOVED that names the first batch which may be decided again
 */
export async function expectBase(
  ask: Ask,
  base: { readonly topic: string; readonly fromBatch: number | null; readonly snapshotId: number | null },
): Promise<void> {
  const { topic, fromBatch, snapshotId } = base;
  const [row] = await ask<{ here: boolean; first: number | null }>({
    text: `SELECT CASE WHEN $2::bigint IS NULL
                    THEN NOT EXISTS (SELECT FROM ledger.retention WHERE topic = $1 AND removed_seq > 0)
                    ELSE EXISTS (SELECT FROM ledger.bases WHERE topic = $1 AND id = $2) END AS here,
                  (SELECT min(batch) + 1 FROM ledger.bases WHERE topic = $1)::float8 AS first`,
    values: [topic, snapshotId],
  });
  if (row?.here !== true)
    throw new RecoveryError('EVENTS_REMOVED', { context: { fromBatch, firstBatch: row?.first ?? 'none' } });
}
