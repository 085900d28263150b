import type { ReplaySource } from '../replay/choose-offsets.ts';

/** Whether the log has lost the record of the next receipt to archive, in any partition. @throws {DatabaseError} @throws {MessagingError} */
export async function findArchivable({ ask, admin, topic }: ReplaySource): Promise<boolean> {
  const starts = (await admin.ranges(topic)).filter(({ start }) => start > 0);
  if (starts.length === 0) return false;
  const [row] = await ask<{ found: boolean }>({
    text: `SELECT EXISTS (
             SELECT FROM unnest($2::int[], $3::bigint[]) AS log (partition, start)
             LEFT JOIN ledger.retention AS t ON t.topic = $1 AND t.partition = log.partition
             JOIN ledger.events AS e ON e.partition = log.partition AND e.seq = coalesce(t.archived_seq, 0) + 1
             JOIN ledger.receipts AS r ON r.command_id = e.command_id AND r."offset" < log.start) AS found`,
    values: [topic, starts.map(({ partition }) => partition), starts.map(({ start }) => start)],
  });
  return row?.found === true;
}
