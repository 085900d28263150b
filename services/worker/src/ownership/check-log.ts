import type { LogAdmin, LogReader, LogRecord } from '@tradestream/messaging';
import { WorkerError } from '../errors.ts';
import { recordHash } from '../intake/decode-record.ts';
import type { Position } from './position.ts';

/**
 * Compares claimed positions with the log. A partition whose next record is gone, or whose log is
 * another one than was applied, must stop: going on would skip or repeat silently.
 * @returns what is wrong, by partition; nothing for those that may go on
 */
export async function checkLog(options: {
  readonly admin: LogAdmin;
  readonly reader: LogReader;
  readonly topic: string;
  readonly positions: readonly Position[];
}): Promise<ReadonlyMap<number, WorkerError>> {
  const { admin, reader, topic, positions } = options;
  const wrong = new Map<number, WorkerError>();
  const ranges = new Map((await admin.ranges(topic)).map((range) => [range.partition, range]));
  for (const { partition, nextOffset, lastHash } of positions) {
    const range = ranges.get(partition);
    const context = { topic, partition, nextOffset, start: range?.start, end: range?.end };
    if (range === undefined || nextOffset > range.end) {
      wrong.set(partition, new WorkerError('LOG_CHANGED', { context, detail: 'the next offset lies beyond its end' }));
    } else if (nextOffset < range.start) {
      wrong.set(partition, new WorkerError('LOG_EXPIRED', { context }));
    } else if (nextOffset > range.start && lastHash !== null) {
      const last = await readOne(reader, { topic, partition, offset: nextOffset - 1 });
      if (last === null || !recordHash(last).equals(lastHash)) {
        const detail = 'the record before the next offset is not the one that was applied';
        wrong.set(partition, new WorkerError('LOG_CHANGED', { context, detail }));
      }
    }
  }
  return wrong;
}

async function readOne(
  reader: LogReader,
  place: { readonly topic: string; readonly partition: number; readonly offset: number },
): Promise<LogRecord | null> {
  const { topic, partition, offset } = place;
  for await (const records of reader.read({ topic, partition, from: offset, to: offset + 1 })) {
    for (const record of records) if (record.offset === offset) return record;
  }
  return null;
}
