import { expectHolds } from './contradiction.ts';
import { loadRows } from './pages.ts';
import type { Snapshot } from './snapshot.ts';

/** Of removed events the places are there without gap, each with its receipt. @throws {Contradiction} */
export async function checkRemoved({ session, topic, retention, forgottenIds }: Snapshot): Promise<void> {
  const rows = await loadRows<{ partition: number; count: number; first: number; last: number }>(
    session,
    `SELECT partition, count(*)::float8 AS count, min(seq)::float8 AS first, max(seq)::float8 AS last
     FROM ledger.removed_events GROUP BY partition`,
  );
  const places = new Map(rows.map((row) => [row.partition, row]));
  for (const partition of new Set([...places.keys(), ...retention.keys()])) {
    const { count = 0, first = 1, last = 0 } = places.get(partition) ?? {};
    const { removedSeq = 0 } = retention.get(partition) ?? {};
    expectHolds(
      'sequence',
      first === 1 && last === removedSeq && count === removedSeq,
      () => `partition ${partition}: of ${removedSeq} removed events the places of ${count} are kept, up to ${last}`,
    );
  }
  const [odd] = await loadRows<{ partition: number; seq: number; command_id: string }>(
    session,
    `SELECT e.partition, e.seq::float8 AS seq, e.command_id::text AS command_id FROM ledger.removed_events AS e
     LEFT JOIN ledger.every_receipt AS r ON r.command_id = e.command_id AND r.partition = e.partition AND r.seq = e.seq
       AND r.batch = e.batch AND r.index = e.index AND (r.outcome = 'rejected') = (e.type = 'CommandRejected')
     LEFT JOIN ledger.retention AS t ON t.topic = $1 AND t.partition = e.partition
     WHERE r.command_id IS NULL AND (t.forgotten_before IS NULL OR e.occurred_at >= t.forgotten_before)
       AND e.command_id <> ALL ($2::uuid[]) LIMIT 1`,
    [topic, [...forgottenIds]],
  );
  expectHolds(
    'receipts',
    odd === undefined,
    () => `removed event ${odd?.partition}/${odd?.seq} (command ${odd?.command_id}) has no receipt that names it`,
  );
}
