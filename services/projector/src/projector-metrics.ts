import type { Metrics } from '@tradestream/runtime';
import type { Cursor } from './position.ts';
import type { Batch } from './project-batch.ts';
import type { ProjectionRequest } from './rebuild/request.ts';

/** The figures of one projector. Updated a batch at a time, never an event at a time. */
export class ProjectorMetrics {
  readonly #ends = new Map<number, number>();
  readonly #events;
  readonly #batchEvents;
  readonly #batchSeconds;
  readonly #visibleSeconds;
  readonly #retries;
  readonly #lag;
  readonly #stopped;
  readonly #folded;
  readonly #requests;

  constructor(metrics: Metrics) {
    this.#events = metrics.counter({
      name: 'tradestream_projector_events_total',
      help: 'Events projected',
      labels: ['projection'],
    });
    this.#batchEvents = metrics.histogram({
      name: 'tradestream_projector_batch_events',
      help: 'Records of one transaction',
      buckets: [1, 2, 5, 10, 50, 100, 500, 1_000, 2_500, 5_000, 10_000],
    });
    this.#batchSeconds = metrics.histogram({
      name: 'tradestream_projector_batch_seconds',
      help: 'From taking a batch to the answer of its COMMIT',
    });
    this.#visibleSeconds = metrics.histogram({
      name: 'tradestream_projector_visible_seconds',
      help: "From a command's timestamp on the log to the COMMIT of its views; the oldest of each batch",
    });
    this.#retries = metrics.counter({
      name: 'tradestream_projector_retries_total',
      help: 'Batches tried again, by error code',
      labels: ['code'],
    });
    this.#lag = metrics.gauge({
      name: 'tradestream_projector_lag_events',
      help: 'Events on the topic that the projection does not hold',
      labels: ['projection', 'partition'],
    });
    this.#stopped = metrics.gauge({
      name: 'tradestream_projector_stopped',
      help: '1 while a projection does not go on in a partition',
      labels: ['projection', 'partition'],
    });
    this.#folded = metrics.counter({
      name: 'tradestream_projector_folded_events_total',
      help: 'Events read from the ledger to rebuild, verify or repair a projection',
      labels: ['projection', 'kind'],
    });
    this.#requests = metrics.counter({
      name: 'tradestream_projector_requests_total',
      help: 'Requests to rebuild, verify, repair or roll back a projection that have ended, by outcome',
      labels: ['projection', 'kind', 'outcome'],
    });
  }

  folded({ projection, kind }: ProjectionRequest, eventCount: number): void {
    this.#folded.add(eventCount, { projection, kind });
  }

  requested({ projection, kind }: ProjectionRequest, outcome: 'done' | 'failed' | 'cancelled'): void {
    this.#requests.add(1, { projection, kind, outcome });
  }

  committed({ shares, records, startedMs }: Batch): void {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { projection, events } of shares) {
      this.#events.add(events.length, { projection });
      oldest = Math.min(oldest, events[0]?.occurredAt ?? oldest);
    }
    let count = 0;
    for (const ofLane of records.values()) count += ofLane.length;
    this.#batchEvents.observe(count);
    this.#batchSeconds.observe((performance.now() - startedMs) / 1_000);
    if (Number.isFinite(oldest)) this.#visibleSeconds.observe(Math.max(0, Date.now() / 1_000 - oldest / 1_000_000));
  }

  retried(code: string): void {
    this.#retries.add(1, { code });
  }

  stopped({ projection, partition }: Cursor, isStopped: boolean): void {
    this.#stopped.set(isStopped ? 1 : 0, { projection, partition });
  }

  sawEnd(partition: number, end: number): void {
    this.#ends.set(partition, Math.max(end, this.#ends.get(partition) ?? 0));
  }

  /** Sets the gauges; called at a calm pace, not per batch. */
  sample(cursors: readonly Cursor[]): void {
    for (const { projection, partition, held } of cursors) {
      const end = this.#ends.get(partition) ?? held.nextOffset;
      this.#lag.set(Math.max(0, end - held.nextOffset), { projection, partition });
    }
  }

  /** What is no longer this projector's is absent, not stale. */
  forget(cursors: readonly Cursor[]): void {
    for (const { projection, partition } of cursors) {
      this.#ends.delete(partition);
      this.#lag.remove({ projection, partition });
      this.#stopped.remove({ projection, partition });
    }
  }
}
