import { invariant } from '@tradestream/runtime';
import { MessagingError } from '../errors.ts';
import { partitionOf } from '../partition-of.ts';
import type { LogRecord, OutgoingRecord, PartitionRange, RecordPlace } from '../ports.ts';

/** A topic whose records are held in arrays; the in-memory stand-in for a broker's log. */
export class MemoryTopic {
  readonly name: string;
  /** Kept and told; nothing here expires by it. */
  readonly config: Readonly<Record<string, string>>;
  readonly #partitions: readonly MemoryPartition[];
  #nextWithoutKey = 0;

  constructor(name: string, partitionCount: number, config: Readonly<Record<string, string>> = {}) {
    this.name = name;
    this.config = config;
    this.#partitions = Array.from({ length: partitionCount }, (_, partition) => new MemoryPartition(name, partition));
  }

  get partitionCount(): number {
    return this.#partitions.length;
  }

  partition(index: number): MemoryPartition {
    const partition = this.#partitions[index];
    if (partition === undefined) {
      throw new MessagingError('MSG_REFUSED', {
        detail: 'no such partition',
        context: { topic: this.name, partition: index },
      });
    }
    return partition;
  }

  append(record: OutgoingRecord, nowMs: number): RecordPlace {
    const partition = this.partition(record.partition ?? this.#choose(record.key));
    return { partition: partition.index, offset: partition.append(record, nowMs) };
  }

  ranges(): readonly PartitionRange[] {
    return this.#partitions.map(({ index, start, end }) => ({ partition: index, start, end }));
  }

  offsetsAt(timeMs: number): ReadonlyMap<number, number> {
    return new Map(this.#partitions.map((partition) => [partition.index, partition.offsetAt(timeMs)]));
  }

  #choose(key: Buffer | string | null): number {
    if (key !== null) return partitionOf(key, this.partitionCount);
    this.#nextWithoutKey += 1;
    return (this.#nextWithoutKey - 1) % this.partitionCount;
  }
}

export class MemoryPartition {
  readonly topic: string;
  readonly index: number;
  #records: LogRecord[] = [];
  #start = 0;
  readonly #waiting = new Set<() => void>();

  constructor(topic: string, index: number) {
    this.topic = topic;
    this.index = index;
  }

  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#start + this.#records.length;
  }

  append(record: OutgoingRecord, nowMs: number): number {
    const offset = this.end;
    this.#records.push({
      topic: this.topic,
      partition: this.index,
      offset,
      timestampMs: record.timestampMs ?? nowMs,
      key: typeof record.key === 'string' ? Buffer.from(record.key) : record.key,
      value: record.value,
      headers: storedHeaders(record.headers ?? {}),
    });
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
    return offset;
  }

  /** Records from `from` on, at most `count`. */
  read(from: number, count: number): readonly LogRecord[] {
    if (from < this.#start || from > this.end) {
      throw new MessagingError('MSG_OFFSET_OUT_OF_RANGE', {
        context: { topic: this.topic, partition: this.index, offset: from, start: this.#start, end: this.end },
      });
    }
    return this.#records.slice(from - this.#start, from - this.#start + count);
  }

  /** The first record at or after the time, or the end. */
  offsetAt(timeMs: number): number {
    const index = this.#records.findIndex(({ timestampMs }) => timestampMs >= timeMs);
    return index < 0 ? this.end : this.#start + index;
  }

  deleteBefore(offset: number): void {
    invariant(offset <= this.end, 'records beyond the end cannot be deleted');
    if (offset <= this.#start) return;
    this.#records = this.#records.slice(offset - this.#start);
    this.#start = offset;
  }

  /** Resolves once a record at `offset` exists, or the signal aborts. */
  async waitFor(offset: number, signal: AbortSignal): Promise<void> {
    while (this.end <= offset && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      const onAbort = () => resolve();
      signal.addEventListener('abort', onAbort, { once: true });
      await promise;
      signal.removeEventListener('abort', onAbort);
      this.#waiting.delete(resolve);
    }
  }
}

/** A broker keeps bytes, whatever the producer gave. */
function storedHeaders(headers: LogRecord['headers']): LogRecord['headers'] {
  const stored: Record<string, Buffer | readonly Buffer[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    stored[name] =
      typeof value === 'string' || Buffer.isBuffer(value) ? Buffer.from(value) : value.map((item) => Buffer.from(item));
  }
  return stored;
}
