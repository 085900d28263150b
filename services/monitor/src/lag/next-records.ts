import { type LogReader, MessagingError } from '@tradestream/messaging';
import type { PartitionSample } from './lag-sample.ts';

type Known = { readonly from: number; readonly end: number; readonly next: PartitionSample['next'] };

/**
 * The first unread record of each partition that is behind. What was read once is kept while it
 * holds: a reader that stands still costs nothing.
 */
export class NextRecords {
  readonly #reader: LogReader;
  readonly #known = new Map<string, Known>();

  constructor(reader: LogReader) {
    this.#reader = reader;
  }

  /** Undefined when it could not be read: the lag in seconds is then not known. */
  async of(sample: PartitionSample, signal: AbortSignal): Promise<PartitionSample['next']> {
    const { topic, partition, committed, start, end } = sample;
    if (committed === null || end === null) return undefined;
    const from = Math.max(committed, start ?? 0);
    const key = keyOf(sample, from);
    const known = this.#known.get(key);
    // Nothing there up to the end, or a record: either holds until the end, or for ever.
    if (known !== undefined && (known.next !== null || known.end === end)) return known.next;
    try {
      const record = await this.#reader.peek({ topic, partition, from, signal });
      const next = record === null ? null : { offset: record.offset, timestampMs: record.timestampMs };
      this.#known.set(key, { from, end, next });
      return next;
    } catch (error) {
      if (error instanceof MessagingError && error.retry === 'never' && error.code !== 'MSG_ABORTED') return undefined;
      throw error;
    }
  }

  /** Forgets what no reader waits for any more. */
  keepOnly(samples: readonly PartitionSample[]): void {
    const wanted = new Set(samples.map((sample) => keyOf(sample, Math.max(sample.committed ?? 0, sample.start ?? 0))));
    for (const key of this.#known.keys()) if (!wanted.has(key)) this.#known.delete(key);
  }
}

function keyOf({ topic, partition }: PartitionSample, from: number): string {
  return `${topic}/${partition}/${from}`;
}
