import type { LogRecord, RecordBatch, SubscriptionHandler } from '@tradestream/messaging';

type Call =
  | { readonly call: 'assigned'; readonly partitions: readonly number[]; readonly signal: AbortSignal }
  | { readonly call: 'revoked'; readonly partitions: readonly number[] }
  | { readonly call: 'records'; readonly batch: RecordBatch };

/** A subscription's owner that writes down every call and can hold any of them. */
export class Recorder implements SubscriptionHandler {
  readonly calls: Call[] = [];
  /** Where partitions begin; 0 unless set. `null` leaves the partition out. */
  readonly starts = new Map<number, number | null>();
  readonly #held = new Map<string, Promise<void>>();
  readonly #watchers = new Set<() => void>();

  async assigned(partitions: readonly number[], signal: AbortSignal): Promise<ReadonlyMap<number, number>> {
    this.#note({ call: 'assigned', partitions, signal });
    await this.#held.get('assigned');
    const begins = partitions.map((partition) => [partition, this.starts.get(partition) ?? 0] as const);
    return new Map(begins.filter(([partition]) => this.starts.get(partition) !== null));
  }

  async revoked(partitions: readonly number[]): Promise<void> {
    this.#note({ call: 'revoked', partitions });
    await this.#held.get('revoked');
  }

  async records(batch: RecordBatch): Promise<void> {
    this.#note({ call: 'records', batch });
    await this.#held.get(`records ${batch.partition}`);
  }

  /** Holds all coming calls of that name until the function that it returns is called. */
  hold(name: 'assigned' | 'revoked' | `records ${number}`): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held.set(name, promise);
    return () => {
      this.#held.delete(name);
      resolve();
    };
  }

  get delivered(): readonly LogRecord[] {
    return this.calls.flatMap((entry) => (entry.call === 'records' ? entry.batch.records : []));
  }

  of(partition: number): readonly LogRecord[] {
    return this.delivered.filter((record) => record.partition === partition);
  }

  get assignments(): readonly (readonly number[])[] {
    return this.calls.flatMap((entry) => (entry.call === 'assigned' ? [entry.partitions] : []));
  }

  get revocations(): readonly (readonly number[])[] {
    return this.calls.flatMap((entry) => (entry.call === 'revoked' ? [entry.partitions] : []));
  }

  /** What it holds now, as it was told. */
  get held(): readonly number[] {
    const last = this.calls.findLast((entry) => entry.call !== 'records');
    return last?.call === 'assigned' ? last.partitions : [];
  }

  /** Resolves once the condition holds; checked at every call. */
  async until(what: string, holds: () => boolean, withinMs = 60_000): Promise<void> {
    await until(what, holds, { withinMs, watch: (look) => this.#watch(look) });
  }

  #watch(look: () => void): () => void {
    this.#watchers.add(look);
    return () => this.#watchers.delete(look);
  }

  #note(entry: Call): void {
    this.calls.push(entry);
    for (const look of this.#watchers) look();
  }
}

async function until(
  what: string,
  holds: () => boolean,
  options: { readonly withinMs: number; readonly watch: (look: () => void) => () => void },
): Promise<void> {
  if (holds()) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error(`${what}: not within ${options.withinMs} ms`)), options.withinMs);
  const forget = options.watch(() => {
    if (holds()) resolve();
  });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    forget();
  }
}
