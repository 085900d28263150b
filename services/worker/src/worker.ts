import { DatabaseError } from '@tradestream/database';
import type { RecordBatch, Subscription, SubscriptionHandler } from '@tradestream/messaging';
import { AppError, errorOf, type Logger, nextPauseMs, type Readiness, waitFor } from '@tradestream/runtime';
import { type BatchApplier, BatchFailure, isStale } from './apply/apply-batch.ts';
import { CommandDefect } from './apply/decide-batch.ts';
import { explainRetry, markSingle } from './apply/failure-records.ts';
import { decodeRecords, placeOf, type Workbench } from './apply/prepare-batch.ts';
import type { Intake } from './intake/intake.ts';
import type { LedgerLink } from './ownership/ledger-link.ts';
import type { Ownership } from './ownership/ownership.ts';
import type { Pauses } from './pauses.ts';
import type { ParkedReleaser } from './release/release-parked.ts';
import type { WorkerMetrics } from './worker-metrics.ts';

export type WorkerOptions = {
  readonly bench: Workbench;
  readonly intake: Intake;
  readonly link: LedgerLink;
  readonly applier: BatchApplier;
  readonly releaser: ParkedReleaser;
  readonly ownership: Ownership;
  readonly readiness: Readiness;
  readonly pauses: Pauses;
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
  readonly owner: string;
  readonly batchCommandsMax: number;
  /** Longest wait for the batch under way once `signal` aborts, ms; its outcome is then the next owner's to settle. */
  readonly stopMs: number;
  /** Aborts when the worker is to stop. */
  readonly signal: AbortSignal;
};

/** Work between batches for a caller that waits; `abandon` answers it when the worker stops first. */
type Errand = { readonly run: () => Promise<void>; readonly abandon: () => void };

/** Tries of a record alone, each ended by the death of its process, after which it is parked. */
const SINGLE_ATTEMPTS_MAX = 3;
const KILLER = {
  reason: 'WORKER_KILLED',
  message: 'workers died each time they tried this record alone',
  blocksKey: true,
} as const;
/** Between tries of a release that fails by itself, such as for a schema that nobody can be asked for. */
const RELEASE_REST = { initialMs: 500, maxMs: 10_000 } as const;
/** Most batches that go the careful way after one whose kept values were wrong. */
const CAREFUL_BATCHES_MAX = 64;
/** What a command can be at fault for: its values, a constraint, a limit. Whatever else the server refuses is no command's fault. */
const AT_FAULT: ReadonlySet<string> = new Set(['22', '23', '54']);
/** Of those classes, what comes of how rows are sent (a column that has another type by now), or of another's rows. */
const NOT_AT_FAULT: ReadonlySet<string> = new Set(['22P03', '22P04', '23505']);

/**
 * Applies the records of its partitions, one thing at a time:
 *
 *   applying -> applying          a batch was committed
 *   applying -> applying careful  kept values were wrong: the batch again, loaded under locks
 *   applying -> applying halved   a batch fails for good: halved until one command stands alone
 *   applying -> releasing         parked records have an intent, or nothing in front any more: a batch of them
 *   applying -> waiting           database or registry away: try again, later and later, for ever
 *   applying -> claiming          outcome unknown or connection lost: claim again, which settles it
 *   applying -> halved            it was not answered in time, whether known to have failed or not: half of it
 *   claiming -> applying          with what the database says
 *   claiming -> leaving           the epoch has moved: drop the partitions, ask for a new assignment
 *   any      -> stopped           the batch under way is settled, the partitions are given back
 */
export class Worker implements SubscriptionHandler {
  readonly #options: WorkerOptions;
  readonly #errands: Errand[] = [];
  #wake: (() => void) | null = null;
  #subscription: Subscription | null = null;
  #countMax: number;
  #carefulBatches = 0;
  #penaltyBatches = 1;
  /** Whether parked records may have to be released, and whether it is their turn: log and queues take turns. */
  #releaseWaits = false;
  #releaseTurn = true;
  /** The rest after a release that failed, and when it is over. */
  #releaseRestMs = 0;
  #releaseFromMs = 0;
  #looking = false;
  /** The record last marked as tried alone: a process marks it once, however often it tries. */
  #markedSingle = '';

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#countMax = options.batchCommandsMax;
  }

  attach(subscription: Subscription): void {
    this.#subscription = subscription;
  }

  async assigned(partitions: readonly number[], signal: AbortSignal): Promise<ReadonlyMap<number, number>> {
    return await this.#errand(
      async () => (signal.aborted ? new Map<number, number>() : await this.#options.ownership.claim(partitions)),
      new Map<number, number>(),
    );
  }

  async revoked(partitions: readonly number[]): Promise<void> {
    await this.#errand(() => this.#options.ownership.giveUp(partitions, { release: true }), undefined);
  }

  async records(batch: RecordBatch): Promise<void> {
    const { bench, intake, metrics, signal } = this.#options;
    if (signal.aborted || !bench.positions.has(batch.partition)) return;
    metrics.sawEnd(batch.partition, batch.highWatermark);
    await intake.push(batch.partition, batch.records);
  }

  /** Called now and then: an idle worker finds out that it was fenced, or that the database is away. */
  watch(): void {
    const { intake, ownership, bench } = this.#options;
    if (intake.waiting > 0 || this.#errands.length > 0 || bench.positions.size === 0) return;
    this.#errands.push({ run: () => ownership.check(), abandon: () => undefined });
    this.#wake?.();
  }

  /** Called often: finds out, beside the batches, whether an operator wants anything of parked records. */
  async lookForIntents(): Promise<void> {
    const { releaser, signal, log } = this.#options;
    if (this.#releaseWaits || this.#looking || signal.aborted || performance.now() < this.#releaseFromMs) return;
    this.#looking = true;
    try {
      if (!(await releaser.waits())) return;
      this.#releaseWaits = true;
      this.#wake?.();
    } catch (error) {
      // Between two connections, or the database is away: the batches find out what to do about it.
      log.debug({ error: errorOf(error) }, 'intents_not_looked_for');
    } finally {
      this.#looking = false;
    }
  }

  /** Runs until `signal` aborts and the batch under way has landed; a failure that only a new process can mend rejects. */
  async run(): Promise<void> {
    const { bench, intake, link, ownership, signal, log, stopMs } = this.#options;
    const stopped = Promise.withResolvers<void>();
    const stop = () => {
      stopped.resolve();
      this.#wake?.();
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const loop = this.#loop();
    try {
      await Promise.race([stopped.promise, loop]);
      await waitFor(loop, { timeoutMs: stopMs, stage: 'the batch under way' });
      await waitFor(ownership.release(), { timeoutMs: stopMs, stage: 'giving the partitions back' });
    } catch (error) {
      if (!signal.aborted || !(error instanceof AppError)) throw error;
      // Given up here, settled by the next owner's claim.
      log.warn({ error }, 'batch_left_unsettled');
    } finally {
      for (const partition of bench.positions.keys()) intake.clear(partition);
      for (const errand of this.#errands.splice(0)) errand.abandon();
      await link.close();
    }
  }

  /** None of what a round waits for outlives it: a promise that did would hold on to every round. */
  async #loop(): Promise<void> {
    const { applier, intake, signal } = this.#options;
    while (!signal.aborted) {
      await Promise.race([intake.ready(), this.#workWaits(), applier.landed()]);
      if (!signal.aborted) await this.#step();
    }
    await applier.settle().catch(() => undefined); // what did not commit is read again by the next owner
  }

  async #step(): Promise<void> {
    const { applier, intake, signal } = this.#options;
    try {
      if (this.#errands.length > 0) {
        await applier.settle();
        await this.#errands.shift()?.run();
      } else if (this.#releaseWaits && (this.#releaseTurn || intake.waiting === 0)) {
        this.#releaseTurn = false;
        await applier.settle();
        await this.#release();
      } else {
        this.#releaseTurn = true;
        await this.#applyOnce();
      }
    } catch (error) {
      if (signal.aborted) return;
      try {
        await this.#recover(errorOf(error));
      } catch (again) {
        // Finding out what to do failed as well, such as for a registry that went away meanwhile.
        if (signal.aborted) return;
        if (!(again instanceof AppError)) throw again;
        await this.#waitFor(again).catch((aborted: unknown) => {
          if (!signal.aborted) throw aborted;
        });
      }
    }
  }

  async #applyOnce(): Promise<void> {
    const { applier, intake, pauses } = this.#options;
    if (intake.waiting === 0) return await applier.settle();
    if (this.#singly()) {
      await applier.settle();
      await this.#applySingle();
    } else if (this.#carefulBatches > 0) {
      await applier.applyCarefully(this.#countOfBatch());
      this.#carefulBatches -= 1;
    } else {
      await applier.applyWaiting(this.#countOfBatch());
      if (this.#penaltyBatches > 1) this.#penaltyBatches -= 0.1;
    }
    this.#countMax = Math.min(this.#options.batchCommandsMax, this.#countMax * 2);
    pauses.over();
  }

  async #release(): Promise<void> {
    const { releaser, readiness, metrics, log } = this.#options;
    try {
      this.#releaseWaits = await releaser.release();
      this.#releaseRestMs = 0;
      readiness.set('releasing', true);
    } catch (error) {
      const cause = error instanceof BatchFailure ? error.cause : errorOf(error);
      if (isOfOneCommand(cause) && releaser.blame(cause)) {
        metrics.retried(cause instanceof AppError ? cause.code : cause.name);
        log.warn({ error: cause }, 'release_narrowed');
        return;
      }
      if (!isOfReleaseAlone(cause)) throw error;
      // The log goes on; it is tried again when intents are next looked for.
      this.#releaseWaits = false;
      this.#releaseRestMs = nextPauseMs(RELEASE_REST, this.#releaseRestMs);
      this.#releaseFromMs = performance.now() + this.#releaseRestMs;
      readiness.set('releasing', false, cause.message);
      log[cause instanceof AppError && cause.retry === 'later' ? 'warn' : 'error']({ error: cause }, 'release_failed');
    }
  }

  /** While queues are released, less comes in between than goes out: they come to an end whatever the rate. */
  #countOfBatch(): number {
    const { bench, releaser } = this.#options;
    if (!this.#releaseWaits) return this.#countMax;
    const isReleasing = [...bench.positions.values()].some(({ releasing }) => releasing.size > 0);
    return isReleasing ? Math.max(1, Math.min(this.#countMax, Math.floor(releaser.recordsMax / 2))) : this.#countMax;
  }

  /** Whether any partition is in the stretch where workers died before. */
  #singly(): boolean {
    for (const position of this.#options.bench.positions.values())
      if (position.nextOffset < position.singlyUntil) return true;
    return false;
  }

  async #applySingle(): Promise<void> {
    const { bench, intake, link, applier } = this.#options;
    const [record] = intake.take(1);
    if (record === undefined) return;
    intake.putBack([record]); // before anything can fail: a record that left the intake would be skipped
    const position = bench.positions.get(record.partition);
    const place = placeOf(record);
    const suspect = position?.claimedOffset === record.offset && record.offset < position.singlyUntil;
    if (suspect && this.#markedSingle !== place) {
      const attempts = await markSingle(link.loads(), bench.topic, position, record.offset);
      this.#markedSingle = place;
      if (attempts > SINGLE_ATTEMPTS_MAX) bench.setAside.set(place, KILLER);
    }
    await applier.applyCarefully(1);
  }

  async #recover(error: Error): Promise<void> {
    const { log, metrics, bench, link, pauses } = this.#options;
    const failure = error instanceof BatchFailure ? error : new BatchFailure(error, []);
    const { cause, records } = failure;
    const code = cause instanceof AppError ? cause.code : cause.name;
    metrics.retried(code);
    if (isStale(cause)) return this.#goCarefully(code);
    log.warn({ error: cause, records: records.length }, 'batch_failed');
    if (cause instanceof CommandDefect) {
      log.error({ error: cause, commandId: cause.from.commandId }, 'command_parked');
      bench.failing.set(cause.from.commandId, cause.message);
      return;
    }
    if (!(cause instanceof AppError)) throw cause;
    switch (cause.retry) {
      case 'now':
        if (link.apply().closed.aborted) return await this.#claimAgain();
        await explainRetry(this.#options, failure);
        this.#carefulBatches = Math.max(1, this.#carefulBatches);
        return await pauses.rest(cause, true);
      case 'settle':
        this.#halve(records);
        return await this.#claimAgain();
      case 'later':
        if (cause.code === 'DB_STATEMENT_TIMEOUT') this.#halve(records);
        return await this.#waitFor(cause);
      case 'never':
        if (cause.code === 'TS001') return await this.#claimAgain();
        if (!isAtFault(cause)) return await this.#waitFor(cause);
        return await this.#narrow(cause, records);
    }
  }

  /** A batch that the server needs longer for than it is waited for would be given up again and again. */
  #halve(records: BatchFailure['records']): void {
    if (records.length > 1) this.#countMax = Math.floor(records.length / 2);
  }

  /** Nothing is parked for what may be there again: the same batch, later. */
  async #waitFor(cause: AppError): Promise<void> {
    await this.#options.pauses.rest(cause, false);
    if (cause instanceof DatabaseError) await this.#claimAgain();
  }

  #goCarefully(code: string): void {
    this.#penaltyBatches = Math.min(CAREFUL_BATCHES_MAX, Math.ceil(this.#penaltyBatches) * 2);
    this.#carefulBatches = this.#penaltyBatches;
    this.#options.log.debug({ code, batches: this.#carefulBatches }, 'kept_values_stale');
  }

  /** Halves the batch until the failing command stands alone, and parks that. */
  async #narrow(cause: AppError, records: BatchFailure['records']): Promise<void> {
    const { bench, log } = this.#options;
    const [only] = records;
    if (records.length > 1 || only === undefined) {
      this.#countMax = Math.max(1, Math.floor(records.length / 2));
      this.#carefulBatches = Math.max(this.#carefulBatches, 1);
      return;
    }
    const [decoded] = await decodeRecords(bench, [only], this.#options.link.loads());
    const command = decoded?.kind === 'command' ? decoded.commandId : null;
    // What cannot even be set aside is nothing that parking mends.
    if (bench.setAside.has(placeOf(only)) || (command !== null && bench.failing.has(command))) {
      return await this.#waitFor(cause);
    }
    log.error({ error: cause, partition: only.partition, offset: only.offset }, 'command_parked');
    if (command === null) bench.setAside.set(placeOf(only), { reason: cause.code, message: cause.message });
    else bench.failing.set(command, cause.message);
  }

  async #claimAgain(): Promise<void> {
    const { ownership, log } = this.#options;
    if (!(await ownership.claimAgain())) return;
    // Not awaited: it ends in `assigned`, an errand of this very loop.
    void this.#subscription?.rejoin().catch((error: unknown) => log.error({ error }, 'rejoin_failed'));
  }

  /** Runs work between batches; its caller waits for it, and gets `otherwise` once the worker stops. */
  async #errand<T>(work: () => Promise<T>, otherwise: T): Promise<T> {
    const { signal } = this.#options;
    if (signal.aborted) return otherwise;
    return await new Promise<T>((resolve, reject) => {
      this.#errands.push({
        run: async () => {
          await work().then(resolve, (error: unknown) => (signal.aborted ? resolve(otherwise) : reject(error)));
        },
        abandon: () => resolve(otherwise),
      });
      this.#wake?.();
    });
  }

  /** Resolves once there is an errand, something to release, or an end to it. */
  async #workWaits(): Promise<void> {
    if (this.#errands.length > 0 || this.#releaseWaits || this.#options.signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** Whether a single command can be at fault. */
function isOfOneCommand(cause: Error): boolean {
  return cause instanceof CommandDefect || (cause instanceof AppError && cause.retry === 'never' && isAtFault(cause));
}

/** Whether batches of the log may go on meanwhile, such as when nobody knows the schema of what is to be released. */
function isOfReleaseAlone(cause: Error): boolean {
  if (cause instanceof DatabaseError) return cause.retry === 'never' && cause.code !== 'TS001';
  return cause instanceof CommandDefect || (cause instanceof AppError && cause.retry !== 'settle');
}

function isAtFault(error: AppError): boolean {
  return error instanceof DatabaseError && !NOT_AT_FAULT.has(error.code) && AT_FAULT.has(error.code.slice(0, 2));
}
