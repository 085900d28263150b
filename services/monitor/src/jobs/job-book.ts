import { randomUUID } from 'node:crypto';
import { DatabaseError } from '@tradestream/database';
import { MonitorError } from '../errors.ts';
import { askPrimary } from '../sources/ask-primary.ts';
import type { NodeLink } from '../sources/node-link.ts';
import type { JobKindName, JsonObject } from './job-kind.ts';
import {
  CANCEL,
  CLAIM,
  CREATE,
  DUE,
  FINISH,
  LIST,
  ONE,
  PROGRESS,
  RELEASE,
  RESUME,
  UNFINISHED,
} from './job-statements.ts';

// States of a job, and the only legal moves:
//   waiting -> running (claimed), cancelled (asked to, and it never ran)
//   running -> done, failed, cancelled (its runner ends it), waiting (its runner gives it back)
//   failed, cancelled -> waiting (resumed)
// A lease that ran out lets another runner claim a running job.

export type JobState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';
export type JobEnd = Extract<JobState, 'done' | 'failed' | 'cancelled'>;

export type JobRow = {
  readonly id: string;
  readonly kind: string;
  readonly state: JobState;
  readonly parameters: JsonObject;
  readonly done: number;
  readonly total: number | null;
  readonly checkpoint: JsonObject | null;
  readonly result: JsonObject | null;
  readonly error: string | null;
  readonly actor: string;
  readonly why: string;
  readonly runs: number;
  readonly cancelRequested: boolean;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly updatedAt: Date;
  readonly finishedAt: Date | null;
};

export type NewJob = {
  readonly kind: JobKindName;
  readonly parameters: JsonObject;
  readonly actor: string;
  readonly why: string;
  /** Units of work, if they are known already. */
  readonly total?: number;
};

const UNIQUE_VIOLATION = '23505';

/** Who asks for what is already there, and why. */
export type Asking = { readonly id: string; readonly actor: string; readonly why: string };

/** `ledger.jobs`: the truth of every job. Each call is one statement, so that it happens or does not. */
export class JobBook {
  readonly #link: () => NodeLink | null;
  readonly #leaseMs: number;

  constructor(link: () => NodeLink | null, leaseMs: number) {
    this.#link = link;
    this.#leaseMs = leaseMs;
  }

  /**
   * The new job's id; its audit row is written with it. Of some kinds one job at a time is unfinished:
   * of two that are asked for at once one is made.
   * @throws {DatabaseError} @throws {MonitorError} SOURCE_TIMEOUT, PRIMARY_UNKNOWN, JOB_UNDER_WAY
   */
  async create({ kind, parameters, actor, why, total }: NewJob): Promise<string> {
    const id = randomUUID();
    const values = [id, kind, JSON.stringify(parameters), actor, why, total ?? null];
    await this.#ask(CREATE, values).catch((error: unknown) => this.#refuseSecond(error, kind));
    return id;
  }

  /** The job, if it was free: of those who claim at once one gets it. */
  async claim(id: string, runner: string): Promise<JobRow | null> {
    return (await this.#ask<JobRow>(CLAIM, [id, runner, this.#leaseMs]))[0] ?? null;
  }

  /** Prolongs the lease and stores what is given. Null: the job is not this runner's any more. */
  async progress(
    { id, runner }: { readonly id: string; readonly runner: string },
    said: { readonly done?: number; readonly total?: number | null; readonly checkpoint?: JsonObject } = {},
  ): Promise<{ readonly cancelRequested: boolean } | null> {
    const checkpoint = said.checkpoint === undefined ? null : JSON.stringify(said.checkpoint);
    const values = [id, runner, this.#leaseMs, said.done ?? null, said.total ?? null, checkpoint];
    return (await this.#ask<{ cancelRequested: boolean }>(PROGRESS, values))[0] ?? null;
  }

  async finish(
    { id, runner }: { readonly id: string; readonly runner: string },
    end: { readonly state: JobEnd; readonly result?: JsonObject; readonly error?: string },
  ): Promise<void> {
    const result = end.result === undefined ? null : JSON.stringify(end.result);
    await this.#ask(FINISH, [id, runner, end.state, result, end.error ?? null]);
  }

  /** Gives the job back: at once, or not before a pause that grows with the count of its runs. */
  async release(
    { id, runner }: { readonly id: string; readonly runner: string },
    { error }: { readonly error?: string } = {},
  ): Promise<void> {
    await this.#ask(RELEASE, [id, runner, error ?? null]);
  }

  /**
   * A job that never ran is cancelled; one that did is asked to stop, and ends so at its next word or when
   * it is claimed next. Null: it has ended, or there is none.
   */
  async cancel({ id, actor, why }: Asking): Promise<JobRow | null> {
    return (await this.#ask<JobRow>(CANCEL, [id, actor, why]))[0] ?? null;
  }

  /** A failed or cancelled job waits again, with its checkpoint. Null: it is neither. @throws {MonitorError} JOB_UNDER_WAY */
  async resume({ id, actor, why }: Asking): Promise<JobRow | null> {
    const resuming = this.#ask<JobRow>(RESUME, [id, actor, why]);
    const rows = await resuming.catch(async (error: unknown) => {
      return await this.#refuseSecond(error, (await this.one(id))?.kind ?? null);
    });
    return rows[0] ?? null;
  }

  /** Unfinished jobs that nobody runs, the oldest first. */
  async due(countMax: number): Promise<readonly string[]> {
    return (await this.#ask<{ id: string }>(DUE, [countMax])).map(({ id }) => id);
  }

  async one(id: string): Promise<JobRow | null> {
    return (await this.#ask<JobRow>(ONE, [id]))[0] ?? null;
  }

  /** The newest first. */
  async list(filter: {
    readonly kind: string | null;
    readonly state: JobState | null;
    /** Id of the last job of the page before. */
    readonly after: string | null;
    readonly limit: number;
  }): Promise<readonly JobRow[]> {
    const { kind, state, after, limit } = filter;
    return await this.#ask<JobRow>(LIST, [kind, state, after, limit]);
  }

  /** Another job of the kind has the place that is there for one. @throws {MonitorError} JOB_UNDER_WAY, or the error */
  async #refuseSecond(error: unknown, kind: string | null): Promise<never> {
    if (!(error instanceof DatabaseError) || error.code !== UNIQUE_VIOLATION) throw error;
    const [other] = await this.#ask<{ readonly id: string }>(UNFINISHED, [kind]);
    throw new MonitorError('JOB_UNDER_WAY', {
      cause: error,
      context: { kind, jobId: other?.id ?? 'none any more: it has just ended' },
    });
  }

  async #ask<Row extends object>(text: string, values: readonly unknown[]): Promise<readonly Row[]> {
    return await askPrimary<Row>(this.#link, { text, values });
  }
}
