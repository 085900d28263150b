/** What is stored of a job as jsonb. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Every kind of long work; the name stands in `ledger.jobs` and in the audit. */
export const JOB_KINDS = [
  'redrive',
  'discard',
  'edit',
  'replay-commands',
  'dry-run-commands',
  'replay-projection',
  'rebuild-projection',
  'verify-projection',
  'retention',
  'forget-receipts',
  'snapshot',
  'reconciliation',
] as const;
export type JobKindName = (typeof JOB_KINDS)[number];

/** Asked for by an admin, and by nobody else taken up again. */
export const KINDS_OF_ADMINS: ReadonlySet<string> = new Set<JobKindName>(['forget-receipts']);

/** One run of a job. The same job may run again after a crash, from its last checkpoint. */
export interface JobRun {
  readonly id: string;
  readonly parameters: JsonObject;
  readonly actor: string;
  readonly why: string;
  /** What the last `progress` of an earlier run said; null at the first. */
  readonly checkpoint: JsonObject | null;
  /** Aborts when the job is cancelled, the process stops, or another runner has the job. */
  readonly signal: AbortSignal;
  /**
   * Stores how far the work is. A total of null: not known. An absent checkpoint leaves the last one.
   * @throws the reason of `signal` once that has aborted; what was said is stored all the same
   */
  progress(done: number, total: number | null, checkpoint?: JsonObject): Promise<void>;
}

/**
 * Work that takes long. `run` may be called again for the same job, after any of its awaits: its
 * effects are told apart by the job's id, a checkpoint, or a key of their own. An error whose class is
 * `never` ends the job as failed; one that may pass leaves it waiting, and it is run again later.
 */
export interface JobKind {
  readonly name: JobKindName;
  /** The answer is stored as the result of the job. */
  run(run: JobRun): Promise<JsonObject>;
  /**
   * Takes back what a run has begun elsewhere, before the job that was to be cancelled ends so. Called
   * again when it failed, or when the job's end was not written.
   */
  cancel?(id: string): Promise<void>;
}
