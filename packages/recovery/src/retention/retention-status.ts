import type { Statement } from '@tradestream/database';
import { HOLDING_EVENTS } from './remove-events.ts';

/** One row, `status`, of the shape of `RetentionAnswer`: counts of receipts are those of the statistics. */
export function retentionStatus(topic: string): Statement {
  return {
    text: `SELECT jsonb_build_object(
        'partitions', (
          SELECT coalesce(jsonb_agg(jsonb_build_object('partition', p.partition, 'nextOffset', p.next_offset,
              'eventSeq', p.event_seq, 'archivedSeq', coalesce(r.archived_seq, 0), 'forgottenBefore', r.forgotten_before,
              'removedSeq', coalesce(r.removed_seq, 0))
            ORDER BY p.partition), '[]')
          FROM ledger.partitions AS p LEFT JOIN ledger.retention AS r USING (topic, partition) WHERE p.topic = $1),
        'archivedReceipts', (
          SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
          WHERE i.inhparent = 'ledger.receipt_archive'::regclass),
        'receipts', (SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'ledger.receipts'::regclass),
        'snapshots', (
          SELECT coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'batch', s.batch, 'balances', s.balances,
              'orders', s.orders, 'takenAt', s.taken_at, 'forRetention', s.for_retention,
              'isBase', EXISTS (SELECT FROM ledger.bases AS b WHERE b.id = s.id)) ORDER BY s.id DESC), '[]')
          FROM ledger.snapshots AS s WHERE s.topic = $1),
        'removalBlockedBy', (
          SELECT k.blocker FROM ${HOLDING_EVENTS} ORDER BY b.id LIMIT 1)) AS status`,
    values: [topic],
  };
}
