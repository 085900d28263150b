import type { Metrics } from '@tradestream/runtime';
import type { BatchCounts } from './apply/write-batch.ts';
import type { Position, Positions } from './ownership/position.ts';

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
  readonly #parkedKeys;
  readonly #keyWaiting;
  readonly #paused;

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
    this.#parkedKeys = metrics.gauge({
      name: 'tradestream_worker_parked_keys',
      help: 'Keys with a parked command that later ones wait behind',
      labels: ['partition'],
    });
    this.#keyWaiting = metrics.gauge({
      name: 'tradestream_worker_key_waiting',
      help: 'Commands that wait in the longest queue of a key',
      labels: ['partition'],
    });
    this.#paused = metrics.gauge({
      name: 'tradestream_worker_paused',
      help: '1 while a partition is paused, since the queue of a key is full',
      labels: ['partition'],
    });
  }

  committed(counts: BatchCounts, seconds: number): void {
    let rejected = 0;
    for (const [reason, count] of counts.rejected) {
      rejected += count;
      this.#rejections.add(count, { reason });
    }
    this.#commands.add(counts.applied, { outcome: 'applied' });
    this.#commands.add(rejected, { outcome: 'rejected' });
    this.#commands.add(counts.parked, { outcome: 'parked' });
    this.#commands.add(counts.duplicates, { outcome: 'duplicate' });
    this.#commands.add(counts.conflicts, { outcome: 'conflict' });
    this.#batchCommands.observe(counts.commands);
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
      this.#parkedKeys.set(position.blockedKeys.size, { partition });
      this.#keyWaiting.set(longestQueue(position) - 1, { partition });
      this.#paused.set(position.paused ? 1 : 0, { partition });
    }
  }

  forgetPartition(partition: number): void {
    this.#ends.delete(partition);
    this.#lag.remove({ partition });
    for (const gauge of [this.#unpublished, this.#parkedKeys, this.#keyWaiting, this.#paused]) {
      gauge.remove({ partition });
    }
  }
}

/** Its head among them; 1 when there is none. */
function longestQueue({ queued }: Position): number {
  let longest = 1;
  for (const count of queued.values()) longest = Math.max(longest, count);
  return longest;
}
