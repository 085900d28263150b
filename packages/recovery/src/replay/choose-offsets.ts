import type { LogAdmin } from '@tradestream/messaging';
import type { Ask } from '../ask.ts';
import { RecoveryError } from '../errors.ts';
import type { Origin, Wanted } from '../origin.ts';

/** A stretch of one partition that is read again: from `from` to before `to`. */
export type ReplayedPartition = {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
  /** Events of the partition when it was set back: what comes behind is new. */
  readonly eventSeq: number;
};

export type ReplaySource = {
  readonly ask: Ask;
  readonly admin: Pick<LogAdmin, 'ranges' | 'offsetsAt'>;
  readonly topic: string;
};

type PartitionRow = { readonly partition: number; readonly next: number; readonly seq: number };

/**
 * What a replay from there would read again: nothing of partitions that stand before it. A time or an
 * offset before the log's start is the start.
 * @throws {RecoveryError} REPLAY_UNKNOWN_COMMAND, REPLAY_NOT_ON_LOG (of a command), REPLAY_NO_PARTITION
 * @throws {DatabaseError} @throws {MessagingError}
 */
export async function chooseOffsets(source: ReplaySource, wanted: Wanted): Promise<readonly ReplayedPartition[]> {
  const { ask, admin, topic } = source;
  const rows = await ask<PartitionRow>({
    text: `SELECT partition, next_offset::float8 AS next, event_seq::float8 AS seq
           FROM ledger.partitions WHERE topic = $1 ORDER BY partition`,
    values: [topic],
  });
  for (const partition of wanted.partitions ?? []) {
    if (rows.some((row) => row.partition === partition)) continue;
    throw new RecoveryError('REPLAY_NO_PARTITION', { context: { topic, partition } });
  }
  const starts = new Map((await admin.ranges(topic)).map(({ partition, start }) => [partition, start]));
  const from = await offsetsOf(source, wanted.origin, starts);
  return rows.flatMap(({ partition, next, seq }) => {
    const begin = Math.max(from(partition) ?? next, starts.get(partition) ?? next);
    const isWanted = wanted.partitions === null || wanted.partitions.includes(partition);
    return isWanted && begin < next ? [{ partition, from: begin, to: next, eventSeq: seq }] : [];
  });
}

async function offsetsOf(
  { ask, admin, topic }: ReplaySource,
  origin: Origin,
  starts: ReadonlyMap<number, number>,
): Promise<(partition: number) => number | undefined> {
  switch (origin.kind) {
    case 'offset':
      return () => origin.offset;
    case 'time': {
      const offsets = await admin.offsetsAt(topic, origin.timeMs);
      return (partition) => offsets.get(partition);
    }
    case 'command': {
      const { commandId } = origin;
      const [at] = await ask<{ partition: number; place: number }>({
        text: 'SELECT partition, "offset"::float8 AS place FROM ledger.every_receipt WHERE command_id = $1',
        values: [commandId],
      });
      if (at === undefined) throw new RecoveryError('REPLAY_UNKNOWN_COMMAND', { context: { commandId } });
      const start = starts.get(at.partition);
      if (start === undefined || at.place < start) {
        const context = { commandId, topic, partition: at.partition, offset: at.place, start };
        throw new RecoveryError('REPLAY_NOT_ON_LOG', { context });
      }
      return (partition) => (partition === at.partition ? at.place : undefined);
    }
  }
}
