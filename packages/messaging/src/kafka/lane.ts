import type { LogRecord, RecordBatch } from '../ports.ts';

/** What was fetched of one partition and not taken yet: fetching goes on while the owner works. */
export class Lane {
  readonly partition: number;
  /** Where the next fetch of this partition begins. */
  fetchOffset: number;
  #batches: RecordBatch[] = [];
  #bytes = 0;
  #wake: (() => void) | undefined;

  constructor(partition: number, start: number) {
    this.partition = partition;
    this.fetchOffset = start;
  }

  /** Bytes that wait here. */
  get bytes(): number {
    return this.#bytes;
  }

  push(batch: RecordBatch, bytes: number): void {
    if (batch.records.length === 0) return;
    this.#batches.push(batch);
    this.#bytes += bytes;
    this.#wake?.();
  }

  /** All that waits, as one batch; waits for the first. Undefined once the signal aborts. */
  async take(signal: AbortSignal): Promise<RecordBatch | undefined> {
    while (this.#batches.length === 0 && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const onAbort = () => resolve();
      signal.addEventListener('abort', onAbort, { once: true });
      await promise;
      signal.removeEventListener('abort', onAbort);
    }
    if (signal.aborted) return undefined;
    const taken = this.#batches;
    this.#batches = [];
    this.#bytes = 0;
    return merged(taken);
  }
}

function merged(batches: readonly RecordBatch[]): RecordBatch | undefined {
  const last = batches.at(-1);
  if (last === undefined || batches.length === 1) return last;
  const records: LogRecord[] = [];
  for (const batch of batches) for (const record of batch.records) records.push(record);
  return { ...last, records };
}
