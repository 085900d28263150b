import type { ReplaySource } from '../replay/choose-offsets.ts';

/** Whether the log has lost the record of the next event's receipt to archive, or that of a discarded one, in any partition. @throws {DatabaseError} @throws {MessagingError} */
export async function findArchivable({ ask, admin, topic }: ReplaySource): Promise<boolean> {
  const starts = (await admin.ranges(topic)).filter(({ start }) => start > 0);
  if (starts.length === 0) return false;
  const [row] = await ask<{ found: boolean }>({
    text: `WITH log AS (SELECT * FROM unnest($2::int[], $3::bigint[]) AS l (partition, start))
           SELECT EXISTS (
             SELECT FROM log
             LEFT JOIN ledger.retention AS t ON t.topic = $1 AND t.partition = log.partition
             JOIN ledger.every_event AS e ON e.partition = log.partition AND e.seq = coalesce(t.archived_seq, 0) + 1
             JOIN ledger.receipts AS r ON r.command_id = e.command_id AND r."offset" < log.start)
             OR EXISTS (
             SELECT FROM log JOIN ledger.parked AS k ON k.topic = $1 AND k.partition = log.partition
               AND k."offset" < log.start AND k.status = 'discarded'
             JOIN ledger.receipts AS r ON r.command_id = k.command_id AND r.outcome = 'discarded'
               AND r.partition = k.partition AND r."offset" = k."offset") AS found`,
    values: [topic, starts.map(({ partition }) => partition), starts.map(({ start }) => start)],
  });
  return row?.found === true;
}
