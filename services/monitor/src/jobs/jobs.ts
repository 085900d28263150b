import type { JobTimer } from '@tradestream/messaging';
import { type Closeable, errorOf, type Logger, type Readiness } from '@tradestream/runtime';
import type { Asking, JobBook, JobRow, NewJob } from './job-book.ts';
import type { JobRunner } from './job-runner.ts';

export type JobsOptions = {
  readonly book: JobBook;
  readonly runner: JobRunner;
  readonly timer: JobTimer;
  readonly sweepMs: number;
  readonly readiness: Readiness;
  readonly log: Logger;
};

const SWEPT_MAX = 100;

/**
 * Long work, from being asked for to its end. The timer only says when: a job that it forgot is
 * found by its row, and one that it cannot be told of is run at once, here.
 */
export class Jobs implements Closeable {
  readonly #options: JobsOptions;
  readonly #sweeper: NodeJS.Timeout;
  #sweeping: Promise<void> | null = null;
  #isClosing = false;
  /** Told to the timer at a sweep, and still not run at the next. */
  #told: ReadonlySet<string> = new Set();

  constructor(options: JobsOptions) {
    this.#options = options;
    options.timer.consume(async (jobId) => options.runner.start(jobId));
    this.#sweeper = setInterval(() => this.sweep(), options.sweepMs);
    this.sweep();
  }

  /** The id of the job, whose row and audit row are written. @throws {DatabaseError} @throws {MonitorError} see `JobBook.create` */
  async submit(job: NewJob): Promise<string> {
    const id = await this.#options.book.create(job);
    await this.#tell(id);
    return id;
  }

  /** See `JobBook.cancel`. */
  async cancel(asking: Asking): Promise<JobRow | null> {
    const cancelled = await this.#options.book.cancel(asking);
    if (cancelled?.state === 'waiting') await this.#tell(cancelled.id);
    return cancelled;
  }

  /** See `JobBook.resume`. */
  async resume(asking: Asking): Promise<JobRow | null> {
    const resumed = await this.#options.book.resume(asking);
    if (resumed !== null) await this.#tell(resumed.id);
    return resumed;
  }

  /** Looks for unfinished jobs that nobody runs. One sweep at a time; never throws. */
  sweep(): void {
    if (this.#isClosing || this.#options.runner.isFull) return;
    this.#sweeping ??= this.#sweep()
      .catch((error: unknown) => this.#options.log.debug({ error: errorOf(error) }, 'jobs_not_swept'))
      .finally(() => {
        this.#sweeping = null;
      });
  }

  async close(): Promise<void> {
    this.#isClosing = true; // a run that ends now makes room for nothing
    clearInterval(this.#sweeper);
    await this.#sweeping;
    await this.#options.timer.close();
    await this.#options.runner.close();
  }

  async #sweep(): Promise<void> {
    const due = await this.#options.book.due(SWEPT_MAX);
    const told = this.#told;
    this.#told = new Set(due);
    for (const id of due) {
      if (told.has(id)) this.#options.runner.start(id);
      else await this.#tell(id);
    }
  }

  async #tell(id: string): Promise<void> {
    const { timer, runner, readiness, log } = this.#options;
    try {
      await timer.enqueue(id);
      readiness.set('jobs', true);
    } catch (error) {
      log.warn({ error: errorOf(error), jobId: id }, 'job_runs_without_timer');
      // Not a reason to take no requests: jobs run all the same.
      readiness.set('jobs', true, `without Redis: ${errorOf(error).message}`);
      runner.start(id);
    }
  }
}
