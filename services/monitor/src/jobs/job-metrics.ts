import type { Metrics } from '@tradestream/runtime';
import { JOB_KINDS } from './job-kind.ts';

/** How a run ends: with its job, or given back to be run again. */
export type RunEnd = 'done' | 'failed' | 'cancelled' | 'given_back' | 'lost';

/** The figures of the jobs of this process. */
export class JobMetrics {
  readonly #runs;
  readonly #running;

  constructor(metrics: Metrics) {
    this.#runs = metrics.counter({
      name: 'tradestream_job_runs_total',
      help: 'Runs of jobs that have ended, by kind and how',
      labels: ['kind', 'end'],
    });
    this.#running = metrics.gauge({ name: 'tradestream_jobs_running', help: 'Jobs that this process runs' });
  }

  running(count: number): void {
    this.#running.set(count);
  }

  ended(kind: string, end: RunEnd): void {
    // A kind comes from the database, where another version may have put it.
    this.#runs.add(1, { kind: JOB_KINDS.find((known) => known === kind) ?? 'unknown', end });
  }
}
