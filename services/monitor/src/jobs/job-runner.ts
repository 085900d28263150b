import { randomUUID } from 'node:crypto';
import { AppError, type Closeable, errorOf, type Logger } from '@tradestream/runtime';
import { MonitorError } from '../errors.ts';
import type { JobBook, JobRow } from './job-book.ts';
import type { JobKind, JobRun } from './job-kind.ts';
import type { JobMetrics, RunEnd } from './job-metrics.ts';

export type JobRunnerOptions = {
  readonly book: JobBook;
  readonly kinds: readonly JobKind[];
  /** Runs at once in this process. */
  readonly runsMax: number;
  readonly leaseMs: number;
  readonly metrics: JobMetrics;
  readonly log: Logger;
  /** A run has ended: another job may begin. */
  readonly onFree?: () => void;
};

type StopReason = 'cancelled' | 'lost' | 'stopping';
type Held = { readonly id: string; readonly runner: string };

/** Runs jobs that it could claim, each under a lease that it prolongs until the run ends. */
export class JobRunner implements Closeable {
  readonly #options: JobRunnerOptions;
  readonly #runs = new Map<Promise<void>, (reason: StopReason) => void>();
  #isClosing = false;

  constructor(options: JobRunnerOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#runs.size >= this.#options.runsMax;
  }

  /** Begins the job, unless it is held, has ended, or this process runs as many as it may. Never throws. */
  start(id: string): void {
    if (this.#isClosing || this.isFull) return;
    const stopping = new AbortController();
    const stop = (reason: StopReason) =>
      stopping.abort(new MonitorError('JOB_STOPPED', { detail: DETAILS[reason], context: { reason } }));
    const run: Promise<void> = this.#run(id, stopping.signal, stop)
      .catch((error: unknown) => this.#options.log.warn({ error: errorOf(error), jobId: id }, 'job_not_kept'))
      .finally(() => {
        this.#runs.delete(run);
        this.#options.metrics.running(this.#runs.size);
        this.#options.onFree?.();
      });
    this.#runs.set(run, stop);
    this.#options.metrics.running(this.#runs.size);
  }

  /** Runs are told to stop, and give their jobs back. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const stop of this.#runs.values()) stop('stopping');
    await Promise.all(this.#runs.keys());
  }

  async #run(id: string, signal: AbortSignal, stop: (reason: StopReason) => void): Promise<void> {
    const { book, log, metrics } = this.#options;
    const held = { id, runner: randomUUID() };
    const job = await book.claim(id, held.runner);
    if (job === null) return;
    if (job.cancelRequested) stop('cancelled');
    log.info({ jobId: id, kind: job.kind, runs: job.runs }, 'job_started');
    const beat = this.#beat(held, stop);
    try {
      signal.throwIfAborted();
      const result = await this.#kindOf(job).run(this.#runOf(job, { held, signal, stop }));
      await book.finish(held, { state: 'done', result });
      metrics.ended(job.kind, 'done');
      log.info({ jobId: id, kind: job.kind }, 'job_done');
    } catch (error) {
      metrics.ended(job.kind, await this.#endBadly(job, held, { error: errorOf(error), signal }));
    } finally {
      clearInterval(beat);
    }
  }

  #kindOf({ kind }: JobRow): JobKind {
    const found = this.#options.kinds.find(({ name }) => name === kind);
    if (found === undefined) throw new MonitorError('JOB_UNKNOWN_KIND', { context: { kind } });
    return found;
  }

  #runOf(job: JobRow, how: { held: Held; signal: AbortSignal; stop: (reason: StopReason) => void }): JobRun {
    const { book } = this.#options;
    const { id, parameters, actor, why, checkpoint } = job;
    const { held, signal, stop } = how;
    return {
      id,
      parameters,
      actor,
      why,
      checkpoint,
      signal,
      progress: async (done, total, saved) => {
        const kept = await book.progress(held, { done, total, ...(saved === undefined ? {} : { checkpoint: saved }) });
        if (kept === null) stop('lost');
        else if (kept.cancelRequested) stop('cancelled');
        signal.throwIfAborted();
      },
    };
  }

  /** Prolongs the lease. When that cannot be done for as long as it lasts, another may have the job. */
  #beat(held: Held, stop: (reason: StopReason) => void): NodeJS.Timeout {
    const { book, leaseMs } = this.#options;
    let keptMs = performance.now();
    let isAsking = false;
    return setInterval(() => {
      if (performance.now() - keptMs > leaseMs) stop('lost');
      if (isAsking) return;
      isAsking = true;
      const askedMs = performance.now();
      book
        .progress(held)
        .then((kept) => {
          keptMs = askedMs;
          if (kept === null) stop('lost');
          else if (kept.cancelRequested) stop('cancelled');
        })
        .catch(() => undefined) // the lease says when it was too long
        .finally(() => {
          isAsking = false;
        });
    }, leaseMs / BEATS_A_LEASE);
  }

  async #endBadly(
    job: JobRow,
    held: Held,
    how: { readonly error: Error; readonly signal: AbortSignal },
  ): Promise<RunEnd> {
    const { log } = this.#options;
    const { error, signal } = how;
    const reason = reasonOf(signal);
    log[reason === null ? 'warn' : 'info']({ jobId: held.id, error, reason }, 'job_stopped');
    if (reason === 'lost') return 'lost';
    if (reason === 'cancelled') return await this.#cancel(job, held);
    return await this.#endFailed(held, error, reason === 'stopping');
  }

  /** A job that cannot be cancelled now stays one that is to be: whoever claims it next tries again. */
  async #cancel({ id, kind }: JobRow, held: Held): Promise<RunEnd> {
    const { book, kinds, log } = this.#options;
    try {
      await kinds.find(({ name }) => name === kind)?.cancel?.(id);
      await book.finish(held, { state: 'cancelled' });
      return 'cancelled';
    } catch (error) {
      log.warn({ jobId: id, error: errorOf(error) }, 'job_not_cancelled');
      return await this.#endFailed(held, errorOf(error), false);
    }
  }

  async #endFailed(held: Held, error: Error, isStopping: boolean): Promise<RunEnd> {
    const { book } = this.#options;
    if (isStopping || mayPass(error)) {
      await book.release(held, isStopping ? {} : { error: error.message });
      return 'given_back';
    }
    await book.finish(held, { state: 'failed', error: error.message });
    return 'failed';
  }
}

const BEATS_A_LEASE = 4;
const DETAILS: Readonly<Record<StopReason, string>> = {
  cancelled: 'it was cancelled',
  lost: 'its lease ran out, and another may have it',
  stopping: 'the monitor is stopping',
};

function reasonOf(signal: AbortSignal): StopReason | null {
  if (!signal.aborted || !(signal.reason instanceof MonitorError)) return null;
  const { reason } = signal.reason.context;
  return reason === 'cancelled' || reason === 'lost' ? reason : 'stopping';
}

function mayPass(error: Error): boolean {
  return error instanceof AppError && error.retry !== 'never';
}
