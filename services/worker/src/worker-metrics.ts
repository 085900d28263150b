import type { Metrics } from '@tradestream/runtime';
import type { Decided } from './decide-batch.ts';
import type { Positions } from './position.ts';

/** The figures of one worker. Updated a batch at a time, never a command at a time. */
export class WorkerMetrics {
  readonly #ends = new Map<number, number>();
  readonly #commands;
  readonly #rejections;
  readonly #batchCommands;
  readonly #batchSeconds;
  readonly #retries;
  readonly #lag;
  readonly #unpublished;
  readonly #published;

  constructor(metrics: Metrics) {
    this.#commands = metrics.counter({
      name: 'tradestream_commands_total',
      help: 'Commands by outcome',
      labels: ['outcome'],
    });
    this.#rejections = metrics.counter({
      name: 'tradestream_rejections_total',
      help: 'Rejected commands by reason',
      labels: ['reason'],
    });
    this.#batchCommands = metrics.histogram({
      name: 'tradestream_batch_commands',
      help: 'Commands of one transaction',
      buckets: [1, 2, 5, 10, 50, 100, 500, 1_000, 2_500, 5_000, 10_000],
    });
    this.#batchSeconds = metrics.histogram({
      name: 'tradestream_batch_seconds',
      help: 'From taking a batch to its durable COMMIT',
    });
    this.#retries = metrics.counter({
      name: 'tradestream_batch_retries_total',
      help: 'Batches tried again, by error code',
      labels: ['code'],
    });
    this.#lag = metrics.gauge({
      name: 'tradestream_apply_lag',
      help: 'Records between the end of the log and the ledger',
      labels: ['partition'],
    });
    this.#unpublished = metrics.gauge({
      name: 'tradestream_relay_lag',
      help: 'Durable events not yet on the events topic',
      labels: ['partition'],
    });
    this.#published = metrics.counter({
      name: 'tradestream_events_published_total',
      help: 'Events acknowledged by the broker',
    });
  }

  committed(decided: Decided, seconds: number): void {
    const byOutcome = { applied: 0, rejected: 0, parked: 0 };
    for (const receipt of decided.receipts) {
      byOutcome[receipt.outcome] += 1;
      if (receipt.outcome === 'rejected') this.#rejections.add(1, { reason: receipt.reason ?? '' });
    }
    const poison = decided.parked.filter((parked) => parked.from.kind === 'poison').length;
    this.#commands.add(byOutcome.applied, { outcome: 'applied' });
    this.#commands.add(byOutcome.rejected, { outcome: 'rejected' });
    this.#commands.add(byOutcome.parked + poison, { outcome: 'parked' });
    this.#commands.add(decided.duplicates, { outcome: 'duplicate' });
    this.#commands.add(decided.conflicts.length, { outcome: 'conflict' });
    this.#batchCommands.observe(decided.receipts.length + poison + decided.duplicates + decided.conflicts.length);
    this.#batchSeconds.observe(seconds);
  }

  retried(code: string): void {
    this.#retries.add(1, { code });
  }

  published(count: number): void {
    this.#published.add(count);
  }

  sawEnd(partition: number, end: number): void {
    this.#ends.set(partition, end);
  }

  /** Sets the gauges; called at a calm pace, not per batch. */
  sample(positions: Positions): void {
    for (const [partition, position] of positions) {
      const end = this.#ends.get(partition) ?? position.committed.offset;
      this.#lag.set(Math.max(0, end - position.committed.offset), { partition });
      this.#unpublished.set(position.committed.seq - position.publishedSeq, { partition });
    }
  }

  forgetPartition(partition: number): void {
    this.#ends.delete(partition);
    this.#lag.remove({ partition });
    this.#unpublished.remove({ partition });
  }
}
