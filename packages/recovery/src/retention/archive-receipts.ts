import type { ReplaySource } from '../replay/choose-offsets.ts';

const BATCH_EVENTS = 5_000;

export type ArchiveOptions = ReplaySource & {
  readonly signal: AbortSignal;
  /** Events looked at in one transaction. */
  readonly batchEvents?: number;
  readonly onMoved: (moved: number) => Promise<void>;
};

/**
 * Moves the receipts of records that the log has lost into the archive, a bounded batch a transaction.
 * What the log has lost is what lies before its first offset; no clock is asked. Stopped anywhere it
 * goes on from there; two at once take turns.
 * @returns how many receipts moved @throws {DatabaseError} @throws {MessagingError}
 */
export async function archiveReceipts(options: ArchiveOptions): Promise<number> {
  const { ask, admin, topic, signal, batchEvents = BATCH_EVENTS, onMoved } = options;
  const known = await ask<{ partition: number }>({
    text: 'SELECT partition FROM ledger.partitions WHERE topic = $1',
    values: [topic],
  });
  let moved = 0;
  for (const { partition, start } of await admin.ranges(topic)) {
    if (start === 0 || !known.some((row) => row.partition === partition)) continue;
    for (let isDone = false; !isDone; ) {
      signal.throwIfAborted();
      const [step] = await ask<{ moved: number; done: boolean }>({
        name: 'archive_receipts',
        text: 'SELECT moved::float8 AS moved, done FROM ledger.archive_receipts($1, $2, $3, $4)',
        values: [topic, partition, start, batchEvents],
      });
      moved += step?.moved ?? 0;
      isDone = step?.done ?? true;
      await onMoved(moved);
    }
  }
  return moved;
}
