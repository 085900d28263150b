import { DatabaseError } from '@tradestream/database';
import type { LogAdmin, LogReader, RecordBatch, Subscription, SubscriptionHandler } from '@tradestream/messaging';
import { AppError, errorOf, type Logger, type Readiness, RuntimeError, sleep } from '@tradestream/runtime';
import { type BatchApplier, BatchFailure, isStale } from './apply-batch.ts';
import { checkLog } from './check-log.ts';
import { type ClaimOptions, claimAgain, claimPartitions, releasePartitions } from './claim-partitions.ts';
import { CommandDefect } from './decide-batch.ts';
import { explainRetry, markSingle } from './failure-records.ts';
import type { Intake } from './intake.ts';
import type { LedgerLink } from './ledger-link.ts';
import { decodeRecords, placeOf, revertPositions, type Workbench } from './prepare-batch.ts';
import type { WorkerMetrics } from './worker-metrics.ts';

export type WorkerOptions = {
  readonly bench: Workbench;
  readonly intake: Intake;
  readonly link: LedgerLink;
  readonly applier: BatchApplier;
  readonly admin: LogAdmin;
  readonly reader: LogReader;
  readonly log: Logger;
  readonly readiness: Readiness;
  readonly metrics: WorkerMetrics;
  readonly owner: string;
  readonly applicationName: string;
  readonly claimTimeoutMs: number;
  readonly commitTimeoutMs: number;
  readonly retryDeadlineMs: number;
  readonly batchCommandsMax: number;
  /** Called when the set of owned partitions, or what is durable in it, has changed. */
  readonly onOwned: () => void;
};

/** Tries of a record alone, each ended by the death of its process, after which it is parked. */
const SINGLE_ATTEMPTS_MAX = 3;
const KILLER = { reason: 'WORKER_KILLED', message: 'workers died each time they tried this record alone' } as const;
/** Most batches that go the careful way after one whose kept values were wrong. */
const CAREFUL_BATCHES_MAX = 64;

/**
 * Owns partitions and applies their records, one thing at a time:
 *
 *   applying -> applying          a batch was committed
 *   applying -> applying careful  kept values were wrong: the batch again, loaded under locks
 *   applying -> applying halved   a batch fails for good: halved until one command stands alone
 *   applying -> waiting           database or registry away: try again, later and later, for ever
 *   applying -> claiming          outcome unknown or connection lost: claim again, which settles it
 *   claiming -> applying          with what the database says
 *   claiming -> leaving           the epoch has moved: drop the partitions, ask for a new assignment
 */
export class Worker implements SubscriptionHandler {
  readonly #options: WorkerOptions;
  readonly #errands: (() => Promise<void>)[] = [];
  readonly #stopping = new AbortController();
  #wake: (() => void) | null = null;
  #subscription: Subscription | null = null;
  #countMax: number;
  #carefulBatches = 0;
  #penaltyBatches = 1;
  #retriedSinceMs: number | null = null;
  #pauseMs = 0;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#countMax = options.batchCommandsMax;
  }

  attach(subscription: Subscription): void {
    this.#subscription = subscription;
  }

  async assigned(partitions: readonly number[], signal: AbortSignal): Promise<ReadonlyMap<number, number>> {
    return await this.#errand(async () => (signal.aborted ? new Map() : await this.#claim(partitions)));
  }

  async revoked(partitions: readonly number[]): Promise<void> {
    await this.#errand(() => this.#giveUp(partitions, true));
  }

  async records(batch: RecordBatch): Promise<void> {
    const { bench, intake, metrics } = this.#options;
    if (!bench.positions.has(batch.partition)) return;
    metrics.sawEnd(batch.partition, batch.highWatermark);
    await intake.push(batch.partition, batch.records);
  }

  /** Runs until `stop`; a failure that only a new process can mend rejects. */
  async run(): Promise<void> {
    const { applier, intake, link } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await Promise.race([intake.ready(), this.#errandWaits(), applier.landed()]);
      try {
        const errand = this.#errands.shift();
        if (errand !== undefined) {
          await this.#quiet();
          await errand();
        } else {
          await this.#applyOnce();
        }
      } catch (error) {
        if (signal.aborted) break;
        await this.#recover(errorOf(error));
      }
    }
    await applier.settle().catch(() => undefined); // an unsettled batch is settled by the next owner's claim
    await this.#release();
    for (const errand of this.#errands.splice(0)) await errand().catch(() => undefined);
    await link.close();
  }

  /** Ends `run` after the batch under way. */
  stop(): void {
    this.#stopping.abort();
    this.#wake?.();
  }

  async #applyOnce(): Promise<void> {
    const { applier, intake } = this.#options;
    if (intake.waiting === 0) return await applier.settle();
    const single = this.#singlePosition();
    if (single) {
      await applier.settle();
      await this.#applySingle();
    } else if (this.#carefulBatches > 0) {
      await applier.applyCarefully(this.#countMax);
      this.#carefulBatches -= 1;
    } else {
      await applier.applyWaiting(this.#countMax);
      if (this.#penaltyBatches > 1) this.#penaltyBatches -= 0.1;
    }
    this.#countMax = Math.min(this.#options.batchCommandsMax, this.#countMax * 2);
    this.#retriedSinceMs = null;
    this.#pauseMs = 0;
    this.#options.readiness.set('applying', true);
  }

  /** Whether any partition is in the stretch where a worker died before. */
  #singlePosition(): boolean {
    for (const position of this.#options.bench.positions.values())
      if (position.nextOffset < position.singlyUntil) return true;
    return false;
  }

  async #applySingle(): Promise<void> {
    const { bench, intake, link, applier } = this.#options;
    const [record] = intake.take(1);
    if (record === undefined) return;
    const position = bench.positions.get(record.partition);
    if (position !== undefined && record.offset < position.singlyUntil) {
      const attempts = await markSingle(link.loads(), bench.topic, position, record.offset);
      if (attempts > SINGLE_ATTEMPTS_MAX) bench.setAside.set(placeOf(record), KILLER);
    }
    intake.putBack([record]);
    await applier.applyCarefully(1);
  }

  async #recover(error: Error): Promise<void> {
    const { log, metrics, bench } = this.#options;
    const failure = error instanceof BatchFailure ? error : new BatchFailure(error, []);
    const { cause, records } = failure;
    const code = cause instanceof AppError ? cause.code : cause.name;
    metrics.retried(code);
    if (isStale(cause)) return this.#goCarefully(code);
    log.warn({ error: cause, records: records.length }, 'batch_failed');
    if (cause instanceof CommandDefect) {
      bench.failing.set(cause.from.commandId, cause.message);
      return;
    }
    if (!(cause instanceof AppError)) throw cause;
    switch (cause.retry) {
      case 'now':
        if (this.#options.link.apply().closed.aborted) return await this.#claimAgain();
        await explainRetry(this.#options, failure);
        this.#carefulBatches = Math.max(1, this.#carefulBatches);
        return await this.#pause(cause, true);
      case 'settle':
        return await this.#claimAgain();
      case 'later':
        await this.#pause(cause, false);
        return cause instanceof DatabaseError ? await this.#claimAgain() : undefined;
      case 'never':
        return await this.#narrow(cause, records);
    }
  }

  #goCarefully(code: string): void {
    this.#penaltyBatches = Math.min(CAREFUL_BATCHES_MAX, Math.ceil(this.#penaltyBatches) * 2);
    this.#carefulBatches = this.#penaltyBatches;
    this.#options.log.debug({ code, batches: this.#carefulBatches }, 'kept_values_stale');
  }

  /** Fenced: leave. Otherwise halve the batch until the failing command stands alone, and park that. */
  async #narrow(cause: AppError, records: BatchFailure['records']): Promise<void> {
    const { bench, log } = this.#options;
    if (cause.code === 'TS001') return await this.#claimAgain();
    const [only] = records;
    if (records.length > 1 || only === undefined) {
      this.#countMax = Math.max(1, Math.floor(records.length / 2));
      this.#carefulBatches = Math.max(this.#carefulBatches, 1);
      return;
    }
    log.error({ error: cause, partition: only.partition, offset: only.offset }, 'command_parked');
    const [decoded] = await decodeRecords(bench, [only], this.#options.link.loads());
    if (decoded?.kind === 'command') bench.failing.set(decoded.commandId, cause.message);
    else bench.setAside.set(placeOf(only), { reason: cause.code, message: cause.message });
  }

  /** Pauses between tries: short while the deadline lasts, then longer and longer up to 5 s. */
  async #pause(cause: AppError, soon: boolean): Promise<void> {
    const { readiness, retryDeadlineMs } = this.#options;
    this.#retriedSinceMs ??= performance.now();
    const inTime = soon && performance.now() - this.#retriedSinceMs < retryDeadlineMs;
    const base = inTime ? 5 : 200;
    this.#pauseMs = Math.min(inTime ? 100 : 5_000, base + Math.random() * Math.max(base, this.#pauseMs * 2));
    if (!inTime) readiness.set('applying', false, cause.message);
    await sleep(this.#pauseMs, this.#stopping.signal);
  }

  async #claim(partitions: readonly number[]): Promise<ReadonlyMap<number, number>> {
    const { bench, admin, reader, intake, log, readiness, batchCommandsMax } = this.#options;
    await this.#giveUp([...bench.positions.keys()], false);
    const positions = await this.#untilAnswered(() =>
      claimPartitions(this.#claimOptions(), partitions, batchCommandsMax),
    );
    const wrong = await this.#untilAnswered(() => checkLog({ admin, reader, topic: bench.topic, positions }));
    for (const [partition, error] of wrong) {
      log.error({ error, partition }, 'partition_stopped');
      readiness.set(`partition-${partition}`, false, error.message);
    }
    for (const position of positions) {
      intake.clear(position.partition);
      if (!wrong.has(position.partition)) bench.positions.set(position.partition, position);
    }
    log.info(
      { partitions: positions.map(({ partition, epoch, nextOffset }) => ({ partition, epoch, nextOffset })) },
      'partitions_claimed',
    );
    this.#options.onOwned();
    return new Map([...bench.positions.values()].map((position) => [position.partition, position.nextOffset]));
  }

  /** Settles what is in doubt: what the claim answers is final. */
  async #claimAgain(): Promise<void> {
    const { bench, intake, link, log } = this.#options;
    const held = [...bench.positions.values()];
    const again = await this.#untilAnswered(async () => {
      await link.reopen();
      return await claimAgain(this.#claimOptions(), held);
    });
    for (const position of again) {
      const before = held.find((other) => other.partition === position.partition);
      log.info(
        { partition: position.partition, before: before?.committed.offset, now: position.nextOffset },
        'position_settled',
      );
      bench.positions.set(position.partition, {
        ...position,
        publishedSeq: Math.max(position.publishedSeq, before?.publishedSeq ?? 0),
      });
      intake.dropBelow(position.partition, position.nextOffset);
    }
    const lost = held.filter((position) => !again.some((other) => other.partition === position.partition));
    const rewound = again.filter(
      (position) => (intake.firstOffset(position.partition) ?? position.nextOffset) > position.nextOffset,
    );
    if (lost.length > 0) log.warn({ partitions: lost.map((position) => position.partition) }, 'partitions_fenced');
    await this.#giveUp(
      lost.map((position) => position.partition),
      false,
    );
    this.#options.onOwned();
    if (lost.length + rewound.length > 0) {
      // Not awaited: it ends in `assigned`, an errand of this very loop.
      void this.#subscription?.rejoin().catch((error: unknown) => log.error({ error }, 'rejoin_failed'));
    }
  }

  async #untilAnswered<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const result = await work();
        this.#pauseMs = 0;
        return result;
      } catch (error) {
        if (!(error instanceof AppError) || this.#stopping.signal.aborted) throw error;
        this.#options.log.warn({ error }, 'claim_failed');
        await this.#pause(error, false);
        if (error instanceof DatabaseError || error.code === 'CLAIM_NOT_SETTLED') await this.#options.link.reopen();
      }
    }
  }

  async #quiet(): Promise<void> {
    await this.#options.applier.settle();
  }

  async #giveUp(partitions: readonly number[], release: boolean): Promise<void> {
    const { bench, intake, readiness, metrics } = this.#options;
    const held = partitions.flatMap((partition) => bench.positions.get(partition) ?? []);
    for (const { partition } of held) {
      bench.positions.delete(partition);
      intake.clear(partition);
      metrics.forgetPartition(partition);
    }
    for (const partition of partitions) readiness.set(`partition-${partition}`, true);
    revertPositions(bench.positions);
    if (release && held.length > 0) await this.#releaseQuietly(held);
    this.#options.onOwned();
  }

  async #release(): Promise<void> {
    const held = [...this.#options.bench.positions.values()];
    if (held.length > 0) await this.#releaseQuietly(held);
  }

  /** A courtesy: without it the next claim takes this worker for dead. */
  async #releaseQuietly(held: Parameters<typeof releasePartitions>[2]): Promise<void> {
    try {
      await releasePartitions(this.#options.link.loads(), this.#options.bench.topic, held);
    } catch (error) {
      this.#options.log.warn({ error: errorOf(error) }, 'release_failed');
    }
  }

  #claimOptions(): ClaimOptions {
    const { link, bench, owner, applicationName, claimTimeoutMs, commitTimeoutMs, log } = this.#options;
    return {
      session: link.apply(),
      openControl: () => link.openSession('control'),
      topic: bench.topic,
      owner,
      applicationName,
      timeoutMs: claimTimeoutMs,
      commitTimeoutMs,
      log,
    };
  }

  /** Runs work between batches; its caller waits for it. */
  async #errand<T>(work: () => Promise<T>): Promise<T> {
    if (this.#stopping.signal.aborted)
      throw new RuntimeError('RT_ABORTED', { context: { stage: 'worker is stopping' } });
    return await new Promise<T>((resolve, reject) => {
      this.#errands.push(async () => {
        await work().then(resolve, reject);
      });
      this.#wake?.();
    });
  }

  async #errandWaits(): Promise<void> {
    if (this.#errands.length > 0 || this.#stopping.signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}
